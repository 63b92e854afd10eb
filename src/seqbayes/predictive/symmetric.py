"""Predictive distributions that are symmetric about a known centre."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics.elementary import choose, exponential, or_none
from seqbayes.numerics.elementwise_tails import log_complement
from seqbayes.numerics.special import Real
from seqbayes.predictive.compound import Transformed
from seqbayes.predictive.transforms import PowerTransform


class Symmetric(Distribution):
    """A variable at distance (scale y)**power from a centre, with a density symmetric about it.

    Parameters
    ----------
    base : Distribution
        The distribution of y > 0.
    centre : float
    power, scale : float
        > 0.

    Examples
    --------
    >>> from seqbayes.distributions import Gamma
    >>> laplace = Symmetric(Gamma(1, 2), centre=3.0)
    >>> laplace.mean, round(laplace.var, 12), laplace.pdf(3.0)
    (3.0, 0.5, 1.0)
    """

    def __init__(self, base: Any, centre: float = 0.0, power: float = 1.0, scale: float = 1.0):
        self.centre = float(centre)
        self.distance = Transformed(base, PowerTransform(power, scale))
        self._squared = PowerTransform(2.0 * power, scale)
        self.scalar = base.scalar

    def inner_point(self) -> Real:
        """Return an arbitrary point inside the support."""
        return self.centre + 1.0

    def _log_density(self, x: Real) -> Real:
        return self.distance.logpdf(abs(x - self.centre)) - math.log(2.0)

    def _cdf(self, x: Real) -> Real:
        tail = 0.5 * self.distance.sf(abs(x - self.centre))
        return choose(x < self.centre, tail, 1.0 - tail)

    def _sf(self, x: Real) -> Real:
        tail = 0.5 * self.distance.sf(abs(x - self.centre))
        return choose(x > self.centre, tail, 1.0 - tail)

    def _ppf(self, q: Real) -> Real:
        return self.centre - self._above_centre(q)

    def _isf(self, q: Real) -> Real:
        return self.centre + self._above_centre(q)

    def _above_centre(self, q: Real) -> Real:
        """Return the upper quantile of the variable minus the centre."""
        tail = choose(q < 0.5, q, 1.0 - q)
        # near the centre, computed from the probability between the two quantiles
        far, near = self.distance.isf(2.0 * tail), self.distance.ppf(2.0 * abs(q - 0.5))
        away = choose(tail < 0.25, far, near)
        return choose(q < 0.5, away, -away)

    def _log_tail(self, x: Real) -> Real:
        """Return the log of the tail beyond x, on the side away from the centre."""
        return self.distance.logsf(abs(x - self.centre)) - math.log(2.0)

    def _logcdf(self, x: Real) -> Real:
        tail = self._log_tail(x)
        return choose(x < self.centre, tail, log_complement(tail))

    def _logsf(self, x: Real) -> Real:
        tail = self._log_tail(x)
        return choose(x > self.centre, tail, log_complement(tail))

    def _log_ppf(self, log_q: Real) -> Real:
        return self.centre - self._log_above_centre(log_q)

    def _log_isf(self, log_q: Real) -> Real:
        return self.centre + self._log_above_centre(log_q)

    def _log_above_centre(self, log_q: Real) -> Real:
        upper = log_q < -math.log(2.0)
        tail = choose(upper, log_q, log_complement(log_q))
        away = self.distance.isf(tail + math.log(2.0), True)
        return choose(upper, away, -away)

    def _hdi(self, level: float) -> tuple[float, float]:
        return self.interval(level)

    @property
    def mean(self) -> Real:
        """The centre, or None if the mean distance from it is infinite."""
        return or_none(self.distance.mean < math.inf, self.centre)

    @property
    def var(self) -> Real:
        """Mean squared distance; None if it does not exist."""
        var = exponential(self._squared.log_mean(self.distance.base))
        return or_none(self.distance.mean < math.inf, var)

    @property
    def mode(self) -> Real:
        """The centre if the density has its maximum there; None if there is a mode on each side."""
        return or_none(self.distance.mode == 0.0, self.centre)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        distance = np.asarray(self.distance.sample(size, rng))
        return self.centre + distance * rng.choice([-1.0, 1.0], distance.shape)

    def __repr__(self) -> str:
        power = self.distance.transform
        return f"Symmetric({self.distance.base!r}, centre={self.centre!r}, {power!r})"
