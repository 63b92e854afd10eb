"""Grids for many densities, with more points where a density is curved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

_TAIL = 1e-3
# length of a heavy tail that is drawn, in widths of the 95% interval
_REACH = 0.5
# an end of the support is drawn if it is closer than this share of the range
_NEAR = 0.25
# points stay inside the support by this share of the range
_EDGE = 1e-4
# points stay this share of the range away from infinite densities
_POLE = 0.01
# a step between two points that exceeds this share of the diagonal misses details
_STEEP = 0.2


def extents(distribution: Any, inner: Any) -> tuple[Any, Any]:
    """Return the ends of the ranges to draw for K distributions, each of shape (K,).

    The ends are NaN if there is nothing to draw.

    Parameters
    ----------
    distribution
        Distribution with hyperparameters of shape (K,).
    inner
        Ends of the 95% intervals, each of shape (K,).

    Examples
    --------
    >>> from seqbayes.distributions import Beta
    >>> beta = Beta(np.array([2.0, 1e6]), np.array([3.0, 1e6]))
    >>> low, high = extents(beta, beta.interval(0.95))
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0, 0.4989], [1.0, 0.5011])
    """
    reach = _REACH * (inner[1] - inner[0])
    outer = distribution.ppf(_TAIL), distribution.isf(_TAIL)
    low = np.maximum(outer[0], inner[0] - reach)
    high = np.minimum(outer[1], inner[1] + reach)
    first, last = distribution.support
    with np.errstate(invalid="ignore"):
        width = high - low
        low = np.where(low - first < _NEAR * width, first, low)
        high = np.where(last - high < _NEAR * width, last, high)
        drawable = np.isfinite(low) & np.isfinite(high) & (low < high)
    return np.where(drawable, low, np.nan), np.where(drawable, high, np.nan)


def grids(narrow: Any, wide: Any, inner: Any, points: int) -> Any:
    """Return values of shape (K, points), closest to each other where the K densities are steep.

    Rows are NaN if there is nothing to draw.

    Parameters
    ----------
    narrow, wide
        The distributions, with hyperparameters of shape (K,) and (K, 1).
    inner
        Ends of the 95% intervals, each of shape (K,).
    points
        Number of points.

    Examples
    --------
    >>> from seqbayes.distributions import Beta
    >>> beta = Beta(np.array([1e6]), np.array([1e6]))
    >>> x = grids(beta, Beta(beta.alpha[:, None], beta.beta[:, None]), beta.interval(0.95), 80)
    >>> bool(np.diff(Beta(1e6, 1e6).pdf(x[0])).max() < 0.1 * Beta(1e6, 1e6).pdf(0.5))
    True
    """
    low, high = (np.atleast_1d(end)[:, None] for end in extents(narrow, inner))
    width = high - low
    with np.errstate(all="ignore"):
        poles = np.isinf(wide.pdf(np.hstack([low, high])))
    low = low + np.where(poles[:, :1], _POLE, _EDGE) * width
    high = high - np.where(poles[:, 1:], _POLE, _EDGE) * width
    x = low + (high - low) * np.linspace(0.0, 1.0, max(points // 2, 8))
    marks = np.stack(
        np.broadcast_arrays(*narrow.interval(0.5), _modes(narrow)), axis=-1, dtype=float
    )
    marks = np.atleast_2d(marks)
    marks = np.where((marks > low) & (marks < high), marks, low)
    x = np.sort(np.hstack([x, marks]), axis=-1)
    for _ in range(3):
        with np.errstate(all="ignore"):
            density = wide.pdf(x)
            peak = density.max(axis=-1, keepdims=True)
            steps = np.hypot(np.diff(x) / width, np.diff(density) / peak)
        x, steepest = _resampled(x, steps, points)
        if not steepest > _STEEP:  # the points are close enough
            break
    return _with_peaks(x, marks[:, -1:])


def _with_peaks(x: Any, modes: Any) -> Any:
    """Move the point that is nearest to the mode onto the mode."""
    rows = np.arange(len(x))
    nearest = np.abs(np.where(np.isnan(x), np.inf, x) - modes).argmin(axis=-1)
    ends = (nearest == 0) | (nearest == x.shape[-1] - 1)
    x[rows, nearest] = np.where(ends, x[rows, nearest], modes[:, 0])
    return x


def _modes(distribution: Any) -> Any:
    try:
        mode = distribution.mode
    except NotImplementedError:  # a product of two variables has no known mode
        return np.nan
    return np.nan if mode is None else mode


def _resampled(x: Any, steps: Any, points: int) -> tuple[Any, float]:
    """Return points evenly spaced along the drawn curves, and the longest of the given steps."""
    lengths = np.concatenate([np.zeros((len(x), 1)), np.cumsum(steps, axis=-1)], axis=-1)
    places = np.linspace(0.0, 1.0, points)
    rows = [
        np.interp(places * length[-1], length, row) if length[-1] > 0.0 else np.full(points, np.nan)
        for length, row in zip(lengths, x, strict=True)
    ]
    longest = np.nanmax(steps, initial=0.0) if len(steps) else 0.0
    return np.array(rows).reshape(len(x), points), float(longest)


def grid(distribution: Any, points: int) -> Any:
    """Return distinct points for one distribution of numbers; None if no points exist."""
    (x,) = grids(distribution, distribution, distribution.interval(0.95), points)
    return None if np.isnan(x).any() else np.unique(x)


def support(found: Sequence[Any], points: int) -> Any:
    """Return integers with nearly all of the probability, evenly spaced if there are many."""
    ends = [each.interval(0.998) for each in found]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    step = max(1, math.ceil((high - low + 1) / points))
    return np.arange(math.floor(low), math.ceil(high) + 1, step, dtype=float)
