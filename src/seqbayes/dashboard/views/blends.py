"""What a mixture predicts: what its components predict of one number, or label, in their shares."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from typing import Any

from seqbayes.predictive.labels import Categorical

_SIGN = 1 << 63


class Blend:
    """Several distributions of one number, each with its share.

    Parameters
    ----------
    weights
        The shares, which sum to 1.
    parts
        The distributions.

    Examples
    --------
    >>> from seqbayes.distributions import Normal
    >>> blend = Blend([0.5, 0.5], [Normal(-9.0, 1.0), Normal(9.0, 1.0)])
    >>> blend.mean, [round(end, 4) for end in blend.interval(0.95)]
    (0.0, [-10.6449, 10.6449])
    """

    def __init__(self, weights: Sequence[float], parts: Sequence[Any]) -> None:
        pairs = [(w, part) for w, part in zip(weights, parts, strict=True) if w > 0.0]
        self._weights, self.parts = zip(*pairs, strict=True)
        self.discrete = all(part.discrete for part in self.parts)

    @property
    def mean(self) -> float | None:
        """The average of the means; None where one does not exist."""
        means = [part.mean for part in self.parts]
        return None if None in means else self._average(means)

    def _average(self, values: Sequence[float]) -> float:
        return math.fsum(w * v for w, v in zip(self._weights, values, strict=True))

    def cdf(self, x: float) -> float:
        """P(X <= x)."""
        return self._average([part.cdf(x) for part in self.parts])

    def sf(self, x: float) -> float:
        """P(X > x)."""
        return self._average([part.sf(x) for part in self.parts])

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval with equal probability in both tails.

        A quantile is never beyond those of all parts, and found between them by bisection.
        """
        tail = 0.5 * (1.0 - level)
        lows = [float(part.ppf(tail)) for part in self.parts]
        highs = [float(part.isf(tail)) for part in self.parts]
        return (
            self._smallest(lambda x: self.cdf(x) >= tail, lows),
            self._smallest(lambda x: self.sf(x) <= tail, highs),
        )

    def _smallest(self, reached: Callable[[float], bool], within: Sequence[float]) -> float:
        """Return the smallest number at which something is reached, between the least and most."""
        low, high = min(within), max(within)
        whole = self.discrete and math.isfinite(low) and math.isfinite(high)
        place, at = (int, float) if whole else (_place, _at)
        first, last = place(low), place(high)
        while first < last:
            middle = (first + last) // 2
            if reached(at(middle)):
                last = middle
            else:
                first = middle + 1
        return at(last)


def _place(x: float) -> int:
    """Return the place of a float among all of them, so that 64 steps find any.

    Examples
    --------
    >>> _place(math.nextafter(1.0, 2.0)) - _place(1.0), _place(-0.0), _at(_place(-2.5))
    (1, 0, -2.5)
    """
    bits: int = struct.unpack("<Q", struct.pack("<d", x))[0]
    return bits if bits < _SIGN else _SIGN - bits


def _at(place: int) -> float:
    """Return the float at a place."""
    bits = place if place >= 0 else _SIGN - place
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def blend(weights: Sequence[float], parts: Sequence[Any]) -> Any:
    """Return what distributions add up to; None where one is missing, or they are unlike.

    Examples
    --------
    >>> halves = Categorical({"a": 1.0}), Categorical({"a": 0.5, "b": 0.5})
    >>> blend([0.5, 0.5], halves).probabilities
    {'a': 0.75, 'b': 0.25}
    """
    labelled = [isinstance(part, Categorical) for part in parts]
    if any(part is None for part in parts) or any(labelled) != all(labelled):
        return None
    if not all(labelled):
        return Blend(weights, parts)
    shares: dict[Any, list[float]] = {}
    for w, part in zip(weights, parts, strict=True):
        for label, p in part.probabilities.items():
            shares.setdefault(label, []).append(w * p)
    unseen = math.fsum(w * part.unseen for w, part in zip(weights, parts, strict=True))
    return Categorical({label: math.fsum(each) for label, each in shares.items()}, unseen)
