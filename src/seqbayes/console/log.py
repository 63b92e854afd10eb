"""Log lines and progress on standard error."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self, TextIO, TypeVar

import msgspec

from seqbayes.console.streams import in_foreground

T = TypeVar("T")

SHOW_AFTER = 2.0
SHOW_EVERY = 0.2


def add_format(parser: argparse.ArgumentParser) -> None:
    """Declare the option for the format of log lines."""
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="format of log lines on standard error (%(default)s)",
    )


class Log:
    """Writes one line per event, and a progress line that is overwritten on a terminal.

    Errors when writing, such as a full disk, are ignored, so that logging never stops a command.

    Parameters
    ----------
    form
        "text" or "json".
    command
        The name of the command.
    out
        The output stream; by default standard error.
    """

    def __init__(self, form: str = "text", command: str = "", out: TextIO | None = None) -> None:
        self._json = form == "json"
        self._command = command
        self._out = sys.stderr if out is None else out
        self.moving = ""

    def event(self, event: str, text: str = "", level: str = "info", **values: Any) -> None:
        """Log an event.

        Parameters
        ----------
        event
            Name of the event, one word, for programs.
        text
            A sentence for users; by default, the name and the values.
        level
            "info", "warning" or "error".
        values
            Details.
        """
        if self._json:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
            line = {"time": now, "level": level, "event": event, **values}
            if text and level != "info":
                line["message"] = text
            self._write(msgspec.json.encode(line, enc_hook=str).decode() + "\n")
        else:
            shown = text or " ".join([event, *(f"{k}={v}" for k, v in values.items())])
            self.move("")
            self._write(f"seqbayes {self._command}: {shown}\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._out.write(text)
            self._out.flush()

    @property
    def can_move(self) -> bool:
        """Whether the output is a terminal that can overwrite a line.

        The line cannot be overwritten while the process is in the background, because the last line
        then belongs to the shell.
        """
        terminal = os.environ.get("TERM", "") not in ("", "dumb", "unknown")
        if self._json or not terminal or not self._out.isatty():
            return False
        try:
            return in_foreground(self._out.fileno())
        except (OSError, ValueError):  # the stream is not a file
            return True

    def move(self, text: str) -> None:
        """Overwrite the progress line; do nothing unless the output is a terminal."""
        if self.can_move and text != self.moving:
            self._write(f"\r\x1b[K{text}")
            self.moving = text


class Tracker:
    """Counts items; after two seconds, also shows the rate and the time left on a terminal.

    A ``with`` statement removes the progress line at its end.

    Parameters
    ----------
    log
        The log; None for no output.
    total
        The number of items, 0 if unknown.
    now
        Function that returns a monotonic time in seconds.

    Examples
    --------
    >>> tracker = Tracker(Log(), total=3)
    >>> sum(tracker.track([1, 2, 3]))
    6
    """

    def __init__(
        self, log: Log | None = None, total: int = 0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self.total = total
        self._now = now
        self._start = self._shown = now()
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.done()

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items."""
        for item in items:
            self.count += 1
            if self.count % 64 == 0:
                self.tick()
            yield item

    def tick(self) -> None:
        """Update the progress line if it is due."""
        if self._log is None:
            return
        now = self._now()
        if now - self._start >= SHOW_AFTER and now - self._shown >= SHOW_EVERY:
            self._shown = now
            self._log.move(self.line())

    def line(self) -> str:
        """Return a line with the count, the rate and the time left."""
        elapsed = max(self._now() - self._start, 1e-9)
        parts = [f"{self.count:,}", f"{self.count / elapsed:,.0f}/s"]
        if self.total and self.count:
            parts[:0] = [bar(self.count / self.total)]
            parts[1] += f" of {self.total:,}"
            left = max(self.total - self.count, 0) * elapsed / self.count
            parts.append(f"{clock(left)} left")
        return "  ".join(parts)

    def done(self) -> None:
        """Remove the progress line."""
        if self._log is not None:
            self._log.move("")


def bar(share: float, width: int = 20) -> str:
    """Draw a share as a bar.

    Examples
    --------
    >>> bar(0.25)
    '[#####...............]  25 %'
    """
    share = min(max(share, 0.0), 1.0)
    full = int(share * width)
    return f"[{'#' * full}{'.' * (width - full)}] {share * 100:3.0f} %"


def clock(seconds: float) -> str:
    """Format a duration as hours, minutes and seconds.

    Examples
    --------
    >>> clock(7), clock(3725.2)
    ('0:07', '1:02:05')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
