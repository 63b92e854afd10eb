"""Parquet, Avro and MessagePack files give the same beliefs as JSON Lines."""

import datetime
import gzip
import json
from pathlib import Path

import msgspec
import pytest
from shop_events import BELIEFS, SCHEMA

from seqbayes import cli
from seqbayes.errors import PriorError, SourceError
from seqbayes.events.packed import PackedObjects, object_end
from seqbayes.stream import Pipeline, open_store
from seqbayes.stream.sources import Directory, File
from seqbayes.stream.sources.reading import Format
from seqbayes.stream.sources.stdin import Pipe

fastavro = pytest.importorskip("fastavro")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

EVENTS = [
    {"shop": f"s{i % 3}", "sold": i % 2 == 0, "calls": -1 if i == 7 else i % 5} for i in range(40)
]
FORMATS = ["parquet", "avro", "msgpack"]


def write(path, events=EVENTS):
    """Write a file in the format of its suffix, in several blocks."""
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.Table.from_pylist(events), path, row_group_size=9)
    elif path.suffix == ".avro":
        with path.open("wb") as file:
            fastavro.writer(file, fastavro.parse_schema(SCHEMA), events, sync_interval=40)
    elif path.suffix == ".msgpack":
        path.write_bytes(b"".join(map(msgspec.msgpack.encode, events)))
    else:
        path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return path


def learn(path, url="memory:", stop=None):
    return learn_from(File(str(path)), url, stop)


def learn_from(source, url="memory:", stop=None):
    with Pipeline(source, BELIEFS, open_store(url), size=7) as pipeline:
        for step in pipeline:
            step.commit()
            if step.commits == stop:
                break
        states = {name: dict(table.states) for name, table in pipeline.tables.items()}
        letters = [(letter.belief, letter.reason) for _, letter, _ in pipeline.store.letters()]
    return states, letters, pipeline.events


@pytest.mark.parametrize("name", FORMATS)
def test_beliefs_and_dead_letters_equal_those_of_json_lines(name, tmp_path):
    states, letters, n = learn(write(tmp_path / "e.jsonl"))
    found = learn(write(tmp_path / f"e.{name}"))
    assert found[0] == states
    assert [belief for belief, _ in found[1]] == [belief for belief, _ in letters] == ["calls"]
    assert found[2] == n == len(EVENTS)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stop", [1, 2, 4])
def test_a_run_resumes_after_the_last_commit(name, stop, tmp_path):
    path, url = write(tmp_path / f"e.{name}"), str(tmp_path / "b.db")
    learn(path, url, stop)
    states, _, n = learn(path, url)
    assert n == len(EVENTS) - 7 * stop
    assert states == learn(path)[0]
    assert learn(path, url)[2] == 0


@pytest.mark.parametrize("name", FORMATS)
def test_another_file_at_the_path_is_refused(name, tmp_path):
    path, url = write(tmp_path / f"e.{name}"), str(tmp_path / "b.db")
    learn(path, url)
    write(path, [*EVENTS[:3], {"shop": "x", "sold": True, "calls": 1}])
    with pytest.raises(SourceError, match=r"is not the file that was read|ends before record"):
        learn(path, url)


@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_file_stops_with_the_place(name, tmp_path):
    path = write(tmp_path / f"e.{name}")
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SourceError, match=r"cannot read .* after record \d+: \w"):
        learn(path)
    path.write_bytes(b"\xc1 nothing")
    with pytest.raises(SourceError, match="after record 0"):
        learn(path)


def test_values_of_parquet_are_those_of_python(tmp_path):
    day = datetime.datetime(2024, 1, 1)
    path = write(tmp_path / "e.parquet", [{"at": day, "tags": ["x"], "n": None}])
    (batch,) = File(str(path)).batches()
    assert batch.records == [{"at": day, "tags": ["x"], "n": None}]


def test_objects_of_messagepack_that_are_not_records_become_dead_letters(tmp_path):
    path = tmp_path / "e.data"
    path.write_bytes(b"".join(map(msgspec.msgpack.encode, [EVENTS[0], [1], {1: 2}, EVENTS[1]])))
    (batch,) = File(str(path), format="msgpack").batches()
    assert (batch.records, batch.positions) == (EVENTS[:2], [0, 3])
    assert [(index, raw) for index, raw, _ in batch.refused] == [(1, b"[1]"), (2, b"{1: 2}")]


@pytest.mark.parametrize("name", ["jsonl", "msgpack", "msgpack.gz"])
def test_a_directory_of_messagepack_is_read_as_one_of_json_lines(name, tmp_path):
    """A run that is interrupted within a file resumes there; a file that grows is read further."""
    url, directory = str(tmp_path / "b.db"), tmp_path / "in"
    directory.mkdir()
    for i, events in enumerate((EVENTS[:15], EVENTS[15:], [])):
        path = write(directory / f"{i}.{name.removesuffix('.gz')}", events)
        if name.endswith(".gz"):
            Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    states, letters, _ = learn(write(tmp_path / "e.jsonl"))

    def source():
        return Directory(str(directory), f"*.{name}", settle=0)

    assert learn_from(source(), url, stop=2)[2] == 14
    found = learn_from(source(), url)
    assert found[0] == states
    assert [belief for belief, _ in found[1]] == [belief for belief, _ in letters]
    assert learn_from(source(), url)[2] == 0
    if not name.endswith(".gz"):
        path = directory / f"0.{name}"
        path.write_bytes(
            path.read_bytes() + write(tmp_path / f"more.{name}", EVENTS[:3]).read_bytes()
        )
        assert learn_from(source(), url)[2] == 3


@pytest.mark.parametrize("name", ["jsonl", "msgpack"])
def test_a_pipe_of_messagepack_is_read_as_one_of_json_lines(name, tmp_path):
    states, letters, _ = learn(write(tmp_path / "e.jsonl"))
    layout = Format(name, "-", None)
    with write(tmp_path / f"e.{name}").open("rb") as file:
        found = learn_from(Pipe(file.fileno(), layout.splitter(tmp_path, 0)))
    assert found[0] == states
    assert [belief for belief, _ in found[1]] == [belief for belief, _ in letters]


def test_objects_are_split_wherever_a_block_ends():
    data = b"".join(map(msgspec.msgpack.encode, [*EVENTS[:3], [1], EVENTS[3]]))
    whole = PackedObjects(0).split(data, last=True)
    assert whole.records == EVENTS[:4]
    assert [reason for *_, reason in whole.refused] == ["expected a mapping with field names"]
    for size in (1, 2, 7, 50):
        objects, records, starts, refused = PackedObjects(0), [], [], []
        for at in range(0, len(data) + size, size):
            part = objects.split(data[at : at + size], last=at >= len(data))
            records += part.records
            starts += part.starts
            refused += part.refused
        assert (records, starts, refused) == (whole.records, whole.starts, whole.refused)
        assert not objects.is_cut_short


def test_an_incomplete_object_at_the_end_is_a_dead_letter_and_others_stop():
    data = msgspec.msgpack.encode(EVENTS[0])
    part = PackedObjects(5).split(data + data[:4], last=True)
    assert part.records == EVENTS[:1]
    assert part.refused == [(5 + len(data), data[:4], "the input ends within a MessagePack object")]
    with pytest.raises(SourceError, match=f"the object at byte {len(data)} is not valid"):
        PackedObjects(0).split(data + b"\xc1")
    with pytest.raises(SourceError, match="at byte 0 is longer than 10 bytes"):
        PackedObjects(0, 10).split(data[:-1])


@pytest.mark.parametrize("name", [*FORMATS, "jsonl"])
def test_watch_reads_every_format_of_files(name, tmp_path, capsys):
    path = str(write(tmp_path / f"e.{name}"))
    words = ["--state", "beta", "--value", "sold", "--by", "shop", "--json"]
    assert cli.main(["watch", path, *words]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {each["key"]["shop"]: each["n"] for each in found} == {"s0": 14, "s1": 13, "s2": 13}


def test_files_of_records_cannot_be_followed(tmp_path):
    with pytest.raises(PriorError, match="cannot follow"):
        File(str(tmp_path / "e.parquet"), follow=True)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -1, 127, 128, -33, 2**16, 2**40, -(2**40), 1.5, "x", "x" * 31),
        *("y" * 32, "z" * 300, "u" * 70000, b"b", b"b" * 300, b"c" * 70000, [], [1] * 15),
        *([1] * 16, [[2]] * 70000, {}, {str(i): [i] for i in range(16)}),
        {"a": {"b": [1, {"c": None}]}},
        *(msgspec.msgpack.Ext(5, b"e" * n) for n in (1, 2, 3, 4, 8, 16, 17, 300)),
        {i: i for i in range(70000)},
        datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
    ],
    ids=lambda value: f"{type(value).__name__}-{len(str(value))}",
)
def test_the_end_of_an_object_is_where_its_encoding_ends(value):
    data = msgspec.msgpack.encode(value)
    assert object_end(b"\x00" + data + b"\x01", 1) == len(data) + 1
    with pytest.raises(ValueError, match="ends within"):
        object_end(data[:-1], 0)
