"""Tails and quantiles of amounts that are often zero, against mpmath."""

import itertools
import math

import mpmath as mp
import numpy as np
import pytest

from seqbayes.distributions import Normal
from seqbayes.predictive import (
    Bernoulli,
    CompoundGamma,
    ExponentialTransform,
    Hurdle,
    Transformed,
)

SHARES = [1e-300, 3e-9, 0.25, 0.999]
LOMAX = [(3.0, 40.0), (0.05, 1e-3), (2e3, 7.0)]
LOGS = [-1e-20, -1e-9, -0.01, -0.3, -1.0, -30.0, -700.0, -2e4]


def lomax(share, alpha, beta, upper=None, lower=None):
    """Return the number with this upper or lower tail, 0 if that is the probability of zero."""
    share, alpha, beta = mp.mpf(share), mp.mpf(alpha), mp.mpf(beta)
    upper = 1 - lower if upper is None else upper
    return mp.mpf(0) if upper >= share else beta * mp.expm1(mp.log(share / upper) / alpha)


def is_close(got, wanted):
    if wanted > mp.mpf("1e308"):
        return got == math.inf
    return got == pytest.approx(float(wanted), rel=1e-10, abs=1e-320)


@pytest.mark.parametrize(("share", "parameters"), list(itertools.product(SHARES, LOMAX)), ids=str)
def test_quantiles_of_amounts_with_a_power_tail(share, parameters):
    found = Hurdle(Bernoulli(share), CompoundGamma(1.0, *parameters))
    for log in LOGS:
        with mp.workdps(400):
            q = mp.exp(mp.mpf(log))
            wanted = lomax(share, *parameters, upper=q), lomax(share, *parameters, lower=q)
            assert is_close(found.isf(log, log=True), wanted[0]), log
            assert is_close(found.ppf(log, log=True), wanted[1]), log
            p = math.exp(log)
            if 0.0 < p < 1.0:
                assert is_close(found.isf(p), lomax(share, *parameters, upper=mp.mpf(p))), log
                assert is_close(found.ppf(p), lomax(share, *parameters, lower=mp.mpf(p))), log


@pytest.mark.parametrize("q", [1e-14, 1e-10, 1e-3, 0.3])
def test_small_quantiles_if_almost_no_observation_is_zero(q):
    """The level of the amount is the difference of small numbers, not of numbers near 1."""
    zero = 1e-16
    found = Hurdle(Bernoulli(1.0 - zero, zero), CompoundGamma(1.0, 3.0, 40.0))
    with mp.workdps(60):
        level = (mp.mpf(q) - mp.mpf(found.zero)) / (1 - mp.mpf(found.zero))
        wanted = 40 * mp.expm1(-mp.log1p(-level) / 3)
    assert is_close(found.ppf(q), wanted)
    assert is_close(found.ppf(math.log(q), log=True), wanted)


@pytest.mark.parametrize("mean", [-100.0, -1.0, 0.0, 1.0, 100.0])
@pytest.mark.parametrize("log", [-1e-3, -0.5, -3.0, -800.0, -4900.0, -5100.0, -2e4])
def test_log_quantiles_of_amounts_of_both_signs(mean, log):
    """The probability of zero is in the middle; both tails may underflow before it."""
    found = Hurdle(Bernoulli(0.25), Normal(mean, 1.0))
    with mp.workdps(60):

        def tail(x, sign):
            return mp.log(mp.ncdf(sign * (mp.mpf(x) - mean)) * mp.mpf(0.25))

        for sign, quantile in ((1, found.ppf), (-1, found.isf)):
            x = quantile(log, log=True)
            beyond = tail(0.0, sign)
            if log < beyond:
                assert tail(x, sign) == pytest.approx(log, rel=1e-12)
            elif mp.log(mp.exp(beyond) + 0.75) > log:
                assert x == 0.0
            else:
                other = mp.log(-mp.expm1(log))
                assert tail(x, -sign) == pytest.approx(float(other), rel=1e-9)


@pytest.mark.parametrize("log", [False, True])
def test_the_smallest_quantile_is_the_smallest_value(log):
    zero, one = (-math.inf, 0.0) if log else (0.0, 1.0)
    positive = Hurdle(Bernoulli(0.4), Transformed(CompoundGamma(1, 3, 2), ExponentialTransform(5)))
    assert [positive.ppf(zero, log), positive.isf(one, log)] == [0.0, 0.0]
    assert [positive.ppf(one, log), positive.isf(zero, log)] == [math.inf, math.inf]
    for mean in (-100.0, 100.0):  # where one of the tails at zero underflows
        both = Hurdle(Bernoulli(0.4), Normal(mean, 1.0))
        assert [both.ppf(zero, log), both.isf(one, log)] == [-math.inf, -math.inf]
        assert [both.ppf(one, log), both.isf(zero, log)] == [math.inf, math.inf]
    assert np.isnan(positive.ppf([np.nan, 1.5 if not log else 0.5], log)).all()


@pytest.mark.parametrize("share", [0.1, 0.25, 1 / 3, 0.6, 0.7])
def test_logarithms_of_probabilities_are_not_positive(share):
    found = Hurdle(Bernoulli(share), CompoundGamma(1.0, 3.0, 40.0))
    assert found.logsf(-1.0) == 0.0
    assert found.logcdf(1e200) == 0.0
    assert (found.logcdf(np.geomspace(1e-9, 1e300, 300)) <= 0.0).all()
