"""The contract of stores: SQLite, a real PostgreSQL server, and memory."""

import sqlite3
import subprocess
import sys
import time
from itertools import pairwise

import pytest
from databases import downgrade, named, query, terminate
from memory import Listed, lines
from servers import Proxy

from programs import Program
from seqbayes import Beta, Gamma
from seqbayes.events.display import Display
from seqbayes.stream import (
    Belief,
    DeadLetter,
    LeaseError,
    Pipeline,
    StoreError,
    merge,
    open_store,
)
from seqbayes.stream.stores import (
    Annotation,
    Changes,
    HistoryPoint,
    MemoryStore,
    RunnerStatus,
    SeenId,
    Store,
    StoredAlert,
    StoredMessage,
    StoredState,
    check_url,
    database,
    register_store,
    store_schemes,
)
from seqbayes.stream.stores.abbreviation import Abbreviation
from seqbayes.stream.stores.lazy import StateChunk, state_chunks
from seqbayes.stream.stores.lease import Holder
from seqbayes.stream.stores.postgres import _public
from seqbayes.stream.stores.rows import state_rows, state_values, updated_rows
from seqbayes.stream.stores.sql import STATES
from seqbayes.stream.stores.sqlite_states import insert_states
from seqbayes.stream.stores.tables import checksum
from seqbayes.stream.verbs.stored import StoredBelief


def states(store, belief="b"):
    return [(row.key, row.state, row.used) for row in store.states(belief)]


@pytest.fixture
def store(url):
    opened = open_store(url)
    opened.acquire()
    yield opened
    opened.close()


NASTY = ['["a\\u0000b"]', '["Ünï ☂ \'; DROP TABLE"]', "[]", "null", '["%s ? {0}"]']


def test_a_commit_stores_everything(store):
    letter = DeadLetter("src", '{"line": 7}', "", b'{"x":\x00\xff', "not UTF-8")
    point = HistoryPoint("b", "[]", 12.5, '{"mean":0.5}')
    rows = [StoredState("b", key, f'{{"k":{key}}}', i) for i, key in enumerate(NASTY)]
    store.commit(Changes("src", {"line": 7}, 5, rows, (), [letter], [point]))
    assert store.token("src") == {"line": 7}
    assert store.token("other") is None
    assert store.events("src") == 5
    assert states(store) == [tuple(row)[1:4] for row in rows]
    assert [each[:2] for each in store.letters()] == [(1, letter)]
    assert store.dead_letter_count() == 1
    assert store.history("b", "[]") == [point]


def test_a_commit_replaces_and_deletes_states(store):
    first = [StoredState("b", f'["{i}"]', f'"{i}"', i) for i in range(4)]
    store.commit(Changes("src", 4, 4, first))
    again = [StoredState("b", '["1"]', '"new"', 9), StoredState("c", '["1"]', '"c"', 1)]
    store.commit(Changes("src", 6, 2, again, [("b", '["0"]'), ("b", '["no"]')]))
    assert states(store) == [('["2"]', '"2"', 2), ('["3"]', '"3"', 3), ('["1"]', '"new"', 9)]
    assert (store.token("src"), store.events("src")) == (6, 6)


def test_a_commit_stores_alerts_and_their_messages(store):
    firing = StoredAlert("slow", '["a"]', '{"status":"firing"}', 1.0)
    other = StoredAlert("slow", "", '{"status":"pending"}', 2.0)
    sent = StoredMessage("m1", "slow", b'{"id":"m1"}', 1.0)
    store.commit(Changes(None, None, alerts=[firing, other], messages=[sent]))
    assert store.alerts() == [other, firing]
    assert store.messages() == [sent]
    later = firing._replace(state='{"status":"resolved"}', updated=3.0)
    second = StoredMessage("m2", "slow", b'{"id":"m2"}', 3.0)
    done = sent._replace(done=4.0, note="refused")
    changes = Changes(None, None, alerts=[later], alerts_gone=[("slow", "")])
    changes.messages = [second, done]
    store.commit(changes)
    assert (store.alerts(), store.messages()) == ([later], [done, second])
    store.commit(Changes(None, None, messages_gone=["m1"]))
    assert store.messages() == [second]
    assert store.positions() == []


def test_a_store_of_version_6_gets_alerts(durable_url):
    open_store(durable_url).close()
    downgrade(durable_url, 6)
    with open_store(durable_url) as store:
        store.acquire()
        store.commit(Changes(None, None, alerts=[StoredAlert("slow", "", "{}", 1.0)]))
        assert len(store.alerts()) == 1


def test_annotations_need_no_lease(store, url):
    first = Annotation("b", 2.0, "", "release 2")
    second = Annotation("a", 1.0, "sales", "release 1 <b>")
    with open_store(url, "open") as other:  # while the store is held
        other.annotate(first)
        other.annotate(second)
        other.annotate(first._replace(text="release 2.0"))
    assert store.annotations() == [second, first._replace(text="release 2.0")]
    store.commit(Changes("src", 1, 1, [StoredState("b", "[]", '"1"', 1)]))
    assert len(store.annotations()) == 2


def test_merging_keeps_annotations(url):
    with open_store("memory:one") as one, open_store("memory:two") as two:
        one.annotate(Annotation("a", 1.0, "", "first"))
        two.annotate(Annotation("b", 2.0, "", "second"))
        two.annotate(Annotation("a", 1.0, "", "first"))
        merge(["memory:one", "memory:two"], url)
    with open_store(url, "open") as store:
        assert [note.text for note in store.annotations()] == ["first", "second"]


def test_a_store_that_does_not_support_annotations_refuses_them():
    with pytest.raises(StoreError, match="does not support annotations"):
        Store("plain:").annotate(Annotation("a", 1.0, "", "text"))


def test_a_store_of_version_7_gets_annotations(durable_url):
    open_store(durable_url).close()
    downgrade(durable_url, 7)
    with open_store(durable_url) as store:
        store.annotate(Annotation("a", 1.0, "", "text"))
        assert len(store.annotations()) == 1


def test_a_commit_stores_all_or_nothing(store):
    store.commit(Changes("src", 1, 1, [StoredState("b", "[]", '"1"', 1)]))
    letters = [DeadLetter("src", "2", "b", b"", "why"), None]
    with pytest.raises(TypeError):
        store.commit(Changes("src", 2, 1, [StoredState("b", "[]", '"2"', 2)], (), letters))
    assert states(store) == [("[]", '"1"', 1)]
    assert (store.token("src"), store.events("src"), store.dead_letter_count()) == (1, 1, 0)
    store.commit(Changes("src", 2, 1, [StoredState("b", "[]", '"2"', 2)]))
    assert states(store) == [("[]", '"2"', 2)]


def test_a_row_rejected_by_the_database_rolls_back_the_commit(durable_url):
    store = open_store(durable_url)
    store.acquire()
    store.commit(Changes("src", 1, 1, [StoredState("b", "[]", '"1"', 1)]))
    broken = [DeadLetter("src", "2", belief, b"", "why") for belief in ("b", None)]
    with pytest.raises(StoreError):
        store.commit(Changes("src", 2, 1, [StoredState("b", "[]", '"2"', 2)], (), broken))
    assert states(store) == [("[]", '"1"', 1)]
    assert (store.token("src"), store.events("src"), store.dead_letter_count()) == (1, 1, 0)
    store.commit(Changes("src", 2, 1, [StoredState("b", "[]", '"2"', 2)]))
    assert states(store) == [("[]", '"2"', 2)]
    store.close()


def test_a_belief_must_be_redeclared_identically(url):
    belief = Belief("b", Beta(2, 3), field="x", by="k")
    for _ in range(2):
        with Pipeline(Listed([]), [belief], open_store(url)):
            pass
    for other in (
        Belief("b", Beta(2, 4), field="x", by="k"),
        Belief("b", Gamma(2, 3), field="x", by="k"),
        Belief("b", Beta(2, 3), field="x", by=("k", "l")),
    ):
        store = open_store(url)
        with pytest.raises(StoreError, match="has another belief 'b'"):
            Pipeline(Listed([]), [other], store)
        store.close()


def test_the_display_of_a_belief_can_change(url):
    for display in (Display(), Display(title="Checkout", unit="ms"), Display(threshold=0.5)):
        belief = Belief("b", Beta(2, 3), field="x", by="k", display=display)
        with Pipeline(Listed([]), [belief], open_store(url)) as pipeline:
            stored = StoredBelief("b", pipeline.store.declarations()["b"])
        assert (stored.display, stored.by) == (display, ["k"])
    other = Belief("b", Beta(2, 4), field="x", by="k", display=display)
    store = open_store(url)
    with pytest.raises(StoreError, match=r"belief 'b': state.prior.beta is 3(.0)?, not 4"):
        Pipeline(Listed([]), [other], store)
    store.close()


def test_only_one_runner_can_hold_the_lease(url):
    first, second = open_store(url), open_store(url)
    first.acquire()
    with pytest.raises(LeaseError, match=r"is held by process \d+ on .*: one runner at a time"):
        second.acquire()
    first.close()
    second.acquire()
    second.close()


HOLD = """
import sys, time
from seqbayes.stream import open_store
store = open_store(sys.argv[1])
store.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_killed_runner_loses_its_lease(durable_url):
    command = [sys.executable, "-c", HOLD, durable_url]
    with Program(command, stdout=subprocess.PIPE) as runner:
        assert runner.stdout.readline() == b"held\n"
        store = open_store(durable_url)
        with pytest.raises(LeaseError, match=f"process {runner.pid} "):
            store.acquire()
        runner.kill()
        runner.wait()
        store.acquire()
        store.close()


def elsewhere(monkeypatch, store):
    """Make the runner of a store appear to be on another machine."""
    own = Holder.own()
    monkeypatch.setattr(store, "holder", Holder("elsewhere", own.boot, own.pid, own.started))


def test_the_lease_of_a_runner_on_another_machine_expires(url, monkeypatch):
    first, second = open_store(url), open_store(url)
    elsewhere(monkeypatch, first)
    first.acquire()
    with pytest.raises(LeaseError, match=r"elsewhere, whose lease expires in \d+ s"):
        second.acquire()
    monkeypatch.setattr(second, "now", lambda: first.now() + Store.lease_seconds + 1.0)
    second.acquire()
    second.commit(Changes("src", 5, 5))
    first.heartbeat_seconds = 0.0
    for lost in (lambda: first.commit(Changes("src", 1, 1)), lambda: first.renew(RunnerStatus())):
        with pytest.raises(LeaseError, match="was taken over by another runner"):
            lost()
    assert second.token("src") == 5
    first.close()
    third = open_store(url)
    with pytest.raises(LeaseError):
        third.acquire()
    third.close()
    second.close()


def test_a_lease_is_renewed_while_no_events_arrive(url, monkeypatch):
    store, other = open_store(url), open_store(url)
    elsewhere(monkeypatch, store)
    store.acquire()
    now = store.now()
    monkeypatch.setattr(store, "now", lambda: now + Store.lease_seconds)
    store.heartbeat_seconds = 0.0
    store.renew(RunnerStatus())
    monkeypatch.setattr(other, "now", lambda: now + Store.lease_seconds + 1.0)
    with pytest.raises(LeaseError):
        other.acquire()
    store.commit(Changes("src", 1, 1))
    store.close()
    other.close()


def test_a_newer_version_is_rejected_and_an_older_version_upgraded(durable_url, monkeypatch):
    now, next_one = database.VERSION, database.VERSION + 1
    open_store(durable_url).close()
    query(durable_url, f"UPDATE seqbayes_meta SET value = '{next_one}' WHERE name = 'version'")
    message = (
        f"has version {next_one}, but this version of seqbayes reads only up to {now}: upgrade"
    )
    with pytest.raises(StoreError, match=message):
        open_store(durable_url)
    monkeypatch.setattr(database, "VERSION", next_one + 1)
    monkeypatch.setattr(database, "MIGRATIONS", {next_one: ["CREATE TABLE added (x TEXT)"]})
    for _ in range(2):
        open_store(durable_url).close()
        found = query(durable_url, "SELECT value FROM seqbayes_meta WHERE name = 'version'")
        assert found == [(str(next_one + 1),)]
        assert query(durable_url, "SELECT x FROM added") == []


def test_a_store_of_version_1_gets_event_ids(durable_url):
    open_store(durable_url).close()
    downgrade(durable_url, 1)
    store = open_store(durable_url)
    store.acquire()
    store.commit(Changes("s", 1, ids=[SeenId("b", 1, "x"), SeenId("a", 2, "")]))
    store.commit(Changes("s", 2, ids=[SeenId("c", 3, "")], expired_ids=["b"]))
    assert list(store.ids("s")) == [("a", 2, ""), ("c", 3, "")]
    assert list(store.ids("other")) == []
    store.close()


def test_a_store_of_version_2_gets_heartbeats(durable_url):
    open_store(durable_url).close()
    downgrade(durable_url, 2)
    with open_store(durable_url) as store:
        store.acquire()
        store.heartbeat_seconds = 0.0
        store.renew(RunnerStatus(lag=3))
        assert store.lease().status == '{"lag":3}'


def test_long_histories_are_thinned(store):
    points = [HistoryPoint("b", key, float(t), "{}") for key in ("[]", "null") for t in range(9)]
    short = HistoryPoint("b", '["x"]', 1.0, "{}")
    store.commit(Changes("src", 1, 1, history=[*points, short]))
    store.thin("b", 8)
    assert [point.at for point in store.history("b", "[]")] == [0.0, 2.0, 4.0, 6.0, 8.0]
    assert len(store.history("b", "null")) == 5
    store.thin("b", 8)
    assert len(store.history("b", "null")) == 5
    assert store.history("b", '["x"]') == [short]


@pytest.fixture
def connections(monkeypatch):
    """The connections that SQLite stores open during the test."""
    opened, connect = [], sqlite3.connect

    def record(*args, **kwargs):
        opened.append(connect(*args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", record)
    return opened


def test_a_repeatedly_thinned_history_stays_evenly_spaced(store):
    start = 1_700_000_000.0
    for t in range(1200):
        point = HistoryPoint("b", "[]", start + 60.0 * t, "{}")
        store.commit(Changes("src", t, 1, history=[point]))
        if t % 20 == 0:
            store.thin("b", 80)
    store.thin("b", 80)
    times = [point.at for point in store.history("b", "[]")]
    gaps = [b - a for a, b in pairwise(times[:-40])]  # the newest points are not thinned yet
    assert len(times) <= 80
    assert times[-1] == start + 60.0 * 1199
    assert max(gaps) < 1.25 * min(gaps)


def test_sqlite_syncs_every_commit(tmp_path, connections):
    store = open_store(f"sqlite:{tmp_path / 'beliefs.db'}")
    connection = connections[0]
    statements = []
    connection.set_trace_callback(statements.append)

    def synchronous():
        """Return the level of the last transaction."""
        at = len(statements) - statements[::-1].index("COMMIT")
        return [s for s in statements[:at] if s.startswith("PRAGMA synchronous")][-1]

    assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    store.acquire()
    store.heartbeat_seconds = 0.0
    store.renew(RunnerStatus())  # does not need a sync
    assert synchronous() == "PRAGMA synchronous = NORMAL"
    store.commit(Changes("src", 1, 1))
    assert synchronous() == "PRAGMA synchronous = FULL"
    store.close()


def test_other_files_are_rejected(tmp_path):
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE photos (x)")
    connection.close()
    with pytest.raises(StoreError, match="belongs to another program"):
        open_store(str(other))
    text = tmp_path / "text.db"
    text.write_text("no database at all, but long enough to be looked at" * 30)
    with pytest.raises(StoreError, match="file is not a database; it is not a seqbayes store"):
        open_store(str(text))
    with pytest.raises(StoreError, match="unable to open"):
        open_store(str(tmp_path / "no" / "such" / "folder.db"))
    with pytest.raises(StoreError, match="invalid URL of a PostgreSQL database"):
        open_store("postgresql://[nonsense")


def test_a_damaged_file_is_reported(tmp_path):
    path = tmp_path / "beliefs.db"
    events = lines(*({"x": True, "k": str(i)} for i in range(2000)))
    with Pipeline(
        Listed(events), [Belief("b", Beta(), field="x", by="k")], open_store(str(path))
    ) as pipeline:
        list(pipeline)
    whole = path.read_bytes()
    path.write_bytes(whole[:-4096] + b"\xa5" * 4096)
    with pytest.raises(StoreError, match=r"is damaged|malformed"):
        open_store(str(path))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match=r"is damaged|malformed"):
        open_store(str(path))


def test_messages_contain_no_password(postgres):
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://me:secret@127.0.0.1:1/db?connect_timeout=1")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://me:secret@h:5433/db", "postgresql://me@h:5433/db"),
        ("postgres://m%40e:s%40cret@h/d%2Fb?sslmode=require", None),
        ("postgresql://h1:1,h2:2/db?password=secret&user=me", "postgresql://me@h1:1,h2:2/db"),
        ("postgresql:///db?host=/tmp/a%20b&port=5&sslpassword=secret", None),
        ("postgresql://u:p#secret@[::1]:5/db?options=-csearch_path%3Ds0", None),
        ("postgresql://", "postgresql:///"),
    ],
)
def test_the_url_in_messages_is_complete_except_for_secrets(url, message):
    parse = pytest.importorskip("psycopg").conninfo.conninfo_to_dict
    public = _public(parse, url)
    assert "cret" not in public
    assert message in (public, None)
    secrets = ("password", "sslpassword")
    assert parse(public) == {k: v for k, v in parse(url).items() if k not in secrets}


def test_a_server_that_restarts_loses_nothing(postgres, postgres_url):
    store = open_store(postgres_url)
    store.acquire()
    store.commit(Changes("src", 1, 1, [StoredState("b", "[]", '"1"', 1)]))
    postgres.stop()
    postgres.start()
    store.commit(Changes("src", 2, 1, [StoredState("b", "[]", '"2"', 2)]))
    assert (store.token("src"), store.events("src")) == (2, 2)
    store.close()


def test_a_commit_with_a_lost_response_is_stored_once(postgres, postgres_url, tmp_path):
    with Proxy(postgres.directory) as proxy, open_store(proxy.route(postgres_url)) as store:
        store.acquire()
        for i in range(1, 4):
            proxy.lose_answer_to(b"COMMIT")
            store.commit(Changes("src", i, 1, [StoredState("b", "[]", f'"{i}"', i)]))
        assert proxy.lost == 3
        assert (store.token("src"), store.events("src")) == (3, 3)
        assert states(store) == [("[]", '"3"', 3)]


def spill(store, n, start=0):
    rows = [StoredState("b", f'["{i}"]', f'"{"x" * 500}"', i + 1) for i in range(start, start + n)]
    store.commit(Changes("src", start + n, n, rows))


def test_a_full_disk_loses_nothing(tmp_path, connections):
    url = str(tmp_path / "beliefs.db")
    store = open_store(url)
    store.acquire()
    spill(store, 10)
    connection = connections[0]
    ((pages,),) = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(StoreError, match=r"beliefs\.db: database or disk is full"):
        spill(store, 500, 10)
    assert (store.token("src"), len(states(store))) == (10, 10)
    connection.execute("PRAGMA max_page_count = 1000000")  # the disk has free space again
    spill(store, 500, 10)
    assert (store.token("src"), len(states(store))) == (510, 510)
    store.close()


def test_a_read_only_store_is_reported(tmp_path, postgres_url, connections):
    store = open_store(str(tmp_path / "beliefs.db"))
    store.acquire()
    connections[0].execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="attempt to write a readonly database"):
        spill(store, 1)
    connections[0].execute("PRAGMA query_only = OFF")
    store.close()
    open_store(postgres_url).close()
    store = open_store(f"{postgres_url}%20-cdefault_transaction_read_only%3Don")
    with pytest.raises(StoreError, match="read-only transaction"):
        store.acquire()
    store.close()


def test_clock_jumps_do_not_affect_the_lease(tmp_path, monkeypatch):
    url = str(tmp_path / "beliefs.db")
    first, second = open_store(url), open_store(url)
    first.acquire()
    for jump in (-1e9, 1e9):
        for store in (first, second):
            monkeypatch.setattr(store, "now", lambda jump=jump: time.time() + jump)
        spill(first, 1)
        with pytest.raises(LeaseError, match="one runner at a time"):
            second.acquire()
    first.close()
    second.acquire()
    second.close()


def test_a_lease_is_renewed_through_a_lost_connection(postgres_url):
    store = open_store(named(postgres_url, "runner"))
    store.acquire()
    store.heartbeat_seconds = 0.0
    terminate(postgres_url, "runner")
    store.thin("b", 3)
    store.renew(RunnerStatus())
    store.commit(Changes("src", 1, 1))
    assert store.token("src") == 1
    store.close()


class Mirrored(MemoryStore):
    """A store of another package."""


def test_a_store_of_another_package_is_opened_by_its_scheme():
    register_store("mirrored", Mirrored)
    register_store("mirrored", Mirrored)
    with open_store("mirrored:x") as store:
        assert type(store) is Mirrored
        store.acquire()
        store.commit(Changes("src", 1, 1))
        assert store.events("src") == 1
    assert "mirrored" in store_schemes()
    with pytest.raises(ValueError, match="'mirrored' is already registered"):
        register_store("mirrored", MemoryStore)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/db", "one of the schemes .*postgres, postgresql, sqlite, got"),
        ("sqlite:///b.db", "expected sqlite:PATH, such as sqlite:b.db"),
        ("", "expected a file"),
    ],
)
def test_a_url_that_is_not_a_store_is_rejected(url, message):
    for act in (check_url, open_store):
        with pytest.raises(StoreError, match=message):
            act(url)


def test_a_private_store_in_memory_is_not_shared():
    with open_store("memory:") as first, open_store("memory:") as second:
        first.acquire()
        second.acquire()
        first.commit(Changes("src", 1, 1))
        assert (first.events("src"), second.events("src")) == (1, 0)
    for mode in ("open", "read"):
        with pytest.raises(StoreError, match="no such store"):
            open_store("memory:missing", mode)


def test_a_store_without_retention_counts_events():
    with MemoryStore(retain=False) as store:
        store.acquire()
        letter = DeadLetter("src", "1", "b", b"", "why")
        point = HistoryPoint("b", "[]", 1.0, "{}")
        state = StoredState("b", "[]", "{}", 1)
        store.commit(Changes("src", 7, 3, [state], (), [letter], [point]))
        assert (store.token("src"), store.events("src"), store.dead_letter_count()) == (7, 3, 1)
        assert not [*store.entries("b"), *store.letters(), *store.points("b")]
        assert not store.stores_states


def stored(url):
    rows = query(url, "SELECT key, state FROM seqbayes_states ORDER BY key")
    return dict(rows)


def test_a_database_stores_only_the_statistics_of_states_that_share_the_rest(durable_url):
    full = Beta(2, 3)
    full.learn_one(True)
    with Pipeline(
        Listed(lines({"x": True, "k": "a"})),
        [Belief("b", Beta(2, 3), field="x", by="k")],
        open_store(durable_url),
    ) as pipeline:
        list(pipeline)
    assert stored(durable_url) == {'["a"]': "[1.0,0.0,1.0,0.0,0.0,0.0,0.0,0.0]"}
    with open_store(durable_url, "read") as store:
        (entry,) = store.entries("b")
        (state,) = store.states("b", ordered=False)
        assert Beta.from_dict(store.decode(entry.state, "a state")) == full
    assert state.state == entry.state


def test_states_of_older_versions_are_abbreviated_when_they_change(durable_url):
    belief = Belief("b", Beta(), field="x", by="k")
    for records in (lines({"x": True, "k": "a"}, {"x": True, "k": "b"}), []):
        with Pipeline(Listed(records), [belief], open_store(durable_url)) as pipeline:
            list(pipeline)
    with open_store(durable_url, "read") as store:
        full = {row.key: row.state for row in store.states("b")}
    for key, state in full.items():  # rows of an older version: the JSON in full, no checksums
        changed = f"state = '{state}', crc = NULL, since_crc = NULL"
        query(durable_url, f"UPDATE seqbayes_states SET {changed} WHERE key = '{key}'")
    query(durable_url, "UPDATE seqbayes_meta SET value = '8' WHERE name = 'version'")
    more = lines({"x": True, "k": "a"}, {"x": True, "k": "b"}, {"x": False, "k": "a"})
    with Pipeline(Listed(more), [belief], open_store(durable_url)) as pipeline:
        list(pipeline)
    found = stored(durable_url)
    assert found['["a"]'] == "[2.0,0.0,1.0,0.0,1.0,0.0,0.0,0.0]"
    assert found['["b"]'] == full['["b"]']


def test_places_that_another_program_has_changed_are_not_used(tmp_path):
    """VACUUM can give rows other numbers; the states are then written by their keys."""
    path = str(tmp_path / "b.db")
    with open_store(path) as store:
        store.acquire()
        changes = Changes("s", 1, states=[StoredState("b", f'["{i}"]', "{}", 1) for i in range(3)])
        store.commit(changes)
        assert changes.first_place is not None
        rows = {row.key: row for row in store.states("b")}
        assert [rows[f'["{i}"]'].place - changes.first_place for i in range(3)] == [0, 1, 2]
        query(path, "UPDATE seqbayes_states SET rowid = rowid + 10")
        wrong = [row._replace(state='{"n":1}', used=2) for row in rows.values()]
        new = StoredState("b", '["new"]', "{}", 3)
        changes = Changes("s", 2, states=[*wrong, new])
        store.commit(changes)
        assert changes.first_place is None
        found = {row.key: (row.state, row.used) for row in store.states("b")}
        assert found == {**dict.fromkeys(rows, ('{"n":1}', 2)), '["new"]': ("{}", 3)}


def test_the_checksum_of_a_row_does_not_depend_on_how_it_is_computed():
    state = '{"é":1,"statistics":[3.0],"x":null}'
    form = Abbreviation('{"é":1,"statistics":', ',"x":null}')
    for used in (0, 7, 10**15 - 1, 10**15, 2**62, -1, 2.5, 3.0):
        for key in ("[]", '["Ünï ☂"]', '["a\\u0000b"]'):
            (chunk,) = state_chunks([StoredState("b", key, state, used)])
            (row,) = state_rows(chunk, 5.25, form)
            assert row[:4] == ("b", key, "[3.0]", used)
            assert row[6] == checksum("b", key, "[3.0]", used, 5.25)
            assert state_values(chunk, 5.25, form, 9) == [9, *row[1:4], *row[6:]]
            (updated,) = updated_rows(chunk._replace(places=[9]), 5.25, form)
            assert updated == ("[3.0]", used, 5.25, row[6], 9, "b", key)


@pytest.mark.parametrize(
    "state",
    [
        "{}",
        "[3.0]",
        '{"é":1,"statistics":,"x":null}',
        '{"é":1,"statistics":7,"x":null}',
        '{"é":1,"statistics":[3.0],"x":2}',
        '{"e":1,"statistics":[3.0],"x":null}',
        '{"é":1,"statistics":[3.0]}',
    ],
)
def test_a_state_with_other_json_is_stored_in_full(state):
    form = Abbreviation('{"é":1,"statistics":', ',"x":null}')
    (chunk,) = state_chunks([StoredState("b", "[]", state, 1)])
    (row,) = state_rows(chunk, 5.0, form)
    assert row[2] == state == form.shorten(state)


def test_states_with_the_abbreviation_of_another_declaration_are_stored_in_full():
    form = Abbreviation('{"a":1,"statistics":', "}")
    other = StateChunk("b", Abbreviation('{"a":2,"statistics":', "}"), ["[]"], ["[3.0]"], [1])
    for chunk in (other, *state_chunks(list(other.states()))):
        assert state_rows(chunk, 5.0, form)[0][2] == '{"a":2,"statistics":[3.0]}'
    assert state_rows(other._replace(form=form), 5.0, form)[0][2] == "[3.0]"


@pytest.mark.parametrize("n", [1, 19, 20, 499, 500, 521, 4001])
def test_any_number_of_states_of_several_beliefs_is_stored(tmp_path, n):
    """Statements insert 500, 20 or 1 rows of one belief."""
    with open_store(str(tmp_path / "s.db")) as store:
        store.acquire()
        for name in "ab":
            store.declare(name, '{"by":[]}')
        old = [StoredState("a", f'["{i}"]', f'{{"n":{i}}}', i) for i in range(0, n, 3)]
        store.commit(Changes(None, None, states=old))
        places = {("a", row.key): row.place for row in store.states("a")}
        keys = [(name, f'["{i}"]') for name in "ab" for i in range(n) if name == "a" or i % 2]
        new = [StoredState(*key, f'{{"k":{i}}}', i, places.get(key)) for i, key in enumerate(keys)]
        changes = Changes(None, None, states=new)
        store.commit(changes)
        for name in "ab":
            wanted = {each.key: each[2:4] for each in new if each.belief == name}
            found = {row.key: row[2:4] for row in store.entries(name)}
            assert found == wanted
        first = len(old) + 1
        fresh = [each.key for each in new if each.belief == "b"]
        assert changes.first_place == first
        places = {row.key: row.place for row in store.states("b")}
        after = first + n - len(old)
        assert places == {key: after + i for i, key in enumerate(fresh)}


@pytest.mark.parametrize("limit", [8, 121, 122, 999])
def test_states_are_inserted_within_the_limit_on_parameters(limit):
    database = sqlite3.connect(":memory:")
    database.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, limit)
    database.execute(f"CREATE TABLE {STATES}")
    values = [value for i in range(1, 48) for value in (i, f'["{i}"]', "{}", i, -i, 2 * i)]
    database.execute("CREATE UNIQUE INDEX keys ON seqbayes_states (belief, key)")
    insert_states(database, "b", 5.0, values)
    found = database.execute("SELECT rowid, * FROM seqbayes_states ORDER BY rowid").fetchall()
    assert found == [(i, "b", f'["{i}"]', "{}", i, 5.0, 5.0, -i, 2 * i) for i in range(1, 48)]


def test_few_statements_insert_any_number_of_states():
    """SQLite keeps statements in memory; one for each number of rows needed 30 MB."""
    database = sqlite3.connect(":memory:")
    database.execute(f"CREATE TABLE {STATES}")
    database.execute("CREATE UNIQUE INDEX keys ON seqbayes_states (belief, key)")
    executed = set()
    database.set_trace_callback(lambda sql: executed.add(sql.count("), (")))
    for n in range(1, 60):
        values = [value for i in range(n) for value in (i, f'["{i}"]', "{}", i, i, i)]
        insert_states(database, "b", 5.0, values)
    assert executed == {0, 19}
