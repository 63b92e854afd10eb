# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Readers of observations: each writes one kind of observation into its place in a row.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower. Missing
values are NaN in a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError
from seqbayes.numerics import sc

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import NAN, log
    from cython.cimports.seqbayes.mixture.components.rows import Row, RowReader, number
    from cython.cimports.seqbayes.statistics.pairs import PairSums
    from cython.cimports.seqbayes.statistics.reading import real
else:
    from math import log

    from seqbayes.mixture.components.rows import Row, RowReader, number
    from seqbayes.statistics.pairs import PairSums
    from seqbayes.statistics.reading import real

    NAN = math.nan

from seqbayes.mixture.components.rows import LARGEST, as_observation
from seqbayes.statistics.reading import raise_invalid

OTHER = "(other)"
"""The category for text that did not occur while the buffer was filled."""


@cython.cclass
class NumberReader(RowReader):
    """Reads a real number, or the logarithm of a positive number."""

    _logarithm: cython.bint

    def __init__(self, at: int, logarithm: bool = False) -> None:
        RowReader.__init__(self, at, 1)
        self._logarithm = logarithm

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def read(self, x: object, row: Row) -> cython.int:
        """Write a number into a row."""
        v: cython.double
        if self._logarithm:
            v = real(x, "a finite number > 0")
            if v <= 0.0:
                raise_invalid(x, "a finite number > 0")
            v = log(v)
        else:
            v = number(x)
        row.values[self.at] = v
        return 0

    def read_all(self, xs: Iterable[Any], width: int) -> Any:
        """Return many numbers as rows; an array is converted in one step."""
        if isinstance(xs, np.ndarray) and xs.ndim == 1 and xs.dtype.kind in "fiu":
            values = xs.astype(float)
            low = 0.0 if self._logarithm else -np.inf
            if np.all((np.abs(values) <= LARGEST) & (values > low)):
                return (np.log(values) if self._logarithm else values).reshape(-1, 1)
        return RowReader.read_all(self, xs, width)


@cython.cclass
class PairReader(RowReader):
    """Reads the statistic of Beta and Gamma priors: two sums and a log base measure."""

    _statistics: PairSums

    def __init__(self, at: int, statistics: Any) -> None:
        RowReader.__init__(self, at, 3)
        self._statistics = statistics

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def read(self, x: object, row: Row) -> cython.int:
        """Write the two sums and the log base measure into a row."""
        return self._statistics.write_terms(x, row.values, self.at)

    def vectors(self, rows: Any) -> Any:
        """Return the pairs."""
        return rows[:, self.at : self.at + 2]


@cython.cclass
class LabelReader(RowReader):
    """Reads a category as its index in the list of categories."""

    _places: dict[Any, int]
    _statistics: Any
    _lenient: cython.bint

    def __init__(self, at: int, statistics: Any) -> None:
        RowReader.__init__(self, at, 1)
        self._statistics, self._lenient = statistics, False
        self._places = {label: i for i, label in enumerate(statistics.cells)}

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def read(self, x: object, row: Row) -> cython.int:
        """Write the position of a category into a row."""
        try:
            place = self._places.get(x)
        except TypeError:
            place = None
        if place is None and self._lenient and isinstance(x, str):
            place = self._places.get(OTHER)
        if place is None:
            self._statistics.observe(x, 0.0)  # this raises the error
        row.values[self.at] = cython.cast(int, place)
        return 0

    def ignore_unknown(self, ignore: bool) -> None:
        """Set whether unknown text is assigned to the category "other", if there is one."""
        self._lenient = ignore

    def vectors(self, rows: Any) -> Any:
        """Return one-hot vectors, which have no column for the category of other text."""
        places = rows[:, self.at]
        chosen = np.where(np.isnan(places), 0.0, places).astype(int)
        vectors = np.eye(len(self._places))[chosen]
        vectors[np.isnan(places)] = math.nan
        return vectors[:, [place for label, place in self._places.items() if label != OTHER]]


@cython.cclass
class CountsReader(RowReader):
    """Reads counts of all categories, and a log base measure.

    An observation is a mapping, or the counts in the order of the categories.
    """

    _state: Any
    _whole: cython.bint

    def __init__(self, at: int, state: Any) -> None:
        RowReader.__init__(self, at, len(state.categories) + 1)
        self._state, self._whole = state, state.likelihood.whole

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def read(self, x: object, row: Row) -> cython.int:
        """Write the counts and the log base measure into a row."""
        i: cython.Py_ssize_t = self.at
        if isinstance(x, (list, tuple, np.ndarray)):
            if len(x) != self.size - 1:
                raise_invalid(x, f"a mapping of counts, or {self.size - 1} counts")
            if not self._whole:
                table = np.array([[number(v) for v in x]])
                if table.min() < 0.0:
                    raise_invalid(x, "counts >= 0")
                for v in self.read_all(table, self.size)[0]:
                    row.values[i] = v
                    i += 1
                return 0
            x = dict(zip(self._state.categories, x, strict=True))
        one: Any = self._state.observe(x)
        for v in one.value:
            row.values[i] = v
            i += 1
        row.values[i] = one.log_base
        return 0

    def read_all(self, xs: Iterable[Any], width: int) -> Any:
        """Return many observations as rows; a table of counts is converted in one step."""
        if (
            isinstance(xs, np.ndarray)
            and xs.ndim == 2
            and xs.shape[1] == self.size - 1
            and width == self.size
            and xs.dtype.kind in "fiu"
        ):
            values = xs.astype(float)
            totals = values.sum(axis=1)
            good = (values >= 0.0) & (values <= LARGEST)
            if self._whole:
                good &= values == np.floor(values)
            trials = self._state.likelihood.trials
            if good.all() and (trials is None or (totals == trials).all()):
                log_base = sc.gammaln(totals + 1.0) - sc.gammaln(values + 1.0).sum(axis=1)
                return np.ascontiguousarray(np.column_stack([values, log_base]))
        return RowReader.read_all(self, xs, width)

    def vectors(self, rows: Any) -> Any:
        """Return the counts."""
        return rows[:, self.at : self.at + self.size - 1]


@cython.cclass
class VectorReader(RowReader):
    """Reads numbers by position or by name; an absent name is a missing value.

    Parameters
    ----------
    names
        Names of the features. If None, mappings are invalid.

    """

    _lenient: cython.bint
    _places: dict[Any, int]

    def __init__(self, at: int, size: int, names: Iterable[Any] | None = None) -> None:
        RowReader.__init__(self, at, size)
        self._lenient = False
        self._places = {name: i for i, name in enumerate(names or ())}

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def read(self, x: Any, row: Row) -> cython.int:
        """Write a vector or a mapping of features into a row."""
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t = self.at
        missing: cython.Py_ssize_t = 0
        if isinstance(x, dict):
            return self._read_features(x, row)
        if not isinstance(x, (list, tuple)):
            if isinstance(x, Mapping):
                return self._read_features(dict(x), row)
            if isinstance(x, np.ndarray):
                x = as_observation(x)
        if not isinstance(x, (list, tuple)) or len(x) != self.size:
            raise_invalid(x, f"{self.size} numbers")
        for i in range(self.size):
            if x[i] is None:
                row.values[at + i] = NAN
                missing += 1
            else:
                row.values[at + i] = number(x[i])
        if missing == self.size:
            raise_invalid(x, "at least one value")
        return 0

    def ignore_unknown(self, ignore: bool) -> None:
        """Set whether unknown features are ignored instead of raising an error."""
        self._lenient = ignore

    def read_all(self, xs: Iterable[Any], width: int) -> Any:
        """Return many vectors as rows; an array of shape (n, d) is converted in one step."""
        if (
            isinstance(xs, np.ndarray)
            and xs.ndim == 2
            and xs.shape[1] == self.size == width
            and xs.dtype.kind in "fiu"
        ):
            values = np.require(xs, float, ["C", "W"])
            missing = np.isnan(values)
            if np.all(missing | (np.abs(values) <= LARGEST)) and not missing.all(axis=1).any():
                return values
        return RowReader.read_all(self, xs, width)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read_features(self, x: dict[Any, Any], row: Row) -> cython.int:
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t = self.at
        count: cython.Py_ssize_t = 0
        name: object = None
        places: dict[Any, int] = self._places
        if not places:
            raise_invalid(
                x, f"{self.size} numbers (to use mappings, name the features in the likelihood)"
            )
        for i in range(self.size):
            row.values[at + i] = NAN
        try:
            for name, value in x.items():
                place = places.get(name)
                if place is not None:
                    i = place
                    row.values[at + i] = number(value)
                    count += 1
                elif not self._lenient:
                    count = -1
                    break
        except ObservationError as error:
            raise ObservationError(f"feature {name!r}: {error} (omit missing features)") from None
        if count < 0:
            known = ", ".join(map(repr, places))
            raise ObservationError(f"unknown feature {name!r}: expected {known}")
        if count == 0 and not self._lenient:
            raise_invalid(x, "a value for at least one feature")
        return 0


@cython.cclass
class FieldsReader(RowReader):
    """Reads each feature with a separate reader; absent features are missing values."""

    parts = cython.declare(dict, visibility="readonly")
    _lenient: cython.bint

    def __init__(self, at: int, parts: dict[Any, Any]) -> None:
        RowReader.__init__(self, at, sum(part.size for part in parts.values()))
        self.parts, self._lenient = parts, False

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def read(self, x: Any, row: Row) -> cython.int:
        """Write the values of all features into a row."""
        part: RowReader
        if isinstance(x, np.ndarray):
            x = as_observation(x)
        if not isinstance(x, (dict, Mapping)):
            if not isinstance(x, (list, tuple)) or len(x) != len(self.parts):
                raise_invalid(x, f"a mapping of features, or {len(self.parts)} values")
            x = {name: v for name, v in zip(self.parts, x, strict=True) if v is not None}
        given: Any = x
        for name, part in self.parts.items():
            if name in given:
                try:
                    part.read(given[name], row)
                except ObservationError as error:
                    raise ObservationError(f"feature {name!r}: {error}") from None
            else:
                part.skip(row)
        if not self._lenient and (len(given) == 0 or not given.keys() <= self.parts.keys()):
            known = ", ".join(map(repr, self.parts))
            raise_invalid(x, f"a mapping with features among {known}")
        return 0

    def read_all(self, xs: Iterable[Any], width: int) -> Any:
        """Return many observations as rows; a table of numbers is read by column."""
        if (
            not (
                isinstance(xs, np.ndarray)
                and xs.ndim == 2
                and xs.shape[1] == len(self.parts)
                and xs.dtype.kind in "biuf"
            )
            or np.isnan(xs).all(axis=1).any()
        ):
            return RowReader.read_all(self, xs, width)
        table = np.zeros((len(xs), width))
        for (name, part), values in zip(self.parts.items(), xs.T, strict=True):
            try:
                part.read_column(values, table)
            except ObservationError as error:
                raise ObservationError(f"feature {name!r}, {error}") from None
        return table

    def ignore_unknown(self, ignore: bool) -> None:
        """Set whether unknown features are ignored, and unknown text is counted as other text."""
        self._lenient = ignore
        for part in self.parts.values():
            part.ignore_unknown(ignore)

    def vectors(self, rows: Any) -> Any:
        """Return the concatenated vectors of all features."""
        return np.hstack([part.vectors(rows) for part in self.parts.values()])


@cython.cclass
class ReaderGroup(RowReader):
    """Combines readers of the same observation, for components that have different statistics."""

    readers = cython.declare(list, visibility="readonly")

    def __init__(self, readers: list[Any], width: int) -> None:
        RowReader.__init__(self, 0, width)
        self.readers = readers

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def read(self, x: Any, row: Row) -> cython.int:
        """Write the observation once per reader."""
        reader: RowReader
        for reader in self.readers:
            reader.read(x, row)
        return 0

    def vectors(self, rows: Any) -> Any:
        """Return the vectors of the first reader."""
        return self.readers[0].vectors(rows)
