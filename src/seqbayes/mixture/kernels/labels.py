# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Components with a Dirichlet prior: the statistic is a count of every category."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import log
    from cython.cimports.seqbayes.mixture.kernels.base import Kernel
else:
    from math import log

    from seqbayes.mixture.kernels.base import Kernel

# The log density of what a component cannot make.
IMPOSSIBLE = cython.declare(cython.double, -1e300)


@cython.cclass
class Labels(Kernel):
    """A component that makes categories, or counts of them.

    The row holds the place of the category, or with `counts` the count of every category and the
    log base measure. The statistic is (share, a count of every category, log base).
    """

    _size: cython.Py_ssize_t
    _counts: cython.bint
    _prior = cython.declare("double[::1]")
    _theta = cython.declare("double[::1]")

    def __init__(self, row: Any, at: int, prior: Any, counts: bool) -> None:
        self._size = len(prior)
        Kernel.__init__(self, row, at, self._size + 2)
        self._counts = counts
        self._prior = np.array(prior, float)
        self._theta = np.zeros(self._size)
        self._maximise(0.0)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _density(self) -> cython.double:
        at: cython.Py_ssize_t = self.at
        i: cython.Py_ssize_t
        v: cython.double = self._row[at]
        if v != v:
            return 0.0
        if not self._counts:
            v = self._theta[cython.cast(cython.Py_ssize_t, v)]
            return log(v) if v > 0.0 else IMPOSSIBLE
        total: cython.double = self._row[at + self._size]
        for i in range(self._size):
            if self._row[at + i] > 0.0:
                v = self._theta[i]
                if v <= 0.0:
                    return IMPOSSIBLE
                total += self._row[at + i] * log(v)
        return total

    @cython.cfunc
    @cython.exceptval(check=False)
    def _learn(self, keep: cython.double, gain: cython.double) -> cython.void:
        at: cython.Py_ssize_t = self.at
        i: cython.Py_ssize_t
        for i in range(self._hat.shape[0]):
            self._hat[i] *= keep
        if self._row[at] != self._row[at]:
            return
        self._hat[0] += gain
        if self._counts:
            for i in range(self._size + 1):
                self._hat[1 + i] += gain * self._row[at + i]
        else:
            self._hat[1 + cython.cast(cython.Py_ssize_t, self._row[at])] += gain

    @cython.cfunc
    @cython.exceptval(check=False)
    def _maximise(self, n: cython.double) -> cython.void:
        i: cython.Py_ssize_t
        v: cython.double
        total: cython.double = 0.0
        least: cython.double = 1.0
        for i in range(self._size):
            v = self._prior[i] + n * self._hat[1 + i]
            self._theta[i] = v
            total += v
            least = min(least, v)
        if least >= 1.0 and total > self._size:  # the mode; where there is none, the mean
            total -= self._size
            for i in range(self._size):
                self._theta[i] -= 1.0
        for i in range(self._size):
            self._theta[i] = self._theta[i] / total if total > 0.0 else 0.0

    def begin(self, parameter: Any) -> None:
        """Take shares in the order of the categories to begin with."""
        np.asarray(self._theta)[:] = np.array(parameter, float)

    @property
    def point(self) -> list[float]:
        """The shares."""
        return list(self._theta)

    def take_point(self, point: list[float]) -> None:
        """Restore the shares."""
        np.asarray(self._theta)[:] = point

    @property
    def collapsed(self) -> bool:
        """Whether there is neither mode nor mean."""
        return not any(self._theta)

    @property
    def parameter(self) -> Any:
        """Share of every category."""
        return np.array(self._theta)

    def absorb_into(self, statistics: Any, n: float) -> None:
        """Add the live statistic, counting for `n` observations, to a state's statistics."""
        share, *counts, log_base = (n * float(v) for v in self._hat)
        labels = statistics.cells
        statistics.absorb(dict(zip(labels, counts, strict=True)), share, log_base)
