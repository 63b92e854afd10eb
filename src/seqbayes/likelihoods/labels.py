"""Likelihoods of labels and of counts of labels, for a Dirichlet prior."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Distribution
from seqbayes.likelihoods.base import Likelihood, observe_all, whole_trials
from seqbayes.likelihoods.sql import SqlForm, X
from seqbayes.statistics import LabelCounts, MultinomialCounts, arrays


class LabelLikelihood(Likelihood):
    """A likelihood of labels; the prior has the categories, and passes them to the methods."""

    __slots__ = ()

    labelled = True
    two_sample = "labels"

    mean_direction = 1

    @property
    def observation_kind(self) -> str:
        """A label, or a mapping from label to count."""
        return "text" if self.labelled else "counts"

    def statistics(self, categories: tuple[Any, ...] | None = None) -> LabelCounts:
        """Return a new accumulator with these categories, or with an open vocabulary."""
        raise NotImplementedError

    def summarise(
        self, xs: Iterable[Any], w: Any = None, categories: tuple[Any, ...] | None = None
    ) -> LabelCounts:
        """Return the accumulator of many observations, after validating all of them."""
        counts: LabelCounts = observe_all(self.statistics(categories), xs, w)
        return counts

    def read_many(
        self, xs: Iterable[Any], categories: tuple[Any, ...] | None = None
    ) -> tuple[arrays.Array, arrays.Array]:
        """Check many labels; return their positions among the categories."""
        if categories is None or not self.labelled:
            return super().read_many(xs)
        return arrays.single(arrays.positions(xs, self.statistics(categories)))

    def predictive(self, posterior: Any, unseen: float = 0.0) -> Distribution:
        """Return the distribution of the next observation.

        `posterior` maps labels to concentrations; `unseen` is the total concentration of all other
        labels.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Categorical(LabelLikelihood):
    """One label out of several.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> belief = Dirichlet({"red": 1, "blue": 1}, likelihood=Categorical())
    >>> belief.learn_many(["red", "red"])
    >>> belief.predict_proba_one()
    {'red': 0.75, 'blue': 0.25}
    """

    def statistics(self, categories: tuple[Any, ...] | None = None) -> LabelCounts:
        """Return a new accumulator with these categories, or with an open vocabulary."""
        return LabelCounts(categories)

    def summarise(
        self, xs: Iterable[Any], w: Any = None, categories: tuple[Any, ...] | None = None
    ) -> LabelCounts:
        """Return the accumulator of many labels, after validating all of them."""
        total = self.statistics(categories)
        for label, weight in arrays.tally(xs, w):
            total.observe_label(label, weight)
        return total

    def sql_form(self) -> SqlForm:
        """Return the SQL form: a total weight for each label."""
        return SqlForm(f"{X} IS NOT NULL", labelled=True)

    def predictive(self, posterior: Any, unseen: float = 0.0) -> Distribution:
        """Return the distribution of the next label."""
        whole = math.fsum(posterior.values()) + unseen
        return predictive.Categorical({k: a / whole for k, a in posterior.items()}, unseen / whole)

    def labels(self, posterior: Any) -> dict[Any, float]:
        """Return the probability of every label."""
        whole = math.fsum(posterior.values())
        return {label: alpha / whole for label, alpha in posterior.items()}

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw labels; `theta` maps labels to probabilities."""
        labels = list(theta)
        drawn = rng.choice(len(labels), size, p=list(theta.values()))
        return labels[drawn] if size is None else [labels[i] for i in drawn]


@dataclass(frozen=True, slots=True)
class Multinomial(LabelLikelihood):
    """A count of every label, as a dict.

    Parameters
    ----------
    trials
        The sum of the counts in every observation; None if the sum varies.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> belief = Dirichlet({"red": 1, "blue": 1}, likelihood=Multinomial())
    >>> belief.learn_one({"red": 5, "blue": 1})
    >>> belief.mean
    {'red': 0.75, 'blue': 0.25}
    """

    trials: int | None = None

    labelled = False
    whole = True
    """Whether counts are whole numbers."""

    def __post_init__(self) -> None:
        if self.trials is not None:
            self._set("trials", whole_trials(self.trials))

    def statistics(self, categories: tuple[Any, ...] | None = None) -> LabelCounts:
        """Return a new accumulator with these categories, or with an open vocabulary."""
        return MultinomialCounts(categories, self.trials)

    def predictive(self, posterior: Any, unseen: float = 0.0) -> Distribution:
        """Return the Dirichlet-multinomial distribution, for a single trial if `trials` is None."""
        return predictive.DirichletMultinomial(self.trials or 1, dict(posterior))

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw dicts of counts, which sum to 1 if `trials` is None."""
        drawn = rng.multinomial(self.trials or 1, list(theta.values()), size)
        rows = [dict(zip(theta, map(int, row), strict=True)) for row in np.atleast_2d(drawn)]
        return rows[0] if size is None else rows
