"""Rotated files of a path: their names, and the order that names and times give."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

COMPRESSED = (".gz", ".zst")
_TAG = re.compile(r"[.-](\d[\dTZ:_.+-]*|old)")
"""The number or date that rotation adds to a file name."""
_MAX_DIGITS = 3
"""Maximum number of digits of a rotation number; longer numbers are dates or times."""


class Generation(NamedTuple):
    """One file of a rotation sequence.

    `scheme` is the naming scheme; `tag` is the sort key within a scheme, oldest first. The path
    itself has the scheme ``"path"``.
    """

    path: Path
    identity: tuple[int, int]
    changed: int
    size: int
    scheme: str
    tag: tuple[int, ...]

    @property
    def mark(self) -> list[int]:
        """The inode and the modification time, which identify the file while it is unchanged."""
        return [self.identity[1], self.changed]

    @property
    def is_packed(self) -> bool:
        """Whether the file is compressed."""
        return self.path.suffix in COMPRESSED


def generations(path: Path, ascending: bool = False) -> list[Generation]:
    """Return the path and its rotated files, oldest first.

    Names determine the order: the file with the earlier date is older, and ``.2`` is older than
    ``.1`` unless numbers are `ascending`. Modification times are used only for files whose names
    cannot be compared, because copying and compression change them. A link to the file at the path
    is not a rotated file.

    Raises
    ------
    OSError
        If the directory cannot be read.
    """
    schemes: dict[str, list[Generation]] = {}
    last: list[Generation] = []
    with os.scandir(path.parent) as entries:
        for entry in entries:
            name = _parse(entry.name, path.name)
            if name is None or not entry.is_file():
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:  # renamed meanwhile
                continue
            identity = (status.st_dev, status.st_ino)
            found = Generation(
                path.parent / entry.name, identity, status.st_mtime_ns, status.st_size, *name
            )
            (last if found.scheme == "path" else schemes.setdefault(found.scheme, [])).append(found)
    own = {each.identity for each in last}
    for scheme, found_files in schemes.items():
        files = schemes[scheme] = [each for each in found_files if each.identity not in own]
        files.sort(key=lambda each: (each.changed, each.path.name))
        if scheme != "other":
            files.sort(key=lambda each: each.tag)
        if ascending and scheme.endswith("number"):
            files.reverse()
    return [*_merge(list(schemes.values())), *last]


def _parse(name: str, own: str) -> tuple[str, tuple[int, ...]] | None:
    """Return the scheme and the tag of a rotated file's name; None for any other name.

    Examples
    --------
    >>> _parse("e.jsonl.12.gz", "e.jsonl"), _parse("e-2024-05-01.jsonl", "e.jsonl")
    (('number', (-12,)), ('infix date', (2024, 5, 1)))
    """
    if name == own:
        return "path", ()
    for suffix in COMPRESSED:
        name = name.removesuffix(suffix)
    stem, dot, extension = own.rpartition(".")
    if name.startswith(own) and (found := _TAG.fullmatch(name, len(own))):
        return _tag(found[1], "")
    end = len(name) - len(dot + extension)
    if stem and name.startswith(stem) and name[end:] == dot + extension:
        found = _TAG.fullmatch(name, len(stem), max(end, len(stem)))
        return None if found is None else _tag(found[1], "infix ")
    return None


def _tag(text: str, place: str) -> tuple[str, tuple[int, ...]]:
    parts = re.findall(r"\d+", text)
    numbers = tuple(map(int, parts))
    if not numbers:
        return f"{place}old", ()
    if len(parts) == 1 and len(parts[0]) <= _MAX_DIGITS:
        return f"{place}number", (-numbers[0],)
    if len(parts[0]) >= 4:
        return f"{place}date", numbers
    return "other", ()  # a date that does not begin with the year


def _merge(schemes: list[list[Generation]]) -> list[Generation]:
    """Return the files of all schemes, in order within each scheme and by time across schemes."""
    merged = []
    while schemes := [files for files in schemes if files]:
        merged.append(min(schemes, key=lambda files: files[0].changed).pop(0))
    return merged
