"""Many keys: `seqbayes run` compared with a handwritten loop, DuckDB and Polars; commits; memory.

Every alternative runs in a separate process, whose processor time includes its start.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from _shared import Row, machine, ratio, run, verdict

PEERS = ("msgspec", "duckdb", "polars")
ROUNDS = 3
DUCKDB_TARGETS = {("DuckDB", 1_000_000): 4.0}
SIZES = ((1_000_000, 1_000, 1.0), (1_000_000, 100_000, 0.8), (2_000_000, 1_000_000, 0.8))

CONFIG = """
store = '{store}'
source = {{ kind = "file", path = '{path}' }}

[belief.sold]
state = "beta"
field = "sold"
by = "shop"
max_keys = 10000000
"""

BY_HAND = """
import sqlite3, sys, time
import msgspec

class Sale(msgspec.Struct):
    shop: str
    sold: bool

path, store = sys.argv[1:]
database = sqlite3.connect(store, isolation_level=None)
database.execute("PRAGMA journal_mode = WAL")
database.execute("PRAGMA synchronous = FULL")
database.execute("CREATE TABLE sums (shop TEXT PRIMARY KEY, n REAL NOT NULL, k REAL NOT NULL)")
database.execute("CREATE TABLE source (path TEXT PRIMARY KEY, offset INTEGER NOT NULL)")
sums, dirty = {}, set()

def commit(offset):
    database.execute("BEGIN")
    database.executemany(
        "INSERT INTO sums VALUES (?, ?, ?)"
        " ON CONFLICT (shop) DO UPDATE SET n = excluded.n, k = excluded.k",
        [(key, *sums[key]) for key in dirty],
    )
    database.execute("INSERT OR REPLACE INTO source VALUES (?, ?)", [path, offset])
    database.execute("COMMIT")
    dirty.clear()

decode = msgspec.json.Decoder(Sale).decode
offset, since = 0, time.monotonic()
with open(path, "rb") as file:
    for i, line in enumerate(file):
        event = decode(line)
        each = sums.get(event.shop)
        if each is None:
            each = sums[event.shop] = [0.0, 0.0]
        each[0] += 1.0
        each[1] += event.sold
        dirty.add(event.shop)
        offset += len(line)
        if len(dirty) >= 100_000 or (i % 5000 == 0 and time.monotonic() - since >= 1.0):
            commit(offset)
            since = time.monotonic()
commit(offset)
"""

DUCKDB = """
import sys
import duckdb

database = duckdb.connect(config={"threads": 1})
sums = "SELECT shop, count(*), sum(sold::int) FROM read_json(?, format = 'newline_delimited')"
found = database.execute(sums + " GROUP BY shop", [sys.argv[1]]).fetchnumpy()
"""

POLARS = """
import os, sys
os.environ["POLARS_MAX_THREADS"] = "1"
import polars

events = polars.scan_ndjson(sys.argv[1])
sums = events.group_by("shop").agg(polars.len(), polars.col("sold").sum()).collect()
"""


def write_events(path: Path, events: int, keys: int) -> None:
    rng = random.Random(1)
    with path.open("w") as file:
        for _ in range(events):
            sold = "true" if rng.random() < 0.3 else "false"
            file.write(f'{{"shop": "shop {rng.randrange(keys)}", "sold": {sold}}}\n')


def spent(command: list[str]) -> tuple[float, float]:
    """Processor time of a process in seconds, and its largest memory in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, command
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024.0


def commands(folder: Path, path: Path) -> dict[str, list[str]]:
    config = folder / "c.toml"
    config.write_text(CONFIG.format(store=folder / "beliefs.db", path=path))
    return {
        "run": [sys.executable, "-m", "seqbayes", "run", str(config)],
        "by hand": [sys.executable, "-c", BY_HAND, str(path), str(folder / "hand.db")],
        "DuckDB": [sys.executable, "-c", DUCKDB, str(path)],
        "Polars": [sys.executable, "-c", POLARS, str(path)],
    }


def reading():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for events, keys, most in SIZES:
            path = folder / "events.jsonl"
            write_events(path, events, keys)
            times: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                for way, command in commands(folder, path).items():
                    times.setdefault(way, []).append(spent(command)[0])
                    for store in (*folder.glob("beliefs.db*"), *folder.glob("hand.db*")):
                        store.unlink()
            own = f"{events / statistics.median(times['run']):,.0f} events/s"
            for peer in ("by hand", "DuckDB", "Polars"):
                value = ratio(times["run"], times[peer])
                target = most if peer == "by hand" else DUCKDB_TARGETS.get((peer, keys))
                label = f"{events:,} events, {keys:,} keys: time over that of {peer}"
                judged = ("", "") if target is None else (f"<= {target:g}", verdict(value, target))
                yield Row(label, f"{value:.2f}", *judged, own if peer == "by hand" else "")


MEMORY = """
import sys
from seqbayes import Beta
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.sources import Iterated

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))

keys, path = int(sys.argv[1]), sys.argv[2]
belief = Belief("sold", Beta(), field="sold", by="shop", max_keys=10 * keys)
with Pipeline(Iterated([], name="none"), [belief], open_store(":memory:")):
    pass
before = resident()
events = ({"sold": True, "shop": f"shop {i}"} for i in range(keys))
pace = Pace(1e9, 50_000, 10**9)
with Pipeline(Iterated(events, name="new"), [belief], open_store(path), pace) as pipeline:
    for step in pipeline:
        pass
    print("memory", (resident() - before) / keys)
"""

COMMIT = """
import sys, time
from seqbayes import Beta
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.sources import Iterated

keys, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
belief = Belief("sold", Beta(), field="sold", by="shop", max_keys=10 * keys)
events = [{"sold": True, "shop": f"shop {i}"} for i in range(0, keys, keys // count)]
source = Iterated(events * (40_000 // count + 4), name=f"commits {count}")
times = []
begun = time.process_time()
store = open_store(path)
with Pipeline(source, [belief], store, Pace(1e9, 10**9, 10**9), size=1000) as pipeline:
    print("restart", time.process_time() - begun)
    for step in pipeline:
        if step.tables["sold"].dirty == count and step.events % count == 0:
            begun = time.process_time()
            step.commit()
            times.append(time.process_time() - begun)
print("commit", sorted(times)[len(times) // 2])
"""


def keyed():
    keys = 1_000_000
    with tempfile.TemporaryDirectory() as name:
        path = str(Path(name, "beliefs.db"))
        found = numbers([sys.executable, "-c", MEMORY, str(keys), path])
        yield Row(
            "memory of a key",
            f"{found['memory']:.0f} B",
            "<= 200 B",
            verdict(found["memory"], 200.0),
            "resident memory, with the index and the cache of SQLite",
        )
        for count, most in ((1_000, 0.01), (100_000, 1.0)):
            found = numbers([sys.executable, "-c", COMMIT, str(keys), path, str(count)])
            yield Row(
                f"commit of {count:,} changed keys",
                f"{found['commit'] * 1e3:,.1f} ms",
                f"<= {most * 1e3:,.0f} ms",
                verdict(found["commit"], most),
                "",
            )
        yield Row(
            "restart", f"{found['restart']:.2f} s", "<= 2 s", verdict(found["restart"], 2.0), ""
        )


def numbers(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {word: float(value) for word, value in map(str.split, done.stdout.splitlines())}


TITLES = {
    "reading": "JSON Lines with a keyed Beta, through `seqbayes run`",
    "keyed": "A store of 1,000,000 keys",
}
NOTES = {
    "reading": f"Processor time of a process, including its start; rounds: {ROUNDS}. "
    "The handwritten loop decodes with msgspec,\nkeeps sums in dictionaries, and commits them with "
    "the offset to SQLite at least once a second and every\n100,000 changed keys. `run` commits "
    "less often if commits take long. DuckDB and Polars use one thread,\nand store nothing.",
    "keyed": "Processor time. Changed keys are spread over the whole store.",
}
TABLES = {"reading": reading, "keyed": keyed}


def main() -> int:
    return run(__file__, __doc__, "Many keys", machine(PEERS), TABLES, TITLES, NOTES)


if __name__ == "__main__":
    sys.exit(main())
