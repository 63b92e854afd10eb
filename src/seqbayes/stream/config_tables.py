"""The tables of a configuration: their types, and how they are validated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.console.suggestions import did_you_mean
from seqbayes.events.belief import Belief, Times, find_errors
from seqbayes.events.derived import derive
from seqbayes.events.display import Display
from seqbayes.events.durations import UNITS, parse_duration
from seqbayes.stream.pipeline import Pace
from seqbayes.stream.priors import BeliefTable, make_state
from seqbayes.stream.schema import ErrorList, join
from seqbayes.stream.source import Source, has_source, load_source, source_kinds, source_parameters

if TYPE_CHECKING:
    from seqbayes.stream.alerts.alert import Alert
    from seqbayes.stream.choices import Chooser
    from seqbayes.stream.stores.group import Group

_Duration = str | int | float

MAX_COUNT = 10**15
"""Maximum value of counts in a configuration."""

MOST_WINDOWS = 10_000
"""Default limit on the number of windows in the history of a key."""


class CommitTable(msgspec.Struct):
    """Limits after which a pipeline commits."""

    every: _Duration = 1.0
    events: int = Pace.events
    keys: int = Pace.keys


class HistoryTable(msgspec.Struct):
    """Limits on the history that is stored for plots over time."""

    every: _Duration = 60.0
    keys: int = 100
    points: int = 200
    windows: int = MOST_WINDOWS


class DeadLetterTable(msgspec.Struct):
    """Limit on the number of stored dead letters."""

    most: int = 1_000_000


class RetentionTable(msgspec.Struct):
    """How long unused keys and dead letters are kept."""

    keys: _Duration | None = None
    dead_letters: _Duration | None = None


class Root(msgspec.Struct):
    """The top level of a configuration."""

    store: str
    source: dict[str, Any]
    belief: dict[str, dict[str, Any]]
    commit: dict[str, Any] = {}
    history: dict[str, Any] | bool = {}
    dead_letters: dict[str, Any] = {}
    choice: dict[str, dict[str, Any]] = {}
    alert: dict[str, dict[str, Any]] = {}
    derive: dict[str, str] = {}
    retention: dict[str, Any] = {}
    group: dict[str, Any] = {}


def read_source(
    table: Any, errors: ErrorList, group: Group | None = None
) -> tuple[type[Source], dict[str, Any]] | None:
    """Return the class of the source and its options; None if there are errors."""
    if not isinstance(table, Mapping):
        return None
    options = dict(table)
    kind = options.pop("kind", None)
    if not has_source(kind):
        kinds = source_kinds()
        known = ", ".join(kinds)
        got = "required, but missing" if kind is None else f"unknown kind {kind!r}"
        hint = did_you_mean(kind, kinds) or f"; expected one of {known}"
        errors.add("source.kind", got + hint)
        return None
    try:
        loaded = load_source(kind)
    except ModuleNotFoundError as error:
        errors.add("source.kind", error)
        return None
    parameters = source_parameters(loaded)
    before = len(errors.found)
    for name, value in options.items():
        if isinstance(value, str) and "\0" in value:
            errors.add(join("source", name), "contains a NUL character")
    errors.unknown("source", options, parameters)
    for name, (hint, required) in parameters.items():
        path = join("source", name)
        if name in options:
            options[name] = errors.convert(path, options[name], hint, None)
        elif required:
            errors.add(path, "required, but missing")
    if len(errors.found) == before:
        # the constructor of the source checks what its type hints cannot express
        for partition in [None] if group is None else group.partitions:
            if errors.catch("source", partial(_try, loaded, options, partition)) is None:
                break
    return loaded, options


def _try(kind: type[Source], options: Mapping[str, Any], partition: str | None) -> bool:
    """Return True if the source accepts its options; otherwise it raises an error."""
    if partition is not None:
        options = kind.partition_options(options, partition)
    kind(**options).close()
    return True


def _duration(path: str, given: Any, errors: ErrorList) -> float:
    return errors.catch(path, lambda: parse_duration(given)) or 1.0


def _positive(path: str, table: msgspec.Struct, names: Sequence[str], errors: ErrorList) -> None:
    for name in names:
        value = getattr(table, name)
        if not 0 < value <= MAX_COUNT:
            limit = "above 0" if value < 1 else f"up to {MAX_COUNT}"
            errors.add(join(path, name), f"expected a number {limit}, got {value}")


def read_pace(table: Any, errors: ErrorList) -> Pace | None:
    """Return the limits after which to commit; None if there are errors."""
    commit = errors.read("commit", table, CommitTable)
    if commit is None:
        return None
    _positive("commit", commit, ("events", "keys"), errors)
    return Pace(_duration("commit.every", commit.every, errors), commit.events, commit.keys)


def read_history(table: Any, errors: ErrorList) -> tuple[dict[str, Any] | None, int]:
    """Return the parameters of `History`, if a history is kept, and the limit on windows."""
    history = None if table is False else errors.read("history", table, HistoryTable)
    if history is None:
        return None, MOST_WINDOWS
    _positive("history", history, ("keys", "points", "windows"), errors)
    every = _duration("history.every", history.every, errors)
    found = {"every": every, "keys": history.keys, "points": history.points}
    return found, history.windows


def read_derived(given: Any, errors: ErrorList) -> dict[str, str]:
    """Return the expressions of derived fields that are valid."""
    found = errors.convert("derive", given, dict[str, str], {}) if given else {}
    valid = {}
    for name, text in found.items():
        before = len(errors.found)
        errors.catch(join("derive", name), partial(derive, [name], found))
        if len(errors.found) == before:
            valid[name] = text
    return valid


def read_beliefs(tables: Any, derived: Mapping[str, str], errors: ErrorList) -> list[Belief]:
    """Return the beliefs that have no errors."""
    if not isinstance(tables, Mapping):
        return []
    if not tables:
        errors.add("belief", "expected at least one")
    beliefs = []
    for name, given in tables.items():
        path = join("belief", name)
        before = len(errors.found)
        table = errors.read(path, given, BeliefTable)
        if table is None:
            continue
        belief = _belief(path, name, table, given, derived, errors, before)
        if belief is not None:
            beliefs.append(belief)
    return beliefs


def _belief(
    path: str,
    name: str,
    table: BeliefTable,
    given: Mapping[str, Any],
    derived: Mapping[str, str],
    errors: ErrorList,
    before: int,
) -> Belief | None:
    times = _times(path, table, errors)
    state = make_state(path, table, given, errors)
    _check_fields(path, table, given, derived, errors)
    display = Display.of(table)
    if state is not None:
        by = [table.by] if isinstance(table.by, str) else table.by
        for key, text in display.find_errors(by, state):
            errors.add(join(path, key), text)
    if state is None or len(errors.found) > before:
        return None  # the remaining checks could only report consequences of these errors
    return errors.catch(
        path,
        lambda: Belief(
            name,
            state,
            table.field,
            table.by,
            table.weight,
            table.time,
            times,
            table.where,
            table.features,
            table.max_keys,
            table.over,
            display,
            derived,
        ),
    )


def _check_fields(
    path: str,
    table: BeliefTable,
    given: Mapping[str, Any],
    derived: Mapping[str, str],
    errors: ErrorList,
) -> None:
    """Add the errors of the fields of a belief."""
    for key, text in find_errors(
        table.field, table.by, table.features, table.where, table.max_keys, derived
    ):
        errors.add(join(path, key), text)
    if table.weight in ([table.field] if isinstance(table.field, str) else table.field):
        errors.add(join(path, "weight"), f"{table.weight!r} is also the observed field")
    if table.time is None:
        for key in ("time_unit", "missing", "late", "future"):
            if key in given:
                errors.add(join(path, key), "requires 'time', the field of the event time")


def read_choices(
    tables: Any,
    beliefs: Sequence[Belief],
    source: tuple[type[Source], Mapping[str, Any]] | None,
    errors: ErrorList,
) -> dict[str, Chooser]:
    """Return the choices that have no errors, keyed by name."""
    if not tables or not isinstance(tables, Mapping):
        return {}
    from seqbayes.stream.choices import ChoiceTable, Chooser

    if source is not None and not (source[0].kind == "http" and source[1].get("id")):
        errors.add("choice", "requires a source of kind = 'http' with an id, for the rewards")
    named, found = {belief.name: belief for belief in beliefs}, {}
    for name, given in tables.items():
        path = join("choice", name)
        table = errors.read(path, given, ChoiceTable)
        if table is None:
            continue
        if table.belief not in named:
            if not errors.within(join("belief", table.belief)):
                errors.add(
                    join(path, "belief"), f"unknown belief{did_you_mean(table.belief, named)}"
                )
            continue
        if named[table.belief].derived:
            errors.add(join(path, "belief"), f"{table.belief!r} has derived fields")
        used = {*named[table.belief].by, *named[table.belief].field}
        if source is not None and source[1].get("id") in used:
            errors.add("source.id", f"belief {table.belief!r} uses this field for another purpose")
        chooser = errors.catch(path, partial(Chooser, name, table, named[table.belief], beliefs))
        if chooser is not None:
            found[name] = chooser
    return found


def read_retention(given: Any, errors: ErrorList) -> dict[str, float]:
    """Return the parameters of `Retention` that are set."""
    table = errors.read("retention", given, RetentionTable)
    found = {} if table is None else msgspec.structs.asdict(table)
    return {
        name: _duration(join("retention", name), each, errors)
        for name, each in found.items()
        if each is not None
    }


def read_alerts(given: Any, beliefs: Sequence[Belief], errors: ErrorList) -> Sequence[Alert]:
    """Return the alerts that have no errors."""
    if not given.get("alert"):
        return ()
    from seqbayes.stream.alerts import alert

    return alert.read_alerts(given["alert"], beliefs, errors)


def _times(path: str, table: BeliefTable, errors: ErrorList) -> Times:
    def limit(name: str, given: Any) -> float | None:
        return None if given == "never" else _duration(join(path, name), given, errors)

    return Times(
        UNITS[table.time_unit],
        table.missing,
        # windows know which events are late
        limit("late", table.late if table.window is None else "never"),
        limit("future", table.future),
    )
