"""Requests of events: what becomes of them, and what is remembered of them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from seqbayes.errors import SeqbayesError
from seqbayes.stream.store import Changes, SeenId


class BusyError(SeqbayesError):
    """Too much waits already; `seconds` is when to try again."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class ClosedError(SeqbayesError):
    """Nothing is read at present."""


class ReusedError(SeqbayesError):
    """An idempotency key came before, with another request."""


class Outcome(msgspec.Struct):
    """What became of a request.

    Parameters
    ----------
    accepted
        Events that at least one belief used, and that are committed.
    duplicates
        Events that had been read before, and were not read again.
    refused
        Events that at least one belief could not use; they are dead letters.
    refusals
        Line, belief and reason of the first of them.
    unused
        Events that no belief could use.
    """

    accepted: int
    duplicates: int
    refused: int
    refusals: list[dict[str, Any]]
    unused: int = 0


class RequestNote(msgspec.Struct):
    """What the store keeps of a request with an idempotency key."""

    digest: str
    outcome: Outcome


Done = Callable[[Outcome | None, bool], None]
"""Told the outcome, None if it was not committed, and whether it is that of an earlier request."""


@dataclass
class PostedRequest:
    """Some events that are committed together.

    Parameters
    ----------
    records
        A JSON object each.
    lines
        The place of each in the request, from 1.
    ids
        The identity of each, where events have some.
    key
        The request's idempotency key, if any.
    digest
        Of its content, to tell another request with the same key.
    done
        Called once, in another thread.
    """

    records: Sequence[bytes]
    lines: Sequence[int]
    ids: Sequence[str] = ()
    key: str = ""
    digest: str = ""
    done: Done = lambda outcome, again: None
    duplicates: int = 0
    number: int = 0
    also: list[Done] = field(default_factory=list)

    def finish(self, outcome: Outcome | None) -> None:
        """Tell everybody who waits."""
        self.done(outcome, False)
        for done in self.also:
            done(outcome, True)


class SeenIds:
    """The identities that came lately, and those that wait for their commit."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[str, str] = OrderedDict()
        self._number = 0
        self._waiting: set[str] = set()
        self._outcomes: dict[int, Outcome] = {}
        self.waits: dict[str, PostedRequest] = {}

    def recall(self, ids: Iterable[SeenId]) -> None:
        """Remember what was committed, oldest first."""
        for identity, number, note in ids:
            self._known[identity] = note
            self._number = number

    def has(self, identity: str) -> bool:
        """Whether an event with this identity was committed, or waits for it."""
        return f"e:{identity}" in self._known or identity in self._waiting

    def note(self, key: str) -> RequestNote | None:
        """Return what is known of a committed request with this key."""
        text = self._known.get(f"k:{key}")
        return None if text is None else msgspec.json.decode(text, type=RequestNote)

    def begin(self, request: PostedRequest) -> None:
        """Take note that a request waits for its commit."""
        self._waiting.update(request.ids)
        if request.key:
            self.waits[request.key] = request

    def keep(self, request: PostedRequest, outcome: Outcome, changes: Changes) -> None:
        """Remember a request, in the commit as well as here."""
        self._outcomes[request.number] = outcome
        new = [(f"e:{identity}", "") for identity in request.ids]
        if request.key:
            note = msgspec.json.encode(RequestNote(request.digest, outcome)).decode()
            new.append((f"k:{request.key}", note))
        for identity, note in new:
            self._number += 1
            self._known[identity] = note
            changes.ids.append(SeenId(identity, self._number, note))
        while len(self._known) > self._most:
            changes.forgotten.append(self._known.popitem(last=False)[0])

    def let_go(self, request: PostedRequest, lines: set[int], changes: Changes) -> None:
        """Forget the events of some lines."""
        useless = {f"e:{i}" for i, n in zip(request.ids, request.lines, strict=False) if n in lines}
        for identity in useless:
            self._known.pop(identity, None)
        changes.ids[:] = [each for each in changes.ids if each.id not in useless]

    def end(self, request: PostedRequest) -> Outcome:
        """Take note that a request is committed, and return what became of it."""
        self._waiting.difference_update(request.ids)
        if self.waits.get(request.key) is request:
            del self.waits[request.key]
        return self._outcomes.pop(request.number)


class RateLimit:
    """So many events a second, with a second's worth saved up at most."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._now = rate, now
        self._left, self._at = rate, now()

    def take(self, count: int) -> None:
        """Take an allowance for so many events.

        Raises
        ------
        BusyError
            If it is used up.
        """
        now = self._now()
        self._left = min(self._rate, self._left + (now - self._at) * self._rate)
        self._at = now
        # more than a second's worth at once is let through when all of it is saved up
        needed = min(float(count), self._rate)
        if self._left < needed:
            seconds = (needed - self._left) / self._rate
            raise BusyError(f"more than {self._rate:g} events a second", seconds)
        self._left -= count
