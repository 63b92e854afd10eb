"""Finds the beliefs and keys that a request names."""

from __future__ import annotations

from seqbayes.dashboard.live.board import Board
from seqbayes.dashboard.live.entries import Entry
from seqbayes.dashboard.live.entry_table import EntryTable
from seqbayes.dashboard.server.responses import HttpError


def table_of(board: Board, name: str) -> EntryTable:
    """Return the entries of a belief.

    Raises
    ------
    HttpError
        If the belief does not exist.
    """
    table = board.tables.get(name)
    if table is None:
        raise HttpError(404, f"there is no belief {name[:200]!r}")
    return table


def entry_of(table: EntryTable, key: str) -> Entry:
    """Return a key of a belief.

    Raises
    ------
    HttpError
        If the key does not exist.
    """
    entry = table.entries.get(key)
    if entry is None:
        raise HttpError(404, f"belief {table.description.name!r} has no key {key[:200]}")
    return entry
