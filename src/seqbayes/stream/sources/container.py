"""Parquet, Avro and MessagePack files, which are read record by record instead of line by line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from seqbayes.console.text import printable
from seqbayes.events.packed import NO_RECORD, is_record, object_end
from seqbayes.extras import install_command
from seqbayes.stream.digests import digest_of
from seqbayes.stream.source import Batch, SourceError

CONTAINERS = ("parquet", "avro", "msgpack")
"""Formats of files that are read record by record."""

_HEAD = 1024
"""Number of bytes at the beginning of a file that identify it."""


class Container:
    """Reads the records of a file in order; the position is the number of records read.

    Parameters
    ----------
    path
        The file, which must not change while it is read.
    format
        "parquet", "avro" (an object container file) or "msgpack" (concatenated objects).
    name
        Name of the source in errors.
    """

    def __init__(self, path: Path, format: str, name: str) -> None:  # noqa: A002
        self._path, self._format, self._name = path, format, name
        self._place = 0

    def seek(self, token: Any) -> None:
        """Resume after a number of records.

        Raises
        ------
        SourceError
            If the file at the path is a different file.
        """
        self._place = 0 if token is None else token["records"]
        if token is not None and token["head"] != self._head(token["length"]):
            raise SourceError(
                f"{self._path} is not the file that was read up to record {self._place:,}"
            )

    def token(self, records: int) -> dict[str, Any]:
        """Return the token after a number of records."""
        length = min(_HEAD, self._path.stat().st_size)
        return {"records": records, "length": length, "head": self._head(length)}

    def _head(self, length: int) -> str:
        try:
            with self._path.open("rb") as file:
                return digest_of(file.read(length), 16)
        except OSError as error:
            raise SourceError(f"cannot read {self._path}: {error.strerror}") from error

    def count(self) -> int:
        """Return the number of records."""
        return sum(1 for _ in self._records(0))

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield the records after the position.

        Raises
        ------
        SourceError
            If the file cannot be read, or has fewer records than were read before.
        """
        records = self._records(self._place)
        while chunk := list(itertools.islice(records, size)):
            first, self._place = self._place, self._place + len(chunk)
            good = [(i, each) for i, each in enumerate(chunk, first) if is_record(each)]
            bad = [
                (i, repr(each)[:1000].encode(), NO_RECORD)
                for i, each in enumerate(chunk, first)
                if not is_record(each)
            ]
            yield Batch(
                [each for _, each in good], self.token(self._place), [i for i, _ in good], bad
            )

    def _records(self, skipped: int) -> Iterator[Any]:
        read = {"parquet": self._parquet, "avro": self._avro, "msgpack": self._msgpack}
        n = 0
        try:
            for record in read[self._format](skipped):
                n += 1
                yield record
        except (SourceError, GeneratorExit):
            raise
        except ModuleNotFoundError as error:
            extra = install_command(self._format)
            raise SourceError(f"{self._name} needs {error.name}: {extra}") from None
        except Exception as error:  # the libraries raise errors of many kinds
            reason = printable(str(error) or type(error).__name__, 200)
            raise SourceError(
                f"cannot read {self._path} after record {skipped + n:,}: {reason}"
            ) from error

    def _parquet(self, skipped: int) -> Iterator[Any]:
        from pyarrow import parquet

        with parquet.ParquetFile(self._path) as file:
            groups, rows = [], 0
            for i in range(file.metadata.num_row_groups):
                end = rows + file.metadata.row_group(i).num_rows
                if end > skipped:
                    groups.append(i)
                else:
                    skipped -= end - rows
                    end = rows
                rows = end
            self._check(skipped, rows)
            for batch in file.iter_batches(row_groups=groups):
                rows = batch.to_pylist()[skipped:]
                skipped = max(0, skipped - batch.num_rows)
                yield from rows

    def _avro(self, skipped: int) -> Iterator[Any]:
        import fastavro

        with self._path.open("rb") as file:
            for block in fastavro.block_reader(file):
                if block.num_records <= skipped:
                    skipped -= block.num_records
                else:
                    yield from itertools.islice(block, skipped, None)
                    skipped = 0
        self._check(skipped, 0)

    def _msgpack(self, skipped: int) -> Iterator[Any]:
        decode = msgspec.msgpack.Decoder().decode
        data = memoryview(self._path.read_bytes())
        at = 0
        while at < len(data):
            end = object_end(data, at)
            if skipped:
                skipped -= 1
            else:
                yield decode(data[at:end])
            at = end
        self._check(skipped, 0)

    def _check(self, skipped: int, available: int) -> None:
        """Raise an error if the file ends before the position."""
        if skipped > available:
            raise SourceError(f"{self._path} ends before record {self._place:,}")
