"""Events that programs post over HTTP: a request is answered when its events are committed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from seqbayes.errors import PriorError
from seqbayes.stream.collector import Collector
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
from seqbayes.stream.stores import Changes, SeenId

if TYPE_CHECKING:
    from seqbayes.stream.pipeline import Pipeline

MOST_REFUSALS = 20
"""Unused events of a request whose reasons are reported."""


class Http(Source):
    """Events that are posted to ``/api/events`` of ``seqbayes serve``.

    Parameters
    ----------
    name
        Its identity in the store.
    id
        The field that identifies an event, if any: an event that is posted again counts once.
    longest
        Maximum number of bytes of a request.
    waiting
        Maximum number of events that wait to be learned; further requests are refused for the
        moment.
    rate
        Maximum number of events per second; no limit by default.
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
    A request is a batch, or part of one, so that its events are committed together with their
    identities: after a crash either the whole request counts or none of it. The identity of an
    event is remembered only if at least one belief learned the event.
    """

    kind = "http"
    finite = False
    served = True

    token_type: ClassVar = int

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
        self._rate = None if rate is None else RateLimit(float(rate))
        self._seen = SeenIds(remember)
        self._condition = threading.Condition()
        self._queue: deque[PostedRequest] = deque()
        self._taken: list[PostedRequest] = []
        self._queued = self._number = 0
        self._closed = False
        self.collectors = (_Settlement(self),)

    def seek(self, token: Any) -> None:
        """Continue counting requests after those that were committed."""
        self._number = 0 if token is None else token

    def recall(self, ids: Iterable[SeenId]) -> None:
        """Load the identities that were committed."""
        with self._condition:
            self._seen.recall(ids)

    def too_late(self, identity: str) -> bool:
        """Whether a reward may have been learned, but its identity is no longer remembered."""
        with self._condition:
            return self._seen.too_late(identity)

    def offer(self, request: PostedRequest) -> None:
        """Queue a request; its `done` is called when it is committed.

        Raises
        ------
        BusyError
            If the queue is full or the rate limit is exceeded.
        ReusedError
            If its key was used for another request.
        ClosedError
            If the source is closed.
        """
        with self._condition:
            if self._closed:
                raise ClosedError("no events are read at present: try again")
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
        waits = self._seen.waits.get(request.key)
        note = self._seen.note(request.key)
        digest = waits.digest if waits is not None else note.digest if note is not None else None
        if digest is not None and digest != request.digest:
            raise ReusedError("this Idempotency-Key was used for another request")
        return waits if waits is not None or note is None else note.outcome

    def _accept(self, request: PostedRequest) -> None:
        count = len(request.records)
        if self._queued and self._queued + count > self._waiting:
            raise BusyError(f"{self._queued:,} events are already waiting", 1.0)
        if self._rate is not None:
            self._rate.take(count)
        if request.key:
            self._seen.waits[request.key] = request
        self._queue.append(request)
        self._queued += count
        self._condition.notify()

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches of whole requests, and None while none arrives."""
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
        """Return requests from the queue that fit into a batch.

        Two requests with the same identity never share a batch: whether the second one is a
        duplicate depends on whether the first one is learned.
        """
        requests: list[PostedRequest] = []
        count, ids = 0, set[str]()
        while self._queue:
            request = self._queue[0]
            fits = count + len(request.records) <= size and ids.isdisjoint(request.ids)
            if requests and not fits:
                break
            self._queued -= len(request.records)
            ids.update(request.ids)
            self._seen.begin(self._queue.popleft())
            count += len(request.records)
            self._number += 1
            request.number = self._number
            requests.append(request)
        self._taken += requests
        return requests

    def _batch(self, requests: Sequence[PostedRequest]) -> Batch:
        records = [record for request in requests for record in request.records]
        places = [[request.number, line] for request in requests for line in request.lines]
        return Batch(records, self._number, places, remaining=self._queued, prompt=True)

    def mark_unused(self, positions: Iterable[tuple[int, int]]) -> None:
        """Note which events, by number of the request and line, no belief has learned."""
        requests = {request.number: request for request in self._taken}
        for number, line in positions:
            requests[number].unused.add(line)

    def note(self, changes: Changes) -> None:
        """Add to a commit the identities that are to be remembered."""
        letters = _letters(changes)
        with self._condition:
            for request in self._taken:
                outcome = _outcome(request, letters.get(request.number, []))
                self._seen.remember(request, outcome, changes)

    def settle(self) -> None:
        """Answer all requests that have been committed."""
        with self._condition:
            settled, self._taken = self._taken, []
            outcomes = [(request, self._seen.end(request)) for request in settled]
        for request, outcome in outcomes:
            request.finish(outcome)

    def close(self) -> None:
        """Answer all waiting requests that they were not committed."""
        with self._condition:
            self._closed = True
            left = [*self._taken, *self._queue]
            self._taken, self._queue = [], deque()
            self._condition.notify()
        for request in left:
            request.finish(None)


class _Settlement(Collector):
    """A collector that answers requests once they are committed."""

    def __init__(self, source: Http) -> None:
        self._source = source

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """Note which events were not used."""
        if batch is not None and pipeline.unused:
            self._source.mark_unused(batch.positions[i] for i in pipeline.unused)

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Add the identities to remember."""
        self._source.note(changes)

    def committed(self, pipeline: Pipeline) -> None:
        """Answer the requests."""
        self._source.settle()


def _letters(changes: Changes) -> Mapping[int, list[dict[str, Any]]]:
    """Return the refusals of a commit by the number of the request."""
    found: dict[int, list[dict[str, Any]]] = {}
    for letter in changes.dead_letters:
        number, line = msgspec.json.decode(letter.position)
        refusal = {"line": line, "belief": letter.belief, "reason": letter.reason}
        found.setdefault(number, []).append(refusal)
    return found


def _outcome(request: PostedRequest, letters: list[dict[str, Any]]) -> Outcome:
    refused = {each["line"] for each in letters}
    reasons = [
        {"line": line, "belief": "", "reason": "no belief selects this event"}
        for line in request.unused - refused
    ]
    # an event that repeats the identity of an unused one was not read: it must be sent again
    again = [line for line, first in request.repeated.items() if first in request.unused]
    reasons += [
        {
            "line": line,
            "belief": "",
            "reason": f"not read: line {request.repeated[line]}, which could not be used, has the"
            " same identity; send this event again",
        }
        for line in again
    ]
    reasons += [
        {"line": line, "belief": "", "reason": "not read: its decision is too old"}
        for line in request.too_late
    ]
    refusals = sorted([*letters, *reasons], key=lambda each: int(each["line"]))
    return Outcome(
        len(request.records) - len(request.unused),
        request.duplicates + len(request.repeated) - len(again),
        len(refused),
        refusals[:MOST_REFUSALS],
        len(request.unused) + len(again) + len(request.too_late),
    )
