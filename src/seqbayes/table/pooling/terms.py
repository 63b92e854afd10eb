"""The marginal likelihood of many keys' data, given the location and dispersion of the population.

The coordinates are those of `seqbayes.table.pooling.population`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.digamma import digamma_rise, trigamma_rise
from seqbayes.numerics.special import log_rising
from seqbayes.table.pooling.groups import PairCounts, tallied

Array = Any

_NARROWEST = 1e-4
_WIDEST = 1e2
_BLOCK = 1 << 18
"""Number of terms that are computed at once."""


class Derivatives(NamedTuple):
    """A function of (x, u), its gradient and its matrix of second derivatives."""

    value: float
    gradient: Array
    hessian: Array


class Terms(ABC):
    """The log marginal likelihood of the data of all keys, as a function of the population.

    Constants that do not depend on the population are omitted.

    Parameters
    ----------
    groups
        The distinct statistics of the keys.

    Attributes
    ----------
    start : float
        A location near the centre of the data.
    scale : float
        The unit of locations.
    lowest, highest : float
        Limits of the log dispersion.
    """

    start: float
    scale: float = 1.0
    lowest: float = math.log(_NARROWEST)
    highest: float = math.log(_WIDEST)

    def __init__(self, groups: PairCounts) -> None:
        self.groups = groups

    def values(self, x: Array, u: Array) -> Array:
        """Return the log marginal likelihood under many populations, an array like `x`."""
        step = max(1, _BLOCK // max(1, len(self.groups.counts)))
        found = [
            self._values(x[i : i + step, None], u[i : i + step, None])
            for i in range(0, len(x), step)
        ]
        return np.concatenate(found)

    @abstractmethod
    def _values(self, x: Array, u: Array) -> Array:
        """Return the log marginal likelihood under each population; `x` and `u` are columns."""

    @abstractmethod
    def derivatives(self, x: float, u: float) -> Derivatives:
        """Return the log marginal likelihood with its derivatives."""


def _chained(
    value: float, gradient: Array, hessian: Array, jacobian: Array, second: Array
) -> Derivatives:
    """Return derivatives with respect to (x, u), given those with respect to the hyperparameters.

    `jacobian` has a row, and `second` a matrix, for each hyperparameter.
    """
    return Derivatives(
        value,
        jacobian.T @ gradient,
        jacobian.T @ hessian @ jacobian + np.tensordot(gradient, second, 1),
    )


class BetaTerms(Terms):
    """Sums of log rising factorials."""

    def __init__(self, groups: PairCounts) -> None:
        super().__init__(groups)
        a, b, counts = groups
        n = a + b
        total, share = float((counts * n).sum()), float((counts * a).sum())
        # half a success and half a failure are added, so that the location is always finite
        self.start = math.log((share + 0.5) / (total - share + 0.5))
        self._a, self._b, self._n = tallied(a, counts), tallied(b, counts), tallied(n, counts)

    def _values(self, x: Array, u: Array) -> Array:
        strength = np.exp(-2.0 * u)
        total: Array = 0.0
        for size, (values, counts), sign in (
            (strength * sc.expit(x), self._a, 1.0),
            (strength * sc.expit(-x), self._b, 1.0),
            (strength, self._n, -1.0),
        ):
            total = total + sign * (log_rising(size, values) * counts).sum(axis=1)
        return total

    def derivatives(self, x: float, u: float) -> Derivatives:
        """Return the log marginal likelihood with its derivatives."""
        strength, p, q = math.exp(-2.0 * u), float(sc.expit(x)), float(sc.expit(-x))
        alpha, beta = strength * p, strength * q
        value, firsts, seconds = 0.0, [], []
        for size, (values, counts), sign in (
            (alpha, self._a, 1.0),
            (beta, self._b, 1.0),
            (strength, self._n, -1.0),
        ):
            value += sign * float((log_rising(np.array([size]), values) * counts).sum())
            firsts.append(sign * float((digamma_rise(size, values) * counts).sum()))
            seconds.append(sign * float((trigamma_rise(size, values) * counts).sum()))
        slope, bend = strength * p * q, strength * p * q * (q - p)
        return _chained(
            value,
            np.array([firsts[0] + firsts[2], firsts[1] + firsts[2]]),
            np.diag(seconds[:2]) + seconds[2],
            np.array([[slope, -2.0 * alpha], [-slope, -2.0 * beta]]),
            np.array(
                [
                    [[bend, -2.0 * slope], [-2.0 * slope, 4.0 * alpha]],
                    [[-bend, 2.0 * slope], [2.0 * slope, 4.0 * beta]],
                ]
            ),
        )


class GammaTerms(Terms):
    """Sums of log rising factorials and of logarithms of rates."""

    def __init__(self, groups: PairCounts) -> None:
        super().__init__(groups)
        a, b, counts = groups
        self.start = math.log((float((counts * a).sum()) + 0.5) / float((counts * b).sum()))
        self._a = tallied(a, counts)

    def _values(self, x: Array, u: Array) -> Array:
        a, b, counts = self.groups
        with np.errstate(all="ignore"):  # the likelihood of extreme priors is 0
            shape = np.exp(-2.0 * u)
            rate = shape * np.exp(-x)
            rising = (log_rising(shape, self._a[0]) * self._a[1]).sum(axis=1)
            rest = a * np.log(rate + b) + shape * np.log1p(b / rate)
            found: Array = rising - (rest * counts).sum(axis=1)
        return found

    def derivatives(self, x: float, u: float) -> Derivatives:
        """Return the log marginal likelihood with its derivatives."""
        a, b, counts = self.groups
        shape = math.exp(-2.0 * u)
        rate = shape * math.exp(-x)
        distinct, totals = self._a
        total = rate + b
        logs = counts * np.log1p(b / rate)
        log_shares, ratio = float(logs.sum()), counts * b / (rate * total)
        value = float((log_rising(np.array([shape]), distinct) * totals).sum())
        value -= float((counts * a * np.log(total)).sum()) + shape * log_shares
        weight = counts * a / total
        first = float((digamma_rise(shape, distinct) * totals).sum()) - log_shares
        cross = float(ratio.sum())
        curved = float((weight / total - shape * ratio * (rate + total) / (rate * total)).sum())
        return _chained(
            value,
            np.array([first, shape * cross - float(weight.sum())]),
            np.array(
                [[float((trigamma_rise(shape, distinct) * totals).sum()), cross], [cross, curved]]
            ),
            np.array([[0.0, -2.0 * shape], [-rate, -2.0 * rate]]),
            np.array(
                [
                    [[0.0, 0.0], [0.0, 4.0 * shape]],
                    [[rate, 2.0 * rate], [2.0 * rate, 4.0 * rate]],
                ]
            ),
        )


class NormalTerms(Terms):
    """Log densities of sample means, whose variances include the variance of the population."""

    def __init__(self, groups: PairCounts, known: float) -> None:
        super().__init__(groups)
        n, mean, counts = groups
        weight = counts * n
        # deviations from a central mean, so that sums of large means do not lose digits
        middle = float(mean[len(mean) // 2])
        self.start = middle + float((weight * (mean - middle)).sum() / weight.sum())
        self._sampling = known / n
        between = float((counts * (mean - self.start) ** 2).sum() / counts.sum())
        self.scale = math.sqrt(between + float(self._sampling.min()))
        self.lowest = math.log(self.scale * _NARROWEST)
        self.highest = math.log(self.scale * _WIDEST)

    def _values(self, x: Array, u: Array) -> Array:
        _, mean, counts = self.groups
        variance = np.exp(2.0 * u) + self._sampling
        gap = mean - x
        found: Array = -0.5 * (counts * (np.log(variance) + gap * gap / variance)).sum(axis=1)
        return found

    def derivatives(self, x: float, u: float) -> Derivatives:
        """Return the log marginal likelihood with its derivatives."""
        _, mean, counts = self.groups
        variance = math.exp(2.0 * u)
        total = variance + self._sampling
        gap = mean - x
        precision = counts / total
        pull = precision * gap
        square = pull * gap / total
        value = -0.5 * (float((counts * np.log(total)).sum()) + float((pull * gap).sum()))
        cross = -float((pull / total).sum())
        bend = 0.5 * float((precision / total - 2.0 * square / total).sum())
        return _chained(
            value,
            np.array([float(pull.sum()), 0.5 * float((square - precision).sum())]),
            np.array([[-float(precision.sum()), cross], [cross, bend]]),
            np.array([[1.0, 0.0], [0.0, 2.0 * variance]]),
            np.array([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 4.0 * variance]]]),
        )
