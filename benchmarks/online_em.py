"""Accuracy of online EM: one pass over a stream compared with batch EM over all of it.

python benchmarks/online_em.py            print the tables; a quarter of an hour
python benchmarks/online_em.py --write    write them to benchmarks/online_em.md as well
python benchmarks/online_em.py coins hostile
"""

import math
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from _shared import Row, machine, run, verdict
from sklearn.mixture import GaussianMixture

import seqbayes as sb
from seqbayes.mixture import DirichletProcessMixture, Mixture, Power, Prequential

SEEDS = range(40)
HOSTILE = range(200)
LONG = 10_000_000
PROMISED = 3.0
"""No accuracy is documented for clusters with centres closer than this."""


# Two coins, each picked half of the time and tossed ten times.


def tosses(seed: int, n: int) -> Any:
    rng = np.random.default_rng(seed)
    return rng.binomial(10, np.where(rng.random(n) < 0.5, 0.8, 0.5))


def coins_by_batch(heads: Any) -> Any:
    """EM of two coins and their weights to its limit, written out over the distinct counts."""
    values, counts = np.unique(heads, return_counts=True)
    theta, weight = np.array([0.8, 0.5]), 0.5
    for _ in range(5000):
        odds = theta[:, None] ** values * (1 - theta[:, None]) ** (10 - values)
        odds *= np.array([[weight], [1 - weight]])
        r = counts * odds / odds.sum(axis=0)
        old, theta = theta, (r * values).sum(axis=1) / (10 * r.sum(axis=1))
        weight = r[0].sum() / counts.sum()
        if np.abs(theta - old).max() < 1e-13:
            break
    return theta


def coins() -> Iterator[Row]:
    coin = sb.Beta(likelihood=sb.likelihoods.Binomial(trials=10))
    kinds: dict[str, dict[str, Any]] = {
        "from (.6, .5)": {"start": (0.6, 0.5)},
        "from the data": {},
        "from (.6, .5), the last iterate": {"start": (0.6, 0.5), "average": False},
        "from (.6, .5), step 1/n": {"start": (0.6, 0.5), "average": False, "step": Power(1.0)},
    }
    sizes = {1_000: None, 10_000: 3e-3, 100_000: 6e-4}
    errors: dict[tuple[str, int], list[float]] = {}
    for seed in SEEDS:
        heads = tosses(seed, max(sizes))
        batch = {n: coins_by_batch(heads[:n]) for n in sizes}
        for kind, settings in kinds.items():
            mixture, done = Mixture([coin, coin], seed=seed, **settings), 0
            for n in sizes:
                mixture.learn_many(heads[done:n])
                done = n
                theta = np.array(sorted(mixture.parameters or (), reverse=True))
                errors.setdefault((kind, n), []).append(float(np.abs(theta - batch[n]).max()))
    for (kind, n), found in errors.items():
        rms, target = math.sqrt(np.mean(np.square(found))), sizes[n]
        name, note = f"{n:,} sets, {kind}", f"worst {max(found):.1e}"
        if target is None or "average" in kinds[kind]:
            yield Row(name, f"{rms:.1e}", note=note)
        else:
            yield Row(name, f"{rms:.1e}", f"{target:.0e}", verdict(rms, target), note)


# Three Normal clusters in the plane.


def clusters(seed: int, n: int, separation: float) -> Any:
    """Points of three clusters of random places, shapes and sizes."""
    rng = np.random.default_rng(seed)
    means = rng.normal(0, separation, (3, 2))
    which = rng.choice(3, n, p=rng.dirichlet([5] * 3))
    roots = [
        np.linalg.cholesky(np.cov(rng.normal(size=(2, 6))) + 0.1 * np.eye(2)) for _ in range(3)
    ]
    return np.einsum("nij,nj->ni", np.array(roots)[which], rng.normal(size=(n, 2))) + means[which]


def density(mixture: Mixture, points: Any) -> float:
    return float(np.mean([mixture.log_density(x) for x in points.tolist()]))


def gaussians() -> Iterator[Row]:
    for separation in (4.0, 3.0, 2.0):
        gaps = []
        for seed in SEEDS:
            points = clusters(seed, 120_000, separation)
            learned, held_out = points[:100_000], points[100_000:]
            batch = GaussianMixture(3, tol=1e-6, max_iter=2000, random_state=seed).fit(learned)
            online = Mixture(3, seed=seed)
            online.learn_many(learned)
            gaps.append(batch.score(held_out) - density(online, held_out))
        median, within = float(np.median(gaps)), sum(gap <= 3e-4 for gap in gaps)
        name = f"centres ~ N(0, {separation:g}²)"
        promised = separation >= PROMISED
        worst = ", ".join(f"{gap:.1e}" for gap in sorted(gaps)[-3:])
        better = f"{sum(gap < 0 for gap in gaps)} of {len(gaps)} better than batch EM"
        row = Row(
            f"{name}: within 3e-4 nat a point",
            f"{within} of {len(gaps)}",
            note=f"worst {worst}; {better}",
        )
        if promised:
            held = verdict(-within, -39 / 40 * len(gaps))
            row = row._replace(target="39 of 40", verdict=held)
        yield row
        yield Row(f"{name}: median gap", f"{median:.1e}", "1e-4", verdict(median, 1e-4))


# Streams that make components collapse.


def hostile_stream(i: int) -> tuple[int, str, Any]:
    """Number of components, the fault of the stream, and points (n, d) of unit scale."""
    rng = np.random.default_rng(i)
    d, k, n = int(rng.integers(1, 4)), int(rng.integers(2, 9)), 2000
    centres = rng.normal(0, 4, (int(rng.integers(1, 4)), d))
    points = centres[rng.integers(0, len(centres), n)] + rng.normal(size=(n, d))
    match i % 5:
        case 0:
            return k, "twenty points, repeatedly", points[rng.integers(0, 20, n)]
        case 1:
            return 12, "twelve components for one to three", points
        case 2:
            points[:k] = points[0]
            return k, "the first K points are equal", points
        case 3:
            points[: n // 3] = points[0]
            return k, "the first third are equal points", points
    return k, "rounded to whole numbers", np.round(points)


def collapsed(mixture: Mixture, scale: float) -> bool:
    """Whether a component has no extent, no finite parameter, or no share."""
    for parameter, weight in zip(mixture.parameters or (), mixture.weights, strict=True):
        covariance = np.atleast_2d(parameter[1]) / scale**2
        if not np.isfinite(covariance).all() or not 0.0 <= weight <= 1.0:
            return True
        if np.linalg.eigvalsh(covariance).min() <= 1e-9:
            return True
    return False


def hostile() -> Iterator[Row]:
    counts: dict[str, list[bool]] = {}
    for i in HOSTILE:
        k, what, points = hostile_stream(i)
        scale = 10.0 ** (i % 13 - 6)
        points = points * scale + (1e3 * scale if i % 3 == 0 else 0.0)
        mixture = Mixture(k, seed=i)
        mixture.learn_many(points if points.shape[1] > 1 else points[:, 0])
        counts.setdefault(what, []).append(collapsed(mixture, scale))
    for what, found in counts.items():
        value = sum(found)
        yield Row(what, f"{value} of {len(found)} collapsed", "0", verdict(value, 0))


# Ten million points.


def exact_moments(chunks: Any) -> tuple[float, float]:
    """Mean and variance from exactly rounded sums, about a number near the mean."""
    origin = float(chunks[0][0])
    shifted = [chunk - origin for chunk in chunks]
    n = sum(map(len, shifted))
    mean = math.fsum(math.fsum(chunk) for chunk in shifted) / n
    squares = math.fsum(math.fsum((chunk - mean) ** 2) for chunk in shifted)
    return origin + mean, squares / n


def drift() -> Iterator[Row]:
    rng = np.random.default_rng(4)
    chunks = [
        1e6 + np.where(rng.random(1_000_000) < 0.3, 0.0, 5.0) + rng.normal(size=1_000_000)
        for _ in range(LONG // 1_000_000)
    ]
    prior = sb.NormalInverseGamma(1e6, 0.01, 1.5, 1.0)
    start = ((1e6, 4.0),)
    one = Mixture([prior], start=start, step=Power(1.0), average=False, burn_in=10)
    two = Mixture(2, seed=1)
    for chunk in chunks:
        one.learn_many(chunk)
        two.learn_many(chunk)
    mean, variance = exact_moments(chunks)
    seen = one.components[0].mle
    yield Row("mean of one component, step 1/n", f"{abs(seen.mean - mean):.1e} from the exact one")
    error = abs(seen.variance / variance - 1.0)
    yield Row("its variance", f"{error:.1e} relative error", "1e-9", verdict(error, 1e-9))
    mass = abs(math.fsum(state.n_samples for state in two.components) / LONG - 1.0)
    yield Row("total mass of two", f"{mass:.1e} relative error", "1e-9", verdict(mass, 1e-9))
    found = sorted(zip((p.mean for p in two.parameters or ()), two.weights, strict=True))
    positions = max(abs(found[0][0] - 1e6), abs(found[1][0] - 1e6 - 5.0))
    yield Row("their means", f"{positions:.1e} from the truth", "5e-3", verdict(positions, 5e-3))
    yield Row("their shares", f"{abs(found[0][1] - 0.3):.1e} from the truth")


# Two shards, merged.


def shards() -> Iterator[Row]:
    gaps: dict[str, list[float]] = {}
    for seed in SEEDS:
        points = clusters(seed, 60_000, 3.0)
        learned, held_out = points[:40_000], points[40_000:]
        scale = np.diag(learned[:500].var(axis=0)) / 3
        prior = [sb.NormalInverseWishart(learned[:500].mean(axis=0), 0.01, 4, scale)] * 3
        left, right, whole = (Mixture(prior, seed=seed) for _ in range(3))
        left.learn_many(learned[::2])
        right.learn_many(learned[1::2])
        whole.learn_many(learned)
        batch = {}
        for name, data in (("all", learned), ("a shard", learned[::2])):
            mixture = Mixture(prior, seed=seed)
            mixture.fit(data)
            batch[name] = density(mixture, held_out)
        for name, mixture, best in (
            ("one pass over all", whole, "all"),
            ("one pass over a shard", left, "a shard"),
            ("two shards merged", left + right, "all"),
        ):
            gaps.setdefault(name, []).append(abs(batch[best] - density(mixture, held_out)))
    bar = float(np.median(gaps["one pass over a shard"]))
    for name, found in gaps.items():
        median, worst = float(np.median(found)), f"worst {max(found):.1e}"
        if name == "two shards merged":
            yield Row(name, f"{median:.1e}", f"{bar:.1e}", verdict(median, bar), worst)
        else:
            yield Row(name, f"{median:.1e}", note=worst)


# How many components.


def faithful(seed: int) -> Any:
    """272 points like those of Old Faithful: eruptions and waiting times, short and long ones."""
    rng = np.random.default_rng(seed)
    short = (rng.random(272) < 0.356)[:, None]
    roots = np.linalg.cholesky([[[0.069, 0.435], [0.435, 33.7]], [[0.17, 0.94], [0.94, 36.05]]])
    noise = rng.normal(size=(272, 2))
    return np.where(short, noise @ roots[0].T + [2.036, 54.48], noise @ roots[1].T + [4.29, 79.97])


def one(seed: int) -> Any:
    """Points of one cluster, three times longer than wide."""
    return np.random.default_rng(seed).normal(size=(5000, 2)) @ np.array([[1.0, 0.8], [0.0, 3.0]])


def five(seed: int) -> Any:
    """Points of five clusters of random shapes, on the corners of a square and in its middle."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0], [6, 0], [0, 6], [6, 6], [3, 3]], float)
    which = rng.choice(5, 5000, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    roots = [
        np.linalg.cholesky(np.cov(rng.normal(size=(2, 8))) + 0.1 * np.eye(2)) for _ in range(5)
    ]
    noise = rng.normal(size=(5000, 2))
    return centres[which] + np.einsum("nij,nj->ni", np.array(roots)[which], noise)


def count() -> Iterator[Row]:
    cases: dict[str, tuple[Any, int, int, tuple[int, ...]]] = {
        "like Old Faithful, 2": (faithful, 2, 5, (100, 200, 272)),
        "five clusters": (five, 5, 8, (500, 1000, 2000, 5000)),
        "one cluster": (one, 1, 3, (500, 1000, 2000, 5000)),
    }
    for name, (make, truth, most, stops) in cases.items():
        found: dict[tuple[str, int], list[int]] = {}
        for seed in SEEDS:
            points, done = make(seed), 0
            buffer = 150 if len(points) < 300 else None
            grown = DirichletProcessMixture(seed=seed, buffer=buffer)
            rivals = Prequential(most, seed=seed)
            for n in stops:
                for model in (grown, rivals):
                    model.learn_many(points[done:n])
                done = n
                found.setdefault((f"1 to {most} compared", n), []).append(rivals.best)
                found.setdefault(("Dirichlet process", n), []).append(len(grown.names))
        for (model, n), counts in sorted(found.items()):
            right = sum(k == truth for k in counts)
            others = ", ".join(f"{k}: {counts.count(k)}" for k in sorted(set(counts) - {truth}))
            yield Row(f"{name}: {model}, after {n:,}", f"{right} of {len(counts)}", note=others)


TITLES = {
    "coins": "Two coins: root mean square distance to batch EM on the same data",
    "gaussians": "Three clusters: held-out log likelihood that batch EM gains over one pass",
    "hostile": f"{len(HOSTILE)} hostile streams",
    "drift": f"{LONG:,} points",
    "shards": "Two shards: distance in held-out log likelihood to batch EM on the same data",
    "count": "How often the number of components is right",
}
NOTES = {
    "coins": f"{len(SEEDS)} seeds; for each, the larger of the errors of the two probabilities of "
    "heads, .8 and .5. Weights are estimated.",
    "gaussians": f"{len(SEEDS)} seeds. `Mixture(3)` learns 100,000 points once, from a cold start; "
    "scikit-learn's\n`GaussianMixture(3, tol=1e-6)` iterates over them until it converges, from "
    "its default "
    "start. In nats per point,\nover 20,000 other points. With centres from N(0, 2²), clusters "
    "overlap, and "
    "batch EM needs up\nto 300 passes; no accuracy is documented for them.",
    "hostile": "Scales from 1e-6 to 1e6, a third of them far from 0. Collapsed: an eigenvalue of a "
    "covariance at\nmost 1e-9 of that of the scale, or a number that is not finite.",
    "drift": "Two Normal components 1e6 away from 0, learned in one pass.",
    "shards": f"{len(SEEDS)} seeds, medians, nats per point; priors given, cold start, 20,000 "
    "points per shard. The target for\nmerged shards is the loss of one pass over a shard.",
    "count": f"{len(SEEDS)} seeds; the note has other numbers of components, and how often they "
    "were chosen. A stream is\nlearned once: by a `DirichletProcessMixture`, and by `Prequential`, "
    "whose best mixture is counted.",
}
TABLES = {
    "coins": coins,
    "gaussians": gaussians,
    "hostile": hostile,
    "drift": drift,
    "shards": shards,
    "count": count,
}


def main() -> int:
    head = machine(("scikit-learn",))
    return run(__file__, __doc__, "Online EM", head, TABLES, TITLES, NOTES)


if __name__ == "__main__":
    sys.exit(main())
