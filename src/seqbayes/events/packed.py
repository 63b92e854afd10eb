"""Find the ends of concatenated MessagePack objects."""

from __future__ import annotations

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
    ValueError
        If the bytes end before the object does, or are not valid MessagePack.

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
            raise ValueError("the file ends within a MessagePack object")
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
        raise ValueError("the file ends within a MessagePack object")
    return at
