"""Entropies and divergences at hard parameters, against 60-digit gamma functions."""

import mpmath as mp
import numpy as np
import pytest

from seqbayes.distributions import Beta, Gamma, InverseGamma, Normal, StudentT
from seqbayes.families import dirichlet_belief

RNG = np.random.default_rng(5)
HARD = [tuple(10.0 ** RNG.uniform(-3, 15, 4)) for _ in range(60)]
CLOSE = [(a, b, a * (1 + 1e-4), b * (1 - 1e-3)) for a, b, _, _ in HARD]


def log_beta(*alpha):
    return sum(map(mp.loggamma, alpha)) - mp.loggamma(sum(alpha))


@pytest.mark.parametrize("shapes", HARD)
def test_entropies(shapes):
    a, b, _, _ = map(mp.mpf, shapes)
    psi, n = mp.digamma, a + b
    beta = log_beta(a, b) - (a - 1) * psi(a) - (b - 1) * psi(b) + (n - 2) * psi(n)
    wanted = {
        Beta(*shapes[:2]): beta,
        Gamma(*shapes[:2]): a - mp.log(b) + mp.loggamma(a) + (1 - a) * psi(a),
        InverseGamma(*shapes[:2]): a + mp.log(b) + mp.loggamma(a) - (1 + a) * psi(a),
    }
    half = a / 2
    t = (half + mp.mpf(0.5)) * (psi(half + mp.mpf(0.5)) - psi(half))
    wanted[StudentT(shapes[0])] = t + mp.log(a) / 2 + log_beta(half, mp.mpf(0.5))
    for distribution, entropy in wanted.items():
        assert distribution.entropy() == pytest.approx(float(entropy), rel=1e-12, abs=1e-12)
    belief = dirichlet_belief.DirichletBelief(shapes[:2], ("a", "b"))
    assert belief.entropy() == pytest.approx(float(beta), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("shapes", HARD + CLOSE)
def test_divergences(shapes):
    a, b, c, d = map(mp.mpf, shapes)
    psi, n, m = mp.digamma, a + b, c + d
    beta = log_beta(c, d) - log_beta(a, b)
    beta += (a - c) * psi(a) + (b - d) * psi(b) + (m - n) * psi(n)
    gamma = (a - c) * psi(a) - mp.loggamma(a) + mp.loggamma(c)
    gamma += c * (mp.log(b) - mp.log(d)) + a * (d - b) / b
    one, other = shapes[:2], shapes[2:]
    assert Beta(*one).kl(Beta(*other)) == pytest.approx(float(beta), rel=1e-9)
    assert Gamma(*one).kl(Gamma(*other)) == pytest.approx(float(gamma), rel=1e-9)
    assert InverseGamma(*one).kl(InverseGamma(*other)) == pytest.approx(float(gamma), rel=1e-9)
    ratio = b / d
    normal = (ratio - 1 - mp.log(ratio) + (a - c) ** 2 / d) / 2
    assert Normal(*one).kl(Normal(*other)) == pytest.approx(float(normal), rel=1e-9)
    belief = dirichlet_belief.DirichletBelief(one, ("a", "b"))
    others = dirichlet_belief.DirichletBelief(other, ("a", "b"))
    assert belief.kl(others) == pytest.approx(float(beta), rel=1e-9)


def test_arrays_are_computed_like_numbers():
    a, b = np.array([0.5, 3.0, 1e6]), np.array([2.0, 1e-2, 5.0])
    both = Beta(a, b)
    each = [Beta(*pair) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    assert both.entropy().tolist() == pytest.approx([one.entropy() for one in each])
    other = Beta(1.0, 2.0)
    assert both.kl(other).tolist() == pytest.approx([one.kl(other) for one in each])
