"""The connection, the tables and the lease of a store in SQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar

from seqbayes.stream.stores.base import Mode, Store
from seqbayes.stream.stores.records import Lease, LeaseError, StoreError
from seqbayes.stream.stores.tables import MIGRATIONS, TABLES, VERSION, Row, checksum, is_intact

NUMBER = (int, float)
_LEASE_TYPES = (int, int, str | None, NUMBER, str | None)


class Database(Store):
    """The connection, tables and lease of a store in SQL; subclasses implement the first group.

    Parameters
    ----------
    url
        Name of the store in messages.
    """

    _connection: Any
    _types: ClassVar[Mapping[str, str]]
    """SQL types of a generated number ("identity") and of bytes ("bytes")."""

    version = VERSION
    _identity: str | None = None
    _for_update = ""
    """Suffix of a SELECT that locks rows; empty if a transaction locks the whole database."""

    # Implemented by each database.

    def _translated(self) -> AbstractContextManager[None]:
        """Convert errors of the database to `StoreError`."""
        raise NotImplementedError

    def _transaction(self, durable: bool = True) -> AbstractContextManager[None]:
        """Commit the block as a transaction, or roll it back and raise `StoreError` if it fails."""
        raise NotImplementedError

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Execute a statement with ``?`` for each parameter, and return its rows."""
        raise NotImplementedError

    def _insert(self, table: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
        """Insert many rows."""
        raise NotImplementedError

    def _stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[Row]:
        """Yield rows without loading all of them."""
        raise NotImplementedError

    def _has_tables(self) -> bool:
        raise NotImplementedError

    def _refuses_writes(self, error: StoreError) -> bool:
        """Return whether an operation failed because the database cannot be written."""
        raise NotImplementedError

    def _query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query outside of transactions."""
        with self._translated():
            return self._run(sql, parameters)

    # The tables.

    def _prepare(self, mode: Mode) -> None:
        """Create missing tables, or upgrade those of an older version.

        A store that is opened for reading is not upgraded if it cannot be written, or if a runner
        of the older version is using it.
        """
        if mode != "create":
            with self._translated():
                if not self._has_tables():
                    raise StoreError(f"{self.url} is not a seqbayes store")
                self.version = self._read_version()
        if mode != "read" or self.version < VERSION:
            try:
                with self._transaction():
                    self._create_or_upgrade()
            except StoreError as error:
                if mode != "read" or not (
                    isinstance(error, LeaseError) or self._refuses_writes(error)
                ):
                    raise
        self._identity = self._meta("id")
        self.lease()

    def _create_or_upgrade(self) -> None:
        if not self._has_tables():
            for statement in TABLES:
                self._run(statement.format(**self._types))
            self._run("INSERT INTO seqbayes_meta VALUES ('version', ?)", [str(VERSION)])
        self.version = self._read_version()
        if self.version < VERSION:
            self._check_free(self._read_lease())
            for old in range(self.version, VERSION):
                for statement in MIGRATIONS[old]:
                    self._run(statement.format(**self._types))
            self._run("UPDATE seqbayes_meta SET value = ? WHERE name = 'version'", [str(VERSION)])
            self.version = VERSION
        if self._meta("id") is None:
            self._run("INSERT INTO seqbayes_meta VALUES ('id', ?)", [uuid.uuid4().hex])

    def settings(self) -> dict[str, str]:
        """Return settings by name."""
        found = self._query("SELECT name, value FROM seqbayes_meta")
        return {str(name): str(value) for name, value in found if name not in ("id", "version")}

    def write_setting(self, name: str, value: str | None) -> None:
        """Store, replace or remove a setting."""
        self._run("DELETE FROM seqbayes_meta WHERE name = ?", [name])
        if value is not None:
            self._run("INSERT INTO seqbayes_meta VALUES (?, ?)", [name, value])

    def _meta(self, name: str) -> Any:
        found = self._query("SELECT value FROM seqbayes_meta WHERE name = ?", [name])
        return found[0][0] if found else None

    def _read_version(self) -> int:
        """Return the version of the tables; raise an error if it is newer than `VERSION`."""
        text = self._meta("version")
        try:
            version = int(text)
        except (TypeError, ValueError):
            version = 0
        if version < 1:
            raise self._damaged("its version", f"expected a number, got {text!r}")
        if version > VERSION:
            raise StoreError(
                f"{self.url}: the store has version {version}, but this version of seqbayes reads"
                f" only up to {VERSION}: upgrade seqbayes"
            )
        return version

    def _crc(self, since: int = 5) -> str:
        """Return the checksum column for SELECT; NULL if the tables do not have it."""
        return "crc" if self.version >= since else "NULL"

    # The lease.

    def lease(self) -> Lease:
        """Return the lease."""
        return self._read_lease()

    def _read_lease(self, lock: str = "") -> Lease:
        pulse = "pulse" if self.version >= 3 else "NULL"
        found = self._query(
            f"SELECT epoch, serial, holder, expires, {pulse}, {self._crc(6)}, (SELECT value FROM"
            f" seqbayes_meta WHERE name = 'id') FROM seqbayes_lease{lock}"
        )
        if len(found) != 1:
            raise self._damaged("its lease", f"expected one row, got {len(found)}")
        *values, crc, identity = found[0]
        if self._identity not in (None, identity):
            raise StoreError(f"{self.url} was replaced by another store while it was in use")
        lease = Lease(*values)
        if not have_types(lease, _LEASE_TYPES):
            raise self._damaged("its lease", f"got {tuple(lease)}")
        if not is_intact(lease, crc):
            raise self._damaged("its lease", "its checksum is wrong")
        return lease

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[Lease]:
        """Begin a transaction and return the lease; see `WritableStore`.

        The row of the lease stays locked until the transaction ends: if two runners start at the
        same time, the second runner reads the lease that the first has written.
        """
        with self._transaction(durable):
            yield self._read_lease(self._for_update)

    def write_lease(self, lease: Lease) -> None:
        """Store the lease."""
        self._run(
            "UPDATE seqbayes_lease SET epoch = ?, serial = ?, holder = ?, expires = ?, pulse = ?,"
            " crc = ?",
            [*lease, checksum(*lease)],
        )

    def close(self) -> None:
        """Release the lease, and close the connection.

        Raises
        ------
        StoreError
            If the lease cannot be released; the connection is closed nevertheless.
        """
        try:
            self.release()
        finally:
            self._connection.close()


def have_types(values: Sequence[Any], types: tuple[Any, ...]) -> bool:
    """Return whether each value has its type."""
    # SQLite stores a value of any type in any column
    return all(map(isinstance, values, types))
