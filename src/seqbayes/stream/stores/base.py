"""The contract of stores: what a runner, administration and readers use, without SQL."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import msgspec

from seqbayes.errors import SeqbayesError
from seqbayes.stream.stores.lease import Holder

CLASH = "places that clash"
"""The only key of a token that a merge leaves for a source with different tokens in its stores."""

Mode = Literal["create", "open", "read"]
"""How to open a store: create it if it is missing, require that it exists, or only read it."""


class StoreError(SeqbayesError):
    """A store cannot be read or written, or its contents are not what is expected."""


class LeaseError(StoreError):
    """Another process is using the store."""


class DeclarationError(StoreError):
    """The store has another belief of the same name."""


class DeadLetter(NamedTuple):
    """An event that could not be used: its position (JSON), its raw text and the reason.

    `belief` is the one that refused it, or empty if the event could not be decoded.
    """

    source: str
    position: str
    belief: str
    raw: bytes
    reason: str


class StoredState(NamedTuple):
    """A state of a belief under a key, both as JSON; `used` orders a belief's keys by last use."""

    belief: str
    key: str
    state: str
    used: int


class SeenId(NamedTuple):
    """The identity of an event that must count once; `number` orders identities by age."""

    id: str
    number: int
    note: str


class StoredEntry(NamedTuple):
    """A state with the times of its first and last commit, in seconds since 1970."""

    belief: str
    key: str
    state: str
    used: int
    since: float
    updated: float


class Place(NamedTuple):
    """The position of a source: its token (JSON), and how many events were read up to there."""

    source: str
    token: str
    events: int
    updated: float


class StoredLetter(NamedTuple):
    """A dead letter with its number and the time when it was stored."""

    number: int
    letter: DeadLetter
    at: float


class HistoryPoint(NamedTuple):
    """A summary (JSON) of a state at a time, in seconds since 1970."""

    belief: str
    key: str
    at: float
    summary: str


class Reason(NamedTuple):
    """A reason why a belief refused events, and how many it refused."""

    belief: str
    reason: str
    n: int


class Lease(NamedTuple):
    """The lease as stored.

    Parameters
    ----------
    epoch
        Number of times it has been taken.
    serial
        Number of commits.
    holder
        JSON of the `Holder`; None if the lease is free.
    expires
        Time at which it expires, in seconds since 1970.
    pulse
        JSON of the last `Pulse` of the holder; None before the first.
    """

    epoch: int
    serial: int
    holder: str | None
    expires: float
    pulse: str | None


class Pulse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a runner reports with each heartbeat.

    Parameters
    ----------
    lag
        How much is left in the source, if that is known.
    reconnects
        How often the source has restored its connection.
    trouble
        Why the source waits for a server, if it does.
    read_at
        When the last events arrived, in seconds since 1970; None before the first.
    """

    lag: int | None = None
    reconnects: int = 0
    trouble: str | None = None
    read_at: float | None = None


class Runner(NamedTuple):
    """The process that writes a store.

    Parameters
    ----------
    holder
        Description of the process; None if there is no runner.
    alive
        Whether it is known to be running.
    halted
        Whether it was stopped by a signal or a debugger.
    silent
        Seconds since its last heartbeat.
    pulse
        What it reported then.
    """

    holder: str | None
    alive: bool
    halted: bool = False
    silent: float = 0.0
    pulse: Pulse = Pulse()


@dataclass
class Changes:
    """The changes of one transaction.

    Parameters
    ----------
    source, token, events
        The source, its new token and the number of events read since the last commit. With None
        for the source, positions and identities do not change.
    states
        New and changed states.
    gone
        Belief and key of the states to delete.
    dead_letters
        New dead letters.
    history
        New points of histories.
    settled
        Numbers of the dead letters to delete.
    ids, forgotten
        New identities of events of the source, and those to delete.
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


@dataclass
class Contents:
    """Everything that a store contains.

    `declarations` maps belief names to JSON; `ids` are pairs of source name and identity.
    """

    declarations: Mapping[str, str]
    entries: Iterable[StoredEntry]
    places: Iterable[Place]
    letters: Iterable[StoredLetter]
    history: Iterable[HistoryPoint]
    ids: Iterable[tuple[str, SeenId]]


class ReadableStore:
    """The part of a store that readers use.

    A subclass implements the first group of methods. The others are derived from them; a database
    overrides those that it can answer faster.
    """

    url: str
    """Name of the store in messages, without secrets."""

    lease_seconds: float = 30.0
    """Time after which the lease of a process on another machine expires."""

    def lease(self) -> Lease:
        """Return the lease."""
        raise NotImplementedError

    def declarations(self) -> dict[str, str]:
        """Return the declaration (JSON) of every belief by name."""
        raise NotImplementedError

    def entries(
        self,
        belief: str,
        key: str | None = None,
        since: float | None = None,
        strict: bool = True,
    ) -> Iterator[StoredEntry]:
        """Yield the states of a belief, least recently used first.

        Parameters
        ----------
        belief
            Name of the belief.
        key
            Yield only the state under this key.
        since
            Yield only states that were updated at this time or later.
        strict
            Whether a state that differs from its checksum raises an error; otherwise it is yielded
            as an empty text, which is not a state.
        """
        raise NotImplementedError

    def places(self) -> list[Place]:
        """Return the position of every source, sorted by name."""
        raise NotImplementedError

    def letters(self, source: str | None = None) -> Iterator[StoredLetter]:
        """Yield all dead letters, or those of a source, in order."""
        raise NotImplementedError

    def points(self, belief: str, key: str | None = None) -> Iterator[HistoryPoint]:
        """Yield the history of a belief, or of one key, ordered by key and time."""
        raise NotImplementedError

    def ids(self, source: str) -> Iterator[SeenId]:
        """Yield the identities remembered for a source, oldest first."""
        raise NotImplementedError

    # Derived.

    def now(self) -> float:
        """Return the time on the clock of the store, in seconds since 1970."""
        return time.time()

    def snapshot(self) -> AbstractContextManager[None]:
        """Make all reads in this context see the store at one moment."""
        return nullcontext()

    def serial(self) -> tuple[int, int]:
        """Return a value that changes with every commit; cheap enough for polling."""
        lease = self.lease()
        return lease.epoch, lease.serial

    def beliefs(self) -> dict[str, Any]:
        """Return the declaration of every belief by name."""
        return {
            name: self.decode(text, f"the declaration of belief {name!r}")
            for name, text in self.declarations().items()
        }

    def states(self, belief: str) -> Iterator[StoredState]:
        """Yield the states of a belief without times, least recently used first."""
        return (StoredState(*entry[:4]) for entry in self.entries(belief))

    def entry_count(self, belief: str) -> int:
        """Return the number of states of a belief."""
        return sum(1 for _ in self.entries(belief))

    def events(self, source: str) -> int:
        """Return the number of committed events of a source."""
        return next((place.events for place in self.places() if place.source == source), 0)

    def token(self, source: str) -> Any:
        """Return the token up to which a source has been committed; None before the first commit.

        Raises
        ------
        StoreError
            If the store was merged from stores with different tokens of this source.
        """
        text = next((place.token for place in self.places() if place.source == source), None)
        token = None if text is None else self.decode(text, f"the token of {source!r}")
        if isinstance(token, dict) and CLASH in token:
            raise StoreError(
                f"{self.url} was merged from stores that had read {source!r} up to different"
                " positions: read it under another name, or from its beginning"
                " (seqbayes reset --source)"
            )
        return token

    def decode(self, text: str, what: str) -> Any:
        """Decode stored JSON.

        Raises
        ------
        StoreError
            If `text` is invalid; the message names `what` it is.
        """
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, TypeError, UnicodeError) as error:
            raise self._damaged(what, error) from None

    def _damaged(self, what: str, why: object) -> StoreError:
        """Return the error for contents that cannot be read."""
        return StoreError(f"{self.url} is damaged: {what} cannot be read ({why}): restore a backup")

    def newest_letters(self, belief: str | None = None, most: int = 50) -> list[StoredLetter]:
        """Return the newest dead letters, newest first.

        Parameters
        ----------
        belief
            Return only those of this belief, and events that could not be decoded.
        most
            Maximum number.
        """
        wanted = (None, "", belief)
        found = [each for each in self.letters() if belief is None or each.letter.belief in wanted]
        return found[: -most - 1 : -1]

    def reasons(self, most: int = 20) -> list[Reason]:
        """Return the most common reasons of dead letters."""
        counts = Counter((each.letter.belief, each.letter.reason) for each in self.letters())
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [Reason(*reason, n) for reason, n in ranked[:most]]

    def dead_letter_count(self) -> int:
        """Return the number of dead letters."""
        return sum(1 for _ in self.letters())

    def history(self, belief: str, key: str) -> list[HistoryPoint]:
        """Return the history of one key of a belief."""
        return list(self.points(belief, key))

    def runner(self) -> Runner:
        """Return the process that holds the lease."""
        lease = self.lease()
        if lease.holder is None:
            return Runner(None, False)
        holder = self._holder_of(lease)
        silent = self.now() - (lease.expires - self.lease_seconds)
        alive = holder.lives if holder.local else silent < self.lease_seconds
        halted = alive and holder.local and holder.halted
        return Runner(str(holder), alive, halted, max(silent, 0.0), self._pulse_of(lease))

    def _holder_of(self, lease: Lease) -> Holder:
        try:
            return Holder.read(lease.holder or "")
        except (msgspec.MsgspecError, TypeError) as error:
            raise self._damaged("the holder of its lease", error) from None

    def _pulse_of(self, lease: Lease) -> Pulse:
        try:
            return Pulse() if lease.pulse is None else msgspec.json.decode(lease.pulse, type=Pulse)
        except (msgspec.MsgspecError, TypeError) as error:
            raise self._damaged("the heartbeat of its runner", error) from None

    def close(self) -> None:
        """Release everything that the store holds open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class WritableStore(ReadableStore):
    """The part of a store that a runner uses.

    At most one process holds the lease of a store. Every write of the holder checks within its
    transaction that the lease is still its own.
    """

    beat_seconds: float = 0.5
    """Minimum time between two heartbeats."""

    retains: bool = True
    """Whether states, dead letters and history are kept; otherwise commits may omit them."""

    def acquire(self) -> None:
        """Take the lease.

        Raises
        ------
        LeaseError
            If it is held by this store, by a running process on this machine, or by a process on
            another machine and has not expired.
        """
        raise NotImplementedError

    def release(self) -> None:
        """Give the lease back, if this store holds it."""
        raise NotImplementedError

    def renew(self, pulse: Pulse) -> None:
        """Send a heartbeat if it is time, so that the lease does not expire; call at every step.

        Raises
        ------
        LeaseError
            If another process has taken the lease.
        """
        raise NotImplementedError

    def declare(self, name: str, declaration: str) -> None:
        """Create a belief, or check that its stored declaration is the same.

        Raises
        ------
        StoreError
            If the stored declaration differs.
        """
        raise NotImplementedError

    def commit(self, changes: Changes) -> None:
        """Store all changes, or none.

        Raises
        ------
        StoreError
            If that fails.
        LeaseError
            If another process has taken the lease.
        """
        raise NotImplementedError

    def thin(self, belief: str, most: int) -> None:
        """Delete every second point of each history with more than `most` points."""
        raise NotImplementedError

    def _check_free(self, lease: Lease) -> None:
        """Check that the lease is free, or that its holder has lost it."""
        if lease.holder is None:
            return
        holder = self._holder_of(lease)
        if holder.local:
            if holder.lives:
                raise LeaseError(f"{self.url} is held by {holder}: one runner at a time")
        elif lease.expires > (now := self.now()):
            left = lease.expires - now
            raise LeaseError(f"{self.url} is held by {holder}, whose lease expires in {left:.0f} s")

    def _check_declaration(self, name: str, stored: str, declaration: str) -> None:
        if stored != declaration:
            self.decode(stored, f"the declaration of belief {name!r}")
            raise DeclarationError(
                f"{self.url} has another belief {name!r}: {difference(stored, declaration)}; choose"
                " another name, or reset the stored belief"
            )


class Store(WritableStore):
    """Base class of stores: durable beliefs with the positions of sources.

    A subclass implements the methods that raise NotImplementedError here, and is made available
    with `register_store`. Methods raise `StoreError` if the store fails.

    Attributes
    ----------
    url : str
        Name of the store in messages, without secrets.
    """

    def __init__(self, url: str, mode: Mode = "create") -> None:
        self.url = url
        self.holder = Holder.own()

    @classmethod
    def check(cls, url: str) -> None:
        """Check that a URL is valid, without opening the store.

        Raises
        ------
        StoreError
            If `url` is invalid, or a dependency is not installed.
        """

    @classmethod
    def path(cls, url: str) -> Path | None:
        """Return the file that contains the store; None if it is not a file."""
        return None

    def fill(self, contents: Contents) -> None:
        """Store the contents of other stores in this one, or nothing.

        Raises
        ------
        StoreError
            If this store is not empty, or the contents cannot be stored.
        """
        raise NotImplementedError

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief with its declaration and history, or one of its keys.

        Returns
        -------
        int
            How many states were removed.
        """
        raise NotImplementedError

    def remove_place(self, source: str) -> int:
        """Remove the position of a source; return how many were removed."""
        raise NotImplementedError

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters by number; return how many were removed."""
        raise NotImplementedError


def difference(stored: str, given: str) -> str:
    """Describe how two declarations of a belief differ.

    Examples
    --------
    >>> difference('{"by":["a"],"state":{"prior":{"alpha":1}}}', '{"by":["b"],"state":{}}')
    'by is ["a"], not ["b"]; state.prior is {"alpha":1}, not null'
    """
    pairs = _differing("", msgspec.json.decode(stored), msgspec.json.decode(given))
    return "; ".join(f"{path} is {_shown(old)}, not {_shown(new)}" for path, old, new in pairs)


def _differing(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            inner = f"{path}.{name}" if path else name
            yield from _differing(inner, old.get(name), new.get(name))
    elif old != new:
        yield path, old, new


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:300]
