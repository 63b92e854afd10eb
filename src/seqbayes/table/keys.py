"""Reads keys from arrays, Arrow arrays, columns of data frames and lists."""

from __future__ import annotations

import reprlib
from typing import Any, NamedTuple

import numpy as np

from seqbayes.errors import ObservationError
from seqbayes.statistics.reading import plain_label
from seqbayes.table.integer_rows import COMPILED
from seqbayes.table.text_rows import TextRows

Array = Any

_EXPECTED = "expected keys that are integers, strings, or tuples of them"


class Texts(NamedTuple):
    """Strings in a list.

    Parameters
    ----------
    texts
        The strings.
    """

    texts: list[str]

    def rows(self, table: TextRows, add: bool) -> Array:
        """Return the rows of the strings; see `TextRows.rows_of_list`.

        Raises
        ------
        UnicodeEncodeError
            If a string cannot be encoded in UTF-8. The strings before it have been added.
        """
        return table.rows_of_list(self.texts, add)

    def listed(self) -> list[str]:
        """Return the strings as a list."""
        return self.texts


class ArrowTexts(NamedTuple):
    """Strings in the buffers of an Arrow array.

    Parameters
    ----------
    ends : array of int64
        Offsets at which the strings begin and end; there is one more offset than there are strings.
    data : array of uint8
        The bytes that contain the strings; not empty.
    """

    ends: Array
    data: Array

    def rows(self, table: TextRows, add: bool) -> Array:
        """Return the rows of the strings; see `TextRows.rows_of_buffers`.

        Raises
        ------
        ObservationError
            If a new string is not UTF-8. Other strings may have been added.
        """
        before = table.n
        rows = table.rows_of_buffers(self.ends, self.data, add)
        try:
            table.check(before)
        except UnicodeDecodeError as error:
            raise _not_utf8(error) from None
        return rows

    def array(self, pa: Any) -> Any:
        """Return an Arrow array of these strings; the argument is the module pyarrow."""
        buffers = [None, pa.py_buffer(self.ends), pa.py_buffer(self.data)]
        texts = pa.Array.from_buffers(pa.large_string(), len(self.ends) - 1, buffers)
        return texts.cast(pa.string()) if len(self.data) < 2**31 else texts

    def listed(self) -> list[str]:
        """Return the strings as a list."""
        table = TextRows()
        return table.at(self.rows(table, add=True))


def count(read: Array | Texts | ArrowTexts | list[Any]) -> int:
    """Return the number of keys that `read_keys` returned."""
    if isinstance(read, ArrowTexts):
        return len(read.ends) - 1
    return len(read.texts) if isinstance(read, Texts) else len(read)


def blocks(read: Array | Texts | ArrowTexts | list[Any], size: int) -> list[Any]:
    """Divide keys into blocks of equal size without copying them; a list of keys is not divided."""
    starts = range(0, max(count(read), 1), size)
    if isinstance(read, np.ndarray):
        return [read[start : start + size] for start in starts]
    if isinstance(read, ArrowTexts):
        return [ArrowTexts(read.ends[start : start + size + 1], read.data) for start in starts]
    return [read]


def read_keys(keys: Any) -> Array | Texts | ArrowTexts | list[Any]:
    """Return keys as an array of 64-bit integers, as strings, or as a list.

    Raises
    ------
    ObservationError
        If a key is not an integer, a string, or a tuple of them.
    """
    if isinstance(keys, (str, bytes)):
        raise ObservationError(f"{_EXPECTED}, one for each observation, got {keys!r}")
    if isinstance(keys, ArrowTexts):
        return keys
    if not isinstance(keys, (np.ndarray, list, tuple)):
        found = _from_frame(keys)
        if found is not None:
            return found
        keys = list(keys)
    if isinstance(keys, np.ndarray):
        if keys.ndim != 1:
            raise ObservationError(f"expected a one-dimensional array of keys, got {keys.shape}")
        if isinstance(keys, np.ma.MaskedArray) and keys.mask.any():
            raise ObservationError(f"{_EXPECTED}, got {keys.mask.sum()} masked keys")
        if keys.dtype.kind == "i" or (keys.dtype.kind == "u" and keys.dtype.itemsize < 8):
            return keys.astype(np.int64, copy=False)
        keys = keys.tolist()
    types = set(map(type, keys))
    if types == {int}:
        try:
            return np.array(keys, np.int64)
        except OverflowError:
            return list(keys)
    if types == {str} and COMPILED:
        return Texts(list(keys))
    if types <= {int, str}:
        return list(keys)
    return [_checked(key) for key in keys]


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


def _from_frame(keys: Any) -> Array | Texts | ArrowTexts | list[Any] | None:
    """Return the keys in an Arrow array or a column of a data frame; None for any other object."""
    if not (hasattr(keys, "__arrow_c_array__") or hasattr(keys, "__arrow_c_stream__")):
        if not hasattr(keys, "__array__"):
            return None
        return read_keys(np.asarray(keys))
    try:
        import pyarrow as pa
    except ImportError:
        return read_keys(keys.to_numpy() if hasattr(keys, "to_numpy") else list(keys))
    try:
        column = keys if isinstance(keys, (pa.Array, pa.ChunkedArray)) else pa.chunked_array(keys)
    except pa.ArrowException:  # Arrow lacks some types of Polars, such as Int128
        return read_keys(list(keys))
    if pa.types.is_dictionary(column.type):
        column = _without_dictionary(pa, column)
    if column.null_count:
        raise ObservationError(f"{_EXPECTED}, got {column.null_count} missing keys")
    kind = column.type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.to_numpy().astype(np.int64, copy=False)
    if str(kind) in ("string", "large_string", "string_view") and COMPILED:
        return _texts(pa, column)
    try:
        return read_keys(column.to_pylist())
    except UnicodeDecodeError as error:
        raise _not_utf8(error) from None


def _without_dictionary(pa: Any, column: Any) -> Any:
    """Return the values of a dictionary array; they may include nulls of the dictionary."""
    kind = column.type.value_type
    if str(kind) == "string_view":  # which a dictionary cannot be cast to
        kind = pa.large_string()
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    values = [chunk.dictionary.cast(kind).take(chunk.indices) for chunk in chunks]
    return pa.chunked_array(values, kind)


def _not_utf8(error: UnicodeDecodeError) -> ObservationError:
    return ObservationError(f"{_EXPECTED}, got a string that is not UTF-8: {error}")


def _texts(pa: Any, column: Any) -> ArrowTexts:
    """Return the buffers of a column of strings."""
    column = column.cast(pa.large_string())
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not len(column):
        return ArrowTexts(np.zeros(1, np.int64), np.zeros(1, np.uint8))
    _, ends, data = column.buffers()
    positions = np.frombuffer(ends, np.int64)[column.offset : column.offset + len(column) + 1]
    some = data is not None and data.size
    return ArrowTexts(positions, np.frombuffer(data if some else b"\0", np.uint8))
