"""Sums of many keys by SQL engines: `Table.from_query` against the engine's plain group-by-sum.

`python benchmarks/bulk.py` writes `benchmarks/bulk.md`. Times are CPU seconds of this process, the
medians of several rounds, with one thread in each engine. The plain query groups by the key and
sums the observation.
"""

import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import duckdb
import numpy as np
import polars

from seqbayes import Beta, Gamma, NormalInverseGamma
from seqbayes.likelihoods import Exponential
from seqbayes.table import Table

ROWS, KEYS, ROUNDS = 5_000_000, 100_000, 5
STATES = {
    "Beta, Bernoulli": (Beta(), "sold"),
    "Gamma, Exponential": (Gamma(likelihood=Exponential()), "seconds"),
    "Gamma, Poisson": (Gamma(), "calls"),
    "NormalInverseGamma": (NormalInverseGamma(), "amount"),
}


def make_rows(n=ROWS, keys=KEYS):
    """Return a data frame with a key and observations of several kinds."""
    rng = np.random.default_rng(1)
    return polars.DataFrame(
        {
            "k": rng.integers(0, keys, n),
            "sold": rng.random(n) < 0.3,
            "seconds": rng.exponential(2.0, n),
            "calls": rng.poisson(3.0, n),
            "amount": rng.normal(1e3, 1.0, n),
        }
    )


def measure(*functions, rounds=ROUNDS):
    """Return the median CPU seconds of each function, called in turns."""
    times = [[] for _ in functions]
    for _ in range(rounds):
        for taken, function in zip(times, functions, strict=True):
            start = time.process_time()
            function()
            taken.append(time.process_time() - start)
    return [statistics.median(taken) for taken in times]


def compare(engine, frame, state, value):
    """Return the CPU seconds of the plain query and of `from_query`."""
    query = "SELECT k, SUM(CAST({} AS DOUBLE PRECISION)) AS s FROM {} GROUP BY k".format
    if engine == "Polars":
        context = polars.SQLContext(rows=frame.lazy())
        return measure(
            lambda: context.execute(query(value, "rows")).collect(engine="streaming").to_numpy(),
            lambda: Table.from_query(state, frame, key="k", value=value),
        )
    connection = duckdb.connect(config={"threads": 1})
    connection.register("frame", frame.to_arrow())
    connection.execute("CREATE TABLE rows AS SELECT * FROM frame")
    return measure(
        lambda: connection.execute(query(value, "rows")).fetchnumpy(),
        lambda: Table.from_query(state, "rows", key="k", value=value, connection=connection),
    )


def main():
    """Measure and write the table."""
    frame = make_rows()
    lines = [
        "# Sums of many keys by SQL engines",
        "",
        f"{ROWS:,} rows, {KEYS:,} keys; CPU seconds, medians of {ROUNDS} rounds, one thread in each"
        " engine. Written by `benchmarks/bulk.py`.",
        "The ratio is the speed of `Table.from_query` relative to the engine's plain"
        " `SELECT k, SUM(x) … GROUP BY k`, which neither validates",
        "rows nor counts them. The machine was shared with other processes.",
        "",
        "| engine | belief | group-by-sum, s | `from_query`, s | ratio | million rows / s |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for engine in ("DuckDB", "Polars"):
        for name, (state, value) in STATES.items():
            plain, ours = compare(engine, frame, state, value)
            rate = ROWS / ours / 1e6
            lines.append(
                f"| {engine} | {name} | {plain:.3f} | {ours:.3f} | {plain / ours:.2f}"
                f" | {rate:.1f} |"
            )
            print(lines[-1], file=sys.stderr)
    Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
