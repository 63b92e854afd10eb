# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Sufficient statistics of many keys: one row of numbers for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import ldexp
    from cython.cimports.seqbayes.statistics.base import Statistics
    from cython.cimports.seqbayes.statistics.sums import Sum
else:
    from math import ldexp

    from seqbayes.statistics.base import Statistics
    from seqbayes.statistics.sums import Sum

from seqbayes.statistics.column_loops import (
    LOWEST_POWER,
    MAX_HALF_LIVES,
    Journal,
    RowBatch,
    learn_numbers,
    merge_rows,
)
from seqbayes.statistics.column_sums import rounded_sum

# Parts of a sum that have columns; the few sums with more of them keep the others in a dict.
PARTS = 5
_PARTS = cython.declare(cython.int, PARTS)
_SMALLEST_CAPACITY = 16

Array = Any


class Columns:
    """The statistics of many keys, one row of numbers for each.

    Every sum is exact, as in a single accumulator. It has up to five parts, each the sum of the
    rounding errors of the part before it. A part has a column if it differs from zero in some row.

    Parameters
    ----------
    make
        Returns an empty accumulator.
    half_life
        Half-life of the weight of data, in events or in the unit of times; 0 for none.
    timed
        Whether the half-life is one of time.

    Attributes
    ----------
    cells : array of shape (capacity, columns)
        The parts of the sums.
    places : array of int
        The column of every part of every sum, -1 where all are zero.
    clocks, landmarks : array
        With a half-life: the clock of every row (NaN before any data), and the whole half-lives
        until the time as of which the sums are kept.
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

    def empty(self) -> Columns:
        """Return columns of the same kind without rows."""
        return Columns(self._make, self.half_life, self.timed)

    def resize(self, n_rows: int) -> None:
        """Append empty rows, or drop the last ones."""
        if n_rows > len(self.cells):
            capacity = max(n_rows, len(self.cells) * 3 // 2, _SMALLEST_CAPACITY)
            self._reallocate(capacity, self.cells.shape[1])
        if n_rows < self.n_rows:
            self.clear(slice(n_rows, self.n_rows))
        self.n_rows = n_rows

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

    def take(self, rows: Any) -> Columns:
        """Return new columns with copies of these rows, in this order; rows are distinct."""
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

    def put(self, rows: Any, other: Columns) -> None:
        """Replace these rows by those of other columns."""
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
        values.append(0.0)  # of the parts without a column, whose place is -1
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
                values[places[place]] = parts[i]  # the last value is that of no column
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

    # Learning.

    def learn(self, rows: Array, xs: Array, ys: Array, ws: Array | None, ts: Array | None) -> None:
        """Add checked observations, each to its row; all of them, or none if one is refused.

        Parameters
        ----------
        rows : array of int64
        xs, ys : array of float
            The observations, as `Likelihood.read_many` returns them.
        ws, ts : array of float, or None
            Weights and times.

        Raises
        ------
        ObservationError
            If a sum overflows, or a time is too large relative to the half-life.
        """
        batch = RowBatch(rows, xs, ys, ws, ts)
        if self.n_columns == 0:
            self._add_first_columns(batch)
        journal = Journal(self, len(rows))
        position = 0
        try:
            while position < len(rows):
                position = learn_numbers(self, batch, position, journal)
                if position < len(rows):
                    journal.note_row(int(rows[position]))
                    self.learn_item(int(rows[position]), batch, position)
                    journal.attach()
                    position += 1
        except ObservationError as error:
            journal.restore()
            raise ObservationError(f"{error} at position {position}") from None

    def _add_first_columns(self, batch: RowBatch) -> None:
        """Add the columns that single observations need, all at once."""
        n = min(len(batch.rows), _SMALLEST_CAPACITY)
        each = self.empty()
        each.resize(n)
        for i in range(n):
            try:
                each.learn_item(i, batch, i)
            except ObservationError:  # it is raised again, with its position
                break
        needed = np.flatnonzero(each.places >= 0)
        self._reallocate(len(self.cells), max(len(needed), 1))
        self.places[needed] = np.arange(len(needed))
        self.n_columns = len(needed)

    def learn_one(self, row: int, x: Any, w: float, t: float | None) -> None:
        """Add one observation to a row."""
        st: Statistics = self.scratch
        st.read_terms(x)
        self._add_read(row, w, t)

    def learn_item(self, row: int, batch: RowBatch, i: int) -> None:
        """Add observation i of a batch to a row."""
        st: Statistics = self.scratch
        st.read_numbers(float(batch.xs[i]), float(batch.ys[i]))
        w = 1.0 if batch.ws is None else float(batch.ws[i])
        self._add_read(row, w, None if batch.ts is None else float(batch.ts[i]))

    def _add_read(self, row: int, w: float, t: float | None) -> None:
        """Add the observation that the accumulator has read to a row."""
        st: Statistics = self.scratch
        weight = w
        at = clock = age = whole = 0.0
        self.read(row, st)
        if self.half_life:
            clock = float(self.clocks[row])
            at = clock + 1.0 if t is None else t
            whole, growth = split_time(at, self.half_life)
            age = whole - float(self.landmarks[row])
            weight = growth if w == 1.0 else growth * w
            if age > 0.0 and clock == clock:
                st.scale(ldexp(1.0, int(max(-age, LOWEST_POWER))))
            elif age < 0.0 and clock == clock:
                weight = ldexp(weight, int(max(age, LOWEST_POWER)))
        if weight != 0.0:
            st.add_terms(weight)
        # nothing is changed before the observation has been accepted
        self.write(row, st)
        if self.half_life:
            if age > 0.0 or clock != clock:
                self.landmarks[row] = whole
            if not at <= clock:
                self.clocks[row] = at

    def reserve(self, n_rows: int) -> None:
        """Make room for a number of rows, without appending them."""
        if n_rows > len(self.cells):
            capacity = max(n_rows, len(self.cells) * 5 // 4, _SMALLEST_CAPACITY)
            self._reallocate(capacity, self.cells.shape[1])

    def unlearn(self, row: int, x: Any, w: Any) -> None:
        """Remove one observation from a row.

        Raises
        ------
        ObservationError
            If `x` is outside the support, or more would be removed than was learned.
        """
        made = self.statistics(row)
        made.remove(x, w)
        self.write(row, made)

    def learn_objects(self, rows: Array, xs: list[Any], ws: Array | None, ts: Array | None) -> None:
        """Add observations that are not numbers; see `learn`."""
        touched = np.zeros(self.n_rows, bool)
        touched[rows] = True
        distinct = np.flatnonzero(touched)
        before = self.take(distinct)
        try:
            for i, x in enumerate(xs):
                w = 1.0 if ws is None else float(ws[i])
                self.learn_one(int(rows[i]), x, w, None if ts is None else float(ts[i]))
        except Exception as error:
            self.put(distinct, before)
            if isinstance(error, ObservationError):
                raise ObservationError(f"{error} at position {i}") from None
            raise

    def merge(self, rows: Array, other: Columns) -> None:
        """Add the rows of other columns of the same kind, each to the row at its position.

        Raises
        ------
        ObservationError
            If a sum overflows.
        """
        mine: Array = np.zeros(self.n_rows, bool)
        mine[rows] = self.cells[rows].any(axis=1)
        new = np.flatnonzero(~mine[rows])
        shared = np.flatnonzero(mine[rows])
        targets = np.ascontiguousarray(rows[shared], np.int64)
        before = self.take(targets)
        position = 0
        try:
            while position < len(shared):
                position = merge_rows(self, targets, other, shared, position)
                if position < len(shared):
                    total = self.statistics(int(targets[position]))
                    total.merge(other.statistics(int(shared[position])))
                    self.write(int(targets[position]), total)
                    position += 1
        except ObservationError:
            self.put(targets, before)
            raise
        self.put(rows[new], other.take(new))

    def scale(self, factor: float) -> None:
        """Multiply every sum by a factor."""
        if math.frexp(factor)[0] == 0.5 and not self.more:
            self.cells *= factor
            return
        for row in range(self.n_rows):
            total = self.statistics(row)
            total.scale(factor)
            self.write(row, total)

    def write_decayed(self, row: int, statistics: Statistics, clock: float | None) -> None:
        """Replace a row by statistics as of the last whole half-life before a clock."""
        self.write(row, statistics)
        if clock is not None:
            self.clocks[row] = clock
            self.landmarks[row] = split_time(clock, self.half_life)[0]

    def decay(self, at: float | None) -> Array:
        """Return what the sums of every row are multiplied by, as of a time or its own clock.

        Raises
        ------
        ObservationError
            If the time is before the clock of a row.
        """
        factors = np.ones(self.n_rows)
        for row, clock in enumerate(self.clocks[: self.n_rows].tolist()):
            if clock == clock:
                time = clock if at is None else at
                if time < clock:
                    raise ObservationError(f"cannot go back to {at!r}: a clock is at {clock!r}")
                whole, growth = split_time(time, self.half_life)
                power = int(max(float(self.landmarks[row]) - whole, LOWEST_POWER))
                factors[row] = ldexp(1.0 / growth, power)
        return factors

    # Sums of all rows.

    def sums(self, factors: Array | None = None) -> list[tuple[Array, Array, Array]]:
        """Return every sum as three arrays: rounded, and the next digits of it, twice.

        Parameters
        ----------
        factors : array of float, or None
            What the sums of each row are multiplied by.
        """
        return [rounded_sum(self, j, factors) for j in range(self.n_sums)]

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


def split_time(t: float, half_life: float) -> tuple[float, float]:
    """Return the whole half-lives until `t`, and the growth of weights since then.

    Raises
    ------
    ObservationError
        If there are too many of them.
    """
    whole, rest = divmod(t, half_life)
    if not abs(whole) < MAX_HALF_LIVES:
        raise ObservationError(f"time {t!r} is too large relative to the half-life {half_life}")
    return whole, 2.0 ** (rest / half_life)
