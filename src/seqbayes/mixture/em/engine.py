# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Online EM: the compiled update of the components by one observation.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.errors import PriorError
from seqbayes.mixture.components.rows import as_weight

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import pow, sqrt
    from cython.cimports.seqbayes.mixture.components.kernel import Kernel
    from cython.cimports.seqbayes.mixture.components.rows import PastRows, Row, RowReader
    from cython.cimports.seqbayes.mixture.em.steps import Steps
    from cython.cimports.seqbayes.statistics.reading import weight
else:
    from math import pow, sqrt

    from seqbayes.mixture.components.kernel import Kernel
    from seqbayes.mixture.components.rows import PastRows, Row, RowReader
    from seqbayes.mixture.em.steps import Steps
    from seqbayes.statistics.reading import weight

# Online EM runs an M-step when the statistics have changed by this share since the last M-step.
MOVE_PER_M_STEP = cython.declare(cython.double, 0.025)
# If an M-step would cost more than the observations since the last M-step, it is postponed, up to
# this share.
MAX_MOVE_PER_M_STEP = cython.declare(cython.double, 0.25)
# The average of the path gives observation n a weight proportional to ``n ** AVERAGE_EXPONENT``, so
# that the first observations lose their influence (Shamir and Zhang 2013).
AVERAGE_EXPONENT = cython.declare(cython.double, 0.2)
# A mixture fits badly if more than this share of recent observations is far from all components.
# The share is an exponential average with the second constant as its rate.
UNEXPLAINED_SHARE = cython.declare(cython.double, 0.05)
UNEXPLAINED_RATE = cython.declare(cython.double, 1.0 / 500.0)
# A component is starved if its recent share is below this fraction of its share in all data.
STARVED_SHARE = cython.declare(cython.double, 1e-3)
# Number of observations per component after which components are checked for having moved far from
# the average of their path.
MOVED_AFTER = cython.declare(cython.double, 200.0)
# The components have forgotten past rows if their log density has decreased since their arrival: if
# the mean loss is significant and larger than a limit.
FORGOTTEN_LOSS = cython.declare(cython.double, 0.5)
MAX_LOSS = cython.declare(cython.double, 20.0)


@cython.cclass
class Engine(Steps):
    """Steps of EM and of online EM; the latter updates the statistics with every observation.

    Parameters
    ----------
    reader, kernels, width, weights, concentration
        See `Steps`.
    step
        The step size of observation n, a callable.
    exponent
        If the step size is a power of n, steps are ``(n + offset) ** -exponent``, where the offset
        makes them continue the plain average of the burn-in; otherwise 0.
    fading
        Whether old observations lose weight, so that fewer than `n` observations are remembered.
    averaging
        Whether to average the statistics over their path (all past values).
    burn_in
        Number of observations before the first M-step.
    background
        Whether the last kernel is a background.
    first_memory
        Maximum number of observations that the first step after a burn-in remembers.

    Attributes
    ----------
    averaged, moved, pending : float
        Total weight of the averaged path, change of the statistics since the last M-step, and
        weight of the observations since the last M-step.
    step_memory : float
        Number of observations that the first step after the burn-in remembers.
    unexplained : float
        Share of recent observations that were far from all components.
    forgets : bool
        Whether the density of past observations is now much lower than on their arrival.
    past : PastRows
        A sample of past rows, if influence is limited and old observations do not lose weight.
    uniform : bool
        Whether all observations have the same weight, because the stream is ordered; `forgets` is
        then set regularly, so that the components are fitted to the past rows.
    rescaled : bool
        Whether the variance of a component has changed by a large factor.
    starved : bool
        Whether a component explained past observations but none of the recent ones.
    """

    step = cython.declare("object", visibility="readonly")
    averaged = cython.declare(cython.double, visibility="public")
    moved = cython.declare(cython.double, visibility="public")
    pending = cython.declare(cython.double, visibility="public")
    averaging = cython.declare(cython.bint, visibility="readonly")
    unexplained = cython.declare(cython.double, visibility="public")
    starved = cython.declare(cython.bint, visibility="public")
    burn_in = cython.declare(cython.double, visibility="readonly")
    step_memory = cython.declare(cython.double, visibility="readonly")
    _first_memory: cython.double
    forgets = cython.declare(cython.bint, visibility="public")
    rescaled = cython.declare(cython.bint, visibility="public")
    past = cython.declare(PastRows, visibility="public")
    uniform = cython.declare(cython.bint, visibility="readonly")
    _scratch = cython.declare(Row)
    _exponent: cython.double
    _offset: cython.double
    _fading: cython.bint
    _busy: cython.bint
    _limiting: cython.bint
    _background: cython.bint
    _m_step_rows: cython.double
    _average = cython.declare("double[::1]")

    def __init__(
        self,
        reader: RowReader,
        kernels: list[Any],
        width: int,
        weights: Any,
        concentration: Any,
        step: Callable[[float], float],
        exponent: float,
        fading: bool,
        averaging: bool,
        burn_in: float,
        background: bool,
        first_memory: float,
    ) -> None:
        Steps.__init__(self, reader, kernels, width, weights, concentration)
        self._background, self._first_memory = background, first_memory
        self.step, self._exponent, self._offset = step, exponent, 0.0
        self._fading, self.averaging, self._busy = fading, averaging, False
        self.averaged = self.moved = self.pending = self.unexplained = 0.0
        self._limiting = self.starved = self.forgets = self.rescaled = self.uniform = False
        self.past = PastRows(width, len(kernels) - background)
        self._scratch = Row(width)
        self._average = np.zeros(len(kernels))
        self._m_step_rows = max(leaf.m_step_rows for leaf in self.leaves())
        self.end_burn_in(burn_in)

    def copy_statistics(self, other: Engine) -> None:
        """Copy the statistics that another engine uses for predictions.

        If the other engine averages, its averaged statistics are copied, otherwise its current
        ones. The parameters do not change.
        """
        k: cython.Py_ssize_t
        mine: Kernel
        theirs: Kernel
        averaged: cython.bint = other.averaging and other.averaged > 0.0
        for k in range(self._r.shape[0]):
            mine = cython.cast(Kernel, self.kernels[k])
            theirs = cython.cast(Kernel, other.kernels[k])
            mine.copy_statistics(theirs, averaged)
            self._live[k] = other._average[k] if averaged else other._live[k]
        self.n, self.memory = other.n, other.memory

    def limit_influence(self, limit: bool) -> None:
        """Set whether to count observations far from all components without using their values."""
        self._limiting = limit
        for kernel in self.kernels:
            for leaf in kernel.leaves():
                leaf.limit_influence(limit)

    def check(self, x: Any) -> None:
        """Raise an error if an observation is outside the support of a component.

        Raises
        ------
        ObservationError
            If the observation is outside the support of a component.
        """
        self.reader.read(x, self._scratch)

    def learn(self, x: Any, w: Any) -> bool:
        """Learn an observation with weight `w`; invalid input changes nothing.

        Returns
        -------
        bool
            Whether the components fit recent observations badly.
        """
        v: cython.double = weight(w)
        if v > 1e100:
            as_weight(w)  # raises
        if self._busy:
            self._wait()
        self._busy = True
        try:
            self.reader.read(x, self._row)
            if v > 0.0:
                self._learn_row(self._row, v)
        finally:
            self._busy = False
        return self._fits_badly()

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _fits_badly(self) -> cython.bint:
        return self._limiting and (
            self.starved or self.forgets or self.rescaled or self.unexplained > UNEXPLAINED_SHARE
        )

    @property
    def fits_badly(self) -> bool:
        """Whether many recent observations are unexplained, or a component is starved."""
        return bool(self._fits_badly())

    def _wait(self) -> None:
        """Wait while another thread learns an observation.

        A thread releases the interpreter lock only while it runs Python code, such as a user's step
        size. A flag is therefore sufficient, and costs nothing with a single thread.
        """
        while self._busy:
            time.sleep(0.0)

    def learn_rows(self, rows: Any, w: Any) -> int:
        """Learn n rows with their weights, in order, until the components fit badly.

        Returns
        -------
        int
            Number of learned rows.
        """
        table = cython.declare("double[:, ::1]", rows)
        weights = cython.declare("double[::1]", w)
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        row: Row = self._row
        if self._busy:
            self._wait()
        self._busy = True
        try:
            for i in range(table.shape[0]):
                for j in range(table.shape[1]):
                    row.values[j] = table[i, j]
                if weights[i] > 0.0:
                    self._learn_row(row, weights[i])
                    if self._fits_badly():
                        return int(i + 1)
        finally:
            self._busy = False
        return int(table.shape[0])

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _learn_row(self, row: Row, w: cython.double) -> cython.int:
        """Run the E-step on a row, update the statistics, and run an M-step if it is due."""
        k: cython.Py_ssize_t
        kernel: Kernel
        n: cython.double = self.n + w
        gain: cython.double = self._step_size(n)
        keep: cython.double = 1.0 - gain
        if w != 1.0:
            keep = pow(keep, w) if keep > 0.0 else 0.0
            gain = 1.0 - keep
        if self._fading:  # the gain is this observation's share of the remembered weight
            self.memory = keep * self.memory + w
            gain = w / self.memory
            keep = 1.0 - gain
        else:
            self.memory = n
        kept: cython.bint = self._limiting and not self._fading and n >= self.past.due
        log_density: cython.double = self._e_step(row, kept)
        self.n = n
        v: cython.double
        far: cython.bint = self._limiting
        for k in range(self._r.shape[0]):
            v = gain * self._r[k]
            self._live[k] = keep * self._live[k] + v
            self._explained[k] += w * self._r[k]
            kernel = cython.cast(Kernel, self.kernels[k])
            far = far and kernel.far
            kernel.learn(row, keep, v)
        if self._limiting:
            self.unexplained += UNEXPLAINED_RATE * (far - self.unexplained)
        if n >= self.burn_in:
            self.moved += gain
            self.pending += w
            if self.moved >= MOVE_PER_M_STEP and (
                self.pending >= self._m_step_rows or self.moved >= MAX_MOVE_PER_M_STEP
            ):
                self._online_m_step()
        if kept and self.past.keep(row, log_density, n):
            self.forgets = self.uniform or self._has_forgotten()
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _has_forgotten(self) -> cython.bint:
        """Return whether the density of the kept rows is now much lower than when they arrived."""
        past: PastRows = self.past
        row: Row = self._scratch
        losses = [past.read(i, row) - self._e_step(row, True) for i in past.compared]
        several = np.clip(losses, -MAX_LOSS, MAX_LOSS)
        error = several.std() / sqrt(len(losses))
        return bool(several.mean() > FORGOTTEN_LOSS + 2.0 * error)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _online_m_step(self) -> cython.int:
        """Run the M-step, and add the current statistics to the average of the path."""
        k: cython.Py_ssize_t
        kernel: Kernel
        v: cython.double
        self._m_step(True)
        if self._limiting:
            self.starved = False
            for k in range(self._r.shape[0] - self._background):
                if self._live[k] * self.n < STARVED_SHARE * self._explained[k]:
                    self.starved = True
        if self.averaging:
            if self.averaged > 0.0 and self.n >= MOVED_AFTER * self._r.shape[0]:
                self._restart_path()
            self.averaged += self.pending
            v = self.pending * (1.0 + AVERAGE_EXPONENT)
            v /= self.averaged + AVERAGE_EXPONENT * self.pending
            for k in range(self._r.shape[0]):
                self._average[k] += v * (self._live[k] - self._average[k])
                kernel = cython.cast(Kernel, self.kernels[k])
                kernel.average(v)
        self.moved = self.pending = 0.0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _restart_path(self) -> cython.int:
        """Start a new path if a component has moved far from the average of the current path."""
        kernel: Kernel
        for kernel in self.kernels:
            if kernel.has_moved():
                self.averaged = 0.0
                self.rescaled = True
        return 0

    @property
    def last_change(self) -> float:
        """The number of observations at the last change of the statistics for predictions."""
        if self.averaging and self.averaged > 0.0 and not self._fading:
            return self.n - self.pending
        return self.n

    @cython.cfunc
    @cython.exceptval(-1.0, check=True)
    def _step_size(self, n: cython.double) -> cython.double:
        """Return the step size of observation `n`: the share of its statistic."""
        if n <= self.burn_in and not self._fading:
            return 1.0 / n if n > 1.0 else 1.0
        if self._exponent > 0.0:
            return pow(n + self._offset, -self._exponent) if n > 1.0 else 1.0
        gain = float(self.step(n))
        if not 0.0 < gain <= 1.0:
            raise PriorError(f"expected a step above 0 and at most 1, got {gain!r} at n = {n:g}")
        return gain

    def weigh_uniformly(self) -> None:
        """Give all observations the same weight from now on, if step sizes are a power of n."""
        if self._exponent > 0.0 and self._limiting and not self._fading:
            self._exponent, self._offset, self.averaged = 1.0, 0.0, 0.0
            self.averaging, self.uniform = False, True

    def end_burn_in(self, n: float, memory: float | None = None) -> None:
        """Treat the statistics as the plain average of `n` observations.

        Parameters
        ----------
        memory
            Number of observations that the next step remembers; by default `n`, but at most the
            first memory, so that a start from few observations can be corrected.
        """
        self.burn_in = n
        if memory is None:
            memory = max(1.0, min(n, self._first_memory))
        self.step_memory = memory
        if self._exponent > 0.0:
            self._offset = memory ** (1.0 / self._exponent) - n
        self.moved = self.pending = 0.0

    @property
    def average(self) -> Any:
        """The average of the shares over their path."""
        return np.asarray(self._average)
