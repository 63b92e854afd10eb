"""When the next step of a story is due."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from seqbayes.console.signals import Interruption

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
