"""The sums of all rows of columns, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.numerics.special import product_errors
from seqbayes.statistics.sum_columns import SumColumns

Array = Any


def rounded_sum(columns: SumColumns, j: int, factors: Array | None) -> tuple[Array, Array, Array]:
    """Return one sum of each row as three arrays: rounded sums and two successive rounding errors.

    Parameters
    ----------
    columns
        The statistics.
    j
        Position of the sum in `row_sums`.
    factors : array of float, or None
        Factors by which the sums of each row are multiplied.
    """
    parts = columns.parts(j)
    if factors is not None:
        products = [part * factors for part in parts]
        errors = [product_errors(v, factors, p) for v, p in zip(parts, products, strict=True)]
        parts = [v for pair in zip(products, errors, strict=True) for v in pair]
    high, low, third = _renormalised(parts, columns.n_rows)
    for (row, i), _ in columns.more.items():
        if i == j:
            made = columns.statistics(row)
            if factors is not None:
                made.scale(float(factors[row]))
            settled, _ = made.row_sums()[j].get_parts(renormalise=True)
            high[row], low[row], third[row] = settled[:3]
    return high, low, third


def _renormalised(parts: list[Array], n: int) -> tuple[Array, Array, Array]:
    """Return the sums of parts, given in order of size, as three non-overlapping arrays."""
    columns = [part.copy() for part in parts]
    columns += [np.zeros(n) for _ in range(3 - len(columns))]
    with np.errstate(invalid="ignore"):
        for _ in range(1 if len(parts) < 3 else 6):
            for i in range(len(columns) - 1, 0, -1):
                high, low = columns[i - 1], columns[i]
                columns[i - 1] = high + low
                columns[i] = _rounding_errors(high, low, columns[i - 1])
    return columns[0], columns[1], columns[2]


def _rounding_errors(high: Array, v: Array, s: Array) -> Array:
    t = s - high
    return (high - (s - t)) + (v - t)
