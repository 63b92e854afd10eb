"""Decisions of `seqbayes serve`: choices and durable rewards over HTTP, on the loopback interface.

A server in a separate process stores beliefs in SQLite. Clients keep one connection each and
repeat: choose an arm for a context, then post the reward of the decision and wait for the response,
which is sent after the commit. Client and server share the machine.
"""

import asyncio
import itertools
import json
import random
import re
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from _shared import Row, verdict

from dashboard import TOKEN, Server

SECONDS, WARM_UP = 6.0, 1.5
ROUNDS = 2
TARGET = 2000.0
COUNTRIES = ("de", "fr", "it", "es", "pl")
RATES = {"red": 0.10, "blue": 0.15, "green": 0.30}

CONFIG = """
store = "beliefs.db"
source = { kind = "http", id = "id" }
[belief.conversion]
state = "beta"
field = "converted"
by = ["country", "layout"]
[choice.layout]
belief = "conversion"
arm = "layout"
arms = ["red", "blue", "green"]
min_share = 0.05
secret = "a secret for benchmarks"
"""


class Connection:
    """A connection that is kept open."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)

    async def post(self, path: str, body: Any) -> Any:
        text = json.dumps(body)
        self.writer.write(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(re.findall(rb"content-length: (\d+)", head)[0])
        answer = await self.reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 200"), head + answer
        return json.loads(answer)


class Load:
    """Clients that make decisions and post their rewards."""

    def __init__(self, port: int, batch: int, rewards: bool) -> None:
        self.port, self.batch, self.rewards = port, batch, rewards
        self.rng, self.turns = random.Random(1), itertools.count()
        self.decisions = self.learned = 0
        self.stopping = False

    async def client(self) -> None:
        connection = Connection(self.port)
        await connection.open()
        while not self.stopping:
            contexts = [
                {"country": COUNTRIES[next(self.turns) % len(COUNTRIES)]} for _ in range(self.batch)
            ]
            found = await connection.post("/api/choose/layout", contexts)
            self.decisions += len(found["decisions"])
            if self.rewards:
                posted = [
                    {"decision": each["decision"], "reward": self.rng.random() < RATES[each["arm"]]}
                    for each in found["decisions"]
                ]
                outcome = await connection.post("/api/reward", posted)
                self.learned += outcome["accepted"]
        connection.writer.close()


async def measure(server: Server, clients: int, batch: int, rewards: bool) -> dict[str, float]:
    """Return decisions per second, and the processor time of server and clients for each."""
    load = Load(server.port, batch, rewards)
    running = [asyncio.ensure_future(load.client()) for _ in range(clients)]
    await asyncio.sleep(WARM_UP)
    began, cpu, decisions = time.perf_counter(), server.cpu, load.decisions
    own = time.process_time()
    await asyncio.sleep(SECONDS)
    made = load.decisions - decisions
    found = {
        "rate": made / (time.perf_counter() - began),
        "cpu": (server.cpu - cpu) / made,
        "clients": (time.process_time() - own) / made,
    }
    load.stopping = True
    await asyncio.gather(*running)
    assert not rewards or load.learned == load.decisions
    return found


def rows() -> Iterator[Row]:
    """Yield the row of each kind of load."""
    kinds = {
        "choice and its reward, 64 clients, one for each request": (64, 1, True),
        "choice and its reward, 8 clients, 50 in a request": (8, 50, True),
        "choice alone, 64 clients, one for each request": (64, 1, False),
    }
    for name, (clients, batch, rewards) in kinds.items():
        found = []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                server = Server(folder, CONFIG)
                try:
                    found.append(asyncio.run(measure(server, clients, batch, rewards)))
                finally:
                    server.stop()
        rate = max(each["rate"] for each in found)
        server_time, client_time = (
            1e6 * min(each[name] for each in found) for name in ("cpu", "clients")
        )
        yield Row(
            name,
            f"{rate:,.0f} per second",
            f"≥ {TARGET:,.0f}" if rewards else "",
            verdict(TARGET, rate) if rewards else "",
            f"processor time of each: server {server_time:.0f} µs, clients {client_time:.0f} µs",
        )
