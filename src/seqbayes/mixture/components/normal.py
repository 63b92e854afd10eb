# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The base class of Normal components, with full covariances or independent features.

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
    from cython.cimports.libc.math import log
    from cython.cimports.seqbayes.mixture.components.kernel import (
        IMPOSSIBLE,
        NEGLIGIBLE_GAIN,
        SMALLEST_SHARE,
        Kernel,
    )
else:
    from math import log

    from seqbayes.mixture.components.kernel import (
        IMPOSSIBLE,
        NEGLIGIBLE_GAIN,
        SMALLEST_SHARE,
        Kernel,
    )

# A component has moved if a variance differs from that of its averaged path by MOVED_RATIO;
# components with a share below MIN_SHARE are not compared.
MOVED_RATIO = cython.declare(cython.double, 30.0)
MIN_SHARE = cython.declare(cython.double, 0.01)


class NormalKernel(Kernel):
    """A Normal component with a Normal-inverse-Wishart prior.

    The statistic is (share, mean, scatter about the mean): centred, so that a large mean causes no
    cancellation.

    Parameters
    ----------
    at
        Position in a row of its first number.
    prior
        Mean, weight, degrees of freedom and scale.
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
        """Update only the shares if the values are to be ignored; return whether they are."""
        i: cython.Py_ssize_t
        old: cython.double = keep * self._live[0]
        total: cython.double = old + gain
        if total < SMALLEST_SHARE:
            total = 0.0
        elif self.far or gain < NEGLIGIBLE_GAIN * old:
            if self.far and self._live[0] > SMALLEST_SHARE:  # as if the values were missing
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
        """Update the average of the path with the current statistic."""
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
        """Return whether a variance differs from that of the averaged path by a large factor."""
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
        """Set whether values 8 standard deviations beyond the typical distance are missing."""
        self._limit = (8.0 + math.sqrt(self._d)) ** 2 if limit else math.inf
