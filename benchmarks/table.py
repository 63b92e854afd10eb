"""Speed, memory and answers of tables with many keys, compared with DuckDB, Polars and NumPy.

Every alternative computes the count and the sum of yes-or-no observations by key. A table also
checks every observation, and keeps exact sums from which it can forget and unlearn. Times are
process times of one thread each, so that other load on the machine matters less.

`python benchmarks/table.py --write` writes table.md. It takes about three minutes.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from _shared import machine

from seqbayes import Beta, Gamma, Normal
from seqbayes.likelihoods import Exponential
from seqbayes.statistics import MomentStatistic, PairStatistic
from seqbayes.table import Pool, Table
from seqbayes.table.pooling.estimate import estimate

EVENTS, KEYS = 10_000_000, 1_000_000
ROUNDS = 3
RNG = np.random.default_rng(0)


def seconds(action: Callable[[], Any]) -> float:
    """Process time of an action."""
    start = time.process_time()
    action()
    return time.process_time() - start


def medians(actions: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the median process times of actions that run in turns."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(ROUNDS):
        for name, action in actions.items():
            times[name].append(seconds(action))
    return {name: statistics.median(each) for name, each in times.items()}


def learned(keys: Any, xs: Any) -> Table:
    table = Table(Beta())
    table.learn_many(keys, xs)
    return table


def peers(keys: Any, xs: Any) -> dict[str, Callable[[], Any]]:
    """Return actions that sum by key with other libraries, of the data as Arrow."""
    os.environ["POLARS_MAX_THREADS"] = "1"  # read when Polars is imported
    import duckdb
    import polars as pl

    events = pa.table({"key": keys, "x": pa.array(xs)})
    frame = pl.DataFrame(events)
    connection = duckdb.connect(config={"threads": 1})
    connection.register("events", events)
    query = "SELECT key, count(*), sum(x::INT) FROM events GROUP BY key"
    grouped = frame.lazy().group_by("key").agg(pl.len(), pl.col("x").sum())
    return {
        "DuckDB": lambda: connection.sql(query).to_arrow_table(),
        "Polars": grouped.collect,
    }


def learning() -> list[str]:
    """Events per second of every alternative."""
    ids = RNG.integers(0, KEYS, EVENTS)
    xs = RNG.random(EVENTS) < 0.1
    texts = pc.binary_join_element_wise("user", pc.cast(pa.array(ids), pa.string()), "-")
    lines = []
    for name, keys, own in (
        ("integer keys", pa.array(ids), ids),
        ("strings (Arrow)", texts, texts),
    ):
        actions = {"seqbayes": lambda own=own: learned(own, xs), **peers(keys, xs)}
        if own is ids:
            actions["numpy bincount"] = lambda: (
                np.bincount(ids, minlength=KEYS),
                np.bincount(ids, weights=xs, minlength=KEYS),
            )
        found = medians(actions)
        mine = found["seqbayes"]
        for peer, each in found.items():
            lines.append(f"| {name} | {peer} | {EVENTS / each / 1e6:.1f} | {each / mine:.2f} |")
    return lines


def answers() -> list[str]:
    """Seconds of answers for a million keys."""
    ids = np.concatenate([np.arange(KEYS), RNG.integers(0, KEYS, KEYS)])
    table = learned(ids, RNG.random(len(ids)) < RNG.beta(1, 9, KEYS)[ids])
    table.answers()
    stored = table.to_arrow(statistics=True)
    table.p_best()  # imports scipy.integrate
    index = table.n_bytes - table.statistics_bytes
    found = medians(
        {
            "intervals": table.interval,
            "P(> threshold)": lambda: table.sf(0.1),
            "P(best)": table.p_best,
            "to Arrow and back": lambda: Table.from_arrow(table.to_arrow(statistics=True)),
            "top 10 by lower bound": lambda: table.top(10),
        }
    )
    lines = [f"| {name} | {each:.2f} s |" for name, each in found.items()]
    lines += [
        f"| statistics | {table.statistics_bytes / KEYS:.0f} bytes per key |",
        f"| index | {index / KEYS:.0f} bytes per key |",
        f"| Arrow form | {stored.nbytes / KEYS:.0f} bytes per key |",
    ]
    return lines


def pooling() -> list[str]:
    """Seconds in which the common prior of a million keys is estimated from their statistics."""
    lines = []
    n = RNG.integers(1, 20, KEYS).astype(float)
    hits = RNG.binomial(n.astype(int), RNG.beta(2, 6, KEYS)).astype(float)
    rate = RNG.gamma(3, 0.5, KEYS)
    means, zeros = RNG.normal(5, np.sqrt(4 + 9 / n)), np.zeros(KEYS)
    cases = {
        "Bernoulli": (Beta(), PairStatistic(hits, n - hits)),
        "Poisson": (Gamma(), PairStatistic(RNG.poisson(rate * n).astype(float), n)),
        "Exponential": (
            Gamma(likelihood=Exponential()),
            PairStatistic(n, RNG.gamma(n) / rate),
        ),
        "Normal": (Normal(0, 100, 9), MomentStatistic(n, means, zeros, zeros)),
    }
    for name, (state, statistic) in cases.items():
        found = seconds(
            lambda state=state, of=statistic: estimate(Pool("empirical"), state, of, [])
        )
        lines.append(f"| {name} | {found:.2f} s |")
    return lines


def report() -> str:
    parts = [
        "# Tables with many keys",
        "",
        "Written by `python benchmarks/table.py --write`. Process times of one thread, medians of",
        f"{ROUNDS} rounds in turns; {EVENTS:,} events, {KEYS:,} keys.",
        "",
        machine(("duckdb", "polars", "pyarrow")),
        "",
        "## Learning",
        "",
        "Ratios above 1 are slower than seqbayes.",
        "",
        "| keys | alternative | million events/s | time / seqbayes |",
        "| --- | --- | ---: | ---: |",
        *learning(),
        "",
        "## Answers and memory",
        "",
        "| answer for all keys | process time or size |",
        "| --- | ---: |",
        *answers(),
        "",
        "## Partial pooling",
        "",
        "| statistics | estimate of the common prior |",
        "| --- | ---: |",
        *pooling(),
        "",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write table.md")
    arguments = parser.parse_args()
    text = report()
    sys.stdout.write(text)
    if arguments.write:
        Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
