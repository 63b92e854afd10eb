"""A file of events: read once, or followed as it grows, is rotated and cut short."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from seqbayes.errors import PriorError
from seqbayes.events.records import LONGEST
from seqbayes.stream.source import Batch, Source, SourceError
from seqbayes.stream.sources.handle import Handle
from seqbayes.stream.sources.reading import BLOCK, Format, Reading

GRACE = 1.0
"""Seconds for which a file that was rotated is still read: who writes to it may not know yet."""
_POLL = 0.05
_ROTATED = re.compile(r"[.-](\d[\dTZ:_.+-]*|old)(\.gz|\.zst)?")
"""What rotation puts behind a name: a number or a date; other copies are none of its files."""


class File(Source):
    r"""Events from a file of JSON Lines or CSV, plain, gzip or Zstandard.

    Parameters
    ----------
    path
        The file.
    follow
        Whether to wait for more at its end, as ``tail -F`` does.
    format
        "jsonl" or "csv"; by default what the suffix says.
    delimiter
        What stands between cells of CSV; by default a comma, or a tab in ``.tsv``.
    longest
        Most bytes of a record; one that is longer is a dead letter.
    lost
        Where the file that was being read is not to be found any more: "stop" fails, "restart"
        reads the present one from its beginning.
    name
        Its identity in the store; by default its absolute path.

    Raises
    ------
    PriorError
        If an option is none.

    Notes
    -----
    The token holds the inode, the offset, fingerprints of the file's beginning and of what lies
    before the offset, and when the file was last written to. With them a file that was rotated
    while nobody read it is found again beside the path (``events.jsonl.1``, or ``.1.gz``), and read
    to its end before what came after it.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "events.csv")
    >>> _ = path.write_text("shop,sold\nnorth,1\nsouth,0\n")
    >>> [batch.records for batch in File(str(path)).batches()]
    [[{'shop': 'north', 'sold': '1'}, {'shop': 'south', 'sold': '0'}]]
    """

    kind = "file"

    def __init__(
        self,
        path: str,
        follow: bool = False,
        format: Literal["jsonl", "csv"] | None = None,  # noqa: A002
        delimiter: str | None = None,
        longest: int = LONGEST,
        lost: Literal["stop", "restart"] = "stop",
        name: str | None = None,
    ) -> None:
        self._path = Path(path)
        self._layout = Format(format, path, delimiter, longest)
        if lost not in ("stop", "restart"):
            raise PriorError(f"expected lost 'stop' or 'restart', got {lost!r}")
        if follow and self._path.suffix in (".gz", ".zst"):
            raise PriorError(f"cannot follow {path}: it is compressed, and does not grow")
        self._restart = lost == "restart"
        self.name = name or f"file:{os.path.abspath(path)}"
        self.finite = not follow
        self.text = self._layout.text
        self._reading: Reading | None = None
        self._rotated: list[Path] = []  # which are to be read before the path itself
        self._since: float | None = None

    def seek(self, token: Any) -> None:
        """Resume behind the record that had this token; None is the beginning."""
        self.close()
        self._rotated = []
        if token is None or not token["offset"]:
            return
        found = self._find(token)
        if found is None:
            if not self._restart:
                raise SourceError(
                    f"cannot find the file that was read up to byte {token['offset']:,}: neither"
                    f" {self._path} nor a file that was rotated holds what was read; events may be"
                    " lost. lost = 'restart' reads the present file from its beginning"
                )
            return
        self._reading = self._open(found, token["offset"])
        if found != self._path:
            self._rotated = self._later(self._reading.handle.identity)

    def _open(self, path: Path, offset: int = 0) -> Reading:
        try:
            return Reading(path, self._layout, offset)
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}") from error

    def _find(self, token: Any) -> Path | None:
        """Return the file that the token is of: by its inode, or else by what it holds.

        Of several that hold the same it is the oldest of those that are not older than the token,
        since what came after it is newer; or else the newest.
        """
        files = self._beside()
        plain = [p for p in files if _identity(p) == tuple(token["file"])]
        newer = [p for p, at in files.items() if not _is_older(at, token.get("changed", 0))]
        return next((p for p in [*plain, *newer, *reversed(files)] if _has(p, token)), None)

    def _beside(self) -> dict[Path, int]:
        """Return the path and the files that rotation made of it, the oldest first, and when."""
        told = []
        with os.scandir(self._path.parent) as entries:
            for entry in entries:
                if self._is_named_after(entry.name) and entry.is_file():
                    told.append((entry.stat().st_mtime_ns, entry.name))
        return {self._path.parent / name: at for at, name in sorted(told)}

    def _is_named_after(self, name: str) -> bool:
        """Whether a file has the path's name, or one that rotation makes of it."""
        own = self._path.name
        return name == own or (
            name.startswith(own) and _ROTATED.fullmatch(name, len(own)) is not None
        )

    def _later(self, identity: Any) -> list[Path]:
        """Return the files that were rotated after the one of this identity, but for the path."""
        files = list(self._beside())
        places = [i for i, p in enumerate(files) if _identity(p) == identity]
        if not places:
            return []
        different = [files[places[0]]]
        for path in files[places[0] + 1 :]:
            if path != self._path and not any(_is_copy(path, other) for other in different):
                different.append(path)
        return different[1:]

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches; where the file is followed, None while nothing comes.

        Raises
        ------
        SourceError
            If the file cannot be read.
        """
        while True:
            if self._reading is None:
                if not self.finite and not self._path.exists():
                    time.sleep(timeout)
                    yield None
                    continue
                self._reading = self._open(self._path)
            reading = self._reading
            part = None if self._is_replaced(reading) else reading.advance()
            if part is not None:
                self._since = None
                yield from reading.batches(part, size, self._token)
            elif self._is_done(reading):
                at_end = self.finite and not self._rotated and reading.path == self._path
                if not (at_end and reading.is_cut_short):  # the next run reads that line whole
                    yield from reading.batches(reading.finish(), size, self._token)
                if at_end:
                    self.close()
                    return
                self._next()
            else:
                yield from self._wait(timeout)

    def _is_replaced(self, reading: Reading) -> bool:
        """Whether there are other bytes in the file than those that were read."""
        return not self.finite and reading.path == self._path and reading.handle.is_changed()

    def _is_done(self, reading: Reading) -> bool:
        """Whether nothing more will come from the file that is being read."""
        if self.finite or reading.path != self._path or reading.handle.is_changed():
            return True
        identity = _identity(self._path)
        if identity is None or identity == reading.handle.identity:
            self._since = None
            return False
        self._since = self._since or time.monotonic()
        return time.monotonic() - self._since >= GRACE

    def _next(self) -> None:
        assert self._reading is not None
        if self._since is not None:  # it was rotated while it was read
            self._rotated = self._later(self._reading.handle.identity)
        self._reading.close()
        self._since = None
        path = self._rotated.pop(0) if self._rotated else self._path
        exists = path.exists() or self.finite
        self._reading = self._open(path) if exists else None

    def _wait(self, timeout: float) -> Iterator[None]:
        """Wait for more, at most that long; then say that there was none."""
        assert self._reading is not None
        until = time.monotonic() + timeout
        while not self._reading.handle.left and not self._reading.handle.is_changed():
            if time.monotonic() >= until:
                yield None
                return
            time.sleep(min(_POLL, timeout))

    def _token(self, offset: int) -> dict[str, Any]:
        assert self._reading is not None
        handle = self._reading.handle
        place = {"file": list(handle.identity), "changed": handle.changed, "offset": offset}
        return place | handle.marks(offset)

    def close(self) -> None:
        """Close the file."""
        if self._reading is not None:
            self._reading.close()
            self._reading = None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        told = path.stat()
    except FileNotFoundError:
        return None
    return told.st_dev, told.st_ino


def _is_copy(path: Path, other: Path) -> bool:
    """Whether two files hold the same bytes, one of them maybe compressed."""
    try:
        with Handle(path) as one, Handle(other) as another:
            if not (one.compressed or another.compressed) and one.left != another.left:
                return False
            while (block := _fill(one)) == _fill(another):
                if not block:
                    return True
    except (OSError, SourceError):
        # a compression of it that is not finished
        return path.suffix in (".gz", ".zst") and path.stem == other.name
    return False


def _fill(handle: Handle) -> bytes:
    """Return the next bytes of a file, fewer than a block only at its end."""
    parts, missing = [], BLOCK
    while missing and (part := handle.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _has(path: Path, token: Any) -> bool:
    try:
        with Handle(path) as handle:
            return handle.has(token)
    except (OSError, SourceError):
        return False


def _is_older(at: int, other: int) -> bool:
    """Whether a time comes before another, as exactly as it is given: compressors round it."""
    unit = next(unit for unit in (10**9, 10**3, 1) if at % unit == 0)
    return at < other - other % unit
