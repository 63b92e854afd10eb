"""A store that is looked at again and again, by several threads: what another process keeps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Self

import msgspec

from seqbayes.stream.stores.base import DeadLetter, Pulse, StoreError, open_store
from seqbayes.stream.stores.lease import Holder
from seqbayes.stream.stores.sql import LEASE


class StoredRow(NamedTuple):
    """A state as it is stored: JSON texts of key and state, and times in seconds since 1970."""

    key: str
    state: str
    since: float
    updated: float


class StoredSource(NamedTuple):
    """How far a source has been read, and when that was committed."""

    name: str
    events: int
    updated: float


class Reason(NamedTuple):
    """Why a belief has refused events, and how many."""

    belief: str
    reason: str
    n: int


class Runner(NamedTuple):
    """Who writes the store.

    Parameters
    ----------
    holder
        The process; None for nobody.
    alive
        Whether it is known to live.
    halted
        Whether it was stopped by a signal or a debugger.
    silent
        Seconds since its last sign of life, of which there is one every half second.
    pulse
        How it did then.
    """

    holder: str | None
    alive: bool
    halted: bool = False
    silent: float = 0.0
    pulse: Pulse = Pulse()


class StoreReader:
    """Reads a store; threads may share it.

    Parameters
    ----------
    url
        As for `open_store`; the store must exist.

    Raises
    ------
    StoreError
        If there is no such store, or it is of a newer version.

    Examples
    --------
    >>> StoreReader("missing.db")
    Traceback (most recent call last):
    seqbayes.stream.stores.base.StoreError: missing.db: there is no such file
    """

    def __init__(self, url: str) -> None:
        self._given = url
        self._store: Any = open_store(url, "read")
        self.url = self._store.url
        self._lock = threading.Lock()

    def _read(self, act: Callable[[Any], Any]) -> Any:
        """Do something with the store; once more if its connection was lost meanwhile."""
        with self._lock:
            try:
                with self._store._translated():
                    return act(self._store)
            except StoreError:
                with suppress(StoreError):
                    self._store.close()
                self._store = open_store(self._given, "read")
                with self._store._translated():
                    return act(self._store)

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return list(self._read(lambda store: store._run(sql, parameters)))

    def serial(self) -> tuple[int, int]:
        """Return what differs after every commit; cheap, for looking often."""
        ((epoch, serial),) = self._rows("SELECT epoch, serial FROM seqbayes_lease")
        return int(epoch), int(serial)

    def runner(self) -> Runner:
        """Return who holds the store."""
        ((holder, expires, told),) = self._rows("SELECT holder, expires, pulse FROM seqbayes_lease")
        if holder is None:
            return Runner(None, False)
        process = Holder.read(holder)
        silent = self._read(lambda s: s._now()) - (expires - LEASE)
        alive = process.lives if process.local else silent < LEASE
        halted = alive and process.local and process.halted
        pulse = Pulse() if told is None else msgspec.json.decode(told, type=Pulse)
        return Runner(str(process), alive, halted, max(silent, 0.0), pulse)

    def beliefs(self) -> dict[str, Any]:
        """Return the declaration of every belief by name."""
        return dict(self._read(lambda store: store.beliefs()))

    def rows(self, belief: str, since: float = 0.0) -> list[StoredRow]:
        """Return the states of a belief that were updated at a time or later."""
        found = self._rows(
            "SELECT key, state, since, updated FROM seqbayes_states"
            " WHERE belief = ? AND updated >= ?",
            [belief, since],
        )
        return list(map(StoredRow._make, found))

    def count(self, belief: str) -> int:
        """Return how many keys a belief has."""
        ((count,),) = self._rows("SELECT count(*) FROM seqbayes_states WHERE belief = ?", [belief])
        return int(count)

    def sources(self) -> list[StoredSource]:
        """Return the sources, the one committed last first."""
        found = self._rows(
            "SELECT name, events, updated FROM seqbayes_sources ORDER BY updated DESC"
        )
        return list(map(StoredSource._make, found))

    def history(self, belief: str, key: str) -> list[tuple[float, str]]:
        """Return times and summaries (JSON texts) of a belief."""
        found = self._rows(
            "SELECT at, summary FROM seqbayes_history WHERE belief = ? AND key = ? ORDER BY at",
            [belief, key],
        )
        return [(float(at), summary) for at, summary in found]

    def dead_letters(self, belief: str | None, most: int = 50) -> list[tuple[float, DeadLetter]]:
        """Return times and contents of the newest dead letters of a belief, or with None of all.

        Those that could not even be decoded are among those of every belief.
        """
        chosen = "" if belief is None else " WHERE belief = ? OR belief = ''"
        found = self._rows(
            "SELECT at, source, position, belief, raw, reason FROM seqbayes_dead_letters"
            f"{chosen} ORDER BY id DESC LIMIT ?",
            [most] if belief is None else [belief, most],
        )
        return [
            (float(at), DeadLetter(source, position, name, bytes(raw), reason))
            for at, source, position, name, raw, reason in found
        ]

    def reasons(self, most: int = 20) -> list[Reason]:
        """Return why events could not be used, the commonest reasons first."""
        found = self._rows(
            "SELECT belief, reason, count(*) FROM seqbayes_dead_letters GROUP BY belief, reason"
            " ORDER BY count(*) DESC, belief, reason LIMIT ?",
            [most],
        )
        return list(map(Reason._make, found))

    def dead_letter_count(self) -> int:
        """Return how many dead letters there are."""
        return int(self._read(lambda store: store.dead_letter_count()))

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
