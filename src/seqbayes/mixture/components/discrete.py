# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernels for probabilities, rates and categories.

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
    from cython.cimports.libc.math import NAN, log, log1p
    from cython.cimports.seqbayes.mixture.components.kernel import IMPOSSIBLE, Kernel
    from cython.cimports.seqbayes.mixture.components.rows import Row
else:
    from math import log, log1p

    from seqbayes.mixture.components.kernel import IMPOSSIBLE, Kernel
    from seqbayes.mixture.components.rows import Row

    NAN = math.nan


@cython.cclass
class PairKernel(Kernel):
    """A component with log likelihood ``a u(theta) + b v(theta)`` for a pair (a, b).

    The row contains a, b and the log base measure; the statistic is (share, a, b, log base). The
    function u is log(theta); v is log(1 - theta) for a Beta prior, and -theta for a Gamma prior.
    """

    _beta: cython.bint
    _first: cython.double
    _second: cython.double
    _theta: cython.double
    _u: cython.double
    _v: cython.double

    def __init__(self, at: int, prior: tuple[float, float], beta: bool) -> None:
        Kernel.__init__(self, at, 4)
        self._beta = beta
        self._first, self._second = prior
        self._theta = self._u = self._v = 0.0
        self.m_step(0.0)

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row."""
        a: cython.double = row.values[self.at]
        b: cython.double = row.values[self.at + 1]
        if a != a:
            return 0.0
        if self._theta != self._theta:
            return IMPOSSIBLE
        # an outcome that did not occur can have probability 0
        total: cython.double = row.values[self.at + 2]
        if a != 0.0:
            total += a * self._u
        if b != 0.0:
            total += b * self._v
        return total if total > IMPOSSIBLE else IMPOSSIBLE

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Update the running average of the statistic with a row."""
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t = self.at
        for i in range(4):
            self._live[i] *= keep
        if row.values[at] == row.values[at]:
            self._live[0] += gain
            for i in range(3):
                self._live[1 + i] += gain * row.values[at + i]
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode."""
        first: cython.double = self._first + n * self._live[1]
        second: cython.double = self._second + n * self._live[2]
        theta: cython.double
        total: cython.double = first + second if self._beta else second
        if not total > 0.0 or (self._beta and not (first >= 0.0 and second >= 0.0)):
            theta = NAN
        elif self._beta:
            if first >= 1.0 and second >= 1.0 and total > 2.0:
                theta = (first - 1.0) / (total - 2.0)
            else:
                theta = first / total
        elif first >= 1.0:
            theta = (first - 1.0) / total
        else:
            theta = first / total
        self._set(theta)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _set(self, theta: cython.double) -> cython.void:
        self._theta = theta
        self._u = log(theta) if theta > 0.0 else IMPOSSIBLE
        if self._beta:
            self._v = log1p(-theta) if theta < 1.0 else IMPOSSIBLE
        else:
            self._v = -theta

    def set_parameter(self, parameter: Any) -> None:
        """Set the parameter."""
        self._set(float(parameter))

    @property
    def parameter_vector(self) -> list[float]:
        """The parameter."""
        return [self._theta]

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore the parameter."""
        self._set(numbers[0])

    @property
    def collapsed(self) -> bool:
        """Whether the parameter is undefined: the posterior has neither a mode nor a mean."""
        return bool(self._theta != self._theta)

    @property
    def parameter(self) -> float:
        """The estimated probability or rate."""
        return float(self._theta)

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the current statistic, multiplied by `n`, to the statistics of a state."""
        share, a, b, log_base = (n * float(v) for v in self._live)
        statistics.add_sums(share, a, b, log_base)


@cython.cclass
class LabelsKernel(Kernel):
    """A component whose observations are categories, or counts of categories.

    The row contains the index of the category; if `counts` is true, it contains the counts of all
    categories and the log base measure. The statistic is (share, a count of every category, log
    base).
    """

    _size: cython.Py_ssize_t
    _counts: cython.bint
    _prior = cython.declare("double[::1]")
    _theta = cython.declare("double[::1]")
    _mean = cython.declare("double[::1]")

    def __init__(self, at: int, prior: Any, counts: bool) -> None:
        self._size = len(prior)
        Kernel.__init__(self, at, self._size + 2)
        self._counts = counts
        self._prior = np.array(prior, float)
        self._theta, self._mean = np.zeros(self._size), np.zeros(self._size)
        self.m_step(0.0)

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row."""
        at: cython.Py_ssize_t = self.at
        i: cython.Py_ssize_t
        v: cython.double = row.values[at]
        if v != v:
            return 0.0
        if not self._counts:
            v = self._theta[cython.cast(cython.Py_ssize_t, v)]
            return log(v) if v > 0.0 else IMPOSSIBLE
        total: cython.double = row.values[at + self._size]
        for i in range(self._size):
            if row.values[at + i] > 0.0:
                v = self._theta[i]
                if v <= 0.0:
                    return IMPOSSIBLE
                total += row.values[at + i] * log(v)
        return total

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_predictive(self, row: Row) -> cython.double:
        """Return the log probability of a category, with the shares marginalised."""
        v: cython.double = row.values[self.at]
        if v != v:
            return 0.0
        v = self._mean[cython.cast(cython.Py_ssize_t, v)]
        return log(v) if v > 0.0 else IMPOSSIBLE

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Update the running average of the statistic with a row."""
        at: cython.Py_ssize_t = self.at
        i: cython.Py_ssize_t
        for i in range(self._live.shape[0]):
            self._live[i] *= keep
        if row.values[at] != row.values[at]:
            return 0
        self._live[0] += gain
        if self._counts:
            for i in range(self._size + 1):
                self._live[1 + i] += gain * row.values[at + i]
        else:
            self._live[1 + cython.cast(cython.Py_ssize_t, row.values[at])] += gain
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode."""
        i: cython.Py_ssize_t
        v: cython.double
        total: cython.double = 0.0
        least: cython.double = 1.0
        for i in range(self._size):
            v = self._prior[i] + n * self._live[1 + i]
            self._theta[i] = v
            total += v
            least = min(least, v)
        for i in range(self._size):
            self._mean[i] = self._theta[i] / total if total > 0.0 else 0.0
        if least >= 1.0 and total > self._size:  # the mode if it exists, otherwise the mean
            total -= self._size
            for i in range(self._size):
                self._theta[i] -= 1.0
        for i in range(self._size):
            self._theta[i] = self._theta[i] / total if total > 0.0 else 0.0
        return 0

    def set_parameter(self, parameter: Any) -> None:
        """Set the shares, in the order of the categories."""
        np.asarray(self._theta)[:] = np.array(parameter, float)

    @property
    def parameter_vector(self) -> list[float]:
        """The shares."""
        return list(self._theta)

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore the shares."""
        np.asarray(self._theta)[:] = numbers

    @property
    def collapsed(self) -> bool:
        """Whether the parameter is undefined: the posterior has neither a mode nor a mean."""
        return not any(self._theta)

    @property
    def parameter(self) -> Any:
        """Share of every category."""
        return np.array(self._theta)

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the current statistic, multiplied by `n`, to the statistics of a state."""
        share, *counts, log_base = (n * float(v) for v in self._live)
        labels = statistics.cells
        statistics.add_sums(dict(zip(labels, counts, strict=True)), share, log_base)
