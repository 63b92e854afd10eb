"""The default prior for a regression: its precisions follow the scales of the features."""

from __future__ import annotations

import copy
import math
import reprlib
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from seqbayes.errors import PriorError
from seqbayes.numerics.square_root import SquareRoot
from seqbayes.river import document

GROWTH = 1.1
"""The prior is chosen again when the number of rows has grown by this factor."""

_RATIOS = np.logspace(-2.0, 8.0, 41)


class Shrinkage:
    """Prior precisions ``c * var_j`` of the weights of features with variances ``var_j``.

    The contribution to the target of a feature that is one standard deviation from its mean
    therefore has the variance ``noise / c``, independent of the feature's unit. The features
    together contribute ``g = p / c`` times the variance of the noise. The prior for ``g / (1 +
    g)``, the features' expected share of the target's variance, is uniform; the mode of ``log g``
    given the data is used.

    A value that is far from all earlier values of its feature, relative to their standard
    deviation, has little influence: `strengthen` counts the row in the variance before it is
    learned.

    Parameters
    ----------
    first
        Number of columns that are not features: 1 with an intercept, otherwise 0.
    """

    def __init__(self, first: int) -> None:
        self.data = SquareRoot()
        self.first = first
        self.precisions: list[float] = []
        self.c = 1.0
        self.chosen_at = 0.0
        self._centres: list[float] = []
        self._limits: list[float] = []  # limits of squared distances from the centres

    def append(self) -> None:
        """Add a column that was 0 in all rows."""
        self.data.append(0.0)
        self.precisions.append(0.0)
        self._centres.append(0.0)
        self._limits.append(math.inf if self.data.size <= self.first else 0.0)

    def _missing(self, row: Sequence[float], n: float) -> list[tuple[int, float]]:
        """Return columns whose precision is too small for a row, and the missing precisions."""
        found = []
        for j, (x, centre, limit) in enumerate(zip(row, self._centres, self._limits, strict=True)):
            if (x - centre) ** 2 > limit:
                found.append((j, self.c * (x - centre) ** 2 * n / (n + 1.0) ** 2))
        return found

    def leverage_of_new(self, values: Sequence[float], n: float) -> float:
        """Return the prior variance that features without a column contribute to a target."""
        new = sum(v != 0.0 for v in values)
        if not new:
            return 0.0
        return new * (n + 1.0) ** 2 / (self.c * n) if n > 0.0 else math.inf

    def strengthen(self, root: SquareRoot, row: Sequence[float], n: float) -> SquareRoot:
        """Return the root with the prior for a row; a copy if the root had to be changed."""
        missing = self._missing(row, n)
        if missing:
            root = copy.copy(root)
            _add_precisions(root, missing)
        return root

    def learn(self, root: SquareRoot, row: Sequence[float], y: float, w: float, n: float) -> None:
        """Add a row to the data, and add the prior precisions that the row requires to the root."""
        for j, precision in self._missing(row, n):
            _add_precisions(root, [(j, precision)])
            self.precisions[j] += precision
            self._limits[j] = max(self._limits[j], 0.5 * (row[j] - self._centres[j]) ** 2)
        self.data.add(row, y, w)

    def choose(self, n: float, alpha: float, beta: float) -> SquareRoot:
        """Choose the prior by the evidence; return the root of the data and the prior.

        Parameters
        ----------
        n
            Weight of the rows.
        alpha, beta
            The prior for the noise variance.
        """
        self.chosen_at = n
        first = self.first
        factor, target = self.data.factor, self.data.target
        inner = factor[first:, first:]
        variances = (inner * inner).sum(axis=0) / n
        centres = factor[0, 1:] / factor[0, 0] if first else np.zeros(len(inner))
        self.c = _ratio(inner, target[first:], self.data.squares, variances, n - first, alpha, beta)
        precisions = self.c * variances
        self.precisions = [0.0] * first + precisions.tolist()
        self._centres = [0.0] * first + centres.tolist()
        self._limits = [math.inf] * first + (0.5 * n * variances).tolist()
        root = copy.copy(self.data)
        _add_precisions(root, enumerate(self.precisions))
        return root

    def dump(self) -> list[Any]:
        """Return the data and the prior as JSON values."""
        k = self.first
        columns = [*self.precisions[k:], *self._centres[k:], *self._limits[k:]]
        return [document.write_root(self.data), [self.c, self.chosen_at, *columns]]

    @classmethod
    def read(cls, written: Any, first: int, size: int) -> Self:
        """Read the data and the prior of `size` columns.

        Raises
        ------
        PriorError
            If the document is invalid.
        """
        if not isinstance(written, (list, tuple)) or len(written) != 2:
            raise PriorError(f"expected data and a prior, got {reprlib.repr(written)}")
        found, p = cls(first), size - first
        found.data = document.read_root(written[0])
        found.c, found.chosen_at, *columns = document.read_numbers(written[1], 2 + 3 * p)
        if found.data.size != size or not found.c > 0.0 or min(columns[:p], default=0.0) < 0.0:
            raise PriorError(f"cannot read prior {reprlib.repr(written)}")
        found.precisions = [0.0] * first + columns[:p]
        found._centres = [0.0] * first + columns[p : 2 * p]
        found._limits = [math.inf] * first + columns[2 * p :]
        return found


def _add_precisions(root: SquareRoot, precisions: Any) -> None:
    """Add rows that represent the priors of single columns."""
    row = [0.0] * root.size
    for j, precision in precisions:
        if precision > 0.0:
            row[j] = 1.0
            root.add(row, 0.0, precision)
            row[j] = 0.0


def _ratio(
    factor: Any, target: Any, squares: float, variances: Any, n: float, alpha: float, beta: float
) -> float:
    """Return the c with the largest posterior density on a grid."""
    varying = variances > 0.0
    p = int(varying.sum())
    if p == 0:
        return 1.0
    left, lengths, _ = np.linalg.svd(factor[:, varying] / np.sqrt(variances[varying]))
    squared = lengths * lengths
    along = (left.T @ target)[:p] ** 2
    rest = squares + float(np.sum((left.T @ target)[p:] ** 2))
    c = p / _RATIOS[:, None]
    shares = c / (c + squared)
    residuals = rest + shares @ along
    score = 0.5 * np.log(shares).sum(axis=1) + np.log(_RATIOS) - 2.0 * np.log1p(_RATIOS)
    half = alpha + 0.5 * max(n, 0.0)
    if half > 0.0:
        with np.errstate(divide="ignore"):  # a target whose values have all been equal
            score -= half * np.log(beta + 0.5 * residuals)
    return float(c[np.argmax(score), 0])
