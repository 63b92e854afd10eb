"""Streams: `seqbayes run` compared with bare decoding and a loop with River; commits; memory.

The alternatives are timed in turns within each of several rounds; a ratio is the median over the
rounds.
"""

import collections
import contextlib
import io
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path

import msgspec
from _shared import Row, machine, ratio, rounds, run, verdict
from river import proba

import seqbayes
from seqbayes import cli
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.sources import Iterated

PEERS = ("msgspec", "river")
EVENTS = 1_000_000
ROUNDS = 5

CONFIG = """
store = '{directory}/beliefs.db'
source = {{ kind = "file", path = '{path}' }}

[belief.sold]
state = "beta"
field = "sold"
by = "shop"
"""


class Sale(msgspec.Struct):
    """The fields of an event that are read."""

    shop: str
    sold: bool


def write_events(path: Path, keys: int, wide: bool) -> None:
    rng = random.Random(1)
    with path.open("w") as file:
        for i in range(EVENTS):
            event = {"shop": f"shop {rng.randrange(keys)}", "sold": rng.random() < 0.3}
            if wide:
                minutes, second = divmod(i, 60)
                event["at"] = f"2024-05-01T{minutes // 60 % 24:02}:{minutes % 60:02}:{second:02}Z"
                event["price"] = round(rng.lognormvariate(2.0, 0.5), 2)
            file.write(json.dumps(event) + "\n")


def through_run(path: Path) -> None:
    """Commit all of a file to a new store on disk."""
    directory = tempfile.mkdtemp(dir=path.parent)
    config = Path(directory, "c.toml")
    config.write_text(CONFIG.format(directory=directory, path=path))
    with contextlib.redirect_stderr(io.StringIO()) as said:
        assert cli.main(["run", str(config)]) == 0
    assert f"learned {EVENTS:,}" in said.getvalue(), said.getvalue()
    shutil.rmtree(directory)


def decoded(path: Path) -> None:
    decode = msgspec.json.Decoder(Sale).decode
    with path.open("rb") as file:
        for line in file:
            decode(line)


def by_hand(path: Path) -> None:
    """Beliefs by key in a dictionary with River: short, and lost when the process ends."""
    beliefs = collections.defaultdict(proba.Beta)
    with path.open() as file:
        for line in file:
            event = json.loads(line)
            beliefs[event["shop"]].update(event["sold"])


def reading():
    with tempfile.TemporaryDirectory() as name:
        for keys, wide, least in (
            (1_000, False, True),
            (1_000, True, True),
            (100_000, True, False),
        ):
            path = Path(name, f"{keys}-{wide}.jsonl")
            write_events(path, keys, wide)
            ways = {"run": through_run, "decoded": decoded, "by hand": by_hand}
            timers = {
                way: timeit.Timer(lambda act=act, path=path: act(path), timer=time.process_time)
                for way, act in ways.items()
            }
            times = rounds(ROUNDS, timers, repeats=1)
            rate = f"{EVENTS / min(times['run']):,.0f} events/s at best"
            label = f"{4 if wide else 2} fields, {keys:,} keys: rate over that of "
            share = ratio(times["decoded"], times["run"])
            gain = ratio(times["by hand"], times["run"])
            yield row(f"{label}bare msgspec decoding", share, 0.25 if least else None, rate)
            yield row(f"{label}json.loads and river.proba.Beta", gain, 6.0 if least else None, "")


def row(name: str, value: float, least: float | None, note: str) -> Row:
    if least is None:
        return Row(name, f"{value:.2f}", "", "", note)
    return Row(name, f"{value:.2f}", f">= {least:g}", verdict(-value, -least), note)


def commits():
    events = [{"sold": i % 3 == 0, "shop": f"shop {i}"} for i in range(1000)]
    for kind, count in (("SQLite", 60), ("SQLite, of 100,000 keys", 20)):
        with tempfile.TemporaryDirectory() as name:
            store = open_store(str(Path(name, "beliefs.db")))
            belief = Belief("sold", seqbayes.Beta(), field="sold", by="shop", max_keys=10**6)
            more = [{"sold": True, "shop": f"other {i}"} for i in range(99_000)]
            start = more if "of" in kind else []
            source = Iterated([*start, *events * count], name="sales")
            with Pipeline(source, [belief], store, Pace(1e9, 10**9, 10**9), size=1000) as pipeline:
                times, work = [], []
                for step in pipeline:
                    before, busy = time.perf_counter(), time.process_time()
                    dirty = step.tables["sold"].dirty
                    step.commit()
                    if step.events > len(start) + 1000 and dirty == 1000:
                        times.append(time.perf_counter() - before)
                        work.append(time.process_time() - busy)
        value, busy = statistics.median(times), statistics.median(work) * 1e3
        yield Row(
            kind,
            f"{value * 1e3:.1f} ms",
            "< 15 ms",
            verdict(value, 0.015),
            f"median of {len(times)}; {busy:.1f} ms of it processor time",
        )


MEMORY = """
import sys
from seqbayes import Beta
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.sources import Iterated

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))

keys, path = int(sys.argv[1]), sys.argv[2]
events = ({"sold": True, "shop": f"shop {i}"} for i in range(keys))
belief = Belief("sold", Beta(), field="sold", by="shop", max_keys=keys)
source = Iterated(events, "sales") if path.endswith("new.db") else Iterated([], "nothing")
with Pipeline(Iterated([], name="none"), [belief], open_store(":memory:")):
    pass
before = resident()
with Pipeline(source, [belief], open_store(path), Pace()) as pipeline:
    for step in pipeline:
        pass
    if "read" in sys.argv:
        assert len(pipeline.tables["sold"].states) == keys
    print((resident() - before) / keys)
"""


def memory():
    keys = 300_000
    with tempfile.TemporaryDirectory() as name:
        path = str(Path(name, "new.db"))
        again = str(Path(name, "again.db"))
        for what, file, words in (
            ("new keys", path, ()),
            ("keys restored from the store", again, ()),
            ("the same, all read", again, ("read",)),
        ):
            command = [sys.executable, "-c", MEMORY, str(keys), file, *words]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            if file == path:
                shutil.copy(path, again)
            value = float(done.stdout)
            label = f"{keys:,} keys; SQLite's cache included"
            yield Row(what, f"{value:,.0f} B", "< 1,000 B", verdict(value, 1000.0), label)


TITLES = {
    "reading": "JSON Lines with a keyed Beta, through `seqbayes run`",
    "commits": "A commit of 1,000 changed keys",
    "memory": "Memory of a key",
}
NOTES = {
    "reading": f"{EVENTS:,} lines from a file; {ROUNDS} rounds. `run` commits to SQLite on disk, "
    "and stores the history and the\noffset in the file; bare decoding reads the lines into a "
    "msgspec "
    "Struct of the two fields; the loop with River stores\nnothing. Times are processor time, "
    "which "
    "depends little on other processes and the disk.",
    "commits": "Wall time, including the sync to the disk.",
    "memory": "Resident memory of a process with one more belief, by key.",
}
TABLES = {"reading": reading, "commits": commits, "memory": memory}


def main() -> int:
    head = machine(PEERS)
    return run(__file__, __doc__, "Streams", head, TABLES, TITLES, NOTES)


if __name__ == "__main__":
    sys.exit(main())
