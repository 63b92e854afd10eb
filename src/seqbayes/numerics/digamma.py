"""Differences between values of the digamma or trigamma function, without cancellation."""

from __future__ import annotations

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.special import Array, Real

# B(2k) / (2k): Stirling's series of log(x) - 1/(2x) - psi(x) in powers of 1/x**2.
_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)
_SERIES_FROM = 15.0


def digamma_rise(x: float, n: Array) -> Real:
    """Return psi(x + n) - psi(x): the derivative of `log_rising` with respect to `x`.

    Parameters
    ----------
    x : float
        > 0.
    n : array
        >= 0; need not be whole numbers.

    Examples
    --------
    >>> digamma_rise(2.0, np.array([2.0])).round(12)  # 1/2 + 1/3
    array([0.83333333])
    >>> bool(digamma_rise(1e15, np.array([1.0]))[0] == 1e-15)
    True
    """
    if x < _SERIES_FROM:
        return sc.psi(x + n) - sc.psi(x)
    y = x + n
    inverse, inverse_y = 1.0 / (x * x), 1.0 / (y * y)
    first = -n * (x + y) * inverse * inverse_y  # 1/y**2 - 1/x**2
    total = np.log1p(n / x) + 0.5 * n / (x * y)
    power, difference = 1.0, first
    for coefficient in _SERIES:
        total = total - coefficient * difference
        power *= inverse
        difference = difference * inverse_y + power * first
    return total


def trigamma_rise(x: float, n: Array) -> Real:
    """Return psi'(x + n) - psi'(x), which is negative.

    Parameters
    ----------
    x : float
        > 0.
    n : array
        >= 0; need not be whole numbers.

    Examples
    --------
    >>> trigamma_rise(2.0, np.array([2.0])).round(12)  # -1/4 - 1/9
    array([-0.36111111])
    """
    if x < _SERIES_FROM:
        return sc.zeta(2.0, x + n) - sc.zeta(2.0, x)
    y = x + n
    inverse, inverse_y = 1.0 / x, 1.0 / y
    # the derivative of the series: 1/x + 1/(2 x**2) + sum of B(2k) / x**(2k+1)
    ratio = -n * inverse * inverse_y  # 1/y - 1/x
    total = ratio + 0.5 * ratio * (inverse + inverse_y)
    power, difference = inverse * inverse, ratio * (inverse + inverse_y)
    difference = difference * inverse_y + power * ratio
    for k, coefficient in enumerate(_SERIES, 1):
        total = total + 2.0 * k * coefficient * difference
        power *= inverse
        difference = difference * inverse_y + power * ratio
        power *= inverse
        difference = difference * inverse_y + power * ratio
    return total
