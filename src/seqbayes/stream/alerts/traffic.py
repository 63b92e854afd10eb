"""Arrivals of events and shares of rejected events, for alerts."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqbayes.events.keys import write_key
from seqbayes.stream.alerts.alert import WHOLE, Alert
from seqbayes.stream.alerts.evaluation import Evaluation
from seqbayes.stream.alerts.grammar import Silence

if TYPE_CHECKING:
    from seqbayes.stream.pipeline import Pipeline
    from seqbayes.stream.stores import DeadLetter

BUCKETS = 300
"""Number of intervals into which a window is divided for counting."""


@dataclass
class _Bucket:
    start: float
    events: int = 0
    refused: Counter[str | None] = field(default_factory=Counter)


class Refusals:
    """Counts the events in a window of time, and how many of them could not be used.

    Parameters
    ----------
    over
        Length of the window, in seconds.

    Examples
    --------
    >>> refusals = Refusals(60.0)
    >>> refusals.count(0.0, 3)
    >>> refusals.share(1.0), refusals.share(61.5)
    (0.0, None)
    """

    def __init__(self, over: float) -> None:
        self._over, self._width = over, over / BUCKETS
        self._buckets: deque[_Bucket] = deque()
        self._refused: Counter[str | None] = Counter()
        self._positions: set[str] = set()

    def refuse(self, letter: DeadLetter) -> None:
        """Record a rejected event, to be counted with the next batch."""
        if letter.position not in self._positions:
            self._refused[None] += 1
            self._positions.add(letter.position)
        self._refused[letter.belief] += 1

    def count(self, now: float, events: int) -> None:
        """Count a batch of events."""
        if not self._buckets or abs(now - self._buckets[-1].start) >= self._width:
            self._buckets.append(_Bucket(now))
        self._buckets[-1].events += events
        self._buckets[-1].refused.update(self._refused)
        self._refused.clear()
        self._positions.clear()
        while abs(now - self._buckets[0].start) > self._over:
            self._buckets.popleft()

    def share(self, now: float, belief: str | None = None) -> float | None:
        """Return the share of events that became dead letters; None if there are no events.

        Parameters
        ----------
        now
            Seconds since 1970.
        belief
            The belief that rejected the events; None for any belief.
        """
        events = refused = 0
        for bucket in self._buckets:
            if abs(now - bucket.start) <= self._over:
                events += bucket.events
                refused += bucket.refused[belief]
                # events that were not decoded
                refused += 0 if belief is None else bucket.refused[""]
        return refused / events if events else None


class Arrivals:
    """The time of the last event in the stream or for each key.

    Parameters
    ----------
    alerts
        The alerts; only those about silence are considered.
    pipeline
        The pipeline, whose store contains the times of earlier events.
    now
        Seconds since 1970.
    """

    def __init__(self, alerts: Iterable[Alert], pipeline: Pipeline, now: float) -> None:
        silent = [a for a in alerts if isinstance(a.condition[0].quantity, Silence)]
        self._last: dict[str, OrderedDict[str, float]] = {}
        self._stream = now
        for alert in silent:
            if alert.belief is None:
                positions = pipeline.store.positions()
                read = [p.updated for p in positions if p.source == pipeline.source.name]
                self._stream = max(read, default=now)
            elif alert.belief.name not in self._last:
                entries = pipeline.store.entries(alert.belief.name)
                times = sorted((entry.updated, entry.key) for entry in entries)
                self._last[alert.belief.name] = OrderedDict((key, at) for at, key in times)
        for alert in silent:
            if alert.belief is not None and alert.key is not None:
                self._last[alert.belief.name].setdefault(alert.key, now)
        self._caught_up = False

    def step(self, pipeline: Pipeline) -> None:
        """Record the time at which the stream was last read."""
        self._caught_up = self._caught_up or pipeline.idle or pipeline.lag == 0
        if pipeline.read_at is not None:
            self._stream = pipeline.read_at

    def record_changes(
        self, changed: Mapping[str, Sequence[Any]], gone: Iterable[tuple[str, str]], now: float
    ) -> None:
        """Record changed keys, and forget dropped keys."""
        for name, key in gone:
            if name in self._last:
                self._last[name].pop(key, None)
        for name, last in self._last.items():
            for key in changed.get(name, ()):
                text = write_key(key)
                last[text] = now
                last.move_to_end(text)

    def evaluations(
        self, alert: Alert, now: float, instances: Sequence[str]
    ) -> Iterator[tuple[str, Evaluation]]:
        """Yield quiet keys, and keys with firing alerts, each with its evaluation.

        Nothing counts as quiet until the events that were waiting at the start have been read.
        """
        (limit,) = alert.condition
        if alert.belief is None:
            yield WHOLE, self._evaluation(limit.limit, now - self._stream)
            return
        last = self._last[alert.belief.name]
        for key in dict.fromkeys([*self._oldest(last, now - limit.limit), *instances]):
            if alert.key in (None, key):
                yield key, self._evaluation(limit.limit, now - last.get(key, now))

    @staticmethod
    def _oldest(last: Mapping[str, float], until: float) -> Iterator[str]:
        for key, at in last.items():
            if at > until:
                return
            yield key

    def _evaluation(self, limit: float, silent: float) -> Evaluation:
        quiet = silent >= limit
        if quiet and not self._caught_up:
            return Evaluation(silent, None, None)
        return Evaluation(silent, quiet, not quiet)
