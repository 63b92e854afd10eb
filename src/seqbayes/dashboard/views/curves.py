"""Grids that are fine where a density bends, however wide or narrow it is."""

from __future__ import annotations

from typing import Any

import numpy as np

_TAIL = 1e-3
_REACH = 0.5  # intervals beyond the 95 % one that a heavy tail is followed
_EDGE = 1e-4  # of the range, to stay inside
_POLE = 0.01  # of the range, to stay off where a density is infinite


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
    low_end, high_end = np.isinf(distribution.pdf(np.array([low, high])))
    edges = (
        low + (_POLE if low_end else _EDGE) * width,
        high - (_POLE if high_end else _EDGE) * width,
    )
    marks = (*distribution.interval(0.5), distribution.mode)
    inside = [m for m in marks if m is not None and edges[0] < m < edges[1]]
    x = np.unique(np.concatenate([np.linspace(*edges, max(points // 2, 8)), inside]))
    for _ in range(3):
        density = np.asarray(distribution.pdf(x), float)
        peak = density.max()
        if not (np.isfinite(peak) and peak > 0.0):
            return x
        steps = np.hypot(np.diff(x) / width, np.diff(density) / peak)
        length = np.concatenate([[0.0], np.cumsum(steps)])
        x = np.unique(np.interp(np.linspace(0.0, length[-1], points), length, x))
        if steps.max() < 0.2:  # nothing was missed between two points
            break
    return x
