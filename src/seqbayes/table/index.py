"""The keys of a table and their rows."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError
from seqbayes.statistics.reading import plain_label
from seqbayes.table.hashing import IntegerRows

Array = Any

_EXPECTED = "expected keys that are integers, strings, or tuples of them"


class Index:
    """The rows of keys, in order of first appearance.

    Keys are integers, strings, or tuples of integers and strings. While all of them are integers of
    64 bits they are kept in an array, otherwise in a dict.

    Examples
    --------
    >>> index = Index()
    >>> index.rows(["north", "south", "north"], add=True)
    array([0, 1, 0])
    >>> index.keys
    ['north', 'south']
    """

    def __init__(self) -> None:
        self._integers: IntegerRows | None = IntegerRows()
        self._others: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._others) if self._integers is None else self._integers.n

    @property
    def keys(self) -> list[Any]:
        """The keys in order of their rows."""
        if self._integers is None:
            return list(self._others)
        keys: list[Any] = self._integers.keys.tolist()
        return keys

    @property
    def array(self) -> Array | list[Any]:
        """The keys in order of their rows, as an array if all are integers of 64 bits."""
        return self.keys if self._integers is None else self._integers.keys

    @property
    def n_bytes(self) -> int:
        """Memory of the index in bytes, without the keys of a dict themselves."""
        return self._others.__sizeof__() if self._integers is None else self._integers.n_bytes

    def find(self, key: Any) -> int:
        """Return the row of a key, -1 if it has none."""
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
        codes, distinct = _read(keys)
        if self._integers is not None:
            if isinstance(distinct, np.ndarray):
                return self._select(self._integers.rows(distinct, add), codes)
            if not add:
                found = [
                    int(self._integers.rows(np.array([key]), add=False)[0])
                    if _is_small(key)
                    else -1
                    for key in distinct
                ]
                return self._select(np.array(found, np.int64), codes)
            self._others = {key: row for row, key in enumerate(self._integers.keys.tolist())}
            self._integers = None
        listed = distinct.tolist() if isinstance(distinct, np.ndarray) else distinct
        return self._select(self._rows_of_objects(listed, add), codes)

    @staticmethod
    def _select(rows: Array, codes: Array | None) -> Array:
        return rows if codes is None else rows[codes]

    def _rows_of_objects(self, keys: list[Any], add: bool) -> Array:
        others = self._others
        if not add:
            get = others.get
            return np.fromiter((get(key, -1) for key in keys), np.int64, len(keys))
        add_key = others.setdefault
        return np.fromiter((add_key(key, len(others)) for key in keys), np.int64, len(keys))

    def truncate(self, n: int) -> None:
        """Drop the keys of all rows from `n` on."""
        if n < len(self):
            kept = self.keys[:n]
            self.__init__()  # type: ignore[misc]
            if kept:
                self.rows(kept, add=True)


def _is_small(key: Any) -> bool:
    return type(key) is int and -(2**63) <= key < 2**63


def _read(keys: Any) -> tuple[Array | None, Array | list[Any]]:
    """Return keys as an array of 64-bit integers or a list.

    If the first result is not None, it has the position of every key among distinct ones.
    """
    if isinstance(keys, (str, bytes)):
        raise ObservationError(f"{_EXPECTED}, one for each observation, got {keys!r}")
    if not isinstance(keys, (np.ndarray, list, tuple)):
        arrow = _from_frame(keys)
        if arrow is not None:
            return arrow
        keys = list(keys)
    if isinstance(keys, np.ndarray):
        if keys.ndim != 1:
            raise ObservationError(f"expected a one-dimensional array of keys, got {keys.shape}")
        if keys.dtype.kind == "i" or (keys.dtype.kind == "u" and keys.dtype.itemsize < 8):
            return None, keys.astype(np.int64, copy=False)
        keys = keys.tolist()
    types = set(map(type, keys))
    if types == {int}:
        try:
            return None, np.array(keys, np.int64)
        except OverflowError:
            return None, list(keys)
    if types <= {int, str}:
        return None, list(keys)
    return None, [_checked(key) for key in keys]


def _checked(key: Any) -> Any:
    plain = plain_label(key)
    parts = plain if type(plain) is tuple else (plain,)
    if parts and all(type(part) in (int, str) for part in parts):
        return plain
    if type(plain) is tuple:
        parts = tuple(map(plain_label, plain))
        if parts and all(type(part) in (int, str) for part in parts):
            return parts
    raise ObservationError(f"{_EXPECTED}, got {reprlib.repr(key)}")


def _from_frame(keys: Any) -> tuple[Array | None, Array | list[Any]] | None:
    """Return keys of an Arrow array or of a column of a data frame; None of anything else."""
    if not (hasattr(keys, "__arrow_c_array__") or hasattr(keys, "__arrow_c_stream__")):
        if not hasattr(keys, "__array__"):
            return None
        return _read(np.asarray(keys))
    try:
        import pyarrow as pa
    except ImportError:
        return _read(keys.to_numpy() if hasattr(keys, "to_numpy") else list(keys))
    column = keys if isinstance(keys, (pa.Array, pa.ChunkedArray)) else pa.chunked_array(keys)
    if column.null_count:
        raise ObservationError(f"{_EXPECTED}, got {column.null_count} missing ones")
    if pa.types.is_integer(column.type) and column.type != pa.uint64():
        return None, column.to_numpy().astype(np.int64, copy=False)
    if pa.types.is_dictionary(column.type):  # not all values of the dictionary need occur
        return _read(column.to_pylist())
    column = column.dictionary_encode()
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # without chunks
            return None, []
    _, distinct = _read(column.dictionary.to_pylist())
    return column.indices.to_numpy(zero_copy_only=False).astype(np.int64), distinct
