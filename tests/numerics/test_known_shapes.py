"""Likelihoods with extreme known shapes, and data far from an extreme prior."""

import mpmath as mp
import numpy as np
import pytest

import seqbayes as sb
from seqbayes import likelihoods
from seqbayes.distributions.combination import NormalCombination


def log_marginal(prior, shape, terms):
    """Return the log evidence of y ~ Gamma(shape, rate), given pairs of y and dy/dx."""
    a, b = map(mp.mpf, prior)
    n, total = mp.mpf(shape) * len(terms), mp.fsum(y for y, _ in terms)
    base = mp.fsum(shape * mp.log(y) + mp.log(slope / y) for y, slope in terms)
    base -= len(terms) * mp.loggamma(shape)
    return (
        mp.loggamma(a + n) - mp.loggamma(a) - n * mp.log(b + total) - a * mp.log1p(total / b) + base
    )


FORMS = {
    likelihoods.GammaShape: lambda x: (mp.mpf(x), mp.mpf(1)),
    likelihoods.InverseGamma: lambda x: (1 / mp.mpf(x), 1 / mp.mpf(x) ** 2),
}


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("shape", [3e4, 65536.0, 1515621556.6683125, 1e15])
@pytest.mark.parametrize("prior", [(3.5, 9.3), (2e10, 10.4), (1e-3, 1e-3)])
def test_evidence_under_large_known_shapes(kind, shape, prior):
    state = sb.Gamma(*prior, likelihood=kind(shape))
    typical = shape * prior[1] / max(prior[0], 1.0)
    xs = [typical * f if kind is likelihoods.GammaShape else f / typical for f in (1.0, 1.003, 0.9)]
    terms = [FORMS[kind](x) for x in xs]
    many = sb.Gamma(*prior, likelihood=kind(shape))
    many.learn_many(np.array(xs))
    for i, x in enumerate(xs):
        before = log_marginal(prior, shape, terms[:i])
        exact = log_marginal(prior, shape, terms[: i + 1])
        assert state.log_predictive(x) == pytest.approx(float(exact - before), rel=1e-10, abs=1e-10)
        state.learn_one(x)
        assert state.log_evidence == pytest.approx(float(exact), rel=1e-10, abs=1e-10)
    assert many.log_evidence == pytest.approx(state.log_evidence, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("x", "rate"), [(1e-200, 1e250), (3.6e-49, 1e250), (1e200, 1e-250)])
@pytest.mark.parametrize("k", [0.01, 1.5])
@pytest.mark.parametrize("shape", [0.02, 2.5])
def test_tails_at_ratios_that_underflow(k, shape, rate, x):
    predictive = sb.Gamma(shape, rate, likelihood=likelihoods.GammaShape(k)).predictive
    total = mp.mpf(x) + mp.mpf(rate)
    p, q = mp.mpf(x) / total, mp.mpf(rate) / total
    if p < q:
        lower = mp.betainc(k, shape, 0, p, regularized=True)
        tails = mp.log(lower), mp.log1p(-lower)
    else:
        upper = mp.betainc(shape, k, 0, q, regularized=True)
        tails = mp.log1p(-upper), mp.log(upper)
    density = k * mp.log(p) + shape * mp.log(q) - mp.log(mp.beta(k, shape) * x)
    expected = [float(v) for v in (density, *tails)]
    found = [predictive.logpdf(x), predictive.logcdf(x), predictive.logsf(x)]
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-300)
    arrays = [f(np.array([x, x])) for f in (predictive.logpdf, predictive.logcdf, predictive.logsf)]
    assert [a[1] for a in arrays] == pytest.approx(expected, rel=1e-10, abs=1e-300)
    assert predictive.cdf(x) == pytest.approx(float(mp.exp(tails[0])), rel=1e-10)
    assert predictive.sf(x) == pytest.approx(float(mp.exp(tails[1])), rel=1e-10)


def test_evidence_under_shapes_near_the_smallest_floats():
    many = sb.Gamma(5e-295, 4084048872381.0244, likelihood=likelihoods.Poisson(None))
    assert many.log_predictive((10**15, 21.162558700162137)) == pytest.approx(-2.598587646e16)
    failures = likelihoods.NegativeBinomial(90807787394.8558)
    share = sb.Beta(4.649770512399828e-271, 3.9349926394349406e-174, likelihood=failures)
    assert share.log_predictive(0) == pytest.approx(-223.183845165543, rel=1e-12)
    precise = sb.Gamma(3e-300, 1e9, likelihood=likelihoods.NormalPrecision(3.0))
    assert precise.predictive.logpdf(4.0) == pytest.approx(precise.log_predictive(4.0), rel=1e-12)


@pytest.mark.parametrize("kind", [likelihoods.GammaShape, likelihoods.InverseGamma])
def test_intervals_of_quantiles_of_observations(kind):
    likelihood = kind(3.0)
    low, high = likelihood.quantile_interval(sb.Gamma(4e6, 2e6).posterior, 0.9, 0.95)
    draws = likelihood.sample(2.0, np.random.default_rng(1), 200_000)
    assert low < high < 1.01 * low
    assert low == pytest.approx(float(np.quantile(draws, 0.9)), rel=0.02)


@pytest.mark.parametrize("shape", [1.5, 1e9, 604005048855960.0])
def test_expected_observations_under_large_shapes(shape):
    posterior = sb.Gamma(1936.3, 128490.4).posterior
    waits = likelihoods.GammaShape(shape).expectation(posterior)
    assert waits.mean == pytest.approx(shape * 128490.4 / 1935.3, rel=1e-12)
    inverse = likelihoods.InverseGamma(shape).expectation(posterior)
    assert inverse.mean == pytest.approx(1936.3 / 128490.4 / (shape - 1.0), rel=1e-12)
    deviation = NormalCombination(0.0, 10.0, shape, 2.0 * shape, deviations=1.0)
    root = mp.sqrt(2.0 * shape) * mp.gammaprod([shape - 0.5], [shape])
    assert deviation.mean == pytest.approx(float(root), rel=1e-12)


def test_divergences_from_shapes_near_the_smallest_floats():
    rare, usual = sb.Beta(1.0725634673253093e-159, 177.95), sb.Beta(1.3227e-182, 7.0799e-200)
    a, b, c, d = map(mp.mpf, (1.0725634673253093e-159, 177.95, 1.3227e-182, 7.0799e-200))
    exact = mp.log(mp.beta(c, d)) - mp.log(mp.beta(a, b)) + (a - c) * mp.digamma(a)
    exact += (b - d) * mp.digamma(b) + (c - a + d - b) * mp.digamma(a + b)
    assert rare.kl(usual) == pytest.approx(float(exact), rel=1e-10)
    names = [sb.Dirichlet({"yes": s.alpha, "no": s.beta}) for s in (rare, usual)]
    assert names[0].kl(names[1]) == pytest.approx(float(exact), rel=1e-10)
    slow, other = sb.Gamma(7.789e-221, 51428.5), sb.Gamma(8.69e14, 2.467e-219)
    assert slow.kl(other) == pytest.approx(8.69e14 / 7.789e-221, rel=1e-10)
