"""Estimates the rate of events, and detects unexpected periods without events."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

RATE_SECONDS = 5.0
"""Number of seconds over which the rate is averaged."""

PAST_SECONDS = 60.0
"""The expected rate is estimated from the events in this number of seconds before the last."""

UNEXPECTED = 1e-4
"""A period without events is unexpected if it has a lower probability than this."""


class ArrivalRate(NamedTuple):
    """Events per second, and whether expected events are not arriving."""

    rate: float
    quiet: bool


class EventRate:
    """Estimates the rate of events from a count that is polled.

    Events can arrive in batches, so the estimate uses the number n of polls that found new events
    in s seconds. With the flat prior for rates, Gamma(0, 0), the probability of no events in the
    next t seconds is (s / (s + t)) ** n.

    Examples
    --------
    >>> clock = iter(range(100))
    >>> arrivals = EventRate(now=lambda: float(next(clock)))
    >>> [arrivals(min(i, 50)).quiet for i in range(70)].index(True)  # eleven seconds after the last
    61
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._began = now()
        self._marks: deque[tuple[float, int]] = deque()
        self._found: deque[float] = deque()
        self._events: int | None = None

    def __call__(self, events: int) -> ArrivalRate:
        """Record the number of events so far; thread-safe."""
        with self._lock:
            return self._measure(events)

    def _measure(self, events: int) -> ArrivalRate:
        now = self._now()
        if self._events is not None and events > self._events:
            self._found.append(now)
            while self._found[0] < now - PAST_SECONDS:
                self._found.popleft()
        self._events = events
        self._marks.append((now, events))
        while len(self._marks) > 2 and self._marks[1][0] < now - RATE_SECONDS:
            self._marks.popleft()
        (began, before), (ended, after) = self._marks[0], self._marks[-1]
        # over a shorter time, a single batch would look like a high rate
        rate = max(after - before, 0) / max(ended - began, 1.0)
        return ArrivalRate(rate, self._is_quiet(now))

    def _is_quiet(self, now: float) -> bool:
        if len(self._found) < 2:
            return False
        last = self._found[-1]
        past = min(last - self._began, PAST_SECONDS)
        silence = now - last
        return past > 0.0 and (past / (past + silence)) ** len(self._found) < UNEXPECTED
