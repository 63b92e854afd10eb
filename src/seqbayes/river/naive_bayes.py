"""A naive Bayes classifier with a conjugate belief for each class and feature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from seqbayes import likelihoods
from seqbayes.errors import ObservationError
from seqbayes.likelihoods import check_parameter
from seqbayes.river import features as kinds
from seqbayes.river.features import bounded_weight
from seqbayes.river.generative import GenerativeClassifier
from seqbayes.river.tempering import Tempering
from seqbayes.state import State


class ConjugateNB(GenerativeClassifier):
    """Naive Bayes with a conjugate state for each class and feature.

    The prior for a feature within a class is estimated from its data in all classes, with a weight
    of `strength` observations; the class's own values have full weight. Features therefore need no
    scaling, a class with one or two observations is neither certain nor ignored, and new values
    have a probability above zero.

    Parameters
    ----------
    features
        How to model features, keyed by name: "gaussian" (Student's t predictive), "count"
        (Gamma-Poisson), "categorical" (Dirichlet, with an open vocabulary), or a state of any
        family, which is the prior for every class. The model of other features is chosen by their
        first value: numbers are Gaussian; strings, booleans and all other types are categorical.
    strength
        Weight of the prior for a feature, as a number of observations, > 0.
    class_strength
        Dirichlet concentration of every class, > 0.
    temper
        Whether to average predictions over powers of the likelihood, weighted by their prequential
        scores. This corrects the overconfidence of naive Bayes if features depend on each other.
        Without tempering, predictions are exact Bayesian inference under the model.

    Notes
    -----
    Features absent from an observation, unknown features, and numeric features whose values have
    all been equal are ignored. Missing values (None, NaN) and values that do not match the kind of
    their feature raise an error before anything is learned; omit them instead.

    The prior for a feature changes with its data: it is an empirical Bayes prior, with the
    information of `strength` observations [1]_.

    Raises
    ------
    PriorError
        If a strength is not above zero, or a feature's model is unknown or improper.

    References
    ----------
    .. [1] Kass, R. E. and Wasserman, L. (1995). A reference Bayesian test for nested hypotheses and
       its relationship to the Schwarz criterion.
    .. [2] Murphy, K. (2012). Machine Learning: A Probabilistic Perspective, section 3.5.

    Examples
    --------
    >>> from seqbayes.river import ConjugateNB
    >>> model = ConjugateNB(features={"legs": "count"})
    >>> model.learn_one({"legs": 4, "weight": 30.0, "noise": "bark"}, "dog")
    >>> model.learn_one({"legs": 4, "weight": 4.0, "noise": "meow"}, "cat")
    >>> model.learn_one({"legs": 4, "weight": 25.0, "noise": "bark"}, "dog")
    >>> model.predict_one({"noise": "meow", "weight": 5.0})
    'cat'
    >>> print(f"{model.belief('dog', 'weight').mean.mean:.4f}")
    24.8889
    """

    former_defaults: ClassVar = {"temper": False}
    added_parameters: ClassVar = frozenset({"temper"})

    def __init__(
        self,
        features: Mapping[Any, str | State] | None = None,
        strength: float = 1.0,
        class_strength: float = 1.0,
        temper: bool = True,
    ) -> None:
        super().__init__(class_strength)
        self.temper = temper
        self._tempering = Tempering() if temper else None
        self.features = features
        self.strength = check_parameter("strength", strength)
        self._kinds = kinds.kinds(features)

    def learn_one(self, x: Mapping[Any, Any], y: Any, w: float = 1.0) -> None:
        """Learn from the features `x` of an observation of class `y`.

        Parameters
        ----------
        x
            Mapping of feature names to values.
        y
            The class, any hashable label.
        w
            Weight, finite and >= 0; weight 2 is equivalent to learning twice.

        Raises
        ------
        ObservationError
            If a value is missing or does not match its feature. The model is then unchanged.
        """
        weight = bounded_weight(w)
        likelihoods.Categorical().statistics().observe(y)
        found = kinds.checked(x, self._features, self._kinds)
        if weight == 0.0:
            return
        self._score(x, y, weight)
        self._classes.observe(y, weight)
        for name, feature in found.items():
            self._features[name] = feature
            feature.learn(x[name], y, weight)

    def _log_likelihoods(self, x: Mapping[Any, Any], last: bool = False) -> list[list[float]]:
        kinds.check_features(x)
        counts = self._classes.value
        total = [0.0] * len(counts)
        for name, value in x.items():
            feature = self._features.get(name)
            if feature is not None:
                given = feature.kind.log_predictives(feature, value, counts, self.strength)
                try:
                    for i, log_predictive in enumerate(given):
                        total[i] += log_predictive
                except ObservationError as error:
                    raise kinds.named(name, error) from None
        return [list(map(float, total))]

    def belief(self, label: Any, feature: Any) -> State | None:
        """Return the belief about a feature within a class, as a separate state.

        Returns None for a numeric feature whose values have all been equal, because the scale of
        its prior is unknown.

        Raises
        ------
        ObservationError
            If the class or feature is unknown.
        """
        self._count(label)
        if feature not in self._features:
            raise ObservationError(f"expected a known feature, got {feature!r}")
        seen = self._features[feature]
        return seen.kind.state(seen, label, self.strength)
