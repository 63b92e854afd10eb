"""Histories of beliefs: summaries over time, downsampled as they grow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.console.plain import plain
from seqbayes.events.keys import write_key
from seqbayes.model import Model
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.stores import Changes, HistoryPoint

if TYPE_CHECKING:
    from seqbayes.stream.source import Batch
    from seqbayes.stream.table import KeyedStates

MAX_STATE_LENGTH = 2000
"""Maximum number of characters of a state that a point of a history contains."""

COLLECTED = 10_000
"""Ended windows are collected after this many events, so that no state keeps too many."""


class History(Collector):
    """Adds summaries of changed beliefs, with their states, to commits at intervals.

    Parameters
    ----------
    every
        Minimum number of seconds between two points.
    keys
        Maximum number of keys per belief for which a point is recorded; the keys with the most data
        are chosen.
    points
        Maximum number of points of a history; longer histories are downsampled evenly.
    now
        Function that returns the time in seconds since 1970.
    """

    def __init__(
        self,
        every: float = 60.0,
        keys: int = 100,
        points: int = 200,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._every, self._keys, self._points = every, keys, points
        self._now = now
        self._last = -float("inf")
        self._commits_until_thinning = 0

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Add a point for the changed keys of each belief, if one is due."""
        now = self._now()
        if abs(now - self._last) < self._every:  # abs: the clock may be set back
            return
        self._last = now
        for name, table in _tables(pipeline, windowed=False):
            for key in table.heaviest_changes(self._keys):
                state = table.state(key)
                found = summarise(state)
                if state.conjugate and len(text := table.codec.write(state)) <= MAX_STATE_LENGTH:
                    found["state"] = text
                point = msgspec.json.encode(found).decode()
                changes.history.append(HistoryPoint(name, write_key(key), now, point))
        self._commits_until_thinning -= 1

    def committed(self, pipeline: Pipeline) -> None:
        """Downsample the histories periodically."""
        if self._commits_until_thinning < 0:
            for name, _ in _tables(pipeline, windowed=False):
                pipeline.store.thin(name, self._points)
            self._commits_until_thinning = self._points // 4


class Windows(Collector):
    """Adds ended windows to commits, as points of the history.

    A window closes when an event of the same belief has a time after the end of the window. The
    point of a window has the time of its end, and is replaced if a late event still belongs to the
    window.

    Parameters
    ----------
    most
        Maximum number of windows of a key; a longer history is thinned evenly.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._until: dict[str, float] = {}
        self._found: list[HistoryPoint] = []
        self._events = 0
        self._thin_in = most // 4

    def opened(self, pipeline: Pipeline) -> None:
        """Find the newest time that each belief has learned."""
        for name, table in _tables(pipeline, windowed=True):
            clocks = (state.clock for state in table.states.values())
            self._until[name] = max((c for c in clocks if c is not None), default=-math.inf)

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """After every `COLLECTED` events, collect the windows that have ended."""
        self._events += 0 if batch is None else len(batch.records)
        if self._events >= COLLECTED:
            self._collect(pipeline)

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Add the windows that have ended since the last commit, or were revised."""
        self._collect(pipeline)
        changes.history += self._found
        self._thin_in -= len(self._found)
        self._found = []

    def _collect(self, pipeline: Pipeline) -> None:
        self._events = 0
        for name, table in _tables(pipeline, windowed=True):
            model: Any = table.belief.state
            before = self._until[name]
            keys: Iterable[Any] = table.changed_keys
            until = max((table.state(key).clock for key in keys), default=before)
            until = self._until[name] = max(until, before)
            if until == -math.inf:
                continue
            if before == -math.inf or model.pane_of(until) > model.pane_of(before):
                keys = list(table.states)  # windows of all keys have ended
            for key in keys:
                for window in table.state(key).take_ended(until):
                    found = {**summarise(window.state), "start": window.start, "end": window.end}
                    text = msgspec.json.encode(found).decode()
                    self._found.append(HistoryPoint(name, write_key(key), window.end, text))

    def committed(self, pipeline: Pipeline) -> None:
        """Thin the histories at intervals."""
        if self._thin_in < 0:
            for name, _ in _tables(pipeline, windowed=True):
                pipeline.store.thin(name, self._most)
            self._thin_in = self._most // 4


def _tables(pipeline: Pipeline, windowed: bool) -> list[tuple[str, KeyedStates]]:
    """Return the tables of the beliefs with windows, or of the others, with their names."""
    tables = pipeline.tables.items()
    return [(name, table) for name, table in tables if table.belief.state.windowed == windowed]


def summarise(state: Model) -> dict[str, Any]:
    """Return the numbers of a state to plot over time: its mean, and its interval if it exists.

    For a mixture, these numbers are the weights of its components; for an estimator, its summary.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> summarise(Gamma(2.0, 4.0))["mean"]
    0.5
    """
    mean, interval = state.summary()
    found = {
        "n_samples": state.n_samples,
        "clock": state.clock,
        "mean": mean,
        "interval": interval,
    }
    return {name: plain(value) for name, value in found.items() if value is not None}
