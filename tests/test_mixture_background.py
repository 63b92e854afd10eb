"""Mixtures with a background for observations that no component explains."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from scipy.stats import cauchy, multivariate_t

from mixture_streams import long_stream
from seqbayes import Beta, NormalInverseGamma, NormalInverseWishart, PriorError
from seqbayes.dashboard.views.mixtures import responsibilities
from seqbayes.mixture import Mixture

CORNERS = np.array([[0, 0], [8, 0], [0, 8]])


def points(seed, n, share=0.1):
    """Three clusters, and a share of points anywhere in a square that is much larger."""
    rng = np.random.default_rng(seed)
    found = CORNERS[rng.integers(0, 3, n)] + rng.normal(size=(n, 2))
    stray = rng.random(n) < share
    found[stray] = rng.uniform(-60, 60, (int(stray.sum()), 2))
    return found, stray


def background_density(mixture):
    """Return the background as SciPy's multivariate t with one degree of freedom."""
    learned = mixture.to_dict()["learned"]
    numbers = np.array(learned["kernels"][-1][-1])
    location, scale = numbers.reshape(2, -1)
    return multivariate_t(location, np.diag(scale**2), df=1)


@long_stream
@pytest.mark.parametrize("how", ["fit", "learn_many", "learn_one"])
def test_stray_points_belong_to_the_background(how):
    xs, stray = points(1, 4000)
    mixture = Mixture(3, seed=1, background=True, buffer=1000)
    match how:
        case "fit":
            mixture.fit(xs)
        case "learn_many":
            mixture.learn_many(xs)
        case "learn_one":
            for x in xs.tolist():
                mixture.learn_one(x)
    assert mixture.names == (0, 1, 2)
    assert len(mixture.weights) == len(mixture.components) == len(mixture.parameters) == 3
    assert mixture.background_weight == pytest.approx(0.1, abs=0.02 if how == "fit" else 0.05)
    assert sum(mixture.weights) + mixture.background_weight == pytest.approx(1.0)
    for corner in CORNERS:
        nearest = min(mixture.parameters, key=lambda p: np.abs(p.mean - corner).max())
        np.testing.assert_allclose(nearest.mean, corner, atol=0.4)
        np.testing.assert_allclose(nearest.covariance, np.eye(2), atol=0.35)
    found = [mixture.predict_one(x) == "background" for x in xs]
    assert np.mean(np.array(found) == stray) > 0.98
    assert mixture.predict_proba_one([50.0, -50.0])["background"] > 0.999
    assert mixture.summary().mean["background"] == mixture.background_weight
    assert "background" in str(mixture)


@long_stream
def test_the_density_includes_the_documented_background():
    xs, _ = points(2, 1500)
    mixture = Mixture(3, seed=1, background=True)
    mixture.fit(xs)
    background = background_density(mixture)
    for x in ([1.0, 2.0], [30.0, -4.0], [1e6, 1e9]):
        parts = mixture.predict_proba_one(x)
        assert list(parts) == [0, 1, 2, "background"]
        expected = mixture.background_weight * background.pdf(x)
        assert parts["background"] * math.exp(mixture.log_density(x)) == pytest.approx(expected)
    partial = mixture.predict_proba_one([None, 30.0])["background"]
    marginal = cauchy(background.loc[1], math.sqrt(background.shape[1, 1])).pdf(30.0)
    density = math.exp(mixture.log_density([None, 30.0]))
    assert partial * density == pytest.approx(mixture.background_weight * marginal)
    many = mixture.predict_proba_many([[1.0, 2.0], [30.0, -4.0]])
    np.testing.assert_allclose(many[1], list(mixture.predict_proba_one([30.0, -4.0]).values()))
    assert mixture.predict_many([[50.0, 50.0]]) == ["background"]
    assert set(mixture.sample(200, seed=1)[1]) == {0, 1, 2}
    assert math.isfinite(mixture.log_density([1e150, -1e150]))


def test_copies_and_documents_have_the_background():
    xs, _ = points(3, 300)
    mixture = Mixture(2, seed=1, background=True, buffer=100)
    mixture.learn_many(xs)
    written = json.loads(json.dumps(mixture.to_dict()))
    for copied in (Mixture.from_dict(written), pickle.loads(pickle.dumps(mixture))):
        assert copied == mixture
        copied.learn_many(xs)
        assert copied.predict_proba_one(xs[0]).keys() == {0, 1, "background"}
    assert mixture.clone().background
    assert "background=True" in repr(mixture)
    assert "background" not in repr(Mixture(2))


def test_shards_add_up():
    xs, _ = points(4, 600)
    mixture, other = (Mixture(3, seed=1, background=True, buffer=150) for _ in range(2))
    mixture.learn_many(xs[:300])
    other.learn_many(xs[300:])
    total = mixture + other
    assert total.n_samples == 600
    assert total.background_weight == pytest.approx(
        (mixture.background_weight + other.background_weight) / 2, abs=0.02
    )


def test_before_the_first_observation():
    blank = Mixture(2, background=True)
    assert blank.weights == (0.495, 0.495)
    assert blank.background_weight == 0.01
    assert blank.predict_proba_one(1.0) == {0: 0.495, 1: 0.495, "background": 0.01}
    given = Mixture([NormalInverseGamma(0, 1, 2, 2)] * 2, background=True)
    assert given.predict_proba_one(1.0)["background"] == 0.0
    given.learn_one(1.0)
    assert sum(given.predict_proba_one(1e9).values()) == pytest.approx(1.0)
    one = Mixture(1, background=True, buffer=20)
    one.learn_many(np.append(np.random.default_rng(1).normal(size=99), 1e6))
    assert one.predict_one(1e6) == "background"


@pytest.mark.parametrize(
    ("components", "settings"),
    [
        (2, {"weights": (0.5, 0.5)}),
        ([Beta(1, 1)] * 2, {}),
        ([NormalInverseGamma(0, 1, 2, 2), NormalInverseWishart([0, 0], 1, 4)], {}),
        ([NormalInverseGamma(0, 1, 2, 2)] * 2, {"start": [(0.0, 1.0), (2.0, 1.0)]}),
    ],
)
def test_components_that_do_not_support_a_background(components, settings):
    with pytest.raises(PriorError, match="background"):
        Mixture(components, background=True, **settings)


def test_display_of_an_observation():
    xs, _ = points(5, 300)
    mixture = Mixture(2, seed=1, background=True, buffer=100)
    mixture.learn_many(xs)
    found = responsibilities(mixture, [40.0, 40.0])
    assert [each["name"] for each in found["components"]][-1] == "background"
    assert found["components"][-1]["responsibility"] > 0.99
    density = sum(each["share"] * each["density"] for each in found["components"])
    assert density == pytest.approx(found["evidence"])
