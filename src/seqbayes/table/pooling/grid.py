"""Full Bayes: the posterior of the population on a grid of locations and dispersions."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from seqbayes.table.pooling.population import Population
from seqbayes.table.pooling.terms import Terms

Array = Any

_DROP = 32.0
"""The grid ends where the log density is this much below its maximum."""
_NODES = 40
"""Number of locations."""
_HALF = 24
"""Number of dispersions below, and above, the most probable dispersion."""
_SCANNED = 200
"""Number of dispersions at which the width of the posterior is measured."""
_WIDER = math.log(100.0)
"""Distance by which the grid extends beyond the limits of estimates."""
_IMPROPER = 6.0
"""If the log density falls by less than this toward the largest dispersion, it is improper."""
_NEWTON_STEPS = 60
_NEGLIGIBLE = 1e-11
"""Total weight of the nodes that are omitted."""


class Nodes(NamedTuple):
    """Locations and log dispersions, with their posterior probabilities."""

    x: Array
    u: Array
    weights: Array


class _Posterior:
    """The log density of the population with respect to (x, d), given all data."""

    def __init__(self, population: Population, terms: Terms) -> None:
        self._population, self._terms = population, terms
        self.scale = terms.scale

    def __call__(self, x: Array, u: Array) -> Array:
        values = self._terms.values(x, u) + self._population.log_hyperprior(x)
        return np.where(np.isnan(values), -np.inf, values)

    def middles(self, u: Array) -> tuple[Array, Array]:
        """Return the best location for each dispersion, and the width of the density there."""
        x = np.full(len(u), self._terms.start)
        h = 1e-3 * self.scale
        width = np.full(len(u), self.scale)
        for _ in range(_NEWTON_STEPS):
            low, here, high = self(x - h, u), self(x, u), self(x + h, u)
            slope, bend = (high - low) / (2.0 * h), (high - 2.0 * here + low) / (h * h)
            width = 1.0 / np.sqrt(np.maximum(np.abs(bend), 1e-8 / self.scale**2))
            step = np.clip(slope * width**2, -self.scale, self.scale)
            x = x + step
            if np.abs(step / width).max() < 1e-3:
                break
        return x, width


def posterior_nodes(population: Population, terms: Terms) -> Nodes | None:
    """Return a grid with the posterior of the population; None if it cannot be normalised.

    The hyperprior is uniform in the dispersion d = exp(u); the family defines its density in the
    location.
    """
    if terms.groups.counts.sum() < 2.0:
        return None
    posterior = _Posterior(population, terms)
    ends = _dispersions(posterior, terms)
    if ends is None:
        return None
    u, weights = _rule(*ends)
    middle, width = posterior.middles(u)
    left, right = (_reach(posterior, middle, side * width, u) for side in (-1.0, 1.0))
    steps = np.linspace(0.0, 1.0, _NODES)
    x = left[:, None] + (right - left)[:, None] * steps
    spread = np.broadcast_to(u[:, None], x.shape)
    logs = posterior(x.ravel(), spread.ravel()).reshape(x.shape)
    logs = logs + (np.log(right - left) + weights)[:, None]
    found = np.exp(logs - logs.max())
    return _without_negligible(x.ravel(), spread.ravel(), (found / found.sum()).ravel())


def _dispersions(posterior: _Posterior, terms: Terms) -> tuple[float, float, float] | None:
    """Return the limits of dispersions with non-negligible posterior, and the mode between them.

    The result is None if the density does not decrease toward large dispersions.
    """
    u = np.linspace(terms.lowest, terms.highest + _WIDER, _SCANNED)
    x, width = posterior.middles(u)
    by_log = posterior(x, u) + np.log(width) + u
    best = int(np.argmax(by_log))
    if by_log[best] - by_log[-1] < _IMPROPER:
        return None
    inside = np.flatnonzero(by_log > by_log[best] - _DROP)
    low = 0.0 if inside[0] == 0 else math.exp(u[inside[0] - 1])
    high = math.exp(u[min(inside[-1] + 1, len(u) - 1)])
    return low, math.exp(u[best]), high


def _rule(low: float, middle: float, high: float) -> tuple[Array, Array]:
    """Return log dispersions, and log weights of integrals over the dispersion.

    Below the middle, the coordinate is the dispersion, whose density is flat toward zero. Above the
    middle, the coordinate is the logarithm of the dispersion, because the density may decrease
    slowly.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_HALF)
    share = (nodes + 1.0) / 2.0
    below = low + (middle - low) * share
    span = math.log(high) - math.log(middle)
    above = math.log(middle) + span * share
    return (
        np.concatenate([np.log(below), above]),
        np.concatenate([np.log(weights * (middle - low)), np.log(weights * span) + above]),
    )


def _reach(posterior: _Posterior, middle: Array, step: Array, u: Array) -> Array:
    """Return locations on one side of the middle at which the density is negligible."""
    bottom = posterior(middle, u) - _DROP
    factor = np.full(len(u), 8.0)
    for _ in range(40):
        far = posterior(middle + factor * step, u) > bottom
        if not far.any():
            break
        factor = np.where(far, factor * 1.4, factor)
    return middle + factor * step


def _without_negligible(x: Array, u: Array, weights: Array) -> Nodes:
    order = np.argsort(weights, kind="stable")
    kept = np.sort(order[np.cumsum(weights[order]) > _NEGLIGIBLE])
    weights = weights[kept]
    return Nodes(x[kept], u[kept], weights / weights.sum())
