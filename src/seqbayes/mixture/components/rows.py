# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Rows of numbers, which are the form of observations that kernels use, and checks of values.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower. Missing
values are NaN in a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import NAN, fabs
    from cython.cimports.seqbayes.statistics.reading import real, weight
else:
    from math import fabs

    from seqbayes.statistics.reading import real, weight

    NAN = math.nan

from seqbayes.statistics.reading import raise_invalid

# Maximum absolute value of a number, so that squares are finite.
LARGEST = 1e150
_LARGEST = cython.declare(cython.double, LARGEST)
# Maximum weight, so that a statistic times the total weight is finite.
MAX_WEIGHT = 1e100
# Maximum number of past rows per component, and of their values, unless there are fewer rows than
# the minimum.
PAST_ROWS = cython.declare(cython.Py_ssize_t, 400)
PAST_VALUES = cython.declare(cython.Py_ssize_t, 1 << 16)
LEAST_PAST_ROWS = cython.declare(cython.Py_ssize_t, 64)
# Approximate number of past rows that are compared, minimum number, and growth of the number of
# observations after which they are compared.
COMPARED_ROWS = cython.declare(cython.Py_ssize_t, 32)
MIN_PAST_ROWS = cython.declare(cython.Py_ssize_t, 24)
CHECK_AFTER = cython.declare(cython.double, 1.25)


def as_observation(x: Any) -> Any:
    """Return a copy of an observation as plain Python values.

    NaN in an array marks a missing value, and becomes None.
    """
    if type(x) is dict:  # this check is faster than that of an abstract class
        return x.copy()
    if isinstance(x, Mapping):
        return dict(x)
    if isinstance(x, (np.ndarray, np.generic)):
        values = x.tolist()
        if isinstance(values, list):
            return tuple([None if v != v else v for v in values])
        return values
    return tuple(x) if isinstance(x, list) else x


def as_observations(xs: Any) -> Any:
    """Convert an array of observations to plain Python values; return other iterables unchanged."""
    if not isinstance(xs, np.ndarray):
        return xs
    return map(as_observation, xs) if xs.ndim > 1 else xs.tolist()


class Row:
    """One observation as numbers.

    Parameters
    ----------
    size
        Number of values.

    Attributes
    ----------
    array : array (size,)
        The values; compiled code accesses the same memory as `values`.
    """

    array: Any

    def __init__(self, size: int) -> None:
        self.array = np.zeros(size)
        self.values = self.array

    def tolist(self) -> list[float]:
        """Return the numbers."""
        numbers: list[float] = self.array.tolist()
        return numbers


class PastRows:
    """A sample of past rows, with their log densities on arrival.

    When the sample is full, every other row is discarded, and later rows are kept half as often.

    Parameters
    ----------
    width
        Length of a row.
    components
        Number of components, to which the maximum number of rows is proportional.

    Attributes
    ----------
    count : int
        Number of rows.
    due : float
        Number of observations after which the next row is kept.
    """

    def __init__(self, width: int, components: int) -> None:
        self.count, self._width = 0, width
        self._size = min(PAST_ROWS * components, max(PAST_VALUES // max(width, 1), LEAST_PAST_ROWS))
        self._first = 0  # number of rows of the start, which have no log density on arrival
        self.due = self._next_check = 0.0
        self._stride = 1.0
        self._rows: Any = None  # created when the first row is kept: many models keep no rows
        self._logs: Any = None

    def keep(self, row: Row, log_density: cython.double, n: cython.double) -> cython.bint:
        """Keep the row of observation `n`; return whether the kept rows should be compared now."""
        i: cython.Py_ssize_t
        if self.count == self._size:
            for i in range(self._size // 2):
                self._rows[i, :] = self._rows[2 * i, :]
                self._logs[i] = self._logs[2 * i]
            self.count = self._size // 2
            self._first = (self._first + 1) // 2
            self._stride *= 2.0
        if self.count == 0:
            self._rows, self._logs = np.zeros((self._size, self._width)), np.zeros(self._size)
            self._next_check = CHECK_AFTER * n
        self._rows[self.count, :] = row.values
        self._logs[self.count] = log_density
        self.count += 1
        self.due = n + self._stride
        if n < self._next_check or self.count - self._first < MIN_PAST_ROWS:
            return False
        self._next_check = CHECK_AFTER * n
        return True

    def start(self, rows: Any, n: cython.double) -> None:
        """Begin with a sample of the rows of a start from `n` observations."""
        several = max(1, (len(rows) + self._size - 1) // self._size)
        kept = rows[::several]
        self.count = self._first = len(kept)
        self._rows, self._logs = np.zeros((self._size, self._width)), np.zeros(self._size)
        np.asarray(self._rows)[: len(kept)] = kept
        self._stride = max(1.0, several * n / max(len(rows), 1))
        self.due, self._next_check = n, CHECK_AFTER * n

    @property
    def compared(self) -> range:
        """The positions of rows whose log densities are compared with those on arrival."""
        return range(self._first, self.count, max(1, (self.count - self._first) // COMPARED_ROWS))

    def to_dict(self) -> dict[str, Any]:
        """Return the rows, and when the next one is due, as plain values."""
        rows = [[None if v != v else v for v in row] for row in self.table.tolist()]
        due = [self.due, self._stride, self._next_check]
        return {"rows": rows, "first": self._first, "due": due}

    def load(self, written: Any) -> None:
        """Restore the data that `to_dict` returned.

        Raises
        ------
        ValueError
            If the values do not match.
        """
        rows = np.array(written["rows"], float).reshape(-1, self._width)
        first, (due, stride, next_check) = written["first"], written["due"]
        if not 0 <= first <= len(rows) <= self._size:
            raise ValueError(f"expected at most {self._size} past rows, got {len(rows)}")
        if not (np.isnan(rows) | (np.abs(rows) <= LARGEST)).all():
            raise ValueError(f"expected past rows of numbers up to {LARGEST:g}")
        if not (
            1.0 <= stride < math.inf and 0.0 <= due < math.inf and 0.0 <= next_check < math.inf
        ):
            expected = "due and next check >= 0 and stride >= 1, all finite"
            raise ValueError(f"expected {expected}, got {written['due']}")
        self.start(rows, due)
        self._first, self._stride, self._next_check = first, stride, next_check

    @property
    def table(self) -> Any:
        """The rows, an array of shape (count, width)."""
        if self.count == 0:
            return np.empty((0, self._width))
        return np.array(self._rows[: self.count])

    def read(self, i: cython.Py_ssize_t, row: Row) -> cython.double:
        """Write the kept row at a position into another row; return its log density on arrival."""
        row.values[:] = self._rows[i, :]
        v: cython.double = self._logs[i]
        return v


def number(x: object) -> cython.double:
    """Return a real number of absolute value up to 1e150; raise an error for other objects."""
    v: cython.double
    if isinstance(x, float):
        v = x
        if fabs(v) <= _LARGEST:
            return v
    v = real(x, "a finite number")
    if fabs(v) > _LARGEST:
        raise_invalid(x, "a finite number with an absolute value of at most 1e150")
    return v


def as_number(x: Any) -> float:
    """Return a finite real number whose absolute value is at most 1e150.

    Raises
    ------
    ObservationError
        If `x` is invalid.
    """
    return number(x)


def as_weight(w: Any) -> float:
    """Return a weight from 0 to 1e100.

    Raises
    ------
    ObservationError
        If `w` is invalid.
    """
    v: cython.double = weight(w)
    if v > MAX_WEIGHT:
        raise_invalid(w, "a weight of at most 1e100")
    return v


class RowReader:
    """Reads an observation, or one of its features, into its position in a row.

    Parameters
    ----------
    at
        Position in a row of the first number that the reader writes.
    size
        The number of values that the reader writes.
    """

    def __init__(self, at: int, size: int) -> None:
        self.at, self.size = at, size

    def read(self, x: object, row: Row) -> cython.int:
        """Write an observation into a row, and return 0.

        Raises
        ------
        ObservationError
            If the observation is outside the support.
        """
        raise NotImplementedError

    def skip(self, row: Row) -> cython.int:
        """Mark the values as missing, and return 0."""
        i: cython.Py_ssize_t
        for i in range(self.size):
            row.values[self.at + i] = NAN
        return 0

    def read_all(self, xs: Iterable[Any], width: int) -> Any:
        """Return many observations as an array of shape (n, width).

        Raises
        ------
        ObservationError
            If an observation is outside the support; the message gives its position.
        """
        several = list(as_observations(xs))
        rows = np.empty((len(several), width))
        table = cython.declare("double[:, ::1]", rows)
        row: Row = Row(width)
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        for i in range(table.shape[0]):
            try:
                self.read(several[i], row)
            except ObservationError as error:
                raise ObservationError(f"observation {i}: {error}") from None
            for j in range(table.shape[1]):
                table[i, j] = row.values[j]
        return rows

    def read_column(self, values: Any, table: Any) -> None:
        """Write n values of one feature into their positions in rows; NaN marks a missing value."""
        row = Row(table.shape[1])
        for i, x in enumerate(values.tolist()):
            if x is None or x != x:
                self.skip(row)
            else:
                try:
                    self.read(x, row)
                except ObservationError as error:
                    raise ObservationError(f"observation {i}: {error}") from None
            table[i, self.at : self.at + self.size] = row.array[self.at : self.at + self.size]

    def vectors(self, rows: Any) -> Any:
        """Return rows as vectors, of shape (n, m), for clustering; NaN marks a missing value."""
        return rows[:, self.at : self.at + self.size]

    def ignore_unknown(self, ignore: bool) -> None:
        """Set whether unknown features are ignored; readers without feature names do nothing."""
