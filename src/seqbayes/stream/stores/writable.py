"""The interface of stores for runners: transactions, the lease and commits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import msgspec

from seqbayes.stream.stores.lease import Holder
from seqbayes.stream.stores.readable import ReadableStore
from seqbayes.stream.stores.records import (
    GROUP,
    Changes,
    DeclarationError,
    Lease,
    LeaseError,
    RunnerStatus,
    StoreError,
)

T = TypeVar("T")


class WritableStore(ReadableStore):
    """The part of a store that a runner uses.

    At most one process holds the lease of a store. Every transaction of the holder checks that the
    holder still has the lease. A subclass implements `transaction` and the methods that write
    within a transaction; the rules of the lease are the same for all stores.

    Attributes
    ----------
    url : str
        URL of the store without credentials, for use in messages.
    holder : Holder
        This process, as identified in the lease.
    held : Lease or None
        The lease as of the last commit of this store; None if the store does not hold the lease.
    """

    heartbeat_seconds: float = 0.5
    """Minimum time between two heartbeats, in seconds."""

    stores_states: bool = True
    """Whether states, dead letters and history are stored; if False, commits may omit them."""

    keeps_alerts: bool = False
    """Whether the states and messages of alerts in `Changes` are kept."""

    lease_always_expires: bool = False
    """Whether the lease of a process on this machine expires even while the process runs."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.holder = Holder.own()
        self.held: Lease | None = None
        self._beat_at = 0.0

    def transaction(self, durable: bool = True) -> AbstractContextManager[Lease]:
        """Begin a transaction and return the lease.

        Other processes cannot change the lease until the transaction ends. All writes are committed
        at the end; if an error is raised, none of them is committed.

        Parameters
        ----------
        durable
            Whether the committed transaction must survive a power failure.
        """
        raise NotImplementedError

    def write_lease(self, lease: Lease) -> None:
        """Store the lease, within a transaction."""
        raise NotImplementedError

    def write_setting(self, name: str, value: str | None) -> None:
        """Store, replace or, if the value is None, remove one of the `settings`.

        Call this method within a transaction. A store that supports groups of runners overrides
        this.
        """
        raise StoreError(f"{self.url} does not support groups of runners")

    def write_declaration(self, name: str, declaration: str) -> None:
        """Store or replace the declaration of a belief, within a transaction."""
        raise NotImplementedError

    def apply(self, changes: Changes, at: float) -> None:
        """Store changes, within a transaction.

        Parameters
        ----------
        changes
            The changes. The number of events in the changes is added to the count of the source.
        at
            The time of the commit, in seconds since 1970.
        """
        raise NotImplementedError

    def thin(self, belief: str, limit: int) -> None:
        """Delete history entries of a belief so that at most `limit` remain for each key.

        See `surplus_times` for the entries that are deleted.
        """
        raise NotImplementedError

    # Methods that call the abstract methods.

    def transact(self, function: Callable[[Lease, bool], T], durable: bool = True) -> T:
        """Run a function in a transaction and return its result.

        A store that can lose its connection overrides this to repeat the transaction.

        Parameters
        ----------
        function
            Function that is called with the lease, and with whether the outcome of an earlier
            attempt is unknown, so that its changes may have been stored.
        durable
            As for `transaction`.
        """
        with self.transaction(durable) as lease:
            return function(lease, False)

    def share(self, lease_seconds: float) -> None:
        """Let the lease expire after a given time even if its holder is running on this machine.

        A runner of a group that does not respond is replaced by another runner; see `Partitioned`.
        """
        self.lease_seconds, self.lease_always_expires = lease_seconds, True

    def acquire(self, all_partitions: bool = False) -> None:
        """Acquire the lease.

        Parameters
        ----------
        all_partitions
            Whether the caller changes all partitions, if the store belongs to a group of runners.

        Raises
        ------
        LeaseError
            If the lease is held by this store or by a running process on this machine, or if it is
            held by a process on another machine and has not expired.
        StoreError
            If the store belongs to a group of runners.
        """
        if not all_partitions and GROUP in self.settings():
            raise StoreError(
                f"{self.url} belongs to a group of runners: add [group] to the configuration, or"
                " use another store"
            )
        if self.held is not None:
            raise LeaseError(f"{self.url} is held by this process: one runner at a time")
        self.holder.keep()  # record this before another thread of this process can read the lease
        try:
            self.held = self.transact(self._take)
        except BaseException:
            self.holder.drop()
            raise
        self._beat_at = time.monotonic()

    def _take(self, lease: Lease, again: bool) -> Lease:
        own = self.holder.write()
        if again and lease.holder == own:
            return lease
        self._check_free(lease)
        taken = Lease(lease.epoch + 1, lease.serial, own, self.now() + self.lease_seconds, None)
        self.write_lease(taken)
        return taken

    def _check_free(self, lease: Lease) -> None:
        """Raise `LeaseError` unless the lease is free or has expired."""
        if lease.holder is None:
            return
        holder = self._holder_of(lease)
        if holder.local and not holder.is_running:
            return
        if holder.local and not self.lease_always_expires:
            raise LeaseError(f"{self.url} is held by {holder}: one runner at a time")
        if lease.expires > (now := self.now()):
            left = lease.expires - now
            raise LeaseError(f"{self.url} is held by {holder}, whose lease expires in {left:.0f} s")

    def _check_held(self, lease: Lease) -> None:
        """Raise `LeaseError` if another runner has taken the lease."""
        if self.held is None or lease[:3] != self.held[:3]:
            raise LeaseError(f"{self.url} was taken over by another runner")

    def release(self) -> None:
        """Release the lease, if this store holds it.

        Raises
        ------
        StoreError
            If the lease cannot be released; other stores of this process can still acquire it.
        """
        held, self.held = self.held, None
        if held is None:
            return
        self.holder.drop()
        with self.transaction() as lease:
            if (lease.epoch, lease.holder) == (held.epoch, held.holder):
                self.write_lease(lease._replace(holder=None))

    def renew(self, status: RunnerStatus) -> None:
        """Send a heartbeat if one is due, so that the lease does not expire; call at every step.

        Raises
        ------
        LeaseError
            If another process has taken the lease.
        """
        now = time.monotonic()
        if now < self._beat_at + self.heartbeat_seconds:
            return
        self._beat_at = now
        text = msgspec.json.encode(status).decode()

        def beat(lease: Lease, again: bool) -> None:
            self._check_held(lease)
            expires = self.now() + self.lease_seconds
            self.write_lease(lease._replace(expires=expires, status=text))

        self.transact(beat, durable=False)

    def declare(self, name: str, declaration: str) -> None:
        """Create a belief, or check that the stored declaration equals the given one.

        If only the `display` differs, the given declaration replaces the stored one.

        Raises
        ------
        DeclarationError
            If the rest of the stored declaration differs.
        """
        with self.transaction():
            stored = self.declarations().get(name)
            if stored is None:
                self.write_declaration(name, declaration)
                return
            if stored == declaration:
                return
            self.decode(stored, f"the declaration of belief {name!r}")
            if not difference(stored, declaration):
                self.write_declaration(name, declaration)
            else:
                raise DeclarationError(
                    f"{self.url} has another belief {name!r}: {difference(stored, declaration)};"
                    " choose another name, or reset the stored belief"
                )

    def commit(self, changes: Changes) -> None:
        """Store all changes atomically.

        Raises
        ------
        StoreError
            If the changes cannot be stored.
        LeaseError
            If another process has taken the lease.
        """

        def write(lease: Lease, again: bool) -> Lease:
            if again and self.held and lease[:3] == self._next(self.held, 0.0)[:3]:
                return lease  # the earlier attempt was committed
            self._check_held(lease)
            self._check_position(changes)
            now = self.now()
            self.apply(changes, now)
            renewed = self._next(lease, now)
            self.write_lease(renewed)
            return renewed

        self.held = self.transact(write)

    def _check_position(self, changes: Changes) -> None:
        """Raise an error if another program changed or deleted the position of the source."""
        if changes.source is None or changes.events_before is None:
            return
        stored = self.events(changes.source)
        if stored != changes.events_before:
            raise StoreError(
                f"{self.url}: another program changed or deleted the position of source"
                f" {changes.source!r} while it was in use: expected {changes.events_before:,}"
                f" committed events, found {stored:,}; restore a backup, or start a new store"
            )

    def _next(self, lease: Lease, now: float) -> Lease:
        """Return the lease after a commit."""
        return lease._replace(serial=lease.serial + 1, expires=now + self.lease_seconds)

    @contextmanager
    def fenced_transaction(self) -> Iterator[None]:
        """Begin a transaction that fails unless this store holds the lease; it counts as a commit.

        Raises
        ------
        LeaseError
            If this store does not hold the lease.
        """
        with self.transaction() as lease:
            self._check_held(lease)
            yield
            renewed = self._next(lease, self.now())
            self.write_lease(renewed)
        self.held = renewed

    def close(self) -> None:
        """Release the lease and all resources of the store."""
        self.release()


def difference(stored: str, given: str) -> str:
    """Describe how two declarations of a belief differ, apart from their `display`.

    Examples
    --------
    >>> difference('{"by":["a"],"state":{"prior":{"alpha":1}}}', '{"by":["b"],"state":{}}')
    'by is ["a"], not ["b"]; state.prior is {"alpha":1}, not null'
    """
    old, new = (msgspec.json.decode(text) for text in (stored, given))
    for declared in (old, new):
        if isinstance(declared, dict):
            declared.pop("display", None)
    pairs = _differing("", old, new)
    return "; ".join(f"{path} is {_shown(old)}, not {_shown(new)}" for path, old, new in pairs)


def _differing(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            inner = f"{path}.{name}" if path else name
            yield from _differing(inner, old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and path != "by" and len(old) == len(new):
        for i, (each, other) in enumerate(zip(old, new, strict=True)):
            yield from _differing(f"{path}[{i}]", each, other)
    elif old != new:
        yield path, old, new


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:300]
