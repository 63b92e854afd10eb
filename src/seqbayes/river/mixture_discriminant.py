"""A classifier with a mixture for every class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqbayes import likelihoods, serialization
from seqbayes.errors import ObservationError, PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture import Mixture
from seqbayes.mixture.settings import as_count, check_buffer
from seqbayes.river import class_mixture, document
from seqbayes.river import features as kinds
from seqbayes.river.class_mixture import SHAPES, ClassMixture, Cluster
from seqbayes.river.features import bounded_weight
from seqbayes.river.generative import GenerativeClassifier
from seqbayes.state import State


class MixtureDiscriminant(GenerativeClassifier):
    """Mixture discriminant analysis: every class is a mixture, learned by online EM.

    The probability of a class is by Bayes' rule: the Dirichlet predictive of the class, times the
    predictive density of the features under the class's mixture. So a class may have several
    clusters, of any shapes, where naive Bayes has one whose features are independent.

    Parameters
    ----------
    components
        How many components every class has; or their priors, states that are cloned for every
        class: products of named fields, or vectors with named features.
    features
        How to model features, by name, as in `ConjugateNB`: "gaussian", "count", "categorical", or
        a state that can be a component. Other features are modelled by their first value.
    covariance
        "full": the numbers of a component depend on each other. "diagonal": they do not. Features
        of other kinds are independent within a component.
    strength
        How many observations the prior of a feature is worth, > 0.
    class_strength
        Dirichlet concentration of every class, > 0.
    buffer
        Observations of a class from which its mixture begins; by default 25 per component.
    seed
        Seed of the starts.

    Notes
    -----
    Until its mixture starts, a class is modelled as in `ConjugateNB`: one component of independent
    features. Features that appear later are modelled the same way. The prior of a component comes
    from the data of all classes when its mixture starts.

    A feature absent from an observation is marginalised out; one never learned, or a number that
    has never varied, is ignored. Missing values (None, NaN) and values that do not fit the kind
    of their feature are refused before anything is learned: omit them instead. Labels that
    are new to a mixture are one category to it, within which they share as in all classes.

    Raises
    ------
    PriorError
        If a parameter is out of range, or a feature's model is unknown or improper.

    References
    ----------
    .. [1] Hastie, T. and Tibshirani, R. (1996). Discriminant analysis by Gaussian mixtures. Journal
       of the Royal Statistical Society B 58, 155-176.
    .. [2] Cappé, O. and Moulines, E. (2009). On-line expectation-maximization algorithm for latent
       data models. Journal of the Royal Statistical Society B 71, 593-613.

    Examples
    --------
    Inside and outside of a ring, which no line can separate:

    >>> import math, random
    >>> from seqbayes.river import MixtureDiscriminant
    >>> model, rng = MixtureDiscriminant(components=4, seed=1), random.Random(1)
    >>> for _ in range(1000):
    ...     inside, angle = rng.random() < 0.5, rng.uniform(0, 2 * math.pi)
    ...     radius = rng.gauss(0 if inside else 4, 0.5)
    ...     x = {"x": radius * math.cos(angle), "y": radius * math.sin(angle)}
    ...     model.learn_one(x, "inside" if inside else "outside")
    >>> [model.predict_one({"x": x, "y": 0.0}) for x in (-4.0, 0.0, 4.0)]
    ['outside', 'inside', 'outside']
    >>> print(f"{model.predict_proba_one({'x': 4.2})['outside']:.3f}")
    1.000
    """

    def __init__(
        self,
        components: int | Sequence[State] = 3,
        features: Mapping[Any, str | State] | None = None,
        covariance: str = "full",
        strength: float = 1.0,
        class_strength: float = 1.0,
        buffer: int | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(class_strength)
        self.components = components
        self.features = features
        if covariance not in SHAPES:
            shapes = " or ".join(map(repr, SHAPES))
            raise PriorError(f"expected covariance {shapes}, got {covariance!r}")
        self.covariance = covariance
        self.strength = check_parameter("strength", strength)
        self.buffer = buffer
        self.seed = seed
        self._k, self._prototypes = _components(components)
        self._size = check_buffer(buffer, self._k, 25 * self._k)
        self._kinds = kinds.kinds(features)
        for kind in self._kinds.values():
            if kind.template is not None:
                class_mixture.check_component(kind.template)
        self._buffers: dict[Any, list[tuple[dict[Any, Any], float]]] = {}
        self._mixtures: dict[Any, ClassMixture] = {}

    def learn_one(self, x: Mapping[Any, Any], y: Any, w: float = 1.0) -> None:
        """Learn from the features `x` of an observation of class `y`.

        Parameters
        ----------
        x
            Values by the name of the feature.
        y
            The class, any hashable label.
        w
            Weight, finite and >= 0.

        Raises
        ------
        ObservationError
            If a value is missing or does not fit its feature. The model is then unchanged.
        """
        weight = bounded_weight(w)
        likelihoods.Categorical().statistics().observe(y)
        found = kinds.checked(x, self._features, self._kinds)
        if weight == 0.0:
            return
        mixture = self._mixtures.get(y)
        if mixture is None and self._prototypes is not None:
            made = Mixture(self._prototypes, buffer=self._size, seed=self.seed)
            mixture = ClassMixture(made)
        if mixture is not None:
            mixture.learn(x, weight)
            self._mixtures[y] = mixture
        self._classes.observe(y, weight)
        for name, feature in found.items():
            self._features[name] = feature
            feature.learn(x[name], y, weight)
        if mixture is None and x:
            self._keep(dict(x), y, weight)

    def _keep(self, x: dict[Any, Any], label: Any, w: float) -> None:
        """Buffer an observation of a class; start its mixture when the buffer is full."""
        kept = self._buffers.setdefault(label, [])
        if len(kept) < self._size:
            kept.append((x, w))
        if len(kept) < self._size:
            return
        prior, numbers = class_mixture.component(
            self._features, label, self._k, self.strength, self.covariance
        )
        if prior is None:
            return
        mixture = Mixture([prior] * self._k, buffer=self._size, seed=self.seed)
        begun = ClassMixture(mixture, numbers, self._features)
        for each, weight in kept:
            begun.learn(each, weight)
        self._mixtures[label] = begun
        del self._buffers[label]

    def joint_log_likelihood(self, x: Mapping[Any, Any]) -> dict[Any, float]:
        """Return log p(class, x) of every class.

        Raises
        ------
        ObservationError
            If a value is missing or does not fit its feature.
        """
        known = kinds.checked(x, self._features, self._kinds)
        known = {name: feature for name, feature in known.items() if name in self._features}
        seen = {name: x[name] for name in known}
        counts = self._classes.value
        whole = self._classes.n + len(counts) * self.class_strength
        joint = {}
        for label, n in counts.items():
            mixture = self._mixtures.get(label)
            joint[label] = math.log((n + self.class_strength) / whole)
            if mixture is not None:
                joint[label] += mixture.log_predictive(seen, self._features)
        for name, feature in known.items():
            # in classes that have one component for it
            labels = [
                label
                for label in counts
                if label not in self._mixtures or name not in self._mixtures[label].names
            ]
            if labels:
                one = feature.kind.statistics()
                one.observe(seen[name])
                given = feature.kind.log_predictives(feature, seen[name], labels, self.strength)
                for label, log_predictive in zip(labels, given, strict=False):
                    joint[label] += float(log_predictive) + one.log_base
        return joint

    def mixture(self, label: Any) -> Mixture | None:
        """Return a copy of the mixture of a class; None until it starts.

        Raises
        ------
        ObservationError
            If the class is unknown.
        """
        self._count(label)
        found = self._mixtures.get(label)
        return None if found is None else found.mixture.clone(include_attributes=True)

    def clusters(self, label: Any) -> list[Cluster]:
        """Return name, share and centre of every component of a class, the largest first.

        The list is empty until its mixture starts.

        Raises
        ------
        ObservationError
            If the class is unknown.

        Examples
        --------
        >>> import random
        >>> from seqbayes.river import MixtureDiscriminant
        >>> model, rng = MixtureDiscriminant(components=2, seed=1), random.Random(1)
        >>> for i in range(300):
        ...     model.learn_one({"x": rng.gauss(8 if i % 3 else -2, 1)}, "seen")
        >>> [(round(one.weight, 2), round(one.centre["x"])) for one in model.clusters("seen")]
        [(0.67, 8), (0.33, -2)]
        """
        self._count(label)
        found = self._mixtures.get(label)
        return [] if found is None else found.clusters()

    def learned(self) -> dict[str, Any]:
        """Return the data of the classes, their mixtures and their buffers."""
        return {
            **super().learned(),
            "mixtures": [
                [
                    serialization.encode(label),
                    serialization.encode(each.numbers),
                    each.mixture.to_dict(),
                ]
                for label, each in self._mixtures.items()
            ],
            "buffers": [
                [serialization.encode(label), [[serialization.encode(x), w] for x, w in kept]]
                for label, kept in self._buffers.items()
            ],
        }

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned."""
        super().restore(learned)
        for label, numbers, mixture in document.read_lists(learned.get("mixtures"), 3):
            known = None if self._prototypes is not None else self._features
            found = class_mixture.read(mixture, serialization.decode(numbers), known)
            self._mixtures[serialization.decode(label)] = found
        for label, kept in document.read_lists(learned.get("buffers")):
            self._buffers[serialization.decode(label)] = self._read_kept(kept)

    def _read_kept(self, written: Any) -> list[tuple[dict[Any, Any], float]]:
        kept = []
        for x, w in document.read_lists(written):
            row = serialization.decode(x)
            if not isinstance(row, dict):
                raise PriorError(f"expected an observation, got {row!r}")
            try:
                kinds.checked(row, self._features, self._kinds)
                kept.append((row, bounded_weight(w)))
            except ObservationError as error:
                raise PriorError(f"cannot read an observation: {error}") from None
        return kept


def _components(given: Any) -> tuple[int, tuple[State, ...] | None]:
    """Return how many components a class has, and their priors if they are given."""
    count = as_count(given)
    if count is not None:
        return count, None
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        raise PriorError(f"expected at least one component, got {given!r}")
    states = class_mixture.prototypes(given)
    return len(states), states
