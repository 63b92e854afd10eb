# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""A hash table from 64-bit integers to row numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.seqbayes.statistics.memory import prefetch
else:
    from seqbayes.statistics.memory import prefetch

Array = Any

_SMALLEST = 64
# Slots are loaded into the cache this many keys ahead.
_AHEAD = cython.declare(cython.int, 16)
# Knuth's multiplicative hashing: 2**64 divided by the golden ratio.
_GOLDEN = 0x9E3779B97F4A7C15


class IntegerRows:
    """The rows of integer keys, in order of first appearance.

    The table uses open addressing with linear probing, and is at most half full.

    Examples
    --------
    >>> index = IntegerRows()
    >>> index.rows(np.array([7, 3, 7]), add=True)
    array([0, 1, 0])
    >>> index.rows(np.array([3, 4]), add=False)
    array([ 1, -1])
    """

    def __init__(self) -> None:
        self._slots: Array = np.full((_SMALLEST, 2), -1, np.int64)
        self._keys: Array = np.zeros(_SMALLEST // 2, np.int64)
        self.n = 0

    @property
    def keys(self) -> Array:
        """The keys in order of their rows, as an array."""
        return self._keys[: self.n]

    @property
    def n_bytes(self) -> int:
        """Memory of the table, in bytes."""
        return int(self._slots.nbytes + self._keys.nbytes)

    def rows(self, keys: Array, add: bool) -> Array:
        """Return the rows of keys, an array of int64.

        A new key gets the next row if `add` is true, otherwise -1.
        """
        rows: Array = np.empty(len(keys), np.int64)
        done = 0
        while True:
            done = self._fill(np.ascontiguousarray(keys, np.int64), rows, done, add)
            if done == len(keys):
                return rows
            self._grow()

    def _grow(self) -> None:
        keys = self.keys.copy()
        self._slots = np.full((4 * len(self._slots), 2), -1, np.int64)
        self._keys = np.zeros(len(self._slots) // 2, np.int64)
        self.n = 0
        self._fill(keys, np.empty(len(keys), np.int64), 0, True)

    def _fill(self, keys: Array, rows: Array, start: int, add: bool) -> int:
        """Look up keys from a position on; return the first position for which there is no room."""
        if not cython.compiled:
            return self._fill_plainly(keys, rows, start, add)
        key_of = cython.declare("const long long[::1]", keys)
        row_of = cython.declare("long long[::1]", rows)
        slots = cython.declare("long long[:, ::1]", self._slots)
        known = cython.declare("long long[::1]", self._keys)
        mask: cython.size_t = len(self._slots) - 1
        shift: cython.int = 64 - (len(self._slots) - 1).bit_length()
        golden: cython.ulonglong = _GOLDEN
        count: cython.longlong = self.n
        most: cython.longlong = len(self._keys)
        n: cython.Py_ssize_t = len(keys)
        i: cython.Py_ssize_t
        key: cython.longlong
        slot: cython.size_t
        adding: cython.bint = add
        for i in range(start, n):
            if i + _AHEAD < n:
                slot = (cython.cast(cython.ulonglong, key_of[i + _AHEAD]) * golden) >> shift
                prefetch(cython.address(slots[slot, 0]))
            key = key_of[i]
            slot = (cython.cast(cython.ulonglong, key) * golden) >> shift
            while slots[slot, 1] >= 0 and slots[slot, 0] != key:
                slot = (slot + 1) & mask
            row_of[i] = slots[slot, 1]
            if adding and slots[slot, 1] < 0:
                if count == most:
                    self.n = count
                    return i
                slots[slot, 0] = key
                slots[slot, 1] = row_of[i] = count
                known[count] = key
                count += 1
        self.n = count
        return n

    def _fill_plainly(self, keys: Array, rows: Array, start: int, add: bool) -> int:
        mask = len(self._slots) - 1
        shift = 64 - mask.bit_length()
        for i in range(start, len(keys)):
            key = int(keys[i])
            slot = ((key * _GOLDEN) & (2**64 - 1)) >> shift
            while self._slots[slot, 1] >= 0 and self._slots[slot, 0] != key:
                slot = (slot + 1) & mask
            if add and self._slots[slot, 1] < 0:
                if self.n == len(self._keys):
                    return i
                self._slots[slot] = key, self.n
                self._keys[self.n] = key
                self.n += 1
            rows[i] = self._slots[slot, 1]
        return len(keys)
