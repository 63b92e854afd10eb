"""A long run: `seqbayes run` on many events from a pipe, with its memory and rate over time.

The events are 20,000 lines over 1,000 keys, repeated: a keyed Beta, and a keyed normal with
a half-life in event time. One in ten thousand cannot be used. Committed data are read from the
store while the runner writes to it.
"""

import argparse
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from _shared import Row, machine, sale, table

from seqbayes.stream import StoreError, open_store

CONFIG = """
store = "beliefs.db"
source = {{ kind = "stdin", format = "jsonl", name = "soak" }}
history = {{ every = "2 s" }}

[belief.sold]
state = "beta"
field = "sold"
by = "shop"

[belief.price]
state = "normal-inverse-gamma"
field = "price"
by = "shop"
half_life = "1 day"
time = "at"
"""

LINES = 20_000

NOTE = """\
Two beliefs over 1,000 keys, commits to SQLite, history and dead letters. Over the last
three quarters resident memory grows by {growth:.1f} MB. The rate per second of processor
time in the last third is {trend:.2f} times that in the first (medians); between the best
and the worst stretch it differs by a factor of {spread:.2f}. Slow stretches have more
commits per event."""


def block(seed: int) -> bytes:
    """Some lines of events, two of which cannot be used."""
    rng = random.Random(seed)
    events = [{**sale(rng, 1000), "at": 1.7e9 + seed * 3600.0 + i / 10.0} for i in range(LINES)]
    events[7]["sold"] = "perhaps"
    events[LINES // 2]["price"] = None
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def feed(pipe, blocks: int) -> None:
    made = [block(seed) for seed in range(8)]
    for i in range(blocks):
        pipe.write(made[i % len(made)])
    pipe.close()


def resident(pid: int) -> float:
    """Resident memory in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024.0
    return float("nan")


def committed(path: Path) -> tuple[int, float]:
    """Events in the store, and its size in MB."""
    try:
        with open_store(str(path), "read") as store:
            return sum(place.events for place in store.positions()), sum(
                each.stat().st_size for each in path.parent.glob("beliefs.db*")
            ) / 1e6
    except StoreError:  # it does not exist yet
        return 0, 0.0


def processor(pid: int) -> float:
    """Processor time of a process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def soak(directory: Path, events: int, points: int) -> list[tuple[int, float, float, float, float]]:
    """Run, and return events, seconds, processor seconds, memory and size of the store."""
    (directory / "c.toml").write_text(CONFIG.format())
    runner = subprocess.Popen(
        [sys.executable, "-m", "seqbayes", "run", "c.toml", "--log-format", "json"],
        stdin=subprocess.PIPE,
        stderr=(directory / "log").open("w"),
        cwd=directory,
    )
    feeder = threading.Thread(target=feed, args=(runner.stdin, events // LINES), daemon=True)
    start = time.monotonic()
    feeder.start()
    found = []
    while runner.poll() is None:
        done, size = committed(directory / "beliefs.db")
        if done >= len(found) * events / points and done:
            try:
                found.append(
                    (
                        done,
                        time.monotonic() - start,
                        processor(runner.pid),
                        resident(runner.pid),
                        size,
                    )
                )
            except (OSError, IndexError):  # it has just ended
                break
            print(*(f"{value:,.1f}" for value in found[-1]), flush=True)
        time.sleep(0.25)
    assert runner.wait() == 0, (directory / "log").read_text()
    done, size = committed(directory / "beliefs.db")
    assert done == events // LINES * LINES, done
    return found


def rows(found: list[tuple[int, float, float, float, float]]) -> list[Row]:
    table = []
    for before, now in itertools.pairwise(found):
        events = now[0] - before[0]
        rate, cost = events / (now[1] - before[1]), events / (now[2] - before[2])
        table.append(
            Row(
                f"{now[0] / 1e6:.1f} million events",
                f"{now[3]:.1f} MB",
                f"{rate:,.0f}/s",
                f"{cost:,.0f}/s",
                f"{now[4]:.1f} MB",
            )
        )
    return table


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="write soak.md as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = soak(Path(name), arguments.events, arguments.points)
    growth = max(each[3] for each in found[len(found) // 4 :]) - found[len(found) // 4][3]
    costs = [(b[0] - a[0]) / (b[2] - a[2]) for a, b in itertools.pairwise(found)]
    third = len(costs) // 3
    trend = statistics.median(costs[-third:]) / statistics.median(costs[:third])
    body = table(
        f"{arguments.events:,} events through `seqbayes run`",
        NOTE.format(growth=growth, trend=trend, spread=max(costs) / min(costs)),
        rows(found),
    )
    heads = "| events | resident memory | rate | per second of processor time | size of the store |"
    lines = body.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("| "))
    lines[place] = heads
    text = "\n".join(["# A long run\n", machine(("msgspec",)), "", *lines])
    print(text)
    if arguments.write:
        Path(__file__).with_suffix(".md").write_text(text + "\n")
    return 0 if growth < 10.0 and trend > 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
