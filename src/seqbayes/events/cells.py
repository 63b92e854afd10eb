"""Reads the cells of plain CSV rows from bytes; compiled if a compiler is available."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.unicode import PyUnicode_DecodeUTF8
    from cython.cimports.libc.string import memcmp

OTHER = 0
KINDS = {"text": 1, "number": 2, "boolean": 3}
"""The kinds of cells that have their own fast method; `OTHER` stands for all others."""

_TEXT = cython.declare(cython.int, 1)
_NUMBER = cython.declare(cython.int, 2)
_BOOLEAN = cython.declare(cython.int, 3)

_QUOTE = cython.declare(cython.int, 34)
_NEWLINE = cython.declare(cython.int, 10)
_RETURN = cython.declare(cython.int, 13)

if cython.compiled:
    _POWER = cython.declare("double[23]")
else:
    _POWER = [0.0] * 23


def _fill_table() -> None:
    i: cython.int
    for i in range(23):
        _POWER[i] = 10.0**i  # powers up to 10**22 are exact


_fill_table()


def row_starts(
    data: bytes,
    end: cython.Py_ssize_t,
    first: cython.longlong,
    longest: cython.Py_ssize_t,
    delimiter: cython.char,
    cells: cython.Py_ssize_t,
) -> array[int] | None:
    r"""Return the offsets of the rows in a block, followed by the offset of its end.

    The result is None unless every row is plain: it is not blank, has the expected number of cells,
    is not too long, and ends with ``\n`` or ``\r\n``. Quotes occur only around a whole cell that
    contains no other quotes and no line breaks. Uncompiled, the result is always None.

    Parameters
    ----------
    data, end
        The bytes, and the length of the part that consists of complete rows.
    first
        Offset of the block.
    longest
        Maximum number of bytes of a row.
    delimiter
        The delimiter of cells.
    cells
        Number of cells of a row.

    Returns
    -------
    array of int
        One element per row, plus one for the end. None if a row is not plain.

    Examples
    --------
    >>> starts = row_starts(b'a,"b, c"\n1,2\n', 13, 100, 80, ord(","), 2)
    >>> starts in (None, array("q", [100, 109, 113]))
    True
    >>> row_starts(b"a,b\n1\n", 6, 100, 80, ord(","), 2)
    """
    if not cython.compiled:
        return None
    # one loop for rows and cells: a function for each cell makes it 7 % slower
    count: cython.Py_ssize_t = int(np.count_nonzero(np.frombuffer(data, np.uint8, end) == 10))
    starts = array("q", bytes(8 * (count + 1)))
    view = cython.declare("long long[::1]", starts)
    begin = cython.declare(cython.p_char, data)
    at = cython.declare(cython.p_char, begin)
    stop = cython.declare(cython.p_char, begin + end)
    row = cython.declare(cython.p_char)
    k: cython.Py_ssize_t
    found: cython.Py_ssize_t
    for k in range(count):
        row = at
        view[k] = first + (row - begin)
        found = 1
        while True:
            if at[0] == _QUOTE:
                at += 1
                while at[0] != _QUOTE:
                    if at[0] == _NEWLINE or at[0] == _RETURN:
                        return None
                    at += 1
                at += 1
            else:
                while at[0] != delimiter and at[0] != _NEWLINE and at[0] != _RETURN:
                    if at[0] == _QUOTE:
                        return None
                    at += 1
            if at[0] == delimiter:
                found += 1
                at += 1
                continue
            break
        if at - row >= longest and at + (at[0] == _RETURN) - row > longest:
            return None
        if at[0] == _RETURN:
            at += 1
        if at[0] != _NEWLINE or found != cells or _is_blank(row, at):
            return None
        at += 1
    view[count] = first + (at - begin)
    return starts if at == stop else None


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _is_blank(
    at: cython.p_char,
    stop: cython.p_char,
) -> cython.bint:
    """Whether all bytes are whitespace."""
    while at < stop:
        if at[0] != 32 and not 9 <= at[0] <= 13:
            return False
        at += 1
    return True


@cython.cfunc
def _text(
    at: cython.p_char,
    length: cython.Py_ssize_t,
) -> Any:
    """Return a cell as a string; None if it is blank."""
    if length == 0:
        return None
    found = PyUnicode_DecodeUTF8(at, length, cython.NULL)  # type: ignore[name-defined]
    # not ASCII: negative, or above 126 where characters are unsigned
    if (at[0] <= 32 or at[0] > 126) and found.isspace():
        return None
    return found


@cython.cfunc
@cython.exceptval(check=False)
@cython.cdivision(True)
def _number(
    at: cython.p_char,
    length: cython.Py_ssize_t,
    found: cython.p_double,
) -> cython.bint:
    """Read a decimal of up to 15 digits, which one division rounds correctly; otherwise False."""
    i: cython.Py_ssize_t = 0
    digits: cython.int = 0
    decimals: cython.int = 0
    point: cython.bint = False
    total: cython.longlong = 0
    negative: cython.bint = length > 0 and at[0] == 45
    if negative:
        i = 1
    if length - i > 16:
        return False
    while i < length:
        if 48 <= at[i] <= 57:
            total = total * 10 + (at[i] - 48)
            digits += 1
            decimals += point
        elif at[i] == 46 and not point:
            point = True
        else:
            return False
        i += 1
    if not 0 < digits <= 15:
        return False
    found[0] = cython.cast(cython.double, total) / _POWER[decimals]
    if negative:
        found[0] = -found[0]
    return True


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _boolean(
    at: cython.p_char,
    length: cython.Py_ssize_t,
) -> cython.int:
    """Return 1 for true, 0 for false, and -1 for a cell that is written differently."""
    if length == 1:
        return at[0] - 48 if at[0] == 48 or at[0] == 49 else -1
    if length == 4 and memcmp(at, b"true", 4) == 0:  # type: ignore[name-defined]
        return 1
    if length == 5 and memcmp(at, b"false", 5) == 0:  # type: ignore[name-defined]
        return 0
    return -1


def read_columns(
    data: bytes,
    starts: array[int],
    first: cython.longlong,
    delimiter: cython.char,
    columns: Sequence[int],
    kinds: Sequence[int],
    converts: Sequence[Callable[[str], Any]],
) -> list[list[Any]]:
    r"""Return the values in some columns of plain rows, for which `row_starts` returned offsets.

    Parameters
    ----------
    data, first, delimiter
        As for `row_starts`.
    starts
        Offsets at which the rows begin, and the offset after the last newline.
    columns
        Indices of the columns, in ascending order; a column may occur several times.
    kinds
        The kind of each column: a value of `KINDS`, or `OTHER`.
    converts
        For each column, the function that converts a cell that the fast method for its kind cannot
        read.

    Examples
    --------
    >>> data = b"shop,1,yes\n,2.5,true\n"
    >>> starts = row_starts(data, len(data), 0, 80, ord(","), 3)
    >>> values = starts and read_columns(data, starts, 0, ord(","), [0, 1], [1, 2], [str, str])
    >>> values in (None, [["shop", None], [1.0, 2.5]])
    True
    """
    # one loop for rows, cells and values: functions for cells and values make it 40 % slower
    view = cython.declare("long long[::1]", starts)
    begin = cython.declare(cython.p_char, data)
    at = cython.declare(cython.p_char)
    cell = cython.declare(cython.p_char)
    wanted: cython.Py_ssize_t = len(columns)
    out: list[list[Any]] = [[] for _ in columns]
    plan = np.array([columns, kinds], np.int64).reshape(2, -1)
    plan_view = cython.declare("long long[:, ::1]", plan)
    k: cython.Py_ssize_t
    s: cython.Py_ssize_t
    column: cython.Py_ssize_t
    length: cython.Py_ssize_t
    truth: cython.int
    number: cython.double = 0.0
    values: list[Any]
    for k in range(len(starts) - 1):
        at = begin + (view[k] - first)
        s = 0
        column = 0
        while s < wanted:
            if at[0] == _QUOTE:
                cell = at + 1
                at = cell
                while at[0] != _QUOTE:
                    at += 1
                length = at - cell
                at += 1
            else:
                cell = at
                while at[0] != delimiter and at[0] != _NEWLINE and at[0] != _RETURN:
                    at += 1
                length = at - cell
            at += 1
            while s < wanted and plan_view[0, s] == column:
                values = out[s]
                if plan_view[1, s] == _TEXT:
                    values.append(_text(cell, length))
                elif plan_view[1, s] == _NUMBER and _number(cell, length, cython.address(number)):
                    values.append(number)
                elif plan_view[1, s] == _BOOLEAN and (truth := _boolean(cell, length)) >= 0:
                    values.append(truth == 1)
                else:
                    text = PyUnicode_DecodeUTF8(cell, length, cython.NULL)  # type: ignore[name-defined]
                    values.append(converts[s](text))
                s += 1
            column += 1
    return out
