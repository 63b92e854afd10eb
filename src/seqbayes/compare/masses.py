"""Places, moments and approximate quantiles of numbers, from their masses at nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.compare.coordinates import Array

NEGLIGIBLE = 1e-14
"""A node is omitted if its mass is below this share of the largest mass."""


def place(u: Array, masses: Array) -> tuple[Array, Array]:
    """Return the mean and the standard deviation of the coordinate of each row."""
    total = masses.sum(axis=1)
    mean = np.einsum("rn,rn->r", masses, u) / total
    offsets = u - mean[:, None]
    return mean, np.sqrt(np.einsum("rn,rn,rn->r", masses, offsets, offsets) / total)


def windows(masses: Array) -> Any:
    """Return the indices of the nodes with mass, the same number for each row."""
    kept = masses > NEGLIGIBLE * masses.max(axis=1, keepdims=True)
    starts = kept.argmax(axis=1)
    ends = masses.shape[1] - kept[:, ::-1].argmax(axis=1)
    length = int((ends - starts).max())
    starts = np.minimum(starts, masses.shape[1] - length)
    return starts[:, None] + np.arange(length)


def moments_of(values: Array, masses: Array) -> tuple[Array, Array, Array, Array]:
    """Return the mean, cumulants 2 to 4, median and central 68 % half-width of each row."""
    total = masses.sum(axis=1)
    with np.errstate(all="ignore"):
        mean = np.einsum("rn,rn->r", masses, values) / total
        off = values - mean[:, None]
        squares = off * off
        second, third, fourth = (
            np.einsum("rn,rn->r", masses, power) / total
            for power in (squares, squares * off, squares * squares)
        )
    rows = np.arange(len(masses))[:, None]
    shares = np.cumsum(masses, axis=1) / total[:, None] + 2.0 * rows
    wanted = np.array([0.16, 0.5, 0.84]) + 2.0 * rows
    found = np.interp(wanted, shares.ravel(), values.ravel())
    cumulants = np.stack([second, third, fourth - 3.0 * second**2])
    return mean, cumulants, found[:, 1], (found[:, 2] - found[:, 0]) / 2.0


def expanded(z: Array, skewness: Array, kurtosis: Array) -> Array:
    """Return standardised quantiles at normal scores, from the Cornish-Fisher expansion."""
    found: Array = (
        z
        + skewness * (z * z - 1.0) / 6.0
        + kurtosis * z * (z * z - 3.0) / 24.0
        - skewness * skewness * z * (2.0 * z * z - 5.0) / 36.0
    )
    return found


def limited(step: Array, offset: Array, spread: Array, heavy: Any) -> Array:
    """Return Newton steps, which are limited where the density is almost 0.

    In heavy tails, the steps are taken in the inverse hyperbolic sine of the offset from the
    centre, because normal scores are nearly a linear function of it.
    """
    reach = 4.0 * (spread + np.abs(offset))
    plain: Array = np.minimum(np.maximum(step, -reach), reach)
    if not heavy.any():
        return plain
    root = np.hypot(spread, offset)
    t = np.clip(step / root, -2.0, 2.0)
    curved = 2.0 * offset * np.sinh(t / 2.0) ** 2 + root * np.sinh(t)
    return np.where(heavy, curved, plain)
