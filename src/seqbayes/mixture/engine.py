# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Online EM at work: one observation at a time through the kernels of all components.

Plain Python source that Cython compiles; uncompiled it does the same, slower.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.errors import PriorError
from seqbayes.mixture.rows import as_weight

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import exp, log, pow
    from cython.cimports.seqbayes.mixture.kernels.base import Kernel
    from cython.cimports.seqbayes.mixture.rows import Reader
    from cython.cimports.seqbayes.statistics.reading import weight
else:
    from math import exp, log, pow

    from seqbayes.mixture.kernels.base import Kernel
    from seqbayes.mixture.rows import Reader
    from seqbayes.statistics.reading import weight

# The statistics move by this share between two M-steps, or more in one observation.
ENOUGH = cython.declare(cython.double, 0.025)
# The path's average counts observation n in proportion to ``n ** BENT``, so that the beginning
# is outgrown (Shamir and Zhang 2013).
BENT = cython.declare(cython.double, 0.2)
# So many observations per component does the step remember where the burn-in ends, at most.
REMEMBERED = cython.declare(cython.double, 20.0)
# A component with a smaller share makes nothing.
NOTHING = cython.declare(cython.double, 1e-290)
# What is so much less probable in logs is learned by nobody: it would change no digit.
UNFELT = cython.declare(cython.double, 46.0)
# Log densities below this are those of what a component cannot make.
LEAST = cython.declare(cython.double, -1e299)


@cython.cclass
class Engine:
    """The stochastic approximation of expected sufficient statistics.

    Parameters
    ----------
    row, reader
        The observation at work, shared with the kernels, and what writes it.
    kernels
        One kernel per component.
    weights
        Shares of the components at first.
    concentration
        Dirichlet hyperparameters of the shares; None holds them fixed.
    step
        The step of observation n, a callable.
    exponent
        Where the step is a power of n, ``(n + offset) ** -exponent``; 0 where it is another. The
        offset is such that the steps go on from the plain average of the burn-in.
    fading
        Whether the past fades for good: the statistic then counts for what is remembered.
    averaging
        Whether the average of the path is kept.
    burn_in
        Observations before the first M-step.
    """

    kernels = cython.declare(list, visibility="readonly")
    reader = cython.declare(Reader, visibility="readonly")
    step = cython.declare("object", visibility="readonly")
    n = cython.declare(cython.double, visibility="public")
    memory = cython.declare(cython.double, visibility="public")
    averaged = cython.declare(cython.double, visibility="public")
    moved = cython.declare(cython.double, visibility="public")
    pending = cython.declare(cython.double, visibility="public")
    averaging = cython.declare(cython.bint, visibility="readonly")
    burn_in = cython.declare(cython.double, visibility="public")
    _exponent: cython.double
    _offset: cython.double
    _fading: cython.bint
    _learned: cython.bint
    _row = cython.declare("double[::1]")
    _weights = cython.declare("double[::1]")
    _prior = cython.declare("double[::1]")
    _hat = cython.declare("double[::1]")
    _bar = cython.declare("double[::1]")
    _r = cython.declare("double[::1]")

    def __init__(
        self,
        row: Any,
        reader: Reader,
        kernels: list[Any],
        weights: Any,
        concentration: Any,
        step: Callable[[float], float],
        exponent: float,
        fading: bool,
        averaging: bool,
        burn_in: float,
    ) -> None:
        k = len(kernels)
        self.kernels, self.reader = kernels, reader
        self.step, self._exponent, self._offset = step, exponent, 0.0
        self._fading, self.averaging = fading, averaging
        self.n = self.memory = self.averaged = self.moved = self.pending = 0.0
        self._row = row
        self._weights = np.array(weights, float)
        self._learned = concentration is not None
        self._prior = np.array(concentration if self._learned else np.ones(k), float)
        self._hat, self._bar, self._r = np.zeros(k), np.zeros(k), np.zeros(k)
        self.settled(burn_in)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _expect(self, asked: cython.bint) -> cython.double:
        """Take the E-step of the row; return its log density where that is asked for.

        It is LEAST where nobody can make the row.
        """
        count: cython.Py_ssize_t = self._r.shape[0]
        k: cython.Py_ssize_t
        top: cython.double = LEAST
        total: cython.double = 0.0
        v: cython.double
        kernel: Kernel
        for k in range(count):
            kernel = cython.cast(Kernel, self.kernels[k])
            v = kernel._density()
            self._r[k] = v
            if v > top and self._weights[k] > NOTHING:
                top = v
        if top <= LEAST:
            for k in range(count):
                self._r[k] = self._weights[k]
            return LEAST
        for k in range(count):
            v = self._weights[k]
            if v <= NOTHING or (self._r[k] < top - UNFELT and not asked):
                v = 0.0
            elif self._r[k] != top:
                v *= exp(self._r[k] - top)
            self._r[k] = v
            total += v
        v = 1.0 / total
        for k in range(count):
            self._r[k] *= v
        return top + log(total) if asked else top

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _take(self, w: cython.double) -> cython.int:
        """Learn the row with weight `w` > 0."""
        count: cython.Py_ssize_t = self._r.shape[0]
        k: cython.Py_ssize_t
        kernel: Kernel
        n: cython.double = self.n + w
        gain: cython.double
        if n <= self.burn_in and not self._fading:
            gain = 1.0 / n if n > 1.0 else 1.0
        elif self._exponent > 0.0:
            gain = pow(n + self._offset, -self._exponent) if n > 1.0 else 1.0
        else:
            gain = self._asked_step(n)
        keep: cython.double = 1.0 - gain
        if w != 1.0:
            keep = pow(keep, w) if keep > 0.0 else 0.0
            gain = 1.0 - keep
        if self._fading:  # weights that fade from now on, as shares of what is remembered
            self.memory = keep * self.memory + w
            gain = w / self.memory
            keep = 1.0 - gain
        else:
            self.memory = n
        self._expect(False)
        self.n = n
        v: cython.double
        for k in range(count):
            v = gain * self._r[k]
            self._hat[k] = keep * self._hat[k] + v
            kernel = cython.cast(Kernel, self.kernels[k])
            kernel._learn(keep, v)
        if n >= self.burn_in:
            self.moved += gain
            self.pending += w
            if self.moved >= ENOUGH:
                self._settle()
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _settle(self) -> cython.void:
        """Take the M-step, and average the path up to here."""
        k: cython.Py_ssize_t
        kernel: Kernel
        self._maximise(True)
        if self.averaging:
            self.averaged += self.pending
            v: cython.double = self.pending * (1.0 + BENT) / (self.averaged + BENT * self.pending)
            for k in range(self._r.shape[0]):
                self._bar[k] += v * (self._hat[k] - self._bar[k])
                kernel = cython.cast(Kernel, self.kernels[k])
                kernel._average(v)
        self.moved = self.pending = 0.0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _maximise(self, streaming: cython.bint) -> cython.void:
        """Take the M-step; in a stream shares are means, so that none is 0 for ever."""
        count: cython.Py_ssize_t = self._r.shape[0]
        k: cython.Py_ssize_t
        kernel: Kernel
        n: cython.double = self.memory
        for k in range(count):
            kernel = cython.cast(Kernel, self.kernels[k])
            kernel._maximise(n)
        if not self._learned:
            return
        v: cython.double
        total: cython.double = 0.0
        least: cython.double = 1.0
        for k in range(count):
            v = self._prior[k] + n * self._hat[k]
            self._weights[k] = v
            total += v
            if v < least:
                least = v
        # the mode; where there is none, the mean
        if least >= 1.0 and total > count and not streaming:
            total -= count
            for k in range(count):
                self._weights[k] -= 1.0
        for k in range(count):
            self._weights[k] /= total

    def _asked_step(self, n: float) -> float:
        gain = float(self.step(n))
        if not 0.0 < gain <= 1.0:
            raise PriorError(f"expected a step above 0 and at most 1, got {gain!r} at n = {n:g}")
        return gain

    def learn(self, x: Any, w: Any) -> None:
        """Learn an observation with weight `w`; refused input changes nothing."""
        v: cython.double = weight(w)
        if v > 1e100:
            as_weight(w)  # refuses
        self.reader._read(x)
        if v > 0.0:
            self._take(v)

    def take_all(self, rows: Any, w: Any = None) -> None:
        """Learn rows (n, size) one after the other, with weights (n,) or all 1."""
        table = cython.declare("double[:, ::1]", rows)
        weights = cython.declare("double[::1]", np.ones(len(rows)) if w is None else w)
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        for i in range(table.shape[0]):
            for j in range(table.shape[1]):
                self._row[j] = table[i, j]
            if weights[i] > 0.0:
                self._take(weights[i])

    def sweep(self, rows: Any, w: Any, responsibilities: Any, given: bool) -> float:
        """Take the E-step of rows at hand, and expect the statistics of them all.

        Parameters
        ----------
        rows, w
            Rows (n, size) and their weights (n,), not all zero.
        responsibilities
            An array (n, K): read if `given`, written otherwise.

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
        kernel: Kernel
        logs: cython.double = 0.0
        low: cython.double = 0.0
        seen: cython.double = 0.0
        for i in range(table.shape[0]):
            for j in range(table.shape[1]):
                self._row[j] = table[i, j]
            v: cython.double = weights[i] * self._expect(True)
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
                self._hat[k] = (1.0 - gain) * self._hat[k] + gain * self._r[k]
                kernel = cython.cast(Kernel, self.kernels[k])
                kernel._learn(1.0 - gain, gain * self._r[k])
        self.n = self.memory = seen
        return logs + low

    def expect(self) -> tuple[list[float], float]:
        """Return the responsibilities for what the row holds, and its log density."""
        log_density: cython.double = self._expect(True)
        return np.asarray(self._r).tolist(), log_density

    def settled(self, n: float) -> None:
        """Go on from the plain average of `n` observations, which the statistics now are."""
        self.burn_in = n
        if self._exponent > 0.0:
            remembered = max(1.0, min(n, REMEMBERED * len(self.kernels)))
            self._offset = remembered ** (1.0 / self._exponent) - n
        self.moved = self.pending = 0.0

    def maximise(self) -> None:
        """Take the M-step."""
        self._maximise(False)

    @property
    def weights(self) -> Any:
        """Shares of the components, an array to be read or written."""
        return np.asarray(self._weights)

    @property
    def live(self) -> Any:
        """The live expected share of every component, an array to be read or written."""
        return np.asarray(self._hat)

    @property
    def average(self) -> Any:
        """The average of the path of the shares, an array to be read or written."""
        return np.asarray(self._bar)
