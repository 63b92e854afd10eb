"""What every store is: beliefs and the source's place in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

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


class HistoryPoint(NamedTuple):
    """What a belief was at a time (seconds since 1970): a summary, as JSON text."""

    belief: str
    key: str
    at: float
    summary: str


@dataclass
class Changes:
    """What one transaction holds."""

    source: str
    token: Any
    events: int = 0
    states: Sequence[StoredState] = ()
    gone: Sequence[tuple[str, str]] = ()
    dead_letters: Sequence[DeadLetter] = ()
    history: list[HistoryPoint] = field(default_factory=list)


class Store(Protocol):
    """Durable beliefs, with the place in the source from which to go on.

    Every method raises `StoreError` where the store fails, `LeaseError` where another runner has
    taken it.
    """

    url: str

    def acquire(self) -> None:
        """Take the lease, which one living runner at a time can hold."""

    def declare(self, name: str, declaration: str) -> None:
        """Create a belief, or check that the one of this name is the same."""

    def token(self, source: str) -> Any:
        """Return the token up to which a source has been committed; None before."""

    def states(self, belief: str) -> Iterator[StoredState]:
        """Yield the states of a belief, least recently used first."""
        ...

    def commit(self, changes: Changes) -> None:
        """Store all changes, or none."""

    def renew(self) -> None:
        """Keep the lease while nothing is committed."""

    def dead_letter_count(self) -> int:
        """Return how many dead letters there are."""
        ...

    def thin(self, belief: str, most: int) -> None:
        """Leave out every second point of each history with more than `most`."""

    def close(self) -> None:
        """Give the lease back, and close."""


def open_store(url: str) -> Store:
    """Return a store by its URL: a path is an SQLite file, ``postgresql://…`` a server.

    Parameters
    ----------
    url
        ``beliefs.db``, ``sqlite:beliefs.db``, or what libpq takes as a URL.

    Raises
    ------
    StoreError
        If it cannot be opened, is of a newer version or holds something else.
    """
    if url.startswith(("postgresql:", "postgres:")):
        from seqbayes.stream.postgres import PostgresStore

        return PostgresStore(url)
    from seqbayes.stream.sqlite import SqliteStore

    return SqliteStore(url.removeprefix("sqlite:"))
