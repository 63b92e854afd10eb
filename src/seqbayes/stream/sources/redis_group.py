"""Membership in a consumer group of a Redis stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import redis

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
            The last entry read, to which the only member resets the group.
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
