"""Rows of states in a database, with their checksums."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seqbayes.stream.stores.abbreviation import Abbreviation
from seqbayes.stream.stores.records import StoredEntry, StoredState
from seqbayes.stream.stores.tables import Row, checksum, is_intact


def state_rows(
    states: Iterable[StoredState], at: float, short: Mapping[str, Abbreviation]
) -> list[Row]:
    """Return the rows of new states: the columns of `StoredEntry`, and both checksums.

    Parameters
    ----------
    states
        The states.
    at
        The time of the commit, in seconds since 1970.
    short
        The abbreviation of the states of each belief.

    Examples
    --------
    >>> state_rows([StoredState("sold", "[]", "{}", 1)], 5.0, {"sold": Abbreviation()})
    [('sold', '[]', '{}', 1, 5.0, 5.0, 2039249267, 1810492327)]
    """
    crc32, when, rows = zlib.crc32, repr(float(at)), []
    for belief, key, state, used, _ in states:
        state = short[belief].shorten(state)
        crc = crc32(f"{belief}\0{key}\0{state}\0{float(used)!r}\0{when}".encode())
        since_crc = crc32(f"{belief}\0{key}\0{when}".encode())
        rows.append((belief, key, state, used, at, at, crc, since_crc))
    return rows


def updated_rows(
    states: Iterable[StoredState], at: float, short: Mapping[str, Abbreviation]
) -> list[Row]:
    """Return what changes in the rows of states at known places, with their place and key.

    The columns are state, use, time, checksum, place, belief and key.

    Examples
    --------
    >>> updated_rows([StoredState("sold", "[]", "{}", 1, 7)], 5.0, {"sold": Abbreviation()})
    [('{}', 1, 5.0, 2039249267, 7, 'sold', '[]')]
    """
    crc32, when, rows = zlib.crc32, repr(float(at)), []
    for belief, key, state, used, place in states:
        state = short[belief].shorten(state)
        crc = crc32(f"{belief}\0{key}\0{state}\0{float(used)!r}\0{when}".encode())
        rows.append((state, used, at, crc, place, belief, key))
    return rows


def read_states(rows: Sequence[Row], belief: str, short: Abbreviation) -> list[StoredState]:
    """Return the states of rows, up to the first row that does not match its checksums.

    Parameters
    ----------
    rows
        Place, key, state, use, time of the first and of the last commit, and both checksums.
    belief
        The name of the belief.
    short
        The abbreviation of its states.

    Examples
    --------
    >>> row = (7, "[]", "{}", 1, 5.0, 5.0, 2039249267, 1810492327)
    >>> read_states([row], "sold", Abbreviation())
    [StoredState(belief='sold', key='[]', state='{}', used=1, place=7)]
    >>> read_states([(*row[:3], 2, *row[4:])], "sold", Abbreviation())
    []
    """
    crc32, head, tail = zlib.crc32, short.head, short.tail
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
            crc32(f"{belief}\0{key}\0{state}\0{float(used)!r}\0{when}".encode()) != crc
            or crc32(f"{belief}\0{key}\0{first}".encode()) != since_crc
        ):
            break
        if state.startswith("["):
            state = f"{head}{state}{tail}"
        found.append(StoredState(belief, key, state, used, place))
    return found


def entry_row(entry: StoredEntry, short: Abbreviation) -> Row:
    """Return the row of a state with its times, and its checksums."""
    entry = entry._replace(state=short.shorten(entry.state))
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
