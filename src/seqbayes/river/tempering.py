"""Tempered probabilities of classes: a remedy for features that depend on each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

POWERS = (1.0, 0.5, 0.25, 0.125)
"""Powers of the likelihood; a quarter suits groups of four features that are copies."""

FIRST_SHARES = (0.9997, 1e-4, 1e-4, 1e-4)
"""Probabilities of the powers before any data: only clear evidence changes the likelihood."""

_SMALLEST = 1e-3
"""Powers with a smaller probability have no influence, which saves time."""

_ALWAYS = 256
_EVERY = 4


def normalized(logs: Sequence[float]) -> list[float]:
    """Return the probabilities of classes from their logs, up to a common term."""
    best = max(logs)
    shares = [math.exp(value - best) for value in logs]
    whole = math.fsum(shares)
    return [share / whole for share in shares]


class Tempering:
    """Mix the predictions under several powers of the likelihood, by their prequential scores.

    Naive Bayes counts what features have in common several times. A power below 1 of the likelihood
    corrects that. The probability of a power is that of its predictions of the classes so far, by
    Bayes' rule; the prediction is the average under these probabilities. A prediction of a known
    class is scored for each of the first 256 observations, then for every fourth.

    References
    ----------
    .. [1] Dawid, A. P. (1984). Statistical theory: the prequential approach. Journal of the Royal
       Statistical Society A 147, 278-292.
    .. [2] Grünwald, P. and van Ommen, T. (2017). Inconsistency of Bayesian inference for
       misspecified linear models, and a proposal for repairing it. Bayesian Analysis 12, 1069-1103.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.scores = [math.log(share) for share in FIRST_SHARES]
        self._weigh()
        self._asked: Mapping[Any, Any] | None = None
        self._answer: list[list[float]] = []

    @property
    def weights(self) -> dict[float, float]:
        """The probability of each power."""
        return dict(zip(POWERS, self._weights, strict=True))

    @property
    def is_due(self) -> bool:
        """Whether the next observation is scored."""
        return self.rows < _ALWAYS or self.rows % _EVERY == 0

    def predict(
        self, x: Mapping[Any, Any], shares: Sequence[float], log_likelihoods: Sequence[float]
    ) -> list[float]:
        """Return the probability of every class.

        Parameters
        ----------
        x
            The observation.
        shares
            Logs of the shares of the classes.
        log_likelihoods
            Log density of the features in every class.
        """
        weights, is_due = self._weights, self.is_due
        self._asked = dict(x) if is_due else None
        self._answer = [
            normalized([s + power * v for s, v in zip(shares, log_likelihoods, strict=True)])
            if is_due or weight > 0.0
            else []
            for power, weight in zip(POWERS, weights, strict=True)
        ]
        used = [(w, answer) for w, answer in zip(weights, self._answer, strict=True) if w > 0.0]
        if len(used) == 1:
            return used[0][1]
        return [math.fsum(w * answer[i] for w, answer in used) for i in range(len(log_likelihoods))]

    def has_predicted(self, x: Mapping[Any, Any]) -> bool:
        """Whether this observation is the last that was predicted, and nothing changed since."""
        return self._asked is not None and self._asked == x

    def score(self, label: int | None, w: float) -> None:
        """Score the last prediction by the class that was observed, None if it is a new one."""
        if label is not None and self.is_due:
            for k, probabilities in enumerate(self._answer):
                p = probabilities[label]
                self.scores[k] += w * (math.log(p) if p > 0.0 else -745.0)
            self._weigh()
        self.rows += 1
        self._asked = None

    def load(self, rows: float, scores: Sequence[float]) -> None:
        """Replace the number of observations and the scores."""
        self.rows, self.scores = int(rows), list(scores)
        self._weigh()

    def _weigh(self) -> None:
        kept = [w if w >= _SMALLEST else 0.0 for w in normalized(self.scores)]
        whole = math.fsum(kept)
        self._weights = [w / whole for w in kept]
