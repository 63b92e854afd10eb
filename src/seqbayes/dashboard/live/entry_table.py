"""The keys of one belief, found and ranked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np

from seqbayes.dashboard import views
from seqbayes.dashboard.live.collation import natural_order
from seqbayes.dashboard.live.descriptions import BeliefDescription
from seqbayes.dashboard.live.entries import Entry, Update, make_rankings, rankings_of
from seqbayes.dashboard.live.listings import Cursor, Listings, Ordered, Page
from seqbayes.dashboard.live.recent import EventEffect
from seqbayes.stream.stores import StoreError

Array = Any

SORTS = ("n", "mean", "low", "width", "rate", "updated", "key")

MAX_KEYS_WITH_EVENTS = 1000
"""Maximum number of keys per belief whose last events are kept: the most recently used keys."""

MAX_WARNINGS = 20
"""Number of keys whose warnings are reported; the keys with the most data are chosen."""


class EntryTable:
    """The entries of one belief."""

    def __init__(self, description: BeliefDescription) -> None:
        self.description = description
        self.entries: dict[str, Entry] = {}
        self._top: tuple[int, int, list[Entry]] | None = None
        self._listings = Listings()
        self._found: tuple[tuple[Any, ...], Sequence[Entry]] | None = None
        self.with_events: dict[str, Entry] = {}
        self.version = 0

    def count(self, changed: Mapping[str, Update]) -> None:
        """Read the data weights of states that will be replaced together; rates require them."""
        replaced = [
            entry
            for key, update in changed.items()
            if update.events == 0.0 and update.state is not None
            if (entry := self.entries.get(key)) is not None and entry.uncounted
        ]
        answers = (
            self.description.answers([entry.stored for entry in replaced]) if replaced else None
        )
        if answers is not None:
            for entry, n in zip(replaced, answers.n_samples.tolist(), strict=True):
                entry.known_n = n

    def put(self, key: str, update: Update) -> tuple[Entry, list[EventEffect]]:
        """Store a copy of a key's state; return its entry, and the events that clients watch."""
        entry = self.entries.get(key)
        if entry is None:
            began = update.updated if update.since is None else update.since
            entry = self.entries[key] = Entry(self.description, key, began)
        events = entry.trace(update)
        if entry.recent_events is not None:
            self.with_events.pop(key, None)
            self.with_events[key] = entry
            if len(self.with_events) > MAX_KEYS_WITH_EVENTS:
                self.with_events.pop(next(iter(self.with_events))).recent_events = None
        entry.replace(update)
        return entry, events

    def drop(self, key: str) -> None:
        """Delete a key."""
        self.entries.pop(key, None)
        self.with_events.pop(key, None)

    def snapshot(self) -> dict[str, Any]:
        """Return the states, or their JSON where they have not been decoded, keyed by key."""
        return {key: entry.stored for key, entry in self.entries.items()}

    def top(self, most: int) -> list[Entry]:
        """Return the entries with the most data."""
        if self._top is None or self._top[:2] != (self.version, most):
            entries = list(self.entries.values())
            ranked = _in_order(entries, self._values(entries, "n", 0.0, views.LEVEL), True)
            self._top = (self.version, most, list(ranked[:most]))
        return self._top[2]

    def warnings(self) -> list[dict[str, str]]:
        """Return the warnings about the keys with the most data."""
        if not views.warns(self.description.kind):
            return []
        found: list[dict[str, str]] = []
        for entry in self.top(MAX_WARNINGS):
            with suppress(StoreError):  # the card of the key reports the error
                found.extend(
                    {"belief": self.description.name, "id": entry.key, "text": text}
                    for text in views.warnings_about(entry.state)
                )
        return found

    def search(
        self,
        text: str,
        sort: str,
        descending: bool,
        now: float,
        level: float = views.LEVEL,
    ) -> Sequence[Entry]:
        """Return the entries whose keys contain a string, in order.

        The most recent result is reused until a key changes, so that the keys are not sorted again
        for each of several successive pages. An order by rate is not reused, because rates change
        with time.
        """
        query = (self.version, text, sort, descending, level)
        if self._found is None or self._found[0] != query or sort == "rate":
            self._found = (query, self._ranked(text, sort, descending, now, level))
        return self._found[1]

    def page(
        self,
        text: str,
        sort: str,
        descending: bool,
        now: float,
        level: float,
        cursor: Cursor | None,
        limit: int,
    ) -> Page:
        """Return a page of the entries whose keys contain a string; see `Listings`."""
        query = (text, sort, descending, level)
        rank = partial(self.search, text, sort, descending, now, level)
        return self._listings.page(query, rank, self.entries, cursor, limit)

    def _ranked(
        self, text: str, sort: str, descending: bool, now: float, level: float
    ) -> Sequence[Entry]:
        found, wanted = list(self.entries.values()), text.casefold()
        if wanted:
            found = [entry for entry in found if wanted in entry.key.casefold()]
        if sort == "key":
            order = natural_order(list(map(attrgetter("key"), found)))
            return Ordered(found, order[::-1] if descending else order)
        return _in_order(found, self._values(found, sort, now, level), descending)

    def _values(self, entries: Sequence[Entry], sort: str, now: float, level: float) -> Array:
        """Return the values by which entries are sorted; NaN marks a missing value."""
        if sort == "rate":
            return np.array([entry.rate(now) for entry in entries], float)
        if sort == "updated":
            return np.array([entry.updated for entry in entries], float)
        stored = list(map(attrgetter("stored"), entries))
        if set(map(type, stored)) == {str}:
            found = self._values_together(stored, sort, level)
            return _values_of_each(entries, sort, level) if found is None else found
        together = np.array([type(each) is str for each in stored], bool)
        texts = [each for each in stored if type(each) is str]
        found = self._values_together(texts, sort, level)
        if found is None:
            return _values_of_each(entries, sort, level)
        values = np.empty(len(entries))
        values[together] = found
        rest = np.flatnonzero(~together)
        values[rest] = _values_of_each([entries[i] for i in rest.tolist()], sort, level)
        return values

    def _values_together(self, texts: Sequence[str], sort: str, level: float) -> Array | None:
        """Return the values of stored states; None if the states must be read one at a time."""
        answers = self.description.answers(texts) if texts else None
        if answers is None or sort == "n":
            return None if answers is None else answers.n_samples
        return views.sort_values(self.description.make(), answers, sort, level)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())


def _in_order(entries: Sequence[Entry], values: Array, descending: bool) -> Sequence[Entry]:
    """Return entries in the order of values; entries without a value (NaN) are last."""
    return Ordered(entries, np.argsort(-values if descending else values, kind="stable"))


def _values_of_each(entries: Sequence[Entry], sort: str, level: float) -> Array:
    """Return the sort values of one belief's entries, computed from each state."""
    if sort == "n":
        return np.array([entry.n for entry in entries], float)
    if sort != "mean" and level != views.LEVEL:
        rankings = list(rankings_of(entries, level))
    else:
        make_rankings(entries)
        rankings = [entry.ranking for entry in entries]
    found = [getattr(each, sort) for each in rankings]
    return np.array(found, float)  # None becomes NaN
