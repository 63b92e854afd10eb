"""Families as components: their adapters, and the generic one."""

from __future__ import annotations

import pickle
import threading
import tracemalloc

import numpy as np
import pytest

from seqbayes import (
    Beta,
    Gamma,
    Normal,
    NormalInverseGamma,
    NormalInverseWishart,
    ObservationError,
    PriorError,
)
from seqbayes.likelihoods import Binomial, Exponential, LogNormal
from seqbayes.mixture import DirichletProcessMixture, Mixture, Power, Prequential
from seqbayes.mixture.components.state_adapters import GENERIC, adapter_of
from seqbayes.statistics import PythonStatistics


class GenericGamma(Gamma):
    component_adapter = GENERIC


class GenericBeta(Beta):
    component_adapter = "seqbayes.mixture.components.state_adapters:GENERIC"


class GenericNormal(Normal):
    component_adapter = GENERIC


class GenericNormalInverseGamma(NormalInverseGamma):
    component_adapter = GENERIC


def draws(kind, n=240):
    rng = np.random.default_rng(5)
    first = rng.random(n) < 0.4
    return {
        "counts": rng.poisson(np.where(first, 2, 12)),
        "tosses": rng.binomial(10, np.where(first, 0.2, 0.7)),
        "numbers": np.where(first, rng.normal(-3, 1, n), rng.normal(4, 0.5, n)),
        "positive": np.exp(np.where(first, rng.normal(-1, 0.3, n), rng.normal(1, 0.2, n))),
    }[kind].tolist()


@pytest.mark.parametrize(
    ("own", "generic", "arguments", "kind"),
    [
        (Gamma, GenericGamma, {"shape": 2, "rate": 1}, "counts"),
        (Gamma, GenericGamma, {"shape": 2, "likelihood": Exponential()}, "positive"),
        (Beta, GenericBeta, {"alpha": 2, "beta": 2, "likelihood": Binomial(10)}, "tosses"),
        (Normal, GenericNormal, {"prior_mean": 0, "prior_variance": 50}, "numbers"),
        (
            NormalInverseGamma,
            GenericNormalInverseGamma,
            {"prior_mean": 0, "kappa": 0.1, "alpha": 2, "beta": 2},
            "numbers",
        ),
        (NormalInverseGamma, GenericNormalInverseGamma, {"likelihood": LogNormal()}, "positive"),
    ],
)
def test_the_generic_adapter_agrees_with_the_compiled_ones(own, generic, arguments, kind):
    xs = draws(kind)
    fast, slow = (Mixture([cls(**arguments)] * 2, seed=1, buffer=60) for cls in (own, generic))
    for mixture in (fast, slow):
        mixture.learn_many(xs)
    assert slow.log_predictive(xs[0]) == pytest.approx(fast.log_predictive(xs[0]), rel=1e-9)
    assert slow.log_density(xs[0]) == pytest.approx(fast.log_density(xs[0]), rel=1e-9)
    weights, parameters, counts = [], [], []
    for mixture in (fast, slow):  # starts from clusters may be in another order
        order = mixture.ranking
        weights.append([mixture.weights[k] for k in order])
        parameters.append(np.ravel([mixture.parameters[k] for k in order]))
        counts.append([mixture.components[k].n_samples for k in order])
    assert weights[1] == pytest.approx(weights[0], rel=1e-9)
    assert parameters[1] == pytest.approx(parameters[0], rel=1e-9)
    assert counts[1] == pytest.approx(counts[0], rel=1e-9)
    copy = pickle.loads(pickle.dumps(slow))
    copy.learn_one(xs[1])
    slow.learn_one(xs[1])
    assert copy == slow


@pytest.mark.parametrize("d", [1, 2, 3, 8])
@pytest.mark.parametrize("n", [0, 1, 5, 300])
def test_the_predictive_of_one_component_is_that_of_its_state(d, n):
    """With `Power(1)` and without averaging, the statistic is the plain average."""
    rng = np.random.default_rng(d)
    points = rng.normal(size=(n, d)) @ rng.normal(size=(d, d))
    state = NormalInverseWishart([0.0] * d, 0.1, d + 1.5)
    mixture = Mixture([state], start=[([0.0] * d, np.eye(d))], step=Power(1.0), average=False)
    state.learn_many(points)
    mixture.learn_many(points)
    for scale in (0.0, 50.0, 1e9):
        x = np.full(d, scale)
        assert mixture.log_predictive(x) == pytest.approx(state.log_predictive(x), rel=1e-11)
        if d > 1:
            part = state.predictive.marginal(range(1, d)).logp(x[1:])
            assert mixture.log_predictive([None, *x[1:]]) == pytest.approx(part, rel=1e-11)
    assert np.isfinite(mixture.log_predictive([1e150] * d))


def test_a_family_may_declare_a_reason_against_components():
    class Excluded(Gamma):
        component_adapter = None
        component_adapter_reason = "it is an example"

    with pytest.raises(PriorError, match="cannot be a component of a mixture: it is an example"):
        Mixture([Excluded()] * 2)


class Maximum(PythonStatistics):
    initial = (0.0,)
    unsupported = {"scale": "a maximum has no weight"}  # noqa: RUF012


def test_a_statistic_that_cannot_be_scaled_is_refused_with_its_reason():
    class Largest(Gamma):
        component_adapter = GENERIC

        def new_statistics(self):
            return Maximum()

    with pytest.raises(PriorError, match="a maximum has no weight"):
        Mixture([Largest()] * 2)


def test_families_inherit_their_adapter():
    class Own(Gamma):
        pass

    assert adapter_of(Own()) is adapter_of(Gamma())


# The result of a fit, and later learning.


def two_clusters(seed, n):
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, 1)) < 0.5, 0.0, 8.0) + rng.normal(size=(n, 2))


def test_parameters_and_the_last_iteration_agree():
    for iterations in (0, 1, 5):
        mixture = Mixture(2, seed=1)
        trace = mixture.fit(two_clusters(1, 100), iterations=iterations, tol=0)
        assert len(trace) == iterations + 1
        assert mixture.weights == trace[-1].weights
        for mine, last in zip(mixture.parameters, trace[-1].parameters, strict=True):
            assert np.array_equal(mine.mean, last.mean)
            assert np.array_equal(mine.covariance, last.covariance)
    coins = Mixture([Beta(likelihood=Binomial(10))] * 2, (0.5, 0.5), start=(0.6, 0.5))
    coins.fit([5, 9, 8, 4, 7], iterations=0)
    assert coins.parameters == (0.6, 0.5)


def test_only_the_last_responsibilities_are_kept_unless_requested():
    points = two_clusters(2, 20_000)
    mixture = Mixture(5, seed=1)
    tracemalloc.start()
    trace = mixture.fit(points, iterations=15, tol=0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * trace[-1].responsibilities.nbytes  # of 16 iterations
    assert all(step.responsibilities is None for step in trace[:-1])
    every = mixture.fit(points[:50], iterations=3, tol=0, keep_responsibilities=True)
    assert [step.responsibilities.shape for step in every] == [(50, 5)] * 4


def test_fitted_data_count_in_full_afterwards():
    rng = np.random.default_rng(3)
    values = np.r_[rng.normal(0, 1, 5000), rng.normal(10, 1, 5000)]
    mixture = Mixture(2, seed=1)
    mixture.fit(values)
    mixture.learn_many(rng.normal(10, 1, 300))
    copy = Mixture.from_dict(mixture.to_dict())
    assert sorted(mixture.weights) == pytest.approx([5000 / 10_300, 5300 / 10_300], abs=0.003)
    for model in (mixture, copy):
        model.learn_many(rng.normal(size=3))
    assert copy.to_dict()["learned"]["step_memory"] == 10_000


# Input.


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_nan_in_arrays_and_none_in_sequences_are_missing_values(covariance):
    points = two_clusters(4, 400)
    points[::5, 0] = np.nan
    rows = [{n: v for n, v in zip("xy", row, strict=True) if v == v} for row in points.tolist()]
    lists = [[None if v != v else v for v in row] for row in points.tolist()]
    found = []
    for xs in (points, list(points), lists, rows):
        mixture = Mixture(np.int64(2), seed=1, covariance=covariance, buffer=100)
        mixture.learn_many(xs)
        found.append(mixture)
    assert found[0] == found[1] == found[2]
    assert found[3].weights == found[0].weights
    assert found[0].predict_one(points[0]) == found[3].predict_one(rows[0])
    assert Mixture.from_dict(found[0].to_dict()) == found[0]
    for empty in (np.array([np.nan, np.nan]), [None, None]):
        with pytest.raises(ObservationError):
            found[0].learn_one(empty)
        with pytest.raises(ObservationError):
            Mixture(2).learn_one(empty)


def test_diag_is_diagonal():
    points = two_clusters(5, 300)
    mixtures = [Mixture(2, seed=1, covariance=each) for each in ("diag", "diagonal")]
    for mixture in mixtures:
        mixture.learn_many(points)
    assert mixtures[0] == mixtures[1]
    assert Mixture.from_dict(mixtures[0].to_dict()) == mixtures[0]


def test_numpy_integers_are_numbers_of_components():
    assert Mixture(np.int64(3)).names == (0, 1, 2)
    assert list(Prequential(np.int32(2)).mixtures) == [1, 2]
    assert DirichletProcessMixture(most=np.int8(4)).most == 4
    for mixture in (Mixture(np.int64(3)), DirichletProcessMixture(most=np.int8(4))):
        assert type(mixture).from_dict(mixture.to_dict()) == mixture


@pytest.mark.parametrize("model", [Mixture(2, seed=1), Mixture([Gamma(2, 1)] * 2, step=0.01)])
def test_threads_lose_no_observations(model):
    model = model.clone()
    xs = np.random.default_rng(6).poisson(5, 4000).tolist()

    def learn(part):
        for x in part:
            model.learn_one(x)

    threads = [threading.Thread(target=learn, args=(xs[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.n_samples == 4000
    assert sum(state.n_samples for state in model.components) == pytest.approx(
        4000 if model.step is None else min(4000, 1 / 0.01), rel=0.02
    )


def packed(diagonal):
    """The lower triangle by rows of a diagonal matrix."""
    return [v if i == j else 0.0 for i, v in enumerate(diagonal) for j in range(i + 1)]


@pytest.mark.parametrize("covariance", ["diagonal", "spherical"])
def test_documents_with_full_scatters_of_independent_features_are_read(covariance):
    """Earlier versions stored the scatter as a triangle, and a scale with its divisor."""
    rng = np.random.default_rng(7)
    points = np.where(rng.random((400, 1)) < 0.5, 0.0, 8.0) + rng.normal(size=(400, 3))
    mixture = Mixture(2, seed=1, covariance=covariance, buffer=100)
    mixture.learn_many(points)
    document = mixture.to_dict()
    earlier = mixture.to_dict()
    earlier["learned"]["kernels"] = [
        [
            *([*v[:4], *packed(v[4:])] for v in (live, averaged)),
            [*numbers[:3], *(4.0 * v for v in packed(numbers[3:])), 4.0],
        ]
        for live, averaged, numbers in document["learned"]["kernels"]
    ]
    assert Mixture.from_dict(earlier) == mixture


def test_independent_features_take_linear_space():
    rng = np.random.default_rng(8)
    points = rng.normal(size=(100, 32))
    sizes = []
    for covariance in ("full", "diag"):
        mixture = Mixture(2, seed=1, covariance=covariance, buffer=60)
        mixture.learn_many(points)
        sizes.append(len(pickle.dumps(mixture)))
    assert sizes[1] < sizes[0] / 5
