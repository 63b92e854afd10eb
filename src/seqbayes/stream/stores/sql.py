"""A store in SQL, of which SQLite and PostgreSQL differ in little."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self, TypeVar

import msgspec

from seqbayes.stream.stores.base import Changes, Contents, LeaseError, Mode, Pulse, StoreError
from seqbayes.stream.stores.lease import Holder
from seqbayes.stream.stores.sql_reader import SqlReader

T = TypeVar("T")

VERSION = 3
"""Version of the tables; older ones are brought up, newer ones refused."""

LEASE = 30.0
"""Seconds after which the lease of a runner on another machine has run out."""

BEAT = 0.5
"""Seconds between two signs of life of a runner, at least."""

_IDS = """CREATE TABLE seqbayes_ids (
        source TEXT NOT NULL, id TEXT NOT NULL, number BIGINT NOT NULL, note TEXT NOT NULL,
        PRIMARY KEY (source, id))"""

TABLES = (
    "CREATE TABLE seqbayes_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE seqbayes_lease (
        id INTEGER PRIMARY KEY, epoch BIGINT NOT NULL, serial BIGINT NOT NULL,
        holder TEXT, expires DOUBLE PRECISION NOT NULL, pulse TEXT)""",
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
    "INSERT INTO seqbayes_lease VALUES (1, 0, 0, NULL, 0, NULL)",
    _IDS,
)

MIGRATIONS: dict[int, Sequence[str]] = {
    1: (_IDS,),
    2: ("ALTER TABLE seqbayes_lease ADD COLUMN pulse TEXT",),
}
"""Statements that bring the tables of a version to the next one."""


class SqlStore(SqlReader):
    """A store in a database; subclasses know how to reach it.

    Parameters
    ----------
    url
        Its name in messages.
    """

    _connection: Any
    _for_update = ""
    """Ends a SELECT that locks its rows, where a transaction does not lock the whole database."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._epoch: int | None = None
        self._serial = 0
        self._renewed = 0.0
        self._holder = Holder.own()

    # The tables.

    def _prepare(self, mode: Mode) -> None:
        """Create the tables where there are none, or bring them to this version."""
        if mode != "create":
            with self._translated():
                if not self._has_tables():
                    raise StoreError(f"{self.url} holds no beliefs")
                if mode == "read" and self._version() == VERSION:
                    return
        with self._transaction():
            if not self._has_tables():
                for statement in TABLES:
                    self._run(statement.format(**self.types))
                self._run("INSERT INTO seqbayes_meta VALUES ('version', ?)", [str(VERSION)])
            self._migrate(self._version())

    def _version(self) -> int:
        """Return the version of the tables, which must not be a newer one."""
        ((version,),) = self._run("SELECT value FROM seqbayes_meta WHERE name = 'version'")
        if int(version) > VERSION:
            raise StoreError(
                f"{self.url}: the store has version {version}, and this seqbayes reads up to"
                f" {VERSION}: upgrade"
            )
        return int(version)

    def _migrate(self, version: int) -> None:
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
            If it is held by this store, by a running process on this machine, or by a process on
            another machine and has not expired.
        """
        if self._epoch is not None:
            raise LeaseError(f"{self.url} is held by this process: one runner at a time")
        self._epoch, self._serial = self._persist(self._transaction, self._take)
        self._holder.keep()
        self._renewed = time.monotonic()

    def _take(self, again: bool) -> tuple[int, int]:
        """Take the lease within a transaction; return its epoch and serial number.

        The row stays locked until the transaction ends, so that of two runners which start at the
        same time the second one reads what the first one wrote.
        """
        ((epoch, serial, holder, expires),) = self._run(
            f"SELECT epoch, serial, holder, expires FROM seqbayes_lease{self._for_update}"
        )
        own = self._holder.write()
        if again and holder == own:  # the answer to an earlier attempt was lost
            return epoch, serial
        if holder is not None:
            self._check_left(Holder.read(holder), expires)
        ((epoch, serial),) = self._run(
            "UPDATE seqbayes_lease SET epoch = epoch + 1, holder = ?, expires = ?, pulse = NULL"
            " RETURNING epoch, serial",
            [own, self._now() + LEASE],
        )
        return epoch, serial

    def _check_left(self, holder: Holder, expires: float) -> None:
        if holder.local:
            if holder.lives:
                raise LeaseError(f"{self.url} is held by {holder}: one runner at a time")
        elif expires > self._now():
            left = expires - self._now()
            raise LeaseError(
                f"{self.url} is held by {holder}, whose lease runs out in {left:.0f} s"
            )

    def _fence(self, again: bool = False) -> bool:
        """Check within a transaction that the lease is still held, and renew it.

        Parameters
        ----------
        again
            Whether an earlier attempt at the same transaction ended without an answer.

        Returns
        -------
        bool
            Whether there is something left to do: False if that earlier attempt was stored.

        Raises
        ------
        LeaseError
            If anything that another runner would change has changed.
        """
        if self._run(
            "UPDATE seqbayes_lease SET serial = serial + 1, expires = ?"
            " WHERE epoch = ? AND holder = ? AND serial = ? RETURNING id",
            [self._now() + LEASE, self._epoch, self._holder.write(), self._serial],
        ):
            return True
        if again and self._run(
            "SELECT id FROM seqbayes_lease WHERE epoch = ? AND holder = ? AND serial = ?",
            [self._epoch, self._holder.write(), self._serial + 1],
        ):
            return False
        raise LeaseError(f"{self.url} was taken over by another runner")

    @contextmanager
    def _fenced(self) -> Iterator[None]:
        """Begin a transaction that only the holder of the lease can commit."""
        with self._transaction():
            self._fence()
            yield
        self._serial += 1

    def _persist(
        self, begin: Callable[[], AbstractContextManager[None]], act: Callable[[bool], T]
    ) -> T:
        """Run a transaction once and return its result, whatever happens to the connection.

        Parameters
        ----------
        begin
            Begins the transaction.
        act
            Runs its statements; its argument is whether an earlier attempt ended without an
            answer, so that it may have been committed.
        """
        with begin():
            return act(False)

    def renew(self, pulse: Pulse) -> None:
        """Keep the lease, and leave word of how the runner does; a write every half second.

        Raises
        ------
        LeaseError
            If another runner has taken it.
        """
        if time.monotonic() - self._renewed > BEAT:
            self._renewed = time.monotonic()
            text = msgspec.json.encode(pulse).decode()
            self._persist(self._unsynced, lambda again: self._beat(text))

    def _unsynced(self) -> AbstractContextManager[None]:
        """Begin a transaction that a loss of power may undo, unlike what is committed later."""
        raise NotImplementedError

    def _beat(self, pulse: str) -> None:
        """Renew the lease within a transaction; it is no commit, so that nobody reads it all."""
        if not self._run(
            "UPDATE seqbayes_lease SET expires = ?, pulse = ?"
            " WHERE epoch = ? AND holder = ? RETURNING id",
            [self._now() + LEASE, pulse, self._epoch, self._holder.write()],
        ):
            raise LeaseError(f"{self.url} was taken over by another runner")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

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

    def release(self) -> None:
        """Give the lease back, if this store holds it.

        Raises
        ------
        StoreError
            If that fails; another store of this process can take the lease all the same.
        """
        if self._epoch is None:
            return
        self._holder.drop()
        with self._transaction():
            self._run(
                "UPDATE seqbayes_lease SET holder = NULL WHERE epoch = ? AND holder = ?",
                [self._epoch, self._holder.write()],
            )
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
                    f" {difference(found[0][0], declaration)}; give it a new name, or reset it"
                )

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
        self._persist(self._transaction, lambda again: self._apply(changes, again))
        self._serial += 1

    def _apply(self, changes: Changes, again: bool) -> None:
        if not self._fence(again):
            return
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
        for number in changes.settled:
            self._run("DELETE FROM seqbayes_dead_letters WHERE id = ?", [number])
        if changes.source is None:
            return
        for forgotten in changes.forgotten:
            self._run(
                "DELETE FROM seqbayes_ids WHERE source = ? AND id = ?", [changes.source, forgotten]
            )
        self._insert(
            "seqbayes_ids (source, id, number, note)",
            [(changes.source, *each) for each in changes.ids],
            "(source, id) DO UPDATE SET number = excluded.number, note = excluded.note",
        )
        self._run(
            "INSERT INTO seqbayes_sources (name, token, events, updated) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET token = excluded.token,"
            " events = seqbayes_sources.events + excluded.events, updated = excluded.updated",
            [changes.source, msgspec.json.encode(changes.token).decode(), changes.events, now],
        )

    def fill(self, contents: Contents) -> None:
        """Store all that other stores hold in this one, or nothing.

        Raises
        ------
        StoreError
            If this one is not empty, or that fails.
        """
        tables = ("beliefs", "states", "sources", "dead_letters")
        with self._transaction():
            if any(self._run(f"SELECT 1 FROM seqbayes_{table} LIMIT 1") for table in tables):
                raise StoreError(f"{self.url} is not empty: merge into a new store")
            self._fill("beliefs (name, declaration)", contents.declarations.items())
            self._fill("states (belief, key, state, used, since, updated)", contents.entries)
            self._fill("sources (name, token, events, updated)", contents.places)
            self._fill(
                "dead_letters (source, position, belief, raw, reason, at)",
                ((*letter, at) for _, letter, at in contents.letters),
            )
            self._fill("history (belief, key, at, summary)", contents.history, "DO NOTHING")
            rows = ((source, *each) for source, each in contents.ids)
            self._fill("ids (source, id, number, note)", rows)

    def _fill(self, table: str, rows: Iterable[Sequence[Any]], conflict: str = "") -> None:
        rows = iter(rows)
        while chunk := list(itertools.islice(rows, 5000)):
            self._insert(f"seqbayes_{table}", chunk, conflict)

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief with its declaration and history, or what it has of one key.

        Returns
        -------
        int
            How many states there were.
        """
        of = "belief = ?" if key is None else "belief = ? AND key = ?"
        values = [belief] if key is None else [belief, key]
        with self._fenced():
            if key is None:
                self._run("DELETE FROM seqbayes_beliefs WHERE name = ?", [belief])
            self._run(f"DELETE FROM seqbayes_history WHERE {of}", values)
            return self._delete("states", of, values)

    def remove_place(self, source: str) -> int:
        """Forget where a source stands, so that it is read from its beginning."""
        with self._fenced():
            self._delete("ids", "source = ?", [source])
            return self._delete("sources", "name = ?", [source])

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters by their numbers; return how many there were."""
        with self._transaction():
            return sum(self._delete("dead_letters", "id = ?", [number]) for number in numbers)

    def _delete(self, table: str, of: str, values: Sequence[Any]) -> int:
        return len(self._run(f"DELETE FROM seqbayes_{table} WHERE {of} RETURNING 1", values))


def difference(stored: str, asked: str) -> str:
    """Return in what two declarations of a belief differ.

    Examples
    --------
    >>> difference('{"by":["a"],"state":{"prior":{"alpha":1}}}', '{"by":["b"],"state":{}}')
    'by is ["a"], not ["b"]; state.prior is {"alpha":1}, not null'
    """
    return "; ".join(
        f"{path} is {_shown(old)}, not {_shown(new)}"
        for path, old, new in _differing(
            "", msgspec.json.decode(stored), msgspec.json.decode(asked)
        )
    )


def _differing(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            inner = f"{path}.{name}" if path else name
            yield from _differing(inner, old.get(name), new.get(name))
    elif old != new:
        yield path, old, new


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:300]
