"""Tails and quantiles of the gamma distribution with rate 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes.numerics.elementwise_tails import SMALLEST_TAIL, select
from seqbayes.numerics.special import Real, deviance, horner, is_array

# From here on three terms of Temme's expansion give 1e-13 wherever the tail is above 1e-300.
_LARGE = 1e5

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


def gamma_cdf(shape: Real, x: Real) -> Real:
    """P(X <= x) for X ~ Gamma(shape, 1), x >= 0.

    Examples
    --------
    >>> round(gamma_cdf(1.0, 2.0), 12) == round(1 - math.exp(-2.0), 12)
    True
    >>> f"{gamma_cdf(1e8, 1e8 - 6e4):.5e}"  # six standard deviations below
    '9.79521e-10'
    """
    large = shape >= _LARGE
    if large is True:
        tail = _tail(shape, x, -1.0)
        return tail if is_array(x) else float(tail)
    return select(large, _lower, sc.gammainc(shape, x), shape, x)


def gamma_sf(shape: Real, x: Real) -> Real:
    """P(X > x) for X ~ Gamma(shape, 1), x >= 0."""
    large = shape >= _LARGE
    if large is True:
        tail = _tail(shape, x, 1.0)
        return tail if is_array(x) else float(tail)
    return select(large, _upper, sc.gammaincc(shape, x), shape, x)


def _lower(shape: Real, x: Real) -> Real:
    return _tail(shape, x, -1.0)


def _upper(shape: Real, x: Real) -> Real:
    return _tail(shape, x, 1.0)


def _tail(shape: Real, x: Real, side: float) -> Real:
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
    large = shape >= _LARGE
    return select(large, _quantile_lower, sc.gammaincinv(shape, q), shape, q)


def gamma_isf(shape: Real, q: Real) -> Real:
    """Upper quantile of Gamma(shape, 1): the x with P(X > x) = q."""
    large = shape >= _LARGE
    return select(large, _quantile_upper, sc.gammainccinv(shape, q), shape, q)


def _quantile_lower(shape: Real, q: Real) -> Real:
    return _quantile(shape, q, -1.0)


def _quantile_upper(shape: Real, q: Real) -> Real:
    return _quantile(shape, q, 1.0)


def _quantile(shape: Real, q: Real, side: float) -> Real:
    """Solve Temme's expansion by Newton's steps on the log of the tail, from Wilson-Hilferty.

    Steps are taken in log x, where the tail is log-concave: it cannot overshoot its support.
    """
    xp: Any = np if is_array(shape, q) else math
    z: Real = -side * sc.ndtri(q)
    if xp is math:
        z = float(z)
        if not math.isfinite(z):
            return z if z != -math.inf else 0.0
    q = np.maximum(q, SMALLEST_TAIL) if xp is np else max(q, SMALLEST_TAIL)
    with np.errstate(all="ignore"):
        near = -side * sc.ndtri(q)
        x = shape * (1.0 - 1.0 / (9.0 * shape) + near / (3.0 * xp.sqrt(shape))) ** 3
        for _ in range(3):
            tail = _tail(shape, x, side)
            log_slope = -deviance(shape, x) - 0.5 * xp.log(2.0 * math.pi / shape)
            x = x * xp.exp(side * tail * xp.log(tail / q) / xp.exp(log_slope))
        if xp is np:
            x = np.where(np.isfinite(z), x, np.where(z == -np.inf, 0.0, z))
    return x if xp is np else float(x)
