# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Kernels, which contain the log density, the expected statistic and the M-step of a component.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower. A kernel
keeps the expected sufficient statistic of its component **per observation**: the current statistic,
which online EM updates, and the average of its path. Both are zero for a component without
observations.

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
# A component with a smaller share counts as empty, because products would be subnormal.
SMALLEST_SHARE = 1e-280
# A gain smaller than this times a component's share does not change its mean and scatter.
NEGLIGIBLE_GAIN = 1e-20


class Kernel:
    """One component: its expected statistic, and its parameter after the last M-step.

    Parameters
    ----------
    at
        Position of this kernel's first number in a row. NaN marks a missing value.
    size
        Length of the statistic; its first number is the expected share of the observations.

    Attributes
    ----------
    far : bool
        Whether the last row was too far from this component to belong to it.
    m_step_rows : float
        Minimum number of observations between two M-steps of online EM, so that M-steps do not
        dominate the cost.
    """

    def __init__(self, at: int, size: int) -> None:
        self.at, self.far, self.m_step_rows = at, False, 0.0
        self._live = np.zeros(size)
        self._averaged = np.zeros(size)

    def log_density(self, row: Row) -> cython.double:
        """Return the log density of a row under the current parameter; 0 for a missing value."""
        raise NotImplementedError

    def log_predictive(self, row: Row) -> cython.double:
        """Return the log density of a row with the parameter marginalised, if available."""
        return self.log_density(row)

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities, of shape (n,), of many rows, of shape (n, width)."""
        return self._of_rows(rows, False)

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities of many rows with the parameter marginalised."""
        return self._of_rows(rows, True)

    def _of_rows(self, rows: Any, predictive: bool) -> Any:
        """Return the log densities of many rows, computed one by one."""
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

        `log_density` must have been called with the same row immediately before.
        """
        raise NotImplementedError

    def average(self, step: cython.double) -> cython.int:
        """Move the average of the path by `step` toward the current statistic."""
        i: cython.Py_ssize_t
        for i in range(self._live.shape[0]):
            self._averaged[i] += step * (self._live[i] - self._averaged[i])
        return 0

    def has_moved(self) -> cython.bint:
        """Return whether the current statistic has moved far from the average of its path."""
        return False

    def m_step(self, n: cython.double) -> cython.int:
        """Set the parameter to the posterior mode, with the statistic multiplied by `n`."""
        raise NotImplementedError

    def copy_statistics(self, other: Kernel, averaged: cython.bint) -> cython.int:
        """Copy the current statistic of another kernel, or the average of its path."""
        i: cython.Py_ssize_t
        for i in range(self._live.shape[0]):
            self._live[i] = other._averaged[i] if averaged else other._live[i]
        return 0

    @property
    def live(self) -> Any:
        """The current statistic, a writeable array."""
        return np.asarray(self._live)

    @property
    def averaged(self) -> Any:
        """The average of the statistic's path, a writeable array."""
        return np.asarray(self._averaged)

    def set_parameter(self, parameter: Any) -> None:
        """Set the parameter."""
        raise NotImplementedError

    @property
    def parameter(self) -> Any:
        """The current parameter."""
        raise NotImplementedError

    @property
    def parameter_vector(self) -> list[float]:
        """The current parameter as numbers, from which it can be restored exactly."""
        raise NotImplementedError

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore a parameter from its numbers."""
        raise NotImplementedError

    def copy_parameter(self, other: Any) -> None:
        """Copy the parameter of another kernel of the same kind."""
        self.load_parameter_vector(other.parameter_vector)

    @property
    def collapsed(self) -> bool:
        """Whether the parameter is undefined, because all observations are the same point."""
        return False

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the current statistic, multiplied by `n`, to the statistics of a state."""
        raise NotImplementedError

    def leaves(self) -> list[Kernel]:
        """Return all kernels with a statistic: this one and its parts."""
        return [self]

    def upgrade(self, statistic: Any) -> Any:
        """Return the numbers of a statistic, converted if they are from an earlier version."""
        return statistic

    def upgrade_parameter(self, numbers: Any) -> Any:
        """Return a parameter vector, converted if it is from an earlier version."""
        return numbers

    def limit_influence(self, limit: bool) -> None:
        """Set whether rows that are `far` are counted but not learned, if this is supported."""

    def use_latent_scale(self, use: bool) -> None:
        """Set whether `learn` weights rows by their latent scale, if the component has one."""

    def tie(self, kernels: list[Any]) -> None:
        """Share one covariance between the kernels of all components, if they have covariances."""


@cython.cclass
class FieldsKernel(Kernel):
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
        """Return the log density of a row with the parameters marginalised."""
        part: Kernel
        total: cython.double = 0.0
        for part in self.parts:
            total += part.log_predictive(row)
        return total

    def log_densities(self, rows: Any) -> Any:
        """Return the log densities of many rows, which are sums over the features."""
        return sum(part.log_densities(rows) for part in self.parts)

    def log_predictives(self, rows: Any) -> Any:
        """Return the log densities of many rows with the parameters marginalised."""
        return sum(part.log_predictives(rows) for part in self.parts)

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def learn(self, row: Row, keep: cython.double, gain: cython.double) -> cython.int:
        """Update the running average of the statistic with a row."""
        part: Kernel
        self._live[0] = keep * self._live[0] + gain
        for part in self.parts:
            part.learn(row, keep, gain)
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def average(self, step: cython.double) -> cython.int:
        """Update the average of the path with the current statistic."""
        part: Kernel
        Kernel.average(self, step)
        for part in self.parts:
            part.average(step)
        return 0

    @cython.ccall
    @cython.exceptval(-1, check=False)
    def has_moved(self) -> cython.bint:
        """Return whether the kernel of a feature has moved."""
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
    def copy_statistics(self, other: Kernel, averaged: cython.bint) -> cython.int:
        """Copy the statistics of all features."""
        part: Kernel
        theirs: Kernel
        fields: FieldsKernel = cython.cast(FieldsKernel, other)
        Kernel.copy_statistics(self, other, averaged)
        for part, theirs in zip(self.parts, fields.parts, strict=True):
            part.copy_statistics(theirs, averaged)
        return 0

    def set_parameter(self, parameter: Any) -> None:
        """Set the parameter of every feature."""
        for part, value in zip(self.parts, parameter, strict=True):
            part.set_parameter(value)

    @property
    def parameter_vector(self) -> list[float]:
        """Empty: the numbers belong to the kernels of the features."""
        return []

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Do nothing: the kernel of each feature restores its own parameters."""

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
        if all(isinstance(kernel, FieldsKernel) for kernel in kernels):
            for parts in zip(*(kernel.parts for kernel in kernels), strict=True):
                parts[0].tie(list(parts))
