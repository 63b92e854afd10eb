"""An in-memory store."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import msgspec

from seqbayes.stream.stores.base import Mode, Store
from seqbayes.stream.stores.records import (
    Annotation,
    Changes,
    Contents,
    DeadLetter,
    HistoryPoint,
    Lease,
    SeenId,
    SourcePosition,
    StoredAlert,
    StoredEntry,
    StoredLetter,
    StoredMessage,
    StoredState,
    StoreError,
    surplus_times,
)


@dataclass
class _Tables:
    """The contents of a store. A commit replaces values and never changes them in place."""

    lease: Lease = field(default_factory=lambda: Lease(0, 0, None, 0.0, None))
    declarations: dict[str, str] = field(default_factory=dict)
    entries: dict[str, dict[str, StoredEntry]] = field(default_factory=dict)
    positions: dict[str, SourcePosition] = field(default_factory=dict)
    letters: dict[int, StoredLetter] = field(default_factory=dict)
    last_letter: int = 0
    unretained_letters: int = 0
    points: dict[str, dict[tuple[str, float], HistoryPoint]] = field(default_factory=dict)
    ids: dict[str, dict[str, SeenId]] = field(default_factory=dict)
    alerts: dict[tuple[str, str], StoredAlert] = field(default_factory=dict)
    messages: dict[str, StoredMessage] = field(default_factory=dict)
    annotations: dict[str, Annotation] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def copy(self) -> _Tables:
        """Return a copy that later changes do not affect."""
        return replace(
            self,
            declarations=dict(self.declarations),
            entries={belief: dict(known) for belief, known in self.entries.items()},
            positions=dict(self.positions),
            letters=dict(self.letters),
            points={belief: dict(known) for belief, known in self.points.items()},
            ids={source: dict(known) for source, known in self.ids.items()},
            alerts=dict(self.alerts),
            messages=dict(self.messages),
            annotations=dict(self.annotations),
            settings=dict(self.settings),
        )


_lock = threading.RLock()
_named: dict[str, _Tables] = {}


class MemoryStore(Store):
    """An in-memory store, which exists until the process ends.

    Parameters
    ----------
    url
        ``memory:`` for a separate store, or ``memory:NAME`` for a store that is shared within the
        process.
    mode
        See `open_store`.
    retain
        Whether to keep states, dead letters and history. If False, the store keeps only
        declarations, positions and counts, and commits are fast.

    Raises
    ------
    StoreError
        If the store does not exist and `mode` is not "create".

    Examples
    --------
    >>> store = MemoryStore()
    >>> store.acquire()
    >>> store.commit(Changes("events", {"line": 3}, 3))
    >>> store.token("events"), store.events("events")
    ({'line': 3}, 3)
    >>> store.close()
    """

    def __init__(self, url: str = "memory:", mode: Mode = "create", *, retain: bool = True) -> None:
        super().__init__(url, mode)
        self.stores_states = retain
        name = url.removeprefix("memory:")
        with _lock:
            if mode != "create" and name not in _named:
                raise StoreError(f"{url}: no such store")
            self._tables = _named.setdefault(name, _Tables()) if name else _Tables()

    keeps_alerts = True

    # Reading.

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads in this context use the same snapshot."""
        tables = self._tables
        with _lock:
            self._tables = tables.copy()
        try:
            yield
        finally:
            self._tables = tables

    def lease(self) -> Lease:
        """Return the lease."""
        return self._tables.lease

    def declarations(self) -> dict[str, str]:
        """Return the declaration (JSON) of every belief, keyed by name."""
        with _lock:
            return dict(sorted(self._tables.declarations.items()))

    def entries(
        self,
        belief: str,
        key: str | None = None,
        since: float | None = None,
        strict: bool = True,
    ) -> Iterator[StoredEntry]:
        """Yield the states of a belief, least recently used first; see `ReadableStore`."""
        with _lock:
            found = list(self._tables.entries.get(belief, {}).values())
        found = [
            entry
            for entry in found
            if (key is None or entry.key == key) and (since is None or entry.updated >= since)
        ]
        return iter(sorted(found, key=lambda entry: entry.used))

    def entry_count(self, belief: str) -> int:
        """Return the number of states of a belief."""
        return len(self._tables.entries.get(belief, ()))

    def positions(self) -> list[SourcePosition]:
        """Return the position of every source, sorted by name."""
        with _lock:
            return sorted(self._tables.positions.values())

    def letters(self, source: str | None = None) -> Iterator[StoredLetter]:
        """Yield all dead letters, or those of a source, in order."""
        with _lock:
            found = list(self._tables.letters.values())
        return (each for each in found if source is None or each.letter.source == source)

    def dead_letter_count(self) -> int:
        """Return the number of dead letters, including those that were not retained."""
        return len(self._tables.letters) + self._tables.unretained_letters

    def points(self, belief: str, key: str | None = None) -> Iterator[HistoryPoint]:
        """Yield the history of a belief, or of one key, ordered by key and time."""
        with _lock:
            found = list(self._tables.points.get(belief, {}).values())
        return iter(sorted(point for point in found if key is None or point.key == key))

    def ids(self, source: str) -> Iterator[SeenId]:
        """Yield the event ids stored for a source, oldest first."""
        with _lock:
            found = list(self._tables.ids.get(source, {}).values())
        return iter(sorted(found, key=lambda each: each.number))

    def alerts(self) -> list[StoredAlert]:
        """Return the states of all alerts, sorted."""
        with _lock:
            return sorted(self._tables.alerts.values())

    def messages(self) -> list[StoredMessage]:
        """Return the messages of alerts, oldest first."""
        with _lock:
            return sorted(self._tables.messages.values(), key=lambda each: each.created)

    def annotations(self) -> list[Annotation]:
        """Return all annotations in order of time."""
        with _lock:
            return sorted(self._tables.annotations.values(), key=lambda each: (each.at, each.id))

    def settings(self) -> dict[str, str]:
        """Return settings by name."""
        with _lock:
            return dict(self._tables.settings)

    # Writing.

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[Lease]:
        """Begin a transaction and return the lease; see `WritableStore`.

        Changes are not rolled back: each method that writes validates its arguments first.
        """
        if self.mode == "read":
            raise StoreError(f"{self.url} was opened for reading only")
        with _lock:
            yield self._tables.lease

    def write_lease(self, lease: Lease) -> None:
        """Store the lease."""
        self._tables.lease = lease

    def write_setting(self, name: str, value: str | None) -> None:
        """Store, replace or remove a setting."""
        self._tables.settings.pop(name, None)
        if value is not None:
            self._tables.settings[name] = value

    def write_declaration(self, name: str, declaration: str) -> None:
        """Store the declaration of a belief."""
        self._tables.declarations[name] = declaration

    def apply(self, changes: Changes, at: float) -> None:
        """Store changes; see `WritableStore`."""
        if self.stores_states:
            states = [StoredState(*row) for row in changes.states]
            letters = [type(letter)(*letter) for letter in changes.dead_letters]
            points = [HistoryPoint(*point) for point in changes.history]
        else:
            states, letters, points = [], [], []
        token = msgspec.json.encode(changes.token).decode()
        tables = self._tables
        for belief, key in changes.gone:
            tables.entries.get(belief, {}).pop(key, None)
        for belief, key in changes.points_gone:
            self._forget_points(belief, key)
        if (oldest := changes.letters_before) is not None:
            tables.letters = {n: each for n, each in tables.letters.items() if each.at >= oldest}
        for belief, key, state, used, _ in states:
            known = tables.entries.setdefault(belief, {})
            since = known[key].since if key in known else at
            known[key] = StoredEntry(belief, key, state, used, since, at)
        for letter in letters:
            self._add_letter(tables, letter, at)
        tables.unretained_letters += len(changes.dead_letters) - len(letters)
        for point in points:
            tables.points.setdefault(point.belief, {})[point.key, point.at] = point
        for number in changes.resolved_letters:
            tables.letters.pop(number, None)
        for each in changes.alerts_gone:
            tables.alerts.pop(each, None)
        tables.alerts.update({(each.alert, each.key): each for each in changes.alerts})
        tables.messages.update({each.id: each for each in changes.messages})
        for name in changes.messages_gone:
            tables.messages.pop(name, None)
        if changes.source is not None:
            self._write_position(changes, token, at)

    def _write_position(self, changes: Changes, token: str, at: float) -> None:
        """Store the position and the ids of the source of changes."""
        tables, source = self._tables, changes.source
        assert source is not None
        known_ids = tables.ids.setdefault(source, {})
        for expired in changes.expired_ids:
            known_ids.pop(expired, None)
        known_ids.update({each.id: each for each in changes.ids})
        before = tables.positions.get(source)
        events = changes.events + (before.events if before else 0)
        tables.positions[source] = SourcePosition(source, token, events, at)

    @staticmethod
    def _add_letter(tables: _Tables, letter: DeadLetter, at: float) -> None:
        tables.last_letter += 1
        tables.letters[tables.last_letter] = StoredLetter(tables.last_letter, letter, at)

    def annotate(self, annotation: Annotation) -> None:
        """Store an annotation, and replace the one with the same id."""
        with self.transaction():
            self._tables.annotations[annotation.id] = annotation

    def thin(self, belief: str, limit: int) -> None:
        """Delete the points at the `surplus_times` of each history of a belief."""
        with self.transaction():
            points = self._tables.points.get(belief, {})
            for key in {key for key, _ in points}:
                times = sorted(at for each, at in points if each == key)
                for at in surplus_times(times, limit):
                    del points[key, at]

    # Administration.

    def open_partition(self, name: str) -> MemoryStore:
        """Open the store of a partition, and create it if it does not exist."""
        if not self.url.removeprefix("memory:"):
            raise StoreError("a group of runners needs a name: memory:NAME")
        return MemoryStore(f"{self.url}/{name}", self.mode)

    def write_contents(self, contents: Contents) -> None:
        """Copy the contents of other stores into this empty store."""
        filled = _Tables()
        filled.lease = self._tables.lease
        filled.declarations.update(contents.declarations)
        for entry in contents.entries:
            filled.entries.setdefault(entry.belief, {})[entry.key] = entry
        filled.positions.update({position.source: position for position in contents.positions})
        for _, letter, at in contents.letters:
            self._add_letter(filled, letter, at)
        for point in contents.history:
            filled.points.setdefault(point.belief, {}).setdefault((point.key, point.at), point)
        filled.alerts.update({(each.alert, each.key): each for each in contents.alerts})
        filled.messages.update({each.id: each for each in contents.messages})
        for source, each in contents.ids:
            filled.ids.setdefault(source, {})[each.id] = each
        for annotation in contents.annotations:
            filled.annotations.setdefault(annotation.id, annotation)
        vars(self._tables).update(vars(filled))

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief with its declaration and history, or only one of its keys."""
        with self.fenced_transaction():
            tables = self._tables
            if key is None:
                tables.declarations.pop(belief, None)
                tables.points.pop(belief, None)
                return len(tables.entries.pop(belief, {}))
            self._forget_points(belief, key)
            return tables.entries.get(belief, {}).pop(key, None) is not None

    def _forget_points(self, belief: str, key: str) -> None:
        points = self._tables.points.get(belief, {})
        for point in [point for point in points if point[0] == key]:
            del points[point]

    def remove_position(self, source: str) -> int:
        """Remove the position and the ids of a source."""
        with self.fenced_transaction():
            self._tables.ids.pop(source, None)
            return self._tables.positions.pop(source, None) is not None

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters by number; return the number of letters removed."""
        with self.transaction():
            letters = self._tables.letters
            return sum(letters.pop(number, None) is not None for number in numbers)
