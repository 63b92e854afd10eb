# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernels for Normal components with known variance, and for Student's t components.

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
    from cython.cimports.libc.math import exp, log, log1p
    from cython.cimports.seqbayes.mixture.components.factor import log_gamma_ratio
    from cython.cimports.seqbayes.mixture.components.gaussian import GaussianKernel
    from cython.cimports.seqbayes.mixture.components.kernel import (
        IMPOSSIBLE,
        SMALLEST_SHARE,
        Kernel,
    )
    from cython.cimports.seqbayes.mixture.components.rows import Row
else:
    from math import exp, log, log1p

    from seqbayes.mixture.components.factor import log_gamma_ratio
    from seqbayes.mixture.components.gaussian import GaussianKernel
    from seqbayes.mixture.components.kernel import IMPOSSIBLE, SMALLEST_SHARE, Kernel
    from seqbayes.mixture.components.rows import Row

PRIOR_SHAPE, PRIOR_RATE = 2.0, 0.1
"""The Gamma prior on learned degrees of freedom (Juárez and Steel 2010)."""

LEAST_FREEDOM, MOST_FREEDOM = 0.5, 1000.0
"""The range of learned degrees of freedom."""

FIRST_FREEDOM = 10.0
"""Learned degrees of freedom before the first observation: the mode of the prior."""

_SHAPE = cython.declare(cython.double, PRIOR_SHAPE)
_RATE = cython.declare(cython.double, PRIOR_RATE)
_LOG_LEAST = cython.declare(cython.double, math.log(LEAST_FREEDOM))
_LOG_MOST = cython.declare(cython.double, math.log(MOST_FREEDOM))
# Squared distances above this are treated as equal.
MAX_SQUARES = cython.declare(cython.double, 1e300)
# Smaller weights of observations, and larger changes of their common scale, are ignored.
LEAST_WEIGHT = cython.declare(cython.double, 1e-3)
MAX_COMMON_SCALE = cython.declare(cython.double, 4.0)
BISECTIONS = cython.declare(cython.Py_ssize_t, 45)


@cython.cfunc
@cython.exceptval(check=False)
def digamma_gap(x: cython.double) -> cython.double:
    """Return digamma(x) - log(x) for x > 0."""
    total: cython.double = 0.0
    while x < 6.0:
        total += log1p(1.0 / x) - 1.0 / x
        x += 1.0
    v: cython.double = 1.0 / (x * x)
    # coefficients -B(2k) / 2k, with Bernoulli numbers B
    series: cython.double = 1.0 / 240.0 + v * (-1.0 / 132.0 + v * 691.0 / 32760.0)
    series = v * (-1.0 / 12.0 + v * (1.0 / 120.0 + v * (-1.0 / 252.0 + v * series)))
    return total - 0.5 / x + series


@cython.cclass
class KnownVarianceKernel(GaussianKernel):
    """A normal component with unknown mean and known variance, and a normal prior."""

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
        GaussianKernel.__init__(self, at, ([mean], 1.0, 1.0, [[1.0]]), False, logarithm)

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
        """Return the log density of a row with the mean marginalised."""
        v: cython.double = self.log_density(row)
        if self._partial:
            return v
        return v + 0.5 * (self._squares * (1.0 - 1.0 / self._excess) - log(self._excess))

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities of many rows with the mean marginalised."""
        return Kernel.log_predictives(self, rows)


@cython.cclass
class StudentKernel(GaussianKernel):
    """A component with Student's t distribution, represented as a normal one with a latent scale.

    The scale u of an observation is Gamma(freedom / 2, freedom / 2). Given u, the observation is
    normal with the covariance divided by u. The E-step computes the expectations of u and of log u;
    an observation far from the mean has a small scale and therefore little influence. The statistic
    is (share, mean, scatter, weight, logs): mean and scatter are weighted by u, `weight` is the
    share times the mean scale, and `logs` the mean of log u - u.

    Parameters
    ----------
    at, prior, tied, logarithm
        See `GaussianKernel`; the prior is on the mean and covariance given u = 1.
    freedom
        The degrees of freedom; 0 if they are learned.

    References
    ----------
    .. [1] Peel, D. and McLachlan, G. J. (2000). Robust mixture modelling using the t distribution.
       Statistics and Computing 10, 339-348.
    .. [2] Liu, C., Rubin, D. B. and Wu, Y. N. (1998). Parameter expansion to accelerate EM: the
       PX-EM algorithm. Biometrika 85, 755-770.
    .. [3] Juárez, M. A. and Steel, M. F. J. (2010). Model-based clustering of non-Gaussian panel
       data based on skew-t distributions. Journal of Business and Economic Statistics 28, 52-66.
    """

    _learns_freedom: cython.bint
    _latent: cython.bint
    _freedom: cython.double
    _tail: cython.double
    _u: cython.double
    _gap: cython.double
    _own = cython.declare("double[::1]")

    def __init__(
        self,
        at: int,
        prior: tuple[Any, float, float, Any],
        tied: bool = False,
        logarithm: bool = False,
        freedom: float = 0.0,
    ) -> None:
        self._learns_freedom, self._latent = freedom == 0.0, True
        self._freedom, self._tail, self._u, self._gap = freedom or FIRST_FREEDOM, 0.0, 1.0, 0.0
        self._own = np.zeros(len(prior[0]) * (len(prior[0]) + 1) // 2)
        GaussianKernel.__init__(self, at, prior, tied, logarithm, 2)

    def use_latent_scale(self, use: bool) -> None:
        """Set whether `learn` weights rows by their latent scale."""
        self._latent = use

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row."""
        if not self._measure(row):
            self.far = False
            return IMPOSSIBLE
        freedom: cython.double = self._freedom
        squares: cython.double = min(self._squares, MAX_SQUARES)
        drop: cython.double = (freedom + self._present) * log1p(squares / freedom)
        # the distance at which a normal density has decreased by the same factor
        self.far = drop > self._limit
        self._u = (freedom + self._present) / (freedom + squares)
        tail: cython.double = self._tail
        if self._partial:
            tail = self._tail_of(self._present)
        return self._height + tail - 0.5 * drop

    @cython.cfunc
    @cython.exceptval(check=False)
    def _tail_of(self, d: cython.Py_ssize_t) -> cython.double:
        """Return the log of the ratio of the density at the mean to the normal density."""
        half: cython.double = 0.5 * self._freedom
        return log_gamma_ratio(half, d) - 0.5 * d * log(half)

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_predictive(self, row: Row) -> cython.double:
        """Return the log density of a row, with the parameters marginalised approximately.

        For a Normal component, the result would be a Student's t density with `own` degrees of
        freedom. Here, the reciprocals of `own` and of the component's degrees of freedom are added.
        """
        if not self._measure(row) or self._constant <= IMPOSSIBLE:
            return IMPOSSIBLE
        d: cython.Py_ssize_t = self._present
        own: cython.double = self._divisor - 2.0 * self._d - 1.0
        spread: cython.double = (1.0 + 1.0 / self._strength) * self._divisor / own
        freedom: cython.double = 1.0 / (1.0 / self._freedom + 1.0 / own)
        height: cython.double = self._height - 0.5 * d * log(spread)
        height += log_gamma_ratio(0.5 * freedom, d) - 0.5 * d * log(0.5 * freedom)
        squares: cython.double = min(self._squares, MAX_SQUARES)
        return height - 0.5 * (freedom + d) * log1p(squares / (spread * freedom))

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities of many rows."""
        if self._constant <= IMPOSSIBLE:
            return Kernel.log_densities(self, rows)
        found = (
            self._constant
            + self._tail
            - 0.5 * (self._freedom + self._d) * np.log1p(self._squares_of(rows) / self._freedom)
        )
        return self._complete(rows, found, False)

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities of many rows, with the parameters marginalised approximately."""
        return Kernel.log_predictives(self, rows)

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Update the running average of the statistic with a row, weighted by the row's scale."""
        if self._leaves_values(keep, gain):
            return 0
        u: cython.double = self._u if self._latent else 1.0
        w: cython.Py_ssize_t = self._weight_at
        old: cython.double = keep * self._live[w] if self._live[0] > 0.0 else 0.0
        self._live[0] = keep * self._live[0] + gain
        self._live[w] = old + gain * u
        if self._learns_freedom:
            # without latent scales, use values that leave the degrees of freedom unchanged
            half: cython.double = 0.5 * (self._freedom + (self._present if self._latent else 0))
            gap: cython.double = self._gap
            if self._partial or not self._latent:
                gap = digamma_gap(half)
            self._live[w + 1] = keep * self._live[w + 1] + gain * (log(u) + gap - u)
        if self._live[w] > SMALLEST_SHARE:
            self._move(keep, old, gain * u)
            if self._partial:
                self._conditioning.add_spread(self._live, gain)
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode."""
        w: cython.Py_ssize_t = self._weight_at
        weight: cython.double = n * self._live[w]
        common: cython.double = 1.0
        self._set_mode(n, n, weight)
        if n * self._live[0] > LEAST_WEIGHT and not self._tied and self._constant > IMPOSSIBLE:
            common = self._common_scale(n * self._live[0], weight)
            self._set_mode(n, n / common, weight / common)
        if self._learns_freedom:
            self._learn_freedom(
                n * self._live[0],
                n * (self._live[w + 1] - self._live[0] * log(common))
                + weight * (1.0 - 1.0 / common),
            )
        self._prepare()
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _common_scale(self, n: cython.double, weight: cython.double) -> cython.double:
        """Return the scale common to all observations, which is 1 at the end of EM.

        With this additional parameter, EM takes fewer iterations (Liu, Rubin and Wu 1998). Given
        the covariance and the mean, its mode is ``(trace + freedom weight) / n / (d + freedom)``,
        where `trace`, the trace of the scatter times the inverse covariance, is proportional to the
        scale.
        """
        d: cython.Py_ssize_t = self._d
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        p: cython.Py_ssize_t = 0
        v: cython.double
        for i in range(d):
            v = self._kappa * (self._mean[i] - self._prior_mean[i])
            for j in range(i + 1):
                self._own[p] = self._prior_scale[p] + v * (self._mean[j] - self._prior_mean[j])
                p += 1
        v = self._divisor * (d - self._factor.trace_of(self._own)) / n
        v = self._freedom * weight / (n * (d + self._freedom - v))
        return min(max(v, 1.0 / MAX_COMMON_SCALE), MAX_COMMON_SCALE) if v > 0.0 else 1.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _prepare(self) -> cython.void:
        """Compute what depends only on the degrees of freedom."""
        self._tail = self._tail_of(self._d)
        self._gap = digamma_gap(0.5 * (self._freedom + self._d))

    @cython.cfunc
    @cython.exceptval(check=False)
    def _learn_freedom(self, weight: cython.double, logs: cython.double) -> cython.void:
        """Set the degrees of freedom to the mode, given the sum of log u - u.

        The derivative of the log posterior decreases, so that bisection finds its root.
        """
        low: cython.double = _LOG_LEAST
        high: cython.double = _LOG_MOST
        middle: cython.double
        v: cython.double
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            v = exp(middle)
            v = weight * (1.0 - digamma_gap(0.5 * v)) + logs + 2.0 * ((_SHAPE - 1.0) / v - _RATE)
            if v > 0.0:
                low = middle
            else:
                high = middle
        self._freedom = exp(0.5 * (low + high))

    def set_parameter(self, parameter: Any) -> None:
        """Set location, scale matrix and degrees of freedom."""
        location, scale, freedom = parameter
        if self._learns_freedom:
            self._freedom = freedom
        self._prepare()
        GaussianKernel.set_parameter(self, (location, scale))

    @property
    def parameter_vector(self) -> list[float]:
        """Location, scale, divisor and degrees of freedom."""
        return [*GaussianKernel.parameter_vector.__get__(self), self._freedom]

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore the location, scale, divisor and degrees of freedom."""
        self._freedom = numbers[len(numbers) - 1]
        self._prepare()
        GaussianKernel.load_parameter_vector(self, numbers[: len(numbers) - 1])

    def copy_parameter(self, other: Any) -> None:
        """Copy the location, scale, divisor and degrees of freedom."""
        given: StudentKernel = other
        self._freedom = given._freedom
        self._prepare()
        GaussianKernel.copy_parameter(self, other)

    @property
    def parameter(self) -> Any:
        """Location, of shape (d,), scale matrix, of shape (d, d), and degrees of freedom."""
        return (*GaussianKernel.parameter.__get__(self), self._freedom)
