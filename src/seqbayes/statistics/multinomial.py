"""Counts of labels from observations that are themselves counts."""

from __future__ import annotations

from typing import Any

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite
    from cython.cimports.seqbayes.statistics.adding import new_sum
    from cython.cimports.seqbayes.statistics.base import (
        MAX_ROUNDING_SHARE,
        NEGLIGIBLE_SHARE,
        UNLEARN_TOLERANCE,
        Statistics,
    )
    from cython.cimports.seqbayes.statistics.exact import rounding_error
    from cython.cimports.seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        log_choose_pair,
        log_factorial,
        shifted_log_factorial,
    )
    from cython.cimports.seqbayes.statistics.labels import LabelCounts
    from cython.cimports.seqbayes.statistics.reading import count
    from cython.cimports.seqbayes.statistics.sums import Sum
    from cython.cimports.seqbayes.statistics.terms import STRIDE, append
else:
    from math import isfinite

    from seqbayes.statistics.adding import new_sum
    from seqbayes.statistics.base import (
        MAX_ROUNDING_SHARE,
        NEGLIGIBLE_SHARE,
        UNLEARN_TOLERANCE,
        Statistics,
    )
    from seqbayes.statistics.exact import rounding_error
    from seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        log_choose_pair,
        log_factorial,
        shifted_log_factorial,
    )
    from seqbayes.statistics.labels import LabelCounts
    from seqbayes.statistics.reading import count
    from seqbayes.statistics.sums import Sum
    from seqbayes.statistics.terms import STRIDE, append

from seqbayes.statistics.reading import raise_invalid

# Smallest relative rounding error of a weight.
MIN_ROUNDING_ERROR = cython.declare(cython.double, 2.0**-54)


@cython.cclass
class MultinomialCounts(LabelCounts):
    """Counts of every label, from observations that are themselves counts."""

    _trials: cython.double
    _reading: dict[Any, float]

    def __init__(self, categories: tuple[Any, ...] | None, trials: float | None = None) -> None:
        LabelCounts.__init__(self, categories)
        self._trials = -1.0 if trials is None else trials
        self._reading = {}

    @property
    def log_base_beyond_multinomial(self) -> float:
        """The log base measure minus the log of the multinomial coefficient of all counts.

        The two terms nearly cancel if counts are large.
        """
        cell: Sum
        c: cython.double
        c_low: cython.double
        rest: Sum = new_sum()
        total: Sum = new_sum()
        total.merge(self._h)
        for cell in self.cells.values():
            cell.renormalise()
            rest.renormalise()
            c, c_low = log_choose_pair(cell.high, cell.low, rest.high, rest.low)
            total.add(-c)
            total.add(-c_low)
            rest.merge(cell)
        return total.total()

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def observe_weighted(self, x: object, w: cython.double) -> cython.int:
        """Add one observation, times a weight."""
        Statistics.observe_weighted(self, x, w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: Any) -> cython.int:
        """Read one observation."""
        n: cython.double = 0.0
        k: cython.double
        h: cython.double = 0.0
        if not isinstance(x, dict):
            raise_invalid(x, "a dict of counts, one per category")
        reading = {}
        for label, number in x.items():
            if label not in self.cells:
                label = self._new(label)
            k = count(number, f"a whole number >= 0 as the count of {label!r}")
            reading[label] = k
            n += k
        if self._trials >= 0.0 and n != self._trials:
            raise_invalid(x, f"counts that sum to {self._trials:g}")
        self._reading = reading
        self._log_base_low = 0.0
        if LARGE <= n < HUGE:
            self._set_large(n)
        else:
            for k in reading.values():
                h -= log_factorial(k)
            self._log_base = h + log_factorial(n)
        return 0

    @cython.cfunc
    @cython.exceptval(-2, check=True)
    def list_terms(
        self, w: cython.double, where: cython.p_int, terms: cython.p_double
    ) -> cython.int:
        """Write the terms of the observation that was read, times a weight of 1."""
        m: cython.int
        if w != 1.0:
            return -1
        m = append(where, terms, 0, 0, 1.0)
        m = append(where, terms, m, STRIDE, self._log_base)
        m = append(where, terms, m, STRIDE + 1, self._log_base_low)
        for label, k in self._reading.items():
            m = append(where, terms, m, STRIDE * (2 + self._find_position(label)), k)
        return m

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _set_large(self, n: cython.double) -> cython.int:
        """Set the log base measure of counts whose sum is large."""
        high: cython.double
        low: cython.double
        c: cython.double
        c_low: cython.double
        k: cython.double
        s: cython.double
        high, low = shifted_log_factorial(n, 0.0)
        for k in self._reading.values():
            c, c_low = shifted_log_factorial(k, 0.0)
            s = high - c
            low += rounding_error(high, -c, s) - c_low
            high = s
        self._log_base = high + low
        self._log_base_low = low - (self._log_base - high)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add_terms(self, w: cython.double) -> cython.int:
        """Add the observation that was read, times a weight."""
        k: cython.double
        if not self.fits(w):
            raise ObservationError("the observation is too large: its count overflows")
        for label, k in self._reading.items():
            self._cell(label).add_product(k, w)
        self._count(w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def fits(self, w: cython.double) -> cython.bint:
        """Whether the observation that was read can be added without overflow."""
        k: cython.double
        for label, k in self._reading.items():
            if not isfinite(self._weight(label) + w * k):
                return False
        return self._n.fits(w) and self._h.fits(w * self._log_base)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def check_remove(self, v: cython.double) -> cython.int:
        """Raise an error if more would be removed than was added."""
        n: cython.double = self._n.total()
        k: cython.double
        learned: cython.double
        if v > n * (1.0 + UNLEARN_TOLERANCE):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        last: cython.bint = self._is_last(self._n, v)
        for label, learned in self.counts.items():
            k = self._reading.get(label, 0.0)
            if v * k > learned * (1.0 + UNLEARN_TOLERANCE) or (
                last and n * k < learned * (1.0 - UNLEARN_TOLERANCE)
            ):
                raise ObservationError(f"cannot unlearn what was not learned of {label!r}")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def subtract(self, v: cython.double) -> cython.int:
        """Remove the observation that was read, times a weight."""
        k: cython.double
        if v == 0.0:
            return 0
        if self._is_last(self._n, v):
            self.clear()
            return 0
        self.add_terms(-v)
        for label, k in self._reading.items():
            left: cython.double = self._weight(label)
            if left <= 0.0 or (
                MIN_ROUNDING_ERROR * k * self._smallest_weight <= left
                and left <= MAX_ROUNDING_SHARE * v * k
                and left <= NEGLIGIBLE_SHARE * self._smallest_weight
            ):
                self._drop(label)
        return 0
