"""When the next step is due, and how a story is interrupted."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

_FIRST = 0.5
_GROWTH = 0.14


class Pace(Protocol):
    """The seconds after the start until which the nth step is shown."""

    def __call__(self, number: int) -> float:
        """Return the moment after which step `number` (from 1; 0 is the opening) gives way."""
        ...


def even(speed: float) -> Pace:
    """Return the pace of `speed` steps a second; 0 or infinity is as fast as possible.

    Examples
    --------
    >>> even(4.0)(10)
    2.75
    """
    each = 0.0 if speed == 0.0 or math.isinf(speed) else 1.0 / speed
    return lambda number: each * (number + 1)


def gathering() -> Pace:
    """Return the pace that starts at two seconds a step and doubles every five.

    What a belief learns goes with the logarithm of what it has seen, and so does the clock.

    Examples
    --------
    >>> pace = gathering()
    >>> print(", ".join(f"{pace(n):.0f} s" for n in (1, 55, 550, 2620)))
    4 s, 22 s, 38 s, 49 s
    """
    return lambda number: (
        2.0 if number < 1 else 2.0 + math.log1p(number * _GROWTH / _FIRST) / _GROWTH
    )


class Interruption:
    """Whether somebody asked to stop, and which signal said so."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.signal: int | None = None

    def __bool__(self) -> bool:
        return self._event.is_set()

    @property
    def status(self) -> int:
        """The exit status: 0, or 128 and the number of the signal."""
        return 0 if self.signal is None else 128 + self.signal

    def wait(self, seconds: float) -> None:
        """Sleep, unless interrupted."""
        if seconds > 0.0:
            self._event.wait(seconds)

    def stop(self, number: int, frame: FrameType | None = None) -> None:
        """Take note of a signal; the next one has its usual effect."""
        self.signal = number
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
        self._event.set()


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Let Ctrl-C end the story between two steps, not within a line.

    Signals that this process was started to ignore stay ignored.
    """
    interruption = Interruption()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN:
                before[number] = handler
                signal.signal(number, interruption.stop)
    try:
        yield interruption
    finally:
        for caught, handler in before.items():
            signal.signal(caught, handler)


class Clock:
    """Waits until a step is due.

    Parameters
    ----------
    pace
        The moments.
    interruption
        Ends a wait.
    now
        The time in seconds, monotonic.
    """

    def __init__(
        self,
        pace: Pace,
        interruption: Interruption,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pace = pace
        self._interruption = interruption
        self._now = now
        self._start = now()

    def left(self, number: int) -> float:
        """Return the seconds that step `number` is still to be shown."""
        return self._pace(number) - (self._now() - self._start)

    def hold(self, number: int) -> None:
        """Wait until step `number` has been shown for its time."""
        self._interruption.wait(self.left(number))
