"""The gamma and inverse gamma distributions: beliefs about rates, precisions and scales."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics import changes, information, tails
from seqbayes.numerics.elementary import choose, logarithm, or_none, parameters
from seqbayes.numerics.gamma_moments import log_gamma_moment, log_gamma_spread, power_limit
from seqbayes.numerics.log_terms import log_gamma_of_logarithm, log_gamma_term
from seqbayes.numerics.special import Real, is_array, log_rising, product_difference

_LARGE_SHAPE = 1e3  # above this shape, a rounding error of x changes tails noticeably
_MODERATE_SHAPE = 1e6
"""Shape below which the rounding error of log(rate) does not matter."""
_TINY = 1e-290
"""Products with the rate below this lose digits."""


class Gamma(Distribution):
    """Gamma distribution on [0, inf).

    Parameters
    ----------
    shape, rate : float or array
        > 0; the mean is shape / rate.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous Univariate Distributions, vol. 1,
    ch. 17.

    Examples
    --------
    >>> belief = Gamma(6, 5.5)
    >>> round(belief.mean, 4), round(belief.mode, 4), round(belief.cdf(1.0), 4)
    (1.0909, 0.9091, 0.4711)
    """

    _names = ("shape", "rate")
    support = (0.0, math.inf)
    density_change = staticmethod(changes.gamma_change)

    def __init__(self, shape: Real, rate: Real) -> None:
        self.shape, self.rate = shape, rate = parameters(shape, rate)
        self.scalar = type(shape) is type(rate) is float

    def _log_density(self, x: Real) -> Real:
        scaled = self.rate * x
        difference = product_difference(self.shape, 1.0, self.rate, x)
        found = log_gamma_term(self.shape, scaled, difference) - logarithm(x)
        found = _unless_infinite(scaled, found, -math.inf)
        return self._near_zero(found, scaled, x, lambda log: log + np.log(self.shape) - np.log(x))

    def logpdf_of_logarithm(self, u: Any) -> Any:
        """Return the log density of the logarithm, at an array of logarithms."""
        if not np.all(np.less(self.shape, _MODERATE_SHAPE)):
            return super().logpdf_of_logarithm(u)
        return log_gamma_of_logarithm(self.shape, (u - np.log(self.shape)) + np.log(self.rate))

    def _log_density_at_ends(self) -> tuple[Real, Real]:
        inner = choose(self.shape == 1.0, logarithm(self.rate), -math.inf)
        return choose(self.shape < 1.0, math.inf, inner), -math.inf

    def reciprocal(self) -> InverseGamma:
        """Return the distribution of the reciprocal."""
        return InverseGamma(self.shape, self.rate)

    def _scaled(self, x: Real) -> tuple[Real, Real]:
        """Return rate * x and, for large shapes, its rounding error."""
        scaled = self.rate * x
        if self.scalar and self.shape < _LARGE_SHAPE:
            return scaled, 0.0
        error = product_difference(self.rate, x, scaled, 1.0)
        return scaled, _unless_infinite(scaled, error, 0.0)

    def _cdf(self, x: Real) -> Real:
        scaled, error = self._scaled(x)
        found = tails.gamma_cdf(self.shape, scaled, error)
        return self._near_zero(found, scaled, x, np.exp)

    def _sf(self, x: Real) -> Real:
        scaled, error = self._scaled(x)
        found = tails.gamma_sf(self.shape, scaled, error)
        return self._near_zero(found, scaled, x, lambda log: -np.expm1(log))

    def _ppf(self, q: Real) -> Real:
        return self._unscaled(tails.gamma_ppf(self.shape, q), lambda: np.log(q))

    def _isf(self, q: Real) -> Real:
        return self._unscaled(tails.gamma_isf(self.shape, q), lambda: np.log1p(-np.asarray(q)))

    def _logcdf(self, x: Real) -> Real:
        scaled, error = self._scaled(x)
        found = tails.gamma_logcdf(self.shape, scaled, error)
        return self._near_zero(_unless_infinite(scaled, found, 0.0), scaled, x, lambda log: log)

    def _logsf(self, x: Real) -> Real:
        scaled, error = self._scaled(x)
        found = _unless_infinite(scaled, tails.gamma_logsf(self.shape, scaled, error), -math.inf)
        return self._near_zero(found, scaled, x, lambda log: np.log1p(-np.exp(log)))

    def _log_ppf(self, log_q: Real) -> Real:
        return self._unscaled(tails.gamma_ppf(self.shape, log_q, True), lambda: log_q)

    def _log_isf(self, log_q: Real) -> Real:
        standard = tails.gamma_isf(self.shape, log_q, True)
        return self._unscaled(standard, lambda: np.log(-np.expm1(log_q)))

    def _near_zero(
        self, found: Real, scaled: Real, x: Real, of_log: Callable[[Real], Real]
    ) -> Real:
        """Replace the results where rate * x underflows; there, the cdf is a power of x."""
        small = (scaled < _TINY) & (np.asarray(x) > 0.0)
        if not np.any(small):
            return found
        with np.errstate(all="ignore"):
            log = _log_cdf_near_zero(self.shape, np.log(self.rate) + np.log(x))
            # `scaled` is not small where log(1 - cdf) is computed for a cdf above 1/2
            result: Any = np.where(small, of_log(np.minimum(log, 0.0)), found)
        return result if is_array(found) else float(result)

    def _unscaled(self, standard: Real, log_cdf: Callable[[], Real]) -> Real:
        """Return a quantile, given the quantile for a rate of 1, which may underflow."""
        small = np.less(standard, _TINY) & np.less(self.rate, 1.0)
        if not np.any(small):
            return standard / self.rate
        with np.errstate(all="ignore"):
            log = (log_cdf() + log_rising(1.0, self.shape)) / self.shape - np.log(self.rate)
            result: Any = np.where(small, np.exp(log), standard / self.rate)
        return result if is_array(standard) else float(result)

    @property
    def log_concave(self) -> bool:
        """Whether the shape is at least 1."""
        return self.scalar and self.shape >= 1.0

    def mode_curvature(self) -> tuple[float, float] | None:
        """Return the negative second and the third derivative of the log density at the mode."""
        mode = self.mode
        if not mode > 0.0:
            return None
        return (self.shape - 1.0) / mode / mode, 2.0 * (self.shape - 1.0) / mode / mode / mode

    def entropy(self) -> Real:
        """Return the differential entropy.

        The entropy is shape - log rate + log Gamma(shape) + (1 - shape) digamma(shape).

        Examples
        --------
        >>> round(Gamma(1, 1).entropy(), 12)
        1.0
        """
        return information.gamma_entropy(self.shape) - logarithm(self.rate)

    def kl(self, other: Distribution) -> Real:
        """Return the Kullback-Leibler divergence from `other`, a Gamma distribution, in nats."""
        if not isinstance(other, Gamma):
            return super().kl(other)
        return information.gamma_divergence(self.shape, self.rate, other.shape, other.rate)

    @property
    def mean(self) -> Real:
        """Shape / rate; None if the rate is 0."""
        if self.scalar:
            return self.shape / self.rate if self.rate > 0.0 else None
        exists = self.rate > 0.0
        return or_none(exists, self.shape / choose(exists, self.rate, 1.0))

    @property
    def var(self) -> Real:
        """Shape / rate**2; None if the rate is 0."""
        exists = self.rate > 0.0
        rate = choose(exists, self.rate, 1.0)
        return or_none(exists, self.shape / rate / rate)

    @property
    def mode(self) -> Real:
        """The mode: 0 for shapes up to 1; None if the rate is 0."""
        if self.scalar:
            return max(0.0, (self.shape - 1.0) / self.rate) if self.rate > 0.0 else None
        exists = self.rate > 0.0
        inner = (self.shape - 1.0) / choose(exists, self.rate, 1.0)
        return or_none(exists, choose(inner > 0.0, inner, 0.0))

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return rng.standard_gamma(self.shape, size) / self.rate

    def tilted_mode(self, exponent: float) -> Real:
        """Return the point at which density * x**exponent has its maximum."""
        shifted = self.shape - 1.0 + exponent
        return choose(shifted > 0.0, shifted / self.rate, 0.0)

    def log_tilted_limit(self, exponent: float, at_zero: bool) -> Real:
        """Return the log of density * x**exponent as x goes to 0 or to infinity."""
        if not at_zero:
            return choose(self.shape > 0.0, -math.inf, math.nan)
        constant = self.shape * logarithm(self.rate) - (
            log_rising(1.0, self.shape) - logarithm(self.shape)
        )
        return power_limit(self.shape - 1.0 + exponent, constant)

    def tilted_mode_exponential(self) -> Real:
        """Return the point at which density * exp(-x) has its maximum."""
        return choose(self.shape > 1.0, (self.shape - 1.0) / (self.rate + 1.0), 0.0)

    def log_power_moment(self, exponent: float) -> Real:
        """Return log E[X**exponent]; inf if it is infinite."""
        return log_gamma_moment(self.shape, exponent) - exponent * logarithm(self.rate)

    def log_power_spread(self, exponent: float) -> Real:
        """Return the log of E[X**(2 exponent)] / E[X**exponent]**2; inf if it is infinite."""
        return log_gamma_spread(self.shape, exponent)

    def log_exponential_moment(self) -> Real:
        """Return log E[exp(X)]."""
        finite = self.rate > 1.0
        safe = choose(finite, self.rate, 2.0)
        log = np.log1p(-1.0 / safe) if is_array(safe) else math.log1p(-1.0 / safe)
        return choose(finite, -self.shape * log, math.inf)

    def log_exponential_spread(self) -> Real:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2."""
        finite = self.rate > 2.0
        excess = 1.0 / (self.rate * choose(finite, self.rate - 2.0, 1.0))
        log = np.log1p(excess) if is_array(excess) else math.log1p(excess)
        return choose(finite, self.shape * log, math.inf)


class InverseGamma(Distribution):
    """Inverse gamma distribution on [0, inf): 1/X is Gamma(shape, rate=scale).

    Parameters
    ----------
    shape, scale : float or array
        > 0.

    Examples
    --------
    >>> belief = InverseGamma(3, 2)
    >>> belief.mean, belief.mode, belief.var
    (1.0, 0.5, 1.0)
    """

    _names = ("shape", "scale")
    support = (0.0, math.inf)
    power_tail = True
    density_change = staticmethod(changes.inverse_gamma_change)

    def __init__(self, shape: Real, scale: Real) -> None:
        self.shape, self.scale = shape, scale = parameters(shape, scale)
        self.scalar = type(shape) is type(scale) is float

    def _log_density(self, x: Real) -> Real:
        scaled = _ratio(self.scale, x)
        difference = product_difference(self.shape, x, self.scale, 1.0) / x
        found = log_gamma_term(self.shape, scaled, difference) - logarithm(x)
        if not np.any(np.less(scaled, _TINY)):
            return _unless_infinite(scaled, found, -math.inf)
        log = self._log_sf_far(x) + logarithm(self.shape) - logarithm(x)
        return choose(np.less(scaled, _TINY), log, _unless_infinite(scaled, found, -math.inf))

    def logpdf_of_logarithm(self, u: Any) -> Any:
        """Return the log density of the logarithm, at an array of logarithms."""
        if not np.all(np.less(self.shape, _MODERATE_SHAPE)):
            return super().logpdf_of_logarithm(u)
        return log_gamma_of_logarithm(self.shape, (np.log(self.scale) - u) - np.log(self.shape))

    def _log_sf_far(self, x: Real) -> Real:
        """Return the log of `sf` where scale / x underflows; there, it is a power of x."""
        return _log_cdf_near_zero(self.shape, logarithm(self.scale) - logarithm(x))

    def _scaled(self, x: Real) -> tuple[Real, Real]:
        """Return `scale / x` and, for large shapes, its rounding error."""
        scaled = self.scale / x
        if self.scalar and self.shape < _LARGE_SHAPE:
            return scaled, 0.0
        error = product_difference(self.scale, 1.0, scaled, x) / x
        return scaled, _unless_infinite(scaled, error, 0.0)

    def _cdf(self, x: Real) -> Real:
        return tails.gamma_sf(self.shape, *self._scaled(x))

    def _sf(self, x: Real) -> Real:
        return tails.gamma_cdf(self.shape, *self._scaled(x))

    def _ppf(self, q: Real) -> Real:
        return _ratio(self.scale, tails.gamma_isf(self.shape, q))

    def _isf(self, q: Real) -> Real:
        return _ratio(self.scale, tails.gamma_ppf(self.shape, q))

    def _logcdf(self, x: Real) -> Real:
        scaled, error = self._scaled(x)
        return _unless_infinite(scaled, tails.gamma_logsf(self.shape, scaled, error), -math.inf)

    def _logsf(self, x: Real) -> Real:
        scaled, error = self._scaled(x)
        with np.errstate(divide="ignore"):
            found = _unless_infinite(scaled, tails.gamma_logcdf(self.shape, scaled, error), 0.0)
        if not np.any(np.less(scaled, _TINY)):
            return found
        return choose(np.less(scaled, _TINY), self._log_sf_far(x), found)

    def _log_ppf(self, log_q: Real) -> Real:
        return _ratio(self.scale, tails.gamma_isf(self.shape, log_q, True))

    def _log_isf(self, log_q: Real) -> Real:
        return _ratio(self.scale, tails.gamma_ppf(self.shape, log_q, True))

    def mode_curvature(self) -> tuple[float, float] | None:
        """Return the negative second and the third derivative of the log density at the mode."""
        mode = self.mode
        return (self.shape + 1.0) / mode / mode, 4.0 * (self.shape + 1.0) / mode / mode / mode

    def entropy(self) -> Real:
        """Return the differential entropy.

        The entropy is shape + log scale + log Gamma(shape) - (1 + shape) digamma(shape).

        Examples
        --------
        >>> round(InverseGamma(1, 1).entropy(), 6)  # 1 + 2 Euler's constant
        2.154431
        """
        return (
            information.log_gamma_entropy(self.shape)
            + logarithm(self.scale)
            - logarithm(self.shape)
            + information.log_minus_digamma(self.shape)
        )

    def kl(self, other: Distribution) -> Real:
        """Return the Kullback-Leibler divergence from `other`, an InverseGamma, in nats."""
        if not isinstance(other, InverseGamma):
            return super().kl(other)
        return information.gamma_divergence(self.shape, self.scale, other.shape, other.scale)

    def log_exponential_moment(self) -> Real:
        """Return log E[exp(X)]: infinite."""
        return math.inf if self.scalar else np.full(np.shape(self.mode), np.inf)

    def log_exponential_spread(self) -> Real:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2, which is infinite."""
        return self.log_exponential_moment()

    def tilted_mode_exponential(self) -> Real:
        """Return the point at which density * exp(-x) has its maximum: the root of a quadratic."""
        half = 0.5 * (self.shape + 1.0)
        root = half * half + self.scale
        return self.scale / (half + (np.sqrt(root) if is_array(root) else math.sqrt(root)))

    @property
    def mean(self) -> Real:
        """Scale / (shape - 1); infinite for shapes up to 1."""
        if self.scalar:
            return self.scale / (self.shape - 1.0) if self.shape > 1.0 else math.inf
        finite = self.shape > 1.0
        return choose(finite, self.scale / choose(finite, self.shape - 1.0, 1.0), math.inf)

    @property
    def var(self) -> Real:
        """Variance; infinite for shapes up to 2."""
        finite = self.shape > 2.0
        mean = self.scale / choose(finite, self.shape - 1.0, 1.0)
        return choose(finite, mean * mean / choose(finite, self.shape - 2.0, 1.0), math.inf)

    @property
    def mode(self) -> Real:
        """Scale / (shape + 1)."""
        return self.scale / (self.shape + 1.0)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return _ratio(self.scale, rng.standard_gamma(self.shape, size))


def _log_cdf_near_zero(shape: Real, log_x: Real) -> Real:
    """Return the log of the cdf of a gamma distribution with rate 1 at a negligible x."""
    return shape * log_x - log_rising(1.0, shape)


def _unless_infinite(scaled: Real, found: Real, limit: Real) -> Real:
    """Return a result for a scaled argument, or its limit if the argument is infinite."""
    if is_array(scaled, found):
        return np.where(np.isinf(scaled), limit, found)
    return limit if scaled == math.inf else found


def _ratio(a: Real, b: Real) -> Real:
    """Return a / b, or inf if b is 0."""
    if is_array(a, b):
        with np.errstate(all="ignore"):
            return a / b
    return a / b if b > 0.0 else math.inf
