"""Sources: every record once, from any token, whatever happens to the file meanwhile."""

import csv
import gzip
import io
import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as some
from killing import contents, events, kill_often, write

from programs import Program
from seqbayes import PriorError
from seqbayes.events.lines import Lines
from seqbayes.events.rows import CsvRows
from seqbayes.stream import SourceError
from seqbayes.stream.sources import Dataset, Directory, File, Iterated, Query, reading
from seqbayes.stream.sources.file import GRACE
from seqbayes.stream.sources.handle import Handle


def event(i):
    return {"i": i, "text": "é" * (i % 7)}


def line(i):
    return json.dumps(event(i), ensure_ascii=False).encode()


def numbers(batches):
    """Return the numbers of the events in batches, raw or decoded."""
    return [
        int((json.loads(r) if isinstance(r, bytes) else r)["i"])
        for batch in batches
        if batch is not None
        for r in batch.records
    ]


def everything(source):
    """Return all batches of a source, and close it even after an error."""
    with closing(source):
        return list(source.batches())


def read_on(make, size=3):
    """Return the batches of a source, and those after each of its tokens."""
    source = make()
    source.seek(None)
    batches = list(source.batches(size))
    source.close()
    rests = []
    for batch in batches:
        again = make()
        again.seek(json.loads(json.dumps(batch.token)))
        rests.append(numbers(again.batches(size)))
        again.close()
    return batches, rests


def assert_whole(make, count, size=3):
    batches, rests = read_on(make, size)
    assert numbers(batches) == list(range(count))
    for i, rest in enumerate(rests):
        assert numbers(batches[: i + 1]) + rest == list(range(count))
    assert all(len(batch.records) == len(batch.positions) <= size for batch in batches)


def as_csv(count):
    out = io.StringIO(newline="")
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(["i", "text"])
    rows.writerows(
        [i, ["plain", "a,b", "two\nlines", 'a "quote"', ""][i % 5]] for i in range(count)
    )
    return out.getvalue().encode()


SUFFIXES = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_files_are_resumed_from_any_token(kind, suffix, block, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", block)
    data = as_csv(17) if kind == "csv" else b"\n".join(map(line, range(17)))
    path = tmp_path / f"events.{kind}{suffix}"
    path.write_bytes(SUFFIXES[suffix](data))
    assert_whole(lambda: File(str(path)), 17)


def test_cells_agree_with_the_csv_module(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes(as_csv(10))
    (batch,) = File(str(path)).batches()
    assert batch.records == list(csv.DictReader(io.StringIO(as_csv(10).decode(), newline="")))
    tabs = tmp_path / "events.tsv"
    tabs.write_text("i\ttext\n0\ta,b\n")
    (batch,) = File(str(tabs)).batches()
    assert batch.records == [{"i": "0", "text": "a,b"}]


def is_line(data):
    """Whether these bytes are one line that is not blank and begins without a byte order mark."""
    return bool(data.strip()) and b"\n" not in data and not data.startswith(b"\xef\xbb\xbf")


@given(
    some.lists(some.binary(max_size=9).filter(is_line), max_size=12),
    some.lists(some.integers(1, 20), min_size=1, max_size=12),
    some.booleans(),
)
def test_lines_in_blocks_of_any_size(lines, cuts, ended):
    lines = [b"{}", *lines]  # an input that begins like UTF-16 or a compressed file is refused
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    splitter, found, start = Lines(0), [], 0
    for i in range(len(data) + 1):
        cut = cuts[i % len(cuts)]
        block, start = data[start : start + cut], start + cut
        part = splitter.split(block, last=not block)
        found += zip(part.records, part.starts, strict=True)
        if not block:
            break
    assert [record for record, _ in found] == lines
    for record, start in found[1:]:
        assert data[start : start + len(record)] == record
    assert part.end == len(data)


@given(
    some.lists(some.tuples(*[some.text('ab,"\n', max_size=5)] * 2), min_size=1, max_size=8),
    some.integers(1, 30),
)
def test_rows_in_blocks_of_any_size(rows, cut):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([("x", "y"), *rows])
    data = out.getvalue().encode()
    splitter, found = CsvRows(0), []
    for start in range(0, len(data) + cut, cut):
        block = data[start : start + cut]
        found += splitter.split(block, last=not block).records
    assert found == [{"x": x, "y": y} for x, y in rows]


def split(data, cut, offset=0, header=None, **limits):
    """Return the rows and refusals of data that arrive in blocks of this size."""
    splitter, rows, refused = CsvRows(offset, header=header, **limits), [], []
    for start in range(offset, len(data) + cut, cut):
        block = data[start : start + cut]
        part = splitter.split(block, last=not block)
        rows += zip(part.starts, part.records, strict=True)
        refused += part.refused
        if not block:
            break
    return rows, refused


@given(
    some.lists(
        some.sampled_from(
            [
                "1,a",
                '2,"b"',
                '3,"c',
                'd",4',
                '5,"e\n6,f"',
                '7" g,h',
                "",
                "   ",
                "\t\r",
                "8",
                '9,"',
                "x" * 35,
            ]
        ),
        max_size=14,
    ),
    some.integers(1, 40),
    some.booleans(),
    some.integers(2, 4),
)
def test_invalid_rows_are_the_same_in_any_blocks(lines, cut, ended, most):
    data = ("x,y\n" + "\n".join(lines) + ("\n" if ended else "")).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seqbayes.events.rows.MAX_ROW_LINES", most)
        whole = split(data, len(data), longest=30)
        assert split(data, cut, longest=30) == whole
        rows, refused = whole
        for start in {start for start, *_ in [*rows, *refused]}:
            rest = split(data, cut, start, ["x", "y"], longest=30)
            assert rest == tuple([each for each in part if each[0] >= start] for part in whole)
    assert all(data[start:].startswith(raw) for start, raw, _ in refused)


@pytest.mark.parametrize("quotes", [1, 2])
def test_an_unbalanced_quote_invalidates_one_row(quotes, tmp_path):
    path = tmp_path / "events.csv"
    rows = [b"%d,text" % i for i in range(5000)]
    rows[10] = b'10,"text'
    if quotes == 2:
        rows[700] = b'700,"text'
    path.write_bytes(b"\n".join([b"i,text", *rows, b""]))
    batches, rests = read_on(lambda: File(str(path)), 500)
    expected = [i for i in range(5000) if i not in {10, 700} or (i == 700 and quotes == 1)]
    assert numbers(batches) == expected
    refused = [raw for batch in batches for _, raw, _ in batch.refused]
    assert refused == [b'10,"text', b'700,"text'][:quotes]
    for i, rest in enumerate(rests):
        assert numbers(batches[: i + 1]) + rest == expected


def test_quoted_cells_of_many_lines_are_read(tmp_path):
    path = tmp_path / "events.csv"
    text = "\n".join(["line"] * 1000)
    path.write_text(f'i,text\n0,"{text}"\n1,x\n')
    (batch,) = File(str(path)).batches()
    assert batch.records == [{"i": "0", "text": text}, {"i": "1", "text": "x"}]


def test_a_rejected_row_is_stored_completely(tmp_path):
    path = tmp_path / "events.csv"
    row = b'0,"' + b"two\n" * 999 + b'lines",' + b"x" * 9000
    path.write_bytes(b"i,text\n" + row + b"\n1,a\n")
    (batch,) = File(str(path)).batches()
    assert [raw for _, raw, _ in batch.refused] == [row]
    assert numbers([batch]) == [1]


@pytest.mark.parametrize("block", [3, 64, 1 << 20])
def test_long_records_are_rejected_and_skipped(block, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", block)
    path = tmp_path / "events.jsonl"
    long = b'{"i": 1, "text": "' + b"x" * 5000
    path.write_bytes(line(0) + b"\n" + long + b"\n\n \r\n" + line(1) + b"\n" + long)
    batches, rests = read_on(lambda: File(str(path), longest=100))
    assert numbers(batches) == [0, 1]
    refused = [each for batch in batches for each in batch.refused]
    start = len(line(0)) + 1
    assert [at for at, _, _ in refused] == [start, start + len(long) + 5 + len(line(1)) + 1]
    assert all("5,018 bytes" in why and long.startswith(raw) for _, raw, why in refused)
    for i, rest in enumerate(rests):
        assert numbers(batches[: i + 1]) + rest == [0, 1]


def test_invalid_rows_are_rejected(tmp_path):
    path = tmp_path / "events.csv"
    path.write_bytes(b"i,text\n0,a\n1\n2,\xff\n3,b,c\n4,d\n\n")
    (batch,) = File(str(path)).batches()
    assert [row["i"] for row in batch.records] == ["0", "4"]
    assert [at for at, _, _ in batch.refused] == [11, 13, 17]
    for header in (b"i,i\n1,2\n", b"\xff,i\n1,2\n"):
        path.write_bytes(header)
        with pytest.raises(SourceError, match=r"columns|header"):
            everything(File(str(path)))


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(SourceError, match="No such file"):
        everything(File(str(tmp_path / "none.jsonl")))
    for suffix, pack in list(SUFFIXES.items())[1:]:
        path = tmp_path / f"cut.jsonl{suffix}"
        path.write_bytes(pack(b"\n".join(map(line, range(5000))))[:-20])
        with pytest.raises(SourceError, match="cannot read"):
            everything(File(str(path)))
        path.write_bytes(b"no such thing")
        with pytest.raises(SourceError, match="cannot read"):
            everything(File(str(path)))
        with pytest.raises(ValueError, match="cannot follow"):
            File(str(path), follow=True)


class Follower:
    """Reads a followed file up to its present end."""

    def __init__(self, path, token=None, **options):
        self.source = File(str(path), follow=True, **options)
        self.source.seek(token)
        self.batches = self.source.batches(timeout=0.02)
        self.token = token
        self.found = []

    def read(self, until, patience=60.0):
        """Read until this number of events was found."""
        deadline = time.monotonic() + patience
        while len(self.found) < until and time.monotonic() < deadline:
            batch = next(self.batches)
            if batch is not None:
                self.found += numbers([batch])
                self.token = json.loads(json.dumps(batch.token))
        assert self.found == list(range(until))

    def close(self):
        self.source.close()


@pytest.fixture
def log(tmp_path):
    return tmp_path / "events.jsonl"


def append(path, *which):
    with path.open("ab") as out:
        for i in which:
            out.write(line(i) + b"\n")


def test_a_growing_file_is_followed(log):
    follower = Follower(log)
    assert next(follower.batches) is None
    append(log, 0, 1)
    follower.read(2)
    with log.open("ab") as out:
        out.write(line(2)[:5])
    assert next(follower.batches) is None
    with log.open("ab") as out:
        out.write(line(2)[5:] + b"\n" + line(3) + b"\n")
    follower.read(4)
    follower.close()


@pytest.mark.parametrize("again", [False, True], ids=["watched", "meanwhile"])
def test_a_rotated_file_is_read_to_its_end(again, log, monkeypatch):
    """Renamed twice, written to by a process that has it open, and compressed."""
    monkeypatch.setattr("seqbayes.stream.sources.file.GRACE", 0.2)
    follower = Follower(log)
    append(log, 0, 1)
    follower.read(2)
    if again:
        follower.close()
    writer = log.open("ab")
    log.rename(log.with_name("events.jsonl.1"))
    writer.write(line(2) + b"\n")
    writer.close()
    append(log, 3, 4)
    os.utime(log.with_name("events.jsonl.1"), ns=(1, 1))
    if again:
        log.with_name("events.jsonl.1").rename(log.with_name("events.jsonl.2"))
        log.rename(log.with_name("events.jsonl.1"))
        os.utime(log.with_name("events.jsonl.1"), ns=(2, 2))
        append(log, 5)
        found = follower.found
        follower = Follower(log, follower.token)
        follower.found = found
        follower.read(6)
    else:
        follower.read(5)
        append(log, 5)
        follower.read(6)
    follower.close()


def test_a_rotated_file_that_was_compressed_is_found(log):
    follower = Follower(log)
    append(log, *range(4))
    follower.source.seek(None)
    batches = follower.source.batches(size=3, timeout=0.02)
    token = next(batches).token
    follower.close()
    packed = gzip.compress(log.read_bytes())
    log.unlink()
    log.with_name("events.jsonl.1.gz").write_bytes(packed)
    append(log, 4)
    later = Follower(log, token)
    later.found = [0, 1, 2]
    later.read(5)
    later.close()


@pytest.mark.parametrize("copy", [".bak", ".save", "-copy", ".1.orig", ".20240501", ".1.gz", ".9"])
@pytest.mark.parametrize("again", [False, True], ids=["watched", "meanwhile"])
def test_a_copy_in_the_same_directory_is_not_read(copy, again, log, monkeypatch):
    monkeypatch.setattr("seqbayes.stream.sources.file.GRACE", 0.05)
    follower = Follower(log)
    append(log, *range(100))
    follower.read(100)
    if again:
        follower.close()
        append(log, 100)
    count = 100 + again
    pack = gzip.compress if copy.endswith(".gz") else bytes
    time.sleep(0.01)
    log.with_name(log.name + copy).write_bytes(pack(log.read_bytes()))
    log.rename(log.with_name("events.jsonl.1"))
    append(log, *range(count, count + 10))
    if again:
        found, follower = follower.found, Follower(log, follower.token)
        follower.found = found
    follower.read(count + 10)
    for _ in range(3):
        assert next(follower.batches) is None
    follower.close()


def test_an_incomplete_compressed_file_is_not_read(log):
    append(log, 0, 1)
    follower = Follower(log)
    follower.read(2)
    follower.close()
    append(log, 2)
    rotated = log.rename(log.with_name("events.jsonl.1"))
    time.sleep(0.01)
    log.with_name("events.jsonl.1.gz").write_bytes(gzip.compress(rotated.read_bytes())[:-12])
    append(log, 3)
    later = Follower(log, follower.token)
    later.found = [0, 1]
    later.read(4)
    later.close()


@pytest.mark.parametrize(
    "names", [("-20240501", "-20240502.gz"), (".2024-05-01_13", ".2024-05-01_14.zst"), (".2", ".1")]
)
def test_later_rotated_files_are_read(names, log):
    append(log, 0, 1)
    follower = Follower(log)
    follower.read(2)
    follower.close()
    append(log, 2)
    for i, name in enumerate(names):
        rotated = log.with_name(log.name + name)
        rotated.write_bytes(SUFFIXES.get(rotated.suffix, bytes)(log.read_bytes()))
        os.utime(rotated, ns=(i + 1, i + 1))
        log.unlink()
        append(log, 3 + i)
    later = Follower(log, follower.token)
    later.found = [0, 1]
    later.read(5)
    later.close()


def finish(path, token=None):
    """Read a file to its end; return the number of events and the last token."""
    source = File(str(path))
    source.seek(token)
    batches = list(source.batches())
    source.close()
    token = json.loads(json.dumps(batches[-1].token)) if batches else token
    return sum(len(batch.records) for batch in batches), token


@pytest.mark.parametrize("suffix", list(SUFFIXES)[1:])
@pytest.mark.parametrize("unit", [1, 10**3, 10**9], ids=["ns", "us", "s"])
def test_files_of_equal_lines_are_distinguished(suffix, unit, log):
    same = b'{"x":true}\n'
    log.write_bytes(500 * same)
    now = time.time_ns()
    os.utime(log, ns=(0, now - 3 * 10**9))
    count, token = finish(log)
    assert count == 500
    log.rename(log.with_name("events.jsonl.2"))
    log.write_bytes(200 * same)
    os.utime(log, ns=(0, now))
    count, token = finish(log, token)
    assert count == 200
    packed = log.with_name("events.jsonl.1" + suffix)
    packed.write_bytes(SUFFIXES[suffix](log.read_bytes() + 3 * same))
    os.utime(packed, ns=(0, now - now % unit))
    log.unlink()
    log.write_bytes(10 * same)
    assert finish(log, token)[0] == 13


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("block", [100, 1500, 1 << 20])
def test_a_file_with_the_same_beginning_is_another_file(suffix, block, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", block)
    path = tmp_path / f"events.jsonl{suffix}"
    pack = SUFFIXES[suffix]
    path.write_bytes(pack(b"".join(line(i) + b"\n" for i in range(300))))
    _, token = finish(path)
    path.unlink()
    path.with_name("kept").write_bytes(b"")  # keeps the inode in use
    path.write_bytes(pack(b"".join(line(i if i < 100 else 0) + b"\n" for i in range(900))))
    with pytest.raises(SourceError, match="cannot find the file"):
        finish(path, token)
    old = {key: token[key] for key in ("file", "offset", "length", "head")}
    assert finish(path, old)[0] > 0  # tokens of earlier versions can be read


def test_positions_are_byte_offsets(tmp_path):
    data = random.Random(5).randbytes(5000)
    path = tmp_path / "any"
    path.write_bytes(data)
    with Handle(path) as handle:
        for size in (1, 1022, 1, 1500, 7, 2469):
            handle.read(size)
            assert not handle.is_changed()
            for offset in {max(0, handle.offset - back) for back in (0, 1, 1024, 1500)}:
                with Handle(path) as other:
                    assert other.skip_to(offset)
                    assert handle.marks(offset) == other.marks(offset)
        assert "tail" in handle.marks(5000)
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert handle.is_changed()


@pytest.mark.parametrize("block", [7, 1 << 20])
def test_an_incomplete_line_is_read_by_the_next_run(block, log, monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", block)
    last = b'{"i": -1.5e-3, "n": [true, null, {"t": "\\u00e9\xc3\xa9"}]}'
    append(log, 0)
    before = log.read_bytes()
    for cut in range(1, len(last)):
        log.write_bytes(before + last[:cut])
        count, token = finish(log)
        assert count == 1, last[:cut]
        assert finish(log, token)[0] == 0
        log.write_bytes(before + last)
        assert finish(log, token)[0] == 1
    for whole in (last, b"{bad", b'{"i": bad}', b'["i'):
        log.write_bytes(before + whole)
        assert finish(log)[0] == 2


def test_a_truncated_file_is_read_from_its_beginning(log):
    follower = Follower(log)
    append(log, 0, 1, 2)
    follower.read(3)
    assert next(follower.batches) is None
    log.write_bytes(line(3) + b"\n")
    follower.read(4)
    # copied and truncated, and longer than before at the next check
    log.write_bytes(b"".join(line(i) + b"\n" for i in range(4, 20)))
    follower.read(20)
    follower.close()


def test_a_lost_file_is_reported(log):
    append(log, 0, 1)
    follower = Follower(log)
    follower.read(2)
    follower.close()
    log.unlink()
    append(log, 7)
    with pytest.raises(SourceError, match="cannot find the file"):
        Follower(log, follower.token)
    restarted = File(str(log), lost="restart")
    restarted.seek(follower.token)
    assert numbers(restarted.batches()) == [7]


def test_a_deleted_file_that_is_recreated_is_read(log, monkeypatch):
    monkeypatch.setattr("seqbayes.stream.sources.file.GRACE", 0.05)
    append(log, 0)
    follower = Follower(log)
    follower.read(1)
    log.unlink()
    assert next(follower.batches) is None
    append(log, 1)
    follower.read(2)
    follower.close()
    assert GRACE >= 1.0


def test_new_files_in_a_directory_are_read(tmp_path):
    for i, name in enumerate(["a", "b", "c"]):
        (tmp_path / f"{name}.jsonl").write_bytes(b"\n".join(map(line, range(4 * i, 4 * i + 4))))
    (tmp_path / ".hidden.jsonl").write_bytes(b"no")
    (tmp_path / "other.txt").write_bytes(b"no")
    assert_whole(lambda: Directory(str(tmp_path), settle=0.0), 12)
    source = Directory(str(tmp_path), follow=True, settle=0.0)
    source.seek(None)
    batches = source.batches(timeout=0.01)
    found = [next(batches) for _ in range(10)]
    assert found[0].positions[1] == ["a.jsonl", len(line(0)) + 1]
    assert found[-1] is None
    (tmp_path / "aa.jsonl").write_bytes(line(12))
    assert numbers([next(batches)]) == [12]
    again = Directory(str(tmp_path), settle=0.0)
    again.seek(found[8].token)
    assert numbers(again.batches()) == [12]
    source.close()
    with pytest.raises(SourceError, match="cannot read"):
        list(Directory(str(tmp_path / "none")).batches())
    again.close()


def test_a_file_is_read_when_it_is_complete(tmp_path):
    source = Directory(str(tmp_path), follow=True, settle=3600.0)
    batches = source.batches(timeout=0.01)
    append(tmp_path / "a.jsonl", 0)
    assert next(batches) is None
    os.utime(tmp_path / "a.jsonl", (0.0, time.time() - 3600.0))
    assert numbers([next(batches)]) == [0]
    source.close()


def test_iterables():
    events = [event(i) for i in range(10)]
    assert_whole(lambda: Iterated(events, "list"), 10)
    assert_whole(lambda: Iterated(lambda: iter(events), "function"), 10)
    once = Iterated(iter(events), "once")
    assert numbers(once.batches(4)) == list(range(10))
    with pytest.raises(SourceError, match="cannot be restarted"):
        once.seek(4)
    short = Iterated(events[:3], "short")
    short.seek(5)
    with pytest.raises(SourceError, match="ends before"):
        list(short.batches())
    (batch,) = Iterated([({"x": 1}, True), 3], "pairs", target="y").batches()
    assert batch.records == [{"x": 1, "y": True}]
    assert batch.refused == [(1, b"3", "no mapping")]


def test_data_sets_of_river():
    source = Dataset("Phishing", target="bad")
    source.seek(1200)
    (batch,) = source.batches()
    assert len(batch.records) == 50
    assert "bad" in batch.records[0]
    with pytest.raises(SourceError, match="did you mean 'Phishing'"):
        Dataset("Phising")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_rows_of_a_growing_table(kind, request, tmp_path):
    if kind == "sqlite":
        url = str(tmp_path / "events.db")
        connection = sqlite3.connect(url, isolation_level=None)
    else:
        import psycopg

        url = request.getfixturevalue("postgres_url")
        connection = psycopg.connect(url, autocommit=True)
    connection.execute("CREATE TABLE e (i INTEGER PRIMARY KEY, at TIMESTAMP, amount NUMERIC(9,2))")

    def insert(*which):
        for i in which:
            connection.execute(f"INSERT INTO e VALUES ({i}, '2026-01-02 03:04:05', {i}.25)")

    insert(*range(8))
    assert_whole(lambda: Query(url, "e", "i"), 8)
    assert_whole(lambda: Query(url, "SELECT i FROM e WHERE i % 100 < 50", "i"), 8)
    (batch,) = Query(url, "e", "i").batches()
    assert batch.records[3]["amount"] == 3.25
    assert str(batch.records[3]["at"]).startswith("2026-01-02")
    source = Query(url, "e", "i", follow=True, every=0.02)
    rows = source.batches(timeout=0.01)
    assert numbers([next(rows)]) == list(range(8))
    assert next(rows) is None
    insert(8)
    assert numbers([b for b in (next(rows) for _ in range(9)) if b]) == [8]
    for query, cursor, response in (
        ("nothing", "i", "nothing"),
        ("SELECT 1 AS i", "j", "j"),
        ("WITH a AS (SELECT 1) DELETE FROM e", "i", "cannot read"),
        ("SELECT 1 AS i UNION ALL SELECT 1", "i", "does not increase"),
        ("SELECT 1 AS i UNION ALL SELECT NULL", "i", "NULL in some rows"),
    ):
        wrong = Query(url, query, cursor)
        with pytest.raises(SourceError, match=response):
            list(wrong.batches(5))
        wrong.close()
    assert connection.execute("SELECT count(*) FROM e").fetchone() == (9,)
    source.close()
    connection.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("size", range(1, 8))
def test_a_tie_of_the_cursor_is_never_skipped(kind, size, request, tmp_path):
    """Within a page, at the end of a page, or arriving later."""
    if kind == "sqlite":
        url = str(tmp_path / "events.db")
        connection = sqlite3.connect(url, isolation_level=None)
    else:
        import psycopg

        url = request.getfixturevalue("postgres_url")
        connection = psycopg.connect(url, autocommit=True)
    with closing(connection):
        connection.execute("CREATE TABLE e (i INTEGER, at REAL)")
        for i, at in enumerate([0, 1, 2, 3, 3, 4, 5]):
            connection.execute(f"INSERT INTO e VALUES ({i}, {at})")
        with (
            closing(Query(url, "e", "at")) as source,
            pytest.raises(SourceError, match=r"does not increase: several rows have 3\.0"),
        ):
            list(source.batches(size))
        connection.execute("DELETE FROM e WHERE i = 4")
        source = Query(url, "e", "at", follow=True, every=0.001)
        batches = source.batches(size, timeout=0.001)
        found = []
        while (batch := next(batches)) is not None:
            found += numbers([batch])
        assert found == [0, 1, 2, 3, 5, 6]
        connection.execute("INSERT INTO e VALUES (7, 5)")
        with closing(source), pytest.raises(SourceError, match="does not increase"):
            list(itertools.islice(batches, 100))


@pytest.mark.parametrize("query", ["SELECT 1;", "SELECT 1; DROP TABLE e", 'SELECT ";" ; '])
def test_a_query_of_two_statements_is_rejected(query):
    with pytest.raises(PriorError, match="without a semicolon"):
        Query("a.db", query, "i")
    assert Query("a.db", "SELECT 'a;b' AS x, \";\" FROM e", "i").finite


STDIN = """
import json, sys
from seqbayes.stream.sources import Stdin
source = Stdin()
source.seek(100)
for batch in source.batches(2, timeout=0.05):
    told = None if batch is None else [[json.loads(r) for r in batch.records], batch.token]
    print(json.dumps(told), flush=True)
"""


def test_standard_input():
    with Program(
        [sys.executable, "-c", STDIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert json.loads(program.stdout.readline()) is None
        program.stdin.write(b"1\n2\n3\n4")
        program.stdin.flush()
        output = []
        while len(output) < 2:
            batch = json.loads(program.stdout.readline())
            output += [batch] if batch else []
        assert output == [[[1, 2], 104], [[3], 106]]
        program.stdin.close()
        rest = [json.loads(each) for each in program.stdout]
        assert [each for each in rest if each] == [[[4], 107]]
    assert program.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_runner_killed_while_following_a_rotating_file_is_bit_identical(tmp_path, process):
    """kill -9 at random moments, while the file grows and is rotated."""
    records = events(3000, 5)
    path, whole, store = (tmp_path / name for name in ("e.jsonl", "whole.jsonl", "b.db"))
    whole.write_bytes(b"".join(record + b"\n" for record in records))
    source = {"kind": "file", "name": "log"}
    config = write(tmp_path / "c.toml", store, source | {"path": str(path), "follow": True})

    def grow(part):
        with path.open("ab") as out:
            out.write(b"".join(r + b"\n" for r in records[500 * part : 500 * part + 500]))

    def grow_and_rotate(i, end):
        if i in (1, 3):
            path.rename(tmp_path / f"e.jsonl-2024-05-0{i}")  # in order, if both are unread
        grow(i + 1)

    grow(0)
    process.run("run", config, "--once")  # files rotated before the first read are not read
    kill_often(
        process, ["run", config], random.Random(5), grow_and_rotate, runs=5, max_duration=0.6
    )
    process.run("run", config, "--once")
    other = write(tmp_path / "o.toml", tmp_path / "o.db", source | {"path": str(whole)})
    process.run("run", other)
    found, expected = contents(str(store)), contents(str(tmp_path / "o.db"))
    assert found[0] == expected[0]
    assert [letter.raw for letter in found[1]] == [letter.raw for letter in expected[1]]
    assert found[2][0][2] == expected[2][0][2] == 3000
