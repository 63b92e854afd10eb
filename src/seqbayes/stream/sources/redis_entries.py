"""Entries of a Redis stream, and clients that read them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from seqbayes.console.suggestions import did_you_mean
from seqbayes.errors import PriorError
from seqbayes.stream.urls import check_port


def read_records(
    entries: Sequence[Any], positions: list[str], field: bytes | None
) -> tuple[list[Any], list[str], list[tuple[Any, bytes, str]]]:
    """Return the records of entries, and the reasons for those that cannot be used."""
    if field is not None:
        try:
            if all(entry[1][0] == field for entry in entries):
                return [entry[1][1] for entry in entries], positions, []
        except TypeError:  # an entry that was deleted
            pass
    kept: list[tuple[Any, str]] = []
    refused: list[tuple[Any, bytes, str]] = []
    for (_, cells), position in zip(entries, positions, strict=True):
        record, why = _read_record(cells, field)
        if why:
            shown = b"" if cells is None else b" ".join(cells)[:1000]
            refused.append((position, shown, why))
        else:
            kept.append((record, position))
    return [record for record, _ in kept], [position for _, position in kept], refused


def _read_record(cells: Sequence[bytes] | None, field: bytes | None) -> tuple[Any, str]:
    """Return the record in an entry and an empty string, or None and the reason for an error."""
    if cells is None:
        return None, "the entry was deleted before it was read"
    if field is None:
        try:
            texts = [cell.decode() for cell in cells]
        except UnicodeDecodeError:
            return None, "not UTF-8"
        return dict(zip(texts[::2], texts[1::2], strict=True)), ""
    for name, value in zip(cells[::2], cells[1::2], strict=True):
        if name == field:
            return value, ""
    return None, f"the entry has no field {field.decode()!r}"


def make_pool(url: str) -> Any:
    """Return a pool that never retries a command, because the response of a read may be lost."""
    check_port(url)
    parts = urlsplit(url)
    database = parts.path.strip("/")
    if parts.scheme != "unix" and database and not database.isdecimal():
        raise PriorError(f"expected the number of a database in the URL, got {database!r}")
    try:
        pool: Any = redis.ConnectionPool.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=30.0,
            socket_connect_timeout=5.0,
            socket_keepalive=True,
        )
    except ValueError:
        raise PriorError(
            "expected url 'redis://host:port/db', or one that begins with rediss:// or unix://"
        ) from None
    parents = pool.connection_class.__mro__
    known = {name for each in parents for name in inspect.signature(each.__init__).parameters}
    for name in parse_qs(parts.query):
        if name not in known:
            raise PriorError(f"unknown option {name!r} in the URL{did_you_mean(name, known)}")
    return pool


def make_client(pool: Any) -> Any:
    """Return a client with a single connection, so that a reconnection cannot go unnoticed."""
    client = redis.Redis(connection_pool=pool, single_connection_client=True)
    for command in ("XREAD", "XREADGROUP", "XPENDING"):
        client.set_response_callback(command, lambda response, **_: response)
    return client


def order_of(entry: str) -> tuple[int, int]:
    """Return the sort key of an id.

    Examples
    --------
    >>> order_of("1700000000000-2") < order_of("1700000000000-11")
    True
    """
    moment, _, serial = entry.partition("-")
    return int(moment), int(serial or 0)
