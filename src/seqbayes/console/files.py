"""Files that commands write atomically."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqbayes.errors import SeqbayesError


def check_target(path: str) -> Path | None:
    """Return the file to write, with symbolic links resolved; None for ``-`` (standard output).

    Raises
    ------
    SeqbayesError
        If the path exists and is not a regular file, if it is an SQLite database, such as another
        store, or if its directory does not exist.
    """
    if path == "-":
        return None
    if not path:
        raise SeqbayesError("expected the name of a file, got ''")
    target = Path(os.path.realpath(path))
    try:
        found = os.stat(path)  # not `target`: a pipe has no real path
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise SeqbayesError(f"{path}: the directory {target.parent} does not exist") from None
        return target
    if stat.S_ISDIR(found.st_mode):
        raise SeqbayesError(f"{path} is a directory, not a regular file; choose a file")
    if not stat.S_ISREG(found.st_mode):
        raise SeqbayesError(
            f"{path} is not a regular file; to write to a pipe or device, export to - and redirect"
            " standard output"
        )
    with open(path, "rb") as file:
        if file.read(15) == b"SQLite format 3":
            raise SeqbayesError(f"{path} is a database; choose another file")
    if any(_is_open_as(descriptor, found) for descriptor in range(3)):
        raise SeqbayesError(f"{path} is standard input or output; export to - instead")
    return target


def _is_open_as(descriptor: int, found: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), found)
    except OSError:
        return False


@contextmanager
def replacing(target: Path | None) -> Iterator[Any]:
    """Open a temporary file that replaces the target when it is complete.

    Parameters
    ----------
    target
        The result of `check_target`; None writes to standard output.
    """
    if target is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = target.with_name(f"{target.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = str(target)
        raise
