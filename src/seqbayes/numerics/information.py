"""Entropies and Kullback-Leibler divergences of beta, gamma and Dirichlet distributions.

Entropies and divergences are sums of log gamma and digamma functions whose leading terms cancel.
This module sums the remainders after Stirling's leading terms; in divergences, the leading terms
are combined into deviances.
"""

from __future__ import annotations

import math

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.log_terms import deviance_of_share
from seqbayes.numerics.special import (
    HALF_LOG_TWO_PI,
    Real,
    deviance,
    horner,
    is_array,
    product_difference,
    stirling_error,
)

# B(2j) / (2j): the asymptotic series of log x - digamma(x) - 1/(2x) in 1/x**2.
_DIGAMMA = (1 / 12, -691 / 32760, 1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12)
_MIN_SERIES_X = 12.0

# If the relative difference between two shapes is below _CLOSE and the shapes are below
# _MAX_SERIES_SHAPE, divergences use a Taylor series with _TAYLOR_TERMS terms.
_CLOSE, _TAYLOR_TERMS, _MAX_SERIES_SHAPE = 0.01, 8, 1000.0
_MIN_SERIES_SHAPE = 1e-30  # powers of smaller shapes overflow


def log_minus_digamma(x: Real) -> Real:
    """Return log x - digamma(x), which is about 1/(2x), for x > 0.

    Examples
    --------
    >>> round(log_minus_digamma(1.0), 6)  # Euler's constant
    0.577216
    """
    with np.errstate(all="ignore"):
        w = 1.0 / np.square(np.maximum(x, _MIN_SERIES_X))
        series = 0.5 / np.asarray(x) + w * horner(_DIGAMMA, w)
        result = np.where(np.asarray(x) >= _MIN_SERIES_X, series, np.log(x) - sc.psi(x))
    return result if is_array(x) else float(result)


def gamma_entropy(shape: Real) -> Real:
    """Return the differential entropy of X ~ Gamma(shape, 1).

    Examples
    --------
    >>> round(gamma_entropy(1.0), 12)
    1.0
    """
    return (
        _half_log(shape)
        + HALF_LOG_TWO_PI
        + stirling_error(shape)
        + _weighted_log_minus_digamma(shape, -1.0)
    )


def log_gamma_entropy(shape: Real) -> Real:
    """Return the differential entropy of log X for X ~ Gamma(shape, 1).

    Examples
    --------
    >>> round(log_gamma_entropy(1.0), 6)  # 1 + Euler's constant
    1.577216
    """
    gap = _weighted_log_minus_digamma(shape, 0.0)
    return HALF_LOG_TWO_PI - _half_log(shape) + stirling_error(shape) + gap


def beta_entropy(a: Real, b: Real) -> Real:
    """Return the differential entropy of X ~ Beta(a, b).

    Examples
    --------
    >>> abs(beta_entropy(1.0, 1.0)) < 1e-15
    True
    """
    n = a + b
    return (
        _half_log(a)
        + _half_log(b)
        - 3.0 * _half_log(n)
        + HALF_LOG_TWO_PI
        + (stirling_error(a) + stirling_error(b) - stirling_error(n))
        + (
            _weighted_log_minus_digamma(a, -1.0)
            + _weighted_log_minus_digamma(b, -1.0)
            - _weighted_log_minus_digamma(n, -2.0)
        )
    )


def dirichlet_entropy(alpha: Real) -> Real:
    """Return the differential entropy of a Dirichlet vector, without its last coordinate.

    Examples
    --------
    >>> round(float(dirichlet_entropy(np.ones(3))), 12) == round(-math.log(2.0), 12)
    True
    """
    k = alpha.shape[-1]
    total = alpha.sum(axis=-1)
    each = _half_log(alpha) + stirling_error(alpha) + _weighted_log_minus_digamma(alpha, -1.0)
    return (
        each.sum(axis=-1)
        - (2.0 * k - 1.0) * _half_log(total)
        - stirling_error(total)
        - _weighted_log_minus_digamma(total, -float(k))
        + (k - 1.0) * HALF_LOG_TWO_PI
    )


def gamma_divergence(shape: Real, rate: Real, other_shape: Real, other_rate: Real) -> Real:
    """Return the Kullback-Leibler divergence of Gamma(shape, rate) from another one.

    Examples
    --------
    >>> round(gamma_divergence(1.0, 2.0, 1.0, 1.0), 12) == round(math.log(2.0) - 0.5, 12)
    True
    """
    difference = product_difference(other_shape, rate, shape, other_rate) / rate
    leading = deviance_of_share(other_shape, shape, other_rate / rate, difference)
    return _not_negative(leading + bregman_remainder(other_shape, shape))


def beta_divergence(a: Real, b: Real, other_a: Real, other_b: Real) -> Real:
    """Return the Kullback-Leibler divergence of Beta(a, b) from the other beta distribution.

    Examples
    --------
    >>> round(beta_divergence(1.0, 1.0, 2.0, 1.0), 12) == round(1.0 - math.log(2.0), 12)
    True
    """
    n, other = a + b, other_a + other_b
    difference = product_difference(other_a, b, other_b, a) / n
    leading = deviance_of_share(other_a, other, a / n, difference)
    leading = leading + deviance_of_share(other_b, other, b / n, -difference)
    rest = bregman_remainder(other_a, a) + bregman_remainder(other_b, b)
    return _not_negative(leading + (rest - bregman_remainder(other, n)))


def dirichlet_divergence(alpha: Real, other: Real) -> Real:
    """Return the Kullback-Leibler divergence of Dirichlet(alpha) from Dirichlet(other).

    Examples
    --------
    >>> a, b = np.array([1.0, 2.0]), np.array([3.0, 1.0])
    >>> math.isclose(dirichlet_divergence(a, b), beta_divergence(1.0, 2.0, 3.0, 1.0))
    True
    """
    total, other_total = alpha.sum(axis=-1), other.sum(axis=-1)
    rest, other_rest = sums_of_others(alpha), sums_of_others(other)
    all_ = total[..., None]
    difference = product_difference(other, rest, other_rest, alpha) / all_
    each = deviance_of_share(other, other_total[..., None], alpha / all_, difference)
    each = each + bregman_remainder(other, alpha)
    return _not_negative(each.sum(axis=-1) - bregman_remainder(other_total, total))


def sums_of_others(values: Real) -> Real:
    """Return, for each value, the sum of all others along the last axis, without subtraction.

    Examples
    --------
    >>> sums_of_others(np.array([1e15, 0.1, 0.2])).tolist()[0] == 0.1 + 0.2
    True
    """
    values = np.asarray(values, float)
    zero = np.zeros((*values.shape[:-1], 1))
    before = np.concatenate([zero, values[..., :-1].cumsum(axis=-1)], axis=-1)
    after = np.concatenate([values[..., :0:-1].cumsum(axis=-1)[..., ::-1], zero], axis=-1)
    return before + after


def bregman_remainder(other: Real, x: Real) -> Real:
    """Return log Gamma(other) - log Gamma(x) - (other - x) digamma(x), minus deviance(other, x)."""
    step = other - x
    gap = log_minus_digamma(x)
    halves = 0.5 * deviance(1.0 + 0.0 * x, other / x, -step / x)
    with np.errstate(all="ignore"):
        direct = step * (gap - 0.5 / x) + (stirling_error(other) - stirling_error(x))
        close = (np.abs(step) < _CLOSE * x) & (np.asarray(x) < _MAX_SERIES_SHAPE)
        close = close & (np.asarray(x) > _MIN_SERIES_SHAPE)
        correction = np.where(close, _stirling_bregman(step, x), direct)
    total = np.where(step == 0.0, 0.0, halves + correction)
    return total if total.ndim else float(total)


def _stirling_bregman(step: Real, x: Real) -> Real:
    """Return Stirling's error at x + step minus its tangent at x, from a Taylor series."""
    total: Real = 0.0
    for n in range(_TAYLOR_TERMS, 1, -1):
        sign = -1.0 if n % 2 else 1.0
        leading = sign * math.factorial(n - 2) * (1.0 / x + 0.5 * (n - 1.0) / x / x)
        derivative = sc.polygamma(n - 1, x) * np.power(x, n - 2.0) - leading  # times x**(n - 2)
        total = derivative / math.factorial(n) + total * (step / x)
    return total * step * step


def _not_negative(divergence: Real) -> Real:
    """Return a divergence, whose rounding error may be larger than its value."""
    return np.maximum(divergence, 0.0) if is_array(divergence) else max(divergence, 0.0)


def _weighted_log_minus_digamma(x: Real, shift: float) -> Real:
    return (x + shift) * log_minus_digamma(x)


def _half_log(x: Real) -> Real:
    return 0.5 * (np.log(x) if is_array(x) else math.log(x))
