"""The normal-inverse-gamma prior on a mean and a variance."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from seqbayes import likelihoods
from seqbayes.checks import all_positive
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.families.location import FAR, low_of, move, rounded_off, some
from seqbayes.families.normal import LOG_TAU
from seqbayes.families.normal_inverse_gamma_belief import (
    NormalInverseGammaBelief,
    NormalInverseGammaHyperparameters,
    NormalParameters,
)
from seqbayes.likelihoods import Likelihood, check_parameter
from seqbayes.numerics import sc, special
from seqbayes.registry import register
from seqbayes.state import State
from seqbayes.statistics import MomentStatistic

NEGLIGIBLE = 1e-36
"""Default `kappa` and `beta`: negligible if |mean| < 1e12 standard deviations."""


@register
class NormalInverseGamma(
    State[
        NormalInverseGammaHyperparameters,
        NormalParameters[float],
        NormalParameters[tuple[float, float]],
        float,
    ]
):
    """Belief about the mean and the variance of normal data.

    Parameters
    ----------
    prior_mean
        Prior mean of the mean.
    kappa
        Weight of the prior mean as a number of observations, >= 0.
    alpha, beta
        Shape and scale of the variance's inverse gamma prior, >= -3/2 and >= 0. A prior with
        ``kappa``, ``alpha`` or ``beta`` not above zero is improper. The default prior is weak at
        any scale: see the notes.
    likelihood
        `likelihoods.Normal` (the default), or `LogNormal`, for which mean and variance are those of
        the logarithm.
    seed
        Seed for `sample`.

    Raises
    ------
    PriorError
        If a parameter is out of range, or the likelihood does not belong to this family.

    Notes
    -----
    The default ``kappa`` and ``beta`` have no effect if the data vary: the posterior mean of the
    mean is the mean of the data, and that of the variance is their sum of squares divided by
    ``n - 1``. Before any data the mean does not exist, and predictions are None. A single
    observation does not vary: until the second one, the variance is determined by the prior alone,
    and intervals have almost no width. If you know the scale of the data, use `from_mean`. In a
    mixture, the default prior is replaced by that of `as_component`.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., section 3.3.
    .. [2] Murphy, K. (2007). Conjugate Bayesian analysis of the Gaussian distribution.

    Examples
    --------
    >>> from seqbayes import NormalInverseGamma
    >>> belief = NormalInverseGamma()
    >>> belief.learn_many([1e9 + 0.1, 1e9 - 0.1, 1e9])
    >>> print(f"{belief.mle.variance:.6f}")
    0.006667
    >>> print(f"{belief.mean.mean:.0f}, {belief.mean.variance:.2f}")
    1000000000, 0.01
    """

    likelihoods = (likelihoods.Normal, likelihoods.LogNormal)
    parameters = ("prior_mean", "kappa", "alpha", "beta")
    former_priors = ({"prior_mean": 0.0, "kappa": 1.0, "alpha": 1.0, "beta": 1.0},)
    display_kind = "normal"
    component_adapter = "seqbayes.mixture.components.state_adapters:NORMAL"

    def __init__(
        self,
        prior_mean: float = 0.0,
        kappa: float = NEGLIGIBLE,
        alpha: float = 0.5,
        beta: float = NEGLIGIBLE,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> None:
        self.prior_mean = check_parameter("prior_mean", prior_mean, -math.inf)
        if not math.isfinite(self.prior_mean * self.prior_mean):
            raise PriorError(f"expected a prior_mean whose square is finite, got {prior_mean!r}")
        self.kappa = check_parameter("kappa", kappa, open_low=False)
        self.alpha = check_parameter("alpha", alpha, -1.5, open_low=False)
        self.beta = check_parameter("beta", beta, open_low=False)
        super().__init__(likelihood=likelihood, seed=seed)

    @classmethod
    def flat(cls, likelihood: Likelihood | None = None, seed: int | None = None) -> Self:
        """Return the prior uniform in the mean and the variance, under which the MAP is the MLE."""
        return cls(0.0, 0.0, -1.5, 0.0, likelihood, seed)

    @classmethod
    def jeffreys(cls, likelihood: Likelihood | None = None, seed: int | None = None) -> Self:
        """Return the independence Jeffreys prior 1 / variance, as in Student's t-test."""
        return cls(0.0, 0.0, -0.5, 0.0, likelihood, seed)

    @classmethod
    def from_normal_gamma(
        cls,
        mean: float,
        kappa: float,
        shape: float,
        rate: float,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior whose precision (1 / variance) is Gamma with this shape and rate."""
        return cls(mean, kappa, shape, rate, likelihood, seed)

    @classmethod
    def from_normal_scaled_inverse_chi2(
        cls,
        mean: float,
        kappa: float,
        df: float,
        scale: float,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior whose variance is scaled inverse chi-squared; `scale` is a variance."""
        df, scale = check_parameter("df", df), check_parameter("scale", scale)
        return cls(mean, kappa, df / 2.0, df * scale / 2.0, likelihood, seed)

    @classmethod
    def from_mean(
        cls,
        mean: float,
        variance: float = 1.0,
        strength: float = 1.0,
        likelihood: Likelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior with this mean and variance, equivalent to `strength` observations.

        Examples
        --------
        >>> NormalInverseGamma.from_mean(70, variance=100, strength=4).mean
        NormalParameters(mean=70.0, variance=100.0)
        """
        variance = check_parameter("variance", variance)
        strength = check_parameter("strength", strength)
        alpha = 1.0 + strength / 2.0
        return cls(mean, strength, alpha, variance * (alpha - 1.0), likelihood, seed)

    @property
    def two_sample(self) -> str:
        """The method of the sequential test, which compares means with unknown variance."""
        return "student"

    def direction(self, p: float | None) -> int:
        """Return 1 for a mean (None) or p-quantile that increases with the tested mean.

        Raises
        ------
        UnsupportedError
            If the quantity also depends on the variance.
        """
        if p == 0.5 or (p is None and not self.likelihood.of_logarithm):
            return 1
        raise UnsupportedError(
            "this quantity depends on two unknown parameters; the sequential test tests only one:"
            " compare the median, or omit the quantity"
        )

    @property
    def prior(self) -> NormalInverseGammaHyperparameters:
        """The prior's hyperparameters."""
        return NormalInverseGammaHyperparameters(self.prior_mean, self.kappa, self.alpha, self.beta)

    def as_component(self) -> Self:
        """Return the prior for a component; the default prior is replaced by one with scale 1.

        The replacement has the weight of one observation. With the default prior, a component could
        shrink to a single observation.
        """
        if not self._has_default_weights():
            return self
        return type(self)(self.prior_mean, 1.0, 1.0, 1.0, self.likelihood, self.seed)

    def _has_default_weights(self) -> bool:
        return (self.kappa, self.alpha, self.beta) == (NEGLIGIBLE, 0.5, NEGLIGIBLE)

    @staticmethod
    def combine(
        prior: NormalInverseGammaHyperparameters, statistic: MomentStatistic
    ) -> NormalInverseGammaHyperparameters:
        """Return the hyperparameters after learning data with these moments."""
        mean, kappa, alpha, beta = prior
        n, origin, shift, squares = statistic
        total = kappa + n
        empty = not isinstance(total, np.ndarray) and total == 0.0
        share, rest = (0.0, 1.0) if empty else (n / total, kappa / total)
        gap = (origin - mean) + shift
        moved = move(mean, origin + shift, gap, share, rest)
        beta = beta + (squares + kappa * share * gap * gap) / 2.0
        posterior = NormalInverseGammaHyperparameters(moved, total, alpha + n / 2.0, beta)
        weight = total * posterior.alpha
        if some(moved * moved * weight > FAR * beta):
            shares, spread = (share, rest), (beta, weight)
            posterior.mean_low = rounded_off((mean, kappa), statistic, moved, shares, spread)
        return posterior

    def in_words(self) -> str:
        """Return the prior as text, omitting default values of `kappa`, `alpha` and `beta`."""
        if not self._has_default_weights():
            return super().in_words()
        return f"NormalInverseGamma({f'{self.prior_mean:.6g}' if self.prior_mean else ''})"

    @property
    def prior_share(self) -> float:
        """The larger of the prior's weights in the mean and in the variance.

        For the variance, this is the part of `beta` that is not determined by the spread of the
        data.
        """
        posterior, squares = self.posterior, self.statistics.value.squares
        if not (posterior.kappa > 0.0 and posterior.beta > 0.0):
            return 0.0
        return float(max(self.kappa / posterior.kappa, 1.0 - squares / 2.0 / posterior.beta))

    @staticmethod
    def is_proper(hyperparameters: NormalInverseGammaHyperparameters) -> bool:
        """Whether the density integrates to one."""
        _, kappa, alpha, beta = hyperparameters
        return all_positive(kappa, alpha, beta)

    @staticmethod
    def log_z(hyperparameters: NormalInverseGammaHyperparameters) -> Any:
        """Return the log integral of v**(-alpha-3/2) exp(-(2 beta + kappa (m-mean)**2) / (2 v))."""
        _, kappa, alpha, beta = hyperparameters
        return 0.5 * (LOG_TAU - np.log(kappa)) + sc.gammaln(alpha) - alpha * np.log(beta)

    @staticmethod
    def log_marginal(
        hyperparameters: NormalInverseGammaHyperparameters, statistic: MomentStatistic
    ) -> Any:
        """Return the log marginal density of data with these moments."""
        mean, kappa, alpha, beta = hyperparameters
        n, origin, shift, squares = statistic
        gap = ((origin - mean) + shift) - low_of(hyperparameters)
        added = (squares + kappa * n / (kappa + n) * gap * gap) / 2.0
        return (
            special.log_rising(alpha, n / 2.0)
            - 0.5 * np.log1p(n / kappa)
            - 0.5 * n * (LOG_TAU + np.log(beta + added))
            - alpha * np.log1p(added / beta)
        )

    @staticmethod
    def log_likelihood(theta: Any, statistic: MomentStatistic) -> Any:
        """Return the log density of data with these moments, given (mean, variance)."""
        mean, variance = theta
        n, origin, shift, squares = statistic
        gap = (origin - mean) + shift
        return -0.5 * (n * (LOG_TAU + np.log(variance)) + (squares + n * gap * gap) / variance)

    @staticmethod
    def estimate(statistic: MomentStatistic) -> NormalParameters[float] | None:
        """Return the mean and the variance of the data; None while the variance is zero."""
        if not (statistic.n > 0.0 and statistic.squares > 0.0):
            return None
        return NormalParameters(statistic.mean, statistic.squares / statistic.n)

    @property
    def mean(self) -> NormalParameters[float] | None:
        """The posterior mean; None while the posterior is improper."""
        posterior = self.posterior
        if not self.is_proper(posterior):
            return None
        mean, _, alpha, beta = posterior  # the means of `marginals`, without creating them
        variance = beta / (alpha - 1.0) if alpha > 1.0 else math.inf
        centre: Any = mean if alpha > 0.5 else None
        return NormalParameters(centre, variance)

    @staticmethod
    def belief(hyperparameters: NormalInverseGammaHyperparameters) -> NormalInverseGammaBelief:
        """Return the joint distribution of the mean and the variance."""
        return NormalInverseGammaBelief(hyperparameters)

    @classmethod
    def plotted(cls, hyperparameters: Any) -> Any:
        """Return the distribution of the mean."""
        return cls.belief(hyperparameters).marginals.mean
