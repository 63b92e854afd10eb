"""Functions that need one pass over an array where numpy needs several."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

import numpy as np

if cython.compiled:
    from cython.cimports.seqbayes.statistics.exact import rounding_error
else:
    from seqbayes.statistics.exact import rounding_error

# Number of partial sums, which lets compilers vectorise without reordering additions.
LANES = 32
CHUNK = cython.declare(cython.Py_ssize_t, 1024)


@cython.boundscheck(False)
@cython.wraparound(False)
def scan(
    values: cython.longlong[::1],  # type: ignore[type-arg, valid-type]
    low: cython.longlong,
) -> tuple[int, int]:
    """Return the sum of the values, and the bitwise OR of all ``value - low``.

    The second result is negative if a value is below `low`. Otherwise it is between one and two
    times the largest ``value - low``. The sum wraps around if it overflows 64 bits.

    Parameters
    ----------
    values
        A contiguous, writeable array of 64-bit integers.
    low
        The lower bound of the values.

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
    others: cython.longlong = 0
    other_bits: cython.longlong = 0
    v: cython.longlong
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t = values.shape[0]
    half: cython.Py_ssize_t = n // 2
    if n == 0:
        return 0, 0
    first = cython.declare(cython.pointer(cython.longlong), cython.address(values[0]))
    second = cython.declare(cython.pointer(cython.longlong), cython.address(values[half]))
    for i in range(half):  # read both halves at once, which nearly doubles memory throughput
        v = first[i]
        total = total + v
        bits = bits | (v - low)
        v = second[i]
        others = others + v
        other_bits = other_bits | (v - low)
    for i in range(2 * half, n):
        v = first[i]
        total = total + v
        bits = bits | (v - low)
    return total + others, bits | other_bits


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _add_chunk(row: cython.p_double, m: cython.p_double) -> cython.double:
    """Return the sum of 1024 values; update the minimum of each of 32 lanes."""
    a = cython.declare("double[32]")
    v: cython.double
    k: cython.Py_ssize_t
    i: cython.Py_ssize_t
    half: cython.Py_ssize_t = 16
    for k in range(32):
        a[k] = 0.0
    for i in range(0, CHUNK, 32):
        for k in range(32):
            v = row[i + k]
            a[k] += v
            m[k] = v if v < m[k] else m[k]
    while half > 0:
        for k in range(half):
            a[k] += a[k + half]
        half //= 2
    v = a[0]
    return v


@cython.boundscheck(False)
@cython.wraparound(False)
def scan_floats(values: Any) -> tuple[float, float]:
    """Return the sum of the values and their minimum.

    Each chunk of 1024 values is summed in 32 parallel lanes; the chunk sums are added with
    compensated summation. If a value is NaN, the sum is NaN and the minimum is unspecified.

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
    smallest: cython.double = float("inf")
    s: cython.double
    v: cython.double
    i: cython.Py_ssize_t = 0
    m = cython.declare("double[32]")
    k: cython.Py_ssize_t
    for k in range(32):
        m[k] = smallest
    while n - i >= CHUNK:
        v = _add_chunk(cython.address(view[i]), m)
        i += CHUNK
        s = total + v
        low += rounding_error(total, v, s)
        total = s
    while i < n:
        v = view[i]
        s = total + v
        low += rounding_error(total, v, s)
        total = s
        smallest = v if v < smallest else smallest
        i += 1
    for k in range(32):
        smallest = m[k] if m[k] < smallest else smallest
    # the rounding error of an infinite sum is NaN
    return (total + low if total - total == 0.0 else total), smallest


def _scan_floats(values: Any) -> tuple[float, float]:
    whole = len(values) // CHUNK * CHUNK
    lanes = np.zeros((whole // CHUNK, LANES))
    with np.errstate(over="ignore", invalid="ignore"):
        for row in np.moveaxis(values[:whole].reshape(-1, CHUNK // LANES, LANES), 1, 0):
            lanes += row
        while (half := lanes.shape[1] // 2) > 0:
            lanes = lanes[:, :half] + lanes[:, half:]
        chunks = lanes[:, 0].tolist()
    total = low = 0.0
    for v in [*chunks, *values[whole:].tolist()]:
        s = total + v
        low += rounding_error(total, v, s)
        total = s
    smallest = float(values.min(initial=np.inf))
    return (total + low if total - total == 0.0 else total), smallest


@cython.boundscheck(False)
@cython.wraparound(False)
def count_ones(values: Any) -> int:
    """Return the number of values equal to 1; -1 if a value is neither 0 nor 1.

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
    row = cython.declare(cython.pointer(cython.double))
    v: cython.double
    n: cython.Py_ssize_t = len(values)
    whole: cython.Py_ssize_t = n - n % 32
    i: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    a = cython.declare("double[32]")
    # v (v - 1), which is 0 only if v is 0 or 1
    bad = cython.declare("double[32]")
    for k in range(32):
        a[k] = bad[k] = 0.0
    while i < whole:
        row = cython.address(view[i])
        for k in range(32):
            v = row[k]
            a[k] += v
            bad[k] += abs(v * (v - 1.0))
        i += 32
    while i < n:
        v = view[i]
        a[0] += v
        bad[0] += abs(v * (v - 1.0))
        i += 1
    for k in range(1, 32):
        a[0] += a[k]
        bad[0] += bad[k]
    return int(a[0]) if bad[0] == 0.0 else -1
