# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""First and second moments of vectors, for multivariate normal data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, sqrt
    from cython.cimports.seqbayes.statistics.base import Statistics
    from cython.cimports.seqbayes.statistics.exact import product_error
    from cython.cimports.seqbayes.statistics.moments import CANCELLATION_SHARE, Moments
    from cython.cimports.seqbayes.statistics.reading import real
    from cython.cimports.seqbayes.statistics.sum_table import SumTable
    from cython.cimports.seqbayes.statistics.sums import Sum
else:
    from math import fabs, sqrt

    from seqbayes.statistics.base import Statistics
    from seqbayes.statistics.exact import product_error
    from seqbayes.statistics.moments import CANCELLATION_SHARE, Moments
    from seqbayes.statistics.reading import real
    from seqbayes.statistics.sum_table import SumTable
    from seqbayes.statistics.sums import Sum

from seqbayes.statistics.reading import raise_invalid, values_by_name
from seqbayes.statistics.scatter_statistic import ScatterStatistic, from_sums
from seqbayes.statistics.scatter_sums import moved_to_zero, sums_about_zero
from seqbayes.statistics.sums import as_sum

# A global name is looked up faster than an attribute of a module.
ARRAY = cython.declare(object, np.ndarray)

# Splits a float into halves: 2**27 + 1.
SPLITTER = cython.declare(cython.double, 134217729.0)

# Below this share of a variance, the residual variance given other coordinates is inaccurate.
SMALL_PIVOT = cython.declare(cython.double, 1e-4)

# Maximum of the sums, so that the covariance and its factors are finite.
MAX_SUM = cython.declare(cython.double, 1e300)


class Scatter(Statistics):
    """Exact sums (see `sums.Sum`) of vectors and of the products of their coordinates.

    There is one sum per coordinate, followed by one sum per pair of coordinates (the lower
    triangle, by rows).

    Parameters
    ----------
    dimension
        Length of the vectors.
    features
        Names of the coordinates, if observations are mappings.
    """

    def __init__(self, dimension: int, features: tuple[Any, ...] | None = None) -> None:
        Statistics.__init__(self)
        self.dimension = dimension
        self._features = features or ()
        self._y, self._y_high, self._y_low = np.zeros((3, dimension))
        size = dimension + dimension * (dimension + 1) // 2
        self._term, self._term_low = np.zeros((2, size))
        self._sums = SumTable(size)
        if cython.compiled:
            self.y = cython.address(self._y[0])
            self.y_high = cython.address(self._y_high[0])
            self.y_low = cython.address(self._y_low[0])
            self.term = cython.address(self._term[0])
            self.term_low = cython.address(self._term_low[0])
        else:
            self.y, self.y_high, self.y_low = self._y, self._y_high, self._y_low
            self.term, self.term_low = self._term, self._term_low

    @property
    def value(self) -> ScatterStatistic:
        """Weight, origin, mean minus origin, and scatter about the mean."""
        d: cython.Py_ssize_t = self.dimension
        n: cython.double = self._n.total()
        origins = np.zeros(d)
        shifts = np.zeros(d)
        squares = np.zeros((d, d))
        if n <= 0.0:
            return ScatterStatistic(0.0, origins, shifts, squares)
        self._sums.renormalise()
        origin = cython.declare("double[::1]", origins)
        shift = cython.declare("double[::1]", shifts)
        table = cython.declare("double[:, ::1]", squares)
        self._compute_mean(n, origin, shift)
        if not self._compute_scatter(n, origin, shift, table):
            return from_sums(self._n.parts(), [row.copy() for row in self._sums.rows()], d)
        found = ScatterStatistic(n, origins, shifts, squares)
        if _is_singular(table):
            found.sums = (self._n.parts(), [row.copy() for row in self._sums.rows()])
        return found

    def _compute_mean(self, n: cython.double, origin: Any, shift: Any) -> cython.int:
        """Write the mean: the origin is the mean rounded to floats, and the shift is the rest."""
        i: cython.Py_ssize_t
        p: cython.double
        p_low: cython.double
        high = cython.declare("double[::1]", self._sums.high)
        low = cython.declare("double[::1]", self._sums.low)
        for i in range(self.dimension):
            origin[i] = high[i] / n
            p = origin[i] * n
            p_low = product_error(origin[i], n, p) + origin[i] * self._n.low
            shift[i] = ((high[i] - p) + (low[i] - p_low)) / n
        return 0

    def _compute_scatter(
        self, n: cython.double, origin: Any, shift: Any, table: Any
    ) -> cython.bint:
        """Write the scatter about the mean; return False if it needs more precision."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t = self.dimension
        p: cython.double
        p_low: cython.double
        v: cython.double
        high = cython.declare("double[::1]", self._sums.high)
        low = cython.declare("double[::1]", self._sums.low)
        for i in range(self.dimension):
            for j in range(i + 1):
                # S2 - mean S1', with the origin's product in double-double precision
                p = origin[i] * high[j]
                p_low = product_error(origin[i], high[j], p)
                p_low += origin[i] * low[j] + shift[i] * high[j]
                v = (high[k] - p) + (low[k] - p_low)
                table[i, j] = v
                table[j, i] = v
                k += 1
            if v < CANCELLATION_SHARE * high[k - 1] and not (
                # a single observation; after loading, the smallest weight is not known
                v == low[i] == self._n.low == 0.0 and n == self._smallest_weight
            ):
                return False
        for i in range(self.dimension):
            if table[i, i] == 0.0:  # all values are equal
                table[i, :] = 0.0
                table[:, i] = 0.0
        return True

    def _coordinate(self, i: cython.Py_ssize_t) -> Moments:
        """Return the moments of one coordinate."""
        moments: Moments = Moments()
        squares: Sum = self._sums.column(self.dimension + i + i * (i + 1) // 2)
        moments.set_sums(self._n, self._sums.column(i), squares, self._y[i])
        return moments

    def read_terms(self, x: Any) -> cython.int:
        """Read one observation."""
        i: cython.Py_ssize_t
        values: Any = x
        if not isinstance(x, list):
            if type(x) is ARRAY or isinstance(x, np.ndarray):
                values = x.tolist()
            elif isinstance(x, (dict, Mapping)):
                values = values_by_name(x, self._features)
        if not isinstance(values, (list, tuple)) or len(values) != self.dimension:
            raise_invalid(x, f"{self.dimension} numbers")
        for i in range(self.dimension):
            self._y[i] = real(values[i], "a finite number in every coordinate")
        return 0

    def add_terms(self, w: cython.double) -> cython.int:
        """Add the observation that was read, times a weight."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t = self.dimension
        p: cython.double
        q: cython.double
        q_high: cython.double
        q_low: cython.double
        error: cython.double = 0.0
        y: cython.p_double = self.y
        y_high: cython.p_double = self.y_high
        y_low: cython.p_double = self.y_low
        term: cython.p_double = self.term
        term_low: cython.p_double = self.term_low
        self._split(w)
        for i in range(self.dimension):
            q = y[i]
            q_high = y_high[i]
            q_low = y_low[i]
            if w != 1.0:
                q = w * y[i]
                error = product_error(w, y[i], q)
                p = SPLITTER * q
                q_high = p - (p - q)
                q_low = q - q_high
            term[i] = q
            term_low[i] = error
            for j in range(i + 1):
                p = q * y[j]
                term[k + j] = p
                p = (q_high * y_high[j] - p) + q_high * y_low[j]
                term_low[k + j] = (p + q_low * y_high[j]) + q_low * y_low[j]
            k += i + 1
        self._sums.put_terms(self._term, self._term_low)
        if w != 1.0:
            self._put_errors(w)
        self._count(w)
        return 0

    def _split(self, w: cython.double) -> cython.int:
        """Split each coordinate that was read into halves; raise an error if one is too large."""
        i: cython.Py_ssize_t
        p: cython.double
        q: cython.double
        largest: cython.double = 0.0
        smallest: cython.double = self._sums.smallest_term
        y: cython.p_double = self.y
        y_high: cython.p_double = self.y_high
        y_low: cython.p_double = self.y_low
        for i in range(self.dimension):
            q = y[i]
            p = SPLITTER * q
            y_high[i] = p - (p - q)
            y_low[i] = q - y_high[i]
            if fabs(q) > largest:
                largest = fabs(q)
            p = fabs(w) * q * q
            if p < smallest and p != 0.0:
                smallest = p
        if not self._has_room(w, largest):
            raise ObservationError("the observation is too large: its square overflows")
        self._sums.smallest_term = smallest
        return 0

    def _put_errors(self, w: cython.double) -> cython.int:
        """Add the products with the rounding errors of ``w y``."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t = self.dimension
        error: cython.double
        p: cython.double
        for i in range(self.dimension):
            error = product_error(w, self._y[i], w * self._y[i])
            self._term[i] = self._term_low[i] = 0.0
            for j in range(i + 1):
                p = error * self._y[j]
                self._term[k + j] = p
                self._term_low[k + j] = product_error(error, self._y[j], p)
            k += i + 1
        for k in range(self._sums.high.shape[0]):
            if self._term[k] != 0.0:
                self._sums.put_rest(k, self._term[k])
                self._sums.put_rest(k, self._term_low[k])
        return 0

    def fits(self, w: cython.double) -> cython.bint:
        """Whether the observation that was read can be added without overflow."""
        i: cython.Py_ssize_t
        largest: cython.double = 0.0
        for i in range(self.dimension):
            if fabs(self._y[i]) > largest:
                largest = fabs(self._y[i])
        return self._has_room(w, largest)

    def _has_room(self, w: cython.double, largest: cython.double) -> cython.bint:
        """Whether a vector can be added without overflow, given its largest absolute value."""
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t = self.dimension - 1
        most: cython.double = 0.0
        for i in range(self.dimension):
            k += i + 1
            if fabs(self._sums.high[k]) > most:
                most = fabs(self._sums.high[k])
        return most + fabs(w) * (largest * largest) < MAX_SUM and fabs(self._n.high + w) < MAX_SUM

    def add_sums(self, n: float, origin: Any, shift: Any, squares: Any, log_base: float) -> None:
        """Add `n` vectors with mean ``origin + shift`` and scatter `squares` about that mean."""
        other: Scatter = Scatter(self.dimension)
        weights: Sum = as_sum(n)
        other._n, other._h = weights, as_sum(log_base)
        other._smallest_weight = weights.smallest_magnitude
        other._sums.smallest_term = other._smallest_weight
        about_zero = sums_about_zero(weights, origin, shift, squares)
        other._sums.set_columns([total.dump() for total in about_zero])
        self.merge(other)

    def observe_array(self, values: Any, weights: Any) -> None:
        """Add many vectors, the rows of an array, with their weights."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        other: Scatter = Scatter(self.dimension)
        rows = cython.declare("const double[:, ::1]", np.ascontiguousarray(values))
        heavy = cython.declare("const double[::1]", np.ascontiguousarray(weights))
        for i in range(rows.shape[0]):
            for j in range(self.dimension):
                other._y[j] = rows[i, j]
            if heavy[i] != 0.0:
                other.add_terms(heavy[i])
        self.merge(other)

    def check_removable(self, w: cython.double, last: cython.bint) -> cython.int:
        """Raise an error if the observation that was read cannot have been added."""
        i: cython.Py_ssize_t
        for i in range(self.dimension):
            self._coordinate(i).check_removable(w, last)
        return 0

    def is_possible(self) -> bool:
        """Whether data with these sums can exist, up to rounding errors."""
        if not (Statistics.is_possible(self) and np.isfinite(self._sums.rows()).all()):
            return False
        if self._n.total() <= 0.0:
            return not np.any(self._sums.rows())
        if not all(self._coordinate(i).is_possible() for i in range(self.dimension)):
            return False
        n, origin, shift, squares = self.value
        rounding = 1e-9 * n * np.square(origin + shift)  # a smaller scatter may be due to rounding
        scale = np.sqrt(np.maximum(np.diagonal(squares), np.maximum(rounding, 1e-300)))
        return bool(np.linalg.eigvalsh(squares / np.outer(scale, scale)).min() >= -1e-6)

    def clear(self) -> None:
        """Remove all data."""
        Statistics.clear(self)
        self._sums.clear()

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        if factor == 0.0:
            self.clear()
            return
        Statistics.scale(self, factor)
        self._sums.scale(factor)

    def merge(self, other: Any) -> None:
        """Add the data of another accumulator of the same kind; on error, nothing changes."""
        theirs: Scatter = other
        theirs._sums.renormalise()
        rows = [row.copy() for row in theirs._sums.rows()]
        sums = np.abs(np.asarray(self._sums.high)) + np.abs(rows[0])
        if not (sums.max() < MAX_SUM and self._n.high + theirs._n.total() < MAX_SUM):
            raise ObservationError("the data are too large: their squares overflow")
        self.join_sums(theirs.all_sums(), theirs._smallest_weight)
        self._sums.merge(rows, theirs._sums.smallest_term)

    def dump(self) -> tuple[Any, ...]:
        """Return n, the log base, the origin (always 0), S1 and S2.

        n and the log base are each followed by their rounding error; S1 and S2 are followed by the
        rounding errors of all their sums.
        """
        d: cython.Py_ssize_t = self.dimension
        first, rest = self._sums.dump()
        return (*Statistics.dump(self), *[0.0] * d, *first[:d], *rest[:d], *first[d:], *rest[d:])

    def load(self, dumped: Any) -> None:
        """Restore the data that `dump` returned; earlier versions had an origin other than 0."""
        d: cython.Py_ssize_t = self.dimension
        packed: cython.Py_ssize_t = d * (d + 1) // 2
        self.clear()
        Statistics.load(self, dumped[:4])
        origin, numbers = dumped[4 : 4 + d], dumped[4 + d :]
        first = (*numbers[:d], *numbers[2 * d : 2 * d + packed])
        rest = (*numbers[d : 2 * d], *numbers[2 * d + packed :])
        self._sums.load(first, rest)
        if any(origin):
            sums = [self._sums.column(k) for k in range(d + packed)]
            moved = moved_to_zero(self._n, sums, origin)
            self._sums.set_columns([total.dump() for total in moved])


def _is_singular(table: Any) -> cython.bint:
    """Whether a scatter is nearly singular, apart from constant coordinates."""
    d: cython.Py_ssize_t = table.shape[0]
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    v: cython.double
    pivot: cython.double
    factor = cython.declare("double[:, ::1]", np.zeros((d, d)))
    for i in range(d):
        pivot = table[i, i]
        for j in range(i):
            v = table[i, j]
            for k in range(j):
                v -= factor[i, k] * factor[j, k]
            if factor[j, j] != 0.0:
                v /= factor[j, j]
            factor[i, j] = v
            pivot -= v * v
        if pivot < SMALL_PIVOT * table[i, i]:
            return True
        factor[i, i] = sqrt(pivot)
    return False
