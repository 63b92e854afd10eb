"""The normal and Student's t distributions: beliefs about locations, and predictions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics import information, sc, tails
from seqbayes.numerics.elementary import choose, logarithm, or_none, parameters
from seqbayes.numerics.special import HALF_LOG_TWO_PI, Real, deviance, is_array, log_rising
from seqbayes.statistics.exact import rounding_error

# Above this df, the distribution equals the normal distribution to double precision.
_NORMAL_DF = 1e300


class Normal(Distribution):
    """Normal distribution.

    Parameters
    ----------
    mean, var : float or array
        The variance, not the standard deviation; var > 0.
    mean_low : float or array, optional
        The rounding error of `mean`: the mean is ``mean + mean_low``.

    Examples
    --------
    >>> belief = Normal(0, 4)
    >>> belief.std, round(belief.cdf(2.0), 4)
    (2.0, 0.8413)
    """

    _names = ("mean", "var")

    def __init__(self, mean: Real, var: Real, mean_low: Real = 0.0) -> None:
        self._mean, self._var, self._low = mean, var, low = parameters(mean, var, mean_low)
        self.scalar = type(mean) is type(var) is type(low) is float
        self._std = math.sqrt(var) if type(var) is float else np.sqrt(var)

    def hyperparameters(self) -> tuple[Real, ...]:
        """Return the hyperparameters in the order of the constructor."""
        return self._mean, self._var, self._low

    def _score(self, x: Real) -> Real:
        return ((x - self._mean) - self._low) / self._std

    def rough_place(self) -> tuple[Any, Any]:
        """Return the median and the standard deviation."""
        return self.mean, self.std

    def _log_density(self, x: Real) -> Real:
        z = self._score(x)
        log = np.log(self._std) if is_array(self._std) else math.log(self._std)
        return -0.5 * z * z - log - HALF_LOG_TWO_PI

    def _cdf(self, x: Real) -> Real:
        p = sc.ndtr(self._score(x))
        return p if is_array(p) else float(p)

    def _sf(self, x: Real) -> Real:
        p = sc.ndtr(-self._score(x))
        return p if is_array(p) else float(p)

    def _ppf(self, q: Real) -> Real:
        x = self._mean + (self._low + self._std * sc.ndtri(q))
        return x if is_array(x) else float(x)

    def _isf(self, q: Real) -> Real:
        x = self._mean + (self._low - self._std * sc.ndtri(q))
        return x if is_array(x) else float(x)

    def _logcdf(self, x: Real) -> Real:
        p = sc.log_ndtr(self._score(x))
        return p if is_array(p) else float(p)

    def _logsf(self, x: Real) -> Real:
        p = sc.log_ndtr(-self._score(x))
        return p if is_array(p) else float(p)

    def _log_ppf(self, log_q: Real) -> Real:
        x = self._mean + (self._low + self._std * sc.ndtri_exp(log_q))
        return x if is_array(x) else float(x)

    def _log_isf(self, log_q: Real) -> Real:
        x = self._mean + (self._low - self._std * sc.ndtri_exp(log_q))
        return x if is_array(x) else float(x)

    def entropy(self) -> Real:
        """Return the differential entropy: log(2 pi e var) / 2.

        Examples
        --------
        >>> round(Normal(0, 1).entropy(), 6)
        1.418939
        """
        return HALF_LOG_TWO_PI + 0.5 + logarithm(self._std)

    def kl(self, other: Distribution) -> Real:
        """Return the Kullback-Leibler divergence from `other`, a Normal distribution, in nats.

        The divergence is (r - 1 - log r + (difference between the means)**2 / var of other) / 2,
        with the ratio r of the variances.

        Examples
        --------
        >>> Normal(1, 1).kl(Normal(0, 1))
        0.5
        """
        if not isinstance(other, Normal):
            return super().kl(other)
        ratio, step = self._var / other.var, (other.var - self._var) / other.var
        mean, _, low = other.hyperparameters()
        z = ((self._mean - mean) + (self._low - low)) / other.std
        return 0.5 * (deviance(1.0 + 0.0 * ratio, ratio, step) + z * z)

    def _hdi(self, level: float) -> tuple[float, float]:
        return self.interval(level)

    def shift(self, by: Real) -> Normal:
        """Return the distribution of the variable plus `by`."""
        mean = self._mean + by
        return Normal(mean, self._var, self._low + rounding_error(self._mean, by, mean))

    @property
    def log_concave(self) -> bool:
        """The log density is a parabola."""
        return self.scalar

    @property
    def mean(self) -> Real:
        """Expected value."""
        return self._mean

    @property
    def var(self) -> Real:
        """Variance."""
        return self._var

    @property
    def mode(self) -> Real:
        """The mode; None if the variance is infinite."""
        return or_none(self._var < math.inf, self._mean)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return self._mean + rng.normal(self._low, self._std, size)

    # Functions for transformations of the variable.

    def tilted_mode_exponential(self) -> Real:
        """Return the point at which density * exp(-x) has its maximum."""
        return self._mean - self._var

    def log_exponential_moment(self) -> Real:
        """Return log E[exp(X)]."""
        return self._mean + 0.5 * self._var

    def log_exponential_spread(self) -> Real:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2."""
        return self._var

    def __repr__(self) -> str:
        low = f", mean_low={self._low!r}" if np.any(self._low) else ""
        return f"Normal(mean={self._mean!r}, var={self._var!r}{low})"


class StudentT(Distribution):
    """Student's t distribution with a location and a scale.

    Parameters
    ----------
    df, loc, scale : float or array
        df > 0 (infinite for the normal distribution) and scale > 0.
    loc_low : float or array, optional
        The rounding error of `loc`: the location is ``loc + loc_low``.

    References
    ----------
    N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous Univariate Distributions, vol. 2,
    ch. 28.

    Examples
    --------
    >>> predictive = StudentT(4, 10, 2)
    >>> predictive.mean, predictive.var
    (10.0, 8.0)
    >>> StudentT(1).mean is None  # Cauchy
    True
    """

    power_tail = True
    _names = ("df", "loc", "scale")

    def __init__(self, df: Real, loc: Real = 0.0, scale: Real = 1.0, loc_low: Real = 0.0) -> None:
        df, loc, scale, loc_low = parameters(df, loc, scale, loc_low)
        self.df, self.loc, self.scale, self.loc_low = df, loc, scale, loc_low
        self.scalar = type(df) is type(loc) is type(scale) is type(loc_low) is float

    def hyperparameters(self) -> tuple[Real, ...]:
        """Return the hyperparameters in the order of the constructor."""
        return self.df, self.loc, self.scale, self.loc_low

    def _score(self, x: Real) -> Real:
        return ((x - self.loc) - self.loc_low) / self.scale

    def _log_density(self, x: Real) -> Real:
        xp: Any = np if is_array(x) or not self.scalar else math
        t = self._score(x)
        df = np.minimum(self.df, _NORMAL_DF) if xp is np else min(self.df, _NORMAL_DF)
        size = abs(t)
        # if t**2 / df overflows, use its logarithm
        far = size > 1e150
        ratio = choose(far, 1.0, t) ** 2 / df
        log_far = 2.0 * xp.log(choose(far, size, 1.0)) - xp.log(df)
        log_kernel = choose(far, log_far, xp.log1p(ratio))
        constant = log_rising(0.5 * df, 0.5) - 0.5 * xp.log(df * math.pi) - xp.log(self.scale)
        return constant - 0.5 * (df + 1.0) * log_kernel

    def _cdf(self, x: Real) -> Real:
        return tails.t_cdf(self.df, self._score(x))

    def _sf(self, x: Real) -> Real:
        return tails.t_cdf(self.df, -self._score(x))

    def _ppf(self, q: Real) -> Real:
        return self.loc + (self.loc_low + self.scale * tails.t_ppf(self.df, q))

    def _isf(self, q: Real) -> Real:
        return self.loc + (self.loc_low - self.scale * tails.t_ppf(self.df, q))

    def _logcdf(self, x: Real) -> Real:
        return tails.t_logcdf(self.df, self._score(x))

    def _logsf(self, x: Real) -> Real:
        return tails.t_logcdf(self.df, -self._score(x))

    def _log_ppf(self, log_q: Real) -> Real:
        return self.loc + (self.loc_low + self.scale * tails.t_ppf(self.df, log_q, True))

    def _log_isf(self, log_q: Real) -> Real:
        return self.loc + (self.loc_low - self.scale * tails.t_ppf(self.df, log_q, True))

    def entropy(self) -> Real:
        """Return the differential entropy, with h = df / 2 and the digamma function psi.

        The entropy is (h + 1/2) (psi(h + 1/2) - psi(h)) + log(sqrt(df) B(h, 1/2)) + log(scale).

        Examples
        --------
        >>> round(StudentT(1).entropy(), 6) == round(math.log(4.0 * math.pi), 6)
        True
        """
        half = 0.5 * np.minimum(self.df, _NORMAL_DF)
        gaps = information.log_minus_digamma(half) - information.log_minus_digamma(half + 0.5)
        scale = 0.5 * np.log(2.0 * math.pi * half) - log_rising(half, 0.5 + 0.0 * half)
        total = (half + 0.5) * (np.log1p(0.5 / half) + gaps) + scale + np.log(self.scale)
        return float(total) if self.scalar else total

    def _hdi(self, level: float) -> tuple[float, float]:
        return self.interval(level)

    def shift(self, by: Real) -> StudentT:
        """Return the distribution of the variable plus `by`."""
        loc = self.loc + by
        low = self.loc_low + rounding_error(self.loc, by, loc)
        return StudentT(self.df, loc, self.scale, low)

    @property
    def mean(self) -> Real:
        """The location; None for df up to 1."""
        return or_none(self.df > 1.0, self.loc)

    @property
    def var(self) -> Real:
        """Variance; infinite for df up to 2, None for df up to 1."""
        finite = self.df > 2.0
        shrink = choose(finite, 1.0 - 2.0 / choose(finite, self.df, 4.0), 1.0)
        var = choose(finite, self.scale * self.scale / shrink, math.inf)
        return or_none(self.df > 1.0, var)

    @property
    def mode(self) -> Real:
        """The location."""
        return self.loc if self.scalar else self.loc + 0.0 * (self.df + self.scale)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        if size is None and not self.scalar:
            size = np.broadcast_shapes(*(np.shape(v) for v in self.hyperparameters()))
        # sampled by definition, since numpy does not accept an infinite df
        square = rng.standard_gamma(0.5 * np.minimum(self.df, 1e18), size)
        z = rng.standard_normal(size)
        with np.errstate(divide="ignore"):
            deviation = z * np.sqrt(0.5 * np.minimum(self.df, 1e18) / square)
            return self.loc + (self.loc_low + self.scale * deviation)

    # Functions for transformations of the variable.

    def tilted_mode_exponential(self) -> Real:
        """Return -inf, since density * exp(-x) is unbounded toward minus infinity."""
        return -math.inf if self.scalar else np.full(np.shape(self.mode), -np.inf)

    def log_exponential_moment(self) -> Real:
        """Return log E[exp(X)]: infinite."""
        return math.inf if self.scalar else np.full(np.shape(self.mode), np.inf)

    def log_exponential_spread(self) -> Real:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2, which is infinite."""
        return self.log_exponential_moment()
