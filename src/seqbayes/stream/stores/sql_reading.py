"""Reads the contents of an SQL store."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from seqbayes.stream.stores.abbreviation import Abbreviation
from seqbayes.stream.stores.database import NUMBER, Database, have_types
from seqbayes.stream.stores.readable import CHUNK
from seqbayes.stream.stores.records import (
    Annotation,
    DeadLetter,
    HistoryPoint,
    Reason,
    SeenId,
    SourcePosition,
    StateRows,
    StoredAlert,
    StoredEntry,
    StoredLetter,
    StoredMessage,
    StoredState,
)
from seqbayes.stream.stores.rows import intact_rows, is_intact_state, read_states
from seqbayes.stream.stores.tables import Row, is_intact


class ReadableSqlStore(Database):
    """Base class of SQL stores: reads the contents, using a `Database`."""

    _place = "NULL"
    """SQL for the place of a state."""

    def declarations(self) -> dict[str, str]:
        """Return the declaration (JSON) of every belief, keyed by name."""
        sql = f"SELECT name, declaration, {self._crc()} FROM seqbayes_beliefs ORDER BY name"
        return dict(
            self._verified(row, f"the declaration of belief {row[0]!r}", str, str)
            for row in self._query(sql)
        )

    def entries(
        self,
        belief: str,
        key: str | None = None,
        since: float | None = None,
        strict: bool = True,
    ) -> Iterator[StoredEntry]:
        """Yield the states of a belief, least recently used first; see `ReadableStore`."""
        condition, values = where(belief=belief, key=key)
        parameters: list[Any] = values
        if since is not None:
            condition, parameters = f"{condition} AND updated >= ?", [*values, since]
        since_crc = "since_crc" if self.version >= 6 else "NULL"
        sql = (
            f"SELECT belief, key, state, used, since, updated, {self._crc(4)}, {since_crc}"
            f" FROM seqbayes_states WHERE {condition} ORDER BY used"
        )
        short = self.abbreviations(belief)[belief]
        return (self._entry(row, strict, short) for row in self._stream(sql, parameters))

    def abbreviations(self, belief: str | None = None) -> dict[str, Abbreviation]:
        """Return the abbreviation of the states of each belief, or of one belief."""
        condition, values = where(name=belief)
        sql = f"SELECT name, declaration, {self._crc()} FROM seqbayes_beliefs WHERE {condition}"
        found = (
            self._verified(row, f"the declaration of belief {row[0]!r}", str, str)
            for row in self._query(sql, values)
        )
        short: defaultdict[str, Abbreviation] = defaultdict(Abbreviation)
        short.update((name, Abbreviation.of(text)) for name, text in found)
        return short

    def states(self, belief: str, ordered: bool = True) -> Iterator[StoredState]:
        """Yield the states of a belief without their times; see `ReadableStore`."""
        if self.version < 6:  # these tables do not have the second checksum
            yield from super().states(belief, ordered)
            return
        short = self.abbreviations(belief)[belief]
        sql = (
            f"SELECT {self._place}, key, state, used, since, updated, crc, since_crc"
            f" FROM {self._states_table(belief)} WHERE belief = ?"
        )
        for chunk in self._chunks(f"{sql} ORDER BY used" if ordered else sql, [belief]):
            while chunk:
                found = read_states(chunk, belief, short)
                yield from found
                chunk = chunk[len(found) :]
                # the first row is damaged, or was written before the second checksum existed
                if chunk:
                    place, key, state, used, since, updated, *crcs = chunk.pop(0)
                    row = (belief, key, state, used, since, updated, *crcs)
                    entry = self._entry(row, True, short)
                    yield StoredState(belief, entry.key, entry.state, entry.used, place)

    def state_rows(self, belief: str) -> Iterator[StateRows]:
        """Yield the states of a belief in no particular order; see `ReadableStore`.

        The times of their first commits, with their own checksum, are not read.
        """
        short = self.abbreviations(belief)[belief]
        crc = self._crc(4)
        sql = (
            f"SELECT {self._place}, key, state, used, updated, {crc}"
            f" FROM {self._states_table(belief)} WHERE belief = ?"
        )
        others = set()
        for chunk in self._chunks(sql, [belief]):
            intact = intact_rows(chunk, belief)
            if len(intact) < len(chunk):  # damaged, or written before version 6
                others.update({row[1] for row in chunk} - {row[1] for row in intact})
            yield StateRows(*short, intact)
        if others:
            left = (each for each in self.states(belief, ordered=False) if each.key in others)
            yield StateRows(*short, [(each.place, *each[1:4]) for each in left])

    def _states_table(self, belief: str) -> str:
        """Return the name of the table of states, as SQL, for queries of all states of a belief."""
        return "seqbayes_states"

    def _chunks(self, sql: str, parameters: Sequence[Any]) -> Iterator[list[Row]]:
        """Yield the rows of a query in lists."""
        rows = self._stream(sql, parameters)
        while chunk := list(itertools.islice(rows, CHUNK)):
            yield chunk

    def _entry(self, row: Row, strict: bool, short: Abbreviation) -> StoredEntry:
        """Return a state after verifying its checksum."""
        entry = StoredEntry(*row[:6])
        right = have_types(entry, _ENTRY_TYPES)
        if right and is_intact_state(entry, *row[6:]):
            return entry._replace(state=short.expand(entry.state))
        if right and not strict:
            return entry._replace(state="")
        what = f"the state of {str(entry.key)[:200]} of belief {entry.belief!r}"
        raise self._damaged(what, "its checksum is wrong")

    def entry_count(self, belief: str) -> int:
        """Return the number of states of a belief."""
        sql = "SELECT count(*) FROM seqbayes_states WHERE belief = ?"
        ((count,),) = self._query(sql, [belief])
        return int(count)

    def stale_keys(self, belief: str, before: float, limit: int) -> list[str]:
        """Return up to `limit` keys of a belief that were last updated before a time."""
        sql = "SELECT key FROM seqbayes_states WHERE belief = ? AND updated < ? LIMIT ?"
        return [str(key) for (key,) in self._query(sql, [belief, before, limit])]

    def positions(self) -> list[SourcePosition]:
        """Return the position of every source, sorted by name."""
        sql = (
            f"SELECT name, token, events, updated, {self._crc()} FROM seqbayes_sources"
            " ORDER BY name"
        )
        types = (str, str, int, NUMBER)
        return [
            SourcePosition(*self._verified(row, f"the token of {row[0]!r}", *types))
            for row in self._query(sql)
        ]

    def ids(self, source: str) -> Iterator[SeenId]:
        """Yield the event ids stored for a source, oldest first."""
        if self.version < 2:
            return
        sql = (
            f"SELECT source, id, number, note, {self._crc()} FROM seqbayes_ids WHERE source = ?"
            " ORDER BY number"
        )
        for row in self._stream(sql, [source]):
            yield SeenId(*self._verified(row, "an identity", str, str, int, str)[1:])

    def letters(self, source: str | None = None) -> Iterator[StoredLetter]:
        """Yield all dead letters, or those of a source, in order."""
        condition, values = where(source=source)
        rows = self._stream(f"{self._letters} WHERE {condition} ORDER BY id", values)
        return map(self._letter, rows)

    def newest_letters(self, belief: str | None = None, limit: int = 50) -> list[StoredLetter]:
        """Return the newest dead letters, newest first; see `ReadableStore`."""
        condition, values = where(belief=belief)
        condition += " OR belief = ?" * len(values)
        sql = f"{self._letters} WHERE {condition} ORDER BY id DESC LIMIT ?"
        return list(map(self._letter, self._query(sql, [*values, *[""] * len(values), limit])))

    @property
    def _letters(self) -> str:
        columns = f"id, source, position, belief, raw, reason, at, {self._crc()}"
        return f"SELECT {columns} FROM seqbayes_dead_letters"

    def _letter(self, row: Row) -> StoredLetter:
        # the number is assigned by the database, after the checksum
        types = (str, str, str, bytes, str, NUMBER)
        *values, at = self._verified(row[1:], "a dead letter", *types)
        source, position, belief, raw, reason = values
        return StoredLetter(row[0], DeadLetter(source, position, belief, raw, reason), at)

    def reasons(self, limit: int = 20) -> list[Reason]:
        """Return the most common reasons for dead letters."""
        found = self._query(
            "SELECT belief, reason, count(*) FROM seqbayes_dead_letters GROUP BY belief, reason"
            " ORDER BY count(*) DESC, belief, reason LIMIT ?",
            [limit],
        )
        return list(map(Reason._make, found))

    def dead_letter_count(self) -> int:
        """Return the number of dead letters."""
        ((count,),) = self._query("SELECT count(*) FROM seqbayes_dead_letters")
        return int(count)

    def points(self, belief: str, key: str | None = None) -> Iterator[HistoryPoint]:
        """Yield the history of a belief, or of one key, ordered by key and time."""
        condition, values = where(belief=belief, key=key)
        sql = (
            f"SELECT belief, key, at, summary, {self._crc()} FROM seqbayes_history"
            f" WHERE {condition} ORDER BY belief, key, at"
        )
        for row in self._stream(sql, values):
            yield HistoryPoint(
                *self._verified(row, f"the history of belief {belief!r}", str, str, NUMBER, str)
            )

    def alerts(self) -> list[StoredAlert]:
        """Return the states of all alerts, sorted."""
        if self.version < 7:
            return []
        sql = "SELECT alert, key, state, updated, crc FROM seqbayes_alerts ORDER BY alert, key"
        return [
            StoredAlert(*self._verified(row, f"the state of alert {row[0]!r}", *_ALERT_TYPES))
            for row in self._query(sql)
        ]

    def messages(self) -> list[StoredMessage]:
        """Return the messages of alerts, oldest first."""
        if self.version < 7:
            return []
        sql = (
            "SELECT id, alert, body, created, done, note, crc FROM seqbayes_messages"
            " ORDER BY created, id"
        )
        return [
            StoredMessage(*self._verified(row, f"a message of alert {row[1]!r}", *_MESSAGE_TYPES))
            for row in self._query(sql)
        ]

    def annotations(self) -> list[Annotation]:
        """Return all annotations in order of time."""
        if self.version < 8:
            return []
        sql = "SELECT id, at, belief, text, crc FROM seqbayes_annotations ORDER BY at, id"
        return [
            Annotation(*self._verified(row, f"annotation {row[0]!r}", str, NUMBER, str, str))
            for row in self._query(sql)
        ]

    def _verified(self, row: Row, what: str, *types: Any) -> Row:
        """Return a row without its checksum; raise an error if the checksum or a type is wrong."""
        *values, crc = row
        if not (have_types(values, types) and is_intact(values, crc)):
            raise self._damaged(what, "its checksum is wrong")
        return tuple(values)


_ALERT_TYPES = (str, str, str, NUMBER)
_MESSAGE_TYPES = (str, str, bytes, NUMBER, NUMBER, str)
_ENTRY_TYPES = (str, str, str, NUMBER, NUMBER, NUMBER)


def where(**values: str | None) -> tuple[str, list[str]]:
    """Return an SQL condition that matches the values that are not None, and its parameters."""
    given = {name: value for name, value in values.items() if value is not None}
    return " AND ".join(f"{name} = ?" for name in given) or "1 = 1", list(given.values())
