"""Tails of the beta-binomial and beta negative binomial distributions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.elementary import logarithm
from seqbayes.numerics.log_terms import log_beta_binomial
from seqbayes.numerics.quadrature import log_beta_less
from seqbayes.numerics.special import Array, Real

# Maximum number of probabilities that are summed for a tail; above it, integrals are used.
MAX_SUMMED_TERMS = 2000
# Below this probability, the complement is computed without loss of digits.
LOG_NEARLY_ALL = math.log(0.9)


def log_beta_binomial_cdf(k: float, m: float, alpha: float, beta: float) -> float:
    """Return log P(X <= k) for X ~ BetaBinomial(k + m, alpha, beta), k >= 0 and m > 0."""
    if k <= MAX_SUMMED_TERMS:
        n, j = k + m, np.arange(k)
        ratios = (n - j) / (beta + n - j - 1.0) * ((alpha + j) / (j + 1.0))
        return _log_sum(lambda i: log_beta_binomial(i, n - i, alpha, beta), ratios)
    if m <= MAX_SUMMED_TERMS:
        complement = log_beta_binomial_cdf(m - 1.0, k + 1.0, beta, alpha)
        if complement < LOG_NEARLY_ALL:
            return math.log1p(-math.exp(complement))
    return float(log_beta_less(alpha, beta, k + 1.0, m))


def log_beta_negative_binomial_cdf(k: float, r: float, alpha: float, beta: float) -> float:
    """Return log P(X <= k) for the number X of failures before r successes."""
    if r == 1.0:
        cdf = -math.expm1(_log_failures(k + 1.0, alpha, beta))
        if cdf > 0.01 or (cdf > 0.0 and _is_rare(k + 1.0, alpha, beta)):
            return math.log(cdf)
    if k <= MAX_SUMMED_TERMS:
        j = np.arange(k)
        ratios = (r + j) * (beta + j) / ((j + 1.0) * (alpha + beta + r + j))
        return _log_sum(lambda i: log_beta_negative_binomial(i, r, alpha, beta), ratios)
    return float(log_beta_less(r, k + 1.0, alpha, beta))


def log_beta_negative_binomial_sf(k: float, r: float, alpha: float, beta: float) -> float:
    """Return log P(X > k) for the number X of failures before r successes."""
    if r == 1.0:
        return _log_failures(k + 1.0, alpha, beta)
    if r == math.floor(r) and r <= MAX_SUMMED_TERMS:
        # at most r - 1 successes in k + r trials
        return log_beta_binomial_cdf(r - 1.0, k + 1.0, alpha, beta)
    if k <= MAX_SUMMED_TERMS:
        complement = log_beta_negative_binomial_cdf(k, r, alpha, beta)
        if complement < LOG_NEARLY_ALL:
            return math.log1p(-math.exp(complement))
    return float(log_beta_less(alpha, beta, r, k + 1.0))


def _log_failures(m: float, alpha: float, beta: float) -> float:
    """Return the log probability of m failures in m trials."""
    if not _is_rare(m, alpha, beta):
        return float(log_beta_binomial(0.0, m, alpha, beta))
    # the sum of -log(1 + alpha / (beta + j)) over j < m, from two terms of its series
    first = sc.psi(beta + m) - sc.psi(beta)
    second = sc.zeta(2.0, beta) - sc.zeta(2.0, beta + m)
    return float(-alpha * (first - 0.5 * alpha * second))


def _is_rare(m: float, alpha: float, beta: float) -> bool:
    """Whether successes are so rare that two terms of a series are sufficient."""
    return alpha < 1e-6 * min(1.0, beta) and m > max(float(MAX_SUMMED_TERMS), 0.1 * beta)


def log_beta_negative_binomial(k: Real, r: Real, alpha: Real, beta: Real) -> Real:
    """Return log P(X = k) for the number X of failures before r successes."""
    return log_beta_binomial(r, k, alpha, beta) + logarithm(r / (r + k))


def _log_sum(log_mass: Callable[[float], float], ratios: Array) -> float:
    """Return the log of the sum of the masses at 0, 1, ..., given ratios of consecutive masses."""
    if len(ratios) == 0:
        return min(0.0, float(log_mass(0.0)))
    falls = ratios < 1.0
    peak = int(np.argmax(falls)) if falls.any() else len(ratios)
    others = np.cumprod(ratios[peak:]).sum() + np.cumprod(1.0 / ratios[:peak][::-1]).sum()
    return min(0.0, float(log_mass(float(peak))) + math.log1p(float(others)))
