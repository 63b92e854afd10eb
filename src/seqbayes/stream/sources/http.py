"""Events that programs post over HTTP: a request is answered when its events are committed."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.errors import PriorError
from seqbayes.stream.source import Batch, Source
from seqbayes.stream.sources.posted import (
    BusyError,
    ClosedError,
    Outcome,
    PostedRequest,
    RateLimit,
    ReusedError,
    SeenIds,
)
from seqbayes.stream.store import Changes, SeenId

if TYPE_CHECKING:
    from seqbayes.stream.pipeline import Pipeline

MOST_REFUSALS = 20
"""Refused events of a request whose reasons are told."""


class Http(Source):
    """Events that are posted to ``/api/events`` of ``seqbayes serve``.

    Parameters
    ----------
    name
        Its identity in the store.
    id
        The field that identifies an event, if any: one that is posted again counts once.
    longest
        Most bytes of a request.
    waiting
        Most events that wait to be learned; what comes then is refused for the moment.
    rate
        Most events a second, over a second; no limit by default.
    remember
        How many identities of events and requests are remembered, the newest ones.
    linger
        Seconds between the beginnings of two batches, so that many small requests share a commit.

    Raises
    ------
    PriorError
        If a limit is not above zero.

    Notes
    -----
    A request is a batch, or part of one, so that its events are committed together with the
    identities that are to be remembered: after a crash either all of it counts or nothing.
    """

    kind = "http"
    finite = False
    served = True

    def __init__(
        self,
        name: str = "http",
        id: str | None = None,  # noqa: A002
        longest: int = 1 << 20,
        waiting: int = 100_000,
        rate: float | None = None,
        remember: int = 100_000,
        linger: float = 0.02,
    ) -> None:
        limits = {"longest": longest, "waiting": waiting, "remember": remember, "rate": rate}
        for limit, value in limits.items():
            if value is not None and not value > 0:
                raise PriorError(f"expected {limit} to be above 0, got {value!r}")
        self.name, self.id, self.longest = name, id, longest
        self._waiting, self._linger = waiting, linger
        self._allowance = None if rate is None else RateLimit(float(rate))
        self._memory = SeenIds(remember)
        self._condition = threading.Condition()
        self._queue: deque[PostedRequest] = deque()
        self._taken: list[PostedRequest] = []
        self._queued = self._number = 0
        self._closed = False
        self.collectors = (_Settlement(self),)

    def seek(self, token: Any) -> None:
        """Count requests on from those that were committed."""
        self._number = 0 if token is None else token

    def recall(self, ids: Iterable[SeenId]) -> None:
        """Remember what was committed."""
        with self._condition:
            self._memory.recall(ids)

    def offer(self, request: PostedRequest) -> None:
        """Take a request; it is told when it is done.

        Raises
        ------
        BusyError
            If too much waits, or comes.
        ReusedError
            If its key came with another request.
        ClosedError
            If nothing is read.
        """
        with self._condition:
            if self._closed:
                raise ClosedError("nothing is read at present: try again")
            earlier = self._earlier(request)
            if earlier is None:
                self._accept(request)
            elif isinstance(earlier, PostedRequest):
                earlier.also.append(request.done)
                return
        if earlier is not None:
            request.done(earlier, True)

    def _earlier(self, request: PostedRequest) -> Outcome | PostedRequest | None:
        """Return the outcome of an earlier request with the same key, or that request."""
        if not request.key:
            return None
        waits = self._memory.waits.get(request.key)
        note = self._memory.note(request.key)
        digest = waits.digest if waits is not None else note.digest if note is not None else None
        if digest is not None and digest != request.digest:
            raise ReusedError("this Idempotency-Key came with another request")
        return waits if waits is not None or note is None else note.outcome

    def _accept(self, request: PostedRequest) -> None:
        self._leave_out_known(request)
        count = len(request.records)
        if self._queued and self._queued + count > self._waiting:
            raise BusyError(f"{self._queued:,} events wait already", 1.0)
        if self._allowance is not None:
            self._allowance.take(count)
        self._memory.begin(request)
        self._queue.append(request)
        self._queued += count
        self._condition.notify()

    def _leave_out_known(self, request: PostedRequest) -> None:
        """Leave out events whose identities came before, in this request or another one."""
        if not request.ids:
            return
        fresh: dict[str, int] = {}
        for place, identity in enumerate(request.ids):
            if not self._memory.has(identity):
                fresh.setdefault(identity, place)
        kept = list(fresh.values())
        request.duplicates = len(request.records) - len(kept)
        request.records = [request.records[place] for place in kept]
        request.lines = [request.lines[place] for place in kept]
        request.ids = list(fresh)

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches of whole requests, and None while none comes."""
        began = -self._linger
        while True:
            pause = began + self._linger - time.monotonic()
            if pause > 0.0:
                time.sleep(pause)
            with self._condition:
                if not self._queue:
                    self._condition.wait(timeout)
                requests = self._take(size)
            if self._closed:
                return
            began = time.monotonic()
            yield self._batch(requests) if requests else None

    def _take(self, size: int) -> list[PostedRequest]:
        requests: list[PostedRequest] = []
        count = 0
        while self._queue and (not requests or count + len(self._queue[0].records) <= size):
            request = self._queue.popleft()
            count += len(request.records)
            self._number += 1
            request.number = self._number
            requests.append(request)
        self._queued -= count
        self._taken += requests
        return requests

    def _batch(self, requests: Sequence[PostedRequest]) -> Batch:
        records = [record for request in requests for record in request.records]
        places = [[request.number, line] for request in requests for line in request.lines]
        return Batch(records, self._number, places, remaining=self._queued, prompt=True)

    def note(self, changes: Changes, beliefs: int) -> None:
        """Add to a commit what is to be remembered of its requests.

        Parameters
        ----------
        changes
            What is committed.
        beliefs
            How many there are: an event that all of them refused may be posted again, corrected.
        """
        refusals = _refusals(changes)
        with self._condition:
            for request in self._taken:
                told = refusals.get(request.number, [])
                unused = _unused(told, beliefs)
                self._memory.keep(request, _outcome(request, told, len(unused)), changes)
                self._memory.let_go(request, unused, changes)

    def settle(self) -> None:
        """Tell all whose requests are committed."""
        with self._condition:
            settled, self._taken = self._taken, []
            told = [(request, self._memory.end(request)) for request in settled]
        for request, outcome in told:
            request.finish(outcome)

    def close(self) -> None:
        """Tell all who wait that their requests were not committed."""
        with self._condition:
            self._closed = True
            left = [*self._taken, *self._queue]
            self._taken, self._queue = [], deque()
            self._condition.notify()
        for request in left:
            request.finish(None)


class _Settlement:
    """A collector that lets requests end with their commit."""

    def __init__(self, source: Http) -> None:
        self._source = source

    def learned(self, pipeline: Pipeline, batch: Any) -> None:
        """Do nothing."""

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Add what is to be remembered."""
        self._source.note(changes, len(pipeline.tables))

    def committed(self, pipeline: Pipeline) -> None:
        """Tell those who wait."""
        self._source.settle()


def _refusals(changes: Changes) -> Mapping[int, list[dict[str, Any]]]:
    """Return what could not be used, by the number of the request."""
    found: dict[int, list[dict[str, Any]]] = {}
    for letter in changes.dead_letters:
        number, line = msgspec.json.decode(letter.position)
        told = {"line": line, "belief": letter.belief, "reason": letter.reason}
        found.setdefault(number, []).append(told)
    return found


def _unused(refusals: list[dict[str, Any]], beliefs: int) -> set[int]:
    """Return the lines that changed no belief."""
    counts = Counter(each["line"] for each in refusals)
    undecoded = {each["line"] for each in refusals if not each["belief"]}
    return undecoded | {line for line, count in counts.items() if count >= beliefs}


def _outcome(request: PostedRequest, refusals: list[dict[str, Any]], unused: int) -> Outcome:
    lines = {each["line"] for each in refusals}
    first = refusals[:MOST_REFUSALS]
    return Outcome(len(request.records) - unused, request.duplicates, len(lines), first, unused)
