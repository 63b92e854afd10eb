"""Beliefs about the shares of labels: bars with intervals."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from typing import Any

from seqbayes import distributions
from seqbayes.dashboard.views.base import (
    LEVEL,
    BeliefView,
    Metric,
    Path,
    PlottedNumber,
    Ranking,
    register_view,
)
from seqbayes.dashboard.views.figures import finite, pair
from seqbayes.dashboard.views.numbers import step_as_json
from seqbayes.dashboard.views.predictives import bars, predictive_of
from seqbayes.families import Beta
from seqbayes.predictive.labels import Categorical
from seqbayes.state import State

MAX_BARS = 12
_MAX_FOLLOWABLE = 12


@register_view
class LabelsView(BeliefView):
    """Show a belief about the shares of labels."""

    kind = "labels"
    compares = "share"
    stepwise = True
    link = " = "

    def card(self, state: Any, last: Any, points: int) -> dict[str, Any]:
        """Return the largest shares, and the total share of all other labels."""
        return shares(state, level=self.level)

    def rankings(self, states: Any) -> list[Ranking]:
        """Return the largest share of each state."""
        return [self._ranking(state) for state in states]

    @staticmethod
    def _ranking(state: Any) -> Ranking:
        weights, total = _weights(state)
        top = max(weights.values(), default=0.0)
        return Ranking(state.n_samples, top / total if total > 0.0 else None)

    def predictive(self, state: Any, card: dict[str, Any]) -> dict[str, Any] | None:
        """Return a bar for each label, or for each count."""
        return bars(predictive_of(state))

    def plotted(self, state: Any, held: Path) -> PlottedNumber | None:
        """Return the largest share, or the share plotted so far if it could be as large."""
        weights, total = _weights(state)
        if not (weights and total > 0.0):
            return None
        top = max(weights, key=weights.__getitem__)
        for label, weight in weights.items():
            if held == (str(label),):
                found = _followed(label, weight, total, self.level)
                if found.high is None or weights[top] / total <= found.high:
                    return found
        return _followed(top, weights[top], total, self.level)

    def plottable(self, state: Any) -> Iterator[PlottedNumber]:
        """Yield the largest shares."""
        weights, total = _weights(state)
        for label in heapq.nlargest(_MAX_FOLLOWABLE, weights, key=weights.__getitem__):
            if total > 0.0:
                yield _followed(label, weights[label], total, self.level)

    def metrics(self, state: Any) -> list[Metric]:
        """Return the largest shares, each with its label."""
        return [Metric.of({"label": each.name}, each) for each in self.plottable(state)]

    def estimates(self, name: str, state: Any) -> list[dict[str, Any]]:
        """Return the share of each label."""
        interval = state.interval(self.level)
        return [
            {
                "name": f"{name} = {label}" if name else str(label),
                "mean": finite(share),
                "interval": None if interval is None else pair(interval[label]),
                "unit": "share",
            }
            for label, share in (state.mean or {}).items()
        ]

    def leading_estimates(self, name: str, state: Any, most: int) -> list[dict[str, Any]]:
        """Return the largest shares, with the number of observations of each label."""
        return [
            {
                "name": f"{name} = {share['label']}",
                "mean": share["mean"],
                "interval": share["interval"],
                "n": share["n"],
                "unit": "share",
            }
            for share in shares(state, most, self.level)["shares"]
        ]

    def predictive_parts(self, name: str, state: Any) -> Iterator[tuple[str, Any]]:
        """Yield the predictive distribution, or None if it is not a distribution over labels."""
        found = predictive_of(state)
        yield name, found if isinstance(found, Categorical) else None

    def step(self, state: Any, x: Any) -> dict[str, Any] | None:
        """Return the step for the share of one label, or of all labels that have not occurred."""
        if not state.likelihood.labelled:
            step = state.explain(x)
            terms = step.prior, step.likelihood, step.evidence, step.posterior
            return step_as_json(x, step.at, *terms)
        state.observe(x)  # this raises an error if the label is invalid
        weights, unseen = state.label_weights()
        known = x in weights
        weight = weights[x] if known else unseen
        rest = sum(weights.values()) + unseen - weight
        if not (weight > 0.0 and rest > 0.0):
            return None
        at = (weight + 1.0) / (weight + 1.0 + rest)
        before = distributions.Beta(weight, rest).pdf(at)
        after = distributions.Beta(weight + 1.0, rest).pdf(at)
        step = step_as_json(x, at, before, at, weight / (weight + rest), after)
        return {**step, "of": str(x) if known else None}


def _weights(state: Any) -> tuple[Any, float]:
    """Return the weights of the labels, and the total including the weight of unknown labels."""
    weights, unseen = state.label_weights()
    return weights, math.fsum([*weights.values(), unseen])


def shares(state: State, most: int = MAX_BARS, level: float = LEVEL) -> dict[str, Any]:
    """Return the labels with the largest mean shares, and the total share of all others."""
    weights, unseen = state.label_weights()
    total = math.fsum(weights.values()) + unseen
    counts = state.label_counts()
    data = math.fsum(counts.values())
    modes = state.map or {}
    top = heapq.nlargest(most, weights, key=weights.__getitem__)
    shown = [_share(each, weights[each], total, counts, data, modes, level) for each in top]
    rest = total - math.fsum(weights[label] for label in top)
    first = shown[0] if shown else {}
    return {
        "mean": first.get("mean"),
        "mle": first.get("mle"),
        "map": first.get("map"),
        "interval": first.get("interval"),
        "level": level,
        "shares": shown,
        "rest": len(weights) - len(top),
        "rest_mean": finite(max(rest, 0.0) / total) if total > 0.0 else None,
        "unseen": finite(unseen / total) if total > 0.0 else None,
    }


def _share(
    label: Any, weight: float, total: float, counts: Any, data: float, modes: Any, level: float
) -> dict[str, Any]:
    proper = weight > 0.0 and total > weight
    count = counts.get(label, 0.0)
    beta = distributions.Beta(weight, total - weight) if proper else None
    return {
        "label": str(label),
        "mean": weight / total if total > 0.0 else None,
        "mle": count / data if data > 0.0 else None,
        "map": finite(modes.get(label)),
        "interval": pair(beta.interval(level)) if beta is not None else None,
        "n": finite(count),
    }


def _followed(label: Any, weight: float, total: float, level: float) -> PlottedNumber:
    low, high = None, None
    if 0.0 < weight < total:
        low, high = Beta(weight, total - weight).interval(level) or (None, None)
    return PlottedNumber(str(label), (str(label),), weight / total, finite(low), finite(high), True)
