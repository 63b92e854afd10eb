"""Speed of learning mixtures, one by one and in bulk, compared with other libraries.

    python benchmarks/mixture.py            print the tables
    python benchmarks/mixture.py --write    write them to benchmarks/mixture.md as well
    python benchmarks/mixture.py learning memory

`_shared.py` describes the timing. Every model is timed after its start.
"""

import pickle
import sys
import time
import timeit
import tracemalloc
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np
from _shared import Row, machine, ratio, rounds, run, verdict
from river import cluster
from sklearn.cluster import MiniBatchKMeans
from sklearn.mixture import GaussianMixture

import seqbayes as sb
from seqbayes.mixture import DirichletProcessMixture, Mixture, Prequential
from seqbayes.river import MixtureDiscriminant

PEERS = ("river", "scikit-learn", "pomegranate", "torch")
EVENTS = 500
POINTS = 100_000
BULK_ROUNDS = 11
FIRST = 2_000
"""Number of observations after which a Mixture(3) has started and dropped its buffer."""


def clusters(n: int, d: int = 2, k: int = 3) -> Any:
    """Points (n, d) of k Normal clusters."""
    rng = np.random.default_rng(7)
    centres = rng.normal(0.0, 4.0, (k, d))
    roots = [np.linalg.cholesky(np.cov(rng.normal(size=(d, 3 * d)))) for _ in range(k)]
    which = rng.integers(0, k, n)
    return np.einsum("nij,nj->ni", np.array(roots)[which], rng.normal(size=(n, d))) + centres[which]


def dicts(points: Any) -> list[dict[str, float]]:
    names = [f"x{i}" for i in range(points.shape[1])]
    return [dict(zip(names, row, strict=True)) for row in points.tolist()]


def taught(model: Any, xs: Any) -> Any:
    for x in xs:
        model.learn_one(x)
    return model


# One observation at a time.


def learning() -> Iterator[Row]:
    plane, space = clusters(5000), clusters(5000, 20, 10)
    rows, wide, numbers = dicts(plane), dicts(space), plane[:, 0].tolist()
    mixed = [{**x, "label": "abc"[i % 3]} for i, x in enumerate(rows)]
    visit = sb.Product(
        {
            "x0": sb.NormalInverseGamma(0, 0.1, 2, 2),
            "x1": sb.NormalInverseGamma(0, 0.1, 2, 2),
            "label": sb.Dirichlet(dict.fromkeys("abc", 1)),
        }
    )
    gappy = [{k: v for k, v in x.items() if (i + ord(k[1])) % 4} for i, x in enumerate(rows)]
    models: dict[str, tuple[Any, list[Any]]] = {
        "river KMeans, 2-D": (cluster.KMeans(3, seed=1), rows),
        "river STREAMKMeans, 2-D": (cluster.STREAMKMeans(n_clusters=3, seed=1), rows),
        "river DBSTREAM, 2-D": (cluster.DBSTREAM(clustering_threshold=1.0), rows),
        "Mixture(3), numbers": (Mixture(3, seed=1), numbers),
        "Mixture(3), 2-D, full": (Mixture(3, seed=1), rows),
        "… diagonal": (Mixture(3, seed=1, covariance="diagonal"), rows),
        "… a quarter of the values missing": (Mixture(3, seed=1), gappy),
        "… lists of numbers": (Mixture(3, seed=1), plane.tolist()),
        "3 products of two numbers and a label": (Mixture([visit] * 3, seed=1), mixed),
        "Mixture(10), 20-D, full": (Mixture(10, seed=1), wide),
        "river KMeans(10), 20-D": (cluster.KMeans(10, seed=1), wide),
    }
    timers = {
        name: timeit.Timer(
            "for x in xs: learn(x)", globals={"learn": taught(it, xs).learn_one, "xs": xs[:EVENTS]}
        )
        for name, (it, xs) in models.items()
    }
    times = rounds(15, timers, 1, 3)
    targets = {"Mixture(3), numbers": 0.1, "Mixture(3), 2-D, full": 0.4}
    peer = times["river KMeans, 2-D"]
    for name, ts in times.items():
        shown = f"{min(ts) / EVENTS * 1e6:.2f} µs"
        value = ratio(ts, peer)
        if name in targets:
            target = targets[name]
            yield Row(name, f"{shown}, {value:.3f} ×", f"{target} ×", verdict(value, target))
        else:
            yield Row(name, shown if ts is peer else f"{shown}, {value:.3f} ×")


# Many observations at once.


def pomegranate_case(points: Any) -> Any:
    """Fit a mixture by batch EM in pomegranate, or return the reason why this is impossible."""
    try:
        models, distributions = (
            import_module(f"pomegranate.{name}") for name in ("gmm", "distributions")
        )
    except ImportError as error:
        return str(error)
    data = points.astype(np.float32)

    def fit() -> None:
        parts = [distributions.Normal() for _ in range(3)]
        models.GeneralMixtureModel(parts, max_iter=100).fit(data)

    return fit


def bulk() -> Iterator[Row]:
    plane, space = clusters(POINTS), clusters(20_000, 20, 10)
    begun, line, high = Mixture(3, seed=1), Mixture(3, seed=1), Mixture(10, seed=1)
    begun.learn_many(plane[:5000])
    line.learn_many(plane[:5000, 0])
    high.learn_many(space[:5000])

    def fresh(mixture: Mixture, points: Any) -> Any:
        """Learn the points with a copy made in advance, so that all rounds do the same work."""
        copies = [mixture.clone(include_attributes=True) for _ in range(BULK_ROUNDS)]
        return lambda: copies.pop().learn_many(points)

    def partial_fit() -> None:
        means = MiniBatchKMeans(3, random_state=1, n_init=1)
        for first in range(0, POINTS, 1000):
            means.partial_fit(plane[first : first + 1000])

    peer = "scikit-learn GaussianMixture(3, tol=1e-3).fit"
    cases: dict[str, tuple[Any, int]] = {
        peer: (lambda: GaussianMixture(3, tol=1e-3, random_state=1).fit(plane), POINTS),
        "Mixture(3), 2-D, full: learn_many": (fresh(begun, plane), POINTS),
        "… from a cold start": (lambda: Mixture(3, seed=1).learn_many(plane), POINTS),
        "Mixture(3), numbers: learn_many": (fresh(line, plane[:, 0]), POINTS),
        "scikit-learn MiniBatchKMeans(3).partial_fit of 1000 each": (partial_fit, POINTS),
        "Mixture(10), 20-D, full: learn_many": (fresh(high, space), len(space)),
        "scikit-learn GaussianMixture(10, tol=1e-3).fit, 20-D": (
            lambda: GaussianMixture(10, tol=1e-3, random_state=1).fit(space),
            len(space),
        ),
    }
    pomegranate = pomegranate_case(plane)
    if callable(pomegranate):
        cases["pomegranate GeneralMixtureModel(3).fit"] = (pomegranate, POINTS)
    timers = {name: timeit.Timer(f) for name, (f, _) in cases.items()}
    times = rounds(BULK_ROUNDS, timers, 1, 1)
    per_point = {name: [t / cases[name][1] for t in ts] for name, ts in times.items()}
    for name, ts in per_point.items():
        shown, value = f"{min(ts) * 1e6:.3f} µs a point", ratio(ts, per_point[peer])
        if name == "Mixture(3), 2-D, full: learn_many":
            yield Row(name, f"{shown}, {value:.4f} ×", "0.03 ×", verdict(value, 0.03))
        else:
            yield Row(name, shown if name == peer else f"{shown}, {value:.4f} ×")
    if not callable(pomegranate):
        yield Row("pomegranate", f"cannot be imported: {pomegranate}")


# Queries after every observation.


def answers() -> Iterator[Row]:
    rows = dicts(clusters(4000))
    labelled = [(x, i % 3) for i, x in enumerate(rows)]
    mixture = taught(Mixture(3, seed=1), rows)
    means = taught(cluster.KMeans(3, seed=1), rows)
    classifier = MixtureDiscriminant(3, seed=1)
    for x, y in labelled:
        classifier.learn_one(x, y)
    x = rows[0]

    def learn_and(ask: Any) -> Any:
        def both() -> None:
            mixture.learn_one(x)
            ask(x)

        return both

    def classify() -> None:
        classifier.learn_one(x, 1)
        classifier.predict_proba_one(x)

    timers = {
        "river KMeans: predict_one": timeit.Timer(lambda: means.predict_one(x)),
        "predict_proba_one": timeit.Timer(lambda: mixture.predict_proba_one(x)),
        "score_one": timeit.Timer(lambda: mixture.score_one(x)),
        "learn_one, then predict_proba_one": timeit.Timer(learn_and(mixture.predict_proba_one)),
        "learn_one, then score_one": timeit.Timer(learn_and(mixture.score_one)),
        "MixtureDiscriminant, 3 classes: predict_proba_one": timeit.Timer(
            lambda: classifier.predict_proba_one(x)
        ),
        "… learn_one, then predict_proba_one": timeit.Timer(classify),
    }
    for name, ts in rounds(15, timers, 100, 3).items():
        yield Row(name, f"{min(ts) * 1e6:.1f} µs")


# Predict, then learn.


def both(model: Any, ask: str, rows: list[Any]) -> Any:
    """Predict and learn 200 observations, from a stream that starts again at its end."""
    answer, state = getattr(model, ask), [0]

    def step() -> None:
        first = state[0]
        state[0] = (first + 200) % len(rows)
        for x in rows[first : first + 200]:
            answer(x)
            model.learn_one(x)

    return step


def classifying(model: MixtureDiscriminant, rows: list[Any]) -> Any:
    """Learn from all rows, then predict and learn 200 at a time; the first number is the class."""
    labelled = [(x, int(x["x0"] > -2.0) + int(x["x0"] > 3.0)) for x in rows]
    for x, y in labelled:
        model.learn_one(x, y)
    state = [0]

    def step() -> None:
        first = state[0]
        state[0] = (first + 200) % len(rows)
        for x, y in labelled[first : first + 200]:
            model.predict_proba_one(x)
            model.learn_one(x, y)

    return step


def prequential() -> Iterator[Row]:
    rows, wide = dicts(clusters(6000)), dicts(clusters(6000, 20, 10))
    asks = ("score_one", "log_density", "predict_proba_one")
    peer = both(cluster.KMeans(3, seed=1), "predict_one", rows)
    steps = {f"Mixture(3), 2-D: {a}": both(taught(Mixture(3, seed=1), rows), a, rows) for a in asks}
    large = taught(Mixture(10, seed=1), wide)
    steps |= {f"Mixture(10), 20-D: {ask}": both(large, ask, wide) for ask in asks}
    classified = {
        "MixtureDiscriminant(3), 3 classes": MixtureDiscriminant(3, seed=1),
        "MixtureDiscriminant(), 3 classes": MixtureDiscriminant(seed=1),
    }
    steps |= {name: classifying(model, rows) for name, model in classified.items()}
    timers = {name: timeit.Timer(s, timer=time.process_time) for name, s in steps.items()}
    times = rounds(9, {"peer": timeit.Timer(peer, timer=time.process_time)} | timers)
    yield Row("river KMeans, 2-D: predict_one", f"{min(times['peer']) / 200 * 1e6:.2f} µs")
    for name in steps:
        took, part = min(times[name]) / 200, ratio(times[name], times["peer"])
        if "2-D" in name:
            yield Row(name, f"{took * 1e6:.2f} µs, {part:.2f} ×", "1.5 ×", verdict(part, 1.5))
        else:
            most = 15.0 if "classes" in name else 40.0
            yield Row(name, f"{took * 1e6:.2f} µs", f"{most:g} µs", verdict(took * 1e6, most))
    yield from scaling()
    for name, kind, d, mean, longest in (
        ("Prequential(6), 2-D", lambda: Prequential(6, seed=1), 2, 60.0, 5.0),
        ("DirichletProcessMixture, 2-D", DirichletProcessMixture, 2, 10.0, 10.0),
        ("DirichletProcessMixture, 64-D", DirichletProcessMixture, 64, 200.0, 10.0),
    ):
        yield from events(name, kind(), dicts(clusters(6000 if d == 2 else 1500, d)), mean, longest)


def scaling() -> Iterator[Row]:
    """Full steps by the number of features, and restricted shapes."""
    for d in (64, 128):
        points, mixture = clusters(2400, d), Mixture(3, seed=1, buffer=1200)
        mixture.learn_many(points[:1800])
        each = bulk_steps({"full": mixture}, points[1800:])["full"] / (3 * d * d) * 1e3
        yield Row(f"full, {d}-D: per K·d²", f"{each:.2f} ns", "1.5 ns", verdict(each, 1.5))
    points, shapes = clusters(6000, 64, 10), ("full", "diagonal", "spherical")
    mixtures = {shape: Mixture(10, seed=1, covariance=shape) for shape in shapes}
    for mixture in mixtures.values():
        mixture.learn_many(points[:5000])
    sizes = {shape: len(pickle.dumps(mixture)) for shape, mixture in mixtures.items()}
    took = bulk_steps(mixtures, points[5000:])
    yield Row("full, 10 components, 64-D", f"{took['full']:.2f} µs, {sizes['full']:,} bytes")
    for shape in shapes[1:]:
        part = max(took[shape] / took["full"], sizes[shape] / sizes["full"])
        measured = f"{took[shape]:.2f} µs, {sizes[shape]:,} bytes"
        yield Row(f"… {shape}", measured, "0.1 × of both", verdict(part, 0.1))


def bulk_steps(mixtures: dict[str, Mixture], points: Any) -> dict[str, float]:
    """Return the microseconds of a step of `learn_many`, for several mixtures in turn."""
    timers = {
        name: timeit.Timer(lambda m=mixture: m.learn_many(points), timer=time.process_time)
        for name, mixture in mixtures.items()
    }
    return {name: min(t) / len(points) * 1e6 for name, t in rounds(5, timers, 1, 1).items()}


def events(name: str, model: Any, rows: list[Any], mean: float, longest: float) -> Iterator[Row]:
    """The mean from a cold start, the median after it, and the longest single observation."""
    took = []
    for x in rows:
        start = time.process_time()
        model.predict_one(x)
        model.learn_one(x)
        took.append(time.process_time() - start)
    whole, most = float(np.mean(took)) * 1e6, max(took) * 1e3
    usual = float(np.median(took[len(took) // 2 :])) * 1e6
    yield Row(f"{name}: mean", f"{whole:.0f} µs", f"{mean:g} µs", verdict(whole, mean))
    yield Row("… median after the start", f"{usual:.1f} µs", f"{mean:g} µs", verdict(usual, mean))
    yield Row("… longest", f"{most:.0f} ms", f"{longest:g} ms", verdict(most, longest))


# Memory.


def memory() -> Iterator[Row]:
    mixture = Mixture(3, seed=1)
    points = clusters(POINTS)
    tracemalloc.start()
    sizes, grown, done = {}, {}, 0
    for n in (FIRST, 10_000, 100_000, 1_000_000):
        for first in range(done, n, 1000):
            for x in points[first % POINTS : first % POINTS + 1000].tolist():
                mixture.learn_one(x)
        done = n
        del x
        grown[n] = tracemalloc.get_traced_memory()[0]
        sizes[n] = len(pickle.dumps(mixture))
    tracemalloc.stop()
    for n, size in sizes.items():
        more = grown[n] - grown[FIRST]
        row = Row(f"after {n:,}", f"{size:,} bytes pickled", note=f"{more:+,} bytes in the process")
        if n > FIRST:
            fixed = size <= sizes[FIRST] + 200 and more < 20_000
            row = row._replace(target="constant", verdict="holds" if fixed else "MISSED")
        yield row


TITLES = {
    "learning": "One observation",
    "bulk": f"{POINTS:,} points",
    "answers": "Queries",
    "prequential": "Predict, then learn",
    "memory": "Memory of a Mixture(3) on 2-D points",
}
NOTES = {
    "learning": "Per `learn_one`, loop included; ratios to river's KMeans on the same points. "
    "Observations are dicts except\nnumbers and lists.",
    "bulk": "Per point; ratios to scikit-learn's GaussianMixture. It and pomegranate iterate over "
    "the points until they\nconverge; the others learn every point once. All mixtures except one "
    "are timed after their start: a stream\nhas one start, from its first 1,200 points.",
    "answers": "Shortest of all rounds; 2-D points as dicts, 3 components.",
    "prequential": "Per observation, both calls together, on feature dictionaries; processor time. "
    "Models in the last rows\nstart without data; the longest observation is one that does most of "
    "a start or of a split.",
    "memory": "While points are learned one by one: the size of a pickle, and the memory that "
    f"Python has allocated since the first {FIRST:,}.",
}
TABLES = {
    "learning": learning,
    "bulk": bulk,
    "answers": answers,
    "prequential": prequential,
    "memory": memory,
}


def main() -> int:
    return run(__file__, __doc__, "Mixtures", machine(PEERS), TABLES, TITLES, NOTES)


if __name__ == "__main__":
    sys.exit(main())
