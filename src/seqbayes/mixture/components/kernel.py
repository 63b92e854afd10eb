# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernels: the log density, the expected statistic and the M-step of one component.

Plain Python source that Cython compiles; it also runs uncompiled, slower. A kernel keeps the
expected sufficient statistic of its component **per observation**: the live statistic, which online
EM moves, and the average of its path. Both are zero for a component without observations.

To write a kernel in plain Python, subclass `Kernel` and define `log_density`, `learn`, `m_step`,
`set_parameter`, `parameter`, `parameter_vector`, `load_parameter_vector`, `collapsed` and
`add_to`; `seqbayes.mixture.components.generic.GenericKernel` is an example.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.seqbayes.mixture.components.rows import Row
else:
    from seqbayes.mixture.components.rows import Row

# The log density of an observation that a component cannot produce.
IMPOSSIBLE = -1e300
# A component with a smaller share of the observations is empty; further products are denormal.
SMALLEST_SHARE = 1e-280
# Relative to the share of a component, a smaller gain changes no digit of its mean and scatter.
NEGLIGIBLE_GAIN = 1e-20


class Kernel:
    """One component: its expected statistic, and the parameter of the last M-step.

    Parameters
    ----------
    at
        Where in a row this kernel's numbers begin. NaN there is a missing value.
    size
        Length of the statistic; its first number is the expected share of the observations.

    Attributes
    ----------
    far : bool
        Whether the last row was too far from this component to be one of its observations.
    m_step_rows : float
        The least number of observations between M-steps of online EM, so that an M-step costs no
        more than they do.
    """

    def __init__(self, at: int, size: int) -> None:
        self.at, self.far, self.m_step_rows = at, False, 0.0
        self._live = np.zeros(size)
        self._averaged = np.zeros(size)

    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row under the present parameter; 0 for a missing value."""
        raise NotImplementedError

    def log_predictive(self, row: Row) -> cython.double:
        """Return the log density of a row with the parameter integrated out, if it is known."""
        return self.log_density(row)

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities (n,) of many rows (n, width)."""
        return self._of_rows(rows, False)

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities (n,) of many rows with the parameter integrated out."""
        return self._of_rows(rows, True)

    def _of_rows(self, rows: Any, predictive: bool) -> Any:
        """Return the log densities of many rows, one after the other."""
        found = np.empty(len(rows))
        table = cython.declare("double[:, ::1]", rows)
        logs = cython.declare("double[::1]", found)
        integrated: cython.bint = predictive
        row: Row = Row(rows.shape[1])
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        for i in range(table.shape[0]):
            for j in range(table.shape[1]):
                row.values[j] = table[i, j]
            logs[i] = self.log_predictive(row) if integrated else self.log_density(row)
        return found

    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Multiply the statistic by `keep`, and add the statistic of a row times `gain`.

        `log_density` was called with the same row before.
        """
        raise NotImplementedError

    def average(self, step: cython.double) -> cython.int:
        """Move the average of the path by `step` toward the live statistic."""
        i: cython.Py_ssize_t
        for i in range(self._live.shape[0]):
            self._averaged[i] += step * (self._live[i] - self._averaged[i])
        return 0

    def has_moved(self) -> cython.bint:
        """Return whether the live statistic has moved far from the average of its path."""
        return False

    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode, with the statistic counted `n` times."""
        raise NotImplementedError

    def take(self, other: Kernel, averaged: cython.bint) -> cython.int:
        """Copy the live statistic of another kernel, or the average of its path."""
        i: cython.Py_ssize_t
        for i in range(self._live.shape[0]):
            self._live[i] = other._averaged[i] if averaged else other._live[i]
        return 0

    @property
    def live(self) -> Any:
        """The live statistic, an array that may be written to."""
        return np.asarray(self._live)

    @property
    def averaged(self) -> Any:
        """The average of the statistic's path, an array that may be written to."""
        return np.asarray(self._averaged)

    def set_parameter(self, parameter: Any) -> None:
        """Set the parameter."""
        raise NotImplementedError

    @property
    def parameter(self) -> Any:
        """The present parameter."""
        raise NotImplementedError

    @property
    def parameter_vector(self) -> list[float]:
        """The present parameter as numbers, from which it can be restored exactly."""
        raise NotImplementedError

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore a parameter from its numbers."""
        raise NotImplementedError

    @property
    def collapsed(self) -> bool:
        """Whether there is no valid parameter, because all observations are the same point."""
        return False

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the live statistic, counted `n` times, to the statistics of a state."""
        raise NotImplementedError

    def leaves(self) -> list[Kernel]:
        """Return all kernels that hold a statistic: this one, and its parts."""
        return [self]

    def upgrade(self, statistic: Any) -> Any:
        """Return the numbers of a statistic, converted if an earlier version wrote them."""
        return statistic

    def upgrade_parameter(self, numbers: Any) -> Any:
        """Return a parameter vector, converted if an earlier version wrote it."""
        return numbers

    def limit_influence(self, limit: bool) -> None:
        """Set whether rows that are `far` are counted without their values; if supported."""

    def tie(self, kernels: list[Any]) -> None:
        """Share the covariance of kernels, one per component; other kernels have none."""


@cython.cclass
class Fields(Kernel):
    """A component with independent features: one kernel per feature."""

    parts = cython.declare(list, visibility="readonly")

    def __init__(self, at: int, parts: list[Any]) -> None:
        Kernel.__init__(self, at, 1)
        self.parts = parts

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row."""
        part: Kernel
        total: cython.double = 0.0
        self.far = False
        for part in self.parts:
            total += part.log_density(row)
            self.far = self.far or part.far
        return total

    @cython.ccall
    @cython.exceptval(-1.0, check=True)
    def log_predictive(self, row: Row) -> cython.double:
        """Return the log density of a row with the parameters integrated out."""
        part: Kernel
        total: cython.double = 0.0
        for part in self.parts:
            total += part.log_predictive(row)
        return total

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities of many rows, the sums over the features."""
        return sum(part.log_densities(rows) for part in self.parts)

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities of many rows with the parameters integrated out."""
        return sum(part.log_predictives(rows) for part in self.parts)

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Move the statistic toward that of a row."""
        part: Kernel
        self._live[0] = keep * self._live[0] + gain
        for part in self.parts:
            part.learn(row, keep, gain)
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def average(self, step: cython.double) -> cython.int:
        """Move the average of the path toward the live statistic."""
        part: Kernel
        Kernel.average(self, step)
        for part in self.parts:
            part.average(step)
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def has_moved(self) -> cython.bint:
        """Return whether a part has moved."""
        part: Kernel
        moved: cython.bint = False
        for part in self.parts:
            moved = moved or part.has_moved()
        return moved

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode."""
        part: Kernel
        for part in self.parts:
            part.m_step(n)
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def take(self, other: Kernel, averaged: cython.bint) -> cython.int:
        """Copy the statistics of all features."""
        part: Kernel
        theirs: Kernel
        fields: Fields = cython.cast(Fields, other)
        Kernel.take(self, other, averaged)
        for part, theirs in zip(self.parts, fields.parts, strict=True):
            part.take(theirs, averaged)
        return 0

    def set_parameter(self, parameter: Any) -> None:
        """Set the parameter of every feature."""
        for part, value in zip(self.parts, parameter, strict=True):
            part.set_parameter(value)

    @property
    def parameter_vector(self) -> list[float]:
        """Empty: the parts have the numbers."""
        return []

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Do nothing: the parts restore their own."""

    @property
    def collapsed(self) -> bool:
        """Whether the kernel of a feature has collapsed."""
        return any(part.collapsed for part in self.parts)

    @property
    def parameter(self) -> Any:
        """The parameter of every feature."""
        return [part.parameter for part in self.parts]

    def leaves(self) -> list[Kernel]:
        """Return this kernel and the kernels of its features."""
        return [self] + [leaf for part in self.parts for leaf in part.leaves()]

    def tie(self, kernels: list[Any]) -> None:
        """Share the covariances of every feature."""
        if all(isinstance(kernel, Fields) for kernel in kernels):
            for parts in zip(*(kernel.parts for kernel in kernels), strict=True):
                parts[0].tie(list(parts))
