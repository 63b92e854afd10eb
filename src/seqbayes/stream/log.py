"""What a command has to say on standard error: sentences, JSON lines, or a line that moves."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import msgspec

if TYPE_CHECKING:
    from seqbayes.stream.pipeline import Pipeline

T = TypeVar("T")

_SHOWN_AFTER = 2.0
_SHOWN_EVERY = 0.2


def add_format(parser: argparse.ArgumentParser) -> None:
    """Declare the option that chooses how a command speaks."""
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="sentences, or a JSON object per line, on standard error (%(default)s)",
    )


class Log:
    """Says what happens, a line each.

    Parameters
    ----------
    form
        "text" or "json".
    command
        The name of the command.
    out
        Where to; standard error by default.
    """

    def __init__(self, form: str = "text", command: str = "", out: TextIO | None = None) -> None:
        self._json = form == "json"
        self._command = command
        self._out = sys.stderr if out is None else out
        self.moving = ""

    def say(self, event: str, text: str = "", level: str = "info", **values: Any) -> None:
        """Say that something happened.

        Parameters
        ----------
        event
            What, as one word, for machines.
        text
            The same as a sentence; by default the word and the values.
        level
            "info", "warning" or "error".
        values
            What belongs to it.
        """
        if self._json:
            now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
            line = {"time": now, "level": level, "event": event, **values}
            if text and level != "info":
                line["message"] = text
            self._out.write(msgspec.json.encode(line, enc_hook=str).decode() + "\n")
        else:
            shown = text or " ".join([event, *(f"{k}={v}" for k, v in values.items())])
            self.move("")
            self._out.write(f"seqbayes {self._command}: {shown}\n")
        self._out.flush()

    @property
    def can_move(self) -> bool:
        """Whether a line may be written over: on a terminal, and for people."""
        terminal = os.environ.get("TERM", "") not in ("", "dumb", "unknown")
        return not self._json and self._out.isatty() and terminal

    def move(self, text: str) -> None:
        """Write a line over the last one of this kind; nothing but on a terminal."""
        if self.can_move and text != self.moving:
            self._out.write(f"\r\x1b[K{text}")
            self._out.flush()
            self.moving = text


class Progress:
    """A collector that tells rate, lag and the time that is left: on a terminal as it goes.

    Elsewhere, and as JSON, a line is said only when events become dead letters, and when a server
    is lost and found again.

    Parameters
    ----------
    log
        What says it.
    now
        The time in seconds, monotonic.
    """

    def __init__(self, log: Log, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._now = now
        self._start = self._shown = now()
        self._first_lag: int | None = None
        self.dead_letters = 0
        self._trouble: str | None = None

    def learned(self, pipeline: Pipeline, batch: Any) -> None:
        """Show how far it is."""
        if self._first_lag is None:
            self._first_lag = pipeline.lag
        self._tell_trouble(pipeline)
        now = self._now()
        if now - self._start >= _SHOWN_AFTER and now - self._shown >= _SHOWN_EVERY:
            self._shown = now
            self._log.move(self.line(pipeline))

    def _tell_trouble(self, pipeline: Pipeline) -> None:
        trouble = getattr(pipeline.source, "trouble", None)
        if (trouble is None) == (self._trouble is None):
            return
        name = pipeline.source.name
        if trouble is not None:
            text = f"{name} cannot be reached, and is tried again: {trouble}"
            self._log.say("disconnected", text, "warning", source=name, reason=trouble)
        else:
            self._log.say("connected", f"{name} can be reached again", source=name)
        self._trouble = trouble

    def line(self, pipeline: Pipeline) -> str:
        """Return events, rate, lag and what is left, as one line."""
        elapsed = max(self._now() - self._start, 1e-9)
        parts = [count_events(pipeline.events), f"{pipeline.events / elapsed:,.0f}/s"]
        if pipeline.lag is not None:
            parts.append(f"{pipeline.lag:,} behind")
            done = (self._first_lag or 0) - pipeline.lag
            if pipeline.source.finite and done > 0:
                parts[:0] = [bar(done / (self._first_lag or 1))]
                parts.append(f"{_clock(pipeline.lag * elapsed / done)} left")
        if pipeline.source.reconnects:
            parts.append(f"{pipeline.source.reconnects:,} reconnects")
        return "  ".join(parts)

    def committing(self, pipeline: Pipeline, changes: Any) -> None:
        """Say what is about to become a dead letter."""
        letters = changes.dead_letters
        if letters:
            self.dead_letters += len(letters)
            count = f"{len(letters):,} event{'s' if len(letters) > 1 else ''}"
            last = letters[-1]
            self._log.say(
                "dead_letters",
                f"{count} could not be used; the last, at {last.position}: {last.reason}",
                "warning",
                count=len(letters),
                position=last.position,
                belief=last.belief,
                reason=last.reason,
            )

    def committed(self, pipeline: Pipeline) -> None:
        """Do nothing."""


class Tracker:
    """Counts what passes, and tells rate and time left: on a terminal, after two seconds.

    Parameters
    ----------
    log
        What says it; None for silence.
    total
        How many there are, 0 where nobody knows.
    now
        The time in seconds, monotonic.

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

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items."""
        for item in items:
            self.count += 1
            if self.count % 64 == 0:
                self.tick()
            yield item

    def tick(self) -> None:
        """Show how far it is, if it is time."""
        if self._log is None:
            return
        now = self._now()
        if now - self._start >= _SHOWN_AFTER and now - self._shown >= _SHOWN_EVERY:
            self._shown = now
            self._log.move(self.line())

    def line(self) -> str:
        """Return count, rate and what is left, as one line."""
        elapsed = max(self._now() - self._start, 1e-9)
        parts = [f"{self.count:,}", f"{self.count / elapsed:,.0f}/s"]
        if self.total and self.count:
            parts[:0] = [bar(self.count / self.total)]
            parts[1] += f" of {self.total:,}"
            left = max(self.total - self.count, 0) * elapsed / self.count
            parts.append(f"{_clock(left)} left")
        return "  ".join(parts)

    def done(self) -> None:
        """Take the line away."""
        if self._log is not None:
            self._log.move("")


def count_events(count: int) -> str:
    """Return how many events there are.

    Examples
    --------
    >>> count_events(1), count_events(2500)
    ('1 event', '2,500 events')
    """
    return f"{count:,} event{'' if count == 1 else 's'}"


def bar(share: float, width: int = 20) -> str:
    """Return a share of a whole as a bar.

    Examples
    --------
    >>> bar(0.25)
    '[#####...............]  25 %'
    """
    share = min(max(share, 0.0), 1.0)
    full = int(share * width)
    return f"[{'#' * full}{'.' * (width - full)}] {share * 100:3.0f} %"


def _clock(seconds: float) -> str:
    """Return a time in hours, minutes and seconds.

    Examples
    --------
    >>> _clock(7), _clock(3725.2)
    ('0:07', '1:02:05')
    """
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
