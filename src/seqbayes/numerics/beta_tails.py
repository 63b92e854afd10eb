"""Tails of the beta distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.elementwise_tails import log_integral, log_tail, select
from seqbayes.numerics.gamma_tails import gamma_cdf, gamma_logcdf, gamma_logsf, gamma_sf
from seqbayes.numerics.log_terms import beta_difference, log_beta_term
from seqbayes.numerics.special import Array, Real, is_array

# betainc and its inverse lose digits if both parameters are above _LARGE, or if one is above
# _LARGE_IF_OTHER_SMALL and the other one below _SMALL (3e-8 at 5 and 1e9).
_LARGE, _LARGE_IF_OTHER_SMALL, _SMALL = 1e6, 1e4, 200.0
# betainc underflows for parameters below _TINY. Below this, a tail is proportional to the
# parameter, up to at least _TINY * _RAISE, or a ratio of the parameters if both are below
# _BOTH_TINY.
_TINY, _RAISE, _BOTH_TINY = 1e-200, 1e100, 1e-19

EXTREME_SHAPE = 1e100
"""Shape above which a gamma variable equals its shape to double precision."""


def beta_cdf(a: Real, b: Real, x: Real, y: Real = None) -> Real:
    """Return P(X <= x) for X ~ Beta(a, b).

    Parameters
    ----------
    a, b : float or array
    x : float or array
        In [0, 1].
    y : float or array, optional
        1 - x, if it is known more accurately than the subtraction gives.

    Examples
    --------
    >>> round(beta_cdf(2.0, 1.0, 0.5), 12)
    0.25
    """
    large = is_large(a, b)
    if y is None:
        y = 1.0 - x
        scipy_result = 0.0 if large is True else sc.betainc(*usual_parameters(large, a, b), x)
    else:
        scipy_result = 0.0 if large is True else _lower(*usual_parameters(large, a, b), x, y)
    return select(large, _large_cdf, scipy_result, a, b, x, y)


def beta_sf(a: Real, b: Real, x: Real, y: Real = None) -> Real:
    """Return P(X > x) for X ~ Beta(a, b); see `beta_cdf`."""
    if y is None:
        large = is_large(a, b)
        scipy_result = 0.0 if large is True else sc.betaincc(*usual_parameters(large, a, b), x)
        return select(large, _large_cdf, scipy_result, b, a, 1.0 - x, x)
    return beta_cdf(b, a, y, x)


def beta_logcdf(a: Real, b: Real, x: Real, y: Real = None) -> Real:
    """Return the log of P(X <= x) for X ~ Beta(a, b), even where the probability underflows.

    Examples
    --------
    >>> round(beta_logcdf(1000.0, 2.0, 0.4), 4)
    -909.8921
    """
    if y is None:
        y = 1.0 - x
    return log_tail(beta_cdf, _sf, _log_lower, a, b, x, y)


def beta_logsf(a: Real, b: Real, x: Real) -> Real:
    """Return the log of P(X > x) for X ~ Beta(a, b); see `beta_logcdf`."""
    return beta_logcdf(b, a, 1.0 - x, x)


def _sf(a: Real, b: Real, x: Real, y: Real) -> Real:
    return beta_cdf(b, a, y, x)


def is_large(a: Real, b: Real, small_limit: float = _SMALL) -> Any:
    """Whether tails are computed by numerical integration instead of betainc."""
    if not is_array(a, b):
        low, high = (a, b) if a <= b else (b, a)
        if high < _LARGE_IF_OTHER_SMALL:
            return low < _TINY or high < _BOTH_TINY
        return 1.0 < low < small_limit or low >= _LARGE or high >= EXTREME_SHAPE
    low, high = np.minimum(a, b), np.maximum(a, b)
    unequal = (high >= _LARGE_IF_OTHER_SMALL) & (low > 1.0) & (low < small_limit)
    return unequal | (low >= _LARGE) | (high >= EXTREME_SHAPE) | is_tiny(a, b)


def is_extreme(a: Real, b: Real) -> Any:
    """Whether a gamma variable with the larger shape equals that shape to double precision."""
    return (a >= EXTREME_SHAPE) | (b >= EXTREME_SHAPE)


def is_tiny(a: Real, b: Real) -> Any:
    """Whether a beta variable is near 0 or 1 to double precision, and betainc underflows."""
    if is_array(a, b):
        return (np.minimum(a, b) < _TINY) | (np.maximum(a, b) < _BOTH_TINY)
    return a < _TINY or b < _TINY or (a < _BOTH_TINY and b < _BOTH_TINY)


def usual_parameters(replaced: Any, a: Real, b: Real) -> tuple[Real, Real]:
    """Replace parameters by 1 where scipy would be slow and the result is not used."""
    if is_array(replaced):
        return np.where(replaced, 1.0, a), np.where(replaced, 1.0, b)
    return (1.0, 1.0) if replaced else (a, b)


def _lower(a: Real, b: Real, x: Real, y: Real) -> Real:
    """Return the lower tail, computed from the smaller of x and y, which is not rounded."""
    if is_array(a, b, x, y):
        a, b, x, y = np.broadcast_arrays(a, b, x, y)
        return select(x >= y, _complement, sc.betainc(a, b, np.minimum(x, 0.5)), a, b, x, y)
    return float(sc.betainc(a, b, x) if x < y else sc.betaincc(b, a, y))


def _complement(a: Array, b: Array, _: Array, y: Array) -> Array:
    found: Array = sc.betaincc(b, a, y)
    return found


def _large_cdf(a: Real, b: Real, x: Real, y: Real) -> Real:
    """Return the lower tail, computed from the smaller of the two tails."""
    if is_array(a, b, x, y):
        result = select(is_extreme(a, b), _extreme_cdf, _integral_cdf(a, b, x, y), a, b, x, y)
        return select(is_tiny(a, b), _tiny_cdf, result, a, b, x, y)
    if x <= 0.0 or y <= 0.0:
        return 0.0 if x <= 0.0 else 1.0
    if is_tiny(a, b):
        return _tiny_cdf(a, b, x, y)
    if is_extreme(a, b):
        return _extreme_cdf(a, b, x, y)
    if beta_difference(a, b, x, y) > 0.0:
        return math.exp(_log_lower(a, b, x, y))
    return -math.expm1(_log_lower(b, a, y, x))


def _integral_cdf(a: Real, b: Real, x: Real, y: Real) -> Real:
    with np.errstate(all="ignore"):
        usable = (np.asarray(x) > 0.0) & (np.asarray(y) > 0.0) & ~np.asarray(is_extreme(a, b))
        a, b = np.where(usable, a, 1.0), np.where(usable, b, 1.0)
        x_safe, y_safe = np.where(usable, x, 0.5), np.where(usable, y, 0.5)
        lower = np.asarray(beta_difference(a, b, x_safe, y_safe)) > 0.0
        first, second = np.where(lower, a, b), np.where(lower, b, a)
        log_p = sum(
            log_parts(
                first, second, np.where(lower, x_safe, y_safe), np.where(lower, y_safe, x_safe)
            )
        )
        p = np.where(lower, np.exp(log_p), -np.expm1(log_p))
        return np.where(usable, p, np.where(np.asarray(x) > 0.0, 1.0, 0.0))


def _extreme_cdf(a: Real, b: Real, x: Real, y: Real) -> Real:
    """Return the tail of G / (G + H), with the gamma variable of larger shape held constant."""
    if is_array(a, b, x, y):
        with np.errstate(all="ignore"):
            odds = np.asarray(x) / y
            return np.where(a <= b, gamma_cdf(a, b * odds), gamma_sf(b, a / odds))
    return gamma_cdf(a, b * (x / y)) if a <= b else gamma_sf(b, a * (y / x))


def _tiny_cdf(a: Real, b: Real, x: Real, y: Real) -> Real:
    p: Real = np.exp(_log_tiny(a, b, x, y))
    return p if is_array(p) else float(p)


def _log_tiny(a: Real, b: Real, x: Real, y: Real) -> Real:
    a, b, x, y = np.broadcast_arrays(*(np.asarray(each, float) for each in (a, b, x, y)))
    with np.errstate(all="ignore"):
        both = np.where(b < a, np.log(b / (a + b)), -np.log1p(a / b))
        # if a parameter is 0, `both` is already the limit: the log of a point mass
        near_1 = (b < a) & (a >= _BOTH_TINY) & (b > 0.0)
        near_0 = (b >= a) & (b >= _BOTH_TINY) & (a > 0.0)
        raised = np.where(near_1, a, 1.0), np.where(near_1, b * _RAISE, 1.0)
        low = beta_logcdf(*raised, x, y) - math.log(_RAISE)
        raised = np.where(near_0, b, 1.0), np.where(near_0, a * _RAISE, 1.0)
        high = -np.asarray(beta_cdf(*raised, y, x)) / _RAISE
        result = np.where(near_1, low, np.where(near_0, high, both))
        result = np.where(x <= 0.0, -np.inf, np.where(y <= 0.0, 0.0, result))
    return result if result.ndim else float(result)


def _log_lower(a: Real, b: Real, x: Real, y: Real) -> Real:
    if is_array(a, b, x, y):
        with np.errstate(all="ignore"):
            result = np.where(np.asarray(x) > 0.0, sum(log_parts(a, b, x, y)), -np.inf)
        result = select(is_extreme(a, b), _log_extreme, result, a, b, x, y)
        return select(is_tiny(a, b), _log_tiny, result, a, b, x, y)
    if x <= 0.0:
        return -math.inf
    if is_tiny(a, b):
        return _log_tiny(a, b, x, y)
    return _log_extreme(a, b, x, y) if is_extreme(a, b) else sum(log_parts(a, b, x, y))


def _log_extreme(a: Real, b: Real, x: Real, y: Real) -> Real:
    if is_array(a, b, x, y):
        with np.errstate(all="ignore"):
            odds = np.asarray(x) / y
            return np.where(a <= b, gamma_logcdf(a, b * odds), gamma_logsf(b, a / odds))
    return gamma_logcdf(a, b * (x / y)) if a <= b else gamma_logsf(b, a * (y / x))


def log_parts(a: Real, b: Real, x: Real, y: Real) -> tuple[Real, Real]:
    """Return two parts of the log of P(X <= x) for x below the mean.

    The parts are the log density of logit X, and the log of the ratio of the tail to that density.
    """
    difference = beta_difference(a, b, x, y)
    term = log_beta_term(a, b, x, y, difference)
    small = np.minimum(x, y) if is_array(x, y) else min(x, y)
    return term, log_integral(difference, (a + b) * small, small, y < x)
