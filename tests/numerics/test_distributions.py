"""Densities, tails, quantiles, intervals and moments of the parameter distributions."""

import math

import mpmath as mp
import numpy as np
import pytest
import scipy.stats
from high_precision import log_beta_pdf, log_gamma_pdf, log_t_pdf, relative_error
from hypothesis import given
from hypothesis import strategies as st

from seqbayes.distributions import Beta, Gamma, InverseGamma, Normal, StudentT

shapes = st.floats(-3, 15).map(lambda e: 10.0**e)
moderate = st.floats(-1, 4).map(lambda e: 10.0**e)
FAMILIES = {
    Beta: (moderate, moderate),
    Gamma: (moderate, moderate),
    InverseGamma: (moderate, moderate),
    Normal: (st.floats(-1e3, 1e3), moderate),
    StudentT: (st.floats(1.0, 1e4), st.floats(-1e3, 1e3), moderate),
}
distributions = st.one_of(
    *(st.builds(family, *parameters) for family, parameters in FAMILIES.items())
)
CASES = [
    Beta(2, 3),
    Beta(0.5, 0.5),
    Beta(0.3, 4),
    Beta(40, 7),
    Gamma(0.4, 2),
    Gamma(1, 26),
    Gamma(30, 0.1),
    InverseGamma(0.7, 2),
    InverseGamma(8, 3),
    Normal(-3, 4),
    StudentT(1, 2, 3),
    StudentT(7, -1, 0.5),
]


def close(got, want, tolerance=1e-11):
    return abs(mp.mpf(got) - want) <= tolerance * max(1, abs(want))


@given(shapes, shapes, st.floats(-4, 4))
def test_beta_logpdf(a, b, z):
    x = 1.0 / (1.0 + math.exp(-math.log(a / b) - z * math.sqrt(1 / a + 1 / b)))
    x = min(max(x, 1e-300), 1.0 - 2.0**-53)
    assert close(Beta(a, b).logpdf(x), log_beta_pdf(x, a, b))


@given(shapes, st.floats(-4, 4), st.floats(1e-6, 1e6))
def test_gamma_logpdf(shape, z, rate):
    x = shape * math.exp(max(-300.0, min(300.0, z / math.sqrt(shape)))) / rate
    assert close(Gamma(shape, rate).logpdf(x), log_gamma_pdf(x, shape, rate))
    want = log_gamma_pdf(mp.mpf(1) / x, shape, rate) - 2 * mp.log(x)
    assert close(InverseGamma(shape, rate).logpdf(x), want)


@given(shapes, st.floats(-3, 30), st.sampled_from([-1.0, 1.0]))
def test_t_logpdf(df, exponent, sign):
    t = sign * 10.0**exponent
    assert close(StudentT(df).logpdf(t), log_t_pdf(t, df))


def test_beta_density_at_a_hundred_million():
    want = log_beta_pdf(0.5, 1e8, 1e8)
    assert relative_error(Beta(1e8, 1e8).logpdf(0.5), want) < 1e-14


def test_beta_mean_at_1e15_is_exact():
    assert Beta(1e15, 3e15).mean == 0.25
    assert Beta(1.0, 1e15 - 1.0).mean == 1e-15


@pytest.mark.parametrize("d", CASES, ids=repr)
def test_densities_integrate_to_the_cdf(d):
    knots = [d.ppf(q) for q in (0.3, 0.4, 0.5, 0.6, 0.7)]
    mass = mp.quad(lambda x: mp.exp(mp.mpf(d.logpdf(float(x)))), knots, maxdegree=5)
    assert math.isclose(mass, 0.4, rel_tol=1e-9)


@pytest.mark.parametrize("d", CASES, ids=repr)
def test_moments_agree_with_scipy(d):
    frozen = {
        Beta: lambda: scipy.stats.beta(d.alpha, d.beta),
        Gamma: lambda: scipy.stats.gamma(d.shape, scale=1 / d.rate),
        InverseGamma: lambda: scipy.stats.invgamma(d.shape, scale=d.scale),
        Normal: lambda: scipy.stats.norm(d.mean, d.std),
        StudentT: lambda: scipy.stats.t(d.df, d.loc, d.scale),
    }[type(d)]()
    mean, var = frozen.stats("mv")
    if d.mean is None:
        assert not np.isfinite(mean)
        assert d.var is None
        assert d.std is None
    else:
        assert math.isclose(d.mean, mean, rel_tol=1e-12)
        assert math.isclose(d.var, var, rel_tol=1e-12) or d.var == math.inf
        assert d.std == math.sqrt(d.var)


@given(distributions, st.floats(1e-12, 1.0 - 1e-6))
def test_quantiles_invert_the_tails(d, q):
    x, y = d.ppf(q), d.isf(q)
    if x not in d.support:
        slack = 1e-10 + abs(x) * d.pdf(x) * 1e-14 / q
        assert math.isclose(d.cdf(x), q, rel_tol=slack)
        assert math.isclose(d.cdf(x) + d.sf(x), 1.0, rel_tol=1e-12)
    if y not in d.support:
        slack = 1e-10 + abs(y) * d.pdf(y) * 1e-14 / q
        assert math.isclose(d.sf(y), q, rel_tol=slack)


@given(distributions, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_cdf_and_quantiles_are_monotone(d, p, q):
    p, q = min(p, q), max(p, q)
    x, y = d.ppf(p), d.ppf(q)
    slack = 1e-13 * max(abs(x), d.std or 1.0)
    assert x <= y + slack
    assert d.isf(p) >= d.isf(q) - slack
    assert d.cdf(x) <= d.cdf(y) * (1 + 1e-12)
    assert d.sf(x) >= d.sf(y) * (1 - 1e-12)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.95, 0.999])
@pytest.mark.parametrize("d", CASES, ids=repr)
def test_hdi_is_the_shortest_of_all_intervals(d, level):
    low, high = d.interval(level, kind="hdi")
    assert math.isclose(d.cdf(high) - d.cdf(low), level, rel_tol=1e-9)
    below = np.linspace(0.0, 1.0 - level, 2001)
    with np.errstate(invalid="ignore"):
        widths = d.ppf(below + level) - d.ppf(below)
    assert high - low <= np.nanmin(widths) * (1 + 1e-9)


@pytest.mark.parametrize("d", [Beta(3, 9), Gamma(5, 2), InverseGamma(3, 2), Beta(1.01, 400)])
def test_hdi_ends_have_equal_density(d):
    low, high = d.interval(0.9, kind="hdi")
    assert math.isclose(d.pdf(low), d.pdf(high), rel_tol=1e-7)


@pytest.mark.parametrize(
    ("d", "low", "high"),
    [
        (Gamma(1, 2), 0.0, Gamma(1, 2).ppf(0.9)),
        (Gamma(0.5, 2), 0.0, Gamma(0.5, 2).ppf(0.9)),
        (Beta(0.5, 2), 0.0, Beta(0.5, 2).ppf(0.9)),
        (Beta(4, 1), Beta(4, 1).isf(0.9), 1.0),
        (Beta(0.5, 0.4), Beta(0.5, 0.4).isf(0.9), 1.0),
        (Beta(1, 1), 0.05, 0.95),
    ],
)
def test_hdi_of_monotone_densities_is_one_sided(d, low, high):
    assert d.interval(0.9, kind="hdi") == pytest.approx((low, high), rel=1e-12)


def test_equal_tailed_interval_of_red_candies():
    """Madison's 372 red of 2620 under Dirichlet(1, ..., 1)."""
    low, high = Beta(373, 2253).interval()
    assert low == pytest.approx(0.12895, abs=1e-5)
    assert high == pytest.approx(0.15564, abs=1e-5)


@pytest.mark.parametrize(
    ("d", "mode"),
    [
        (Beta(0.5, 0.5), None),
        (Beta(1, 1), None),
        (Beta(0.5, 2), 0.0),
        (Beta(0.5, 1), 0.0),
        (Beta(1, 2), 0.0),
        (Beta(1, 0.5), 1.0),
        (Beta(4, 1), 1.0),
        (Beta(4, 0.2), 1.0),
        (Beta(3, 2), 2 / 3),
        (Gamma(0.5, 2), 0.0),
        (Gamma(1, 2), 0.0),
        (Gamma(3, 2), 1.0),
        (InverseGamma(3, 2), 0.5),
        (Normal(3, 2), 3.0),
        (StudentT(1, 3, 2), 3.0),
    ],
)
def test_modes(d, mode):
    assert d.mode == mode


def test_densities_at_and_beyond_the_ends():
    assert Beta(0.5, 2).pdf(0.0) == math.inf
    assert Beta(1, 3).pdf(0.0) == pytest.approx(3.0)
    assert Beta(2, 3).pdf(0.0) == 0.0
    assert Beta(2, 1).pdf(1) == pytest.approx(2.0)
    assert Gamma(1, 26).pdf(0) == pytest.approx(26.0)
    assert InverseGamma(1, 2).pdf(0.0) == 0.0
    for d in CASES:
        low, high = d.support
        for outside in (low - 1.0, high + 1.0):
            assert d.pdf(outside) == 0.0
            assert d.logpdf(outside) == -math.inf
        assert d.cdf(low) == d.sf(high) == 0.0
        assert d.cdf(high) == d.sf(low) == 1.0
        assert (d.ppf(0.0), d.ppf(1.0)) == (low, high) == (d.isf(1.0), d.isf(0.0))
        for function in (d.pdf, d.logpdf, d.cdf, d.sf, d.ppf, d.isf):
            assert math.isnan(function(math.nan))
        assert math.isnan(d.ppf(1.5))


@pytest.mark.parametrize(("df", "var"), [(1.0, None), (1.5, math.inf), (2.0, math.inf), (4.0, 2.0)])
def test_t_moments_that_do_not_exist(df, var):
    assert StudentT(df).mean == (None if df <= 1 else 0.0)
    assert StudentT(df).var == var


@pytest.mark.parametrize("d", [Beta(0, 0), Gamma(1, 0), Gamma(0, 0)], ids=repr)
def test_improper_distributions_have_no_moments(d):
    assert d.mean is d.var is d.std is None


def test_infinite_moments():
    assert InverseGamma(1, 2).mean == InverseGamma(2, 2).var == math.inf


def test_normal_log_tails_beyond_underflow():
    want = mp.log(mp.erfc(1000 / mp.sqrt(2)) / 2)
    assert relative_error(Normal(0, 1).logcdf(-1000.0), want) < 1e-14
    assert relative_error(Normal(0, 1).logsf(1000.0), want) < 1e-14


def test_t_with_infinite_df_is_normal():
    t, normal = StudentT(math.inf, 1, 2), Normal(1, 4)
    for x in (-30.0, 0.0, 2.5):
        assert math.isclose(t.pdf(x), normal.pdf(x), rel_tol=1e-12)
        assert math.isclose(t.cdf(x), normal.cdf(x), rel_tol=1e-12)
    assert t.var == normal.var


@pytest.mark.parametrize("family", FAMILIES)
def test_array_results_equal_scalar_results(family, rng):
    columns = [rng.uniform(1.5, 20.0, size=(3, 1)), np.array([0.3, 1.0, 8.0, 2e6])][
        : len(FAMILIES[family])
    ]
    if family is StudentT:
        columns.append(2.0)
    d = family(*columns)
    rows = zip(*(c.ravel().tolist() for c in np.broadcast_arrays(*columns)), strict=True)
    elements = [family(*row) for row in rows]
    x, q = 0.37, 0.01
    for name, args in [
        ("pdf", (x,)),
        ("logpdf", (x,)),
        ("p", (x,)),
        ("cdf", (x,)),
        ("sf", (x,)),
        ("ppf", (q,)),
        ("isf", (q,)),
        ("logcdf", (x,)),
    ]:
        want = [getattr(e, name)(*args) for e in elements]
        assert all(type(value) is float for value in want)
        got = getattr(d, name)(*args)
        np.testing.assert_allclose(np.ravel(got), want, rtol=1e-11)
    for name in ("mean", "var", "std", "mode"):
        want = np.array([getattr(e, name) for e in elements], dtype=float)
        got = np.broadcast_to(getattr(d, name), (3, 4)).ravel()
        np.testing.assert_allclose(got, want, rtol=1e-12)
    for kind in ("equal-tailed", "hdi"):
        want = np.array([e.interval(0.9, kind) for e in elements]).T
        got = [np.ravel(end) for end in d.interval(0.9, kind)]
        np.testing.assert_allclose(got, want, rtol=1e-11)


def test_arrays_of_points_broadcast_against_scalars():
    d, x = Beta(2, 3), np.array([-1.0, 0.0, 0.2, 1.0, 2.0, np.nan])
    np.testing.assert_allclose(d.pdf(x), [d.pdf(v) for v in x.tolist()])
    np.testing.assert_allclose(d.cdf(x), [d.cdf(v) for v in x.tolist()])
    assert type(Beta(np.float64(2), 3).mean) is float
    assert Beta([0.5, 2.0], 0.5).mode.tolist()[1] == 1.0
    assert np.isnan(Beta([0.5, 2.0], 0.5).mode[0])


@pytest.mark.parametrize("d", CASES, ids=repr)
def test_draws_follow_the_cdf(d, rng):
    draws = d.sample(2000, rng)
    assert scipy.stats.kstest(draws, d.cdf).pvalue > 1e-4
    assert type(d.sample(rng=rng)) is float
    assert d.sample((2, 3), rng).shape == (2, 3)


@pytest.mark.parametrize(("level", "kind"), [(0.0, "hdi"), (1.5, "hdi"), (0.9, "widest")])
def test_interval_rejects_invalid_arguments(level, kind):
    with pytest.raises(ValueError, match="expected"):
        Beta(1, 2).interval(level, kind)
