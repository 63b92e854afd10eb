"""Beliefs about one number: a density, with the prior's and the likelihood of the last event."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.dashboard.views import curves
from seqbayes.dashboard.views.figures import finite, heights, pair, places
from seqbayes.errors import SeqbayesError
from seqbayes.state import State

LEVEL = 0.95


def shown(state: State) -> Any:
    """Return the distribution that is drawn: of the parameter, or of the mean among several."""
    belief = state.belief(state.posterior)
    return belief.marginals.mean if hasattr(belief, "marginals") else belief


def _first(estimate: Any) -> float | None:
    """Return an estimate of the number that is drawn."""
    return finite(estimate[0] if isinstance(estimate, tuple) else estimate)


def numbers(state: State, last: Any, points: int) -> dict[str, Any]:
    """Return estimates, interval and density.

    Parameters
    ----------
    state
        About one number, or about mean and variance; then the mean is told, the variance beside.
    last
        The last observation, None where it is not known.
    points
        Of the density at most.
    """
    proper = state.is_proper(state.posterior)
    interval: Any = state.interval(LEVEL) if proper else None
    told: dict[str, Any] = {"mean": None, "mle": _first(state.mle), "map": _first(state.map)}
    several = isinstance(interval, tuple) and hasattr(interval, "_fields")
    told["mean"] = _first(state.mean) if proper else None
    told["interval"] = pair(interval[0] if several else interval) if proper else None
    told["level"] = LEVEL
    told["density"] = density(state, last, points) if proper else None
    if proper and several:
        told["variance"] = _variance(state, interval[1])
    return told


def _variance(state: State, interval: Any) -> dict[str, Any]:
    def second(estimate: Any) -> float | None:
        return None if estimate is None else finite(estimate[1])

    return {
        "mean": second(state.mean),
        "mle": second(state.mle),
        "map": second(state.map),
        "interval": pair(interval),
    }


def density(state: State, last: Any, points: int) -> dict[str, Any] | None:
    """Return the posterior's density, the prior's and the last event's likelihood on one grid."""
    drawn = shown(state)
    x = curves.grid(drawn, points)
    if x is None:
        return None
    posterior = np.asarray(drawn.pdf(x), float)
    peak = float(posterior.max())
    return {
        "x": places(x),
        "posterior": heights(posterior, peak),
        "prior": _prior(state, x, peak),
        "likelihood": None if last is None else _likelihood(state, last, x, peak),
    }


def _prior(state: State, x: Any, peak: float) -> list[float | None] | None:
    prior = state.prior
    if not state.is_proper(prior):
        return None
    belief = state.belief(prior)
    drawn = belief.marginals.mean if hasattr(belief, "marginals") else belief
    return heights(drawn.pdf(x), peak)


def _likelihood(state: State, last: Any, x: Any, peak: float) -> list[float | None] | None:
    """Return the likelihood on a grid, scaled to the posterior's peak."""
    try:
        one = state.observe(last).value
    except SeqbayesError:
        return None
    theta = state.observation_parameter(x)
    best = state.map
    if isinstance(best, tuple):  # of the mean, where the variance is most probable
        theta = (x, best[1])
    with np.errstate(all="ignore"):
        logs = np.asarray(state.log_likelihood(theta, one), float)
    top = float(np.max(logs, initial=-math.inf, where=~np.isnan(logs)))
    if not math.isfinite(top):
        return None
    return heights(np.exp(logs - top) * peak, peak)
