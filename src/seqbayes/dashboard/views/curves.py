"""Grids that are fine where a density bends, however wide or narrow it is."""

from __future__ import annotations

from typing import Any

import numpy as np

_TAIL = 1e-3
_REACH = 0.5  # intervals beyond the 95 % one that a heavy tail is followed
_EDGE = 1e-4  # of the range, to stay off where a density may be infinite


def extent(distribution: Any) -> tuple[float, float] | None:
    """Return the ends of what is worth drawing; None where there is nothing.

    Parameters
    ----------
    distribution
        One on the line, with finite hyperparameters.

    Examples
    --------
    >>> from seqbayes.distributions import Beta
    >>> extent(Beta(2.0, 3.0))
    (0.0, 1.0)
    >>> print("{:.4f} {:.4f}".format(*extent(Beta(1e6, 1e6))))
    0.4989 0.5011
    """
    inner, outer = distribution.interval(0.95), distribution.interval(1.0 - 2.0 * _TAIL)
    reach = _REACH * (inner[1] - inner[0])
    low, high = max(outer[0], inner[0] - reach), min(outer[1], inner[1] + reach)
    first, last = distribution.support
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        return None
    # an end that is near is shown
    if low - first < 0.25 * (high - low):
        low = first
    if last - high < 0.25 * (high - low):
        high = last
    return float(low), float(high)


def grid(distribution: Any, points: int) -> Any:
    """Return at most so many points, closest where the density is steep; None if there are none.

    Examples
    --------
    >>> from seqbayes.distributions import Beta
    >>> x = grid(Beta(1e6, 1e6), 80)
    >>> len(x) <= 80, bool(np.diff(Beta(1e6, 1e6).pdf(x)).max() < 0.1 * Beta(1e6, 1e6).pdf(0.5))
    (True, True)
    """
    ends = extent(distribution)
    if ends is None:
        return None
    low, high = ends
    width = high - low
    edges = (low + _EDGE * width, high - _EDGE * width)
    inside = [q for q in distribution.interval(0.5) if edges[0] < q < edges[1]]
    x = np.unique(np.concatenate([np.linspace(*edges, max(points // 2, 8)), inside]))
    density = np.asarray(distribution.pdf(x), float)
    peak = density.max()
    if not (np.isfinite(peak) and peak > 0.0):
        return x
    # equal steps along the drawn curve
    steps = np.hypot(np.diff(x) / width, np.diff(density) / peak)
    length = np.concatenate([[0.0], np.cumsum(steps)])
    return np.unique(np.interp(np.linspace(0.0, length[-1], points), length, x))
