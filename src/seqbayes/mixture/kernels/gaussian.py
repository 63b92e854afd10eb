# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Normal components, of one dimension or several."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite, log
    from cython.cimports.seqbayes.mixture.kernels.base import Kernel
    from cython.cimports.seqbayes.mixture.kernels.conditioning import Conditioning
else:
    from math import isfinite, log

    from seqbayes.mixture.kernels.base import Kernel
    from seqbayes.mixture.kernels.conditioning import Conditioning
from seqbayes.statistics.moments import Moments

FULL = cython.declare(cython.int, 0)
DIAGONAL = cython.declare(cython.int, 1)
SPHERICAL = cython.declare(cython.int, 2)
TIED = cython.declare(cython.int, 3)
SHAPES = {"full": 0, "diagonal": 1, "spherical": 2, "tied": 3}
"""Shapes of a covariance by name; tied is full, and common to all components."""

HALF_LOG_TAU = cython.declare(cython.double, 0.9189385332046727)
# Below this share of the observations a component is empty: what follows would be denormal.
NOTHING = cython.declare(cython.double, 1e-280)
# Below this share of what it has seen an observation changes nothing of a component, to all digits.
UNFELT = cython.declare(cython.double, 1e-20)
# The log density of what a component cannot make.
IMPOSSIBLE = cython.declare(cython.double, -1e300)


@cython.cclass
class Gaussian(Kernel):
    """A Normal component with a Normal-inverse-Wishart prior, in one dimension or several.

    The statistic is (share, mean, scatter about the mean), the scatter's lower triangle by rows:
    centred, so that scales far apart keep their digits. The M-step goes to the posterior mode among
    the covariances of the shape asked for.
    """

    _d: cython.Py_ssize_t
    _shape: cython.int
    _logarithm: cython.bint
    _partial: cython.bint
    _kappa: cython.double
    _df: cython.double
    _constant: cython.double
    _divisor: cython.double
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
        row: Any,
        at: int,
        prior: tuple[Any, float, float, Any],
        shape: int = 0,
        logarithm: bool = False,
    ) -> None:
        mean, kappa, df, scale = prior
        d = len(mean)
        Kernel.__init__(self, row, at, 1 + d + d * (d + 1) // 2)
        self._d = d
        self._shape = shape
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
        self._constant = self._divisor = 0.0
        self.group = []
        self._maximise(0.0)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _density(self) -> cython.double:
        d: cython.Py_ssize_t = self._d
        at: cython.Py_ssize_t = self.at
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        v: cython.double
        squares: cython.double = 0.0
        for i in range(d):
            v = self._row[at + i]
            self._x[i] = v
            v -= self._mean[i]
            for j in range(i):
                v -= self._factor[p] * self._z[j]
                p += 1
            p += 1
            self._z[i] = v
            squares += v * v * self._inverse[i]
        squares *= self._divisor
        self._partial = squares != squares
        if self._partial:
            return self._conditioning._density(self._divisor)
        if self._logarithm:
            squares += 2.0 * self._x[0]
        return self._constant - 0.5 * squares

    @cython.cfunc
    @cython.exceptval(check=False)
    def _learn(self, keep: cython.double, gain: cython.double) -> cython.void:
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 1 + d
        old: cython.double = keep * self._hat[0]
        total: cython.double = old + gain
        if total < NOTHING:
            self._hat[0] = 0.0
            for i in range(p, self._hat.shape[0]):
                self._hat[i] *= keep
            return
        if gain < UNFELT * old:
            self._hat[0] = old
            for i in range(p, self._hat.shape[0]):
                self._hat[i] *= keep
            return
        share: cython.double = gain / total
        moved: cython.double = old * share
        v: cython.double
        self._hat[0] = total
        for i in range(d):
            v = self._x[i] - self._hat[1 + i]
            self._z[i] = v
            self._hat[1 + i] += share * v
            v *= moved
            for j in range(i + 1):
                self._hat[p] = keep * self._hat[p] + v * self._z[j]
                p += 1
        if self._partial:
            self._conditioning._add_spread(self._hat, gain)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _average(self, step: cython.double) -> cython.void:
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 1 + d
        keep: cython.double = 1.0 - step
        old: cython.double = keep * self._bar[0]
        new: cython.double = step * self._hat[0]
        total: cython.double = old + new
        share: cython.double = new / total if total > NOTHING else 0.0
        v: cython.double
        self._bar[0] = total
        for i in range(d):
            v = self._hat[1 + i] - self._bar[1 + i]
            self._z[i] = v
            self._bar[1 + i] += share * v
            v *= old * share
            for j in range(i + 1):
                self._bar[p] = keep * self._bar[p] + step * self._hat[p] + v * self._z[j]
                p += 1

    @cython.cfunc
    @cython.exceptval(check=False)
    def _maximise(self, n: cython.double) -> cython.void:
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        seen: cython.double = n * self._hat[0]
        total: cython.double = self._kappa + seen
        share: cython.double = seen / total if total > 0.0 else 0.0
        v: cython.double
        for i in range(d):
            v = self._hat[1 + i] - self._prior_mean[i]
            self._z[i] = v
            self._mean[i] = self._prior_mean[i] + share * v
            v *= self._kappa * share
            for j in range(i + 1):
                self._scale[p] = self._prior_scale[p] + n * self._hat[1 + d + p] + v * self._z[j]
                p += 1
        self._divisor = self._df + seen + d + 2.0
        if self._shape == TIED:
            if len(self.group) > 0 and self.group[len(self.group) - 1] is self:
                self._tie()
        elif self._shape == FULL:
            self._factorise()
        else:
            self._shape_and_factorise()

    @cython.cfunc
    @cython.exceptval(check=False)
    def _tie(self) -> cython.void:
        """Give all components of the group their pooled covariance."""
        each: Gaussian
        p: cython.Py_ssize_t
        for each in self.group:
            if each is not self:
                self._divisor += each._divisor
                for p in range(self._scale.shape[0]):
                    self._scale[p] += each._scale[p]
        self._shape_and_factorise()
        for each in self.group:
            if each is not self:
                each._factor[:] = self._factor
                each._inverse[:] = self._inverse
                each._scale[:] = self._scale
                each._divisor = self._divisor
                each._constant = self._constant

    @cython.cfunc
    @cython.exceptval(check=False)
    def _shape_and_factorise(self) -> cython.void:
        """Give the scale its shape, and factorise it."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        trace: cython.double = 0.0
        if self._shape == DIAGONAL or self._shape == SPHERICAL:
            for i in range(d):
                for _ in range(i):
                    self._scale[p] = 0.0
                    p += 1
                trace += self._scale[p]
                p += 1
        if self._shape == SPHERICAL:
            p = -1
            for i in range(d):
                p += i + 1
                self._scale[p] = trace / d
        self._factorise()

    @cython.cfunc
    @cython.exceptval(check=False)
    def _factorise(self) -> cython.void:
        """Take scale = L D L' with ones on L's diagonal; the covariance is scale / divisor."""
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
        for i in range(d):
            v = self._scale[r + i]
            q = 0
            for j in range(i):
                u = self._scale[p]
                for m in range(j):  # the row holds L D until its pivot is known
                    u -= self._factor[r + m] * self._factor[q + m]
                self._factor[p] = u
                q += j + 1
                p += 1
            for j in range(i):
                u = self._factor[r + j]
                self._factor[r + j] = u * self._inverse[j]
                v -= u * self._factor[r + j]
            if not (v > 0.0 and isfinite(v) and divisor > 0.0):
                self._constant = IMPOSSIBLE  # a component without extent makes nothing
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

    def begin(self, parameter: Any) -> None:
        """Take (mean, covariance) to begin with."""
        mean, covariance = parameter
        d = self._d
        np.asarray(self._mean)[:] = np.array(mean, float).reshape(d)
        np.asarray(self._scale)[:] = np.array(covariance, float).reshape(d, d)[np.tril_indices(d)]
        self._divisor = 1.0
        self._shape_and_factorise()

    @property
    def point(self) -> list[float]:
        """Mean, scale and divisor."""
        return list(self._mean) + list(self._scale) + [self._divisor]

    def take_point(self, point: list[float]) -> None:
        """Restore a parameter from its numbers."""
        d = self._d
        last = len(point) - 1
        np.asarray(self._mean)[:] = point[:d]
        np.asarray(self._scale)[:] = point[d:last]
        self._divisor = point[last]
        self._factorise()

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

    def absorb_into(self, statistics: Any, n: float) -> None:
        """Add the live statistic, counting for `n` observations, to a state's statistics."""
        d = self._d
        hat = np.asarray(self._hat)
        seen, mean = float(n * hat[0]), hat[1 : 1 + d].copy()
        if isinstance(statistics, Moments):
            log_base = -seen * float(mean[0]) if self._logarithm else 0.0
            statistics.absorb(seen, float(mean[0]), 0.0, float(n * hat[2]), log_base)
            return
        squares = np.zeros((d, d))
        squares[np.tril_indices(d)] = n * hat[1 + d :]
        squares += np.tril(squares, -1).T
        statistics.absorb(seen, mean, np.zeros(d), squares, 0.0)


@cython.cclass
class KnownVariance(Gaussian):
    """A Normal component of unknown mean and known variance, with a Normal prior."""

    _precision: cython.double
    _variance: cython.double

    def __init__(
        self,
        row: Any,
        at: int,
        prior: tuple[float, float],
        variance: float,
        logarithm: bool = False,
    ) -> None:
        mean, spread = prior
        self._precision, self._variance = variance / spread, variance
        Gaussian.__init__(self, row, at, ([mean], 1.0, 1.0, [[1.0]]), 0, logarithm)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _maximise(self, n: cython.double) -> cython.void:
        seen: cython.double = n * self._hat[0]
        share: cython.double = seen / (self._precision + seen)
        self._mean[0] = self._prior_mean[0] + share * (self._hat[1] - self._prior_mean[0])
        self._scale[0] = self._variance
        self._divisor = 1.0
        self._factorise()
