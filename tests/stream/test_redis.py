"""Redis Streams: groups, entries that are pending, and streams that lose data."""

import json
from contextlib import closing

import pytest
from brokers import PASSWORD, make, numbers, read
from killing import events

from seqbayes import Beta
from seqbayes.stream import Belief, Pipeline, SourceError, open_store


@pytest.fixture
def redis(server):
    return server("redis")


@pytest.fixture
def client(redis):
    with redis.client() as client:
        client.flushall()
        yield client


def open_group(redis, token=None, consumer="a", **more):
    source = make(redis.source("s", group="g", consumer=consumer, **more))
    source.seek(token)
    return source


def pending(client):
    return client.xpending("s", "g")["pending"]


def test_what_was_read_and_not_committed_comes_again(redis, client):
    redis.publish("s", events(20, 1))
    with closing(open_group(redis)) as source:
        first, second = read(source, 20, size=10)
        assert pending(client) == 20
        source.committed(first.token)
        assert pending(client) == 10
    with closing(open_group(redis, first.token)) as source:
        again = read(source, 10)
        assert numbers(again) == numbers([second]) == list(range(10, 20))
        source.committed(again[-1].token)
    assert pending(client) == 0


def test_what_was_committed_and_not_acknowledged_is_passed_over(redis, client):
    """As after a kill between the commit and what follows it."""
    redis.publish("s", events(20, 1))
    with closing(open_group(redis)) as source:
        first, _ = read(source, 20, size=10)
    assert pending(client) == 20
    with closing(open_group(redis, first.token)) as source:
        assert numbers(read(source, 10)) == list(range(10, 20))
        assert pending(client) == 10


@pytest.mark.parametrize("others", [False, True], ids=["alone", "shared"])
def test_members_of_a_group_share_a_stream(redis, client, others):
    """Each has a store of its own, and what is one's comes again to that one only."""
    redis.publish("s", events(10, 1))
    with closing(open_group(redis)) as first:
        mine = read(first, 10)
        if others:
            redis.publish("s", events(20, 1)[10:])
            with closing(open_group(redis, consumer="b")) as second:
                assert numbers(read(second, 10)) == list(range(10, 20))
    assert numbers(mine) == list(range(10))
    with closing(open_group(redis)) as again:
        assert numbers(read(again, 10)) == list(range(10))
        redis.publish("s", events(21, 1)[20:])
        assert numbers(read(again, 1)) == [20]
    if others:
        assert client.xpending_range("s", "g", "-", "+", 99, "b")[9]["times_delivered"] == 1


def test_the_only_member_of_a_group_decides_where_it_stands(redis, client):
    """As after a store was put back from a copy, or begun anew."""
    redis.publish("s", events(20, 1))
    with closing(open_group(redis)) as source:
        batches = read(source, 20, size=5)
        source.committed(batches[-1].token)
    assert pending(client) == 0
    with closing(open_group(redis, batches[0].token)) as source:
        assert numbers(read(source, 15)) == list(range(5, 20))


def test_the_group_tells_the_lag(redis, client):
    redis.publish("s", events(20, 1))
    with closing(open_group(redis)) as source:
        (batch,) = read(source, 5, size=5)
        assert batch.remaining == 15


@pytest.mark.parametrize("others", [False, True], ids=["alone", "shared"])
def test_a_connection_that_breaks_after_a_read_loses_nothing(redis, client, others, monkeypatch):
    redis.publish("s", events(20, 1))
    if others:
        with closing(open_group(redis, consumer="b")) as other:
            read(other, 5, size=5)
    with closing(open_group(redis)) as source:
        lag, broken = source._lag, []

        def lag_or_break():
            if len(broken) < 2:
                broken.append(1)
                client.client_kill_filter(_type="normal", skipme=True)
            return lag()

        monkeypatch.setattr(source, "_lag", lag_or_break)
        monkeypatch.setattr("seqbayes.stream.sources.redis._LOOK", 0.0)
        count = 15 if others else 20
        assert numbers(read(source, count, size=7)) == list(range(20 - count, 20))
        assert source.reconnects >= 1


def test_fields_of_an_entry_are_those_of_the_event(redis, client):
    client.xadd("s", {"shop": "north", "sold": "true"})
    client.xadd("s", {"shop": "south", "sold": "0"})
    client.xadd("s", {"shop": b"\xff", "sold": "1"})
    bad = client.xadd("s", {"shop": "south", "sold": "perhaps"}).decode()
    belief = Belief("b", Beta(), field="sold", by="shop")
    options = redis.source("s")
    del options["field"]
    store = open_store(":memory:")
    with Pipeline(make(options), [belief], store) as pipeline:
        for _ in pipeline:
            if pipeline.events == 4:
                break
        assert {key: state.posterior for key, state in pipeline.tables["b"].states.items()} == {
            "north": (2.0, 1.0),
            "south": (1.0, 2.0),
        }
        told = sorted((each.reason, each.position) for each in pipeline.dead_letters)
    assert told[1][0] == "not UTF-8"
    assert told[0][0].startswith("field 'sold'")
    assert json.loads(told[0][1]) == bad


def test_entries_that_are_no_events_are_refused(redis, client):
    ids = [client.xadd("s", {"event": b'{"i": 0}'}), client.xadd("s", {"other": "x"})]
    ids.append(client.xadd("s", {"more": "x", "event": b'{"i": 1}'}))
    with closing(open_group(redis)) as source:
        (batch,) = read(source, 3)
        assert numbers([batch]) == [0, 1]
        assert batch.refused == [(ids[1].decode(), b"other x", "the entry has no field 'event'")]
    with closing(open_group(redis, consumer="b")) as other:  # so that the group is shared
        for batch in other.batches(timeout=0.01):
            assert batch is None
            break
    client.xdel("s", ids[0])
    with closing(open_group(redis)) as source:
        (batch,) = read(source, 3)
    assert numbers([batch]) == [1]
    assert batch.refused[0] == (ids[0].decode(), b"", "the entry was deleted before it was read")


@pytest.mark.parametrize("group", [{}, {"group": "g"}], ids=["alone", "group"])
def test_a_stream_that_lost_data_is_said_to(redis, client, group):
    redis.publish("s", events(10, 1))
    with closing(make(redis.source("s", **group))) as source:
        source.seek(None)
        token = read(source, 10)[-1].token
    client.flushall()
    client.xadd("s", {"event": events(1, 1)[0]}, id="5-1")
    with closing(make(redis.source("s", **group))) as source:
        source.seek(token)
        with pytest.raises(SourceError, match="and ends at 5-1; events may be lost"):
            read(source, 1)
    with closing(make(redis.source("s", lost="restart", **group))) as source:
        source.seek(token)
        assert numbers(read(source, 1)) == [0]


def test_a_stream_that_is_deleted_while_it_is_read(redis, client):
    redis.publish("s", events(10, 1))
    with closing(open_group(redis)) as source:
        batches = source.batches(timeout=0.01)
        assert numbers([next(batches)]) == list(range(10))
        client.delete("s")
        with pytest.raises(SourceError, match="and ends at 0-0; events may be lost"):
            for _ in batches:
                pass


def test_what_redis_refuses_is_told(redis, client):
    client.set("s", "no stream")
    with closing(make(redis.source("s"))) as source, pytest.raises(SourceError, match="WRONGTYPE"):
        read(source, 1)
    options = redis.source("s")
    options["url"] = options["url"].replace("s3%2Fcret", "gu%2Fess")
    with closing(make(options)) as source, pytest.raises(SourceError) as told:
        read(source, 1)
    assert "WRONGPASS" in str(told.value) or "invalid" in str(told.value)
    assert "gu/ess" not in str(told.value)


def test_the_password_may_stand_in_the_environment(redis, client, monkeypatch):
    monkeypatch.setenv("REDIS_PASSWORD", PASSWORD)
    redis.publish("s", events(3, 1))
    options = redis.source("s")
    options["url"] = f"redis://:${{REDIS_PASSWORD}}@127.0.0.1:{redis.port}"
    with closing(make(options)) as source:
        source.seek(None)
        assert numbers(read(source, 3)) == [0, 1, 2]
