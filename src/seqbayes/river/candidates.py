"""Choose between mixtures with different numbers of components by their prequential scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from seqbayes.errors import PriorError
from seqbayes.river import document

M = TypeVar("M")

TRIAL = 1000.0
"""Weight of the observations after which only the best mixture is kept."""

FIRST_LOOK = 200.0
"""Weight of the observations before which no mixture is given up."""

CLEARLY_WORSE = 30.0
"""Difference of log scores with which a mixture is given up."""


class Candidates(Generic[M]):
    """Mixtures of one stream, in increasing order of their number of components.

    The best has the largest log score: the sum of its log predictive densities of observations
    before it learned them; a mixture that is added later begins with the score of the best. So one
    with more components is used only if it predicts better. The trial ends after 1000 observations.
    """

    def __init__(self) -> None:
        self.mixtures: list[M] = []
        self.scores: list[float] = []
        self._scored = 0.0

    def add(self, mixture: M) -> None:
        """Add a mixture with more components, which begins with the score of the best."""
        self.mixtures.append(mixture)
        self.scores.append(max(self.scores, default=0.0))

    @property
    def best(self) -> M | None:
        """The mixture with the largest score; the one with fewest components in a tie."""
        if not self.mixtures:
            return None
        return self.mixtures[max(range(len(self.scores)), key=self.scores.__getitem__)]

    @property
    def are_open(self) -> bool:
        """Whether more than one mixture is left, so that they need scores."""
        return len(self.mixtures) > 1

    def score(self, logs: Sequence[float], w: float) -> None:
        """Add the log predictive density of each mixture for an observation of this weight."""
        self.scores = [s + w * log_p for s, log_p in zip(self.scores, logs, strict=True)]
        self._scored += w
        if self._scored >= FIRST_LOOK:
            top = max(self.scores)
            margin = CLEARLY_WORSE if self._scored < TRIAL else 0.0
            kept = [k for k, score in enumerate(self.scores) if score >= top - margin]
            self.mixtures = [self.mixtures[k] for k in kept]
            self.scores = [self.scores[k] for k in kept]

    def dump_scores(self) -> list[float]:
        """Return the scores as JSON values."""
        return [self._scored, *self.scores]

    def load(self, mixtures: Sequence[M], scores: Any) -> None:
        """Restore mixtures, and their scores from `dump_scores`.

        Raises
        ------
        PriorError
            If the scores are invalid.
        """
        self.mixtures = list(mixtures)
        self._scored, *self.scores = document.read_numbers(scores, 1 + len(self.mixtures))
        if self._scored < 0.0:
            raise PriorError(f"expected a weight >= 0, got {self._scored}")
