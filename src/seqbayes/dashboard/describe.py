"""What a belief is, out of its declaration in a configuration or in a store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqbayes.dashboard import views
from seqbayes.dashboard.shelf import About
from seqbayes.dashboard.views.cards import undecayed
from seqbayes.decay import Decayed
from seqbayes.stream.belief import Belief
from seqbayes.stream.forms import Forms, in_words, read_state


def of_belief(belief: Belief) -> About:
    """Return what a belief of a pipeline is."""
    return _about(belief.name, belief.state, list(belief.by), [*belief.features, *belief.field])


def of_declaration(name: str, declaration: Mapping[str, Any]) -> About:
    """Return what a belief of a store is; a store does not know its fields.

    Raises
    ------
    PriorError
        If its state cannot be read.
    """
    return _about(name, read_state(declaration["state"]), list(declaration["by"]), [])


def _about(name: str, state: Any, by: list[str], field: list[str]) -> About:
    plain, forms = undecayed(state), Forms(state)
    likelihood = getattr(plain, "likelihood", None)
    return About(
        name,
        type(plain).__name__,
        None if likelihood is None else type(likelihood).__name__,
        views.kind_of(state),
        by,
        field,
        in_words(plain) or type(plain).__name__,
        _half_life(state),
        forms.read,
        forms.make,
    )


def _half_life(state: Any) -> str | None:
    if not isinstance(state, Decayed):
        return None
    if state.by == "events":
        return f"{state.half_life:g} events"
    seconds = state.half_life
    for size, unit in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
