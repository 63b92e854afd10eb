"""Functions of the mean and the variance of normal data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from seqbayes.distributions.averaged import Averaged, log_sum
from seqbayes.distributions.base import Distribution
from seqbayes.distributions.gamma import InverseGamma
from seqbayes.distributions.normal import Normal
from seqbayes.distributions.tabulated import DensityTable
from seqbayes.numerics.elementary import parameters, plain
from seqbayes.numerics.gamma_moments import log_gamma_moment
from seqbayes.numerics.mixing_integral import log_mixing_integral
from seqbayes.numerics.special import HALF_LOG_TWO_PI, Real, is_array, stirling_error
from seqbayes.statistics.exact import rounding_error

_LARGEST = 1e5
"""Up to this `kappa` and `alpha`, the closed form of the density has ten correct digits."""

_NARROWEST = 1e-6
"""Distances from the mean are accurate if the relative standard deviation is at least this."""

_FEW = 32
"""With fewer points than this, the density is computed without a table."""


class MeanPlusVariance(Distribution):
    """The mean of normal data plus a multiple of their variance, computed from its density.

    The mean and the variance have a normal-inverse-gamma distribution.

    Parameters
    ----------
    mean, kappa, alpha, beta : float or array
        The hyperparameters.
    variances : float or array
        The multiple, > 0.
    mean_low : float or array, optional
        The rounding error of `mean`.
    """

    _names = ("mean", "kappa", "alpha", "beta", "variances")
    power_tail = True

    def __init__(
        self,
        mean: Real,
        kappa: Real,
        alpha: Real,
        beta: Real,
        variances: Real,
        mean_low: Real = 0.0,
    ) -> None:
        self._h = parameters(mean, kappa, alpha, beta, variances, mean_low)
        self.scalar = not is_array(*self._h)

    def hyperparameters(self) -> tuple[Real, ...]:
        """Return the hyperparameters in the order of the constructor."""
        return self._h

    def _log_density(self, x: Real) -> Any:
        mean, kappa, alpha, beta, variances, low = self._h
        distance = (x - mean) - low
        power, rise = alpha + 0.5, kappa * variances * distance
        squares = beta + 0.5 * kappa * distance * distance
        # with beta / alpha as the unit, the leading terms of the gamma function cancel
        unit = beta / alpha
        rate = 0.5 * kappa * variances * variances * unit
        logs, root = log_mixing_integral(power, squares / unit, rate)
        excess = 4.0 * rate * (squares / unit) / (root + power)  # root - power
        # alpha + rise - root without cancellation
        with np.errstate(all="ignore"):
            above = (alpha * (rise + excess - 4.0 * rate) - 0.5 * power) / (rise + root)
        exponent = np.where(rise > 0.0, above, rise - excess - 0.5)
        constant = 0.5 * np.log(kappa / beta) + np.log(alpha) - 2.0 * HALF_LOG_TWO_PI
        return constant - stirling_error(alpha) + logs + exponent

    def rough_place(self) -> tuple[Any, Any]:
        """Return an approximate median and standard deviation."""
        mean, kappa, alpha, beta, variances, _ = self._h
        variance = beta / alpha
        spread = variance / kappa + variances**2 * variance**2 / alpha
        return mean + variances * variance, np.sqrt(spread)

    def log_exponential_moment(self) -> Any:
        """Return the log of E[exp(X)], infinite because the variance has a power tail."""
        return np.full(np.shape(self._h[0]), np.inf)

    log_exponential_spread = log_exponential_moment


class NormalCombination(Averaged):
    """The mean of normal data plus multiples of their standard deviation and of their variance.

    The mean and the variance have a normal-inverse-gamma distribution.

    Parameters
    ----------
    mean, kappa, alpha, beta
        The hyperparameters.
    deviations, variances
        The multiples of the standard deviation and of the variance.
    mean_low
        The rounding error of `mean`.

    Examples
    --------
    The 95 % quantile of observations:

    >>> quantile = NormalCombination(0.0, 10.0, 6.0, 5.0, deviations=1.645)
    >>> [round(end, 3) for end in quantile.interval()]
    [0.855, 2.732]
    """

    power_tail = True
    _table: DensityTable | None = None

    def __init__(
        self,
        mean: float,
        kappa: float,
        alpha: float,
        beta: float,
        deviations: float = 0.0,
        variances: float = 0.0,
        mean_low: float = 0.0,
    ) -> None:
        self._parameters = mean, kappa, alpha, beta, deviations, variances
        self._low = mean_low
        # bound on the change of the standard score per unit change of the variance's logarithm
        variance = beta / alpha
        change = abs(deviations) * math.sqrt(kappa) / 2.0 + abs(variances) * math.sqrt(
            kappa * variance
        )
        super().__init__(InverseGamma(alpha, beta), 1.0 / max(change, 1.0))

    @cached_property
    def _normal(self) -> Normal:
        mean, kappa, _, _, deviations, variances = self._parameters
        about = Normal(mean, self._values / kappa, self._low)
        return about.shift(deviations * np.sqrt(self._values) + variances * self._values)

    @classmethod
    def stack(cls, distributions: Sequence[Distribution]) -> Distribution | None:
        """Combine distributions whose density has a closed form; otherwise None."""
        rows = [
            each.closed_form()
            for each in distributions
            if isinstance(each, NormalCombination) and each.has_closed_form
        ]
        return MeanPlusVariance.stack(rows) if len(rows) == len(distributions) else None

    def closed_form(self) -> MeanPlusVariance:
        """Return the same distribution, computed from its density (see `has_closed_form`)."""
        mean, kappa, alpha, beta, _, variances = self._parameters
        return MeanPlusVariance(mean, kappa, alpha, beta, variances, self._low)

    def rough_place(self) -> tuple[Any, Any]:
        """Return an approximate median and standard deviation."""
        return self._unit()

    @cached_property
    def _terms_of_density(self) -> tuple[Any, Any, Any, Any]:
        """Centres, their rounding errors, reciprocal standard deviations, log factors of terms."""
        centres, variances, low = self._normal.hyperparameters()
        logs = self._log_weights - 0.5 * np.log(variances) - HALF_LOG_TWO_PI
        return centres, low, 1.0 / np.sqrt(variances), logs

    def _log_sum(self, x: Any) -> Any:
        centres, low, scales, logs = self._terms_of_density
        terms = x[..., None] - centres
        terms -= low
        terms *= scales
        terms *= terms
        terms *= -0.5
        terms += logs
        return log_sum(terms)

    def _given(self, x: Any) -> tuple[Distribution, Any, Any]:
        return self._normal, x, 0.0

    @property
    def singularity(self) -> float:
        """Distance between the real line and the nearest complex singularity of the density."""
        _, kappa, _, beta, *_ = self._parameters
        return math.sqrt(2.0 * beta / kappa)

    @property
    def has_closed_form(self) -> bool:
        """Whether the density has a closed form, from which a table is computed."""
        _, kappa, alpha, _, deviations, variances = self._parameters
        if deviations or not variances or max(kappa, alpha) > _LARGEST:
            return False
        centre, spread = self._unit()
        return spread > _NARROWEST * max(1.0, abs(centre))

    def _log_density(self, x: Real) -> Any:
        points = np.asarray(x)
        if not self.has_closed_form:
            return plain(self._log_sum(points))
        if points.size < _FEW:
            return plain(self._log_mixture(points))
        return self._densities().log(points)

    def _cdf(self, x: Real) -> Any:
        return (
            plain(self._densities().tails(np.asarray(x))[0])
            if self.has_closed_form
            else super()._cdf(x)
        )

    def _sf(self, x: Real) -> Any:
        return (
            plain(self._densities().tails(np.asarray(x))[1])
            if self.has_closed_form
            else super()._sf(x)
        )

    def _densities(self) -> DensityTable:
        if self._table is None:
            self._table = DensityTable(self._log_mixture, *self._unit())
        return self._table

    def _log_mixture(self, x: Any) -> Any:
        return self.closed_form().logpdf(x)

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
        """Expected value; None if it does not exist, inf or -inf if it is infinite."""
        mean, _, alpha, beta, deviations, variances = self._parameters
        if alpha <= (1.0 if variances else 0.5):
            return None if not variances else math.copysign(math.inf, variances)
        root = math.sqrt(beta) * math.exp(log_gamma_moment(alpha, -0.5))
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
        """Return the log of E[exp(X)], infinite because the variance has a power tail."""
        return math.inf

    def log_exponential_spread(self) -> float:
        """Return the log of E[exp(2 X)] / E[exp(X)]**2, which is infinite."""
        return math.inf

    def tilted_mode_exponential(self) -> float:
        """Return the mode of density * exp(-x): -inf if the density is unbounded, else None."""
        _, kappa, _, _, _, variances = self._parameters
        return -math.inf if kappa < 1.0 or variances <= 0.0 else math.nan

    def shift(self, by: Real) -> NormalCombination:
        """Return the distribution of the number plus `by`."""
        mean, kappa, alpha, beta, deviations, variances = self._parameters
        moved = mean + float(by)
        low = self._low + rounding_error(mean, float(by), moved)
        return NormalCombination(moved, kappa, alpha, beta, deviations, variances, low)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        mean, kappa, alpha, beta, deviations, variances = self._parameters
        variance = beta / rng.gamma(alpha, 1.0, size)
        centre = mean + deviations * np.sqrt(variance) + variances * variance
        return rng.normal(centre, np.sqrt(variance / kappa))

    def __repr__(self) -> str:
        return f"NormalCombination{self._parameters!r}"
