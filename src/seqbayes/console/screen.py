"""The terminal as a screen."""

from __future__ import annotations

from rich.console import Console


class _Output(Console):
    """A console that reports a closed pipe as other writers do."""

    def on_broken_pipe(self) -> None:
        """Raise the error again; rich would end the process with status 1."""
        raise BrokenPipeError


def make_console() -> Console:
    """Return a console on standard output that raises `BrokenPipeError` if its reader is closed."""
    return _Output(highlight=False, soft_wrap=False)
