"""The part of the store interface that readers use, without SQL."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self

import msgspec

from seqbayes.stream.stores.lease import Holder
from seqbayes.stream.stores.records import (
    STREAM,
    Annotation,
    Contents,
    HistoryPoint,
    Lease,
    Partition,
    Reason,
    Runner,
    RunnerStatus,
    SeenId,
    SourcePosition,
    StateRows,
    StoredAlert,
    StoredEntry,
    StoredLetter,
    StoredMessage,
    StoredState,
    StoreError,
)

CHUNK = 5000
"""Number of states that are read or inserted at once."""

CLASH = "places that clash"
"""The only key of the token that a merge stores if the merged stores have different tokens."""


class ReadableStore:
    """The part of a store that readers use.

    A subclass implements the first group of methods. The other methods call these; a database
    overrides the ones for which it has a faster implementation.
    """

    url: str
    """URL of the store without credentials, for use in messages."""

    lease_seconds: float = 30.0
    """Seconds after which the lease of a process on another machine expires."""

    def lease(self) -> Lease:
        """Return the lease."""
        raise NotImplementedError

    def declarations(self) -> dict[str, str]:
        """Return the declaration (JSON) of every belief, keyed by name."""
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
            Whether to raise an error for a state that does not match its checksum; otherwise its
            JSON is yielded as an empty string.
        """
        raise NotImplementedError

    def positions(self) -> list[SourcePosition]:
        """Return the position of every source, sorted by name."""
        raise NotImplementedError

    def letters(self, source: str | None = None) -> Iterator[StoredLetter]:
        """Yield all dead letters, or only the dead letters of a source, in order."""
        raise NotImplementedError

    def points(self, belief: str, key: str | None = None) -> Iterator[HistoryPoint]:
        """Yield the history of a belief, or of one key, ordered by key and time."""
        raise NotImplementedError

    def ids(self, source: str) -> Iterator[SeenId]:
        """Yield the event ids stored for a source, oldest first."""
        raise NotImplementedError

    def alerts(self) -> list[StoredAlert]:
        """Return the states of all alerts, sorted; a store that `keeps_alerts` overrides this."""
        return []

    def messages(self) -> list[StoredMessage]:
        """Return alert messages, oldest first; a store that `keeps_alerts` overrides this."""
        return []

    def annotations(self) -> list[Annotation]:
        """Return all annotations, oldest first; a store that supports `annotate` overrides this."""
        return []

    def settings(self) -> dict[str, str]:
        """Return settings, keyed by name; a store that supports groups overrides this."""
        return {}

    def partitions(self) -> list[Partition]:
        """Return the partitions, or an empty list if there is no group of runners."""
        return []

    # Methods that call the abstract methods.

    def now(self) -> float:
        """Return the time of the store, in seconds since 1970."""
        return time.time()

    def snapshot(self) -> AbstractContextManager[None]:
        """Make all reads in this context use the same snapshot."""
        return nullcontext()

    def serial(self) -> tuple[int, int]:
        """Return a value that changes with every commit; fast enough for polling."""
        lease = self.lease()
        return lease.epoch, lease.serial

    def beliefs(self) -> dict[str, Any]:
        """Return the decoded declaration of every belief, keyed by name."""
        return {
            name: self.decode(text, f"the declaration of belief {name!r}")
            for name, text in self.declarations().items()
        }

    def states(self, belief: str, ordered: bool = True) -> Iterator[StoredState]:
        """Yield the states of a belief without their times.

        Parameters
        ----------
        belief
            Name of the belief.
        ordered
            Whether the least recently used states come first; otherwise the order is undefined.
        """
        return (StoredState(*entry[:4]) for entry in self.entries(belief))

    def state_rows(self, belief: str) -> Iterator[StateRows]:
        """Yield the states of a belief in no particular order, without an object for each state.

        Parameters
        ----------
        belief
            Name of the belief.
        """
        rows = ((each.place, *each[1:4]) for each in self.states(belief, ordered=False))
        while chunk := list(itertools.islice(rows, CHUNK)):
            yield StateRows("", "", chunk)

    def entry_count(self, belief: str) -> int:
        """Return the number of states of a belief."""
        return sum(1 for _ in self.entries(belief))

    def stale_keys(self, belief: str, before: float, limit: int) -> list[str]:
        """Return up to `limit` keys of a belief that were last updated before a time."""
        stale = (each.key for each in self.entries(belief) if each.updated < before)
        return list(itertools.islice(stale, limit))

    def events(self, source: str) -> int:
        """Return the number of committed events of a source."""
        return next(
            (position.events for position in self.positions() if position.source == source), 0
        )

    def token(self, source: str) -> Any:
        """Return the last committed token of a source; None before the first commit.

        Raises
        ------
        StoreError
            If the store was merged from stores with different tokens of this source.
        """
        text = next(
            (position.token for position in self.positions() if position.source == source), None
        )
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
            If `text` is invalid; the message begins with the description `what`.
        """
        try:
            return msgspec.json.decode(text)
        except (msgspec.MsgspecError, TypeError, UnicodeError) as error:
            raise self._damaged(what, error) from None

    def _damaged(self, what: str, why: object) -> StoreError:
        """Return the error for contents that cannot be read."""
        return StoreError(f"{self.url} is damaged: {what} cannot be read ({why}): restore a backup")

    def newest_letters(self, belief: str | None = None, limit: int = 50) -> list[StoredLetter]:
        """Return the newest dead letters, newest first.

        Parameters
        ----------
        belief
            Return only letters of this belief, and events that could not be decoded.
        limit
            Maximum number of letters.
        """
        wanted = (None, "", belief)
        letters = [
            stored for stored in self.letters() if belief is None or stored.letter.belief in wanted
        ]
        return letters[: -limit - 1 : -1]

    def reasons(self, limit: int = 20) -> list[Reason]:
        """Return the most common reasons for dead letters."""
        counts = Counter((each.letter.belief, each.letter.reason) for each in self.letters())
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [Reason(*reason, n) for reason, n in ranked[:limit]]

    def dead_letter_count(self) -> int:
        """Return the number of dead letters."""
        return sum(1 for _ in self.letters())

    def history(self, belief: str, key: str) -> list[HistoryPoint]:
        """Return the history of one key of a belief."""
        return list(self.points(belief, key))

    def contents(self) -> Contents:
        """Return everything that the store contains; call this within one `snapshot`."""
        names, positions = self.declarations(), self.positions()
        return Contents(
            names,
            (entry for name in names for entry in self.entries(name)),
            positions,
            self.letters(),
            (point for name in (STREAM, *names) for point in self.points(name)),
            ((place.source, each) for place in positions for each in self.ids(place.source)),
            self.alerts(),
            self.messages(),
            self.annotations(),
        )

    def copy_file(self, path: Path) -> bool:
        """Write a consistent copy to a new file, without a runner, if the store is a file.

        Parameters
        ----------
        path
            The new file.

        Returns
        -------
        bool
            Whether the copy was written; if not, the caller must copy `contents`.
        """
        return False

    def runner(self) -> Runner:
        """Return the process that holds the lease."""
        lease = self.lease()
        if lease.holder is None:
            return Runner(None, False)
        holder = self._holder_of(lease)
        silent = self.now() - (lease.expires - self.lease_seconds)
        alive = holder.is_running if holder.local else silent < self.lease_seconds
        halted = alive and holder.local and holder.halted
        return Runner(str(holder), alive, halted, max(silent, 0.0), self._status_of(lease))

    def _holder_of(self, lease: Lease) -> Holder:
        try:
            return Holder.read(lease.holder or "")
        except (msgspec.MsgspecError, TypeError) as error:
            raise self._damaged("the holder of its lease", error) from None

    def _status_of(self, lease: Lease) -> RunnerStatus:
        try:
            return (
                RunnerStatus()
                if lease.status is None
                else msgspec.json.decode(lease.status, type=RunnerStatus)
            )
        except (msgspec.MsgspecError, TypeError) as error:
            raise self._damaged("the heartbeat of its runner", error) from None

    def close(self) -> None:
        """Release the resources of the store."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
