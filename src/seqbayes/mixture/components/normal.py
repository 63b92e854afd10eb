# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Normal components with independent features, and the base class of all Normal components.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower.
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
    from cython.cimports.seqbayes.mixture.components.kernel import (
        IMPOSSIBLE,
        NEGLIGIBLE_GAIN,
        SMALLEST_SHARE,
        Kernel,
    )
    from cython.cimports.seqbayes.mixture.components.rows import Row
else:
    from math import isfinite, log

    from seqbayes.mixture.components.kernel import (
        IMPOSSIBLE,
        NEGLIGIBLE_GAIN,
        SMALLEST_SHARE,
        Kernel,
    )
    from seqbayes.mixture.components.rows import Row

LOG_TAU = cython.declare(cython.double, 1.8378770664093455)
# A component has moved if a variance differs from that of the averaged path by a factor above
# MOVED_RATIO; components with a share below MIN_SHARE are not compared.
MOVED_RATIO = cython.declare(cython.double, 30.0)
MIN_SHARE = cython.declare(cython.double, 0.01)


class NormalKernel(Kernel):
    """A normal component with a normal-inverse-Wishart prior.

    The statistic is (share, mean, scatter about the mean): centred, so that a large mean causes no
    cancellation.

    Parameters
    ----------
    at
        Position in a row of this kernel's first number.
    prior
        The mean, weight, degrees of freedom and scale.
    packed
        Whether the scatter is a lower triangle by rows, or its diagonal.
    extra
        Number of additional values in the statistic. The first one is the weight of mean and
        scatter if it differs from the share.

    Attributes
    ----------
    is_proper : bool
        Whether the prior is proper.
    """

    def __init__(
        self, at: int, prior: tuple[Any, float, float, Any], packed: bool, extra: int = 0
    ) -> None:
        mean, self._kappa, self._df, _ = prior
        d = len(mean)
        size = 1 + d + (d * (d + 1) // 2 if packed else d)
        Kernel.__init__(self, at, size + extra)
        self._d, self._packed, self._weight_at = d, packed, size if extra > 0 else 0
        self._limit, self._constant = math.inf, 0.0
        self.is_proper = self._kappa > 0.0 and self._df > d - 1.0
        self._prior_mean, self._mean = np.array(mean, float), np.array(mean, float)
        self._z = np.zeros(d)

    def _leaves_values(self, keep: cython.double, gain: cython.double) -> cython.bint:
        """Return whether the values are to be ignored; if so, update only the shares."""
        i: cython.Py_ssize_t
        old: cython.double = keep * self._live[0]
        total: cython.double = old + gain
        if total < SMALLEST_SHARE:
            total = 0.0
        elif self.far or gain < NEGLIGIBLE_GAIN * old:
            if self.far and self._live[0] > SMALLEST_SHARE:  # treat the values as missing
                keep = total / self._live[0]
            else:
                total = old
        else:
            return False
        self._live[0] = total
        for i in range(1 + self._d, self._live.shape[0]):
            self._live[i] *= keep
        return True

    def _bounded(self, squares: cython.double) -> cython.double:
        """Limit a squared distance, so that the density of distant values decreases as a power."""
        self.far = squares > self._limit
        if self.far:
            return self._limit + (self._d + 1.0) * log(min(squares, 1e300) / self._limit)
        return squares

    def average(self, step: cython.double) -> cython.int:
        """Update the running average of the statistics with the current statistic."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 1 + d
        keep: cython.double = 1.0 - step
        old: cython.double = keep * self._averaged[self._weight_at]
        new: cython.double = step * self._live[self._weight_at]
        total: cython.double = old + new
        share: cython.double = new / total if total > SMALLEST_SHARE else 0.0
        v: cython.double
        self._averaged[0] = keep * self._averaged[0] + step * self._live[0]
        for i in range(d):
            v = self._live[1 + i] - self._averaged[1 + i]
            self._z[i] = v
            self._averaged[1 + i] += share * v
            v *= old * share
            for j in range(0 if self._packed else i, i + 1):
                self._averaged[p] = keep * self._averaged[p] + step * self._live[p] + v * self._z[j]
                p += 1
        for i in range(p, self._live.shape[0]):
            self._averaged[i] = keep * self._averaged[i] + step * self._live[i]
        return 0

    def has_moved(self) -> cython.bint:
        """Return whether a variance differs by a large factor from that of the averaged path."""
        i: cython.Py_ssize_t
        p: cython.Py_ssize_t = self._d
        live: cython.double
        mean: cython.double
        if not (self._live[0] > MIN_SHARE and self._averaged[0] > MIN_SHARE):
            return False
        for i in range(self._d):
            p += i + 1 if self._packed else 1
            live = self._live[p] * self._averaged[0]
            mean = self._averaged[p] * self._live[0]
            if live > MOVED_RATIO * mean or mean > MOVED_RATIO * live:
                return True
        return False

    @property
    def collapsed(self) -> bool:
        """Whether the covariance is singular."""
        return bool(self._constant <= IMPOSSIBLE)

    def limit_influence(self, limit: bool) -> None:
        """Set whether values 8 standard deviations beyond the typical distance count as missing."""
        self._limit = (8.0 + math.sqrt(self._d)) ** 2 if limit else math.inf


@cython.cclass
class IndependentKernel(NormalKernel):
    """A normal component with a diagonal covariance and a normal-inverse-Wishart prior.

    The statistic is (share, mean, squared deviations from the mean), with one value per feature.
    The variances are those of the posterior mode, restricted to diagonal or to spherical
    covariances.
    """

    _spherical: cython.bint
    _prior_scale = cython.declare("double[::1]")
    _variance = cython.declare("double[::1]")
    _inverse = cython.declare("double[::1]")

    def __init__(
        self, at: int, prior: tuple[Any, float, float, Any], spherical: bool = False
    ) -> None:
        NormalKernel.__init__(self, at, prior, False)
        d = self._d
        self.m_step_rows = min(d / 4.0, 16.0)  # M-steps divide, and average over the path
        self._spherical = spherical
        self._prior_scale = np.array(prior[3], float).diagonal().copy()
        self.is_proper = self.is_proper and bool(np.min(self._prior_scale) > 0.0)
        self._variance = np.ones(d)
        self._inverse = np.ones(d)
        self.m_step(0.0)

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_density(self, row: Row) -> cython.double:
        """Return the log density of the observed values of a row."""
        squares: cython.double = self._squares(row)
        missing: cython.double = 0.0
        i: cython.Py_ssize_t
        v: cython.double
        if squares != squares:  # some values are missing
            squares = 0.0
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
        return self._constant + 0.5 * (missing - self._bounded(squares))

    @cython.cfunc
    @cython.exceptval(check=False)
    def _squares(self, row: Row) -> cython.double:
        """Return the squared distance of a row; NaN if values are missing."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t = 0
        at: cython.Py_ssize_t = self.at
        a: cython.double = 0.0
        b: cython.double = 0.0
        c: cython.double = 0.0
        e: cython.double = 0.0
        u: cython.double
        v: cython.double
        while i + 3 < d:  # four sums, which the processor adds in parallel
            u = row.values[at + i] - self._mean[i]
            v = row.values[at + i + 1] - self._mean[i + 1]
            a += u * u * self._inverse[i]
            b += v * v * self._inverse[i + 1]
            u = row.values[at + i + 2] - self._mean[i + 2]
            v = row.values[at + i + 3] - self._mean[i + 3]
            c += u * u * self._inverse[i + 2]
            e += v * v * self._inverse[i + 3]
            i += 4
        while i < d:
            u = row.values[at + i] - self._mean[i]
            a += u * u * self._inverse[i]
            i += 1
        return (a + b) + (c + e)

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities of many rows, regardless of the limit of influence."""
        if self._constant <= IMPOSSIBLE:
            return Kernel.log_densities(self, rows)
        x = rows[:, self.at : self.at + self._d]
        with np.errstate(over="ignore", invalid="ignore"):
            z = x - np.asarray(self._mean)
            z *= z
            logs = self._constant - 0.5 * (z @ np.asarray(self._inverse))
        nonfinite = ~np.isfinite(logs)
        if nonfinite.any():  # missing or extreme values
            logs[nonfinite] = Kernel.log_densities(self, np.ascontiguousarray(rows[nonfinite]))
        return logs

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Update the statistic's running average with a row whose missing values are imputed."""
        if self._leaves_values(keep, gain):
            return 0
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        v: cython.double
        extra: cython.double
        old: cython.double = keep * self._live[0]
        total: cython.double = old + gain
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
        """Set the mean and the covariance; only the variances are used."""
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
        """Restore the mean and the variances."""
        np.asarray(self._mean)[:] = numbers[: self._d]
        np.asarray(self._variance)[:] = numbers[self._d :]
        self._invert()

    def upgrade(self, statistic: Any) -> Any:
        """Convert a statistic from documents before version 0.2, which contain the full scatter."""
        d = self._d
        if len(statistic) != 1 + d + d * (d + 1) // 2 or d == 1:
            return statistic
        diagonal = (statistic[1 + d + i * (i + 3) // 2] for i in range(d))
        return [*statistic[: 1 + d], *diagonal]

    def upgrade_parameter(self, numbers: Any) -> Any:
        """Convert a parameter vector of the old form: the full scale and its divisor."""
        d = self._d
        if len(numbers) != d + d * (d + 1) // 2 + 1:
            return numbers
        divisor = numbers[len(numbers) - 1]
        diagonal = [numbers[d + i * (i + 3) // 2] / divisor for i in range(d)]
        return [*numbers[:d], *diagonal]

    @property
    def parameter(self) -> Any:
        """Mean, of shape (d,), and covariance, of shape (d, d)."""
        return np.array(self._mean), np.diag(np.asarray(self._variance))

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the current statistic, multiplied by `n`, to the statistics of a state."""
        d, live = self._d, np.asarray(self._live)
        scatter = np.diag(n * live[1 + d :])
        statistics.add_sums(float(n * live[0]), live[1 : 1 + d].copy(), np.zeros(d), scatter, 0.0)
