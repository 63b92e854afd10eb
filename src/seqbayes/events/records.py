"""Complete records from blocks of bytes: lines of JSON, or rows of CSV."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Protocol, overload

import msgspec

from seqbayes.errors import SourceError
from seqbayes.events.loops import line_starts

LONGEST = 16 << 20
"""Default limit of the bytes of a record; a longer one is refused."""
KEPT = 1 << 20
"""Bytes of a refused record that are kept, as many as of any dead letter."""
MOST_LINES = 1000
"""Lines that a row of CSV may span; a quote that is not closed within them is unbalanced."""

_BOM = b"\xef\xbb\xbf"
_LONE_CR = "a carriage return within the row (rows end with \\n or \\r\\n)"


class Block(Sequence[bytes]):
    r"""Lines that hold one JSON object each, kept in one piece so that they are decoded at once.

    Parameters
    ----------
    data
        Bytes that hold the lines.
    first
        Offset at which the data begin.
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
    def __getitem__(self, place: int) -> bytes: ...

    @overload
    def __getitem__(self, place: slice) -> Block: ...

    def __getitem__(self, place: int | slice) -> bytes | Block:
        if isinstance(place, slice):
            first, last, _ = place.indices(len(self))
            starts = self._starts[first : max(first, last) + 1]
            return Block(self._data, self._first, starts)
        i = range(len(self))[place]
        return self._data[self._starts[i] - self._first : self._starts[i + 1] - self._first - 1]


class Cells(Sequence[Mapping[str, str]]):
    """Rows of CSV, each with one cell for every column of the header.

    As a sequence it holds mappings from column to cell.

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
        self.header, self.rows = header, rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> dict[str, str]: ...

    @overload
    def __getitem__(self, place: slice) -> Cells: ...

    def __getitem__(self, place: int | slice) -> dict[str, str] | Cells:
        if isinstance(place, slice):
            return Cells(self.header, self.rows[place])
        return dict(zip(self.header, self.rows[place], strict=True))

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(list(self))


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
        Offset, beginning and reason of everything that is not a record.
    """

    records: Sequence[Any] = ()
    starts: Sequence[int] = ()
    end: int = 0
    refused: list[tuple[int, bytes, str]] = field(default_factory=list)
    _data: bytes = b""
    _first: int = 0
    _line: int = 1

    def place(self, data: bytes, first: int, line: int) -> Part:
        """Remember the data of the records, their offset and their line, for `line_of`."""
        self._data, self._first, self._line = data, first, line
        return self

    def line_of(self, offset: int) -> int:
        """Return the number of the line at an offset, counted from where reading began."""
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
        """Whether what remains is the beginning of a record that is still being written."""
        ...


class Lines:
    r"""Splits blocks into lines, one JSON object each.

    Parameters
    ----------
    offset
        Offset of the first block; the beginning of a record.
    longest
        Most bytes of a record.

    Examples
    --------
    >>> lines = Lines(0)
    >>> part = lines.split(b'{"x": 1}\n{"x":')
    >>> list(part.records), list(part.starts), part.end
    ([b'{"x": 1}'], [0], 9)
    >>> lines.split(b" 2}", last=True).records
    [b'{"x": 2}']
    """

    def __init__(self, offset: int, longest: int = LONGEST) -> None:
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
            If the input begins with bytes that are not text in UTF-8, or a header is invalid.
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
            self._dropped, self._rest = len(self._rest), self._rest[:KEPT]
        return part.place(data, first, line)

    def _split(self, data: bytes, last: bool) -> Part:
        if not last and (part := self._split_plain(data)) is not None:
            return part
        records = data.split(b"\n")
        self._rest = b"" if last else records.pop()
        starts = _starts(records, self._end)
        if self._end == 0 and records and records[0].startswith(_BOM):
            records[0] = records[0][len(_BOM) :]
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
        """Return the lines in one piece; None if one is blank, too long or not an object."""
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
        """Whether what remains is the beginning of a JSON object that is still being written."""
        if self._dropped or not self._rest.lstrip().startswith(b"{"):
            return False
        text = replace_surrogates(self._rest)
        return any(map(_is_truncated, (text, text + b"0")))  # "-" is no number, "-0" is

    def _skip(self, block: bytes, last: bool) -> Part:
        """Drop the rest of a record that is too long, up to its end."""
        i = block.find(b"\n")
        self._rest += block[: len(block) if i < 0 else i][: KEPT - len(self._rest)]
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
            part.place(b"", self._end, self._line)
        part.refused.insert(0, refused)
        return part

    def _too_long(self, start: int, record: bytes, length: int) -> tuple[int, bytes, str]:
        reason = f"a record of {length:,} bytes: expected at most {self._longest:,}"
        return start, record[:KEPT], reason


def _starts(records: Sequence[bytes], first: int) -> list[int]:
    """Return the offsets of records that are each followed by one byte."""
    return list(accumulate(map(len, records), lambda at, n: at + n + 1, initial=first))[:-1]


def _is_truncated(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return "truncated" in str(error)
    return False


_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPES = re.compile(rb"\\\\|" + _HIGH + _LOW + rb"|" + _HIGH + rb"|" + _LOW)


def replace_surrogates(record: bytes) -> bytes:
    r"""Return JSON in which every lone surrogate, half of a character, is replaced by one letter.

    Examples
    --------
    >>> replace_surrogates(rb'{"k": "\ud800", "n": "\ud83d\ude00"}')
    b'{"k": "\\ufffd", "n": "\\ud83d\\ude00"}'
    """
    return _ESCAPES.sub(lambda found: found[0] if len(found[0]) != 6 else rb"\ufffd", record)


def check_start(data: bytes) -> None:
    r"""Refuse an input that begins with something else than text in UTF-8.

    Raises
    ------
    SourceError
        If it is UTF-16 or compressed.

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


class Rows(Lines):
    r"""Splits blocks into rows of CSV.

    Quoted cells may hold line breaks and delimiters (RFC 4180). If a quote is not closed within
    `MOST_LINES` lines and `longest` bytes, or is misplaced, the first line of the row is refused,
    and the next line begins another row.

    Parameters
    ----------
    offset, longest
        As of `Lines`; at offset 0 the first row is the header.
    delimiter
        The character between cells.
    header
        The columns, if the first block does not begin with them.

    Examples
    --------
    >>> part = Rows(0).split(b'x,y\n1,"a\n2,b\n3,c\n', last=True)
    >>> part.records
    [{'x': '2', 'y': 'b'}, {'x': '3', 'y': 'c'}]
    >>> part.refused
    [(4, b'1,"a', 'a quote is never closed')]
    """

    def __init__(
        self,
        offset: int,
        longest: int = LONGEST,
        delimiter: str = ",",
        header: Sequence[str] | None = None,
    ) -> None:
        super().__init__(offset, longest)
        self._delimiter = delimiter
        self.header = None if header is None else list(header)

    def _split(self, data: bytes, last: bool) -> Part:
        lines = data.split(b"\n")
        part, taken = self._all_rows(data, lines, last) or self._one_by_one(lines, last)
        self._rest = b"\n".join(lines[taken:])
        self._end += len(data) - len(self._rest)
        part.end = self._end
        return part

    @property
    def is_cut_short(self) -> bool:
        """Always false: the beginning of a row of CSV may be a row."""
        return False

    def _stop(self, lines: Sequence[bytes], i: int, last: bool) -> int | None:
        """Return the line after the row that begins with line i.

        It is i if a quote is never closed, and None if later blocks must tell.
        """
        quoted, length = False, -1
        for j in range(i, min(len(lines), i + MOST_LINES)):
            length += len(lines[j]) + 1
            if j > i and length > self._longest:
                return i
            if j == len(lines) - 1 and not last:
                return None
            quoted ^= lines[j].count(b'"') % 2 == 1
            if not quoted:
                return j + 1
        return i

    def _all_rows(self, data: bytes, lines: list[bytes], last: bool) -> tuple[Part, int] | None:
        """Return the rows and their number of lines; None if one of them must be refused."""
        if self.header is None or b"\0" in data:
            return None
        found = self._join(data, lines, last)
        if found is None:
            return None
        rows, taken = found
        if last and rows and not rows[-1]:
            rows.pop()  # what follows the last newline
        if not rows or not all(rows) or max(map(len, rows)) > self._longest:
            return None
        cells = self._parse(rows, b'"' in data)
        if cells is None:
            return None
        return Part(Cells(self.header, cells), _starts(rows, self._end)), taken

    def _join(self, data: bytes, lines: list[bytes], last: bool) -> tuple[list[bytes], int] | None:
        """Return rows and their number of lines; None if a quote is never closed."""
        i, whole = 0, len(lines) if last else len(lines) - 1
        if b'"' not in data:
            return lines[:whole], whole
        rows = []
        while i < whole:
            row, stop = lines[i], i + 1
            if row.count(b'"') % 2:
                end = self._stop(lines, i, last)
                if end is None:
                    break
                if end == i:
                    return None
                row, stop = b"\n".join(lines[i:end]), end
            rows.append(row)
            i = stop
        return rows, i

    def _parse(self, rows: Sequence[bytes], quoted: bool) -> list[list[str]] | None:
        """Return the cells of rows; None if one of them is not a row of the header's width."""
        assert self.header is not None
        try:
            if quoted:
                texts = [row.decode() for row in rows]
                parsed = list(csv.reader(texts, delimiter=self._delimiter, strict=True))
            else:
                text = b"\n".join(rows).decode()
                if "\r" in text:
                    text = text.replace("\r\n", "\n").removesuffix("\r")
                    if "\r" in text:
                        return None
                parsed = [row.split(self._delimiter) for row in text.split("\n")]
        except (UnicodeDecodeError, csv.Error):
            return None
        count = len(self.header)
        if len(parsed) < len(rows) or set(map(len, parsed)) != {count}:
            return None
        if count == 1 and not all(map(bytes.strip, rows)):
            return None  # a blank line is not a row
        return parsed

    def _one_by_one(self, lines: Sequence[bytes], last: bool) -> tuple[Part, int]:
        """Return the rows, what is refused, and their number of lines."""
        rows: list[list[str]] = []
        starts: list[int] = []
        refused: list[tuple[int, bytes, str]] = []
        i, start = 0, self._end
        while i < len(lines) and (stop := self._stop(lines, i, last)) is not None:
            row, cells = self._row(lines, i, stop)
            if isinstance(cells, str):
                refused.append((start, row[:KEPT], cells))
            elif cells is not None:
                rows.append(cells)
                starts.append(start)
            i += row.count(b"\n") + 1
            start += len(row) + 1
        return Part(Cells(self.header or [], rows), starts, refused=refused), i

    def _row(
        self, lines: Sequence[bytes], i: int, stop: int
    ) -> tuple[bytes, list[str] | str | None]:
        """Return a row and its cells, the reason why it is refused, or None if it is blank."""
        if stop > i + 1:
            row = b"\n".join(lines[i:stop])
            try:
                return row, self._read(row)
            except csv.Error:  # the quote at its end belongs to another row
                pass
        row = lines[i]
        if len(row) > self._longest:
            return row, self._too_long(0, row, len(row))[2]
        try:
            return row, self._read(row)
        except csv.Error as error:
            return row, _explain(row, error)

    def _read(self, row: bytes) -> list[str] | str | None:
        if self.header is None:
            row = row.removeprefix(_BOM)
        if not row.strip():
            return None
        if self.header is None:
            self.header = self._columns(row)
            return None
        try:
            cells = self._cells(row)
        except UnicodeDecodeError:
            return "not UTF-8"
        if b"\0" in row:
            return "a NUL byte"
        if len(cells) != len(self.header):
            return f"expected {len(self.header)} cells, got {len(cells)}"
        return cells

    def _columns(self, row: bytes) -> list[str]:
        try:
            header = self._cells(row)
        except UnicodeDecodeError:
            raise SourceError("cannot read the header of CSV: not UTF-8") from None
        except csv.Error as error:
            if b"\r" in row.removesuffix(b"\r") and b'"' not in row:
                raise SourceError(
                    "the lines of the CSV end with a carriage return alone: convert it first"
                    " (tr '\\r' '\\n')"
                ) from None
            raise SourceError(f"cannot read the header of CSV: {_explain(row, error)}") from None
        repeated = list(dict.fromkeys(name for name in header if header.count(name) > 1))
        if repeated:
            raise SourceError(f"the header of CSV has several columns {repeated[0]!r}")
        return header

    def _cells(self, row: bytes) -> list[str]:
        text = row.decode(errors="surrogateescape")  # quotes are checked first
        cells = next(csv.reader([text], delimiter=self._delimiter, strict=True))
        row.decode()
        return cells


def _explain(row: bytes, error: csv.Error) -> str:
    if row.count(b'"') % 2 == 1:
        return "a quote is never closed"
    return _LONE_CR if "new-line character" in str(error) else str(error)


class Sniffed:
    r"""Splits blocks whose format is found by the first character that is not blank.

    Parameters
    ----------
    longest
        Most bytes of a record.
    delimiter
        The character between cells, if the input is CSV.

    Examples
    --------
    >>> Sniffed().split(b"x,y\n1,2\n").records
    [{'x': '1', 'y': '2'}]
    """

    def __init__(self, longest: int = LONGEST, delimiter: str = ",") -> None:
        self._longest, self._delimiter = longest, delimiter
        self._blank = b""
        self._chosen: Splitter | None = None

    def split(self, block: bytes, last: bool = False) -> Part:
        """Return the records that end in a block; the last block ends the record before it."""
        if self._chosen is None:
            block = self._blank + block
            check_start(block)
            form = find_format(block)
            if form is None and not last and len(block) <= self._longest:
                self._blank = block
                return Part()
            self._chosen = (
                Rows(0, self._longest, self._delimiter)
                if form == "csv"
                else Lines(0, self._longest)
            )
        return self._chosen.split(block, last)

    @property
    def is_cut_short(self) -> bool:
        """Whether what remains is the beginning of a record that is still being written."""
        return self._chosen is not None and self._chosen.is_cut_short


def find_format(data: bytes) -> str | None:
    """Return "jsonl" or "csv", by the first character that is not blank; None without one.

    Examples
    --------
    >>> find_format(b' {"n": 1}'), find_format(b"n,m"), find_format(b" ")
    ('jsonl', 'csv', None)
    """
    start = data.removeprefix(_BOM).lstrip()[:1]
    return ("jsonl" if start in (b"{", b"[") else "csv") if start else None
