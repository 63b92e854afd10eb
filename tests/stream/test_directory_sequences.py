"""Directories: random sequences of changes, compared with a model that knows every record."""

import gzip
import os
import random

import pytest
from test_directory import Clock, Reader, lines

from seqbayes.stream.sources import directory


class Inbox:
    """A directory that changes at random, and the records that a reader must have found."""

    def __init__(self, path, rng):
        self.path, self.away, self.rng = path, path.with_name("away"), rng
        path.mkdir()
        self.files = {}  # the records of each file by name
        self.read = set()
        self.next = 0
        self.changes = []

    def fresh(self):
        count = self.rng.choice([1, 1, 2, 5, 200])
        self.next += count
        return list(range(self.next - count, self.next))

    def write(self, path, records):
        data = b"".join(lines(i, i + 1) for i in records)
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)

    def pick(self, plain=False):
        names = [name for name in self.files if not (plain and name.endswith(".gz"))]
        return self.rng.choice(names) if names else None

    def arrive(self):
        name = f"{self.rng.randrange(30):02}.jsonl"
        if name not in self.files and f"{name}.gz" not in self.files:
            self.files[name] = self.fresh()
            self.write(self.path / name, self.files[name])

    def grow(self):
        name = self.pick(plain=True)
        if name:
            records = self.fresh()
            self.files[name] += records
            with (self.path / name).open("ab") as out:
                out.write(b"".join(lines(i, i + 1) for i in records))

    def reuse(self):
        name = self.pick(plain=True)
        if name:
            self.files[name] = self.fresh()
            target = self.path / name
            if self.rng.random() < 0.5:  # with the inode of the earlier file, or another one
                self.write(target, self.files[name])
            else:
                self.write(self.path / ".new", self.files[name])
                (self.path / ".new").rename(target)

    def rename(self):
        name = self.pick()
        if name:
            new = f"{self.rng.randrange(30):02}.jsonl"
            other = new + ("" if name.endswith(".gz") else ".gz")
            new += ".gz" if name.endswith(".gz") else ""
            if new not in self.files and other not in self.files:
                self.files[new] = self.files.pop(name)
                (self.path / name).rename(self.path / new)

    def exchange(self):
        one, two = self.pick(plain=True), self.pick(plain=True)
        if one != two:
            self.files[one], self.files[two] = self.files[two], self.files[one]
            for old, new in ((one, ".x"), (two, one), (".x", two)):
                (self.path / old).rename(self.path / new)

    def compress(self):
        name = self.pick(plain=True)
        if name:
            self.files[f"{name}.gz"] = self.files.pop(name)
            self.write(self.path / f"{name}.gz", self.files[f"{name}.gz"])
            (self.path / name).unlink()

    def link(self):
        """Rename a file by a hard link."""
        name, new = self.pick(plain=True), f"{self.rng.randrange(30):02}.jsonl"
        if name and new not in self.files and f"{new}.gz" not in self.files:
            self.files[new] = self.files.pop(name)
            os.link(self.path / name, self.path / new)
            (self.path / name).unlink()

    def remove(self):
        name = self.pick()
        if name:
            del self.files[name]
            (self.path / name).unlink()

    def touch(self):
        name = self.pick()
        if name:
            at = self.rng.randrange(1 << 30)
            os.utime(self.path / name, (at, at))

    def change(self, lossless):
        actions = [self.arrive, self.grow, self.rename, self.link, self.exchange, self.compress]
        actions += [self.touch]
        actions += [] if lossless else [self.reuse, self.remove]
        for act in self.rng.choices(actions, k=self.rng.randrange(1, 5)):
            self.changes.append(act.__name__)
            act()

    def unmount(self):
        self.path.rename(self.away)
        self.path.mkdir()

    def mount(self):
        self.path.rmdir()
        self.away.rename(self.path)

    def note(self):
        self.read.update(*self.files.values())


@pytest.mark.parametrize("seed", range(12))
def test_any_sequence_of_changes_counts_every_record_once(seed, tmp_path, monkeypatch):
    monkeypatch.setattr(directory, "time", Clock())
    rng = random.Random(seed)
    inbox = Inbox(tmp_path / "inbox", rng)
    reader = Reader(inbox.path)
    for _ in range(25):
        half = rng.random() < 0.3
        if half:  # nothing that was not read yet may be removed
            inbox.change(lossless=False)
            reader.size = 3
            reader.step()
            reader.stop()
            reader.size = 5000
        inbox.change(lossless=half)
        reader.read()
        inbox.note()
        assert sorted(reader.found) == sorted(inbox.read), inbox.changes
        if rng.random() < 0.3:
            reader.stop()
        if rng.random() < 0.1:
            inbox.unmount()
            reader.read()
            inbox.mount()
    assert reader.refused == []
    if reader.source is not None:
        reader.stop()
