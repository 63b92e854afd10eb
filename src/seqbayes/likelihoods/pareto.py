"""Data with a power-law tail above a known minimum."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Distribution
from seqbayes.distributions import InverseGamma as InverseGammaDistribution
from seqbayes.distributions.levels import RandomLevel
from seqbayes.likelihoods.base import PairLikelihood, check_parameter
from seqbayes.likelihoods.sql import SqlForm, X, between, log1p, number
from seqbayes.numerics import sc
from seqbayes.statistics import PairSums, ParetoSums, arrays


@dataclass(frozen=True, slots=True)
class Pareto(PairLikelihood):
    """Pareto observations with known scale (the minimum) and shape theta.

    Parameters
    ----------
    scale
        The known minimum, > 0.
    """

    scale: float = 1.0

    two_sample = "scale"

    continuous = True

    def __post_init__(self) -> None:
        self._set("scale", check_parameter("scale", self.scale))

    def direction(self, p: float | None) -> int:
        """Return -1 for a quantile: it decreases as the shape increases."""
        return PairLikelihood.direction(self, p) if p is None else -1

    def statistics(self) -> ParetoSums:
        """Return a new, empty accumulator."""
        return ParetoSums(self.scale)

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return them as floats."""
        expected = f"a finite number >= {self.scale:g}"
        values = arrays.reals(xs, expected).astype(float, copy=False)
        arrays.check(values, (values >= self.scale) & (values < np.inf), expected)
        return arrays.single(values)

    def _add_many(self, total: PairSums, xs: Iterable[Any], w: Any) -> None:
        values = arrays.reals(xs, f"a finite number >= {self.scale:g}")
        weights = arrays.weights(w, len(values))
        sums = arrays.blockwise(self._block_sums, values, weights)
        if sums is None:
            total.observe_arrays(*arrays.floats(len(values), values, 0.0, weights))
        else:
            total.add_sums(*sums)

    def _block_sums(
        self, values: arrays.Array, weights: arrays.Array | None
    ) -> tuple[Any, Any, Any, Any]:
        scale = self.scale
        values = values.astype(float, copy=False)
        arrays.check(values, values >= scale, f"a finite number >= {scale:g}")
        n = arrays.total(1.0, weights, len(values))
        with np.errstate(over="ignore", invalid="ignore"):
            # log1p, computed from the faster log and the rounding error of its argument
            excess = (values - scale) / scale
            ratio = 1.0 + excess
            logs = np.log(ratio) - ((ratio - 1.0) - excess) / ratio
            b = arrays.total(logs, weights, len(values))
        arrays.check_finite(values, b)
        return n, n, b, -(b + n * math.log(scale))

    def sql_form(self) -> SqlForm:
        """Return SQL for the number of observations and the logs of their ratios to the scale."""
        scale = number(self.scale)
        ratio = log1p(f"({X} - {scale}) / {scale}")
        return SqlForm(between(X, self.scale), (f"-LN({X})", 1.0, ratio))

    def predictive(self, posterior: Any) -> Distribution:
        """Return the distribution of the next observation: log(x / scale) is Lomax."""
        base = predictive.CompoundGamma(1.0, *posterior)
        return predictive.Transformed(base, predictive.ExponentialTransform(self.scale))

    def quantile(self, posterior: Any, p: float) -> Distribution:
        """Return the distribution of ``scale * (1 - p)**(-1 / theta)``."""
        shape, rate = posterior
        return predictive.Transformed(
            InverseGammaDistribution(shape, -math.log1p(-p) * rate),
            predictive.ExponentialTransform(self.scale),
        )

    def quantile_at(self, posterior: Any, level: RandomLevel) -> Distribution:
        """Return the distribution of the quantile at a random level."""
        shape, rate = posterior
        logarithm = level.times(
            lambda below, above: np.log(np.where(below < 0.5, -np.log1p(-below), -np.log(above))),
            InverseGammaDistribution(shape, rate),
        )
        return predictive.Transformed(logarithm, predictive.ExponentialTransform(self.scale))

    def quantile_interval(self, posterior: Any, p: float, level: float) -> Any:
        """Return a credible interval of the p-quantile of observations."""
        return self.quantile(posterior, p).interval(level)

    def reason_against(self, posterior: Any, p: float | None) -> str:
        """Return why the mean is not available: it is infinite for shapes up to 1."""
        shape, rate = posterior
        infinite = float(sc.gammainc(shape, rate))
        return f"is infinite with probability {infinite:.2g}: compare a quantile"

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw observations given the shape `theta`."""
        return self.scale * np.exp(rng.exponential(1.0, size) / theta)
