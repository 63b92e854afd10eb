"""Alerts in a pipeline: their states and messages are stored with its commits."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.events.keys import read_key, write_key
from seqbayes.stream.alerts.alert import WHOLE, Alert
from seqbayes.stream.alerts.delivery import Delivery, Notify
from seqbayes.stream.alerts.evaluation import (
    NO_EVIDENCE,
    Evaluation,
    StateEvidence,
    evaluate_choice,
    evaluate_key,
    evaluate_share,
)
from seqbayes.stream.alerts.grammar import DeadLetterShare, Silence, Surprise
from seqbayes.stream.alerts.state import Instance, advance
from seqbayes.stream.alerts.traffic import Arrivals, Refusals
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.stores import Changes, StoredAlert, StoredMessage, StoreError

if TYPE_CHECKING:
    from seqbayes.stream.source import Batch
    from seqbayes.stream.stores import DeadLetter

MAX_DONE = 1000
"""Maximum number of delivered messages to keep."""

EVALUATION_SECONDS = 0.5
"""Time between two evaluations while no events arrive."""

REFRESH_SECONDS = 10.0
"""Time between two commits of values that change while no events arrive."""


class Alerts(Collector):
    """A collector that evaluates alerts at every commit, and delivers their messages.

    The states of alerts and the messages about their changes are stored in the transaction that
    stores the beliefs. A message is delivered after that transaction. Every attempt uses the same
    id, and attempts continue until the store records the delivery.

    Parameters
    ----------
    alerts
        The alerts.
    notify
        Function that logs messages and failed deliveries.
    now
        Function that returns the time in seconds since 1970.
    """

    def __init__(
        self,
        alerts: Sequence[Alert],
        notify: Notify = lambda event, text, level: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._alerts, self._notify, self._now = alerts, notify, now
        self._delivery: Delivery | None = None
        self._instances: dict[tuple[str, str], Instance] = {}
        self._stored: dict[tuple[str, str], Instance] = {}
        self._evidence: dict[str, dict[Any, StateEvidence]] = {}
        self._new: list[StoredMessage] = []
        self._kept: list[str] = []
        self._next_look = self._next_refresh = 0.0

    # Events of the pipeline.

    def opened(self, pipeline: Pipeline) -> None:
        """Restore the states of alerts, and deliver the waiting messages."""
        if self._delivery is None:
            self._begin(pipeline)

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """Record arrivals; evaluate the alerts periodically while nothing arrives."""
        now = self._now()
        if batch is not None:
            for refusals in self._refusals.values():
                refusals.count(now, len(batch.records) + len(batch.refused))
        self._arrivals.step(pipeline)
        if pipeline.uncommitted or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + EVALUATION_SECONDS
        changes = Changes(None, None)
        self._evaluate(pipeline, changes, now, {})
        if self._is_due(changes):
            pipeline.store.commit(changes)
            self._finish_commit()

    def refused(self, pipeline: Pipeline, batch: Batch, letter: DeadLetter) -> None:
        """Count an event that could not be used."""
        for refusals in self._refusals.values():
            refusals.refuse(letter)

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Add the states of alerts, and messages about their changes, to a commit."""
        now = self._now()
        changed = {name: table.changed_keys for name, table in pipeline.tables.items()}
        self._arrivals.record_changes(changed, changes.gone, now)
        self._evaluate(pipeline, changes, now, changed)

    def committed(self, pipeline: Pipeline) -> None:
        """Deliver the stored messages."""
        self._finish_commit()

    def closing(self, pipeline: Pipeline) -> None:
        """Wait for deliveries, and store which messages were delivered."""
        if self._delivery is None:
            return
        self._delivery.close()
        changes = Changes(None, None)
        self._note_done(changes, self._now())
        if changes.messages:
            try:
                pipeline.store.commit(changes)
            except StoreError as error:  # the messages will be delivered again, with the same ids
                self._notify("alerts", str(error), "warning")

    # Starting.

    def _begin(self, pipeline: Pipeline) -> None:
        store, names = pipeline.store, {alert.name: alert for alert in self._alerts}
        if not store.keeps_alerts:
            raise StoreError(f"{store.url} does not support alerts")
        self._delivery = Delivery(self._alerts, self._notify)
        self._refusals = {
            alert.over: Refusals(alert.over)
            for alert in self._alerts
            if isinstance(alert.condition[0].quantity, DeadLetterShare)
        }
        self._arrivals = Arrivals(self._alerts, pipeline, self._now())
        self._unknown = []
        for stored in store.alerts():
            if stored.alert in names and names[stored.alert].concerns(stored.key):
                instance = msgspec.json.decode(stored.state, type=Instance)
                self._instances[stored.alert, stored.key] = instance
            else:
                self._unknown.append((stored.alert, stored.key))
        self._stored = dict(self._instances)
        for (name, key), instance in self._instances.items():
            if instance.status == "firing":
                body = self._body(pipeline, names[name], key, instance, instance.since)
                self._delivery.renew(name, body)
        for alert in self._alerts:
            if alert.belief and alert.measures(Surprise):
                states = pipeline.tables[alert.belief.name].states
                known = {key: StateEvidence.of(state) for key, state in states.items()}
                self._evidence[alert.belief.name] = known
        messages = store.messages()
        self._kept = [each.id for each in messages if each.done]
        self._delivery.send(each for each in messages if not each.done)

    # Evaluation.

    def _evaluate(
        self,
        pipeline: Pipeline,
        changes: Changes,
        now: float,
        changed: Mapping[str, Sequence[Any]],
    ) -> None:
        self._new = []
        for alert in self._alerts:
            for key, found in self._evaluations(pipeline, alert, now, changed):
                self._advance(pipeline, alert, key, found, now)
        for name, key in changes.gone:  # a key that is used again starts from the prior
            self._evidence.get(name, {}).pop(read_key(key), None)
        for name, known in self._evidence.items():
            table = pipeline.tables[name]
            known.update({key: StateEvidence.of(table.state(key)) for key in changed.get(name, ())})
        changes.alerts = [
            StoredAlert(*place, msgspec.json.encode(instance).decode(), now)
            for place, instance in self._instances.items()
            if self._stored.get(place) != instance
        ]
        gone = [place for place in self._stored if place not in self._instances]
        changes.alerts_gone = [*self._unknown, *gone]
        self._unknown = []
        changes.messages = self._new
        self._note_done(changes, now)

    def _is_due(self, changes: Changes) -> bool:
        """Whether to commit changes now; mere updates of values can wait."""
        if changes.messages or changes.alerts_gone:
            return True
        for place, instance in self._instances.items():
            stored = self._stored.get(place)
            if stored is None or (stored.status, stored.since) != (instance.status, instance.since):
                return True
        return bool(changes.alerts) and time.monotonic() >= self._next_refresh

    def _evaluations(
        self,
        pipeline: Pipeline,
        alert: Alert,
        now: float,
        changed: Mapping[str, Sequence[Any]],
    ) -> Iterable[tuple[str, Evaluation]]:
        """Yield the keys of an alert that may have changed, each with its evaluation."""
        quantity = alert.condition[0].quantity
        if isinstance(quantity, DeadLetterShare):
            by = None if alert.belief is None else alert.belief.name
            share = self._refusals[alert.over].share(now, by)
            yield WHOLE, evaluate_share(alert, share)
            return
        with_instance = [key for name, key in self._instances if name == alert.name]
        if isinstance(quantity, Silence):
            yield from self._arrivals.evaluations(alert, now, with_instance)
            return
        assert alert.belief is not None
        table, keys = pipeline.tables[alert.belief.name], changed.get(alert.belief.name, ())
        if not alert.per_key:
            if keys or with_instance:
                yield WHOLE, evaluate_choice(alert, table.states)
            return
        evidence = self._evidence.get(alert.belief.name, {})
        for text in dict.fromkeys([*map(write_key, keys), *with_instance]):
            if alert.key in (None, text):
                key = read_key(text)
                state = table.state(key)
                if state is None:  # the key was dropped or reset
                    yield text, Evaluation(None, False, True)
                else:
                    yield text, evaluate_key(alert, state, evidence.get(key, NO_EVIDENCE))

    def _advance(
        self, pipeline: Pipeline, alert: Alert, key: str, found: Evaluation, now: float
    ) -> None:
        place = alert.name, key
        before = self._instances.get(place)
        after, report = advance(
            before,
            found.holds,
            found.recovers,
            found.value,
            now,
            alert.lasting,
            alert.cooldown,
        )
        if after is None:
            self._instances.pop(place, None)
        else:
            self._instances[place] = after
        if report is not None:
            shown = after if report == "firing" else before
            assert shown is not None
            instance = Instance(report, shown.since, found.value)
            body = self._body(pipeline, alert, key, instance, now)
            name = msgspec.json.decode(body)["id"]
            self._new.append(StoredMessage(name, alert.name, body, now))

    @staticmethod
    def _body(pipeline: Pipeline, alert: Alert, key: str, instance: Instance, now: float) -> bytes:
        """Return the body of a message."""
        fields = None
        if key != WHOLE and alert.belief is not None:
            names = read_key(key)
            values = names if isinstance(names, tuple) else (names,)
            fields = dict(zip(alert.belief.by, values, strict=True)) if names is not None else None
        return msgspec.json.encode(
            {
                "id": uuid.uuid4().hex,
                "alert": alert.name,
                "status": instance.status,
                "condition": alert.text,
                "belief": None if alert.belief is None else alert.belief.name,
                "key": fields,
                "value": instance.value,
                "since": instance.since,
                "at": now,
                "summary": alert.summary,
                "labels": alert.labels,
                "store": pipeline.store.url,
            }
        )

    # Messages.

    def _note_done(self, changes: Changes, now: float) -> None:
        """Add the messages that were delivered or abandoned, and delete the oldest."""
        assert self._delivery is not None
        done = [m._replace(done=now, note=note) for m, note in self._delivery.done()]
        changes.messages = [*changes.messages, *done]
        self._kept += [each.id for each in done]
        surplus = max(len(self._kept) - MAX_DONE, 0)
        changes.messages_gone, self._kept = self._kept[:surplus], self._kept[surplus:]

    def _finish_commit(self) -> None:
        """Record what was stored, and deliver the stored messages."""
        assert self._delivery is not None
        self._stored = dict(self._instances)
        self._next_refresh = time.monotonic() + REFRESH_SECONDS
        self._delivery.send(self._new)
        self._new = []
