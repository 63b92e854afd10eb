"""Logarithms of tails and quantiles where scipy.special loses digits, against mpmath."""

import math

import high_precision
import mpmath as mp
import numpy as np
import pytest

from seqbayes.distributions import Beta, Gamma
from seqbayes.numerics import quantiles, tail_integral, tails
from seqbayes.predictive import BetaBinomial, BetaNegativeBinomial, NegativeBinomial


def gamma_lower(shape, x):
    with mp.workdps(60):
        return mp.gammainc(mp.mpf(shape), 0, mp.mpf(x), regularized=True)


def gamma_upper(shape, x):
    with mp.workdps(60):
        return mp.gammainc(mp.mpf(shape), mp.mpf(x), mp.inf, regularized=True)


def beta_lower(a, b, x):
    with mp.workdps(60):
        return mp.betainc(mp.mpf(a), mp.mpf(b), 0, mp.mpf(x), regularized=True)


def t_lower(df, x):
    with mp.workdps(60):
        df, x = mp.mpf(df), mp.mpf(x)
        return mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + x * x), regularized=True) / 2


GAMMA = [(shape, x) for shape in (0.5, 3.0, 30.0) for x in (1e-9, 0.3, 5.0, 60.0, 800.0, 2e4)]
BETA = [
    (a, b, a / (a + b) * factor)
    for a, b in ((1000.0, 2.0), (2.0, 1e8), (5.0, 1e8), (0.5, 0.5), (0.1, 30.0), (400.0, 600.0))
    for factor in (1e-20, 1e-6, 0.01, 0.3, 0.97, 1.0, 1.01, 1.2)
    if a / (a + b) * factor < 1.0
]
STUDENT = [(df, x) for df in (0.5, 1.0, 4.0, 6.5, 1e3) for x in (-1e-8, -0.3, -3.0, -1e4, -1e100)]


@pytest.mark.parametrize(("shape", "x"), GAMMA)
def test_log_tails_of_gamma(shape, x):
    lower, upper = gamma_lower(shape, x), gamma_upper(shape, x)
    with mp.workdps(60):
        assert tails.gamma_logcdf(shape, x) == pytest.approx(float(mp.log(lower)), rel=1e-12)
        assert tails.gamma_logsf(shape, x) == pytest.approx(float(mp.log(upper)), rel=1e-12)


@pytest.mark.parametrize(("a", "b", "x"), BETA)
def test_log_tails_of_beta(a, b, x):
    lower = beta_lower(a, b, x)
    with mp.workdps(60):
        expected = float(mp.log(lower))
    assert tails.beta_logcdf(a, b, x) == pytest.approx(expected, rel=1e-12)
    assert tails.beta_cdf(a, b, x) == pytest.approx(float(lower), rel=1e-12)
    if 1e-300 < lower < 0.7:
        assert tails.beta_ppf(a, b, float(lower)) == pytest.approx(x, rel=1e-12)


TINY = [
    (a, b, x)
    for a in (1e-100, 1e-21, 1e-10, 1e-3, 0.5, 3.0)
    for b in (1e-300, 1e-210, 1e-100)
    for x in (1e-300, 1e-12, 0.3, 0.7, 0.999)
]


@pytest.mark.parametrize(("a", "b", "x"), TINY)
def test_tails_of_beta_with_a_tiny_parameter(a, b, x):
    """X is near 1 unless the parameters are of similar size: P(X <= x) is of the size of b / a."""
    lower = beta_lower(a, b, x)
    with mp.workdps(60):
        log_lower, log_upper = float(mp.log(lower)), float(mp.log1p(-lower))
    for array in (False, True):
        given = [np.array([v]) if array else v for v in (a, b, x)]
        assert tails.beta_logcdf(*given) == pytest.approx(log_lower, rel=1e-12)
        assert tails.beta_logsf(*given) == pytest.approx(log_upper, rel=1e-12, abs=1e-300)
        if lower > 1e-300:
            assert tails.beta_cdf(*given) == pytest.approx(float(lower), rel=1e-12)
    y = 1.0 - x
    assert tails.beta_logsf(b, a, y) == pytest.approx(float(mp.log(beta_lower(a, b, 1.0 - y))))


@pytest.mark.parametrize("p", [1e-90, 0.3, 0.5])
@pytest.mark.parametrize("rate", [1e-200, 1e-9, 1e-3])
def test_integral_over_a_range_where_exp_overflows(rate, p):
    n, d = 2.0 * rate, rate
    found = tail_integral.log_tail_integral(d, n * p, p, True)
    with mp.workdps(20):

        def integrand(t):
            return mp.exp(-d * t) * ((1 + p * mp.expm1(t)) * mp.exp(-p * t)) ** -n

        bend = -mp.log(p)  # beyond, log(1 + p exp(t)) is a straight line
        ends = [0, 1, bend, bend + 10, bend + 100, 1000, 1 / mp.mpf(rate), 40 / mp.mpf(rate)]
        wanted = mp.log(mp.quad(integrand, sorted(set(map(mp.mpf, ends)))))
    assert found == pytest.approx(float(wanted), rel=1e-10)


@pytest.mark.parametrize(("df", "x"), STUDENT)
def test_log_tails_of_student(df, x):
    lower = t_lower(df, x)
    with mp.workdps(60):
        expected = float(mp.log(lower))
        centre = float(mp.mpf(1) / 2 - lower)
    assert tails.t_logcdf(df, x) == pytest.approx(expected, rel=1e-12)
    assert tails.t_cdf(df, -x) - 0.5 == pytest.approx(centre, rel=1e-7, abs=1e-16)
    if 1e-300 < lower < 0.4:
        assert tails.t_ppf(df, float(lower)) == pytest.approx(x, rel=1e-12)


def test_published_values():
    assert round(tails.gamma_logsf(3.0, 800.0), 2) == -787.32
    assert round(tails.beta_logcdf(1000.0, 2.0, 0.4), 2) == -909.89
    # the density of Student's t with four degrees of freedom is 3/8 at its centre
    assert tails.t_ppf(4.0, 0.49999999) == pytest.approx(-(0.5 - 0.49999999) * 8 / 3, rel=1e-12)


@pytest.mark.parametrize(
    ("q", "log"), [(0.025, False), (0.975, False), (0.5, False), (-30.0, True)]
)
def test_equal_degrees_of_freedom_are_evaluated_once(q, log, monkeypatch):
    df = np.tile([0.5, 3.0, 40.0, 3.0, 1e30, 7.25, 1e5], 300)
    sizes, is_usual = [], quantiles.is_usual

    def recorded(df, x):
        sizes.append(np.size(df))
        return is_usual(df, x)

    monkeypatch.setattr(quantiles, "is_usual", recorded)
    found = tails.t_ppf(df, q, log)
    assert sum(sizes) < 20
    assert found.tobytes() == np.concatenate([tails.t_ppf(df[:7], q, log)] * 300).tobytes()


@pytest.mark.parametrize("q", [1e-300, 1e-290, 1e-100, 1e-12, 0.3, 1.0 - 1e-12])
@pytest.mark.parametrize("shape", [1e5, 1e7, 1e12])
def test_quantiles_of_large_shapes_invert_the_tails(shape, q):
    """The expansion for large shapes is checked against mpmath in `test_tails`."""
    low, high = tails.gamma_ppf(shape, q), tails.gamma_isf(shape, q)
    log_q = math.log(q) if q < 0.5 else math.log1p(-(1.0 - q))
    # a quantile is rounded to a float, which changes the log of the tail by up to this
    rounding = 4e-16 * shape * (abs(low - shape) / shape + 1.0 / math.sqrt(shape)) * 4.0
    assert tails.gamma_logcdf(shape, low) == pytest.approx(log_q, rel=1e-11, abs=rounding)
    assert tails.gamma_logsf(shape, high) == pytest.approx(log_q, rel=1e-11, abs=rounding)


def test_small_levels_have_distinct_quantiles():
    assert tails.gamma_ppf(1e5, 1e-300) < tails.gamma_ppf(1e5, 1e-290)
    assert tails.gamma_isf(1e5, 1e-300) > tails.gamma_isf(1e5, 1e-290)
    assert tails.beta_ppf(1e9, 1e9, 1e-300) < tails.beta_ppf(1e9, 1e9, 1e-290)


@pytest.mark.parametrize("shape", [2.0, 1e5, 1e9])
@pytest.mark.parametrize("name", ["cdf", "sf", "ppf", "isf", "logcdf", "logsf", "pdf", "logpdf"])
def test_arrays_are_computed_like_numbers(name, shape):
    points = [0.1, 0.5, 0.9] if name in ("ppf", "isf") else [0.99 * shape, shape, 1.01 * shape]
    for distribution in (Gamma(shape, 1.0), Beta(shape, 2.0 * shape)):
        if isinstance(distribution, Beta) and name not in ("ppf", "isf"):
            points = [0.333, 1 / 3, 0.334]
        method = getattr(distribution, name)
        values = method(np.array(points))
        assert values.tolist() == pytest.approx([method(x) for x in points], rel=1e-13)


def log_sum(masses):
    """Log of the sum of masses until further ones are negligible."""
    total = mp.mpf(0)
    for mass in masses:
        total += mass
        if mass < total * mp.mpf(10) ** -15:
            return mp.log(total)
    raise AssertionError("masses have no end")


DEEP_COUNTS = [
    (BetaBinomial(5000, 3000.0, 2.0), high_precision.log_beta_binomial_pmf, 10, True),
    (BetaBinomial(10**5, 1e4, 1e4), high_precision.log_beta_binomial_pmf, 30_000, True),
    (BetaBinomial(10**5, 1e4, 1e4), high_precision.log_beta_binomial_pmf, 70_000, False),
    (BetaBinomial(1500, 2e5, 1.0), high_precision.log_beta_binomial_pmf, 100, True),
    (
        BetaNegativeBinomial(3.0, 5e4, 10.0),
        high_precision.log_beta_negative_binomial_pmf,
        200,
        False,
    ),
    (
        BetaNegativeBinomial(2.5, 1e5, 1e3),
        high_precision.log_beta_negative_binomial_pmf,
        3000,
        False,
    ),
    (
        BetaNegativeBinomial(4e4, 1e4, 1e4),
        high_precision.log_beta_negative_binomial_pmf,
        20_000,
        True,
    ),
    (NegativeBinomial(3.0, 2.0, 1.0), high_precision.log_negative_binomial_pmf, 5000, False),
    (NegativeBinomial(1e6, 2.0, 1.0), high_precision.log_negative_binomial_pmf, 400_000, True),
]


@pytest.mark.parametrize(("distribution", "log_pmf", "k", "lower"), DEEP_COUNTS)
def test_log_tails_of_counts_survive_underflow(distribution, log_pmf, k, lower):
    given = distribution.hyperparameters()[:3]
    with mp.workdps(28):
        step = -1 if lower else 1
        first = k if lower else k + 1
        wanted = float(log_sum(high_precision.masses(log_pmf, first, step, *given)))
    assert wanted < -700.0
    tail, other = ("logcdf", "logsf") if lower else ("logsf", "logcdf")
    assert getattr(distribution, tail)(k) == pytest.approx(wanted, rel=1e-10)
    assert getattr(distribution, tail)(np.array([k, k]))[1] == pytest.approx(wanted, rel=1e-10)
    assert getattr(distribution, other)(k) == 0.0
    quantile = distribution.ppf if lower else distribution.isf
    below, above = (getattr(distribution, tail)(k + i) for i in (-1, 0))
    level = 0.5 * (below + above)
    # each search takes long at large k
    if lower or k < 1000:
        assert quantile(np.array([level]), log=True)[0] == k
    if not lower or k < 1000:
        assert quantile(level, log=True) == k
