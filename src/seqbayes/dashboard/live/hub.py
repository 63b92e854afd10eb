"""Pushes frames to many clients; each frame is computed once per subscription."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import msgspec

from seqbayes.dashboard.live import history as past
from seqbayes.dashboard.live.board import Board
from seqbayes.dashboard.live.entries import Entry, make_cards
from seqbayes.dashboard.live.providers import Provider
from seqbayes.dashboard.live.recent import EventEffect
from seqbayes.dashboard.views import LEVEL
from seqbayes.dashboard.views.figures import values

MAX_CLIENTS = 200

MAX_FRAMES = 40
"""A slow client with more queued frames than this is dropped."""

MAX_HZ = 20.0
"""Maximum number of frames per second that a client can request."""

WATCHED_FOR = 60.0
"""Seconds for which a key's individual events are published after a client requests the key."""

encode = msgspec.json.Encoder().encode


def frame(event: str, data: Any, number: str = "") -> bytes:
    """Return a server-sent event."""
    head = f"id: {number}\n" if number else ""
    return b"%sevent: %s\ndata: %s\n\n" % (head.encode(), event.encode(), encode(data))


class Subscription(NamedTuple):
    """The beliefs (empty for all), keys, limits and interval level that a client requests."""

    beliefs: frozenset[str]
    keys: frozenset[tuple[str, str]]
    top: int = 50
    hz: float = 10.0
    level: float = LEVEL


class Connection:
    """The queue of frames of one connection."""

    def __init__(self, host: str = "") -> None:
        self.host = host
        self._frames: deque[tuple[int, bytes]] = deque()
        self._wake = asyncio.Event()
        self.closed = False
        self.dropped = asyncio.Event()

    def offer(self, number: int, data: bytes) -> None:
        """Queue a frame; a client whose queue is full is dropped."""
        if len(self._frames) >= MAX_FRAMES:
            self.dropped.set()
            self.close()
        elif not self.closed:
            self._frames.append((number, data))
            self._wake.set()

    def close(self) -> None:
        """Discard the queue and end the connection."""
        self.closed = True
        self._frames.clear()
        self._wake.set()

    async def next(self) -> tuple[int, bytes] | None:
        """Wait for the next frame; return its number and contents, or None at the end."""
        while not self._frames:
            if self.closed:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._frames.popleft()


class _Group:
    """The clients of one subscription."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.clients: set[Connection] = set()
        self.known: dict[tuple[str, str], int] = {}
        self.sparked: dict[tuple[str, str], float] = {}
        self.due = 0.0
        self.steps_sent = 0  # the number of the last step sent


class Hub:
    """Computes frames in a thread, and delivers them to clients on the event loop."""

    def __init__(
        self, board: Board, provider: Provider, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.board, self.provider, self._now = board, provider, now
        self.boot = secrets.token_hex(4)
        self.started = now()
        self.clients: set[Connection] = set()
        self._groups: dict[Subscription, _Group] = {}
        self._watched_until: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self.run, name="frames", daemon=True)
        self._health_due = 0.0
        self._status = ""
        self.failure: str | None = None

    def attach(self) -> None:
        """Deliver frames on the running event loop."""
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Deliver frames on the running event loop until `stop` is called."""
        self.attach()
        self._thread.start()

    def close_clients(self) -> None:
        """End all connections; call on the event loop."""
        self._stop.set()
        for client in list(self.clients):
            client.close()

    def stop(self) -> None:
        """Stop the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10.0)

    # On the event loop.

    def connect(self, subscription: Subscription, host: str = "") -> Connection | None:
        """Return a new connection, or None if there are too many.

        If there are too many, the address with the most connections loses one to an address with
        fewer.
        """
        if self._stop.is_set():
            return None
        if len(self.clients) >= MAX_CLIENTS and not self._make_room(host):
            return None
        client = Connection(host)
        self.clients.add(client)
        with self._lock:
            group = self._groups.get(subscription)
            if group is None:
                group = self._groups[subscription] = _Group(subscription)
            group.clients = group.clients | {client}
        return client

    def _make_room(self, host: str) -> bool:
        counts = Counter(client.host for client in self.clients)
        busiest, most = counts.most_common(1)[0]
        if most <= counts[host] + 1:
            return False
        client = next(client for client in self.clients if client.host == busiest)
        client.dropped.set()
        client.close()
        self.clients.discard(client)
        return True

    def disconnect(self, subscription: Subscription, client: Connection) -> None:
        """Remove a client."""
        client.close()
        self.clients.discard(client)
        with self._lock:
            group = self._groups.get(subscription)
            if group is not None:
                group.clients = group.clients - {client}
                if not group.clients:
                    del self._groups[subscription]

    @staticmethod
    def _publish(clients: Iterable[Connection], number: int, data: bytes) -> None:
        for client in clients:
            client.offer(number, data)

    # In any thread.

    def health(self) -> dict[str, Any]:
        """Return the status of the pipeline and the server as JSON values."""
        health = self.provider.health()
        health.uptime = self._now() - self.started
        health.clients = len(self.clients)
        if self.failure is not None:  # the displayed beliefs are outdated
            health.status, health.error = "stalled", health.error or self.failure
        document = asdict(health)
        with self.board.lock:
            tables = self.board.tables.values()
            document["warnings"] = [each for table in tables for each in table.warnings()]
        document["beliefs"] = {n: len(s.entries) for n, s in list(self.board.tables.items())}
        return document

    def watch_key(self, name: str, key: str) -> None:
        """Publish individual events of a key for `WATCHED_FOR` seconds."""
        with self._lock:
            self._watched_until[name, key] = self._now() + WATCHED_FOR
            while len(self._watched_until) > 200:
                self._watched_until.pop(next(iter(self._watched_until)))

    def opening(self, subscription: Subscription, last: str) -> tuple[int, bytes]:
        """Return the first frames of a connection, and the version of the board that they show.

        Parameters
        ----------
        subscription
            The subscription of the client.
        last
            The Last-Event-ID of a client that reconnects, or empty.
        """
        boot, _, number = last.partition(".")
        since = int(number) if boot == self.boot and number.isdecimal() else -1
        for name, key in subscription.keys:
            self.watch_key(name, key)
        hello = {"beliefs": self.board.beliefs(), "health": self.health(), "server": self.boot}
        with self.board.lock:
            version, now = self.board.version, self.board.now()
            selected = self._selected(subscription)
            past.seed(self.provider.reader, selected)
            changed = [entry for entry in selected if entry.version > since]
            cards = _cards(changed, now, subscription.level)
            self._begin_group(subscription, selected)
        data = {"seq": version, "cards": cards, "gone": []}
        return version, frame("hello", hello) + frame("cards", data, f"{self.boot}.{version}")

    def _begin_group(self, subscription: Subscription, selected: list[Entry]) -> None:
        """Initialize a new group with the data that its first client received."""
        with self._lock:
            group = self._groups.get(subscription)
        if group is not None and not group.known:
            group.known = {(e.belief, e.key): e.version for e in selected}
            group.steps_sent = self.board.happened

    def _selected(self, subscription: Subscription) -> list[Entry]:
        """Return the entries of a subscription; the caller must hold the board's lock."""
        chosen: dict[tuple[str, str], Entry] = {}
        for name, table in self.board.tables.items():
            if not subscription.beliefs or name in subscription.beliefs:
                for entry in table.top(subscription.top):
                    chosen[name, entry.key] = entry
        for name, key in subscription.keys:
            found = self.board.entry(name, key)
            if found is not None:
                chosen[name, key] = found
        return list(chosen.values())

    # In the thread.

    def run(self) -> None:
        """Compute frames until `stop` is called; an error is shown to clients."""
        while not self._stop.is_set():
            try:
                self.provider.watch(self.watched())
                self.provider.refresh(self.board, self._pause())
                self.tick()
                self.failure = None
            except Exception as error:  # the page shows the error and continues
                self.failure = f"{type(error).__name__}: {error}"
                self._stop.wait(1.0)

    def _pause(self) -> float:
        """Return the seconds until the next frame is due."""
        now = self._now()
        with self._lock:
            due = [self._health_due, *(group.due for group in self._groups.values())]
        return min(max(min(due) - now, 0.002), 0.25)

    def watched(self) -> dict[str, list[str]]:
        """Return the keys that clients are watching, keyed by belief."""
        now = self._now()
        with self._lock:
            self._watched_until = {
                key: until for key, until in self._watched_until.items() if until > now
            }
            keys = set(self._watched_until).union(
                *(g.subscription.keys for g in self._groups.values())
            )
        found: dict[str, list[str]] = {}
        for name, key in keys:
            found.setdefault(name, []).append(key)
        return found

    def tick(self) -> None:
        """Deliver all frames that are due."""
        now = self._now()
        with self._lock:
            groups = [group for group in self._groups.values() if group.due <= now]
        for group in groups:
            period = 1.0 / group.subscription.hz
            group.due = max(group.due + period, now + period / 2.0)  # this keeps the rate even
            data, number = self._changes(group)
            if data:
                self._send(group.clients, number, data)
        health = self.health()
        if now >= self._health_due or health["status"] != self._status:
            self._health_due, self._status = now + 1.0, health["status"]
            data = frame("health", health)
            with self._lock:
                all_clients = [c for g in self._groups.values() for c in g.clients]
            self._send(all_clients, 1 << 62, data)

    def _send(self, clients: Iterable[Connection], number: int, data: bytes) -> None:
        if clients and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._publish, clients, number, data)

    @property
    def subscriptions(self) -> list[Subscription]:
        """The subscriptions that have clients."""
        return list(self._groups)

    def frames(self, subscription: Subscription) -> tuple[bytes, int]:
        """Return the changes for a subscription since its last frame, and the frame's number."""
        return self._changes(self._groups[subscription])

    def _changes(self, group: _Group) -> tuple[bytes, int]:
        board = self.board
        with board.lock:
            now, version = board.now(), board.version
            chosen = self._selected(group.subscription)
            past.seed(self.provider.reader, chosen)
            known = {(e.belief, e.key): e for e in chosen}
            changed = [
                entry for key, entry in known.items() if group.known.get(key) != entry.version
            ]
            gone = [
                {"belief": name, "id": key}
                for name, key in group.known.keys() - known.keys()
                if board.entry(name, key) is None
            ]
            cards = _cards(changed, now, group.subscription.level, group.sparked)
            group.known = {key: entry.version for key, entry in known.items()}
            group.sparked |= {(e.belief, e.key): e.sparked for e in changed}
        data = b""
        if cards or gone:
            message = {"seq": version, "cards": cards, "gone": gone}
            data = frame("cards", message, f"{self.boot}.{version}")
        return data + self._new_steps(group), version

    def _new_steps(self, group: _Group) -> bytes:
        wanted = group.subscription.keys
        with self.board.lock:
            sent, group.steps_sent = group.steps_sent, self.board.happened
            if not wanted or sent == group.steps_sent:
                return b""
            new = [each for each in self.board.steps if each[0] > sent and each[1:3] in wanted]
        return b"".join(frame("step", _step(name, key, each)) for _, name, key, each in new)


def _cards(
    entries: list[Entry],
    now: float,
    level: float,
    sparked: Mapping[tuple[str, str], float] = {},
) -> list[dict[str, Any]]:
    """Return cards; sparklines without new points are omitted."""
    by_belief: dict[str, list[Entry]] = {}
    for entry in entries:
        by_belief.setdefault(entry.belief, []).append(entry)
    for alike in by_belief.values():
        make_cards(alike, level)
    return [
        entry.card(now, sparked.get((entry.belief, entry.key), 0.0), level) for entry in entries
    ]


def _step(name: str, key: str, happened: EventEffect) -> dict[str, Any]:
    step = happened.step or {"x": values(happened.x)}
    event = {"belief": name, "id": key, "time": happened.at, "surprise": happened.surprise}
    return {**event, **step}
