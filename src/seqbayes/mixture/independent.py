# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernels of Normal components with independent features: time and memory are linear in d.

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
    from cython.cimports.libc.math import isfinite, log
    from cython.cimports.seqbayes.mixture.kernels import Kernel
    from cython.cimports.seqbayes.mixture.rows import Row
else:
    from math import isfinite, log

    from seqbayes.mixture.kernels import Kernel
    from seqbayes.mixture.rows import Row

LOG_TAU = cython.declare(cython.double, 1.8378770664093455)
# A component with a smaller share of the observations is empty; further products are denormal.
SMALLEST_SHARE = cython.declare(cython.double, 1e-280)
# Relative to the share of a component, a smaller gain changes no digit of its mean and scatter.
NEGLIGIBLE_GAIN = cython.declare(cython.double, 1e-20)
# A component has moved if a variance differs from that of its averaged path by this factor;
# components with a smaller share are not compared.
MOVED_RATIO = cython.declare(cython.double, 30.0)
LEAST_SHARE = cython.declare(cython.double, 0.01)
# The log density of an observation that a component cannot produce.
IMPOSSIBLE = cython.declare(cython.double, -1e300)


@cython.cclass
class Independent(Kernel):
    """A Normal component with a diagonal covariance and a Normal-inverse-Wishart prior.

    The statistic is (share, mean, squared deviations from the mean) by feature. The variances are
    those of the posterior mode among diagonal covariances, or among spherical ones.
    """

    _d: cython.Py_ssize_t
    _spherical: cython.bint
    _kappa: cython.double
    _df: cython.double
    _limit: cython.double
    _constant: cython.double
    _prior_mean = cython.declare("double[::1]")
    _prior_scale = cython.declare("double[::1]")
    _mean = cython.declare("double[::1]")
    _variance = cython.declare("double[::1]")
    _inverse = cython.declare("double[::1]")

    def __init__(
        self, at: int, prior: tuple[Any, float, float, Any], spherical: bool = False
    ) -> None:
        mean, self._kappa, self._df, scale = prior
        d = len(mean)
        Kernel.__init__(self, at, 1 + 2 * d)
        self._d, self._spherical = d, spherical
        self._limit, self._constant = math.inf, 0.0
        self._prior_mean = np.array(mean, float)
        self._prior_scale = np.array(scale, float).diagonal().copy()
        self._mean = np.array(mean, float)
        self._variance = np.ones(d)
        self._inverse = np.ones(d)
        self.m_step(0.0)

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_density(self, row: Row) -> cython.double:
        """Return the log density of the values that are present in a row."""
        i: cython.Py_ssize_t
        v: cython.double
        squares: cython.double = 0.0
        missing: cython.double = 0.0
        for i in range(self._d):
            v = row.values[self.at + i]
            if v != v:
                missing += LOG_TAU
                if self._variance[i] > 0.0:
                    missing += log(self._variance[i])
            else:
                v -= self._mean[i]
                squares += v * v * self._inverse[i]
        if self._constant <= IMPOSSIBLE:
            self.far = False
            return IMPOSSIBLE
        self.far = squares > self._limit
        if self.far:
            squares = self._limit + (self._d + 1.0) * log(min(squares, 1e300) / self._limit)
        return self._constant + 0.5 * (missing - squares)

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities of many rows, whatever the limit of influence."""
        if self._constant <= IMPOSSIBLE:
            return Kernel.log_densities(self, rows)
        x = rows[:, self.at : self.at + self._d]
        with np.errstate(over="ignore", invalid="ignore"):
            z = x - np.asarray(self._mean)
            z *= z
            logs = self._constant - 0.5 * (z @ np.asarray(self._inverse))
        odd = ~np.isfinite(logs)
        if odd.any():  # missing or extreme values
            logs[odd] = Kernel.log_densities(self, np.ascontiguousarray(rows[odd]))
        return logs

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Move the statistic toward that of a row, with expectations for missing values."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        v: cython.double
        extra: cython.double
        old: cython.double = keep * self._live[0]
        total: cython.double = old + gain
        if total < SMALLEST_SHARE or self.far or gain < NEGLIGIBLE_GAIN * old:
            if total < SMALLEST_SHARE:
                total = 0.0
            elif not self.far:
                total = old
            elif self._live[0] > SMALLEST_SHARE:  # as if the values were missing
                keep = total / self._live[0]
            else:
                total = old
            self._live[0] = total
            for i in range(d):
                self._live[1 + d + i] *= keep
            return 0
        share: cython.double = gain / total
        self._live[0] = total
        for i in range(d):
            v = row.values[self.at + i]
            extra = 0.0
            if v != v:
                v, extra = self._mean[i], gain * self._variance[i]
            v -= self._live[1 + i]
            self._live[1 + i] += share * v
            self._live[1 + d + i] = keep * self._live[1 + d + i] + old * share * v * v + extra
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def average(self, step: cython.double) -> cython.int:
        """Move the average of the path toward the live statistic."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        v: cython.double
        keep: cython.double = 1.0 - step
        old: cython.double = keep * self._averaged[0]
        total: cython.double = old + step * self._live[0]
        share: cython.double = step * self._live[0] / total if total > SMALLEST_SHARE else 0.0
        self._averaged[0] = total
        for i in range(d):
            v = self._live[1 + i] - self._averaged[1 + i]
            self._averaged[1 + i] += share * v
            v *= old * share * v
            v += keep * self._averaged[1 + d + i] + step * self._live[1 + d + i]
            self._averaged[1 + d + i] = v
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def has_moved(self) -> cython.bint:
        """Return whether a variance differs from that of the averaged path by a large factor."""
        i: cython.Py_ssize_t
        d: cython.Py_ssize_t = self._d
        live: cython.double
        mean: cython.double
        if not (self._live[0] > LEAST_SHARE and self._averaged[0] > LEAST_SHARE):
            return False
        for i in range(d):
            live = self._live[1 + d + i] * self._averaged[0]
            mean = self._averaged[1 + d + i] * self._live[0]
            if live > MOVED_RATIO * mean or mean > MOVED_RATIO * live:
                return True
        return False

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        v: cython.double
        trace: cython.double = 0.0
        weight: cython.double = n * self._live[0]
        total: cython.double = self._kappa + weight
        share: cython.double = weight / total if total > 0.0 else 0.0
        divisor: cython.double = self._df + weight + d + 2.0
        for i in range(d):
            v = self._live[1 + i] - self._prior_mean[i]
            self._mean[i] = self._prior_mean[i] + share * v
            v = self._prior_scale[i] + n * self._live[1 + d + i] + self._kappa * share * v * v
            self._variance[i] = v / divisor
            trace += self._variance[i]
        if self._spherical:
            for i in range(d):
                self._variance[i] = trace / d
        self._invert()
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _invert(self) -> cython.void:
        i: cython.Py_ssize_t
        v: cython.double
        part: cython.double = 1.0
        logs: cython.double = 0.0
        for i in range(self._d):
            v = self._variance[i]
            if not (v > 0.0 and isfinite(v)):
                self._constant = IMPOSSIBLE  # a singular covariance has no density
                return
            self._inverse[i] = 1.0 / v
            if 1e-140 < part * v < 1e140:
                part *= v
            else:
                logs += log(v)
        self._constant = -0.5 * (LOG_TAU * self._d + logs + log(part))

    def set_parameter(self, parameter: Any) -> None:
        """Set the mean and the covariance, of which the variances are used."""
        mean, covariance = parameter
        variance = np.array(covariance, float).reshape(self._d, self._d).diagonal()
        np.asarray(self._mean)[:] = np.array(mean, float).reshape(self._d)
        np.asarray(self._variance)[:] = variance.mean() if self._spherical else variance
        self._invert()

    @property
    def parameter_vector(self) -> list[float]:
        """Mean and variances."""
        return list(self._mean) + list(self._variance)

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore mean and variances."""
        np.asarray(self._mean)[:] = numbers[: self._d]
        np.asarray(self._variance)[:] = numbers[self._d :]
        self._invert()

    def upgrade(self, statistic: Any) -> Any:
        """Return a statistic, of which documents before version 0.2 have the full scatter."""
        d = self._d
        if len(statistic) != 1 + d + d * (d + 1) // 2 or d == 1:
            return statistic
        diagonal = (statistic[1 + d + i * (i + 3) // 2] for i in range(d))
        return [*statistic[: 1 + d], *diagonal]

    def upgrade_parameter(self, numbers: Any) -> Any:
        """Convert a parameter vector of the old form, with a full scale and its divisor."""
        d = self._d
        if len(numbers) != d + d * (d + 1) // 2 + 1:
            return numbers
        divisor = numbers[len(numbers) - 1]
        diagonal = [numbers[d + i * (i + 3) // 2] / divisor for i in range(d)]
        return [*numbers[:d], *diagonal]

    @property
    def collapsed(self) -> bool:
        """Whether a variance is 0."""
        return bool(self._constant <= IMPOSSIBLE)

    @property
    def parameter(self) -> Any:
        """Mean (d,) and covariance (d, d)."""
        return np.array(self._mean), np.diag(np.asarray(self._variance))

    def limit_influence(self, limit: bool) -> None:
        """Set whether values 8 standard deviations beyond the typical distance are missing."""
        self._limit = (8.0 + math.sqrt(self._d)) ** 2 if limit else math.inf

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the live statistic, counted `n` times, to the statistics of a state."""
        d, live = self._d, np.asarray(self._live)
        scatter = np.diag(n * live[1 + d :])
        statistics.add_sums(float(n * live[0]), live[1 : 1 + d].copy(), np.zeros(d), scatter, 0.0)
