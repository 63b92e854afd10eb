"""Models of single features: their kinds, statistics and predictive densities."""

from __future__ import annotations

import decimal
import functools
import math
import numbers
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from seqbayes import likelihoods
from seqbayes.errors import ObservationError, PriorError
from seqbayes.families import DirichletProcess, Gamma, NormalInverseGamma
from seqbayes.families.dirichlet_process import DirichletProcessHyperparameters
from seqbayes.families.gamma import GammaHyperparameters
from seqbayes.families.normal_inverse_gamma_belief import NormalInverseGammaHyperparameters
from seqbayes.numerics import special
from seqbayes.state import State
from seqbayes.statistics import Statistics, as_real, read_weight

LARGEST = 1e100  # with this limit, sums of weighted squares are finite


def bounded(value: Any, expected: str = "a finite number") -> float:
    """Return a real number between -1e100 and 1e100.

    Raises
    ------
    ObservationError
        If the value is not a finite number, or too large.
    """
    if type(value) is not float or not -LARGEST < value < LARGEST:
        value = as_real(value, expected)
        if abs(value) > LARGEST:
            raise ObservationError(
                f"expected {expected} with a magnitude of at most 1e100, got {value!r}"
            )
    return float(value)


def bounded_weight(w: Any) -> float:
    """Return a weight from 0 to 1e100.

    Raises
    ------
    ObservationError
        If `w` is invalid.
    """
    if type(w) is float and 0.0 <= w <= LARGEST:
        return w
    return bounded(read_weight(w), "a weight")


def check_features(x: Any) -> None:
    """Raise an error if features are not a mapping.

    Raises
    ------
    ObservationError
        If `x` is not a mapping; for sequences, the message includes a remedy.
    """
    if type(x) is not dict and not isinstance(x, Mapping):
        raise ObservationError(
            f"expected features by name, such as {{'age': 41}}, got {reprlib.repr(x)}"
            f" ({type(x).__name__}): for values without names, write dict(enumerate(values))"
        )


@functools.lru_cache(maxsize=4096)  # many classes of a stream have the same alpha
def _student_constant(alpha: float) -> float:
    return float(special.log_rising(alpha, 0.5)) - 0.5 * math.log(math.pi)


def _student_kernel(posterior: NormalInverseGammaHyperparameters, x: float) -> tuple[float, float]:
    """Return the negative terms of Student's t log density that depend on its scale and on x."""
    mean, kappa, alpha, beta = posterior
    spread, gap = 2.0 * beta * (1.0 + 1.0 / kappa), x - mean
    ratio = gap * gap / spread
    if ratio < math.inf:
        distance = math.log1p(ratio)
    else:
        distance = 2.0 * math.log(abs(gap)) - math.log(spread)
    return 0.5 * math.log(spread), (alpha + 0.5) * distance


class Feature:
    """The statistics of one feature, for each class and over all classes."""

    def __init__(self, kind: FeatureKind) -> None:
        self.kind = kind
        self.seen = kind.statistics()
        self.by_class: dict[Any, Statistics] = {}

    def learn(self, x: Any, label: Any, w: float) -> None:
        """Learn a value that `kind.check` has validated, in an observation of this class."""
        own = self.by_class.get(label)
        if own is None:
            own = self.by_class[label] = self.kind.statistics()
        self.seen.observe(x, w)
        own.observe(x, w)


class FeatureKind:
    """A conjugate model of one feature within one class."""

    family: type[State]
    likelihood: likelihoods.Likelihood
    template: State | None = None
    """The state that the user configured for the feature; every class starts from its prior."""

    def statistics(self) -> Statistics:
        """Return a new, empty accumulator."""
        return self.likelihood.statistics()

    def check(self, x: Any) -> None:
        """Raise an error if a value does not match the kind."""
        self.statistics().observe(x)

    def prior(self, seen: Any, strength: float) -> Any:
        """Return a prior with the weight of `strength` observations; None if no scale is known."""
        raise NotImplementedError

    def state(self, feature: Feature, label: Any, strength: float) -> State | None:
        """Return the belief about a feature within a class; None if no scale is known yet."""
        prior = self.prior(feature.seen.value, strength)
        if prior is None:
            return None
        state = self.family(*prior)
        if label in feature.by_class:
            state.statistics.merge(feature.by_class[label])
        return state

    def log_predictives(
        self, feature: Feature, x: Any, labels: Iterable[Any], strength: float
    ) -> Iterator[float]:
        """Yield the log predictive density of a value for each class, without the base measure."""
        one = self.statistics()
        one.observe(x)
        prior = self.prior(feature.seen.value, strength)
        combine, log_marginal = self.family.combine, self.family.log_marginal
        statistic, by_class = one.value, feature.by_class
        for label in labels:
            own = by_class.get(label)
            posterior = prior if own is None else combine(prior, own.value)
            yield log_marginal(posterior, statistic)

    def alone(self, seen: Statistics) -> State:
        """Return the belief that has learned only these data."""
        state = self._empty()
        state.statistics.merge(seen)
        return state

    def _empty(self) -> State:
        """Return the belief before any data."""
        raise NotImplementedError

    def surprise(self, seen: Any, x: Any) -> float:
        """Return log p(most probable value) - log p(x) after learning only these data."""
        raise NotImplementedError


def _surprise(state: State, x: Any) -> float:
    log_p = state.log_predictive(x)
    predictive = state.predictive
    top = predictive.mode
    height = -math.inf if top is None else float(predictive.logp(top))
    if not math.isfinite(height):  # the density has no maximum: compare with the median
        height = float(predictive.logp(predictive.ppf(0.5)))
    return height - log_p


_JEFFREYS = NormalInverseGamma.jeffreys().prior


class GaussianFeature(FeatureKind):
    """Real numbers, with a Student's t predictive distribution."""

    family = NormalInverseGamma
    likelihood = likelihoods.Normal()

    def check(self, x: Any) -> None:
        """Raise an error if a value is not a number."""
        if type(x) is not float or not -LARGEST < x < LARGEST:
            bounded(x)

    def _empty(self) -> State:
        return NormalInverseGamma.jeffreys()

    def prior(self, seen: Any, strength: float) -> NormalInverseGammaHyperparameters | None:
        """Return the prior for the mean and variance, based on all classes."""
        scale = strength * seen.squares / seen.n
        if not scale > 0.0:
            return None  # a constant feature has no scale, and does not separate classes
        return NormalInverseGammaHyperparameters(seen.mean, strength, strength, scale)

    def log_predictives(
        self, feature: Feature, x: Any, labels: Iterable[Any], strength: float
    ) -> Iterator[float]:
        """Yield the log predictive density of a number for every class."""
        x = bounded(x)
        prior = self.prior(feature.seen.value, strength)
        if prior is None:
            return
        by_class = feature.by_class
        for label in labels:
            own = by_class.get(label)
            posterior = prior if own is None else NormalInverseGamma.combine(prior, own.value)
            scale, distance = _student_kernel(posterior, x)
            yield _student_constant(posterior.alpha) - scale - distance

    def surprise(self, seen: Any, x: Any) -> float:
        """Return the surprise under Jeffreys' prior; a constant feature is treated as a label."""
        x, value = bounded(x), seen.value
        if not value.squares > 0.0:
            return 0.0 if x == value.mean else max(0.0, math.log(value.n))
        posterior = NormalInverseGamma.combine(_JEFFREYS, value)
        if not posterior.alpha > 0.0:
            return 0.0
        return _student_kernel(posterior, x)[1]


class CountFeature(FeatureKind):
    """Whole numbers >= 0: the predictive is negative binomial."""

    family = Gamma
    likelihood = likelihoods.Poisson()

    def _empty(self) -> State:
        return Gamma.jeffreys()

    def prior(self, seen: Any, strength: float) -> GammaHyperparameters:
        """Return the prior for the rate, based on all classes and on a Gamma(1, 1) prior."""
        return GammaHyperparameters(strength * (seen.a + 1.0) / (seen.b + 1.0), strength)

    def surprise(self, seen: Any, x: Any) -> float:
        """Return the surprise under Jeffreys' prior."""
        return _surprise(self.alone(seen), x)


class CategoricalFeature(FeatureKind):
    """Labels from an open vocabulary, with a Dirichlet process prior based on all classes."""

    family = DirichletProcess
    likelihood = likelihoods.Categorical()

    def _empty(self) -> State:
        return DirichletProcess(1.0)  # new labels have the weight of one observation

    def prior(self, seen: Any, strength: float) -> DirichletProcessHyperparameters:
        """Return the prior centred at the shares over all classes; new labels have weight 1."""
        unit = strength / (math.fsum(seen.values()) + 1.0)
        return DirichletProcessHyperparameters(unit, {label: unit * n for label, n in seen.items()})

    def log_predictives(
        self, feature: Feature, x: Any, labels: Iterable[Any], strength: float
    ) -> Iterator[float]:
        """Yield a label's log predictive for every class, without iterating over all labels."""
        self.check(x)
        seen, by_class = feature.seen, feature.by_class
        share = strength * seen.value.get(x, 1.0) / (seen.n + 1.0)
        for label in labels:
            own = by_class.get(label)
            count, n = (0.0, 0.0) if own is None else (own.value.get(x, 0.0), own.n)
            yield math.log((count + share) / (n + strength))

    def surprise(self, seen: Any, x: Any) -> float:
        """Return the surprise; a new label has the weight of one observation."""
        self.check(x)
        counts = seen.value
        return math.log(max(*counts.values(), 1.0) / counts.get(x, 1.0))


class StateFeature(FeatureKind):
    """The model given by a state; every class starts from the state's prior."""

    template: State

    def __init__(self, template: State) -> None:
        self.family = type(template)
        self.template = template.clone()

    def statistics(self) -> Statistics:
        """Return a new, empty accumulator."""
        return self.template.new_statistics()

    def prior(self, seen: Any, strength: float) -> Any:
        """Return the prior of the state."""
        return self.template.prior

    def _empty(self) -> State:
        return self.template.clone()

    def state(self, feature: Feature, label: Any, strength: float) -> State:
        """Return the belief about a feature within a class."""
        state = self.template.clone()
        if label in feature.by_class:
            state.statistics.merge(feature.by_class[label])
        return state

    def surprise(self, seen: Any, x: Any) -> float:
        """Return the surprise under the prior of the state."""
        return _surprise(self.alone(seen), x)


KINDS: dict[str, FeatureKind] = {
    "gaussian": GaussianFeature(),
    "count": CountFeature(),
    "categorical": CategoricalFeature(),
}
"""The kinds of features, keyed by name."""


def kinds(features: Mapping[Any, str | State] | None) -> dict[Any, FeatureKind]:
    """Return the kind of every configured feature, given by a name or a state.

    Raises
    ------
    PriorError
        If a value is neither a name nor a state, or a prior is improper.
    """
    return {name: _kind(name, given) for name, given in (features or {}).items()}


def _kind(name: Any, given: Any) -> FeatureKind:
    if isinstance(given, State):
        if not given.is_proper(given.prior):
            raise PriorError(f"the prior of feature {name!r} is improper: {given.prior}")
        return StateFeature(given)
    if not isinstance(given, str) or given not in KINDS:
        expected = " or ".join(map(repr, KINDS))
        raise PriorError(f"expected feature {name!r} to be {expected} or a state, got {given!r}")
    return KINDS[given]


def kind_of(x: Any) -> FeatureKind:
    """Return a feature's kind from its first value: Gaussian for numbers, otherwise categorical."""
    number = isinstance(x, (numbers.Real, decimal.Decimal)) and not isinstance(x, (bool, np.bool_))
    return KINDS["gaussian" if number else "categorical"]


def checked(
    x: Mapping[Any, Any], known: Mapping[Any, Feature], given: Mapping[Any, FeatureKind]
) -> dict[Any, Feature]:
    """Validate all values of an observation, and return its known and new features.

    Raises
    ------
    ObservationError
        If a value is missing or does not match its feature.
    """
    check_features(x)
    found = {}
    for name, value in x.items():
        feature = known.get(name) or Feature(given.get(name) or kind_of(value))
        try:
            feature.kind.check(value)
        except ObservationError as error:
            raise named(name, error) from None
        found[name] = feature
    return found


def named(name: Any, error: ObservationError) -> ObservationError:
    """Return an error that names the feature."""
    return ObservationError(f"feature {name!r}: {error}")
