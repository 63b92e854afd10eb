"""Retention: removal of old dead letters, and of keys that are no longer used."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from seqbayes.events.keys import read_key
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.stores import Changes

if TYPE_CHECKING:
    from seqbayes.stream.source import Batch

CHECKS = 100
"""Number of checks within the shortest retention time."""

LONGEST_CHECK_SECONDS = 3600.0
MOST = 10_000
"""Maximum number of keys of a belief that are removed in one commit."""


class Retention(Collector):
    """A collector that removes stale keys and old dead letters in the transactions of commits.

    Parameters
    ----------
    keys
        Seconds after its last change until a key is removed, with its state and history;
        None for never.
    dead_letters
        Seconds until a dead letter is removed; None for never.
    now
        Function that returns the time in seconds since 1970.

    Notes
    -----
    The time of a change is the time of the commit that stored it, not the time of the event. A key
    that is used again starts from the prior.
    """

    def __init__(
        self,
        keys: float | None = None,
        dead_letters: float | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys, self._letters, self._now = keys, dead_letters, now
        shortest = min(each for each in (keys, dead_letters, float("inf")) if each is not None)
        self._every = min(shortest / CHECKS, LONGEST_CHECK_SECONDS)
        self._next = -float("inf")

    @property
    def _due(self) -> bool:
        return time.monotonic() >= self._next

    def learned(self, pipeline: Pipeline, batch: Batch | None) -> None:
        """Commit if a check is due while no events arrive."""
        if batch is None and self._due and not pipeline.uncommitted:
            pipeline.commit(force=True)

    def committing(self, pipeline: Pipeline, changes: Changes) -> None:
        """Add what is to be removed to a commit, if a check is due."""
        if not self._due:
            return
        self._next = time.monotonic() + self._every
        now = self._now()
        if self._letters is not None:
            changes.letters_before = now - self._letters
        if self._keys is None:
            return
        changed = {(each.belief, each.key) for each in changes.states}
        gone = []
        for name, table in pipeline.tables.items():
            for key in pipeline.store.stale_keys(name, now - self._keys, MOST):
                if (name, key) not in changed and read_key(key) in table:
                    table.drop(read_key(key))
                    gone.append((name, key))
        changes.gone = [*changes.gone, *gone]
        changes.points_gone = gone
        if len(gone) >= MOST:  # there may be more keys
            self._next = time.monotonic()
