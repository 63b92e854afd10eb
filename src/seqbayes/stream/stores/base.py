"""What every store is: beliefs and the source's place in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self

import msgspec

from seqbayes.errors import SeqbayesError


class StoreError(SeqbayesError):
    """A store cannot be read or written, or holds something else than is asked of it."""


class LeaseError(StoreError):
    """Another runner holds the store."""


class DeadLetter(NamedTuple):
    """An event that could not be used: where it was, its raw text, and why.

    `belief` is the one that refused it, or empty where it could not even be decoded. `position` is
    a JSON text.
    """

    source: str
    position: str
    belief: str
    raw: bytes
    reason: str


class StoredState(NamedTuple):
    """A state by belief and key, all JSON texts; `used` puts those of a belief in order of use."""

    belief: str
    key: str
    state: str
    used: int


class SeenId(NamedTuple):
    """The identity of something that was read and must count once; `number` is its place."""

    id: str
    number: int
    note: str


class StoredEntry(NamedTuple):
    """A state with the times (seconds since 1970) of its first and of its last commit."""

    belief: str
    key: str
    state: str
    used: int
    since: float
    updated: float


class Place(NamedTuple):
    """Where a source stands: its token, a JSON text, and the number of events until there."""

    source: str
    token: str
    events: int
    updated: float


class StoredLetter(NamedTuple):
    """A dead letter with its number, and the time when it was stored."""

    number: int
    letter: DeadLetter
    at: float


class HistoryPoint(NamedTuple):
    """What a belief was at a time (seconds since 1970): a summary, as JSON text."""

    belief: str
    key: str
    at: float
    summary: str


@dataclass
class Changes:
    """What one transaction holds.

    Without a `source` none moves. `settled` are the numbers of dead letters that are none any more.
    """

    source: str | None
    token: Any
    events: int = 0
    states: Sequence[StoredState] = ()
    gone: Sequence[tuple[str, str]] = ()
    dead_letters: Sequence[DeadLetter] = ()
    history: list[HistoryPoint] = field(default_factory=list)
    settled: Sequence[int] = ()
    ids: list[SeenId] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)


class Pulse(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a runner does: what it leaves in the store now and then, for whoever looks on.

    Parameters
    ----------
    lag
        How much is left in the source, where that is known.
    reconnects
        Of the source.
    trouble
        Why the source waits for a server, if it does.
    read_at
        When events came last (seconds since 1970); None before.
    """

    lag: int | None = None
    reconnects: int = 0
    trouble: str | None = None
    read_at: float | None = None


@dataclass
class Contents:
    """All that a store holds; `declarations` are JSON texts by the name of the belief.

    `ids` are the identities of events, each behind the name of its source.
    """

    declarations: Mapping[str, str]
    entries: Iterable[StoredEntry]
    places: Iterable[Place]
    letters: Iterable[StoredLetter]
    history: Iterable[HistoryPoint]
    ids: Iterable[tuple[str, SeenId]]


class Store(Protocol):
    """Durable beliefs, with the place in the source from which to go on.

    Every method raises `StoreError` where the store fails, `LeaseError` where another runner has
    taken it.
    """

    url: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def acquire(self) -> None:
        """Take the lease, which one living runner at a time can hold."""

    def release(self) -> None:
        """Give the lease back, if this store holds it."""

    def snapshot(self) -> AbstractContextManager[None]:
        """Read all within it as of one moment, whatever is committed meanwhile."""
        ...

    def declarations(self) -> dict[str, str]:
        """Return the declaration of every belief by name, as JSON texts."""
        ...

    def declare(self, name: str, declaration: str) -> None:
        """Create a belief, or check that the one of this name is the same."""

    def token(self, source: str) -> Any:
        """Return the token up to which a source has been committed; None before."""

    def states(self, belief: str) -> Iterator[StoredState]:
        """Yield the states of a belief, least recently used first."""
        ...

    def entries(self, belief: str, key: str | None = None) -> Iterator[StoredEntry]:
        """Yield the states of a belief, or of one key, with their times, in order of use."""
        ...

    def entry_count(self, belief: str) -> int:
        """Return how many states a belief has."""
        ...

    def places(self) -> list[Place]:
        """Return where every source stands."""
        ...

    def letters(self, source: str | None = None) -> Iterator[StoredLetter]:
        """Yield the dead letters, or those of a source, in order."""
        ...

    def history(self, belief: str, key: str) -> list[HistoryPoint]:
        """Return what one key of a belief has been over time."""
        ...

    def points(self, belief: str) -> Iterator[HistoryPoint]:
        """Yield what a belief has been over time, key by key."""
        ...

    def commit(self, changes: Changes) -> None:
        """Store all changes, or none."""

    def fill(self, contents: Contents) -> None:
        """Store all that other stores hold in this one, which must be empty."""

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief with its declaration, or one key, and history; return how many states."""
        ...

    def remove_place(self, source: str) -> int:
        """Forget where a source stands; return how many there were."""
        ...

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters; return how many there were."""
        ...

    def renew(self, pulse: Pulse) -> None:
        """Keep the lease, and leave word of how the runner does; to be called at every step."""

    def ids(self, source: str) -> Iterator[SeenId]:
        """Yield the identities that a source has committed and not forgotten, oldest first."""
        ...

    def dead_letter_count(self) -> int:
        """Return how many dead letters there are."""
        ...

    def thin(self, belief: str, most: int) -> None:
        """Leave out every second point of each history with more than `most`."""

    def close(self) -> None:
        """Give the lease back, and close."""


Mode = Literal["create", "open", "read"]
"""Whether a store that is not there is made, or refused; or is only read, which no lease needs."""


def open_store(url: str, mode: Mode = "create") -> Store:
    """Return a store by its URL: a path is an SQLite file, ``postgresql://…`` a server.

    Parameters
    ----------
    url
        ``beliefs.db``, ``sqlite:beliefs.db``, or what libpq takes as a URL.
    mode
        "create" makes a store where there is none, "open" does not, and "read" cannot change it.

    Raises
    ------
    StoreError
        If it cannot be opened, is of a newer version or holds something else.
    """
    if _is_server(url):
        from seqbayes.stream.stores.postgres import PostgresStore

        return PostgresStore(url, mode)
    from seqbayes.stream.stores.sqlite import SqliteStore

    return SqliteStore(url.removeprefix("sqlite:"), mode)


def check_url(url: str) -> None:
    """Check that a URL names a store, without looking whether it is there.

    Raises
    ------
    StoreError
        If it does not, or what is needed for it is not installed.

    Examples
    --------
    >>> check_url("beliefs.db")
    """
    if not url.removeprefix("sqlite:"):
        raise StoreError("expected a file, or postgresql://user@host/database, got ''")
    if _is_server(url):
        from seqbayes.stream.stores.postgres import PostgresStore

        PostgresStore.check(url)


def _is_server(url: str) -> bool:
    return url.startswith(("postgresql:", "postgres:"))
