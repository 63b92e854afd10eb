"""An anomaly detector based on posterior predictive surprise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from river.base import AnomalyDetector

from seqbayes.errors import ObservationError
from seqbayes.model import SUMMARY_SIZE, Summary
from seqbayes.river import document
from seqbayes.river import features as kinds
from seqbayes.river.features import Feature, bounded_weight
from seqbayes.river.joint_surprise import JointSurprise
from seqbayes.state import State


class PredictiveSurprise(AnomalyDetector, document.Estimator):
    """Score an observation by its surprise under the posterior predictive.

    The surprise of a feature is ``log p(most probable value) - log p(x)`` under its posterior
    predictive: it is 0 for the most probable value, larger for less probable values, and
    independent of the unit. The sum over the features is the surprise under independence.

    The score is the larger of this sum and the joint surprise of the numeric features under a
    mixture of one, two or four Normal components. The joint surprise detects values in a gap
    between clusters, and values that contradict the correlation of the features. The mixture starts
    after 40 observations, or after ten per feature if that is more. The number of components with
    the best predictions is used.

    Parameters
    ----------
    features
        How to model features, keyed by name: "gaussian" (Student's t predictive), "count"
        (Gamma-Poisson), "categorical" (with an open vocabulary), or a state of any family with a
        proper prior. The model of other features is chosen by their first value: numbers are
        Gaussian; strings, booleans and all other types are categorical.
    joint
        Whether to also model the numeric features jointly. Ignored if there are more than 40
        numeric features.

    Notes
    -----
    Numbers and counts have Jeffreys' prior, so that location and scale are learned from the data
    alone. A numeric feature whose values have all been equal has no scale; the surprise of a
    different value is then that of a new label, ``log n`` after n observations. Absent and unknown
    features have no surprise. Missing values (None, NaN) and values that do not match the kind of
    their feature raise an error.

    Raises
    ------
    PriorError
        If a feature's model is unknown or improper.

    References
    ----------
    .. [1] Good, I. J. (1956). The surprise index for the multivariate Normal distribution.
    .. [2] Itti, L. and Baldi, P. (2009). Bayesian surprise attracts human attention.

    Examples
    --------
    >>> from seqbayes.river import PredictiveSurprise
    >>> detector = PredictiveSurprise()
    >>> for grams in (0.86, 0.91, 0.88, 0.94, 0.90, 0.87):
    ...     detector.learn_one({"weight": grams, "colour": "red"})
    >>> print(f"{detector.score_one({'weight': 0.89, 'colour': 'red'}):.2f}")
    0.01
    >>> print(f"{detector.score_one({'weight': 1.8, 'colour': 'red'}):.2f}")
    15.29
    >>> parts = detector.surprises({"weight": 1.0, "colour": "mauve"})
    >>> {name: round(surprise, 2) for name, surprise in parts.items()}
    {'weight': 3.54, 'colour': 1.79}
    """

    _repr_html_ = document.Estimator._repr_html_  # overrides River's method

    former_defaults: ClassVar = {"joint": False}
    added_parameters: ClassVar = frozenset({"joint"})

    def __init__(
        self, features: Mapping[Any, str | State] | None = None, joint: bool = True
    ) -> None:
        self.features = features
        self.joint = joint
        self._joint = JointSurprise() if joint else None
        self._kinds = kinds.kinds(features)
        self._features: dict[Any, Feature] = {}
        self._n = 0.0

    def learn_one(self, x: Mapping[Any, Any], w: float = 1.0) -> None:
        """Learn from an observation.

        Parameters
        ----------
        x
            Mapping of feature names to values.
        w
            Weight, finite and >= 0; weight 2 is equivalent to learning twice.

        Raises
        ------
        ObservationError
            If a value is missing or does not match its feature. The detector is then unchanged.
        """
        weight = bounded_weight(w)
        found = kinds.checked(x, self._features, self._kinds)
        if weight > 0.0:
            if self._joint is not None:
                self._joint.learn(self._numbers(x, found), weight)
            self._n += weight
            self._features.update(found)
            for name, feature in found.items():
                feature.seen.observe(x[name], weight)

    def surprises(self, x: Mapping[Any, Any]) -> dict[Any, float]:
        """Return the surprise of every feature of an observation.

        Raises
        ------
        ObservationError
            If a value is missing or does not match its feature.
        """
        kinds.check_features(x)
        found = {}
        for name, value in x.items():
            feature = self._features.get(name)
            try:
                found[name] = 0.0 if feature is None else feature.kind.surprise(feature.seen, value)
            except ObservationError as error:
                raise kinds.named(name, error) from None
        return found

    def joint_surprise(self, x: Mapping[Any, Any]) -> float:
        """Return the joint surprise of the numeric features of an observation.

        The joint surprise is 0 if `joint` is false, or until the mixture has started.

        Raises
        ------
        ObservationError
            If a value is missing or does not match its feature.

        Examples
        --------
        >>> import random
        >>> from seqbayes.river import PredictiveSurprise
        >>> detector, rng = PredictiveSurprise(), random.Random(1)
        >>> for _ in range(500):
        ...     a = rng.gauss(0, 1)
        ...     detector.learn_one({"a": a, "b": a + rng.gauss(0, 0.1)})
        >>> x = {"a": 1.0, "b": -1.0}
        >>> alone, together = sum(detector.surprises(x).values()), detector.joint_surprise(x)
        >>> print(f"{alone:.0f}, together {together:.0f}")
        1, together 10
        """
        self.surprises(x)  # this validates the values
        return self._together(x)

    def _together(self, x: Mapping[Any, Any]) -> float:
        if self._joint is None:
            return 0.0
        known = self._features
        return self._joint.surprise(self._numbers(x, {n: known[n] for n in x if n in known}))

    def _numbers(self, x: Mapping[Any, Any], known: Mapping[Any, Feature]) -> dict[Any, float]:
        number = kinds.KINDS["gaussian"]
        return {name: float(x[name]) for name, each in known.items() if each.kind is number}

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return the total surprise of an observation.

        The result is the sum over the features, or the joint surprise if that is larger.

        Raises
        ------
        ObservationError
            If a value is missing or does not match its feature.
        """
        return max(math.fsum(self.surprises(x).values()), self._together(x))

    @property
    def feature_models(self) -> Mapping[Any, Any]:
        """The models chosen for features, keyed by name."""
        return self.features or {}

    def summary(self) -> Summary:
        """Return the beliefs about the first features, with only the most frequent labels."""
        means: dict[str, Any] = {}
        intervals: dict[str, Any] = {}
        for name in self.feature_names[:SUMMARY_SIZE]:
            belief = self.belief(name)
            if belief.display_kind == "labels":
                top = belief.belief(belief.posterior).largest(SUMMARY_SIZE)
                found = Summary(top.mean, top.interval(0.95, "equal-tailed"))
            else:
                found = belief.summary()
            means[str(name)], intervals[str(name)] = found
        return Summary(means, intervals)

    def surprise(self, *arguments: Any) -> float:
        """Return the score of an observation."""
        return self.score_one(arguments[0])

    def forecasts(self, x: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the score of an observation."""
        return {"score": self.score_one(x)}

    @property
    def n_samples(self) -> float:
        """Total weight of the observations, regardless of which features they have.

        Examples
        --------
        >>> from seqbayes.river import PredictiveSurprise
        >>> detector = PredictiveSurprise()
        >>> detector.learn_one({"weight": 0.86})
        >>> detector.learn_one({"colour": "red"}, w=2.0)
        >>> detector.n_samples
        3.0
        """
        return self._n

    @property
    def feature_names(self) -> tuple[Any, ...]:
        """Names of the known features, in order of first appearance."""
        return tuple(self._features)

    def belief(self, feature: Any) -> State:
        """Return a copy of the belief about a feature.

        Raises
        ------
        ObservationError
            If the feature is unknown.

        Examples
        --------
        >>> from seqbayes.river import PredictiveSurprise
        >>> detector = PredictiveSurprise()
        >>> for grams in (0.86, 0.91, 0.88):
        ...     detector.learn_one({"weight": grams})
        >>> print(f"{detector.belief('weight').mean.mean:.4f}")
        0.8833
        """
        if feature not in self._features:
            raise ObservationError(f"expected a known feature, got {feature!r}")
        seen = self._features[feature]
        return seen.kind.alone(seen.seen)

    def learned(self) -> dict[str, Any]:
        """Return the weight of the observations, and the statistics of the features."""
        joint = {} if self._joint is None else {"joint": self._joint.dump()}
        features = document.write_features(self._features)
        return {"sums": [self._n], "features": features, **joint}

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned."""
        self._features.update(document.read_features(learned.get("features"), self._kinds))
        if "sums" in learned:
            (self._n,) = document.read_numbers(learned["sums"], 1)
        else:
            # earlier versions did not store the weight: use that of the most frequent feature
            self._n = max((float(each.seen.n) for each in self._features.values()), default=0.0)
        if self._joint is not None:
            self._joint.load(learned.get("joint"))
