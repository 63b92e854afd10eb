"""All quantities of comparisons, as arrays: deterministic integrals over common grids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from seqbayes.compare import discrete
from seqbayes.compare.coordinates import Array
from seqbayes.compare.differences import Contrasts
from seqbayes.compare.grid import Grid
from seqbayes.compare.panels import Densities, edges_of
from seqbayes.compare.quantities import Quantities, any_of_others, products_of_others
from seqbayes.distributions import Distribution

_MAX_NODES = 50_000
"""Maximum number of nodes, over all numbers, that are computed at once."""


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
        The numbers, whose hyperparameters are floats or arrays of one length.
    better, level, equivalence
        As for `compare`.
    control
        Index of the control; by default the reference is the best one.

    Raises
    ------
    PriorError
        If the supports of the numbers differ.
    """
    if numbers[0].discrete:
        return discrete.quantities(numbers, better, level, control, equivalence)
    positive = bool(np.all(np.asarray(numbers[0].support[0]) >= 0.0))
    parts = [
        _quantities(grid, better, level, control, equivalence, positive) for grid in _grids(numbers)
    ]
    if len(parts) == 1:
        return parts[0]
    return Quantities(*map(np.concatenate, zip(*parts, strict=True)))


def probabilities_of_best(numbers: Sequence[Distribution], better: str) -> Array:
    """Return the probability that each is the best, of shape (m, k).

    Raises
    ------
    PriorError
        If the supports of the numbers differ.
    """
    if numbers[0].discrete:
        return discrete.probabilities_of_best(numbers, better)
    return np.concatenate([_p_best(grid, better) for grid in _grids(numbers)])


def loss_ends(numbers: Sequence[Distribution], better: str, level: float) -> Array:
    """Return the intervals of the losses of choosing each number, of shape (m, k, 2).

    The loss is the difference between the best of the others and the number, unless that is worse.

    Raises
    ------
    PriorError
        If the supports of the numbers differ.
    """
    tail = (1.0 - level) / 2.0
    if numbers[0].discrete:
        return discrete.loss_ends(numbers, better, tail)
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


def _quantities(
    grid: Grid,
    better: str,
    level: float,
    control: int | None,
    equivalence: float | None,
    positive: bool,
) -> Quantities:
    p_best = _p_best(grid, better)
    m, k = p_best.shape
    reference = p_best.argmax(axis=1) if control is None else np.full(m, control)
    others = np.arange(k)[None] != reference[:, None]
    start = k * np.arange(m)
    rows = np.flatnonzero(others)
    references = np.repeat(start + reference, k - 1)
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
    return Quantities(
        p_best,
        _p_better(grid, better),
        _loss(grid, better),
        reference,
        ends.reshape(m, k, 2),
        lifts.reshape(m, k, 3),
        equivalent.reshape(m, k),
    )


def _p_best(grid: Grid, better: str) -> Array:
    tails = grid.below if better == "higher" else grid.above
    masses = grid.density * grid.weights[:, None]
    raw = np.einsum("mkn,mkn->mk", masses, products_of_others(tails))
    probabilities: Array = raw / raw.sum(axis=1, keepdims=True)
    return probabilities


def _p_better(grid: Grid, better: str) -> Array:
    tails = grid.below if better == "higher" else grid.above
    raw = (grid.density * grid.weights[:, None]) @ tails.transpose(0, 2, 1)
    probabilities: Array = raw / (raw + raw.transpose(0, 2, 1))
    return probabilities


def _loss(grid: Grid, better: str) -> Array:
    worse, other = (grid.below, grid.above) if better == "higher" else (grid.above, grid.below)
    losses: Array = np.einsum(
        "mkn,mkn,mn->mk", worse, any_of_others(other), grid.weights * grid.slope
    )
    return losses
