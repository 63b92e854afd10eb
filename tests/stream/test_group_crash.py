"""Runners of a group that are killed, stopped and cut off count every event exactly once.

Two runners share three partitions and a PostgreSQL store, which one of them reaches by a slow
connection. The partitions are those of a Kafka topic, three Redis streams, three subjects of NATS,
or three files; the broker is killed and restarted.
`SEQBAYES_KILLS=200 pytest tests/stream/test_group_crash.py` disturbs each group 200 times.
"""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from killing import KILLS, toml
from servers import Proxy

from seqbayes.stream import open_store, show, status

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9")

DISTURBANCES = KILLS // 2 if KILLS <= 8 else KILLS
PER_STEP = 60
PATIENCE = 120.0

CONFIG = """
store = '{store}'
commit = {{ every = "20 ms" }}
source = {source}
group = {{ partitions = 3, lease = "2 s" }}

[belief.high]
state = "beta"
field = "high"
by = "k"

[belief.count]
state = "gamma"
likelihood = "poisson"
field = "n"
"""

NURSERY = """
import json, os, signal, sys
from seqbayes.cli import main
from seqbayes.stream import config, group, history
from seqbayes.stream.sources import file, kafka, nats, redis
from seqbayes.stream.stores import partitioned, postgres
from seqbayes.stream.verbs import run
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in iter(sys.stdin.readline, ""):
    words, output = json.loads(line)
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        status = 1
        try:
            status = main(words)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(status)
    print(pid, flush=True)
"""


class Runners:
    """Starts several runners that have imported everything, and signals them."""

    def __init__(self, directory):
        self.output = Path(directory) / "output.txt"
        self.pids = set()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )

    def start(self, *words):
        self._process.stdin.write(json.dumps([words, str(self.output)]).encode() + b"\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        self.pids.add(pid)
        return pid

    def end(self, pid, number):
        """Send a signal that ends a runner, and wait until it has ended."""
        with contextlib.suppress(ProcessLookupError):  # it may have lost its connection and failed
            os.kill(pid, number)
        until(lambda: not is_running(pid), self.output)
        self.pids.discard(pid)

    def close(self):
        for pid in self.pids:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition, output, progress=lambda: None):
    """Wait until a condition holds; fail after two minutes without progress."""
    deadline, last = time.monotonic() + PATIENCE, progress()
    while not condition():
        if last != (last := progress()):
            deadline = time.monotonic() + PATIENCE
        assert time.monotonic() < deadline, (last, output.read_text()[-5000:])
        time.sleep(0.05)


def owners(url):
    """Return the process that owns each partition, or None."""
    found = status(url)
    return [each.runner.holder if each.runner.alive else None for each in found]


def records(n):
    rng = random.Random(3)
    return [
        {"k": rng.choice("abcdef"), "high": rng.random() < 0.3, "n": rng.randrange(9), "i": i}
        for i in range(n)
    ]


def expected(events):
    """Return the posteriors, computed by counting."""
    found = {None: (1.0 + sum(each["n"] for each in events), 1.0 + len(events))}
    for key in {each["k"] for each in events}:
        mine = [each["high"] for each in events if each["k"] == key]
        found[key] = (1.0 + sum(mine), 1.0 + len(mine) - sum(mine))
    return found


class Topic:
    """Three partitions of a topic of Kafka."""

    def __init__(self, broker, name):
        self.broker, self.name = broker, name
        broker.make(name)
        self.source = broker.source(name)

    def publish(self, texts):
        self.broker.publish(self.name, texts)


class Streams:
    """Three streams of Redis."""

    def __init__(self, broker, name):
        self.broker, self.name = broker, name
        self.source = broker.source(f"{name}-{{partition}}")

    def publish(self, texts):
        for i in range(3):
            self.broker.publish(f"{self.name}-{i}", texts[i::3])


class Subjects:
    """Three subjects of a stream of NATS."""

    def __init__(self, broker, name):
        self.broker, self.name = broker, name
        broker.make(name)
        self.source = broker.source(name, subject=f"{name}.{{partition}}")

    def publish(self, texts):
        async def act(stream):
            for i, text in enumerate(texts):
                await stream.publish(f"{self.name}.{i % 3}", text)

        self.broker.do(act)


class Files:
    """Three files to which events are appended."""

    def __init__(self, directory, name):
        self.broker, self.folder = self, directory / name
        self.folder.mkdir()
        path = str(self.folder / "{partition}.jsonl")
        self.source = {"kind": "file", "path": path, "follow": True}
        self.publish([])

    def publish(self, texts):
        for i in range(3):
            with (self.folder / f"{i}.jsonl").open("ab") as out:
                out.writelines(text + b"\n" for text in texts[i::3])

    def restart(self):
        """Do nothing: files have no server."""


@pytest.mark.parametrize(
    ("kind", "partitions"),
    [("kafka", Topic), ("redis", Streams), ("nats", Subjects), ("file", Files)],
)
def test_a_disturbed_group_counts_every_event_exactly_once(
    kind, partitions, server, postgres, postgres_url, tmp_path
):
    rng = random.Random(7)
    place = tmp_path if kind == "file" else server(kind, durable=True)
    topic = partitions(place, f"group{rng.randrange(10**9)}")
    events = records(PER_STEP * (DISTURBANCES + 2))
    texts = [json.dumps(each).encode() for each in events]
    runners = Runners(tmp_path)
    counts = dict.fromkeys(("kill", "stop", "broker", "leave"), 0)
    with Proxy(postgres.directory, delay=0.002) as slow:
        configs = []
        for i, url in enumerate((postgres_url, slow.route(postgres_url))):
            path = tmp_path / f"{i}.toml"
            path.write_text(CONFIG.format(store=url, source=toml(topic.source)))
            configs.append(str(path))
        try:
            live = [runners.start("run", each) for each in configs]
            topic.publish(texts[:PER_STEP])
            until(lambda: has_group(postgres_url) and all(owners(postgres_url)), runners.output)
            for step in range(1, DISTURBANCES + 1):
                part = texts[PER_STEP * step : PER_STEP * (step + 1)]
                topic.publish(part[: PER_STEP // 2])
                i, act = rng.randrange(2), list(counts)[(step - 1) % 4]
                counts[act] += 1
                time.sleep(rng.uniform(0.0, 0.1))
                disturb(act, i, live, configs, runners, topic.broker, postgres_url)
                topic.publish(part[PER_STEP // 2 :])
            topic.publish(texts[PER_STEP * (DISTURBANCES + 1) :])

            def complete():
                restart(live, configs, runners)
                return committed(postgres_url) >= len(events)

            until(complete, runners.output, lambda: committed(postgres_url))
            for pid in live:
                runners.end(pid, signal.SIGTERM)
        finally:
            runners.close()
    found = {each.key.get("k"): tuple(each.state.posterior) for each in show(postgres_url)}
    assert found == expected(events), counts
    assert committed(postgres_url) == len(events)
    with open_store(postgres_url, "read") as store:
        assert store.dead_letter_count() == 0


def disturb(act, i, live, configs, runners, broker, url):
    """Kill, stop or replace a runner, or restart the broker."""
    restart(live, configs, runners)
    if act == "kill":
        runners.end(live[i], signal.SIGKILL)
        live[i] = runners.start("run", configs[i])
    elif act == "leave":  # the others take its partitions, and share them with the next one
        runners.end(live[i], signal.SIGTERM)
        live[i] = runners.start("run", configs[i])
    elif act == "broker":
        broker.restart()
    else:  # until its lease has expired, and the other runner has taken its partitions

        def owns():
            restart(live, configs, runners)
            return any(owner and holds(owner, live[i]) for owner in owners(url))

        def is_replaced():
            restart(live, configs, runners)
            return not any(holds(owner, live[i]) for owner in owners(url))

        until(owns, runners.output)
        os.kill(live[i], signal.SIGSTOP)
        until(is_replaced, runners.output)
        os.kill(live[i], signal.SIGCONT)


def restart(live, configs, runners):
    """Restart runners that have failed, as a supervisor does."""
    for i, pid in enumerate(live):
        if not is_running(pid):
            live[i] = runners.start("run", configs[i])


def holds(owner, pid):
    return owner is None or owner.startswith(f"process {pid} ")


def has_group(url):
    with open_store(url) as store:
        return "group" in store.settings()


def committed(url):
    return sum(each.events for each in status(url))
