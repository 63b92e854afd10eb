"""Positions of Kafka messages, and the last messages read."""

from __future__ import annotations

import operator
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_value = operator.methodcaller("value")
_SILENCE = 10.0
"""Seconds to wait for the last message read before its offset is compared with the end."""


Mark = tuple[int, int]
"""The offset of a message, and a checksum of its time and content."""


class Positions(Sequence[str]):
    """The partition and the offset of each message, computed on access."""

    def __init__(self, messages: Sequence[Any]) -> None:
        self._messages = messages

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, i: Any) -> Any:
        message = self._messages[i]
        return f"{message.partition()}:{message.offset()}"


class LastRead:
    """The last message read from each partition, which shows whether a topic was recreated.

    The message is read again after every connection and compared with a mark: its offset, and a
    checksum of its time and content.

    Parameters
    ----------
    token
        The marks, keyed by partition, as returned by `token`.

    Attributes
    ----------
    marks
        The marks, keyed by partition.
    unverified : set of int
        The partitions whose last message is being read again.
    """

    def __init__(self, token: Mapping[str, Sequence[int]] | None = None) -> None:
        self.marks: dict[int, Mark] = {
            int(p): (offset, crc) for p, (offset, crc) in (token or {}).items()
        }
        self.unverified: set[int] = set()
        self._since = 0.0

    def token(self) -> dict[str, list[int]]:
        """Return the marks as JSON values."""
        return {str(p): list(mark) for p, mark in sorted(self.marks.items())}

    def record(self, messages: Mapping[int, Any]) -> None:
        """Record the last message of each partition."""
        self.marks |= {p: mark_of(message) for p, message in messages.items()}

    def forget(self, partition: int) -> None:
        """Remove the mark of a partition."""
        self.marks.pop(partition, None)

    def reread_from(self, partition: int, offset: int) -> int:
        """Return the offset of the last message; `offset` if no message was read."""
        if partition not in self.marks:
            return offset
        self.unverified.add(partition)
        self._since = time.monotonic()
        return self.marks[partition][0]

    def verify(self, messages: list[Any]) -> tuple[list[Any], dict[int, tuple[int, str]]]:
        """Return the messages not read before, and the evidence that partitions were recreated."""
        if not self.unverified:
            return messages, {}
        kept = []
        recreated: dict[int, tuple[int, str]] = {}
        for message in messages:
            p, offset = message.partition(), message.offset()
            if p in self.unverified and offset <= self.marks[p][0]:
                if mark_of(message) != self.marks[p]:
                    what = f"another message at offset {offset:,}, up to which it was read"
                    recreated[p] = offset, what
            elif p not in recreated:
                kept.append(message)
            self.unverified.discard(p)
        return kept, recreated

    def find_past_ends(self, end_of: Callable[[int], int]) -> dict[int, tuple[int, str]]:
        """Return evidence that partitions were recreated, which some brokers do not report.

        Parameters
        ----------
        end_of
            Function that queries the end offset of a partition.
        """
        now = time.monotonic()
        if not self.unverified or now - self._since < _SILENCE:
            return {}
        self._since = now
        recreated = {}
        for p in sorted(self.unverified):
            offset, end = self.marks[p][0], end_of(p)
            if end <= offset:
                recreated[p] = offset, f"its end at {end:,}, and was read up to {offset:,}"
        self.unverified.difference_update(recreated)
        return recreated


def split_empty(messages: Sequence[Any]) -> tuple[list[Any], Positions, list[Any]]:
    """Return the values of messages and their positions, and dead letters for those without one."""
    records = list(map(_value, messages))
    positions = Positions(messages)
    if None not in records:
        return records, positions, []
    refused = [
        (position, message.key() or b"", "the message has no value")
        for position, message in zip(positions, messages, strict=True)
        if message.value() is None
    ]
    kept = Positions([message for message in messages if message.value() is not None])
    return [record for record in records if record is not None], kept, refused


def mark_of(message: Any) -> Mark:
    """Return the offset of a message and a checksum of its time and content."""
    content = f"{message.timestamp()}".encode() + (message.value() or b"")
    return message.offset(), zlib.crc32(content)
