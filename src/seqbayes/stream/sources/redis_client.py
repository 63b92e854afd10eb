"""Clients that read a Redis stream, its entries, and membership in its consumer groups."""

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

_CHUNK = 1000
"""Number of ids acknowledged or requested at a time."""

_REWIND = """
if #redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1]) > 1 then return 0 end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local fields = {}
  for i = 1, #group, 2 do fields[group[i]] = group[i + 1] end
  if fields['name'] == ARGV[1] and fields['last-delivered-id'] ~= ARGV[2] then
    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2])
  end
end
return 1
"""
"""Resets a group atomically to the position of its only member; others cannot join meanwhile."""


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


class ConsumerGroup:
    """The membership of a source in a consumer group.

    Parameters
    ----------
    stream
        The key of the stream.
    name
        The name of the group.
    consumer
        The name of the member.
    """

    def __init__(self, stream: str, name: str, consumer: str) -> None:
        self._stream, self._name, self._consumer = stream, name, consumer

    @property
    def read_command(self) -> list[Any]:
        """The beginning of the command that reads entries as this member."""
        return ["XREADGROUP", "GROUP", self._name, self._consumer]

    def join(self, client: Any, position: str | None, durable: str | None) -> bool:
        """Create the group if necessary, acknowledge committed entries, and reset the group.

        Parameters
        ----------
        client
            The client of the server.
        position
            The last entry read; the group is reset to it if this is its only member.
        durable
            The last entry that is committed.

        Returns
        -------
        bool
            Whether this is the only member.
        """
        try:
            client.xgroup_create(self._stream, self._name, position or "0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        client.xgroup_createconsumer(self._stream, self._name, self._consumer)
        while durable is not None and (pending := self._pending(client, "-", durable)):
            client.xack(self._stream, self._name, *pending)
        alone = client.eval(_REWIND, 1, self._stream, self._name, position or "0-0", self._consumer)
        return bool(alone)

    def _pending(self, client: Any, first: str, last: str) -> list[bytes]:
        """Return the first ids in a range that were delivered to this member."""
        rows = client.execute_command(
            "XPENDING", self._stream, self._name, first, last, _CHUNK, self._consumer
        )
        return [row[0] for row in rows]

    def trimmed(self, client: Any, after: str) -> list[bytes]:
        """Return the entries delivered after an id that are no longer in the stream."""
        found: list[bytes] = []
        while ids := self._pending(client, f"({after}", "+"):
            there = {each[0] for each in client.xrange(self._stream, ids[0], ids[-1])}
            found += [each for each in ids if each not in there]
            after = ids[-1].decode()
        return found

    def info(self, client: Any) -> dict[str, Any]:
        """Return the server's description of the group."""
        groups = client.xinfo_groups(self._stream)
        (found,) = [each for each in groups if each["name"].decode() == self._name]
        return dict(found)

    def acknowledge(self, client: Any, ids: Sequence[bytes]) -> None:
        """Acknowledge entries."""
        for first in range(0, len(ids), _CHUNK):
            client.xack(self._stream, self._name, *ids[first : first + _CHUNK])
