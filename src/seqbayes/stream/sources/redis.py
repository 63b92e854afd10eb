"""Events from a Redis stream."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from seqbayes.extras import install_command

try:
    import redis
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"Redis Streams need redis-py: {install_command('redis')}", name=error.name
    ) from None

from seqbayes.errors import PriorError
from seqbayes.events.messages import MessageFormat, messages_of
from seqbayes.stream.source import Batch, SourceError
from seqbayes.stream.sources.broker import Broker, Lost
from seqbayes.stream.sources.redis_client import (
    ConsumerGroup,
    make_client,
    make_pool,
    order_of,
    read_records,
)
from seqbayes.stream.urls import credentials, expand

_RECOUNT = 10.0
"""Seconds between two checks for entries that were deleted while there was nothing to read."""
_POLL = 1.0
"""Seconds between two queries of the lag."""


class RedisStream(Broker):
    """Reads events from the entries of a Redis stream, in order.

    Parameters
    ----------
    url
        ``redis://``, ``rediss://`` or ``unix://``, as accepted by redis-py; ``${NAME}`` is
        replaced with the value of that environment variable.
    stream
        The key of the stream.
    field
        The field of an entry that contains the event as a JSON object; by default the fields of an
        entry are the fields of the event, with strings as values.
    group
        A consumer group to join; it is created if it does not exist.
    consumer
        The name in the group, the same after every restart.
    format
        Format of the messages: "json", "msgpack", "avro" or "protobuf".
    schema, message
        See `Messages`: the file of the schema, and the name of the Protobuf message.
    lost
        What to do if entries were removed before they were read, or the stream ends before the
        position up to which it was read: "stop" fails, "restart" continues with what is available
        and records the gap as a dead letter.
    patience
        Maximum number of seconds without a connection; after this time, the source fails.
    name
        Name of the source in the store; by default the stream, with group and consumer.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The token contains the id of the last entry, and the number of entries up to it; this number
    (Redis 7.0 or later) shows how many unread entries were trimmed. Without a group,
    nothing is written to Redis. In a group, entries are acknowledged once they are committed.
    Entries that were delivered to this consumer but not committed are delivered again, or become
    dead letters if they were removed meanwhile; committed entries that were not acknowledged are
    skipped. The only member of a group resets the group to its position. Entries of other consumers
    are never claimed, because only their stores show which ones were counted.
    """

    kind = "redis"
    _connection_errors = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, OSError)

    token_type: ClassVar = str | dict[str, Any]  # earlier versions wrote an id

    def __init__(
        self,
        url: str,
        stream: str,
        field: str | None = None,
        group: str | None = None,
        consumer: str = "seqbayes",
        lost: Lost = "stop",
        patience: float = 300.0,
        name: str | None = None,
        format: MessageFormat = "json",  # noqa: A002
        schema: str | None = None,
        message: str | None = None,
    ) -> None:
        if not stream:
            raise PriorError("expected the key of a stream")
        if field is None and format != "json":
            raise PriorError(f"format {format!r} needs 'field', the field that holds the message")
        url = expand(url, quoted=True)
        read_as = f"/{group}/{consumer}" if group else ""
        super().__init__(
            name or f"redis:{stream}{read_as}", lost, patience, (credentials(url)[1] or "",)
        )
        self._messages = messages_of(format, schema, message, name=self.name)
        self.text = field is None
        self._stream = stream
        self._group = ConsumerGroup(stream, group, consumer) if group else None
        self._field = None if field is None else field.encode()
        self._pool = make_pool(url)
        self._client: Any = None
        self._position: str | None = None
        self._durable: str | None = None
        self._unacknowledged: deque[tuple[str, list[bytes]]] = deque()
        self._alone, self._replays = True, False
        # entries of the stream up to the position, if known
        self._count: int | None = None
        self._trimmed: list[bytes] = []  # delivered, but removed before they were committed
        self._polled_at, self._left = -_POLL, None
        self._counted_at = -_RECOUNT

    @classmethod
    def partition_options(cls, options: Mapping[str, Any], partition: str) -> dict[str, Any]:
        """Return the options for one of several streams.

        Raises
        ------
        PriorError
            If the source has a consumer group, which would deliver entries to a runner that has
            lost its partition, or if all partitions would read the same stream.
        """
        if options.get("group") is not None:
            raise PriorError(
                "the source cannot have 'group': with [group], the store decides which runner"
                " reads a stream"
            )
        return super().partition_options(options, partition)

    def seek(self, token: Any) -> None:
        """Resume after the entry with a given token; None means from the beginning."""
        self.close()
        position = token if isinstance(token, Mapping) else {"id": token, "read": None}
        self._position = self._durable = position["id"]
        self._count = position["read"]
        self._unacknowledged.clear()

    def _open(self) -> None:
        try:
            self._client = make_client(self._pool)
            self._check_end()
            if self._group is not None:
                self._join(self._group)
            self._check_removed(*self._last_delivered())
        except (redis.AuthenticationError, redis.ResponseError) as error:
            raise self._failed(error) from None
        self._has_connected = True

    def _failed(self, error: Exception) -> SourceError:
        return SourceError(f"cannot read {self.name}: {self._message(error)}")

    def _check_end(self) -> None:
        """Check that the stream does not end before the last entry read."""
        if self._position is None:
            return
        info = self._stream_info()
        last = "0-0" if info is None else info["last-generated-id"].decode()
        if order_of(last) < order_of(self._position):
            self._handle_gap(
                f"it was read up to {self._position}, but ends at {last}", self._position
            )
            self._position = self._durable = self._count = None
            self._unacknowledged.clear()

    def _stream_info(self) -> Any:
        """Return the server's description of the stream; None if it does not exist."""
        try:
            return self._client.xinfo_stream(self._stream)
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            return None

    def _join(self, group: ConsumerGroup) -> None:
        """Join the group, and find the delivered entries that were removed."""
        self._alone = group.join(self._client, self._position, self._durable)
        self._replays = not self._alone
        after = self._position or "0-0"
        self._trimmed = group.trimmed(self._client, after) if self._alone else []

    def _last_delivered(self) -> tuple[str | None, int | None]:
        """Return the last entry read or delivered, and the number of entries up to it.

        The members of a group share a position; without a group, the position of this source is
        returned.
        """
        if self._alone or self._group is None:
            return self._position, self._count
        group = self._group.info(self._client)
        return group["last-delivered-id"].decode(), group.get("entries-read")

    def _check_removed(self, position: str | None, count: int | None) -> None:
        """Check that no unread entry after a position was removed."""
        info = self._stream_info()
        # nothing was delivered to any member if the group is at 0-0
        if info is None or (not self._alone and position == "0-0"):
            return
        added = info.get("entries-added")
        removed = None if added is None else added - info["length"]
        if position is None and count is None:
            # entries that were removed before the first run do not count as lost
            self._count = removed
            return
        last, first = info["last-generated-id"].decode(), info["first-entry"]
        if position is not None and (
            last == position
            or (first is not None and order_of(first[0].decode()) <= order_of(position))
        ):
            return
        if removed is None or count is None:
            self._handle_gap(
                f"entry {position}, up to which it was read, no longer exists", position
            )
        elif removed < count:
            self._handle_gap(
                f"it was deleted and recreated after entry {position} was read", position
            )
        elif (lost := removed - count - len(self._trimmed)) > 0:
            self._handle_gap(
                f"{lost:,} entries after {position} were removed before they were read", position
            )
        if self._alone:
            self._count = None if removed is None else removed - len(self._trimmed)

    def _read(self, size: int, timeout: float) -> Batch | None:
        if self._trimmed:
            return self._trimmed_batch()
        wait = max(1, round(1000.0 * timeout))
        before = self._last_delivered()
        position = self._position or "0"
        command: list[Any] = ["COUNT", size]
        if not self._replays:
            command += ["BLOCK", wait]
        if self._group is not None:
            after = position if self._replays else ">"
            head = self._group.read_command
        else:
            after, head = position, ["XREAD"]
        try:
            found = self._client.execute_command(*head, *command, "STREAMS", self._stream, after)
        except redis.ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise self._failed(error) from None
            self._check_end()  # the stream was deleted together with its groups
            self._connected = False
            return None
        entries = found[0][1] if found else []
        if self._replays:
            self._replays = bool(entries)
            self.caught_up = False
        else:
            self.caught_up = not entries
        if entries and order_of(entries[0][0].decode()) > order_of(before[0] or "0-0"):
            self._check_removed(*before)
        if not entries:
            return self._idle_batch()
        if self._group is not None and self._alone and self._skips_entries(entries[0][0]):
            self._connected = False  # the group was moved, or has another member: join again
            return None
        self._counted_at = -_RECOUNT  # check again as soon as these entries have been read
        return self._batch(entries)

    def _skips_entries(self, first: bytes) -> bool:
        """Whether there are entries between the last one read and the first one delivered."""
        after = "-" if self._position is None else f"({self._position}"
        found = self._client.xrange(self._stream, after, "+", count=1)
        return bool(found) and order_of(found[0][0].decode()) < order_of(first.decode())

    def _idle_batch(self) -> Batch | None:
        """Return a batch without entries if removed entries have to be reported."""
        due = time.monotonic() >= self._counted_at + _RECOUNT
        lost = self._count_removed() if due and self.caught_up and self._alone else 0
        if not lost and not self._gaps:
            return None
        letter = self._position, b"", f"{lost:,} entries were deleted before they were read"
        return Batch([], self._token(), [], [letter] if lost else [], self._lag())

    def _count_removed(self) -> int:
        """Return the number of unread entries that were deleted, if no entry is left to read."""
        if self._position is None:
            return 0
        info = self._stream_info()
        if info is None:
            self._check_end()
            return 0
        self._counted_at = time.monotonic()
        newest, added = info["last-entry"], info.get("entries-added")
        if newest is None:  # all entries were removed
            self._check_removed(self._position, self._count)
            return 0
        if order_of(newest[0].decode()) > order_of(self._position):
            # the newest entry was added a moment ago, or the group was moved: join again to read it
            self._connected = self._group is None
            return 0
        if added is None:
            return 0
        # earlier versions did not store the number of entries
        lost = 0 if self._count is None else added - self._count
        self._count = added
        return max(0, lost)

    def _trimmed_batch(self) -> Batch:
        reason = "the entry was delivered, and removed before it was committed"
        refused = [(each.decode(), b"", reason) for each in self._trimmed]
        if self._count is not None:
            self._count += len(self._trimmed)
        self._unacknowledged.append((self._position or "0-0", self._trimmed))
        self._trimmed = []
        return Batch([], self._token(), [], refused, self._lag())

    def _token(self) -> dict[str, Any]:
        return {"id": self._position, "read": self._count}

    def _batch(self, entries: Sequence[Any]) -> Batch | None:
        ids = [entry[0] for entry in entries]
        if self._group is not None and self._position is not None:
            ids, entries = self._skip_read(self._group, ids, entries)
            if not ids:
                return None
        positions = [each.decode() for each in ids]
        last = positions[-1]
        records, positions, refused = read_records(entries, positions, self._field)
        left = self._lag()
        # update the position after the last statement that can fail: entries not yielded must be
        # read again
        self._position = last
        if self._count is not None:
            self._count = self._count + len(ids) if self._alone else None
        if self._group is not None:
            self._unacknowledged.append((last, ids))
        return Batch(records, self._token(), positions, refused, left)

    def _skip_read(
        self, group: ConsumerGroup, ids: list[bytes], entries: Sequence[Any]
    ) -> tuple[list[bytes], Sequence[Any]]:
        """Omit entries that were already read; a server that lost data delivers them again."""
        assert self._position is not None
        position = order_of(self._position)
        if order_of(ids[0].decode()) > position:
            return ids, entries
        known = [each for each in ids if order_of(each.decode()) <= position]
        if self._durable is not None:
            stored = order_of(self._durable)
            done = [each for each in known if order_of(each.decode()) <= stored]
            if done:
                group.acknowledge(self._client, done)
        return ids[len(known) :], entries[len(known) :]

    def _lag(self) -> int | None:
        """Return the number of entries that the group has not received (Redis 7.0 or later)."""
        now = time.monotonic()
        if self._group is not None and now - self._polled_at >= _POLL:
            self._polled_at = now
            self._left = self._group.info(self._client).get("lag")
        return self._left

    def committed(self, token: Any) -> None:
        """Acknowledge the entries that are stored durably."""
        position = token["id"] if isinstance(token, Mapping) else token
        self._durable = position
        ids: list[bytes] = []
        durable = order_of(position or "0-0")
        while self._unacknowledged and order_of(self._unacknowledged[0][0]) <= durable:
            ids += self._unacknowledged.popleft()[1]
        if self._group is None or not self._connected:
            return  # the acknowledgement is repeated after reconnecting
        try:
            self._group.acknowledge(self._client, ids)
        except self._connection_errors as error:
            self._on_connection_lost(error)

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self._pool.disconnect()
