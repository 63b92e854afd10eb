"""The normal prior on the mean of data with a known variance."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

import numpy as np

from seqbayes import distributions, likelihoods, predictive
from seqbayes.distributions.levels import RandomLevel, normal_score
from seqbayes.elicit import between
from seqbayes.families.location import FAR, Located, low_of, move, rounded_off, some
from seqbayes.likelihoods import Likelihood, check_parameter
from seqbayes.numerics import sc
from seqbayes.numerics.special import normal_quantile
from seqbayes.registry import register
from seqbayes.state import State
from seqbayes.statistics import MomentStatistic

LOG_TAU = math.log(math.tau)

MIN_VARIANCE = 1e-300
"""Smallest prior and known variance."""


class _NormalFields(NamedTuple):
    mean: float
    variance: float
    known_variance: float


class NormalHyperparameters(_NormalFields, Located):
    """Mean and variance of a normal belief about a mean, and the known variance of the data."""

    def observation(self) -> distributions.Normal:
        """Return the distribution of the next observation (of its logarithm, for LogNormal)."""
        return distributions.Normal(self.mean, self.variance + self.known_variance, self.mean_low)

    def quantile_interval(self, z: float, tail: float) -> tuple[float, float]:
        """Return a credible interval of the mean plus `z` standard deviations of the data."""
        middle = self.mean_low + z * math.sqrt(self.known_variance)
        reach = -float(sc.ndtri(tail)) * math.sqrt(self.variance)
        return self.mean + (middle - reach), self.mean + (middle + reach)

    def combination(self, deviations: float = 0.0, variances: float = 0.0) -> distributions.Normal:
        """Return the distribution of mean + `deviations` * sd + `variances` * sd**2 of the data."""
        known = self.known_variance
        shift = deviations * math.sqrt(known) + variances * known
        return distributions.Normal(self.mean, self.variance, self.mean_low).shift(shift)

    def log_normal_quantile(self, level: RandomLevel) -> distributions.Distribution:
        """Return the distribution of the quantile of log-normal data at a random level."""
        deviation = math.sqrt(self.known_variance)
        typical = predictive.Transformed(self.combination(), predictive.ExponentialTransform(1.0))
        return level.times(lambda *tails: deviation * normal_score(*tails), typical)


@register
class Normal(State[NormalHyperparameters, float, tuple[float, float], float]):
    """Belief about the mean of data with a known variance.

    Parameters
    ----------
    prior_mean
        Prior mean of the mean.
    prior_variance
        Prior variance of the mean, at least 1e-300; infinity makes the prior flat.
    known_variance
        Variance of one observation, at least 1e-300.
    likelihood
        `likelihoods.Normal` (the default), or `LogNormal`, for which mean and variance are those of
        the logarithm.
    seed
        Seed for `sample`.

    Raises
    ------
    PriorError
        If a parameter is out of range, or the likelihood does not belong to this family.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., section 2.5.

    Examples
    --------
    An apple that is expected to weigh 85 ± 40 g, weighed on a scale with an error of 10 g:

    >>> from seqbayes import Normal
    >>> belief = Normal(85, 40**2, known_variance=10**2)
    >>> belief.learn_many([69.6, 74.1, 65.2])
    >>> print(f"{belief.mean:.2f} ± {belief.var ** 0.5:.2f}")
    69.95 ± 5.71
    """

    likelihoods = (likelihoods.Normal, likelihoods.LogNormal)
    parameters = ("prior_mean", "prior_variance", "known_variance")
    component_adapter = "seqbayes.mixture.components.state_adapters:NORMAL_KNOWN_VARIANCE"
    population = "seqbayes.table.pooling.populations:NORMAL"

    def __init__(
        self,
        prior_mean: float = 0.0,
        prior_variance: float = 1.0,
        known_variance: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> None:
        self.prior_mean = check_parameter("prior_mean", prior_mean, -math.inf)
        unbounded: Any = prior_variance
        if isinstance(unbounded, float) and unbounded == math.inf:
            self.prior_variance = math.inf
        else:
            self.prior_variance = _check_variance("prior_variance", prior_variance)
        self.known_variance = _check_variance("known_variance", known_variance)
        super().__init__(likelihood=likelihood, seed=seed)

    @classmethod
    def flat(
        cls,
        known_variance: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the improper uniform prior, under which the MAP is the MLE."""
        return cls(0.0, math.inf, known_variance, likelihood, seed)

    @classmethod
    def jeffreys(
        cls,
        known_variance: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return Jeffreys' prior, which is the flat prior."""
        return cls.flat(known_variance, likelihood, seed)

    @classmethod
    def from_mean(
        cls,
        mean: float,
        strength: float = 1.0,
        known_variance: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior with this mean, equivalent to `strength` observations.

        Examples
        --------
        >>> Normal.from_mean(5, strength=4, known_variance=2).prior
        NormalHyperparameters(mean=5.0, variance=0.5, known_variance=2.0)
        """
        strength = check_parameter("strength", strength)
        variance = check_parameter("known_variance", known_variance) / strength
        return cls(mean, variance, known_variance, likelihood, seed)

    @classmethod
    def from_interval(
        cls,
        low: float,
        high: float,
        level: float = 0.95,
        known_variance: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior whose interval is (low, high).

        Examples
        --------
        >>> prior = Normal.from_interval(-1, 3)
        >>> print("{:.3f} {:.3f}".format(*prior.interval()))
        -1.000 3.000
        """
        low = check_parameter("low", low, -math.inf)
        high = between("high", high, low, math.inf)
        level = between("level", level, 0.0, 1.0)
        deviation = (high - low) / 2.0 / normal_quantile((1.0 + level) / 2.0)
        return cls(low + (high - low) / 2.0, deviation**2, known_variance, likelihood, seed)

    @property
    def two_sample(self) -> str:
        """The method of the sequential test, which compares means with known variance."""
        return "normal"

    def direction(self, p: float | None) -> int:
        """Return 1: the mean (None) and the p-quantile increase with the tested mean."""
        return 1

    @property
    def prior(self) -> NormalHyperparameters:
        """The prior's hyperparameters."""
        return NormalHyperparameters(self.prior_mean, self.prior_variance, self.known_variance)

    @staticmethod
    def combine(prior: NormalHyperparameters, statistic: MomentStatistic) -> NormalHyperparameters:
        """Return the hyperparameters after learning data with this weight and mean."""
        mean, variance, known = prior
        n, origin, shift, _ = statistic
        # the weight of the prior as a number of observations; 0 if it is flat
        worth = known / variance
        total = worth + n
        if isinstance(total, float) and n == 0.0:
            return NormalHyperparameters(mean, variance, known)
        gap = (origin - mean) + shift
        share, rest = n / total, worth / total
        moved = move(mean, origin + shift, gap, share, rest)
        spread: Any
        if isinstance(total, np.ndarray):
            spread = np.where((n == 0.0) | np.isinf(total), variance, known / total)
        else:  # the weight of the prior may exceed the largest float
            spread = known / total if total < math.inf else variance
        posterior = NormalHyperparameters(moved, spread, known)
        if some(moved * moved > FAR * spread):
            before = mean, (known, variance)
            posterior.mean_low = rounded_off(before, statistic, moved, (share, rest), (spread, 1.0))
        return posterior

    @property
    def prior_share(self) -> float:
        """Weight of the prior mean in the posterior mean."""
        worth = self.known_variance / self.prior_variance
        if worth == math.inf:
            return 1.0
        whole = worth + self.n_samples
        return worth / whole if whole > 0.0 else 0.0

    @staticmethod
    def is_proper(hyperparameters: NormalHyperparameters) -> bool:
        """Whether the density integrates to one."""
        variance = hyperparameters[1]
        return variance < math.inf if type(variance) is float else bool(np.all(variance < np.inf))

    @staticmethod
    def log_z(hyperparameters: NormalHyperparameters) -> Any:
        """Return the log normaliser ``log sqrt(2 pi variance)``."""
        return 0.5 * (LOG_TAU + np.log(hyperparameters[1]))

    @staticmethod
    def log_marginal(hyperparameters: NormalHyperparameters, statistic: MomentStatistic) -> Any:
        """Return the log marginal density of data with these moments."""
        mean, variance, known = hyperparameters
        n, origin, shift, squares = statistic
        gap = ((origin - mean) + shift) - low_of(hyperparameters)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            weight = n * np.divide(variance, known)
            growth = np.log1p(weight)
            if np.any(~np.isfinite(weight) & np.isfinite(variance)):
                large = np.log(n) + np.log(variance) - np.log(known)
                growth = np.where(np.isfinite(weight), growth, np.where(n > 0.0, large, 0.0))
        return -0.5 * (
            n * (LOG_TAU + np.log(known))
            + growth
            + squares / known
            + n * gap * gap / (known + n * variance)
        )

    @staticmethod
    def log_likelihood(theta: Any, statistic: MomentStatistic) -> Any:
        """Return the log density of data with these moments (see `observation_parameter`)."""
        mean, known = theta
        n, origin, shift, squares = statistic
        gap = (origin - mean) + shift
        return -0.5 * (n * (LOG_TAU + np.log(known)) + (squares + n * gap * gap) / known)

    def observation_parameter(self, theta: Any) -> tuple[Any, float]:
        """Return the (mean, variance) of the data for a value of the parameter."""
        return theta, self.known_variance

    @staticmethod
    def estimate(statistic: MomentStatistic) -> float | None:
        """Return the mean of the data."""
        return statistic.mean if statistic.n > 0.0 else None

    # The mode and the mean are hyperparameters, so no distribution is created.

    @property
    def map(self) -> float | None:
        """The posterior mode; None while the posterior is improper."""
        return self.mean

    @property
    def mean(self) -> float | None:
        """The posterior mean; None while the posterior is improper."""
        posterior = self.posterior
        return posterior[0] if self.is_proper(posterior) else None

    @staticmethod
    def belief(hyperparameters: NormalHyperparameters) -> distributions.Normal:
        """Return the normal distribution of the mean."""
        mean, variance, _ = hyperparameters
        return distributions.Normal(mean, variance, low_of(hyperparameters))


def _check_variance(name: str, value: Any) -> float:
    """Validate a variance, which must be large enough that many observations can decrease it."""
    return check_parameter(name, check_parameter(name, value), MIN_VARIANCE, open_low=False)
