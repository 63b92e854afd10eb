"""The keys of a table and their rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError
from seqbayes.table.integer_rows import COMPILED, IntegerRows
from seqbayes.table.keys import ArrowTexts, Texts, read_keys
from seqbayes.table.text_rows import TextRows

Array = Any


class ObjectRows:
    """The rows of any hashable keys, in order of first appearance, in a dict.

    Parameters
    ----------
    keys
        The first keys, which are distinct.
    """

    def __init__(self, keys: Iterable[Any] = ()) -> None:
        self._rows = {key: row for row, key in enumerate(keys)}

    @property
    def n(self) -> int:
        """Number of keys."""
        return len(self._rows)

    @property
    def n_bytes(self) -> int:
        """Memory of the dict in bytes, excluding the key objects."""
        return self._rows.__sizeof__()

    def at(self, rows: Array) -> list[Any]:
        """Return the keys of rows."""
        keys = list(self._rows)
        return [keys[row] for row in rows.tolist()]

    def take(self, rows: Array) -> ObjectRows:
        """Return a table of the keys of these rows, which are distinct, in this order."""
        return ObjectRows(self.at(rows))

    def truncated(self, n: int) -> ObjectRows:
        """Drop all keys after the first n, and return this table."""
        while self.n > n:
            self._rows.popitem()
        return self

    def rows(self, keys: list[Any], add: bool) -> Array:
        """Return the rows of keys; a new key gets the next row if `add` is true, otherwise -1."""
        known = self._rows
        if not add:
            get = known.get
            return np.fromiter((get(key, -1) for key in keys), np.int64, len(keys))
        add_key = known.setdefault
        return np.fromiter((add_key(key, len(known)) for key in keys), np.int64, len(keys))


class Index:
    """The rows of keys, in order of first appearance.

    Keys are integers, strings, or tuples of integers and strings. While all of them are 64-bit
    integers, or all are strings, they are kept in a compact hash table, otherwise in a dict.

    Examples
    --------
    >>> index = Index()
    >>> index.rows(["north", "south", "north"], add=True)
    array([0, 1, 0])
    >>> index.keys
    ['north', 'south']
    """

    def __init__(self) -> None:
        self._table: IntegerRows | TextRows | ObjectRows = ObjectRows()

    def __len__(self) -> int:
        return self._table.n

    @property
    def keys(self) -> list[Any]:
        """The keys in order of their rows."""
        return self.at(np.arange(len(self)))

    def at(self, rows: Array) -> list[Any]:
        """Return the keys of some rows, an array of integers."""
        return self._table.at(rows)

    @property
    def array(self) -> Array | ArrowTexts | list[Any]:
        """The keys in order of their rows: 64-bit integers, buffers of strings, or a list."""
        if isinstance(self._table, IntegerRows):
            return self._table.keys
        if isinstance(self._table, TextRows):
            return ArrowTexts(self._table.ends, self._table.data)
        keys = self.keys
        if set(map(type, keys)) == {int} and all(-(2**63) <= key < 2**63 for key in keys):
            return np.array(keys, np.int64)
        return keys

    @property
    def n_bytes(self) -> int:
        """Memory of the index in bytes, excluding the key objects of a dict."""
        return self._table.n_bytes

    def find(self, key: Any) -> int:
        """Return the row of a key; -1 if it has no row."""
        return int(self.rows([key], add=False)[0])

    def rows(self, keys: Iterable[Any], add: bool) -> Array:
        """Return the rows of many keys, an array of int64.

        A new key gets the next row if `add` is true, otherwise -1. If a key is invalid, none is
        added.

        Raises
        ------
        ObservationError
            If a key is not an integer, a string, or a tuple of them.
        """
        return self.rows_of_read(read_keys(keys), add)

    def rows_of_read(self, read: Any, add: bool) -> Array:
        """Return the rows of keys that `read_keys` returned; see `rows`."""
        before = len(self)
        if add and not before:
            self._table = _table_for(read)
        table = self._table
        try:
            if isinstance(table, IntegerRows) and isinstance(read, np.ndarray):
                return table.rows(read, add)
            if isinstance(table, TextRows) and isinstance(read, (Texts, ArrowTexts)):
                return read.rows(table, add)
        except UnicodeEncodeError:  # a string with a lone surrogate requires a dict
            pass
        except ObservationError:
            self.truncate(before)
            raise
        listed = _listed(read)
        if not isinstance(table, ObjectRows):
            if not add:
                return np.array([self._find_packed(key) for key in listed], np.int64)
            table = self._table = ObjectRows(self.keys)
        return table.rows(listed, add)

    def _find_packed(self, key: Any) -> int:
        """Return the row of a key of any type; -1 if it has no row."""
        read, table = read_keys([key]), self._table
        try:
            if isinstance(table, IntegerRows) and isinstance(read, np.ndarray):
                return int(table.rows(read, add=False)[0])
            if isinstance(table, TextRows) and isinstance(read, Texts):
                return int(read.rows(table, add=False)[0])
        except UnicodeEncodeError:
            pass
        return -1

    def take(self, rows: Array) -> Index:
        """Return an index of the keys of these rows, which are distinct, in this order."""
        taken = Index()
        taken._table = self._table.take(rows)
        return taken

    def truncate(self, n: int) -> None:
        """Drop the keys of row `n` and of all later rows."""
        if n < len(self):
            self._table = self._table.truncated(n)


def _table_for(read: Any) -> IntegerRows | TextRows | ObjectRows:
    """Return an empty table for keys of the given kind."""
    if COMPILED and isinstance(read, np.ndarray):
        return IntegerRows()
    if COMPILED and isinstance(read, (Texts, ArrowTexts)):
        return TextRows()
    return ObjectRows()


def _listed(read: Any) -> list[Any]:
    if isinstance(read, (Texts, ArrowTexts)):
        return list(read.listed())
    keys: list[Any] = read.tolist() if isinstance(read, np.ndarray) else read
    return keys
