# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernels for Normal components in one or more dimensions, with support for missing values.

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
    from cython.cimports.libc.math import INFINITY, log, log1p
    from cython.cimports.seqbayes.mixture.components.factor import (
        Conditioning,
        Factor,
        log_gamma_ratio,
    )
    from cython.cimports.seqbayes.mixture.components.kernel import IMPOSSIBLE, Kernel
    from cython.cimports.seqbayes.mixture.components.normal import NormalKernel
    from cython.cimports.seqbayes.mixture.components.rows import Row
else:
    from math import log, log1p

    from seqbayes.mixture.components.factor import Conditioning, Factor, log_gamma_ratio
    from seqbayes.mixture.components.kernel import IMPOSSIBLE, Kernel
    from seqbayes.mixture.components.normal import NormalKernel
    from seqbayes.mixture.components.rows import Row

    INFINITY = math.inf
from seqbayes.mixture.components.factor import lower_triangle
from seqbayes.statistics.moments import Moments

LOG_TAU = cython.declare(cython.double, 1.8378770664093455)
LOG_PI = cython.declare(cython.double, 1.1447298858494002)


class GaussianKernel(NormalKernel):
    """A normal component in one or more dimensions, with a normal-inverse-Wishart prior.

    The M-step finds the posterior mode, with one covariance for all components if `tied` is true.
    The covariance is the scale divided by the divisor.

    Parameters
    ----------
    at, prior
        See `NormalKernel`.
    tied
        Whether all components share one covariance.
    logarithm
        Whether the row contains the logarithm of the observation.
    extra
        Number of additional values in the statistic.
    """

    def __init__(
        self,
        at: int,
        prior: tuple[Any, float, float, Any],
        tied: bool = False,
        logarithm: bool = False,
        extra: int = 0,
    ) -> None:
        NormalKernel.__init__(self, at, prior, True, extra)
        d = self._d
        self.m_step_rows = d / 8.0  # an M-step needs about d ** 3 / 6 multiplications, a row d ** 2
        self._tied, self._logarithm, self._partial = tied, logarithm, False
        self._prior_scale = np.array(prior[3], float)[lower_triangle(d)]
        self._scale = np.zeros(d * (d + 1) // 2)
        self._x, self._factor = np.zeros(d), Factor(d)
        self._factor.attach(self._mean, self._x, self._z)
        self._conditioning: Any = None  # created when a value is missing
        self._divisor = self._strength = self._squares = self._student = 0.0
        self._height, self._present = 0.0, d
        self._has_student = False
        self.group: list[Any] = []
        self._prior_log_det = 0.0
        if self._factor.factorise(self._prior_scale, 1.0) <= IMPOSSIBLE:
            self.is_proper = False
        else:
            self._prior_log_det = self._factor.log_det()
        self.m_step(0.0)

    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row."""
        if not self._measure(row):
            return IMPOSSIBLE
        return self._height - 0.5 * self._bounded(self._squares)

    def _measure(self, row: Row) -> cython.bint:
        """Compute the squared distance of a row, and the log density at the mean.

        Missing values are imputed. Return whether the observed values have a density.
        """
        i: cython.Py_ssize_t
        for i in range(self._d):
            self._x[i] = row.values[self.at + i]
        squares: cython.double = self._factor.whiten() * self._divisor
        self._squares, self._present, self._height = squares, self._d, self._constant
        self._partial = squares != squares
        if self._partial:
            if self._conditioning is None:
                self._conditioning = Conditioning(self._x, self._mean, self._scale)
            if not self._conditioning.complete(self._divisor):
                return False
            self._squares, self._present = self._conditioning.squares, self._conditioning.present
            self._height = -0.5 * (LOG_TAU * self._present + self._conditioning.log_det)
        elif self._logarithm:
            self._height -= self._x[0]
        return True

    def log_predictive(self, row: Row) -> cython.double:
        """Return the log density of a row under Student's t distribution (parameters marginalised).

        The degrees of freedom of the posterior are `divisor` - d - 2. The posterior scale times 1 +
        1 / kappa equals the scale of the observed values times their degrees of freedom.
        """
        if self.log_density(row) <= IMPOSSIBLE and (self._partial or self._constant <= IMPOSSIBLE):
            return IMPOSSIBLE
        d: cython.Py_ssize_t = self._d
        height: cython.double
        freedom: cython.double = self._divisor - 2.0 * d - 1.0
        spread: cython.double = 1.0 + 1.0 / self._strength
        if self._partial:
            d = self._conditioning.present
            height = self._log_peak_density(
                d, freedom, self._conditioning.log_det + d * log(self._divisor)
            )
        else:
            if not self._has_student:
                self._student = self._log_peak_density(d, freedom, self._factor.log_det())
                self._has_student = True
            height = self._student
        ratio: cython.double = self._squares / self._divisor / spread
        log_ratio: cython.double
        if ratio < INFINITY:
            log_ratio = log1p(ratio)
        else:
            log_ratio = self._factor.log_largest() - log(spread)
        v: cython.double = height - 0.5 * (freedom + d) * log_ratio
        return v - self._x[0] if self._logarithm and not self._partial else v

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities of many rows, regardless of the limit of influence."""
        if self._constant <= IMPOSSIBLE:
            return Kernel.log_densities(self, rows)
        return self._complete(rows, self._constant - 0.5 * self._squares_of(rows), False)

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities of many rows under Student's t distribution."""
        if self._constant <= IMPOSSIBLE:
            return Kernel.log_predictives(self, rows)
        freedom = self._divisor - 2.0 * self._d - 1.0
        height = self._log_peak_density(self._d, freedom, self._factor.log_det())
        ratio = self._squares_of(rows) / (self._divisor * (1.0 + 1.0 / self._strength))
        found = height - 0.5 * (freedom + self._d) * np.log1p(ratio)
        return self._complete(rows, found, True)

    def _squares_of(self, rows: Any) -> Any:
        """Return the squared distances of many rows; NaN where a value is missing."""
        deviations = rows[:, self.at : self.at + self._d] - np.asarray(self._mean)
        return self._factor.squares_of(deviations, self._divisor)

    def _complete(self, rows: Any, logs: Any, predictive: bool) -> Any:
        """Replace the log densities of rows with missing or extreme values, one by one."""
        if self._logarithm:
            logs = logs - rows[:, self.at]
        nonfinite = ~np.isfinite(logs)
        if nonfinite.any():
            logs[nonfinite] = self._of_rows(np.ascontiguousarray(rows[nonfinite]), predictive)
        return logs

    def _log_peak_density(
        self, d: cython.Py_ssize_t, freedom: cython.double, log_det: cython.double
    ) -> cython.double:
        """Return the log density of Student's t at its location, given the scale's log_det."""
        v: cython.double = d * (LOG_PI + log1p(1.0 / self._strength)) + log_det
        return log_gamma_ratio(0.5 * freedom, d) - 0.5 * v

    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Update the running average of the statistic with a row."""
        if self._leaves_values(keep, gain):
            return 0
        old: cython.double = keep * self._live[0]
        self._live[0] = old + gain
        self._move(keep, old, gain)
        if self._partial:
            self._conditioning.add_spread(self._live, gain)
        return 0

    def _move(self, keep: cython.double, old: cython.double, gain: cython.double) -> cython.void:
        """Add the last row, with weight `gain`, to the mean and scatter, with weight `old`."""
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 1 + self._d
        share: cython.double = gain / (old + gain)
        moved: cython.double = old * share
        v: cython.double
        for i in range(self._d):
            v = self._x[i] - self._live[1 + i]
            self._z[i] = v
            self._live[1 + i] += share * v
            v *= moved
            for j in range(i + 1):
                self._live[p] = keep * self._live[p] + v * self._z[j]
                p += 1

    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode."""
        self._set_mode(n, n, n * self._live[0])
        return 0

    def _set_mode(
        self, n: cython.double, factor: cython.double, weight: cython.double
    ) -> cython.void:
        """Set the parameter to the mode, given the weight of the mean and the scatter's factor."""
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        total: cython.double = self._kappa + weight
        share: cython.double = weight / total if total > 0.0 else 0.0
        v: cython.double
        for i in range(d):
            v = self._live[1 + i] - self._prior_mean[i]
            self._z[i] = v
            self._mean[i] = self._prior_mean[i] + share * v
            v *= self._kappa * share
            for j in range(i + 1):
                self._scale[p] = self._prior_scale[p] + factor * self._live[1 + d + p]
                self._scale[p] += v * self._z[j]
                p += 1
        self._strength = total
        self._divisor = self._df + n * self._live[0] + d + 2.0
        if not self._tied:
            self._factorise()
        elif len(self.group) > 0 and self.group[len(self.group) - 1] is self:
            self._tie()

    def _tie(self) -> cython.void:
        """Set the pooled covariance in all kernels of the group."""
        each: GaussianKernel
        for each in self.group:
            if each is not self:
                each.pool(self)
        self._factorise()
        for each in self.group:
            if each is not self:
                each.share(self)

    def pool(self, other: GaussianKernel) -> cython.void:
        """Add the scale and its divisor to those of another kernel."""
        p: cython.Py_ssize_t
        other._divisor += self._divisor
        for p in range(self._scale.shape[0]):
            other._scale[p] += self._scale[p]

    def share(self, other: GaussianKernel) -> cython.void:
        """Use the covariance of another kernel."""
        self._factor.copy_from(other._factor)
        self._scale[:] = other._scale
        self._divisor = other._divisor
        self._constant = other._constant

    def _factorise(self) -> cython.void:
        self._has_student = False
        self._constant = self._factor.factorise(self._scale, self._divisor)

    def log_prior(self) -> float:
        """Return the log prior density of the mean and the covariance, up to a constant."""
        log_det: cython.double = self._factor.log_det() - self._d * log(self._divisor)
        self._x[:] = self._prior_mean
        squares: cython.double = self._factor.whiten()
        trace: cython.double = self._factor.trace_of(self._prior_scale)
        squares = self._divisor * (trace + self._kappa * squares)
        return float(-0.5 * ((self._df + self._d + 2.0) * log_det + squares))

    def log_marginal(self, n: float) -> float:
        """Return the log marginal likelihood of the statistic, multiplied by `n` observations.

        The prior must be proper, and no value may have been missing.
        """
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        weight: cython.double = n * self._live[0]
        strength: cython.double = self._kappa + weight
        shrunk: cython.double = self._kappa * weight / strength
        v: cython.double
        scale = cython.declare("double[::1]", np.empty(self._scale.shape[0]))
        factor: Factor = Factor(d)
        for i in range(d):
            v = self._live[1 + i] - self._prior_mean[i]
            self._z[i] = v
            v *= shrunk
            for j in range(i + 1):
                scale[p] = self._prior_scale[p] + n * self._live[1 + d + p] + v * self._z[j]
                p += 1
        factor.factorise(scale, 1.0)
        half: cython.double = 0.5 * (self._df + weight)
        total: cython.double = 0.5 * d * (log(self._kappa / strength) - weight * LOG_PI)
        total += 0.5 * self._df * self._prior_log_det - half * factor.log_det()
        for i in range(d):
            total += math.lgamma(half - 0.5 * i) - math.lgamma(0.5 * (self._df - i))
        if self._logarithm:
            total -= weight * self._live[1]
        return total

    def set_parameter(self, parameter: Any) -> None:
        """Set the mean and the covariance."""
        mean, covariance = parameter
        d = self._d
        np.asarray(self._mean)[:] = np.array(mean, float).reshape(d)
        np.asarray(self._scale)[:] = np.array(covariance, float).reshape(d, d)[lower_triangle(d)]
        self._divisor = 1.0
        self._factorise()

    @property
    def parameter_vector(self) -> list[float]:
        """Mean, scale and divisor."""
        return list(self._mean) + list(self._scale) + [self._divisor]

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore the mean, scale and divisor."""
        d = self._d
        last = len(numbers) - 1
        np.asarray(self._mean)[:] = numbers[:d]
        np.asarray(self._scale)[:] = numbers[d:last]
        self._divisor = numbers[last]
        self._factorise()

    def copy_parameter(self, other: Any) -> None:
        """Copy the mean, scale and divisor."""
        given: GaussianKernel = other
        self._mean[:] = given._mean
        self.share(given)
        self._has_student = False

    def tie(self, kernels: list[Any]) -> None:
        """Share one covariance with the kernels of the other components."""
        if all(isinstance(kernel, GaussianKernel) for kernel in kernels):
            for kernel in kernels:
                kernel.group = list(kernels)

    @property
    def parameter(self) -> Any:
        """Mean, of shape (d,), and covariance, of shape (d, d)."""
        d = self._d
        covariance = np.zeros((d, d))
        covariance[lower_triangle(d)] = np.asarray(self._scale) / self._divisor
        lower = np.tril(covariance, -1)
        return np.array(self._mean), covariance + lower.T

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the current statistic, multiplied by `n`, to the statistics of a state."""
        d = self._d
        live = np.asarray(self._live)
        weight, mean = float(n * live[0]), live[1 : 1 + d].copy()
        if isinstance(statistics, Moments):
            log_base = -weight * float(mean[0]) if self._logarithm else 0.0
            statistics.add_sums(weight, float(mean[0]), 0.0, float(n * live[2]), log_base)
            return
        squares = np.zeros((d, d))
        squares[lower_triangle(d)] = n * live[1 + d : 1 + d + len(self._scale)]
        squares += np.tril(squares, -1).T
        statistics.add_sums(weight, mean, np.zeros(d), squares, 0.0)
