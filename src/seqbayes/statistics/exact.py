"""Rounding errors of sums and products.

Compiled modules use the copies of these functions in exact.pxd, which are inlined.

References
----------
.. [1] Neumaier, A. (1974). Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen.
.. [2] Dekker, T. J. (1971). A floating-point technique for extending the available precision.
"""

from __future__ import annotations

SPLITTER = 134217729.0  # 2**27 + 1


def rounding_error(high: float, v: float, s: float) -> float:
    """Return the rounding error of ``s = high + v``."""
    t: float = s - high
    return (high - (s - t)) + (v - t)


def product_error(x: float, y: float, p: float) -> float:
    """Return the rounding error of ``p = x * y``."""
    t: float = SPLITTER * x
    xh: float = t - (t - x)
    xl: float = x - xh
    u: float = SPLITTER * y
    yh: float = u - (u - y)
    yl: float = y - yh
    return ((xh * yh - p) + xh * yl + xl * yh) + xl * yl


def square_error(y: float, p: float) -> float:
    """Return the rounding error of ``p = y * y``."""
    return product_error(y, y, p)
