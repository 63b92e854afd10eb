"""The dashboard under load: events over HTTP, watchers at 10 Hz, all on this machine's loopback.

A server in a separate process receives events in batches while clients read its frames; both ends
share the machine. An event counts as shown when a watcher has received a frame that includes it.
"""

import asyncio
import contextlib
import gzip
import importlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from _shared import Row, machine, run, verdict

from seqbayes.dashboard.server import pages

RATE, BATCH, WATCHERS, HZ = 10_000, 100, 50, 10
WARM_UP, SECONDS = 8.0, 30.0
SHOPS = 100
PAINTS, QUIET, IDLE = 9, 60.0, 20.0
TEXTS = (".html", ".js", ".css")
NAMED = re.compile(
    r'(?:src="|href="|from\s*"|import\s*"|url\(")([^"]+\.(?:js|css|svg|woff2))"'
    r'|"(/static/[^"]+\.(?:js|css))"'  # requests of modules
)
SENDERS = 8
TOKEN = "a token for benchmarks"

CONFIG = """
store = "beliefs.db"
source = { kind = "http" }
[belief.sales]
state = "beta"
field = "sold"
by = "shop"
"""

PROBE = rb'"id":"[\"probe\"]","rate"'
COUNT = re.compile(rb'"n":([0-9.]+),')


class Server:
    """`seqbayes serve` in a separate process."""

    def __init__(self, folder: str, config: str = CONFIG) -> None:
        Path(folder, "c.toml").write_text(config)
        command = [sys.executable, "-m", "seqbayes", "serve", "c.toml", "--port", "0"]
        environment = {**os.environ, "SEQBAYES_TOKEN": TOKEN}
        self.program = subprocess.Popen(
            command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self.program.stderr is not None
        line = self.program.stderr.readline()
        self.port = int(re.findall(r":(\d+)/", line)[0])

    @property
    def memory(self) -> float:
        """Resident MB."""
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024.0

    @property
    def cpu(self) -> float:
        """Processor time so far in seconds."""
        fields = Path(f"/proc/{self.program.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.program.terminate()
        self.program.wait(30)
        assert self.program.stderr is not None
        self.program.stderr.close()


class Watcher(asyncio.Protocol):
    """Reads frames, and decodes only the count of the probe."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.known, self.rest = 0, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        path = f'/api/stream?belief=sales&key=%5B"probe"%5D&top=50&hz={HZ}'
        transport.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        load = self.load
        if load.measuring:
            load.bytes += len(data)
            load.frames += data.count(b"event: cards")
        data = self.rest + data
        place = data.rfind(PROBE)
        found = COUNT.search(data, place, place + 300) if place >= 0 else None
        if found is not None:
            count = int(float(found[1]))
            load.saw(self.known, count)
            self.known = max(count, self.known)
        self.rest = data[-300:]  # the incomplete end of a frame


class Load:
    """Sends batches at a constant rate, and records when the watchers receive them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sent: list[float] = []  # the sending time of the batch with this count of the probe
        self.answers: list[float] = []
        self.seen: list[float] = []
        self.frames = self.bytes = 0
        self.measuring = False
        self.begun = asyncio.Event()

    def saw(self, known: int, count: int) -> None:
        """Record that a client has received a frame with more events than before."""
        if self.measuring:
            now = time.perf_counter()
            self.seen += [now - at for at in self.sent[known:count]]

    async def send(self, number: int, total: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        period = BATCH * SENDERS / RATE
        start = time.perf_counter() + number * period / SENDERS
        body = [
            json.dumps({"shop": f"s{(number + i) % SHOPS}", "sold": i % 3 == 0})
            for i in range(BATCH - 1)
        ]
        body.append('{"shop": "probe", "sold": true}')
        text = "\n".join(body).encode()
        head = (
            f"POST /api/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        request = head.encode() + text
        for i in range(total):
            left = start + i * period - time.perf_counter()
            if left > 0.0:
                await asyncio.sleep(left)
            began = time.perf_counter()
            self.sent.append(began)
            writer.write(request)
            await writer.drain()
            status = await reader.readuntil(b"\r\n\r\n")
            assert status.startswith(b"HTTP/1.1 200"), status
            length = int(re.findall(rb"content-length: (\d+)", status)[0])
            await reader.readexactly(length)
            if self.measuring:
                self.answers.append(time.perf_counter() - began)
        writer.close()


async def measure(server: Server) -> dict[str, float]:
    load = Load(server.port)
    loop = asyncio.get_running_loop()
    watchers = [
        (await loop.create_connection(lambda: Watcher(load), "127.0.0.1", server.port))[0]
        for _ in range(WATCHERS)
    ]
    await asyncio.sleep(1.0)
    total = int((WARM_UP + SECONDS) * RATE / BATCH / SENDERS)
    began = time.perf_counter()
    senders = [asyncio.ensure_future(load.send(k, total)) for k in range(SENDERS)]
    await asyncio.sleep(WARM_UP)
    load.measuring, cpu, first = True, server.cpu, len(load.sent)
    memory = [server.memory]
    while (await asyncio.wait(senders, timeout=1.0))[1]:
        memory.append(server.memory)
    for sender in senders:
        sender.result()
    lasted = time.perf_counter() - began - WARM_UP
    found = {
        "rate": (len(load.sent) - first) * BATCH / lasted,
        "cpu": (server.cpu - cpu) / lasted,
    }
    await asyncio.sleep(1.0)
    load.measuring = False
    for watcher in watchers:
        watcher.close()
    ranked = sorted(load.seen)
    middle = len(memory) // 2
    return found | {
        "median": statistics.median(ranked),
        "p95": ranked[int(0.95 * len(ranked))],
        "answer": statistics.median(load.answers),
        "answer95": sorted(load.answers)[int(0.95 * len(load.answers))],
        "frames": load.frames / WATCHERS / lasted,
        "bytes": load.bytes / lasted / 1e6,
        "seen": len(ranked),
        "memory": memory[-1],
        "growth": memory[-1] - memory[middle],
    }


def load() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            found = asyncio.run(measure(server))
        finally:
            server.stop()
    milliseconds = {
        name: f"{1e3 * found[name]:.0f} ms" for name in ("median", "p95", "answer", "answer95")
    }
    seen = f"{found['seen']:,.0f} frames received by {WATCHERS} watchers"
    return [
        Row(
            "events a second",
            f"{found['rate']:,.0f}",
            f"{RATE:,}",
            verdict(0.98 * RATE, found["rate"]),
            f"batches of {BATCH}, each answered after its commit",
        ),
        Row(
            "event to screen, median",
            milliseconds["median"],
            "150 ms",
            verdict(found["median"], 0.150),
            seen,
        ),
        Row("event to screen, p95", milliseconds["p95"], "300 ms", verdict(found["p95"], 0.300)),
        Row(
            "memory of the server",
            f"{found['memory']:.0f} MB",
            "flat",
            verdict(found["growth"], 2.0),
            f"{found['growth']:+.1f} MB in the second half",
        ),
        Row("answer to a post, median", milliseconds["answer"]),
        Row("answer to a post, p95", milliseconds["answer95"]),
        Row("frames a second, each watcher", f"{found['frames']:.1f}", note=f"of {HZ} requested"),
        Row("sent to all watchers", f"{found['bytes']:.0f} MB/s"),
        Row("processor time of the server", f"{100 * found['cpu']:.0f} %", note="of one core"),
    ]


def post(server: Server, events: list[dict[str, Any]]) -> None:
    asked = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/events",
        json.dumps(events).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        assert json.load(answer)["accepted"] == len(events)


def browser_time() -> float:
    """Processor time of the browsers of this process in seconds."""
    parents, times = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            name, _, rest = path.read_text().partition("(")[2].rpartition(")")
            fields = rest.split()
            parents[int(path.parent.name)] = int(fields[1])
            if "chrom" in name:
                times[int(path.parent.name)] = int(fields[11]) + int(fields[12])

    def is_ours(number: int) -> bool:
        return number == os.getpid() or (number in parents and is_ours(parents[number]))

    return sum(t for n, t in times.items() if is_ours(n)) / os.sysconf("SC_CLK_TCK")


PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def page() -> list[Row]:
    """The time until a browser shows a page, and the processor time of an idle page."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        api = importlib.import_module("playwright.sync_api")
    except ImportError as error:
        return [Row("no browser", f"cannot be driven: {error}")]
    if chromium is None:
        return [Row("no browser", "Chromium is not installed")]
    rows = []
    sandbox = [] if os.geteuid() else ["--no-sandbox"]
    with tempfile.TemporaryDirectory() as folder, api.sync_playwright() as playwright:
        server = Server(folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=sandbox)
        try:
            post(server, [{"shop": f"shop {i}", "sold": i % 3 == 0} for i in range(SHOPS)])
            base = f"http://127.0.0.1:{server.port}"
            detail = "/beliefs/sales/" + urllib.parse.quote('["shop 1"]', safe="")
            for name, path in (("overview", "/"), ("detail", detail), ("mms", "/replay/mms")):
                paints = []
                for _ in range(PAINTS):
                    context = browser.new_context(viewport={"width": 1440, "height": 900})
                    shown = context.new_page()
                    shown.goto(base + path)
                    shown.wait_for_function(f"{PAINT} !== undefined")
                    paints.append(shown.evaluate(PAINT) / 1e3)
                    context.close()
                value = statistics.median(paints)
                text = f"{1e3 * value:.0f} ms"
                note = f"median of {PAINTS}, nothing cached"
                rows.append(
                    Row(
                        f"{name}: first contentful paint", text, "500 ms", verdict(value, 0.5), note
                    )
                )
            rows.append(_content(browser, base))
            for name, path in (("overview", "/"), ("detail", detail)):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                shown = context.new_page()
                shown.goto(base + path)
                shown.wait_for_selector("body[data-connection=live]")
                time.sleep(QUIET)
                before, served = browser_time(), server.cpu
                time.sleep(IDLE)
                value, served = (browser_time() - before) / IDLE, (server.cpu - served) / IDLE
                note = f"of one core, over {IDLE:.0f} s; the server {100 * served:.2f} %"
                text = f"{100 * value:.2f} %"
                rows.append(Row(f"{name}: idle", text, "1 %", verdict(value, 0.01), note))
                context.close()
        finally:
            browser.close()
            server.stop()
    return rows


def _content(browser: Any, base: str) -> Row:
    """Measure the time from the first paint to the first card at a latency of 150 ms."""
    conditions = {"latency": 150, "downloadThroughput": -1, "uploadThroughput": -1}
    delays = []
    for _ in range(PAINTS):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        shown = context.new_page()
        session = context.new_cdp_session(shown)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", {"offline": False, **conditions})
        shown.goto(base, wait_until="commit")
        shown.wait_for_selector(".card .value")
        content = shown.evaluate("performance.now()")
        delays.append((content - shown.evaluate(PAINT)) / 1e3)
        context.close()
    value = statistics.median(delays)
    note = f"150 ms latency, median of {PAINTS}, nothing cached"
    name = "overview: from first paint to content"
    return Row(name, f"{1e3 * value:.0f} ms", "1000 ms", verdict(value, 1.0), note)


def loaded(view: str) -> set[Path]:
    """Return the files that a browser loads for a view: references, followed recursively."""
    root = pages.root()
    found: set[Path] = set()
    ahead = [root / "index.html", root / "js" / "views" / f"{view}.js"]
    while ahead:
        path = ahead.pop().resolve()
        if path in found:
            continue
        found.add(path)
        text = path.read_text("utf-8") if path.suffix in TEXTS else ""
        for name in map("".join, NAMED.findall(text)):
            ahead.append(root / name[8:] if name.startswith("/static/") else path.parent / name)
    return found


def weight() -> list[Row]:
    """The compressed size of everything that a browser loads for a view at its first visit."""
    rows = []
    for view in ("overview", "detail", "compare", "mms", "coins"):
        sizes: dict[str, float] = {}
        for path in loaded(view):
            body = path.read_bytes()
            size = min(len(body), len(gzip.compress(body, 9))) / 1e3
            sizes[path.suffix] = sizes.get(path.suffix, 0.0) + size
        total = sum(sizes.values())
        parts = ", ".join(f"{suffix[1:]} {size:.1f}" for suffix, size in sorted(sizes.items()))
        rows.append(Row(view, f"{total:.0f} kB", "120 kB", verdict(total, 120.0), parts))
    return rows


def main() -> int:
    return run(
        __file__,
        __doc__ or "",
        "Speed of the dashboard",
        machine(("starlette", "uvicorn")),
        {"load": load, "weight": weight, "page": page},
        {"load": "Under load", "weight": "Weight", "page": "In a browser"},
        {
            "load": f"{RATE:,} events/s over HTTP in batches of {BATCH}, {SHOPS} keys, {WATCHERS}"
            f" watchers of the top 50 at {HZ} Hz, {SECONDS:.0f} s, on one machine.",
            "weight": "",
            "page": f"Headless Chromium on this machine, {SHOPS} keys. An idle page receives health"
            " messages once a second.\nProcessor time is the total of the browser's processes.",
        },
    )


if __name__ == "__main__":
    raise SystemExit(main())
