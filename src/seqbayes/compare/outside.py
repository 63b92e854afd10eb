"""Expected distances beyond the range of a grid, which contribute to losses if tails are heavy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.compare.coordinates import Array
from seqbayes.compare.grid import Grid

_SIGNIFICANT = 1e-11
"""Differences between the mean and the grid's integral below this share are rounding errors."""


def beyond(grid: Grid, means: Array) -> tuple[Array, Array]:
    """Return the expected amounts by which numbers are below and above the range of the grid.

    Parameters
    ----------
    grid
        A grid of m comparisons of k numbers.
    means
        The means of the numbers, of shape (m, k); NaN or inf if they do not exist.

    Returns
    -------
    tuple of arrays
        The amounts, of shape (m, k); 0 for numbers without a mean.
    """
    limit = grid.coordinate.limit
    known = np.isfinite(means)
    with np.errstate(all="ignore"):
        if math.isinf(limit) and np.isnan(grid.log_x).all():
            found = _below_and_above_power_tails(grid)
        else:
            found = np.zeros_like(means), _above_by_the_mean(grid, means)
        return tuple(np.where(known & np.isfinite(each), each, 0.0) for each in found)  # type: ignore[return-value]


def _above_by_the_mean(grid: Grid, means: Array) -> Array:
    """Return the part of the mean of positive numbers that the tail's integral does not contain."""
    lengths = np.minimum(grid.weights * grid.slope, 1e300)
    first = grid.coordinate.point(grid.edges[:, :1])
    rest: Array = means - first - np.einsum("mkn,mn->mk", grid.above, lengths)
    return np.where(rest > _SIGNIFICANT * means, rest, 0.0)


def _below_and_above_power_tails(grid: Grid) -> tuple[Array, Array]:
    """Return both amounts for numbers on the whole line whose tails decrease like powers."""
    return (
        _power_tail(grid.x[:, ::-1], grid.density[:, :, ::-1], grid.edges[:, :1]),
        _power_tail(grid.x, grid.density, grid.edges[:, -1:]),
    )


def _power_tail(x: Any, density: Any, end: Any) -> Array:
    """Return the expected distance beyond the end, given a density that decreases like a power."""
    centre = np.take_along_axis(x[:, None], density.argmax(axis=-1)[..., None], axis=-1)[..., 0]
    inner, outer = (np.abs(x[:, None, i] - centre) for i in (-2, -1))
    last = np.log(density[..., -1])
    exponent = (np.log(density[..., -2]) - last) / (np.log(outer) - np.log(inner))
    distance = np.abs(end - centre)
    index = exponent - 1.0
    tail = np.exp(last - exponent * (np.log(distance) - np.log(outer))) * distance / index
    found: Array = tail * distance * index / (index - 1.0)
    return np.where(index > 1.0, found, 0.0)
