"""A store that is looked at, and never written: what another process keeps in it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from seqbayes.stream.lease import Holder
from seqbayes.stream.sql import VERSION, SqlStore
from seqbayes.stream.store import DeadLetter, StoreError


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


class Runner(NamedTuple):
    """Who writes the store, None for nobody, and whether that process is known to live."""

    holder: str | None
    alive: bool


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
    seqbayes.stream.store.StoreError: missing.db: there is no such file
    """

    def __init__(self, url: str) -> None:
        self._store = _open(url)
        self.url = self._store.url
        self._lock = threading.Lock()
        try:
            self._check()
        except BaseException:
            self._store.close()
            raise

    def _check(self) -> None:
        if not self._store._has_tables():
            raise StoreError(f"{self.url} holds no beliefs")
        ((version,),) = self._rows("SELECT value FROM seqbayes_meta WHERE name = 'version'")
        if int(version) > VERSION:
            raise StoreError(
                f"{self.url}: the store has version {version}, and this seqbayes reads up to"
                f" {VERSION}: upgrade"
            )

    def _rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._store._translated():
            return list(self._store._run(sql, parameters))

    def serial(self) -> tuple[int, int]:
        """Return what differs after every commit; cheap, for looking often."""
        ((epoch, serial),) = self._rows("SELECT epoch, serial FROM seqbayes_lease")
        return int(epoch), int(serial)

    def runner(self) -> Runner:
        """Return who holds the store."""
        ((holder, expires),) = self._rows("SELECT holder, expires FROM seqbayes_lease")
        if holder is None:
            return Runner(None, False)
        process = Holder.read(holder)
        with self._lock, self._store._translated():
            alive = process.lives if process.local else expires > self._store._now()
        return Runner(str(process), alive)

    def beliefs(self) -> dict[str, Any]:
        """Return the declaration of every belief by name."""
        with self._lock:
            return dict(self._store.beliefs())

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

    def dead_letters(self, belief: str, most: int = 50) -> list[tuple[float, DeadLetter]]:
        """Return times and contents of the newest dead letters of a belief, or of none.

        Those that could not even be decoded are among those of every belief.
        """
        found = self._rows(
            "SELECT at, source, position, belief, raw, reason FROM seqbayes_dead_letters"
            " WHERE belief = ? OR belief = '' ORDER BY id DESC LIMIT ?",
            [belief, most],
        )
        return [
            (float(at), DeadLetter(source, position, name, bytes(raw), reason))
            for at, source, position, name, raw, reason in found
        ]

    def dead_letter_count(self) -> int:
        """Return how many dead letters there are."""
        with self._lock:
            return int(self._store.dead_letter_count())

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _open(url: str) -> Any:
    if url.startswith(("postgresql:", "postgres:")):
        from seqbayes.stream.postgres import PostgresView

        return PostgresView(url)
    return _SqliteView(url.removeprefix("sqlite:"))


class _SqliteView(SqlStore):
    """An SQLite file, opened for reading only."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        if not Path(path).is_file():
            raise StoreError(f"{path}: there is no such file")
        for options in ("mode=ro", "mode=ro&immutable=1"):  # the second on read-only media
            self._connection = sqlite3.connect(
                f"file:{quote(path)}?{options}",
                timeout=10.0,
                isolation_level=None,
                uri=True,
                check_same_thread=False,
            )
            try:
                self._run("SELECT 1 FROM sqlite_master LIMIT 1")
            except sqlite3.DatabaseError as error:
                self._connection.close()
                failure = error
            else:
                return
        raise StoreError(f"{path}: {failure}")

    def _has_tables(self) -> bool:
        return bool(self._run("SELECT 1 FROM sqlite_master WHERE name = 'seqbayes_meta'"))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.url}: {error}") from error

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def _stream(self, sql: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        with self._translated():
            yield from self._connection.execute(sql, parameters)

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._connection.close()
