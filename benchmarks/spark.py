"""The time of `seqbayes.spark.learn` on a local cluster, compared with Spark's grouped sum.

Both read the same cached data frame. CPU times are those of all processes of this session: the
driver, the Java process and the Python workers.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

from _shared import machine, ratio
from pyspark.sql import functions as F  # noqa: N812 (as in Spark's documentation)

from seqbayes import Beta, Gamma, NormalInverseGamma
from seqbayes.spark import learn, session
from seqbayes.stream import Belief

TARGET = 1.0
BELIEFS = {
    "Beta": Belief("sold", Beta(), "sold", by="shop"),
    "Gamma (Poisson)": Belief("visits", Gamma(), "visits", by="shop"),
    "NormalInverseGamma": Belief("seconds", NormalInverseGamma(), "seconds", by="shop"),
}


def cpu_seconds() -> float:
    """CPU time of all processes of this session, and of their children that have ended."""
    ticks, own = 0, str(os.getsid(0))
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        if fields[3] == own:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(act: Callable[[], object]) -> tuple[float, float]:
    """Return elapsed and CPU seconds."""
    started, before = time.perf_counter(), cpu_seconds()
    act()
    return time.perf_counter() - started, cpu_seconds() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--keys", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="write benchmarks/spark.md")
    args = parser.parse_args()
    spark = session(
        "local[2]",
        settings={
            "spark.ui.enabled": "false",
            "spark.sql.shuffle.partitions": "4",
            "spark.driver.memory": "4g",
            "spark.log.level": "OFF",
        },
    )
    frame = spark.range(args.events, numPartitions=4).selectExpr(
        f"pmod(id * 7919, {args.keys}) as shop",
        "pmod(id * 31, 10) < 3 as sold",
        "pmod(id * 17, 9) as visits",
        "1e6 + pmod(id * 104729, 1000) / 1000d as seconds",
    )
    frame = frame.persist()
    frame.count()
    summed = frame.groupBy("shop").agg(F.sum("seconds"), F.count("*"))
    peer: list[tuple[float, float]] = []
    own: dict[str, list[tuple[float, float]]] = {name: [] for name in BELIEFS}

    def learned(belief: Belief) -> Callable[[], object]:
        def act() -> object:
            beliefs = learn(frame, belief)
            states = beliefs.states().toArrow()
            beliefs.unpersist()
            return states

        return act

    for number in range(args.rounds + 1):
        found = measure(summed.toArrow)
        each = {name: measure(learned(belief)) for name, belief in BELIEFS.items()}
        if number:  # the first round starts the workers
            peer.append(found)
            for name in BELIEFS:
                own[name].append(each[name])
    lines = [
        "# Spark",
        "",
        machine(("pyspark", "pyarrow")),
        "",
        f"{args.events:,} events of {args.keys:,} keys in a cached data frame, on `local[2]`; the"
        f" medians of {args.rounds} rounds of the ratio to Spark's grouped sum within each round.",
        "",
        "|  | seconds | CPU seconds | elapsed | CPU | target | verdict |",
        "|---|---|---|---|---|---|---|",
        f"| grouped sum | {min(t for t, _ in peer):.2f} | {min(c for _, c in peer):.2f} | 1 | 1 |"
        "  |  |",
    ]
    for name, times in own.items():
        elapsed, cpu = (ratio([t[i] for t in times], [t[i] for t in peer]) for i in (0, 1))
        lines.append(
            f"| {name} | {min(t for t, _ in times):.2f} | {min(c for _, c in times):.2f} |"
            f" {elapsed:.2f} × | {cpu:.2f} × | {TARGET:g} × |"
            f" {'holds' if elapsed <= TARGET else 'MISSED'} |"
        )
    text = "\n".join(lines) + "\n"
    print(text)
    if args.write:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main()
