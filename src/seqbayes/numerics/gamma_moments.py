"""Power moments of gamma variables, and the limits of powers at 0."""

from __future__ import annotations

import math

from seqbayes.numerics.elementary import choose
from seqbayes.numerics.special import Real, log_gamma_curvature, log_rising


def power_limit(exponent: Real, log_constant: Real) -> Real:
    """Return the log of constant * x**exponent as x goes to 0.

    Examples
    --------
    >>> power_limit(0.0, 2.0), power_limit(-0.5, 2.0), power_limit(0.5, 2.0)
    (2.0, inf, -inf)
    """
    return choose(exponent == 0.0, log_constant, choose(exponent < 0.0, math.inf, -math.inf))


def log_gamma_moment(shape: Real, exponent: float) -> Real:
    """Return the log of Gamma(shape + exponent) / Gamma(shape); inf if it diverges.

    Examples
    --------
    >>> round(math.exp(log_gamma_moment(2.0, 1.0)), 12), log_gamma_moment(1.0, -1.0)
    (2.0, inf)
    """
    if exponent >= 0.0:
        return log_rising(shape, exponent)
    finite = shape + exponent > 0.0
    safe = choose(finite, shape + exponent, 1.0)
    return choose(finite, -log_rising(safe, -exponent), math.inf)


def log_gamma_spread(shape: Real, exponent: float) -> Real:
    """Return the log of Gamma(shape + 2 e) Gamma(shape) / Gamma(shape + e)**2; inf if it diverges.

    Examples
    --------
    >>> round(math.expm1(log_gamma_spread(4.0, 1.0)), 12)  # var / mean**2 = 1 / shape
    0.25
    """
    finite = shape + 2.0 * exponent > 0.0
    safe = choose(finite, shape, 2.0 * abs(exponent) + 1.0)
    low = safe + min(2.0 * exponent, 0.0)
    return choose(finite, log_gamma_curvature(safe + exponent, exponent, low), math.inf)
