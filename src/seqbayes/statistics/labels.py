"""Counts of labels, with a closed or an open vocabulary."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite
    from cython.cimports.seqbayes.statistics.base import (
        MAX_ROUNDING_SHARE,
        NEGLIGIBLE_SHARE,
        UNLEARN_TOLERANCE,
        Statistics,
    )
    from cython.cimports.seqbayes.statistics.exact import add, new_sum, rounding_error
    from cython.cimports.seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        log_choose_pair,
        log_factorial,
        shifted_log_factorial,
    )
    from cython.cimports.seqbayes.statistics.reading import count
    from cython.cimports.seqbayes.statistics.sums import Sum
    from cython.cimports.seqbayes.statistics.terms import STRIDE, append
else:
    from math import isfinite

    from seqbayes.statistics.base import (
        MAX_ROUNDING_SHARE,
        NEGLIGIBLE_SHARE,
        UNLEARN_TOLERANCE,
        Statistics,
    )
    from seqbayes.statistics.exact import add, new_sum, rounding_error
    from seqbayes.statistics.factorials import (
        HUGE,
        LARGE,
        log_choose_pair,
        log_factorial,
        shifted_log_factorial,
    )
    from seqbayes.statistics.reading import count
    from seqbayes.statistics.sums import Sum
    from seqbayes.statistics.terms import STRIDE, append

from seqbayes.statistics.reading import is_missing, plain_label, raise_invalid
from seqbayes.statistics.sums import as_sum


@cython.cclass
class LabelCounts(Statistics):
    """Weight of every label. A closed vocabulary is given; an open one grows with the data."""

    # sums by label, in order; other modules use only the keys
    cells = cython.declare(dict, visibility="readonly")
    _closed: cython.bint
    _label: object
    _labels: list[Any]
    _positions: dict[Any, int]
    _position: cython.int

    def __init__(self, categories: tuple[Any, ...] | None = None) -> None:
        Statistics.__init__(self)
        self._closed = categories is not None
        self.cells = {label: new_sum() for label in categories or ()}
        self._label = None
        self._labels = []
        self._positions = {}
        self._position = 0

    @property
    def counts(self) -> dict[Any, float]:
        """The weights by label."""
        cell: Sum
        counts = {}
        for label, cell in self.cells.items():
            counts[label] = cell.total()
        return counts

    @property
    def value(self) -> Any:
        """The weights: a dictionary, or for a closed vocabulary an array in its order."""
        counts = self.counts
        return np.fromiter(counts.values(), float, len(counts)) if self._closed else counts

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def observe_weighted(self, x: object, w: cython.double) -> cython.int:
        """Add one observation, times a weight."""
        # fast path for a known label of a type that is always hashable
        if (type(x) is str or type(x) is int) and w > 0.0 and isfinite(self._n.high + w):
            found = self.cells.get(x)
            if found is not None:
                cell: Sum = found
                add(cell, w)
                add(self._n, w)
                if w < self._smallest_weight:
                    self._smallest_weight = w
                return 0
        Statistics.observe_weighted(self, x, w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: object) -> cython.int:
        """Read one observation."""
        try:
            known = x in self.cells
        except TypeError:
            raise_invalid(x, "a hashable label")
        self._label = x if known else self._new(x)
        self._position = -1
        return 0

    def _new(self, x: Any) -> Any:
        """Return the form in which a new label is stored, if the vocabulary is open."""
        if self._closed:
            known = ", ".join(repr(label) for label in list(self.cells)[:12])
            more = ", …" if len(self.cells) > 12 else ""
            raise ObservationError(
                f"unknown category {reprlib.repr(x)}: expected one of {known}{more}"
                " (an open vocabulary needs a DirichletProcess)"
            )
        if is_missing(x):
            raise_invalid(x, "a label, not a missing value")
        return plain_label(x)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add_terms(self, w: cython.double) -> cython.int:
        """Add the observation that was read, times a weight."""
        self._check_total(w)
        self._cell(self._label).add(w)
        self._count(w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def fits(self, w: cython.double) -> cython.bint:
        """Whether the observation that was read can be added without overflow."""
        return self._n.fits(w)

    def row_sums(self) -> tuple[Sum, ...]:
        """Return the sums that make up a row of a table, if the vocabulary is closed.

        Raises
        ------
        UnsupportedError
            If the vocabulary is open.
        """
        if not self._closed:
            return Statistics.row_sums(self)
        return self._n, self._h, *self.cells.values()

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_numbers(self, x: cython.double, _: cython.double) -> cython.int:
        """Read one observation from the position of its label in a closed vocabulary."""
        if len(self._labels) != len(self.cells):
            self._labels = list(self.cells)
        self._position = cython.cast(cython.int, x)
        self._label = self._labels[self._position]
        return 0

    @cython.cfunc
    @cython.exceptval(-2, check=True)
    def list_terms(
        self, w: cython.double, where: cython.p_int, terms: cython.p_double
    ) -> cython.int:
        """Write the terms of the observation that was read, times a weight."""
        if self._position < 0:
            self._position = self._find_position(self._label)
        k: cython.int = append(where, terms, 0, 0, w)
        return append(where, terms, k, STRIDE * (2 + self._position), w)

    def _find_position(self, label: Any) -> int:
        """Return the position of a label of a closed vocabulary."""
        if len(self._positions) != len(self.cells):
            self._positions = {each: i for i, each in enumerate(self.cells)}
        return self._positions[label]

    def values(self, sums: Any) -> tuple[Any, Any]:
        """Return `value` of many rows: an array with one column per label."""
        counts = np.stack([high for high, _, _ in sums[2:]], axis=1)
        return counts, np.zeros(len(counts), bool)

    @cython.cfunc
    def _cell(self, label: object) -> Sum:
        """Return the sum for a label; a new label is added."""
        cell = self.cells.get(label)
        if cell is None:
            cell = self.cells[label] = new_sum()
        return cell

    @cython.cfunc
    @cython.exceptval(-1.0, check=True)
    def _weight(self, label: object) -> cython.double:
        found = self.cells.get(label)
        if found is None:
            return 0.0
        cell: Sum = found
        return cell.total()

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def _check_total(self, w: cython.double) -> cython.int:
        if not self._n.fits(w):
            raise ObservationError("the weight is too large: its sum overflows")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def check_remove(self, v: cython.double) -> cython.int:
        """Refuse to remove more than was added."""
        learned: cython.double = self._weight(self._label)
        if v > learned * (1.0 + UNLEARN_TOLERANCE):
            x = reprlib.repr(self._label)
            raise ObservationError(
                f"cannot unlearn weight {v:g} of {x}: only {learned:g} was learned"
            )
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def subtract(self, v: cython.double) -> cython.int:
        """Remove the observation that was read, times a weight."""
        found = self.cells.get(self._label)
        if found is None:
            return 0
        cell: Sum = found
        if self._is_last(cell, v):
            self._n.add_scaled(cell, -1.0)
            self._drop(self._label)
            if not any(self.counts.values()):
                self.clear()
        else:
            self.add_terms(-v)
        return 0

    def _drop(self, label: Any) -> None:
        if self._closed:
            self.cells[label] = new_sum()
        else:
            self.cells.pop(label, None)

    def observe_label(self, label: Any, weight: Any) -> None:
        """Add a label, with the weight of all its observations: a number, or a `Sum`."""
        w: Sum = as_sum(weight)
        self.read_terms(label)
        if w.total() != 0.0:
            self._join_labels({self._label: w}, (w, as_sum(0.0)), w.smallest)

    def add_sums(self, counts: dict[Any, float], n: float, log_base: float) -> None:
        """Add the weights of many observations at once."""
        weights: Sum = as_sum(n)
        added = {label: as_sum(w) for label, w in counts.items()}
        self._join_labels(added, (weights, as_sum(log_base)), weights.smallest)

    def _join_labels(
        self, added: dict[Any, Sum], others: tuple[Sum, ...], smallest_weight: float
    ) -> None:
        mine: Sum
        theirs: Sum
        for label, theirs in added.items():
            mine = self.cells.get(label) or theirs
            if not mine.fits(theirs.total()):
                raise ObservationError("the observation is too large: its count overflows")
        self.join_sums(others, smallest_weight)
        for label, theirs in added.items():
            self._cell(label).merge(theirs)

    def is_possible(self) -> bool:
        """Whether some data have these sums, up to rounding."""
        lowest: cython.double = -UNLEARN_TOLERANCE * self._n.total()
        return Statistics.is_possible(self) and all(w >= lowest for w in self.counts.values())

    def clear(self) -> None:
        """Remove all data."""
        Statistics.clear(self)
        self.cells = {label: new_sum() for label in self.cells} if self._closed else {}

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        cell: Sum
        Statistics.scale(self, factor)
        for cell in self.cells.values():
            cell.scale(factor)

    def merge(self, other: Any) -> None:
        """Add the data of another accumulator of the same kind; all of it, or nothing."""
        self._join_labels(dict(other.cells), other.all_sums(), other.smallest_weight)

    def dump(self) -> tuple[Any, ...]:
        """Return labels, their weights, n and the log base.

        The weights and the other sums are each followed by their rounding errors.
        """
        weights = [cell.dump() for cell in self.cells.values()]
        sums = Statistics.dump(self)
        return (
            tuple(self.cells),
            tuple(w for w, _ in weights),
            tuple(v for _, v in weights),
            *sums,
        )

    def load(self, dumped: Any) -> None:
        """Restore the result of `dump`."""
        labels, weights, low, *sums = dumped
        Statistics.load(self, sums)
        self.cells = {}
        for label, w, v in zip(labels, weights, low, strict=True):
            cell = new_sum()
            cell.load(w, v)
            self.cells[label] = cell


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
        """The log base measure minus the log multinomial coefficient of all counts.

        They nearly cancel when counts are large.
        """
        cell: Sum
        c: cython.double
        c_low: cython.double
        rest: Sum = new_sum()
        total: Sum = new_sum()
        total.merge(self._h)
        for cell in self.cells.values():
            cell.renormalise()
            rest.renormalise()
            c, c_low = log_choose_pair(cell.high, cell.low, rest.high, rest.low)
            total.add(-c)
            total.add(-c_low)
            rest.merge(cell)
        return total.total()

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def observe_weighted(self, x: object, w: cython.double) -> cython.int:
        """Add one observation, times a weight."""
        Statistics.observe_weighted(self, x, w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def read_terms(self, x: Any) -> cython.int:
        """Read one observation."""
        n: cython.double = 0.0
        k: cython.double
        h: cython.double = 0.0
        if not isinstance(x, dict):
            raise_invalid(x, "a dict of counts, one per category")
        reading = {}
        for label, number in x.items():
            if label not in self.cells:
                label = self._new(label)
            k = count(number, f"a whole number >= 0 as the count of {label!r}")
            reading[label] = k
            n += k
        if self._trials >= 0.0 and n != self._trials:
            raise_invalid(x, f"counts that sum to {self._trials:g}")
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
    @cython.exceptval(-2, check=True)
    def list_terms(
        self, w: cython.double, where: cython.p_int, terms: cython.p_double
    ) -> cython.int:
        """Write the terms of the observation that was read, times a weight of 1."""
        m: cython.int
        if w != 1.0:
            return -1
        m = append(where, terms, 0, 0, 1.0)
        m = append(where, terms, m, STRIDE, self._log_base)
        m = append(where, terms, m, STRIDE + 1, self._log_base_low)
        for label, k in self._reading.items():
            m = append(where, terms, m, STRIDE * (2 + self._find_position(label)), k)
        return m

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
            low += rounding_error(high, -c, s) - c_low
            high = s
        self._log_base = high + low
        self._log_base_low = low - (self._log_base - high)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def add_terms(self, w: cython.double) -> cython.int:
        """Add the observation that was read, times a weight."""
        k: cython.double
        if not self.fits(w):
            raise ObservationError("the observation is too large: its count overflows")
        for label, k in self._reading.items():
            self._cell(label).add_product(k, w)
        self._count(w)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def fits(self, w: cython.double) -> cython.bint:
        """Whether the observation that was read can be added without overflow."""
        k: cython.double
        for label, k in self._reading.items():
            if not isfinite(self._weight(label) + w * k):
                return False
        return self._n.fits(w) and self._h.fits(w * self._log_base)

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def check_remove(self, v: cython.double) -> cython.int:
        """Refuse to remove more than was added."""
        n: cython.double = self._n.total()
        k: cython.double
        learned: cython.double
        if v > n * (1.0 + UNLEARN_TOLERANCE):
            raise ObservationError(f"cannot unlearn weight {v:g}: only {n:g} was learned")
        last: cython.bint = self._is_last(self._n, v)
        for label, learned in self.counts.items():
            k = self._reading.get(label, 0.0)
            if v * k > learned * (1.0 + UNLEARN_TOLERANCE) or (
                last and n * k < learned * (1.0 - UNLEARN_TOLERANCE)
            ):
                raise ObservationError(f"cannot unlearn what was not learned of {label!r}")
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=False)
    def subtract(self, v: cython.double) -> cython.int:
        """Remove the observation that was read, times a weight."""
        k: cython.double
        if v == 0.0:
            return 0
        if self._is_last(self._n, v):
            self.clear()
            return 0
        self.add_terms(-v)
        for label, k in self._reading.items():
            left: cython.double = self._weight(label)
            if (
                left <= MAX_ROUNDING_SHARE * v * k
                and left <= NEGLIGIBLE_SHARE * self._smallest_weight
            ):
                self._drop(label)
        return 0
