"""Full-screen output on a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress

from rich.console import Console, RenderableType
from rich.live import Live

from seqbayes.console.signals import suspendable


class _Output(Console):
    """A console that raises `BrokenPipeError`, like other writers, if the output is closed."""

    def on_broken_pipe(self) -> None:
        """Raise the error again; rich would end the process with status 1."""
        raise BrokenPipeError


def make_console() -> Console:
    """Return a console on standard output that raises `BrokenPipeError` if the reader closes it."""
    return _Output(highlight=False, soft_wrap=False)


class FullScreen:
    """Draws on the alternate screen of a terminal; Ctrl-Z leaves it while the process is suspended.

    Parameters
    ----------
    console
        The terminal.
    redraw
        Redraws the last content, after the process is resumed.
    """

    def __init__(self, console: Console, redraw: Callable[[], None]) -> None:
        self._console = console
        self._redraw = redraw
        self._live = Live(console=console, auto_refresh=False, screen=True)
        self._suspendable = ExitStack()

    def start(self) -> None:
        """Switch to the alternate screen."""
        self._live.start()
        self._suspendable.enter_context(suspendable(self._leave, self._enter))

    def stop(self) -> None:
        """Switch back."""
        self._suspendable.close()
        self._live.stop()

    def draw(self, picture: RenderableType) -> None:
        """Replace the content."""
        self._live.update(picture, refresh=True)

    def _leave(self) -> None:
        self._write(b"\x1b[?1049l\x1b[?25h")

    def _enter(self) -> None:
        self._write(b"\x1b[?1049h\x1b[H\x1b[2J\x1b[?25l")
        with suppress(RuntimeError):  # a signal interrupted a write; the caller redraws anyway
            self._redraw()

    def _write(self, sequence: bytes) -> None:
        # do not use the console: the signal may have interrupted one of its writes
        with suppress(OSError, ValueError):
            os.write(self._console.file.fileno(), sequence)
