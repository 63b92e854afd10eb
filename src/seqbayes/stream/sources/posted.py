"""Posted requests with events, their outcomes, and the ids of recent events and requests."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from seqbayes.errors import SeqbayesError
from seqbayes.stream.digests import digest_of
from seqbayes.stream.learned import EVENT_BYTES, LearnedEvent
from seqbayes.stream.stores import Changes, SeenId


class BusyError(SeqbayesError):
    """The queue is full or the rate limit is exceeded; retry after `seconds`."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class ClosedError(SeqbayesError):
    """The source is closed."""


class ReusedError(SeqbayesError):
    """An idempotency key was used before for a request with different content."""


class Outcome(msgspec.Struct):
    """The outcome of a request.

    Parameters
    ----------
    accepted
        Events that at least one belief learned, and that are committed.
    duplicates
        Events that had already been learned by every belief that uses them, and were not read
        again.
    refused
        Events that at least one belief could not use; they are dead letters.
    refusals
        Line, belief and reason of the first events that were not used.
    unused
        Events that no belief learned: rejected by every belief that selects them, or selected by no
        belief. Their ids are not remembered, so they can be posted again.
    """

    accepted: int
    duplicates: int
    refused: int
    refusals: list[dict[str, Any]]
    unused: int = 0


class RequestNote(msgspec.Struct):
    """The stored record of a request with an idempotency key."""

    digest: str
    outcome: Outcome


Done = Callable[[Outcome | None, bool], None]
"""Called with the outcome (None if not committed), and whether it is that of an earlier request."""


@dataclass
class PostedRequest:
    """Events that are committed together.

    Parameters
    ----------
    records
        One JSON object each.
    lines
        The line number of each record in the request, from 1.
    ids
        The id of each event, if events have ids.
    key
        The request's idempotency key, if any.
    digest
        Digest of the content; detects a different request with the same key.
    done
        Function that is called once, in another thread.
    learners
        For each line that not all beliefs may learn, the names of the beliefs that may.

    Attributes
    ----------
    number
        Sequence number of the request.
    duplicates
        Number of events omitted because their id is known.
    repeated
        For each line that repeats the id of an earlier line, the number of the earlier line.
    too_late
        Lines with rewards that may already have been learned; they are not read.
    unused
        Lines that no belief learned.
    only
        For each line with an event that some beliefs have already learned, the other beliefs.
    """

    records: Sequence[bytes]
    lines: Sequence[int]
    ids: Sequence[str] = ()
    key: str = ""
    digest: str = ""
    done: Done = lambda outcome, again: None
    learners: Mapping[int, frozenset[str]] = field(default_factory=dict)
    number: int = 0
    duplicates: int = 0
    repeated: dict[int, int] = field(default_factory=dict)
    too_late: list[int] = field(default_factory=list)
    unused: set[int] = field(default_factory=set)
    only: dict[int, frozenset[str]] = field(default_factory=dict)
    also: list[Done] = field(default_factory=list)

    def finish(self, outcome: Outcome | None) -> None:
        """Pass the outcome to all waiting clients."""
        self.done(outcome, False)
        for done in self.also:
            done(outcome, True)

    def keep(self, indices: Sequence[int]) -> None:
        """Keep only the events with these indices."""
        self.records = [self.records[index] for index in indices]
        self.lines = [self.lines[index] for index in indices]
        self.ids = [self.ids[index] for index in indices]


def key_of(identity: str) -> str:
    """Return the key under which the id of a learned event is stored."""
    return f"e:{identity}"


REWARD = "reward:"
"""Prefix of the event ids of rewards; see `seqbayes.stream.choices`."""

HORIZON = "h:rewards"
"""The id under which `SeenIds.horizon` is stored."""


def decided_at(identity: str) -> int | None:
    """Return the time of the decision of a reward, in ms since 1970; None for other events.

    Examples
    --------
    >>> decided_at("reward:1714521600000-Hq2"), decided_at("order-7")
    (1714521600000, None)
    """
    text, _, nonce = identity.removeprefix(REWARD).partition("-")
    known = identity.startswith(REWARD) and nonce and text.isascii() and text.isdecimal()
    return int(text) if known else None


def read_identity(record: bytes, field: str) -> str | None:
    """Return the id of an event that was accepted earlier; None if it has no id.

    Examples
    --------
    >>> read_identity(b'{"id": 7}', "id"), read_identity(b'{"id": []}', "id")
    ('7', None)
    """
    try:
        value = msgspec.json.decode(record, type=dict[str, Any]).get(field)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return str(value) if type(value) in (int, str) else None


class SeenIds:
    """The ids of recently learned events, and the requests being processed.

    Parameters
    ----------
    max_ids
        Maximum number of event and request ids to remember; the oldest are dropped first.

    Attributes
    ----------
    horizon
        Time of the newest decision whose reward id has been dropped, in ms since 1970. Rewards for
        decisions at or before this time are rejected: they may already have been learned.
    """

    def __init__(self, max_ids: int) -> None:
        self.horizon = -1
        self._most = max_ids
        self._known: OrderedDict[str, str] = OrderedDict()
        self._number = 0
        self._pending: set[str] = set()
        self._outcomes: dict[int, Outcome] = {}
        self.waiting_requests: dict[str, PostedRequest] = {}

    def load_ids(self, ids: Iterable[SeenId]) -> None:
        """Load the committed ids, oldest first."""
        for identity, number, stored in ids:
            self._number = number
            if identity == HORIZON:
                self.horizon = int(stored)
            else:
                whole = identity.startswith("k:") or LearnedEvent.read(stored).missing
                self._known[identity] = stored if whole else ""

    def has(self, identity: str) -> bool:
        """Whether an event with this id was learned, or is being learned."""
        return key_of(identity) in self._known or identity in self._pending

    def _missing(self, identity: str, record: bytes) -> frozenset[str]:
        """Return the beliefs that rejected a learned event, if this is a corrected copy of it."""
        note = self._known.get(key_of(identity))
        if not note or identity in self._pending:
            return frozenset()
        event = LearnedEvent.read(note)
        return event.missing if event.can_learn(record) else frozenset()

    def too_late(self, identity: str) -> bool:
        """Whether this is a reward for a decision so old that it may already have been learned."""
        decided = decided_at(identity)
        return decided is not None and decided <= self.horizon and not self.has(identity)

    def find_request(self, key: str) -> RequestNote | None:
        """Return the record of a committed request with this key."""
        text = self._known.get(f"k:{key}")
        return None if text is None else msgspec.json.decode(text, type=RequestNote)

    def begin(self, request: PostedRequest) -> None:
        """Register a request; drop events already learned, and lines that repeat an event id.

        A corrected copy of an event that some beliefs learned and others rejected is passed to the
        latter.
        """
        first: dict[str, int] = {}
        for index, identity in enumerate(request.ids):
            if self.too_late(identity):
                request.too_late.append(request.lines[index])
            elif identity in first:
                request.repeated[request.lines[index]] = request.lines[first[identity]]
            elif missing := self._missing(identity, request.records[index]):
                request.only[request.lines[index]] = missing
                first[identity] = index
            elif self.has(identity):
                request.duplicates += 1
            else:
                first[identity] = index
        if len(first) < len(request.ids):
            request.keep(list(first.values()))
        self._pending.update(first)

    def remember(
        self,
        request: PostedRequest,
        outcome: Outcome,
        rejected: Mapping[int, set[str]],
        changes: Changes,
    ) -> None:
        """Remember a request and its learned events, both in memory and in the commit.

        `rejected` contains the beliefs that rejected each line.
        """
        self._outcomes[request.number] = outcome
        rows = zip(request.ids, request.lines, request.records, strict=False)
        for identity, line, record in rows:
            # the position lets a retry of dead letters recognise this event
            key, position = key_of(identity), f"[{request.number},{line}]"
            by = rejected.get(line, set())
            if line in request.only:
                event = LearnedEvent.read(self._known[key])
                if line not in request.unused:
                    event.learn(request.only[line] - by, position)
            elif line in request.unused:
                continue
            else:
                event = LearnedEvent(position, dict.fromkeys(sorted(by)))
            event.digest = digest_of(record, EVENT_BYTES) if event.missing else ""
            self._add(changes, key, event.write(), event.write() if event.missing else "")
        if request.key:
            stored = msgspec.json.encode(RequestNote(request.digest, outcome)).decode()
            self._add(changes, f"k:{request.key}", stored, stored)
        self._forget(changes)

    def _forget(self, changes: Changes) -> None:
        horizon = self.horizon
        while len(self._known) > self._most:
            expired, _ = self._known.popitem(last=False)
            changes.expired_ids.append(expired)
            self.horizon = max(self.horizon, decided_at(expired.removeprefix("e:")) or -1)
        if self.horizon > horizon:
            self._number += 1
            changes.expired_ids.append(HORIZON)
            changes.ids.append(SeenId(HORIZON, self._number, str(self.horizon)))

    def _add(self, changes: Changes, identity: str, stored: str, kept: str) -> None:
        self._number += 1
        self._known[identity] = kept
        changes.ids.append(SeenId(identity, self._number, stored))

    def end(self, request: PostedRequest) -> Outcome:
        """Mark a request as committed, and return its outcome."""
        self._pending.difference_update(request.ids)
        if self.waiting_requests.get(request.key) is request:
            del self.waiting_requests[request.key]
        return self._outcomes.pop(request.number)


class RateLimit:
    """Limits events per second; unused allowance accumulates for at most one second."""

    def __init__(self, rate: float) -> None:
        self._rate = self._left = rate
        self._at = time.monotonic()

    def take(self, count: int) -> None:
        """Use the allowance for a number of events.

        Raises
        ------
        BusyError
            If the limit is exceeded.
        """
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        # a request larger than the allowance of one second uses all of it
        needed = min(float(count), self._rate)
        if self._left < needed:
            seconds = (needed - self._left) / self._rate
            raise BusyError(f"more than {self._rate:g} events a second", seconds)
        self._left -= count
