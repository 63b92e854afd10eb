"""Kafka: partitions, their assignment by groups, and missing offsets."""

import itertools
import json
import time
from contextlib import closing

import pytest
from brokers import make, numbers, read, servers
from killing import events

from seqbayes.stream import SourceError
from seqbayes.stream.sources import kafka as module
from seqbayes.stream.sources import kafka_messages

_numbers = itertools.count()


@pytest.fixture
def kafka(server):
    return server("kafka")


@pytest.fixture
def topic(kafka):
    name = f"k{next(_numbers)}"
    kafka.make(name)
    return name


def open_topic(kafka, topic, token=None, **more):
    source = make(kafka.source(topic, **more))
    source.seek(token)
    return source


def test_each_partition_is_read_in_order_and_has_an_offset(kafka, topic):
    kafka.publish(topic, events(60, 1))
    with closing(open_topic(kafka, topic)) as source:
        batches = read(source, 60, size=7)
    token = batches[-1].token
    last = token.pop("last")
    assert sorted(token) == ["0", "1", "2"]
    assert sum(token.values()) == 60
    assert {p: offset for p, (offset, _) in last.items()} == {
        p: following - 1 for p, following in token.items()
    }
    positions = [position for batch in batches for position in batch.positions]
    for p in range(3):
        here = [
            int(position.partition(":")[2])
            for position in positions
            if position.startswith(f"{p}:")
        ]
        assert here == list(range(token[str(p)]))
    assert batches[-1].remaining == 0


def test_only_selected_partitions_are_read(kafka, topic):
    kafka.publish(topic, events(60, 1))
    with (
        closing(open_topic(kafka, topic, partitions=[2])) as first,
        closing(open_topic(kafka, topic, partitions=[1, 0])) as second,
    ):
        assert (first.name, second.name) == (f"kafka:{topic}/2", f"kafka:{topic}/0,1")
        mine = read(first, 1)
        count = first.batches
        rest = read(second, 60 - mine[-1].token["2"] - (mine[-1].remaining or 0))
        assert count
    assert set(mine[0].token) == {"2", "last"}
    assert set(rest[-1].token) == {"0", "1", "last"}
    with (
        closing(open_topic(kafka, topic, partitions=[7])) as source,
        pytest.raises(SourceError, match="no partition 7; expected one of 0, 1, 2"),
    ):
        read(source, 1)


def test_partitions_that_are_added_are_read(kafka, topic, monkeypatch):
    monkeypatch.setattr(module, "_POLL", 0.1)
    hidden = {2}

    class Consumer(module.kafka.Consumer):
        def list_topics(self, topic, timeout=-1):
            found = super().list_topics(topic, timeout)
            for partition in hidden:
                found.topics[topic].partitions.pop(partition, None)
            return found

    monkeypatch.setattr(module.kafka, "Consumer", Consumer)
    kafka.publish(topic, events(9, 1))
    with closing(open_topic(kafka, topic)) as source:
        batches = source.batches(timeout=0.05)
        read = set()

        def read_until(reached):
            deadline = time.monotonic() + 60.0
            while not reached():
                if (batch := next(batches)) is not None:
                    read.update(position[0] for position in batch.positions)
                assert time.monotonic() < deadline

        read_until(lambda: source.caught_up)
        assert "2" not in read
        hidden.clear()
        read_until(lambda: "2" in read)


def test_messages_without_a_value_are_rejected(kafka, topic):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": kafka.url, "log_level": 0})
    producer.produce(topic, b'{"i": 0}', partition=0)
    producer.produce(topic, None, key=b"gone", partition=0)
    producer.produce(topic, b'{"i": 1}', partition=0)
    assert producer.flush(10) == 0
    with closing(open_topic(kafka, topic)) as source:
        batches = read(source, 3)
    assert numbers(batches) == [0, 1]
    assert [each for batch in batches for each in batch.refused] == [
        ("0:1", b"gone", "the message has no value")
    ]
    assert batches[-1].positions[-1] == "0:2"


def test_a_missing_topic_is_reported(kafka):
    with closing(open_topic(kafka, "none")) as source, pytest.raises(SourceError, match="nknown"):
        read(source, 1)


@pytest.fixture
def cluster():
    """A cluster of the client library with groups; its topics have 4 partitions."""
    from confluent_kafka import Producer

    holder = Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = holder.list_topics(timeout=60).brokers.values()
    yield f"{broker.host}:{broker.port}"
    holder.flush()


def test_missing_offsets_are_reported_as_lost(cluster):
    servers.produce(cluster, "t", events(9, 1), 4)
    options = {"kind": "kafka", "brokers": cluster, "topic": "t"}
    token = {"0": 1_000_000, "1": 0, "2": 0, "3": 0}
    with closing(make(options)) as source:
        source.seek(token)
        with pytest.raises(
            SourceError,
            match="offset 1,000,000 of partition 0 no longer exists; events may be lost",
        ):
            read(source, 10)
    with closing(make(options | {"lost": "restart"})) as source:
        source.seek(token)
        assert numbers(read(source, 10)) == list(range(9))  # and a dead letter about the gap


@pytest.fixture
def other_cluster():
    """A cluster whose topics have the same names, as if they had been deleted and recreated."""
    from confluent_kafka import Producer

    holder = Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = holder.list_topics(timeout=60).brokers.values()
    yield f"{broker.host}:{broker.port}"
    holder.flush()


@pytest.mark.parametrize("lost", ["stop", "restart"])
def test_a_recreated_topic_with_more_messages(cluster, other_cluster, lost):
    servers.produce(cluster, "t", events(8, 1), 4)
    options = {"kind": "kafka", "topic": "t", "partitions": [0, 1, 2, 3], "lost": lost}
    with closing(make(options | {"brokers": cluster})) as source:
        source.seek(None)
        token = read(source, 8)[-1].token
    with closing(
        make(options | {"brokers": cluster})
    ) as source:  # reading of the same topic continues
        source.seek(token)
        servers.produce(cluster, "t", events(20, 1)[8:], 4)
        assert sorted(numbers(read(source, 12))) == list(range(8, 20))
    servers.produce(other_cluster, "t", events(40, 2), 4)
    with closing(make(options | {"brokers": other_cluster})) as source:
        source.seek(token)
        if lost == "stop":
            with pytest.raises(SourceError, match="was deleted and recreated; events may be lost"):
                read(source, 1)
        else:
            batches = read(source, 44)
            assert sorted(numbers(batches)) == list(range(40))
            refused = [each for batch in batches for each in batch.refused]
            assert sorted(position[0] for position, _, _ in refused) == ["0", "1", "2", "3"]


def test_a_recreated_topic_whose_ends_arrive_in_the_same_batch(cluster, other_cluster, monkeypatch):
    servers.produce(cluster, "t", events(8, 1), 4)
    servers.produce(other_cluster, "t", events(40, 2), 4)
    options = {"kind": "kafka", "topic": "t", "partitions": [0, 1, 2, 3], "lost": "restart"}
    with closing(make(options | {"brokers": cluster})) as source:
        source.seek(None)
        token = read(source, 8)[-1].token
    consume = module.KafkaTopic._consume  # noqa: SLF001
    ended = set()

    def consume_to_the_ends(self, size, timeout):
        found = consume(self, size, timeout)
        while len(ended) < 4:
            ended.update(m.partition() for m in found if m.error() is not None)
            found += consume(self, size, timeout)
        return found

    monkeypatch.setattr(module.KafkaTopic, "_consume", consume_to_the_ends)
    with closing(make(options | {"brokers": other_cluster})) as source:
        source.seek(token)
        assert sorted(numbers(read(source, 44))) == list(range(40))


@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_a_group_assigns_and_revokes_partitions(cluster, strategy):
    """Each continues at the position of the source, whatever offset the group has."""
    records = events(200, 1)
    servers.produce(cluster, "t", records[:100], 4)
    options = {
        "kind": "kafka",
        "brokers": cluster,
        "topic": "t",
        "group": "g",
        "settings": {
            "partition.assignment.strategy": strategy,
            "heartbeat.interval.ms": 200,
            "session.timeout.ms": 6000,
        },
    }
    with closing(make(options)) as first:
        first.seek(None)
        found, batches = [], first.batches(timeout=0.05)

        def read_until(until):
            deadline = time.monotonic() + 60.0
            while not until():
                batch = next(batches)
                found.extend([] if batch is None else numbers([batch]))
                if batch is not None:
                    first.committed(batch.token)
                assert time.monotonic() < deadline

        read_until(lambda: len(found) == 100)
        assert len(first.assigned) == 4
        with closing(make(options)) as second:
            second.seek(None)
            theirs, other = [], second.batches(timeout=0.05)

            def shared():
                batch = next(other)
                theirs.extend([] if batch is None else numbers([batch]))
                return second.caught_up and len(second.assigned) == len(first.assigned) == 2

            read_until(shared)
            assert first.assigned | second.assigned == {0, 1, 2, 3}
            # the store, not the group, determines where to begin
            assert sorted(theirs) == [
                i for i in range(100) if records[i][-3] % 4 in second.assigned
            ]
            servers.produce(cluster, "t", records[100:], 4)
            mine = [i for i in range(200) if i < 100 or records[i][-3] % 4 in first.assigned]
            read_until(lambda: len(found) == len(mine))
            assert sorted(found) == mine


MEMBER = {"group": "g", "settings": {"heartbeat.interval.ms": 200, "session.timeout.ms": 4000}}
CASES = pytest.mark.parametrize(
    ("group", "lost"),
    [({}, "stop"), ({}, "restart"), (MEMBER, "restart")],
    ids=["stop", "restart", "group"],
)
COMMITTED = pytest.mark.parametrize("committed", [False, True], ids=["before", "after"])


def publish(url, first, last, size=0):
    """Publish numbered messages to one partition."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": url, "linger.ms": 1, "log_level": 0})
    for i in range(first, last):
        record = json.dumps({"i": i, "x": "x" * size}).encode()
        producer.produce("t", record, partition=0)
        producer.flush()


def crash(options, committed):
    """Read two batches and crash before or after the second commit; return the stored token."""
    with closing(make(options)) as source:
        source.seek(None)
        batches = read(source, 8, size=4)
        source.committed(batches[0].token)
        if committed:
            source.committed(batches[-1].token)
        assert numbers(batches) == list(range(8))
        return json.loads(json.dumps(batches[-1 if committed else 0].token))


@COMMITTED
@CASES
def test_a_crash_before_messages_expire(cluster, group, lost, committed):
    """The cluster keeps 5 MB of a partition."""
    options = {"kind": "kafka", "brokers": cluster, "topic": "t", "lost": lost, **group}
    publish(cluster, 0, 8)
    token = crash(options, committed)
    publish(cluster, 8, 18, 900_000)
    with closing(make(options)) as source:
        source.seek(token)
        if lost == "stop":
            with pytest.raises(SourceError, match="events may be lost"):
                read(source, 1)
            return
        batches = read(source, 2)
        while (numbers(batches) or [0])[-1] != 17:
            batches += read(source, 1)
        found = numbers(batches)
        assert 8 <= found[0] < 18
        assert found == list(range(found[0], 18))  # from the first message that is left
        ((_, _, reason),) = [each for batch in batches for each in batch.refused]
        assert "events may be lost" in reason
        source.committed(batches[-1].token)
        token = json.loads(json.dumps(batches[-1].token))
    publish(cluster, 18, 19)
    with closing(make(options)) as source:  # the gap is reported once
        source.seek(token)
        (batch,) = read(source, 1)
        assert (numbers([batch]), batch.refused) == ([18], [])


@COMMITTED
@CASES
def test_a_crash_before_a_topic_is_deleted_and_recreated(
    cluster, other_cluster, group, lost, committed
):
    options = {"kind": "kafka", "topic": "t", "lost": lost, **group}
    publish(cluster, 0, 8)
    token = crash(options | {"brokers": cluster}, committed)
    publish(other_cluster, 100, 120)
    with closing(make(options | {"brokers": other_cluster})) as source:
        source.seek(token)
        if lost == "stop":
            with pytest.raises(SourceError, match="was deleted and recreated; events may be lost"):
                read(source, 1)
            return
        batches = read(source, 21)
        assert numbers(batches) == list(range(100, 120))
        ((_, _, reason),) = [each for batch in batches for each in batch.refused]
        assert "was deleted and recreated" in reason


@pytest.mark.parametrize("lost", ["stop", "restart"])
@pytest.mark.parametrize("left", [0, 3])
def test_a_recreated_topic_of_a_broker_that_does_not_report_missing_offsets(
    kafka, topic, lost, left, monkeypatch
):
    from confluent_kafka.admin import AdminClient

    monkeypatch.setattr(kafka_messages, "_SILENCE", 0.5)
    records = [b'{"i": %d, "k": "a"}' % i for i in range(20)]
    kafka.publish(topic, records[:10])
    with closing(open_topic(kafka, topic, lost=lost)) as source:
        token = json.loads(json.dumps(read(source, 10)[-1].token))
    admin = AdminClient({"bootstrap.servers": kafka.url})
    admin.delete_topics([topic])[topic].result(60)
    kafka.make(topic)
    kafka.publish(topic, records[10 : 10 + left])
    with closing(open_topic(kafka, topic, token, lost=lost)) as source:
        if lost == "stop":
            with pytest.raises(SourceError, match=r"its end at \d, .* events may be lost"):
                read(source, 1)
            return
        batches = read(source, left + 1)
        assert numbers(batches) == list(range(10, 10 + left))
        ((position, _, reason),) = [each for batch in batches for each in batch.refused]
        assert (position[1:], "events may be lost" in reason) == (":9", True)
        token = json.loads(json.dumps(batches[-1].token))
    kafka.publish(topic, records[19:])
    with closing(open_topic(kafka, topic, token, lost=lost)) as source:
        (batch,) = read(source, 1)  # the gap is reported once
        assert (numbers([batch]), batch.refused) == ([19], [])
