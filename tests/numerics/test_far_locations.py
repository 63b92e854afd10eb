"""Beliefs and predictions far from 0, whose locations floats cannot represent, against mpmath."""

from __future__ import annotations

import math

import mpmath
import pytest

from seqbayes import Normal, NormalInverseGamma, NormalInverseWishart
from seqbayes.compare import p_best
from seqbayes.likelihoods import LogNormal
from seqbayes.table import Table

DISTANCES = [0.0, 1e4, 1e8, -1e10, 1e12]
OWN = [0.3, -1.2, 0.75, 2.1, -0.4, 0.05, 1.4]


def t_tails(df, t):
    share = mpmath.betainc(df / 2, 0.5, 0, df / (df + t * t), regularized=True) / 2
    return (share, 1 - share) if t < 0 else (1 - share, share)


def t_values(df, location, scale, x):
    """Return the logarithms of the density and of both tails."""
    t = (mpmath.mpf(x) - location) / scale
    density = (
        mpmath.loggamma((df + 1) / 2)
        - mpmath.loggamma(df / 2)
        - mpmath.log(df * mpmath.pi) / 2
        - mpmath.log(scale)
        - (df + 1) / 2 * mpmath.log1p(t * t / df)
    )
    return density, *map(mpmath.log, t_tails(df, t))


def normal_values(location, scale, x):
    t = (mpmath.mpf(x) - location) / scale
    density = -t * t / 2 - mpmath.log(scale) - mpmath.log(2 * mpmath.pi) / 2
    return density, mpmath.log(mpmath.ncdf(t)), mpmath.log(mpmath.ncdf(-t))


def moments(xs):
    exact = [mpmath.mpf(x) for x in xs]
    mean = mpmath.fsum(exact) / len(exact)
    return len(exact), mean, mpmath.fsum((x - mean) ** 2 for x in exact)


def student_cases(distance, start):
    """Return a state, the exact degrees of freedom and location, and the squared scale of both."""
    xs = [distance + v for v in OWN]
    m, k, a, b = start, 0.7, 2.5, 1.3
    state = NormalInverseGamma(m, k, a, b)
    state.learn_many(xs)
    n, mean, squares = moments(xs)
    m, k, a, b = map(mpmath.mpf, (m, k, a, b))
    kappa, df = k + n, 2 * a + n
    beta = b + (squares + k * n / kappa * (mean - m) ** 2) / 2
    location = (k * m + n * mean) / kappa
    unit = 2 * beta / df
    return state, df, location, unit * (1 + 1 / kappa), unit / kappa


def normal_case(distance, start):
    xs = [distance + v for v in OWN]
    state = Normal(start, 3.7, known_variance=1.3)
    state.learn_many(xs)
    n, mean, _ = moments(xs)
    before, known = mpmath.mpf(3.7), mpmath.mpf(1.3)
    variance = 1 / (1 / before + n / known)
    location = variance * (mpmath.mpf(start) / before + n * mean / known)
    return state, location, variance + known, variance


def check(distribution, x, wanted):
    assert distribution.logpdf(x) == pytest.approx(float(wanted[0]), rel=1e-10, abs=1e-10)
    assert distribution.pdf(x) == pytest.approx(float(mpmath.exp(wanted[0])), rel=1e-10)
    for name, log in zip(("cdf", "sf"), wanted[1:], strict=True):
        assert getattr(distribution, f"log{name}")(x) == pytest.approx(
            float(log), rel=1e-10, abs=1e-10
        )
        assert getattr(distribution, name)(x) == pytest.approx(float(mpmath.exp(log)), rel=1e-10)


def check_quantiles(distribution, location, scale, x, wanted):
    """The quantile at the level of a float is that float, up to rounding and to the level."""
    for name, log in zip(("ppf", "isf"), wanted[1:], strict=True):
        if log > math.log(0.9):  # the level is rounded
            continue
        found = getattr(distribution, name)(float(mpmath.exp(log)))
        assert found == pytest.approx(x, rel=2.3e-16, abs=1e-10 * float(scale))


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("start", ["at 0", "near the data"])
@pytest.mark.parametrize("score", [-3.3, -0.4, 0.2, 5.1])
def test_answers_with_unknown_variance(distance, start, score):
    start = 0.0 if start == "at 0" else distance + 1.7
    state, df, location, *squares = student_cases(distance, start)
    for distribution, square in zip(
        (state.predictive, state.belief(state.posterior).marginals.mean), squares, strict=True
    ):
        scale = mpmath.sqrt(square)
        x = float(location + score * scale)
        wanted = t_values(df, location, scale, x)
        check(distribution, x, wanted)
        check_quantiles(distribution, location, scale, x, wanted)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("start", ["at 0", "near the data"])
@pytest.mark.parametrize("score", [-3.3, -0.4, 0.2, 5.1, 12.0])
def test_answers_with_known_variance(distance, start, score):
    start = 0.0 if start == "at 0" else distance + 1.7
    state, location, *squares = normal_case(distance, start)
    for distribution, square in zip(
        (state.predictive, state.belief(state.posterior)), squares, strict=True
    ):
        scale = mpmath.sqrt(square)
        x = float(location + score * scale)
        wanted = normal_values(location, scale, x)
        check(distribution, x, wanted)
        check_quantiles(distribution, location, scale, x, wanted)
    assert state.logpdf(x) == distribution.logpdf(x)
    assert state.log_predictive(x) == pytest.approx(
        float(normal_values(location, mpmath.sqrt(squares[0]), x)[0]), rel=1e-10
    )


@pytest.mark.parametrize("distance", DISTANCES)
def test_answers_for_vectors(distance):
    rows = [[distance + v, -2.0 * distance + w] for v, w in zip(OWN, OWN[::-1], strict=True)]
    prior, scale = [distance + 1.0, -2.0 * distance], [[2.0, 0.5], [0.5, 1.0]]
    state = NormalInverseWishart(prior, 0.7, 5.0, scale)
    state.learn_many(rows)
    n, k = len(rows), mpmath.mpf(0.7)
    exact = [[mpmath.mpf(v) for v in row] for row in rows]
    mean = [mpmath.fsum(column) / n for column in zip(*exact, strict=True)]
    gap = [a - mpmath.mpf(b) for a, b in zip(mean, prior, strict=True)]
    kappa, left = k + n, mpmath.mpf(5.0) + n - 1
    after = mpmath.matrix(2, 2)
    for i in range(2):
        for j in range(2):
            squares = mpmath.fsum((row[i] - mean[i]) * (row[j] - mean[j]) for row in exact)
            after[i, j] = scale[i][j] + squares + k * n / kappa * gap[i] * gap[j]
    location = [mpmath.mpf(m) + n / kappa * g for m, g in zip(prior, gap, strict=True)]
    spread = after * ((1 + 1 / kappa) / left)
    x = [float(m + s) for m, s in zip(location, (0.7, -1.3), strict=True)]
    away = mpmath.matrix([mpmath.mpf(v) - m for v, m in zip(x, location, strict=True)])
    square = (away.T * mpmath.lu_solve(spread, away))[0]
    joint = (
        mpmath.loggamma((left + 2) / 2)
        - mpmath.loggamma(left / 2)
        - mpmath.log(left * mpmath.pi)
        - mpmath.log(mpmath.det(spread)) / 2
        - (left + 2) / 2 * mpmath.log1p(square / left)
    )
    assert state.predictive.logpdf(x) == pytest.approx(float(joint), rel=1e-10)
    assert state.log_predictive(x) == pytest.approx(float(joint), rel=1e-10)
    beliefs = state.belief(state.posterior).marginals.mean
    for i in range(2):
        first, second = mpmath.sqrt(spread[i, i]), mpmath.sqrt(after[i, i] / (kappa * left))
        marginal = state.predictive.marginals[i]
        check(marginal, x[i], t_values(left, location[i], first, x[i]))
        check(beliefs[i], x[i], t_values(left, location[i], second, x[i]))
        assert state.coordinates()[i].logsf(x[i]) == beliefs[i].logsf(x[i])


@pytest.mark.parametrize("distance", [0.0, 1e3, 1e4])
def test_answers_for_logarithms(distance):
    unit = 300.0 / max(distance, 300.0)  # the data must be representable
    xs = [math.exp((distance + v) * unit) for v in OWN]
    state = Normal(0.0, 1e4, known_variance=unit * unit, likelihood=LogNormal())
    state.learn_many(xs)
    n, mean, _ = moments([mpmath.log(mpmath.mpf(x)) for x in xs])
    variance = 1 / (mpmath.mpf(1e-4) + n / mpmath.mpf(unit * unit))
    location, scale = (
        variance * n * mean / mpmath.mpf(unit * unit),
        mpmath.sqrt(variance + mpmath.mpf(unit * unit)),
    )
    for score in (-3.0, 0.5, 2.0):
        x = float(mpmath.exp(location + score * scale))
        wanted = normal_values(location, scale, mpmath.log(mpmath.mpf(x)))
        predictive = state.predictive
        assert predictive.logcdf(x) == pytest.approx(float(wanted[1]), rel=1e-10)
        assert predictive.logsf(x) == pytest.approx(float(wanted[2]), rel=1e-10)


@pytest.mark.parametrize("family", ["unknown variance", "known variance"])
def test_arrays_of_beliefs_answer_like_single_ones(family):
    prior = NormalInverseGamma(1e10, 0.7, 2.5, 1.3)
    if family == "known variance":
        prior = Normal(1e10, 3.7, known_variance=1.3)
    table = Table(prior)
    for value in (0.4, -1.2):
        table.learn_one("near 0", value)
        table.learn_one("far", 1e12 + value)
        table.learn_one("near the prior", 1e10 + value)
    for i, key in enumerate(table):
        state = table[key]
        at = state.mean if isinstance(state, Normal) else tuple(state.mean)
        many, one = table.answers().sf(at), state.sf(at)
        if not isinstance(state, Normal):
            many, one = many.mean, one.mean
        assert many[i] == pytest.approx(one, rel=1e-12)


def test_two_far_means_are_compared_without_rounding_them():
    first, second = Normal(1e12, 3.7, known_variance=1.3), Normal(1e12, 3.7, known_variance=1.3)
    first.learn_many([1e12 + v for v in OWN])
    second.learn_many([1e12 + v - 0.6 for v in OWN])
    gaps = []
    for state, shift in ((first, 0.0), (second, 0.6)):
        n, mean, _ = moments([1e12 + v - shift for v in OWN])
        assert n == state.n_samples
        gaps.append(mean - mpmath.mpf(1e12))
    variance = 1 / (1 / mpmath.mpf(3.7) + len(OWN) / mpmath.mpf(1.3))
    share = variance * len(OWN) / mpmath.mpf(1.3)
    wanted = mpmath.ncdf(share * (gaps[0] - gaps[1]) / mpmath.sqrt(2 * variance))
    found = p_best({"first": first, "second": second})
    assert found["first"] == pytest.approx(float(wanted), rel=1e-10)


@pytest.mark.parametrize("prior", [NormalInverseGamma, Normal])
def test_quantiles_of_the_data_move_with_them(prior):
    own = [0.25, -1.25, 0.75, 2.125, -0.5]  # the sums with 2**40 are exact
    near, far = (
        prior.from_mean(centre, strength=0.5) if prior is Normal else prior.from_mean(centre, 1.0)
        for centre in (0.0, 2.0**40)
    )
    near.learn_many(own)
    far.learn_many([2.0**40 + v for v in own])
    for name, *level in (("expectation",), ("quantile", 0.9), ("quantile", 0.01)):
        centred = getattr(near.likelihood, name)(near.posterior, *level)
        moved = getattr(far.likelihood, name)(far.posterior, *level)
        for x in (-3.5, 0.25, 1.5):
            for function in ("logpdf", "cdf", "sf"):
                wanted = getattr(centred, function)(x)
                assert getattr(moved, function)(2.0**40 + x) == pytest.approx(wanted, rel=1e-10)
