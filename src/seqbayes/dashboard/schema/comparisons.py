"""Comparisons of keys."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from seqbayes.dashboard.schema.basics import Interval, Number
from seqbayes.dashboard.schema.beliefs import Card, Density


class KeyDifference(Struct):
    """The difference between the first and the second of two keys."""

    pair: tuple[str, str]
    mean: Number
    interval: Interval
    level: float


class ComparedShare(Struct):
    """One of several keys' belief about the share of a label."""

    mean: Number
    interval: Interval
    density: Density


class Contrast(Struct):
    """The difference between a key and the reference; `lift` is the relative difference.

    `p_equivalent` is the probability that the difference is within the configured `equivalence`.
    """

    p_better: float
    mean: Number
    interval: Interval
    lift: Number
    lift_interval: Interval
    p_equivalent: Number


class Arm(Struct):
    """A compared key.

    `loss` is the expected loss of choosing this key, which is its expected distance from the best
    key, and `loss_interval` is the interval of this distance. `p_above` is the probability of
    exceeding the configured `threshold`, and `contrast` is None for the reference.
    """

    key: str
    p_best: float
    loss: Number
    loss_interval: Interval
    mean: Number
    median: Number
    interval: Interval
    p_above: Number
    contrast: Contrast | None


class SequentialTest(Struct):
    """A test whose error rate is bounded, no matter when the experiment is stopped.

    `best` is the best key according to the test, or None while the test is undecided; `more` is the
    number of additional observations after which a decision has a probability of 80%.
    """

    guarantee: Literal["anytime-valid", "none"]
    reason: str
    best: str | None
    p_value: float
    more: Number


class SampleRatioTest(Struct):
    """A test of whether the keys have the planned shares of the events."""

    mismatch: bool
    p_value: float
    text: str


class KeyComparison(Struct):
    """The probability that each key is the best, and each key's difference from the best key.

    `verdict` is "best" if one key is the best with probability (1 + level) / 2 or more,
    "equivalent" if no difference matters, otherwise "undecided". `sample_ratio` is None unless the
    configuration declares planned shares. `reference` is the control, or the best key. `shares`
    contains the compared beliefs if they are about the share of a label. `quantity` is what is
    compared instead of the parameter, and `quantities` lists what can be compared.
    """

    keys: list[str]
    p_best: list[float]
    best: str
    difference: KeyDifference
    differences: list[KeyDifference]
    level: float
    lowest: bool
    label: str | None
    quantity: str | None
    quantities: list[str]
    verdict: Literal["best", "equivalent", "undecided"]
    reference: str
    decision: SequentialTest
    sample_ratio: SampleRatioTest | None
    arms: list[Arm]
    cards: list[Card]
    shares: list[ComparedShare] | UnsetType = UNSET
