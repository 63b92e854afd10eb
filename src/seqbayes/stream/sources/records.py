"""Whole records out of blocks of bytes: lines, or the rows of CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import Any, overload

from seqbayes.stream.block import Block
from seqbayes.stream.loop import line_starts
from seqbayes.stream.source import SourceError

LONGEST = 16 << 20
"""Most bytes of a record; what is longer is refused, and passed over."""
SHOWN = 1000
"""Bytes of a record that is too long which are kept."""

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
        records = self._cut(data)
        self._rest = b"" if last else records.pop()
        starts: Sequence[int] = Starts(records, self._end)
        if self._end == 0 and records and records[0].startswith(_BOM):
            starts = list(starts)
            records[0] = records[0][len(_BOM) :]
        self._end += len(data) - len(self._rest)
        part = self._refine(records, starts, len(data) > self._longest)
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

    def _cut(self, data: bytes) -> list[bytes]:
        """Return the records in the data, and what is left behind the last one."""
        return data.split(b"\n")

    def _refine(self, records: list[bytes], starts: Sequence[int], long: bool) -> Part:
        """Return the records that say something, and are not too long, if one may be `long`."""
        part = Part(records, starts, self._end)
        if records and (long or min(map(len, records)) < 3):
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

    def _pass_over(self, block: bytes, last: bool) -> Part:
        """Drop what is left of a record that is too long, up to its end."""
        i = block.find(b"\n")
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


class Rows(Lines):
    """Splits blocks into rows of CSV, mappings from the header's columns to cells of text.

    Quoted cells may hold line breaks and delimiters (RFC 4180).

    Parameters
    ----------
    offset, longest
        As of `Lines`; at 0 the first row is the header.
    delimiter
        What stands between cells.
    header
        The columns, where the first block does not begin with them.
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

    def _usual(self, data: bytes) -> None:
        return None  # no row is one JSON object

    def _cut(self, data: bytes) -> list[bytes]:
        lines = data.split(b"\n")
        if b'"' not in data:
            return lines
        records, whole = [], []
        quoted = False
        for line in lines:
            whole.append(line)
            quoted ^= line.count(b'"') % 2 == 1
            if not quoted:
                records.append(b"\n".join(whole))
                whole = []
        if quoted:
            records.append(b"\n".join(whole))
        return records

    def _refine(self, records: list[bytes], starts: Sequence[int], long: bool) -> Part:
        part = super()._refine(records, starts, long)
        if self.header is None and part.records:
            self.header = self._columns(part.records[0])
            part.records, part.starts = part.records[1:], part.starts[1:]
        if part.records:
            self._parse(part)
        return part

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

    def _parse(self, part: Part) -> None:
        assert self.header is not None
        header, count = self.header, len(self.header)
        raw: Sequence[bytes] = part.records
        try:
            texts = [record.decode() for record in raw]
            rows = list(csv.reader(texts, delimiter=self._delimiter, strict=True))
        except (UnicodeDecodeError, csv.Error):
            rows = []
        if len(rows) == len(raw) and all(len(row) == count for row in rows):
            part.records = [dict(zip(header, row, strict=True)) for row in rows]
            return
        kept: list[tuple[Mapping[str, str], int]] = []
        for record, start in zip(raw, part.starts, strict=True):
            try:
                cells = self._cells(record)
                if len(cells) != count:
                    raise csv.Error(f"expected {count} cells, got {len(cells)}")
                kept.append((dict(zip(header, cells, strict=True)), start))
            except (UnicodeDecodeError, csv.Error) as error:
                part.refused.append((start, record[:SHOWN], f"no row of CSV: {error}"))
        part.records = [record for record, _ in kept]
        part.starts = [start for _, start in kept]
