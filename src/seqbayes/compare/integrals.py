"""All quantities of comparisons, as arrays, from deterministic integrals over common grids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqbayes.compare import discrete, zeros
from seqbayes.compare.coordinates import Array
from seqbayes.compare.differences import Contrasts
from seqbayes.compare.grid import Grid
from seqbayes.compare.outside import beyond
from seqbayes.compare.panels import SMALLEST, Densities, edges_of
from seqbayes.compare.quantities import Quantities, any_of_others, products_of_others
from seqbayes.distributions import Distribution

_MAX_NODES = 50_000
"""Maximum number of nodes, over all numbers, that are computed at once."""

_LARGEST = 1e300


def quantities(
    numbers: Sequence[Distribution],
    better: str,
    level: float,
    control: int | None,
    equivalence: float | None,
) -> Quantities:
    """Compute all quantities.

    Parameters
    ----------
    numbers
        The numbers, whose hyperparameters are floats or arrays of equal length.
    better, level, equivalence
        As for `compare`.
    control
        Index of the control; by default, the reference is the best number.

    Raises
    ------
    PriorError
        If the distributions have different supports.
    """
    if numbers[0].discrete:
        return discrete.quantities(numbers, better, level, control, equivalence)
    if any(each.zero for each in numbers):
        return zeros.quantities(numbers, better, level, control, equivalence)
    positive = bool(np.all(np.asarray(numbers[0].support[0]) >= 0.0))
    slow = np.array([each.searches_quantiles for each in numbers])
    parts = [
        _quantities(grid, better, level, control, equivalence, positive, slow, part)
        for grid, part in _with_means(numbers)
    ]
    if len(parts) == 1:
        return parts[0]
    return Quantities(*map(np.concatenate, zip(*parts, strict=True)))


def probabilities_of_best(numbers: Sequence[Distribution], better: str) -> Array:
    """Return the probability that each number is the best, of shape (m, k).

    Raises
    ------
    PriorError
        If the distributions have different supports.
    """
    if numbers[0].discrete:
        return discrete.probabilities_of_best(numbers, better)
    if any(each.zero for each in numbers):
        return zeros.probabilities_of_best(numbers, better)
    return np.concatenate([_p_best(grid, better) for grid in _grids(numbers)])


def loss_ends(numbers: Sequence[Distribution], better: str, level: float) -> Array:
    """Return the intervals of the losses from choosing each number, of shape (m, k, 2).

    The loss is the difference between the best of the others and the number, or 0 if the number is
    better.

    Raises
    ------
    PriorError
        If the distributions have different supports.
    """
    tail = (1.0 - level) / 2.0
    if numbers[0].discrete:
        return discrete.loss_ends(numbers, better, tail)
    if any(each.zero for each in numbers):
        return zeros.loss_ends(numbers, better, tail)
    found = []
    for grid in _grids(numbers):
        m, k = len(grid.edges), grid.numbers
        own = np.arange(2 * m * k).reshape(m, 2, k)[:, 0].ravel()
        best = own + k
        pair = (best, own) if better == "higher" else (own, best)
        ends = Contrasts(grid.with_best_of_others(better), *pair).quantiles([tail, 1.0 - tail])
        found.append(np.maximum(ends, 0.0).reshape(m, k, 2))
    return np.concatenate(found)


def _grids(numbers: Sequence[Distribution]) -> Iterator[Grid]:
    """Yield the grids of successive comparisons."""
    densities = Densities(numbers)
    edges = edges_of(densities)
    start, k = 0, len(numbers)
    while start < len(edges):
        stop, most = start, 0
        while stop < len(edges):
            most = max(most, len(edges[stop]))
            if stop > start and (stop + 1 - start) * k * most * 16 > _MAX_NODES:
                break
            stop += 1
        yield Grid(densities.in_range(start, stop), edges[start:stop])
        start = stop


def _with_means(numbers: Sequence[Distribution]) -> Iterator[tuple[Grid, Array]]:
    """Yield the grids of successive comparisons, and the mean of each belief (NaN if unknown)."""
    columns = [np.nan if each.mean is None else each.mean for each in numbers]
    means = np.stack(np.broadcast_arrays(*map(np.atleast_1d, columns)), axis=-1).astype(float)
    start = 0
    for grid in _grids(numbers):
        stop = start + len(grid.edges)
        yield grid, means[start:stop]
        start = stop


def _quantities(
    grid: Grid,
    better: str,
    level: float,
    control: int | None,
    equivalence: float | None,
    positive: bool,
    slow: Any,
    means: Array,
) -> Quantities:
    p_best = _p_best(grid, better)
    m, k = p_best.shape
    reference = p_best.argmax(axis=1) if control is None else np.full(m, control)
    rows = np.flatnonzero(np.arange(k) != reference[:, None])
    references = np.repeat(k * np.arange(m) + reference, k - 1)
    tail = (1.0 - level) / 2.0
    contrasts = Contrasts(grid, rows, references)
    ends, lifts = np.full((m * k, 2), np.nan), np.full((m * k, 3), np.nan)
    equivalent = np.full(m * k, np.nan)
    ends[rows] = contrasts.quantiles([tail, 1.0 - tail])
    if positive:
        ratios = Contrasts(grid, rows, references, ratio=True)
        with np.errstate(over="ignore"):
            lifts[rows] = np.expm1(ratios.quantiles([0.5, tail, 1.0 - tail]))
    if equivalence is not None:
        within = contrasts.probabilities(-equivalence, equivalence)
        equivalent[rows] = np.clip(within, 0.0, 1.0)  # rounding errors
    intervals = np.full((m, k, 2), np.nan)
    if slow.any():
        intervals[:, slow] = grid.quantiles([tail, 1.0 - tail]).reshape(m, k, 2)[:, slow]
    return Quantities(
        p_best,
        _p_better(grid, better),
        _loss(grid, better, *beyond(grid, means)),
        reference,
        ends.reshape(m, k, 2),
        lifts.reshape(m, k, 3),
        equivalent.reshape(m, k),
        intervals,
    )


def _p_best(grid: Grid, better: str) -> Array:
    tails = grid.below if better == "higher" else grid.above
    masses = grid.density * grid.weights[:, None]
    raw = np.einsum("mkn,mkn->mk", masses, products_of_others(tails))
    probabilities: Array = raw / raw.sum(axis=1, keepdims=True)
    return _without_tiny(probabilities)


def _p_better(grid: Grid, better: str) -> Array:
    tails = grid.below if better == "higher" else grid.above
    raw = (grid.density * grid.weights[:, None]) @ tails.transpose(0, 2, 1)
    probabilities: Array = raw / (raw + raw.transpose(0, 2, 1))
    return _without_tiny(probabilities)


def _without_tiny(probabilities: Array) -> Array:
    """Set probabilities that are too small to be computed to 0."""
    found: Array = np.where(probabilities < SMALLEST, 0.0, probabilities)
    return found


def _loss(grid: Grid, better: str, low: Array, high: Array) -> Array:
    """Return the losses, including the expected amounts by which numbers lie beyond the grid."""
    if better == "higher":
        worse, other = grid.below, grid.above
        outside = low + high.sum(axis=1, keepdims=True) - high
    else:
        worse, other = grid.above, grid.below
        outside = high + low.sum(axis=1, keepdims=True) - low
    # where the slope overflows, the tails are 0
    lengths = np.minimum(grid.weights * grid.slope, _LARGEST)
    losses: Array = np.einsum("mkn,mkn,mn->mk", worse, any_of_others(other), lengths) + outside
    return losses
