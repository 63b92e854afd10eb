"""The story on a terminal's whole screen, and what was learned below it afterwards."""

from __future__ import annotations

import time

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from seqbayes.replay.pace import Clock, Interruption, Pace
from seqbayes.replay.palette import ASCII, UNICODE
from seqbayes.replay.screen import Screen
from seqbayes.replay.story import Step, Story
from seqbayes.replay.summary import verdict

FRAME = 1.0 / 12.0
"""Seconds a frame is shown at least: candies that come faster share one."""


def show(
    story: Story, pace: Pace, interruption: Interruption, console: Console | None = None
) -> None:
    """Tell the story, one screen a candy as long as the eye can follow.

    Parameters
    ----------
    story
    pace
        How long each candy is shown.
    interruption
        Ends it.
    console
        Where; standard output by default.
    """
    console = Console(highlight=False) if console is None else console
    signs = ASCII if console.options.ascii_only else UNICODE
    screen = Screen(story.opening, signs)

    def picture(step: Step | None) -> RenderableType:
        return screen.draw(step, *console.size)

    last: Step | None = None
    with Live(picture(None), console=console, screen=True, auto_refresh=False) as live:
        clock = Clock(pace, interruption)
        clock.hold(0)
        drawn = 0.0
        for step in story:
            if interruption:
                break
            last = step
            left, now = clock.left(step.number), time.monotonic()
            if left >= FRAME or now - drawn >= FRAME or step.number == step.total:
                live.update(picture(step), refresh=True)
                drawn = now
            clock.hold(step.number)
    stopped = bool(interruption) and (last is None or last.number < last.total)
    _tell(console, screen, last, verdict(story.opening, last, stopped))


def _tell(console: Console, screen: Screen, last: Step | None, sentences: list[str]) -> None:
    """Print the belief and the summary where they stay."""
    width = console.width
    if last is not None:
        for line in screen.table(last, width):
            console.print(line)
        console.print()
    for sentence in sentences:
        console.print(Text(sentence), width=min(width, 100))
