"""Stores that are looked at while another process writes them."""

import json
import threading

import pytest

from seqbayes import Beta
from seqbayes.stream import DeadLetter, StoreError, open_store
from seqbayes.stream.readonly import StoreReader
from seqbayes.stream.store import Changes, HistoryPoint, StoredState


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


def test_what_is_committed_is_seen(url, writer):
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
        assert reader.runner() == (None, False, None)


def test_nothing_can_be_written(url, writer):
    with StoreReader(url) as reader, pytest.raises(StoreError):
        reader._read(lambda store: store._run("DELETE FROM seqbayes_states"))


def test_threads_share_a_reader_through_a_lost_connection(url, writer):
    commit(writer, 1, '["x"]')
    found = []
    with StoreReader(url) as reader:
        reader._store._connection.close()
        threads = [
            threading.Thread(target=lambda: found.append(reader.count("b"))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [1] * 4
