"""Alerts of a configuration: subject, condition and receiver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from seqbayes.console.suggestions import did_you_mean
from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.events.durations import format_duration, parse_duration
from seqbayes.events.keys import REST, read_key, write_key
from seqbayes.stream.alerts.grammar import PER_KEY, Best, Criterion, Loss, Silence, parse_condition
from seqbayes.stream.alerts.suitability import find_reasons
from seqbayes.stream.schema import ErrorList, join
from seqbayes.stream.urls import expand

_Duration = str | int | float

WHOLE = ""
"""The key of an alert about a whole belief, or about the stream."""


class AlertTable(msgspec.Struct):
    """An alert in a configuration."""

    when: str | None = None
    quiet: _Duration | None = None
    belief: str | None = None
    key: str | list[str] | None = None
    label: str | None = None
    for_: _Duration = msgspec.field(default=0, name="for")
    cooldown: _Duration = 0
    recovery: str | None = None
    over: _Duration = "5 minutes"
    anytime: bool = True
    alpha: float = 0.05
    effect: float = 0.2
    to: Literal["log", "webhook", "alertmanager", "command"] = "log"
    url: str | None = None
    secret: str | None = None
    command: list[str] = []
    summary: str = ""
    labels: dict[str, str] = {}


@dataclass(frozen=True)
class Receiver:
    """The receiver of messages; the strings may contain environment variables, ``${NAME}``."""

    kind: str = "log"
    url: str = ""
    secret: str = field(default="", repr=False)
    command: Sequence[str] = ()


@dataclass(frozen=True)
class Alert:
    """A condition on a belief or the stream, evaluated while events are learned.

    Parameters
    ----------
    name
        Name of the alert.
    condition
        Comparisons that must all hold.
    text
        The text of the condition.
    belief
        The belief; None for an alert about the stream.
    key
        The JSON of a single key; None for all keys.
    label
        The label whose share is evaluated, for a belief about labels.
    lasting
        Number of seconds for which the condition must hold before the alert fires.
    cooldown
        Number of seconds after the end of an alert in which it does not fire again.
    recovery
        Comparisons that end the alert; by default it ends when its condition no longer holds.
    over
        Length of the window for counting dead letters, in seconds.
    alpha, effect
        Parameters of the sequential test that must agree; see `seqbayes.compare.decide`. If alpha
        is None, no test is required.
    receiver
        The receiver of the messages.
    summary, labels
        Text and labels added to the messages.
    """

    name: str
    condition: Sequence[Criterion]
    text: str
    belief: Belief | None = None
    key: str | None = None
    label: str | None = None
    lasting: float = 0.0
    cooldown: float = 0.0
    recovery: Sequence[Criterion] = ()
    over: float = 300.0
    alpha: float | None = 0.05
    effect: float = 0.2
    receiver: Receiver = Receiver()
    summary: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def per_key(self) -> bool:
        """Whether each key has its own alert."""
        return self.belief is not None and isinstance(
            self.condition[0].quantity, (*PER_KEY, Silence)
        )

    def measures(self, kind: type) -> bool:
        """Whether one of the quantities in the condition or the recovery is of a given kind."""
        return any(isinstance(each.quantity, kind) for each in (*self.condition, *self.recovery))

    def concerns(self, key: str) -> bool:
        """Whether the alert has a state under this key, `WHOLE` or the JSON of a key."""
        if self.belief is None or not self.per_key or key == WHOLE:
            return key == WHOLE and not self.per_key
        names = read_key(key)
        values = names if isinstance(names, tuple) else (names,)
        fits = names is REST or len(values) == len(self.belief.by)
        return fits and self.key in (None, key)


def read_alerts(tables: Any, beliefs: Sequence[Belief], errors: ErrorList) -> list[Alert]:
    """Return the alerts of a configuration; errors are added to `errors`.

    Parameters
    ----------
    tables
        The tables of the alerts, keyed by name.
    beliefs
        The beliefs of the configuration that have no errors.
    errors
        Collects the errors; it already contains those of the beliefs.
    """
    if not isinstance(tables, Mapping):
        return []
    named = {belief.name: belief for belief in beliefs}
    found = []
    for name, given in tables.items():
        path = join("alert", name)
        table = errors.read(path, given, AlertTable)
        if table is None:
            continue
        before = len(errors.found)
        for key, text in _find_plain_errors(name, table):
            errors.add(join(path, key) if key else path, text)
        belief = None if table.belief is None else named.get(table.belief)
        if table.belief is not None and belief is None:
            if not errors.within(join("belief", table.belief)):
                errors.add(
                    join(path, "belief"), f"unknown belief{did_you_mean(table.belief, named)}"
                )
            continue
        alert = _alert(path, name, table, belief, errors)
        if alert is not None and len(errors.found) == before:
            for key, text in _find_errors(alert, table):
                errors.add(join(path, key), text)
        if alert is not None and len(errors.found) == before:
            found.append(alert)
    return found


def _find_plain_errors(name: str, table: AlertTable) -> Iterator[tuple[str, str]]:
    """Yield the errors that concern a single key of the table."""
    if not (name and name.isprintable()):
        yield "", f"expected a printable name, got {name!r}"
    if (table.when is None) == (table.quiet is None):
        yield "", "expected either 'when' (a condition) or 'quiet' (a duration)"
    if table.quiet is not None and table.recovery is not None:
        yield "recovery", "an alert about silence ends with the next event"
    if not 0.0 < table.alpha < 0.5:
        yield "alpha", f"expected a number between 0 and 0.5, got {table.alpha}"
    if not 0.0 < table.effect < 10.0:
        yield "effect", f"expected a number between 0 and 10, got {table.effect}"
    if table.key is not None and table.belief is None:
        yield "key", "requires 'belief', the name of a belief"
    yield from _find_errors_of_receiver(table)


_OPTIONS = {
    "log": (),
    "webhook": ("url", "secret"),
    "alertmanager": ("url",),
    "command": ("command",),
}


def _find_errors_of_receiver(table: AlertTable) -> Iterator[tuple[str, str]]:
    known = _OPTIONS[table.to]
    for option in ("url", "secret", "command"):
        given = getattr(table, option)
        if given and option not in known:
            yield option, f"cannot be combined with to = {table.to!r}"
        if not given and option in known and option != "secret":
            yield option, f"required for to = {table.to!r}, but missing"
    if table.url:
        try:
            parts = urlsplit(expand(table.url, quoted=True))
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except PriorError as error:
            yield "url", str(error)
            return
        except ValueError:
            valid = False
        if not valid:
            yield "url", "expected a URL such as https://host/path or http://host:9093"
    if table.secret:
        try:
            expand(table.secret)
        except PriorError as error:
            yield "secret", str(error)
    if any("\0" in word for word in table.command):
        yield "command", "contains a NUL character"
    elif table.command and shutil.which(table.command[0]) is None:
        yield "command", f"there is no program {table.command[0]!r} that can be executed"


def _alert(
    path: str, name: str, table: AlertTable, belief: Belief | None, errors: ErrorList
) -> Alert | None:
    def condition(key: str, text: str) -> tuple[Criterion, ...]:
        return errors.catch(join(path, key), lambda: parse_condition(text)) or ()

    def duration(key: str, given: _Duration) -> float:
        if given == 0 and key in ("for", "cooldown"):
            return 0.0
        return errors.catch(join(path, key), lambda: parse_duration(given)) or 0.0

    if table.quiet is not None:
        quiet = duration("quiet", table.quiet)
        text = f"quiet for {format_duration(quiet)}"
        when: tuple[Criterion, ...] = (Criterion(Silence(), ">=", quiet),)
    else:
        text = " ".join((table.when or "").split())
        when = () if table.when is None else condition("when", table.when)
    recovery = () if table.recovery is None else condition("recovery", table.recovery)
    if not when or (table.recovery is not None and not recovery):
        return None
    return Alert(
        name,
        when,
        text,
        belief,
        None if table.key is None else write_key(_as_key(table.key)),
        table.label,
        duration("for", table.for_),
        duration("cooldown", table.cooldown),
        recovery,
        duration("over", table.over) or 300.0,
        table.alpha if table.anytime else None,
        table.effect,
        Receiver(table.to, table.url or "", table.secret or "", tuple(table.command)),
        table.summary,
        table.labels,
    )


def _as_key(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _find_errors(alert: Alert, table: AlertTable) -> Iterator[tuple[str, str]]:
    """Yield the errors that depend on the alert's belief."""
    belief, quantities = alert.belief, [each.quantity for each in alert.condition]
    kinds = {_scope(quantity) for quantity in quantities}
    if len(kinds) > 1:
        yield "when", f"a condition cannot combine {' and '.join(sorted(kinds))}"
        return
    (kind,) = kinds
    for each in alert.recovery:
        if _scope(each.quantity) != kind:
            yield "recovery", f"expected a condition about {kind}, as in 'when'"
            return
    if kind == "the stream":
        if table.key is not None and not isinstance(quantities[0], Silence):
            yield "key", "dead letters are counted by belief, not by key"
    elif belief is None:
        yield "belief", "required, but missing: the condition is about a belief"
        return
    if belief is not None:
        yield from _find_errors_of_key(belief, table, kind)
        for place, given in (("when", alert.condition), ("recovery", alert.recovery)):
            for each in given:
                for text in find_reasons(each, belief, alert.label, alert.alpha is not None):
                    yield place, text


def _scope(quantity: Any) -> str:
    if isinstance(quantity, (Best, Loss)):
        return "a choice between keys"
    return "each key" if isinstance(quantity, PER_KEY) else "the stream"


def _find_errors_of_key(belief: Belief, table: AlertTable, kind: str) -> Iterator[tuple[str, str]]:
    if table.key is not None:
        values = _as_key(table.key)
        if kind == "a choice between keys":
            yield "key", "the condition compares all keys"
        elif len(values) != len(belief.by):
            fields = ", ".join(belief.by) or "no fields"
            yield "key", f"belief {belief.name!r} is keyed by {fields}, got {list(values)}"
    if kind == "a choice between keys" and not belief.by:
        yield "belief", f"{belief.name!r} has no keys to compare"
