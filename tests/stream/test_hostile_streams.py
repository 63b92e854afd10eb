"""Full disks, damaged stores, clock changes, huge lines and malicious input."""

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time

import pytest
from databases import query
from memory import Listed, lines

from seqbayes import Beta, NormalInverseGamma, cli, stream
from seqbayes.errors import PriorError
from seqbayes.forgetting import Decayed
from seqbayes.stream import (
    Belief,
    History,
    Pace,
    Pipeline,
    SourceError,
    StoreError,
    open_store,
)
from seqbayes.stream.codec import read_state
from seqbayes.stream.sources import Query
from seqbayes.stream.stores import database

CONFIG = """
store = "b.db"
source = {{ kind = "file", path = "events.jsonl" }}
{more}
[belief.b]
state = "beta"
field = "x"
by = "k"
max_keys = 2000000
"""


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A directory with a configuration, in which everything runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.toml").write_text(CONFIG.format(more=""))
    return tmp_path


def started(*words, limit=None):
    """Run a command in a separate process; return status, messages and peak memory in bytes."""
    response = """
import resource, sys
limit = int(sys.argv.pop(1))
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from seqbayes.cli import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
sys.exit(status)
"""
    command = [sys.executable, "-W", "error", "-c", response, str(limit or 0), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, int(done.stdout.splitlines()[-1])


def states(path="b.db"):
    with open_store(str(path), "read") as store:
        return sorted((row.key, row.state) for row in store.states("b"))


def test_a_full_disk_stops_the_run_and_the_next_run_resumes(directory):
    rng = random.Random(4)
    records = lines(*({"x": rng.random() < 0.5, "k": f"{i % 3000}"} for i in range(9000)))
    (directory / "events.jsonl").write_bytes(b"\n".join(records))
    (directory / "c.toml").write_text(CONFIG.format(more="commit = { every = 0.001 }"))
    status, err, _ = started("run", "c.toml", limit=150_000)
    assert status == 4
    assert "seqbayes run: b.db: " in err
    assert "Traceback" not in err
    assert started("run", "c.toml")[:1] == (0,)
    with open_store("b.db", "read") as store:
        assert [position.events for position in store.positions()] == [9000]
    before = states()
    os.rename("b.db", "first.db")
    assert started("run", "c.toml")[0] == 0
    assert states() == before


def test_a_damaged_store_is_reported(directory, capsys):
    (directory / "events.jsonl").write_bytes(
        b"".join(b'{"x": true, "k": "%d"}\n' % i for i in range(2000))
    )
    assert cli.main(["run", "c.toml"]) == 0
    whole = (directory / "b.db").read_bytes()
    (directory / "b.db").write_bytes(whole[:-4096] + b"\xa5" * 4096)
    capsys.readouterr()
    for words in (["run", "c.toml"], ["show", "b.db"], ["merge", "b.db", "c.db", "-o", "d.db"]):
        assert cli.main(words) == 4
        assert "b.db is damaged" in capsys.readouterr().err
    assert not (directory / "d.db").exists()


def test_clock_jumps_do_not_change_beliefs(tmp_path, monkeypatch):
    belief = Belief("b", Decayed(Beta(), 60.0, by="time"), field="x", time="t")
    records = lines(*({"x": i % 3 == 0, "t": 1e6 + i} for i in range(60)))

    def learn(url, jumps):
        real, steps = time.time, iter(jumps)
        with Pipeline(
            Listed(records, size=20), [belief], open_store(url), Pace(seconds=0.0), [History(0.0)]
        ) as pipeline:
            for _ in pipeline:
                jump = next(steps)
                monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
        monkeypatch.setattr(time, "time", real)
        with open_store(url, "read") as store:
            assert len(store.history("b", "[]")) >= 2
        (answer,) = stream.show(url)
        return answer.state

    calm = learn(str(tmp_path / "calm.db"), [0.0] * 3)
    assert learn(str(tmp_path / "wild.db"), [1e9, -1e9, 5e8]) == calm


def test_a_line_of_200_megabytes_becomes_a_dead_letter_in_little_memory(directory):
    small = b'{"x": true, "k": "a"}\n'
    with open("events.jsonl", "wb") as file:
        file.write(small)
        piece = b"y" * (1 << 20)
        file.write(b'{"x": true, "k": "')
        for _ in range(200):
            file.write(piece)
        file.write(b'"}\n' + small)
    _, _, before = started("check", "c.toml")
    status, err, peak = started("run", "c.toml")
    assert (status, "b learned 2" in err) == (0, True)
    assert peak - before < 100e6
    (letter,) = (stored.letter for stored in stream.dead_letters("b.db"))
    assert letter.reason.startswith("a record of 209,715,2")
    assert len(letter.raw) <= 1 << 20


def test_binary_and_other_invalid_events(directory):
    good = [b'{"x": true, "k": "a", "x": false}', b'{"x": 1.0, "k": 7}', b'{"x": false, "k": "7"}']
    invalid = [
        b'{"x": true, "k": "\xff\xfe"}',
        b'{"x": true, "k": "\x00"}',
        b"\x00\x00\x00\x00",
        b'{"x": "1", "k": "a"}',
        b'{"x": "true", "k": "a"}',
        b"\xef\xbb\xbf\xef\xbb\xbf",
    ]
    (directory / "events.jsonl").write_bytes(
        b"\n".join([*invalid, *good, b'{"x": true, "k": "\\u0000"}'])
    )
    assert cli.main(["run", "c.toml"]) == 0
    found = {answer.key["k"]: answer.state.posterior[:] for answer in stream.show("b.db")}
    # the last of two fields of the same name counts; the number 7 and its text are one key
    assert found == {"a": (1.0, 2.0), "7": (2.0, 2.0), "\x00": (2.0, 1.0)}
    assert [stored.letter.raw for stored in stream.dead_letters("b.db")] == sorted(
        invalid, key=lambda raw: b'"x": "' in raw
    )


KEYS = int(os.environ.get("SEQBAYES_KEYS", "100000"))
"""How many keys a stream has; `SEQBAYES_KEYS=1000000` for a million."""


def test_very_many_keys(directory):
    with open("events.jsonl", "w") as file:
        for i in range(KEYS):
            file.write(json.dumps({"x": i % 3 > 0, "k": f"key {i}"}) + "\n")
    _, _, before = started("check", "c.toml")
    status, err, peak = started("run", "c.toml")
    assert (status, f"b learned {KEYS:,}" in err) == (0, True), err
    assert (peak - before - 60e6) / KEYS < 1000.0  # 60 MB are batches and the cache of SQLite
    with open("events.jsonl", "a") as file:
        file.write('{"x": true, "k": "key 5"}\n')
    status, err, peak = started("run", "c.toml")
    assert (status, "b learned 1" in err) == (0, True), err
    assert (peak - before - 60e6) / KEYS < 1000.0
    (answer,) = stream.show("b.db", "b", "key 5")
    assert answer.state.n_samples == 2.0


# No code is executed.


EVIL = """
import pathlib
pathlib.Path("executed").touch()
class State: pass
def from_dict(*_): pass
"""

NAMES = [
    "evil",
    "evil:State",
    "evil.State",
    "os.system",
    "__import__('evil')",
    "!!python/object/apply:os.system ['touch executed']",
    "$(touch executed)",
    "`touch executed`",
    "; touch executed",
    "| touch executed",
    "../evil",
    "evil.py",
    "{{ 7 * 7 }}",
    "{0.__class__.__init__.__globals__}",
    "%(evil)s",
    "'; DROP TABLE seqbayes_states; --",
    '"); DROP TABLE seqbayes_states; --',
]


@pytest.fixture
def evil(directory, monkeypatch):
    """A module on the path that creates a file when it is imported."""
    (directory / "evil.py").write_text(EVIL)
    monkeypatch.syspath_prepend(str(directory))
    yield directory
    assert not (directory / "executed").exists()
    assert "evil" not in sys.modules


BASE = """
store = 'b.db'
source = { kind = 'file', path = 'events.jsonl' }
[belief.b]
state = 'beta'
field = 'x'
"""

PLACES = [
    ("kind = 'file'", "kind = {}"),
    ("'b.db'", "{}"),
    ("path = 'events.jsonl'", "path = {}"),
    ("path = 'events.jsonl'", "path = 'events.jsonl', format = {}"),
    ("kind = 'file', path = 'events.jsonl'", "kind = 'dataset', dataset = {}"),
    ("kind = 'file', path = 'events.jsonl'", "kind = 'query', url = {}, query = 'x', cursor = 'i'"),
    ("state = 'beta'", "state = {}"),
    ("state = 'beta'", "state = 'beta'\nlikelihood = {}"),
    ("state = 'beta'", "state = 'beta'\nlikelihood = {{ name = {} }}"),
    ("state = 'beta'", "state = 'beta'\nprior = {}"),
    ("state = 'beta'", "state = 'beta'\nprior = {{ from = {} }}"),
    ("state = 'beta'", "state = 'beta'\nhalf_life = {}"),
    (
        "state = 'beta'",
        "state = 'conjugate-nb'\nfeatures = ['a']\nparameters = {{ features = {} }}",
    ),
    ("state = 'beta'", "state = 'mixture'\ncomponents = {{ a = {{ state = {} }} }}"),
    ("field = 'x'", "field = {}"),
    ("field = 'x'", "field = 'x'\nwhere = {{ a = {} }}"),
    ("belief.b", "belief.{}"),
]


def test_a_configuration_cannot_execute_code(evil, capsys):
    (evil / "events.jsonl").write_bytes(b'{"x": true}\n')
    for old, new in PLACES:
        for name in NAMES:
            (evil / "c.toml").write_text(BASE.replace(old, new.format(json.dumps(name))))
            assert cli.main(["run", "c.toml", "--once"]) in (0, 1, 2, 4), (new, name)
            assert "Traceback" not in capsys.readouterr().err
    for text in (
        b"!!python/object/apply:os.system ['touch executed']",
        b"__import__('evil')",
        b"\x80\x04cos\nsystem\n(S'touch executed'\ntR.",
    ):
        (evil / "c.toml").write_bytes(text)
        assert cli.main(["run", "c.toml"]) == 2


def test_an_event_cannot_execute_code(evil):
    records = [
        *lines(*({"x": True, "k": name} for name in NAMES)),
        *lines(*({"x": name, "k": "a"} for name in NAMES)),
        *lines(*({name: True, "x": True, "k": "a", "__class__": name} for name in NAMES)),
        b"\x80\x04cos\nsystem\n(S'touch executed'\ntR.",
        b"!!python/object/apply:os.system ['touch executed']",
    ]
    (evil / "events.jsonl").write_bytes(b"\n".join(records))
    assert cli.main(["run", "c.toml"]) == 0
    found = {answer.key["k"]: answer.state.n_samples for answer in stream.show("b.db")}
    assert found == {**dict.fromkeys(NAMES, 1.0), "a": float(len(NAMES))}
    for name in NAMES:
        assert stream.predict("b.db", "b", name)["n"] == 1.0
    assert stream.export("b.db", "b.csv") == len(NAMES) + 1
    for name in NAMES:
        assert stream.reset("b.db", "b", name) == 1
    assert len(list(stream.dead_letters("b.db"))) == len(NAMES) + 5  # the pickle has four lines


def test_a_store_cannot_execute_code(evil):
    with Pipeline(Listed([]), [Belief("b", Beta(), field="x")], open_store("b.db")):
        pass
    for name in NAMES:
        for document in (
            {"seqbayes": 1, "model": name},
            {"seqbayes": 1, "estimator": name, "parameters": {}, "seen": {}},
            {"seqbayes": 1, "family": name, "prior": {}, "likelihood": [name, {}]},
            {"seqbayes": 1, "decayed": name, "state": {"family": name}},
        ):
            with pytest.raises(PriorError):
                read_state(document)
            text = json.dumps({"state": document, "by": []}).replace("'", "''")
            query("b.db", f"UPDATE seqbayes_beliefs SET declaration = '{text}', crc = NULL")
            with pytest.raises(StoreError, match="declaration of belief 'b' cannot be read"):
                list(stream.show("b.db"))


def test_a_query_cannot_write(tmp_path, postgres_url):
    import sqlite3

    import psycopg

    path = str(tmp_path / "shop.db")
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sales (id INTEGER, x INTEGER)")
        connection.execute("INSERT INTO sales VALUES (1, 1)")
    connection.close()
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute("CREATE TABLE sales AS SELECT 1 AS id, 1 AS x")

    def rows(url):
        with contextlib.closing(Query(url, "sales", "id")) as source:
            return sum(len(batch.records) for batch in source.batches())

    for url in (path, postgres_url):
        assert rows(url) == 1
        for statement in (
            "SELECT 1 AS id) AS events; DROP TABLE sales; --",
            "DELETE FROM sales RETURNING id",
            "sales; DROP TABLE sales",
            "SELECT 1 AS id) AS x; SET default_transaction_read_only = off; DROP TABLE sales; --",
            "WITH gone AS (DELETE FROM sales RETURNING id) SELECT id FROM gone",
            "SELECT load_extension('evil') AS id",
        ):
            for cursor in ("id", 'id"; DROP TABLE sales; --'):
                with pytest.MonkeyPatch.context() as patch:  # the database must refuse it as well
                    anything = re.compile(".*", re.S)
                    for check in ("_LITERAL", "_SELECT"):
                        patch.setattr(f"seqbayes.stream.sources.query.{check}", anything)
                    source = Query(url, statement, cursor)
                with pytest.raises(SourceError), contextlib.closing(source):
                    list(source.batches())
        assert rows(url) == 1
    with pytest.raises(SourceError):
        list(Query(f"{tmp_path}/new.db?mode=rwc", "sales", "id").batches())
    assert sorted(each.name for each in tmp_path.iterdir()) == ["shop.db"]


# Time, and older stores.


def test_any_order_of_arrival_gives_the_same_belief(tmp_path):
    rng = random.Random(8)
    events = [
        {"x": rng.gauss(3, 2), "t": rng.uniform(0, 500), "k": rng.choice("ab")} for _ in range(200)
    ]
    belief = Belief("b", Decayed(NormalInverseGamma(), 30.0, by="time"), "x", by="k", time="t")
    found = []
    for i in range(4):
        url = str(tmp_path / f"{i}.db")
        for part in (events[:77], events[77:]):  # in two runs
            with Pipeline(Listed(lines(*part), f"{len(part)}", 9), [belief], open_store(url)) as p:
                list(p)
        found.append({a.key["k"]: (a.state.clock, *a.state.posterior) for a in stream.show(url)})
        rng.shuffle(events)
    for other in found[1:]:
        for key, numbers in found[0].items():
            assert other[key] == pytest.approx(numbers, rel=1e-12)


def test_migration_of_an_older_store_is_atomic(durable_url, monkeypatch):
    with Pipeline(
        Listed(lines({"x": True})), [Belief("b", Beta(), field="x")], open_store(durable_url)
    ) as pipeline:
        list(pipeline)
    # as before stores had counts
    query(durable_url, "ALTER TABLE seqbayes_sources DROP COLUMN events")
    query(durable_url, "UPDATE seqbayes_meta SET value = '1'")
    monkeypatch.setattr(database, "VERSION", 2)
    column = "ALTER TABLE seqbayes_sources ADD COLUMN events BIGINT NOT NULL DEFAULT 5"
    monkeypatch.setattr(database, "MIGRATIONS", {1: [column, "no SQL at all"]})
    for mode in ("create", "open", "read"):
        with pytest.raises(StoreError, match="syntax error"):
            open_store(durable_url, mode)
    monkeypatch.setattr(database, "MIGRATIONS", {1: [column]})
    with open_store(durable_url, "read") as store:
        assert store.version == 2
    (answer,) = stream.show(durable_url)
    assert answer.state.n_samples == 1.0
    monkeypatch.setattr(database, "VERSION", 1)
    with pytest.raises(
        StoreError, match="has version 2, but this version of seqbayes reads only up to 1"
    ):
        list(stream.show(durable_url))
