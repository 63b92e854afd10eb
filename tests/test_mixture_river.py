"""Mixtures as River's clusterers, and the classifier that has one for every class."""

import itertools
import json
import math
import pickle
import random

import numpy as np
import pytest
from river import checks, datasets, evaluate, metrics, naive_bayes, preprocessing
from river.checks import common

from mixture_streams import COMPILED, few_rows, long_stream  # noqa: F401 - a fixture
from seqbayes import (
    Beta,
    Dirichlet,
    DirichletProcess,
    Gamma,
    NormalInverseGamma,
    NormalInverseWishart,
    ObservationError,
    PriorError,
    Product,
)
from seqbayes.likelihoods import MultivariateNormal
from seqbayes.mixture import Mixture
from seqbayes.river import ConjugateNB, MixtureDiscriminant

VISIT = Product({"wait": NormalInverseGamma(0, 0.1, 2, 2), "page": Dirichlet.flat(list("abc"))})

# The checks of River that use data; River has no checks for clusterers.
DATA_CHECKS = [
    common.check_learn_one,
    common.check_pickling,
    common.check_shuffle_features_no_impact,
    common.check_emerging_features,
    common.check_disappearing_features,
    common.check_radically_disappearing_features,
    common.check_no_state_aliasing_with_input,
    common.check_clone_is_independent,
    common.check_seeding_is_idempotent,
]


@pytest.mark.parametrize(
    "mixture", [Mixture(3, seed=1), Mixture({"short": VISIT, "long": VISIT})], ids=["3", "visits"]
)
def test_checks_of_clusterers(mixture):
    for check in checks.yield_checks(mixture):
        check(mixture.clone())


@pytest.mark.parametrize("check", DATA_CHECKS, ids=lambda check: check.__name__)
def test_clusterers_learn_from_data(check):
    data = [(x, y) for x, y in datasets.Phishing().take(80 if COMPILED else 12)]
    check(Mixture(2, seed=1, buffer=40 if COMPILED else 5), data)


@pytest.mark.usefixtures("few_rows")
def test_checks_of_classifiers():
    """All of River's checks, none skipped."""
    model = MixtureDiscriminant(2)
    for check in checks.yield_checks(model):
        if COMPILED or "dataset" not in getattr(check, "keywords", {}):
            check(model.clone())


def test_repr_is_the_constructor_call():
    assert repr(Mixture(3, seed=1)) == "Mixture(components=3, seed=1, covariance='full')"
    mixture = Mixture([Beta(), Beta()], weights=(0.5, 0.5), start=(0.6, 0.5))
    before = repr(mixture)
    mixture.learn_many([True, False] * 20)
    assert repr(mixture) == before
    assert mixture.start == (0.6, 0.5)


def blobs(n, seed=0):
    rng = np.random.default_rng(seed)
    for k in rng.integers(0, 3, n).tolist():
        x, y = rng.normal((20.0 * k, 1e4 * (k % 2)), (1.0, 300.0)).tolist()
        yield {"x": x, "y": y}, k


def test_pipeline_after_a_scaler():
    pipeline = preprocessing.StandardScaler() | Mixture(3, seed=1, buffer=60)
    copy = pipeline.clone()
    for x, _ in blobs(300):
        pipeline.learn_one(x)
    named: dict[int, set[int]] = {}
    for x, k in blobs(60, seed=1):
        named.setdefault(k, set()).add(pipeline.predict_one(x))
        assert math.fsum(pipeline.predict_proba_one(x).values()) == pytest.approx(1.0)
    assert sorted(map(len, named.values())) == [1, 1, 1]
    assert len(set.union(*named.values())) == 3
    usual = max(pipeline.score_one(x) for x, _ in blobs(60, seed=2))
    assert pipeline.score_one({"x": 10.0, "y": 5e3}) > usual + 3.0
    assert copy["Mixture"].n_samples == 0
    for x, _ in blobs(300):
        copy.learn_one(x)
    assert copy["Mixture"] == pipeline["Mixture"]
    assert pickle.loads(pickle.dumps(pipeline)).predict_one(x) == pipeline.predict_one(x)


# The classifier.

KINDS = {"clicks": "count", "tame": Beta(2, 1)}


def visits(n, seed=3, new=False):
    """Rows of mixed features with missing ones; every class has two kinds of rows."""
    rng = random.Random(seed)
    for _ in range(n):
        label, late = rng.choice(["person", "robot"]), rng.random() < 0.5
        fast = label == "robot"
        row = {
            "wait": rng.gauss(1.0 if late else 9.0, 0.5),
            "size": rng.gauss(5.0 if late == fast else -5.0, 1.0),
            "page": rng.choice(["a", "b"] if late else ["b", "c"]),
            "clicks": rng.randrange(30) if fast else rng.randrange(5),
            "tame": rng.random() < 0.3,
        }
        if new:
            row |= {"price": rng.gauss(3.0 if fast else 1.0, 1.0)}
        if rng.random() < 0.3:
            del row[rng.choice(list(row))]
        yield row, label


def trained(n=120, seed=3, **settings):
    settings = {"components": 2, "features": KINDS, "buffer": 30, "seed": 1, **settings}
    model = MixtureDiscriminant(**settings)
    for x, y in visits(n, seed):
        model.learn_one(x, y)
    return model


def log_sum_exp(values):
    top = max(values)
    return top + math.log(math.fsum(math.exp(v - top) for v in values))


QUESTION = {"wait": 1.5, "size": 4.0, "page": "b", "clicks": 7, "tame": True}


def within(mixture, x, numbers):
    """Log predictive of a row, from the states of its components."""
    logs = []
    for weight, state in zip(mixture.weights, mixture.components, strict=True):
        total = math.log(weight)
        for name, belief in {name: state.marginal(name) for name in state.fields}.items():
            if name == numbers:
                features = belief.likelihood.features
                vector = [x[feature] for feature in features if feature in x]
                places = [i for i, feature in enumerate(features) if feature in x]
                if places:
                    total += belief.predictive.marginal(places).logp(vector)
            elif name in x:
                total += belief.log_predictive(x[name])
        logs.append(total)
    return log_sum_exp(logs)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_the_density_of_a_class_is_the_sum_over_its_components(covariance):
    model = trained(covariance=covariance, class_strength=2.0)
    seen = {"person": 0, "robot": 0}
    for _, y in visits(120):
        seen[y] += 1
    questions = [QUESTION, *({k: v for k, v in QUESTION.items() if k != gone} for gone in QUESTION)]
    for x in [*questions, {"size": 4.0}, {"page": "a"}]:
        joint = model.joint_log_likelihood(x)
        for label, n in seen.items():
            numbers = "numbers" if covariance == "full" else None
            wanted = math.log((n + 2.0) / (120 + 4.0)) + within(model.mixture(label), x, numbers)
            assert joint[label] == pytest.approx(wanted, rel=1e-12)
        shares = model.predict_proba_one(x)
        odds = math.exp(joint["robot"] - joint["person"])
        assert shares["robot"] / shares["person"] == pytest.approx(odds)
    prior = model.joint_log_likelihood({})
    assert prior["robot"] == pytest.approx(math.log((seen["robot"] + 2.0) / 124.0))


def test_probabilities_of_labels_sum_to_one():
    """Labels that were added after the start, and unknown labels."""
    model = trained()
    for page in ("d", "d", "e"):
        model.learn_one({"page": page, "wait": 2.0}, "robot")
    for label, at_random in model.joint_log_likelihood({}).items():
        total = math.fsum(
            math.exp(model.joint_log_likelihood({"page": page})[label] - at_random)
            for page in ("a", "b", "c", "d", "e", "never")
        )
        assert total == pytest.approx(1.0, abs=1e-12)


def test_numbers_and_counts_of_a_class_sum_to_one():
    model = trained()
    at_random = model.joint_log_likelihood({})
    grid = np.linspace(-400.0, 400.0, 4001 if COMPILED else 2001)
    for label, base in at_random.items():
        density = [math.exp(model.joint_log_likelihood({"wait": x})[label] - base) for x in grid]
        assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=2e-2)
        mass = math.fsum(
            math.exp(model.joint_log_likelihood({"clicks": n})[label] - base) for n in range(300)
        )
        assert mass == pytest.approx(1.0, abs=1e-6)


def test_without_mixtures_it_equals_naive_bayes():
    model = MixtureDiscriminant(features=KINDS, strength=0.7, class_strength=2.0, buffer=100)
    naive = ConjugateNB(KINDS, strength=0.7, class_strength=2.0)
    for x, y in visits(60):
        model.learn_one(x, y)
        naive.learn_one(x, y)
    assert model.mixture("robot") is None
    for x, _ in visits(10, seed=9):
        mine, theirs = (each.joint_log_likelihood(x) for each in (model, naive))
        ratios = [{k: v - joint["robot"] for k, v in joint.items()} for joint in (mine, theirs)]
        assert ratios[0] == pytest.approx(ratios[1], rel=1e-10, abs=1e-10)


def test_late_features_are_modelled_by_class():
    model, naive = trained(), ConjugateNB(KINDS)
    for x, y in visits(120):
        naive.learn_one(x, y)
    for x, y in visits(40, seed=4, new=True):
        model.learn_one(x, y)
        naive.learn_one(x, y)
    x = {"wait": 1.5, "price": 2.5}
    with_price, without = (model.joint_log_likelihood(each) for each in (x, {"wait": 1.5}))
    for label, joint in with_price.items():
        wanted = naive.belief(label, "price").log_predictive(2.5)
        assert joint - without[label] == pytest.approx(wanted, rel=1e-12)
    unknown = model.joint_log_likelihood({"wait": 1.5, "never": 3.0})
    assert unknown == without


def test_late_classes():
    model = trained()
    before = model.mixture("robot")
    rng = random.Random(5)
    for _ in range(40):
        model.learn_one({"wait": rng.gauss(30.0, 1.0), "page": "z"}, "alien")
        model.learn_one({}, "ghost")
    assert model.mixture("alien").n_samples == 40
    assert model.mixture("ghost") is None
    assert model.mixture("robot") == before
    assert set(model.predict_proba_one(QUESTION)) == {"person", "robot", "alien", "ghost"}
    assert model.predict_one({"wait": 30.0, "page": "z"}) == "alien"
    assert model.predict_one({"wait": 30.0}) == "alien"
    with pytest.raises(ObservationError, match="expected a known class"):
        model.mixture("unicorn")


def test_refused_input_changes_nothing():
    strict = [Product({"wait": NormalInverseGamma(), "page": Dirichlet.flat(["a", "b"])})] * 2
    for model, n in itertools.product(
        (trained(40), trained(), MixtureDiscriminant(strict)), (0, 1)
    ):
        if n:
            model.learn_one({"wait": 1.0, "page": "a"}, "person")
        before = model.to_dict()
        for x, y in (
            ({"wait": math.nan}, "person"),
            ({"wait": None, "new": 3.0}, "new"),
            ({"wait": "long"}, "person"),
            ({"wait": 1.0}, math.nan),
            ({"wait": 1.0}, []),
        ):
            with pytest.raises(ObservationError):
                model.learn_one(x, y)
        with pytest.raises(ObservationError):
            model.learn_one({"wait": 1.0}, "person", w=-1.0)
        model.learn_one({"wait": 1.0, "newer": 2}, "person", w=0.0)
        assert model.to_dict() == before
    model.learn_one({"wait": 1.0, "page": "a"}, "person")
    before = model.to_dict()
    with pytest.raises(ObservationError, match="page"):
        model.learn_one({"wait": 1.0, "page": "q"}, "person")
    assert model.to_dict() == before


def prototype():
    by_name = MultivariateNormal(features=("wait", "size"))
    return NormalInverseWishart([5, 0], 0.1, 4, likelihood=by_name)


@pytest.mark.parametrize(
    "prior",
    [
        prototype(),
        Product({"wait": NormalInverseGamma(5, 0.1, 1.5, 1), "page": Dirichlet.flat(list("abc"))}),
    ],
    ids=["vectors", "fields"],
)
def test_prototypes(prior):
    """All classes share the given priors; other features are modelled by class."""
    model, naive, alone = trained(components=[prior] * 2), ConjugateNB(KINDS), Mixture([prior] * 2)
    alone = Mixture([prior] * 2, buffer=30, seed=1)
    names = {"wait", "size"} if isinstance(prior, NormalInverseWishart) else {"wait", "page"}
    for x, y in visits(120):
        naive.learn_one(x, y)
        if y == "robot" and names & x.keys():
            alone.learn_one({name: x[name] for name in names & x.keys()})
    assert model.mixture("robot") == alone
    inside = {name: QUESTION[name] for name in names}
    joint, base = model.joint_log_likelihood(QUESTION), model.joint_log_likelihood({})
    wanted = alone.log_predictive(inside) + math.fsum(
        naive.belief("robot", name).log_predictive(QUESTION[name])
        for name in QUESTION
        if name not in names
    )
    assert joint["robot"] - base["robot"] == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_clusters_have_the_locations_of_their_components(covariance):
    model = trained(covariance=covariance)
    for label in ("person", "robot"):
        clusters, mixture = model.clusters(label), model.mixture(label)
        assert [one.name for one in clusters] == [mixture.names[k] for k in mixture.ranking]
        assert [one.weight for one in clusters] == sorted(mixture.weights, reverse=True)
        for one in clusters:
            parameter = mixture.parameters[mixture.names.index(one.name)]
            assert set(one.centre) == set(QUESTION)
            for name, value in one.centre.items():
                if name == "page":
                    assert parameter[name][value] == max(parameter[name].values())
                elif name in parameter:
                    own = parameter[name]
                    assert value == (own.mean if name in ("wait", "size") else own)
                else:  # in the vector, whose names are in order
                    place = ["size", "wait"].index(name)
                    assert value == parameter["numbers"].mean[place]
    with pytest.raises(ObservationError, match="known"):
        model.clusters("unknown")


def test_clusters_of_prototypes():
    inner = Product({"low": NormalInverseGamma(), "v": NormalInverseWishart([0, 1], df=4.0)})
    fields = {"in": inner, "n": Gamma(1, 1)}
    model = MixtureDiscriminant([Product(fields)] * 2, features=fields, buffer=4, seed=1)
    for i in range(8):
        model.learn_one({"in": {"low": i % 2, "v": [i % 3, 1.0]}, "n": i % 2}, "seen")
    (first, _), mixture = model.clusters("seen"), model.mixture("seen")
    parameter = mixture.parameters[mixture.ranking[0]]
    assert first.centre["n"] == parameter["n"]
    assert first.centre["in"]["low"] == parameter["in"]["low"].mean
    assert first.centre["in"]["v"] == dict(enumerate(parameter["in"]["v"].mean))
    vectors = MixtureDiscriminant([prototype()] * 2, buffer=20, seed=1)
    assert len(trained(10, buffer=100).clusters("robot")) == 0
    for x, y in visits(40):
        vectors.learn_one(x, y)
    mixture = vectors.mixture("robot")
    first = vectors.clusters("robot")[0]
    mean = mixture.parameters[mixture.ranking[0]].mean
    features = mixture.components[0].likelihood.features
    assert first.centre == dict(zip(features, mean, strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        {"components": 0},
        {"components": "two"},
        {"components": [Gamma()]},
        {"components": [NormalInverseWishart([0, 0])]},
        {"components": [Product({"a": Beta()}), Product({"b": Beta()})]},
        {"components": [Product({"a": DirichletProcess()})]},
        {"covariance": "round"},
        {"strength": 0.0},
        {"class_strength": -1.0},
        {"buffer": 1},
        {"buffer": 7.5},
        {"features": {"a": "colour"}},
        {"features": {"a": DirichletProcess()}},
        {"features": {"a": NormalInverseGamma.flat()}},
    ],
    ids=str,
)
def test_invalid_parameters_are_refused(settings):
    with pytest.raises(PriorError):
        MixtureDiscriminant(**settings)


DOCUMENTED = [
    {},
    {"covariance": "diagonal", "components": 3, "strength": 0.5},
    {"components": [prototype()] * 2, "features": None},
]


@pytest.mark.parametrize("settings", DOCUMENTED, ids=["full", "diagonal", "prototypes"])
def test_learning_continues_identically_after_reading_a_document(settings):
    whole, parts = trained(0, **settings), trained(0, **settings)
    for i, (x, y) in enumerate(visits(100, new=True)):
        whole.learn_one(x, y, w=1.0 + i / 7)
        parts.learn_one(x, y, w=1.0 + i / 7)
        if i % 19 in (0, 1):
            parts = MixtureDiscriminant.from_dict(json.loads(json.dumps(parts.to_dict())))
    assert parts.to_dict() == whole.to_dict()
    assert parts.joint_log_likelihood(QUESTION) == whole.joint_log_likelihood(QUESTION)
    copy = pickle.loads(pickle.dumps(whole))
    assert copy.joint_log_likelihood(QUESTION) == whole.joint_log_likelihood(QUESTION)
    empty = MixtureDiscriminant.from_dict(whole.clone().to_dict())
    assert empty.to_dict() == trained(0, **settings).to_dict()


def changed(document, path, value):
    document = json.loads(json.dumps(document))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


def test_invalid_documents_are_refused():
    model = trained(100)
    model.learn_one({"wait": 3.0}, "new")
    good = model.to_dict()
    wrong = [
        changed(good, ["estimator"], "ConjugateNB"),
        changed(good, ["parameters", "colour"], 3),
        changed(good, ["seen", "mixtures", 0, 1], "nowhere"),
        changed(good, ["seen", "mixtures", 0, 1], "clicks"),
        changed(good, ["seen", "mixtures", 0, 1], [1]),
        changed(good, ["seen", "mixtures", 0, 2], Gamma().to_dict()),
        changed(good, ["seen", "mixtures", 0, 2], Mixture([Gamma()]).to_dict()),
        changed(good, ["seen", "mixtures", 0, 2], Mixture(2).to_dict()),
        changed(good, ["seen", "buffers", 0, 1], [[3, 1.0]]),
        changed(good, ["seen", "buffers", 0, 1], [[{"pairs": [["wait", "long"]]}, 1.0]]),
        changed(good, ["seen", "buffers", 0, 1], [[{"pairs": [["wait", 1.0]]}, -1.0]]),
    ]
    for key in good["seen"]:
        wrong += [
            changed(good, ["seen", key], invalid) for invalid in (None, "x", [[]], [[1, 2, 3, 4]])
        ]
    for document in wrong:
        with pytest.raises(PriorError):
            MixtureDiscriminant.from_dict(document)


def difficult_value(kind, rng, c):
    match kind:
        case "constant":
            return 7.0
        case "label":
            return rng.choice("abcdefghij")
        case "few":
            return float(rng.choice([1, 1, 1, 2 + c]))
        case "bit":
            return rng.random() < 0.3
        case "far":
            return 1e9 + rng.gauss(c, 1e-3)
        case "extreme":
            return rng.choice([-1e99, 1e99])
    return rng.gauss(c, 1.0) * {"tiny": 1e-90, "large": 1e60}.get(kind, 1.0)


@pytest.mark.parametrize("seed", range(6 if COMPILED else 2))
def test_hostile_streams(seed):
    """Constant features, duplicates, scales of all sizes, missing values, weights."""
    rng = random.Random(seed)
    choice = ["plain", "constant", "label", "few", "bit", "far", "extreme", "tiny", "large"]
    kinds = {f"f{i}": rng.choice(choice) for i in range(rng.randrange(1, 6))}
    settings = {"covariance": rng.choice(["full", "diagonal"]), "buffer": rng.choice([None, 8])}
    model = MixtureDiscriminant(rng.randrange(1, 5), seed=seed, **settings)
    for _ in range(120 if COMPILED else 60):
        c = rng.randrange(3)
        x = {
            name: difficult_value(kind, rng, c)
            for name, kind in kinds.items()
            if rng.random() < 0.9
        }
        shares = model.predict_proba_one(x)
        assert not shares or math.fsum(shares.values()) == pytest.approx(1.0)
        assert all(0.0 <= share <= 1.0 for share in shares.values())
        model.learn_one(x, c, w=rng.choice([1, 1, 0.5, 3]))
    again = MixtureDiscriminant.from_dict(json.loads(json.dumps(model.to_dict())))
    assert again.predict_proba_one(x) == model.predict_proba_one(x)


@long_stream
def test_rings_that_naive_bayes_cannot_separate():
    rng = np.random.default_rng(2)
    found = {}
    for name, model in (("nb", ConjugateNB()), ("mixtures", MixtureDiscriminant(5, seed=1))):
        rng = np.random.default_rng(2)
        right = 0
        for i in range(2000):
            radius, angle = (2.0, 5.0)[i % 2], rng.uniform(0, math.tau)
            x, y = radius * math.cos(angle), radius * math.sin(angle)
            row = {"x": x + rng.normal(0, 0.3), "y": y + rng.normal(0, 0.3)}
            right += i >= 1000 and model.predict_one(row) == i % 2
            model.learn_one(row, i % 2)
        found[name] = right / 1000
    assert found["mixtures"] > found["nb"]
    assert found["mixtures"] > 0.99


@long_stream
@pytest.mark.parametrize(("name", "bar"), [("Phishing", 0.45), ("Bananas", 0.45)])
def test_better_than_gaussian_naive_bayes(name, bar):
    def loss(model):
        dataset = getattr(datasets, name)().take(1000)
        return evaluate.progressive_val_score(dataset, model, metrics.LogLoss()).get()

    ours = loss(MixtureDiscriminant(seed=1))
    assert ours < bar
    assert ours < loss(naive_bayes.GaussianNB())
