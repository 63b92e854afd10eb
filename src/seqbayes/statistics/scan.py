"""One pass over an array of whole numbers, where numpy takes several."""

from __future__ import annotations

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

import numpy as np


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
