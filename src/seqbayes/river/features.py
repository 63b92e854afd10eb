"""How single features are modelled: their kinds, what was seen of them, and their predictives."""

from __future__ import annotations

import decimal
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqbayes import likelihoods
from seqbayes.errors import ObservationError, PriorError
from seqbayes.families import DirichletProcess, Gamma, NormalInverseGamma
from seqbayes.families.gamma import GammaHyperparameters
from seqbayes.families.normal_inverse_gamma import NormalInverseGammaHyperparameters
from seqbayes.state import State
from seqbayes.statistics import MomentStatistic, PairStatistic, Statistics, as_real

LARGEST = 1e150  # of values whose squares are finite


def bounded(value: Any, expected: str) -> float:
    """Return a real number whose square is finite.

    Raises
    ------
    ObservationError
        If the value is no finite number, or too large.
    """
    if type(value) is not float or not -LARGEST < value < LARGEST:
        value = as_real(value, expected)
        if abs(value) > LARGEST:
            raise ObservationError(f"the value {value!r} is too large: its square overflows")
    return float(value)


class Feature:
    """What was seen of one feature: of every class, and of all classes together."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.seen = kind.statistics()
        self.by_class: dict[Any, Statistics] = {}

    def learn(self, x: Any, label: Any, w: float) -> None:
        """Absorb a value that `kind.read` has accepted, in an observation of this class."""
        own = self.by_class.get(label)
        if own is None:
            own = self.by_class[label] = self.kind.statistics()
        self.seen.observe(x, w)
        own.observe(x, w)


class Reading(NamedTuple):
    """A feature and the statistic of one value of it."""

    feature: Feature
    one: Statistics


class Kind:
    """A conjugate model of one feature within one class."""

    def statistics(self) -> Statistics:
        """Return a new, empty accumulator."""
        raise NotImplementedError

    def read(self, x: Any) -> Statistics:
        """Return the statistic of one value, refusing what does not fit."""
        one = self.statistics()
        one.observe(x)
        return one

    def state(self, feature: Feature, label: Any, strength: float) -> State | None:
        """Return the belief about a feature within a class; None where there is none yet."""
        raise NotImplementedError

    def log_predictives(
        self, readings: Sequence[Reading], labels: Sequence[Any], strength: float
    ) -> Any:
        """Return the log predictive of values given every class, up to a term common to all."""
        raise NotImplementedError


class NumberKind(Kind):
    """Numbers, whose prior is scaled to what was seen of all classes together."""

    family: type[State]
    likelihood: likelihoods.Likelihood
    nothing: Any

    def statistics(self) -> Statistics:
        """Return a new, empty accumulator."""
        return self.likelihood.statistics()

    def prior(self, seen: Any, strength: float) -> Any:
        """Return a prior worth `strength` of the observations in `seen`; None without a scale."""
        raise NotImplementedError

    def state(self, feature: Feature, label: Any, strength: float) -> State | None:
        """Return the belief about a feature within a class."""
        prior = self.prior(feature.seen.value, strength)
        if prior is None:
            return None
        state = self.family(*prior)
        if label in feature.by_class:
            state._statistics.merge(feature.by_class[label])
        return state

    def log_predictives(
        self, readings: Sequence[Reading], labels: Sequence[Any], strength: float
    ) -> Any:
        """Return the log predictives, by the family's algebra on arrays of features by classes."""
        priors, seen, ones = [], [], []
        for feature, one in readings:
            prior = self.prior(feature.seen.value, strength)
            if prior is not None:
                own = feature.by_class
                priors.append(prior)
                ones.append(one.value)
                seen.append([own[c].value if c in own else self.nothing for c in labels])
        if not priors:
            return 0.0
        prior = type(priors[0])(*np.array(priors).T[..., None])
        statistic = type(self.nothing)(*np.array(seen).transpose(2, 0, 1))
        observed = type(self.nothing)(*np.array(ones).T[..., None])
        posterior = self.family.combine(prior, statistic)
        return self.family.log_marginal(posterior, observed).sum(axis=0)


class Gaussian(NumberKind):
    """Real numbers: the predictive is Student's t."""

    family = NormalInverseGamma
    likelihood = likelihoods.Normal()
    nothing = MomentStatistic(0.0, 0.0, 0.0, 0.0)

    def read(self, x: Any) -> Statistics:
        """Return the statistic of one number."""
        return super().read(bounded(x, "a finite number"))

    def prior(self, seen: Any, strength: float) -> NormalInverseGammaHyperparameters | None:
        """Return the prior about the mean and variance of all classes."""
        if not seen.squares > 0.0:
            return None  # a feature that has never varied has no scale, and tells no classes apart
        scale = strength * seen.squares / seen.n
        return NormalInverseGammaHyperparameters(seen.mean, strength, strength, scale)


class Count(NumberKind):
    """Whole numbers >= 0: the predictive is negative binomial."""

    family = Gamma
    likelihood = likelihoods.Poisson()
    nothing = PairStatistic(0.0, 0.0)

    def prior(self, seen: Any, strength: float) -> GammaHyperparameters:
        """Return the prior about the rate of all classes, itself believed Gamma(1, 1) at first."""
        return GammaHyperparameters(strength * (seen.a + 1.0) / (seen.b + 1.0), strength)


class Categorical(Kind):
    """Labels of an open vocabulary, under a Dirichlet process about the shares in all classes."""

    likelihood = likelihoods.Categorical()

    def statistics(self) -> Statistics:
        """Return a new, empty accumulator."""
        return self.likelihood.statistics()

    def state(self, feature: Feature, label: Any, strength: float) -> State | None:
        """Return the belief about a feature within a class."""
        unit = strength / (feature.seen.n + 1.0)
        atoms = {value: unit * count for value, count in feature.seen.value.items()}
        state = DirichletProcess(unit, atoms)
        if label in feature.by_class:
            state._statistics.merge(feature.by_class[label])
        return state

    def log_predictives(
        self, readings: Sequence[Reading], labels: Sequence[Any], strength: float
    ) -> Any:
        """Return the log predictives, in which one label was never seen, of weight 1."""
        total = np.zeros(len(labels))
        for feature, one in readings:
            [value] = one.value
            known = feature.seen.value
            share = strength * known.get(value, 1.0) / (feature.seen.n + 1.0)
            for i, label in enumerate(labels):
                own = feature.by_class.get(label)
                count, n = (own.value.get(value, 0.0), own.n) if own is not None else (0.0, 0.0)
                total[i] += math.log((count + share) / (n + strength))
        return total


class Own(Kind):
    """Whatever a given state models; every class starts from its prior."""

    def __init__(self, template: State) -> None:
        self.template = template.clone()

    def statistics(self) -> Statistics:
        """Return a new, empty accumulator."""
        return self.template._accumulator()

    def state(self, feature: Feature, label: Any, strength: float) -> State | None:
        """Return the belief about a feature within a class."""
        state = self.template.clone()
        if label in feature.by_class:
            state._statistics.merge(feature.by_class[label])
        return state

    def log_predictives(
        self, readings: Sequence[Reading], labels: Sequence[Any], strength: float
    ) -> Any:
        """Return the log predictives."""
        family, prior = self.template, self.template.prior
        total = np.zeros(len(labels))
        for feature, one in readings:
            for i, label in enumerate(labels):
                own = feature.by_class.get(label)
                posterior = prior if own is None else family.combine(prior, own.value)
                total[i] += family.log_marginal(posterior, one.value)
        return total


KINDS: dict[str, Kind] = {
    "gaussian": Gaussian(),
    "count": Count(),
    "categorical": Categorical(),
}
"""The kinds of features by name."""


def kinds(features: Mapping[Any, str | State] | None) -> dict[Any, Kind]:
    """Return the kind of every feature that has a name of a kind, or a state.

    Raises
    ------
    PriorError
        If it is neither, or a state whose prior is improper.
    """
    return {name: _kind(name, asked) for name, asked in (features or {}).items()}


def _kind(name: Any, asked: Any) -> Kind:
    if isinstance(asked, State):
        if not asked.is_proper(asked.prior):
            raise PriorError(f"the prior of feature {name!r} is improper: {asked.prior}")
        return Own(asked)
    if not isinstance(asked, str) or asked not in KINDS:
        expected = " or ".join(map(repr, KINDS))
        raise PriorError(f"expected {expected} or a state as feature {name!r}, got {asked!r}")
    return KINDS[asked]


def kind_of(x: Any) -> Kind:
    """Return the kind of a feature by its first value: numbers are Gaussian, all else labels."""
    number = isinstance(x, (numbers.Real, decimal.Decimal)) and not isinstance(x, (bool, np.bool_))
    return KINDS["gaussian" if number else "categorical"]
