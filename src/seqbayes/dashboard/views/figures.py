"""Numbers for JSON: finite or null, rounded to screen resolution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.console.plain import plain

_DIGITS = 4  # relative to a curve's height or width, since a screen has a few thousand pixels


def finite(value: Any) -> float | None:
    """Return a number as a finite float, or None.

    Examples
    --------
    >>> finite(0.5), finite(float("inf")), finite(None)
    (0.5, None, None)
    """
    if value is None:
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def significant(value: float | None) -> float | None:
    """Round a number to six significant digits.

    Examples
    --------
    >>> significant(1234.56789), significant(-1.23456789e-9), significant(None)
    (1234.57, -1.23457e-09, None)
    """
    return None if value is None else float(f"{value:.6g}")


def pair(interval: Any) -> list[float | None] | None:
    """Return the two ends of an interval, or None."""
    if interval is None:
        return None
    low, high = interval
    return [finite(low), finite(high)]


def decimals(scale: float, digits: int = _DIGITS) -> int:
    """Return the number of decimals for `digits` significant digits at magnitude `scale`."""
    if not (math.isfinite(scale) and scale > 0.0):
        return digits
    return digits - math.floor(math.log10(scale))


def heights(values: Any, peak: float) -> list[float | None]:
    """Return the heights of a curve, rounded relative to its peak."""
    scale = peak if math.isfinite(peak) and peak > 0.0 else 1.0
    shown = rounded(np.asarray(values, float), scale)
    return list(shown.tolist()) if np.isfinite(shown).all() else [finite(y) for y in shown.tolist()]


def rounded(values: Any, scale: Any) -> Any:
    """Return an array of shape (K, n), whose rows are rounded relative to scales of shape (K, 1).

    Examples
    --------
    >>> rounded(np.array([[0.123456], [1234.56]]), np.array([[1.0], [2000.0]])).tolist()
    [[0.1235], [1234.6]]
    """
    with np.errstate(all="ignore"):
        digits = _DIGITS - np.floor(np.log10(scale))
        power = 10.0 ** np.abs(digits)
        shown = np.where(
            digits > 0.0, np.rint(values * power) / power, np.rint(values / power) * power
        )
    # the scaling would overflow, so the values are not rounded
    return np.where(np.isfinite(shown), shown, values)


def places(values: Any) -> list[float]:
    """Return the x coordinates of a curve, rounded relative to its width."""
    array = np.asarray(values, float)
    return list((rounded(array, np.ptp(array)) if len(array) > 1 else array).tolist())


def values(value: Any) -> Any:
    """Return hyperparameters or parameter values as JSON values; infinities and NaN become None.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> values(Beta(2, 3).posterior), values((1.0, float("inf")))
    ({'alpha': 2.0, 'beta': 3.0}, [1.0, None])
    """
    return _without_infinities(plain(value))


def _without_infinities(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_infinities(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_infinities(each) for each in value]
    if isinstance(value, str) and value in ("inf", "-inf"):
        return None
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    return str(value)
