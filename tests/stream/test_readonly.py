"""Reading stores while another process writes them."""

import json
import threading

import pytest

from seqbayes import Beta
from seqbayes.stream import DeadLetter, StoreError, open_store
from seqbayes.stream.stores import Changes, HistoryPoint, RunnerStatus, StoredState, StoreReader


@pytest.fixture
def writer(url):
    store = open_store(url)
    store.acquire()
    store.declare("b", json.dumps({"state": Beta().to_dict(), "by": []}))
    yield store
    store.close()


def commit(store, token, *keys):
    states = [StoredState("b", key, f'{{"at":{token}}}', token) for key in keys]
    letters = [DeadLetter("s", str(token), "b", b"raw", "why")]
    history = [HistoryPoint("b", key, float(token), "{}") for key in keys]
    store.commit(Changes("s", token, 1, states, (), letters, history))


def test_a_reader_sees_commits(url, writer):
    with StoreReader(url) as reader:
        assert list(reader.beliefs()) == ["b"]
        before = reader.serial()
        assert (reader.rows("b"), reader.sources(), reader.count("b")) == ([], [], 0)
        commit(writer, 1, '["x"]', '["y"]')
        assert reader.serial() != before
        (first, second) = sorted(reader.rows("b"))
        assert (first.key, first.state, second.key) == ('["x"]', '{"at":1}', '["y"]')
        commit(writer, 2, '["y"]')
        (last,) = (row for row in reader.rows("b", second.updated) if row.state == '{"at":2}')
        assert (last.since, last.updated > second.updated) == (second.since, True)
        assert [(source.name, source.events) for source in reader.sources()] == [("s", 2)]
        assert [at for at, _ in reader.history("b", '["y"]')] == [1.0, 2.0]
        assert [letter.position for _, letter in reader.dead_letters("b", 1)] == ["2"]
        assert reader.dead_letter_count() == 2
        assert reader.runner().alive
        writer.close()
        assert reader.runner()[:2] == (None, False)


def test_a_store_opened_for_reading_cannot_be_written(url, writer):
    commit(writer, 1, '["x"]')
    with open_store(url, "read") as store:
        for act in (
            lambda: store.declare("c", "{}"),
            store.acquire,
            lambda: store.remove_letters([1]),
        ):
            with pytest.raises(StoreError):
                act()
        assert (list(store.declarations()), store.dead_letter_count()) == (["b"], 1)


@pytest.fixture
def opened(monkeypatch):
    """The stores that readers open during the test."""
    stores = []

    def record(url, mode):
        stores.append(open_store(url, mode))
        return stores[-1]

    monkeypatch.setattr("seqbayes.stream.stores.reader.open_store", record)
    return stores


def test_threads_share_a_reader_through_a_lost_connection(url, writer, opened):
    commit(writer, 1, '["x"]')
    found = []
    with StoreReader(url) as reader:
        opened[0].close()
        threads = [
            threading.Thread(target=lambda: found.append(reader.count("b"))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [1] * 4


def test_a_heartbeat_reports_the_runner_and_is_not_a_commit(url, writer, monkeypatch, opened):
    with StoreReader(url) as reader:
        commit(writer, 1, '["x"]')
        before = reader.serial()
        assert reader.runner().status == RunnerStatus()
        status = RunnerStatus(
            lag=12, reconnects=3, connection_error="no route to host", read_at=5.0
        )
        writer.renew(status)  # too soon after the lease was taken
        assert reader.runner().status == RunnerStatus()
        writer.heartbeat_seconds = 0.0
        now = writer.now()
        monkeypatch.setattr(writer, "now", lambda: now)
        writer.renew(status)
        assert reader.runner()[1:3] == (True, False)
        assert reader.runner().status == status
        assert reader.serial() == before
        monkeypatch.setattr(opened[0], "now", lambda: now + 12.0)
        assert reader.runner().silent == pytest.approx(12.0, abs=0.01)


def test_a_commit_counts_as_a_heartbeat(url, writer, monkeypatch, opened):
    with StoreReader(url) as reader:
        now = writer.now()
        monkeypatch.setattr(writer, "now", lambda: now + 100.0)
        monkeypatch.setattr(opened[0], "now", lambda: now + 101.0)
        assert reader.runner().silent > 100.0
        commit(writer, 1, '["x"]')
        assert reader.runner().silent == pytest.approx(1.0)


def test_a_new_runner_starts_without_the_heartbeat_of_the_last_one(url, writer):
    writer.heartbeat_seconds = 0.0
    writer.renew(RunnerStatus(connection_error="no route to host"))
    writer.close()
    with StoreReader(url) as reader, open_store(url) as other:
        other.acquire()
        assert reader.runner().status == RunnerStatus()
