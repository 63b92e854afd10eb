# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Natural sort order of many keys: a compiled encoding as bytes, whose order is that of `collated`.

The encoding of a name is its alternating strings and numbers, followed by an end mark. A string
ends with two zero bytes, and a zero byte in it is followed by 1. A number is encoded as its length
and its digits. No encoding is a prefix of another one, so that eight bytes at a time can be
compared as an integer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from seqbayes.dashboard.live.sorting import collated

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.unicode import PyUnicode_AsUTF8AndSize
    from cython.cimports.libc.string import memcpy
else:
    memcpy: Any = None
    PyUnicode_AsUTF8AndSize: Any = None

Array = Any

_WORD = 8
_STRING_END, _NUMBER, _END = b"\0\0", b"\1", b"\0"
_NAME, _REST = b"\1", b"\2"
# Maximum number of bytes of an encoding for each byte of a key, and for the key as a whole.
_FACTOR, _EXTRA = 8, 64


def natural_order(keys: Sequence[str]) -> Array:
    """Return the indices of keys (JSON) in natural sort order, as `collated` defines it.

    Examples
    --------
    >>> natural_order(['["b10"]', '["B9"]', "null", '["a"]']).tolist()
    [3, 1, 0, 2]
    """
    if not cython.compiled or len(keys) < 2:
        names = [msgspec.json.decode(key) for key in keys]
        return np.array(sorted(range(len(keys)), key=lambda i: collated(names[i])), np.int64)
    data, ends = _encode_all(keys)
    return _order(data, ends)


def encode(names: Sequence[str] | None) -> bytes:
    """Return the encoding of the names of a key.

    Examples
    --------
    >>> encode(["b9"]) < encode(["b10"]) < encode(["C"]) < encode(None)
    True
    """
    if names is None:
        return _REST
    _, folded, raw = collated(names)
    parts = [_NAME + _encode_parts(each) for each in folded]
    raws = [_NAME + _encode_string(each) for each in raw]
    return b"".join([*parts, _END, *raws, _END])


def _encode_parts(parts: Sequence[tuple[int, str]]) -> bytes:
    encoded = [
        _NUMBER + len(text).to_bytes(2, "big") + text.encode() if k % 2 else _encode_string(text)
        for k, (_, text) in enumerate(parts)
    ]
    return b"".join(encoded) + _END


def _encode_string(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass").replace(b"\0", b"\0\1") + _STRING_END


@cython.cfunc
@cython.exceptval(check=False)
def _encode_plain(
    text: cython.p_uchar, size: cython.Py_ssize_t, to: cython.p_uchar
) -> cython.Py_ssize_t:
    """Encode a JSON list of plain ASCII strings; return the length, or 0 for any other value.

    The result has up to 8 bytes for each byte of the text, and 64 more.
    """
    at: cython.Py_ssize_t = 1
    n: cython.Py_ssize_t = 0
    if size < 4 or text[0] != 91 or text[size - 1] != 93:  # brackets
        return 0
    while True:
        if text[at] != 34:  # quotation mark
            return 0
        at += 1
        to[n] = 1
        n += 1
        while at < size and text[at] != 34:
            if text[at] < 32 or text[at] > 126 or text[at] == 92:  # backslash
                return 0
            if 48 <= text[at] <= 57:
                n = _encode_number(text, at, to, n)
                while 48 <= text[at] <= 57:
                    at += 1
            else:
                to[n] = text[at] + 32 if 65 <= text[at] <= 90 else text[at]
                n += 1
                at += 1
        to[n] = to[n + 1] = to[n + 2] = 0  # end of the string and of the name
        n += 3
        at += 1
        if at == size - 1:
            break
        if at >= size or text[at] != 44:  # comma
            return 0
        at += 1
    to[n] = 0
    return _copy_names(text, size, to, n + 1)


@cython.cfunc
@cython.exceptval(check=False)
def _encode_number(
    text: cython.p_uchar, at: cython.Py_ssize_t, to: cython.p_uchar, n: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """End a string, append the number with digits from position `at`, and return the length."""
    to[n] = to[n + 1] = 0
    to[n + 2] = 1
    while text[at] == 48:
        at += 1
    first: cython.Py_ssize_t = at
    start: cython.Py_ssize_t = n + 5
    while 48 <= text[at] <= 57:
        to[start + at - first] = text[at]
        at += 1
    to[n + 3] = (at - first) >> 8
    to[n + 4] = (at - first) & 255
    return start + at - first


@cython.cfunc
@cython.exceptval(check=False)
def _copy_names(
    text: cython.p_uchar, size: cython.Py_ssize_t, to: cython.p_uchar, n: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Append the unchanged names; return the new length of the encoding."""
    at: cython.Py_ssize_t = 2
    while at < size:
        to[n] = 1
        n += 1
        while text[at] != 34:
            to[n] = text[at]
            n += 1
            at += 1
        to[n] = to[n + 1] = 0
        n += 2
        at += 3  # the first character of the next name
    to[n] = 0
    return n + 1


def _encode_all(keys: Sequence[str]) -> tuple[Array, Array]:
    """Return the concatenated encodings of keys, and where they begin and end."""
    n: cython.Py_ssize_t = len(keys)
    ends: Array = np.zeros(n + 1, np.int64)
    end_of = cython.declare("long long[::1]", ends)
    data: Array = np.empty(max(64 * n, 1024), np.uint8)
    to = cython.declare("unsigned char[::1]", data)
    i: cython.Py_ssize_t
    size: cython.Py_ssize_t = 0
    used: cython.Py_ssize_t = 0
    length: cython.Py_ssize_t
    capacity: cython.Py_ssize_t = len(data)
    encoded: bytes
    text: cython.p_char
    for i in range(n):
        text = PyUnicode_AsUTF8AndSize(keys[i], cython.address(size))
        if used + _FACTOR * size + _EXTRA > capacity:
            data = np.concatenate([data[:used], np.empty(used + _FACTOR * size + _EXTRA, np.uint8)])
            to = data
            capacity = len(data)
        length = _encode_plain(cython.cast(cython.p_uchar, text), size, cython.address(to[used]))
        if length == 0:
            encoded = encode(msgspec.json.decode(keys[i]))
            length = len(encoded)
            if used + length > capacity:
                data = np.concatenate([data[:used], np.empty(used + 2 * length, np.uint8)])
                to = data
                capacity = len(data)
            text = encoded
            memcpy(cython.address(to[used]), text, length)
        used += length
        end_of[i + 1] = used
    return data, ends


def _common_size(data: Array, ends: Array) -> int:
    """Return the length of the longest common prefix of all encodings."""
    byte_of = cython.declare("const unsigned char[::1]", data)
    end_of = cython.declare("const long long[::1]", ends)
    common: cython.Py_ssize_t = end_of[1]
    i: cython.Py_ssize_t
    k: cython.Py_ssize_t
    for i in range(1, len(ends) - 1):
        common = min(common, end_of[i + 1] - end_of[i])
        for k in range(common):
            if byte_of[end_of[i] + k] != byte_of[k]:
                common = k
                break
    return common


def _words(data: Array, ends: Array, rows: Array, start: int) -> Array:
    """Return eight bytes of some encodings, from a position on, as integers padded with zeros."""
    byte_of = cython.declare("const unsigned char[::1]", data)
    end_of = cython.declare("const long long[::1]", ends)
    row_of = cython.declare("const long long[::1]", rows)
    words: Array = np.empty(len(rows), np.uint64)
    word_of = cython.declare("unsigned long long[::1]", words)
    begin: cython.Py_ssize_t = start
    i: cython.Py_ssize_t
    k: cython.Py_ssize_t
    at: cython.Py_ssize_t
    end: cython.Py_ssize_t
    word: cython.ulonglong
    for i in range(len(rows)):
        at = end_of[row_of[i]] + begin
        end = end_of[row_of[i] + 1]
        word = 0
        for k in range(_WORD):
            word = word << 8
            if at + k < end:
                word = word | byte_of[at + k]
        word_of[i] = word
    return words


def _order(data: Array, ends: Array) -> Array:
    """Return the order of encodings: by first bytes, and by later ones where these are equal."""
    position = _common_size(data, ends)
    places = rows = np.arange(len(ends) - 1)
    order, group = rows.copy(), np.zeros(len(rows), np.int64)
    longest = int(np.diff(ends).max())
    while len(places) and position <= longest:
        words = _words(data, ends, rows, position)
        refined = np.lexsort((words, group)) if group[-1] else np.argsort(words)
        rows, words, group = rows[refined], words[refined], group[refined]
        order[places] = rows
        new = np.ones(len(rows) + 1, bool)  # whether an encoding differs from the one before it
        new[1:-1] = (words[1:] != words[:-1]) | (group[1:] != group[:-1])
        tied = ~(new[:-1] & new[1:])
        places, rows, group = places[tied], rows[tied], np.cumsum(new[:-1])[tied]
        position += _WORD
    return order
