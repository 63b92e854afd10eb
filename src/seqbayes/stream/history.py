"""A thinned history of every belief's summary, for plots over time."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.console.plain import plain
from seqbayes.events.keys import write_key
from seqbayes.mixture.base import BaseMixture
from seqbayes.river import summary
from seqbayes.stream.collector import Collector
from seqbayes.stream.stores import Changes, HistoryPoint

if TYPE_CHECKING:
    from seqbayes.stream.pipeline import Pipeline


class History(Collector):
    """Adds summaries of beliefs to commits, now and then.

    Parameters
    ----------
    every
        Seconds between two points.
    keys
        At most so many keys of a belief get a point at a time, those that have seen most.
    points
        A history longer than this loses every second point, so that old times are told coarsely.
    now
        Seconds since 1970.
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
        self._thin_in = 0

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Add a point for each of the beliefs that have changed, if it is time."""
        now = self._now()
        if abs(now - self._last) < self._every:  # a clock set back must not silence the history
            return
        self._last = now
        for name, table in pipeline.tables.items():
            chosen = heapq.nlargest(self._keys, table.changed_keys, key=lambda k: _seen(table, k))
            for key in chosen:
                text = msgspec.json.encode(summarise(table.state(key))).decode()
                changes.history.append(HistoryPoint(name, write_key(key), now, text))
        self._thin_in -= 1

    def committed(self, pipeline: Pipeline) -> None:
        """Thin the histories, now and then."""
        if self._thin_in < 0:
            for name in pipeline.tables:
                pipeline.store.thin(name, self._points)
            self._thin_in = self._points // 4


def _seen(table: Any, key: Any) -> float:
    return float(getattr(table.state(key), "n_samples", 0.0))


def summarise(state: Any) -> dict[str, Any]:
    """Return what a plot over time needs of a state: its mean, and an interval where it has one.

    Of a mixture it is the share of every component, of an estimator the few numbers that it is
    summarised by.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> summarise(Gamma(2.0, 4.0))["mean"]
    0.5
    """
    found: dict[str, Any] = {}
    for name in ("n_samples", "clock", "mean"):
        value = getattr(state, name, None)
        if value is not None:
            found[name] = plain(value)
    if isinstance(state, BaseMixture) and state.started:  # before, components exchange their names
        found["mean"] = {str(n): w for n, w in zip(state.names, state.weights, strict=True)}
    if hasattr(state, "interval"):
        found["interval"] = plain(state.interval())
    told = summary.summarise(state)
    if told is not None:
        found |= {"mean": plain(told.mean), "interval": plain(told.interval)}
    return found
