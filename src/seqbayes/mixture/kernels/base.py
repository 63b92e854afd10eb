# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""What a component of a mixture does once per observation: density, E-step share, M-step.

Plain Python source that Cython compiles; uncompiled it does the same, slower. A kernel keeps the
expected sufficient statistic of its component **per observation**: the live one, which the
stochastic approximation moves, and the average of its path.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]


class Kernel:
    """One component: the statistic that EM expects of it, and the parameter that follows.

    Parameters
    ----------
    row
        The observation at work, which all kernels of a mixture share.
    at
        Where in the row this kernel's numbers begin. A NaN there is a value not seen.
    size
        Length of the statistic; its first number is the expected share of the observations.
    """

    def __init__(self, row: Any, at: int, size: int) -> None:
        self._row = row
        self.at = at
        self._hat = np.zeros(size)
        self._bar = np.zeros(size)

    def _density(self) -> cython.double:
        """Return the log density of the row under the present parameter."""
        raise NotImplementedError

    def _learn(self, keep: cython.double, gain: cython.double) -> cython.void:
        """Keep that share of the statistic, and add the row's with weight `gain`."""
        raise NotImplementedError

    def _average(self, step: cython.double) -> cython.void:
        """Move the average of the path by `step` toward the live statistic."""
        i: cython.Py_ssize_t
        for i in range(self._hat.shape[0]):
            self._bar[i] += step * (self._hat[i] - self._bar[i])

    def _maximise(self, n: cython.double) -> cython.void:
        """Take the M-step, the statistic counting for `n` observations."""
        raise NotImplementedError

    def maximise(self, n: float) -> None:
        """Take the M-step, the statistic counting for `n` observations."""
        self._maximise(n)

    @property
    def live(self) -> Any:
        """The live statistic, an array to be read or written."""
        return np.asarray(self._hat)

    @property
    def averaged(self) -> Any:
        """The average of the statistic's path, an array to be read or written."""
        return np.asarray(self._bar)

    def average(self, step: float) -> None:
        """Move the average of the path by `step` toward the live statistic."""
        self._average(step)

    def begin(self, parameter: Any) -> None:
        """Take a parameter to begin with."""
        raise NotImplementedError

    @property
    def point(self) -> list[float]:
        """All numbers of the present parameter, for `take_point` to restore to the bit."""
        raise NotImplementedError

    def take_point(self, point: list[float]) -> None:
        """Restore a parameter from its numbers."""
        raise NotImplementedError

    @property
    def collapsed(self) -> bool:
        """Whether there is no parameter: all that was seen lies in a point."""
        return False

    @property
    def parameter(self) -> Any:
        """The present parameter."""
        raise NotImplementedError

    def absorb_into(self, statistics: Any, n: float) -> None:
        """Add the live statistic, counting for `n` observations, to a state's statistics."""
        raise NotImplementedError

    def leaves(self) -> list[Kernel]:
        """Return all kernels that hold a statistic: this one, and those it is made of."""
        return [self]
