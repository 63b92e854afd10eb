"""Whole records out of blocks of bytes: lines, or the rows of CSV."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice, pairwise
from typing import Any, overload

import msgspec

from seqbayes.errors import SourceError
from seqbayes.events.loops import line_starts

LONGEST = 16 << 20
"""Most bytes of a record; what is longer is refused, and passed over."""
SHOWN = 1 << 20
"""Bytes of what is refused which are kept, as many as of any dead letter."""
MOST_LINES = 1000
"""Lines that a row of CSV may run over; a quote that has no end within them is unbalanced."""

_BOM = b"\xef\xbb\xbf"


@dataclass
class Part:
    """Records that lie one behind the other.

    Attributes
    ----------
    records
        Raw lines, or mappings from column to cell.
    starts
        Where each of them begins, in bytes.
    end
        Where the next record begins.
    refused
        Start, raw beginning and reason of what is no record.
    """

    records: Sequence[Any] = ()
    starts: Sequence[int] = ()
    end: int = 0
    refused: list[tuple[int, bytes, str]] = field(default_factory=list)


class Block(Sequence[bytes]):
    r"""Lines that hold one JSON object each, in one piece.

    Parameters
    ----------
    data
        Bytes that hold them.
    first
        Where the data begin, in bytes.
    starts
        Where the lines begin, and where the last one ends, with its newline.

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
        """The lines as they lie there."""
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


class Starts(Sequence[int]):
    """Where each of some records begins; computed when it is asked for, which is seldom.

    Parameters
    ----------
    records
        The records, each but for the byte that ends it.
    first
        Where the first one begins.

    Examples
    --------
    >>> starts = Starts([b"ab", b"c", b"def"], 10)
    >>> starts, starts[2], starts[1:]
    ([10, 13, 15], 15, [13, 15])
    """

    def __init__(self, records: Sequence[bytes], first: int) -> None:
        self._records = records
        self._known = (0, first)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, place: int) -> int: ...

    @overload
    def __getitem__(self, place: slice) -> Starts: ...

    def __getitem__(self, place: int | slice) -> int | Starts:
        if isinstance(place, slice):
            start, stop, _ = place.indices(len(self))
            return Starts(self._records[start:stop], self._at(start))
        return self._at(range(len(self))[place])

    def _at(self, i: int) -> int:
        known, offset = self._known
        if i < known:
            return offset - sum(map(len, self._records[i:known])) - (known - i)
        offset += sum(map(len, self._records[known:i])) + i - known
        self._known = (i, offset)
        return offset

    def __iter__(self) -> Iterator[int]:
        lengths = map(len, self._records)
        starts = accumulate(lengths, lambda at, n: at + n + 1, initial=self._at(0))
        return islice(starts, len(self))

    def __repr__(self) -> str:
        return repr(list(self))


class Lines:
    r"""Splits blocks into lines, one JSON object each.

    Parameters
    ----------
    offset
        Where the first block begins; the beginning of a record.
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
        self._longest = longest
        self._rest = b""
        self._dropped = 0

    def split(self, block: bytes, last: bool = False) -> Part:
        """Return the records that end in a block; in the last one what is left ends as well."""
        if self._dropped:
            return self._pass_over(block, last)
        data = self._rest + block if self._rest else block
        if not last and (part := self._usual(data)) is not None:
            return part
        records = data.split(b"\n")
        self._rest = b"" if last else records.pop()
        starts: Sequence[int] = Starts(records, self._end)
        if self._end == 0 and records and records[0].startswith(_BOM):
            starts = list(starts)
            records[0] = records[0][len(_BOM) :]
        self._end += len(data) - len(self._rest)
        part = self._refine(records, starts)
        if len(self._rest) > self._longest:
            self._dropped, self._rest = len(self._rest), self._rest[:SHOWN]
        return part

    def _usual(self, data: bytes) -> Part | None:
        """Return the lines in the data in one piece, if all are as usual and one ends."""
        end = data.rfind(b"\n") + 1
        if not end or len(data) - end > self._longest:
            return None
        first = self._end
        starts = line_starts(data, end, first, self._longest)
        if starts is None:
            return None
        self._rest, self._end = data[end:], first + end
        return Part(Block(data, first, starts), starts[:-1], self._end)

    def _refine(self, records: list[bytes], starts: Sequence[int]) -> Part:
        """Return the records that say something, and are not too long."""
        part = Part(records, starts, self._end)
        if records and (
            max(map(len, records)) > self._longest or not all(map(bytes.strip, records))
        ):
            self._drop_empty(part)
        return part

    def _drop_empty(self, part: Part) -> None:
        kept = []
        for record, start in zip(part.records, part.starts, strict=True):
            if len(record) > self._longest:
                part.refused.append(self._too_long(start, record, len(record)))
            elif record.strip():
                kept.append((record, start))
        part.records = [record for record, _ in kept]
        part.starts = [start for _, start in kept]

    @property
    def is_cut_short(self) -> bool:
        """Whether what is left is the beginning of a JSON object, and no whole one."""
        if self._dropped or not self._rest.lstrip().startswith(b"{"):
            return False
        return any(map(_is_truncated, (self._rest, self._rest + b"0")))  # "-" is no number, "-0" is

    def _pass_over(self, block: bytes, last: bool) -> Part:
        """Drop what is left of a record that is too long, up to its end."""
        i = block.find(b"\n")
        self._rest += block[: len(block) if i < 0 else i][: SHOWN - len(self._rest)]
        if i < 0 and not last:
            self._dropped += len(block)
            return Part(end=self._end)
        length = self._dropped + (len(block) if i < 0 else i)
        refused = self._too_long(self._end, self._rest, length)
        self._end += length + (i >= 0)
        self._dropped, self._rest = 0, b""
        part = Part(end=self._end) if i < 0 else self.split(block[i + 1 :], last)
        part.refused.insert(0, refused)
        return part

    def _too_long(self, start: int, record: bytes, length: int) -> tuple[int, bytes, str]:
        reason = f"a record of {length:,} bytes: expected at most {self._longest:,}"
        return start, record[:SHOWN], reason


def _is_truncated(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return "truncated" in str(error)
    return False


class Rows(Lines):
    r"""Splits blocks into rows of CSV, mappings from the header's columns to cells of text.

    Quoted cells may hold line breaks and delimiters (RFC 4180). Where a quote has no end within
    `MOST_LINES` lines and `longest` bytes, or is not where quotes can be, the row's first line is
    taken by itself, and the next one begins another row.

    Parameters
    ----------
    offset, longest
        As of `Lines`; at 0 the first row is the header.
    delimiter
        What stands between cells.
    header
        The columns, where the first block does not begin with them.

    Examples
    --------
    >>> part = Rows(0).split(b'x,y\n1,"a\n2,b\n3,c\n', last=True)
    >>> part.records
    [{'x': '2', 'y': 'b'}, {'x': '3', 'y': 'c'}]
    >>> part.refused
    [(4, b'1,"a', 'no row of CSV: a quote has no end')]
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

    def split(self, block: bytes, last: bool = False) -> Part:
        """Return the rows that end in a block; in the last one what is left ends as well."""
        if self._dropped:
            return self._pass_over(block, last)
        data = self._rest + block if self._rest else block
        lines = data.split(b"\n")
        told = self._all_sound(lines, last)
        part, taken = self._one_by_one(lines, last) if told is None else told
        self._rest = b"\n".join(lines[taken:])
        self._end += len(data) - len(self._rest)
        part.end = self._end
        if len(self._rest) > self._longest:
            self._dropped, self._rest = len(self._rest), self._rest[:SHOWN]
        return part

    @property
    def is_cut_short(self) -> bool:
        """Always false: of a row of CSV nobody can tell."""
        return False

    def _stop(self, lines: Sequence[bytes], i: int, last: bool) -> int | None:
        """Return the line behind the row that begins with line i.

        It is i where a quote has no end, and None where that cannot be said yet.
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

    def _all_sound(self, lines: list[bytes], last: bool) -> tuple[Part, int] | None:
        """Return the rows and how many lines they are, if each of them is one."""
        told = self._rows(lines, last)
        if told is None or self.header is None:
            return None
        rows, taken = told
        if last and rows and not rows[-1]:
            rows.pop()  # what lies behind the last newline
        if rows and (not all(rows) or max(map(len, rows)) > self._longest):
            return None
        records = self._parse(rows, self.header)
        return None if records is None else (Part(records, list(Starts(rows, self._end))), taken)

    def _rows(self, lines: list[bytes], last: bool) -> tuple[list[bytes], int] | None:
        """Return the rows and how many lines they are; None where a quote has no end."""
        i, whole = 0, len(lines) if last else len(lines) - 1
        if not any(b'"' in line for line in lines):
            return lines[:whole], whole
        rows = []
        while i < whole:
            row, stop = lines[i], i + 1
            if row.count(b'"') % 2:
                told = self._stop(lines, i, last)
                if told is None:
                    break
                if told == i:
                    return None
                row, stop = b"\n".join(lines[i:told]), told
            rows.append(row)
            i = stop
        return rows, i

    def _parse(self, rows: Sequence[bytes], header: Sequence[str]) -> list[dict[str, str]] | None:
        try:
            texts = [row.decode() for row in rows]
            parsed = list(csv.reader(texts, delimiter=self._delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error):
            return None
        count = len(header)
        if len(parsed) < len(rows) or not all(len(cells) == count for cells in parsed):
            return None
        if count == 1 and not all(map(bytes.strip, rows)):
            return None  # what is blank is no cell
        return [dict(zip(header, cells, strict=True)) for cells in parsed]

    def _one_by_one(self, lines: Sequence[bytes], last: bool) -> tuple[Part, int]:
        """Return the rows, what is none, and how many lines they are."""
        records: list[Mapping[str, str]] = []
        starts: list[int] = []
        refused: list[tuple[int, bytes, str]] = []
        i, start = 0, self._end
        while i < len(lines) and (stop := self._stop(lines, i, last)) is not None:
            row, told = self._row(lines, i, stop)
            if isinstance(told, str):
                refused.append((start, row[:SHOWN], told))
            elif told is not None:
                records.append(told)
                starts.append(start)
            i += row.count(b"\n") + 1
            start += len(row) + 1
        return Part(records, starts, refused=refused), i

    def _row(
        self, lines: Sequence[bytes], i: int, stop: int
    ) -> tuple[bytes, Mapping[str, str] | str | None]:
        """Return a row and what it says, or why it is none; None where it says nothing."""
        if stop > i + 1:
            row = b"\n".join(lines[i:stop])
            try:
                return row, self._read(row)
            except csv.Error:  # the quote that it ends with is another cell's
                pass
        row = lines[i]
        if len(row) > self._longest:
            return row, self._too_long(0, row, len(row))[2]
        try:
            return row, self._read(row)
        except csv.Error as error:
            odd = row.count(b'"') % 2 == 1
            return row, f"no row of CSV: {'a quote has no end' if odd else error}"

    def _read(self, row: bytes) -> Mapping[str, str] | str | None:
        """Return what a row says, or why it says nothing that fits the header."""
        if self.header is None:
            row = row.removeprefix(_BOM)
        if not row.strip():
            return None
        if self.header is None:
            self.header = self._columns(row)
            return None
        try:
            cells = self._cells(row)
        except UnicodeDecodeError as error:
            return f"no row of CSV: {error}"
        if len(cells) != len(self.header):
            return f"no row of CSV: expected {len(self.header)} cells, got {len(cells)}"
        return dict(zip(self.header, cells, strict=True))

    def _columns(self, record: bytes) -> list[str]:
        try:
            header = self._cells(record)
        except (UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"the header is no row of CSV: {error}") from None
        if len(set(header)) < len(header):
            raise SourceError(f"columns of CSV have one name: {', '.join(map(repr, header))}")
        return header

    def _cells(self, record: bytes) -> list[str]:
        return next(csv.reader([record.decode()], delimiter=self._delimiter, strict=True))
