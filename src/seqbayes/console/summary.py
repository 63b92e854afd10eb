"""Beliefs as rows of numbers, for tables, CSV and Parquet."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqbayes.console.text import printable
from seqbayes.distributions import Distribution
from seqbayes.state import State

PARTS = 12
"""Maximum number of components of a parameter that a table shows."""


@dataclass(frozen=True, slots=True)
class View:
    """How beliefs are displayed: level and kind of the intervals, and the number of keys."""

    level: float = 0.95
    kind: str = "equal-tailed"
    top: int = 20


class Line(NamedTuple):
    """One parameter, or one of its components, of one key; lines of a `scale` are comparable."""

    key: str
    part: str
    n: float | None
    mean: float | None
    interval: tuple[float, float] | None
    mle: float | None
    map: float | None
    scale: str = ""
    since: str = ""
    reciprocal: float | None = None
    reciprocal_meaning: str = ""


def is_named(value: Any) -> bool:
    """Whether a value is a named tuple, such as hyperparameters or estimates of several numbers.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> is_named(Beta().posterior), is_named((0.1, 0.9))
    (True, False)
    """
    return isinstance(value, tuple) and type(value) is not tuple


def name_key(key: Any) -> str:
    """Return a key as text that is safe to print.

    The name of the key () is ``all``, and that of None is ``(rest)``.
    """
    if key is None:
        return "(rest)"
    if isinstance(key, tuple):
        return " / ".join(printable(part, 24) for part in key) or "all"
    return printable(key, 40) or "(empty)"


def parts(value: Any, axes: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the components of a parameter or interval, by name; a single number has the name ''.

    Parameters
    ----------
    value
        A number, a mapping, a named tuple or an array, possibly nested. For a matrix, the upper
        triangle is returned.
    axes
        Names of the axes of arrays.

    Examples
    --------
    >>> parts(0.5), parts({"red": 1.0}), parts(None)
    ({'': 0.5}, {'red': 1.0}, {})
    >>> parts({"mean": (np.zeros(2), np.ones(2))}, ["x", "y"])
    {'mean x': (0.0, 1.0), 'mean y': (0.0, 1.0)}
    """
    if value is None:
        return {}
    if is_named(value):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {
            f"{name} {inner}".strip(): each
            for name, part in value.items()
            for inner, each in parts(part, axes).items()
        }
    if isinstance(value, np.ndarray) and value.ndim:
        return _places(value, axes)
    if isinstance(value, tuple) and isinstance(value[0], np.ndarray):
        low, high = (parts(end, axes) for end in value)
        return {name: (low[name], high[name]) for name in low}
    return {"": value}


def _places(array: Any, axes: Sequence[str] | None) -> dict[str, Any]:
    names = [str(i) for i in range(len(array))] if axes is None else axes
    return {
        ",".join(names[i] for i in place): float(array[place])
        for place in np.ndindex(array.shape)
        if list(place) == sorted(place)
    }


def reciprocal_of(state: State) -> Distribution | None:
    """Return the distribution of the reciprocal of a rate; None if it has no meaning.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> reciprocal_of(Gamma(3, 2))
    InverseGamma(shape=3.0, scale=2.0)
    """
    if not state.likelihood.reciprocal_meaning or not state.is_proper(state.posterior):
        return None
    number: Distribution = state.plotted(state.posterior)
    return number.reciprocal()


def summarise(key: Any, state: Any, view: View, since: str = "") -> list[Line]:
    """Return the lines of one belief; for many categories, those with the largest means."""
    by_name, fields = isinstance(state.mean, Mapping), state.likelihood.observation_fields
    axes = list(fields) if fields and not by_name else None
    mean, interval, mle, mode = (
        parts(value, axes)
        for value in (state.mean, state.interval(view.level, view.kind), state.mle, state.map)
    )
    expected = state.expected if state.compares_expected else None
    if expected is not None:
        mean = {"expected": expected.mean, **mean}
        interval = {"expected": expected.interval(view.level), **interval}
    names = list(dict.fromkeys([*mean, *mle, *mode])) or [""]
    if len(names) > PARTS and by_name:
        names = heapq.nlargest(PARTS, names, key=lambda name: mean.get(name) or 0.0)
    label, n = name_key(key), state.n_samples
    inverse = reciprocal_of(state)
    # unlike a mean and a variance, shares have a common scale
    shares = state.display_kind == "labels"
    return [
        Line(
            label,
            name,
            n,
            mean.get(name),
            interval.get(name),
            mle.get(name),
            mode.get(name),
            name if len(names) > 1 and not shares else "",
            since,
            None if inverse is None else inverse.mean,
            state.likelihood.reciprocal_meaning,
        )
        for name in names
    ]
