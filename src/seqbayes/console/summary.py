"""Beliefs as rows of numbers, for tables, CSV and Parquet."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqbayes.console.text import printable
from seqbayes.distributions import Distribution
from seqbayes.figures.named import parts
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
    """A parameter of a key, or one of its components; lines with one `scale` are comparable.

    `pooled` contains the mean of the pooled posterior and the lower and upper ends of its interval,
    if the belief is pooled.
    """

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
    pooled: tuple[float, float, float] | None = None


def name_key(key: Any) -> str:
    """Return a key as text that is safe to print.

    The key () is named ``all``, and the key None is named ``(rest)``.
    """
    if key is None:
        return "(rest)"
    if isinstance(key, tuple):
        return " / ".join(printable(part, 24) for part in key) or "all"
    return printable(key, 40) or "(empty)"


def reciprocal_of(state: State) -> Distribution | None:
    """Return the distribution of the reciprocal of a rate; None if it is not meaningful.

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
    """Return the lines of one belief; if it has many categories, those with the largest means."""
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
