"""The history of windows that have ended."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.events.keys import write_key
from seqbayes.stream.history import summarise
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.stores import Changes, HistoryPoint

if TYPE_CHECKING:
    from seqbayes.stream.source import Batch
    from seqbayes.stream.table import KeyedStates

COLLECTED = 10_000
"""Number of events after which ended windows are taken, so that no state keeps too many."""


class Windows(Collector):
    """Adds the windows that have ended to commits, as points of the history.

    A window ends when an event of the same belief has a time after the end of the window. The point
    of a window has the time of its end, and is replaced if a late event still belongs to the
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
        for name, table in _windowed(pipeline):
            clocks = (state.clock for state in table.states.values())
            self._until[name] = max((c for c in clocks if c is not None), default=-math.inf)

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """Take the windows that have ended, after many events."""
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
        for name, table in _windowed(pipeline):
            model: Any = table.belief.state
            every, before = model.every, self._until[name]
            keys: Iterable[Any] = table.changed_keys
            until = max((table.state(key).clock for key in keys), default=before)
            until = self._until[name] = max(until, before)
            if until == -math.inf:
                continue
            if before == -math.inf or math.floor(until / every) > math.floor(before / every):
                keys = list(table.states)  # windows of all keys have ended
            for key in keys:
                for window in table.state(key).take_ended(until):
                    found = {**summarise(window.state), "start": window.start, "end": window.end}
                    text = msgspec.json.encode(found).decode()
                    self._found.append(HistoryPoint(name, write_key(key), window.end, text))

    def committed(self, pipeline: Pipeline) -> None:
        """Thin the histories at intervals."""
        if self._thin_in < 0:
            for name, _ in _windowed(pipeline):
                pipeline.store.thin(name, self._most)
            self._thin_in = self._most // 4


def _windowed(pipeline: Pipeline) -> list[tuple[str, KeyedStates]]:
    """Return the tables of beliefs with windows, keyed by name."""
    return [(n, table) for n, table in pipeline.tables.items() if table.belief.state.windowed]
