"""Backfill: the beliefs and dead letters of a stream of the same rows, and its continuation."""

import datetime
import json
import random
import textwrap

import pytest

from seqbayes import stream
from seqbayes.cli import main
from seqbayes.errors import PriorError, SourceError
from seqbayes.stream.stores import open_store
from seqbayes.stream.verbs.backfill import Boundary

pytest.importorskip("duckdb")
pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

BELIEFS = """
[belief.sold]
state = "beta"
field = "sold"
by = "shop"

[belief.amount]
state = "normal-inverse-gamma"
field = "amount"
by = ["shop", "page"]
where = { sold = true, page = [1, 2] }
weight = "w"

[belief.recent]
state = "gamma"
field = "n"
half_life = "1 h"
time = "at"
"""

BAD_LINES = [
    '{"shop": 3, "sold": 1, "amount": "7", "page": 1}',
    '{"shop":',
    "",
    "[1]",
    '{"shop": "s1", "sold": true, "amount": 5, "page": 1, "w": 1, "n": 1, "shop": "s2", "at": 1}',
    '{"shop": "x", "sold": "yes", "n": -1, "at": "2024-01-01T00:00:00Z"}',
    '{"shop": 1.5, "sold": 1.0, "amount": 1e300, "page": 1, "w": -1, "n": 1.5, "at": 2e9}',
    '{"shop": "\\ud800", "sold": true, "n": 2, "at": 1.7e9}',
    '{"shop": null, "sold": null, "n": null}',
    '{"shop": "1", "sold": true, "n": 70000, "at": "1e9"}',
]


def rows(n=400, seed=1):
    rng = random.Random(seed)
    return [
        {
            "shop": f"s{rng.randrange(5)}",
            "sold": rng.random() < 0.4,
            "amount": round(rng.gauss(1e6, 2.0), 3),
            "page": rng.randrange(4),
            "w": rng.choice([1, 0.5, 2]),
            "n": rng.randrange(9),
            "at": 1.7e9 + 60 * i,
        }
        for i in range(n)
    ]


def write_lines(path, records, bad=BAD_LINES):
    lines = [json.dumps(record) for record in records]
    for i, line in enumerate(bad):
        lines.insert(7 * i + 3, line)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_config(path, source, store, beliefs=BELIEFS):
    path.write_text(f'store = "{store}"\n[source]\n{textwrap.dedent(source)}\n{beliefs}')
    return path


def contents(url):
    """Return posteriors by belief and key, dead letters, and events of each source."""
    with open_store(str(url), "read") as store:
        letters = sorted(letter[:5] for _, letter, _ in store.letters())
        events = {position.source: position.events for position in store.positions()}
    answers = {
        (each.belief, tuple(each.key.values())): each.state for each in stream.show(str(url))
    }
    return answers, letters, events


def assert_equal(mine, theirs):
    assert mine.keys() == theirs.keys()
    for key, state in theirs.items():
        assert mine[key].n_samples == pytest.approx(state.n_samples, rel=1e-12), key
        assert tuple(mine[key].posterior) == pytest.approx(tuple(state.posterior), rel=1e-9), key
        assert mine[key].log_evidence == pytest.approx(state.log_evidence, rel=1e-9), key


def test_a_backfill_of_json_lines_equals_a_run_and_the_stream_continues(tmp_path):
    data = tmp_path / "e.jsonl"
    write_lines(data, rows())
    source = f'kind = "file"\npath = "{data}"'
    slow = write_config(tmp_path / "a.toml", source, tmp_path / "a.db")
    fast = write_config(tmp_path / "b.toml", source, tmp_path / "b.db")
    stream.run(slow)
    done = stream.backfill(str(data), fast)
    answers, letters, events = contents(tmp_path / "a.db")
    found = contents(tmp_path / "b.db")
    assert_equal(found[0], answers)
    assert found[1] == letters
    assert found[2] == events == {done.source: done.rows}
    assert sum(n for _, _, n, _ in done.rejected) == len(letters) > 8
    with pytest.raises(SourceError, match="has already been read into this store"):
        stream.backfill(str(data), fast)
    with data.open("a") as file:
        file.writelines(f"{json.dumps(record)}\n" for record in rows(50, seed=2))
    for path in (slow, fast):
        stream.run(path)
    assert_equal(contents(tmp_path / "b.db")[0], contents(tmp_path / "a.db")[0])


CELLS = [
    "shop,sold,amount,page,w,n,at",
    's1,yes," 1e6 ",1,1,3,2024-01-01T00:00:00Z',
    '"s,""2""",TRUE,1e6,1,1,3,2024-01-01 00:00:00',
    "s1,0,nan,1,1,1_0,1704067200",
    "\t,1,2,1,1,2,1704067200",
    "\u00a0,1,2,1,1,2,1704067201",
    " s1,maybe,0x10,1,,2,1704067202.5",
    "s1,true,5,1,1,4,yesterday",
    "s2,false,1e999,2,2,1,2024-01-01T01:00:00+01:00",
]


@pytest.mark.parametrize("extra", [[], ["s1,1"], ['s1,1,"2,1,1,2,1704067200']])
def test_a_backfill_of_csv_equals_a_run(tmp_path, extra):
    data = tmp_path / "e.csv"
    data.write_text("".join(f"{line}\n" for line in CELLS + extra))
    beliefs = BELIEFS.replace("where = { sold = true, page = [1, 2] }", 'where = { page = "1" }')
    for name in "ab":
        source = f'kind = "file"\npath = "{data}"'
        write_config(tmp_path / f"{name}.toml", source, tmp_path / f"{name}.db", beliefs)
    stream.run(tmp_path / "a.toml")
    stream.backfill(str(data), tmp_path / "b.toml")
    answers, letters, events = contents(tmp_path / "a.db")
    found = contents(tmp_path / "b.db")
    assert_equal(found[0], answers)
    assert found[1] == letters
    assert found[2] == events


def test_a_backfill_until_a_time_and_a_stream_from_that_time_have_no_gap_and_no_overlap(tmp_path):
    records = rows()
    old, new = tmp_path / "old.parquet", tmp_path / "new.jsonl"
    parquet.write_table(pyarrow.Table.from_pylist(records), old)
    write_lines(new, records, [])
    until = records[250]["at"]
    beliefs = '\n[belief.sold]\nstate = "beta"\nfield = "sold"\nby = "shop"\n'
    selected = f'{beliefs}where = "at >= {until}"\n'
    source = f'kind = "file"\npath = "{new}"'
    everything = write_config(tmp_path / "a.toml", source, tmp_path / "a.db", beliefs)
    before = write_config(tmp_path / "b.toml", source, tmp_path / "b.db", beliefs)
    after = write_config(tmp_path / "c.toml", source, tmp_path / "b.db", selected)
    stream.run(everything)
    with pytest.raises(PriorError, match="--until"):
        stream.backfill(str(old), before)
    done = stream.backfill(str(old), before, bound=Boundary(until, "at"))
    assert done.rows == 250
    with pytest.raises(SourceError, match="would be counted twice"):
        stream.backfill(str(old), before, bound=Boundary(until, "at"))
    stream.run(after)
    assert_equal(contents(tmp_path / "b.db")[0], contents(tmp_path / "a.db")[0])


def test_values_of_parquet_are_read_as_a_stream_reads_them(tmp_path):
    day = datetime.date(2024, 1, 1)
    columns = {
        "shop": [day, None, datetime.date(2024, 1, 2), day],
        "sold": [1.0, 0.0, 2.0, None],
        "n": [1, 2, None, -1],
        "at": [datetime.datetime(2024, 1, 1, 0, i) for i in range(4)],
    }
    path = tmp_path / "old.parquet"
    parquet.write_table(pyarrow.table(columns), path)
    beliefs = BELIEFS.partition("[belief.amount]")
    beliefs = f"{beliefs[0]}[belief.recent]{beliefs[2].partition('[belief.recent]')[2]}"
    source = f'kind = "file"\npath = "{tmp_path}/none.jsonl"'
    config = write_config(tmp_path / "a.toml", source, tmp_path / "a.db", beliefs)
    done = stream.backfill(str(path), config, bound=Boundary(separate=True))
    answers, letters, _ = contents(tmp_path / "a.db")
    assert {key: state.n_samples for key, state in answers.items() if key[0] == "sold"} == {
        ("sold", ("2024-01-01",)): 1.0
    }
    assert answers["recent", ()].posterior.shape > 1.0
    assert len(letters) == 5
    assert done.used == {"sold": 1, "recent": 2}


def test_a_second_backfill_adds_to_the_beliefs_in_the_store(tmp_path):
    whole, halves = tmp_path / "e.jsonl", [tmp_path / "1.jsonl", tmp_path / "2.jsonl"]
    write_lines(whole, rows(), [])
    write_lines(halves[0], rows()[:300], [])
    write_lines(halves[1], rows()[300:], [])
    source = f'kind = "file"\npath = "{tmp_path}/none.jsonl"'
    one = write_config(tmp_path / "a.toml", source, tmp_path / "a.db")
    two = write_config(tmp_path / "b.toml", source, tmp_path / "b.db")
    stream.backfill(str(whole), one, bound=Boundary(separate=True))
    for half in halves:
        stream.backfill(str(half), two, bound=Boundary(separate=True))
    assert_equal(contents(tmp_path / "b.db")[0], contents(tmp_path / "a.db")[0])


def test_a_backfill_of_the_parquet_file_of_the_source_sets_its_position(tmp_path):
    path = tmp_path / "e.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows()), path)
    source = f'kind = "file"\npath = "{path}"'
    slow = write_config(tmp_path / "a.toml", source, tmp_path / "a.db")
    fast = write_config(tmp_path / "b.toml", source, tmp_path / "b.db")
    stream.run(slow)
    stream.backfill(str(path), fast)
    assert stream.run(fast).events == 0
    assert_equal(contents(tmp_path / "b.db")[0], contents(tmp_path / "a.db")[0])
    assert contents(tmp_path / "b.db")[1:] == contents(tmp_path / "a.db")[1:]


@pytest.mark.parametrize(
    ("beliefs", "match"),
    [
        ('state = "beta"\nfield = "sold"\nwhere = "n > 1"', "expressions cannot be evaluated"),
        ('state = "gamma"\nfield = "n"\nhalf_life = "10 events"', "order of rows"),
        ('state = "normal"\nfield = "n"\nwindow = "1 h"\ntime = "at"', "order"),
        (
            'state = "dirichlet-process-mixture"\nfield = "n"\ncomponent = { state = "normal" }',
            "order",
        ),
    ],
)
def test_beliefs_that_sql_cannot_compute_are_refused_with_the_reason(tmp_path, beliefs, match):
    data = tmp_path / "e.jsonl"
    write_lines(data, rows(3), [])
    source = f'kind = "file"\npath = "{data}"'
    config = write_config(
        tmp_path / "a.toml", source, tmp_path / "a.db", f"[belief.b]\n{beliefs}\n"
    )
    with pytest.raises(PriorError, match=match):
        stream.backfill(str(data), config)
    assert not (tmp_path / "a.db").exists()


def test_a_backfill_that_cannot_be_completed_stores_nothing(tmp_path, monkeypatch):
    data = tmp_path / "e.jsonl"
    write_lines(data, rows())
    source = f'kind = "file"\npath = "{data}"'
    config = write_config(tmp_path / "a.toml", source, tmp_path / "a.db")
    few = config.read_text().replace('by = "shop"', 'by = "shop"\nmax_keys = 3')
    (tmp_path / "few.toml").write_text(few)
    with pytest.raises(ValueError, match="increase max_keys"):
        stream.backfill(str(data), tmp_path / "few.toml")
    from seqbayes.stream import bulk

    plain = bulk.BulkRows.others

    def growing(self):
        with data.open("a") as file:
            file.write("{}\n")
        return plain(self)

    monkeypatch.setattr(bulk.BulkRows, "others", growing)
    with pytest.raises(SourceError, match=r"DuckDB reads|changed while it was being read"):
        stream.backfill(str(data), config)
    with open_store(str(tmp_path / "a.db"), "read") as store:
        assert not store.positions()
        assert not list(store.states("sold"))
        assert not store.dead_letter_count()


def test_the_command_reports_what_was_rejected_and_its_exit_status(tmp_path, capsys):
    data = tmp_path / "e.jsonl"
    write_lines(data, rows())
    source = f'kind = "file"\npath = "{data}"'
    config = str(write_config(tmp_path / "a.toml", source, tmp_path / "a.db"))
    assert main(["backfill", str(data), "-c", config]) == 0
    text = capsys.readouterr().err
    assert "sold: 1 row rejected: field 'sold': expected true, false, 1 or 0" in text
    assert '{"shop": "x", "sold": "yes"' in text
    assert "rows: sold learned 40" in text
    assert main(["backfill", str(data), "-c", config]) == 4
    assert main(["backfill", str(tmp_path / "none.csv"), "-c", config]) == 4
    other = tmp_path / "other.jsonl"
    write_lines(other, rows(2), [])
    assert main(["backfill", str(other), "-c", config]) == 2
    assert main(["backfill", str(other), "-c", config, "--separate"]) == 0
    assert main(["backfill", str(other), "-c", config, "--separate"]) == 4
    capsys.readouterr()


def test_a_query_of_postgresql_equals_a_run_and_the_stream_continues(tmp_path, postgres_url):
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE e (id BIGINT, shop TEXT, sold BOOLEAN, amount FLOAT8, page INT,"
            " w NUMERIC, n INT, at TIMESTAMPTZ)"
        )

        def insert(records, first):
            for i, row in enumerate(records, first):
                at = datetime.datetime.fromtimestamp(row["at"], datetime.UTC)
                values = [i, *(row[name] for name in list(row)[:-1]), at]
                marks = ", ".join(["%s"] * len(values))
                connection.execute(f"INSERT INTO e VALUES ({marks})", values)

        invalid = rows(4, seed=3)
        invalid[0]["n"], invalid[1]["shop"], invalid[2]["w"], invalid[3]["amount"] = (
            -1,
            None,
            "NaN",
            "Infinity",
        )
        insert([*rows(60), *invalid], 1)
        source = f'kind = "query"\nurl = "{postgres_url}"\nquery = "e"\ncursor = "id"'
        slow = write_config(tmp_path / "a.toml", source, tmp_path / "a.db")
        fast = write_config(tmp_path / "b.toml", source, tmp_path / "b.db")
        stream.run(slow)
        stream.backfill(postgres_url, fast)
        answers, letters, events = contents(tmp_path / "a.db")
        found = contents(tmp_path / "b.db")
        assert_equal(found[0], answers)
        assert [letter[2:5:2] for letter in found[1]] == [letter[2:5:2] for letter in letters]
        assert found[2] == events
        insert(rows(9, seed=2), 65)
        for path in (slow, fast):
            stream.run(path)
        assert contents(tmp_path / "b.db")[2] == {"query:e": 73}
        assert_equal(contents(tmp_path / "b.db")[0], contents(tmp_path / "a.db")[0])
        separate = write_config(tmp_path / "c.toml", source, tmp_path / "c.db")
        query = "SELECT * FROM e WHERE id <= 60"
        done = stream.backfill(postgres_url, separate, query, Boundary(separate=True))
        assert done.rows == 60
