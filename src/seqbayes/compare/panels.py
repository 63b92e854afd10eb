"""Integration intervals on each of which the densities of several numbers are smooth."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.compare.coordinates import Array, coordinate_of
from seqbayes.distributions import Distribution

_STENCIL = np.concatenate([np.arange(0.0, 8.0, 0.5), 8.0 * 1.3 ** np.arange(8)])
_SIGNED_STENCIL = np.concatenate([-_STENCIL[:0:-1], _STENCIL])
_FAR_STENCIL = np.concatenate([8.0 * 1.3 ** np.arange(8, 30), 1.6e4 * 4.0 ** np.arange(1, 40)])
"""Distances from the centre, in standard deviations, used to find the extent of a density."""

_LEVELS = np.concatenate([[0.5, 2.0, 4.5, 8.0, 12.0, 17.0, 22.0], np.arange(28.0, 210.0, 7.0)])
"""The ends of panels are where a log density is this much below its maximum."""
_SIGNED_LEVELS = np.concatenate([-_LEVELS[::-1], [0.0], _LEVELS])

_DROP = 38.0
"""An integrand is negligible where its logarithm is this much below its maximum."""

_SEPARATED = 165.0
"""Two numbers are far apart if, where they overlap most, their log densities have fallen by this.

The probability that the lower one is above the higher one is then below `SMALLEST`.
"""

_SKEWED = 10.0
"""The mean of a positive number is not used if std / mean exceeds this."""

SMALLEST = 1e-70
"""Smallest probability of being better that is computed: panels may omit farther tails."""

_LARGEST_DROP = 1e4
"""Log densities farther below their maximum than this are treated as equal."""

_REFINEMENTS = 12
"""Maximum number of refinements of the search for the extent of a density."""


class Densities:
    """Log densities of the numbers in several comparisons, with respect to a coordinate.

    Numbers are rows: first those of the first comparison, then those of the second, and so on.

    Parameters
    ----------
    distributions
        The numbers of a comparison. Their hyperparameters are floats, or arrays of equal length,
        with an element for each comparison.

    Attributes
    ----------
    comparisons, numbers : int
        Number of comparisons, and number of compared numbers in each.
    origin
        The origin of the numbers in each comparison.

    Raises
    ------
    PriorError
        If the supports of the distributions differ.
    """

    def __init__(self, distributions: Sequence[Distribution]) -> None:
        self.coordinate = coordinate_of(distributions)
        centres = _centres(distributions[0])
        self.comparisons, self.numbers = centres.size, len(distributions)
        origin: Any = float(centres[0]) if distributions[0].scalar else centres
        self.distributions = self.coordinate.centred(distributions, origin)
        moved = self.distributions is not distributions
        self.origin = centres if moved else np.zeros(centres.size)
        self._stacked = type(self.distributions[0]).stack(self.distributions)
        self._elements: list[Distribution] = []
        if self._stacked is None:
            columns = [[each] if each.scalar else each.elements() for each in self.distributions]
            self._elements = [each for row in zip(*columns, strict=True) for each in row]

    def in_range(self, start: int, stop: int) -> Densities:
        """Return the densities of a range of comparisons."""
        if (start, stop) == (0, self.comparisons):
            return self
        found = copy.copy(self)
        found.keep(start, stop)
        return found

    def keep(self, start: int, stop: int) -> None:
        """Keep only a range of comparisons."""
        self.comparisons = stop - start
        self.origin = self.origin[start:stop]
        rows = slice(start * self.numbers, stop * self.numbers)
        self._elements = self._elements[rows]
        if self._stacked is not None:
            self._stacked = self._stacked.take(rows)

    def log(self, u: Array, rows: Any = None) -> Array:
        """Return log densities.

        Parameters
        ----------
        u
            Coordinates, of shape (rows, n).
        rows
            Indices of the numbers; by default, all numbers.
        """
        limit = self.coordinate.limit
        if math.isinf(limit):
            return self._inner(u, rows)
        inner = np.clip(u, -limit, limit)
        logs = self._inner(inner, rows)
        if (outside := u != inner).any():
            ends = np.broadcast_to([-limit, 10.0 - limit, limit - 10.0, limit], (len(u), 4))
            low, lower, upper, high = self._inner(ends, rows).T
            with np.errstate(invalid="ignore"):  # logarithms are -inf where a density is 0
                slopes = np.where(
                    u < 0.0, ((lower - low) / 10.0)[:, None], ((high - upper) / 10.0)[:, None]
                )
                logs = np.where(outside, logs + slopes * (u - inner), logs)
        return np.where(np.isnan(logs), -np.inf, logs)

    def _inner(self, u: Array, rows: Any) -> Array:
        with np.errstate(all="ignore"):
            if self._stacked is None:
                numbers = range(len(self._elements)) if rows is None else rows
                pairs = zip(numbers, u, strict=True)
                return np.stack(
                    [self.coordinate.log_density(self._elements[i], row) for i, row in pairs]
                )
            in_range = self._stacked if rows is None else self._stacked.take(rows)
            return self.coordinate.log_density(in_range, u)

    def places(self) -> tuple[Array, Array]:
        """Return the coordinates of the centres of the numbers, and rough standard deviations."""
        if self._stacked is None:
            found = np.concatenate([_place(each) for each in self._elements], axis=1)
        else:
            found = _place(self._stacked)
        with np.errstate(all="ignore"):
            return self.coordinate.place(*found)


def _centres(distribution: Distribution) -> Array:
    mean = np.atleast_1d(np.asarray(distribution.mean, dtype=float))
    if not np.isfinite(mean).all():
        rough = distribution.rough_place()
        median = distribution.ppf(0.5) if rough is None else rough[0]
        mean = np.where(np.isfinite(mean), mean, median)
    return mean


def _place(distribution: Distribution) -> Array:
    """Return an array of shape (2, n): means or medians, and approximate standard deviations."""
    mean, spread = (
        np.asarray(each, dtype=float).ravel() for each in (distribution.mean, distribution.std)
    )
    with np.errstate(all="ignore"):
        unknown = ~(np.isfinite(mean) & (spread > 0.0) & np.isfinite(spread))
        # far above the median, the mean and standard deviation of positive numbers do not describe
        # their logarithms
        skewed = distribution.support[0] >= 0.0 and (spread > _SKEWED * mean).any()
        if (skewed or unknown.any()) and (rough := distribution.rough_place()) is not None:
            return np.stack([np.ravel(each) for each in rough])
        if unknown.any():
            low, middle, high = (
                np.ravel(each)
                for each in (distribution.ppf(0.2), distribution.ppf(0.5), distribution.isf(0.2))
            )
            mean = np.where(unknown, middle, mean)
            spread = np.where(unknown, (high - low) / 1.7, spread)
            spread = np.maximum(spread, np.spacing(np.abs(mean)))  # quantiles may be equal
    return np.stack([mean, spread])


def edges_of(densities: Densities) -> list[list[float]]:
    """Return the ends of common panels of each comparison, over the range that integrals need."""
    centres, widths = (each[:, None] for each in densities.places())
    edges, separation = _extents(densities, centres, widths)
    graded = densities.coordinate.graded(centres, widths)
    shape = densities.comparisons, densities.numbers, -1
    rows = edges.reshape(shape), _gaps(edges).reshape(shape)
    more = graded.reshape(shape), _gaps(graded).reshape(shape)
    used = np.searchsorted(_LEVELS, _DROP + np.minimum(separation, _SEPARATED), side="right")
    found = []
    for m, levels in enumerate(used.tolist()):
        chosen = slice(len(_LEVELS) - levels, len(_LEVELS) + levels + 1)
        ends, gaps = (each[m, :, chosen] for each in rows)
        low, high = ends.min(), ends.max()
        inside = (low <= more[0][m]) & (more[0][m] <= high)
        candidates = np.concatenate([ends.ravel(), more[0][m][inside]])
        smoothness = np.concatenate([gaps.ravel(), more[1][m][inside]])
        order = np.argsort(candidates)
        found.append(_merge_narrow_panels(candidates[order].tolist(), smoothness[order].tolist()))
    return found


def _gaps(points: Array) -> Array:
    """Return the mean distance of each point from its neighbours, in each row."""
    gaps = points[:, 1:] - points[:, :-1]
    found = np.empty_like(points)
    found[:, 0], found[:, -1] = gaps[:, 0], gaps[:, -1]
    found[:, 1:-1] = (gaps[:, 1:] + gaps[:, :-1]) / 2.0
    return found


def _extents(densities: Densities, centres: Array, widths: Array) -> tuple[Array, Array]:
    """Return points, of shape (rows, n), where densities decreased by each level on both sides.

    The second result is, for each comparison, a bound on the joint decrease of two densities at the
    point where they overlap most.
    """

    def evaluate(u: Array, rows: Any) -> Array:
        logs = densities.log(u, None if len(rows) == len(centres) else rows)
        return densities.coordinate.log_mass(logs, u, centres[rows], widths[rows])

    k = densities.numbers
    u = centres + widths * _SIGNED_STENCIL
    others = np.repeat(centres.reshape(-1, k), k, axis=0)
    everything = np.arange(len(centres))
    logs = evaluate(np.concatenate([u, others], axis=1), everything)
    logs, at_centres = logs[:, : u.shape[1]], logs[:, u.shape[1] :]
    top = np.maximum(logs.max(axis=1), at_centres.max(axis=1))
    falls = np.minimum(top[:, None] - at_centres, _LARGEST_DROP).reshape(-1, k, k)
    falls = falls + np.diagonal(falls, axis1=1, axis2=2)[:, None, :]
    separation = np.minimum(falls, falls.transpose(0, 2, 1)).max(axis=(1, 2))
    edges = np.empty((len(u), len(_SIGNED_LEVELS)))
    rows = everything
    for refinement in range(_REFINEMENTS + 1):
        falls = _signed_falls(logs)
        coarse = _coarse(falls)
        fine = ~coarse.any(axis=1) | (refinement == _REFINEMENTS)
        if refinement == 0:
            fine &= (np.abs(falls[:, [0, -1]]) > _LEVELS[-1]).all(axis=1)
        if fine.all():
            edges[rows] = _interpolate(_SIGNED_LEVELS, falls, u)
            break
        if fine.any():
            edges[rows[fine]] = _interpolate(_SIGNED_LEVELS, falls[fine], u[fine])
        rows, u, logs = rows[~fine], u[~fine], logs[~fine]
        if refinement == 0:
            far = np.concatenate([-_FAR_STENCIL, _FAR_STENCIL])
            more = centres[rows] + widths[rows] * far
        else:
            more = ((u[:, 1:] + u[:, :-1]) / 2.0)[:, coarse[~fine].any(axis=0)]
        u = np.concatenate([u, more], axis=1)
        logs = np.concatenate([logs, evaluate(more, rows)], axis=1)
        order = np.argsort(u, axis=1)
        u, logs = np.take_along_axis(u, order, axis=1), np.take_along_axis(logs, order, axis=1)
    return edges, separation


def _signed_falls(logs: Array) -> Array:
    """Return the decrease of each log density from its maximum, negated to the left of the maximum.

    The result does not decrease within a row.
    """
    top = logs.argmax(axis=1)[:, None]
    falls = np.minimum(np.take_along_axis(logs, top, axis=1) - logs, _LARGEST_DROP)
    index = np.arange(logs.shape[1])
    above = np.maximum.accumulate(np.where(index > top, falls, 0.0), axis=1)
    below = np.maximum.accumulate(np.where(index < top, falls, 0.0)[:, ::-1], axis=1)[:, ::-1]
    found: Array = above - below
    return found


def _coarse(falls: Array) -> Array:
    """Whether a density changes too much between adjacent points to find all levels."""
    size = np.abs(falls)
    low, high = np.minimum(size[:, 1:], size[:, :-1]), np.maximum(size[:, 1:], size[:, :-1])
    found: Array = (high > 2.2 * low + 2.0) & (low <= _LEVELS[-1])
    return found


def _interpolate(values: Array, x: Array, y: Array) -> Array:
    """Interpolate each row of y as a function of the same row of x."""
    offsets = 3.0 * _LARGEST_DROP * np.arange(len(x))[:, None]
    within = np.clip(values, x[:, :1], x[:, -1:])
    found: Array = np.interp(within + offsets, (x + offsets).ravel(), y.ravel())
    return found


def _merge_narrow_panels(edges: list[float], widths: list[float]) -> list[float]:
    """Return edges spaced by at least 0.8 times the width that the narrowest density requires."""
    kept, narrow = [edges[0]], math.inf
    for edge, width in zip(edges[1:], widths[1:], strict=True):
        narrow = min(narrow, width)
        if edge - kept[-1] > 0.8 * narrow:
            kept.append(edge)
            narrow = math.inf
    if kept[-1] < edges[-1]:
        kept.append(edges[-1])
    return kept
