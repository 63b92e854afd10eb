"""Tails, quantiles, entropies and divergences of every family agree with each other and with draws.

The exact values at hard parameters are in tests/numerics, against mpmath.
"""

import math
from collections.abc import Mapping

import numpy as np
import pytest

import seqbayes as sb
from cases import CASES, ONE_CASE_PER_LIKELIHOOD, agree, each_of

DRAWS = 200
SUSPECTS = "belief().entropy, kl, logcdf, logsf, ppf, isf"


def learned(case):
    state = case.new(seed=3)
    state.learn_many(case.observations(6))
    return state


def numbers(answer):
    """Return the numbers of an answer in a fixed order."""
    if isinstance(answer, Mapping):
        return [x for key in answer for x in numbers(answer[key])]
    if isinstance(answer, tuple):
        return [x for each in answer for x in numbers(each)]
    return np.ravel(np.asarray(answer, float)).tolist()


@each_of(CASES)
def test_logarithms_of_tails_agree_with_the_tails(case):
    state = learned(case)
    theta = state.ppf(0.3)
    for tail, log_tail in ((state.cdf, state.logcdf), (state.sf, state.logsf)):
        wanted = [math.log(p) if p > 0.0 else -math.inf for p in numbers(tail(theta))]
        agree("log tail", case, SUSPECTS, numbers(log_tail(theta)), wanted, rel=1e-9, absolute=1e-9)


@each_of(CASES)
def test_quantiles_at_levels_their_logarithms_and_complements_agree(case):
    state = learned(case)
    wanted = numbers(state.ppf(0.2))
    scale = 1e-8 * max(map(abs, wanted))
    for got in (
        state.ppf(math.log(0.2), log=True),
        state.isf(0.8),
        state.isf(math.log(0.8), log=True),
    ):
        agree("quantiles", case, SUSPECTS, numbers(got), wanted, rel=1e-8, absolute=scale)


@each_of(ONE_CASE_PER_LIKELIHOOD)
def test_entropy_and_divergence_are_expected_log_densities(case):
    state, other = learned(case), learned(case)
    other.learn_many(case.observations(6))
    try:
        state.entropy(), state.kl(other)
    except sb.UnsupportedError as error:
        pytest.skip(str(error))
    draws = [state.sample() for _ in range(DRAWS)]
    mine = np.array([state.logpdf(theta) for theta in draws])
    theirs = np.array([other.logpdf(theta) for theta in draws])
    for got, terms in ((state.entropy(), -mine), (state.kl(other), mine - theirs)):
        if not np.all(np.isfinite(terms)):  # the other density is 0 where this one is not
            assert got == math.inf
            continue
        tolerance = 5.0 * terms.std() / math.sqrt(DRAWS) + 1e-9
        assert got == pytest.approx(terms.mean(), abs=tolerance)
    assert state.kl(state) == pytest.approx(0.0, abs=1e-12)
    assert state.kl(other) > 0.0


@each_of(ONE_CASE_PER_LIKELIHOOD)
def test_the_divergence_between_nearly_equal_beliefs_is_not_negative(case):
    state, x = learned(case), case.observations(1)[0]
    for weight in (1e-15, 1e-12, 1e-10, 1e-8):
        other = state.clone(include_attributes=True)
        try:
            other.learn_one(x, weight)
            assert state.kl(other) >= 0.0
            assert other.kl(state) >= 0.0
        except sb.UnsupportedError as error:
            pytest.skip(str(error))


@each_of(CASES)
def test_explanations_in_logarithms_and_in_densities_agree(case):
    state, x = learned(case), case.observations(1)[0]
    densities, logs = state.explain(x), state.explain(x, log=True)
    assert logs.prior + logs.likelihood - logs.evidence == pytest.approx(logs.posterior, abs=1e-8)
    for name in ("prior", "likelihood", "evidence", "posterior"):
        wanted = math.exp(getattr(logs, name))
        assert getattr(densities, name) == pytest.approx(wanted, rel=1e-9)


def test_the_evidence_of_an_explanation_does_not_underflow_in_logarithms():
    step = sb.Gamma(1e3, 1e-3).explain(0, log=True)
    assert step.evidence == pytest.approx(-1e3 * math.log1p(1e3), rel=1e-13)
