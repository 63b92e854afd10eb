"""The types of the public interface: mypy checks this file, and pytest runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    DirichletProcess,
    Explanation,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    Product,
    State,
    register,
)
from seqbayes.distributions import Distribution
from seqbayes.families import (
    BetaHyperparameters,
    DirichletHyperparameters,
    DirichletProcessHyperparameters,
    GammaHyperparameters,
    MultivariateParameters,
    NormalHyperparameters,
    NormalInverseGammaHyperparameters,
    NormalInverseWishartHyperparameters,
    NormalParameters,
    ProductHyperparameters,
)
from seqbayes.likelihoods import Binomial, Categorical, Likelihood
from seqbayes.mixture import Mixture
from seqbayes.river import ConjugateLinearRegression, ConjugateNB, PredictiveSurprise
from seqbayes.statistics import Statistics

Array = npt.NDArray[Any]
Interval = tuple[float, float]


def test_beta() -> None:
    state = Beta(2, 3)
    state.learn_one(True)
    state.learn_many([True, False], w=2.0)
    assert_type(state.prior, BetaHyperparameters)
    assert_type(state.posterior, BetaHyperparameters)
    assert_type(state.posterior.alpha, float)
    assert_type(state.mle, float | None)
    assert_type(state.map, float | None)
    assert_type(state.mode, float | None)
    assert_type(state.mean, float | None)
    assert_type(state.var, float | None)
    assert_type(state.interval(), Interval | None)
    assert_type(state.interval(0.9, kind="hdi"), Interval | None)
    assert_type(state.pdf(0.5), float)
    assert_type(state.logpdf(0.5), float)
    assert_type(state.cdf(0.5), float)
    assert_type(state.sf(0.5), float)
    assert_type(state.ppf(0.5), float)
    assert_type(state.sample(), float)
    assert_type(state.predict_one(), float | None)
    assert_type(state.predict_proba_one(), dict[Any, float])
    assert_type(state.predictive, Distribution)
    assert_type(state.log_predictive(True), float)
    assert_type(state.log_evidence, float | None)
    assert_type(state.n_samples, float)
    assert_type(state.prior_share, float)
    assert_type(state.likelihood, Likelihood)
    assert_type(state.statistics, Statistics)
    assert_type(state.seed, int | None)
    assert_type(state.alpha, float)


def test_named_priors_and_copies_keep_the_class() -> None:
    assert_type(Beta.flat(), Beta)
    assert_type(Beta.jeffreys(Binomial(10)), Beta)
    assert_type(Beta.from_mean(0.2, strength=5), Beta)
    assert_type(Beta.from_interval(0.1, 0.3), Beta)
    state = Beta()
    assert_type(state.clone(), Beta)
    assert_type(state + Beta(), Beta)
    assert_type(Beta.from_dict(state.to_dict()), Beta)
    assert_type(state.to_dict(), dict[str, Any])
    state.merge(Beta())
    state.forget(0.5)
    state.rollover()
    assert_type(State.from_dict(state.to_dict()), State[Any, Any, Any, Any])


def test_explain() -> None:
    step = Beta(2, 2).explain(True)
    assert_type(step, Explanation[BetaHyperparameters, float])
    assert_type(step.at, float)
    assert_type(step.evidence, float)
    assert_type(step.after, BetaHyperparameters)
    assert_type(step.after.alpha, float)


def test_numbers() -> None:
    rate = Gamma(2, 1)
    rate.learn_one(3)
    assert_type(rate.posterior, GammaHyperparameters)
    assert_type(rate.posterior.rate, float)
    assert_type(rate.mean, float | None)
    assert_type(rate.interval(), Interval | None)
    mean = Normal(0, 1, 2)
    assert_type(mean.posterior, NormalHyperparameters)
    assert_type(mean.mle, float | None)
    assert_type(mean.predict_one(), float | None)


def test_mean_and_variance() -> None:
    state = NormalInverseGamma()
    state.learn_many([1.0, 2.5, 3.0])
    assert_type(state.posterior, NormalInverseGammaHyperparameters)
    assert_type(state.posterior.kappa, float)
    assert_type(state.mle, NormalParameters[float] | None)
    assert_type(state.mean, NormalParameters[float] | None)
    mean, interval = state.mean, state.interval()
    assert mean is not None
    assert interval is not None
    assert_type(mean.variance, float)
    assert_type(interval, NormalParameters[Interval])
    assert_type(interval.mean, Interval)
    assert_type(state.predict_one(), float | None)


def test_vectors() -> None:
    state = NormalInverseWishart([0, 0])
    state.learn_many(np.array([[1.0, 2.0], [2.0, 1.0], [0.0, 0.5]]))
    assert_type(state.posterior, NormalInverseWishartHyperparameters)
    assert_type(state.posterior.mean, Array)
    mle, interval = state.mle, state.interval()
    assert mle is not None
    assert interval is not None
    assert_type(mle, MultivariateParameters[Array])
    assert_type(mle.covariance, Array)
    assert_type(interval.mean, tuple[Array, Array])


def test_labels() -> None:
    state = Dirichlet.flat(["red", "green"])
    assert_type(state, Dirichlet)
    state.learn_one("red")
    assert_type(state.posterior, DirichletHyperparameters)
    assert_type(state.posterior.alpha, Array)
    assert_type(state.mean, dict[Any, float] | None)
    assert_type(state.mle, dict[Any, float] | None)
    assert_type(state.interval(), dict[Any, Interval] | None)
    assert_type(state.predict_proba_one(), dict[Any, float])
    assert_type(state.categories, tuple[Any, ...])
    words = DirichletProcess(likelihood=Categorical())
    words.learn_one("to")
    assert_type(words.posterior, DirichletProcessHyperparameters)
    assert_type(words.posterior.concentration, float)
    assert_type(words.unseen, float)
    assert_type(words.vocabulary, Mapping[Any, Any])


def test_product() -> None:
    state = Product({"wait": NormalInverseGamma(), "clicks": Gamma()})
    state.learn_one({"wait": 1.0, "clicks": 2})
    assert_type(state.posterior, ProductHyperparameters)
    assert_type(state.mean, dict[Any, Any] | None)
    assert_type(state.predict_one(), dict[Any, Any] | None)
    assert_type(state.marginal("clicks"), State[Any, Any, Any, Any])
    assert_type(state.log_predictive({"clicks": 1}), float)


def test_decayed() -> None:
    belief = Decayed(Beta(), half_life=60.0, by="time")
    belief.learn_one(True, t=0.0)
    assert_type(belief.posterior, BetaHyperparameters)
    assert_type(belief.mean, float | None)
    assert_type(belief.interval(), Interval | None)
    assert_type(belief.cdf(0.5), float)
    assert_type(belief.predict_one(), float | None)
    assert_type(belief.log_evidence, float | None)
    assert_type(belief.half_life, float)
    assert_type(belief.clock, float | None)
    assert_type(belief.as_of(120.0), State[BetaHyperparameters, float, tuple[float, float], float])
    assert_type(belief.clone(), Decayed[BetaHyperparameters, float, tuple[float, float], float])
    vector = Decayed(NormalInverseGamma(), half_life=100)
    assert_type(vector.mean, NormalParameters[float] | None)


def test_predictive() -> None:
    predictive = Gamma(2, 1).predictive
    assert_type(predictive.interval(), Interval)
    assert_type(predictive.p(3.0), float)
    assert_type(predictive.cdf(3.0), float)
    assert_type(predictive.ppf(0.5), float)


def test_mixture() -> None:
    mixture = Mixture({"low": Normal(0, 1, 1), "high": Normal(9, 1, 1)}, seed=1)
    mixture.learn_one(0.5)
    assert_type(mixture.weights, tuple[float, ...])
    assert_type(mixture.names, tuple[Any, ...])
    assert_type(mixture.log_predictive(0.5), float)
    assert_type(mixture.predict_proba_one(0.5), dict[Any, float])
    assert_type(mixture.n_samples, float)
    assert_type(mixture.clone(), Mixture)
    assert_type(Mixture.from_dict(mixture.to_dict()), Mixture)


def test_estimators() -> None:
    classifier = ConjugateNB()
    classifier.learn_one({"legs": 2}, "hen")
    assert_type(classifier.predict_proba_one({"legs": 2}), dict[Any, float])
    assert_type(classifier.class_shares, dict[Any, float])
    assert_type(ConjugateNB.from_dict(classifier.to_dict()), ConjugateNB)
    regression = ConjugateLinearRegression()
    for i in range(5):
        regression.learn_one({"x": float(i)}, 2.0 + i % 2)
    assert_type(regression.predict_one({"x": 1.0}), float)
    assert_type(regression.log_predictive({"x": 1.0}, 2.0), float)
    surprise = PredictiveSurprise()
    for i in range(5):
        surprise.learn_one({"x": 1.0 + i})
    assert_type(surprise.score_one({"x": 1.0}), float)


def test_registration_keeps_the_class() -> None:
    assert_type(register(Beta), type[Beta])  # a second check, which changes nothing
