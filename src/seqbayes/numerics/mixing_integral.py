"""The integral of a normal variance-mean mixture, whose variance is inverse gamma."""

from __future__ import annotations

from typing import Any

import numpy as np

_STEP, _LONGEST_STEP = 0.7, 0.25
"""Steps of the trapezoidal rule, relative to the width, and on the scale of logarithms."""

_DROP = -42.0
"""Logarithm of the integrand, relative to its maximum, that is negligible."""

_LARGE = 1e3

_MOST = 4096
"""Largest number of steps on one side."""


def log_mixing_integral(power: float, a: Any, b: float) -> tuple[Any, Any]:
    """Return the log of the integral of ``v**(-power - 1) exp(-a / v - b v)`` over v > 0.

    It is ``log(2 (b / a)**(power / 2) K(2 sqrt(a b)))`` with the Bessel function of the second kind
    of order `power`, also where that overflows.

    Parameters
    ----------
    power
        > 0.
    a
        An array of numbers > 0.
    b
        > 0.

    Returns
    -------
    tuple of arrays
        The logarithm plus ``root``, and ``root = sqrt(power**2 + 4 a b)``, which may be large.

    Examples
    --------
    For a power of 1/2 it is sqrt(pi / a) exp(-2 sqrt(a b)).

    >>> found, root = log_mixing_integral(0.5, np.array([2.0]), 3.0)
    >>> exact = 0.5 * np.log(np.pi / 2.0) - 2.0 * np.sqrt(6.0)
    >>> bool(abs(found - root - exact)[0] < 1e-13)
    True
    """
    shape = np.shape(a)
    a = np.ravel(a)
    root = np.sqrt(power * power + 4.0 * a * b)
    found = np.log(2.0 * a) - np.log(power + root)
    found *= -power
    large = root > _LARGE
    for rows, formula in ((large, _exponents_of_large), (~large, _exponents)):
        if rows.any():
            found[rows] += _log_integral(formula, power, a[rows] * b, root[rows])
    return found.reshape(shape), root.reshape(shape)


def _exponents(t: Any, power: float, product: Any, root: Any) -> Any:
    """Return the logarithm of the integrand at exp(t) times the mode, relative to the mode."""
    falling, rising = (power + root) / 2.0, 2.0 * product / (power + root)
    return -power * t - falling * np.expm1(-t) - rising * np.expm1(t)


def _exponents_of_large(t: Any, power: float, product: Any, root: Any) -> Any:
    """Return the same for a large root, where t is small and the terms above cancel."""
    half = np.sinh(0.5 * t)
    return power * (np.sinh(t) - t) - 2.0 * root * half * half


def _log_integral(formula: Any, power: float, product: Any, root: Any) -> Any:
    """Return the logarithm of the integral over the logarithm of v, relative to its maximum."""
    product, root = product[:, None], root[:, None]
    step = np.minimum(_STEP / np.sqrt(root), _LONGEST_STEP)

    def logs(steps: Any) -> Any:
        return formula(steps * step, power, product, root)

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
