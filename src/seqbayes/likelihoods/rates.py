"""Waiting times and other positive or symmetric data with an unknown rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Distribution, Gamma, StudentT
from seqbayes.distributions import InverseGamma as InverseGammaDistribution
from seqbayes.distributions.levels import RandomLevel
from seqbayes.errors import UnsupportedError
from seqbayes.likelihoods.base import PairLikelihood, check_parameter
from seqbayes.likelihoods.sql import LARGE_COUNT, SqlForm, X, between, number
from seqbayes.numerics.gamma_moments import log_gamma_moment
from seqbayes.statistics import PairSums, PowerSums, arrays, scan_floats


@dataclass(frozen=True, slots=True)
class PowerLikelihood(PairLikelihood):
    """Observations x with scale |x - origin|**power ~ Gamma(known shape, rate theta)."""

    two_sample = "scale"

    continuous = True

    def _form(self) -> tuple[float, float, float, float, bool]:
        """Return shape, scale, power, origin, and whether data are on both sides of the origin."""
        raise NotImplementedError

    @property
    def mean_power(self) -> float | None:
        """The power of the rate to which the mean is proportional; None if no such power exists."""
        shape, _, power, _, two_sided = self._form()
        return None if two_sided or not shape + 1.0 / power > 0.0 else -1.0 / power

    def direction(self, p: float | None) -> int:
        """Return whether the mean (None) or the p-quantile increases with the rate (1 or -1)."""
        _, _, power, _, two_sided = self._form()
        if self.mean_power is None if p is None else two_sided and p <= 0.5:
            return PairLikelihood.direction(self, p)
        return -1 if power > 0.0 else 1

    def statistics(self) -> PowerSums:
        """Return a new, empty accumulator."""
        return PowerSums(*self._form())

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return them as floats."""
        shape, _, power, _, two_sided = self._form()
        values = arrays.reals(xs).astype(float, copy=False)
        if two_sided:
            arrays.check(values, np.isfinite(values), "a finite number")
        elif shape * power == 1.0:
            arrays.check(values, (values >= 0.0) & (values < np.inf), "a finite number >= 0")
        else:
            arrays.check(values, (values > 0.0) & (values < np.inf), "a finite number > 0")
        return arrays.single(values)

    def _add_many(self, total: PairSums, xs: Iterable[Any], w: Any) -> None:
        values = arrays.reals(xs)
        weights = arrays.weights(w, len(values))
        shape, _, power, _, two_sided = self._form()
        sums = None
        if shape == power == 1.0 and not two_sided and weights is None:
            sums = self._plain_sums(values)
        if sums is None and shape < LARGE_COUNT:  # otherwise, large logarithms cancel
            sums = arrays.blockwise(self._block_sums, values, weights)
        if sums is None:
            total.observe_arrays(*arrays.floats(len(values), *self.read_many(values), weights))
        else:
            total.add_sums(*sums)

    def sql_form(self) -> SqlForm:
        """Return SQL for the known shapes, the scaled powers and the log base measure."""
        shape, scale, power, origin, two_sided = self._form()
        if shape >= LARGE_COUNT:
            raise UnsupportedError(
                "SQL cannot compute the evidence accurately: expected a shape below"
                f" {LARGE_COUNT:g}, got {shape:g}"
            )
        slope = shape * power - 1.0
        value = X if not two_sided else f"ABS({X} - {number(origin)})"
        valid = between(X, -math.inf if two_sided else 0.0)
        if slope != 0.0:
            valid += f" AND {value} > 0"
        powered = value if power == 1.0 else f"POWER({value}, {number(power)})"
        powered = powered if power != 2.0 else f"{value} * {value}"
        term = powered if scale == 1.0 else f"({number(scale)} * {powered})"
        if term != X:  # beyond the limit, the term of an observation could overflow
            limit = 10.0 ** (280.0 / max(abs(power), 1.0))
            valid += f" AND {between(value, 0.0 if power > 0.0 else 1.0 / limit, limit)}"
        constant = shape * math.log(scale) + math.log(abs(power)) - math.lgamma(shape)
        constant -= math.log(2.0) * two_sided
        log_base: str | float = constant
        if slope != 0.0:
            log_base = f"({number(constant)} + {number(slope)} * LN({value}))"
        return SqlForm(valid, (log_base, shape, term))

    def _plain_sums(self, values: arrays.Array) -> tuple[Any, Any, Any, Any] | None:
        """Return the sums for a likelihood whose statistic is x.

        The result is None if a value is invalid, or rounding errors could be large compared with a
        value.
        """
        _, scale, _, _, _ = self._form()
        n = float(len(values))
        total = largest = 0.0
        for (block,) in arrays.blocks(values):
            part, least = scan_floats(arrays.contiguous(block))
            total += part
            largest = max(largest, float(block.max(initial=0.0)))
            if not least >= 0.0:
                return None
        if n <= arrays.SMALL_SIZE or not largest * n < 1e3 * total < math.inf:
            return None
        if not math.isfinite(scale * total):
            return None
        return n, n, scale * total, n * math.log(scale)

    def _block_sums(
        self, xs: arrays.Array, weights: arrays.Array | None
    ) -> tuple[Any, Any, Any, Any]:
        shape, scale, power, origin, two_sided = self._form()
        slope = shape * power - 1.0
        values = xs.astype(float, copy=False)
        if two_sided:
            values = values - origin
            if power != 2.0:
                np.abs(values, out=values)
        elif len(values) and not (smallest := values.min()) > 0.0:
            zero_allowed = slope == 0.0
            if not (zero_allowed and smallest >= 0.0):
                bad = ~(values >= 0.0) if zero_allowed else ~(values > 0.0)
                arrays.raise_invalid_item(
                    values, bad, f"a finite number {'>=' if zero_allowed else '>'} 0"
                )
        n = arrays.total(1.0, weights, len(values))
        log_base = shape * math.log(scale) + math.log(abs(power)) - math.lgamma(shape)
        log_base = n * (log_base - math.log(2.0) * two_sided)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            powered = values if power == 1.0 else values**power
            b = scale * arrays.total(powered, weights, len(values))
            if slope != 0.0:
                log_base += slope * arrays.total(np.log(values), weights, len(values))
        arrays.check_finite(xs, b + log_base)
        return n, n * shape, b, log_base

    def predictive(self, posterior: Any) -> Distribution:
        """Return the distribution of the next observation: a transformed compound gamma."""
        shape, scale, power, origin, two_sided = self._form()
        base = predictive.CompoundGamma(shape, *posterior)
        if two_sided:
            return predictive.Symmetric(base, origin, 1.0 / power, 1.0 / scale)
        if power == scale == 1.0:
            return base
        return predictive.Transformed(base, predictive.PowerTransform(1.0 / power, 1.0 / scale))

    def quantile_interval(self, posterior: Any, p: float, level: float) -> Any:
        """Return a credible interval of the p-quantile; None if observations are two-sided."""
        found = None if self._form()[4] else self.quantile(posterior, p)
        return None if found is None else found.interval(level)

    def expectation(self, posterior: Any) -> Distribution | None:
        """Return the distribution of the mean; None if it is infinite, or data are two-sided."""
        if self.mean_power is None:
            return None
        shape, _, power, _, _ = self._form()
        constant = power * log_gamma_moment(shape, 1.0 / power)
        return self._function(posterior, math.exp(constant))

    def quantile(self, posterior: Any, p: float) -> Distribution | None:
        """Return the distribution of the p-quantile of observations.

        The result is None if observations are two-sided and the quantile is not above the known
        centre.
        """
        shape, _, power, origin, two_sided = self._form()
        if two_sided:
            if p <= 0.5:
                return None
            # its distance from the centre is the (2 p - 1)-quantile of all distances
            distance = self._function(posterior, Gamma(shape, 1.0).ppf(2.0 * p - 1.0))
            return predictive.Affine(distance, offset=origin) if origin else distance
        known = Gamma(shape, 1.0)
        return self._function(posterior, known.ppf(p) if power > 0.0 else known.isf(p))

    def quantile_at(self, posterior: Any, level: RandomLevel) -> Distribution | None:
        """Return the distribution of the quantile at a random level; None if two-sided."""
        shape, _, power, _, two_sided = self._form()
        if two_sided:
            return None
        known = Gamma(shape, 1.0)

        def log_constant(below: Any, above: Any) -> Any:
            small, low, high = below < 0.5, known.ppf, known.isf
            if power < 0.0:
                low, high = high, low
            return np.log(np.where(small, low(below), high(above))) / power

        return level.times(log_constant, self._function(posterior, 1.0))

    def reason_against(self, posterior: Any, p: float | None) -> str:
        """Return why the mean (None) or the p-quantile of observations is not available."""
        if not self._form()[4]:
            return "is infinite: compare a quantile"
        if p is None or p == 0.5:
            return "is the known centre: compare the parameter, or a quantile above the centre"
        return (
            f"is as far below the known centre as the {1.0 - p:g}-quantile is above it:"
            " compare that one"
        )

    def _function(self, posterior: Any, constant: float) -> Distribution:
        """Return the distribution of ``(constant / (rate * scale)) ** (1 / power)``."""
        _, scale, power, _, _ = self._form()
        shape, rate = posterior
        if power == 1.0:
            return InverseGammaDistribution(shape, rate * (constant / scale))
        if power == -1.0:
            return Gamma(shape, rate * (constant / scale))
        return predictive.Transformed(
            Gamma(shape, rate), predictive.PowerTransform(-1.0 / power, scale / constant)
        )

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw observations given the rate `theta`."""
        shape, scale, power, origin, two_sided = self._form()
        x = (rng.gamma(shape, 1.0, size) / (theta * scale)) ** (1.0 / power)
        return origin + np.where(rng.random(size) < 0.5, -x, x)[()] if two_sided else x


@dataclass(frozen=True, slots=True)
class Exponential(PowerLikelihood):
    """Waiting times at rate theta.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> belief = Gamma(3, 2, likelihood=Exponential())
    >>> belief.learn_many([0.5, 1, 2])
    >>> belief.posterior, round(belief.mean, 4)
    (GammaHyperparameters(shape=6.0, rate=5.5), 1.0909)
    """

    parameter_meaning = "events per unit of time"
    reciprocal_meaning = "duration"

    def _form(self) -> tuple[float, float, float, float, bool]:
        return 1.0, 1.0, 1.0, 0.0, False


@dataclass(frozen=True, slots=True)
class _KnownShape(PowerLikelihood):
    """Base class of likelihoods with a known shape."""

    shape: float = 1.0

    def __post_init__(self) -> None:
        self._set("shape", check_parameter("shape", self.shape))


@dataclass(frozen=True, slots=True)
class GammaShape(_KnownShape):
    """Gamma observations with known shape and rate theta.

    Parameters
    ----------
    shape
        The known shape, > 0.
    """

    def _form(self) -> tuple[float, float, float, float, bool]:
        return self.shape, 1.0, 1.0, 0.0, False


@dataclass(frozen=True, slots=True)
class Weibull(_KnownShape):
    """Weibull observations with known shape: x**shape is exponential at rate theta.

    Parameters
    ----------
    shape
        The known shape, > 0.
    """

    def _form(self) -> tuple[float, float, float, float, bool]:
        return 1.0, 1.0, self.shape, 0.0, False


@dataclass(frozen=True, slots=True)
class InverseGamma(_KnownShape):
    """Inverse gamma observations with known shape and scale theta: 1/x is Gamma with rate theta.

    Parameters
    ----------
    shape
        The known shape, > 0.
    """

    def _form(self) -> tuple[float, float, float, float, bool]:
        return self.shape, 1.0, -1.0, 0.0, False


@dataclass(frozen=True, slots=True)
class NormalPrecision(PowerLikelihood):
    """Normal observations with known mean and precision theta (variance 1/theta).

    Parameters
    ----------
    mean
        The known mean.
    """

    mean: float = 0.0

    def __post_init__(self) -> None:
        self._set("mean", check_parameter("mean", self.mean, -math.inf))

    def _form(self) -> tuple[float, float, float, float, bool]:
        return 0.5, 0.5, 2.0, self.mean, True

    def predictive(self, posterior: Any) -> Distribution:
        """Return Student's t distribution."""
        shape, rate = posterior
        return StudentT(2.0 * shape, self.mean, rate**0.5 / shape**0.5)


@dataclass(frozen=True, slots=True)
class Laplace(PowerLikelihood):
    """Laplace observations with known location and rate theta (scale 1/theta).

    Parameters
    ----------
    location
        The known location.
    """

    location: float = 0.0

    def __post_init__(self) -> None:
        self._set("location", check_parameter("location", self.location, -math.inf))

    def _form(self) -> tuple[float, float, float, float, bool]:
        return 1.0, 1.0, 1.0, self.location, True


@dataclass(frozen=True, slots=True)
class Rayleigh(PowerLikelihood):
    """Rayleigh observations, theta = 1/sigma**2: x**2 / 2 is exponential at rate theta."""

    def _form(self) -> tuple[float, float, float, float, bool]:
        return 1.0, 0.5, 2.0, 0.0, False


@dataclass(frozen=True, slots=True)
class Maxwell(PowerLikelihood):
    """Maxwell observations, theta = 1/a**2: x**2 / 2 is Gamma with shape 3/2 and rate theta."""

    def _form(self) -> tuple[float, float, float, float, bool]:
        return 1.5, 0.5, 2.0, 0.0, False
