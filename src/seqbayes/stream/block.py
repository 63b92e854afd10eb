"""Lines in one piece, so that they can be decoded without being cut."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import overload


class Block(Sequence[bytes]):
    r"""Lines that hold one JSON object each, in one piece.

    Parameters
    ----------
    data
        Bytes that hold them.
    first
        Where the data begin, in bytes.
    starts
        Where the lines begin, and where the last one ends, with its newline.

    Examples
    --------
    >>> block = Block(b'{"x": 1}\n{}\n', 100, array("q", [100, 109, 112]))
    >>> list(block), block[1:].whole
    ([b'{"x": 1}', b'{}'], b'{}\n')
    """

    def __init__(self, data: bytes, first: int, starts: array[int]) -> None:
        self._data, self._first, self._starts = data, first, starts

    @property
    def whole(self) -> bytes:
        """The lines as they lie there."""
        return self._data[self._starts[0] - self._first : self._starts[-1] - self._first]

    def __iter__(self) -> Iterator[bytes]:
        for start, end in pairwise(self._starts):
            yield self._data[start - self._first : end - self._first - 1]

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, place: int) -> bytes: ...

    @overload
    def __getitem__(self, place: slice) -> Block: ...

    def __getitem__(self, place: int | slice) -> bytes | Block:
        if isinstance(place, slice):
            first, last, _ = place.indices(len(self))
            starts = self._starts[first : max(first, last) + 1]
            return Block(self._data, self._first, starts)
        i = range(len(self))[place]
        return self._data[self._starts[i] - self._first : self._starts[i + 1] - self._first - 1]
