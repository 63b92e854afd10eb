"""The current copies of all beliefs, under one lock and one version number."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seqbayes.dashboard.live.descriptions import BeliefDescription
from seqbayes.dashboard.live.entries import Entry, Update
from seqbayes.dashboard.live.entry_table import EntryTable
from seqbayes.dashboard.live.recent import EventEffect


@dataclass
class StreamHealth:
    """Status of the pipeline. Ages are in seconds; None if unknown.

    `quiet` is true if the pipeline is running but expected events are not arriving. `partitions`
    lists the partitions that a group of runners reads.
    """

    status: str = "ok"
    events: int = 0
    rate: float = 0.0
    lag: int | None = None
    commit_age: float | None = None
    event_age: float | None = None
    dead_letters: int = 0
    reconnects: int = 0
    uptime: float = 0.0
    clients: int = 0
    source: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    quiet: bool = False
    partitions: list[dict[str, Any]] = field(default_factory=list)


class Board:
    """The current copies of all beliefs.

    Attributes
    ----------
    lock
        Must be held to read or change the beliefs.
    version
        Increases with every change; each entry has the version of its last change.
    happened, steps
        Number of published events of watched keys, and the latest events, each with its number,
        belief and key.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.version = 0
        self.tables: dict[str, EntryTable] = {}
        self.now: Callable[[], float] = time.time
        self.happened = 0
        self.steps: deque[tuple[int, str, str, EventEffect]] = deque(maxlen=500)

    def declare(self, beliefs: Iterable[BeliefDescription]) -> None:
        """Replace the beliefs; the new beliefs have no keys yet."""
        with self.lock:
            self.version += 1
            self.tables = {description.name: EntryTable(description) for description in beliefs}

    def apply(self, updates: Mapping[str, Mapping[str, Update]]) -> None:
        """Apply updates, which are keyed by belief and key, to the copies."""
        if not any(updates.values()):
            return
        with self.lock:
            self.version += 1
            for name, changed in updates.items():
                table = self.tables.get(name)
                if table is None or not changed:
                    continue
                table.version = self.version
                table.count(changed)
                for key, update in changed.items():
                    self._put(table, key, update)

    def _put(self, table: EntryTable, key: str, update: Update) -> None:
        if update.state is None:
            table.drop(key)
            return
        entry, events = table.put(key, update)
        for each in events:
            self.happened += 1
            self.steps.append((self.happened, table.description.name, key, each))
        entry.version = self.version

    def beliefs(self) -> list[dict[str, Any]]:
        """Return the beliefs as JSON values."""
        with self.lock:
            return [table.description.as_json(len(table.entries)) for table in self.tables.values()]

    def entry(self, name: str, key: str) -> Entry | None:
        """Return one key, or None if it does not exist."""
        table = self.tables.get(name)
        return None if table is None else table.entries.get(key)
