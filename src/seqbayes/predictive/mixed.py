"""Tails of the beta-binomial and beta negative binomial distributions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from seqbayes.distributions.base import exponential, logarithm
from seqbayes.numerics.quadrature import beta_less
from seqbayes.numerics.special import Array, Real, log_beta_binomial

# Maximum number of terms for which tails are sums of probabilities instead of integrals.
MAX_SUMMED_TERMS = 2000


def beta_binomial_cdf(k: float, m: float, alpha: float, beta: float) -> float:
    """P(X <= k) for X ~ BetaBinomial(k + m, alpha, beta), k >= 0 and m > 0."""
    if k <= MAX_SUMMED_TERMS:
        n, j = k + m, np.arange(k)
        ratios = (n - j) / (beta + n - j - 1.0) * ((alpha + j) / (j + 1.0))
        return _sum_masses(lambda i: log_beta_binomial(i, n - i, alpha, beta), ratios)
    if m <= MAX_SUMMED_TERMS:
        complement = beta_binomial_cdf(m - 1.0, k + 1.0, beta, alpha)
        if complement < 0.9:
            return 1.0 - complement
    return float(beta_less(alpha, beta, k + 1.0, m))


def beta_negative_binomial_cdf(k: float, r: float, alpha: float, beta: float) -> float:
    """P(X <= k) for the number X of failures before r successes."""
    if r == 1.0:
        cdf = -math.expm1(log_beta_binomial(0.0, k + 1.0, alpha, beta))
        if cdf > 0.01:
            return cdf
    if k <= MAX_SUMMED_TERMS:
        j = np.arange(k)
        ratios = (r + j) * (beta + j) / ((j + 1.0) * (alpha + beta + r + j))
        return _sum_masses(lambda i: log_beta_negative_binomial(i, r, alpha, beta), ratios)
    return float(beta_less(r, k + 1.0, alpha, beta))


def beta_negative_binomial_sf(k: float, r: float, alpha: float, beta: float) -> float:
    """P(X > k) for the number X of failures before r successes."""
    if r == 1.0:
        return float(exponential(log_beta_binomial(0.0, k + 1.0, alpha, beta)))
    if r == math.floor(r) and r <= MAX_SUMMED_TERMS:
        # At most r - 1 successes in k + r trials.
        return beta_binomial_cdf(r - 1.0, k + 1.0, alpha, beta)
    if k <= MAX_SUMMED_TERMS:
        complement = beta_negative_binomial_cdf(k, r, alpha, beta)
        if complement < 0.9:
            return 1.0 - complement
    return float(beta_less(alpha, beta, r, k + 1.0))


def log_beta_negative_binomial(k: Real, r: Real, alpha: Real, beta: Real) -> Real:
    """Log P(X = k) for the number X of failures before r successes."""
    return log_beta_binomial(r, k, alpha, beta) + logarithm(r / (r + k))


def _sum_masses(log_mass: Callable[[float], float], ratios: Array) -> float:
    """Sum the masses of 0, 1, ... by the ratios of consecutive masses, starting at the largest."""
    if len(ratios) == 0:
        return float(exponential(log_mass(0.0)))
    falls = ratios < 1.0
    peak = int(np.argmax(falls)) if falls.any() else len(ratios)
    others = np.cumprod(ratios[peak:]).sum() + np.cumprod(1.0 / ratios[:peak][::-1]).sum()
    return min(1.0, float(exponential(log_mass(float(peak)))) * (1.0 + float(others)))
