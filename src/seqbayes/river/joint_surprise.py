"""The joint surprise of several numbers, to detect gaps between clusters."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping
from typing import Any

from seqbayes import serialization
from seqbayes.errors import PriorError
from seqbayes.mixture import Mixture
from seqbayes.river import document
from seqbayes.river.candidates import MixtureCandidates

COMPONENTS = (1, 2, 4)
BUFFER, ROWS_PER_FEATURE = 40, 10
"""The mixtures start after 40 observations, or ten per feature if this is more."""

MAX_FEATURES = 40
"""Maximum number of features: the cost of an observation grows with the square of their number."""

GROWTH = 1.1
"""The largest density is recomputed when the number of observations has grown by this factor."""


class JointSurprise:
    """The surprise of numbers under a mixture of Normal components and a background.

    The surprise is relative to the largest density at the centre of a component. The number of
    components, which is one, two or four, is the number that gives the best predictions. With more
    than 40 features, nothing is learned.
    """

    def __init__(self) -> None:
        self._candidates: MixtureCandidates[Mixture] = MixtureCandidates()
        self._is_off = False
        self._names: set[Any] = set()
        self._used: Mixture | None = None  # the mixture whose largest density was computed
        self._peak = 0.0
        self._peak_at = 0.0

    def _begin(self, size: int) -> None:
        for k in COMPONENTS:
            self._candidates.add(Mixture(k, seed=1, background=True, buffer=size))
        self._ignore_order()

    def _ignore_order(self) -> None:
        for mixture in self._candidates.mixtures:
            mixture.is_ordered = True  # suppress the warning: the user cannot change the order

    def learn(self, numbers: Mapping[Any, float], w: float) -> None:
        """Learn the numbers of an observation."""
        candidates = self._candidates
        if self._is_off or not numbers:
            return
        if not candidates.mixtures:
            self._begin(max(BUFFER, ROWS_PER_FEATURE * len(numbers)))
        first = candidates.mixtures[0]
        if not first.started:
            self._names.update(numbers)
            if len(self._names) > MAX_FEATURES:
                self._candidates, self._is_off = MixtureCandidates(), True
                return
        elif candidates.are_open:
            candidates.score([each.log_predictive(numbers) for each in candidates.mixtures], w)
        for mixture in candidates.mixtures:
            mixture.learn_one(numbers, w)
        best = candidates.best
        if best is None or not best.started:
            return
        if best is not self._used or best.n_samples >= GROWTH * self._peak_at:
            self._used, self._peak_at = best, best.n_samples
            self._peak = _largest(best, self._names)

    def surprise(self, numbers: Mapping[Any, float]) -> float:
        """Return log p(centre) - log p(numbers), at least 0; 0 until the mixture has started.

        Features that were unknown when the mixture started are ignored.
        """
        mixture = self._used
        known = numbers.keys() & self._names
        if mixture is None or not known:
            return 0.0
        if len(known) < len(numbers):
            numbers = {name: numbers[name] for name in known}
        peak = self._peak if len(known) == len(self._names) else _largest(mixture, known)
        return max(0.0, peak - mixture.log_predictive(numbers))

    def dump(self) -> list[Any]:
        """Return the learned data as JSON values."""
        candidates = self._candidates
        names = [serialization.encode(name) for name in sorted(self._names, key=repr)]
        numbers = [self._peak, self._peak_at, float(self._is_off)]
        written = [each.to_dict() for each in candidates.mixtures]
        return [numbers, names, candidates.dump_scores(), written]

    def load(self, written: Any) -> None:
        """Restore the data that `dump` returned.

        Raises
        ------
        PriorError
            If the document is invalid.
        """
        if not isinstance(written, (list, tuple)) or len(written) != 4:
            raise PriorError(f"expected mixtures of numbers, got {reprlib.repr(written)}")
        numbers, names, scores, mixtures = written
        self._peak, self._peak_at, is_off = document.read_numbers(numbers, 3)
        self._names = set(serialization.decode(names))
        read = [Mixture.from_dict(each) for each in mixtures]
        self._candidates.load(read, scores)
        self._ignore_order()
        self._is_off = is_off != 0.0
        best = self._candidates.best
        self._used = best if best is not None and best.started else None


def _largest(mixture: Mixture, names: Iterable[Any]) -> float:
    """Return the largest log density of these features at the centre of a component."""
    fields = list(mixture.components[0].likelihood.observation_fields)
    places = [(name, fields.index(name)) for name in names]
    return max(
        mixture.log_density({name: float(each.mean[j]) for name, j in places})
        for each in mixture.parameters or ()
    )
