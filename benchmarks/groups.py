"""A group of two runners compared with one runner, on eight partitions and a PostgreSQL store.

One runner and two runners learn the same files in turns within each round, from an empty database.
If each runner has a core, a group takes as long as the CPU time of its busiest runner. Elapsed
times are not used, because other processes on the machine increase them by varying amounts.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from _shared import Row, machine, run, sale

from seqbayes.stream import show, status

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "stream"))
import servers

PARTITIONS = 8
EVENTS = 3_000_000
"""Number of events of a partition: DIFFERENT ones, which are repeated."""
DIFFERENT = 100_000
ROUNDS = 3
TARGET = 1.7

CONFIG = """
store = '{store}'
source = {{ kind = "file", path = '{directory}/events-{{partition}}.jsonl' }}
group = {{ partitions = {partitions} }}

[belief.sold]
state = "beta"
field = "sold"
by = "shop"

[belief.price]
state = "normal-inverse-gamma"
field = "price"
by = "shop"
"""


def write_events(directory: Path) -> None:
    rng = random.Random(1)
    for partition in range(PARTITIONS):
        lines = "".join(json.dumps(sale(rng, 100)) + "\n" for _ in range(DIFFERENT))
        with (directory / f"events-{partition}.jsonl").open("w") as out:
            for _ in range(EVENTS // DIFFERENT):
                out.write(lines)


def measure(server: servers.Postgres, directory: Path, runners: int) -> tuple[float, list[float]]:
    """Return the elapsed time, and the CPU time of each runner, in seconds."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'bench%'"
        ).fetchall()
        for (name,) in found:
            connection.execute(f"DROP SCHEMA {name} CASCADE")
        connection.execute("CREATE SCHEMA bench")
    store = f"{server.url}&options=-csearch_path%3Dbench"
    config = directory / "group.toml"
    config.write_text(CONFIG.format(store=store, directory=directory, partitions=PARTITIONS))
    idle = start_up(config)
    start = time.perf_counter()
    command = [sys.executable, "-m", "seqbayes", "run", str(config)]
    started = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(runners)]
    used = []
    for process in started:
        _, code, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(code)
        assert process.returncode == 0
        used.append(usage.ru_utime + usage.ru_stime - idle)
    elapsed = time.perf_counter() - start
    assert sum(each.events for each in status(store)) == PARTITIONS * EVENTS
    learned = sum(each.state.n_samples for each in show(store, "sold"))
    assert learned == PARTITIONS * EVENTS
    return elapsed, used


def start_up(config: Path) -> float:
    """Return the CPU time of a process that only reads the configuration."""
    process = subprocess.Popen(
        [sys.executable, "-m", "seqbayes", "check", str(config)], stdout=subprocess.DEVNULL
    )
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def rows() -> list[Row]:
    directory = Path(tempfile.mkdtemp(prefix="seqbayes-bench-"))
    write_events(directory)
    database = tempfile.mkdtemp(prefix="seqbayes-pg-")
    server = servers.Postgres(database)
    try:
        measured = [
            (measure(server, directory, 1), measure(server, directory, 2)) for _ in range(ROUNDS)
        ]
    finally:
        server.stop()
    cpu = statistics.median(one[1][0] / max(two[1]) for one, two in measured)
    elapsed = statistics.median(one[0] / two[0] for one, two in measured)
    fastest = PARTITIONS * EVENTS / min(one[1][0] for one, _ in measured)
    return [
        Row(
            "CPU time of one runner ÷ that of the busiest of two",
            f"{cpu:.2f} ×",
            f"≥ {TARGET} ×",
            "holds" if cpu >= TARGET else "MISSED",
            f"one runner: {fastest:,.0f} events in a second of CPU time",
        ),
        Row("elapsed time of one runner ÷ that of two", f"{elapsed:.2f} ×"),
    ]


if __name__ == "__main__":
    sys.exit(
        run(
            __file__,
            __doc__,
            "Runner groups",
            f"{__doc__}\n{machine(('psycopg',))}",
            {"files": rows},
            {"files": "Eight files"},
            {"files": f"{PARTITIONS * EVENTS:,} events; the start of a process is not counted."},
        )
    )
