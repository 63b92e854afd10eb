"""A directory into which files of events arrive."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

from seqbayes.events.records import LONGEST
from seqbayes.stream.source import Batch, Source, SourceError
from seqbayes.stream.sources.reading import Format, Reading

_POLL = 0.2


class Directory(Source):
    """Events from files that arrive in a directory, read in the order of their names.

    Parameters
    ----------
    path
        The directory.
    pattern
        Which of its files to read, as a shell would; hidden ones are passed over.
    follow
        Whether to wait for more files.
    settle
        Seconds since its last change after which a file is taken to be complete; 0 where files are
        renamed into the directory.
    format, delimiter, longest
        As of a file; the format is by default what the pattern's suffix says.
    name
        Its identity in the store; by default its absolute path and the pattern.

    Raises
    ------
    PriorError
        If an option is none.

    Notes
    -----
    A file that arrives with a name before one that was already read is read all the same, later.
    Names that were read are kept in the token while the files are there.
    """

    kind = "directory"

    def __init__(
        self,
        path: str,
        pattern: str = "*.jsonl",
        follow: bool = False,
        settle: float = 1.0,
        format: Literal["jsonl", "csv"] | None = None,  # noqa: A002
        delimiter: str | None = None,
        longest: int = LONGEST,
        name: str | None = None,
    ) -> None:
        self._path = Path(path)
        self._pattern = pattern
        self._settle = settle
        self._layout = Format(format, pattern, delimiter, longest)
        self.name = name or f"directory:{os.path.join(os.path.abspath(path), pattern)}"
        self.finite = not follow
        self.text = self._layout.text
        self._done: set[str] = set()
        self._reading: Reading | None = None

    def seek(self, token: Any) -> None:
        """Resume behind the record that had this token; None is the beginning."""
        self.close()
        self._done = set() if token is None else set(token["done"])
        if token is None or token["file"] is None:
            return
        path = self._path / token["file"]
        self._reading = self._open(path, token["offset"])
        if not self._reading.handle.has(token):
            raise SourceError(f"{path} holds other bytes than when it was read: events may be lost")

    def _open(self, path: Path, offset: int = 0) -> Reading:
        try:
            return Reading(path, self._layout, offset)
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error

    def _waiting(self) -> list[tuple[str, int]]:
        """Return names and sizes of the complete files that were not read."""
        now = time.time()
        found, there = [], set()
        try:
            with os.scandir(self._path) as entries:
                for entry in entries:
                    hidden = entry.name.startswith(".")
                    if hidden or not fnmatch(entry.name, self._pattern) or not entry.is_file():
                        continue
                    there.add(entry.name)
                    told = entry.stat()
                    # a clock that was set back makes nothing wait for ever
                    settled = abs(now - told.st_mtime) >= self._settle
                    if entry.name not in self._done and (settled or self.finite):
                        found.append((entry.name, told.st_size))
        except OSError as error:
            raise SourceError(f"cannot read {self._path}: {error.strerror}") from error
        self._done &= there
        return sorted(found)

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches; where more files may come, None while none does.

        Raises
        ------
        SourceError
            If the directory or a file cannot be read.
        """
        while True:
            if self._reading is None:
                waiting = self._waiting()
                if not waiting:
                    if self.finite:
                        return
                    time.sleep(max(timeout, _POLL))
                    yield None
                    continue
                self._reading = self._open(self._path / waiting[0][0])
            yield from self._read(self._reading, size)

    def _read(self, reading: Reading, size: int) -> Iterator[Batch]:
        name = reading.path.name
        more = sum(length for other, length in self._waiting() if other != name)

        def token(offset: int) -> dict[str, Any]:
            place = {"done": sorted(self._done), "file": name, "offset": offset}
            return place | reading.handle.marks(offset)

        while (part := reading.advance()) is not None:
            yield from self._placed(reading.batches(part, size, token, more), name)
        yield from self._placed(reading.batches(reading.finish(), size, token, more), name)
        self._done.add(name)
        self.close()
        yield Batch([], {"done": sorted(self._done), "file": None}, [], (), more)

    @staticmethod
    def _placed(batches: Iterator[Batch], name: str) -> Iterator[Batch]:
        """Yield batches whose positions say in which file they are."""
        for batch in batches:
            yield Batch(
                batch.records,
                batch.token,
                [[name, start] for start in batch.positions],
                [([name, start], raw, why) for start, raw, why in batch.refused],
                batch.remaining,
            )

    def close(self) -> None:
        """Close the file that is being read."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None
