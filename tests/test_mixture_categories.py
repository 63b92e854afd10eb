"""Mixtures of numbers and categories without priors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from seqbayes import Dirichlet, ObservationError
from seqbayes.mixture import DirichletProcessMixture, Mixture, Prequential


def visits(seed, n, missing=0.0):
    """Two kinds of visits, which differ in their duration and in the page."""
    rng = np.random.default_rng(seed)
    found = []
    for short in rng.random(n) < 0.4:
        page = rng.choice(["cart", "help", "home"], p=[0.7, 0.2, 0.1] if short else [0.1, 0.2, 0.7])
        visit = {"seconds": rng.normal(30, 4) if short else rng.normal(50, 5), "page": page.item()}
        found.append({k: v for k, v in visit.items() if rng.random() >= missing} or visit)
    return found


@pytest.fixture(scope="module")
def trained():
    mixture = Mixture(2, seed=1, buffer=200)
    mixture.learn_many(visits(1, 2000, missing=0.1))
    return mixture


def test_components_describe_numbers_and_categories(trained):
    short, long = sorted(trained.parameters, key=lambda p: p["seconds"].mean)
    assert (short["seconds"].mean, long["seconds"].mean) == pytest.approx((30.0, 50.0), abs=0.7)
    assert [short["page"][each] for each in ("cart", "help", "home")] == pytest.approx(
        [0.7, 0.2, 0.1], abs=0.06
    )
    assert sorted(trained.weights) == pytest.approx([0.4, 0.6], abs=0.04)
    assert trained.predict_one({"page": "cart"}) != trained.predict_one({"page": "home"})


@pytest.mark.parametrize("kind", ["rows", "tuples", "fit", "process", "prequential"])
def test_every_mixture_reads_categories(kind):
    rows = visits(2, 700)
    match kind:
        case "rows":
            mixture = Mixture(2, seed=1, buffer=100)
            mixture.learn_many(rows)
        case "tuples":
            mixture = Mixture(2, seed=1, buffer=100)
            mixture.learn_many([tuple(row.values()) for row in rows])
            assert mixture.predict_one((None, "cart")) == mixture.predict_one((30.0, None))
        case "fit":
            mixture = Mixture(2)
            mixture.fit(rows)
        case "process":
            mixture = DirichletProcessMixture(seed=1)
            mixture.learn_many(rows)
        case "prequential":
            found = Prequential(2, seed=1)
            found.learn_many(rows)
            mixture = found.mixture
    assert len(mixture.names) == 2
    assert type(mixture).from_dict(json.loads(json.dumps(mixture.to_dict()))) == mixture


def test_the_density_is_the_product_over_the_features(trained):
    for x in ({"seconds": 33.0, "page": "help"}, {"page": "home"}, {"seconds": 45.0}):
        total = 0.0
        for weight, theta in zip(trained.weights, trained.parameters, strict=True):
            mean, variance = theta["seconds"]
            density = weight * theta["page"][x["page"]] if "page" in x else weight
            if "seconds" in x:
                gap = (x["seconds"] - mean) ** 2 / variance
                density *= math.exp(-0.5 * gap) / math.sqrt(2.0 * math.pi * variance)
            total += density
        assert math.exp(trained.log_density(x)) == pytest.approx(total, rel=1e-10)
        states = zip(trained.weights, trained.components, strict=True)
        expected = math.fsum(w * math.exp(each.log_predictive(x)) for w, each in states)
        assert math.exp(trained.log_predictive(x)) == pytest.approx(expected, rel=1e-6)


def test_unknown_categories_are_surprising_and_unknown_features_are_ignored(trained):
    copy = trained.clone(include_attributes=True)
    page = {"page": "a new page"}
    assert copy.score_one(page) > max(copy.score_one({"page": p}) for p in ("cart", "home")) + 3.0
    assert copy.predict_proba_one({**page, "browser": "none"}) == copy.predict_proba_one(page)
    before = copy.parameters[0]["page"]["(other)"]
    for _ in range(200):
        copy.learn_one({"seconds": copy.parameters[0]["seconds"].mean, **page})
    assert copy.parameters[0]["page"]["(other)"] > 10.0 * before


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"x": "a"}, {"x": 2.0}, "feature 'x': expected text, as for the other observations"),
        ({"x": 2.0}, {"x": "a"}, "feature 'x': expected a finite number"),
        ({"x": "a", "y": 1.0}, {"x": "b", "y": "c"}, "feature 'y'"),
        ({"x": "a"}, {"x": None}, "feature 'x'"),
        (("a", 1.0), (2.0, 1.0), "expected text"),
        (("a", 1.0), ("a",), "like"),
    ],
)
def test_the_kind_of_a_feature_does_not_change(first, second, message):
    mixture = Mixture(2, seed=1)
    mixture.learn_one(first)
    before = mixture.to_dict()
    with pytest.raises(ObservationError, match=message):
        mixture.learn_one(second)
    with pytest.raises(ObservationError, match=message):
        mixture.learn_many([first, second])
    with pytest.raises(ObservationError, match=message):
        Mixture(2).fit([first, second])
    assert mixture.to_dict() == before


@pytest.mark.parametrize("x", [{"x": "1.5"}, {"x": "nan"}, "a", ("7",)])
def test_numbers_as_text_and_single_texts_are_refused(x):
    with pytest.raises(ObservationError):
        Mixture(2).learn_one(x)


def test_started_components_refuse_other_kinds(trained):
    before = trained.to_dict()
    for x in ({"page": 3.0}, {"page": None}, {"seconds": "long"}):
        with pytest.raises(ObservationError):
            trained.learn_one(x)
    assert trained.to_dict() == before


def test_a_background_needs_numbers():
    mixture = Mixture(2, background=True)
    with pytest.raises(ObservationError, match="background"):
        mixture.learn_one({"x": 1.0, "page": "home"})
    with pytest.raises(ObservationError, match="background"):
        mixture.fit([{"x": 1.0, "page": "home"}])


def test_the_predictive_probability_of_a_category_has_its_shares_marginalised():
    state = Dirichlet({"a": 2.0, "b": 0.5})
    mixture = Mixture([state])
    mixture.fit(list("aabab"))
    state.learn_many("aabab")
    for x in "ab":
        assert mixture.log_predictive(x) == pytest.approx(state.log_predictive(x), rel=1e-12)
        assert -mixture.score_many([x])[0] == pytest.approx(state.log_predictive(x), rel=1e-12)
