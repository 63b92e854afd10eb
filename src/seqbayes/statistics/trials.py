"""Sums of trials with success or failure, for a Beta prior."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import floor, log1p
    from cython.cimports.seqbayes.statistics.adding import add_one
    from cython.cimports.seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        fast_log_choose,
        log_choose_pair,
    )
    from cython.cimports.seqbayes.statistics.pairs import PairSums
    from cython.cimports.seqbayes.statistics.reading import count, real
else:
    from math import floor, log1p

    from seqbayes.statistics.adding import add_one
    from seqbayes.statistics.factorials import HUGE, LARGE, fast_log_choose, log_choose_pair
    from seqbayes.statistics.pairs import PairSums
    from seqbayes.statistics.reading import count, real

from seqbayes.statistics.reading import raise_invalid


@cython.final
@cython.cclass
class BernoulliSums(PairSums):
    """Successes and failures of single trials."""

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def observe_unit(self, x: object) -> cython.int:
        """Add one observation."""
        # fast path for the most frequent observations
        if x is True:
            add_one(self._a)
        elif x is False:
            add_one(self._b)
        else:
            PairSums.observe_unit(self, x)
            return 0
        add_one(self._n)
        if self._smallest_weight > 1.0:
            self._smallest_weight = 1.0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        v: cython.double
        if x is True:
            v = 1.0
        elif x is False:
            v = 0.0
        else:
            v = real(x, "True, False, 1 or 0")
            if v != 0.0 and v != 1.0:
                raise_invalid(x, "True, False, 1 or 0")
        self._set_terms(v, 0.0)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _set_terms(self, v: cython.double, _: cython.double) -> cython.void:
        self._read_a = v
        self._read_b = 1.0 - v


@cython.final
@cython.cclass
class BinomialSums(PairSums):
    """Successes in a number of trials, which is fixed or given with each observation."""

    _trials: cython.double

    def __init__(self, trials: float | None) -> None:
        PairSums.__init__(self)
        self._trials = -1.0 if trials is None else trials

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: Any) -> cython.int:
        """Read one observation."""
        n: cython.double = self._trials
        k: cython.double
        if n < 0.0:
            if not isinstance(x, (tuple, list)) or len(x) != 2:
                raise_invalid(x, "a pair (successes, trials)")
            n = count(x[1], "a whole number of trials >= 0")
            k = count(x[0], f"a whole number of successes from 0 to {n:.17g}")
        else:
            k = count(x, f"a whole number of successes from 0 to {n:.17g}")
        if k > n:
            raise_invalid(x, f"a whole number of successes from 0 to {n:.17g}")
        self._set_terms(k, n)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _set_terms(self, k: cython.double, n: cython.double) -> cython.void:
        self._read_a = k
        self._read_b = n - k
        if LARGE <= n < HUGE and k > 32.0 and n - k > 32.0:
            self._log_base, self._log_base_low = log_choose_pair(k, 0.0, n - k, 0.0)
        else:
            self._log_base, self._log_base_low = fast_log_choose(n, k), 0.0


@cython.final
@cython.cclass
class NegativeBinomialSums(PairSums):
    """Failures before a fixed number of successes, counted from `start`."""

    _successes: cython.double
    _start: cython.double

    def __init__(self, successes: float, start: float = 0.0) -> None:
        PairSums.__init__(self)
        self._successes = successes
        self._start = start

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        k: cython.double = count(x, "a whole number >= 0") - self._start
        if k < 0.0:
            raise_invalid(x, f"a whole number >= {self._start:g}")
        self._set_terms(k, 0.0)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _set_terms(self, k: cython.double, _: cython.double) -> cython.void:
        r: cython.double = self._successes
        self._read_a = r
        self._read_b = k
        if r == 1.0:
            return
        if LARGE <= k + r < HUGE and k > 32.0 and (r > 32.0 or r != floor(r)):
            self._log_base, self._log_base_low = log_choose_pair(k, 0.0, r, 0.0)
            self._log_base_low -= log1p(k / r)
        else:
            self._log_base, self._log_base_low = fast_log_choose(k + r - 1.0, k), 0.0
