"""The history of a stream: how many events were read and refused, and when no events arrived."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from seqbayes.events.keys import write_key
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.stores import STREAM, Changes, HistoryPoint, ReadableStore, StoreError

if TYPE_CHECKING:
    from seqbayes.stream.source import Batch
    from seqbayes.stream.stores import DeadLetter

T = TypeVar("T")

MAX_POINTS = 1000
"""Maximum number of points of each kind; longer histories are thinned evenly."""

MAX_KEYS = 100
"""Maximum number of keys of a belief whose silences are recorded."""


class TrafficCounts(msgspec.Struct, omit_defaults=True):
    """The counts of a stream up to a time, since its history began.

    Parameters
    ----------
    every
        Silences shorter than this number of seconds are not recorded.
    events
        Number of events that were read.
    refused
        Number of events that became dead letters.
    refused_by
        Number of dead letters, keyed by belief; events that could not be decoded have an empty
        name.
    """

    every: float
    events: int = 0
    refused: int = 0
    refused_by: dict[str, int] = {}


class Silent(msgspec.Struct):
    """A silence of a stream or of a key, which ended at the time of its history point.

    Parameters
    ----------
    since
        Time of the last event before the silence, in seconds since 1970.
    """

    since: float


class Place(NamedTuple):
    """The key of a history of a stream.

    Parameters
    ----------
    kind
        "counts" or "silence".
    name
        Name of the source, for counts; name of the belief, for silences of its keys; otherwise
        empty.
    key
        The key (JSON) of the belief, for silences of a key.

    Examples
    --------
    >>> Place("counts", "events").write()
    '["counts","events",""]'
    >>> Place.read('["counts","events",""]').name
    'events'
    """

    kind: str
    name: str = ""
    key: str = ""

    def write(self) -> str:
        """Return the key as JSON."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, text: str) -> Place:
        """Return the key from its JSON."""
        return msgspec.json.decode(text, type=cls)


def read_point(store: ReadableStore, point: HistoryPoint, kind: type[T]) -> T:
    """Return the contents of a point of the history of a stream.

    Raises
    ------
    StoreError
        If the point is damaged.
    """
    what = "the history of the stream"
    try:
        return msgspec.convert(store.decode(point.summary, what), kind)
    except msgspec.ValidationError as error:
        raise StoreError(f"{store.url} is damaged: {what} cannot be read ({error})") from None


class Traffic(Collector):
    """Adds counts of events and dead letters, and silences, to commits.

    Counts and silences are points of a history without a belief, over which alerts can be evaluated
    later. Periods without a running process do not count as silence.

    Parameters
    ----------
    every
        Minimum number of seconds between two points of the counts, and minimum duration of a
        silence.
    now
        Function that returns the time in seconds since 1970.
    """

    def __init__(self, every: float = 60.0, now: Callable[[], float] = time.time) -> None:
        self._every, self._now = every, now
        self._due = -float("inf")
        self._counts = TrafficCounts(every)
        self._refused: Counter[str] = Counter()
        self._positions: set[str] = set()
        self._last: float | None = None
        self._last_of: dict[str, dict[Any, float]] = {}
        self._silences: list[HistoryPoint] = []
        self._until_thinning = 0

    def opened(self, pipeline: Pipeline) -> None:
        """Continue the stored counts."""
        stored = pipeline.store.history(STREAM, Place("counts", pipeline.source.name).write())
        if stored:
            self._counts = read_point(pipeline.store, stored[-1], TrafficCounts)
            self._counts.every = self._every
            self._refused.update(self._counts.refused_by)

    def refused(self, pipeline: Pipeline, batch: Batch, letter: DeadLetter) -> None:
        """Count an event that could not be used."""
        self._refused[letter.belief] += 1
        if letter.position not in self._positions:
            self._positions.add(letter.position)
            self._counts.refused += 1

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """Count the events of a batch."""
        if batch is None:
            return
        self._positions.clear()
        self._counts.events += len(batch.records) + len(batch.refused)
        now = self._now()
        if self._last is not None:
            self._note(Place("silence"), self._last, now)
        self._last = now

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Add the silences that have ended to the history, and event counts if a point is due."""
        now = self._now()
        for name, table in pipeline.tables.items():
            if len(table) > MAX_KEYS:
                self._last_of.pop(name, None)
                continue
            last = self._last_of.setdefault(name, {})
            for key in table.changed_keys:
                if key in last:
                    self._note(Place("silence", name, write_key(key)), last[key], now)
                last[key] = now
        changes.history += self._silences
        self._until_thinning -= len(self._silences)
        self._silences = []
        if abs(now - self._due) < self._every:
            return
        self._due = now
        self._counts.refused_by = dict(self._refused)
        text = msgspec.json.encode(self._counts).decode()
        place = Place("counts", pipeline.source.name).write()
        changes.history.append(HistoryPoint(STREAM, place, now, text))
        self._until_thinning -= 1

    def committed(self, pipeline: Pipeline) -> None:
        """Thin the history at intervals."""
        if self._until_thinning < 0:
            pipeline.store.thin(STREAM, MAX_POINTS)
            self._until_thinning = MAX_POINTS // 4

    def _note(self, place: Place, since: float, now: float) -> None:
        if now - since >= self._every:
            text = msgspec.json.encode(Silent(since)).decode()
            self._silences.append(HistoryPoint(STREAM, place.write(), now, text))
