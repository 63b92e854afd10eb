"""Predictions of mixtures for each number, compared with scipy's distributions."""

import json
import math

import numpy as np
import pytest
from scipy import optimize, stats

from seqbayes import (
    Beta,
    Dirichlet,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
)
from seqbayes.dashboard import views
from seqbayes.dashboard.views.predictives import Blend, blend
from seqbayes.distributions import StudentT
from seqbayes.likelihoods import (
    Binomial,
    Exponential,
    Geometric,
    LogNormal,
    MultivariateNormal,
    Poisson,
)
from seqbayes.mixture import DirichletProcessMixture, Mixture
from seqbayes.predictive import Categorical


def predicted(state):
    """Return the prediction that a page receives as JSON."""
    return json.loads(json.dumps(views.detail(state)["predictive"], allow_nan=False))


def lines(state):
    prediction = predicted(state)
    assert (prediction["kind"], prediction["x"], prediction["p"]) == ("lines", [], [])
    return {line["name"]: line for line in prediction["lines"]}


def quantile(weights, parts, q):
    """Where the cdf of a continuous mixture is q, by Brent's method."""

    def gap(x):
        return math.fsum(w * part.cdf(x) for w, part in zip(weights, parts, strict=True)) - q

    ends = [part.ppf(q) for part in parts]
    return optimize.brentq(gap, min(ends) - 1.0, max(ends) + 1.0, xtol=1e-13, rtol=1e-14)


def student(posterior):
    """Return the predictive of a number, as scipy has it."""
    mean, kappa, alpha, beta = posterior
    return stats.t(2.0 * alpha, mean, math.sqrt(beta * (1.0 + 1.0 / kappa) / alpha))


def marginal(posterior, k):
    """Return the predictive of a coordinate of a vector, as scipy has it."""
    mean, kappa, df, scale = posterior
    left = df - len(mean) + 1.0
    width = math.sqrt(np.asarray(scale)[k, k] * (1.0 + 1.0 / kappa) / left)
    return stats.t(left, np.asarray(mean)[k], width)


def assert_agrees(line, weights, parts):
    mean = math.fsum(w * part.mean() for w, part in zip(weights, parts, strict=True))
    assert line["mean"] == pytest.approx(mean, rel=1e-9)
    ends = [quantile(weights, parts, q) for q in (0.025, 0.975)]
    assert line["interval"] == pytest.approx(ends, rel=1e-9)


def train(state, xs):
    for x in xs:
        state.learn_one(x)
    return state


@pytest.mark.parametrize("features", [None, ("wait", "size")])
def test_coordinates_of_vectors(features):
    rng = np.random.default_rng(1)
    prior = NormalInverseWishart([0, 0], df=4.0, likelihood=MultivariateNormal(features=features))
    rows = [rng.normal([9 * (i % 3 == 0), -2], [1, 3]).tolist() for i in range(90)]
    if features:
        rows = [dict(zip(features, row, strict=True)) for row in rows]
    state = train(Mixture([prior] * 2, seed=1, buffer=20), rows)
    found = lines(state)
    assert list(found) == list(features or ("0", "1"))
    posteriors = [component.posterior for component in state.components]
    for k, line in enumerate(found.values()):
        assert_agrees(line, state.weights, [marginal(each, k) for each in posteriors])
    first = next(iter(found.values()))
    assert first["interval"][0] < 0.0 < 9.0 < first["interval"][1]


def test_fields_of_products():
    rng = np.random.default_rng(2)
    inner = Product({"v": NormalInverseWishart([0, 1], df=4.0), "m": Normal()})
    fields = {
        "wait": NormalInverseGamma(),
        "calls": Gamma(2, 1, likelihood=Poisson()),
        "won": Beta(likelihood=Binomial(trials=9)),
        "page": Dirichlet.flat(list("abcdef")),
        "in": inner,
    }
    state = Mixture([Product(fields)] * 3, seed=1, buffer=30)
    for i in range(120):
        own, kind = i % 3, "abc"[i % 3] if i % 5 else "d"
        nested = {"v": [own + rng.normal(), rng.normal()], "m": rng.normal(own)}
        counts = {"calls": int(rng.poisson(1 + 9 * own)), "won": int(rng.binomial(9, 0.3))}
        row = {"wait": rng.normal(8 * own), "page": kind, **counts, "in": nested}
        state.learn_one({name: v for name, v in row.items() if rng.random() < 0.9})
    found = lines(state)
    pages = [name for name in found if name.startswith("page = ")]
    assert list(found) == ["wait", "calls", "won", *pages, "in.v.0", "in.v.1", "in.m"]
    weights, components = state.weights, state.components
    posteriors_by_field = {
        name: [each.marginal(name).posterior for each in components] for name in fields
    }
    assert_agrees(found["wait"], weights, list(map(student, posteriors_by_field["wait"])))
    nested = [each.marginal("in") for each in components]
    vectors = [each.marginal("v").posterior for each in nested]
    assert_agrees(found["in.v.1"], weights, [marginal(each, 1) for each in vectors])
    means = [each.marginal("m").posterior for each in nested]
    normals = [stats.norm(mean, math.sqrt(v + known)) for mean, v, known in means]
    assert_agrees(found["in.m"], weights, normals)
    calls = [
        stats.nbinom(shape, rate / (rate + 1.0)) for shape, rate in posteriors_by_field["calls"]
    ]
    counted(found["calls"], weights, calls)
    counted(
        found["won"], weights, [stats.betabinom(9, *each) for each in posteriors_by_field["won"]]
    )
    shares = np.average(
        [alpha / alpha.sum() for alpha, _ in posteriors_by_field["page"]], axis=0, weights=weights
    )
    assert [found[name]["mean"] for name in pages] == pytest.approx(sorted(shares)[:-5:-1])
    assert len(pages) == 4
    assert {found[name]["interval"] for name in pages} == {None}


def counted(line, weights, parts, most=3000):
    """Compare the mean and the interval in a line with sums over whole numbers."""
    k = np.arange(most)
    masses = np.average([part.pmf(k) for part in parts], axis=0, weights=weights)
    assert line["mean"] == pytest.approx(float(masses @ k), rel=1e-6)
    low, high = line["interval"]
    assert low == int(np.argmax(np.cumsum(masses) >= 0.025))
    above = np.cumsum(masses[::-1])[::-1]  # of k or more
    assert high == int(np.argmax(np.append(above[1:], 0.0) <= 0.025))


def test_a_mixture_of_counts_has_an_interval():
    state = Mixture([Gamma(2, 1, likelihood=Poisson()), Gamma(60, 2)], seed=1)
    train(state, [i % 4 if i % 3 else 25 + i % 7 for i in range(90)])
    prediction = predicted(state)
    assert prediction["kind"] == "pmf"
    parts = [stats.nbinom(a, b / (b + 1.0)) for a, b in (c.posterior for c in state.components)]
    counted(prediction, state.weights, parts)


def test_a_mixture_of_numbers_has_an_interval():
    for state in (Mixture(2, seed=1, buffer=20), DirichletProcessMixture(seed=1)):
        assert predicted(state) is None
        rng = np.random.default_rng(3)
        train(state, [rng.normal(54 if i % 3 else 80, 6) for i in range(300)])
        prediction = predicted(state)
        assert prediction["kind"] == "pdf"
        assert_agrees(
            prediction, state.weights, [student(each.posterior) for each in state.components]
        )


def test_a_mixture_of_labels_is_bars():
    labels = Dirichlet.flat(list("abc"))
    parts = [labels, Dirichlet({"a": 1, "b": 1, "c": 5})]
    state = train(Mixture(parts, seed=1, buffer=20), "aabacb" * 9)
    prediction = predicted(state)
    assert (prediction["kind"], prediction["x"][0]) == ("pmf", "a")
    assert sum(prediction["p"]) == pytest.approx(1.0)
    shares = dict(zip(prediction["x"], prediction["p"], strict=True))
    for label, share in shares.items():
        assert share == pytest.approx(math.exp(state.log_predictive(label)), rel=1e-4)


def test_priors_predict_without_data():
    low, high = NormalInverseGamma(-3, 1, 1, 1), NormalInverseGamma(3, 1, 1, 1)
    state = Mixture([Product({"x": low}), Product({"x": high})])
    assert_agrees(lines(state)["x"], [0.5, 0.5], [student((m, 1.0, 1.0, 1.0)) for m in (-3.0, 3.0)])
    flat = Product({"x": NormalInverseGamma.flat(), "n": Gamma(2, 1)})
    found = lines(Mixture([flat, flat]))
    assert (found["x"]["mean"], found["x"]["interval"]) == (None, None)
    assert found["n"]["mean"] == 2.0
    assert predicted(Mixture([Product({"x": NormalInverseGamma.flat()})] * 2)) is None
    wide = NormalInverseWishart(np.zeros(90), df=95.0)
    assert len(lines(Mixture([wide, wide]))) == 60


@pytest.mark.parametrize(
    ("parts", "weights"),
    [
        ([stats.norm(0, 1), stats.norm(0, 1e8)], [0.98, 0.02]),
        ([stats.norm(1e9, 1e-3), stats.norm(-1e9, 1e-3)], [0.5, 0.5]),
        ([stats.norm(0, 1e-150), stats.norm(0, 1e-100)], [0.9, 0.1]),
        ([stats.norm(-40, 1), stats.norm(3, 1), stats.norm(50, 9)], [0.02, 0.96, 0.02]),
    ],
)
def test_quantiles_are_found_at_any_scale(parts, weights):
    own = [StudentT(1e12, part.mean(), part.std()) for part in parts]
    found = Blend(weights, own)
    low, high = found.interval(0.95)
    before_low, before_high = (math.nextafter(x, -math.inf) for x in (low, high))
    assert found.cdf(low) >= 0.025 - 1e-12
    assert found.cdf(before_low) <= 0.025 + 1e-12
    assert found.sf(high) <= 0.025 + 1e-12
    assert found.sf(before_high) >= 0.025 - 1e-12


def test_quantiles_of_heavy_tails_and_different_parts():
    waits = [Beta(0.2, 3, likelihood=Geometric()), Beta(9, 1, likelihood=Geometric())]
    found = Blend([0.5, 0.5], [state.predictive for state in waits])
    low, high = found.interval(0.95)
    assert low == 1
    assert found.sf(high) <= 0.025 < found.sf(high - max(1.0, math.ulp(high)))
    assert found.mean == math.inf
    logs = NormalInverseGamma(0, 1, 2, 1, likelihood=LogNormal()).predictive
    gaps = Gamma(3, 2, likelihood=Exponential()).predictive
    both = Blend([0.3, 0.7, 0.0], [logs, gaps, None])
    assert both.cdf(both.interval(0.5)[0]) == pytest.approx(0.25)
    assert both.sf(both.interval(0.5)[1]) == pytest.approx(0.25)
    mixed = Blend([0.5, 0.5], [Gamma(3, 2, likelihood=Poisson()).predictive, gaps])
    assert mixed.interval(0.5)[1] == 2.0
    assert blend([0.5, 0.5], [gaps, None]) is None
    assert blend([0.5, 0.5], [gaps, Categorical({"a": 1.0})]) is None
