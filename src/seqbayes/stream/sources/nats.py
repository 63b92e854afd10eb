"""Events from a NATS JetStream stream."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from seqbayes.errors import PriorError
from seqbayes.events.messages import MessageFormat, messages_of
from seqbayes.stream.source import Batch, SourceError
from seqbayes.stream.sources.broker import Broker, Lost
from seqbayes.stream.sources.nats_feed import (
    CONNECTION_ERRORS,
    NatsServer,
    NatsSubscription,
    StreamInfo,
)
from seqbayes.stream.urls import check_port, credentials, expand

_POLL = 10.0
"""Seconds between two polls of a stream whose selected messages have all been read."""
_POLL_BEHIND = 1.0
"""Seconds between two polls if nothing arrives although unread messages remain."""


class JetStream(Broker):
    """Reads events from the messages of a JetStream stream, in order.

    Parameters
    ----------
    url
        ``nats://`` or ``tls://``; several servers of one cluster may be separated by commas.
        ``${NAME}`` is replaced with the value of that environment variable.
    stream
        The name of the stream.
    subject
        Subject of the messages to read, which may contain wildcards; by default all messages.
    domain
        The JetStream domain.
    credentials_file
        A NATS credentials (.creds) file.
    format
        Format of the messages: "json", "msgpack", "avro" or "protobuf".
    schema, message
        See `Messages`: the file of the schema, and the name of the Protobuf message.
    lost
        What to do if messages were deleted before they were read, or the stream was deleted and
        recreated: "stop" fails, "restart" continues with what is available and records the gap as
        a dead letter.
    patience
        Maximum number of seconds without a connection; after this time, the source fails.
    name
        Name of the source in the store; by default composed of the stream and the subject.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The token contains the sequence number of the last message read, and the creation time of the
    stream. Messages are read with an ephemeral consumer without acknowledgements: the read position
    is kept only in the store. Streams that delete acknowledged messages are rejected, because they
    cannot be read again.
    """

    kind = "nats"
    _connection_errors = CONNECTION_ERRORS

    token_type: ClassVar = int | dict[str, Any]  # earlier versions wrote a number

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
        format: MessageFormat = "json",  # noqa: A002
        schema: str | None = None,
        message: str | None = None,
    ) -> None:
        if not stream or set(stream) & set(" .*>/\\"):
            raise PriorError(f"expected the name of a stream, got {stream!r}")
        urls = [expand(each.strip(), quoted=True) for each in url.split(",")]
        if not all(each.startswith(("nats://", "tls://", "ws://", "wss://")) for each in urls):
            raise PriorError("expected url 'nats://host:port', or one that begins with tls://")
        for each in urls:
            check_port(each)
        secrets = [text or "" for each in urls for text in credentials(each)]
        read = f"/{subject}" if subject else ""
        super().__init__(name or f"nats:{stream}{read}", lost, patience, tuple(secrets))
        self._messages = messages_of(format, schema, message, name=self.name)
        self._server = NatsServer(urls, stream, subject, domain, credentials_file)
        self._position: int | None = None
        # time at which the stream was created
        self._created: str | None = None
        self._expected = 0  # sequence number of the next message, if none is deleted
        self._polled_at = 0.0
        self._feed: NatsSubscription | None = None

    def seek(self, token: Any) -> None:
        """Resume after the message with a given token; None means from the beginning."""
        self.close()
        if isinstance(token, Mapping):
            self._position, self._created = token["sequence"], token["created"]
        else:  # an earlier version wrote the token
            self._position, self._created = token, None

    def _open(self) -> None:
        self._feed = NatsSubscription(self._server)
        try:
            self._check(self._feed.connect())
            self._feed.start((self._position or 0) + 1)
        except LookupError as error:
            raise SourceError(f"cannot read {self.name}: {self._message(error)}") from None
        self._has_connected = True

    def _check(self, info: StreamInfo) -> None:
        """Check that the stream was not recreated, and still has the next record."""
        if info.retention != "limits":
            raise SourceError(
                f"cannot read {self.name}: the stream deletes acknowledged messages (retention"
                f" {info.retention!r}) and cannot be read again; expected retention 'limits'"
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
            self._handle_gap(f"{self._until()}, and begins at {info.first:,}", self._position)
            self._expected = max(1, info.first)
            self._position = self._expected - 1

    def _until(self) -> str:
        return f"it was read up to message {self._position or 0:,}"

    def _start_again(self, what: str) -> None:
        """Record that the stream was recreated, and read it from its beginning."""
        self._handle_gap(f"{self._until()}, and {what}", self._position)
        self._position, self._expected = None, 1

    def _read(self, size: int, timeout: float) -> Batch | None:
        assert self._feed is not None
        messages = self._feed.take(size, timeout)
        self.caught_up = self._feed.caught_up
        if messages:
            return self._batch(messages)
        batch = self._move_on()
        return Batch([], self._token(), [], (), 0) if batch is None and self._gaps else batch

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

        Individually deleted messages become dead letters. If only a subject is read, it is not
        known whether a deleted message had this subject.
        """
        assert self._feed is not None
        if positions[-1] - self._expected + 1 == len(positions):
            return []
        first = self._feed.info().first
        before = max((each for each in positions if each < first), default=self._expected - 1)
        if positions[-1] >= first and before + 1 < first:
            self._handle_gap(f"{self._until()}, and begins at {first:,}", self._position)
        if self._server.subject:
            return []
        places = [max(self._expected, first) - 1, *(each for each in positions if each >= first)]
        return [
            (after - 1, b"", f"{_messages(before + 1, after - 1)} deleted before reading")
            for before, after in pairwise(places)
            if after > before + 1
        ]

    def _move_on(self) -> Batch | None:
        """Periodically check for the end of the stream, and return an empty batch there.

        The server does not report purged and deleted messages. Messages of other subjects that are
        deleted later are irrelevant.
        """
        assert self._feed is not None
        now = time.monotonic()
        if now - self._polled_at < (_POLL if self.caught_up else _POLL_BEHIND):
            return None
        self._polled_at = now
        last = self._feed.last_if_complete()
        self.caught_up = self._feed.caught_up
        if last is None or last <= (self._position or 0):
            return None
        refused = self._find_removed([last + 1])
        self._position, self._expected = last, last + 1
        return Batch([], self._token(), [], refused, 0)

    def _disconnect(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None


def _messages(first: int, last: int) -> str:
    if first == last:
        return f"message {first:,} was"
    return f"messages {first:,} to {last:,} were"
