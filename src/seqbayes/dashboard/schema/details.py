"""Everything about a key, and histories."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from seqbayes.dashboard.schema.basics import Interval, Number
from seqbayes.dashboard.schema.beliefs import Card, Marginal, NamedEstimate, Spark
from seqbayes.dashboard.schema.streams import DeadLetterInfo


class Responsibility(Struct):
    """The responsibility of one component for an event: share × density ÷ evidence."""

    name: str
    share: Number
    density: Number
    responsibility: Number


class Responsibilities(Struct):
    """The responsibilities of all components for an event."""

    x: Any
    evidence: Number
    components: list[Responsibility]


class PredictiveCurve(Struct):
    """The distribution of the next observation; for several numbers, one line for each."""

    kind: Literal["pmf", "pdf", "lines"]
    x: list[float | str]
    p: list[Number]
    unseen: Number | UnsetType = UNSET
    mean: Number | UnsetType = UNSET
    interval: Interval | UnsetType = UNSET
    lines: list[NamedEstimate] | UnsetType = UNSET


class Quantile(Struct):
    """A quantile of the next observation, with a credible interval for the population quantile."""

    p: float
    x: Number
    interval: Interval


class HistoryCurve(Spark, kw_only=True):
    """The mean and interval over time and, if known, the weight of the data."""

    n: list[Number]


class Mark(Struct):
    """An annotation or an alert message on the time axis of a history."""

    at: float
    text: str
    kind: Literal["annotation", "alert"]


class KeyHistory(HistoryCurve, kw_only=True):
    """The history of one of several keys."""

    id: str
    key: list[str] | None


class HistoryList(Struct):
    """The histories of several keys of a belief, and the marks on their time axis.

    If `against` was requested, the curves are the differences between each of the other keys and
    that key (between logarithms, for a belief about logarithms). A key without stored states has no
    curve.
    """

    curves: list[KeyHistory]
    marks: list[Mark]


class Recent(Struct):
    """An event and its surprise before it was learned, in nats."""

    at: float
    x: Any
    surprise: Number


class BayesStep(Struct):
    """One step of Bayes' rule: the parameter's densities at a value, before and after the event.

    For labels, the parameter is the share `of` the observed label; for a new label (None), it is
    the total share of all labels that have not occurred.
    """

    x: Any
    prior: Number
    likelihood: Number
    evidence: Number
    posterior: Number
    at: Any
    surprise: Number
    of: str | UnsetType | None = UNSET


class Pooled(Struct):
    """The posterior of a key that borrows strength from the others; `text` describes the prior."""

    mean: Number
    interval: Interval
    text: str


class Detail(Card, kw_only=True):
    """Everything about a key; `parts` names the numbers whose history can be requested."""

    posterior: dict[str, Any] | list[Any] | None
    prior: dict[str, Any] | list[Any] | None
    text: str
    log_evidence: Number
    predictive: PredictiveCurve | None
    quantiles: list[Quantile] | None
    history: HistoryCurve
    recent: list[Recent]
    steps: list[BayesStep]
    dead_letters: list[DeadLetterInfo]
    parts: list[str]
    marks: list[Mark]
    warnings: list[str]
    makers: Responsibilities | UnsetType | None = UNSET
    marginals: list[Marginal] | UnsetType = UNSET
    pooled: Pooled | UnsetType = UNSET
