"""Keys and observations of one belief, taken from decoded events."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from seqbayes.errors import ObservationError
from seqbayes.events.belief import Belief
from seqbayes.events.fields import Layout
from seqbayes.events.loops import as_texts
from seqbayes.events.values import Misfit, parse_boolean, parse_number, seconds

LONGEST_NAME = 1000
"""Most characters of a key, or of a label of an open vocabulary."""

_ALL: tuple[()] = ()
_MISSING = Misfit("it is missing")


class Reader:
    """Takes what a belief learns from the events of a layout.

    Parameters
    ----------
    belief
        The declaration.
    layout
        What the events are decoded by.
    """

    def __init__(self, belief: Belief, layout: Layout) -> None:
        self._belief = belief
        self._attributes = [layout.attribute(slot) for slot in belief.values]
        self._names = [name for name, _ in belief.values]
        self._labelled = [kind for _, kind in belief.values] == ["text"] and not belief.mapped
        self._by = [(name, attrgetter(layout.attribute((name, "text")))) for name in belief.by]
        self._mapped = belief.mapped
        self._weight = _getter(layout, belief.weight, "number")
        self._time = _getter(layout, belief.time, "time")
        self._where = [
            (attrgetter(layout.attribute((name, "any"))), _matcher(wanted, layout.text))
            for name, wanted in belief.where.items()
        ]
        columns = belief.columns
        self._observe = None if columns is None or len(self._names) < 2 else columns.observe
        self._get: Callable[[Any], Any] = attrgetter(*self._attributes)
        self.plain = belief.weight is None and belief.time is None and not belief.features
        """Whether an observation is all that `learn_one` is told."""
        self.simple: tuple[str | None, str, bool] | None = None
        """Attributes of the key (None where there is none) and of the observation, and whether
        that is a text; None where more than one attribute makes either."""
        if self.plain and not belief.mapped and len(self._by) < 2 and len(self._names) == 1:
            by = [layout.attribute((name, "text")) for name in belief.by]
            self.simple = (by[0] if by else None, self._attributes[0], self._labelled)

    def select(
        self, events: Sequence[Any], index: Sequence[int]
    ) -> tuple[Sequence[Any], Sequence[int]]:
        """Return the events that the belief is about, with their indices."""
        for get, matches in self._where:
            chosen = [j for j, event in enumerate(events) if matches(get(event))]
            events, index = [events[j] for j in chosen], [index[j] for j in chosen]
        return events, index

    def keys(self, events: Sequence[Any]) -> list[Any]:
        """Return the key of each event; one that is no key is, or has, a `Misfit`."""
        columns: list[list[Any]] = [
            as_texts(list(map(get, events)), _spell) for name, get in self._by
        ]
        if not columns:
            return [_ALL] * len(events)
        return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))

    def values(self, events: Sequence[Any]) -> Iterable[Any]:
        """Return the observation of each event."""
        if self._mapped:
            return map(self._mapping, events)
        if self._labelled:
            return as_texts(list(map(self._get, events)), _spell)
        if self._observe is not None:
            return map(self._observe, map(self._get, events))
        return map(self._get, events)

    def _mapping(self, event: Any) -> dict[str, Any]:
        values = {}
        for name, attribute in zip(self._names, self._attributes, strict=True):
            value = getattr(event, attribute)
            if value is not UNSET and value is not None:
                values[name] = value
        return values

    def arguments(self, events: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
        """Return what `learn_one` is to be told of each event."""
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
            Misfit(f"time {t!r} is in the future") if type(t) is float and t > latest else t
            for t in found
        ]

    def check(self, key: Any, arguments: tuple[Any, ...], clock: Any) -> tuple[Any, ...]:
        """Return the arguments, with what stands for a missing time.

        Parameters
        ----------
        key, arguments
            As they were read.
        clock
            The clock of the state, if it has one.

        Raises
        ------
        ObservationError
            If the key or an argument is of no use; it names the field.
        """
        belief, (x, *more) = self._belief, arguments
        for name, part in zip(belief.by, key if isinstance(key, tuple) else (key,), strict=False):
            _refuse_odd(name, part)
            if len(part) > LONGEST_NAME:
                raise ObservationError(
                    f"expected {name!r} of at most {LONGEST_NAME} characters, got {len(part)}"
                )
        self._check_values(x)
        if belief.features:
            names = [*belief.field, belief.weight or ""]
        else:
            names = [belief.weight or "", belief.time or ""]
        if belief.time is not None and not belief.features:
            if more[1] is UNSET or more[1] is None:
                more[1] = clock if belief.times.missing == "clock" and clock is not None else UNSET
            _refuse_odd(belief.time, more[1])
            late = belief.times.late
            if late is not None and clock is not None and more[1] < clock - late:
                raise ObservationError(f"time {more[1]!r} is late: the clock is at {clock!r}")
        for name, value in zip(names, more, strict=False):
            _refuse_odd(name, value)
        return x, *more

    def _check_values(self, x: Any) -> None:
        if isinstance(x, Mapping):
            for name, value in x.items():
                _refuse_odd(name, value)
        else:
            values = x if len(self._names) > 1 else (x,)
            for name, value in zip(self._names, values, strict=True):
                _refuse_odd(name, value)


def _getter(layout: Layout, name: str | None, kind: str) -> Callable[[Any], Any] | None:
    return None if name is None else attrgetter(layout.attribute((name, kind)))


def _spell(value: Any) -> Any:
    """Return the text of a key or label that was not read as one."""
    if type(value) is int:
        return str(value)
    return value if isinstance(value, Misfit) else Misfit(_lacking(value))


def _lacking(value: Any) -> str:
    return "it is null" if value is None else "it is missing"


def _refuse_odd(name: str, value: Any) -> None:
    if isinstance(value, Misfit):
        raise ObservationError(f"field {name!r}: {value.reason}")
    if value is UNSET or value is None:
        raise ObservationError(f"field {name!r}: {_lacking(value)}")


def _matcher(wanted: Any, text: bool) -> Callable[[Any], bool]:
    """Return what tells whether a value is the one wanted, or one of several."""
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
