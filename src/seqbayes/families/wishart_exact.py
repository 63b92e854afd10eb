"""Normal-inverse-Wishart formulas in decimal arithmetic, used if a scale is nearly singular."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import numpy as np

from seqbayes.numerics import decimals, special
from seqbayes.statistics import ScatterStatistic

MAX_DIMENSION = 100
"""Largest dimension of matrices for which decimal arithmetic is fast enough."""


def log_rising(df: Any, n: Any, d: int) -> Any:
    """Return the log ratio of the multivariate gamma function at (df + n) / 2 to that at df / 2."""
    if np.ndim(n) == 0 and n == 1.0:  # all factors but two cancel
        return special.log_rising((df - d + 1.0) / 2.0, d / 2.0)
    halves = (np.asarray(df)[..., None] - np.arange(d)) / 2.0
    counts = np.asarray(n)[..., None] / 2.0
    return np.sum(special.log_rising(*np.broadcast_arrays(halves, counts)), axis=-1)


class Exact(NamedTuple):
    """Exact hyperparameters; the scale is given by its lower triangle."""

    mean: list[Decimal]
    kappa: Decimal
    df: float
    scale: decimals.Lower
    digits: int = decimals.USUAL_DIGITS

    @classmethod
    def read(cls, hyperparameters: Any) -> Exact:
        """Return the exact values of floats."""
        mean, kappa, df, scale = hyperparameters
        numbers = map(Decimal, np.asarray(mean, float).tolist())
        return cls(list(numbers), Decimal(float(kappa)), float(df), decimals.lower(scale))

    def combine(self, statistic: ScatterStatistic) -> Exact:
        """Return the hyperparameters after learning data with these moments."""
        digits = self._digits_with(statistic)
        with localcontext(decimals.context(digits)):
            n, mean, squares = statistic.exact()
            gap = [v - m for v, m in zip(mean, self.mean, strict=True)]
            share = n / (self.kappa + n)
            weight = self.kappa * share
            scale = [
                [v + s + weight * gap[i] * g for v, s, g in zip(*rows, gap, strict=False)]
                for i, rows in enumerate(zip(self.scale, squares, strict=True))
            ]
            moved = [m + g * share for m, g in zip(self.mean, gap, strict=True)]
        return Exact(moved, self.kappa + n, self.df + float(n), scale, digits)

    def _digits_with(self, statistic: ScatterStatistic) -> int:
        """Return the number of digits for arithmetic that involves data with these moments."""
        gaps = (float(v) - float(m) for v, m in zip(statistic.mean, self.mean, strict=True))
        numbers = [
            *(row[i] for i, row in enumerate(self.scale)),
            *np.diagonal(statistic.squares).tolist(),
            *(self.kappa * Decimal(gap) ** 2 for gap in gaps),
        ]
        return max(self.digits, decimals.digits_for(numbers))

    def mean_error(self, statistic: ScatterStatistic, rounded: Any) -> Any:
        """Return the mean after learning data with these moments, minus its rounded value."""
        with localcontext(decimals.context(self.digits)):
            n, mean = statistic.exact_mean()
            share = n / (self.kappa + n)
            each = zip(self.mean, mean, rounded.tolist(), strict=True)
            return np.array([float(m + (v - m) * share - Decimal(r)) for m, v, r in each])

    @property
    def factor(self) -> Any:
        """The lower triangular factor of the scale, as floats; None if not positive definite."""
        with localcontext(decimals.context(self.digits)):
            found = decimals.factorise(self.scale)
            return None if found is None else decimals.triangular(*found)

    def log_marginal(self, statistic: ScatterStatistic) -> float:
        """Return the log marginal density of data with these moments."""
        with localcontext(decimals.context(self._digits_with(statistic))):
            n, mean, squares = statistic.exact()
            whole = [
                [v + s for v, s in zip(*rows, strict=True)]
                for rows in zip(self.scale, squares, strict=True)
            ]
            before, after = decimals.factorise(self.scale), decimals.factorise(whole)
            if before is None or after is None:
                return math.nan
            gap = [v - m for v, m in zip(mean, self.mean, strict=True)]
            apart = 1 + self.kappa * n / (self.kappa + n) * decimals.distance(*after, gap)
            log_whole = decimals.log_product([*after[1], apart])
            grown = decimals.log_product([apart, *map(Decimal.__truediv__, after[1], before[1])])
            heavier = math.log1p(float(n / self.kappa))
        d, weight = len(mean), float(n)
        return float(
            log_rising(self.df, weight, d)
            - 0.5 * d * heavier
            - 0.5 * self.df * grown
            - 0.5 * weight * (log_whole + d * math.log(math.pi))
        )
