"""Shows a story on the full screen of a terminal, and prints its summary afterwards."""

from __future__ import annotations

import time
from typing import Generic

from rich.text import Text

from seqbayes.console.palette import ASCII, UNICODE
from seqbayes.console.screen import FullScreen, make_console
from seqbayes.replay.story import S, Story

FRAME = 1.0 / 12.0
"""Minimum number of seconds between two frames; faster steps are skipped."""


class ScreenOutput(Generic[S]):
    """Draws each step that is shown long enough to be visible.

    Parameters
    ----------
    story
        The story.
    """

    def __init__(self, story: Story[S]) -> None:
        self._console = make_console()
        self._story = story
        self._screen = story.screen(ASCII if self._console.options.ascii_only else UNICODE)
        self._full = FullScreen(self._console, self._draw)
        self._drawn = 0.0
        self._shown: tuple[S | None, str] = (None, "")

    def open(self) -> None:
        """Switch to the alternate screen."""
        self._full.start()

    def close(self) -> None:
        """Switch back."""
        self._full.stop()

    def show(self, step: S | None, left: float, keys: str) -> None:
        """Draw a step, unless it is shown too briefly."""
        now = time.monotonic()
        last = step is None or step.number == step.total
        if left >= FRAME or now - self._drawn >= FRAME or last:
            self._shown = (step, keys)
            self._draw()
            self._drawn = now

    def _draw(self) -> None:
        step, keys = self._shown
        self._full.draw(self._screen.draw(step, *self._console.size, keys))

    def summarise(self, step: S | None, stopped: bool) -> None:
        """Print the last figures and the summary."""
        width = self._console.width
        if step is not None:
            for line in self._screen.table(step, width):
                self._console.print(line)
            self._console.print()
        for sentence in self._story.summary(step, stopped):
            self._console.print(Text(sentence), width=min(width, 100))
