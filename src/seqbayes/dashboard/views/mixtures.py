"""Mixtures: the components, their weights, and the density they add up to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.dashboard.views import curves
from seqbayes.dashboard.views.figures import finite, heights, places, values
from seqbayes.dashboard.views.numbers import LEVEL
from seqbayes.dashboard.views.parts import field_lines
from seqbayes.errors import SeqbayesError
from seqbayes.mixture.answers import Answers
from seqbayes.state import State

MOST = 12
"""Numbers of a component that are told."""


def mixture(state: Answers, points: int) -> dict[str, Any]:
    """Return components with weights, and their predictive densities where those are drawn."""
    weights, components = state.weights, state.components
    order = sorted(range(len(components)), key=lambda k: -weights[k])
    predictives = [_predictive(components[k]) for k in order]
    told: dict[str, Any] = {
        "mean": None,
        "mle": None,
        "map": None,
        "interval": None,
        "level": LEVEL,
        "components": [_component(state.names[k], weights[k], components[k]) for k in order],
        "settled": state.started,  # until then names mean nothing
        "x": None,
        "total": None,
        "discrete": False,
    }
    if not told["settled"]:
        told["start"] = {"kept": len(state._buffer), "needed": state._buffer.size}
    if components and all(each is not None for each in predictives):
        _draw(told, predictives, [weights[k] for k in order], points)
    return told


def makers(state: Answers, x: Any) -> dict[str, Any] | None:
    """Return which component made an observation, as a step of Bayes' rule for each.

    None where nothing can be said of it.

    Examples
    --------
    >>> from seqbayes import Beta, Binomial
    >>> from seqbayes.mixture import Mixture
    >>> coin = Beta(likelihood=Binomial(trials=10))
    >>> coins = Mixture({"A": coin, "B": coin}, weights=(0.5, 0.5), start=(0.6, 0.5))
    >>> [round(each["responsibility"], 2) for each in makers(coins, 5)["components"]]
    [0.45, 0.55]
    """
    try:
        found, evidence = state.predict_proba_one(x), math.exp(state.log_density(x))
    except (SeqbayesError, OverflowError):
        return None
    shares = dict(zip(state.names, state.weights, strict=True))
    told = [
        {
            "name": str(name),
            "share": finite(shares[name]),
            "density": finite(p * evidence / shares[name]) if shares[name] > 0.0 else None,
            "responsibility": finite(p),
        }
        for name, p in found.items()
    ]
    told = [told[k] for k in state.ranking][:MOST]
    return {"x": values(x), "evidence": finite(evidence), "components": told}


def _component(name: Any, weight: float, state: State) -> dict[str, Any]:
    lines = [{**line, "name": line["name"].strip()} for line in field_lines("", state)[:MOST]]
    said = [f"{line['name']} {_brief(line)}".strip() for line in lines]
    return {
        "name": str(name),
        "weight": finite(weight),
        "n": finite(state.n_samples),
        "text": ", ".join(said),
        "fields": lines,
        "density": None,
    }


def _brief(line: dict[str, Any]) -> str:
    mean = line["mean"]
    share = line.get("unit") == "share" and mean is not None
    return f"{brief(100.0 * mean)} %" if share else brief(mean)


def brief(number: float | None) -> str:
    """Return a number in few digits."""
    return "unknown" if number is None else f"{number:.4g}"


def _predictive(component: Any) -> Any:
    """Return the distribution of what a component makes next, where it is one on the line."""
    try:
        predictive = component.predictive
        mean = predictive.mean
    except (SeqbayesError, NotImplementedError, AttributeError):
        return None
    usable = isinstance(mean, (int, float)) or mean is None
    return predictive if usable and hasattr(predictive, "interval") else None


def _draw(told: dict[str, Any], predictives: list[Any], weights: list[float], points: int) -> None:
    discrete = any(each.discrete for each in predictives)
    x = support(predictives, points) if discrete else _grid(predictives, points)
    if x is None:
        return
    curves_ = [
        w * np.asarray(each.p(x), float) for w, each in zip(weights, predictives, strict=True)
    ]
    total = np.sum(curves_, axis=0)
    peak = float(np.nanmax(total))
    if not (math.isfinite(peak) and peak > 0.0):
        return
    told["x"], told["total"], told["discrete"] = places(x), heights(total, peak), discrete
    for line, curve in zip(told["components"], curves_, strict=True):
        line["density"] = heights(curve, peak)


def _grid(predictives: list[Any], points: int) -> Any:
    each = max(points // len(predictives), 16)
    grids = [g for p in predictives if (g := curves.grid(p, each)) is not None]
    return np.unique(np.concatenate(grids)) if grids else None


def support(predictives: list[Any], points: int) -> Any:
    """Return whole numbers that hold nearly all of the probability, thinned where they are many."""
    ends = [p.interval(0.998) for p in predictives]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    step = max(1, math.ceil((high - low + 1) / points))
    return np.arange(math.floor(low), math.ceil(high) + 1, step, dtype=float)
