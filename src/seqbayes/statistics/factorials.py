"""Log factorials and binomial coefficients without cancellation."""

from __future__ import annotations

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import floor, frexp, lgamma, log, log1p
    from cython.cimports.seqbayes.statistics.exact import lost, lost_product
else:
    from math import floor, frexp, lgamma, log, log1p

    from seqbayes.statistics.exact import lost, lost_product

_HALF_LOG_TAU = cython.declare(cython.double, 0.9189385332046727)
_LOG_2 = cython.declare(cython.double, 0.6931471805599453)
_LOG_2_LOW = cython.declare(cython.double, 2.3190468138462996e-17)

# From here on, log factorials and log binomial coefficients are kept with their rounding errors:
# they cancel nearly completely when they are subtracted from each other.
LARGE = cython.declare(cython.double, 65536.0)

# Beyond, exact products overflow.
HUGE = cython.declare(cython.double, 1e100)

LARGE_COUNT: float = LARGE

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


def log_low(x: cython.double, high: cython.double) -> cython.double:
    """Return log(x) - high with about 30 digits of log(x), for x > 0."""
    exponent: cython.int = 0
    j: cython.int
    if cython.compiled:
        m: cython.double = frexp(x, cython.address(exponent))
    else:
        m, exponent = frexp(x)
    if m < 0.7071067811865476:
        m *= 2.0
        exponent -= 1
    # log(m) = 2 artanh(s) with s = (m - 1) / (m + 1)
    d: cython.double = m + 1.0
    s: cython.double = (m - 1.0) / d
    p: cython.double = s * d
    s_low: cython.double = ((m - 1.0 - p) - lost_product(s, d, p) - s * lost(m, 1.0, d)) / d
    w: cython.double = s * s
    w_low: cython.double = lost_product(s, s, w) + 2.0 * s * s_low
    t: cython.double = 0.0
    t_low: cython.double = 0.0
    c: cython.double
    for j in range(37, 18, -2):
        t = t * w + 1.0 / j
    for j in range(17, 0, -2):
        c = 1.0 / j
        p = t * w
        t_low = lost_product(t, w, p) + t * w_low + t_low * w
        t = p + c
        t_low += lost(p, c, t) + (1.0 - c * j - lost_product(c, j, c * j)) / j
    p = s * t
    t_low = lost_product(s, t, p) + s * t_low + s_low * t
    q: cython.double = exponent * _LOG_2
    q_low: cython.double = lost_product(exponent, _LOG_2, q) + exponent * _LOG_2_LOW
    total: cython.double = q + 2.0 * p
    low: cython.double = lost(q, 2.0 * p, total)
    return (total - high) + (low + q_low + 2.0 * t_low)


def times_log_low(
    a: cython.double,
    a_low: cython.double,
    x: cython.double,
    x_low: cython.double,
    high: cython.double,
) -> cython.double:
    """Return a log(x) - high with about 30 digits of a log(x), a and x with rounding errors."""
    if a == 0.0:
        return -high
    c: cython.double = log(x)
    p: cython.double = a * c
    low: cython.double = lost_product(a, c, p) + a * (log_low(x, c) + x_low / x) + a_low * c
    total: cython.double = p - high
    return total + (low + lost(p, -high, total))


def _remainder(x: cython.double) -> cython.double:
    """Return log x! - x log x + x, for x >= 0."""
    if x == 0.0:
        return 0.0
    if x < 16.0:
        return lgamma(x + 1.0) - x * log(x) + x
    return 0.5 * log(x) + _HALF_LOG_TAU + stirling_error(x)


def log_factorial_low(k: cython.double, k_low: cython.double, high: cython.double) -> cython.double:
    """Return log k! - high with about 30 digits of log k!, k with its rounding error."""
    total: cython.double = -high - k
    low: cython.double = lost(-high, -k, total) - k_low
    return times_log_low(k, k_low, k, k_low, -total) + (low + _remainder(k))


def log_choose_low(
    k: cython.double,
    k_low: cython.double,
    m: cython.double,
    m_low: cython.double,
    high: cython.double,
) -> cython.double:
    """Return log((k + m)! / (k! m!)) - high with about 30 digits of the logarithm."""
    n: cython.double = k + m
    n_low: cython.double = lost(k, m, n) + k_low + m_low
    p: cython.double = n * log(n) if n > 0.0 else 0.0
    q: cython.double = k * log(k) if k > 0.0 else 0.0
    r: cython.double = m * log(m) if m > 0.0 else 0.0
    lows: cython.double = times_log_low(n, n_low, n, n_low, p)
    lows -= times_log_low(k, k_low, k, k_low, q) + times_log_low(m, m_low, m, m_low, r)
    lows += _remainder(n) - _remainder(k) - _remainder(m)
    s: cython.double = p - q
    lows += lost(p, -q, s)
    t: cython.double = s - r
    lows += lost(s, -r, t)
    u: cython.double = t - high
    return u + (lows + lost(t, -high, u))


def log_choose(n: float, k: float) -> float:
    """Log binomial coefficient of real n > k - 1 and whole k >= 0, right where n is huge.

    Examples
    --------
    >>> log_choose(5, 2) == __import__("math").log(10)
    True
    """
    return fast_log_choose(n, k)
