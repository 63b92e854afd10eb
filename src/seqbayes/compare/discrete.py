"""Comparisons of discrete numbers, computed as sums over their values.

Two discrete numbers can be equal with a probability above 0. A number is the best if it is better
than all others, so P(best) does not include ties.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.compare.coordinates import Array
from seqbayes.compare.quantities import Quantities, any_of_others, products_of_others
from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError

_HALVINGS = 56

_MAX_GAP = 50_000
"""Largest range of whole numbers in which all numbers are used, including improbable ones."""

_SLACK = 1e-12
"""Relative difference below which numbers are considered equal, because of rounding errors."""


class Lattice:
    """The probabilities of several discrete numbers on all of their values.

    The probabilities beyond the first and the last value are attributed to these values.

    Parameters
    ----------
    numbers
        The distributions of k numbers.

    Attributes
    ----------
    values
        The n values of all numbers, in increasing order.
    less, below, more, from_here
        P(X < value), P(X <= value), P(X > value) and P(X >= value) of each number, of shape (k, n).
    mass
        P(X = value), of shape (k, n).
    beyond
        Expected amount by which each number exceeds the last value.

    Raises
    ------
    PriorError
        If not all numbers are discrete, or they have too many values.
    """

    def __init__(self, numbers: Sequence[Distribution]) -> None:
        if not all(each.discrete for each in numbers):
            raise PriorError(f"expected numbers of the same kind to compare, got {list(numbers)}")
        found = [each.values() for each in numbers]
        if any(each is None for each in found):
            raise PriorError(
                f"{numbers[[each is None for each in found].index(True)]} has no values, or too"
                " many values, that could be compared: compare the mean, or learn more data first"
            )
        self.values: Array = np.unique(np.concatenate(found))
        self._whole = bool((self.values == np.floor(self.values)).all())
        low, high = self.values[0], self.values[-1]
        if self._whole and high - low < _MAX_GAP:
            # include the values between those found, on which small probabilities depend
            self.values = np.arange(low, high + 1.0)
        self._contiguous = self._whole and len(self.values) == high - low + 1.0
        self.below = np.stack([each.cdf(self.values) for each in numbers])
        self.more = np.stack([each.sf(self.values) for each in numbers])
        self.below[:, -1], self.more[:, -1] = 1.0, 0.0
        self.less = _shifted(self.below, 0.0)
        self.from_here = _shifted(self.more, 1.0)
        small = self.below < self.from_here
        self.mass = np.where(small, self.below - self.less, self.from_here - self.more)
        self.beyond = np.array([each.excess_above(float(self.values[-1])) for each in numbers])

    def differences(self) -> Array:
        """Return candidates for the quantiles of differences, in increasing order."""
        v = self.values
        if self._whole:
            reach = v[-1] - v[0]
            return np.arange(-reach, reach + 1.0)
        return np.unique(np.round(v[:, None] - v, 12))

    def _position(self, x: Array) -> Any:
        """Return the number of values up to each x, with a tolerance for rounding errors."""
        x = x + _SLACK * np.abs(x)
        if not self._contiguous:
            return np.searchsorted(self.values, x, side="right")
        found = np.clip(np.floor(x) - self.values[0] + 1.0, 0.0, len(self.values))
        return found.astype(int)

    def at_most(self, rows: Any, x: Array) -> Array:
        """Return P(X <= x) for some numbers, each at one row of x."""
        index = self._position(x)
        found: Array = np.where(index > 0, self.below[rows[:, None], index - 1], 0.0)
        return found

    def tails_at(self, tails: Array, x: Array, better: str) -> Array:
        """Return P(Y <= x), or P(Y >= x) if lower is better, given these tails at all values."""
        if better == "higher":
            found: Array = np.append(0.0, tails)[self._position(x)]
        else:
            found = np.append(tails, 0.0)[self._position(x - 3.0 * _SLACK * (np.abs(x) + 1.0))]
        return found


def _shifted(tails: Array, first: float) -> Array:
    found: Array = np.concatenate([np.full_like(tails[:, :1], first), tails[:, :-1]], axis=1)
    return found


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
        If not all numbers are discrete, or they have too many values.
    """
    lattice = Lattice(numbers)
    p_best = _p_best(lattice, better)
    k = len(numbers)
    reference = int(p_best.argmax()) if control is None else control
    tail = (1.0 - level) / 2.0
    ends, lifts = np.full((1, k, 2), np.nan), np.full((1, k, 3), np.nan)
    equivalent = np.full((1, k), np.nan)
    others = np.flatnonzero(np.arange(k) != reference)
    ends[0, others] = _differences(lattice, others, reference, [tail, 1.0 - tail])
    if lattice.values[0] >= 0.0:
        lifts[0, others] = _ratios(lattice, others, reference, [0.5, tail, 1.0 - tail]) - 1.0
    for row in others.tolist():
        equivalent[0, row] = _within(lattice, row, reference, equivalence or 0.0)
    worse = lattice.less if better == "higher" else lattice.more
    p_better = lattice.mass @ worse.T
    return Quantities(
        p_best[None],
        p_better[None],
        _loss(lattice, better)[None],
        np.array([reference]),
        ends,
        lifts,
        equivalent,
        np.full((1, k, 2), np.nan),
    )


def probabilities_of_best(numbers: Sequence[Distribution], better: str) -> Array:
    """Return the probability that each number is better than all others, of shape (1, k).

    Raises
    ------
    PriorError
        If not all numbers are discrete, or they have too many values.
    """
    return _p_best(Lattice(numbers), better)[None]


def _p_best(lattice: Lattice, better: str) -> Array:
    worse = lattice.less if better == "higher" else lattice.more
    found: Array = (lattice.mass * products_of_others(worse[None])[0]).sum(axis=1)
    return found


def _loss(lattice: Lattice, better: str) -> Array:
    gaps = np.diff(lattice.values)
    at_most, above = lattice.below[:, :-1], lattice.more[:, :-1]
    if better == "higher":
        # the best of the others exceeds the last value if one of them does
        beyond = lattice.beyond.sum() - lattice.beyond
        found: Array = (at_most * any_of_others(above[None])[0]) @ gaps + beyond
    else:
        found = (above * any_of_others(at_most[None])[0]) @ gaps + lattice.beyond
    return found


def loss_ends(numbers: Sequence[Distribution], better: str, tail: float) -> Array:
    """Return the quantiles of the distance from each number to the best one, of shape (1, k, 2).

    Raises
    ------
    PriorError
        If not all numbers are discrete, or they have too many values.
    """
    lattice = Lattice(numbers)
    v, best_of = lattice.values, lattice.below if better == "higher" else lattice.from_here
    candidates = np.unique(np.maximum(lattice.differences(), 0.0))
    ends = np.zeros((len(best_of), 2))
    for row, tails in enumerate(products_of_others(best_of[None])[0]):
        for i, q in enumerate((tail, 1.0 - tail)):
            low, high = -1, len(candidates) - 1
            while high - low > 1:
                middle = (low + high) // 2
                limit = v + candidates[middle] if better == "higher" else v - candidates[middle]
                reached = lattice.mass[row] @ lattice.tails_at(tails, limit, better) >= q
                low, high = (low, middle) if reached else (middle, high)
            ends[row, i] = candidates[high]
    return ends[None]


def _within(lattice: Lattice, row: int, reference: int, equivalence: float) -> float:
    """Return the probability that two numbers differ by at most the equivalence."""
    v = lattice.values
    reach = equivalence + _SLACK * (equivalence + np.abs(v))
    first = np.searchsorted(v, v - reach, side="left")
    last = np.searchsorted(v, v + reach, side="right") - 1
    below, above = lattice.less[row][first], lattice.more[row][last]
    inner = np.where(
        below < above,
        lattice.below[row][last] - below,
        lattice.from_here[row][first] - above,
    )
    return float(np.clip(lattice.mass[reference] @ inner, 0.0, 1.0))


def _differences(lattice: Lattice, rows: Any, reference: int, q: Sequence[float]) -> Array:
    """Return the smallest differences d with P(X - Y <= d) >= q, of shape (r, q)."""
    mass, v, candidates = lattice.mass[reference], lattice.values, lattice.differences()
    wanted, each = np.tile(q, len(rows)), np.repeat(rows, len(q))
    low, high = np.full(len(each), -1), np.full(len(each), len(candidates) - 1)
    for _ in range(len(candidates).bit_length()):
        middle = (low + high) // 2
        total = lattice.at_most(each, v + candidates[middle][:, None]) @ mass
        reached = (total >= wanted) | (high - low <= 1)
        middle = np.where(high - low <= 1, high, middle)
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    found: Array = candidates[high].reshape(len(rows), len(q))
    return found


def _ratios(lattice: Lattice, rows: Any, reference: int, q: Sequence[float]) -> Array:
    """Return the smallest ratios r with P(X / Y <= r) >= q, of shape (r, q); 0 / 0 is 1."""
    mass, v = lattice.mass[reference], lattice.values
    wanted, each = np.tile(q, len(rows)), np.repeat(rows, len(q))
    zero = v == 0.0

    def reached(ratio: Array) -> Any:
        found = lattice.at_most(each, v * ratio[:, None])
        found = np.where(zero & (ratio < 1.0)[:, None], 0.0, found)
        return found @ mass >= wanted

    positive = v[~zero]
    most = float(positive[-1] / positive[0]) if len(positive) else 1.0
    low, high = np.full(len(each), 0.5 / most), np.full(len(each), most)
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        small = reached(middle)
        low, high = np.where(small, low, middle), np.where(small, middle, high)
    found = np.where(reached(high), high * (1.0 + _SLACK), np.inf)
    one, none = np.ones(len(each)), np.zeros(len(each))
    found = np.where(reached(one) & ~reached(one - 2.0 * _SLACK), 1.0, found)
    return np.where(reached(none), 0.0, found).reshape(len(rows), len(q))
