"""Read single key presses from a terminal."""

from __future__ import annotations

import os
import re
import select
import sys
from collections import deque
from types import TracebackType
from typing import Any, Self

from seqbayes.console.signals import suspendable
from seqbayes.console.streams import in_foreground

if sys.platform != "win32":
    import termios
    import tty

_FORWARD = re.compile(r"\x1b[\[O]C")  # the right arrow
_SEQUENCE = re.compile(r"\x1b(?:[\[O][0-9;]*[ -/]*[@-~]?)?")


class Keyboard:
    """Reads single keys without echo, and discards unread keys when it is closed.

    Parameters
    ----------
    descriptor
        The terminal.

    Attributes
    ----------
    ended : bool
        Whether the terminal was closed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._keys: deque[str] = deque()
        self._saved: list[Any] | None = None
        self.ended = False

    def __enter__(self) -> Self:
        self._saved = termios.tcgetattr(self._descriptor)
        self._suspendable = suspendable(self._restore, self._switch_off_echo)
        self._suspendable.__enter__()
        self._switch_off_echo()
        return self

    def _switch_off_echo(self) -> None:
        """Switch line buffering and echo off."""
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)

    def _restore(self) -> None:
        """Restore the terminal, and discard unread keys, which the shell must not get."""
        if self._saved is not None:
            termios.tcsetattr(self._descriptor, termios.TCSAFLUSH, self._saved)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._suspendable.__exit__(kind, error, traceback)
        self._restore()

    def read(self, seconds: float) -> str:
        """Wait for a key and return it, or "" after `seconds`; the right arrow is returned as n."""
        if not self._keys and not self.ended:
            ready, _, _ = select.select([self._descriptor], [], [], max(seconds, 0.0))
            if ready:
                typed = os.read(self._descriptor, 1024).decode("utf-8", "replace")
                self.ended = not typed
                self._keys.extend(_SEQUENCE.sub("", _FORWARD.sub("n", typed)))
        elif not self._keys:
            select.select([], [], [], max(seconds, 0.0))
        return self._keys.popleft() if self._keys else ""


def open_keyboard() -> Keyboard | None:
    """Return the keyboard of the terminal that runs this command, or None.

    Standard input and output must be terminals, and the command must be in the foreground.
    """
    if sys.platform == "win32" or sys.stdin is None:
        return None
    try:
        descriptor = sys.stdin.fileno()
        if not (os.isatty(descriptor) and sys.stdout.isatty()):
            return None
    except (OSError, ValueError):
        return None
    return Keyboard(descriptor) if in_foreground(descriptor) else None
