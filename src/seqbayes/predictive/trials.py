"""Predictive distributions of successes in a given number of trials."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from seqbayes.numerics.elementary import choose, exponential, logarithm, parameters
from seqbayes.numerics.log_terms import log_beta_binomial
from seqbayes.numerics.special import Array, Real, is_array
from seqbayes.predictive.base import DiscreteDistribution
from seqbayes.predictive.elementwise import elementwise, modes, pick
from seqbayes.predictive.mixed import MAX_SUMMED_TERMS, log_beta_binomial_cdf


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
        """Return the probability of x."""
        if self.scalar and isinstance(x, (float, int)):
            if x == 1:
                return self.p_one
            return self.p_zero if x == 0 else (0.0 if x == x else math.nan)
        return super().pmf(x)

    def p(self, x: Real) -> Real:
        """Return the probability of x."""
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
        """The probability p."""
        return self.p_one

    @property
    def var(self) -> Real:
        """Variance, p (1 - p)."""
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
    """Successes in `trials` trials, where the success probability is Beta(alpha, beta) distributed.

    Parameters
    ----------
    trials : int or array of int
    alpha, beta : float or array
        > 0.

    Notes
    -----
    A tail is the sum of its probabilities if there are at most 2000; otherwise it is computed as an
    integral (`log_beta_less`), which takes about 0.5 ms.

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
            return pick(self._tails[0], x)
        return exponential(self._log_below(x))

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
            return pick(self._tails[1], x)
        return exponential(self._log_above(x))

    def _log_below(self, x: Real) -> Real:
        return elementwise(log_beta_binomial_cdf, x, self.trials - x, self.alpha, self.beta)

    def _log_above(self, x: Real) -> Real:
        k, m = self.trials - x - 1.0, x + 1.0
        return elementwise(log_beta_binomial_cdf, k, m, self.beta, self.alpha)

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
        """The mode (the smallest if there are several); None if the pmf is uniform or U-shaped."""
        if not self.scalar:
            return modes(self)
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
