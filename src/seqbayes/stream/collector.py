"""Define the interface of objects that observe a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqbayes.stream.pipeline import Pipeline
    from seqbayes.stream.source import Batch
    from seqbayes.stream.stores import Changes, DeadLetter


class Collector:
    """Base class of observers of pipeline events, such as a live table, history or metrics.

    By default, the methods do nothing.
    """

    def opened(self, pipeline: Pipeline) -> None:
        """Handle the start of reading, when the states are restored."""

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """Handle a batch after it was learned; None means that none arrived before the timeout."""

    def refused(self, pipeline: Pipeline, batch: Batch, letter: DeadLetter) -> None:
        """Handle an event that could not be used, before `learned` is called with its batch."""

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Handle changes before they are committed; collectors may add history to them."""

    def committed(self, pipeline: Pipeline) -> None:
        """Handle the end of a commit."""

    def closing(self, pipeline: Pipeline) -> None:
        """Handle the end of the pipeline, while its store is still open."""
