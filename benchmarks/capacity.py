"""Capacity: one of many partitions of 1,000,000,000 keys and 1,000,000 events per second.

What a partition needs is computed from measurements with fewer keys, and compared with a simulation
of the partition itself: with 100 partitions, 10,000,000 keys. Keys are drawn at random with equal
probabilities, which is the worst case: nearly every event changes another key. Times are processor
times.
"""

import argparse
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from _shared import Row, machine, table

KEYS, RATE = 1_000_000_000, 1_000_000
SMALLER = (10, 30)
"""Percentages of the keys of the partition for the measurements with fewer keys."""
BATCH = 10_000
"""Events between two commits."""
COMMITS = 20
TOLERANCE = 0.3
BUSY = 0.5
"""Share of a core that is planned for; the rest is for peaks, restarts and reads."""
CORE_MONTH, GIB_MONTH, DISK_GIB_MONTH = 25.0, 3.5, 0.10
"""Assumed prices in dollars."""
GIB = 2.0**30


class Need(NamedTuple):
    """What a partition needs.

    Parameters
    ----------
    memory, store
        Bytes of resident memory and of the store for each key.
    load, restart
        Processor time in seconds to learn and commit a new key, and to start with it.
    event
        Processor time in seconds to read and learn an event.
    commit
        Processor time in seconds to commit a changed key.
    changed
        Changed keys in a commit for each event since the last one.
    bytes
        Bytes of an event.
    wrong
        Events of 1,000 keys that were lost or counted twice.
    """

    memory: float
    store: float
    load: float
    restart: float
    event: float
    commit: float
    changed: float
    bytes: float
    wrong: float


PARTITION = """
import json, random, sys, time
from pathlib import Path

from seqbayes import Beta
from seqbayes.stream import Belief, Pace, Pipeline, open_store
from seqbayes.stream.sources import File

keys, batch, commits, folder = (*map(int, sys.argv[1:4]), Path(sys.argv[4]))
belief = Belief("sold", Beta(), field="sold", by="user", max_keys=10 * keys)
path, store = folder / "events.jsonl", str(folder / "beliefs.db")
never = Pace(1e9, 10**9, 10**9)


def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


def write(users):
    with path.open("a") as file:
        for user in users:
            sold = "true" if user % 3 == 0 else "false"
            file.write(f'{{"user": "user {user}", "sold": {sold}}}\\n')


rng = random.Random(1)
users = [rng.randrange(keys) for _ in range(batch * commits)]


def stream():
    write(range(keys))
    with Pipeline(File(str(path)), [belief], open_store(":memory:")):
        pass
    before, begun = resident(), time.process_time()
    # the file has no more events than keys until all keys are learned
    with Pipeline(File(str(path)), [belief], open_store(store), never, size=batch) as pipeline:
        steps = iter(pipeline)
        while pipeline.events < keys:
            next(steps).commit()
        print("memory", (resident() - before) / keys)
        print("load", (time.process_time() - begun) / keys)
        size, changed, spent = path.stat().st_size, 0, 0.0
        write(users)
        print("bytes", (path.stat().st_size - size) / len(users))
        total = time.process_time()
        while pipeline.events < keys + len(users):
            next(steps)
            changed += pipeline.tables["sold"].dirty
            begun = time.process_time()
            pipeline.commit()
            spent += time.process_time() - begun
        learning = time.process_time() - total - spent
    print("event", learning / len(users))
    print("commit", spent / changed)
    print("changed", changed / len(users))


def restart():
    print("store", Path(store).stat().st_size / keys)
    begun = time.process_time()
    with Pipeline(File(str(path)), [belief], open_store(store)) as pipeline:
        print("restart", (time.process_time() - begun) / keys)
        table = pipeline.tables["sold"]
        learned = sum(table.state(f"user {user}").n_samples for user in range(1000))
    print("wrong", abs(learned - 1000 - sum(user < 1000 for user in users)))


{"stream": stream, "restart": restart}[sys.argv[5]]()
"""


def numbers(command: list[str]) -> dict[str, float]:
    """Return the numbers that a process prints, by name."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {word: float(value) for word, value in map(str.split, done.stdout.splitlines())}


def simulate(keys: int) -> Need:
    """Return what one partition with this number of keys needs."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-c", PARTITION, *map(str, (keys, BATCH, COMMITS)), folder]
        return Need(**numbers([*words, "stream"]), **numbers([*words, "restart"]))


def predict(sizes: list[int], found: list[Need]) -> Need:
    """Return what the largest partition needs if totals are linear in the number of keys."""
    (a, b, size), (small, large, _) = sizes, found
    per_key = {}
    for name in ("memory", "store", "load", "restart"):
        low, high = getattr(small, name) * a, getattr(large, name) * b
        slope = (high - low) / (b - a)
        per_key[name] = slope + (low - slope * a) / size
    # the expected number of distinct keys among the events of a batch
    changed = size * -math.expm1(BATCH * math.log1p(-1.0 / size)) / BATCH
    return large._replace(**per_key, changed=changed, wrong=0.0)


UNITS = {
    "memory": ("resident memory of a key", 1.0, "B"),
    "store": ("store (SQLite), each key", 1.0, "B"),
    "load": ("learning and commit of a new key", 1e6, "µs"),
    "restart": ("restart, each key", 1e6, "µs"),
    "event": ("reading and learning of an event", 1e6, "µs"),
    "commit": ("commit of a changed key", 1e6, "µs"),
    "changed": (f"changed keys for each event, with a commit every {BATCH:,} events", 1.0, ""),
}


def checked(sizes: list[int], found: list[Need]) -> list[Row]:
    """Return the prediction and the measurement of each quantity."""
    predicted = predict(sizes, found)
    rows = []
    for name, (title, factor, unit) in UNITS.items():
        *small, mine = (getattr(each, name) * factor for each in found)
        expected = getattr(predicted, name) * factor
        close = mine <= expected * (1.0 + TOLERANCE)
        at = ", ".join(f"{each:.3g}" for each in small)
        rows.append(
            Row(
                title,
                f"{mine:.3g} {unit}".strip(),
                f"<= {expected:.3g} + {TOLERANCE:.0%}",
                "holds" if close else "MISSED",
                f"{at} with {' and '.join(f'{size:,}' for size in sizes[:2])} keys",
            )
        )
    wrong = sum(each.wrong for each in found)
    verdict = "holds" if wrong == 0.0 else "MISSED"
    rows.append(Row("events of 1,000 keys lost or counted twice", f"{wrong:g}", "0", verdict))
    return rows


def planned(need: Need, partitions: int) -> list[Row]:
    """Return the calculation for all partitions."""
    busy = RATE * (need.event + need.changed * need.commit)
    cores = math.ceil(busy / BUSY)
    memory, store = KEYS * need.memory / GIB, KEYS * need.store / GIB
    interval = BATCH * partitions / RATE
    commit = BATCH * need.changed * need.commit
    cost = cores * CORE_MONTH + memory * GIB_MONTH + 2.0 * store * DISK_GIB_MONTH
    of_partition = KEYS / partitions
    return [
        Row("memory", f"{memory:,.0f} GiB", note=f"{memory / partitions:.2g} GiB a partition"),
        Row("cores", f"{cores}", note=f"{busy:.0f} busy; planned for a share of {BUSY:.0%}"),
        Row("network", f"{RATE * need.bytes / 1e6:.0f} MB/s", note=f"{need.bytes:.0f} B an event"),
        Row(
            "size of the stores",
            f"{store:,.0f} GiB",
            note=f"{store / partitions:.2g} GiB a partition; twice that on disk, for backups",
        ),
        Row(
            f"commit, every {interval:g} s",
            f"{commit:.2f} s",
            note=f"{BATCH * need.changed:,.0f} keys in each partition",
        ),
        Row(
            "restart of a partition",
            f"{of_partition * need.restart:.0f} s",
            note="processor time until it reads events",
        ),
        Row(
            "first load of all keys",
            f"{KEYS * need.load / cores / 60.0:.0f} min",
            note="on these cores",
        ),
        Row(
            "cost",
            f"${cost:,.0f} a month",
            note=f"at ${CORE_MONTH:g} a core, ${GIB_MONTH:g} a GiB of memory and"
            f" ${DISK_GIB_MONTH:g} a GiB of disk",
        ),
    ]


NOTE = (
    "The targets are extrapolated linearly from the two smaller numbers of keys. A partition may "
    f"need\n{TOLERANCE:.0%} more: hash tables grow by doubling, and caches hold a smaller share."
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=100)
    parser.add_argument("--write", action="store_true", help="write benchmarks/capacity.md")
    args = parser.parse_args()
    keys = KEYS // args.partitions
    sizes, found = [keys * part // 100 for part in (*SMALLER, 100)], []
    for size in sizes:
        found.append(simulate(size))
        print(f"{size:,} keys: {found[-1]}", flush=True)
    return report(sizes, found, args.write)


def report(sizes: list[int], found: list[Need], write: bool) -> int:
    """Print and write the tables; return 1 if a prediction does not hold."""
    rows = checked(sizes, found)
    partitions = KEYS // sizes[-1]
    title = f"A partition of {sizes[-1]:,} keys and {RATE // partitions:,} events per second"
    whole = f"{partitions:,} partitions: {KEYS:,} keys and {RATE:,} events per second"
    command = f"python benchmarks/capacity.py --partitions {partitions} --write"
    text = "\n".join(
        [
            "# Capacity\n",
            f"Written by `{command}`; processor times.\n",
            machine(()) + "\n",
            table(title, NOTE, rows),
            table(
                whole,
                "Computed from the partition that was simulated.",
                planned(found[-1], partitions),
            ),
        ]
    )
    print(text)
    if write:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    return int(any(row.verdict == "MISSED" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
