"""A table of beliefs that is printed once, or redrawn while events arrive."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.text import Text

from seqbayes.console.palette import ASCII, UNICODE
from seqbayes.console.screen import FullScreen
from seqbayes.console.summary import View, summarise
from seqbayes.console.table import describe_prior, draw
from seqbayes.console.text import count_of
from seqbayes.state import State


class Screen:
    """Draws beliefs with the counts of their events.

    Parameters
    ----------
    states
        Maps each key to its state.
    counts
        Function that returns the number of events learned, and other counts keyed by description.
    prior
        The state without data.
    view
        The interval and the number of keys to show.
    console
        The console to draw on.
    """

    def __init__(
        self,
        states: Mapping[Any, State],
        counts: Callable[[], tuple[int, Mapping[str, int]]],
        prior: State,
        view: View,
        console: Console,
    ) -> None:
        self.console = console
        self._states = states
        self._counts = counts
        self._view = view
        self._signs = ASCII if console.options.ascii_only else UNICODE
        self._prior = describe_prior(prior)

    @property
    def used(self) -> int:
        """The number of events learned."""
        return self._counts()[0]

    def picture(
        self, rate: float | None = None, notice: str = "", fit: bool = False
    ) -> RenderableType:
        """Return the table with the counts below it.

        Parameters
        ----------
        rate
            Events per second, shown if given.
        notice
            Text to show below the table.
        fit
            Whether to limit the output to the height of the terminal.
        """
        width, height = self.console.size
        footer = [self._prior, *([Text(notice)] if notice else [])]
        room = height - 5 - sum(1 + text.cell_len // width for text in footer) if fit else None
        top = self._view.top if room is None else max(min(self._view.top, room), 1)
        chosen = heapq.nlargest(top, self._states.items(), key=lambda item: item[1].n_samples)
        lines = [line for key, state in chosen for line in summarise(key, state, self._view)]
        footer.insert(0, Text(self._summary(len(chosen), rate)))
        if not lines:
            return Group(*footer)
        return Group(draw(lines[:room], self._view, width, self._signs), "", *footer)

    def _summary(self, shown: int, rate: float | None) -> str:
        used, others = self._counts()
        speed = "" if rate is None else f" ({rate:,.0f}/s)"
        parts = [f"{count_of(used, 'event')}{speed}"]
        parts += [f"{count:,} {what}" for what, count in others.items() if count]
        if shown < len(self._states):
            parts.append(f"{shown} of {len(self._states):,} keys")
        return ", ".join(parts)


class LiveScreen:
    """Redraws a screen while events arrive, using at most a tenth of the time.

    Parameters
    ----------
    screen
        The screen.
    every
        Seconds between two redraws.
    """

    def __init__(self, screen: Screen, every: float) -> None:
        self._screen = screen
        self._every = every
        self._full = FullScreen(screen.console, self._draw)
        self._notice = ""
        self._drawn = self._next = time.monotonic()
        self._before = 0
        self._rate = 0.0

    def __enter__(self) -> Self:
        self._full.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._full.stop()

    def tick(self, notice: str = "", due: bool = False) -> None:
        """Draw the screen if `due`, or if the interval has passed."""
        now = time.monotonic()
        if now < self._next and not due:
            return
        used = self._screen.used
        if now > self._drawn:
            self._rate = (used - self._before) / (now - self._drawn)
        self._notice = notice
        self._draw()
        self._drawn, self._before = now, used
        self._next = now + max(self._every, 10.0 * (time.monotonic() - now))

    def _draw(self) -> None:
        self._full.draw(self._screen.picture(self._rate, self._notice, fit=True))
