"""Mixtures: the components, their weights, and the density of the whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import numpy as np

from seqbayes.dashboard.views.base import BeliefView, Path, PlottedNumber, register_view, view_of
from seqbayes.dashboard.views.figures import finite, heights, pair, places, values
from seqbayes.dashboard.views.predictives import (
    bars,
    blend,
    lines,
    mean_of,
    named_numbers,
    predictives_of,
    scalar,
)
from seqbayes.errors import SeqbayesError
from seqbayes.figures import curves
from seqbayes.predictive.labels import Categorical

_MAX_ESTIMATES = 12
"""Maximum number of estimates shown per component."""

_MAX_LINES = 60
"""Maximum number of predicted numbers shown for a mixture of products or vectors."""


ORDERED = (
    "The events are sorted or arrive in blocks, one component after the other, so that the"
    " components might not describe all of them. Shuffle the events if possible; if they drift,"
    " let the mixture forget."
)


@register_view
class MixtureView(BeliefView):
    """Show a mixture."""

    kind = "mixture"
    warns = True

    def card(self, state: Any, last: Any, points: int) -> dict[str, Any]:
        """Return the components with their weights and, if they exist, predictive densities."""
        weights, components = state.weights, state.components
        order = sorted(range(len(components)), key=lambda k: -weights[k])
        found = predictives_of(state)
        predictives = [scalar(found[k]) for k in order]
        card: dict[str, Any] = {
            **self.empty(),
            "components": [
                _component(state.names[k], weights[k], components[k], self.level) for k in order
            ],
            "settled": state.started,  # before that, the components could still swap their labels
            "x": None,
            "total": None,
            "discrete": False,
        }
        if not card["settled"]:
            card["start"] = {"kept": state.n_buffered, "needed": state.buffer_size}
        if components and all(each is not None for each in predictives):
            _draw(card, predictives, [weights[k] for k in order], points)
        return card

    def details(self, state: Any, last: Any) -> dict[str, Any]:
        """Return the responsibilities of the components for the last observation."""
        return {"makers": None if last is None else responsibilities(state, last)}

    def warnings(self, state: Any) -> list[str]:
        """Return a warning if the events are ordered such that early components are forgotten."""
        return [ORDERED] if state.is_ordered else []

    def predictive(self, state: Any, card: dict[str, Any]) -> dict[str, Any] | None:
        """Return the curve of the card, or a named estimate for each of several numbers."""
        found = list(islice(_blended(state), _MAX_LINES))
        alone = found[0][1] if len(found) == 1 and not found[0][0] else None
        if isinstance(alone, Categorical):
            return bars(alone)
        if card["x"]:
            kind = "pmf" if card["discrete"] else "pdf"
            curve = {"kind": kind, "x": card["x"], "p": card["total"]}
            ends = None if alone is None else pair(alone.interval(self.level))
            return {**curve, "mean": finite(mean_of(alone)), "interval": ends}
        known = any(name and part is not None for name, part in found)
        return lines(found, self.level) if known else None

    def plotted(self, state: Any, held: Path) -> PlottedNumber | None:
        """Return the share of the component plotted so far, or of the largest component."""
        shares = {str(n): w for n, w in zip(state.names, state.weights, strict=True)}
        if not (shares and state.started):
            return None
        name = str(held[0]) if held and held[0] in shares else max(shares, key=shares.__getitem__)
        return PlottedNumber(f"share of {name}", (name,), finite(shares[name]), share=True)


def responsibilities(state: Any, x: Any) -> dict[str, Any] | None:
    """Return the responsibility of each component for an observation, as a step of Bayes' rule.

    Returns None if the mixture has no density at the observation.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.likelihoods import Binomial
    >>> from seqbayes.mixture import Mixture
    >>> coin = Beta(likelihood=Binomial(trials=10))
    >>> coins = Mixture({"A": coin, "B": coin}, weights=(0.5, 0.5), start=(0.6, 0.5))
    >>> found = responsibilities(coins, 5)
    >>> [round(each["responsibility"], 2) for each in found["components"]]
    [0.45, 0.55]
    """
    try:
        found, evidence = state.predict_proba_one(x), math.exp(state.log_density(x))
    except (SeqbayesError, OverflowError):
        return None
    shares = dict(zip(state.names, state.weights, strict=True))
    background = state.labels[len(state.names) :]
    shares |= dict.fromkeys(background, state.background_weight)
    components = [
        {
            "name": str(name),
            "share": finite(shares[name]),
            "density": finite(p * evidence / shares[name]) if shares[name] > 0.0 else None,
            "responsibility": finite(p),
        }
        for name, p in found.items()
    ]
    rest = components[len(state.names) :]
    components = [components[k] for k in state.ranking][:_MAX_ESTIMATES] + rest
    return {"x": values(x), "evidence": finite(evidence), "components": components}


def _component(name: Any, weight: float, state: Any, level: float) -> dict[str, Any]:
    estimates = view_of(state, level).estimates("", state)[:_MAX_ESTIMATES]
    estimates = [{**each, "name": each["name"].strip()} for each in estimates]
    texts = [f"{each['name']} {_brief(each)}".strip() for each in estimates]
    return {
        "name": str(name),
        "weight": finite(weight),
        "n": finite(state.n_samples),
        "text": ", ".join(texts),
        "fields": estimates,
        "density": None,
    }


def _brief(estimate: dict[str, Any]) -> str:
    mean = estimate["mean"]
    share = estimate.get("unit") == "share" and mean is not None
    return f"{brief(100.0 * mean)} %" if share else brief(mean)


def brief(number: float | None) -> str:
    """Return a number with few digits."""
    return "unknown" if number is None else f"{number:.4g}"


def _draw(card: dict[str, Any], predictives: list[Any], weights: list[float], points: int) -> None:
    discrete = any(each.discrete for each in predictives)
    x = curves.support(predictives, points) if discrete else _grid(predictives, points)
    if x is None:
        return
    weighted = [
        w * np.asarray(each.p(x), float) for w, each in zip(weights, predictives, strict=True)
    ]
    total = np.sum(weighted, axis=0)
    peak = float(np.nanmax(total))
    if not (math.isfinite(peak) and peak > 0.0):
        return
    card["x"], card["total"], card["discrete"] = places(x), heights(total, peak), discrete
    for component, curve in zip(card["components"], weighted, strict=True):
        component["density"] = heights(curve, peak)


def _grid(predictives: list[Any], points: int) -> Any:
    each = max(points // len(predictives), 16)
    grids = [g for p in predictives if (g := curves.grid(p, each)) is not None]
    return np.unique(np.concatenate(grids)) if grids else None


def _blended(state: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and the mixture's predictive distribution of each number, or of the labels."""
    components = state.components  # empty until the first observation determines the priors
    each = zip(state.weights if components else (), components, strict=True)
    if state.df is None:
        parts = [(w, dict(view_of(c).predictive_parts("", c))) for w, c in each if w > 0.0]
    else:
        found = zip(each, state.predictives, strict=True)
        parts = [
            (w, dict(named_numbers("", p, c.likelihood.observation_fields or count())))
            for (w, c), p in found
            if w > 0.0
        ]
    weights = [w for w, _ in parts]
    for name in parts[0][1] if parts else ():
        yield name, blend(weights, [named.get(name) for _, named in parts])
