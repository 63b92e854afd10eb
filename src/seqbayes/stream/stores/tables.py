"""The tables of a store in SQL, their versions, and the checksums of their rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

Row = tuple[Any, ...]

VERSION = 9
"""Version of the tables: older tables are upgraded, newer ones raise an error."""

_IDS = """CREATE TABLE seqbayes_ids (
        source TEXT NOT NULL, id TEXT NOT NULL, number BIGINT NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (source, id))"""

_ADD_NUMBER_CHECKSUMS = (
    "ALTER TABLE seqbayes_states ADD COLUMN since_crc BIGINT",
    "ALTER TABLE seqbayes_lease ADD COLUMN crc BIGINT",
)

_ALERTS = (
    """CREATE TABLE seqbayes_alerts (
        alert TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL,
        updated DOUBLE PRECISION NOT NULL, crc BIGINT, PRIMARY KEY (alert, key))""",
    """CREATE TABLE seqbayes_messages (
        id TEXT PRIMARY KEY, alert TEXT NOT NULL, body {bytes} NOT NULL,
        created DOUBLE PRECISION NOT NULL, done DOUBLE PRECISION NOT NULL, note TEXT NOT NULL,
        crc BIGINT)""",
)

_ANNOTATIONS = (
    """CREATE TABLE seqbayes_annotations (
        id TEXT PRIMARY KEY, at DOUBLE PRECISION NOT NULL, belief TEXT NOT NULL,
        text TEXT NOT NULL, crc BIGINT)""",
)

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
    *_ADD_NUMBER_CHECKSUMS,
    *_ALERTS,
    *_ANNOTATIONS,
)

MIGRATIONS: dict[int, Sequence[str]] = {
    1: (_IDS,),
    2: ("ALTER TABLE seqbayes_lease ADD COLUMN pulse TEXT",),
    3: ("ALTER TABLE seqbayes_states ADD COLUMN crc BIGINT",),
    4: tuple(
        f"ALTER TABLE seqbayes_{table} ADD COLUMN crc BIGINT"
        for table in ("beliefs", "sources", "dead_letters", "history", "ids")
    ),
    5: _ADD_NUMBER_CHECKSUMS,
    6: _ALERTS,
    7: _ANNOTATIONS,
    8: (),
}
"""Statements that upgrade the tables from each version to the next.

Since version 9, a state is stored as the `Abbreviation` of its JSON if it has one. Older rows
remain in full until their state changes.

Rows have no checksum if they were written before version 4 (states), 6 (the lease) or 5 (other
tables). In rows written before version 6, the checksum covers only the text columns.
"""


def checksum(*values: str | bytes | float | None) -> int:
    """Return the checksum of the values of a row.

    Equal numbers have the same checksum, whatever their type: a database may return 1 as 1.0.

    Examples
    --------
    >>> checksum('["a"]', 5) == checksum('["a"]', 5.0)
    True
    """
    return zlib.crc32(b"\0".join(map(_bytes, values)))


def _bytes(value: str | bytes | float | None) -> bytes:
    if value is None:
        return b"\xff"
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    number = float(value)
    return repr(number if number == value else value).encode()


def is_intact(row: Sequence[Any], crc: int | None, *legacy_values: str | bytes) -> bool:
    """Return whether a row matches its checksum; True if it has no checksum.

    Parameters
    ----------
    row
        The row without its checksum.
    crc
        The checksum.
    legacy_values
        The values that the checksum covered before version 6; by default the text columns.
    """
    if crc is None or crc == checksum(*row):
        return True
    legacy_values = legacy_values or tuple(
        value for value in row if isinstance(value, (str, bytes))
    )
    return crc == zlib.crc32(b"".join(map(_bytes, legacy_values)))


def with_checksums(rows: Iterable[Sequence[Any]]) -> list[Row]:
    """Append its checksum to each row."""
    return [(*row, checksum(*row)) for row in rows]
