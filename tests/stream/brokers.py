"""Redis, NATS and Kafka servers on the loopback interface, which tests can stop."""

import contextlib
import importlib.util
import json
import socket
import threading
import time
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
    """Cut the connections in a proxy; a broker that ends would lose its topics."""

    def __init__(self, directory):
        self.proxy = Proxy()
        super().__init__(directory)
        self.proxy.target = self.port

    @property
    def advertised(self):
        return self.proxy.port

    def restart(self):
        self.proxy.cut()

    def end(self):
        self.proxy.close()
        super().kill()

    def kill(self):
        self.proxy.target = servers.free_port()
        self.proxy.cut()

    def start(self):
        if self.proxy.target == 0:
            super().start()
        self.proxy.target = self.port

    def source(self, topic, **more):
        # this broker does not complete a waiting fetch early
        settings = {"fetch.wait.max.ms": 10, "reconnect.backoff.max.ms": 200}
        settings |= more.pop("settings", {})
        return {
            "kind": "kafka",
            "brokers": self.url,
            "topic": topic,
            "settings": settings,
            **more,
        }


class Proxy:
    """Passes bytes on to a port of loopback, until all connections are cut."""

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
                far = socket.create_connection(("127.0.0.1", self.target), 60.0)
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
    """Start a server, or skip the test if it is not installed."""
    server = SERVERS[kind]
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


def numbers(batches):
    return sorted(json.loads(record)["i"] for batch in batches for record in batch.records)
