"""The content of figures, independent of how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Array = Any


@dataclass(frozen=True)
class Curve:
    """A curve, or bars for the probabilities of whole numbers.

    Attributes
    ----------
    role
        The role of the curve in Bayes' rule, which determines its colour.
    label
        Name of the curve in the legend.
    x, y
        Points of the curve.
    dash
        "solid", "dashed" or "dotted", so that curves are distinguishable without colours.
    shaded
        The ends of the credible interval, under which the curve is shaded.
    band
        Lower and upper values at `x` of a band around the curve.
    bars
        Whether to draw a bar at each `x`.
    """

    role: str
    label: str
    x: Array
    y: Array
    dash: str = "solid"
    shaded: tuple[float, float] | None = None
    band: tuple[Array, Array] | None = None
    bars: bool = False


@dataclass(frozen=True)
class EstimateMark:
    """An estimate, marked on the horizontal axis."""

    role: str
    label: str
    x: float


@dataclass(frozen=True)
class Curves:
    """A panel with curves over the values of one number."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Curve]
    marks: Sequence[EstimateMark] = field(default_factory=tuple)


@dataclass(frozen=True)
class IntervalRow:
    """One named number: a mean with an interval, and its prior mean or MLE if they are known."""

    name: str
    mean: float | None
    low: float | None = None
    high: float | None = None
    prior: float | None = None
    mle: float | None = None


@dataclass(frozen=True)
class IntervalRows:
    """A panel with one row per named number, on a common axis."""

    title: str
    x_label: str
    rows: Sequence[IntervalRow]


Panel = Curves | IntervalRows
