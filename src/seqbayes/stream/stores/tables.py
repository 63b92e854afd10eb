"""The tables of a store in SQL, their versions, and the checksums of their rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

Row = tuple[Any, ...]

VERSION = 5
"""Version of the tables: older ones are upgraded, newer ones are refused."""

_IDS = """CREATE TABLE seqbayes_ids (
        source TEXT NOT NULL, id TEXT NOT NULL, number BIGINT NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (source, id))"""

TABLES = (
    "CREATE TABLE seqbayes_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE seqbayes_lease (
        id INTEGER PRIMARY KEY, epoch BIGINT NOT NULL, serial BIGINT NOT NULL,
        holder TEXT, expires DOUBLE PRECISION NOT NULL, pulse TEXT)""",
    "CREATE TABLE seqbayes_beliefs (name TEXT PRIMARY KEY, declaration TEXT NOT NULL, crc BIGINT)",
    """CREATE TABLE seqbayes_states (
        belief TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, used BIGINT NOT NULL,
        since DOUBLE PRECISION NOT NULL, updated DOUBLE PRECISION NOT NULL, crc BIGINT,
        PRIMARY KEY (belief, key))""",
    """CREATE TABLE seqbayes_sources (
        name TEXT PRIMARY KEY, token TEXT NOT NULL, events BIGINT NOT NULL,
        updated DOUBLE PRECISION NOT NULL, crc BIGINT)""",
    """CREATE TABLE seqbayes_dead_letters (
        id {identity}, source TEXT NOT NULL, position TEXT NOT NULL, belief TEXT NOT NULL,
        raw {bytes} NOT NULL, reason TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
        crc BIGINT)""",
    """CREATE TABLE seqbayes_history (
        belief TEXT NOT NULL, key TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
        summary TEXT NOT NULL, crc BIGINT, PRIMARY KEY (belief, key, at))""",
    "INSERT INTO seqbayes_lease VALUES (1, 0, 0, NULL, 0, NULL)",
    _IDS,
    "ALTER TABLE seqbayes_ids ADD COLUMN crc BIGINT",
)

MIGRATIONS: dict[int, Sequence[str]] = {
    1: (_IDS,),
    2: ("ALTER TABLE seqbayes_lease ADD COLUMN pulse TEXT",),
    3: ("ALTER TABLE seqbayes_states ADD COLUMN crc BIGINT",),
    4: tuple(
        f"ALTER TABLE seqbayes_{table} ADD COLUMN crc BIGINT"
        for table in ("beliefs", "sources", "dead_letters", "history", "ids")
    ),
}
"""Statements that upgrade the tables of a version to the next one.

Rows that were stored before version 4 (states) or 5 (others) have no checksum.
"""


def checksum(*values: str | bytes) -> int:
    """Return the checksum of values, such as key and state.

    Examples
    --------
    >>> checksum('["a"]', "{}")
    3735613209
    """
    crc = 0
    for value in values:
        crc = zlib.crc32(value.encode() if isinstance(value, str) else value, crc)
    return crc


def row_checksum(row: Sequence[Any]) -> int:
    """Return the checksum of the texts of a row."""
    return checksum(*(value for value in row if isinstance(value, (str, bytes))))


def checked(rows: Iterable[Sequence[Any]]) -> list[Row]:
    """Return rows with their checksums."""
    return [(*row, row_checksum(row)) for row in rows]
