"""Vectors whose coordinates are nearly collinear, compared with 80-digit arithmetic."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from seqbayes import NormalInverseWishart

DIGITS = 80


def exact_scale(kappa, scale, xs):
    """Return the weight, mean and scale of the posterior for a prior mean of 0."""
    n, d = np.shape(xs)
    table, ones = mpmath.matrix(np.asarray(xs).tolist()), mpmath.ones(n, 1)
    means = (ones.T * table) / n
    apart = table - ones * means
    weight = mpmath.mpf(kappa) * n / (kappa + n)
    after = mpmath.matrix(scale) + apart.T * apart + (means.T * means) * weight
    return kappa + n, means * n / (kappa + n), after


def log_t(kappa, mean, df, scale, x):
    """Return the log density of the predictive, Student's t."""
    d = len(x)
    left = mpmath.mpf(df) - d + 1
    spread = scale * ((kappa + 1) / (kappa * left))
    gap = mpmath.matrix([list(map(mpmath.mpf, x))]) - mean
    square = (gap * mpmath.lu_solve(spread, gap.T))[0]
    return (
        mpmath.loggamma((left + d) / 2)
        - mpmath.loggamma(left / 2)
        - mpmath.mpf(d) / 2 * mpmath.log(left * mpmath.pi)
        - mpmath.log(mpmath.det(spread)) / 2
        - (left + d) / 2 * mpmath.log1p(square / left)
    )


def log_evidence(kappa, df, scale, xs):
    """Return the log evidence for a prior mean of 0."""
    n, d = np.shape(xs)
    after_kappa, _, after = exact_scale(kappa, scale, xs)

    def log_z(k, nu, matrix):
        gammas = sum(mpmath.loggamma((mpmath.mpf(nu) - i) / 2) for i in range(d))
        return gammas - (nu * mpmath.log(mpmath.det(matrix)) + d * mpmath.log(k)) / 2

    base = mpmath.log(mpmath.pi) * n * d / 2
    return log_z(after_kappa, df + n, after) - log_z(kappa, df, mpmath.matrix(scale)) - base


def collinear(dimension, gap, centre):
    """Return vectors with correlations of 1 - gap."""
    rng = np.random.default_rng(5)
    common, own = rng.normal(size=(40, 1)), rng.normal(size=(40, dimension))
    return centre + common + np.sqrt(2.0 * gap) * own


@pytest.mark.parametrize("size", [1.0, 1e-8, 1e-13, 1e-20])
@pytest.mark.parametrize("gap", [1e-8, 1e-12, 1e-16, 0.0])
def test_nearly_collinear_coordinates_are_accurate(gap, size):
    for dimension, centre in ((2, 1e6), (3, 1e12), (5, 0.0)):
        check_digits(dimension, gap, size, centre)


@pytest.mark.parametrize(
    ("gap", "size", "centre"),
    [(1e-12, 1e-13, 1e6), (0.0, 1e-20, 0.0), (3e-6, 1e-13, 1e6), (1e-3, 1e-20, 0.0)],
)
def test_many_nearly_collinear_coordinates_are_accurate(gap, size, centre):
    check_digits(16, gap, size, centre)


def check_digits(dimension, gap, size, centre):
    """Compare evidence and predictive after collinear vectors."""
    *xs, x = collinear(dimension, gap, centre)
    scale = (size * np.eye(dimension)).tolist()
    one_by_one = NormalInverseWishart([0.0] * dimension, 1.0, dimension + 2.0, scale)
    at_once = one_by_one.clone()
    for each in xs:
        one_by_one.learn_one(each.tolist())
    at_once.learn_many(xs)
    with mpmath.workdps(DIGITS):
        evidence = float(log_evidence(1.0, dimension + 2.0, scale, xs))
        kappa, mean, after = exact_scale(1.0, scale, xs)
        following = float(log_t(kappa, mean, dimension + 2.0 + len(xs), after, x))
    for state in (one_by_one, at_once):
        assert state.log_evidence == pytest.approx(evidence, rel=1e-12)
        assert state.log_predictive(x.tolist()) == pytest.approx(following, rel=1e-10, abs=1e-10)


def test_evidence_is_accurate_under_a_nearly_singular_prior():
    scale = [[1.0, 1.0 - 1e-11], [1.0 - 1e-11, 1.0]]
    xs = 1e-6 * np.random.default_rng(6).normal(size=(12, 2))
    state = NormalInverseWishart([0.0, 0.0], 1.0, 4.0, scale)
    state.learn_many(xs)
    with mpmath.workdps(DIGITS):
        evidence = float(log_evidence(1.0, 4.0, scale, xs))
    assert state.log_evidence == pytest.approx(evidence, rel=1e-12)
