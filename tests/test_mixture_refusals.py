"""Input that mixtures refuse, and streams of equal values."""

import math

import numpy as np
import pytest

from seqbayes import (
    Beta,
    Dirichlet,
    DirichletProcess,
    Gamma,
    MergeError,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    ObservationError,
    PriorError,
)
from seqbayes.likelihoods import Binomial
from seqbayes.mixture import DirichletProcessMixture, Mixture

COIN = Beta(likelihood=Binomial(trials=10))
LABELS = Dirichlet.flat(["a", "b"])
PLANE = NormalInverseWishart([0.0, 0.0])
EYE = [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize(
    ("prior", "theta", "reason"),
    [
        (COIN, math.nan, "probability"),
        (COIN, 1.5, "at most 1"),
        (Gamma(), -1.0, "rate > 0"),
        (Gamma(), math.inf, "rate"),
        (Normal(0, 1), math.nan, "mean"),
        (NormalInverseGamma(), (0.0, -1.0), "variance > 0"),
        (NormalInverseGamma(), (0.0,), "unpack"),
        (PLANE, ([0.0, 0.0], [[-1.0, 0.0], [0.0, -1.0]]), "positive definite"),
        (PLANE, ([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (PLANE, ([0.0, 0.0], [[1.0, 0.5], [0.0, 1.0]]), "symmetric"),
        (PLANE, ([0.0, math.nan], EYE), "finite"),
        (PLANE, ([0.0], EYE), "a mean of 2 numbers"),
        (LABELS, {"a": 1.0}, "shares of 'a', 'b'"),
        (LABELS, [0.5, 0.9], "but they sum to 1.40"),
    ],
)
def test_an_invalid_start_is_refused(prior, theta, reason):
    with pytest.raises(PriorError, match=reason):
        Mixture([prior], start=[theta])


def test_initial_shares_are_given_by_label():
    mixture = Mixture([LABELS], start=[{"b": 0.2, "a": 0.8}])
    assert mixture.parameters == ({"a": 0.8, "b": 0.2},)


def test_improper_priors_are_for_batch_em_only():
    flat = NormalInverseGamma.jeffreys()
    mixture = Mixture([flat] * 2, start=((0.0, 1.0), (5.0, 1.0)))
    for learn in (lambda: mixture.learn_one(1.0), lambda: mixture.learn_many([1.0] * 200)):
        with pytest.raises(PriorError, match="online EM needs proper priors"):
            learn()
    assert mixture.n_samples == 0.0


@pytest.mark.parametrize("dimension", [1, 2, 5])
@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("weight", [1.0, 1e4, 1e90])
def test_a_constant_stream_has_answers(dimension, k, weight):
    x = 2.5 if dimension == 1 else [float(i) for i in range(dimension)]
    mixture, other = Mixture(k, seed=1), Mixture(k, seed=1)
    for n in range(300):
        mixture.learn_one(x, weight)
        other.learn_one(x, weight)
        if n == 0:
            other.score_one(x)
    assert sum(mixture.predict_proba_one(x).values()) == pytest.approx(1.0)
    assert math.isfinite(mixture.score_one(x))
    # earlier predictions change nothing
    assert mixture.score_one(x) == other.score_one(x)


@pytest.mark.parametrize("model", [Mixture(2, seed=1), DirichletProcessMixture(seed=1)])
def test_weights_that_would_overflow_are_refused(model):
    model = model.clone()
    model.learn_one(1.0, 1e100)
    for learn in (
        lambda: model.learn_one(2.0, 1e101),
        lambda: model.learn_many([2.0, 3.0], [1.0, 1e200]),
    ):
        with pytest.raises(ObservationError, match=r"a weight of at most 1e\+?100"):
            learn()
    assert model.n_samples == 1e100


@pytest.mark.parametrize("model", [Mixture(2), DirichletProcessMixture()])
def test_none_is_refused_as_an_observation(model):
    with pytest.raises(ObservationError, match="expected at least one feature"):
        model.clone().learn_one({})


def test_a_dirichlet_process_is_refused_as_a_component():
    with pytest.raises(PriorError, match="DirichletProcess cannot be a component"):
        Mixture([DirichletProcess()] * 2)


@pytest.mark.parametrize("seed", ["x", -1, 1.5, True])
def test_invalid_seeds_are_refused(seed):
    for make in (lambda: Mixture(2, seed=seed), lambda: DirichletProcessMixture(seed=seed)):
        with pytest.raises(PriorError, match="expected a seed"):
            make()


def learned_from(xs):
    mixture = Mixture(2, seed=1, buffer=20)
    mixture.learn_many(xs)
    return mixture


RNG = np.random.default_rng(5)
NUMBERS = RNG.normal(size=60)
FEW_NUMBERS = NUMBERS[:10]
PAIRS = RNG.normal(size=(60, 2))
NAMED = [{"x": a, "y": b} for a, b in PAIRS.tolist()]
OTHERS = [{"p": a, "q": b} for a, b in PAIRS.tolist()]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (NAMED, OTHERS),
        (NAMED, PAIRS),
        (NUMBERS, PAIRS),
        (FEW_NUMBERS, PAIRS),
        (PAIRS, FEW_NUMBERS),
        (FEW_NUMBERS, PAIRS[:10]),
    ],
)
def test_mixtures_of_different_observations_are_not_merged(mine, theirs):
    mixture, other = learned_from(mine), learned_from(theirs)
    before = mixture.to_dict()
    with pytest.raises(MergeError, match="they have learned from"):
        mixture.merge(other)
    assert mixture.to_dict() == before


def test_em_without_a_mode_continues_after_a_decrease():
    weights = Dirichlet({0: 0.01, 1: 0.01})
    coins = Mixture([COIN] * 2, weights=weights, start=(0.6, 0.5))
    trace = coins.fit([5, 9, 8, 4, 7], iterations=200)
    rises = np.diff([step.log_posterior for step in trace])
    assert rises.min() < 0.0  # without a mode, the mean is used
    assert not trace.converged or abs(rises[-1]) < 5e-9
