"""Missing features are integrated out of densities, and replaced by expectations in learning.

The oracle is EM with missing data from the textbook, row by row.
"""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from mixture_streams import COMPILED, long_stream
from seqbayes import (
    Dirichlet,
    Gamma,
    NormalInverseGamma,
    NormalInverseWishart,
    ObservationError,
    Product,
)
from seqbayes.families import MultivariateParameters, NormalParameters
from seqbayes.likelihoods import MultivariateNormal
from seqbayes.mixture import Mixture

KAPPA, DF = 0.5, 6.0
CENTRE, SCALE = np.array([1.0, 2.0]), np.array([[3.0, 0.5], [0.5, 2.0]])
NAMES = ("x", "y")
START = (
    (np.array([-1.0, 0.0]), np.array([[2.0, 0.3], [0.3, 1.0]])),
    (np.array([3.0, 3.0]), np.array([[1.0, 0.0], [0.0, 3.0]])),
)
SHAPES = ("full", "diagonal", "spherical", "tied")


def table(n, missing=0.25, seed=0):
    """Rows (n, 2) of two overlapping clusters; at random, one of the two values is NaN."""
    rng = np.random.default_rng(seed)
    which = rng.random(n) < 0.4
    covariances = np.array([[[1.0, 0.7], [0.7, 1.5]], [[1.0, -0.5], [-0.5, 0.8]]])
    roots = np.linalg.cholesky(covariances)[which.astype(int)]
    rows = np.einsum("nij,nj->ni", roots, rng.normal(size=(n, 2)))
    rows += np.where(which[:, None], [4.0, 3.0], [0.0, 0.0])
    gone = rng.random((n, 2)) < missing
    gone[gone.all(axis=1)] = False
    rows[gone] = np.nan
    return rows


def named(rows):
    return [
        {name: v for name, v in zip(NAMES, row, strict=True) if not math.isnan(v)}
        for row in rows.tolist()
    ]


def oracle(rows, start, shape, iterations):
    """MAP-EM of Normal components with partial rows: (weights, means, covariances) each."""
    k, (n, d) = len(start), rows.shape
    weights = np.full(k, 1.0 / k)
    means, covariances = (np.array([theta[i] for theta in start]) for i in (0, 1))
    history = [(weights, means, covariances)]
    for _ in range(iterations):
        logs = np.zeros((n, k))
        filled, left = np.zeros((n, k, d)), np.zeros((n, k, d, d))
        for i, row in enumerate(rows):
            a = ~np.isnan(row)
            for j in range(k):
                m, c = means[j], covariances[j]
                own = math.tau * c[np.ix_(a, a)]
                gap, inverse = row[a] - m[a], math.tau * np.linalg.inv(own)
                logs[i, j] = math.log(weights[j]) - 0.5 * math.log(np.linalg.det(own))
                logs[i, j] -= 0.5 * gap @ inverse @ gap
                gain = c[np.ix_(~a, a)] @ inverse
                filled[i, j, a] = row[a]
                filled[i, j, ~a] = m[~a] + gain @ gap
                left[i, j][np.ix_(~a, ~a)] = c[np.ix_(~a, ~a)] - gain @ c[np.ix_(a, ~a)]
        r = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        counts = r.sum(axis=0)
        weights = counts / n
        means, scales, divisors = np.zeros((k, d)), np.zeros((k, d, d)), np.zeros(k)
        for j in range(k):
            means[j] = (KAPPA * CENTRE + r[:, j] @ filled[:, j]) / (KAPPA + counts[j])
            gaps, back = filled[:, j] - means[j], CENTRE - means[j]
            scales[j] = SCALE + KAPPA * np.outer(back, back)
            scales[j] += np.einsum("n,ni,nj->ij", r[:, j], gaps, gaps)
            scales[j] += np.einsum("n,nij->ij", r[:, j], left[:, j])
            divisors[j] = DF + counts[j] + d + 2.0
        covariances = shaped(scales, divisors, shape)
        history.append((weights, means, covariances))
    return history


def shaped(scales, divisors, shape):
    if shape == "tied":
        return np.array([scales.sum(axis=0) / divisors.sum()] * len(scales))
    found = scales / divisors[:, None, None]
    if shape == "diagonal":
        return np.array([np.diag(np.diag(c)) for c in found])
    if shape == "spherical":
        return np.array([np.eye(len(c)) * np.trace(c) / len(c) for c in found])
    return found


def vector_prior():
    return NormalInverseWishart(
        CENTRE, KAPPA, DF, SCALE, likelihood=MultivariateNormal(features=NAMES)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_em_with_missing_values_agrees_with_the_textbook(shape):
    rows = table(80 if COMPILED else 40)
    start = shaped(np.array([c for _, c in START]), np.ones(2), shape)
    if shape == "tied":
        start = np.array([START[0][1]] * 2)
    begin = [MultivariateParameters(m, c) for (m, _), c in zip(START, start, strict=True)]
    mixture = Mixture([vector_prior()] * 2, start=begin, covariance=shape)
    trace = mixture.fit(named(rows), iterations=8, tol=0)
    wanted = oracle(rows, begin, shape, 8)
    for i in (0, 1, 2, 8):
        weights, means, covariances = wanted[i]
        assert trace[i].weights == pytest.approx(weights, rel=1e-10)
        for parameter, mean, covariance in zip(
            trace[i].parameters, means, covariances, strict=True
        ):
            assert parameter.mean == pytest.approx(mean, rel=1e-10)
            assert parameter.covariance == pytest.approx(covariance, rel=1e-9, abs=1e-12)
    gains = np.diff([step.log_posterior for step in trace])
    assert gains.min() > -1e-9


def test_em_of_products_with_missing_values_agrees_with_the_textbook():
    """Independent numbers with gamma priors: EM treats every coordinate separately."""
    rows = table(80 if COMPILED else 40)
    kappa, alpha, beta = 0.5, 2.0, 1.5
    field = NormalInverseGamma(1.0, kappa, alpha, beta)
    prior = Product(dict.fromkeys(NAMES, field))
    start = [{"x": NormalParameters(m, 1.0), "y": NormalParameters(m, 2.0)} for m in (0.0, 4.0)]
    trace = Mixture([prior] * 2, start=start).fit(
        named(rows), iterations=300 if COMPILED else 200, tol=0
    )
    last = trace[-1]
    r, weights = last.responsibilities, np.array(last.weights)
    seen = ~np.isnan(rows)
    logs = np.tile(np.log(weights), (len(rows), 1))
    for k, parameter in enumerate(last.parameters):
        for j, name in enumerate(NAMES):
            mean, variance = parameter[name]
            density = stats.norm(mean, math.sqrt(variance)).logpdf(rows[:, j])
            logs[:, k] += np.where(seen[:, j], density, 0.0)
    # a fixed point: the E-step, and the posterior mode given the observed values
    assert r == pytest.approx(np.exp(logs - logsumexp(logs, axis=1, keepdims=True)), abs=1e-12)
    assert weights == pytest.approx(r.mean(axis=0), abs=1e-9)
    for k, parameter in enumerate(last.parameters):
        for j, name in enumerate(NAMES):
            w, x = r[seen[:, j], k], rows[seen[:, j], j]
            mean = (kappa * 1.0 + w @ x) / (kappa + w.sum())
            squares = 2.0 * beta + kappa * (mean - 1.0) ** 2 + w @ (x - mean) ** 2
            assert parameter[name].mean == pytest.approx(mean, abs=1e-8)
            variance = squares / (2.0 * alpha + w.sum() + 3.0)
            assert parameter[name].variance == pytest.approx(variance, rel=1e-8)


@long_stream
@pytest.mark.parametrize("shape", ["full", "diagonal", "tied"])
def test_one_pass_with_missing_values_agrees_with_batch_em(shape):
    rows = table(40_000, seed=5)
    data = named(rows)
    prior = [vector_prior()] * 2
    batch = Mixture(prior, start=START, covariance=shape)
    batch.fit(data, tol=1e-10)
    online = Mixture(prior, seed=2, covariance=shape, buffer=400)
    for x in data:
        online.learn_one(x)
    order = np.argsort([p.mean[0] for p in online.parameters])
    assert np.array(online.weights)[order] == pytest.approx(batch.weights, abs=5e-3)
    for k, theta in zip(order, batch.parameters, strict=True):
        assert online.parameters[k].mean == pytest.approx(theta.mean, abs=2e-2)
        assert online.parameters[k].covariance == pytest.approx(theta.covariance, abs=4e-2)
    held_out = named(table(4000, seed=6))
    gap = np.mean([batch.log_density(x) - online.log_density(x) for x in held_out])
    assert abs(gap) < 3e-4


@long_stream
def test_one_pass_over_products_with_missing_values_agrees_with_batch_em():
    rng = np.random.default_rng(8)
    prior = Product(
        {
            "wait": NormalInverseGamma(0, 0.1, 2, 2),
            "page": Dirichlet(dict.fromkeys("abc", 2)),
            "clicks": Gamma(2, 0.5),
        }
    )
    data = []
    for late in (rng.random(15_000) < 0.4).tolist():
        x = {
            "wait": rng.normal(4.0 if late else 0.0, 1.0),
            "page": str(rng.choice(list("abc"), p=[0.1, 0.2, 0.7] if late else [0.6, 0.3, 0.1])),
            "clicks": int(rng.poisson(9.0 if late else 2.0)),
        }
        gone = [name for name in x if rng.random() < 0.25]
        data.append({name: v for name, v in x.items() if name not in gone} or x)
    batch = Mixture([prior] * 2, seed=1)
    batch.fit(data, tol=1e-10)
    online = Mixture([prior] * 2, seed=1)
    online.learn_many(data)
    for mine, theirs in zip(online.ranking, batch.ranking, strict=True):
        assert online.weights[mine] == pytest.approx(batch.weights[theirs], abs=5e-3)
        ours, wanted = online.parameters[mine], batch.parameters[theirs]
        assert ours["wait"].mean == pytest.approx(wanted["wait"].mean, abs=2e-2)
        assert ours["wait"].variance == pytest.approx(wanted["wait"].variance, abs=4e-2)
        assert ours["page"] == pytest.approx(wanted["page"], abs=1e-2)
        assert ours["clicks"] == pytest.approx(wanted["clicks"], rel=2e-2)


def learned(shape="full", n=120):
    """Three features, of which two or one can be missing."""
    rng = np.random.default_rng(4)
    prior = NormalInverseWishart(
        [0, 0, 0], 0.1, 6, likelihood=MultivariateNormal(features=("x", "y", "z"))
    )
    mixture = Mixture([prior] * 2, seed=1, covariance=shape, buffer=60)
    turn = rng.normal(size=(3, 3))
    for row in (rng.normal(size=(n, 3)) @ turn + 3.0 * rng.integers(0, 2, (n, 1))).tolist():
        mixture.learn_one(dict(zip("xyz", row, strict=True)))
    return mixture


QUESTIONS = [{"x": 1.5}, {"z": -2.0}, {"x": 0.3, "z": 4.0}, {"z": 0.1, "y": -1.0}, {"y": 2.5}]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("x", QUESTIONS, ids=str)
def test_partial_observations_have_their_marginal_density(shape, x):
    mixture = learned(shape)
    places = ["xyz".index(name) for name in x]
    logs = np.array(
        [
            math.log(weight)
            + stats.multivariate_normal(
                theta.mean[places], theta.covariance[np.ix_(places, places)]
            ).logpdf(list(x.values()))
            for weight, theta in zip(mixture.weights, mixture.parameters, strict=True)
        ]
    )
    assert mixture.log_density(x) == pytest.approx(logsumexp(logs), rel=1e-12)
    shares = np.exp(logs - logsumexp(logs))
    assert list(mixture.predict_proba_one(x).values()) == pytest.approx(shares, rel=1e-12)


@pytest.mark.parametrize("x", [*QUESTIONS, {"x": 0.5, "y": 1.0, "z": 2.0}], ids=str)
def test_partial_observations_have_their_marginal_predictive(x):
    mixture = learned()
    places = ["xyz".index(name) for name in x]
    logs = []
    for weight, state in zip(mixture.weights, mixture.components, strict=True):
        mean, kappa, df, scale = state.posterior
        df -= len(mean) - 1.0
        shape = scale[np.ix_(places, places)] * (1.0 + 1.0 / kappa) / df
        density = stats.multivariate_t(mean[places], shape, df).logpdf(list(x.values()))
        logs.append(math.log(weight) + density)
    assert mixture.log_predictive(x) == pytest.approx(logsumexp(logs), rel=1e-12)
    assert mixture.score_one(x) == -mixture.log_predictive(x)


def mixed():
    """Numbers, a vector, labels and counts; every observation lacks some of them."""
    rng = np.random.default_rng(7)
    place = NormalInverseWishart([0, 0], 0.1, 4, likelihood=MultivariateNormal(features=NAMES))
    prior = Product(
        {
            "wait": NormalInverseGamma(0, 0.1, 2, 2),
            "page": Dirichlet(dict.fromkeys("abc", 2)),
            "clicks": Gamma(2, 1),
            "place": place,
        }
    )
    mixture = Mixture([prior] * 2, seed=1, buffer=40)
    for i in range(150):
        late = i % 3 == 0
        x = {
            "wait": rng.normal(4.0 * late, 1.0),
            "page": "abc"[int(rng.integers(0, 2)) + late],
            "clicks": int(rng.poisson(2 + 6 * late)),
            "place": dict(zip(NAMES, rng.normal(3.0 * late, 1.0, 2).tolist(), strict=True)),
        }
        if i % 2:
            del x["place"][NAMES[i % 4 == 1]]
        if i % 5:
            del x[list(x)[i % 4]]
        mixture.learn_one(x)
    return mixture


def test_partial_observations_of_products():
    mixture = mixed()
    whole = {"wait": 1.0, "page": "b", "clicks": 4, "place": {"x": 1.0, "y": 2.0}}
    subsets = [
        {name: v for i, (name, v) in enumerate(whole.items()) if mask >> i & 1}
        for mask in range(1, 16)
    ]
    subsets += [{**subset, "place": {"y": 2.0}} for subset in subsets]
    for x in subsets:
        densities, predictives = [], []
        for weight, theta, state in zip(
            mixture.weights, mixture.parameters, mixture.components, strict=True
        ):
            density = predictive = math.log(weight)
            if "wait" in x:
                spread = math.sqrt(theta["wait"].variance)
                density += stats.norm(theta["wait"].mean, spread).logpdf(x["wait"])
            if "page" in x:
                density += math.log(theta["page"][x["page"]])
            if "clicks" in x:
                density += stats.poisson(theta["clicks"]).logpmf(x["clicks"])
            for name in x.keys() - {"place"}:
                predictive += state.marginal(name).log_predictive(x[name])
            if "place" in x:
                places = [NAMES.index(name) for name in x["place"]]
                values = list(x["place"].values())
                mean, covariance = theta["place"]
                covariance = covariance[np.ix_(places, places)]
                density += stats.multivariate_normal(mean[places], covariance).logpdf(values)
                student = state.marginal("place").predictive.marginal(places)
                predictive += student.logp(values)
            densities.append(density)
            predictives.append(predictive)
        assert mixture.log_density(x) == pytest.approx(logsumexp(densities), rel=1e-12)
        assert mixture.log_predictive(x) == pytest.approx(logsumexp(predictives), rel=1e-12)
        shares = np.exp(densities - logsumexp(densities))
        assert list(mixture.predict_proba_one(x).values()) == pytest.approx(shares, rel=1e-12)


def test_a_field_that_is_always_missing_changes_nothing():
    """A stream with one feature only gives the mixture of this feature."""
    field = NormalInverseGamma(0, 0.1, 2, 2)
    both = Mixture([Product({"x": field, "y": field})] * 2, seed=3, buffer=40)
    alone = Mixture([Product({"x": field})] * 2, seed=3, buffer=40)
    rng = np.random.default_rng(1)
    for x in (rng.normal(size=200) + 6.0 * rng.integers(0, 2, 200)).tolist():
        both.learn_one({"x": x})
        alone.learn_one({"x": x})
    assert both.weights == pytest.approx(alone.weights, rel=1e-9)
    for theta, other in zip(both.parameters, alone.parameters, strict=True):
        assert theta["x"] == pytest.approx(other["x"], rel=1e-9)
    shares = both.predict_proba_one({"y": 5.0})
    assert tuple(shares.values()) == pytest.approx(both.weights, rel=1e-2)


def test_features_that_are_missing_while_the_buffer_fills():
    """Without priors the names are those known at the start; later ones are ignored."""
    rows = table(80 if COMPILED else 25, missing=0.3, seed=9)
    mixture = Mixture(2, seed=1, buffer=60 if COMPILED else 20)
    for x in named(rows):
        mixture.learn_one(x)
        assert math.isfinite(mixture.score_one(x))
        assert math.fsum(mixture.predict_proba_one(x).values()) == pytest.approx(1.0)
    before = mixture.predict_proba_one({"x": 1.0})
    assert mixture.predict_proba_one({"x": 1.0, "new": 3.0}) == before
    assert mixture.predict_proba_one({}) == pytest.approx(
        dict(zip(mixture.names, mixture.weights, strict=True)), rel=1e-12
    )
    for gone in (None, math.nan):
        with pytest.raises(ObservationError, match="omit missing features"):
            mixture.learn_one({"x": 1.0, "y": gone})


@long_stream
def test_components_keep_their_names():
    """Three clusters, unequal and near each other: each keeps its name."""
    rng = np.random.default_rng(6)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    which = rng.choice(3, 30_000, p=[0.6, 0.3, 0.1])
    points = centres[which] + rng.normal(size=(len(which), 2))
    mixture = Mixture(3, seed=2)
    mixture.learn_many(points[:1300])  # the start ends after 400 observations per component
    first = [mixture.predict_one(centre) for centre in centres.tolist()]
    assert sorted(first) == [0, 1, 2]
    for start in range(1300, len(points), 100):
        mixture.learn_many(points[start : start + 100])
        assert [mixture.predict_one(centre) for centre in centres.tolist()] == first
    # for display the largest comes first
    assert [mixture.names[k] for k in mixture.ranking] == first
    shown = [int(line.split()[1].rstrip(":")) for line in str(mixture).splitlines()]
    assert shown == first
    assert list(mixture.predict_proba_one([0.0, 0.0])) == [0, 1, 2]
    copies = mixture.clone(include_attributes=True), Mixture.from_dict(mixture.to_dict())
    for copy in copies:
        assert [copy.predict_one(centre) for centre in centres.tolist()] == first
    again = mixture + copies[0]
    assert [again.predict_one(centre) for centre in centres.tolist()] == first


def test_ties_are_ranked_by_name():
    coin = Gamma(1, 1)
    even = Mixture({"b": coin, "a": coin, "c": coin}, weights=(0.4, 0.4, 0.2), start=(1, 2, 3))
    assert [even.names[k] for k in even.ranking] == ["b", "a", "c"]
