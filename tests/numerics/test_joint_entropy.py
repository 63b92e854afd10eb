"""Entropies and divergences of joint distributions: expected log densities in 80 digits."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest

from seqbayes import Beta, Dirichlet, Gamma, NormalInverseGamma, NormalInverseWishart, Product

DIGITS = 80
BOUND = 1e-10


def close(got, wanted):
    return float(abs(mp.mpf(float(got)) - wanted) / max(1, abs(wanted))) < BOUND


def normal_inverse_gamma(p, q):
    """Return E log q under p: numbers are (mean, kappa, alpha, beta)."""
    m, kappa, alpha, beta = map(mp.mpf, p)
    m_q, kappa_q, alpha_q, beta_q = map(mp.mpf, q)
    log_variance, precision = mp.log(beta) - mp.psi(0, alpha), alpha / beta
    log_z = mp.log(2 * mp.pi / kappa_q) / 2 + mp.loggamma(alpha_q) - alpha_q * mp.log(beta_q)
    distance = 1 / kappa + (m - m_q) ** 2 * precision
    power = (alpha_q + mp.mpf(3) / 2) * log_variance
    return -log_z - power - beta_q * precision - kappa_q * distance / 2


def normal_inverse_wishart(p, q):
    """Return E log q under p: (mean, kappa, df, scale)."""
    (m, kappa, df, scale), (m_q, kappa_q, df_q, scale_q) = p, q
    d = len(m)
    scale, scale_q, kappa, kappa_q = (
        mp.matrix(scale),
        mp.matrix(scale_q),
        *map(mp.mpf, (p[1], q[1])),
    )
    df, df_q = mp.mpf(df), mp.mpf(df_q)
    log_determinant = mp.log(mp.det(scale)) - d * mp.log(2)
    log_determinant -= sum(mp.psi(0, (df - i) / 2) for i in range(d))
    inverse = mp.inverse(scale)
    gap = mp.matrix([mp.mpf(a) - mp.mpf(b) for a, b in zip(m, m_q, strict=True)])
    distance = d / kappa + df * (gap.T * inverse * gap)[0]
    product = scale_q * inverse
    trace = df * sum(product[i, i] for i in range(d))
    gammas = sum(mp.loggamma((df_q - i) / 2) for i in range(d))
    log_z = mp.mpf(d) / 2 * mp.log(2 * mp.pi / kappa_q) + df_q * d / 2 * mp.log(2)
    log_z += mp.mpf(d * (d - 1)) / 4 * mp.log(mp.pi) + gammas - df_q / 2 * mp.log(mp.det(scale_q))
    return -log_z - (df_q + d + 2) / 2 * log_determinant - trace / 2 - kappa_q * distance / 2


def dirichlet(p, q):
    """Return E log q under p: the shapes."""
    p, q = list(map(mp.mpf, p)), list(map(mp.mpf, q))
    log_z = sum(map(mp.loggamma, q)) - mp.loggamma(sum(q))
    return (
        sum((b - 1) * (mp.psi(0, a) - mp.psi(0, sum(p))) for a, b in zip(p, q, strict=True)) - log_z
    )


def gamma(p, q):
    """Return E log q under p: (shape, rate)."""
    (a, b), (a_q, b_q) = (tuple(map(mp.mpf, each)) for each in (p, q))
    expected = mp.psi(0, a) - mp.log(b)
    return a_q * mp.log(b_q) - mp.loggamma(a_q) + (a_q - 1) * expected - b_q * a / b


NORMAL_INVERSE_GAMMA = [
    (0.5, 1.5, 2.5, 3.5),
    (-1.0, 1e-3, 1e-3, 1e-3),
    (1e6, 1e12, 0.5, 1e-6),
    (1e-6, 1e-6, 1e6, 1e9),
    (0.5, 1e9, 1e12, 1e12),
    (0.5, 1e9 + 1, 1e12 + 3, 1e12),
]
NORMAL_INVERSE_WISHART = [
    ([0.0, 1.0], 1.5, 3.5, [[2.0, 0.6], [0.6, 1.0]]),
    ([0.5, 1.0], 1e-3, 1.01, [[1e-6, 0.0], [0.0, 1e6]]),
    ([0.0, 1.5], 1e9, 1e9, [[1e9, 9e8], [9e8, 1e9]]),
    ([0.0, 1.5], 1e9 + 2, 1e9 + 7, [[1e9, 9e8], [9e8, 1e9]]),
    ([0.0, 1.0], 2.0, 1e12, [[1e12, 0.0], [0.0, 1e12]]),
    ([0.0, 1.0], 2.0, 5.0, [[1.0, 1.0 - 1e-9], [1.0 - 1e-9, 1.0]]),
]
DIRICHLET = [
    (2.0, 3.5, 1.25),
    (1e-3, 1e-3, 1e-3),
    (1e15, 0.1, 0.2),
    (1e12, 1e12, 1e12),
    (1e12 + 5, 1e12, 1e12),
    (1e-3, 1.0, 1e9),
]
GAMMA = [(2.0, 3.0), (1e-3, 1e3), (1e12, 1e12), (1e12 + 1, 1e12), (1e15, 1e-3)]
JOINT = [
    (NormalInverseGamma, normal_inverse_gamma, NORMAL_INVERSE_GAMMA),
    (NormalInverseWishart, normal_inverse_wishart, NORMAL_INVERSE_WISHART),
    (lambda *alpha: Dirichlet(dict(zip("abc", alpha, strict=True))), dirichlet, DIRICHLET),
]


@pytest.mark.parametrize(("family", "expected", "cases"), JOINT, ids=["NIG", "NIW", "Dirichlet"])
def test_joint_entropies_and_divergences_are_exact(family, expected, cases):
    with mp.workdps(DIGITS):
        for p in cases:
            assert close(family(*p).entropy(), -expected(p, p)), p
        for p, q in itertools.product(cases, repeat=2):
            wanted = expected(p, p) - expected(p, q)
            assert close(family(*p).kl(family(*q)), wanted), (p, q)


def test_entropies_and_divergences_of_a_product_are_sums():
    def product(one, two):
        return Product(
            {"rate": Gamma(*one), "share": Dirichlet(dict(zip("abc", two, strict=True)))}
        )

    with mp.workdps(DIGITS):
        pairs = list(zip(GAMMA, DIRICHLET, strict=False))
        for one, two in itertools.product(pairs, repeat=2):
            first, second = product(*one), product(*two)
            entropy = -gamma(one[0], one[0]) - dirichlet(one[1], one[1])
            divergence = gamma(one[0], one[0]) - gamma(one[0], two[0])
            divergence += dirichlet(one[1], one[1]) - dirichlet(one[1], two[1])
            assert close(first.entropy(), entropy), one
            assert close(first.kl(second), divergence), (one, two)


def test_expected_log_densities_agree_with_quadrature():
    """The oracle itself, where two-dimensional quadrature is possible."""
    p, q = (0.5, 1.5, 2.5, 3.5), (0.0, 2.0, 3.0, 2.0)
    belief, other = NormalInverseGamma(*p), NormalInverseGamma(*q)
    variances, weights = np.polynomial.legendre.leggauss(80)
    logs, weights = 6.0 * variances + 1.0, 6.0 * weights
    total = 0.0
    for log_variance, weight in zip(logs, weights, strict=True):
        variance = np.exp(log_variance)
        z = np.linspace(-9.0, 9.0, 61)
        means = p[0] + z * np.sqrt(variance / p[1])
        step = 0.3 * np.sqrt(variance / p[1])
        density = np.array([belief.pdf((m, variance)) for m in means])
        gaps = np.array([belief.logpdf((m, variance)) - other.logpdf((m, variance)) for m in means])
        total += weight * variance * step * float(density @ gaps)
    assert total == pytest.approx(belief.kl(other), rel=1e-5)
    assert Beta(1, 1).kl(Beta(1, 1)) == 0.0
