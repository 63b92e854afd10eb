"""A store in SQL, the common part of SQLite and PostgreSQL."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from operator import itemgetter
from typing import Any, ClassVar

import msgspec

from seqbayes.stream.stores.base import Mode, Store
from seqbayes.stream.stores.records import (
    Changes,
    Contents,
    DeadLetter,
    HistoryPoint,
    Lease,
    LeaseError,
    Place,
    Reason,
    SeenId,
    StoredEntry,
    StoredLetter,
    StoreError,
    surplus_times,
)
from seqbayes.stream.stores.tables import (
    MIGRATIONS,
    TABLES,
    VERSION,
    Row,
    checked,
    checksum,
    row_checksum,
)

_CHUNK = 5000
"""Number of rows that are inserted at once."""


class SqlStore(Store):
    """A store in a database; subclasses implement the first group of methods.

    Parameters
    ----------
    url
        Name of the store in messages.
    """

    _connection: Any
    _types: ClassVar[Mapping[str, str]]
    """The types of the database: that of a generated number, and that of bytes."""

    version = VERSION
    _identity: str | None = None
    _for_update = ""
    """Ends a SELECT that locks its rows, if a transaction does not lock the whole database."""

    # What a database implements.

    def _translated(self) -> AbstractContextManager[None]:
        """Raise `StoreError` for errors of the database."""
        raise NotImplementedError

    def _transaction(self, durable: bool = True) -> AbstractContextManager[None]:
        """Begin a transaction; commit it at the end, or roll back and raise `StoreError`."""
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

        A store that is opened for reading is read as it is if it cannot be upgraded: because it
        cannot be written, or because a runner of the older version is using it.
        """
        if mode != "create":
            with self._translated():
                if not self._has_tables():
                    raise StoreError(f"{self.url} is not a store of seqbayes")
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

    def _meta(self, name: str) -> Any:
        found = self._query("SELECT value FROM seqbayes_meta WHERE name = ?", [name])
        return found[0][0] if found else None

    def _read_version(self) -> int:
        """Return the version of the tables, which must not be newer than this one."""
        text = self._meta("version")
        try:
            version = int(text)
        except (TypeError, ValueError):
            version = 0
        if version < 1:
            raise self._damaged("its version", f"expected a number, got {text!r}")
        if version > VERSION:
            raise StoreError(
                f"{self.url}: the store has version {version}, and this seqbayes reads up to"
                f" {VERSION}: upgrade"
            )
        return version

    # The lease.

    def lease(self) -> Lease:
        """Return the lease."""
        return self._read_lease()

    def _read_lease(self, lock: str = "") -> Lease:
        pulse = "pulse" if self.version >= 3 else "NULL"
        found = self._query(
            f"SELECT epoch, serial, holder, expires, {pulse}, (SELECT value FROM seqbayes_meta"
            f" WHERE name = 'id') FROM seqbayes_lease{lock}"
        )
        if len(found) != 1:
            raise self._damaged("its lease", f"expected one row, got {len(found)}")
        *values, identity = found[0]
        if self._identity not in (None, identity):
            raise StoreError(f"{self.url} was replaced by another store while it was in use")
        lease = Lease(*values)
        if not _have_types(lease, _LEASE_TYPES):
            raise self._damaged("its lease", f"got {tuple(lease)}")
        return lease

    @contextmanager
    def transaction(self, durable: bool = True) -> Iterator[Lease]:
        """Begin a transaction and return the lease; see `WritableStore`.

        The row stays locked until the transaction ends, so that of two runners which start at the
        same time the second one reads what the first one wrote.
        """
        with self._transaction(durable):
            yield self._read_lease(self._for_update)

    def write_lease(self, lease: Lease) -> None:
        """Store the lease."""
        self._run(
            "UPDATE seqbayes_lease SET epoch = ?, serial = ?, holder = ?, expires = ?, pulse = ?",
            lease,
        )

    def close(self) -> None:
        """Give the lease back, and close the connection.

        Raises
        ------
        StoreError
            If the lease cannot be given back; the connection is closed all the same.
        """
        try:
            self.release()
        finally:
            self._connection.close()

    # Reading.

    def declarations(self) -> dict[str, str]:
        """Return the declaration (JSON) of every belief by name."""
        sql = f"SELECT name, declaration, {self._crc()} FROM seqbayes_beliefs ORDER BY name"
        return dict(
            self._verified(row, f"the declaration of belief {row[0]!r}", str, str)
            for row in self._query(sql)
        )

    def entries(
        self,
        belief: str,
        key: str | None = None,
        since: float | None = None,
        strict: bool = True,
    ) -> Iterator[StoredEntry]:
        """Yield the states of a belief, least recently used first; see `ReadableStore`."""
        of, values = _where(belief=belief, key=key)
        parameters: list[Any] = values
        if since is not None:
            of, parameters = f"{of} AND updated >= ?", [*values, since]
        sql = (
            f"SELECT belief, key, state, used, since, updated, {self._crc(4)} FROM seqbayes_states"
            f" WHERE {of} ORDER BY used"
        )
        return (self._entry(row, strict) for row in self._stream(sql, parameters))

    def _entry(self, row: Row, strict: bool) -> StoredEntry:
        """Return a state after comparing it with its checksum."""
        *values, crc = row
        entry = StoredEntry(*values)
        right = _have_types(entry, _ENTRY_TYPES)
        if right and (crc is None or crc == checksum(entry.key, entry.state)):
            return entry
        if right and not strict:
            return entry._replace(state="")
        what = f"the state of {str(entry.key)[:200]} of belief {entry.belief!r}"
        raise self._damaged(what, "its checksum is wrong")

    def entry_count(self, belief: str) -> int:
        """Return the number of states of a belief."""
        sql = "SELECT count(*) FROM seqbayes_states WHERE belief = ?"
        ((count,),) = self._query(sql, [belief])
        return int(count)

    def places(self) -> list[Place]:
        """Return the position of every source, sorted by name."""
        sql = (
            f"SELECT name, token, events, updated, {self._crc()} FROM seqbayes_sources"
            " ORDER BY name"
        )
        types = (str, str, int, _NUMBER)
        return [
            Place(*self._verified(row, f"the token of {row[0]!r}", *types))
            for row in self._query(sql)
        ]

    def ids(self, source: str) -> Iterator[SeenId]:
        """Yield the identities remembered for a source, oldest first."""
        if self.version < 2:
            return
        sql = (
            f"SELECT source, id, number, note, {self._crc()} FROM seqbayes_ids WHERE source = ?"
            " ORDER BY number"
        )
        for row in self._stream(sql, [source]):
            yield SeenId(*self._verified(row, "an identity", str, str, int, str)[1:])

    def letters(self, source: str | None = None) -> Iterator[StoredLetter]:
        """Yield all dead letters, or those of a source, in order."""
        of, values = _where(source=source)
        rows = self._stream(f"{self._letters} WHERE {of} ORDER BY id", values)
        return map(self._letter, rows)

    def newest_letters(self, belief: str | None = None, most: int = 50) -> list[StoredLetter]:
        """Return the newest dead letters, newest first; see `ReadableStore`."""
        of, values = _where(belief=belief)
        of += " OR belief = ?" * len(values)
        sql = f"{self._letters} WHERE {of} ORDER BY id DESC LIMIT ?"
        return list(map(self._letter, self._query(sql, [*values, *[""] * len(values), most])))

    @property
    def _letters(self) -> str:
        columns = f"id, source, position, belief, raw, reason, at, {self._crc()}"
        return f"SELECT {columns} FROM seqbayes_dead_letters"

    def _letter(self, row: Row) -> StoredLetter:
        types = (int, str, str, str, bytes, str, _NUMBER)
        number, *values, at = self._verified(row, "a dead letter", *types)
        source, position, belief, raw, reason = values
        return StoredLetter(number, DeadLetter(source, position, belief, raw, reason), at)

    def reasons(self, most: int = 20) -> list[Reason]:
        """Return the most common reasons of dead letters."""
        found = self._query(
            "SELECT belief, reason, count(*) FROM seqbayes_dead_letters GROUP BY belief, reason"
            " ORDER BY count(*) DESC, belief, reason LIMIT ?",
            [most],
        )
        return list(map(Reason._make, found))

    def dead_letter_count(self) -> int:
        """Return the number of dead letters."""
        ((count,),) = self._query("SELECT count(*) FROM seqbayes_dead_letters")
        return int(count)

    def points(self, belief: str, key: str | None = None) -> Iterator[HistoryPoint]:
        """Yield the history of a belief, or of one key, ordered by key and time."""
        of, values = _where(belief=belief, key=key)
        sql = (
            f"SELECT belief, key, at, summary, {self._crc()} FROM seqbayes_history"
            f" WHERE {of} ORDER BY belief, key, at"
        )
        for row in self._stream(sql, values):
            yield HistoryPoint(
                *self._verified(row, f"the history of belief {belief!r}", str, str, _NUMBER, str)
            )

    def _crc(self, since: int = 5) -> str:
        """Return the column of checksums, which a version of the tables has introduced."""
        return "crc" if self.version >= since else "NULL"

    def _verified(self, row: Row, what: str, *types: Any) -> Row:
        """Return a row without its checksum, which must be right, as must the types of values."""
        *values, crc = row
        if not _have_types(values, types) or crc not in (None, row_checksum(values)):
            raise self._damaged(what, "its checksum is wrong")
        return tuple(values)

    # Writing.

    def write_declaration(self, name: str, declaration: str) -> None:
        """Store the declaration of a new belief."""
        self._insert("seqbayes_beliefs (name, declaration, crc)", checked([(name, declaration)]))

    def thin(self, belief: str, most: int) -> None:
        """Delete the `surplus_times` of each history of a belief."""
        with self._transaction():
            found = self._run(
                "SELECT key, at FROM seqbayes_history WHERE belief = ? AND key IN (SELECT key FROM"
                " seqbayes_history WHERE belief = ? GROUP BY key HAVING count(*) > ?)"
                " ORDER BY key, at",
                [belief, belief, most],
            )
            for key, points in itertools.groupby(found, key=itemgetter(0)):
                for at in surplus_times([at for _, at in points], most):
                    self._run(
                        "DELETE FROM seqbayes_history WHERE belief = ? AND key = ? AND at = ?",
                        [belief, key, at],
                    )

    def apply(self, changes: Changes, at: float) -> None:
        """Store changes; see `WritableStore`."""
        for belief, key in changes.gone:
            self._run("DELETE FROM seqbayes_states WHERE belief = ? AND key = ?", [belief, key])
        self._insert(
            "seqbayes_states (belief, key, state, used, since, updated, crc)",
            [(*row, at, at, checksum(row.key, row.state)) for row in changes.states],
            "(belief, key) DO UPDATE SET state = excluded.state, used = excluded.used,"
            " updated = excluded.updated, crc = excluded.crc",
        )
        self._insert(
            "seqbayes_dead_letters (source, position, belief, raw, reason, at, crc)",
            checked((*letter, at) for letter in changes.dead_letters),
        )
        self._insert(
            "seqbayes_history (belief, key, at, summary, crc)",
            checked(changes.history),
            "(belief, key, at) DO UPDATE SET summary = excluded.summary, crc = excluded.crc",
        )
        for number in changes.settled:
            self._run("DELETE FROM seqbayes_dead_letters WHERE id = ?", [number])
        if changes.source is None:
            return
        for forgotten in changes.forgotten:
            self._run(
                "DELETE FROM seqbayes_ids WHERE source = ? AND id = ?", [changes.source, forgotten]
            )
        self._insert(
            "seqbayes_ids (source, id, number, note, crc)",
            checked((changes.source, *each) for each in changes.ids),
            "(source, id) DO UPDATE SET number = excluded.number, note = excluded.note,"
            " crc = excluded.crc",
        )
        token = msgspec.json.encode(changes.token).decode()
        self._insert(
            "seqbayes_sources (name, token, events, updated, crc)",
            checked([(changes.source, token, changes.events, at)]),
            "(name) DO UPDATE SET token = excluded.token, crc = excluded.crc,"
            " events = seqbayes_sources.events + excluded.events, updated = excluded.updated",
        )

    def write_contents(self, contents: Contents) -> None:
        """Store the contents of other stores in this empty one."""
        self._fill("beliefs (name, declaration, crc)", contents.declarations.items())
        self._fill("sources (name, token, events, updated, crc)", contents.places)
        self._fill(
            "dead_letters (source, position, belief, raw, reason, at, crc)",
            ((*letter, at) for _, letter, at in contents.letters),
        )
        self._fill("history (belief, key, at, summary, crc)", contents.history, "DO NOTHING")
        self._fill(
            "ids (source, id, number, note, crc)",
            ((source, *each) for source, each in contents.ids),
        )
        entries = iter(contents.entries)
        while chunk := list(itertools.islice(entries, _CHUNK)):
            self._insert(
                "seqbayes_states (belief, key, state, used, since, updated, crc)",
                [(*entry, checksum(entry.key, entry.state)) for entry in chunk],
            )

    def _fill(self, table: str, rows: Iterable[Sequence[Any]], conflict: str = "") -> None:
        rows = iter(rows)
        while chunk := checked(itertools.islice(rows, _CHUNK)):
            self._insert(f"seqbayes_{table}", chunk, conflict)

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief with its declaration and history, or one of its keys."""
        of, values = _where(belief=belief, key=key)
        with self.fenced():
            if key is None:
                self._run("DELETE FROM seqbayes_beliefs WHERE name = ?", [belief])
            self._run(f"DELETE FROM seqbayes_history WHERE {of}", values)
            return self._delete("states", of, values)

    def remove_place(self, source: str) -> int:
        """Remove the position of a source; return how many were removed."""
        with self.fenced():
            self._delete("ids", "source = ?", [source])
            return self._delete("sources", "name = ?", [source])

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters by number; return how many were removed."""
        with self._transaction():
            return sum(self._delete("dead_letters", "id = ?", [number]) for number in numbers)

    def _delete(self, table: str, of: str, values: Sequence[Any]) -> int:
        return len(self._run(f"DELETE FROM seqbayes_{table} WHERE {of} RETURNING 1", values))


def _have_types(values: Sequence[Any], types: tuple[Any, ...]) -> bool:
    # SQLite stores a value of any type in any column
    return all(map(isinstance, values, types))


_NUMBER = (int, float)
_LEASE_TYPES = (int, int, str | None, _NUMBER, str | None)
_ENTRY_TYPES = (str, str, str, _NUMBER, _NUMBER, _NUMBER)


def _where(**values: str | None) -> tuple[str, list[str]]:
    """Return the condition that columns have these values, unless they are None, and parameters."""
    given = {name: value for name, value in values.items() if value is not None}
    return " AND ".join(f"{name} = ?" for name in given) or "1 = 1", list(given.values())
