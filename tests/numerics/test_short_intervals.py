"""Highest-density intervals with a small probability, also of densities with a mode near an end."""

import mpmath
import numpy as np
import pytest

import seqbayes as sb
from seqbayes.distributions import Beta, Gamma, InverseGamma

CASES = [
    (Gamma(16.237, 13.39), 5.1e-4),
    (Gamma(1.0000120012535056, 1.0080804495658575), 1e-6),
    (Gamma(1.0000000641509585, 1.0031008123196228), 1e-9),
    (Gamma(1.00000000000001, 0.5), 1e-12),
    (Gamma(40.0, 1.0), 0.05),
    (InverseGamma(81.0, 0.02765), 5.1e-4),
    (InverseGamma(0.36780, 0.37362), 4.9e-4),
    (InverseGamma(43.9, 1.0), 1e-9),
    (Beta(1.00000000000001, 1.5230784398365784), 1e-12),
    (Beta(1.0000000168180654, 12.543764031598961), 1e-9),
    (Beta(200.0, 900.0), 1e-3),
]


def _log_density(belief, x):
    first, second = map(mpmath.mpf, belief.hyperparameters())
    if isinstance(belief, Beta):
        return (first - 1) * mpmath.log(x) + (second - 1) * mpmath.log1p(-x)
    if isinstance(belief, InverseGamma):
        return -(first + 1) * mpmath.log(x) - second / x
    return (first - 1) * mpmath.log(x) - second * x


def _probability(belief, low, high):
    first, second = map(mpmath.mpf, belief.hyperparameters())
    if isinstance(belief, Beta):
        return mpmath.betainc(first, second, low, high, regularized=True)
    if isinstance(belief, InverseGamma):
        return mpmath.gammainc(first, second / high, second / low, regularized=True)
    return mpmath.gammainc(first, second * low, second * high, regularized=True)


def _shortest(belief, level, low, high):
    """Return the shortest interval, by Newton's method in the logarithms of its ends."""

    def equations(*logarithms):
        left, right = map(mpmath.exp, logarithms)
        excess = _probability(belief, left, right) / level - 1
        return excess, _log_density(belief, left) - _log_density(belief, right)

    return mpmath.findroot(equations, (mpmath.log(low), mpmath.log(high)), tol=1e-30).apply(
        mpmath.exp
    )


@pytest.mark.parametrize(("belief", "level"), CASES)
def test_a_short_interval_has_its_probability_and_equal_densities(belief, level):
    low, high = map(mpmath.mpf, belief.interval(level, kind="hdi"))
    width = high - low
    right = _shortest(belief, mpmath.mpf(level), low, high)
    tolerance = mpmath.mpf(1e-10) * width + mpmath.mpf(4e-16) * high  # and the rounding of an end
    assert abs(low - right[0]) < tolerance
    assert abs(high - right[1]) < tolerance


def test_an_interval_near_the_upper_end_mirrors_the_one_near_zero():
    low, high = Beta(60.0, 1.0000014).interval(1e-3, kind="hdi")
    left, right = Beta(1.0000014, 60.0).interval(1e-3, kind="hdi")
    assert (low, high) == pytest.approx((1.0 - right, 1.0 - left), abs=3e-16)
    assert high <= 1.0


@pytest.mark.parametrize("level", [1e-9, 0.05, 0.1, 0.3, 0.5, 0.8, 0.99])
@pytest.mark.parametrize(
    ("alpha", "beta", "trials"), [(2.0, 1.0, 32), (1.18, 0.42, 14), (1.0, 3.0, 20), (5.0, 1.5, 47)]
)
def test_a_set_of_counts_is_the_smallest_range_with_its_probability(alpha, beta, trials, level):
    predictive = sb.Beta(alpha, beta, likelihood=sb.likelihoods.Binomial(trials)).predictive
    low, high = predictive.interval(level, kind="hdi")
    cumulated = np.cumsum([0.0, *(predictive.pmf(k) for k in range(trials + 1))])
    size = high - low + 1
    assert cumulated[high + 1] - cumulated[low] >= level * (1.0 - 1e-12)
    smaller = cumulated[size - 1 :] - cumulated[: len(cumulated) - size + 1]
    assert smaller.max() < level
