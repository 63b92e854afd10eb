"""Evaluates alerts over the history in a store."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from seqbayes.errors import SeqbayesError
from seqbayes.events.keys import read_key
from seqbayes.stream.alerts.alert import WHOLE, Alert
from seqbayes.stream.alerts.evaluation import Evaluation, Evidence, evaluate_choice, evaluate_key
from seqbayes.stream.alerts.grammar import DeadLetters, Silence, Surprise
from seqbayes.stream.alerts.state import Instance, advance
from seqbayes.stream.codec import StateCodec
from seqbayes.stream.stores import HistoryPoint, ReadableStore


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
        Number of points of the history that were evaluated.
    stateless
        Number of points without a state, such as those of windows, or stored by earlier versions.
    reason
        Reason why the alert cannot be evaluated over a history; empty if it can be evaluated.
    """

    alert: Alert
    changes: list[Change] = field(default_factory=list)
    points: int = 0
    stateless: int = 0
    reason: str = ""


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
    if isinstance(alert.condition[0].quantity, (DeadLetters, Silence)):
        result.reason = "the history does not contain the times of events"
        return result
    assert alert.belief is not None
    codec, states = StateCodec(alert.belief.state), dict[Any, Any]()
    evidence: dict[Any, Evidence] = {}
    instances: dict[str, Instance] = {}
    points = sorted(store.points(alert.belief.name), key=attrgetter("at"))
    for at, group in itertools.groupby(points, key=attrgetter("at")):
        known = dict(_states(group, codec, result))
        states |= {read_key(key): state for key, state in known.items()}
        for key, evaluate in _evaluations(alert, known, states, evidence):
            before = instances.get(key)
            after, report = advance(
                before,
                evaluate.holds,
                evaluate.recovers,
                evaluate.value,
                at,
                alert.lasting,
                alert.cooldown,
            )
            if after is None:
                instances.pop(key, None)
            else:
                instances[key] = after
            if report is not None:
                result.changes.append(Change(key, at, report, evaluate.value))
    return result


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
    evidence: dict[Any, Evidence],
) -> Iterator[tuple[str, Evaluation]]:
    if not alert.per_key:
        if known:
            yield WHOLE, evaluate_choice(alert, states)
        return
    surprise = any(isinstance(e.quantity, Surprise) for e in (*alert.condition, *alert.recovery))
    for key, state in known.items():
        if alert.key in (None, key):
            yield key, evaluate_key(alert, state, evidence.get(key, Evidence(0.0, 0.0)))
            if surprise:
                evidence[key] = Evidence.of(state)
