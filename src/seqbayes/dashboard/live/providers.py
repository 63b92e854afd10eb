"""Sources of the displayed beliefs: a pipeline, or a store that another process writes."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from seqbayes.dashboard.live import descriptions
from seqbayes.dashboard.live.arrivals import EventRate
from seqbayes.dashboard.live.board import Board, StreamHealth
from seqbayes.dashboard.live.entries import Update
from seqbayes.dashboard.live.feed import StateFeed
from seqbayes.errors import SeqbayesError
from seqbayes.stream.config import Config
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.source import Source
from seqbayes.stream.stores import Runner as StoredRunner
from seqbayes.stream.stores import StoreError, StoreReader
from seqbayes.stream.verbs.status import as_json

if TYPE_CHECKING:
    from seqbayes.stream.choices import Chooser

STALLED = 1.5
"""The pipeline counts as stalled after this many seconds without a step or a response."""


class Provider:
    """A source of beliefs. The base class has no beliefs; servers that only show replays use it."""

    reader: StoreReader | None = None

    @property
    def source(self) -> Source | None:
        """The source of the pipeline; None if there is no pipeline, or until it is open."""
        return None

    @property
    def choosers(self) -> Mapping[str, Chooser]:
        """The choices of the configuration, keyed by name."""
        return {}

    def begin(self, board: Board) -> None:
        """Show the contents of the store; to be called when the pipeline is open."""

    def refresh(self, board: Board, timeout: float) -> None:
        """Show new states; wait for them for up to `timeout` seconds."""
        time.sleep(timeout)

    def watch(self, keys: dict[str, list[str]]) -> None:
        """Publish all events of these keys, if individual events are available."""

    def health(self) -> StreamHealth:
        """Return the health of the pipeline."""
        return StreamHealth(source={"kind": "replay", "name": "", "mode": "replay"})

    def close(self) -> None:
        """Stop, and close the store."""
        if self.reader is not None:
            self.reader.close()


class PipelineProvider(Provider):
    """A pipeline in this process."""

    def __init__(self, config: Config, runner: PipelineThread, feed: StateFeed) -> None:
        self.config, self.runner, self.feed = config, runner, feed
        self._arrivals = EventRate()

    def begin(self, board: Board) -> None:
        """Show the contents of the store; to be called when the pipeline is open."""
        if self.config.store not in (":memory:", "memory:"):  # only the runner can read memory
            self.reader = StoreReader(self.config.store)
        self.refresh(board, 0.0)

    def refresh(self, board: Board, timeout: float) -> None:
        """Show the states transferred by the pipeline; wait for up to `timeout` seconds."""
        if not self.feed.ready.wait(timeout):
            return
        opened, updates = self.feed.take()
        if opened:  # uncommitted events are read again, so all states are replaced
            board.declare(descriptions.of_belief(belief) for belief in self.config.beliefs)
        board.apply(updates)

    @property
    def source(self) -> Source | None:
        """The source of the pipeline; None until it is open."""
        return self.runner.source

    @property
    def choosers(self) -> Mapping[str, Chooser]:
        """The choices of the configuration, keyed by name."""
        return self.config.choices

    def watch(self, keys: dict[str, list[str]]) -> None:
        """Publish all events of these keys."""
        self.feed.watch(keys)

    def health(self) -> StreamHealth:
        """Return the health of the pipeline."""
        feed, runner = self.feed, self.runner
        now, silent = time.time(), time.monotonic() - feed.alive
        source = runner.source
        reported, connection_error = (
            feed.status,
            None if source is None else source.connection_error,
        )
        status = "ok" if silent < STALLED and connection_error is None else "stalled"
        if not runner.running:
            status = "stopped"
        kind = self.config.source[0].kind
        rate, quiet = self._arrivals(feed.base + feed.events)
        return StreamHealth(
            status,
            feed.base + feed.events,
            rate,
            reported.lag,
            _age(feed.committed_at, now),
            _age(reported.read_at, now),
            feed.dead_letters,
            reported.reconnects,
            source=_described(kind, source),
            error=connection_error if runner.failure is None else str(runner.failure),
            quiet=quiet and status == "ok",
        )

    def close(self) -> None:
        """Commit the events read, and stop."""
        self.runner.stop()
        super().close()


def _described(kind: str, source: Source | None) -> dict[str, Any]:
    name = "" if source is None else source.name
    described = {"kind": kind, "name": name, "mode": "pipeline"}
    if source is not None and source.id is not None:
        described["id"] = source.id
    return described


class StoreProvider(Provider):
    """A store that another process writes, polled regularly.

    Parameters
    ----------
    url
        URL of the store.
    every
        Minimum number of seconds between two polls; a poll is followed by a pause of at least ten
        times its duration.

    Raises
    ------
    StoreError
        If the store cannot be read.
    """

    def __init__(self, url: str, every: float = 0.25) -> None:
        self.reader: StoreReader = StoreReader(url)
        self._every = every
        self._next = 0.0
        self._serial: Any = None
        self._declared: dict[str, Any] | None = None
        self._seen: dict[str, float] = {}
        self._arrivals = EventRate()
        self._health = StreamHealth(
            source={"kind": "store", "name": self.reader.url, "mode": "store"}
        )
        self._answered_at = time.monotonic()
        self._failure: str | None = None

    def begin(self, board: Board) -> None:
        """Show the contents of the store."""
        self._poll(board)

    def refresh(self, board: Board, timeout: float) -> None:
        """Poll the store if a poll is due; otherwise wait."""
        left = self._next - time.monotonic()
        if left > 0.0:
            time.sleep(min(left, timeout))
            return
        began = time.monotonic()
        try:
            self._poll(board)
            self._failure = None
        except StoreError as error:
            self._failure = str(error)
        ended = time.monotonic()
        self._next = ended + max(self._every, 10.0 * (ended - began))

    def _poll(self, board: Board) -> None:
        serial = self.reader.serial()
        self._note_health()
        self._answered_at = time.monotonic()
        if serial == self._serial:
            return
        declared = self.reader.beliefs()
        if declared != self._declared:
            board.declare(descriptions.of_declaration(n, d) for n, d in declared.items())
            self._declared, self._seen = declared, {}
        for name in declared:
            self._read(board, name)
        self._serial = serial

    def _read(self, board: Board, name: str) -> None:
        since = self._seen.get(name, 0.0)
        rows = self.reader.rows(name, since)
        changed = {row.key: Update(row.state, row.updated, row.since) for row in rows}
        with board.lock:
            table = board.tables[name]
            for key in list(changed):
                known = table.entries.get(key)
                if known is not None and known.updated >= changed[key].updated == since:
                    del changed[key]  # already read with the last commit
        self._seen[name] = max((row.updated for row in rows), default=since)
        if self.reader.count(name) < len(table.entries.keys() | changed.keys()):
            kept = {row.key for row in self.reader.rows(name)}
            gone = table.entries.keys() - kept
            changed.update({key: Update(None, time.time()) for key in gone})
        board.apply({name: changed})

    def _note_health(self) -> None:
        runner, sources = self.reader.runner(), self.reader.sources()
        events = sum(source.events for source in sources)
        committed = max((source.updated for source in sources), default=None)
        reported, connection_error = runner.status, _connection_error(runner)
        rate, quiet = self._arrivals(events)
        status: Literal["ok", "stalled"] = "ok" if connection_error is None else "stalled"
        self._health = StreamHealth(
            status if runner.alive else "stopped",
            events,
            rate,
            reported.lag if runner.alive else None,
            _age(committed, time.time()),
            _age(committed if reported.read_at is None else reported.read_at, time.time()),
            self.reader.dead_letter_count(),
            reported.reconnects,
            source={
                "kind": "store",
                "name": self.reader.url,
                "mode": "store",
                "reads": [source.name for source in sources],
                "runner": runner.holder,
            },
            error=connection_error,
            quiet=quiet and runner.alive and connection_error is None,
            partitions=[as_json(each) for each in self.reader.partitions()],
        )

    def health(self) -> StreamHealth:
        """Return the health of the store and its runner."""
        health = self._health
        if (
            self._failure is not None
            or time.monotonic() - self._answered_at > STALLED + self._every
        ):
            health.status, health.error = "stalled", self._failure
        return health


def _connection_error(runner: StoredRunner) -> str | None:
    """Return the reason why a runner in another process makes no progress, or None."""
    if not runner.alive:
        return None
    if runner.halted:
        return f"{runner.holder} is stopped"
    if runner.silent > STALLED:
        return f"{runner.holder} makes no progress"
    return runner.status.connection_error


def _age(at: float | None, now: float) -> float | None:
    return None if at is None else max(now - at, 0.0)


PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a failed pipeline is reopened; the last value is repeated."""


class PipelineThread:
    """Runs a pipeline in a thread; after an error, it restarts from the last commit.

    Parameters
    ----------
    config
        The configuration.
    feed
        The collector of states for the board.
    collectors
        Additional collectors.
    notify
        Function that is called with the name, text and level of each notice.
    """

    def __init__(
        self,
        config: Config,
        feed: StateFeed,
        collectors: tuple[Collector, ...] = (),
        notify: Callable[[str, str, str], None] = lambda event, text, level: None,
    ) -> None:
        self._config, self._feed, self._collectors, self._notify = config, feed, collectors, notify
        self._stop = threading.Event()
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self.failure: Exception | None = None
        self.ended = False
        self.source: Source | None = None

    def start(self) -> None:
        """Open the pipeline and start reading.

        Raises
        ------
        Exception
            If the pipeline cannot be opened: usually a SeqbayesError or an OSError.
        """
        self._thread.start()
        self._opened.wait()
        if self.failure is not None:
            self._thread.join()
            raise self.failure

    @property
    def running(self) -> bool:
        """Whether the pipeline is running."""
        return not self.ended and self.failure is None

    def _run(self) -> None:
        attempts = 0
        while not self._stop.is_set():
            try:
                self._follow()
            except Exception as error:  # report any error
                self.failure = error
                if not self._opened.is_set():
                    break
                expected = isinstance(error, (SeqbayesError, OSError))
                text = str(error) if expected else "".join(traceback.format_exception(error))
                self._notify("failed", text, "error")
            if self.failure is None:
                break
            self._stop.wait(PAUSES[min(attempts, len(PAUSES) - 1)])
            attempts += 1
        self.ended = True
        self._opened.set()

    def _follow(self) -> None:
        collectors = (self._feed, *self._collectors)
        with self._config.open(collectors, self._notify) as pipeline:
            self._begin(pipeline)
            for _ in pipeline:
                if self._stop.is_set():
                    break
        self._feed.learned(pipeline, None)

    def _begin(self, pipeline: Pipeline) -> None:
        self.source = pipeline.source
        self._feed.attach(pipeline)
        again = self.failure is not None
        self.failure = None
        for notice in [] if again else pipeline.notices:
            self._notify("notice", notice, "warning")
        if again:
            resumed = f"reading {pipeline.source.name} again, from the last commit"
            self._notify("started", resumed, "info")
        self._opened.set()

    def stop(self, timeout: float = 60.0) -> None:
        """Commit the events read, and stop."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
