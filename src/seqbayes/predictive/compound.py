"""Predictive distributions of positive numbers, and of their transformations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics import tails
from seqbayes.numerics.elementary import choose, exponential, logarithm, parameters
from seqbayes.numerics.elementwise_tails import log_complement
from seqbayes.numerics.gamma_moments import log_gamma_moment, log_gamma_spread, power_limit
from seqbayes.numerics.log_terms import log_beta_term
from seqbayes.numerics.special import Real, is_array, log_beta, product_difference
from seqbayes.predictive.transforms import Transform

_LARGEST_LOG = 700.0

_SMALLEST_RATIO = 1e-290
"""Smallest ratio of an argument to its scale that cannot underflow."""


def _log_lower(low: Any, density: Real, tail: Real) -> Real:
    return choose(low, tail, log_complement(tail))


def _log_upper(low: Any, density: Real, tail: Real) -> Real:
    return choose(low, log_complement(tail), tail)


class CompoundGamma(Distribution):
    """A Gamma(k, rate) variable whose rate has a Gamma(alpha, beta) distribution.

    The variable is beta times the odds of a Beta(k, alpha) variable; with k = 1, it has the Lomax
    distribution with shape alpha and scale beta.

    Parameters
    ----------
    k, alpha, beta : float or array
        > 0.

    References
    ----------
    S. D. Dubey, "Compound gamma, beta and F distributions", Metrika 16, 1970.

    Examples
    --------
    >>> predictive = CompoundGamma(1, 3, 2)
    >>> [round(predictive.pdf(x), 4) for x in (0.1, 1.0, 3.0)]
    [1.2341, 0.2963, 0.0384]
    >>> predictive.mean
    1.0
    """

    _names = ("k", "alpha", "beta")
    support = (0.0, math.inf)

    def __init__(self, k: Real, alpha: Real, beta: Real) -> None:
        self.k, self.alpha, self.beta = parameters(k, alpha, beta)
        self.scalar = not is_array(self.k, self.alpha, self.beta)

    def _shares(self, x: Real) -> tuple[Real, Real]:
        ratio = x / self.beta
        if is_array(ratio):
            return 1.0 / (1.0 + 1.0 / ratio), 1.0 / (1.0 + ratio)
        return (1.0 / (1.0 + 1.0 / ratio) if ratio > 0.0 else 0.0), 1.0 / (1.0 + ratio)

    def _log_density(self, x: Real) -> Real:
        p, q = self._shares(x)
        # computed in units of beta + x, because a product could overflow
        difference = product_difference(self.k, self.beta, self.alpha, x) / (self.beta + x)
        # if a product overflows, rounding is negligible next to the difference between the terms
        finite = np.isfinite(difference)
        difference = choose(finite, difference, self.k * q - self.alpha * p)
        density = log_beta_term(self.k, self.alpha, p, q, difference) - logarithm(x)
        return self._unless_far(x, density, lambda low, density, tail: density - logarithm(x))

    def _unless_far(self, x: Real, value: Real, limit: Callable[[Any, Real, Real], Real]) -> Real:
        """Return a value, or its limit where the ratio of `x` to beta may under- or overflow.

        The arguments of `limit` are whether the ratio may underflow, the log density of log x, and
        the log probability of the nearer tail.
        """
        ratio = x / self.beta
        low = ratio < _SMALLEST_RATIO
        far = low | (ratio > 1.0 / _SMALLEST_RATIO)
        if not np.any(far):
            return value
        exponent = choose(low, self.k, self.alpha)
        log_ratio = logarithm(x) - logarithm(self.beta)
        density = exponent * choose(low, log_ratio, -log_ratio) - log_beta(self.k, self.alpha)
        return choose(far, limit(low, density, density - logarithm(exponent)), value)

    def _log_density_at_ends(self) -> tuple[Real, Real]:
        inner = choose(self.k == 1.0, logarithm(self.alpha) - logarithm(self.beta), -math.inf)
        return choose(self.k < 1.0, math.inf, inner), -math.inf

    def _cdf(self, x: Real) -> Real:
        p, q = self._shares(x)
        cdf = tails.beta_cdf(self.k, self.alpha, p, q)
        return self._unless_far(x, cdf, lambda *far: exponential(_log_lower(*far)))

    def _sf(self, x: Real) -> Real:
        p, q = self._shares(x)
        sf = tails.beta_sf(self.k, self.alpha, p, q)
        return self._unless_far(x, sf, lambda *far: exponential(_log_upper(*far)))

    def _ppf(self, q: Real) -> Real:
        return self.beta * tails.beta_odds_ppf(self.k, self.alpha, q)

    def _isf(self, q: Real) -> Real:
        return self.beta * tails.beta_odds_isf(self.k, self.alpha, q)

    def _logcdf(self, x: Real) -> Real:
        p, q = self._shares(x)
        return self._unless_far(x, tails.beta_logcdf(self.k, self.alpha, p, q), _log_lower)

    def _logsf(self, x: Real) -> Real:
        p, q = self._shares(x)
        return self._unless_far(x, tails.beta_logcdf(self.alpha, self.k, q, p), _log_upper)

    def _log_ppf(self, log_q: Real) -> Real:
        return self.beta * tails.beta_odds_ppf(self.k, self.alpha, log_q, True)

    def _log_isf(self, log_q: Real) -> Real:
        return self.beta * tails.beta_odds_isf(self.k, self.alpha, log_q, True)

    @property
    def mean(self) -> Real:
        """Beta k / (alpha - 1); infinite for alpha up to 1."""
        finite = self.alpha > 1.0
        mean = self.beta * (self.k / choose(finite, self.alpha - 1.0, 1.0))
        return choose(finite, mean, math.inf)

    @property
    def var(self) -> Real:
        """Variance; infinite for alpha up to 2."""
        finite = self.alpha > 2.0
        a_1 = choose(finite, self.alpha - 1.0, 2.0)
        mean = self.beta * (self.k / a_1)
        rest = (self.beta / a_1) * ((self.k + a_1) / choose(finite, self.alpha - 2.0, 1.0))
        return choose(finite, mean * rest, math.inf)

    @property
    def mode(self) -> Real:
        """The mode: 0 for k up to 1."""
        return self.tilted_mode(0.0)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        if size is None and not self.scalar:
            size = np.broadcast_shapes(*(np.shape(v) for v in self.hyperparameters()))
        x, y = rng.standard_gamma(self.k, size), rng.standard_gamma(self.alpha, size)
        with np.errstate(all="ignore"):
            return self.beta * np.where(x == 0.0, 0.0, x / y)

    # Functions for transformations of the variable.

    def tilted_mode(self, exponent: float) -> Real:
        """Return the point at which density * x**exponent has its maximum."""
        up, down = self.k - 1.0 + exponent, self.alpha + 1.0 - exponent
        inner = self.beta * (up / choose(down > 0.0, down, 1.0))
        return choose(up <= 0.0, 0.0, choose(down > 0.0, inner, math.inf))

    def log_tilted_limit(self, exponent: float, at_zero: bool) -> Real:
        """Return the log of density * x**exponent as x goes to 0 or to infinity."""
        constant = -log_beta(self.k, self.alpha)
        if at_zero:
            return power_limit(self.k - 1.0 + exponent, constant - self.k * logarithm(self.beta))
        return power_limit(
            self.alpha + 1.0 - exponent, constant + self.alpha * logarithm(self.beta)
        )

    def tilted_mode_exponential(self) -> Real:
        """Return the point at which density * exp(-x) has its maximum: the root of a quadratic."""
        up = self.beta * choose(self.k > 1.0, self.k - 1.0, 0.0)
        half = 0.5 * (self.beta + self.alpha + 1.0)
        root = half * half + up
        return up / (half + (np.sqrt(root) if is_array(root) else math.sqrt(root)))

    def log_power_moment(self, exponent: float) -> Real:
        """Return log E[X**exponent]; inf if it is infinite."""
        gammas = log_gamma_moment(self.k, exponent) + log_gamma_moment(self.alpha, -exponent)
        return gammas + exponent * logarithm(self.beta)

    def log_power_spread(self, exponent: float) -> Real:
        """Return the log of E[X**(2 exponent)] / E[X**exponent]**2; inf if it is infinite."""
        return log_gamma_spread(self.k, exponent) + log_gamma_spread(self.alpha, -exponent)

    def log_exponential_moment(self) -> Real:
        """Return log E[exp(X)]: infinite."""
        return math.inf if self.scalar else np.full(np.shape(self.mode), np.inf)

    def log_exponential_spread(self) -> Real:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2, which is infinite."""
        return self.log_exponential_moment()


class Transformed(Distribution):
    """A strictly monotone function of a variable.

    Parameters
    ----------
    base : Distribution
        The distribution of y, which is continuous.
    transform : PowerTransform or ExponentialTransform
        The function from y to x.

    Examples
    --------
    >>> from seqbayes.distributions import Gamma
    >>> from seqbayes.predictive import PowerTransform
    >>> inverse = Transformed(Gamma(3, 2), PowerTransform(-1.0))
    >>> inverse.mean, inverse.mode
    (1.0, 0.5)
    """

    def __init__(self, base: Any, transform: Transform) -> None:
        self.base, self.transform = base, transform
        self.searches_quantiles = base.searches_quantiles
        self.scalar = base.scalar and not is_array(*vars(transform).values())
        ends = tuple(transform.forward(end) for end in base.support)
        self.support = (ends[0], ends[1]) if transform.increasing else (ends[1], ends[0])

    @classmethod
    def stack(cls, distributions: Sequence[Distribution]) -> Distribution | None:
        """Combine distributions into one; None if their transforms differ."""
        first = distributions[0]
        if not isinstance(first, Transformed) or not first.scalar:
            return None
        same, parameters_of = type(first.transform), vars(first.transform)
        bases = []
        for each in distributions:
            if not isinstance(each, Transformed) or not each.scalar:
                return None
            if type(each.transform) is not same or vars(each.transform) != parameters_of:
                return None
            bases.append(each.base)
        stacked = type(bases[0]).stack(bases)
        return None if stacked is None else Transformed(stacked, first.transform)

    def take(self, rows: Any) -> Distribution:
        """Return some rows of distributions that were combined by `stack`."""
        return Transformed(self.base.take(rows), self.transform)

    @property
    def terms(self) -> int:
        """Number of terms that are added for the density at one point."""
        return int(self.base.terms)

    def rough_place(self) -> tuple[Any, Any] | None:
        """Return an approximate median and standard deviation, given those of the logarithm."""
        found = self.base.rough_place() if self.transform.exponential else None
        if found is None:
            return None
        median = np.exp(np.minimum(found[0], _LARGEST_LOG)) * self.transform.forward(0.0)
        return median, median * found[1]

    def inner_point(self) -> Real:
        """Return an arbitrary point inside the support."""
        return self.transform.forward(self.base.inner_point())

    @property
    def power_tail_of_logarithm(self) -> bool:
        """Whether the logarithm's upper tail decreases like a power, so that no moment exists."""
        return self.transform.exponential and self.base.power_tail

    @property
    def singularity_of_logarithm(self) -> float:
        """Distance between the real line and the nearest singularity of the logarithm's density."""
        return self.base.singularity if self.transform.exponential else math.inf

    def logpdf_of_logarithm(self, u: Any) -> Any:
        """Return the log density of the logarithm of the variable, at an array of logarithms."""
        return self.transform.logpdf_of_logarithm(self.base, u)

    def _log_density(self, x: Real) -> Real:
        return self.base.logpdf(self.transform.inverse(x)) + self.transform.log_derivative(x)

    def _log_density_at_ends(self) -> tuple[Real, Real]:
        return self.transform.log_density_at_ends(self.base)

    def _cdf(self, x: Real) -> Real:
        y = self.transform.inverse(x)
        return self.base.cdf(y) if self.transform.increasing else self.base.sf(y)

    def _sf(self, x: Real) -> Real:
        y = self.transform.inverse(x)
        return self.base.sf(y) if self.transform.increasing else self.base.cdf(y)

    def _ppf(self, q: Real) -> Real:
        y = self.base.ppf(q) if self.transform.increasing else self.base.isf(q)
        return self.transform.forward(y)

    def _isf(self, q: Real) -> Real:
        y = self.base.isf(q) if self.transform.increasing else self.base.ppf(q)
        return self.transform.forward(y)

    def _logcdf(self, x: Real) -> Real:
        y = self.transform.inverse(x)
        return self.base.logcdf(y) if self.transform.increasing else self.base.logsf(y)

    def _logsf(self, x: Real) -> Real:
        y = self.transform.inverse(x)
        return self.base.logsf(y) if self.transform.increasing else self.base.logcdf(y)

    def _log_ppf(self, log_q: Real) -> Real:
        quantile = self.base.ppf if self.transform.increasing else self.base.isf
        return self.transform.forward(quantile(log_q, True))

    def _log_isf(self, log_q: Real) -> Real:
        quantile = self.base.isf if self.transform.increasing else self.base.ppf
        return self.transform.forward(quantile(log_q, True))

    @property
    def mean(self) -> Real:
        """Expected value, inf if it is infinite."""
        return exponential(self.transform.log_mean(self.base))

    @property
    def var(self) -> Real:
        """Variance, inf if it is infinite."""
        spread = self.transform.log_spread(self.base)
        if is_array(spread):
            with np.errstate(all="ignore"):
                return np.where(np.isinf(spread), np.inf, self.mean**2 * np.expm1(spread))
        if spread == math.inf:
            return math.inf
        mean = self.mean
        return mean * mean * math.expm1(spread) if spread < 700.0 else math.inf

    @property
    def mode(self) -> Real:
        """The mode."""
        return self.transform.mode(self.base)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return self.transform.forward(self.base.sample(size, rng))

    def hyperparameters(self) -> tuple[Real, ...]:
        """Return the hyperparameters in the order of the constructor."""
        return tuple(self.base.hyperparameters())

    def elements(self) -> list[Any]:
        """Return the distributions of the elements of arrays, in row-major order."""
        if is_array(*vars(self.transform).values()):
            raise NotImplementedError(
                "elementwise intervals of a transform of arrays are not supported"
            )
        return [Transformed(element, self.transform) for element in self.base.elements()]

    def __repr__(self) -> str:
        return f"Transformed({self.base!r}, {self.transform!r})"
