# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Exact sums of many columns of floats."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs
    from cython.cimports.seqbayes.statistics.exact import rounding_error
    from cython.cimports.seqbayes.statistics.sums import ASSUMED_SMALLEST, NEGLIGIBLE, Sum
else:
    from math import fabs

    from seqbayes.statistics.exact import rounding_error
    from seqbayes.statistics.sums import ASSUMED_SMALLEST, NEGLIGIBLE, Sum


@cython.final
@cython.cclass
class SumTable:
    """Exact sums (see `sums.Sum`), one per column.

    `high` contains the sums, `low` their rounding errors; `third`, `fourth` and `fifth` contain the
    rounding errors of the preceding array, and `more` further ones. The arrays after `third` are
    empty until they are needed. `smallest_term` is the smallest absolute value of a term.
    """

    def __init__(self, size: int) -> None:
        self.set_rows(np.zeros((1, size)))
        self.smallest_term = float("inf")

    def rows(self) -> list[Any]:
        """Return the sums, and their rounding errors, in order."""
        rows = [self.high, self.low, self.third, self.fourth, self.fifth, *self.more]
        return [np.asarray(row) for row in rows if len(row)]

    def set_rows(self, rows: Any) -> None:
        """Set the sums, and their rounding errors, in order."""
        size = len(rows[0])
        rows = [np.array(row, float) for row in rows]
        self.high = rows[0]
        self.low = rows[1] if len(rows) > 1 else np.zeros(size)
        self.third = rows[2] if len(rows) > 2 else np.zeros(size)
        self.fourth, self.fifth, self.more = np.zeros(0), np.zeros(0), []
        if len(rows) > 3:
            self.fourth = rows[3]
            self.fifth = rows[4] if len(rows) > 4 else np.zeros(size)
            self.more = rows[5:]

    def column(self, k: cython.Py_ssize_t) -> Sum:
        """Return one of the sums."""
        total = Sum()
        total.smallest_term = 0.0  # keep all parts
        for row in self.rows():
            total.add_low(row[k])
        total.renormalise()
        total.smallest_term = self.smallest_term
        return total

    def renormalise(self) -> cython.int:
        """Renormalise: `high` becomes the rounded sums, and `low` the remainders."""
        k: cython.Py_ssize_t
        s: cython.double
        low: cython.double
        if self.fourth.shape[0]:
            self.set_columns([self.column(k).dump() for k in range(self.high.shape[0])])
        for k in range(self.high.shape[0]):
            while True:
                s = self.low[k] + self.third[k]
                self.third[k] = rounding_error(self.low[k], self.third[k], s)
                low = s
                s = self.high[k] + low
                self.low[k] = rounding_error(self.high[k], low, s)
                self.high[k] = s
                if self.low[k] + self.third[k] == self.low[k]:
                    break
        return 0

    def put_terms(self, terms: Any, term_low: Any) -> cython.int:
        """Add the terms, each in two parts, to the sums."""
        k: cython.Py_ssize_t
        n: cython.Py_ssize_t = self.high.shape[0]
        s: cython.double
        e: cython.double
        v: cython.double
        left: cython.double = 0.0
        if not cython.compiled:
            for k in range(n):
                self.put(k, terms[k])
                self.put_rest(k, term_low[k])
            return 0
        # pointers let the compiler prove that the arrays do not overlap, and vectorise the loop
        high = cython.declare(cython.pointer(cython.double), cython.address(self.high[0]))
        low = cython.declare(cython.pointer(cython.double), cython.address(self.low[0]))
        third = cython.declare(cython.pointer(cython.double), cython.address(self.third[0]))
        term = cython.declare(cython.pointer(cython.double), cython.address(terms[0]))
        rest = cython.declare(cython.pointer(cython.double), cython.address(term_low[0]))
        for k in range(n):
            v = term[k]
            s = high[k] + v
            e = rounding_error(high[k], v, s)
            high[k] = s
            s = low[k] + e
            e = rounding_error(low[k], e, s)
            v = s + rest[k]
            low[k] = v
            v = rounding_error(s, rest[k], v)
            s = third[k] + e
            e = rounding_error(third[k], e, s)
            third[k] = s + v
            v = rounding_error(s, v, third[k])
            term[k] = e
            rest[k] = v
            left += fabs(e) + fabs(v)
        if left != 0.0:
            for k in range(n):
                self._put_low(k, term[k])
                self._put_low(k, rest[k])
        return 0

    def put(self, k: cython.Py_ssize_t, v: cython.double) -> cython.int:
        """Add a number to a sum."""
        s: cython.double = self.high[k] + v
        e: cython.double = rounding_error(self.high[k], v, s)
        self.high[k] = s
        return self.put_rest(k, e)

    def put_rest(self, k: cython.Py_ssize_t, v: cython.double) -> cython.int:
        """Add a rounding error to a sum."""
        s: cython.double = self.low[k] + v
        e: cython.double = rounding_error(self.low[k], v, s)
        self.low[k] = s
        s = self.third[k] + e
        e = rounding_error(self.third[k], e, s)
        self.third[k] = s
        return self._put_low(k, e)

    def _put_low(self, k: cython.Py_ssize_t, v: cython.double) -> cython.int:
        """Add a rounding error of the third part to the fourth and fifth."""
        s: cython.double
        e: cython.double
        if v == 0.0 or (self.fourth.shape[0] == 0 and fabs(v) < NEGLIGIBLE * self.smallest_term):
            return 0
        if self.fourth.shape[0] == 0:
            self.fourth, self.fifth = np.zeros((2, self.high.shape[0]))
        s = self.fourth[k] + v
        e = rounding_error(self.fourth[k], v, s)
        self.fourth[k] = s
        if e != 0.0:
            s = self.fifth[k] + e
            v = rounding_error(self.fifth[k], e, s)
            self.fifth[k] = s
            if v != 0.0 and fabs(v) >= NEGLIGIBLE * self.smallest_term:
                self._put_more(k, v)
        return 0

    def _put_more(self, k: int, v: float) -> None:
        e: cython.double = v
        part: cython.double
        s: cython.double
        for row in self.more:
            part = row[k]
            s = part + e
            e = rounding_error(part, e, s)
            row[k] = s
            if e == 0.0:
                return
        row = np.zeros(self.high.shape[0])
        row[k] = e
        self.more.append(row)

    def set_columns(self, columns: Any) -> None:
        """Set the sums from results of `Sum.dump`."""
        dumped = [
            (first, *(rest if isinstance(rest, tuple) else (rest,))) for first, rest in columns
        ]
        self.set_rows(list(itertools.zip_longest(*dumped, fillvalue=0.0)))

    def clear(self) -> None:
        """Remove all terms."""
        self.set_rows(np.zeros((1, self.high.shape[0])))
        self.smallest_term = float("inf")

    def scale(self, factor: float) -> None:
        """Multiply every sum by `factor`."""
        k: cython.Py_ssize_t
        total: Sum
        if math.frexp(factor)[0] == 0.5:
            for row in self.rows():
                row *= factor
            return
        columns = []
        for k in range(self.high.shape[0]):
            total = self.column(k)
            total.scale(factor)
            columns.append(total.dump())
        self.set_columns(columns)

    def merge(self, rows: Any, smallest: float) -> None:
        """Add the rows of another table, and take account of its smallest term."""
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        self.smallest_term = min(self.smallest_term, smallest)
        high = cython.declare("double[::1]", rows[0])
        for k in range(high.shape[0]):
            self.put(k, high[k])
        for i in range(1, len(rows)):
            high = rows[i]
            for k in range(high.shape[0]):
                if high[k] != 0.0:
                    self.put_rest(k, high[k])

    def dump(self) -> tuple[list[float], list[Any]]:
        """Return the rounded sums and the remainder of each, in the form of `Sum.dump`."""
        self.renormalise()
        first, *others = (row.tolist() for row in self.rows())
        if any(map(any, others[1:])):
            return first, [_rest(each) for each in zip(*others, strict=True)]
        return first, others[0]

    def load(self, first: Any, rest: Any) -> None:
        """Restore the data that `dump` returned."""
        self.set_columns(zip(first, rest, strict=True))
        # the terms are unknown: assume an ordinary range
        sizes = np.abs(np.asarray(self.high))
        self.smallest_term = ASSUMED_SMALLEST * float(
            np.min(sizes, where=sizes > 0.0, initial=np.inf)
        )


@cython.wraparound(True)
def _rest(parts: Any) -> Any:
    """Return the parts of a sum after the first, in the form of `Sum.dump`."""
    while len(parts) > 1 and parts[-1] == 0.0:
        parts = parts[:-1]
    return parts if len(parts) > 1 else parts[0]
