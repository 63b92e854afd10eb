"""Reasons why the condition of an alert cannot be evaluated for its belief."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seqbayes.compare import decide, number_of
from seqbayes.errors import SeqbayesError
from seqbayes.events.belief import Belief
from seqbayes.stream.alerts.grammar import SEPARATOR, Best, Criterion, Loss, Measure, Surprise, Tail


def find_reasons(each: Criterion, belief: Belief, label: str | None, tested: bool) -> Iterator[str]:
    """Yield the reasons why a comparison cannot be made for a belief.

    Parameters
    ----------
    each
        The comparison.
    belief
        The belief.
    label
        The label whose share is evaluated, for a belief about labels.
    tested
        Whether a sequential test must agree that a key is the best.
    """
    quantity, state = each.quantity, belief.state
    if isinstance(quantity, (Tail, Best, Loss)) or quantity == Measure("mean"):
        yield from _without_number(quantity, label, state)
    if isinstance(quantity, (Best, Loss)) and quantity.key is not None:
        yield from _without_key(quantity.key, belief)
    if isinstance(quantity, Tail) and quantity.unit not in ("", belief.display.unit):
        unit = belief.display.unit
        wanted = f"the unit of the belief is {unit!r}" if unit else "the belief has no unit"
        yield f"unknown unit {quantity.unit!r}: {wanted}"
    if isinstance(quantity, Surprise) and (
        state.clock is not None or state.timed or state.log_evidence is None
    ):
        yield "surprise needs a proper prior, and a belief without a half-life or a window"
    if isinstance(quantity, Best) and tested and belief.by and _has_share(state, label):
        decision = decide({"a": state, "b": state}, label=label)
        if decision.guarantee == "none":
            yield f"no sequential test is available ({decision.reason}): set anytime = false"


def _without_key(key: str, belief: Belief) -> Iterator[str]:
    if len(key.split(SEPARATOR)) < len(belief.by):
        fields = SEPARATOR.join(belief.by)
        yield f"expected a value for each field of the key, '{fields}', got {key!r}"


def _has_share(state: Any, label: str | None) -> bool:
    """Whether the share of the label can be compared, if the belief is about labels."""
    now = state.as_of()
    return now.display_kind != "labels" or (label is not None and _is_known(now, label))


def _is_known(state: Any, label: str) -> bool:
    """Whether a belief about labels can learn a label."""
    weights, unseen = state.label_weights()
    return unseen > 0.0 or label in map(str, weights)


def _without_number(quantity: Any, label: str | None, state: Any) -> Iterator[str]:
    now = state.as_of()
    if not now.conjugate or now.display_kind not in ("number", "normal", "labels", "hurdle"):
        yield f"{type(now).__name__} is not about one number"
        return
    if now.display_kind == "labels":
        if label is None:
            yield "a belief about labels requires 'label', the label whose share is evaluated"
        elif not _is_known(now, label):
            known = ", ".join(sorted(map(str, now.label_weights()[0])))
            yield f"the belief has no label {label!r}; its labels are {known}"
        elif isinstance(quantity, Tail) and quantity.of == "next":
            yield "the next observation is a label: use mean, the expected share"
        return
    if label is not None:
        yield "only a belief about labels has a label"
    if (
        isinstance(quantity, Tail)
        and quantity.of == "mean"
        and now.likelihood.of_logarithm
        and quantity.limit <= 0.0
    ):
        yield f"expected a limit above 0, got {quantity.limit:g}"
    try:
        if now.is_proper(now.posterior):
            number_of(now, label)
    except SeqbayesError as error:
        yield str(error)
