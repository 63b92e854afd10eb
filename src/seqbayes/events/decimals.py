"""Reads decimal numbers from bytes; compiled if a compiler is available."""

from __future__ import annotations

from typing import Any

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.conversion import PyOS_string_to_double
    from cython.cimports.libc.math import isfinite
else:
    PyOS_string_to_double: Any = None
    isfinite: Any = None

# Longer numbers, and integers with more digits, are left to other methods.
_LONGEST = cython.declare(cython.Py_ssize_t, 40)
_MOST_DIGITS = cython.declare(cython.int, 18)
# Decimals of up to this number of digits are rounded correctly by one division.
_EXACT_DIGITS = cython.declare(cython.int, 15)

if cython.compiled:
    _POWER = cython.declare("double[16]")
else:
    _POWER = [0.0] * 16


def _fill_table() -> None:
    i: cython.int
    for i in range(16):
        _POWER[i] = 10.0**i


_fill_table()


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _digits_end(at: cython.p_char, total: cython.p_longlong) -> cython.p_char:
    """Append up to 18 digits to an integer; return the position after all digits."""
    while 48 <= at[0] <= 57:
        if total[0] < 10**17:
            total[0] = total[0] * 10 + (at[0] - 48)
        at += 1
    return at


@cython.cfunc
@cython.exceptval(check=False)
@cython.cdivision(True)
def number_end(at: cython.p_char, found: cython.p_double) -> cython.p_char:
    """Read a number of JSON; return the position after it.

    Returns NULL for anything else, and for numbers that other methods read: long ones, and -0.
    """
    begin: cython.p_char = at
    after: cython.p_char
    decimals: cython.Py_ssize_t = 0
    total: cython.longlong = 0
    negative: cython.bint = at[0] == 45
    at += negative
    if at[0] == 48 and 48 <= at[1] <= 57:
        return cython.NULL
    after = _digits_end(at, cython.address(total))
    digits: cython.Py_ssize_t = after - at
    if digits == 0 or digits > _MOST_DIGITS:
        return cython.NULL
    at = after
    if at[0] == 46:
        after = _digits_end(at + 1, cython.address(total))
        decimals = after - at - 1
        if decimals == 0:
            return cython.NULL
        at = after
    if negative and total == 0:
        return cython.NULL
    if at[0] == 101 or at[0] == 69 or (decimals and digits + decimals > _EXACT_DIGITS):
        return _long_end(begin, at, found)
    # one conversion rounds correctly, and so does one division
    found[0] = cython.cast(cython.double, total)
    if decimals:
        found[0] /= _POWER[decimals]
    if negative:
        found[0] = -found[0]
    return at


@cython.cfunc
@cython.exceptval(check=False)
def _long_end(begin: cython.p_char, at: cython.p_char, found: cython.p_double) -> cython.p_char:
    """Read a number with many digits or an exponent; `at` is where the exponent would begin."""
    end: cython.p_char = cython.NULL
    unused: cython.longlong = 0
    if at[0] == 101 or at[0] == 69:
        at += 2 if at[1] == 45 or at[1] == 43 else 1
        if not 48 <= at[0] <= 57:
            return cython.NULL
        at = _digits_end(at, cython.address(unused))
    if at - begin > _LONGEST:
        return cython.NULL
    found[0] = PyOS_string_to_double(begin, cython.address(end), cython.NULL)
    return at if end == at and isfinite(found[0]) else cython.NULL
