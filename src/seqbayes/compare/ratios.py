"""Likelihoods of the log ratio of two rates or scales, and their averages over a prior."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Spreads = Sequence[float]

SPREADS = (0.0, 1.0, 4.0)
_WEIGHTS = np.array([0.4, 0.5, 0.1])
"""The prior on a log ratio: the standard deviations, in typical effects, of normal distributions
around 0, and the weights of these distributions."""

_NODES = 0.5 * np.arange(-17.0, 18.0)
"""Nodes of the integrals over a log ratio, in standard deviations from the mode."""

_STEPS = 200


class Ratio(NamedTuple):
    """The log likelihood of a log ratio x: successes * x - total * log(mine * exp(x) + theirs).

    The function is the log likelihood of the successes of one arm, given the successes of both
    arms, if these are Poisson with exposures `mine` and `theirs`. It is also the log likelihood of
    the ratio of two Gamma variables with known shapes.
    """

    successes: float
    total: float
    log_mine: float
    log_theirs: float

    def at(self, x: Any) -> Any:
        """Return the log likelihood."""
        return self.successes * x - self.total * np.logaddexp(x + self.log_mine, self.log_theirs)

    def bends(self, x: float) -> tuple[float, float]:
        """Return the first derivative, and the negated second derivative."""
        share = 1.0 / (1.0 + math.exp(min(self.log_theirs - self.log_mine - x, 700.0)))
        return self.successes - self.total * share, self.total * share * (1.0 - share)

    @property
    def best(self) -> float:
        """The log ratio at which the likelihood is largest."""
        rest = self.total - self.successes
        return math.log(self.successes) - math.log(rest) + self.log_theirs - self.log_mine


def root(bends: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Return the root of a decreasing function between two numbers, given also its negated slope.

    Examples
    --------
    >>> round(root(lambda x: (1.0 - x**3, 3.0 * x * x), 5.0, 0.0), 12)
    1.0
    """
    low, high = sorted((low, high))
    x = (low + high) / 2.0
    for _ in range(_STEPS):
        value, slope = bends(x)
        low, high = (x, high) if value > 0.0 else (low, x)
        step = value / slope if slope > 0.0 else math.inf
        following = x + step
        if not low < following < high:
            following = (low + high) / 2.0
        if abs(following - x) <= 1e-15 * (1.0 + abs(x)):
            return following
        x = following
    return x


def log_average(ratio: Ratio, spreads: Spreads) -> float:
    """Return the log of the average likelihood over the prior on a log ratio."""
    found = []
    for spread in spreads:
        if spread == 0.0:
            found.append(float(ratio.at(0.0)))
            continue
        precision = spread**-2

        def bends(x: float, precision: float = precision) -> tuple[float, float]:
            slope, bend = ratio.bends(x)
            return slope - precision * x, bend + precision

        mode = root(bends, 0.0, ratio.best)
        deviation = bends(mode)[1] ** -0.5
        x = mode + deviation * _NODES
        logs = ratio.at(x) - 0.5 * precision * x * x
        top = float(logs.max())
        whole = float(np.exp(logs - top).sum()) * deviation * (_NODES[1] - _NODES[0])
        found.append(top + math.log(whole / spread / math.sqrt(2.0 * math.pi)))
    return float(log_mixture(np.array(found)))


def log_normal_average(gap: Any, variance: Any, spreads: Spreads) -> Array:
    """Return the log of the density of a difference, averaged over its prior, up to a constant.

    Parameters
    ----------
    gap
        The observed difference.
    variance
        The variance of the observed difference, given the true difference.
    spreads
        Standard deviations of the prior.

    Examples
    --------
    >>> round(float(log_normal_average(0.0, 1.0, [0.0, 0.0, 0.0])), 12)
    0.0
    """
    parts = [
        -0.5 * np.log(variance + spread * spread) - 0.5 * gap * gap / (variance + spread * spread)
        for spread in spreads
    ]
    return log_mixture(np.stack(parts))


def log_mixture(logs: Array) -> Array:
    """Return the log of the weighted average over the parts of the prior (the first axis)."""
    top = logs.max(axis=0)
    found: Array = top + np.log(np.tensordot(_WEIGHTS, np.exp(logs - top), 1))
    return found
