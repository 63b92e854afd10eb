"""Estimators on feature dicts: what they have learned of classes, features and weights."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from seqbayes.dashboard.views.figures import finite, pair
from seqbayes.dashboard.views.labels import shares
from seqbayes.dashboard.views.mixtures import brief
from seqbayes.dashboard.views.numbers import LEVEL
from seqbayes.dashboard.views.parts import NOTHING, field_lines
from seqbayes.families import Dirichlet, DirichletProcess
from seqbayes.river import (
    ConjugateLinearRegression,
    ConjugateNB,
    MixtureDiscriminant,
    PredictiveSurprise,
)
from seqbayes.river.generative import GenerativeClassifier
from seqbayes.state import State

MOST = 60
"""Lines that are told: a classifier has one for every feature in every class."""

FEW = 4
"""Labels of a feature that are told."""

FEW_PLACES = 12
"""Features of a component that are told."""


def estimator(state: Any) -> dict[str, Any]:
    """Return a line for every class, component, weight, and belief about a feature.

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
    elif isinstance(state, GenerativeClassifier):
        yield from _classes(state)
        for label in state.classes:
            yield from _within(label, state)


def _regression(state: ConjugateLinearRegression) -> Iterator[dict[str, Any]]:
    weights = state.weights
    intervals = state.weight_intervals(LEVEL, islice(weights, MOST))
    for name, interval in intervals.items():
        yield _line(str(name), weights[name], interval)
    if state.intercept:
        yield _line("(intercept)", state.intercept_mean, state.intercept_interval(LEVEL))
    if state.noise is not None:
        yield _line("(noise variance)", state.noise.mean, state.noise.interval(LEVEL))


def _classes(state: GenerativeClassifier) -> Iterator[dict[str, Any]]:
    counts, shares = state.classes, state.class_shares
    intervals = state.class_share_intervals(LEVEL, islice(counts, MOST))
    for label, interval in intervals.items():
        told = _line(f"class {label}", shares[label], interval)
        yield {**told, "n": finite(counts[label]), "unit": "share"}


def _within(label: Any, state: GenerativeClassifier) -> Iterator[dict[str, Any]]:
    """Yield what is believed of a class: of every feature, or where its components lie."""
    if isinstance(state, ConjugateNB):
        for name in state.feature_names:
            yield from _told(f"{label}: {name}", state.belief(label, name))
    elif isinstance(state, MixtureDiscriminant):
        for one in state.clusters(label):
            told = _line(f"{label}: component {one.name}", one.weight, None)
            places = ", ".join(islice(_places(one.centre), FEW_PLACES))
            yield {**told, "text": places, "unit": "share"}


def _places(centre: Mapping[Any, Any], inside: str = "") -> Iterator[str]:
    for name, value in centre.items():
        if isinstance(value, Mapping):
            yield from _places(value, f"{inside}{name}.")
        else:
            said = brief(value) if isinstance(value, float) else value
            yield f"{inside}{name} {said}"


def _told(name: str, state: State | None) -> list[dict[str, Any]]:
    """Return the lines of a belief about a feature; of labels the likeliest few only."""
    if state is None:
        return []
    if isinstance(state, (Dirichlet, DirichletProcess)):
        return [
            {
                **_line(f"{name} = {share['label']}", share["mean"], share["interval"]),
                "n": share["n"],
                "unit": "share",
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
