"""Likelihoods of two samples of log-normal amounts whose variances are unknown and may differ.

The common mean of the logarithms, which depends on the unit of the amounts, is eliminated: the
likelihood is that of the differences between logarithms. Its parameters are the standard deviations
of both arms and the difference between their means; the mean amount of an arm is exp(mean +
variance / 2).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqbayes.compare.ratios import Ratio, Spreads, log_normal_average

Array = NDArray[np.float64]

_TYPICAL, _WIDTH = -0.2, 0.8
_RATIOS = ((0.08, 0.75), (0.5, 0.25))
"""The prior on the log standard deviations of both arms: their mean is normal with this mean and
standard deviation; their difference is normal around 0 with these standard deviations, and these
weights."""

_NODES = 0.6 * np.arange(-13.0, 14.0)
_GRID = 8.0 * np.sinh(np.linspace(-3.5, 3.5, 27)) / math.sinh(3.5)
_GRID_STEPS = 8
_STARTS = 3
_STEPS = 60
_FARTHEST = 100.0


class Logarithms(NamedTuple):
    """The number of amounts, and the mean and the sum of squares of their logarithms."""

    n: float
    mean: float
    squares: float

    @property
    def log_deviation(self) -> float | None:
        """The estimate of the log standard deviation; None for fewer than two amounts."""
        return math.log(self.squares / (self.n - 1.0)) / 2.0 if self.n >= 2.0 else None


def is_bounded(first: Logarithms, second: Logarithms) -> bool:
    """Whether the likelihood is bounded: in every arm with two or more amounts, some differ."""
    several = [each for each in (first, second) if each.n >= 2.0]
    return bool(several) and all(each.squares > 0.0 for each in several)


def log_average(first: Logarithms, second: Logarithms, spreads: Spreads) -> float:
    """Return the log of the likelihood averaged over the prior.

    The prior on the difference between the means is the prior on a log ratio. The integral over
    both log standard deviations is a sum over equal steps around the mode.
    """
    found = [
        math.log(weight) + _log_average(first, second, spreads, ratio) for ratio, weight in _RATIOS
    ]
    return float(np.logaddexp(found[0], found[1]))


def _log_average(first: Logarithms, second: Logarithms, spreads: Spreads, ratio: float) -> float:
    """Return the average likelihood over one normal prior on the log standard deviations."""
    mode, factor = _mode(first, second, ratio)
    z = np.meshgrid(_NODES, _NODES, indexing="ij")
    a = mode[0] + factor[0, 0] * z[0]
    b = mode[1] + factor[1, 0] * z[0] + factor[1, 1] * z[1]
    gap = first.mean - second.mean
    variance = np.exp(2.0 * a) / first.n + np.exp(2.0 * b) / second.n
    logs = _of_deviations(first, a) + _of_deviations(second, b)
    logs += log_normal_average(gap, variance, spreads)
    logs -= 0.5 * (((a + b) / 2.0 - _TYPICAL) / _WIDTH) ** 2 + 0.5 * ((a - b) / ratio) ** 2
    top = float(logs.max())
    step = (_NODES[1] - _NODES[0]) ** 2 * factor[0, 0] * factor[1, 1]
    whole = float(np.exp(logs - top).sum()) * step / (2.0 * math.pi * _WIDTH * ratio)
    return top + math.log(whole)


def _of_deviations(sample: Logarithms, log_deviation: Any) -> Any:
    """Return the log likelihood of the sum of squares."""
    within = 0.5 * sample.squares * np.exp(-2.0 * log_deviation)
    return -(sample.n - 1.0) * log_deviation - within


def _mode(first: Logarithms, second: Logarithms, ratio: float) -> tuple[Array, Array]:
    """Return the mode of both log standard deviations, and the factor of their covariance.

    The gap between the means is not used, because it hardly shifts the mode.
    """
    samples = first, second
    known = [each.log_deviation for each in samples if each.log_deviation is not None]
    x = np.array(
        [known[0] if each.log_deviation is None else each.log_deviation for each in samples]
    )
    common, apart = 0.25 / _WIDTH**2, ratio**-2
    prior = np.array([[common + apart, common - apart]] * 2)
    prior[1] = prior[1, ::-1]
    precision = prior
    for _ in range(_STEPS):
        within = np.array([each.squares for each in samples]) * np.exp(-2.0 * x)
        slope = within - np.array([each.n - 1.0 for each in samples])
        slope -= prior @ (x - _TYPICAL)
        precision = prior + np.diag(2.0 * within)
        step = np.linalg.solve(precision, slope)
        x = x + step
        if np.abs(step).max() < 1e-9:
            break
    return x, np.linalg.cholesky(np.linalg.inv(precision))


def largest(first: Logarithms, second: Logarithms) -> tuple[float, float]:
    """Return the largest log likelihood, and the log ratio of mean amounts there."""
    value, (a, b, _) = _Likelihood(first, second, None).largest()
    gap = first.mean - second.mean
    return value, gap + (math.exp(2.0 * a) - math.exp(2.0 * b)) / 2.0


def largest_when_tied(first: Logarithms, second: Logarithms, share: Ratio) -> float:
    """Return the largest log likelihood of shares and amounts at equal expected values."""
    return _Likelihood(first, second, share).largest()[0]


class _Likelihood:
    """The log likelihood of (a, b, x): both log standard deviations and the log ratio of shares.

    If shares are given, the log ratio of mean amounts is -x; otherwise the means are those
    observed.
    """

    def __init__(self, first: Logarithms, second: Logarithms, share: Ratio | None) -> None:
        self.first, self.second, self.share = first, second, share
        self.gap = first.mean - second.mean

    def at(self, point: Any) -> Any:
        """Return the log likelihood of a point, or of arrays of points."""
        a, b, x = point
        square, other = np.exp(2.0 * a), np.exp(2.0 * b)
        variance = square / self.first.n + other / self.second.n
        found = _of_deviations(self.first, a) + _of_deviations(self.second, b)
        found = found - 0.5 * np.log(variance)
        if self.share is not None:
            found += (
                self.share.at(x) - 0.5 * (self.gap + x + (square - other) / 2.0) ** 2 / variance
            )
        return found

    def slope(self, point: Array) -> Array:
        """Return the gradient."""
        a, b, x = point.tolist()
        n, m = self.first.n, self.second.n
        square, other = math.exp(2.0 * a), math.exp(2.0 * b)
        variance = square / n + other / m
        rest = slope = 0.0
        if self.share is not None:
            rest = (self.gap + x + (square - other) / 2.0) / variance
            slope = self.share.bends(x)[0] - rest
        curve = rest * rest - 1.0 / variance
        return np.array(
            [
                self.first.squares / square - (n - 1.0) + square * (curve / n - rest),
                self.second.squares / other - (m - 1.0) + other * (curve / m + rest),
                slope,
            ]
        )

    def largest(self) -> tuple[float, Array]:
        """Return the maximum of the log likelihood and the point at which it is attained.

        Without shares, the function is concave. Otherwise, there may be several local maxima if
        amounts are few: the best points of a grid are starts.
        """
        known = [each.log_deviation for each in (self.first, self.second)]
        centre = next(each for each in known if each is not None)
        if self.share is None:  # an arm with one amount has no deviation: start near 0
            near = [centre + _GRID[0] if each is None else each for each in known]
            return self._climb(np.array([*near, 0.0]))
        starts = self._starts([_GRID + (centre if each is None else each) for each in known])
        return max(map(self._climb, starts), key=lambda found: found[0])

    def _starts(self, axes: list[Array]) -> list[Array]:
        """Return the best local maxima on a grid."""
        a, b = np.meshgrid(*axes, indexing="ij")
        x = self._shares(a, b)
        values = np.pad(self.at((a, b, x)), 1, constant_values=-math.inf)
        inner = values[1:-1, 1:-1]
        around = [
            values[1 + i : values.shape[0] - 1 + i, 1 + j : values.shape[1] - 1 + j]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if i or j
        ]
        peaks = np.argwhere(inner >= np.max(around, axis=0))
        order = np.argsort([-inner[i, j] for i, j in peaks], kind="stable")[:_STARTS]
        return [np.array([a[i, j], b[i, j], x[i, j]]) for i, j in peaks[order]]

    def _shares(self, a: Array, b: Array) -> Array:
        """Return the best log ratios of shares given both log standard deviations."""
        share = self.share
        assert share is not None
        square, other = np.exp(2.0 * a), np.exp(2.0 * b)
        weight = 1.0 / (square / self.first.n + other / self.second.n)
        wanted = -self.gap - (square - other) / 2.0
        low, high = np.minimum(share.best, wanted), np.maximum(share.best, wanted)
        x = (low + high) / 2.0
        for _ in range(_GRID_STEPS):
            part = 1.0 / (1.0 + np.exp(np.minimum(share.log_theirs - share.log_mine - x, 700.0)))
            value = share.successes - share.total * part - weight * (x - wanted)
            low, high = np.where(value > 0.0, x, low), np.where(value > 0.0, high, x)
            following = x + value / (share.total * part * (1.0 - part) + weight)
            inside = (low < following) & (following < high)
            x = np.where(inside, following, (low + high) / 2.0)
        return x

    def _climb(self, point: Array) -> tuple[float, Array]:
        """Return the local maximum near a point, found by Newton's method."""
        value = float(self.at(point))
        for _ in range(_STEPS):
            slope = self.slope(point)
            size = 1e-5
            steps = size * np.eye(3)
            bend = np.stack(
                [(self.slope(point - e) - self.slope(point + e)) / (2.0 * size) for e in steps]
            )
            roots, axes = np.linalg.eigh((bend + bend.T) / 2.0)
            # directions in which the function is not concave are climbed as if it were
            step = axes @ ((axes.T @ slope) / np.maximum(np.abs(roots), 1e-9))
            step *= min(1.0, 1.0 / max(float(np.abs(step).max()), 1e-300))
            gain = 0.0
            for _ in range(30):
                following = np.clip(point + step, -_FARTHEST, _FARTHEST)
                gain = float(self.at(following)) - value
                if gain >= 0.0:
                    break
                step = step / 2.0
            if gain <= 0.0:
                break
            point, value = following, value + gain
            if gain < 1e-10 * (1.0 + 1e-4 * abs(value)):
                break
        return value, point
