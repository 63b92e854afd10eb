"""Histories of beliefs: summaries over time, downsampled as they grow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.console.plain import plain
from seqbayes.events.keys import write_key
from seqbayes.model import Model
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.stores import Changes, HistoryPoint

if TYPE_CHECKING:
    from seqbayes.stream.table import KeyedStates

MAX_STATE_LENGTH = 2000
"""Maximum number of characters of a state that a point of a history contains."""


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
        if (
            abs(now - self._last) < self._every
        ):  # history must continue even if the clock is set back
            return
        self._last = now
        for name, table in self._tables(pipeline):
            for key in table.heaviest_changes(self._keys):
                state = table.state(key)
                found = summarise(state)
                if state.conjugate and len(text := table.codec.write(state)) <= MAX_STATE_LENGTH:
                    found["state"] = text
                point = msgspec.json.encode(found).decode()
                changes.history.append(HistoryPoint(name, write_key(key), now, point))
        self._commits_until_thinning -= 1

    @staticmethod
    def _tables(pipeline: Pipeline) -> list[tuple[str, KeyedStates]]:
        """Return the tables, except those whose history consists of windows."""
        tables = pipeline.tables.items()
        return [(n, table) for n, table in tables if not table.belief.state.windowed]

    def committed(self, pipeline: Pipeline) -> None:
        """Downsample the histories at intervals."""
        if self._commits_until_thinning < 0:
            for name, _ in self._tables(pipeline):
                pipeline.store.thin(name, self._points)
            self._commits_until_thinning = self._points // 4


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
