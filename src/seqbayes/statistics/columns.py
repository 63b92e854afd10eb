# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Sufficient statistics of many keys, with one row of numbers for each key."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import ldexp
    from cython.cimports.seqbayes.statistics.base import Statistics
else:
    from math import ldexp

    from seqbayes.statistics.base import Statistics

from seqbayes.statistics.batches import RowBatch
from seqbayes.statistics.column_loops import LOWEST_POWER, MAX_HALF_LIVES, learn_numbers, merge_rows
from seqbayes.statistics.column_sums import rounded_sum
from seqbayes.statistics.journal import Journal
from seqbayes.statistics.moment_loops import adds_values, learn_values
from seqbayes.statistics.sum_columns import SMALLEST_CAPACITY, SumColumns

Array = Any


class Columns(SumColumns):
    """The statistics of many keys, with one row of numbers for each key; see `SumColumns`."""

    # Learning.

    def learn(
        self,
        rows: Array,
        xs: Array,
        ys: Array,
        ws: Array | None,
        ts: Array | None,
        n_used: int | None = None,
    ) -> None:
        """Add checked observations, each to its row; on error, nothing changes.

        Parameters
        ----------
        rows : array of int64
        xs, ys : array of float
            The observations, as `Likelihood.read_many` returns them.
        ws, ts : array of float, or None
            Weights and times.
        n_used
            Number of leading rows that may have data, if all later rows are known to be empty.

        Raises
        ------
        ObservationError
            If a sum overflows, or a time is too large relative to the half-life.
        """
        batch = RowBatch(rows, xs, ys, ws, ts)
        self.learn_batches([batch], len(rows), self.n_rows if n_used is None else n_used)

    def learn_batches(self, batches: Iterable[RowBatch], n: int, n_used: int) -> None:
        """Add batches of checked observations; on error, even in the iterable, nothing changes.

        Parameters
        ----------
        batches
            The observations. The iterable may append rows before it returns a batch.
        n
            Number of observations in all batches.
        n_used
            Number of leading rows that may have data; all later rows are empty.

        Raises
        ------
        ObservationError
            If a sum overflows, or a time is too large relative to the half-life.
        """
        journal: Any = None
        start = 0
        try:
            for batch in batches:
                if self.n_columns == 0:
                    self._add_first_columns(batch)
                if journal is None:
                    journal = Journal(self, n, n_used)
                journal.attach()
                self._learn_batch(batch, journal, start)
                start += len(batch.rows)
        except BaseException:
            if journal is not None:
                journal.restore()
            raise

    def _learn_batch(self, batch: RowBatch, journal: Any, start: int) -> None:
        rows, position = batch.rows, 0
        loop = learn_values if adds_values(self, batch) else learn_numbers
        try:
            while position < len(rows):
                position = loop(self, batch, position, journal)
                if position < len(rows):
                    journal.note_row(int(rows[position]))
                    self.learn_item(int(rows[position]), batch, position)
                    journal.attach()
                    position += 1
        except ObservationError as error:
            raise ObservationError(f"{error} at position {start + position}") from None

    def _add_first_columns(self, batch: RowBatch) -> None:
        """Add the columns that single observations need, all at once."""
        n = min(len(batch.rows), SMALLEST_CAPACITY)
        each = self.empty()
        each.resize(n)
        for i in range(n):
            try:
                each.learn_item(i, batch, i)
            except ObservationError:  # raised again below, with the position
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
        """Add to a row the observation that the accumulator has read."""
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

    def merge(self, rows: Array, other: Self) -> None:
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
        """Replace a row with statistics as of the last whole half-life before a clock."""
        self.write(row, statistics)
        if clock is not None:
            self.clocks[row] = clock
            self.landmarks[row] = split_time(clock, self.half_life)[0]

    def decay(self, at: float | None) -> Array:
        """Return the factor by which each row's sums decay up to a time, or up to the row's clock.

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
        """Return every sum as three arrays: the rounded sum, and two successive rounding errors.

        Parameters
        ----------
        factors : array of float, or None
            Factors by which the sums of each row are multiplied.
        """
        return [rounded_sum(self, j, factors) for j in range(self.n_sums)]


def split_time(t: float, half_life: float) -> tuple[float, float]:
    """Return the number of whole half-lives until `t`, and the growth of weights since then.

    Raises
    ------
    ObservationError
        If there are too many half-lives.
    """
    whole, rest = divmod(t, half_life)
    if not abs(whole) < MAX_HALF_LIVES:
        raise ObservationError(f"time {t!r} is too large relative to the half-life {half_life}")
    return whole, 2.0 ** (rest / half_life)
