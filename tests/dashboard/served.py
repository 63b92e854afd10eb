"""A server process for the tests of the page, and its events."""

import json
import random
import re
import signal
import subprocess
import threading
import time
import urllib.request
from contextlib import closing, suppress
from urllib.parse import quote

from programs import command, environment
from seqbayes.stream.stores import StoreError, StoreReader

HOSTILE = (
    '<img src=x onerror="window.hacked=1">',
    '"><script>window.hacked=1</script>',
    "../../etc/passwd?x=1#y%2F",
    "‮evil & 'quoted'",
)
VARIANTS = {"control": 0.11, "short form": 0.14, "video": 0.12}
COLOURS = {"blue": 0.24, "brown": 0.13, "green": 0.16, "orange": 0.2, "red": 0.13, "yellow": 0.14}
SHOPS = 1000

CONFIG = """
store = {store}
[source]
kind = "file"
path = {events}
follow = true
[belief.conversion]
state = "beta"
field = "converted"
by = "variant"
where = {{ type = "visit" }}
[belief.seconds]
state = "normal-inverse-gamma"
field = "seconds"
better = "lower"
by = "variant"
where = {{ type = "visit" }}
[belief.calls]
state = "gamma"
prior = {{ shape = 2, rate = 1 }}
likelihood = {{ name = "poisson" }}
field = "calls"
where = {{ type = "call" }}
[belief.candy]
state = "dirichlet"
prior = {{ blue = 1, brown = 1, green = 1, orange = 1, red = 1, yellow = 1 }}
field = "candy"
where = {{ type = "candy" }}
[belief.shops]
state = "beta"
prior = {{ alpha = 2, beta = 20 }}
field = "sale"
by = "shop"
where = {{ type = "sale" }}
[commit]
every = "0.1 s"
[history]
every = "1 s"
"""


def visit(variant, converted, seconds=40.0):
    return {"type": "visit", "variant": variant, "converted": converted, "seconds": seconds}


def history():
    """Return the events before the tests begin; always the same."""
    rng = random.Random(1796)
    for _ in range(400):
        variant = rng.choice(list(VARIANTS))
        yield visit(variant, rng.random() < VARIANTS[variant], round(rng.gauss(40, 9), 2))
        yield {"type": "call", "calls": int(rng.expovariate(0.2))}
        yield {"type": "candy", "candy": rng.choices(list(COLOURS), list(COLOURS.values()))[0]}
    for variant in HOSTILE:
        yield visit(variant, True)
    for i in range(SHOPS):
        for _ in range(1 + (i == 77)):
            yield {"type": "sale", "shop": f"shop {i:04d}", "sale": rng.random() < 0.1}


class Site:
    """``seqbayes serve`` on a free port of the loopback, with events in a file."""

    def __init__(self, folder, config=CONFIG):
        self.events = folder / "events.jsonl"
        self.events.touch()
        self.config = folder / "seqbayes.toml"
        self.store = folder / "beliefs.db"
        names = {"store": self.store, "events": self.events}
        quoted = {name: json.dumps(str(path)) for name, path in names.items()}
        self.config.write_text(config.format(**quoted), encoding="utf-8")
        self.port = 0  # a free port, which the server keeps when it is started again
        self.program = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def feed(self, *events):
        with self.events.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)

    def spoil(self, line):
        with self.events.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def start(self):
        self.program = subprocess.Popen(
            command("serve", str(self.config), "--port", str(self.port)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            encoding="utf-8",
        )
        output = ""
        for line in self.program.stdout:
            output += line
            if address := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(address[1])
            found = re.search(r"the token is (\S+)", line)
            if found:
                self.token = found[1]
                # Further output must not fill the pipe.
                threading.Thread(target=self.program.stdout.read, daemon=True).start()
                return
        raise AssertionError(f"the server did not start: {output}")

    def until_events(self, n):
        """Wait until the server has learned a number of events."""
        end = time.monotonic() + 60
        while True:
            with urllib.request.urlopen(f"{self.url}/api/health", timeout=60) as answer:
                if json.load(answer)["events"] >= n:
                    return
            assert time.monotonic() < end, "the events were not learned"
            time.sleep(0.05)

    def until_committed(self, n):
        """Wait until a number of events is stored."""
        end = time.monotonic() + 60
        while True:
            # it may not exist yet
            with suppress(StoreError), closing(StoreReader(str(self.store))) as reader:
                if sum(source.events for source in reader.sources()) >= n:
                    return
            assert time.monotonic() < end, "the events were not committed"
            time.sleep(0.05)

    def feed_history(self, n, event, belief, key):
        """Add equal events until a number of points of the history of a key is stored."""
        end = time.monotonic() + 60
        path = f"{self.url}/api/beliefs/{belief}/{quote(key, safe='')}"
        while True:
            with urllib.request.urlopen(path, timeout=60) as answer:
                told = json.load(answer)
            if sum(each is not None for each in told["history"]["n"]) >= n:  # stored
                return
            assert time.monotonic() < end, "the history has no new points"
            self.feed(event)
            time.sleep(0.2)

    def kill(self):
        self.program.kill()
        self.program.wait()
        self.program.stdout.close()

    def suspend(self):
        """Suspend the server: it does not answer and does not close connections."""
        self.program.send_signal(signal.SIGSTOP)

    def resume(self):
        self.program.send_signal(signal.SIGCONT)


def request_all(page):
    """Make a page request the data that come with it otherwise, so that answers can be replaced."""

    def strip(route):
        if route.request.resource_type != "document":
            route.fallback()
            return
        answer = route.fetch()
        data = r'<script type="application/json" id="data">.*?</script>'
        route.fulfill(response=answer, body=re.sub(data, "", answer.text(), flags=re.DOTALL))

    page.route("**", strip)
