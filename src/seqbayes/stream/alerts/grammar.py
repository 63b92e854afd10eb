"""The grammar of alert conditions; conditions are parsed once and never executed as code."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

from seqbayes.console.suggestions import did_you_mean
from seqbayes.events.tokens import Tokens

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}

_QUANTITIES = ("P", "mean", "n", "expected", "dead", "surprise")
_EXPECTED = "expected P(…), mean, n, expected loss, dead letters or surprise"


SEPARATOR = " / "
"""Text between the values of a key with several fields."""


@dataclass(frozen=True)
class Tail:
    """The probability that the number of a belief, or the next observation, exceeds a limit.

    Parameters
    ----------
    of
        "mean" for the number estimated by the belief, or "next" for the next observation.
    op, limit
        The comparison.
    unit
        The unit of the limit; empty if omitted.
    """

    of: str
    op: str
    limit: float
    unit: str = ""


@dataclass(frozen=True)
class Best:
    """The probability that a key is the best of its belief."""

    key: str


@dataclass(frozen=True)
class Loss:
    """The expected loss of choosing a key; None for the best key."""

    key: str | None


@dataclass(frozen=True)
class Measure:
    """The posterior "mean" of a belief, or the weight "n" of its data."""

    name: str


@dataclass(frozen=True)
class Surprise:
    """The mean of −log p(x) of the observations since the last evaluation."""


@dataclass(frozen=True)
class DeadLetterShare:
    """The share of events that became dead letters."""


@dataclass(frozen=True)
class Silence:
    """Number of seconds without events."""


Quantity = Tail | Best | Loss | Measure | Surprise | DeadLetterShare | Silence

PER_KEY = (Tail, Measure, Surprise)
"""Quantities that are evaluated per key, as is `Silence` if the alert has a belief."""


@dataclass(frozen=True)
class Criterion:
    """A quantity, an operator and a limit."""

    quantity: Quantity
    op: str
    limit: float

    def holds(self, value: float) -> bool:
        """Whether a value of the quantity satisfies the comparison."""
        return OPERATORS[self.op](value, self.limit)


def parse_condition(text: str) -> tuple[Criterion, ...]:
    """Return the comparisons that must all hold.

    Parameters
    ----------
    text
        Comparisons, joined by ``and``.

    Raises
    ------
    PriorError
        If `text` is invalid; the message contains the column.

    Examples
    --------
    >>> parse_condition("P(mean > 200 ms) > 0.99")
    (Criterion(quantity=Tail(of='mean', op='>', limit=200.0, unit='ms'), op='>', limit=0.99),)
    >>> parse_condition("dead letters > 1 %")
    (Criterion(quantity=DeadLetterShare(), op='>', limit=0.01),)
    >>> parse_condition("P(mean > ) > 0.99")
    Traceback (most recent call last):
    seqbayes.errors.PriorError: expected a number at column 10, got ')' in "P(mean > ) > 0.99"
    """
    tokens = Tokens(text)
    found = [_comparison(tokens)]
    while tokens.take("and"):
        found.append(_comparison(tokens))
    tokens.end("expected 'and' or the end")
    return tuple(found)


def _comparison(tokens: Tokens) -> Criterion:
    quantity = _quantity(tokens)
    op = tokens.take_one_of(*OPERATORS)
    if op is None:
        tokens.refuse("expected >, >=, < or <=")
    start = tokens.current
    limit = tokens.number()
    if isinstance(quantity, (Tail, Best)) and not 0.0 <= limit <= 1.0:
        tokens.refuse("expected a probability from 0 to 1", start)
    if isinstance(quantity, DeadLetterShare) and not 0.0 <= limit <= 1.0:
        tokens.refuse("expected a share from 0 to 1, or a percentage", start)
    if isinstance(quantity, Loss) and limit < 0.0:
        tokens.refuse("expected a limit >= 0, because no expected loss is negative", start)
    return Criterion(quantity, op, limit)


def _quantity(tokens: Tokens) -> Quantity:
    if tokens.take("P"):
        tokens.expect("(")
        found = _event(tokens)
        tokens.expect(")")
        return found
    if tokens.take("expected", "loss"):
        return Loss(_key(tokens) if tokens.take("of") else None)
    if tokens.take("dead", "letters"):
        return DeadLetterShare()
    if tokens.take("surprise"):
        return Surprise()
    name = tokens.take_one_of("mean", "n")
    if name is None:
        tokens.refuse(_EXPECTED, hint=did_you_mean(tokens.current.text, _QUANTITIES))
    return Measure(name)


def _event(tokens: Tokens) -> Tail | Best:
    if tokens.take("best"):
        tokens.expect("=")
        return Best(_key(tokens))
    of = tokens.take_one_of("mean", "next")
    if of is None:
        tokens.refuse(
            "expected mean, next or best",
            hint=did_you_mean(tokens.current.text, ("best", "mean", "next")),
        )
    op = tokens.take_one_of(*OPERATORS)
    if op is None:
        tokens.refuse("expected >, >=, < or <=")
    limit = tokens.number()
    unit = tokens.next().text if tokens.current.kind in ("name", "text") else ""
    return Tail(of, op, limit, unit.strip("'\""))


def _key(tokens: Tokens) -> str:
    token = tokens.current
    if token.kind == "text":
        return tokens.next().text[1:-1]
    if token.kind not in ("name", "number"):
        tokens.refuse("expected a key")
    end = token.at
    # a key such as green-button or 2.0 consists of several tokens
    while tokens.current.kind in ("name", "number", "sign"):
        each = tokens.current
        if each.at != end or each.text in (")", *OPERATORS):
            break
        end = each.at + len(tokens.next().text)
    return tokens.text[token.at : end]
