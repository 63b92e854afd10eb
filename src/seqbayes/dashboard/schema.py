"""Types of the answers of the API, for clients and for its OpenAPI document."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from seqbayes.events.display import Display
from seqbayes.stream.choices import DecisionResponse as DecisionResponse
from seqbayes.stream.choices import RewardBody as RewardBody
from seqbayes.stream.sources.posted import Outcome as Outcome

Number = float | None
Interval = tuple[Number, Number] | None

Kind = str
"""How a belief is displayed; the OpenAPI document lists all registered kinds."""

Scale = Literal["", "share", "log"]
"""How numbers are written: as they are, in percent, or by their exponential."""


class Error(Struct):
    """The reason why a request was refused."""

    error: str


class BeliefInfo(Display, frozen=True, kw_only=True):
    """A belief with its display; `keys` is the number of its keys.

    `example` is an event that it could learn from, if its fields are known.
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


class SourceInfo(Struct):
    """The source of the beliefs; `id` is the field that identifies an event, if any."""

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

    For a belief about several numbers, it is the history of one of them: `part` is its name, and
    `unit` is set if it is a share.
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
    """A component of a mixture; its density is weighted.

    `n` is the expected weight of its observations, `fields` are the estimates of its parameters,
    and `text` contains their means.
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
    """Estimates of a number or of shares of labels; the fields depend on the kind."""

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


class Decisions(Struct):
    """An arm for each context, in their order."""

    decisions: list[DecisionResponse]


class Card(Estimate, kw_only=True):
    """Summary of a key of a belief; the fields depend on its kind.

    `p_above` is the probability to exceed the configured threshold.
    The components of a mixture that is not `settled` may still exchange their names. They are
    fitted to at least four fifths of the events buffered for its `start`.
    """

    belief: str
    key: list[str] | None
    id: str
    rate: float
    updated: float
    since: float
    spark: Spark
    p_above: Number | UnsetType = UNSET
    components: list[Component] | UnsetType = UNSET
    settled: bool | UnsetType = UNSET
    start: Start | UnsetType = UNSET
    x: list[float] | UnsetType | None = UNSET
    total: list[Number] | UnsetType | None = UNSET
    discrete: bool | UnsetType = UNSET
    fields: list[NamedEstimate] | UnsetType = UNSET


class Cards(Struct):
    """A page of the keys that were found, and their `total` number."""

    belief: BeliefInfo
    total: int
    cards: list[Card]


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
    """A quantile of the next observation, with a credible interval of that of all observations."""

    p: float
    x: Number
    interval: Interval


class HistoryCurve(Spark, kw_only=True):
    """Mean and interval over time, with the weight of the data if it is known."""

    n: list[Number]


class Recent(Struct):
    """An event and its surprise before it was learned, in nats."""

    at: float
    x: Any
    surprise: Number


class BayesStep(Struct):
    """One step of Bayes' rule: densities of the parameter at a value, before and after.

    For labels, the parameter is the share `of` the observed label; for a new label (None), the
    total share of all labels that have not occurred.
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
    """An event that a belief could not use; an empty `belief` means that none could."""

    belief: str
    position: str
    raw: str
    reason: str
    source: str
    at: float


class Detail(Card, kw_only=True):
    """Everything about a key; `parts` are the numbers whose history can be requested."""

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
    makers: Responsibilities | UnsetType | None = UNSET
    marginals: list[Marginal] | UnsetType = UNSET


class RefusalCount(Struct):
    """A reason why a belief has refused events, and their number."""

    belief: str
    reason: str
    n: int


class DeadLetterList(Struct):
    """The newest of `total` events that could not be used, and the most frequent reasons."""

    total: int
    reasons: list[RefusalCount]
    letters: list[DeadLetterInfo]


class Difference(Struct):
    """The difference between the first and the second of two keys."""

    pair: tuple[str, str]
    mean: Number
    interval: Interval
    level: float


class ComparedShare(Struct):
    """The belief of one of several keys about the share of a label."""

    mean: Number
    interval: Interval
    density: Density


class Contrast(Struct):
    """The difference of a key to the reference; `lift` is the relative difference.

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

    `loss` is the expected loss of choosing it. `p_above` is the probability to exceed the
    configured `threshold`, and `contrast` is None for the reference.
    """

    key: str
    p_best: float
    loss: Number
    mean: Number
    interval: Interval
    p_above: Number
    contrast: Contrast | None


class SequentialTest(Struct):
    """A test whose error rate is bounded whenever an experiment is stopped.

    `best` is the key that it calls the best, None while it has not decided; `more` is the number of
    further observations until a decision with probability 80 %.
    """

    guarantee: Literal["anytime-valid", "none"]
    reason: str
    best: str | None
    p_value: float
    more: Number


class Comparison(Struct):
    """The probability of each key to be the best, and the differences of the best to the others.

    `verdict` is "best" if one is the best with probability (1 + level) / 2 or more, "equivalent" if
    no difference matters, else "undecided". `reference` is the control, or the best key. `shares`
    contains the compared beliefs if they are about the share of a label.
    """

    keys: list[str]
    p_best: list[float]
    best: str
    difference: Difference
    differences: list[Difference]
    level: float
    lowest: bool
    label: str | None
    verdict: Literal["best", "equivalent", "undecided"]
    reference: str
    decision: SequentialTest
    arms: list[Arm]
    cards: list[Card]
    shares: list[ComparedShare] | UnsetType = UNSET


class Health(Struct):
    """Health of pipeline and server; ages in seconds.

    `quiet` is true if the pipeline works but expected events do not arrive.
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
    """The permissions of a browser."""

    session: bool
    reading_is_free: bool


class AlertInfo(Struct):
    """An alert about a key, or about a whole belief or stream: its key is then empty.

    The key of the pooled rest is null; `since` is when the status began.
    """

    alert: str
    status: str
    key: list[str] | None
    since: float
    value: Number


class AlertMessage(Struct):
    """A message of an alert; `delivered` is when it was delivered, `abandoned` why it was not."""

    id: str
    alert: str
    status: str
    condition: str
    belief: str | None
    key: dict[str, str] | None
    value: Number
    since: float
    at: float
    delivered: Number
    abandoned: str | None


class AlertList(Struct):
    """The alerts that are not at rest, the newest messages, and how many of them wait."""

    alerts: list[AlertInfo]
    messages: list[AlertMessage]
    waiting: int


class Ok(Struct):
    """Success."""

    ok: bool


class Steps(Struct):
    """Some steps of a story, of `total`."""

    steps: list[dict[str, Any]]
    total: int


class StoryOpening(Struct):
    """A started story, with the fields of its first JSON line."""

    id: str


ANSWERS = (
    Error, BeliefList, Cards, Detail, Comparison, DeadLetterList, Health, Session, Ok, Steps,
    AlertList, StoryOpening, Outcome, Decisions, RewardBody,
)  # fmt: skip


def components() -> dict[str, Any]:
    """Return the JSON schemas of all answers by name."""
    _, found = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")
    return found
