# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The compiled steps of EM: the E-step, the M-step, and the densities of a mixture.

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
    from cython.cimports.libc.math import INFINITY, exp, log
    from cython.cimports.seqbayes.mixture.components.kernel import Kernel
    from cython.cimports.seqbayes.mixture.components.rows import Row, RowReader
else:
    from math import exp, log

    from seqbayes.mixture.components.kernel import Kernel
    from seqbayes.mixture.components.rows import Row, RowReader

    INFINITY = math.inf

# A component with a smaller weight has probability zero.
MIN_WEIGHT = cython.declare(cython.double, 1e-290)
# A log density this far below the largest has no effect on a responsibility.
NEGLIGIBLE_LOG_RATIO = cython.declare(cython.double, 46.0)
# No component can produce an observation whose log densities are all at most this value.
IMPOSSIBLE = cython.declare(cython.double, -1e299)


class Steps:
    """Expected sufficient statistics of the components, and the steps of EM that set them.

    Parameters
    ----------
    reader
        Reads observations into rows.
    kernels
        One kernel per component.
    width
        Length of a row.
    weights
        Initial weights of the components.
    concentration
        Dirichlet hyperparameters of the weights; None if the weights are fixed.

    Attributes
    ----------
    n : float
        Total weight of the observations.
    memory : float
        Total weight of the remembered observations.
    """

    def __init__(
        self, reader: RowReader, kernels: list[Any], width: int, weights: Any, concentration: Any
    ) -> None:
        k = len(kernels)
        self.kernels, self.reader, self._row = kernels, reader, Row(width)
        self.n = self.memory = 0.0
        self._weights = np.array(weights, float)
        self._learns_weights = concentration is not None
        self._prior = np.array(concentration if self._learns_weights else np.ones(k), float)
        self._live, self._explained, self._r = np.zeros(k), np.zeros(k), np.zeros(k)

    def _e_step(self, row: Row, exact: cython.bint) -> cython.double:
        """Compute the responsibilities for a row; return its log density, if `exact` is true.

        The result is IMPOSSIBLE if no component can produce the row.
        """
        count: cython.Py_ssize_t = self._r.shape[0]
        k: cython.Py_ssize_t
        top: cython.double = IMPOSSIBLE
        total: cython.double = 0.0
        v: cython.double
        kernel: Kernel
        for k in range(count):
            kernel = cython.cast(Kernel, self.kernels[k])
            v = kernel.log_density(row)
            self._r[k] = v
            if v > top and self._weights[k] > MIN_WEIGHT:
                top = v
        if top <= IMPOSSIBLE:
            for k in range(count):
                self._r[k] = self._weights[k]
            return IMPOSSIBLE
        for k in range(count):
            v = self._weights[k]
            if v <= MIN_WEIGHT or (self._r[k] < top - NEGLIGIBLE_LOG_RATIO and not exact):
                v = 0.0
            elif self._r[k] != top:
                v *= exp(self._r[k] - top)
            self._r[k] = v
            total += v
        v = 1.0 / total
        for k in range(count):
            self._r[k] *= v
        return top + log(total) if exact else top

    def _m_step(self, streaming: cython.bint) -> cython.int:
        """Set parameters and weights; while streaming, weights are posterior means, never 0."""
        count: cython.Py_ssize_t = self._r.shape[0]
        k: cython.Py_ssize_t
        kernel: Kernel
        n: cython.double = self.memory
        for k in range(count):
            kernel = cython.cast(Kernel, self.kernels[k])
            kernel.m_step(n)
        if not self._learns_weights:
            return 0
        v: cython.double
        total: cython.double = 0.0
        least: cython.double = 1.0
        for k in range(count):
            v = self._prior[k] + n * self._live[k]
            self._weights[k] = v
            total += v
            if v < least:
                least = v
        # the mode if it exists, otherwise the mean
        if least >= 1.0 and total > count and not streaming:
            total -= count
            for k in range(count):
                self._weights[k] -= 1.0
        for k in range(count):
            self._weights[k] /= total
        return 0

    def m_step(self) -> None:
        """Set the parameters and the weights to the posterior mode."""
        self._m_step(False)

    def responsibilities(self, x: Any) -> tuple[list[float], float]:
        """Return the responsibilities for an observation, and its log density.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        self.reader.read(x, self._row)
        log_density: cython.double = self._e_step(self._row, True)
        return np.asarray(self._r).tolist(), log_density

    def log_density(self, x: Any) -> float:
        """Return the log density of an observation.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        self.reader.read(x, self._row)
        return self._e_step(self._row, True)

    def most_probable(self, x: Any) -> int:
        """Return the position of the component that an observation most probably comes from.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        k: cython.Py_ssize_t
        best: cython.Py_ssize_t = 0
        self.reader.read(x, self._row)
        self._e_step(self._row, True)
        for k in range(self._r.shape[0]):
            if self._r[k] > self._r[best]:
                best = k
        return best

    def log_predictive(self, x: Any) -> float:
        """Return the log density of an observation with the components' parameters marginalised.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        k: cython.Py_ssize_t
        kernel: Kernel
        v: cython.double
        top: cython.double = -INFINITY
        total: cython.double = 0.0
        self.reader.read(x, self._row)
        for k in range(self._r.shape[0]):
            self._r[k] = -INFINITY
            if self._weights[k] > 0.0:
                kernel = cython.cast(Kernel, self.kernels[k])
                self._r[k] = log(self._weights[k]) + kernel.log_predictive(self._row)
            if self._r[k] > top:
                top = self._r[k]
        if top == -INFINITY:
            return top
        for k in range(self._r.shape[0]):
            v = self._r[k] - top
            if v > -NEGLIGIBLE_LOG_RATIO:
                total += exp(v)
        return top + log(total)

    def e_step(self, rows: Any, w: Any, responsibilities: Any, given: bool) -> float:
        """Run the E-step on the rows, and set the statistics to their weighted expectation.

        Parameters
        ----------
        rows, w
            Rows, of shape (n, width), and their weights, of shape (n,), which are not all zero.
        responsibilities
            An array of shape (n, K), which is read if `given` is true, and written otherwise.

        Returns
        -------
        float
            Log likelihood of the rows.
        """
        table = cython.declare("double[:, ::1]", rows)
        weights = cython.declare("double[::1]", w)
        shares = cython.declare("double[:, ::1]", responsibilities)
        count: cython.Py_ssize_t = self._r.shape[0]
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        row: Row = self._row
        kernel: Kernel
        logs: cython.double = 0.0
        low: cython.double = 0.0
        seen: cython.double = 0.0
        self._clear(not given)  # parameters may not have been fitted to given responsibilities
        for i in range(table.shape[0]):
            for j in range(table.shape[1]):
                row.values[j] = table[i, j]
            v: cython.double = weights[i] * self._e_step(row, True)
            total: cython.double = logs + v  # Neumaier's sum
            low += (logs - total) + v if abs(logs) >= abs(v) else (v - total) + logs
            logs = total
            seen += weights[i]
            gain: cython.double = weights[i] / seen if seen > 0.0 else 0.0
            for k in range(count):
                if given:
                    self._r[k] = shares[i, k]
                else:
                    shares[i, k] = self._r[k]
                self._live[k] = (1.0 - gain) * self._live[k] + gain * self._r[k]
                kernel = cython.cast(Kernel, self.kernels[k])
                kernel.learn(row, 1.0 - gain, gain * self._r[k])
        self.n = self.memory = seen
        for k in range(count):
            self._explained[k] = seen * self._live[k]
            for leaf in self.kernels[k].leaves():
                leaf.use_latent_scale(True)
        return logs + low

    def _clear(self, use_latent_scale: bool) -> None:
        """Set all current statistics to zero."""
        for leaf in self.leaves():
            leaf.live[:] = 0.0
            leaf.use_latent_scale(use_latent_scale)
        self._live[:] = 0.0

    def responsibilities_of(self, rows: Any) -> Any:
        """Return the responsibilities, of shape (n, K), for n rows."""
        shares = np.zeros((len(rows), len(self.kernels)))
        table = cython.declare("double[:, ::1]", rows)
        found = cython.declare("double[:, ::1]", shares)
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        k: cython.Py_ssize_t
        for i in range(table.shape[0]):
            for j in range(table.shape[1]):
                self._row.values[j] = table[i, j]
            self._e_step(self._row, True)
            for k in range(self._r.shape[0]):
                found[i, k] = self._r[k]
        return shares

    def log_densities_of(self, rows: Any, predictive: bool = False) -> Any:
        """Return the log densities, of shape (n, K), of n rows under every component.

        Parameters
        ----------
        predictive
            Whether the components' parameters are marginalised.
        """
        return np.transpose(
            [
                kernel.log_predictives(rows) if predictive else kernel.log_densities(rows)
                for kernel in self.kernels
            ]
        )

    # Arrays with one value per component, which can be read and written.

    @property
    def weights(self) -> Any:
        """Weights of the components."""
        return np.asarray(self._weights)

    @property
    def live(self) -> Any:
        """The current expected share of every component."""
        return np.asarray(self._live)

    @property
    def explained(self) -> Any:
        """Total responsibility of every component for all observations, without decay."""
        return np.asarray(self._explained)

    def leaves(self) -> list[Any]:
        """Return all kernels that hold statistics, in order."""
        return [leaf for kernel in self.kernels for leaf in kernel.leaves()]
