import math

import mpmath as mp
import numpy as np
import pytest
from high_precision import log_beta, relative_error
from hypothesis import given
from hypothesis import strategies as st

from seqbayes.numerics import special
from seqbayes.numerics.gamma_moments import log_gamma_spread

positive = st.floats(-3, 15).map(lambda e: 10.0**e)


def close(got, want, tolerance=1e-12):
    """Absolute below 1, relative above: an error in a log is a relative error of its exp."""
    return abs(mp.mpf(float(got)) - want) <= tolerance * max(1, abs(want))


@given(positive, positive)
def test_log_beta(a, b):
    assert close(special.log_beta(a, b), log_beta(mp.mpf(a), mp.mpf(b)))


@given(positive, positive)
def test_log_rising(a, n):
    want = mp.loggamma(mp.mpf(a) + mp.mpf(n)) - mp.loggamma(a)
    assert close(special.log_rising(a, n), want)


@pytest.mark.parametrize("n", [1.0, 2.0, 0.5, 1e-3, 1e-9])
@pytest.mark.parametrize("a", [2.5, 50.0, 1e8, 1e15])
def test_log_rising_is_accurate_when_a_is_far_larger(a, n):
    want = mp.loggamma(mp.mpf(a) + mp.mpf(n)) - mp.loggamma(a)
    assert relative_error(special.log_rising(a, n), want) < 1e-12


@given(positive)
def test_stirling_error_and_ratio(x):
    ratio = mp.loggamma(mp.mpf(x) + 1) - mp.mpf(x) * mp.log(x) + mp.mpf(x)
    assert close(special.log_stirling_ratio(x), ratio)
    assert close(special.stirling_error(x), ratio - mp.log(2 * mp.pi * mp.mpf(x)) / 2)


@given(positive, st.floats(-9, 0.5), st.sampled_from([-1.0, 1.0]))
def test_deviance_is_relatively_exact(x, exponent, sign):
    mean = x * math.exp(sign * 10.0**exponent)
    exact = mp.mpf(x) * (mp.log(x) - mp.log(mean)) + mp.mpf(mean) - mp.mpf(x)
    assert relative_error(special.deviance(x, mean), exact) < 1e-12


@given(positive, positive, st.floats(-1e-15, 1e-15))
def test_product_difference_does_not_round_its_products(a, b, shift):
    c, d = a * (1.0 + shift), b
    exact = mp.mpf(a) * mp.mpf(b) - mp.mpf(c) * mp.mpf(d)
    assert relative_error(special.product_difference(a, b, c, d), exact) < 1e-14


@pytest.mark.parametrize("x", [0.7, 5.0, 1e3, 1e9])
@pytest.mark.parametrize("share", [0.9, 0.1, 1e-3, -0.5])
def test_log_gamma_curvature(x, share):
    step = share * x if abs(share) < 0.6 or x < 10 else 2.0
    exact = (
        mp.loggamma(mp.mpf(x) + step) - 2 * mp.loggamma(mp.mpf(x)) + mp.loggamma(mp.mpf(x) - step)
    )
    assert relative_error(special.log_gamma_curvature(x, step), exact) < 1e-9


@pytest.mark.parametrize("shape", [1e-300, 1e-30, 1e-12, 1e-6, 0.3])
def test_log_gamma_spread_of_small_shapes(shape):
    exact = mp.loggamma(mp.mpf(shape) + 2) + mp.loggamma(shape) - 2 * mp.loggamma(mp.mpf(shape) + 1)
    assert relative_error(log_gamma_spread(shape, 1.0), exact) < 1e-13
    assert log_gamma_spread(np.array([shape]), 1.0)[0] == log_gamma_spread(shape, 1.0)


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=5))
def test_arrays_equal_scalars(pairs):
    a, b = np.array(pairs).T
    for function in (special.log_beta, special.log_rising, special.deviance):
        scalars = [function(x, y) for x, y in pairs]
        np.testing.assert_allclose(function(a, b), scalars, rtol=1e-12, atol=1e-12)
    for function in (special.stirling_error, special.log_stirling_ratio):
        scalars = [function(x) for x, _ in pairs]
        np.testing.assert_allclose(function(a), scalars, rtol=1e-12, atol=1e-14)


def test_edges():
    assert special.log_stirling_ratio(0.0) == 0.0
    assert special.deviance(0.0, 0.0) == 0.0
    assert special.deviance(1.0, 0.0) == math.inf
    assert special.log_rising(1e15, 0.0) == 0.0
    assert special.normal_quantile(0.5) == 0.0
