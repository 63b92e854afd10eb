"""Standard streams: their capabilities, and diagnostics that never stop a command."""

from __future__ import annotations

import contextlib
import io
import os
import sys


def can_draw() -> bool:
    """Return whether standard output is a terminal that can move its cursor."""
    return sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in ("", "dumb", "unknown")


def ascii_only() -> bool:
    """Return whether standard output cannot represent Unicode."""
    return not (sys.stdout.encoding or "ascii").lower().startswith("utf")


def in_foreground(descriptor: int) -> bool:
    """Return whether this process is in the foreground of the terminal behind a descriptor."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except (AttributeError, OSError):  # on Windows, or not the controlling terminal
        return True


class _Diagnostics(io.TextIOWrapper):
    """Standard error that discards its output if it cannot be written."""

    def write(self, text: str, /) -> int:
        """Write a string, or discard it."""
        try:
            return super().write(text)
        except OSError:
            discard(self.fileno())
            return len(text)

    def flush(self) -> None:
        """Write the buffered text, or discard it."""
        try:
            super().flush()
        except OSError:
            discard(self.fileno())
            super().flush()


def prepare() -> None:
    """Make the standard streams of this process safe to use.

    A standard stream that was closed at the start gets a placeholder descriptor, so that no other
    file is opened with its number: writing to standard output then fails, and standard error is
    discarded. A full disk or a closed pipe behind standard error is ignored.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_WRONLY if descriptor == 2 else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(open(1, "wb", closefd=False), encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # characters that a terminal or file cannot represent are escaped
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        encoding = "utf-8" if sys.stderr is None else sys.stderr.encoding
        sys.stderr = _Diagnostics(
            open(2, "wb", closefd=False),  # noqa: SIM115
            encoding=encoding,
            errors="backslashreplace",
            line_buffering=True,
        )


def discard(descriptor: int) -> None:
    """Redirect a descriptor to the null device, including buffered output."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, descriptor)
        os.close(null)


def discard_output() -> None:
    """Discard buffered standard output, so that the interpreter exits without an error."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # the stream has no descriptor
        discard(sys.stdout.fileno())
