"""``dead-letters``: the events that could not be used, and what becomes of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from seqbayes.console.log import Tracker
from seqbayes.console.text import printable
from seqbayes.events.fields import Layout
from seqbayes.stream.config import Config
from seqbayes.stream.pipeline import LONGEST_RAW
from seqbayes.stream.store import (
    Changes,
    DeadLetter,
    Store,
    StoredLetter,
    StoredState,
    open_store,
)
from seqbayes.stream.table import Table

CHUNK = 2000
"""Letters that are used in one transaction."""


@dataclass
class Retried:
    """How many dead letters were used, and how many are left."""

    used: int = 0
    left: int = 0


class DeadLetters:
    """The events of a store that could not be used.

    Parameters
    ----------
    url
        Of the store.
    source
        Only those of a source of this name.

    Raises
    ------
    StoreError
        If the store cannot be read or written.
    """

    def __init__(self, url: str, source: str | None = None) -> None:
        self.url = url
        self.source = source

    def __iter__(self) -> Iterator[StoredLetter]:
        with open_store(self.url, "read") as store, store.snapshot():
            yield from store.letters(self.source)

    def drop(self, numbers: Sequence[int] | None = None) -> int:
        """Remove dead letters, all by default; what they tell is lost.

        Parameters
        ----------
        numbers
            Theirs. Those of another source than was named stay.

        Returns
        -------
        int
            How many there were.
        """
        if numbers is None or self.source is not None:
            asked = None if numbers is None else set(numbers)
            found = [letter.number for letter in self]
            numbers = [number for number in found if asked is None or number in asked]
        with open_store(self.url, "open") as store:
            return store.remove_letters(numbers)

    def retry(self, config: Config, tracker: Tracker | None = None) -> Retried:
        """Let beliefs learn what they can use now, under a corrected configuration.

        Each of these events enters its belief, or all of them where it could not even be decoded,
        exactly once: it leaves the dead letters in the transaction that stores the belief. Others
        stay. A belief that forgets by time gives an event the weight that it would have had; one
        that depends on the order of events learns it now.

        Parameters
        ----------
        config
            The configuration. The events must be those of its source, unless another was named.
        tracker
            What tells how far it is.

        Raises
        ------
        LeaseError
            If a runner has the store.
        """
        with open_store(self.url, "open") as store:
            source = config.open_source()
            name, text = source.name, source.text
            source.close()
            retry = _Retry(store, config, text)
            letters: Iterator[StoredLetter] = iter(list(store.letters(self.source or name)))
            if tracker is not None:
                letters = iter(tracker.track(letters))
            while chunk := list(itertools.islice(letters, CHUNK)):
                retry.learn(chunk)
            return retry.done


class _Retry:
    """Beliefs at work on dead letters."""

    def __init__(self, store: Store, config: Config, text: bool) -> None:
        self.done = Retried()
        self._store = store
        self._text = text
        slots = [slot for belief in config.beliefs for slot in belief.slots]
        self._layout = Layout(slots, text)
        self._tables = {belief.name: Table(belief, self._layout) for belief in config.beliefs}
        store.acquire()
        for name, table in self._tables.items():
            store.declare(name, table.declaration)
            table.restore((row.key, row.state, row.used) for row in store.states(name))

    def learn(self, letters: Sequence[StoredLetter]) -> None:
        """Learn what can be used of some letters, and commit that."""
        records = {each.number: self._record(each.letter) for each in letters}
        usable = [each for each in letters if records[each.number] is not None]
        settled: list[int] = []
        refused: list[DeadLetter] = []
        for name in ("", *self._tables):
            chosen = [each for each in usable if each.letter.belief == name]
            batch: list[Any] = [records[each.number] for each in chosen]
            bad: set[int] = set()
            events, index = self._layout.decode(
                batch,
                lambda i, reason, bad=bad: bad.add(i),  # type: ignore[misc]
            )
            if name:
                self._tables[name].learn(events, index, lambda i, reason, bad=bad: bad.add(i))  # type: ignore[misc]
            else:
                refused += self._learn_by_all(chosen, events, index)
            settled += [each.number for i, each in enumerate(chosen) if i not in bad]
        self._commit(settled, refused)
        self.done.used += len(settled)
        self.done.left += len(letters) - len(settled)

    def _learn_by_all(
        self, letters: Sequence[StoredLetter], events: Sequence[Any], index: Sequence[int]
    ) -> list[DeadLetter]:
        """Let all beliefs learn events that can be decoded now; return what some refuse."""
        refused: list[DeadLetter] = []
        for name, table in self._tables.items():
            table.learn(
                events,
                index,
                lambda i, why, name=name: refused.append(  # type: ignore[misc]
                    letters[i].letter._replace(belief=name, reason=printable(why, 500))
                ),
            )
        return refused

    def _record(self, letter: DeadLetter) -> bytes | Mapping[str, Any] | None:
        """Return the event as its source gave it; None where there is not all of it."""
        if len(letter.raw) >= LONGEST_RAW:
            return None
        if not self._text:
            return letter.raw
        try:
            return msgspec.json.decode(letter.raw, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _commit(self, settled: Sequence[int], refused: Sequence[DeadLetter]) -> None:
        if not settled:
            return
        states = [
            StoredState(name, *row)
            for name, table in self._tables.items()
            for row in table.changes()
        ]
        gone = [(name, key) for name, table in self._tables.items() for key in table.gone]
        changes = Changes(None, None, 0, states, gone, refused, [], settled)
        self._store.commit(changes)
        for table in self._tables.values():
            table.committed()


def dead_letters(url: str, source: str | None = None) -> DeadLetters:
    """Return the events of a store that could not be used, to iterate over, retry or drop.

    Parameters
    ----------
    url
        Of the store.
    source
        Only those of a source of this name.
    """
    return DeadLetters(url, source)
