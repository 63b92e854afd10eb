# cython: boundscheck=False, initializedcheck=False
"""Sums of floats without rounding errors.

References
----------
.. [1] Shewchuk, J. R. (1997). Adaptive precision floating-point arithmetic and fast robust
   geometric predicates. Discrete & Computational Geometry 18.
.. [2] Ogita, T., Rump, S. M. and Oishi, S. (2005). Accurate sum and dot product. SIAM Journal on
   Scientific Computing 26.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, frexp, isfinite
    from cython.cimports.seqbayes.statistics.exact import product_error, rounding_error
else:
    from math import fabs, frexp, isfinite

    from seqbayes.statistics.exact import product_error, rounding_error

# Rounding errors that are smaller than this share of the smallest term are dropped.
NEGLIGIBLE = cython.declare(cython.double, 2.0**-200)
# Products of numbers above this are rescaled, so that their rounding error does not overflow.
LARGE = cython.declare(cython.double, 1e280)
# A sum that was restored without its terms is assumed to have no terms far below the total.
ASSUMED_SPAN = 2.0**-300
ASSUMED_SMALLEST = cython.declare(cython.double, 2.0**-60)


@cython.final
@cython.cclass
class Sum:
    """A sum of floats, without rounding errors.

    Every part is the running sum of the rounding errors of the preceding part. Five parts are
    enough for ordinary data; `extra_parts` grows only if the magnitudes of terms differ extremely,
    such as 1e36 and 1.
    """

    def __init__(self) -> None:
        self.high = self.low = self.third = self.fourth = self.fifth = 0.0
        self.smallest_term = math.inf
        self.extra_parts: list[float] | None = None

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add(self, v: cython.double) -> cython.int:
        """Add a term (exact.pxd contains the same code for inlining)."""
        s: cython.double = self.high + v
        e: cython.double = rounding_error(self.high, v, s)
        self.high = s
        v = fabs(v)
        if v < self.smallest_term and v != 0.0:
            self.smallest_term = v
        if e != 0.0:
            self.add_low(e)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add_low(self, v: cython.double) -> cython.int:
        """Add the rounding error of a term."""
        s: cython.double = self.low + v
        e: cython.double = rounding_error(self.low, v, s)
        self.low = s
        if e != 0.0:
            self.add_third(e)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add_third(self, v: cython.double) -> cython.int:
        """Add the rounding error of a rounding error."""
        s: cython.double = self.third + v
        e: cython.double = rounding_error(self.third, v, s)
        self.third = s
        if e != 0.0:
            s = self.fourth + e
            v = rounding_error(self.fourth, e, s)
            self.fourth = s
            if v != 0.0:
                self._add_fifth(v)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add_fifth(self, v: cython.double) -> cython.int:
        s: cython.double = self.fifth + v
        e: cython.double = rounding_error(self.fifth, v, s)
        self.fifth = s
        if e != 0.0 and fabs(e) >= NEGLIGIBLE * self.smallest_term:
            self._add_more(e)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add_more(self, v: cython.double) -> cython.int:
        e: cython.double = v
        part: cython.double
        s: cython.double
        i: cython.Py_ssize_t
        if self.extra_parts is None:
            self.extra_parts = []
        for i in range(len(self.extra_parts)):
            part = self.extra_parts[i]
            s = part + e
            e = rounding_error(part, e, s)
            self.extra_parts[i] = s
            if e == 0.0:
                return 0
        self.extra_parts.append(e)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add_product(self, x: cython.double, y: cython.double) -> cython.int:
        """Add the exact product of two numbers."""
        p: cython.double = x * y
        self.add(p)
        if fabs(x) > LARGE:
            self.add_low(2.0**100 * product_error(2.0**-100 * x, y, 2.0**-100 * p))
        elif fabs(y) > LARGE:
            self.add_low(2.0**100 * product_error(x, 2.0**-100 * y, 2.0**-100 * p))
        else:
            self.add_low(product_error(x, y, p))
        return 0

    @cython.ccall
    @cython.exceptval(check=False)
    def fits(self, v: cython.double) -> cython.bint:
        """Whether the sum stays finite with one more term."""
        return isfinite(self.high + v)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def renormalise(self) -> cython.int:
        """Renormalise: `high` becomes the rounded sum, and `low` the rounded remainder."""
        s: cython.double
        if self.extra_parts is not None:
            parts = self.parts()
            padded = [*parts, 0.0, 0.0, 0.0, 0.0, 0.0]
            self.high, self.low, self.third, self.fourth, self.fifth = padded[:5]
            self.extra_parts = parts[5:] or None
            return 0
        if self.third == 0.0 and self.fourth == 0.0 and self.fifth == 0.0:
            if self.low != 0.0:
                s = self.high + self.low
                self.low = rounding_error(self.high, self.low, s)
                self.high = s
            return 0
        for _ in range(6):
            s = self.fourth + self.fifth
            self.fifth = rounding_error(self.fourth, self.fifth, s)
            self.fourth = s
            s = self.third + self.fourth
            self.fourth = rounding_error(self.third, self.fourth, s)
            self.third = s
            s = self.low + self.third
            self.third = rounding_error(self.low, self.third, s)
            self.low = s
            s = self.high + self.low
            self.low = rounding_error(self.high, self.low, s)
            self.high = s
            if (
                self.low + self.third == self.low
                and self.third + self.fourth == self.third
                and self.fourth + self.fifth == self.fourth
            ):
                break
        return 0

    @cython.cfunc
    @cython.exceptval(-1.0, check=True)
    def total(self) -> cython.double:
        """Return the correctly rounded sum."""
        self.renormalise()
        return self.high

    @property
    def value(self) -> float:
        """The correctly rounded sum."""
        return self.total()

    @property
    def smallest_magnitude(self) -> float:
        """The smallest absolute value among the terms added, capped at 1."""
        return min(self.smallest_term, 1.0)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def clear(self) -> cython.int:
        """Remove all terms."""
        self.high = self.low = self.third = self.fourth = self.fifth = 0.0
        self.smallest_term = float("inf")
        self.extra_parts = None
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def copy_from(self, other: Sum) -> cython.int:
        """Set this sum to the value of another."""
        self.high, self.low, self.third = other.high, other.low, other.third
        self.fourth, self.fifth, self.smallest_term = other.fourth, other.fifth, other.smallest_term
        self.extra_parts = None if other.extra_parts is None else other.extra_parts[:]
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def merge(self, other: Sum) -> cython.int:
        """Add the terms of another sum."""
        self.add_scaled(other, 1.0)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add_scaled(self, other: Sum, factor: cython.double) -> cython.int:
        """Add the terms of another sum, times a factor."""
        v: cython.double
        other.renormalise()
        smallest_term: cython.double = fabs(factor) * other.smallest_term
        if not 0.0 < smallest_term < self.smallest_term:
            smallest_term = self.smallest_term
        rest = [other.low, other.third, other.fourth, other.fifth]
        if other.extra_parts is not None:
            rest += other.extra_parts
        self.smallest_term = smallest_term
        self.add_product(other.high, factor)
        for v in rest:
            if v != 0.0:
                self.add_low(v * factor)
                self.add_low(product_error(v, factor, v * factor))
        # restore it: add_product also records the parts of `other`, which are not terms
        self.smallest_term = smallest_term
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def scale(self, factor: cython.double) -> cython.int:
        """Multiply the sum by a factor."""
        exponent: cython.int = 0
        fraction: cython.double
        smallest_term: cython.double = self.smallest_term
        if factor == 0.0:
            self.clear()
            return 0
        # if terms have cancelled, the leading parts may be 0; renormalise, so that `high` is
        # nonzero unless the sum is 0
        self.renormalise()
        if cython.compiled:
            fraction = frexp(factor, cython.address(exponent))
        else:
            fraction = frexp(factor)[0]
        if fraction == 0.5 and self.extra_parts is None:
            # the products with a power of 2 are exact
            self.high *= factor
            self.low *= factor
            self.third *= factor
            self.fourth *= factor
            self.fifth *= factor
        elif self.high != 0.0:
            before = Sum()
            before.copy_from(self)
            before.smallest_term = math.inf
            self.clear()
            self.smallest_term = smallest_term
            self.add_scaled(before, factor)
        if fabs(self.high) < 2.0**-100 * smallest_term and self.high != 0.0:
            self.smallest_term = fabs(self.high)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def change_unit(self, unit: cython.double) -> cython.int:
        """Divide the sum, and the recorded sizes of its terms, by a power of 2."""
        self.scale(1.0 / unit)
        self.smallest_term /= unit
        return 0

    def add_array(self, values: Any, weights: Any = None) -> None:
        """Add all values of an array, each times its weight.

        Values and weights are contiguous arrays of floats. If the sum overflows, it is not finite.
        """
        i: cython.Py_ssize_t
        weighted: cython.bint = weights is not None
        if cython.compiled:
            view = cython.declare("double[::1]", values)
            heavy = cython.declare("double[::1]", weights if weighted else values)
        else:
            view, heavy = values.tolist(), weights.tolist() if weighted else []
        for i in range(len(values)):
            if weighted:
                self.add_product(view[i], heavy[i])
            else:
                self.add(view[i])
        if not isfinite(self.high):
            self.low = self.third = self.fourth = self.fifth = 0.0
            self.extra_parts = None

    def parts(self) -> list[float]:
        """Return the sum as nonzero floats that do not overlap, in decreasing order."""
        rest = [self.high, self.low, self.third, self.fourth, self.fifth]
        if self.extra_parts is not None:
            rest += self.extra_parts
        parts = []
        while (total := math.fsum(rest)) != 0.0:
            parts.append(total)
            rest.append(-total)
        return parts

    def get_parts(self, renormalise: bool = False) -> tuple[tuple[float, ...], list[float] | None]:
        """Return the five parts of the sum, and a list of further parts or None."""
        if renormalise:
            self.renormalise()
        parts = (self.high, self.low, self.third, self.fourth, self.fifth)
        return parts, None if self.extra_parts is None else self.extra_parts[:]

    def set_parts(self, parts: Sequence[float], more: list[float] | None = None) -> None:
        """Set the parts, as returned by `get_parts`; the sizes of the terms are unknown."""
        self.high, self.low, self.third, self.fourth, self.fifth = parts
        self.extra_parts = None if more is None else more[:]
        self.smallest_term = ASSUMED_SMALLEST * fabs(self.high) or math.inf

    def pair(self) -> tuple[float, float]:
        """Return the rounded sum and its rounding error, which is also rounded."""
        self.renormalise()
        return self.high, self.low

    def dump(self) -> tuple[float, Any]:
        """Return the rounded sum and the remainder, which is a number or a tuple of numbers."""
        self.renormalise()
        if self.third == 0.0 and self.extra_parts is None:
            return self.high, self.low
        rest = [self.low, self.third, self.fourth, self.fifth, *(self.extra_parts or ())]
        while rest[-1] == 0.0:
            rest.pop()
        return self.high, tuple(rest)

    def load(self, first: float, rest: Any = 0.0) -> None:
        """Restore the data that `dump` returned."""
        v: cython.double
        self.clear()
        self.add(first)
        if rest == 0.0:
            self.smallest_term *= ASSUMED_SMALLEST
            return
        for v in rest if isinstance(rest, tuple) else (rest,):
            self.add(v)
        # the terms are unknown: assume an ordinary range
        parts = self.parts()
        if parts:
            self.smallest_term = ASSUMED_SMALLEST * fabs(parts[0])
            if fabs(parts[-1]) < ASSUMED_SPAN * fabs(parts[0]):
                self.smallest_term = fabs(parts[-1])

    def __add__(self, other: Any) -> Sum:
        total = Sum()
        total.merge(self)
        total.merge(as_sum(other))
        return total

    def __radd__(self, other: Any) -> Sum:
        return self.__add__(other)

    def __mul__(self, factor: float) -> Sum:
        total = Sum()
        total.add_scaled(self, factor)
        return total

    def __rmul__(self, factor: float) -> Sum:
        return self.__mul__(factor)

    def __neg__(self) -> Sum:
        return self.__mul__(-1.0)

    def __sub__(self, other: Any) -> Sum:
        return self.__add__(as_sum(other).__mul__(-1.0))

    def __float__(self) -> float:
        return self.total()


def as_sum(value: Any) -> Sum:
    """Convert a number to a sum of one term; return a sum unchanged."""
    if isinstance(value, Sum):
        return value
    total = Sum()
    total.add(value)
    return total
