"""Compare beliefs about one number each: which is best, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqbayes import compare as comparison
from seqbayes.dashboard.views.base import CARD_POINTS, view_of
from seqbayes.errors import PriorError
from seqbayes.families import Beta

_MAX_KEYS = 12
_LEVEL = 0.95


def compare(states: Sequence[Any], lowest: bool = False) -> dict[str, Any]:
    """Return the probability that each is the best, and how the best one differs from the others.

    Parameters
    ----------
    states
        2 to 12 beliefs about a number, or about a mean and a variance; then the means are compared.
    lowest
        Whether the smallest number, not the largest, is the best.

    Raises
    ------
    PriorError
        If there are too few or too many states, or one is improper or not about a number.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> found = compare([Beta(2, 1), Beta(1, 1)])
    >>> [round(p, 9) for p in found["p_best"]]
    [0.666666667, 0.333333333]
    >>> compare([Beta(2, 1), Beta(1, 1)], lowest=True)["best"]
    1
    """
    if not 2 <= len(states) <= _MAX_KEYS:
        raise PriorError(f"expected 2 to {_MAX_KEYS} keys to compare, got {len(states)}")
    numbers = [view_of(state).comparable(state.as_of()) for state in states]
    found = comparison.compare(numbers, better="lower" if lowest else "higher", level=_LEVEL)
    best = found.best
    others = sorted(found.differences, key=lambda k: -found.p_best[k])
    return {
        "p_best": list(found.p_best.values()),
        "best": best,
        "differences": [{"pair": [best, k], **_reversed(found.differences[k])} for k in others],
    }


def _reversed(difference: comparison.Difference) -> dict[str, Any]:
    """Return the difference of the reference to another number, as JSON values."""
    low, high = difference.interval
    mean = difference.mean
    return {"mean": None if mean is None else -mean, "interval": [-high, -low], "level": _LEVEL}


def share_of(state: Any, label: str) -> Beta:
    """Return the belief about the share of one label, as a belief about a number.

    Raises
    ------
    PriorError
        If the belief is not about labels, or has no information about this one.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> share_of(Dirichlet({"red": 2, "blue": 1, "green": 1}), "red").posterior
    BetaHyperparameters(alpha=2.0, beta=2.0)
    """
    return view_of(state).share_of(state.as_of(), label)


def drawn_shares(states: Sequence[Beta]) -> list[dict[str, Any]]:
    """Return mean, interval and density of shares."""
    summaries = view_of(states[0]).cards(states, [None] * len(states), CARD_POINTS)
    return [
        {
            "mean": each["mean"],
            "interval": each["interval"],
            "density": {**each["density"], "prior": None},
        }
        for each in summaries
    ]
