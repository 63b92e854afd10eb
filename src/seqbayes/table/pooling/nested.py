"""Nested levels: groups of groups of keys, each with an unknown mean.

The mean of every group is drawn from the population of the family around the mean of the group that
contains it, and the parameter of every key is drawn from the population around the mean of its
innermost group. Given the dispersions, messages between the levels are exact sums over a grid of
locations [1]_. The dispersions maximise the marginal likelihood.

References
----------
.. [1] Pearl, J. (1988). Probabilistic Reasoning in Intelligent Systems, chapter 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqbayes.errors import PriorError
from seqbayes.numerics import sc
from seqbayes.state import State
from seqbayes.table.pooling.empirical import maximise
from seqbayes.table.pooling.population import Population

Array = Any

_FEWEST = 64
_MOST = 512
_SPACING = 0.7
"""Spacing of locations, in units of the width of the narrowest likelihood of a group's mean."""
_CELLS = 1 << 24
"""Maximum of the number of locations times the number of groups (or of distinct statistics)."""
_TAIL = 1e-6
_FARTHEST = 12.0
"""Maximum distance between the middle and the ends of the grid, in units of locations."""
_STEP = 1e-4
"""Step of log dispersions for finite differences."""
_PRECISION = 1e-3
"""The search ends when the slope of the log evidence is smaller than this."""
_FLOOR = -250.0
"""Lower limit of the log likelihoods of a group, relative to the largest."""
_KEPT = 32
"""Number of locations that are kept for every group."""


class Nested(NamedTuple):
    """The locations of means.

    Attributes
    ----------
    x, weights : array of shape (groups, K)
        Locations of the mean of every innermost group, with their probabilities.
    groups : array of int
        The innermost group of every row.
    x_new, weights_new : array
        Locations of the mean of a new group, with their probabilities.
    log_spread : float
        The log dispersion of keys within a group.
    dispersions : tuple of float
        The estimates of all levels.
    """

    x: Array
    weights: Array
    groups: Array
    x_new: Array
    weights_new: Array
    log_spread: float
    dispersions: tuple[float, ...]


def nested_nodes(
    population: Population, state: State, statistic: Any, keys: Sequence[Any]
) -> Nested | None:
    """Return the posterior of all innermost groups' means; None if the data do not determine it.

    Raises
    ------
    PriorError
        If keys are not tuples of equal length, which must be at least 2.
    """
    tree = _Tree(population, state, statistic, keys)
    flat = maximise(population, state, population.terms(state, tree.leaves))
    if flat is None:
        return None
    tree.place_grid(flat)
    spreads = tree.maximise(flat[1])
    weights, outer = tree.posterior(spreads)
    found = tuple(math.exp(u) for u in spreads)
    x, weights = _without_negligible(tree.x, weights)
    return Nested(x, weights, tree.group_of_row, tree.x, outer, spreads[-1], found)


class _Tree:
    """Groups in levels, and the messages between them.

    Groups and keys are in sorted order, so that sums do not depend on the order of rows.
    """

    def __init__(
        self, population: Population, state: State, statistic: Any, keys: Sequence[Any]
    ) -> None:
        self._population, self._state = population, state
        depths = {len(key) if isinstance(key, tuple) else 1 for key in keys}
        if len(depths) != 1 or depths == {1}:
            raise PriorError(
                "expected keys that are tuples of one length of at least 2, such as"
                " (store, item), to pool nested levels"
            )
        self.depth = depths.pop()
        self.parents, self.group_of_row, order = _levels(keys, self.depth)
        self.leaves = population.groups(state, statistic)
        columns = [np.asarray(column)[order] for column in statistic]
        distinct, inverse = np.unique(np.column_stack(columns), axis=0, return_inverse=True)
        self._distinct = type(statistic)(*distinct.T[:, :, None])
        group = self.group_of_row[order]
        codes, counts = np.unique(
            group.astype(np.int64) * len(distinct) + inverse.ravel(), return_counts=True
        )
        self._group, self._leaf = np.divmod(codes, len(distinct))
        self._counts = counts.astype(float)
        self.n_groups = len(self.parents[-1])
        self.x: Array = np.zeros(0)
        self._memory: dict[tuple[str, float], Any] = {}

    def place_grid(self, flat: tuple[float, float]) -> None:
        """Choose closely spaced locations over the range of a population fitted without levels."""
        belief = self._state.belief(self._population.hyperparameters(self._state, *flat))
        with np.errstate(all="ignore"):
            ends = self._population.location(np.array([belief.ppf(_TAIL), belief.isf(_TAIL)]))
        unit = self._population.terms(self._state, self.leaves).scale
        low = max(float(ends[0]), flat[0] - _FARTHEST * unit)
        high = min(float(ends[1]), flat[0] + _FARTHEST * unit)
        middle, half = (low + high) / 2.0, max((high - low) / 2.0, 0.05 * unit)
        self.x = np.linspace(middle - half, middle + half, _FEWEST)
        messages, _ = self._leaf_messages(flat[1])
        bends = -np.diff(messages, 2).min() / (self.x[1] - self.x[0]) ** 2
        number = int(2.0 * half * math.sqrt(max(bends, 0.0)) / _SPACING)
        most = min(_MOST, _CELLS // max(self.n_groups, len(self._leaf)))
        self.x = np.linspace(middle - half, middle + half, max(_FEWEST, min(most, number)))
        self._spacing = float(self.x[1] - self.x[0])

    def maximise(self, start: float) -> list[float]:
        """Return the log dispersions, one per level, that maximise the marginal likelihood."""
        from scipy.optimize import minimize

        # steps between locations limit how little the groups of a level can differ
        lowest = math.log(0.3 * self._spacing) - self._log_unit(start)
        ends = [(max(lowest, start - 6.0), start + 1.5)] * (self.depth - 1)
        ends.append((start - 6.0, start + 1.5))
        first = np.full(self.depth, start - 0.5 * math.log(self.depth))

        def negative(spreads: Array) -> float:
            return -self._log_evidence(spreads.tolist())

        options: Any = {"eps": _STEP, "ftol": 1e-10, "gtol": _PRECISION}
        found = minimize(negative, first, method="L-BFGS-B", bounds=ends, options=options)
        best: list[float] = found.x.tolist()
        return best

    def _log_unit(self, u: float) -> float:
        """Return the log width of a population, in units of locations, minus its log dispersion."""
        middle = self.x[len(self.x) // 2 :][:1]
        belief = self._state.belief(
            self._population.hyperparameters(self._state, middle, np.full(1, u))
        )
        return 0.5 * math.log(belief.var[0]) - float(self._population.log_slope(middle)[0]) - u

    def _log_evidence(self, spreads: Sequence[float]) -> float:
        upward = self._upward(spreads)[0][0]
        return float(sc.logsumexp(upward + self._population.log_hyperprior(self.x)))

    def _leaf_messages(self, spread: float) -> tuple[Array, float]:
        """Return the log likelihood of the keys of every innermost group, at every location.

        Each row is divided by its maximum; the second result is the sum of the logarithms of the
        maxima over all keys.
        """
        priors = self._population.hyperparameters(self._state, self.x, np.full(len(self.x), spread))
        logs = self._state.log_marginal(priors, self._distinct)
        top = logs.max(axis=1, keepdims=True)
        offset = float((top[self._leaf, 0] * self._counts).sum())
        logs -= top
        found = np.zeros((self.n_groups, len(self.x)))
        starts = np.flatnonzero(np.diff(self._group, prepend=-1))
        for rows in np.array_split(np.arange(len(starts)), max(1, len(self._group) >> 12)):
            if len(rows):
                first = starts[rows[0]]
                last = len(self._group) if rows[-1] + 1 == len(starts) else starts[rows[-1] + 1]
                part = logs[self._leaf[first:last]] * self._counts[first:last, None]
                found[self._group[starts[rows]]] = np.add.reduceat(part, starts[rows] - first)
        return found, offset

    def _remembered(self, name: str, function: Any, spread: float) -> Any:
        """Return a function's result, computed only once: a search changes one level at a time."""
        if (name, spread) not in self._memory:
            if len(self._memory) == 4 * self.depth:
                del self._memory[next(iter(self._memory))]
            self._memory[name, spread] = function(spread)
        return self._memory[name, spread]

    def _transition(self, spread: float) -> Array:
        """Return the probabilities of a group's location (columns), given its parent's (rows)."""
        priors = self._population.hyperparameters(
            self._state, self.x[:, None], np.full((len(self.x), 1), spread)
        )
        theta = self._population.parameter(self.x)[None]
        logs = self._state.belief(priors).logpdf(theta) + self._population.log_slope(self.x)
        logs = np.maximum(logs - logs.max(axis=1, keepdims=True), _FLOOR)
        found = np.exp(logs)
        shares: Array = found / found.sum(axis=1, keepdims=True)
        return shares

    def _upward(self, spreads: Sequence[float]) -> list[Array]:
        """Return the log likelihood of the data below every group, from the root to the leaves.

        A constant is subtracted from the message of every group, and is added back at the root.
        """
        leaves, offset = self._remembered("leaves", self._leaf_messages, spreads[-1])
        messages = [leaves]
        for level in range(self.depth - 2, -1, -1):
            sent, lost = self._sent(messages[0], spreads[level])
            offset += lost
            parents = self.parents[level]
            total = np.zeros((int(parents.max()) + 1, len(self.x)))
            np.add.at(total, parents, sent)
            messages.insert(0, total)
        messages[0] = messages[0] + offset
        return messages

    def _sent(self, message: Array, spread: float) -> tuple[Array, float]:
        """Return the messages from groups to their parents, and the subtracted constants."""
        top = message.max(axis=1, keepdims=True)
        likelihood = np.exp(np.maximum(message - top, _FLOOR))
        return np.log(
            likelihood @ self._remembered("transition", self._transition, spread).T
        ), float(top.sum())

    def posterior(self, spreads: Sequence[float]) -> tuple[Array, Array]:
        """Return the probabilities of locations in every innermost group, and in a new one."""
        upward = self._upward(spreads)
        root = upward[0][0] + self._population.log_hyperprior(self.x)
        beliefs = _normalised(root[None])
        outer = beliefs[0]
        for level in range(self.depth - 1):
            transition = self._transition(spreads[level])
            outer = outer @ transition
            sent, _ = self._sent(upward[level + 1], spreads[level])
            parents = self.parents[level]
            # what is known about the parent without the data of this group
            with np.errstate(divide="ignore"):
                others = _normalised(np.log(beliefs[parents]) - sent)
            beliefs = _normalised(np.log(others @ transition) + upward[level + 1])
        return beliefs, outer


def _without_negligible(x: Array, weights: Array) -> tuple[Array, Array]:
    """Return equally spaced locations where a group has weight, the same number for every group."""
    likely = weights > 1e-9 * weights.max(axis=1, keepdims=True)
    first = likely.argmax(axis=1)
    last = weights.shape[1] - 1 - likely[:, ::-1].argmax(axis=1)
    step = -(-(last + 1 - first) // _KEPT)
    at = first[:, None] + step[:, None] * np.arange(_KEPT)
    inside = at <= last[:, None]
    at = np.where(inside, at, last[:, None])
    kept = np.where(inside, np.take_along_axis(weights, at, axis=1), 0.0)
    return x[at], kept / kept.sum(axis=1, keepdims=True)


def _normalised(logs: Array) -> Array:
    found = np.exp(logs - logs.max(axis=1, keepdims=True))
    normalised: Array = found / found.sum(axis=1, keepdims=True)
    return normalised


def _levels(keys: Sequence[Any], depth: int) -> tuple[list[Array], Array, Array]:
    """Return the parents of the groups of each level, the group of every row, and an order of rows.

    Level 1 has one group for each distinct first part of the keys; their parent is the root. Groups
    and rows are sorted by their parts, numbers before strings.
    """
    plain = [tuple((isinstance(part, str), part) for part in key) for key in keys]
    order = sorted(range(len(keys)), key=plain.__getitem__)
    known: dict[Any, int] = {(): 0}
    parents = []
    group_of_row = np.zeros(len(keys), np.int64)
    for level in range(1, depth):
        found: dict[Any, int] = {}
        above = []
        for row in order:
            name = plain[row][:level]
            if name not in found:
                found[name] = len(found)
                above.append(known[name[:-1]])
            if level == depth - 1:
                group_of_row[row] = found[name]
        known = found
        parents.append(np.array(above, np.int64))
    return parents, group_of_row, np.array(order, np.int64)
