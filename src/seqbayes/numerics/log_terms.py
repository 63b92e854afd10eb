"""Log probabilities of counts and log densities of beta and gamma variables, without cancellation.

The functions use Loader's saddle-point form; see `seqbayes.numerics.special`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.special import (
    DIRECT,
    HALF_LOG_TWO_PI,
    Array,
    Real,
    deviance,
    is_array,
    log_beta,
    log_stirling_ratio,
    product_difference,
    stirling_error,
)

_SMALLEST_SHARE = 1e-290
"""Below this share of a total, the saddle-point form underflows."""
_FAR = 1e100
"""If the ratio of counts exceeds this, its logarithm is computed from the counts' logarithms."""


def log_binomial_term(k: Real, m: Real, p: Real, q: Real, difference: Real) -> Real:
    """Return the log of Gamma(k+m+1) / (Gamma(k+1) Gamma(m+1)) p**k q**m, with p + q = 1.

    Parameters
    ----------
    k, m : float or array
        >= 0; need not be whole numbers.
    p, q : float or array
        Both are given, so neither loses digits when the other is near 1.
    difference : float or array
        k q - m p, without cancellation (see `product_difference`).

    Examples
    --------
    >>> round(math.exp(log_binomial_term(2.0, 3.0, 0.5, 0.5, -0.5)), 12)  # 10 / 32
    0.3125
    """
    n = k + m
    ratios = log_stirling_ratio(n) - log_stirling_ratio(k) - log_stirling_ratio(m)
    return ratios - (
        deviance_of_share(k, n, p, difference) + deviance_of_share(m, n, q, -difference)
    )


def deviance_of_share(k: Real, n: Real, p: Real, difference: Real) -> Real:
    """Return ``deviance(k, n * p, difference)``, even if n p underflows.

    Examples
    --------
    >>> deviance_of_share(1.0, 1e-200, 1e-200, 1.0) == 400.0 * math.log(10.0) - 1.0
    True
    """
    expected = n * p
    if is_array(k, expected, difference):
        underflow = expected < _SMALLEST_SHARE
        if not underflow.any():
            return deviance(k, expected, difference)
        with np.errstate(all="ignore"):
            direct = sc.xlogy(k, k) - sc.xlogy(k, n) - sc.xlogy(k, p) - difference
            return np.where(underflow, direct, deviance(k, expected, difference))
    if expected >= _SMALLEST_SHARE or not k > 0.0 or not p > 0.0:
        return deviance(k, expected, difference)
    return k * (math.log(k) - math.log(n) - math.log(p)) - difference


def log_beta_term(a: Real, b: Real, x: Real, y: Real, difference: Real) -> Real:
    """Return the log of x**a y**b / B(a, b), the density of logit X for X ~ Beta(a, b).

    The arguments are those of `log_binomial_term`, for a, b > 0.

    Examples
    --------
    >>> round(math.exp(log_beta_term(1.0, 1.0, 0.5, 0.5, 0.0)), 12)
    0.25
    """
    log = np.log if is_array(a, b) else math.log
    return log_binomial_term(a, b, x, y, difference) + (log(a) - log(a + b) + log(b))


def log_beta_binomial(k: Real, m: Real, alpha: Real, beta: Real) -> Real:
    """Return the log of C(k + m, k) B(alpha + k, beta + m) / B(alpha, beta).

    The result is accurate even for counts and hyperparameters of 1e15.

    By Bayes' rule, this is the binomial likelihood times the prior density divided by the posterior
    density, each in saddle-point form and at the posterior mean.

    Parameters
    ----------
    k, m : float or array
        Successes and failures, >= 0; need not be whole numbers.
    alpha, beta : float or array

    References
    ----------
    J. Besag, "A candidate's formula", Biometrika 76, 1989.

    Examples
    --------
    >>> round(math.exp(log_beta_binomial(3.0, 7.0, 1.0, 1.0)), 12)  # 1 / 11
    0.090909090909
    """
    a, b = alpha + k, beta + m
    n = a + b
    if not is_array(n) and n < DIRECT:
        coefficient = math.lgamma(k + m + 1.0) - math.lgamma(k + 1.0) - math.lgamma(m + 1.0)
        after = math.lgamma(a) + math.lgamma(b) - math.lgamma(n)
        before = math.lgamma(alpha) + math.lgamma(beta) - math.lgamma(alpha + beta)
        return coefficient + after - before
    p, q = a / n, b / n
    difference = product_difference(k, beta, m, alpha) / n
    likelihood = log_binomial_term(k, m, p, q, difference)
    prior = log_beta_term(alpha, beta, p, q, -difference)
    result = likelihood + prior - log_beta_term(a, b, p, q, 0.0 * n)
    underflow = np.minimum(p, q) < _SMALLEST_SHARE
    if not np.any(underflow):
        return result
    direct = log_binomial(k, m) + log_beta(a, b) - log_beta(alpha, beta)
    return np.where(underflow, direct, result)[()]


def log_binomial(k: Real, m: Real) -> Real:
    """Return the log of the binomial coefficient (k + m)! / (k! m!), for real k, m >= 0.

    Examples
    --------
    >>> round(math.exp(log_binomial(2.0, 3.0)), 12)
    10.0
    """
    xp: Any = np if is_array(k, m) else math
    return -xp.log1p(k + m) - log_beta(k + 1.0, m + 1.0)


def log_multinomial(counts: Array) -> Real:
    """Return the log of the multinomial coefficient of counts along the last axis.

    Examples
    --------
    >>> round(float(np.exp(log_multinomial(np.array([1.0, 1.0, 2.0])))), 12)
    12.0
    """
    counts = np.asarray(counts, dtype=float)
    return log_binomial(counts[..., :-1], _sums_after(counts)).sum(axis=-1)


def log_dirichlet_multinomial(counts: Array, alpha: Array) -> Real:
    """Return the log probability of counts whose shares are Dirichlet(alpha).

    Parameters
    ----------
    counts, alpha : array (..., K)

    Examples
    --------
    >>> round(float(np.exp(log_dirichlet_multinomial(np.array([1.0, 1.0]), np.ones(2)))), 12)
    0.333333333333
    """
    counts, alpha = np.broadcast_arrays(np.asarray(counts, float), np.asarray(alpha, float))
    rest, rest_alpha = _sums_after(counts), _sums_after(alpha)
    return log_beta_binomial(counts[..., :-1], rest, alpha[..., :-1], rest_alpha).sum(axis=-1)


def _sums_after(values: Array) -> Array:
    """Sum the values that follow each value except the last, along the last axis."""
    return values[..., :0:-1].cumsum(axis=-1)[..., ::-1]


def log_gamma_poisson(k: Real, exposure: Real, shape: Real, rate: Real) -> Real:
    """Return the log probability of a Poisson count whose rate is Gamma(shape, rate).

    Parameters
    ----------
    k, exposure : float or array
        Count and exposure, >= 0; the count need not be a whole number.
    shape, rate : float or array

    Examples
    --------
    >>> round(log_gamma_poisson(1e15, 1.0, 1e15, 1.0), 7)
    -18.5349003
    """
    xp: Any = np if is_array(k, exposure, shape, rate) else math
    total = rate + exposure
    difference = product_difference(shape, exposure, k, rate) / total
    term = log_binomial_term(shape, k, rate / total, exposure / total, difference)
    if np.any(k > _FAR * shape):  # the ratio may overflow, and 1 is negligible
        return term - np.logaddexp(0.0, np.log(k) - np.log(shape))
    return term - xp.log1p(k / shape)


def beta_difference(a: Real, b: Real, x: Real, y: Real) -> Real:
    """Return a (1 - x) - b x where y is 1 - x rounded, or x is 1 - y rounded.

    Examples
    --------
    >>> beta_difference(2.0, 2.0, 0.5, 0.5)
    0.0
    """
    difference = product_difference(a, y, b, x)
    # The larger of x and y is rounded; its rounding error is multiplied by a or b.
    if is_array(difference):
        return difference + np.where(x < y, a * ((1.0 - y) - x), -b * ((1.0 - x) - y))
    return float(difference + (a * ((1.0 - y) - x) if x < y else -b * ((1.0 - x) - y)))


def log_gamma_term(shape: Real, x: Real, difference: Real) -> Real:
    """Return the log of x**shape exp(-x) / Gamma(shape), the density of log X.

    Parameters
    ----------
    shape, x : float or array
        > 0.
    difference : float or array
        shape - x, without cancellation.

    Examples
    --------
    >>> log_gamma_term(1.0, 2.0, -1.0) == math.log(2.0) - 2.0
    True
    """
    if is_array(shape, x):
        with np.errstate(all="ignore"):
            saddle_point = (
                np.log(shape) - log_stirling_ratio(shape) - deviance(shape, x, difference)
            )
            direct = sc.xlogy(shape, x) - x - sc.gammaln(shape)
            return np.where(shape < DIRECT, direct, saddle_point)
    if shape < DIRECT:
        return (shape * math.log(x) if x > 0.0 else -math.inf) - x - math.lgamma(shape)
    return math.log(shape) - log_stirling_ratio(shape) - deviance(shape, x, difference)


def log_gamma_of_logarithm(shape: Real, t: Any) -> Any:
    """Return the log density of t = log(y / shape), where y is a standard Gamma variable.

    Leading terms of the gamma function and of the density are cancelled analytically.
    """
    constant = 0.5 * np.log(shape) - HALF_LOG_TWO_PI - stirling_error(shape)
    with np.errstate(over="ignore"):
        found = np.expm1(t)
    found -= t
    found *= shape
    return constant - found
