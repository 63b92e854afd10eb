# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The numbers in the JSON of a state, read and written in compiled code."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import numpy as np

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.conversion import PyOS_string_to_double
    from cython.cimports.libc.math import fabs, floor, isfinite
    from cython.cimports.libc.string import memcmp, memcpy
else:
    from math import fabs, floor, isfinite

    memcmp: Any = None
    memcpy: Any = None
    PyOS_string_to_double: Any = None

Array = Any

# A quotient of an integer below 10**15 and a power of ten up to 10**15 is correctly rounded.
_EXACT_DIGITS = cython.declare(cython.int, 15)
_POWERS: Array = 10.0 ** np.arange(16)
# Integers up to this size are written digit by digit.
_LARGEST = cython.declare(cython.double, 2.0**53)
MAX_NUMBER_SIZE = 32
"""Maximum length, in bytes, of a number that `StateForm` writes."""


@cython.cfunc
@cython.exceptval(-1, check=False)
def _read_number(
    text: cython.p_char, powers: cython.p_double, value: cython.p_double
) -> cython.Py_ssize_t:
    """Read a finite number in JSON; return its length in bytes, or 0 if it is not a number."""
    i: cython.Py_ssize_t = text[0] == 45  # minus
    first: cython.Py_ssize_t = i
    digits: cython.ulonglong = 0
    decimals: cython.int = 0
    v: cython.double
    end: cython.p_char = text
    while 48 <= text[i] <= 57:
        digits = digits * 10 + (text[i] - 48)
        i += 1
    if i == first:
        return 0
    if text[i] == 46:  # point
        i += 1
        while 48 <= text[i] <= 57:
            digits = digits * 10 + (text[i] - 48)
            decimals += 1
            i += 1
    if i - first <= _EXACT_DIGITS and text[i] != 101 and text[i] != 69:  # no exponent
        v = cython.cast(cython.double, digits) / powers[decimals]
        value[0] = -v if first else v
        return i
    value[0] = PyOS_string_to_double(text, cython.address(end), cython.NULL)
    return end - text if isfinite(value[0]) else 0


@cython.cfunc
@cython.exceptval(-1, check=False)
def _write_number(to: cython.p_char, v: cython.double) -> cython.Py_ssize_t:
    """Write a finite number as JSON; return its length in bytes."""
    i: cython.Py_ssize_t = 0
    k: cython.Py_ssize_t
    n: cython.Py_ssize_t
    left: cython.ulonglong
    if v != floor(v) or fabs(v) >= _LARGEST or (v == 0.0 and 1.0 / v < 0.0):
        text: bytes = msgspec.json.encode(v)
        memcpy(to, cython.cast(cython.p_char, text), len(text))
        return len(text)
    if v < 0.0:
        to[0] = 45
        i = 1
    left = cython.cast(cython.ulonglong, fabs(v))
    n = 1
    while left >= 10:
        left = left // 10
        n += 1
    left = cython.cast(cython.ulonglong, fabs(v))
    for k in range(i + n - 1, i - 1, -1):
        to[k] = 48 + left % 10
        left = left // 10
    to[i + n] = 46
    to[i + n + 1] = 48
    return i + n + 2


@cython.final
@cython.cclass
class StateForm:
    """The JSON of a state: text between numbers, each of which has a slot.

    Parameters
    ----------
    pieces
        The text before, between and after the numbers.
    slots
        The slot of each number: twice the position of its sum in `row_sums`, plus 1 for the
        remainder.
    head, tail
        Length of the text that abbreviated JSON omits from the first and from the last piece.
    """

    def __init__(self, pieces: list[bytes], slots: list[int], head: int, tail: int) -> None:
        text: bytes = b"".join(pieces)
        ends: Array = np.array([0, *itertools.accumulate(map(len, pieces))], np.int64)
        places: Array = np.array([*slots, 0], np.int64)
        end_view = cython.declare("long long[::1]", ends)
        slot_view = cython.declare("long long[::1]", places)
        powers = cython.declare("double[::1]", _POWERS)
        self._kept = text, ends, places  # the arrays that the pointers refer to
        self.n, self.size, self.head, self.tail = len(slots), len(text), head, tail
        if cython.compiled:
            self.between = text
            self.ends = cython.address(end_view[0])
            self.slots = cython.address(slot_view[0])
            self.powers = cython.address(powers[0])
        else:
            whole: Any = text
            self.between, self.ends, self.slots, self.powers = whole, ends, places, _POWERS

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def read(
        self,
        text: cython.p_char,
        size: cython.Py_ssize_t,
        brief: cython.bint,
        values: cython.p_double,
    ) -> cython.bint:
        """Read the numbers of a state; return False if its JSON has another form."""
        at: cython.Py_ssize_t = 0
        k: cython.Py_ssize_t
        begin: cython.Py_ssize_t
        length: cython.Py_ssize_t
        brief = brief and text[0] == 91  # bracket
        for k in range(self.n + 1):
            begin = self.ends[k]
            length = self.ends[k + 1] - begin
            if brief and k == 0:
                begin += self.head
                length -= self.head
            if brief and k == self.n:
                length -= self.tail
            if at + length > size or memcmp(text + at, self.between + begin, length) != 0:
                return False
            at += length
            if k < self.n:
                length = _read_number(text + at, self.powers, values + self.slots[k])
                if length == 0:
                    return False
                at += length
        return at == size

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def write(self, to: cython.p_char, values: cython.p_double) -> cython.Py_ssize_t:
        """Write the abbreviated JSON of a state with these numbers; return its length in bytes."""
        at: cython.Py_ssize_t = 0
        k: cython.Py_ssize_t
        begin: cython.Py_ssize_t
        length: cython.Py_ssize_t
        for k in range(self.n + 1):
            begin = self.ends[k] + (self.head if k == 0 else 0)
            length = self.ends[k + 1] - begin - (self.tail if k == self.n else 0)
            memcpy(to + at, self.between + begin, length)
            at += length
            if k < self.n:
                at += _write_number(to + at, values[self.slots[k]])
        return at
