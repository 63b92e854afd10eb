"""The one number of a belief that is followed over time: of several the first, or the likeliest."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from seqbayes import families
from seqbayes.dashboard.views.cards import kind_of, undecayed
from seqbayes.dashboard.views.figures import finite
from seqbayes.dashboard.views.labels import concentrations
from seqbayes.dashboard.views.numbers import LEVEL, intervals
from seqbayes.dashboard.views.parts import coordinates, means, of_logarithms
from seqbayes.distributions import Beta
from seqbayes.river import PredictiveSurprise
from seqbayes.river.generative import GenerativeClassifier
from seqbayes.river.summary import Summary, summarise

Path = tuple[str | int, ...]

MOST = 60
"""Numbers of a belief that can be followed."""

MOST_LABELS = 12
"""Of them labels of one field."""


class Followed(NamedTuple):
    """A number out of a belief: its name, where a stored summary has it, and what it is now.

    `share` says that it is one between 0 and 1, to be read in percent.
    """

    name: str
    path: Path
    mean: float | None
    low: float | None = None
    high: float | None = None
    share: bool = False

    def about(self) -> dict[str, str]:
        """Return what is said beside its values."""
        return {"part": self.name, **({"unit": "share"} if self.share else {})}


def followed(state: Any, held: Path = ()) -> Followed | None:
    """Return what is followed of a belief about several numbers; None where there is nothing.

    Of shares it is the largest. One that was followed so far is held until another is larger than
    its interval allows, for else two that are alike would take turns. Of an estimator it is the
    share of a class, the first weight, or the first feature.

    Parameters
    ----------
    state
        The state.
    held
        Path of what was followed so far.

    Examples
    --------
    >>> from seqbayes import Dirichlet, Gamma, Product
    >>> followed(Dirichlet({"red": 2.0, "blue": 1.0})).name
    'red'
    >>> followed(Dirichlet({"red": 2.0, "blue": 1.0}), held=("blue",)).name
    'blue'
    >>> followed(Product({"rate": Gamma(2, 1), "colour": Dirichlet({"red": 2, "blue": 1})})).name
    'rate'
    """
    return _part(undecayed(state), held)


def followable(state: Any) -> list[Followed]:
    """Return what can be followed of a vector, a product, or labels, the likeliest of those.

    Examples
    --------
    >>> from seqbayes import Dirichlet, Gamma, Product
    >>> product = Product({"n": Gamma(2, 1), "colour": Dirichlet({"red": 2, "blue": 1})})
    >>> [found.name for found in followable(product)]
    ['n', 'colour = red', 'colour = blue']
    """
    return list(islice(_each(undecayed(state)), MOST))


def _each(state: Any) -> Iterator[Followed]:
    kind = kind_of(state)
    if kind == "labels":
        weights, unseen = concentrations(state)
        total = sum(weights.values()) + unseen
        for label in heapq.nlargest(MOST_LABELS, weights, key=weights.__getitem__):
            if total > 0.0:
                yield _told(label, weights[label], total)
    elif kind == "vector":
        if state.is_proper(state.posterior):
            for place in range(len(state.prior_mean)):
                yield _coordinate(state, place)
    elif kind == "product":
        for field in state.fields:
            inner = state.marginal(field)
            for found in _each(inner):
                yield _within(field, inner, found)
    elif kind in ("number", "normal"):
        alone = _part(state, ())
        if alone is not None:
            yield alone


def _part(state: Any, held: Path) -> Followed | None:
    kind = kind_of(state)
    if kind == "labels":
        return _share(state, held)
    if kind == "product":
        return _field(((name, state.marginal(name)) for name in state.fields), held)
    if kind == "mixture":
        return _weight(state, held)
    if kind == "estimator":
        return _estimated(state, held)
    if not state.is_proper(state.posterior):
        return None
    if kind == "vector":
        return _coordinate(state)
    low, high = intervals([state])[:, 0].tolist()
    name = "mean of the log" if of_logarithms(state) else "mean" if kind == "normal" else ""
    if kind == "normal":
        return Followed(name, ("mean",), finite(state.mean.mean), finite(low), finite(high))
    share = isinstance(state, families.Beta)
    return Followed(name, (), finite(state.mean), finite(low), finite(high), share)


def _share(state: Any, held: Path) -> Followed | None:
    weights, unseen = concentrations(state)
    total = sum(weights.values()) + unseen
    if not (weights and total > 0.0):
        return None
    top = max(weights, key=weights.__getitem__)
    for label, weight in weights.items():
        if held == (str(label),):
            found = _told(label, weight, total)
            if found.high is None or weights[top] / total <= found.high:
                return found
    return _told(top, weights[top], total)


def _weight(state: Any, held: Path) -> Followed | None:
    """Return the share of the component that is held, or of the one with the largest."""
    shares = {str(n): w for n, w in zip(state.names, state.weights, strict=True)}
    if not (shares and state.started):  # before, components exchange their names
        return None
    name = str(held[0]) if held and held[0] in shares else max(shares, key=shares.__getitem__)
    return Followed(f"share of {name}", (name,), finite(shares[name]), share=True)


def _told(label: Any, weight: float, total: float) -> Followed:
    low, high = None, None
    if 0.0 < weight < total:
        low, high = Beta(weight, total - weight).interval(LEVEL)
    return Followed(str(label), (str(label),), weight / total, finite(low), finite(high), True)


def _field(beliefs: Iterable[tuple[Any, Any]], held: Path) -> Followed | None:
    """Return what is followed of the first of the named beliefs that tells a number."""
    for field, inner in beliefs:
        found = _part(inner, held[1:] if held[:1] == (str(field),) else ())
        if found is not None and found.mean is not None:
            return _within(field, inner, found)
    return None


def _within(field: Any, inner: Any, found: Followed) -> Followed:
    """Return a number of a field as one of the whole."""
    link = {"labels": " = ", "normal": " ", "number": " "}.get(kind_of(inner), ".")
    name = f"{field}{link}{found.name}".strip()
    return found._replace(name=name, path=(str(field), *found.path))


def _estimated(state: Any, held: Path) -> Followed | None:
    if isinstance(state, PredictiveSurprise):
        return _field(((name, state.belief(name)) for name in state.feature_names), held)
    told = summarise(state)
    if told is None or not told.mean:
        return None
    name, what = next(iter(told.mean)), "weight of"
    share = isinstance(state, GenerativeClassifier)
    if share:
        name, what = _held(told, name, held), "share of class"
    low, high = told.interval[name] or (None, None)
    mean = finite(told.mean[name])
    return Followed(f"{what} {name}", (name,), mean, finite(low), finite(high), share)


def _held(told: Summary, top: str, held: Path) -> str:
    """Return the class followed so far, while the largest is not larger than it may well be."""
    for name in told.mean:
        if held == (name,) and told.interval[name] and told.mean[top] <= told.interval[name][1]:
            return name
    return top


def _coordinate(state: Any, place: int = 0) -> Followed:
    """Return the mean of a coordinate, the first by default."""
    belief = means(state)[place]
    low, high = belief.interval(LEVEL)
    name = str(coordinates(state)[place])
    return Followed(name, ("mean", place), finite(belief.mean), finite(low), finite(high))
