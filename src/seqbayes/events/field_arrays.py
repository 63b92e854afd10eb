# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Reads fields of plain records from bytes into arrays; compiled if a compiler is available.

A plain record has no value that other methods would read differently: strings without escapes,
decimal numbers, `true` and `false`. Reading stops at the first record that is not plain.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.events.cells import KINDS
from seqbayes.events.keys import MAX_NAME_LENGTH

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.unicode import PyUnicode_DecodeUTF8
    from cython.cimports.libc.string import memcmp, memcpy, strncmp
    from cython.cimports.seqbayes.events.decimals import number_end
else:
    PyUnicode_DecodeUTF8: Any = None
    memcmp: Any = None
    memcpy: Any = None
    strncmp: Any = None
    number_end: Any = None

Array = Any

_TEXT = cython.declare(cython.int, KINDS["text"])
_BOOLEAN = cython.declare(cython.int, KINDS["boolean"])
_LONGEST = cython.declare(cython.Py_ssize_t, MAX_NAME_LENGTH)
# Maximum number of fields: one bit of an integer for each.
MAX_FIELDS = 60

_QUOTE = cython.declare(cython.int, 34)
_NEWLINE = cython.declare(cython.int, 10)
_RETURN = cython.declare(cython.int, 13)
_BACKSLASH = cython.declare(cython.int, 92)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _after_space(at: cython.p_char) -> cython.p_char:
    """Return the first position that is not a space, a tab or a carriage return."""
    while at[0] == 32 or at[0] == 9 or at[0] == _RETURN:
        at += 1
    return at


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _string_end(at: cython.p_char) -> cython.p_char:
    """Return the position of the closing quote; NULL if there is an escape before it."""
    while at[0] != _QUOTE:
        if at[0] == _BACKSLASH or 0 <= at[0] < 32:  # a byte that is not ASCII may be negative
            return cython.NULL
        at += 1
    return at


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _literal_end(at: cython.p_char) -> cython.p_char:
    """Return the position after true, false or null; NULL for anything else."""
    if strncmp(at, b"true", 4) == 0 or strncmp(at, b"null", 4) == 0:
        return at + 4
    return at + 5 if strncmp(at, b"false", 5) == 0 else cython.NULL


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _truth(at: cython.p_char, size: cython.Py_ssize_t) -> cython.int:
    """Return 1 for a cell that is true, 0 for false, and -1 for other spellings."""
    if size == 1:
        return at[0] - 48 if at[0] == 48 or at[0] == 49 else -1
    if size == 4 and (at[0] == 116 or at[0] == 84) and memcmp(at + 1, b"rue", 3) == 0:
        return 1
    if size == 5 and (at[0] == 102 or at[0] == 70) and memcmp(at + 1, b"alse", 4) == 0:
        return 0
    return -1


@cython.final
@cython.cclass
class FieldArrays:
    r"""The values of some fields of records, as arrays.

    Parameters
    ----------
    kinds
        The kind of each field, a value of `KINDS`; up to `MAX_FIELDS`.
    n
        Maximum number of records.
    n_bytes
        Number of bytes of all records.

    Examples
    --------
    >>> data = b'{"shop": "a", "x": 1.5}\n{"x": 2, "shop": "bc"}\n{"x": "2"}\n'
    >>> starts = array("q", [0, 24, 47, 58])
    >>> fields = FieldArrays([KINDS["text"], KINDS["number"]], 3, len(data))
    >>> fields.read_lines(data, starts, 0, [b"shop", b"x"]) in (0, 2)
    True
    """

    def __init__(self, kinds: Sequence[int], n: int, n_bytes: int) -> None:
        size = len(kinds)
        texts: Array = np.empty((size, n_bytes + 1), np.int8)
        ends: Array = np.zeros((size, n + 1), np.int64)
        numbers: Array = np.empty((size, n))
        self._arrays = numbers, ends, texts.view(np.uint8)
        self._kinds: Array = np.array(kinds, np.intc)
        self._numbers, self._ends, self._texts = numbers, ends, texts
        self._names: list[bytes] = []
        self._plan: Array = np.zeros((2, size), np.int64)

    def numbers(self, slot: int, n: int) -> Array:
        """Return the first n values of a field that is a number or a truth value."""
        return self._arrays[0][slot, :n]

    def texts(self, slot: int, n: int) -> tuple[Array, Array]:
        """Return the first n values of a field of text: the offsets of their ends, and bytes."""
        return self._arrays[1][slot, : n + 1], self._arrays[2][slot]

    def read_lines(
        self, data: bytes, starts: array[int], first: cython.longlong, names: list[bytes]
    ) -> int:
        """Read JSON lines; return the number of lines before the first that is not a plain record.

        Parameters
        ----------
        data, starts, first
            As for `read_columns`; each line begins with ``{`` and ends with ``}`` and a newline.
        names
            The names of the fields, without quotes and backslashes.
        """
        if not cython.compiled:
            return 0
        self._names = names
        view = cython.declare("const long long[::1]", starts)
        begin = cython.declare(cython.p_char, data)
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = len(starts) - 1
        for k in range(n):
            if not self._read_object(
                begin + (view[k] - first), begin + (view[k + 1] - first - 1), k
            ):
                return k
        return n

    @cython.cfunc
    @cython.exceptval(check=False)
    def _read_object(
        self,
        at: cython.p_char,
        stop: cython.p_char,
        row: cython.Py_ssize_t,
    ) -> cython.bint:
        """Read a line, which ends at the newline `stop`; return whether it is plain."""
        name: cython.p_char
        size: cython.Py_ssize_t
        slot: cython.int
        n: cython.int = len(self._names)
        expected: cython.int = 0
        seen: cython.ulonglong = 0
        one: cython.ulonglong = 1
        while True:
            at = _after_space(at + 1)  # after an opening brace or a comma
            if at[0] != _QUOTE:
                return False
            name = at + 1
            at = _string_end(name)
            if at == cython.NULL:
                return False
            size = at - name
            slot = self._slot_of(name, size, expected)
            at = _after_space(at + 1)
            if at[0] != 58:
                return False
            at = self._read_value(_after_space(at + 1), slot, row)
            if at == cython.NULL:
                return False
            if slot >= 0:
                if (seen >> slot) & one:
                    return False
                seen |= one << slot
                expected = slot + 1
            at = _after_space(at)
            if at[0] == 125:
                return at + 1 == stop and seen == (one << n) - one
            if at[0] != 44:
                return False

    @cython.cfunc
    @cython.exceptval(check=False)
    def _slot_of(
        self,
        name: cython.p_char,
        size: cython.Py_ssize_t,
        expected: cython.int,
    ) -> cython.int:
        """Return the index of a name, most likely `expected`; -1 if it is not among the fields."""
        slot: cython.int = expected
        n: cython.int = len(self._names)
        for _ in range(n):
            if slot >= n:
                slot -= n
            each = cython.cast(bytes, self._names[slot])
            if len(each) == size and memcmp(cython.cast(cython.p_char, each), name, size) == 0:
                return slot
            slot += 1
        return -1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _read_value(
        self, at: cython.p_char, slot: cython.int, row: cython.Py_ssize_t
    ) -> cython.p_char:
        """Read a JSON value; return the position after it, or NULL if the record is not plain."""
        begin: cython.p_char = at
        kind: cython.int = self._kinds[slot] if slot >= 0 else -1
        number: cython.double = 0.0
        size: cython.Py_ssize_t
        if at[0] == _QUOTE:
            begin += 1
            at = _string_end(begin)
            if at == cython.NULL or (slot >= 0 and kind != _TEXT):
                return cython.NULL
            if slot >= 0 and not self._put_text(slot, row, begin, at - begin):
                return cython.NULL
            return at + 1
        if at[0] == 116 or at[0] == 102 or at[0] == 110:
            at = _literal_end(at)
            if slot >= 0:
                if kind != _BOOLEAN or begin[0] == 110:
                    return cython.NULL
                self._numbers[slot, row] = begin[0] == 116
            return at
        at = number_end(at, cython.address(number))
        if at == cython.NULL or slot < 0:
            return at
        if kind != _TEXT:
            self._numbers[slot, row] = number
            return at
        for size in range(at - begin):  # only integers are used as text
            if begin[size] == 46 or begin[size] == 101 or begin[size] == 69:
                return cython.NULL
        return at if self._put_text(slot, row, begin, at - begin) else cython.NULL

    @cython.cfunc
    @cython.exceptval(check=False)
    def _put_text(
        self,
        slot: cython.int,
        row: cython.Py_ssize_t,
        begin: cython.p_char,
        size: cython.Py_ssize_t,
    ) -> cython.bint:
        """Store a string; return False if it is too long."""
        end: cython.longlong = self._ends[slot, row]
        if size > _LONGEST:
            return False
        memcpy(cython.address(self._texts[slot, end]), begin, size)
        self._ends[slot, row + 1] = end + size
        return True

    def read_rows(
        self,
        data: bytes,
        starts: array[int],
        first: cython.longlong,
        delimiter: cython.char,
        columns: Sequence[int],
    ) -> int:
        """Read CSV rows; return the number of lines before the first that is not a plain record.

        Parameters
        ----------
        data, starts, first, delimiter
            As for `read_columns`.
        columns
            Indices of the columns of the fields, which must be distinct.
        """
        if not cython.compiled:
            return 0
        view = cython.declare("const long long[::1]", starts)
        begin = cython.declare(cython.p_char, data)
        order = np.argsort(columns)
        self._plan = np.array([np.sort(columns), order], np.int64)
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = len(starts) - 1
        for k in range(n):
            if not self._read_cells(begin + (view[k] - first), delimiter, k):
                return k
        return n

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_cells(
        self,
        at: cython.p_char,
        delimiter: cython.char,
        row: cython.Py_ssize_t,
    ) -> cython.bint:
        """Read the cells of a row; return whether all of them are plain."""
        cell: cython.p_char
        i: cython.Py_ssize_t = 0
        n: cython.Py_ssize_t = self._plan.shape[1]
        column: cython.longlong = 0
        while True:
            cell = at
            if at[0] == _QUOTE:
                at += 1
                cell = at
                while at[0] != _QUOTE:
                    at += 1
            else:
                while at[0] != delimiter and at[0] != _NEWLINE and at[0] != _RETURN:
                    at += 1
            if self._plan[0, i] == column:
                if not self._read_cell(cell, at - cell, self._plan[1, i], row):
                    return False
                i += 1
                if i == n:
                    return True
            at += 2 if at[0] == _QUOTE else 1
            column += 1

    @cython.cfunc
    @cython.exceptval(-1)
    def _read_cell(
        self,
        cell: cython.p_char,
        size: cython.Py_ssize_t,
        slot: cython.int,
        row: cython.Py_ssize_t,
    ) -> cython.bint:
        """Read a cell; return whether it is plain."""
        truth: cython.int
        number: cython.double = 0.0
        if self._kinds[slot] == _TEXT:
            if size == 0:
                return False
            if cell[0] <= 32 or cell[0] > 126:  # a byte that is not ASCII is negative or > 126
                text = PyUnicode_DecodeUTF8(cell, size, cython.NULL)
                if text.isspace():
                    return False
            return self._put_text(slot, row, cell, size)
        if self._kinds[slot] == _BOOLEAN:
            truth = _truth(cell, size)
            self._numbers[slot, row] = truth
            return truth >= 0
        if size == 0 or number_end(cell, cython.address(number)) != cell + size:
            return False
        self._numbers[slot, row] = number
        return True
