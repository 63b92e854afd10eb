"""Tempered class probabilities: a remedy for features that depend on each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.river import document

POWERS = (1.0, 0.5, 0.25, 0.125)
"""Powers of the likelihood; 1/4 is suitable for groups of four copies of a feature."""

ALTERNATIVE_PRIOR = 1e-4
"""Prior probability of each alternative to the first power of the first model.

It is small, so that only clear evidence changes predictions.
"""

_SMALLEST = 1e-3
"""Alternatives with a smaller probability than this are omitted from predictions, to save time."""

_SCORE_ALL_UNTIL = 256
_SCORE_EVERY = 4
_SCORE_EVERY_IF_DECIDED = 16

_COMPARE_UNTIL = 4096
"""Number of observations until which a good score of an alternative that is not used also causes
frequent scores: it may soon be used."""


def normalized(logs: Sequence[float]) -> list[float]:
    """Return class probabilities, given their logarithms up to a common additive constant."""
    largest = max(logs)
    shares = [math.exp(value - largest) for value in logs]
    total = math.fsum(shares)
    return [share / total for share in shares]


class Tempering:
    """Averages predictions under several powers of the likelihood, weighted by prequential scores.

    Naive Bayes counts information that several features share more than once. Raising the
    likelihood to a power below 1 corrects for this. By Bayes' rule, the probability of a power is
    proportional to its prior probability times the probability that it has assigned to the classes
    observed so far. The prediction is the average under these probabilities. Predictions are scored
    for each of the first 256 observations and for every fourth one after that, or for every
    sixteenth one while a single power is clearly the best; they are scored only if the class has
    been observed before.

    Parameters
    ----------
    models
        Number of alternative class models, the simplest first. The scores determine the weight of
        every combination of a model and a power. Because the predictions of equally good models
        differ by chance, the scores of all models except the first are reduced by the standard
        deviation of their difference from those of the first.
    with_shares
        Whether the prior probabilities of the classes are raised to the same power, so that the
        power does not change which class is the most probable one under a model.

    References
    ----------
    .. [1] Dawid, A. P. (1984). Statistical theory: the prequential approach. Journal of the Royal
       Statistical Society A 147, 278-292.
    .. [2] Grünwald, P. and van Ommen, T. (2017). Inconsistency of Bayesian inference for
       misspecified linear models, and a proposal for repairing it. Bayesian Analysis 12, 1069-1103.
    """

    def __init__(self, models: int = 1, with_shares: bool = False) -> None:
        self._with_shares = with_shares
        self._alternatives = list(itertools.product(range(models), POWERS))
        others = [ALTERNATIVE_PRIOR] * (len(self._alternatives) - 1)
        self.scores = [math.log1p(-math.fsum(others)), *map(math.log, others)]
        # sums of squared differences of the log scores of single predictions, which estimate the
        # variance of the sum of differences
        self._variances = [0.0] * models
        self._update_weights()
        self._set_n_samples(0)
        self._last_x: Mapping[Any, Any] | None = None
        self._last_predictions: list[list[float]] = []

    @property
    def power_probabilities(self) -> dict[float, float]:
        """The probability of each power."""
        probabilities = dict.fromkeys(POWERS, 0.0)
        for (_, power), weight in zip(self._alternatives, self._weights, strict=True):
            probabilities[power] += weight
        return probabilities

    def probability_of(self, model: int) -> float:
        """Return the probability of a model: the sum of its probabilities with each power."""
        first = model * len(POWERS)
        return math.fsum(self._weights[first : first + len(POWERS)])

    def needs_model(self, model: int) -> bool:
        """Whether the next prediction needs the densities under a model."""
        if self._only_alternative is not None and not self.scoring_is_due:
            return self._only_alternative[0] == model
        return self.scoring_is_due or self.probability_of(model) > 0.0

    def predict(
        self,
        x: Mapping[Any, Any],
        log_priors: Sequence[float],
        log_likelihoods: Sequence[Sequence[float]],
    ) -> list[float]:
        """Return the probability of every class.

        Parameters
        ----------
        x
            The observation.
        log_priors
            Log prior probability of each class.
        log_likelihoods
            Log density of the features for every class, under every model that is needed.
        """
        scoring_is_due = self.scoring_is_due
        if not scoring_is_due and self._only_alternative is not None:
            self._last_x = None
            model, power = self._only_alternative
            own = power if self._with_shares else 1.0
            pairs = zip(log_priors, log_likelihoods[model], strict=True)
            return normalized([own * p + power * v for p, v in pairs])
        self._last_x = dict(x) if scoring_is_due else None
        self._last_predictions = []
        # several models can share one list object of log likelihoods
        known: dict[tuple[int, float], list[float]] = {}
        shares: dict[tuple[int, float], float] = {}
        for (model, power), weight in zip(self._alternatives, self._weights, strict=True):
            if not scoring_is_due and weight == 0.0:
                continue
            logs = log_likelihoods[model]
            key = id(logs), power
            if key not in known:
                own = power if self._with_shares else 1.0
                pairs = zip(log_priors, logs, strict=True)
                known[key] = normalized([own * p + power * v for p, v in pairs])
            if scoring_is_due:
                self._last_predictions.append(known[key])
            if weight > 0.0:
                shares[key] = shares.get(key, 0.0) + weight
        if len(shares) == 1:
            return known[next(iter(shares))]
        used = [(w, known[key]) for key, w in shares.items()]
        return [math.fsum([w * each[i] for w, each in used]) for i in range(len(log_priors))]

    def has_predicted(self, x: Mapping[Any, Any]) -> bool:
        """Whether the last prediction was for this observation and has not been scored yet."""
        return self._last_x is not None and self._last_x == x

    def score(self, label: int | None, w: float) -> None:
        """Score the last prediction against the observed class.

        Parameters
        ----------
        label
            Index of the class; None if the class has not been observed before, or if no score is
            due.
        w
            Weight of the observation.
        """
        if label is not None and self.scoring_is_due:
            found = (each[label] for each in self._last_predictions)
            logs = [math.log(p) if p > 0.0 else -745.0 for p in found]
            if len(self._variances) > 1:
                self._compare_models(logs, w)
            self.scores = [score + w * log for score, log in zip(self.scores, logs, strict=True)]
            self._update_weights()
        self._set_n_samples(self.n_samples + 1)
        self._last_x = None

    def _compare_models(self, logs: Sequence[float], w: float) -> None:
        """Update the variances of differences between models, before the scores are updated."""
        averages = []
        for first in range(0, len(logs), len(POWERS)):
            last = first + len(POWERS)
            pairs = zip(normalized(self.scores[first:last]), logs[first:last], strict=True)
            averages.append(
                math.log(math.fsum(share * math.exp(v) for share, v in pairs) or 5e-324)
            )
        for model, average in enumerate(averages):
            self._variances[model] += w * (average - averages[0]) ** 2

    def dump(self) -> list[float]:
        """Return the number of observations, the scores, and the variances of other models."""
        return [self.n_samples, *self.scores, *self._variances[1:]]

    def load(self, written: Any) -> None:
        """Restore the data that `dump` returned.

        Raises
        ------
        PriorError
            If the result is invalid.
        """
        count, others = len(self.scores), len(self._variances) - 1
        if isinstance(written, list) and len(written) == 1 + count:
            written = [*written, *[0.0] * others]  # earlier versions did not store variances
        numbers = document.read_numbers(written, 1 + count + others)
        n_samples, self.scores = numbers[0], numbers[1 : 1 + count]
        self._variances = [0.0, *numbers[1 + count :]]
        if min(self._variances) < 0.0:
            raise PriorError(f"expected variances >= 0, got {self._variances}")
        self._update_weights()
        self._set_n_samples(int(n_samples))

    def _update_weights(self) -> None:
        pairs = zip(self.scores, self._alternatives, strict=True)
        scores = [score - math.sqrt(self._variances[model]) for score, (model, _) in pairs]
        kept = [w if w >= _SMALLEST else 0.0 for w in normalized(scores)]
        total = math.fsum(kept)
        self._weights = [w / total for w in kept]
        used = [k for k, w in enumerate(kept) if w > 0.0]
        self._only_alternative = self._alternatives[used[0]] if len(used) == 1 else None
        good = [k for k, w in enumerate(normalized(self.scores)) if w >= _SMALLEST]
        self._is_clear = len(used) == 1 and good == used

    def _set_n_samples(self, n_samples: int) -> None:
        """Set the number of observations, and whether the next one is scored."""
        self.n_samples = n_samples
        is_decided = self._only_alternative is not None
        is_decided = is_decided and (self._is_clear or n_samples >= _COMPARE_UNTIL)
        every = _SCORE_EVERY_IF_DECIDED if is_decided else _SCORE_EVERY
        self.scoring_is_due = n_samples < _SCORE_ALL_UNTIL or n_samples % every == 0
