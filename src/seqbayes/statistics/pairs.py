"""Sums of two-part statistics: what Beta and Gamma priors learn from."""

from __future__ import annotations

from typing import Any, NamedTuple

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite
    from cython.cimports.seqbayes.statistics.base import SLACK, Statistics
    from cython.cimports.seqbayes.statistics.exact import lost
    from cython.cimports.seqbayes.statistics.factorials import (
        log_choose_pair,
        log_factorial_pair,
        times_log,
    )
else:
    from math import isfinite

    from seqbayes.statistics.base import SLACK, Statistics
    from seqbayes.statistics.exact import lost
    from seqbayes.statistics.factorials import log_choose_pair, log_factorial_pair, times_log


from seqbayes.statistics.base import scaled


class PairStatistic(NamedTuple):
    """A two-part sufficient statistic: successes and failures, or shape and rate."""

    a: Any
    b: Any


class PairSums(Statistics):
    """Sums of a two-part statistic (a, b): what a Beta or a Gamma prior learns from."""

    def __init__(self) -> None:
        Statistics.__init__(self)
        self._a = self._a_low = self._b = self._b_low = 0.0
        self._read_a = self._read_b = 0.0

    @property
    def value(self) -> PairStatistic:
        """The sums (a, b)."""
        a: cython.double = self._a + self._a_low
        b: cython.double = self._b + self._b_low
        # what is left of unlearned fractions may have rounded below zero
        return PairStatistic(a if a > 0.0 else 0.0, b if b > 0.0 else 0.0)

    @property
    def log_base_beyond_binomial(self) -> float:
        """The log base measure less log C(a + b, a), which nearly cancel when both are large."""
        c: cython.double
        low: cython.double
        c, low = log_choose_pair(self._a, self._a_low, self._b, self._b_low)
        total: cython.double = self._h - c
        return total + (lost(self._h, -c, total) + self._h_low - low)

    @property
    def log_base_beyond_poisson(self) -> float:
        """The log base measure plus log a! - a log b, which nearly cancel when all are large."""
        p: cython.double
        q: cython.double
        low: cython.double
        q_low: cython.double
        p, low = log_factorial_pair(self._a, self._a_low)
        q, q_low = times_log(self._a, self._a_low, self._b, self._b_low)
        s: cython.double = p - q
        low += lost(p, -q, s) - q_low + self._h_low
        total: cython.double = s + self._h
        return total + (lost(s, self._h, total) + low)

    def terms(self, x: Any) -> tuple[float, float, float]:
        """Return (a, b, log base measure) of an observation.

        A subclass in plain Python defines this; compiled ones override `_read`.

        Raises
        ------
        ObservationError
            If the observation is outside the support.
        """
        raise NotImplementedError

    def write_terms(self, x: object, row: Any, at: cython.Py_ssize_t) -> cython.int:
        """Write (a, b, log base measure) of an observation into an array, from position `at`."""
        self._read(x)
        row[at] = self._read_a
        row[at + 1] = self._read_b
        row[at + 2] = self._log_base
        return 0

    def _read(self, x: object) -> cython.int:
        self._read_a, self._read_b, self._log_base = self.terms(x)
        return 0

    def _set_terms(self, x: cython.double, y: cython.double) -> cython.void:
        """Set the statistic and the log base measure of an observation that is known to be good."""
        raise NotImplementedError

    def observe_arrays(self, xs: Any, ys: Any, w: Any) -> None:
        """Add checked observations, each in two parts, with their weights: arrays of floats."""
        x = cython.declare("const double[:]", xs)
        y = cython.declare("const double[:]", ys)
        weight = cython.declare("const double[:]", w)
        i: cython.Py_ssize_t
        for i in range(len(xs)):
            self._set_terms(x[i], y[i])
            self._add(weight[i])

    def _add(self, w: cython.double) -> cython.int:
        self._add_sums(w, w * self._read_a, w * self._read_b, w * self._log_base)
        if self._log_base_low != 0.0:
            self._add_base_low(w)
        return 0

    def _fits(self, w: cython.double) -> cython.bint:
        return bool(
            isfinite(self._a + w * self._read_a)
            and isfinite(self._b + w * self._read_b)
            and isfinite(self._h + w * self._log_base)
            and isfinite(self._n + w)
        )

    def _add_sums(
        self, n: cython.double, a: cython.double, b: cython.double, h: cython.double
    ) -> cython.int:
        sa: cython.double = self._a + a
        sb: cython.double = self._b + b
        if not (isfinite(sa) and isfinite(sb) and isfinite(self._h + h) and isfinite(self._n + n)):
            raise ObservationError("the observation is too large: its statistic overflows")
        self._a_low += lost(self._a, a, sa)
        self._a = sa
        self._b_low += lost(self._b, b, sb)
        self._b = sb
        self._add_common(n, h)
        return 0

    def absorb(self, n: float, a: float, b: float, log_base: float) -> None:
        """Add the sums over many observations at once."""
        self._add_sums(n, a, b, log_base)

    def _check_removable(self, w: float, last: bool) -> None:
        a: cython.double = self._a + self._a_low
        b: cython.double = self._b + self._b_low
        a_left: cython.double = a - w * self._read_a
        b_left: cython.double = b - w * self._read_b
        if (
            a_left < -SLACK * a
            or b_left < -SLACK * b
            or (last and (a_left > SLACK * a or b_left > SLACK * b))
        ):
            raise ObservationError("cannot unlearn what was not learned")

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        least: cython.double = -SLACK * self._n
        return (
            Statistics.is_possible(self)
            and least <= self._a + self._a_low
            and least <= self._b + self._b_low
        )

    def clear(self) -> None:
        """Forget everything."""
        Statistics.clear(self)
        self._a = self._a_low = self._b = self._b_low = 0.0

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        Statistics.scale(self, factor)
        self._a, self._a_low = scaled(self._a, self._a_low, factor)
        self._b, self._b_low = scaled(self._b, self._b_low, factor)

    def merge(self, other: Any) -> None:
        """Add what another accumulator of the same kind has seen."""
        n, n_low, a, a_low, b, b_low, h, h_low = other.dump()
        self._add_sums(n, a, b, h)
        self._add_sums(n_low, a_low, b_low, h_low)

    def dump(self) -> tuple[float, ...]:
        """Return (n, a, b, log base), each followed by its rounding error."""
        return (
            self._n,
            self._n_low,
            self._a,
            self._a_low,
            self._b,
            self._b_low,
            self._h,
            self._h_low,
        )

    def load(self, dumped: Any) -> None:
        """Restore what `dump` returned."""
        self._n, self._n_low, self._a, self._a_low = dumped[:4]
        self._b, self._b_low, self._h, self._h_low = dumped[4:]
