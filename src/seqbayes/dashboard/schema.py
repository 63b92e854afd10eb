"""The answers of the API as types: what its clients read, and its OpenAPI document says."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from seqbayes.stream.sources.posted import Outcome as Outcome

Number = float | None
Interval = tuple[Number, Number] | None

Kind = str
"""How a belief is shown; the OpenAPI document lists the kinds, which `register_view` extends."""

Scale = Literal["", "share", "log"]
"""How numbers are written: as they are, in percent, or by their exponential."""


class Error(Struct):
    """Why a request was refused."""

    error: str


class BeliefInfo(Struct):
    """A belief; `keys` is how many it has.

    `example` is an event that it would learn from, where its fields are known.
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
    unit: str
    example: dict[str, Any] | None
    keys: int


class SourceInfo(Struct):
    """Where beliefs come from; `id` is the field that identifies an event, if any."""

    kind: str
    name: str
    mode: Literal["pipeline", "store", "replay"]
    id: str | UnsetType = UNSET
    reads: list[str] | UnsetType = UNSET
    runner: str | UnsetType | None = UNSET


class BeliefList(Struct):
    """All beliefs."""

    beliefs: list[BeliefInfo]
    source: SourceInfo
    version: str


class Spark(Struct):
    """Mean and interval over time, in seconds since 1970, as columns.

    Of a belief about several numbers it is one of them: `part` names it, and `unit` says whether it
    is a share.
    """

    t: list[float]
    mean: list[Number]
    low: list[Number]
    high: list[Number]
    part: str | UnsetType = UNSET
    unit: Literal["share"] | UnsetType = UNSET


class Density(Struct):
    """Curves on one grid; the likelihood of the last event is scaled to the posterior's peak."""

    x: list[float]
    posterior: list[Number]
    prior: list[Number] | None
    likelihood: list[Number] | None


class Variance(Struct):
    """What is believed of the variance."""

    mean: Number
    mle: Number
    map: Number
    interval: Interval


class LabelShare(Struct):
    """What is believed of the share of a label."""

    label: str
    mean: Number
    mle: Number
    map: Number
    interval: Interval
    n: Number


class Component(Struct):
    """A component of a mixture; its density is weighted.

    `n` is the weight of what it is expected to have made, `fields` what is believed of its
    parameters, and `text` says their means.
    """

    name: str
    weight: Number
    n: Number
    text: str
    fields: list[NamedEstimate]
    density: list[Number] | None


class NamedEstimate(Struct):
    """One number among several.

    `n` is the weight of its data, if known; `text` describes it further, such as the location of a
    component of a class; `unit` is whether it is a share.
    """

    name: str
    mean: Number
    interval: Interval
    n: Number | UnsetType = UNSET
    text: str | UnsetType = UNSET
    unit: Literal["share"] | UnsetType = UNSET


class Estimate(Struct):
    """What is believed of a number, or of labels; which fields there are depends on the kind."""

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
    """How many events a mixture keeps, of those that are needed to begin with."""

    kept: int
    needed: int


class Responsibility(Struct):
    """One component, and whether it made an event: share × density ÷ evidence = responsibility."""

    name: str
    share: Number
    density: Number
    responsibility: Number


class Responsibilities(Struct):
    """Which component made an event."""

    x: Any
    evidence: Number
    components: list[Responsibility]


class Card(Estimate, kw_only=True):
    """A key of a belief, at a glance; which fields there are depends on its kind.

    The components of a mixture that is not `settled` yet may exchange their names, and are fitted
    to four fifths or more of what is kept for its `start`.
    """

    belief: str
    key: list[str] | None
    id: str
    rate: float
    updated: float
    since: float
    spark: Spark
    components: list[Component] | UnsetType = UNSET
    settled: bool | UnsetType = UNSET
    start: Start | UnsetType = UNSET
    x: list[float] | UnsetType | None = UNSET
    total: list[Number] | UnsetType | None = UNSET
    discrete: bool | UnsetType = UNSET
    fields: list[NamedEstimate] | UnsetType = UNSET


class Cards(Struct):
    """Some keys of a belief, of `total` that were found."""

    belief: BeliefInfo
    total: int
    cards: list[Card]


class PredictiveCurve(Struct):
    """The distribution of the next observation: of several numbers, a line for each."""

    kind: Literal["pmf", "pdf", "lines"]
    x: list[float | str]
    p: list[Number]
    unseen: Number | UnsetType = UNSET
    mean: Number | UnsetType = UNSET
    interval: Interval | UnsetType = UNSET
    lines: list[NamedEstimate] | UnsetType = UNSET


class HistoryCurve(Spark, kw_only=True):
    """Mean and interval over time, with the weight of the data where it is known."""

    n: list[Number]


class Recent(Struct):
    """An event and its surprise before it was learned, in nats."""

    at: float
    x: Any
    surprise: Number


class BayesStep(Struct):
    """One step of Bayes' rule: densities of the parameter at a value, before and after.

    Of labels the parameter is the share `of` the one seen; of a new one (None) that of all that
    were not seen.
    """

    x: Any
    prior: Number
    likelihood: Number
    evidence: Number
    posterior: Number
    at: Any
    surprise: Number
    of: str | UnsetType | None = UNSET


class DeadLetterInfo(Struct):
    """An event that could not be used: by a belief, or by any where that is empty."""

    belief: str
    position: str
    raw: str
    reason: str
    source: str
    at: float


class Detail(Card, kw_only=True):
    """All that is known of a key; `parts` are the numbers of which one can ask for the history."""

    posterior: dict[str, Any] | list[Any] | None
    prior: dict[str, Any] | list[Any] | None
    text: str
    log_evidence: Number
    predictive: PredictiveCurve | None
    history: HistoryCurve
    recent: list[Recent]
    steps: list[BayesStep]
    dead_letters: list[DeadLetterInfo]
    parts: list[str]
    makers: Responsibilities | UnsetType | None = UNSET
    marginals: list[Marginal] | UnsetType = UNSET


class RefusalCount(Struct):
    """Why a belief has refused events, and how many."""

    belief: str
    reason: str
    n: int


class DeadLetterList(Struct):
    """The newest of `total` events that could not be used, and the commonest reasons of all."""

    total: int
    reasons: list[RefusalCount]
    letters: list[DeadLetterInfo]


class Difference(Struct):
    """The first of two keys less the second."""

    pair: tuple[str, str]
    mean: Number
    interval: Interval
    level: float


class ComparedShare(Struct):
    """What is believed of the share of a label by one of several keys."""

    mean: Number
    interval: Interval
    density: Density


class Comparison(Struct):
    """How probable each key is to be the best, and the likeliest less each of the others.

    `shares` has what is compared of each key where that is the share of a label.
    """

    keys: list[str]
    p_best: list[float]
    best: str
    difference: Difference
    differences: list[Difference]
    shares: list[ComparedShare] | UnsetType = UNSET


class Health(Struct):
    """How pipeline and server do; ages in seconds.

    `quiet` says that all is well but for events that were to be expected and do not come.
    """

    status: Literal["ok", "stalled", "stopped"]
    events: int
    rate: float
    lag: int | None
    commit_age: Number
    event_age: Number
    dead_letters: int
    reconnects: int
    uptime: float
    clients: int
    source: SourceInfo
    error: str | None
    quiet: bool
    beliefs: dict[str, int]


class Session(Struct):
    """What a browser may do."""

    session: bool
    reading_is_free: bool


class Ok(Struct):
    """It is done."""

    ok: bool


class Steps(Struct):
    """Some steps of a story, of `total`."""

    steps: list[dict[str, Any]]
    total: int


class StoryOpening(Struct):
    """A story that has begun; with it comes what its first JSON line says."""

    id: str


ANSWERS = (
    Error, BeliefList, Cards, Detail, Comparison, DeadLetterList, Health, Session, Ok, Steps,
    StoryOpening, Outcome,
)  # fmt: skip


def components() -> dict[str, Any]:
    """Return the JSON schemas of all answers by name."""
    _, found = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")
    return found
