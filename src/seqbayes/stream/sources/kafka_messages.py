"""Positions of Kafka messages, and the last messages read."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_SILENCE = 10.0
"""Seconds to wait for the last message read before its offset is compared with the end."""


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
    unverified : set of int
        The partitions whose last message is being read again.
    """

    def __init__(self, token: Mapping[str, Sequence[int]] | None = None) -> None:
        self._marks = {int(p): (offset, crc) for p, (offset, crc) in (token or {}).items()}
        self.unverified: set[int] = set()
        self._since = 0.0

    def token(self) -> dict[str, list[int]]:
        """Return the marks as JSON values."""
        return {str(p): list(mark) for p, mark in sorted(self._marks.items())}

    def record(self, messages: Mapping[int, Any]) -> None:
        """Record the last message of each partition."""
        self._marks |= {p: _mark_of(message) for p, message in messages.items()}

    def forget(self, partition: int) -> None:
        """Remove the mark of a partition."""
        self._marks.pop(partition, None)

    def reread_from(self, partition: int, offset: int) -> int:
        """Return the offset of the last message; `offset` if no message was read."""
        if partition not in self._marks:
            return offset
        self.unverified.add(partition)
        self._since = time.monotonic()
        return self._marks[partition][0]

    def verify(self, messages: list[Any]) -> tuple[list[Any], dict[int, tuple[int, str]]]:
        """Return the messages not read before, and the evidence that partitions were recreated."""
        if not self.unverified:
            return messages, {}
        kept = []
        recreated: dict[int, tuple[int, str]] = {}
        for message in messages:
            p, offset = message.partition(), message.offset()
            if p in self.unverified and offset <= self._marks[p][0]:
                if _mark_of(message) != self._marks[p]:
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
            offset, end = self._marks[p][0], end_of(p)
            if end <= offset:
                recreated[p] = offset, f"its end at {end:,}, and was read up to {offset:,}"
        self.unverified.difference_update(recreated)
        return recreated


def _mark_of(message: Any) -> tuple[int, int]:
    """Return the offset of a message and a checksum of its time and content."""
    content = f"{message.timestamp()}".encode() + (message.value() or b"")
    return message.offset(), zlib.crc32(content)
