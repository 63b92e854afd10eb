"""Base classes of statistics, and the methods of a state that learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqbayes.errors import ObservationError, UnsupportedError

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite
    from cython.cimports.seqbayes.statistics.exact import lost, lost_product
    from cython.cimports.seqbayes.statistics.reading import weight
else:
    from math import isfinite

    from seqbayes.statistics.exact import lost, lost_product
    from seqbayes.statistics.reading import weight

from seqbayes.statistics.reading import read_weight

# The weight of what is learned without one.
ONE = cython.declare(object, 1.0)
# Below this share of what is unlearned, what remains is the rounding of a weight.
NOTHING = 4.5e-16
# Below this share of the largest sum so far, a sum carried in double-double is rounding, and one
# that was scaled or came of an array.
NOISE = 1e-24
ROUNDING = 1e-12
# How far, relatively, what is unlearned may be from what was learned.
SLACK = 1e-9


def scaled(high: float, low: float, factor: float) -> tuple[float, float]:
    """Return a sum and its rounding error, both multiplied by `factor`."""
    product: float = high * factor
    if not -1e290 < high < 1e290:  # the exact product overflows
        return product, low * factor
    return product, lost_product(high, factor, product) + low * factor


class Statistics:
    """The sufficient statistics of observed data under one likelihood.

    Subclasses read an observation (`_read`), and add what was read (`_add`); the rest is common.
    `_add` may refuse what overflows; where `_fits` says yes, it does not.
    """

    @property
    def unsupported(self) -> Mapping[str, str]:
        """Reasons by operation ("unlearn", "scale" or "merge"), for those not supported."""
        return {}

    def __init__(self) -> None:
        self._n = self._n_low = self._h = self._h_low = 0.0
        self._log_base = self._log_base_low = 0.0

    @property
    def n(self) -> float:
        """Total weight of the data."""
        return self._n + self._n_low

    @property
    def log_base(self) -> float:
        """Weighted sum of the log base measures of the data."""
        return self._h + self._h_low

    def check_supports(self, operation: str) -> None:
        """Refuse an operation that is not supported.

        Raises
        ------
        UnsupportedError
            If it is in `unsupported`; the message gives the reason.
        """
        reason = self.unsupported.get(operation)
        if reason is not None:
            raise UnsupportedError(f"{type(self).__name__} statistics cannot {operation}: {reason}")

    def _read(self, x: object) -> cython.int:
        raise NotImplementedError

    def _add(self, w: cython.double) -> cython.int:
        raise NotImplementedError

    def _add_common(self, n: cython.double, h: cython.double) -> cython.void:
        s: cython.double = self._n + n
        self._n_low += lost(self._n, n, s)
        self._n = s
        if h != 0.0:
            s = self._h + h
            self._h_low += lost(self._h, h, s)
            self._h = s

    def _add_base_low(self, w: cython.double) -> cython.void:
        """Add what rounding took from `w` times a log base measure that was read."""
        if w == 1.0:
            self._h_low += self._log_base_low
            return
        product: cython.double = w * self._log_base
        self._h_low += lost_product(w, self._log_base, product) + w * self._log_base_low

    def _observe(self, x: object, w: cython.double) -> cython.int:
        self._read(x)
        if w != 0.0:
            self._add(w)
        return 0

    def _observe_one(self, x: object) -> cython.int:
        self._observe(x, 1.0)
        return 0

    def _fits(self, w: cython.double) -> cython.bint:
        return False

    def observe(self, x: Any, w: Any = 1.0) -> None:
        """Add one observation with weight `w`; refused input changes nothing."""
        self._observe(x, weight(w))

    def remove(self, x: Any, w: Any = 1.0) -> None:
        """Remove one observation; removing more than was added is refused."""
        v: cython.double = weight(w)
        self._read(x)
        self._check_remove(v)
        self._subtract(v)

    def _check_remove(self, v: cython.double) -> cython.int:
        n: cython.double = self._n + self._n_low
        if v > n * (1.0 + SLACK):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        if v >= n * (1.0 - NOTHING):
            if n > 0.0:
                self._check_removable(n, True)
        elif v != 0.0:
            self._check_removable(v, False)
        return 0

    def _subtract(self, v: cython.double) -> cython.int:
        if v >= (self._n + self._n_low) * (1.0 - NOTHING):
            self.clear()
        elif v != 0.0:
            self._add(-v)
        return 0

    def _check_removable(self, w: float, last: bool) -> None:
        """Refuse to take away what `_read` holds where that cannot have been seen."""

    def is_possible(self) -> bool:
        """Whether some data have these sums, up to rounding."""
        return isfinite(self._n) and isfinite(self._h) and self._n + self._n_low >= 0.0

    def clear(self) -> None:
        """Remove all data."""
        self._n = self._n_low = self._h = self._h_low = 0.0

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        self._n, self._n_low = scaled(self._n, self._n_low, factor)
        self._h, self._h_low = scaled(self._h, self._h_low, factor)

    def merge(self, other: Any) -> None:
        """Add the data of another accumulator of the same kind."""
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


class PythonStatistics(Statistics):
    """Base class of statistics that are written in plain Python.

    A subclass declares `initial`, the sums of no observations, and defines `read`, `add`, `join`
    and `value`. If an operation cannot be supported, `unsupported` gives the reason.

    Examples
    --------
    >>> class Largest(PythonStatistics):
    ...     initial = (0.0,)
    ...     unsupported = {"unlearn": "the second largest is not kept"}
    ...     def read(self, x):
    ...         return float(x), 0.0
    ...     def add(self, sums, x, w):
    ...         return (max(sums[0], x),)
    ...     def join(self, sums, others):
    ...         return (max(sums[0], others[0]),)
    ...     @property
    ...     def value(self):
    ...         return self.n, self.sums[0]
    >>> largest = Largest()
    >>> largest.observe(3)
    >>> largest.value
    (1.0, 3.0)
    """

    @property
    def initial(self) -> tuple[float, ...]:
        """The sums of no observations; a subclass may declare an attribute."""
        raise NotImplementedError

    def __init__(self) -> None:
        Statistics.__init__(self)
        self.sums = self.initial
        self._term: Any = None

    def read(self, x: Any) -> tuple[Any, float]:
        """Return the sufficient statistic of an observation, and its log base measure.

        Raises
        ------
        ObservationError
            If the observation is outside the support.
        """
        raise NotImplementedError

    def add(self, sums: tuple[float, ...], term: Any, w: float) -> tuple[float, ...]:
        """Return the sums after one more observation; a negative weight takes it away."""
        raise NotImplementedError

    def join(self, sums: tuple[float, ...], others: tuple[float, ...]) -> tuple[float, ...]:
        """Return the sums of two sets of observations together; by default they are added."""
        return tuple(mine + theirs for mine, theirs in zip(sums, others, strict=True))

    def _read(self, x: object) -> cython.int:
        self._term, self._log_base = self.read(x)
        return 0

    def _add(self, w: cython.double) -> cython.int:
        if not (isfinite(self._n + w) and isfinite(self._h + w * self._log_base)):
            raise ObservationError("the weight is too large: its sum overflows")
        self._set_sums(self.add(self.sums, self._term, w))
        self._add_common(w, w * self._log_base)
        return 0

    def _set_sums(self, sums: tuple[float, ...]) -> None:
        for each in sums:
            if not isfinite(each):
                raise ObservationError("the observation is too large: its statistic overflows")
        self.sums = sums

    def _check_remove(self, v: cython.double) -> cython.int:
        self.check_supports("unlearn")
        Statistics._check_remove(self, v)
        return 0

    def clear(self) -> None:
        """Remove all data."""
        Statistics.clear(self)
        self.sums = self.initial

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        self.check_supports("scale")
        Statistics.scale(self, factor)
        self.sums = tuple(factor * each for each in self.sums)

    def merge(self, other: Any) -> None:
        """Add the data of another accumulator of the same kind."""
        self.check_supports("merge")
        n, n_low, h, h_low, *others = other.dump()
        if not (isfinite(self._n + n) and isfinite(self._h + h)):
            raise ObservationError("the statistics are too large: their sum overflows")
        self._set_sums(self.join(self.sums, tuple(others)))
        self._add_common(n, h)
        self._add_common(n_low, h_low)

    def dump(self) -> tuple[float, ...]:
        """Return weight and log base measure, each with its rounding error, and the sums."""
        return (self._n, self._n_low, self._h, self._h_low, *self.sums)

    def load(self, dumped: Any) -> None:
        """Restore what `dump` returned."""
        self._n, self._n_low, self._h, self._h_low = dumped[:4]
        self.sums = tuple(dumped[4:])


class Learner:
    """The methods of a state that learn, compiled so that they reach the statistics directly."""

    _statistics: Statistics

    def learn_one(self, x: Any, w: Any = ONE) -> None:
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
            If `x` is outside the support or `w` is invalid. The state is then unchanged.
        """
        v: cython.double
        if w is ONE:  # the most frequent case, and the cheapest to recognise
            self._statistics._observe_one(x)
            return
        if type(w) is float:
            v = w
        else:
            v = read_weight(w)
        if not (isfinite(v) and v >= 0.0):
            v = read_weight(w)
        self._statistics._observe(x, v)

    def update(self, x: Any, w: Any = 1.0) -> None:
        """Absorb one observation: `learn_one` under the name that River's `proba` uses."""
        self._statistics._observe(x, weight(w))

    def unlearn_one(self, x: Any, w: Any = 1.0) -> None:
        """Remove one observation: the exact inverse of `learn_one`.

        Raises
        ------
        ObservationError
            If `x` is outside the support, or more would be removed than was learned.
        """
        self._statistics.remove(x, w)

    def revert(self, x: Any, w: Any = 1.0) -> None:
        """Remove one observation: `unlearn_one` under the name that River's `proba` uses."""
        self._statistics.remove(x, w)
