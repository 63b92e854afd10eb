"""Mixtures of Student's t distributions, for clusters with heavy tails."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from scipy.stats import multivariate_t, t

from mixture_streams import long_stream
from seqbayes import (
    Beta,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    PriorError,
    Product,
    UnsupportedError,
)
from seqbayes.dashboard.views import view_of
from seqbayes.figures.models import panels
from seqbayes.likelihoods import LogNormal
from seqbayes.mixture import DirichletProcessMixture, Mixture, Prequential


def heavy(seed, n, d, df=3.0):
    """Points of a multivariate t distribution."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(n, d)) / np.sqrt(rng.chisquare(df, n) / df)[:, None]
    return found if d > 1 else found[:, 0]


def two_heavy(seed, n):
    """Two clusters with heavy tails."""
    rng = np.random.default_rng(seed)
    return heavy(seed, n, 2) + np.where(rng.random(n) < 0.4, 12.0, 0.0)[:, None]


@pytest.mark.parametrize("df", [4.0, "learned"])
def test_the_density_is_that_of_student_t(df):
    xs = two_heavy(1, 600)
    mixture = Mixture(2, seed=1, df=df)
    mixture.fit(xs)
    for x in ([0.0, 1.0], [40.0, -3.0], [1e5, 1e5]):
        parts = [
            weight * multivariate_t(p.loc, p.scale, df=p.df).pdf(x)
            for weight, p in zip(mixture.weights, mixture.parameters, strict=True)
        ]
        assert mixture.log_density(x) == pytest.approx(math.log(sum(parts)), rel=1e-10)
        shares = list(mixture.predict_proba_one(x).values())
        assert shares == pytest.approx(np.array(parts) / sum(parts), rel=1e-9)
        assert mixture.log_density_many([x])[0] == pytest.approx(mixture.log_density(x), rel=1e-12)
        assert -mixture.score_many([x])[0] == pytest.approx(mixture.log_predictive(x), rel=1e-12)
    first = mixture.parameters[0]
    marginal = t(first.df, first.loc[1], math.sqrt(first.scale[1, 1]))
    given = Mixture(
        [NormalInverseWishart([0, 0])], start=[(first.loc, first.scale, first.df)], df=df
    )
    assert given.log_density([None, 3.0]) == pytest.approx(marginal.logpdf(3.0), rel=1e-10)


def test_a_fit_agrees_with_maximum_likelihood():
    xs = 5.0 + 2.0 * heavy(2, 4000, 1)
    mixture = Mixture(1, df="learned")
    trace = mixture.fit(xs)
    (found,) = mixture.parameters
    df, loc, scale = t.fit(xs)
    assert (found.loc, found.scale, found.df) == pytest.approx((loc, scale, df), rel=0.03)
    likelihood = t.logpdf(xs, found.df, found.loc, found.scale).sum()
    assert trace[-1].log_likelihood == pytest.approx(likelihood, rel=1e-10)
    assert likelihood > t.logpdf(xs, df, loc, scale).sum() - 0.5
    assert trace.converged


def test_the_fit_is_a_maximum_of_the_log_posterior():
    xs = two_heavy(3, 400)
    prior = NormalInverseWishart([0, 0], 2.0, 9.0, [[4.0, 1.0], [1.0, 6.0]])
    mixture = Mixture([prior], df="learned")
    (found,) = mixture.fit(xs, tol=1e-13)[-1].parameters
    belief = prior.belief(prior.prior)

    def log_posterior(loc, scale, df):
        density = multivariate_t(loc, scale, df=df).logpdf(xs).sum()
        return density + belief.logpdf((loc, scale)) + math.log(df) - 0.1 * df

    best = log_posterior(found.loc, found.scale, found.df)
    step = np.array([[0.02, 0.01], [0.01, -0.01]])
    for sign in (-1.0, 1.0):
        assert log_posterior(found.loc + sign * np.array([0.02, 0.0]), found.scale, found.df) < best
        assert log_posterior(found.loc, found.scale * (1.0 + 0.02 * sign), found.df) < best
        assert log_posterior(found.loc, found.scale + sign * step, found.df) < best
        assert log_posterior(found.loc, found.scale, found.df * (1.0 + 0.02 * sign)) < best


@pytest.mark.parametrize("covariance", ["full", "tied"])
@pytest.mark.parametrize("df", [2.0, "learned"])
def test_the_log_posterior_never_decreases(covariance, df):
    xs = two_heavy(4, 200)
    xs[::7, 1] = np.nan
    trace = Mixture(2, df=df, covariance=covariance).fit(xs, iterations=60, tol=0)
    gains = np.diff([step.log_posterior for step in trace])
    assert gains.min() > -1e-8


@long_stream
@pytest.mark.parametrize("d", [1, 2])
def test_one_component_explains_heavy_tails(d):
    xs = heavy(5, 1000, d)
    best, clusters = Prequential(3, seed=1, df="learned"), DirichletProcessMixture(seed=1, df=3.0)
    best.learn_many(xs)
    clusters.learn_many(xs)
    assert best.best == 1
    assert len(clusters.names) == 1
    assert best.mixtures[1].parameters[0].df == pytest.approx(3.0, abs=1.0)


@long_stream
def test_two_clusters_with_heavy_tails_are_two_components():
    xs = two_heavy(6, 2000)
    clusters = DirichletProcessMixture(seed=1, df="learned")
    clusters.learn_many(xs)
    assert len(clusters.names) == 2
    for found, centre in zip(
        sorted(clusters.parameters, key=lambda p: p.loc[0]), (0, 12), strict=True
    ):
        np.testing.assert_allclose(found.loc, centre, atol=0.4)
    assert DirichletProcessMixture.from_dict(json.loads(json.dumps(clusters.to_dict()))) == clusters


@long_stream
def test_online_em_agrees_with_batch_em():
    xs = two_heavy(7, 6000)
    stream, batch = Mixture(2, seed=1, df="learned"), Mixture(2, df="learned")
    stream.learn_many(xs)
    batch.fit(xs)
    loss = batch.log_density_many(xs).mean() - stream.log_density_many(xs).mean()
    assert loss < 0.01


def test_extreme_observations_have_little_influence():
    xs = heavy(8, 500, 1, df=50.0)
    clean = Mixture(1, df=4.0)
    clean.fit(xs)
    for far in (1e3, 1e12, 1e150):
        disturbed = Mixture(1, df=4.0)
        disturbed.fit(np.append(xs, [far, -far, far]))
        assert disturbed.parameters[0].loc == pytest.approx(clean.parameters[0].loc, abs=0.02)
        assert disturbed.parameters[0].scale == pytest.approx(clean.parameters[0].scale, rel=0.05)


@pytest.mark.parametrize("df", [3.5, "learned"])
def test_copies_continue_in_the_same_way(df):
    xs = two_heavy(9, 260).tolist()
    mixture = Mixture(2, seed=1, df=df, buffer=100)
    mixture.learn_many(xs[:200])
    copies = [
        Mixture.from_dict(json.loads(json.dumps(mixture.to_dict()))),
        pickle.loads(pickle.dumps(mixture)),
        mixture.clone(include_attributes=True),
    ]
    for each in (mixture, *copies):
        each.learn_many(xs[200:])
    assert all(copy == mixture for copy in copies)
    assert mixture.clone().df == df


def test_samples_have_the_density_of_the_mixture():
    start = [(0.0, 1.0, 3.0), (20.0, 2.0, 8.0)]
    mixture = Mixture([NormalInverseGamma()] * 2, weights=(0.5, 0.5), start=start, df="learned")
    values, names = mixture.sample(20_000, seed=1)
    for k, (loc, scale, df) in enumerate(start):
        mine = values[np.array(names) == k]
        assert np.quantile(mine, [0.02, 0.5, 0.9]) == pytest.approx(
            t.ppf([0.02, 0.5, 0.9], df, loc, scale), abs=0.2
        )
    vectors = Mixture([NormalInverseWishart([0, 0])], start=[([1, 2], np.eye(2), 3.0)], df=3.0)
    drawn, _ = vectors.sample(20_000, seed=2)
    assert np.quantile(drawn[:, 1], [0.05, 0.95]) == pytest.approx(
        t.ppf([0.05, 0.95], 3, 2), abs=0.1
    )
    mixed = Product({"x": NormalInverseGamma(), "n": Gamma(2, 1)})
    ((row, *_), _) = Mixture([mixed], df=4.0, start=[{"x": (0, 1, 4), "n": 2.0}]).sample(3, seed=1)
    assert set(row) == {"x", "n"}


@pytest.mark.parametrize("likelihood", [None, LogNormal()])
def test_pages_and_figures_show_the_predictive_density(likelihood):
    prior = NormalInverseGamma(0, 0.1, 2, 2, likelihood)
    xs = heavy(10, 300, 1)
    mixture = Mixture([prior], df=3.0, buffer=100)
    mixture.learn_many(np.exp(xs / 4) if likelihood else xs)
    (found,) = mixture.predictives
    for x in (0.5, 1.0, 2.0):
        assert float(found.logpdf(x)) == pytest.approx(mixture.log_predictive(x), abs=0.02)
    card = view_of(mixture).card(mixture, None, 40)
    assert card["x"]
    assert view_of(mixture).predictive(mixture, card)["interval"]
    assert len(panels(mixture)) == 1


def test_pages_show_predicted_numbers_of_vectors_and_products():
    rows = [{"x": float(x), "y": float(y)} for x, y in heavy(11, 120, 2)]
    fields = {"x": NormalInverseGamma(), "y": NormalInverseGamma()}
    for mixture in (Mixture(1, df=3.0, buffer=50), Mixture([Product(fields)], df=3.0, buffer=50)):
        mixture.learn_many(rows)
        card = view_of(mixture).card(mixture, rows[-1], 40)
        found = view_of(mixture).predictive(mixture, card)
        assert {"x", "y"} == {line["name"] for line in found["lines"]}
        assert all(line["interval"] for line in found["lines"])


@pytest.mark.parametrize("df", [0.0, -1.0, math.nan, math.inf, "three", True, [3.0]])
def test_invalid_degrees_of_freedom_are_refused(df):
    for kind in (lambda: Mixture(2, df=df), lambda: DirichletProcessMixture(df=df)):
        with pytest.raises(PriorError, match="df"):
            kind()


def test_components_without_variance_cannot_have_heavy_tails():
    for state in (Gamma(2, 1), Normal(0, 1), Product([Beta(2, 2)])):
        with pytest.raises(PriorError, match="df needs components"):
            Mixture([state] * 2, df=3.0)
        with pytest.raises(PriorError, match="df needs components"):
            DirichletProcessMixture(state, df=3.0)
    with pytest.raises(PriorError, match="covariance"):
        Mixture(2, df=3.0, covariance="diag")
    with pytest.raises(PriorError, match="df needs the number"):
        Prequential({"a": Mixture(1)}, df=3.0)
    with pytest.raises(UnsupportedError, match="df"):
        Mixture([NormalInverseGamma()], df=3.0).samples(1, 2)
    with pytest.raises(PriorError, match="start"):
        Mixture([NormalInverseGamma()], start=[(0.0, 1.0)], df=3.0)
