"""The sufficient statistic of multivariate normal data."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import numpy as np

from seqbayes.numerics import decimals

ROUNDING_SHARE = Decimal(2) ** -160
"""Squares about the mean are rounding errors if they are below this share of a sum of squares."""
SMALLEST_SQUARES = Decimal(2) ** -1022
"""Squares about the mean below this, times 1 + mean**2, are rounding errors of tiny weights."""


class _ScatterFields(NamedTuple):
    n: Any
    origin: Any
    shift: Any
    squares: Any


class ScatterStatistic(_ScatterFields):
    """Total weight, mean = origin + shift, and the scatter matrix about that mean."""

    sums: tuple[Any, Any] | None = None
    """The parts of the weight and of all sums, if the scatter is nearly singular."""

    @property
    def mean(self) -> Any:
        """The mean of the data."""
        return self.origin + self.shift

    def exact_mean(self) -> tuple[Decimal, list[Decimal]]:
        """Return the weight and the mean with extended precision."""
        if self.sums is None:
            pairs = zip(self.origin.tolist(), self.shift.tolist(), strict=True)
            return Decimal(float(self.n)), [decimals.total(pair) for pair in pairs]
        parts, rows = self.sums
        n = decimals.total(parts)
        columns = zip(*(row[: len(self.origin)].tolist() for row in rows), strict=True)
        return n, [decimals.total(column) / n for column in columns]

    def exact(self) -> tuple[Decimal, list[Decimal], decimals.Lower]:
        """Return the weight, the mean and the scatter's lower triangle with extended precision."""
        n, mean = self.exact_mean()
        if self.sums is None:
            return n, mean, decimals.lower(self.squares)
        columns = iter(zip(*(row[len(mean) :].tolist() for row in self.sums[1]), strict=True))
        squares: list[list[Decimal]] = []
        equal = set()  # coordinates with equal values
        for i, v in enumerate(mean):
            sums = [decimals.total(next(columns)) for _ in range(i + 1)]
            row = [s - n * v * u for s, u in zip(sums, mean, strict=False)]
            if row[i] <= ROUNDING_SHARE * sums[i] + SMALLEST_SQUARES * (1 + v * v):
                equal.add(i)
            squares.append([decimals.ZERO if {i, j} & equal else s for j, s in enumerate(row)])
        return n, mean, squares


def from_sums(n: Any, rows: Any, dimension: int) -> ScatterStatistic:
    """Return the statistic with these sums: the parts of the weight, and rows of parts.

    The rows contain the sums of the coordinates, followed by those of their products (the lower
    triangle).
    """
    blank = np.zeros(dimension)
    empty = ScatterStatistic(n[0], blank, blank, np.zeros((dimension, dimension)))
    empty.sums = (n, rows)
    with localcontext(decimals.CONTEXT):
        _, mean, squares = empty.exact()
        origin = np.array(list(map(float, mean)))
        shift = [float(v - Decimal(o)) for v, o in zip(mean, origin.tolist(), strict=True)]
        found = ScatterStatistic(n[0], origin, np.array(shift), decimals.symmetric(squares))
    found.sums = empty.sums
    return found
