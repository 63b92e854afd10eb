"""Distributions of differences and ratios of independent numbers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np

from seqbayes.compare.coordinates import Array
from seqbayes.compare.grid import (
    NODES,
    ORDER,
    REDUCED_NODES,
    REDUCED_ORDER,
    REDUCED_WEIGHTS,
    WEIGHTS,
    Grid,
)
from seqbayes.compare.masses import NEGLIGIBLE, expanded, limited, moments_of, windows
from seqbayes.numerics import sc

_STEPS = 80

_PRECISION = 1e-7
"""After a Newton step of this relative size, the remaining error is about 1e-14."""

_ROUGH = 1e-3
"""After a Newton step of this relative size, the ends of supports are considered."""

_NEGLIGIBLE_PANEL = 1e-18
"""Panels that together have this share of a number's mass are omitted from large sums."""

_FAR = 0.1
"""If normal scores are farther apart than this, a small step does not mean convergence."""

_SMOOTH = 0.5
"""Largest excess kurtosis at which few nodes give probabilities with ten digits."""

_NODES_OF_WIDE = 129
"""Number of nodes in sums over the wider number."""

_HALF_OF_DIGITS = 1e-7
"""If the sums over all and over every other node differ by less than this, 14 digits are right."""

_STEP = 0.45
"""Distance between evenly spaced nodes, in standard deviations of the coordinate."""

_DIGITS = 32.0
"""Logarithm of the precision of sums over evenly spaced nodes."""

_ROOT_OF_TAU = np.sqrt(2.0 * np.pi)

_SMALL, _SMALL_EVEN = 0.05, 0.002
"""Probability below which rounding errors of the usual tails are not negligible.

The second one is for evenly spaced nodes, whose errors are below 1e-13.
"""

_SKEWNESS, _KURTOSIS = 1.0, 2.0
"""Largest skewness and excess kurtosis at which quantiles are approximated by moments."""


class Contrasts:
    """Differences between numbers, or logarithms of their ratios.

    Probabilities are integrals over the narrower of the two numbers. The tails of the wider number
    are smooth on this scale, unless its support ends there.

    Parameters
    ----------
    grid
        A grid of all numbers.
    first, second
        Rows of the grid, of length r: the numbers, and the numbers with which they are compared.
    ratio
        Whether to compare by the logarithm of the ratio. In this case, all numbers must be
        positive.
    """

    def __init__(self, grid: Grid, first: Any, second: Any, *, ratio: bool = False) -> None:
        self._grid, self._ratio = grid, ratio
        u, masses = grid.few
        values = self._values_at(u)
        moments = moments_of(values, masses)
        spreads = moments[3]
        swapped = spreads[first] < spreads[second]
        # the contrast is the sign times (wide - narrow)
        self._sign = np.where(swapped, -1.0, 1.0)
        self._wide, self._narrow = (
            np.where(swapped, second, first),
            np.where(swapped, first, second),
        )
        self._start(moments)
        self._nodes = self._fewer_nodes(u, values, masses)

    def _values_at(self, u: Array) -> Array:
        """Return the values of all numbers at coordinates of each comparison."""
        coordinate = self._grid.coordinate
        point = coordinate.log_point if self._ratio else coordinate.point
        return np.repeat(point(u), self._grid.numbers, axis=0)

    def _nodes_of(self, values: Array, masses: Array) -> tuple[Array, Array]:
        """Return the nodes and masses of the numbers whose distributions are narrow."""
        nodes = windows(masses)[self._narrow]
        mass = np.take_along_axis(masses[self._narrow], nodes, axis=1)
        found = np.take_along_axis(values[self._narrow], nodes, axis=1)
        return found, mass / mass.sum(axis=1, keepdims=True)

    def _fewer_nodes(self, u: Array, values: Array, masses: Array) -> tuple[Array, Array]:
        """Return the result of `_nodes_of`, with evenly spaced nodes where fewer are sufficient.

        The trapezoidal rule converges exponentially for densities that decrease on both sides and
        are analytic near the line.
        """
        low, high, _, spread, kept = (each[self._narrow] for each in self._grid.extents)
        step = self._longest_steps(u, values, masses, spread)
        with np.errstate(all="ignore"):  # a number can be a single point of the grid
            counts = np.ceil((high - low) / step) + 2.0
        even = np.flatnonzero(self._smooth & (counts < kept))
        self._even = np.zeros(len(kept), bool)
        self._even[even] = True
        if not len(even):
            return self._nodes_of(values, masses)
        places = np.linspace(0.0, 1.0, int(counts[even].max()))
        nodes = low[even, None] + (high - low)[even, None] * places
        density = self._grid.tails(self._narrow[even], nodes)[2]
        coordinate = self._grid.coordinate
        found = coordinate.log_point(nodes) if self._ratio else coordinate.point(nodes)
        mass = density / density.sum(axis=1, keepdims=True)
        if len(even) == len(kept):
            return found, mass
        every, all_masses = self._nodes_of(values, masses)
        surplus = max(len(places) - every.shape[1], 0)
        every = np.pad(every, ((0, 0), (0, surplus)), "edge")
        all_masses = np.pad(all_masses, ((0, 0), (0, surplus)))
        every[even] = np.pad(found, ((0, 0), (0, every.shape[1] - len(places))), "edge")
        all_masses[even] = np.pad(mass, ((0, 0), (0, every.shape[1] - len(places))))
        return every, all_masses

    def _longest_steps(self, u: Array, values: Array, masses: Array, spread: Array) -> Array:
        """Return the distance between nodes that resolves the density of each narrow number.

        The distance also resolves the tails of the wide number, which change within its spread,
        wherever the density of the narrow one is not negligible.
        """
        comparisons, k = self._narrow // self._grid.numbers, self._grid.numbers
        gaps, points = u[:, 1:] - u[:, :-1], values[::k]
        mass = masses[self._narrow, 1:]
        with np.errstate(all="ignore"):
            widths = gaps / (points[:, 1:] - points[:, :-1])
            density = np.where(gaps > 0.0, 1.0 / gaps, 0.0)[comparisons] * mass
            left = _DIGITS + np.log(density / density.max(axis=1, keepdims=True))
            # exp(-2 (π width / step)²) is negligible
            steps = widths[comparisons] * (4.4 / np.sqrt(left))
        tails = self._wide_spread * np.where(left > 0.0, steps, np.inf).min(axis=1)
        own = np.minimum(_STEP * spread, self._grid.coordinate.longest_step)
        found: Array = np.minimum(own, tails)
        return found

    def _start(self, moments: tuple[Array, ...]) -> None:
        mean, cumulants, median, spread = moments
        wide, narrow = self._wide, self._narrow
        self._wide_spread = spread[wide]
        signs = np.array([1.0, -1.0, 1.0])[:, None]
        sums = cumulants[:, wide] + signs * cumulants[:, narrow]
        with np.errstate(all="ignore"):
            skewness, kurtosis = sums[1] / sums[0] ** 1.5, sums[2] / sums[0] ** 2
        usual = (np.abs(skewness) < _SKEWNESS) & (np.abs(kurtosis) < _KURTOSIS)
        self._heavy = ~usual
        self._smooth = usual & (np.abs(kurtosis) < _SMOOTH)
        self._skewness = np.where(usual, skewness, 0.0)
        self._kurtosis = np.where(usual, kurtosis, 0.0)
        self._spread = np.where(
            usual, np.sqrt(np.maximum(sums[0], 0.0)), np.hypot(spread[wide], spread[narrow])
        )
        self._centre = np.where(usual, mean[wide] - mean[narrow], median[wide] - median[narrow])

    def _tails(
        self,
        pairs: Any,
        by: Array,
        nodes: tuple[Array, Array],
        order: int = REDUCED_ORDER,
        ends: bool = True,
    ) -> tuple[Array, Array, Array]:
        """Return P(D <= by), P(D > by) and the density of D at `by`, where D = wide - narrow.

        Integrals are sums over `nodes`, of which there are `order` in each panel. Without `ends`,
        they are inaccurate near the end of a support.
        """
        values = nodes[0][pairs] + by[:, None]
        u, slope = self._grid.locate(values, log=self._ratio)
        wide, mass = self._wide[pairs], nodes[1][pairs]
        parts = self._grid.mean_tails(wide, u, mass, slope)
        if ends and (outside := np.isinf(u)).any():
            below, above, _ = self._grid.tails(wide, u)
            # if the support of the wide number ends among the values, its tails may not be smooth
            near = np.zeros_like(outside)
            near[:, order:] = outside[:, :-order]
            near[:, :-order] |= outside[:, order:]
            error = mass * np.minimum(below, above) * (near & ~outside)
            rows = np.flatnonzero(error.sum(axis=1) > NEGLIGIBLE)
            if len(rows):
                for part, numbers in zip(parts, self._near_end(pairs[rows], by[rows]), strict=True):
                    part[rows] = numbers
        return parts[0], parts[1], parts[2]

    def _near_end(self, pairs: Any, by: Array) -> tuple[Array, Array, Array]:
        """Return the result of `_tails` where the support of the wide number ends.

        The sums are over the wide number, and their error is about the square of their difference
        from the sums over every other node. If this difference is not small, or the support of the
        narrow number ends as well, panels of both numbers are used.
        """
        x, mass = (each[pairs] for each in self._nodes_of_wide)
        u, slope = self._grid.locate(x - by[:, None], log=self._ratio)
        narrow = self._narrow[pairs]
        # wide - narrow <= by where narrow >= wide - by
        above, below, density = self._grid.tails(narrow, u)
        every_other = np.einsum("rn,rn->r", mass[:, ::2], below[:, ::2]) / mass[:, ::2].sum(axis=1)
        found = [np.einsum("rn,rn->r", mass, part) for part in (below, above, density / slope)]
        smooth = np.abs(every_other - found[0]) <= _HALF_OF_DIGITS
        smooth &= ~(np.isinf(u) & (mass > NEGLIGIBLE)).any(axis=1)
        rows = np.flatnonzero(~smooth)
        if len(rows):
            exact = self._merged(self._wide[pairs[rows]], narrow[rows], by[rows])
            for part, numbers in zip(found, exact, strict=True):
                part[rows] = numbers
        return found[0], found[1], found[2]

    @cached_property
    def _nodes_of_wide(self) -> tuple[Array, Array]:
        """Return values of the wide numbers and the probabilities of these values.

        The nodes are evenly spaced in the inverse hyperbolic sine of the standardised coordinate,
        in which slowly decreasing tails of a density are short.
        """
        first, last, centre, spread, _ = (each[self._wide] for each in self._grid.extents)
        with np.errstate(all="ignore"):  # a number can be a single point of the grid
            low, high = (np.arcsinh((end - centre) / spread)[:, None] for end in (first, last))
        t = low + (high - low) * np.linspace(0.0, 1.0, _NODES_OF_WIDE)
        nodes = centre[:, None] + spread[:, None] * np.sinh(t)
        mass = self._grid.tails(self._wide, nodes)[2] * np.cosh(t)
        coordinate = self._grid.coordinate
        values = coordinate.log_point(nodes) if self._ratio else coordinate.point(nodes)
        return values, mass / mass.sum(axis=1, keepdims=True)

    def _merged(
        self, wide: Any, narrow: Any, by: Array, exact: bool = False
    ) -> tuple[Array, Array, Array]:
        """Return the result of `_tails`, with panels that end where a panel of either number ends.

        The integral is over the wide number, in its coordinate, so its support ends at an end
        of the panels. Unless the result is to be `exact`, there are fewer nodes, and none where the
        mass is negligible.
        """
        grid = self._grid
        edges, low, high = grid.main_edges(wide, 0.0 if exact else _NEGLIGIBLE_PANEL)
        roots, root_weights = (NODES, WEIGHTS) if exact else (REDUCED_NODES, REDUCED_WEIGHTS)
        point = grid.coordinate.log_point if self._ratio else grid.coordinate.point
        moved, _ = grid.locate(point(edges) + by[:, None], log=self._ratio)
        moved = np.where(np.isfinite(moved), moved, low)
        # panels that end at the same point have no width
        ends = np.sort(np.clip(np.concatenate([edges, moved], axis=1), low, high), axis=1)
        half = np.diff(ends, axis=1)[:, :, None] / 2.0
        shape = len(ends), -1
        nodes = (((ends[:, 1:] + ends[:, :-1]) / 2.0)[:, :, None] + half * roots).reshape(shape)
        mass = grid.tails(wide, nodes)[2] * (half * root_weights).reshape(shape)
        u, slope = grid.locate(point(nodes) - by[:, None], log=self._ratio)
        below, above, other = grid.tails(narrow, u)
        mass /= mass.sum(axis=1, keepdims=True)
        # wide - narrow <= by where narrow >= wide - by
        first, second, third = (
            np.einsum("rn,rn->r", mass, part) for part in (above, below, other / slope)
        )
        return first, second, third

    def probabilities(self, low: float, high: float) -> Array:
        """Return the probability that each contrast is between two numbers."""
        flipped = self._sign < 0.0
        low_ends, high_ends = np.where(flipped, -high, low), np.where(flipped, -low, high)
        found = np.empty(len(flipped))
        for pairs, nodes, order in self._by_precision():
            below, above = (
                self._tails(pairs, ends[pairs], nodes, order)[:2] for ends in (low_ends, high_ends)
            )
            found[pairs] = _between(*below, *above)
        for pair in np.flatnonzero(found < np.where(self._even, _SMALL_EVEN, _SMALL)).tolist():
            found[pair] = self._small(pair, float(low_ends[pair]), float(high_ends[pair]))
        return found

    def _by_precision(self) -> Iterator[tuple[Any, tuple[Array, Array], int]]:
        """Yield contrasts, the nodes that precise tails need, and the number of nodes per panel."""
        smooth, others = np.flatnonzero(self._smooth), np.flatnonzero(~self._smooth)
        if len(smooth):
            yield smooth, self._nodes, REDUCED_ORDER
        if len(others):
            u, masses = self._grid.all()
            yield others, self._nodes_of(self._values_at(u), masses), ORDER

    def _small(self, pair: int, low: float, high: float) -> float:
        """Return a small probability, with a small relative error."""

        def tails(by: float) -> tuple[float, float, float]:
            rows = np.array([self._wide[pair]]), np.array([self._narrow[pair]])
            below, above, density = self._merged(*rows, np.array([by]), exact=True)
            return float(below[0]), float(above[0]), float(density[0])

        start, end = tails(low)[:2], tails(high)[:2]
        found = float(_between(*start, *end))
        if found > 0.1 * min(max(start[0], end[0]), max(start[1], end[1])):
            return found
        # the difference between two nearly equal tails is inaccurate
        half = (high - low) / 2.0
        points = low + half * (1.0 + NODES)
        return half * float(WEIGHTS @ [tails(point)[2] for point in points.tolist()])

    def tails(self, pairs: Any, by: Array) -> tuple[Array, Array, Array]:
        """Return P(contrast <= by), P(> by) and the density at `by` of some contrasts."""
        flipped = self._sign[pairs] < 0.0
        below, above, density = self._tails(pairs, np.where(flipped, -by, by), self._nodes)
        return np.where(flipped, above, below), np.where(flipped, below, above), density

    def quantiles(self, q: Any) -> Array:
        """Return the quantiles of each contrast, of shape (r, q).

        The probabilities are of shape (q,), or (r, q).

        Quantiles are found by Newton's method on the scale of normal scores, starting from an
        expansion in moments. Every step stays within the interval known to contain the quantile.
        """
        q = np.asarray(q)
        shape = len(self._sign), q.shape[-1]
        pairs = np.repeat(np.arange(shape[0]), q.shape[-1])
        target = (self._sign[:, None] * sc.ndtri(q)).ravel()
        spread, centre = self._spread[pairs], self._centre[pairs]
        at = centre + spread * expanded(target, self._skewness[pairs], self._kurtosis[pairs])
        if self._heavy.any():
            # many steps; the first ones use sums that are inaccurate near the end of a support
            at = self._newton(at, pairs, target, _ROUGH, ends=False)
        at = self._newton(at, pairs, target, _PRECISION, ends=True)
        found: Array = self._sign[:, None] * at.reshape(shape)
        return found

    def _newton(self, at: Array, pairs: Any, target: Array, precision: float, ends: bool) -> Array:
        """Return quantiles at normal scores by Newton's method, from approximations."""
        found, left, here, wanted = at.copy(), np.arange(len(at)), at, target
        spread, centre, heavy = self._spread[pairs], self._centre[pairs], self._heavy[pairs]
        low, high = np.full_like(at, -np.inf), np.full_like(at, np.inf)
        for i in range(_STEPS):
            below, above, density = self._tails(pairs, here, self._nodes, ends=ends)
            with np.errstate(all="ignore"):
                score = np.where(below < above, sc.ndtri(below), -sc.ndtri(above))
                short = wanted - score
                low = np.where(short > 0.0, here, low)
                high = np.where(short > 0.0, high, here)
                slope = np.exp(np.log(density) + 0.5 * score * score) * _ROOT_OF_TAU
                step = limited(short / slope, here - centre, spread, heavy)
                following = here + step
                far = ~(np.abs(short) < _FAR)
                beyond = ~((low <= following) & (following <= high))
                if far.any():
                    # in a tail that decreases faster than that of a normal distribution, steps are
                    # too short
                    beyond |= far & ((np.abs(step) < 1e-3 * spread) | (i % 4 == 3))
                if beyond.any():
                    middle = low + (high - low) / 2.0
                    middle = np.where(np.isinf(low), high - spread, middle)
                    middle = np.where(np.isinf(high), low + spread, middle)
                    following = np.where(beyond, middle, following)
                found[left] = following
                size = np.maximum(spread, np.abs(here))
                kept = far | (np.abs(following - here) > precision * size)
            if not kept.any():
                break
            here = following
            if not kept.all():
                left, pairs, here, wanted, spread, centre, heavy, low, high = (
                    each[kept]
                    for each in (left, pairs, here, wanted, spread, centre, heavy, low, high)
                )
        return found


def _between(low_below: Any, low_above: Any, high_below: Any, high_above: Any) -> Any:
    """Return the probability between two points, computed from the smaller tails."""
    return np.where(low_below < low_above, high_below - low_below, low_above - high_above)
