"""Files of events, start-up, and single keys: `seqbayes run` and `show` as whole processes.

The peer is the loop that one would write by hand: the standard library's csv module or msgspec,
dictionaries, and upserts into SQLite. Times are processor time of the whole process, start-up
included, in turns within each of several rounds; a ratio is the median over the rounds. Modules are
loaded from cached bytecode, as after an installation.
"""

import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _shared import Row, machine, ratio, run, verdict

from seqbayes import Beta
from seqbayes.stream import Belief, open_store
from seqbayes.stream.codec import StateCodec, write_json
from seqbayes.stream.stores import Changes, StoredState
from seqbayes.stream.verbs.stored import key_states, stored_beliefs

PEERS = ("msgspec",)
EVENTS = 1_000_000
KEYS = 1_000
STORED = 1_000_000
ROUNDS = 5
PEER = str(Path(__file__).with_name("_by_hand.py"))

CONFIG = """
store = '{directory}/beliefs.db'
source = {{ kind = "file", path = '{path}' }}

[belief.sold]
state = "beta"
field = "sold"
by = "shop"
"""


def write_files(directory: Path) -> list[Path]:
    """Write the same events in each format."""
    rng = random.Random(1)
    events = [(f"shop {rng.randrange(KEYS)}", rng.random() < 0.3) for _ in range(EVENTS)]
    found = [directory / name for name in ("e.csv", "e.jsonl", "e.csv.gz", "e.jsonl.gz")]
    texts = {
        ".csv": "shop,sold\n" + "".join(f"{key},{str(x).lower()}\n" for key, x in events),
        ".jsonl": "".join(json.dumps({"shop": key, "sold": x}) + "\n" for key, x in events),
    }
    for path in found:
        data = texts[path.suffixes[0]].encode()
        path.write_bytes(gzip.compress(data, 6) if path.suffix == ".gz" else data)
    return found


LAUNCH = """
import resource, subprocess, sys
null = subprocess.DEVNULL
subprocess.run(sys.argv[1:], check=True, stdout=null, stderr=null)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def cost(command: list[str]) -> tuple[float, int]:
    """Return processor time in seconds and peak memory in KiB of a process.

    A small process launches it: the peak of a process includes that of the one which started it.
    """
    launch = [sys.executable, "-c", LAUNCH, *command]
    cached = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(launch, check=True, capture_output=True, text=True, env=cached)
    seconds, memory = done.stdout.split()
    return float(seconds), int(memory)


def formats():
    with tempfile.TemporaryDirectory() as name:
        for path in write_files(Path(name)):
            times: dict[str, list[float]] = {"run": [], "by hand": []}
            for k in range(ROUNDS):
                folder = Path(name, f"{path.name}-{k}")
                folder.mkdir()
                config = folder / "c.toml"
                config.write_text(CONFIG.format(directory=folder, path=path))
                own = [sys.executable, "-m", "seqbayes", "run", str(config)]
                peer = [sys.executable, PEER, str(path), str(folder / "hand.db")]
                times["run"].append(cost(own)[0])
                times["by hand"].append(cost(peer)[0])
            value = ratio(times["run"], times["by hand"])
            target = 1.2 if ".csv" in path.suffixes and path.suffix != ".gz" else 1.0
            note = f"{min(times['run']):.2f} s, by hand {min(times['by hand']):.2f} s"
            yield Row(path.name, f"{value:.2f}", f"<= {target:g}", verdict(value, target), note)


def start():
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "e.jsonl")
        path.write_text('{"shop": "north", "sold": true}\n')
        ways = {
            "python -c 'import numpy'": ["-c", "import numpy"],
            "python -c 'import scipy.special'": ["-c", "import scipy.special"],
            "run, without history": ["-m", "seqbayes", "run", "bare.toml"],
            "run": ["-m", "seqbayes", "run", "c.toml"],
            "show": ["-m", "seqbayes", "show", "beliefs.db"],
        }
        found: dict[str, list[tuple[float, int]]] = {way: [] for way in ways}
        for k in range(ROUNDS):
            for way, (option, code, *words) in ways.items():
                folder = Path(name, f"{k}{way == 'run, without history'}")
                folder.mkdir(exist_ok=True)
                text = CONFIG.format(directory=folder, path=path)
                Path(folder, "c.toml").write_text(text)
                Path(folder, "bare.toml").write_text(f"history = false\n{text}")
                files = [str(folder / word) if "." in word else word for word in words]
                found[way].append(cost([sys.executable, option, code, *files]))
        for way, rounds in found.items():
            seconds, memory = (statistics.median(column) for column in zip(*rounds, strict=True))
            target, holds = "", ""
            if way in ("run", "show"):
                target = "<= 200 ms, <= 40 MB"
                holds = verdict(max(seconds / 0.2, memory / 40 / 1024), 1.0)
            yield Row(way, f"{seconds * 1e3:.0f} ms, {memory / 1024:.0f} MB", target, holds)


def keys():
    with tempfile.TemporaryDirectory() as name:
        url = str(Path(name, "beliefs.db"))
        belief = Belief("sold", Beta(), field="sold", by="shop", max_keys=STORED)
        codec, states = StateCodec(belief.state), []
        for k in range(STORED):
            state = codec.make()
            state.learn_one(k % 3 == 0)
            states.append(StoredState("sold", f'["shop {k}"]', codec.write(state), k))
        declaration = write_json({"state": codec.empty, "by": ["shop"]})
        with open_store(url) as store:
            store.acquire()
            store.declare("sold", declaration)
            store.commit(Changes(None, None, 0, states, [], []))
        opened, found = [], []
        for k in range(20):
            before = time.process_time()
            store = open_store(url, "read")
            opened.append(time.process_time() - before)
            with store, store.snapshot():
                (stored,) = stored_beliefs(store, "sold")
                (one,) = key_states(store, stored, f"shop {k * 7919}")
                one.to_dict()
            found.append(time.process_time() - before)
        for what, times in (("open the store", opened), ("open, find and describe", found)):
            value = statistics.median(times)
            yield Row(what, f"{value * 1e3:.1f} ms", "<= 20 ms", verdict(value, 0.02))


TITLES = {
    "formats": "Files: time of `seqbayes run` over that of a handwritten loop",
    "start": "Start-up",
    "keys": "One key of a large store",
}
NOTES = {
    "formats": f"{EVENTS:,} events of two fields, {KEYS:,} keys; {ROUNDS} rounds.",
    "start": f"A keyed Beta and one event; medians of {ROUNDS} rounds. Intervals, in "
    "the history and in `show`,\nneed `scipy.special`.",
    "keys": f"`show` of one key in an SQLite store of {STORED:,} keys, after start-up; median of "
    "20 keys.",
}
TABLES: dict[str, Callable] = {"formats": formats, "start": start, "keys": keys}


def main() -> int:
    head = machine(PEERS)
    return run(__file__, __doc__, "Files, start-up and single keys", head, TABLES, TITLES, NOTES)


if __name__ == "__main__":
    sys.exit(main())
