"""Stores that are deleted, replaced, damaged or of an older version."""

import contextlib
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from databases import downgrade, query
from memory import Listed, lines

from seqbayes import Beta, cli, stream
from seqbayes.stream import Belief, History, LeaseError, Pace, Pipeline, StoreError, open_store
from seqbayes.stream.stores import (
    Changes,
    DeadLetter,
    HistoryPoint,
    SeenId,
    StoredState,
    StoreReader,
    check_url,
)
from seqbayes.stream.stores.tables import TABLES

BELIEF = Belief("b", Beta(), field="x", by="k")


def learn(url, n=40):
    records = lines(*({"x": i % 3 == 0, "k": "ab"[i % 2]} for i in range(n)))
    with Pipeline(Listed(records), [BELIEF], open_store(url)) as pipeline:
        list(pipeline)


# Deleted or replaced while a runner uses it.


def delete(path):
    for name in (path, f"{path}-wal", f"{path}-shm"):
        os.unlink(name)


def delete_file_only(path):
    os.unlink(path)


def delete_log(path):
    os.unlink(f"{path}-wal")


def replace(path):
    learn("other.db")
    os.replace("other.db", path)


def move(path):
    os.rename(path, "moved.db")


@pytest.mark.parametrize("act", [delete, delete_file_only, delete_log, replace, move])
@pytest.mark.parametrize("within", [False, True])
def test_commits_fail_after_the_file_was_deleted_or_replaced(act, within, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = Listed(lines(*({"x": True, "k": "a"} for _ in range(30))), size=10)
    pipeline = Pipeline(source, [BELIEF], open_store("b.db"))
    steps = iter(pipeline)
    next(steps)
    pipeline.commit()
    next(steps)
    if within:
        apply = pipeline.store.apply

        def apply_and_act(changes, at):
            apply(changes, at)
            act("b.db")

        monkeypatch.setattr(pipeline.store, "apply", apply_and_act)
    else:
        act("b.db")
    for _ in range(2):
        with pytest.raises(StoreError, match="was deleted or replaced while it was in use"):
            pipeline.commit()
    assert source.acknowledged == [10]
    with pytest.raises(StoreError, match="was deleted or replaced"):
        pipeline.close()


@pytest.mark.parametrize("contents", ["another store", "an older copy", "text", "nothing"])
@pytest.mark.parametrize("within", [False, True])
def test_commits_fail_after_the_file_was_overwritten(contents, within, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learn("b.db", 10)
    if contents == "another store":
        learn("other.db", 20)
    elif contents == "an older copy":
        shutil.copyfile("b.db", "other.db")
    else:
        (tmp_path / "other.db").write_bytes(b"text " * 5000 if contents == "text" else b"")
    learn("b.db", 20)
    restored = (tmp_path / "other.db").read_bytes()
    source = Listed(lines(*({"x": True, "k": "a"} for _ in range(60))), size=10)
    pipeline = Pipeline(source, [BELIEF], open_store("b.db"))
    steps = iter(pipeline)
    next(steps)
    pipeline.commit()
    next(steps)

    def overwrite():
        shutil.copyfile("other.db", "b.db")

    if within:
        apply = pipeline.store.apply

        def apply_and_overwrite(changes, at):
            apply(changes, at)
            overwrite()

        monkeypatch.setattr(pipeline.store, "apply", apply_and_overwrite)
    else:
        overwrite()
    for _ in range(2):
        with pytest.raises(StoreError, match="was overwritten while it was in use"):
            pipeline.commit()
    assert source.acknowledged == [30]
    with pytest.raises(StoreError, match="was overwritten"):
        pipeline.close()
    if contents in ("another store", "an older copy"):
        assert (tmp_path / "b.db").read_bytes() == restored
        with open_store("b.db", "read") as store:
            assert store.events("listed") == (20 if contents == "another store" else 10)


def test_checkpoints_by_other_processes_are_not_reported_as_damage(tmp_path, monkeypatch):
    url = str(tmp_path / "b.db")
    with open_store(url) as store:
        store.acquire()
        for i in range(1, 20):
            rows = [StoredState("b", f'["{j}"]', f'"{i} {"x" * 900}"', j) for j in range(100)]
            store.commit(Changes("src", i, 1, rows))
            if i % 5 == 0:
                query(url, "PRAGMA wal_checkpoint(TRUNCATE)")
        assert store.events("src") == 19


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM seqbayes_sources", "DELETE FROM seqbayes_lease", "DELETE FROM seqbayes_meta"],
)
def test_a_run_stops_when_rows_that_it_needs_are_deleted(statement, durable_url):
    source = Listed(lines(*[{"x": True}] * 40), size=10)
    beliefs = [Belief("b", Beta(), field="x")]
    pipeline = Pipeline(source, beliefs, open_store(durable_url), Pace(events=10))
    steps = iter(pipeline)
    while pipeline.commits < 2:
        next(steps)
    before = query(durable_url, "SELECT state FROM seqbayes_states")
    query(durable_url, statement)
    with pytest.raises(StoreError, match=r"changed or deleted the position|its lease|replaced"):
        list(steps)
    steps.close()
    with contextlib.suppress(StoreError):
        pipeline.close()
    assert query(durable_url, "SELECT state FROM seqbayes_states") == before


def test_a_commit_after_an_unexpected_number_of_events_is_rejected(url):
    with open_store(url) as store:
        store.acquire()
        store.commit(Changes("src", 1, 10, events_before=0))
        letter = DeadLetter("src", "1", "b", b"{}", "invalid")
        with pytest.raises(StoreError, match="expected 7 committed events, found 10"):
            store.commit(Changes("src", 2, 5, dead_letters=[letter], events_before=7))
        assert (store.token("src"), store.dead_letter_count()) == (1, 0)
        store.commit(Changes("src", 2, 5, events_before=10))
        assert store.events("src") == 15


def test_a_recreated_schema_is_detected(postgres_url):
    store = open_store(postgres_url)
    store.acquire()
    store.commit(Changes("src", 1, 1))
    tables = re.findall(r"CREATE TABLE (seqbayes_\w+)", "\n".join(TABLES))
    query(postgres_url, *(f"DROP TABLE {table}" for table in tables))
    with pytest.raises(StoreError, match="does not exist"):
        store.commit(Changes("src", 2, 1))
    learn(postgres_url)
    with pytest.raises(StoreError, match="was replaced by another store while it was in use"):
        store.commit(Changes("src", 2, 1))
    with pytest.raises(StoreError, match="was replaced by another store"):
        store.close()


def test_a_reader_reopens_a_replaced_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learn("b.db", 4)
    with StoreReader("b.db") as reader:
        assert reader.sources()[0].events == 4
        learn("new.db", 6)
        os.replace("new.db", "b.db")
        reader.serial()
        assert reader.sources()[0].events == 6
        os.unlink("b.db")
        with pytest.raises(StoreError, match="no such file"):
            reader.serial()


# Damaged or edited by hand.


DAMAGES = {
    "version": "UPDATE seqbayes_meta SET value = 'four' WHERE name = 'version'",
    "version below 1": "UPDATE seqbayes_meta SET value = '-3' WHERE name = 'version'",
    "no version": "DELETE FROM seqbayes_meta WHERE name = 'version'",
    "no lease": "DELETE FROM seqbayes_lease",
    "two leases": "INSERT INTO seqbayes_lease SELECT 2, 0, 0, NULL, 0, NULL, NULL",
    "holder": "UPDATE seqbayes_lease SET holder = 'another process'",
    "holder of another form": 'UPDATE seqbayes_lease SET holder = \'{"pid": "x"}\'',
    "state": "UPDATE seqbayes_states SET state = replace(state, '1', '2')",
    "shorter state": "UPDATE seqbayes_states SET state = '{'",
    "exchanged keys": "UPDATE seqbayes_states SET key = '[\"z\"]' WHERE key = '[\"a\"]'",
    "token": "UPDATE seqbayes_sources SET token = '{'",
    "token of another form": "UPDATE seqbayes_sources SET token = '[\"x\"]'",
    "declaration": "UPDATE seqbayes_beliefs SET declaration = '{\"by'",
    "no states": "DROP TABLE seqbayes_states",
}
NUMBERS = {
    "order of use": ("UPDATE seqbayes_states SET used = used + 1", "the state of "),
    "time of a state": ("UPDATE seqbayes_states SET updated = updated - 60", "the state of "),
    "time of a first state": ("UPDATE seqbayes_states SET since = since - 60", "the state of "),
    "belief": ("UPDATE seqbayes_states SET belief = 'c'", "the state of "),
    "events": ("UPDATE seqbayes_sources SET events = events + 1", "the token of 'listed'"),
    "time of a token": ("UPDATE seqbayes_sources SET updated = 0", "the token of 'listed'"),
    "epoch": ("UPDATE seqbayes_lease SET epoch = epoch + 1", "its lease"),
    "serial": ("UPDATE seqbayes_lease SET serial = serial - 1", "its lease"),
    "expiry": ("UPDATE seqbayes_lease SET expires = 0", "its lease"),
    "time of a letter": ("UPDATE seqbayes_dead_letters SET at = 0", "a dead letter"),
    "time of a point": ("UPDATE seqbayes_history SET at = at + 0.5", "the history of belief 'b'"),
    "order of ids": ("UPDATE seqbayes_ids SET number = number + 1", "an identity"),
}
SQLITE_DAMAGES = {
    "epoch": "UPDATE seqbayes_lease SET epoch = 'x'",
    "use": "UPDATE seqbayes_states SET used = 'x'",
    "time": "UPDATE seqbayes_states SET updated = 'x'",
    "binary state": "UPDATE seqbayes_states SET state = x'00ff'",
    "binary declaration": "UPDATE seqbayes_beliefs SET declaration = x'00'",
    "binary token": "UPDATE seqbayes_sources SET token = x'00'",
    "text that is not UTF-8": "UPDATE seqbayes_states SET state = CAST(x'ff' AS TEXT)",
}


def check_damage(url, statement, capsys):
    learn(url)
    query(url, statement)
    with pytest.raises(StoreError) as caught, open_store(url) as store:
        Pipeline(Listed([]), [BELIEF], store)
    assert "Traceback" not in str(caught.value)
    assert cli.main(["show", url]) in (0, 4)
    err = capsys.readouterr().err
    assert err.count("\n") <= 1


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_raises_a_single_clear_error(damage, durable_url, capsys):
    check_damage(durable_url, DAMAGES[damage], capsys)


@pytest.mark.parametrize("damage", SQLITE_DAMAGES)
def test_damage_that_sqlite_does_not_detect_raises_a_single_clear_error(damage, tmp_path, capsys):
    check_damage(str(tmp_path / "b.db"), SQLITE_DAMAGES[damage], capsys)


def read_all(store):
    for belief in ("b", "c"):
        list(store.states(belief))
    list(store.points("b"))
    list(store.letters())
    list(store.ids("listed"))
    store.positions()


@pytest.mark.parametrize("damage", NUMBERS)
def test_a_changed_number_is_detected(damage, durable_url):
    statement, what = NUMBERS[damage]
    with open_store(durable_url) as store:
        store.acquire()
        letter = DeadLetter("listed", "1", "b", b"\0\xff", "reason")
        for i in range(2):  # the second commit updates the rows of the first one
            state = StoredState("b", '["a"]', '{"n":1}', i)
            changes = Changes("listed", i, 3, [state], (), [letter])
            changes.history.append(HistoryPoint("b", '["a"]', 5.0 + i, "{}"))
            changes.ids.append(SeenId("x", i, "[1,1]"))
            store.commit(changes)
        read_all(store)
    with open_store(durable_url, "read") as store:
        read_all(store)
    query(durable_url, statement)
    with (
        pytest.raises(StoreError, match=f"is damaged: {what}.*its checksum is wrong"),
        open_store(durable_url, "read") as store,
    ):
        read_all(store)


def test_a_run_stops_at_a_changed_state(durable_url, capsys):
    learn(durable_url)
    query(durable_url, DAMAGES["state"])
    with pytest.raises(StoreError, match=r"is damaged: the state of .*checksum is wrong"):
        list(stream.show(durable_url))


def test_a_damaged_history_raises_a_single_clear_error(durable_url, tmp_path, capsys):
    learn(durable_url)
    query(
        durable_url, """INSERT INTO seqbayes_history VALUES ('b', '["a"]', 1.0, '{"mean', NULL)"""
    )
    out = str(tmp_path / "out.csv")
    assert cli.main(["export", durable_url, out, "--what", "history"]) == 4
    assert "is damaged: the history of belief 'b' cannot be read" in capsys.readouterr().err


def damage_index(table, key, other):
    """Replace a key in the index of a table of b.db."""
    path = Path("b.db")
    data = bytearray(path.read_bytes())
    ((page,),) = query(
        "b.db", f"SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_{table}_1'"
    )
    ((size,),) = query("b.db", "PRAGMA page_size")
    start = size * (page - 1)
    at = data.index(key, start, start + size)
    data[at : at + len(key)] = other
    path.write_bytes(data)


def test_a_large_file_is_checked_unless_the_requested_key_is_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqbayes.stream.stores.sqlite.CHECKED_PAGES", 0)
    learn("b.db")
    damage_index("seqbayes_states", b'["b"]', b'["c"]')
    assert [found.key for found in stream.show("b.db", "b", "a")] == [{"k": "a"}]
    for words in (["b"], ["b", "b"], ["b", "missing"]):
        assert cli.main(["show", "b.db", *words]) == 4
        assert "is damaged" in capsys.readouterr().err


def test_a_runner_does_not_depend_on_the_index_of_the_states(tmp_path, monkeypatch):
    """It reads and updates all states in their table; only what needs the index refuses it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqbayes.stream.stores.sqlite.CHECKED_PAGES", 0)
    learn("b.db")
    with open_store("b.db", "read") as store:
        before = {row.key: row for row in store.states("b")}
    damage_index("seqbayes_states", b'["b"]', b'["c"]')
    with open_store("b.db") as store:
        store.acquire()
        (chunk,) = store.state_rows("b")
        assert {row[1] for row in chunk.rows} == set(before) >= {'["b"]'}
        store.commit(Changes(None, None, states=[before['["b"]']._replace(used=99)]))
        for change in (
            lambda: store.commit(Changes(None, None, gone=[("b", '["b"]')])),
            lambda: store.remove_belief("b", '["b"]'),
        ):
            with pytest.raises(StoreError, match="is damaged"):
                change()


def test_a_damaged_index_of_positions_is_found_when_a_large_file_is_opened(tmp_path, monkeypatch):
    """A runner that does not find its position would count every event twice."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqbayes.stream.stores.sqlite.CHECKED_PAGES", 0)
    learn("b.db")
    damage_index("seqbayes_sources", b"listed", b"liszed")
    with pytest.raises(StoreError, match="is damaged"):
        open_store("b.db")


@pytest.mark.parametrize("seed", range(4))
def test_a_flipped_bit_is_detected_or_harmless(seed, tmp_path, capsys, monkeypatch):
    """Flip 40 bits in all, each in a fresh copy; every verb works rightly or gives one error."""
    monkeypatch.chdir(tmp_path)
    records = [*lines(*({"x": i % 3 == 0, "k": "abcde"[i % 5]} for i in range(40))), b"{"]
    with Pipeline(
        Listed(records), [BELIEF], open_store("b.db"), collectors=[History(every=0.0)]
    ) as pipeline:
        list(pipeline)
    whole = (tmp_path / "b.db").read_bytes()
    verbs = ("show b.db --csv", "export b.db - --what history --format csv", "dead-letters b.db")

    def read(words):
        status = cli.main(words.split())
        out, err = capsys.readouterr()
        ages = re.compile(r"[\d.e+]+ s\b")
        return status, ages.sub("", out).splitlines(), err

    expected = {words: read(words) for words in verbs}
    rng = random.Random(seed)
    used = [i for i, byte in enumerate(whole) if byte]
    for _ in range(10):
        damaged = bytearray(whole)
        damaged[rng.choice(used)] ^= 1 << rng.randrange(8)
        for name in ("b.db-wal", "b.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        (tmp_path / "b.db").write_bytes(damaged)
        for words, right in expected.items():
            found = read(words)
            assert found == right or (found[0] in (1, 4) and found[2].count("\n") == 1), found
        try:
            store = open_store("b.db")
        except StoreError:
            continue
        with store, contextlib.suppress(StoreError):
            pipeline = Pipeline(Listed(records), [BELIEF], store)
            assert list(pipeline) == []
            assert len(pipeline.tables["b"].states) == 5


def test_checking_a_store_does_not_release_its_locks(tmp_path):
    """Without them, another process that closes its connection deletes the log."""
    path = str(tmp_path / "b.db")
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        " c.execute('SELECT * FROM seqbayes_meta').fetchall(); c.close()"
    )
    with open_store(path) as store:
        store.acquire()
        check_url(path)
        subprocess.run([sys.executable, "-c", program, path], check=True)
        assert (tmp_path / "b.db-wal").exists()
        store.commit(Changes("src", 1, 1, [StoredState("b", "[]", '"1"', 1)]))


# Older versions.


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_an_older_store_is_upgraded_and_new_rows_get_checksums(version, durable_url):
    learn(durable_url)
    before = {answer.key["k"]: answer.state.n_samples for answer in stream.show(durable_url)}
    downgrade(durable_url, version)
    learn(durable_url, 41)
    with open_store(durable_url) as store:
        assert store.events("listed") == 41
    rows = query(durable_url, "SELECT key, crc IS NULL FROM seqbayes_states ORDER BY key")
    assert [bool(row[1]) for row in rows] == [False, version < 4]
    after = {answer.key["k"]: answer.state.n_samples for answer in stream.show(durable_url)}
    assert after == {"a": before["a"] + 1, "b": before["b"]}


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_an_older_store_in_use_is_read_without_upgrading(version, durable_url):
    runner = open_store(durable_url)
    runner.acquire()
    runner.commit(Changes("src", 1, 1, [StoredState("b", "[]", '"1"', 1)]))
    downgrade(durable_url, version)
    with open_store(durable_url, "read") as store:
        assert [entry.state for entry in store.entries("b")] == ['"1"']
        assert (store.lease().status, list(store.ids("src"))) == (None, [])
        assert [position.events for position in store.positions()] == [1]
    for mode in ("open", "create"):
        with pytest.raises(LeaseError):
            open_store(durable_url, mode)
    with pytest.raises(StoreError):
        runner.close()


def test_an_older_read_only_store_is_read_without_upgrading(tmp_path, monkeypatch):
    path = tmp_path / "b.db"
    learn(str(path))
    downgrade(str(path), 3)
    before = path.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert len(list(stream.show(str(path)))) == 2
    assert path.read_bytes() == before
    shutil.copy(path, tmp_path / "copy.db")


def test_a_read_only_role_can_read_an_older_store(postgres_url):
    learn(postgres_url)
    downgrade(postgres_url, 3)
    url = f"{postgres_url}%20-cdefault_transaction_read_only%3Don"
    assert len(list(stream.show(url))) == 2
    schema = postgres_url.rpartition("%3D")[2]
    role = f"reader_{schema}"
    query(
        postgres_url,
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA {schema} TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}",
    )
    assert len(list(stream.show(postgres_url.replace("seqbayes@", f"{role}@")))) == 2
