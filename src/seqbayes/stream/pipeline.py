"""Pipelines that learn durable beliefs from a source."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from seqbayes.console.text import printable
from seqbayes.errors import PriorError, SeqbayesError
from seqbayes.events.belief import Belief, layout_of
from seqbayes.events.fields import write_record
from seqbayes.stream.declarations import continue_stored
from seqbayes.stream.direct import DirectLearning
from seqbayes.stream.garbage import collector_suspended
from seqbayes.stream.source import Batch, Source
from seqbayes.stream.stores import Changes, DeadLetter, RunnerStatus, Store, StoreError
from seqbayes.stream.stores.lazy import joined
from seqbayes.stream.table import KeyedStates

# Maximum number of raw bytes kept of a dead letter.
MAX_RAW_BYTES = 1 << 20
COST_FACTOR, MAX_DELAY = 4.0, 10.0
"""A commit of many keys is delayed until the time since the last one is `COST_FACTOR` times what it
will probably take, up to `MAX_DELAY` times the time in `Pace`."""

SIGNIFICANT_KEYS = 5000
"""The duration of a commit is measured if it contains at least this many changed keys."""

UNMEASURED_KEYS = 20_000
"""Maximum number of keys in a commit until a duration has been measured."""


@dataclass(frozen=True)
class Pace:
    """Limits between two commits: the pipeline commits after a batch that reaches one of them.

    Parameters
    ----------
    seconds
        Elapsed time in seconds. If commits are slow, the time is extended to up to ten times as
        much, so that commits take at most a fifth of the time, unless a commit would then take more
        than a third of the store's lease.
    events
        Number of events read.
    keys
        Number of keys changed.
    dead_letters, raw
        Number of dead letters, and their size in bytes.
    """

    seconds: float = 1.0
    events: int = 10_000_000
    keys: int = 1_000_000
    dead_letters: int = 10_000
    raw: int = 1 << 24


class Collector:
    """Base class of observers of pipeline events, such as a live table, history or metrics.

    By default, the methods do nothing.
    """

    def opened(self, pipeline: Pipeline) -> None:
        """Handle the start of reading, when the states are restored."""

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """Handle a batch after it was learned; None means that the timeout passed."""

    def refused(self, pipeline: Pipeline, batch: Batch, letter: DeadLetter) -> None:
        """Handle an event that could not be used, before `learned` is called with its batch."""

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Handle changes before they are committed; collectors may add history to them."""

    def committed(self, pipeline: Pipeline) -> None:
        """Handle the end of a commit."""

    def closing(self, pipeline: Pipeline) -> None:
        """Handle the end of the pipeline, while its store is still open."""


class Pipeline:
    """Learn the events of a source and commit the beliefs; iterate to process the batches.

    A commit stores beliefs, the position in the source and dead letters in one transaction, so that
    every event is counted exactly once even if the process crashes.

    Parameters
    ----------
    source
        The source of events.
    beliefs
        The beliefs to learn.
    store
        The store of the beliefs; the pipeline acquires its lease.
    pace
        When to commit.
    collectors
        Observers of pipeline events.
    size
        Maximum number of events in a batch.
    most_dead_letters
        Maximum number of dead letters in the store; the pipeline stops at this limit without
        losing events.
    timeout
        Maximum number of seconds that a step waits for events.

    Attributes
    ----------
    tables
        The states of each belief, keyed by belief name.
    events, commits
        Number of events read, and number of commits.
    lag
        Number of unread events or bytes in the source, if known.
    read_at
        Time at which the last events were read, in seconds since 1970; None before the first event.
    unused
        Indices of the records of the last batch that no belief learned. They are determined only if
        a client waits for the commit, or if every belief has a `where` condition.
    unused_events
        Number of records in `unused` over all batches.
    notices
        Messages for the user about the beliefs, such as a stored prior that is kept.
    idle
        Whether nothing arrived recently and the source has been read to its end.

    Raises
    ------
    PriorError
        If there is no belief, or two beliefs have the same name.
    StoreError
        If the store cannot be used, or has a belief of the same name with a different prior or
        different keys.
    """

    def __init__(
        self,
        source: Source,
        beliefs: Sequence[Belief],
        store: Store,
        pace: Pace = Pace(),
        collectors: Sequence[Collector] = (),
        size: int = 5000,
        most_dead_letters: int = 1_000_000,
        timeout: float = 0.2,
    ) -> None:
        names = [belief.name for belief in beliefs]
        if not beliefs or len(set(names)) < len(names):
            raise PriorError(f"expected beliefs with different names, got {names}")
        self.source, self.store = source, store
        self.pace, self.collectors = pace, tuple(collectors)
        self.events = self.commits = 0
        self.lag: int | None = None
        self.read_at: float | None = None
        self.idle = False
        self.unused: Sequence[int] = ()
        self.unused_events = 0
        self._selective = all(belief.where for belief in beliefs)
        beliefs, self.notices = continue_stored(beliefs, store)
        self._layout = layout_of(beliefs, source.text)
        self.tables: Mapping[str, KeyedStates] = {
            belief.name: KeyedStates(belief, self._layout, store.stores_states)
            for belief in beliefs
        }
        self._direct = DirectLearning(self._layout, self.tables)
        self._size, self._timeout = size, timeout
        self._seconds_per_key: float | None = None
        self._open()
        self._most_dead_letters = most_dead_letters
        self._room = most_dead_letters - store.dead_letter_count()

    def _open(self) -> None:
        """Acquire the lease, and restore states and the position in the source from the store."""
        self.store.acquire()
        for name, table in self.tables.items():
            self.store.declare(name, table.declaration)
            table.restore(self.store)
        self._token = self.store.token(self.source.name)
        self._committed = self.store.events(self.source.name)
        self._seek()
        self.source.load_ids(self.store.ids(self.source.name))
        self._start_interval()

    def _seek(self) -> None:
        """Move the source to the stored position."""
        try:
            if self._token is not None:
                msgspec.convert(self._token, self.source.token_type)
            self.source.seek(self._token)
        except SeqbayesError:
            raise
        except (msgspec.ValidationError, LookupError, TypeError, ValueError) as error:
            raise StoreError(
                f"{self.store.url}: the stored position of source {self.source.name!r} is not valid"
                f" for this kind of source ({error}): reset it (seqbayes reset --source)"
            ) from None

    def _start_interval(self) -> None:
        self._dead: list[DeadLetter] = []
        self._raw = self._read = 0
        self._since = time.monotonic()
        self._moved = self._prompt = False
        self._whole = True

    def __iter__(self) -> Iterator[Self]:
        for collector in self.collectors:
            collector.opened(self)
        for batch in self.source.batches(self._size, self._timeout):
            self.idle = batch is None and self.source.caught_up
            if batch is not None:
                self._learn(batch)
            for collector in self.collectors:
                collector.learned(self, batch)
            if self._due():
                self.commit()
            self.store.renew(self.status)
            yield self
        self.commit()

    def _learn(self, batch: Batch) -> None:
        """Learn the events of a batch; events that cannot be used become dead letters."""
        self._whole = False
        done = {} if batch.only else self._direct.learn(batch.records)
        first = min(done.values(), default=0)
        events, index = self._layout.decode(
            batch.records[first:], lambda i, why: self._add_dead_letter(batch, first + i, "", why)
        )
        index = [first + i for i in index] if first else index
        unused = set(range(len(batch.records)) if batch.prompt or self._selective else ())
        for name, table in self.tables.items():
            skipped = done.get(name, 0)
            learned = table.learn(
                *batch.select(name, events[skipped - first :], index[skipped - first :]),
                lambda i, why, by=name: self._add_dead_letter(batch, i, by, why),  # type: ignore[misc]
            )
            if unused:
                unused.difference_update(range(skipped), learned)
        self.unused = sorted(unused)
        self.unused_events += len(unused)
        self.source.learned(batch, self.unused)
        for position, raw, reason in batch.refused:
            self._add_dead(batch, position, "", raw, reason)
        read = len(batch.records) + len(batch.refused)
        self._token, self._moved, self._whole = batch.token, True, True
        self._prompt = self._prompt or batch.prompt
        self.events, self._read = self.events + read, self._read + read
        self.lag, self.read_at = batch.remaining, time.time()

    @property
    def status(self) -> RunnerStatus:
        """The current status of the source and the pipeline."""
        source = self.source
        return RunnerStatus(self.lag, source.reconnects, source.connection_error, self.read_at)

    def _add_dead_letter(self, batch: Batch, i: int, belief: str, reason: str) -> None:
        record = batch.records[i]
        raw = write_record(record) if isinstance(record, Mapping) else record
        self._add_dead(batch, batch.positions[i], belief, bytes(raw), reason)

    def _add_dead(self, batch: Batch, position: Any, belief: str, raw: bytes, reason: str) -> None:
        place = msgspec.json.encode(position).decode()
        reason = printable(reason, 500)
        letter = DeadLetter(self.source.name, place, belief, raw[:MAX_RAW_BYTES], reason)
        self._dead.append(letter)
        self._raw += len(letter.raw)
        for collector in self.collectors:
            collector.refused(self, batch, letter)

    @property
    def dead_letters(self) -> Sequence[DeadLetter]:
        """Dead letters that have not been committed yet."""
        return self._dead

    @property
    def used(self) -> dict[str, int]:
        """Number of events that each belief has learned, keyed by belief name."""
        return {name: table.used for name, table in self.tables.items()}

    @property
    def filtered(self) -> int:
        """Number of events that the conditions of beliefs have excluded."""
        return sum(table.filtered for table in self.tables.values())

    @property
    def uncommitted(self) -> bool:
        """Whether any events have been read but not committed yet."""
        return self._moved or not self._whole

    @property
    def _changed(self) -> int:
        """Number of keys that have changed since the last commit."""
        return sum(table.dirty for table in self.tables.values())

    def _due(self) -> bool:
        pace = self.pace
        if not self._moved or self._prompt:
            return self._moved
        changed, each = self._changed, self._seconds_per_key
        cost = 0.0 if each is None else each * changed
        seconds = min(max(pace.seconds, COST_FACTOR * cost), MAX_DELAY * pace.seconds)
        return (
            time.monotonic() - self._since >= seconds
            or self._read >= pace.events
            or len(self._dead) >= pace.dead_letters
            or self._raw >= pace.raw
            or changed >= (min(pace.keys, UNMEASURED_KEYS) if each is None else pace.keys)
            or 3.0 * cost >= self.store.lease_seconds
        )

    def commit(self, force: bool = False) -> None:
        """Store all changes since the last commit in one transaction.

        Parameters
        ----------
        force
            Whether to commit even if no events were read, for collectors that change the store.

        Raises
        ------
        StoreError
            If the commit fails, or the limit on dead letters is exceeded. Nothing is stored in this
            case, and the next run resumes from the last commit.
        """
        if not self._whole:
            raise StoreError("a batch was learned only partially; resume from the last commit")
        if not (self._moved or force):
            return
        if len(self._dead) > self._room:
            raise StoreError(
                f"{self.store.url} has no room for more dead letters: the last one is"
                f" {self._dead[-1].reason!r}"
            )
        begun, changed = time.monotonic(), self._changed
        with collector_suspended():
            changes = self._changes()
            if self._moved:
                self.source.committing(changes)
            for collector in self.collectors:
                collector.committing(self, changes)
            self.store.commit(changes)
        if changed >= SIGNIFICANT_KEYS:
            self._seconds_per_key = (time.monotonic() - begun) / changed
        self._room -= len(self._dead)
        if changes.letters_before is not None:
            self._room = self._most_dead_letters - self.store.dead_letter_count()
        place = changes.first_place
        for table in self.tables.values():
            place = table.committed(place)
        if self._moved:
            self._committed += self._read
            self.source.committed(self._token)
        self.commits += 1
        self._start_interval()
        for collector in self.collectors:
            collector.committed(self)

    def _changes(self) -> Changes:
        """Return what a commit stores."""
        tables = self.tables.items()
        parts = [table.changes() for _, table in tables if self.store.stores_states]
        return Changes(
            self.source.name if self._moved else None,
            self._token,
            self._read,
            joined(parts),
            [(name, key) for name, table in tables for key in table.gone],
            self._dead,
            events_before=self._committed if self._moved else None,
        )

    def close(self) -> None:
        """Close the source and the store; the next run reads uncommitted events again."""
        with ExitStack() as closed:
            closed.callback(self.store.close)
            closed.callback(self.source.close)
            for collector in self.collectors:
                closed.callback(collector.closing, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.close()
