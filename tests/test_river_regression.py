"""Laws of the conjugate regression and its square root: exact, order-free, and precise."""

import math
import pickle

import mpmath
import numpy as np
import pytest
from scipy import stats

from real_data import CARS, SWISS, TREES
from seqbayes import ObservationError, PriorError
from seqbayes.numerics.square_root import SquareRoot
from seqbayes.river import ConjugateLinearRegression


def taught(model, rows, w=1.0):
    for row in rows:
        model.learn_one(*row, w=w)
    return model


def rows(rng, n=60, p=3, centre=0.0):
    """Rows of a linear relation with noise."""
    X = centre + rng.standard_normal((n, p))
    y = 2.0 + (X - centre) @ np.arange(1.0, p + 1.0) + 0.3 * rng.standard_normal(n)
    return [
        ({f"f{j}": float(v) for j, v in enumerate(x)}, float(t)) for x, t in zip(X, y, strict=True)
    ]


def test_regression_is_accurate_at_one_million(rng):
    """Features 1e6 + N(0, 1) against normal equations in 60 digits."""
    data = rows(rng, n=200, p=2, centre=1e6)
    model = taught(ConjugateLinearRegression(precision=0.5), data)
    with mpmath.workdps(60):
        X = mpmath.matrix([[1.0, *x.values()] for x, _ in data])
        y = mpmath.matrix([t for _, t in data])
        precision = X.T * X + mpmath.diag([0, 0.5, 0.5])
        theta = mpmath.lu_solve(precision, X.T * y)
        beta = ((y.T * y)[0] - (theta.T * X.T * y)[0]) / 2
        asked = mpmath.matrix([1.0, 1e6 + 0.5, 1e6 - 2.0])
        leverage = (asked.T * mpmath.lu_solve(precision, asked))[0]
        alpha = mpmath.mpf(len(data) - 1) / 2
        scale = float(mpmath.sqrt(beta / alpha * (1 + leverage)))
        mean = float((theta.T * asked)[0])
    found = model.predictive({"f0": 1e6 + 0.5, "f1": 1e6 - 2.0})
    assert list(model.weights.values()) == pytest.approx(
        [float(theta[1]), float(theta[2])], rel=1e-12
    )
    assert model.intercept_mean == pytest.approx(float(theta[0]), rel=1e-12)
    assert (found.df, found.loc, found.scale) == pytest.approx((199, mean, scale), rel=1e-12)
    low, high = model.predict_interval({"f0": 1e6 + 0.5, "f1": 1e6 - 2.0}, level=0.9)
    assert (low, high) == pytest.approx(stats.t(199, mean, scale).interval(0.9), rel=1e-12)


PRIOR = {"precision": 0.5, "intercept_precision": 0.25, "alpha": 1.5, "beta": 2.0}


@pytest.mark.parametrize("intercept", [True, False])
def test_evidence_is_that_of_a_multivariate_t(rng, intercept):
    data = rows(rng, n=12)
    model = taught(ConjugateLinearRegression(**PRIOR, intercept=intercept), data)
    X = np.array([[1.0, *x.values()] for x, _ in data])
    variances = np.array([4.0 * intercept, 2.0, 2.0, 2.0])
    shape = 2.0 / 1.5 * (np.eye(12) + (X * variances) @ X.T)
    wanted = stats.multivariate_t(np.zeros(12), shape, df=3.0).logpdf([y for _, y in data])
    assert model.log_evidence == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
def test_evidence_is_the_sum_of_the_predictives(rng, intercept):
    model = ConjugateLinearRegression(**PRIOR, intercept=intercept)
    assert model.log_evidence == 0.0
    total = 0.0
    for i, (x, y) in enumerate(rows(rng, n=30)):
        seen = dict(list(x.items())[: 1 + i % 3])  # features appear and disappear
        total += model.log_predictive(seen, y)
        model.learn_one(seen, y)
        assert model.log_evidence == pytest.approx(total, rel=1e-11)


def test_predictive_density_integrates_to_one(rng):
    model = taught(ConjugateLinearRegression(), rows(rng, n=8))
    found = model.predictive({"f0": 3.0, "never seen": 2.0})
    low, high = model.predict_interval({"f0": 3.0, "never seen": 2.0}, level=0.8)
    assert found.cdf(high) - found.cdf(low) == pytest.approx(0.8)
    assert found.loc == model.predict_one({"f0": 3.0})
    assert found.scale > model.predictive({"f0": 3.0}).scale  # an unknown weight


def test_intervals_have_their_coverage(rng):
    """Under the prior, the predictive probability below a new target is uniform."""
    prior = {"precision": 2.0, "intercept_precision": 1.0, "alpha": 3.0, "beta": 2.0}
    ranks = []
    for _ in range(400):
        noise = math.sqrt(2.0 / rng.gamma(3.0))
        a, b = noise * rng.standard_normal(2) / np.sqrt([1.0, 2.0])
        X = rng.standard_normal(6)
        y = a + b * X + noise * rng.standard_normal(6)
        model = ConjugateLinearRegression(**prior)
        for x, t in zip(X[:5], y[:5], strict=True):
            model.learn_one({"x": x}, t)
        ranks.append(model.predictive({"x": X[5]}).cdf(y[5]))
    assert stats.kstest(ranks, "uniform").pvalue > 0.001


def test_regression_does_not_depend_on_order_or_origin(rng):
    data = rows(rng)
    model = taught(ConjugateLinearRegression(0.01), data)
    moved = [({k: v + 1e5 for k, v in x.items()}, y - 1e4) for x, y in reversed(data)]
    other = taught(ConjugateLinearRegression(0.01), moved)
    assert other.weights == pytest.approx(model.weights, rel=1e-9)
    x = data[7][0]
    assert other.predict_one({k: v + 1e5 for k, v in x.items()}) + 1e4 == pytest.approx(
        model.predict_one(x), rel=1e-9
    )
    assert other.noise.mean == pytest.approx(model.noise.mean, rel=1e-9)


def test_an_absent_feature_is_zero_from_the_start(rng):
    data = rows(rng, centre=5.0)
    late, full = ConjugateLinearRegression(**PRIOR), ConjugateLinearRegression(**PRIOR)
    for i, (x, y) in enumerate(data):
        known = {k: v for k, v in x.items() if i >= 20 or k == "f1"}
        late.learn_one(known, y)
        full.learn_one({**dict.fromkeys(x, 0.0), **known}, y)
    assert late.weights == pytest.approx(full.weights, rel=1e-10)
    assert late.intercept_mean == pytest.approx(full.intercept_mean, rel=1e-10)
    assert late.predictive({"f2": 1.0}).scale == pytest.approx(full.predictive({"f2": 1.0}).scale)
    assert late.log_evidence == pytest.approx(full.log_evidence, rel=1e-10)


def test_weights_of_rows(rng):
    data = rows(rng, n=10)
    once = taught(ConjugateLinearRegression(**PRIOR), data, w=2.0)
    twice = taught(ConjugateLinearRegression(**PRIOR), data + data)
    assert once.weights == pytest.approx(twice.weights)
    assert once.log_evidence == pytest.approx(twice.log_evidence)
    before = pickle.dumps(once)
    once.learn_one({"f9": 1.0}, 4.0, w=0.0)
    assert pickle.dumps(once) == before


def test_a_pickled_regression_continues_identically(rng):
    data = rows(rng, p=9)
    whole = taught(ConjugateLinearRegression(), data)
    half = pickle.loads(pickle.dumps(taught(ConjugateLinearRegression(), data[:30])))
    data[-1][0]["f9"] = 1.0
    assert taught(half, data[30:-1]).weights == taught(whole.clone(), data[:-1]).weights
    for model in (half, whole):
        model.learn_one({"f9": 2.0}, 1.0)
    assert set(half.weights) == set(whole.weights)


@pytest.mark.parametrize(
    ("x", "y", "w"),
    [
        ({"f0": math.nan}, 1.0, 1.0),
        ({"new": 1.0, "f0": None}, 1.0, 1.0),
        ({"f0": "1"}, 1.0, 1.0),
        ({"f0": 1e101}, 1.0, 1.0),
        ({"f0": 1.0}, math.inf, 1.0),
        ({"f0": 1.0}, "high", 1.0),
        ({"f0": 1.0}, 1.0, -1.0),
        ({"f0": 1.0}, 1.0, 1e101),
    ],
)
def test_refused_rows_change_nothing(rng, x, y, w):
    model = taught(ConjugateLinearRegression(), rows(rng, n=5))
    before = pickle.dumps(model)
    with pytest.raises(ObservationError, match="expected"):
        model.learn_one(x, y, w=w)
    assert pickle.dumps(model) == before


def test_answers_are_none_before_there_are_enough_data(rng):
    model = ConjugateLinearRegression()
    assert model.predict_one({"f0": 1.0}) == 0.0
    for x, y in rows(rng, n=1):
        model.learn_one(x, y)
        assert model.predict_one(x) == y
    assert model.predict_interval({"f0": 1.0}) is None
    assert model.noise is None
    assert model.log_evidence is None
    with pytest.raises(PriorError, match="improper"):
        model.predictive({"f0": 1.0})
    taught(model, rows(rng, n=2))
    low, high = model.predict_interval({"f0": 1.0})
    assert low < high


@pytest.mark.parametrize(
    "prior", [{"precision": 0.0}, {"alpha": -1.0}, {"intercept_precision": -1.0}, {"beta": "b"}]
)
def test_refused_priors(prior):
    with pytest.raises(PriorError):
        ConjugateLinearRegression(**prior)


# The square root


@pytest.mark.parametrize("p", [1, 5, 20])
def test_square_root_is_that_of_the_rows(rng, p):
    X, y = rng.standard_normal((2 * p, p)), rng.standard_normal(2 * p)
    X[0], X[1, : p // 2] = 0.0, 0.0
    w = rng.uniform(0.1, 2.0, 2 * p)
    root = SquareRoot()
    for _ in range(p):
        root.append(0.5)
    for x, t, v in zip(X.tolist(), y, w, strict=True):
        root.add(x, t, v)
    stacked = np.vstack([0.5 * np.eye(p), np.sqrt(w)[:, None] * X])
    target = np.concatenate([np.zeros(p), np.sqrt(w) * y])
    solution, residual, *_ = np.linalg.lstsq(stacked, target)
    assert root.solve() == pytest.approx(solution, rel=1e-9, abs=1e-12)
    assert root.squares == pytest.approx(residual[0], rel=1e-10)
    information = stacked.T @ stacked
    assert 2 * root.log_determinant == pytest.approx(np.linalg.slogdet(information)[1])
    x = rng.standard_normal(p)
    assert root.leverage(x.tolist()) == pytest.approx(x @ np.linalg.solve(information, x))


def test_square_root_of_too_few_rows():
    root = SquareRoot()
    root.append(0.0)
    root.append(0.0)
    root.add([2.0, 0.0], 6.0)
    assert root.solve().tolist() == [3.0, 0.0]
    assert root.leverage([2.0, 0.0]) == 1.0
    assert root.leverage([0.0, 1.0]) == math.inf
    assert root.log_determinant == -math.inf


@pytest.mark.parametrize("intercept", [True, False])
def test_weight_intervals_are_those_of_the_normal_equations(rng, intercept):
    data = rows(rng, n=40, p=3, centre=2.0)
    model = ConjugateLinearRegression(**PRIOR, intercept=intercept)
    assert model.weight_intervals() == {}
    assert model.intercept_interval() is None
    taught(model, data)
    ones = [[1.0]] * len(data) if intercept else [[]] * len(data)
    X = np.array([[*one, *x.values()] for one, (x, _) in zip(ones, data, strict=True)])
    y = np.array([t for _, t in data])
    prior = np.diag([0.25] * intercept + [0.5] * 3)
    inverse = np.linalg.inv(X.T @ X + prior)
    theta = inverse @ X.T @ y
    alpha, beta = 1.5 + len(data) / 2, 2.0 + (y @ y - theta @ X.T @ y) / 2
    scale = np.sqrt(beta / alpha * np.diag(inverse))
    expected = np.transpose(stats.t(2 * alpha, theta, scale).interval(0.9))
    last = list(model.weights)[-1]
    assert model.weight_intervals(0.9, [last]) == {last: model.weight_intervals(0.9)[last]}
    with pytest.raises(ObservationError, match="known feature"):
        model.weight_intervals(features=["none"])
    found = list(model.weight_intervals(0.9).values())
    if intercept:
        found = [model.intercept_interval(0.9), *found]
    assert np.array(found) == pytest.approx(expected, rel=1e-9)


def test_intervals_are_none_before_there_are_enough_data():
    model = taught(ConjugateLinearRegression(), [({"x": 1.0}, 2.0)])
    assert model.weight_intervals() == {"x": None}
    assert model.intercept_interval() is None
    with pytest.raises(PriorError):
        model.weight_intervals(1.5)


def test_the_distribution_of_a_prediction_has_the_names_of_river(rng):
    model = ConjugateLinearRegression()
    x = {"f0": 0.5, "f1": -1.0, "f2": 2.0}
    before = model.predict_one(x, with_dist=True)
    assert (before.mu, before.sigma, before(1.0)) == (0.0, math.inf, 0.0)
    taught(model, rows(rng, n=30))
    found = model.predict_one(x, with_dist=True)
    wanted = model.predictive(x)
    oracle = stats.t(wanted.df, wanted.loc, wanted.scale)
    assert found.mu == model.predict_one(x) == wanted.loc
    assert found.sigma == pytest.approx(oracle.std())
    assert found(10.0) == pytest.approx(oracle.pdf(10.0))
    assert found.cdf(10.0) == pytest.approx(oracle.cdf(10.0))


def coverage(noise, seed):
    """Return how many targets are in their 90 % interval, and the model."""
    rng = np.random.default_rng(seed)
    model, inside = ConjugateLinearRegression(), []
    for i, scale in enumerate(noise):
        x, y = {"t": i / len(noise)}, i / len(noise) + scale * rng.normal()
        found = model.predict_interval(x, level=0.9)
        inside.append(found is None or found[0] <= y <= found[1])
        model.learn_one(x, y)
    return np.mean(inside[20:]), model


def test_intervals_keep_their_level_if_the_noise_grows():
    grown, model = coverage(np.geomspace(0.5, 5.0, 600), 1)
    assert 0.87 <= grown <= 0.92
    again = ConjugateLinearRegression.from_dict(model.to_dict())
    assert again.predict_interval({"t": 0.5}) == model.predict_interval({"t": 0.5})


def test_intervals_keep_their_level_and_width_if_the_model_is_correct():
    level, model = coverage(np.full(2000, 0.5), 2)
    assert 0.89 <= level <= 0.91
    low, high = model.predict_interval({"t": 0.5}, level=0.9)
    assert (high - low) / (2 * 1.645 * 0.5) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("table", [TREES, CARS, SWISS], ids=["trees", "cars", "swiss"])
def test_intervals_have_their_level_in_small_sorted_tables(table):
    """Trees and cars are sorted by a feature, and the noise grows."""
    model, inside = ConjugateLinearRegression(), []
    for *values, y in table.tolist():
        low, high = model.predict_interval(dict(enumerate(values)), 0.9) or (-math.inf, math.inf)
        inside.append(low <= y <= high)
        model.learn_one(dict(enumerate(values)), y)
    assert 0.84 <= np.mean(inside[20:]) <= 0.95


def test_a_given_precision_is_exact():
    rng = np.random.default_rng(1)
    data = [({"t": float(t)}, float(t + 100.0 * t * rng.normal())) for t in range(100)]
    model = taught(ConjugateLinearRegression(precision=1.0), data)
    fitted = model.predictive({"t": 50.0})
    reference = taught(ConjugateLinearRegression(precision=1.0), data[::-1])
    assert fitted.scale == pytest.approx(reference.predictive({"t": 50.0}).scale, rel=1e-9)
