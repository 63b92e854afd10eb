"""Tails and quantiles of the beta distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes.numerics.elementwise_tails import SMALLEST_TAIL, select
from seqbayes.numerics.gamma_tails import gamma_cdf, gamma_isf, gamma_ppf, gamma_sf
from seqbayes.numerics.special import (
    Real,
    beta_difference,
    deviance,
    is_array,
    log_beta,
    log_beta_term,
)

# From here on Temme's expansion is better than scipy.
_LARGE = 1e10

# From here on a gamma variable of that shape is its shape, next to the other one.
_EXTREME = 1e100

_SMALLEST_QUANTILE = 1e-307


def beta_cdf(a: Real, b: Real, x: Real, y: Real = None) -> Real:
    """P(X <= x) for X ~ Beta(a, b).

    Parameters
    ----------
    a, b : float or array
    x : float or array
        In [0, 1].
    y : float or array, optional
        1 - x, where it is known better than by subtraction.

    Examples
    --------
    >>> round(beta_cdf(2.0, 1.0, 0.5), 12)
    0.25
    """
    if y is None:
        y = 1.0 - x
        usual = sc.betainc(*_usual_parameters(_both_large(a, b), a, b), x)
    else:
        usual = _lower(*_usual_parameters(_both_large(a, b), a, b), x, y)
    usual = select(_both_large(a, b), _temme, usual, a, b, x, y)
    return select(_either_extreme(a, b), _extreme_cdf, usual, a, b, x, y)


def beta_sf(a: Real, b: Real, x: Real, y: Real = None) -> Real:
    """P(X > x) for X ~ Beta(a, b); see `beta_cdf`."""
    if y is None:
        usual = sc.betaincc(*_usual_parameters(_both_large(a, b), a, b), x)
        usual = select(_both_large(a, b), _temme, usual, b, a, 1.0 - x, x)
        return select(_either_extreme(a, b), _extreme_cdf, usual, b, a, 1.0 - x, x)
    return beta_cdf(b, a, y, x)


def _both_large(a: Real, b: Real) -> Any:
    return (a >= _LARGE) & (b >= _LARGE)


def _either_extreme(a: Real, b: Real) -> Any:
    return (a >= _EXTREME) | (b >= _EXTREME)


def _usual_parameters(replaced: Any, a: Real, b: Real) -> tuple[Real, Real]:
    """Parameters for scipy's functions: 1 where it would think for long about what is replaced."""
    replaced = replaced | _either_extreme(a, b)
    if is_array(replaced):
        return np.where(replaced, 1.0, a), np.where(replaced, 1.0, b)
    return (1.0, 1.0) if replaced else (a, b)


def _extreme_cdf(a: Real, b: Real, x: Real, y: Real) -> Real:
    """X is G / (G + H) for gamma variables G and H; the one of the larger shape is its shape."""
    if is_array(a, b, x, y):
        with np.errstate(all="ignore"):
            odds = np.asarray(x) / y
            return np.where(a <= b, gamma_cdf(a, b * odds), gamma_sf(b, a / odds))
    if x <= 0.0 or y <= 0.0:
        return 0.0 if x <= 0.0 else 1.0
    return gamma_cdf(a, b * (x / y)) if a <= b else gamma_sf(b, a * (y / x))


def _extreme_ppf(a: Real, b: Real, q: Real) -> Real:
    if is_array(a, b, q):
        with np.errstate(all="ignore"):
            return _share(
                np.where(a <= b, gamma_ppf(a, q), a), np.where(a <= b, b, gamma_isf(b, q))
            )
    return _share(gamma_ppf(a, q), b) if a <= b else _share(a, gamma_isf(b, q))


def _extreme_isf(a: Real, b: Real, q: Real) -> Real:
    if is_array(a, b, q):
        with np.errstate(all="ignore"):
            return _share(
                np.where(a <= b, gamma_isf(a, q), a), np.where(a <= b, b, gamma_ppf(b, q))
            )
    return _share(gamma_isf(a, q), b) if a <= b else _share(a, gamma_ppf(b, q))


def _share(g: Real, h: Real) -> Real:
    return g / (g + h)


def _lower(a: Real, b: Real, x: Real, y: Real) -> Real:
    """Lower tail from whichever of x and y is small, and so exact."""
    if is_array(a, b, x, y):
        return np.where(np.less(x, y), sc.betainc(a, b, x), sc.betaincc(b, a, y))
    return float(sc.betainc(a, b, x) if x < y else sc.betaincc(b, a, y))


def _temme(a: Real, b: Real, x: Real, y: Real) -> Real:
    """Temme's expansion (DLMF 8.18.9) to first order; its relative error is below 1/min(a, b)."""
    if not is_array(a, b, x, y):
        arrays = (np.asarray([float(v)]) for v in (a, b, x, y))
        return float(_temme(*arrays)[0])
    n = a + b
    difference = beta_difference(a, b, x, y)
    with np.errstate(all="ignore"):
        half_square = deviance(a, n * x, difference) + deviance(b, n * y, -difference)
        z = -np.sign(difference) * np.sqrt(2.0 * half_square)
        spread = np.sqrt(a * b / n)
        # 1/z - spread/(n (x - a/n)) tends to the skewness term at z = 0.
        away = 1.0 / z + spread / difference
        correction = np.where(np.abs(z) < 1.0, (b - a) / n / (3.0 * spread), away)
        correction = correction * np.exp(-half_square) / math.sqrt(2.0 * math.pi)
        return sc.ndtr(z) + np.where(np.isfinite(correction), correction, 0.0)


def beta_ppf(a: Real, b: Real, q: Real) -> Real:
    """Quantile of Beta(a, b): the x with P(X <= x) = q.

    Examples
    --------
    >>> math.isclose(beta_ppf(0.001, 1.0, 0.5), 0.5**1000)
    True
    """
    usual = sc.betaincinv(*_usual_parameters(_hard_to_invert(a, b), a, b), q)
    lost = (usual < _SMALLEST_QUANTILE) | (usual != usual)
    usual = select(lost, _power_law, usual, a, b, q)
    usual = select(_hard_to_invert(a, b), _large_ppf, usual, a, b, q)
    return select(_either_extreme(a, b), _extreme_ppf, usual, a, b, q)


def beta_isf(a: Real, b: Real, q: Real) -> Real:
    """Upper quantile of Beta(a, b): the x with P(X > x) = q."""
    usual = sc.betainccinv(*_usual_parameters(_hard_to_invert(a, b), a, b), q)
    usual = select(usual < _SMALLEST_QUANTILE, _power_law, usual, a, b, 1.0 - q)
    usual = select(usual != usual, _upper_power_law, usual, a, b, q)
    usual = select(_hard_to_invert(a, b), _large_isf, usual, a, b, q)
    return select(_either_extreme(a, b), _extreme_isf, usual, a, b, q)


def _hard_to_invert(a: Real, b: Real) -> Any:
    """Whether betaincinv has few digits or none, and Newton's steps start close enough."""
    return (a + b >= 1e7) & (a >= 1e3) & (b >= 1e3) & (a < _EXTREME) & (b < _EXTREME)


def _large_ppf(a: Real, b: Real, q: Real) -> Real:
    return sc.expit(_logit(a, b, q, -1.0))


def _large_isf(a: Real, b: Real, q: Real) -> Real:
    return sc.expit(_logit(a, b, q, 1.0))


def _logit(a: Real, b: Real, q: Real, side: float) -> Real:
    """Quantile of logit X for large a and b: Paulson's approximation and Newton's steps.

    Steps are on the log of the tail that is below 1/2, which is concave.

    References
    ----------
    E. Paulson, "An approximate normalization of the analysis of variance distribution", Annals of
    Mathematical Statistics 13, 1942.
    """
    scalar = not is_array(a, b, q)
    xp: Any = math if scalar else np
    z = -side * sc.ndtri(q)
    if scalar and not math.isfinite(z):
        return float(z)
    q = max(q, SMALLEST_TAIL) if scalar else np.maximum(q, SMALLEST_TAIL)
    ends, z = z, -side * sc.ndtri(q)
    u, v = 1.0 / (9.0 * a), 1.0 / (9.0 * b)
    with np.errstate(all="ignore"):
        # z = ((1 - v) w - (1 - u)) / sqrt(v w**2 + u), with w**3 = b / a * odds
        root = xp.sqrt(u * (1.0 - v) ** 2 + v * (1.0 - u) ** 2 - u * v * z * z)
        w = ((1.0 - u) * (1.0 - v) + z * root) / ((1.0 - v) ** 2 - v * z * z)
        logit = xp.log(a) - xp.log(b) + 3.0 * xp.log(w)
        upper = (q <= 0.5) == (side > 0.0)
        level = (q if q <= 0.5 else 1.0 - q) if scalar else np.minimum(q, 1.0 - q)
        for _ in range(4):
            x, y = sc.expit(logit), sc.expit(-logit)
            if scalar:
                x, y = float(x), float(y)
                tail = beta_sf(a, b, x, y) if upper else beta_cdf(a, b, x, y)
            else:
                tail = np.where(upper, beta_sf(a, b, x, y), beta_cdf(a, b, x, y))
            slope = xp.exp(log_beta_term(a, b, x, y, beta_difference(a, b, x, y)))
            if scalar and not (tail > 0.0 and slope > 0.0):
                break
            step = tail * xp.log(tail / level) / slope
            if not scalar:  # where floats are coarser than the spread, the tail may vanish
                step = np.where(np.isfinite(step), step, 0.0)
            logit = logit + (2.0 * upper - 1.0) * step
        return float(logit) if scalar else np.where(np.isfinite(ends), logit, ends)


def _power_law(a: Real, b: Real, q: Real) -> Real:
    xp: Any = np if is_array(a, b, q) else math
    with np.errstate(all="ignore"):
        if xp is math and q <= 0.0:
            return 0.0
        return xp.exp((xp.log(q) + xp.log(a) + log_beta(a, b)) / a)


def _upper_power_law(a: Real, b: Real, q: Real) -> Real:
    return 1.0 - _power_law(b, a, q)


def beta_odds_ppf(a: Real, b: Real, q: Real) -> Real:
    """Quantile of X / (1 - X) for X ~ Beta(a, b), without rounding X near 1."""
    return _odds(beta_ppf(a, b, q), beta_isf(b, a, q))


def beta_odds_isf(a: Real, b: Real, q: Real) -> Real:
    """Upper quantile of X / (1 - X) for X ~ Beta(a, b)."""
    return _odds(beta_isf(a, b, q), beta_ppf(b, a, q))


def _odds(x: Real, y: Real) -> Real:
    if is_array(x, y):
        with np.errstate(all="ignore"):
            return np.where(np.less(x, 0.5), x / (1.0 - x), (1.0 - y) / y)
    if x < 0.5:
        return x / (1.0 - x)
    return (1.0 - y) / y if y > 0.0 else math.inf
