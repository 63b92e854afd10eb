"""Beliefs about one number: a density, with the prior's and the likelihood of the last event.

Many beliefs of one family are told at once, for a page shows many and arrays cost little more than
one number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.dashboard.views import curves
from seqbayes.dashboard.views.figures import finite, pair, rounded
from seqbayes.errors import SeqbayesError
from seqbayes.state import State

LEVEL = 0.95


def shown(state: State) -> Any:
    """Return the distribution that is drawn: of the parameter, or of the mean among several."""
    return _drawn(state, state.posterior)


def _drawn(state: State, hyperparameters: Any) -> Any:
    belief = state.belief(hyperparameters)
    return belief.marginals.mean if hasattr(belief, "marginals") else belief


def columns(values: Sequence[Any], tall: bool = False) -> Any:
    """Return named tuples of numbers as one of arrays: (K,), or (K, 1) where it is to be tall."""
    arrays = np.array(values, float).T
    return type(values[0])(*(arrays[:, :, None] if tall else arrays))


def intervals(states: Sequence[State], level: float = LEVEL) -> Any:
    """Return the ends of the intervals of what is drawn of states of one family, each (K,)."""
    posteriors = columns([state.posterior for state in states])
    return np.asarray(_drawn(states[0], posteriors).interval(level), float)


def _first(estimate: Any) -> float | None:
    """Return an estimate of the number that is drawn."""
    return finite(estimate[0] if isinstance(estimate, tuple) else estimate)


def numbers(states: Sequence[State], lasts: Sequence[Any], points: int) -> list[dict[str, Any]]:
    """Return estimates, interval and density of each.

    Parameters
    ----------
    states
        Of one family and one prior, about a number, or about mean and variance; then the mean is
        told, the variance beside.
    lasts
        The last observation of each, None where it is not known.
    points
        Of a density at most.
    """
    proper = [k for k, state in enumerate(states) if state.is_proper(state.posterior)]
    told = [_estimates(state, k in set(proper)) for k, state in enumerate(states)]
    if not proper:
        return told
    chosen = [states[k] for k in proper]
    ends = intervals(chosen)
    densities = _densities(chosen, [lasts[k] for k in proper], ends, points)
    for k, low, high, density in zip(proper, *ends.tolist(), densities, strict=True):
        told[k]["interval"], told[k]["density"] = pair((low, high)), density
        if isinstance(states[k].posterior, tuple) and hasattr(states[k].mean, "_fields"):
            told[k]["variance"] = _variance(states[k])
    return told


def _estimates(state: State, proper: bool) -> dict[str, Any]:
    return {
        "mean": _first(state.mean) if proper else None,
        "mle": _first(state.mle),
        "map": _first(state.map),
        "interval": None,
        "level": LEVEL,
        "density": None,
    }


def _variance(state: State) -> dict[str, Any]:
    def second(estimate: Any) -> float | None:
        return None if estimate is None else finite(estimate[1])

    marginal = state.belief(state.posterior).marginals.variance
    return {
        "mean": second(state.mean),
        "mle": second(state.mle),
        "map": second(state.map),
        "interval": pair(marginal.interval(LEVEL)),
    }


def _densities(
    states: Sequence[State], lasts: Sequence[Any], ends: Any, points: int
) -> list[dict[str, Any] | None]:
    """Return the posterior's density, the prior's and the last event's likelihood of each."""
    state, posteriors = states[0], [state.posterior for state in states]
    narrow, wide = _drawn(state, columns(posteriors)), _drawn(state, columns(posteriors, True))
    x = curves.grids(narrow, wide, ends, points)
    with np.errstate(all="ignore"):
        posterior = wide.pdf(x)
        prior = _drawn(state, state.prior).pdf(x) if state.is_proper(state.prior) else None
    peaks = posterior.max(axis=-1, keepdims=True)
    likelihoods = _likelihoods(states, lasts, x, peaks)
    curves_ = [rounded(posterior, peaks), None if prior is None else rounded(prior, peaks)]
    places = rounded(x, x[:, -1:] - x[:, :1])
    return [
        _density(places[k], [None if c is None else c[k] for c in curves_], likelihoods[k])
        for k in range(len(states))
    ]


def _density(x: Any, heights: Sequence[Any], likelihood: Any) -> dict[str, Any] | None:
    if np.isnan(x).any():
        return None
    kept = np.concatenate([[True], np.diff(x) > 0.0])  # points that rounding has made one
    told = [None if y is None else _listed(y[kept]) for y in (*heights, likelihood)]
    names = ("posterior", "prior", "likelihood")
    return {"x": x[kept].tolist(), **dict(zip(names, told, strict=True))}


def _listed(values: Any) -> list[float | None]:
    if np.isfinite(values).all():
        return list(values.tolist())
    return [finite(v) for v in values.tolist()]


def _likelihoods(states: Sequence[State], lasts: Sequence[Any], x: Any, peaks: Any) -> list[Any]:
    """Return likelihoods on the grids, each scaled to the posterior's peak; None where unknown."""
    found: list[Any] = [None] * len(states)
    known, statistics = [], []
    for k, (state, last) in enumerate(zip(states, lasts, strict=True)):
        try:
            if last is not None:
                statistics.append(state.observe(last).value)
                known.append(k)
        except SeqbayesError:  # another belief's field
            continue
    if not known:
        return found
    state, theta = states[0], states[0].observation_parameter(x[known])
    modes = [states[k].map for k in known]
    if isinstance(modes[0], tuple):  # of the mean, where the variance is most probable
        theta = (x[known], np.array([mode[1] for mode in modes])[:, None])
    with np.errstate(all="ignore"):
        logs = np.asarray(state.log_likelihood(theta, columns(statistics, True)), float)
        tops = np.max(logs, axis=-1, keepdims=True, initial=-math.inf, where=~np.isnan(logs))
        heights = rounded(np.exp(logs - tops) * peaks[known], peaks[known])
    for row, k in enumerate(known):
        if math.isfinite(tops[row, 0]):
            found[k] = heights[row]
    return found
