"""First and second moments, for normal data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, log
    from cython.cimports.seqbayes.statistics.adding import add, add_low, add_one, add_third, new_sum
    from cython.cimports.seqbayes.statistics.base import (
        MAX_ROUNDING_SHARE,
        UNLEARN_TOLERANCE,
        Statistics,
    )
    from cython.cimports.seqbayes.statistics.exact import product_error, square_error
    from cython.cimports.seqbayes.statistics.reading import real
    from cython.cimports.seqbayes.statistics.sums import LARGE, Sum
    from cython.cimports.seqbayes.statistics.terms import STRIDE, append
else:
    from math import fabs, log

    from seqbayes.statistics.adding import add, add_low, add_one, add_third, new_sum
    from seqbayes.statistics.base import MAX_ROUNDING_SHARE, UNLEARN_TOLERANCE, Statistics
    from seqbayes.statistics.exact import product_error, square_error
    from seqbayes.statistics.reading import real
    from seqbayes.statistics.sums import LARGE, Sum
    from seqbayes.statistics.terms import STRIDE, append

from seqbayes.numerics.special import product_errors
from seqbayes.statistics.moment_statistic import MomentStatistic
from seqbayes.statistics.reading import raise_invalid
from seqbayes.statistics.sums import as_sum

# Maximum sum of squares, so that results computed from it are finite.
LARGEST_SQUARES = cython.declare(cython.double, 1e307)
# Maximum total weight: exact products with larger weights overflow.
MAX_WEIGHT = cython.declare(cython.double, 1e290)
# If the squares about the mean are below this share of the sum of squares, they are computed more
# accurately.
CANCELLATION_SHARE = cython.declare(cython.double, 2.0**-56)
# Replaces `CANCELLATION_SHARE` if the origin is the mean rounded to a float.
ORIGIN_IS_MEAN_SHARE = cython.declare(cython.double, 1e-5)
# Below this share, the squares about the mean are rounding errors of equal values.
ROUNDING_SHARE = cython.declare(cython.double, 2.0**-160)
# Squares about the mean below this, times 1 + mean**2, are rounding errors of tiny weights: terms
# below 5e-324 are lost.
SMALLEST_SQUARES = cython.declare(cython.double, 2.0**-1022)
# Values above `FAR` are divided by `UNIT`, so that their squares do not overflow.
FAR = cython.declare(cython.double, 2.0**400)
UNIT = cython.declare(cython.double, 2.0**300)


class Moments(Statistics):
    """Sums of values and of their squares; because the sums are exact, they need no origin.

    If `logarithm` is true, the values are log x.
    """

    def __init__(self, logarithm: bool = False) -> None:
        Statistics.__init__(self)
        self._logarithm = logarithm
        self._s1 = new_sum()
        self._s2 = new_sum()
        self._y = 0.0

    @property
    def plain(self) -> bool:
        """Whether the values themselves are summed, not their logarithms."""
        return not self._logarithm

    @property
    def value(self) -> MomentStatistic:
        """Weight, origin, mean minus origin, and sum of squares about the mean."""
        n: cython.double = self._n.total()
        if n <= 0.0:
            return MomentStatistic(0.0, 0.0, 0.0, 0.0)
        self._s1.renormalise()
        self._s2.renormalise()
        origin: cython.double = self._s1.high / n
        shift: cython.double = self._shift(origin)
        squares: cython.double = self._squares(origin, shift)
        if squares == 0.0 == shift and self._s1.low == self._s2.third == self._n.low == 0.0:
            pass  # n equal values, whose squares about the mean are 0
        elif squares < CANCELLATION_SHARE * self._s2.high:
            origin, shift, squares = self._about(origin, shift)
        if squares < SMALLEST_SQUARES * (1.0 + origin * origin):
            squares = 0.0
        return MomentStatistic(n, origin, shift, squares)

    def _shift(self, origin: cython.double) -> cython.double:
        """Return the mean minus an origin close to the mean."""
        p: cython.double = origin * self._n.high
        p_low: cython.double = product_error(origin, self._n.high, p) + origin * self._n.low
        return ((self._s1.high - p) + (self._s1.low - p_low)) / self._n.high

    def _squares(self, origin: cython.double, shift: cython.double) -> cython.double:
        """Return the sum of squares about the mean, S2 - origin (S1 + n shift) - n shift**2."""
        p: cython.double = origin * self._s1.high
        p_low: cython.double = product_error(origin, self._s1.high, p) + origin * self._s1.low
        rest: cython.double = (self._s2.low - p_low) - shift * self._n.high * (origin + shift)
        return (self._s2.high - p) + rest

    def set_sums(self, n: Sum, s1: Sum, s2: Sum, y: cython.double) -> cython.int:
        """Copy the sums of another accumulator, and the observation that it has read."""
        self._n, self._s1, self._s2, self._y = n, s1, s2, y
        return 0

    def _about(self, origin: float, shift: float) -> tuple[float, float, float]:
        """Return an origin, the mean minus the origin, and the sum of squares about the mean."""
        moved: Moments = Moments()
        for _ in range(3):
            unit: cython.double = moved._move(self, origin)
            shift = moved._s1.total() / moved._n.total()
            squares: cython.double = moved._s2.total() - shift * moved._s1.high
            shift *= unit
            if squares > ORIGIN_IS_MEAN_SHARE * moved._s2.high and squares > ROUNDING_SHARE * (
                self._s2.high / unit / unit
            ):
                return origin, shift, squares * unit * unit
            if origin + shift == origin:
                return origin, shift, 0.0
            origin += shift
        return origin, 0.0, 0.0

    def _move(self, other: Moments, origin: cython.double) -> cython.double:
        """Set the sums to the sums of another accumulator's values minus `origin`.

        Return the unit by which the values were divided.
        """
        unit: cython.double = 1.0
        self._n.copy_from(other._n)
        self._s1.copy_from(other._s1)
        self._s2.copy_from(other._s2)
        if fabs(origin) > FAR:
            unit = UNIT
            self._s1.change_unit(unit)
            self._s2.change_unit(unit)
            self._s2.change_unit(unit)
            origin /= unit
        p: cython.double = origin * origin
        self._s2.add_scaled(self._s1, -2.0 * origin)
        self._s2.add_scaled(self._n, p)
        self._s2.add_scaled(self._n, product_error(origin, origin, p))
        self._s1.add_scaled(self._n, -origin)
        return unit

    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        v: cython.double
        if self._logarithm:
            v = real(x, "a finite number > 0")
            if v <= 0.0:
                raise_invalid(x, "a finite number > 0")
            self._y = log(v)
            self._log_base = -self._y
        else:
            self._y = real(x, "a finite number")
        return 0

    def observe_unit(self, x: object) -> cython.int:
        """Add one observation."""
        self.read_terms(x)
        self.add_terms(1.0)
        return 0

    def add_terms(self, w: cython.double) -> cython.int:
        """Add the observation that was read, times a weight."""
        y: cython.double = self._y
        p: cython.double = y * y
        if not (self._s2.high + w * p <= LARGEST_SQUARES and self._n.high + w <= MAX_WEIGHT):
            self._raise_overflow(w)
        p_low: cython.double = square_error(y, p)
        if w == 1.0:
            add(self._s1, y)
            add(self._s2, p)
            add_low(self._s2, p_low)
            add_one(self._n)
            if self._smallest_weight > 1.0:
                self._smallest_weight = 1.0
            if self._log_base != 0.0:
                add(self._h, self._log_base)
            return 0
        q: cython.double = y * w
        add(self._s1, q)
        add_low(self._s1, product_error(y, w, q))
        q = p * w
        if p > LARGE or fabs(w) > LARGE:
            self._s2.add_product(p, w)
        else:
            add(self._s2, q)
            add_low(self._s2, product_error(p, w, q))
        q = p_low * w
        add_low(self._s2, q)
        add_third(self._s2, product_error(p_low, w, q))
        if self._log_base != 0.0:
            return self._count(w)
        add(self._n, w)
        if w < self._smallest_weight and w > 0.0:
            self._smallest_weight = w
        return 0

    def fits(self, w: cython.double) -> cython.bint:
        """Whether the observation that was read can be added without overflow."""
        return bool(
            self._s2.high + w * (self._y * self._y) <= LARGEST_SQUARES
            and self._n.high + w <= MAX_WEIGHT
        )

    def _raise_overflow(self, n: float) -> None:
        if self._n.total() + n > MAX_WEIGHT:
            raise ObservationError(
                f"the weight is too large: expected a total of at most {MAX_WEIGHT:g}"
            )
        raise ObservationError("the observation is too large: its square overflows")

    def row_sums(self) -> tuple[Sum, ...]:
        """Return the sums that make up a row of a table."""
        return self._n, self._h, self._s1, self._s2

    def read_numbers(self, x: cython.double, _: cython.double) -> cython.int:
        """Read one observation from two checked numbers, of which the second is not used."""
        self._y = x
        if self._logarithm:
            self._y = log(x)
            self._log_base = -self._y
        return 0

    def list_terms(self, w: cython.double, where: Any, terms: Any) -> cython.int:
        """Write the terms of the observation that was read, times a weight."""
        y: cython.double = self._y
        p: cython.double = y * y
        p_low: cython.double = square_error(y, p)
        v: cython.double
        q: cython.double
        i: cython.int
        k: cython.int
        if not (p <= LARGE and w <= LARGE):
            return -1
        k = append(where, terms, 0, 0, w)
        if w == 1.0:
            k = append(where, terms, k, STRIDE, self._log_base)
            k = append(where, terms, k, 2 * STRIDE, y)
            k = append(where, terms, k, 3 * STRIDE, p)
            return append(where, terms, k, 3 * STRIDE + 1, p_low)
        for i in range(1, 4):
            v = self._log_base if i == 1 else y if i == 2 else p
            q = v * w
            k = append(where, terms, k, i * STRIDE, q)
            k = append(where, terms, k, i * STRIDE + 1, product_error(v, w, q))
        q = p_low * w
        k = append(where, terms, k, 3 * STRIDE + 2, q)
        return append(where, terms, k, 3 * STRIDE + 3, product_error(p_low, w, q))

    def values(self, sums: Any) -> tuple[Any, Any]:
        """Return the `value` of many rows as arrays, and a mask of rows where digits cancel."""
        (n, n_low, _), _, (s1, s1_low, _), (s2, s2_low, s2_third) = sums
        empty = ~(n > 0.0)
        count = np.where(empty, 1.0, n)
        with np.errstate(all="ignore"):
            origin = s1 / count
            p = origin * count
            p_low = product_errors(origin, count, p) + origin * n_low
            shift = ((s1 - p) + (s1_low - p_low)) / count
            p = origin * s1
            p_low = product_errors(origin, s1, p) + origin * s1_low
            squares = (s2 - p) + ((s2_low - p_low) - shift * count * (origin + shift))
        exact = (squares == 0.0) & (shift == 0.0)
        exact &= (s1_low == 0.0) & (s2_third == 0.0) & (n_low == 0.0)
        for column in (origin, shift, squares):
            column[empty] = 0.0
            least = np.fmax(CANCELLATION_SHARE * s2, SMALLEST_SQUARES * (1.0 + origin * origin))
        cancelled = ~exact & (squares < least) & ~empty
        return MomentStatistic(np.where(empty, 0.0, n), origin, shift, squares), cancelled

    def add_sums(
        self, n: float, origin: float, shift: float, squares: float, log_base: float
    ) -> None:
        """Add `n` observations with mean ``origin + shift`` and squares about that mean."""
        s1: Sum = Sum()
        s2: Sum = as_sum(squares)
        weights: Sum = as_sum(n)
        s1.add_scaled(weights, origin)
        s1.add_scaled(weights, shift)
        s2.add_scaled(s1, origin)
        s2.add_scaled(s1, shift)
        self.join_sums((weights, as_sum(log_base), s1, s2), weights.smallest_magnitude)

    def observe_array(self, values: Any, weights: Any) -> None:
        """Add validated values (a contiguous array of floats) with their weights, by default 1.

        Raises
        ------
        ObservationError
            If a square overflows.
        """
        i: cython.Py_ssize_t
        w: cython.double = 1.0
        weighted: cython.bint = weights is not None
        if cython.compiled:
            view = cython.declare("double[::1]", values)
            heavy = cython.declare("double[::1]", weights if weighted else values)
        else:
            view, heavy = values.tolist(), weights.tolist() if weighted else []
        for i in range(len(values)):
            if weighted:
                w = heavy[i]
            self._y = view[i]
            if self._logarithm:
                self._y = log(self._y)
                self._log_base = -self._y
            if w != 0.0:
                self.add_terms(w)

    def join_sums(self, others: tuple[Sum, ...], smallest_weight: float) -> None:
        """Add sums, in the order of `all_sums`, if none overflows."""
        n: Sum = others[0]
        s2: Sum = others[3]
        if not (
            self._s2.high + s2.total() <= LARGEST_SQUARES and self._n.high + n.total() <= MAX_WEIGHT
        ):
            self._raise_overflow(n.total())
        Statistics.join_sums(self, others, smallest_weight)

    def all_sums(self) -> tuple[Sum, ...]:
        """Return all sums."""
        return self._n, self._h, self._s1, self._s2

    def check_removable(self, w: cython.double, last: cython.bint) -> cython.int:
        """Raise an error if the observation that was read cannot have been added."""
        # with the value to be removed as the origin, its removal changes only the weight
        y: cython.double = self._y
        n: cython.double = self._n.total()
        left: cython.double = (self._n.high - w) + self._n.low
        self._s1.renormalise()
        self._s2.renormalise()
        s1: cython.double = n * self._shift(y)
        s2: cython.double = self._s2.high - y * (self._s1.high + s1)
        if not last and s2 > ORIGIN_IS_MEAN_SHARE * self._s2.high and s1 * s1 < left * s2:
            return 0
        moved: Moments = Moments()
        unit: cython.double = moved._move(self, y)
        s1 = moved._s1.total()
        s2 = moved._s2.total()
        if last:  # the remaining weight is a rounding error
            left = MAX_ROUNDING_SHARE * n
        rounded: cython.double = ROUNDING_SHARE * (self._s2.high / unit / unit)
        rounded += SMALLEST_SQUARES * (1.0 + y * y)
        possible = s1 / left * s1 <= s2 + UNLEARN_TOLERANCE * s2 + rounded
        if last:
            largest: cython.double = UNLEARN_TOLERANCE * n * (fabs(y) / unit) + SMALLEST_SQUARES
            possible = possible or fabs(s1) <= largest
        if not possible:
            raise ObservationError("cannot unlearn what was not learned")
        return 0

    def is_possible(self) -> bool:
        """Whether data with these sums can exist, up to rounding errors."""
        n: cython.double = self._n.total()
        if not Statistics.is_possible(self):
            return False
        s1: cython.double = self._s1.total()
        s2: cython.double = self._s2.total()
        if n == 0.0:
            return s1 == 0.0 and s2 == 0.0
        return s1 / n * s1 <= s2 + UNLEARN_TOLERANCE * s2

    def possible_rows(self, totals: Sequence[Any]) -> Any:
        """Return, for each row, whether data with its sums can exist, up to rounding errors."""
        n, _, s1, s2 = totals
        some = np.where(n > 0.0, n, 1.0)
        empty = (n == 0.0) & (s1 == 0.0) & (s2 == 0.0)
        full = (n > 0.0) & (s1 / some * s1 <= s2 + UNLEARN_TOLERANCE * s2)
        return Statistics.possible_rows(self, totals) & (empty | full)

    def dump(self) -> tuple[Any, ...]:
        """Return n, origin (always 0), S1, S2 and log base; each sum, then its rounding error."""
        n, n_low, *others = Statistics.dump(self)
        return n, n_low, 0.0, *others

    def load(self, dumped: Any) -> None:
        """Restore the data that `dump` returned; earlier versions had an origin other than 0."""
        n, n_low, origin, *others = dumped
        Statistics.load(self, (n, n_low, *others))
        if origin != 0.0:
            about: Moments = Moments()
            unit: cython.double = about._move(self, -origin)
            about._s1.change_unit(1.0 / unit)
            about._s2.change_unit(1.0 / unit)
            about._s2.change_unit(1.0 / unit)
            self._s1, self._s2 = about._s1, about._s2
