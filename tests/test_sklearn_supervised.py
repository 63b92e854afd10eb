"""Regression and naive Bayes with scikit-learn's interface: its checks, and the models behind."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from seqbayes.river import ConjugateLinearRegression, ConjugateNB
from seqbayes.sklearn import SequentialLinearRegression, SequentialNaiveBayes


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([SequentialLinearRegression(), SequentialNaiveBayes()])
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_the_regression_is_ridge_regression():
    X, y = load_diabetes(return_X_y=True)
    ours, theirs = SequentialLinearRegression(0.3).fit(X, y), Ridge(0.3).fit(X, y)
    assert ours.coef_ == pytest.approx(theirs.coef_)
    assert ours.intercept_ == pytest.approx(theirs.intercept_)
    assert ours.predict(X) == pytest.approx(theirs.predict(X))
    mean, std = ours.predict(X[:3], return_std=True)
    oracle = ours.model_.predictive(dict(enumerate(X[2])))
    assert mean == pytest.approx(theirs.predict(X[:3]))
    assert std[2] == pytest.approx(stats.t(oracle.df, oracle.loc, oracle.scale).std())
    low, high = ours.predict_interval(X[:3], level=0.8)[2]
    assert (low, high) == pytest.approx(stats.t(oracle.df, oracle.loc, oracle.scale).interval(0.8))
    covered = [low <= t <= high for (low, high), t in zip(ours.predict_interval(X), y, strict=True)]
    assert 0.92 < np.mean(covered) < 0.98


def test_the_default_regression_does_not_depend_on_the_order_of_a_table():
    X, y = load_diabetes(return_X_y=True)
    one = SequentialLinearRegression().fit(X[:101], y[:101])
    other = SequentialLinearRegression().fit(X[100::-1], y[100::-1])
    assert one.coef_ == pytest.approx(other.coef_)
    again = SequentialLinearRegression()
    assert np.isnan(again.partial_fit(X[:1], y[:1]).predict_interval(X[:2])).all()
    for rows in np.array_split(np.arange(1, 101), 7):
        again.partial_fit(X[rows], y[rows])
    stream = ConjugateLinearRegression()
    for x, t in zip(X[:101].tolist(), y[:101].tolist(), strict=True):
        stream.learn_one(dict(enumerate(x)), t)
    assert list(again.coef_) == list(stream.weights.values())
    assert again.coef_ == pytest.approx(one.coef_, rel=0.1, abs=5.0)
    assert cross_val_score(SequentialLinearRegression(), X, y, cv=4).mean() > 0.4


def test_naive_bayes_agrees_with_many_rows():
    """With much data the prior has no influence, and the classes are those of a plug-in density."""
    X, y = load_iris(return_X_y=True)
    ours, theirs = SequentialNaiveBayes().fit(X, y), GaussianNB().fit(X, y)
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.97
    assert ours.predict_log_proba(X[:9]) == pytest.approx(np.log(ours.predict_proba(X[:9])))
    stream = ConjugateNB(temper=False)
    batches = SequentialNaiveBayes()
    for rows in np.array_split(np.random.default_rng(1).permutation(150), 6):
        batches.partial_fit(X[rows], y[rows], classes=[0, 1, 2, 3])
        for i in rows:
            stream.learn_one(dict(enumerate(X[i].tolist())), int(y[i]))
    found = batches.predict_proba(X[::10])
    wanted = [stream.predict_proba_one(dict(enumerate(x))) for x in X[::10].tolist()]
    assert found == pytest.approx(np.array([[p.get(c, 0.0) for c in range(4)] for p in wanted]))


def test_kinds_of_features_and_missing_values():
    X = np.array([[1.0, 3.0, np.nan], [1.0, 4.0, 0.1], [2.0, 30.0, 0.2], [2.0, np.nan, 0.3]])
    y = ["a", "a", "b", "b"]
    model = SequentialNaiveBayes(["categorical", "count", "gaussian"]).fit(X, y)
    stream = ConjugateNB(dict(enumerate(model.features)), temper=False)
    for row, label in zip(X.tolist(), y, strict=True):
        stream.learn_one({j: v for j, v in enumerate(row) if v == v}, label)
    expected = stream.predict_proba_one({0: 2.0, 2: 0.2})
    assert model.predict_proba([[2.0, np.nan, 0.2]])[0] == pytest.approx(list(expected.values()))


def test_refusals():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(NotFittedError):
        SequentialLinearRegression().predict(X)
    assert not hasattr(SequentialLinearRegression(), "coef_")
    with pytest.raises(ValueError, match="got 3"):
        SequentialNaiveBayes(["count"] * 3).fit(X, y)
    with pytest.raises(ValueError, match="classes among"):
        SequentialNaiveBayes().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="classes must be passed"):
        SequentialNaiveBayes().partial_fit(X, y)
    with pytest.raises(ValueError, match="weights"):
        SequentialNaiveBayes().fit(X, y, np.zeros(150))
    counts = SequentialNaiveBayes("count").fit([[1.0], [2.0]], [0, 1])
    with pytest.raises(ValueError, match="whole"):
        counts.partial_fit([[5.0], [2.5]], [0, 1])
    assert counts.model_.n_samples == 2.0
    with pytest.raises(ValueError, match="Negative"):
        counts.partial_fit([[5.0], [2.0]], [0, 1], sample_weight=[1.0, -1.0])
