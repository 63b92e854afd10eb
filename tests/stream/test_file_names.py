"""Names of files, directories, keys and fields with bytes that are not UTF-8."""

import json
import os
import sys

import pytest

from seqbayes import Beta, PriorError
from seqbayes.cli import main
from seqbayes.errors import ObservationError
from seqbayes.events.keys import write_key
from seqbayes.stream import Belief, open_store, show
from seqbayes.stream.sources import Directory
from seqbayes.stream.sources.known import read_name, write_name

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="any byte is valid in a name")

NAME = os.fsdecode(b"gr\xf6sse")
GOOD, BAD = b'{"x": true}\n', b'{"x": 3}\n'
CONFIG = """
store = "b.db"
source = {{ kind = "{}", path = "{}" }}
[belief.b]
state = "beta"
field = "x"
"""


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_a_runner_in_a_directory_with_such_a_name(kind, tmp_path, monkeypatch, capfd):
    folder = tmp_path / NAME
    data = folder / "e.jsonl" if kind == "file" else folder / "in" / f"{NAME}.jsonl"
    data.parent.mkdir(parents=True)
    data.write_bytes(GOOD + BAD)
    monkeypatch.chdir(folder)
    (folder / "c.toml").write_text(CONFIG.format(kind, "e.jsonl" if kind == "file" else "in"))
    assert main(["run", "c.toml", "--once"]) == 0
    with data.open("ab") as file:
        file.write(GOOD)
    os.utime(data, (1, 1))  # settled
    assert main(["run", "c.toml", "--once"]) == 0  # continues after what was read
    with open_store("b.db", "read") as store:
        (letter,) = [each.letter for each in store.letters()]
        assert letter.raw == BAD.strip()
        (position,) = store.positions()
        assert (position.events, "gr\\udcf6sse" in position.source) == (3, True)
    (found,) = show("b.db", "b")
    assert found.state.n_samples == 2.0
    assert main(["status", "b.db", "--json"]) == 1
    assert main(["backup", "b.db", f"{NAME}.db"]) == 0
    assert main(["show", f"{NAME}.db", "--json"]) == 0
    assert main(["dead-letters", f"{NAME}.db"]) == 0
    assert "Traceback" not in capfd.readouterr().err


def test_names_in_a_token_are_unique_and_read_back(tmp_path):
    names = [NAME, "gr\xf6sse", "gr</f6>sse".replace("/", ""), "gr\\udcf6sse", "\udcff", "<\udcff>"]
    for name in names:
        (tmp_path / f"{name}.jsonl").write_bytes(GOOD)
    source = Directory(str(tmp_path), settle=0.0)
    *_, last = source.batches()
    token = json.loads(json.dumps(last.token, ensure_ascii=False).encode())
    assert len(token["files"]) == len(names)
    assert sorted(map(read_name, token["files"])) == sorted(f"{name}.jsonl" for name in names)
    for name in (*names, "/" + names[-2], "//" + NAME):
        assert read_name(write_name(name)) == name
    again = Directory(str(tmp_path), settle=0.0)
    again.seek(token)
    assert not [batch for batch in again.batches() if batch.records]


@pytest.mark.parametrize(
    "words",
    [
        ["show", "b.db", "b", NAME],
        ["reset", "b.db", "b", NAME, "--yes"],
        ["dead-letters", "b.db", "--source", NAME],
        ["watch", "e.jsonl", "--state", "beta", "--value", NAME],
    ],
    ids=" ".join,
)
def test_arguments_are_refused_with_their_text(words, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e.jsonl").write_bytes(GOOD)
    (tmp_path / "c.toml").write_text(CONFIG.format("file", "e.jsonl") + 'by = "x"\n')
    assert main(["run", "c.toml", "--once"]) == 0
    capfd.readouterr()
    assert main(words) == 2
    assert "in UTF-8, got" in (printed := capfd.readouterr().err)
    assert "gr\\udcf6sse" in printed


def test_fields_and_keys_are_refused():
    with pytest.raises(PriorError, match=r"field: expected the name of a field in UTF-8"):
        Belief("b", Beta(), field="a\ud800")
    with pytest.raises(ObservationError, match=r"expected a key in UTF-8, got 'a\\ud800'"):
        write_key("a\ud800")
