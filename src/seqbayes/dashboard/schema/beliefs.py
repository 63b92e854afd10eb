"""Beliefs and the cards of their keys."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from seqbayes.dashboard.schema.basics import Interval, Kind, Number, Scale
from seqbayes.dashboard.schema.streams import SourceInfo
from seqbayes.events.display import Display


class BeliefInfo(Display, frozen=True, kw_only=True):
    """A belief and how it is displayed; `keys` is the number of its keys.

    `example` is an event that the belief could learn; it is given if the fields are known.
    """

    name: str
    family: str
    likelihood: str | None
    kind: Kind
    scale: Scale
    by: list[str]
    field: list[str]
    prior: str
    half_life: str | None
    example: dict[str, Any] | None
    keys: int


class BeliefList(Struct):
    """All beliefs."""

    beliefs: list[BeliefInfo]
    source: SourceInfo
    version: str


class Spark(Struct):
    """The mean and interval over time, as columns; times are in seconds since 1970.

    `level` is the level of the intervals: the requested level in a history whose states are stored,
    otherwise the level of the stored intervals.

    For a belief about several numbers, this is the history of one number: `part` is the number's
    name, and `unit` is "share" if the number is a share.
    """

    t: list[float]
    mean: list[Number]
    low: list[Number]
    high: list[Number]
    level: float
    part: str | UnsetType = UNSET
    unit: Literal["share"] | UnsetType = UNSET


class Density(Struct):
    """Curves on one grid; the likelihood of the last event is scaled to the posterior's peak."""

    x: list[float]
    posterior: list[Number]
    prior: list[Number] | None
    likelihood: list[Number] | None


class Variance(Struct):
    """The belief about the variance."""

    mean: Number
    mle: Number
    map: Number
    interval: Interval


class LabelShare(Struct):
    """The belief about the share of a label."""

    label: str
    mean: Number
    mle: Number
    map: Number
    interval: Interval
    n: Number


class Component(Struct):
    """A component of a mixture; its density is multiplied by its weight.

    `n` is the expected weight of its observations, `fields` are the estimates of its parameters,
    and `text` shows the parameters' means.
    """

    name: str
    weight: Number
    n: Number
    text: str
    fields: list[NamedEstimate]
    density: list[Number] | None


class NamedEstimate(Struct):
    """The estimate of one of several numbers.

    `n` is the total weight of its observations, if known; `text` is additional information, such as
    the location of a component within a class; `unit` is "share" if the number is a share.
    """

    name: str
    mean: Number
    interval: Interval
    n: Number | UnsetType = UNSET
    text: str | UnsetType = UNSET
    unit: Literal["share"] | UnsetType = UNSET


class Estimate(Struct):
    """Estimates of a number, or of the shares of labels; the fields depend on the kind."""

    kind: Kind
    n: Number
    mean: Number
    mle: Number
    map: Number
    interval: Interval
    level: float
    density: Density | UnsetType | None = UNSET
    variance: Variance | UnsetType = UNSET
    shares: list[LabelShare] | UnsetType = UNSET
    rest: int | UnsetType = UNSET
    rest_mean: Number | UnsetType = UNSET
    unseen: Number | UnsetType = UNSET


class Marginal(Estimate, kw_only=True):
    """The belief about one of several numbers or sets of labels."""

    name: str
    family: str
    likelihood: str
    scale: Scale


class Start(Struct):
    """The number of events that a mixture has buffered, and the number that it needs to start."""

    kept: int
    needed: int


class Card(Estimate, kw_only=True):
    """Summary of a belief's key; the fields depend on the kind of the belief.

    `median` is the posterior median of a belief whose mean is infinite. `p_above` is the
    probability of exceeding the configured threshold. Until a mixture is `settled`, its components
    may still swap labels; they have been fitted to at least four fifths of the events buffered for
    `start`.
    """

    belief: str
    key: list[str] | None
    id: str
    rate: float
    updated: float
    since: float
    spark: Spark
    median: Number | UnsetType = UNSET
    p_above: Number | UnsetType = UNSET
    components: list[Component] | UnsetType = UNSET
    settled: bool | UnsetType = UNSET
    start: Start | UnsetType = UNSET
    x: list[float] | UnsetType | None = UNSET
    total: list[Number] | UnsetType | None = UNSET
    discrete: bool | UnsetType = UNSET
    fields: list[NamedEstimate] | UnsetType = UNSET


class Cards(Struct):
    """A page of the keys that were found, and the `total` number of keys found.

    If a cursor was requested, `next` is the cursor of the next page, or null if this is the last
    page.
    """

    belief: BeliefInfo
    total: int
    cards: list[Card]
    next: str | UnsetType | None = UNSET
