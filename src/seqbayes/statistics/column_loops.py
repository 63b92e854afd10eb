# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Compiled loops over the observations of many keys, whose statistics are in columns.

Each loop stops at the first observation that it cannot add: a column that it needs may be missing,
or a sum may need more parts than there are columns, or could overflow. The caller adds this
observation in another way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs, floor, fmod, ldexp, pow
    from cython.cimports.seqbayes.statistics.base import Statistics
    from cython.cimports.seqbayes.statistics.exact import rounding_error
    from cython.cimports.seqbayes.statistics.journal import Journal
    from cython.cimports.seqbayes.statistics.memory import prefetch
    from cython.cimports.seqbayes.statistics.terms import STRIDE, append
else:
    from math import fabs, floor, fmod, ldexp, pow

    from seqbayes.statistics.base import Statistics
    from seqbayes.statistics.exact import rounding_error
    from seqbayes.statistics.journal import Journal
    from seqbayes.statistics.memory import prefetch
    from seqbayes.statistics.terms import STRIDE, append

from seqbayes.statistics.batches import NewRows, RowBatch
from seqbayes.statistics.sum_columns import SumColumns

Array = Any

LEARNS_KEYED = bool(cython.compiled)
"""Whether `learn_keyed` learns; if uncompiled, it leaves everything to its caller."""

# At this power of two or below, weights of older data are 0: floats cannot represent them.
LOWEST_POWER = -2000.0
MAX_HALF_LIVES = 2.0**52
_LOWEST_POWER = cython.declare(cython.double, LOWEST_POWER)
_MAX_HALF_LIVES = cython.declare(cython.double, MAX_HALF_LIVES)
_NAN = cython.declare(cython.double, float("nan"))
# Sums up to this size are increased without a check: one more term cannot overflow.
_SAFE = cython.declare(cython.double, 1e280)
# Maximum number of terms of one observation for each sum.
_TERMS = cython.declare(cython.int, 4)
# Results of `_row_of_new` if an observation cannot be added here, or is beyond the limit.
_STOP = cython.declare(cython.Py_ssize_t, -1)
_SKIP = cython.declare(cython.Py_ssize_t, -2)
# Rows are loaded into the cache this many observations ahead.
_AHEAD = cython.declare(cython.int, 16)


@cython.final
@cython.cclass
class Adder:
    """Adds lists of terms to rows of columns.

    Parameters
    ----------
    columns
        The columns. No column may be added while this object is in use.
    """

    def __init__(self, columns: SumColumns) -> None:
        n_sums: cython.int = columns.n_sums
        places = np.full((n_sums, STRIDE), -1, np.intc)
        places[:, : STRIDE - 1] = columns.places.reshape(n_sums, STRIDE - 1)
        self._places = places.ravel()
        self._where = np.zeros(_TERMS * n_sums + 1, np.intc)
        self._terms = np.zeros(_TERMS * n_sums + 1)
        self._n_columns = columns.n_columns
        self._before = np.zeros(self._n_columns + 1)
        if cython.compiled:
            self.where = cython.address(self._where[0])
            self.terms = cython.address(self._terms[0])
        else:
            self.where, self.terms = self._where, self._terms

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def add_read(self, st: Statistics, row: cython.p_double, w: cython.double) -> cython.bint:
        """Add the observation that an accumulator has read, if that is possible."""
        m: cython.int = st.list_terms(w, self.where, self.terms)
        return m >= 0 and self.add(row, m)

    @cython.cfunc
    @cython.exceptval(check=False)
    def add(self, row: cython.p_double, m: cython.int) -> cython.bint:
        """Add the first m terms of the list to a row; if that is impossible, return False."""
        places: cython.p_int = cython.address(self._places[0])
        before: cython.p_double = cython.address(self._before[0])
        where: cython.p_int = self.where
        terms: cython.p_double = self.terms
        n: cython.int = self._n_columns
        i: cython.int
        p: cython.int
        at: cython.int
        v: cython.double
        old: cython.double
        s: cython.double
        for p in range(n):
            before[p] = row[p]
        for i in range(m):
            at = where[i]
            v = terms[i]
            while v != 0.0:
                p = places[at]
                old = 0.0
                s = 2.0 * _SAFE
                if p >= 0:
                    old = row[p]
                    s = old + v
                if not fabs(s) <= _SAFE:
                    for p in range(n):
                        row[p] = before[p]
                    return False
                row[p] = s
                v = rounding_error(old, v, s)
                at += 1
        return True


@cython.final
@cython.cclass
class DecayClock:
    """Weights of observations relative to the landmark of their row.

    Parameters
    ----------
    columns
        The columns. Their half-life must not be 0 if `weight` is called.
    """

    def __init__(self, columns: SumColumns) -> None:
        self.now = 0.0
        self._half_life = columns.half_life
        self._n_columns = columns.n_columns
        self._clocks, self._landmarks = columns.clocks, columns.landmarks

    @cython.cfunc
    @cython.exceptval(check=False)
    @cython.cdivision(True)
    def weight(
        self, i: cython.Py_ssize_t, row: cython.p_double, at: cython.double, w: cython.double
    ) -> cython.double:
        """Return the weight of an observation of row i at a given time; NaN if it is too large.

        If the observation is in a later half-life, the row is scaled, and its landmark moves.
        """
        p: cython.int
        rest: cython.double = fmod(at, self._half_life)
        whole: cython.double = (at - rest) / self._half_life
        age: cython.double
        factor: cython.double
        self.now = at
        if rest < 0.0:
            rest += self._half_life
            whole -= 1.0
        whole = floor(whole + 0.5)
        if not fabs(whole) < _MAX_HALF_LIVES:
            return _NAN
        age = whole - self._landmarks[i]
        if age > 0.0 or self._clocks[i] != self._clocks[i]:
            if self._clocks[i] == self._clocks[i]:
                factor = ldexp(1.0, int(max(-age, _LOWEST_POWER)))
                for p in range(self._n_columns):
                    row[p] *= factor
            self._landmarks[i] = whole
            age = 0.0
        factor = pow(2.0, rest / self._half_life)
        if w != 1.0:
            factor = factor * w
        return factor if age == 0.0 else ldexp(factor, int(max(age, _LOWEST_POWER)))


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _load(
    cells: cython.p_double, n: cython.int, journal: Journal, row: cython.Py_ssize_t
) -> cython.void:
    """Load the cells of a row, and the journal's flag for the row, into the cache."""
    prefetch(cells)
    prefetch(cells + n - 1)
    if row < journal.n_used:
        prefetch(cython.address(journal.noted[row]))


def learn_numbers(columns: SumColumns, batch: RowBatch, start: int, journal: Journal) -> int:
    """Add observations from a position on; return the position of the first one not added.

    Parameters
    ----------
    columns
        The statistics.
    batch
        Observations that are numbers.
    start
        Index of the first observation.
    journal
        Receives the rows before they are changed.
    """
    if not cython.compiled or (columns.more and columns.half_life) or columns.n_columns == 0:
        return start
    st: Statistics = columns.scratch
    n: cython.Py_ssize_t = len(batch.rows)
    i: cython.Py_ssize_t
    weighted: cython.bint = batch.ws is not None
    decayed: cython.bint = columns.half_life != 0.0
    timed: cython.bint = columns.timed
    row_of = cython.declare("const long long[::1]", batch.rows)
    x = cython.declare("const double[:]", batch.xs)
    y = cython.declare("const double[:]", batch.ys)
    heavy = cython.declare("const double[:]", batch.ws if weighted else batch.xs)
    times = cython.declare("const double[:]", batch.ts if timed else batch.xs)
    cells = cython.declare("double[:, ::1]", columns.cells)
    clocks = cython.declare("double[:]", columns.clocks)
    clock: DecayClock = DecayClock(columns)
    adder: Adder = Adder(columns)
    n_columns: cython.int = columns.n_columns
    base = cython.declare(cython.p_double)
    row: cython.Py_ssize_t
    for i in range(start, n):
        if i + _AHEAD < n:
            row = row_of[i + _AHEAD]
            _load(cython.address(cells[row, 0]), n_columns, journal, row)
        row = row_of[i]
        base = cython.address(cells[row, 0])
        journal.note(row)
        w: cython.double = heavy[i] if weighted else 1.0
        if decayed:
            w = clock.weight(row, base, times[i] if timed else clocks[row] + 1.0, w)
            if w != w:
                return i
        if w != 0.0:
            st.read_numbers(x[i], y[i])
            if not adder.add_read(st, base, w):
                return i
        if decayed and not clock.now <= clocks[row]:
            clocks[row] = clock.now
    return n


def learn_keyed(
    columns: SumColumns,
    rows: Array,
    keys: list[Any],
    xs: list[Any],
    start: int,
    changed: Array,
    new: NewRows,
) -> int:
    """Add observations by key, up to the first one that this loop cannot add.

    Parameters
    ----------
    columns
        The statistics. There is room for all rows.
    rows : array of int64
        The row of each observation's key. New keys have the next rows, in order.
    keys, xs
        Lists of keys and observations.
    start
        Index of the first observation, whose row is the first of `rows`.
    changed : array of uint8
        Set to 1 for every row that gets an observation. It has room for all rows.
    new
        How to treat new keys.

    Returns
    -------
    int
        Index of the first observation that was not added, because it may be invalid, its key may be
        unacceptable, or a sum may need another column. If all observations with rows were added,
        the index after them.
    """
    st: Statistics = columns.scratch
    n: cython.Py_ssize_t = len(rows)
    i: cython.Py_ssize_t = 0
    if not cython.compiled or columns.more or columns.half_life or columns.n_columns == 0:
        return start
    first: cython.Py_ssize_t = start
    row: cython.Py_ssize_t
    last: cython.Py_ssize_t = columns.n_rows
    row_of = cython.declare("const long long[::1]", rows)
    cells = cython.declare("double[:, ::1]", columns.cells)
    flags = cython.declare("unsigned char[::1]", changed)
    adder: Adder = Adder(columns)
    try:
        while i < n:
            if i + _AHEAD < n:
                prefetch(cython.address(cells[row_of[i + _AHEAD], 0]))
            row = row_of[i]
            if row >= last:
                row = _row_of_new(new, keys[first + i], xs[first + i], first + i, row)
                if row == _STOP:
                    break
                if row == _SKIP:
                    i += 1
                    continue
            st.read_terms(xs[first + i])
            if not adder.add_read(st, cython.address(cells[row, 0]), 1.0):
                break
            flags[row] = 1
            if row == last:
                last += 1
            i += 1
    except (AttributeError, TypeError, ValueError):
        pass  # the caller determines the error of this observation
    columns.n_rows = last
    return first + i


@cython.cfunc
@cython.exceptval(-3)
def _row_of_new(
    new: NewRows, key: Any, x: Any, position: cython.Py_ssize_t, row: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return the row for the first observation of a new key: `row`, if there is room for it."""
    if not new.accept(key, x):
        return _STOP
    if row < new.max_rows:
        return row
    if new.rest >= 0:
        return new.rest
    if new.beyond is None:
        return _STOP
    new.beyond.append(position)
    return _SKIP


def merge_rows(
    columns: SumColumns, targets: Array, other: SumColumns, sources: Array, start: int
) -> int:
    """Add rows of other columns from a position on; return the position of the first one not added.

    Parameters
    ----------
    columns
        The statistics that are changed.
    targets, sources : array of int64
        Rows of `columns`, and the rows of `other` that are added to them.
    other
        Statistics of the same kind.
    start
        Position of the first pair of rows.
    """
    if not cython.compiled or columns.more or other.more:
        return start
    if columns.n_columns == 0 or other.n_columns == 0:
        return start
    n: cython.Py_ssize_t = len(targets)
    i: cython.Py_ssize_t
    target_of = cython.declare("const long long[::1]", targets)
    source_of = cython.declare("const long long[::1]", sources)
    cells = cython.declare("double[:, ::1]", columns.cells)
    others = cython.declare("const double[:, :]", other.cells)
    theirs = cython.declare("const int[::1]", other.places)
    adder: Adder = Adder(columns)
    n_sums: cython.int = columns.n_sums
    parts: cython.int = STRIDE - 1
    j: cython.int
    m: cython.int
    r: cython.int
    p: cython.int
    for i in range(start, n):
        m = 0
        for j in range(n_sums):
            for r in range(parts):
                p = theirs[j * parts + r]
                if p >= 0 and others[source_of[i], p] != 0.0:
                    if r == _TERMS:
                        return i
                    v: cython.double = others[source_of[i], p]
                    m = append(adder.where, adder.terms, m, j * STRIDE + r, v)
        if not adder.add(cython.address(cells[target_of[i], 0]), m):
            return i
    return n
