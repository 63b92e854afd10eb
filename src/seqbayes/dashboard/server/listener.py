"""The HTTP server: socket, signals and shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import uvicorn

from seqbayes.console.service import Service
from seqbayes.console.signals import Interruption
from seqbayes.dashboard.server.protocol import LimitedProtocol

GRACE = 10
"""Seconds allowed for pending responses when the server stops."""

MAX_CONNECTIONS = 1000

# bytes of the kernel's buffer for each client
_BUFFER = 1 << 18
_UNSENT = 20_000  # milliseconds of unacknowledged data after which a connection is closed


class Served(Protocol):
    """An application that can be served.

    Attributes
    ----------
    app
        The ASGI application.
    """

    app: Any

    def close_clients(self) -> None:
        """Close all streams; called on the event loop when the server stops."""


class SiteServer(uvicorn.Server):
    """Serves a site until it is interrupted."""

    def __init__(self, site: Served, interruption: Interruption, service: Service) -> None:
        config = uvicorn.Config(
            site.app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=20,
            limit_concurrency=MAX_CONNECTIONS,
            http=LimitedProtocol,
        )
        super().__init__(config)
        self._site, self._interruption, self._service = site, interruption, service

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do not install signal handlers; the command handles signals."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Send a keep-alive notification to the service manager, and check for signals."""
        self._service.alive()
        if self._interruption:
            self.should_exit = True
        ending = await super().on_tick(counter)
        if ending:
            self._site.close_clients()
        return ending


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 selects a free port.

    Raises
    ------
    OSError
        If the address cannot be bound.
    """
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = infos[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # accepted sockets inherit this, which bounds the kernel memory of a slow client
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
    site: Served,
    listening: socket.socket,
    interruption: Interruption,
    ready: Callable[[], None],
    service: Service,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    site
        The site.
    listening
        The listening socket.
    interruption
        Whether a signal to stop has arrived.
    ready
        Called when the server answers requests.
    service
        The service manager, which is notified when the server is ready, and at every tick.
    """

    async def main() -> None:
        server = SiteServer(site, interruption, service)
        task = asyncio.ensure_future(server.serve(sockets=[listening]))
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        if server.started:
            ready()
            service.ready()
        await task

    asyncio.run(main())
