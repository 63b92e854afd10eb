"""The prior for a regression's intercept, stored separately from the square root of the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.numerics.square_root import SquareRoot
from seqbayes.statistics.exact import rounding_error


class InterceptPrior:
    """The posterior, in which the row of the intercept's prior is kept apart from the factor R.

    The length of this row is the features' distance from 0 relative to their spread. If the row
    were rotated into the factor, all other rows would lose the corresponding number of digits. With
    ``u = R**-T row`` and ``v = R**-T x``, where R is the factor of all other rows, the part of v
    that is orthogonal to u does not depend on the prior, and the part along u has a closed form. A
    multiple of the prior's row is first subtracted from x, so that the farthest feature becomes 0;
    the orthogonal part of the remainder has no cancellation.

    Parameters
    ----------
    root
        The factor of all rows except the prior's row.
    row
        The features of the prior's row.
    target
        Its target, relative to the origin of the targets in the factor.
    precision
        The weight of the prior's row.

    Attributes
    ----------
    intercept
        The expected target of the prior's row.
    """

    def __init__(
        self, root: SquareRoot, row: Sequence[float], target: float, precision: float
    ) -> None:
        self._root = root
        self._row = np.array(row)
        self._target = root.target
        self._along = root.whiten(row)
        self._length = float(self._along @ self._along)
        self._expected = float(self._along @ self._target)
        self._weight = precision * self._length
        self._precision = precision
        self._y = target
        self.intercept = (self._expected - target) / (1.0 + self._weight)
        self._farthest = int(np.abs(self._row / root.column_lengths()).argmax())

    def _split(self, row: Sequence[float]) -> tuple[float, Any]:
        """Return the multiple of the prior's row in another row, and the whitened remainder."""
        multiple = row[self._farthest] / self._row[self._farthest]
        left = np.array(row) - multiple * self._row
        left[self._farthest] = 0.0
        whitened = self._root.whiten(left)
        share = float(whitened @ self._along) / self._length
        return multiple + share, whitened - share * self._along

    def location(self, row: Sequence[float]) -> tuple[float, float]:
        """Return the expected target of a row, and its rounding error."""
        share, rest = self._split(row)
        own = float(rest @ self._target)
        if abs(share) < 0.5:
            return two_sum(-self._y, share * (self.intercept + self._y) + own)
        return float(share * self.intercept + own - (1.0 - share) * self._y), 0.0

    def leverage(self, row: Sequence[float]) -> float:
        """Return the variance of a row's expected target, in units of the noise."""
        share, rest = self._split(row)
        return float(rest @ rest) + share * share * self._length / (1.0 + self._weight)

    def solve(self) -> Any:
        """Return the parameters."""
        gap = self._precision * (self._y - self._expected) / (1.0 + self._weight)
        theta = self._root.solve(self._target + gap * self._along)
        # the prior's row determines the parameter of its farthest feature most accurately
        theta[self._farthest] = 0.0
        expected = (self._expected + self._weight * self._y) / (1.0 + self._weight)
        rest = math.fsum((expected, *(-self._row * theta).tolist()))
        theta[self._farthest] = rest / self._row[self._farthest]
        return theta

    @property
    def squares(self) -> float:
        """The sum of squared residuals, including the prior's row."""
        gap = self._y - self._expected
        return self._root.squares + self._precision * gap / (1.0 + self._weight) * gap

    @property
    def log_determinant(self) -> float:
        """Log of the determinant of the factor of all rows."""
        return self._root.log_determinant + 0.5 * math.log1p(self._weight)


def two_sum(x: float, y: float) -> tuple[float, float]:
    """Return the sum of two numbers, and its rounding error."""
    total = float(x + y)
    return total, float(rounding_error(x, y, total)) if math.isfinite(total) else 0.0
