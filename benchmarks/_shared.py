"""Functions shared by the benchmarks: interleaved timing, tables, and the machine's name.

Other processes on the machine increase the measured times, by amounts that vary. The alternatives
are therefore timed in turns, in many short rounds. A ratio is computed within each round, and its
median over the rounds is reported; an absolute time is the shortest of all rounds.
"""

import argparse
import os
import platform
import random
import statistics
import timeit
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np

import seqbayes
from seqbayes.statistics import base


class Row(NamedTuple):
    """One row of a table: a measurement and its target."""

    name: str
    measured: str
    target: str = ""
    verdict: str = ""
    note: str = ""


def shortest(timers: dict[str, timeit.Timer], number: int, repeats: int = 5) -> dict[str, float]:
    """Seconds for one execution of each statement: the shortest of several interleaved runs."""
    times = dict.fromkeys(timers, np.inf)
    for _ in range(repeats):
        for name, timer in timers.items():
            times[name] = min(times[name], timer.timeit(number) / number)
    return times


def rounds(
    count: int, timers: dict[str, timeit.Timer], number: int = 1, repeats: int = 5
) -> dict[str, list[float]]:
    """Seconds of each statement in each round."""
    times: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(count):
        for name, seconds in shortest(timers, number, repeats).items():
            times[name].append(seconds)
    return times


def ratio(own: list[float], peer: list[float]) -> float:
    """Median over the rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(own, peer, strict=True))


def verdict(value: float, target: float) -> str:
    return "holds" if value <= target else "MISSED"


def machine(peers: tuple[str, ...]) -> str:
    """The processor, the versions of all packages, and whether a module is compiled."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    versions = []
    for name in ("seqbayes", "numpy", "scipy", *peers):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{name} {seqbayes.__version__ if name == 'seqbayes' else 'none'}")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    compiled = "compiled" if base.__file__.endswith((".so", ".pyd")) else "uncompiled"
    return f"{model}, {os.cpu_count()} cores{load}; {python}; {', '.join(versions)} ({compiled})"


def table(title: str, note: str, rows: list[Row]) -> str:
    """A table in Markdown, without empty columns."""
    lines = [f"## {title}", ""]
    lines += [note, ""] if note else []
    columns = [name for i, name in enumerate(Row._fields) if i < 2 or any(row[i] for row in rows)]
    lines += ["| " + " | ".join(column if column != "name" else "" for column in columns) + " |"]
    lines += ["|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(getattr(row, column) for column in columns) + " |" for row in rows]
    return "\n".join([*lines, ""])


def run(
    script: str,
    description: str,
    heading: str,
    head: str,
    tables: dict[str, Callable[[], Iterable[Row]]],
    titles: dict[str, str],
    notes: dict[str, str],
) -> int:
    """Print the selected tables, and write them if requested; return 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    written = Path(script).with_suffix(".md")
    parser.add_argument("tables", nargs="*", choices=[*tables, []], help="all by default")
    parser.add_argument("--write", action="store_true", help=f"write {written.name} as well")
    arguments = parser.parse_args()
    parts = [f"# {heading}\n", head + "\n"]
    print("\n".join(parts))
    missed = []
    for group in arguments.tables or tables:
        rows = list(tables[group]())
        missed += [row.name for row in rows if row.verdict == "MISSED"]
        parts.append(table(titles[group], notes[group], rows))
        print(parts[-1], flush=True)
    if arguments.write:
        written.write_text("\n".join(parts))
    if missed:
        print("Missed:", "; ".join(missed))
    return 1 if missed else 0


def sale(rng: random.Random, shops: int) -> dict[str, object]:
    """Return a random event: a shop, whether it sold, and a price."""
    return {
        "shop": f"shop {rng.randrange(shops)}",
        "sold": rng.random() < 0.3,
        "price": round(rng.lognormvariate(2.0, 0.5), 2),
    }
