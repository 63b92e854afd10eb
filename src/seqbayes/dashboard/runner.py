"""The pipeline of a configuration, in a thread of its own."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from seqbayes.dashboard.feed import Feed
from seqbayes.errors import SeqbayesError
from seqbayes.stream.config import Config
from seqbayes.stream.pipeline import Collector, Pipeline

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds to wait before a pipeline that failed is opened again, the last one over and over."""


class Runner:
    """Runs a pipeline; one that fails later than at its start goes on from its last commit.

    Parameters
    ----------
    config
        What to run.
    feed
        What hands over to the board.
    collectors
        What looks on besides.
    told
        Called with an event's name, its text and level where there is something to say.
    """

    def __init__(
        self,
        config: Config,
        feed: Feed,
        collectors: tuple[Collector, ...] = (),
        told: Callable[[str, str, str], None] = lambda event, text, level: None,
    ) -> None:
        self._config, self._feed, self._collectors, self._told = config, feed, collectors, told
        self._stop = threading.Event()
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)
        self.failure: Exception | None = None
        self.ended = False
        self.source: Any = None

    def start(self) -> None:
        """Open the pipeline, and begin to read.

        Raises
        ------
        Exception
            If it cannot be opened: a SeqbayesError or OSError where that is foreseen.
        """
        self._thread.start()
        self._opened.wait()
        if self.failure is not None:
            self._thread.join()
            raise self.failure

    @property
    def running(self) -> bool:
        """Whether the pipeline reads."""
        return not self.ended and self.failure is None

    def _run(self) -> None:
        attempts = 0
        while not self._stop.is_set():
            try:
                self._follow()
            except Exception as error:  # whatever it is, it must be told, and not end in silence
                self.failure = error
                if not self._opened.is_set():
                    break
                expected = isinstance(error, (SeqbayesError, OSError))
                text = str(error) if expected else "".join(traceback.format_exception(error))
                self._told("failed", text, "error")
            if self.failure is None:
                break
            self._stop.wait(PAUSES[min(attempts, len(PAUSES) - 1)])
            attempts += 1
        self.ended = True
        self._opened.set()

    def _follow(self) -> None:
        collectors = (self._feed, *self._collectors)
        with self._config.open(collectors) as pipeline:
            self._begin(pipeline)
            for _ in pipeline:
                if self._stop.is_set():
                    break
        self._feed.learned(pipeline, None)

    def _begin(self, pipeline: Pipeline) -> None:
        self.source = pipeline.source
        self._feed.attach(pipeline)
        again = self.failure is not None
        self.failure = None
        if again:
            self._told("started", f"{pipeline.source.name} again, from the last commit", "info")
        self._opened.set()

    def stop(self, timeout: float = 60.0) -> None:
        """Commit what was read, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
