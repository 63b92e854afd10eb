# cython: boundscheck=False, wraparound=False
"""Rows of states in a database, with their checksums."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqbayes.stream.stores.abbreviation import Abbreviation
from seqbayes.stream.stores.records import StoredEntry, StoredState
from seqbayes.stream.stores.tables import Row, checksum, is_intact

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.bytes import PyBytes_AS_STRING, PyBytes_FromStringAndSize
    from cython.cimports.cpython.unicode import PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
    from cython.cimports.libc.string import memcmp, memcpy
else:
    memcmp: Any = None
    memcpy: Any = None
    PyBytes_AS_STRING: Any = None
    PyBytes_FromStringAndSize: Any = None
    PyUnicode_AsUTF8AndSize: Any = None
    PyUnicode_DecodeUTF8: Any = None

# The number of a use up to this one has at most 15 digits, which are those of its float.
_LARGEST_USE = 10**15 - 1


@cython.cfunc
def _checksum(belief: str, key: str, state: str, used: Any, when: str) -> int:
    """Return the checksum of a state whose last commit was at a time, which is text."""
    number: str = (
        f"{used}.0" if type(used) is int and 0 <= used <= _LARGEST_USE else repr(float(used))
    )
    if not cython.compiled:
        return zlib.crc32(f"{belief}\0{key}\0{state}\0{number}\0{when}".encode())
    return zlib.crc32(_joined((belief, key, state, number, when)))


@cython.cfunc
def _joined(parts: tuple[str, ...]) -> bytes:
    """Return texts in UTF-8, separated by zero bytes."""
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(parts)
    size: cython.Py_ssize_t = 0
    total: cython.Py_ssize_t = n - 1
    text: cython.p_char
    for i in range(n):
        PyUnicode_AsUTF8AndSize(parts[i], cython.address(size))
        total += size
    joined: bytes = PyBytes_FromStringAndSize(cython.NULL, total)
    to: cython.p_char = PyBytes_AS_STRING(joined)
    for i in range(n):
        if i:
            to[0] = 0
            to += 1
        text = PyUnicode_AsUTF8AndSize(parts[i], cython.address(size))
        memcpy(to, text, size)
        to += size
    return joined


@cython.cfunc
def _shortened(state: str, head: str, tail: str) -> str:
    """Return the statistics of a state, or the state if it has other JSON; see `Abbreviation`."""
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


def state_rows(
    states: Iterable[StoredState],
    at: float,
    forms: Mapping[str, Abbreviation],
    first_place: int | None = None,
) -> list[Row]:
    """Return the rows of new states: the columns of `StoredEntry`, and both checksums.

    Parameters
    ----------
    states
        The states.
    at
        The time of the commit, in seconds since 1970.
    forms
        The abbreviation of the states of each belief.
    first_place
        The place of the first state, if a row begins with its place; the others follow.

    Examples
    --------
    >>> state_rows([StoredState("sold", "[]", "{}", 1)], 5.0, {"sold": Abbreviation()})
    [('sold', '[]', '{}', 1, 5.0, 5.0, 2039249267, 1810492327)]
    """
    crc32, when = zlib.crc32, repr(float(at))
    rows: list[Row] = []
    head, tail, last = "", "", None
    for belief, key, state, used, _ in states:
        if belief is not last:
            (head, tail), last = forms[belief], belief
        state = _shortened(state, head, tail)
        crc = _checksum(belief, key, state, used, when)
        since_crc = crc32(f"{belief}\0{key}\0{when}".encode())
        if first_place is None:
            rows.append((belief, key, state, used, at, at, crc, since_crc))
        else:
            place = first_place + len(rows)
            rows.append((place, belief, key, state, used, at, at, crc, since_crc))
    return rows


def updated_rows(
    states: Iterable[StoredState], at: float, forms: Mapping[str, Abbreviation]
) -> list[Row]:
    """Return what changes in the rows of states at known places, with their place and key.

    The columns are state, use, time, checksum, place, belief and key.

    Examples
    --------
    >>> updated_rows([StoredState("sold", "[]", "{}", 1, 7)], 5.0, {"sold": Abbreviation()})
    [('{}', 1, 5.0, 2039249267, 7, 'sold', '[]')]
    """
    when, rows = repr(float(at)), []
    head, tail, last = "", "", None
    for belief, key, state, used, place in states:
        if belief is not last:
            (head, tail), last = forms[belief], belief
        state = _shortened(state, head, tail)
        crc = _checksum(belief, key, state, used, when)
        rows.append((state, used, at, crc, place, belief, key))
    return rows


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
    crc32, head, tail = zlib.crc32, form.head, form.tail
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
        if (
            _checksum(belief, key, state, used, when) != crc
            or crc32(f"{belief}\0{key}\0{first}".encode()) != since_crc
        ):
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
    intact = []
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
        if _checksum(belief, key, state, used, when) == crc:
            intact.append(row)
    return intact


def entry_row(entry: StoredEntry, form: Abbreviation) -> Row:
    """Return the row of a state with its times, and its checksums."""
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
