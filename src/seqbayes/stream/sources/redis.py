"""Events from a stream of Redis."""

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
from seqbayes.stream.source import Batch, SourceError
from seqbayes.stream.sources.broker import Broker, Lost
from seqbayes.stream.sources.redis_entries import make_client, make_pool, order_of, read_records
from seqbayes.stream.urls import credentials, expand

_CHUNK = 1000
"""Ids that are acknowledged or requested at a time."""
_POLL = 1.0
"""Seconds between two queries of the lag."""

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
"""Sets a group back to the place of its only member, atomically, so that no other one joins."""


class RedisStream(Broker):
    """Events from the entries of a Redis stream, in their order.

    Parameters
    ----------
    url
        ``redis://``, ``rediss://`` or ``unix://``, as redis-py takes it; ``${NAME}`` in it is that
        variable of the environment.
    stream
        The key of the stream.
    field
        The field of an entry that holds a JSON object; without it the fields of an entry are those
        of the event, with their values as texts.
    group
        A consumer group to join; it is created if it does not exist.
    consumer
        The name in the group, the same after every restart.
    lost
        What to do if entries were removed before they were read, or the stream ends before the
        place up to which it was read: "stop" fails, "restart" continues with what is available and
        adds a dead letter about the gap.
    patience
        Seconds without a connection after which the source fails.
    name
        Its identity in the store; by default the stream, with group and consumer.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The token holds the id of the last entry, and the number of entries up to it; with that number
    (Redis 7.0 or later) the source knows how many unread entries were trimmed. Without a group
    nothing is written to Redis. In a group, entries are acknowledged once they are committed.
    Entries that were delivered to this consumer and not committed are delivered again, or become
    dead letters if they were removed meanwhile; committed entries that were not acknowledged are
    skipped. The only member of a group resets the group to its position. Entries of other consumers
    are never claimed, because only their stores know which ones were counted.
    """

    kind = "redis"
    _troubles = (redis.ConnectionError, redis.TimeoutError, redis.ReadOnlyError, OSError)

    token_type: ClassVar = str | dict[str, Any]  # an id in earlier versions

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
    ) -> None:
        if not stream:
            raise PriorError("expected the key of a stream")
        url = expand(url, quoted=True)
        read_as = f"/{group}/{consumer}" if group else ""
        super().__init__(
            name or f"redis:{stream}{read_as}", lost, patience, (credentials(url)[1] or "",)
        )
        self.text = field is None
        self._stream, self._group, self._consumer = stream, group, consumer
        self._field = None if field is None else field.encode()
        self._pool = make_pool(url)
        self._client: Any = None
        self._position: str | None = None
        self._durable: str | None = None
        self._unacknowledged: deque[tuple[str, list[bytes]]] = deque()
        self._alone, self._replays = True, False
        self._count: int | None = None  # entries of the stream up to the position, if known
        self._trimmed: list[bytes] = []  # delivered, but removed before they were committed
        self._polled_at, self._left = -_POLL, None

    def seek(self, token: Any) -> None:
        """Resume after the entry that had this token; None is the beginning."""
        self.close()
        place = token if isinstance(token, Mapping) else {"id": token, "read": None}
        self._position = self._durable = place["id"]
        self._count = place["read"]
        self._unacknowledged.clear()

    def _open(self) -> None:
        try:
            self._client = make_client(self._pool)
            self._check_place()
            if self._group is not None:
                self._join()
            self._check_removed(*self._place())
        except (redis.AuthenticationError, redis.ResponseError) as error:
            raise self._failed(error) from None
        self._ever = True

    def _failed(self, error: Exception) -> SourceError:
        return SourceError(f"cannot read {self.name}: {self._message(error)}")

    def _check_place(self) -> None:
        """Check that the stream goes at least as far as it was read."""
        if self._position is None:
            return
        try:
            last = self._client.xinfo_stream(self._stream)["last-generated-id"].decode()
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            last = "0-0"
        if order_of(last) < order_of(self._position):
            self._lack(f"it was read up to {self._position}, and ends at {last}", self._position)
            self._position = self._durable = self._count = None
            self._unacknowledged.clear()

    def _join(self) -> None:
        """Create the group if necessary, and acknowledge committed entries."""
        try:
            self._client.xgroup_create(
                self._stream, self._group, self._position or "0", mkstream=True
            )
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._client.xgroup_createconsumer(self._stream, self._group, self._consumer)
        while self._durable is not None:
            pending = self._client.execute_command(
                "XPENDING", self._stream, self._group, "-", self._durable, _CHUNK, self._consumer
            )
            if not pending:
                break
            self._client.xack(self._stream, self._group, *[row[0] for row in pending])
        alone = self._client.eval(
            _REWIND, 1, self._stream, self._group, self._position or "0-0", self._consumer
        )
        self._alone, self._replays = bool(alone), not alone
        self._trimmed = self._find_trimmed() if alone else []

    def _find_trimmed(self) -> list[bytes]:
        """Return entries that were delivered and not committed, and are not in the stream."""
        found: list[bytes] = []
        after = self._position or "0-0"
        while rows := self._client.execute_command(
            "XPENDING", self._stream, self._group, f"({after}", "+", _CHUNK, self._consumer
        ):
            ids = [row[0] for row in rows]
            there = {each[0] for each in self._client.xrange(self._stream, ids[0], ids[-1])}
            found += [each for each in ids if each not in there]
            after = ids[-1].decode()
        return found

    def _place(self) -> tuple[str | None, int | None]:
        """Return the entry after which is read next, and the number of entries up to it.

        The members of a group share a place; alone, it is this source's own.
        """
        if self._alone:
            return self._position, self._count
        (group,) = [
            each
            for each in self._client.xinfo_groups(self._stream)
            if each["name"].decode() == self._group
        ]
        return group["last-delivered-id"].decode(), group.get("entries-read")

    def _check_removed(self, place: str | None, count: int | None) -> None:
        """Check that no entry was removed after a place, which was to be read next."""
        try:
            info = self._client.xinfo_stream(self._stream)
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            return
        if not self._alone and place == "0-0":  # nothing was delivered to any member
            return
        added = info.get("entries-added")
        removed = None if added is None else added - info["length"]
        if place is None and count is None:
            self._count = (
                removed  # entries that were removed before the first run do not count as lost
            )
            return
        last, first = info["last-generated-id"].decode(), info["first-entry"]
        if place is not None and (
            last == place or (first is not None and order_of(first[0].decode()) <= order_of(place))
        ):
            return
        if removed is None or count is None:
            self._lack(f"entry {place}, up to which it was read, no longer exists", place)
        elif removed < count:
            self._lack(f"it was deleted and recreated after entry {place} was read", place)
        elif (lost := removed - count - len(self._trimmed)) > 0:
            self._lack(f"{lost:,} entries after {place} were removed before they were read", place)
        if self._alone:
            self._count = None if removed is None else removed - len(self._trimmed)

    def _read(self, size: int, timeout: float) -> Batch | None:
        if self._trimmed:
            return self._trimmed_batch()
        wait = max(1, round(1000.0 * timeout))
        before = self._place()
        place = self._position or "0"
        command: list[Any] = ["COUNT", size]
        if not self._replays:
            command += ["BLOCK", wait]
        if self._group is not None:
            after = place if self._replays else ">"
            head = ["XREADGROUP", "GROUP", self._group, self._consumer]
        else:
            after, head = place, ["XREAD"]
        try:
            found = self._client.execute_command(*head, *command, "STREAMS", self._stream, after)
        except redis.ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise self._failed(error) from None
            self._check_place()  # the stream was deleted, and its groups with it
            self._connected = False
            return None
        entries = found[0][1] if found else []
        if self._replays:
            self._replays = bool(entries)
            self.caught_up = False
        else:
            self.caught_up = not entries
            if not entries and self._count is None and self._alone:
                self._learn_count()
        if entries and order_of(entries[0][0].decode()) > order_of(before[0] or "0-0"):
            self._check_removed(*before)
        return self._batch(entries) if entries else None

    def _learn_count(self) -> None:
        """Note the number of entries up to the last one; earlier versions did not store it."""
        if self._position is not None:
            info = self._client.xinfo_stream(self._stream)
            if info["last-generated-id"].decode() == self._position:
                self._count = info.get("entries-added")

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
            ids, entries = self._skip_read(ids, entries)
            if not ids:
                return None
        positions = [each.decode() for each in ids]
        last = positions[-1]
        records, positions, refused = read_records(entries, positions, self._field)
        left = self._lag()
        # after the last possible error, because entries that are not yielded must be read again
        self._position = last
        if self._count is not None:
            self._count = self._count + len(ids) if self._alone else None
        if self._group is not None:
            self._unacknowledged.append((last, ids))
        return Batch(records, self._token(), positions, refused, left)

    def _skip_read(
        self, ids: list[bytes], entries: Sequence[Any]
    ) -> tuple[list[bytes], Sequence[Any]]:
        """Omit entries that were read before; a server that lost data delivers them again."""
        assert self._position is not None
        place = order_of(self._position)
        if order_of(ids[0].decode()) > place:
            return ids, entries
        known = [each for each in ids if order_of(each.decode()) <= place]
        if self._durable is not None:
            stored = order_of(self._durable)
            done = [each for each in known if order_of(each.decode()) <= stored]
            if done:
                self._client.xack(self._stream, self._group, *done)
        return ids[len(known) :], entries[len(known) :]

    def _lag(self) -> int | None:
        """Return how many entries the group has not received; Redis knows it from 7.0 on."""
        now = time.monotonic()
        if self._group is not None and now - self._polled_at >= _POLL:
            self._polled_at = now
            groups = self._client.xinfo_groups(self._stream)
            (group,) = [each for each in groups if each["name"].decode() == self._group]
            self._left = group.get("lag")
        return self._left

    def committed(self, token: Any) -> None:
        """Acknowledge the entries that are stored durably."""
        place = token["id"] if isinstance(token, Mapping) else token
        self._durable = place
        ids: list[bytes] = []
        durable = order_of(place or "0-0")
        while self._unacknowledged and order_of(self._unacknowledged[0][0]) <= durable:
            ids += self._unacknowledged.popleft()[1]
        if not self._connected:
            return  # it is repeated after the next connection
        try:
            for first in range(0, len(ids), _CHUNK):
                self._client.xack(self._stream, self._group, *ids[first : first + _CHUNK])
        except self._troubles as error:
            self._lose(error)

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None
        self._pool.disconnect()
