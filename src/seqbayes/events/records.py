"""Splits blocks of bytes into complete records, and into lines of JSON."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, Protocol, overload

import msgspec

from seqbayes.errors import SourceError
from seqbayes.events.cells import KINDS, OTHER, read_columns
from seqbayes.events.loops import line_starts
from seqbayes.events.values import coerce, parse_column

MAX_RECORD_BYTES = 16 << 20
"""Default maximum size of a record in bytes; longer records are rejected."""
MAX_KEPT_BYTES = 1 << 20
"""Maximum number of bytes kept of a rejected record; the same limit applies to dead letters."""
BOM = b"\xef\xbb\xbf"


class Block(Sequence[bytes]):
    r"""Lines with one JSON object each, kept in one piece so that they can be decoded together.

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
        self._data, self._first, self._starts = data, first, starts

    @property
    def whole(self) -> bytes:
        """All lines, with their newlines."""
        return self._data[self._starts[0] - self._first : self._starts[-1] - self._first]

    def __iter__(self) -> Iterator[bytes]:
        for start, end in pairwise(self._starts):
            yield self._data[start - self._first : end - self._first - 1]

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> Block: ...

    def __getitem__(self, index: int | slice) -> bytes | Block:
        if isinstance(index, slice):
            first, last, _ = index.indices(len(self))
            starts = self._starts[first : max(first, last) + 1]
            return Block(self._data, self._first, starts)
        i = range(len(self))[index]
        return self._data[self._starts[i] - self._first : self._starts[i + 1] - self._first - 1]


class Cells(Sequence[Mapping[str, str]]):
    """Rows of CSV, each with one cell for every column of the header.

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
    r"""Rows of CSV, kept as bytes in one piece so that only the columns in use are read.

    Parameters
    ----------
    header
        Names of the columns.
    delimiter
        The character between cells.
    data, first, starts
        As of `Block`; `row_starts` returned the offsets.

    Examples
    --------
    >>> cells = PlainCells(["k", "x"], ",", b"a,1\nb,2\n", 100, array("q", [100, 104, 108]))
    >>> cells[1], len(cells[:1]), cells.rows
    ({'k': 'b', 'x': '2'}, 1, [['a', '1'], ['b', '2']])
    """

    def __init__(
        self, header: Sequence[str], delimiter: str, data: bytes, first: int, starts: array[int]
    ) -> None:
        self.header, self._delimiter = header, delimiter
        self._data, self._first, self._starts = data, first, starts

    @property
    def rows(self) -> Sequence[Sequence[str]]:
        """The lists of cells."""
        first, last = self._starts[0] - self._first, self._starts[-1] - self._first
        lines = self._data[first:last].decode().removesuffix("\n").split("\n")
        return list(csv.reader(lines, delimiter=self._delimiter)) if len(self) else []

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> dict[str, str]: ...

    @overload
    def __getitem__(self, index: slice) -> Cells: ...

    def __getitem__(self, index: int | slice) -> dict[str, str] | Cells:
        if isinstance(index, slice):
            first, last, _ = index.indices(len(self))
            starts = self._starts[first : max(first, last) + 1]
            return PlainCells(self.header, self._delimiter, self._data, self._first, starts)
        i = range(len(self))[index]
        return dict(zip(self.header, self[i : i + 1].rows[0], strict=True))

    def read(self, columns: Sequence[tuple[int, str]]) -> list[list[Any]]:
        """Return the values of the columns with these indices and kinds."""
        order = sorted(range(len(columns)), key=columns.__getitem__)
        found = read_columns(
            self._data,
            self._starts,
            self._first,
            ord(self._delimiter),
            [columns[k][0] for k in order],
            [KINDS.get(columns[k][1], OTHER) for k in order],
            [partial(coerce, kind=columns[k][1], text=True) for k in order],
        )
        by_place = dict(zip(order, found, strict=True))
        return [by_place[k] for k in range(len(columns))]


@dataclass
class Part:
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

    def index(self, data: bytes, first: int, line: int) -> Part:
        """Store the data of the records, their offset and their first line, for `line_of`."""
        self._data, self._first, self._line = data, first, line
        return self

    def line_of(self, offset: int) -> int:
        """Return the line number at an offset, counted from the start of reading."""
        if offset < self._first:  # a record that is too long ends the line before
            return self._line - 1
        return self._line + self._data.count(b"\n", 0, offset - self._first)


class Splitter(Protocol):
    """Splits blocks of bytes into records."""

    def split(self, block: bytes, last: bool = False) -> Part:
        """Return the records that end in a block; the last block ends the record before it."""
        ...

    @property
    def is_cut_short(self) -> bool:
        """Whether the remaining bytes are the beginning of a record that is still being written."""
        ...


class Lines:
    r"""Splits blocks into lines with one JSON object each.

    Parameters
    ----------
    offset
        Offset of the first block; the beginning of a record.
    longest
        Maximum number of bytes of a record.

    Examples
    --------
    >>> lines = Lines(0)
    >>> part = lines.split(b'{"x": 1}\n{"x":')
    >>> list(part.records), list(part.starts), part.end
    ([b'{"x": 1}'], [0], 9)
    >>> lines.split(b" 2}", last=True).records
    [b'{"x": 2}']
    """

    def __init__(self, offset: int, longest: int = MAX_RECORD_BYTES) -> None:
        self._end = offset
        self._line = 1
        self._longest = longest
        self._rest = b""
        self._dropped = 0

    def split(self, block: bytes, last: bool = False) -> Part:
        """Return the records that end in a block; the last block ends the record before it.

        Raises
        ------
        SourceError
            If the input does not begin with UTF-8 text, or a header is invalid.
        """
        if self._dropped:
            return self._skip(block, last)
        data = self._rest + block if self._rest else block
        first, line = self._end, self._line
        if first == 0:
            check_start(data)
        part = self._split(data, last)
        self._line += data.count(b"\n", 0, self._end - first)
        if len(self._rest) > self._longest:
            self._dropped, self._rest = len(self._rest), self._rest[:MAX_KEPT_BYTES]
        return part.index(data, first, line)

    def _split(self, data: bytes, last: bool) -> Part:
        if not last and (part := self._split_plain(data)) is not None:
            return part
        records = data.split(b"\n")
        self._rest = b"" if last else records.pop()
        starts = starts_of(records, self._end)
        if self._end == 0 and records and records[0].startswith(BOM):
            records[0] = records[0][len(BOM) :]
        self._end += len(data) - len(self._rest)
        part = Part(end=self._end)
        kept = []
        for record, start in zip(records, starts, strict=False):
            if len(record) > self._longest:
                part.refused.append(self._too_long(start, record, len(record)))
            elif record.strip():
                kept.append((record, start))
        part.records, part.starts = [each[0] for each in kept], [each[1] for each in kept]
        return part

    def _split_plain(self, data: bytes) -> Part | None:
        """Return the lines in one piece; None if a line is blank, too long or not an object."""
        end = data.rfind(b"\n") + 1
        if not end or len(data) - end > self._longest:
            return None
        first = self._end
        starts = line_starts(data, end, first, self._longest)
        if starts is None:
            return None
        self._rest, self._end = data[end:], first + end
        return Part(Block(data, first, starts), starts[:-1], self._end)

    @property
    def is_cut_short(self) -> bool:
        """Whether the remaining bytes are the beginning of a JSON object still being written."""
        if self._dropped or not self._rest.lstrip().startswith(b"{"):
            return False
        text = replace_surrogates(self._rest)
        return any(map(_is_truncated, (text, text + b"0")))  # "-" is not a number, "-0" is

    def _skip(self, block: bytes, last: bool) -> Part:
        """Drop the rest of a record that is too long, up to its end."""
        i = block.find(b"\n")
        self._rest += block[: len(block) if i < 0 else i][: MAX_KEPT_BYTES - len(self._rest)]
        if i < 0 and not last:
            self._dropped += len(block)
            return Part(end=self._end)
        length = self._dropped + (len(block) if i < 0 else i)
        refused = self._too_long(self._end, self._rest, length)
        self._end += length + (i >= 0)
        self._line += 1
        self._dropped, self._rest = 0, b""
        part = Part(end=self._end) if i < 0 else self.split(block[i + 1 :], last)
        if i < 0:
            part.index(b"", self._end, self._line)
        part.refused.insert(0, refused)
        return part

    def _too_long(self, start: int, record: bytes, length: int) -> tuple[int, bytes, str]:
        reason = f"a record of {length:,} bytes: expected at most {self._longest:,}"
        return start, record[:MAX_KEPT_BYTES], reason


def starts_of(records: Sequence[bytes], first: int) -> list[int]:
    """Return the offsets of records, each of which is followed by one separator byte."""
    return list(accumulate(map(len, records), lambda at, n: at + n + 1, initial=first))[:-1]


def _is_truncated(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return "truncated" in str(error)
    except RecursionError:  # nested too deeply, whatever the rest is
        return False
    return False


_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPES = re.compile(rb"\\\\|" + _HIGH + _LOW + rb"|" + _HIGH + rb"|" + _LOW)


def replace_surrogates(record: bytes) -> bytes:
    r"""Return JSON in which every lone surrogate is replaced by the replacement character.

    Examples
    --------
    >>> replace_surrogates(rb'{"k": "\ud800", "n": "\ud83d\ude00"}')
    b'{"k": "\\ufffd", "n": "\\ud83d\\ude00"}'
    """
    return _ESCAPES.sub(lambda found: found[0] if len(found[0]) != 6 else rb"\ufffd", record)


def check_start(data: bytes) -> None:
    r"""Raise an error if the input does not begin with UTF-8 text.

    Raises
    ------
    SourceError
        If the input is UTF-16 or compressed.

    Examples
    --------
    >>> check_start("x,y\n".encode("utf-16"))
    Traceback (most recent call last):
    seqbayes.errors.SourceError: the input is UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)
    """
    zeros = data[:4:2], data[1:4:2]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\0\0" in zeros and any(data[:4])):
        raise SourceError("the input is UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)")
    if data.startswith(b"\x1f\x8b"):
        raise SourceError(
            "the input is compressed: decompress it first (gunzip -c FILE | …), or name a file .gz"
        )
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        raise SourceError(
            "the input is compressed: decompress it first (zstd -dc FILE | …), or name a file .zst"
        )
