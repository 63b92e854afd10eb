"""Classes have as many components as their observations support, and labels gain from."""

import json
import math

import numpy as np
import pytest
from river.datasets import synth
from sklearn.datasets import load_breast_cancer

from seqbayes import ObservationError, PriorError
from seqbayes.river import MixtureDiscriminant
from seqbayes.river.candidates import MixtureCandidates
from seqbayes.river.tempering import Tempering


def cancer():
    data = load_breast_cancer()
    order = np.random.default_rng(1).permutation(569)[:300]
    return [(dict(enumerate(data.data[i, :10].tolist())), int(data.target[i])) for i in order]


def squares(n=400, seed=3):
    """One Gaussian in the centre, and two clusters at opposite corners."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        inner, side = rng.random() < 0.5, rng.choice([-3.0, 3.0])
        centre = 0.0 if inner else side
        point = dict(zip("xy", rng.normal(centre, 0.7, 2).tolist(), strict=True))
        yield point, "inner" if inner else "outer"


def log_loss(model, rows):
    total = 0.0
    for x, y in rows:
        found = model.predict_proba_one(x)
        total -= math.log(max(found.get(y, 0.0), 1e-15)) if found else 0.0
        model.learn_one(x, y)
    return total


@pytest.mark.parametrize(
    "rows", [cancer(), list(synth.Waveform(seed=1).take(300))], ids=["cancer", "waveform"]
)
def test_components_are_added_only_if_labels_gain(rows):
    single = log_loss(MixtureDiscriminant(1, seed=1), rows)
    chosen = log_loss(MixtureDiscriminant(seed=1), rows)
    assert chosen < single + 1.0  # nats in all


def test_a_class_has_the_components_that_predict_it():
    model = MixtureDiscriminant(seed=1)
    single = MixtureDiscriminant(1, seed=1)
    assert log_loss(model, squares()) < 0.8 * log_loss(single, squares())
    assert len(model.clusters("inner")) == 1
    assert len(model.clusters("outer")) == 2
    assert sum(model.temperatures.values()) == pytest.approx(1.0)


STEADY, RARE = (
    [(0.6, 0.8)] * 100,
    [(0.001, 0.2) if i in (10, 50, 90) else (0.8, 0.78) for i in range(100)],
)


@pytest.mark.parametrize(("rows", "is_used"), [(STEADY, True), (RARE, False)])
def test_more_components_need_an_advantage_above_its_standard_deviation(rows, is_used):
    """Probabilities of the label under both models; the second has 29 or 13 nats more in all."""
    tempering = Tempering(models=2)
    for i, found in enumerate(rows):
        logs = [[math.log(p / (1.0 - p)), 0.0] for p in found]
        tempering.predict({"x": i}, [math.log(0.5)] * 2, logs)
        tempering.score(0, 1.0)
    assert (tempering.probability_of(1) > 0.5) is is_used
    again = Tempering(models=2)
    again.load(tempering.dump())
    assert again.probability_of(1) == tempering.probability_of(1)
    with pytest.raises(PriorError):
        again.load([*tempering.dump()[:-1], -1.0])


def test_scores_without_variances_from_earlier_versions_are_restored():
    again = Tempering(models=2)
    again.load([300.0, *(-900.0,) * 4, *(-800.0,) * 4])
    assert again.probability_of(1) == pytest.approx(1.0)
    with pytest.raises(PriorError, match="expected 10 numbers"):
        again.load([300.0, *(-900.0,) * 4, *(-800.0,) * 3])


def test_predictions_do_not_change_what_is_learned():
    quiet, asked = MixtureDiscriminant(seed=1), MixtureDiscriminant(seed=1)
    for x, y in squares(150):
        asked.predict_proba_one({"x": 0.0, "y": 1.0})
        asked.predict_proba_one(x)
        quiet.learn_one(x, y)
        asked.learn_one(x, y)
    assert asked.to_dict() == quiet.to_dict()


def test_documents_continue_identically():
    whole, parts = MixtureDiscriminant(seed=1), MixtureDiscriminant(seed=1)
    for i, (x, y) in enumerate(squares(170)):
        x = {**x, "label": "ab"[i % 2], **({"late": x["x"] * i} if i > 60 else {})}
        whole.learn_one(x, y)
        parts.learn_one(x, y)
        if i % 37 == 5:
            parts = MixtureDiscriminant.from_dict(json.loads(json.dumps(parts.to_dict())))
        assert parts.predict_proba_one(x) == whole.predict_proba_one(x)
    assert parts.to_dict() == whole.to_dict()
    document = whole.to_dict()
    for key in ("candidates", "tempering"):
        with pytest.raises(PriorError):
            MixtureDiscriminant.from_dict({**document, "seen": {**document["seen"], key: []}})


def test_documents_of_earlier_versions_have_three_components():
    assert MixtureDiscriminant().former().components == 3
    model = MixtureDiscriminant(3, seed=1)
    for x, y in squares(200):
        model.learn_one(x, y)
    assert model.to_dict()["seen"].keys() == {"classes", "features", "mixtures", "buffers"}
    again = MixtureDiscriminant.from_dict(model.to_dict())
    assert len(again.clusters("inner")) == 3
    assert again.temperatures == {1.0: 1.0}


def test_scores_choose_and_the_trial_ends():
    candidates = MixtureCandidates(keep_first=True)
    assert candidates.best is None
    for name in ("one", "two", "three"):
        candidates.add(name)
    assert candidates.best == "one"  # the simplest in a tie
    candidates.score([-1.0, -0.8, -1.5], 10.0)
    assert candidates.best == "one"  # its advantage is below a ratio of 20
    candidates.score([-1.0, -0.8, -1.5], 90.0)
    assert candidates.best == "two"
    candidates.score([-1.0, -0.8, -1.5], 100.0)
    assert candidates.mixtures == ["one", "two"]
    candidates.score([-1.0, -0.8], 800.0)
    assert candidates.mixtures == ["one", "two"]
    assert not candidates.are_open
    again = MixtureCandidates()
    again.load(["one", "two"], candidates.dump_scores())
    assert (again.best, again.scores) == ("two", candidates.scores)
    with pytest.raises(PriorError):
        again.load(["one", "two"], [0, 1.0, 2.0, 3.0])


def test_one_mixture_of_each_class_is_kept_after_its_trial():
    rng = np.random.default_rng(1)
    model = MixtureDiscriminant(seed=1)
    for _ in range(3300):
        label = int(rng.integers(3))
        centre = 4.0 * label + (8.0 if label == 1 and rng.random() < 0.5 else 0.0)
        model.learn_one({"x": centre + rng.normal(), "y": rng.normal()}, label)
    written = model.learned()
    assert len(written["mixtures"]) == 3
    found = MixtureDiscriminant.from_dict(model.to_dict())
    assert found.predict_proba_one({"x": 11.5}) == model.predict_proba_one({"x": 11.5})
    assert model.predict_one({"x": 12.0, "y": 0.0}) == 1  # the second cluster of the class
    assert len(model.clusters(1)) > 1


def test_an_observation_that_changes_between_prediction_and_learning_is_read_again():
    model, rng = MixtureDiscriminant(seed=1), np.random.default_rng(1)
    for i in range(300):
        model.learn_one({"x": rng.normal() + 5 * (i % 2)}, i % 2)
    x = {"x": 0.1}
    model.predict_proba_one(x)
    x["x"] = math.nan
    with pytest.raises(ObservationError):
        model.learn_one(x, 0)
