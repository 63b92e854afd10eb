"""What comes next: the predictive as a curve, as bars, or as a line for each of several numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.dashboard.views import curves
from seqbayes.dashboard.views.figures import decimals, finite, heights, pair, places
from seqbayes.dashboard.views.mixtures import support
from seqbayes.dashboard.views.numbers import LEVEL
from seqbayes.errors import SeqbayesError
from seqbayes.families import NormalInverseWishart, Product
from seqbayes.mixture.answers import Answers
from seqbayes.predictive.labels import Categorical
from seqbayes.state import State

POINTS = 120
MOST_LABELS = 50
FEW_LABELS = 4
"""Labels that are told of one field among several."""


def predictive(state: Any, shown: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the distribution of the next observation, where it can be told.

    Parameters
    ----------
    state
        A state that does not forget, a mixture or an estimator.
    shown
        Its card: of a mixture the predictive is the curve that is drawn there already.

    Examples
    --------
    >>> from seqbayes import Beta, Gamma
    >>> predictive(Beta(2, 3), {})
    {'kind': 'pmf', 'x': [0.0, 1.0], 'p': [0.6, 0.4]}
    >>> told = predictive(Product({"n": Gamma(2, 1)}), {})
    >>> [(line["name"], line["mean"]) for line in told["lines"]]
    [('n', 2.0)]
    """
    if isinstance(state, Answers):
        return _of_mixture(state, shown)
    if isinstance(state, (Product, NormalInverseWishart)):
        return {"kind": "lines", "x": [], "p": [], "lines": _lines("", state)}
    if not isinstance(state, State):  # an estimator's depends on features
        return None
    found = _proper(state)
    if isinstance(found, Categorical):
        return _of_labels(found)
    return None if found is None else _curve(found)


def _proper(state: Any) -> Any:
    try:
        return state.predictive
    except SeqbayesError:  # improper
        return None


def _mean(found: Any) -> Any:
    try:
        return found.mean
    except (AttributeError, NotImplementedError):
        return None


def _is_scalar(found: Any) -> bool:
    """Whether it is a distribution on the line, be it one without a mean."""
    try:
        return hasattr(found, "interval") and not isinstance(found.mean, (Mapping, np.ndarray))
    except NotImplementedError:
        return False


def _curve(found: Any) -> dict[str, Any] | None:
    if not _is_scalar(found):
        return None
    x = support([found], POINTS) if found.discrete else curves.grid(found, POINTS)
    if x is None:
        return None
    p = np.asarray(found.p(x), float)
    top = float(np.nanmax(np.where(np.isfinite(p), p, np.nan))) if np.isfinite(p).any() else 0.0
    kind = "pmf" if found.discrete else "pdf"
    return {"kind": kind, "x": places(x), "p": heights(p, top)}


def _of_labels(found: Categorical) -> dict[str, Any]:
    ranked = _ranked(found)[:MOST_LABELS]
    return {
        "kind": "pmf",
        "x": [str(label) for label, _ in ranked],
        "p": [round(p, decimals(p, 6)) if p > 0.0 else 0.0 for _, p in ranked],
        "unseen": found.unseen,
    }


def _ranked(found: Categorical) -> list[tuple[Any, float]]:
    return sorted(found.probabilities.items(), key=lambda each: -each[1])


def _of_mixture(state: Answers, shown: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the components' predictives add up to, where they are drawn."""
    if not shown.get("x"):
        return None
    kind = "pmf" if shown["discrete"] else "pdf"
    means = [_mean(component.predictive) for component in state.components]
    return {
        "kind": kind,
        "x": shown["x"],
        "p": shown["total"],
        "mean": None if None in means else finite(_average(state.weights, means)),
    }


def _average(weights: tuple[float, ...], means: list[float]) -> float:
    return math.fsum(w * m for w, m in zip(weights, means, strict=True) if w > 0.0)


def _lines(name: str, state: State) -> list[dict[str, Any]]:
    """Return a line for every number that comes next: its mean and 95 % interval."""
    if isinstance(state, Product):
        return [
            line
            for field in state.fields
            for line in _lines(f"{name}.{field}" if name else str(field), state.marginal(field))
        ]
    found = _proper(state)
    if isinstance(state, NormalInverseWishart):
        return _coordinates(name, state, found)
    if isinstance(found, Categorical):
        return [
            {"name": f"{name} = {label}", "mean": finite(p), "interval": None}
            for label, p in _ranked(found)[:FEW_LABELS]
        ]
    known = found is not None and _is_scalar(found)
    return [_line(name, found) if known else {"name": name, "mean": None, "interval": None}]


def _coordinates(name: str, state: Any, found: Any) -> list[dict[str, Any]]:
    features = state.likelihood.features or range(len(state.prior_mean))
    names = [f"{name}.{feature}" if name else str(feature) for feature in features]
    if found is None:
        return [{"name": each, "mean": None, "interval": None} for each in names]
    return [_line(each, one) for each, one in zip(names, found.marginals, strict=True)]


def _line(name: str, found: Any) -> dict[str, Any]:
    return {"name": name, "mean": finite(_mean(found)), "interval": pair(found.interval(LEVEL))}
