"""The predictive distribution of an amount that is often zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics.elementary import plain, read_numbers


class Hurdle(Distribution):
    """Zero with some probability, otherwise an amount with a continuous distribution.

    `p` and `logp` are the probability of zero, and the density of other amounts.

    Parameters
    ----------
    share : Distribution
        The distribution of whether there is an amount (0 or 1).
    amount : Distribution
        The distribution of the amount, if there is one.

    Examples
    --------
    >>> from seqbayes.predictive import Bernoulli, CompoundGamma
    >>> revenue = Hurdle(Bernoulli(0.25), CompoundGamma(1.0, 3.0, 40.0))
    >>> revenue.mean, revenue.p(0.0), revenue.ppf(0.75), round(revenue.sf(40.0), 6)
    (5.0, 0.75, 0.0, 0.03125)
    """

    def __init__(self, share: Distribution, amount: Distribution) -> None:
        self.share, self.amount = share, amount
        self.positive, self.zero = float(share.p(1)), float(share.p(0))
        low, high = amount.support
        self.support = (np.minimum(low, 0.0), high)

    def without_zero(self) -> Distribution:
        """Return the distribution of the amount."""
        return self.amount

    def logp(self, x: Any) -> Any:
        """Return the log of the probability of zero, or of the density of another amount."""
        with np.errstate(all="ignore"):
            others = np.asarray(self.amount.logp(x)) + np.log(self.positive)
            return plain(np.where(np.equal(x, 0.0), np.log(self.zero), others))

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        return plain(self.positive * self.amount.cdf(x) + np.where(np.less(x, 0), 0, self.zero))

    def sf(self, x: Any) -> Any:
        """Return P(X > x), exact in the upper tail."""
        return plain(self.positive * self.amount.sf(x) + np.where(np.less(x, 0), self.zero, 0))

    def logcdf(self, x: Any) -> Any:
        """Return the log of P(X <= x)."""
        with np.errstate(all="ignore"):
            tail = self.amount.logcdf(x) + np.log(self.positive)
            zero = np.where(np.less(x, 0.0), -np.inf, np.log(self.zero))
            return plain(np.logaddexp(tail, zero))

    def logsf(self, x: Any) -> Any:
        """Return the log of P(X > x), even where the probability underflows."""
        with np.errstate(all="ignore"):
            tail = self.amount.logsf(x) + np.log(self.positive)
            zero = np.where(np.less(x, 0.0), np.log(self.zero), -np.inf)
            return plain(np.logaddexp(tail, zero))

    def ppf(self, q: Any, log: bool = False) -> Any:
        """Return the quantile: the smallest x with P(X <= x) of at least q."""
        q = read_numbers(q)
        return self._inverse(*((np.exp(q), -np.expm1(q)) if log else (q, 1.0 - q)), q, None, log)

    def isf(self, q: Any, log: bool = False) -> Any:
        """Return the upper quantile: the smallest x with P(X > x) of at most q."""
        q = read_numbers(q)
        return self._inverse(*((-np.expm1(q), np.exp(q)) if log else (1.0 - q, q)), None, q, log)

    def _inverse(self, below: Any, above: Any, q: Any, upper_q: Any, log: bool) -> Any:
        negative = self.positive * self.amount.cdf(0.0)
        positive = self.positive * self.amount.sf(0.0)

        def own(tail: Any, log_tail: Any) -> Any:  # the level of the amount
            if log and log_tail is not None:
                return np.minimum(log_tail - np.log(self.positive), 0.0), True
            return np.clip(tail / self.positive, 0.0, 1.0), False

        with np.errstate(all="ignore"):
            low = self.amount.ppf(*own(below, q))
            high = self.amount.isf(*own(above, upper_q))
        found = np.where(below <= negative, low, np.where(above < positive, high, 0.0))
        return plain(np.where((below >= 0.0) & (above >= 0.0), found, np.nan))

    @property
    def mean(self) -> Any:
        """Expected value; None or inf if that of the amount does not exist."""
        mean = self.amount.mean
        return None if mean is None else self.positive * mean

    @property
    def var(self) -> Any:
        """Variance; None or inf if that of the amount does not exist."""
        mean, var = self.amount.mean, self.amount.var
        if mean is None or var is None or not np.isfinite(mean):
            return var
        return self.positive * var + self.positive * self.zero * mean * mean

    @property
    def mode(self) -> float:
        """Zero, the only value whose probability is above 0."""
        return 0.0

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        amounts = self.amount.sample(size, rng)
        return np.where(rng.random(size) < self.positive, amounts, 0.0)[()]

    def __repr__(self) -> str:
        return f"Hurdle({self.share!r}, {self.amount!r})"
