"""Connections with limits on requests, idle connections and connections from one address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from seqbayes.dashboard.server.access import network_of

PATIENCE = 20.0
"""Timeout in seconds for the head of a request."""

MAX_CLIENT_CONNECTIONS = 400
"""Maximum number of connections from one address."""

MAX_CLIENT_WAITING = 64
"""Maximum number of connections per address that are idle or have sent only part of a request."""

MAX_WAITING = 700
"""Maximum total number of such connections; it leaves connections available for requests."""

MAX_HEAD_BYTES = 1 << 16
"""Maximum size of the headers of a request, and of an incomplete part of a request."""

MAX_PIPELINED = 16
"""Maximum number of requests that a connection may send before the first is answered."""


class LimitedProtocol(HttpToolsProtocol):
    """A connection that is closed if it is idle, or if its client has too many connections.

    If a client has too many unfinished requests, the oldest is closed, so that the server stays
    available to this client and to others.
    """

    by_client: ClassVar[dict[str, dict[LimitedProtocol, None]]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timer, and enforce the limits of the client."""
        super().connection_made(transport)
        self._waited = False
        self._head = self._incomplete = 0
        self._timer = self.loop.call_later(PATIENCE, self._check)
        peer = transport.get_extra_info("peername")
        self.peer = network_of(str(peer[0])) if isinstance(peer, tuple) else ""
        alike = self.by_client.setdefault(self.peer, {})
        alike[self] = None
        unfinished = {
            peer: [each for each in protocols if each.is_unfinished()]
            for peer, protocols in self.by_client.items()
        }
        if len(unfinished[self.peer]) > MAX_CLIENT_WAITING:
            self._abort_oldest(unfinished[self.peer])
        elif sum(map(len, unfinished.values())) > MAX_WAITING:
            self._abort_oldest(max(unfinished.values(), key=len))
        if len(alike) > MAX_CLIENT_CONNECTIONS:
            transport.abort()

    def _abort_oldest(self, unfinished: Sequence[LimitedProtocol]) -> None:
        oldest = unfinished[0]
        oldest.transport.abort()
        self.by_client[oldest.peer].pop(oldest)

    def _is_idle(self) -> bool:
        # None before the first request
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def is_unfinished(self) -> bool:
        """Return whether the client has not sent a complete request."""
        return self._is_idle() or self.cycle.more_body

    def _check(self) -> None:
        """Close the connection if no request head has arrived since the last check."""
        waits = self._is_idle()
        if waits and (self._waited or self.cycle is None):
            self.transport.close()
            return
        self._waited = waits
        self._timer = self.loop.call_later(PATIENCE, self._check)

    def data_received(self, data: bytes) -> None:
        """Parse data; reject a request if an incomplete part of it is too large."""
        self._incomplete += len(data)
        super().data_received(data)
        if self._incomplete > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("A part of the request is too large.")

    def on_message_begin(self) -> None:
        """Begin to measure the size of the headers."""
        self._head = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header, in the head of the request or after its body.

        Raises
        ------
        ValueError
            If the headers are too large.
        """
        self._incomplete = 0
        self._head += len(name) + len(value)
        if self._head > MAX_HEAD_BYTES:
            raise ValueError("the headers are too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin the response.

        Raises
        ------
        ValueError
            If too many requests are waiting.
        """
        self._incomplete = 0
        if len(self.pipeline) >= MAX_PIPELINED:
            raise ValueError("too many requests are waiting")
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on a part of the body."""
        self._incomplete = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._incomplete = 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._timer.cancel()
        alike = self.by_client.get(self.peer, {})
        alike.pop(self, None)
        if not alike:
            self.by_client.pop(self.peer, None)
        super().connection_lost(exc)
