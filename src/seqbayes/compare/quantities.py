"""The quantities of comparisons, as arrays, and functions that several computations share."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from seqbayes.compare.coordinates import Array


class Quantities(NamedTuple):
    """The quantities of m comparisons of k numbers.

    Attributes
    ----------
    p_best
        Probability that each number is the best, of shape (m, k).
    p_better
        Probability that each number is better than each of the others, of shape (m, k, k); 1/2 on
        the diagonal.
    loss
        Expected loss from choosing each number, if the means exist, of shape (m, k).
    reference
        Index of the number to which the others are compared, of shape (m,).
    ends, lifts
        Interval of the difference between each number and the reference, of shape (m, k, 2), and
        median and interval of the ratio minus 1, of shape (m, k, 3); NaN for the reference, and for
        ratios of numbers that are not positive.
    equivalent
        Probability that each difference is within the region of equivalence, of shape (m, k).
    intervals
        Equal-tailed interval of each number, of shape (m, k, 2), if its quantiles are found by a
        search; otherwise NaN.
    """

    p_best: Array
    p_better: Array
    loss: Array
    reference: Any
    ends: Array
    lifts: Array
    equivalent: Array
    intervals: Array


def products_of_others(tails: Array) -> Array:
    """Return the product over all other numbers, for each number."""
    ones = np.ones_like(tails[:, :1])
    before = np.concatenate([ones, np.cumprod(tails[:, :-1], axis=1)], axis=1)
    after = np.concatenate([np.cumprod(tails[:, :0:-1], axis=1)[:, ::-1], ones], axis=1)
    products: Array = before * after
    return products


def density_of_best(densities: Array, worse: Array) -> Array:
    """Return the density of the best of all other numbers, for each number.

    Parameters
    ----------
    densities, worse
        The density of each number, and the probability that it is worse, of shape (m, k, n).
    """

    def accumulate(numbers: Any) -> list[tuple[Any, Any]]:
        found: list[tuple[Any, Any]] = [(1.0, 0.0)]
        for k in numbers:
            p, density = found[-1]
            found.append((p * worse[:, k], p * densities[:, k] + density * worse[:, k]))
        return found

    k = densities.shape[1]
    before, after = accumulate(range(k - 1)), accumulate(range(k - 1, 0, -1))[::-1]
    return np.stack(
        [p * d + density * q for (p, density), (q, d) in zip(before, after, strict=True)], axis=1
    )


def any_of_others(tails: Array) -> Array:
    """Return, for each number, the probability of at least one of the other numbers' events."""

    def accumulate(rows: Array) -> list[Array]:
        found = [np.zeros_like(tails[:, 0])]
        for k in range(rows.shape[1]):
            found.append(found[-1] + rows[:, k] * (1.0 - found[-1]))
        return found

    before, after = accumulate(tails[:, :-1]), accumulate(tails[:, :0:-1])[::-1]
    return np.stack([b + a * (1.0 - b) for b, a in zip(before, after, strict=True)], axis=1)


def finite_losses(loss: Array, infinite: Any, better: str, low: Any) -> Array:
    """Return expected losses, which are infinite where they depend on a mean that does not exist.

    Parameters
    ----------
    loss
        The losses computed by the integrals, of shape (m, k).
    infinite
        Whether the mean of each number is infinite or does not exist, of shape (m, k).
    better
        Whether the "higher" or the "lower" number is better.
    low
        The lower end of the support. If it is finite, a mean can be infinite only because of the
        upper tail. In this case, the loss of a number is infinite if another number has no mean or,
        if the lower number is better, if the number has no mean.
    """
    if np.all(np.isneginf(low)):
        lost = infinite.any(axis=1, keepdims=True) & np.ones_like(infinite)
    elif better == "lower":
        lost = infinite
    else:
        lost = infinite.sum(axis=1, keepdims=True) > infinite
    return np.where(lost, np.inf, loss)
