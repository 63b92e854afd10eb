# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Sufficient statistics of many keys: one row of numbers for each."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, floor, fmod, ldexp, pow
    from cython.cimports.seqbayes.statistics.base import Statistics
    from cython.cimports.seqbayes.statistics.exact import rounding_error
    from cython.cimports.seqbayes.statistics.memory import prefetch
    from cython.cimports.seqbayes.statistics.sums import Sum
else:
    from math import fabs, floor, fmod, ldexp, pow

    from seqbayes.statistics.base import Statistics
    from seqbayes.statistics.exact import rounding_error
    from seqbayes.statistics.memory import prefetch
    from seqbayes.statistics.sums import Sum

from seqbayes.statistics.sums import product_errors

# Parts of a sum that have columns; the few sums with more of them keep the others in a dict.
PARTS = 5
_PARTS = cython.declare(cython.int, PARTS)
# Sums up to this size are added to without a check: one more term cannot be refused.
_SAFE = cython.declare(cython.double, 1e280)
# The weight of older data is 0: this power of two is that of no number.
_LOWEST_POWER = cython.declare(cython.double, -2000.0)
_MAX_HALF_LIVES = cython.declare(cython.double, 2.0**52)
_SMALLEST_CAPACITY = 16
# Numbers that one observation adds to a sum, in order of size.
TERMS = cython.declare(cython.int, 4)
# Rows are loaded into the cache this many observations ahead.
_AHEAD = cython.declare(cython.int, 16)
_MAX_STEPS = 4 * PARTS

Array = Any

LEARNS_KEYED = bool(cython.compiled)
"""Whether `Columns.learn_keyed` learns; without a compiler, it leaves everything to its caller."""


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _add_sum(
    row: cython.p_double,
    places: cython.p_int,
    terms: cython.p_double,
    changed: cython.p_int,
    before: cython.p_double,
    k: cython.int,
) -> cython.int:
    """Add terms to the parts of a sum; write what changes into a journal of k entries.

    Returns the new number of entries. If a part has no column or could overflow, the result is -1
    minus that number.
    """
    r: cython.int
    part: cython.int
    p: cython.int
    v: cython.double
    old: cython.double
    s: cython.double
    for r in range(TERMS):
        v = terms[r]
        part = r
        while v != 0.0:
            if part == _PARTS or places[part] < 0:
                return -1 - k
            p = places[part]
            old = row[p]
            s = old + v
            if not fabs(s) <= _SAFE:
                return -1 - k
            changed[k] = p
            before[k] = old
            k += 1
            row[p] = s
            v = rounding_error(old, v, s)
            part += 1
    return k


class NewKeys(NamedTuple):
    """How to treat keys without a row.

    Parameters
    ----------
    keys
        The keys of all rows, to which new ones are appended.
    accept
        Whether an observation with a new key can be learned, given key and observation.
    max_rows
        Maximum number of rows.
    rest
        The row of all keys beyond this limit; -1 for none.
    beyond
        List to which the index of an observation beyond the limit is appended; None to stop there.
    """

    keys: list[Any]
    accept: Callable[[Any, Any], bool]
    max_rows: int
    rest: int = -1
    beyond: list[int] | None = None


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
        self._scratch = make()
        self.half_life = half_life
        self.timed = timed
        self.n_sums = len(self._scratch.row_sums())
        self.n_rows = self.n_columns = 0
        self.cells: Array = np.zeros((0, 1))
        self.places: Array = np.full(self.n_sums * PARTS, -1, np.intc)
        self.more: dict[tuple[int, int], list[float]] = {}
        self.clocks: Array = np.zeros(0)
        self.landmarks: Array = np.zeros(0)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_scratch"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._scratch = self._make()

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
        self.read(row, self._scratch)
        return self._scratch.dump()

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
        touched = np.zeros(self.n_rows, bool)
        touched[rows] = True
        distinct = np.flatnonzero(touched)
        before = self.take(distinct)
        position = 0
        try:
            while position < len(rows):
                position = self._learn_fast(rows, xs, ys, ws, ts, position)
                if position < len(rows):
                    self._learn_numbers(
                        int(rows[position]),
                        float(xs[position]),
                        float(ys[position]),
                        1.0 if ws is None else float(ws[position]),
                        None if ts is None else float(ts[position]),
                    )
                    position += 1
        except ObservationError as error:
            self.put(distinct, before)
            raise ObservationError(f"{error} at position {position}") from None

    def learn_one(self, row: int, x: Any, w: float, t: float | None) -> None:
        """Add one observation to a row."""
        st: Statistics = self._scratch
        st.read_terms(x)
        self._add_read(row, w, t)

    def _learn_numbers(self, row: int, x: float, y: float, w: float, t: float | None) -> None:
        st: Statistics = self._scratch
        st.read_numbers(x, y)
        self._add_read(row, w, t)

    def _add_read(self, row: int, w: float, t: float | None) -> None:
        """Add the observation that the accumulator has read to a row."""
        st: Statistics = self._scratch
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
                st.scale(ldexp(1.0, int(max(-age, _LOWEST_POWER))))
            elif age < 0.0 and clock == clock:
                weight = ldexp(weight, int(max(age, _LOWEST_POWER)))
        if weight != 0.0:
            st.add_terms(weight)
        # nothing is changed before the observation has been accepted
        self.write(row, st)
        if self.half_life:
            if age > 0.0 or clock != clock:
                self.landmarks[row] = whole
            if not at <= clock:
                self.clocks[row] = at

    def _learn_fast(
        self, rows: Array, xs: Array, ys: Array, ws: Array | None, ts: Array | None, start: int
    ) -> int:
        """Add observations from a position on; return that of the first one that is not added.

        It is one for which a column is missing, or whose sum needs more parts, or could overflow.
        """
        if not cython.compiled or (self.more and self.half_life):
            return start
        st: Statistics = self._scratch
        n: cython.Py_ssize_t = len(rows)
        i: cython.Py_ssize_t
        weighted: cython.bint = ws is not None
        half_life: cython.double = self.half_life
        decayed: cython.bint = half_life != 0.0
        timed: cython.bint = self.timed
        row_of = cython.declare("const long long[::1]", rows)
        x = cython.declare("const double[:]", xs)
        y = cython.declare("const double[:]", ys)
        heavy = cython.declare("const double[:]", ws if weighted else xs)
        times = cython.declare("const double[:]", ts if timed else xs)
        cells = cython.declare("double[:, ::1]", self.cells)
        places = cython.declare("const int[::1]", self.places)
        clocks = cython.declare("double[:]", self.clocks)
        landmarks = cython.declare("double[:]", self.landmarks)
        which_view = cython.declare("int[::1]", np.zeros(self.n_sums, np.intc))
        term_view = cython.declare("double[::1]", np.zeros(TERMS * self.n_sums))
        changed_view = cython.declare("int[::1]", np.zeros(_MAX_STEPS * self.n_sums, np.intc))
        before_view = cython.declare("double[::1]", np.zeros(_MAX_STEPS * self.n_sums))
        which = cython.declare(cython.pointer(cython.int), cython.address(which_view[0]))
        terms = cython.declare(cython.pointer(cython.double), cython.address(term_view[0]))
        changed = cython.declare(cython.pointer(cython.int), cython.address(changed_view[0]))
        before = cython.declare(cython.pointer(cython.double), cython.address(before_view[0]))
        base = cython.declare(cython.pointer(cython.double))
        n_columns: cython.int = self.n_columns
        m: cython.int
        k: cython.int
        q: cython.int
        p: cython.int
        w: cython.double = 1.0
        at: cython.double = 0.0
        age: cython.double
        rest: cython.double
        whole: cython.double
        factor: cython.double
        if n_columns == 0:
            return start
        for i in range(start, n):
            if i + _AHEAD < n:
                prefetch(cython.address(cells[row_of[i + _AHEAD], 0]))
            base = cython.address(cells[row_of[i], 0])
            if weighted:
                w = heavy[i]
            if decayed:
                at = times[i] if timed else clocks[row_of[i]] + 1.0
                rest = fmod(at, half_life)
                whole = (at - rest) / half_life
                if rest < 0.0:
                    rest += half_life
                    whole -= 1.0
                whole = floor(whole + 0.5)
                if not fabs(whole) < _MAX_HALF_LIVES:
                    return i
                age = whole - landmarks[row_of[i]]
                if age > 0.0 or clocks[row_of[i]] != clocks[row_of[i]]:
                    if clocks[row_of[i]] == clocks[row_of[i]]:
                        factor = ldexp(1.0, int(max(-age, _LOWEST_POWER)))
                        for p in range(n_columns):
                            base[p] *= factor
                    landmarks[row_of[i]] = whole
                    age = 0.0
                w = pow(2.0, rest / half_life)
                if weighted and heavy[i] != 1.0:
                    w = w * heavy[i]
                if age != 0.0:
                    w = ldexp(w, int(max(age, _LOWEST_POWER)))
            if w != 0.0:
                st.read_numbers(x[i], y[i])
                m = st.list_terms(w, which, terms)
                if m < 0:
                    return i
                k = 0
                for q in range(m):
                    k = _add_sum(
                        base,
                        cython.address(places[which[q] * _PARTS]),
                        terms + TERMS * q,
                        changed,
                        before,
                        k,
                    )
                    if k < 0:
                        break
                if k < 0:
                    k = -1 - k
                    while k > 0:
                        k -= 1
                        base[changed[k]] = before[k]
                    return i
            if decayed and not at <= clocks[row_of[i]]:
                clocks[row_of[i]] = at
        return n

    def reserve(self, n_rows: int) -> None:
        """Make room for a number of rows, without appending them."""
        if n_rows > len(self.cells):
            capacity = max(n_rows, len(self.cells) * 5 // 4, _SMALLEST_CAPACITY)
            self._reallocate(capacity, self.cells.shape[1])

    def learn_keyed(
        self,
        rows: dict[Any, int],
        keys: list[Any],
        xs: list[Any],
        start: int,
        changed: Array,
        new: NewKeys,
    ) -> int:
        """Add observations by key, up to the first one that this loop cannot add.

        Parameters
        ----------
        rows
            The row of each key. New keys get the next rows, for which there is room.
        keys, xs
            Keys and observations.
        start
            Index of the first observation.
        changed : array of uint8
            Set to 1 for every row that gets an observation. It has room for all rows.
        new
            How to treat new keys.

        Returns
        -------
        int
            Index of the first observation that was not added: it may be invalid, its key may not be
            accepted, or a sum may need another column. The number of observations if all were.
        """
        st: Statistics = self._scratch
        n: cython.Py_ssize_t = len(keys)
        i: cython.Py_ssize_t = start
        if not cython.compiled or self.more or self.half_life or self.n_columns == 0:
            return start
        row: cython.Py_ssize_t
        last: cython.Py_ssize_t = self.n_rows
        limit: cython.Py_ssize_t = min(new.max_rows, len(self.cells))
        rest: cython.Py_ssize_t = new.rest
        cells = cython.declare("double[:, ::1]", self.cells)
        places = cython.declare("const int[::1]", self.places)
        flags = cython.declare("unsigned char[::1]", changed)
        which_view = cython.declare("int[::1]", np.zeros(self.n_sums, np.intc))
        term_view = cython.declare("double[::1]", np.zeros(TERMS * self.n_sums))
        changed_view = cython.declare("int[::1]", np.zeros(_MAX_STEPS * self.n_sums, np.intc))
        before_view = cython.declare("double[::1]", np.zeros(_MAX_STEPS * self.n_sums))
        which = cython.declare(cython.pointer(cython.int), cython.address(which_view[0]))
        terms = cython.declare(cython.pointer(cython.double), cython.address(term_view[0]))
        steps = cython.declare(cython.pointer(cython.int), cython.address(changed_view[0]))
        before = cython.declare(cython.pointer(cython.double), cython.address(before_view[0]))
        base = cython.declare(cython.pointer(cython.double))
        m: cython.int
        k: cython.int
        q: cython.int
        try:
            while i < n:
                key = keys[i]
                found = rows.get(key)
                if found is not None:
                    row = found
                elif not new.accept(key, xs[i]):
                    break
                elif last < limit:
                    row = last
                elif rest >= 0:
                    row = rest
                elif new.beyond is None:
                    break
                else:
                    new.beyond.append(i)
                    i += 1
                    continue
                st.read_terms(xs[i])
                m = st.list_terms(1.0, which, terms)
                if m < 0:
                    break
                base = cython.address(cells[row, 0])
                k = 0
                for q in range(m):
                    k = _add_sum(
                        base,
                        cython.address(places[which[q] * _PARTS]),
                        terms + TERMS * q,
                        steps,
                        before,
                        k,
                    )
                    if k < 0:
                        break
                if k < 0:
                    k = -1 - k
                    while k > 0:
                        k -= 1
                        base[steps[k]] = before[k]
                    break
                flags[row] = 1
                if row == last:
                    rows[key] = row
                    last += 1
                    new.keys.append(key)
                i += 1
        except (AttributeError, TypeError, ValueError):
            pass  # the caller finds out what is wrong with this observation
        self.n_rows = last
        return i

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
                position = self._merge_fast(targets, other, shared, position)
                if position < len(shared):
                    total = self.statistics(int(targets[position]))
                    total.merge(other.statistics(int(shared[position])))
                    self.write(int(targets[position]), total)
                    position += 1
        except ObservationError:
            self.put(targets, before)
            raise
        self.put(rows[new], other.take(new))

    def _merge_fast(self, targets: Array, other: Columns, sources: Array, start: int) -> int:
        """Add rows of other columns from a position on; return that of the first one not added.

        It is one for which a column is missing, or whose sum needs more parts, or could overflow.
        """
        if not cython.compiled or self.more or other.more or 0 in (self.n_columns, other.n_columns):
            return start
        n: cython.Py_ssize_t = len(targets)
        i: cython.Py_ssize_t
        target_of = cython.declare("const long long[::1]", targets)
        source_of = cython.declare("const long long[::1]", sources)
        cells = cython.declare("double[:, ::1]", self.cells)
        others = cython.declare("const double[:, :]", other.cells)
        places = cython.declare("const int[::1]", self.places)
        theirs = cython.declare("const int[::1]", other.places)
        term_view = cython.declare("double[::1]", np.zeros(TERMS))
        changed_view = cython.declare("int[::1]", np.zeros(_MAX_STEPS * self.n_sums, np.intc))
        before_view = cython.declare("double[::1]", np.zeros(_MAX_STEPS * self.n_sums))
        terms = cython.declare(cython.pointer(cython.double), cython.address(term_view[0]))
        changed = cython.declare(cython.pointer(cython.int), cython.address(changed_view[0]))
        before = cython.declare(cython.pointer(cython.double), cython.address(before_view[0]))
        base = cython.declare(cython.pointer(cython.double))
        n_sums: cython.int = self.n_sums
        j: cython.int
        k: cython.int
        r: cython.int
        p: cython.int
        for i in range(start, n):
            base = cython.address(cells[target_of[i], 0])
            k = 0
            for j in range(n_sums):
                for r in range(TERMS):
                    p = theirs[j * _PARTS + r]
                    terms[r] = 0.0 if p < 0 else others[source_of[i], p]
                p = theirs[j * _PARTS + _PARTS - 1]
                if p >= 0 and others[source_of[i], p] != 0.0:  # more parts than terms
                    k = -1 - k
                else:
                    k = _add_sum(
                        base, cython.address(places[j * _PARTS]), terms, changed, before, k
                    )
                if k < 0:
                    break
            if k < 0:
                k = -1 - k
                while k > 0:
                    k -= 1
                    base[changed[k]] = before[k]
                return i
        return n

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
                power = int(max(float(self.landmarks[row]) - whole, _LOWEST_POWER))
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
        return [self._sum(j, factors) for j in range(self.n_sums)]

    def _sum(self, j: int, factors: Array | None) -> tuple[Array, Array, Array]:
        parts = [
            self.cells[: self.n_rows, place]
            for place in self.places[j * PARTS : (j + 1) * PARTS]
            if place >= 0
        ]
        if factors is not None:
            products = [part * factors for part in parts]
            errors = [product_errors(v, factors, p) for v, p in zip(parts, products, strict=True)]
            parts = [v for pair in zip(products, errors, strict=True) for v in pair]
        high, low, third = _renormalised(parts, self.n_rows)
        for (row, i), _ in self.more.items():
            if i == j:
                made = self.statistics(row)
                if factors is not None:
                    made.scale(float(factors[row]))
                settled, _ = made.row_sums()[j].get_parts(renormalise=True)
                high[row], low[row], third[row] = settled[:3]
        return high, low, third


def _renormalised(parts: list[Array], n: int) -> tuple[Array, Array, Array]:
    """Return sums of parts in order of size as three arrays, each rounded."""
    columns = [part.copy() for part in parts]
    columns += [np.zeros(n) for _ in range(3 - len(columns))]
    with np.errstate(invalid="ignore"):
        for _ in range(1 if len(parts) < 3 else 6):
            for i in range(len(columns) - 1, 0, -1):
                high, low = columns[i - 1], columns[i]
                columns[i - 1] = high + low
                columns[i] = _rounding_errors(high, low, columns[i - 1])
    return columns[0], columns[1], columns[2]


def _rounding_errors(high: Array, v: Array, s: Array) -> Array:
    t = s - high
    return (high - (s - t)) + (v - t)


def split_time(t: float, half_life: float) -> tuple[float, float]:
    """Return the whole half-lives until `t`, and the growth of weights since then.

    Raises
    ------
    ObservationError
        If there are too many of them.
    """
    whole, rest = divmod(t, half_life)
    if not abs(whole) < 2.0**52:
        raise ObservationError(f"time {t!r} is too large relative to the half-life {half_life}")
    return whole, 2.0 ** (rest / half_life)
