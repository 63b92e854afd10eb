"""Normal and log-Normal data."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Distribution
from seqbayes.distributions.levels import RandomLevel
from seqbayes.errors import ObservationError
from seqbayes.likelihoods.base import Likelihood
from seqbayes.likelihoods.sql import MAX_SQUARED, SqlForm, X, between
from seqbayes.numerics import sc
from seqbayes.statistics import Moments, Statistics, arrays


@dataclass(frozen=True, slots=True)
class Normal(Likelihood):
    """Normal observations with unknown mean; the prior determines whether the variance is known.

    Examples
    --------
    >>> from seqbayes import NormalInverseGamma
    >>> belief = NormalInverseGamma(likelihood=Normal())
    >>> belief.learn_many([4.0, 6.0])
    >>> belief.mle
    NormalParameters(mean=5.0, variance=1.0)
    """

    continuous = True

    def statistics(self) -> Moments:
        """Return a new, empty accumulator."""
        return Moments()

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return them as floats."""
        values = arrays.reals(xs).astype(float, copy=False)
        arrays.check(values, np.isfinite(values), "a finite number")
        return arrays.single(values)

    def summarise(self, xs: Iterable[Any], w: Any = None) -> Statistics:
        """Return the accumulator of many observations, after validating all of them."""
        values = arrays.reals(xs)
        total = self.statistics()
        _add_values(total, values, arrays.weights(w, len(values)), logarithm=False)
        return total

    def sql_form(self) -> SqlForm:
        """Return SQL for the moments of the observations."""
        return SqlForm(between(X, -MAX_SQUARED, MAX_SQUARED), centred=X)

    def predictive(self, posterior: Any) -> Distribution:
        """Return the normal or Student's t distribution of the next observation."""
        distribution: Distribution = posterior.observation()
        return distribution

    def quantile_interval(self, posterior: Any, p: float, level: float) -> Any:
        """Return a credible interval of the mean plus a number of standard deviations."""
        return posterior.quantile_interval(float(sc.ndtri(p)), 0.5 - 0.5 * level)

    def expectation(self, posterior: Any) -> Distribution:
        """Return the distribution of the mean."""
        found: Distribution = posterior.combination()
        return found

    def quantile(self, posterior: Any, p: float) -> Distribution:
        """Return the distribution of the mean plus a number of standard deviations."""
        found: Distribution = posterior.combination(float(sc.ndtri(p)))
        return found

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw observations; `theta` is (mean, variance)."""
        mean, variance = theta
        return rng.normal(mean, np.sqrt(variance), size)


@dataclass(frozen=True, slots=True)
class LogNormal(Likelihood):
    """Positive observations whose logarithm is normally distributed.

    Examples
    --------
    >>> from seqbayes import Normal
    >>> belief = Normal(0, 1, known_variance=1, likelihood=LogNormal())
    >>> belief.learn_one(1.0)
    >>> belief.posterior
    NormalHyperparameters(mean=0.0, variance=0.5, known_variance=1.0)
    """

    of_logarithm = True
    continuous = True

    def statistics(self) -> Moments:
        """Return a new, empty accumulator."""
        return Moments(logarithm=True)

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return them as floats."""
        expected = "a finite number > 0"
        values = arrays.reals(xs, expected).astype(float, copy=False)
        arrays.check(values, (values > 0.0) & (values < np.inf), expected)
        return arrays.single(values)

    def summarise(self, xs: Iterable[Any], w: Any = None) -> Statistics:
        """Return the accumulator of many observations, after validating all of them."""
        values = arrays.reals(xs, "a finite number > 0")
        total = self.statistics()
        _add_values(total, values, arrays.weights(w, len(values)), logarithm=True)
        return total

    def sql_form(self) -> SqlForm:
        """Return SQL for the moments of the logarithms."""
        return SqlForm(f"{between(X, 0.0)} AND {X} > 0", (f"-LN({X})",), centred=f"LN({X})")

    def predictive(self, posterior: Any) -> Distribution:
        """Return the log-normal or log-t distribution of the next observation."""
        base = Normal().predictive(posterior)
        return predictive.Transformed(base, predictive.ExponentialTransform(1.0))

    def quantile_interval(self, posterior: Any, p: float, level: float) -> Any:
        """Return a credible interval of the p-quantile of observations."""
        with np.errstate(over="ignore"):
            return tuple(np.exp(Normal().quantile_interval(posterior, p, level)).tolist())

    def expectation(self, posterior: Any) -> Distribution:
        """Return the distribution of exp(mean + variance / 2)."""
        base = posterior.combination(variances=0.5)
        return predictive.Transformed(base, predictive.ExponentialTransform(1.0))

    def quantile(self, posterior: Any, p: float) -> Distribution:
        """Return the distribution of the p-quantile of observations."""
        base = Normal().quantile(posterior, p)
        return predictive.Transformed(base, predictive.ExponentialTransform(1.0))

    def quantile_at(self, posterior: Any, level: RandomLevel) -> Distribution:
        """Return the distribution of the quantile of observations at a random level."""
        found: Distribution = posterior.log_normal_quantile(level)
        return found

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw observations; `theta` is (mean, variance) of the logarithm."""
        return np.exp(Normal().sample(theta, rng, size))


def _add_values(
    total: Moments, values: arrays.Array, w: arrays.Array | None, *, logarithm: bool
) -> None:
    """Add values to the statistics in blocks; errors give the position in the whole array."""
    try:
        for block, weights in arrays.blocks(values, w):
            _add_block(total, block, weights, logarithm=logarithm)
    except ObservationError:
        _add_block(Moments(), values, w, logarithm=logarithm)
        raise


def _add_block(
    total: Moments, values: arrays.Array, w: arrays.Array | None, *, logarithm: bool
) -> None:
    if len(values) == 0:
        return
    values = values.astype(float, copy=False)
    if logarithm:
        arrays.check(values, (values > 0.0) & (values < np.inf), "a finite number > 0")
    if not (len(values) > arrays.SMALL_SIZE and _add_values_fast(total, values, w, logarithm)):
        arrays.check(values, np.isfinite(values), "a finite number")
        weights = None if w is None else arrays.contiguous(w)
        total.observe_array(arrays.contiguous(values), weights)


def _add_values_fast(
    total: Moments, values: arrays.Array, w: arrays.Array | None, logarithm: bool
) -> bool:
    """Use a faster method if rounding errors are small relative to every value.

    Return whether the values were added.
    """
    if w is not None and w.max() * len(w) > 1e3 * w.sum():
        return False
    n = arrays.rounded_total(1.0, w, len(values))
    log_base = 0.0
    if logarithm:
        values = np.log(values)
        log_base = -arrays.rounded_total(values, w, len(values))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = arrays.rounded_total(values, w, len(values)) / n
        deviations = values - mean
        shift = arrays.rounded_total(deviations, w, len(values)) / n
        np.square(deviations, out=deviations)
        squares = arrays.rounded_total(deviations, w, len(values))
    similar = bool(deviations.max() * n < 1e3 * squares < math.inf)
    if similar:
        total.add_sums(n, mean, shift, max(squares - n * shift * shift, 0.0), log_base)
    return similar
