"""`watch` and `run` read the same events, with the same keys, beliefs, counts and reasons."""

import gzip
import itertools
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqbayes.cli import main
from seqbayes.stream import dead_letters, show

CONFIG = """
store = "{store}"
source = {{ kind = "file", path = "{name}" }}
history = false
[belief.b]
state = "gamma"
field = "n"
by = "k"
"""

JSON = [
    b'{"k": 1, "n": 1}',
    b'{"k": 1.0, "n": 2}',
    b'{"k": 1e3, "n": 3}',
    b'{"k": 1000, "n": 3}',
    b'{"k": "1", "n": 4}',
    b'{"k": "1.0", "n": 4}',
    b'{"k": 1e300, "n": 4}',
    b'{"k": -0.0, "n": 4}',
    b'{"k": 0.1, "n": 4}',
    b'{"k": true, "n": 5}',
    b'{"k": 18446744073709551617, "n": 6}',
    b'{"k": 18446744073709551618, "n": 6}',
    b'{"k": 1' + b"0" * 2000 + b', "n": 6}',
    b'{"k": "a", "n": 7}\r',
    b'\r{"k": "a", "n": 7}',
    b'{"k": "a\rb", "n": 7}',
    b'{"k": "a\\"b", "n": 8}',
    b'{"k": "\\u0000", "n": 8}',
    b'{"k": "a\0b", "n": 8}',
    b'{"k": "a", "n": NaN}',
    b'{"k": "a", "n": Infinity}',
    b'{"k": NaN, "n": 1}',
    b'{"k": "\\ud800", "n": 1}',
    b'{"k": "\\ud83d\\ude00", "n": 1}',
    b'{"k": "a", "k": "b", "n": 1, "n": 2}',
    b'{"k": "a", "n": 1e400}',
    b'{"k": "a", "n": 1' + b"0" * 400 + b"}",
    b'{"k": "a", "n": "5"}',
    b'{"k": "a", "n": -1}',
    b'{"k": "a", "n": true}',
    b'{"k": "a", "n": null}',
    b'{"k": null, "n": 1}',
    b'{"n": 1}',
    b'{"k": "a"}',
    b"{}",
    b"[1]",
    b"7",
    b'{"k": [1], "n": 1}',
    b'{"k": "\xff", "n": 1}',
    '{"k": "a", "n": 1}'.encode("utf-16"),
    b'{"k": "' + b"x" * 1001 + b'", "n": 1}',
    b'{"k": "a", "n": 1}{"k": "a", "n": 1}',
    b"   ",
    b'{"k": "', b'{"z": ' + b"[" * 5000 + b"}",
]  # fmt: skip

CSV = [
    b"1,1",
    b"1.0,2",
    b"1e3,3",
    b"18446744073709551617,6",
    b'"a",7\r',
    b"a\rb,7",
    b'"a\rb",7',
    b'"a""b",8',
    b'"a,b",8',
    b'"a\nb",8',
    b'a"b,8',
    b'"a"b,8',
    b"a\0b,8",
    b"a,NaN",
    b"a,inf",
    b"a,1e400",
    b"a,1" + b"0" * 400,
    b"a,-1",
    b"a,1_0",
    b"a,\xef\xbc\x91",
    b"a, 5 ",
    b" a,5",
    b"a,true",
    b"a,",
    b",1",
    b" ,1",
    b"a",
    b"a,1,2",
    b"\xff,1",
    "a,1".encode("utf-16"),
    b"x" * 1001 + b",1",
    b"   ",
    b"a,\\ud800",
    b'"open,1',
]


_numbers = itertools.count()


def both(tmp_path, monkeypatch, capsys, name, data):
    """Feed a file to both commands; return status, beliefs, refusals and output of each."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    store = f"memory:watch-and-run-{next(_numbers)}"
    (tmp_path / "c.toml").write_text(CONFIG.format(name=name, store=store))
    words = ["--state=gamma", "--value=n", "--by=k", "--json"]
    watched = main(["watch", name, *words])
    out, watch_err = capsys.readouterr()
    answers = [json.loads(line) for line in out.split("\n") if line]
    beliefs = {each["key"]["k"]: each["posterior"] for each in answers}
    ran = main(["run", "c.toml"])
    run_err = capsys.readouterr().err
    stored = {each.key["k"]: each.state.posterior._asdict() for each in show(store)}
    letters = [each.letter for each in dead_letters(store)]
    return (watched, beliefs, watch_err), (ran, stored, letters, run_err)


def count(err):
    """Return how many unused events `watch` reports."""
    found = re.findall(r"skipped ([\d,]+) (?:malformed line|incomplete event)s?", err)
    return sum(int(each.replace(",", "")) for each in found)


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "lines"), [("e.jsonl", JSON), ("e.csv", [b"k,n", *CSV])], ids=["jsonl", "csv"]
)
def test_keys_beliefs_and_counts_agree(name, lines, suffix, start, tmp_path, monkeypatch, capsys):
    data = start + b"\n".join(lines) + b"\n"
    watched, ran = both(tmp_path, monkeypatch, capsys, name + suffix, data)
    assert (watched[0], ran[0]) == (0, 0)
    assert watched[1] == ran[1]
    assert count(watched[2]) == len(ran[2]) > 10
    assert len(watched[1]) > 5


@pytest.mark.parametrize(("name", "lines"), [("e.jsonl", JSON), ("e.csv", CSV)])
def test_reasons_agree(name, lines, tmp_path, monkeypatch, capsys):
    good = b"k,n\ngood,1\n" if name == "e.csv" else b'{"k": "good", "n": 1}\n'
    for line in lines:
        data = good + line + b"\n"
        watched, ran = both(tmp_path, monkeypatch, capsys, name, data)
        assert (watched[:2], count(watched[2])) == (ran[:2], len(ran[2])), line
        for letter in ran[2]:
            if reason := re.fullmatch(r"field '(.)' is (?:null|missing)", letter.reason):
                assert f"missing fields: '{reason[1]}' (1 event)" in watched[2]
            elif "; field" not in letter.reason:
                assert f": {letter.reason[:200]} in " in watched[2], line


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("e.csv", "k,n\na,1\n".encode("utf-16"), "the input is UTF-16"),
        ("e.jsonl", '{"k": "a", "n": 1}\n'.encode("utf-16"), "the input is UTF-16"),
        ("e.csv", b"k,n\ra,1\r", "carriage return alone"),
        ("e.csv", b"k,n,n\na,1,2\n", "several columns named 'n'"),
    ],
)
def test_inputs_that_cannot_be_read_are_explained(
    name, data, message, tmp_path, monkeypatch, capsys
):
    watched, ran = both(tmp_path, monkeypatch, capsys, name, data)
    assert (watched[0], watched[1], ran[1]) == (2, {}, {})
    assert message in watched[2]
    assert message in ran[3]


def test_a_column_with_a_similar_name_is_suggested(tmp_path, monkeypatch, capsys):
    watched, ran = both(tmp_path, monkeypatch, capsys, "e.csv", b"k, n\na,1\n")
    assert "did you mean ' n'?" in watched[2]
    assert [letter.reason for letter in ran[2]] == [
        "field 'n': the column is missing; did you mean ' n'?"
    ]


PIECES = [
    b'{"k": "a", "n": 1}', b"\n", b"\r\n", b"\r", b'"', b",", b";", b"{", b"}", b"[", b"]", b":",
    b"\0", b"\xff", b"\xef\xbb\xbf", b"\xfe\xff", b"\x1f\x8b", b" ", b"\t", b"\x0b", b"\x1c", b"\\",
    b"a", b"1", b"1.0", b"1e400", b"NaN", b"null", b"true", b'"k"', b'"n"', b"k,n", b"\\ud800",
    "\u2028".encode(), "é".encode(),
]  # fmt: skip
HEADERS = [b"k,n", b'"k",n', b"n,k", b"k,n\r", b"k,n,m", b"\xef\xbb\xbfk,n"]
NOT_THERE = re.compile(r"(field '.' is (null|missing)(; )?)+")


@st.composite
def inputs(draw):
    """Lines of both corpora, with other pieces between and within them, possibly truncated."""
    name, corpus = draw(st.sampled_from([("e.jsonl", JSON), ("e.csv", CSV)]))
    line = st.one_of(
        st.sampled_from(corpus),
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map(b"".join),
    )
    data = draw(st.sampled_from([b"\n", b"\r\n"])).join(draw(st.lists(line, max_size=8)))
    for piece in draw(st.lists(st.sampled_from(PIECES), max_size=2)):
        place = draw(st.integers(0, min(len(data), 400)))
        data = data[:place] + piece + data[place:]
    if name == "e.csv":
        data = draw(st.sampled_from(HEADERS)) + b"\n" + data
    return name, data + draw(st.sampled_from([b"", b"\n"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inputs())
def test_any_bytes_are_read_identically(tmp_path, capsys, given_input):
    name, data = given_input
    with pytest.MonkeyPatch.context() as patch:
        watched, ran = both(tmp_path, patch, capsys, name, data)
    assert watched[1] == ran[1]
    assert "Traceback" not in watched[2] + ran[3]
    if watched[0] == 2:  # the input cannot be read, or has no such field
        assert ran[0] == 4 or not ran[1]
        return
    letters = [letter for letter in ran[2] if not NOT_THERE.fullmatch(letter.reason)]
    assert count(watched[2]) == len(ran[2])
    for letter in letters if len(letters) <= 5 else ():
        assert f": {letter.reason[:200]}" in watched[2]


def test_an_incomplete_last_line_that_is_nested_too_deeply(tmp_path, monkeypatch, capsys):
    data = b'{"k": "a", "n": 1}\n{"z": ' + b"[" * 5000
    watched, ran = both(tmp_path, monkeypatch, capsys, "e.jsonl", data)
    assert watched[:2] == ran[:2] == (0, {"a": {"shape": 2.0, "rate": 2.0}})
    assert [letter.reason for letter in ran[2]] == ["nested too deeply"]
    assert "line 2: nested too deeply" in watched[2]


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl"])
@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n \n"])
def test_an_input_without_content_is_reported_as_empty(name, data, tmp_path, monkeypatch, capsys):
    watched, ran = both(tmp_path, monkeypatch, capsys, name, data)
    assert (watched[0], watched[1], ran[1]) == (1, {}, {})
    assert watched[2] == "seqbayes watch: the input is empty\n"
