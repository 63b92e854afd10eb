"""The health of a stream, its dead letters, alerts, annotations and choices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from seqbayes.dashboard.schema.basics import Number
from seqbayes.stream.choices import DecisionResponse


class SourceInfo(Struct):
    """The source of the beliefs; `id` is the field that contains the event id, if any."""

    kind: str
    name: str
    mode: Literal["pipeline", "store", "replay"]
    id: str | UnsetType = UNSET
    reads: list[str] | UnsetType = UNSET
    runner: str | UnsetType | None = UNSET


class BeliefWarning(Struct):
    """A reason why the belief under a key may be misleading."""

    belief: str
    id: str
    text: str


class PartitionInfo(Struct):
    """A partition of a group of runners, and its runner; `silent` is in seconds."""

    partition: str | None
    source: str | None
    state: str
    runner: str | None
    events: int
    lag: int | None
    updated: str | None
    silent: Number
    error: str | None


class Health(Struct):
    """Health of the pipeline and the server; ages are in seconds.

    `quiet` is true if the pipeline is running but expected events are not arriving. `partitions` is
    empty unless the store belongs to a group of runners.
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
    warnings: list[BeliefWarning]
    partitions: list[PartitionInfo]


class DeadLetterInfo(Struct):
    """An event that a belief could not use; an empty `belief` means that no belief could use it."""

    belief: str
    position: str
    raw: str
    reason: str
    source: str
    at: float


class RefusalCount(Struct):
    """A reason why a belief rejected events, and the number of these events."""

    belief: str
    reason: str
    n: int


class DeadLetterList(Struct):
    """The newest of the `total` events that could not be used, and the most frequent reasons."""

    total: int
    reasons: list[RefusalCount]
    letters: list[DeadLetterInfo]


class AlertInfo(Struct):
    """An alert about a key, or about a whole belief or stream, in which case `key` is empty.

    The key of the pooled rest is null; `since` is when the status began.
    """

    alert: str
    status: str
    key: list[str] | None
    since: float
    value: Number


class AlertMessage(Struct):
    """An alert's message; `delivered` is when it was delivered, `abandoned` is why it was not."""

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
    """The pending, firing and resolved alerts, and the newest messages.

    `waiting` is the total number of messages that have not been delivered yet.
    """

    alerts: list[AlertInfo]
    messages: list[AlertMessage]
    waiting: int


class Decisions(Struct):
    """The chosen arm for each context, in order."""

    decisions: list[DecisionResponse]


class AnnotationInfo(Struct):
    """A note about a time, in seconds since 1970; an empty `belief` means all beliefs."""

    id: str
    at: float
    belief: str
    text: str


class AnnotationList(Struct):
    """The newest annotations, in order of time."""

    annotations: list[AnnotationInfo]


class AnnotationBody(Struct, forbid_unknown_fields=True):
    """An annotation to store; by default it is about the present time and all beliefs.

    The annotation replaces an earlier one with the same `id`, so that a request can be repeated.
    """

    text: Annotated[str, Meta(min_length=1, max_length=500)]
    at: float | Annotated[datetime, Meta(tz=True)] | None = None
    belief: str = ""
    id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
