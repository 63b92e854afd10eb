"""Distinct rows of hyperparameters, so that equal posteriors are evaluated once."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.table.integer_rows import COMPILED, IntegerRows

Array = Any

_MIN_ROWS = 10_000
_SAMPLED = 4096
# Knuth's multiplicative hashing: 2**64 divided by the golden ratio.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def find_distinct(values: Any) -> tuple[Array, Array] | None:
    """Return the first row with each distinct set of hyperparameters, and the set of every row.

    The counts of many keys are equal: a million keys with up to a hundred events have at most five
    thousand different posteriors.

    Parameters
    ----------
    values
        The hyperparameters, a tuple of numbers and of arrays of equal length.

    Returns
    -------
    tuple of array, or None
        Row numbers of the distinct sets, and the index of the set of every row. None if there are
        few rows, if most of the first rows differ, or if the arrays are not one-dimensional.

    Examples
    --------
    >>> alpha = np.tile([1.0, 2.0, 1.0], 5000)
    >>> find_distinct((alpha[:10], 1.0)) is None
    True
    """
    arrays = [value for value in values if isinstance(value, np.ndarray)]
    if not COMPILED or not arrays or any(each.ndim != 1 for each in arrays):
        return None
    n = len(arrays[0])
    if n < _MIN_ROWS:
        return None
    hashed = np.zeros(n, np.uint64)
    for each in arrays:
        hashed = (hashed ^ np.ascontiguousarray(each, float).view(np.uint64)) * _GOLDEN
        hashed ^= hashed >> np.uint64(32)
    if len(np.unique(hashed[:_SAMPLED])) > _SAMPLED // 2:
        return None
    table = IntegerRows()
    numbers = table.rows(hashed.view(np.int64), add=True)
    rows = np.empty(table.n, np.int64)
    rows[numbers[::-1]] = np.arange(n)[::-1]
    same = all(np.array_equal(each[rows][numbers], each) for each in arrays)
    return (rows, numbers) if same else None  # different rows with equal hash values
