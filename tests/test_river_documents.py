"""The JSON of River's estimators contains everything that they have learned."""

import json
import random

import pytest

from seqbayes import Beta, Gamma, PriorError
from seqbayes.river import ConjugateLinearRegression, ConjugateNB, PredictiveSurprise

RNG = random.Random(8)
ROWS = [
    {
        "a": RNG.gauss(1e6, 3.0),
        "b": RNG.choice(["x", "y", 3]),
        "c": RNG.randrange(5),
        "d": RNG.random() < 0.3,
    }
    for _ in range(60)
]
KINDS = {"c": "count", "d": Beta(2, 3)}


def numbers(row):
    return {name: row[name] for name in ("a", "c")}


def rows(model):
    """Return the training data of a model."""
    if isinstance(model, ConjugateLinearRegression):
        return [(numbers(row), 2.0 * row["a"] + row["c"]) for row in ROWS]
    if isinstance(model, ConjugateNB):
        return [({k: row[k] for k in "acd"}, row["b"]) for row in ROWS]
    return [(row,) for row in ROWS]


def answer(model, x):
    if isinstance(model, ConjugateNB):
        return model.joint_log_likelihood(x)
    return model.score_one(x) if isinstance(model, PredictiveSurprise) else model.predict_one(x)


MODELS = [
    ConjugateNB(KINDS, strength=0.5),
    ConjugateLinearRegression(),
    ConjugateLinearRegression(0.1, 0.2, 1.0, 2.0),
    ConjugateLinearRegression(intercept=False),
    PredictiveSurprise(KINDS),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_learning_continues_identically_after_reading_a_document(model):
    whole, parts = model.clone(), model.clone()
    for i, row in enumerate(rows(model)):
        whole.learn_one(*row, w=1.0 + i / 7)
        parts.learn_one(*row, w=1.0 + i / 7)
        if i % 9 in (0, 1):
            parts = type(model).from_dict(json.loads(json.dumps(parts.to_dict())))
    assert parts.to_dict() == whole.to_dict()
    assert answer(parts, rows(model)[0][0]) == answer(whole, rows(model)[0][0])
    empty = type(model).from_dict(model.to_dict())
    assert empty.to_dict() == model.clone().to_dict()


def changed(document, path, value):
    document = json.loads(json.dumps(document))
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return document


@pytest.mark.parametrize("model", MODELS[:2] + MODELS[-1:], ids=lambda model: type(model).__name__)
def test_invalid_documents_are_refused(model):
    model = model.clone()
    for row in rows(model)[:5]:
        model.learn_one(*row)
    good = model.to_dict()
    wrong = [
        {},
        3,
        changed(good, ["seqbayes"], 99),
        changed(good, ["estimator"], "Beta"),
        changed(good, ["parameters"], 3),
        changed(good, ["parameters", "colour"], 3),
        changed(good, ["seen"], None),
    ]
    for key, value in good["seen"].items():
        wrong += [changed(good, ["seen", key], odd) for odd in (None, "x", [[]], [[1, 2, 3, 4]])]
        if value:
            wrong.append(changed(good, ["seen", key, 0], Gamma().to_dict()))
    for document in wrong:
        with pytest.raises(PriorError):
            type(model).from_dict(document)
