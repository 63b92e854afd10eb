"""Comparisons of numbers that may be 0, and are otherwise continuous and positive.

Two numbers are equal if both are 0. A number is the best if it is better than all others, so that
P(best) does not include ties.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqbayes.compare.coordinates import Array
from seqbayes.compare.differences import Contrasts
from seqbayes.compare.grid import Grid
from seqbayes.compare.outside import beyond
from seqbayes.compare.panels import Densities, edges_of
from seqbayes.compare.quantities import (
    Quantities,
    any_of_others,
    density_of_best,
    products_of_others,
)
from seqbayes.distributions import Distribution

_STEPS = 200

_PRECISION = 1e-11
"""After a Newton step of this relative size, the remaining error is negligible."""

_LARGEST = 1e300


class Mixed:
    """Several numbers that may be 0: the probabilities of 0, and a grid of their other values.

    Parameters
    ----------
    numbers
        The distributions of k numbers.

    Attributes
    ----------
    zero, positive
        Probability that each number is 0, and that it is not, of shape (k,).
    grid
        The grid of the numbers, given that they are not 0.
    mass, below, above
        Probability of each node, P(X <= x) and P(X > x) of each number, of shape (k, n).

    Raises
    ------
    PriorError
        If the distributions have different supports.
    """

    def __init__(self, numbers: Sequence[Distribution]) -> None:
        self.parts = [each.without_zero() for each in numbers]
        self.zero = np.array([float(each.zero) for each in numbers])
        self.positive = np.array([float(each.sf(0.0)) for each in numbers])
        densities = Densities(self.parts)
        self.grid = Grid(densities, edges_of(densities))
        weight = self.positive[:, None]
        self._density: Array = self.grid.density[0] * weight
        self.mass: Array = self._density * self.grid.weights
        self.below: Array = self.zero[:, None] + self.grid.below[0] * weight
        self.above: Array = self.grid.above[0] * weight

    def with_best_of_others(self, better: str) -> tuple[Grid, Array, Array]:
        """Return a grid with further rows: for each number, the best of all other numbers.

        The other results are the probabilities that each of these numbers is 0, and that it is not.
        """
        tails, zero, positive = self.below, self.zero[None], self.positive[None]
        if better == "higher":
            zeros, positives = products_of_others(zero)[0], any_of_others(positive)[0]
        else:
            tails = self.above
            zeros, positives = any_of_others(zero)[0], products_of_others(positive)[0]
        best = density_of_best(self._density[None], tails[None])
        total = (best * self.grid.weights).sum(axis=-1, keepdims=True)
        best = np.divide(best, total, out=self.grid.density.copy(), where=total > 0.0)
        grid = self.grid.with_more(best)
        return grid, np.concatenate([self.zero, zeros]), np.concatenate([self.positive, positives])


def quantities(
    numbers: Sequence[Distribution],
    better: str,
    level: float,
    control: int | None,
    equivalence: float | None,
) -> Quantities:
    """Compute all quantities of one comparison.

    Without a region of equivalence, two numbers are equivalent if they are equal. A ratio of two
    zeros is 1.

    Raises
    ------
    PriorError
        If the distributions have different supports.
    """
    mixed = Mixed(numbers)
    p_best = _p_best(mixed, better)
    k, tail = len(numbers), (1.0 - level) / 2.0
    reference = int(p_best.argmax()) if control is None else control
    others = np.flatnonzero(np.arange(k) != reference)
    references = np.full(k - 1, reference)
    differences = MixedContrasts(mixed.grid, mixed.zero, mixed.positive, others, references)
    ends, lifts = np.full((1, k, 2), np.nan), np.full((1, k, 3), np.nan)
    equivalent = np.full((1, k), np.nan)
    ends[0, others] = differences.quantiles([tail, 1.0 - tail])
    lifts[0, others] = differences.ratios([0.5, tail, 1.0 - tail]) - 1.0
    equivalent[0, others] = differences.within(equivalence)
    return Quantities(
        p_best[None],
        _p_better(mixed, better)[None],
        _loss(mixed, better)[None],
        np.array([reference]),
        ends,
        lifts,
        equivalent,
        _intervals(mixed, tail)[None],
    )


def probabilities_of_best(numbers: Sequence[Distribution], better: str) -> Array:
    """Return the probability that each number is better than all others, of shape (1, k).

    Raises
    ------
    PriorError
        If the distributions have different supports.
    """
    return _p_best(Mixed(numbers), better)[None]


def loss_ends(numbers: Sequence[Distribution], better: str, tail: float) -> Array:
    """Return the quantiles of the distance from each number to the best one, of shape (1, k, 2).

    Raises
    ------
    PriorError
        If the distributions have different supports.
    """
    grid, zero, positive = Mixed(numbers).with_best_of_others(better)
    own = np.arange(len(numbers))
    best = own + len(numbers)
    pair = (best, own) if better == "higher" else (own, best)
    ends = MixedContrasts(grid, zero, positive, *pair).quantiles([tail, 1.0 - tail])
    found: Array = np.maximum(ends, 0.0)[None]
    return found


def _p_best(mixed: Mixed, better: str) -> Array:
    tails = mixed.below if better == "higher" else mixed.above
    found: Array = (mixed.mass * products_of_others(tails[None])[0]).sum(axis=1)
    if better == "lower":
        found = found + mixed.zero * products_of_others(mixed.positive[None])[0]
    return found


def _p_better(mixed: Mixed, better: str) -> Array:
    tails = mixed.below if better == "higher" else mixed.above
    found: Array = mixed.mass @ tails.T
    if better == "lower":
        found = found + mixed.zero[:, None] * mixed.positive
    np.fill_diagonal(found, 0.5)
    return found


def _loss(mixed: Mixed, better: str) -> Array:
    grid = mixed.grid
    worse, other = mixed.below, mixed.above
    ends = mixed.zero, mixed.positive
    if better == "lower":
        worse, other, ends = other, worse, ends[::-1]
    lengths = np.minimum(grid.weights * grid.slope, _LARGEST)[0]
    inner: Array = (worse * any_of_others(other[None])[0]) @ lengths
    # the integral from 0 to the first point of the grid
    first = float(grid.coordinate.point(grid.edges[:, :1])[0, 0])
    inner += first * ends[0] * any_of_others(ends[1][None])[0]
    means = np.array([[np.nan if each.mean is None else each.mean for each in mixed.parts]], float)
    above = beyond(grid, means)[1][0] * mixed.positive
    inner += above.sum() - above if better == "higher" else above
    return inner


def _intervals(mixed: Mixed, tail: float) -> Array:
    q = np.array([tail, 1.0 - tail])
    with np.errstate(all="ignore"):
        inner = np.where(
            q < 0.5,
            (q - mixed.zero[:, None]) / mixed.positive[:, None],
            1.0 - tail / mixed.positive[:, None],
        )
    found = mixed.grid.quantiles(np.clip(inner, tail / 2.0, 1.0 - tail / 2.0))
    return np.where(q > mixed.zero[:, None], found, 0.0)


class MixedContrasts:
    """Differences and ratios of pairs of numbers that may be 0.

    Parameters
    ----------
    grid
        A grid of the numbers, given that they are not 0.
    zero, positive
        Probability that each number is 0, and that it is not.
    first, second
        Rows of the grid: the numbers, and the numbers with which they are compared.
    """

    def __init__(self, grid: Grid, zero: Array, positive: Array, first: Any, second: Any) -> None:
        self._grid, self._first, self._second = grid, first, second
        self._both_zero = zero[first] * zero[second]
        self._only_first = positive[first] * zero[second]
        self._only_second = zero[first] * positive[second]
        self._both_positive = positive[first] * positive[second]
        self._contrasts = Contrasts(grid, first, second)
        self._most = float(grid.coordinate.point(grid.edges[:, -1:])[0, 0])

    def _tail(self, rows: Any, x: Array) -> tuple[Array, Array, Array]:
        """Return P(X <= x), P(X > x) and the density of some numbers, given that they are not 0."""
        u, slope = self._grid.locate(x[:, None], log=False)
        below, above, density = (each[:, 0] for each in self._grid.tails(rows, u))
        return below, above, density / slope[:, 0]

    def _tails(self, pairs: Any, by: Array) -> tuple[Array, Array, Array]:
        """Return P(X - Y <= by), P(> by) and the density of some differences, without 0 - 0.

        The pair of two zeros is not included.
        """
        one, other, both = (
            each[pairs] for each in (self._only_first, self._only_second, self._both_positive)
        )
        first = self._tail(self._first[pairs], np.maximum(by, 0.0))
        second = self._tail(self._second[pairs], np.maximum(-by, 0.0))
        below, above, density = self._contrasts.tails(pairs, by)
        up = by >= 0.0
        return (
            both * below + np.where(up, one * first[0] + other, other * second[1]),
            both * above + np.where(up, one * first[1], one + other * second[0]),
            both * density + np.where(up, one * first[2], other * second[2]),
        )

    def quantiles(self, q: Sequence[float]) -> Array:
        """Return the smallest d with P(X - Y <= d) >= q of each pair, of shape (r, q)."""
        pairs = np.repeat(np.arange(len(self._first)), len(q))
        wanted = np.tile(q, len(self._first))
        below, above, _ = self._tails(pairs, np.zeros(len(pairs)))
        positive = above > 1.0 - wanted  # P(X - Y > 0) is precise where it is small
        negative = ~positive & (below >= wanted)
        found = np.zeros(len(pairs))
        for side, sign in ((positive, 1.0), (negative, -1.0)):
            if side.any():
                found[side] = self._solve(pairs[side], wanted[side], sign)
        return found.reshape(-1, len(q))

    def _solve(self, pairs: Any, wanted: Array, sign: float) -> Array:
        """Return the differences, all above or all below 0, with given tail probabilities."""

        def excess(at: Array, left: Any) -> tuple[Array, Array]:
            below, above, density = self._tails(pairs[left], at)
            p = wanted[left]
            # the smaller tail; neither tail includes the pair of two zeros
            if sign < 0.0:
                return below - p, density
            return (1.0 - p) - above, density

        return _roots(excess, len(pairs), self._most, sign)

    def within(self, equivalence: float | None) -> Array:
        """Return the probability of a difference of at most `equivalence` (of 0 if it is None)."""
        found: Array = self._both_zero
        if equivalence is None:
            return found
        at = np.full(len(self._first), equivalence)
        inner = self._contrasts.probabilities(-equivalence, equivalence)
        found = (
            found
            + self._only_first * self._tail(self._first, at)[0]
            + self._only_second * self._tail(self._second, at)[0]
            + self._both_positive * inner
        )
        return np.clip(found, 0.0, 1.0)  # rounding errors

    def ratios(self, q: Sequence[float]) -> Array:
        """Return the smallest ratios r with P(X / Y <= r) >= q, of shape (r, q); 0 / 0 is 1."""
        contrasts = Contrasts(self._grid, self._first, self._second, ratio=True)
        wanted = np.array(q)[None]
        low, none, high, both = (
            each[:, None]
            for each in (self._only_second, self._both_zero, self._only_first, self._both_positive)
        )
        every = np.arange(len(self._first))
        less, more, _ = (each[:, None] for each in contrasts.tails(every, np.zeros(len(every))))
        is_less, is_more = low + both * less >= wanted, high + both * more > 1.0 - wanted
        # the probability given that both are positive
        with np.errstate(all="ignore"):
            inner = np.where(is_less, (wanted - low) / both, 1.0 - ((1.0 - wanted) - high) / both)
            tiny = np.finfo(float).tiny
            logs = contrasts.quantiles(np.clip(np.nan_to_num(inner, nan=0.5), tiny, 1.0 - 1e-16))
            found = np.where(is_less | is_more, np.exp(logs), 1.0)
        found = np.where(wanted <= low, 0.0, found)
        return np.where(1.0 - wanted < high, np.inf, found)


def _roots(
    excess: Callable[[Array, Any], tuple[Array, Array]], count: int, most: float, sign: float
) -> Array:
    """Return the roots of increasing functions, between 0 and ``sign * most``.

    Newton's method is applied to the logarithm of the distance from 0, within shrinking bounds.

    Parameters
    ----------
    excess
        Takes numbers and their indices, and returns values and derivatives.
    """
    low, high = np.full(count, -1.0), np.full(count, np.log(most))
    low += high - 745.0
    u = high - 1.0
    left = np.arange(count)
    for _ in range(_STEPS):
        here = u[left]
        at = sign * np.exp(here)
        value, slope = excess(at, left)
        short = sign * value < 0.0  # the distance is larger
        low[left] = np.where(short, here, low[left])
        high[left] = np.where(short, high[left], here)
        with np.errstate(all="ignore"):
            following = here - value / (slope * at)
        inside = (low[left] < following) & (following < high[left])
        u[left] = np.where(inside, following, (low[left] + high[left]) / 2.0)
        moved = np.abs(u[left] - here)
        left = left[moved > _PRECISION * np.maximum(1.0, np.abs(here))]
        if not len(left):
            break
    found: Array = sign * np.exp(u)
    return found
