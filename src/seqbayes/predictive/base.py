"""Base class of distributions on whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics import regions
from seqbayes.numerics.elementary import exponential, logarithm, read_numbers
from seqbayes.numerics.special import Real, is_array, normal_quantile

SMALL = 1e-290
"""Smaller probabilities have few or no correct digits; their logarithms are computed separately."""

LOG_SMALL = math.log(SMALL)


class DiscreteDistribution(Distribution):
    """A distribution on whole numbers, with `pmf` and `logpmf` instead of `pdf` and `logpdf`."""

    discrete: ClassVar[bool] = True
    convex: bool = False  # whether the pmf is largest at the two ends of a finite support

    def _log_mass(self, x: Real) -> Real:
        """Return the log probability of whole numbers inside the support."""
        raise NotImplementedError

    def inner_point(self) -> Real:
        """Return an arbitrary point inside the support."""
        return self.support[0]

    def pdf(self, x: Real) -> Real:
        """Raise an error: discrete distributions have a pmf."""
        raise TypeError(f"{type(self).__name__} is discrete: it has a pmf, not a pdf")

    def logpdf(self, x: Real) -> Real:
        """Raise an error: discrete distributions have a logpmf."""
        raise TypeError(f"{type(self).__name__} is discrete: it has a logpmf, not a logpdf")

    def pmf(self, x: Real) -> Real:
        """Return the probability of x; 0 outside the support and between whole numbers."""
        return exponential(self.logp(x))

    def logpmf(self, x: Real) -> Real:
        """Return the log probability of x; -inf outside the support and between whole numbers."""
        return self.logp(x)

    def logp(self, x: Real) -> Real:
        """Return the log probability of x."""
        first, last = self.support
        if self.scalar and isinstance(x, (float, int)):
            if first <= x <= last and x != math.inf and x == math.floor(x):
                return self._computed(self._log_mass, x)
            return math.nan if x != x else -math.inf
        x = read_numbers(x, boolean=True)
        with np.errstate(all="ignore"):
            whole = np.asarray((first <= x) & (x <= last) & (x == np.floor(x)) & np.isfinite(x))
            values = self._log_mass(np.where(whole, x, first))
        result = np.where(whole, values, np.where(np.isnan(x), np.nan, -np.inf))
        return result if result.ndim else float(result)

    def _tail(self, function: Any, x: Real, below: float, above: float) -> Real:
        first, last = self.support
        if self.scalar and isinstance(x, (float, int)):
            if x < first:
                return below
            if x >= last:
                return above
            return self._computed(function, math.floor(x)) if x == x else math.nan
        x = np.floor(read_numbers(x, boolean=True))
        inside = np.asarray((first <= x) & (x < last))
        with np.errstate(all="ignore"):
            values = function(np.where(inside, x, first))
        outside = np.where(x < first, below, np.where(x >= last, above, np.nan))
        result = np.where(inside, values, outside)
        return result if result.ndim else float(result)

    # Logarithms of tail probabilities, which are finite even if the probabilities underflow.

    def _log_below(self, x: Real) -> Real:
        return logarithm(self._cdf(x))

    def _log_above(self, x: Real) -> Real:
        return logarithm(self._sf(x))

    def _logcdf(self, x: Real) -> Real:
        return _where_small(self._cdf(x), self._log_below, super()._logcdf, x)

    def _logsf(self, x: Real) -> Real:
        return _where_small(self._sf(x), self._log_above, super()._logsf, x)

    def _log_ppf(self, log_q: Real) -> Real:
        if log_q > LOG_SMALL:
            return self._ppf(exponential(log_q))
        guess, step = self._guess(SMALL, 1.0)
        return regions.smallest(lambda k: self.logcdf(k) >= log_q, guess, self.support[0], step)

    def _log_isf(self, log_q: Real) -> Real:
        if log_q > LOG_SMALL:
            return self._isf(exponential(log_q))
        guess, step = self._guess(SMALL, -1.0)
        return regions.smallest(lambda k: self.logsf(k) <= log_q, guess, self.support[0], step)

    def _quantile(self, function: Any, q: Real, low_end: int, log: bool) -> Real:
        if self.scalar and isinstance(q, (float, int)) and q is not True and q is not False:
            x = super()._quantile(function, q, low_end, log)
            return int(x) if math.isfinite(x) else x
        name = "ppf" if low_end == 0 else "isf"
        if self.scalar:
            levels = read_numbers(q)
            values = [float(getattr(self, name)(v, log)) for v in levels.ravel().tolist()]
            return np.array(values).reshape(levels.shape)
        columns = np.broadcast_arrays(q, *self.hyperparameters())
        rows = zip(*(column.ravel().tolist() for column in columns), strict=True)
        values = [float(getattr(type(self)(*row), name)(v, log)) for v, *row in rows]
        return np.array(values).reshape(columns[0].shape)

    def _ppf(self, q: Real) -> Real:
        guess, step = self._guess(q, 1.0)
        return regions.smallest(lambda k: self.cdf(k) >= q, guess, self.support[0], step)

    def _isf(self, q: Real) -> Real:
        guess, step = self._guess(q, -1.0)
        return regions.smallest(lambda k: self.sf(k) <= q, guess, self.support[0], step)

    def _guess(self, q: float, sign: float) -> tuple[float, float]:
        """Return an approximate quantile from the normal distribution, and a bound on its error."""
        mean, std = self.mean, self.std
        if not (math.isfinite(mean) and math.isfinite(std)):
            return float(self.support[0]), 1.0
        return mean + sign * std * normal_quantile(q), 0.05 * std

    def _hdi(self, level: float) -> tuple[float, float]:
        return regions.smallest_set(self, level)


def _where_small(
    p: Real, small: Callable[[Real], Real], usual: Callable[[Real], Real], x: Real
) -> Real:
    """Return one function of x where p is nearly too small for floats, and another elsewhere."""
    if not is_array(p):
        return small(x) if p < SMALL else usual(x)
    return np.where(p < SMALL, small(x), usual(x)) if np.any(p < SMALL) else usual(x)
