"""The Dirichlet prior of the shares of categories."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
import scipy.special as sc

from seqbayes import distributions, likelihoods, special
from seqbayes.distributions.base import exponential
from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.likelihoods import LabelLikelihood, check_parameter
from seqbayes.state import State
from seqbayes.statistics import LabelCounts, Statistics, is_missing, plain_label


class DirichletHyperparameters(NamedTuple):
    """Concentrations, an array (…, K) in the order of the K categories."""

    alpha: Any
    categories: tuple[Any, ...]


class DirichletBelief:
    """The distribution of the shares; cdf, sf, ppf and intervals are of the Beta marginals.

    A vector of shares is a dict from label to share, or an array in the order of the labels. With
    `rest`, the last concentration is that of all other labels together, and not shown.
    """

    def __init__(self, alpha: Any, categories: tuple[Any, ...], rest: bool = False) -> None:
        self._alpha = np.asarray(alpha, float)
        self._categories = categories
        self._rest = rest

    @property
    def marginals(self) -> distributions.Beta:
        """The Beta distribution of every share by itself."""
        total = self._alpha.sum(axis=-1, keepdims=True)
        return distributions.Beta(self._alpha, total - self._alpha)

    def _named(self, values: Any) -> dict[Any, Any]:
        values = np.moveaxis(np.asarray(values, float), -1, 0)
        plain = values.tolist() if values.ndim == 1 else values
        return dict(zip(self._categories, plain, strict=not self._rest))

    def _shares(self, theta: Any) -> Any:
        if isinstance(theta, Mapping):
            if set(theta) != set(self._categories):
                raise PriorError(f"expected a share of each of {self._categories}, got {theta!r}")
            listed = [np.asarray(theta[c], float) for c in self._categories]
            theta = np.stack(listed, axis=-1) if listed else np.zeros(0)
        shares = np.asarray(theta, float)
        if self._rest:
            rest = np.clip(1.0 - shares.sum(axis=-1, keepdims=True), 0.0, None)
            shares = np.concatenate([shares, rest], axis=-1)
        return shares

    @property
    def mean(self) -> dict[Any, float]:
        """Mean share of every label."""
        return self._named(self.marginals.mean)

    @property
    def var(self) -> dict[Any, float]:
        """Variance of every label's share."""
        return self._named(self.marginals.var)

    @property
    def mode(self) -> dict[Any, float] | None:
        """The joint mode, if there is one."""
        if self._rest or self._alpha.ndim != 1:
            return None
        return _joint_mode(dict(zip(self._categories, self._alpha.tolist(), strict=True)))

    def interval(self, level: float, kind: str) -> dict[Any, tuple[float, float]]:
        """Interval of every label's share."""
        if self._alpha.ndim == 1:
            alphas = self._alpha.tolist()
            total = math.fsum(alphas)
            return {
                label: distributions.Beta(alpha, total - alpha).interval(level, kind)
                for label, alpha in zip(self._categories, alphas, strict=not self._rest)
            }
        low, high = self.marginals.interval(level, kind)
        lows, highs = self._named(low), self._named(high)
        return {label: (lows[label], highs[label]) for label in lows}

    def logpdf(self, theta: Any) -> Any:
        """Log joint density; minus infinity off the simplex."""
        shares = self._shares(theta)
        on = np.all(shares >= 0.0, axis=-1) & (np.abs(shares.sum(axis=-1) - 1.0) < 1e-9)
        if np.all(shares > 0.0):
            total = self._broken_sticks(shares)
        else:
            with np.errstate(all="ignore"):
                log_z = Dirichlet.log_z((self._alpha, self._categories))
                total = sc.xlogy(self._alpha - 1.0, shares).sum(axis=-1) - log_z
        total = np.where(on, total, -np.inf)
        return float(total) if total.ndim == 0 else total

    def _broken_sticks(self, shares: Any) -> Any:
        """Log density as a product of Beta densities, which do not cancel however sharp."""
        left = shares[..., ::-1].cumsum(axis=-1)[..., ::-1]
        alpha_left = self._alpha[..., ::-1].cumsum(axis=-1)[..., ::-1]
        pieces = distributions.Beta(self._alpha[..., :-1], alpha_left[..., 1:])
        logs = pieces.logpdf(shares[..., :-1] / left[..., :-1]) - np.log(left[..., :-1])
        return logs.sum(axis=-1)

    def pdf(self, theta: Any) -> Any:
        """Joint density; zero off the simplex."""
        return exponential(self.logpdf(theta))

    def cdf(self, theta: Any) -> dict[Any, float]:
        """Probability that every share is at most its value."""
        return self._named(self.marginals.cdf(self._shares(theta)))

    def sf(self, theta: Any) -> dict[Any, float]:
        """Probability that every share is above its value."""
        return self._named(self.marginals.sf(self._shares(theta)))

    def ppf(self, q: float) -> dict[Any, float]:
        """Quantile of every share."""
        return self._named(self.marginals.ppf(q))

    def sample(self, size: Any, rng: np.random.Generator) -> dict[Any, Any]:
        """Draw all shares jointly."""
        return self._named(rng.dirichlet(self._alpha, size))


def _joint_mode(concentrations: dict[Any, float]) -> dict[Any, float] | None:
    if len(concentrations) == 2:
        (label, alpha), (other, beta) = concentrations.items()
        share = distributions.Beta(alpha, beta).mode
        return None if share is None else {label: share, other: 1.0 - share}
    excess = math.fsum(concentrations.values()) - len(concentrations)
    if not (min(concentrations.values()) >= 1.0 and excess > 0.0):
        return None
    return {label: (alpha - 1.0) / excess for label, alpha in concentrations.items()}


def by_label(values: Any, name: str) -> dict[Any, Any]:
    """Return values by label; the labels of a sequence are its positions.

    Raises
    ------
    PriorError
        If they are neither a mapping nor a sequence, or a label is a missing value.
    """
    if isinstance(values, Mapping):
        named = dict(values)
    elif isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        named = dict(enumerate(values))
    elif isinstance(values, np.ndarray) and values.ndim == 1:
        named = dict(enumerate(values.tolist()))
    else:
        raise PriorError(f"expected {name} by label, got {values!r}")
    for label in named:
        if is_missing(label):
            raise PriorError(f"expected {name} by label, got the missing label {label!r}")
    return {plain_label(label): value for label, value in named.items()}


class LabelState(State):
    """What the states over labels share: the categories belong to the prior."""

    likelihood: LabelLikelihood
    _statistics: LabelCounts

    def _categories(self) -> tuple[Any, ...] | None:
        raise NotImplementedError

    @property
    def posterior(self) -> Any:
        """The posterior's hyperparameters, a NamedTuple like `prior`."""
        return self.combine(self.prior, self._statistics.value)

    def _accumulator(self) -> Statistics:
        return self.likelihood.statistics(self._categories())

    def _summarise(self, xs: Iterable[Any], w: Any) -> Statistics:
        return self.likelihood.summarise(xs, w, self._categories())

    def get(self) -> dict[Any, float] | None:
        """Return the value of the state as a River statistic: the mean share of every label."""
        shares: dict[Any, float] | None = self.mean
        return shares


class Dirichlet(LabelState):
    """Belief about the shares of a closed set of categories.

    Parameters
    ----------
    alpha
        Prior concentrations, >= 0, by category: a mapping from label to concentration, or a
        sequence whose labels are 0, 1, …. The order is kept. Zero makes the prior improper.
    likelihood
        `Categorical` (the default) or `Multinomial`.
    seed
        Seed of `sample`.

    Raises
    ------
    PriorError
        If a concentration is negative or not finite, or there are fewer than two categories.

    References
    ----------
    .. [1] Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., section 3.4.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> colours = Dirichlet({"green": 40, "red": 25, "yellow": 15, "blue": 20})
    >>> colours.learn_one("red")
    >>> colours.posterior.alpha
    array([40., 26., 15., 20.])
    >>> print(f"{colours.mean['red']:.4f}")
    0.2574
    >>> colours.learn_one("purple")
    Traceback (most recent call last):
    seqbayes.errors.ObservationError: unknown category 'purple': expected one of 'green', 'red', \
'yellow', 'blue' (an open vocabulary needs a DirichletProcess)
    """

    likelihoods = (likelihoods.Categorical, likelihoods.Multinomial)
    parameters = ("alpha",)

    def __init__(
        self,
        alpha: Mapping[Any, float] | Sequence[float] = (1.0, 1.0),
        likelihood: LabelLikelihood | None = None,
        seed: int | None = None,
    ) -> None:
        named = by_label(alpha, "concentrations")
        if len(named) < 2:
            raise PriorError(f"expected at least two categories, got {alpha!r}")
        self.alpha = {
            label: check_parameter(f"concentration of {label!r}", value, open_low=False)
            for label, value in named.items()
        }
        self._begin(likelihood, seed)

    @classmethod
    def symmetric(
        cls,
        categories: Iterable[Any],
        concentration: float = 1.0,
        likelihood: LabelLikelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior with the same concentration for every category.

        Examples
        --------
        >>> Dirichlet.symmetric("ab", 3).prior
        DirichletHyperparameters(alpha=array([3., 3.]), categories=('a', 'b'))
        """
        return cls(dict.fromkeys(categories, concentration), likelihood, seed)

    @classmethod
    def flat(
        cls,
        categories: Iterable[Any],
        likelihood: LabelLikelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the uniform prior, under which the MAP is the MLE."""
        return cls.symmetric(categories, 1.0, likelihood, seed)

    @classmethod
    def jeffreys(
        cls,
        categories: Iterable[Any],
        likelihood: LabelLikelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return Jeffreys' prior, with concentrations 1/2."""
        return cls.symmetric(categories, 0.5, likelihood, seed)

    @classmethod
    def from_proportions(
        cls,
        proportions: Mapping[Any, float],
        strength: float,
        likelihood: LabelLikelihood | None = None,
        seed: int | None = None,
    ) -> Self:
        """Return the prior with these mean shares, worth `strength` observations.

        Raises
        ------
        PriorError
            If the proportions do not sum to 1; nothing is renormalised.

        Examples
        --------
        >>> walk = {"green": 0.40, "red": 0.25, "yellow": 0.15, "blue": 0.20}
        >>> Dirichlet.from_proportions(walk, strength=20).alpha
        {'green': 8.0, 'red': 5.0, 'yellow': 3.0, 'blue': 4.0}
        """
        shares = check_proportions(proportions)
        strength = check_parameter("strength", strength)
        return cls({label: strength * p for label, p in shares.items()}, likelihood, seed)

    from_mean = from_proportions

    @property
    def categories(self) -> tuple[Any, ...]:
        """The labels, in order."""
        return tuple(self.alpha)

    def _categories(self) -> tuple[Any, ...]:
        return self.categories

    @property
    def prior(self) -> DirichletHyperparameters:
        """The prior's hyperparameters."""
        values = np.fromiter(self.alpha.values(), float, len(self.alpha))
        return DirichletHyperparameters(values, self.categories)

    def _set_prior(self, prior: DirichletHyperparameters) -> None:
        self.alpha = dict(zip(prior.categories, prior.alpha.tolist(), strict=True))

    @staticmethod
    def combine(prior: DirichletHyperparameters, statistic: Any) -> DirichletHyperparameters:
        """Return the hyperparameters after these counts were seen."""
        return DirichletHyperparameters(prior[0] + statistic, prior[1])

    @staticmethod
    def is_proper(hyperparameters: DirichletHyperparameters) -> bool:
        """Whether the density integrates to one."""
        return bool(np.all(hyperparameters[0] > 0))

    @staticmethod
    def log_z(hyperparameters: tuple[Any, ...]) -> Any:
        """Return the log multivariate Beta function."""
        alpha = hyperparameters[0]
        return sc.gammaln(alpha).sum(axis=-1) - sc.gammaln(alpha.sum(axis=-1))

    @staticmethod
    def log_marginal(hyperparameters: DirichletHyperparameters, statistic: Any) -> Any:
        """Return the log probability of counts, less the log base measure."""
        alpha = hyperparameters[0]
        rising = special.log_rising(alpha, statistic).sum(axis=-1)
        return rising - special.log_rising(alpha.sum(axis=-1), statistic.sum(axis=-1))

    @staticmethod
    def log_likelihood(theta: Any, statistic: Any) -> Any:
        """Return ``sum(counts * log(theta))``."""
        shares = list(theta.values()) if isinstance(theta, Mapping) else theta
        return sc.xlogy(statistic, shares).sum(axis=-1)

    @property
    def mle(self) -> dict[Any, float] | None:
        """The observed shares; None while nothing was seen."""
        counts = self._statistics.value
        total = counts.sum()
        if total <= 0.0:
            return None
        return dict(zip(self.categories, (counts / total).tolist(), strict=True))

    @staticmethod
    def belief(hyperparameters: DirichletHyperparameters) -> DirichletBelief:
        """Return the Dirichlet distribution."""
        return DirichletBelief(*hyperparameters)

    # Answers by label are computed in floats: for a few labels, arrays cost ten times as much.

    def _concentrations(self) -> dict[Any, float]:
        counts = self._statistics.counts
        return {label: alpha + counts[label] for label, alpha in self.alpha.items()}

    def _proper_concentrations(self) -> dict[Any, float]:
        concentrations = self._concentrations()
        if not min(concentrations.values()) > 0.0:
            self._proper_posterior()  # refuses
        return concentrations

    @property
    def map(self) -> Any:
        """The posterior mode; None if there is none."""
        return _joint_mode(self._concentrations())

    @property
    def mean(self) -> Any:
        """The posterior mean; None while the posterior is improper."""
        concentrations = self._concentrations()
        if not min(concentrations.values()) > 0.0:
            return None
        total = math.fsum(concentrations.values())
        return {label: alpha / total for label, alpha in concentrations.items()}

    @property
    def predictive(self) -> distributions.Distribution:
        """The distribution of the next observation."""
        return self.likelihood.predictive(self._proper_concentrations())

    def predict_proba_one(self, x: Any = None) -> dict[Any, float]:
        """Return the predictive probability of every category."""
        return self.likelihood.labels(self._proper_concentrations())
