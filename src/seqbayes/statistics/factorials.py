"""Log factorials and binomial coefficients without cancellation."""

from __future__ import annotations

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import floor, fma, frexp, lgamma, log, log1p
    from cython.cimports.seqbayes.statistics.exact import rounding_error
else:
    from math import floor, frexp, lgamma, log, log1p

    from seqbayes.statistics.exact import product_error, rounding_error

    def fma(x: float, y: float, z: float) -> float:
        """Return x y + z with a single rounding, if p + z is exact, where p is x y rounded."""
        p = x * y
        return (p + z) + product_error(x, y, p)


_HALF_LOG_TAU = cython.declare(cython.double, 0.9189385332046727)
# log 2 in two parts; the product of the first part and a binary exponent is exact
_LOG_2 = cython.declare(cython.double, 0.6931471805598903)
_LOG_2_LOW = cython.declare(cython.double, 5.497923018708371e-14)

# Above this, log factorials and log binomial coefficients are stored with their rounding errors,
# because they cancel almost completely when they are subtracted from each other.
LARGE = cython.declare(cython.double, 65536.0)

# Above this, exact products overflow.
HUGE = cython.declare(cython.double, 1e100)

LARGE_COUNT: float = LARGE

_LOG_FACTORIALS = cython.declare(list, [lgamma(i + 1.0) for i in range(256)])


def log_factorial(k: cython.double) -> cython.double:
    """Return log k! for whole k."""
    if k < 256.0:
        return cython.cast(cython.double, _LOG_FACTORIALS[cython.cast(cython.Py_ssize_t, k)])
    # Python's lgamma raises an error where C's lgamma returns infinity
    return (k + 0.5) * log(k) - k + _HALF_LOG_TAU + stirling_error(k)


@cython.cdivision(True)
def stirling_error(n: cython.double) -> cython.double:
    """Return log n! minus Stirling's formula, for n >= 16."""
    m: cython.double = 1.0 / (n * n)
    return (1 / 12.0 - (1 / 360.0 - (1 / 1260.0 - (1 / 1680.0 - m / 1188.0) * m) * m) * m) / n


def fast_log_choose(n: cython.double, k: cython.double) -> cython.double:
    """Log of the binomial coefficient for real n > k - 1 and whole k, without cancellation."""
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


def _reciprocal_logs(n: int = 512, bits: int = 140) -> list[float]:
    """Return the logarithms of 2n / i for i = n ... 2n, each followed by its rounding error.

    The logarithms are sums of log((i + 1) / i) = 2 artanh(1 / (2i + 1)), computed with integers.
    """
    one = 1 << bits
    total = 0
    logs = [0.0, 0.0]
    for i in range(2 * n - 1, n - 1, -1):
        odd, power = 2 * i + 1, 2 * one // (2 * i + 1)
        j = 1
        while power:
            total += power // j
            power //= odd * odd
            j += 2
        high = total / one
        logs += [(total - int(high * one)) / one, high]
    return logs[::-1]


# For m from 1 + j/512 to 1 + (j + 1)/512: a reciprocal c of 10 bits, and -log(c) in two parts.
_RECIPROCAL = cython.declare("double[512]")
_LOG = cython.declare("double[512]")
_LOG_LOW = cython.declare("double[512]")


def _fill_table() -> None:
    j: cython.int
    i: cython.int
    logs = _reciprocal_logs()
    for j in range(512):
        i = round(1024 / (1.0 + (j + 0.5) / 512.0))
        if j == 0:
            i = 1024  # this makes log(1) exactly 0
        _RECIPROCAL[j] = i / 1024.0
        _LOG[j] = logs[2 * (i - 512)]
        _LOG_LOW[j] = logs[2 * (i - 512) + 1]


if not cython.compiled:
    _RECIPROCAL, _LOG, _LOG_LOW = [0.0] * 512, [0.0] * 512, [0.0] * 512
_fill_table()


@cython.cdivision(True)
def log_pair(x: cython.double) -> tuple[float, float]:
    """Return log(x) and its rounding error for a normal float x > 0: 26 digits in all."""
    e: cython.int = 0
    if cython.compiled:
        m: cython.double = 2.0 * frexp(x, cython.address(e))
    else:
        m, e = frexp(x)
        m *= 2.0
    e -= 1
    j: cython.int = cython.cast(cython.int, (m - 1.0) * 512.0)
    c: cython.double = _RECIPROCAL[j]
    t: cython.double
    part: cython.double
    r: cython.double = fma(m, c, -1.0)
    # log(1 + r) = r - r**2/2 + r**3/3 - ..., with the first 17 bits of r in exact powers
    t = 68719476737.0 * r
    part = t - (t - r)
    rest: cython.double = r - part
    square: cython.double = part * part
    cube: cython.double = square * part
    third: cython.double = cube * (1 / 3.0)
    low: cython.double = ((cube - 2.0 * third) - third) * (1 / 3.0)
    low += rest * ((r * r + r * part + square) * (1 / 3.0) - 0.5 * (r + part))
    t = r * r
    low += t * t * (-0.25 + r * (0.2 - r * (1 / 6.0 - r * (1 / 7.0 - r * (0.125 - r * (1 / 9.0))))))
    square *= 0.5
    low += e * _LOG_2_LOW + _LOG_LOW[j]
    q: cython.double = e * _LOG_2
    part = q + _LOG[j]
    low += _LOG[j] - (part - q)
    t = part + r
    low += rounding_error(part, r, t)
    part = t - square
    low += (t - part) - square
    t = part + third
    low += third - (t - part)
    part = t + low
    return part, low - (part - t)


@cython.cdivision(True)
def times_log(
    a: cython.double, a_low: cython.double, x: cython.double, x_low: cython.double
) -> tuple[float, float]:
    """Return a log(x) and its rounding error, for a and x with their rounding errors."""
    if a == 0.0:
        return 0.0, 0.0
    c: cython.double
    c_low: cython.double
    c, c_low = log_pair(x)
    p: cython.double = a * c
    return p, fma(a, c, -p) + a * (c_low + x_low / x) + a_low * c


@cython.cdivision(True)
def shifted_log_factorial(k: cython.double, k_low: cython.double) -> tuple[float, float]:
    """Return log k! + k and its rounding error, for real k >= 0 with its rounding error."""
    if k < 16.0:
        return (lgamma(k + 1.0) + k if k > 0.0 else 0.0), 0.0
    c: cython.double
    c_low: cython.double
    c, c_low = log_pair(k)
    p: cython.double = k * c
    low: cython.double = fma(k, c, -p) + k * c_low + k_low * (c + 1.0)
    rest: cython.double = 1.0 / (12.0 * k) if k >= LARGE else stirling_error(k)
    return p, low + (0.5 * c + _HALF_LOG_TAU + rest)


def log_factorial_pair(k: cython.double, k_low: cython.double) -> tuple[float, float]:
    """Return log k! and its rounding error, for k with its rounding error."""
    p: cython.double
    low: cython.double
    p, low = shifted_log_factorial(k, k_low)
    s: cython.double = p - k
    low += rounding_error(p, -k, s) - k_low
    p = s + low
    return p, low - (p - s)


def log_choose_pair(
    k: cython.double, k_low: cython.double, m: cython.double, m_low: cython.double
) -> tuple[float, float]:
    """Return log((k + m)! / (k! m!)) and its rounding error, for k and m with rounding errors."""
    n: cython.double = k + m
    p: cython.double
    q: cython.double
    low: cython.double
    q_low: cython.double
    p, low = shifted_log_factorial(n, rounding_error(k, m, n) + k_low + m_low)
    q, q_low = shifted_log_factorial(k, k_low)
    s: cython.double = p - q
    low += rounding_error(p, -q, s) - q_low
    q, q_low = shifted_log_factorial(m, m_low)
    p = s - q
    low += rounding_error(s, -q, p) - q_low
    s = p + low
    return s, low - (s - p)


def log_choose(n: float, k: float) -> float:
    """Log binomial coefficient for real n > k - 1 and whole k >= 0, accurate for huge n.

    Examples
    --------
    >>> log_choose(5, 2) == __import__("math").log(10)
    True
    """
    return fast_log_choose(n, k)
