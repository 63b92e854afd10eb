"""Files of a directory that were read, as represented in a token."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

from seqbayes.stream.sources.handle import Handle, birth_time
from seqbayes.stream.sources.reading import Reading


class Known(NamedTuple):
    """Progress and identity of a file that was read, at least partially.

    `size` and `changed` are the size and the modification time when the file was opened; `born` is
    the creation time of its inode, if the file system records it, because inode numbers are reused.
    `state` is 0 while the file is read, 1 after its end, 2 if it vanished before that and a dead
    letter was added.
    """

    size: int
    changed: int
    inode: int
    state: int
    offset: int
    length: int
    head: str
    tail: str | None = None
    born: int | None = None

    @property
    def marks(self) -> dict[str, Any]:
        """Return the marks that `Handle.has` compares."""
        marks = {"offset": self.offset, "length": self.length, "head": self.head}
        return marks if self.tail is None else marks | {"tail": self.tail}

    @classmethod
    def of(
        cls, handle: Handle, offset: int, state: int, status: os.stat_result | None = None
    ) -> Known:
        """Return the progress in an open file.

        Parameters
        ----------
        handle
            The file.
        offset
            The offset up to which it was read.
        state
            See `Known`.
        status
            Status of the file when it was opened; by default its current status.
        """
        status = status or handle.status
        marks = handle.marks(offset)
        return cls(
            status.st_size,
            status.st_mtime_ns,
            status.st_ino,
            state,
            offset,
            marks["length"],
            marks["head"],
            marks.get("tail"),
            birth_time(handle.path),
        )

    def is_start_of(self, reading: Reading) -> bool:
        """Whether a file starts with the content of this file."""
        if self.offset != reading.offset or not self.offset:
            return False
        return {"offset": self.offset, **reading.handle.marks(self.offset)} == self.marks


# A file name contains no slash; a name in a token can only begin with slashes.
_BYTE = re.compile("</([0-9a-f]{2})>")
_SURROGATE = re.compile("[\udc80-\udcff]")


def write_name(name: str) -> str:
    r"""Return the name of a file as text; bytes that are not UTF-8 are written as numbers.

    Examples
    --------
    >>> write_name("gr\udcf6sse.jsonl"), read_name("gr</f6>sse.jsonl") == "gr\udcf6sse.jsonl"
    ('gr</f6>sse.jsonl', True)
    """
    if name.isascii():
        return name
    return _SURROGATE.sub(lambda found: f"</{ord(found[0]) - 0xDC00:02x}>", name)


def read_name(text: str) -> str:
    """Return the name that `write_name` has written."""
    return _BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), text)
