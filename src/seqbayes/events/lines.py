"""Splits blocks of bytes into JSON lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate

import msgspec

from seqbayes.errors import SourceError
from seqbayes.events.loops import line_starts
from seqbayes.events.records import MAX_KEPT_BYTES, MAX_RECORD_BYTES, Block, RecordChunk

BOM = b"\xef\xbb\xbf"


class Lines:
    r"""Splits blocks into lines with one JSON object each.

    Parameters
    ----------
    offset
        Offset of the first block, which must begin with a record.
    longest
        Maximum number of bytes of a record.

    Examples
    --------
    >>> lines = Lines(0)
    >>> part = lines.split(b'{"x": 1}\n{"x":')
    >>> list(part.records), list(part.starts), part.end
    ([b'{"x": 1}'], [0], 9)
    >>> lines.split(b" 2}", last=True).records
    [b'{"x": 2}']
    """

    def __init__(self, offset: int, longest: int = MAX_RECORD_BYTES) -> None:
        self._end = offset
        self._line = 1
        self._longest = longest
        self._rest = b""
        self._dropped = 0

    def split(self, block: bytes, last: bool = False) -> RecordChunk:
        """Return the records that end in a block; the end of the last block also ends a record.

        Raises
        ------
        SourceError
            If the input does not begin with UTF-8 text, or a header is invalid.
        """
        if self._dropped:
            return self._skip(block, last)
        data = self._rest + block if self._rest else block
        first, line = self._end, self._line
        if first == 0:
            check_start(data)
        part = None if last else self._split_plain(data)
        if part is None:
            part = self._split(data, last)
            self._line += data.count(b"\n", 0, self._end - first)
        else:
            self._line += len(part.records)
        if len(self._rest) > self._longest:
            self._dropped, self._rest = len(self._rest), self._rest[:MAX_KEPT_BYTES]
        return part.index(data, first, line)

    def _split(self, data: bytes, last: bool) -> RecordChunk:
        records = data.split(b"\n")
        self._rest = b"" if last else records.pop()
        starts = starts_of(records, self._end)
        if self._end == 0 and records and records[0].startswith(BOM):
            records[0] = records[0][len(BOM) :]
        self._end += len(data) - len(self._rest)
        part = RecordChunk(end=self._end)
        kept = []
        for record, start in zip(records, starts, strict=False):
            if len(record) > self._longest:
                part.refused.append(self._too_long(start, record, len(record)))
            elif record.strip():
                kept.append((record, start))
        part.records, part.starts = [each[0] for each in kept], [each[1] for each in kept]
        return part

    def _split_plain(self, data: bytes) -> RecordChunk | None:
        """Return the lines as one block; None if a line is blank, too long or not an object."""
        end = data.rfind(b"\n") + 1
        if not end or len(data) - end > self._longest:
            return None
        first = self._end
        starts = line_starts(data, end, first, self._longest)
        if starts is None:
            return None
        self._rest, self._end = data[end:], first + end
        return RecordChunk(Block(data, first, starts), starts[:-1], self._end)

    @property
    def is_cut_short(self) -> bool:
        """Whether the remaining bytes are the beginning of a JSON object still being written."""
        if self._dropped or not self._rest.lstrip().startswith(b"{"):
            return False
        text = replace_surrogates(self._rest)
        return any(map(_is_truncated, (text, text + b"0")))  # "-" is not a number, "-0" is

    def _skip(self, block: bytes, last: bool) -> RecordChunk:
        """Drop the rest of a record that is too long, up to its end."""
        i = block.find(b"\n")
        self._rest += block[: len(block) if i < 0 else i][: MAX_KEPT_BYTES - len(self._rest)]
        if i < 0 and not last:
            self._dropped += len(block)
            return RecordChunk(end=self._end)
        length = self._dropped + (len(block) if i < 0 else i)
        refused = self._too_long(self._end, self._rest, length)
        self._end += length + (i >= 0)
        self._line += 1
        self._dropped, self._rest = 0, b""
        part = RecordChunk(end=self._end) if i < 0 else self.split(block[i + 1 :], last)
        if i < 0:
            part.index(b"", self._end, self._line)
        part.refused.insert(0, refused)
        return part

    def _too_long(self, start: int, record: bytes, length: int) -> tuple[int, bytes, str]:
        reason = f"a record of {length:,} bytes: expected at most {self._longest:,}"
        return start, record[:MAX_KEPT_BYTES], reason


def starts_of(records: Sequence[bytes], first: int) -> list[int]:
    """Return the offsets of records, each of which is followed by one separator byte."""
    return list(accumulate(map(len, records), lambda at, n: at + n + 1, initial=first))[:-1]


def _is_truncated(data: bytes) -> bool:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return "truncated" in str(error)
    except RecursionError:  # nested too deeply, regardless of the remaining bytes
        return False
    return False


_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPES = re.compile(rb"\\\\|" + _HIGH + _LOW + rb"|" + _HIGH + rb"|" + _LOW)


def replace_surrogates(record: bytes) -> bytes:
    r"""Return JSON in which every lone surrogate is replaced by the replacement character.

    Examples
    --------
    >>> replace_surrogates(rb'{"k": "\ud800", "n": "\ud83d\ude00"}')
    b'{"k": "\\ufffd", "n": "\\ud83d\\ude00"}'
    """
    return _ESCAPES.sub(lambda found: found[0] if len(found[0]) != 6 else rb"\ufffd", record)


def check_start(data: bytes) -> None:
    r"""Raise an error if the input does not begin with UTF-8 text.

    Raises
    ------
    SourceError
        If the input is UTF-16, UTF-32 or compressed.

    Examples
    --------
    >>> check_start("x,y\n".encode("utf-16"))
    Traceback (most recent call last):
    seqbayes.errors.SourceError: the input is UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)
    """
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        raise SourceError("the input is UTF-32: convert it first (iconv -f UTF-32 -t UTF-8)")
    zeros = data[:4:2], data[1:4:2]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\0\0" in zeros and any(data[:4])):
        raise SourceError("the input is UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)")
    if data.startswith(b"\x1f\x8b"):
        raise SourceError(
            "the input is compressed: decompress it first (gunzip -c FILE | …), or give the file"
            " a name in .gz"
        )
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        raise SourceError(
            "the input is compressed: decompress it first (zstd -dc FILE | …), or give the file"
            " a name in .zst"
        )
