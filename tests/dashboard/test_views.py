"""States as JSON values: every family, before and after events."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from cases import CASES
from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    DirichletProcess,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    PriorError,
    Product,
    distributions,
    river,
)
from seqbayes.dashboard import generate, views
from seqbayes.dashboard.server import openapi
from seqbayes.dashboard.views import base
from seqbayes.figures import curves
from seqbayes.likelihoods import Binomial, LogNormal, Multinomial
from seqbayes.mixture import DirichletProcessMixture, Mixture


def detail_of(state, last=None):
    """Return all views of a state as decoded JSON."""
    return json.loads(json.dumps(views.detail(state, last), allow_nan=False))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_every_family_is_shown_with_finite_numbers(case):
    xs = case.observations(12)
    for seen in (0, 1, 12):
        state = case.new(xs[:seen])
        shown = detail_of(state, xs[0])
        assert shown["n"] == pytest.approx(state.n_samples)
        assert shown["kind"] == state.display_kind
        assert shown["text"] == str(state)
        if shown["kind"] == "number" and shown["mean"] is not None:
            assert shown["mean"] == pytest.approx(state.mean)
            assert shown["interval"] == pytest.approx(list(state.interval()))
            assert shown["mean"] == views.rankings([state])[0].mean
        step = views.step(state, xs[0])
        json.dumps(step, allow_nan=False)
        if step is not None and shown["kind"] in ("number", "normal", "labels"):
            right = step["prior"] * step["likelihood"] / step["evidence"]
            assert step["posterior"] == pytest.approx(right, rel=1e-9)
        surprise = views.surprise(state, (xs[0],))
        if surprise is not None:
            assert surprise == pytest.approx(-state.log_predictive(xs[0]))


def test_the_step_of_a_label_concerns_its_share():
    state = Dirichlet({"a": 2.0, "b": 3.0, "c": 5.0})
    step = views.step(state, "b")
    assert (step["of"], step["at"], step["evidence"]) == ("b", 4 / 11, 0.3)
    assert step["prior"] == pytest.approx(distributions.Beta(3, 7).pdf(4 / 11))
    assert step["posterior"] == pytest.approx(distributions.Beta(4, 7).pdf(4 / 11))
    assert views.step(Dirichlet({"a": 0.0, "b": 1.0}), "b") is None  # its share is known
    words = DirichletProcess(2.0)
    assert views.step(words, "to") is None  # as is the share of new words
    words.learn_many(["to", "be", "to"])
    step = views.step(words, "or")
    assert (step["of"], step["at"], step["evidence"]) == (None, 0.5, 0.4)
    right = step["prior"] * step["likelihood"] / step["evidence"]
    assert step["posterior"] == pytest.approx(right)
    counts = Dirichlet({"a": 2.0, "b": 3.0}, likelihood=Multinomial())
    assert "of" not in views.step(counts, {"a": 1, "b": 2})


def test_means_of_logarithms_are_labelled():
    price = NormalInverseGamma(0, 1, 1, 1, likelihood=LogNormal())
    product = Product({"price": price, "size": Normal(likelihood=LogNormal())})
    names = [line["name"] for line in views.card(product)["fields"]]
    assert names == [
        *("price mean of the log", "price variance of the log", "size mean of the log"),
    ]
    assert views.plotted(product).name == "price mean of the log"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_flat_priors_of_every_family_can_be_shown(case):
    if case.has_flat:
        detail_of(case.flat())


SHAPES = [
    *(Beta(2, 3), Beta(1e6, 1e6), Beta(1e12, 3e12), Beta(0.5, 0.5), Beta(1, 1), Beta(900, 2)),
    *(Gamma(2, 3), Gamma(0.1, 1.0), Gamma(1e9, 1e3), Normal(1e9, 1e-6)),
    *(NormalInverseGamma(0, 1, 0.6, 1), NormalInverseGamma(1e6, 1e4, 1e4, 1e-4)),
]


@pytest.mark.parametrize("state", SHAPES, ids=lambda state: repr(state)[:40])
def test_the_smoothness_of_a_density_does_not_depend_on_its_width(state):
    """Straight lines between the points are near the curve everywhere."""
    drawn = views.card(state)["density"]
    x, height = np.array(drawn["x"]), np.array(drawn["posterior"])
    assert 20 < len(x) <= 64
    assert np.all(np.diff(x) > 0.0)
    belief = state.belief(state.posterior)
    belief = belief.marginals.mean if hasattr(belief, "marginals") else belief
    if np.isfinite(belief.pdf(belief.support[0])):  # most of the probability is near the pole
        assert belief.cdf(float(x[-1])) - belief.cdf(float(x[0])) > 0.94
    if belief.mode is not None and x[0] < belief.mode < x[-1]:
        assert height.max() == pytest.approx(belief.pdf(belief.mode), rel=1e-3)
    middle = (x[1:] + x[:-1]) / 2.0
    off = np.abs(belief.pdf(middle) - (height[1:] + height[:-1]) / 2.0)
    assert off.max() < 0.03 * height.max()


def test_prior_and_likelihood_are_on_the_grid_of_the_posterior():
    state = Beta(2, 2)
    state.learn_many([True] * 5 + [False])
    drawn = views.card(state, last=True)["density"]
    x = np.array(drawn["x"])
    assert drawn["prior"] == pytest.approx(Beta(2, 2).pdf(x), abs=1e-3)
    peak = max(drawn["posterior"])
    assert drawn["likelihood"] == pytest.approx(peak * x / x.max(), rel=1e-3)
    assert views.card(Beta(0, 0))["density"] is None
    state = Beta(0, 0)
    state.learn_many([True, False, True])
    assert views.card(state)["density"]["prior"] is None
    assert views.card(state, last="nonsense")["density"]["likelihood"] is None


def test_labels_are_shown_with_their_shares():
    state = Dirichlet({f"c{i}": 1.0 for i in range(30)})
    state.learn_many(["c7"] * 20 + ["c3"] * 10)
    shown = views.card(state)
    assert [share["label"] for share in shown["shares"][:2]] == ["c7", "c3"]
    assert len(shown["shares"]) == 12
    assert shown["rest"] == 18
    first = shown["shares"][0]
    assert first["mean"] == shown["mean"] == pytest.approx(21 / 60)
    assert first["mle"] == pytest.approx(2 / 3)
    assert first["interval"] == pytest.approx(list(state.interval()["c7"]))
    total = sum(share["mean"] for share in shown["shares"]) + shown["rest_mean"]
    assert total == pytest.approx(1.0)
    words = DirichletProcess(1.0)
    words.learn_many(["to", "be", "to"])
    assert views.card(words)["unseen"] == pytest.approx(0.25)
    detail_of(words, "to")


def test_vectors_and_products_are_shown_line_by_line():
    vector = NormalInverseWishart([0, 1], df=6.0)
    vector.learn_many([[1, 2], [3, 1], [0, 1]])
    lines = views.card(vector)["fields"]
    assert [line["mean"] for line in lines] == pytest.approx(vector.mean.mean.tolist())
    assert lines[0]["interval"] == pytest.approx([float(e[0]) for e in vector.interval().mean])
    product = Product({"w": NormalInverseGamma(), "p": Dirichlet.flat(["a", "b"]), "c": Gamma()})
    product.learn_one({"w": 2.0, "p": "a", "c": 3})
    names = [line["name"] for line in views.card(product)["fields"]]
    assert names == ["w mean", "w variance", "p = a", "p = b", "c"]
    detail_of(product, {"w": 1.0})


def test_each_of_several_numbers_has_a_density():
    inner = Product({"v": NormalInverseWishart([0, 1], df=6.0), "p": Dirichlet.flat(["a", "b"])})
    product = Product({"ok": Beta(1, 3), "flat": Beta(0, 0), "in": inner})
    event = {"ok": True, "in": {"v": [1.0, 2.0], "p": "a"}}
    product.learn_many([event] * 5)
    parts = {part["name"]: part for part in detail_of(product, event)["marginals"]}
    assert list(parts) == ["ok", "flat", "in.v.0", "in.v.1", "in.p"]
    alone = Beta(1, 3)
    alone.learn_many([True] * 5)
    assert (
        parts["ok"]["density"]["posterior"] == views.card(alone, True, 100)["density"]["posterior"]
    )
    assert parts["ok"]["density"]["likelihood"] is not None
    assert parts["in.p"]["shares"][0]["label"] == "a"
    vector = product.marginal("in").marginal("v")
    (line, _) = views.card(vector)["fields"]
    part = parts["in.v.0"]
    assert (part["mean"], part["interval"]) == (line["mean"], line["interval"])
    x, height = part["density"]["x"], part["density"]["posterior"]
    assert np.trapezoid(height, x) == pytest.approx(1.0, abs=0.06)
    flat = NormalInverseWishart([0.0], kappa=0.0, df=0.0, scale=[[0.0]])
    assert detail_of(flat)["marginals"] == []


def test_shares_have_a_unit_among_several_numbers():
    product = Product({"n": Gamma(2, 1), "ok": Beta(3, 97), "p": Dirichlet.flat(["a", "b"])})
    shares = [line.get("unit") for line in views.card(product)["fields"]]
    assert shares == [None, "share", "share", "share"]
    lines = {line["name"]: line for line in detail_of(product)["predictive"]["lines"]}
    assert lines["ok = true"] == {
        "name": "ok = true",
        "mean": 0.03,
        "interval": None,
        "unit": "share",
    }
    mixed = Mixture([product, product], seed=1)
    mixed.learn_many([{"n": 1, "ok": k % 2 == 0, "p": "a"} for k in range(9)])
    lines = {line["name"]: line for line in detail_of(mixed)["predictive"]["lines"]}
    assert lines["ok = true"]["unit"] == "share"
    assert not views.plotted(product).share
    assert views.plotted(product.marginal("p")).share
    assert views.plotted(Product({"ok": Beta()})).share


def test_the_curve_of_a_mixture_is_the_sum_of_its_components():
    state = Mixture([NormalInverseGamma(-4), NormalInverseGamma(4)])
    rng = np.random.default_rng(1)
    xs = np.concatenate([rng.normal(-4, 1, 300), rng.normal(4, 0.5, 700)])
    state.learn_many(rng.permutation(xs))
    shown = detail_of(state, 1.0)
    unknown = DirichletProcessMixture(seed=1)
    unknown.learn_many(rng.permutation(xs))
    assert len(detail_of(unknown, 1.0)["components"]) == 2
    weights = [component["weight"] for component in shown["components"]]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] == pytest.approx(0.7, abs=0.05)
    assert shown["settled"]
    assert "start" not in shown
    fresh = Mixture(2, buffer=50)
    fresh.learn_many([1.0, 2.0, 7.0])
    fresh = detail_of(fresh)
    assert (fresh["settled"], fresh["start"]) == (False, {"kept": 3, "needed": 50})
    first = shown["components"][0]
    assert sum(component["n"] for component in shown["components"]) == pytest.approx(1000.0)
    assert [line["name"] for line in first["fields"]] == ["mean", "variance"]
    largest = state.components[int(np.argmax(state.weights))]
    assert first["fields"][0]["mean"] == pytest.approx(largest.mean.mean)
    assert first["text"] == "mean {:.4g}, variance {:.4g}".format(*largest.mean)
    total = np.sum([component["density"] for component in shown["components"]], axis=0)
    assert shown["total"] == pytest.approx(total.tolist(), abs=1e-3)
    assert np.trapezoid(shown["total"], shown["x"]) == pytest.approx(1.0, abs=0.03)
    coins = Mixture([Beta(likelihood=Binomial(trials=10))] * 2, start=(0.3, 0.6))
    coins.learn_many([3, 7, 6, 2])
    shown = detail_of(coins)
    assert shown["discrete"]
    assert sum(shown["total"]) == pytest.approx(1.0, abs=0.01)
    assert len(shown["components"][0]["fields"]) == 1
    labels = Dirichlet.flat([f"l{i}" for i in range(20)])
    several = Product({"p": labels, "v": NormalInverseWishart([0, 0], df=4.0)})
    shown = detail_of(Mixture([labels, labels], seed=1))
    assert [line["name"] for line in shown["components"][0]["fields"][:2]] == ["l0", "l1"]
    assert len(shown["components"][0]["fields"]) == 12
    assert (
        detail_of(Mixture([several, several], seed=1))["components"][0]["fields"][0]["name"]
        == "p = l0"
    )
    for empty in (Mixture(2), coins.clone(), DirichletProcessMixture()):
        assert views.surprise(empty, (3,)) is None
        detail_of(empty)


@pytest.mark.parametrize(
    ("estimator", "event"),
    [
        (river.ConjugateNB(), ({"x": 1.0, "c": "a"}, "yes")),
        (river.ConjugateLinearRegression(), ({"x": 1.0}, 2.0)),
        (river.PredictiveSurprise(), ({"x": 1.0},)),
        (river.MixtureDiscriminant(), ({"x": 1.0}, "yes")),
    ],
)
def test_estimators_are_shown(estimator, event):
    detail_of(estimator)
    for i in range(4):
        assert views.step(estimator, event[0]) is None
        json.dumps(views.surprise(estimator, event), allow_nan=False)
        estimator.learn_one({**event[0], "x": float(i)}, *event[1:])
    shown = detail_of(estimator, event[0])
    assert shown["kind"] == "estimator"
    assert shown["n"] == 4.0
    assert "features: x" in shown["text"]
    assert shown["fields"]


def test_classifiers_show_classes_and_features():
    model = river.ConjugateNB({"legs": "count"})
    for i in range(300):
        model.learn_one({"legs": 2 + i % 3, "noise": f"sound {i % 9}"}, "dog" if i % 3 else "hen")
    shown = detail_of(model)
    lines = {line["name"]: line for line in shown["fields"]}
    assert shown["n"] == 300.0
    assert lines["class dog"]["n"] == 200.0
    assert lines["class dog"]["mean"] == pytest.approx(201 / 302)
    assert lines["class dog"]["interval"] == pytest.approx(list(Beta(201, 101).interval()))
    belief = model.belief("hen", "legs")
    assert lines["hen: legs"]["mean"] == pytest.approx(belief.mean)
    assert sum(name.startswith("dog: noise") for name in lines) == 4  # the most probable labels
    assert lines["dog: noise = sound 1"]["n"] == 34.0
    clusters = river.MixtureDiscriminant(components=2, seed=1)
    for i in range(120):
        clusters.learn_one({"x": float(i % 7)}, "yes" if i % 4 else "no")
    lines = detail_of(clusters)["fields"]
    assert [(line["name"], line["n"]) for line in lines[:2]] == [
        ("class no", 30.0),
        ("class yes", 90.0),
    ]
    # a class needs 50 rows for a mixture and has 30
    mixture = clusters.mixture("yes")
    for k, line in zip(mixture.ranking, lines[2:], strict=True):
        assert line["name"] == f"yes: component {mixture.names[k]}"
        assert (line["mean"], line["interval"]) == (mixture.weights[k], None)
        assert line["text"] == f"x {mixture.parameters[k]['x'].mean:.4g}"


def test_a_regression_shows_every_weight_with_its_interval():
    model, rng = river.ConjugateLinearRegression(), np.random.default_rng(2)
    for a, b, noise in rng.normal(size=(200, 3)):
        model.learn_one({"a": a, "b": b}, 2.0 * a - b + 5.0 + 0.1 * noise)
    lines = {line["name"]: line for line in detail_of(model)["fields"]}
    assert list(lines) == ["a", "b", "(intercept)", "(noise variance)"]
    for name, true in (("a", 2.0), ("b", -1.0), ("(intercept)", 5.0)):
        low, high = lines[name]["interval"]
        assert low < lines[name]["mean"] < high
        assert low - 0.02 < true < high + 0.02


def test_a_decaying_state_is_shown_as_of_its_clock():
    state = Decayed(Beta(), half_life=60.0, by="time")
    state.learn_one(True, t=0.0)
    state.learn_one(False, t=60.0)
    assert detail_of(state)["n"] == pytest.approx(1.5)
    assert views.rankings([state])[0].n == pytest.approx(1.5)
    assert views.surprise(state, (True,)) == pytest.approx(-math.log(1.5 / 3.5))
    assert views.step(state, True)["evidence"] == pytest.approx(1.5 / 3.5)


def test_predictives_sum_to_one():
    for state in (Gamma(3, 2), Beta(2, 3, likelihood=Binomial(trials=9)), Dirichlet([1, 2, 3])):
        predictive = views.detail(state)["predictive"]
        assert predictive["kind"] == "pmf"
        assert sum(predictive["p"]) == pytest.approx(1.0, abs=0.01)
    predictive = views.detail(Normal())["predictive"]
    assert predictive["kind"] == "pdf"
    assert np.trapezoid(predictive["p"], predictive["x"]) == pytest.approx(1.0, abs=0.01)


def test_the_prediction_of_a_mixture_is_the_sum_of_its_components():
    state = Mixture([NormalInverseGamma(-4), NormalInverseGamma(4)])
    state.learn_many(np.random.default_rng(1).normal([-4, 4], [1, 0.5], (200, 2)).ravel())
    shown = detail_of(state)
    predictive = shown["predictive"]
    assert predictive["kind"] == "pdf"
    assert (predictive["x"], predictive["p"]) == (shown["x"], shown["total"])
    densities = [math.exp(state.log_predictive(x)) for x in predictive["x"]]
    assert predictive["p"] == pytest.approx(densities, abs=1e-3)
    mean = np.trapezoid(np.array(predictive["x"]) * predictive["p"], predictive["x"])
    assert predictive["mean"] == pytest.approx(mean, abs=0.05)
    coins = Mixture([Beta(likelihood=Binomial(trials=10))] * 2, start=(0.3, 0.6))
    coins.learn_many([3, 7, 6, 2])
    assert detail_of(coins)["predictive"]["kind"] == "pmf"


def test_responsibilities_follow_bayes_rule():
    state = Mixture({"low": NormalInverseGamma(-4), "high": NormalInverseGamma(4)})
    assert detail_of(state)["makers"] is None
    state.learn_many(np.random.default_rng(1).normal([-4, 4], [1, 0.5], (200, 2)).ravel())
    made = detail_of(state, -1.0)["makers"]
    assert made["evidence"] == pytest.approx(math.exp(state.log_density(-1.0)))
    assert [each["name"] for each in made["components"]] == [state.names[k] for k in state.ranking]
    for each in made["components"]:
        right = each["share"] * each["density"] / made["evidence"]
        assert each["responsibility"] == pytest.approx(right)
        assert each["responsibility"] == state.predict_proba_one(-1.0)[each["name"]]
    assert sum(each["responsibility"] for each in made["components"]) == pytest.approx(1.0)
    assert detail_of(state, "nonsense")["makers"] is None


def test_each_of_several_numbers_is_predicted():
    vector = NormalInverseWishart([0, 1], df=6.0)
    vector.learn_many([[1, 2], [3, 1], [0, 1]])
    lines = detail_of(vector)["predictive"]["lines"]
    assert [line["mean"] for line in lines] == pytest.approx(vector.predictive.mean.tolist())
    first = vector.predictive.marginals[0]
    assert lines[0]["interval"] == pytest.approx(list(first.interval(0.95)))
    labels = Dirichlet({f"l{i}": 1.0 + i for i in range(9)})
    inner = Product({"v": vector.clone(), "rate": Gamma(2, 1)})
    product = Product({"w": NormalInverseGamma(), "p": labels, "in": inner, "flat": Beta(0, 0)})
    lines = {line["name"]: line for line in detail_of(product)["predictive"]["lines"]}
    assert list(lines) == [
        *("w", "p = l8", "p = l7", "p = l6", "p = l5", "in.v.0", "in.v.1", "in.rate", "flat"),
    ]
    assert lines["p = l8"]["mean"] == pytest.approx(9 / 45)
    assert lines["w"]["interval"] == pytest.approx(list(NormalInverseGamma().predictive.interval()))
    assert lines["flat"]["mean"] is None


def test_comparisons_agree_with_exact_values():
    exact = views.compare([Normal(0.3, 1.0), Normal(0.0, 3.0)])
    p = 0.5 * math.erfc(-0.3 / math.sqrt(4.0) / math.sqrt(2.0))
    assert exact["p_best"] == pytest.approx([p, 1.0 - p], rel=1e-9)
    (difference,) = exact["differences"]
    reach = 1.959963984540054 * 2.0
    assert difference["mean"] == pytest.approx(0.3)
    assert difference["interval"] == pytest.approx([0.3 - reach, 0.3 + reach], rel=1e-6)
    alike = views.compare([Gamma(3, 2)] * 5)
    assert alike["p_best"] == pytest.approx([0.2] * 5, rel=1e-8)
    # one very narrow, one very wide: X > 1/2 and Y ~ 1/2
    apart = views.compare([Beta(2, 2), Beta(1e8, 1e8), Beta(1e8, 1e8)])
    assert apart["p_best"] == pytest.approx([0.5, 0.25, 0.25], rel=1e-4)


def test_lowest_equals_highest_of_the_negated_numbers():
    states = [Normal(0.3, 1.0), Normal(0.0, 3.0), Normal(-0.5, 0.5)]
    upside_down = [Normal(-0.3, 1.0), Normal(0.0, 3.0), Normal(0.5, 0.5)]
    lowest, highest = views.compare(states, lowest=True), views.compare(upside_down)
    assert lowest["p_best"] == pytest.approx(highest["p_best"], rel=1e-9)
    assert lowest["best"] == highest["best"] == 2
    assert [each["mean"] for each in lowest["differences"]] == pytest.approx(
        [-each["mean"] for each in highest["differences"]]
    )


def test_the_share_of_a_label_is_a_number():
    colours = Dirichlet({"red": 3, "blue": 5})
    words = DirichletProcess(1.0)
    words.learn_one("so")
    assert views.drawn_shares([words], "so")[0]["interval"] == pytest.approx([0.025, 0.975])
    (share,) = views.drawn_shares([colours], "red")
    assert share["mean"] == pytest.approx(3 / 8)
    assert share["density"]["prior"] is None
    with pytest.raises(PriorError, match="no information about the share of 'green'"):
        views.drawn_shares([colours], "green")


def test_comparisons_never_round_to_certainty():
    """A sample of a million would give 1.0; the small probability is still positive."""
    far = views.compare([Beta(200, 800), Beta(300, 700)])
    assert 0.0 < far["p_best"][0] < 1e-6
    assert sum(far["p_best"]) == pytest.approx(1.0)
    again = views.compare([Beta(200, 800), Beta(300, 700)])
    assert again == far


def test_a_comparison_contains_all_data_for_a_decision():
    states = [Beta(22, 180), Beta(32, 170), Beta(25, 177)]
    found = views.compare(states, control=0, equivalence=0.01, threshold=0.15, level=0.9)
    arms = found["arms"]
    assert (found["reference"], found["best"], found["level"]) == (0, 1, 0.9)
    assert arms[0]["contrast"] is None
    difference = 32 / 202 - 22 / 202
    assert arms[1]["contrast"]["mean"] == pytest.approx(difference, rel=1e-9)
    assert arms[1]["contrast"]["p_better"] == pytest.approx(beats(32, 170, 22, 180), rel=1e-8)
    low, high = arms[1]["contrast"]["interval"]
    assert low < difference < high
    assert 0.0 < arms[1]["contrast"]["p_equivalent"] < 0.2
    assert min(arms, key=lambda arm: arm["loss"]) is arms[1]
    assert all(arm["loss_interval"][0] <= arm["loss"] <= arm["loss_interval"][1] for arm in arms)
    # the probability of a share above .15, from the other tail of the binomial distribution
    n, k = 201, 31
    above = sum(math.comb(n, i) * 0.15**i * 0.85 ** (n - i) for i in range(k + 1))
    assert arms[1]["p_above"] == pytest.approx(above, rel=1e-9)


def test_a_threshold_for_logarithms_is_on_the_scale_of_observations():
    waits = [NormalInverseGamma(0, 1, 3, 3, likelihood=LogNormal()) for _ in range(2)]
    waits[1].learn_many([5.0, 7.0, 6.0])
    arms = views.compare(waits, threshold=4.0, equivalence=0.1)["arms"]
    for arm, state in zip(arms, waits, strict=True):
        mean, precision, shape, rate = state.posterior
        scale = math.sqrt(rate / (shape * precision))
        above = stats.t.sf((math.log(4.0) - mean) / scale, 2.0 * shape)
        assert arm["p_above"] == pytest.approx(above, rel=1e-9)


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        ([Beta()], "expected 2 to 12"),
        ([Beta()] * 13, "expected 2 to 12"),
        ([Product({"a": Beta()})] * 2, "only beliefs about a number"),
        ([Beta(0, 0), Beta()], "improper"),
    ],
)
def test_incomparable_beliefs_are_rejected(states, reason):
    with pytest.raises(PriorError, match=reason):
        views.compare(states)


def test_states_without_a_density_have_none():
    class Point:
        support = (-math.inf, math.inf)
        mode = 1.0

        def interval(self, level):
            return 1.0, 1.0

        def pdf(self, x):
            return np.zeros_like(x)

        def ppf(self, q):
            return 1.0

        isf = ppf

    assert curves.grid(Point(), 50) is None


def test_cards_computed_together_equal_single_cards():
    """Cards that are computed together equal those computed one by one."""
    states, lasts = [], []
    for i in range(6):
        states.append(NormalInverseGamma(0.0, 1.0, 1.0, 1.0))
        states[-1].learn_many(np.arange(i, dtype=float) * 10.0**i)
        lasts.append([None, 1.0, "nonsense"][i % 3])
    for state, last, shown in zip(states, lasts, views.cards(states, lasts), strict=True):
        alone = views.card(state, last)
        assert shown.keys() == alone.keys()
        assert shown["density"].keys() == alone["density"].keys()
        for name, value in alone["density"].items():
            if value is None:
                assert shown["density"][name] is None
            elif name in ("posterior", "likelihood"):
                # the grid may be finer because of the other states
                assert max(shown["density"][name]) == pytest.approx(max(value), rel=0.02)
    flat = [Beta(0, 0), Beta(0, 0)]
    flat[1].learn_many([True, False])
    assert [shown["mean"] for shown in views.cards(flat, [None, None])] == [None, 0.5]
    assert [summary.mean for summary in views.rankings(flat)] == [None, 0.5]
    assert views.cards([], []) == views.rankings([]) == []


def beats(a, b, c, d):
    """Return P(Beta(a, b) > Beta(c, d)) for whole numbers: a finite sum of fractions."""

    def beta(p, q):
        return Fraction(math.factorial(p - 1) * math.factorial(q - 1), math.factorial(p + q - 1))

    terms = (beta(c + i, b + d) / ((b + i) * beta(1 + i, b) * beta(c, d)) for i in range(a))
    return float(sum(terms))


@pytest.mark.parametrize(
    ("a", "b", "c", "d"), [(2, 1, 1, 1), (30, 70, 90, 10), (10, 90, 80, 20), (300, 700, 700, 300)]
)
def test_the_far_tail_of_p_best_is_as_precise_as_the_rest(a, b, c, d):
    states = [Beta(a, b), Beta(c, d)]
    p = beats(a, b, c, d)
    assert views.compare(states)["p_best"][0] == pytest.approx(p, rel=1e-8)
    assert views.compare(states, lowest=True)["p_best"][1] == pytest.approx(p, rel=1e-8)
    low, high = views.compare([Normal(0.0, 1.0), Normal(16.0, 1.0)])["p_best"]
    assert low == pytest.approx(0.5 * math.erfc(8.0), rel=1e-8)
    assert high == pytest.approx(1.0)


class Throughput(Gamma):
    """A family of another package without declarations for views."""


class Gauge(Gamma):
    """A family of another package, of a kind that has no view."""

    display_kind = "gauge"


def test_a_family_of_another_package_is_shown_by_its_kind():
    state = Throughput(2, 1)
    state.learn_many([3, 5, 4])
    shown = detail_of(state, 4)
    assert shown["kind"] == "number"
    assert shown["density"]["likelihood"] is not None
    assert shown["interval"] == pytest.approx(list(state.interval()))
    assert shown["predictive"]["kind"] == "pmf"
    assert views.plotted(state).mean == state.mean
    assert views.step(state, 4)["posterior"] is not None
    assert views.compare([state, Throughput(1, 1)])["best"] == 0


def test_a_new_kind_needs_one_registration(monkeypatch):
    state = Gauge(2, 1)
    state.learn_one(3)
    shown = detail_of(state, 3)  # without a view there are no numbers, but text and parameters
    assert (shown["kind"], shown["fields"], shown["mean"]) == ("gauge", [], None)
    assert list(shown["posterior"].values()) == [5.0, 2.0]
    assert views.surprise(state, (3,)) == pytest.approx(-state.log_predictive(3))
    monkeypatch.setattr(base, "VIEWS", views.all_views())

    @views.register_view
    class GaugeView(views.BeliefView):
        kind = "gauge"

        def estimates(self, name, state):
            return [{"name": f"{name} level".strip(), "mean": state.mean, "interval": None}]

    assert detail_of(state)["fields"] == [{"name": "level", "mean": 2.5, "interval": None}]
    inside = detail_of(Product({"tank": state.clone(), "ok": Beta()}))["fields"]
    assert [line["name"] for line in inside] == ["tank level", "ok"]
    assert (
        "gauge" in openapi.document()["components"]["schemas"]["Card"]["properties"]["kind"]["enum"]
    )
    line = 'gauge: { numeric: false, compares: "", stepwise: false }'
    assert line in generate.kinds()


def test_rankings_of_many_states_are_those_of_each_alone():
    improper = Beta(0, 0)
    states = [improper, Beta(3, 1), improper, Beta(1e-300, 1e-300), Beta(2, 5)]
    for k, state in enumerate(states[1:], 1):
        if state is not improper:
            state.learn_many([True] * k + [False])
    together = views.rankings(states)
    assert [(r.n, r.mean) for r in together] == [(s.n_samples, s.mean) for s in states]
    for ranking, state in zip(together, states, strict=True):
        expected = state.interval()
        assert (ranking.low is None) == (expected is None)
        if expected is not None:
            assert (ranking.low, ranking.high) == pytest.approx(expected, rel=1e-12)
