"""Bad input of commands: each message is one line that names the cause and the remedy."""

import gzip
import json
import os

import pytest

from seqbayes import cli

CONFIG = """
store = "b.db"
source = { kind = "file", path = "e.jsonl" }
[belief.b]
state = "beta"
field = "x"
by = "k"
"""
EVENTS = b"".join(json.dumps({"x": i % 2 == 0, "k": "a"}).encode() + b"\n" for i in range(9))


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e.jsonl").write_bytes(EVENTS)
    (tmp_path / "c.toml").write_text(CONFIG)
    (tmp_path / "folder").mkdir()
    return tmp_path


def call(capsys, *words):
    status = cli.main(list(words))
    return status, capsys.readouterr().err


@pytest.mark.parametrize("verb", ["show", "dead-letters", "run"])
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("folder", "folder is a directory; expected the file of a store"),
        ("pipe", "pipe is not a regular file; expected the file of a store"),
        (
            "e.jsonl",
            "e.jsonl: file is not a database; it is not a seqbayes store, or it is damaged",
        ),
    ],
)
def test_a_file_that_is_not_a_store(verb, path, message, directory, capsys):
    if path == "pipe":
        if not hasattr(os, "mkfifo"):
            pytest.skip("no named pipes")
        os.mkfifo("pipe")
    (directory / "c.toml").write_text(CONFIG.replace("b.db", path))
    status, err = call(capsys, verb, "c.toml" if verb == "run" else path)
    invalid = verb == "run" and path == "e.jsonl"  # an error of the configuration, below its title
    assert status == (2 if invalid else 4)
    assert message in err
    assert err.count("\n") == 1 + invalid
    assert (directory / "e.jsonl").read_bytes() == EVENTS


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('by = "k"', "this key occurs twice in its table (at line 8"),
        ("[belief.b]", "the table [belief.b] is defined twice (at line 8"),
        ("[belief.b]\nstate = 1", "the table [belief.b] is defined twice (at line 8"),
    ],
)
def test_a_duplicate_key_or_table(more, message, directory, capsys):
    (directory / "c.toml").write_text(f"{CONFIG}{more}\n")
    status, err = call(capsys, "check", "c.toml")
    assert (status, message in err) == (2, True), err


def test_a_key_with_a_wrong_number_of_values(capsys):
    assert call(capsys, "run", "c.toml")[0] == 0
    status, err = call(capsys, "predict", "b.db", "b")
    assert status == 2
    assert "belief 'b' is by k: expected 1 value as its key, got none" in err


def test_an_export_into_a_missing_directory(capsys):
    assert call(capsys, "run", "c.toml")[0] == 0
    status, err = call(capsys, "export", "b.db", "missing/x.csv")
    assert status == 2
    assert "missing/x.csv: the directory" in err
    assert "does not exist" in err


def test_a_query_of_a_missing_database(directory, capsys):
    source = '{ kind = "query", url = "missing.db", query = "t", cursor = "i" }'
    (directory / "c.toml").write_text(CONFIG.replace('{ kind = "file", path = "e.jsonl" }', source))
    status, err = call(capsys, "run", "c.toml")
    assert status == 4
    assert "cannot read query:t: no such file: missing.db" in err


PACKED = gzip.compress(EVENTS, mtime=0)
ARRAY = b"[\n" + EVENTS.replace(b"}\n", b"},\n").rstrip(b",\n") + b"\n]\n"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("e.jsonl.gz", PACKED[:-9], "the compressed file is incomplete; it may still be written"),
        ("e.jsonl.gz", EVENTS, "its suffix is .gz, but it is not a gzip file"),
        ("e", b"\x7fELF\0\0\1\r\0\n", "the input looks like binary data"),
        ("e.json", ARRAY, "the input is a JSON array, not one object per line: convert it first"),
    ],
    ids=["cut", "not compressed", "binary", "array"],
)
def test_a_file_of_another_format(name, data, message, directory, capsys):
    (directory / name).write_bytes(data)
    status, err = call(capsys, "watch", name, "--state", "beta", "--value", "x", "--by", "k")
    assert message in err
    assert status == (0 if data is ARRAY else 2)


def test_a_misspelt_state(capsys):
    status, err = call(capsys, "watch", "e.jsonl", "--state", "betta", "--value", "x")
    assert status == 2
    assert "no state 'betta': expected one of beta" in err
    assert "did you mean 'beta'?" in err


def test_an_unknown_source_of_dead_letters(capsys):
    assert call(capsys, "run", "c.toml")[0] == 0
    status, err = call(capsys, "dead-letters", "b.db", "--source", "e")
    assert status == 1
    assert "b.db has no source 'e'; sources: file:" in err


def test_init_with_an_existing_configuration(capsys):
    status, err = call(capsys, "init", "c.toml")
    assert status == 2
    assert "c.toml: file exists; choose another name: seqbayes init other.toml" in err
