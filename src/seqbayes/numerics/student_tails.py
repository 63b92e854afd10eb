"""Tails of Student's t distribution with location 0 and scale 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.beta_tails import beta_cdf, beta_logcdf
from seqbayes.numerics.elementwise_tails import select
from seqbayes.numerics.special import Real, is_array, log_beta

NORMAL_DF = 1e100
"""Above this df, the t distribution equals the normal distribution to double precision."""

_FAR_RATIO = 1e280
"""Above this x**2 / df, the tail is a power of x to double precision."""

# If the tail is between these values, scipy's functions for Student's t are accurate.
_SMALLEST, _CENTRE = 1e-250, 0.25


def t_cdf(df: Real, x: Real) -> Real:
    """Return P(T <= x) for Student's t distribution; df may be infinite.

    The smaller tail is half of the tail of Beta(df / 2, 1 / 2) at df / (df + x**2), which is
    accurate near the centre, where ``scipy.special.stdtr`` has only nine digits.

    Examples
    --------
    >>> round(t_cdf(1.0, 1.0), 12)
    0.75
    >>> f"{t_cdf(1.0, 1e-8) - 0.5:.6e}"  # 1e-8 / pi
    '3.183099e-09'
    """
    if not is_array(df, x):
        size = abs(x)
        tail = float(sc.stdtr(df, -size)) if is_usual(df, size) else 0.0
        if tail > _CENTRE:
            tail = _centre(df, size)
        elif not tail > _SMALLEST:
            tail = _far_tail(df, size)
        return float(tail if x < 0.0 else 1.0 - tail)
    df, x = np.broadcast_arrays(np.asarray(df, float), np.asarray(x, float))
    size = np.abs(x)
    usual = is_usual(df, size)
    with np.errstate(all="ignore"):
        tails: Real = np.where(usual, sc.stdtr(np.minimum(df, NORMAL_DF), -size), 0.0)
        tails = select(tails > _CENTRE, _centre, tails, df, size)
        tails = select(~(tails > _SMALLEST), _far_tail, tails, df, size)
        return np.where(x < 0.0, tails, 1.0 - tails)


def is_usual(df: Real, size: Real) -> Any:
    """Whether scipy's functions for Student's t can be used outside the centre."""
    return (df >= 0.5) & (df < NORMAL_DF) & (size < 1e100)


def _centre(df: Real, size: Real) -> Real:
    """Return an upper tail probability near 1/2, given the probability of [-size, size]."""
    ratio = (size / np.sqrt(df)) ** 2
    return 0.5 - 0.5 * sc.betainc(0.5, 0.5 * df, ratio / (1.0 + ratio))


def _far_tail(df: Real, size: Real) -> Real:
    """Return the upper tail where scipy's function underflows or is not accurate."""
    if is_array(df, size):
        return np.asarray(np.vectorize(_far_tail, otypes=[float])(df, size))
    if df >= NORMAL_DF:
        return float(sc.ndtr(-size))
    ratio = (size / math.sqrt(df)) ** 2 if size < 1e150 else math.inf
    if ratio > _FAR_RATIO:
        return math.exp(float(_log_far(df, size)))
    w, y = 1.0 / (1.0 + ratio), ratio / (1.0 + ratio)
    inside = 0.5 * beta_cdf(0.5, 0.5 * df, y, w)
    return float(0.5 - inside if inside < 0.25 else 0.5 * beta_cdf(0.5 * df, 0.5, w, y))


def t_logcdf(df: Real, x: Real) -> Real:
    """Return the log of P(T <= x) for Student's t distribution, even where P underflows.

    Examples
    --------
    >>> round(t_logcdf(100.0, -1e6), 4)
    -1154.5166
    """
    if is_array(df, x):
        df, x = np.broadcast_arrays(np.asarray(df, float), np.asarray(x, float))
        with np.errstate(all="ignore"):
            near = np.where(x < 0.0, np.log(t_cdf(df, x)), np.log1p(-t_cdf(df, -x)))
        small = (x < 0.0) & ~(near > -600.0)
        vectorised = np.vectorize(_log_lower, otypes=[float])
        return select(small, vectorised, near, df, x)
    if x >= 0.0:
        return math.log1p(-t_cdf(df, -x))
    p = t_cdf(df, x)
    return math.log(p) if p > 1e-260 else _log_lower(df, x)


def _log_lower(df: float, x: float) -> float:
    if df >= NORMAL_DF:
        return float(sc.log_ndtr(x))
    root = x / math.sqrt(df)
    if abs(root) > 1e140:
        return float(_log_far(df, -x))
    ratio = root * root
    log_p = beta_logcdf(0.5 * df, 0.5, 1.0 / (1.0 + ratio), ratio / (1.0 + ratio))
    return float(log_p - math.log(2.0))


def _log_far(df: Real, size: Real) -> Real:
    """Return the log of the tail where it is a power of x."""
    return df * (0.5 * np.log(df) - np.log(size)) - np.log(df) - log_beta(0.5 * df, 0.5 + 0.0 * df)
