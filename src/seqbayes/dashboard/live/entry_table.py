"""The keys of one belief, found and ranked."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from seqbayes.dashboard import views
from seqbayes.dashboard.live.descriptions import BeliefDescription
from seqbayes.dashboard.live.entries import Entry, Update, make_counts, make_rankings, rankings_of
from seqbayes.dashboard.live.listings import Cursor, Listings, Page
from seqbayes.dashboard.live.recent import EventEffect
from seqbayes.stream.stores import StoreError

SORTS = ("n", "mean", "low", "width", "rate", "updated", "key")

MAX_KEYS_WITH_EVENTS = 1000
"""Maximum number of keys of a belief whose last events are kept: those with the latest events."""

MAX_WARNINGS = 20
"""Number of keys, those with most data, whose warnings are reported."""


class EntryTable:
    """The entries of one belief."""

    def __init__(self, description: BeliefDescription) -> None:
        self.description = description
        self.entries: dict[str, Entry] = {}
        self._top: tuple[int, int, list[Entry]] | None = None
        self._listings = Listings()
        self._found: tuple[tuple[Any, ...], list[Entry]] | None = None
        self.with_events: dict[str, Entry] = {}
        self.version = 0

    def put(self, key: str, update: Update) -> tuple[Entry, list[EventEffect]]:
        """Store a copy of a key's state; return its entry, and events if a client watches."""
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
        """Return the states by key, or their JSON where they have not been decoded."""
        return {key: entry.stored for key, entry in self.entries.items()}

    def top(self, most: int) -> list[Entry]:
        """Return the entries with the most data."""
        if self._top is None or self._top[:2] != (self.version, most):
            make_counts(self.entries.values())
            ranked = heapq.nlargest(most, self.entries.values(), key=lambda e: e.n)
            self._top = (self.version, most, ranked)
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
    ) -> list[Entry]:
        """Return the entries whose keys contain a string, in order.

        The most recent result is reused until a key changes, so that reading successive pages does
        not sort all keys again. An order by rate is not reused, because rates change with time.
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
    ) -> list[Entry]:
        wanted = text.casefold()
        found = [e for e in self.entries.values() if not wanted or wanted in e.key.casefold()]
        rank: Mapping[str, Callable[[Entry], Any]] = {
            "n": lambda e: e.n,
            "mean": lambda e: e.ranking.mean,
            "low": lambda e: e.ranking.low,
            "width": lambda e: e.ranking.width,
            "rate": lambda e: e.rate(now),
            "updated": lambda e: e.updated,
            "key": lambda e: e.collated,
        }
        if sort in ("low", "width") and level != views.LEVEL:
            ends = [each.low if sort == "low" else each.width for each in rankings_of(found, level)]
            ranked: list[tuple[Any, Entry]] = list(zip(ends, found, strict=True))
        else:
            if sort in ("mean", "low", "width"):
                make_rankings(found)
            if sort == "n":
                make_counts(found)
            ranked = [(rank[sort](entry), entry) for entry in found]
        known = [pair for pair in ranked if pair[0] is not None]
        known.sort(key=lambda pair: pair[0], reverse=descending)
        return [e for _, e in known] + [e for value, e in ranked if value is None]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())
