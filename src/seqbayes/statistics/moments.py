"""First and second moments, for Normal data."""

from __future__ import annotations

from typing import Any, NamedTuple

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, isfinite, log
    from cython.cimports.seqbayes.statistics.base import ROUNDING, SLACK, Statistics
    from cython.cimports.seqbayes.statistics.exact import lost, lost_product
    from cython.cimports.seqbayes.statistics.reading import real
else:
    from math import fabs, isfinite, log

    from seqbayes.statistics.base import ROUNDING, SLACK, Statistics
    from seqbayes.statistics.exact import lost, lost_product
    from seqbayes.statistics.reading import real

from seqbayes.statistics.reading import refuse

# Squares that sum up to less than this have room for the error terms, too.
ROOM = 1e300

# Exact products with heavier weights overflow.
HEAVIEST = cython.declare(cython.double, 1e290)


class MomentStatistic(NamedTuple):
    """Total weight, mean = origin + shift, and the sum of squares about that mean."""

    n: Any
    origin: Any
    shift: Any
    squares: Any

    @property
    def mean(self) -> Any:
        """The mean of the data."""
        return self.origin + self.shift


@cython.cclass
class Moments(Statistics):
    """First and second moments about the first value, in double-double arithmetic.

    With `logarithm` the moments are those of log x.
    """

    _logarithm: cython.bint
    _origin: cython.double
    _s1: cython.double
    _s1_low: cython.double
    _s2: cython.double
    _s2_low: cython.double
    _peak: cython.double
    _y: cython.double

    def __init__(self, logarithm: bool = False) -> None:
        Statistics.__init__(self)
        self._logarithm = logarithm
        self._origin = self._y = 0.0
        self._s1 = self._s1_low = self._s2 = self._s2_low = self._peak = 0.0

    @property
    def value(self) -> MomentStatistic:
        """Weight, origin, mean minus origin, and squares about the mean."""
        n: cython.double = self._n + self._n_low
        if n <= 0.0:
            return MomentStatistic(0.0, 0.0, 0.0, 0.0)
        shift: cython.double = (self._s1 + self._s1_low) / n
        # S2 - shift (2 S1 - n shift), the products exact: what is left is rounding of the inputs
        p: cython.double = shift * self._s1
        p_low: cython.double = lost_product(shift, self._s1, p) + shift * self._s1_low
        q: cython.double = n * shift
        q_low: cython.double = lost_product(n, shift, q)
        r: cython.double = shift * q
        r_low: cython.double = lost_product(shift, q, r) + shift * q_low
        squares: cython.double = ((self._s2 - p) - (p - r)) + (self._s2_low - 2.0 * p_low + r_low)
        return MomentStatistic(n, self._origin, shift, squares if squares > 0.0 else 0.0)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        v: cython.double
        if self._logarithm:
            v = real(x, "a finite number > 0")
            if v <= 0.0:
                refuse(x, "a finite number > 0")
            self._y = log(v)
            self._log_base = -self._y
        else:
            self._y = real(x, "a finite number")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        origin: cython.double = self._y if self._n == 0.0 else self._origin
        d: cython.double = self._y - origin
        d_low: cython.double = lost(self._y, -origin, d)
        p: cython.double = d * d
        p_low: cython.double = lost_product(d, d, p) + 2.0 * d * d_low
        if w != 1.0:
            q: cython.double = w * p
            p_low = lost_product(w, p, q) + w * p_low
            p = q
            q = w * d
            d_low = lost_product(w, d, q) + w * d_low
            d = q
        self._add_sums(w, d, d_low, p, p_low, w * self._log_base)
        self._origin = origin
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _fits(self, w: cython.double) -> cython.bint:
        d: cython.double = self._y - (self._y if self._n == 0.0 else self._origin)
        return bool(self._s2 + w * d * d < ROOM and self._n + w <= HEAVIEST)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add_sums(
        self,
        n: cython.double,
        d: cython.double,
        d_low: cython.double,
        p: cython.double,
        p_low: cython.double,
        h: cython.double,
    ) -> cython.int:
        s1: cython.double = self._s1 + d
        s2: cython.double = self._s2 + p
        if not (isfinite(s2 + p_low) and self._n + n <= HEAVIEST):
            self._refuse_sums(n)
        self._s1_low += lost(self._s1, d, s1) + d_low
        self._s1 = s1
        self._s2_low += lost(self._s2, p, s2) + p_low
        self._s2 = s2
        if s2 > self._peak:
            self._peak = s2
        self._add_common(n, h)
        return 0

    def _refuse_sums(self, n: float) -> None:
        if self._n + n > HEAVIEST:
            raise ObservationError(f"the weight is too large: expected at most {HEAVIEST:g} in all")
        raise ObservationError("the observation is too large: its square overflows")

    def absorb(
        self, n: float, origin: float, shift: float, squares: float, log_base: float
    ) -> None:
        """Add `n` observations with mean ``origin + shift`` and squares about that mean."""
        s1: cython.double = n * shift
        q: cython.double = shift * s1
        q_low: cython.double = lost_product(shift, s1, q)
        s2: cython.double = squares + q
        if not isfinite(s2) and n <= HEAVIEST:
            raise ObservationError("an observation is too large: its square overflows")
        s2_low: cython.double = lost(squares, q, s2) + q_low
        self._absorb(n, origin, s1, lost_product(n, shift, s1), s2, s2_low, log_base)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _absorb(
        self,
        n: cython.double,
        origin: cython.double,
        s1: cython.double,
        s1_low: cython.double,
        s2: cython.double,
        s2_low: cython.double,
        h: cython.double,
    ) -> cython.int:
        """Add sums about another origin: moved by d, S1 gains n d, S2 gains d (2 S1 + n d)."""
        about: cython.double = origin if self._n == 0.0 else self._origin
        d: cython.double = origin - about
        d_low: cython.double = lost(origin, -about, d)
        if d != 0.0:
            nd: cython.double = n * d
            nd_low: cython.double = lost_product(n, d, nd) + n * d_low
            t: cython.double = 2.0 * s1 + nd
            t_low: cython.double = lost(2.0 * s1, nd, t) + 2.0 * s1_low + nd_low
            q: cython.double = d * t
            s2_low += lost_product(d, t, q) + d * t_low + d_low * t
            u: cython.double = s2 + q
            s2_low += lost(s2, q, u)
            s2 = u
            u = s1 + nd
            s1_low += lost(s1, nd, u) + nd_low
            s1 = u
        self._add_sums(n, s1, s1_low, s2, s2_low, h)
        self._origin = about
        return 0

    def _check_removable(self, w: float, last: bool) -> None:
        d: cython.double = self._y - self._origin
        n: cython.double = self._n + self._n_low
        s1: cython.double = (self._s1 - w * d) + self._s1_low
        s2: cython.double = (self._s2 - w * d * d) + self._s2_low
        left: cython.double = (self._n - w) + self._n_low
        if last:
            s1 = d - (self._s1 + self._s1_low) / n
            s2 = -n * s1 * s1
        else:
            s2 -= s1 * s1 / left
        if s2 < -SLACK * fabs(self._s2) - ROUNDING * self._peak:
            raise ObservationError("cannot unlearn what was not learned")

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        s1: cython.double = self._s1 + self._s1_low
        s2: cython.double = self._s2 + self._s2_low
        left: cython.double = s2 - (s1 / self._n * s1 if self._n > 0.0 else 0.0)
        return Statistics.is_possible(self) and left >= -SLACK * fabs(self._s2)

    def clear(self) -> None:
        """Forget everything."""
        Statistics.clear(self)
        self._origin = 0.0
        self._s1 = self._s1_low = self._s2 = self._s2_low = self._peak = 0.0

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        Statistics.scale(self, factor)
        self._s1 *= factor
        self._s1_low *= factor
        self._s2 *= factor
        self._s2_low *= factor
        self._peak *= factor
        if factor == 0.0:
            self.clear()

    def merge(self, other: Any) -> None:
        """Add what another accumulator of the same kind has seen."""
        n, n_low, origin, s1, s1_low, s2, s2_low, h, h_low = other.dump()
        if n == 0.0:
            return
        self._absorb(n, origin, s1, s1_low, s2, s2_low, h)
        self._add_common(n_low, h_low)

    def dump(self) -> tuple[float, ...]:
        """Return n, the origin, S1, S2 and the log base, sums followed by their rounding error."""
        return (
            self._n,
            self._n_low,
            self._origin,
            self._s1,
            self._s1_low,
            self._s2,
            self._s2_low,
            self._h,
            self._h_low,
        )

    def load(self, dumped: Any) -> None:
        """Restore what `dump` returned."""
        self._n, self._n_low, self._origin, self._s1, self._s1_low = dumped[:5]
        self._s2, self._s2_low, self._h, self._h_low = dumped[5:]
        self._peak = self._s2
