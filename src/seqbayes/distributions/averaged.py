"""Distributions without a closed form: averages over one variable of conditional distributions.

The averages are sums over equal steps of a coordinate in which the variable's density decreases
exponentially on both sides. Such sums have no error beyond rounding once the steps are shorter than
half of the narrowest width.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution, plain
from seqbayes.distributions.gamma import InverseGamma
from seqbayes.distributions.normal import Normal
from seqbayes.errors import PriorError
from seqbayes.numerics import sc
from seqbayes.numerics.special import Real

_DROP = 110.0
"""Logarithm below the maximum beyond which a density is neglected."""

_STEP = 0.45
"""Step in units of the narrowest width."""

_MOST = 100_000
"""Largest number of steps."""

_HALVINGS = 200


class Averaged(Distribution):
    """The average of conditional distributions over the variable that they depend on.

    Parameters
    ----------
    variable
        A distribution of positive numbers or of shares.
    width
        Width of the distributions given the variable, in its coordinate.
    """

    def __init__(self, variable: Distribution, width: float) -> None:
        self._values, self._log_weights = _nodes(variable, width)
        self.terms = self._values.size

    @abstractmethod
    def _given(self, x: Any) -> tuple[Distribution, Any, Any]:
        """Return a distribution, its argument and a log derivative, for each value."""

    def _log_density(self, x: Real) -> Any:
        given, y, log_derivative = self._given(np.asarray(x)[..., None])
        with np.errstate(all="ignore"):
            logs = np.asarray(given.logpdf(y)) + log_derivative + self._log_weights
        return plain(sc.logsumexp(logs, axis=-1))

    def _cdf(self, x: Real) -> Any:
        given, y, _ = self._given(np.asarray(x)[..., None])
        return plain(np.asarray(given.cdf(y)) @ np.exp(self._log_weights))

    def _sf(self, x: Real) -> Any:
        given, y, _ = self._given(np.asarray(x)[..., None])
        return plain(np.asarray(given.sf(y)) @ np.exp(self._log_weights))

    def _ppf(self, q: Real) -> Any:
        return self._solved(q, upper=False)

    def _isf(self, q: Real) -> Any:
        return self._solved(q, upper=True)

    def _solved(self, q: Real, upper: bool) -> Any:
        found = [self._quantile_at(each, upper) for each in np.ravel(q).tolist()]
        return plain(np.reshape(found, np.shape(q)))

    def _quantile_at(self, q: float, upper: bool) -> float:
        """Return a quantile, by Newton's method on normal scores within shrinking bounds."""
        target = -float(sc.ndtri(q)) if upper else float(sc.ndtri(q))
        u, low, high = self._start(), -math.inf, math.inf
        for _ in range(_HALVINGS):
            x = self._at(u)
            below, above = self._cdf(x), self._sf(x)
            score = float(sc.ndtri(below)) if below < above else -float(sc.ndtri(above))
            low, high = (u, high) if score < target else (low, u)
            slope = math.sqrt(math.tau) * math.exp(
                min(self._log_density(x) + self._log_slope(u) + score * score / 2.0, 700.0)
            )
            step = (target - score) / slope if slope > 0.0 and math.isfinite(score) else math.nan
            following = u + max(-2.0, min(2.0, step)) if step == step else math.nan
            if not low <= following <= high:
                ends = (
                    (low if low > -math.inf else high - 2.0),
                    (high if high < math.inf else low + 2.0),
                )
                following = (ends[0] + ends[1]) / 2.0
            if abs(following - u) <= 1e-15 * max(1.0, abs(u)) or following == u:
                break
            done, u = abs(step) < 1e-8 if step == step else False, following
            if done:
                break
        return self._at(u)

    @abstractmethod
    def _start(self) -> float:
        """Return a coordinate in the middle of the distribution."""

    @abstractmethod
    def _at(self, u: float) -> float:
        """Return the number at a coordinate."""

    @abstractmethod
    def _log_slope(self, u: float) -> float:
        """Return the logarithm of the derivative of the number with respect to the coordinate."""


class ProductOfTwo(Averaged):
    """The product of an independent share, or positive number, and another positive number.

    Parameters
    ----------
    first, second
        Their distributions.

    Raises
    ------
    PriorError
        If one of them is not a distribution of positive numbers or of shares.

    Examples
    --------
    The revenue per visitor: a purchase by 10 of 100, and an order value of about 20.

    >>> from seqbayes.distributions import Beta, InverseGamma
    >>> revenue = ProductOfTwo(Beta(11, 91), InverseGamma(11, 200))
    >>> round(revenue.mean, 4), [round(end, 3) for end in revenue.interval()]
    (2.1569, [0.855, 4.545])
    """

    support = (0.0, math.inf)

    def __init__(self, first: Distribution, second: Distribution) -> None:
        for each in (first, second):
            if each.support not in ((0.0, 1.0), (0.0, math.inf)) or each.discrete:
                raise PriorError(f"expected a distribution of positive numbers, got {each!r}")
        if first.support != (0.0, 1.0) == second.support:
            first, second = second, first
        self.first, self.second = first, second
        low, high = second.ppf(0.16), second.isf(0.16)
        super().__init__(first, (math.log(high) - math.log(low)) / 2.0)
        self.terms *= second.terms

    def _given(self, x: Any) -> tuple[Distribution, Any, Any]:
        return self.second, x / self._values, -np.log(self._values)

    def _start(self) -> float:
        return math.log(self.first.ppf(0.5)) + math.log(self.second.ppf(0.5))

    def _at(self, u: float) -> float:
        return math.exp(u)

    def _log_slope(self, u: float) -> float:
        return u

    @property
    def mean(self) -> Any:
        """Expected value, inf if it is infinite."""
        return self.first.mean * self.second.mean

    @property
    def var(self) -> Any:
        """Variance, inf if it is infinite."""
        (a, b), (v, w) = (
            (self.first.mean, self.second.mean),
            (self.first.var, self.second.var),
        )
        return v * w + v * b * b + w * a * a

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return self.first.sample(size, rng) * self.second.sample(size, rng)

    def __repr__(self) -> str:
        return f"ProductOfTwo({self.first!r}, {self.second!r})"


class NormalCombination(Averaged):
    """A mean plus multiples of the standard deviation and of the variance of Normal data.

    Mean and variance have a Normal-inverse-gamma distribution.

    Parameters
    ----------
    mean, kappa, alpha, beta
        Its hyperparameters.
    deviations, variances
        The multiples.

    Examples
    --------
    The 95 % quantile of observations:

    >>> quantile = NormalCombination(0.0, 10.0, 6.0, 5.0, deviations=1.645)
    >>> [round(end, 3) for end in quantile.interval()]
    [0.855, 2.732]
    """

    def __init__(
        self,
        mean: float,
        kappa: float,
        alpha: float,
        beta: float,
        deviations: float = 0.0,
        variances: float = 0.0,
    ) -> None:
        self._parameters = mean, kappa, alpha, beta, deviations, variances
        # the standard score of a combination changes by 1 when the logarithm changes by this
        variance = beta / alpha
        change = abs(deviations) * math.sqrt(kappa) / 2.0 + abs(variances) * math.sqrt(
            kappa * variance
        )
        super().__init__(InverseGamma(alpha, beta), 1.0 / max(change, 1.0))
        roots = np.sqrt(self._values)
        self._normal = Normal(
            mean + deviations * roots + variances * self._values, self._values / kappa
        )

    def _given(self, x: Any) -> tuple[Distribution, Any, Any]:
        return self._normal, x, 0.0

    def _start(self) -> float:
        return 0.0

    def _unit(self) -> tuple[float, float]:
        mean, kappa, alpha, beta, deviations, variances = self._parameters
        variance = beta / alpha
        centre = mean + deviations * math.sqrt(variance) + variances * variance
        spread = variance / kappa + (deviations**2 * variance + variances**2 * variance**2) / alpha
        return centre, math.sqrt(spread)

    def _at(self, u: float) -> float:
        centre, spread = self._unit()
        return centre + spread * math.sinh(u)

    def _log_slope(self, u: float) -> float:
        return math.log(self._unit()[1]) + math.log(math.cosh(u))

    @property
    def mean(self) -> Any:
        """Expected value; None or inf if it does not exist."""
        mean, _, alpha, beta, deviations, variances = self._parameters
        if alpha <= (1.0 if variances else 0.5):
            return None if not variances else math.copysign(math.inf, variances)
        root = math.sqrt(beta) * math.exp(float(sc.gammaln(alpha - 0.5) - sc.gammaln(alpha)))
        found = mean + deviations * root
        return found + variances * beta / (alpha - 1.0) if variances else found

    @property
    def var(self) -> Any:
        """Variance; infinite if it does not exist."""
        mean, kappa, alpha, _, _, variances = self._parameters
        if alpha <= (2.0 if variances else 1.0):
            return math.inf
        weights = np.exp(self._log_weights)
        centres = np.asarray(self._normal.mean) - mean
        middle = float(weights @ centres)
        return float(weights @ (self._values / kappa)) + float(weights @ (centres - middle) ** 2)

    def log_exponential_moment(self) -> float:
        """Return the log of E[exp(X)]: infinite, because the variance has a power tail."""
        return math.inf

    def log_exponential_spread(self) -> float:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2: infinite."""
        return math.inf

    def tilted_mode_exponential(self) -> float:
        """Return the mode of density * exp(-x): -inf if the density is unbounded, else None."""
        _, kappa, _, _, _, variances = self._parameters
        return -math.inf if kappa < 1.0 or variances <= 0.0 else math.nan

    def shift(self, by: Real) -> NormalCombination:
        """Return the distribution of the number plus `by`."""
        mean, *others = self._parameters
        return NormalCombination(mean + float(by), *others)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        mean, kappa, alpha, beta, deviations, variances = self._parameters
        variance = beta / rng.gamma(alpha, 1.0, size)
        centre = mean + deviations * np.sqrt(variance) + variances * variance
        return rng.normal(centre, np.sqrt(variance / kappa))

    def __repr__(self) -> str:
        return f"NormalCombination{self._parameters!r}"


def _nodes(variable: Distribution, width: float) -> tuple[Any, Any]:
    """Return values of a variable at equal steps of its coordinate, and their log weights."""
    share = variable.support == (0.0, 1.0)

    def log_density(u: Any) -> Any:
        if share:
            return variable.logpdf_of_log_odds(u)
        with np.errstate(all="ignore"):
            return variable.logpdf(np.exp(u)) + u

    low, middle, high = (
        float(sc.logit(each)) if share else math.log(each)
        for each in (variable.ppf(0.16), variable.ppf(0.5), variable.isf(0.16))
    )
    step = _STEP * min((high - low) / 2.0, width, 1.0)
    sides = [_side(log_density, middle, sign * step) for sign in (-1.0, 1.0)]
    u = np.concatenate([sides[0][0][::-1], sides[1][0][1:]])
    logs = np.concatenate([sides[0][1][::-1], sides[1][1][1:]])
    values = sc.expit(u) if share else np.exp(u)
    kept = np.isfinite(logs) & (values > 0.0)
    logs, values = logs[kept], values[kept]
    return values, logs - sc.logsumexp(logs)


def _side(log_density: Any, start: float, step: float) -> tuple[Any, Any]:
    """Return coordinates from the middle outward, as far as the density is not negligible."""
    size = 64
    while True:
        u = start + step * np.arange(size)
        logs = log_density(u)
        small = ~(logs > logs[0] - _DROP)
        if small.any() or size >= _MOST:
            last = int(small.argmax()) if small.any() else size
            return u[:last], logs[:last]
        size *= 4
