"""The default prior of the regression: the evidence determines its scale, for data in any unit."""

import numpy as np
import pytest
from scipy import linalg
from sklearn.datasets import load_diabetes, load_iris

from seqbayes.river import ConjugateLinearRegression

RATIOS = np.logspace(-2.0, 8.0, 41)


def taught(model, X, y):
    for x, t in zip(X.tolist(), y.tolist(), strict=True):
        model.learn_one(dict(enumerate(x)), t)
    return model


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("effect", [0.0, 0.3, 30.0])
def test_the_prior_has_the_largest_posterior_density(intercept, effect):
    """Against the density of orthogonal contrasts of the target, from their covariance matrix."""
    rng = np.random.default_rng(int(effect))
    X = rng.standard_normal((10, 3)) * [1.0, 50.0, 1e-3]
    y = effect * X @ [1.0, 0.02, -1e3] + rng.standard_normal(10)
    model = taught(ConjugateLinearRegression(intercept=intercept), X, y)
    contrasts = linalg.null_space(np.ones((1, 10))) if intercept else np.eye(10)
    features, target = contrasts.T @ X, contrasts.T @ y
    variances = (features**2).sum(axis=0) / 10
    scores = []
    for g in RATIOS:
        shape = np.eye(len(target)) + g / 3.0 * (features / variances) @ features.T
        distance = target @ linalg.solve(shape, target)
        log_density = -0.5 * np.linalg.slogdet(shape)[1] - 0.5 * len(target) * np.log(distance)
        scores.append(log_density + np.log(g / (1.0 + g) ** 2))  # of log g, under a uniform share
    best = 3.0 / RATIOS[np.argmax(scores)]
    assert list(model.prior_precisions.values()) == pytest.approx(list(best * variances))
    exact = ConjugateLinearRegression(intercept=intercept)
    prior = np.diag([0.0] * intercept + list(best * variances))
    full = np.column_stack([np.ones((10, int(intercept))), X])
    theta = linalg.solve(full.T @ full + prior, full.T @ y)
    assert list(model.weights.values()) == pytest.approx(list(theta[int(intercept) :]))
    assert exact.prior_precisions == {}


def test_answers_do_not_depend_on_units():
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y, scales = X[:60], y[:60], np.logspace(-40.0, 40.0, 10)
    model = taught(ConjugateLinearRegression(), X, y)
    other = taught(ConjugateLinearRegression(), (7.0 + X) * scales, 1e6 - 1e-3 * y)
    for x in X[:9]:
        found = model.predictive(dict(enumerate(x.tolist())))
        scaled = other.predictive(dict(enumerate(((7.0 + x) * scales).tolist())))
        assert scaled.loc == pytest.approx(1e6 - 1e-3 * found.loc, rel=1e-9)
        assert scaled.scale == pytest.approx(1e-3 * found.scale, rel=1e-6)


def orders(X, y, count):
    for seed in range(count):
        order = np.random.default_rng(seed).permutation(len(y))[:150]
        yield [
            (dict(enumerate(x)), t)
            for x, t in zip(X[order].tolist(), y[order].tolist(), strict=True)
        ]


@pytest.mark.parametrize(
    "data",
    [
        load_diabetes(return_X_y=True),
        (load_iris().data[:, 1:], load_iris().data[:, 0]),
        # a feature far from 0, one that hardly varies, and one that is constant at first
        (
            np.column_stack(
                [
                    load_diabetes().data * 1e3 + 1e6,
                    (np.arange(442) % 29 == 0) * 1e-3,
                    np.maximum(np.arange(442) - 40, 0),
                ]
            ),
            load_diabetes().target,
        ),
    ],
    ids=["diabetes", "iris", "badly scaled"],
)
def test_early_rows_and_intervals_on_real_data(data):
    early, mean, covered, surprising = [], [], [], 0.0
    for rows in orders(*data, count=5):
        model, targets = ConjugateLinearRegression(), []
        for x, y in rows:
            interval = model.predict_interval(x, 0.9)
            if interval is not None and len(targets) >= 20:
                covered.append(interval[0] <= y <= interval[1])
            elif interval is not None and len(targets) >= 3:
                error = abs(y - model.predict_one(x))
                early.append(error)
                mean.append(abs(y - np.mean(targets)))
                surprising = max(surprising, (error - mean[-1]) / (interval[1] - interval[0]))
            model.learn_one(x, y)
            targets.append(y)
    assert np.mean(early) < np.mean(mean)
    assert surprising < 1.0
    assert 0.88 <= np.mean(covered) <= 0.92


def test_a_feature_that_varies_for_the_first_time_has_bounded_influence():
    rng = np.random.default_rng(4)
    for late in (1e-9, 1.0, 1e9):
        model = ConjugateLinearRegression()
        for i in range(40):
            x = {"a": float(rng.standard_normal()), "b": 5.0, **({"c": 0.0} if i > 9 else {})}
            model.learn_one(x, x["a"] + float(rng.standard_normal()))
        base = model.predict_one({"a": 1.0, "b": 5.0})
        new = model.predictive({"a": 1.0, "b": 5.0 + late, "c": late, "d": late})
        assert new.loc == pytest.approx(base)
        assert model.predictive({"a": 1.0, "b": 5.0}).scale < new.scale < 100.0
        model.learn_one({"a": 1.0, "b": 5.0 + late, "d": 2.0 * late}, 1.0)
        assert abs(model.predict_one({"a": 1.0, "b": 5.0})) < 3.0
        assert model.prior_precisions["d"] > 0.0


def test_targets_and_features_that_never_vary():
    model = ConjugateLinearRegression()
    for w in (0.3, 0.3, 0.3, 2.0):
        model.learn_one({"a": 1.0}, 3.0, w)
    assert model.predict_one({"a": 1.0}) == 3.0
    for a in range(5):
        model.learn_one({"a": a}, 3.0)
    assert model.predict_one({"a": 99.0}) == pytest.approx(3.0)
    assert model.log_evidence is None
    assert ConjugateLinearRegression(0.5).prior_precisions == {}
