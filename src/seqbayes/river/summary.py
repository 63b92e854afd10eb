"""What estimators are summarised by: a few numbers with intervals, by name."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from seqbayes.families import Dirichlet, DirichletProcess
from seqbayes.river.anomaly import PredictiveSurprise
from seqbayes.river.generative import GenerativeClassifier
from seqbayes.river.regression import ConjugateLinearRegression
from seqbayes.state import State

MOST = 12
"""Names of a summary, and labels of one feature."""


class Summary(NamedTuple):
    """Means and 95 % intervals by name, the first of them the one to look at."""

    mean: dict[str, Any]
    interval: dict[str, Any]


def summarise(estimator: Any) -> Summary | None:
    """Return what an estimator is summarised by; None of what is no estimator of this package.

    Of a classifier these are the shares of the largest classes, of a regression the weights of the
    first features, of `PredictiveSurprise` what is believed of the first features.

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
        told = {name: _told(belief) for name, belief in beliefs.items()}
        means = {name: mean for name, (mean, _) in told.items()}
        return _named(told, means, {name: interval for name, (_, interval) in told.items()})
    return None


def _named(names: Any, means: Mapping[Any, Any], intervals: Mapping[Any, Any]) -> Summary:
    return Summary(
        {str(name): means[name] for name in names}, {str(name): intervals[name] for name in names}
    )


def _told(belief: State) -> tuple[Any, Any]:
    """Return mean and interval of a belief; of many labels those with the largest shares."""
    if isinstance(belief, (Dirichlet, DirichletProcess)):
        top = belief.belief(belief.posterior).largest(MOST)
        return top.mean, top.interval(0.95, "equal-tailed")
    return belief.mean, belief.interval()
