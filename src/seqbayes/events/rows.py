"""CSV rows from blocks of bytes."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from seqbayes.errors import SourceError
from seqbayes.events.cells import row_starts
from seqbayes.events.lines import BOM, Lines, check_start, starts_of
from seqbayes.events.records import (
    MAX_KEPT_BYTES,
    MAX_RECORD_BYTES,
    Block,
    Cells,
    PlainCells,
    RecordChunk,
    Splitter,
)

MAX_ROW_LINES = 1000
"""Maximum number of lines of a CSV row; a quote not closed within them counts as unbalanced."""

_LONE_CR = "a carriage return within the row (rows end with \\n or \\r\\n)"


class CsvRows(Lines):
    r"""Splits blocks into CSV rows.

    Quoted cells may hold line breaks and delimiters (RFC 4180). If a quote is not closed within
    `MAX_ROW_LINES` lines and `longest` bytes, or is misplaced, the first line of the row is
    rejected, and the next line begins a new row.

    Parameters
    ----------
    offset, longest
        See `Lines`; at offset 0 the first row is the header.
    delimiter
        The delimiter of cells.
    header
        The columns, if the first block does not begin with a header.

    Examples
    --------
    >>> part = CsvRows(0).split(b'x,y\n1,"a\n2,b\n3,c\n', last=True)
    >>> part.records
    [{'x': '2', 'y': 'b'}, {'x': '3', 'y': 'c'}]
    >>> part.refused
    [(4, b'1,"a', 'a quote is never closed')]
    """

    def __init__(
        self,
        offset: int,
        longest: int = MAX_RECORD_BYTES,
        delimiter: str = ",",
        header: Sequence[str] | None = None,
    ) -> None:
        super().__init__(offset, longest)
        self._delimiter = delimiter
        self.header = None if header is None else list(header)

    def _split(self, data: bytes, last: bool) -> RecordChunk:
        if self.header is None:
            data = self._read_plain_header(data)
        if not last and (part := self._split_plain(data)) is not None:
            return part
        lines = data.split(b"\n")
        part, taken = self._all_rows(data, lines, last) or self._one_by_one(lines, last)
        self._rest = b"\n".join(lines[taken:])
        self._end += len(data) - len(self._rest)
        part.end = self._end
        return part

    def _read_plain_header(self, data: bytes) -> bytes:
        """Read the header if it is the first line and has no quotes; return the other lines."""
        end = data.find(b"\n")
        line = data[: max(end, 0)]
        if line.strip() and b'"' not in line and end <= self._longest:
            self._read(line)
            self._end += end + 1
            return data[end + 1 :]
        return data

    def _split_plain(self, data: bytes) -> RecordChunk | None:
        """Return the rows as one block; None if a row needs the csv module, or is rejected."""
        end, first = data.rfind(b"\n") + 1, self._end
        if self.header is None or not end or len(data) - end > self._longest:
            return None
        if not self._delimiter.isascii() or data.find(b"\0", 0, end) >= 0:
            return None
        if not data.isascii():
            try:
                data[:end].decode()
            except UnicodeDecodeError:
                return None
        starts = row_starts(data, end, first, self._longest, ord(self._delimiter), len(self.header))
        if starts is None:
            return None
        self._rest, self._end = data[end:], first + end
        cells = PlainCells(self.header, self._delimiter, Block(data, first, starts))
        return RecordChunk(cells, starts[:-1], self._end)

    @property
    def is_cut_short(self) -> bool:
        """Always false: any beginning of a CSV row can be a complete row."""
        return False

    def _stop(self, lines: Sequence[bytes], i: int, last: bool) -> int | None:
        """Return the line after the row that begins with line i.

        Returns i if a quote is never closed, and None if that depends on later blocks.
        """
        quoted, length = False, -1
        for j in range(i, min(len(lines), i + MAX_ROW_LINES)):
            length += len(lines[j]) + 1
            if j > i and length > self._longest:
                return i
            if j == len(lines) - 1 and not last:
                return None
            quoted ^= lines[j].count(b'"') % 2 == 1
            if not quoted:
                return j + 1
        return i

    def _all_rows(
        self, data: bytes, lines: list[bytes], last: bool
    ) -> tuple[RecordChunk, int] | None:
        """Return the rows and their number of lines; None if one of them must be rejected."""
        if self.header is None or b"\0" in data:
            return None
        found = self._join(data, lines, last)
        if found is None:
            return None
        rows, taken = found
        if last and rows and not rows[-1]:
            rows.pop()  # remove the empty part after the last newline
        if not rows or not all(rows) or max(map(len, rows)) > self._longest:
            return None
        cells = self._parse(rows, b'"' in data)
        if cells is None:
            return None
        return RecordChunk(Cells(self.header, cells), starts_of(rows, self._end)), taken

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
        """Return the cells of rows; None if a row does not have as many cells as the header."""
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
        if not all(map(bytes.strip, rows)):
            return None  # a blank line is not a row
        return parsed

    def _one_by_one(self, lines: Sequence[bytes], last: bool) -> tuple[RecordChunk, int]:
        """Return the rows, the rejected input, and their number of lines."""
        rows: list[list[str]] = []
        starts: list[int] = []
        refused: list[tuple[int, bytes, str]] = []
        i, start = 0, self._end
        while i < len(lines) and (stop := self._stop(lines, i, last)) is not None:
            row, cells = self._row(lines, i, stop)
            if isinstance(cells, str):
                refused.append((start, row[:MAX_KEPT_BYTES], cells))
            elif cells is not None:
                rows.append(cells)
                starts.append(start)
            i += row.count(b"\n") + 1
            start += len(row) + 1
        return RecordChunk(Cells(self.header or [], rows), starts, refused=refused), i

    def _row(
        self, lines: Sequence[bytes], i: int, stop: int
    ) -> tuple[bytes, list[str] | str | None]:
        """Return a row and its cells, or the reason why it is rejected; None if it is blank."""
        if stop > i + 1:
            row = b"\n".join(lines[i:stop])
            try:
                return row, self._read(row)
            except csv.Error:  # the quote at the end of this row belongs to another row
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
            row = row.removeprefix(BOM)
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
            raise SourceError("cannot read the CSV header: not UTF-8") from None
        except csv.Error as error:
            if not row.decode(errors="replace").isprintable() and b"\0" in row:
                raise SourceError(
                    "cannot read the CSV header: the input looks like binary data"
                ) from None
            if b"\r" in row.removesuffix(b"\r") and b'"' not in row:
                raise SourceError(
                    "the lines of the CSV end with a carriage return alone: convert them first"
                    " (tr '\\r' '\\n')"
                ) from None
            raise SourceError(f"cannot read the CSV header: {_explain(row, error)}") from None
        repeated = list(dict.fromkeys(name for name in header if header.count(name) > 1))
        if repeated:
            raise SourceError(f"the CSV header has several columns named {repeated[0]!r}")
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
    r"""Splits blocks whose format is detected from the first non-blank character.

    Parameters
    ----------
    longest
        Maximum number of bytes of a record.
    delimiter
        The character between cells, if the input is CSV.

    Examples
    --------
    >>> Sniffed().split(b"x,y\n1,2\n").records
    [{'x': '1', 'y': '2'}]
    """

    def __init__(self, longest: int = MAX_RECORD_BYTES, delimiter: str = ",") -> None:
        self._longest, self._delimiter = longest, delimiter
        self._blank = b""
        self._chosen: Splitter | None = None

    def split(self, block: bytes, last: bool = False) -> RecordChunk:
        """Return the records that end in a block; the end of the last block also ends a record."""
        if self._chosen is None:
            block = self._blank + block
            check_start(block)
            form = find_format(block)
            if form is None and not last and len(block) <= self._longest:
                self._blank = block
                return RecordChunk()
            self._chosen = (
                CsvRows(0, self._longest, self._delimiter)
                if form == "csv"
                else Lines(0, self._longest)
            )
        return self._chosen.split(block, last)

    @property
    def is_cut_short(self) -> bool:
        """Whether the remaining bytes are the beginning of a record that is still being written."""
        return self._chosen is not None and self._chosen.is_cut_short


def find_format(data: bytes) -> str | None:
    """Return "jsonl" or "csv", depending on the first non-blank character; None if all are blank.

    Examples
    --------
    >>> find_format(b' {"n": 1}'), find_format(b"n,m"), find_format(b" ")
    ('jsonl', 'csv', None)
    """
    start = data.removeprefix(BOM).lstrip()[:1]
    return ("jsonl" if start in (b"{", b"[") else "csv") if start else None
