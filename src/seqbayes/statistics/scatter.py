# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""First and second moments of vectors, for multivariate Normal data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs
    from cython.cimports.seqbayes.statistics.base import ROUNDING, SLACK, Statistics
    from cython.cimports.seqbayes.statistics.exact import lost, lost_product
    from cython.cimports.seqbayes.statistics.reading import real
else:
    from math import fabs

    from seqbayes.statistics.base import ROUNDING, SLACK, Statistics
    from seqbayes.statistics.exact import lost, lost_product
    from seqbayes.statistics.reading import real

from seqbayes.statistics.reading import refuse

# Sums are kept below this, so that what rounding takes from their products is finite.
ROOM = cython.declare(cython.double, 1e300)


class ScatterStatistic(NamedTuple):
    """Total weight, mean = origin + shift (d,), and the scatter (d, d) about that mean."""

    n: Any
    origin: Any
    shift: Any
    squares: Any

    @property
    def mean(self) -> Any:
        """The mean of the data."""
        return self.origin + self.shift


@cython.cclass
class Scatter(Statistics):
    """First and second moments about the first vector, in double-double arithmetic.

    Second moments are kept as the lower triangle, by rows.

    Parameters
    ----------
    dimension
        Length of the vectors.
    features
        Names of the coordinates, for observations that are mappings.
    """

    dimension = cython.declare(cython.Py_ssize_t, visibility="readonly")
    _features: tuple[Any, ...]
    _origin = cython.declare("double[::1]")
    _s1 = cython.declare("double[::1]")
    _s1_low = cython.declare("double[::1]")
    _s2 = cython.declare("double[::1]")
    _s2_low = cython.declare("double[::1]")
    _peak = cython.declare("double[::1]")
    _y = cython.declare("double[::1]")
    _d = cython.declare("double[::1]")
    _d_low = cython.declare("double[::1]")

    def __init__(self, dimension: int, features: tuple[Any, ...] | None = None) -> None:
        Statistics.__init__(self)
        self.dimension = dimension
        self._features = features or ()
        packed = dimension * (dimension + 1) // 2
        self._origin, self._y = np.zeros(dimension), np.zeros(dimension)
        self._d, self._d_low = np.zeros(dimension), np.zeros(dimension)
        self._s1, self._s1_low = np.zeros(dimension), np.zeros(dimension)
        self._s2, self._s2_low = np.zeros(packed), np.zeros(packed)
        self._peak = np.zeros(dimension)

    @property
    def value(self) -> ScatterStatistic:
        """Weight, origin, mean minus origin, and scatter about the mean."""
        d: cython.Py_ssize_t = self.dimension
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t = 0
        n: cython.double = self._n + self._n_low
        shifts = np.zeros(d)
        squares = np.zeros((d, d))
        if n <= 0.0:
            return ScatterStatistic(0.0, np.zeros(d), shifts, squares)
        shift = cython.declare("double[::1]", shifts)
        table = cython.declare("double[:, ::1]", squares)
        for i in range(d):
            shift[i] = (self._s1[i] + self._s1_low[i]) / n
        for i in range(d):
            for j in range(i + 1):
                # S2 - n shift shift', the product exact: what is left is rounding of the inputs
                p: cython.double = shift[i] * self._s1[j]
                p_low: cython.double = lost_product(shift[i], self._s1[j], p)
                p_low += shift[i] * self._s1_low[j]
                v: cython.double = (self._s2[k] - p) + (self._s2_low[k] - p_low)
                if i == j and not v > 0.0:
                    v = 0.0
                table[i, j] = v
                table[j, i] = v
                k += 1
        return ScatterStatistic(n, np.array(self._origin), shifts, squares)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        i: cython.Py_ssize_t
        values: Any = x
        if isinstance(x, np.ndarray):
            values = x.tolist()
        elif isinstance(x, (dict, Mapping)):
            values = self._by_name(x)
        if not isinstance(values, (list, tuple)) or len(values) != self.dimension:
            refuse(x, f"{self.dimension} numbers")
        for i in range(self.dimension):
            self._y[i] = real(values[i], "a finite number in every coordinate")
        return 0

    def _by_name(self, x: Any) -> list[Any]:
        if not self._features:
            refuse(x, "numbers in their order (name the features of a likelihood to use mappings)")
        if len(x) != len(self._features) or not all(name in x for name in self._features):
            refuse(x, f"a mapping with the features {', '.join(map(repr, self._features))}")
        return [x[name] for name in self._features]

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        d: cython.Py_ssize_t = self.dimension
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t = 0
        largest: cython.double = 0.0
        first: cython.bint = self._n == 0.0
        for i in range(d):
            origin: cython.double = self._y[i] if first else self._origin[i]
            self._d[i] = self._y[i] - origin
            self._d_low[i] = lost(self._y[i], -origin, self._d[i])
            if fabs(self._d[i]) > largest:
                largest = fabs(self._d[i])
        if not self._has_room(w, largest):
            raise ObservationError("the observation is too large: its square overflows")
        for i in range(d):
            if first:
                self._origin[i] = self._y[i]
            q: cython.double = w * self._d[i]
            q_low: cython.double = lost_product(w, self._d[i], q) + w * self._d_low[i]
            self._add_first(i, q, q_low)
            for j in range(i + 1):
                p: cython.double = q * self._d[j]
                p_low: cython.double = lost_product(q, self._d[j], p)
                p_low += q * self._d_low[j] + q_low * self._d[j]
                self._add_second(k, p, p_low)
                k += 1
            if self._s2[k - 1] > self._peak[i]:
                self._peak[i] = self._s2[k - 1]
        self._add_common(w, 0.0)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _fits(self, w: cython.double) -> cython.bint:
        i: cython.Py_ssize_t
        largest: cython.double = 0.0
        if self._n != 0.0:
            for i in range(self.dimension):
                if fabs(self._y[i] - self._origin[i]) > largest:
                    largest = fabs(self._y[i] - self._origin[i])
        return self._has_room(w, largest)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _has_room(self, w: cython.double, largest: cython.double) -> cython.bint:
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t = -1
        most: cython.double = 0.0
        for i in range(self.dimension):
            k += i + 1
            if fabs(self._s2[k]) > most:
                most = fabs(self._s2[k])
        return most + fabs(w) * largest * largest < ROOM and fabs(self._n + w) < ROOM

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add_first(
        self, i: cython.Py_ssize_t, q: cython.double, q_low: cython.double
    ) -> cython.int:
        s: cython.double = self._s1[i] + q
        self._s1_low[i] += lost(self._s1[i], q, s) + q_low
        self._s1[i] = s
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add_second(
        self, k: cython.Py_ssize_t, p: cython.double, p_low: cython.double
    ) -> cython.int:
        s: cython.double = self._s2[k] + p
        self._s2_low[k] += lost(self._s2[k], p, s) + p_low
        self._s2[k] = s
        return 0

    def absorb(self, n: float, origin: Any, shift: Any, squares: Any, log_base: float) -> None:
        """Add `n` vectors with mean ``origin + shift`` and scatter `squares` about that mean."""
        shifts = np.asarray(shift, float)
        s1 = n * shifts
        added = np.asarray(squares, float) + np.outer(s1, shifts)
        packed = added[np.tril_indices(self.dimension)]
        if not np.isfinite(packed).all():
            raise ObservationError("an observation is too large: its square overflows")
        empty = np.zeros_like(packed)
        moments = (np.asarray(origin, float), s1, np.zeros_like(s1), packed, empty)
        self._absorb(n, *moments)

    def _absorb(self, n: float, origin: Any, s1: Any, s1_low: Any, s2: Any, s2_low: Any) -> None:
        """Add sums about another origin: S1 gains n d, S2 gains d S1' + S1 d' + n d d'."""
        if n == 0.0:
            return
        d: cython.Py_ssize_t = self.dimension
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t = 0
        first: cython.bint = self._n == 0.0
        t: cython.double
        w: cython.double = n
        about = cython.declare("double[::1]", np.array(origin, float))
        a = cython.declare("double[::1]", np.array(s1, float))
        a_low = cython.declare("double[::1]", np.array(s1_low, float))
        b = cython.declare("double[::1]", np.array(s2, float))
        b_low = cython.declare("double[::1]", np.array(s2_low, float))
        for i in range(d):
            gap: cython.double = 0.0 if first else fabs(about[i] - self._origin[i])
            t = fabs(self._s2[k]) + fabs(b[k]) + gap * (2.0 * fabs(a[i]) + w * gap)
            if not (t < ROOM and self._n + w < ROOM):
                raise ObservationError("the observations are too large: their squares overflow")
            k += i + 2
        k = 0
        for i in range(d):
            if first:
                self._origin[i] = about[i]
            self._d[i] = about[i] - self._origin[i]
            self._d_low[i] = lost(about[i], -self._origin[i], self._d[i])
        for i in range(d):
            nd: cython.double = w * self._d[i]
            nd_low: cython.double = lost_product(w, self._d[i], nd) + w * self._d_low[i]
            for j in range(i + 1):
                self._add_second(k, b[k], b_low[k])
                # (S1_i + n d_i) d_j + d_i S1_j
                t = a[i] + nd
                t_low: cython.double = lost(a[i], nd, t) + a_low[i] + nd_low
                p: cython.double = t * self._d[j]
                p_low: cython.double = lost_product(t, self._d[j], p)
                self._add_second(k, p, p_low + t_low * self._d[j] + t * self._d_low[j])
                p = self._d[i] * a[j]
                p_low = lost_product(self._d[i], a[j], p)
                self._add_second(k, p, p_low + self._d_low[i] * a[j] + self._d[i] * a_low[j])
                k += 1
            if self._s2[k - 1] > self._peak[i]:
                self._peak[i] = self._s2[k - 1]
            self._add_first(i, a[i], a_low[i])
            self._add_first(i, nd, nd_low)
        self._add_common(w, 0.0)

    def _check_removable(self, w: float, last: bool) -> None:
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t = -1
        n: cython.double = self._n + self._n_low
        left: cython.double = (self._n - w) + self._n_low
        for i in range(self.dimension):
            k += i + 1
            d: cython.double = self._y[i] - self._origin[i]
            s1: cython.double = (self._s1[i] - w * d) + self._s1_low[i]
            s2: cython.double = (self._s2[k] - w * d * d) + self._s2_low[k]
            if last:
                s1 = d - (self._s1[i] + self._s1_low[i]) / n
                s2 = -n * s1 * s1
            else:
                s2 -= s1 * s1 / left
            if s2 < -SLACK * fabs(self._s2[k]) - ROUNDING * self._peak[i]:
                raise ObservationError("cannot unlearn what was not learned")

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        if not (Statistics.is_possible(self) and np.isfinite(np.asarray(self._s2)).all()):
            return False
        if self._n + self._n_low <= 0.0:
            return not (np.any(self._s1) or np.any(self._s2))
        squares = self.value.squares
        scale = np.sqrt(np.maximum(np.diagonal(squares), 0.0))
        scale = np.where(scale > 0.0, scale, 1.0)
        least = -SLACK * np.abs(np.asarray(self._s2)[self._diagonal()])
        s1 = np.asarray(self._s1) + np.asarray(self._s1_low)
        s2 = np.asarray(self._s2)[self._diagonal()]
        if np.any(s2 - s1 * s1 / self._n < least):
            return False
        return bool(np.linalg.eigvalsh(squares / np.outer(scale, scale)).min() >= -1e-6)

    def _diagonal(self) -> Any:
        places = np.arange(1, self.dimension + 1)
        return places * (places + 1) // 2 - 1

    def clear(self) -> None:
        """Forget everything."""
        Statistics.clear(self)
        self._scale_all(0.0)
        np.asarray(self._origin)[:] = 0.0

    def _scale_all(self, factor: float) -> None:
        for sums in (*self._vectors()[1:], np.asarray(self._peak)):
            sums *= factor

    def _vectors(self) -> list[Any]:
        """Return the origin, S1 and S2, sums followed by their rounding errors."""
        first = [np.asarray(self._origin), np.asarray(self._s1), np.asarray(self._s1_low)]
        return [*first, np.asarray(self._s2), np.asarray(self._s2_low)]

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        Statistics.scale(self, factor)
        self._scale_all(factor)
        if factor == 0.0:
            self.clear()

    def merge(self, other: Any) -> None:
        """Add what another accumulator of the same kind has seen."""
        dumped = other.dump()
        if dumped[0] == 0.0:
            return
        self._absorb(dumped[0], *self._split(dumped[4:]))
        self._add_common(dumped[1], 0.0)

    def _split(self, numbers: Any) -> list[Any]:
        """Return what `_vectors` returns, from the same numbers in a row."""
        d = self.dimension
        packed = d * (d + 1) // 2
        return np.split(np.array(numbers, float), np.cumsum([d, d, d, packed]))

    def dump(self) -> tuple[float, ...]:
        """Return n, the log base, the origin, S1 and S2, sums followed by their rounding errors."""
        numbers = np.concatenate(self._vectors()).tolist()
        return (self._n, self._n_low, self._h, self._h_low, *numbers)

    def load(self, dumped: Any) -> None:
        """Restore what `dump` returned."""
        for vector, values in zip(self._vectors(), self._split(dumped[4:]), strict=True):
            vector[:] = values
        self._n, self._n_low, self._h, self._h_low = dumped[:4]
        np.asarray(self._peak)[:] = np.asarray(self._s2)[self._diagonal()]
