# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Normal distributions conditioned on the values that are present.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite, log, sqrt
else:
    from math import isfinite, log, sqrt


class Conditioning:
    """A Normal distribution, conditioned on the observed values.

    Parameters
    ----------
    x
        The vector (d,); NaN is a missing value and is replaced by its expected value.
    mean, scale
        The covariance is the scale, a lower triangle by rows, divided by a divisor.

    Notes
    -----
    All three arrays belong to the kernel that owns this object.
    """

    def __init__(self, x: Any, mean: Any, scale: Any) -> None:
        d = len(x)
        self._x, self._mean, self._scale = x, mean, scale
        self._d = self.present = d
        self.squares = self.log_det = 0.0
        self._z = np.zeros(d)
        self._work, self._spread = np.zeros((d, d)), np.zeros((d, d))
        self._order = np.arange(d)

    def complete(self, divisor: cython.double) -> cython.bint:
        """Compute the distance of the observed values, and impute the missing ones.

        If the observed values come first, the rows of the covariance's Cholesky factor determine
        their distance, and the conditional means and covariance of the missing values. Returns
        whether the observed values have a density.
        """
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        m: cython.Py_ssize_t
        v: cython.double
        present: cython.Py_ssize_t = self._reorder()
        self.present = present
        self.squares = self.log_det = 0.0
        for i in range(d):
            for j in range(i + 1):
                v = self._covariance(self._order[i], self._order[j], divisor)
                for m in range(j):
                    v -= self._work[i, m] * self._work[j, m]
                if i == j:
                    self._work[i, i] = sqrt(v) if v > 0.0 else 0.0
                else:
                    self._work[i, j] = v / self._work[j, j] if self._work[j, j] > 0.0 else 0.0
        for i in range(present):
            v = self._x[self._order[i]] - self._mean[self._order[i]]
            for j in range(i):
                v -= self._work[i, j] * self._z[j]
            if not self._work[i, i] > 0.0:
                return False
            v /= self._work[i, i]
            self._z[i] = v
            self.log_det += 2.0 * log(self._work[i, i])
            self.squares += v * v
        self._complete()
        return isfinite(self.squares)

    def _reorder(self) -> cython.Py_ssize_t:
        """Move the observed values to the front, and return their number."""
        i: cython.Py_ssize_t
        m: cython.Py_ssize_t = 0
        for i in range(self._d):
            if self._x[i] == self._x[i]:
                self._order[m] = i
                m += 1
        present: cython.Py_ssize_t = m
        for i in range(self._d):
            if self._x[i] != self._x[i]:
                self._order[m] = i
                m += 1
        return present

    def _complete(self) -> cython.void:
        """Compute the conditional means and covariance of the missing values."""
        present: cython.Py_ssize_t = self.present
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        m: cython.Py_ssize_t
        v: cython.double
        for i in range(present, self._d):
            v = self._mean[self._order[i]]
            for j in range(present):
                v += self._work[i, j] * self._z[j]
            self._x[self._order[i]] = v
            for j in range(present, i + 1):
                v = 0.0
                for m in range(present, j + 1):
                    v += self._work[i, m] * self._work[j, m]
                self._spread[i, j] = v

    def _covariance(
        self, i: cython.Py_ssize_t, j: cython.Py_ssize_t, divisor: cython.double
    ) -> cython.double:
        if i < j:
            i, j = j, i
        v: cython.double = self._scale[i * (i + 1) // 2 + j]
        return v / divisor

    @cython.locals(statistic="double[::1]")
    def add_spread(self, statistic: Any, gain: cython.double) -> cython.void:
        """Add the conditional covariance of the missing values to a statistic."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        a: cython.Py_ssize_t
        b: cython.Py_ssize_t
        for i in range(self.present, self._d):
            for j in range(self.present, i + 1):
                a, b = self._order[i], self._order[j]
                if a < b:
                    a, b = b, a
                statistic[1 + self._d + a * (a + 1) // 2 + b] += gain * self._spread[i, j]
