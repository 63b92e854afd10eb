"""Quantiles of the beta, gamma and Student's t distributions, for a probability or its logarithm.

The functions of scipy.special are used except where they lose digits (large or very unequal
parameters, levels below 1e-20). There, Newton's method solves for the logarithm of the tail below
1/2. Tails are log-concave in the logarithm or logit of the variable, so the method converges from
any starting point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.numerics import beta_tails, gamma_tails, sc
from seqbayes.numerics.beta_tails import EXTREME_SHAPE, is_extreme, is_large
from seqbayes.numerics.elementwise_tails import log_complement, select
from seqbayes.numerics.gamma_tails import LARGE_SHAPE
from seqbayes.numerics.special import Real, is_array, log_beta, log_rising
from seqbayes.numerics.student_tails import NORMAL_DF, is_usual

_STEPS = 60
_CONVERGED = 1e-13
"""Bound on the remaining error in the logarithm after a step, which is about the squared step."""

_LOG_HALF = -math.log(2.0)
_LOG_SMALL = math.log(1e-20)
"""Level below which scipy's inverse functions lose digits or fail."""

_SMALL_TAIL = 1e-10
"""Between this level and 1/4, scipy's quantiles of Student's t are accurate."""

_LOG_TINY = -690.0
_SMALLEST_QUANTILE = 1e-300
_UNEQUAL = 3e3
_NORMAL_LIKE = 1e3
_SMALL = 5e3
_LARGEST_LOG = 709.0
# In arrays of at least this length, equal degrees of freedom are evaluated once, because counts of
# many keys repeat.
_MANY = 1000


def gamma_ppf(shape: Real, q: Real, log: bool = False) -> Real:
    """Return the quantile of Gamma(shape, 1): the x with P(X <= x) = q.

    Parameters
    ----------
    shape, q : float or array
    log : bool
        Whether `q` is the logarithm of the probability.

    Examples
    --------
    >>> round(gamma_ppf(2.0, 0.95), 6)
    4.743865
    >>> round(gamma_ppf(1000.0, -1406.852755, log=True), 6)
    100.0
    """
    return _gamma_quantile(shape, q, False, log)


def gamma_isf(shape: Real, q: Real, log: bool = False) -> Real:
    """Return the upper quantile of Gamma(shape, 1): the x with P(X > x) = q; see `gamma_ppf`."""
    return _gamma_quantile(shape, q, True, log)


def beta_ppf(a: Real, b: Real, q: Real, log: bool = False) -> Real:
    """Return the quantile of Beta(a, b): the x with P(X <= x) = q; see `gamma_ppf`.

    Examples
    --------
    >>> math.isclose(beta_ppf(0.001, 1.0, 0.5), 0.5**1000)
    True
    """
    return _beta_quantile(a, b, q, False, log, False)


def beta_isf(a: Real, b: Real, q: Real, log: bool = False) -> Real:
    """Return the upper quantile of Beta(a, b): the x with P(X > x) = q; see `gamma_ppf`."""
    return _beta_quantile(a, b, q, True, log, False)


def beta_odds_ppf(a: Real, b: Real, q: Real, log: bool = False) -> Real:
    """Return the quantile of X / (1 - X) for X ~ Beta(a, b), without rounding X near 1."""
    return _beta_quantile(a, b, q, False, log, True)


def beta_odds_isf(a: Real, b: Real, q: Real, log: bool = False) -> Real:
    """Return the upper quantile of X / (1 - X) for X ~ Beta(a, b)."""
    return _beta_quantile(a, b, q, True, log, True)


def _smaller_tail(q: Real, upper: bool, log: bool) -> tuple[Real, Any]:
    """Return the log of the tail that is at most 1/2, and whether it is the upper one."""
    if not is_array(q):
        if log:
            return (q, upper) if q <= _LOG_HALF else (log_complement(q), not upper)
        if q <= 0.5:
            return (math.log(q) if q > 0.0 else -math.inf), upper
        return (math.log1p(-q) if q < 1.0 else -math.inf), not upper
    with np.errstate(all="ignore"):
        if log:
            own = q <= _LOG_HALF
            level = np.where(own, q, log_complement(q))
        else:
            own = q <= 0.5
            level = np.where(own, np.log(q), np.log1p(-q))
    return level, own == upper


def _gamma_quantile(shape: Real, q: Real, upper: bool, log: bool) -> Real:
    level, side = _smaller_tail(q, upper, log)
    if not is_array(shape, level):
        if shape < LARGE_SHAPE and level >= _LOG_SMALL:
            return float((sc.gammainccinv if side else sc.gammaincinv)(shape, math.exp(level)))
        if level == -math.inf:
            return math.inf if side else 0.0
        return float(_solve_gamma(shape, level, side))
    hard = np.logical_or(shape >= LARGE_SHAPE, level < _LOG_SMALL)
    safe = np.where(hard, 1.0, shape)
    with np.errstate(all="ignore"):
        p = np.exp(np.where(hard, -1.0, level))
        if isinstance(side, bool):
            scipy_result = (sc.gammainccinv if side else sc.gammaincinv)(safe, p)
        else:
            scipy_result = np.where(side, sc.gammainccinv(safe, p), sc.gammaincinv(safe, p))
    scipy_result = np.where(np.isneginf(level), np.where(side, np.inf, 0.0), scipy_result)
    hard = hard & np.isfinite(level)
    return select(hard, _solve_gamma, scipy_result, shape, level, np.asarray(side))


def _solve_gamma(shape: Real, level: Real, upper: Any) -> Real:
    def parts(x: Real) -> tuple[Real, Real]:
        return gamma_tails.log_parts(shape, x, upper)

    return _newton(_gamma_start(shape, level, upper), level, upper, parts)


def _gamma_start(shape: Real, level: Real, upper: Any) -> Real:
    """Approximate a quantile by Wilson and Hilferty's formula, scipy's function or a power law."""
    if not is_array(shape, level):
        if shape <= 0.0:
            return 0.0
        if shape >= LARGE_SHAPE:
            near = float(sc.ndtri_exp(max(level, -1e5)))
            root: Real = (
                1.0 - 1.0 / (9.0 * shape) + (-near if upper else near) / (3.0 * math.sqrt(shape))
            )
            return float(shape * max(root, 1e-3) ** 3)
        if level > _LOG_TINY:
            x = float((sc.gammainccinv if upper else sc.gammaincinv)(shape, math.exp(level)))
            if x > _SMALLEST_QUANTILE:
                return x
        if upper:
            tail = (shape - 1.0) * math.log(-level) - math.lgamma(shape) - level
            return max(tail, shape, 1e-3)
        return math.exp((level + math.lgamma(shape + 1.0)) / shape)
    if np.all(np.asarray(shape) >= LARGE_SHAPE):
        z = np.where(upper, -1.0, 1.0) * sc.ndtri_exp(np.maximum(level, -1e5))
        root = 1.0 - 1.0 / (9.0 * shape) + z / (3.0 * np.sqrt(shape))
        return shape * np.maximum(root, 1e-3) ** 3
    rows = np.vectorize(_gamma_start, otypes=[float])
    return np.asarray(rows(shape, level, upper))


def _newton(x: Real, level: Real, upper: Any, parts: Callable[[Any], tuple[Real, Real]]) -> Real:
    """Solve for a positive x whose tail has this logarithm, by steps in log x."""
    if not is_array(x, level):
        direction = -1.0 if upper else 1.0
        for _ in range(_STEPS):
            if not _SMALLEST_QUANTILE < x < math.inf:
                break  # below, the starting point is exact: it comes from a power law
            term, integral = parts(x)
            error = level - (term + integral)
            if not error * error < 1e300:
                break
            step = error * math.exp(min(integral, 300.0))
            x *= math.exp(direction * max(-30.0, min(30.0, step)))
            if step * error <= _CONVERGED:
                break
        return x
    sign = np.where(upper, -1.0, 1.0)
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            term, integral = parts(x)
            error = level - (term + integral)
            step = np.clip(error * np.exp(np.minimum(integral, 300.0)), -30.0, 30.0)
            usable = np.isfinite(step) & (x > _SMALLEST_QUANTILE) & (x < np.inf)
            x = np.where(usable, x * np.exp(sign * step), x)
            if np.all(~usable | (step * error <= _CONVERGED)):
                break
    return x


def _beta_quantile(a: Real, b: Real, q: Real, upper: bool, log: bool, odds: bool) -> Real:
    level, side = _smaller_tail(q, upper, log)
    if not is_array(a, b, level):
        if level == -math.inf:
            return (math.inf if odds else 1.0) if side else 0.0
        if level >= _LOG_SMALL and not is_large(a, b, _SMALL):
            p = math.exp(level)
            x = float((sc.betainccinv if side else sc.betaincinv)(a, b, p))
            if odds and x > 0.5:
                y = float((sc.betaincinv if side else sc.betainccinv)(b, a, p))
                if y > _SMALLEST_QUANTILE:
                    return (1.0 - y) / y
            elif x > _SMALLEST_QUANTILE:
                return x / (1.0 - x) if odds else x
        ratio: Real = _odds(b, a, level) if side else _odds(a, b, level)
        if side:
            ratio = 1.0 / ratio if ratio > 0.0 else math.inf
        if odds:
            return ratio
        return ratio / (1.0 + ratio) if ratio < 1.0 else 1.0 / (1.0 + 1.0 / ratio)
    a, b, level, side = np.broadcast_arrays(*(np.asarray(each) for each in (a, b, level, side)))
    with np.errstate(all="ignore"):
        first, second = np.where(side, b, a), np.where(side, a, b)
        hard = is_large(a, b, _SMALL) | (level < _LOG_SMALL)
        scipy_result = sc.betaincinv(
            np.where(hard, 1.0, first),
            np.where(hard, 1.0, second),
            np.exp(np.where(hard, -1.0, level)),
        )
        hard = (hard | ~(scipy_result > _SMALLEST_QUANTILE) | (scipy_result > 0.5)) & np.isfinite(
            level
        )
        ratio = np.where(np.isneginf(level), 0.0, scipy_result / (1.0 - scipy_result))
        ratio = select(hard, _odds, ratio, first, second, level)
        ratio = np.where(side, 1.0 / ratio, ratio)
        if odds:
            return ratio
        return np.where(ratio < 1.0, ratio / (1.0 + ratio), 1.0 / (1.0 + 1.0 / ratio))


def _odds(a: Real, b: Real, level: Real) -> Real:
    """Return x / (1 - x) where P(X <= x) has this logarithm, for X ~ Beta(a, b)."""
    if is_array(a, b, level):
        return select(is_extreme(a, b), _extreme_odds, _solve_beta(a, b, level), a, b, level)
    return _extreme_odds(a, b, level) if is_extreme(a, b) else _solve_beta(a, b, level)


def _extreme_odds(a: Real, b: Real, level: Real) -> Real:
    """Return the odds G / H of gamma variables, with the one of larger shape held constant."""
    if is_array(a, b, level):
        with np.errstate(all="ignore"):
            low = gamma_ppf(np.asarray(a), level, True) / b
            high = a / gamma_isf(np.asarray(b), level, True)
            return np.where(a <= b, low, high)
    if a <= b:
        return gamma_ppf(a, level, True) / b
    h = gamma_isf(b, level, True)
    return a / h if h > 0.0 else math.inf


def _solve_beta(a: Real, b: Real, level: Real) -> Real:
    def parts(odds: Real) -> tuple[Real, Real]:
        y = 1.0 / (1.0 + odds)
        return beta_tails.log_parts(a, b, odds * y, y)

    return _newton(_odds_start(a, b, level), level, False, parts)


def _odds_start(a: Real, b: Real, level: Real) -> Real:
    if is_array(a, b, level):
        rows = np.vectorize(_odds_start_of_one, otypes=[float])
        return np.asarray(rows(a, b, level))
    return _odds_start_of_one(float(a), float(b), float(level))


def _odds_start_of_one(a: float, b: float, level: float) -> float:
    """Approximate the odds of a quantile, with a gamma variable for very unequal parameters."""
    low, high = min(a, b), max(a, b)
    if low <= 0.0:
        return 0.0 if a < b else math.inf
    if low >= _NORMAL_LIKE:
        return _paulson(a, b, max(-37.0, float(sc.ndtri_exp(level))))
    if high >= EXTREME_SHAPE:
        return 1.0
    if high >= _UNEQUAL:
        ratio = float(_gamma_initial_guess(low, level, a > b)) / (high + 0.5 * (low - 1.0))
        odds = math.expm1(min(ratio, _LARGEST_LOG))
        if odds > 0.0:
            return odds if a <= b else 1.0 / odds
    elif level > _LOG_TINY:
        x = float(sc.betaincinv(a, b, math.exp(level)))
        if _SMALLEST_QUANTILE < x < 0.999:
            return x / (1.0 - x)
        y = float(sc.betainccinv(b, a, math.exp(level)))
        if x >= 0.999 and y > _SMALLEST_QUANTILE:
            return (1.0 - y) / y
    exponent = (level + math.log(a) + log_beta(a, b)) / a  # the density is a power of x
    return math.exp(min(exponent, 0.0))


def _gamma_initial_guess(shape: float, level: float, upper: bool) -> Real:
    if level > _LOG_TINY:
        return (sc.gammainccinv if upper else sc.gammaincinv)(shape, math.exp(level))
    return _gamma_start(shape, level, upper)


def _paulson(a: float, b: float, z: float) -> float:
    """Approximate the odds of a quantile from the normal quantile z, for large a and b.

    References
    ----------
    E. Paulson, "An approximate normalization of the analysis of variance distribution", Annals of
    Mathematical Statistics 13, 1942.
    """
    u, v = 1.0 / (9.0 * a), 1.0 / (9.0 * b)
    # z = ((1 - v) w - (1 - u)) / sqrt(v w**2 + u), with w**3 = b / a * odds
    root = math.sqrt(max(u * (1.0 - v) ** 2 + v * (1.0 - u) ** 2 - u * v * z * z, 0.0))
    w = ((1.0 - u) * (1.0 - v) + z * root) / ((1.0 - v) ** 2 - v * z * z)
    return a / b * max(w, 1e-3) ** 3


def t_ppf(df: Real, q: Real, log: bool = False) -> Real:
    """Return the quantile of Student's t distribution, of which the upper quantile is the negative.

    T**2 / df is distributed as the odds of Beta(1/2, df/2): near the centre, the quantile is
    computed from the probability between -x and x, and in the tails from the probability outside.

    Examples
    --------
    >>> f"{t_ppf(4.0, 0.49999999):.6e}"
    '-2.666667e-08'
    """
    if not is_array(df, q):
        return _t_quantile(float(df), float(q), log)
    if np.ndim(q) == 0 and np.ndim(df) == 1 and np.size(df) >= _MANY:
        distinct, places = np.unique(df, return_inverse=True)
        if 2 * len(distinct) <= len(places):
            return t_ppf(distinct, q, log)[places]
    df, q = np.broadcast_arrays(np.asarray(df, float), np.asarray(q, float))
    with np.errstate(all="ignore"):
        level, upper = _smaller_tail(q, False, log)
        tail = np.exp(level) if log else np.minimum(q, 1.0 - q)
        scipy_result = np.where(upper, -1.0, 1.0) * sc.stdtrit(np.minimum(df, NORMAL_DF), tail)
        scipy_is_accurate = is_usual(df, 0.0) & (tail > _SMALL_TAIL) & (tail < 0.25)
    rows = np.vectorize(_t_quantile, otypes=[float])
    return select(~scipy_is_accurate, lambda df, q: rows(df, q, log), scipy_result, df, q)


def _t_quantile(df: float, q: float, log: bool) -> float:
    level, upper = _smaller_tail(q, False, log)
    sign = 1.0 if upper else -1.0
    if is_usual(df, 0.0) and _SMALL_TAIL < (p := math.exp(level)) < 0.25:
        return -sign * float(sc.stdtrit(df, p))
    if level == -math.inf or level != level:
        return sign * math.inf if level == level else math.nan
    if df >= NORMAL_DF:
        return -sign * float(sc.ndtri_exp(level))
    if level > -1.3:
        inside = -math.expm1(level - _LOG_HALF) if log else 2.0 * abs(q - 0.5)
        odds = beta_odds_ppf(0.5, 0.5 * df, inside) if inside > 0.0 else 0.0
    else:
        odds = beta_odds_isf(0.5, 0.5 * df, level - _LOG_HALF, True)
    if odds < 1e280:
        return sign * math.sqrt(df) * math.sqrt(odds)
    log_density = log_rising(0.5 * df, 0.5) - 0.5 * math.log(math.pi)
    exponent = (log_density + 0.5 * df * math.log(df) - math.log(df) - level) / df
    return sign * (math.exp(exponent) if exponent < _LARGEST_LOG else math.inf)
