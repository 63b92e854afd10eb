"""Sums of counts, times and other data with one unknown rate, for a Gamma prior."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, lgamma, log, log1p, pow
    from cython.cimports.seqbayes.statistics.exact import rounding_error
    from cython.cimports.seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        log_factorial,
        log_factorial_pair,
        times_log,
    )
    from cython.cimports.seqbayes.statistics.pairs import PairSums
    from cython.cimports.seqbayes.statistics.reading import count, real
else:
    from math import fabs, lgamma, log, log1p, pow

    from seqbayes.statistics.exact import rounding_error
    from seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        log_factorial,
        log_factorial_pair,
        times_log,
    )
    from seqbayes.statistics.pairs import PairSums
    from seqbayes.statistics.reading import count, real

from seqbayes.statistics.reading import raise_invalid

EVENTS = "a whole number of events >= 0 (for positive numbers: likelihood=Exponential())"


@cython.final
@cython.cclass
class PoissonSums(PairSums):
    """Events and exposure; the exposure is fixed, or given with each observation."""

    _exposure: cython.double

    def __init__(self, exposure: float | None) -> None:
        PairSums.__init__(self)
        self._exposure = -1.0 if exposure is None else exposure

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: Any) -> cython.int:
        """Read one observation."""
        e: cython.double = self._exposure
        k: cython.double
        if e < 0.0:
            if not isinstance(x, (tuple, list)) or len(x) != 2:
                raise_invalid(x, "a pair (count, exposure)")
            e = real(x[1], "an exposure > 0")
            if e <= 0.0:
                raise_invalid(x, "a pair (count, exposure) with exposure > 0")
            k = count(x[0], EVENTS)
        else:
            k = count(x, EVENTS)
        self._set_terms(k, e)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _set_terms(self, k: cython.double, e: cython.double) -> cython.void:
        self._read_a = k
        self._read_b = e
        if not LARGE <= k < HUGE:
            self._log_base, self._log_base_low = -log_factorial(k), 0.0
            if e != 1.0:
                self._log_base += k * log(e)
            return
        h: cython.double
        low: cython.double
        c: cython.double
        c_low: cython.double
        h, low = log_factorial_pair(k, 0.0)
        if e != 1.0:
            c, c_low = times_log(k, 0.0, e, 0.0)
            self._log_base = c - h
            self._log_base_low = rounding_error(c, -h, self._log_base) + c_low - low
        else:
            self._log_base, self._log_base_low = -h, -low


@cython.final
@cython.cclass
class PowerSums(PairSums):
    """Sums for y = scale |x - origin|**power, where y has a gamma distribution with known shape.

    Exponential, gamma, Weibull, inverse gamma, Rayleigh and Maxwell data, and Laplace and normal
    data with a known centre, all have this form (Stacy's generalised gamma, one- or two-sided).
    """

    _shape: cython.double
    _scale: cython.double
    _power: cython.double
    _origin: cython.double
    _two_sided: cython.bint
    _zero_allowed: cython.bint
    _log_constant: cython.double
    _log_slope: cython.double
    _log_gamma: cython.double
    _log_gamma_low: cython.double

    def __init__(
        self, shape: float, scale: float, power: float, origin: float = 0.0, two_sided: bool = False
    ) -> None:
        PairSums.__init__(self)
        self._shape = shape
        self._scale = scale
        self._power = power
        self._origin = origin
        self._two_sided = two_sided
        self._log_slope = shape * power - 1.0
        self._zero_allowed = self._log_slope == 0.0
        self._log_constant = shape * log(scale) + log(fabs(power)) - lgamma(shape)
        self._log_gamma = self._log_gamma_low = 0.0
        if two_sided:
            self._log_constant -= log(2.0)
        if LARGE <= shape < HUGE:
            self._log_gamma, self._log_gamma_low = log_factorial_pair(shape - 1.0, 0.0)
        self._read_a = shape

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        v: cython.double
        if self._two_sided:
            v = real(x, "a finite number")
        elif self._zero_allowed:
            v = real(x, "a finite number >= 0")
            if v < 0.0:
                raise_invalid(x, "a finite number >= 0")
        else:
            v = real(x, "a finite number > 0")
            if v <= 0.0:
                raise_invalid(x, "a finite number > 0")
        self._set_terms(v, 0.0)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _set_terms(self, v: cython.double, _: cython.double) -> cython.void:
        if self._two_sided:
            v = fabs(v - self._origin)
        if self._power == 1.0:
            self._read_b = self._scale * v
        elif self._power == 2.0:
            self._read_b = self._scale * v * v
        elif self._power == -1.0:
            self._read_b = self._scale / v
        else:
            self._read_b = self._scale * self._raised(v)
        if self._log_gamma != 0.0 and 0.0 < self._read_b < float("inf"):
            self._set_large_base(v)
            return
        self._log_base, self._log_base_low = self._log_constant, 0.0
        if not self._zero_allowed:
            self._log_base += self._log_slope * log(v)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _set_large_base(self, v: cython.double) -> cython.void:
        """Set the log base measure for a large shape, for which large logarithms cancel."""
        y: cython.double = self._read_b
        p: cython.double
        low: cython.double
        total: cython.double
        p, low = times_log(self._shape, 0.0, y, 0.0)
        total = p - self._log_gamma
        low += rounding_error(p, -self._log_gamma, total) - self._log_gamma_low
        low += log(fabs(self._power)) - log(v)
        if self._two_sided:
            low -= log(2.0)
        self._log_base = total + low
        self._log_base_low = low - (self._log_base - total)

    @cython.cfunc
    @cython.exceptval(check=False)
    def _raised(self, v: cython.double) -> cython.double:
        if cython.compiled:
            return pow(v, self._power)
        try:
            return pow(v, self._power)
        except OverflowError:
            return float("inf")  # overflow gives infinity, as in C; `add_terms` raises the error


@cython.final
@cython.cclass
class ParetoSums(PairSums):
    """Shape and rate of log(x / scale), where x is Pareto distributed with known scale."""

    _scale: cython.double

    def __init__(self, scale: float) -> None:
        PairSums.__init__(self)
        self._scale = scale
        self._read_a = 1.0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        v: cython.double = real(x, f"a finite number >= {self._scale:.17g}")
        if v < self._scale:
            raise_invalid(x, f"a finite number >= {self._scale:.17g}")
        self._set_terms(v, 0.0)
        return 0

    @cython.cfunc
    @cython.exceptval(check=False)
    def _set_terms(self, v: cython.double, _: cython.double) -> cython.void:
        self._read_b = log1p((v - self._scale) / self._scale)
        self._log_base = -log(v)
