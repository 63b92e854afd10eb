"""One pass over an array, where numpy takes several."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

import numpy as np

if cython.compiled:
    from cython.cimports.seqbayes.statistics.exact import lost
else:
    from seqbayes.statistics.exact import lost

CHUNK = cython.declare(cython.Py_ssize_t, 128)


@cython.boundscheck(False)
@cython.wraparound(False)
def scan(
    values: cython.longlong[::1],  # type: ignore[type-arg, valid-type]
    low: cython.longlong,
) -> tuple[int, int]:
    """Return the sum of the values, and the bitwise or of ``value - low`` over all of them.

    The second is negative where a value is below `low`; else it is at least the largest
    ``value - low``, and less than twice that, plus one. The sum wraps around beyond 64 bits.

    Parameters
    ----------
    values
        A contiguous, writeable array of 64-bit integers.
    low
        What the values are compared with.

    Examples
    --------
    >>> scan(np.array([0, 1, 1], np.int64), 0)
    (2, 1)
    """
    if not cython.compiled:
        shifted = np.bitwise_or.reduce(np.asarray(values) - low, initial=0)
        return int(np.asarray(values).sum()), int(shifted)
    total: cython.longlong = 0
    bits: cython.longlong = 0
    v: cython.longlong
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t = values.shape[0]
    for i in range(n):
        v = values[i]
        total = total + v
        bits = bits | (v - low)
    return total, bits


@cython.boundscheck(False)
@cython.wraparound(False)
def scan_floats(values: Any) -> tuple[float, float]:
    """Return the sum of the values, and the least of them.

    Eight partial sums run side by side through every 128 values, and what rounding takes from the
    sum over those is given back. Where a value is NaN the sum is, and the least may be any.

    Parameters
    ----------
    values
        A contiguous, writeable array of floats.

    Examples
    --------
    >>> scan_floats(np.array([0.5, 2.0, 1.5]))
    (4.0, 0.5)
    """
    if not cython.compiled:
        return _scan_floats(values)
    view = cython.declare("double[::1]", values)
    n: cython.Py_ssize_t = len(values)
    total: cython.double = 0.0
    low: cython.double = 0.0
    least: cython.double = float("inf")
    s: cython.double
    v: cython.double
    i: cython.Py_ssize_t = 0
    end: cython.Py_ssize_t
    a = cython.declare("double[8]")
    m = cython.declare("double[8]")
    k: cython.Py_ssize_t
    for k in range(8):
        m[k] = least
    while n - i >= CHUNK:
        end = i + CHUNK
        for k in range(8):
            a[k] = 0.0
        while i < end:
            for k in range(8):
                v = view[i + k]
                a[k] += v
                m[k] = v if v < m[k] else m[k]
            i += 8
        v = ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]))
        s = total + v
        low += lost(total, v, s)
        total = s
    while i < n:
        v = view[i]
        s = total + v
        low += lost(total, v, s)
        total = s
        least = v if v < least else least
        i += 1
    for k in range(8):
        least = m[k] if m[k] < least else least
    # what an infinite sum has lost is no number
    return (total + low if total - total == 0.0 else total), least


def _scan_floats(values: Any) -> tuple[float, float]:
    whole = len(values) // CHUNK * CHUNK
    lanes = np.zeros((whole // CHUNK, 8))
    with np.errstate(over="ignore", invalid="ignore"):
        for row in np.moveaxis(values[:whole].reshape(-1, CHUNK // 8, 8), 1, 0):
            lanes += row
        pairs = lanes[:, 0::2] + lanes[:, 1::2]
        pairs = pairs[:, 0::2] + pairs[:, 1::2]
        chunks = (pairs[:, 0] + pairs[:, 1]).tolist()
    total = low = 0.0
    for v in [*chunks, *values[whole:].tolist()]:
        s = total + v
        low += lost(total, v, s)
        total = s
    least = float(values.min(initial=np.inf))
    return (total + low if total - total == 0.0 else total), least


@cython.boundscheck(False)
@cython.wraparound(False)
def count_ones(values: Any) -> int:
    """Return how many of the values are 1, or -1 where one is neither 0 nor 1.

    Parameters
    ----------
    values
        A contiguous, writeable array of floats.

    Examples
    --------
    >>> count_ones(np.array([0.0, 1.0, 1.0])), count_ones(np.array([0.5, 1.0]))
    (2, -1)
    """
    if not cython.compiled:
        ones = np.count_nonzero(values == 1.0)
        zeros = np.count_nonzero(values == 0.0)
        return int(ones) if ones + zeros == len(values) else -1
    view = cython.declare("double[::1]", values)
    v: cython.double
    n: cython.Py_ssize_t = len(values)
    whole: cython.Py_ssize_t = n - n % 8
    i: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    a = cython.declare("double[8]")
    # v (v - 1), which is 0 of 0 and 1 only
    bad = cython.declare("double[8]")
    for k in range(8):
        a[k] = bad[k] = 0.0
    while i < whole:
        for k in range(8):
            v = view[i + k]
            a[k] += v
            bad[k] += abs(v * (v - 1.0))
        i += 8
    while i < n:
        v = view[i]
        a[0] += v
        bad[0] += abs(v * (v - 1.0))
        i += 1
    for k in range(1, 8):
        a[0] += a[k]
        bad[0] += bad[k]
    return int(a[0]) if bad[0] == 0.0 else -1
