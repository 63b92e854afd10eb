"""Directories: every record once, whatever happens to a file after it was read."""

import gzip
import json
import os

import pytest

from seqbayes import PriorError
from seqbayes.stream import SourceError
from seqbayes.stream.sources import Directory, directory, reading


def lines(first, last):
    return b"".join(json.dumps({"i": i}).encode() + b"\n" for i in range(first, last))


class Clock:
    """A clock that is advanced by tests."""

    def __init__(self):
        self.now = 2e9

    def time(self):
        return self.now

    monotonic = time

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(directory, "time", clock)
    return clock


class Reader:
    """Reads a directory step by step; `stop` closes the source, the next step reopens it."""

    def __init__(self, path, follow=True, size=5000, **options):
        options = {"settle": 0.0, "pattern": "*.jsonl*", **options}
        self.make = lambda: Directory(str(path), follow=follow, **options)
        self.size = size
        self.found, self.refused, self.token = [], [], None
        self.source = None

    def step(self):
        if self.source is None:
            self.source = self.make()
            self.source.seek(self.token)
            self.batches = self.source.batches(self.size, timeout=0.0)
        batch = next(self.batches, "end")
        if batch not in (None, "end"):
            self.found += [json.loads(r)["i"] for r in batch.records if r.endswith(b"}")]
            self.refused += batch.refused
            self.token = json.loads(json.dumps(batch.token))
        return batch

    def read(self):
        """Read until no record arrives."""
        while self.step() not in (None, "end"):
            pass

    def stop(self):
        self.batches.close()
        self.source.close()
        self.source = None


def grow(path):
    with (path / "a.jsonl").open("ab") as out:
        out.write(lines(10, 15))
    return 15


def grow_by_a_copy(path):
    (path / "a.jsonl").unlink()
    (path / "a.jsonl").write_bytes(lines(0, 15))
    return 15


def reuse_the_name(path):
    (path / "a.jsonl").write_bytes(lines(10, 25))
    return 25


def reuse_the_name_for_less(path):
    (path / "a.jsonl").write_bytes(lines(10, 12))
    return 12


def reuse_the_name_by_renaming(path):
    (path / ".new").write_bytes(lines(10, 20))
    (path / ".new").rename(path / "a.jsonl")
    return 20


def rename(path):
    (path / "a.jsonl").rename(path / "b.jsonl")
    return 10


def rename_and_grow(path):
    rename(path)
    with (path / "b.jsonl").open("ab") as out:
        out.write(lines(10, 15))
    return 15


def rename_and_compress(path):
    (path / "done-a.jsonl.gz").write_bytes(gzip.compress((path / "a.jsonl").read_bytes()))
    (path / "a.jsonl").unlink()
    return 10


def rename_and_reuse(path):
    (path / "a.jsonl").rename(path / "b.jsonl")
    (path / "a.jsonl").write_bytes(lines(10, 13))
    return 13


def compress(path):
    (path / "a.jsonl.gz").write_bytes(gzip.compress((path / "a.jsonl").read_bytes()))
    (path / "a.jsonl").unlink()
    return 10


def compress_a_copy(path):
    (path / "a.jsonl.gz").write_bytes(gzip.compress((path / "a.jsonl").read_bytes()))
    return 10


def grow_and_compress(path):
    grow(path)
    compress(path)
    return 15


def touch(path):
    os.utime(path / "a.jsonl", ns=(5, 5))
    return 10


def remove(path):
    (path / "a.jsonl").unlink()
    return 10


def remove_and_arrive(path):
    (path / "a.jsonl").unlink()
    (path / "b.jsonl").write_bytes(lines(10, 14))
    return 14


def unmount_for_a_while(path):
    away = path.with_name("away")
    path.rename(away)
    path.mkdir()
    return away


CHANGES = [
    grow,
    grow_by_a_copy,
    reuse_the_name,
    reuse_the_name_for_less,
    reuse_the_name_by_renaming,
    rename,
    rename_and_grow,
    rename_and_compress,
    rename_and_reuse,
    compress,
    compress_a_copy,
    grow_and_compress,
    touch,
    remove,
    remove_and_arrive,
]


@pytest.fixture
def inbox(tmp_path):
    path = tmp_path / "inbox"
    path.mkdir()
    (path / "a.jsonl").write_bytes(lines(0, 10))
    return path


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_completely_read_file_that_changes(change, stopped, inbox):
    reader = Reader(inbox)
    reader.read()
    assert reader.found == list(range(10))
    if stopped:
        reader.stop()
    count = change(inbox)
    for _ in range(2):
        reader.read()
        assert sorted(reader.found) == list(range(count))
        reader.stop()
    assert reader.refused == []


@pytest.mark.parametrize("unit", [1, 1000, 10**9])
@pytest.mark.parametrize("live", [True, False])
def test_a_file_that_is_renamed_and_compressed_again_is_not_read_again(unit, live, inbox):
    time = 1_700_000_000_123_456_789
    old, new = inbox / "a.jsonl.gz", inbox / "b.jsonl.gz"
    old.write_bytes(gzip.compress(lines(0, 200), 1))
    os.utime(old, ns=(time, time))
    reader = Reader(inbox)
    reader.read()
    if not live:
        reader.stop()
    new.write_bytes(gzip.compress(lines(0, 200), 9))  # between two scans
    kept = time - time % unit
    os.utime(new, ns=(kept, kept))
    old.unlink()
    reader.read()
    assert reader.found == list(range(200))
    new.rename(inbox / "c.jsonl.gz")
    new.write_bytes(gzip.compress(lines(200, 300)))  # another file
    os.utime(new, ns=(kept, kept))
    reader.read()
    assert reader.found == list(range(300))
    reader.stop()


def test_a_file_that_is_renamed_and_decompressed_is_not_read_again(inbox):
    compress(inbox)
    reader = Reader(inbox)
    reader.read()
    (inbox / "b.jsonl").write_bytes(lines(0, 10))
    (inbox / "a.jsonl.gz").unlink()
    reader.read()
    assert reader.found == list(range(10))
    with (inbox / "b.jsonl").open("ab") as out:
        out.write(lines(10, 15))
    reader.read()
    assert reader.found == list(range(15))
    reader.stop()


@pytest.mark.parametrize(
    "change", [grow, grow_by_a_copy, rename, compress, grow_and_compress, touch]
)
def test_a_partially_read_file_that_changes(change, inbox):
    reader = Reader(inbox, size=4)
    reader.step()
    reader.stop()
    count = change(inbox)
    reader.read()
    assert reader.found == list(range(count))
    assert reader.refused == []
    reader.stop()


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_files_that_swap_names_are_not_read_again(stopped, inbox):
    (inbox / "b.jsonl").write_bytes(lines(10, 14))
    reader = Reader(inbox)
    reader.read()
    if stopped:
        reader.stop()
    (inbox / "a.jsonl").rename(inbox / ".a")
    (inbox / "b.jsonl").rename(inbox / "a.jsonl")
    (inbox / ".a").rename(inbox / "b.jsonl")
    with (inbox / "a.jsonl").open("ab") as out:
        out.write(lines(14, 16))
    reader.read()
    assert (reader.found, reader.refused) == (list(range(16)), [])
    reader.stop()


@pytest.mark.parametrize("half", [False, True])
def test_an_unmounted_directory_is_not_read_again(half, inbox):
    (inbox / "b.jsonl").write_bytes(lines(10, 20))
    reader = Reader(inbox, size=4)
    if half:
        reader.step()
    else:
        reader.read()
    reader.stop()
    away = unmount_for_a_while(inbox)
    reader.read()
    reader.stop()
    inbox.rmdir()
    away.rename(inbox)
    reader.read()
    assert reader.found == list(range(20))
    assert len(reader.refused) == half
    reader.stop()


def test_a_deleted_directory_stops_the_run(inbox):
    reader = Reader(inbox)
    reader.read()
    inbox.rename(inbox.with_name("away"))
    with pytest.raises(SourceError, match="No such file"):
        reader.read()
    reader.stop()


def test_a_partially_read_file_that_vanishes_becomes_a_dead_letter(inbox):
    reader = Reader(inbox, size=4)
    reader.step()
    reader.stop()
    (inbox / "a.jsonl").unlink()
    (inbox / "b.jsonl").write_bytes(lines(10, 12))
    for _ in range(2):
        reader.read()
        reader.stop()
    assert reader.found == [0, 1, 2, 3, 10, 11]
    (((name, offset), _, reason),) = reader.refused
    assert (name, offset) == ("a.jsonl", len(lines(0, 4)))
    assert "events may be lost" in reason


@pytest.mark.parametrize("follow", [False, True])
def test_a_file_is_read_when_it_has_not_changed_for_the_settle_time(follow, inbox, clock):
    reader = Reader(inbox, follow, settle=10.0)
    for second in (1, 6, 11):
        os.utime(inbox / "a.jsonl", (clock.now + second, clock.now + second))
    clock.now += 12
    assert reader.step() is None
    assert not reader.source.caught_up
    with (inbox / "a.jsonl").open("ab") as out:
        out.write(lines(10, 20))
    os.utime(inbox / "a.jsonl", (clock.now, clock.now))
    began = clock.now
    while reader.step() is None:
        pass
    assert 10.0 <= clock.now - began <= 11.0
    reader.read()
    assert reader.found == list(range(20))
    reader.stop()


def test_the_wait_for_a_file_that_keeps_changing_is_bounded(inbox, clock):
    reader = Reader(inbox, follow=False, settle=1.0)
    steps = 0
    while not reader.found:
        os.utime(inbox / "a.jsonl", (clock.now, clock.now))
        reader.step()
        steps += 1
        assert steps < 1000
    assert reader.found == list(range(10))
    reader.stop()


def test_an_incomplete_line_is_read_when_it_is_complete(inbox):
    whole = lines(10, 11)
    with (inbox / "a.jsonl").open("ab") as out:
        out.write(whole[:5])
    reader = Reader(inbox)
    reader.read()
    with (inbox / "a.jsonl").open("ab") as out:
        out.write(whole[5:])
    reader.read()
    reader.stop()
    # the beginning of the line is a record that cannot be decoded; then the line is whole
    assert reader.found == list(range(11))


def test_an_unfinished_compression_is_not_read(inbox):
    reader = Reader(inbox)
    reader.read()
    packed = gzip.compress(lines(0, 10))
    (inbox / "a.jsonl.gz").write_bytes(packed[:-9])
    reader.read()
    assert not reader.source.caught_up
    (inbox / "a.jsonl.gz").write_bytes(packed)
    (inbox / "a.jsonl").unlink()
    reader.read()
    assert reader.found == list(range(10))
    reader.stop()


def test_files_with_equal_content_are_all_read(inbox):
    (inbox / "b.jsonl").write_bytes(lines(0, 10))
    reader = Reader(inbox)
    reader.read()
    (inbox / "a.jsonl").unlink()
    (inbox / "c.jsonl").write_bytes(lines(0, 10))
    reader.read()
    assert reader.found == 3 * list(range(10))
    reader.stop()


def test_removed_files_are_forgotten_after_a_while(inbox, monkeypatch):
    monkeypatch.setattr(directory, "MAX_DELETED", 2)
    reader = Reader(inbox)
    for i in range(6):
        (inbox / f"f{i}.jsonl").write_bytes(lines(10 + i, 11 + i))
        reader.read()
        if i < 5:
            (inbox / f"f{i}.jsonl").unlink()
    reader.read()
    assert len(reader.token["files"]) <= 5
    reader.stop()


@pytest.mark.parametrize("stopped", [False, True])
def test_a_file_that_may_have_been_forgotten_leaves_a_dead_letter(inbox, monkeypatch, stopped):
    monkeypatch.setattr(directory, "MAX_DELETED", 2)
    reader = Reader(inbox)
    for i in range(6):
        path = inbox / f"f{i}.jsonl"
        path.write_bytes(lines(10 + i, 11 + i))
        os.utime(path, (1000 + i, 1000 + i))
        reader.read()
        if i < 5:
            path.rename(inbox.parent / path.name)
    if stopped:
        reader.stop()
    assert reader.refused == []
    for name in ("f4.jsonl", "f0.jsonl"):  # remembered and forgotten
        (inbox.parent / name).rename(inbox / name)
    (inbox / "new.jsonl").write_bytes(lines(20, 21))
    reader.read()
    assert reader.found == [*range(16), 10, 20]
    ((place, _, reason),) = reader.refused
    assert place == ["f0.jsonl", 0]
    assert "only the last 2 are remembered: its events may already have been learned" in reason
    reader.read()
    assert len(reader.refused) == 1
    reader.stop()


def test_tokens_of_earlier_versions_are_read(inbox):
    (inbox / "b.jsonl").write_bytes(lines(10, 20))
    with reading.Handle(inbox / "b.jsonl") as handle:
        handle.read(1 << 20)
        offset = len(lines(10, 14))
        marks = handle.marks(offset)
    reader = Reader(inbox)
    reader.token = {"done": ["a.jsonl"], "file": "b.jsonl", "offset": offset, **marks}
    reader.read()
    assert reader.found == list(range(14, 20))
    reader.stop()


@pytest.mark.parametrize("settle", [-1, float("nan")])
def test_an_invalid_settle_time_is_rejected(settle, inbox):
    with pytest.raises(PriorError, match="'settle' >= 0"):
        Directory(str(inbox), settle=settle)


def test_a_file_renamed_while_another_one_is_read(inbox):
    (inbox / "a.jsonl").write_bytes(lines(0, 5))
    (inbox / "b.jsonl").write_bytes(lines(5, 7))
    reader = Reader(inbox)
    while not reader.found:
        reader.step()
    (inbox / "a.jsonl").rename(inbox / "b.jsonl")  # already listed under its old name
    reader.read()
    assert reader.found == list(range(5))
    reader.stop()


def test_a_file_overwritten_while_it_is_read(inbox, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 40)
    path = inbox / "a.jsonl"
    path.write_bytes(lines(10, 30))
    os.utime(path, (1, 1))
    reader = Reader(inbox)
    reader.step()
    read = list(reader.found)
    path.write_bytes(lines(30, 60))
    reader.read()
    assert reader.found == read + list(range(30, 60))
    assert [reason for _, _, reason in reader.refused] == [
        f"the file vanished after byte {10 * len(read)} of 200 was read: events may be lost"
    ]
    reader.stop()
