"""What rounding takes from sums and products.

Compiled modules take these functions from exact.pxd, where they stand again to be inlined.

References
----------
.. [1] Neumaier, A. (1974). Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen.
.. [2] Dekker, T. J. (1971). A floating-point technique for extending the available precision.
"""

from __future__ import annotations

SPLITTER = 134217729.0  # 2**27 + 1


def lost(high: float, v: float, s: float) -> float:
    """Return what rounding took from ``s = high + v``."""
    t: float = s - high
    return (high - (s - t)) + (v - t)


def lost_product(x: float, y: float, p: float) -> float:
    """Return what rounding took from ``p = x * y``."""
    t: float = SPLITTER * x
    xh: float = t - (t - x)
    xl: float = x - xh
    u: float = SPLITTER * y
    yh: float = u - (u - y)
    yl: float = y - yh
    return ((xh * yh - p) + xh * yl + xl * yh) + xl * yl
