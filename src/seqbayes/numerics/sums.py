"""Sums of smooth functions over whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from seqbayes.numerics.special import Array

_SINGLE = 64
"""Number of terms at the start that are added one by one."""

_ORDER = 16
"""Number of nodes for each longer range of terms."""

_PARTS = 4
"""Ranges within each doubling of the distance from the first term."""

_PRECISION = 1e-17

_LARGEST = 1e300


def sum_from(function: Callable[[Array], Any], first: float) -> float:
    """Return the sum of a decreasing function over the whole numbers from `first` to infinity.

    The function must be smooth on the scale of the distance from `first`. Ranges of terms are
    summed by Gauss quadrature for the discrete uniform distribution, whose nodes are zeros of Gram
    polynomials [1]_; it is exact for polynomials up to degree 31. The sum ends at terms that do not
    change it, or at 1e300.

    References
    ----------
    .. [1] Gautschi, W. (2004). Orthogonal Polynomials. Oxford University Press, section 1.5.2.

    Examples
    --------
    >>> round(sum_from(lambda k: 1.0 / (k * k), 1.0) - np.pi**2 / 6, 12)
    0.0
    """
    total = float(np.sum(function(first + np.arange(_SINGLE))))
    start, length = first + _SINGLE, _SINGLE // _PARTS
    while start < _LARGEST:
        nodes, weights = _rule(length)
        starts = start + length * np.arange(float(_PARTS))
        part = float((np.asarray(function(starts[:, None] + nodes)) @ weights).sum())
        total += part
        if part <= _PRECISION * total:
            break
        start, length = start + _PARTS * length, 2 * length
    return total


@lru_cache(maxsize=1200)
def _rule(length: int) -> tuple[Array, Array]:
    """Return the nodes and weights for sums over the whole numbers from 0 to `length` - 1."""
    n = np.arange(1.0, _ORDER)
    # the recurrence of the polynomials, on the scale of the length
    squares = n * n * (1.0 - (n / length) ** 2) / (4.0 * (4.0 * n * n - 1.0))
    sides = np.sqrt(squares)
    zeros, vectors = np.linalg.eigh(np.diag(sides, 1) + np.diag(sides, -1))
    middle = (1.0 - 1.0 / length) / 2.0
    size = float(length) if length < _LARGEST else math.inf
    return (middle + zeros) * size, vectors[0] ** 2 * size
