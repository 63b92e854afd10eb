"""Summaries of estimators: a few numbers with intervals, by name."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from seqbayes.river.anomaly import PredictiveSurprise
from seqbayes.river.generative import GenerativeClassifier
from seqbayes.river.regression import ConjugateLinearRegression
from seqbayes.state import State

MOST = 12
"""Largest number of names in a summary, and of labels of one feature."""


class Summary(NamedTuple):
    """Means and 95 % intervals by name; the first one is the most important."""

    mean: dict[str, Any]
    interval: dict[str, Any]


def summarise(estimator: Any) -> Summary | None:
    """Return the summary of an estimator; None for objects of other classes.

    It has the shares of a classifier's largest classes, the weights of a regression's first
    features, or the beliefs of `PredictiveSurprise` about its first features.

    Examples
    --------
    >>> from seqbayes.river import ConjugateNB
    >>> model = ConjugateNB()
    >>> for legs, label in [(2, "hen"), (4, "dog"), (4, "dog")]:
    ...     model.learn_one({"legs": legs}, label)
    >>> summarise(model).mean
    {'dog': 0.6, 'hen': 0.4}
    """
    if isinstance(estimator, GenerativeClassifier):
        shares = estimator.class_shares
        top = heapq.nlargest(MOST, shares, key=shares.__getitem__)
        return _named(top, shares, estimator.class_share_intervals(classes=top))
    if isinstance(estimator, ConjugateLinearRegression):
        weights = estimator.weights
        first = list(islice(weights, MOST))
        return _named(first, weights, estimator.weight_intervals(features=first))
    if isinstance(estimator, PredictiveSurprise):
        beliefs = {name: estimator.belief(name) for name in estimator.feature_names[:MOST]}
        found = {name: _mean_and_interval(belief) for name, belief in beliefs.items()}
        means = {name: mean for name, (mean, _) in found.items()}
        return _named(found, means, {name: interval for name, (_, interval) in found.items()})
    return None


def _named(names: Any, means: Mapping[Any, Any], intervals: Mapping[Any, Any]) -> Summary:
    return Summary(
        {str(name): means[name] for name in names}, {str(name): intervals[name] for name in names}
    )


def _mean_and_interval(belief: State) -> tuple[Any, Any]:
    """Return mean and interval of a belief; for labels, those with the largest shares."""
    if belief.display_kind == "labels":
        top = belief.belief(belief.posterior).largest(MOST)
        return top.mean, top.interval(0.95, "equal-tailed")
    return belief.mean, belief.interval()
