"""Beliefs about the shares of labels: bars with intervals."""

from __future__ import annotations

import heapq
import math
from typing import Any

from seqbayes import distributions
from seqbayes.dashboard.views.figures import finite, pair
from seqbayes.dashboard.views.numbers import LEVEL
from seqbayes.families import DirichletProcess
from seqbayes.state import State

MOST = 12


def concentrations(state: State) -> tuple[dict[Any, float], float]:
    """Return the weight of every label, and that of all that were never seen."""
    if isinstance(state, DirichletProcess):
        posterior = state.posterior
        return posterior.atoms, float(posterior.concentration)
    alpha, categories = state.posterior
    return dict(zip(categories, alpha.tolist(), strict=True)), 0.0


def _counts(state: State) -> dict[Any, float]:
    value = state._statistics.value
    if isinstance(value, dict):
        return value
    return dict(zip(state.prior.categories, value.tolist(), strict=True))


def shares(state: State, most: int = MOST) -> dict[str, Any]:
    """Return the labels with the largest mean shares, and how much is left for all others."""
    weights, unseen = concentrations(state)
    total = math.fsum(weights.values()) + unseen
    counts = _counts(state)
    seen = math.fsum(counts.values())
    modes = state.map or {}
    top = heapq.nlargest(most, weights, key=weights.__getitem__)
    told = [_share(label, weights[label], total, counts, seen, modes) for label in top]
    rest = total - math.fsum(weights[label] for label in top)
    first = told[0] if told else {}
    return {
        "mean": first.get("mean"),
        "mle": first.get("mle"),
        "map": first.get("map"),
        "interval": first.get("interval"),
        "level": LEVEL,
        "shares": told,
        "rest": len(weights) - len(top),
        "rest_mean": finite(max(rest, 0.0) / total) if total > 0.0 else None,
        "unseen": finite(unseen / total) if total > 0.0 else None,
    }


def _share(
    label: Any, weight: float, total: float, counts: Any, seen: float, modes: Any
) -> dict[str, Any]:
    proper = weight > 0.0 and total > weight
    count = counts.get(label, 0.0)
    beta = distributions.Beta(weight, total - weight) if proper else None
    return {
        "label": str(label),
        "mean": weight / total if total > 0.0 else None,
        "mle": count / seen if seen > 0.0 else None,
        "map": finite(modes.get(label)),
        "interval": pair(beta.interval(LEVEL)) if beta is not None else None,
        "n": finite(count),
    }
