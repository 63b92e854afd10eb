"""An open file, plain or compressed, identified by its content; the creation time of a file."""

from __future__ import annotations

import ctypes
import functools
import gzip
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from seqbayes.extras import install_command
from seqbayes.stream.digests import digest_of
from seqbayes.stream.source import SourceError

HEAD = 1024
"""Number of bytes at the beginning of a file, and before an offset, used to identify it."""
_RECENT = HEAD + (1 << 16)
"""Bytes kept from before the last block: a CSV row may be rejected long after it was read."""
_SKIP = 1 << 20

_HERE, _BIRTH = -100, 0x800  # AT_FDCWD and STATX_BTIME
_SIZE, _MASK, _TIME = 256, 0, 80
"""Size of the structure that statx fills, and offsets of its mask and of its birth time."""


class Handle:
    """The bytes of a file, decompressed if its suffix is ``.gz`` or ``.zst``.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    SourceError
        If the path is not a regular file, or the library that decompresses it is not installed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # opening a FIFO would block until a writer opens it
        if path.exists() and not path.is_file():
            raise SourceError(f"cannot read {path}: it is not a regular file")
        self._raw = path.open("rb", buffering=0)
        self.compressed = path.suffix in (".gz", ".zst")
        try:
            self._stream = self._open()
        except BaseException:
            self._raw.close()
            raise
        self._head = b""
        self._before = self._block = b""  # the last block read, and bytes before it
        self.offset = 0

    def _open(self) -> Any:
        if self.path.suffix == ".gz":
            return gzip.GzipFile(fileobj=self._raw)
        if self.path.suffix == ".zst":
            try:
                import zstandard
            except ModuleNotFoundError:
                raise SourceError(
                    f"{self.path} needs zstandard: {install_command('zstd')}"
                ) from None
            return _Zstandard(self._raw, zstandard.ZstdDecompressor())
        return self._raw

    @property
    def status(self) -> os.stat_result:
        """Size, times and inode of the file."""
        return os.fstat(self._raw.fileno())

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        status = self.status
        return status.st_dev, status.st_ino

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes; empty at the current end of the file.

        Raises
        ------
        SourceError
            If the file cannot be read, or is damaged.
        """
        try:
            block: bytes = self._stream.read(size)
        except EOFError:
            raise SourceError(
                f"cannot read {self.path}: the compressed file is incomplete; it may still be"
                " written to"
            ) from None
        except gzip.BadGzipFile:
            raise SourceError(
                f"cannot read {self.path}: its suffix is .gz, but it is not a gzip file, or it"
                " is damaged"
            ) from None
        except (OSError, zlib.error) as error:
            raise SourceError(f"cannot read {self.path}: {error}") from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "zstandard":
                raise
            raise SourceError(f"cannot read {self.path}: {error}") from error
        self._remember(block)
        return block

    def _remember(self, block: bytes) -> None:
        if not block:
            return
        if self.offset < HEAD:
            self._head = self._head[: self.offset] + block[: HEAD - self.offset]
        last = self._block[-_RECENT:]
        self._before = last if len(last) == _RECENT else (self._before + last)[-_RECENT:]
        self._block = block
        self.offset += len(block)

    def skip_to(self, offset: int) -> bool:
        """Move to an offset; return False if the file is shorter."""
        if not self.compressed:
            length = min(HEAD, offset)
            self._head = os.pread(self._raw.fileno(), length, 0)
            self._before, self._block = os.pread(self._raw.fileno(), length, offset - length), b""
            self._raw.seek(offset)
            self.offset = offset
            return os.fstat(self._raw.fileno()).st_size >= offset
        while self.offset < offset:
            if not self.read(min(_SKIP, offset - self.offset)):
                return False
        return True

    def _tail(self, offset: int) -> bytes | None:
        """Return the bytes before an offset; None if they are not kept."""
        place = offset - self.offset + len(self._block)
        if place >= HEAD:
            return self._block[place - HEAD : place]
        before = self._before[: max(0, len(self._before) + min(place, 0))]
        tail = (before + self._block[: max(place, 0)])[-HEAD:]
        return tail if len(tail) == min(HEAD, offset) else None

    def marks(self, offset: int) -> dict[str, Any]:
        """Return fingerprints that identify a file that was read up to an offset."""
        head, tail = self._head[: min(HEAD, offset)], self._tail(offset)
        marks = {"length": len(head), "head": _fingerprint(head)}
        return marks if tail is None else marks | {"tail": _fingerprint(tail)}

    def has(self, token: Any) -> bool:
        """Move to a token's offset; return whether the file has the token's length and marks."""
        # most other files differ in the first of these parts
        for offset in (token["length"], token["offset"]):
            if not self.skip_to(offset) or self.marks(offset)["head"] != token["head"]:
                return False
        return "tail" not in token or self.marks(token["offset"]).get("tail") == token["tail"]

    def is_changed(self) -> bool:
        """Whether the file was truncated, or its bytes have changed."""
        if self.compressed:
            return False
        if os.fstat(self._raw.fileno()).st_size < self.offset:
            return True
        tail = self._tail(self.offset) or b""
        return not (
            self._has_bytes_at(0, self._head) and self._has_bytes_at(self.offset - len(tail), tail)
        )

    def _has_bytes_at(self, offset: int, data: bytes) -> bool:
        return os.pread(self._raw.fileno(), len(data), offset) == data

    @property
    def changed(self) -> int:
        """Modification time in nanoseconds."""
        return os.fstat(self._raw.fileno()).st_mtime_ns

    @property
    def left(self) -> int:
        """Number of bytes not read yet; compressed bytes if the file is compressed."""
        return max(0, os.fstat(self._raw.fileno()).st_size - self._raw.tell())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Zstandard:
    """Reads consecutive Zstandard frames; a truncated frame is an error."""

    def __init__(self, raw: Any, decompressor: Any) -> None:
        self._raw, self._decompressor = raw, decompressor
        self._frame: Any = None
        self._ready = self._packed = b""

    def read(self, size: int) -> bytes:
        while not self._ready:
            if not self._packed:
                self._packed = self._raw.read(size)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError("compressed file ended before the end of a frame")
                return b""
            self._frame = self._frame or self._decompressor.decompressobj()
            self._ready = self._frame.decompress(self._packed)
            self._packed = b""
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        block, self._ready = self._ready[:size], self._ready[size:]
        return block

    def close(self) -> None:
        """Do nothing: the handle closes the file."""


def _fingerprint(part: bytes) -> str:
    return digest_of(part, 16)


def birth_time(path: Path) -> int | None:
    """Return the creation time of the inode of a file, in nanoseconds; None if it is not known.

    The creation time does not change when a file is renamed, and differs between files that get the
    same inode number. `os.stat` returns the time on some systems; on Linux, it is read with the C
    library's statx.

    Examples
    --------
    >>> birth_time(Path("no-such-file"))
    """
    if sys.platform != "linux":
        return _from_stat(path)
    statx = _statx()
    found = ctypes.create_string_buffer(_SIZE)
    if statx is None or statx(_HERE, os.fsencode(path), 0, _BIRTH, found) != 0:
        return None
    if not struct.unpack_from("=I", found, _MASK)[0] & _BIRTH:
        return None
    seconds, nanoseconds = struct.unpack_from("=qI", found, _TIME)
    return int(seconds) * 10**9 + int(nanoseconds)


def _from_stat(path: Path) -> int | None:
    try:
        born = getattr(path.stat(), "st_birthtime", None)
    except OSError:
        return None
    return None if born is None else int(born * 1e9)


@functools.cache
def _statx() -> Callable[..., Any] | None:
    try:
        function = ctypes.CDLL(None).statx
    except (OSError, AttributeError):
        return None
    function.argtypes = [
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_void_p,
    ]
    function.restype = ctypes.c_int
    return function
