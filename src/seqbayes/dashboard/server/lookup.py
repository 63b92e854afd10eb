"""Find beliefs and keys that a request names."""

from __future__ import annotations

from seqbayes.dashboard.live.board import Board
from seqbayes.dashboard.live.entries import Entry
from seqbayes.dashboard.live.shelf import Shelf
from seqbayes.dashboard.server.responses import Refusal


def shelf_of(board: Board, name: str) -> Shelf:
    """Return the entries of a belief.

    Raises
    ------
    Refusal
        If the belief does not exist.
    """
    shelf = board.shelves.get(name)
    if shelf is None:
        raise Refusal(404, f"there is no belief {name[:200]!r}")
    return shelf


def entry_of(shelf: Shelf, key: str) -> Entry:
    """Return a key of a belief.

    Raises
    ------
    Refusal
        If the key does not exist.
    """
    entry = shelf.entries.get(key)
    if entry is None:
        raise Refusal(404, f"belief {shelf.about.name!r} has no key {key[:200]}")
    return entry
