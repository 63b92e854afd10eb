"""Predictive distributions as curves, bars, or named estimates."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seqbayes.dashboard.views.figures import decimals, finite, heights, pair, places
from seqbayes.distributions import MultivariateT
from seqbayes.errors import SeqbayesError
from seqbayes.figures import curves
from seqbayes.predictive import Bernoulli, Product
from seqbayes.predictive.labels import Categorical

_POINTS = 120
_MAX_BARS = 50
_MAX_FIELD_LABELS = 4
"""Maximum number of labels shown per field."""


def predictive_of(state: Any) -> Any:
    """Return the predictive distribution of a state, or None if no such distribution exists."""
    try:
        return state.predictive
    except (SeqbayesError, NotImplementedError):
        return None


def predictives_of(mixture: Any) -> list[Any]:
    """Return the predictive distributions of a mixture's components, or None."""
    if mixture.df is not None:
        return list(mixture.predictives)
    return [predictive_of(component) for component in mixture.components]


def named_numbers(name: str, found: Any, names: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and distribution of each number or label of an observation.

    Parameters
    ----------
    names
        Names of the coordinates of a vector.
    """
    if isinstance(found, Product):
        for field, part in found.fields.items():
            yield from named_numbers(str(field), part, names)
    elif isinstance(found, MultivariateT):
        yield from zip(map(str, names), found.marginals, strict=False)
    else:
        yield name, found if isinstance(found, Categorical) else scalar(found)


def mean_of(found: Any) -> Any:
    """Return the mean of a distribution, or None if it does not exist."""
    try:
        return found.mean
    except NotImplementedError:
        return None


def scalar(found: Any) -> Any:
    """Return a distribution of numbers unchanged, otherwise None."""
    try:
        return None if found is None or isinstance(found.mean, (Mapping, np.ndarray)) else found
    except NotImplementedError:
        return None


def curve(found: Any) -> dict[str, Any] | None:
    """Return the density or the probabilities of a distribution of numbers."""
    if isinstance(found, Categorical):
        return bars(found)
    if scalar(found) is None:
        return None
    x = curves.support([found], _POINTS) if found.discrete else curves.grid(found, _POINTS)
    if x is None:
        return None
    p = np.asarray(found.p(x), float)
    top = float(np.nanmax(np.where(np.isfinite(p), p, np.nan))) if np.isfinite(p).any() else 0.0
    kind = "pmf" if found.discrete else "pdf"
    return {"kind": kind, "x": places(x), "p": heights(p, top)}


def bars(found: Any) -> dict[str, Any] | None:
    """Return the probability of each label, in descending order."""
    if not isinstance(found, Categorical):
        return curve(found)
    ranked = _ranked(found)[:_MAX_BARS]
    return {
        "kind": "pmf",
        "x": [str(label) for label, _ in ranked],
        "p": [round(p, decimals(p, 6)) if p > 0.0 else 0.0 for _, p in ranked],
        "unseen": found.unseen,
    }


def _ranked(found: Categorical) -> list[tuple[Any, float]]:
    return sorted(found.probabilities.items(), key=lambda each: -each[1])


def lines(found: Iterable[tuple[str, Any]], level: float) -> dict[str, Any]:
    """Return named estimates of the numbers, and the most probable labels, of an observation."""
    shown = [line for name, part in found for line in _lines(name, part, level)]
    return {"kind": "lines", "x": [], "p": [], "lines": shown}


def _lines(name: str, found: Any, level: float) -> list[dict[str, Any]]:
    if isinstance(found, Categorical):
        return [
            {"name": f"{name} = {label}", "mean": finite(p), "interval": None, "unit": "share"}
            for label, p in _ranked(found)[:_MAX_FIELD_LABELS]
        ]
    if found is None:
        return [{"name": name, "mean": None, "interval": None}]
    if _is_boolean(found):
        name = f"{name} = true" if name else "true"
        return [{"name": name, "mean": finite(mean_of(found)), "interval": None, "unit": "share"}]
    ends = pair(found.interval(level))
    return [{"name": name, "mean": finite(mean_of(found)), "interval": ends}]


def _is_boolean(found: Any) -> bool:
    parts = found.parts if isinstance(found, Blend) else [found]
    return all(isinstance(part, Bernoulli) for part in parts)


_SIGN = 1 << 63


class Blend:
    """A weighted average of several distributions of one number.

    Parameters
    ----------
    weights
        Weights that sum to 1.
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
        """Return the average of the means, or None if any mean does not exist."""
        means = [part.mean for part in self.parts]
        return None if None in means else self._average(means)

    def _average(self, values: Sequence[float]) -> float:
        return math.fsum(w * v for w, v in zip(self._weights, values, strict=True))

    def cdf(self, x: float) -> float:
        """Return P(X <= x)."""
        return self._average([part.cdf(x) for part in self.parts])

    def sf(self, x: float) -> float:
        """Return P(X > x)."""
        return self._average([part.sf(x) for part in self.parts])

    def interval(self, level: float) -> tuple[float, float]:
        """Return the equal-tailed interval.

        Each quantile lies between the quantiles of the parts, and is found by bisection.
        """
        tail = 0.5 * (1.0 - level)
        lows = [float(part.ppf(tail)) for part in self.parts]
        highs = [float(part.isf(tail)) for part in self.parts]
        return (
            self._smallest(lambda x: self.cdf(x) >= tail, lows),
            self._smallest(lambda x: self.sf(x) <= tail, highs),
        )

    def _smallest(self, reached: Callable[[float], bool], within: Sequence[float]) -> float:
        """Return the smallest number between two limits for which a condition holds."""
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
    """Return a float's position in the order of all floats, for bisection in 64 steps.

    Examples
    --------
    >>> _place(math.nextafter(1.0, 2.0)) - _place(1.0), _place(-0.0), _at(_place(-2.5))
    (1, 0, -2.5)
    """
    bits: int = struct.unpack("<Q", struct.pack("<d", x))[0]
    return bits if bits < _SIGN else _SIGN - bits


def _at(place: int) -> float:
    """Return the float at a position."""
    bits = place if place >= 0 else _SIGN - place
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def blend(weights: Sequence[float], parts: Sequence[Any]) -> Any:
    """Return the weighted average of distributions, or None if they are of different types.

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
