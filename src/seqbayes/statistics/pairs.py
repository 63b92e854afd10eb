"""Sums of two-part statistics, as used by Beta and Gamma priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, isfinite
    from cython.cimports.seqbayes.statistics.adding import add, add_product, new_sum
    from cython.cimports.seqbayes.statistics.base import UNLEARN_TOLERANCE, Statistics
    from cython.cimports.seqbayes.statistics.exact import product_error, rounding_error
    from cython.cimports.seqbayes.statistics.factorials import (
        log_choose_pair,
        log_factorial_pair,
        times_log,
    )
    from cython.cimports.seqbayes.statistics.sums import LARGE, Sum
    from cython.cimports.seqbayes.statistics.terms import STRIDE, append
else:
    from math import fabs, isfinite

    from seqbayes.statistics.adding import add, add_product, new_sum
    from seqbayes.statistics.base import UNLEARN_TOLERANCE, Statistics
    from seqbayes.statistics.exact import product_error, rounding_error
    from seqbayes.statistics.factorials import log_choose_pair, log_factorial_pair, times_log
    from seqbayes.statistics.sums import LARGE, Sum
    from seqbayes.statistics.terms import STRIDE, append

from seqbayes.statistics.sums import as_sum


class PairStatistic(NamedTuple):
    """A two-part sufficient statistic: successes and failures, or shape and rate."""

    a: Any
    b: Any


class PairSums(Statistics):
    """Sums of a two-part statistic (a, b), as used by Beta and Gamma priors."""

    def __init__(self) -> None:
        Statistics.__init__(self)
        self._a = new_sum()
        self._b = new_sum()
        self._read_a = self._read_b = 0.0

    @property
    def value(self) -> PairStatistic:
        """The sums (a, b)."""
        a: cython.double = self._a.total()
        b: cython.double = self._b.total()
        # unlearning fractional weights may leave a rounding error below zero
        return PairStatistic(a if a > 0.0 else 0.0, b if b > 0.0 else 0.0)

    @property
    def log_base_beyond_binomial(self) -> float:
        """The log base measure minus log C(a + b, a); they nearly cancel if a and b are large."""
        c: cython.double
        low: cython.double
        self._a.renormalise()
        self._b.renormalise()
        self._h.renormalise()
        c, low = log_choose_pair(self._a.high, self._a.low, self._b.high, self._b.low)
        total: cython.double = self._h.high - c
        return total + (rounding_error(self._h.high, -c, total) + self._h.low - low)

    @property
    def log_base_beyond_poisson(self) -> float:
        """The log base measure plus log a! - a log b; the terms nearly cancel if they are large."""
        p: cython.double
        q: cython.double
        low: cython.double
        q_low: cython.double
        self._a.renormalise()
        self._b.renormalise()
        self._h.renormalise()
        p, low = log_factorial_pair(self._a.high, self._a.low)
        q, q_low = times_log(self._a.high, self._a.low, self._b.high, self._b.low)
        s: cython.double = p - q
        low += rounding_error(p, -q, s) - q_low + self._h.low
        total: cython.double = s + self._h.high
        return total + (rounding_error(s, self._h.high, total) + low)

    def terms(self, x: Any) -> tuple[float, float, float]:
        """Return (a, b, log base measure) of an observation.

        A subclass in plain Python defines this method; a compiled subclass overrides `read_terms`.

        Raises
        ------
        ObservationError
            If the observation is outside the support.
        """
        raise NotImplementedError

    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        self._read_a, self._read_b, self._log_base = self.terms(x)
        return 0

    def write_terms(self, x: object, row: Any, at: cython.Py_ssize_t) -> cython.int:
        """Write (a, b, log base measure) of an observation into an array, from position `at`."""
        self.read_terms(x)
        row[at] = self._read_a
        row[at + 1] = self._read_b
        row[at + 2] = self._log_base
        return 0

    def _set_terms(self, x: cython.double, y: cython.double) -> cython.void:
        """Set the statistic and the log base measure of a validated observation."""
        raise NotImplementedError

    def observe_arrays(self, xs: Any, ys: Any, w: Any) -> None:
        """Add validated observations, given as arrays of first parts, second parts and weights."""
        i: cython.Py_ssize_t
        if cython.compiled:
            x = cython.declare("const double[:]", xs)
            y = cython.declare("const double[:]", ys)
            weight = cython.declare("const double[:]", w)
        else:
            x, y, weight = xs.tolist(), ys.tolist(), w.tolist()
        for i in range(len(xs)):
            if weight[i] != 0.0:
                self._set_terms(x[i], y[i])
                self.add_terms(weight[i])

    def observe_unit(self, x: object) -> cython.int:
        """Add one observation."""
        self.read_terms(x)
        self.add_terms(1.0)
        return 0

    def add_terms(self, w: cython.double) -> cython.int:
        """Add the observation that was read, times a weight."""
        # checked together, since an infinite sum stays infinite or becomes NaN
        if not isfinite(
            (self._a.high + w * self._read_a)
            + (self._b.high + w * self._read_b)
            + (self._h.high + w * self._log_base)
            + (self._n.high + w)
        ) and not self.fits(w):
            raise ObservationError("the observation is too large: its statistic overflows")
        if w == 1.0:
            add(self._a, self._read_a)
            add(self._b, self._read_b)
        else:
            add_product(self._a, self._read_a, w)
            add_product(self._b, self._read_b, w)
        self._count(w)
        return 0

    def fits(self, w: cython.double) -> cython.bint:
        """Whether the observation that was read can be added without overflow."""
        return bool(
            self._a.fits(w * self._read_a)
            and self._b.fits(w * self._read_b)
            and self._h.fits(w * self._log_base)
            and self._n.fits(w)
        )

    def all_sums(self) -> tuple[Sum, ...]:
        """Return all sums."""
        return self._n, self._h, self._a, self._b

    def row_sums(self) -> tuple[Sum, ...]:
        """Return the sums that make up a row of a table."""
        return self._n, self._h, self._a, self._b

    def read_numbers(self, x: cython.double, y: cython.double) -> cython.int:
        """Read one observation from two checked numbers."""
        self._set_terms(x, y)
        return 0

    def list_terms(self, w: cython.double, where: Any, terms: Any) -> cython.int:
        """Write the terms of the observation that was read, times a weight."""
        k: cython.int = append(where, terms, 0, 0, w)
        i: cython.int
        v: cython.double
        p: cython.double
        if w == 1.0:
            k = append(where, terms, k, STRIDE, self._log_base)
            k = append(where, terms, k, STRIDE + 1, self._log_base_low)
            k = append(where, terms, k, 2 * STRIDE, self._read_a)
            return append(where, terms, k, 3 * STRIDE, self._read_b)
        for i in range(1, 4):
            v = self._log_base if i == 1 else self._read_a if i == 2 else self._read_b
            p = v * w
            if not (fabs(v) <= LARGE and w <= LARGE):
                return -1
            k = append(where, terms, k, i * STRIDE, p)
            k = append(where, terms, k, i * STRIDE + 1, product_error(v, w, p))
            if i == 1:
                k = append(where, terms, k, STRIDE + 2, self._log_base_low * w)
        return k

    def values(self, sums: Any) -> tuple[Any, Any]:
        """Return the `value` of many rows as arrays."""
        _, _, (a, _, _), (b, _, _) = sums
        return PairStatistic(np.maximum(a, 0.0), np.maximum(b, 0.0)), np.zeros(len(a), bool)

    def add_sums(self, n: Any, a: Any, b: Any, log_base: Any) -> None:
        """Add the sums over many observations; each is a number or a `Sum`."""
        weights: Sum = as_sum(n)
        self.join_sums(
            (weights, as_sum(log_base), as_sum(a), as_sum(b)), weights.smallest_magnitude
        )

    def check_removable(self, w: cython.double, last: cython.bint) -> cython.int:
        """Raise an error if the observation that was read cannot have been added."""
        a: cython.double = self._a.total()
        b: cython.double = self._b.total()
        a_left: cython.double = a - w * self._read_a
        b_left: cython.double = b - w * self._read_b
        if (
            a_left < -UNLEARN_TOLERANCE * a
            or b_left < -UNLEARN_TOLERANCE * b
            # observations that were unlearned before may leave rounding errors of their weights
            or (last and a_left > UNLEARN_TOLERANCE * (a + w))
            or (last and b_left > UNLEARN_TOLERANCE * (b + w))
        ):
            raise ObservationError("cannot unlearn what was not learned")
        return 0

    def is_possible(self) -> bool:
        """Whether data with these sums can exist, up to rounding errors."""
        lowest: cython.double = -UNLEARN_TOLERANCE * self._n.total()
        return (
            Statistics.is_possible(self) and lowest <= self._a.total() and lowest <= self._b.total()
        )

    def possible_rows(self, totals: Sequence[Any]) -> Any:
        """Return, for each row, whether data with its sums can exist, up to rounding errors."""
        n, _, a, b = totals
        lowest = -UNLEARN_TOLERANCE * n
        return Statistics.possible_rows(self, totals) & (lowest <= a) & (lowest <= b)
