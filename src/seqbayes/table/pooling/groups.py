"""Counts equal statistics of many keys, so that sums do not depend on the order of keys."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = Any

_LARGEST_CODE = 2.0**62
_TALLIED = 1 << 22
"""Codes of pairs below this are counted in an array; larger ones are sorted."""


class PairCounts(NamedTuple):
    """Distinct pairs of numbers in increasing order, and the count of each."""

    first: Array
    second: Array
    counts: Array

    def thinned(self, n: int) -> PairCounts:
        """Return approximately n evenly spaced groups, or all if there are fewer."""
        step = max(1, len(self.counts) // n)
        return PairCounts(*(column[::step] for column in self))


def grouped(first: Array, second: Array) -> PairCounts:
    """Count the distinct pairs of two columns.

    Parameters
    ----------
    first, second : array of float, of equal length

    Examples
    --------
    >>> grouped(np.array([2.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0]))
    PairCounts(first=array([1., 2.]), second=array([1., 0.]), counts=array([1., 2.]))
    """
    if len(first) == 0:
        return PairCounts(first, second, np.zeros(0))
    codes = _codes(first, second)
    if codes is None:
        pairs = np.empty(len(first), complex)
        pairs.real, pairs.imag = first, second
        distinct, counts = np.unique(pairs, return_counts=True)
        return PairCounts(distinct.real.copy(), distinct.imag.copy(), counts.astype(float))
    code, width = codes
    if code.max() < _TALLIED:
        tally = np.bincount(code)
        known = np.flatnonzero(tally)
        counts = tally[known]
    else:
        known, counts = np.unique(code, return_counts=True)
    return PairCounts(*(part.astype(float) for part in (*np.divmod(known, width), counts)))


def _codes(first: Array, second: Array) -> tuple[Array, int] | None:
    """Encode each pair of whole numbers >= 0 as one number; return None for other pairs."""
    width = float(second.max()) + 1.0
    size = (float(first.max()) + 1.0) * width
    if not (size < _LARGEST_CODE and first.min() >= 0.0 and second.min() >= 0.0):
        return None
    whole = [column.astype(np.int64) for column in (first, second)]
    if not all(np.array_equal(w, v) for w, v in zip(whole, (first, second), strict=True)):
        return None
    return whole[0] * int(width) + whole[1], int(width)


def tallied(values: Array, counts: Array) -> tuple[Array, Array]:
    """Return the distinct values above zero, in increasing order, and their total counts."""
    distinct, inverse = np.unique(values, return_inverse=True)
    totals = np.bincount(inverse, weights=counts, minlength=len(distinct))
    kept = distinct > 0.0
    return distinct[kept], totals[kept]
