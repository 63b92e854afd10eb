"""Transfers copies of states from a running pipeline between batches."""

from __future__ import annotations

import copy
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from seqbayes.dashboard.live.entries import Update
from seqbayes.events.keys import read_key, write_key
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.stores import Changes, RunnerStatus, Store
from seqbayes.stream.table import KeyedStates

SHORTEST = 0.08
"""Minimum number of seconds between two transfers."""

SHARE = 10.0
"""The pause after a transfer, as a multiple of its duration."""

LONGEST = 1.0
"""Maximum number of seconds between two transfers."""

MAX_EVENTS = 2000
"""Maximum number of individual events of a watched key between two transfers."""

FEW_EVENTS = 5000
"""All keys are watched while a belief has at most this many events between two transfers."""


class _Observer:
    """Records what a table learns: all events if there are few, otherwise those of watched keys.

    For other keys, the last event and the number of events are recorded.
    """

    def __init__(self, table: KeyedStates) -> None:
        self.table = table
        self.watched: frozenset[Any] = frozenset()
        self.clear()

    def __call__(self, keys: Sequence[Any], arguments: Sequence[tuple[Any, ...]]) -> None:
        table = self.table
        if len(table) >= table.belief.max_keys:
            # an event beyond the limit was learned under another key
            keys = [key if key in table else None for key in keys]
        self.last.update(zip(keys, arguments, strict=True))
        self.counts.update(keys)
        self._total += len(keys)
        if self._total > FEW_EVENTS:
            self._batches.clear()
        else:
            self._batches.append((keys, arguments))
        if self.watched:
            for key, each in zip(keys, arguments, strict=True):
                if key in self.watched:
                    kept = self._watched.setdefault(key, [])
                    if len(kept) <= MAX_EVENTS:
                        kept.append(each)

    def clear(self) -> None:
        """Discard all records."""
        self.last: dict[Any, tuple[Any, ...]] = {}
        self.counts: Counter[Any] = Counter()
        self._total = 0
        self._batches: list[tuple[Sequence[Any], Sequence[tuple[Any, ...]]]] = []
        self._watched: dict[Any, list[tuple[Any, ...]]] = {}

    def events(self) -> dict[Any, Sequence[tuple[Any, ...]]]:
        """Return the events of each key for which all events were recorded."""
        found: dict[Any, list[tuple[Any, ...]]] = {}
        for keys, arguments in self._batches:
            for key, each in zip(keys, arguments, strict=True):
                found.setdefault(key, []).append(each)
        found |= self._watched
        return {key: each for key, each in found.items() if len(each) <= MAX_EVENTS}


class StateFeed(Collector):
    """A collector that transfers copies of changed states to other threads.

    Parameters
    ----------
    longest
        Maximum number of seconds between two transfers.

    Attributes
    ----------
    ready
        Set when `take` has new updates.
    alive
        Monotonic time in seconds of the last step of the pipeline.
    status
        Status of the pipeline at that step.
    """

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._lock = threading.Lock()
        self._pending: dict[str, dict[str, Update]] = {}
        self._opened = False
        self._observers: dict[str, _Observer] = {}
        self._wanted: Mapping[str, frozenset[Any]] = {}
        self._next = 0.0
        self.ready = threading.Event()
        self.alive = time.monotonic()
        self.events = self.base = 0
        self.dead_letters = 0
        self.status = RunnerStatus()
        self.committed_at: float | None = None

    def attach(self, pipeline: Pipeline) -> None:
        """Observe a pipeline that was opened and has not learned any event yet."""
        self._observers = {name: _Observer(table) for name, table in pipeline.tables.items()}
        for observer in self._observers.values():
            observer.table.observer = observer
        self.alive = time.monotonic()
        store: Any = pipeline.store
        with self._lock:
            self._opened = True
            self._pending = {name: _stored(store, name) for name in pipeline.tables}
        self.ready.set()
        self.base = store.events(pipeline.source.name)
        self.dead_letters = store.dead_letter_count()
        self.events = 0

    def watch(self, keys: Mapping[str, Sequence[str]]) -> None:
        """Record all events of these keys (a dict keyed by belief) from the next transfer on."""
        self._wanted = {name: frozenset(_readable(texts)) for name, texts in keys.items()}

    def watched(self, name: str) -> frozenset[Any]:
        """Return the keys of a belief whose events are recorded individually."""
        return self._observers[name].watched

    def learned(self, pipeline: Pipeline, batch: Any) -> None:
        """Transfer the changed states, if a transfer is due."""
        now = self.alive = time.monotonic()
        if batch is not None:
            self.events = pipeline.events
        self.status = pipeline.status
        if now < self._next:
            return
        began = time.thread_time()
        self._hand_over()
        pause = SHARE * (time.thread_time() - began)
        self._next = time.monotonic() + min(max(pause, SHORTEST), self._longest)

    def _hand_over(self) -> None:
        at = time.time()
        found: dict[str, dict[str, Update]] = {}
        for name, observer in self._observers.items():
            if observer.last:
                found[name] = self._changes(observer, at)
                observer.clear()
            observer.watched = self._wanted.get(name, frozenset())
        if not found:
            return
        with self._lock:
            for name, changed in found.items():
                self._merge(self._pending.setdefault(name, {}), changed)
        self.ready.set()

    def _changes(self, observer: _Observer, at: float) -> dict[str, Update]:
        table, counts, events = observer.table, observer.counts, observer.events()
        changed: dict[str, Update] = {}
        for key, arguments in observer.last.items():
            state = table.state(key)
            if state is not None:
                watched, happened = key in observer.watched, events.get(key, ())
                changed[write_key(key)] = Update(
                    copy.copy(state), at, None, arguments, counts[key], happened, watched
                )
        for text in table.gone:
            changed.setdefault(text, Update(None, at))
        return changed

    @staticmethod
    def _merge(pending: dict[str, Update], changed: dict[str, Update]) -> None:
        for key, update in changed.items():
            before = pending.get(key)
            if before is not None and update.state is not None:
                update.events += before.events
                # these events are published individually from the state of the board, or not at
                # all
                whole = before.happened and update.happened
                happened = [*before.happened, *update.happened] if whole else ()
                update.happened = happened if len(happened) <= MAX_EVENTS else ()
            pending[key] = update

    def take(self) -> tuple[bool, dict[str, dict[str, Update]]]:
        """Return whether a pipeline was opened since the last call, and the updates since then.

        The first updates of a newly opened pipeline contain all states in its store.
        """
        with self._lock:
            self.ready.clear()
            opened, self._opened = self._opened, False
            pending, self._pending = self._pending, {}
        return opened, pending

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Count dead letters, and pass on the keys that are removed."""
        self.alive = time.monotonic()
        self.dead_letters += len(changes.dead_letters)
        if changes.gone:
            at = time.time()
            with self._lock:
                for name, key in changes.gone:
                    self._pending.setdefault(name, {})[key] = Update(None, at)
            self.ready.set()

    def committed(self, pipeline: Pipeline) -> None:
        """Record the time of the commit."""
        self.committed_at = time.time()


def _stored(store: Store, name: str) -> dict[str, Update]:
    rows = store.entries(name)
    return {row.key: Update(row.state, row.updated, row.since) for row in rows}


def _readable(texts: Iterable[str]) -> Iterator[Any]:
    """Yield the keys that have this JSON; skip invalid JSON."""
    for text in texts:
        with suppress(msgspec.MsgspecError, RecursionError):
            yield read_key(text)
