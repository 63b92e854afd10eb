"""Events from a stream of NATS JetStream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from seqbayes.errors import PriorError
from seqbayes.stream.source import Batch, SourceError
from seqbayes.stream.sources.broker import Broker, Lost, credentials, expand
from seqbayes.stream.sources.nats_feed import TROUBLES, NatsServer, StreamInfo, Subscription


class JetStream(Broker):
    """Events from the messages of a JetStream stream, in their order.

    Parameters
    ----------
    url
        ``nats://`` or ``tls://``; several of one cluster with commas between them. ``${NAME}`` in
        it is that variable of the environment.
    stream
        The name of the stream.
    subject
        The subject, with wildcards, of the messages that are read; all by default.
    domain
        The JetStream domain.
    credentials_file
        A file of credentials, as NATS makes them.
    lost
        Where messages were deleted before they were read, or the stream ends before the place up to
        which it was read: "stop" fails, "restart" goes on with what is there.
    patience
        Seconds without a connection after which the source fails.
    name
        Its identity in the store; by default the stream, with the subject.

    Raises
    ------
    PriorError
        If an option is none.

    Notes
    -----
    The token is the sequence number of the last message in the stream. Messages are read through a
    consumer without acknowledgements that lives as long as the connection: the store alone knows
    how far they were read. A stream that deletes what is acknowledged cannot be read again, and is
    refused.
    """

    kind = "nats"
    _troubles = TROUBLES

    token_type: ClassVar = int

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
        self._feed: Subscription | None = None

    def seek(self, token: Any) -> None:
        """Resume behind the message that had this token; None is the beginning."""
        self.close()
        self._position = token

    def _open(self) -> None:
        self._feed = Subscription(self._server)
        try:
            self._check(self._feed.connect())
            self._feed.start((self._position or 0) + 1)
        except LookupError as error:
            raise SourceError(f"cannot read {self.name}: {self._told(error)}") from None
        self._ever = True

    def _check(self, place: StreamInfo) -> None:
        """Check that the stream has what comes next."""
        if place.retention != "limits":
            raise SourceError(
                f"cannot read {self.name}: the stream deletes what is acknowledged (retention"
                f" {place.retention!r}), and cannot be read again; expected retention 'limits'"
            )
        if self._position is None:
            return
        if place.last < self._position:
            self._lack(f"it was read up to message {self._position:,}, and ends at {place.last:,}")
            self._position = None
        elif place.first > self._position + 1 and self._server.subject is None:
            self._lack(
                f"it was read up to message {self._position:,}, and begins at {place.first:,}"
            )

    def _read(self, size: int, timeout: float) -> Batch | None:
        assert self._feed is not None
        messages = self._feed.take(size, timeout)
        self.caught_up = self._feed.caught_up
        return self._batch(messages) if messages else None

    def _batch(self, messages: Sequence[tuple[int, int, bytes]]) -> Batch:
        positions = [sequence for sequence, _, _ in messages]
        self._position, left, _ = messages[-1]
        return Batch([data for _, _, data in messages], self._position, positions, (), left)

    def _hang_up(self) -> None:
        if self._feed is not None:
            self._feed.close()
            self._feed = None
