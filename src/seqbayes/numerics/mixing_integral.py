"""The integral for a normal variance-mean mixture with an inverse gamma variance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial import polynomial

_STEP, _LONGEST_STEP = 0.5, 0.25
"""Step of the trapezoidal rule relative to the width, and the longest step in the logarithm."""

_DROP = -42.0
"""Logarithm of the integrand relative to its maximum below which the integrand is negligible."""

_EXPANDED = 20.0
"""Value of ``root`` from which an expansion in ``1 / root`` is accurate."""

_FEW, _MANY, _FEW_FROM = 8, 16, 50.0
"""Numbers of terms of the expansion, and the ``root`` from which the smaller one is sufficient."""

_MOST = 4096
"""Largest number of steps on one side."""


def _expansion(terms: int) -> Any:
    """Return the coefficients of the uniform expansion of the logarithm of a Bessel function.

    The term of ``root**-k`` is a polynomial in ``(power / root)**2``, in row k - 1. The
    coefficients satisfy the differential equation of the logarithm of F. Olver's series
    (Asymptotics and Special Functions, 1974, ch. 10.7), without its cancellation.
    """
    quadratic, linear = np.array([0.0, 0.0, 0.5, 0.0, -0.5]), np.array([0.0, 1.0, 0.0, -2.0])
    slopes = [np.array([0.125, 0.0, -0.625])]
    for k in range(1, terms):
        total = polynomial.polyder(slopes[-1])
        for j in range(1, k):
            total = polynomial.polyadd(total, np.convolve(slopes[j - 1], slopes[k - 1 - j]))
        slopes.append(np.convolve(quadratic, total))
        slopes[-1] = polynomial.polyadd(slopes[-1], np.convolve(linear, slopes[k - 1]))
    found = np.zeros((terms, terms + 1))
    for k, slope in enumerate(slopes, 1):
        found[k - 1, : k + 1] = (-1.0) ** k * polynomial.polyint(slope)[k : 3 * k + 1 : 2]
    return found


_COEFFICIENTS = _expansion(_MANY)


def log_mixing_integral(power: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Return the log of the integral of ``v**(-power - 1) exp(-a / v - b v)`` over v > 0.

    The logarithm is ``log(2 (b / a)**(power / 2) K(2 sqrt(a b)))`` with the Bessel function K of
    the second kind of order `power`. It is computed even where K overflows.

    Parameters
    ----------
    power, a, b
        Numbers or arrays of numbers > 0.

    Returns
    -------
    tuple of arrays
        The logarithm plus ``root``, and ``root = sqrt(power**2 + 4 a b)``, which can be large.

    Examples
    --------
    For a power of 1/2, the integral is sqrt(pi / a) exp(-2 sqrt(a b)).

    >>> found, root = log_mixing_integral(0.5, np.array([2.0]), 3.0)
    >>> exact = 0.5 * np.log(np.pi / 2.0) - 2.0 * np.sqrt(6.0)
    >>> bool(abs(found - root - exact)[0] < 1e-13)
    True
    """
    shape = np.broadcast(power, a, b).shape
    power, a = np.asarray(power), np.atleast_1d(a)
    product = a * b
    root = np.sqrt(power * power + 4.0 * product)
    found = power * np.log((power + root) / (2.0 * a))
    expanded = root >= _EXPANDED
    if expanded.all():
        found += _expanded(power, root)
    else:
        powers = np.broadcast_to(power, root.shape)
        if expanded.any():
            found[expanded] += _expanded(powers[expanded], root[expanded])
        rest = ~expanded
        found[rest] += _log_integral(powers[rest], product[rest], root[rest])
    return found.reshape(shape), root.reshape(shape)


def _expanded(power: Any, root: Any) -> Any:
    """Return the logarithm of the integral over the logarithm of v, relative to its maximum."""
    few = root.min() >= _FEW_FROM
    coefficients = _COEFFICIENTS[:_FEW, : _FEW + 1] if few else _COEFFICIENTS
    inverse = 1.0 / root
    squares = (power * inverse).ravel()
    squares *= squares
    powers = np.empty((coefficients.shape[1], squares.size))
    powers[0] = 1.0
    for row in range(1, len(powers)):
        np.multiply(powers[row - 1], squares, out=powers[row])
    terms = (coefficients @ powers).reshape(-1, *root.shape)
    total = terms[-1]
    for term in terms[-2::-1]:
        total *= inverse
        total += term
    total *= inverse
    total += 0.5 * np.log(2.0 * np.pi * inverse)
    return total


def _exponents(t: Any, power: Any, product: Any, root: Any) -> Any:
    """Return the log of the integrand at exp(t) times the mode, relative to that at the mode."""
    falling, rising = (power + root) / 2.0, 2.0 * product / (power + root)
    return -power * t - falling * np.expm1(-t) - rising * np.expm1(t)


def _log_integral(power: Any, product: Any, root: Any) -> Any:
    """Return the result of `_expanded`, computed by the trapezoidal rule."""
    power, product, root = power[:, None], product[:, None], root[:, None]
    step = np.minimum(_STEP / np.sqrt(root), _LONGEST_STEP)

    def logs(steps: Any) -> Any:
        return _exponents(steps * step, power, product, root)

    nodes = np.arange(-_reach(logs, -1.0), _reach(logs, 1.0) + 1.0)
    with np.errstate(under="ignore"):
        total = np.exp(logs(nodes)).sum(axis=1)
    return np.log(step[:, 0] * total)


def _reach(logs: Any, sign: float) -> int:
    """Return the number of steps after which the integrand is negligible everywhere."""
    reach = 8
    while reach < _MOST and (logs(sign * reach) > _DROP).any():
        reach += max(reach // 4, 1)
    return reach
