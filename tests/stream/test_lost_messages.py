"""Messages removed from Redis, NATS and Kafka: each is learned once, or its loss is reported."""

import itertools
import json
import time
from contextlib import closing

import pytest
from brokers import make, numbers

from seqbayes.stream import SourceError
from seqbayes.stream.sources import kafka_recheck, nats, redis

READ, DELIVERED, PUBLISHED = 5, 10, 20  # committed, delivered, and published numbers
_streams = itertools.count()


class Redis:
    """Changes of a Redis stream."""

    def __init__(self, server, options):
        self.server, self.options, self.name = server, options, f"lost{next(_streams)}"
        self.client = server.client()
        self.publish(range(PUBLISHED))

    def publish(self, values):
        self.server.publish(self.name, [b'{"i": %d}' % value for value in values])

    def close(self):
        self.client.delete(self.name)
        self.client.close()

    def remove(self, count):
        oldest = self.client.xrange(self.name)[count][0]
        self.client.xtrim(self.name, minid=oldest, approximate=False)

    def clear(self):
        self.client.xtrim(self.name, maxlen=0, approximate=False)

    def delete(self, places):
        ids = [each[0] for each in self.client.xrange(self.name)]
        self.client.xdel(self.name, *(ids[place] for place in places))

    def recreate(self, values):
        self.client.delete(self.name)
        self.publish(values)

    def expire(self):
        self.client.expireat(self.name, 1)


class Nats:
    """Changes of a JetStream stream."""

    def __init__(self, server, options):
        self.server, self.options, self.name = server, options, f"lost{next(_streams)}"
        server.make(self.name)
        self.publish(range(PUBLISHED))

    def publish(self, values):
        self.server.publish(self.name, [b'{"i": %d}' % value for value in values])

    def close(self):
        self.server.do(lambda js: js.delete_stream(self.name))

    def remove(self, count):
        self.server.do(lambda js: js.purge_stream(self.name, seq=count + 1))

    def clear(self):
        self.server.do(lambda js: js.purge_stream(self.name))

    def delete(self, places):
        async def delete(js):
            for place in places:
                await js.delete_msg(self.name, place + 1)

        self.server.do(delete)

    def recreate(self, values):
        self.close()
        self.server.make(self.name)
        self.publish(values)


class Kafka:
    """Changes of a Kafka topic with one partition, whose messages are fetched one by one."""

    def __init__(self, server, options):
        from confluent_kafka import Producer
        from confluent_kafka.admin import AdminClient

        self.server, self.options, self.name = server, options, f"lost{next(_streams)}"
        client = {"bootstrap.servers": server.url, "linger.ms": 0, "log_level": 0}
        self.admin, self.producer = AdminClient(client), Producer(client)
        server.make(self.name)
        self.publish(range(PUBLISHED))

    def publish(self, values):
        for value in values:
            self.producer.produce(self.name, b'{"i": %d}' % value, partition=0)
            assert self.producer.flush(30) == 0

    def close(self):
        self.admin.delete_topics([self.name])[self.name].result(30)

    def remove(self, count):
        from confluent_kafka import TopicPartition

        (done,) = self.admin.delete_records([TopicPartition(self.name, 0, count)]).values()
        done.result(30)

    def clear(self):
        self.remove(PUBLISHED)

    def recreate(self, values):
        self.close()
        self.server.make(self.name)
        self.publish(values)

    def expire(self):
        from confluent_kafka import TopicPartition
        from confluent_kafka.admin import (
            AlterConfigOpType,
            ConfigEntry,
            ConfigResource,
            OffsetSpec,
        )

        def age(milliseconds):
            retention = ConfigEntry(
                "retention.ms", milliseconds, incremental_operation=AlterConfigOpType.SET
            )
            topic = ConfigResource("topic", self.name, incremental_configs=[retention])
            self.admin.incremental_alter_configs([topic])[topic].result(30)

        age("1")
        first, deadline = TopicPartition(self.name, 0), time.monotonic() + 60.0
        while self.admin.list_offsets({first: OffsetSpec.earliest()})[first].result(30).offset == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        age("-1")


CHANGES = {
    "nothing": (lambda each: None, set()),
    "trim what was read": (lambda each: each.remove(READ), set(range(READ))),
    "trim what was delivered": (lambda each: each.remove(8), set(range(8))),
    "trim unread messages": (lambda each: each.remove(15), set(range(15))),
    "purge": (lambda each: each.clear(), set(range(PUBLISHED))),
    "delete single messages": (lambda each: each.delete([2, 7, 12, 19]), {2, 7, 12, 19}),
    "recreate shorter": (lambda each: each.recreate([100, 101]), set(range(PUBLISHED))),
    "recreate equally": (
        lambda each: each.recreate(range(100, 100 + DELIVERED)),
        set(range(PUBLISHED)),
    ),
    "recreate longer": (lambda each: each.recreate(range(100, 130)), set(range(PUBLISHED))),
    "expire": (lambda each: each.expire(), set(range(PUBLISHED))),
}
MEMBER = {"heartbeat.interval.ms": 200, "session.timeout.ms": 6000}
KAFKA = {"settings": {"max.partition.fetch.bytes": 1, "queued.min.messages": 1}}
BROKERS = {
    "redis": ("redis", Redis, {}),
    "redis group": ("redis", Redis, {"group": "g"}),
    "nats": ("nats", Nats, {}),
    "kafka": ("kafka", Kafka, KAFKA),
    "kafka group": ("kafka", Kafka, {"group": "g", "settings": KAFKA["settings"] | MEMBER}),
}
REJOINED = ("trim unread messages", "purge", "recreate shorter", "recreate longer", "expire")
"""Changes to test with a Kafka group, whose members take seconds to join."""
CELLS = [
    (broker, change, crash, lost)
    for broker in BROKERS
    for change in CHANGES
    for crash in ("none", "before the commit", "after the commit")
    for lost in ("stop", "restart")
    if change != "expire" or broker != "nats"
    if change != "delete single messages" or "kafka" not in broker
    if lost == "restart" or crash == "before the commit"
    if broker != "kafka group" or (change in REJOINED and crash != "none" and lost == "restart")
]


def until_idle(source, batches):
    """Return the batches until all messages were read and the source has been idle."""
    found, idle, deadline = [], 0, time.monotonic() + 60.0
    while idle < 3:
        assert time.monotonic() < deadline, (source.connection_error, found)
        batch = next(batches)
        idle = idle + 1 if batch is None and source.caught_up else 0
        if batch is not None:
            found.append(batch)
            source.committed(batch.token)
    return found


@pytest.mark.parametrize(("kind", "change", "crash", "lost"), CELLS)
def test_each_message_is_learned_once_or_reported(server, kind, change, crash, lost, monkeypatch):
    monkeypatch.setattr(nats, "_POLL", 0.0)
    monkeypatch.setattr(nats, "_POLL_BEHIND", 0.0)
    monkeypatch.setattr(kafka_recheck, "_INTERVAL", 0.0)
    name, make_broker, options = BROKERS[kind]
    apply, removed = CHANGES[change]
    broker = make_broker(server(name, expiring=True), options)
    described = broker.server.source(broker.name, lost=lost, **options)
    with closing(broker):
        source = make(described)
        try:
            source.seek(None)
            batches = source.batches(READ, timeout=0.01)
            first, second = itertools.islice((each for each in batches if each is not None), 2)
            learned = [first, second]
            source.committed(first.token)
            token = first.token
            if crash != "before the commit":
                token = second.token
            if crash == "none":
                source.committed(token)
            else:
                source.close()
                learned = learned[: 1 if crash == "before the commit" else 2]
            apply(broker)
            if crash != "none":
                source = make(described)
                source.seek(json.loads(json.dumps(token)))
                batches = source.batches(READ, timeout=0.01)
            missing = removed - set(numbers(learned))
            rest, stopped = [], ""
            try:
                rest = until_idle(source, batches)
            except SourceError as error:
                stopped = str(error)
            if stopped:
                assert lost == "stop"
                assert "events may be lost" in stopped
                # of a stream that no longer exists, it is not known what was unread
                assert missing or "recreate" in change or change == "expire"
                return
            found = numbers([*learned, *rest])
            assert len(found) == len(set(found))
            left = set(range(PUBLISHED)) - removed
            assert left <= set(found)
            reported = [each for batch in rest for each in batch.refused]
            if change == "recreate longer":
                # Kafka's client continues at the same offset of a topic that was recreated
                skipped = set(range(100, 130)) - set(found)
                assert not skipped or (reported and "kafka" in kind and crash == "none")
            else:
                new = {"recreate shorter": 2, "recreate equally": DELIVERED}.get(change, 0)
                assert {each for each in found if each >= 100} == set(range(100, 100 + new))
            unread = missing - set(found)
            assert reported or not unread
            if "recreate" not in change:  # it is not known what was unread
                assert unread or not reported
            # a second run has nothing new to report
            source.close()
            token = [*learned, *rest][-1].token
            source = make(described)
            source.seek(json.loads(json.dumps(token)))
            assert until_idle(source, source.batches(READ, timeout=0.01)) == []
            broker.publish([200])
            source.close()
            source = make(described)
            source.seek(json.loads(json.dumps(token)))
            (last,) = until_idle(source, source.batches(READ, timeout=0.01))
            assert (numbers([last]), list(last.refused)) == ([200], [])
        finally:
            source.close()


def move_to_the_end(broker):
    broker.client.xgroup_setid(broker.name, "g", "$")


def recreate_the_group(broker):
    broker.client.xgroup_destroy(broker.name, "g")
    broker.client.xgroup_create(broker.name, "g", "$")


def read_by_another_member(broker):
    ((_, entries),) = broker.client.xreadgroup("g", "other", {broker.name: ">"}, count=READ)
    broker.client.xack(broker.name, "g", *(each[0] for each in entries))


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("act", [move_to_the_end, recreate_the_group, read_by_another_member])
def test_entries_that_a_group_skips_are_read_unless_another_member_has_them(
    server, act, later, monkeypatch
):
    monkeypatch.setattr(redis, "_RECOUNT", 0.0)
    broker = Redis(server("redis"), {"group": "g"})
    source = make(broker.server.source(broker.name, group="g"))
    with closing(broker), closing(source):
        source.seek(None)
        batches = source.batches(READ, timeout=0.01)
        learned = list(itertools.islice((each for each in batches if each is not None), 2))
        for batch in learned:
            source.committed(batch.token)
        act(broker)
        if later:
            broker.publish([300])
        learned += until_idle(source, batches)
        other = set(range(DELIVERED, DELIVERED + READ)) if act is read_by_another_member else set()
        wanted = [*sorted(set(range(PUBLISHED)) - other), *([300] if later else [])]
        assert numbers(learned) == wanted
        assert not [each for batch in learned for each in batch.refused]
