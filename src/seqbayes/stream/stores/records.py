"""The records of stores, the arguments and results of store methods, and store errors."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from seqbayes.errors import SeqbayesError

GROUP = "group"
"""The name of the store setting that contains the `Group`."""


PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 5.0, 5.0)
"""Seconds between the attempts to reach the server of a store."""


class StoreError(SeqbayesError):
    """A store cannot be read or written, or its contents are invalid."""


class UnavailableError(StoreError):
    """The server of a store cannot be reached, or cannot currently answer."""


class LeaseError(StoreError):
    """Another process is using the store."""


class DeclarationError(StoreError):
    """The store contains a different belief with the same name."""


class DeadLetter(NamedTuple):
    """An event that could not be used, with its position (JSON), its raw bytes and the reason.

    `belief` is the belief that rejected the event, or empty if the event could not be decoded.
    """

    source: str
    position: str
    belief: str
    raw: bytes
    reason: str


class StoredState(NamedTuple):
    """A state of a belief with its key, both as JSON; `used` orders the keys by last use.

    `place` is a number with which the store finds the state faster than with its key; None if the
    number is not known.
    """

    belief: str
    key: str
    state: str
    used: int
    place: int | None = None


class StateRows(NamedTuple):
    """States of a belief as a store keeps them.

    Parameters
    ----------
    head, tail
        The JSON that is omitted before and after a state that begins with a bracket.
    rows
        Tuples that begin with the place, the key, the state and the use, as in `StoredState`.

    Examples
    --------
    >>> rows = StateRows('{"statistics":', "}", [(7, '["a"]', "[1.0]", 1)])
    >>> list(rows.states("sold"))
    [StoredState(belief='sold', key='["a"]', state='{"statistics":[1.0]}', used=1, place=7)]
    """

    head: str
    tail: str
    rows: list[tuple[Any, ...]]

    def states(self, belief: str, start: int = 0) -> Iterator[StoredState]:
        """Yield the states, from an index on.

        Parameters
        ----------
        belief
            The name of the belief.
        start
            Index of the first state.
        """
        for place, key, state, used, *_ in itertools.islice(self.rows, start, None):
            if state.startswith("["):
                state = f"{self.head}{state}{self.tail}"
            yield StoredState(belief, key, state, used, place)


class SeenId(NamedTuple):
    """The id of an event that must be counted only once.

    `number` orders ids by age. `note` is the position of the event (JSON); it is empty if the id
    was stored before version 6 of the tables.
    """

    id: str
    number: int
    note: str


class StoredEntry(NamedTuple):
    """A state with the times of its first and last commit, in seconds since 1970."""

    belief: str
    key: str
    state: str
    used: int
    since: float
    updated: float


class SourcePosition(NamedTuple):
    """The token (JSON) of a source, and the number of events read up to this position."""

    source: str
    token: str
    events: int
    updated: float


class StoredLetter(NamedTuple):
    """A dead letter with its number and the time when it was stored."""

    number: int
    letter: DeadLetter
    at: float


STREAM = ""
"""The belief name under which the history of the stream is stored; see `stream.traffic`."""


class HistoryPoint(NamedTuple):
    """A summary (JSON) of a state, or of the stream, at a time, in seconds since 1970."""

    belief: str
    key: str
    at: float
    summary: str


def surplus_times(times: Sequence[float], limit: int) -> list[float]:
    """Return the times of points to delete from a history with more than `limit` points.

    The newest point remains, and one point in each of at most 3/4 of `limit` equal intervals. The
    length of the intervals is a power of two and each interval starts at a multiple of this length,
    so that a history that is thinned repeatedly stays evenly spaced.

    Parameters
    ----------
    times
        Times of all points, in ascending order.
    limit
        Maximum number of points.

    Examples
    --------
    >>> surplus_times([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.5, 6.0, 6.5], limit=8)
    [1.0, 3.0, 5.0, 5.5]
    >>> surplus_times([0.0, 1.0, 2.0], limit=8)
    []
    """
    if len(times) <= limit:
        return []
    width = 2.0 ** math.ceil(math.log2((times[-1] - times[0]) / (0.75 * limit)))
    return [
        at
        for before, at in itertools.pairwise(times[:-1])
        if math.floor(before / width) == math.floor(at / width)
    ]


class StoredAlert(NamedTuple):
    """The state (JSON) of an alert about a key (JSON, or empty), and when it last changed."""

    alert: str
    key: str
    state: str
    updated: float


class StoredMessage(NamedTuple):
    """A message of an alert, with its id, its body (JSON) and the time when it was created.

    `done` is the time when the message was delivered or abandoned, and 0 until then; `note` is the
    reason why the message was abandoned, or empty.
    """

    id: str
    alert: str
    body: bytes
    created: float
    done: float = 0.0
    note: str = ""


class Annotation(NamedTuple):
    """A note about a point in time, such as a deployment; times are in seconds since 1970.

    `belief` is the name of the belief that the note concerns, or empty if it concerns all beliefs.
    """

    id: str
    at: float
    belief: str
    text: str


class Reason(NamedTuple):
    """A reason why a belief rejected events, and the number of these events."""

    belief: str
    reason: str
    n: int


class Lease(NamedTuple):
    """The lease of a store, as stored.

    Parameters
    ----------
    epoch
        Number of times the lease has been acquired.
    serial
        Number of commits.
    holder
        JSON of the `Holder`; None if the lease is free.
    expires
        Time at which the lease expires, in seconds since 1970.
    status
        JSON of the last `RunnerStatus` of the holder; None before the first heartbeat.
    """

    epoch: int
    serial: int
    holder: str | None
    expires: float
    status: str | None


class RunnerStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """The report of a runner in each heartbeat.

    Parameters
    ----------
    lag
        Number of unread events or bytes in the source, if known.
    reconnects
        Number of times the source has restored its connection.
    connection_error
        Reason why the source has no connection; None if it is connected.
    read_at
        Time when the last events arrived, in seconds since 1970; None before the first event.
    """

    lag: int | None = None
    reconnects: int = 0
    connection_error: str | None = msgspec.field(default=None, name="trouble")
    read_at: float | None = None


class Runner(NamedTuple):
    """The process that writes a store.

    Parameters
    ----------
    holder
        Description of the process; None if there is no runner.
    alive
        Whether the process is known to be running.
    halted
        Whether the process was stopped by a signal or a debugger.
    silent
        Seconds since the last heartbeat of the process.
    status
        The report in the last heartbeat.
    """

    holder: str | None
    alive: bool
    halted: bool = False
    silent: float = 0.0
    status: RunnerStatus = RunnerStatus()


class Partition(NamedTuple):
    """A partition of the stream of a group of runners.

    Parameters
    ----------
    name
        Name of the partition.
    runner
        The process that owns the partition.
    source
        Name of the source of the partition; None before the first commit.
    events
        Number of committed events.
    updated
        Time of the last commit, in seconds since 1970; None before the first commit.
    """

    name: str
    runner: Runner
    source: str | None = None
    events: int = 0
    updated: float | None = None


@dataclass
class Changes:
    """The changes of one transaction.

    Parameters
    ----------
    source, token, events
        The source, its new token and the number of events read since the last commit. If the source
        is None, positions and ids do not change.
    events_before
        Number of committed events of the source before these changes; the commit fails if the
        stored number differs, because another program changed it. None skips this check.
    states
        New and changed states.
    gone
        Belief and key of the states to delete.
    points_gone
        Belief and key of the histories to delete.
    dead_letters
        New dead letters.
    letters_before
        Time before which dead letters are deleted, in seconds since 1970; None deletes no dead
        letters.
    history
        New points of histories.
    resolved_letters
        Numbers of the dead letters to delete, because they were resolved.
    ids, expired_ids
        New event ids of the source, and event ids to delete.
    alerts, alerts_gone
        New and changed states of alerts, and the alert and key of the states to delete.
    messages, messages_gone
        New and changed messages of alerts, and the ids of the messages to delete.
    first_place
        Set by a commit to the place of the first of the `states` that has no place; the other
        states without a place have the following numbers, in order. The value remains None if the
        store has no places. A state whose key was stored before keeps its place, which is not known
        in this case.
    """

    source: str | None
    token: Any
    events: int = 0
    states: Collection[StoredState] = ()
    gone: Sequence[tuple[str, str]] = ()
    dead_letters: Sequence[DeadLetter] = ()
    history: list[HistoryPoint] = field(default_factory=list)
    resolved_letters: Sequence[int] = ()
    ids: list[SeenId] = field(default_factory=list)
    expired_ids: list[str] = field(default_factory=list)
    alerts: Sequence[StoredAlert] = ()
    alerts_gone: Sequence[tuple[str, str]] = ()
    messages: Sequence[StoredMessage] = ()
    messages_gone: Sequence[str] = ()
    points_gone: Sequence[tuple[str, str]] = ()
    letters_before: float | None = None
    events_before: int | None = None
    first_place: int | None = None


@dataclass
class Contents:
    """Everything that a store contains.

    `declarations` maps belief names to JSON; `ids` are pairs of a source name and an event id.
    """

    declarations: Mapping[str, str]
    entries: Iterable[StoredEntry]
    positions: Iterable[SourcePosition]
    letters: Iterable[StoredLetter]
    history: Iterable[HistoryPoint]
    ids: Iterable[tuple[str, SeenId]]
    alerts: Sequence[StoredAlert] = ()
    messages: Sequence[StoredMessage] = ()
    annotations: Iterable[Annotation] = ()
