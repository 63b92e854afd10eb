# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""The rows of the keys of a belief."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.events.keys import REST, read_key, write_key
from seqbayes.table.index import Index
from seqbayes.table.keys import ArrowTexts

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.cpython.unicode import PyUnicode_DecodeUTF8
    from cython.cimports.libc.string import memcpy
else:
    memcpy: Any = None
    PyUnicode_DecodeUTF8: Any = None

Array = Any

_MARK = "\0"
# Number of bytes of a key that determine the order in which it is written.
_COMPARED = 64


def key_text(key: Any) -> str | None:
    r"""Return the string under which a key is kept; None if the key is invalid.

    The string is the key itself, or its JSON after a mark if the key is not a string or begins with
    the mark.

    Examples
    --------
    >>> key_text("north"), key_text(("north", "2")), key_text(None), key_text(5)
    ('north', '\x00["north","2"]', '\x00null', None)
    """
    if type(key) is str:
        return _MARK + write_key(key) if key.startswith(_MARK) else key
    if key is REST or (type(key) is tuple and all(type(part) is str for part in key)):
        return _MARK + write_key(key)
    return None


def _key_of(text: str) -> Any:
    """Invert `key_text`."""
    return read_key(text[1:]) if text.startswith(_MARK) else text


def _differing_positions(texts: ArrowTexts, rows: Array) -> Array:
    """Return the first byte positions, up to eight, at which any keys of some rows differ."""
    row_of = cython.declare("const long long[::1]", np.ascontiguousarray(rows, np.int64))
    ends = cython.declare("const long long[::1]", texts.ends)
    data = cython.declare("const unsigned char[::1]", texts.data)
    i: cython.Py_ssize_t
    at: cython.Py_ssize_t
    k: cython.Py_ssize_t
    byte: cython.int
    first: cython.int
    n: cython.Py_ssize_t = len(rows)
    longest: cython.Py_ssize_t = int((texts.ends[rows + 1] - texts.ends[rows]).max(initial=0))
    found: list[int] = []
    for k in range(min(longest, _COMPARED)):
        first = -1
        for i in range(n):
            at = ends[row_of[i]] + k
            byte = data[at] if at < ends[row_of[i] + 1] else 0
            if first < 0:
                first = byte
            elif byte != first:
                found.append(k)
                break
        if len(found) == 8:
            break
    return np.array(found, np.int64)


class KeyRows:
    """The rows of keys, in order of first appearance.

    A key is a string, a tuple of strings, or None for the pooled rest. The index holds strings (see
    `key_text`), so that a key needs no Python object, which saves memory and time.

    Examples
    --------
    >>> rows = KeyRows()
    >>> rows.add("north"), rows.add(("north", "2")), rows.add("north")
    (0, 1, 0)
    >>> rows.find("south"), len(rows)
    (-1, 2)
    >>> rows.keys(np.array([1, 0])), rows.names(np.array([1, 0]))
    ([('north', '2'), 'north'], ['["north","2"]', '["north"]'])
    """

    def __init__(self) -> None:
        self._index = Index()

    def __len__(self) -> int:
        return len(self._index)

    def find(self, key: Any) -> int:
        """Return the row of a key; -1 if it has no row."""
        text = key_text(key)
        return -1 if text is None else self._index.find(text)

    def add(self, key: Any) -> int:
        """Return the row of a valid key; a new key gets the next row."""
        return int(self._index.rows([key_text(key)], add=True)[0])

    def add_many(self, keys: list[Any], start: int, stop: int) -> Array:
        """Return the rows of some keys of a list, up to the first invalid one; add new keys.

        Parameters
        ----------
        keys
            The list.
        start, stop
            Index of the first of these keys, and index after the last.

        Returns
        -------
        array of int64
        """
        texts = keys[start:stop]
        i: cython.Py_ssize_t
        n: cython.Py_ssize_t = len(texts)
        for i in range(n):
            if type(texts[i]) is not str or texts[i].startswith(_MARK):
                text = key_text(texts[i])
                if text is None:
                    texts = texts[:i]
                    break
                texts[i] = text
        return self._index.rows(texts, add=True)

    def add_texts(self, ends: Array, data: Array) -> Array:
        """Return the rows of strings in the buffers of an Arrow array; see `ArrowTexts`."""
        return self._index.rows(ArrowTexts(ends, data), add=True)

    def keys(self, rows: Array) -> list[Any]:
        """Return the keys of rows."""
        return list(map(_key_of, self._index.at(rows)))

    def names(self, rows: Array) -> list[str]:
        """Return the JSON of the keys of rows."""
        texts = self._index.array
        if not cython.compiled or not isinstance(texts, ArrowTexts):
            return list(map(write_key, self.keys(rows)))
        row_of = cython.declare("const long long[::1]", np.ascontiguousarray(rows, np.int64))
        ends = cython.declare("const long long[::1]", texts.ends)
        data = cython.declare("const unsigned char[::1]", texts.data)
        longest: cython.Py_ssize_t = int((texts.ends[rows + 1] - texts.ends[rows]).max(initial=0))
        buffer: Array = np.empty(longest + 4, np.uint8)
        written = cython.declare("unsigned char[::1]", buffer)
        to: cython.p_char = cython.cast(cython.p_char, cython.address(written[0]))
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        first: cython.Py_ssize_t
        size: cython.Py_ssize_t
        n: cython.Py_ssize_t = len(rows)
        found: list[str] = []
        to[0], to[1] = 91, 34
        for i in range(n):
            first = ends[row_of[i]]
            size = ends[row_of[i] + 1] - first
            for k in range(first, first + size):
                if data[k] < 32 or data[k] == 34 or data[k] == 92:  # this byte is escaped in JSON
                    break
            else:
                if size:
                    memcpy(to + 2, cython.address(data[first]), size)
                to[size + 2], to[size + 3] = 34, 93
                found.append(PyUnicode_DecodeUTF8(to, size + 4, cython.NULL))
                continue
            found.extend(map(write_key, self.keys(rows[i : i + 1])))
        return found

    def order(self, rows: Array) -> Array:
        """Return the positions of rows approximately in the order of their keys.

        A store writes keys faster in this order. Keys in buffers are compared by the first eight
        byte positions at which any keys differ; only the beginning of the keys is considered.
        """
        if not cython.compiled:
            names = self._index.at(rows)
            return np.array(sorted(range(len(rows)), key=names.__getitem__), np.int64)
        texts = self._index.array
        if not isinstance(texts, ArrowTexts):
            return np.arange(len(rows))
        positions = _differing_positions(texts, rows)
        words: Array = np.zeros(len(rows), np.uint64)
        row_of = cython.declare("const long long[::1]", np.ascontiguousarray(rows, np.int64))
        ends = cython.declare("const long long[::1]", texts.ends)
        data = cython.declare("const unsigned char[::1]", texts.data)
        word_of = cython.declare("unsigned long long[::1]", words)
        position_of = cython.declare("const long long[::1]", positions)
        i: cython.Py_ssize_t
        j: cython.Py_ssize_t
        at: cython.Py_ssize_t
        n_positions: cython.Py_ssize_t = len(positions)
        byte: cython.ulonglong
        for i in range(len(rows)):
            for j in range(n_positions):
                at = ends[row_of[i]] + position_of[j]
                byte = data[at] if at < ends[row_of[i] + 1] else 0
                word_of[i] = (word_of[i] << 8) | byte
        return np.argsort(words, kind="stable")

    def truncate(self, n: int) -> None:
        """Drop the keys of row `n` and of all later rows."""
        self._index.truncate(n)

    def take(self, rows: Array) -> KeyRows:
        """Return the keys of distinct rows, in the order of `rows`."""
        taken = KeyRows()
        taken._index = self._index.take(rows)
        return taken
