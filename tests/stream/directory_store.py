"""A store over a directory, as a package other than seqbayes would implement it.

One JSON file contains everything; a transaction holds the lock of the directory and replaces the
file at its end.
"""

import base64
import contextlib
import fcntl
import json
import os
from operator import itemgetter
from pathlib import Path

from seqbayes.stream.stores import (
    Annotation,
    DeadLetter,
    HistoryPoint,
    Lease,
    SeenId,
    SourcePosition,
    Store,
    StoredAlert,
    StoredEntry,
    StoredLetter,
    StoredMessage,
    StoreError,
    surplus_times,
)

EMPTY = {
    "lease": Lease(0, 0, None, 0.0, None),
    "declarations": {},
    "entries": [],
    "places": [],
    "letters": [],
    "next_letter": 1,
    "points": [],
    "ids": [],
    "alerts": [],
    "messages": [],
    "annotations": [],
}


class DirectoryStore(Store):
    keeps_alerts = True

    def __init__(self, url, mode="create"):
        super().__init__(url, mode)
        self._directory = Path(url.partition(":")[2])
        self._file = self._directory / "store.json"
        self._data = None  # the data that a transaction or a snapshot has read
        if mode == "create":
            self._directory.mkdir(exist_ok=True)
            with self._locked():
                if not self._file.exists():
                    self._write(EMPTY)
        if not self._file.exists():
            raise StoreError(f"{url}: no such store")

    @classmethod
    def check(cls, url):
        if not url.partition(":")[2]:
            raise StoreError(f"expected {url}PATH, got {url!r}")

    # Reading.

    def _read(self):
        if self._data is not None:
            return self._data
        try:
            return json.loads(self._file.read_text())
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.url}: {error}") from error

    @contextlib.contextmanager
    def snapshot(self):
        self._data = self._read()
        try:
            yield
        finally:
            self._data = None

    def lease(self):
        return Lease(*self._read()["lease"])

    def declarations(self):
        return dict(sorted(self._read()["declarations"].items()))

    def entries(self, belief, key=None, since=None, strict=True):
        found = (StoredEntry(*row) for row in self._read()["entries"])
        yield from sorted(
            (
                entry
                for entry in found
                if entry.belief == belief
                and key in (None, entry.key)
                and (since is None or entry.updated >= since)
            ),
            key=lambda entry: entry.used,
        )

    def positions(self):
        return sorted(SourcePosition(*row) for row in self._read()["places"])

    def letters(self, source=None):
        for number, (name, position, belief, raw, reason), at in self._read()["letters"]:
            if source in (None, name):
                letter = DeadLetter(name, position, belief, base64.b64decode(raw), reason)
                yield StoredLetter(number, letter, at)

    def points(self, belief, key=None):
        found = (HistoryPoint(*row) for row in self._read()["points"])
        yield from sorted(p for p in found if p.belief == belief and key in (None, p.key))

    def ids(self, source):
        found = (SeenId(*row) for name, row in self._read()["ids"] if name == source)
        yield from sorted(found, key=lambda each: each.number)

    def alerts(self):
        return sorted(StoredAlert(*row) for row in self._read()["alerts"])

    def messages(self):
        found = [
            StoredMessage(name, alert, body.encode(), *rest)
            for name, alert, body, *rest in self._read()["messages"]
        ]
        return sorted(found, key=lambda each: each.created)

    def annotations(self):
        return sorted((Annotation(*row) for row in self._read()["annotations"]), key=itemgetter(1))

    # Writing.

    @contextlib.contextmanager
    def _locked(self):
        descriptor = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, data):
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps(data))
        part.replace(self._file)

    @contextlib.contextmanager
    def transaction(self, durable=True):
        if self.mode == "read":
            raise StoreError(f"{self.url} was opened for reading only")
        with self._locked():
            self._data = self._read()
            try:
                yield self.lease()
                self._write(self._data)
            except OSError as error:
                raise StoreError(f"{self.url}: {error}") from error
            finally:
                self._data = None

    def write_lease(self, lease):
        self._data["lease"] = lease

    def write_declaration(self, name, declaration):
        self._data["declarations"][name] = declaration

    def apply(self, changes, at):
        data = self._data
        gone = {tuple(each) for each in changes.gone}
        states = {tuple(row[:2]): row for row in data["entries"] if tuple(row[:2]) not in gone}
        for belief, key, state, used, _ in changes.states:
            since = states.get((belief, key), (None,) * 4 + (at,))[4]
            states[belief, key] = StoredEntry(belief, key, state, used, since, at)
        data["entries"] = list(states.values())
        resolved = set(changes.resolved_letters)
        data["letters"] = [row for row in data["letters"] if row[0] not in resolved]
        for letter in changes.dead_letters:
            self._add_letter(letter, at)
        lost = {tuple(each) for each in changes.points_gone}
        data["points"] = [row for row in data["points"] if tuple(row[:2]) not in lost]
        before = changes.letters_before or 0.0
        data["letters"] = [row for row in data["letters"] if row[2] >= before]
        points = {tuple(row[:3]): row for row in data["points"]}
        points.update({point[:3]: point for point in changes.history})
        data["points"] = list(points.values())
        gone = {tuple(each) for each in changes.alerts_gone}
        alerts = {tuple(row[:2]): row for row in data["alerts"] if tuple(row[:2]) not in gone}
        alerts.update({row[:2]: row for row in changes.alerts})
        data["alerts"] = list(alerts.values())
        messages = {row[0]: row for row in data["messages"]}
        for each in changes.messages:
            messages[each.id] = (each.id, each.alert, each.body.decode(), *each[3:])
        data["messages"] = [m for m in messages.values() if m[0] not in changes.messages_gone]
        if changes.source is None:
            return
        ids = {(name, row[0]): row for name, row in data["ids"]}
        for expired in changes.expired_ids:
            ids.pop((changes.source, expired), None)
        ids.update({(changes.source, each.id): each for each in changes.ids})
        data["ids"] = [(name, row) for (name, _), row in ids.items()]
        before = self.events(changes.source)
        others = [row for row in data["places"] if row[0] != changes.source]
        token = json.dumps(changes.token)
        data["places"] = [*others, (changes.source, token, before + changes.events, at)]

    def annotate(self, annotation):
        with self.transaction():
            others = [row for row in self._data["annotations"] if row[0] != annotation.id]
            self._data["annotations"] = [*others, annotation]

    def _add_letter(self, letter, at):
        source, position, belief, raw, reason = letter
        if not isinstance(belief, str):
            raise StoreError("expected the name of a belief")
        row = (source, position, belief, base64.b64encode(raw).decode(), reason)
        self._data["letters"].append((self._data["next_letter"], row, at))
        self._data["next_letter"] += 1

    def thin(self, belief, limit):
        with self.transaction():
            of = {}
            for row in sorted(map(tuple, self._data["points"])):
                of.setdefault(row[:2], []).append(row)
            for (name, _), rows in of.items():
                surplus = set(surplus_times([row[2] for row in rows], limit))
                if name == belief:
                    rows[:] = [row for row in rows if row[2] not in surplus]
            self._data["points"] = [row for rows in of.values() for row in rows]

    # Administration.

    def write_contents(self, contents):
        data = self._data
        data["declarations"] = dict(contents.declarations)
        data["entries"] = list(contents.entries)
        data["places"] = list(contents.positions)
        for _, letter, at in contents.letters:
            self._add_letter(letter, at)
        data["points"] = list({point[:3]: point for point in contents.history}.values())
        data["ids"] = list(contents.ids)
        data["alerts"] = list(contents.alerts)
        data["messages"] = [
            (each.id, each.alert, each.body.decode(), *each[3:]) for each in contents.messages
        ]
        data["annotations"] = list({note[0]: note for note in contents.annotations}.values())

    def remove_belief(self, belief, key=None):
        with self.fenced_transaction():
            data = self._data
            if key is None:
                data["declarations"].pop(belief, None)
            before = len(data["entries"])
            for table in ("entries", "points"):
                data[table] = [
                    row for row in data[table] if row[0] != belief or key not in (None, row[1])
                ]
            return before - len(data["entries"])

    def remove_position(self, source):
        with self.fenced_transaction():
            before = len(self._data["places"])
            for table in ("places", "ids"):
                self._data[table] = [row for row in self._data[table] if row[0] != source]
            return before - len(self._data["places"])

    def remove_letters(self, numbers):
        with self.transaction():
            before = len(self._data["letters"])
            chosen = set(numbers)
            self._data["letters"] = [row for row in self._data["letters"] if row[0] not in chosen]
            return before - len(self._data["letters"])
