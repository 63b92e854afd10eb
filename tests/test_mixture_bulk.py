"""Bulk predictions of mixtures equal those of single observations; draws follow the mixture."""

import numpy as np
import pytest
from scipy import stats

from mixture_streams import clusters, streams
from seqbayes import Beta, Dirichlet, Gamma, NormalInverseGamma, ObservationError, PriorError
from seqbayes.likelihoods import LogNormal, Multinomial
from seqbayes.mixture import DirichletProcessMixture, Mixture

STREAMS = list(streams())
SHAPES = ("full", "tied", "diag", "spherical")


def assert_same(mixture, xs):
    """Compare the results of the *_many methods with those of the *_one methods."""
    shares = [list(mixture.predict_proba_one(x).values()) for x in xs]
    assert mixture.predict_proba_many(xs) == pytest.approx(np.array(shares), rel=1e-9, abs=1e-12)
    assert mixture.predict_many(xs) == [mixture.predict_one(x) for x in xs]
    densities = [mixture.log_density(x) for x in xs]
    assert mixture.log_density_many(xs) == pytest.approx(np.array(densities), rel=1e-11)
    scores = [mixture.score_one(x) for x in xs]
    assert mixture.score_many(xs) == pytest.approx(np.array(scores), rel=1e-11)


@pytest.mark.parametrize(("name", "options", "xs"), STREAMS, ids=lambda value: None)
def test_many_methods_match_one_methods(name, options, xs):
    mixture = Mixture(**options, seed=1, **{} if "start" in options else {"buffer": 50})
    mixture.learn_many(xs[:120])
    assert_same(mixture, xs[:30])


@pytest.mark.parametrize("covariance", SHAPES)
def test_bulk_results_for_every_covariance_type(covariance):
    mixture = Mixture(3, seed=1, covariance=covariance, buffer=60)
    xs = clusters(2, 120)
    mixture.learn_many(xs)
    asked = xs[:30].copy()
    asked[::5, 0] = np.nan
    asked[1] = 1e149, -1e149
    asked[2, 1] = 1e9
    assert_same(mixture, asked)


def test_bulk_answers_while_the_buffer_fills():
    mixture = Mixture(2, seed=1)
    with pytest.raises(PriorError, match="no density"):
        mixture.log_density_many([1.0])
    mixture.learn_many(np.arange(20.0))
    assert_same(mixture, np.arange(8.0))
    assert mixture.log_density_many([]).shape == (0,)
    assert mixture.predict_many([]) == []


def test_bulk_scores_of_a_dirichlet_process_mixture():
    mixture = DirichletProcessMixture(seed=1)
    xs = clusters(5, 320)
    mixture.learn_many(xs)
    assert_same(mixture, xs[:20])


def test_bulk_errors_name_the_invalid_observation():
    mixture = Mixture(2, seed=1)
    mixture.learn_many(clusters(1, 30))
    for ask in (mixture.predict_many, mixture.predict_proba_many, mixture.score_many):
        with pytest.raises(ObservationError, match="observation 1"):
            ask([(0.0, 1.0), (0.0, "x")])


def test_draws_have_the_distribution_of_the_mixture():
    mixture = Mixture(
        [NormalInverseGamma(0, 1, 2, 1)] * 2, weights=(0.3, 0.7), start=[(0, 1), (9, 4)]
    )
    values, names = mixture.sample(4000, seed=3)
    wanted = [stats.norm(0, 1), stats.norm(9, 2)]
    for k, distribution in enumerate(wanted):
        drawn = values[np.array(names) == k]
        assert stats.kstest(drawn, distribution.cdf).pvalue > 1e-3
    assert stats.binomtest(names.count(0), 4000, 0.3).pvalue > 1e-3
    again, _ = mixture.sample(4000, seed=3)
    assert (again == values).all()


@pytest.mark.parametrize(
    ("prior", "xs"),
    [
        (Beta(1, 1), [True, False, True]),
        (Gamma(1, 1), [3, 0, 7]),
        (NormalInverseGamma(0, 1, 2, 1, likelihood=LogNormal()), [1.0, 2.0, 5.0]),
        (Dirichlet({"a": 1, "b": 1}, likelihood=Multinomial()), [{"a": 3, "b": 1}, {"b": 2}]),
        (Dirichlet({"a": 1, "b": 1}), ["a", "b", "b"]),
    ],
)
def test_samples_of_every_family_can_be_learned(prior, xs):
    mixture = Mixture([prior, prior], seed=1, buffer=2)
    mixture.learn_many(xs)
    drawn, names = mixture.sample(5, seed=1)
    assert len(drawn) == len(names) == 5
    mixture.learn_many(drawn)
    with pytest.raises(PriorError):
        mixture.sample(0)


def test_draws_of_named_features_are_mappings():
    mixture = Mixture(2, seed=1)
    mixture.learn_many([{"a": float(i), "b": float(i % 3)} for i in range(30)])
    drawn, _ = mixture.sample(3, seed=1)
    assert [set(x) for x in drawn] == [{"a", "b"}] * 3
