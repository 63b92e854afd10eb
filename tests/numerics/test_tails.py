"""Incomplete gamma and beta functions, t tails and their inverses, against mpmath."""

import math

import mpmath as mp
import numpy as np
import pytest
from high_precision import (
    beta_tails,
    gamma_tails,
    large_beta_tails,
    log_beta,
    log_beta_pdf,
    log_gamma_pdf,
    log_t_pdf,
    relative_error,
    t_lower_tail,
)

from seqbayes.numerics import quadrature, tails

LEVELS = [1e-200, 1e-30, 1e-6, 0.025, 0.3, 0.5, 0.9]


def quantile_error(x, tails_at, q, upper, log_density):
    """Relative error of x, from the error of its probability."""
    return float(abs(tails_at[upper] - mp.mpf(q)) / mp.exp(log_density) / abs(x))


@pytest.mark.parametrize("z", [-12.0, -4.4, -1e-3, 0.5, 9.0])
@pytest.mark.parametrize("shape", [1e-3, 0.7, 30.0, 5e3, 9.9e4, 1.1e5, 7e7, 3e11, 1e15])
def test_gamma_tails(shape, z):
    x = shape * math.exp(z / math.sqrt(shape)) if shape > 10 else shape * 10.0**z
    lower, upper = gamma_tails(shape, x)
    if lower > 1e-290:
        assert relative_error(tails.gamma_cdf(shape, x), lower) < 1e-10
    if upper > 1e-290:
        assert relative_error(tails.gamma_sf(shape, x), upper) < 1e-10


@pytest.mark.parametrize("q", LEVELS)
@pytest.mark.parametrize("shape", [1e-3, 30.0, 1.1e5, 7e7, 1e15])
def test_gamma_quantiles(shape, q):
    for upper, quantile in enumerate((tails.gamma_ppf, tails.gamma_isf)):
        x = quantile(shape, q)
        if x > 1e-290 and (q > 1e-100 or shape > 300):
            log_density = log_gamma_pdf(x, shape, 1)
            error = quantile_error(x, gamma_tails(shape, x), q, upper, log_density)
            assert error < 1e-10
        elif x <= 1e-290:
            # P(X <= x) is about x**shape / Gamma(shape + 1)
            log_p = mp.log(q) if upper == 0 else mp.log1p(-mp.mpf(q))
            assert (log_p + mp.loggamma(mp.mpf(shape) + 1)) / shape < math.log(1e-289)


@pytest.mark.parametrize("z", [-7.0, -2.0, -0.01, 0.0, 1.5, 8.0])
@pytest.mark.parametrize(
    ("a", "b"), [(1e-3, 1e-3), (0.5, 0.5), (3.0, 400.0), (1e6, 20.0), (3e5, 4e6), (1e-2, 1e5)]
)
def test_beta_tails(a, b, z):
    logit = math.log(a / b) + z * math.sqrt(1 / a + 1 / b)
    x = 1.0 / (1.0 + math.exp(-max(-300.0, min(30.0, logit))))
    lower, upper = beta_tails(a, b, x)
    if lower > 1e-290:
        assert relative_error(tails.beta_cdf(a, b, x), lower) < 1e-10
    if upper > 1e-290:
        assert relative_error(tails.beta_sf(a, b, x), upper) < 1e-10


@pytest.mark.parametrize("z", [-9.0, -0.5, 0.99, 11.0])
@pytest.mark.parametrize(("a", "b"), [(2e10, 5e12), (1e12, 1e12), (1e15, 3e14), (3e11, 1e15)])
def test_beta_tails_of_huge_parameters(a, b, z):
    x = 1.0 / (1.0 + math.exp(-math.log(a / b) - z * math.sqrt(1 / a + 1 / b)))
    lower, upper = large_beta_tails(a, b, x)
    assert relative_error(tails.beta_cdf(a, b, x), lower) < 1e-10
    assert relative_error(tails.beta_sf(a, b, x), upper) < 1e-10


@pytest.mark.parametrize("q", [1e-30, 1e-6, 0.025, 0.3, 0.5, 0.9])
@pytest.mark.parametrize(
    ("a", "b"), [(0.01, 0.02), (0.5, 0.5), (3.0, 400.0), (1e6, 20.0), (3e5, 4e6), (1e-2, 1e5)]
)
def test_beta_quantiles(a, b, q):
    for upper, quantile in enumerate((tails.beta_ppf, tails.beta_isf)):
        x = quantile(a, b, q)
        if 0.0 < x < 0.999999:
            error = quantile_error(x, beta_tails(a, b, x), q, upper, log_beta_pdf(x, a, b))
            assert error < 1e-10
        elif x == 0.0:
            # P(X <= x) is about x**a / (a B(a, b))
            log_p = mp.log(q) if upper == 0 else mp.log1p(-mp.mpf(q))
            assert (log_p + mp.log(a) + log_beta(mp.mpf(a), mp.mpf(b))) / a < math.log(1e-320)


@pytest.mark.parametrize("q", [1e-200, 0.3, 0.9])
@pytest.mark.parametrize(("a", "b"), [(7e14, 8e12), (1200.0, 1e12), (3e4, 2e7), (50.0, 1e14)])
def test_beta_quantiles_of_huge_parameters(a, b, q):
    """scipy's betaincinv finds a tail of 1e-12 off by 6 % of a standard deviation, or by more."""
    for upper, quantile in enumerate((tails.beta_ppf, tails.beta_isf)):
        x = quantile(a, b, q)
        tails_at_x = beta_tails(a, b, x) if min(a, b) < 1e5 else large_beta_tails(a, b, x)
        error = quantile_error(x, tails_at_x, q, upper, log_beta_pdf(x, a, b))
        assert error < 1e-11
        odds = (tails.beta_odds_ppf, tails.beta_odds_isf)[upper](a, b, q)
        assert math.isclose(odds, x / (1.0 - x), rel_tol=1e-15 / (1.0 - x) + 1e-13)


@pytest.mark.parametrize("shape", [1e3, 1e6, 1e12])
def test_quantiles_at_tiny_probabilities_are_finite(shape):
    for q in (5e-324, 1e-305):
        assert 0.0 < tails.gamma_ppf(shape, q) < shape < tails.gamma_isf(shape, q)
        low, high = tails.beta_ppf(shape, 1e9, q), tails.beta_isf(shape, 1e9, q)
        assert 0.0 < low < shape / (shape + 1e9) < high < 1.0


def test_tiny_beta_quantiles_do_not_stop_at_the_smallest_normal_float():
    # P(X <= x) = x**a for b = 1
    assert math.isclose(tails.beta_ppf(0.001, 1.0, 0.485), 0.485**1000, rel_tol=1e-10)
    assert tails.beta_ppf(0.001, 1.0, 1e-3) == 0.0


@pytest.mark.parametrize("q", [1e-300, 1e-220, 1e-120])
@pytest.mark.parametrize(
    ("a", "b"), [(2.0, 3.0), (3.1622776601683795,) * 2, (5.6, 0.01), (5.6, 1e8)]
)
def test_beta_quantiles_of_the_smallest_levels(a, b, q):
    # x**a / (a B(a, b)) and no further term: x is below 1e-20
    with mp.workdps(60):
        want = mp.exp((mp.log(q) + mp.log(a) + log_beta(mp.mpf(a), mp.mpf(b))) / a)
    assert relative_error(tails.beta_ppf(a, b, q), want) < 1e-11
    assert tails.beta_isf(b, a, q) == 1.0
    both = tails.beta_ppf(np.array([a, 1.0]), np.array([b, 1.0]), np.array([q, 0.5]))
    assert both.tolist() == pytest.approx([tails.beta_ppf(a, b, q), 0.5], rel=1e-12)


@pytest.mark.parametrize("huge", [1e110, 1e200, 1e300])
@pytest.mark.parametrize("a", [1e-3, 1.0, 7.5, 1e6, 1e90, 1e300])
def test_beta_of_extreme_parameters_is_a_gamma_variable_over_one_number(a, huge):
    for q in (1e-30, 0.025, 0.5, 0.9):
        low, high = tails.beta_ppf(a, huge, q), tails.beta_isf(huge, a, q)
        expected = float(mp.mpf(tails.gamma_ppf(a, q)) / huge) if a < huge else a / (a + huge)
        assert low == pytest.approx(expected, rel=1e-12, abs=1e-320)
        assert high == pytest.approx(1.0 - expected, rel=1e-12)
        if a < 1e6 and low > 1e-300:
            assert tails.beta_cdf(a, huge, low) == pytest.approx(q, rel=1e-9)
            assert tails.beta_sf(a, huge, low) == pytest.approx(1.0 - q, rel=1e-9)
        arrays = np.array([a, 2.0]), np.array([huge, 2.0])
        assert tails.beta_ppf(*arrays, q)[0] == pytest.approx(low, rel=1e-12)
        assert tails.beta_isf(*arrays[::-1], q)[0] == pytest.approx(high, rel=1e-12)
        assert tails.beta_cdf(*arrays, low)[0] == pytest.approx(tails.beta_cdf(a, huge, low))


@pytest.mark.parametrize("t", [-1e-3, -0.7, -3.0, -40.0, -1e10])
@pytest.mark.parametrize("df", [0.01, 0.5, 1.0, 7.0, 300.0, 1e6])
def test_t_tails(df, t):
    if df > 1000 and t < -30:
        t = -30.0
    want = t_lower_tail(df, t)
    if want > 1e-290:
        assert relative_error(tails.t_cdf(df, t), want) < 1e-10
        assert relative_error(tails.t_cdf(df, -t), 1 - want) < 1e-10


@pytest.mark.parametrize("q", [1e-30, 1e-6, 0.025, 0.3, 0.49])
@pytest.mark.parametrize("df", [0.02, 0.5, 1.0, 7.0, 300.0, 1e6])
def test_t_quantiles(df, q):
    x = tails.t_ppf(df, q)
    if x > -1e300:
        error = quantile_error(x, (t_lower_tail(df, x),), q, 0, log_t_pdf(x, df))
        assert error < 1e-10


def test_huge_t_quantiles_follow_the_power_law():
    # two quantiles at q and 2 q differ by the factor 2**(1 / df)
    low, high = tails.t_ppf(0.1, 1e-22), tails.t_ppf(0.1, 2e-22)
    assert 1e200 < -low < 1e300
    assert math.isclose(low / high, 2.0**10, rel_tol=1e-10)
    assert tails.t_ppf(0.001, 1e-10) == -math.inf


@pytest.mark.parametrize("df", [1e10, 1e15, math.inf])
def test_t_tends_to_the_normal(df):
    assert math.isclose(tails.t_cdf(df, -3.0), 0.0013498980316300945, rel_tol=30 / df + 1e-12)


@pytest.mark.parametrize(
    "parameters",
    [
        (1.0, 1.0, 1.0, 1.0),
        (2.0, 3.0, 4.0, 5.0),
        (30.0, 70.0, 60.0, 40.0),
        (0.5, 20.0, 3.0, 0.25),
        (400.0, 1000.0, 3.0, 5.0),
    ],
)
def test_beta_less_by_quadrature(parameters):
    a, b, c, d = (mp.mpf(v) for v in parameters)
    norm_x = mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)

    def integrand(s):
        x, y = 1 / (1 + mp.exp(-s)), 1 / (1 + mp.exp(s))
        density = mp.exp(a * mp.log(x) + b * mp.log(y) - norm_x)
        return density * mp.betainc(d, c, 0, y, regularized=True)

    with mp.workdps(20):
        want = mp.quad(integrand, [-300, -50, -10, -3, -2, -1, -0.3, 0, 0.3, 1, 2, 3, 10, 50, 300])
    assert relative_error(math.exp(quadrature.log_beta_less(*parameters)), want) < 1e-10


def test_beta_less_of_tiny_parameters_by_quadrature():
    a, b, c, d = (mp.mpf(v) for v in (0.01, 0.01, 0.01, 0.02))

    def half(a, b, tail):
        """Integral over x < 1/2 in u = x**a, where the density is smooth."""
        top = mp.mpf(0.5) ** a

        def integrand(u):
            x = u ** (1 / a) if u else mp.mpf(0)
            return (1 - x) ** (b - 1) * tail(x) / (a * mp.beta(a, b))

        return mp.quad(integrand, [0, top / 4, top / 2, top])

    lower = half(a, b, lambda x: 1 - mp.betainc(c, d, 0, x, regularized=True))
    upper = half(b, a, lambda y: mp.betainc(d, c, 0, y, regularized=True))
    found = math.exp(quadrature.log_beta_less(0.01, 0.01, 0.01, 0.02))
    assert relative_error(found, lower + upper) < 1e-10


@pytest.mark.parametrize("c", [1e-300, 1e-16])
@pytest.mark.parametrize("b", [1e300, 1e307])
def test_beta_less_of_a_variable_below_the_smallest_float(b, c):
    """P(Y > x) is -c (log x + digamma(d) + gamma) for tiny c and x; its mean is known."""
    mean_log = mp.digamma(2.5) - mp.digamma(mp.mpf(b) + 2.5)
    want = mp.log(-mp.mpf(c) * (mean_log + mp.digamma(3) + mp.euler))
    assert relative_error(quadrature.log_beta_less(2.5, b, c, 3.0), want) < 1e-13


def test_beta_less_of_variables_narrower_than_the_spacing_of_floats():
    """X is a / b almost surely, and P(Y > x) is exp(-d x) to leading order."""
    a, b, c, d = 9.165233211501968e187, 4.501387147930518e247, 9.582205054431667e63, 4.988e137
    assert quadrature.log_beta_less(a, b, c, d) == pytest.approx(-d * (a / b), rel=1e-10)


@pytest.mark.parametrize(
    ("a", "b", "c", "d"),
    [(5, 15, 10, 5), (60, 180, 120, 60), (150, 50, 50, 250), (2, 3000, 40, 5), (90, 2, 30, 70)],
)
def test_beta_less_of_whole_numbers_is_a_finite_sum(a, b, c, d):
    """P(X < Y) is the sum over i < c of B(a+i, b+d) / ((d+i) B(1+i, d) B(a, b))."""
    terms = [mp.beta(a + i, b + d) / ((d + i) * mp.beta(1 + i, d)) for i in range(c)]
    want = mp.fsum(terms) / mp.beta(a, b)
    assert relative_error(math.exp(quadrature.log_beta_less(a, b, c, d)), want) < 1e-10


def test_beta_less_of_cookie_cats():
    """gate_30 retains 8502 of 44700 and gate_40 8279 of 45489: P(30 > 40) = .99922."""
    better = math.exp(quadrature.log_beta_less(8280.0, 37211.0, 8503.0, 36199.0))
    assert round(better, 5) == 0.99922
    worse = math.exp(quadrature.log_beta_less(8503.0, 36199.0, 8280.0, 37211.0))
    assert math.isclose(better + worse, 1.0, rel_tol=1e-12)


def test_arrays_equal_scalars():
    shape = np.array([1e-2, 3.0, 2e5, 1e12])
    x = shape * np.array([0.5, 1.3, 0.999, 1.000001])
    q = np.array([0.5, 1e-9, 0.2, 0.8])
    other = np.array([2.0, 0.1, 3e10, 2e12])
    p = shape / (shape + other)
    for function, args in [
        (tails.gamma_cdf, (shape, x)),
        (tails.gamma_sf, (shape, x)),
        (tails.gamma_ppf, (shape, q)),
        (tails.gamma_isf, (shape, q)),
        (tails.beta_cdf, (shape, other, p)),
        (tails.beta_sf, (shape, other, p)),
        (tails.beta_ppf, (shape, other, q)),
        (tails.beta_isf, (shape, other, q)),
        (tails.beta_odds_ppf, (shape, other, q)),
        (tails.t_cdf, (shape, -p)),
        (tails.t_ppf, (shape, q)),
        (quadrature.log_beta_less, (shape, other, x, other + 1)),
    ]:
        scalars = [function(*row) for row in zip(*(v.tolist() for v in args), strict=True)]
        assert all(type(value) is float for value in scalars)
        np.testing.assert_allclose(function(*args), scalars, rtol=1e-11)


@pytest.mark.parametrize("shape", [2.0, 1e5, 1e9])
@pytest.mark.parametrize("tail", [tails.gamma_cdf, tails.gamma_sf])
def test_one_shape_takes_an_array_of_points(tail, shape):
    points = [0.99 * shape, shape, 1.01 * shape]
    expected = [tail(shape, x) for x in points]
    assert tail(shape, np.array(points)).tolist() == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(
    "parameters",
    [
        (2.68820320e208, 2.34229664e-270, 1.57586028e116, 4.69702432e-280),
        (1.38139221e-272, 4.03073388e242, 1.15463046e-232, 1.44214466e193),
        (9.01048722e-260, 2.68773066e95, 1.66526676e-172, 3.95358045e255),
    ],
)
def test_beta_comparisons_beyond_the_range_of_floats_are_nan(parameters):
    assert math.isnan(quadrature.log_beta_less(*parameters))
