"""Predictive distributions of counts without an upper limit: negative binomials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.numerics import tails
from seqbayes.numerics.elementary import choose, exponential, logarithm, parameters
from seqbayes.numerics.log_terms import log_binomial_term
from seqbayes.numerics.special import DIRECT, Array, Real, is_array, product_difference
from seqbayes.predictive.base import DiscreteDistribution
from seqbayes.predictive.elementwise import elementwise, modes, pick
from seqbayes.predictive.mixed import (
    MAX_SUMMED_TERMS,
    log_beta_negative_binomial,
    log_beta_negative_binomial_cdf,
    log_beta_negative_binomial_sf,
)


class BetaNegativeBinomial(DiscreteDistribution):
    """Failures before r successes, where the success probability is Beta(alpha, beta) distributed.

    Values start at `start`. With r = 1, this is the predictive distribution of geometric waiting
    times.

    Parameters
    ----------
    r : float or array
        > 0; need not be a whole number.
    alpha, beta : float or array
        > 0.
    start : int
        The smallest value: 0, or 1 if the first success is counted.

    Notes
    -----
    Tails have a closed form for r = 1; otherwise they are sums of up to 2000 probabilities, or an
    integral (`log_beta_less`; about 0.5 ms). The tail is heavy: P(X > x) decreases like x**-alpha.
    Draws saturate at 2**62.

    Examples
    --------
    >>> predictive = BetaNegativeBinomial(1, 2, 3, start=1)
    >>> [round(predictive.pmf(x), 6) for x in (1, 2, 3)]
    [0.4, 0.2, 0.114286]
    """

    _names = ("r", "alpha", "beta", "start")

    def __init__(self, r: Real, alpha: Real, beta: Real, start: int = 0) -> None:
        self.r, self.alpha, self.beta = parameters(r, alpha, beta)
        self.start = int(start)
        self.scalar = not is_array(self.r, self.alpha, self.beta)
        self.support = (self.start, math.inf)

    def _log_mass(self, x: Real) -> Real:
        k = x - self.start
        return log_beta_negative_binomial(k, self.r, self.alpha, self.beta)

    def _cdf(self, x: Real) -> Real:
        k = x - self.start
        if self.scalar and is_array(k) and np.max(k) <= MAX_SUMMED_TERMS:
            return pick(self._table(np.max(k))[0], k)
        return exponential(self._log_below(x))

    def _sf(self, x: Real) -> Real:
        k = x - self.start
        if self.scalar and is_array(k) and np.max(k) <= MAX_SUMMED_TERMS:
            return pick(self._table(np.max(k))[1], k)
        return exponential(self._log_above(x))

    def _log_below(self, x: Real) -> Real:
        k = x - self.start
        return elementwise(log_beta_negative_binomial_cdf, k, self.r, self.alpha, self.beta)

    def _log_above(self, x: Real) -> Real:
        k = x - self.start
        return elementwise(log_beta_negative_binomial_sf, k, self.r, self.alpha, self.beta)

    def _table(self, last: float) -> tuple[Array, Array]:
        """Return the lower and upper tails at 0, ..., `last` failures."""
        k = np.arange(last + 1.0)
        masses = exponential(log_beta_negative_binomial(k, self.r, self.alpha, self.beta))
        above = exponential(
            log_beta_negative_binomial_sf(float(last), self.r, self.alpha, self.beta)
        )
        upper = np.cumsum(np.append(above, masses[:0:-1]))[::-1]
        return np.minimum(np.cumsum(masses), 1.0), np.minimum(upper, 1.0)

    @property
    def mean(self) -> Real:
        """Start + r beta / (alpha - 1); infinite for alpha up to 1."""
        finite = self.alpha > 1.0
        mean = self.r * self.beta / choose(finite, self.alpha - 1.0, 1.0)
        return choose(finite, self.start + mean, math.inf)

    @property
    def var(self) -> Real:
        """Variance; infinite for alpha up to 2."""
        a, b, r = self.alpha, self.beta, self.r
        finite = a > 2.0
        a_1, a_2 = choose(finite, a - 1.0, 2.0), choose(finite, a - 2.0, 1.0)
        var = r * b / a_1 * ((a_1 + r) / a_1) * ((a_1 + b) / a_2)
        return choose(finite, var, math.inf)

    @property
    def mode(self) -> Real:
        """The mode; the smallest one if there are several."""
        if not self.scalar:
            return modes(self)
        # pmf(k + 1) > pmf(k) while (r + k) (beta + k) > (k + 1) (alpha + beta + r + k)
        bound = ((self.r - 1.0) * (self.beta - 1.0) - (self.alpha + 1.0)) / (self.alpha + 1.0)
        return self.start + _whole(bound)

    def _guess(self, q: float, sign: float) -> tuple[float, float]:
        if self.alpha > 4.0:
            return super()._guess(q, sign)
        # X is approximately r times the odds of failure, which have a heavy upper tail.
        quantile = tails.beta_odds_ppf if sign > 0.0 else tails.beta_odds_isf
        odds = quantile(self.beta, self.alpha, q)
        guess = min(self.start + self.r * odds, 1e300)
        return guess, 0.1 * (1.0 + guess)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        if size is None and not self.scalar:
            size = np.broadcast_shapes(*(np.shape(v) for v in (self.r, self.alpha, self.beta)))
        x, y = rng.standard_gamma(self.alpha, size), rng.standard_gamma(self.beta, size)
        with np.errstate(all="ignore"):
            odds = np.where(y == 0.0, 0.0, y / x)
            return self.start + _poisson(rng, rng.standard_gamma(self.r, size) * odds)


class NegativeBinomial(DiscreteDistribution):
    """A Poisson count over an exposure, where the rate has a Gamma(shape, rate) distribution.

    Parameters
    ----------
    shape, rate : float or array
        > 0.
    exposure : float or array
        > 0.

    Examples
    --------
    >>> predictive = NegativeBinomial(3, 2, exposure=3)
    >>> predictive.mean, round(predictive.pmf(0), 6)  # (2 / 5)**3
    (4.5, 0.064)
    """

    _names = ("shape", "rate", "exposure")
    support = (0, math.inf)

    def __init__(self, shape: Real, rate: Real, exposure: Real = 1.0) -> None:
        self.shape, self.rate, self.exposure = shape, rate, exposure = parameters(
            shape, rate, exposure
        )
        self.scalar = type(shape) is type(rate) is type(exposure) is float

    @property
    def _shares(self) -> tuple[Real, Real]:
        whole = self.rate + self.exposure
        return self.rate / whole, self.exposure / whole

    def _log_mass(self, x: Real) -> Real:
        p, q = self._shares
        if self.scalar and type(x) is float and self.shape + x < DIRECT and p > 0.0 < q:
            coefficient = math.lgamma(self.shape + x) - math.lgamma(self.shape)
            powers = self.shape * math.log(p) + x * math.log(q)
            return coefficient - math.lgamma(x + 1.0) + powers
        difference = product_difference(self.shape, self.exposure, x, self.rate)
        difference = difference / (self.rate + self.exposure)
        term = log_binomial_term(self.shape, x, p, q, difference)
        return term + logarithm(self.shape / (self.shape + x))

    def _cdf(self, x: Real) -> Real:
        p, q = self._shares
        return tails.beta_cdf(self.shape, x + 1.0, p, q)

    def _sf(self, x: Real) -> Real:
        p, q = self._shares
        return tails.beta_sf(self.shape, x + 1.0, p, q)

    def _log_below(self, x: Real) -> Real:
        p, q = self._shares
        return tails.beta_logcdf(self.shape, x + 1.0, p, q)

    def _log_above(self, x: Real) -> Real:
        p, q = self._shares
        return tails.beta_logcdf(x + 1.0, self.shape, q, p)

    @property
    def mean(self) -> Real:
        """Exposure * shape / rate."""
        return self.exposure * (self.shape / self.rate)

    @property
    def var(self) -> Real:
        """Variance."""
        return self.mean * ((self.rate + self.exposure) / self.rate)

    @property
    def mode(self) -> Real:
        """The mode; the smallest one if there are several."""
        if not self.scalar:
            return modes(self)
        return _whole((self.shape - 1.0) * (self.exposure / self.rate) - 1.0)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        if size is None and not self.scalar:
            size = np.broadcast_shapes(*(np.shape(v) for v in self.hyperparameters()))
        return _poisson(rng, rng.standard_gamma(self.shape, size) * (self.exposure / self.rate))


def _poisson(rng: np.random.Generator, mean: Any) -> Any:
    """Draw Poisson numbers; for means above 1e15, draw normal ones, whose error is negligible."""
    huge = mean > 1e15
    draws = rng.poisson(np.where(huge, 0.0, mean))
    if not np.any(huge):
        return draws
    normal = mean + np.sqrt(mean) * rng.standard_normal(np.shape(mean))
    return np.where(huge, np.minimum(normal, 2.0**62).astype(np.int64), draws)


def _whole(bound: float) -> float:
    """Return the smallest whole number >= 0 that is not below a bound, which may be infinite."""
    return max(0, math.ceil(bound)) if bound < math.inf else math.inf
