"""Events out of lines: JSON Lines through msgspec, CSV as RFC 4180 has it.

A reader hands rows (see `Columns`) with their line numbers to a sink, and tells it of the other
lines. A missing cell is None; a field that a JSON object does not have is UNSET.
"""

from __future__ import annotations

import contextlib
import csv
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, UnsetType

from seqbayes.console.text import printable
from seqbayes.errors import ObservationError, SeqbayesError
from seqbayes.events.columns import Columns, Row
from seqbayes.events.values import parse_boolean, parse_number, parse_text

LONGEST_RECORD = 1 << 20
"""Most bytes of a CSV record over several lines."""

MOST_LINES = 1000
"""Most lines of one CSV record."""

_OPEN = "unexpected end of data"  # as the csv module says that a quote is still open

_JSON_TYPES: dict[str, Any] = {
    "number": float,
    "boolean": bool | float,
    "text": str | int | float | bool,
    "pair": tuple[float, float],
    "counts": dict[str, float],
}


class Sink(Protocol):
    """What takes the rows, and the lines that are none."""

    def take(self, number: int, row: Row) -> None:
        """Take the row of a line."""

    def refuse(self, number: int, reason: str, line: bytes | None = None) -> None:
        """Count a malformed line, with the reason."""


class Reader(Protocol):
    """What turns lines into rows."""

    def feed(self, first: int, lines: list[bytes]) -> None:
        """Read lines, the first of them with this number."""

    def unknown(self, patience: int = 1) -> str:
        """Return a message for a column that none of at least so many lines has had."""

    def finish(self) -> None:
        """Read what waits for more, and check what only the end can tell.

        Raises
        ------
        SeqbayesError
            If a column is in none of the lines.
        """


def reader_for(form: str, columns: Columns, sink: Sink, delimiter: str) -> Reader:
    """Return the reader of a format, "jsonl" or "csv"."""
    if form == "csv":
        return Csv(columns, sink, delimiter)
    return JsonLines(columns, sink)


def find_form(name: str, start: bytes) -> str:
    """Return the format, by a file's extension or else by how the input starts.

    Raises
    ------
    SeqbayesError
        If the input is no text that can be read here.

    Examples
    --------
    >>> find_form("-", b'{"n": 1}'), find_form("-", b"n,m"), find_form("log.jsonl", b"n")
    ('jsonl', 'csv', 'jsonl')
    """
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SeqbayesError("the input is UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)")
    if start.startswith(b"\x1f\x8b"):
        raise SeqbayesError("the input is compressed: gunzip it first (gunzip -c FILE | …)")
    extension = PurePath(name).suffix.lower()
    if extension in (".csv", ".tsv"):
        return "csv"
    if extension in (".jsonl", ".ndjson", ".json"):
        return "jsonl"
    return "jsonl" if start.lstrip()[:1] in (b"{", b"[") else "csv"


class JsonLines:
    """Reads one JSON object per line; fields that are not asked for are skipped unread."""

    _remembered = 100  # objects whose fields are known by name, for a message

    def __init__(self, columns: Columns, sink: Sink) -> None:
        self._sink = sink
        self._names = [column.name for column in columns.all]
        fields = [
            (
                f"c{i}",
                _JSON_TYPES[column.kind] | None | UnsetType,
                msgspec.field(default=UNSET, name=column.name),
            )
            for i, column in enumerate(columns.all)
        ]
        event = msgspec.defstruct("Event", fields, gc=False)
        self._decode = msgspec.json.Decoder(event).decode
        self._texts = [i for i, column in enumerate(columns.all) if column.kind == "text"]
        self._absent = [0] * len(fields)
        self._objects = 0
        self._fields: dict[str, None] = {}
        self._started_with = b""

    def feed(self, first: int, lines: list[bytes]) -> None:
        """Read lines, the first of them with this number."""
        decode, take, texts = self._decode, self._sink.take, self._texts
        astuple = msgspec.structs.astuple
        for number, line in enumerate(lines, first):
            try:
                row = astuple(decode(line))
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                self._fail(number, line, error)
                continue
            self._objects += 1
            if UNSET in row:
                self._note_absent(row, line)
            for i in texts:
                if type(row[i]) is not str and row[i] is not None and row[i] is not UNSET:
                    row = (*row[:i], msgspec.json.encode(row[i]).decode(), *row[i + 1 :])
            take(number, row)

    def _fail(self, number: int, line: bytes, error: Exception) -> None:
        if not line.strip():
            return
        self._started_with = self._started_with or line.strip()[:1]
        if isinstance(error, UnicodeDecodeError):
            reason = "not UTF-8"
        elif isinstance(error, RecursionError):
            reason = "nested too deeply"
        else:
            reason = str(error)
        self._sink.refuse(number, reason, line)

    def _note_absent(self, row: Row, line: bytes) -> None:
        for i, value in enumerate(row):
            if value is UNSET:
                self._absent[i] += 1
        if self._objects <= self._remembered:
            # a field that nobody asked for may have a name that is not UTF-8
            with contextlib.suppress(UnicodeDecodeError):
                names = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
                self._fields.update(dict.fromkeys(names))

    def unknown(self, patience: int = 1) -> str:
        """Return a message for a column that none of at least so many objects has had."""
        if self._objects >= patience and self._objects in self._absent:
            name = self._names[self._absent.index(self._objects)]
            return unknown_column(name, list(self._fields), "field")
        return ""

    def finish(self) -> None:
        """Check that every column was in some line."""
        if self.unknown():
            raise SeqbayesError(self.unknown())
        if self._started_with == b"[" and not self._objects:
            raise SeqbayesError(
                "the input is a JSON array, not an object per line: convert it first (jq -c '.[]')"
            )


def unknown_column(name: str, existing: Sequence[str], kind: str, hint: str = "") -> str:
    """Return the message for a column that the input does not have."""
    shown = ", ".join(printable(each, 40) for each in existing[:20]) or "none"
    more = f", … ({len(existing)} in all)" if len(existing) > 20 else ""
    return f"the input has no {kind} {name!r}; its {kind}s are: {shown}{more}{hint}"


_PARSERS: dict[str, Callable[[str], Any]] = {
    "number": parse_number,
    "boolean": parse_boolean,
    "text": parse_text,
}


class Csv:
    """Reads delimited records with a header, the quoted ones over several lines.

    A line that opens a quote and never closes it costs itself, not what follows.
    """

    def __init__(self, columns: Columns, sink: Sink, delimiter: str = ",") -> None:
        for column in columns.all:
            if column.kind not in _PARSERS:
                raise SeqbayesError(
                    f"a CSV cell is no {column.kind}: name the columns, each with its own --value"
                )
        self._columns = columns
        self._sink = sink
        self._delimiter = delimiter
        self._width = 0
        # how and where each column is read; empty before the header
        self._parsers: list[tuple[Callable[[str], Any], int]] = []
        # lines of a record whose quote is open
        self._held: list[tuple[int, bytes]] = []
        self._size = 0

    def feed(self, first: int, lines: list[bytes]) -> None:
        """Read lines, the first of them with this number."""
        for number, line in enumerate(lines, first):
            if self._held or b'"' in line:
                self._read_quoted(deque([(number, line)]))
            else:
                self._read_plain(number, line)

    def unknown(self, patience: int = 1) -> str:
        """Return nothing: the header has told."""
        return ""

    def finish(self) -> None:
        """Give up on a quote that is still open."""
        while self._held:
            rest = deque(self._held[1:])
            self._refuse(self._held[0][0], "a quote is never closed", self._held[0][1])
            self._held.clear()
            self._read_quoted(rest)

    def _read_plain(self, number: int, line: bytes) -> None:
        line = line.removesuffix(b"\r")
        if not line:
            return
        try:
            text = line.decode()
        except UnicodeDecodeError:
            self._refuse(number, "not UTF-8", line)
            return
        reason = self._record(number, line, text.split(self._delimiter))
        if reason:
            self._refuse(number, reason, line)

    def _read_quoted(self, queue: deque[tuple[int, bytes]]) -> None:
        """Read lines that have quotes, or that continue a quoted cell."""
        held = self._held
        while queue:
            number, line = queue.popleft()
            quotes = line.count(b'"')
            if not held and not quotes:
                self._read_plain(number, line)
                continue
            held.append((number, line))
            self._size = len(line) + (self._size if len(held) > 1 else 0)
            full = len(held) > MOST_LINES or self._size > LONGEST_RECORD
            # within a quoted cell, only an odd number of quotes can close it
            if len(held) > 1 and quotes % 2 == 0 and not full:
                continue
            reason = self._close()
            if reason == _OPEN and not full:
                continue
            if reason:
                if len(held) > 1:
                    reason += f" (a quoted cell up to line {held[-1][0]:,})"
                # read again behind the line, in case its quote was a stray one
                self._refuse(held[0][0], reason, held[0][1])
                queue.extendleft(reversed(held[1:]))
            held.clear()

    def _refuse(self, number: int, reason: str, line: bytes) -> None:
        if not self._parsers:
            raise SeqbayesError(f"cannot read the header on line {number}: {reason}")
        self._sink.refuse(number, reason, line)

    def _close(self) -> str:
        """Read the lines that are held as one record; return why that cannot be."""
        try:
            lines = [line.decode() + "\n" for _, line in self._held]
        except UnicodeDecodeError:
            return "not UTF-8"
        try:
            records = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            return str(error)
        if len(records) != 1:
            return "a quote is in the wrong place"
        number, line = self._held[0]
        return self._record(number, line, records[0])

    def _record(self, number: int, line: bytes, cells: list[str]) -> str:
        """Take a record; return why that cannot be."""
        if b"\0" in line:
            return "a NUL byte"
        if not self._parsers:
            self._read_header(cells)
            return ""
        if len(cells) != self._width:
            return f"expected {self._width} cells, got {len(cells)}"
        try:
            row = tuple([parse(cells[i]) for parse, i in self._parsers])
        except ObservationError as error:
            return str(error)
        self._sink.take(number, row)
        return ""

    def _read_header(self, cells: list[str]) -> None:
        names = [cell.strip() for cell in cells]
        parsers = []
        for column in self._columns.all:
            if column.name not in names:
                raise SeqbayesError(unknown_column(column.name, names, "column", self._hint(cells)))
            if names.count(column.name) > 1:
                raise SeqbayesError(f"the input has several columns {column.name!r}")
            parsers.append((_PARSERS[column.kind], names.index(column.name)))
        self._width = len(names)
        self._parsers = parsers

    def _hint(self, cells: list[str]) -> str:
        if len(cells) > 1:
            return ""
        likely = next((each for each in ";\t|," if each in cells[0]), None)
        return "" if likely is None else f" (should it be --delimiter {likely!r}?)"
