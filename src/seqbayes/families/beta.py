"""The Beta prior on a probability, for Bernoulli, binomial, geometric or negative binomial data."""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Self

from seqbayes import distributions, likelihoods
from seqbayes.checks import all_positive
from seqbayes.elicit import between, match_beta
from seqbayes.formulas import has_large_base
from seqbayes.likelihoods import Likelihood, check_parameter
from seqbayes.numerics import log_terms, sc, special
from seqbayes.registry import register
from seqbayes.state import State
from seqbayes.statistics import PairStatistic


class BetaHyperparameters(NamedTuple):
    """Hyperparameters of a Beta distribution, numbers or arrays."""

    alpha: float
    beta: float


@register
class Beta(State[BetaHyperparameters, float, tuple[float, float], float]):
    """Belief about a probability.

    Parameters
    ----------
    alpha, beta
        Prior hyperparameters, >= 0: a prior equivalent to ``alpha`` successes and ``beta``
        failures. Zero makes the prior improper.
    likelihood
        `Bernoulli` (the default), `Binomial`, `Geometric` or `NegativeBinomial`.
    seed
        Seed for `sample`.

    Raises
    ------
    PriorError
        If a hyperparameter is negative or not finite, or the likelihood does not belong to this
        family.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., chapter 2.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Beta()
    >>> for converted in (True, False, True, True):
    ...     belief.learn_one(converted)
    >>> belief.posterior
    BetaHyperparameters(alpha=4.0, beta=2.0)
    >>> belief.mle, belief.map, round(belief.mean, 4)
    (0.75, 0.75, 0.6667)
    >>> low, high = belief.interval()
    >>> print(f"{low:.3f} to {high:.3f}")
    0.284 to 0.947
    """

    likelihoods = (
        likelihoods.Bernoulli,
        likelihoods.Binomial,
        likelihoods.Geometric,
        likelihoods.NegativeBinomial,
    )
    parameters = ("alpha", "beta")
    unit = "share"
    component_adapter = "seqbayes.mixture.components.state_adapters:BETA"
    population = "seqbayes.table.pooling.populations:BETA"

    def __init__(
        self,
        alpha: float = 1.0,
        beta: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> None:
        self.alpha = check_parameter("alpha", alpha, open_low=False)
        self.beta = check_parameter("beta", beta, open_low=False)
        super().__init__(likelihood=likelihood, seed=seed)

    @classmethod
    def flat(cls, likelihood: Likelihood | None = None, seed: int | None = None) -> Self:
        """Return the uniform prior, under which the MAP is the MLE."""
        return cls(1.0, 1.0, likelihood, seed)

    @classmethod
    def jeffreys(cls, likelihood: Likelihood | None = None, seed: int | None = None) -> Self:
        """Return Jeffreys' prior: Beta(1/2, 1/2); Beta(0, 1/2) for waiting times."""
        waiting = isinstance(likelihood, (likelihoods.Geometric, likelihoods.NegativeBinomial))
        return cls(0.0 if waiting else 0.5, 0.5, likelihood, seed)

    @classmethod
    def haldane(cls, likelihood: Likelihood | None = None, seed: int | None = None) -> Self:
        """Return Haldane's improper prior Beta(0, 0): the posterior mean is the MLE."""
        return cls(0.0, 0.0, likelihood, seed)

    @classmethod
    def from_mean(
        cls,
        mean: float,
        strength: float = 2.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior with this mean, equivalent to `strength` observations.

        Examples
        --------
        >>> Beta.from_mean(0.2, strength=10).prior
        BetaHyperparameters(alpha=2.0, beta=8.0)
        """
        mean = between("mean", mean, 0.0, 1.0)
        strength = check_parameter("strength", strength)
        return cls(mean * strength, (1.0 - mean) * strength, likelihood, seed)

    @classmethod
    def from_interval(
        cls,
        low: float,
        high: float,
        level: float = 0.95,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior whose equal-tailed interval is (low, high).

        Examples
        --------
        >>> prior = Beta.from_interval(0.1, 0.3)
        >>> print("{:.3f} {:.3f}".format(*prior.interval()))
        0.100 0.300
        """
        low, high = between("low", low, 0.0, 1.0), between("high", high, low, 1.0)
        return cls(*match_beta(low, high, level), likelihood, seed)

    @property
    def prior(self) -> BetaHyperparameters:
        """The prior's hyperparameters."""
        return BetaHyperparameters(self.alpha, self.beta)

    @staticmethod
    def combine(prior: BetaHyperparameters, statistic: PairStatistic) -> BetaHyperparameters:
        """Return the hyperparameters after learning these successes and failures."""
        return BetaHyperparameters(prior[0] + statistic[0], prior[1] + statistic[1])

    @property
    def prior_share(self) -> float:
        """Weight of the prior mean in the posterior mean."""
        whole = sum(self.posterior)
        return (self.alpha + self.beta) / whole if whole > 0.0 else 0.0

    @staticmethod
    def is_proper(hyperparameters: BetaHyperparameters) -> bool:
        """Whether the density integrates to one."""
        return all_positive(*hyperparameters)

    @staticmethod
    def log_z(hyperparameters: BetaHyperparameters) -> Any:
        """Return the log Beta function."""
        return special.log_beta(*hyperparameters)

    @staticmethod
    def log_marginal(hyperparameters: BetaHyperparameters, statistic: PairStatistic) -> Any:
        """Return the log of the ratio of the posterior's Beta function to the prior's."""
        alpha, beta = hyperparameters
        successes, failures = statistic
        plain = type(alpha) is type(beta) is type(successes) is float
        if plain and successes + failures == 1.0 and successes in (0.0, 1.0):
            mine, other = (alpha, beta) if successes else (beta, alpha)
            odds = other / mine
            return -math.log1p(odds) if odds < math.inf else math.log(mine) - math.log(other)
        trials = successes + failures
        if plain and trials + alpha + beta < special.DIRECT:
            return (
                special.log_rising(alpha, successes)
                + special.log_rising(beta, failures)
                - special.log_rising(alpha + beta, trials)
            )
        return log_terms.log_beta_binomial(
            successes, failures, alpha, beta
        ) - log_terms.log_binomial(successes, failures)

    @classmethod
    def log_probability(cls, hyperparameters: BetaHyperparameters, statistics: Any) -> float:
        """Return the log marginal likelihood without subtracting large logarithms."""
        if not has_large_base(statistics):
            return super().log_probability(hyperparameters, statistics)
        (a, b), (alpha, beta) = statistics.value, hyperparameters
        log_ratio = log_terms.log_beta_binomial(a, b, alpha, beta)
        return float(log_ratio + statistics.log_base_beyond_binomial)

    @staticmethod
    def log_likelihood(theta: Any, statistic: PairStatistic) -> Any:
        """Return ``successes log(theta) + failures log(1 - theta)``."""
        return sc.xlogy(statistic[0], theta) + sc.xlog1py(statistic[1], -theta)

    @staticmethod
    def estimate(statistic: PairStatistic) -> float | None:
        """Return the share of successes."""
        successes, failures = statistic
        trials = successes + failures
        return successes / trials if trials > 0.0 else None

    @staticmethod
    def belief(hyperparameters: BetaHyperparameters) -> distributions.Beta:
        """Return the Beta distribution."""
        return distributions.Beta(*hyperparameters)
