"""Posterior means between two ends of which one weighs almost nothing, against exact fractions."""

from fractions import Fraction

import pytest

from seqbayes import Normal, NormalInverseGamma, NormalInverseWishart


def exact(prior_mean, worth, xs):
    total = Fraction(worth) + len(xs)
    return float((Fraction(worth) * Fraction(prior_mean) + sum(map(Fraction, xs))) / total)


@pytest.mark.parametrize("prior_mean", [1e9, -3.0, 1e120])
@pytest.mark.parametrize("worth", [2.0**-50, 2.0**-30, 2.0**-10, 1.0, 2.0**30])
@pytest.mark.parametrize("xs", [[0.0], [0.0, 0.0, 0.0], [1.0, -1.0]])
def test_means_are_accurate_under_a_prior_of_little_weight(prior_mean, worth, xs):
    wanted = exact(prior_mean, worth, xs)
    normal = Normal(prior_mean, 1.0 / worth, 1.0)
    both = NormalInverseGamma(prior_mean, worth, 2.0, 2.0)
    vector = NormalInverseWishart([prior_mean, 1.0], worth, 4.0, [[1.0, 0.0], [0.0, 1.0]])
    for state in (normal, both, vector):
        state.learn_many([[x, 1.0] for x in xs] if state is vector else xs)
    assert normal.posterior[0] == pytest.approx(wanted, rel=1e-12, abs=0.0)
    assert both.posterior[0] == pytest.approx(wanted, rel=1e-12, abs=0.0)
    assert vector.posterior[0][0] == pytest.approx(wanted, rel=1e-12, abs=0.0)
