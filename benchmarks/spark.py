"""The time of `seqbayes.spark.learn` on a local cluster, compared with Spark's grouped sum.

Spark and `learn` read the same cached data frame, and Spark and `learn_parquet` the same Parquet
files. CPU times are those of all processes of this session: the driver, the Java process
and the Python workers.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
from _shared import machine, ratio
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 (as in Spark's documentation)

from seqbayes import Beta, Gamma, NormalInverseGamma
from seqbayes.spark import Beliefs, learn, learn_parquet, session
from seqbayes.stream import Belief

Times = dict[str, list[tuple[float, float]]]

TARGET = 1.0
SUM, MOVE = "grouped sum", "`mapInArrow` of a key and a number, without learning"
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


def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Count rows, so that a job does nothing but move them to Python."""
    n = sum(batch.num_rows for batch in batches)
    yield pa.RecordBatch.from_pydict({"n": pa.array([n], pa.int64())})


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
    with tempfile.TemporaryDirectory() as folder:
        files = str(Path(folder) / "events")
        frame.write.parquet(files)
        tables = [
            (
                f"{args.events:,} events of {args.keys:,} keys in Parquet files",
                measure_files(spark, files, args.rounds),
            ),
            (
                "The same events in a cached data frame",
                measure_frame(frame, args.rounds),
            ),
        ]
    lines = ["# Spark", "", machine(("pyspark", "pyarrow")), ""]
    lines += [
        f"On `local[2]`; the medians of {args.rounds} rounds of the ratio to Spark's grouped sum"
        " within each round."
    ]
    for title, times in tables:
        lines += ["", f"## {title}", "", *rows(times)]
    text = "\n".join(lines) + "\n"
    print(text)
    if args.write:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    spark.stop()


def measure_files(spark: SparkSession, files: str, rounds: int) -> Times:
    """Measure the grouped sum and `learn_parquet` of Parquet files."""
    jobs = {SUM: lambda: sum_groups(spark.read.parquet(files))}
    for name, belief in BELIEFS.items():
        jobs[f"`learn_parquet`, {name}"] = lambda belief=belief: collect(
            learn_parquet(spark, files, belief)
        )
    return measure_jobs(jobs, rounds)


def measure_frame(frame: DataFrame, rounds: int) -> Times:
    """Measure the grouped sum and `learn` of a cached data frame."""
    frame = frame.persist()
    frame.count()
    jobs = {
        SUM: lambda: sum_groups(frame),
        MOVE: lambda: frame.select("shop", "seconds").mapInArrow(count, "n long").collect(),
    }
    for name, belief in BELIEFS.items():
        jobs[f"`learn`, {name}"] = lambda belief=belief: collect(learn(frame, belief))
    return measure_jobs(jobs, rounds)


def sum_groups(frame: DataFrame) -> object:
    """Compute the grouped sum of a data frame."""
    return frame.groupBy("shop").agg(F.sum("seconds"), F.count("*")).toArrow()


def collect(beliefs: Beliefs) -> object:
    """Compute the states, and drop the cached results."""
    states = beliefs.states().toArrow()
    beliefs.unpersist()
    return states


def measure_jobs(jobs: dict[str, Callable[[], object]], rounds: int) -> Times:
    """Return elapsed and CPU seconds of each job in each round."""
    times: Times = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            found = measure(job)
            if number:  # the first round starts the workers
                times[name].append(found)
    return times


def rows(times: Times) -> Iterator[str]:
    """Yield the rows of a table."""
    yield "|  | seconds | CPU seconds | elapsed | CPU | target | verdict |"
    yield "|---|---|---|---|---|---|---|"
    for name, pairs in times.items():
        seconds, cpu = (min(pair[i] for pair in pairs) for i in (0, 1))
        line = f"| {name} | {seconds:.2f} | {cpu:.2f} |"
        if name == SUM:
            yield line + " 1 | 1 |  |  |"
            continue
        elapsed, used = (
            ratio([pair[i] for pair in pairs], [pair[i] for pair in times[SUM]]) for i in (0, 1)
        )
        line += f" {elapsed:.2f} × | {used:.2f} × |"
        verdict = "holds" if elapsed <= TARGET else "MISSED"
        yield line + ("  |  |" if name == MOVE else f" {TARGET:g} × | {verdict} |")


if __name__ == "__main__":
    main()
