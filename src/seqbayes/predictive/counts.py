"""Predictive distributions of counts: Bernoulli, beta-binomial and (beta) negative binomial."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from seqbayes.distributions.base import choose, exponential, logarithm, parameters
from seqbayes.numerics import tails
from seqbayes.numerics.special import (
    DIRECT,
    Array,
    Real,
    is_array,
    log_beta_binomial,
    log_binomial_term,
    product_difference,
)
from seqbayes.predictive.base import DiscreteDistribution
from seqbayes.predictive.mixed import (
    MAX_SUMMED_TERMS,
    beta_binomial_cdf,
    beta_negative_binomial_cdf,
    beta_negative_binomial_sf,
    log_beta_negative_binomial,
)


class Bernoulli(DiscreteDistribution):
    """One trial: 1 with probability p.

    Parameters
    ----------
    p : float or array
    q : float or array, optional
        1 - p, if it is known more accurately than the subtraction gives.

    Examples
    --------
    >>> Bernoulli(0.25).pmf(1), Bernoulli(0.25).cdf(0), Bernoulli(0.25).mode
    (0.25, 0.75, 0)
    """

    _names = ("p_one", "p_zero")
    support = (0, 1)

    def __init__(self, p: Real, q: Real = None) -> None:
        if q is None:
            q = 1.0 - p if isinstance(p, float) else np.subtract(1.0, p)
        self.p_one, self.p_zero = p, q = parameters(p, q)
        self.scalar = type(p) is type(q) is float

    def pmf(self, x: Real) -> Real:
        """Probability of x."""
        if self.scalar and isinstance(x, (float, int)):
            if x == 1:
                return self.p_one
            return self.p_zero if x == 0 else (0.0 if x == x else math.nan)
        return super().pmf(x)

    def p(self, x: Real) -> Real:
        """Probability of x."""
        return self.pmf(x)

    def _log_mass(self, x: Real) -> Real:
        return logarithm(choose(x == 1.0, self.p_one, self.p_zero))

    def _cdf(self, x: Real) -> Real:
        return self.p_zero

    def _sf(self, x: Real) -> Real:
        return self.p_one

    def _ppf(self, q: Real) -> Real:
        return 0 if q <= self.p_zero else 1

    def _isf(self, q: Real) -> Real:
        return 0 if self.p_one <= q else 1

    def _hdi(self, level: float) -> tuple[float, float]:
        if max(self.p_one, self.p_zero) < level:
            return 0, 1
        return (1, 1) if self.p_one > self.p_zero else (0, 0)

    @property
    def mean(self) -> Real:
        """P."""
        return self.p_one

    @property
    def var(self) -> Real:
        """P (1 - p)."""
        return self.p_one * self.p_zero

    @property
    def mode(self) -> Real:
        """The more probable outcome; 0 if both are equally probable."""
        if self.scalar:
            return int(self.p_one > self.p_zero)
        return np.where(self.p_one > self.p_zero, 1, 0)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return rng.binomial(1, self.p_one, size)

    def __repr__(self) -> str:
        return f"Bernoulli(p={self.p_one!r}, q={self.p_zero!r})"


class BetaBinomial(DiscreteDistribution):
    """Successes in `trials` trials, with a Beta(alpha, beta) distributed success probability.

    Parameters
    ----------
    trials : int or array of int
    alpha, beta : float or array
        > 0.

    Notes
    -----
    Tails are sums of up to 2000 probabilities, otherwise an integral (`beta_less`; about 0.5 ms).

    Examples
    --------
    >>> predictive = BetaBinomial(20, 1, 1)
    >>> round(predictive.pmf(3) * 21, 12), predictive.mean
    (1.0, 10.0)
    """

    _names = ("trials", "alpha", "beta")

    def __init__(self, trials: Real, alpha: Real, beta: Real) -> None:
        self.trials, self.alpha, self.beta = parameters(trials, alpha, beta)
        self.scalar = not is_array(self.trials, self.alpha, self.beta)
        self.support = (0, int(self.trials) if self.scalar else self.trials)
        self.convex = self.scalar and self.alpha < 1.0 and self.beta < 1.0

    def _log_mass(self, x: Real) -> Real:
        return log_beta_binomial(x, self.trials - x, self.alpha, self.beta)

    @cached_property
    def _tails(self) -> tuple[Array, Array] | None:
        """P(X <= x) and P(X > x) for all x; None if there are too many."""
        if not self.scalar or self.trials > MAX_SUMMED_TERMS:
            return None
        masses = exponential(self._log_mass(np.arange(self.trials + 1.0)))
        above = np.cumsum(masses[:0:-1])[::-1]
        return np.minimum(np.cumsum(masses), 1.0), np.append(np.minimum(above, 1.0), 0.0)

    def _cdf(self, x: Real) -> Real:
        if self._tails is not None:
            return _pick(self._tails[0], x)
        return _elementwise(beta_binomial_cdf, x, self.trials - x, self.alpha, self.beta)

    def _ppf(self, q: Real) -> Real:
        if self._tails is not None:
            return int(min(np.searchsorted(self._tails[0], q), self.trials))
        return super()._ppf(q)

    def _isf(self, q: Real) -> Real:
        if self._tails is not None:
            return int(np.searchsorted(-self._tails[1], -q))
        return super()._isf(q)

    def _sf(self, x: Real) -> Real:
        if self._tails is not None:
            return _pick(self._tails[1], x)
        k, m = self.trials - x - 1.0, x + 1.0
        return _elementwise(beta_binomial_cdf, k, m, self.beta, self.alpha)

    @property
    def mean(self) -> Real:
        """Trials * alpha / (alpha + beta)."""
        return self.trials * (self.alpha / (self.alpha + self.beta))

    @property
    def var(self) -> Real:
        """Variance."""
        n = self.alpha + self.beta
        share = (self.alpha / n) * (self.beta / n)
        return self.trials * share * ((n + self.trials) / (n + 1.0))

    @property
    def mode(self) -> Real:
        """The mode (the smallest of several); None if the distribution is uniform or U-shaped."""
        if not self.scalar:
            return _modes(self)
        a, b, trials = self.alpha, self.beta, self.trials
        if a < 1.0 and b < 1.0:
            return None if a == b else (0 if a < b else int(trials))
        if a == b == 1.0:
            return None
        if a <= 1.0 and b >= 1.0:
            return 0
        if b <= 1.0:
            return int(trials)
        # pmf(k + 1) > pmf(k) below this bound
        bound = ((trials + 1.0) * (a - 1.0)) / ((a - 1.0) + (b - 1.0)) - 1.0
        return max(0, math.ceil(bound))

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        if size is None and not self.scalar:
            size = np.broadcast_shapes(*(np.shape(v) for v in self.hyperparameters()))
        p = rng.beta(self.alpha, self.beta, size)
        return rng.binomial(np.asarray(self.trials).astype(np.int64), p)


class BetaNegativeBinomial(DiscreteDistribution):
    """Failures before r successes, with a Beta(alpha, beta) distributed success probability.

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
    Tails are closed forms for r = 1, sums of up to 2000 probabilities, otherwise an integral
    (`beta_less`; about 0.5 ms). The tail is heavy: P(X > x) decreases like x**-alpha. Draws
    saturate at 2**62.

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
            return _pick(self._table(np.max(k))[0], k)
        return _elementwise(beta_negative_binomial_cdf, k, self.r, self.alpha, self.beta)

    def _sf(self, x: Real) -> Real:
        k = x - self.start
        if self.scalar and is_array(k) and np.max(k) <= MAX_SUMMED_TERMS:
            return _pick(self._table(np.max(k))[1], k)
        return _elementwise(beta_negative_binomial_sf, k, self.r, self.alpha, self.beta)

    def _table(self, last: float) -> tuple[Array, Array]:
        """Lower and upper tails of 0, ..., last failures."""
        k = np.arange(last + 1.0)
        masses = exponential(log_beta_negative_binomial(k, self.r, self.alpha, self.beta))
        above = beta_negative_binomial_sf(float(last), self.r, self.alpha, self.beta)
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
            return _modes(self)
        # pmf(k + 1) > pmf(k) while (r + k) (beta + k) > (k + 1) (alpha + beta + r + k)
        bound = ((self.r - 1.0) * (self.beta - 1.0) - (self.alpha + 1.0)) / (self.alpha + 1.0)
        return self.start + max(0, math.ceil(bound))

    def _guess(self, q: float, sign: float) -> tuple[float, float]:
        if self.alpha > 4.0:
            return super()._guess(q, sign)
        upper = 1.0 - q if sign > 0.0 else q
        # X is about r times the odds of failure, which have a heavy upper tail.
        odds = tails.beta_odds_isf(self.beta, self.alpha, min(upper, 0.5))
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
    """A Poisson count over an exposure, with a Gamma(shape, rate) distributed rate.

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
            return _modes(self)
        return max(0, math.ceil((self.shape - 1.0) * (self.exposure / self.rate) - 1.0))

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        if size is None and not self.scalar:
            size = np.broadcast_shapes(*(np.shape(v) for v in self.hyperparameters()))
        return _poisson(rng, rng.standard_gamma(self.shape, size) * (self.exposure / self.rate))


def _pick(table: Array, x: Real) -> Real:
    """Return the items of a table at indices given as floats."""
    if is_array(x):
        return table[x.astype(np.intp)]
    return float(table[int(x)])


def _elementwise(function: Any, *args: Real) -> Real:
    if is_array(*args):
        return np.asarray(np.vectorize(function, otypes=[float])(*args))
    return function(*args)


def _modes(distribution: DiscreteDistribution) -> Array:
    columns = np.broadcast_arrays(*distribution.hyperparameters())
    modes = [element.mode for element in distribution.elements()]
    return np.array(modes, dtype=float).reshape(columns[0].shape)


def _poisson(rng: np.random.Generator, mean: Any) -> Any:
    """Poisson draws; normal draws for means above 1e15, where the difference is negligible."""
    huge = mean > 1e15
    draws = rng.poisson(np.where(huge, 0.0, mean))
    if not np.any(huge):
        return draws
    normal = mean + np.sqrt(mean) * rng.standard_normal(np.shape(mean))
    return np.where(huge, np.minimum(normal, 2.0**62).astype(np.int64), draws)
