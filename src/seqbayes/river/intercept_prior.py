"""The prior of a regression's intercept, apart from the square root of its data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from seqbayes.numerics.square_root import SquareRoot


class InterceptPrior:
    """The posterior with one more row, the prior of the intercept, next to the factor R of others.

    The row is as long as the features' distance from 0, relative to their spread, and rotated into
    the factor it would cost all other rows that many digits. With ``u = R**-T row`` and
    ``v = R**-T x``, the part of v that is orthogonal to u does not depend on the prior, and the
    part along u has a closed form.

    Parameters
    ----------
    root
        The factor of all rows but the prior's.
    row
        The features of the prior's row.
    target
        Its target.
    precision
        Its weight.
    """

    def __init__(
        self, root: SquareRoot, row: Sequence[float], target: float, precision: float
    ) -> None:
        self._root = root
        self._target = root.target
        self._along = root.whiten(row)
        self._length = float(self._along @ self._along)
        self._expected = float(self._along @ self._target)
        self._weight = precision * self._length
        self._precision = precision
        self._y = target

    def _split(self, row: Sequence[float]) -> tuple[float, Any]:
        """Return the share of the prior's row in another, and the rest of that."""
        whitened = self._root.whiten(row)
        share = float(whitened @ self._along) / self._length
        return share, whitened - share * self._along

    def mean(self, row: Sequence[float]) -> float:
        """Return the expected target of a row."""
        share, rest = self._split(row)
        along = (self._expected + self._weight * self._y) / (1.0 + self._weight)
        return float(rest @ self._target) + share * along

    def leverage(self, row: Sequence[float]) -> float:
        """Return the variance of a row's expected target, in units of the noise."""
        share, rest = self._split(row)
        return float(rest @ rest) + share * share * self._length / (1.0 + self._weight)

    def solve(self) -> Any:
        """Return the parameters."""
        gap = self._precision * (self._y - self._expected) / (1.0 + self._weight)
        return self._root.solve(self._target + gap * self._along)

    @property
    def squares(self) -> float:
        """The sum of squared residuals, in which the prior's row counts."""
        gap = self._y - self._expected
        return self._root.squares + self._precision * gap / (1.0 + self._weight) * gap

    @property
    def log_determinant(self) -> float:
        """Log of the determinant of the factor of all rows."""
        return self._root.log_determinant + 0.5 * math.log1p(self._weight)
