"""Naive Bayes tempers its likelihood by its own predictions, and only on clear evidence."""

import copy
import json
import math

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_breast_cancer, load_iris

from seqbayes.river import ConjugateNB

POWERS = np.array([1.0, 0.5, 0.25, 0.125])
FIRST = np.array([0.9997, 1e-4, 1e-4, 1e-4])


def rows(load):
    data = load()
    order = np.random.default_rng(1).permutation(len(data.target))
    return [
        (dict(enumerate(data.data[i].tolist())), data.target_names[data.target[i]].item())
        for i in order
    ]


def log_losses(model, data):
    losses = []
    for x, y in data:
        p = model.predict_proba_one(x)
        losses.append(-math.log(max(p.get(y, 0.0), 1e-15)) if p else 0.0)
        model.learn_one(x, y)
    return losses


def test_weights_are_those_of_the_prequential_scores():
    """Every prediction of the exact classifier, raised to each power, and Bayes' rule."""
    model, exact = ConjugateNB(), ConjugateNB(temper=False)
    scores = np.log(FIRST)
    for i, (x, y) in enumerate(rows(load_breast_cancer)[:400]):
        joint = exact.joint_log_likelihood(x)
        shares = np.log([exact.class_shares[label] for label in joint])
        values = np.array(list(joint.values())) - shares
        logs = log_softmax(shares + POWERS[:, None] * values, axis=1) if joint else None
        if joint and i % 10 == 0:
            weights = softmax(scores)
            weights[weights < 1e-3] = 0.0
            assert list(model.temperatures.values()) == pytest.approx(weights / weights.sum())
            found = list(model.predict_proba_one(x).values())
            assert found == pytest.approx(weights / weights.sum() @ np.exp(logs), rel=1e-9)
        if y in joint and (i < 256 or i % 4 == 0):
            scores += np.maximum(logs[:, list(joint).index(y)], -745.0)
        for each in (model, exact):
            each.learn_one(x, y)
    assert model.temperatures[1.0] == 0.0


def test_predictions_do_not_change_what_is_learned():
    data = rows(load_iris)
    quiet, asked = ConjugateNB(), ConjugateNB()
    for i, (x, y) in enumerate(data):
        asked.predict_proba_one(data[i - 1][0])
        asked.predict_proba_one(x)
        for model in (quiet, asked):
            model.learn_one(x, y)
    assert asked.to_dict() == quiet.to_dict()
    copied = copy.deepcopy(asked)
    assert copied.predict_proba_one(data[0][0]) == asked.predict_proba_one(data[0][0])


def test_dependent_features_do_not_make_predictions_overconfident():
    data = rows(load_breast_cancer)
    exact, tempered = (sum(log_losses(ConjugateNB(temper=t), data)) for t in (False, True))
    assert tempered / len(data) < 0.3 < 0.5 < exact / len(data)


def test_independent_features_lose_nothing():
    rng = np.random.default_rng(2)
    data = []
    for i in range(500):
        y = i % 3
        data.append((dict(enumerate(rng.normal(y, [1.0, 2.0, 3.0]).tolist())), y))
    exact, tempered = (log_losses(ConjugateNB(temper=t), data) for t in (False, True))
    assert tempered == pytest.approx(exact, abs=1e-9)


def test_without_tempering_probabilities_are_exact():
    model = ConjugateNB(temper=False)
    for x, y in rows(load_iris)[:60]:
        joint = model.joint_log_likelihood(x)
        if joint:
            found = list(model.predict_proba_one(x).values())
            assert found == pytest.approx(softmax(list(joint.values())), rel=1e-12)
        model.learn_one(x, y)
    assert model.temperatures == {1.0: 1.0}


def test_documents_of_earlier_versions_are_not_tempered():
    model = ConjugateNB(temper=False)
    model.learn_one({"a": 1.0}, "x")
    document = json.loads(json.dumps(model.to_dict()))
    assert "temper" not in document["parameters"]
    assert "tempering" not in document["seen"]
    assert ConjugateNB.from_dict(document).temper is False
    tempered = ConjugateNB()
    tempered.learn_one({"a": 1.0}, "x")
    assert ConjugateNB.from_dict(tempered.to_dict()).temper is True
