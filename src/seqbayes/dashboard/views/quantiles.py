"""Quantiles of observations, such as the 95th percentile of a latency, with their uncertainty."""

from __future__ import annotations

from typing import Any

from seqbayes.dashboard.views.base import LEVEL
from seqbayes.dashboard.views.figures import finite

PROBABILITIES = (0.5, 0.95, 0.99)


def quantiles(state: Any, level: float = LEVEL) -> list[dict[str, Any]] | None:
    """Return quantiles of the next observation, with intervals for the population quantiles.

    Returns None if the likelihood does not support such intervals, or the posterior is improper.

    Examples
    --------
    >>> from seqbayes import Gamma, likelihoods
    >>> state = Gamma(3, 2, likelihood=likelihoods.Exponential())
    >>> [round(each["x"], 3) for each in quantiles(state)]
    [0.52, 3.429, 7.283]
    """
    plain = state.as_of()
    if not plain.conjugate or not plain.is_proper(plain.posterior):
        return None
    found = []
    for p in PROBABILITIES:
        interval = plain.likelihood.quantile_interval(plain.posterior, p, level)
        if interval is None:
            return None
        x = finite(float(plain.predictive.ppf(p)))
        found.append({"p": p, "x": x, "interval": [finite(end) for end in interval]})
    return found
