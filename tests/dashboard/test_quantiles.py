"""Quantiles of observations and their credible intervals."""

import math

import pytest
from scipy import integrate, stats

from seqbayes import Beta, Gamma, Normal, NormalInverseGamma, likelihoods
from seqbayes.dashboard.views.quantiles import quantiles

WAITS = [3.0, 5.5, 4.0, 4.2, 6.1]


def probability_below(x, z, mean, kappa, alpha, beta):
    """Return P(mean + z sd <= x), integrated over the variance."""

    def given(variance):
        sd = math.sqrt(variance)
        inner = stats.norm.cdf((x - z * sd - mean) / (sd / math.sqrt(kappa)))
        return inner * stats.invgamma.pdf(variance, alpha, scale=beta)

    return integrate.quad(given, 0.0, math.inf, epsabs=1e-12, epsrel=1e-10, limit=500)[0]


@pytest.mark.parametrize("log", [False, True])
def test_intervals_of_normal_quantiles_have_their_probability(log):
    likelihood = likelihoods.LogNormal() if log else likelihoods.Normal()
    state = NormalInverseGamma(1.0, 0.5, 2.0, 1.5, likelihood=likelihood)
    state.learn_many(WAITS)
    found = quantiles(state)
    assert [each["p"] for each in found] == [0.5, 0.95, 0.99]
    for each in found:
        z = stats.norm.ppf(each["p"])
        for end, p in zip(each["interval"], (0.025, 0.975), strict=True):
            x = math.log(end) if log else end
            assert probability_below(x, z, *state.posterior) == pytest.approx(p, abs=1e-7)
        assert each["interval"][0] < each["x"] < each["interval"][1]


def test_intervals_of_exponential_quantiles_come_from_those_of_the_rate():
    state = Gamma(3, 2, likelihood=likelihoods.Exponential())
    state.learn_many(WAITS)
    low, high = stats.gamma.ppf([0.025, 0.975], 8.0, scale=1.0 / (2.0 + sum(WAITS)))
    for each in quantiles(state):
        expected = [-math.log1p(-each["p"]) / rate for rate in (high, low)]
        assert each["interval"] == pytest.approx(expected, rel=1e-9)


def test_a_known_variance_moves_the_quantile():
    state = Normal(0.0, 4.0, known_variance=9.0)
    reach = 1.959963984540054 * 2.0
    for each in quantiles(state):
        middle = 3.0 * stats.norm.ppf(each["p"])
        assert each["interval"] == pytest.approx([middle - reach, middle + reach])


def test_unsupported_beliefs_have_no_quantiles():
    assert quantiles(Beta(2, 1)) is None
    assert quantiles(NormalInverseGamma(0.0, 0.0, -0.5, 0.0)) is None
    assert quantiles(Gamma(2, 1, likelihood=likelihoods.Poisson())) is None
    assert quantiles(Gamma(2, 1)) is None
