"""Counts of labels, of a closed or an open vocabulary."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite
    from cython.cimports.seqbayes.statistics.base import NOISE, NOTHING, SLACK, Statistics
    from cython.cimports.seqbayes.statistics.exact import lost
    from cython.cimports.seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        log_choose_pair,
        log_factorial,
        shifted_log_factorial,
    )
    from cython.cimports.seqbayes.statistics.reading import count
else:
    from math import isfinite

    from seqbayes.statistics.base import NOISE, NOTHING, SLACK, Statistics
    from seqbayes.statistics.exact import lost
    from seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        log_choose_pair,
        log_factorial,
        shifted_log_factorial,
    )
    from seqbayes.statistics.reading import count

from seqbayes.statistics.base import scaled
from seqbayes.statistics.reading import is_missing, plain_label, refuse


@cython.final
@cython.cclass
class Cell:
    """The weight of one label, and what rounding took from it."""

    high: cython.double
    low: cython.double

    def __init__(self, high: cython.double = 0.0, low: cython.double = 0.0) -> None:
        self.high = high
        self.low = low

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def add(self, w: cython.double) -> cython.void:
        """Add a weight, of whatever sign."""
        s: cython.double = self.high + w
        self.low += lost(self.high, w, s)
        self.high = s

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def weight(self) -> cython.double:
        """Return the weight, rounded once."""
        return self.high + self.low


@cython.cclass
class LabelCounts(Statistics):
    """Weight of every label; a closed vocabulary is given, an open one grows."""

    # by label, in order; only its keys are of use to others
    cells = cython.declare(dict, visibility="readonly")
    _closed: cython.bint
    _label: object

    def __init__(self, categories: tuple[Any, ...] | None = None) -> None:
        Statistics.__init__(self)
        self._closed = categories is not None
        self.cells = {label: Cell() for label in categories or ()}
        self._label = None

    @property
    def counts(self) -> dict[Any, float]:
        """The weights by label."""
        cell: Cell
        counts = {}
        for label, cell in self.cells.items():
            counts[label] = cell.weight()
        return counts

    @property
    def value(self) -> Any:
        """The weights: by label, or of a closed vocabulary as an array in its order."""
        counts = self.counts
        return np.fromiter(counts.values(), float, len(counts)) if self._closed else counts

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _observe(self, x: object, w: cython.double) -> cython.int:
        # the commonest events, looked up once: a label that is known, and hashable for sure
        if (type(x) is str or type(x) is int) and w > 0.0 and isfinite(self._n + w):
            found = self.cells.get(x)
            if found is not None:
                cell: Cell = found
                cell.add(w)
                self._add_common(w, 0.0)
                return 0
        Statistics._observe(self, x, w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: object) -> cython.int:
        try:
            known = x in self.cells
        except TypeError:
            refuse(x, "a hashable label")
        self._label = x if known else self._new(x)
        return 0

    def _new(self, x: Any) -> Any:
        """Return a label that was never seen as it will be kept, if it may join."""
        if self._closed:
            known = ", ".join(repr(label) for label in list(self.cells)[:12])
            more = ", …" if len(self.cells) > 12 else ""
            raise ObservationError(
                f"unknown category {reprlib.repr(x)}: expected one of {known}{more}"
                " (an open vocabulary needs a DirichletProcess)"
            )
        if is_missing(x):
            refuse(x, "a label, not a missing value")
        return plain_label(x)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        self._check_total(w)
        self._cell(self._label).add(w)
        self._add_common(w, 0.0)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _fits(self, w: cython.double) -> cython.bint:
        return isfinite(self._n + w)

    @cython.cfunc
    def _cell(self, label: object) -> Cell:
        """Return the cell of a label, which joins if it is new."""
        cell = self.cells.get(label)
        if cell is None:
            cell = self.cells[label] = Cell()
        return cell

    @cython.cfunc
    @cython.exceptval(-1.0, check=True)
    def _seen(self, label: object) -> cython.double:
        """Return the weight of a label."""
        found = self.cells.get(label)
        if found is None:
            return 0.0
        cell: Cell = found
        return cell.weight()

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _check_total(self, w: cython.double) -> cython.int:
        if not isfinite(self._n + w):
            raise ObservationError("the weight is too large: its sum overflows")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _check_remove(self, v: cython.double) -> cython.int:
        seen: cython.double = self._seen(self._label)
        if v > seen * (1.0 + SLACK):
            x = reprlib.repr(self._label)
            raise ObservationError(f"cannot unlearn weight {v:g} of {x}: only {seen:g} was learned")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _subtract(self, v: cython.double) -> cython.int:
        if v >= self._seen(self._label) * (1.0 - NOTHING):
            found = self.cells.get(self._label)
            if found is not None:
                cell: Cell = found
                self._add_common(-cell.high, 0.0)
                self._add_common(-cell.low, 0.0)
            self._drop(self._label)
            if not any(self.counts.values()):
                self.clear()
        else:
            self._add(-v)
        return 0

    def _drop(self, label: Any) -> None:
        if self._closed:
            self.cells[label] = Cell()
        else:
            self.cells.pop(label, None)

    def absorb(self, counts: dict[Any, float], n: float, log_base: float) -> None:
        """Add the weights of many observations at once."""
        w: cython.double
        self._check_total(n)
        for label, w in counts.items():
            if not isfinite(self._seen(label) + w):
                raise ObservationError("the observation is too large: its count overflows")
        for label, w in counts.items():
            self._cell(label).add(w)
        self._add_common(n, log_base)

    def is_possible(self) -> bool:
        """Whether something can have been seen that has these sums, up to rounding."""
        least: cython.double = -SLACK * self._n
        return Statistics.is_possible(self) and all(w >= least for w in self.counts.values())

    def clear(self) -> None:
        """Forget everything."""
        Statistics.clear(self)
        self.cells = {label: Cell() for label in self.cells} if self._closed else {}

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        cell: Cell
        Statistics.scale(self, factor)
        for cell in self.cells.values():
            cell.high, cell.low = scaled(cell.high, cell.low, factor)
        if factor == 0.0:
            self.clear()

    def merge(self, other: Any) -> None:
        """Add what another accumulator of the same kind has seen."""
        labels, weights, low, n, n_low, h, h_low = other.dump()
        self.absorb(dict(zip(labels, weights, strict=True)), n, h)
        self.absorb({k: v for k, v in zip(labels, low, strict=True) if v}, n_low, h_low)

    def dump(self) -> tuple[Any, ...]:
        """Return (labels, weights, n and the log base), sums followed by their rounding errors."""
        cell: Cell
        weights, low = [], []
        for cell in self.cells.values():
            weights.append(cell.high)
            low.append(cell.low)
        sums = (self._n, self._n_low, self._h, self._h_low)
        return (tuple(self.cells), tuple(weights), tuple(low), *sums)

    def load(self, dumped: Any) -> None:
        """Restore what `dump` returned."""
        labels, weights, low, self._n, self._n_low, self._h, self._h_low = dumped
        self.cells = {label: Cell(w, v) for label, w, v in zip(labels, weights, low, strict=True)}


@cython.cclass
class MultinomialCounts(LabelCounts):
    """Counts of every label, from observations that are themselves counts."""

    _trials: cython.double
    _reading: dict[Any, float]

    def __init__(self, categories: tuple[Any, ...] | None, trials: float | None = None) -> None:
        LabelCounts.__init__(self, categories)
        self._trials = -1.0 if trials is None else trials
        self._reading = {}

    @property
    def log_base_beyond_multinomial(self) -> float:
        """The log base measure less the log multinomial coefficient of all counts.

        They nearly cancel when counts are large.
        """
        cell: Cell
        rest: cython.double = 0.0
        rest_low: cython.double = 0.0
        high: cython.double = self._h
        low: cython.double = self._h_low
        c: cython.double
        c_low: cython.double
        s: cython.double
        for cell in self.cells.values():
            c, c_low = log_choose_pair(cell.high, cell.low, rest, rest_low)
            s = high - c
            low += lost(high, -c, s) - c_low
            high = s
            s = rest + cell.high
            rest_low += lost(rest, cell.high, s) + cell.low
            rest = s
        return high + low

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _observe(self, x: object, w: cython.double) -> cython.int:
        Statistics._observe(self, x, w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _read(self, x: Any) -> cython.int:
        n: cython.double = 0.0
        k: cython.double
        h: cython.double = 0.0
        if not isinstance(x, dict):
            refuse(x, "a dict of counts, one per category")
        reading = {}
        for label, number in x.items():
            if label not in self.cells:
                label = self._new(label)
            k = count(number, f"a whole number >= 0 as the count of {label!r}")
            reading[label] = k
            n += k
        if self._trials >= 0.0 and n != self._trials:
            refuse(x, f"counts that sum to {self._trials:g}")
        self._reading = reading
        self._log_base_low = 0.0
        if LARGE <= n < HUGE:
            self._set_large(n)
        else:
            for k in reading.values():
                h -= log_factorial(k)
            self._log_base = h + log_factorial(n)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _set_large(self, n: cython.double) -> cython.int:
        """Set the log base measure of counts whose sum is large."""
        high: cython.double
        low: cython.double
        c: cython.double
        c_low: cython.double
        k: cython.double
        s: cython.double
        high, low = shifted_log_factorial(n, 0.0)
        for k in self._reading.values():
            c, c_low = shifted_log_factorial(k, 0.0)
            s = high - c
            low += lost(high, -c, s) - c_low
            high = s
        self._log_base = high + low
        self._log_base_low = low - (self._log_base - high)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _add(self, w: cython.double) -> cython.int:
        self.absorb({label: w * k for label, k in self._reading.items()}, w, w * self._log_base)
        if self._log_base_low != 0.0:
            self._add_base_low(w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _fits(self, w: cython.double) -> cython.bint:
        k: cython.double
        for label, k in self._reading.items():
            if not isfinite(self._seen(label) + w * k):
                return False
        return isfinite(self._n + w)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _check_remove(self, v: cython.double) -> cython.int:
        n: cython.double = self._n + self._n_low
        k: cython.double
        seen: cython.double
        if v > n * (1.0 + SLACK):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        last = v >= n * (1.0 - NOTHING)
        for label, seen in self.counts.items():
            k = self._reading.get(label, 0.0)
            if v * k > seen * (1.0 + SLACK) or (last and v * k < seen * (1.0 - SLACK)):
                raise ObservationError(f"cannot unlearn what was not learned of {label!r}")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _subtract(self, v: cython.double) -> cython.int:
        seen: cython.double
        if v >= (self._n + self._n_low) * (1.0 - NOTHING):
            self.clear()
        elif v != 0.0:
            self._add(-v)
            for label, seen in self.counts.items():
                if seen <= NOISE * v * self._reading.get(label, 0.0):
                    self._drop(label)
        return 0
