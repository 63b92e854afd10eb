"""A store in an SQLite file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

from seqbayes.stream.stores.base import Mode
from seqbayes.stream.stores.lazy import state_chunks
from seqbayes.stream.stores.readable import CHUNK
from seqbayes.stream.stores.records import Changes, Lease, StoredEntry, StoreError
from seqbayes.stream.stores.rows import state_values, updated_rows
from seqbayes.stream.stores.sql import SqlStore
from seqbayes.stream.stores.sqlite_files import (
    REMEDIES,
    access_parameters,
    explain,
    file_id,
    file_url,
    is_other_file,
    read_serial,
    result_code,
)
from seqbayes.stream.stores.sqlite_states import insert_states, update_states
from seqbayes.stream.stores.tables import Row

LOG_PAGES = 8192
"""SQLite copies pages from the write-ahead log to the file when the log has this many pages.

A commit of many keys changes thousands of pages. A page that changes several times before it is
copied is copied only once.
"""

CACHE_KIB = 8000
"""Memory for pages while writing; all pages that a commit changes should fit into it."""

CHECKED_PAGES = 4096
"""Files of up to this many pages are checked completely when they are opened.

A larger one is not checked if it is opened for reading, and without the index of the states if it
is opened for writing: a runner reads all states from their table. What needs this index checks it.
"""


class SqliteStore(SqlStore):
    """A store in an SQLite file, with a write-ahead log that is synced at every commit.

    Parameters
    ----------
    url
        Path of the file, optionally after ``sqlite:``.
    mode
        See `open_store`. With "read", the file may be in a read-only directory.

    Raises
    ------
    StoreError
        If the file cannot be opened, is damaged, has a newer version, or belongs to another
        program.

    Examples
    --------
    >>> store = SqliteStore(":memory:")
    >>> store.acquire()
    >>> store.token("events") is None
    True
    >>> store.close()
    """

    _types: ClassVar = {"identity": "INTEGER PRIMARY KEY", "bytes": "BLOB"}
    _place = "rowid"

    def __init__(self, url: str, mode: Mode = "create") -> None:
        path = url.removeprefix("sqlite:")
        super().__init__(path, mode)
        self._checked: set[bool] = set()
        self._in_file = False
        self._stamp: tuple[int, int] | None = None
        self._checkpointed = [0, 0]
        self._has_places = True
        self._files: dict[str, tuple[int, int] | None] = {}
        self._connection: sqlite3.Connection = self._connect(path, mode)
        try:
            with self._translated():
                self._check_owner()
                ((pages,),) = self._run("PRAGMA page_count")
                if pages <= CHECKED_PAGES:
                    self._check_pages()
                elif mode != "read":
                    self._check_pages(indexed=False)
                if mode != "read":
                    self._connection.execute("PRAGMA journal_mode = WAL")
                    self._connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
                    self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._files = self._open_files(path, mode)
            self._prepare(mode)
            self._files = self._open_files(path, mode)
            if mode == "read":
                self._connection.execute("PRAGMA query_only = ON")
            elif self.path(url) is not None:
                with self._translated():  # write the tables from the log to the file itself
                    self._run("PRAGMA wal_checkpoint(PASSIVE)")
                self._in_file = True
                self._check_in_place()
        except BaseException:
            self._connection.close()
            raise

    @classmethod
    def check(cls, url: str) -> None:
        """Check that a URL is valid, and that an existing file begins like a database.

        Raises
        ------
        StoreError
            If `url` is invalid.
        """
        path = url.removeprefix("sqlite:")
        if path.startswith("//"):
            wanted = path.lstrip("/") or "beliefs.db"
            raise StoreError(f"expected sqlite:PATH, such as sqlite:{wanted}, got {url!r}")
        if not path or "\0" in path:
            raise StoreError(f"expected a file, or postgresql://user@host/database, got {path!r}")
        if os.path.isfile(path) and is_other_file(path):
            remedy = REMEDIES[sqlite3.SQLITE_NOTADB]
            raise StoreError(f"{path}: file is not a database; {remedy}")

    @classmethod
    def path(cls, url: str) -> Path | None:
        """Return the file that contains the store; None if it is in memory."""
        path = url.removeprefix("sqlite:")
        return None if path == ":memory:" else Path(path)

    def open_partition(self, name: str) -> SqliteStore:
        """Open the file of a partition, next to that of the store; create it if it is missing."""
        path = self.path(self.url)
        if path is None:
            raise StoreError("a group of runners needs the file of a store, not :memory:")
        return SqliteStore(str(path.with_stem(f"{path.stem}.partition-{name}")), self.mode)

    @staticmethod
    def _connect(path: str, mode: Mode) -> sqlite3.Connection:
        name = path
        file = Path(path)
        if file.is_dir():
            raise StoreError(f"{path} is a directory; expected the file of a store")
        if file.exists() and not file.is_file():
            raise StoreError(f"{path} is not a regular file; expected the file of a store")
        if mode != "create":
            if not file.exists():
                raise StoreError(f"{path}: no such file")
            name = file_url(path, access_parameters(path, mode))
        try:
            return sqlite3.connect(
                name,
                timeout=10.0,
                isolation_level=None,
                uri=name is not path,
                # the threads of a reader use the connection one at a time
                check_same_thread=mode != "read",
            )
        except sqlite3.Error as error:
            raise StoreError(explain(path, error)) from None

    @classmethod
    def _open_files(cls, path: str, mode: Mode) -> dict[str, tuple[int, int] | None]:
        """Return the device and inode of the file, and of its log, if the log exists."""
        if cls.path(path) is None:
            return {}
        path = os.path.abspath(path)
        names = (path,) if mode == "read" else (path, f"{path}-wal")
        return {name: file_id(name) for name in names if os.path.exists(name)}

    def _check_pages(self, indexed: bool = True) -> None:
        """Raise an error if the file is damaged; only the first call checks it.

        Parameters
        ----------
        indexed
            Whether to compare the index of the states with their table, which takes most of the
            time.
        """
        if indexed in self._checked:
            return
        with self._translated():
            checks = ["integrity_check(1)"]
            if not indexed:
                tables = self._run("SELECT name FROM sqlite_master WHERE type = 'table'")
                others = {name for (name,) in tables} - {"seqbayes_states"}
                checks = [
                    "quick_check(1)",
                    *(f'integrity_check("{name}")' for name in sorted(others)),
                ]
            for check in checks:
                ((verdict,), *_) = self._run(f"PRAGMA {check}")
                if verdict != "ok":
                    verdict = " ".join(verdict.split())
                    raise StoreError(f"{self.url} is damaged ({verdict}): restore a backup")
        self._checked |= {False, indexed}

    def _states_table(self, belief: str) -> str:
        """Return the table's name, with NOT INDEXED if the belief has a large part of the rows.

        The index would find the rows in the order of their keys, which is slower than reading them
        in the order of the table.
        """
        self._check_pages(indexed=False)
        others = "SELECT 1 FROM seqbayes_states WHERE belief {} ? LIMIT 1"
        if not any(self._query(others.format(than), [belief]) for than in "<>"):
            return "seqbayes_states NOT INDEXED"  # there is no need to count the rows
        ((rows,),) = self._query("SELECT count(*) FROM seqbayes_states NOT INDEXED")
        if 4 * self.entry_count(belief) > rows:
            return "seqbayes_states NOT INDEXED"
        self._check_pages()
        return "seqbayes_states"

    def _chunks(self, sql: str, parameters: Sequence[Any]) -> Iterator[list[Row]]:
        with self._translated():
            cursor = self._connection.execute(sql, parameters)
            while chunk := cursor.fetchmany(CHUNK):
                yield chunk

    def entries(
        self,
        belief: str,
        key: str | None = None,
        since: float | None = None,
        strict: bool = True,
    ) -> Iterator[StoredEntry]:
        """Yield the states of a belief, least recently used first; see `ReadableStore`.

        The check of a large file takes seconds. It is therefore omitted for a key that is found,
        whose row has checksums. If a key is not found, the file is checked, because a damaged index
        can hide rows.
        """
        if key is None and not since:
            self._check_pages()
        missing = True
        for entry in super().entries(belief, key, since, strict):
            missing = False
            yield entry
        if missing:
            self._check_pages()

    def _check_owner(self) -> None:
        """Raise an error if the file belongs to another program."""
        others = self._run("SELECT name FROM sqlite_master WHERE type = 'table'")
        if others and not self._has_tables():
            raise StoreError(f"{self.url} belongs to another program")

    def _has_tables(self) -> bool:
        return bool(self._run("SELECT 1 FROM sqlite_master WHERE name = 'seqbayes_meta'"))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise StoreError(explain(self.url, error)) from error

    def _refuses_writes(self, error: StoreError) -> bool:
        return result_code(error.__cause__) == sqlite3.SQLITE_READONLY

    def _check_in_place(self) -> None:
        """Check that the paths still refer to the file and the log that were opened.

        SQLite does not detect that a file was deleted or overwritten by a copy, and continues to
        write to it.
        """
        for name, known in self._files.items():
            if file_id(name) != known:
                raise StoreError(
                    f"{name} was deleted or replaced while it was in use; put the file back and"
                    " run again, or start a new store"
                )
        if self._files and self._in_file:
            self._check_overwritten(next(iter(self._files)))

    def _check_overwritten(self, path: str) -> None:
        """Check that the file was changed only by checkpoints of this store.

        Checkpoints copy commits from the log, so the serial number of the lease never decreases.
        """
        found = os.stat(path)
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp == self._stamp:
            return
        identity, *serial = read_serial(path)
        if identity == self._identity and serial >= self._checkpointed:
            self._stamp, self._checkpointed = stamp, serial
        elif identity is not None or self._stamp is not None:
            if identity is not None:
                # the log belongs to the previous contents and would damage the new ones
                os.truncate(f"{path}-wal", 0)
            raise StoreError(
                f"{path} was overwritten while it was in use; stop every process that uses it"
                " before you restore a file"
            )

    def lease(self) -> Lease:
        """Return the lease."""
        self._check_in_place()
        return super().lease()

    @contextmanager
    def _transaction(self, durable: bool = True) -> Iterator[None]:
        self._check_in_place()
        with self._translated():
            self._run(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._run("BEGIN IMMEDIATE")
            try:
                yield
                self._run("COMMIT")
                self._check_in_place()
            except BaseException:
                # if the disk is full, SQLite may already have rolled back
                if self._connection.in_transaction:
                    self._run("ROLLBACK")
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads in this context see the store at one moment."""
        with self._translated():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def copy_file(self, path: Path) -> bool:
        """Write a consistent copy to a new file, without a runner; see `ReadableStore`."""
        self._check_in_place()
        with self._translated(), closing(sqlite3.connect(path, isolation_level=None)) as copy:
            self._connection.backup(copy)
        with SqliteStore(str(path), "open") as opened, opened.transaction() as lease:
            opened.write_lease(lease._replace(holder=None, status=None))
        return True

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(sql, parameters).fetchall()

    def _insert(self, table: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
        if rows:
            placeholders = ", ".join("?" * len(rows[0]))
            then = f" ON CONFLICT {conflict}" if conflict else ""
            self._connection.executemany(f"INSERT INTO {table} VALUES ({placeholders}){then}", rows)

    def apply(self, changes: Changes, at: float) -> None:
        """Store changes; see `WritableStore`."""
        if changes.gone:
            self._check_pages()
        super().apply(changes, at)

    def _delete(self, table: str, condition: str, values: Sequence[Any]) -> int:
        self._check_pages()
        return super()._delete(table, condition, values)

    def _write_states(self, changes: Changes, at: float) -> None:
        """Store new and changed states; states with a place are found by their row number.

        VACUUM by another program may change these numbers. In this case, states are found by their
        keys.
        """
        if not changes.states:
            return
        if self._has_places and not self._write_to_places(changes, at):
            self._has_places, changes.first_place = False, None
        if not self._has_places:
            super()._write_states(changes, at)

    def _write_to_places(self, changes: Changes, at: float) -> bool:
        """Store states by their places; return False if one of the places has another state."""
        short = self.abbreviations()
        ((last,),) = self._run("SELECT coalesce(max(rowid), 0) FROM seqbayes_states")
        place = changes.first_place = last + 1
        for chunk in state_chunks(changes.states):
            form = short[chunk.belief]
            if chunk.places is not None:
                if not update_states(self._connection, updated_rows(chunk, at, form)):
                    return False
            else:
                values = state_values(chunk, at, form, place)
                insert_states(self._connection, chunk.belief, at, values)
                place += len(chunk.keys)
        return True

    def _stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        with self._translated():
            # "yield from" would close an abandoned cursor, possibly after its connection
            for row in self._connection.execute(sql, parameters):  # noqa: UP028
                yield row
