"""Base classes of statistics, and the learning methods of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError, UnsupportedError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite, ldexp
    from cython.cimports.seqbayes.statistics.adding import add, add_one, add_product, new_sum
    from cython.cimports.seqbayes.statistics.reading import weight
    from cython.cimports.seqbayes.statistics.sums import Sum
else:
    from math import isfinite, ldexp

    from seqbayes.statistics.adding import add, add_one, add_product, new_sum
    from seqbayes.statistics.reading import weight
    from seqbayes.statistics.sums import Sum

from seqbayes.statistics.reading import read_weight

# The default weight of an observation.
ONE = cython.declare(object, 1.0)
# A weight that remains after unlearning is a rounding error if it is between these shares of the
# weight before unlearning, and below a share of the smallest weight learned.
MIN_ROUNDING_SHARE = cython.declare(cython.double, 2.0**-150)
MAX_ROUNDING_SHARE = cython.declare(cython.double, 4.5e-16)
NEGLIGIBLE_SHARE = cython.declare(cython.double, 1e-3)
# Largest relative difference between an unlearned value and the learned one.
UNLEARN_TOLERANCE = 1e-9


class Statistics:
    """The sufficient statistics of observed data under one likelihood.

    A subclass reads an observation (`read_terms`) and adds its terms (`add_terms`). `add_terms` may
    raise an error on overflow, but not if `fits` returns true. All sums are exact, so that
    unlearning is the exact inverse of learning.
    """

    @property
    def unsupported(self) -> Mapping[str, str]:
        """The unsupported operations ("unlearn", "scale" or "merge"), each with the reason."""
        return {}

    def __init__(self) -> None:
        self._n = new_sum()
        self._h = new_sum()
        self._log_base = self._log_base_low = 0.0
        self._smallest_weight = float("inf")

    @property
    def n(self) -> float:
        """Total weight of the data."""
        return self._n.total()

    @property
    def log_base(self) -> float:
        """Weighted sum of the log base measures of the data."""
        return self._h.total()

    def check_supports(self, operation: str) -> None:
        """Raise an error if an operation is not supported.

        Raises
        ------
        UnsupportedError
            If the operation is in `unsupported`; the message gives the reason.
        """
        reason = self.unsupported.get(operation)
        if reason is not None:
            raise UnsupportedError(f"{type(self).__name__} statistics cannot {operation}: {reason}")

    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        raise NotImplementedError

    def add_terms(self, w: cython.double) -> cython.int:
        """Add the last observation read, times a weight."""
        raise NotImplementedError

    def _count(self, w: cython.double) -> cython.int:
        """Add the weight of an observation, and its log base measure."""
        if w == 1.0:
            add_one(self._n)
        else:
            add(self._n, w)
        if w < self._smallest_weight and w > 0.0:
            self._smallest_weight = w
        if self._log_base != 0.0:
            if w == 1.0:
                add(self._h, self._log_base)
            else:
                add_product(self._h, self._log_base, w)
            if self._log_base_low != 0.0:
                self._h.add_low(self._log_base_low * w)
        return 0

    def observe_weighted(self, x: object, w: cython.double) -> cython.int:
        """Add one observation, times a weight."""
        self.read_terms(x)
        if w != 0.0:
            self.add_terms(w)
        return 0

    def observe_unit(self, x: object) -> cython.int:
        """Add one observation."""
        self.observe_weighted(x, 1.0)
        return 0

    def fits(self, w: cython.double) -> cython.bint:
        """Whether the last observation read can be added without overflow."""
        return False

    def observe(self, x: Any, w: Any = 1.0) -> None:
        """Add one observation with weight `w`; invalid input changes nothing."""
        self.observe_weighted(x, weight(w))

    def remove(self, x: Any, w: Any = 1.0) -> None:
        """Remove one observation; raise an error if this would remove more than was added."""
        v: cython.double = weight(w)
        self.read_terms(x)
        self.check_remove(v)
        self.subtract(v)

    def _is_last(self, weights: Sum, v: cython.double) -> cython.bint:
        """Whether removing a weight from a sum of weights leaves only a rounding error."""
        left: cython.double
        weights.renormalise()
        left = (weights.high - v) + weights.low
        return left <= 0.0 or (
            MIN_ROUNDING_SHARE * weights.high <= left <= MAX_ROUNDING_SHARE * weights.high
            and left <= NEGLIGIBLE_SHARE * self._smallest_weight
        )

    def check_remove(self, v: cython.double) -> cython.int:
        """Raise an error if the removal of a weight would remove more than was added."""
        n: cython.double = self._n.total()
        if v > n * (1.0 + UNLEARN_TOLERANCE):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        if v != 0.0:
            last: cython.bint = self._is_last(self._n, v)
            self.check_removable(n if last else v, last)
        return 0

    def subtract(self, v: cython.double) -> cython.int:
        """Remove the last observation read, times a weight."""
        if v != 0.0:
            if self._is_last(self._n, v):
                self.clear()
            else:
                self.add_terms(-v)
        return 0

    def check_removable(self, w: cython.double, last: cython.bint) -> cython.int:
        """Raise an error if the sums show that the last observation read was never added."""
        return 0

    def is_possible(self) -> bool:
        """Whether data with these sums can exist, up to rounding errors; validates stored sums."""
        n: cython.double = self._n.total()
        return isfinite(n) and isfinite(self._h.total()) and n >= 0.0

    def all_sums(self) -> tuple[Sum, ...]:
        """Return all sums; the methods that are common to all kinds of statistics use them."""
        return self._n, self._h

    # Many rows of statistics, stored in columns (see `Columns`).

    def row_sums(self) -> tuple[Sum, ...]:
        """Return the sums that make up a row of a table; their number is always the same.

        Raises
        ------
        UnsupportedError
            If the statistics are not a fixed number of sums.
        """
        raise UnsupportedError(f"{type(self).__name__} statistics cannot be rows of a table")

    def reset_smallest_weight(self) -> None:
        """Estimate the smallest weight after the sums were replaced, by an upper bound.

        Weights have 53 bits, so that the last bit of their exact sum bounds the smallest weight.
        """
        total: cython.double = self._n.total()
        self._smallest_weight = total if total != 0.0 else float("inf")
        if self._n.low != 0.0:
            last_bit = -self._n.parts()[-1].as_integer_ratio()[1].bit_length() + 1
            self._smallest_weight = min(total, ldexp(1.0, last_bit + 53))

    def read_numbers(self, x: cython.double, y: cython.double) -> cython.int:
        """Read one observation from two validated numbers; see `Likelihood.read_many`."""
        raise NotImplementedError

    def list_terms(self, w: cython.double, where: Any, terms: Any) -> cython.int:
        """Write the nonzero terms of the last observation read, times a weight, to arrays.

        Parameters
        ----------
        w
            The weight.
        where
            Receives the place of each term (see `append`).
        terms
            Receives the terms: at most four for each sum, ordered by magnitude.

        Returns
        -------
        int
            The number of terms; -1 if a product could overflow.
        """
        return -1

    def possible_rows(self, totals: Sequence[Any]) -> Any:
        """Return, for each row, whether data with its sums can exist; see `is_possible`.

        Parameters
        ----------
        totals
            The rounded sums of the rows, an array for each of `row_sums`.
        """
        return np.isfinite(totals).all(axis=0) & (totals[0] >= 0.0)

    def values(self, sums: Any) -> tuple[Any, Any]:
        """Return the `value` of many rows as arrays, and a mask of rows where it is not accurate.

        The rows in the mask have to be computed one at a time.

        Parameters
        ----------
        sums
            The sums of the rows, as returned by `Columns.sums`.
        """
        raise NotImplementedError

    def clear(self) -> None:
        """Remove all data."""
        each: Sum
        for each in self.all_sums():
            each.clear()
        self._smallest_weight = float("inf")

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        each: Sum
        if factor == 0.0:
            self.clear()
            return
        for each in self.all_sums():
            each.scale(factor)
        self._smallest_weight *= factor

    def merge(self, other: Statistics) -> None:
        """Add the data of another accumulator of the same kind; on error, nothing changes.

        Raises
        ------
        ObservationError
            If a sum overflows.
        """
        self.join_sums(other.all_sums(), other.smallest_weight)

    def join_sums(self, others: tuple[Sum, ...], smallest_weight: float) -> None:
        """Add sums, in the order of `all_sums`, if none overflows."""
        mine: Sum
        theirs: Sum
        sums = tuple(zip(self.all_sums(), others, strict=True))
        for mine, theirs in sums:
            if not mine.fits(theirs.total()):
                raise ObservationError("the data are too large: a sum over them overflows")
        for mine, theirs in sums:
            mine.merge(theirs)
        self._smallest_weight = min(self._smallest_weight, smallest_weight)

    @property
    def smallest_weight(self) -> float:
        """The smallest weight of an observation, which is scaled with the data."""
        return self._smallest_weight

    @property
    def value(self) -> Any:
        """The sufficient statistic, as a tuple of numbers or arrays."""
        raise NotImplementedError

    def dump(self) -> tuple[Any, ...]:
        """Return all sums as plain numbers and containers; `load` reads them back.

        Each sum is followed by its rounding error: a number, or a tuple of numbers.
        """
        n, n_low, *others = (part for each in self.all_sums() for part in each.dump())
        return n, n_low, *others[2:], *others[:2]

    def numbers(self) -> tuple[float, ...]:
        """Return the result of `dump` with at most one rounding error per sum."""
        return tuple(v[0] if isinstance(v, tuple) else v for v in self.dump())

    def load(self, dumped: Any) -> None:
        """Restore the data that `dump` returned."""
        n, n_low, *others = dumped
        parts = (n, n_low, *others[-2:], *others[:-2])
        for each, high, low in zip(self.all_sums(), parts[::2], parts[1::2], strict=True):
            each.load(high, low)
        self.reset_smallest_weight()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return bool(self.dump() == other.dump())

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.dump()!r}"


class Learner:
    """The learning methods of a state, compiled so that they access the statistics directly."""

    _statistics: Statistics

    def learn_unweighted(self, x: object) -> cython.int:
        """Learn one observation, from compiled code, without the overhead of a Python call."""
        self._statistics.observe_unit(x)
        return 0

    def learn_one(self, x: Any, w: Any = ONE) -> None:
        """Learn one observation.

        Parameters
        ----------
        x
            The observation, of the type that the likelihood expects.
        w
            Weight, finite and >= 0; may be fractional. Weight 2 is equivalent to learning twice.

        Raises
        ------
        ObservationError
            If `x` is outside the support or `w` is invalid. The state is then unchanged.
        """
        v: cython.double
        if w is ONE:  # the most frequent case, recognised by identity
            self._statistics.observe_unit(x)
            return
        if type(w) is float:
            v = w
        else:
            v = read_weight(w)
        if not (isfinite(v) and v >= 0.0):
            v = read_weight(w)
        self._statistics.observe_weighted(x, v)

    def update(self, x: Any, w: Any = 1.0) -> None:
        """Learn one observation: `learn_one` under the name used by River's `proba` module."""
        self._statistics.observe_weighted(x, weight(w))

    def unlearn_one(self, x: Any, w: Any = 1.0) -> None:
        """Remove one observation: the exact inverse of `learn_one`.

        Raises
        ------
        ObservationError
            If `x` is outside the support, or more would be removed than was learned.
        """
        self._statistics.remove(x, w)

    def revert(self, x: Any, w: Any = 1.0) -> None:
        """Remove one observation: `unlearn_one` under the name used by River's `proba` module."""
        self._statistics.remove(x, w)
