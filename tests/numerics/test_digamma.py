"""Differences of digamma and trigamma functions agree with mpmath."""

import mpmath as mp
import numpy as np
import pytest

from seqbayes.numerics.digamma import digamma_rise, trigamma_rise

STEPS = [0.3, 1.0, 7.0, 1e3, 1e6]


@pytest.mark.parametrize("x", [1e-3, 0.7, 5.0, 14.9, 15.0, 40.0, 1e4, 1e8, 1e15])
def test_differences_have_full_precision(x):
    for order, function in ((0, digamma_rise), (1, trigamma_rise)):
        found = function(x, np.array(STEPS))
        for value, n in zip(found, STEPS, strict=True):
            exact = mp.psi(order, mp.mpf(x) + mp.mpf(n)) - mp.psi(order, mp.mpf(x))
            assert abs(value / exact - 1) < 1e-13
