"""The sequential test of expected values of numbers that are often 0."""

import json
import math
from itertools import product

import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad
from scipy.optimize import differential_evolution, minimize, minimize_scalar

from seqbayes import (
    Gamma,
    Hurdle,
    Normal,
    NormalInverseGamma,
    PriorError,
    UnsupportedError,
)
from seqbayes.compare import Gate, compare, decide, plan
from seqbayes.compare.revenue import Revenue, log_e_values, revenue_of
from seqbayes.likelihoods import Exponential, InverseGamma, LogNormal, Pareto, Weibull

PRIOR = ((0.0, 0.4), (1.0, 0.5), (4.0, 0.1))
"""The prior on a log ratio, which the tests state independently."""

EXPONENTIAL = Hurdle(Gamma(1, 1, likelihood=Exponential()))
WEIBULL = Hurdle(Gamma(1, 1, likelihood=Weibull(2.0)))
KNOWN = Hurdle(Normal(known_variance=1.0, likelihood=LogNormal()))
UNKNOWN = Hurdle(NormalInverseGamma(likelihood=LogNormal()))


def sample(kind, xs, n, constant=1.0):
    """Return the data of an arm with these amounts."""
    xs = np.asarray(xs, float)
    if kind == "scale":
        return Revenue(n, len(xs), float(len(xs)), (xs**constant).sum(), kind, constant)
    logs = np.log(xs)
    mean = logs.mean() if len(xs) else 0.0
    return Revenue(n, len(xs), mean, ((logs - mean) ** 2).sum(), kind, constant)


def averaged(log_likelihood, effect, centre):
    """Return the log of the average over the prior on a log ratio, by adaptive quadrature."""
    found = 0.0
    top = log_likelihood(centre)
    for spread, weight in PRIOR:
        if spread == 0.0:
            found += weight * math.exp(log_likelihood(0.0) - top)
            continue
        scale = spread * effect

        def integrand(x, scale=scale):
            return math.exp(log_likelihood(x) - top) * st.norm.pdf(x, 0.0, scale)

        points = sorted({-scale, 0.0, scale, centre})
        found += weight * quad(integrand, -12.0, 12.0, points=points, limit=500)[0]
    return top + math.log(found)


def conditional(successes, total, mine, theirs):
    """Return the log likelihood of a log ratio given the total of both arms."""
    return lambda x: successes * x - total * np.logaddexp(x + math.log(mine), math.log(theirs))


@pytest.mark.parametrize(("power", "n", "m"), [(1.0, 3, 5), (2.0, 40, 30), (-1.0, 12, 7)])
def test_e_values_of_scales_are_those_of_adaptive_quadrature(power, n, m, rng):
    mine = sample("scale", rng.exponential(2.0, n), 300, power)
    theirs = sample("scale", rng.exponential(1.5, m), 250, power)
    share = conditional(n, n + m, 300, 250)
    rates = conditional(n, n + m, mine.b, theirs.b)

    def amounts(gamma):  # the log ratio of mean amounts
        return rates(-power * gamma)

    shares = math.log(n / m * 250 / 300)
    means = math.log(mine.b / n / (theirs.b / m)) / power
    average = averaged(share, 0.2, shares) + averaged(amounts, 0.2, means)

    def largest(function, *bounds):
        best = minimize_scalar(
            lambda x: -function(x), bounds=bounds, method="bounded", options={"xatol": 1e-12}
        )
        return -best.fun

    tied = largest(lambda x: share(x) + amounts(-x), *sorted((shares - 1e-9, -means)))
    free = share(shares) + amounts(means)
    expected = [average - tied, average - free]
    if shares + means < 0.0:
        expected.reverse()
    assert log_e_values(mine, theirs, 0.2) == pytest.approx(expected, rel=1e-7, abs=1e-7)


def deviations(theta, mine, theirs):
    """Return the log likelihood of (log deviations, difference of means) of logarithms."""
    a, b, x = theta
    arms = ((a, mine), (b, theirs))
    found = sum(-(y.paid - 1) * s - y.b / 2 * math.exp(-2 * s) for s, y in arms)
    variance = sum(math.exp(2 * s) / y.paid for s, y in arms)
    return found - math.log(variance) / 2 - (mine.a - theirs.a - x) ** 2 / 2 / variance


@pytest.mark.parametrize(("n", "m"), [(2, 1), (3, 3), (2, 30), (25, 18), (300, 340)])
def test_denominators_of_log_normal_amounts_are_the_largest_likelihoods(n, m, rng):
    mine = sample("student", rng.lognormal(3.0, 0.6, n), 500)
    theirs = sample("student", rng.lognormal(2.4, 1.3, m), 520)
    share = conditional(n, n + m, 500, 520)

    def lost(theta):  # shares and amounts of equal expected values
        a, b, x = theta
        means = -x - (math.exp(2 * a) - math.exp(2 * b)) / 2
        return -share(x) - deviations((a, b, means), mine, theirs)

    def lost_by_amounts(theta):
        return -deviations((*theta, mine.a - theirs.a), mine, theirs)

    ends, options = [(-16.0, 4.0)] * 2, {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000}
    least = []
    for function, bounds in ((lost, [*ends, (-8.0, 8.0)]), (lost_by_amounts, ends)):
        near = [
            differential_evolution(function, bounds, seed=seed, maxiter=400, popsize=20).x
            for seed in range(3)  # there are several local minima if amounts are few
        ]
        found = [minimize(function, x, method="Nelder-Mead", options=options).fun for x in near]
        least.append(min(found))
    free = -share(math.log(n / m * 520 / 500)) + least[1]
    found = log_e_values(mine, theirs, 0.2)
    # both e-values have the same numerator
    assert abs(found[0] - found[1]) == pytest.approx(least[0] - free, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("n", "m"), [(1, 2), (4, 6), (60, 50)])
def test_numerators_of_log_normal_amounts_are_averages_over_the_prior(n, m, rng):
    from seqbayes.compare.log_amounts import Logarithms, log_average

    mine = sample("student", rng.lognormal(3.0, 0.6, n), 500)
    theirs = sample("student", rng.lognormal(2.4, 1.1, m), 500)
    parts = []
    for width, weight in ((0.08, 0.75), (0.5, 0.25)):
        c, r = np.linspace(-7.0, 5.0, 1201)[:, None], np.linspace(-8 * width, 8 * width, 401)
        a, b = c + r / 2, c - r / 2
        variance = np.exp(2 * a) / n + np.exp(2 * b) / m
        densities = sum(
            w * st.norm.pdf(mine.a - theirs.a, 0.0, np.sqrt(variance + (s * 0.2) ** 2))
            for s, w in PRIOR
        )
        logs = np.log(densities * math.sqrt(2 * math.pi))
        logs += st.norm.logpdf(c, -0.2, 0.8) + st.norm.logpdf(r, 0.0, width)
        for s, y in ((a, mine), (b, theirs)):
            logs -= (y.paid - 1) * s + y.b / 2 * np.exp(-2 * s)
        cell = (12.0 / 1200) * (16 * width / 400)
        parts.append(math.log(weight * cell) + logs.max() + np.log(np.exp(logs - logs.max()).sum()))
    logarithms = (Logarithms(y.paid, y.a, y.b) for y in (mine, theirs))
    found = log_average(*logarithms, [s * 0.2 for s, _ in PRIOR])
    assert found == pytest.approx(np.logaddexp(*parts), abs=1e-5)


@pytest.mark.parametrize(("p", "q"), [(0.1, 0.1), (0.3, 0.6), (0.9, 0.5), (0.02, 0.5)])
def test_mean_e_values_are_at_most_one_at_equal_expected_values(p, q):
    n, m = 5, 3
    gamma = math.log(q / p)  # so that the products of share and mean amount are equal
    means = np.zeros(2)
    for k, j in product(range(n + 1), range(m + 1)):
        chance = st.binom(n, p).pmf(k) * st.binom(m, q).pmf(j)
        if min(k, j) == 0:
            means += chance  # no evidence
            continue
        gaps = st.norm(gamma, math.sqrt(1.0 / k + 1.0 / j))
        x = gaps.mean() + gaps.std() * np.linspace(-8.0, 8.0, 81)
        weights = gaps.pdf(x) * (x[1] - x[0])
        each = [
            np.exp(
                log_e_values(
                    Revenue(n, k, gap, 0.0, "normal", 1.0),
                    Revenue(m, j, 0.0, 0.0, "normal", 1.0),
                    0.5,
                )
            )
            for gap in x
        ]
        means += chance * (weights @ np.array(each))
    assert (means <= 1.0 + 1e-9).all()


def experiment(rng, kind, rates, means, spreads, visitors, looks):
    """Yield the data of both arms at each look."""
    paid = [np.empty(0), np.empty(0)]
    for look in range(1, looks + 1):
        found = []
        for arm, (p, mean, spread) in enumerate(zip(rates, means, spreads, strict=True)):
            more = rng.binomial(visitors, p)
            if kind == "scale":
                xs = rng.exponential(mean, more)
            else:
                xs = rng.lognormal(math.log(mean) - spread**2 / 2, spread, more)
            paid[arm] = np.concatenate([paid[arm], xs])
            constant = spread**2 if kind == "normal" else 1.0
            found.append(sample(kind, paid[arm], visitors * look, constant))
        yield found


@pytest.mark.parametrize("kind", ["scale", "normal", "student"])
def test_equal_revenues_are_rarely_called_different(kind, rng):
    stopped = 0
    for p in (0.002, 0.05, 0.5):
        for _ in range(20):
            # fewer purchases for larger amounts, whose spread differs
            looks = experiment(rng, kind, (p, p / 1.6), (20.0, 32.0), (0.7, 1.2), 600, 8)
            largest = max(log_e_values(*pair, 0.2).max() for pair in looks)
            stopped += largest >= math.log(1 / 0.05)
    assert stopped <= 3  # 5 % of 60


@pytest.mark.parametrize("kind", ["scale", "normal", "student"])
def test_e_values_do_not_depend_on_the_unit_or_the_order(kind, rng):
    xs, ys = rng.lognormal(3.0, 1.0, 80), rng.lognormal(3.4, 0.8, 60)
    expected = log_e_values(sample(kind, xs, 900), sample(kind, ys, 700), 0.2)
    for unit in (1e-6, 1e12):
        found = log_e_values(sample(kind, unit * xs, 900), sample(kind, unit * ys, 700), 0.2)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)
    turned = log_e_values(sample(kind, ys, 700), sample(kind, xs, 900), 0.2)
    assert turned[::-1] == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("state", [EXPONENTIAL, WEIBULL, KNOWN, UNKNOWN])
def test_arms_without_evidence_have_no_winner(state):
    few = [
        ([0.0] * 1000, [0.0] * 900 + [5.0, 7.0] * 50),  # no purchases in one arm
        ([0.0] * 1000 + [9.0], [0.0] * 900 + [4.0]),
        ([], []),
        ([0.0] * 100 + [9.99] * 50, [0.0] * 100 + [9.99] * 50),  # equal amounts
        ([0.0] * 10 + [1e12], [0.0] * 10 + [1e-6]),
    ]
    for pair in few:
        states = dict(zip("ab", (state.clone(), state.clone()), strict=True))
        for name, xs in zip("ab", pair, strict=True):
            states[name].learn_many(xs)
        found = decide(states)
        assert (found.best, found.guarantee) == (None, "anytime-valid")
        assert 0.05 < found.p_value <= 1.0


@pytest.mark.parametrize("kind", ["scale", "normal", "student"])
def test_a_billion_visitors(kind):
    n, paid = 1e9, 5e7
    arms = []
    for factor in (1.0, 1.01):
        mean = math.log(20.0 * factor)
        a, b = (paid, paid * 20.0 * factor) if kind == "scale" else (mean, paid)
        arms.append(Revenue(n, paid, a, b, kind, 1.0))
    larger, smaller = log_e_values(*arms, 0.2)
    assert larger < 0.0 < 40.0 < smaller < math.inf


@pytest.mark.parametrize("state", [EXPONENTIAL, WEIBULL, KNOWN, UNKNOWN])
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_best_of_three_arms_is_found(state, better, rng):
    gate = Gate(state, ["high", "low", "other"], better=better)
    for name in gate.names:
        xs = rng.lognormal(3.0, 0.5, 40_000)
        gate.learn_many(
            name, np.where(rng.random(40_000) < (0.1 if name == "high" else 0.05), xs, 0)
        )
    found = gate.decision()
    assert found.best == ("high" if better == "higher" else None)
    if found.best:
        assert min(found.e_values["high"].values()) >= 2 / 0.05
        assert (found.p_value <= 0.05, found.more) == (True, 0.0)
    restored = Gate.from_dict(json.loads(json.dumps(gate.to_dict())))
    assert restored.decision() == found


def test_comparisons_use_the_test(rng):
    states = {"A": UNKNOWN.clone(), "B": UNKNOWN.clone()}
    for name, p in (("A", 0.05), ("B", 0.2)):
        xs = rng.lognormal(3.0, 1.0, 4000)
        states[name].learn_many(np.where(rng.random(4000) < p, xs, 0.0))
    found = compare(states, alpha=0.05)
    assert found.decision.best == found.best == "B"
    assert found.guarantees["decision"] == "anytime-valid"
    assert decide(states).e_values == found.decision.e_values


@pytest.mark.parametrize(
    "amount",
    [
        Gamma(2, 2, likelihood=Pareto(1.0)),  # the mean is no power of the parameter
        Gamma(2, 2, likelihood=InverseGamma(0.9)),  # no finite mean
        NormalInverseGamma(),  # may be negative
    ],
)
def test_amounts_without_a_test_have_no_guarantee(amount):
    found = decide({"a": Hurdle(amount), "b": Hurdle(amount)})
    assert found.guarantee == "none"
    assert "test the share of observations" in found.reason


def test_weighted_amounts_have_no_guarantee():
    first = EXPONENTIAL.clone()
    first.learn_one(3.0, w=0.5)
    assert "weights" in decide({"a": first, "b": EXPONENTIAL.clone()}).reason


def test_different_known_variances_have_no_guarantee():
    states = [
        Hurdle(Normal(known_variance=variance, likelihood=LogNormal())) for variance in (1.0, 3.0)
    ]
    assert "known variances differ" in decide(dict(enumerate(states))).reason


def test_data_of_states(rng):
    state = WEIBULL.clone()
    state.learn_many([0.0, 2.0, 0.0, 3.0])
    assert revenue_of(state) == (4.0, 2.0, 2.0, 13.0, "scale", 2.0)


@pytest.mark.parametrize("state", [EXPONENTIAL, KNOWN])
def test_planned_numbers_lead_to_a_decision_with_the_given_probability(state, rng):
    values = {"a": (0.05, 20.0), "b": (0.08, 20.0)}
    kind = "scale" if state is EXPONENTIAL else "normal"
    planned = plan(state, values)
    assert plan(state, values, better="lower") == pytest.approx(planned, rel=1e-6)
    assert plan(state, {"a": (0.05, 2.0), "b": (0.05, 2.0)}) is None
    decided = 0
    for _ in range(60):
        looks = experiment(
            rng, kind, (0.05, 0.08), (20.0, 20.0), (1.0, 1.0), round(planned / 2 / 8), 8
        )
        decided += max(log_e_values(*pair, 0.2).max() for pair in looks) >= math.log(1 / 0.05)
    assert 0.65 < decided / 60 < 0.95


def test_invalid_plans_are_refused():
    with pytest.raises(PriorError, match="the share and the mean"):
        plan(EXPONENTIAL, {"a": 0.05, "b": 0.06})
    with pytest.raises(UnsupportedError, match="known_variance"):
        plan(UNKNOWN, {"a": (0.05, 20.0), "b": (0.06, 20.0)})
