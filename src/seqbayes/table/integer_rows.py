# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Hash table from 64-bit integers to row numbers; the one for strings is in `text_rows`.

Both tables use open addressing with linear probing, and are at most three quarters full. The first
bits of a hash value are the position of the slot, so that the slots keep their order when the table
grows. A large table does not fit into the cache: the slots of upcoming keys are prefetched.

The classes need a compiler; without one, `Index` uses a dict.
"""

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

COMPILED = bool(cython.compiled)
"""Whether the hash tables can be used."""

SMALLEST = 64
"""Number of slots of an empty table."""

# Knuth's multiplicative hashing: 2**64 divided by the golden ratio.
_GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
# Slots are prefetched this many integers ahead.
_AHEAD = cython.declare(cython.int, 16)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _hash_integer(key: cython.longlong) -> cython.ulonglong:
    """Return a hash value of an integer."""
    value: cython.ulonglong = cython.cast(cython.ulonglong, key)
    return (value ^ (value >> 32)) * _GOLDEN


def enlarged(array: Array, used: int, size: int) -> Array:
    """Return a larger array with a copy of the used part."""
    larger = np.empty(size, array.dtype)
    larger[:used] = array[:used]
    return larger


class IntegerRows:
    """The rows of integer keys, in order of first appearance."""

    def __init__(self) -> None:
        self._slots: Array = np.full((SMALLEST, 2), -1, np.int64)  # keys and rows
        self._keys: Array = np.empty(SMALLEST, np.int64)
        self.n = 0

    @property
    def keys(self) -> Array:
        """The keys in order of their rows, as an array."""
        return self._keys[: self.n]

    def at(self, rows: Array) -> list[int]:
        """Return the keys of rows."""
        keys: list[int] = self.keys[rows].tolist()
        return keys

    @property
    def n_bytes(self) -> int:
        """Memory of the table, in bytes."""
        return int(self._slots.nbytes + self._keys.nbytes)

    def rows(self, keys: Array, add: bool) -> Array:
        """Return the rows of keys, an array of int64.

        A new key gets the next row if `add` is true, otherwise -1.
        """
        keys = np.ascontiguousarray(keys, np.int64)
        rows: Array = np.empty(len(keys), np.int64)
        done = 0
        while True:
            done = self._fill(keys, rows, done, add)
            if done == len(keys):
                return rows
            self._grow()

    def take(self, rows: Array) -> IntegerRows:
        """Return a table of the keys of these rows, which are distinct, in this order."""
        taken = IntegerRows()
        taken.rows(self.keys[rows], add=True)
        return taken

    def truncated(self, n: int) -> IntegerRows:
        """Return a table of the first n keys; this table can no longer be used."""
        return self.take(np.arange(n))

    def _grow(self) -> None:
        """Make room for more keys, in the slots or in the array of keys."""
        n = self.n
        if n == len(self._keys):
            self._keys = enlarged(self._keys, n, n * 4 // 3)
        if n == len(self._slots) // 4 * 3:
            old, self._slots = self._slots, np.full((2 * len(self._slots), 2), -1, np.int64)
            self._move(old)

    def _move(self, old: Array) -> None:
        """Insert the keys of a smaller table, whose slots are in the same order."""
        source = cython.declare("const long long[:, ::1]", old)
        slots = cython.declare("long long[:, ::1]", self._slots)
        mask: cython.size_t = len(self._slots) - 1
        shift: cython.int = 65 - len(self._slots).bit_length()
        slot: cython.size_t
        i: cython.Py_ssize_t
        for i in range(len(old)):
            if source[i, 1] >= 0:
                slot = _hash_integer(source[i, 0]) >> shift
                while slots[slot, 1] >= 0:
                    slot = (slot + 1) & mask
                slots[slot, 0] = source[i, 0]
                slots[slot, 1] = source[i, 1]

    def _fill(self, keys: Array, rows: Array, start: int, add: bool) -> int:
        """Look up keys from a position; return the first position for which there is no room."""
        key_of = cython.declare("const long long[::1]", keys)
        row_of = cython.declare("long long[::1]", rows)
        slots = cython.declare("long long[:, ::1]", self._slots)
        known = cython.declare("long long[::1]", self._keys)
        mask: cython.size_t = len(self._slots) - 1
        shift: cython.int = 65 - len(self._slots).bit_length()
        count: cython.longlong = self.n
        most: cython.longlong = min(len(self._keys), len(self._slots) // 4 * 3)
        n: cython.Py_ssize_t = len(keys)
        i: cython.Py_ssize_t
        key: cython.longlong
        slot: cython.size_t
        adding: cython.bint = add
        for i in range(start, n):
            if i + _AHEAD < n:
                prefetch(cython.address(slots[_hash_integer(key_of[i + _AHEAD]) >> shift, 0]))
            key = key_of[i]
            slot = _hash_integer(key) >> shift
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
