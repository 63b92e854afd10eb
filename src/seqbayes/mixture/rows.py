# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Observations as rows of numbers, which is what the kernels read.

Plain Python source that Cython compiles; uncompiled it does the same, slower. A value that was not
seen is NaN in its row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import NAN, fabs, log
    from cython.cimports.seqbayes.statistics.pairs import PairSums
    from cython.cimports.seqbayes.statistics.reading import real
else:
    from math import fabs, log

    from seqbayes.statistics.pairs import PairSums
    from seqbayes.statistics.reading import real

    NAN = math.nan

from seqbayes.statistics.reading import read_weight, refuse

# Of numbers, in size: so that squares stay finite.
LARGEST = 1e150
_LARGEST = cython.declare(cython.double, LARGEST)
# So that a statistic times the weight of all that was seen is, too.
HEAVIEST = 1e100


def number(x: object) -> cython.double:
    """Return a finite real number of at most 1e150 in size, refusing all else."""
    v: cython.double = real(x, "a finite number")
    if fabs(v) > _LARGEST:
        refuse(x, "a finite number of at most 1e150 in size")
    return v


def as_number(x: Any) -> float:
    """Return a finite real number of at most 1e150 in size.

    Raises
    ------
    ObservationError
        If `x` is none.
    """
    return number(x)


def as_weight(w: Any) -> float:
    """Return a weight from 0 to 1e100.

    Raises
    ------
    ObservationError
        If `w` is none.
    """
    v = read_weight(w)
    if v > HEAVIEST:
        refuse(w, "a weight of at most 1e100")
    return v


class Reader:
    """Reads one observation, or one feature of it, into the row that the kernels share.

    Parameters
    ----------
    row
        An array that the reader and the kernels share.
    at
        Where in the row its numbers begin.
    size
        How many they are.
    """

    def __init__(self, row: Any, at: int, size: int) -> None:
        self._row = row
        self.at, self.size = at, size

    def _read(self, x: object) -> cython.int:
        raise NotImplementedError

    def _skip(self) -> cython.int:
        """Write that nothing was seen."""
        i: cython.Py_ssize_t
        for i in range(self.size):
            self._row[self.at + i] = NAN
        return 0

    def read(self, x: Any) -> None:
        """Write an observation into the row.

        Raises
        ------
        ObservationError
            If it is outside the support.
        """
        self._read(x)

    def read_all(self, xs: Iterable[Any], width: int) -> Any:
        """Return the rows (n, width) of many observations.

        Raises
        ------
        ObservationError
            If one is outside the support; it says which.
        """
        rows = []
        row = np.asarray(self._row)
        for i, x in enumerate(xs.tolist() if isinstance(xs, np.ndarray) else xs):
            try:
                self._read(x)
            except ObservationError as error:
                raise ObservationError(f"observation {i}: {error}") from None
            rows.append(row.copy())
        return np.array(rows).reshape(len(rows), width)

    def vectors(self, rows: Any) -> Any:
        """Return rows as vectors (n, m) to cluster by; NaN is what was not seen."""
        return rows[:, self.at : self.at + self.size]


@cython.cclass
class Number(Reader):
    """A real number, or the logarithm of one above zero."""

    _logarithm: cython.bint

    def __init__(self, row: Any, at: int, logarithm: bool = False) -> None:
        Reader.__init__(self, row, at, 1)
        self._logarithm = logarithm

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        v: cython.double
        if self._logarithm:
            v = real(x, "a finite number > 0")
            if v <= 0.0:
                refuse(x, "a finite number > 0")
            v = log(v)
        else:
            v = number(x)
        self._row[self.at] = v
        return 0

    def read_all(self, xs: Iterable[Any], width: int) -> Any:
        """Return the rows of many numbers, those of an array at once."""
        if isinstance(xs, np.ndarray) and xs.ndim == 1 and xs.dtype.kind in "fiu":
            values = xs.astype(float)
            low = 0.0 if self._logarithm else -np.inf
            if np.all((np.abs(values) <= LARGEST) & (values > low)):
                return (np.log(values) if self._logarithm else values).reshape(-1, 1)
        return Reader.read_all(self, xs, width)


@cython.cclass
class Pair(Reader):
    """What Beta and Gamma priors learn from: two sums and a log base measure."""

    _statistics: PairSums

    def __init__(self, row: Any, at: int, statistics: Any) -> None:
        Reader.__init__(self, row, at, 3)
        self._statistics = statistics

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        self._statistics._read(x)
        self._row[self.at] = self._statistics._read_a
        self._row[self.at + 1] = self._statistics._read_b
        self._row[self.at + 2] = self._statistics._log_base
        return 0

    def vectors(self, rows: Any) -> Any:
        """Return the pairs."""
        return rows[:, self.at : self.at + 2]


@cython.cclass
class Label(Reader):
    """A category, as its place among all."""

    _places: dict[Any, int]
    _statistics: Any

    def __init__(self, row: Any, at: int, statistics: Any) -> None:
        Reader.__init__(self, row, at, 1)
        self._statistics = statistics
        self._places = {label: i for i, label in enumerate(statistics.cells)}

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        try:
            place = self._places.get(x)
        except TypeError:
            place = None
        if place is None:
            self._statistics.observe(x, 0.0)  # refuses it, and says why
        self._row[self.at] = cython.cast(int, place)
        return 0

    def vectors(self, rows: Any) -> Any:
        """Return a vector of zeros and a one for every category."""
        places = rows[:, self.at]
        chosen = np.where(np.isnan(places), 0.0, places).astype(int)
        vectors = np.eye(len(self._places))[chosen]
        vectors[np.isnan(places)] = math.nan
        return vectors


@cython.cclass
class Counts(Reader):
    """Counts of all categories, and a log base measure."""

    _state: Any

    def __init__(self, row: Any, at: int, state: Any) -> None:
        Reader.__init__(self, row, at, len(state.categories) + 1)
        self._state = state

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        one: Any = self._state.observe(x)
        i: cython.Py_ssize_t = self.at
        for v in one.value:
            self._row[i] = v
            i += 1
        self._row[i] = one.log_base
        return 0

    def vectors(self, rows: Any) -> Any:
        """Return the counts."""
        return rows[:, self.at : self.at + self.size - 1]


@cython.cclass
class Vector(Reader):
    """Numbers by their place, or by their names; a name that is absent was not seen.

    Parameters
    ----------
    names
        Names of the features; without them mappings are refused.

    Attributes
    ----------
    lenient : bool
        Whether features of other names are passed over, and not refused.
    """

    lenient = cython.declare(cython.bint, visibility="public")
    _places: dict[Any, int]

    def __init__(self, row: Any, at: int, size: int, names: Iterable[Any] | None = None) -> None:
        Reader.__init__(self, row, at, size)
        self.lenient = False
        self._places = {name: i for i, name in enumerate(names or ())}

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t = self.at
        if isinstance(x, (dict, Mapping)):
            return self._read_mapping(x)
        if isinstance(x, np.ndarray):
            x = x.tolist()
        if not isinstance(x, (list, tuple)) or len(x) != self.size:
            refuse(x, f"{self.size} numbers")
        for i in range(self.size):
            self._row[at + i] = number(x[i])
        return 0

    def read_all(self, xs: Iterable[Any], width: int) -> Any:
        """Return the rows of many vectors, those of an array (n, d) at once."""
        if (
            isinstance(xs, np.ndarray)
            and xs.ndim == 2
            and xs.shape[1] == self.size == width
            and xs.dtype.kind in "fiu"
        ):
            values = np.ascontiguousarray(xs, float)
            if np.all(np.abs(values) <= LARGEST):
                return values
        return Reader.read_all(self, xs, width)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read_mapping(self, x: Any) -> cython.int:
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t = self.at
        v: cython.double
        seen: cython.Py_ssize_t = 0
        if not self._places:
            refuse(x, f"{self.size} numbers (name the features of a likelihood to use mappings)")
        self._skip()
        for name, value in x.items():
            place = self._places.get(name)
            if place is None:
                if self.lenient:
                    continue
                known = ", ".join(map(repr, self._places))
                raise ObservationError(f"unknown feature {name!r}: expected {known}")
            try:
                v = number(value)
            except ObservationError as error:
                raise ObservationError(
                    f"feature {name!r}: {error} (leave out what is missing)"
                ) from None
            i = place
            self._row[at + i] = v
            seen += 1
        if seen == 0 and not self.lenient:
            refuse(x, "a value of at least one feature")
        return 0


@cython.cclass
class Fields(Reader):
    """A value for every feature, each read by a reader of its own; absent ones were not seen."""

    parts = cython.declare(dict, visibility="readonly")

    def __init__(self, row: Any, at: int, parts: dict[Any, Any]) -> None:
        Reader.__init__(self, row, at, sum(part.size for part in parts.values()))
        self.parts = parts

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        part: Reader
        if isinstance(x, np.ndarray):
            x = x.tolist()
        if not isinstance(x, (dict, Mapping)):
            if not isinstance(x, (list, tuple)) or len(x) != len(self.parts):
                refuse(x, f"a mapping of features, or {len(self.parts)} values")
            x = dict(zip(self.parts, x, strict=True))
        given: Any = x
        for name, part in self.parts.items():
            if name in given:
                try:
                    part._read(given[name])
                except ObservationError as error:
                    raise ObservationError(f"feature {name!r}: {error}") from None
            else:
                part._skip()
        if len(given) == 0 or not given.keys() <= self.parts.keys():
            known = ", ".join(map(repr, self.parts))
            refuse(x, f"a mapping with features among {known}")
        return 0

    def vectors(self, rows: Any) -> Any:
        """Return the vectors of all features, side by side."""
        return np.hstack([part.vectors(rows) for part in self.parts.values()])


@cython.cclass
class Several(Reader):
    """Readers of the same observation, for components that take different things from it."""

    readers = cython.declare(list, visibility="readonly")

    def __init__(self, row: Any, readers: list[Any]) -> None:
        Reader.__init__(self, row, 0, len(row))
        self.readers = readers

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        reader: Reader
        for reader in self.readers:
            reader._read(x)
        return 0

    def vectors(self, rows: Any) -> Any:
        """Return what the first of them makes of it."""
        return self.readers[0].vectors(rows)
