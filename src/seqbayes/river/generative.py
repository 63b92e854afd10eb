# cython: annotation_typing=False
"""Base class of generative classifiers, which apply Bayes' rule to classes and features."""

from __future__ import annotations

import heapq
import itertools
import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from river import base

from seqbayes import likelihoods
from seqbayes.checks import check_level
from seqbayes.distributions import Beta
from seqbayes.errors import ObservationError
from seqbayes.likelihoods import check_parameter
from seqbayes.model import SUMMARY_SIZE, Summary
from seqbayes.river import document
from seqbayes.river.features import Feature, FeatureKind
from seqbayes.river.tempering import Tempering, normalized


class GenerativeClassifier(base.Classifier, document.Estimator):
    """A classifier that models features within classes, and counts the classes.

    Parameters
    ----------
    class_strength
        Dirichlet concentration of every class, > 0.

    Raises
    ------
    PriorError
        If `class_strength` is not above zero.
    """

    _repr_html_ = document.Estimator._repr_html_  # overrides River's method

    features: Mapping[Any, Any] | None

    def __init__(self, class_strength: float) -> None:
        self.class_strength = check_parameter("class_strength", class_strength)
        self._features: dict[Any, Feature] = {}
        self._kinds: dict[Any, FeatureKind] = {}
        self._classes = likelihoods.Categorical().statistics()
        self._tempering: Tempering | None = None

    @property
    def _multiclass(self) -> bool:
        return True

    def _log_likelihoods(self, x: Mapping[Any, Any], last: bool = False) -> list[list[float]]:
        """Return log p(x | class) for every class, under every model, up to a common term.

        Parameters
        ----------
        last
            Whether the last model is needed even if predictions do not use it.
        """
        raise NotImplementedError

    def _log_shares(self) -> list[float]:
        counts, strength = self._classes.value, self.class_strength
        whole = self._classes.n + len(counts) * strength
        return [math.log((n + strength) / whole) for n in counts.values()]

    def _score(self, x: Mapping[Any, Any], y: Any, w: float) -> None:
        """Let the tempering compare its prediction of the class with the observed class."""
        tempering, counts = self._tempering, self._classes.value
        if tempering is None:
            return
        label = None
        if tempering.scoring_is_due and y in counts:
            if not tempering.has_predicted(x):
                tempering.predict(x, self._log_shares(), self._log_likelihoods(x))
            label = list(counts).index(y)
        tempering.score(label, w)

    def joint_log_likelihood(self, x: Mapping[Any, Any]) -> dict[Any, float]:
        """Return log p(class, x) for every class, up to a common term, without tempering.

        Raises
        ------
        ObservationError
            If a value is missing or does not match its feature.
        """
        logs = zip(self._log_shares(), self._log_likelihoods(x, last=True)[-1], strict=True)
        return dict(zip(self._classes.value, itertools.starmap(operator.add, logs), strict=True))

    def predict_proba_one(self, x: Mapping[Any, Any], **kwargs: Any) -> dict[Any, float]:
        """Return the probability of every known class.

        Raises
        ------
        ObservationError
            If a value is missing or does not match its feature.
        """
        logs, shares = self._log_likelihoods(x), self._log_shares()
        if not shares:
            return {}
        if self._tempering is None:
            joint = map(operator.add, shares, logs[-1])
            return dict(zip(self._classes.value, normalized(list(joint)), strict=True))
        found = self._tempering.predict(x, shares, logs)
        return dict(zip(self._classes.value, found, strict=True))

    @property
    def temperatures(self) -> dict[float, float]:
        """The probability of each power of the likelihood over which predictions are averaged.

        Examples
        --------
        Ten copies of the same feature:

        >>> import random
        >>> from seqbayes.river import ConjugateNB
        >>> model, rng = ConjugateNB(), random.Random(1)
        >>> for _ in range(200):
        ...     label = rng.random() < 0.5
        ...     value = rng.gauss(float(label), 1.0)
        ...     model.learn_one(dict.fromkeys(range(10), value), label)
        >>> {power: round(share, 2) for power, share in model.temperatures.items()}
        {1.0: 0.0, 0.5: 0.0, 0.25: 0.0, 0.125: 1.0}
        """
        return {1.0: 1.0} if self._tempering is None else self._tempering.power_probabilities

    @property
    def feature_models(self) -> Mapping[Any, Any]:
        """The models chosen for features, keyed by name."""
        return self.features or {}

    def summary(self) -> Summary:
        """Return the shares of the largest classes."""
        shares = self.class_shares
        top = heapq.nlargest(SUMMARY_SIZE, shares, key=shares.__getitem__)
        intervals = self.class_share_intervals(classes=top)
        return Summary(
            {str(label): shares[label] for label in top},
            {str(label): intervals[label] for label in top},
        )

    def surprise(self, *arguments: Any) -> float | None:
        """Return the negative log predictive probability of a class given the features."""
        x, y = arguments[:2]
        share = self.predict_proba_one(x).get(y, 0.0)
        return -math.log(share) if share > 0.0 else None

    def forecasts(self, x: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the most probable class, and the probability of each class."""
        return {"prediction": self.predict_one(dict(x)), "probabilities": self.predict_proba_one(x)}

    @property
    def n_samples(self) -> float:
        """Total weight of the observations."""
        return float(self._classes.n)

    @property
    def classes(self) -> dict[Any, float]:
        """Weight of every known class, in order of first appearance.

        Examples
        --------
        >>> from seqbayes.river import ConjugateNB
        >>> model = ConjugateNB()
        >>> for legs, label in [(4, "dog"), (2, "hen"), (4, "dog")]:
        ...     model.learn_one({"legs": legs}, label)
        >>> model.classes, model.n_samples
        ({'dog': 2.0, 'hen': 1.0}, 3.0)
        >>> model.class_shares
        {'dog': 0.6, 'hen': 0.4}
        >>> print("{:.2f} to {:.2f}".format(*model.class_share_intervals()["dog"]))
        0.19 to 0.93
        """
        return dict(self._classes.value)

    @property
    def class_shares(self) -> dict[Any, float]:
        """Posterior mean of the share of every known class."""
        counts, strength = self._classes.value, self.class_strength
        whole = self._classes.n + len(counts) * strength
        return {label: (n + strength) / whole for label, n in counts.items()}

    def class_share_intervals(
        self, level: float = 0.95, classes: Iterable[Any] | None = None
    ) -> dict[Any, tuple[float, float] | None]:
        """Return credible intervals for the shares of known classes.

        Returns None while there is only one class.

        Parameters
        ----------
        level
            Between 0 and 1.
        classes
            The classes; all by default.

        Raises
        ------
        ObservationError
            If a class is unknown.
        PriorError
            If the level is not between 0 and 1.
        """
        check_level(level, "equal-tailed")
        counts, strength = self._classes.value, self.class_strength
        whole = self._classes.n + len(counts) * strength
        found: dict[Any, tuple[float, float] | None] = {}
        for label in counts if classes is None else classes:
            alpha = self._count(label) + strength
            found[label] = Beta(alpha, whole - alpha).interval(level) if whole > alpha else None
        return found

    def _count(self, label: Any) -> float:
        """Return the weight of a class; raise an error if the class is unknown."""
        counts = self._classes.value
        if label not in counts:
            raise ObservationError(f"expected a known class, got {label!r}")
        return float(counts[label])

    @property
    def feature_names(self) -> tuple[Any, ...]:
        """Names of the known features, in order of first appearance."""
        return tuple(self._features)

    def learned(self) -> dict[str, Any]:
        """Return the counts of the classes, and the statistics of the features."""
        written = {
            "classes": document.write_statistics(self._classes),
            "features": document.write_features(self._features),
        }
        if self._tempering is not None:
            written["tempering"] = self._tempering.dump()
        return written

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned."""
        document.read_statistics(self._classes, learned.get("classes"))
        self._features.update(document.read_features(learned.get("features"), self._kinds))
        if self._tempering is not None:
            self._tempering.load(learned.get("tempering"))
