"""Distributions of differences and ratios of independent numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes.compare.grid import Array, Grid

_NEGLIGIBLE = 1e-15
"""Share of the largest mass of a node below which a node is omitted."""

_STEPS = 80

_PRECISION = 1e-7
"""Relative size of a Newton step after which the remaining error is about 1e-14."""


class Contrasts:
    """Differences between numbers, or logarithms of their ratios.

    Probabilities are integrals over the narrower number of the two, on whose scale the tails of the
    other one are smooth.

    Parameters
    ----------
    grid
        A grid of all numbers.
    first, second
        Rows of the grid: the numbers, and those that they are compared to; of length m.
    ratio
        Whether to compare by the logarithm of the ratio. All numbers must then be positive.
    """

    def __init__(
        self, grid: Grid, first: Sequence[int], second: Sequence[int], *, ratio: bool = False
    ) -> None:
        self._grid, self._ratio = grid, ratio
        values = grid.log_x if ratio else grid.x
        masses = grid.density * grid.weights
        centres, spreads = _moments(values, masses)
        a, b = np.array(first), np.array(second)
        swapped = spreads[a] < spreads[b]
        # the contrast is the sign times (wide - narrow)
        self._sign = np.where(swapped, -1.0, 1.0)
        self._wide, narrow = np.where(swapped, b, a), np.where(swapped, a, b)
        nodes = _windows(masses)[narrow]
        mass = np.take_along_axis(masses[narrow], nodes, axis=1)
        self._mass = mass / mass.sum(axis=1, keepdims=True)
        self._values = values[nodes]
        self._centre = centres[self._wide] - centres[narrow]
        self._spread = np.hypot(spreads[a], spreads[b])

    def _tails(self, by: Array) -> tuple[Array, Array, Array]:
        """Return P(wide - narrow <= by), P(> by) and the density at `by`, each of shape (m, q)."""
        values = self._values[:, None, :] + by[..., None]
        u, slope = self._grid.locate(values, log=self._ratio)
        below, above, density = self._grid.tails(self._wide[:, None, None], u)
        parts = (below, above, density / slope)
        below, above, density = (np.einsum("mn,mqn->mq", self._mass, part) for part in parts)
        return below, above, density

    def probabilities(self, low: float, high: float) -> Array:
        """Return the probability that each contrast is between two numbers."""
        flipped = self._sign < 0.0
        ends = np.where(flipped, -high, low), np.where(flipped, -low, high)
        below, above, _ = self._tails(np.stack(ends, axis=1))
        low_side = below[:, 0] < above[:, 0]
        found: Array = np.where(low_side, below[:, 1] - below[:, 0], above[:, 0] - above[:, 1])
        return found

    def quantiles(self, q: Sequence[float]) -> Array:
        """Return the quantiles of each contrast, of shape (m, q).

        They are found by Newton's method on the scale of normal scores. Every step stays within the
        interval known to contain the quantile.
        """
        sign, spread = self._sign[:, None], self._spread[:, None]
        target = sign * sc.ndtri(np.array(q))
        at = self._centre[:, None] + target * spread
        low, high = np.full_like(at, -np.inf), np.full_like(at, np.inf)
        for _ in range(_STEPS):
            below, above, density = self._tails(at)
            with np.errstate(all="ignore"):
                score = np.where(below < above, sc.ndtri(below), -sc.ndtri(above))
                low, high = np.where(score < target, at, low), np.where(score < target, high, at)
                slope = density * np.exp(0.5 * score * score) * np.sqrt(2.0 * np.pi)
                # where the density is almost 0, Newton's step is limited
                reach = 4.0 * (spread + np.abs(at - self._centre[:, None]))
                following = at + np.clip((target - score) / slope, -reach, reach)
                beyond = ~((low <= following) & (following <= high))
                middle = low + (high - low) / 2.0
            middle = np.where(np.isinf(low), high - spread, middle)
            middle = np.where(np.isinf(high), low + spread, middle)
            error = np.abs(np.where(beyond, middle, following) - at)
            at = np.where(beyond, middle, following)
            if np.all(error <= _PRECISION * np.maximum(spread, np.abs(at))):
                break
        found: Array = sign * at
        return found


def _windows(masses: Array) -> Any:
    """Return the indices of the nodes that have mass, the same number for each row."""
    kept = masses > _NEGLIGIBLE * masses.max(axis=1, keepdims=True)
    starts = kept.argmax(axis=1)
    ends = masses.shape[1] - kept[:, ::-1].argmax(axis=1)
    length = int((ends - starts).max())
    starts = np.minimum(starts, masses.shape[1] - length)
    return starts[:, None] + np.arange(length)


def _moments(values: Array, masses: Array) -> tuple[Array, Array]:
    """Return the median of each number, and half of the width of its central 68 %."""
    below = np.cumsum(masses, axis=1)
    below /= below[:, -1:]
    found = np.array([np.interp([0.16, 0.5, 0.84], row, values) for row in below])
    return found[:, 1], (found[:, 2] - found[:, 0]) / 2.0
