"""The joint distribution of a mean and a variance."""

from __future__ import annotations

import math
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from seqbayes import distributions, predictive
from seqbayes.checks import all_positive
from seqbayes.distributions.combination import NormalCombination
from seqbayes.distributions.joint import Joint
from seqbayes.distributions.levels import NormalAtLevel, RandomLevel
from seqbayes.errors import PriorError
from seqbayes.families.location import Located, low_of
from seqbayes.families.normal import LOG_TAU
from seqbayes.numerics import information, sc, special
from seqbayes.numerics.elementary import read_numbers
from seqbayes.numerics.special import is_array

T = TypeVar("T")


class NormalParameters(NamedTuple, Generic[T]):
    """Estimates of a mean and of a variance, or their intervals."""

    mean: T
    variance: T


class _NormalInverseGammaFields(NamedTuple):
    mean: float
    kappa: float
    alpha: float
    beta: float


class NormalInverseGammaHyperparameters(_NormalInverseGammaFields, Located):
    """Hyperparameters of a normal-inverse-gamma distribution, numbers or arrays.

    Given the variance, the mean is normal about `mean` with variance ``variance / kappa``; the
    variance is inverse gamma with shape `alpha` and scale `beta`.
    """

    def observation(self) -> distributions.StudentT:
        """Return the distribution of the next observation (of its logarithm, for LogNormal)."""
        scale = (self.beta * (1.0 + 1.0 / self.kappa) / self.alpha) ** 0.5
        return distributions.StudentT(2.0 * self.alpha, self.mean, scale, self.mean_low)

    def quantile_interval(self, z: float, tail: float) -> tuple[float, float]:
        """Return a credible interval of the mean plus `z` standard deviations of the data.

        The standardised sum has a noncentral t distribution.
        """
        scale = math.sqrt(self.beta / (self.alpha * self.kappa))
        offset = z * math.sqrt(self.kappa)
        low, high = sc.nctdtrit(2.0 * self.alpha, offset, [tail, 1.0 - tail]).tolist()
        middle = self.mean_low
        return self.mean + (middle + scale * low), self.mean + (middle + scale * high)

    def combination(
        self, deviations: float = 0.0, variances: float = 0.0
    ) -> distributions.Distribution:
        """Return the distribution of mean + `deviations` * sd + `variances` * sd**2 of the data."""
        if deviations == variances == 0.0:
            scale = (self.beta / self.alpha) ** 0.5 / self.kappa**0.5
            return distributions.StudentT(2.0 * self.alpha, self.mean, scale, self.mean_low)
        return NormalCombination(*self, deviations, variances, self.mean_low)

    def log_normal_quantile(self, level: RandomLevel) -> distributions.Distribution:
        """Return the distribution of the quantile of log-normal data at a random level."""
        base = NormalAtLevel(*self, level, self.mean_low)
        return predictive.Transformed(base, predictive.ExponentialTransform(1.0))


class NormalInverseGammaBelief(Joint):
    """The joint distribution of (mean, variance); cdf, ppf and intervals are marginal."""

    def __init__(self, hyperparameters: NormalInverseGammaHyperparameters) -> None:
        self._h = hyperparameters

    @property
    def marginals(self) -> NormalParameters[Any]:
        """Student's t distribution of the mean, and inverse gamma distribution of the variance."""
        mean, kappa, alpha, beta = self._h
        if not is_array(kappa, alpha, beta) and all_positive(kappa, alpha, beta):
            scale = math.sqrt(beta / kappa / alpha)
        else:
            with np.errstate(all="ignore"):
                scale = np.sqrt(np.divide(beta, kappa) / alpha)[()]
        return NormalParameters(
            distributions.StudentT(2.0 * alpha, mean, scale, low_of(self._h)),
            distributions.InverseGamma(alpha, beta),
        )

    @property
    def mean(self) -> NormalParameters[Any]:
        """Mean of each parameter."""
        return NormalParameters(*(marginal.mean for marginal in self.marginals))

    @property
    def var(self) -> NormalParameters[Any]:
        """Variance of each parameter."""
        return NormalParameters(*(marginal.var for marginal in self.marginals))

    @property
    def mode(self) -> NormalParameters[Any] | None:
        """The joint mode; None if it does not exist."""
        mean, kappa, alpha, beta = self._h
        if not all_positive(kappa, beta, alpha + 1.5):
            return None
        return NormalParameters(mean, beta / (alpha + 1.5))

    def interval(self, level: float, kind: str) -> NormalParameters[Any]:
        """Return the interval of each parameter."""
        return NormalParameters(*(marginal.interval(level, kind) for marginal in self.marginals))

    def logpdf(self, theta: Any) -> Any:
        """Return the log joint density at (mean, variance)."""
        mean, variance = _pair(theta)
        if np.ndim(variance) == 0 and variance <= 0.0:
            return -math.inf if np.ndim(mean) == 0 else np.full(np.shape(mean), -np.inf)
        m, kappa, alpha, beta = self._h
        with np.errstate(divide="ignore", invalid="ignore"):
            given = distributions.Normal(m, variance / kappa, low_of(self._h)).logpdf(mean)
            total = given + self.marginals.variance.logpdf(variance)
        if np.ndim(total) == 0:
            return float(total)
        return np.where(np.asarray(variance) > 0.0, total, -np.inf)

    def _at(self, method: str, theta: Any) -> NormalParameters[Any]:
        pairs = zip(self.marginals, _pair(theta), strict=True)
        return NormalParameters(*(getattr(marginal, method)(value) for marginal, value in pairs))

    def _quantiles(self, method: str, q: Any, log: bool) -> NormalParameters[Any]:
        return NormalParameters(*(getattr(marginal, method)(q, log) for marginal in self.marginals))

    def entropy(self) -> Any:
        """Return the joint differential entropy, with the digamma function psi.

        The joint entropy is the entropy of the variance plus log(2 pi e / kappa) / 2 + (log beta -
        psi(alpha)) / 2.
        """
        _, kappa, alpha, beta = self._h
        given = 0.5 * (LOG_TAU + 1.0 - np.log(kappa) + np.log(beta) - np.log(alpha))
        given = given + 0.5 * information.log_minus_digamma(alpha)
        total = self.marginals.variance.entropy() + given
        return total if is_array(total) else float(total)

    def kl(self, other: NormalInverseGammaBelief) -> Any:
        """Return the joint Kullback-Leibler divergence.

        The joint divergence is the divergence between the variances plus (r - 1 - log r + kappa' (m
        - m')**2 alpha / beta) / 2, with the ratio r = kappa' / kappa; primes denote the other
        distribution.
        """
        m, kappa, alpha, beta = self._h
        other_m, other_kappa, _, _ = other._h
        ratio, step = other_kappa / kappa, (kappa - other_kappa) / kappa
        given = special.deviance(1.0 + 0.0 * ratio, ratio, step)
        gap = (m - other_m) + (low_of(self._h) - low_of(other._h))
        given = given + other_kappa * gap**2 * (alpha / beta)
        return self.marginals.variance.kl(other.marginals.variance) + 0.5 * given

    def sample(self, size: Any, rng: np.random.Generator) -> NormalParameters[Any]:
        """Draw (mean, variance) jointly."""
        m, kappa, alpha, beta = self._h
        variance = distributions.InverseGamma(alpha, beta).sample(size, rng)
        with np.errstate(over="ignore"):
            deviation = np.sqrt(np.divide(variance, kappa)) * rng.standard_normal(size)
            mean = m + (low_of(self._h) + deviation)
        if size is None and np.ndim(mean) == 0:
            return NormalParameters(float(mean), float(variance))
        return NormalParameters(mean, variance)


def _pair(theta: Any) -> tuple[Any, Any]:
    """Return a mean and a variance as numbers or arrays."""
    try:
        mean, variance = (v if type(v) is float else read_numbers(v)[()] for v in theta)
    except (TypeError, ValueError):
        raise PriorError(f"expected a pair (mean, variance), got {theta!r}") from None
    return mean, variance
