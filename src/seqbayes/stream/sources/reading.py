"""Reads one file: its format, its batches, and the token of a position in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.events.lines import Lines
from seqbayes.events.packed import PackedObjects
from seqbayes.events.records import MAX_RECORD_BYTES, RecordChunk, Splitter
from seqbayes.events.rows import CsvRows
from seqbayes.stream.source import Batch, SourceError
from seqbayes.stream.sources.handle import Handle

BLOCK = 1 << 18
"""Number of bytes read at a time."""

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".msgpack": "msgpack",
    ".mpk": "msgpack",
    ".parquet": "parquet",
    ".avro": "avro",
}
"""Formats, keyed by suffix; files with other suffixes are read as JSON Lines."""


class Format:
    """The format of the records in a file.

    Parameters
    ----------
    name
        ``"jsonl"``, ``"csv"`` or ``"msgpack"``; by default determined by the suffix of `path`.
    path
        A file, or a pattern of file names.
    delimiter
        The delimiter of CSV cells; by default a comma, or a tab in ``.tsv``.
    longest
        Maximum number of bytes of a record.

    Raises
    ------
    PriorError
        If the format is unknown, or the delimiter is not a single character.
    """

    def __init__(
        self, name: str | None, path: str, delimiter: str | None, longest: int = MAX_RECORD_BYTES
    ) -> None:
        suffixes = [s for s in Path(path).suffixes if s in FORMATS]
        suffix = suffixes[-1] if suffixes else ""
        name = name or FORMATS.get(suffix, "jsonl")
        if name in ("parquet", "avro"):
            raise PriorError(
                f"{name} is read only from a single file without compression: use kind = 'file',"
                " or seqbayes backfill"
            )
        if name not in ("jsonl", "csv", "msgpack"):
            raise PriorError(f"expected format 'jsonl', 'csv' or 'msgpack', got {name!r}")
        if delimiter in ("tab", "\\t"):
            delimiter = "\t"
        if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
            raise PriorError(f"expected one character as delimiter, got {delimiter!r}")
        if delimiter is not None and name != "csv" and path != "-":
            raise PriorError("a delimiter requires CSV: format 'csv', or a file named .csv")
        if longest < 1:
            raise PriorError(f"expected 'longest' to be at least 1 byte, got {longest!r}")
        self.text, self._packed = name == "csv", name == "msgpack"
        self.delimiter = delimiter or ("\t" if suffix == ".tsv" else ",")
        self._longest = longest

    def splitter(self, path: Path, offset: int) -> Splitter:
        """Return a splitter for a file, starting at an offset."""
        if self._packed:
            return PackedObjects(offset, self._longest)
        if not self.text:
            return Lines(offset, self._longest)
        header = None
        if offset > 0:
            with Handle(path) as handle:
                rows = CsvRows(0, self._longest, self.delimiter)
                while rows.header is None:
                    block = handle.read(BLOCK)
                    rows.split(block, last=not block)
                    if not block:
                        break
                header = rows.header
        return CsvRows(offset, self._longest, self.delimiter, header)


def check_regular(path: Path) -> None:
    """Raise an error if a path exists but is not a regular file, and so cannot be read again.

    Raises
    ------
    PriorError
        If the path is a directory, a FIFO or another special file.
    """
    if path.is_dir():
        raise PriorError(f"{path} is a directory; expected a file, or kind = 'directory'")
    if path.exists() and not path.is_file():
        raise PriorError(
            f"{path} is not a regular file and cannot be read again after a restart; with"
            f" kind = 'stdin' it is read once: seqbayes run CONFIG < {path}"
        )


class Reading:
    """Reads a file, starting at an offset.

    Parameters
    ----------
    path
        The file.
    layout
        The format of the file.
    offset
        Where to start, in bytes after decompression.

    Raises
    ------
    OSError
        If the file cannot be opened.
    SourceError
        If the file is shorter than the offset.
    """

    def __init__(self, path: Path, layout: Format, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        self.handle = Handle(path)
        try:
            if offset and not self.handle.skip_to(offset):
                raise SourceError(
                    f"{path} ends before byte {offset:,}, up to which it has been read"
                )
            self._splitter = layout.splitter(path, offset)
        except BaseException:
            self.handle.close()
            raise

    def advance(self) -> RecordChunk | None:
        """Return the records of the next block; None at the end."""
        block = self.handle.read(BLOCK)
        return self._splitter.split(block) if block else None

    @property
    def is_cut_short(self) -> bool:
        """Whether the file ends within a JSON object, which the writer may still complete."""
        return not self.handle.compressed and self._splitter.is_cut_short

    def finish(self) -> RecordChunk:
        """Return the rest of the file, when no more data will be written."""
        return self._splitter.split(b"", last=True)

    def batches(
        self, part: RecordChunk, size: int, token: Callable[[int], Any], more: int = 0
    ) -> Iterator[Batch]:
        """Yield the records of a part, `size` at a time.

        Parameters
        ----------
        part
            The records.
        size
            Maximum number of records of a batch.
        token
            Function that returns the source's token at an offset.
        more
            Number of bytes in later files.
        """
        refused = part.refused
        first = 0
        while first < len(part.records) or refused or self.offset < part.end:
            last = min(first + size, len(part.records))
            end = part.starts[last] if last < len(part.records) else part.end
            here = [each for each in refused if each[0] < end]
            refused = refused[len(here) :]
            self.offset = end
            yield Batch(
                part.records[first:last],
                token(end),
                part.starts[first:last],
                here,
                self.handle.left + more,
                line_of=part.line_of,
            )
            first = last

    def end(self) -> int:
        """Read the file, and return the offset of its end.

        Raises
        ------
        SourceError
            If the last line is incomplete.
        """
        handle, last = self.handle, b""
        if not handle.compressed and handle.left:
            handle.skip_to(handle.left - 1)
        while block := handle.read(BLOCK):
            last = block[-1:]
        if last not in (b"\n", b""):
            raise SourceError(f"{self.path} ends within a line: append a newline")
        return handle.offset

    def token(self, offset: int) -> dict[str, Any]:
        """Return a token that identifies the file and the offset in it."""
        handle = self.handle
        place = {"file": list(handle.identity), "changed": handle.changed, "offset": offset}
        return place | handle.marks(offset)

    def close(self) -> None:
        """Close the file."""
        self.handle.close()
