"""Derived fields and conditions in a configuration, in `run` and `watch`."""

import json

import pytest

from seqbayes import cli
from seqbayes.stream import open_store
from seqbayes.stream.config import parse_config
from seqbayes.stream.schema import ConfigError

BASE = """
store = "a.db"
source = { kind = "file", path = "e.jsonl" }
derive.seconds = "ms / 1000"
derive.slow = "seconds > 0.2"
[belief.b]
state = "beta"
field = "slow"
by = ["page", "bucket(ms, [100, 300])"]
"""

EVENTS = [
    {"page": "home", "ms": 50, "status": 200},
    {"page": "home", "ms": 250, "status": 200},
    {"page": "cart", "ms": 350, "status": 204},
    {"page": "cart", "ms": 350, "status": 500},
    {"page": "cart", "ms": "long", "status": 200},
]


def test_a_configuration_derives_fields_and_selects_events(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "e.jsonl").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    (tmp_path / "c.toml").write_text(BASE + 'where = "status in [200, 204]"\n')
    assert cli.main(["run", "c.toml"]) == 0
    with open_store("a.db", "read") as store:
        found = {row.key: json.loads(row.state)["statistics"] for row in store.states("b")}
        (letter,) = store.letters()
    assert set(found) == {
        '["home","below 100"]',
        '["home","100 to 300"]',
        '["cart","300 or more"]',
    }
    assert letter.letter.reason.startswith("field 'bucket(ms, [100, 300])': expected a number")
    capsys.readouterr()
    words = ["watch", "--state", "beta", "e.jsonl", "--value", "ms > 200", "--by", "page"]
    assert cli.main([*words, "--where", "status in [200, 204]", "--json"]) == 0
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    assert {line["key"]["page"]: line["n"] for line in lines} == {"home": 2.0, "cart": 1.0}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('where = "status in [200"', "belief.b.where: expected ']' at its end"),
        ('where = "status is 3"', "belief.b.where: expected an operator or the end at column 8"),
        ('weight = "page"\n[derive]\nx = "y +"', "the table [derive]"),
        ("where = 3", "belief.b.where: expected"),
    ],
)
def test_errors_name_their_path(text, error):
    with pytest.raises(ConfigError) as caught:
        parse_config((BASE + text).encode())
    assert any(error in found for found in caught.value.errors), caught.value.errors


def test_errors_of_derived_fields_name_their_path():
    text = BASE.replace('"ms / 1000"', '"ms / "').replace("bucket(ms, [", "buckt(ms, [")
    with pytest.raises(ConfigError) as caught:
        parse_config(text.encode())
    first, *_, last = caught.value.errors
    assert first.startswith("derive.seconds: expected a field, a value or a function at its end")
    assert "belief.b.by: unknown function at column 1" in last
    assert "did you mean 'bucket'?" in last
