"""Compiled passes over arrays give the same results as numpy, for all contents."""

import math

import numpy as np
import pytest

from seqbayes.statistics import count_ones, scan_floats


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1023, 1024, 1025, 70_001])
@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e290])
def test_sums_have_an_error_of_about_one_rounding(n, scale):
    rng = np.random.default_rng(n)
    xs = scale * rng.normal(size=n) * 10.0 ** rng.integers(-6, 6, n)
    total, least = scan_floats(xs)
    assert total == pytest.approx(math.fsum(xs), rel=1e-13, abs=1e-15 * float(np.abs(xs).sum()))
    assert least == xs.min(initial=np.inf)


@pytest.mark.parametrize("place", [0, 5, 31, 32, 1023, 1024, 1029])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1e-320])
def test_unusual_values_are_detected(bad, place):
    xs = np.ones(1030)
    xs[place] = bad
    total, least = scan_floats(xs)
    assert not (math.isfinite(total) and least >= 0.0)
    assert count_ones(xs) == -1


@pytest.mark.parametrize("odd", [0.5, -1.0, 2.0, 5e-324, 1.0 + 2.0**-52, 1e200, -1e-200])
def test_only_zeros_and_ones_are_trials(odd):
    xs = np.arange(1003.0) % 2.0
    assert count_ones(xs) == 501
    assert count_ones(-0.0 * xs) == 0
    for place in (0, 999, 1002):
        changed = xs.copy()
        changed[place] = odd
        assert count_ones(changed) == -1
