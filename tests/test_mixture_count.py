"""The number of components: mixtures compared by log scores, and Dirichlet process mixtures."""

from __future__ import annotations

import itertools
import json
import math
import pickle

import numpy as np
import pytest
from river import checks
from scipy import integrate

from mixture_streams import COIN, COMPILED, long_stream, streams, tosses
from real_data import FAITHFUL
from seqbayes import (
    Beta,
    Dirichlet,
    DirichletProcess,
    Gamma,
    MergeError,
    NormalInverseGamma,
    NormalInverseWishart,
    ObservationError,
    PriorError,
)
from seqbayes.likelihoods import LogNormal
from seqbayes.mixture import (
    DirichletProcessMixture,
    HalfLife,
    Mixture,
    Power,
    Prequential,
)
from seqbayes.mixture.counting import SplitSearch
from seqbayes.mixture.em.evidence import Evidence, NormalEvidence, log_evidence, log_partition
from seqbayes.mixture.em.evidence import evidence_of as evidence_of_components
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.settings import Settings
from seqbayes.mixture.em.split_merge import ProcessPrior
from seqbayes.mixture.em.start import fit_best_start
from seqbayes.mixture.search import ComponentSearch


def faithful(seed, n=272):
    """Points like those of Old Faithful: durations and waiting times of two kinds of eruptions."""
    rng = np.random.default_rng(seed)
    short = (rng.random(n) < 0.356)[:, None]
    roots = np.linalg.cholesky([[[0.069, 0.435], [0.435, 33.7]], [[0.17, 0.94], [0.94, 36.05]]])
    normal = rng.normal(size=(n, 2))
    return np.where(
        short, normal @ roots[0].T + [2.036, 54.48], normal @ roots[1].T + [4.29, 79.97]
    )


def five(seed, n, spread=1.0):
    """Points of five round clusters, on the corners of a square and in its middle."""
    rng = np.random.default_rng(seed)
    places = np.array([[0, 0], [6, 0], [0, 6], [6, 6], [3, 3]], float)
    which = rng.choice(5, n, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    return places[which] + spread * rng.normal(size=(n, 2))


# Evidence.


def test_partitions_have_probability_one():
    for n, most, concentration in ((5, 3, 0.7), (6, 20, 1.0), (4, 1, 2.0)):
        total = 0.0
        for labels in itertools.product(range(n), repeat=n):
            if list(dict.fromkeys(labels)) == list(range(len(set(labels)))):  # one labelling each
                counts = np.bincount(labels).astype(float)
                if len(counts) <= most:
                    total += math.exp(log_partition(counts, concentration, most))
        assert total == pytest.approx(1.0, rel=1e-10)


def test_partitions_converge_to_those_of_the_process():
    counts = np.array([5.0, 1.0, 9.0])
    process = DirichletProcess(0.7)
    process.learn_many("a" * 5 + "b" + "c" * 9)
    assert log_partition(counts, 0.7, 10**7) == pytest.approx(process.log_evidence, rel=1e-6)


def evidence_of(prior, k, xs, seed=0):
    weights = Dirichlet.flat(tuple(range(k))) if k > 1 else (1.0,)
    model = EMModel((prior,) * k, Settings("full", weights, Power(), True, 1.0))
    rows, w = model.rows(xs), np.ones(len(xs))
    fit_best_start(model, rows, w, np.random.default_rng(seed), 10, 500)
    return log_evidence(model, rows, w, 1.0, 10)


@pytest.mark.parametrize(
    ("prior", "xs"),
    [
        (NormalInverseWishart([0, 0], 0.1, 5), faithful(1, 40).tolist()),
        (NormalInverseGamma(0, 0.1, 2, 2), [0.5, 1.0, -2.0, 3.0]),
        (Beta(2, 2, likelihood=COIN.likelihood), [5, 9, 8, 4, 7]),
        (Gamma(2, 1), [3, 0, 2, 2]),
    ],
)
def test_evidence_of_one_component_is_exact(prior, xs):
    prior_of_one = log_partition(np.array([float(len(xs))]), 1.0, 10)
    state = prior.clone()
    state.learn_many(xs)
    assert evidence_of(prior, 1, xs) == pytest.approx(state.log_evidence + prior_of_one, rel=1e-9)


@pytest.mark.parametrize("d", [1, 3])
def test_evidence_of_normal_components_is_that_of_their_states(d):
    """The closed form from the sums of the kernels equals the algebra of the states."""
    rng = np.random.default_rng(d)
    xs = np.concatenate([rng.normal(size=(30, d)), 5.0 + 2.0 * rng.normal(size=(20, d))])
    prior = NormalInverseWishart(np.full(d, 0.5).tolist(), 0.2, d + 3.0)
    data = xs.tolist()
    if d == 1:
        prior, data = NormalInverseGamma(0.5, 0.2, 2.0, 1.5), xs[:, 0].tolist()
    model = EMModel([prior] * 2, Settings("full", Dirichlet.flat((0, 1)), Power(), False, 1.0))
    rows, w = model.rows(data), rng.random(50)
    fit_best_start(model, rows, w, np.random.default_rng(0), 1, 5)
    raw = [kernel.parameter for kernel in model.engine.kernels]
    model.e_step(rows, w)
    fast = evidence_of_components(model, model.engine)
    slow = Evidence(model, model.states(model.engine))
    assert isinstance(fast, NormalEvidence)
    assert fast.gain_over(raw) == pytest.approx(slow.gain_over(raw), rel=1e-9)
    gain = slow.together(0, 1) - slow.alone().sum()
    assert fast.together(0, 1) - fast.alone().sum() == pytest.approx(gain, rel=1e-9)


@pytest.mark.parametrize(
    ("prior", "xs"),
    [
        (NormalInverseWishart([0, 0], 0.1, 5), faithful(1, 60).tolist()),
        (NormalInverseGamma(0, 0.1, 2, 2, LogNormal()), faithful(1, 60)[:, 0].tolist()),
    ],
)
def test_evidence_of_complete_data_is_that_from_the_likelihoods(prior, xs):
    """The entropy of the responsibilities replaces the difference between the likelihoods."""
    model = EMModel([prior] * 2, Settings("full", Dirichlet.flat((0, 1)), Power(), False, 1.0))
    rows, w = model.rows(xs), np.random.default_rng(1).random(60)
    fit_best_start(model, rows, w, np.random.default_rng(0), 2, 8)
    raw, shares = [kernel.parameter for kernel in model.engine.kernels], model.engine.weights.copy()
    fast = log_evidence(model, rows, w, 0.7, 10)
    _, log_likelihood = model.e_step(rows, w)
    model.engine.memory, counts = w.sum(), w.sum() * model.engine.live
    slow = log_likelihood - counts @ np.log(shares) + log_partition(counts, 0.7, 10)
    slow += Evidence(model, model.states(model.engine)).gain_over(raw)
    assert fast == pytest.approx(slow, rel=1e-11)


def test_evidence_of_two_components_is_close_to_that_of_all_assignments():
    """Cheeseman and Stutz (1996) against the sum over all partitions of eleven observations."""
    prior = NormalInverseGamma(0, 0.05, 3, 2)
    xs = [-5.2, -4.1, -4.8, -5.5, -4.4, -6.0, 4.9, 5.3, 6.1, 4.2, 5.0]
    logs = []
    for labels in itertools.product((0, 1), repeat=len(xs) - 1):
        sides = ([xs[0]], [])
        for x, label in zip(xs[1:], labels, strict=True):
            sides[label].append(x)
        if not sides[1]:
            continue
        total = log_partition(np.array([float(len(side)) for side in sides]), 1.0, 10)
        for side in sides:
            state = prior.clone()
            state.learn_many(side)
            total += state.log_evidence
        logs.append(total)
    assert evidence_of(prior, 2, xs) == pytest.approx(np.logaddexp.reduce(logs), abs=0.5)


# Comparison of mixtures.


def one_state(prior, **settings):
    """A mixture of one component that learns as its state does."""
    exact = {"step": Power(1.0), "average": False, "buffer": 1}
    return Mixture([prior], **{**exact, **settings})


def test_log_score_of_one_component_is_its_log_evidence():
    """The chain rule: Dawid's log score of an exact model is its log marginal likelihood."""
    xs = tosses(3, 99).tolist()
    candidates = {"flat": COIN, "fair": Beta(20, 20, likelihood=COIN.likelihood)}
    both = Prequential({name: one_state(prior) for name, prior in candidates.items()})
    both.learn_many(xs)
    evidence = {}
    for name, prior in candidates.items():
        state = prior.clone()
        state.learn_many(xs)
        evidence[name] = state.log_evidence
    assert both.log_scores == pytest.approx(evidence, rel=1e-9)
    odds = math.exp(evidence["flat"] - evidence["fair"])
    assert both.probabilities["flat"] == pytest.approx(odds / (1 + odds), rel=1e-9)
    assert both.best == max(evidence, key=evidence.get)


def test_log_score_is_the_sum_of_the_log_predictions():
    xs = faithful(3, 90).tolist()
    prior = [NormalInverseWishart([3, 70], 0.05, 4, [[1, 0], [0, 100]])]
    candidates = {k: Mixture(prior * k, seed=1, buffer=30) for k in (1, 2)}
    both = Prequential(candidates, prior={1: 0.9, 2: 0.1})
    said = dict.fromkeys(candidates, 0.0)
    for i, x in enumerate(xs):
        average = sum(
            p * math.exp(both.mixtures[k].log_predictive(x)) for k, p in both.probabilities.items()
        )
        assert both.log_predictive(x) == pytest.approx(math.log(average), rel=1e-9)
        assert both.score_one(x) == -both.log_predictive(x)
        for k in candidates:
            said[k] += both.mixtures[k].log_predictive(x)
        both.learn_one(x)
        assert both.n_samples == i + 1
    assert both.log_scores == pytest.approx(said, rel=1e-12)
    logs = np.array([math.log(0.9) + said[1], math.log(0.1) + said[2]])
    expected = np.exp(logs - np.logaddexp.reduce(logs))
    assert list(both.probabilities.values()) == pytest.approx(expected.tolist(), rel=1e-9)
    assert both.mixture == both.mixtures[2]
    assert both.predict_proba_one(xs[0]) == both.mixtures[2].predict_proba_one(xs[0])
    assert both.predict_one(xs[0]) == both.mixtures[2].predict_one(xs[0])
    assert str(both).startswith("1: log score -")


def test_old_scores_lose_weight():
    xs = np.random.default_rng(2).normal(size=90).tolist()
    prior = NormalInverseGamma(0, 0.1, 2, 2)
    fading = Prequential({k: Mixture([prior] * k, seed=1) for k in (1, 2)}, half_life=20)
    scores = dict.fromkeys((1, 2), 0.0)
    for w, x in zip(itertools.cycle([1.0, 0.5, 2.0]), xs, strict=False):
        for k, mixture in fading.mixtures.items():
            scores[k] = 0.5 ** (w / 20) * scores[k] + w * mixture.log_predictive(x)
        fading.learn_one(x, w)
        if fading.n_samples > 48:
            break
    assert fading.log_scores == pytest.approx(scores, rel=1e-9)


@pytest.mark.parametrize("seed", range(3 if COMPILED else 1))
def test_two_kinds_of_eruptions(seed):
    points = [{"eruption": x, "wait": y} for x, y in faithful(seed).tolist()]
    side_by_side = Prequential(4, seed=seed)
    grown = DirichletProcessMixture(seed=seed, buffer=150)
    for x in points:
        side_by_side.learn_one(x)
        grown.learn_one(x)
    assert side_by_side.best == 2
    assert len(grown.names) == 2
    short, long = sorted(p.mean.tolist() for p in grown.parameters)
    assert short == pytest.approx([2.04, 54.5], rel=0.05)
    assert long == pytest.approx([4.29, 80.0], rel=0.05)


@long_stream
def test_five_clusters():
    points = five(0, 2000)
    side_by_side = Prequential(6, seed=0)
    side_by_side.learn_many(points)
    assert side_by_side.best == 5
    grown = DirichletProcessMixture(seed=0)
    grown.learn_many(points)
    assert len(grown.names) == 5


# Components that are added and removed.


@long_stream
@pytest.mark.parametrize("seed", [1, 3])
def test_components_are_added_where_clusters_appear(seed):
    """Components keep their names, and components at new places get new names."""
    rng = np.random.default_rng(seed)
    mixture = DirichletProcessMixture(NormalInverseWishart([0, 0], 0.05, 4), seed=1)
    places = [(0.0, 0.0), (9.0, 0.0), (0.0, 9.0), (9.0, 9.0)]
    called = {}
    for count, n in ((1, 1500), (2, 1500), (3, 1500), (4, 8000)):
        which = rng.integers(0, count, n)
        mixture.learn_many(np.array(places)[which] + rng.normal(size=(n, 2)))
        for place in places[:count]:
            name = mixture.predict_one(place)
            assert called.setdefault(place, name) == name
    # components added while a cluster appeared were removed
    assert set(mixture.names) == set(called.values())
    assert len(mixture.names) == 4
    assert math.fsum(state.n_samples for state in mixture.components) == pytest.approx(12_500)


@long_stream
def test_a_new_cluster_is_noticed_at_once():
    rng = np.random.default_rng(3)
    mixture = DirichletProcessMixture(seed=1)
    mixture.learn_many(rng.normal(size=20_000))
    assert mixture.names == (0,)
    seen = 0
    while len(mixture.names) < 2:
        mixture.learn_one(rng.normal(30, 1))
        seen += 1
    assert seen < 30
    assert mixture.predict_one(30.0) != mixture.predict_one(0.0)


@long_stream
def test_empty_components_are_removed():
    rng = np.random.default_rng(4)
    mixture = DirichletProcessMixture(seed=1, step=HalfLife(300))
    mixture.learn_many(rng.choice([-8.0, 0.0, 8.0], 2000) + rng.normal(size=2000))
    assert len(mixture.names) == 3
    kept = {mixture.predict_one(0.0), mixture.predict_one(8.0)}
    mixture.learn_many(rng.choice([0.0, 8.0], 5000) + rng.normal(size=5000))
    assert set(mixture.names) == kept


@long_stream
def test_old_components_are_kept_with_decreasing_step_sizes():
    rng = np.random.default_rng(5)
    mixture = DirichletProcessMixture(seed=1)
    mixture.learn_many(rng.normal(size=5000))
    (first,) = mixture.names
    mixture.learn_many(rng.normal(12, 1, size=1800))
    assert len(mixture.names) == 2
    mixture.learn_many(rng.normal(12, 1, size=4000))
    assert len(mixture.names) == 2
    assert mixture.predict_one(0.0) == first


@long_stream
@pytest.mark.parametrize("seed", range(3))
def test_two_components_of_one_cluster_are_merged(seed):
    """Two components of one cluster are merged; the older name is kept."""
    rng = np.random.default_rng(seed)
    component = NormalInverseGamma(0, 0.05, 2, 2)
    prior = ProcessPrior(
        1.0, 20, Settings("full", (1.0,), Power(), True, 1.0), ignore_unknown=False
    )
    halves, w = prior.new_model(component, 2), np.ones(400)
    rows = halves.rows(rng.normal(size=400))
    fit_best_start(halves, rows, w, rng, 1, 20)
    halves.e_step(rows, w)
    search = ComponentSearch(prior, 100, seed=1)
    search.start(halves, [])
    assert search.names == (0, 1)
    model = halves
    for x in rng.normal(size=3000).tolist():
        model = search.learn(model, x, 1.0, component.log_predictive(x))
    assert search.names == (0,)
    (joined,) = model.states(model.predicting())
    assert joined.n_samples == pytest.approx(3400)


def test_the_predictive_is_a_density():
    rng = np.random.default_rng(6)
    prior = NormalInverseGamma(0, 0.1, 2, 2)
    mixture = DirichletProcessMixture(prior, concentration=3.0, most=4, buffer=50)
    assert mixture.unseen == 1.0
    for n in (0, 12, 60):
        mixture.learn_many(rng.choice([-5.0, 5.0], n) + rng.normal(size=n))
        total, _ = integrate.quad(
            lambda x: math.exp(mixture.log_predictive(x)), -500, 500, points=[-5, 0, 5], limit=400
        )
        assert total == pytest.approx(1.0, abs=2e-3)
    k = len(mixture.names)
    assert mixture.unseen == pytest.approx(3.0 * (4 - k) / 4 / (3.0 + 72))
    full = DirichletProcessMixture(prior, most=1, buffer=5)
    full.learn_many([0.0, 1.0, 2.0, 3.0, 5.0, 9.0])
    assert full.unseen == 0.0
    assert full.names == (0,)


# Every kind of component.


def model_cases():
    """Yield a label, a model and a stream.

    The models are a `DirichletProcessMixture` and a `Prequential` for every type of component.
    """
    for name, settings, xs in streams():
        if name not in KINDS:
            continue
        given = settings["components"]
        component = None if isinstance(given, int) else given[0]
        yield f"process of {name}", DirichletProcessMixture(component, seed=1, buffer=40), xs[:90]
        candidates = {1: Mixture(1 if component is None else [component], seed=1, buffer=40)}
        candidates[2] = Mixture(2 if component is None else [component] * 2, seed=1, buffer=30)
        yield f"{name} side by side", Prequential(candidates), xs[:90]
    rng = np.random.default_rng(1)
    far = np.r_[rng.normal(-6, 1, 90), rng.choice([-6, 6], 90) + rng.normal(size=90)].tolist()
    yield "a birth", DirichletProcessMixture(seed=1, buffer=50), far
    fading = DirichletProcessMixture(seed=1, buffer=50, step=HalfLife(80))
    yield "a fading process", fading, far
    yield "up to three components", Prequential(3, half_life=100, seed=1), far


COMPONENT_TYPES = ("numbers", "features", "products")

KINDS = COMPONENT_TYPES if COMPILED else ("numbers",)

every_kind = pytest.mark.parametrize(
    ("model", "xs"), [pytest.param(model, xs, id=name) for name, model, xs in model_cases()]
)


@every_kind
def test_copies_continue_identically_one_by_one_and_with_learn_many(model, xs):
    one = model.clone()
    copies = {}
    for i, x in enumerate(xs):
        if i in (0, 25, 80):
            copies[i] = type(one).from_dict(json.loads(json.dumps(one.to_dict())))
            others = pickle.loads(pickle.dumps(one)), one.clone(include_attributes=True)
            for copy in (copies[i], *others):
                assert copy == one
            assert copies[i].predict_proba_one(x) == one.predict_proba_one(x)
            assert copies[i].score_one(x) == one.score_one(x)
        one.learn_one(x)
    for i, copy in copies.items():
        for first in range(i, len(xs), 71):
            copy.learn_many(xs[first : first + 71])
        assert copy.to_dict() == one.to_dict()
    assert one != model
    assert one.clone() == model
    assert repr(one) == repr(model)
    assert one.n_samples == pytest.approx(len(xs))


@every_kind
def test_predictions_are_available_at_every_step(model, xs):
    model = model.clone()
    for n in (0, 1, 2, 12, 41, len(xs)):
        model.learn_many(xs[round(model.n_samples) : n])
        shares = model.predict_proba_one(xs[0])
        assert math.fsum(shares.values()) == pytest.approx(1.0)
        assert model.predict_one(xs[0]) in shares
        assert math.isfinite(model.score_one(xs[0]))
        if isinstance(model, DirichletProcessMixture):
            assert tuple(shares) == model.names
            assert len(model.components) in (0, len(model.names))
            assert math.fsum(model.weights) == pytest.approx(1.0)
            assert 0.0 < model.unseen <= 1.0
            assert sorted(model.ranking) == list(range(len(model.names)))
        else:
            assert math.fsum(model.probabilities.values()) == pytest.approx(1.0)
        assert str(model)


@every_kind
def test_refused_input_changes_nothing(model, xs):
    bad = [None, math.nan, "text", [], [1.0] * 9, object()]
    for n in (0, 20, 100):
        learned = model.clone()
        learned.learn_many(xs[:n])
        before = learned.to_dict()
        for x in bad:
            if n == 0 and isinstance(x, list):
                continue  # before the first observation, vectors are valid
            for method in (learned.learn_one, learned.predict_proba_one, learned.score_one):
                with pytest.raises(ObservationError):
                    method(x)
            with pytest.raises(ObservationError):
                learned.learn_many([xs[0], x])
            assert learned.to_dict() == before
        for w in (-1.0, math.nan, "1", None):
            with pytest.raises(ObservationError):
                learned.learn_one(xs[0], w)
        with pytest.raises(ObservationError, match="weight"):
            learned.learn_many(xs[:2], [1.0, -1.0])
        learned.learn_one(xs[0], 0.0)
        learned.learn_many([])
        assert learned.to_dict() == before


# Two shards.


@every_kind
def test_merging_shards_adds_their_observations(model, xs):
    half = len(xs) // 2
    for first, second in ((half, half + 10), (10, half)):
        left, right = model.clone(), model.clone()
        left.learn_many(xs[:first])
        right.learn_many(xs[first:second])
        both = left + right
        assert both.n_samples == pytest.approx(second)
        assert left.n_samples == pytest.approx(first)
        assert math.isfinite(both.score_one(xs[0]))
        both.learn_many(xs[second:])
        assert both.n_samples == pytest.approx(len(xs))


@long_stream
def test_merged_dirichlet_process_mixtures_keep_components_of_both():
    rng = np.random.default_rng(7)
    prior = NormalInverseWishart([0, 0], 0.05, 4)
    left, right = (DirichletProcessMixture(prior, seed=k) for k in (1, 2))
    places = np.array([[0, 0], [9, 0], [0, 9]])
    left.learn_many(places[rng.integers(0, 2, 2000)] + rng.normal(size=(2000, 2)))
    right.learn_many(places[rng.integers(1, 3, 4000)] + rng.normal(size=(4000, 2)))
    both = left + right
    assert both.names[:2] == left.names
    assert len(both.names) == 3
    for place in places[:2].tolist():
        assert both.predict_one(place) == left.predict_one(place)
    sizes = {both.predict_one(place): 0 for place in places.tolist()}
    for name, state in zip(both.names, both.components, strict=True):
        sizes[name] += state.n_samples
    assert list(sizes.values()) == pytest.approx([1000, 3000, 2000], rel=0.1)
    few = DirichletProcessMixture(prior, most=2, seed=1)
    few.learn_many(places[rng.integers(0, 2, 1000)] + rng.normal(size=(1000, 2)))
    more = few.clone()
    more.learn_many(places[1:][rng.integers(0, 2, 1000)] + rng.normal(size=(1000, 2)))
    assert len((few + more).names) == 2


def test_invalid_merges_raise_merge_error():
    one, two = Prequential(2), Prequential(3)
    with pytest.raises(MergeError, match="differ"):
        one.merge(two)
    with pytest.raises(MergeError, match="Mixture into Prequential"):
        one.merge(Mixture(2))
    with pytest.raises(MergeError, match="differ"):
        DirichletProcessMixture().merge(DirichletProcessMixture(concentration=2.0))
    with pytest.raises(TypeError):
        one + DirichletProcessMixture()


# River, memory, and refusals.


@pytest.mark.parametrize(
    "model",
    [Prequential(2, seed=1), DirichletProcessMixture(seed=1)],
    ids=["side by side", "process"],
)
def test_river_clusterer_checks(model):
    for check in checks.yield_checks(model):
        check(model.clone())


@long_stream
@pytest.mark.parametrize("model", [Prequential(2, seed=1), DirichletProcessMixture(seed=1)])
def test_memory_is_constant(model):
    rng = np.random.default_rng(8)
    sizes = []
    for _ in range(3):
        model.learn_many(rng.choice([-5.0, 5.0], 3000) + rng.normal(size=3000))
        sizes.append(len(pickle.dumps(model)))
    assert max(sizes[1:]) < 2 * sizes[0]
    assert max(sizes) < 60_000


@pytest.mark.parametrize("x", [3.0, {"a": 3.0, "b": 0.0}, [1e9, -2.0]])
def test_a_constant_stream(x):
    for model in (Prequential(2, seed=1), DirichletProcessMixture(seed=1)):
        for _ in range(500):
            model.learn_one(x)
        assert math.isfinite(model.score_one(x))
        assert math.fsum(model.predict_proba_one(x).values()) == pytest.approx(1.0)
        assert len(pickle.dumps(model)) < 20_000


def test_unknown_features():
    points = [{"eruption": x, "wait": y} for x, y in faithful(2, 300).tolist()]
    model = DirichletProcessMixture(seed=1, buffer=100)
    for i, x in enumerate(points):
        if i % 5 == 0:
            del x["wait" if i % 2 else "eruption"]
        model.learn_one(x)
    assert len(model.names) == 2
    assert model.predict_one({"wait": 80.0}) == model.predict_one({"eruption": 4.3})
    assert model.predict_one({"wait": 80.0}) != model.predict_one({"wait": 50.0})


def test_invalid_parameters_are_refused():
    for given, match in (
        ({"component": "normal"}, "expected component to be a State"),
        ({"component": NormalInverseGamma.flat()}, "proper"),
        ({"component": DirichletProcess()}, "cannot be a component"),
        ({"concentration": 0.0}, "concentration"),
        ({"most": 0}, "most >= 1"),
        ({"most": 2.5}, "most >= 1"),
        ({"buffer": 0}, "buffer"),
        ({"step": 1.5}, "step"),
    ):
        with pytest.raises(PriorError, match=match):
            DirichletProcessMixture(**given)
    for given, match in (
        ({"mixtures": 0}, "expected mixtures keyed by name"),
        ({"mixtures": {}}, "expected mixtures keyed by name"),
        ({"mixtures": {"a": COIN}}, "expected a Mixture as 'a'"),
        ({"mixtures": {"a": Mixture([NormalInverseGamma.flat()])}}, "proper"),
        ({"mixtures": 2, "prior": {1: 0.5, 2: 0.6}}, "sum to 1.1"),
        ({"mixtures": 2, "prior": {1: 1.0}}, "prior over"),
        ({"mixtures": 2, "half_life": 0.0}, "half_life"),
    ):
        with pytest.raises(PriorError, match=match):
            Prequential(**given)
    with pytest.raises(PriorError, match="before the first observation"):
        DirichletProcessMixture().log_predictive(1.0)
    assert DirichletProcessMixture().score_one(1.0) == 0.0
    assert Mixture(2).score_one({"x": 1.0}) == 0.0
    with pytest.raises(PriorError, match="before the first observation"):
        Mixture(2).log_density(1.0)


@every_kind
def test_invalid_documents_are_refused(model, xs):
    model = model.clone()
    model.learn_many(xs[:100])
    good = model.to_dict()
    learned = good["learned"]
    changes = [{"seqbayes": 99}, {"model": "Mixtures"}, {"parameters": None}, {"learned": None}]
    required = learned.keys() - {
        "step_memory",
        "explained",
        "fit",
        "renewing",
    }  # older documents lack them
    changes += [
        {"learned": {key: v for key, v in learned.items() if key != gone}}
        for gone in sorted(required)
    ]
    changes += [{"learned": {**learned, key: "x"}} for key in sorted(learned)]
    for change in changes:
        with pytest.raises(PriorError):
            type(model).from_dict({**good, **change})


def test_names_of_any_kind_are_kept():
    named = Prequential({"one": Mixture([COIN]), ("two", 2): Mixture([COIN, COIN])}, seed=3)
    named.learn_many(tosses(1, 60).tolist())
    copy = Prequential.from_dict(json.loads(json.dumps(named.to_dict())))
    assert copy == named
    assert list(copy.log_scores) == ["one", ("two", 2)]
    with pytest.raises(PriorError, match="JSON"):
        Prequential({1: Mixture([COIN], step=lambda n: 0.5)}).to_dict()


@pytest.mark.parametrize("kind", [DirichletProcessMixture, lambda seed: Prequential(6, seed=seed)])
@pytest.mark.parametrize("x", [3.0, (3.0, -1.0), {"a": 0.0, "b": 7.0}])
def test_identical_values_are_one_component(kind, x):
    model = kind(seed=1)
    for _ in range(350):
        model.learn_one(x)
    assert (model.best if isinstance(model, Prequential) else len(model.names)) == 1


def test_log_normal_data_are_one_log_normal_component():
    component = NormalInverseGamma(0, 0.01, 1.5, 0.5, likelihood=LogNormal())
    model = DirichletProcessMixture(component, seed=1)
    for x in np.random.default_rng(1).lognormal(0, 1, 1000).tolist():
        model.learn_one(x)
    assert len(model.names) == 1


def test_a_copy_during_the_search_for_splits_continues_exactly():
    """Components are examined one per observation, and forecasts renewed one per observation."""
    rng = np.random.default_rng(4)
    xs = (rng.choice([-9.0, 0.0, 9.0], 450) + rng.normal(size=450)).tolist()
    for model in (DirichletProcessMixture(seed=1), Prequential(2, seed=1)):
        copies = []
        for n, x in enumerate(xs):
            if n in {6, 80, 230, 376, 377, 378}:
                copies.append(pickle.loads(pickle.dumps(model)))
                copies.append(type(model).from_dict(json.loads(json.dumps(model.to_dict()))))
            for each in [model, *copies]:
                each.learn_one(x)
        assert all(each == model for each in copies)


def test_a_copy_of_a_search_for_a_split_takes_the_same_steps():
    rng = np.random.default_rng(5)
    prior = NormalInverseWishart([0.0, 0.0], 0.1, 4.0)
    process = ProcessPrior(1.0, 20, Settings("full", (1.0,), Power(), False, 1.0), False)
    model = process.new_model(prior, 1)
    xs = (rng.choice([-4.0, 4.0], (80, 1)) + rng.normal(size=(80, 2))).tolist()
    xs[7][0] = None
    for x in xs:
        model.engine.learn(x, 1.0)
    one = SplitSearch.of_component(process, model, 0, 0, [(x, 1.0) for x in xs], (1, 2))
    one.advance()
    assert one.gain is None
    other = SplitSearch.from_dict(json.loads(json.dumps(one.to_dict())), process, model)
    for search in (one, other):
        while search.gain is None:
            search.advance()
    assert one.gain == other.gain > 0.0
    assert one.to_dict() == other.to_dict()


def test_more_components_need_strong_evidence():
    total = 150**2 + 150 + 1
    expected = {1: 150**2 / total, 2: 150 / total, 3: 1 / total}
    assert Prequential(3).probabilities == pytest.approx(expected)
    assert Prequential(2, prior={1: 0.5, 2: 0.5}).probabilities == {1: 0.5, 2: 0.5}


@pytest.mark.parametrize(
    ("clusterer", "order"),
    [
        (DirichletProcessMixture(seed=0), 1),
        (DirichletProcessMixture(seed=0), 2),
        (Prequential(6, seed=0), 15),
    ],
    ids=repr,
)
def test_old_faithful_has_two_components(clusterer, order):
    # these orders gave a third component with weaker evidence
    rows = np.random.default_rng(order).permutation(FAITHFUL)
    found = clusterer.clone()
    for eruption, wait in rows.tolist():
        found.learn_one({"eruption": eruption, "wait": wait})
    names = found.names if isinstance(found, DirichletProcessMixture) else found.mixture.names
    assert len(names) == 2
