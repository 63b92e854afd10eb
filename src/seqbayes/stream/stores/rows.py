# cython: boundscheck=False, wraparound=False
"""Rows of states in a database, with their checksums."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.stream.stores.abbreviation import Abbreviation
from seqbayes.stream.stores.lazy import StateChunk
from seqbayes.stream.stores.records import StoredEntry, StoredState
from seqbayes.stream.stores.tables import Row, checksum, is_intact

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.unicode import PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
    from cython.cimports.libc.string import memcmp
else:
    memcmp: Any = None
    PyUnicode_AsUTF8AndSize: Any = None
    PyUnicode_DecodeUTF8: Any = None

Array = Any

# Up to this value, the number of a use has at most 15 digits, and its float has the same digits.
_LARGEST_USE = 10**15 - 1
# The polynomial of CRC-32, with its bits in reverse order.
_POLYNOMIAL = 0xEDB88320


def _crc_tables() -> Array:
    """Return the contributions of eight successive bytes to a CRC, one after another."""
    tables = np.zeros((8, 256), np.uint64)
    tables[0] = np.arange(256)
    for _ in range(8):
        tables[0] = (tables[0] >> 1) ^ np.where(tables[0] & 1, _POLYNOMIAL, 0).astype(np.uint64)
    for k in range(1, 8):
        tables[k] = (tables[k - 1] >> 8) ^ tables[0][tables[k - 1] & 255]
    return tables.ravel()


@cython.final
@cython.cclass
class _Checksums:
    """Computes the checksums of the states of a belief, without creating the text that they cover.

    Parameters
    ----------
    belief
        The name of the belief.
    """

    belief: str
    _tables: cython.p_ulonglong
    _first: cython.ulonglong
    _digits: cython.p_char
    _kept: tuple[Any, ...]

    def __init__(self, belief: str) -> None:
        self.belief = belief
        digits: Array = np.zeros(24, np.uint8)
        self._kept = _TABLES, digits  # the arrays that the pointers refer to
        if cython.compiled:
            table_view = cython.declare("unsigned long long[::1]", _TABLES)
            digit_view = cython.declare("unsigned char[::1]", digits)
            self._tables = cython.address(table_view[0])
            self._digits = cython.cast(cython.p_char, cython.address(digit_view[0]))
            self._first = self._add_text(0xFFFFFFFF, belief)

    def updated(self, key: str, state: str, used: Any, when: str) -> int:
        """Return the checksum of a state; `when` is the time of its last commit as text."""
        if not cython.compiled or type(used) is not int or not 0 <= used <= _LARGEST_USE:
            number = f"{used}.0" if type(used) is int and 0 <= used <= _LARGEST_USE else ""
            number = number or repr(float(used))
            return zlib.crc32(f"{self.belief}\0{key}\0{state}\0{number}\0{when}".encode())
        crc: cython.ulonglong = self._add_text(self._add_zero(self._first), key)
        crc = self._add_text(self._add_zero(crc), state)
        crc = self._add_number(self._add_zero(crc), used)
        return self._add_text(self._add_zero(crc), when) ^ 0xFFFFFFFF

    def initial(self, key: str, when: str) -> int:
        """Return the checksum of a key; `when` is the time of its first commit as text."""
        if not cython.compiled:
            return zlib.crc32(f"{self.belief}\0{key}\0{when}".encode())
        crc: cython.ulonglong = self._add_text(self._add_zero(self._first), key)
        return self._add_text(self._add_zero(crc), when) ^ 0xFFFFFFFF

    @cython.cfunc
    @cython.exceptval(check=False)
    def _add_zero(self, crc: cython.ulonglong) -> cython.ulonglong:
        entry: cython.ulonglong = self._tables[crc & 255]
        return (crc >> 8) ^ entry

    @cython.cfunc
    def _add_text(self, crc: cython.ulonglong, text: str) -> cython.ulonglong:
        size: cython.Py_ssize_t = 0
        data: cython.p_char = PyUnicode_AsUTF8AndSize(text, cython.address(size))
        return self._add(crc, data, size)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _add_number(self, crc: cython.ulonglong, number: cython.ulonglong) -> cython.ulonglong:
        """Add the decimal digits of a number, including those of its fraction, which is zero."""
        i: cython.Py_ssize_t = 22
        self._digits[22], self._digits[23] = 46, 48
        while True:
            i -= 1
            self._digits[i] = 48 + number % 10
            number = number // 10
            if number == 0:
                return self._add(crc, self._digits + i, 24 - i)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _add(
        self, crc: cython.ulonglong, text: cython.p_char, size: cython.Py_ssize_t
    ) -> cython.ulonglong:
        """Add bytes, eight at a time ("slicing by eight")."""
        data: cython.p_uchar = cython.cast(cython.p_uchar, text)
        table: cython.p_ulonglong = self._tables
        i: cython.Py_ssize_t = 0
        while i + 8 <= size:
            crc = (
                table[1792 + ((crc ^ data[i]) & 255)]
                ^ table[1536 + (((crc >> 8) ^ data[i + 1]) & 255)]
                ^ table[1280 + (((crc >> 16) ^ data[i + 2]) & 255)]
                ^ table[1024 + (((crc >> 24) ^ data[i + 3]) & 255)]
                ^ table[768 + data[i + 4]]
                ^ table[512 + data[i + 5]]
                ^ table[256 + data[i + 6]]
                ^ table[data[i + 7]]
            )
            i += 8
        while i < size:
            crc = (crc >> 8) ^ table[(crc ^ data[i]) & 255]
            i += 1
        return crc


_TABLES: Array = _crc_tables()


@cython.cfunc
def _shortened(state: str, head: str, tail: str) -> str:
    """Return the statistics of a state, or the whole state (see `Abbreviation.shorten`)."""
    if not cython.compiled:
        return Abbreviation(head, tail).shorten(state)
    size: cython.Py_ssize_t = 0
    before: cython.Py_ssize_t = 0
    after: cython.Py_ssize_t = 0
    text: cython.p_char = PyUnicode_AsUTF8AndSize(state, cython.address(size))
    start: cython.p_char = PyUnicode_AsUTF8AndSize(head, cython.address(before))
    end: cython.p_char = PyUnicode_AsUTF8AndSize(tail, cython.address(after))
    if (
        before == 0
        or size <= before + after
        or text[before] != 91  # bracket
        or memcmp(text, start, before) != 0
        or memcmp(text + (size - after), end, after) != 0
    ):
        return state
    return PyUnicode_DecodeUTF8(text + before, size - before - after, cython.NULL)


@cython.cfunc
def _texts(chunk: StateChunk, form: Abbreviation) -> list[str]:
    """Return the states of a chunk as a database stores them."""
    texts: list[str] = chunk.texts
    same: cython.bint = chunk.form == form
    found: list[str] = []
    for text in texts:
        if not text.startswith("["):
            text = _shortened(text, form.head, form.tail)
        elif not same:
            text = _shortened(chunk.form.expand(text), form.head, form.tail)
        found.append(text)
    return found


def state_rows(chunk: StateChunk, at: float, form: Abbreviation) -> list[Row]:
    """Return the rows of new states: the columns of `StoredEntry`, and both checksums.

    Parameters
    ----------
    chunk
        The states.
    at
        The time of the commit, in seconds since 1970.
    form
        The abbreviation of the states of the belief.

    Examples
    --------
    >>> chunk = StateChunk("sold", Abbreviation(), ["[]"], ["{}"], [1])
    >>> state_rows(chunk, 5.0, Abbreviation())
    [('sold', '[]', '{}', 1, 5.0, 5.0, 2039249267, 1810492327)]
    """
    values, belief = state_values(chunk, at, form, 0), chunk.belief
    rows = zip(*(values[k::6] for k in range(1, 6)), strict=True)
    return [(belief, key, state, used, at, at, crc, since) for key, state, used, crc, since in rows]


def state_values(chunk: StateChunk, at: float, form: Abbreviation, first_place: int) -> list[Any]:
    """Return what differs between the rows of new states, as one list.

    For each state, the list contains its place, key, state, use and both checksums.

    Parameters
    ----------
    chunk, at, form
        As for `state_rows`.
    first_place
        The place of the first state; the others follow.

    Examples
    --------
    >>> chunk = StateChunk("sold", Abbreviation(), ["[]"], ["{}"], [1])
    >>> state_values(chunk, 5.0, Abbreviation(), 7)
    [7, '[]', '{}', 1, 2039249267, 1810492327]
    """
    when: str = repr(float(at))
    sums: _Checksums = _Checksums(chunk.belief)
    keys: list[str] = chunk.keys
    texts: list[str] = _texts(chunk, form)
    uses: list[Any] = chunk.uses
    values: list[Any] = []
    place: cython.longlong = first_place
    i: cython.Py_ssize_t
    for i in range(len(keys)):
        values.append(place + i)
        values.append(keys[i])
        values.append(texts[i])
        values.append(uses[i])
        values.append(sums.updated(keys[i], texts[i], uses[i], when))
        values.append(sums.initial(keys[i], when))
    return values


def updated_rows(chunk: StateChunk, at: float, form: Abbreviation) -> list[Row]:
    """Return the new column values for the rows of states at known places.

    The columns are state, use, time, checksum, place, belief and key.

    Examples
    --------
    >>> chunk = StateChunk("sold", Abbreviation(), ["[]"], ["{}"], [1], [7])
    >>> updated_rows(chunk, 5.0, Abbreviation())
    [('{}', 1, 5.0, 2039249267, 7, 'sold', '[]')]
    """
    when, belief = repr(float(at)), chunk.belief
    sums: _Checksums = _Checksums(belief)
    columns = zip(chunk.keys, _texts(chunk, form), chunk.uses, chunk.places or [], strict=True)
    return [
        (text, used, at, sums.updated(key, text, used, when), place, belief, key)
        for key, text, used, place in columns
    ]


def read_states(rows: Sequence[Row], belief: str, form: Abbreviation) -> list[StoredState]:
    """Return the states of rows, up to the first row that does not match its checksums.

    Parameters
    ----------
    rows
        Place, key, state, use, time of the first and of the last commit, and both checksums.
    belief
        The name of the belief.
    form
        The abbreviation of its states.

    Examples
    --------
    >>> row = (7, "[]", "{}", 1, 5.0, 5.0, 2039249267, 1810492327)
    >>> read_states([row], "sold", Abbreviation())
    [StoredState(belief='sold', key='[]', state='{}', used=1, place=7)]
    >>> read_states([(*row[:3], 2, *row[4:])], "sold", Abbreviation())
    []
    """
    sums, head, tail = _Checksums(belief), form.head, form.tail
    found: list[StoredState] = []
    time: Any = None
    when = ""
    for place, key, state, used, since, updated, crc, since_crc in rows:
        if not (
            type(key) is str
            and type(state) is str
            and type(used) is int
            and type(since) is float
            and type(updated) is float
        ):
            break
        if updated != time:
            time, when = updated, repr(updated)
        first = when if since == updated else repr(since)
        if sums.updated(key, state, used, when) != crc or sums.initial(key, first) != since_crc:
            break
        if state.startswith("["):
            state = f"{head}{state}{tail}"
        found.append(StoredState(belief, key, state, used, place))
    return found


def intact_rows(rows: list[Row], belief: str) -> list[Row]:
    """Return the rows of states that match the checksum of their last commit.

    Parameters
    ----------
    rows
        Place, key, state, use, time of the last commit, and its checksum.
    belief
        The name of the belief.

    Examples
    --------
    >>> row = (7, "[]", "{}", 1, 5.0, 2039249267)
    >>> intact_rows([row, (7, "[]", "{}", 2, *row[4:])], "sold")
    [(7, '[]', '{}', 1, 5.0, 2039249267)]
    """
    intact, sums = [], _Checksums(belief)
    time: Any = None
    when = ""
    for row in rows:
        _, key, state, used, updated, crc = row
        if not (
            type(key) is str and type(state) is str and type(used) is int and type(updated) is float
        ):
            continue
        if updated != time:
            time, when = updated, repr(updated)
        if sums.updated(key, state, used, when) == crc:
            intact.append(row)
    return intact


def entry_row(entry: StoredEntry, form: Abbreviation) -> Row:
    """Return the row of a state with its times and checksums."""
    entry = entry._replace(state=form.shorten(entry.state))
    return (*entry, checksum(*_updated_columns(entry)), checksum(*_initial_columns(entry)))


def is_intact_state(entry: StoredEntry, crc: int | None, since_crc: int | None) -> bool:
    """Return whether a state as stored matches its checksums; see `is_intact`."""
    return is_intact(_updated_columns(entry), crc, entry.key, entry.state) and is_intact(
        _initial_columns(entry), since_crc
    )


def _updated_columns(entry: StoredEntry) -> Row:
    """Return the columns that every commit of a state updates."""
    return (*entry[:4], entry.updated)


def _initial_columns(entry: StoredEntry) -> Row:
    """Return the columns that only the first commit of a state writes."""
    return entry.belief, entry.key, entry.since
