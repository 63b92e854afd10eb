"""The Dirichlet prior on the shares of categories."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from seqbayes import distributions, likelihoods
from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.families.dirichlet_belief import (
    DirichletBelief,
    joint_mode,
    log_multivariate_beta,
)
from seqbayes.formulas import has_large_base
from seqbayes.likelihoods import LabelLikelihood, check_parameter
from seqbayes.numerics import log_terms, sc, special
from seqbayes.registry import register
from seqbayes.state import State
from seqbayes.statistics import LabelCounts, Statistics, is_missing, plain_label
from seqbayes.typevars import H


class DirichletHyperparameters(NamedTuple):
    """Concentrations, an array of shape (…, K) in the order of the K categories."""

    alpha: special.Array
    categories: tuple[Any, ...]


def by_label(values: Any, name: str) -> dict[Any, Any]:
    """Return values keyed by label; the labels of a sequence are its positions.

    Raises
    ------
    PriorError
        If the values are neither a mapping nor a sequence, or a label is a missing value.
    """
    if isinstance(values, Mapping):
        named = dict(values)
    elif isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        named = dict(enumerate(values))
    elif isinstance(values, np.ndarray) and values.ndim == 1:
        named = dict(enumerate(values.tolist()))
    else:
        raise PriorError(f"expected {name} keyed by label, got {values!r}")
    for label in named:
        if is_missing(label):
            raise PriorError(f"expected {name} keyed by label, got the missing label {label!r}")
    return {plain_label(label): value for label, value in named.items()}


def _check_concentrations(alpha: Any) -> None:
    """Raise an error for input that was probably intended for another constructor."""
    if isinstance(alpha, int) and 1 < alpha < 1000:
        equal = ", ".join(["1"] * min(alpha, 3)) + (", …" if alpha > 3 else "")
        raise PriorError(
            f"expected concentrations keyed by category, got {alpha!r}: for {alpha} categories"
            f" 0, 1, … write Dirichlet([{equal}])"
        )
    listed = isinstance(alpha, Sequence) and not isinstance(alpha, (str, bytes))
    if listed and alpha and all(isinstance(each, str) for each in alpha):
        names = reprlib.repr(list(alpha))
        raise PriorError(
            f"expected concentrations keyed by category, got the names {names}: for equal"
            f" concentrations write Dirichlet.flat({names})"
        )


class LabelState(State[H, dict[Any, float], dict[Any, tuple[float, float]], Any]):
    """Base class of states that learn labels; the categories are part of the prior."""

    display_kind = "labels"
    unit = "share"

    likelihood: LabelLikelihood
    _statistics: LabelCounts

    def label_counts(self) -> dict[Any, float]:
        """Return the total weight of the observations of every label."""
        return self._statistics.counts

    def _categories(self) -> tuple[Any, ...] | None:
        raise NotImplementedError

    @property
    def posterior(self) -> H:
        """The hyperparameters of the posterior, a NamedTuple like `prior`."""
        return self.combine(self.prior, self._statistics.value)

    def new_statistics(self) -> Statistics:
        """Return empty statistics."""
        return self.likelihood.statistics(self._categories())

    def summarise(self, xs: Iterable[Any], w: Any = None) -> Statistics:
        """Return the statistics of many observations, without learning them."""
        return self.likelihood.summarise(xs, w, self._categories())

    def read_many(self, xs: Iterable[Any]) -> tuple[Any, Any]:
        """Return the positions of many labels among the categories."""
        return self.likelihood.read_many(xs, self._categories())

    def get(self) -> dict[Any, float] | None:
        """Return the mean share of every label; River calls this method of its statistics."""
        shares: dict[Any, float] | None = self.mean
        return shares


@register
class Dirichlet(LabelState[DirichletHyperparameters]):
    """Belief about the shares of a closed set of categories.

    Parameters
    ----------
    alpha
        Prior concentrations, >= 0: a mapping from category to concentration, or a sequence whose
        categories are 0, 1, …. The order is kept. Zero makes the prior improper.
    likelihood
        `Categorical` (the default) or `Multinomial`.
    seed
        Seed for `sample`.

    Raises
    ------
    PriorError
        If a concentration is negative, their sum is not finite, or there are fewer than two
        categories.

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
    component_adapter = "seqbayes.mixture.components.state_adapters:LABELS"

    def __init__(
        self,
        alpha: Mapping[Any, float] | Sequence[float] = (1.0, 1.0),
        likelihood: LabelLikelihood | None = None,
        seed: int | None = None,
    ) -> None:
        _check_concentrations(alpha)
        named = by_label(alpha, "concentrations")
        if len(named) < 2:
            raise PriorError(f"expected at least two categories, got {alpha!r}")
        self.alpha = {
            label: check_parameter(f"concentration of {label!r}", value, open_low=False)
            for label, value in named.items()
        }
        if sum(self.alpha.values()) == math.inf:
            raise PriorError(f"expected concentrations with a finite sum, got {alpha!r}")
        super().__init__(likelihood=likelihood, seed=seed)

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
        >>> Dirichlet.symmetric(["a", "b"], 3).prior
        DirichletHyperparameters(alpha=array([3., 3.]), categories=('a', 'b'))
        """
        if isinstance(categories, (str, bytes)) or not isinstance(categories, Iterable):
            raise PriorError(f"expected a sequence of categories, got {reprlib.repr(categories)}")
        named: dict[Any, float] = {}
        for label in categories:
            if label in named:
                raise PriorError(f"category {reprlib.repr(label)} is given twice")
            named[label] = concentration
        return cls(named, likelihood, seed)

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
        """Return the prior with these mean shares, which is equivalent to `strength` observations.

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
        """Return the hyperparameters after learning these counts."""
        return DirichletHyperparameters(prior[0] + statistic, prior[1])

    @property
    def prior_share(self) -> float:
        """Weight of the prior shares in the posterior shares."""
        prior = math.fsum(self.alpha.values())
        whole = math.fsum(self._concentrations().values())
        return prior / whole if whole > 0.0 else 0.0

    @staticmethod
    def is_proper(hyperparameters: DirichletHyperparameters) -> bool:
        """Whether the density integrates to one."""
        return bool(np.all(hyperparameters[0] > 0))

    @staticmethod
    def log_z(hyperparameters: tuple[Any, ...]) -> Any:
        """Return the log multivariate Beta function."""
        return log_multivariate_beta(hyperparameters[0])

    @staticmethod
    def log_marginal(hyperparameters: DirichletHyperparameters, statistic: Any) -> Any:
        """Return the log probability of counts, minus the log base measure."""
        alpha = hyperparameters[0]
        total, trials = alpha.sum(axis=-1), statistic.sum(axis=-1)
        if np.max(trials, initial=0.0) <= 1.0 or np.max(total + trials) < special.DIRECT:
            rising = special.log_rising(alpha, statistic).sum(axis=-1)
            return rising - special.log_rising(total, trials)
        log_ratio = log_terms.log_dirichlet_multinomial(statistic, alpha)
        return log_ratio - log_terms.log_multinomial(statistic)

    @classmethod
    def log_probability(cls, hyperparameters: DirichletHyperparameters, statistics: Any) -> float:
        """Return the log marginal likelihood without subtracting large logarithms."""
        if not has_large_base(statistics):
            return super().log_probability(hyperparameters, statistics)
        log_ratio = log_terms.log_dirichlet_multinomial(statistics.value, hyperparameters[0])
        return float(log_ratio + statistics.log_base_beyond_multinomial)

    @staticmethod
    def log_likelihood(theta: Any, statistic: Any) -> Any:
        """Return ``sum(counts * log(theta))``."""
        shares = list(theta.values()) if isinstance(theta, Mapping) else theta
        return sc.xlogy(statistic, shares).sum(axis=-1)

    @property
    def mle(self) -> dict[Any, float] | None:
        """The observed shares; None without data."""
        counts = self._statistics.value
        total = counts.sum()
        if total <= 0.0:
            return None
        return dict(zip(self.categories, (counts / total).tolist(), strict=True))

    @staticmethod
    def belief(hyperparameters: DirichletHyperparameters) -> DirichletBelief:
        """Return the Dirichlet distribution."""
        return DirichletBelief(*hyperparameters)

    # Results keyed by label are computed with floats, which are ten times as fast as arrays for few
    # labels.

    def label_weights(self) -> tuple[dict[Any, float], float]:
        """Return the posterior concentration of every category; no other labels are possible."""
        return self._concentrations(), 0.0

    def _concentrations(self) -> dict[Any, float]:
        counts = self._statistics.counts
        return {label: alpha + counts[label] for label, alpha in self.alpha.items()}

    def _proper_concentrations(self) -> dict[Any, float]:
        concentrations = self._concentrations()
        if not min(concentrations.values()) > 0.0:
            self.proper_posterior()  # this raises the error
        return concentrations

    @property
    def map(self) -> dict[Any, float] | None:
        """The posterior mode; None if it does not exist."""
        return joint_mode(self._concentrations())

    @property
    def mean(self) -> dict[Any, float] | None:
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
