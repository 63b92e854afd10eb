"""Progress of a pipeline on standard error."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from seqbayes.console.log import SHOW_AFTER, SHOW_EVERY, Log, bar, clock
from seqbayes.console.text import count_of
from seqbayes.stream.pipeline import Collector, Pipeline


class Progress(Collector):
    """A collector that shows the events, the rate, the lag and the time left on a terminal.

    The collector also logs a line when events become dead letters, and when the connection to a
    server is lost or restored.

    Parameters
    ----------
    log
        The log.
    now
        Function that returns a monotonic time in seconds.
    shows_line
        Whether to show the line with events and rate; only one pipeline of a process can show it.
    """

    def __init__(
        self, log: Log, now: Callable[[], float] = time.monotonic, shows_line: bool = True
    ) -> None:
        self._log = log
        self._shows_line = shows_line
        self._now = now
        self._start = self._shown = now()
        self._first_lag: int | None = None
        self.dead_letters = 0
        self._connection_error: str | None = None

    def learned(self, pipeline: Pipeline, batch: Any) -> None:
        """Update the progress line if it is due."""
        if self._first_lag is None:
            self._first_lag = pipeline.lag
        self._log_connection(pipeline)
        if not self._shows_line:
            return
        now = self._now()
        if now - self._start >= SHOW_AFTER and now - self._shown >= SHOW_EVERY:
            self._shown = now
            self._log.move(self.line(pipeline))

    def _log_connection(self, pipeline: Pipeline) -> None:
        connection_error = pipeline.source.connection_error
        if (connection_error is None) == (self._connection_error is None):
            return
        name = pipeline.source.name
        if connection_error is not None:
            text = f"{name} cannot be reached, retrying: {connection_error}"
            self._log.event("disconnected", text, "warning", source=name, reason=connection_error)
        else:
            self._log.event("connected", f"{name} can be reached again", source=name)
        self._connection_error = connection_error

    def line(self, pipeline: Pipeline) -> str:
        """Return the events, the rate, the lag and the time left as one line."""
        elapsed = max(self._now() - self._start, 1e-9)
        parts = [count_of(pipeline.events, "event"), f"{pipeline.events / elapsed:,.0f}/s"]
        if pipeline.lag is not None:
            parts.append(f"{pipeline.lag:,} behind")
            done = (self._first_lag or 0) - pipeline.lag
            if pipeline.source.finite and done > 0:
                parts[:0] = [bar(done / (self._first_lag or 1))]
                parts.append(f"{clock(pipeline.lag * elapsed / done)} left")
        if pipeline.source.reconnects:
            parts.append(f"{pipeline.source.reconnects:,} reconnects")
        return "  ".join(parts)

    def committing(self, pipeline: Pipeline, changes: Any) -> None:
        """Log the events that become dead letters."""
        letters = changes.dead_letters
        if letters:
            self.dead_letters += len(letters)
            count = count_of(len(letters), "event")
            last = letters[-1]
            self._log.event(
                "dead_letters",
                f"{count} could not be used; the last, at {last.position}: {last.reason}",
                "warning",
                count=len(letters),
                position=last.position,
                belief=last.belief,
                reason=last.reason,
            )
