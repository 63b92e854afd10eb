"""The Gamma prior on a rate, for counts, waiting times and other data with an unknown rate."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np

from seqbayes import distributions, likelihoods
from seqbayes.checks import all_positive
from seqbayes.elicit import between, match_gamma
from seqbayes.formulas import has_large_base
from seqbayes.likelihoods import Likelihood, check_parameter
from seqbayes.numerics import log_terms, sc, special
from seqbayes.registry import register
from seqbayes.state import State
from seqbayes.statistics import PairStatistic


class GammaHyperparameters(NamedTuple):
    """Hyperparameters of a Gamma distribution, numbers or arrays."""

    shape: float
    rate: float


@register
class Gamma(State[GammaHyperparameters, float, tuple[float, float], float]):
    """Belief about a rate.

    Parameters
    ----------
    shape, rate
        Prior hyperparameters, >= 0: for counts, a prior equivalent to ``shape`` events in ``rate``
        units of exposure. Zero makes the prior improper.
    likelihood
        `Poisson` (the default), `Exponential`, `GammaShape`, `Weibull`, `InverseGamma`, `Pareto`,
        `NormalPrecision`, `Laplace`, `Rayleigh` or `Maxwell`.
    seed
        Seed for `sample`.

    Raises
    ------
    PriorError
        If a hyperparameter is negative or not finite, or the likelihood does not belong to this
        family.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., section 2.6.
    .. [2] Fink, D. (1997). A compendium of conjugate priors.

    Examples
    --------
    An exponential prior on the mean number of red candies in a bag:

    >>> from seqbayes import Gamma
    >>> belief = Gamma(1, 26)
    >>> belief.learn_many([25, 27, 26])
    >>> belief.mle, round(belief.map, 4)
    (26.0, 2.6897)
    """

    likelihoods = (
        likelihoods.Poisson,
        likelihoods.Exponential,
        likelihoods.GammaShape,
        likelihoods.Weibull,
        likelihoods.InverseGamma,
        likelihoods.Pareto,
        likelihoods.NormalPrecision,
        likelihoods.Laplace,
        likelihoods.Rayleigh,
        likelihoods.Maxwell,
    )
    parameters = ("shape", "rate")
    component_adapter = "seqbayes.mixture.components.state_adapters:GAMMA"
    population = "seqbayes.table.pooling.populations:GAMMA"

    def __init__(
        self,
        shape: float = 1.0,
        rate: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> None:
        self.shape = check_parameter("shape", shape, open_low=False)
        self.rate = check_parameter("rate", rate, open_low=False)
        super().__init__(likelihood=likelihood, seed=seed)

    @classmethod
    def flat(cls, likelihood: Likelihood | None = None, seed: int | None = None) -> Self:
        """Return the improper uniform prior, under which the MAP is the MLE."""
        return cls(1.0, 0.0, likelihood, seed)

    @classmethod
    def jeffreys(cls, likelihood: Likelihood | None = None, seed: int | None = None) -> Self:
        """Return Jeffreys' improper prior: shape 1/2 for counts, 0 for all other data."""
        counts = likelihood is None or isinstance(likelihood, likelihoods.Poisson)
        return cls(0.5 if counts else 0.0, 0.0, likelihood, seed)

    @classmethod
    def from_mean(
        cls,
        mean: float,
        strength: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior on the rate with this mean; `strength` is its rate hyperparameter.

        For counts, `strength` is the exposure to which the prior is equivalent.

        Examples
        --------
        >>> Gamma.from_mean(4.0, strength=3).prior
        GammaHyperparameters(shape=12.0, rate=3.0)
        """
        mean, strength = check_parameter("mean", mean), check_parameter("strength", strength)
        return cls(mean * strength, strength, likelihood, seed)

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
        >>> prior = Gamma.from_interval(1, 3)
        >>> print("{:.3f} {:.3f}".format(*prior.interval()))
        1.000 3.000
        """
        low = check_parameter("low", low)
        high = between("high", high, low, np.inf)
        return cls(*match_gamma(low, high, level), likelihood, seed)

    @property
    def prior(self) -> GammaHyperparameters:
        """The prior's hyperparameters."""
        return GammaHyperparameters(self.shape, self.rate)

    @staticmethod
    def combine(prior: GammaHyperparameters, statistic: PairStatistic) -> GammaHyperparameters:
        """Return the hyperparameters after adding the statistic to shape and rate."""
        return GammaHyperparameters(prior[0] + statistic[0], prior[1] + statistic[1])

    @property
    def prior_share(self) -> float:
        """Weight of the prior mean in the posterior mean."""
        rate = self.posterior.rate
        return self.rate / rate if rate > 0.0 else 0.0

    @staticmethod
    def is_proper(hyperparameters: GammaHyperparameters) -> bool:
        """Whether the density integrates to one."""
        return all_positive(*hyperparameters)

    @staticmethod
    def log_z(hyperparameters: GammaHyperparameters) -> Any:
        """Return ``log Gamma(shape) - shape log(rate)``."""
        shape, rate = hyperparameters
        return sc.gammaln(shape) - sc.xlogy(shape, rate)

    @staticmethod
    def log_marginal(hyperparameters: GammaHyperparameters, statistic: PairStatistic) -> Any:
        """Return the log ratio of the normalising constant after the data to that before."""
        shape, rate = hyperparameters
        a, b = statistic
        return special.log_rising(shape, a) - sc.xlogy(a, rate + b) - shape * np.log1p(b / rate)

    @classmethod
    def log_probability(cls, hyperparameters: GammaHyperparameters, statistics: Any) -> float:
        """Return the log marginal likelihood without subtracting large logarithms."""
        (a, b), (shape, rate) = statistics.value, hyperparameters
        if not (has_large_base(statistics) or 1e4 * statistics.n < a < 1e100):
            return super().log_probability(hyperparameters, statistics)
        total = log_terms.log_gamma_poisson(a, b, shape, rate)
        return float(total + statistics.log_base_beyond_poisson)

    @staticmethod
    def log_likelihood(theta: Any, statistic: PairStatistic) -> Any:
        """Return ``a log(theta) - b theta``."""
        return sc.xlogy(statistic[0], theta) - statistic[1] * theta

    @staticmethod
    def estimate(statistic: PairStatistic) -> float | None:
        """Return the ratio of the shape to the rate of the statistic."""
        a, b = statistic
        return a / b if b > 0.0 else None

    @staticmethod
    def belief(hyperparameters: GammaHyperparameters) -> distributions.Gamma:
        """Return the Gamma distribution."""
        return distributions.Gamma(*hyperparameters)
