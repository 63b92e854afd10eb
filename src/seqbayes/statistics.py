"""What one observation adds: compiled sums of sufficient statistics.

Plain Python source that Cython compiles; uncompiled it does the same, slower. An accumulator reads
one observation (checks it against the support, takes its sufficient statistic and log base
measure), and adds, removes, merges and scales. Sums carry their rounding errors along (Neumaier;
double-double for second moments), so that windows, merges and long streams stay exact to the last
digits.

References
----------
.. [1] Neumaier, A. (1974). Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen.
.. [2] Dekker, T. J. (1971). A floating-point technique for extending the available precision.
"""

from __future__ import annotations

import decimal
import numbers
import reprlib
from typing import Any, NamedTuple

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import (
        fabs,
        floor,
        isfinite,
        lgamma,
        log,
        log1p,
        pow,
    )
else:
    from math import fabs, floor, isfinite, lgamma, log, log1p, pow

# Below this share of what is unlearned, what remains is the rounding of a weight.
_NOTHING = cython.declare(cython.double, 4.5e-16)
# Below this share of the largest sum so far, a sum carried in double-double is rounding, and one
# that was scaled or came of an array.
_NOISE = cython.declare(cython.double, 1e-24)
_ROUNDING = cython.declare(cython.double, 1e-12)
# How far, relatively, what is unlearned may be from what was learned.
_SLACK = cython.declare(cython.double, 1e-9)
_SPLITTER = cython.declare(cython.double, 134217729.0)  # 2**27 + 1, for exact products
_HALF_LOG_TAU = cython.declare(cython.double, 0.9189385332046727)


class PairStatistic(NamedTuple):
    """A two-part sufficient statistic: successes and failures, or shape and rate."""

    a: Any
    b: Any


class MomentStatistic(NamedTuple):
    """Total weight, mean = origin + shift, and the sum of squares about that mean."""

    n: Any
    origin: Any
    shift: Any
    squares: Any

    @property
    def mean(self) -> Any:
        """The mean of what was seen."""
        return self.origin + self.shift


def refuse(x: object, expected: str) -> None:
    """Raise an `ObservationError` that names the value and what was expected."""
    raise ObservationError(f"expected {expected}, got {reprlib.repr(x)} ({type(x).__name__})")


def as_real(x: Any, expected: str) -> float:
    """Return `x` as a float where it is a finite real number; text is never parsed."""
    if isinstance(x, np.timedelta64):  # an integer, numpy says
        refuse(x, expected)
    if isinstance(x, (numbers.Real, decimal.Decimal, np.bool_)) or (
        isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind in "biuf"
    ):
        try:
            value = float(x)
        except (OverflowError, ValueError):  # an integer over 1e308; a signalling decimal
            refuse(x, expected)
        if isfinite(value):
            return value
    refuse(x, expected)
    raise AssertionError("unreachable")


def read_weight(w: Any) -> float:
    """Return the weight `w` as a float, refusing what is negative or not finite."""
    value = as_real(w, "a finite weight >= 0")
    if value < 0.0:
        refuse(w, "a finite weight >= 0")
    return value


def is_missing(label: Any) -> bool:
    """Whether a label stands for a missing value: None, NaN, or what pandas has."""
    try:
        return label is None or bool(label != label)
    except (ArithmeticError, TypeError, ValueError):  # comparing it has no answer
        return True


@cython.cfunc
@cython.exceptval(-1.0, check=True)
def _weight(w: object) -> cython.double:
    v: cython.double
    if type(w) is float:
        v = w
        if isfinite(v) and v >= 0.0:
            return v
    return read_weight(w)


@cython.cfunc
@cython.exceptval(-1.0, check=True)
def _real(x: object, expected: str) -> cython.double:
    v: cython.double
    if isinstance(x, float):
        v = x
        if isfinite(v):
            return v
    elif isinstance(x, int):
        try:
            v = float(x)
        except OverflowError:
            refuse(x, expected)
        return v
    return as_real(x, expected)


@cython.cfunc
@cython.exceptval(-1.0, check=True)
def _count(x: object, expected: str) -> cython.double:
    v: cython.double = _real(x, expected)
    if v < 0.0 or v != floor(v):
        refuse(x, expected)
    return v


@cython.cfunc
@cython.exceptval(check=False)
def _stirling_error(n: cython.double) -> cython.double:
    # log n! minus Stirling's formula, for n >= 16
    m: cython.double = 1.0 / (n * n)
    return (1 / 12.0 - (1 / 360.0 - (1 / 1260.0 - (1 / 1680.0 - m / 1188.0) * m) * m) * m) / n


@cython.cfunc
@cython.exceptval(check=False)
def _log_choose(n: cython.double, k: cython.double) -> cython.double:
    """Log of the binomial coefficient, real n > k - 1, whole k; no difference of large terms."""
    d: cython.double = n - k
    product: cython.double = 1.0
    total: cython.double = 0.0
    i: cython.double = 0.0
    if d < k and d == floor(d):
        k, d = d, k
    if k <= 32.0:
        while i < k:
            product *= (n - i) / (i + 1.0)
            if product > 1e280:
                total += log(product)
                product = 1.0
            i += 1.0
        return total + log(product)
    total = _stirling_error(n) - _stirling_error(k)
    if d <= 32.0:
        return total + (k + 0.5) * log1p(d / k) + d * log(n) - d - lgamma(d + 1.0)
    return (
        total
        - _stirling_error(d)
        - 0.5 * (log(k) + log(d / n))
        - _HALF_LOG_TAU
        + k * log1p(d / k)
        + d * log1p(k / d)
    )


def log_choose(n: float, k: float) -> float:
    """Log binomial coefficient of real n > k - 1 and whole k >= 0, right where n is huge.

    Examples
    --------
    >>> log_choose(5, 2) == __import__("math").log(10)
    True
    """
    return _log_choose(n, k)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _lost(high: cython.double, v: cython.double, s: cython.double) -> cython.double:
    """Return what rounding took from ``s = high + v``."""
    t: cython.double = s - high
    return (high - (s - t)) + (v - t)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _lost_product(x: cython.double, y: cython.double, p: cython.double) -> cython.double:
    """Return what rounding took from ``p = x * y``."""
    t: cython.double = _SPLITTER * x
    xh: cython.double = t - (t - x)
    xl: cython.double = x - xh
    u: cython.double = _SPLITTER * y
    yh: cython.double = u - (u - y)
    yl: cython.double = y - yh
    return ((xh * yh - p) + xh * yl + xl * yh) + xl * yl


_LOG_FACTORIALS = cython.declare(list, [lgamma(i + 1.0) for i in range(256)])


@cython.cfunc
@cython.exceptval(check=False)
def _log_factorial(k: cython.double) -> cython.double:
    if k < 256.0:
        return cython.cast(cython.double, _LOG_FACTORIALS[cython.cast(cython.Py_ssize_t, k)])
    # Python's lgamma raises where C's is infinite
    return (k + 0.5) * log(k) - k + _HALF_LOG_TAU + _stirling_error(k)


@cython.cclass
class Statistics:
    """What was seen, as the sufficient statistics of one likelihood.

    Subclasses read an observation (`_read`), and add what was read (`_add`); the rest is common.
    """

    _n: cython.double
    _n_low: cython.double
    _h: cython.double
    _h_low: cython.double
    _log_base: cython.double

    def __init__(self) -> None:
        self._n = self._n_low = self._h = self._h_low = self._log_base = 0.0

    @property
    def n(self) -> float:
        """Total weight of what was seen."""
        return self._n + self._n_low

    @property
    def log_base(self) -> float:
        """Weighted sum of the log base measures of what was seen."""
        return self._h + self._h_low

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        raise NotImplementedError

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        raise NotImplementedError

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _add_common(self, n: cython.double, h: cython.double) -> cython.void:
        s: cython.double = self._n + n
        self._n_low += _lost(self._n, n, s)
        self._n = s
        if h != 0.0:
            s = self._h + h
            self._h_low += _lost(self._h, h, s)
            self._h = s

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _observe(self, x: object, w: cython.double) -> cython.int:
        self._read(x)
        if w != 0.0:
            self._add(w)
        return 0

    def observe(self, x: Any, w: Any = 1.0) -> None:
        """Add one observation with weight `w`; refused input changes nothing."""
        self._observe(x, _weight(w))

    def remove(self, x: Any, w: Any = 1.0) -> None:
        """Take one observation away; more than was seen is refused."""
        v: cython.double = _weight(w)
        self._read(x)
        n: cython.double = self._n + self._n_low
        if v > n * (1.0 + 1e-9):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        if v >= n * (1.0 - _NOTHING):
            if n > 0.0:
                self._check_removable(n, True)
            self.clear()
        elif v != 0.0:
            self._check_removable(v, False)
            self._add(-v)

    def _check_removable(self, w: float, last: bool) -> None:
        """Refuse to take away what `_read` holds where that cannot have been seen."""

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        return isfinite(self._n) and isfinite(self._h) and self._n + self._n_low >= 0.0

    def clear(self) -> None:
        """Forget everything."""
        self._n = self._n_low = self._h = self._h_low = 0.0

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        self._n *= factor
        self._n_low *= factor
        self._h *= factor
        self._h_low *= factor

    def merge(self, other: Any) -> None:
        """Add what another accumulator of the same kind has seen."""
        raise NotImplementedError

    @property
    def value(self) -> Any:
        """The sufficient statistic, as a tuple of numbers or arrays."""
        raise NotImplementedError

    def dump(self) -> tuple[Any, ...]:
        """Return all sums as plain numbers and containers; `load` reads them back."""
        raise NotImplementedError

    def load(self, dumped: Any) -> None:
        """Restore what `dump` returned."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.dump() == other.dump())

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.dump()!r}"


@cython.cclass
class PairSums(Statistics):
    """Sums of a two-part statistic (a, b): what a Beta or a Gamma prior learns from."""

    _a: cython.double
    _a_low: cython.double
    _b: cython.double
    _b_low: cython.double
    _read_a: cython.double
    _read_b: cython.double

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

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        self._add_sums(w, w * self._read_a, w * self._read_b, w * self._log_base)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add_sums(
        self, n: cython.double, a: cython.double, b: cython.double, h: cython.double
    ) -> cython.int:
        sa: cython.double = self._a + a
        sb: cython.double = self._b + b
        if not (isfinite(sa) and isfinite(sb) and isfinite(self._h + h) and isfinite(self._n + n)):
            raise ObservationError("the observation is too large: its statistic overflows")
        self._a_low += _lost(self._a, a, sa)
        self._a = sa
        self._b_low += _lost(self._b, b, sb)
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
            a_left < -_SLACK * a
            or b_left < -_SLACK * b
            or (last and (a_left > _SLACK * a or b_left > _SLACK * b))
        ):
            raise ObservationError("cannot unlearn what was not learned")

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        least: cython.double = -_SLACK * self._n
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
        self._a *= factor
        self._a_low *= factor
        self._b *= factor
        self._b_low *= factor

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


@cython.cclass
class BernoulliSums(PairSums):
    """Successes and failures of single trials."""

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _observe(self, x: object, w: cython.double) -> cython.int:
        s: cython.double
        if w == 1.0 and x is True:  # the commonest events, without the detour of the general way
            s = self._a + 1.0
            self._a_low += _lost(self._a, 1.0, s)
            self._a = s
            self._add_common(1.0, 0.0)
        elif w == 1.0 and x is False:
            s = self._b + 1.0
            self._b_low += _lost(self._b, 1.0, s)
            self._b = s
            self._add_common(1.0, 0.0)
        else:
            PairSums._observe(self, x, w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        v: cython.double
        if x is True:
            v = 1.0
        elif x is False:
            v = 0.0
        else:
            v = _real(x, "True, False, 1 or 0")
            if v != 0.0 and v != 1.0:
                refuse(x, "True, False, 1 or 0")
        self._read_a = v
        self._read_b = 1.0 - v
        return 0


@cython.cclass
class BinomialSums(PairSums):
    """Successes of a number of trials, the same for all or given with each observation."""

    _trials: cython.double

    def __init__(self, trials: float | None) -> None:
        PairSums.__init__(self)
        self._trials = -1.0 if trials is None else trials

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        n: cython.double = self._trials
        k: cython.double
        if n < 0.0:
            if not isinstance(x, (tuple, list)) or len(x) != 2:
                refuse(x, "a pair (successes, trials)")
            n = _count(x[1], "a whole number of trials >= 0")
            k = _count(x[0], f"a whole number of successes from 0 to {n:.17g}")
        else:
            k = _count(x, f"a whole number of successes from 0 to {n:.17g}")
        if k > n:
            refuse(x, f"a whole number of successes from 0 to {n:.17g}")
        self._read_a = k
        self._read_b = n - k
        self._log_base = _log_choose(n, k)
        return 0


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
    def _read(self, x: object) -> cython.int:
        k: cython.double = _count(x, "a whole number >= 0") - self._start
        if k < 0.0:
            refuse(x, f"a whole number >= {self._start:g}")
        self._read_a = self._successes
        self._read_b = k
        if self._successes != 1.0:
            self._log_base = _log_choose(k + self._successes - 1.0, k)
        return 0


@cython.cclass
class PoissonSums(PairSums):
    """Events and exposure, the same exposure for all or given with each observation."""

    _exposure: cython.double

    def __init__(self, exposure: float | None) -> None:
        PairSums.__init__(self)
        self._exposure = -1.0 if exposure is None else exposure

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        e: cython.double = self._exposure
        k: cython.double
        if e < 0.0:
            if not isinstance(x, (tuple, list)) or len(x) != 2:
                refuse(x, "a pair (count, exposure)")
            e = _real(x[1], "an exposure > 0")
            if e <= 0.0:
                refuse(x, "a pair (count, exposure) with exposure > 0")
            k = _count(x[0], "a whole number of events >= 0")
        else:
            k = _count(x, "a whole number of events >= 0")
        self._read_a = k
        self._read_b = e
        self._log_base = -_log_factorial(k)
        if e != 1.0:
            self._log_base += k * log(e)
        return 0


@cython.cclass
class PowerSums(PairSums):
    """Shape and rate of y = scale |x - origin|**power, where y is Gamma of known shape.

    Exponential, gamma, Weibull, inverse gamma, Rayleigh, Maxwell, Laplace and the Normal of known
    mean are all of this form (Stacy's generalised gamma, one- or two-sided).
    """

    _shape: cython.double
    _scale: cython.double
    _power: cython.double
    _origin: cython.double
    _two_sided: cython.bint
    _zero_allowed: cython.bint
    _log_constant: cython.double
    _log_slope: cython.double

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
        if two_sided:
            self._log_constant -= log(2.0)
        self._read_a = shape

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        v: cython.double
        if self._two_sided:
            v = fabs(_real(x, "a finite number") - self._origin)
        elif self._zero_allowed:
            v = _real(x, "a finite number >= 0")
            if v < 0.0:
                refuse(x, "a finite number >= 0")
        else:
            v = _real(x, "a finite number > 0")
            if v <= 0.0:
                refuse(x, "a finite number > 0")
        if self._power == 1.0:
            self._read_b = self._scale * v
        elif self._power == 2.0:
            self._read_b = self._scale * v * v
        elif self._power == -1.0:
            self._read_b = self._scale / v
        else:
            self._read_b = self._scale * self._raise(v, x)
        self._log_base = self._log_constant
        if not self._zero_allowed:
            self._log_base += self._log_slope * log(v)
        return 0

    @cython.cfunc
    @cython.exceptval(-1.0, check=True)
    def _raise(self, v: cython.double, x: object) -> cython.double:
        try:
            return pow(v, self._power)
        except OverflowError:  # only math.pow raises it; C returns infinity, refused by _add_sums
            refuse(x, "a smaller number")
        return -1.0


@cython.cclass
class ParetoSums(PairSums):
    """Shape and rate of log(x / scale), where x is Pareto of known scale."""

    _scale: cython.double

    def __init__(self, scale: float) -> None:
        PairSums.__init__(self)
        self._scale = scale
        self._read_a = 1.0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        v: cython.double = _real(x, f"a finite number >= {self._scale:.17g}")
        if v < self._scale:
            refuse(x, f"a finite number >= {self._scale:.17g}")
        self._read_b = log1p((v - self._scale) / self._scale)
        self._log_base = -log(v)
        return 0


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
        p_low: cython.double = _lost_product(shift, self._s1, p) + shift * self._s1_low
        q: cython.double = n * shift
        q_low: cython.double = _lost_product(n, shift, q)
        r: cython.double = shift * q
        r_low: cython.double = _lost_product(shift, q, r) + shift * q_low
        squares: cython.double = ((self._s2 - p) - (p - r)) + (self._s2_low - 2.0 * p_low + r_low)
        return MomentStatistic(n, self._origin, shift, squares if squares > 0.0 else 0.0)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        v: cython.double
        if self._logarithm:
            v = _real(x, "a finite number > 0")
            if v <= 0.0:
                refuse(x, "a finite number > 0")
            self._y = log(v)
            self._log_base = -self._y
        else:
            self._y = _real(x, "a finite number")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        origin: cython.double = self._y if self._n == 0.0 else self._origin
        d: cython.double = self._y - origin
        d_low: cython.double = _lost(self._y, -origin, d)
        p: cython.double = d * d
        p_low: cython.double = _lost_product(d, d, p) + 2.0 * d * d_low
        if w != 1.0:
            q: cython.double = w * p
            p_low = _lost_product(w, p, q) + w * p_low
            p = q
            q = w * d
            d_low = _lost_product(w, d, q) + w * d_low
            d = q
        self._add_sums(w, d, d_low, p, p_low, w * self._log_base)
        self._origin = origin
        return 0

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
        if not (isfinite(s2 + p_low) and isfinite(self._n + n)):
            raise ObservationError("the observation is too large: its square overflows")
        self._s1_low += _lost(self._s1, d, s1) + d_low
        self._s1 = s1
        self._s2_low += _lost(self._s2, p, s2) + p_low
        self._s2 = s2
        if s2 > self._peak:
            self._peak = s2
        self._add_common(n, h)
        return 0

    def absorb(
        self, n: float, origin: float, shift: float, squares: float, log_base: float
    ) -> None:
        """Add `n` observations with mean ``origin + shift`` and squares about that mean."""
        s1: cython.double = n * shift
        q: cython.double = shift * s1
        q_low: cython.double = _lost_product(shift, s1, q)
        s2: cython.double = squares + q
        if not isfinite(s2):
            raise ObservationError("an observation is too large: its square overflows")
        s2_low: cython.double = _lost(squares, q, s2) + q_low
        self._absorb(n, origin, s1, _lost_product(n, shift, s1), s2, s2_low, log_base)

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
        d_low: cython.double = _lost(origin, -about, d)
        if d != 0.0:
            nd: cython.double = n * d
            nd_low: cython.double = _lost_product(n, d, nd) + n * d_low
            t: cython.double = 2.0 * s1 + nd
            t_low: cython.double = _lost(2.0 * s1, nd, t) + 2.0 * s1_low + nd_low
            q: cython.double = d * t
            s2_low += _lost_product(d, t, q) + d * t_low + d_low * t
            u: cython.double = s2 + q
            s2_low += _lost(s2, q, u)
            s2 = u
            u = s1 + nd
            s1_low += _lost(s1, nd, u) + nd_low
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
        if s2 < -_SLACK * fabs(self._s2) - _ROUNDING * self._peak:
            raise ObservationError("cannot unlearn what was not learned")

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        s1: cython.double = self._s1 + self._s1_low
        s2: cython.double = self._s2 + self._s2_low
        left: cython.double = s2 - (s1 / self._n * s1 if self._n > 0.0 else 0.0)
        return Statistics.is_possible(self) and left >= -_SLACK * fabs(self._s2)

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


@cython.cclass
class LabelCounts(Statistics):
    """Weight of every label; a closed vocabulary is given, an open one grows."""

    counts = cython.declare(dict, visibility="readonly")
    _low: dict[Any, float]
    _closed: cython.bint
    _label: object

    def __init__(self, categories: tuple[Any, ...] | None = None) -> None:
        Statistics.__init__(self)
        self._closed = categories is not None
        self.counts = dict.fromkeys(categories or (), 0.0)
        self._low = {}  # rounding errors of the counts; of whole ones there are none
        self._label = None

    @property
    def value(self) -> Any:
        """The weights: by label, or of a closed vocabulary as an array in its order."""
        counts = self.counts
        if self._low:
            counts = {label: w + self._low.get(label, 0.0) for label, w in counts.items()}
        if not self._closed:
            return dict(counts)
        return np.fromiter(counts.values(), float, len(counts))

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        try:
            known = x in self.counts
        except TypeError:
            refuse(x, "a hashable label")
        if not known:
            self._check_new(x)
        self._label = x
        return 0

    def _check_new(self, x: Any) -> None:
        if self._closed:
            known = ", ".join(repr(label) for label in list(self.counts)[:12])
            more = ", …" if len(self.counts) > 12 else ""
            raise ObservationError(
                f"unknown category {reprlib.repr(x)}: expected one of {known}{more}"
                " (an open vocabulary needs a DirichletProcess)"
            )
        if is_missing(x):
            refuse(x, "a label, not a missing value")

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        self._check_total(w)
        self._count(self._label, w)
        self._add_common(w, 0.0)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _count(self, label: object, w: cython.double) -> cython.int:
        found = self.counts.get(label)
        old: cython.double
        s: cython.double
        lost: cython.double
        if found is None:
            self.counts[label] = w
        else:
            old = found
            s = old + w
            self.counts[label] = s
            lost = _lost(old, w, s)
            if lost != 0.0:
                self._low[label] = self._low.get(label, 0.0) + lost
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _check_total(self, w: cython.double) -> cython.int:
        if not isfinite(self._n + w):
            raise ObservationError("the weight is too large: its sum overflows")
        return 0

    def remove(self, x: Any, w: Any = 1.0) -> None:
        """Take one observation away; more than was seen is refused."""
        v: cython.double = _weight(w)
        self._read(x)
        old: cython.double = self.counts.get(x, 0.0)
        low: cython.double = self._low.get(x, 0.0)
        if v > (old + low) * (1.0 + _SLACK):
            raise ObservationError(
                f"cannot unlearn weight {v:g} of {reprlib.repr(x)}: only {old:g} was learned"
            )
        if v >= (old + low) * (1.0 - _NOTHING):
            self._drop(x)
            self._add_common(-old, 0.0)
            self._add_common(-low, 0.0)
            if not any(self.counts.values()):
                self.clear()
        else:
            self._add(-v)

    def _drop(self, label: Any) -> None:
        self._low.pop(label, None)
        if self._closed:
            self.counts[label] = 0.0
        else:
            self.counts.pop(label, None)

    def absorb(self, counts: dict[Any, float], n: float, log_base: float) -> None:
        """Add the weights of many observations at once."""
        w: cython.double
        self._check_total(n)
        for label, w in counts.items():
            if not isfinite(self.counts.get(label, 0.0) + w):
                raise ObservationError("the observation is too large: its count overflows")
        for label, w in counts.items():
            self._count(label, w)
        self._add_common(n, log_base)

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        least: cython.double = -_SLACK * self._n
        return Statistics.is_possible(self) and all(w >= least for w in self.counts.values())

    def clear(self) -> None:
        """Forget everything."""
        Statistics.clear(self)
        self.counts = dict.fromkeys(self.counts, 0.0) if self._closed else {}
        self._low = {}

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        Statistics.scale(self, factor)
        for label in self.counts:
            self.counts[label] *= factor
        for label in self._low:
            self._low[label] *= factor
        if factor == 0.0:
            self.clear()

    def merge(self, other: Any) -> None:
        """Add what another accumulator of the same kind has seen."""
        labels, weights, low, n, n_low, h, h_low = other.dump()
        self.absorb(dict(zip(labels, weights, strict=True)), n, h)
        self.absorb({k: v for k, v in zip(labels, low, strict=True) if v}, n_low, h_low)

    def dump(self) -> tuple[Any, ...]:
        """Return (labels, weights, n and the log base), sums followed by their rounding errors."""
        return (
            tuple(self.counts),
            tuple(self.counts.values()),
            tuple(self._low.get(label, 0.0) for label in self.counts),
            self._n,
            self._n_low,
            self._h,
            self._h_low,
        )

    def load(self, dumped: Any) -> None:
        """Restore what `dump` returned."""
        labels, weights, low, self._n, self._n_low, self._h, self._h_low = dumped
        self.counts = dict(zip(labels, weights, strict=True))
        self._low = {label: v for label, v in zip(labels, low, strict=True) if v}


@cython.cclass
class MultinomialCounts(LabelCounts):
    """Counts of every label, from observations that are themselves counts."""

    _trials: cython.double
    _reading: dict[Any, float]

    def __init__(self, categories: tuple[Any, ...] | None, trials: float | None = None) -> None:
        LabelCounts.__init__(self, categories)
        self._trials = -1.0 if trials is None else trials
        self._reading = {}

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        n: cython.double = 0.0
        k: cython.double
        h: cython.double = 0.0
        if not isinstance(x, dict):
            refuse(x, "a dict of counts, one per category")
        reading = {}
        for label, count in x.items():
            if label not in self.counts:
                self._check_new(label)
            k = _count(count, f"a whole number >= 0 as the count of {label!r}")
            reading[label] = k
            n += k
            h -= _log_factorial(k)
        if self._trials >= 0.0 and n != self._trials:
            refuse(x, f"counts that sum to {self._trials:g}")
        self._reading = reading
        self._log_base = h + _log_factorial(n)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        self.absorb({label: w * k for label, k in self._reading.items()}, w, w * self._log_base)
        return 0

    def remove(self, x: Any, w: Any = 1.0) -> None:
        """Take one observation away; more than was seen is refused."""
        v: cython.double = _weight(w)
        n: cython.double = self._n + self._n_low
        seen: cython.double
        self._read(x)
        if v > n * (1.0 + _SLACK):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        last = v >= n * (1.0 - _NOTHING)
        for label, seen in self._seen().items():
            k = self._reading.get(label, 0.0)
            if v * k > seen * (1.0 + _SLACK) or (last and v * k < seen * (1.0 - _SLACK)):
                raise ObservationError(f"cannot unlearn what was not learned of {label!r}")
        if last:
            self.clear()
        elif v != 0.0:
            self._add(-v)
            for label, seen in self._seen().items():
                if seen <= _NOISE * v * self._reading.get(label, 0.0):
                    self._drop(label)

    def _seen(self) -> dict[Any, float]:
        return {label: w + self._low.get(label, 0.0) for label, w in self.counts.items()}


@cython.cclass
class Learner:
    """The learning half of a state: its compiled methods reach the statistics without a detour."""

    _statistics = cython.declare(Statistics, visibility="public")

    def learn_one(self, x: Any, w: Any = 1.0) -> None:
        """Absorb one observation.

        Parameters
        ----------
        x
            The observation; its type is the likelihood's.
        w
            Weight, finite and >= 0; may be fractional. Weight 2 is the same as learning twice.

        Raises
        ------
        ObservationError
            If `x` is outside the support or `w` is no weight. The state is then unchanged.
        """
        v: cython.double
        if type(w) is float:
            v = w
        else:
            v = read_weight(w)
        if not (isfinite(v) and v >= 0.0):
            v = read_weight(w)
        self._statistics._observe(x, v)

    def update(self, x: Any, w: Any = 1.0) -> None:
        """Absorb one observation: `learn_one` under the name that River's `proba` uses."""
        self._statistics._observe(x, _weight(w))

    def unlearn_one(self, x: Any, w: Any = 1.0) -> None:
        """Take one observation away: the exact inverse of `learn_one`.

        Raises
        ------
        ObservationError
            If `x` is outside the support, or more would be taken away than was learned.
        """
        self._statistics.remove(x, w)

    def revert(self, x: Any, w: Any = 1.0) -> None:
        """Take one observation away: `unlearn_one` under the name that River's `proba` uses."""
        self._statistics.remove(x, w)
