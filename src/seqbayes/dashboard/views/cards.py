"""What a card shows of a state, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from seqbayes.dashboard.views.figures import finite
from seqbayes.dashboard.views.labels import concentrations, shares
from seqbayes.dashboard.views.mixtures import mixture
from seqbayes.dashboard.views.numbers import LEVEL, numbers
from seqbayes.dashboard.views.parts import estimator, parts
from seqbayes.decay import Decayed
from seqbayes.families import (
    Dirichlet,
    DirichletProcess,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
)
from seqbayes.mixture import Mixture
from seqbayes.state import State

POINTS = 80


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
    >>> kind_of(Beta()), kind_of(NormalInverseGamma()), kind_of(Mixture(2))
    ('number', 'normal', 'mixture')
    """
    state = undecayed(state)
    kinds: list[tuple[Any, str]] = [
        ((Dirichlet, DirichletProcess), "labels"),
        (NormalInverseGamma, "normal"),
        (NormalInverseWishart, "vector"),
        (Product, "product"),
        (Mixture, "mixture"),
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
    >>> shown["mean"], shown["interval"][0] > 0.05, len(shown["density"]["x"]) <= 80
    (0.5, True, True)
    """
    kind, state = kind_of(state), undecayed(state)
    views: Mapping[str, Callable[[], dict[str, Any]]] = {
        "number": lambda: numbers(state, last, points),
        "normal": lambda: numbers(state, last, points),
        "labels": lambda: shares(state),
        "vector": lambda: parts(state),
        "product": lambda: parts(state),
        "mixture": lambda: mixture(state, points),
        "estimator": lambda: estimator(state),
    }
    return {"kind": kind, "n": finite(seen(state)), **views[kind]()}


def summarise(state: Any) -> Summary:
    """Return what a state is sorted by.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> summarise(Beta(1, 1))
    Summary(n=0.0, mean=0.5, low=0.025, high=0.975)
    """
    kind, state = kind_of(state), undecayed(state)
    n = seen(state)
    if kind == "labels":
        weights, unseen = concentrations(state)
        total = sum(weights.values()) + unseen
        top = max(weights.values(), default=0.0)
        return Summary(n, top / total if total > 0.0 else None)
    if kind not in ("number", "normal") or not state.is_proper(state.posterior):
        return Summary(n)
    mean, interval = state.mean, state.interval(LEVEL)
    if kind == "normal":
        mean, interval = mean[0], interval[0]
    return Summary(n, finite(mean), finite(interval[0]), finite(interval[1]))
