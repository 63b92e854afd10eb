"""Start runners quickly, so that tests can kill dozens of them in a few seconds.

A process that has imported every module forks one process per run.
"""

import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from seqbayes.stream import open_store
from seqbayes.stream.stores.reader import StoreReader

KILLS = int(os.environ.get("SEQBAYES_KILLS", "8"))
"""How often each runner is killed; set `SEQBAYES_KILLS=60` for a longer test."""

LAUNCHER = """
import faulthandler, json, os, signal, sys
faulthandler.enable()
# A signal that has a handler in Python is lost if it arrives during a fork, and one that
# was ignored when this process started would remain ignored.
for name in ("SIGINT", "SIGHUP"):
    if hasattr(signal, name):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
sys.path.insert(0, sys.argv[1])
from seqbayes.cli import main
from seqbayes.stream import config, history
from seqbayes.stream.stores import postgres, sqlite
from seqbayes.stream.verbs import run
from seqbayes.stream.source import load_source, register_source, source_kinds
register_source("lines", "memory:Lines")
for kind in (*source_kinds(), None):
    try:
        load_source(kind) if kind else __import__("psycopg")
    except ModuleNotFoundError:
        pass
for line in iter(sys.stdin.readline, ""):
    words, output = json.loads(line)
    pid = os.fork()
    if pid == 0:
        out = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        status = 1
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            status = main(words)
        except BaseException as error:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stderr.flush()
            os._exit(status)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


class Launcher:
    """Starts one runner at a time, by forking a process that has imported seqbayes."""

    def __init__(self, directory):
        self.output = Path(directory) / "output.txt"
        self._running = False
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", LAUNCHER, str(Path(__file__).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # threads of numpy would make a fork unsafe
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )

    def start(self, *args):
        """Start ``seqbayes`` with these arguments."""
        self._process.stdin.write(json.dumps([args, str(self.output)]).encode() + b"\n")
        self._process.stdin.flush()
        self.pid = int(self._process.stdout.readline())
        self._running = True

    def kill(self, number=signal.SIGKILL):
        """Send a signal, unless the runner has ended; return how it ended."""
        if not select.select([self._process.stdout], [], [], 0.0)[0]:
            os.kill(self.pid, number)
        return self.wait()

    def wait(self, patience=60.0):
        """Return how the runner ended: its status, or the negative number of a signal."""
        ready, _, _ = select.select([self._process.stdout], [], [], patience)
        if not ready:
            os.kill(self.pid, signal.SIGABRT)  # prints where it hangs
            if not select.select([self._process.stdout], [], [], 5.0)[0]:
                os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"the runner does not end: {self.output.read_text()}")
        self._running = False
        return int(self._process.stdout.readline())

    def run(self, *args):
        """Run ``seqbayes`` until it ends, and return its output."""
        self.start(*args)
        status = self.wait()
        output = self.output.read_text()
        assert status == 0, output
        return output

    def end(self):
        """Kill a runner that a failed test has left running."""
        if self._running:
            self.kill()

    def close(self):
        self.end()
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def committed(url):
    """Return the number of committed events in the store."""
    store = open_store(url)
    events = sum(position.events for position in store.positions())
    store.close()
    return events


def wait_until_committed(process, url, events, patience=60.0):
    """Wait until this many events are committed."""
    deadline = time.monotonic() + patience
    while committed(url) < events:
        assert time.monotonic() < deadline, process.output.read_text()
        time.sleep(0.02)


def wait_until_read(url, since=0.0, patience=60.0):
    """Wait until the runner has reported that it read events after this time."""
    deadline = time.monotonic() + patience
    with StoreReader(url) as reader:
        while (reader.runner().status.read_at or 0.0) <= since:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def kill_often(process, args, rng, during_run, runs=KILLS, max_duration=0.3):
    """Start a runner and kill it at a random time, repeatedly.

    Parameters
    ----------
    process, args
        Starts the runner, with these arguments.
    rng
        Chooses the times.
    during_run
        Called in each run with its number and the time at which the runner will be killed.
    runs, max_duration
        Number of runs, and maximum duration of each in seconds.
    """
    for i in range(runs):
        process.start(*args)
        end = time.monotonic() + rng.uniform(0.0, max_duration)
        during_run(i, end)
        time.sleep(max(0.0, end - time.monotonic()))
        assert process.kill() == -signal.SIGKILL, process.output.read_text()


def contents(url, *, ordered=True):
    """Return the states, dead letters and source positions of a store."""
    store = open_store(url)
    letters = [each.letter for each in store.letters()]
    found = (
        sorted(
            (name, row.key, row.state) for name in store.beliefs() for row in store.states(name)
        ),
        letters if ordered else sorted(letters),
        [position[:3] for position in store.positions()],
    )
    store.close()
    return found


CONFIG = """
store = '{store}'
commit = {{ every = "10 ms" }}
history = false
source = {source}

[belief.level]
state = "normal-inverse-gamma"
field = "x"
by = "k"

[belief.high]
state = "beta"
field = "high"
by = "k"
"""


def toml(value):
    """Return a value as inline TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{k}" = {toml(v)}' for k, v in value.items()) + " }"
    return json.dumps(value)


def write(path, store, source):
    path.write_text(CONFIG.format(store=store, source=toml(source)))
    return str(path)


def events(n, seed):
    """Return records; one of the beliefs cannot use one in a hundred of them."""
    rng = random.Random(seed)
    found = []
    for i in range(n):
        x, k = rng.gauss(3.0, 2.0), rng.choice("abcdefgh")
        high = "perhaps" if i % 100 == 57 else x > 3.0
        found.append(json.dumps({"i": i, "x": x, "high": high, "k": k}).encode())
    return found
