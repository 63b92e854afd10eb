"""Describes beliefs of a configuration or a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from seqbayes.dashboard import views
from seqbayes.events.belief import Belief
from seqbayes.events.derived import raw_slots
from seqbayes.events.display import Display
from seqbayes.stream.codec import StateCodec, read_state
from seqbayes.stream.stored_columns import read_columns
from seqbayes.table.answers import Answers

_EXAMPLES: dict[str, Any] = {
    "boolean": True,
    "number": 3,
    "feature": 1.5,
    "text": "north",
    "label": "north",
    "time": "2026-01-01T12:00:00Z",
    "pair": [2, 3],
    "counts": {"north": 2},
}
"""Example values of each kind of field."""


def of_belief(belief: Belief) -> BeliefDescription:
    """Describe a belief of a pipeline."""
    fields = [*belief.features, *belief.field]
    description = _describe(belief.name, belief.state, list(belief.by), fields, belief.display)
    return description._replace(example=example(belief))


def example(belief: Belief) -> dict[str, Any]:
    """Return an example of an event that a belief could learn.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> prior = Dirichlet({"red": 1, "blue": 1})
    >>> example(Belief("candy", prior, "colour", by=["bag"], where={"type": "candy"}))
    {'type': 'candy', 'bag': 'north', 'colour': 'red'}
    """
    plain = belief.state.as_of()
    labels = plain.categories or (_EXAMPLES["label"],)
    event = {
        name: value[0] if isinstance(value, (list, tuple)) else value
        for name, value in ({} if isinstance(belief.where, str) else belief.where).items()
    }
    event |= {name: _EXAMPLES["text"] for name in belief.by if name not in event}
    observed = dict(belief.values)
    derived = belief.derived
    for name, _ in raw_slots(derived):
        event.setdefault(name, _EXAMPLES["number"])
    for name, kind in belief.slots:
        is_label = name in observed and kind in ("text", "label")
        event.setdefault(name, labels[0] if is_label else _EXAMPLES.get(kind))
    raw = dict(raw_slots(derived))
    return {name: value for name, value in event.items() if name in raw or name not in derived}


def of_declaration(name: str, declaration: Mapping[str, Any]) -> BeliefDescription:
    """Describe a belief in a store; the store does not contain the belief's fields.

    Raises
    ------
    PriorError
        If the state of the belief cannot be read.
    """
    display = Display.of(declaration.get("display", {}))
    return _describe(name, read_state(declaration["state"]), list(declaration["by"]), [], display)


def _describe(
    name: str, state: Any, by: list[str], field: list[str], display: Display
) -> BeliefDescription:
    plain, codec = state.as_of(), StateCodec(state)
    likelihood = plain.likelihood
    return BeliefDescription(
        name,
        type(plain).__name__,
        None if likelihood is None else type(likelihood).__name__,
        state.display_kind,
        views.scale_of(plain),
        by,
        field,
        plain.in_words(),
        _half_life(state),
        display,
        None,
        codec.read,
        codec.make,
        partial(_answers, codec),
    )


def _answers(codec: StateCodec, texts: Sequence[str]) -> Answers | None:
    """Return the answers for stored states, or None if the states must be read one at a time."""
    columns = read_columns(codec, texts)
    if columns is None:
        return None
    state = codec.make()
    return Answers(state, state.prior, columns)


def _half_life(state: Any) -> str | None:
    if state.half_life is None:
        return None
    if not state.timed:
        return f"{state.half_life:g} events"
    seconds = state.half_life
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


class BeliefDescription(NamedTuple):
    """Description of a belief.

    `example` is an event that the belief could learn, if its fields are known. `read` decodes a
    stored state, and `make` returns a state without data. `answers` returns the answers for many
    stored states, or None if they must be read one at a time.
    """

    name: str
    family: str
    likelihood: str | None
    kind: str
    scale: str
    by: list[str]
    field: list[str]
    prior: str
    half_life: str | None
    display: Display
    example: dict[str, Any] | None
    read: Callable[[str], Any]
    make: Callable[[], Any]
    answers: Callable[[Sequence[str]], Answers | None]

    def as_json(self, keys: int) -> dict[str, Any]:
        """Return the description as JSON values."""
        fields = {**self._asdict(), **msgspec.structs.asdict(self.display)}
        del fields["read"], fields["make"], fields["answers"], fields["display"]
        return {**fields, "keys": keys}
