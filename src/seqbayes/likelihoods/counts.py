"""Counts with an unknown rate."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Distribution, Gamma
from seqbayes.likelihoods import sql
from seqbayes.likelihoods.base import PairLikelihood, check_parameter
from seqbayes.likelihoods.sql import LARGE_COUNT, SqlForm, X, Y, between, number, whole
from seqbayes.numerics import sc
from seqbayes.numerics.combinatorics import log_factorial
from seqbayes.numerics.special import normal_quantile
from seqbayes.statistics import PairSums, PoissonSums, arrays
from seqbayes.statistics.rates import EVENTS


@dataclass(frozen=True, slots=True)
class Poisson(PairLikelihood):
    """Number of events at rate theta per unit of exposure.

    Parameters
    ----------
    exposure
        The exposure of every observation, > 0. If it is None, each observation is a pair
        ``(count, exposure)``.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> belief = Gamma(1, 26, likelihood=Poisson())
    >>> belief.learn_many([25, 27, 26])
    >>> belief.posterior
    GammaHyperparameters(shape=79.0, rate=29.0)
    """

    exposure: float | None = 1.0

    varying = "exposure"
    two_sample = "events"

    mean_direction = 1
    parameter_meaning = "events per unit of exposure"
    reciprocal_meaning = "exposure per event"

    def __post_init__(self) -> None:
        if self.exposure is not None:
            self._set("exposure", check_parameter("exposure", self.exposure))

    def statistics(self) -> PoissonSums:
        """Return a new, empty accumulator."""
        return PoissonSums(self.exposure)

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return counts and exposures."""
        if self.exposure is None:
            counts, exposures = _pairs(xs)
            return arrays.whole(counts, EVENTS), exposures
        counts = arrays.whole(xs, EVENTS)
        return counts, np.broadcast_to(self.exposure, len(counts))

    def _add_many(self, total: PairSums, xs: Iterable[Any], w: Any) -> None:
        if self.exposure is None:
            exposures: Any
            counts, exposures = _pairs(xs)
        else:
            counts, exposures = arrays.reals(xs, "a whole number >= 0"), self.exposure
        weights = arrays.weights(w, len(counts))
        if arrays.has_large(counts):
            arrays.counted(counts, None, None, EVENTS)
            total.observe_arrays(*arrays.floats(len(counts), counts, exposures, weights))
            return
        a, log_factorials = arrays.counted(counts, weights, log_factorial, EVENTS)
        log_base = -log_factorials
        if self.exposure is None:
            log_base += arrays.total(counts * np.log(exposures), weights, len(counts))
        else:
            log_base += a * math.log(self.exposure)
        n = arrays.total(1.0, weights, len(counts))
        total.add_sums(n, a, arrays.total(exposures, weights, len(counts)), log_base)

    def sql_form(self) -> SqlForm:
        """Return SQL for the events, the exposure and the log base measure."""
        valid, log_base = whole(X, 0.0, LARGE_COUNT), f"-{sql.log_factorial(X)}"
        if self.exposure is None:
            valid += f" AND {between(Y, 0.0)} AND {Y} > 0"
            return SqlForm(valid, (f"({X} * LN({Y}) + {log_base})", X, Y))
        if self.exposure != 1.0:
            log_base = f"({X} * {number(math.log(self.exposure))} + {log_base})"
        return SqlForm(valid, (log_base, X, self.exposure))

    def predictive(self, posterior: Any) -> Distribution:
        """Return the negative binomial distribution (for unit exposure if exposures vary)."""
        shape, rate = posterior
        return predictive.NegativeBinomial(shape, rate, self.exposure or 1.0)

    def expectation(self, posterior: Any) -> Distribution:
        """Return the distribution of rate times exposure (for unit exposure if exposures vary)."""
        shape, rate = posterior
        return Gamma(shape, rate / (self.exposure or 1.0))

    def quantile(self, posterior: Any, p: float) -> Distribution:
        """Return the distribution of the p-quantile of counts (for unit exposure if it varies)."""
        return predictive.CountQuantile(
            self.expectation(posterior),
            partial(_limit, p=p),
            partial(_typical, p=p),
            increases=True,
        )

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw numbers of events (for unit exposure if exposures vary)."""
        drawn = rng.poisson(theta * (self.exposure or 1.0), size)
        if self.exposure is None:
            return (int(drawn), 1.0) if size is None else [(int(k), 1.0) for k in drawn]
        return drawn


def _limit(k: Any, p: float) -> Any:
    """Return the mean number of events at which P(events <= k) = p."""
    return sc.gammainccinv(np.add(k, 1.0), p)


def _typical(mean: float, p: float) -> float:
    return float(mean + normal_quantile(p) * math.sqrt(mean))


def _pairs(xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
    """Return counts, not yet checked, and valid exposures."""
    counts, exposures = arrays.pairs(xs, "a pair (count, exposure)")
    arrays.check(exposures, (exposures > 0) & (exposures < np.inf), "an exposure > 0")
    return counts, exposures
