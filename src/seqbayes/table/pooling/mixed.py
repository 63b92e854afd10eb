"""Posteriors of keys whose population is known only as a distribution: averages over nodes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from seqbayes.distributions import Distribution
from seqbayes.numerics import sc
from seqbayes.state import State
from seqbayes.table.pooling.population import Population

Array = Any

_BLOCK = 1 << 18
"""Number of distributions that are computed at once."""
_STEPS = 200
_TOLERANCE = 1e-13


class MixedBelief(Distribution):
    """For each row, the average of posteriors under many priors.

    Parameters
    ----------
    state
        Any state of the family.
    population
        The population of the family.
    priors
        The hyperparameters of the K priors of every group, as arrays of shape (groups, K).
    weights : array of shape (groups, K)
        Their probabilities.
    statistic
        The statistics of n rows.
    groups : array of int, or None
        The group of every row, if there are several.
    """

    scalar = False

    def __init__(
        self,
        state: State,
        population: Population,
        priors: Any,
        weights: Array,
        statistic: Any,
        groups: Array | None = None,
    ) -> None:
        self._state, self._population, self._groups = state, population, groups
        self._priors, self._weights, self._statistic = priors, weights, statistic
        self._n = len(statistic[0])
        self.support = state.belief(priors).support
        self._moments: tuple[Array, Array] | None = None

    def _blocks(self) -> Iterator[tuple[slice, Distribution, Array]]:
        """Yield blocks of rows, their posteriors of shape (rows, K), and the weights."""
        step = max(1, _BLOCK // self._weights.shape[1])
        for start in range(0, self._n, step):
            rows = slice(start, start + step)
            yield rows, self._beliefs(rows), self.weights_of(rows)

    def _beliefs(self, rows: Any) -> Distribution:
        belief: Distribution = self._state.belief(self.posteriors(rows))
        return belief

    def posteriors(self, rows: Any) -> Any:
        """Return the hyperparameters of some rows' posteriors, of shape (rows, K)."""
        statistic = type(self._statistic)(*(column[rows][:, None] for column in self._statistic))
        priors = self._priors
        if self._groups is not None:
            groups = self._groups[rows]
            priors = type(priors)(*(v[groups] if np.ndim(v) else v for v in priors))
        return self._state.combine(priors, statistic)

    def weights_of(self, rows: Any) -> Array:
        """Return the probabilities of the priors of some rows, of shape (rows or 1, K)."""
        return self._weights if self._groups is None else self._weights[self._groups[rows]]

    def _average(self, answer: Any) -> Array:
        with np.errstate(over="ignore"):  # a variance can be too large for a float
            parts = [
                (np.broadcast_to(answer(belief, rows), belief.mean.shape) * weights).sum(axis=1)
                for rows, belief, weights in self._blocks()
            ]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _mean_and_var(self) -> tuple[Array, Array]:
        if self._moments is None:
            mean = self._average(lambda belief, rows: belief.mean)
            var = self._average(
                lambda belief, rows: belief.var + np.square(belief.mean - mean[rows][:, None])
            )
            self._moments = mean, var
        return self._moments

    @property
    def mean(self) -> Array:
        """Expected values."""
        return self._mean_and_var()[0]

    @property
    def var(self) -> Array:
        """Variances: the mean variance plus the variance of the mean."""
        return self._mean_and_var()[1]

    def inner_point(self) -> Array:
        """Return the means."""
        return self.mean

    def _log_density(self, x: Any) -> Array:
        x = np.broadcast_to(x, self._n)
        parts = []
        for rows, belief, weights in self._blocks():
            logs = np.asarray(belief.logpdf(x[rows][:, None])) + np.log(weights)
            parts.append(sc.logsumexp(logs, axis=1))
        return np.concatenate(parts)

    def _cdf(self, x: Any) -> Array:
        x = np.broadcast_to(x, self._n)
        return self._average(lambda belief, rows: belief.cdf(x[rows][:, None]))

    def _sf(self, x: Any) -> Array:
        x = np.broadcast_to(x, self._n)
        return self._average(lambda belief, rows: belief.sf(x[rows][:, None]))

    def _ppf(self, q: Any) -> Array:
        return self._solved(float(q), upper=False)

    def _isf(self, q: Any) -> Array:
        return self._solved(float(q), upper=True)

    def _solved(self, q: float, upper: bool) -> Array:
        """Find quantiles by Newton's method, within the bounds of Chebyshev's inequality."""
        mean, deviation = self.mean, np.sqrt(self.var)
        beyond = math.sqrt((1.0 - q) / q) if q < 0.5 else math.sqrt(q / (1.0 - q))
        z = -float(sc.ndtri(q)) if upper else float(sc.ndtri(q))
        found = np.empty(self._n)
        step = max(1, _BLOCK // self._weights.shape[1])
        for start in range(0, self._n, step):
            rows = np.arange(start, min(start + step, self._n))
            reach = beyond * deviation[rows]
            low, high = (
                self._location(np.clip(mean[rows] + sign * reach * 1.01, *self.support))
                for sign in (-1.0, 1.0)
            )
            first = self._location(np.clip(mean[rows] + z * deviation[rows], *self.support))
            first = np.where((first > low) & (first < high), first, 0.5 * (low + high))
            found[rows] = self._solve(rows, q, upper, low, high, first)
        return found

    def _location(self, theta: Array) -> Array:
        """Return locations within the range of floats."""
        with np.errstate(divide="ignore"):
            found = self._population.location(theta)
        if self.support == (-math.inf, math.inf):
            return found
        return np.clip(found, -700.0, 700.0 if self.support[1] == math.inf else 36.0)

    def _solve(
        self, rows: Array, q: float, upper: bool, low: Array, high: Array, x: Array
    ) -> Array:
        left = np.arange(len(rows))  # the rows that have not converged
        x = x.copy()
        for _ in range(_STEPS):
            belief, weights = self._beliefs(rows[left]), self.weights_of(rows[left])
            theta = self._population.parameter(x[left])[:, None]
            tail = belief.sf(theta) if upper else belief.cdf(theta)
            gap = (tail * weights).sum(axis=1) - q
            below = gap > 0.0 if upper else gap < 0.0
            low[left] = np.where(below, x[left], low[left])
            high[left] = np.where(below, high[left], x[left])
            density = (belief.pdf(theta) * weights).sum(axis=1)
            with np.errstate(all="ignore"):
                slope = density * np.exp(self._population.log_slope(x[left]))
                moved = x[left] - (-gap if upper else gap) / slope
            inside = (moved > low[left]) & (moved < high[left])
            moved = np.where(inside, moved, 0.5 * (low[left] + high[left]))
            unit = np.maximum(1.0, np.abs(moved)) if self.support[0] == 0.0 else self._unit(left)
            change = np.abs(moved - x[left])
            x[left] = moved
            left = left[change > _TOLERANCE * unit]
            if len(left) == 0:
                break
        theta_found: Array = self._population.parameter(x)
        return theta_found

    def _unit(self, rows: Array) -> Array:
        return np.abs(self.mean[rows]) + np.sqrt(self.var[rows])

    def _draw(self, rng: np.random.Generator, size: Any) -> Array:
        if size is not None:
            raise ValueError("expected one draw for each row")
        parts = []
        step = max(1, _BLOCK // self._weights.shape[1])
        for start in range(0, self._n, step):
            rows = slice(start, start + step)
            n = len(range(*rows.indices(self._n)))
            shares = np.cumsum(self.weights_of(rows), axis=1)
            chosen = (rng.random((n, 1)) * shares[:, -1:] > shares).sum(axis=1)[:, None]
            posteriors = self.posteriors(rows)
            picked = type(posteriors)(
                *(_pick(values, chosen) if np.ndim(values) else values for values in posteriors)
            )
            parts.append(np.asarray(self._state.belief(picked).sample(n, rng)))
        return np.concatenate(parts) if parts else np.zeros(0)


def _pick(values: Array, chosen: Array) -> Array:
    """Return one value per row."""
    wide = np.broadcast_to(values, (len(chosen), values.shape[1]))
    return np.take_along_axis(wide, chosen, axis=1)[:, 0]
