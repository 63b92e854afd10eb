"""The predictive distribution of an amount that is often zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics.elementary import plain, read_numbers
from seqbayes.numerics.elementwise_tails import log_complement


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
            tail = self.amount.logcdf(x) + self._log_positive
            zero = np.where(np.less(x, 0.0), -np.inf, np.log(self.zero))
            return plain(_log_sum(tail, zero))

    def logsf(self, x: Any) -> Any:
        """Return the log of P(X > x), even where the probability underflows."""
        with np.errstate(all="ignore"):
            tail = self.amount.logsf(x) + self._log_positive
            zero = np.where(np.less(x, 0.0), np.log(self.zero), -np.inf)
            return plain(_log_sum(tail, zero))

    @property
    def _log_positive(self) -> Any:
        return np.log1p(-self.zero) if self.zero < 0.5 else np.log(self.positive)

    def ppf(self, q: Any, log: bool = False) -> Any:
        """Return the quantile: the smallest x with P(X <= x) of at least q."""
        q = read_numbers(q)
        with np.errstate(all="ignore"):
            return self._inverse(q, log_complement(q) if log else 1.0 - q, log)

    def isf(self, q: Any, log: bool = False) -> Any:
        """Return the upper quantile: the smallest x with P(X > x) of at most q."""
        q = read_numbers(q)
        with np.errstate(all="ignore"):
            return self._inverse(log_complement(q) if log else 1.0 - q, q, log)

    def _inverse(self, below: Any, above: Any, log: bool) -> Any:
        """Return a quantile, given both tails or their logarithms."""
        least, shares = (-np.inf, self._log_positive) if log else (0.0, self.positive)
        if log:
            negative, positive = (
                shares + each(0.0) for each in (self.amount.logcdf, self.amount.logsf)
            )
        else:
            negative, positive = (shares * each(0.0) for each in (self.amount.cdf, self.amount.sf))
        is_low = (below <= negative) & (self.amount.support[0] < 0.0)
        is_high = (above < positive) | (above == least)
        # levels of the amount: their logarithms are accurate near 0 and near 1
        logs = (below, above) if log else _log_tails(below, above)
        low, high = (np.minimum(each - self._log_positive, 0.0) for each in logs)
        found = np.where(is_high, self.amount.isf(high, log=True), 0.0)
        found = np.where(is_low, self.amount.ppf(low, log=True), found)
        return plain(np.where((below >= least) & (above >= least), found, np.nan))

    @property
    def mean(self) -> Any:
        """Expected value; None if it does not exist, inf if it is infinite."""
        mean = self.amount.mean
        return None if mean is None else self.positive * mean

    @property
    def var(self) -> Any:
        """Variance; None if it does not exist, inf if it is infinite."""
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


def _log_sum(first: Any, second: Any) -> Any:
    """Return the log of the sum of two probabilities; rounding must not lead to more than 1."""
    return np.minimum(np.logaddexp(first, second), 0.0)


def _log_tails(below: Any, above: Any) -> tuple[Any, Any]:
    """Return the logarithms of two probabilities whose sum is 1, computed from the smaller one."""
    lower = np.where(below <= above, np.log(below), np.log1p(-above))
    upper = np.where(above < below, np.log(above), np.log1p(-below))
    return lower, upper
