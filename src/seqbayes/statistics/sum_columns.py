# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Sums of many keys, stored in columns."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.seqbayes.statistics.base import Statistics
    from cython.cimports.seqbayes.statistics.sums import Sum
else:
    from seqbayes.statistics.base import Statistics
    from seqbayes.statistics.sums import Sum

# The parts of a sum that have columns; a dict stores further parts, which few sums have.
PARTS = 5
_PARTS = cython.declare(cython.int, PARTS)
SMALLEST_CAPACITY = 16

Array = Any


class SumColumns:
    """The sums of many keys, with one row for each key and one column for each part of a sum.

    Every sum is exact, as in a single accumulator. It has up to five parts; each part contains the
    rounding errors of the preceding part. A part has a column if it differs from zero in some row.

    Parameters
    ----------
    make
        Returns an empty accumulator.
    half_life
        Half-life of the weight of data, in events or in the unit of times; 0 for none.
    timed
        Whether the half-life is in time.

    Attributes
    ----------
    cells : array of shape (capacity, columns)
        The parts of the sums.
    places : array of int
        The column of every part of every sum; -1 if the part is zero in all rows.
    clocks, landmarks : array
        With a half-life: the clock of every row (NaN before any data), and the number of whole
        half-lives until the time as of which the sums are kept.
    """

    def __init__(
        self, make: Callable[[], Statistics], half_life: float = 0.0, timed: bool = False
    ) -> None:
        self._make = make
        self.scratch = make()
        self.half_life = half_life
        self.timed = timed
        self.n_sums = len(self.scratch.row_sums())
        self.n_rows = self.n_columns = 0
        self.cells: Array = np.zeros((0, 1))
        self.places: Array = np.full(self.n_sums * PARTS, -1, np.intc)
        self.more: dict[tuple[int, int], list[float]] = {}
        self.clocks: Array = np.zeros(0)
        self.landmarks: Array = np.zeros(0)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "scratch"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.scratch = self._make()

    # Rows and columns.

    def empty(self) -> Self:
        """Return columns of the same kind without rows."""
        return type(self)(self._make, self.half_life, self.timed)

    def resize(self, n_rows: int) -> None:
        """Append empty rows, or drop the last ones."""
        if n_rows > len(self.cells):
            capacity = max(n_rows, len(self.cells) * 3 // 2, SMALLEST_CAPACITY)
            self._reallocate(capacity, self.cells.shape[1])
        if n_rows < self.n_rows:
            self.clear(slice(n_rows, self.n_rows))
        self.n_rows = n_rows

    def reserve(self, n_rows: int) -> None:
        """Make room for a number of rows, without appending them."""
        if n_rows > len(self.cells):
            capacity = max(n_rows, len(self.cells) * 5 // 4, SMALLEST_CAPACITY)
            self._reallocate(capacity, self.cells.shape[1])

    def clear(self, rows: Any) -> None:
        """Remove the data of some rows."""
        self.cells[rows] = 0.0
        if self.more:
            kept = np.ones(len(self.cells), bool)
            kept[rows] = False
            self.more = {at: parts for at, parts in self.more.items() if kept[at[0]]}
        if self.half_life:
            self.clocks[rows] = math.nan if self.timed else 0.0
            self.landmarks[rows] = 0.0

    def _reallocate(self, capacity: int, width: int) -> None:
        cells = np.zeros((capacity, width))
        cells[: self.n_rows, : self.n_columns] = self.cells[: self.n_rows, : self.n_columns]
        self.cells = cells
        if self.half_life:
            n = self.n_rows
            first = math.nan if self.timed else 0.0
            self.clocks = np.concatenate([self.clocks[:n], np.full(capacity - n, first)])
            self.landmarks = np.concatenate([self.landmarks[:n], np.zeros(capacity - n)])

    def _add_column(self, place: int) -> None:
        if self.n_columns == self.cells.shape[1]:
            self._reallocate(len(self.cells), self.n_columns + 1)
        self.places[place] = self.n_columns
        self.n_columns += 1

    def take(self, rows: Any) -> Self:
        """Return new columns with copies of these distinct rows, in this order."""
        taken = self.empty()
        rows = np.asarray(rows, np.int64)
        taken.places, taken.n_columns = self.places.copy(), self.n_columns
        taken.cells = np.ascontiguousarray(self.cells[rows])
        taken.n_rows = len(rows)
        if self.half_life:
            taken.clocks, taken.landmarks = self.clocks[rows], self.landmarks[rows]
        if self.more:
            new = {int(row): i for i, row in enumerate(rows)}
            taken.more = {
                (new[row], j): parts[:] for (row, j), parts in self.more.items() if row in new
            }
        return taken

    def put(self, rows: Any, other: Self) -> None:
        """Replace these rows with those of other columns."""
        for place in np.flatnonzero((other.places >= 0) & (self.places < 0)):
            self._add_column(int(place))
        self.clear(rows)
        for place in np.flatnonzero(other.places >= 0):
            self.cells[rows, self.places[place]] = other.cells[: other.n_rows, other.places[place]]
        for (row, j), parts in other.more.items():
            self.more[int(rows[row]), j] = parts[:]
        if self.half_life:
            self.clocks[rows] = other.clocks[: other.n_rows]
            self.landmarks[rows] = other.landmarks[: other.n_rows]

    @property
    def n_bytes(self) -> int:
        """Memory of the rows, in bytes."""
        return int(self.cells.nbytes + self.clocks.nbytes + self.landmarks.nbytes)

    # One row as an accumulator.

    def read(self, row: int, statistics: Statistics) -> None:
        """Copy a row into an accumulator."""
        each: Sum
        j: cython.int
        values: list[float] = self.cells[row].tolist()
        values.append(0.0)  # the value of parts without a column, whose place is -1
        places: list[int] = self.places.tolist()
        for j, each in enumerate(statistics.row_sums()):
            parts = [values[place] for place in places[j * _PARTS : (j + 1) * _PARTS]]
            each.set_parts(parts, self.more.get((row, j)) if self.more else None)
        statistics.reset_smallest_weight()

    def dump(self, row: int) -> tuple[Any, ...]:
        """Return `Statistics.dump` of a row."""
        self.read(row, self.scratch)
        return self.scratch.dump()

    def write(self, row: int, statistics: Statistics) -> None:
        """Copy an accumulator into a row."""
        each: Sum
        j: cython.int
        i: cython.int
        places: list[int] = self.places.tolist()
        values: list[float] = [0.0] * (self.n_columns + 1)
        for j, each in enumerate(statistics.row_sums()):
            parts, more = each.get_parts()
            for i in range(_PARTS):
                place = j * _PARTS + i
                if places[place] < 0 and parts[i] != 0.0:
                    self._add_column(place)
                    places[place] = self.n_columns - 1
                    values.append(0.0)
                values[places[place]] = parts[i]  # the last value is for parts without a column
            if more is not None:
                self.more[row, j] = more
            elif self.more:
                self.more.pop((row, j), None)
        self.cells[row, : self.n_columns] = values[:-1]

    def statistics(self, row: int) -> Statistics:
        """Return the statistics of a row."""
        made = self._make()
        self.read(row, made)
        return made

    # Parts of the sums of all rows.

    def leading_parts(self, rows: slice) -> list[Array]:
        """Return the first part of each sum of some rows: the rounded sum if it was restored."""
        found = self.cells[: self.n_rows][rows]
        empty = np.zeros(len(found))
        return [empty if place < 0 else found[:, place] for place in self.places[::PARTS]]

    def parts(self, j: int) -> list[Array]:
        """Return the parts of a sum that have columns, in order of size."""
        return [
            self.cells[: self.n_rows, place]
            for place in self.places[j * PARTS : (j + 1) * PARTS]
            if place >= 0
        ]
