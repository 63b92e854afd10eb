"""The common prior for many keys, estimated from their statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.state import State
from seqbayes.table.pooling.empirical import maximise
from seqbayes.table.pooling.grid import posterior_nodes
from seqbayes.table.pooling.nested import Nested, nested_nodes
from seqbayes.table.pooling.options import Pool, PooledPrior
from seqbayes.table.pooling.population import Population, population_of

Array = Any

FEW_KEYS = 200
"""Fewer keys than this with data are pooled on a grid by the method "auto"."""


def estimate(pool: Pool, state: State, statistic: Any, keys: Sequence[Any]) -> PooledPrior:
    """Estimate the prior that the keys have in common.

    Parameters
    ----------
    pool
        The method.
    state
        A state of the family, whose prior is used if the data do not determine a common prior.
    statistic
        The statistics of all keys, as arrays.
    keys
        The keys, in the same order; used only for nested levels.

    Raises
    ------
    PriorError
        If the family cannot be pooled, or levels are nested and keys are not tuples of equal
        length.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.statistics import PairStatistic
    >>> hits = np.tile([2.0, 5.0, 9.0], 100)
    >>> found = estimate(Pool("empirical"), Beta(), PairStatistic(hits, 20.0 - hits), [])
    >>> [round(float(value), 2) for value in found.hyperparameters]
    [4.32, 11.89]
    """
    population = population_of(state)
    groups = population.groups(state, statistic)
    n_keys = int(groups.counts.sum())
    if n_keys < 2:
        return _template(state, n_keys)
    method = pool.method
    if method == "auto":
        method = "grid" if n_keys < FEW_KEYS else "empirical"
    if method == "nested":
        found = nested_nodes(population, state, statistic, keys)
        if found is None:
            return _template(state, n_keys)
        return _nested(population, state, found, n_keys)
    terms = population.terms(state, groups)
    if method == "empirical":
        best = maximise(population, state, terms)
        return (
            _template(state, n_keys) if best is None else _single(population, state, best, n_keys)
        )
    nodes = posterior_nodes(population, terms)
    if nodes is None:
        return _template(state, n_keys)
    priors = population.hyperparameters(state, nodes.x[None], nodes.u[None])
    return PooledPrior(
        method,
        _average(priors, nodes.weights[None]),
        (float((np.exp(nodes.u) * nodes.weights).sum()),),
        n_keys,
        priors,
        nodes.weights[None],
        None,
    )


def _nested(population: Population, state: State, found: Nested, n_keys: int) -> PooledPrior:
    u = found.log_spread
    new = population.hyperparameters(state, found.x_new, np.full(len(found.x_new), u))
    return PooledPrior(
        "nested",
        _average(new, found.weights_new),
        found.dispersions,
        n_keys,
        population.hyperparameters(state, found.x, np.full(found.x.shape, u)),
        found.weights,
        found.groups,
    )


def _single(
    population: Population, state: State, at: tuple[float, float], n_keys: int
) -> PooledPrior:
    found = population.hyperparameters(state, *at)
    prior = type(found)(*map(float, found))
    dispersion = float(np.exp(at[1]))
    priors = type(prior)(*(np.array([[value]]) for value in prior))
    return PooledPrior("empirical", prior, (dispersion,), n_keys, priors, np.ones((1, 1)), None)


def _template(state: State, n_keys: int) -> PooledPrior:
    prior = state.prior
    return PooledPrior("none", prior, (), n_keys, prior, np.ones((1, 1)), None)


def _average(priors: Any, weights: Array) -> Any:
    """Return the average of hyperparameters; a single number is returned unchanged."""
    return type(priors)(
        *(
            float((value * weights).sum()) if isinstance(value, np.ndarray) else float(value)
            for value in priors
        )
    )
