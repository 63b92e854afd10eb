"""What a card shows of a state, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from seqbayes.dashboard.views.estimators import estimator
from seqbayes.dashboard.views.figures import finite
from seqbayes.dashboard.views.labels import concentrations, shares
from seqbayes.dashboard.views.mixtures import mixture
from seqbayes.dashboard.views.numbers import intervals, numbers
from seqbayes.dashboard.views.parts import parts
from seqbayes.decay import Decayed
from seqbayes.families import (
    Dirichlet,
    DirichletProcess,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
)
from seqbayes.mixture.answers import Answers
from seqbayes.state import State

POINTS = 64


class Summary(NamedTuple):
    """What keys are sorted by; None where a state has no such number."""

    n: float
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def width(self) -> float | None:
        """Width of the interval."""
        return None if self.low is None or self.high is None else self.high - self.low


def kind_of(state: Any) -> str:
    """Return how a state is shown.

    Examples
    --------
    >>> from seqbayes import Beta, NormalInverseGamma
    >>> from seqbayes.mixture import Mixture
    >>> kind_of(Beta()), kind_of(NormalInverseGamma()), kind_of(Mixture(2))
    ('number', 'normal', 'mixture')
    """
    state = undecayed(state)
    kinds: list[tuple[Any, str]] = [
        ((Dirichlet, DirichletProcess), "labels"),
        (NormalInverseGamma, "normal"),
        (NormalInverseWishart, "vector"),
        (Product, "product"),
        (Answers, "mixture"),
        (State, "number"),
    ]
    return next((kind for types, kind in kinds if isinstance(state, types)), "estimator")


def undecayed(state: Any) -> Any:
    """Return what is left at its clock of a state that forgets; any other as it is."""
    return state.as_of() if isinstance(state, Decayed) else state


def seen(state: Any) -> float:
    """Return the total weight of what was seen; 0 where an estimator does not tell."""
    return float(getattr(state, "n_samples", 0.0) or 0.0)


def card(state: Any, last: Any = None, points: int = POINTS) -> dict[str, Any]:
    """Return what a card shows.

    Parameters
    ----------
    state
        A state, one in a `Decayed`, a mixture or an estimator.
    last
        The last observation, None where it is not known.
    points
        Of a density at most.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> shown = card(Beta(2, 2), last=True)
    >>> shown["mean"], shown["interval"][0] > 0.05, len(shown["density"]["x"]) <= 64
    (0.5, True, True)
    """
    kind, state = kind_of(state), undecayed(state)
    views: Mapping[str, Callable[[], dict[str, Any]]] = {
        "number": lambda: numbers([state], [last], points)[0],
        "normal": lambda: numbers([state], [last], points)[0],
        "labels": lambda: shares(state),
        "vector": lambda: parts(state),
        "product": lambda: parts(state),
        "mixture": lambda: mixture(state, points),
        "estimator": lambda: estimator(state),
    }
    return {"kind": kind, "n": finite(seen(state)), **views[kind]()}


def cards(states: Sequence[Any], lasts: Sequence[Any], points: int = POINTS) -> list[Any]:
    """Return the cards of states of one belief, at once where they are about numbers."""
    kind = kind_of(states[0]) if states else ""
    if kind not in ("number", "normal"):
        return [card(state, last, points) for state, last in zip(states, lasts, strict=True)]
    plain = [undecayed(state) for state in states]
    told = numbers(plain, lasts, points)
    return [
        {"kind": kind, "n": finite(seen(state)), **each}
        for state, each in zip(plain, told, strict=True)
    ]


def summaries(states: Sequence[Any]) -> list[Summary]:
    """Return what states of one belief are sorted by, at once where they are about numbers.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> [round(each.high, 6) for each in summaries([Beta(1, 1), Beta(2, 1)])]
    [0.975, 0.987421]
    """
    kind = kind_of(states[0]) if states else ""
    if kind not in ("number", "normal"):
        return [summarise(state) for state in states]
    plain = [undecayed(state) for state in states]
    proper = [state for state in plain if state.is_proper(state.posterior)]
    ends = iter(zip(*intervals(proper).tolist(), strict=True)) if proper else iter(())
    found = []
    for state in plain:
        if not state.is_proper(state.posterior):
            found.append(Summary(seen(state)))
            continue
        low, high = next(ends)
        mean = state.mean[0] if kind == "normal" else state.mean
        found.append(Summary(seen(state), finite(mean), finite(low), finite(high)))
    return found


def summarise(state: Any) -> Summary:
    """Return what a state is sorted by.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> summary = summarise(Beta(1, 1))
    >>> summary.n, summary.mean, round(summary.width, 9)
    (0.0, 0.5, 0.95)
    """
    kind, state = kind_of(state), undecayed(state)
    n = seen(state)
    if kind == "labels":
        weights, unseen = concentrations(state)
        total = sum(weights.values()) + unseen
        top = max(weights.values(), default=0.0)
        return Summary(n, top / total if total > 0.0 else None)
    return summaries([state])[0] if kind in ("number", "normal") else Summary(n)
