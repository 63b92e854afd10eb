"""Evidence and predictive probability of counts up to 1e15, by 60-digit gamma functions."""

import itertools
import math

import mpmath as mp
import numpy as np
import pytest

import seqbayes as sb
from seqbayes import likelihoods

PRIORS = [(1.0, 1.0), (0.5, 0.5), (1e-3, 2e5), (3.3e14, 1e15)]
BINOMIAL = [
    [(3, 10**6)],
    [(5 * 10**5, 10**6), (4 * 10**5, 10**6)],
    [(10**14, 10**15), (10**14 + 3 * 10**7, 10**15), (5, 10)],
    [(0, 10**15), (10**15, 10**15)],
    [(70_000, 140_001)] * 3,
]
POISSON = [
    [(10**15, 1.0)],
    [(10**15, 0.3), (10**15 + 10**8, 0.3), (2, 0.3)],
    [(10**6, 1e-3), (10**6, 7.0)],
    [(0, 1e15), (70_000, 5.0)],
]
COUNTS = [
    [(10**6, 10, 0)],
    [(5 * 10**14, 3 * 10**14, 2)] * 2,
    [(5 * 10**5, 10**6, 4), (1, 2, 3), (10**15, 0, 7)],
]


def log_beta(*alpha):
    return sum(map(mp.loggamma, alpha)) - mp.loggamma(sum(alpha))


def log_multinomial(*counts):
    return mp.loggamma(sum(counts) + 1) - sum(mp.loggamma(mp.mpf(k) + 1) for k in counts)


def check(got, wanted):
    assert float(abs(got - wanted) / max(1, abs(wanted))) < 1e-13


def check_state(state, data, wanted):
    """Compare the evidence of the data learned one at a time, all at once, and as a prediction."""
    many = state.clone()
    many.learn_many(data)
    check(many.log_evidence, wanted)
    for x in data[:-1]:
        state.learn_one(x)
    before = state.log_evidence
    step = state.log_predictive(data[-1])
    if len(data) == 1:
        check(step, wanted)
    state.learn_one(data[-1])
    check(state.log_evidence, wanted)
    assert state.log_evidence - before == pytest.approx(step, rel=1e-12, abs=1e-13 * abs(before))


@pytest.mark.parametrize(("prior", "data"), list(itertools.product(PRIORS, BINOMIAL)))
def test_binomial_evidence(prior, data):
    a, b = map(mp.mpf, prior)
    k, n = (sum(column) for column in zip(*data, strict=True))
    wanted = log_beta(a + k, b + n - k) - log_beta(a, b)
    wanted += sum(log_multinomial(k, n - k) for k, n in data)
    check_state(sb.Beta(*prior, likelihood=likelihoods.Binomial()), data, wanted)


def test_uniform_prior_makes_all_successes_equally_likely():
    belief = sb.Beta(1, 1, likelihood=likelihoods.Binomial())
    belief.learn_one((5 * 10**14, 10**15))
    assert belief.log_evidence == pytest.approx(-math.log(10**15 + 1), rel=1e-15)
    assert sb.Gamma(1e15, 1).log_predictive(10**15) == pytest.approx(-18.5349003, abs=5e-8)


def test_uniform_prior_makes_every_number_of_successes_equally_likely_at_any_size():
    rng = np.random.default_rng(7)
    for trials in np.floor(10.0 ** rng.uniform(4, 15, 300)):
        successes = math.floor(trials * rng.beta(0.3, 0.3))
        belief = sb.Beta(1, 1, likelihood=likelihoods.Binomial())
        belief.learn_many([(successes, trials)])
        assert belief.log_evidence == pytest.approx(-math.log(trials + 1), rel=1e-11)


def test_exponential_prior_makes_large_counts_geometric():
    rng = np.random.default_rng(8)
    for k in np.floor(10.0 ** rng.uniform(4, 15, 300)):
        rate = float(rng.uniform(0.1, 10) / k)
        wanted = math.log(rate) - math.log1p(rate) - k * math.log1p(rate)
        belief = sb.Gamma(1, rate)
        belief.learn_many([k])
        assert belief.log_evidence == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize("factor", [0.3, 0.9])
def test_forgetting_scales_the_log_base_measure(factor):
    data = BINOMIAL[2]
    belief = sb.Beta(0.5, 0.5, likelihood=likelihoods.Binomial())
    belief.learn_many(data)
    belief.forget(factor)
    half, f = mp.mpf(0.5), mp.mpf(factor)
    k, n = (sum(column) for column in zip(*data, strict=True))
    wanted = log_beta(half + f * k, half + f * (n - k)) - log_beta(half, half)
    wanted += f * sum(log_multinomial(k, n - k) for k, n in data)
    check(belief.log_evidence, wanted)


def test_unlearning_and_merging_large_counts():
    belief, other = (sb.Beta(likelihood=likelihoods.Binomial()) for _ in range(2))
    belief.learn_many([(10**14, 10**15), (7 * 10**5, 10**6)])
    other.learn_one((10**14 + 5, 10**15))
    belief.merge(other)
    belief.unlearn_one((10**14, 10**15))
    wanted = sb.Beta(likelihood=likelihoods.Binomial())
    wanted.learn_many([(7 * 10**5, 10**6), (10**14 + 5, 10**15)])
    assert belief.log_evidence == pytest.approx(wanted.log_evidence, rel=1e-13)


@pytest.mark.parametrize(
    ("prior", "successes", "k"),
    list(itertools.product(PRIORS, [1.0, 2.5, 1e5], [3, 10**6, 10**15])),
)
def test_negative_binomial_evidence(prior, successes, k):
    a, b, r = map(mp.mpf, (*prior, successes))
    wanted = mp.loggamma(k + r) - mp.loggamma(r) - mp.loggamma(mp.mpf(k) + 1)
    wanted += log_beta(a + r, b + k) - log_beta(a, b)
    likelihood = likelihoods.NegativeBinomial(successes)
    check_state(sb.Beta(*prior, likelihood=likelihood), [k], wanted)
    if successes == 1.0:
        check_state(sb.Beta(*prior, likelihood=likelihoods.Geometric()), [k + 1], wanted)


@pytest.mark.parametrize(
    ("prior", "data"), list(itertools.product([(1e15, 1.0), (1.0, 1.0), (1e-3, 1e5)], POISSON))
)
def test_poisson_evidence(prior, data):
    shape, rate = map(mp.mpf, prior)
    wanted = -mp.loggamma(shape) + shape * mp.log(rate)
    for k, exposure in data:
        wanted += k * mp.log(mp.mpf(exposure)) - mp.loggamma(mp.mpf(k) + 1)
        shape, rate = shape + k, rate + mp.mpf(exposure)
    wanted += mp.loggamma(shape) - shape * mp.log(rate)
    check_state(sb.Gamma(*prior, likelihood=likelihoods.Poisson(None)), data, wanted)


@pytest.mark.parametrize(
    ("alpha", "data"),
    list(itertools.product([(1, 1, 1), (0.1, 1e15, 0.2), (2e14, 5e14, 1e15)], COUNTS)),
)
def test_multinomial_evidence(alpha, data):
    before = [mp.mpf(a) for a in alpha]
    after = [a + sum(column) for a, column in zip(before, zip(*data, strict=True), strict=True)]
    wanted = log_beta(*after) - log_beta(*before) + sum(log_multinomial(*row) for row in data)
    rows = [dict(enumerate(row)) for row in data]
    state = sb.Dirichlet(list(map(float, alpha)), likelihood=likelihoods.Multinomial())
    check_state(sb.Product({"counts": state}), [{"counts": row} for row in rows], wanted)
    check_state(state, rows, wanted)


@pytest.mark.parametrize(
    ("concentration", "counts"),
    [
        (0.1, {"a": 1e8}),
        (0.1, {"a": 1e15, "b": 2.0}),
        (1e10, {"a": 3.0, "b": 1.0}),
        (0.5, {"a": 1e15, "b": 1e15}),
    ],
)
def test_evidence_of_a_dominating_label(concentration, counts):
    state = sb.DirichletProcess(concentration)
    for label, weight in counts.items():
        state.learn_one(label, weight)
    c = mp.mpf(concentration)
    wanted = len(counts) * mp.log(c) + sum(map(mp.loggamma, counts.values()))
    wanted += mp.loggamma(c) - mp.loggamma(c + sum(map(mp.mpf, counts.values())))
    check(state.log_evidence, wanted)
    closed = sb.Dirichlet({"a": 0.1, "b": 0.2})
    for label, weight in counts.items():
        closed.learn_one(label, weight)
    before = [mp.mpf(0.1), mp.mpf(0.2)]
    after = [a + counts.get(label, 0.0) for a, label in zip(before, "ab", strict=True)]
    check(closed.log_evidence, log_beta(*after) - log_beta(*before))
