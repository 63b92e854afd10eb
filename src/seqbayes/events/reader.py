"""Extracts the keys, observations, weights and times of one belief from decoded events."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from seqbayes.errors import ObservationError
from seqbayes.events.belief import Belief
from seqbayes.events.expressions import Expression
from seqbayes.events.fields import Layout
from seqbayes.events.keys import MAX_NAME_LENGTH
from seqbayes.events.loops import as_strings
from seqbayes.events.values import InvalidValue, parse_boolean, parse_number, seconds

_ALL: tuple[()] = ()
_MISSING = InvalidValue("it is missing")
_NULL = InvalidValue("it is null")


class Reader:
    """Extracts keys and arguments for `learn_one` from the events of a layout.

    Parameters
    ----------
    belief
        The declaration.
    layout
        The layout that decodes the events.
    """

    def __init__(self, belief: Belief, layout: Layout) -> None:
        self._belief = belief
        self._attributes = [layout.attribute(slot) for slot in belief.values]
        self._names = [name for name, _ in belief.values]
        self._labelled = [kind for _, kind in belief.values] == ["text"] and not belief.mapped
        self._by = [(name, attrgetter(layout.attribute((name, "text")))) for name in belief.by]
        self._mapped = belief.mapped
        last = [] if belief.features else [belief.time or ""]
        self._more = [*(belief.field if belief.features else ()), belief.weight or "", *last]
        self._flat = (*belief.by, *self._names, *self._more)
        self._weight = _getter(layout, belief.weight, "number")
        self._time = _getter(layout, belief.time, "time")
        self._where: list[tuple[Callable[[Any], Any], Callable[[Any], bool]]] = [
            (attrgetter(layout.attribute((name, "any"))), _matcher(wanted, layout.text))
            for name, wanted in ({} if isinstance(belief.where, str) else belief.where).items()
        ]
        if (condition := belief.condition) is not None:
            self._where = [_condition(condition, layout)]
        self._counted = belief.counted
        self._get: Callable[[Any], Any] = attrgetter(*self._attributes)
        self.plain = belief.weight is None and belief.time is None and not belief.features
        """Whether `learn_one` is called with an observation only."""
        self.simple: tuple[str | None, str, bool] | None = None
        """The attribute of the key (None without keys), the attribute of the observation, and
        whether the observation is a string; None if the key or the observation has several."""
        if self.plain and not belief.mapped and len(self._by) < 2 and len(self._names) == 1:
            by = [layout.attribute((name, "text")) for name in belief.by]
            self.simple = (by[0] if by else None, self._attributes[0], self._labelled)

    def select(
        self, events: Sequence[Any], index: Sequence[int]
    ) -> tuple[Sequence[Any], Sequence[int]]:
        """Return the events that match `where`, with their indices."""
        for get, matches in self._where:
            chosen = [j for j, event in enumerate(events) if matches(get(event))]
            events, index = [events[j] for j in chosen], [index[j] for j in chosen]
        return events, index

    def keys(self, events: Sequence[Any]) -> list[Any]:
        """Return the key of each event; an invalid key is, or contains, an `InvalidValue`."""
        columns: list[list[Any]] = [
            as_strings(list(map(get, events)), _to_text) for name, get in self._by
        ]
        if not columns:
            return [_ALL] * len(events)
        return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    def values(self, events: Sequence[Any]) -> Iterable[Any]:
        """Return the observation of each event."""
        if self._mapped:
            return map(self._mapping, events)
        if self._labelled:
            return as_strings(list(map(self._get, events)), _to_text)
        if self._counted:
            return [dict(zip(self._names, self._get(event), strict=True)) for event in events]
        return map(self._get, events)

    def _mapping(self, event: Any) -> dict[str, Any]:
        values = {}
        for name, attribute in zip(self._names, self._attributes, strict=True):
            value = getattr(event, attribute)
            if value is not UNSET and value is not None:
                values[name] = value
        return values

    def arguments(self, events: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
        """Return the arguments of `learn_one` for each event."""
        if self._belief.features:
            return map(self._features, events)
        columns = [self.values(events)]
        if self._weight is not None:
            columns.append(map(self._weight, events))
        elif self._time is not None:
            columns.append(itertools.repeat(1.0))
        if self._time is not None:
            columns.append(self._times(map(self._time, events)))
        return zip(*columns, strict=False)

    def rows(self, events: Sequence[Any]) -> tuple[Sequence[Any], Sequence[tuple[Any, ...]]]:
        """Return the keys and the arguments for `learn_one` of valid events."""
        rows = zip(self.keys(events), self.arguments(events), strict=False)
        keys, arguments = zip(*rows, strict=True) if events else ((), ())
        return keys, arguments

    def _features(self, event: Any) -> tuple[Any, ...]:
        values = self._mapping(event)
        targets = tuple(values.pop(name, _MISSING) for name in self._belief.field)
        weight = () if self._weight is None else (self._weight(event),)
        return values, *targets, *weight

    def _times(self, raw: Iterable[Any]) -> list[Any]:
        times = self._belief.times
        latest = float("inf") if times.future is None else time.time() + times.future
        found = [seconds(each, times.unit) for each in raw]
        return [
            InvalidValue(_future(t, latest, times.unit)) if type(t) is float and t > latest else t
            for t in found
        ]

    def check(self, key: Any, arguments: tuple[Any, ...], clock: float | None) -> tuple[Any, ...]:
        """Return the arguments; a missing time is replaced by the clock if that is allowed.

        Parameters
        ----------
        key, arguments
            The key and the arguments, as returned by `keys` and `arguments`.
        clock
            The clock of the state, if it has one.

        Raises
        ------
        MissingValueError
            If the key or an argument is missing.
        ObservationError
            If the key or an argument is invalid; the message names the field.
        """
        belief, (x, *more) = self._belief, arguments
        timed = belief.time is not None and not belief.features
        if timed and (more[1] is UNSET or more[1] is None) and belief.times.missing == "clock":
            more[1] = UNSET if clock is None else clock
        keys = key if type(key) is tuple else (key,)
        names, values = self._flat, (*keys, *((x,) if len(self._names) == 1 else x), *more)
        if isinstance(x, dict):
            names, values = (*belief.by, *x, *self._more), (*keys, *x.values(), *more)
        missing = {}
        for name, value in zip(names, values, strict=False):
            if value is None or value is UNSET or value is _NULL or value is _MISSING:
                missing[name] = value is None or value is _NULL
            elif type(value) is InvalidValue:
                raise ObservationError(f"field {name!r}: {value.reason}")
        if missing:
            raise MissingValueError(missing)
        for name, part in zip(belief.by, keys, strict=True):
            if len(part) > MAX_NAME_LENGTH:
                raise ObservationError(
                    f"expected {name!r} of at most {MAX_NAME_LENGTH} characters, got {len(part)}"
                )
        late = belief.times.late
        if timed and late is not None and clock is not None and more[1] < clock - late:
            raise ObservationError(f"time {more[1]!r} is late: the clock is at {clock!r}")
        return x, *more


class MissingValueError(ObservationError):
    """Values of an event are missing.

    Attributes
    ----------
    fields
        For each field without a value, whether it is null (otherwise it is absent).
    """

    def __init__(self, fields: Mapping[str, bool]) -> None:
        super().__init__()
        self.fields = fields

    def __str__(self) -> str:
        return "; ".join(
            f"field {name!r} is {'null' if null else 'missing'}"
            for name, null in self.fields.items()
        )


def is_key(key: Any) -> bool:
    """Whether a key, or each of its parts, is valid.

    Examples
    --------
    >>> is_key(("north", "2")), is_key(("north", InvalidValue("it is null")))
    (True, False)
    """
    if type(key) is str:
        return True
    parts = key if type(key) is tuple else (key,)
    return not any(type(part) is InvalidValue for part in parts)


def _future(at: float, latest: float, unit: float) -> str:
    """Return the reason why a time is rejected, with a hint about its probable unit."""
    reason = f"time {at!r} is in the future"
    for name, seconds_ in (("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if unit == 1.0 and 1e8 < at * seconds_ <= latest:  # after 1973
            return f"{reason}: if it is in {name}, set time_unit = {name!r}"
    return reason


def _getter(layout: Layout, name: str | None, kind: str) -> Callable[[Any], Any] | None:
    return None if name is None else attrgetter(layout.attribute((name, kind)))


def _to_text(value: Any) -> Any:
    """Convert a key or label that was not read as a string to a string, or return a marker."""
    if type(value) is int:
        return str(value)
    return value if isinstance(value, InvalidValue) else _NULL if value is None else _MISSING


def _condition(
    condition: Expression, layout: Layout
) -> tuple[Callable[[Any], Any], Callable[[Any], bool]]:
    """Return a function that gets the values that a condition needs, and one that evaluates it."""
    names = [layout.attribute((name, "any")) for name in condition.names]
    get = attrgetter(*names) if len(names) > 1 else _single(names)
    return get, lambda values: condition.evaluate(values, layout.text) is True


def _single(names: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    return lambda event: tuple(getattr(event, name) for name in names)


def _matcher(wanted: Any, text: bool) -> Callable[[Any], bool]:
    """Return a predicate that compares a value with a required value, or with alternatives."""
    several = tuple(wanted) if isinstance(wanted, (list, tuple)) else (wanted,)
    if all(isinstance(each, str) for each in several):
        return lambda value: value in several
    return lambda value: any(_equal(value, each, text) for each in several)


def _equal(value: Any, wanted: Any, text: bool) -> bool:
    if text and isinstance(value, str) and not isinstance(wanted, str):
        try:
            value = parse_boolean(value) if isinstance(wanted, bool) else parse_number(value)
        except ObservationError:
            return False
    return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)
