"""A server in a thread with a client."""

import json
import threading
import time

import pytest

WITHOUT = "the dashboard's tests need the extra test (see CONTRIBUTING.md)"
for name in ("starlette", "uvicorn", "httptools", "httpx"):
    pytest.importorskip(name, reason=WITHOUT)

import httpx  # noqa: E402

from seqbayes.console.service import Service  # noqa: E402
from seqbayes.dashboard.live.feed import StateFeed  # noqa: E402
from seqbayes.dashboard.live.providers import (  # noqa: E402
    PipelineProvider,
    PipelineThread,
    StoreProvider,
)
from seqbayes.dashboard.server.access import Access  # noqa: E402
from seqbayes.dashboard.server.app import Site  # noqa: E402
from seqbayes.dashboard.server.listener import listen, serve, url_of  # noqa: E402
from seqbayes.stream.config import parse_config  # noqa: E402

TOKEN = "a token of tests"

HTTP = """
store = "beliefs.db"
source = { kind = "http", linger = 0.001 }
[belief.sales]
state = "beta"
field = "sold"
by = "shop"
"""


class Stop:
    """True once a server should end."""

    def __init__(self):
        self.asked = False

    def __bool__(self):
        return self.asked


class Served:
    """A running server, and a client with its token."""

    def __init__(self, what, directory, **options):
        self.directory = directory
        if "[belief" in what:
            config = parse_config(what.encode())
            feed = StateFeed()
            self.runner = PipelineThread(config, feed)
            self.runner.start()
            self.provider = PipelineProvider(config, self.runner, feed)
        else:
            self.provider = StoreProvider(what, every=0.02)
        access = Access(options.pop("token", TOKEN), options.pop("host", "127.0.0.1"))
        self.site = Site(self.provider, access, **options)
        self._listening = listen("127.0.0.1", 0)
        self.url = url_of(self._listening).rstrip("/")
        self._stop, ready = Stop(), threading.Event()
        service = Service(environ={})
        arguments = (self.site, self._listening, self._stop, ready.set, service)
        self._thread = threading.Thread(target=serve, args=arguments, daemon=True)
        self._thread.start()
        assert ready.wait(60)
        # ignore a proxy of the environment
        self.client = httpx.Client(base_url=self.url, trust_env=False, timeout=60)
        self.bearer = {"Authorization": f"Bearer {access.token}"}

    def get(self, path, status=200, **options):
        response = self.client.get(path, **options)
        assert response.status_code == status, response.text
        return json.loads(response.content, parse_constant=_refuse)

    def post(self, content, status=200, kind="application/x-ndjson", **headers):
        if not isinstance(content, (bytes, str)):
            content = "\n".join(map(json.dumps, content))
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.post(
            "/api/events", content=content, headers={"Content-Type": kind, **self.bearer, **names}
        )
        assert response.status_code == status, response.text
        return response

    def stream(self, query="", **headers):
        """Yield name and data of server-sent events."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/api/stream?{query}"
        with self.client.stream("GET", path, headers={**self.bearer, **names}) as response:
            assert response.status_code == 200, response.read()
            yield from events(response.iter_lines())

    def until(self, found, seconds=60):
        """Wait until a function returns a true value, and return it."""
        end = time.monotonic() + seconds
        while True:
            value = found()
            if value or time.monotonic() > end:
                assert value
                return value
            time.sleep(0.02)

    def stop(self):
        if self._thread.is_alive():
            self._stop.asked = True
            self.client.close()
            self._thread.join(60)
            assert not self._thread.is_alive()
            self._listening.close()
            self.provider.close()


def events(lines):
    event = {"event": "message", "id": ""}
    end = time.monotonic() + 100.0
    for line in lines:
        assert time.monotonic() < end, "the condition was not met in time"
        field, _, value = line.partition(": ")
        if field in ("event", "id"):
            event[field] = value
        elif field == "data":
            yield event["event"], json.loads(value, parse_constant=_refuse), event["id"]


def _refuse(constant):
    raise AssertionError(f"{constant} is no JSON")
