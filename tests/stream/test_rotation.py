"""Rotated files: every record once, whatever rotation does and whenever it happens."""

import gzip
import itertools
import json
import os
import random
import shutil
from contextlib import closing

import pytest

from seqbayes import PriorError
from seqbayes.stream import SourceError
from seqbayes.stream.sources import File, file, reading
from seqbayes.stream.sources.generations import generations
from seqbayes.stream.sources.rotation import successor


def line(i):
    return json.dumps({"i": i}).encode() + b"\n"


class Log:
    """A log file with a writer, numbered records, and a rotation scheme."""

    def __init__(self, directory, scheme, kept):
        self.path = directory / "e.jsonl"
        self.scheme, self.kept = scheme, kept
        self.written = self.rotations = 0

    def write(self, count):
        with self.path.open("ab") as out:
            for i in range(self.written, self.written + count):
                out.write(line(i))
        self.written += count

    def rotate(self):
        self.rotations += 1
        getattr(self, f"_{self.scheme}")()

    def _numbered(self, n, suffix=""):
        return self.path.with_name(f"e.jsonl.{n}{suffix}")

    def _shift(self):
        """Rename ``.2`` to ``.3`` and so on, so that ``.1`` is free."""
        for n in range(9, 0, -1):
            for suffix in ("", ".gz"):
                if (old := self._numbered(n, suffix)).exists():
                    old.rename(self._numbered(n + 1, suffix))

    def _compress(self, plain):
        packed = plain.with_name(plain.name + ".gz")
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        if self.kept:
            shutil.copystat(plain, packed)
        plain.unlink()

    def _rename(self):
        self._shift()
        self.path.rename(self._numbered(1))

    def _copytruncate(self):
        self._shift()
        (shutil.copy2 if self.kept else shutil.copyfile)(self.path, self._numbered(1))
        os.truncate(self.path, 0)

    def _delayed(self):
        self._rename()
        if self._numbered(2).exists():
            self._compress(self._numbered(2))

    def _compressed(self):
        self._rename()
        self._compress(self._numbered(1))

    def _copytruncated(self):
        self._copytruncate()
        self._compress(self._numbered(1))

    def _dated(self):
        self.path.rename(self.path.with_name(f"e.jsonl-2024050{self.rotations}"))

    def _infix(self):
        self.path.rename(self.path.with_name(f"e-2024050{self.rotations}.jsonl"))

    def _infix_delayed(self):
        self._infix()
        if (old := self.path.with_name(f"e-2024050{self.rotations - 1}.jsonl")).exists():
            self._compress(old)

    def _infix_number(self):
        for n in range(9, 0, -1):
            if (old := self.path.with_name(f"e.{n}.jsonl")).exists():
                old.rename(self.path.with_name(f"e.{n + 1}.jsonl"))
        self.path.rename(self.path.with_name("e.1.jsonl"))

    def _ascending(self):
        self.path.rename(self._numbered(self.rotations))

    def _hourly(self):
        self.path.rename(self.path.with_name(f"e.jsonl.2024-05-01-{self.rotations:02}"))

    def _hourly_compressed(self):
        self._hourly()
        self._compress(self.path.with_name(f"e.jsonl.2024-05-01-{self.rotations:02}"))

    def _infix_time(self):
        self.path.rename(self.path.with_name(f"e-2024-05-01T10:{self.rotations:02}:00.jsonl"))

    def _epoch(self):
        seconds = 1714521600 + 3600 * self.rotations
        self.path.rename(self.path.with_name(f"e.jsonl.{seconds}"))

    def _steps_of_two(self):
        self.path.rename(self._numbered(2 * self.rotations))

    def _hard_link(self):
        self._shift()
        os.link(self.path, self._numbered(1))
        self.path.unlink()

    def _link(self, name):
        """Point a symbolic link at the path to a new file."""
        if not self.path.is_symlink():
            self.path.rename(self.path.with_name(name.format(0)))
        new = self.path.with_name(name.format(self.rotations))
        new.touch()
        link = self.path.with_name("link")
        link.symlink_to(new.name)
        link.replace(self.path)

    def _link_number(self):
        self._link("e-{:03}.jsonl")

    def _link_dated(self):
        self._link("e.jsonl.2024-05-{:02}")

    def _copy_dated(self):
        copy = self.path.with_name(f"e.jsonl-202405{self.rotations:02}")
        (shutil.copy2 if self.kept else shutil.copyfile)(self.path, copy)
        os.truncate(self.path, 0)


SCHEMES = [
    name.removeprefix("_")
    for name in vars(Log)
    if name.startswith("_")
    and name not in ("__init__", "_numbered", "_shift", "_compress", "_link")
]
SCHEMES = [name for name in SCHEMES if not name.startswith("_")]


class Reader:
    """Reads a log step by step; `stop` closes the source, the next step reopens it."""

    def __init__(self, path, size=5000, **options):
        self.path, self.size, self.options = str(path), size, options
        self.found, self.refused, self.token = [], [], None
        self.source = None

    def step(self):
        if self.source is None:
            self.source = File(self.path, follow=True, **self.options)
            self.source.seek(self.token)
            self.batches = self.source.batches(self.size, timeout=0.0)
        batch = next(self.batches)
        if batch is not None:
            self.found += [json.loads(record)["i"] for record in batch.records]
            self.refused += batch.refused
            self.token = json.loads(json.dumps(batch.token))
        return batch

    def read(self, steps=100):
        """Read until no record has arrived for a few steps."""
        silent = 0
        for _ in range(steps):
            silent = silent + 1 if self.step() is None else 0
            if silent == 5:
                return
        raise AssertionError("the log did not end")

    def stop(self):
        if self.source is not None:
            self.batches.close()
            self.source.close()
            self.source = None


@pytest.fixture(autouse=True)
def no_grace(monkeypatch):
    monkeypatch.setattr(file, "GRACE", 0.0)
    monkeypatch.setattr(file, "_POLL", 0.0)


WHEN = ["behind", "caught up", "stopped", "stopped behind"]


# the number of rotations, and whether copies keep the time of the file
@pytest.mark.parametrize(("rotations", "kept"), [(1, True), (2, False), (3, False)])
@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_record_is_read_once(scheme, when, rotations, kept, tmp_path):
    log = Log(tmp_path, scheme, kept)
    behind = "behind" in when
    reader = Reader(log.path, size=3 if behind else 5000)
    for _ in range(2):  # rotations that happened before count as well
        log.write(5)
        reader.read()
        log.rotate()
    log.write(10)
    if behind:
        while len(reader.found) < 13:
            reader.step()
    else:
        reader.read()
    if when.startswith("stopped"):
        reader.stop()
    for _ in range(rotations):
        log.write(4)
        log.rotate()
        if "caught" not in when:
            log.write(3)
    log.write(2)
    reader.read()
    assert reader.found == list(range(log.written))
    reader.stop()
    reader.read()
    assert reader.found == list(range(log.written))
    reader.stop()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_no_line_is_lost_in_random_sequences_of_writes_rotations_and_stops(scheme, tmp_path):
    for seed in range(20):
        rng = random.Random(seed)
        directory = tmp_path / str(seed)
        directory.mkdir()
        log = Log(directory, scheme, kept=rng.random() < 0.5)
        reader = Reader(log.path, size=rng.choice([2, 3, 5000]))
        log.write(rng.randint(1, 5))
        reader.step()
        actions = []
        for _ in range(rng.randint(3, 13)):
            action = rng.choice(["write", "write", "rotate", "step", "step", "read", "stop"])
            copied = "copy" in scheme
            if action == "rotate" and (
                log.rotations == 8
                or not log.path.exists()
                or (copied and not log.path.stat().st_size)
            ):
                continue
            actions.append(action)
            if action == "write":
                log.write(rng.randint(1, 7))
            elif action == "step":
                for _ in range(rng.randint(1, 7)):
                    reader.step()
            else:
                {"rotate": log.rotate, "read": reader.read, "stop": reader.stop}[action]()
        if not log.path.exists():
            log.write(1)
        reader.read(300)
        reader.stop()
        reader.read()
        reader.stop()
        assert reader.found == list(range(log.written)), (seed, actions)


def test_two_rotations_with_ascending_numbers_during_the_first_file(tmp_path):
    log = Log(tmp_path, "ascending", True)
    reader = Reader(log.path)
    log.write(5)
    reader.read()
    for _ in range(2):
        log.write(3)
        log.rotate()
    log.write(2)
    reader.read()
    assert reader.found == list(range(13))
    reader.stop()


@pytest.mark.parametrize("scheme", ["copytruncate", "copy_dated"])
@pytest.mark.parametrize("kept", [True, False])
def test_copy_of_a_file_that_was_never_read(scheme, kept, tmp_path):
    log = Log(tmp_path, scheme, kept)
    reader = Reader(log.path)
    log.write(2)
    reader.read()
    log.rotate()
    reader.read()  # the file is empty now
    log.write(4)
    log.rotate()
    log.write(3)
    reader.read()
    assert reader.found == list(range(9))
    reader.stop()


@pytest.mark.parametrize("scheme", ["rename", "delayed", "dated", "infix", "copytruncate"])
def test_rotations_while_each_file_is_read(scheme, tmp_path):
    """The names change while the reader is in the middle of an older file."""
    log = Log(tmp_path, scheme, False)
    reader = Reader(log.path, size=2)
    log.write(9)
    reader.step()
    for _ in range(4):
        log.rotate()
        log.write(9)
        if scheme != "copytruncate" or log.rotations == 1:
            reader.step()
    reader.read()
    assert reader.found == list(range(log.written))
    reader.stop()


@pytest.mark.parametrize("stopped", [False, True])
def test_writer_that_keeps_the_rotated_file_open(stopped, tmp_path):
    path = tmp_path / "e.jsonl"
    reader = Reader(path)
    with path.open("ab", buffering=0) as old:
        old.write(line(0))
        reader.read()
        path.rename(tmp_path / "e.jsonl.1")
        path.write_bytes(line(1))
        reader.read()
        assert reader.found == [0, 1]
        if stopped:
            reader.stop()
        old.write(line(2))
        reader.read()
        (tmp_path / "e.jsonl.1").rename(tmp_path / "e.jsonl.2")
        path.rename(tmp_path / "e.jsonl.1")
        path.write_bytes(line(3))
        reader.read()
        if stopped:
            reader.stop()
        old.write(line(4))
        reader.read()
    assert reader.found == [0, 1, 2, 3, 4]
    reader.stop()


def test_a_late_write_is_read_before_the_next_file(tmp_path):
    path = tmp_path / "e.jsonl"
    reader = Reader(path)
    with path.open("ab", buffering=0) as old:
        old.write(line(0))
        reader.read()
        path.rename(tmp_path / "e.jsonl.1")
        path.touch()
        reader.read()
        old.write(line(1))
        reader.read()
        reader.stop()
        path.rename(tmp_path / "e.jsonl-20240501")
        path.write_bytes(line(2))
        reader.read()
    assert reader.found == [0, 1, 2]
    reader.stop()


@pytest.mark.parametrize("when", ["behind", "caught up", "stopped"])
@pytest.mark.parametrize("lost", ["stop", "restart"])
def test_a_gap_stops_the_run_or_becomes_a_dead_letter(when, lost, tmp_path):
    """Rotations that delete files: it cannot be known what was written in between."""
    log = Log(tmp_path, "rename", False)
    log.write(6)
    reader = Reader(log.path, size=2 if when == "behind" else 5000, lost=lost)
    reader.step()
    if when != "behind":
        reader.read()
    if when == "stopped":
        reader.stop()
    keep = log.path.open("rb")  # so that the inode is not used again
    log.path.unlink()
    log.write(3)
    hold = log.path.open("rb")
    log.path.unlink()
    log.write(2)
    with keep, hold:
        if lost == "stop":
            with pytest.raises(SourceError, match="events may be lost"):
                reader.read()
            reader.stop()
        else:
            reader.read()
            assert reader.found[-2:] == [9, 10]
            ((_, _, reason),) = reader.refused
            assert "events may be lost" in reason
            reader.stop()
            reader.read()
            assert len(reader.refused) == 1
            reader.stop()


@pytest.mark.parametrize("lost", ["stop", "restart"])
def test_a_truncation_that_loses_unread_bytes(lost, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 2 * len(line(0)))
    log = Log(tmp_path, "rename", False)
    log.write(6)
    reader = Reader(log.path, lost=lost)
    reader.step()
    log.path.write_bytes(line(6))
    if lost == "stop":
        with pytest.raises(SourceError, match="events may be lost"):
            reader.read()
    else:
        reader.read()
        assert (reader.found, len(reader.refused)) == ([0, 1, 6], 1)
    reader.stop()


def test_truncation_of_a_completely_read_file_loses_no_events(tmp_path):
    log = Log(tmp_path, "rename", False)
    log.write(6)
    reader = Reader(log.path)
    reader.read()
    log.path.write_bytes(line(6))
    reader.read()
    assert reader.found == list(range(7))
    reader.stop()


def test_ascending_rotation_numbers_are_detected(tmp_path):
    for n, time in ((1, 5), (2, 3), (10, 1)):
        (tmp_path / f"e.jsonl.{n}").write_bytes(line(n))
        os.utime(tmp_path / f"e.jsonl.{n}", ns=(time, time))
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"")
    order = [each.path.name for each in generations(path)]
    assert order == ["e.jsonl.10", "e.jsonl.2", "e.jsonl.1", "e.jsonl"]
    order = [each.path.name for each in generations(path, ascending=True)]
    assert order == ["e.jsonl.1", "e.jsonl.2", "e.jsonl.10", "e.jsonl"]


@pytest.mark.parametrize("times", list(itertools.permutations([1, 2, 3])))
@pytest.mark.parametrize(
    "names",
    [
        ["e.jsonl.3.gz", "e.jsonl.2", "e.jsonl.1"],
        ["e.jsonl-20230101", "e.jsonl-20240101.gz", "e.jsonl-20240102"],
        ["e.2023-12-31.jsonl", "e.2024-01-01.jsonl", "e.2024-01-02.jsonl"],
    ],
)
def test_names_determine_the_order_regardless_of_times(names, times, tmp_path):
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"")
    for name, time in zip(names, times, strict=True):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, ns=(time, time))
    chain = generations(path)
    assert [each.path.name for each in chain] == [*names, "e.jsonl"]
    for one, other in itertools.pairwise(chain):
        assert successor(path, one).path == other.path


def test_infix_names_are_ignored_unless_the_file_has_one(tmp_path):
    log = Log(tmp_path, "rename", False)
    log.write(3)
    reader = Reader(log.path)
    reader.read()
    (tmp_path / "e-2099.jsonl").write_bytes(line(77))
    log.rotate()
    log.write(1)
    reader.read()
    assert reader.found == [0, 1, 2, 3]
    reader.stop()


def test_special_files_are_rejected_at_once(tmp_path):
    fifo = tmp_path / "fifo.jsonl"
    os.mkfifo(fifo)
    with pytest.raises(PriorError, match="kind = 'stdin'"):
        File(str(fifo))
    with pytest.raises(PriorError, match="kind = 'directory'"):
        File(str(tmp_path))
    late = File(str(tmp_path / "late.jsonl"), follow=True)
    os.mkfifo(tmp_path / "late.jsonl")
    with closing(late), pytest.raises(SourceError, match="not a regular file"):
        next(late.batches(timeout=0.0))


def test_ascending_numbers_that_skip_some_are_detected_while_stopped(tmp_path):
    """A counter that other files share: the file was read before its first rotation."""
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"0\n")
    source = File(str(path), follow=True)
    batches = source.batches(timeout=0.01)
    read = [batch for batch in (next(batches) for _ in range(2)) if batch]
    source.close()
    for number, (late, following) in {4: (b"1\n", b"2\n"), 9: (b"3\n", b"4\n")}.items():
        with path.open("ab") as file:
            file.write(late)
        os.utime(path, (number, number))
        path.rename(tmp_path / f"e.jsonl.{number}")
        path.write_bytes(following)
    source = File(str(path))
    source.seek(read[-1].token)
    assert [int(r) for batch in source.batches() for r in batch.records] == [1, 2, 3, 4]


@pytest.mark.parametrize("unread", [1, 2])
def test_numbers_that_start_again_from_the_lowest(unread, tmp_path):
    """Days of the month, or a ring of three files: the oldest file is replaced."""
    log = Log(tmp_path, "rename", True)
    reader = Reader(log.path)

    def rotate(number):
        log.write(3)
        os.utime(log.path, (log.written, log.written))
        log.path.rename(tmp_path / f"e.jsonl.{number}")

    log.write(1)
    reader.read()
    for i in range(4):
        rotate(i % 3 + 1)
        log.write(2)
        reader.read()
    for i in range(4, 4 + unread):
        rotate(i % 3 + 1)
    log.write(1)
    reader.read()
    assert sorted(reader.found) == list(range(log.written))
    reader.stop()
