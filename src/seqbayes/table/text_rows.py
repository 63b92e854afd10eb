# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Hash table from strings to row numbers; see `integer_rows`."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from seqbayes.table.integer_rows import SMALLEST, enlarged

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.unicode import PyUnicode_AsUTF8AndSize, PyUnicode_DecodeUTF8
    from cython.cimports.libc.string import memcmp, memcpy
    from cython.cimports.seqbayes.statistics.memory import prefetch
else:
    from seqbayes.statistics.memory import prefetch

    memcmp: Any = None
    memcpy: Any = None
    PyUnicode_AsUTF8AndSize: Any = None
    PyUnicode_DecodeUTF8: Any = None

Array = Any

_EMPTY = 2**64 - 1
# Knuth's multiplicative hashing: 2**64 divided by the golden ratio.
_GOLDEN = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
# Strings are looked up in blocks.
_BLOCK = cython.declare(cython.Py_ssize_t, 1024)
_LOW = cython.declare(cython.ulonglong, 2**32 - 1)
_SIZE_BITS = cython.declare(cython.int, 24)
_LONGEST = cython.declare(cython.ulonglong, 2**24 - 1)
# Maximum total number of bytes of the strings of a block, unless a single one is longer.
_BLOCK_BYTES = cython.declare(cython.Py_ssize_t, 1 << 17)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _mixed(h: cython.ulonglong, word: cython.ulonglong) -> cython.ulonglong:
    """Combine a hash value with 64 further bits, and return the new hash value."""
    h = (h ^ word) * _GOLDEN
    return h ^ (h >> 32)


@cython.cfunc
@cython.exceptval(check=False)
def _hash(
    text: cython.p_uchar, size: cython.Py_ssize_t, seed: cython.ulonglong
) -> cython.ulonglong:
    """Return a hash value of bytes."""
    h: cython.ulonglong = _mixed(seed, size)
    word: cython.ulonglong = 0
    left: cython.Py_ssize_t = size
    i: cython.Py_ssize_t
    if size < 8:
        for i in range(size):
            word = (word << 8) | text[i]
        return _mixed(_mixed(h, word), 0)
    while left > 8:
        memcpy(cython.address(word), text + (size - left), 8)
        h = _mixed(h, word)
        left -= 8
    memcpy(cython.address(word), text + (size - 8), 8)  # this word may overlap the previous one
    return _mixed(_mixed(h, word), 0)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _are_equal(one: cython.p_char, other: cython.p_char, size: cython.Py_ssize_t) -> cython.bint:
    """Whether two strings of this size are equal; faster than a call to memcmp."""
    first: cython.ulonglong = 0
    second: cython.ulonglong = 0
    if size < 8 or size > 64:
        return not memcmp(one, other, size)
    while size > 8:
        size -= 8
        memcpy(cython.address(first), one + size, 8)
        memcpy(cython.address(second), other + size, 8)
        if first != second:
            return False
    memcpy(cython.address(first), one, 8)  # this word may overlap the previous one
    memcpy(cython.address(second), other, 8)
    return first == second


class TextRows:
    """The rows of strings, in order of first appearance.

    The strings are stored in UTF-8, without separators.
    """

    def __init__(self) -> None:
        # two integers: half of the hash value and the row; the string's start and its size, up to
        # a limit
        self._slots: Array = np.full((SMALLEST, 2), _EMPTY, np.uint64)
        self.n = 0
        self._seed = int.from_bytes(os.urandom(8), "little")
        self._tags: Array = np.empty(_BLOCK, np.uint64)
        self._bytes: Array = np.empty(8 * SMALLEST, np.uint8)
        self._ends: Array = np.zeros(SMALLEST, np.int64)  # the end of row i is at i + 1

    @property
    def n_bytes(self) -> int:
        """Memory of the table, in bytes."""
        return int(self._slots.nbytes + self._ends.nbytes + self._bytes.nbytes)

    @property
    def ends(self) -> Array:
        """Offsets at which the strings begin and end in the bytes: an array of length n + 1."""
        return self._ends[: self.n + 1]

    @property
    def data(self) -> Array:
        """The bytes of all strings, in order of their rows."""
        return self._bytes[: self._ends[self.n]]

    def at(self, rows: Array) -> list[str]:
        """Return the strings in the given rows."""
        row_of = cython.declare("const long long[::1]", np.ascontiguousarray(rows, np.int64))
        ends = cython.declare("const long long[::1]", self._ends)
        data = cython.declare("const unsigned char[::1]", self._bytes)
        base: cython.p_char = cython.cast(cython.p_char, cython.address(data[0]))
        i: cython.Py_ssize_t
        start: cython.Py_ssize_t
        found: list[str] = []
        for i in range(len(rows)):
            start = ends[row_of[i]]
            size: cython.Py_ssize_t = ends[row_of[i] + 1] - start
            found.append(PyUnicode_DecodeUTF8(base + start, size, cython.NULL))
        return found

    def rows_of_list(self, texts: list[str], add: bool) -> Array:
        """Return the rows of strings, an array of int64.

        A new string gets the next row if `add` is true, otherwise -1.

        Raises
        ------
        UnicodeEncodeError
            If a string cannot be encoded in UTF-8. The strings before it have been added.
        """
        n: cython.Py_ssize_t = len(texts)
        i: cython.Py_ssize_t = 0
        k: cython.Py_ssize_t
        total: cython.Py_ssize_t
        size: cython.Py_ssize_t = 0
        address_view: Array = np.empty(_BLOCK, np.uintp)
        size_view: Array = np.empty(_BLOCK, np.int64)
        addresses = cython.declare("size_t[::1]", address_view)
        sizes = cython.declare("long long[::1]", size_view)
        rows: Array = np.empty(n, np.int64)
        while i < n:
            k = 0
            total = 0
            while k < _BLOCK and i + k < n and total < _BLOCK_BYTES:
                text = PyUnicode_AsUTF8AndSize(texts[i + k], cython.address(size))
                addresses[k] = cython.cast(cython.size_t, text)
                sizes[k] = size
                total += size
                k += 1
            self._fill(address_view[:k], size_view[:k], rows[i : i + k], add)
            i += k
        return rows

    def rows_of_buffers(self, ends: Array, data: Array, add: bool) -> Array:
        """Return the rows of the strings in the buffers of an Arrow array, an array of int64.

        A new string gets the next row if `add` is true, otherwise -1.

        Parameters
        ----------
        ends : array of int64
            Offsets at which the strings begin and end; there is one more offset than there are
            strings.
        data : array of uint8
            The bytes of all strings; not empty.
        add
            Whether to add new strings.
        """
        n: cython.Py_ssize_t = len(ends) - 1
        i: cython.Py_ssize_t = 0
        k: cython.Py_ssize_t
        address_view: Array = np.empty(_BLOCK, np.uintp)
        size_view: Array = np.empty(_BLOCK, np.int64)
        addresses = cython.declare("size_t[::1]", address_view)
        sizes = cython.declare("long long[::1]", size_view)
        end = cython.declare("const long long[::1]", ends)
        source = cython.declare("const unsigned char[::1]", data)
        base: cython.size_t = cython.cast(cython.size_t, cython.address(source[0]))
        rows: Array = np.empty(n, np.int64)
        while i < n:
            k = 0
            while k < _BLOCK and i + k < n and end[i + k] - end[i] < _BLOCK_BYTES:
                addresses[k] = base + cython.cast(cython.size_t, end[i + k])
                sizes[k] = end[i + k + 1] - end[i + k]
                k += 1
            self._fill(address_view[:k], size_view[:k], rows[i : i + k], add)
            i += k
        return rows

    def check(self, start: int) -> None:
        """Check the strings of a row and of all later rows.

        Raises
        ------
        UnicodeDecodeError
            If a string is not UTF-8.
        """
        starts, ends = self._ends[start : self.n], self._ends[start + 1 : self.n + 1]
        self._bytes[self._ends[start] : self._ends[self.n]].tobytes().decode()
        # the bytes as a whole are valid UTF-8, so each string is, unless one begins within a
        # character
        some = np.flatnonzero(ends > starts)
        self.at(start + some[(self._bytes[starts[some]] & 0xC0) == 0x80])

    def take(self, rows: Array) -> TextRows:
        """Return a table of the strings of these rows, which are distinct, in this order."""
        taken = TextRows()
        taken.rows_of_list(self.at(rows), add=True)
        return taken

    def truncated(self, n: int) -> TextRows:
        """Drop all strings after the first n, and return this table."""
        slots = cython.declare("unsigned long long[:, ::1]", self._slots)
        ends = cython.declare("const long long[::1]", self._ends)
        data = cython.declare("const unsigned char[::1]", self._bytes)
        base: cython.p_uchar = cython.cast(cython.p_uchar, cython.address(data[0]))
        mask: cython.size_t = len(self._slots) - 1
        shift: cython.int = 33 - len(self._slots).bit_length()
        empty: cython.ulonglong = _EMPTY
        tag: cython.ulonglong
        row: cython.Py_ssize_t
        slot: cython.size_t
        later: cython.size_t
        home: cython.size_t
        for row in range(n, self.n):
            tag = _hash(base + ends[row], ends[row + 1] - ends[row], self._seed) >> 32
            slot = tag >> shift
            while slots[slot, 0] & _LOW != cython.cast(cython.ulonglong, row):
                slot = (slot + 1) & mask
            later = (slot + 1) & mask
            while slots[later, 0] != empty:  # an entry moves if the empty slot would hide it
                home = (slots[later, 0] >> 32) >> shift
                if (later - home) & mask >= (later - slot) & mask:
                    slots[slot, 0], slots[slot, 1] = slots[later, 0], slots[later, 1]
                    slot = later
                later = (later + 1) & mask
            slots[slot, 0] = empty
        self.n = n
        return self

    def _reserve(self, n: int, n_bytes: int) -> None:
        """Make room for n more strings with a total of `n_bytes` bytes."""
        size = len(self._slots)
        while 4 * (self.n + n) > 3 * size:
            size *= 2
        if size > len(self._slots):
            old, self._slots = self._slots, np.full((size, 2), _EMPTY, np.uint64)
            self._move(old)
        if self.n + n >= len(self._ends):
            self._ends = enlarged(self._ends, self.n + 1, self.n + max(n, self.n // 3) + 1)
        used = int(self._ends[self.n])
        if used + n_bytes > len(self._bytes):
            self._bytes = enlarged(self._bytes, used, used + max(n_bytes, used // 3))

    def _move(self, old: Array) -> None:
        """Insert the slots of a smaller table, which are in the same order."""
        source = cython.declare("const unsigned long long[:, ::1]", old)
        slots = cython.declare("unsigned long long[:, ::1]", self._slots)
        mask: cython.size_t = len(self._slots) - 1
        shift: cython.int = 33 - len(self._slots).bit_length()
        empty: cython.ulonglong = _EMPTY
        slot: cython.size_t
        i: cython.Py_ssize_t
        for i in range(len(old)):
            if source[i, 0] != empty:
                slot = (source[i, 0] >> 32) >> shift
                while slots[slot, 0] != empty:
                    slot = (slot + 1) & mask
                slots[slot, 0] = source[i, 0]
                slots[slot, 1] = source[i, 1]

    def _load(self, addresses: Array, sizes: Array) -> None:
        """Compute the hash values of a block of strings, and load their slots into the cache."""
        address_of = cython.declare("const size_t[::1]", addresses)
        size_of = cython.declare("const long long[::1]", sizes)
        slots = cython.declare("const unsigned long long[:, ::1]", self._slots)
        data = cython.declare("const unsigned char[::1]", self._bytes)
        tags = cython.declare("unsigned long long[::1]", self._tags)
        seed: cython.ulonglong = self._seed
        shift: cython.int = 33 - len(self._slots).bit_length()
        empty: cython.ulonglong = _EMPTY
        n: cython.Py_ssize_t = len(sizes)
        i: cython.Py_ssize_t
        slot: cython.size_t
        for i in range(n):
            tags[i] = _hash(cython.cast(cython.p_uchar, address_of[i]), size_of[i], seed) >> 32
            prefetch(cython.address(slots[tags[i] >> shift, 0]))
        for i in range(n):
            slot = tags[i] >> shift
            if slots[slot, 0] >> 32 == tags[i] and slots[slot, 0] != empty:
                prefetch(cython.address(data[slots[slot, 1] >> _SIZE_BITS]))

    def _fill(self, addresses: Array, sizes: Array, rows: Array, add: bool) -> None:
        """Look up a block of strings, given their addresses in memory."""
        # twenty of these lines declare C types; the rest is one loop
        adding: cython.bint = add
        if adding:
            self._reserve(len(rows), int(sizes.sum()))
        self._load(addresses, sizes)
        address_of = cython.declare("const size_t[::1]", addresses)
        size_of = cython.declare("const long long[::1]", sizes)
        row_of = cython.declare("long long[::1]", rows)
        slots = cython.declare("unsigned long long[:, ::1]", self._slots)
        ends = cython.declare("long long[::1]", self._ends)
        data = cython.declare("unsigned char[::1]", self._bytes)
        tags = cython.declare("const unsigned long long[::1]", self._tags)
        base: cython.p_char = cython.cast(cython.p_char, cython.address(data[0]))
        text = cython.declare(cython.p_char)
        mask: cython.size_t = len(self._slots) - 1
        shift: cython.int = 33 - len(self._slots).bit_length()
        empty: cython.ulonglong = _EMPTY
        longest: cython.longlong = _LONGEST
        count: cython.longlong = self.n
        i: cython.Py_ssize_t
        row: cython.Py_ssize_t
        size: cython.longlong
        short: cython.ulonglong
        tag: cython.ulonglong
        slot: cython.size_t
        for i in range(len(rows)):
            text = cython.cast(cython.p_char, address_of[i])
            tag, size = tags[i], size_of[i]
            short = size if size < longest else longest
            slot = tag >> shift
            row = -1
            while slots[slot, 0] != empty:
                if slots[slot, 0] >> 32 == tag and slots[slot, 1] & _LONGEST == short:
                    row = slots[slot, 0] & _LOW
                    if (short < longest or ends[row + 1] - ends[row] == size) and _are_equal(
                        base + (slots[slot, 1] >> _SIZE_BITS), text, size
                    ):
                        break
                    row = -1
                slot = (slot + 1) & mask
            if row < 0 and adding:
                row = count
                slots[slot, 0] = (tag << 32) | cython.cast(cython.ulonglong, row)
                slots[slot, 1] = (cython.cast(cython.ulonglong, ends[row]) << _SIZE_BITS) | short
                memcpy(base + ends[row], text, size)
                ends[row + 1] = ends[row] + size
                count += 1
            row_of[i] = row
        self.n = count
