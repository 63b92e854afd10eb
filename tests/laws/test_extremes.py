"""No answer is NaN or a numpy scalar, however extreme the prior."""

import math
from collections.abc import Mapping
from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest

import seqbayes as sb
from cases import ONE_CASE_PER_LIKELIHOOD

EXTREMES = (1e-300, 1e-8, 1e16, 1e300)
LEVELS = (1e-300, 0.5)


def flaws(value, path):
    """Return the paths in a value at which there is a NaN or a numpy scalar."""
    if isinstance(value, np.ndarray):
        return [f"{path} is {value!r}"] if value.ndim == 0 or np.isnan(value).any() else []
    if isinstance(value, np.generic) or (isinstance(value, float) and math.isnan(value)):
        return [f"{path} is {value!r}"]
    if isinstance(value, Mapping):
        inner = [*value, *value.values()]
    else:
        inner = value if isinstance(value, (tuple, list)) else ()
    return [flaw for each in inner for flaw in flaws(each, path)]


def answers(state, x):
    """Yield the answers of a state, each with its name."""
    yield from ((name, getattr(state, name)) for name in ("posterior", "mean", "var", "map", "mle"))
    yield "log_evidence", state.log_evidence
    for kind in ("equal-tailed", "hdi"):
        yield f"{kind} interval", state.interval(0.95, kind)
    yield from ((f"ppf({q})", state.ppf(q)) for q in LEVELS)
    yield "sample", state.sample()
    yield "log_predictive", state.log_predictive(x)
    yield "explain", tuple(state.explain(x))
    if state.likelihood.labelled or isinstance(state.predictive.mean, (Mapping, np.ndarray)):
        return
    outcome = x[0] if isinstance(x, tuple) else x
    yield "predictive mean", state.predictive.mean
    yield "predictive var", state.predictive.var
    yield "predictive cdf", state.predictive.cdf(outcome)
    yield "predictive sf", state.predictive.sf(outcome)
    if state.n_samples == 0.0:  # a search, which takes long under extreme priors
        yield "predictive median", state.predictive.ppf(0.5)


def assert_flawless(state, x):
    found = [f for name, answer in answers(state, x) for f in flaws(answer, name)]
    assert not found, f"{state!r}: {found[:3]}"


ONE_CASE_PER_STATISTIC = list(
    {
        (case.family, type(case.likelihood), case.dimension): case
        for case in ONE_CASE_PER_LIKELIHOOD
    }.values()
)
"""Without the cases that differ only in the names of features."""


@pytest.mark.parametrize("case", ONE_CASE_PER_STATISTIC, ids=lambda case: case.id)
def test_answers_are_python_numbers(case):
    xs = case.observations(4)
    if not case.dimension:  # the quantiles of covariances take a second
        assert_flawless(case.new(seed=1), xs[0])
    assert_flawless(case.new(xs, seed=1), xs[0])


SCALAR = list(
    {
        (case.family, type(case.likelihood), None in astuple(case.likelihood)): case
        for case in ONE_CASE_PER_LIKELIHOOD
        if not case.fields and not case.dimension
    }.values()
)
"""One case of each likelihood, and one whose observations have their own trials or exposure."""


@pytest.mark.parametrize("case", SCALAR, ids=lambda case: case.id)
def test_answers_are_numbers_under_extreme_priors(case):
    xs = case.observations(3)
    for name, usual in case.prior.items():
        for extreme in EXTREMES:
            value = dict.fromkeys(usual, extreme) if isinstance(usual, dict) else extreme
            prior = {**case.prior, name: value}
            if case.family is sb.NormalInverseGamma and name == "prior_mean" and extreme > 1e150:
                with pytest.raises(sb.PriorError, match="square"):
                    case.family(**prior)
                continue
            assert_flawless(case.family(**prior, likelihood=case.likelihood, seed=1), xs[0])
            learned = case.family(**prior, likelihood=case.likelihood, seed=1)
            learned.learn_many(xs)
            assert_flawless(learned, xs[0])


@pytest.mark.parametrize("known_variance", EXTREMES)
@pytest.mark.parametrize("prior_variance", EXTREMES)
def test_variances_of_extremely_different_sizes(prior_variance, known_variance):
    state = sb.Normal(0.5, prior_variance, known_variance)
    for n in range(3):
        inverse = 1 / Fraction(prior_variance) + n / Fraction(known_variance)
        mean = Fraction(1, 2) / Fraction(prior_variance) / inverse
        assert state.var == pytest.approx(float(1 / inverse), rel=1e-14, abs=0.0)
        assert state.mean == pytest.approx(float(mean), rel=1e-14, abs=1e-300)
        rounded = float(Fraction(state.mean) - mean)
        below = state.cdf(state.mean)
        assert below == 0.5 if rounded == 0.0 else (below - 0.5) * rounded >= 0.0
        spread = 1 / inverse + Fraction(known_variance)
        if spread < 10**300:
            gap = float(mean) ** 2 / float(spread)
            density = -0.5 * (math.log(math.tau) + math.log(spread) + gap)
            assert state.log_predictive(0.0) == pytest.approx(density, rel=1e-12)
        assert 0.0 <= state.prior_share <= 1.0
        assert_flawless(state, 0.0)
        state.learn_one(0.0)


@pytest.mark.parametrize("name", ["prior_variance", "known_variance"])
def test_variances_that_leave_no_room_for_smaller_ones_are_rejected(name):
    with pytest.raises(sb.PriorError, match=f"expected {name} >= 1e-300"):
        sb.Normal(**{name: 5e-324})


@pytest.mark.parametrize("one", [1e-300, 1e-20, 1e-3, 1.0, 1e15])
@pytest.mark.parametrize("other", [1e-300, 1e-20, 1e-3, 1.0, 1e15])
def test_divergence_from_itself_is_zero(one, other):
    for state in (
        sb.Beta(one, other),
        sb.Gamma(one, other),
        sb.NormalInverseGamma(0.5, one, other, 1.0),
        sb.Dirichlet([one, other, 1.0]),
        sb.DirichletProcess(one, {"a": other}),
    ):
        assert abs(state.kl(state)) < 1e-12, state
