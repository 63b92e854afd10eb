"""Shares and weights that are far below the rounding of the whole, against exact arithmetic."""

from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest

import seqbayes as sb
from seqbayes.distributions import Beta, Gamma, InverseGamma

PARAMETERS = {
    "Gamma": ("shape", "rate"),
    "InverseGamma": ("shape", "scale"),
    "Beta": ("alpha", "beta"),
}


@pytest.mark.parametrize("alpha", [[1e15, 0.1, 0.2], [1e8, 1e-6, 3.0, 2e-9], [5.0, 1e17]])
def test_variance_and_interval_of_a_dominating_category(alpha):
    state = sb.Dirichlet(alpha)
    exact = [Fraction(a) for a in alpha]
    total = sum(exact)
    for k, a in enumerate(exact):
        wanted = a * (total - a) / total**2 / (total + 1)
        assert state.var[k] == pytest.approx(float(wanted), rel=1e-12)
    process = sb.DirichletProcess(alpha[1], {"a": alpha[0], **dict(enumerate(alpha[2:]))})
    wanted = exact[0] * (total - exact[0]) / total**2 / (total + 1)
    assert process.var["a"] == pytest.approx(float(wanted), rel=1e-12)


def test_mean_after_an_observation_that_outweighs_the_prior():
    belief = sb.Normal(1e9, 1e12, 1e-3)
    belief.learn_one(0.0)
    prior, known = Fraction(1e12), Fraction(1e-3)
    wanted = Fraction(1e9) * known / (known + prior)
    assert belief.mean == pytest.approx(float(wanted), rel=1e-14)
    both = sb.NormalInverseGamma(1e9, 1e-15, 1, 1)
    both.learn_one(0.0)
    kappa = Fraction(1e-15)
    wanted = Fraction(1e9) * kappa / (kappa + 1)
    assert both.mean.mean == pytest.approx(float(wanted), rel=1e-14)
    vector = sb.NormalInverseWishart([1e9, 1.0], 1e-15, 5, np.eye(2))
    vector.learn_one([0.0, 0.0])
    assert vector.mean.mean[0] == pytest.approx(float(wanted), rel=1e-14)


@pytest.mark.parametrize("df", [5.0, 1e4, 1e8, 1e12])
def test_joint_density_of_mean_and_covariance(df):
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    scale = covariance * df * 1.0001
    belief = sb.NormalInverseWishart([0.0, 1.0], 3.0, df, scale)
    d, nu = 2, mp.mpf(df)
    sigma, psi = mp.matrix(covariance.tolist()), mp.matrix(scale.tolist())
    gap = mp.matrix([mp.mpf("0.25"), 0])
    inverse = sigma**-1
    trace = sum((psi * inverse)[i, i] for i in range(d))
    gammas = sum(mp.loggamma((nu - i) / 2) for i in range(d)) + mp.log(mp.pi) / 2
    wanted = nu / 2 * mp.log(mp.det(psi)) - nu * d / 2 * mp.log(2) - gammas
    wanted -= (nu + d + 1) / 2 * mp.log(mp.det(sigma)) + trace / 2
    wanted += mp.log(3 / (2 * mp.pi)) - mp.log(mp.det(sigma)) / 2
    wanted -= mp.mpf(3) / 2 * (gap.T * inverse * gap)[0]
    got = belief.logpdf(([0.25, 1.0], covariance))
    assert got == pytest.approx(float(wanted), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("level", [1e-9, 6e-4])
@pytest.mark.parametrize(
    "distribution",
    [Gamma(3.0, 1.0), Gamma(1e6, 2.0), InverseGamma(4.0, 2.0), Beta(3.0, 5.0), Beta(2e4, 30.0)],
    ids=repr,
)
def test_shortest_intervals_of_small_levels(distribution, level):
    name = type(distribution).__name__
    first, second = (mp.mpf(vars(distribution)[key]) for key in PARAMETERS[name])
    log_density = {
        "Gamma": lambda x: (first - 1) * mp.log(x) - second * x,
        "InverseGamma": lambda x: -(first + 1) * mp.log(x) - second / x,
        "Beta": lambda x: (first - 1) * mp.log(x) + (second - 1) * mp.log(1 - x),
    }[name]
    log_constant = {
        "Gamma": lambda: first * mp.log(second) - mp.loggamma(first),
        "InverseGamma": lambda: first * mp.log(second) - mp.loggamma(first),
        "Beta": lambda: mp.loggamma(first + second) - mp.loggamma(first) - mp.loggamma(second),
    }[name]()
    low, high = map(mp.mpf, distribution.interval(level, "hdi"))
    width = high - low

    def equations(left, right):
        mass = mp.quad(lambda x: mp.exp(log_density(x) + log_constant), [left, right])
        return [mass / level - 1, (log_density(left) - log_density(right)) / level**2]

    left, right = mp.findroot(equations, (low, high), tol=1e-40)
    rounding = 4 * mp.eps + 5e-16 * high / width
    assert abs(left - low) / width < 3e-9 + rounding
    assert abs(right - high) / width < 3e-9 + rounding


@pytest.mark.parametrize("level", [0.5, 1 - 1e-9, 1 - 2**-40])
@pytest.mark.parametrize("alpha", [1e4, 1e7, 1e9])
@pytest.mark.parametrize("beta", [1.0000001, 1.0001, 1.01])
def test_shortest_intervals_at_the_upper_end_of_shares(alpha, beta, level):
    """The upper end is within rounding of 1, so that the lower one has the outside mass."""
    low, high = Beta(alpha, beta).interval(level, "hdi")
    assert high >= 1 - 4e-16
    assert Beta(alpha, beta).cdf(low) == pytest.approx(1 - level, rel=4e-16 * alpha + 1e-9)
