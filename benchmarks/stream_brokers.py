"""Events from Redis, NATS and Kafka into durable beliefs, compared with their clients alone.

Both use real servers on the loopback interface and the same messages. The client alone reads and
decodes them with msgspec into a struct of the two fields; seqbayes reads them through a pipeline
that keeps a Beta belief for each of 100 keys and commits to SQLite once a second, and at the end.
Both begin with the connection and end with the last message, in turns within each round.
"""

import asyncio
import atexit
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import msgspec
from _shared import Row, machine, run, verdict

from seqbayes import Beta
from seqbayes.stream import Belief, Pipeline, open_store
from seqbayes.stream.source import load_source

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demos"))
import _servers as servers

MESSAGES = 300_000
ROUNDS = 7
TARGET = 1.5
STREAM = "events"

TITLES = {
    "redis": "Redis Streams",
    "nats": "NATS JetStream",
    "kafka": "Kafka",
}
NOTES = {
    "redis": "The client is redis-py with hiredis, 5,000 entries at a time. Writes are in Redis'"
    " append-only file before they are answered, including deliveries to a group.",
    "nats": "The client is nats-py: an ordered consumer with a callback, its fastest way to read a"
    " stream.",
    "kafka": "The client is confluent-kafka, 5,000 messages at a time from three partitions; the"
    " broker is Tansu, in memory.",
}


class Event(msgspec.Struct):
    shop: str
    sold: bool


decode = msgspec.json.Decoder(Event).decode


@cache
def messages() -> list[bytes]:
    rng = random.Random(1)
    return [
        msgspec.json.encode(
            {"i": i, "shop": f"shop{rng.randrange(100)}", "sold": rng.random() < 0.3}
        )
        for i in range(MESSAGES)
    ]


def pipeline(options: dict[str, object]) -> None:
    """Keep the beliefs until all messages have been read."""
    options = dict(options)
    source = load_source(str(options.pop("kind")))(**options)
    belief = Belief("sold", Beta(), field="sold", by="shop")
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(f"{directory}/beliefs.db")
        with Pipeline(source, [belief], store) as steps:
            for step in steps:
                if step.events == MESSAGES:
                    break
            assert step.tables["sold"].used == MESSAGES


def compare(name: str, own: Callable[[], None], peer: Callable[[], None]) -> Row:
    """Time both in turns; the ratio is the median over the rounds."""
    times: dict[str, list[float]] = {"own": [], "peer": []}
    for each in (own, peer):  # import and compile everything in advance
        each()
    for _ in range(ROUNDS):
        for side, each in (("own", own), ("peer", peer)):
            start = time.perf_counter()
            each()
            times[side].append(time.perf_counter() - start)
    ratio = statistics.median(a / b for a, b in zip(times["own"], times["peer"], strict=True))
    rates = [MESSAGES / min(times[side]) for side in ("own", "peer")]
    return Row(
        name,
        f"{ratio:.2f} ×",
        f"≤ {TARGET} ×",
        verdict(ratio, TARGET),
        f"{rates[0]:,.0f} messages a second; the client alone {rates[1]:,.0f}",
    )


def serve(kind: type[servers.Server]) -> servers.Server | None:
    """Start a server with the messages; report a missing server."""
    if kind.binary() is None:
        print(f"Not measured: {kind.lacking}\n")
        return None
    server = kind(tempfile.mkdtemp(prefix="seqbayes-bench-"))
    atexit.register(server.end)  # also if a measurement fails
    server.make(STREAM)
    return server


def redis() -> Iterable[Row]:
    server = serve(servers.RedisServer)
    if server is None:
        return
    for first in range(0, MESSAGES, 5000):
        server.publish(STREAM, messages()[first : first + 5000])
    client = server.client()
    options = {"kind": "redis", "url": server.url, "stream": STREAM, "field": "event"}

    def xread() -> None:
        count, last = 0, "0"
        while count < MESSAGES:
            ((_, entries),) = client.xread({STREAM: last}, count=5000)
            for _, fields in entries:
                decode(fields[b"event"])
            last = entries[-1][0]
            count += len(entries)

    def xreadgroup() -> None:
        client.xgroup_create(STREAM, "peer", "0")
        count = 0
        while count < MESSAGES:
            ((_, entries),) = client.xreadgroup("peer", "one", {STREAM: ">"}, count=5000)
            for _, fields in entries:
                decode(fields[b"event"])
            client.xack(STREAM, "peer", *[entry[0] for entry in entries])
            count += len(entries)
        client.xgroup_destroy(STREAM, "peer")

    def grouped() -> None:
        pipeline({**options, "group": "own"})
        client.xgroup_destroy(STREAM, "own")

    yield compare("a stream, against XREAD", lambda: pipeline(options), xread)
    yield compare("a group, against XREADGROUP and XACK", grouped, xreadgroup)
    client.close()
    server.kill()


def nats() -> Iterable[Row]:
    server = serve(servers.NatsServer)
    if server is None:
        return
    import nats as client

    async def publish(js: object) -> None:
        connection = await client.connect(server.url)
        for i, message in enumerate(messages()):
            await connection.publish(f"{STREAM}.events", message)
            if i % 5000 == 0:
                await connection.flush()
        await connection.flush()
        while (await js.stream_info(STREAM)).state.messages < MESSAGES:
            await asyncio.sleep(0.05)
        await connection.close()

    server.do(publish)

    async def consume() -> None:
        connection = await client.connect(server.url)
        done, count = asyncio.Event(), 0

        async def take(message: object) -> None:
            nonlocal count
            decode(message.data)
            count += 1
            if count == MESSAGES:
                done.set()

        js = connection.jetstream()
        await js.subscribe(f"{STREAM}.>", stream=STREAM, ordered_consumer=True, cb=take)
        await done.wait()
        await connection.close()

    options = {"kind": "nats", "url": server.url, "stream": STREAM}
    yield compare(
        "a stream, against an ordered consumer",
        lambda: pipeline(options),
        lambda: asyncio.run(consume()),
    )
    server.kill()


def kafka() -> Iterable[Row]:
    server = serve(servers.KafkaServer)
    if server is None:
        return
    import confluent_kafka as client

    server.publish(STREAM, messages())

    def consume() -> None:
        consumer = client.Consumer(
            {"bootstrap.servers": server.url, "group.id": "peer", "enable.auto.commit": False}
        )
        consumer.assign([client.TopicPartition(STREAM, p, 0) for p in range(server.partitions)])
        count = 0
        while count < MESSAGES:
            for message in consumer.consume(min(5000, MESSAGES - count), 1.0):
                assert message.error() is None
                decode(message.value())
                count += 1
        consumer.close()

    options = {"kind": "kafka", "brokers": server.url, "topic": STREAM}
    yield compare("a topic, against assign and consume", lambda: pipeline(options), consume)
    server.kill()


if __name__ == "__main__":
    about = " ".join(__doc__.partition("\n\n")[2].split())
    head = machine(("redis", "hiredis", "nats-py", "confluent-kafka", "msgspec"))
    raise SystemExit(
        run(
            __file__,
            __doc__,
            "Brokers",
            f"{head}\n\n{about} {MESSAGES:,} messages, the median of {ROUNDS} rounds.",
            {"redis": redis, "nats": nats, "kafka": kafka},
            TITLES,
            NOTES,
        )
    )
