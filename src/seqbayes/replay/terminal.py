"""A story on a terminal's whole screen, and what was learned below it afterwards."""

from __future__ import annotations

import time

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from seqbayes.console.palette import ASCII, UNICODE
from seqbayes.console.signals import Interruption
from seqbayes.replay.pace import Clock, Pace
from seqbayes.replay.telling import S, Tale, was_stopped

FRAME = 1.0 / 12.0
"""Seconds a frame is shown at least: steps that come faster share one."""


def show(
    tale: Tale[S], pace: Pace | None, interruption: Interruption, console: Console | None = None
) -> None:
    """Tell a story, one screen a step as long as the eye can follow.

    Parameters
    ----------
    tale
    pace
        How long each step is shown; by default as the tale has it.
    interruption
        Ends it.
    console
        Where; standard output by default.
    """
    console = Console(highlight=False) if console is None else console
    screen = tale.screen(ASCII if console.options.ascii_only else UNICODE)

    def picture(step: S | None) -> RenderableType:
        return screen.draw(step, *console.size)

    last: S | None = None
    with Live(picture(None), console=console, screen=True, auto_refresh=False) as live:
        clock = Clock(pace or tale.pace, interruption)
        clock.hold(0)
        drawn = 0.0
        for step in tale.steps:
            if interruption:
                break
            last = step
            left, now = clock.left(step.number), time.monotonic()
            if left >= FRAME or now - drawn >= FRAME or step.number == step.total:
                live.update(picture(step), refresh=True)
                drawn = now
            clock.hold(step.number)
    width = console.width
    if last is not None:
        for line in screen.table(last, width):
            console.print(line)
        console.print()
    for sentence in tale.verdict(last, was_stopped(last, interruption)):
        console.print(Text(sentence), width=min(width, 100))
