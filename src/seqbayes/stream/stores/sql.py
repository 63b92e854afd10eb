"""Reads and writes the contents of an SQL store."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from seqbayes.stream.stores.lazy import state_chunks
from seqbayes.stream.stores.readable import CHUNK
from seqbayes.stream.stores.records import Annotation, Changes, Contents, surplus_times
from seqbayes.stream.stores.rows import entry_row, state_rows
from seqbayes.stream.stores.sql_reading import ReadableSqlStore, where
from seqbayes.stream.stores.tables import with_checksums


class SqlStore(ReadableSqlStore):
    """Base class of SQL stores: reads and writes the contents, using a `Database`."""

    keeps_alerts = True

    def write_declaration(self, name: str, declaration: str) -> None:
        """Store the declaration of a belief."""
        self._run("DELETE FROM seqbayes_beliefs WHERE name = ?", [name])
        self._insert(
            "seqbayes_beliefs (name, declaration, crc)", with_checksums([(name, declaration)])
        )

    def thin(self, belief: str, limit: int) -> None:
        """Delete the points at the `surplus_times` of each history of a belief."""
        with self._transaction():
            found = self._run(
                "SELECT key, at FROM seqbayes_history WHERE belief = ? AND key IN (SELECT key FROM"
                " seqbayes_history WHERE belief = ? GROUP BY key HAVING count(*) > ?)"
                " ORDER BY key, at",
                [belief, belief, limit],
            )
            for key, points in itertools.groupby(found, key=itemgetter(0)):
                for at in surplus_times([at for _, at in points], limit):
                    self._run(
                        "DELETE FROM seqbayes_history WHERE belief = ? AND key = ? AND at = ?",
                        [belief, key, at],
                    )

    def apply(self, changes: Changes, at: float) -> None:
        """Store changes; see `WritableStore`."""
        for belief, key in changes.gone:
            self._run("DELETE FROM seqbayes_states WHERE belief = ? AND key = ?", [belief, key])
        for belief, key in changes.points_gone:
            self._run("DELETE FROM seqbayes_history WHERE belief = ? AND key = ?", [belief, key])
        if changes.letters_before is not None:
            self._run("DELETE FROM seqbayes_dead_letters WHERE at < ?", [changes.letters_before])
        self._write_states(changes, at)
        self._insert(
            "seqbayes_dead_letters (source, position, belief, raw, reason, at, crc)",
            with_checksums((*letter, at) for letter in changes.dead_letters),
        )
        self._insert(
            "seqbayes_history (belief, key, at, summary, crc)",
            with_checksums(changes.history),
            "(belief, key, at) DO UPDATE SET summary = excluded.summary, crc = excluded.crc",
        )
        for number in changes.resolved_letters:
            self._run("DELETE FROM seqbayes_dead_letters WHERE id = ?", [number])
        self._apply_alerts(changes)
        if changes.source is not None:
            self._write_position(changes.source, changes, at)

    def _write_position(self, source: str, changes: Changes, at: float) -> None:
        """Store the position and the ids of the source of changes."""
        for expired in changes.expired_ids:
            self._run(
                "DELETE FROM seqbayes_ids WHERE source = ? AND id = ?",
                [source, expired],
            )
        self._insert(
            "seqbayes_ids (source, id, number, note, crc)",
            with_checksums((source, *each) for each in changes.ids),
            "(source, id) DO UPDATE SET number = excluded.number, note = excluded.note,"
            " crc = excluded.crc",
        )
        token = msgspec.json.encode(changes.token).decode()
        before = self._run("SELECT events FROM seqbayes_sources WHERE name = ?", [source])
        events = changes.events + sum(count for (count,) in before)
        self._insert(
            "seqbayes_sources (name, token, events, updated, crc)",
            with_checksums([(source, token, events, at)]),
            "(name) DO UPDATE SET token = excluded.token, crc = excluded.crc,"
            " events = excluded.events, updated = excluded.updated",
        )

    def _write_states(self, changes: Changes, at: float) -> None:
        """Store new and changed states."""
        short = self.abbreviations() if changes.states else {}
        for chunk in state_chunks(changes.states):
            self._insert(STATES, state_rows(chunk, at, short[chunk.belief]), CHANGED)

    def _apply_alerts(self, changes: Changes) -> None:
        for alert, key in changes.alerts_gone:
            self._run("DELETE FROM seqbayes_alerts WHERE alert = ? AND key = ?", [alert, key])
        self._insert(
            "seqbayes_alerts (alert, key, state, updated, crc)",
            with_checksums(changes.alerts),
            "(alert, key) DO UPDATE SET state = excluded.state, updated = excluded.updated,"
            " crc = excluded.crc",
        )
        self._insert(
            "seqbayes_messages (id, alert, body, created, done, note, crc)",
            with_checksums(changes.messages),
            "(id) DO UPDATE SET done = excluded.done, note = excluded.note, crc = excluded.crc",
        )
        for name in changes.messages_gone:
            self._run("DELETE FROM seqbayes_messages WHERE id = ?", [name])

    def annotate(self, annotation: Annotation) -> None:
        """Store an annotation, and replace the one with the same id."""
        with self._transaction():
            self._insert(
                _ANNOTATIONS,
                with_checksums([annotation]),
                "(id) DO UPDATE SET at = excluded.at, belief = excluded.belief,"
                " text = excluded.text, crc = excluded.crc",
            )

    def write_contents(self, contents: Contents) -> None:
        """Copy the contents of other stores into this empty store."""
        self._fill("beliefs (name, declaration, crc)", contents.declarations.items())
        self._fill("sources (name, token, events, updated, crc)", contents.positions)
        self._fill(
            "dead_letters (source, position, belief, raw, reason, at, crc)",
            ((*letter, at) for _, letter, at in contents.letters),
        )
        self._fill("history (belief, key, at, summary, crc)", contents.history, "DO NOTHING")
        self._fill(
            "ids (source, id, number, note, crc)",
            ((source, *each) for source, each in contents.ids),
        )
        self._fill("alerts (alert, key, state, updated, crc)", contents.alerts)
        self._fill("messages (id, alert, body, created, done, note, crc)", contents.messages)
        self._fill(_ANNOTATIONS.removeprefix("seqbayes_"), contents.annotations, "DO NOTHING")
        entries, short = iter(contents.entries), self.abbreviations()
        while chunk := list(itertools.islice(entries, CHUNK)):
            self._insert(STATES, [entry_row(entry, short[entry.belief]) for entry in chunk])

    def _fill(self, table: str, rows: Iterable[Sequence[Any]], conflict: str = "") -> None:
        rows = iter(rows)
        while chunk := with_checksums(itertools.islice(rows, CHUNK)):
            self._insert(f"seqbayes_{table}", chunk, conflict)

    def remove_belief(self, belief: str, key: str | None = None) -> int:
        """Remove a belief with its declaration and history, or only one of its keys."""
        condition, values = where(belief=belief, key=key)
        with self.fenced_transaction():
            if key is None:
                self._run("DELETE FROM seqbayes_beliefs WHERE name = ?", [belief])
            self._run(f"DELETE FROM seqbayes_history WHERE {condition}", values)
            return self._delete("states", condition, values)

    def remove_position(self, source: str) -> int:
        """Remove the position and the ids of a source; return the number of positions removed."""
        with self.fenced_transaction():
            self._delete("ids", "source = ?", [source])
            return self._delete("sources", "name = ?", [source])

    def remove_letters(self, numbers: Sequence[int]) -> int:
        """Remove dead letters by number; return the number of letters removed."""
        with self._transaction():
            return sum(self._delete("dead_letters", "id = ?", [number]) for number in numbers)

    def _delete(self, table: str, condition: str, values: Sequence[Any]) -> int:
        return len(self._run(f"DELETE FROM seqbayes_{table} WHERE {condition} RETURNING 1", values))


_ANNOTATIONS = "seqbayes_annotations (id, at, belief, text, crc)"
STATES = "seqbayes_states (belief, key, state, used, since, updated, crc, since_crc)"
CHANGED = (
    "(belief, key) DO UPDATE SET state = excluded.state, used = excluded.used,"
    " updated = excluded.updated, crc = excluded.crc"  # `since` is kept
)
