"""Counts of labels, with a closed or an open vocabulary."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import isfinite
    from cython.cimports.seqbayes.statistics.adding import add, new_sum
    from cython.cimports.seqbayes.statistics.base import UNLEARN_TOLERANCE, Statistics
    from cython.cimports.seqbayes.statistics.sums import Sum
    from cython.cimports.seqbayes.statistics.terms import STRIDE, append
else:
    from math import isfinite

    from seqbayes.statistics.adding import add, new_sum
    from seqbayes.statistics.base import UNLEARN_TOLERANCE, Statistics
    from seqbayes.statistics.sums import Sum
    from seqbayes.statistics.terms import STRIDE, append

from seqbayes.statistics.reading import is_missing, plain_label, raise_invalid
from seqbayes.statistics.sums import as_sum


@cython.cclass
class LabelCounts(Statistics):
    """Weight of every label. A closed vocabulary is given; an open one grows with the data."""

    def __init__(self, categories: tuple[Any, ...] | None = None) -> None:
        Statistics.__init__(self)
        self._closed = categories is not None
        # sums keyed by label, in order; other modules use only the keys
        self.cells = {label: new_sum() for label in categories or ()}
        self._label: Any = None
        self._labels: list[Any] = []
        self._positions: dict[Any, int] = {}
        self._position = 0

    @property
    def counts(self) -> dict[Any, float]:
        """The weights, keyed by label."""
        cell: Sum
        counts = {}
        for label, cell in self.cells.items():
            counts[label] = cell.total()
        return counts

    @property
    def value(self) -> Any:
        """The weights: a dictionary, or an array in the order of the vocabulary if it is closed."""
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
        except (TypeError, ValueError):  # ValueError: NumPy's timedelta64 without a unit
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
        """Return the position of a label in a closed vocabulary."""
        if len(self._positions) != len(self.cells):
            self._positions = {each: i for i, each in enumerate(self.cells)}
        return self._positions[label]

    def values(self, sums: Any) -> tuple[Any, Any]:
        """Return the `value` of many rows: an array with one column per label."""
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
        """Raise an error if more would be removed than was added."""
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
            self._join_labels({self._label: w}, (w, as_sum(0.0)), w.smallest_magnitude)

    def add_sums(self, counts: dict[Any, float], n: float, log_base: float) -> None:
        """Add the weights of many observations at once."""
        weights: Sum = as_sum(n)
        added = {label: as_sum(w) for label, w in counts.items()}
        self._join_labels(added, (weights, as_sum(log_base)), weights.smallest_magnitude)

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
        """Whether data with these sums can exist, up to rounding errors."""
        lowest: cython.double = -UNLEARN_TOLERANCE * self._n.total()
        return Statistics.is_possible(self) and all(w >= lowest for w in self.counts.values())

    def possible_rows(self, totals: Sequence[Any]) -> Any:
        """Return, for each row, whether data with its sums can exist, up to rounding errors."""
        n, _, *cells = totals
        lowest = -UNLEARN_TOLERANCE * n
        some = np.all([lowest <= each for each in cells], axis=0)
        return Statistics.possible_rows(self, totals) & some

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
        """Add the data of another accumulator of the same kind; on error, nothing changes."""
        self._join_labels(dict(other.cells), other.all_sums(), other.smallest_weight)

    def dump(self) -> tuple[Any, ...]:
        """Return the labels, their weights, n and the log base.

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
        """Restore the data that `dump` returned."""
        labels, weights, low, *sums = dumped
        Statistics.load(self, sums)
        self.cells = {}
        for label, w, v in zip(labels, weights, low, strict=True):
            cell = new_sum()
            cell.load(w, v)
            self.cells[label] = cell
