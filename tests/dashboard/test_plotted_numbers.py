"""Numbers that are plotted over time, and their history in stores."""

import csv
import json
import math
import time

import numpy as np
import pytest

from seqbayes import (
    Beta,
    Dirichlet,
    DirichletProcess,
    Gamma,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
    river,
)
from seqbayes.compare import compare, number_of
from seqbayes.dashboard import views
from seqbayes.dashboard.live import differences
from seqbayes.dashboard.live import history as history_module
from seqbayes.mixture import Mixture
from seqbayes.model import SUMMARY_SIZE
from seqbayes.stream import export, open_store
from seqbayes.stream.history import summarise
from seqbayes.stream.stores import Changes, HistoryPoint, StoredState


def test_one_of_several_estimates_is_plotted():
    colours = Dirichlet({"red": 1.0, "blue": 1.0, "green": 1.0})
    colours.learn_many(["blue"] * 3 + ["red"] * 4)
    found = views.plotted(colours)
    assert (found.name, found.path, found.mean) == ("red", ("red",), pytest.approx(0.5))
    assert (found.low, found.high) == pytest.approx(colours.interval()["red"])
    # blue is plotted while its share may still be the largest
    assert views.plotted(colours, held=("blue",)).name == "blue"
    colours.learn_many(["red"] * 90)
    assert views.plotted(colours, held=("blue",)).name == "red"
    assert views.plotted(DirichletProcess(1.0)) is None
    vector = NormalInverseWishart([0, 1], df=6.0)
    vector.learn_many([[1, 2], [3, 1], [0, 1]])
    line = views.card(vector)["fields"][0]
    found = views.plotted(vector)
    assert (found.name, found.path, found.mean) == ("0", ("mean", 0), line["mean"])
    assert [found.low, found.high] == pytest.approx(line["interval"])
    inner = Product({"p": colours.clone(), "n": Gamma(2, 1)})
    product = Product({"flat": Beta(0, 0), "in": inner, "w": NormalInverseGamma()})
    found = views.plotted(product, held=("in", "p", "green"))
    assert (found.name, found.path) == ("in.p = green", ("in", "p", "green"))
    assert views.plotted(Mixture(2)) is None
    parts = {"low": NormalInverseGamma(-4, 1, 1, 1), "high": NormalInverseGamma(4, 1, 1, 1)}
    mixture = Mixture(parts, seed=1, buffer=8)
    mixture.learn_many([-4.0, -3.5, -4.5, -3.9, 4.0, 4.2])
    assert views.plotted(mixture) is None  # components may still exchange their names
    mixture.learn_many([-4.1, -3.8, 4.1, -4.0])
    assert mixture.started
    found = views.plotted(mixture)
    assert (found.name, found.path) == ("share of low", ("low",))
    assert found.mean == mixture.weights[0] > 0.5
    assert views.plotted(mixture, held=("high",)).mean == mixture.weights[1]
    assert views.plotted(mixture, held=("none",)).name == "share of low"


def train(model, rows):
    """Return an estimator that has learned rows."""
    for row in rows:
        model.learn_one(*row)
    return model


def summary_contains(found, state):
    """Whether the plotted number is at its path in a stored summary."""
    summary = json.loads(json.dumps(summarise(state)))
    wanted = (found.mean, found.low, found.high)
    return history_module.estimate_at(summary, found.path) == pytest.approx(wanted)


def test_paths_of_plotted_estimates_exist_in_stored_summaries():
    vector = NormalInverseWishart([0, 1], df=6.0)
    inner = Product({"p": Dirichlet.flat(["a", "b"]), "v": vector})
    product = Product(
        {"flat": Beta(0, 0), "in": inner, "w": NormalInverseGamma(), "n": Gamma(2, 1)}
    )
    for x in ([1, 2], [3, 1], [0, 1], [2, 2]):
        product.learn_one({"in": {"p": "b", "v": x}, "w": float(x[0]), "n": 2})
    found = views.plottable(product)
    assert [each.name for each in found] == [
        *("in.p = b", "in.p = a", "in.v.0", "in.v.1", "w mean", "n"),
    ]
    for each in found:
        assert summary_contains(each, product)
    assert views.plottable(Beta())[0].mean == 0.5
    assert views.plottable(Mixture(2)) == []


def test_a_classifier_plots_the_share_of_a_class():
    for model in (river.ConjugateNB(), river.MixtureDiscriminant(components=1, buffer=5, seed=1)):
        assert views.plotted(model) is None
        train(model, [({"x": 1.0}, "red")])
        assert views.plotted(model) == ("share of class red", ("red",), 1.0, None, None, True)
        train(model, [({"x": float(i)}, "red" if i % 2 else "blue") for i in range(8)])
        found = views.plotted(model)
        belief = Dirichlet({"red": 1.0, "blue": 1.0})
        belief.learn_many(["red"] * 5 + ["blue"] * 4)
        assert (found.name, found.mean) == ("share of class red", pytest.approx(6 / 11))
        assert (found.low, found.high) == pytest.approx(belief.interval()["red"])
        assert summary_contains(found, model)
        # blue is plotted while its share may still be the largest
        held = views.plotted(model, held=("blue",))
        assert held.path == ("blue",)
        assert summary_contains(held, model)
        train(model, [({"x": 1.0}, "red")] * 90)
        assert views.plotted(model, held=("blue",)).path == ("red",)
        assert views.plotted(model, held=("none",)).path == ("red",)


def test_a_regression_plots_the_first_weight():
    model, rng = river.ConjugateLinearRegression(), np.random.default_rng(2)
    assert views.plotted(model) is None
    train(model, [({"b": 1.0, "a": 2.0}, 3.0)])
    assert views.plotted(model)[:2] == ("weight of b", ("b",))
    assert views.plotted(model).low is None
    train(model, [({"a": a, "b": b}, 2.0 * a - b) for a, b in rng.normal(size=(50, 2))])
    found = views.plotted(model, held=("a",))
    assert (found.name, found.mean) == ("weight of b", model.weights["b"])
    assert (found.low, found.high) == model.weight_intervals()["b"]
    assert summary_contains(found, model)


def test_a_detector_plots_the_first_feature():
    model = river.PredictiveSurprise({"own": Gamma(1, 1), "n": "count"})
    assert views.plotted(model) is None
    # labels have an estimate already, numbers do not
    train(model, [({"x": 1.0, "c": "red"},)])
    assert views.plotted(model)[:2] == ("c = red", ("c", "red"))
    train(model, [({"x": 2.0, "own": 3}, 0.5), ({"x": 4.0, "own": 3},)])
    found = views.plotted(model, held=("c", "red"))
    belief = model.belief("x")
    assert (found.name, found.path) == ("x mean", ("x", "mean"))
    assert (found.mean, found.low, found.high) == (belief.mean.mean, *belief.interval().mean)
    assert summary_contains(found, model)
    for features in ({"v": NormalInverseWishart([0, 1], df=6.0)}, {"v": Gamma(1, 1)}):
        value = [1.0, 2.0] if "Wishart" in repr(features) else 3
        model = train(river.PredictiveSurprise(features), [({"v": value},)] * 3)
        found = views.plotted(model)
        assert found.mean is not None
        assert summary_contains(found, model)


def test_summaries_of_estimators_are_short():
    rng = np.random.default_rng(1)
    words = [f"word {i}" for i in rng.integers(300, size=2000) ** 2 // 300]
    model = train(river.ConjugateNB(), [({"x": 1.0}, word) for word in words])
    summary = summarise(model)
    assert summary["n_samples"] == 2000.0
    assert len(summary["mean"]) == len(summary["interval"]) == SUMMARY_SIZE
    assert min(summary["mean"].values()) >= sorted(model.class_shares.values())[-SUMMARY_SIZE]
    wide = {f"x{i}": 1.0 + i for i in range(50)}
    line = train(river.ConjugateLinearRegression(), [(wide, 2.0), (wide, 3.0)])
    assert list(summarise(line)["mean"]) == [f"x{i}" for i in range(SUMMARY_SIZE)]
    detector = train(
        river.PredictiveSurprise(), [({"word": word, **wide},) for word in words[:400]]
    )
    summary = summarise(detector)
    assert len(summary["mean"]) == len(summary["mean"]["word"]) == SUMMARY_SIZE
    belief = detector.belief("word")
    for label, share in summary["mean"]["word"].items():
        assert share == pytest.approx(belief.mean[label])
        assert summary["interval"]["word"][label] == pytest.approx(belief.interval()[label])


LEARNING = """
store = "beliefs.db"
source = { kind = "file", path = "events.jsonl", follow = true }
history = { every = "0.05 s" }
[belief.line]
state = "conjugate-linear-regression"
features = ["a", "b"]
field = "y"
[belief.kind]
state = "mixture-discriminant"
parameters = { components = 2, buffer = 10 }
features = ["a"]
field = "c"
[belief.anomaly]
state = "predictive-surprise"
features = ["c", "a"]
"""

PARTS = {"line": "weight of a", "kind": "share of class red", "anomaly": "c = red"}


def events(n, start=0):
    return [
        {"a": math.sin(i), "b": math.cos(2 * i), "y": 3 * math.sin(i) + 0.1 * (i % 3), "c": colour}
        for i, colour in ((i, "red" if i % 3 else "blue") for i in range(start, start + n))
    ]


def write(path, rows):
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def detail(server, name):
    return server.get(f"/api/beliefs/{name}/%5B%5D")


def stored(server, name):
    return [n for n in detail(server, name)["history"]["n"] if n is not None]


@pytest.fixture
def learned(serve, tmp_path):
    """A server that showed estimators while they learned, so that its store has their history."""
    path = tmp_path / "events.jsonl"
    server = serve(LEARNING)
    for start in (0, 30, 60):
        write(path, events(30, start))
        server.until(lambda: server.get("/api/health")["events"] == start + 30)  # noqa: B023
        server.until(lambda: all(server.get(f"/api/beliefs/{name}")["cards"] for name in PARTS))
        for name in PARTS:
            known = 1 + start // 30
            server.until(lambda: len(stored(server, name)) >= known)  # noqa: B023
    return server


def test_estimators_have_a_history(learned, serve, tmp_path):
    for name, part in PARTS.items():
        response = detail(learned, name)
        history, spark = response["history"], response["spark"]
        assert (history["part"], spark["part"]) == (part, part)
        assert len(history["t"]) > 2
        assert next(n for n in history["n"] if n is not None) <= 90.0
        line = next(each for each in response["fields"] if each["name"] in (part, "a", "class red"))
        assert history["mean"][-1] == pytest.approx(line["mean"], rel=0.1)
        assert history["low"][-1] < history["mean"][-1] < history["high"][-1]
    learned.stop()
    store, began = serve("beliefs.db"), time.time()
    for name, part in PARTS.items():
        spark = store.until(lambda: store.get(f"/api/beliefs/{name}")["cards"])[0]["spark"]  # noqa: B023
        assert spark["part"] == part
        assert spark["t"][0] < began  # it begins with the stored history


def test_the_history_of_estimators_is_exported(learned, tmp_path):
    learned.stop()
    assert export("beliefs.db", "history.csv", "history") > 9
    with open("history.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    parts = {(row["belief"], row["part"]) for row in rows}
    assert parts == {
        *(("line", "a"), ("line", "b"), ("kind", "red"), ("kind", "blue")),
        *(
            ("anomaly", "c red"),
            ("anomaly", "c blue"),
            ("anomaly", "a mean"),
            ("anomaly", "a variance"),
        ),
    }
    for row in rows:
        assert float(row["low"]) < float(row["mean"]) < float(row["high"])
    export("beliefs.db", "history.jsonl", "history", belief="kind")
    with open("history.jsonl", encoding="utf-8") as file:
        documents = [json.loads(line) for line in file]
    assert documents[-1]["mean"].keys() == documents[-1]["interval"].keys() == {"red", "blue"}
    assert sum(documents[-1]["mean"].values()) == pytest.approx(1.0)


def test_a_store_without_summaries_of_estimators_is_read(serve, tmp_path):
    """As in stores whose history began before numbers of estimators were plotted."""
    model = river.ConjugateNB()
    with open_store("beliefs.db") as store:
        store.acquire()
        store.declare("b", json.dumps({"state": model.to_dict(), "by": []}))
        train(model, [({"x": 1.0}, "red"), ({"x": 2.0}, "blue"), ({"x": 2.0}, "red")])
        now = time.time()
        response = '{"n_samples":1.0}', json.dumps(summarise(model))
        history = [HistoryPoint("b", "[]", now - 9.0 + i, text) for i, text in enumerate(response)]
        states = [StoredState("b", "[]", json.dumps(model.to_dict()), now)]
        store.commit(Changes("s", 1, 1, states, history=history))
    history = detail(serve("beliefs.db"), "b")["history"]
    assert history["n"][0] == 3.0
    assert history["mean"][0] == pytest.approx(0.6)


def test_a_difference_over_time_compares_the_latest_states_of_both_keys():
    def past(start, period):
        times = [float(t) for t in range(start, start + 1000, 2)]
        return times, [number_of(Beta(1 + k // period, 1 + k)) for k in range(500)]

    one, other = past(0, 2), past(100, 3)
    found = differences.difference(one, other, 0.8)
    assert len(found["t"]) == differences.MAX_POINTS
    assert (found["t"][0], found["t"][-1], found["level"]) == (100.0, 1098.0, 0.8)
    gaps = np.diff(found["t"])
    assert gaps.max() <= 2 * gaps.min()
    for i in (0, 77, -1):
        t = found["t"][i]
        pair = {
            name: states[max(k for k, at in enumerate(times) if at <= t)]
            for name, (times, states) in (("one", one), ("other", other))
        }
        expected = compare(pair, control="other", level=0.8).differences["one"]
        assert found["mean"][i] == pytest.approx(expected.mean, rel=1e-5)
        assert [found["low"][i], found["high"][i]] == pytest.approx(expected.interval, rel=1e-5)
    assert differences.difference(one, ([], []), 0.95)["t"] == []
