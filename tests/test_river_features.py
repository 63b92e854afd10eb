"""Laws of naive Bayes and of the anomaly detector: their answers, refusals and dependencies."""

import itertools
import math
import pickle

import numpy as np
import pytest
from river import datasets
from sklearn.metrics import roc_auc_score

from seqbayes import Beta, Dirichlet, Gamma, NormalInverseGamma, ObservationError, PriorError
from seqbayes.likelihoods import Exponential
from seqbayes.river import ConjugateNB, PredictiveSurprise

PETS = [
    ({"legs": 4, "weight": 30.0, "noise": "bark", "tame": True, "wait": 1.5}, "dog"),
    ({"legs": 4, "weight": 4.5, "noise": "meow", "tame": True, "wait": 0.2}, "cat"),
    ({"legs": 3, "weight": 22.0, "noise": "bark", "tame": False, "wait": 2.5}, "dog"),
    ({"legs": 2, "weight": 0.1, "noise": "tweet", "tame": False, "wait": 0.1}, "bird"),
    ({"legs": 4, "weight": 5.0, "noise": "purr", "tame": True, "wait": 0.4}, "cat"),
]
MODELS = {"legs": "count", "tame": Beta(2, 1), "wait": Gamma(1, 1, likelihood=Exponential())}
QUESTION = {"legs": 4, "weight": 6.0, "noise": "meow", "tame": True, "wait": 0.3}


def taught(model, rows, w=1.0):
    for row in rows:
        model.learn_one(*row, w=w)
    return model


def test_classifier_multiplies_the_predictives_of_its_beliefs():
    model = taught(ConjugateNB(MODELS, strength=0.7, class_strength=2.0), PETS)
    joint = model.joint_log_likelihood(QUESTION)
    counts = {"dog": 2, "cat": 2, "bird": 1}
    wanted = {}
    for label, n in counts.items():
        wanted[label] = math.log((n + 2.0) / (5 + 3 * 2.0))
        for name, value in QUESTION.items():
            wanted[label] += model.belief(label, name).log_predictive(value)
    for one, other in itertools.combinations(counts, 2):  # up to a term common to all classes
        assert joint[one] - joint[other] == pytest.approx(wanted[one] - wanted[other], rel=1e-12)
    probabilities = model.predict_proba_one(QUESTION)
    assert sum(probabilities.values()) == pytest.approx(1.0)
    assert model.predict_one(QUESTION) == "cat"


def test_a_belief_combines_all_classes_with_the_data_of_the_class():
    model = taught(ConjugateNB({"legs": "count"}, strength=2.0), PETS)
    weight = model.belief("dog", "weight")
    everything = [x["weight"] for x, _ in PETS]
    assert weight.prior == pytest.approx(
        (np.mean(everything), 2.0, 2.0, 2.0 * np.var(everything)), rel=1e-12
    )
    assert weight.mle == pytest.approx((26.0, 16.0))
    assert model.belief("dog", "legs").prior == pytest.approx((2.0 * 18.0 / 6.0, 2.0))
    assert model.belief("bird", "noise").predict_proba_one() == pytest.approx(
        {"bark": 2 / 9, "meow": 1 / 9, "tweet": 4 / 9, "purr": 1 / 9}
    )


def test_classifier_uses_features_known_from_other_classes():
    model = ConjugateNB()
    model.learn_one({"a": 1.0, "b": "x"}, 0)
    model.learn_one({"a": 2.0}, 0)
    model.learn_one({"c": 5.0}, 1)
    probabilities = model.predict_proba_one({"a": 1.5, "b": "y", "c": 4.0, "never seen": 3.0})
    assert sum(probabilities.values()) == pytest.approx(1.0)
    assert set(probabilities) == {0, 1}


def test_absent_features_are_ignored():
    model = taught(ConjugateNB(), PETS)
    shares = {"dog": 3 / 8, "cat": 3 / 8, "bird": 2 / 8}
    assert model.predict_proba_one({}) == pytest.approx(shares)
    assert model.predict_proba_one({"never seen": "?"}) == pytest.approx(shares)


def test_classifier_does_not_depend_on_order_or_units():
    model, other = taught(ConjugateNB(temper=False), PETS), ConjugateNB(temper=False)
    for x, y in reversed(PETS):
        other.learn_one({**x, "weight": 1000.0 * x["weight"] + 1e7}, y)
    question = {**QUESTION, "weight": 1000.0 * QUESTION["weight"] + 1e7}
    assert other.predict_proba_one(question) == pytest.approx(
        model.predict_proba_one(QUESTION), rel=1e-9
    )


@pytest.mark.parametrize("model", [ConjugateNB(MODELS, temper=False), PredictiveSurprise(MODELS)])
def test_weight_two_is_learning_twice(model):
    once, twice = model.clone(), model.clone()
    for x, y in PETS:
        row = (x, y) if isinstance(model, ConjugateNB) else (x,)
        once.learn_one(*row, w=2.0)
        once.learn_one(*row, w=0)
        twice.learn_one(*row)
        twice.learn_one(*row)
    if isinstance(model, ConjugateNB):
        assert once.predict_proba_one(QUESTION) == pytest.approx(twice.predict_proba_one(QUESTION))
    else:
        assert once.surprises(QUESTION) == pytest.approx(twice.surprises(QUESTION))


BAD = [
    {"weight": math.nan},
    {"weight": math.inf},
    {"weight": None},
    {"weight": "heavy"},
    {"weight": 1e101},
    {"noise": None},
    {"noise": ["bark"]},
    {"noise": math.nan},
    {"legs": -1},
    {"legs": 2.5},
    {"tame": "yes"},
    {"wait": -1.0},
    {"new": math.nan},
    {"new": None},
]


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_refused_values_change_nothing(bad):
    [name] = bad
    classifier = taught(ConjugateNB(MODELS), PETS)
    detector = taught(PredictiveSurprise(MODELS), [(x,) for x, _ in PETS])
    # the first access normalises the sums
    classifier.predict_proba_one(QUESTION)
    detector.score_one(QUESTION)
    before = pickle.dumps(classifier), pickle.dumps(detector)
    with pytest.raises(ObservationError, match=f"feature '{name}'"):
        classifier.learn_one({**QUESTION, "another": 1.0, **bad}, "fox")
    with pytest.raises(ObservationError, match=f"feature '{name}'"):
        detector.learn_one({**QUESTION, "another": 1.0, **bad})
    if name != "new":  # a feature never learned is not read
        with pytest.raises(ObservationError, match=f"feature '{name}'"):
            classifier.predict_proba_one(bad)
        with pytest.raises(ObservationError, match=f"feature '{name}'"):
            detector.score_one(bad)
    assert (pickle.dumps(classifier), pickle.dumps(detector)) == before


@pytest.mark.parametrize(("y", "w"), [(None, 1.0), ([], 1.0), ("dog", -1.0), ("dog", math.nan)])
def test_refused_classes_and_weights_change_nothing(y, w):
    model = taught(ConjugateNB(MODELS), PETS)
    before = pickle.dumps(model)
    with pytest.raises(ObservationError):
        model.learn_one(QUESTION, y, w=w)
    assert pickle.dumps(model) == before


@pytest.mark.parametrize("model", [ConjugateNB, PredictiveSurprise])
@pytest.mark.parametrize("asked", ["poisson", 3, NormalInverseGamma.flat(), None])
def test_unknown_and_improper_models_are_refused(model, asked):
    with pytest.raises(PriorError, match="feature 'a'"):
        model(features={"a": asked})


def test_classifier_stays_finite_at_the_ends_of_the_floats():
    model = ConjugateNB()
    for x in (-1e100, 1e100, 1e-100, 0.0, 1.0):
        model.learn_one({"a": x, "b": x * 1e-100}, x > 0.5)
    model.learn_one({"c": 5e-200}, True)
    model.learn_one({"c": 0.0}, False)
    for x in (1e100, -1e100, 1e-300, 1e5):
        probabilities = model.predict_proba_one({"a": x, "b": x, "c": x})
        assert sum(probabilities.values()) == pytest.approx(1.0)


def test_a_closed_vocabulary_stays_closed():
    model = ConjugateNB({"side": Dirichlet.flat(["left", "right"])})
    model.learn_one({"side": "left"}, 0)
    with pytest.raises(ObservationError, match="unknown category 'up'"):
        model.learn_one({"side": "up"}, 0)
    assert model.belief(0, "side").mean == {"left": 2 / 3, "right": 1 / 3}


def test_the_belief_about_an_unknown_feature_is_refused():
    model = taught(ConjugateNB(), PETS[:1])
    assert model.belief("dog", "weight") is None  # no scale yet
    with pytest.raises(ObservationError, match="class"):
        model.belief("cat", "weight")
    with pytest.raises(ObservationError, match="feature"):
        model.belief("dog", "height")


# Anomalies


def test_surprise_is_the_log_ratio_to_the_mode():
    detector = PredictiveSurprise(MODELS)
    weight, legs = NormalInverseGamma.jeffreys(), Gamma.jeffreys()
    tame = Beta(2, 1)
    for x, _ in PETS:
        detector.learn_one(x)
        weight.learn_one(x["weight"])
        legs.learn_one(x["legs"])
        tame.learn_one(x["tame"])
    found = detector.surprises({"weight": 60.0, "legs": 9, "noise": "tweet", "tame": False})
    t, nb = weight.predictive, legs.predictive
    assert found["weight"] == pytest.approx(t.logpdf(t.mode) - t.logpdf(60.0), rel=1e-12)
    assert found["legs"] == pytest.approx(nb.logpmf(nb.mode) - nb.logpmf(9), rel=1e-12)
    assert found["noise"] == pytest.approx(math.log(2 / 1))
    assert found["tame"] == pytest.approx(math.log(tame.mean / (1 - tame.mean)))
    assert detector.score_one({"weight": 60.0, "legs": 9}) == found["weight"] + found["legs"]


def test_surprise_is_zero_without_data():
    detector = PredictiveSurprise()
    assert detector.score_one({"a": 5.0}) == 0.0
    detector.learn_one({"a": 5.0})
    assert detector.score_one({"a": 6.0, "b": "x"}) == 0.0


def test_the_surprise_at_a_constant_number_is_that_of_a_label():
    detector = PredictiveSurprise({"label": "categorical"})
    for _ in range(50):
        detector.learn_one({"number": 3.0, "label": 3})
    found = detector.surprises({"number": 4.0, "label": 4})
    assert found == pytest.approx({"number": math.log(50), "label": math.log(50)})
    assert detector.score_one({"number": 3.0, "label": 3}) == 0.0


def test_surprise_does_not_depend_on_units(rng):
    detector, other = PredictiveSurprise(), PredictiveSurprise()
    for v in rng.standard_normal(20):
        detector.learn_one({"a": v})
        other.learn_one({"a": 1e-3 * v - 50.0})
    assert other.score_one({"a": 1e-3 * 4.0 - 50.0}) == pytest.approx(
        detector.score_one({"a": 4.0}), rel=1e-9
    )


def test_detector_ranks_the_anomalies_of_a_shuttle():
    detector, scores, labels = PredictiveSurprise(joint=False), [], []
    for x, y in datasets.Shuttle().take(2000):
        scores.append(detector.score_one(x))
        detector.learn_one(x)
        labels.append(y)
    assert roc_auc_score(labels, scores) > 0.95
