"""Runners of a group: each reads the partitions of the stream that it owns."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from seqbayes.events.belief import layout_of
from seqbayes.stream.declarations import continue_stored
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.stores import LeaseError, UnavailableError, open_store
from seqbayes.stream.stores.group import Group, Membership
from seqbayes.stream.stores.records import PAUSES
from seqbayes.stream.table import KeyedStates

if TYPE_CHECKING:
    from seqbayes.stream.config import Config

BEATS_PER_LEASE = 10.0
LONGEST_BEAT_SECONDS = 1.0
"""Maximum time between two heartbeats of a member."""
IDLE_SECONDS = 0.02
"""Pause after a round in which no partition had new events."""

Notify = Callable[[str, str, str], None]


class OwnedPartition:
    """A partition that this runner owns, with its pipeline."""

    def __init__(self, name: str, pipeline: Pipeline) -> None:
        self.name, self.pipeline = name, pipeline
        self.ended = False
        self._steps = iter(pipeline)

    def step(self) -> bool:
        """Learn the next batch; return whether there was one."""
        before = self.pipeline.events
        self.ended = next(self._steps, None) is None
        return self.pipeline.events > before

    @property
    def idle(self) -> bool:
        """Whether the source has ended, or has been read to its current end."""
        return self.ended or self.pipeline.idle


class GroupRunner:
    """Learns the events of the partitions that this process owns; an iterator over rounds.

    Every partition has its own pipeline, and its own store with a lease. The runner claims
    partitions until it has its share, and gives up the partitions beyond its share after committing
    them. If another runner has taken a partition because this process was stopped for too long, the
    uncommitted events of that partition are discarded: the other runner reads them.

    Parameters
    ----------
    config
        A configuration with a group.
    collectors
        Function that returns the observers of a partition's pipeline.
    notify
        Function that is called with the name, text and level of each notice.

    Attributes
    ----------
    owned
        The partitions of this runner, keyed by name.
    events, commits, used, filtered, unused_events
        As in `Pipeline`, summed over the partitions that this runner has given up or closed.
    notices
        Messages for the user about the beliefs.

    Raises
    ------
    DeclarationError
        If the store of the group has a belief of the same name that is declared differently.
    StoreError
        If the store cannot be used by this group.
    """

    def __init__(
        self,
        config: Config,
        collectors: Callable[[], Sequence[Collector]] = tuple,
        notify: Notify = lambda event, text, level: None,
    ) -> None:
        assert config.group is not None
        self.group: Group = config.group
        self._collectors, self._notify = collectors, notify
        self._every = min(LONGEST_BEAT_SECONDS, self.group.lease_seconds / BEATS_PER_LEASE)
        self._next = -float("inf")
        self.owned: dict[str, OwnedPartition] = {}
        self.used = dict.fromkeys((belief.name for belief in config.beliefs), 0)
        self.events = self.commits = self.filtered = self.unused_events = 0
        self._failed_claims, self._claim_at = 0, -float("inf")
        self._settled = False  # whether all partitions are owned and this runner has its share
        with ExitStack() as opened:
            self.store = open_store(config.store)
            opened.callback(self.store.close)
            self._membership = Membership(self.store, self.group)
            beliefs, self.notices = continue_stored(config.beliefs, self.store)
            for belief in beliefs:  # declare beliefs once for all partitions
                self.store.declare(
                    belief.name, KeyedStates(belief, layout_of([belief], False)).declaration
                )
            self.config = dataclasses.replace(config, beliefs=beliefs)
            opened.pop_all()

    def __iter__(self) -> Iterator[Self]:
        while not self._ended:
            if time.monotonic() >= self._next:
                self._balance()
            busy = False
            for partition in list(self.owned.values()):
                busy |= self._step(partition)
                self._renew()
            if not busy:
                time.sleep(IDLE_SECONDS)
            yield self

    @property
    def idle(self) -> bool:
        """Whether every partition has been read to its end, or is being read by another runner."""
        return self._settled and all(each.idle for each in self.owned.values())

    @property
    def _ended(self) -> bool:
        owned = self.owned.values()
        return self._settled and bool(owned) and all(each.ended for each in owned)

    def _balance(self) -> None:
        """Send a heartbeat, and claim or give up partitions until this runner has its share."""
        share, free = self._membership.beat(list(self.owned))
        before = set(self.owned)
        for name in list(self.owned)[share:]:
            self._give_up(self.owned[name])
        candidates = [name for name in free if name not in before]
        for name in candidates[: max(0, share - len(self.owned))]:
            if time.monotonic() >= self._claim_at:
                self._claim(name)
        self._settled = len(self.owned) >= share and set(candidates) <= set(self.owned)
        if set(self.owned) != before:
            self._membership.beat(list(self.owned))
        self._next = time.monotonic() + self._every

    def _claim(self, name: str) -> None:
        """Claim a partition, unless its lease is held."""
        try:
            store = self.store.open_partition(name)
            store.share(self.group.lease_seconds)
            pipeline = self.config.open_partition(name, store, self._collectors(), self._notify)
        except LeaseError:
            return
        except UnavailableError as error:
            self._postpone(name, error)
            return
        self._failed_claims = 0
        self.owned[name] = OwnedPartition(name, pipeline)
        self._notify("claimed", f"reading partition {name}: {pipeline.source.name}", "info")

    def _postpone(self, name: str, error: UnavailableError) -> None:
        """Wait before the next claim, because the store could not be reached.

        Raises
        ------
        UnavailableError
            If too many claims in succession have failed.
        """
        if self._failed_claims == len(PAUSES):
            raise error
        self._claim_at = time.monotonic() + PAUSES[self._failed_claims]
        self._failed_claims += 1
        self._notify("retrying", f"cannot open partition {name}, retrying: {error}", "warning")

    def _step(self, partition: OwnedPartition) -> bool:
        """Learn the next batch of a partition; return whether there was one."""
        if partition.ended or partition.name not in self.owned:
            return False
        try:
            return partition.step()
        except LeaseError as error:
            self._lose(partition, error)
            return True

    def _renew(self) -> None:
        """Renew the leases that are due."""
        for partition in list(self.owned.values()):
            try:
                partition.pipeline.store.renew(partition.pipeline.status)
            except LeaseError as error:
                self._lose(partition, error)

    def _give_up(self, partition: OwnedPartition) -> None:
        """Commit a partition, and release it for another runner."""
        try:
            partition.pipeline.commit()
        except LeaseError as error:
            self._lose(partition, error)
            return
        self._remove(partition)
        self._notify("released", f"released partition {partition.name}", "info")

    def _lose(self, partition: OwnedPartition, error: LeaseError) -> None:
        """Discard a partition that another runner has taken."""
        self._remove(partition)
        self._notify("lost", f"lost partition {partition.name}: {error}", "warning")

    def _remove(self, partition: OwnedPartition) -> None:
        """Close the pipeline of a partition, and add its counts to the totals."""
        del self.owned[partition.name]
        pipeline = partition.pipeline
        self.events += pipeline.events
        self.commits += pipeline.commits
        self.unused_events += pipeline.unused_events
        self.filtered += pipeline.filtered
        for name, used in pipeline.used.items():
            self.used[name] += used
        pipeline.close()

    def close(self, commit: bool = False) -> None:
        """Release all partitions and leave the group.

        Parameters
        ----------
        commit
            Whether to commit first; uncommitted events are read again by another runner.
        """
        with ExitStack() as closed:
            closed.callback(self.store.close)
            closed.callback(self._membership.leave)
            for partition in list(self.owned.values()):
                closed.callback(self._give_up if commit else self._remove, partition)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.close(commit=kind is None)
