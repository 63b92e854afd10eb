"""States in River's tools, and River's checks of states and estimators."""

import copy
import datetime as dt
import pickle
import random

import pytest
from river import bandit, checks, compose, datasets, evaluate, metrics, utils
from river import feature_extraction as fx
from river.checks import common
from river.linear_model import BayesianLinearRegression
from river.naive_bayes import GaussianNB

from mixture_streams import few_rows  # noqa: F401 - a fixture
from seqbayes import (
    Beta,
    Dirichlet,
    DirichletProcess,
    Gamma,
    Normal,
    NormalInverseGamma,
    ObservationError,
    PriorError,
    Product,
)
from seqbayes.likelihoods import Poisson
from seqbayes.river import (
    ConjugateLinearRegression,
    ConjugateNB,
    MixtureDiscriminant,
    PredictiveSurprise,
)

STATES = [
    Beta(2, 3, seed=1),
    Gamma(1, 26),
    Normal(70, 9),
    NormalInverseGamma(),
    Dirichlet({"green": 40, "red": 25}),
    DirichletProcess(),
    Product({"wait": NormalInverseGamma(), "colour": Dirichlet.flat(["red", "blue"])}),
    Product([Beta(), Dirichlet.flat(["red", "blue"])], seed=1),
]
DAY = dt.datetime(2024, 7, 1)

# The checks of River that only need `base.Base`.
BASE_CHECKS = [
    common.check_repr,
    common.check_str,
    common.check_clone_same_class,
    common.check_clone_is_idempotent,
    common.check_clone_changes_memory_addresses,
    common.check_clone_with_new_params_applies,
    common.check_get_params_matches_signature,
    common.check_init_default_params_are_not_mutable,
    common.check_mutate_can_be_idempotent,
    common.check_repr_roundtrips_clone,
    common.check_pickling_supports_roundtrip,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
@pytest.mark.parametrize("check", BASE_CHECKS, ids=lambda check: check.__name__)
def test_checks_of_states(state, check):
    check(state)


@pytest.mark.parametrize(
    "model", [ConjugateNB(), ConjugateLinearRegression(), PredictiveSurprise(joint=False)]
)
@pytest.mark.usefixtures("few_rows")
def test_checks_of_estimators(model):
    """All of River's checks, none skipped."""
    ours = [kind for kind in type(model).__mro__ if kind.__module__.startswith("seqbayes")]
    assert not any("_unit_test_skips" in vars(kind) for kind in ours), "a check of River is skipped"
    for check in checks.yield_checks(model):
        check(model.clone())


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
def test_state_without_any_observation_is_truthy(state):
    assert state.n_samples == 0.0
    assert state


def test_a_clone_with_a_seed_has_no_data():
    state = Beta(2, 3)
    state.learn_many([True, True])
    cloned = state.clone({"seed": 7})
    assert cloned.n_samples == 0.0
    assert cloned.prior == state.prior
    assert cloned.sample() == Beta(2, 3, seed=7).sample()
    assert state.clone(include_attributes=True) == state


def test_thompson_sampling():
    chances = {"red": 0.2, "green": 0.5, "blue": 0.8}
    rng = random.Random(11)
    policy = bandit.ThompsonSampling(reward_obj=Beta(), seed=3)
    pulls = []
    for _ in range(400):
        arm = policy.pull(list(chances))
        policy.update(arm, rng.random() < chances[arm])
        pulls.append(arm)
    assert policy.ranking[0] == "blue"
    assert pulls[-100:].count("blue") > 80
    assert "Beta(1, 1) + " in repr(policy)


def test_thompson_sampling_is_reproducible():
    def pulls(seed):
        policy = bandit.ThompsonSampling(reward_obj=Beta(), seed=seed)
        arms = []
        for i in range(50):
            arms.append(policy.pull([0, 1]))
            policy.update(arms[-1], i % 3 == 0)
        return arms

    assert pulls(5) == pulls(5)


def test_epsilon_greedy_with_states():
    policy = bandit.EpsilonGreedy(epsilon=0.1, reward_obj=Beta(), seed=1)
    for i in range(60):
        arm = policy.pull([0, 1])
        policy.update(arm, arm == 1 or i % 5 == 0)
    assert policy.ranking[0] == 1


STREAMS = [
    (Beta, {"alpha": 2.0}, [True, False, True, True, False, True, True]),
    (Gamma, {"likelihood": Poisson()}, [3, 0, 4, 1, 2, 7, 5]),
    (NormalInverseGamma, {}, [1e9 + 0.125, 1e9, 1e9 - 3.5, 1e9 + 2, 1e9, 1e9 + 1, 1e9 - 0.75]),
    (DirichletProcess, {}, ["a", "b", "a", "c", "d", "a", "b"]),
]


@pytest.mark.parametrize(("family", "prior", "xs"), STREAMS, ids=lambda value: None)
def test_rolling_window_is_the_state_of_the_window(family, prior, xs):
    rolling = utils.Rolling(family, window_size=3, **prior)
    for i, x in enumerate(xs):
        rolling.update(x)
        window = family(**prior)
        window.learn_many(xs[max(0, i - 2) : i + 1])
        assert same(rolling.posterior, window.posterior)
        assert rolling.n_samples == min(3, i + 1)


@pytest.mark.parametrize(("family", "prior", "xs"), STREAMS, ids=lambda value: None)
def test_time_rolling_window_is_the_state_of_the_window(family, prior, xs):
    rolling = utils.TimeRolling(family, period=dt.timedelta(days=3), **prior)
    days = [0, 1, 1, 2, 5, 6, 20]
    for i, (day, x) in enumerate(zip(days, xs, strict=True)):
        rolling.update(x, t=DAY + dt.timedelta(days=day))
        window = family(**prior)
        seen = zip(days[: i + 1], xs[: i + 1], strict=True)
        window.learn_many([x for past, x in seen if past > day - 3])
        assert same(rolling.posterior, window.posterior)


def same(one, other):
    if isinstance(one[-1], dict):
        return one == other
    return one == pytest.approx(other, rel=1e-14)


SALES = [
    {"shop": "north", "sold": True, "price": 3.0},
    {"shop": "south", "sold": False, "price": 4.0},
    {"shop": "north", "sold": True, "price": 5.0},
]


def test_aggregate():
    aggregate = fx.Agg(on="sold", by="shop", how=Beta())
    for x in SALES:
        aggregate.learn_one(x)
    assert aggregate.transform_one({"shop": "north"}) == {"sold_beta_by_shop": 0.75}
    assert aggregate.transform_one({"shop": "east"}) == {"sold_beta_by_shop": 0.5}
    assert aggregate.state["south"] == pytest.approx(1 / 3)


def test_aggregate_of_two_parameters():
    aggregate = fx.Agg(on="price", by="shop", how=NormalInverseGamma())
    alone = NormalInverseGamma()
    for x in SALES:
        aggregate.learn_one(x)
        if x["shop"] == "north":
            alone.learn_one(x["price"])
    found = aggregate.transform_one({"shop": "north"})
    assert found == {"price_normalinversegamma_by_shop": alone.mean.mean}


def test_aggregate_over_time():
    window = utils.TimeRolling(Beta, period=dt.timedelta(days=1))
    aggregate = fx.Agg(on="sold", by="shop", how=window)
    for i, x in enumerate(SALES):
        aggregate.learn_one(x, t=DAY + dt.timedelta(days=i))
    assert aggregate.transform_one({"shop": "north"}) == {"sold_beta_by_shop": 2 / 3}


def test_aggregate_of_targets():
    aggregate = fx.TargetAgg(by="shop", how=Gamma(2, 1))
    for x, y in zip(SALES, [3, 5, 4], strict=True):
        aggregate.learn_one(x, y)
    assert aggregate.transform_one({"shop": "north"}) == {"y_gamma_by_shop": 3.0}
    assert aggregate.transform_one({"shop": "south"}) == {"y_gamma_by_shop": 3.5}


def test_grouper():
    grouper = compose.Grouper(fx.Agg(on="sold", by=None, how=Beta()), by="shop")
    for x in SALES:
        grouper.learn_one(x)
    assert grouper.transform_one({"shop": "north"}) == {"sold_beta": 0.75}
    assert grouper.transform_one({"shop": "south"}) == {"sold_beta": pytest.approx(1 / 3)}


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
def test_copies_by_key_are_independent(state):
    """As in River's groupers: a deep copy per key."""
    known = {"Dirichlet": "red", "DirichletProcess": "red", "Product": (1, "red")}
    x = known.get(type(state).__name__, 1)
    before = pickle.dumps(state)
    first, second = copy.deepcopy(state), copy.deepcopy(state)
    first.learn_one(x)
    assert first.n_samples == 1.0
    assert second.n_samples == state.n_samples == 0.0
    assert pickle.dumps(state) == before


@pytest.mark.parametrize("name", ["Phishing", "Bananas", "ImageSegments"])
def test_classifier_is_as_good_as_gaussian_naive_bayes(name):
    dataset = getattr(datasets, name)

    def score(model):
        loss = metrics.CrossEntropy() if name == "ImageSegments" else metrics.LogLoss()
        found = loss + metrics.Accuracy()
        evaluate.progressive_val_score(dataset().take(1000), model, found)
        return found[0].get(), found[1].get()

    loss, accuracy = score(ConjugateNB())
    other_loss, other_accuracy = score(GaussianNB())
    assert loss <= other_loss
    assert accuracy >= other_accuracy - 0.005


@pytest.mark.parametrize("name", ["TrumpApproval", "ChickWeights"])
def test_regression_is_as_good_as_bayesian_linear_regression(name):
    dataset = getattr(datasets, name)

    def error(model):
        return evaluate.progressive_val_score(dataset(), model, metrics.MAE()).get()

    assert error(ConjugateLinearRegression()) <= error(BayesianLinearRegression())


def test_estimators_report_their_data():
    for model in (ConjugateNB(), MixtureDiscriminant(components=2, seed=1)):
        assert (model.n_samples, model.classes, model.feature_names) == (0.0, {}, ())
        for i in range(6):
            model.learn_one({"x": float(i), "c": "ab"[i % 2]}, i % 3 == 0, w=0.5)
        assert model.n_samples == 3.0
        assert model.classes == {True: 1.0, False: 2.0}
        assert model.feature_names == ("x", "c")
        again = type(model).from_dict(model.to_dict())
        assert (again.n_samples, again.classes) == (3.0, model.classes)


def test_classifiers_return_the_shares_of_their_classes():
    for model in (ConjugateNB(class_strength=2.0), MixtureDiscriminant(class_strength=2.0)):
        assert model.class_shares == model.class_share_intervals() == {}
        model.learn_one({"x": 1.0}, "a")
        assert (model.class_shares, model.class_share_intervals()) == ({"a": 1.0}, {"a": None})
        for label in "bcab":
            model.learn_one({"x": 1.0}, label, w=1.5)
        belief = Dirichlet(dict.fromkeys("abc", 2.0))
        belief.learn_many("abcab", [1.0] + [1.5] * 4)
        assert model.class_shares == pytest.approx(belief.mean)
        for label, interval in model.class_share_intervals(0.8, "ca").items():
            assert interval == pytest.approx(belief.interval(0.8)[label])
        with pytest.raises(ObservationError, match="known"):
            model.class_share_intervals(classes=["d"])
        with pytest.raises(PriorError):
            model.class_share_intervals(1.0)


def test_a_detector_returns_the_belief_about_a_feature():
    model = PredictiveSurprise({"own": Gamma(1, 1), "n": "count"})
    assert model.n_samples == 0.0
    for i in range(4):
        model.learn_one({"x": float(i), "n": i, "own": i, "c": "a"})
    model.learn_one({"x": 5.0})
    assert model.n_samples == 5.0
    model.learn_one({}, w=0.5)
    model.learn_one({"x": 7.0}, w=0.0)
    with pytest.raises(ObservationError):
        model.learn_one({"n": -1})
    assert model.n_samples == 5.5
    document = model.to_dict()
    assert PredictiveSurprise.from_dict(document).n_samples == 5.5
    del document["seen"]["sums"]  # as it was before events were counted
    assert PredictiveSurprise.from_dict(document).n_samples == 5.0
    assert model.feature_names == ("x", "n", "own", "c")
    alone = NormalInverseGamma.jeffreys()
    alone.learn_many([0.0, 1.0, 2.0, 3.0, 5.0])
    assert model.belief("x").mean == pytest.approx(alone.mean)
    assert model.belief("own").mean == pytest.approx(7 / 5)
    assert model.belief("n").mean == pytest.approx(6.5 / 4)
    assert model.belief("c").mean == pytest.approx({"a": 0.8})
    with pytest.raises(ObservationError, match="known"):
        model.belief("y")
