"""Regressions whose features are far from 0, with a prior of the intercept, in exact fractions."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats

from seqbayes.river import ConjugateLinearRegression


def solve(matrix, columns):
    """Solve a system of linear equations in fractions."""
    rows = [[*row, *more] for row, more in zip(matrix, columns, strict=True)]
    for i, row in enumerate(rows):
        rows[i] = [v / row[i] for v in row]
        for j, other in enumerate(rows):
            if j != i:
                rows[j] = [v - other[i] * u for v, u in zip(other, rows[i], strict=True)]
    return [row[len(matrix) :] for row in rows]


def exact(xs, ys, precision, intercept_precision, at):
    """Return beta of the noise, and means and leverages of some rows, for alpha = beta = 1."""
    table = [[Fraction(1), *map(Fraction, row)] for row in xs.tolist()]
    targets = [Fraction(y) for y in ys.tolist()]
    size = len(table[0])
    diagonal = [Fraction(intercept_precision), *[Fraction(precision)] * (size - 1)]
    matrix = [
        [sum(row[i] * row[j] for row in table) + (i == j) * diagonal[i] for j in range(size)]
        for i in range(size)
    ]
    right = [sum(row[i] * y for row, y in zip(table, targets, strict=True)) for i in range(size)]
    rows = [[Fraction(v) for v in row] for row in at]
    found = solve(matrix, [[v, *(row[i] for row in rows)] for i, v in enumerate(right)])
    theta = [each[0] for each in found]
    squares = sum(y * y for y in targets) - sum(map(lambda v, t: v * t, right, theta))
    means = [sum(v * t for v, t in zip(row, theta, strict=True)) for row in rows]
    leverages = [
        sum(v * each[k] for v, each in zip(row, found, strict=True))
        for k, row in enumerate(rows, 1)
    ]
    return 1 + squares / 2, means, leverages


@pytest.mark.parametrize("slope", [1.0, 1e-9])
@pytest.mark.parametrize("intercept_precision", [1e-12, 1.0, 1e6])
@pytest.mark.parametrize(
    "centres", [[1e9], [1e12], [1e9, 1e9], [10.0, 1e9], [1e12, 1e12], [1e9, 1e3, 1e9]]
)
def test_features_far_from_zero_are_accurate(centres, intercept_precision, slope):
    rng = np.random.default_rng(3)
    apart = rng.normal(size=(30, len(centres)))
    xs, ys = np.array(centres) + apart, 3.0 + slope * apart.sum(axis=1) + rng.normal(size=30)
    model = ConjugateLinearRegression(0.01, intercept_precision, 1.0, 1.0)
    named = [dict(enumerate(row)) for row in xs.tolist()]
    for row, y in zip(named, ys.tolist(), strict=True):
        model.learn_one(row, y)
    units = np.eye(len(centres) + 1)[1:].tolist()
    at = [[1.0, *xs[7].tolist()], [1.0, *[0.0] * len(centres)], *units]
    beta, (mean, intercept, *weights), (leverage, intercept_leverage, *leverages) = exact(
        xs, ys, 0.01, intercept_precision, at
    )
    noise = float(beta) / 16.0
    spread = math.sqrt(noise * (1.0 + leverage))
    found = model.predictive(named[7])
    assert model.noise.mean == pytest.approx(float(beta) / 15.0, rel=1e-12)
    assert found.scale == pytest.approx(spread, rel=1e-12)
    assert found.loc == pytest.approx(float(mean), rel=1e-15, abs=1e-12 * spread)
    spread = math.sqrt(noise * intercept_leverage)
    assert model.intercept_mean == pytest.approx(float(intercept), rel=1e-12, abs=1e-11 * spread)
    for name, weight in enumerate(weights):
        spread = math.sqrt(noise * leverages[name])
        assert model.weights[name] == pytest.approx(float(weight), rel=1e-15, abs=1e-10 * spread)
        low, high = model.weight_intervals()[name]
        half = scipy.stats.t.ppf(0.975, 32) * spread
        assert high - float(weight) == pytest.approx(half, abs=1e-8 * half + 1e-15 * abs(high))
        assert float(weight) - low == pytest.approx(half, abs=1e-8 * half + 1e-15 * abs(low))
    restored = ConjugateLinearRegression.from_dict(json.loads(json.dumps(model.to_dict())))
    assert restored.predictive(named[7]).scale == found.scale


def test_documents_whose_root_holds_the_prior_of_the_intercept_are_read():
    root = [
        [[2.4494897427831783, 2.449489742783178], [0.0, 4.743416490252569]],
        [0.20412414523193112, 4.005551702879947],
        2.163888888888889,
    ]
    written = {
        "seqbayes": 1,
        "estimator": "ConjugateLinearRegression",
        "parameters": {
            "precision": 0.5,
            "intercept_precision": 2.0,
            "alpha": 1.0,
            "beta": 1.0,
            "intercept": True,
        },
        "seen": {"root": root, "columns": ["a"], "sums": [4.0, 2.0, -1.0, 1.0]},
    }
    model = ConjugateLinearRegression(0.5, 2.0, 1.0, 1.0)
    for x, y in [(1.0, 2.0), (2.0, 2.5), (4.0, 3.0), (5.0, 5.0)]:
        model.learn_one({"a": x}, y)
    old = ConjugateLinearRegression.from_dict(written)
    for _ in range(2):
        assert old.predictive({"a": 3.0}).scale == pytest.approx(model.predictive({"a": 3.0}).scale)
        assert old.predict_one({"a": 3.0}) == pytest.approx(model.predict_one({"a": 3.0}))
        assert old.log_evidence == pytest.approx(model.log_evidence)
        old.learn_one({"a": 7.0}, 4.0)
        model.learn_one({"a": 7.0}, 4.0)
        old = ConjugateLinearRegression.from_dict(old.to_dict())


@pytest.mark.parametrize("distance", [0.0, 1e6, -1e9, 1e12])
@pytest.mark.parametrize("intercept_precision", [0.0, 1e-30, 1e-12])
@pytest.mark.parametrize("slope", [0.7, -1.0])
def test_predictions_of_targets_far_from_zero_are_accurate(distance, intercept_precision, slope):
    """The location is known to more digits than a float at this distance has."""
    rng = np.random.default_rng(5)
    apart = rng.normal(size=(40, 2))
    xs = np.array([distance, 3.0]) + apart
    ys = distance + slope * apart.sum(axis=1) + rng.normal(size=40)
    model = ConjugateLinearRegression(0.01, intercept_precision, 1.0, 1.0)
    named = [dict(enumerate(row)) for row in xs.tolist()]
    for row, y in zip(named, ys.tolist(), strict=True):
        model.learn_one(row, y)
    at = [[1.0, *row] for row in xs[:5].tolist()]
    _, means, _ = exact(xs, ys, 0.01, intercept_precision, at)
    for row, mean in zip(named, means, strict=False):
        for found in (
            model.predictive(row),
            model.expected(row),
            model.predict_one(row, with_dist=True),
        ):
            location = Fraction(found.loc) + Fraction(found.loc_low)
            assert abs(float(location - mean)) <= 1e-10 * found.scale
        assert model.predict_one(row) == pytest.approx(float(mean), rel=2.3e-16, abs=1e-11)
