"""What a store in SQL holds, read."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from seqbayes.stream.stores.base import (
    DeadLetter,
    HistoryPoint,
    Place,
    SeenId,
    StoredEntry,
    StoredLetter,
    StoredState,
    StoreError,
)

CLASH = "places that clash"
"""The one key of a token that a merge has left: its stores stood at different places."""


class SqlReader:
    """Reads the tables; subclasses know how to reach the database.

    Parameters
    ----------
    url
        Its name in messages.
    """

    types: dict[str, str]
    """The database's names of types."""

    def __init__(self, url: str) -> None:
        self.url = url

    # What a database supplies.

    def _translated(self) -> AbstractContextManager[None]:
        """Raise `StoreError` for the errors of the database."""
        raise NotImplementedError

    def _transaction(self) -> AbstractContextManager[None]:
        """Begin; commit at the end, or roll back and raise `StoreError`."""
        raise NotImplementedError

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement in which ``?`` stands for a parameter, and return its rows."""
        raise NotImplementedError

    def _insert(self, table: str, rows: Sequence[Sequence[Any]], conflict: str = "") -> None:
        """Insert many rows."""
        raise NotImplementedError

    def _stream(self, sql: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Yield rows without holding all of them."""
        raise NotImplementedError

    def _has_tables(self) -> bool:
        raise NotImplementedError

    def _now(self) -> float:
        return time.time()

    # What it holds.

    def declarations(self) -> dict[str, str]:
        """Return the declaration of every belief by name, as JSON texts."""
        sql = "SELECT name, declaration FROM seqbayes_beliefs ORDER BY name"
        return dict(self._stream(sql, []))

    def beliefs(self) -> dict[str, Any]:
        """Return the declaration of every belief by name."""
        return {name: msgspec.json.decode(text) for name, text in self.declarations().items()}

    def token(self, source: str) -> Any:
        """Return the token up to which a source has been committed; None before.

        Raises
        ------
        StoreError
            If the store was merged from some that had come to different places.
        """
        found = list(self._stream("SELECT token FROM seqbayes_sources WHERE name = ?", [source]))
        token = msgspec.json.decode(found[0][0]) if found else None
        if isinstance(token, dict) and CLASH in token:
            raise StoreError(
                f"{self.url} was merged from stores in which {source!r} stood at different places:"
                f" read it under another name, or from its beginning (seqbayes reset --source)"
            )
        return token

    def states(self, belief: str) -> Iterator[StoredState]:
        """Yield the states of a belief, least recently used first."""
        sql = "SELECT belief, key, state, used FROM seqbayes_states WHERE belief = ? ORDER BY used"
        return map(StoredState._make, self._stream(sql, [belief]))

    def ids(self, source: str) -> Iterator[SeenId]:
        """Yield the identities that a source has committed and not forgotten, oldest first."""
        sql = "SELECT id, number, note FROM seqbayes_ids WHERE source = ? ORDER BY number"
        return map(SeenId._make, self._stream(sql, [source]))

    def entries(self, belief: str, key: str | None = None) -> Iterator[StoredEntry]:
        """Yield the states of a belief, or of one key, with their times, in order of use."""
        of, values = _of(belief, key)
        sql = (
            "SELECT belief, key, state, used, since, updated FROM seqbayes_states"
            f" WHERE {of} ORDER BY used"
        )
        return map(StoredEntry._make, self._stream(sql, values))

    def entry_count(self, belief: str) -> int:
        """Return how many states a belief has."""
        sql = "SELECT count(*) FROM seqbayes_states WHERE belief = ?"
        ((count,),) = self._stream(sql, [belief])
        return int(count)

    def places(self) -> list[Place]:
        """Return where every source stands."""
        sql = "SELECT name, token, events, updated FROM seqbayes_sources ORDER BY name"
        return [Place(*row) for row in self._stream(sql, [])]

    def events(self, source: str) -> int:
        """Return how many events of a source have been committed."""
        return next((place.events for place in self.places() if place.source == source), 0)

    def letters(self, source: str | None = None) -> Iterator[StoredLetter]:
        """Yield the dead letters, or those of a source, in order."""
        sql = (
            "SELECT id, source, position, belief, raw, reason, at FROM seqbayes_dead_letters"
            f"{'' if source is None else ' WHERE source = ?'} ORDER BY id"
        )
        rows = self._stream(sql, [] if source is None else [source])
        for number, name, position, belief, raw, reason, at in rows:
            letter = DeadLetter(name, position, belief, bytes(raw), reason)
            yield StoredLetter(number, letter, at)

    def dead_letters(self) -> Iterator[tuple[int, DeadLetter]]:
        """Yield the number and content of every dead letter, in order."""
        return ((number, letter) for number, letter, _ in self.letters())

    def dead_letter_count(self) -> int:
        """Return how many dead letters there are."""
        ((count,),) = self._stream("SELECT count(*) FROM seqbayes_dead_letters", [])
        return int(count)

    def history(self, belief: str, key: str) -> list[HistoryPoint]:
        """Return what one key of a belief has been over time."""
        return list(self._points(belief, key))

    def points(self, belief: str) -> Iterator[HistoryPoint]:
        """Yield what a belief has been over time, key by key."""
        return self._points(belief, None)

    def _points(self, belief: str, key: str | None) -> Iterator[HistoryPoint]:
        of, values = _of(belief, key)
        sql = (
            "SELECT belief, key, at, summary FROM seqbayes_history"
            f" WHERE {of} ORDER BY belief, key, at"
        )
        return map(HistoryPoint._make, self._stream(sql, values))


def _of(belief: str, key: str | None) -> tuple[str, list[str]]:
    """Return the condition for a belief, or for a key of it, and its parameters."""
    if key is None:
        return "belief = ?", [belief]
    return "belief = ? AND key = ?", [belief, key]
