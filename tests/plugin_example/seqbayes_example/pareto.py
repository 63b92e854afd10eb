"""A prior family: Pareto, for the upper limit of uniform data.

The statistic holds the largest observation, which can be neither unlearned nor scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqbayes import ObservationError, State, register
from seqbayes.distributions import Distribution
from seqbayes.likelihoods import Likelihood, check_parameter
from seqbayes.numerics.elementary import or_none
from seqbayes.statistics import PythonStatistics, as_real


def plain(value: Any) -> Any:
    """Convert a NumPy scalar to a Python float; return an array unchanged."""
    return value if np.ndim(value) else float(value)


class Maximum(PythonStatistics):
    """The largest observation."""

    initial = (0.0,)
    unsupported = {  # noqa: RUF012
        "unlearn": "only the largest observation is kept",
        "scale": "a maximum has no weight that could be scaled",
    }

    def read(self, x: Any) -> tuple[float, float]:
        """Return an observation, and its log base measure."""
        value = as_real(x, "a finite number > 0")
        if value <= 0.0:
            raise ObservationError(f"expected a finite number > 0, got {x!r}")
        return value, 0.0

    def add(self, sums: tuple[float, ...], term: float, w: float) -> tuple[float, ...]:
        """Return the largest observation so far."""
        return (max(sums[0], term),)

    def join(self, sums: tuple[float, ...], others: tuple[float, ...]) -> tuple[float, ...]:
        """Return the larger of two."""
        return (max(sums[0], others[0]),)

    @property
    def value(self) -> tuple[float, float]:
        """Weight and maximum."""
        return self.n, self.sums[0]


class ParetoDistribution(Distribution):
    """Density ``shape * scale**shape / theta**(shape + 1)`` for ``theta >= scale``."""

    _names = ("scale", "shape")

    def __init__(self, scale: Any, shape: Any) -> None:
        self.scale, self.shape = scale, shape
        self.scalar = np.ndim(scale) == np.ndim(shape) == 0
        self.support = (scale, math.inf)

    def inner_point(self) -> Any:
        return 2.0 * self.scale

    def _log_density(self, x: Any) -> Any:
        ratio = np.log(x) - np.log(self.scale)
        return plain(np.log(self.shape) - np.log(x) - self.shape * ratio)

    def _log_density_at_ends(self) -> tuple[Any, float]:
        return plain(np.log(self.shape) - np.log(self.scale)), -math.inf

    def _sf(self, x: Any) -> Any:
        return plain(np.exp(-self.shape * (np.log(x) - np.log(self.scale))))

    def _cdf(self, x: Any) -> Any:
        return plain(-np.expm1(-self.shape * (np.log(x) - np.log(self.scale))))

    def _isf(self, q: Any) -> Any:
        with np.errstate(over="ignore"):
            return plain(self.scale * np.exp(-np.log(q) / self.shape))

    def _ppf(self, q: Any) -> Any:
        with np.errstate(over="ignore"):
            return plain(self.scale * np.exp(-np.log1p(-q) / self.shape))

    @property
    def mean(self) -> Any:
        """Expected value."""
        with np.errstate(all="ignore"):
            mean = self.scale * np.divide(self.shape, self.shape - 1.0)
        return plain(np.where(self.shape > 1.0, mean, math.inf))

    @property
    def var(self) -> Any:
        """Variance."""
        with np.errstate(all="ignore"):
            shape_minus_1 = np.asarray(self.shape - 1.0)
            var = (self.scale / shape_minus_1) ** 2 * np.divide(self.shape, self.shape - 2.0)
        return plain(np.where(self.shape > 2.0, var, math.inf))

    @property
    def mode(self) -> Any:
        """Where the density is largest; None, or NaN in arrays, if the scale is zero."""
        return or_none(self.scale > 0.0, self.scale)

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        with np.errstate(over="ignore"):
            return self.scale * np.exp(rng.exponential(1.0, size) / self.shape)


class UniformPareto(Distribution):
    """The predictive distribution: uniform up to the scale, with a Pareto tail above it."""

    _names = ("scale", "shape")

    def __init__(self, scale: Any, shape: Any) -> None:
        self.scale, self.shape = scale, shape
        self.scalar = np.ndim(scale) == np.ndim(shape) == 0
        self.support = (0.0, math.inf)

    def inner_point(self) -> Any:
        return self.scale

    def _log_excess(self, x: Any) -> Any:
        return np.maximum(np.log(x) - np.log(self.scale), 0.0)

    def _log_density(self, x: Any) -> Any:
        log_plateau = -np.log1p(1.0 / self.shape) - np.log(self.scale)
        return plain(log_plateau - (self.shape + 1.0) * self._log_excess(x))

    def _log_density_at_ends(self) -> tuple[Any, float]:
        return plain(-np.log1p(1.0 / self.shape) - np.log(self.scale)), -math.inf

    def _cdf(self, x: Any) -> Any:
        low = self.shape / (self.shape + 1.0) * np.divide(x, self.scale)
        high = 1.0 - np.exp(-self.shape * self._log_excess(x)) / (self.shape + 1.0)
        return plain(np.where(x <= self.scale, low, high))

    def _sf(self, x: Any) -> Any:
        low = 1.0 - self.shape / (self.shape + 1.0) * np.divide(x, self.scale)
        high = np.exp(-self.shape * self._log_excess(x)) / (self.shape + 1.0)
        return plain(np.where(x <= self.scale, low, high))

    def _quantile_of(self, q: Any, tail: Any) -> Any:
        low = q * self.scale * (1.0 + 1.0 / self.shape)
        with np.errstate(over="ignore"):
            high = self.scale * np.exp(-np.log(tail * (self.shape + 1.0)) / self.shape)
        return plain(np.where(tail * (self.shape + 1.0) >= 1.0, low, high))

    def _ppf(self, q: Any) -> Any:
        return self._quantile_of(q, 1.0 - q)

    def _isf(self, q: Any) -> Any:
        return self._quantile_of(1.0 - q, q)

    @property
    def mean(self) -> Any:
        """Expected value."""
        return plain(ParetoDistribution(self.scale, self.shape).mean / 2.0)

    @property
    def var(self) -> Any:
        """Variance."""
        # law of total variance: X is uniform on (0, L), and L is Pareto
        upper_limit = ParetoDistribution(self.scale, self.shape)
        with np.errstate(all="ignore"):
            var = upper_limit.var / 3.0 + np.square(upper_limit.mean) / 12.0
        return plain(np.where(np.isfinite(upper_limit.var), var, math.inf))

    @property
    def mode(self) -> Any:
        """Where the density is largest: up to the scale it is constant."""
        return self.scale

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        upper_limit = ParetoDistribution(self.scale, self.shape)
        return upper_limit.sample(size, rng) * rng.random(size)


@dataclass(frozen=True, slots=True)
class Uniform(Likelihood):
    """Observations that are uniform between 0 and an unknown limit theta."""

    def statistics(self) -> Maximum:
        """Return empty statistics."""
        return Maximum()

    def predictive(self, posterior: Any) -> UniformPareto:
        """Return the distribution of the next observation."""
        return UniformPareto(*posterior)

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw observations given the limit `theta`."""
        return theta * rng.random(size)


class ParetoHyperparameters(NamedTuple):
    """Hyperparameters of a Pareto distribution, numbers or arrays."""

    scale: float
    shape: float


@register
class Pareto(State[ParetoHyperparameters, float, tuple[float, float], float]):
    """Belief about the upper limit of uniform data.

    Parameters
    ----------
    scale
        The limit is at least this, >= 0.
    shape
        Weight of the prior as a number of observations, >= -1. A prior with a scale or shape that
        is not above zero is improper.
    likelihood
        `Uniform`.
    seed
        Seed for `sample`.
    """

    likelihoods = (Uniform,)
    parameters = ("scale", "shape")
    component_adapter = None
    component_adapter_reason = "the largest observation cannot be scaled by responsibilities"

    def __init__(
        self,
        scale: float = 1.0,
        shape: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> None:
        self.scale = check_parameter("scale", scale, open_low=False)
        self.shape = check_parameter("shape", shape, -1.0, open_low=False)
        super().__init__(likelihood=likelihood, seed=seed)

    @classmethod
    def flat(cls, likelihood: Likelihood | None = None, seed: int | None = None) -> Pareto:
        """Return the improper uniform prior, under which the MAP is the MLE."""
        return cls(0.0, -1.0, likelihood, seed)

    @property
    def prior(self) -> ParetoHyperparameters:
        """The prior's hyperparameters."""
        return ParetoHyperparameters(self.scale, self.shape)

    @staticmethod
    def combine(prior: Any, statistic: Any) -> ParetoHyperparameters:
        """Return the hyperparameters after data with this maximum."""
        return ParetoHyperparameters(
            plain(np.maximum(prior[0], statistic[1])), prior[1] + statistic[0]
        )

    @staticmethod
    def is_proper(hyperparameters: Any) -> bool:
        """Whether the density integrates to one."""
        return bool(np.all(hyperparameters[0] > 0.0) and np.all(hyperparameters[1] > 0.0))

    @staticmethod
    def log_z(hyperparameters: Any) -> Any:
        """Return ``-log(shape) - shape log(scale)``."""
        scale, shape = hyperparameters
        return plain(-np.log(shape) - shape * np.log(scale))

    @staticmethod
    def log_marginal(hyperparameters: Any, statistic: Any) -> Any:
        """Return the log marginal density of data with this maximum."""
        scale, shape = hyperparameters
        n, maximum = statistic
        log_limit = np.log(np.maximum(scale, maximum))
        return plain(-np.log1p(n / shape) - n * log_limit - shape * (log_limit - np.log(scale)))

    @staticmethod
    def log_likelihood(theta: Any, statistic: Any) -> Any:
        """Return the log density of the data, given the limit."""
        n, maximum = statistic
        with np.errstate(all="ignore"):
            return plain(np.where(np.greater_equal(theta, maximum), -n * np.log(theta), -np.inf))

    @staticmethod
    def estimate(statistic: Any) -> float | None:
        """Return the largest observation."""
        return statistic[1] if statistic[0] > 0.0 else None

    @staticmethod
    def belief(hyperparameters: Any) -> ParetoDistribution:
        """Return the Pareto distribution."""
        return ParetoDistribution(*hyperparameters)
