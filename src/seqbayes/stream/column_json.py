# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Compiled conversion of the rows of `Columns` to and from the JSON of states in a store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from seqbayes.events.keys import read_key
from seqbayes.statistics.columns import Columns
from seqbayes.statistics.sum_columns import PARTS
from seqbayes.stream.codec import StateCodec
from seqbayes.stream.key_rows import KeyRows, key_text
from seqbayes.stream.state_form import MAX_NUMBER_SIZE

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.unicode import PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
    from cython.cimports.libc.math import isfinite
    from cython.cimports.libc.string import memchr, memcpy
    from cython.cimports.seqbayes.statistics.exact import rounding_error
    from cython.cimports.seqbayes.stream.state_form import StateForm
else:
    from math import isfinite

    from seqbayes.statistics.exact import rounding_error
    from seqbayes.stream.state_form import StateForm

    memchr: Any = None
    memcpy: Any = None
    PyUnicode_AsUTF8AndSize: Any = None
    PyUnicode_DecodeUTF8: Any = None

Array = Any

_PARTS = cython.declare(cython.int, PARTS)
# Placeholder sums, which are replaced by the two numbers of each sum; all other JSON is the same in
# every row.
_HIGH, _LOW = 4096.5, 2.0**-50


@cython.cfunc
@cython.exceptval(-1, check=True)
def _copy_key(key: str, to: cython.p_char) -> cython.Py_ssize_t:
    """Convert a key from JSON to its text (see `key_text`); return the length of the text.

    The key is usually one string without escapes. The text has at most one byte more than the JSON.
    """
    size: cython.Py_ssize_t = 0
    text: cython.p_char = PyUnicode_AsUTF8AndSize(key, cython.address(size))
    if (
        size >= 4
        and text[0] == 91
        and text[1] == 34
        and text[size - 2] == 34
        and text[size - 1] == 93
        and memchr(text + 2, 34, size - 4) == cython.NULL
        and memchr(text + 2, 92, size - 4) == cython.NULL
    ):
        memcpy(to, text + 2, size - 4)
        return size - 4
    other: str = cython.cast(str, key_text(read_key(key)))
    text = PyUnicode_AsUTF8AndSize(other, cython.address(size))
    memcpy(to, text, size)
    return size


@cython.cfunc
@cython.exceptval(check=False)
def _have_columns(
    values: cython.p_double,
    column_of: cython.p_int,
    n: cython.Py_ssize_t,
) -> cython.bint:
    """Return whether rounded values and remainders are valid, and nonzero ones have columns."""
    k: cython.Py_ssize_t
    for k in range(n):
        if values[k] != 0.0 and column_of[k] < 0:
            return False
        if k & 1 and values[k] + values[k - 1] != values[k - 1]:
            return False
    return True


@cython.final
@cython.cclass
class _RowReader:
    """Reads the JSON of states into rows of columns.

    Parameters
    ----------
    form
        The JSON of the states.
    columns
        The columns, none of which may be added while this object is used.
    column_of : array of int
        The column of each slot; -1 if the slot has none.
    short
        Whether JSON that begins with a bracket lacks the text before and after the statistics.
    """

    form: StateForm
    values: cython.p_double
    column_of: cython.p_int
    cells: cython.p_double
    n: cython.Py_ssize_t
    width: cython.Py_ssize_t
    brief: cython.bint
    _kept: tuple[Any, ...]

    def __init__(self, form: StateForm, columns: Columns, column_of: Array, short: bool) -> None:
        values: Array = np.zeros(len(column_of))
        value_view = cython.declare("double[::1]", values)
        column_view = cython.declare("int[::1]", column_of)
        cells = cython.declare("double[:, ::1]", columns.cells)
        self._kept = values, column_of, columns.cells  # the arrays that the pointers refer to
        self.form, self.n, self.brief = form, len(column_of), short
        self.width = columns.cells.shape[1]
        self.values = cython.address(value_view[0])
        self.column_of = cython.address(column_view[0])
        self.cells = cython.address(cells[0, 0])

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def read(self, text: str, row: cython.Py_ssize_t) -> cython.bint:
        """Read a state into an empty row; return False if the codec must read it."""
        size: cython.Py_ssize_t = 0
        k: cython.Py_ssize_t
        data: cython.p_char = PyUnicode_AsUTF8AndSize(text, cython.address(size))
        if not (
            self.form.read(data, size, self.brief, self.values)
            and _have_columns(self.values, self.column_of, self.n)
        ):
            return False
        for k in range(self.n):
            if self.column_of[k] >= 0:
                self.cells[row * self.width + self.column_of[k]] = self.values[k]
        return True


@cython.cfunc
@cython.exceptval(-1, check=True)
def _size_of_keys(rows: Sequence[tuple[Any, ...]], start: cython.Py_ssize_t) -> cython.Py_ssize_t:
    """Return an upper bound on the size of the key texts of some rows; see `_copy_key`."""
    size: cython.Py_ssize_t = 0
    total: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t
    for i in range(start, len(rows)):
        PyUnicode_AsUTF8AndSize(rows[i][1], cython.address(size))
        total += size + 1
    return total


@cython.cfunc
@cython.exceptval(check=False)
def _read_sums(
    row: cython.p_double, places: cython.p_int, n_sums: cython.Py_ssize_t, values: cython.p_double
) -> cython.bint:
    """Read the two parts of each sum of a row; return False if a sum has more than two parts."""
    j: cython.Py_ssize_t
    r: cython.Py_ssize_t
    high: cython.double
    low: cython.double
    total: cython.double
    for j in range(n_sums):
        for r in range(2, _PARTS):
            if places[j * _PARTS + r] >= 0 and row[places[j * _PARTS + r]] != 0.0:
                return False
        high = row[places[j * _PARTS]] if places[j * _PARTS] >= 0 else 0.0
        low = row[places[j * _PARTS + 1]] if places[j * _PARTS + 1] >= 0 else 0.0
        total = high + low
        if not isfinite(total):
            return False
        values[2 * j] = total if low != 0.0 else high
        values[2 * j + 1] = rounding_error(high, low, total) if low != 0.0 else low
    return True


class ColumnJson:
    """Reads and writes the JSON of states whose statistics are rows of columns.

    The class handles states that differ only in their sums, each stored as two numbers: a rounded
    value and the remainder. All other states are left to the codec.

    Parameters
    ----------
    codec
        The codec of the states.
    columns
        The columns.
    """

    def __init__(self, codec: StateCodec, columns: Columns) -> None:
        self._codec, self._columns = codec, columns
        self._form = self._find_form() if cython.compiled else None

    def _find_form(self) -> StateForm | None:
        """Find the sums in the JSON of a state; None unless each of them occurs exactly once."""
        statistics = self._columns.empty().scratch
        slots: dict[str, int] = {}
        for j, each in enumerate(statistics.row_sums()):
            high, low = _HIGH + j, _LOW * (1.0 + j / 1024.0)
            each.set_parts((high, low, 0.0, 0.0, 0.0))
            slots[_number(high)], slots[_number(low)] = 2 * j, 2 * j + 1
        text = self._codec.write_statistics(statistics.dump())
        parts = re.split(f"(?<![0-9.])({'|'.join(map(re.escape, slots))})(?![0-9.e])", text)
        pieces, numbers = parts[::2], parts[1::2]
        if sorted(numbers) != sorted(slots):
            return None
        sizes = len(self._codec.head.encode()), len(self._codec.tail.encode())
        return StateForm(
            [piece.encode() for piece in pieces], [slots[each] for each in numbers], *sizes
        )

    def read(
        self,
        rows: Sequence[tuple[Any, ...]],
        start: int,
        short: bool,
        names: KeyRows,
        places: Array,
    ) -> int:
        """Append stored states to the columns, up to the first that the codec must read.

        Parameters
        ----------
        rows
            Tuples that begin with the place, the key and the JSON of a state.
        start
            Index of the first element to read.
        short
            Whether JSON that begins with a bracket lacks the text before and after the statistics.
        names, places
            The keys and the places of the rows; the keys and places of the states are added. The
            columns and `places` have room for them.

        Returns
        -------
        int
            Index of the first state that was not appended.
        """
        columns = self._columns
        if self._form is None or columns.n_columns == 0:
            return start
        n: cython.Py_ssize_t = len(rows) - start
        first: cython.Py_ssize_t = columns.n_rows
        reader: _RowReader = _RowReader(self._form, columns, self._columns_of_slots(), short)
        place_of = cython.declare("long long[::1]", places)
        end_view: Array = np.zeros(n + 1, np.int64)
        ends = cython.declare("long long[::1]", end_view)
        text_view: Array = np.empty(_size_of_keys(rows, start) + 1, np.uint8)
        texts = cython.declare("unsigned char[::1]", text_view)
        to: cython.p_char = cython.cast(cython.p_char, cython.address(texts[0]))
        size: cython.Py_ssize_t
        i: cython.Py_ssize_t = 0
        while i < n:
            stored: tuple[Any, ...] = rows[start + i]
            if not reader.read(stored[2], first + i):
                break
            size = _copy_key(stored[1], to + ends[i])
            ends[i + 1] = ends[i] + size
            place_of[first + i] = 0 if stored[0] is None else stored[0]
            i += 1
        found = names.add_texts(end_view[: i + 1], text_view)
        if len(names) < first + i:  # a damaged store has a key twice: the last state counts
            for values in (columns.cells, places):
                values[found] = values[first : first + i].copy()
                values[len(names) : first + i] = 0
        columns.n_rows = len(names)
        return start + int(i)

    def append(self, texts: Sequence[str], start: int) -> int:
        """Append states to the columns, up to the first that the codec must read.

        Parameters
        ----------
        texts
            The JSON of states.
        start
            Index of the first element to read. The columns have room for the rest.

        Returns
        -------
        int
            Index of the first state that was not appended.
        """
        columns = self._columns
        if self._form is None or columns.n_columns == 0:
            return start
        reader: _RowReader = _RowReader(self._form, columns, self._columns_of_slots(), False)
        n: cython.Py_ssize_t = len(texts)
        i: cython.Py_ssize_t
        for i in range(start, n):
            if not reader.read(texts[i], columns.n_rows):
                return i
            columns.n_rows += 1
        return n

    def _columns_of_slots(self) -> Array:
        """Return the column of each rounded value and remainder; -1 if it has no column."""
        return np.ascontiguousarray(self._columns.places.reshape(-1, PARTS)[:, :2].ravel())

    def _dump(self, row: int) -> str:
        """Return the JSON of the state of a row, written by the codec."""
        text = self._codec.write_statistics(self._columns.dump(row))
        return self._codec.common_statistics(text) or text

    def write(self, rows: Array) -> list[str]:
        """Return the JSON of the statistics of some rows, or of the whole state if it differs.

        Parameters
        ----------
        rows : array of int64
            The rows.
        """
        columns = self._columns
        form: StateForm | None = self._form
        if form is None or columns.n_columns == 0:
            return list(map(self._dump, rows.tolist()))
        row_of = cython.declare("const long long[::1]", rows)
        cells = cython.declare("double[:, ::1]", columns.cells)
        places = cython.declare("int[::1]", columns.places)
        n_sums: cython.Py_ssize_t = columns.n_sums
        value_view: Array = np.zeros(2 * n_sums)
        values = cython.declare("double[::1]", value_view)
        buffer: Array = np.empty(form.size + MAX_NUMBER_SIZE * form.n + 1, np.uint8)
        written = cython.declare("unsigned char[::1]", buffer)
        to: cython.p_char = cython.cast(cython.p_char, cython.address(written[0]))
        i: cython.Py_ssize_t
        size: cython.Py_ssize_t
        several = {row for row, _ in columns.more}
        found: list[str] = []
        for i in range(len(rows)):
            if (several and row_of[i] in several) or not _read_sums(
                cython.address(cells[row_of[i], 0]),
                cython.address(places[0]),
                n_sums,
                cython.address(values[0]),
            ):
                found.append(self._dump(row_of[i]))
            else:
                size = form.write(to, cython.address(values[0]))
                found.append(PyUnicode_DecodeUTF8(to, size, cython.NULL))
        return found


def _number(value: float) -> str:
    return msgspec.json.encode(value).decode()
