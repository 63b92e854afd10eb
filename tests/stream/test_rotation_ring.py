"""Rings of rotated files, in which a new file replaces the oldest: a loss is always reported."""

import gzip
import json
import os
import random
import shutil
from collections import Counter

import pytest
from test_rotation import Reader, line

from seqbayes.stream.sources import file


class Ring:
    """A log whose rotated files have the numbers 1 to `size` in turn."""

    def __init__(self, directory, rng, scheme):
        self.path, self.scheme = directory / "e.jsonl", scheme
        self.size, self.written = rng.choice([2, 3, 4, 5]), 0
        self.rotations, self.time = rng.randrange(self.size), 1000

    def write(self, count):
        with self.path.open("ab") as out:
            out.writelines(map(line, range(self.written, self.written + count)))
        self.written += count
        self.time += 1
        os.utime(self.path, (self.time, self.time))

    def rotate(self):
        self.rotations += 1
        rotated = self.path.with_name(f"e.jsonl.{self.rotations % self.size + 1}")
        if self.scheme == "overwritten":
            shutil.copyfile(self.path, rotated)
            os.truncate(self.path, 0)
        else:
            self.path.rename(rotated)
        os.utime(rotated, (self.time, self.time))
        if self.scheme == "compressed":
            packed = rotated.with_name(f"{rotated.name}.gz")
            packed.unlink(missing_ok=True)
            packed.write_bytes(gzip.compress(rotated.read_bytes()))
            shutil.copystat(rotated, packed)
            rotated.unlink()


@pytest.mark.parametrize("scheme", ["renamed", "compressed", "overwritten"])
def test_records_of_a_ring_are_read_once_or_reported(scheme, tmp_path, monkeypatch):
    monkeypatch.setattr(file, "GRACE", 0.0)
    monkeypatch.setattr(file, "_POLL", 0.0)
    whole = 0
    for seed in range(25):
        rng = random.Random(f"{scheme} {seed}")
        directory = tmp_path / str(seed)
        directory.mkdir()
        ring = Ring(directory, rng, scheme)
        reader = Reader(ring.path, size=rng.choice([1, 2, 100]), lost="restart")
        ring.write(rng.randint(1, 4))
        reader.step()
        for _ in range(rng.randint(3, 10)):
            for _ in range(rng.choice([0, 1, 1, 2, 3, ring.size, ring.size + 1])):
                ring.write(rng.randint(1, 4))
                ring.rotate()
                ring.write(rng.randint(1, 3))
            if rng.random() < 0.3:
                reader.step()  # it is behind
            else:
                reader.read(1000)
            if rng.random() < 0.3:
                reader.stop()
        ring.write(1)
        reader.read(1000)
        reader.stop()
        counts = Counter(reader.found)
        if not reader.refused:
            assert counts == Counter(range(ring.written)), (seed, json.dumps(reader.token))
            whole += 1
    assert 0 < whole < 25


def compress_without_time(path):
    """Compress a file; the modification time of the compressed file is that of the compression."""
    packed = path.with_name(f"{path.name}.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    later = packed.stat().st_mtime_ns + 10**9
    os.utime(packed, ns=(later, later))
    path.unlink()


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("size", [2, 3])
def test_files_of_a_ring_that_are_compressed_at_the_next_rotation(
    size, stopped, tmp_path, monkeypatch
):
    monkeypatch.setattr(file, "GRACE", 0.0)
    monkeypatch.setattr(file, "_POLL", 0.0)
    path = tmp_path / "e.jsonl"
    reader, written, previous = Reader(path), 0, None
    for rotation in range(4 * size):
        with path.open("ab") as out:
            out.writelines(map(line, range(written, written + 3)))
        written += 3
        reader.read(1000)
        if stopped:
            reader.stop()
        with path.open("ab") as out:
            out.writelines(map(line, range(written, written + 2)))
        written += 2
        rotated = path.with_name(f"e.jsonl.{rotation % size + 1}")
        rotated.with_name(f"{rotated.name}.gz").unlink(missing_ok=True)
        path.rename(rotated)
        if previous is not None:
            compress_without_time(previous)
        previous = rotated
    path.write_bytes(line(written))
    reader.read(1000)
    reader.stop()
    assert reader.found == list(range(written + 1))
