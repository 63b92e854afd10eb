"""The embedded store: one SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from seqbayes.stream.stores.base import Mode, StoreError
from seqbayes.stream.stores.sql import SqlStore


class SqliteStore(SqlStore):
    """Beliefs in an SQLite file, in write-ahead logging with a full sync at every commit.

    Parameters
    ----------
    path
        The file.
    mode
        "create" makes it where there is none, "open" does not, and "read" changes nothing in it:
        it may be in a place where nothing can be written.

    Raises
    ------
    StoreError
        If it cannot be opened, is damaged, of a newer version, or another program's.

    Examples
    --------
    >>> store = SqliteStore(":memory:")
    >>> store.acquire()
    >>> store.token("events") is None
    True
    >>> store.close()
    """

    types = {"identity": "INTEGER PRIMARY KEY", "bytes": "BLOB"}  # noqa: RUF012

    def __init__(self, path: str, mode: Mode = "create") -> None:
        super().__init__(path)
        self._connection: sqlite3.Connection = self._connect(path, mode)
        try:
            with self._translated():
                self._check()
                if mode != "read":
                    self._connection.execute("PRAGMA journal_mode = WAL")
                    self._connection.execute("PRAGMA synchronous = FULL")
            self._prepare(mode)
            if mode == "read":
                self._connection.execute("PRAGMA query_only = ON")
        except BaseException:
            self._connection.close()
            raise

    @staticmethod
    def _connect(path: str, mode: Mode) -> sqlite3.Connection:
        name = path
        if mode != "create":
            if not Path(path).exists():
                raise StoreError(f"{path}: there is no such file")
            name = f"file:{quote(os.path.abspath(path))}?{_access(path, mode)}"
        try:
            return sqlite3.connect(
                name,
                timeout=10.0,
                isolation_level=None,
                uri=name is not path,
                check_same_thread=mode != "read",  # readers share it, one at a time
            )
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}") from None

    def _check(self) -> None:
        """Refuse a damaged file, and one of another program."""
        ((verdict,),) = self._run("PRAGMA quick_check(1)")
        if verdict != "ok":
            raise StoreError(f"{self.url} is damaged ({verdict}): restore it from a copy")
        others = self._run("SELECT name FROM sqlite_master WHERE type = 'table'")
        if others and not self._has_tables():
            raise StoreError(f"{self.url} is a database of another program")

    def _has_tables(self) -> bool:
        return bool(self._run("SELECT 1 FROM sqlite_master WHERE name = 'seqbayes_meta'"))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.url}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # a full disk may have rolled back already
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _unsynced(self) -> Iterator[None]:
        with self._translated():
            self._run("PRAGMA synchronous = NORMAL")
            try:
                with self._transaction():
                    yield
            finally:
                self._run("PRAGMA synchronous = FULL")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read all within it as of one moment, whatever is committed meanwhile."""
        with self._translated():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql, parameters).fetchall()

    def _insert(self, table: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
        if rows:
            places = ", ".join("?" * len(rows[0]))
            then = f" ON CONFLICT {conflict}" if conflict else ""
            self._connection.executemany(f"INSERT INTO {table} VALUES ({places}){then}", rows)

    def _stream(self, sql: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        with self._translated():
            # not "yield from", which would close the cursor of what is abandoned, perhaps too late
            for row in self._connection.execute(sql, parameters):  # noqa: UP028
                yield row


def _access(path: str, mode: Mode) -> str:
    """Return how SQLite is to open a file: a log of writes needs files beside it even to read."""
    folder = os.path.dirname(os.path.abspath(path))
    if mode == "open" or (os.access(path, os.W_OK) and os.access(folder, os.W_OK)):
        return "mode=rw"
    log = Path(f"{path}-wal")
    return "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
