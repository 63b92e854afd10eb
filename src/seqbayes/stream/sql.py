"""A store in SQL, of which SQLite and PostgreSQL differ in little."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from seqbayes.stream.lease import Holder
from seqbayes.stream.store import (
    Changes,
    DeadLetter,
    HistoryPoint,
    LeaseError,
    StoredState,
    StoreError,
)

VERSION = 1
"""Version of the tables; older ones are brought up, newer ones refused."""

LEASE = 30.0
"""Seconds after which the lease of a runner on another machine has run out."""

TABLES = (
    "CREATE TABLE seqbayes_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE seqbayes_lease (
        id INTEGER PRIMARY KEY, epoch BIGINT NOT NULL, serial BIGINT NOT NULL,
        holder TEXT, expires DOUBLE PRECISION NOT NULL)""",
    "CREATE TABLE seqbayes_beliefs (name TEXT PRIMARY KEY, declaration TEXT NOT NULL)",
    """CREATE TABLE seqbayes_states (
        belief TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, used BIGINT NOT NULL,
        since DOUBLE PRECISION NOT NULL, updated DOUBLE PRECISION NOT NULL,
        PRIMARY KEY (belief, key))""",
    """CREATE TABLE seqbayes_sources (
        name TEXT PRIMARY KEY, token TEXT NOT NULL, events BIGINT NOT NULL,
        updated DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE seqbayes_dead_letters (
        id {identity}, source TEXT NOT NULL, position TEXT NOT NULL, belief TEXT NOT NULL,
        raw {bytes} NOT NULL, reason TEXT NOT NULL, at DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE seqbayes_history (
        belief TEXT NOT NULL, key TEXT NOT NULL, at DOUBLE PRECISION NOT NULL,
        summary TEXT NOT NULL, PRIMARY KEY (belief, key, at))""",
    "INSERT INTO seqbayes_lease VALUES (1, 0, 0, NULL, 0)",
)

MIGRATIONS: dict[int, Sequence[str]] = {}
"""Statements that bring the tables of a version to the next one."""


class SqlStore:
    """A store in a database; subclasses know how to reach it.

    Parameters
    ----------
    url
        Its name in messages.
    """

    types: dict[str, str]
    """The database's names of types."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._epoch: int | None = None
        self._serial = 0
        self._renewed = 0.0
        self._holder = Holder.own()

    # What a database supplies.

    def _transaction(self) -> AbstractContextManager[None]:
        """Begin; commit at the end, or roll back and raise `StoreError`."""
        raise NotImplementedError

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement in which ``?`` stands for a parameter, and return its rows."""
        raise NotImplementedError

    def _insert(self, table: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
        """Insert many rows."""
        raise NotImplementedError

    def _stream(self, sql: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Yield rows without holding all of them."""
        raise NotImplementedError

    def _has_tables(self) -> bool:
        raise NotImplementedError

    def _now(self) -> float:
        return time.time()

    # The tables.

    def _prepare(self) -> None:
        """Create the tables where there are none, or bring them to this version."""
        with self._transaction():
            if not self._has_tables():
                for statement in TABLES:
                    self._run(statement.format(**self.types))
                self._run("INSERT INTO seqbayes_meta VALUES ('version', ?)", [str(VERSION)])
            ((version,),) = self._run("SELECT value FROM seqbayes_meta WHERE name = 'version'")
            self._migrate(int(version))

    def _migrate(self, version: int) -> None:
        if version > VERSION:
            raise StoreError(
                f"{self.url}: the store has version {version}, and this seqbayes reads up to"
                f" {VERSION}: upgrade"
            )
        for old in range(version, VERSION):
            for statement in MIGRATIONS[old]:
                self._run(statement.format(**self.types))
        if version < VERSION:
            self._run("UPDATE seqbayes_meta SET value = ? WHERE name = 'version'", [str(VERSION)])

    # The lease.

    def acquire(self) -> None:
        """Take the lease.

        Raises
        ------
        LeaseError
            If a runner that lives has it: one on this machine, or one on another whose lease has
            not run out.
        """
        with self._transaction():
            ((epoch, serial, holder, expires),) = self._run(
                "SELECT epoch, serial, holder, expires FROM seqbayes_lease"
            )
            if holder is not None:
                self._check_left(Holder.read(holder), expires)
            self._run(
                "UPDATE seqbayes_lease SET epoch = ?, holder = ?, expires = ?",
                [epoch + 1, self._holder.write(), self._now() + LEASE],
            )
        self._epoch, self._serial = epoch + 1, serial
        self._renewed = time.monotonic()

    def _check_left(self, holder: Holder, expires: float) -> None:
        if holder.local:
            if holder.lives:
                raise LeaseError(f"{self.url} is held by {holder}: one runner at a time")
        elif expires > self._now():
            left = expires - self._now()
            raise LeaseError(
                f"{self.url} is held by {holder}, whose lease runs out in {left:.0f} s"
            )

    def _fence(self) -> None:
        """Check, within a transaction, that nobody has taken the lease; and renew it."""
        found = self._run(
            "UPDATE seqbayes_lease SET serial = ?, expires = ? WHERE epoch = ? RETURNING id",
            [self._serial + 1, self._now() + LEASE, self._epoch],
        )
        if not found:
            raise LeaseError(f"{self.url} was taken over by another runner")

    def renew(self) -> None:
        """Keep the lease; a write once in a third of its time.

        Raises
        ------
        LeaseError
            If another runner has taken it.
        """
        if self._is_renewal_due():
            with self._transaction():
                self._fence()
            self._note_commit()

    def _is_renewal_due(self) -> bool:
        return time.monotonic() - self._renewed > LEASE / 3.0

    def _note_commit(self) -> None:
        self._serial += 1
        self._renewed = time.monotonic()

    def _release(self) -> None:
        if self._epoch is not None:
            with self._transaction():
                self._run("UPDATE seqbayes_lease SET holder = NULL WHERE epoch = ?", [self._epoch])
            self._epoch = None

    # Beliefs.

    def declare(self, name: str, declaration: str) -> None:
        """Create a belief, or check that the stored one of this name has the same declaration.

        Raises
        ------
        StoreError
            If the stored one differs.
        """
        with self._transaction():
            found = self._run("SELECT declaration FROM seqbayes_beliefs WHERE name = ?", [name])
            if not found:
                self._run("INSERT INTO seqbayes_beliefs VALUES (?, ?)", [name, declaration])
            elif found[0][0] != declaration:
                raise StoreError(
                    f"{self.url} has a belief {name!r} that is another one:"
                    f" {_difference(found[0][0], declaration)}; give it a new name, or reset it"
                )

    def beliefs(self) -> dict[str, Any]:
        """Return the declaration of every belief by name."""
        rows = self._stream("SELECT name, declaration FROM seqbayes_beliefs ORDER BY name", [])
        return {name: msgspec.json.decode(declaration) for name, declaration in rows}

    def token(self, source: str) -> Any:
        """Return the token up to which a source has been committed; None before."""
        found = list(self._stream("SELECT token FROM seqbayes_sources WHERE name = ?", [source]))
        return msgspec.json.decode(found[0][0]) if found else None

    def states(self, belief: str) -> Iterator[StoredState]:
        """Yield the states of a belief, least recently used first."""
        sql = "SELECT belief, key, state, used FROM seqbayes_states WHERE belief = ? ORDER BY used"
        return map(StoredState._make, self._stream(sql, [belief]))

    def dead_letters(self) -> Iterator[tuple[int, DeadLetter]]:
        """Yield the number and content of every dead letter, in order."""
        sql = (
            "SELECT id, source, position, belief, raw, reason FROM seqbayes_dead_letters"
            " ORDER BY id"
        )
        for number, source, position, belief, raw, reason in self._stream(sql, []):
            yield number, DeadLetter(source, position, belief, bytes(raw), reason)

    def dead_letter_count(self) -> int:
        """Return how many dead letters there are."""
        ((count,),) = self._stream("SELECT count(*) FROM seqbayes_dead_letters", [])
        return int(count)

    def history(self, belief: str, key: str) -> list[HistoryPoint]:
        """Return what a belief has been over time."""
        sql = (
            "SELECT belief, key, at, summary FROM seqbayes_history"
            " WHERE belief = ? AND key = ? ORDER BY at"
        )
        return [HistoryPoint(*row) for row in self._stream(sql, [belief, key])]

    def thin(self, belief: str, most: int) -> None:
        """Leave out every second point of each history with more than `most`, but for the last."""
        with self._transaction():
            self._run(
                "DELETE FROM seqbayes_history WHERE (belief, key, at) IN (SELECT belief, key, at"
                " FROM (SELECT belief, key, at, row_number() OVER (PARTITION BY key ORDER BY at)"
                " AS place, count(*) OVER (PARTITION BY key) AS points FROM seqbayes_history"
                " WHERE belief = ?) AS ranked"
                " WHERE points > ? AND place = 2 * (place / 2) AND place < points)",
                [belief, most],
            )

    def commit(self, changes: Changes) -> None:
        """Store all changes, or none.

        Raises
        ------
        StoreError
            If that fails; nothing is stored then.
        LeaseError
            If another runner has taken the store.
        """
        with self._transaction():
            self._apply(changes)
        self._note_commit()

    def _apply(self, changes: Changes) -> None:
        self._fence()
        now = self._now()
        for belief, key in changes.gone:
            self._run("DELETE FROM seqbayes_states WHERE belief = ? AND key = ?", [belief, key])
        self._insert(
            "seqbayes_states (belief, key, state, used, since, updated)",
            [(*row, now, now) for row in changes.states],
            "(belief, key) DO UPDATE SET state = excluded.state, used = excluded.used,"
            " updated = excluded.updated",
        )
        self._insert(
            "seqbayes_dead_letters (source, position, belief, raw, reason, at)",
            [(*letter, now) for letter in changes.dead_letters],
        )
        self._insert(
            "seqbayes_history (belief, key, at, summary)",
            changes.history,
            "(belief, key, at) DO UPDATE SET summary = excluded.summary",
        )
        self._run(
            "INSERT INTO seqbayes_sources (name, token, events, updated) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET token = excluded.token,"
            " events = seqbayes_sources.events + excluded.events, updated = excluded.updated",
            [changes.source, msgspec.json.encode(changes.token).decode(), changes.events, now],
        )

    def events(self, source: str) -> int:
        """Return how many events of a source have been committed."""
        found = list(self._stream("SELECT events FROM seqbayes_sources WHERE name = ?", [source]))
        return int(found[0][0]) if found else 0


def _difference(stored: str, asked: str) -> str:
    old, new = msgspec.json.decode(stored), msgspec.json.decode(asked)
    names = [name for name in old if old[name] != new.get(name)]
    old, new = ({name: each.get(name) for name in names} for each in (old, new))
    encode = msgspec.json.encode
    return f"stored {encode(old).decode()[:300]}, asked for {encode(new).decode()[:300]}"
