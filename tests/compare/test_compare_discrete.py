"""Quantiles of whole numbers and of labels are compared exactly: sums over all of their values.

The expected values are sums of 40-digit probabilities. A quantile is at most k where the parameter
is on one side of a limit, at which the observation is at most k with the given probability.
"""

import itertools
import math

import mpmath as mp
import numpy as np
import pytest
from scipy.special import betaincinv, gammainccinv

from seqbayes import Beta, Dirichlet, DirichletProcess, Gamma, Hurdle, Normal
from seqbayes.compare import compare, compare_many, number_of, p_best
from seqbayes.errors import PriorError
from seqbayes.likelihoods import (
    Binomial,
    Exponential,
    Geometric,
    Multinomial,
    NegativeBinomial,
    Poisson,
)


def beta_below(a, b, x):
    return mp.betainc(a, b, 0, x, regularized=True)


def gamma_below(shape, rate, x):
    return mp.gammainc(shape, 0, rate * x, regularized=True)


def root(function, near):
    return mp.findroot(function, mp.mpf(float(near)), tol=1e-50, verify=False)


# each: the state of two numbers, the limit of k, and P(Q <= k) for the limit
def poisson(p, exposure=2):
    def at_most(pair, k):
        near = gammainccinv(k + 1, float(p))
        limit = root(lambda x: mp.gammainc(k + 1, x, mp.inf, regularized=True) - p, near)
        return gamma_below(pair[0], mp.mpf(pair[1]) / exposure, limit)

    return lambda *pair: Gamma(*pair, likelihood=Poisson(exposure=exposure)), at_most, 0


def binomial(p, trials=12):
    def at_most(pair, k):
        if k >= trials:
            return mp.mpf(1)
        near = betaincinv(k + 1, trials - k, float(1 - p))
        limit = root(lambda x: beta_below(k + 1, trials - k, x) - (1 - p), near)
        return beta_below(*pair, limit)

    return lambda *pair: Beta(*pair, likelihood=Binomial(trials=trials)), at_most, 0


def geometric(p, start=1):
    def at_most(pair, k):
        limit = 1 - (1 - p) ** (mp.mpf(1) / (k - start + 1))
        return 1 - beta_below(*pair, limit)

    return lambda *pair: Beta(*pair, likelihood=Geometric(start=start)), at_most, start


def negative_binomial(p, successes=2):
    def at_most(pair, k):
        near = betaincinv(successes, k + 1, float(p))
        limit = root(lambda x: beta_below(successes, k + 1, x) - p, near)
        return 1 - beta_below(*pair, limit)

    likelihood = NegativeBinomial(successes=successes)
    return lambda *pair: Beta(*pair, likelihood=likelihood), at_most, 0


# the last pair of each has a probability below 1e-15
CASES = {
    "Poisson": (poisson, [((9, 8), (14, 9)), ((300, 400), (500, 250))], 40),
    "Binomial": (binomial, [((5, 9), (12, 10)), ((5, 70), (90, 30))], 12),
    "Geometric": (geometric, [((30, 20), (40, 60)), ((190, 20), (70, 130))], 60),
    "NegativeBinomial": (negative_binomial, [((40, 20), (60, 70)), ((190, 20), (80, 190))], 60),
}


def masses(at_most, pair, start, last):
    """Return P(Q = k) for k = start, ..., last."""
    tails = [mp.mpf(0), *(at_most(pair, k) for k in range(start, last + 1))]
    return {k: b - a for k, (a, b) in enumerate(itertools.pairwise(tails), start)}


def quantile(values, q):
    """Return the smallest value with at least this probability, from pairs of both."""
    total = mp.mpf(0)
    for value, probability in sorted(values, key=lambda each: each[0]):
        total += probability
        if total >= q:
            return value
    raise AssertionError


def ratio(a, b):
    if a == b:
        return 1.0
    return a / b if b else math.inf


@pytest.mark.parametrize("name", CASES)
def test_quantiles_of_counts_are_compared_exactly(name):
    make, pairs, last = CASES[name]
    p = mp.mpf(0.9)
    state, at_most, start = make(p)
    for pair in pairs:
        first, second = (masses(at_most, each, start, last) for each in pair)
        joint = [(a, b, x * y) for a, x in first.items() for b, y in second.items()]
        found = compare(dict(zip("ab", (state(*each) for each in pair), strict=True)), quantity=0.9)
        expected = {
            "a": mp.fsum(m for a, b, m in joint if a > b),
            "b": mp.fsum(m for a, b, m in joint if b > a),
        }
        for arm, probability in expected.items():
            assert float(abs(found.p_best[arm] / probability - 1)) < 1e-10
        tie = mp.fsum(m for a, b, m in joint if a == b)
        assert found.p_tie == pytest.approx(float(tie), rel=1e-9, abs=1e-9)
        losses = {
            "a": mp.fsum(m * max(b - a, 0) for a, b, m in joint),
            "b": mp.fsum(m * max(a - b, 0) for a, b, m in joint),
        }
        for arm, loss in losses.items():
            assert float(abs(found.loss[arm] / loss - 1)) < 1e-9
        reference = found.best
        (difference,) = found.differences.values()
        mean = mp.fsum(m * (a - b) for a, b, m in joint) * (1 if reference == "b" else -1)
        assert difference.mean == pytest.approx(float(mean), rel=1e-9)
        assert difference.p_equivalent == pytest.approx(float(tie), rel=1e-10)
        sides = [(a, b, m) if reference == "b" else (b, a, m) for a, b, m in joint]
        for end, q in zip(difference.interval, (0.025, 0.975), strict=True):
            assert end == quantile([(a - b, m) for a, b, m in sides], q)
        lifts = (difference.lift, *difference.lift_interval)
        ratios = [(ratio(a, b), m) for a, b, m in sides]
        for lift, q in zip(lifts, (0.5, 0.025, 0.975), strict=True):
            assert 1 + lift == pytest.approx(quantile(ratios, q))


def test_quantiles_of_ratings_are_compared_exactly():
    stars = [
        Dirichlet({1: 2.0, 2: 3.0, 4: 5.0, 5: 9.0}),
        Dirichlet({1: 3.0, 2: 6.0, 4: 4.0, 5: 2.0}),
    ]
    # the sums of the weights of the labels up to 1, 2, 4 and 5
    sums = [(2, 5, 10, 19), (3, 9, 13, 15)]
    at_most = [
        [1 - beta_below(a, each[-1] - a, mp.mpf(0.4)) for a in each[:-1]] + [mp.mpf(1)]
        for each in sums
    ]
    first, second = (
        dict(zip((1, 2, 4, 5), (b - a for a, b in itertools.pairwise([0, *each])), strict=True))
        for each in at_most
    )
    joint = [(a, b, x * y) for a, x in first.items() for b, y in second.items()]
    found = compare(stars, quantity=0.4, control=1, equivalence=1.0)
    assert found.p_best[0] == pytest.approx(float(mp.fsum(m for a, b, m in joint if a > b)))
    assert found.p_best[1] == pytest.approx(float(mp.fsum(m for a, b, m in joint if b > a)))
    assert found.loss[1] == pytest.approx(float(mp.fsum(m * max(a - b, 0) for a, b, m in joint)))
    near = float(mp.fsum(m for a, b, m in joint if abs(a - b) <= 1))
    assert found.differences[0].p_equivalent == pytest.approx(near)
    ends = [quantile([(a - b, m) for a, b, m in joint], q) for q in (0.025, 0.975)]
    assert list(found.differences[0].interval) == ends
    # labels of another type, such as those of a CSV file, are the same numbers
    text = [
        Dirichlet({str(label): weight for label, weight in state.alpha.items()}) for state in stars
    ]
    assert compare(text, quantity=0.4, control=1, equivalence=1.0).p_best == found.p_best


def test_several_arms_share_the_first_place_or_one_is_best():
    arms = [Beta(a, 40, likelihood=Binomial(trials=6)) for a in (18, 20, 22)]
    each = [number_of(arm, quantity=0.5) for arm in arms]
    mass = [[number.pmf(k) for k in range(7)] for number in each]
    best, loss = [0.0] * 3, [0.0] * 3
    for values in itertools.product(range(7), repeat=3):
        probability = math.prod(row[k] for row, k in zip(mass, values, strict=True))
        for i, value in enumerate(values):
            best[i] += probability * (values.count(min(values)) == 1 and value == min(values))
            loss[i] += probability * (value - min(values))
    losses = [[] for _ in arms]
    for values in itertools.product(range(7), repeat=3):
        probability = math.prod(row[k] for row, k in zip(mass, values, strict=True))
        for each, value in zip(losses, values, strict=True):
            each.append((value - min(values), probability))
    found = compare(arms, quantity=0.5, better="lower")
    for i, each in enumerate(losses):
        assert list(found.loss_interval[i]) == [quantile(each, q) for q in (0.025, 0.975)]
    assert list(found.p_best.values()) == pytest.approx(best, rel=1e-12)
    assert list(found.loss.values()) == pytest.approx(loss, rel=1e-12)
    assert found.p_tie == pytest.approx(1.0 - math.fsum(best), rel=1e-12)
    same = [Beta(500, 500, likelihood=Binomial(trials=2)) for _ in range(2)]
    assert compare(same, quantity=0.5).verdict == "equivalent"  # both are 1


def test_a_quantile_of_counts_is_a_distribution():
    waits = Beta(12, 90, likelihood=Geometric(start=0))
    number = number_of(waits, quantity=0.75)
    k = np.arange(20_000)
    mass = number.pmf(k)
    assert math.fsum(mass[:400]) == pytest.approx(1.0 - number.sf(399), rel=1e-13)
    mean = math.fsum(k * mass)
    assert number.mean == pytest.approx(mean, rel=1e-12)
    assert number.var == pytest.approx(math.fsum((k - mean) ** 2 * mass), rel=1e-9)
    assert number.pmf(number.mode) == mass.max()
    low, high = number.interval(0.9)
    assert number.cdf(low - 1) < 0.05 <= number.cdf(low)
    assert number.sf(high) <= 0.05 < number.sf(high - 1)
    few = number_of(Beta(1.5, 9, likelihood=Geometric()), quantity=0.5)
    assert few.mean < few.var == math.inf
    assert number_of(Beta(0.5, 9, likelihood=Geometric()), quantity=0.5).mean == math.inf


@pytest.mark.parametrize(
    ("beliefs", "message"),
    [
        ([Beta(2, 3)] * 2, "False or True"),
        ([Beta(2, 3, likelihood=Binomial())] * 2, "number of trials, which varies"),
        ([Dirichlet({"red": 1, "blue": 2})] * 2, "quantiles need labels that are all known"),
        ([DirichletProcess(1.0, {1: 2.0})] * 2, "not known"),
        ([Dirichlet({1: 0.0, 2: 0.0}, likelihood=Multinomial())] * 2, "improper"),
        ([Beta(1, 9, likelihood=Geometric())] * 2, "too many values"),
        ([Gamma(1e6, 1e-2)] * 2, "too many values"),
        ([Gamma(3, 1), Gamma(3, 1, likelihood=Exponential())], "the same kind"),
        ([Hurdle(Normal(3, 2, 1))] * 2, "may be negative"),
    ],
)
def test_a_quantile_that_cannot_be_compared_is_refused_with_the_reason(beliefs, message):
    with pytest.raises(PriorError, match=message):
        compare(beliefs, quantity=0.9)


def test_discrete_numbers_are_compared_one_at_a_time():
    number = number_of(Gamma(30, 10), quantity=0.9)
    assert p_best({"a": number, "b": number_of(Gamma(60, 10), quantity=0.9)})["b"] > 0.9
    with pytest.raises(PriorError, match="continuous"):
        compare_many({"a": number, "b": number})
