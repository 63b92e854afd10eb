# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Compiled conversion of the rows of `Columns` to and from the JSON of states in a store."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from seqbayes.events.keys import read_key
from seqbayes.statistics.columns import Columns
from seqbayes.statistics.sum_columns import PARTS
from seqbayes.stream.codec import StateCodec

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.conversion import PyOS_string_to_double
    from cython.cimports.cpython.unicode import PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
    from cython.cimports.libc.math import fabs, floor, isfinite
    from cython.cimports.libc.string import memchr, memcmp, memcpy
    from cython.cimports.seqbayes.statistics.exact import rounding_error
else:
    from math import fabs, floor, isfinite

    from seqbayes.statistics.exact import rounding_error

    memchr: Any = None
    memcmp: Any = None
    memcpy: Any = None
    PyOS_string_to_double: Any = None
    PyUnicode_AsUTF8AndSize: Any = None
    PyUnicode_DecodeUTF8: Any = None

Array = Any

_PARTS = cython.declare(cython.int, PARTS)
# Sums that are replaced by their two numbers: others have the same JSON in every row.
_HIGH, _LOW = 4096.5, 2.0**-50
# A quotient of an integer below 10**15 and a power of ten up to 10**15 is correctly rounded.
_EXACT_DIGITS = cython.declare(cython.int, 15)
_POWERS: Array = 10.0 ** np.arange(16)
# Integers up to this size are written digit by digit.
_LARGEST = cython.declare(cython.double, 2.0**53)
_MAX_NUMBER_SIZE = 32


@cython.cfunc
@cython.exceptval(-1, check=False)
def _read_number(
    text: cython.p_char, powers: cython.p_double, value: cython.p_double
) -> cython.Py_ssize_t:
    """Read a finite number in JSON; return its size, or 0 if it is not a number."""
    i: cython.Py_ssize_t = text[0] == 45  # minus
    first: cython.Py_ssize_t = i
    digits: cython.ulonglong = 0
    decimals: cython.int = 0
    v: cython.double
    end: cython.p_char = text
    while 48 <= text[i] <= 57:
        digits = digits * 10 + (text[i] - 48)
        i += 1
    if i == first:
        return 0
    if text[i] == 46:  # point
        i += 1
        while 48 <= text[i] <= 57:
            digits = digits * 10 + (text[i] - 48)
            decimals += 1
            i += 1
    if i - first <= _EXACT_DIGITS and text[i] != 101 and text[i] != 69:  # no exponent
        v = cython.cast(cython.double, digits) / powers[decimals]
        value[0] = -v if first else v
        return i
    value[0] = PyOS_string_to_double(text, cython.address(end), cython.NULL)
    return end - text if isfinite(value[0]) else 0


@cython.cfunc
@cython.exceptval(-1, check=False)
def _write_number(to: cython.p_char, v: cython.double) -> cython.Py_ssize_t:
    """Write a finite number as JSON; return its size."""
    i: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t
    left: cython.ulonglong
    if v != floor(v) or fabs(v) >= _LARGEST or (v == 0.0 and 1.0 / v < 0.0):
        text: bytes = msgspec.json.encode(v)
        memcpy(to, cython.cast(cython.p_char, text), len(text))
        return len(text)
    if v < 0.0:
        to[0] = 45
        i = 1
    left = cython.cast(cython.ulonglong, fabs(v))
    n = 1
    while left >= 10:
        left = left // 10
        n += 1
    left = cython.cast(cython.ulonglong, fabs(v))
    for k in range(i + n - 1, i - 1, -1):
        to[k] = 48 + left % 10
        left = left // 10
    to[i + n] = 46
    to[i + n + 1] = 48
    return i + n + 2


@cython.cfunc
def _read_name(key: str) -> Any:
    """Return the key that this JSON represents: usually one string without escapes."""
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
        return PyUnicode_DecodeUTF8(text + 2, size - 4, cython.NULL)
    return read_key(key)


@cython.final
@cython.cclass
class _Form:
    """The JSON of a state: text between numbers, each of which has a slot.

    Parameters
    ----------
    pieces
        The text before, between and after the numbers.
    slots
        The slot of each number: twice the position of its sum in `row_sums`, plus 1 for the
        remainder.
    head, tail
        Length of what is omitted of the first and of the last piece in abbreviated JSON.
    """

    between: cython.p_char
    ends: cython.p_longlong
    slots: cython.p_longlong
    powers: cython.p_double
    n: cython.Py_ssize_t
    size: cython.Py_ssize_t
    head: cython.Py_ssize_t
    tail: cython.Py_ssize_t
    _kept: tuple[Any, ...]

    def __init__(self, pieces: list[bytes], slots: list[int], head: int, tail: int) -> None:
        text: bytes = b"".join(pieces)
        ends: Array = np.array([0, *itertools.accumulate(map(len, pieces))], np.int64)
        places: Array = np.array([*slots, 0], np.int64)
        end_view = cython.declare("long long[::1]", ends)
        slot_view = cython.declare("long long[::1]", places)
        powers = cython.declare("double[::1]", _POWERS)
        self._kept = text, ends, places  # the arrays that the pointers refer to
        self.n, self.size, self.head, self.tail = len(slots), len(text), head, tail
        if cython.compiled:
            self.between = text
            self.ends = cython.address(end_view[0])
            self.slots = cython.address(slot_view[0])
            self.powers = cython.address(powers[0])


@cython.cfunc
@cython.exceptval(-1, check=True)
def _read_numbers(
    text: cython.p_char,
    size: cython.Py_ssize_t,
    form: _Form,
    brief: cython.bint,
    values: cython.p_double,
) -> cython.bint:
    """Read the numbers of a state; return False if its JSON has another form."""
    at: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    begin: cython.Py_ssize_t
    length: cython.Py_ssize_t
    brief = brief and text[0] == 91  # bracket
    for k in range(form.n + 1):
        begin = form.ends[k]
        length = form.ends[k + 1] - begin
        if brief and k == 0:
            begin += form.head
            length -= form.head
        if brief and k == form.n:
            length -= form.tail
        if at + length > size or memcmp(text + at, form.between + begin, length) != 0:
            return False
        at += length
        if k < form.n:
            length = _read_number(text + at, form.powers, values + form.slots[k])
            if length == 0:
                return False
            at += length
    return at == size


@cython.cfunc
@cython.exceptval(check=False)
def _have_columns(
    values: cython.p_double,
    column_of: cython.p_int,
    n: cython.Py_ssize_t,
) -> cython.bint:
    """Return whether rounded values and remainders of sums are valid, and all have columns."""
    k: cython.Py_ssize_t
    for k in range(n):
        if values[k] != 0.0 and column_of[k] < 0:
            return False
        if k & 1 and values[k] + values[k - 1] != values[k - 1]:
            return False
    return True


@cython.cfunc
@cython.exceptval(check=False)
def _read_sums(
    row: cython.p_double, places: cython.p_int, n_sums: cython.Py_ssize_t, values: cython.p_double
) -> cython.bint:
    """Read the rounded values and remainders of the sums of a row; return False if one has more."""
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


@cython.cfunc
@cython.exceptval(-1, check=True)
def _write_numbers(to: cython.p_char, form: _Form, values: cython.p_double) -> cython.Py_ssize_t:
    """Write the JSON of a state with these numbers; return its size."""
    at: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    length: cython.Py_ssize_t
    for k in range(form.n + 1):
        length = form.ends[k + 1] - form.ends[k]
        memcpy(to + at, form.between + form.ends[k], length)
        at += length
        if k < form.n:
            at += _write_number(to + at, values[form.slots[k]])
    return at


class ColumnJson:
    """Reads and writes the JSON of states whose statistics are rows of columns.

    It handles states that differ only in their sums, each stored as two numbers: a rounded value
    and the remainder. All other states are left to the codec.

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

    def _find_form(self) -> _Form | None:
        """Find the numbers in the JSON of a state with sums that occur only once in it."""
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
        return _Form(
            [piece.encode() for piece in pieces], [slots[each] for each in numbers], *sizes
        )

    def read(
        self,
        rows: Sequence[tuple[Any, ...]],
        start: int,
        short: bool,
        names: dict[Any, int],
        keys: list[Any],
        places: Array,
    ) -> int:
        """Append stored states to the columns, up to the first that the codec must read.

        Parameters
        ----------
        rows
            Tuples that begin with the place, the key and the JSON of a state.
        start
            Index of the first of them.
        short
            Whether JSON that begins with a bracket lacks the text before and after the statistics.
        names, keys, places
            The row of each key, and the key and place of each row, to which those of the states are
            added. The columns and `places` have room for them.

        Returns
        -------
        int
            Index of the first state that was not appended.
        """
        columns = self._columns
        form: _Form | None = self._form
        if form is None or columns.n_columns == 0:
            return start
        cells = cython.declare("double[:, ::1]", columns.cells)
        place_of = cython.declare("long long[::1]", places)
        column_of = cython.declare("int[::1]", self._columns_of_slots())
        value_view: Array = np.zeros(len(column_of))
        values = cython.declare("double[::1]", value_view)
        n: cython.Py_ssize_t = len(column_of)
        row: cython.Py_ssize_t = columns.n_rows
        brief: cython.bint = short
        size: cython.Py_ssize_t = 0
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        fits: cython.bint
        text: cython.p_char
        for i in range(start, len(rows)):
            stored: tuple[Any, ...] = rows[i]
            text = PyUnicode_AsUTF8AndSize(stored[2], cython.address(size))
            fits = _read_numbers(text, size, form, brief, cython.address(values[0]))
            fits = fits and _have_columns(
                cython.address(values[0]), cython.address(column_of[0]), n
            )
            name = _read_name(stored[1]) if fits else None
            if not fits or names.setdefault(name, row) != row:
                columns.n_rows = row
                return i
            for k in range(n):
                if column_of[k] >= 0:
                    cells[row, column_of[k]] = values[k]
            keys.append(name)
            place_of[row] = 0 if stored[0] is None else stored[0]
            row += 1
        columns.n_rows = row
        return len(rows)

    def append(self, texts: Sequence[str], start: int) -> int:
        """Append states to the columns, up to the first that the codec must read.

        Parameters
        ----------
        texts
            The JSON of states.
        start
            Index of the first of them. The columns have room for the rest.

        Returns
        -------
        int
            Index of the first state that was not appended.
        """
        columns = self._columns
        form: _Form | None = self._form
        if form is None or columns.n_columns == 0:
            return start
        cells = cython.declare("double[:, ::1]", columns.cells)
        column_of = cython.declare("int[::1]", self._columns_of_slots())
        value_view: Array = np.zeros(len(column_of))
        values = cython.declare("double[::1]", value_view)
        n: cython.Py_ssize_t = len(column_of)
        row: cython.Py_ssize_t = columns.n_rows
        size: cython.Py_ssize_t = 0
        i: cython.Py_ssize_t = start
        k: cython.Py_ssize_t
        text: cython.p_char
        for i in range(start, len(texts)):
            text = PyUnicode_AsUTF8AndSize(texts[i], cython.address(size))
            if not (
                _read_numbers(text, size, form, False, cython.address(values[0]))
                and _have_columns(cython.address(values[0]), cython.address(column_of[0]), n)
            ):
                columns.n_rows = row
                return i
            for k in range(n):
                if column_of[k] >= 0:
                    cells[row, column_of[k]] = values[k]
            row += 1
        columns.n_rows = row
        return len(texts)

    def _columns_of_slots(self) -> Array:
        """Return the column of each rounded value and remainder, -1 if it has no column."""
        return np.ascontiguousarray(self._columns.places.reshape(-1, PARTS)[:, :2].ravel())

    def write(self, rows: Array) -> list[str]:
        """Return the JSON of the states of some rows.

        Parameters
        ----------
        rows : array of int64
            The rows.
        """
        columns, codec = self._columns, self._codec
        form: _Form | None = self._form
        if form is None or columns.n_columns == 0:
            return [codec.write_statistics(columns.dump(row)) for row in rows.tolist()]
        row_of = cython.declare("const long long[::1]", rows)
        cells = cython.declare("double[:, ::1]", columns.cells)
        places = cython.declare("int[::1]", columns.places)
        n_sums: cython.Py_ssize_t = columns.n_sums
        value_view: Array = np.zeros(2 * n_sums)
        values = cython.declare("double[::1]", value_view)
        buffer: Array = np.empty(form.size + _MAX_NUMBER_SIZE * form.n + 1, np.uint8)
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
                found.append(codec.write_statistics(columns.dump(row_of[i])))
            else:
                size = _write_numbers(to, form, cython.address(values[0]))
                found.append(PyUnicode_DecodeUTF8(to, size, cython.NULL))
        return found


def _number(value: float) -> str:
    return msgspec.json.encode(value).decode()
