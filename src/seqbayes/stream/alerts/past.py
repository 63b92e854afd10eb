"""Evaluates alerts over the history in a store."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from seqbayes.errors import SeqbayesError
from seqbayes.events.durations import format_duration
from seqbayes.events.keys import read_key
from seqbayes.stream.alerts.alert import WHOLE, Alert
from seqbayes.stream.alerts.evaluation import (
    NO_EVIDENCE,
    Evaluation,
    StateEvidence,
    evaluate_choice,
    evaluate_key,
    evaluate_share,
    evaluate_silence,
)
from seqbayes.stream.alerts.grammar import DeadLetterShare, Silence, Surprise
from seqbayes.stream.alerts.state import Instance, advance
from seqbayes.stream.codec import StateCodec
from seqbayes.stream.stores import STREAM, HistoryPoint, ReadableStore
from seqbayes.stream.traffic import MAX_KEYS, Place, Silent, TrafficCounts, read_point


class Change(NamedTuple):
    """A change of an alert: its key, the time, "firing" or "resolved", and the value."""

    key: str
    at: float
    status: str
    value: float | None


@dataclass
class AlertHistory:
    """The changes of an alert over a history.

    Attributes
    ----------
    alert
        The alert.
    changes
        Its changes in chronological order.
    points
        Number of points of the history that were evaluated; for an alert about silence, the number
        of silences.
    stateless
        Number of points without a state, such as points of windows and points stored by earlier
        versions.
    reason
        Reason why the alert cannot be evaluated over a history; empty if it can be evaluated.
    """

    alert: Alert
    changes: list[Change] = field(default_factory=list)
    points: int = 0
    stateless: int = 0
    reason: str = ""
    _instances: dict[str, Instance] = field(default_factory=dict)

    def advance(self, key: str, found: Evaluation, at: float) -> None:
        """Advance the state of a key to a time, and record its change."""
        after, report = advance(
            self._instances.get(key),
            found.holds,
            found.recovers,
            found.value,
            at,
            self.alert.lasting,
            self.alert.cooldown,
        )
        if after is None:
            self._instances.pop(key, None)
        else:
            self._instances[key] = after
        if report is not None:
            self.changes.append(Change(key, at, report, found.value))


def evaluate_history(alert: Alert, store: ReadableStore) -> AlertHistory:
    """Evaluate an alert over the history of a store.

    Parameters
    ----------
    alert
        The alert.
    store
        The store.

    Raises
    ------
    StoreError
        If the store cannot be read.
    """
    result = AlertHistory(alert)
    quantity = alert.condition[0].quantity
    if isinstance(quantity, (DeadLetterShare, Silence)):
        counts = _read_counts(store)
        if not counts:
            result.reason = (
                "the store has no event counts, because an older version of seqbayes wrote it"
            )
        elif isinstance(quantity, DeadLetterShare):
            _evaluate_dead_letters(result, counts)
        else:
            _evaluate_silences(result, store, counts)
    else:
        _evaluate_states(result, store)
    return result


def _read_counts(store: ReadableStore) -> dict[str, list[tuple[float, TrafficCounts]]]:
    """Return the counts of each source, in chronological order."""
    found: dict[str, list[tuple[float, TrafficCounts]]] = {}
    for point in store.points(STREAM):
        if Place.read(point.key).kind == "counts":
            counts = read_point(store, point, TrafficCounts)
            found.setdefault(point.key, []).append((point.at, counts))
    return found


def _evaluate_dead_letters(
    result: AlertHistory, counts: Mapping[str, Sequence[tuple[float, TrafficCounts]]]
) -> None:
    """Evaluate the share of dead letters at each point, over the window that ends there."""
    alert = result.alert
    name = None if alert.belief is None else alert.belief.name
    for points in counts.values():
        times = [at for at, _ in points]
        for i, (at, now) in enumerate(points):
            start = bisect.bisect_right(times, at - alert.over, 0, i) - 1
            before = points[start][1] if start >= 0 else TrafficCounts(now.every)
            events = now.events - before.events
            refused = _refused(now, name) - _refused(before, name)
            share = min(max(refused, 0) / events, 1.0) if events > 0 else None
            result.points += 1
            result.advance(WHOLE, evaluate_share(alert, share), at)


def _refused(counts: TrafficCounts, belief: str | None) -> int:
    if belief is None:
        return counts.refused
    return counts.refused_by.get(belief, 0) + counts.refused_by.get("", 0)


def _evaluate_silences(
    result: AlertHistory,
    store: ReadableStore,
    counts: Mapping[str, Sequence[tuple[float, TrafficCounts]]],
) -> None:
    """Evaluate the silences of the stream, or of the keys of a belief, in chronological order."""
    alert, limit = result.alert, result.alert.condition[0].limit
    every = max(points[-1][1].every for points in counts.values())
    if limit < every:
        result.reason = (
            f"silences of less than {format_duration(every)} are not stored; see [history]"
        )
        return
    name = "" if alert.belief is None else alert.belief.name
    if name and store.entry_count(name) > MAX_KEYS:
        result.reason = f"silences are stored only for beliefs with at most {MAX_KEYS} keys"
        return
    for point in sorted(store.points(STREAM), key=attrgetter("at")):
        kind, belief, key = Place.read(point.key)
        if kind == "silence" and belief == name and alert.key in (None, key):
            since = read_point(store, point, Silent).since
            _evaluate_silence(result, key, since, point.at)
            result.advance(key, evaluate_silence(alert, 0.0), point.at)
    if store.runner().alive:  # add the silences that have not ended
        now = store.now()
        for key, since in _last_events(store, name):
            if alert.key in (None, key) and now - since >= limit:
                _evaluate_silence(result, key, since, now)
    result.changes.sort(key=attrgetter("at"))


def _evaluate_silence(result: AlertHistory, key: str, since: float, until: float) -> None:
    limit = result.alert.condition[0].limit
    result.points += 1
    for at in dict.fromkeys((since + limit, since + limit + result.alert.lasting)):
        if at <= until:
            result.advance(key, evaluate_silence(result.alert, max(at - since, limit)), at)


def _last_events(store: ReadableStore, belief: str) -> Iterator[tuple[str, float]]:
    """Yield the time of the last event of the stream, or of each key of a belief."""
    if belief:
        yield from ((entry.key, entry.updated) for entry in store.entries(belief))
    elif positions := store.positions():
        yield WHOLE, max(position.updated for position in positions)


def _evaluate_states(result: AlertHistory, store: ReadableStore) -> None:
    """Evaluate the states at the points of a belief's history."""
    alert = result.alert
    assert alert.belief is not None
    codec, states = StateCodec(alert.belief.state), dict[Any, Any]()
    evidence: dict[Any, StateEvidence] = {}
    points = sorted(store.points(alert.belief.name), key=attrgetter("at"))
    for at, group in itertools.groupby(points, key=attrgetter("at")):
        known = dict(_states(group, codec, result))
        states |= {read_key(key): state for key, state in known.items()}
        for key, found in _evaluations(alert, known, states, evidence):
            result.advance(key, found, at)


def _states(
    points: Iterable[HistoryPoint], codec: StateCodec, result: AlertHistory
) -> Iterator[tuple[str, Any]]:
    """Yield the key and the state of each point."""
    for point in points:
        text = msgspec.json.decode(point.summary).get("state")
        try:
            if text is not None:
                yield point.key, codec.read(text)
                result.points += 1
                continue
        except (SeqbayesError, msgspec.MsgspecError):  # stored under another declaration
            pass
        result.stateless += 1


def _evaluations(
    alert: Alert,
    known: Mapping[str, Any],
    states: Mapping[Any, Any],
    evidence: dict[Any, StateEvidence],
) -> Iterator[tuple[str, Evaluation]]:
    if not alert.per_key:
        if known:
            yield WHOLE, evaluate_choice(alert, states)
        return
    for key, state in known.items():
        if alert.key in (None, key):
            yield key, evaluate_key(alert, state, evidence.get(key, NO_EVIDENCE))
            if alert.measures(Surprise):
                evidence[key] = StateEvidence.of(state)
