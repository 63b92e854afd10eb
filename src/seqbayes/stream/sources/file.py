"""Reads a file of events once, or follows it through growth, rotation and truncation."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Literal

from seqbayes.console.text import encodable
from seqbayes.errors import PriorError
from seqbayes.events.records import MAX_RECORD_BYTES
from seqbayes.stream.source import Batch, Source, SourceError
from seqbayes.stream.sources import rotation
from seqbayes.stream.sources.container import CONTAINERS, Container
from seqbayes.stream.sources.generations import Generation, generations
from seqbayes.stream.sources.reading import FORMATS, Format, Reading, check_regular

GRACE = 1.0
"""Number of seconds for which a rotated file is still read: its writer may still have it open."""
MAX_TAILS = 2
"""Maximum number of rotated files that are watched for late writes."""
_POLL = 0.05


class File(Source):
    r"""Reads events from a JSON Lines or CSV file, plain or compressed (gzip, Zstandard).

    Parameters
    ----------
    path
        The file.
    follow
        Whether to wait for more data at the end of the file, as ``tail -F`` does.
    format
        "jsonl", "csv", "parquet", "avro" or "msgpack"; by default determined
        by the suffix. The last three formats are read record by record, and cannot be followed.
    delimiter
        The delimiter of CSV cells; by default a comma, or a tab in ``.tsv``.
    longest
        Maximum length of a record in bytes; longer records become dead letters.
    lost
        What to do if the file that was being read cannot be found: "stop" fails, "restart" reads
        the current file from its beginning and records the gap as a dead letter.
    name
        Name of the source in the store; by default its absolute path.

    Attributes
    ----------
    has_lines
        Whether the position is an offset in bytes, instead of a number of records.

    Raises
    ------
    PriorError
        If an option is invalid, or the path is not a regular file.

    Notes
    -----
    The token contains the inode, the offset, fingerprints of the file's beginning and of the bytes
    before the offset, and the file's modification time. They identify a file that was rotated,
    truncated after copying, or compressed, while it was followed or between two runs: the file is
    searched for next to the path (``events.jsonl.1``, ``events.jsonl.1.gz``,
    ``events-2024-05-01.jsonl``) and read to its end, before the files written after it. Rotated
    files are watched for late writes until two more rotations have happened.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "events.csv")
    >>> _ = path.write_text("shop,sold\nnorth,1\nsouth,0\n")
    >>> [batch.records for batch in File(str(path)).batches()]
    [[{'shop': 'north', 'sold': '1'}, {'shop': 'south', 'sold': '0'}]]
    """

    kind = "file"

    token_type: ClassVar = dict[str, Any]

    def __init__(
        self,
        path: str,
        follow: bool = False,
        format: Literal["jsonl", "csv", "parquet", "avro", "msgpack"] | None = None,  # noqa: A002
        delimiter: str | None = None,
        longest: int = MAX_RECORD_BYTES,
        lost: Literal["stop", "restart"] = "stop",
        name: str | None = None,
    ) -> None:
        self._path = Path(path)
        kind = format or FORMATS.get(self._path.suffix)
        contained = kind in CONTAINERS
        self._layout = Format("jsonl" if contained else format, path, delimiter, longest)
        if lost not in ("stop", "restart"):
            raise PriorError(f"expected 'lost' to be 'stop' or 'restart', got {lost!r}")
        if follow and self._path.suffix in (".gz", ".zst"):
            raise PriorError(f"cannot follow {path}: it is compressed, and does not grow")
        if follow and contained:
            raise PriorError(
                f"cannot follow {path}: only JSON Lines and CSV files can be followed, not {kind}"
            )
        check_regular(self._path)
        self._restart = lost == "restart"
        self.name = name or encodable(f"file:{os.path.abspath(path)}")
        self._container = Container(self._path, str(kind), self.name) if contained else None
        self.has_lines = not contained
        self.finite = not follow
        self.text = self._layout.text
        self._reading: Reading | None = None
        # rotated files that are watched
        self._tails: list[Reading] = []
        # when another file was first found at the path
        self._since: float | None = None
        # whether there was no file at the path at the last check
        self._missing = False
        # files older than the one at the path
        self._older: list[list[int]] | None = None
        # modification time of the directory when it was last listed
        self._listed = 0
        # size and time of the current file at the last check
        self._size = self._changed = 0
        self._gap: tuple[Any, bytes, str] | None = None

    def seek(self, token: Any) -> None:
        """Resume after the record with a given token; None means from the beginning."""
        self.close()
        if self._container is not None:
            self._container.seek(token)
            return
        self._older, self._listed = None if token is None else token.get("older"), 0
        if token is None:
            return
        found = rotation.find(self._path, token)
        if found is None:
            self._handle_missing_file(token["offset"])
            return
        self._reading = self._open(found.path, token["offset"])
        for tail in token.get("tails", ()):
            late = rotation.find(self._path, tail)
            if late is not None and late.path != found.path:
                self._tails.append(self._open(late.path, tail["offset"]))

    @property
    def delimiter(self) -> str:
        """The delimiter of CSV cells."""
        return self._layout.delimiter

    @property
    def contained(self) -> bool:
        """Whether the file consists of records instead of lines."""
        return self._container is not None

    def end(self) -> Any:
        """Return the token of the current end of the file.

        Raises
        ------
        SourceError
            If the file cannot be read, or its last line is incomplete.
        """
        if self._container is not None:
            return self._container.token(self._container.count())
        with closing(self._open(self._path)) as reading:
            return reading.token(reading.end())

    def _open(self, path: Path, offset: int = 0) -> Reading:
        try:
            return Reading(path, self._layout, offset)
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error

    def _handle_missing_file(self, offset: int) -> None:
        """Start the current file and record a gap, or fail; the previous file was removed."""
        self._handle_gap(
            offset,
            f"cannot find the file that was read up to byte {offset:,}: neither {self._path} nor a"
            " rotated file contains these bytes; events may be lost",
        )

    def _handle_gap(self, offset: int, reason: str) -> None:
        if not self._restart:
            raise SourceError(
                f"{reason}. lost = 'restart' reads the current file from its beginning"
            )
        self._gap = (offset, b"", reason)

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches; with `follow`, None whenever no data arrive before the timeout.

        Raises
        ------
        SourceError
            If the file cannot be read, or the next file cannot be found.
        """
        if self._container is not None:
            yield from self._container.batches(size)
            return
        while True:
            reading = self._reading = self._reading or self._begin()
            if reading is None:
                time.sleep(timeout)
                yield None
                continue
            if self._gap is not None:
                gap, self._gap = self._gap, None
                yield Batch([], self._token(reading.offset), [], [gap], reading.handle.left)
            if self._is_truncated(reading):
                self._recover(reading)
                continue
            if self._find_older_files(reading):
                continue
            part = reading.advance()
            if part is not None:
                yield from reading.batches(part, size, self._token)
                continue
            yield from self._read_tails(size)
            if self.finite and reading.path == self._path:
                # the next run reads an incomplete line when it is complete
                if not reading.is_cut_short:
                    yield from reading.batches(reading.finish(), size, self._token)
                self.close()
                return
            if self._is_complete(reading):
                yield from reading.batches(reading.finish(), size, self._token)
                self._next(reading)
            if self._reading is reading:
                yield from self._wait(reading, timeout)

    def _begin(self) -> Reading | None:
        """Open the file at the path; None if it does not exist yet and `follow` is true."""
        if not self.finite and not self._path.exists():
            return None
        return self._open(self._path)

    def _is_truncated(self, reading: Reading) -> bool:
        """Whether the bytes that were read have changed."""
        if self.finite and reading.path == self._path:
            return False
        if reading.handle.is_changed():
            return True
        self._size = reading.handle.offset + reading.handle.left
        self._changed = reading.handle.changed
        return False

    def _find_older_files(self, reading: Reading) -> bool:
        """Record which rotated files are older than the file at the path.

        If the file was copied and truncated before any of it was read, start the copy instead and
        return True.
        """
        if reading.path != self._path:
            return False
        try:
            changed = self._path.parent.stat().st_mtime_ns
        except OSError:
            return False
        if changed == self._listed:
            return False
        older = rotation.neighbours(self._path)
        if rotation.identity_of(self._path) != reading.handle.identity:
            return False
        if self._tails and not reading.handle.offset:
            current = self._locate(self._tails[-1])
            following = None if current is None else self._open_after(current)
            if following is not None and following.path != self._path:
                self._drop(reading)
                self._start(following)
                return True
            if following is not None:
                following.close()
        self._older, self._listed = older, changed
        return False

    def _recover(self, reading: Reading) -> None:
        """Continue in the copy of a truncated file, or read the file from its beginning.

        If there is no copy, but the file had been read to its end and no rotated file is newer, no
        data are known to be lost.
        """
        copy = rotation.find(self._path, self._token(reading.offset))
        unread = (
            self._size > reading.offset
            or reading.path != self._path
            or rotation.has_newer(self._path, self._changed + 1)
        )
        self._drop(reading)
        if copy is not None:
            self._reading = self._open(copy.path, reading.offset)
        elif unread:
            self._handle_missing_file(reading.offset)

    def _start(self, reading: Reading | None) -> None:
        self._reading, self._since, self._size, self._missing = reading, None, 0, False

    def _drop(self, reading: Reading) -> None:
        reading.close()
        self._start(None)

    def _is_complete(self, reading: Reading) -> bool:
        """Whether no more data are expected in the current file."""
        if self.finite or reading.path != self._path:
            return True
        identity = rotation.identity_of(self._path)
        if identity is None:
            self._missing = True
            return False
        if identity == reading.handle.identity:
            self._since, self._missing = None, False
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since >= GRACE

    def _next(self, reading: Reading) -> None:
        """Open the file that was written after the completed file."""
        current = self._locate(reading)
        if current is None:
            # this is not an error if the file was found deleted and no later file was rotated
            if not self._missing or rotation.has_newer(self._path, reading.handle.changed):
                self._handle_missing_file(reading.offset)
            self._drop(reading)
            return
        if current.identity != reading.handle.identity:
            # the file was compressed or copied, possibly with more data
            self._drop(reading)
            self._reading = self._open(current.path, reading.offset)
            return
        following = self._open_after(current)
        if following is None:
            if self.finite:
                raise SourceError(f"cannot read {self._path}: it does not exist")
            return
        self._start(following)
        if self._older is not None:
            self._older = [*self._older, current.mark]
            self._older = self._older[-rotation.MAX_NEIGHBOURS :]
        self._tails.append(reading)
        while len(self._tails) > MAX_TAILS:
            self._tails.pop(0).close()

    def _locate(self, reading: Reading) -> Generation | None:
        """Return the current location of the completed file."""
        identity = reading.handle.identity
        for each in generations(self._path):
            if each.identity == identity:
                return each
        return rotation.find(self._path, self._token(reading.offset))

    def _open_after(self, current: Generation) -> Reading | None:
        """Open the next file after `current`; files may be renamed meanwhile."""
        while True:
            try:
                read = [tail.token(tail.offset) for tail in self._tails]
                found = rotation.successor(self._path, current, self._older, read)
            except rotation.OrderError as error:
                if not self._path.exists():
                    return None
                self._handle_gap(current.size, f"{error}; events may be lost")
                return self._open(self._path)
            if found is None:
                return None  # the path does not exist yet
            opened = self._open(found.path)
            if opened.handle.identity == found.identity:
                return opened
            opened.close()
            current = rotation.refreshed(self._path, current)

    def _read_tails(self, size: int) -> Iterator[Batch]:
        """Yield records that were written late to rotated files."""
        for tail in self._tails:
            # a file that was overwritten has no late records
            while not tail.handle.is_changed() and (part := tail.advance()) is not None:
                yield from tail.batches(part, size, self._token_of_tails)

    def _wait(self, reading: Reading, timeout: float) -> Iterator[None]:
        """Wait for more data until the timeout, then yield None."""
        until = time.monotonic() + timeout
        while not reading.handle.left and not reading.handle.is_changed():
            if time.monotonic() >= until:
                yield None
                return
            time.sleep(min(_POLL, timeout))

    def _token(self, offset: int) -> dict[str, Any]:
        assert self._reading is not None
        files = [*(tail.token(tail.offset) for tail in self._tails), self._reading.token(offset)]
        if offset == 0 and self._tails:
            # the current file is unread: the last rotated file leads to it
            files.pop()
        *tails, token = files
        if tails:
            token["tails"] = tails
        return token if self._older is None else token | {"older": self._older}

    def _token_of_tails(self, offset: int) -> dict[str, Any]:
        return self._token(0 if self._reading is None else self._reading.offset)

    def close(self) -> None:
        """Close all files."""
        for reading in self._tails:
            reading.close()
        self._tails = []
        if self._reading is not None:
            self._drop(self._reading)
        self._gap = None
