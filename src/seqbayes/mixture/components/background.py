# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The background of a mixture: a broad, fixed density for observations that fit no component.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.mixture.components.default_prior import location_and_scale

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, lgamma, log, log1p
    from cython.cimports.seqbayes.mixture.components.kernel import IMPOSSIBLE, Kernel
    from cython.cimports.seqbayes.mixture.components.rows import Row
else:
    from math import fabs, lgamma, log, log1p

    from seqbayes.mixture.components.kernel import IMPOSSIBLE, Kernel
    from seqbayes.mixture.components.rows import Row

NAME = "background"
"""The label of the background, in addition to those of the components."""

FIRST_SHARE = 0.01
"""Initial weight of the background."""

WIDTH = 3.0
"""Scale of the background, in standard deviations of the data without outliers."""

LOG_PI = cython.declare(cython.double, 1.1447298858494002)
# Distances above this are computed on the log scale.
MAX_DISTANCE = cython.declare(cython.double, 1e150)


@cython.cclass
class BackgroundKernel(Kernel):
    """A multivariate Cauchy density with independent scales, which does not learn.

    With z = (x - location) / scale, the log density of d values is log Gamma((d + 1) / 2) - (d + 1)
    / 2 log(pi) - sum(log(scale)) - (d + 1) / 2 log(1 + |z|^2). Missing values are marginalised out.
    The statistic is the share of the observations that belong to the background.

    Parameters
    ----------
    at, size
        Position of the first number in a row, and the number of values.
    logarithm
        Whether the row contains the logarithm of the observation.
    """

    _logarithm: cython.bint
    _location = cython.declare("double[::1]")
    _scale = cython.declare("double[::1]")

    def __init__(self, at: int, size: int, logarithm: bool = False) -> None:
        Kernel.__init__(self, at, 1)
        self._logarithm = logarithm
        self._location, self._scale = np.zeros(size), np.full(size, math.inf)

    def place(self, vectors: Any) -> None:
        """Estimate location and scale from vectors of shape (n, d); NaN marks a missing value."""
        location, scale = location_and_scale(vectors)
        np.asarray(self._location)[:] = location
        np.asarray(self._scale)[:] = WIDTH * scale

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row."""
        i: cython.Py_ssize_t
        v: cython.double
        present: cython.double = 0.0
        largest: cython.double = 0.0
        squares: cython.double = 0.0
        logs: cython.double = 0.0
        self.far = True  # the components determine whether an observation is unexplained
        for i in range(self._scale.shape[0]):
            v = row.values[self.at + i]
            if v != v:
                continue
            present += 1.0
            logs += log(self._scale[i])
            v = fabs(v - self._location[i]) / self._scale[i]
            largest = v if v > largest else largest
            squares += v * v
        if largest < MAX_DISTANCE:
            v = log1p(squares)
        else:
            v = 2.0 * log(largest)
        v = lgamma(0.5 * (present + 1.0)) - 0.5 * (present + 1.0) * (LOG_PI + v) - logs
        if present == 0.0:
            return 0.0
        if self._logarithm:
            v -= row.values[self.at]
        return v if v > IMPOSSIBLE else IMPOSSIBLE

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Update the background's share of the observations."""
        self._live[0] = keep * self._live[0] + gain
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def m_step(self, n: cython.double) -> cython.int:
        """Do nothing: the density is fixed."""
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def copy_statistics(self, other: Kernel, averaged: cython.bint) -> cython.int:
        """Copy the location, scale and share."""
        source: BackgroundKernel = cython.cast(BackgroundKernel, other)
        self._location[:] = source._location
        self._scale[:] = source._scale
        return Kernel.copy_statistics(self, other, averaged)

    @property
    def parameter(self) -> tuple[Any, Any]:
        """Location and scale."""
        return np.array(self._location), np.array(self._scale)

    @property
    def parameter_vector(self) -> list[float]:
        """Location and scale."""
        return list(self._location) + list(self._scale)

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore the location and scale."""
        size = len(self._scale)
        np.asarray(self._location)[:] = numbers[:size]
        np.asarray(self._scale)[:] = numbers[size:]
