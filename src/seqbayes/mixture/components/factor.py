# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Factors of covariances, distances, and normal distributions given the observed values.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, isfinite, lgamma, log, sqrt
    from cython.cimports.seqbayes.mixture.components.kernel import IMPOSSIBLE
else:
    from math import fabs, isfinite, lgamma, log, sqrt

    from seqbayes.mixture.components.kernel import IMPOSSIBLE

HALF_LOG_TAU = cython.declare(cython.double, 0.9189385332046727)
# Inner products of fewer numbers are subtracted term by term.
MIN_PRODUCT_LENGTH = cython.declare(cython.Py_ssize_t, 8)


@cache
def lower_triangle(d: int) -> Any:
    """Return the row and column indices of a lower triangle, ordered by rows."""
    return np.tril_indices(d)


def log_gamma_ratio(a: cython.double, d: cython.Py_ssize_t) -> cython.double:
    """Return log Gamma(a + d / 2) - log Gamma(a) without subtracting large logarithms."""
    total: cython.double = 0.0
    i: cython.Py_ssize_t
    for i in range(d // 2):
        total += log(a + i)
    if d % 2 == 0:
        return total
    a += d // 2
    if a < 12.0:
        return total + lgamma(a + 0.5) - lgamma(a)
    b: cython.double = a - 0.25
    v: cython.double = 1.0 / (b * b)
    # coefficients -E(2k) / (k 4 ** (2k + 1)), with Euler numbers E
    series: cython.double = -1385.0 / 1048576.0 + v * (50521.0 / 20971520.0)
    series = v * (1.0 / 64.0 + v * (-5.0 / 2048.0 + v * (61.0 / 49152.0 + v * series)))
    return total + 0.5 * log(b) + series


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
@cython.locals(a="double[::1]", b="double[::1]")
def product(
    a: Any, i: cython.Py_ssize_t, b: Any, j: cython.Py_ssize_t, n: cython.Py_ssize_t
) -> cython.double:
    """Return the inner product of n numbers of `a` from index i and of `b` from index j.

    Four independent partial sums hide the latency of additions.
    """
    m: cython.Py_ssize_t = 0
    s0: cython.double = 0.0
    s1: cython.double = 0.0
    s2: cython.double = 0.0
    s3: cython.double = 0.0
    while m + 3 < n:
        s0 += a[i + m] * b[j + m]
        s1 += a[i + m + 1] * b[j + m + 1]
        s2 += a[i + m + 2] * b[j + m + 2]
        s3 += a[i + m + 3] * b[j + m + 3]
        m += 4
    while m < n:
        s0 += a[i + m] * b[j + m]
        m += 1
    return (s0 + s1) + (s2 + s3)


class Factor:
    """A covariance = scale / divisor, where scale = L D L' with ones on the diagonal of L.

    Parameters
    ----------
    d
        Number of features. The lower triangles of scale and L are stored by rows; L has D on its
        diagonal.
    """

    def __init__(self, d: int) -> None:
        self._d = d
        self._lower = np.zeros(d * (d + 1) // 2)
        self._inverse = np.ones(d)

    @cython.locals(mean="double[::1]", x="double[::1]", z="double[::1]")
    def attach(self, mean: Any, x: Any, z: Any) -> cython.void:
        """Set the arrays of the kernel that owns this object: passing them in every call is slow.

        Parameters
        ----------
        mean, x, z
            The mean, a vector, and its deviation from the mean times the inverse of L, all of
            length d.
        """
        self._mean, self._x, self._z = mean, x, z

    @cython.locals(scale="double[::1]")
    def factorise(self, scale: Any, divisor: cython.double) -> cython.double:
        """Factorise a scale; return the log density at the mean, or IMPOSSIBLE if singular."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        m: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0  # index of entry (i, j)
        q: cython.Py_ssize_t  # index of entry (j, 0)
        r: cython.Py_ssize_t = 0  # index of entry (i, 0)
        u: cython.double
        v: cython.double
        part: cython.double = 1.0
        logs: cython.double = 0.0
        for i in range(d):
            v = scale[r + i]
            q = 0
            for j in range(i):
                u = scale[p]  # the row contains L D until its pivot is known
                if j < MIN_PRODUCT_LENGTH:
                    for m in range(j):
                        u -= self._lower[r + m] * self._lower[q + m]
                else:
                    u -= product(self._lower, r, self._lower, q, j)
                self._lower[p] = u
                q += j + 1
                p += 1
            for j in range(i):
                u = self._lower[r + j]
                self._lower[r + j] = u * self._inverse[j]
                v -= u * self._lower[r + j]
            if not (v > 0.0 and isfinite(v) and divisor > 0.0):
                return IMPOSSIBLE  # a singular covariance has no density
            self._lower[p] = v
            self._inverse[i] = 1.0 / v
            part *= v / divisor
            if not 1e-140 < part < 1e140:
                logs += log(part)
                part = 1.0
            p += 1
            r = p
        return -HALF_LOG_TAU * d - 0.5 * (logs + log(part))

    def whiten(self) -> cython.double:
        """Write `z`; return the squared distance of `x` from the mean, divided by the divisor."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        v: cython.double
        squares: cython.double = 0.0
        for i in range(self._d):
            v = self._x[i] - self._mean[i]
            if i < MIN_PRODUCT_LENGTH:
                for j in range(i):
                    v -= self._lower[p + j] * self._z[j]
            else:
                v -= product(self._lower, p, self._z, 0, i)
            p += i + 1
            self._z[i] = v
            squares += v * v * self._inverse[i]
        return squares

    def log_det(self) -> cython.double:
        """Return the log determinant of the scale."""
        i: cython.Py_ssize_t
        p: cython.Py_ssize_t = -1
        total: cython.double = 0.0
        for i in range(self._d):
            p += i + 1
            total += log(self._lower[p])
        return total

    @cython.locals(matrix="double[::1]")
    def trace_of(self, matrix: Any) -> cython.double:
        """Return the trace of the scale's inverse times a symmetric matrix (its lower triangle).

        `z` is overwritten.
        """
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        p: cython.Py_ssize_t
        v: cython.double
        total: cython.double = 0.0
        for k in range(d):
            p = 0
            for i in range(d):  # the inverse of L times column k
                v = matrix[i * (i + 1) // 2 + k] if i > k else matrix[k * (k + 1) // 2 + i]
                for j in range(i):
                    v -= self._lower[p + j] * self._z[j]
                self._z[i] = v
                p += i + 1
            for i in range(d - 1, k - 1, -1):  # the inverse of D L'
                v = self._z[i] * self._inverse[i]
                for j in range(i + 1, d):
                    v -= self._lower[j * (j + 1) // 2 + i] * self._z[j]
                self._z[i] = v
            total += self._z[k]
        return total

    def log_largest(self) -> cython.double:
        """Return the log of the largest term of a squared distance, which itself may overflow."""
        i: cython.Py_ssize_t
        v: cython.double
        largest: cython.double = 0.0
        for i in range(self._d):
            if self._z[i] != 0.0:
                v = 2.0 * log(fabs(self._z[i])) + log(self._inverse[i])
                largest = v if v > largest else largest
        return largest

    def copy_from(self, other: Factor) -> cython.void:
        """Copy another factor."""
        self._lower[:] = other._lower
        self._inverse[:] = other._inverse

    def squares_of(self, deviations: Any, divisor: float) -> Any:
        """Return squared distances from the mean, given an (n, d) array of deviations."""
        lower = np.zeros((self._d, self._d))
        lower[lower_triangle(self._d)] = self._lower
        np.fill_diagonal(lower, 1.0)
        whitening = np.linalg.inv(lower) * np.sqrt(np.array(self._inverse) * divisor)[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            z = deviations @ whitening.T
            return np.einsum("ij,ij->i", z, z)


class Conditioning:
    """A normal distribution, conditioned on the observed values.

    Parameters
    ----------
    x
        The vector, of shape (d,); NaN marks a missing value, and is replaced by the expected value.
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

        With the observed values first, the rows of the covariance's Cholesky factor determine their
        distance, and the conditional means and covariance of the missing values. Return whether the
        observed values have a density.
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
