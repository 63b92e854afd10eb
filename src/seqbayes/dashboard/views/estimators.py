"""Estimators on feature dicts: their classes, features and weights."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import singledispatch
from itertools import islice
from typing import Any

from seqbayes.dashboard.views.base import BeliefView, Path, PlottedNumber, register_view, view_of
from seqbayes.dashboard.views.figures import finite, pair
from seqbayes.dashboard.views.mixtures import brief
from seqbayes.dashboard.views.several import plotted_field
from seqbayes.model import Summary
from seqbayes.river import (
    ConjugateLinearRegression,
    ConjugateNB,
    MixtureDiscriminant,
    PredictiveSurprise,
)
from seqbayes.river.generative import GenerativeClassifier
from seqbayes.state import State

_MAX_ESTIMATES = 60
"""Maximum number of estimates; a classifier has one per feature and class."""

_MAX_FEATURE_LABELS = 4
_MAX_CENTRE = 12
"""Maximum number of features shown per component."""


@register_view
class EstimatorView(BeliefView):
    """Show an estimator on feature dicts: its classes, components, weights and features."""

    kind = "estimator"

    def card(self, state: Any, last: Any, points: int) -> dict[str, Any]:
        """Return a named estimate for each class, component, weight, and belief about a feature.

        Examples
        --------
        >>> model = ConjugateNB()
        >>> for legs, label in [(4, "dog"), (2, "hen"), (4, "dog")]:
        ...     model.learn_one({"legs": legs}, label)
        >>> estimates = EstimatorView().card(model, None, 64)["fields"][:3]
        >>> [(each["name"], round(each["mean"], 2)) for each in estimates]
        [('class dog', 0.6), ('class hen', 0.4), ('dog: legs mean', 3.78)]
        """
        lines = islice(lines_of(state, self.level), _MAX_ESTIMATES)
        return {**self.empty(), "fields": list(lines)}

    def plotted(self, state: Any, held: Path) -> PlottedNumber | None:
        """Return the share of a class, the first weight, or the number of the first feature."""
        if isinstance(state, PredictiveSurprise):
            beliefs = ((name, state.belief(name)) for name in state.feature_names)
            return plotted_field(beliefs, held, self.level)
        summary = state.summary()
        if not summary.mean:
            return None
        name, what = next(iter(summary.mean)), "weight of"
        share = isinstance(state, GenerativeClassifier)
        if share:
            name, what = _held(summary, name, held), "share of class"
        low, high = summary.interval[name] or (None, None)
        mean = finite(summary.mean[name])
        return PlottedNumber(f"{what} {name}", (name,), mean, finite(low), finite(high), share)

    def text(self, state: Any) -> str:
        """Return the parameters and the features of the estimator."""
        return text(state)


def _held(summary: Summary, top: Any, held: Path) -> Any:
    """Return the class plotted so far, unless the largest share is above that class's interval."""
    for name in summary.mean:
        interval = summary.interval[name]
        if held == (name,) and interval and summary.mean[top] <= interval[1]:
            return name
    return top


@singledispatch
def lines_of(state: Any, level: float) -> Iterator[dict[str, Any]]:
    """Yield the named estimates of an estimator; by default, those of its summary."""
    mean, interval = state.summary()
    for name, value in (mean or {}).items():
        yield _line(str(name), value, (interval or {}).get(name))


@lines_of.register
def _(state: PredictiveSurprise, level: float) -> Iterator[dict[str, Any]]:
    for name in state.feature_names:
        yield from _estimates(str(name), state.belief(name), level)


@lines_of.register
def _(state: ConjugateLinearRegression, level: float) -> Iterator[dict[str, Any]]:
    weights = state.weights
    intervals = state.weight_intervals(level, islice(weights, _MAX_ESTIMATES))
    for name, interval in intervals.items():
        yield _line(str(name), weights[name], interval)
    if state.intercept:
        yield _line("(intercept)", state.intercept_mean, state.intercept_interval(level))
    if state.noise is not None:
        yield _line("(noise variance)", state.noise.mean, state.noise.interval(level))


@lines_of.register
def _(state: ConjugateNB, level: float) -> Iterator[dict[str, Any]]:
    yield from _classes(state, level)
    for label in state.classes:
        for name in state.feature_names:
            yield from _estimates(f"{label}: {name}", state.belief(label, name), level)


@lines_of.register
def _(state: MixtureDiscriminant, level: float) -> Iterator[dict[str, Any]]:
    yield from _classes(state, level)
    for label in state.classes:
        for one in state.clusters(label):
            line = _line(f"{label}: component {one.name}", one.weight, None)
            places = ", ".join(islice(_places(one.centre), _MAX_CENTRE))
            yield {**line, "text": places, "unit": "share"}


def _classes(state: GenerativeClassifier, level: float) -> Iterator[dict[str, Any]]:
    counts, shares = state.classes, state.class_shares
    intervals = state.class_share_intervals(level, islice(counts, _MAX_ESTIMATES))
    for label, interval in intervals.items():
        line = _line(f"class {label}", shares[label], interval)
        yield {**line, "n": finite(counts[label]), "unit": "share"}


def _places(centre: Mapping[Any, Any], inside: str = "") -> Iterator[str]:
    for name, value in centre.items():
        if isinstance(value, Mapping):
            yield from _places(value, f"{inside}{name}.")
        else:
            spelled = brief(value) if isinstance(value, float) else value
            yield f"{inside}{name} {spelled}"


def _estimates(name: str, state: State | None, level: float) -> list[dict[str, Any]]:
    """Return the estimates of a belief about a feature; for labels, only the largest shares."""
    if state is None:
        return []
    return view_of(state, level).leading_estimates(name, state, _MAX_FEATURE_LABELS)


def _line(name: str, mean: Any, interval: Any) -> dict[str, Any]:
    return {"name": name, "mean": finite(mean), "interval": pair(interval)}


def text(state: Any) -> str:
    """Return the name of an estimator, its parameters and its features, one per line.

    Examples
    --------
    >>> print(text(ConjugateNB(strength=2.0)))
    ConjugateNB
    strength 2.0
    class_strength 1.0
    temper True
    """
    lines = [type(state).__name__]
    for name in inspect.signature(type(state)).parameters:
        value = getattr(state, name, None)
        if value is not None:
            lines.append(f"{name} {_spell(value)}")
    if state.feature_names:
        lines.append(f"features: {', '.join(map(str, state.feature_names))}")
    return "\n".join(lines)


def _spell(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_spell(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_spell, value))
    return str(value)
