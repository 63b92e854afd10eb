"""Speed of seqbayes against its peers and its targets, all in one run.

    python benchmarks/speed.py            print the tables
    python benchmarks/speed.py --write    write them to benchmarks/speed.md as well
    python benchmarks/speed.py learning bulk

`_shared.py` describes the timing.
"""

import logging
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
import tracemalloc
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.special as sc
from _shared import Row, machine, ratio, rounds, run, verdict
from river import proba

import seqbayes as sb

PEERS = ("river", "conjugate-models", "conjugate-prior", "bayesian-testing")
N = 1_000_000
ROUNDS = {"learning": 25, "answers": 25, "peers": 9, "bulk": 11, "processes": 15}


# One observation at a time.


class Counter:
    """The minimum of learning in Python."""

    def __init__(self) -> None:
        self.a = 0


def learning() -> Iterator[Row]:
    rng = np.random.default_rng(1)
    trials = (rng.random(1000) < 0.3).tolist()
    labels = rng.choice(["green", "red", "yellow", "blue"], 1000).tolist()
    numbers = rng.normal(10.0, 3.0, 1000).tolist()
    counts = rng.poisson(4.0, 1000).tolist()
    uniform = dict.fromkeys(["green", "red", "yellow", "blue"], 1)
    fields = {"x": sb.NormalInverseGamma(), "label": sb.Dirichlet(uniform), "count": sb.Gamma()}
    rows = [
        dict(zip(fields, row, strict=True)) for row in zip(numbers, labels, counts, strict=True)
    ]
    statements: dict[str, tuple[str, Any, list[Any]]] = {
        "an empty loop": ("pass", None, trials),
        "self.a += 1, bare": ("it.a += 1", Counter(), trials),
        "river.proba.Beta.update": ("it.update(x)", proba.Beta(), trials),
        "Beta.learn_one": ("it.learn_one(x)", sb.Beta(), trials),
        "river.proba.Multinomial.update": ("it.update(x)", proba.Multinomial(), labels),
        "Dirichlet.learn_one": ("it.learn_one(x)", sb.Dirichlet(uniform), labels),
        "river.proba.Gaussian.update": ("it.update(x)", proba.Gaussian(), numbers),
        "NormalInverseGamma.learn_one": ("it.learn_one(x)", sb.NormalInverseGamma(), numbers),
        "Normal.learn_one": ("it.learn_one(x)", sb.Normal(), numbers),
        "Gamma.learn_one (Poisson)": ("it.learn_one(x)", sb.Gamma(), counts),
        "DirichletProcess.learn_one": ("it.learn_one(x)", sb.DirichletProcess(), labels),
        "Product.learn_one (x, label, count)": ("it.learn_one(x)", sb.Product(fields), rows),
    }
    targets = {
        "Beta.learn_one": ("river.proba.Beta.update", 0.5),
        "Dirichlet.learn_one": ("river.proba.Multinomial.update", 0.2),
        "NormalInverseGamma.learn_one": ("river.proba.Gaussian.update", 0.2),
    }
    timers = {
        name: timeit.Timer(f"for x in xs: {statement}", globals={"it": it, "xs": xs})
        for name, (statement, it, xs) in statements.items()
    }
    times = rounds(ROUNDS["learning"], timers, 1)
    empty = times.pop("an empty loop")
    times = {
        name: [(t - e) / len(trials) for t, e in zip(ts, empty, strict=True)]
        for name, ts in times.items()
    }
    bare = times["self.a += 1, bare"]
    for name, own in times.items():
        note = f"{ratio(own, bare):.2f} × bare"
        if name not in targets:
            yield Row(name, f"{min(own) * 1e9:.0f} ns", note=note)
            continue
        peer, target = targets[name]
        value = ratio(own, times[peer])
        shown = f"{min(own) * 1e9:.0f} ns, {value:.3f} × {peer}"
        yield Row(name, shown, f"{target} ×", verdict(value, target), note)


# Answers of a state.


def answers() -> Iterator[Row]:
    beta, dirichlet = (
        sb.Beta(2, 3),
        sb.Dirichlet({"green": 40, "red": 25, "yellow": 15, "blue": 20}),
    )
    gamma, normal, both = sb.Gamma(2, 3), sb.Normal(), sb.NormalInverseGamma()
    beta.learn_many([True, False, True])
    dirichlet.learn_many(["red", "green", "red"])
    gamma.learn_many([3, 0, 2])
    normal.learn_many([0.3, 1.0, 2.0])
    both.learn_many([0.3, 1.0, 2.0])
    states = {
        "Beta": (beta, "True"),
        "Gamma (Poisson)": (gamma, "3"),
        "Dirichlet of 4": (dirichlet, "'red'"),
        "Normal": (normal, "0.3"),
        "NormalInverseGamma": (both, "0.3"),
    }
    timers, targets = {"": timeit.Timer("pass")}, {}
    for family, (state, x) in states.items():
        for what, statement, target in (
            ("mean", "it.mean", 3.0),
            ("mode", "it.mode", 3.0),
            ("p(x)", f"it.predictive.p({x})", 3.0 if state.likelihood.labelled else None),
            ("95 % interval", "it.interval()", 25.0),
        ):
            name = f"{family}: {what}"
            timers[name] = timeit.Timer(statement, globals={"it": state})
            targets[name] = target
    times = rounds(ROUNDS["answers"], timers, 100, 20)
    empty = min(times.pop(""))
    for name, ts in times.items():
        value, target = (min(ts) - empty) * 1e6, targets[name]
        note = f"median {statistics.median(ts) * 1e6:.1f} µs"
        if name == "Dirichlet of 4: 95 % interval":
            name, value = "Dirichlet of 4: 95 % interval, each", value / 4.0
            note = f"median of all four {statistics.median(ts) * 1e6:.1f} µs"
        if target is None:
            yield Row(name, f"{value:.1f} µs", note=note)
        else:
            yield Row(name, f"{value:.1f} µs", f"{target:g} µs", verdict(value, target), note)
    size = len(pickle.dumps(beta))
    yield Row("a pickled Beta", f"{size} bytes", "300 bytes", verdict(size, 299))


# A million observations at once.


class Bulk(NamedTuple):
    make: Callable[[], Any]
    xs: Any
    plain: Callable[[Any], Any]
    calls: str


def log_factorials(xs: Any) -> Any:
    return xs.sum(), sc.gammaln(xs + 1.0).sum()


def bulk_cases() -> dict[str, Bulk]:
    rng = np.random.default_rng(2)
    trials, counts = rng.random(N) < 0.3, rng.poisson(5.0, N)
    waits, numbers = rng.exponential(5.0, N), rng.normal(10.0, 3.0, N)
    labels = rng.integers(0, 8, N)
    words = np.array(["green", "red", "blue"])[labels % 3]
    tallied = "x.sum(), gammaln(x + 1).sum()"

    def gamma(likelihood: Any) -> Callable[[], Any]:
        return lambda: sb.Gamma(likelihood=likelihood)

    return {
        "Bernoulli, bool": Bulk(sb.Beta, trials, np.count_nonzero, "count_nonzero(x)"),
        "Bernoulli, int64": Bulk(sb.Beta, trials.astype(np.int64), np.sum, "x.sum()"),
        "Bernoulli, float64": Bulk(sb.Beta, trials.astype(float), np.sum, "x.sum()"),
        "Geometric, int64": Bulk(
            lambda: sb.Beta(likelihood=sb.likelihoods.Geometric()),
            rng.geometric(0.3, N),
            np.sum,
            "x.sum()",
        ),
        "Poisson, int64": Bulk(sb.Gamma, counts, log_factorials, tallied),
        "Poisson, float64": Bulk(sb.Gamma, counts.astype(float), log_factorials, tallied),
        "Exponential": Bulk(gamma(sb.likelihoods.Exponential()), waits, np.sum, "x.sum()"),
        "Weibull": Bulk(
            gamma(sb.likelihoods.Weibull(1.5)),
            waits,
            lambda x: ((x**1.5).sum(), np.log(x).sum()),
            "(x**k).sum(), log(x).sum()",
        ),
        "Pareto": Bulk(
            gamma(sb.likelihoods.Pareto(2.0)),
            2.0 + waits,
            lambda x: np.log(x / 2.0).sum(),
            "log(x / scale).sum()",
        ),
        "Normal precision": Bulk(
            gamma(sb.likelihoods.NormalPrecision(10.0)),
            numbers,
            lambda x: ((x - 10.0) ** 2).sum(),
            "((x - mean)**2).sum()",
        ),
        "Normal, mean and variance": Bulk(
            sb.NormalInverseGamma, numbers, lambda x: (x.mean(), x.var()), "x.mean(), x.var()"
        ),
        "Categorical, int64": Bulk(
            lambda: sb.Dirichlet([1.0] * 8), labels, np.bincount, "bincount(x)"
        ),
        "Categorical, strings": Bulk(
            lambda: sb.Dirichlet({"green": 1, "red": 1, "blue": 1}),
            words,
            lambda x: np.unique(x, return_counts=True),
            "unique(x, return_counts=True)",
        ),
    }


def bulk() -> Iterator[Row]:
    for name, (make, xs, plain, calls) in bulk_cases().items():
        state = make()
        timers = {
            "own": timeit.Timer("f(x)", globals={"f": state.learn_many, "x": xs}),
            "plain": timeit.Timer("f(x)", globals={"f": plain, "x": xs}),
        }
        times = rounds(ROUNDS["bulk"], timers, 1)
        value = ratio(times["own"], times["plain"])
        tracemalloc.start()
        state.learn_many(xs)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        shown = f"{min(times['own']) * 1e3:.2f} ms, {value:.2f} × `{calls}`"
        note = f"{peak / 1e6:.1f} MB at most"
        yield Row(name, shown, "2 ×", verdict(value, 2.0), note)


# Whole processes.


def processes() -> Iterator[Row]:
    python, script = sys.executable, Path(sys.executable).with_name("seqbayes")
    command = [str(script)] if script.exists() else [python, "-m", "seqbayes"]
    base = "import numpy, scipy.special"
    commands = {
        "an empty program": [python, "-c", "pass"],
        base: [python, "-c", base],
        "from seqbayes import Beta": [python, "-c", "from seqbayes import Beta"],
        "seqbayes --help": [*command, "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as cache:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = cache  # everything is compiled in the first round
        for number in range(ROUNDS["processes"] + 1):
            for name, arguments in commands.items():
                start = time.perf_counter()
                subprocess.run(arguments, env=environment, check=True, stdout=subprocess.DEVNULL)
                if number > 0:
                    times[name].append(time.perf_counter() - start)
    for name, ts in times.items():
        median = f"{statistics.median(ts) * 1e3:.0f} ms"
        if name in ("from seqbayes import Beta", "seqbayes --help"):
            value = ratio(ts, times[base])
            yield Row(name, f"{median}, {value:.2f} × `{base}`", "1.3 ×", verdict(value, 1.3))
        else:
            yield Row(name, median)


# One trial, the mean and an interval, in every library that has them.


def river_peer() -> dict[str, Callable[[], Any]]:
    belief = proba.Beta(2, 3)
    return {"one trial": lambda: belief.update(True)}


def conjugate_models() -> dict[str, Callable[[], Any]]:
    prior = import_module("conjugate.distributions").Beta(2, 3)
    learn = import_module("conjugate.models").bernoulli_beta
    return {
        "one trial": lambda: learn(x=1, prior=prior),
        "mean": lambda: prior.dist.mean(),
        "95 % interval": lambda: prior.dist.interval(0.95),
    }


def conjugate_prior() -> dict[str, Callable[[], Any]]:
    belief = import_module("conjugate_prior").BetaBernoulli(2, 3)
    return {
        "one trial": lambda: belief.update(1, 0),
        "mean": lambda: belief.mean(),
        "95 % interval": lambda: (belief.percentile(0.025), belief.percentile(0.975)),
    }


def bayesian_testing() -> dict[str, Callable[[], Any]]:
    test = import_module("bayesian_testing.experiments").BinaryDataTest()
    logging.getLogger("bayesian_testing").setLevel(logging.WARNING)
    test.add_variant_data_agg("a", totals=3, positives=2, a_prior=2, b_prior=3)
    return {
        "one trial": lambda: test.add_variant_data_agg("a", 1, 1, replace=False),
        "mean and 95 % interval, simulated": lambda: test.evaluate(seed=1),
    }


def own() -> dict[str, Callable[[], Any]]:
    belief = sb.Beta(2, 3)
    return {
        "one trial": lambda: belief.learn_one(True),
        "mean": lambda: belief.mean,
        "95 % interval": lambda: belief.interval(),
    }


def peers() -> Iterator[Row]:
    libraries = {
        "seqbayes": own,
        "river": river_peer,
        "conjugate-models": conjugate_models,
        "conjugate-prior": conjugate_prior,
        "bayesian-testing": bayesian_testing,
    }
    timers = {"": timeit.Timer(lambda: None)}
    missing: list[tuple[str, str]] = []
    for library, make in libraries.items():
        try:
            timers |= {f"{library}: {what}": timeit.Timer(f) for what, f in make().items()}
        except ImportError as error:
            missing.append((library, str(error)))
    times = rounds(ROUNDS["peers"], timers, 100, 2)
    empty = min(times.pop(""))
    for name, ts in times.items():
        yield Row(name, f"{(min(ts) - empty) * 1e6:.2f} µs")
    for library, error in missing:
        yield Row(library, f"cannot be imported: {error}")


TITLES = {
    "learning": "One observation",
    "answers": "Answers of a state",
    "bulk": f"learn_many of {N:,} observations, validated, against numpy without validation",
    "processes": "Whole processes",
    "peers": "A Beta and a trial in other libraries",
}
NOTES = {
    "learning": "Per observation, the time of an empty loop subtracted.",
    "answers": "Shortest of all rounds, an empty statement subtracted. The target of p(x) applies "
    "to labels; for counts and\nnumbers it needs gamma functions.",
    "bulk": "",
    "processes": "Times are medians; bytecode is cached, as after an installation.",
    "peers": "Each in a function, minus the time of an empty one. River's Beta has neither mean "
    "nor interval;\nconjugate-models and conjugate-prior return a new belief for each trial.",
}
TABLES = {
    "learning": learning,
    "answers": answers,
    "bulk": bulk,
    "processes": processes,
    "peers": peers,
}


def main() -> int:
    head = machine(PEERS)
    return run(__file__, __doc__, "Speed", head, TABLES, TITLES, NOTES)


if __name__ == "__main__":
    sys.exit(main())
