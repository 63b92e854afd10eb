"""Beta, Gamma and Normal populations."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.families.beta import BetaHyperparameters
from seqbayes.families.gamma import GammaHyperparameters
from seqbayes.families.normal import NormalHyperparameters
from seqbayes.numerics import sc
from seqbayes.state import State
from seqbayes.table.pooling.groups import PairCounts, grouped
from seqbayes.table.pooling.population import Population
from seqbayes.table.pooling.terms import BetaTerms, GammaTerms, NormalTerms, Terms

Array = Any


class BetaPopulation(Population):
    """A Beta population, described by the log odds of its mean, and its strength to the power -1/2.

    The hyperprior is uniform in the mean and in the dispersion: it is proportional to
    ``(alpha + beta)**(-5/2)`` [1]_.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., section 5.3.
    """

    def groups(self, state: State, statistic: Any) -> PairCounts:
        """Return the distinct pairs of sums."""
        return _pairs_with_data(*statistic)

    def terms(self, state: State, groups: PairCounts) -> Terms:
        """Return the log marginal likelihood of these statistics."""
        return BetaTerms(groups)

    def hyperparameters(self, state: State, x: Any, u: Any) -> BetaHyperparameters:
        """Return the prior with a given location and log dispersion (numbers or arrays)."""
        strength = np.exp(-2.0 * u)
        return BetaHyperparameters(strength * sc.expit(x), strength * sc.expit(-x))

    def location(self, theta: Array) -> Array:
        """Return the log odds."""
        return sc.logit(theta)

    def parameter(self, x: Array) -> Array:
        """Return the share with these log odds."""
        return sc.expit(x)

    def log_slope(self, x: Array) -> Array:
        """Return the log of the derivative of the share with respect to its log odds."""
        return sc.log_expit(x) + sc.log_expit(-x)

    def log_hyperprior(self, x: Array) -> Array:
        """Return 0: the prior on the mean is uniform."""
        return self.log_slope(x)


class GammaPopulation(Population):
    """A Gamma population, described by its log mean, and its ratio of standard deviation to mean.

    The hyperprior is uniform in both.
    """

    def groups(self, state: State, statistic: Any) -> PairCounts:
        """Return the distinct pairs of sums."""
        return _pairs_with_data(*statistic)

    def terms(self, state: State, groups: PairCounts) -> Terms:
        """Return the log marginal likelihood of these statistics."""
        return GammaTerms(groups)

    def hyperparameters(self, state: State, x: Any, u: Any) -> GammaHyperparameters:
        """Return the prior with a given location and log dispersion (numbers or arrays)."""
        return GammaHyperparameters(np.exp(-2.0 * u), np.exp(-2.0 * u - x))

    def location(self, theta: Array) -> Array:
        """Return the logarithm."""
        return np.log(theta)

    def parameter(self, x: Array) -> Array:
        """Return the number with this logarithm."""
        return np.exp(x)

    def log_slope(self, x: Array) -> Array:
        """Return the log of the derivative of exp(x), which is `x`."""
        return x

    def log_hyperprior(self, x: Array) -> Array:
        """Return 0: the prior on the log mean is uniform."""
        return np.zeros_like(x)


class NormalPopulation(Population):
    """A Normal population, described by its mean and standard deviation.

    The hyperprior is uniform in both.
    """

    def groups(self, state: State, statistic: Any) -> PairCounts:
        """Return the distinct weights and means."""
        n, mean = statistic.n, statistic.mean
        known = n > 0.0
        return grouped(n[known], mean[known])

    def terms(self, state: State, groups: PairCounts) -> Terms:
        """Return the log marginal likelihood of these statistics."""
        _, _, known = state.prior
        return NormalTerms(groups, known)

    def hyperparameters(self, state: State, x: Any, u: Any) -> NormalHyperparameters:
        """Return the prior with a given location and log dispersion (numbers or arrays)."""
        _, _, known = state.prior
        return NormalHyperparameters(x, np.exp(2.0 * u), known)

    def location(self, theta: Array) -> Array:
        """Return the number itself."""
        return theta

    def parameter(self, x: Array) -> Array:
        """Return the number itself."""
        return x

    def log_slope(self, x: Array) -> Array:
        """Return zeros."""
        return np.zeros_like(x)

    def log_hyperprior(self, x: Array) -> Array:
        """Return 0: the prior on the mean is uniform."""
        return np.zeros_like(x)


def _pairs_with_data(a: Array, b: Array) -> PairCounts:
    known = (a > 0.0) | (b > 0.0)
    return grouped(a[known], b[known])


BETA = BetaPopulation()
GAMMA = GammaPopulation()
NORMAL = NormalPopulation()
