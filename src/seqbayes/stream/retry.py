"""Retries dead letters, learning each event exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from seqbayes.console.text import printable
from seqbayes.events.belief import layout_of
from seqbayes.stream.config import Config
from seqbayes.stream.declarations import continue_stored
from seqbayes.stream.learned import LearnedEvent
from seqbayes.stream.pipeline import MAX_RAW_BYTES
from seqbayes.stream.source import Source
from seqbayes.stream.sources.posted import HORIZON, decided_at, key_of, read_identity
from seqbayes.stream.stores import Changes, DeadLetter, SeenId, Store, StoredLetter
from seqbayes.stream.table import KeyedStates


@dataclass
class Retried:
    """Numbers of dead letters that were used, that remain, and that were removed as duplicates.

    A dead letter is a duplicate if a later event with the same id was learned.
    """

    used: int = 0
    left: int = 0
    duplicates: int = 0


class Retry:
    """Learns dead letters with the beliefs of a configuration.

    Parameters
    ----------
    store
        The store, whose lease is acquired.
    config
        The configuration.
    source
        Its source, which determines how events are decoded and which field contains their id.
    done
        The results so far, to which the results of this store are added.
    """

    def __init__(self, store: Store, config: Config, source: Source, done: Retried) -> None:
        self.done = done
        self._store = store
        self._source = source
        text = source.text
        beliefs, _ = continue_stored(config.beliefs, store)
        self._layout = layout_of(beliefs, text)
        self._tables = {belief.name: KeyedStates(belief, self._layout) for belief in beliefs}
        store.acquire()
        for name, table in self._tables.items():
            store.declare(name, table.declaration)
            table.restore(store)
        known = [] if source.id is None else list(store.ids(source.name))
        self._notes = {each.id: each.note for each in known}
        self._horizon = int(self._notes.get(HORIZON, -1))
        self._number = max((each.number for each in known), default=0)
        self._settled: set[int] = set()
        self._refused: list[DeadLetter] = []
        self._ids: list[SeenId] = []

    def learn(self, letters: Sequence[StoredLetter]) -> None:
        """Learn the letters that can be used, and commit.

        Rewards that may already have been learned are left unchanged.
        """
        usable = [each for each in letters if not self._is_too_late(each.letter)]
        for some in self._rounds(usable):
            unlearned = [each for each in some if not self._is_duplicate(each)]
            for name in ("", *self._tables):
                self._learn_by(name, [each for each in unlearned if each.letter.belief == name])
            duplicates = {each.number for each in some}.difference(e.number for e in unlearned)
            self.done.duplicates += len(duplicates)
            self._settled |= duplicates
        self.done.left += len(letters) - len(self._settled)
        if self._settled:
            self._commit()

    def _rounds(self, letters: Sequence[StoredLetter]) -> list[list[StoredLetter]]:
        """Divide letters into rounds in which all event ids are different.

        Whether the second event with the same id is a duplicate depends on whether the first event
        is learned.
        """
        rounds: list[list[StoredLetter]] = []
        places: dict[str, list[str]] = {}
        for each in letters:
            key, number = self._key(each.letter), 0
            if key is not None:
                seen = places.setdefault(key, [])
                if each.letter.position not in seen:
                    seen.append(each.letter.position)
                number = seen.index(each.letter.position)
            rounds += [[] for _ in range(len(rounds), number + 1)]
            rounds[number].append(each)
        return rounds

    def _key(self, letter: DeadLetter) -> str | None:
        """Return the key under which the id of an event is stored, or None."""
        source = self._source
        if source.id is None or letter.source != source.name:
            return None
        identity = read_identity(letter.raw, source.id)
        return None if identity is None else key_of(identity)

    def _is_too_late(self, letter: DeadLetter) -> bool:
        """Whether this is a reward for a decision so old that it may already have been learned."""
        key = self._key(letter)
        decided = None if key is None else decided_at(key.removeprefix("e:"))
        return decided is not None and decided <= self._horizon and key not in self._notes

    def _is_duplicate(self, each: StoredLetter) -> bool:
        """Whether the belief has learned another event with the same id."""
        key = self._key(each.letter)
        if key is None or key not in self._notes:
            return False
        learned = LearnedEvent.read(self._notes[key]).position_of(each.letter.belief)
        # older stores do not record the position
        return learned not in (None, "", each.letter.position)

    def _learn_by(self, name: str, letters: Sequence[StoredLetter]) -> None:
        """Learn letters that a belief rejected or, if `name` is empty, that were not decoded."""
        records = {each.number: self._record(each.letter) for each in letters}
        letters = [each for each in letters if records[each.number] is not None]
        batch: list[Any] = [records[each.number] for each in letters]
        events, index = self._layout.decode(batch, lambda i, reason: None)
        tables = {name: self._tables[name]} if name else self._tables
        learned: set[int] = set()
        refused: list[tuple[int, str, str]] = []
        for by, table in tables.items():
            found = table.learn(
                events,
                index,
                lambda i, why, by=by: refused.append((i, by, why)),  # type: ignore[misc]
            )
            learned.update(found)
        self.done.used += len(learned)
        rejected: dict[int, set[str]] = {}
        for i, by, _ in refused:
            rejected.setdefault(letters[i].number, set()).add(by)
        self._note_ids(name, [letters[i] for i in sorted(learned)], rejected)
        if not name:  # each belief that rejected the event gets a separate letter
            self._refused += [
                letters[i].letter._replace(belief=by, reason=printable(why, 500))
                for i, by, why in refused
            ]
            learned.update(i for i, *_ in refused)
        self._settled.update(letters[i].number for i in learned)

    def _record(self, letter: DeadLetter) -> bytes | Mapping[str, Any] | None:
        """Return the event as delivered by its source; None if it was truncated."""
        if len(letter.raw) >= MAX_RAW_BYTES:
            return None
        if not self._source.text:
            return letter.raw
        try:
            return msgspec.json.decode(letter.raw, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _note_ids(
        self, name: str, letters: Sequence[StoredLetter], rejected: Mapping[int, set[str]]
    ) -> None:
        """Record the ids of learned events, so that repeated posts are detected as duplicates."""
        for each in letters:
            key, position = self._key(each.letter), each.letter.position
            if key is None:
                continue
            if key in self._notes:
                event = LearnedEvent.read(self._notes[key])
                if name not in event.missing:
                    continue
                event.learn({name}, position)
            else:
                by = sorted(rejected.get(each.number, ()))
                event = LearnedEvent(position, dict.fromkeys(by))
            self._number += 1
            self._notes[key] = event.write()
            self._ids.append(SeenId(key, self._number, event.write()))

    def _commit(self) -> None:
        states = [state for table in self._tables.values() for state in table.changes()]
        gone = [(name, key) for name, table in self._tables.items() for key in table.gone]
        name = self._source.name if self._ids else None
        token = None if name is None else self._store.token(name)
        settled = sorted(self._settled)
        changes = Changes(name, token, 0, states, gone, self._refused, [], settled, self._ids)
        self._store.commit(changes)
        place = changes.first_place
        for table in self._tables.values():
            place = table.committed(place)
        self._settled, self._refused, self._ids = set(), [], []
