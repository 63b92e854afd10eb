"""Listings of keys that clients read page by page while events arrive."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self, overload

import msgspec

from seqbayes.dashboard.live.entries import Entry
from seqbayes.errors import ObservationError

MAX_LISTINGS = 8
"""Maximum number of listings kept per belief; the most recently read ones are kept."""


class Cursor(NamedTuple):
    """The end of a page of a listing, from which the next page continues.

    Parameters
    ----------
    listing
        The id of the listing.
    position
        Number of keys before the end of the page.
    key
        The last key of the page; empty for a cursor that consists of a position only.
    """

    listing: str
    position: int
    key: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """Decode a cursor.

        Raises
        ------
        ObservationError
            If `text` is not a cursor.

        Examples
        --------
        >>> Cursor.read(Cursor("1f", 100, '["north"]').write())
        Cursor(listing='1f', position=100, key='["north"]')
        """
        try:
            found = msgspec.json.decode(bytes.fromhex(text), type=tuple[str, int, str])
        except (ValueError, msgspec.MsgspecError):
            found = ("", -1, "")
        if found[1] < 0:
            raise ObservationError("expected the cursor of a previous page")
        return cls(*found)

    def write(self) -> str:
        """Encode the cursor as text."""
        return msgspec.json.encode(self).hex()


class Page(NamedTuple):
    """Some entries of a listing, the number of all entries, and the next page's cursor, if any."""

    entries: list[Entry]
    total: int
    following: str | None


class Ordered(Sequence[Entry]):
    """Entries in another order; each is looked up only when it is read.

    Parameters
    ----------
    entries
        The entries.
    order
        The index of each entry in the new order, an array.
    """

    def __init__(self, entries: Sequence[Entry], order: Any) -> None:
        self._entries, self._order = entries, order

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...
    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        if isinstance(index, slice):
            return [self._entries[i] for i in self._order[index].tolist()]
        return self._entries[int(self._order[index])]


class Listings:
    """A belief's most recently read listings; each is the order of the keys at one time.

    A listing does not change while events arrive: a client that follows its cursors gets every key
    once, and the keys are not sorted again for later pages.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Any, Sequence[Entry]]] = {}

    def page(
        self,
        query: tuple[Any, ...],
        rank: Callable[[], Sequence[Entry]],
        entries: Mapping[str, Entry],
        cursor: Cursor | None,
        limit: int,
    ) -> Page:
        """Return a page of the keys.

        Parameters
        ----------
        query
            The search text and the sort order, with the level of the intervals.
        rank
            Returns all matching keys, in order.
        entries
            All keys that still exist.
        cursor
            The end of the previous page; None for the first page. If its listing is no longer kept,
            the page continues after its last key in a new listing, or at the same position if the
            key was deleted.
        limit
            Maximum number of keys.
        """
        name, position = ("", 0) if cursor is None else (cursor.listing, cursor.position)
        of, listed = self._kept.pop(name, (None, None))
        if listed is None or of != query:
            name, listed = secrets.token_hex(4), rank()
            if cursor is not None and cursor.key:
                keys = (i for i, entry in enumerate(listed, 1) if entry.key == cursor.key)
                position = next(keys, position)
        self._kept[name] = query, listed
        if len(self._kept) > MAX_LISTINGS:
            del self._kept[next(iter(self._kept))]
        chosen: list[Entry] = []
        while len(chosen) < limit and position < len(listed):
            entry = listed[position]
            position += 1
            if entries.get(entry.key) is entry:
                chosen.append(entry)
        more = chosen and position < len(listed)
        following = Cursor(name, position, chosen[-1].key).write() if more else None
        return Page(chosen, len(listed), following)
