"""Tails and quantiles of the gamma distribution with rate 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.elementwise_tails import SMALLEST_ACCURATE, log_integral, log_tail, select
from seqbayes.numerics.log_terms import log_gamma_term
from seqbayes.numerics.special import Real, deviance, horner, is_array

# Above this shape, three terms of Temme's expansion give 1e-13 wherever the tail is above 1e-300.
LARGE_SHAPE = 1e5

# Taylor coefficients in eta (DLMF 8.12.12), highest power first, of 1/mu - 1/eta with mu - log(1 +
# mu) = eta**2 / 2, and of the next two functions of the expansion.
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


def gamma_cdf(shape: Real, x: Real, x_low: Real = 0.0) -> Real:
    """Return P(X <= x) for X ~ Gamma(shape, 1), x >= 0.

    Parameters
    ----------
    shape, x : float or array
    x_low : float or array
        The low-order part of x (its rounding error); tails are sensitive to it if the shape is
        large.

    Examples
    --------
    >>> round(gamma_cdf(1.0, 2.0), 12) == round(1 - math.exp(-2.0), 12)
    True
    >>> f"{gamma_cdf(1e8, 1e8 - 6e4):.5e}"  # six standard deviations below
    '9.79521e-10'
    """
    large = shape >= LARGE_SHAPE
    if large is True:
        tail = _tail(shape, x, -1.0, x_low)
        return tail if is_array(x) else float(tail)
    return select(large, _lower, sc.gammainc(shape, x), shape, x, x_low)


def gamma_sf(shape: Real, x: Real, x_low: Real = 0.0) -> Real:
    """Return P(X > x) for X ~ Gamma(shape, 1), x >= 0; see `gamma_cdf`."""
    large = shape >= LARGE_SHAPE
    if large is True:
        tail = _tail(shape, x, 1.0, x_low)
        return tail if is_array(x) else float(tail)
    return select(large, _upper, sc.gammaincc(shape, x), shape, x, x_low)


def _lower(shape: Real, x: Real, x_low: Real) -> Real:
    return _tail(shape, x, -1.0, x_low)


def _upper(shape: Real, x: Real, x_low: Real) -> Real:
    return _tail(shape, x, 1.0, x_low)


def _tail(shape: Real, x: Real, side: Real, x_low: Real = 0.0) -> Real:
    difference = (shape - x) - x_low
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


def gamma_logcdf(shape: Real, x: Real, x_low: Real = 0.0) -> Real:
    """Return the log of P(X <= x) for X ~ Gamma(shape, 1), x > 0, without underflow.

    Examples
    --------
    >>> round(gamma_logcdf(1000.0, 100.0), 6)
    -1406.852755
    """
    return log_tail(gamma_cdf, gamma_sf, _log_lower, shape, x, x_low)


def gamma_logsf(shape: Real, x: Real, x_low: Real = 0.0) -> Real:
    """Return the log of P(X > x) for X ~ Gamma(shape, 1), x > 0, without underflow.

    Examples
    --------
    >>> round(gamma_logsf(3.0, 800.0), 6)  # -800 + log(1 + 800 + 800**2 / 2)
    -787.321424
    """
    return log_tail(gamma_sf, gamma_cdf, _log_upper, shape, x, x_low)


def _log_lower(shape: Real, x: Real, x_low: Real) -> Real:
    return sum(log_parts(shape, x, False, x_low))


def _log_upper(shape: Real, x: Real, x_low: Real) -> Real:
    return sum(log_parts(shape, x, True, x_low))


def log_parts(shape: Real, x: Real, upper: Any, x_low: Real = 0.0) -> tuple[Real, Real]:
    """Return two parts of the log of a tail that does not contain the mean.

    The parts are the log density of log X, and the log of the ratio of the tail to that density.
    """
    difference = (shape - x) - x_low
    term = log_gamma_term(shape, x, difference)
    if is_array(shape, x) and np.all(shape >= LARGE_SHAPE):
        tail = _tail(shape, x, np.where(upper, 1.0, -1.0))
        if np.all(tail > SMALLEST_ACCURATE):
            return term, np.log(tail) - term
    slope = np.where(upper, -difference, difference) if is_array(upper) else difference
    if upper is True:
        slope = -difference
    return term, log_integral(slope, x, 0.0, upper)
