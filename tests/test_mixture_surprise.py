"""The detector finds values in gaps between clusters and values that break a correlation."""

import json

import numpy as np
import pytest
from river import checks
from scipy import stats
from sklearn.metrics import roc_auc_score

from mixture_streams import few_rows  # noqa: F401 - a fixture
from seqbayes.river import PredictiveSurprise


def gap(rng, n, odd):
    """Two modes, and anomalies between them."""
    mode = np.where(rng.random(n) < 0.5, -5.0, 5.0) + rng.standard_normal(n)
    return np.where(odd, 0.5 * rng.standard_normal(n), mode)[:, None]


def corners(rng, n, odd):
    """Four clusters at the corners of a square, anomalies in its centre, and a useless feature."""
    corner = rng.integers(0, 2, (n, 2)) * 10.0
    X = np.where(odd[:, None], 5.0, corner) + rng.standard_normal((n, 2))
    return np.column_stack([X, 1e6 + rng.standard_normal(n)])


def broken(rng, n, odd):
    """Two features that agree, one in another unit, and disagree in anomalies."""
    a = rng.uniform(0.7, 2.0, n) * rng.choice([-1.0, 1.0], n)
    b = np.where(odd, -a, a) + 0.2 * rng.standard_normal(n)
    return np.column_stack([a, 1000.0 * b, rng.standard_normal((n, 3))])


def scored(make, kind, n=1500):
    rng = np.random.default_rng(5)
    odd = rng.random(n) < 0.02
    model, scores = make(), []
    for x in kind(rng, n, odd).tolist():
        scores.append(model.score_one(dict(enumerate(x))))
        model.learn_one(dict(enumerate(x)))
    return model, roc_auc_score(odd, scores)


@pytest.mark.parametrize("kind", [gap, corners, broken])
def test_anomalies_that_are_ordinary_in_every_feature(kind):
    model, together = scored(PredictiveSurprise, kind)
    assert together > 0.9
    assert scored(lambda: PredictiveSurprise(joint=False), kind)[1] < 0.7
    rng = np.random.default_rng(6)
    for x in map(dict, map(enumerate, kind(rng, 50, rng.random(50) < 0.3).tolist())):
        alone, joint = sum(model.surprises(x).values()), model.joint_surprise(x)
        assert model.score_one(x) == pytest.approx(max(alone, joint))
        assert joint >= 0.0


def test_one_gaussian_has_the_surprise_of_its_density():
    """log p(mean) - log p(x) is half of the squared Mahalanobis distance."""
    rng = np.random.default_rng(7)
    covariance = np.array([[1.0, 0.9], [0.9, 1.0]])
    model = PredictiveSurprise()
    for x in rng.multivariate_normal([3.0, 4.0], covariance, 4000).tolist():
        model.learn_one(dict(enumerate(x)))
    density = stats.multivariate_normal([3.0, 4.0], covariance)
    for x in ([3.5, 4.5], [4.0, 3.0], [5.0, 6.0]):
        wanted = density.logpdf([3.0, 4.0]) - density.logpdf(x)
        assert model.joint_surprise(dict(enumerate(x))) == pytest.approx(wanted, rel=0.15, abs=0.2)
    # a missing feature: the density of the other alone
    assert model.joint_surprise({0: 6.0}) == pytest.approx(4.5, rel=0.15)
    assert model.joint_surprise({0: 6.0, "new": 1.0, "colour": "red"}) == model.joint_surprise(
        {0: 6.0}
    )


def test_many_features_are_not_modelled_together():
    model, rng = PredictiveSurprise(), np.random.default_rng(8)
    for x in rng.standard_normal((150, 41)).tolist():
        model.learn_one(dict(enumerate(x)))
    assert model.joint_surprise(dict(enumerate(x))) == 0.0
    again = PredictiveSurprise.from_dict(json.loads(json.dumps(model.to_dict())))
    again.learn_one({0: 1.0})
    assert again.to_dict()["seen"]["joint"] == model.to_dict()["seen"]["joint"]


def test_documents_continue_identically():
    rng = np.random.default_rng(9)
    whole, parts = PredictiveSurprise(), PredictiveSurprise()
    for i, x in enumerate(gap(rng, 420, rng.random(420) < 0.02).tolist()):
        row = {"x": x[0], "label": "ab"[i % 2]}
        whole.learn_one(row)
        parts.learn_one(row)
        if i % 97 == 3:
            parts = PredictiveSurprise.from_dict(json.loads(json.dumps(parts.to_dict())))
        assert parts.score_one({"x": 0.0}) == whole.score_one({"x": 0.0})
    assert parts.to_dict() == whole.to_dict()


def test_documents_of_earlier_versions_have_no_joint_surprise():
    model = PredictiveSurprise(joint=False)
    model.learn_one({"x": 1.0})
    document = model.to_dict()
    assert "joint" not in document["parameters"]
    assert "joint" not in document["seen"]
    again = PredictiveSurprise.from_dict(document)
    assert again.joint is False
    assert again.joint_surprise({"x": 3.0}) == 0.0


@pytest.mark.usefixtures("few_rows")
def test_checks_of_the_detector():
    for check in checks.yield_checks(PredictiveSurprise()):
        check(PredictiveSurprise())
