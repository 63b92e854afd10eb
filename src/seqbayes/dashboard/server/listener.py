"""The HTTP server: a socket, signals, and a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from seqbayes.console.signals import Interruption
from seqbayes.dashboard.server.app import Site

GRACE = 10
"""Seconds for answers under way when the server ends."""

PATIENCE = 20.0
"""Seconds in which a connection says what it wants."""

MOST_CONNECTIONS = 1000

_BUFFER = 1 << 18  # bytes that wait in the kernel for each client
_UNSENT = 20_000  # milliseconds after which what a client does not take breaks its connection


class Patient(H11Protocol):
    """A connection that is given up when it does not say what it wants."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._waits = False
        self._timer = self.loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        """Give up what has not sent the head of a request since the last look."""
        waits = self.conn.their_state is h11.IDLE
        if waits and (self._waits or self.cycle is None):
            self.transport.close()
            return
        self._waits = waits
        self._timer = self.loop.call_later(PATIENCE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._timer.cancel()
        super().connection_lost(exc)


class SiteServer(uvicorn.Server):
    """Serves a site until it is interrupted.

    Parameters
    ----------
    site
        What is served.
    interruption
        Says when to stop.
    """

    def __init__(self, site: Site, interruption: Interruption) -> None:
        config = uvicorn.Config(
            site.app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=20,
            h11_max_incomplete_event_size=1 << 16,
            limit_concurrency=MOST_CONNECTIONS,
            http=Patient,
        )
        super().__init__(config)
        self._site, self._interruption = site, interruption

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the command."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Look whether it is to end."""
        if self._interruption:
            self.should_exit = True
        ending = await super().on_tick(counter)
        if ending:
            self._site.close_clients()
        return ending


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any that is free.

    Raises
    ------
    OSError
        If it cannot be bound.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = infos[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # accepted sockets have it, too: what a slow client holds of the kernel's memory is bounded
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        timeout: Any = getattr(socket, "TCP_USER_TIMEOUT", None)
        if timeout is not None:
            listening.setsockopt(socket.IPPROTO_TCP, timeout, _UNSENT)
        listening.bind(address)
        listening.listen(512)
    except OSError as error:
        listening.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the address of a listening socket for a browser."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname(), "::1": "[::1]"}
    return f"http://{shown.get(host, host)}:{port}/"


def serve(
    site: Site,
    listening: socket.socket,
    interruption: Interruption,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until interrupted."""

    async def main() -> None:
        server = SiteServer(site, interruption)
        task = asyncio.ensure_future(server.serve(sockets=[listening]))
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready()
        await task

    asyncio.run(main())
