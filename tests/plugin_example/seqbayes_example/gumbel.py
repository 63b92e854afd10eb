"""A likelihood under the Gamma prior: the Gumbel distribution, for maxima such as yearly floods."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes import Gamma, ObservationError, register
from seqbayes.distributions import Distribution
from seqbayes.likelihoods import Likelihood, check_parameter
from seqbayes.statistics import PairSums, as_real


def plain(value: Any) -> Any:
    """Convert a NumPy scalar to a Python float; return an array unchanged."""
    return value if np.ndim(value) else float(value)


class GumbelSums(PairSums):
    """The statistic (1, exp(-x / scale)) of every observation, summed."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self._unit = scale

    def terms(self, x: Any) -> tuple[float, float, float]:
        """Return the statistic of an observation, and its log base measure."""
        z = as_real(x, "a finite number") / self._unit
        if z < -700.0:
            raise ObservationError("the observation is too small: its statistic overflows")
        return 1.0, math.exp(-z), -z - math.log(self._unit)


class GumbelGamma(Distribution):
    """The predictive distribution: exp(-x / scale) is Lomax."""

    _names = ("shape", "rate", "scale")

    def __init__(self, shape: Any, rate: Any, scale: float) -> None:
        self.shape, self.rate, self.scale = shape, rate, scale
        self.scalar = np.ndim(shape) == np.ndim(rate) == 0

    def _log_ratio(self, x: Any) -> Any:
        return np.logaddexp(0.0, -x / self.scale - np.log(self.rate))

    def _log_density(self, x: Any) -> Any:
        constant = np.log(self.shape) - np.log(self.rate) - math.log(self.scale)
        return plain(constant - x / self.scale - (self.shape + 1.0) * self._log_ratio(x))

    def _cdf(self, x: Any) -> Any:
        return plain(np.exp(-self.shape * self._log_ratio(x)))

    def _sf(self, x: Any) -> Any:
        return plain(-np.expm1(-self.shape * self._log_ratio(x)))

    def _quantile_of(self, log_p: Any) -> Any:
        # log(exp(t) - 1), without overflow
        t = -log_p / self.shape
        with np.errstate(all="ignore"):
            log_y = t + np.log(-np.expm1(-t)) + np.log(self.rate)
        return plain(-self.scale * log_y)

    def _ppf(self, q: Any) -> Any:
        return self._quantile_of(np.log(q))

    def _isf(self, q: Any) -> Any:
        return self._quantile_of(np.log1p(-q))

    @property
    def mean(self) -> Any:
        """Expected value."""
        centre = np.euler_gamma + sc.digamma(self.shape) - np.log(self.rate)
        return plain(self.scale * centre)

    @property
    def var(self) -> Any:
        """Variance."""
        return plain(self.scale**2 * (math.pi**2 / 6.0 + sc.polygamma(1, self.shape)))

    @property
    def mode(self) -> Any:
        """Where the density is largest."""
        return plain(self.scale * (np.log(self.shape) - np.log(self.rate)))

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        rate = rng.gamma(self.shape, 1.0, size) / self.rate
        return self.scale * (np.log(rate) - np.log(rng.exponential(1.0, size)))


@register(under=Gamma)
@dataclass(frozen=True, slots=True)
class Gumbel(Likelihood):
    """Gumbel observations of known scale: exp(-x / scale) is exponential at rate theta.

    Parameters
    ----------
    scale
        The known scale, > 0.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_parameter("scale", self.scale)

    def statistics(self) -> GumbelSums:
        """Return empty statistics."""
        return GumbelSums(self.scale)

    def predictive(self, posterior: Any) -> GumbelGamma:
        """Return the distribution of the next observation."""
        return GumbelGamma(*posterior, self.scale)

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw observations given the rate `theta`."""
        return self.scale * (np.log(theta) - np.log(rng.exponential(1.0, size)))
