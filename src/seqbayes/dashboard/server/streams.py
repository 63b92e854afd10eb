"""Server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from seqbayes.dashboard.live.hub import MAX_HZ, Connection, Hub, Subscription
from seqbayes.dashboard.server.access import client_of
from seqbayes.dashboard.server.responses import (
    HttpError,
    integer_parameter,
    level_parameter,
    number_parameter,
)

MAX_KEYS = 200
PATIENCE = 15.0
"""Seconds after which a client that does not read is disconnected."""


class EventStream(Response):
    """A response that ends after its last frame, or when the client disconnects or stops reading.

    Parameters
    ----------
    frames
        The frames to send.
    ended
        Called when the response ends.
    dropped
        Set to disconnect the client, even while it is not reading.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncIterator[bytes],
        ended: Callable[[], None] = lambda: None,
        dropped: asyncio.Event | None = None,
    ) -> None:
        self.frames, self._ended = frames, ended
        self._dropped = asyncio.Event() if dropped is None else dropped
        self.status_code = 200
        self.background = None
        self.body = b""
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send the frames."""
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        sending = asyncio.ensure_future(self._send(start, send))
        leaving = asyncio.ensure_future(_left(receive))
        dropping = asyncio.ensure_future(self._dropped.wait())
        tasks = {sending, leaving, dropping}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._ended()

    async def _send(self, start: Any, send: Any) -> None:
        await send(start)
        async for data in self.frames:
            message = {"type": "http.response.body", "body": data, "more_body": True}
            await asyncio.wait_for(send(message), PATIENCE)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Streams:
    """The handler of ``/api/stream``."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def stream(self, request: Request) -> Response:
        """Stream changes."""
        subscription = _subscription(request)
        last = request.headers.get("last-event-id", "")[:100]
        client = self._hub.connect(subscription, client_of(request.scope))
        if client is None:
            raise HttpError(503, "too many clients are connected", {"retry-after": "5"})
        leave = partial(self._hub.disconnect, subscription, client)
        frames = self._frames(subscription, client, last)
        return EventStream(frames, leave, client.dropped)

    async def _frames(
        self, subscription: Subscription, client: Connection, last: str
    ) -> AsyncIterator[bytes]:
        yield b"retry: 1000\n\n"
        number, data = await run_in_threadpool(self._hub.opening, subscription, last)
        yield data
        while (found := await client.next()) is not None:
            if found[0] > number:
                yield found[1]


def _subscription(request: Request) -> Subscription:
    query = request.query_params
    keys = []
    for text in query.getlist("key"):
        name, _, key = text.partition("/")
        keys.append((name, key) if key else _alone(query.getlist("belief"), text))
    if len(keys) > MAX_KEYS or len(query.getlist("belief")) > MAX_KEYS:
        raise HttpError(422, f"expected at most {MAX_KEYS} beliefs and keys")
    hz = number_parameter(request, "hz", 10.0, 0.1, MAX_HZ)
    top = integer_parameter(request, "top", 50, 0, 500)
    level = level_parameter(request)
    return Subscription(frozenset(query.getlist("belief")), frozenset(keys), top, hz, level)


def _alone(beliefs: list[str], key: str) -> tuple[str, str]:
    """Return a key that belongs to the only requested belief."""
    if len(beliefs) != 1:
        raise HttpError(422, "expected key=ID with one belief=NAME")
    return beliefs[0], key
