"""Requests that carry events: their outcome, and what is remembered of them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from seqbayes.errors import SeqbayesError
from seqbayes.stream.stores import Changes, SeenId


class BusyError(SeqbayesError):
    """The queue is full or the rate limit is exceeded; retry after `seconds`."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class ClosedError(SeqbayesError):
    """The source is closed."""


class ReusedError(SeqbayesError):
    """An idempotency key was used before, for a request with other content."""


class Outcome(msgspec.Struct):
    """The outcome of a request.

    Parameters
    ----------
    accepted
        Events that at least one belief learned, and that are committed.
    duplicates
        Events that had been learned before and were not read again.
    refused
        Events that at least one belief could not use; they are dead letters.
    refusals
        Line, belief and reason of the first events that were not used.
    unused
        Events that no belief learned: refused by every belief that selects them, or selected by
        none. Their identities are not remembered, so they can be posted again.
    """

    accepted: int
    duplicates: int
    refused: int
    refusals: list[dict[str, Any]]
    unused: int = 0


class RequestNote(msgspec.Struct):
    """What the store keeps about a request with an idempotency key."""

    digest: str
    outcome: Outcome


Done = Callable[[Outcome | None, bool], None]
"""Receives the outcome, None if it was not committed, and whether it is an earlier request's."""


@dataclass
class PostedRequest:
    """Events that are committed together.

    Parameters
    ----------
    records
        One JSON object each.
    lines
        The place of each in the request, from 1.
    ids
        The identity of each, if events have identities.
    key
        The request's idempotency key, if any.
    digest
        Digest of the content, which detects another request with the same key.
    done
        Called once, in another thread.

    Attributes
    ----------
    number
        The place of the request among those that were read.
    duplicates
        Number of events omitted because their identity is known.
    repeated
        For each line that repeats the identity of an earlier line, that earlier line.
    too_late
        Lines of rewards that may have been learned and forgotten, which are not read.
    unused
        Lines that no belief learned.
    """

    records: Sequence[bytes]
    lines: Sequence[int]
    ids: Sequence[str] = ()
    key: str = ""
    digest: str = ""
    done: Done = lambda outcome, again: None
    number: int = 0
    duplicates: int = 0
    repeated: dict[int, int] = field(default_factory=dict)
    too_late: list[int] = field(default_factory=list)
    unused: set[int] = field(default_factory=set)
    also: list[Done] = field(default_factory=list)

    def finish(self, outcome: Outcome | None) -> None:
        """Pass the outcome to every client that waits for it."""
        self.done(outcome, False)
        for done in self.also:
            done(outcome, True)

    def keep(self, places: Sequence[int]) -> None:
        """Keep only the events at these places."""
        self.records = [self.records[place] for place in places]
        self.lines = [self.lines[place] for place in places]
        self.ids = [self.ids[place] for place in places]


def key_of(identity: str) -> str:
    """Return the key under which the identity of a learned event is stored."""
    return f"e:{identity}"


REWARD = "reward:"
"""How the identities of rewards begin; see `seqbayes.stream.choices`."""

HORIZON = "h:rewards"
"""The id under which `SeenIds.horizon` is stored."""


def decided_at(identity: str) -> int | None:
    """Return when the decision of a reward was made, in ms since 1970; None for other events.

    Examples
    --------
    >>> decided_at("reward:1714521600000-Hq2"), decided_at("order-7")
    (1714521600000, None)
    """
    text, _, nonce = identity.removeprefix(REWARD).partition("-")
    known = identity.startswith(REWARD) and nonce and text.isascii() and text.isdecimal()
    return int(text) if known else None


def read_identity(record: bytes, field: str) -> str | None:
    """Return the identity of an event that was accepted earlier; None if it has none.

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
    """The identities of events that were learned recently, and the requests being processed.

    Parameters
    ----------
    most
        How many identities of events and requests are remembered, the newest ones.

    Attributes
    ----------
    horizon
        When the newest decision was made whose reward is no longer remembered, in ms since 1970.
        Rewards of decisions up to then may have been learned, and are not learned again.
    """

    def __init__(self, most: int) -> None:
        self.horizon = -1
        self._most = most
        self._known: OrderedDict[str, str] = OrderedDict()
        self._number = 0
        self._pending: set[str] = set()
        self._outcomes: dict[int, Outcome] = {}
        self.waits: dict[str, PostedRequest] = {}

    def recall(self, ids: Iterable[SeenId]) -> None:
        """Load the committed identities, oldest first."""
        for identity, number, note in ids:
            self._number = number
            if identity == HORIZON:
                self.horizon = int(note)
            else:
                self._known[identity] = note if identity.startswith("k:") else ""

    def has(self, identity: str) -> bool:
        """Whether an event with this identity was learned, or is being learned."""
        return key_of(identity) in self._known or identity in self._pending

    def too_late(self, identity: str) -> bool:
        """Whether an event is the reward of a decision so old that it may have been learned."""
        decided = decided_at(identity)
        return decided is not None and decided <= self.horizon and not self.has(identity)

    def note(self, key: str) -> RequestNote | None:
        """Return the record of a committed request with this key."""
        text = self._known.get(f"k:{key}")
        return None if text is None else msgspec.json.decode(text, type=RequestNote)

    def begin(self, request: PostedRequest) -> None:
        """Omit events of a request that were learned before or repeat an earlier line."""
        first: dict[str, int] = {}
        for place, identity in enumerate(request.ids):
            if self.too_late(identity):
                request.too_late.append(request.lines[place])
            elif self.has(identity):
                request.duplicates += 1
            elif identity in first:
                request.repeated[request.lines[place]] = request.lines[first[identity]]
            else:
                first[identity] = place
        if len(first) < len(request.ids):
            request.keep(list(first.values()))
        self._pending.update(first)

    def remember(self, request: PostedRequest, outcome: Outcome, changes: Changes) -> None:
        """Remember a request and its learned events, in the commit as well as here."""
        self._outcomes[request.number] = outcome
        for identity, line in zip(request.ids, request.lines, strict=False):
            if line not in request.unused:
                # the position, by which a retry of dead letters recognises this event
                self._add(changes, key_of(identity), f"[{request.number},{line}]", "")
        if request.key:
            note = msgspec.json.encode(RequestNote(request.digest, outcome)).decode()
            self._add(changes, f"k:{request.key}", note, note)
        self._forget(changes)

    def _forget(self, changes: Changes) -> None:
        horizon = self.horizon
        while len(self._known) > self._most:
            forgotten, _ = self._known.popitem(last=False)
            changes.forgotten.append(forgotten)
            self.horizon = max(self.horizon, decided_at(forgotten.removeprefix("e:")) or -1)
        if self.horizon > horizon:
            self._number += 1
            changes.forgotten.append(HORIZON)
            changes.ids.append(SeenId(HORIZON, self._number, str(self.horizon)))

    def _add(self, changes: Changes, identity: str, stored: str, kept: str) -> None:
        self._number += 1
        self._known[identity] = kept
        changes.ids.append(SeenId(identity, self._number, stored))

    def end(self, request: PostedRequest) -> Outcome:
        """Note that a request is committed, and return its outcome."""
        self._pending.difference_update(request.ids)
        if self.waits.get(request.key) is request:
            del self.waits[request.key]
        return self._outcomes.pop(request.number)


class RateLimit:
    """Limits events per second; unused allowance accumulates for one second at most."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._now = rate, now
        self._left, self._at = rate, now()

    def take(self, count: int) -> None:
        """Use the allowance for a number of events.

        Raises
        ------
        BusyError
            If the limit is exceeded.
        """
        now = self._now()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        # a request larger than the limit of one second needs the whole allowance
        needed = min(float(count), self._rate)
        if self._left < needed:
            seconds = (needed - self._left) / self._rate
            raise BusyError(f"more than {self._rate:g} events a second", seconds)
        self._left -= count
