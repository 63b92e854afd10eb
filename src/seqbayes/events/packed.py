"""Splits concatenated MessagePack objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from seqbayes.errors import SourceError
from seqbayes.events.records import MAX_KEPT_BYTES, MAX_RECORD_BYTES, RecordChunk

NO_RECORD = "expected a mapping with field names"
"""The reason why an object is not an event."""

# For each first byte from 0xc0 to 0xdf: bytes of the length field, bytes that follow in any case,
# and the number of objects for each unit of length (0: the length counts bytes).
_FORMS = {
    0xC0: (0, 0, 0),
    0xC2: (0, 0, 0),
    0xC3: (0, 0, 0),
    **{0xC4 + i: (1 << i, 0, 0) for i in range(3)},  # bin
    **{0xC7 + i: (1 << i, 1, 0) for i in range(3)},  # ext
    0xCA: (0, 4, 0),
    0xCB: (0, 8, 0),
    **{0xCC + i: (0, 1 << i, 0) for i in range(4)},  # uint
    **{0xD0 + i: (0, 1 << i, 0) for i in range(4)},  # int
    **{0xD4 + i: (0, 1 + (1 << i), 0) for i in range(5)},  # fixext
    **{0xD9 + i: (1 << i, 0, 0) for i in range(3)},  # str
    **{0xDC + i: (2 << i, 0, 1) for i in range(2)},  # array
    **{0xDE + i: (2 << i, 0, 2) for i in range(2)},  # map
}


class CutShortError(ValueError):
    """The bytes end before the object does."""


def object_end(data: bytes | memoryview, start: int) -> int:
    """Return the offset at which a MessagePack object ends.

    Parameters
    ----------
    data
        The bytes.
    start
        Where the object begins.

    Raises
    ------
    CutShortError
        If the bytes end before the object does.
    ValueError
        If the bytes are not valid MessagePack.

    References
    ----------
    .. [1] The MessagePack specification, https://github.com/msgpack/msgpack/blob/master/spec.md

    Examples
    --------
    >>> object_end(bytes([0x81, 0xA1, 0x78, 0x07, 0xC0]), 0)
    4
    """
    at, pending = start, 1
    while pending:
        if at >= len(data):
            raise CutShortError("the input ends within a MessagePack object")
        first = data[at]
        at, pending = at + 1, pending - 1
        if first < 0x80 or first >= 0xE0:
            continue
        if first < 0x90:
            pending += 2 * (first & 0x0F)
        elif first < 0xA0:
            pending += first & 0x0F
        elif first < 0xC0:
            at += first & 0x1F
        elif first not in _FORMS:
            raise ValueError(f"byte {at - 1:,} is not valid MessagePack")
        else:
            width, more, each = _FORMS[first]
            length = int.from_bytes(data[at : at + width], "big")
            at += width + more + (0 if each else length)
            pending += each * length
    if at > len(data):
        raise CutShortError("the input ends within a MessagePack object")
    return at


def is_record(value: Any) -> bool:
    """Whether an object is an event: a mapping whose keys are strings."""
    return isinstance(value, Mapping) and all(type(name) is str for name in value)


class PackedObjects:
    r"""Splits blocks of concatenated MessagePack objects into events.

    Parameters
    ----------
    offset
        Offset of the first block, which must begin with an object.
    longest
        Maximum number of bytes of an object.

    Examples
    --------
    >>> objects = PackedObjects(0)
    >>> data = msgspec.msgpack.encode({"x": 1}) + msgspec.msgpack.encode([2])
    >>> part = objects.split(data[:3])
    >>> list(part.records), objects.is_cut_short
    ([], True)
    >>> part = objects.split(data[3:], last=True)
    >>> part.records, part.starts, part.end, part.refused
    ([{'x': 1}], [0], 6, [(4, b'\x91\x02', 'expected a mapping with field names')])
    """

    def __init__(self, offset: int, longest: int = MAX_RECORD_BYTES) -> None:
        self._end, self._longest = offset, longest
        self._rest = b""
        self._decode = msgspec.msgpack.Decoder().decode

    def split(self, block: bytes, last: bool = False) -> RecordChunk:
        """Return the events that end in a block; an incomplete last object becomes a dead letter.

        Raises
        ------
        SourceError
            If the bytes are not MessagePack, or an object is too long: where the next object begins
            is then unknown.
        """
        data = memoryview(self._rest + block)
        part = RecordChunk([], [])
        at = 0
        while at < len(data):
            try:
                end = object_end(data, at)
            except CutShortError as error:
                if not last:
                    break
                part.refused.append((self._end + at, bytes(data[at:][:MAX_KEPT_BYTES]), str(error)))
                end = len(data)
            except ValueError:
                raise SourceError(
                    f"cannot read MessagePack: the object at byte {self._end + at:,} is not valid"
                ) from None
            else:
                self._read(data[at:end], self._end + at, part)
            at = end
        self._rest, self._end = bytes(data[at:]), self._end + at
        if len(self._rest) > self._longest:
            raise SourceError(
                f"cannot read MessagePack: the object at byte {self._end:,} is longer than"
                f" {self._longest:,} bytes"
            )
        part.end = self._end
        return part

    def _read(self, data: memoryview, start: int, part: RecordChunk) -> None:
        """Add an object to the events, or to the dead letters."""
        try:
            record, reason = self._decode(data), NO_RECORD
        except (msgspec.DecodeError, ValueError) as error:
            record, reason = None, str(error)
        if is_record(record):
            part.records.append(record)  # type: ignore[attr-defined]
            part.starts.append(start)  # type: ignore[attr-defined]
        else:
            part.refused.append((start, bytes(data[:MAX_KEPT_BYTES]), reason))

    @property
    def is_cut_short(self) -> bool:
        """Whether the remaining bytes are the beginning of an object still being written."""
        return bool(self._rest)
