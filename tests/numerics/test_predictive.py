"""Predictive distributions against mpmath, exact sums and their defining mixtures."""

import math
from fractions import Fraction
from itertools import product

import mpmath as mp
import numpy as np
import pytest
import scipy.stats
from high_precision import (
    beta_tails,
    log_beta_binomial_pmf,
    log_beta_negative_binomial_pmf,
    log_compound_gamma_pdf,
    log_negative_binomial_pmf,
    relative_error,
    summed_tails,
)
from hypothesis import given
from hypothesis import strategies as st

from seqbayes.distributions import Gamma, InverseGamma, Normal, StudentT
from seqbayes.predictive import (
    Bernoulli,
    BetaBinomial,
    BetaNegativeBinomial,
    Categorical,
    CompoundGamma,
    DirichletMultinomial,
    ExponentialTransform,
    Hurdle,
    NegativeBinomial,
    PowerTransform,
    Symmetric,
    Transformed,
)

shapes = st.floats(-3, 15).map(lambda e: 10.0**e)
moderate = st.floats(-1, 2.5).map(lambda e: 10.0**e)
COUNTS = [
    Bernoulli(0.3),
    BetaBinomial(10, 2, 3),
    BetaBinomial(12, 0.4, 0.7),
    BetaBinomial(9, 1, 1),
    BetaBinomial(5000, 30, 400),
    BetaNegativeBinomial(1, 2, 3, start=1),
    BetaNegativeBinomial(1, 0.5, 0.5),
    BetaNegativeBinomial(4, 5, 2),
    BetaNegativeBinomial(2.5, 3.5, 9),
    NegativeBinomial(3, 2, 3),
    NegativeBinomial(0.3, 0.01),
    NegativeBinomial(1e6, 10),
]
REALS = [
    CompoundGamma(1, 3, 2),
    CompoundGamma(0.5, 0.7, 2),
    CompoundGamma(20, 30, 5),
    Transformed(CompoundGamma(1, 3, 2), PowerTransform(0.5)),
    Transformed(CompoundGamma(0.5, 6, 2), PowerTransform(0.5, scale=2.0)),
    Transformed(CompoundGamma(1, 8, 2), PowerTransform(2.0, scale=0.3)),
    Transformed(Gamma(3, 2), PowerTransform(-1.0)),
    Transformed(CompoundGamma(4, 3, 2), PowerTransform(-0.5, scale=3.0)),
    Transformed(CompoundGamma(1, 3, 2), ExponentialTransform(5.0)),
    Transformed(Gamma(3, 4), ExponentialTransform(2.0)),
    Transformed(Normal(0.3, 0.5), ExponentialTransform()),
    Transformed(StudentT(4, 0.3, 0.5), ExponentialTransform(2.0)),
    Symmetric(CompoundGamma(1, 3, 2), centre=4.0),
    Symmetric(CompoundGamma(0.5, 3, 2), centre=-1.0, power=0.5, scale=2.0),
]


LOG_LEVELS = [-2000.0, -800.0, -700.0, -5.0, -0.6932, -0.6931, -0.1, -1e-10, -1e-200]
STEEP = [
    CompoundGamma(1, 9e14, 0.2),
    CompoundGamma(0.5, 1e6, 1e3),
    Transformed(CompoundGamma(2, 1e9, 3), PowerTransform(-1.0)),
    Symmetric(CompoundGamma(1, 1e9, 2)),
]


@pytest.mark.parametrize("d", REALS + STEEP, ids=repr)
@pytest.mark.parametrize("tail", ["lower", "upper"])
def test_log_quantiles_invert_log_tails_at_any_depth(d, tail):
    quantile, log_tail = (d.ppf, d.logcdf) if tail == "lower" else (d.isf, d.logsf)
    checked = 0
    for level in LOG_LEVELS:
        x = quantile(level, log=True)
        assert quantile(np.array([level]), log=True)[0] == pytest.approx(x, rel=1e-10, abs=1e-300)
        assert log_tail(np.array([x]))[0] == pytest.approx(log_tail(x), rel=1e-10)
        if not 1e-290 < abs(x) < 1e290 or abs(x - d.support[0]) < 1e-9 * abs(x):
            continue  # rounded, or nearly at the end of the support
        rounding = [log_tail(math.nextafter(x, end)) for end in (-math.inf, math.inf)]
        slack = 4.0 * max(abs(each - log_tail(x)) for each in rounding)
        assert log_tail(x) == pytest.approx(level, rel=1e-10, abs=slack), level
        checked += slack < 1e-6 * abs(level)
    assert checked >= 2


@pytest.mark.parametrize("depth", [10.0, 700.0, 800.0, 4000.0, 1e6])
@pytest.mark.parametrize("alpha", [1.0, 1e6, 1e15])
def test_log_tail_of_the_lomax_distribution(alpha, depth):
    x = 3.0 * math.expm1(min(depth / alpha, 600.0))
    expected = -alpha * math.log1p(x / 3.0)
    assert CompoundGamma(1, alpha, 3).logsf(x) == pytest.approx(expected, rel=1e-12)
    assert Transformed(CompoundGamma(1, alpha, 3), PowerTransform(-1.0)).logcdf(
        1.0 / x
    ) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("gap", [1e-3, 1e-8, 1e-12])
def test_quantiles_near_the_centre_of_a_symmetric_distribution(gap):
    """The density of the compound gamma distribution with k = 1 is alpha / beta at its end."""
    d = Symmetric(CompoundGamma(1, 3, 2))
    with mp.workdps(30):
        inside = 2 * abs(mp.mpf(0.5 + gap) - mp.mpf(1) / 2)
        expected = float(2 * mp.expm1(-mp.log1p(-inside) / 3))
    for q in (0.5 + gap, np.array([0.5 + gap])):
        assert np.ravel(d.ppf(q))[0] == pytest.approx(expected, rel=1e-13)
        assert np.ravel(d.isf(q))[0] == pytest.approx(-expected, rel=1e-13)


@pytest.mark.parametrize("df", [0.5, 4.0, 30.0])
def test_arrays_of_log_levels_near_one_have_the_same_quantiles_as_numbers(df):
    levels = [-0.5, -1e-3, -1e-10, -1e-200]
    wanted = [StudentT(df, 0, 1).ppf(level, log=True) for level in levels]
    found = StudentT(df, 0, 1).ppf(np.array(levels), log=True)
    assert found.tolist() == pytest.approx(wanted, rel=1e-12)


def test_log_quantiles_of_an_amount_that_is_often_zero():
    d = Hurdle(Bernoulli(0.25), CompoundGamma(1, 3e3, 40))
    x = d.isf(-5000.0, log=True)
    assert d.logsf(x) == pytest.approx(-5000.0, rel=1e-12)
    assert x == pytest.approx(40.0 * math.expm1((5000.0 + math.log(0.25)) / 3e3), rel=1e-12)
    for q in (1e-5, 0.1, 0.9):
        assert d.isf(math.log(q), log=True) == pytest.approx(d.isf(q), rel=1e-12)
        assert d.ppf(math.log(q), log=True) == pytest.approx(d.ppf(q), rel=1e-12)
    assert (d.ppf(0.0, log=True), d.ppf(-math.inf, log=True)) == (math.inf, 0.0)


def close(got, want, tolerance=1e-11):
    return abs(mp.mpf(got) - want) <= tolerance * max(1, abs(want))


def logit_normal_share(alpha, beta, z):
    """A probability z standard deviations from the middle of Beta(alpha, beta), in the logit."""
    away = math.log(beta / alpha) + z * math.sqrt(1 / alpha + 1 / beta)
    return 1.0 / (1.0 + math.exp(min(700.0, away)))


@given(shapes, shapes, st.integers(1, 10**15), st.floats(-5, 5))
def test_beta_binomial_logpmf(alpha, beta, trials, z):
    k = round(trials * logit_normal_share(alpha, beta, z))
    want = log_beta_binomial_pmf(k, trials, alpha, beta)
    assert close(BetaBinomial(trials, alpha, beta).logpmf(k), want)


@given(shapes, shapes, st.floats(-2, 10).map(lambda e: 10.0**e), st.floats(-5, 5))
def test_beta_negative_binomial_logpmf(alpha, beta, r, z):
    p = logit_normal_share(alpha, beta, z)
    k = math.floor(min(1e15, r * (1 - p) / max(p, 1e-300)))
    want = log_beta_negative_binomial_pmf(k, r, alpha, beta)
    assert close(BetaNegativeBinomial(r, alpha, beta).logpmf(k), want)


@given(shapes, shapes, st.floats(1e-3, 1e6), st.floats(-5, 5))
def test_negative_binomial_logpmf(shape, rate, exposure, z):
    mean = shape * exposure / rate
    k = math.floor(min(1e15, max(0.0, mean + z * math.sqrt(mean * (1 + exposure / rate)))))
    want = log_negative_binomial_pmf(k, shape, rate, exposure)
    assert close(NegativeBinomial(shape, rate, exposure).logpmf(k), want)


@given(shapes, shapes, st.floats(1e-6, 1e6), st.floats(-5, 5))
def test_compound_gamma_logpdf(k, alpha, beta, z):
    odds = math.exp(max(-300, min(300, z * math.sqrt(1 / k + 1 / alpha)))) * k / alpha
    x = beta * odds
    want = log_compound_gamma_pdf(x, k, alpha, beta)
    assert close(CompoundGamma(k, alpha, beta).logpdf(x), want)


def test_bernoulli_predictive_at_1e15():
    alpha, beta = 1e15 - 1.0, 1.0
    d = Bernoulli(alpha / (alpha + beta), beta / (alpha + beta))
    assert (d.pmf(1), d.pmf(0)) == (alpha / 1e15, 1e-15)
    assert BetaBinomial(1, 1e15, 3e15).pmf(1) == pytest.approx(0.25, rel=1e-14)


@given(st.integers(0, 60), st.integers(1, 80), moderate, moderate)
def test_beta_binomial_tails(k, more, alpha, beta):
    d = BetaBinomial(k + more, alpha, beta)
    lower, upper = summed_tails(log_beta_binomial_pmf, k, k + more, alpha, beta, digits=80)
    assert relative_error(d.cdf(k), lower) < 1e-11
    assert relative_error(d.sf(k), upper) < 1e-11


@pytest.mark.parametrize(
    ("trials", "alpha", "beta", "k"),
    [
        (10**4, 3.0, 4.0, 150),
        (10**6, 3.0, 4.0, 100),
        (10**4, 0.5, 4.0, 120),
        (10**9, 2e3, 1e9, 300),
        (10**4, 1e3, 1e5, 5),
    ],
)
def test_beta_binomial_tails_of_many_trials(trials, alpha, beta, k):
    d, mirrored = BetaBinomial(trials, alpha, beta), BetaBinomial(trials, beta, alpha)
    lower, upper = summed_tails(log_beta_binomial_pmf, k, trials, alpha, beta)
    assert relative_error(d.cdf(k), lower) < 1e-10
    assert relative_error(d.sf(k), upper) < 1e-10
    assert relative_error(mirrored.sf(trials - k - 1), lower) < 1e-10
    assert relative_error(mirrored.cdf(trials - k - 1), upper) < 1e-10


@pytest.mark.parametrize("k", [0, 12, 150])
@pytest.mark.parametrize("r", [0.3, 3000.0])
@pytest.mark.parametrize(
    ("alpha", "beta"), [(0.5, 0.5), (2.0, 3.0), (1e-3, 2.0), (300.0, 20.0), (5.0, 1e6), (1e6, 3.0)]
)
def test_beta_negative_binomial_tails(alpha, beta, r, k):
    d = BetaNegativeBinomial(r, alpha, beta, start=2)
    lower, upper = summed_tails(log_beta_negative_binomial_pmf, k, r, alpha, beta)
    if lower > 1e-280:
        assert relative_error(d.cdf(k + 2), lower) < 1e-10
    if upper > 1e-280:
        assert relative_error(d.sf(k + 2), upper) < 1e-10


@pytest.mark.parametrize("alpha", [0.05, 0.7, 3.0])
def test_heavy_tails_of_waiting_times_follow_a_power_law(alpha):
    """P(X > k) = B(alpha, beta + k + 1) / B(alpha, beta), about k**-alpha."""
    d = BetaNegativeBinomial(1, alpha, 2.0)
    for k in (10**6, 10**12, 10**15):
        a, b = mp.mpf(alpha), mp.mpf(2)
        want = mp.beta(a, b + k + 1) / mp.beta(a, b)
        assert relative_error(d.sf(k), want) < 1e-11
    assert math.isclose(d.sf(10**12) / d.sf(10**14), 100.0**alpha, rel_tol=1e-9)


@given(moderate, moderate, st.floats(0.01, 100.0), st.integers(0, 500))
def test_negative_binomial_tails(shape, rate, exposure, k):
    d = NegativeBinomial(shape, rate, exposure)
    x, y = mp.mpf(rate) / (mp.mpf(rate) + exposure), mp.mpf(exposure) / (mp.mpf(rate) + exposure)
    lower, upper = beta_tails(shape, k + 1, x, y)
    if lower > 1e-280:
        assert relative_error(d.cdf(k), lower) < 1e-11
    if upper > 1e-40:
        assert relative_error(d.sf(k), upper) < 1e-11


def test_negative_binomial_of_huge_shape_is_poisson():
    d, mean = NegativeBinomial(1e15, 1e14), mp.mpf(10)
    for k in (0, 4, 10, 40):
        poisson = mp.exp(-mean) * mean**k / mp.factorial(k)
        assert relative_error(d.pmf(k), poisson) < 1e-12
        cdf = mp.gammainc(k + 1, mean, mp.inf, regularized=True)
        assert relative_error(d.cdf(k), cdf) < 1e-12
        assert relative_error(d.sf(k), 1 - cdf) < 1e-12


@pytest.mark.parametrize("d", COUNTS, ids=repr)
def test_counts(d):
    first, last = d.support
    top = int(min(last, d.isf(1e-9) if d.mean < math.inf else 2000))
    bottom = int(max(first, d.ppf(1e-9)))
    ks = np.arange(bottom, min(top, bottom + 300) + 1)
    pmf = d.pmf(ks)
    np.testing.assert_allclose(pmf, np.diff(d.cdf(np.append(bottom - 1, ks))), atol=1e-12)
    np.testing.assert_allclose(d.cdf(ks) + d.sf(ks), 1.0, rtol=1e-12)
    some = ks[:: max(1, len(ks) // 10)]
    np.testing.assert_allclose(d.cdf(some), [d.cdf(k) for k in some.tolist()], rtol=1e-11)
    np.testing.assert_allclose(d.sf(some), [d.sf(k) for k in some.tolist()], rtol=1e-11)
    for k in ks[:: max(1, len(ks) // 15)].tolist():
        assert d.cdf(k) <= d.cdf(k + 1) <= 1.0
        if d.sf(k) > 1e-12:
            assert d.ppf(d.cdf(k)) == k
            assert d.isf(d.sf(k)) == k
        assert d.pmf(k + 0.5) == 0.0
        assert d.cdf(k + 0.5) == d.cdf(k)
    for outside in (first - 1, math.inf, last + 1):
        assert d.pmf(outside) == 0.0
        assert d.logpmf(outside) == -math.inf
    for function in (d.pmf, d.logpmf, d.cdf, d.sf, d.ppf):
        assert math.isnan(function(math.nan))
    with pytest.raises(TypeError, match="pmf"):
        d.pdf(1)


@pytest.mark.parametrize("d", COUNTS, ids=repr)
def test_modes_of_counts(d):
    if d.mode is None:
        assert d.pmf(0) == pytest.approx(d.pmf(d.support[1]))
        return
    assert type(d.mode) is int
    best = d.pmf(d.mode)
    for q in (0.001, 0.1, 0.3, 0.5, 0.7, 0.9):
        assert d.pmf(d.ppf(q)) <= best * (1 + 1e-12)
    for step in (-2, -1, 1, 2):
        assert d.pmf(d.mode + step) <= best * (1 + 1e-12)


@pytest.mark.parametrize(
    "d", [d for d in COUNTS if d.isf(1e-14) - d.support[0] < 6000 and d.mean < 1e4], ids=repr
)
def test_moments_of_counts_are_sums(d):
    top = int(min(d.support[1], d.isf(1e-14)))
    x = np.arange(d.support[0], top + 1)
    p = d.pmf(x)
    assert p.sum() == pytest.approx(1.0, rel=1e-11)
    assert d.mean == pytest.approx((p * x).sum(), rel=1e-9)
    assert d.var == pytest.approx((p * (x - d.mean) ** 2).sum(), rel=1e-6)


@pytest.mark.parametrize(
    ("alpha", "mean", "var"), [(0.5, math.inf, math.inf), (2.0, 7.0, math.inf), (3.0, 4.0, 30.0)]
)
def test_moments_of_heavy_tails(alpha, mean, var):
    d = BetaNegativeBinomial(2, alpha, 3, start=1)
    assert (d.mean, d.var) == (mean, var)


@pytest.mark.parametrize("level", [0.05, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("d", [d for d in COUNTS if d.mean < 1e4 and d.isf(1e-3) < 3000], ids=repr)
def test_hdi_of_counts_is_the_smallest_set(d, level):
    low, high = d.interval(level, kind="hdi")
    assert type(low) is int
    assert type(high) is int
    first = d.support[0]
    ks = np.arange(first, int(min(d.support[1], d.isf(1e-3) * 3 + 10)) + 1)
    cdf = np.append(0.0, d.cdf(ks))
    mass = cdf[high - first + 1] - cdf[low - first]
    assert mass >= level * (1 - 1e-12)
    size = high - low
    if size > 0:
        assert (cdf[size:] - cdf[:-size]).max() < level
    runs = cdf[size + 1 :] - cdf[: -size - 1]
    if not d.convex:
        assert mass >= runs.max() - 1e-12


@pytest.mark.parametrize("d", COUNTS, ids=repr)
def test_quantiles_are_the_smallest_values_that_reach_the_level(d):
    for q in (1e-12, 1e-3, 0.025, 0.5, 0.9, 1 - 1e-6):
        k = d.ppf(q)
        assert type(k) is int
        assert d.cdf(k) >= q
        assert k == d.support[0] or d.cdf(k - 1) < q
        k = d.isf(q)
        assert d.sf(k) <= q
        assert k == d.support[0] or k > 2**53 or d.sf(k - 1) > q
    assert d.ppf(0.0) == d.support[0]


def test_quantiles_beyond_the_float_range_are_infinite():
    d = BetaNegativeBinomial(1, 1e-3, 1.0)
    assert d.isf(1e-3) == math.inf
    assert d.isf(0.9) > 1e40  # (k + 1) ** -1e-3 = .9


@pytest.mark.parametrize("alpha", [1e-300, 1e-20, 1e-9])
@pytest.mark.parametrize("k", [1.0, 1e5, 1e20, 1e25, 1e100, 1e300])
def test_waiting_times_for_extremely_rare_successes(alpha, k):
    """1 - cdf is the product of (beta + j) / (alpha + beta + j) over k trials."""
    d = BetaNegativeBinomial(1, alpha, 3.0, start=1)
    first = mp.digamma(mp.mpf(k) + 3) - mp.digamma(3)
    second = mp.zeta(2, 3) - mp.zeta(2, mp.mpf(k) + 3)
    log_sf = -alpha * first + mp.mpf(alpha) ** 2 * second / 2
    assert d.sf(k) == pytest.approx(float(mp.exp(log_sf)), rel=1e-12)
    assert d.cdf(k) == pytest.approx(float(-mp.expm1(log_sf)), rel=1e-11, abs=0.0)


def test_quantiles_of_waiting_times_for_extremely_rare_successes():
    d = BetaNegativeBinomial(1, 1e-300, 3.0, start=1)
    for level in (1e-12, 0.5, 1.0 - 1e-12):
        assert d.ppf(level) == d.isf(level) == math.inf
    small = -math.expm1(-1e-300 * (100 * math.log(10.0)))
    assert 98 < math.log10(d.ppf(small)) < 102


def test_geometric_waiting_times():
    """Beta(2, 3): pmf(1, 2, 3) = .4, .2, .114286; the masses sum to 1."""
    d = BetaNegativeBinomial(1, 2, 3, start=1)
    np.testing.assert_allclose(d.pmf([1, 2, 3]), [0.4, 0.2, 4 / 35], rtol=1e-14)
    assert d.pmf(np.arange(1, 5001)).sum() + d.sf(5000) == pytest.approx(1.0, rel=1e-12)
    assert d.pmf(0) == 0.0


def test_lomax():
    """Exponential data under Gamma(3, 2): pdf(.1, 1, 3) = 3 * 2**3 / (2 + x)**4."""
    d = CompoundGamma(1, 3, 2)
    for x, figure in [(0.1, 1.234), (1.0, 0.2963), (3.0, 0.0384)]:
        assert d.pdf(x) == pytest.approx(24 / (2 + x) ** 4, rel=1e-14)
        assert d.pdf(x) == pytest.approx(figure, rel=1e-3)
    assert d.pdf(0.0) == pytest.approx(1.5)


def test_exposure_changes_the_probability_but_not_the_shape():
    """Poisson with exposure 3: NegativeBinomial(alpha, beta / (beta + 3))."""
    frozen = scipy.stats.nbinom(3, 2 / 5)
    d = NegativeBinomial(3, 2, exposure=3)
    np.testing.assert_allclose(d.pmf(np.arange(9)), frozen.pmf(np.arange(9)), rtol=1e-12)


def test_alice_and_bob():
    """5 : 3, first to 6, uniform prior: Bob wins with 1/11."""
    assert BetaBinomial(3, 4, 6).pmf(3) == pytest.approx(1 / 11, rel=1e-14)


@pytest.mark.parametrize("d", REALS, ids=repr)
def test_reals(d):
    quantiles = [d.ppf(q) for q in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)]
    mass = mp.quad(lambda x: mp.mpf(d.pdf(float(x))), quantiles, maxdegree=5)
    assert math.isclose(mass, 0.6, rel_tol=1e-8)
    for q in (1e-9, 0.01, 0.3, 0.6, 0.99):
        x, y = d.ppf(q), d.isf(q)
        # x and y are rounded to floats
        assert math.isclose(d.cdf(x), q, rel_tol=1e-11 + 1e-16 * abs(x) * d.pdf(x) / q)
        assert y == math.inf or math.isclose(
            d.sf(y), q, rel_tol=1e-11 + 1e-16 * abs(y) * d.pdf(y) / q
        )
        assert math.isclose(d.cdf(x) + d.sf(x), 1.0, rel_tol=1e-13)
    low, high = d.support
    assert (d.cdf(low), d.sf(high)) == (0.0, 0.0)
    assert d.pdf(low - 1.0) == 0.0
    x = np.array([d.ppf(q) for q in (0.1, 0.5, 0.9)])
    for function in (d.pdf, d.logpdf, d.cdf, d.sf):
        scalars = [function(v) for v in x.tolist()]
        assert all(type(v) is float for v in scalars)
        np.testing.assert_allclose(function(x), scalars, rtol=1e-12)
    q = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(d.ppf(q), [d.ppf(v) for v in q.tolist()], rtol=1e-12)


@pytest.mark.parametrize("d", REALS, ids=repr)
def test_moments_of_reals(d):
    """Mean and variance as integrals of the quantile function, or infinite where those diverge."""
    t = np.linspace(-5.2, 5.2, 4001)
    below = np.exp(-np.pi * np.sinh(t))
    q, above = below / (1 + below), 1 / (1 + below)
    weight = np.pi * np.cosh(t) * q * above * (t[1] - t[0])
    with np.errstate(all="ignore"):
        x = np.where(q < 0.5, d.ppf(np.minimum(q, 0.5)), d.isf(np.minimum(above, 0.5)))
    if d.mean == math.inf or d.mean is None:
        terms = np.abs(weight * x)
        assert max(terms[0], terms[-1]) >= 1e-4 * terms.max()
        return
    assert d.mean == pytest.approx((weight * x).sum(), rel=1e-7)
    if d.var < math.inf:
        assert d.var == pytest.approx((weight * (x - d.mean) ** 2).sum(), rel=1e-3)
        assert d.std == math.sqrt(d.var)


@pytest.mark.parametrize("d", REALS, ids=repr)
def test_modes_of_reals(d):
    if d.mode is None:
        return
    best = d.pdf(d.mode)
    grid = d.ppf(np.linspace(1e-4, 1 - 1e-4, 999))
    assert np.all(d.pdf(grid) <= best * (1 + 1e-12))


@pytest.mark.parametrize("level", [0.3, 0.95])
@pytest.mark.parametrize("d", REALS, ids=repr)
def test_hdi_of_reals_is_shortest(d, level):
    low, high = d.interval(level, kind="hdi")
    assert math.isclose(d.cdf(high) - d.cdf(low), level, rel_tol=1e-9)
    if d.mode is not None and d.mode != 0.0:
        below = np.linspace(0.0, 1.0 - level, 1001)[1:-1]
        assert high - low <= (d.ppf(below + level) - d.ppf(below)).min() * (1 + 1e-9)


def test_transformed_families():
    inverse = Transformed(Gamma(3, 2), PowerTransform(-1.0))
    same = InverseGamma(3, 2)
    pareto = Transformed(CompoundGamma(1, 1e9, 1e9 / 3), ExponentialTransform(5.0))
    laplace = Symmetric(Gamma(1, 2), centre=1.0)
    weibull = Transformed(Gamma(1, 1), PowerTransform(1 / 2.5, scale=3.0**2.5))
    log_normal = Transformed(Normal(0.3, 0.5), ExponentialTransform())
    for x in (0.2, 0.7, 3.0):
        assert inverse.pdf(x) == pytest.approx(same.pdf(x), rel=1e-12)
        assert inverse.sf(x) == pytest.approx(same.sf(x), rel=1e-12)
        assert laplace.pdf(x) == pytest.approx(scipy.stats.laplace(1, 0.5).pdf(x), rel=1e-12)
        assert laplace.cdf(x) == pytest.approx(scipy.stats.laplace(1, 0.5).cdf(x), rel=1e-12)
        want = scipy.stats.weibull_min(2.5, scale=3).pdf(x)
        assert weibull.pdf(x) == pytest.approx(want, rel=1e-12)
        want = scipy.stats.lognorm(math.sqrt(0.5), scale=math.exp(0.3))
        assert log_normal.pdf(x) == pytest.approx(want.pdf(x), rel=1e-12)
    assert pareto.pdf(7.0) == pytest.approx(scipy.stats.pareto(3, scale=5).pdf(7.0), rel=1e-7)
    assert pareto.mode == 5.0
    assert log_normal.mean == pytest.approx(want.mean(), rel=1e-12)
    assert log_normal.var == pytest.approx(want.var(), rel=1e-12)


def test_variance_of_a_concentrated_transform_is_accurate():
    """Var(sqrt y) / E(sqrt y)**2 = a Gamma(a)**2 / Gamma(a + 1/2)**2 - 1, near 1 / (4 a)."""
    for a in (1e3, 1e7, 1e11):
        with mp.workdps(80):
            exact = mp.exp(mp.log(a) + 2 * mp.loggamma(a) - 2 * mp.loggamma(mp.mpf(a) + 0.5)) - 1
        d = Transformed(Gamma(a, 1), PowerTransform(0.5))
        assert relative_error(d.var / d.mean**2, exact) < 1e-10


@pytest.mark.parametrize("d", [*COUNTS, *REALS], ids=repr)
def test_draws(d, rng):
    draws = d.sample(3000, rng)
    if d.discrete:
        for q in (0.1, 0.5, 0.9):
            k = d.ppf(q)
            p = d.cdf(k)
            assert abs((draws <= k).mean() - p) < 5 * math.sqrt(p * (1 - p) / 3000) + 1e-9
        assert type(d.sample(rng=rng)) is int
    else:
        assert scipy.stats.kstest(draws, d.cdf).pvalue > 1e-4
        assert type(d.sample(rng=rng)) is float


@pytest.mark.parametrize(
    ("family", "columns"),
    [
        (Bernoulli, ([0.2, 0.7, 0.5],)),
        (BetaBinomial, (10, [0.5, 2.0, 1e6], [3.0, 1.0, 2e6])),
        (BetaNegativeBinomial, ([1.0, 2.0, 0.5], [0.5, 2.0, 300.0], 3.0)),
        (NegativeBinomial, ([0.5, 2.0, 1e6], [3.0, 1.0, 2e5])),
        (CompoundGamma, ([0.5, 2.0, 1e6], [3.0, 1.0, 2e5], 2.0)),
    ],
)
def test_arrays_equal_scalars(family, columns, rng):
    d = family(*columns)
    rows = zip(*(c.tolist() for c in np.broadcast_arrays(*columns)), strict=True)
    elements = [family(*row) for row in rows]
    for name, at in [("p", 1), ("logp", 1), ("cdf", 1), ("sf", 0), ("ppf", 0.3), ("isf", 0.3)]:
        want = [getattr(e, name)(at) for e in elements]
        np.testing.assert_allclose(getattr(d, name)(at), want, rtol=1e-11)
    for name in ("mean", "var", "mode"):
        want = [getattr(e, name) for e in elements]
        np.testing.assert_allclose(getattr(d, name), want, rtol=1e-12)
    for kind in ("equal-tailed", "hdi"):
        want = np.array([e.interval(0.8, kind) for e in elements]).T
        np.testing.assert_allclose(d.interval(0.8, kind), want, rtol=1e-11)
    assert d.sample(rng=rng).shape == (3,)


def test_categorical(rng):
    d = Categorical({"red": 0.25, "green": 0.5, "blue": 0.15}, unseen=0.1)
    assert (d.pmf("red"), d.p("grey"), d.mode) == (0.25, 0.1, "green")
    assert d.logpmf("red") == math.log(0.25)
    draws = d.sample(4000, rng)
    assert abs(draws.count("green") / 4000 - 0.5) < 0.05
    assert abs(draws.count(None) / 4000 - 0.1) < 0.03
    assert d.sample(rng=rng) in ("red", "green", "blue", None)
    for method in ("cdf", "sf", "ppf", "isf"):
        with pytest.raises(NotImplementedError, match="labels have no order"):
            getattr(d, method)(0.5)
    with pytest.raises(NotImplementedError, match="labels have no order"):
        d.interval()
    with pytest.raises(NotImplementedError, match="not numbers"):
        _ = d.mean


def test_dirichlet_multinomial_by_enumeration(rng):
    trials, alpha = 5, {"red": 2, "green": 1, "blue": 4}
    d = DirichletMultinomial(trials, alpha)
    exact = {}
    for counts in product(range(trials + 1), repeat=3):
        if sum(counts) == trials:
            p = Fraction(math.factorial(trials))
            for n, a in zip(counts, alpha.values(), strict=True):
                p *= Fraction(math.prod(range(a, a + n)), math.factorial(n))
            exact[counts] = p / math.prod(range(7, 7 + trials))
    assert sum(exact.values()) == 1
    for counts, p in exact.items():
        assert d.pmf(dict(zip(alpha, counts, strict=True))) == pytest.approx(float(p), rel=1e-12)
    for i, label in enumerate(alpha):
        mean = sum(c[i] * p for c, p in exact.items())
        assert d.mean[label] == pytest.approx(float(mean), rel=1e-12)
        var = sum((c[i] - mean) ** 2 * p for c, p in exact.items())
        assert d.var[label] == pytest.approx(float(var), rel=1e-12)
    best = tuple(d.mode.values())
    assert exact[best] == max(exact.values())
    assert d.pmf({"red": 5}) == pytest.approx(float(exact[5, 0, 0]))
    assert d.pmf({"red": 4, "grey": 1}) == 0.0
    assert d.pmf({"red": 4}) == 0.0
    draws = d.sample(3000, rng)
    assert sum(draw["blue"] for draw in draws) / 3000 == pytest.approx(20 / 7, rel=0.1)
    assert sum(d.sample(rng=rng).values()) == trials


def test_dirichlet_multinomial_at_huge_counts():
    alpha = {"a": 1e12, "b": 3e12, "c": 5e3}
    counts = {"a": 10**9, "b": 3 * 10**9 - 7, "c": 7}
    got = DirichletMultinomial(sum(counts.values()), alpha).logpmf(counts)
    n, whole = mp.mpf(sum(counts.values())), mp.mpf(4e12 + 5e3)
    want = mp.loggamma(n + 1) + mp.loggamma(whole) - mp.loggamma(whole + n)
    for label, a in alpha.items():
        k = counts[label]
        want += mp.loggamma(a + mp.mpf(k)) - mp.loggamma(a) - mp.loggamma(mp.mpf(k) + 1)
    assert close(got, want)
