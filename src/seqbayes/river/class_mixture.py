# cython: annotation_typing=False
"""The mixture of one class: its components, and how it reads observations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from seqbayes.checks import as_count
from seqbayes.errors import PriorError
from seqbayes.families import Dirichlet, NormalInverseGamma, NormalInverseWishart, Product
from seqbayes.likelihoods import MultivariateNormal
from seqbayes.mixture import Mixture
from seqbayes.mixture.components.state_adapters import adapter_of
from seqbayes.mixture.em.settings import check_proper
from seqbayes.river.features import KINDS, Feature
from seqbayes.state import State

SHAPES = ("full", "diagonal")


class Cluster(NamedTuple):
    """A component of a class's mixture: its name, share and centre.

    `centre` has, for each feature, the mean of its numbers or its most probable label.
    """

    name: Any
    weight: float
    centre: dict[Any, Any]


class FeatureLayout(NamedTuple):
    """The features that a mixture without categories reads from an observation.

    A layout consists of the field of several numbers, the features in that field, and all features.
    """

    numbers: Any
    vector: frozenset[Any]
    names: frozenset[Any]


@lru_cache(maxsize=1024)  # one object for all mixtures, so that comparisons are fast
def _shared(numbers: Any, vector: frozenset[Any], names: frozenset[Any]) -> FeatureLayout:
    return FeatureLayout(numbers, vector, names)


class ClassMixture:
    """A mixture over some of the features of observations.

    Parameters
    ----------
    mixture
        The mixture, over products of fields or over vectors with names.
    numbers
        The field that contains a vector of several numbers, if any.
    known
        All known features. Labels that are new to the mixture form a single category.
    """

    def __init__(
        self, mixture: Mixture, numbers: Any = None, known: Mapping[Any, Feature] | None = None
    ) -> None:
        self.mixture = mixture
        self.numbers = numbers
        self._priors = mixture.priors or ()
        fields = _fields(self._priors[0])
        vector = () if numbers is None else fields[numbers].likelihood.observation_fields
        if numbers is not None and not vector:
            raise PriorError(f"expected a field of several numbers, got {numbers!r}")
        self._vector = frozenset(vector)
        self._others: dict[Any, Any] = {}
        self._labels: dict[Any, frozenset[Any]] = {}
        for name, feature in (known or {}).items():
            if name in fields and feature.kind is KINDS["categorical"]:
                *labels, self._others[name] = fields[name].categories
                self._labels[name] = frozenset(labels)
        self.names = self._vector | (fields.keys() - {numbers})
        # mixtures of the same layout project an observation in the same way
        self.layout: Any = self if self._labels else _shared(numbers, self._vector, self.names)

    def project(self, x: Mapping[Any, Any]) -> dict[Any, Any]:
        """Return the features of an observation that the mixture models."""
        found: dict[Any, Any] = {}
        vector: dict[Any, Any] = {}
        for name, value in x.items():
            if name in self._vector:
                vector[name] = value
            elif name in self._labels:
                found[name] = value if value in self._labels[name] else self._others[name]
            elif name in self.names:
                found[name] = value
        if vector:
            found[self.numbers] = vector
        return found

    def learn(self, found: Mapping[Any, Any], w: float) -> None:
        """Learn the result of `project` for an observation."""
        if found:
            self.mixture.learn_one(found, w)

    def clusters(self) -> list[Cluster]:
        """Return the components in order of decreasing share; none before the first observation."""
        parameters = self.mixture.parameters
        if parameters is None:
            return []
        names, weights = self.mixture.names, self.mixture.weights
        found = []
        for k in self.mixture.ranking:
            centre = dict(_centre(self._priors[k], parameters[k]))
            numbers = centre.pop(self.numbers) if self.numbers in centre else {}
            found.append(Cluster(names[k], weights[k], numbers | centre))
        return found

    def log_predictive(
        self, found: Mapping[Any, Any], x: Mapping[Any, Any], known: Mapping[Any, Feature]
    ) -> float:
        """Return the log predictive density of the features that the mixture models.

        Parameters
        ----------
        found
            The result of `project` for the observation.
        x
            The observation.
        known
            All known features.
        """
        if not found:
            return 0.0
        log_density = self.mixture.log_predictive(found)
        if not self._others:
            return log_density
        return log_density + math.fsum(
            self._within_others(name, x[name], known[name].seen)
            for name, label in self._others.items()
            if found.get(name) == label
        )

    def _within_others(self, name: Any, label: Any, seen: Any) -> float:
        """Return the log share of a label among the labels new to the mixture, over all classes.

        The total weight of all unknown labels is one observation.
        """
        counts = seen.value
        own = math.fsum(counts.get(each, 0.0) for each in self._labels[name])
        return math.log(counts.get(label, 1.0) / (max(seen.n - own, 0.0) + 1.0))


class Projections:
    """The projections of one observation by mixtures, one for each layout.

    Parameters
    ----------
    x
        The observation.
    """

    def __init__(self, x: Mapping[Any, Any]) -> None:
        self._x = x
        self._known: dict[Any, dict[Any, Any]] = {}

    def of(self, mixture: ClassMixture) -> dict[Any, Any]:
        """Return the features of the observation that a mixture models."""
        found = self._known.get(mixture.layout)
        if found is None:
            found = self._known[mixture.layout] = mixture.project(self._x)
        return found


def _fields(state: Any) -> dict[Any, Any]:
    """Return the fields of a product, or the names of a vector's features."""
    return state.parts() or dict.fromkeys(state.likelihood.observation_fields)


def _centre(state: Any, parameter: Any) -> Any:
    """Return the mean for each field or feature; for labels, the most probable label."""
    if parts := state.parts():
        return {name: _centre(field, parameter[name]) for name, field in parts.items()}
    if isinstance(parameter, Mapping):
        return max(parameter, key=parameter.__getitem__)
    mean = parameter[0] if isinstance(parameter, tuple) else parameter
    if np.ndim(mean):
        features = state.likelihood.observation_fields or range(len(mean))
        return dict(zip(features, mean.tolist(), strict=True))
    return float(mean)


def check_component(state: State) -> None:
    """Raise an error if a state cannot be a component of a mixture on a stream.

    Raises
    ------
    PriorError
        If the state or one of its fields cannot be a component.
    """
    adapter_of(state)
    for field in state.parts().values():
        check_component(field)
    check_proper(state)


def prototypes(given: Any) -> tuple[State, ...]:
    """Validate states as the components of every class.

    Raises
    ------
    PriorError
        If the states are invalid, or their observations are not mappings of features.
    """
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise PriorError(f"expected components to be states or their number, got {given!r}")
    for state in given:
        check_component(state)
        if not state.likelihood.observation_fields:
            raise PriorError(
                "expected products of named fields, or vectors with named features, as components"
                f" of a class, got {state!r}"
            )
        if set(_fields(state)) != set(_fields(given[0])):
            raise PriorError(
                f"expected components over the same features, got {tuple(_fields(state))}"
                f" and {tuple(_fields(given[0]))}"
            )
    return tuple(given)


def read(
    written: Mapping[str, Any], numbers: Any, known: Mapping[Any, Feature] | None
) -> ClassMixture:
    """Read the mixture of a class.

    Raises
    ------
    PriorError
        If the document is invalid.
    """
    mixture = Mixture.from_dict(written)
    given = prototypes(mixture.priors or ())
    try:
        return ClassMixture(mixture, numbers, known)
    except (AttributeError, KeyError, TypeError, ValueError):
        expected = "expected the mixture of a class"
        raise PriorError(f"{expected}, got a mixture with the component {given[0]}") from None


def component(
    features: Mapping[Any, Feature], label: Any, k: int, strength: float, covariance: str
) -> tuple[Product | None, Any]:
    """Return the prior for a component of a class, and the prior's vector field, or None.

    Every feature has the prior that naive Bayes would use: the feature's data in all classes, with
    the weight of `strength` observations. Variances are those of `k` clusters that together occupy
    the same space. The result is None if no feature varies yet.
    """
    fields: dict[Any, State] = {}
    numbers = {}
    for name in sorted(features, key=repr):  # sorted, so that the order of features does not matter
        feature = features[name]
        if feature.kind is KINDS["gaussian"]:
            prior: Any = feature.kind.prior(feature.seen.value, strength)
            if prior is not None:
                numbers[name] = prior
        elif feature.kind is KINDS["categorical"]:
            fields[name] = _labels(feature, label, strength)
        elif feature.kind.template is not None:
            fields[name] = feature.kind.template
        else:
            prior = feature.kind.prior(feature.seen.value, strength)
            fields[name] = feature.kind.family(*prior, likelihood=feature.kind.likelihood)
    shrink = k ** (-2.0 / len(numbers)) if numbers else 1.0
    key = None
    if covariance == "full" and len(numbers) > 1:
        key = "numbers"
        while key in fields:
            key += "_"
        fields[key] = _vector(numbers, strength, shrink)
    else:
        for name, (mean, kappa, alpha, beta) in numbers.items():
            fields[name] = NormalInverseGamma(mean, kappa, alpha, beta * shrink)
    return (Product(fields), key) if fields else (None, None)


def _labels(feature: Feature, label: Any, strength: float) -> Dirichlet:
    """Return the prior over the labels of a class, with all other labels combined."""
    own = feature.by_class.get(label)
    overall = feature.seen.value
    unit = strength / (feature.seen.n + 1.0)
    alpha = {each: unit * overall[each] for each in sorted(own.value if own else (), key=repr)}
    others: Any = ("others",)
    while others in alpha:
        others = (*others, "others")
    alpha[others] = max(strength - math.fsum(alpha.values()), unit)
    return Dirichlet(alpha)


def _vector(numbers: Mapping[Any, Any], strength: float, shrink: float) -> NormalInverseWishart:
    """Return a prior for vectors whose coordinates have these priors."""
    d = len(numbers)
    scale = [[0.0] * d for _ in range(d)]
    for i, prior in enumerate(numbers.values()):
        scale[i][i] = 2.0 * prior.beta * shrink
    return NormalInverseWishart(
        [prior.mean for prior in numbers.values()],
        strength,
        d - 1.0 + 2.0 * strength,
        scale,
        likelihood=MultivariateNormal(features=tuple(numbers)),
    )


def numbers_of_components(given: Any, most: int) -> tuple[Sequence[int], tuple[State, ...] | None]:
    """Return the numbers of components that a class can have, and the given priors, if any."""
    if given is None:
        return range(1, most + 1), None
    count = as_count(given)
    if count is not None:
        return (count,), None
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        raise PriorError(f"expected at least one component, got {given!r}")
    states = prototypes(given)
    return (len(states),), states
