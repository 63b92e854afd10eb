"""Beliefs in the memory of this process."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from seqbayes.stream.stores.base import (
    Changes,
    Contents,
    DeadLetter,
    HistoryPoint,
    Lease,
    LeaseError,
    Mode,
    Place,
    Pulse,
    SeenId,
    Store,
    StoredEntry,
    StoredLetter,
    StoredState,
    StoreError,
)


class _Tables:
    """The contents of a store. A commit replaces values and never changes them in place."""

    def __init__(self) -> None:
        self.lease = Lease(0, 0, None, 0.0, None)
        self.declarations: dict[str, str] = {}
        self.entries: dict[str, dict[str, StoredEntry]] = {}
        self.places: dict[str, Place] = {}
        self.letters: dict[int, StoredLetter] = {}
        self.last_letter = self.unretained_letters = 0
        self.points: dict[str, dict[tuple[str, float], HistoryPoint]] = {}
        self.ids: dict[str, dict[str, SeenId]] = {}

    def copy(self) -> _Tables:
        """Return a copy that later changes do not affect."""
        copied = copy.copy(self)
        for name in ("declarations", "places", "letters"):
            setattr(copied, name, dict(getattr(self, name)))
        for name in ("entries", "points", "ids"):
            setattr(copied, name, {k: dict(v) for k, v in getattr(self, name).items()})
        return copied


_lock = threading.RLock()
_named: dict[str, _Tables] = {}


class MemoryStore(Store):
    """A store in memory, which ends with the process.

    Parameters
    ----------
    url
        ``memory:`` for a separate store, or ``memory:NAME``, which all stores of this name in the
        process share.
    mode
        As for `open_store`.
    retain
        Whether to keep states, dead letters and history. Without them the store keeps only
        declarations, positions and counts, and a commit costs almost nothing.

    Raises
    ------
    StoreError
        If a store that must exist does not.

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
        self.retains = retain
        self._read_only = mode == "read"
        self._epoch: int | None = None
        self._serial = 0
        self._beat_at = 0.0
        name = url.removeprefix("memory:")
        with _lock:
            if mode != "create" and name not in _named:
                raise StoreError(f"{url}: no such store")
            self._tables = _named.setdefault(name, _Tables()) if name else _Tables()

    # Reading.

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads in this context see the store at one moment."""
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
        """Return the declaration (JSON) of every belief by name."""
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

    def places(self) -> list[Place]:
        """Return the position of every source, sorted by name."""
        with _lock:
            return sorted(self._tables.places.values())

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
        """Yield the identities remembered for a source, oldest first."""
        with _lock:
            found = list(self._tables.ids.get(source, {}).values())
        return iter(sorted(found, key=lambda each: each.number))

    # Writing.

    @contextmanager
    def _writing(self) -> Iterator[_Tables]:
        if self._read_only:
            raise StoreError(f"{self.url} was opened for reading only")
        with _lock:
            yield self._tables

    def _check_held(self, lease: Lease) -> None:
        own = (self._epoch, self._serial, self.holder.write())
        if (lease.epoch, lease.serial, lease.holder) != own:
            raise LeaseError(f"{self.url} was taken over by another runner")

    @contextmanager
    def _fenced(self) -> Iterator[_Tables]:
        """Enter a section that only the holder of the lease can execute; count it as a commit."""
        with self._writing() as tables:
            self._check_held(tables.lease)
            yield tables
            self._serial += 1
            expires = self.now() + self.lease_seconds
            tables.lease = tables.lease._replace(serial=self._serial, expires=expires)

    def acquire(self) -> None:
        """Take the lease; see `WritableStore`."""
        with self._writing() as tables:
            if self._epoch is not None:
                raise LeaseError(f"{self.url} is held by this process: one runner at a time")
            self._check_free(tables.lease)
            self._epoch, self._serial = tables.lease.epoch + 1, tables.lease.serial
            expires = self.now() + self.lease_seconds
            tables.lease = Lease(self._epoch, self._serial, self.holder.write(), expires, None)
            self.holder.keep()
            self._beat_at = time.monotonic() + self.beat_seconds

    def release(self) -> None:
        """Give the lease back, if this store holds it."""
        if self._epoch is None:
            return
        self.holder.drop()
        with self._writing() as tables:
            if (tables.lease.epoch, tables.lease.holder) == (self._epoch, self.holder.write()):
                tables.lease = tables.lease._replace(holder=None)
        self._epoch = None

    def renew(self, pulse: Pulse) -> None:
        """Send a heartbeat if it is time; see `WritableStore`."""
        if time.monotonic() < self._beat_at:
            return
        self._beat_at = time.monotonic() + self.beat_seconds
        with self._writing() as tables:
            self._check_held(tables.lease)
            text = msgspec.json.encode(pulse).decode()
            expires = self.now() + self.lease_seconds
            tables.lease = tables.lease._replace(expires=expires, pulse=text)

    def declare(self, name: str, declaration: str) -> None:
        """Create a belief, or check that its stored declaration is the same."""
        with self._writing() as tables:
            stored = tables.declarations.setdefault(name, declaration)
            self._check_declaration(name, stored, declaration)

    def commit(self, changes: Changes) -> None:
        """Store all changes, or none; see `WritableStore`."""
        if self.retains:
            states = [StoredState(*row) for row in changes.states]
            letters = [type(letter)(*letter) for letter in changes.dead_letters]
            points = [HistoryPoint(*point) for point in changes.history]
        else:
            states, letters, points = [], [], []
        token = msgspec.json.encode(changes.token).decode()
        with self._fenced() as tables:
            now = self.now()
            for belief, key in changes.gone:
                tables.entries.get(belief, {}).pop(key, None)
            for belief, key, state, used in states:
                known = tables.entries.setdefault(belief, {})
                since = known[key].since if key in known else now
                known[key] = StoredEntry(belief, key, state, used, since, now)
            for letter in letters:
                self._add_letter(tables, letter, now)
            tables.unretained_letters += len(changes.dead_letters) - len(letters)
            for point in points:
                tables.points.setdefault(point.belief, {})[point.key, point.at] = point
            for number in changes.settled:
                tables.letters.pop(number, None)
            if changes.source is None:
                return
            known_ids = tables.ids.setdefault(changes.source, {})
            for forgotten in changes.forgotten:
                known_ids.pop(forgotten, None)
            known_ids.update({each.id: each for each in changes.ids})
            before = tables.places.get(changes.source)
            events = changes.events + (before.events if before else 0)
            tables.places[changes.source] = Place(changes.source, token, events, now)

    @staticmethod
    def _add_letter(tables: _Tables, letter: DeadLetter, at: float) -> None:
        tables.last_letter += 1
        tables.letters[tables.last_letter] = StoredLetter(tables.last_letter, letter, at)

    def thin(self, belief: str, most: int) -> None:
        """Delete every second point of each history with more than `most` points."""
        with self._writing() as tables:
            points = tables.points.get(belief, {})
            for key in {key for key, _ in points}:
                times = sorted(at for each, at in points if each == key)
                for at in times[1:-1:2] if len(times) > most else ():
                    del points[key, at]

    # Administration.

    def fill(self, contents: Contents) -> None:
        """Store the contents of other stores in this one, or nothing; see `Store`."""
        filled = _Tables()
        filled.declarations.update(contents.declarations)
        for entry in contents.entries:
            filled.entries.setdefault(entry.belief, {})[entry.key] = entry
        filled.places.update({place.source: place for place in contents.places})
        for _, letter, at in contents.letters:
            self._add_letter(filled, letter, at)
        for point in contents.history:
            filled.points.setdefault(point.belief, {}).setdefault((point.key, point.at), point)
        for source, each in contents.ids:
            filled.ids.setdefault(source, {})[each.id] = each
        with self._writing() as tables:
            if any((tables.declarations, tables.entries, tables.places, tables.letters)):
                raise StoreError(f"{self.url} is not empty: merge into a new store")
            filled.lease = tables.lease
            vars(tables).update(vars(filled))

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief with its declaration and history, or one of its keys."""
        with self._fenced() as tables:
            if key is None:
                tables.declarations.pop(belief, None)
                tables.points.pop(belief, None)
                return len(tables.entries.pop(belief, {}))
            points = tables.points.get(belief, {})
            for point in [point for point in points if point[0] == key]:
                del points[point]
            return tables.entries.get(belief, {}).pop(key, None) is not None

    def remove_place(self, source: str) -> int:
        """Remove the position of a source; return how many were removed."""
        with self._fenced() as tables:
            tables.ids.pop(source, None)
            return tables.places.pop(source, None) is not None

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters by number; return how many were removed."""
        with self._writing() as tables:
            return sum(tables.letters.pop(number, None) is not None for number in numbers)

    def close(self) -> None:
        """Give the lease back."""
        self.release()
