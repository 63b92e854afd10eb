"""The table of beliefs on a console, once or as the events come."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from seqbayes.console.palette import ASCII, RULE, UNICODE
from seqbayes.console.summary import View, summarise
from seqbayes.console.table import draw
from seqbayes.state import State
from seqbayes.watch.beliefs import Beliefs


class Screen:
    """Draws beliefs.

    Parameters
    ----------
    beliefs
        What is drawn.
    prior
        The state before anything was seen.
    view
        What of the beliefs.
    console
        Where.
    """

    def __init__(self, beliefs: Beliefs, prior: State, view: View, console: Console) -> None:
        self.console = console
        self._beliefs = beliefs
        self._view = view
        self._signs = ASCII if console.options.ascii_only else UNICODE
        self._prior = Text.assemble(
            (f"{str(prior).partition(' + ')[0]} prior", RULE["prior"]),
            ", ",
            (f"{type(prior.likelihood).__name__} likelihood", RULE["likelihood"]),
        )

    def picture(
        self, rate: float | None = None, notice: str = "", fit: bool = False
    ) -> RenderableType:
        """Return the table with what was counted below it.

        Parameters
        ----------
        rate
            Events a second, shown where given.
        notice
            Shown below.
        fit
            Whether to keep to the height of the terminal.
        """
        width, height = self.console.size
        footer = [self._prior, *([Text(notice)] if notice else [])]
        room = height - 5 - sum(1 + text.cell_len // width for text in footer) if fit else None
        top = self._view.top if room is None else max(min(self._view.top, room), 1)
        chosen = heapq.nlargest(
            top, self._beliefs.states.items(), key=lambda item: item[1].n_samples
        )
        lines = [line for key, state in chosen for line in summarise(key, state, self._view)]
        footer.insert(0, Text(self._counts(len(chosen), rate)))
        if not lines:
            return Group(*footer)
        return Group(draw(lines[:room], self._view, width, self._signs), "", *footer)

    def _counts(self, shown: int, rate: float | None) -> str:
        beliefs = self._beliefs
        said = [f"{beliefs.used:,} event{'' if beliefs.used == 1 else 's'}"]
        if rate is not None:
            said[0] += f" ({rate:,.0f}/s)"
        said += [
            f"{count:,} {what}"
            for count, what in (
                (beliefs.malformed, "malformed"),
                (beliefs.incomplete, "incomplete"),
                (beliefs.over_limit, "beyond --max-keys"),
            )
            if count
        ]
        if shown < len(beliefs.states):
            said.append(f"{shown} of {len(beliefs.states):,} keys")
        return ", ".join(said)


class LiveScreen:
    """Redraws a screen while events come, but never spends more than a tenth of the time on it.

    Parameters
    ----------
    screen
        What is drawn.
    used
        Returns how many events were learned so far.
    every
        Seconds between two pictures.
    """

    def __init__(self, screen: Screen, used: Callable[[], int], every: float) -> None:
        self._screen = screen
        self._used = used
        self._every = every
        self._live = Live(console=screen.console, auto_refresh=False, screen=True)
        self._drawn = self._next = time.monotonic()
        self._seen = 0
        self._rate = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def tick(self, notice: str = "") -> None:
        """Redraw if it is time."""
        now = time.monotonic()
        if now < self._next:
            return
        used = self._used()
        if now > self._drawn:
            self._rate = (used - self._seen) / (now - self._drawn)
        self._live.update(self._screen.picture(self._rate, notice, fit=True), refresh=True)
        self._drawn, self._seen = now, used
        self._next = now + max(self._every, 10.0 * (time.monotonic() - now))
