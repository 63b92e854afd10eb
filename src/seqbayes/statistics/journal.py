# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Copies of rows of columns, made before the rows are changed."""

from __future__ import annotations

import numpy as np

from seqbayes.statistics.sum_columns import SumColumns

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]


@cython.final
@cython.cclass
class Journal:
    """Copies of rows, made before the rows are changed, with which to restore them after an error.

    Parameters
    ----------
    columns
        The columns.
    n
        Maximum number of rows that are changed.
    n_used
        Number of leading rows that may have data. All later rows are empty and are not saved.
    """

    def __init__(self, columns: SumColumns, n: int, n_used: int) -> None:
        size: cython.Py_ssize_t = min(n, n_used) + 1
        self.n_used = n_used
        self._columns = columns
        self._width = columns.n_columns
        self._decayed = columns.half_life != 0.0
        self._more = {at: parts[:] for at, parts in columns.more.items()}
        self.noted = np.zeros(n_used, np.uint8)
        self._saved_rows = np.empty(size, np.int64)
        self._saved_cells = np.empty((size, self._width))
        self._saved_clocks = np.empty((size if self._decayed else 0, 2))
        self._rows = self._saved_rows
        self._saved = self._saved_cells
        self._times = self._saved_clocks
        self._n = 0
        self.attach()

    def attach(self) -> None:
        """Update the references to the cells of the columns, after a column was added."""
        self._cells = self._columns.cells
        self._clocks = self._columns.clocks
        self._landmarks = self._columns.landmarks

    @cython.cfunc
    @cython.exceptval(check=False)
    def note(self, row: cython.Py_ssize_t) -> cython.void:
        """Save a row, unless it was saved before."""
        p: cython.int
        if row >= self.n_used or self.noted[row]:
            return
        self.noted[row] = 1
        self._rows[self._n] = row
        for p in range(self._width):
            self._saved[self._n, p] = self._cells[row, p]
        if self._decayed:
            self._times[self._n, 0] = self._clocks[row]
            self._times[self._n, 1] = self._landmarks[row]
        self._n += 1

    def note_row(self, row: int) -> None:
        """Save a row, unless it was saved before."""
        self.note(row)

    def restore(self) -> None:
        """Restore all rows that were saved, and empty those that were empty."""
        columns, n = self._columns, self._n
        columns.clear(slice(self.n_used, columns.n_rows))
        rows = self._saved_rows[:n]
        columns.clear(rows)
        columns.cells[rows, : self._width] = self._saved_cells[:n]
        columns.more = self._more
        if self._decayed:
            columns.clocks[rows] = self._saved_clocks[:n, 0]
            columns.landmarks[rows] = self._saved_clocks[:n, 1]
