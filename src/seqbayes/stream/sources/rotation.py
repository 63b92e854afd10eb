"""The files that rotation makes of a path, in the order in which they were written."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from seqbayes.stream.source import SourceError
from seqbayes.stream.sources.handle import Handle
from seqbayes.stream.sources.reading import BLOCK

COMPRESSED = (".gz", ".zst")
_TAG = re.compile(r"[.-](\d[\dTZ:_.+-]*|old)")
"""What rotation adds to a name: a number or a date."""
_MOST_DIGITS = 3
"""Digits of a rotation number; a longer one is a date or a time."""
MOST_NEIGHBOURS = 8
"""Files that are remembered as older ones; with as many, there may be more."""


class Generation(NamedTuple):
    """One file of a rotation chain.

    `scheme` is the kind of name; `tag` sorts the files of one scheme, the oldest first. The path
    itself has the scheme ``"path"``.
    """

    path: Path
    identity: tuple[int, int]
    changed: int
    size: int
    scheme: str
    tag: tuple[int, ...]


def generations(path: Path, ascending: bool = False) -> list[Generation]:
    """Return the path and the files that rotation made of it, the oldest first.

    Names give the order: of two dates the earlier one is older, of ``.1`` and ``.2`` the second
    unless numbers are `ascending`. Modification times order only files whose names cannot be
    compared: copying and compressing change times.

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
    for scheme, files in schemes.items():
        files.sort(key=lambda each: (each.changed, each.path.name))
        if scheme != "other":
            files.sort(key=lambda each: each.tag)
        if ascending and scheme.endswith("number"):
            files.reverse()
    return [*_merge(list(schemes.values())), *last]


def _parse(name: str, own: str) -> tuple[str, tuple[int, ...]] | None:
    """Return scheme and tag of a name that rotation makes of another; None of any other name.

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
    if len(parts) == 1 and len(parts[0]) <= _MOST_DIGITS:
        return f"{place}number", (-numbers[0],)
    if len(parts[0]) >= 4:
        return f"{place}date", numbers
    return "other", ()  # a date that does not begin with the year


def _merge(schemes: list[list[Generation]]) -> list[Generation]:
    """Return the files of all schemes, each scheme in its own order, otherwise by time."""
    merged = []
    while schemes := [files for files in schemes if files]:
        merged.append(min(schemes, key=lambda files: files[0].changed).pop(0))
    return merged


def find(path: Path, token: Any) -> Generation | None:
    """Return the file that a token refers to: by its inode, otherwise by its content.

    Of several files with that content it is the oldest of those that are not older than the token;
    if all are older, the newest.
    """
    files = generations(path)
    if not token["offset"]:  # every file has the content that was read
        return next((each for each in files if each.identity == tuple(token["file"])), None)
    same = [each for each in files if each.identity == tuple(token["file"])]
    later = [each for each in files if not _is_older(each.changed, token.get("changed", 0))]
    for each in [*same, *later, *reversed(files)]:
        if _has(each.path, token):
            return each
    return None


def neighbours(path: Path) -> list[list[int]]:
    """Return inodes and times of numbered files, written before the file currently at the path.

    They tell whether the next rotations count up or down. An inode alone does not identify a file:
    the next file often gets that of one that was deleted.
    """
    files = [each for each in generations(path) if each.scheme.endswith("number")]
    half = MOST_NEIGHBOURS // 2
    return [
        [each.identity[1], each.changed] for each in dict.fromkeys((*files[:half], *files[-half:]))
    ]


def successor(
    path: Path, current: Generation, older: Collection[list[int]] | None = None
) -> Generation | None:
    """Return the file that was written after another one of the chain; None after the path.

    Numbers count up, as in ``.1``, ``.2``, if a file that is known to be older (it is among
    `older`, the `neighbours` of the current file) has a lower number than the current one, or if
    more files have a higher number than are known to be older. `older` is None if it is not known.

    Copies of the current file are skipped: a compressed file beside the plain one, or a copy
    under another naming scheme. Infix names (``e-2024-05-01.jsonl``) count only if the current file
    has one: otherwise they are as likely other data.
    """
    ascending = older is not None and _counts_up(generations(path), current, older)
    files = [
        each
        for each in generations(path, ascending)
        if current.scheme.startswith("infix") or not each.scheme.startswith("infix")
    ]
    place = next((i for i, each in enumerate(files) if each.path == current.path), len(files))
    before = [current]
    for each in files[place + 1 :]:
        if each.scheme == "path" or not any(_is_copy(each, other) for other in before):
            return each
        before.append(each)
    return None


def _counts_up(
    files: Collection[Generation], current: Generation, older: Collection[list[int]]
) -> bool:
    """Whether a file with a higher number is newer; `tag` is the number's negative."""
    if not current.scheme.endswith("number"):
        return False
    same = [each for each in files if each.scheme == current.scheme]
    if any(each.tag > current.tag and [each.identity[1], each.changed] in older for each in same):
        return True
    higher = {each.tag for each in same if each.tag < current.tag}
    following = (current.tag[0] - 1,)  # without it the others are not of this rotation
    return following in higher and len(older) < MOST_NEIGHBOURS and len(higher) > len(older)


def _is_copy(one: Generation, other: Generation) -> bool:
    """Whether a file repeats another one; two names of one scheme are two rotations."""
    if one.scheme == other.scheme and one.tag != other.tag:
        return False
    compressed = one.path.suffix in COMPRESSED or other.path.suffix in COMPRESSED
    if not compressed and one.size != other.size:
        return False
    try:
        with Handle(one.path) as first, Handle(other.path) as second:
            while (block := _fill(first)) == _fill(second):
                if not block:
                    return True
    except (OSError, SourceError):
        # an unfinished compression of the other file
        return one.path.suffix in COMPRESSED and one.path.stem == other.path.name
    return False


def _fill(handle: Handle) -> bytes:
    """Return the next block of a file, which is shorter only at its end."""
    parts, missing = [], BLOCK
    while missing and (part := handle.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _has(path: Path, token: Any) -> bool:
    try:
        with Handle(path) as handle:
            return handle.has(token)
    except (OSError, SourceError):
        return False


def _is_older(time: int, other: int) -> bool:
    """Whether a time precedes another, at the resolution of the first: compressors round times."""
    unit = next(unit for unit in (10**9, 10**3, 1) if time % unit == 0)
    return time < other - other % unit
