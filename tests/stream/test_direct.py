"""Plain records learned in arrays give the same beliefs and dead letters as other records."""

import json
import math
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_watch_and_run import CSV, HEADERS, JSON, PIECES

from seqbayes import Beta, Gamma, Normal
from seqbayes.events.loops import line_starts
from seqbayes.events.records import Block, PlainCells
from seqbayes.events.rows import CsvRows
from seqbayes.likelihoods import Exponential, Poisson
from seqbayes.likelihoods.base import Likelihood
from seqbayes.statistics.column_loops import LEARNS_KEYED
from seqbayes.stream import Belief, Pipeline, open_store
from seqbayes.stream.direct import DirectLearning
from seqbayes.stream.sources import File

NUMBERS = [
    *("0", "-0", "-0.0", "1", "-1", "01", "1.", ".5", "1.5", "0.1", "-0.30000000000000004", "--1"),
    *("123456789012345", "1234567890123456", "123456789012345678", "1234567890123456789", "-"),
    *("0.123456789012345", "0.1234567890123456", "9007199254740993", "1e3", "1E-5", "1e+300"),
    *("1e309", "1e-400", "1e", "1e5.5", "+1", "1_0", "1e3 ", " 2", "2.2250738585072011e-308"),
    *("0." + 50 * "3", 50 * "3", "NaN", "inf", "true", "false", "null", '"1"', "True", "yes", ""),
]
needs_compiled = pytest.mark.skipif(not LEARNS_KEYED, reason="it needs compiled modules")


def beliefs(max_keys=100_000):
    poisson = Gamma(1.0, 1.0, likelihood=Poisson())
    return [
        Belief("sold", Beta(), field="b", by="k", max_keys=max_keys),
        Belief("all", Gamma(1.0, 1.0, likelihood=Exponential()), field="n"),
        Belief("count", poisson, field="n", by="k", over="pool", max_keys=max_keys),
        Belief("level", Normal(0.0, 100.0, 1.0), field="n", by="k"),
    ]


def learned(path, declared, size):
    """Return the stored states, the dead letters and the counts of a file."""
    with open_store("memory:") as store:
        source = File(str(path), name="events", longest=2000)
        with Pipeline(source, declared, store, size=size) as pipeline:
            for _ in pipeline:
                pass
            states = [
                (each.name, *state[:2]) for each in declared for state in store.states(each.name)
            ]
            letters = [each.letter for each in store.letters()]
            return sorted(states), sorted(letters), pipeline.used, pipeline.events


def same_without_arrays(path, declared, size=50):
    """Check that a file is learned identically without arrays; return what was learned."""
    found = learned(path, declared, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectLearning, "learn", lambda self, records: {})
        assert learned(path, declared, size) == found
    return found


def direct_counts(path, declared, size=50):
    """Return how many of the records of each batch the first belief learns in arrays."""
    counts, learn = [], DirectLearning.learn

    def counted(self, records):
        done = learn(self, records)
        counts.append((done[declared[0].name], len(records)))
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DirectLearning, "learn", counted)
        learned(path, declared, size)
    return counts


def sales(rng, n, keys=30):
    for _ in range(n):
        yield {
            "k": f"shop {rng.randrange(keys)}",
            "b": rng.random() < 0.3,
            "n": rng.randrange(9) + 1,
        }


def write(path, events):
    if path.suffix == ".csv":
        rows = (f"{e['k']},{json.dumps(e['b'])},{e['n']}\n" for e in events)
        path.write_text("k,b,n\n" + "".join(rows))
    else:
        path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


@needs_compiled
@pytest.mark.parametrize("name", ["e.csv", "e.jsonl"])
def test_plain_records_are_learned_in_arrays(name, tmp_path):
    path = write(tmp_path / name, sales(random.Random(1), 500))
    assert all(done == n for done, n in direct_counts(path, beliefs()))
    assert same_without_arrays(path, beliefs())[2] == dict.fromkeys(
        ("sold", "all", "count", "level"), 500
    )


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl"])
@pytest.mark.parametrize("max_keys", [3, 29, 30])
def test_the_limit_of_keys_is_the_same(name, max_keys, tmp_path):
    path = write(tmp_path / name, sales(random.Random(2), 500))
    found = same_without_arrays(path, beliefs(max_keys))
    assert bool(found[1]) == (max_keys < 30)


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl"])
def test_a_belief_may_refuse_what_others_learn(name, tmp_path):
    events = [*sales(random.Random(3), 120)]
    events[70]["n"] = 1.5  # not a count
    events[90]["b"] = 2
    found = same_without_arrays(write(tmp_path / name, events), beliefs())
    assert found[2] == {"sold": 119, "all": 120, "count": 119, "level": 120}


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl"])
def test_a_likelihood_may_read_single_observations_only(name, tmp_path, monkeypatch):
    path = write(tmp_path / name, sales(random.Random(4), 120))
    expected = learned(path, beliefs(), 50)
    monkeypatch.setattr(Exponential, "read_many", Likelihood.read_many)
    assert learned(path, beliefs(), 50) == expected


def test_a_sum_that_overflows_is_refused_alike(tmp_path):
    events = [{"k": "a", "b": True, "n": n} for n in (1.0, 1e300, 1e308, 1e308, 2.0, -1e308, 1.0)]
    declared = [Belief("level", Normal(0.0, 100.0, 1.0), field="n", by="k")]
    same_without_arrays(write(tmp_path / "e.jsonl", events), declared)


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers_are_read_identically(value, tmp_path):
    path = tmp_path / "e.jsonl"
    lines = [f'{{"k": {value}, "n": 1, "b": true}}', f'{{"k": "a", "n": {value}, "b": {value}}}']
    lines += [
        f'{{"z": {value}, "k": "a", "n": 1, "b": 1}}',
        f'{{"k": "a", "b": 0, "n": {value}  }}',
    ]
    path.write_text("\n".join(lines) + "\n")
    same_without_arrays(path, beliefs())
    path = tmp_path / "e.csv"
    path.write_text(f"k,n,b\n{value},1,1\na,{value},{value}\na,2,true\n")
    same_without_arrays(path, beliefs())


@needs_compiled
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_the_shortest_text_of_every_number_is_read_exactly(values):
    texts = [*map(repr, values), *(f"{value:.15g}" for value in values)]
    for text in texts:
        for records in plain(text):
            fields, n = records.read_arrays([("n", "number"), ("k", "text")])
            if n:
                assert float(fields.numbers(0, 1)[0]) == float(text)
            else:
                assert float(text) in (0.0, math.inf, -math.inf), text


def plain(text):
    line = f'{{"k": "a", "n": {text}}}\n'.encode()
    yield Block(line, 0, line_starts(line, len(line), 0, 1000))
    (cells,) = [CsvRows(0).split(f"k,n\na,{text}\n".encode()).records]
    assert isinstance(cells, PlainCells)
    yield cells


FIELDS = [b'"b": 1', b'"b": true', b'"b" :\tfalse', b'"b": 2', b'"n": 3', b'"x": [1]', b'"x": null']
LINES = [
    b'{"k": "\xc3\xa9", "n": 1, "b": 1}',
    b'{"k": "", "n": 1, "b": 1}',
    b'{"k": "a", "n": 1, "b": 1}x}',
    b'{"k": "a", "n": 1{"b": 1}}',
    b'{"k": "a", "n": 1, "b": 1,}',
    b'{, "k": "a", "n": 1, "b": 1}',
    b'{"k": "a" "n": 1, "b": 1}',
    b'{"k": 12, "n": 1, "b": 1, "x": {"k": 1}}',
    b'{"k": -5, "n": 1.25, "b": 0, "x": "\xe2\x82\xac"}',
    b'{"b": 1, "b": 0, "k": "a", "n": 1}',
    b'{"b": truee, "k": "a", "n": 1}',
    b'{"b": tru, "k": "a", "n": 1}',
]


@st.composite
def inputs(draw):
    """Lines that are plain, mixed with others."""
    name, corpus = draw(st.sampled_from([("e.jsonl", [*JSON, *LINES]), ("e.csv", CSV)]))
    good = [b'{"k": "a", "n": 1, "b": true}', b'{"n": 2, "k": "b", "b": 0}']
    good = good if name == "e.jsonl" else [b"a,1,0", b"b,2,true"]
    made = st.lists(st.sampled_from(FIELDS), max_size=3).map(
        lambda each: b'{"k": "a", "n": 2, ' + b", ".join(each) + b"}"
    )
    other = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(b"".join)
    line = st.one_of(st.sampled_from(good), st.sampled_from(corpus), made, other)
    data = draw(st.sampled_from([b"\n", b"\n", b"\r\n"])).join(draw(st.lists(line, max_size=12)))
    for piece in draw(st.lists(st.sampled_from(PIECES), max_size=2)):
        place = draw(st.integers(0, min(len(data), 400)))
        data = data[:place] + piece + data[place:]
    if name == "e.csv":
        data = draw(st.sampled_from([*HEADERS, b"k,n,b", b"b,k,n"])) + b"\n" + data
    return name, data + draw(st.sampled_from([b"", b"\n"])), draw(st.sampled_from([1, 3, 50]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inputs())
def test_any_bytes_are_learned_identically(tmp_path, given_input):
    name, data, size = given_input
    path = tmp_path / name
    path.write_bytes(data)
    try:
        same_without_arrays(path, beliefs(max_keys=3), size)
    except ValueError as error:  # the input cannot be read
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DirectLearning, "learn", lambda self, records: {})
            with pytest.raises(type(error)):
                learned(path, beliefs(max_keys=3), size)
