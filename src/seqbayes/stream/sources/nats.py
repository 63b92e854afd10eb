"""Events from a stream of NATS JetStream."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from seqbayes.errors import PriorError
from seqbayes.stream.source import Batch, SourceError
from seqbayes.stream.sources.broker import Broker, Lost
from seqbayes.stream.sources.nats_feed import TROUBLES, NatsServer, StreamInfo, Subscription
from seqbayes.stream.urls import credentials, expand

_POLL = 10.0
"""Seconds between two polls of a stream whose selected messages have all been read."""
_POLL_BEHIND = 1.0
"""Seconds between two polls if nothing arrives although messages are left."""


class JetStream(Broker):
    """Events from the messages of a JetStream stream, in their order.

    Parameters
    ----------
    url
        ``nats://`` or ``tls://``; several of one cluster with commas between them. ``${NAME}`` in
        it is replaced by that environment variable.
    stream
        The name of the stream.
    subject
        The subject, with wildcards, of the messages that are read; all by default.
    domain
        The JetStream domain.
    credentials_file
        A file of credentials, as NATS makes them.
    lost
        What to do if messages were deleted before they were read, or the stream was deleted and
        recreated: "stop" fails, "restart" continues with what is available and adds a dead letter
        about the gap.
    patience
        Seconds without a connection after which the source fails.
    name
        Its identity in the store; by default the stream, with the subject.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The token holds the sequence number of the last message in the stream, and when the stream was
    created. Messages are read through a consumer without acknowledgements that lives as long as the
    connection: the store alone knows how far they were read. A stream that deletes what is
    acknowledged cannot be read again, and is refused.
    """

    kind = "nats"
    _troubles = TROUBLES

    token_type: ClassVar = int | dict[str, Any]  # a number in earlier versions

    def __init__(
        self,
        url: str,
        stream: str,
        subject: str | None = None,
        domain: str | None = None,
        credentials_file: str | None = None,
        lost: Lost = "stop",
        patience: float = 300.0,
        name: str | None = None,
    ) -> None:
        if not stream or set(stream) & set(" .*>/\\"):
            raise PriorError(f"expected the name of a stream, got {stream!r}")
        urls = [expand(each.strip(), quoted=True) for each in url.split(",")]
        if not all(each.startswith(("nats://", "tls://", "ws://", "wss://")) for each in urls):
            raise PriorError("expected url 'nats://host:port', or one that begins with tls://")
        secrets = [text or "" for each in urls for text in credentials(each)]
        read = f"/{subject}" if subject else ""
        super().__init__(name or f"nats:{stream}{read}", lost, patience, tuple(secrets))
        self._server = NatsServer(urls, stream, subject, domain, credentials_file)
        self._position: int | None = None
        self._created: str | None = None  # when the stream was created
        self._expected = 0  # the next message, if none is removed
        self._polled_at = 0.0
        self._feed: Subscription | None = None

    def seek(self, token: Any) -> None:
        """Resume after the message that had this token; None is the beginning."""
        self.close()
        if isinstance(token, Mapping):
            self._position, self._created = token["sequence"], token["created"]
        else:  # of an earlier version
            self._position, self._created = token, None

    def _open(self) -> None:
        self._feed = Subscription(self._server)
        try:
            self._check(self._feed.connect())
            self._feed.start((self._position or 0) + 1)
        except LookupError as error:
            raise SourceError(f"cannot read {self.name}: {self._message(error)}") from None
        self._ever = True

    def _check(self, info: StreamInfo) -> None:
        """Check that the stream is the same one, and has the next record."""
        if info.retention != "limits":
            raise SourceError(
                f"cannot read {self.name}: the stream deletes acknowledged messages (retention"
                f" {info.retention!r}), and cannot be read again; expected retention 'limits'"
            )
        created, self._created = self._created, info.created
        if self._position is None:
            self._expected = max(1, info.first)
            return
        self._expected = self._position + 1
        if info.last < self._position:
            self._start_again(f"ends at {info.last:,}")
        elif created not in (None, info.created):
            self._start_again("was deleted and recreated")
        elif info.first > self._expected:
            self._lack(f"{self._until()}, and begins at {info.first:,}", self._position)
            self._expected = max(1, info.first)

    def _until(self) -> str:
        return f"it was read up to message {self._position or 0:,}"

    def _start_again(self, what: str) -> None:
        """Note that the stream is another one, which is read from its beginning."""
        self._lack(f"{self._until()}, and {what}", self._position)
        self._position, self._expected = None, 1

    def _read(self, size: int, timeout: float) -> Batch | None:
        assert self._feed is not None
        messages = self._feed.take(size, timeout)
        self.caught_up = self._feed.caught_up
        if messages:
            return self._batch(messages)
        return self._move_on() if self._server.subject or not self.caught_up else None

    def _batch(self, messages: Sequence[tuple[int, int, bytes]]) -> Batch:
        positions = [sequence for sequence, _, _ in messages]
        refused = self._find_removed(positions)
        self._position, left, _ = messages[-1]
        self._expected = self._position + 1
        records = [data for _, _, data in messages]
        return Batch(records, self._token(), positions, refused, left)

    def _token(self) -> dict[str, Any]:
        return {"sequence": self._position, "created": self._created}

    def _find_removed(self, positions: Sequence[int]) -> list[tuple[int, bytes, str]]:
        """Check that no message was removed from the stream's beginning before it was read.

        Messages that were deleted one by one become dead letters. If only a subject is read, it is
        not known whether they had that subject.
        """
        assert self._feed is not None
        if positions[-1] - self._expected + 1 == len(positions):
            return []
        first = self._feed.info().first
        before = max((each for each in positions if each < first), default=self._expected - 1)
        if positions[-1] >= first and before + 1 < first:
            self._lack(f"{self._until()}, and begins at {first:,}", self._position)
        if self._server.subject:
            return []
        places = [max(self._expected, first) - 1, *(each for each in positions if each >= first)]
        return [
            (after - 1, b"", f"{_messages(before + 1, after - 1)} deleted before reading")
            for before, after in pairwise(places)
            if after > before + 1
        ]

    def _move_on(self) -> Batch | None:
        """Check periodically whether all was read, and return an empty batch at the stream's end.

        The server does not announce that messages were purged. Messages of other subjects that are
        deleted later do not matter.
        """
        assert self._feed is not None
        now = time.monotonic()
        if now - self._polled_at < (_POLL if self.caught_up else _POLL_BEHIND):
            return None
        self._polled_at = now
        last = self._feed.settled()
        self.caught_up = self._feed.caught_up
        if last is None or last <= (self._position or 0):
            return None
        self._position, self._expected = last, last + 1
        return Batch([], self._token(), [], (), 0)

    def _disconnect(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None


def _messages(first: int, last: int) -> str:
    if first == last:
        return f"message {first:,} was"
    return f"messages {first:,} to {last:,} were"
