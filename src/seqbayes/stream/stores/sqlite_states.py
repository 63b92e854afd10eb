"""Writes the rows of states into an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from seqbayes.stream.stores.sql import CHANGED, STATES
from seqbayes.stream.stores.tables import Row

INSERTED_ROWS = (500, 20, 1)
"""Numbers of states that one statement inserts: one for many takes less time than one for each.

There are few of these statements, because SQLite keeps them in memory. Statements with more
parameters than SQLite allows are not used.
"""

_VALUES = 6  # values of each state that `state_values` returns

_UPDATE = (
    "UPDATE seqbayes_states SET state = ?, used = ?, updated = ?, crc = ?"
    " WHERE rowid = ? AND +belief = ? AND +key = ?"
)


@lru_cache
def _insertion(n: int) -> str:
    """Return the statement that inserts n states; ?1 is the belief and ?2 the time."""
    row = "(?{}, ?1, ?{}, ?{}, ?{}, ?2, ?2, ?{}, ?{})"
    rows = ", ".join(row.format(*range(k, k + _VALUES)) for k in range(3, 3 + _VALUES * n, _VALUES))
    return f"INSERT INTO {STATES.replace('(', '(rowid, ')} VALUES {rows} ON CONFLICT {CHANGED}"


def insert_states(
    connection: sqlite3.Connection, belief: str, at: float, values: list[Any]
) -> None:
    """Insert states with their places, or replace those with the same keys.

    Parameters
    ----------
    connection
        The connection.
    belief
        The name of the belief.
    at
        The time of the commit, in seconds since 1970.
    values
        What differs between the states; see `state_values`.
    """
    allowed, start = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER), 0
    for n in INSERTED_ROWS:
        size = n * _VALUES
        while size + 2 <= allowed and start + size <= len(values):
            connection.execute(_insertion(n), [belief, at, *values[start : start + size]])
            start += size


def update_states(connection: sqlite3.Connection, rows: Sequence[Row]) -> bool:
    """Write `updated_rows`; return whether every place had the state with its key."""
    return connection.executemany(_UPDATE, rows).rowcount == len(rows)
