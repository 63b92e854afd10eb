"""The triangular square root of a matrix of squares and products, the statistic of a regression.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower. Givens
rotations add a row of features with its target to the factor. They are more accurate than sums of
products: their error grows with the condition number of the rows, not with its square.

References
----------
.. [1] Golub, G. H. and Van Loan, C. F. (2013). Matrix Computations, 4th ed., sections 5.1 and 6.5.
.. [2] Bierman, G. J. (1977). Factorization Methods for Discrete Sequential Estimation, chapter 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import hypot, log, sqrt
else:
    from math import hypot, log, sqrt


@cython.cclass
class SquareRoot:
    """Upper triangular R and z with ``R'R = sum w x x'``, ``R'z = sum w x y``, over rows (x, y).

    ``squares`` is the sum of squared residuals at the solution of ``R theta = z``, over all rows,
    including those that represent a prior.

    Examples
    --------
    >>> root = SquareRoot()
    >>> root.append(0.0)
    >>> root.append(0.0)
    >>> for x, y in [(0, 1), (1, 3), (2, 5)]:
    ...     root.add([1.0, x], y)
    >>> root.solve()
    array([1., 2.])
    """

    size = cython.declare(cython.Py_ssize_t, visibility="readonly")
    squares = cython.declare(cython.double, visibility="readonly")
    _factor = cython.declare("object")
    _target = cython.declare("object")
    _row = cython.declare("object")

    def __init__(self) -> None:
        self.size = 0
        self.squares = 0.0
        self._factor = np.zeros((0, 0))
        self._target = np.zeros(0)
        self._row = np.zeros(0)

    def append(self, diagonal: float) -> None:
        """Add a feature that was zero in all rows, and a row that contains only this feature."""
        n: cython.Py_ssize_t = self.size
        if n == len(self._row):
            capacity = max(8, 2 * n)
            factor, target = np.zeros((capacity, capacity)), np.zeros(capacity)
            factor[:n, :n], target[:n] = self._factor, self._target
            self._factor, self._target, self._row = factor, target, np.zeros(capacity)
        self._factor[n, n] = diagonal
        self.size = n + 1

    @cython.boundscheck(False)
    @cython.wraparound(False)
    @cython.cdivision(True)
    def add(self, row: Sequence[float], y: float, w: float = 1.0) -> None:
        """Rotate a row of `size` features with target `y` and weight `w` into the factor."""
        r = cython.declare("double[:, ::1]", self._factor)
        z = cython.declare("double[::1]", self._target)
        x = cython.declare("double[::1]", self._row)
        n: cython.Py_ssize_t = self.size
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        root: cython.double = sqrt(w)
        residual: cython.double = root * y
        for i in range(n):
            x[i] = root * cython.cast(cython.double, row[i])
        for i in range(n):
            if x[i] == 0.0:
                continue
            length: cython.double = hypot(r[i, i], x[i])
            c: cython.double = r[i, i] / length
            s: cython.double = x[i] / length
            r[i, i] = length
            t: cython.double
            for j in range(i + 1, n):
                t = c * r[i, j] + s * x[j]
                x[j] = c * x[j] - s * r[i, j]
                r[i, j] = t
            t = c * z[i] + s * residual
            residual = c * residual - s * z[i]
            z[i] = t
        self.squares += residual * residual

    @cython.boundscheck(False)
    @cython.wraparound(False)
    @cython.cdivision(True)
    def solve(self, target: Any = None) -> Any:
        """Return the solution of ``R theta = z``; components that no row determines are zero.

        `target` replaces z.
        """
        n: cython.Py_ssize_t = self.size
        solution = np.zeros(n)
        r = cython.declare("double[:, ::1]", self._factor)
        z = cython.declare("double[::1]", self._target if target is None else target)
        theta = cython.declare("double[::1]", solution)
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        for i in range(n - 1, -1, -1):
            v: cython.double = z[i]
            for j in range(i + 1, n):
                v -= r[i, j] * theta[j]
            theta[i] = v / r[i, i] if r[i, i] != 0.0 else 0.0
        return solution

    @cython.boundscheck(False)
    @cython.wraparound(False)
    @cython.cdivision(True)
    def leverage(self, row: Sequence[float]) -> float:
        """Return ``x' (R'R)**-1 x``; infinite if the rows do not determine every component of x."""
        r = cython.declare("double[:, ::1]", self._factor)
        x = cython.declare("double[::1]", self._row)
        n: cython.Py_ssize_t = self.size
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        total: cython.double = 0.0
        for i in range(n):
            x[i] = row[i]
        for i in range(n):
            if x[i] == 0.0:
                continue
            if r[i, i] == 0.0:
                return float("inf")
            v: cython.double = x[i] / r[i, i]
            for j in range(i + 1, n):
                x[j] -= r[i, j] * v
            x[i] = v
            total += v * v
        return total

    def whiten(self, row: Sequence[float]) -> Any:
        """Return ``R**-T x``; its squared norm is the leverage, if that is finite."""
        self.leverage(row)
        return self._row[: self.size].copy()

    def column_lengths(self) -> Any:
        """Return the lengths of the columns of R: the norm of each feature over all rows."""
        return np.sqrt(np.square(self._factor[: self.size, : self.size]).sum(axis=0))

    @property
    def factor(self) -> Any:
        """The matrix R."""
        return self._factor[: self.size, : self.size].copy()

    @property
    def target(self) -> Any:
        """The vector z."""
        return self._target[: self.size].copy()

    @property
    def log_determinant(self) -> float:
        """Log of the determinant of R."""
        r = cython.declare("double[:, ::1]", self._factor)
        i: cython.Py_ssize_t
        total: cython.double = 0.0
        for i in range(self.size):
            if r[i, i] == 0.0:
                return float("-inf")
            total += log(r[i, i])
        return total

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.factor, self.target, self.squares)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def load(self, factor: Any, target: Any, squares: cython.double) -> cython.int:
        """Replace the contents without validation."""
        self.size = len(target)
        self.squares = squares
        self._factor, self._target, self._row = factor, target, np.zeros(len(target))
        return 0


def _restore(factor: Any, target: Any, squares: float) -> SquareRoot:
    root = SquareRoot()
    root.load(np.array(factor), np.array(target), squares)  # a memory map may be read-only
    return root
