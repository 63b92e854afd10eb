# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Compiled loop that adds unweighted values to the sums of values and of squares of many keys.

The loop adds the same terms in the same order as `learn_numbers`, but without a list of terms, and
with branches that processors predict well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import fabs
    from cython.cimports.seqbayes.statistics.exact import rounding_error, square_error
    from cython.cimports.seqbayes.statistics.journal import Journal
    from cython.cimports.seqbayes.statistics.memory import prefetch
    from cython.cimports.seqbayes.statistics.moments import Moments
else:
    from math import fabs

    from seqbayes.statistics.exact import rounding_error, square_error
    from seqbayes.statistics.journal import Journal
    from seqbayes.statistics.memory import prefetch
    from seqbayes.statistics.moments import Moments

from seqbayes.statistics.batches import RowBatch
from seqbayes.statistics.sum_columns import PARTS, SumColumns

Array = Any

# Sums and squares up to this size do not overflow, and nor do the products of their halves.
_SAFE = cython.declare(cython.double, 1e280)
# Rows are loaded into the cache this many observations ahead.
_AHEAD = cython.declare(cython.int, 16)


def adds_values(columns: SumColumns, batch: RowBatch) -> bool:
    """Whether `learn_values` can add a batch."""
    kind = columns.scratch
    return bool(
        cython.compiled
        and isinstance(kind, Moments)
        and kind.plain
        and batch.ws is None
        and not columns.half_life
    )


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _add(
    parts: cython.p_double, first: cython.int, n: cython.int, v: cython.double
) -> cython.double:
    """Add a term to the parts of a sum, starting with a given part; return the remainder."""
    j: cython.int = first
    old: cython.double
    # the remainder is rarely zero after the first part, and often zero after the second one
    while j < n and (j < 2 or v != 0.0):
        old = parts[j]
        parts[j] = old + v
        v = rounding_error(old, v, parts[j])
        j += 1
    return v


def learn_values(columns: SumColumns, batch: RowBatch, start: int, journal: Journal) -> int:
    """Add observations from a position on; return the position of the first one not added.

    Parameters
    ----------
    columns
        The statistics.
    batch
        Observations for which `adds_values` holds.
    start
        Index of the first observation.
    journal
        Gets the rows before they are changed.
    """
    known: Array = np.ascontiguousarray(columns.places.reshape(-1, PARTS)[[0, 2, 3]])
    counts: Array = (known >= 0).cumprod(axis=1).sum(axis=1)
    if not counts.all():
        return start
    places = cython.declare("const int[:, ::1]", known)
    row_of = cython.declare("const long long[::1]", batch.rows)
    x = cython.declare("const double[:]", batch.xs)
    cells = cython.declare("double[:, ::1]", columns.cells)
    row = cython.declare(cython.p_double)
    s1 = cython.declare("double[5]")
    s2 = cython.declare("double[5]")
    n1: cython.int = counts[1]
    n2: cython.int = counts[2]
    j: cython.int
    i: cython.Py_ssize_t
    for i in range(start, len(batch.rows)):
        if i + _AHEAD < len(row_of):
            prefetch(cython.address(cells[row_of[i + _AHEAD], 0]))
            if row_of[i + _AHEAD] < journal.n_used:
                prefetch(cython.address(journal.noted[row_of[i + _AHEAD]]))
        journal.note(row_of[i])
        row = cython.address(cells[row_of[i], 0])
        for j in range(n1):
            s1[j] = row[places[1, j]]
        for j in range(n2):
            s2[j] = row[places[2, j]]
        n: cython.double = row[places[0, 0]]
        p: cython.double = x[i] * x[i]
        rest: cython.double = fabs(rounding_error(n, 1.0, n + 1.0)) + fabs(_add(s1, 0, n1, x[i]))
        rest += fabs(_add(s2, 0, n2, p)) + fabs(_add(s2, 1, n2, square_error(x[i], p)))
        if rest != 0.0 or not (p <= _SAFE and fabs(s1[0]) <= _SAFE and s2[0] <= _SAFE):
            return i
        row[places[0, 0]] = n + 1.0
        for j in range(n1):
            row[places[1, j]] = s1[j]
        for j in range(n2):
            row[places[2, j]] = s2[j]
    return len(batch.rows)
