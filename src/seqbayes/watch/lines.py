"""Lines of bytes from a stream that may never end, in memory that does not grow with it."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator

CHUNK = 1 << 18
LONGEST = 64 << 20

Batch = tuple[int, list[bytes]]


class Lines:
    r"""Batches of lines with the number of their first one.

    Parameters
    ----------
    read
        Returns at most so many bytes, none at the end of the stream.
    refuse
        Called with the number of a line that is too long, and the reason; such a line is skipped
        without being held.
    ready
        Whether there is something to read, waited for a while; where there is not, an empty batch
        gives the caller its turn. None if `read` may block.
    longest
        Longest line in bytes.

    Examples
    --------
    >>> import io
    >>> list(Lines(io.BytesIO(b"one\ntwo\nthree").read, refuse=print))
    [(1, [b'one', b'two']), (3, [b'three'])]
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        refuse: Callable[[int, str], None],
        ready: Callable[[], bool] | None = None,
        longest: int = LONGEST,
    ) -> None:
        self._read = read
        self._refuse = refuse
        self._ready = ready
        self._longest = longest
        self._number = 1
        self._pieces: list[bytes] = []
        self._held = 0
        self._skipping = False

    def __iter__(self) -> Iterator[Batch]:
        while True:
            while self._ready is not None and not self._ready():
                yield self._number, []
            chunk = self._read(CHUNK)
            if not chunk:
                break
            yield self._split(chunk)
        if self._skipping or self._pieces:
            yield self._finish([b""])

    def _split(self, chunk: bytes) -> Batch:
        end = chunk.rfind(b"\n")
        if end < 0:
            self._hold(chunk)
            return self._number, []
        batch = self._finish(chunk[:end].split(b"\n"))
        self._hold(chunk[end + 1 :])
        return batch

    def _hold(self, piece: bytes) -> None:
        """Keep the beginning of a line, up to the longest that is allowed."""
        if not piece or self._skipping:
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > self._longest:
            self._skipping = True
            self._pieces.clear()

    def _finish(self, lines: list[bytes]) -> Batch:
        """Complete the first of the lines with what was held of it."""
        if self._pieces or self._skipping:
            self._hold(lines[0])
            if self._skipping:
                self._refuse(self._number, f"longer than {self._longest >> 20} MiB")
                self._number += 1
                del lines[0]
            else:
                lines[0] = b"".join(self._pieces)
            self._pieces.clear()
            self._held = 0
            self._skipping = False
        first = self._number
        self._number += len(lines)
        return first, lines


def file_reader(descriptor: int) -> Callable[[int], bytes]:
    """Return what reads a file descriptor, as soon as there is something to read."""
    return lambda size: os.read(descriptor, size)


def file_ready(descriptor: int, seconds: float) -> Callable[[], bool]:
    """Return what waits up to `seconds` for a file descriptor."""

    def ready() -> bool:
        try:
            return bool(select.select([descriptor], [], [], seconds)[0])
        except OSError:  # Windows waits for sockets only; reading then blocks
            return True

    return ready
