"""Messages of a JetStream stream, read by a client in a separate thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections import deque
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

import msgspec

from seqbayes.extras import install_command

try:
    import nats
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"NATS JetStream needs nats-py: {install_command('nats')}", name=error.name
    ) from None

from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, RetentionPolicy
from nats.js.errors import NotFoundError

from seqbayes.stream.urls import credentials

REQUEST = 5000
"""Number of messages per request; at most twice as many are in flight."""
_EXPIRES, _HEARTBEAT = 30.0, 5.0
_PATIENCE = 10.0
_IDLE = 120.0
"""Seconds without a request after which the server deletes a consumer."""


class BrokenError(ConnectionError):
    """The connection was lost, or the server deleted the consumer."""


CONNECTION_ERRORS: tuple[type[Exception], ...] = (NatsError, OSError, TimeoutError)


class NatsServer(NamedTuple):
    """URLs of equivalent servers, and the stream to read."""

    urls: Sequence[str]
    stream: str
    subject: str | None = None
    domain: str | None = None
    credentials_file: str | None = None

    @property
    def prefix(self) -> str:
        """Prefix of the subjects of the JetStream API."""
        return f"$JS.{self.domain}.API" if self.domain else "$JS.API"


class StreamInfo(NamedTuple):
    """The first and the last message of a stream, its retention policy, and its creation time."""

    first: int
    last: int
    retention: str
    created: str


class NatsSubscription:
    """A connection and the messages received through it.

    Messages are requested as they are consumed, so at most two requests are pending.

    Parameters
    ----------
    server
        The server and the stream.
    """

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._nats: Any = None
        self._waiting: deque[Any] = deque()
        self._come = threading.Event()
        self._broken: str | None = None
        self._due = 0  # number of messages requested and not yet received
        self._next = self._consumer = ""
        self._inbox = ""
        self._received_at = 0.0
        self._consumed = 0
        self._left: int | None = None

    def _do(self, act: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine in the thread, and return its result."""
        done = asyncio.run_coroutine_threadsafe(act, self._loop)
        try:
            return done.result(_PATIENCE)
        except concurrent.futures.TimeoutError:
            done.cancel()
            raise BrokenError("the server does not answer") from None

    # The following coroutines run in the thread.

    async def _connect(self) -> StreamInfo:
        server = self._server
        user, password = credentials(server.urls[0])
        login: dict[str, Any] = {"user": user, "password": password}
        if user and password is None:
            login = {"token": user}
        self._nats = nats.NATS()  # the client can be closed even if connecting fails
        await self._nats.connect(
            servers=[_anonymous(url) for url in server.urls],
            user_credentials=server.credentials_file,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=5,
            ping_interval=10,
            max_outstanding_pings=2,
            error_cb=self._note,
            disconnected_cb=self._end,
            closed_cb=self._end,
            **login,
        )
        return await self._info()

    async def _info(self) -> StreamInfo:
        server = self._server
        js = self._nats.jetstream(domain=server.domain, timeout=5)
        try:
            info = await js.stream_info(server.stream)
        except NotFoundError as error:
            raise LookupError(f"no stream {server.stream!r}: {error.description}") from None
        state, retention = info.state, RetentionPolicy(info.config.retention)
        return StreamInfo(state.first_seq, state.last_seq, retention.value, str(info.created))

    async def _last_if_complete(self) -> int | None:
        last = (await self._info()).last
        js = self._nats.jetstream(domain=self._server.domain, timeout=5)
        info = await js.consumer_info(self._server.stream, self._consumer)
        if info.delivered.consumer_seq != self._consumed or self._waiting:
            return None
        self._left = info.num_pending
        return last if info.num_pending == 0 else None

    async def _start(self, sequence: int) -> None:
        server = self._server
        js = self._nats.jetstream(domain=server.domain, timeout=5)
        consumer = await js.add_consumer(
            server.stream,
            ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=sequence,
                ack_policy=AckPolicy.NONE,
                filter_subject=server.subject,
                inactive_threshold=_IDLE,
                mem_storage=True,
            ),
        )
        self._left = consumer.num_pending
        self._consumer = consumer.name
        self._next = f"{server.prefix}.CONSUMER.MSG.NEXT.{server.stream}.{consumer.name}"
        self._inbox = self._nats.new_inbox()
        await self._nats.subscribe(self._inbox, cb=self.receive)
        self._received_at = time.monotonic()
        for _ in range(2):
            await self._request_more()

    async def _request_more(self) -> None:
        self._due += REQUEST
        await self._request()

    async def _request(self) -> None:
        wanted = {
            "batch": REQUEST,
            "expires": round(_EXPIRES * 1e9),
            "idle_heartbeat": round(_HEARTBEAT * 1e9),
        }
        await self._nats.publish(self._next, msgspec.json.encode(wanted), reply=self._inbox)

    async def receive(self, message: Any) -> None:
        """Receive a message or a status of the server."""
        if message.headers is None or not message.headers.get("Status"):
            self._waiting.append(message)
        else:
            await self._take_status(message.headers)
        if not self._come.is_set():
            self._come.set()

    async def _take_status(self, headers: Any) -> None:
        self._received_at = time.monotonic()
        status, description = headers["Status"], headers.get("Description", "")
        if status == "408" or (status == "409" and "Nats-Pending-Messages" in headers):
            self._due -= int(headers.get("Nats-Pending-Messages", REQUEST))
            if self._due <= REQUEST:
                await self._request_more()
        elif status != "100":
            self._broken = f"{status} {description}"

    async def _note(self, error: Exception) -> None:
        if self._nats is not None and self._nats.is_connected:
            return
        self._broken = self._broken or str(error) or type(error).__name__

    async def _end(self) -> None:
        self._broken = self._broken or "the server has closed the connection"
        self._come.set()

    # The following methods are called from other threads.

    def connect(self) -> StreamInfo:
        """Connect, and return the state of the stream.

        Raises
        ------
        LookupError
            If the stream does not exist.
        """
        place: StreamInfo = self._do(self._connect())
        return place

    def info(self) -> StreamInfo:
        """Return the current state of the stream."""
        info: StreamInfo = self._do(self._info())
        return info

    def last_if_complete(self) -> int | None:
        """Return the last sequence number, if all matching messages were taken; otherwise None."""
        last: int | None = self._do(self._last_if_complete())
        return last

    def start(self, sequence: int) -> None:
        """Start requesting messages, beginning with a given sequence number."""
        self._do(self._start(sequence))

    @property
    def caught_up(self) -> bool:
        """Whether no messages were pending when the last message was delivered."""
        return not self._waiting and self._left == 0 and self._broken is None

    def take(self, size: int, timeout: float) -> list[tuple[int, int, bytes]]:
        """Return messages: sequence number in the stream, number of pending messages, and content.

        Raises
        ------
        BrokenError
            If no more messages can arrive.
        """
        if not self._waiting:
            self._come.clear()
            if not self._waiting and self._broken is None:
                self._come.wait(timeout)
        taken = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
        if not taken:
            self._check()
            return []
        self._received_at = time.monotonic()
        messages = self._number(taken)
        self._loop.call_soon_threadsafe(self._count, len(taken))
        return messages

    def _check(self) -> None:
        if self._broken is not None or not self._nats.is_connected:
            raise BrokenError(self._broken or "the connection is lost")
        if time.monotonic() - self._received_at > 3.0 * _HEARTBEAT:
            raise BrokenError("the server does not respond")

    def _count(self, taken: int) -> None:
        """Request more messages after a request has been consumed."""
        self._due -= taken
        if self._due <= REQUEST and self._broken is None:
            # immediately, because this method may run again before the request is sent
            self._due += REQUEST
            request = self._loop.create_task(self._request())
            request.add_done_callback(self._check_request)

    def _check_request(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._broken = self._broken or str(error) or type(error).__name__

    def _number(self, taken: Sequence[Any]) -> list[tuple[int, int, bytes]]:
        """Return messages with their numbers; raise an error if a message was lost."""
        messages = []
        for message in taken:
            parts = message.reply.split(".")
            # …stream.consumer.deliveries.number.number for the consumer.time.how many are left
            start = 5 if len(parts) == 9 else 7
            if int(parts[start + 1]) != self._consumed + 1:
                self._broken = f"message {self._consumed + 1} of the consumer is missing"
                break
            self._consumed += 1
            messages.append((int(parts[start]), int(parts[start + 3]), message.data))
        if not messages:
            raise BrokenError(self._broken or "messages are missing")
        self._left = messages[-1][1]
        return messages

    def close(self) -> None:
        """Disconnect and end the thread."""
        try:
            if self._nats is not None:
                self._do(self._nats.close())
        except CONNECTION_ERRORS:
            pass  # a broken connection cannot be closed properly
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)
            if not self._thread.is_alive():  # a daemon, which does not delay the end of the process
                _cancel_all(self._loop)
                self._loop.close()


def _anonymous(url: str) -> str:
    """Return a URL without its user and password, which the client would not decode."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:  # the client's tasks may ignore the cancellation
        loop.run_until_complete(asyncio.wait(tasks, timeout=_PATIENCE))
    loop.run_until_complete(loop.shutdown_asyncgens())
