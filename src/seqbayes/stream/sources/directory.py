"""A directory to which files of events are added."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, ClassVar, Literal

from seqbayes.console.text import encodable
from seqbayes.errors import PriorError
from seqbayes.events.records import MAX_RECORD_BYTES
from seqbayes.stream.source import Batch, Source, SourceError
from seqbayes.stream.sources.generations import COMPRESSED
from seqbayes.stream.sources.handle import Handle, birth_time
from seqbayes.stream.sources.known import Known, read_name, write_name
from seqbayes.stream.sources.reading import Format, Reading

MAX_DELETED = 1000
"""Maximum number of removed files to remember."""
_REPLACED = "/"
"""Prefix of the names of replaced files, repeated for each earlier file with the same name."""
_POLL = 0.2
_PATIENCE = 60.0
"""Minimum number of seconds to wait for files that keep changing if `follow` is false."""


class Directory(Source):
    """Reads events from the files in a directory, in the order of their names.

    Parameters
    ----------
    path
        The directory.
    pattern
        Shell-style pattern of the files to read; hidden files are ignored.
    follow
        Whether to wait for more files.
    settle
        A file is considered complete after this number of seconds without a change; 0 if files are
        moved into the directory when they are complete.
    format, delimiter, longest
        See `File`; the format is by default determined by the suffix of the pattern.
    name
        Name of the source in the store; by default its absolute path and the pattern.

    Raises
    ------
    PriorError
        If an option is invalid.

    Notes
    -----
    The token contains the size, the modification time and fingerprints of every file that was read.
    If a file grows afterwards, the new part is read; if its content is replaced, it counts as a new
    file; if it is renamed or compressed, it is not read again. If a file vanishes before it has
    been read to its end, a dead letter is added, and reading continues if the file reappears.
    """

    kind = "directory"

    token_type: ClassVar = dict[str, Any]

    def __init__(
        self,
        path: str,
        pattern: str = "*.jsonl",
        follow: bool = False,
        settle: float = 1.0,
        format: Literal["jsonl", "csv", "msgpack"] | None = None,  # noqa: A002
        delimiter: str | None = None,
        longest: int = MAX_RECORD_BYTES,
        name: str | None = None,
    ) -> None:
        if not settle >= 0.0:
            raise PriorError(f"expected 'settle' >= 0 seconds, got {settle!r}")
        if not pattern or "/" in pattern:
            raise PriorError(f"expected a pattern of file names such as '*.jsonl', got {pattern!r}")
        if os.path.exists(path) and not os.path.isdir(path):
            raise PriorError(f"{path} is not a directory; expected one, or kind = 'file'")
        self._path = Path(path)
        self._pattern = pattern
        self._settle = settle
        self._layout = Format(format, pattern, delimiter, longest)
        self.name = name or encodable(f"directory:{os.path.join(os.path.abspath(path), pattern)}")
        self.finite = not follow
        self.text = self._layout.text
        self._known: dict[str, Known] = {}
        self._forgotten = 0  # the latest modification time of files that are not remembered
        self._there: dict[str, os.stat_result] = {}
        self._reading: Reading | None = None
        self._waiting_since: float | None = None

    def seek(self, token: Any) -> None:
        """Resume after the record with a given token; None means from the beginning."""
        self.close()
        self._forgotten = 0 if token is None else token.get("forgotten", 0)
        if token is None:
            self._known = {}
        elif "done" in token:
            self._known = self._earlier(token)
        else:
            self._known = {read_name(n): Known(*values) for n, values in token["files"].items()}

    def _earlier(self, token: Mapping[str, Any]) -> dict[str, Known]:
        """Return the files in a token written by an earlier version."""
        known = {}
        for name in token["done"]:
            path = self._path / name
            try:
                status = path.stat()
                with Handle(path) as handle:
                    offset = 0 if handle.compressed else status.st_size
                    handle.skip_to(offset)
                    known[name] = Known.of(handle, offset, 1)
            except OSError:
                pass
        if token["file"] is not None:
            offset, length, head = (token[key] for key in ("offset", "length", "head"))
            tail = token.get("tail")
            known[token["file"]] = Known(-1, -1, -1, 0, offset, length, head, tail)
        return known

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches; with `follow`, None whenever no data arrive before the timeout.

        Raises
        ------
        SourceError
            If the directory or a file cannot be read.
        """
        while True:
            waiting = self._scan()
            opened = 0
            for name in waiting:
                self._reading = self._open(name)
                if self._reading is not None:
                    opened += 1
                    more = sum(n for other, n in waiting.items() if other > name)
                    yield from self._read(self._reading, name, size, more)
            if opened:
                continue
            gaps = self._vanished()
            if gaps:
                yield Batch([], self._token(), [], gaps)
            if self.finite and self.caught_up:
                return
            time.sleep(max(timeout, _POLL))
            yield None

    def _scan(self) -> dict[str, int]:
        """Return the names and sizes of the complete files that have unread data."""
        try:
            with os.scandir(self._path) as entries:
                self._there = {
                    entry.name: entry.stat()
                    for entry in entries
                    if not entry.name.startswith(".")
                    and fnmatch(entry.name, self._pattern)
                    and entry.is_file()
                }
        except OSError as error:
            raise SourceError(f"cannot read {self._path}: {error.strerror}") from error
        self._forget()
        changed = {name: s for name, s in self._there.items() if not self._is_read(name, s)}
        settled = {name: s.st_size for name, s in changed.items() if self._is_settled(s)}
        self.caught_up = len(settled) == len(changed)
        if settled or self.caught_up:
            self._waiting_since = None
        elif self.finite:
            now = time.monotonic()
            self._waiting_since = self._waiting_since or now
            if now - self._waiting_since > max(_PATIENCE, 10.0 * self._settle):
                # read the files as they are now
                settled = {name: s.st_size for name, s in changed.items()}
                self.caught_up = True
        return dict(sorted(settled.items()))

    def _is_read(self, name: str, status: os.stat_result) -> bool:
        known = self._known.get(name)
        return (
            known is not None
            and known.state == 1
            and (known.size, known.changed) == (status.st_size, status.st_mtime_ns)
        )

    def _is_settled(self, status: os.stat_result) -> bool:
        # abs: after the clock is set back, a file must not wait indefinitely
        return abs(time.time() - status.st_mtime) >= self._settle

    def _forget(self) -> None:
        """Forget files removed long ago, unless all are missing: the directory may be unmounted."""
        deleted = [name for name in self._known if name not in self._there]
        if len(deleted) > MAX_DELETED and len(deleted) < len(self._known):
            for name in deleted[:-MAX_DELETED]:
                self._forgotten = max(self._forgotten, self._known.pop(name).changed)

    def _open(self, name: str) -> Reading | None:
        """Open a file at its read position; None if it was removed or cannot be read yet."""
        path = self._path / name
        plain = _without_suffix(name)
        try:
            for other, known in self._candidates(name):
                with Handle(path) as handle:
                    if handle.has(known.marks):
                        if other != name:
                            self._mark_replaced(name)
                        return Reading(path, self._layout, known.offset)
            self._mark_replaced(name)
            return Reading(path, self._layout)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error
        except SourceError:
            if plain == name or plain not in self._there:
                raise
            self.caught_up = False  # a compressed file is still being written
            return None

    def _mark_replaced(self, name: str) -> None:
        """Record that a file was replaced; the old file may have a new name."""
        if name in self._known:
            place = _REPLACED + name
            while place in self._known:
                place = _REPLACED + place
            self._known[place] = self._known.pop(name)

    def _is_there(self, name: str, known: Known, status: os.stat_result | None) -> bool:
        """Whether a known file still exists under its name, given the status of that path."""
        if status is None:
            return False
        if (known.size, known.changed) == (status.st_size, status.st_mtime_ns):
            return True
        return known.inode == status.st_ino and self._has(name, known)

    def _status(self, name: str) -> os.stat_result | None:
        try:
            return None if name.startswith(_REPLACED) else (self._path / name).stat()
        except FileNotFoundError:
            return None

    def _has(self, name: str, known: Known) -> bool:
        """Whether a file, which may have been rewritten, begins with the content that was read."""
        try:
            with Handle(self._path / name) as handle:
                return handle.has(known.marks)
        except (OSError, SourceError):
            return True  # the error is handled when the file is opened

    def _candidates(self, name: str) -> list[tuple[str, Known]]:
        """Return known files that may be this file under another name."""
        # names may have changed since the scan, while other files were read
        status = (self._path / name).stat()
        packed = _without_suffix(name) != name
        born = birth_time(self._path / name)

        def may_be(other: str, known: Known) -> bool:
            if _without_suffix(other) == _without_suffix(name):
                return True
            # compression keeps the modification time, perhaps rounded
            if status.st_mtime_ns in [known.changed - known.changed % n for n in (1, 1000, 10**9)]:
                return not self._is_there(other, known, self._status(other))
            if known.inode == status.st_ino and known.born in (None, born):
                return not self._is_there(other, known, self._status(other))
            return (  # renamed, and compressed or decompressed
                packed != (_without_suffix(other) != other)
                and not self._is_there(other, known, self._there.get(other))
            )

        return [
            (other, known)
            for other, known in self._known.items()
            if known.offset and may_be(other, known)
        ]

    def _read(self, reading: Reading, name: str, size: int, more: int) -> Iterator[Batch]:
        """Yield the rest of a file."""
        doubts = self._doubts(reading, name)
        for other, known in list(self._known.items()):  # remove the earlier name of the file
            if (
                other != name
                and not self._is_there(other, known, self._there.get(other))
                and known.is_start_of(reading)
            ):
                del self._known[other]
        status = reading.handle.status

        def token(offset: int) -> dict[str, Any]:
            self._known[name] = Known.of(reading.handle, offset, 0, status)
            return self._token()

        while (part := reading.advance()) is not None:
            yield from self._placed(reading.batches(part, size, token, more), name, doubts)
            if (
                reading.handle.is_changed()
            ):  # the file was overwritten: the next scan finds a new file
                self.close()
                return
        # an incomplete line becomes a dead letter, and is read again if the file grows
        cut, start = reading.is_cut_short, reading.offset
        rest = reading.batches(reading.finish(), size, token, more)
        yield from self._placed(rest, name, doubts)
        end = start if cut else reading.offset
        self._known[name] = Known.of(reading.handle, end, 1, status)
        self.close()
        yield Batch([], self._token(), [], (), more)

    def _doubts(self, reading: Reading, name: str) -> list[tuple[Any, bytes, str]]:
        """Return a dead letter if an unknown file may be one that is no longer remembered."""
        known = self._known.get(name)
        if (
            reading.offset
            or known is not None
            or reading.handle.status.st_mtime_ns > self._forgotten
        ):
            return []
        reason = (
            f"the file is older than removed files, of which only the last {MAX_DELETED:,} are"
            f" remembered: its events may already have been learned"
        )
        return [([encodable(name), 0], b"", reason)]

    def _vanished(self) -> list[tuple[Any, bytes, str]]:
        """Return a dead letter for each file that vanished before its end was read."""
        gaps = []
        for name, known in self._known.items():
            if name not in self._there and known.state == 0:
                self._known[name] = known._replace(state=2)
                reason = (
                    f"the file vanished after byte {known.offset:,} of {known.size:,} was read:"
                    " events may be lost"
                )
                gaps.append(([encodable(name.lstrip(_REPLACED)), known.offset], b"", reason))
        return gaps

    def _token(self) -> dict[str, Any]:
        files = {write_name(n): list(known) for n, known in self._known.items()}
        return {"files": files} | ({"forgotten": self._forgotten} if self._forgotten else {})

    @staticmethod
    def _placed(
        batches: Iterator[Batch], name: str, doubts: list[tuple[Any, bytes, str]]
    ) -> Iterator[Batch]:
        """Yield batches whose positions contain the file name; add doubts to the first batch."""
        name = encodable(name)
        for batch in batches:
            yield dataclasses.replace(
                batch,
                positions=[[name, start] for start in batch.positions],
                refused=[
                    *doubts,
                    *(([name, start], raw, why) for start, raw, why in batch.refused),
                ],
                line_of=None,
            )
            doubts.clear()

    def close(self) -> None:
        """Close the file that is being read."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None


def _without_suffix(name: str) -> str:
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    return name
