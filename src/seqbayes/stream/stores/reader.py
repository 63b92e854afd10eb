"""Repeated reading of a store that another process writes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, Self, TypeVar

from seqbayes.stream.stores.readable import ReadableStore
from seqbayes.stream.stores.records import (
    Annotation,
    DeadLetter,
    Partition,
    Reason,
    Runner,
    StoredAlert,
    StoredEntry,
    StoredMessage,
    StoreError,
)
from seqbayes.stream.stores.registry import open_store

T = TypeVar("T")


class StoredSource(NamedTuple):
    """Number of committed events of a source, and the time of its last commit."""

    name: str
    events: int
    updated: float


class StoreReader:
    """Reads a store; threads may share it, and a lost connection is restored.

    Parameters
    ----------
    url
        See `open_store`; the store must exist.

    Raises
    ------
    StoreError
        If the store does not exist, or was written by a newer version.

    Examples
    --------
    >>> StoreReader("missing.db")
    Traceback (most recent call last):
    seqbayes.stream.stores.records.StoreError: missing.db: no such file
    """

    def __init__(self, url: str) -> None:
        self._given = url
        self._store: ReadableStore = open_store(url, "read")
        self.url = self._store.url
        self._lock = threading.Lock()

    def _read(self, act: Callable[[ReadableStore], T]) -> T:
        """Read from the store; if that fails, open it again and retry once."""
        with self._lock:
            try:
                return act(self._store)
            except StoreError:
                with suppress(StoreError):
                    self._store.close()
                self._store = open_store(self._given, "read")
                return act(self._store)

    def serial(self) -> tuple[int, int]:
        """Return a value that changes with every commit; fast enough for polling."""
        return self._read(lambda store: store.serial())

    def runner(self) -> Runner:
        """Return the process that holds the lease."""
        return self._read(lambda store: store.runner())

    def partitions(self) -> list[Partition]:
        """Return the partitions; empty if the store does not belong to a group of runners."""
        return self._read(lambda store: store.partitions())

    def beliefs(self) -> dict[str, Any]:
        """Return the declaration of every belief, keyed by name."""
        return self._read(lambda store: store.beliefs())

    def rows(self, belief: str, since: float | None = None) -> list[StoredEntry]:
        """Return the states of a belief that were updated at a time or later.

        A damaged state is returned as an empty string, so that the others can be displayed.
        """
        return self._read(lambda store: list(store.entries(belief, None, since, strict=False)))

    def count(self, belief: str) -> int:
        """Return the number of keys of a belief."""
        return self._read(lambda store: store.entry_count(belief))

    def sources(self) -> list[StoredSource]:
        """Return the sources, most recently committed first."""
        positions = sorted(
            self._read(lambda store: store.positions()), key=lambda each: -each.updated
        )
        return [
            StoredSource(position.source, position.events, position.updated)
            for position in positions
        ]

    def history(self, belief: str, key: str) -> list[tuple[float, str]]:
        """Return the history of a key of a belief as pairs of time and summary (JSON)."""
        points = self._read(lambda store: store.history(belief, key))
        return [(float(point.at), point.summary) for point in points]

    def dead_letters(self, belief: str | None, limit: int = 50) -> list[tuple[float, DeadLetter]]:
        """Return the newest dead letters with their times, newest first.

        Parameters
        ----------
        belief
            Return only letters of this belief, and events that could not be decoded.
        limit
            Maximum number of letters.
        """
        letters = self._read(lambda store: store.newest_letters(belief, limit))
        return [(each.at, each.letter) for each in letters]

    def reasons(self, limit: int = 20) -> list[Reason]:
        """Return the most common reasons for dead letters."""
        return self._read(lambda store: store.reasons(limit))

    def alerts(self) -> tuple[list[StoredAlert], list[StoredMessage]]:
        """Return the states of all alerts, and their messages, oldest first."""
        return self._read(lambda store: (store.alerts(), store.messages()))

    def annotations(self) -> list[Annotation]:
        """Return all annotations in order of time."""
        return self._read(lambda store: store.annotations())

    def annotate(self, annotation: Annotation) -> None:
        """Store an annotation, although the store was opened for reading.

        Raises
        ------
        StoreError
            If the annotation cannot be stored, or the store does not support annotations.
        """
        with open_store(self._given, "open") as store:
            store.annotate(annotation)

    def dead_letter_count(self) -> int:
        """Return the number of dead letters."""
        return self._read(lambda store: store.dead_letter_count())

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
