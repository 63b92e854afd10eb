"""Likelihoods of failures before successes, for a Beta prior."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Beta, Distribution
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.likelihoods.base import PairLikelihood, check_parameter
from seqbayes.likelihoods.sql import LARGE_COUNT, SqlForm, X, number, whole
from seqbayes.likelihoods.sql import log_choose as sql_log_choose
from seqbayes.numerics import sc
from seqbayes.numerics.combinatorics import log_choose
from seqbayes.numerics.special import normal_quantile
from seqbayes.statistics import NegativeBinomialSums, PairSums, arrays

_SMALLEST_SHARE = 1e-290


@dataclass(frozen=True, slots=True)
class NegativeBinomial(PairLikelihood):
    """Failures before a fixed number of successes.

    Parameters
    ----------
    successes
        The number of successes at which counting stops, > 0; may be fractional.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Beta(2, 3, likelihood=NegativeBinomial(successes=3))
    >>> belief.learn_one(4)
    >>> belief.posterior
    BetaHyperparameters(alpha=5.0, beta=7.0)
    """

    successes: float = 1.0

    two_sample = "failures"

    mean_direction = -1

    def __post_init__(self) -> None:
        self._set("successes", check_parameter("successes", self.successes))

    def statistics(self) -> NegativeBinomialSums:
        """Return a new, empty accumulator."""
        return NegativeBinomialSums(self.successes)

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return them as floats."""
        return arrays.single(arrays.whole(xs, "a whole number >= 0"))

    def _add_many(self, total: PairSums, xs: Iterable[Any], w: Any) -> None:
        values = arrays.reals(xs, "a whole number >= 0")
        weights = arrays.weights(w, len(values))
        r = self.successes
        if arrays.has_large(values):
            arrays.counted(values, None, None, "a whole number >= 0")
            total.observe_arrays(*arrays.floats(len(values), values, values, weights))
            return
        b, log_base = arrays.counted(
            values, weights, lambda k: log_choose(k + r - 1.0, k), "a whole number >= 0"
        )
        n = arrays.total(1.0, weights, len(values))
        total.add_sums(n, n * r, b, log_base)

    def sql_form(self) -> SqlForm:
        """Return SQL for successes, failures and the log of the binomial coefficients.

        Raises
        ------
        UnsupportedError
            If the number of successes is not whole.
        """
        r = self.successes
        if r != math.floor(r):
            raise UnsupportedError(
                f"NegativeBinomial observations with {r:g} successes have no aggregates in SQL:"
                " these need a whole number of successes"
            )
        # C(x + r - 1, x) = C(x + r, x) r / (x + r)
        share = f"LN({number(r)} / ({X} + {number(r)}))"
        log_base: str | float = f"({sql_log_choose(X, number(r))} + {share})"
        return SqlForm(whole(X, 0.0, LARGE_COUNT), (0.0 if r == 1.0 else log_base, r, X))

    def predictive(self, posterior: Any) -> Distribution:
        """Return the beta negative binomial distribution."""
        return predictive.BetaNegativeBinomial(self.successes, *posterior)

    def expectation(self, posterior: Any) -> Distribution:
        """Return the distribution of the expected number of failures."""
        alpha, beta = posterior
        return predictive.CompoundGamma(beta, alpha, self.successes)

    def quantile(self, posterior: Any, p: float) -> Distribution:
        """Return the distribution of the p-quantile of the number of failures."""
        r = self.successes
        return predictive.CountQuantile(
            Beta(*posterior),
            partial(_limit, r=r, p=p),
            partial(_typical, r=r, p=p),
            increases=False,
            moments=posterior[0],
        )

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw numbers of failures."""
        return rng.negative_binomial(self.successes, theta, size)


@dataclass(frozen=True, slots=True)
class Geometric(PairLikelihood):
    """Trials up to the first success (from 1), or failures before it (from 0).

    Parameters
    ----------
    start
        The smallest observation, 1 or 0.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Beta(2, 3, likelihood=Geometric())
    >>> [round(belief.predictive.p(x), 6) for x in (1, 2, 3)]
    [0.4, 0.2, 0.114286]
    """

    start: int = 1

    two_sample = "failures"

    mean_direction = -1

    def __post_init__(self) -> None:
        start = check_parameter("start", self.start, open_low=False)
        if start not in (0.0, 1.0):
            raise PriorError(f"expected start 0 or 1, got {self.start!r}")
        self._set("start", int(start))

    def statistics(self) -> NegativeBinomialSums:
        """Return a new, empty accumulator."""
        return NegativeBinomialSums(1.0, self.start)

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return numbers of failures."""
        expected = f"a whole number >= {self.start}"
        return arrays.single(arrays.whole(xs, expected, float(self.start)) - self.start)

    def _add_many(self, total: PairSums, xs: Iterable[Any], w: Any) -> None:
        expected = f"a whole number >= {self.start}"
        values = arrays.reals(xs, expected)
        weights = arrays.weights(w, len(values))
        b, _ = arrays.counted(values, weights, None, expected, float(self.start))
        if arrays.has_large(values):  # the rounding errors of the log factorials matter
            failures = values.astype(float) - self.start
            total.observe_arrays(*arrays.floats(len(values), failures, 0.0, weights))
            return
        n = arrays.total(1.0, weights, len(values))
        total.add_sums(n, n, b - n * self.start, 0.0)

    def sql_form(self) -> SqlForm:
        """Return SQL for the numbers of successes and failures."""
        failures = f"({X} - {number(self.start)})" if self.start else X
        return SqlForm(whole(X, self.start, LARGE_COUNT), (0.0, 1.0, failures))

    def predictive(self, posterior: Any) -> Distribution:
        """Return the beta-geometric distribution."""
        alpha, beta = posterior
        return predictive.BetaNegativeBinomial(1.0, alpha, beta, self.start)

    def expectation(self, posterior: Any) -> Distribution:
        """Return the distribution of the expected number of trials, or of failures."""
        alpha, beta = posterior
        failures = predictive.CompoundGamma(beta, alpha, 1.0)
        return predictive.Affine(failures, offset=1.0) if self.start else failures

    def quantile(self, posterior: Any, p: float) -> Distribution:
        """Return the distribution of the p-quantile of the number of trials, or of failures."""
        return predictive.CountQuantile(
            Beta(*posterior),
            partial(_limit_of_first, p=p),
            partial(_typical, r=1.0, p=p),
            increases=False,
            start=self.start,
            moments=posterior[0],
        )

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw numbers of trials, or of failures."""
        return rng.geometric(theta, size) - 1 + self.start


def _limit(k: Any, r: float, p: float) -> Any:
    """Return the success probability at which P(failures before the r-th success <= k) = p."""
    return sc.betaincinv(r, np.add(k, 1.0), p)


def _limit_of_first(k: Any, p: float) -> Any:
    """Return the result of `_limit` for the first success, in closed form."""
    return -np.expm1(math.log1p(-p) / np.add(k, 1.0))


def _typical(share: float, r: float, p: float) -> float:
    mean = r * (1.0 - share) / max(share, _SMALLEST_SHARE)
    return float(mean + normal_quantile(p) * math.sqrt(mean + mean * mean / r))
