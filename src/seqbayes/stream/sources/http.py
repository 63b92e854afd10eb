"""Events posted over HTTP; a request is answered when its events are committed."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from seqbayes.errors import PriorError
from seqbayes.stream.source import Batch, Source
from seqbayes.stream.sources.posted import (
    BusyError,
    ClosedError,
    Outcome,
    PostedRequest,
    RateLimit,
    RequestNote,
    ReusedError,
    SeenIds,
)
from seqbayes.stream.stores import Changes, SeenId

PAUSE = 1.5
"""Minimum time between two batches, as a multiple of the duration of the last one."""

MAX_REFUSALS = 20
"""Maximum number of unused events per request whose reasons are reported."""


class Http(Source):
    """Receives events that are posted to ``/api/events`` of ``seqbayes serve``.

    Parameters
    ----------
    name
        Name of the source in the store.
    id
        The field that contains the event id, if any: an event that is posted again is counted once.
    longest
        Maximum number of bytes of a request.
    waiting
        Maximum number of events waiting to be learned; while this limit is reached, requests are
        rejected.
    rate
        Maximum number of events per second; no limit by default.
    remember
        Maximum number of event and request ids to remember; the oldest are dropped first.
    linger
        Minimum number of seconds between two batches, so that small requests share a commit. This
        time is extended to `PAUSE` times the duration of the last batch and its commit, but to at
        most 10 times the minimum; 0 for no pause.

    Raises
    ------
    PriorError
        If a limit is not positive.

    Notes
    -----
    All events of a request are in the same batch and are committed together with their ids: after a
    crash, either the whole request is stored or none of it. The id of an event is remembered only
    if at least one belief learned the event. If other beliefs rejected it, a corrected event with
    the same id is passed to those beliefs only.
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
        linger: float = 0.01,
    ) -> None:
        limits = {"longest": longest, "waiting": waiting, "remember": remember, "rate": rate}
        for limit, value in limits.items():
            if value is not None and not value > 0:
                raise PriorError(f"expected {limit} to be above 0, got {value!r}")
        if not linger >= 0.0:
            raise PriorError(f"expected 'linger' >= 0 seconds, got {linger!r}")
        self.name, self.id, self.longest = name, id, longest
        self._waiting, self._linger = waiting, linger
        self._rate = None if rate is None else RateLimit(float(rate))
        self._seen = SeenIds(remember)
        self._condition = threading.Condition()
        self._queue: deque[PostedRequest] = deque()
        self._taken: list[PostedRequest] = []
        self._queued = self._number = 0
        self._closed = False

    def seek(self, token: Any) -> None:
        """Continue the numbering of requests from the last committed request."""
        self._number = 0 if token is None else token

    def load_ids(self, ids: Iterable[SeenId]) -> None:
        """Load the committed ids."""
        with self._condition:
            self._seen.load_ids(ids)

    def too_late(self, identity: str) -> bool:
        """Whether a reward may have been learned already and its id is no longer remembered."""
        with self._condition:
            return self._seen.too_late(identity)

    def offer(self, request: PostedRequest) -> None:
        """Queue a request; its `done` is called when it is committed.

        Raises
        ------
        BusyError
            If the queue is full or the rate limit is exceeded.
        ReusedError
            If the idempotency key was used for another request.
        ClosedError
            If the source is closed.
        """
        with self._condition:
            if self._closed:
                raise ClosedError("the server is not reading events at present: try again")
            earlier = self._earlier(request)
            if earlier is None:
                self._accept(request)
            elif isinstance(earlier, PostedRequest):
                earlier.also.append(request.done)
                return
        if earlier is not None:
            request.done(earlier, True)

    def _earlier(self, request: PostedRequest) -> Outcome | PostedRequest | None:
        """Return the earlier request with the same key if it is pending, otherwise its outcome."""
        if not request.key:
            return None
        waiting = self._seen.waiting_requests.get(request.key)
        earlier = waiting or self._seen.find_request(request.key)
        if earlier is not None and earlier.digest != request.digest:
            raise ReusedError("this Idempotency-Key was used for another request")
        return earlier.outcome if isinstance(earlier, RequestNote) else earlier

    def _accept(self, request: PostedRequest) -> None:
        count = len(request.records)
        if self._queued and self._queued + count > self._waiting:
            raise BusyError(f"{self._queued:,} events are already waiting", 1.0)
        if self._rate is not None:
            self._rate.take(count)
        if request.key:
            self._seen.waiting_requests[request.key] = request
        self._queue.append(request)
        self._queued += count
        self._condition.notify()

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches of whole requests, and None if no request arrives before the timeout."""
        began, gap = -self._linger, self._linger
        while True:
            pause = began + gap - time.monotonic()
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
            took = time.monotonic() - began  # the caller commits before the next iteration
            gap = min(max(self._linger, PAUSE * took), 10.0 * self._linger)

    def _take(self, size: int) -> list[PostedRequest]:
        """Remove and return the next requests from the queue that fit into a batch.

        Requests with a common event id are never in the same batch: whether the second event is a
        duplicate depends on whether the first event is learned.
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
        lines = [(request, line) for request in requests for line in request.lines]
        only = {
            i: request.only.get(line, request.learners.get(line, frozenset()))
            for i, (request, line) in enumerate(lines)
            if line in request.only or line in request.learners
        }
        return Batch(records, self._number, places, (), self._queued, prompt=True, only=only)

    def learned(self, batch: Batch, unused: Sequence[int]) -> None:
        """Record which events no belief has learned."""
        requests = {request.number: request for request in self._taken}
        for number, line in (batch.positions[i] for i in unused):
            requests[number].unused.add(line)

    def committing(self, changes: Changes) -> None:
        """Add the ids to remember to the changes of a commit."""
        letters = _letters(changes)
        with self._condition:
            for request in self._taken:
                refusals = letters.get(request.number, [])
                rejected: dict[int, set[str]] = {}
                for each in refusals:
                    rejected.setdefault(each["line"], set()).add(each["belief"])
                outcome = _outcome(request, refusals)
                self._seen.remember(request, outcome, rejected, changes)

    def committed(self, token: Any) -> None:
        """Answer all committed requests."""
        with self._condition:
            settled, self._taken = self._taken, []
            outcomes = [(request, self._seen.end(request)) for request in settled]
        for request, outcome in outcomes:
            request.finish(outcome)

    def close(self) -> None:
        """Answer all waiting requests with the outcome None: they were not committed."""
        with self._condition:
            self._closed = True
            left = [*self._taken, *self._queue]
            self._taken, self._queue = [], deque()
            self._condition.notify()
        for request in left:
            request.finish(None)


def _letters(changes: Changes) -> Mapping[int, list[dict[str, Any]]]:
    """Return the rejected events of a commit, keyed by request number."""
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
    # an event that repeats the id of an event that a belief could not use was not read: it must be
    # sent again
    again = [
        line
        for line, first in request.repeated.items()
        if first in request.unused or first in refused
    ]
    reasons += [
        {
            "line": line,
            "belief": "",
            "reason": f"not read: line {request.repeated[line]}, which a belief could not use, has"
            " the same id; send this event again",
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
        refusals[:MAX_REFUSALS],
        len(request.unused) + len(again) + len(request.too_late),
    )
