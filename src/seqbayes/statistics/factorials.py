"""Log factorials and binomial coefficients without cancellation."""

from __future__ import annotations

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import floor, lgamma, log, log1p
else:
    from math import floor, lgamma, log, log1p

_HALF_LOG_TAU = cython.declare(cython.double, 0.9189385332046727)
_LOG_FACTORIALS = cython.declare(list, [lgamma(i + 1.0) for i in range(256)])


def log_factorial(k: cython.double) -> cython.double:
    """Return log k!, k whole."""
    if k < 256.0:
        return cython.cast(cython.double, _LOG_FACTORIALS[cython.cast(cython.Py_ssize_t, k)])
    # Python's lgamma raises where C's is infinite
    return (k + 0.5) * log(k) - k + _HALF_LOG_TAU + stirling_error(k)


def stirling_error(n: cython.double) -> cython.double:
    """Return log n! minus Stirling's formula, for n >= 16."""
    m: cython.double = 1.0 / (n * n)
    return (1 / 12.0 - (1 / 360.0 - (1 / 1260.0 - (1 / 1680.0 - m / 1188.0) * m) * m) * m) / n


def fast_log_choose(n: cython.double, k: cython.double) -> cython.double:
    """Log of the binomial coefficient, real n > k - 1, whole k; no difference of large terms."""
    d: cython.double = n - k
    product: cython.double = 1.0
    total: cython.double = 0.0
    i: cython.double = 0.0
    if d < k and d == floor(d):
        k, d = d, k
    if k <= 32.0:
        while i < k:
            product *= (n - i) / (i + 1.0)
            if product > 1e280:
                total += log(product)
                product = 1.0
            i += 1.0
        return total + log(product)
    total = stirling_error(n) - stirling_error(k)
    if d <= 32.0:
        return total + (k + 0.5) * log1p(d / k) + d * log(n) - d - lgamma(d + 1.0)
    return (
        total
        - stirling_error(d)
        - 0.5 * (log(k) + log(d / n))
        - _HALF_LOG_TAU
        + k * log1p(d / k)
        + d * log1p(k / d)
    )


def log_choose(n: float, k: float) -> float:
    """Log binomial coefficient of real n > k - 1 and whole k >= 0, right where n is huge.

    Examples
    --------
    >>> log_choose(5, 2) == __import__("math").log(10)
    True
    """
    return fast_log_choose(n, k)
