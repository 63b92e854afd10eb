"""Tail probabilities and quantiles of the beta, gamma and Student t distributions.

These are scipy.special's functions, checked against mpmath, with the regions replaced where they
fail (scipy 1.17):

* ``gammainc`` loses all digits in the lower tail of large shapes (23 % off at shape 7e7, five
  standard deviations below the mean), and with it ``gammaincinv``: Temme's expansion from 1e5 on.
* ``betainc`` keeps only nine digits when both parameters exceed 1e12: Temme's expansion.
* ``betaincinv`` loses digits when parameters exceed 1e8, and some quantiles altogether: Newton's
  steps.
* ``betaincinv`` and ``stdtrit`` stop at about 2e-308 and 1e153, and the first finds none at some
  levels below 1e-100: power laws beyond.
* Products of parameters of the beta distribution overflow: beyond 1e100, gamma variables.

All take floats or arrays: floats in, float out; arrays broadcast.

References
----------
.. [1] N. M. Temme, "The asymptotic expansion of the incomplete gamma functions", SIAM J. Math.
   Anal. 10, 1979; https://dlmf.nist.gov/8.12 and https://dlmf.nist.gov/8.18.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes.special import (
    Real,
    beta_difference,
    deviance,
    horner,
    is_array,
    log_beta,
    log_beta_term,
    log_rising,
)

# From here on three terms of Temme's expansion give 1e-13 wherever the tail is above 1e-300.
_GAMMA_LARGE = 1e5
_BETA_LARGE = 1e10

# From here on a gamma variable of that shape is its shape, next to the other one.
_BETA_EXTREME = 1e100

# Taylor coefficients in eta (DLMF 8.12.12), highest power first, of 1/mu - 1/eta, where
# mu - log(1 + mu) = eta**2 / 2, and of the next two functions of the expansion.
_TEMME_0 = (
    -571 / 261273600,
    1 / 25515,
    -139 / 777600,
    1 / 2835,
    1 / 864,
    -2 / 135,
    1 / 12,
    -1 / 3,
)
_TEMME_1 = (-1 / 2488320, 1 / 4860, -77 / 77760, 1 / 378, -1 / 288, -1 / 540)
_TEMME_2 = (1 / 1296, -139 / 51840, 25 / 6048)

_SMALLEST_QUANTILE = 1e-307
_LARGEST_T = 1e150
_SMALLEST_TAIL = 1e-290  # of large parameters: smaller levels are read as this one


def _select(large: Any, replaced: Any, usual: Real, *args: Real) -> Real:
    """Use `replaced` at those elements of `args` where `large`, and `usual` elsewhere."""
    if not is_array(*args):
        return float(replaced(*args) if large else usual)
    if not np.any(large):
        return usual
    large, usual, *columns = np.broadcast_arrays(large, usual, *args)
    result = np.array(usual, dtype=float)
    result[large] = replaced(*(column[large] for column in columns))
    return result


# Gamma with rate 1


def gamma_cdf(shape: Real, x: Real) -> Real:
    """P(X <= x) for X ~ Gamma(shape, 1), x >= 0.

    Examples
    --------
    >>> round(gamma_cdf(1.0, 2.0), 12) == round(1 - math.exp(-2.0), 12)
    True
    >>> f"{gamma_cdf(1e8, 1e8 - 6e4):.5e}"  # six standard deviations below
    '9.79521e-10'
    """
    large = shape >= _GAMMA_LARGE
    if large is True:
        return float(_gamma_tail(shape, x, -1.0))
    return _select(large, _gamma_lower, sc.gammainc(shape, x), shape, x)


def gamma_sf(shape: Real, x: Real) -> Real:
    """P(X > x) for X ~ Gamma(shape, 1), x >= 0."""
    large = shape >= _GAMMA_LARGE
    if large is True:
        return float(_gamma_tail(shape, x, 1.0))
    return _select(large, _gamma_upper, sc.gammaincc(shape, x), shape, x)


def _gamma_lower(shape: Real, x: Real) -> Real:
    return _gamma_tail(shape, x, -1.0)


def _gamma_upper(shape: Real, x: Real) -> Real:
    return _gamma_tail(shape, x, 1.0)


def _gamma_tail(shape: Real, x: Real, side: float) -> Real:
    difference = shape - x
    if not is_array(difference) and not math.isfinite(difference):
        return math.nan if math.isnan(difference) else (1.0 if side < 0.0 else 0.0)
    half_square = deviance(shape, x, difference)
    if is_array(half_square):
        with np.errstate(all="ignore"):
            half_square = np.where(np.isinf(x), np.inf, half_square)
            z = -np.sign(difference) * np.sqrt(2.0 * half_square)
            eta = np.clip(z / np.sqrt(shape), -1.0, 1.0)
            weight = np.exp(-half_square) / np.sqrt(2.0 * math.pi * shape)
    else:
        z = math.copysign(math.sqrt(2.0 * half_square), -difference)
        eta = min(1.0, max(-1.0, z / math.sqrt(shape)))
        weight = math.exp(-half_square) / math.sqrt(2.0 * math.pi * shape)
    terms = (horner(_TEMME_2, eta) / shape + horner(_TEMME_1, eta)) / shape
    return sc.ndtr(-side * z) + side * weight * (terms + horner(_TEMME_0, eta))


def gamma_ppf(shape: Real, q: Real) -> Real:
    """Quantile of Gamma(shape, 1): the x with P(X <= x) = q."""
    large = shape >= _GAMMA_LARGE
    return _select(large, _gamma_quantile_lower, sc.gammaincinv(shape, q), shape, q)


def gamma_isf(shape: Real, q: Real) -> Real:
    """Upper quantile of Gamma(shape, 1): the x with P(X > x) = q."""
    large = shape >= _GAMMA_LARGE
    return _select(large, _gamma_quantile_upper, sc.gammainccinv(shape, q), shape, q)


def _gamma_quantile_lower(shape: Real, q: Real) -> Real:
    return _gamma_quantile(shape, q, -1.0)


def _gamma_quantile_upper(shape: Real, q: Real) -> Real:
    return _gamma_quantile(shape, q, 1.0)


def _gamma_quantile(shape: Real, q: Real, side: float) -> Real:
    """Solve Temme's expansion by Newton's steps on the log of the tail, from Wilson-Hilferty.

    Steps are taken in log x, where the tail is log-concave: it cannot overshoot its support.
    """
    xp: Any = np if is_array(shape, q) else math
    z: Real = -side * sc.ndtri(q)
    if xp is math:
        z = float(z)
        if not math.isfinite(z):
            return z if z != -math.inf else 0.0
    q = np.maximum(q, _SMALLEST_TAIL) if xp is np else max(q, _SMALLEST_TAIL)
    with np.errstate(all="ignore"):
        near = -side * sc.ndtri(q)
        x = shape * (1.0 - 1.0 / (9.0 * shape) + near / (3.0 * xp.sqrt(shape))) ** 3
        for _ in range(3):
            tail = _gamma_tail(shape, x, side)
            log_slope = -deviance(shape, x) - 0.5 * xp.log(2.0 * math.pi / shape)
            x = x * xp.exp(side * tail * xp.log(tail / q) / xp.exp(log_slope))
        if xp is np:
            x = np.where(np.isfinite(z), x, np.where(z == -np.inf, 0.0, z))
    return x if xp is np else float(x)


# Beta


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
        usual = _beta_lower(*_usual_parameters(_both_large(a, b), a, b), x, y)
    usual = _select(_both_large(a, b), _beta_temme, usual, a, b, x, y)
    return _select(_either_extreme(a, b), _beta_extreme_cdf, usual, a, b, x, y)


def beta_sf(a: Real, b: Real, x: Real, y: Real = None) -> Real:
    """P(X > x) for X ~ Beta(a, b); see `beta_cdf`."""
    if y is None:
        usual = sc.betaincc(*_usual_parameters(_both_large(a, b), a, b), x)
        usual = _select(_both_large(a, b), _beta_temme, usual, b, a, 1.0 - x, x)
        return _select(_either_extreme(a, b), _beta_extreme_cdf, usual, b, a, 1.0 - x, x)
    return beta_cdf(b, a, y, x)


def _both_large(a: Real, b: Real) -> Any:
    return (a >= _BETA_LARGE) & (b >= _BETA_LARGE)


def _either_extreme(a: Real, b: Real) -> Any:
    return (a >= _BETA_EXTREME) | (b >= _BETA_EXTREME)


def _usual_parameters(replaced: Any, a: Real, b: Real) -> tuple[Real, Real]:
    """Parameters for scipy's functions: 1 where it would think for long about what is replaced."""
    replaced = replaced | _either_extreme(a, b)
    if is_array(replaced):
        return np.where(replaced, 1.0, a), np.where(replaced, 1.0, b)
    return (1.0, 1.0) if replaced else (a, b)


def _beta_extreme_cdf(a: Real, b: Real, x: Real, y: Real) -> Real:
    """X is G / (G + H) for gamma variables G and H; the one of the larger shape is its shape."""
    if is_array(a, b, x, y):
        with np.errstate(all="ignore"):
            odds = np.asarray(x) / y
            return np.where(a <= b, gamma_cdf(a, b * odds), gamma_sf(b, a / odds))
    if x <= 0.0 or y <= 0.0:
        return 0.0 if x <= 0.0 else 1.0
    return gamma_cdf(a, b * (x / y)) if a <= b else gamma_sf(b, a * (y / x))


def _beta_extreme_ppf(a: Real, b: Real, q: Real) -> Real:
    if is_array(a, b, q):
        with np.errstate(all="ignore"):
            return _share(
                np.where(a <= b, gamma_ppf(a, q), a), np.where(a <= b, b, gamma_isf(b, q))
            )
    return _share(gamma_ppf(a, q), b) if a <= b else _share(a, gamma_isf(b, q))


def _beta_extreme_isf(a: Real, b: Real, q: Real) -> Real:
    if is_array(a, b, q):
        with np.errstate(all="ignore"):
            return _share(
                np.where(a <= b, gamma_isf(a, q), a), np.where(a <= b, b, gamma_ppf(b, q))
            )
    return _share(gamma_isf(a, q), b) if a <= b else _share(a, gamma_ppf(b, q))


def _share(g: Real, h: Real) -> Real:
    return g / (g + h)


def _beta_lower(a: Real, b: Real, x: Real, y: Real) -> Real:
    """Lower tail from whichever of x and y is small, and so exact."""
    if is_array(a, b, x, y):
        return np.where(np.less(x, y), sc.betainc(a, b, x), sc.betaincc(b, a, y))
    return float(sc.betainc(a, b, x) if x < y else sc.betaincc(b, a, y))


def _beta_temme(a: Real, b: Real, x: Real, y: Real) -> Real:
    """Temme's expansion (DLMF 8.18.9) to first order; its relative error is below 1/min(a, b)."""
    if not is_array(a, b, x, y):
        arrays = (np.asarray([float(v)]) for v in (a, b, x, y))
        return float(_beta_temme(*arrays)[0])
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
    usual = _select(lost, _beta_power_law, usual, a, b, q)
    usual = _select(_hard_to_invert(a, b), _beta_large_ppf, usual, a, b, q)
    return _select(_either_extreme(a, b), _beta_extreme_ppf, usual, a, b, q)


def beta_isf(a: Real, b: Real, q: Real) -> Real:
    """Upper quantile of Beta(a, b): the x with P(X > x) = q."""
    usual = sc.betainccinv(*_usual_parameters(_hard_to_invert(a, b), a, b), q)
    usual = _select(usual < _SMALLEST_QUANTILE, _beta_power_law, usual, a, b, 1.0 - q)
    usual = _select(usual != usual, _beta_upper_power_law, usual, a, b, q)
    usual = _select(_hard_to_invert(a, b), _beta_large_isf, usual, a, b, q)
    return _select(_either_extreme(a, b), _beta_extreme_isf, usual, a, b, q)


def _hard_to_invert(a: Real, b: Real) -> Any:
    """Whether betaincinv has few digits or none, and Newton's steps start close enough."""
    return (a + b >= 1e7) & (a >= 1e3) & (b >= 1e3) & (a < _BETA_EXTREME) & (b < _BETA_EXTREME)


def _beta_large_ppf(a: Real, b: Real, q: Real) -> Real:
    return sc.expit(_beta_logit(a, b, q, -1.0))


def _beta_large_isf(a: Real, b: Real, q: Real) -> Real:
    return sc.expit(_beta_logit(a, b, q, 1.0))


def _beta_logit(a: Real, b: Real, q: Real, side: float) -> Real:
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
    q = max(q, _SMALLEST_TAIL) if scalar else np.maximum(q, _SMALLEST_TAIL)
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


def _beta_power_law(a: Real, b: Real, q: Real) -> Real:
    xp: Any = np if is_array(a, b, q) else math
    with np.errstate(all="ignore"):
        if xp is math and q <= 0.0:
            return 0.0
        return xp.exp((xp.log(q) + xp.log(a) + log_beta(a, b)) / a)


def _beta_upper_power_law(a: Real, b: Real, q: Real) -> Real:
    return 1.0 - _beta_power_law(b, a, q)


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


# Student t with location 0 and scale 1


def t_cdf(df: Real, x: Real) -> Real:
    """P(T <= x) for Student's t; df may be infinite.

    Examples
    --------
    >>> round(t_cdf(1.0, 1.0), 12)
    0.75
    """
    usual = sc.stdtr(df, x)
    return usual if is_array(usual) else float(usual)


def t_ppf(df: Real, q: Real) -> Real:
    """Quantile of Student's t; its upper quantile is minus this."""
    usual: Real = sc.stdtrit(df, q)
    return _select(abs(usual) > _LARGEST_T, _t_power_law, usual, df, q)


def _t_power_law(df: Real, q: Real) -> Real:
    xp: Any = np if is_array(df, q) else math
    with np.errstate(all="ignore"):
        tail = np.minimum(q, 1.0 - q) if xp is np else min(q, 1.0 - q)
        if xp is math and tail <= 0.0:
            return math.copysign(math.inf, q - 0.5)
        log_density = log_rising(0.5 * df, 0.5) - 0.5 * math.log(math.pi)
        exponent = (log_density + 0.5 * df * xp.log(df) - xp.log(df) - xp.log(tail)) / df
        if xp is math:
            return math.copysign(math.exp(exponent) if exponent < 709.7 else math.inf, q - 0.5)
        return np.copysign(np.exp(exponent), q - 0.5)
