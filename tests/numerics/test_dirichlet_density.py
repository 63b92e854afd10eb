"""The joint density of shares of very different sizes, against mpmath."""

import random

import mpmath as mp
import pytest

from seqbayes import Dirichlet


def density(alpha, shares):
    """Return the log density, with the largest share as 1 minus the sum of the others."""
    with mp.workdps(60):
        alpha, shares = [mp.mpf(a) for a in alpha], [mp.mpf(x) for x in shares]
        largest = shares.index(max(shares))
        shares[largest] = 1 - mp.fsum(x for i, x in enumerate(shares) if i != largest)
        norm = mp.fsum(map(mp.loggamma, alpha)) - mp.loggamma(mp.fsum(alpha))
        return float(
            mp.fsum((a - 1) * mp.log(x) for a, x in zip(alpha, shares, strict=True)) - norm
        )


@pytest.mark.parametrize("seed", range(60))
def test_the_log_density_of_small_shares_does_not_depend_on_the_largest_one(seed):
    rng = random.Random(seed)
    count = rng.choice([2, 3, 7])
    alpha = [10.0 ** rng.uniform(-3, 2) for _ in range(count)]
    weights = [10.0 ** rng.uniform(-25, 0) for _ in range(count)]
    shares = [weight / sum(weights) for weight in weights]
    wanted = density(alpha, shares)
    names = [f"label {i}" for i in range(count)]
    for order in (range(count), reversed(range(count))):
        chosen = list(order)
        state = Dirichlet({names[i]: alpha[i] for i in chosen})
        found = state.logpdf({names[i]: shares[i] for i in chosen})
        assert found == pytest.approx(wanted, rel=1e-13, abs=1e-13)


def test_densities_of_several_points_are_those_of_each():
    state = Dirichlet([0.5, 2.0, 30.0])
    points = [[1e-17, 1e-3, 1.0 - 1e-3], [1.0 - 1e-12, 1e-12, 1e-20], [0.2, 0.3, 0.5]]
    assert state.logpdf(points).tolist() == [state.logpdf(point) for point in points]
