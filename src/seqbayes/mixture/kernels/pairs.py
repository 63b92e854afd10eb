# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Components with a Beta or a Gamma prior: the statistic is a pair of sums."""

from __future__ import annotations

import math
from typing import Any

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import NAN, log, log1p
    from cython.cimports.seqbayes.mixture.kernels.base import Kernel
else:
    from math import log, log1p

    from seqbayes.mixture.kernels.base import Kernel

    NAN = math.nan

# The log density of what a component cannot make.
IMPOSSIBLE = cython.declare(cython.double, -1e300)


@cython.cclass
class Pair(Kernel):
    """A component whose log likelihood is ``a u(theta) + b v(theta)``, of a pair (a, b).

    The row holds a, b and the log base measure; the statistic is (share, a, b, log base). Priors
    are Beta, where u is the log of theta and v that of 1 - theta, or Gamma, where v is -theta.
    """

    _beta: cython.bint
    _first: cython.double
    _second: cython.double
    _theta: cython.double
    _u: cython.double
    _v: cython.double

    def __init__(self, row: Any, at: int, prior: tuple[float, float], beta: bool) -> None:
        Kernel.__init__(self, row, at, 4)
        self._beta = beta
        self._first, self._second = prior
        self._theta = self._u = self._v = 0.0
        self._maximise(0.0)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _density(self) -> cython.double:
        a: cython.double = self._row[self.at]
        b: cython.double = self._row[self.at + 1]
        if a != a:
            return 0.0
        if self._theta != self._theta:
            return IMPOSSIBLE
        # what did not occur is possible where its probability is 0
        total: cython.double = self._row[self.at + 2]
        if a != 0.0:
            total += a * self._u
        if b != 0.0:
            total += b * self._v
        return total if total > IMPOSSIBLE else IMPOSSIBLE

    @cython.cfunc
    @cython.exceptval(check=False)
    def _learn(self, keep: cython.double, gain: cython.double) -> cython.void:
        i: cython.Py_ssize_t
        at: cython.Py_ssize_t = self.at
        for i in range(4):
            self._hat[i] *= keep
        if self._row[at] == self._row[at]:
            self._hat[0] += gain
            for i in range(3):
                self._hat[1 + i] += gain * self._row[at + i]

    @cython.cfunc
    @cython.exceptval(check=False)
    def _maximise(self, n: cython.double) -> cython.void:
        first: cython.double = self._first + n * self._hat[1]
        second: cython.double = self._second + n * self._hat[2]
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
        self._take(theta)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _take(self, theta: cython.double) -> cython.void:
        self._theta = theta
        self._u = log(theta) if theta > 0.0 else IMPOSSIBLE
        if self._beta:
            self._v = log1p(-theta) if theta < 1.0 else IMPOSSIBLE
        else:
            self._v = -theta

    def begin(self, parameter: Any) -> None:
        """Take a parameter to begin with."""
        self._take(float(parameter))

    @property
    def point(self) -> list[float]:
        """The parameter alone."""
        return [self._theta]

    def take_point(self, point: list[float]) -> None:
        """Restore a parameter from its number."""
        self._take(point[0])

    @property
    def collapsed(self) -> bool:
        """Whether there is neither mode nor mean."""
        return bool(self._theta != self._theta)

    @property
    def parameter(self) -> float:
        """The probability, or the rate."""
        return float(self._theta)

    def absorb_into(self, statistics: Any, n: float) -> None:
        """Add the live statistic, counting for `n` observations, to a state's statistics."""
        share, a, b, log_base = (n * float(v) for v in self._hat)
        statistics.absorb(share, a, b, log_base)
