"""Tempered probabilities of classes: a remedy for features that depend on each other."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes.river import document

POWERS = (1.0, 0.5, 0.25, 0.125)
"""Powers of the likelihood; a quarter suits groups of four features that are copies."""

FIRST_SHARE = 1e-4
"""Probability of every alternative before any data: only clear evidence changes predictions."""

_SMALLEST = 1e-3
"""Powers with a smaller probability have no influence, which saves time."""

_ALWAYS = 256
_EVERY = 4
_DECIDED = 16


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
    class is scored for each of the first 256 observations, then for every fourth, or every
    sixteenth while all other powers have no influence.

    Parameters
    ----------
    models
        Number of models of the classes between which the scores choose in the same way.
    with_shares
        Whether a power applies to the shares of the classes too, so that it does not change which
        class is the most probable one under a model.

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
        others = len(self._alternatives) - 1
        self.scores = [math.log1p(-others * FIRST_SHARE)] + [math.log(FIRST_SHARE)] * others
        self._weigh()
        self._count(0)
        self._asked: Mapping[Any, Any] | None = None
        self._answer: list[list[float]] = []

    @property
    def temperatures(self) -> dict[float, float]:
        """The probability of each power."""
        found = dict.fromkeys(POWERS, 0.0)
        for (_, power), weight in zip(self._alternatives, self._weights, strict=True):
            found[power] += weight
        return found

    def needs(self, model: int) -> bool:
        """Whether the next prediction needs the densities under a model."""
        if self._only is not None and not self.is_due:
            return self._only[0] == model
        first = model * len(POWERS)
        return self.is_due or any(self._weights[first : first + len(POWERS)])

    def predict(
        self,
        x: Mapping[Any, Any],
        shares: Sequence[float],
        log_likelihoods: Sequence[Sequence[float]],
    ) -> list[float]:
        """Return the probability of every class.

        Parameters
        ----------
        x
            The observation.
        shares
            Logs of the shares of the classes.
        log_likelihoods
            Log density of the features in every class, under every model that is needed.
        """
        is_due = self.is_due
        if not is_due and self._only is not None:
            self._asked = None
            model, power = self._only
            own = power if self._with_shares else 1.0
            pairs = zip(shares, log_likelihoods[model], strict=True)
            return normalized([own * s + power * v for s, v in pairs])
        self._asked = dict(x) if is_due else None
        self._answer, used = [], []
        known: dict[tuple[int, float], list[float]] = {}  # several models may have the same logs
        for (model, power), weight in zip(self._alternatives, self._weights, strict=True):
            if not is_due and weight == 0.0:
                continue
            logs = log_likelihoods[model]
            found = known.get((id(logs), power))
            if found is None:
                own = power if self._with_shares else 1.0
                found = normalized([own * s + power * v for s, v in zip(shares, logs, strict=True)])
                known[id(logs), power] = found
            if is_due:
                self._answer.append(found)
            if weight > 0.0:
                used.append((weight, found))
        if len(used) == 1:
            return used[0][1]
        return [math.fsum(w * answer[i] for w, answer in used) for i in range(len(shares))]

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
        self._count(self.rows + 1)
        self._asked = None

    def dump(self) -> list[float]:
        """Return the number of observations and the scores."""
        return [self.rows, *self.scores]

    def load(self, written: Any) -> None:
        """Restore the result of `dump`.

        Raises
        ------
        PriorError
            If it is invalid.
        """
        rows, *self.scores = document.read_numbers(written, 1 + len(self.scores))
        self._weigh()
        self._count(int(rows))

    def _weigh(self) -> None:
        kept = [w if w >= _SMALLEST else 0.0 for w in normalized(self.scores)]
        whole = math.fsum(kept)
        self._weights = [w / whole for w in kept]
        used = [k for k, w in enumerate(kept) if w > 0.0]
        self._only = self._alternatives[used[0]] if len(used) == 1 else None

    def _count(self, rows: int) -> None:
        """Set the number of observations, and whether the next one is scored."""
        self.rows = rows
        every = _EVERY if self._only is None else _DECIDED
        self.is_due = rows < _ALWAYS or rows % every == 0
