# cython: annotation_typing=False
"""A classifier with a mixture for every class."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from seqbayes import likelihoods, serialization
from seqbayes.errors import ObservationError, PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture import Mixture
from seqbayes.mixture.em.settings import check_buffer
from seqbayes.river import class_mixture, document
from seqbayes.river import features as kinds
from seqbayes.river.candidates import MixtureCandidates
from seqbayes.river.class_mixture import SHAPES, ClassMixture, Cluster, Projections
from seqbayes.river.features import Feature, bounded_weight
from seqbayes.river.generative import GenerativeClassifier
from seqbayes.river.tempering import Tempering
from seqbayes.state import State

MOST = 3
"""Default maximum number of components of a class."""

Read = tuple[dict[Any, Feature], Projections]


class MixtureDiscriminant(GenerativeClassifier):
    """Mixture discriminant analysis: every class is a mixture, learned by online EM.

    The probability of a class follows from Bayes' rule: it is proportional to the Dirichlet
    predictive probability of the class times the predictive density of the features under the
    class's mixture. A class can therefore have several clusters of any shape, while naive Bayes has
    one cluster with independent features for each class.

    Parameters
    ----------
    components
        Number of components per class. Alternatively, the priors of the components, which are
        cloned for every class: products of named fields, or vectors with named features. By
        default, the number from one to three that best predicts the observations of the class.
    features
        How to model features, keyed by name, as in `ConjugateNB`: "gaussian", "count",
        "categorical", or a state that can be a component. The model of other features is chosen by
        their first value.
    covariance
        "full": the numbers of a component are correlated. "diagonal": they are independent.
        Features of other kinds are always independent within a component.
    strength
        Weight of the prior for a feature, as a number of observations, > 0.
    class_strength
        Dirichlet concentration of every class, > 0.
    buffer
        Number of observations of a class before its mixture starts; by default 25 per component.
    seed
        Seed for the starts.

    Notes
    -----
    By default a class begins with one component. Mixtures of two and three components learn at the
    same time, and the mixture that has best predicted the observations of the class is preferred.
    These mixtures are used if they predict labels better than one component per class. After 1000
    observations of a class, only one of its mixtures is kept. The likelihoods are tempered as in
    `ConjugateNB`, together with the shares of the classes. If `components` is given, there is no
    tempering: the probabilities are those of the model.

    Until its mixture starts, a class is modelled as in `ConjugateNB`: one component of independent
    features. Features that appear later are modelled the same way. The prior for a component is
    based on the data of all classes at the time when its mixture starts.

    A feature that is absent from an observation is marginalised out. Features that were never
    learned, and numeric features whose values have all been equal, are ignored. Missing values
    (None, NaN) and values that do not match the kind of their feature raise an error before
    anything is learned; omit them instead. Labels that are new to a mixture form one category,
    within which they have the same shares as over all classes.

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
    The inside and outside of a ring, which no line can separate:

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

    former_defaults: ClassVar = {"components": 3}

    def __init__(
        self,
        components: int | Sequence[State] | None = None,
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
        counts, self._prototypes = class_mixture.numbers_of_components(components, MOST)
        self._sizes = {k: check_buffer(buffer, k, 25 * k) for k in counts}
        if components is None:
            self._tempering = Tempering(models=2, with_shares=True)
        self._kinds = kinds.kinds(features)
        for kind in self._kinds.values():
            if kind.template is not None:
                class_mixture.check_component(kind.template)
        self._buffers: dict[Any, list[tuple[dict[Any, Any], float]]] = {}
        self._candidates: dict[Any, MixtureCandidates[ClassMixture]] = {}
        self._recent: tuple[Any, dict[Any, Any], Read] | None = None

    def learn_one(self, x: Mapping[Any, Any], y: Any, w: float = 1.0) -> None:
        """Learn from the features `x` of an observation of class `y`.

        Parameters
        ----------
        x
            Mapping of feature names to values.
        y
            The class, any hashable label.
        w
            Weight, finite and >= 0.

        Raises
        ------
        ObservationError
            If a value is missing or does not match its feature. The model is then unchanged.
        """
        weight = bounded_weight(w)
        candidates = self._candidates.get(y) if isinstance(y, Hashable) else None
        if candidates is None:
            likelihoods.Categorical().statistics().observe(y)  # this checks the label
        found, projections = self._read(x)
        if weight == 0.0:
            return
        self._score(x, y, weight)
        self._recent = None  # the caller may change `x`
        if candidates is None and self._prototypes is not None:
            (size,) = self._sizes.values()
            made = Mixture(self._prototypes, buffer=size, seed=self.seed)
            candidates = MixtureCandidates()
            candidates.add(ClassMixture(made))
        if candidates is not None:
            if candidates.are_open:
                logs = [
                    each.log_predictive(projections.of(each), x, self._features)
                    for each in candidates.mixtures
                ]
                candidates.score(logs, weight)
            elif candidates.are_decided and self._tempering is not None:
                candidates.keep(first=self._tempering.probability_of(1) <= 0.5)
            for mixture in candidates.mixtures:
                mixture.learn(projections.of(mixture), weight)
            self._candidates[y] = candidates
        self._classes.observe(y, weight)
        for name, feature in found.items():
            self._features[name] = feature
            feature.learn(x[name], y, weight)
        if x and (candidates is None or y in self._buffers):
            self._keep(dict(x), y, weight)

    def _read(self, x: Mapping[Any, Any]) -> Read:
        """Validate an observation; return its features and its projections, and keep them."""
        if self._recent is not None:
            last, values, read = self._recent
            if last is x and values == x and all(map(operator.is_, values.values(), x.values())):
                return read
        read = kinds.checked(x, self._features, self._kinds), Projections(x)
        self._recent = x, dict(x), read
        return read

    def _keep(self, x: dict[Any, Any], label: Any, w: float) -> None:
        """Buffer an observation of a class; start its mixture when there are enough of them."""
        kept = self._buffers.setdefault(label, [])
        sizes = self._sizes
        if len(kept) < max(sizes.values()):
            kept.append((x, w))
        candidates = self._candidates.get(label) or MixtureCandidates(keep_first=True)
        due = [k for k, size in sizes.items() if size <= len(kept)]
        started = [self._start(label, k, kept) for k in due[candidates.added :]]
        if not started or started[0] is None:  # no feature varies yet
            return
        if candidates.mixtures and candidates.mixtures[0].names != started[0].names:
            candidates = MixtureCandidates(keep_first=True)  # more features appeared
            started = [self._start(label, k, kept) for k in due]
        for mixture in started:
            if mixture is not None:
                candidates.add(mixture)
        self._candidates[label] = candidates
        if len(due) == len(sizes):
            del self._buffers[label]

    def _start(
        self, label: Any, k: int, kept: list[tuple[dict[Any, Any], float]]
    ) -> ClassMixture | None:
        """Return a mixture that has learned the buffer of a class; None if no feature varies."""
        prior, numbers = class_mixture.component(
            self._features, label, k, self.strength, self.covariance
        )
        if prior is None:
            return None
        mixture = Mixture([prior] * k, buffer=len(kept), seed=self.seed)
        mixture.is_ordered = (
            self.components is None
        )  # a candidate can be unsuitable: suppress the warning
        started = ClassMixture(mixture, numbers, self._features)
        for each, weight in kept:
            started.learn(started.project(each), weight)
        return started

    def _mixture(self, label: Any) -> ClassMixture | None:
        candidates = self._candidates.get(label)
        return None if candidates is None else candidates.best

    def _log_likelihoods(self, x: Mapping[Any, Any], last: bool = False) -> list[list[float]]:
        """Return log p(x | class) with one component per class, if needed, and the best mixtures.

        If only one of the two is needed, it is returned twice. The best mixtures are always needed
        if `last` is true, or if the number of components or the components are given.
        """
        (known, projections), seen = self._read(x), x
        if not known.keys() <= self._features.keys():
            known = {name: feature for name, feature in known.items() if name in self._features}
            seen = {name: x[name] for name in known}
            projections = Projections(seen)
        candidates = [self._candidates.get(label) for label in self._classes.value]
        first = best = None
        if self._tempering is None or last or self._tempering.needs_model(1):
            best = [None if each is None else each.best for each in candidates]
        if self._tempering is not None and self._tempering.needs_model(0):
            first = [None if each is None else each.mixtures[0] for each in candidates]
        given = [first, best] if first != best else [best]
        found = [
            self._log_densities(seen, known, each, projections)
            for each in given
            if each is not None
        ]
        return [found[0], found[-1]]

    def _log_densities(
        self,
        seen: Mapping[Any, Any],
        known: Mapping[Any, Feature],
        mixtures: Sequence[ClassMixture | None],
        projections: Projections,
    ) -> list[float]:
        """Return log p(x | class) for every class, from the class's mixture and single features."""
        total = [
            0.0
            if mixture is None
            else mixture.log_predictive(projections.of(mixture), seen, self._features)
            for mixture in mixtures
        ]
        layouts = {None if mixture is None else mixture.layout for mixture in mixtures}
        if all(layout is not None and layout.names.issuperset(known) for layout in layouts):
            return total
        labels = list(self._classes.value)
        for name, feature in known.items():
            # in classes with a single component
            single = [
                k
                for k, mixture in enumerate(mixtures)
                if mixture is None or name not in mixture.names
            ]
            if single:
                one = feature.kind.statistics()
                one.observe(seen[name])
                given = feature.kind.log_predictives(
                    feature, seen[name], [labels[k] for k in single], self.strength
                )
                for k, log_predictive in zip(single, given, strict=False):
                    total[k] += float(log_predictive) + one.log_base
        return total

    def mixture(self, label: Any) -> Mixture | None:
        """Return a copy of the mixture of a class; None until the mixture starts.

        Raises
        ------
        ObservationError
            If the class is unknown.
        """
        self._count(label)
        found = self._mixture(label)
        return None if found is None else found.mixture.clone(include_attributes=True)

    def clusters(self, label: Any) -> list[Cluster]:
        """Return the name, share and centre of a class's components, the largest share first.

        The list is empty until the mixture of the class starts.

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
        found = self._mixture(label)
        return [] if found is None else found.clusters()

    def learned(self) -> dict[str, Any]:
        """Return the data of the classes, their mixtures and their buffers."""
        encode = serialization.encode
        written = {
            **super().learned(),
            "mixtures": [
                [encode(label), encode(each.numbers), each.mixture.to_dict()]
                for label, candidates in self._candidates.items()
                for each in candidates.mixtures
            ],
            "buffers": [
                [encode(label), [[encode(x), w] for x, w in kept]]
                for label, kept in self._buffers.items()
            ],
        }
        if self.components is None:
            written["candidates"] = [
                [encode(label), each.dump_scores()] for label, each in self._candidates.items()
            ]
        return written

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned."""
        super().restore(learned)
        found: dict[Any, list[ClassMixture]] = {}
        for label, numbers, mixture in document.read_lists(learned.get("mixtures"), 3):
            known = None if self._prototypes is not None else self._features
            one = class_mixture.read(mixture, serialization.decode(numbers), known)
            found.setdefault(serialization.decode(label), []).append(one)
        scores = dict.fromkeys(found)
        if self.components is None:
            written = document.read_lists(learned.get("candidates"))
            scores = {serialization.decode(label): each for label, each in written}
        if scores.keys() != found.keys():
            raise PriorError(f"expected scores of {list(found)}, got {list(scores)}")
        for label, mixtures in found.items():
            self._candidates[label] = MixtureCandidates(keep_first=True)
            self._candidates[label].load(mixtures, scores[label])
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
