# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Vectors of which some values were not seen: their density, and what is expected of the others.

Plain Python source that Cython compiles; uncompiled it does the same, slower.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite, log, sqrt
else:
    from math import isfinite, log, sqrt

HALF_LOG_TAU = cython.declare(cython.double, 0.9189385332046727)
# The log density of what a component cannot make.
IMPOSSIBLE = cython.declare(cython.double, -1e300)


@cython.cclass
class Conditioning:
    """A Normal distribution given some of the values.

    Parameters
    ----------
    x
        The vector (d,), shared: NaN is what was not seen, and what is expected of it is put there.
    mean, scale
        Of the distribution, shared: the covariance is the scale, a lower triangle by rows, over
        a divisor.
    """

    def __init__(self, x: Any, mean: Any, scale: Any) -> None:
        d = len(x)
        self._x, self._mean, self._scale = x, mean, scale
        self._d = self._seen = d
        self._divisor = 1.0
        self._z = np.zeros(d)
        self._work, self._spread = np.zeros((d, d)), np.zeros((d, d))
        self._order = np.arange(d)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _density(self, divisor: cython.double) -> cython.double:
        """Return the log density of the values seen, and complete the others.

        With the values seen first, rows of the covariance's Cholesky factor give their density, the
        expected values of the others given them, and what is left of the others' covariance.
        """
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        m: cython.Py_ssize_t
        v: cython.double
        seen: cython.Py_ssize_t = self._reorder()
        self._seen, self._divisor = seen, divisor
        total: cython.double = 0.0
        for i in range(d):
            for j in range(i + 1):
                v = self._covariance(self._order[i], self._order[j])
                for m in range(j):
                    v -= self._work[i, m] * self._work[j, m]
                if i == j:
                    self._work[i, i] = sqrt(v) if v > 0.0 else 0.0
                else:
                    self._work[i, j] = v / self._work[j, j] if self._work[j, j] > 0.0 else 0.0
        for i in range(seen):
            v = self._x[self._order[i]] - self._mean[self._order[i]]
            for j in range(i):
                v -= self._work[i, j] * self._z[j]
            if not self._work[i, i] > 0.0:
                return IMPOSSIBLE
            v /= self._work[i, i]
            self._z[i] = v
            total -= HALF_LOG_TAU + log(self._work[i, i]) + 0.5 * v * v
        self._complete()
        return total if isfinite(total) else IMPOSSIBLE

    @cython.cfunc
    @cython.exceptval(check=False)
    def _reorder(self) -> cython.Py_ssize_t:
        """Put the values seen first, and return how many they are."""
        i: cython.Py_ssize_t
        m: cython.Py_ssize_t = 0
        for i in range(self._d):
            if self._x[i] == self._x[i]:
                self._order[m] = i
                m += 1
        seen: cython.Py_ssize_t = m
        for i in range(self._d):
            if self._x[i] != self._x[i]:
                self._order[m] = i
                m += 1
        return seen

    @cython.cfunc
    @cython.exceptval(check=False)
    def _complete(self) -> cython.void:
        """Expect the values not seen, and the covariance that they have given the others."""
        seen: cython.Py_ssize_t = self._seen
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        m: cython.Py_ssize_t
        v: cython.double
        for i in range(seen, self._d):
            v = self._mean[self._order[i]]
            for j in range(seen):
                v += self._work[i, j] * self._z[j]
            self._x[self._order[i]] = v
            for j in range(seen, i + 1):
                v = 0.0
                for m in range(seen, j + 1):
                    v += self._work[i, m] * self._work[j, m]
                self._spread[i, j] = v

    @cython.cfunc
    @cython.exceptval(check=False)
    def _covariance(self, i: cython.Py_ssize_t, j: cython.Py_ssize_t) -> cython.double:
        if i < j:
            i, j = j, i
        v: cython.double = self._scale[i * (i + 1) // 2 + j]
        return v / self._divisor

    @cython.cfunc
    @cython.exceptval(check=False)
    @cython.locals(statistic="double[::1]")
    def _add_spread(self, statistic: Any, gain: cython.double) -> cython.void:
        """Add to a statistic the covariance that the values not seen have, given those seen."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        a: cython.Py_ssize_t
        b: cython.Py_ssize_t
        for i in range(self._seen, self._d):
            for j in range(self._seen, i + 1):
                a, b = self._order[i], self._order[j]
                if a < b:
                    a, b = b, a
                statistic[1 + self._d + a * (a + 1) // 2 + b] += gain * self._spread[i, j]
