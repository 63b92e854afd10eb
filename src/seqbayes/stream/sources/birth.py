"""The time at which the inode of a file was created."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_HERE, _BIRTH = -100, 0x800  # AT_FDCWD and STATX_BTIME
_SIZE, _MASK, _TIME = 256, 0, 80
"""Size of the structure that statx fills, and offsets of its mask and of its birth time."""


def birth_time(path: Path) -> int | None:
    """Return the creation time of the inode of a file, in nanoseconds; None if it is not known.

    It does not change when a file is renamed, and differs between files that get the same inode
    number. `os.stat` returns it on some systems; on Linux it is read with statx of the C library.

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
