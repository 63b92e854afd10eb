"""Estimators on feature dicts: what they have learned of classes, features and weights."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from seqbayes.dashboard.views.figures import finite, pair
from seqbayes.dashboard.views.labels import shares
from seqbayes.dashboard.views.numbers import LEVEL
from seqbayes.dashboard.views.parts import NOTHING, field_lines
from seqbayes.distributions import Beta
from seqbayes.families import Dirichlet, DirichletProcess
from seqbayes.river import ConjugateLinearRegression, ConjugateNB, PredictiveSurprise
from seqbayes.state import State

MOST = 60
"""Lines that are told: a classifier has one for every feature in every class."""

FEW = 4
"""Labels of a feature that are told."""


def estimator(state: Any) -> dict[str, Any]:
    """Return a line for every class, weight, and belief about a feature.

    Examples
    --------
    >>> model = ConjugateNB()
    >>> for legs, label in [(4, "dog"), (2, "hen"), (4, "dog")]:
    ...     model.learn_one({"legs": legs}, label)
    >>> [(line["name"], round(line["mean"], 2)) for line in estimator(model)["fields"][:3]]
    [('class dog', 0.6), ('class hen', 0.4), ('dog: legs mean', 3.78)]
    """
    return {**NOTHING, "fields": list(islice(_lines(state), MOST))}


def _lines(state: Any) -> Iterator[dict[str, Any]]:
    if isinstance(state, ConjugateLinearRegression):
        yield from _regression(state)
    elif isinstance(state, PredictiveSurprise):
        for name in state.feature_names:
            yield from _told(str(name), state.belief(name))
    elif isinstance(getattr(state, "classes", None), Mapping):
        yield from _classes(state)
        if isinstance(state, ConjugateNB):
            for label in state.classes:
                for name in state.feature_names:
                    yield from _told(f"{label}: {name}", state.belief(label, name))


def _regression(state: ConjugateLinearRegression) -> Iterator[dict[str, Any]]:
    intervals = state.weight_intervals(LEVEL)
    for name, weight in state.weights.items():
        yield _line(str(name), weight, intervals[name])
    if state.intercept:
        yield _line("(intercept)", state.intercept_mean, state.intercept_interval(LEVEL))
    if state.noise is not None:
        yield _line("(noise variance)", state.noise.mean, state.noise.interval(LEVEL))


def _classes(state: Any) -> Iterator[dict[str, Any]]:
    """Yield the shares of the classes, of which each has the concentration `class_strength`."""
    counts = state.classes
    total = state.n_samples + len(counts) * state.class_strength
    for label, n in counts.items():
        alpha = n + state.class_strength
        ends = Beta(alpha, total - alpha).interval(LEVEL) if total > alpha else None
        yield {**_line(f"class {label}", alpha / total, ends), "n": finite(n)}


def _told(name: str, state: State | None) -> list[dict[str, Any]]:
    """Return the lines of a belief about a feature; of labels the likeliest few only."""
    if state is None:
        return []
    if isinstance(state, (Dirichlet, DirichletProcess)):
        return [
            {
                **_line(f"{name} = {share['label']}", share["mean"], share["interval"]),
                "n": share["n"],
            }
            for share in shares(state, FEW)["shares"]
        ]
    return field_lines(name, state)


def _line(name: str, mean: Any, interval: Any) -> dict[str, Any]:
    return {"name": name, "mean": finite(mean), "interval": pair(interval)}


def text(state: Any) -> str:
    """Return an estimator, its parameters and the features it has met, a line for each.

    Examples
    --------
    >>> print(text(ConjugateNB(strength=2.0)))
    ConjugateNB
    strength 2.0
    class_strength 1.0
    """
    told = [type(state).__name__]
    for name in inspect.signature(type(state)).parameters:
        value = getattr(state, name, None)
        if value is not None:
            told.append(f"{name} {_said(value)}")
    met = getattr(state, "feature_names", None) or getattr(state, "weights", None) or ()
    if met:
        told.append(f"features met: {', '.join(map(str, met))}")
    return "\n".join(told)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_said, value))
    return str(value)
