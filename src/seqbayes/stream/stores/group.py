"""Groups of runners that share a store: the partitions of their stream, and their members."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec

from seqbayes.errors import PriorError
from seqbayes.stream.stores.base import Store
from seqbayes.stream.stores.lease import Holder
from seqbayes.stream.stores.readable import ReadableStore
from seqbayes.stream.stores.records import GROUP, StoreError

T = TypeVar("T")

_MEMBER = "member "
"""Prefix of the settings that contain the members."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")

MOST_PARTITIONS = 1024


class Group(msgspec.Struct, frozen=True):
    """The partitions of a stream that a group of runners shares.

    Parameters
    ----------
    partitions
        Names of the partitions, each of up to 40 letters, digits, hyphens and underscores.
    lease_seconds
        Seconds after which a runner that does not respond is replaced.

    Raises
    ------
    PriorError
        If the names are invalid or not unique, or the time is not above zero.

    Examples
    --------
    >>> Group(("eu", "us")).lease_seconds
    30.0
    >>> Group(("a", "a"))
    Traceback (most recent call last):
    seqbayes.errors.PriorError: expected the names of partitions to be unique, got 'a' twice
    """

    partitions: tuple[str, ...]
    lease_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < len(self.partitions) <= MOST_PARTITIONS:
            raise PriorError(
                f"expected from 1 to {MOST_PARTITIONS:,} partitions, got {len(self.partitions):,}"
            )
        for i, name in enumerate(self.partitions):
            if not _NAME.fullmatch(name):
                raise PriorError(
                    "expected a partition named by up to 40 letters, digits, hyphens and"
                    f" underscores, got {name!r}"
                )
            if name in self.partitions[:i]:
                raise PriorError(
                    f"expected the names of partitions to be unique, got {name!r} twice"
                )
        if not self.lease_seconds > 0.0:
            raise PriorError(f"expected a lease above 0 seconds, got {self.lease_seconds!r}")


class Member(msgspec.Struct, frozen=True):
    """A runner of a group, and the partitions that it had at its last heartbeat."""

    holder: Holder
    expires: float
    owned: tuple[str, ...] = ()


class Standing(NamedTuple):
    """The result of a heartbeat of a member.

    Parameters
    ----------
    share
        Number of partitions that this member should have.
    free
        Partitions that no other live member has; those to claim first come first.
    """

    share: int
    free: Sequence[str]


def group_of(store: ReadableStore) -> Group | None:
    """Return the group to which a store belongs, or None.

    Raises
    ------
    StoreError
        If the setting cannot be read.
    """
    text = store.settings().get(GROUP)
    return None if text is None else _decode(store, text, Group)


def members_of(store: ReadableStore) -> dict[str, Member]:
    """Return the members of the group of a store, keyed by the name of their setting."""
    found = sorted(store.settings().items())
    return {name: _decode(store, text, Member) for name, text in found if name.startswith(_MEMBER)}


def _decode(store: ReadableStore, text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise StoreError(f"{store.url} is damaged: its group cannot be read ({error})") from None


class Membership:
    """The membership of this process in the group of a store.

    The members divide the partitions evenly among themselves. Their records say which partitions a
    member should claim or give up; whether it may write to a partition is decided by the lease of
    the partition alone.

    Parameters
    ----------
    store
        The store of the group; its partitions have separate stores.
    group
        The partitions. Partitions that the store does not know yet are added to it.

    Raises
    ------
    StoreError
        If the store contains the beliefs of a single runner, or partitions that `group` lacks.

    Examples
    --------
    >>> from seqbayes.stream.stores import open_store
    >>> store = open_store("memory:members")
    >>> first = Membership(store, Group(("0", "1", "2")))
    >>> first.beat([]).share
    3
    >>> second = Membership(store, Group(("0", "1", "2")))
    >>> joined = second.beat([])
    >>> first.beat(["0", "2"]).share + second.beat([]).share
    3
    >>> second.beat([]).free
    ['1']
    >>> first.leave()
    >>> second.beat([]).share
    3
    >>> second.leave()
    """

    def __init__(self, store: Store, group: Group) -> None:
        self._store, self.group = store, group
        self._holder = Holder.own()
        self._name = _MEMBER + self._holder.token
        known = group_of(store)
        for name in group.partitions:
            if known is None or name not in known.partitions:
                # create the store, so that readers find all partitions
                store.open_partition(name).close()
        store.transact(lambda lease, again: self._join())
        self._holder.keep()

    def _join(self) -> None:
        store, known = self._store, group_of(self._store)
        if known is None and (store.positions() or store.declarations()):
            raise StoreError(
                f"{store.url} contains the beliefs of a single runner: a group needs a new store,"
                " such as another schema of the database"
            )
        lacking = [] if known is None else sorted({*known.partitions} - {*self.group.partitions})
        if lacking:
            raise StoreError(
                f"{store.url} has a partition {lacking[0]!r} that the configuration lacks:"
                " partitions can be added to a group, but not removed"
            )
        if known != self.group:
            store.write_setting(GROUP, msgspec.json.encode(self.group).decode())

    def beat(self, owned: Sequence[str]) -> Standing:
        """Send a heartbeat with the owned partitions; remove members that have expired."""
        return self._store.transact(lambda lease, again: self._beat(owned), durable=False)

    def _beat(self, owned: Sequence[str]) -> Standing:
        store, now = self._store, self._store.now()
        mine = Member(self._holder, now + self.group.lease_seconds, tuple(owned))
        members = members_of(store) | {self._name: mine}
        for name, member in list(members.items()):
            if not is_live(member, now):
                del members[name]
                store.write_setting(name, None)
        store.write_setting(self._name, msgspec.json.encode(mine).decode())
        names = sorted(members)
        rank, partitions = names.index(self._name), self.group.partitions
        whole, rest = divmod(len(partitions), len(names))
        taken = {each for name in names if name != self._name for each in members[name].owned}
        first = len(partitions) * rank // len(names)
        free = [each for each in (*partitions[first:], *partitions[:first]) if each not in taken]
        return Standing(whole + (rank < rest), free)

    def leave(self) -> None:
        """Remove this member.

        Raises
        ------
        StoreError
            If the record of the member cannot be removed; the record then expires.
        """
        self._holder.drop()
        self._store.transact(lambda lease, again: self._store.write_setting(self._name, None))


def is_live(member: Member, now: float) -> bool:
    """Whether a member has sent a heartbeat in time, and its process is not known to have ended."""
    holder = member.holder
    return member.expires > now and (not holder.local or holder.is_running)
