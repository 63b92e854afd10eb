"""Online EM: as good as batch EM, and continued exactly by copies."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from scipy import stats

from mixture_streams import COIN, COMPILED, clusters, long_stream, streams, tosses
from seqbayes import (
    Beta,
    DirichletProcess,
    MergeError,
    NormalInverseGamma,
    NormalInverseWishart,
    ObservationError,
    PriorError,
)
from seqbayes.likelihoods import Binomial
from seqbayes.mixture import Constant, HalfLife, Mixture, Power


def coins_by_batch(heads):
    """EM of two coins and their weights to its limit, written out over the distinct counts."""
    values, counts = np.unique(heads, return_counts=True)
    theta, weight = np.array([0.8, 0.5]), 0.5
    for _ in range(5000):
        odds = theta[:, None] ** values * (1 - theta[:, None]) ** (10 - values)
        odds *= np.array([[weight], [1 - weight]])
        r = counts * odds / odds.sum(axis=0)
        old, theta = theta, (r * values).sum(axis=1) / (10 * r.sum(axis=1))
        weight = r[0].sum() / counts.sum()
        if np.abs(theta - old).max() < 1e-13:
            break
    return theta


@long_stream
@pytest.mark.parametrize("cold", [False, True], ids=["from (.6, .5)", "from the data"])
def test_two_coins_on_a_stream(cold):
    """Cappe and Moulines (2009): the averaged statistics are within .003, later within .0006."""
    errors = {10_000: [], 100_000: []}
    for seed in range(4):
        heads = tosses(seed, 100_000)
        start = None if cold else (0.6, 0.5)
        coins = Mixture([COIN, COIN], start=start, seed=seed)
        done = 0
        for n, found in errors.items():
            coins.learn_many(heads[done:n])
            done = n
            online = np.array(sorted(coins.parameters, reverse=True))
            found.append(np.abs(online - coins_by_batch(heads[:n])).max())
    rms = {n: math.sqrt(np.mean(np.square(found))) for n, found in errors.items()}
    assert rms[10_000] <= 3e-3
    assert rms[100_000] <= 6e-4


@long_stream
def test_three_clusters_are_found_as_accurately_as_by_batch_em():
    from sklearn.mixture import GaussianMixture

    seed = 7
    points = clusters(seed, 120_000)
    learned, held_out = points[:100_000], points[-5000:]
    batch = GaussianMixture(3, tol=1e-6, max_iter=2000, random_state=seed).fit(learned)
    online = Mixture(3, seed=seed)
    online.learn_many(learned)
    ours = np.mean([online.log_density(x) for x in held_out])
    assert ours > batch.score(held_out) - 3e-4


OFTEN = ("numbers", "vectors", "coins", "words", "products")

every_stream = pytest.mark.parametrize(
    ("settings", "xs"),
    [pytest.param(s, xs, id=name) for name, s, xs in streams() if COMPILED or name in OFTEN],
)


def new(settings, **changed):
    return Mixture(**{"seed": 1, "buffer": 30, "burn_in": 20, **settings, **changed})


@every_stream
def test_single_and_bulk_learning_agree_to_the_bit(settings, xs):
    one, bulk = new(settings), new(settings)
    for x in xs:
        one.learn_one(x)
    for first in range(0, len(xs), 71):
        bulk.learn_many(xs[first : first + 71])
    assert one.to_dict() == bulk.to_dict()
    if isinstance(xs[0], (float, int)) or (isinstance(xs[0], list) and "numbers" in settings):
        array = new(settings)
        array.learn_many(np.array(xs))
        assert array.to_dict() == one.to_dict()
    assert one.n_samples == len(xs)


@every_stream
@pytest.mark.parametrize("n", [0, 11, 100])
def test_copies_continue_identically_to_the_bit(settings, xs, n):
    mixture = new(settings)
    mixture.learn_many(xs[:n])
    copies = [
        Mixture.from_dict(json.loads(json.dumps(mixture.to_dict()))),
        pickle.loads(pickle.dumps(mixture)),
        mixture.clone(include_attributes=True),
    ]
    for copy in copies:
        assert copy == mixture
        assert copy.predict_proba_one(xs[0]) == mixture.predict_proba_one(xs[0])
    mixture.learn_many(xs[n : n + 60])
    for copy in copies if n == 100 else copies[:1]:
        for x in xs[n : n + 60]:
            copy.learn_one(x)
        assert copy.to_dict() == mixture.to_dict()
    assert mixture.clone() == new(settings)


@every_stream
def test_answers_exist_at_every_step(settings, xs):
    mixture = new(settings)
    for n in (0, 1, 2, 29, 30, 31, len(xs)):
        mixture.learn_many(xs[int(mixture.n_samples) : n])
        shares = mixture.predict_proba_one(xs[0])
        assert list(shares) == list(mixture.names)
        assert math.fsum(shares.values()) == pytest.approx(1.0, abs=1e-12)
        assert mixture.predict_one(xs[0]) in mixture.names
        assert math.fsum(mixture.weights) == pytest.approx(1.0, abs=1e-12)
        if n:
            assert math.isfinite(mixture.score_one(xs[0]))
            assert math.isfinite(mixture.log_density(xs[0]))
            total = math.fsum(state.n_samples for state in mixture.components)
            if "step" not in settings and n >= 30:
                assert total == pytest.approx(n, rel=1e-9)
    assert str(mixture).count("\n") == len(mixture.names) - 1


@every_stream
def test_batch_em_increases_the_likelihood(settings, xs):
    mixture = new({k: v for k, v in settings.items() if k != "step"})
    trace = mixture.fit(xs, iterations=12, tol=0, n_init=1)
    gains = np.diff([step.log_posterior for step in trace])
    assert gains.min() > -1e-8
    assert mixture.n_samples == len(xs)


@every_stream
def test_refused_input_changes_nothing(settings, xs):
    bad = [None, math.nan, math.inf, "text", [], {}, [1.0] * 9, object(), {"nowhere": 1.0}]
    for n in (0, 10, 100):
        mixture = new(settings)
        mixture.learn_many(xs[:n])
        before = mixture.to_dict()
        for x in bad:
            if x == {} and n == 0:
                continue
            if _may_pass(mixture, settings, x, n):
                continue
            with pytest.raises(ObservationError):
                mixture.learn_one(x)
            with pytest.raises(ObservationError):
                mixture.learn_many([xs[0], x])
            assert mixture.to_dict() == before
        for w in (-1.0, math.nan, "1", None):
            with pytest.raises(ObservationError):
                mixture.learn_one(xs[0], w)
        mixture.learn_one(xs[0], 0.0)
        assert mixture.to_dict() == before


def _may_pass(mixture, settings, x, n):
    """Whether a mixture accepts an unusual observation."""
    if isinstance(settings["components"], int):
        # names are those of the first observations, and others are ignored
        return isinstance(x, dict) or (n == 0 and isinstance(x, list))
    return False


def parameters_by_mean(mixture):
    return sorted(zip((p.mean.tolist() for p in mixture.parameters), mixture.weights, strict=True))


@long_stream
def test_merged_shards_equal_the_whole():
    points = clusters(2, 60_000)
    prior = [NormalInverseWishart(points.mean(axis=0), 0.01, 4, np.cov(points.T) / 3)] * 3
    whole, left, right = (Mixture(prior, seed=1) for _ in range(3))
    whole.learn_many(points)
    left.learn_many(points[::2])
    right.learn_many(points[1::2])
    both = left + right
    assert both.n_samples == whole.n_samples == 60_000
    batch = Mixture(prior, seed=1)
    batch.fit(points)
    density = {}
    for name, each in [("whole", whole), ("both", both), ("batch", batch), ("left", left)]:
        density[name] = np.mean([each.log_density(x) for x in points[:1500]])
    # at least as close as one pass over all data is to batch EM
    assert density["both"] > density["batch"] - max(2 * (density["batch"] - density["whole"]), 1e-4)
    for (mean, weight), (other, share) in zip(
        parameters_by_mean(both), parameters_by_mean(whole), strict=True
    ):
        assert mean == pytest.approx(other, abs=0.05)
        assert weight == pytest.approx(share, abs=0.01)
    # names are those of the left mixture
    for k in both.names:
        assert both.parameters[k].mean == pytest.approx(left.parameters[k].mean, abs=0.2)
    right.merge(left)
    assert parameters_by_mean(right)[0][0] == pytest.approx(parameters_by_mean(both)[0][0], 1e-6)


def test_merging_while_the_buffer_fills():
    xs = tosses(4, 300).tolist()
    part, rest = Mixture([COIN, COIN], buffer=100), Mixture([COIN, COIN], buffer=100)
    part.learn_many(xs[:40])
    rest.learn_many(xs[40:])
    into = rest + part
    assert into.n_samples == 300
    onto = part + rest
    assert onto.n_samples == 300
    assert part.n_samples == 40
    with pytest.raises(MergeError, match="priors"):
        part.merge(Mixture([Beta(2, 2, likelihood=Binomial(10)), COIN], buffer=100))
    with pytest.raises(MergeError, match="Beta into Mixture"):
        part.merge(COIN)


@long_stream
def test_a_drifting_stream_is_followed():
    rng = np.random.default_rng(8)
    drifting = Mixture(2, seed=1, step=HalfLife(300))
    settled = Mixture(2, seed=1)
    for low, high in ((0.0, 10.0), (5.0, 15.0)):
        xs = np.where(rng.random(6000) < 0.5, low, high) + rng.normal(size=6000)
        drifting.learn_many(xs)
        if low == 0.0:
            settled.learn_many(xs)
    with pytest.warns(UserWarning, match="forgotten"):
        settled.learn_many(xs)
    followed = sorted(p.mean for p in drifting.parameters)
    assert followed == pytest.approx([5.0, 15.0], abs=0.3)
    assert sum(s.n_samples for s in drifting.components) == pytest.approx(300 / math.log(2), 0.01)


def test_steps():
    assert Power(0.7)(100) == pytest.approx(100**-0.7)
    assert Constant(0.25)(7) == 0.25
    assert 1 - HalfLife(10)(3) == pytest.approx(0.5**0.1)
    calls = []

    def step(n):
        calls.append(n)
        return n**-0.6

    mixture = Mixture([COIN, COIN], start=(0.6, 0.5), step=step, burn_in=20)
    mixture.learn_many(tosses(0, 50))
    assert calls == list(range(21, 51))
    with pytest.raises(PriorError, match="JSON"):
        mixture.to_dict()
    invalid_step = Mixture([COIN, COIN], start=(0.6, 0.5), step=lambda n: 2.0, burn_in=1)
    invalid_step.learn_one(5)
    before = invalid_step.weights
    with pytest.raises(PriorError, match="step above 0"):
        invalid_step.learn_one(5)
    assert invalid_step.weights == before
    assert invalid_step.n_samples == 1


def test_observation_weight_two_equals_learning_twice():
    xs = tosses(5, 3000)
    twice, weighted = (Mixture([COIN, COIN], start=(0.6, 0.5)) for _ in range(2))
    twice.learn_many(np.repeat(xs, 2))
    weighted.learn_many(xs, 2.0)
    assert weighted.n_samples == twice.n_samples == 6000
    assert weighted.parameters == pytest.approx(twice.parameters, abs=0.01)


@long_stream
def test_component_names_are_stable_and_ranking_sorts_components():
    rng = np.random.default_rng(2)
    mixture = Mixture(2, seed=3)
    small = rng.normal(0, 1, 2000)
    large = rng.normal(20, 1, 8000)
    xs = rng.permutation(np.r_[small, large])
    mixture.learn_many(xs[:600])
    name = mixture.predict_one(0.0)
    for x in xs[600:]:
        mixture.learn_one(x)
        if rng.random() < 0.01:
            assert mixture.predict_one(0.0) == name
    assert mixture.ranking[-1] == mixture.names.index(name)
    assert str(mixture).splitlines()[-1].split()[1] == f"{name}:"


def test_a_constant_stream():
    for x in (3.0, {"a": 3.0, "b": 0.0}, [1e9, -2.0]):
        mixture = Mixture(2, seed=1)
        for _ in range(2000):
            mixture.learn_one(x)
        assert mixture.n_samples == 2000
        assert len(pickle.dumps(mixture)) < 1000
        assert math.isfinite(mixture.score_one(x))
        assert math.fsum(mixture.weights) == pytest.approx(1.0)


def test_a_component_with_zero_weight():
    mixture = Mixture([COIN, COIN], weights=(1.0, 0.0), start=(0.6, 0.5))
    mixture.learn_many(tosses(6, 500))
    assert mixture.weights == (1.0, 0.0)
    assert mixture.components[1].n_samples == 0.0
    assert mixture.predict_proba_one(3) == {0: 1.0, 1: 0.0}


def test_degenerate_data_do_not_collapse_components():
    """Covariances stay positive definite for degenerate data.

    Points are duplicated or rounded, the first points are equal, there are too many components, or
    the scale is between 1e-6 and 1e6.
    """
    for i in range(30 if COMPILED else 5):
        rng = np.random.default_rng(i)
        d, k, n = int(rng.integers(1, 4)), int(rng.integers(2, 7)), 500
        scale = 10.0 ** int(rng.integers(-6, 7))
        n_clusters = int(rng.integers(1, 4))
        centres = rng.normal(0, 4, (n_clusters, d))
        points = centres[rng.integers(0, n_clusters, n)] + rng.normal(size=(n, d))
        match i % 5:
            case 0:
                points = points[rng.integers(0, 20, n)]
            case 1:
                k = 10
            case 2:
                points[:k] = points[0]
            case 3:
                points[: n // 2] = points[0]
            case 4:
                points = np.round(points)
        points = points * scale + (1e3 * scale if i % 3 == 0 else 0.0)
        mixture = Mixture(k, seed=i, buffer=100)
        mixture.learn_many(points if d > 1 else points[:, 0])
        for parameter, weight in zip(mixture.parameters, mixture.weights, strict=True):
            covariance = np.atleast_2d(parameter[1]) / scale**2
            assert np.linalg.eigvalsh(covariance).min() > 1e-9, i
            assert 0.0 <= weight <= 1.0, i


@long_stream
def test_a_long_stream_loses_no_precision():
    rng = np.random.default_rng(4)
    mixture = Mixture(2, seed=1)
    for _ in range(10):
        xs = 1e6 + np.where(rng.random(100_000) < 0.3, 0.0, 5.0) + rng.normal(size=100_000)
        mixture.learn_many(xs)
    means = sorted(p.mean - 1e6 for p in mixture.parameters)
    assert means == pytest.approx([0.0, 5.0], abs=0.02)
    assert [p.variance for p in mixture.parameters] == pytest.approx([1.0, 1.0], abs=0.02)
    assert min(mixture.weights) == pytest.approx(0.3, abs=0.005)


def test_improper_or_unsuitable_priors_are_refused():
    with pytest.raises(PriorError, match="proper"):
        Mixture([NormalInverseGamma.flat()] * 2).learn_one(1.0)
    with pytest.raises(PriorError, match="cannot be a component"):
        Mixture([DirichletProcess()] * 2).learn_one("a")
    with pytest.raises(PriorError, match="covariance"):
        Mixture(2, covariance="round")
    with pytest.raises(PriorError, match="buffer of at least 3"):
        Mixture(3, buffer=2)
    with pytest.raises(PriorError, match="priors"):
        Mixture(2, start=(1.0, 2.0))
    with pytest.raises(PriorError, match="cannot start"):
        Mixture([COIN, COIN], start=("a", 0.5)).learn_one(1)


def test_invalid_documents_are_refused():
    mixture = Mixture([COIN, COIN], start=(0.6, 0.5))
    mixture.learn_many(tosses(0, 100))
    good = mixture.to_dict()
    for change in (
        {"seqbayes": 99},
        {"model": "Mixtures"},
        {"parameters": {}},
        {"parameters": {**good["parameters"], "step": ["Jump", {}]}},
        {"learned": {}},
        {"learned": {**good["learned"], "weights": [1.0]}},
        {"learned": {**good["learned"], "n": math.nan}},
        {"learned": {**good["learned"], "kernels": []}},
        {"learned": None},
    ):
        with pytest.raises(PriorError):
            Mixture.from_dict({**good, **change})


def test_many_features_have_the_density_and_the_moments_of_their_parameters() -> None:
    """From 8 features on products are added in another order, and M-steps are less frequent."""
    d, rng = 40, np.random.default_rng(5)
    a = rng.normal(size=(d, d)) / 5.0 + np.eye(d)
    points = rng.normal(size=(4000, d)) @ a.T + 3.0
    mixture = Mixture(1, seed=1, buffer=200)
    mixture.learn_many(points)
    [(mean, covariance)] = mixture.parameters
    x = points[0]
    expected = stats.multivariate_normal(mean, covariance).logpdf(x)
    assert mixture.log_density(x) == pytest.approx(expected, rel=1e-10)
    true_score = stats.multivariate_normal(np.full(d, 3.0), a @ a.T).logpdf(points).mean()
    assert stats.multivariate_normal(mean, covariance).logpdf(points).mean() > true_score - 0.5
