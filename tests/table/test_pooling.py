"""Partial pooling: published figures, independent answers, and equal results from any sharding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad
from scipy.optimize import minimize

from seqbayes import (
    Beta,
    Decayed,
    Dirichlet,
    Gamma,
    MergeError,
    Normal,
    ObservationError,
    PriorError,
    UnsupportedError,
    distributions,
    likelihoods,
)
from seqbayes.datasets import rat_tumours
from seqbayes.table import Pool, Table

TUMOURS, RATS = np.array(rat_tumours(), float).T

# Effects of coaching in eight schools (Rubin 1981; Gelman et al. 2013, table 5.2).
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])

# Hits of 18 batters of 1970 in their first 45 times at bat, and times at bat and batting average in
# the remaining season (Efron & Morris 1975, table 1).
HITS = np.array([18, 17, 16, 15, 14, 14, 13, 12, 11, 11, 10, 10, 10, 10, 10, 9, 8, 7], float)
LATER = [
    *[(367, 0.346), (426, 0.298), (521, 0.276), (275, 0.222), (418, 0.273), (466, 0.270)],
    *[(586, 0.263), (138, 0.210), (510, 0.269), (200, 0.230), (538, 0.264), (186, 0.226)],
    *[(435, 0.303), (277, 0.264), (270, 0.256), (558, 0.285), (408, 0.316), (70, 0.200)],
]


def counts(state: Any, hits: Any, trials: Any, pool: Any) -> Table:
    table = Table(state, pool=pool)
    pairs = list(zip(map(float, hits), map(float, trials), strict=True))
    table.learn_many(range(len(pairs)), pairs)
    return table


def trials(*prior: float) -> Beta:
    return Beta(*prior, likelihood=likelihoods.Binomial())


def schools(pool: str) -> Table:
    table = Table(Normal(0, 1e4, 1), pool=pool)
    table.learn_many(range(8), EFFECTS, w=ERRORS**-2.0)
    return table


def test_rat_tumours_have_the_published_posterior_means() -> None:
    found = counts(trials(), TUMOURS, RATS, "grid").pooled_prior
    assert found.n_keys == 71
    # Gelman et al. (2013), section 5.3: E(alpha | y) = 2.4 and E(beta | y) = 14.3
    assert [round(value, 1) for value in found.hyperparameters] == [2.4, 14.3]


def school_given(tau: float) -> tuple[float, Any, Any, float]:
    """Return log density, means and variances of the schools, and the mean, given tau."""
    precision = 1.0 / (ERRORS**2 + tau**2)
    var = 1.0 / precision.sum()
    mu = float((precision * EFFECTS).sum() * var)
    log = 0.5 * math.log(var) + 0.5 * np.log(precision).sum()
    log -= 0.5 * float((precision * (EFFECTS - mu) ** 2).sum())
    shrinkage = ERRORS**2 * precision
    means = shrinkage * mu + (1.0 - shrinkage) * EFFECTS
    return log, means, (1.0 - shrinkage) * ERRORS**2 + shrinkage**2 * var, mu


def test_eight_schools_agree_with_quadrature_and_published_quantiles() -> None:
    def expect(answer: Any) -> float:
        def integrand(tau: float) -> float:
            return math.exp(school_given(tau)[0] + 30.0) * answer(tau)

        ends = [(0, 10), (10, 40), (40, np.inf)]
        return sum(quad(integrand, *each, epsabs=0, epsrel=1e-11)[0] for each in ends)

    whole = expect(lambda tau: 1.0)
    table = schools("grid")
    found = table.pooled_prior
    assert found.hyperparameters.mean == pytest.approx(
        expect(lambda tau: school_given(tau)[3]) / whole, rel=1e-7
    )
    assert found.dispersions[0] == pytest.approx(expect(lambda tau: tau) / whole, rel=1e-7)
    for j in (0, 2, 6):
        mean = expect(lambda tau, j=j: school_given(tau)[1][j]) / whole
        second = expect(lambda tau, j=j: sum_of_squares(tau, j)) / whole
        assert table.mean[j] == pytest.approx(mean, rel=1e-7)
        assert table.var[j] == pytest.approx(second - mean**2, rel=1e-6)
    # Gelman et al. (2013), table 5.3, from 200 draws: 2.5 %, 50 % and 97.5 % of school A
    low, high = table.interval()
    middle = table.answers().ppf(0.5)
    assert np.abs(np.array([low[0], middle[0], high[0]]) - [-2, 10, 31]).max() < 1.0


def sum_of_squares(tau: float, j: int) -> float:
    _, means, variances, _ = school_given(tau)
    return float(variances[j] + means[j] ** 2)


def test_batting_averages_have_the_published_estimates_and_errors() -> None:
    averages, season = HITS / 45.0, np.array([average for _, average in LATER])
    # Efron & Morris (1977): shrinkage by .212 to .265, and squared errors of .077 and .022
    published = 0.265 + 0.212 * (averages - 0.265)
    variance = 0.265 * 0.735 / 45.0
    table = Table(Normal(0, 1, variance), pool="grid")
    table.learn_many(range(18), averages)
    assert np.abs(table.mean - published).max() < 0.015
    errors = ((season - averages) ** 2).sum(), ((season - table.mean) ** 2).sum()
    assert errors[0] == pytest.approx(0.077, abs=0.002)
    assert errors[1] == pytest.approx(0.022, abs=0.001)


def test_pooled_batters_predict_the_season_better_than_separate_ones() -> None:
    later = [(round(n * average), n) for n, average in LATER]
    pooled, separate = (
        counts(trials(), HITS, np.full(18, 45.0), pool).answers().log_predictive(later).sum()
        for pool in ("grid", None)
    )
    assert pooled > separate + 2.0


def beta_log(h: Any, data: Any) -> float:
    a, b = np.exp(h)
    return float(st.betabinom.logpmf(data[0], data[1], a, b).sum())


def gamma_log(h: Any, data: Any) -> float:
    shape, rate = np.exp(h)
    return float(st.nbinom.logpmf(data[0], shape, rate / (rate + data[1])).sum())


def normal_log(h: Any, data: Any) -> float:
    deviation = np.sqrt(np.exp(h[1]) + 4.0 / data[1])
    return float(st.norm.logpdf(data[0], h[0], deviation).sum())


def samples(name: str, n: int = 400) -> tuple[Any, list[Any], list[Any], Any, Any]:
    """Return a state, keys, observations, the log likelihood and the data of each key."""
    rng = np.random.default_rng(7)
    size = rng.integers(1, 9, n)
    if name == "beta":
        hits = rng.binomial(size, rng.beta(2, 5, n))
        xs = list(zip(hits.tolist(), size.tolist(), strict=True))
        return trials(), list(range(n)), xs, beta_log, (hits, size)
    if name == "gamma":
        events = rng.poisson(rng.gamma(3, 0.5, n) * size)
        xs = list(zip(events.tolist(), size.tolist(), strict=True))
        state = Gamma(likelihood=likelihoods.Poisson(None))
        return state, list(range(n)), xs, gamma_log, (events, size)
    centres = rng.normal(5, 3, n)
    keys = np.repeat(np.arange(n), size)
    xs = rng.normal(np.repeat(centres, size), 2.0)
    means = np.bincount(keys, weights=xs) / size
    return Normal(0, 100, 4), keys.tolist(), xs.tolist(), normal_log, (means, size)


@pytest.mark.parametrize("name", ["beta", "gamma", "normal"])
def test_the_empirical_prior_maximises_the_marginal_likelihood(name: str) -> None:
    state, keys, xs, log, data = samples(name)
    table = Table(state, pool="empirical")
    table.learn_many(keys, xs)
    prior = table.pooled_prior.hyperparameters
    first = prior[0] if name == "normal" else math.log(prior[0])
    at = np.array([first, math.log(prior[1])])
    best = minimize(lambda h: -log(h, data), at + 0.3, method="Nelder-Mead", tol=1e-10)
    assert at == pytest.approx(best.x, rel=1e-4)
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        assert log(at + step, data) < log(at, data)
    # a key is a state with this prior
    assert tuple(table[keys[0]].prior)[:2] == tuple(prior)[:2]
    assert table.mean[0] == pytest.approx(table[keys[0]].mean, rel=1e-14)
    assert table.unpooled().mean[0] != table.mean[0]


@pytest.mark.parametrize("method", ["empirical", "grid", "nested"])
@pytest.mark.parametrize("name", ["beta", "gamma", "normal"])
def test_results_from_any_sharding_are_identical(name: str, method: str) -> None:
    state, keys, xs, _, _ = samples(name, 30)
    keys = [(f"group {key % 5}", key) for key in keys]
    whole = Table(state, pool=method)
    whole.learn_many(keys, xs)
    order = np.random.default_rng(0).permutation(len(xs))
    shards = [Table(state, pool=method) for _ in range(3)]
    for part, shard in zip(np.array_split(order, 3), shards, strict=True):
        shard.learn_many([keys[i] for i in part], [xs[i] for i in part])
        if method != "nested":
            shard.mean  # noqa: B018 - an estimate in between does not matter
    merged = shards[0] + shards[1] + shards[2]
    assert merged.pooled_prior.hyperparameters == whole.pooled_prior.hyperparameters
    assert merged.pooled_prior.dispersions == whole.pooled_prior.dispersions
    assert merged.select(whole.keys).mean.tolist() == whole.mean.tolist()


@pytest.mark.parametrize("name", ["beta", "gamma", "normal"])
def test_pooling_predicts_better_than_no_pooling_and_full_pooling(name: str) -> None:
    state, keys, xs, _, _ = samples(name, 300)
    tables = {pool: Table(state, pool=pool) for pool in ("empirical", "grid", None)}
    # one belief for all keys
    whole = Table(state)
    whole.learn_many(np.zeros(len(xs), int), xs)
    first = list(range(len(xs)))
    if name == "normal":  # the first observation of each key, and its last one
        later = dict(zip(keys, xs, strict=True))
        first = [keys.index(key) for key in later]
    else:  # a pair for each key, and a second one with the same parameters
        later = dict(zip(keys, again(name), strict=True))
    scores = {}
    for pool, table in tables.items():
        table.learn_many([keys[i] for i in first], [xs[i] for i in first])
        scores[pool] = table.answers().log_predictive([later[key] for key in table.keys]).sum()
    separate = scores.pop(None)
    one = sum(whole[0].log_predictive(later[key]) for key in tables[None].keys)
    assert min(scores.values()) > max(separate, one) + 1.0


def again(name: str) -> list[Any]:
    """Return new observations with the parameters of `samples`."""
    rng = np.random.default_rng(7)
    size = rng.integers(1, 9, 300)
    theta = rng.beta(2, 5, 300) if name == "beta" else rng.gamma(3, 0.5, 300)
    other = np.random.default_rng(8)
    counted = other.binomial(size, theta) if name == "beta" else other.poisson(theta * size)
    return list(zip(counted.tolist(), size.tolist(), strict=True))


def coverage(name: str, prior: Any, n: Any) -> Any:
    """Return the exact coverage for keys with n observations, under the parameters of `samples`."""
    k = np.arange(200)
    if name == "beta":
        k = np.arange(n + 1)
        low, high = distributions.Beta(prior[0] + k, prior[1] + n - k).interval()
        truth, weights = st.beta(2 + k, 5 + n - k), st.betabinom.pmf(k, n, 2, 5)
    elif name == "gamma":
        low, high = distributions.Gamma(prior[0] + k, prior[1] + n).interval()
        truth, weights = st.gamma(3 + k, scale=1 / (2 + n)), st.nbinom.pmf(k, 3, 2 / (2 + n))
    else:
        mean = st.norm.ppf((np.arange(4000) + 0.5) / 4000.0, 5, math.sqrt(9 + 4 / n))
        weights = np.full(4000, 1 / 4000.0)
        centre = (prior[0] / prior[1] + mean * n / 4) / (1 / prior[1] + n / 4)
        half = 1.959964 / math.sqrt(1 / prior[1] + n / 4)
        low, high = centre - half, centre + half
        truth = st.norm((5 / 9 + mean * n / 4) / (1 / 9 + n / 4), math.sqrt(1 / (1 / 9 + n / 4)))
    return float(((truth.cdf(high) - truth.cdf(low)) * weights).sum())


@pytest.mark.parametrize("name", ["beta", "gamma", "normal"])
def test_intervals_cover_95_percent_for_every_number_of_observations(name: str) -> None:
    state, keys, xs, _, _ = samples(name, 2000)
    table = Table(state, pool=True)
    table.learn_many(keys, xs)
    assert table.pooled_prior.method == "empirical"
    for n in range(1, 21):
        assert abs(coverage(name, table.pooled_prior.hyperparameters, n) - 0.95) <= 0.01, n


def test_answers_on_a_grid_are_averages_of_conjugate_answers() -> None:
    table = counts(trials(), TUMOURS[-8:], RATS[-8:], "grid")
    found = table.pooled_prior
    (alpha, beta), weights = (column[0] for column in found.priors), found.weights[0]
    hits, misses = TUMOURS[-3], RATS[-3] - TUMOURS[-3]
    given = st.beta(alpha + hits, beta + misses)
    assert table.mean[-3] == pytest.approx(float(given.mean() @ weights), rel=1e-12)
    second = float((given.var() + given.mean() ** 2) @ weights)
    assert table.var[-3] == pytest.approx(second - table.mean[-3] ** 2, rel=1e-9)
    assert table.cdf(0.2)[-3] == pytest.approx(float(given.cdf(0.2) @ weights), rel=1e-10)
    assert table.sf(0.2)[-3] == pytest.approx(float(given.sf(0.2) @ weights), rel=1e-10)
    thresholds = np.linspace(0.1, 0.4, 8)
    expected = float(given.sf(thresholds[-3]) @ weights)
    assert table.sf(thresholds)[-3] == pytest.approx(expected, rel=1e-10)
    for q in (1e-6, 0.3, 0.975):
        for quantile, tail in ((table.answers().ppf, given.cdf), (table.answers().isf, given.sf)):
            assert float(tail(quantile(q)[-3]) @ weights) == pytest.approx(q, rel=1e-9)
    predictive = table.answers().log_predictive([(3, 10)] * 8)[-3]
    each = st.betabinom.pmf(3, 10, alpha + hits, beta + misses)
    assert predictive == pytest.approx(math.log(each @ weights), rel=1e-9)
    rng = np.random.default_rng(0)
    draws = [table.answers().sample(rng)[-3] for _ in range(400)]
    assert np.mean(draws) == pytest.approx(table.mean[-3], abs=4 * table.var[-3] ** 0.5 / 20)
    assert np.var(draws) == pytest.approx(table.var[-3], rel=0.3)


@pytest.mark.parametrize("ask", ["posterior", "map", "log_evidence"])
def test_unsupported_answers_of_an_average_of_posteriors(ask: str) -> None:
    table = schools("grid")
    with pytest.raises(UnsupportedError, match="averaged over priors"):
        getattr(table, ask)
    with pytest.raises(UnsupportedError, match="averaged over priors"):
        table[0]
    with pytest.raises(UnsupportedError, match="equal-tailed"):
        table.interval(kind="hdi")
    assert table.unpooled().posterior.mean[0] == table.mle[0] * 1e4 / (1e4 + ERRORS[0] ** 2)


def levels() -> tuple[list[Any], Any, Any]:
    """Return the keys (country, store, item), observations, and the number of each key."""
    rng = np.random.default_rng(5)
    keys: list[Any] = []
    xs: list[float] = []
    for country in range(4):
        of_country = rng.normal(0, 4)
        for store in "abc":
            of_store = rng.normal(of_country, 2)
            for item in range(5):
                of_item = rng.normal(of_store, 1)
                for _ in range(rng.integers(1, 4)):
                    keys.append((country, store, item))
                    xs.append(rng.normal(of_item, 1.5))
    return keys, np.array(xs), rng


def gaussian(keys: list[Any], xs: Any, log_spreads: Any) -> tuple[float, dict[Any, float]]:
    """Return the log density of data and the posterior means, by the covariance of all numbers."""
    spreads = np.exp(2.0 * np.asarray(log_spreads))

    def covariance(first: list[Any], second: list[Any]) -> Any:
        return np.array(
            [
                [sum(spreads[j] for j in range(3) if a[: j + 1] == b[: j + 1]) for b in second]
                for a in first
            ]
        )

    names = list(dict.fromkeys(keys))
    data = covariance(keys, keys) + 2.25 * np.eye(len(keys))
    inverse = np.linalg.inv(data)
    ones = np.ones(len(keys))
    worth = ones @ inverse @ ones
    mean = ones @ inverse @ xs / worth
    gap = xs - mean
    log = -0.5 * (np.linalg.slogdet(data)[1] + math.log(worth) + gap @ inverse @ gap)
    means = mean + covariance(names, keys) @ inverse @ gap
    return float(log), dict(zip(names, means, strict=True))


def test_nested_levels_agree_with_the_multivariate_normal_distribution() -> None:
    keys, xs, _ = levels()
    table = Table(Normal(0, 100, 2.25), pool="nested")
    table.learn_many(keys, xs)
    at = np.log(table.pooled_prior.dispersions)
    best, means = gaussian(keys, xs, at)
    for level in range(3):
        for step in (-0.15, 0.15):
            moved = at.copy()
            moved[level] += step
            assert gaussian(keys, xs, moved)[0] < best
    # the grid of locations ends where its weight is below 1e-6
    assert table.mean == pytest.approx([means[key] for key in table.keys], abs=2e-4)
    low, high = table.interval()
    assert (low < table.mean).all()
    assert (table.mean < high).all()


def test_nested_levels_pull_items_to_their_own_store() -> None:
    table = Table(Beta(), pool=Pool("nested"))
    rng = np.random.default_rng(2)
    for store, share in (("good", 0.8), ("poor", 0.1), ("fair", 0.4)):
        for item in range(12):
            for x in rng.random(10) < share:
                table.learn_one((store, item), bool(x))
        table.learn_one((store, "new"), False)
    mean = dict(zip(table.keys, table.mean, strict=True))
    assert mean["good", "new"] > 0.5 > mean["fair", "new"] > mean["poor", "new"]
    assert table.pooled_prior.dispersions[0] > table.pooled_prior.dispersions[1]


def test_keys_of_nested_levels_are_tuples_of_one_length() -> None:
    for keys in (["a", "b"], [("a", 1), ("a", 1, 2)], [("a",), ("b",)]):
        table = Table(Beta(), pool="nested")
        table.learn_many(keys, [True, False])
        with pytest.raises(PriorError, match="tuples of one length"):
            table.mean  # noqa: B018 - raises


@pytest.mark.parametrize("method", ["auto", "empirical", "grid"])
def test_the_prior_of_the_table_applies_while_the_data_determine_no_other(method: str) -> None:
    table = Table(Beta(2, 3), pool=method)
    assert table.mean.tolist() == []
    table.learn_many(["a", "a"], [True, False])
    assert table.pooled_prior.method == "none"
    # one observation of each key does not show how much keys differ
    table = Table(Beta(2, 3), pool=method)
    table.learn_many(range(50), np.arange(50) % 3 == 0)
    found = table.pooled_prior
    assert found.method == "none"
    assert tuple(found.hyperparameters) == (2.0, 3.0)
    assert table[0].posterior == (3.0, 3.0)


def test_keys_that_do_not_differ_are_pooled_completely() -> None:
    table = Table(Gamma(likelihood=likelihoods.Poisson(None)), pool="empirical")
    table.learn_many(range(300), [(6, 3.0)] * 300)
    assert table.mean == pytest.approx(np.full(300, 2.0), rel=1e-6)
    assert table.pooled_prior.dispersions[0] == pytest.approx(1e-4)


def test_few_keys_are_pooled_on_a_grid_and_many_by_their_best_prior() -> None:
    rng = np.random.default_rng(1)
    for n, method in ((199, "grid"), (200, "empirical")):
        xs = rng.poisson(np.repeat(rng.gamma(4, 1, n), 3))
        table = Table(Gamma(), pool=True)
        table.learn_many(np.repeat(np.arange(n), 3), xs)
        assert table.pooled_prior.method == method


def test_a_refresh_share_keeps_the_prior_while_the_data_change_little() -> None:
    state, keys, xs, _, _ = samples("gamma")
    table = Table(state, pool=Pool("empirical", refresh=0.1))
    table.learn_many(keys, xs)
    first = table.pooled_prior
    table.learn_one(keys[0], (50, 1))
    assert table.pooled_prior is first
    table.learn_many(keys, xs)
    assert table.pooled_prior.hyperparameters != first.hyperparameters


def test_tables_that_forget_pool_what_they_remember() -> None:
    table = Table(Decayed(Gamma(), half_life=10.0, by="time"), pool="empirical")
    rng = np.random.default_rng(3)
    keys = np.repeat(np.arange(300), 4)
    table.learn_many(keys, rng.poisson(np.repeat(rng.gamma(5, 1, 300), 4)), t=np.zeros(1200))
    early = table.pooled_prior.hyperparameters
    table.learn_many(keys, rng.poisson(np.repeat(rng.gamma(50, 1, 300), 4)), t=np.full(1200, 80.0))
    late = table.pooled_prior.hyperparameters
    assert early.shape / early.rate < 8 < 30 < late.shape / late.rate
    assert table.answers(at=200.0).mean == pytest.approx(
        np.full(300, late.shape / late.rate), rel=0.5
    )


def test_invalid_options_and_operations_are_refused() -> None:
    for pool in ("all", 1.5, Pool):
        with pytest.raises(PriorError, match="pool"):
            Table(Beta(), pool=pool)
    for refresh in (-1.0, math.nan, True, "often"):
        with pytest.raises(PriorError, match="refresh"):
            Pool(refresh=refresh)
    with pytest.raises(PriorError, match="cannot be pooled"):
        Table(Dirichlet({"a": 1, "b": 1}), pool=True)
    with pytest.raises(UnsupportedError, match="pool=True"):
        Table(Beta()).pooled_prior  # noqa: B018 - raises
    table = Table(Beta(), pool=True)
    with pytest.raises(UnsupportedError, match="roll over"):
        table.rollover()
    with pytest.raises(MergeError, match="pool differently"):
        table.merge(Table(Beta()))
    table.learn_many(range(3), [True, False, True])
    with pytest.raises(ObservationError, match="expected 3 observations"):
        table.answers().log_predictive([True])
