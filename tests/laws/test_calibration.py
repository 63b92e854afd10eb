"""Simulation-based calibration: over draws from the prior, probabilities of a
posterior equal frequencies.

The seeds are fixed and the tests of uniformity are at 1e-6, so that a failure is a wrong posterior.

References
----------
Talts, S. et al. (2018). Validating Bayesian inference algorithms with simulation-based calibration.
"""

import functools
import zlib

import numpy as np
import pytest
import scipy.stats as st

import seqbayes as sb
from cases import ONE_CASE_PER_LIKELIHOOD, entries
from oracles import PRIOR_DRAWS

SIMULATIONS = 200
CASES = [
    case
    for case in ONE_CASE_PER_LIKELIHOOD
    if case.family.__name__ in PRIOR_DRAWS and not getattr(case.likelihood, "features", None)
]
every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def generator(case, salt):
    return np.random.default_rng([zlib.crc32(case.id.encode()), salt])


@functools.cache
def simulated(case):
    """Return what `simulate` yields for four observations."""
    return list(simulate(case, 4, generator(case, 1)))


def simulate(case, n, rng):
    """Yield parameter values from the prior, a state after `n` observations, and another one."""
    for theta in PRIOR_DRAWS[case.family.__name__](case.prior, rng, SIMULATIONS):
        state = case.new(seed=int(rng.integers(2**31)))
        drawn = case.likelihood.sample(state.observation_parameter(theta), rng, n + 1)
        *xs, x = case.observed(drawn)
        state.learn_many(xs)
        yield theta, state, x


def assert_uniform(values, law, case, suspects):
    counts, _ = np.histogram(values, bins=15, range=(0.0, 1.0))
    p = st.chisquare(counts).pvalue
    assert p > 1e-6, (
        f"{law} fails for {case.id}: p = {p:.1g}, counts {counts.tolist()}\nsuspects: {suspects}"
    )


def parts(value, state):
    """Return the numbers of an estimate, or of draws of it, in the order of the components."""
    return list(entries(named(value, state.mean), state.mean).values())


def named(value, like):
    """Return an estimate whose tuples have the field names of another one."""
    if isinstance(like, dict):
        return {name: named(inner, like[name]) for name, inner in value.items()}
    return type(like)(*value) if hasattr(like, "_asdict") else value


@every
def test_posterior_tails_are_uniform(case):
    ranks = [parts(state.cdf(theta), state) for theta, state, _ in simulated(case)]
    for column in zip(*ranks, strict=True):
        assert_uniform(column, "calibration", case, "combine, statistic, posterior cdf")


@every
def test_posterior_ranks_are_uniform(case):
    ranks, rng = [], generator(case, 2)
    for theta, state, _ in simulated(case):
        draws, numbers = parts(state.sample(59), state), parts(theta, state)
        below = [np.sum(np.asarray(d) < t) for d, t in zip(draws, numbers, strict=True)]
        ranks.append([(b + rng.random()) / 60 for b in below])
    for column in zip(*ranks, strict=True):
        assert_uniform(column, "calibration of draws", case, "sample")


@every
def test_predictive_tails_are_uniform(case):
    """The next observation falls into each part of the predictive with its probability."""
    ranks, rng = [], generator(case, 3)
    for _, state, x in simulated(case):
        x = x[0] if isinstance(x, tuple) else x
        ranks.append(list(tails(state.predictive, x, rng)))
    for column in zip(*ranks, strict=True):
        assert_uniform(column, "predictive calibration", case, "predictive.cdf")


def tails(predictive, x, rng):
    """Yield the predictive probability below `x`, for every field."""
    if isinstance(predictive, sb.predictive.Product):
        for name, field in predictive.fields.items():
            yield from tails(field, x[name], rng)
        return
    if isinstance(predictive, sb.distributions.MultivariateT):
        yield from predictive.cdf(list(x.values()) if isinstance(x, dict) else x)
        return
    if isinstance(predictive, sb.predictive.DirichletMultinomial):
        label, *_ = predictive.alpha
        first, *rest = predictive.alpha.values()
        predictive = sb.predictive.BetaBinomial(predictive.trials, first, sum(rest))
        x = x[label]
    if isinstance(predictive, sb.predictive.Hurdle):
        yield predictive.cdf(x) - rng.random() * predictive.zero * (x == 0.0)
        return
    if hasattr(predictive, "probabilities"):
        shares = predictive.probabilities
        before = sum(p for label, p in list(shares.items())[: list(shares).index(x)])
        yield before + rng.random() * shares[x]
    elif predictive.discrete:
        yield predictive.cdf(x) - rng.random() * predictive.p(x)
    else:
        yield predictive.cdf(x)


@every
def test_predictive_draws_are_distributed_like_observations(case):
    """Draws of the predictive are distributed as observations of a parameter from the prior."""
    drawn, made, rng = [], [], generator(case, 4)
    for _, state, x in simulate(case, 0, rng):
        drawn.append(keys(case, state.predictive.sample(rng=rng)))
        made.append(keys(case, x[0] if isinstance(x, tuple) else x))
    for ones, others in zip(zip(*drawn, strict=True), zip(*made, strict=True), strict=True):
        assert_alike(ones, others, case)


def assert_alike(drawn, made, case):
    levels = sorted(set(drawn) | set(made))
    if len(levels) > 20:
        p = st.ks_2samp(drawn, made).pvalue
    else:
        table = np.array([[values.count(v) for v in levels] for values in (drawn, made)])
        p = st.chi2_contingency(table).pvalue
    assert p > 1e-6, f"draws of the predictive of {case.id}: p = {p:.1g}; suspects: sample"


def keys(case, x):
    """Return a number by which observations are sorted and counted, for every field."""
    if case.fields:
        if not isinstance(x, dict):
            return [x]
        return [key for name, inner in case.fields.items() for key in keys(inner, x[name])]
    if case.dimension:
        return list(x.values()) if isinstance(x, dict) else list(x)
    return [next(iter(x.values())) if isinstance(x, dict) else x]
