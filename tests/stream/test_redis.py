"""Redis Streams: groups, entries that are pending, and streams that lose data."""

import itertools
import json
from contextlib import closing

import pytest
from brokers import PASSWORD, make, numbers, proceed, read
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


def test_uncommitted_entries_are_delivered_again(redis, client):
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


def test_committed_unacknowledged_entries_are_skipped(redis, client):
    """As after a kill between the commit and the acknowledgement."""
    redis.publish("s", events(20, 1))
    with closing(open_group(redis)) as source:
        first, _ = read(source, 20, size=10)
    assert pending(client) == 20
    with closing(open_group(redis, first.token)) as source:
        assert numbers(read(source, 10)) == list(range(10, 20))
        assert pending(client) == 10


@pytest.mark.parametrize("others", [False, True], ids=["alone", "shared"])
def test_members_of_a_group_share_a_stream(redis, client, others):
    """Each member has a separate store and gets only its own entries again."""
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


def test_the_only_member_of_a_group_resets_its_position(redis, client):
    """As after a store was restored from a copy, or created again."""
    redis.publish("s", events(20, 1))
    with closing(open_group(redis)) as source:
        batches = read(source, 20, size=5)
        source.committed(batches[-1].token)
    assert pending(client) == 0
    with closing(open_group(redis, batches[0].token)) as source:
        assert numbers(read(source, 15)) == list(range(5, 20))


def test_the_group_reports_the_lag(redis, client):
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
        client_class = type(client)
        execute, reads, broken = client_class.execute_command, [], []

        def execute_or_break(self, *command, **options):
            if command[0] == "XINFO GROUPS" and reads and len(broken) < 2:
                broken.append(reads.pop())
                client.client_kill_filter(_type="normal", skipme=True)
            if command[0] == "XREADGROUP":
                reads.append(command)
            return execute(self, *command, **options)

        monkeypatch.setattr(client_class, "execute_command", execute_or_break)
        monkeypatch.setattr("seqbayes.stream.sources.redis._POLL", 0.0)
        count = 15 if others else 20
        assert numbers(read(source, count, size=7)) == list(range(20 - count, 20))
        assert source.reconnects >= 1


def test_the_fields_of_an_entry_become_the_fields_of_the_event(redis, client):
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
        response = sorted((each.reason, each.position) for each in pipeline.dead_letters)
    assert response[1][0] == "not UTF-8"
    assert response[0][0].startswith("field 'sold'")
    assert json.loads(response[0][1]) == bad


def test_entries_that_are_not_events_are_rejected(redis, client):
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
def test_a_stream_that_lost_data_is_reported(redis, client, group):
    redis.publish("s", events(10, 1))
    with closing(make(redis.source("s", **group))) as source:
        source.seek(None)
        token = read(source, 10)[-1].token
    client.flushall()
    client.xadd("s", {"event": events(1, 1)[0]}, id="5-1")
    with closing(make(redis.source("s", **group))) as source:
        source.seek(token)
        with pytest.raises(SourceError, match="but ends at 5-1; events may be lost"):
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
        with pytest.raises(SourceError, match="but ends at 0-0; events may be lost"):
            proceed(batches, lambda _: False, "the deleted stream was not noticed")


def test_errors_of_redis_are_reported(redis, client):
    client.set("s", "no stream")
    with closing(make(redis.source("s"))) as source, pytest.raises(SourceError, match="WRONGTYPE"):
        read(source, 1)
    options = redis.source("s")
    options["url"] = options["url"].replace("s3%2Fcret", "gu%2Fess")
    with closing(make(options)) as source, pytest.raises(SourceError) as response:
        read(source, 1)
    assert "WRONGPASS" in str(response.value) or "invalid" in str(response.value)
    assert "gu/ess" not in str(response.value)


def test_the_password_can_come_from_the_environment(redis, client, monkeypatch):
    monkeypatch.setenv("REDIS_PASSWORD", PASSWORD)
    redis.publish("s", events(3, 1))
    options = redis.source("s")
    options["url"] = f"redis://:${{REDIS_PASSWORD}}@127.0.0.1:{redis.port}"
    with closing(make(options)) as source:
        source.seek(None)
        assert numbers(read(source, 3)) == [0, 1, 2]


GROUPS = pytest.mark.parametrize("group", [{}, {"group": "g"}], ids=["alone", "group"])
TRIMMED = pytest.mark.parametrize("lost", ["stop", "restart"])


@GROUPS
@TRIMMED
@pytest.mark.parametrize("running", [False, True])
def test_entries_that_are_trimmed_before_they_are_read(redis, client, group, lost, running):
    redis.publish("s", events(20, 1))
    source = make(redis.source("s", lost=lost, **group))
    source.seek(None)
    batches = source.batches(5, timeout=0.01)
    first = next(batches)
    source.committed(first.token)
    if not running:
        source.close()
        source = make(redis.source("s", lost=lost, **group))
        source.seek(json.loads(json.dumps(first.token)))
        batches = source.batches(5, timeout=0.01)
    client.xtrim("s", maxlen=8, approximate=False)
    with closing(source):
        if lost == "stop":
            with pytest.raises(SourceError, match=r"7 entries after .* were removed before they"):
                next(batches)
            return
        found = [next(batches), next(batches)]
        assert numbers(found) == list(range(12, 20))
        ((_, _, reason),) = [each for batch in found for each in batch.refused]
        assert "7 entries after" in reason
        source.committed(found[-1].token)
        redis.publish("s", events(22, 1)[20:])
        batch = next(each for each in batches if each is not None)
        assert (numbers([batch]), batch.refused) == ([20, 21], [])


@GROUPS
def test_trimming_of_entries_already_read_is_ignored(redis, client, group):
    redis.publish("s", events(20, 1))
    with closing(make(redis.source("s", **group))) as source:
        source.seek(None)
        token = read(source, 20, size=7)[-1].token
        source.committed(token)
        client.xtrim("s", maxlen=0, approximate=False)
        redis.publish("s", events(23, 1)[20:])
        batch = read(source, 3)[0]
        assert (numbers([batch]), batch.refused) == ([20, 21, 22], [])
        client.xtrim("s", maxlen=0, approximate=False)
        source.committed(batch.token)
    redis.publish("s", events(25, 1)[23:])
    with closing(make(redis.source("s", **group))) as source:
        source.seek(json.loads(json.dumps(batch.token)))
        assert numbers(read(source, 2)) == [23, 24]


@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after it"])
def test_a_crash_and_a_trim_after_a_delivery(redis, client, committed):
    """Entries that were delivered and removed before their commit are dead letters, once."""
    redis.publish("s", events(20, 1))
    ids = [each[0].decode() for each in client.xrange("s")]
    with closing(open_group(redis)) as source:
        first, second = read(source, 20, size=10)
    client.xtrim("s", maxlen=2, approximate=False)
    assert pending(client) == 20
    token = second.token if committed else first.token
    with closing(open_group(redis, token)) as source:
        batches = source.batches(timeout=0.01)
        if committed:
            assert next(batches) is None
        else:
            lost = next(batches)
            assert [position for position, _, _ in lost.refused] == ids[10:18]
            assert all("before it was committed" in why for _, _, why in lost.refused)
            source.committed(lost.token)
            rest = next(batches)
            assert numbers([rest]) == [18, 19]
            source.committed(rest.token)
            token = rest.token
    assert pending(client) == 0
    with closing(open_group(redis, token)) as source:
        assert next(source.batches(timeout=0.01)) is None


@GROUPS
@TRIMMED
def test_a_stream_that_is_deleted_and_recreated(redis, client, group, lost):
    redis.publish("s", events(20, 1))
    with closing(make(redis.source("s", **group))) as source:
        source.seek(None)
        token = read(source, 5, size=5)[-1].token
    client.delete("s")
    redis.publish("s", events(3, 1))
    with closing(make(redis.source("s", lost=lost, **group))) as source:
        source.seek(token)
        if lost == "stop":
            with pytest.raises(SourceError, match="deleted and recreated after entry"):
                read(source, 1)
        else:
            (batch,) = read(source, 3)
            assert numbers([batch]) == [0, 1, 2]
            assert "events may be lost" in batch.refused[0][2]


@GROUPS
def test_tokens_of_earlier_versions_are_read(redis, client, group):
    redis.publish("s", events(20, 1))
    with closing(make(redis.source("s", **group))) as source:
        source.seek(None)
        token = read(source, 5, size=5)[-1].token["id"]
    with closing(make(redis.source("s", **group))) as source:
        source.seek(token)
        assert numbers(read(source, 15)) == list(range(5, 20))
        assert next(source.batches(timeout=0.01)) is None
        redis.publish("s", events(1, 1))
        assert read(source, 1)[-1].token["read"] == 21  # although the old token had no number
    client.xtrim("s", maxlen=1, approximate=False)
    with closing(make(redis.source("s", **group))) as source:
        source.seek(token)
        with pytest.raises(SourceError, match="no longer exists; events may be lost"):
            read(source, 1)


def test_a_shared_group_reports_trimmed_entries(redis, client):
    redis.publish("s", events(20, 1))
    with (
        closing(open_group(redis)) as source,
        closing(open_group(redis, consumer="b")) as other,
    ):
        batches, others = source.batches(5, timeout=0.01), other.batches(5, timeout=0.01)
        assert numbers([next(batches)]) == list(range(5))
        assert next(others) is None  # it has no pending entries
        assert numbers([next(others)]) == list(range(5, 10))
    with closing(open_group(redis, consumer="b")) as source:
        source.seek(None)
        batches = source.batches(20, timeout=0.01)
        client.xtrim("s", maxlen=4, approximate=False)
        with pytest.raises(SourceError, match="events may be lost"):
            list(itertools.islice(batches, 10))


def test_an_idle_source_rarely_asks_for_removed_entries(redis, client, monkeypatch):
    from seqbayes.stream.sources import redis as module

    monkeypatch.setattr(module, "_RECOUNT", 1e9)
    redis.publish("s", events(6, 1))
    with closing(make(redis.source("s"))) as source:
        batches = source.batches(timeout=0.001)
        found = read(source, 6)
        client.config_resetstat()
        for _ in range(20):
            assert next(batches) is None
        assert client.info("commandstats")["cmdstat_xinfo|stream"]["calls"] == 1
        client.xdel("s", *[client.xadd("s", {"x": 1}) for _ in range(3)])
        monkeypatch.setattr(module, "_RECOUNT", 0.0)
        (letter,) = next(batch for batch in batches if batch).refused
        assert letter[2] == "3 entries were deleted before they were read"
    assert len(found) == 1
