"""The store of a group of runners, read as a whole: the partitions merged."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from operator import attrgetter

from seqbayes.stream.codec import StateCodec, read_state
from seqbayes.stream.partials import merge_entries
from seqbayes.stream.stores.base import Store
from seqbayes.stream.stores.group import Group, group_of
from seqbayes.stream.stores.records import (
    Annotation,
    HistoryPoint,
    Lease,
    Partition,
    Runner,
    RunnerStatus,
    SeenId,
    SourcePosition,
    StoredEntry,
    StoredLetter,
    StoreError,
)

MOST_LOOKUPS = 100
"""If at most this many keys changed, their states are looked up one by one."""


class Partitioned(Store):
    """The store of a group of runners as a whole.

    Every partition has a separate store, with the lease of its runner, the position, and the
    statistics of the events in this partition. Reading merges the states of a key that occurs in
    several partitions, so that the prior counts once. The declarations of the beliefs and the
    annotations are in the store of the group itself.

    Parameters
    ----------
    whole
        The store of the group.

    Raises
    ------
    StoreError
        If the store does not belong to a group, or the store of a partition cannot be opened.
    """

    def __init__(self, whole: Store) -> None:
        super().__init__(whole.url, whole.mode)
        self._whole = whole
        with ExitStack() as opened:
            opened.callback(whole.close)
            group = group_of(whole)
            if group is None:
                raise StoreError(f"{whole.url} does not belong to a group of runners")
            self.group: Group = group
            self._parts: dict[str, Store] = {}
            for name in group.partitions:
                part = whole.open_partition(name)
                opened.callback(part.close)
                part.share(group.lease_seconds)
                self._parts[name] = part
            opened.pop_all()

    # Reading.

    def now(self) -> float:
        """Return the time of the store, in seconds since 1970."""
        return self._whole.now()

    def settings(self) -> dict[str, str]:
        """Return the settings of the group, keyed by name."""
        return self._whole.settings()

    def lease(self) -> Lease:
        """Return the lease of the group, which only administration acquires."""
        return self._whole.lease()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads in this context use the same snapshot of each partition."""
        with ExitStack() as opened:
            for store in (self._whole, *self._parts.values()):
                opened.enter_context(store.snapshot())
            yield

    def serial(self) -> tuple[int, int]:
        """Return a value that changes with every commit.

        Raises
        ------
        StoreError
            If partitions were added; open the store again.
        """
        if group_of(self._whole) != self.group:
            raise StoreError(f"{self.url}: partitions were added; open the store again")
        serials = [part.serial() for part in (self._whole, *self._parts.values())]
        return sum(epoch for epoch, _ in serials), sum(serial for _, serial in serials)

    def declarations(self) -> dict[str, str]:
        """Return the declaration (JSON) of every belief, keyed by name."""
        return self._whole.declarations()

    def entries(
        self,
        belief: str,
        key: str | None = None,
        since: float | None = None,
        strict: bool = True,
    ) -> Iterator[StoredEntry]:
        """Yield the merged states of a belief; see `ReadableStore`."""
        found: dict[str, list[StoredEntry]] = {}
        for entry in self._partial(belief, key, since, strict):
            found.setdefault(entry.key, []).append(entry)
        if not found:
            return
        codec = self._codec(belief)
        if not codec.make().mergeable:
            found = {key: _only(codec, entries, strict) for key, entries in found.items()}
        merged = [merge_entries(codec, entries) for entries in found.values()]
        merged.sort(key=attrgetter("updated", "used"))
        for used, entry in enumerate(merged, 1):
            yield entry._replace(used=used)

    def _partial(
        self, belief: str, key: str | None, since: float | None, strict: bool
    ) -> Iterator[StoredEntry]:
        """Yield all states of the keys that match."""
        parts = self._parts.values()
        if since is None:
            for part in parts:
                yield from part.entries(belief, key, None, strict)
            return
        changed = {
            entry.key for part in parts for entry in part.entries(belief, key, since, strict)
        }
        if len(changed) <= MOST_LOOKUPS:
            for each in changed:
                yield from self._partial(belief, each, None, strict)
        else:
            for entry in self._partial(belief, key, None, strict):
                if entry.key in changed:
                    yield entry

    def _codec(self, belief: str) -> StateCodec:
        what = f"the declaration of belief {belief!r}"
        declared = self.decode(self.declarations().get(belief, ""), what)
        return StateCodec(read_state(declared["state"]))

    def entry_count(self, belief: str) -> int:
        """Return the number of different keys of a belief."""
        keys: set[str] = set()
        for part in self._parts.values():
            keys.update(state.key for state in part.states(belief, ordered=False))
        return len(keys)

    def positions(self) -> list[SourcePosition]:
        """Return the position of every source, sorted by name."""
        return sorted(each for part in self._parts.values() for each in part.positions())

    def letters(self, source: str | None = None) -> Iterator[StoredLetter]:
        """Yield all dead letters, or those of a source, in order of time.

        The numbers of the letters identify them within the group.
        """
        count = len(self._parts)

        def numbered(i: int, part: Store) -> Iterator[StoredLetter]:
            return (each._replace(number=each.number * count + i) for each in part.letters(source))

        each_part = [numbered(i, part) for i, part in enumerate(self._parts.values())]
        return heapq.merge(*each_part, key=attrgetter("at"))

    def dead_letter_count(self) -> int:
        """Return the number of dead letters."""
        return sum(part.dead_letter_count() for part in self._parts.values())

    def points(self, belief: str, key: str | None = None) -> Iterator[HistoryPoint]:
        """Yield the history of a belief, or of one key, ordered by key and time."""
        return heapq.merge(*(part.points(belief, key) for part in self._parts.values()))

    def ids(self, source: str) -> Iterator[SeenId]:
        """Yield the event ids stored for a source, oldest first."""
        for part in self._parts.values():
            yield from part.ids(source)

    def annotations(self) -> list[Annotation]:
        """Return all annotations in order of time."""
        return self._whole.annotations()

    def partitions(self) -> list[Partition]:
        """Return the partitions with their runners and positions."""
        found = []
        for name, part in self._parts.items():
            position = next(iter(part.positions()), None)
            read = () if position is None else (position.source, *position[2:])
            found.append(Partition(name, part.runner(), *read))
        return found

    def runner(self) -> Runner:
        """Return all runners as one: their number, the sum of their lags, and the first error."""
        partitions = self.partitions()
        live = [each.runner for each in partitions if each.runner.alive]
        if not live:
            return Runner(None, False)
        holders = sorted({str(runner.holder) for runner in live})
        reports = [runner.status for runner in live]
        lags = [report.lag for report in reports]
        errors = [report.connection_error for report in reports if report.connection_error]
        errors += [
            f"partition {each.name} has no runner" for each in partitions if not each.runner.alive
        ]
        return Runner(
            ", ".join(holders),
            True,
            any(runner.halted for runner in live),
            max(runner.silent for runner in live),
            RunnerStatus(
                None if None in lags else sum(lag or 0 for lag in lags),
                sum(report.reconnects for report in reports),
                errors[0] if errors else None,
                max((report.read_at for report in reports if report.read_at), default=None),
            ),
        )

    # Administration.

    def transaction(self, durable: bool = True) -> AbstractContextManager[Lease]:
        """Raise an error: there is no transaction of all partitions.

        Raises
        ------
        StoreError
            Always.
        """
        raise StoreError(
            f"{self.url} belongs to a group of runners: this operation changes one partition at a"
            " time;"
            f" use the store of a partition, such as {next(iter(self._parts.values())).url}"
        )

    def acquire(self, all_partitions: bool = True) -> None:
        """Acquire the leases of all partitions, and of the group.

        Raises
        ------
        LeaseError
            If a runner owns one of the partitions.
        """
        for store in (self._whole, *self._parts.values()):
            store.acquire(all_partitions=True)

    def release(self) -> None:
        """Release the leases that this store holds."""
        with ExitStack() as released:
            for store in (self._whole, *self._parts.values()):
                released.callback(store.release)

    def open_partition(self, name: str) -> Store:
        """Open the store of a partition.

        Raises
        ------
        StoreError
            If the store cannot be opened.
        """
        return self._whole.open_partition(name)

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief from each partition in turn; after a failure, repeat this."""
        removed = sum(part.remove_belief(belief, key) for part in self._parts.values())
        self._whole.remove_belief(belief, key)
        return removed

    def remove_position(self, source: str) -> int:
        """Remove the position and the ids of a source; return the number of positions removed."""
        return sum(part.remove_position(source) for part in self._parts.values())

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters by the numbers of `letters`."""
        count, removed = len(self._parts), 0
        for i, part in enumerate(self._parts.values()):
            mine = [number // count for number in numbers if number % count == i]
            removed += part.remove_letters(mine)
        return removed

    def annotate(self, annotation: Annotation) -> None:
        """Store an annotation, and replace the one with the same id."""
        self._whole.annotate(annotation)

    def close(self) -> None:
        """Release the leases, and close all stores."""
        with ExitStack() as closed:
            for store in (self._whole, *self._parts.values()):
                closed.callback(store.close)


def _only(codec: StateCodec, entries: list[StoredEntry], strict: bool) -> list[StoredEntry]:
    """Return the only entry of a key whose states cannot be merged.

    Raises
    ------
    StoreError
        If there are several entries and `strict` is true; otherwise, one of them is returned
        without its state.
    """
    if len(entries) == 1:
        return entries
    if not strict:
        return [entries[0]._replace(state="")]
    raise StoreError(
        f"belief {entries[0].belief!r}: the key {entries[0].key} is in several partitions, and"
        f" {type(codec.make()).__name__} cannot be merged: publish all events of a key to one"
        " partition"
    )
