"""Compares beliefs about one number each: which is best, differences and expected losses."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes import compare as comparison
from seqbayes.dashboard.views.base import CARD_POINTS, LEVEL, scale_of, view_of
from seqbayes.dashboard.views.figures import finite
from seqbayes.errors import PriorError
from seqbayes.families import Beta

_MAX_KEYS = 12

_OFFERED = ("mean", "0.5", "0.9", "0.95", "0.99")
"""Quantities of observations that pages offer for a comparison."""


def compare(
    states: Sequence[Any],
    lowest: bool = False,
    *,
    label: str | None = None,
    level: float = LEVEL,
    control: int | None = None,
    equivalence: float | None = None,
    threshold: float | None = None,
    quantity: str | float | None = None,
) -> dict[str, Any]:
    """Return probabilities of being the best, differences, losses and a verdict.

    Parameters
    ----------
    states
        2 to 12 beliefs about a number, or about a mean and a variance, of which the mean is
        compared.
    lowest
        Whether the smallest number is the best, instead of the largest.
    label
        For beliefs about labels, the label whose shares are compared.
    level
        Level of the intervals and of the verdict.
    control
        Index of the state with which the others are compared; by default the best state.
    equivalence
        Largest difference that does not matter; a relative difference for logarithms.
    threshold
        A value on the scale of the observations; the result contains the probabilities of
        exceeding it.
    quantity
        The quantity that is compared instead of the parameter: "mean" for the mean of the
        observations, or the probability of a quantile.

    Raises
    ------
    PriorError
        If there are too few or too many states, or a state is improper or not about a number.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> found = compare([Beta(2, 1), Beta(1, 1)])
    >>> [round(p, 9) for p in found["p_best"]], found["verdict"]
    ([0.666666667, 0.333333333], 'undecided')
    >>> compare([Beta(2, 1), Beta(1, 1)], lowest=True)["best"]
    1
    """
    numbers = _numbers(states, label, quantity)
    log = quantity is None and scale_of(states[0].as_of()) == "log"
    options: dict[str, Any] = {"better": "lower" if lowest else "higher", "level": level}
    if equivalence is not None:
        options["equivalence"] = math.log1p(equivalence) if log else equivalence
    with np.errstate(all="ignore"):
        found = comparison.compare(numbers, **options)
    if not all(map(math.isfinite, found.p_best.values())):
        raise PriorError("one of the keys has too little data to be compared")
    best: Any = found.best
    to_control = found
    if control not in (None, best):
        to_control = comparison.compare(numbers, **options, control=control)
    limit = threshold if threshold is None or not log else math.log(threshold)
    return {
        "p_best": list(found.p_best.values()),
        "best": best,
        "differences": _differences(found, level),
        "level": level,
        "verdict": found.verdict,
        "reference": best if control is None else control,
        "decision": _decision(
            states, quantity, better=options["better"], label=label, alpha=1.0 - level
        ),
        "arms": _arms(numbers, found, to_control, limit),
    }


def _arms(
    numbers: Sequence[Any],
    found: comparison.Comparison,
    to_control: comparison.Comparison,
    limit: float | None,
) -> list[dict[str, Any]]:
    """Return the part of a comparison that is about each number, as JSON values."""
    losses, medians = found.loss_interval, found.median
    return [
        {
            "p_best": found.p_best[k],
            "loss": finite(found.loss[k]),
            "mean": found.mean[k],
            "interval": found.interval[k],
            "contrast": _contrast(to_control.differences.get(k)),
            "median": medians[k],
            "loss_interval": losses[k],
            "p_above": None if limit is None else float(number.sf(limit)),
        }
        for k, number in enumerate(numbers)
    ]


def probability_above(state: Any, threshold: float) -> float | None:
    """Return the probability of exceeding a value of the observations; None if a state is improper.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> round(probability_above(Beta(2, 1), 0.5), 6)
    0.75
    """
    try:
        number = _number(state, None)
    except PriorError:
        return None
    log = scale_of(state.as_of()) == "log"
    return finite(float(number.sf(math.log(threshold) if log else threshold)))


def quantities(state: Any) -> list[str]:
    """Return, as strings, the quantities of observations by which beliefs can be compared.

    The mean is omitted if it is the parameter.

    Examples
    --------
    >>> from seqbayes import Beta, Gamma
    >>> from seqbayes.likelihoods import Exponential
    >>> quantities(Gamma(3, 20, likelihood=Exponential()))
    ['mean', '0.5', '0.9', '0.95', '0.99']
    >>> quantities(Beta(2, 1))
    []
    """
    label = leading_label([state])
    found = []
    for text in _OFFERED:
        quantity = text if text == "mean" else float(text)
        try:
            number = _number(state, label if text == "mean" else None, quantity)
            same = text == "mean" and repr(number) == repr(_number(state, label))
        except PriorError:
            continue
        if not same:
            found.append(text)
    return found


def _numbers(
    states: Sequence[Any], label: str | None, quantity: str | float | None = None
) -> list[Any]:
    if not 2 <= len(states) <= _MAX_KEYS:
        raise PriorError(f"expected 2 to {_MAX_KEYS} keys to compare, got {len(states)}")
    return [_number(state, label, quantity) for state in states]


def _number(state: Any, label: str | None, quantity: str | float | None = None) -> Any:
    """Return the distribution of the compared number.

    Raises
    ------
    PriorError
        If the belief is not about one number.
    """
    description = view_of(state).compares
    if not description:
        raise PriorError("only beliefs about a number or about labels can be compared")
    if label is not None and description != "share":
        raise PriorError("only beliefs about labels have shares to compare")
    return comparison.number_of(state, label, quantity)


def _differences(found: comparison.Comparison, level: float) -> list[dict[str, Any]]:
    """Return the differences between the best key and each of the others, as JSON values."""
    return [
        {
            "pair": [found.best, k],
            "mean": None if difference.mean is None else -difference.mean,
            "interval": [-difference.interval[1], -difference.interval[0]],
            "level": level,
        }
        for k, difference in sorted(
            found.differences.items(), key=lambda each: -found.p_best[each[0]]
        )
    ]


def _decision(
    states: Sequence[Any], quantity: str | float | None, **options: Any
) -> dict[str, Any]:
    """Return the result of a sequential test with a bounded error rate, as JSON values."""
    with np.errstate(all="ignore"):
        found = comparison.decide(dict(enumerate(states)), quantity=quantity, **options)
    return {
        "guarantee": found.guarantee,
        "reason": found.reason,
        "best": found.best,
        "p_value": found.p_value,
        "more": None if found.more is None else finite(found.more),
    }


def _contrast(difference: comparison.Difference | None) -> dict[str, Any] | None:
    """Return a key's difference from the reference as JSON values; None for the reference."""
    if difference is None:
        return None
    return {
        "p_better": difference.p_better,
        "mean": difference.mean,
        "interval": difference.interval,
        "lift": finite(difference.lift),
        "lift_interval": None
        if difference.lift_interval is None
        else [finite(end) for end in difference.lift_interval],
        "p_equivalent": difference.p_equivalent,
    }


def leading_label(states: Sequence[Any]) -> str | None:
    """Return the most frequent label of beliefs about labels; None for other beliefs.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> leading_label([Dirichlet({"red": 2, "blue": 1}), Dirichlet({"red": 1, "blue": 1})])
    'red'
    """
    totals: Counter[str] = Counter()
    for state in states:
        if view_of(state).compares == "share":
            weights, _ = state.as_of().label_weights()
            totals.update({str(label): weight for label, weight in weights.items()})
    return totals.most_common(1)[0][0] if totals else None


def drawn_shares(states: Sequence[Any], label: str, level: float = LEVEL) -> list[dict[str, Any]]:
    """Return the mean, interval and density of the shares of a label.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> (shown,) = drawn_shares([Dirichlet({"red": 2, "blue": 1, "green": 1})], "red")
    >>> shown["mean"]
    0.5
    """
    shares = [Beta(number.alpha, number.beta) for number in (_number(s, label) for s in states)]
    cards = view_of(shares[0], level).cards(shares, [None] * len(shares), CARD_POINTS)
    return [
        {
            "mean": each["mean"],
            "interval": each["interval"],
            "density": {**each["density"], "prior": None},
        }
        for each in cards
    ]
