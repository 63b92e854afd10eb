"""Changes of log densities over an interval, computed without cancellation.

Each function returns the log density at the lower end minus that at the upper end, the same
difference for its derivative, and its derivative at the upper end. The result is None if an end is
not inside the support.
"""

from __future__ import annotations

import math


def gamma_change(
    shape: float, rate: float, low: float, width: float
) -> tuple[float, float, float] | None:
    """Return the changes of the log density of a gamma distribution.

    Examples
    --------
    >>> difference, slopes, slope = gamma_change(1.0, 2.0, 1.0, 1.0)
    >>> difference, slopes, slope
    (2.0, 0.0, -2.0)
    """
    power, high = shape - 1.0, low + width
    if not 0.0 < low < high < math.inf:
        return None
    difference = power * _log_ratio(low, width) + rate * width
    return difference, power * (width / high) / low, power / high - rate


def inverse_gamma_change(
    shape: float, scale: float, low: float, width: float
) -> tuple[float, float, float] | None:
    """Return the changes of the log density of an inverse gamma distribution.

    Examples
    --------
    >>> inverse_gamma_change(1.0, 4.0, 2.0, 2.0)[2]
    -0.25
    """
    power, high = shape + 1.0, low + width
    if not 0.0 < low < high < math.inf:
        return None
    gap = (width / high) / low  # 1 / low - 1 / high
    difference = -power * _log_ratio(low, width) - scale * gap
    slopes = (scale * (1.0 / low + 1.0 / high) - power) * gap
    return difference, slopes, (scale / high - power) / high


def beta_change(
    alpha: float, beta: float, low: float, width: float
) -> tuple[float, float, float] | None:
    """Return the changes of the log density of a beta distribution.

    Examples
    --------
    >>> difference, slopes, slope = beta_change(2.0, 2.0, 0.25, 0.5)
    >>> abs(difference) < 1e-15, round(slopes, 9), round(slope, 9)
    (True, 5.333333333, -2.666666667)
    """
    a, b, high = alpha - 1.0, beta - 1.0, low + width
    if not 0.0 < low < high < 1.0:
        return None
    rest = 1.0 - high
    difference = a * _log_ratio(low, width) - b * _log_ratio(rest, width)
    slopes = a * (width / high) / low + b * (width / (1.0 - low)) / rest
    return difference, slopes, a / high - b / rest


def _log_ratio(low: float, width: float) -> float:
    """Return log(low / (low + width))."""
    high = low + width
    return math.log1p(-width / high) if width < low else math.log(low) - math.log(high)
