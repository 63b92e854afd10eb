"""Computes derived fields from other fields of decoded events."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.events.expressions import Expression, is_expression
from seqbayes.events.values import InvalidValue, coerce

Slot = tuple[str, str]
"""A field: its name and its kind."""


def derive(names: Iterable[str], given: Mapping[str, str]) -> dict[str, Expression]:
    """Return the derived fields among these names, and the derived fields they depend on.

    Parameters
    ----------
    names
        Names of fields. A name that is an expression defines a derived field.
    given
        Expressions, keyed by field name.

    Raises
    ------
    PriorError
        If an expression is invalid, or a field depends on itself through others.

    Examples
    --------
    >>> derive(["bytes / seconds", "shop"], {"seconds": "ms / 1000"})
    {'bytes / seconds': Expression('bytes / seconds'), 'seconds': Expression('ms / 1000')}
    """
    found: dict[str, Expression] = {}
    for name in names:
        if name in given:
            found[name] = Expression(given[name])
        elif is_expression(name):
            found[name] = Expression(name)
    waiting = list(found)
    while waiting:
        current = waiting.pop()
        for each in found[current].names:
            if each in given and each not in found:
                found[each] = Expression(given[each])
                waiting.append(each)
    in_order(found)
    return found


def in_order(derived: Mapping[str, Expression]) -> list[str]:
    """Return the names of derived fields in dependency order.

    A derived field that refers to its own name reads the field of the event.

    Raises
    ------
    PriorError
        If a field depends on itself through others.

    Examples
    --------
    >>> in_order({"a": Expression("b + 1"), "b": Expression("b / 2")})
    ['b', 'a']
    """
    found: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise PriorError(f"a derived field depends on itself: {', '.join([*path, name])}")
        for each in derived[name].names:
            if each != name and each in derived and each not in found:
                visit(each, (*path, name))
        found[name] = None

    for name in derived:
        visit(name, ())
    return list(found)


class Derivation:
    """Computes the derived fields of events.

    Parameters
    ----------
    derived
        Expressions, keyed by name.
    wanted
        The required slots of derived fields.
    attribute
        Function that returns the name of the event attribute that holds a field as read, or a
        derived slot.
    """

    def __init__(
        self,
        derived: Mapping[str, Expression],
        wanted: Sequence[Slot],
        attribute: Callable[[Slot, bool], str],
    ) -> None:
        self._steps = [
            (
                name,
                derived[name],
                [
                    (each, None)
                    if each in derived and each != name
                    else ("", attrgetter(attribute((each, "any"), False)))
                    for each in derived[name].names
                ],
            )
            for name in in_order(derived)
        ]
        self._wanted = [(name, kind, attribute((name, kind), True)) for name, kind in wanted]

    def compute(self, events: Sequence[Any], text: bool) -> None:
        """Set the derived fields of events.

        Parameters
        ----------
        events
            The events.
        text
            Whether strings are cells to parse.
        """
        for event in events:
            known: dict[str, Any] = {}
            for name, expression, parts in self._steps:
                values = [known[each] if get is None else get(event) for each, get in parts]
                known[name] = expression.evaluate(values, text)
            for name, kind, attribute in self._wanted:
                value = known[name]
                if type(value) is not InvalidValue and not (
                    type(value) is float and kind == "number"
                ):
                    value = coerce(value, kind, text)
                setattr(event, attribute, value)


def raw_slots(derived: Mapping[str, Expression]) -> list[Slot]:
    """Return the slots of the fields that derived fields read from an event."""
    return [
        (each, "any")
        for name, expression in derived.items()
        for each in expression.names
        if each == name or each not in derived
    ]
