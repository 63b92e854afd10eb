"""Quantiles of discrete distributions, and shortest intervals of all distributions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.numerics import sc

# Shortest intervals with a smaller level are computed by a series at the mode.
_SHORT = 5e-4
_REFINED = 0.1  # shorter intervals are refined, because the densities at their ends are close
_STEPS = 4
_NEGLIGIBLE = 1e-20

# numpy.polynomial.legendre.leggauss(10): the positive nodes and their weights
_NODES = (
    0.14887433898163122,
    0.4333953941292472,
    0.6794095682990244,
    0.8650633666889845,
    0.9739065285171717,
)
_NODE_WEIGHTS = (
    0.2955242247147528,
    0.2692667193099965,
    0.219086362515982,
    0.1494513491505804,
    0.06667134430868814,
)
_LARGEST = 1e307  # the sum of two larger numbers may overflow


def shortest_interval(distribution: Any, level: float) -> tuple[float, float]:
    """Return the shortest interval; the distribution is continuous and has one mode.

    If the density at an end of the support is not exceeded on the whole one-sided interval from
    this end, that interval is the answer. Otherwise both ends have the same density; Brent's method
    finds them in the logit of the share of the outside mass that lies below the interval.

    Parameters
    ----------
    distribution : Distribution
    level : float

    References
    ----------
    G. E. P. Box and G. C. Tiao, Bayesian Inference in Statistical Analysis, 1973, section 2.8.

    Examples
    --------
    >>> from seqbayes.distributions import Gamma
    >>> low, high = shortest_interval(Gamma(1.0, 1.0), 0.5)
    >>> low, round(high, 6) == round(math.log(2), 6)
    (0.0, True)
    """
    low, high = distribution.support
    outside = 1.0 - level
    at_low, at_high = distribution.logpdf(low), distribution.logpdf(high)
    from_low, from_high = distribution.ppf(level), distribution.isf(level)
    falls = at_low >= distribution.logpdf(from_low)
    rises = at_high >= distribution.logpdf(from_high)
    if falls and rises:
        left, right = distribution.ppf(0.5 * outside), distribution.isf(0.5 * outside)
        one_sided = min(from_low - low, high - from_high)
        if right - left <= one_sided * (1.0 + 1e-14):
            return left, right
        return (low, from_low) if from_low - low < high - from_high else (from_high, high)
    if falls:
        return low, from_low
    if rises:
        return from_high, high

    short = _around_mode(distribution, level) if level < _SHORT else None
    if short is not None:
        return _refined(distribution, level, *short)

    def ends(logit: float) -> tuple[float, float]:
        below = outside * float(sc.expit(logit))
        above = outside * float(sc.expit(-logit))
        return distribution.ppf(below), distribution.isf(above)

    def density_difference(logit: float) -> float:
        left, right = ends(logit)
        change = _change(distribution, left, right - left)
        if change is not None:
            return float(change[0])
        return float(distribution.logpdf(left) - distribution.logpdf(right))

    found = ends(_root(density_difference))
    return _refined(distribution, level, *found) if level < _REFINED else found


def _refined(distribution: Any, level: float, left: float, right: float) -> tuple[float, float]:
    """Return the ends, refined by Newton's method in the lower end and the width.

    In these coordinates, neither the probability nor the difference of the log densities cancels.
    """
    width = right - left
    for _ in range(_STEPS):
        change = _change(distribution, left, width)
        if change is None:
            break
        difference, slope_difference, slope = change
        excess = _short_mass(distribution, left, width) - level
        wider = -excess * math.exp(-distribution.logpdf(left + width))
        higher = (slope * wider - difference) / slope_difference
        if left < _NEGLIGIBLE * width:
            higher = 0.0  # the lower end is known well enough, and may be subnormal
        inside = left + higher + (width + wider) < distribution.support[1]
        if not (inside and abs(wider) < 0.1 * width and abs(higher) < 0.5 * left):
            break
        left, width = left + higher, width + wider
    return left, left + width


def _change(distribution: Any, low: float, width: float) -> tuple[float, float, float] | None:
    """Return how the log density changes over an interval; see `seqbayes.numerics.changes`."""
    if distribution.density_change is None:
        return None
    found: tuple[float, float, float] | None
    found = distribution.density_change(*distribution.hyperparameters(), low, width)
    return found


def _short_mass(distribution: Any, left: float, width: float) -> float:
    """Return P(left < X < left + width), by quadrature unless a tail is relatively small."""
    low, high = distribution.support
    if width > left - low:
        return float(distribution.cdf(left + width) - distribution.cdf(left))
    if width > high - (left + width):
        return float(distribution.sf(left) - distribution.sf(left + width))
    nodes = np.array([-node for node in _NODES] + list(_NODES))
    densities = distribution.pdf(left + width * (0.5 + 0.5 * nodes))
    return 0.5 * width * float(np.dot(_NODE_WEIGHTS + _NODE_WEIGHTS, densities))


def _around_mode(distribution: Any, level: float) -> tuple[float, float] | None:
    """Return a short interval from a Taylor series about the mode; None if it is inaccurate.

    For a short interval about the mode, a search would fail: the log densities at both ends are
    equal in double precision.
    """
    found = distribution.mode_curvature()
    if found is None:
        return None
    curvature, third = found
    half = 0.5 * level * math.exp(-distribution.logpdf(distribution.mode))
    if not (curvature * half * half < 1e-4 and abs(third) * half < 0.01 * curvature):
        return None
    half *= 1.0 + curvature * half * half / 6.0
    centre = distribution.mode + third * half * half / (6.0 * curvature)
    return centre - half, centre + half


def _root(function: Callable[[float], float]) -> float:
    """Find the root of an increasing function by Brent's method, in a bracket found by doubling."""
    a, b = -1.0, 1.0
    fa, fb = function(a), function(b)
    while fa > 0.0 and a > -600.0:
        a, b, fb = 2.0 * a, a, fa
        fa = function(a)
    while fb < 0.0 and b < 600.0:
        a, b, fa = b, 2.0 * b, fb
        fb = function(b)
    return _brent(function, a, b, fa, fb)


def _brent(function: Callable[[float], float], a: float, b: float, fa: float, fb: float) -> float:
    """Find a root by Brent's method: inverse interpolation, or bisection near the ends."""
    if fa >= 0.0:
        return a
    if fb <= 0.0:
        return b
    c = d = a
    fc = fa
    bisected = True
    for _ in range(100):
        if abs(fa) < abs(fb):
            a, b, fa, fb = b, a, fb, fa
        if fb == 0.0 or abs(b - a) <= 4e-16 * (1.0 + abs(b)):
            break
        if math.isfinite(fa) and fa != fc and fb != fc:
            s = a * fb * fc / ((fa - fb) * (fa - fc))
            s += b * fa * fc / ((fb - fa) * (fb - fc))
            s += c * fa * fb / ((fc - fa) * (fc - fb))
        else:
            s = b - fb * (b - a) / (fb - fa) if math.isfinite(fa) else math.nan
        step = abs(b - c) if bisected else abs(c - d)
        quarter = 0.25 * (3.0 * a + b)
        inside = min(quarter, b) < s < max(quarter, b)
        if not inside or abs(s - b) >= 0.5 * step:
            s, bisected = 0.5 * (a + b), True
        else:
            bisected = False
        fs = function(s)
        d, c, fc = c, b, fb
        if (fs < 0.0) == (fa < 0.0):
            a, fa = s, fs
        else:
            b, fb = s, fs
    return b


def smallest(reached: Callable[[float], bool], guess: float, start: int, step: float) -> float:
    """Return the smallest whole number >= `start` for which a condition holds; inf on overflow.

    Parameters
    ----------
    reached : callable
        The condition: False below some whole number, and True from this number.
    guess, step : float
        The start of the search, and the typical distance of the answer from it.
    start : int

    Examples
    --------
    >>> smallest(lambda k: k * k >= 1000.0, 3.0, 0, 1.0)
    32
    """
    high = max(float(start), math.floor(min(guess, _LARGEST))) if guess == guess else float(start)
    # a step that changes `high`; steps grow superexponentially, because the answer may be far away
    step = max(1.0, math.floor(step) if math.isfinite(step) else 1.0, math.ulp(high))
    growth = 2.0
    if reached(high):
        low = high - step
        while low >= start and reached(low):
            high, step, growth = low, growth * step, 2.0 * growth
            low = high - step
        low = max(low, start - 1.0)
    else:
        low, high = high, high + step
        while not reached(high):
            if high >= _LARGEST:
                return math.inf
            step, growth = growth * step, 2.0 * growth
            low, high = high, min(_LARGEST, max(high + step, 1.0))
    return _bisect(reached, low, high)


def _bisect(reached: Callable[[float], bool], low: float, high: float) -> int:
    while high - low > max(1.0, high * 2.0**-52):
        if low > 0.0 and high > 4.0 * low:
            middle = math.floor(math.sqrt(low) * math.sqrt(high))
        else:
            middle = math.floor(low + 0.5 * (high - low))
        if middle <= low or middle >= high:
            middle = math.floor(low + 0.5 * (high - low))
        if reached(float(middle)):
            high = float(middle)
        else:
            low = float(middle)
    return int(high)


def smallest_set(distribution: Any, level: float) -> tuple[float, float]:
    """Return the smallest range of whole numbers with a probability of at least `level`.

    If there is at most one mode (a uniform distribution has none), this is the highest-density set;
    among sets of the same size it is the most probable. If the mass function is U-shaped, the range
    starts at an end of the support.

    Parameters
    ----------
    distribution : DiscreteDistribution
    level : float

    Examples
    --------
    >>> from seqbayes.predictive import BetaNegativeBinomial
    >>> smallest_set(BetaNegativeBinomial(1, 2, 3, start=1), 0.5)
    (1, 2)
    """
    first, last = distribution.support
    from_first = distribution.ppf(level)
    if distribution.convex:
        from_last = distribution.isf(level)
        if distribution.sf(from_last) + distribution.pmf(from_last) < level:
            from_last -= 1
        if from_first - first <= last - from_last:
            return first, from_first
        return from_last, last
    if distribution.mode == first:
        return first, from_first
    tail = 0.5 * (1.0 - level)
    low, high = distribution.ppf(tail), distribution.isf(tail)
    if not (math.isfinite(high) and math.isfinite(low)):
        return first, from_first
    longest = min(high - low, from_first - first)
    mode = distribution.mode
    # a short set may lie above the equal-tailed one, because it contains the mode
    last_start = max(float(high), first + 1.0, -math.inf if mode is None else float(mode))

    def best_start(length: float) -> float:
        """Start of the most probable range of `length` + 1 numbers."""

        def past(k: float) -> bool:
            return bool(distribution.logpmf(k) >= distribution.logpmf(k + length + 1.0))

        if past(float(first)):
            return float(first)
        return float(_bisect(past, float(first), last_start))

    def is_sufficient(length: float) -> bool:
        return _between(distribution, best_start(length), length) >= level

    length = float(longest)
    if length > 0.0:
        length = 0.0 if is_sufficient(0.0) else float(_bisect(is_sufficient, 0.0, length))
    start = best_start(length)
    return int(start), int(start + length)


def _between(distribution: Any, start: float, length: float) -> float:
    """Return P(start <= X <= start + length), computed from the smaller tails."""
    if length == 0.0:
        return float(distribution.pmf(start))
    below = distribution.cdf(start - 1.0)
    if below < 0.5:
        return float(1.0 - below - distribution.sf(start + length))
    return float(distribution.sf(start - 1.0) - distribution.sf(start + length))
