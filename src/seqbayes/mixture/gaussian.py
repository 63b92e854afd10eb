# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernels of Normal components, in one dimension or several, also with missing values.

Plain Python source that Cython compiles; it also runs uncompiled, slower.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import INFINITY, fabs, isfinite, lgamma, log, log1p, sqrt
    from cython.cimports.seqbayes.mixture.kernels import Kernel
    from cython.cimports.seqbayes.mixture.rows import Row
else:
    from math import fabs, isfinite, lgamma, log, log1p, sqrt

    from seqbayes.mixture.kernels import Kernel
    from seqbayes.mixture.rows import Row

    INFINITY = math.inf
from seqbayes.statistics.moments import Moments

HALF_LOG_TAU = cython.declare(cython.double, 0.9189385332046727)
LOG_PI = cython.declare(cython.double, 1.1447298858494002)
# A component with a smaller share of the observations is empty; further products are denormal.
SMALLEST_SHARE = cython.declare(cython.double, 1e-280)
# Relative to the share of a component, a smaller gain changes no digit of its mean and scatter.
NEGLIGIBLE_GAIN = cython.declare(cython.double, 1e-20)
# Products of fewer numbers are subtracted one by one.
SHORT = cython.declare(cython.Py_ssize_t, 8)
# A component has moved if a variance differs from that of its averaged path by this factor;
# components with a smaller share are not compared.
MOVED_RATIO = cython.declare(cython.double, 30.0)
LEAST_SHARE = cython.declare(cython.double, 0.01)
# The log density of an observation that a component cannot produce.
IMPOSSIBLE = cython.declare(cython.double, -1e300)


@cython.cfunc
@cython.exceptval(check=False)
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
    """Return the inner product of n numbers of `a` from i on and of `b` from j on.

    Four sums at a time do not wait for each other.
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


@cython.cclass
class Conditioning:
    """A Normal distribution conditioned on the values that are present.

    Parameters
    ----------
    x
        The vector (d,); NaN is a missing value, which is replaced by its expected value.
    mean, scale
        The covariance is the scale, a lower triangle by rows, divided by a divisor.

    Notes
    -----
    All three arrays are those of the kernel that owns this object.
    """

    squares = cython.declare(cython.double, visibility="readonly")
    log_det = cython.declare(cython.double, visibility="readonly")
    present = cython.declare(cython.Py_ssize_t, visibility="readonly")
    _d: cython.Py_ssize_t
    _x = cython.declare("double[::1]")
    _mean = cython.declare("double[::1]")
    _scale = cython.declare("double[::1]")
    _z = cython.declare("double[::1]")
    _work = cython.declare("double[:, ::1]")
    _spread = cython.declare("double[:, ::1]")
    _order = cython.declare("Py_ssize_t[::1]")

    def __init__(self, x: Any, mean: Any, scale: Any) -> None:
        d = len(x)
        self._x, self._mean, self._scale = x, mean, scale
        self._d = self.present = d
        self.squares = self.log_det = 0.0
        self._z = np.zeros(d)
        self._work, self._spread = np.zeros((d, d)), np.zeros((d, d))
        self._order = np.arange(d)

    @cython.cfunc
    @cython.exceptval(check=False)
    def complete(self, divisor: cython.double) -> cython.bint:
        """Compute the distance of the values present, and complete the missing ones.

        With the values present first, the rows of the covariance's Cholesky factor give their
        distance, the conditional means of the missing values and their conditional covariance.
        Return whether the values present have a density.
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

    @cython.cfunc
    @cython.exceptval(check=False)
    def _reorder(self) -> cython.Py_ssize_t:
        """Put the values present first, and return how many there are."""
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

    @cython.cfunc
    @cython.exceptval(check=False)
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

    @cython.cfunc
    @cython.exceptval(check=False)
    def _covariance(
        self, i: cython.Py_ssize_t, j: cython.Py_ssize_t, divisor: cython.double
    ) -> cython.double:
        if i < j:
            i, j = j, i
        v: cython.double = self._scale[i * (i + 1) // 2 + j]
        return v / divisor

    @cython.cfunc
    @cython.exceptval(check=False)
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


@cython.cclass
class Gaussian(Kernel):
    """A Normal component with a Normal-inverse-Wishart prior, in one dimension or several.

    The statistic is (share, mean, scatter about the mean), the scatter's lower triangle by rows:
    centred, so that a large mean causes no cancellation. The M-step finds the posterior mode; if
    `tied`, with one covariance for all components. The covariance is the scale divided by the
    divisor.
    """

    _d: cython.Py_ssize_t
    _tied: cython.bint
    _logarithm: cython.bint
    _partial: cython.bint
    _kappa: cython.double
    _df: cython.double
    _constant: cython.double
    _divisor: cython.double
    _strength: cython.double
    _squares: cython.double
    _student: cython.double
    _limit: cython.double
    _has_student: cython.bint
    _prior_mean = cython.declare("double[::1]")
    _prior_scale = cython.declare("double[::1]")
    _mean = cython.declare("double[::1]")
    _scale = cython.declare("double[::1]")
    _factor = cython.declare("double[::1]")
    _inverse = cython.declare("double[::1]")
    _x = cython.declare("double[::1]")
    _z = cython.declare("double[::1]")
    _conditioning: Conditioning
    group = cython.declare(list, visibility="public")

    def __init__(
        self,
        at: int,
        prior: tuple[Any, float, float, Any],
        tied: bool = False,
        logarithm: bool = False,
    ) -> None:
        mean, kappa, df, scale = prior
        d = len(mean)
        Kernel.__init__(self, at, 1 + d + d * (d + 1) // 2)
        self._d, self.m_step_rows = d, d / 8.0  # d ** 3 / 6 multiplications, against d ** 2
        self._tied = tied
        self._logarithm, self._partial = logarithm, False
        self._kappa, self._df = kappa, df
        self._prior_mean = np.array(mean, float)
        self._prior_scale = np.array(scale, float)[np.tril_indices(d)]
        self._mean = np.array(mean, float)
        self._scale = np.zeros(d * (d + 1) // 2)
        self._factor = np.zeros(d * (d + 1) // 2)
        self._inverse = np.ones(d)
        self._x = np.zeros(d)
        self._z = np.zeros(d)
        self._conditioning = Conditioning(self._x, self._mean, self._scale)
        self._constant = self._divisor = self._strength = self._squares = self._student = 0.0
        self._has_student, self._limit = False, math.inf
        self.group = []
        self.m_step(0.0)

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row."""
        d: cython.Py_ssize_t = self._d
        at: cython.Py_ssize_t = self.at
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        v: cython.double
        squares: cython.double = 0.0
        for i in range(d):
            v = row.values[at + i]
            self._x[i] = v
            v -= self._mean[i]
            if i < SHORT:
                for j in range(i):
                    v -= self._factor[p + j] * self._z[j]
            else:
                v -= product(self._factor, p, self._z, 0, i)
            p += i + 1
            self._z[i] = v
            squares += v * v * self._inverse[i]
        squares *= self._divisor
        self._squares = squares
        self._partial = squares != squares
        if self._partial:
            if not self._conditioning.complete(self._divisor):
                return IMPOSSIBLE
            squares = self._squares = self._conditioning.squares
            v = 2.0 * HALF_LOG_TAU * self._conditioning.present + self._conditioning.log_det
            return -0.5 * (v + self._bounded(squares))
        squares = self._bounded(squares)
        if self._logarithm:
            squares += 2.0 * self._x[0]
        return self._constant - 0.5 * squares

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _bounded(self, squares: cython.double) -> cython.double:
        """Return a squared distance such that the density of far values decreases as a power."""
        self.far = squares > self._limit
        if self.far:
            return self._limit + (self._d + 1.0) * log(min(squares, 1e300) / self._limit)
        return squares

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_predictive(self, row: Row) -> cython.double:
        """Return the log density of a row under Student's t, which integrates the parameter out.

        The degrees of freedom of the posterior are `divisor` - d - 2; its scale times 1 + 1 / kappa
        is that of the values present times their number of degrees of freedom.
        """
        if self.log_density(row) <= IMPOSSIBLE and (self._partial or self._constant <= IMPOSSIBLE):
            return IMPOSSIBLE
        d: cython.Py_ssize_t = self._d
        height: cython.double
        freedom: cython.double = self._divisor - 2.0 * d - 1.0
        spread: cython.double = 1.0 + 1.0 / self._strength
        if self._partial:
            d = self._conditioning.present
            height = self._height(d, freedom, self._conditioning.log_det + d * log(self._divisor))
        else:
            if not self._has_student:
                self._student = self._height(d, freedom, self._log_det())
                self._has_student = True
            height = self._student
        ratio: cython.double = self._squares / self._divisor / spread
        log_ratio: cython.double = log1p(ratio) if ratio < INFINITY else self._log_distance(spread)
        v: cython.double = height - 0.5 * (freedom + d) * log_ratio
        return v - self._x[0] if self._logarithm and not self._partial else v

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities of many rows, whatever the limit of influence."""
        if self._constant <= IMPOSSIBLE:
            return Kernel.log_densities(self, rows)
        return self._complete(rows, self._constant - 0.5 * self._squares_of(rows), False)

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities of many rows under Student's t."""
        if self._constant <= IMPOSSIBLE:
            return Kernel.log_predictives(self, rows)
        freedom = self._divisor - 2.0 * self._d - 1.0
        height = self._height(self._d, freedom, self._log_det())
        ratio = self._squares_of(rows) / (self._divisor * (1.0 + 1.0 / self._strength))
        found = height - 0.5 * (freedom + self._d) * np.log1p(ratio)
        return self._complete(rows, found, True)

    def _squares_of(self, rows: Any) -> Any:
        """Return the squared distances of many rows; NaN where a value is missing."""
        d = self._d
        lower = np.zeros((d, d))
        lower[np.tril_indices(d)] = self._factor
        np.fill_diagonal(lower, 1.0)
        whitening = np.linalg.inv(lower) * np.sqrt(np.array(self._inverse) * self._divisor)[:, None]
        with np.errstate(over="ignore", invalid="ignore"):
            z = (rows[:, self.at : self.at + d] - np.asarray(self._mean)) @ whitening.T
            return np.einsum("ij,ij->i", z, z)

    def _complete(self, rows: Any, logs: Any, predictive: bool) -> Any:
        """Return log densities with those of rows with missing or extreme values, one by one."""
        if self._logarithm:
            logs = logs - rows[:, self.at]
        odd = ~np.isfinite(logs)
        if odd.any():
            logs[odd] = self._of_rows(np.ascontiguousarray(rows[odd]), predictive)
        return logs

    @cython.cfunc
    @cython.exceptval(check=False)
    def _height(
        self, d: cython.Py_ssize_t, freedom: cython.double, log_det: cython.double
    ) -> cython.double:
        """Return the log density of Student's t in its centre; `log_det` is of the scale."""
        v: cython.double = d * (LOG_PI + log1p(1.0 / self._strength)) + log_det
        return log_gamma_ratio(0.5 * freedom, d) - 0.5 * v

    @cython.cfunc
    @cython.exceptval(check=False)
    def _log_det(self) -> cython.double:
        i: cython.Py_ssize_t
        p: cython.Py_ssize_t = -1
        total: cython.double = 0.0
        for i in range(self._d):
            p += i + 1
            total += log(self._factor[p])
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def _log_distance(self, spread: cython.double) -> cython.double:
        """Return the log of a squared distance that overflows, by its largest term."""
        i: cython.Py_ssize_t
        v: cython.double
        largest: cython.double = 0.0
        for i in range(self._d):
            if self._z[i] != 0.0:
                v = 2.0 * log(fabs(self._z[i])) + log(self._inverse[i])
                largest = v if v > largest else largest
        return largest - log(spread)

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Move the statistic toward that of a row."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 1 + d
        old: cython.double = keep * self._live[0]
        total: cython.double = old + gain
        if total < SMALLEST_SHARE:
            self._live[0] = 0.0
            for i in range(p, self._live.shape[0]):
                self._live[i] *= keep
            return 0
        if self.far or gain < NEGLIGIBLE_GAIN * old:
            if self.far and self._live[0] > SMALLEST_SHARE:  # as if the values were missing
                old, keep = total, total / self._live[0]
            self._live[0] = old
            for i in range(p, self._live.shape[0]):
                self._live[i] *= keep
            return 0
        share: cython.double = gain / total
        moved: cython.double = old * share
        v: cython.double
        self._live[0] = total
        for i in range(d):
            v = self._x[i] - self._live[1 + i]
            self._z[i] = v
            self._live[1 + i] += share * v
            v *= moved
            for j in range(i + 1):
                self._live[p] = keep * self._live[p] + v * self._z[j]
                p += 1
        if self._partial:
            self._conditioning.add_spread(self._live, gain)
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def average(self, step: cython.double) -> cython.int:
        """Move the average of the path toward the live statistic."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 1 + d
        keep: cython.double = 1.0 - step
        old: cython.double = keep * self._averaged[0]
        new: cython.double = step * self._live[0]
        total: cython.double = old + new
        share: cython.double = new / total if total > SMALLEST_SHARE else 0.0
        v: cython.double
        self._averaged[0] = total
        for i in range(d):
            v = self._live[1 + i] - self._averaged[1 + i]
            self._z[i] = v
            self._averaged[1 + i] += share * v
            v *= old * share
            for j in range(i + 1):
                self._averaged[p] = keep * self._averaged[p] + step * self._live[p] + v * self._z[j]
                p += 1
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def has_moved(self) -> cython.bint:
        """Return whether a variance differs from that of the averaged path by a large factor."""
        i: cython.Py_ssize_t
        p: cython.Py_ssize_t = self._d
        live: cython.double
        mean: cython.double
        if not (self._live[0] > LEAST_SHARE and self._averaged[0] > LEAST_SHARE):
            return False
        for i in range(self._d):
            p += i + 1
            live = self._live[p] * self._averaged[0]
            mean = self._averaged[p] * self._live[0]
            if live > MOVED_RATIO * mean or mean > MOVED_RATIO * live:
                return True
        return False

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        weight: cython.double = n * self._live[0]
        total: cython.double = self._kappa + weight
        share: cython.double = weight / total if total > 0.0 else 0.0
        v: cython.double
        for i in range(d):
            v = self._live[1 + i] - self._prior_mean[i]
            self._z[i] = v
            self._mean[i] = self._prior_mean[i] + share * v
            v *= self._kappa * share
            for j in range(i + 1):
                self._scale[p] = self._prior_scale[p] + n * self._live[1 + d + p] + v * self._z[j]
                p += 1
        self._strength = total
        self._divisor = self._df + weight + d + 2.0
        if not self._tied:
            self._factorise()
        elif len(self.group) > 0 and self.group[len(self.group) - 1] is self:
            self._tie()
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _tie(self) -> cython.void:
        """Set the pooled covariance in all kernels of the group."""
        each: Gaussian
        for each in self.group:
            if each is not self:
                each.pool(self)
        self._factorise()
        for each in self.group:
            if each is not self:
                each.share(self)

    @cython.cfunc
    @cython.exceptval(check=False)
    def pool(self, other: Gaussian) -> cython.void:
        """Add the scale and its divisor to those of another kernel."""
        p: cython.Py_ssize_t
        other._divisor += self._divisor
        for p in range(self._scale.shape[0]):
            other._scale[p] += self._scale[p]

    @cython.cfunc
    @cython.exceptval(check=False)
    def share(self, other: Gaussian) -> cython.void:
        """Use the covariance of another kernel."""
        self._factor[:] = other._factor
        self._inverse[:] = other._inverse
        self._scale[:] = other._scale
        self._divisor = other._divisor
        self._constant = other._constant

    @cython.cfunc
    @cython.exceptval(check=False)
    def _factorise(self) -> cython.void:
        """Factorise scale = L D L' with ones on the diagonal of L."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        m: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0  # of (i, j)
        q: cython.Py_ssize_t  # of (j, 0)
        r: cython.Py_ssize_t = 0  # of (i, 0)
        u: cython.double
        v: cython.double
        part: cython.double = 1.0
        logs: cython.double = 0.0
        divisor: cython.double = self._divisor
        self._has_student = False
        for i in range(d):
            v = self._scale[r + i]
            q = 0
            for j in range(i):
                u = self._scale[p]  # the row holds L D until its pivot is known
                if j < SHORT:
                    for m in range(j):
                        u -= self._factor[r + m] * self._factor[q + m]
                else:
                    u -= product(self._factor, r, self._factor, q, j)
                self._factor[p] = u
                q += j + 1
                p += 1
            for j in range(i):
                u = self._factor[r + j]
                self._factor[r + j] = u * self._inverse[j]
                v -= u * self._factor[r + j]
            if not (v > 0.0 and isfinite(v) and divisor > 0.0):
                self._constant = IMPOSSIBLE  # a singular covariance has no density
                return
            self._factor[p] = v
            self._inverse[i] = 1.0 / v
            part *= v / divisor
            if not 1e-140 < part < 1e140:
                logs += log(part)
                part = 1.0
            p += 1
            r = p
        self._constant = -HALF_LOG_TAU * d - 0.5 * (logs + log(part))

    def set_parameter(self, parameter: Any) -> None:
        """Set the mean and the covariance."""
        mean, covariance = parameter
        d = self._d
        np.asarray(self._mean)[:] = np.array(mean, float).reshape(d)
        np.asarray(self._scale)[:] = np.array(covariance, float).reshape(d, d)[np.tril_indices(d)]
        self._divisor = 1.0
        self._factorise()

    @property
    def parameter_vector(self) -> list[float]:
        """Mean, scale and divisor."""
        return list(self._mean) + list(self._scale) + [self._divisor]

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore mean, scale and divisor."""
        d = self._d
        last = len(numbers) - 1
        np.asarray(self._mean)[:] = numbers[:d]
        np.asarray(self._scale)[:] = numbers[d:last]
        self._divisor = numbers[last]
        self._factorise()

    def limit_influence(self, limit: bool) -> None:
        """Set whether values 8 standard deviations beyond the typical distance count as missing."""
        self._limit = (8.0 + math.sqrt(self._d)) ** 2 if limit else math.inf

    def tie(self, kernels: list[Any]) -> None:
        """Share one covariance with the kernels of the other components."""
        if all(isinstance(kernel, Gaussian) for kernel in kernels):
            for kernel in kernels:
                kernel.group = list(kernels)

    @property
    def collapsed(self) -> bool:
        """Whether the covariance is singular."""
        return bool(self._constant <= IMPOSSIBLE)

    @property
    def parameter(self) -> Any:
        """Mean (d,) and covariance (d, d)."""
        d = self._d
        covariance = np.zeros((d, d))
        covariance[np.tril_indices(d)] = np.asarray(self._scale) / self._divisor
        lower = np.tril(covariance, -1)
        return np.array(self._mean), covariance + lower.T

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the live statistic, counted `n` times, to the statistics of a state."""
        d = self._d
        live = np.asarray(self._live)
        weight, mean = float(n * live[0]), live[1 : 1 + d].copy()
        if isinstance(statistics, Moments):
            log_base = -weight * float(mean[0]) if self._logarithm else 0.0
            statistics.add_sums(weight, float(mean[0]), 0.0, float(n * live[2]), log_base)
            return
        squares = np.zeros((d, d))
        squares[np.tril_indices(d)] = n * live[1 + d :]
        squares += np.tril(squares, -1).T
        statistics.add_sums(weight, mean, np.zeros(d), squares, 0.0)


@cython.cclass
class KnownVariance(Gaussian):
    """A Normal component of unknown mean and known variance, with a Normal prior."""

    _precision: cython.double
    _variance: cython.double
    _excess: cython.double

    def __init__(
        self,
        at: int,
        prior: tuple[float, float],
        variance: float,
        logarithm: bool = False,
    ) -> None:
        mean, spread = prior
        self._precision, self._variance, self._excess = variance / spread, variance, 1.0
        Gaussian.__init__(self, at, ([mean], 1.0, 1.0, [[1.0]]), False, logarithm)

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode."""
        weight: cython.double = n * self._live[0]
        share: cython.double = weight / (self._precision + weight)
        self._excess = 1.0 + 1.0 / (self._precision + weight)
        self._mean[0] = self._prior_mean[0] + share * (self._live[1] - self._prior_mean[0])
        self._scale[0] = self._variance
        self._divisor = 1.0
        self._factorise()
        return 0

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_predictive(self, row: Row) -> cython.double:
        """Return the log density of a row with the mean integrated out."""
        v: cython.double = self.log_density(row)
        if self._partial:
            return v
        return v + 0.5 * (self._squares * (1.0 - 1.0 / self._excess) - log(self._excess))

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities of many rows with the mean integrated out."""
        return Kernel.log_predictives(self, rows)
