"""Statistics of observations with several named fields, with one accumulator per field."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from seqbayes.errors import ObservationError, UnsupportedError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.seqbayes.statistics.base import UNLEARN_TOLERANCE, Statistics
else:
    from seqbayes.statistics.base import UNLEARN_TOLERANCE, Statistics

from seqbayes.statistics.reading import as_real, is_missing, raise_invalid
from seqbayes.statistics.sums import as_sum


class FieldStatistic(NamedTuple):
    """The sufficient statistics, keyed by field, and the families that interpret them."""

    fields: dict[Any, Any]
    families: tuple[Any, ...]


@cython.cclass
class FieldSums(Statistics):
    """The accumulators of named fields; either all of them learn an observation, or none does.

    An observation is a mapping from name to value, or a sequence of one value per field, in order.
    A field that is missing in a mapping learns nothing, so every field has a separate weight.

    Parameters
    ----------
    parts
        Mapping from name to accumulator. Bulk learning may add to the accumulators directly; it
        must then add the number of observations with `add_sums`.
    families
        The family of each field; `value` returns them with the statistics.
    """

    parts = cython.declare(dict, visibility="readonly")
    families = cython.declare(tuple, visibility="readonly")
    _reading: list[Statistics]

    def __init__(self, parts: dict[Any, Statistics], families: tuple[Any, ...] = ()) -> None:
        Statistics.__init__(self)
        self.parts = dict(parts)
        self.families = families
        self._reading = []  # the accumulators of the fields in the observation

    @property
    def unsupported(self) -> dict[str, str]:
        """The operations that at least one field does not support, each with the reason."""
        return {
            operation: f"field {reprlib.repr(name)}: {reason}"
            for name, part in self.parts.items()
            for operation, reason in part.unsupported.items()
        }

    @property
    def log_base(self) -> float:
        """Weighted sum of the log base measures of the data, over all fields."""
        return math.fsum(part.log_base for part in self.parts.values())

    @property
    def value(self) -> FieldStatistic:
        """The sufficient statistic of every field."""
        return FieldStatistic(
            {name: part.value for name, part in self.parts.items()}, self.families
        )

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        self._reading = []
        if type(x) is dict:
            self._read_mapping(x)
        elif not isinstance(x, (list, tuple)) and isinstance(x, Mapping):
            self._read_mapping(dict(x))
        else:
            self._read_sequence(x)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read_mapping(self, x: dict[Any, Any]) -> cython.int:
        part: Statistics
        for name, value in x.items():
            found = self.parts.get(name)
            if found is None:
                known = ", ".join(map(reprlib.repr, list(self.parts)[:12]))
                more = ", …" if len(self.parts) > 12 else ""
                shown = reprlib.repr(name)
                raise ObservationError(f"unknown field {shown}: expected some of {known}{more}")
            part = found
            self._read_field(part, name, value)
        if not x:
            raise_invalid(x, "a value for at least one field")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read_sequence(self, x: Any) -> cython.int:
        part: Statistics
        if isinstance(x, np.ndarray) and x.ndim > 0:
            x = x.tolist() if x.ndim == 1 and x.dtype.kind in "biufO" else list(x)
        if not isinstance(x, (list, tuple)) or len(x) != len(self.parts):
            raise_invalid(x, f"a mapping from field to value, or {len(self.parts)} values in order")
        values: list[Any] = list(x)
        i: cython.Py_ssize_t
        for i, name in enumerate(self.parts):
            part = self.parts[name]
            self._read_field(part, name, values[i])
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read_field(self, part: Statistics, name: object, value: object) -> cython.int:
        try:
            part.read_terms(value)
        except ObservationError as error:
            one = not isinstance(value, np.ndarray)  # `is_missing` does not accept arrays
            hint = " (leave a missing field out)" if one and is_missing(value) else ""
            raise ObservationError(f"field {reprlib.repr(name)}: {error}{hint}") from None
        self._reading.append(part)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def fits(self, w: cython.double) -> cython.bint:
        """Whether the observation that was read can be added without overflow."""
        part: Statistics
        for found in self._reading:
            part = found
            if not part.fits(w):
                return False
        return self._n.fits(w)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add_terms(self, w: cython.double) -> cython.int:
        """Add the observation that was read, times a weight."""
        part: Statistics
        if not self._n.fits(w):
            raise ObservationError("the weight is too large: its sum overflows")
        saved = None if self.fits(w) else self._save()
        try:
            for found in self._reading:
                part = found
                part.add_terms(w)
        except ObservationError:
            if saved is not None:
                self._restore(saved)
            raise
        self._count(w)
        return 0

    def _save(self) -> dict[Any, Any]:
        return {name: part.dump() for name, part in self.parts.items()}

    def _restore(self, saved: dict[Any, Any]) -> None:
        for name, dumped in saved.items():
            self.parts[name].load(dumped)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def check_remove(self, v: cython.double) -> cython.int:
        """Raise an error if more would be removed than was added."""
        part: Statistics
        n: cython.double = self._n.total()
        left: cython.double = n - v + UNLEARN_TOLERANCE * n
        if v > n * (1.0 + UNLEARN_TOLERANCE):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        kept: cython.double = -v * len(self._reading)
        for found in self._reading:
            part = found
            try:
                part.check_remove(v)
            except UnsupportedError:
                self.check_supports("unlearn")  # this error names the field
                raise
        read = set(map(id, self._reading))
        for found in self.parts.values():
            part = found
            kept += part.n
            if id(found) not in read and part.n > left:
                raise ObservationError("cannot unlearn what was not learned: it had more fields")
        if kept < left - 2.0 * UNLEARN_TOLERANCE * n:
            raise ObservationError("cannot unlearn what was not learned: it had fewer fields")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def subtract(self, v: cython.double) -> cython.int:
        """Remove the observation that was read, times a weight."""
        part: Statistics
        if v == 0.0:
            return 0
        if self._is_last(self._n, v):
            self.clear()
        else:
            for found in self._reading:
                part = found
                part.subtract(v)
            self._count(-v)
        return 0

    def add_sums(self, n: Any) -> None:
        """Add the weight of many observations that were already added to `parts`."""
        weights = as_sum(n)
        self.join_sums((weights, as_sum(0.0)), weights.smallest_magnitude)

    def is_possible(self) -> bool:
        """Whether data with these sums can exist, up to rounding errors."""
        n: cython.double = self._n.total()
        weights = [part.n for part in self.parts.values()]
        return (
            Statistics.is_possible(self)
            and all(part.is_possible() for part in self.parts.values())
            and max(weights) <= n * (1.0 + UNLEARN_TOLERANCE)
            and n <= sum(weights) * (1.0 + UNLEARN_TOLERANCE)
        )

    def clear(self) -> None:
        """Remove all data."""
        Statistics.clear(self)
        for part in self.parts.values():
            part.clear()

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        Statistics.scale(self, factor)
        for part in self.parts.values():
            part.scale(factor)

    def merge(self, other: Any) -> None:
        """Add the data of another accumulator of the same fields; on error, nothing changes."""
        saved = self._save()
        try:
            for name, part in self.parts.items():
                part.merge(other.parts[name])
            Statistics.merge(self, other)
        except ObservationError:
            self._restore(saved)
            raise

    def dump(self) -> tuple[Any, ...]:
        """Return n, its rounding error, and the dump of every field, in order."""
        return (*self._n.pair(), tuple(part.dump() for part in self.parts.values()))

    def load(self, dumped: Any) -> None:
        """Restore the data that `dump` returned."""
        n, n_low, parts = dumped
        Statistics.load(self, (n, n_low, 0.0, 0.0))
        for part, each in zip(self.parts.values(), parts, strict=True):
            part.load(each)


@cython.cclass
class HurdleSums(FieldSums):
    """Two accumulators: for whether there is an amount, and for the amounts.

    An observation is a number. Zero means that there is no amount.

    Parameters
    ----------
    parts
        Mapping from name to accumulator: the first of two accumulators is for trials.
    families
        As in `FieldSums`.
    """

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        share: Statistics
        amount: Statistics
        value: cython.double = as_real(x, "a finite number")
        first, second = self.parts.values()
        share, amount = first, second
        self._reading = [share]
        share.read_terms(value != 0.0)
        if value != 0.0:
            amount.read_terms(x)
            self._reading.append(amount)
        return 0
