"""Quantiles of amounts at a random level, which quantiles of numbers that may be 0 require.

The p-quantile of a number that is an amount with a probability s, and otherwise 0, is 0 if s is at
most 1 - p. Otherwise it is the quantile of the amount at the level 1 - (1 - p) / s.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from seqbayes.distributions.averaged import Averaged, ProductOfTwo, both_sides, log_sum
from seqbayes.distributions.base import Distribution
from seqbayes.distributions.gamma import InverseGamma
from seqbayes.distributions.tabulated import DensityTable
from seqbayes.numerics import sc
from seqbayes.numerics.elementary import plain
from seqbayes.numerics.special import HALF_LOG_TWO_PI, Real

_STEP = 0.45
"""Step in units of the narrowest width."""

_LONGEST_STEP = 0.15
"""Largest step; it gives exact sums even for the density of a squared normal variable."""

_LARGEST_ODDS = 600.0

_SIGNIFICANT = 40.0
"""Points whose log density is this much below the maximum do not determine the step."""

_MANY = 4096
"""Number of points of a mixture that are computed at once."""

_TOLERANCE = 5e-12
"""Precision of the log density of quantiles of normal data."""

LogFunction = Callable[[Any, Any], Any]


class RandomLevel:
    """The level ``1 - (1 - p) / share``, given that it is above 0.

    The coordinate of the level is the log odds of ``(share - (1 - p)) / p``.

    Parameters
    ----------
    share
        The distribution of a share.
    p
        Between 0 and 1.

    Examples
    --------
    >>> from seqbayes.distributions import Beta
    >>> level = RandomLevel(Beta(3, 2), 0.5)
    >>> values, log_weights = level.nodes(lambda below, above: np.log(below), 1.0)
    >>> round(float(np.exp(values) @ np.exp(log_weights)), 9)
    0.272727273
    """

    def __init__(self, share: Distribution, p: float) -> None:
        self.share, self.p = share, p

    def times(self, log_function: LogFunction, number: Distribution) -> TimesLevel:
        """Return a positive number times an increasing function of the level."""
        return TimesLevel(FunctionOfLevel(self, log_function), number)

    def nodes(self, log_function: LogFunction, width: float) -> tuple[Any, Any]:
        """Return the logarithm of an increasing function at equal steps of the coordinate.

        The second result contains the logarithms of the probabilities. The steps are shorter than
        half of `width`, a width on the scale of the logarithm of the function.
        """
        low, middle, high = self._place
        step = min(_STEP * (high - low) / 2.0, _LONGEST_STEP)
        v, logs = both_sides(self._log_density, middle, step)
        values = log_function(*self.levels(v))
        significant = (logs > logs.max() - _SIGNIFICANT) & np.isfinite(values)
        slope = float(np.diff(values[significant]).max(initial=0.0)) / step
        if slope * step > _STEP * width:
            v, logs = both_sides(self._log_density, middle, _STEP * width / slope)
            values = log_function(*self.levels(v))
        kept = np.isfinite(logs) & np.isfinite(values)
        logs, values = logs[kept], values[kept]
        return values, logs - log_sum(logs)

    def levels(self, v: Any) -> tuple[Any, Any]:
        """Return the levels at coordinates, and 1 minus each level."""
        log_part, log_share = self._logs(v)
        return self.p * np.exp(log_part - log_share), (1.0 - self.p) * np.exp(-log_share)

    def draw(self, rng: np.random.Generator, size: Any) -> tuple[Any, Any]:
        """Draw levels, and return each level and 1 minus it."""
        rest = 1.0 - self.p
        share = self.share.isf(rng.random(size) * self.share.sf(rest))
        return 1.0 - rest / share, rest / share

    def _logs(self, v: Any) -> tuple[Any, Any]:
        """Return the logarithms of ``(share - (1 - p)) / p`` and of the share."""
        log_part = -np.logaddexp(0.0, -v)
        return log_part, np.log((1.0 - self.p) + self.p * np.exp(log_part))

    def _log_density(self, v: Any) -> Any:
        log_part, log_share = self._logs(v)
        odds = log_share - math.log(self.p) + np.logaddexp(0.0, v)
        logs: Any = self.share.logpdf_of_log_odds(odds) + log_part - log_share
        return logs

    @cached_property
    def _place(self) -> tuple[float, float, float]:
        """Return the coordinate at the middle, and one standard deviation below and above it."""
        rest = 1.0 - self.p
        above, below = self.share.logsf(rest), self.share.cdf(rest)
        found = []
        for q in (0.16, 0.5, 0.84):
            if below < 0.5:
                share = self.share.ppf(below + q * math.exp(above))
            else:
                share = self.share.isf(above + math.log1p(-q), True)
            part = min(max((share - rest) / self.p, 1e-250), 1.0 - 1e-16)
            found.append(math.log(part) - math.log1p(-part))
        low, middle, high = found
        return low, middle, max(high, low + 1e-12 * max(1.0, abs(middle)))


class FunctionOfLevel(Distribution):
    """An increasing positive function of a random level, computed from its values at nodes.

    Parameters
    ----------
    level
        The level.
    log_function
        Takes the level and 1 minus it, and returns the logarithm of the function.
    """

    support = (0.0, math.inf)

    def __init__(self, level: RandomLevel, log_function: LogFunction) -> None:
        self._level, self._log_function = level, log_function

    def own_nodes(self, width: float) -> tuple[Any, Any]:
        """Return values at equal steps of a coordinate, and their log probabilities."""
        logs, weights = self._level.nodes(self._log_function, width)
        with np.errstate(all="ignore"):
            values = np.exp(logs)
        kept = (values > 0.0) & np.isfinite(values)
        return values[kept], weights[kept]

    @cached_property
    def _nodes(self) -> tuple[Any, Any]:
        values, weights = self.own_nodes(1.0)
        return values, np.exp(weights)

    def _ppf(self, q: Real) -> Any:
        values, weights = self._nodes
        total = np.cumsum(weights) - weights / 2.0
        return plain(np.exp(np.interp(q, total, np.log(values))))

    @property
    def mean(self) -> Any:
        """Expected value."""
        values, weights = self._nodes
        return float(values @ weights)

    @property
    def var(self) -> Any:
        """Variance."""
        values, weights = self._nodes
        return float((values - self.mean) ** 2 @ weights)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return np.exp(self._log_function(*self._level.draw(rng, size)))

    def __repr__(self) -> str:
        return f"FunctionOfLevel({self._level.share!r}, {self._level.p!r})"


class TimesLevel(ProductOfTwo):
    """A positive number times an independent increasing function of a random level."""

    # the logarithm of a quantile of Pareto amounts is such a product, with a power tail
    power_tail = True

    def log_exponential_moment(self) -> float:
        """Return the log of E[exp(X)], which is infinite because of the power tail."""
        return math.inf

    def log_exponential_spread(self) -> float:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2, which is infinite."""
        return math.inf

    def _log_density(self, x: Real) -> Any:
        log_x = np.log(x)
        return plain(self.logpdf_of_logarithm(log_x) - log_x)


class _ScorePlusError:
    """The normal score of a random level plus an independent normal error, as a table."""

    def __init__(self, level: RandomLevel, precision: float) -> None:
        self._precision = precision
        self._scores, self._weights = level.nodes(normal_score, 1.0 / math.sqrt(precision))
        p = np.exp(self._weights)
        self.mean = float(p @ self._scores)
        self.spread = math.sqrt(float(p @ (self._scores - self.mean) ** 2) + 1.0 / precision)
        near = self._scores[self._weights > self._weights.max() - _SIGNIFICANT]
        self.farthest = float(np.abs(near).max())
        self._table = DensityTable(self._log_mixture, self.mean, self.spread)

    def _log_mixture(self, x: Any) -> Any:
        points = np.ravel(x)
        constant = 0.5 * math.log(self._precision) - HALF_LOG_TWO_PI
        found = [
            log_sum(self._weights - 0.5 * self._precision * (block[:, None] - self._scores) ** 2)
            for block in np.array_split(points, 1 + points.size // _MANY)
        ]
        return np.reshape(np.concatenate(found) + constant, np.shape(x))

    def logpdf(self, x: Any) -> Any:
        """Return log densities, extrapolated outside the table, where densities are negligible."""
        low, high = self._table.range
        within = np.clip(x, low, high)
        margin = 1e-3 * (high - low)
        ends = self._table.log(np.array([low, low + margin, high - margin, high]))
        slopes = np.diff(ends)[[0, 2]] / margin
        below, above = np.minimum(x - low, 0.0), np.maximum(x - high, 0.0)
        return self._table.log(within) + slopes[0] * below + slopes[1] * above

    def cdf(self, x: Any) -> Any:
        return self._table.tails(x)[0]

    def sf(self, x: Any) -> Any:
        return self._table.tails(x)[1]


class NormalAtLevel(Averaged):
    """The quantile, at a random level, of normal data with unknown mean and variance.

    The mean and the variance have a normal-inverse-gamma distribution.

    Parameters
    ----------
    mean, kappa, alpha, beta
        The hyperparameters of the normal-inverse-gamma distribution.
    level
        The level.
    mean_low
        The rounding error of `mean`.
    """

    power_tail = True

    def __init__(
        self,
        mean: float,
        kappa: float,
        alpha: float,
        beta: float,
        level: RandomLevel,
        mean_low: float = 0.0,
    ) -> None:
        self._parameters, self._low, self._level = (mean, kappa, alpha, beta), mean_low, level
        self._score = _ScorePlusError(level, kappa)
        # the score changes by its error when the logarithm of the variance changes by this
        change = math.sqrt(kappa) * self._score.farthest / 2.0
        super().__init__(InverseGamma(alpha, beta), 1.0 / max(change, 1.0))

    def _given(self, x: Any) -> tuple[Any, Any, Any]:
        deviations = np.sqrt(self._values)
        y = ((x - self._parameters[0]) - self._low) / deviations
        return self._score, y, -np.log(deviations)

    @cached_property
    def _table(self) -> DensityTable:
        return DensityTable(super()._log_density, *self.rough_place(), _TOLERANCE)

    def _log_density(self, x: Real) -> Any:
        return plain(self._table.log(np.asarray(x)))

    def _cdf(self, x: Real) -> Any:
        return plain(self._table.tails(np.asarray(x))[0])

    def _sf(self, x: Real) -> Any:
        return plain(self._table.tails(np.asarray(x))[1])

    def _start(self) -> float:
        return 0.0

    def rough_place(self) -> tuple[float, float]:
        """Return an approximate median and standard deviation."""
        mean, _, alpha, beta = self._parameters
        score, unit = self._score, math.sqrt(beta / alpha)
        spread = math.hypot(score.spread, score.mean / math.sqrt(alpha))
        return mean + unit * score.mean, unit * spread

    def _at(self, u: float) -> float:
        centre, spread = self.rough_place()
        return centre + spread * math.sinh(u)

    def _log_slope(self, u: float) -> float:
        return math.log(self.rough_place()[1]) + math.log(math.cosh(u))

    def log_exponential_moment(self) -> float:
        """Return the log of E[exp(X)]: infinite, because the variance has a power tail."""
        return math.inf

    def log_exponential_spread(self) -> float:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2, which is infinite."""
        return math.inf

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        mean, kappa, alpha, beta = self._parameters
        deviation = np.sqrt(beta / rng.gamma(alpha, 1.0, size))
        score = normal_score(*self._level.draw(rng, size))
        return mean + deviation * (score + rng.normal(0.0, kappa**-0.5, size))

    def __repr__(self) -> str:
        values = ", ".join(map(repr, self._parameters))
        return f"NormalAtLevel({values}, {self._level.share!r}, {self._level.p!r})"


def normal_score(below: Any, above: Any) -> Any:
    """Return quantiles of the standard normal distribution, given levels and 1 minus each level."""
    return np.where(below < 0.5, sc.ndtri(below), -sc.ndtri(above))
