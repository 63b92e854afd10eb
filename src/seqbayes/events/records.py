"""Records of a source: JSON lines and CSV rows, with their positions in the input."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, Protocol, overload

from seqbayes.events.cells import KINDS, OTHER, read_columns
from seqbayes.events.field_arrays import FieldArrays
from seqbayes.events.values import coerce, parse_column

MAX_RECORD_BYTES = 16 << 20
"""Default maximum size of a record in bytes; longer records are rejected."""
MAX_KEPT_BYTES = 1 << 20
"""Maximum number of bytes kept of a rejected record; the same limit applies to dead letters."""


class Block(Sequence[bytes]):
    r"""Lines with one JSON object each, kept as one block so that they can be decoded together.

    Parameters
    ----------
    data
        Bytes that contain the lines.
    first
        Offset of the first byte of the data.
    starts
        Offsets at which the lines begin, and the offset after the last newline.

    Examples
    --------
    >>> block = Block(b'{"x": 1}\n{}\n', 100, array("q", [100, 109, 112]))
    >>> list(block), block[1:].whole
    ([b'{"x": 1}', b'{}'], b'{}\n')
    """

    def __init__(self, data: bytes, first: int, starts: array[int]) -> None:
        self.data, self.first, self.starts = data, first, starts

    @property
    def whole(self) -> bytes:
        """All lines, with their newlines."""
        return self.data[self.starts[0] - self.first : self.starts[-1] - self.first]

    def read_arrays(self, slots: Sequence[tuple[str, str]]) -> tuple[FieldArrays, int]:
        """Return the fields of the first lines as arrays, and the number of these lines.

        Parameters
        ----------
        slots
            Name and kind of each field.
        """
        fields = _arrays_for(slots, self)
        if not _is_utf8(self.data):
            return fields, 0
        names = [name.encode() for name, _ in slots]
        return fields, fields.read_lines(self.data, self.starts, self.first, names)

    def __iter__(self) -> Iterator[bytes]:
        for start, end in pairwise(self.starts):
            yield self.data[start - self.first : end - self.first - 1]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> Block: ...

    def __getitem__(self, index: int | slice) -> bytes | Block:
        if isinstance(index, slice):
            first, last, _ = index.indices(len(self))
            starts = self.starts[first : max(first, last) + 1]
            return Block(self.data, self.first, starts)
        i = range(len(self))[index]
        return self.data[self.starts[i] - self.first : self.starts[i + 1] - self.first - 1]


class Cells(Sequence[Mapping[str, str]]):
    """CSV rows, each with one cell for every column of the header.

    As a sequence, its elements are mappings from column to cell.

    Parameters
    ----------
    header
        Names of the columns.
    rows
        Lists of cells.

    Examples
    --------
    >>> cells = Cells(["shop", "sold"], [["north", "1"], ["south", "0"]])
    >>> cells[1], cells[:1].rows
    ({'shop': 'south', 'sold': '0'}, [['north', '1']])
    """

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.header, self._rows = header, rows

    @property
    def rows(self) -> Sequence[Sequence[str]]:
        """The lists of cells."""
        return self._rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> dict[str, str]: ...

    @overload
    def __getitem__(self, index: slice) -> Cells: ...

    def __getitem__(self, index: int | slice) -> dict[str, str] | Cells:
        if isinstance(index, slice):
            return Cells(self.header, self._rows[index])
        return dict(zip(self.header, self._rows[index], strict=True))

    def read(self, columns: Sequence[tuple[int, str]]) -> list[list[Any]]:
        """Return the values of the columns with these indices and kinds.

        Examples
        --------
        >>> Cells(["shop", "sold"], [["north", "1"], ["south", "0"]]).read([(1, "boolean")])
        [[True, False]]
        """
        return [parse_column([row[i] for row in self.rows], kind) for i, kind in columns]

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))


class PlainCells(Cells):
    r"""CSV rows, kept as one block of bytes so that only the columns in use are parsed.

    Parameters
    ----------
    header
        Names of the columns.
    delimiter
        The delimiter of cells.
    block
        The lines of the rows.

    Examples
    --------
    >>> block = Block(b"a,1\nb,2\n", 100, array("q", [100, 104, 108]))
    >>> cells = PlainCells(["k", "x"], ",", block)
    >>> cells[1], len(cells[:1]), cells.rows
    ({'k': 'b', 'x': '2'}, 1, [['a', '1'], ['b', '2']])
    """

    def __init__(self, header: Sequence[str], delimiter: str, block: Block) -> None:
        self.header, self._delimiter, self._block = header, delimiter, block

    @property
    def rows(self) -> Sequence[Sequence[str]]:
        """The lists of cells."""
        lines = self._block.whole.decode().removesuffix("\n").split("\n")
        return list(csv.reader(lines, delimiter=self._delimiter)) if len(self) else []

    def __len__(self) -> int:
        return len(self._block)

    @overload
    def __getitem__(self, index: int) -> dict[str, str]: ...

    @overload
    def __getitem__(self, index: slice) -> Cells: ...

    def __getitem__(self, index: int | slice) -> dict[str, str] | Cells:
        if isinstance(index, slice):
            return PlainCells(self.header, self._delimiter, self._block[index])
        i = range(len(self))[index]
        return dict(zip(self.header, self[i : i + 1].rows[0], strict=True))

    def read(self, columns: Sequence[tuple[int, str]]) -> list[list[Any]]:
        """Return the values of the columns with these indices and kinds."""
        order = sorted(range(len(columns)), key=columns.__getitem__)
        found = read_columns(
            self._block.data,
            self._block.starts,
            self._block.first,
            ord(self._delimiter),
            [columns[k][0] for k in order],
            [KINDS.get(columns[k][1], OTHER) for k in order],
            [partial(coerce, kind=columns[k][1], text=True) for k in order],
        )
        by_place = dict(zip(order, found, strict=True))
        return [by_place[k] for k in range(len(columns))]

    def read_arrays(self, slots: Sequence[tuple[str, str]]) -> tuple[FieldArrays, int]:
        """Return the fields of the first rows as arrays, and the number of these rows.

        Parameters
        ----------
        slots
            Name and kind of each field.
        """
        block = self._block
        fields = _arrays_for(slots, block)
        if not all(name in self.header for name, _ in slots):
            return fields, 0
        columns = [self.header.index(name) for name, _ in slots]
        delimiter = ord(self._delimiter)
        return fields, fields.read_rows(block.data, block.starts, block.first, delimiter, columns)


def _arrays_for(slots: Sequence[tuple[str, str]], block: Block) -> FieldArrays:
    """Return empty arrays for the fields of a block."""
    n_bytes = block.starts[-1] - block.starts[0]
    return FieldArrays([KINDS[kind] for _, kind in slots], len(block), n_bytes)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@dataclass
class RecordChunk:
    """Consecutive records of a source.

    Attributes
    ----------
    records
        Raw lines, or mappings from column to cell.
    starts
        Offset of each record, in bytes.
    end
        Offset of the next record.
    refused
        Offset, first bytes and reason of each piece of input that is not a record.
    """

    records: Sequence[Any] = ()
    starts: Sequence[int] = ()
    end: int = 0
    refused: list[tuple[int, bytes, str]] = field(default_factory=list)
    _data: bytes = b""
    _first: int = 0
    _line: int = 1

    def index(self, data: bytes, first: int, line: int) -> RecordChunk:
        """Store the data of the records, their offset and their first line, for `line_of`."""
        self._data, self._first, self._line = data, first, line
        return self

    def line_of(self, offset: int) -> int:
        """Return the line number at an offset, counted from the start of reading."""
        if offset < self._first:  # a record that is too long ended on the previous line
            return self._line - 1
        return self._line + self._data.count(b"\n", 0, offset - self._first)


class Splitter(Protocol):
    """Splits blocks of bytes into records."""

    def split(self, block: bytes, last: bool = False) -> RecordChunk:
        """Return the records that end in a block; the end of the last block also ends a record."""
        ...

    @property
    def is_cut_short(self) -> bool:
        """Whether the remaining bytes are the beginning of a record that is still being written."""
        ...
