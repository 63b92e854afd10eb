"""Chooses among mixtures with different numbers of components, based on prequential scores."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from seqbayes.errors import PriorError
from seqbayes.river import document

M = TypeVar("M")

TRIAL = 1000.0
"""After observations of this total weight, only the best mixture is kept."""

MIN_WEIGHT = 200.0
"""Weight of observations before which no mixture is discarded."""

CLEARLY_WORSE = 30.0
"""A mixture is discarded when its log score is this much below the best."""


NEEDED = 3.0
"""Required log-score advantage of a mixture with more components: a probability ratio of 20."""


class MixtureCandidates(Generic[M]):
    """Mixtures of the same stream, ordered by their number of components.

    The best mixture has the largest log score, which is the sum of its log predictive densities of
    observations before it learned them. A mixture that is added later starts with the best score
    minus three, so that a mixture with more components is used only if it predicts better. The
    trial ends after 1000 observations.

    Parameters
    ----------
    keep_first
        Whether to keep the mixture with the fewest components regardless of its score.
    """

    def __init__(self, keep_first: bool = False) -> None:
        self._keep_first = keep_first
        self.mixtures: list[M] = []
        self.scores: list[float] = []
        self.added = 0
        self._scored = 0.0

    def add(self, mixture: M) -> None:
        """Add a mixture with more components."""
        self.added += 1
        self.mixtures.append(mixture)
        self.scores.append(max(self.scores) - NEEDED if self.scores else 0.0)

    @property
    def best(self) -> M | None:
        """The mixture with the largest score; in a tie, the one with the fewest components."""
        if len(self.mixtures) < 2:
            return self.mixtures[0] if self.mixtures else None
        return self.mixtures[max(range(len(self.scores)), key=self.scores.__getitem__)]

    @property
    def are_open(self) -> bool:
        """Whether the trial continues, so that the mixtures need scores."""
        return len(self.mixtures) > 1 and self._scored < TRIAL

    @property
    def are_decided(self) -> bool:
        """Whether the trial has ended while more than one mixture is left."""
        return len(self.mixtures) > 1 and self._scored >= TRIAL

    def keep(self, first: bool) -> None:
        """Keep only the mixture with the fewest components, or only the best one."""
        best = self.best
        if best is not None:
            k = 0 if first else self.mixtures.index(best)
            self.mixtures, self.scores = [self.mixtures[k]], [self.scores[k]]

    def score(self, logs: Sequence[float], w: float) -> None:
        """Add each mixture's log predictive density of an observation with this weight."""
        self.scores = [s + w * log_p for s, log_p in zip(self.scores, logs, strict=True)]
        self._scored += w
        if self._scored >= MIN_WEIGHT:
            top = max(self.scores)
            margin = CLEARLY_WORSE if self._scored < TRIAL else 0.0
            kept = [
                k
                for k, score in enumerate(self.scores)
                if score >= top - margin or (k == 0 and self._keep_first)
            ]
            self.mixtures = [self.mixtures[k] for k in kept]
            self.scores = [self.scores[k] for k in kept]

    def dump_scores(self) -> list[float]:
        """Return the scores as JSON values."""
        return [float(self.added), self._scored, *self.scores]

    def load(self, mixtures: Sequence[M], scores: Any = None) -> None:
        """Restore mixtures with the scores from `dump_scores`, or with None for a single mixture.

        Raises
        ------
        PriorError
            If the scores are invalid.
        """
        self.mixtures = list(mixtures)
        if scores is None:
            scores = [1, 0.0, 0.0]
        added, self._scored, *self.scores = document.read_numbers(scores, 2 + len(self.mixtures))
        self.added = int(added)
        if self._scored < 0.0 or self.added < len(self.mixtures):
            raise PriorError(f"cannot read the scores of mixtures {reprlib.repr(scores)}")
