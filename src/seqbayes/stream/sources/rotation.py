"""Finds the rotated files of a path, in the order in which they were written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from seqbayes.stream.source import SourceError
from seqbayes.stream.sources.generations import Generation, generations
from seqbayes.stream.sources.handle import Handle, birth_time
from seqbayes.stream.sources.reading import BLOCK

MAX_NEIGHBOURS = 8
"""Maximum number of older files to remember; if it is reached, there may be more."""


class OrderError(Exception):
    """The order in which rotated files were written is not known."""


def find(path: Path, token: Any) -> Generation | None:
    """Find the file that a token refers to, by its inode or else by its content.

    If several files have this content, the result is the oldest one that is not older than the
    token, or the newest if all are older.
    """
    files = generations(path)
    if not token["offset"]:  # no content has been read yet, so there is nothing to compare
        return next((each for each in files if each.identity == tuple(token["file"])), None)
    same = [each for each in files if each.identity == tuple(token["file"])]
    later = [each for each in files if not _is_older(each.changed, token.get("changed", 0))]
    for each in [*same, *later, *reversed(files)]:
        if _has(each.path, token):
            return each
    return None


def neighbours(path: Path) -> list[list[int]]:
    """Return the inodes and times of the numbered files written before the file at the path.

    These files show whether rotation numbers increase or decrease over time. An inode alone does
    not identify a file, because new files often get the inode of a deleted file.
    """
    files = [each for each in generations(path) if each.scheme.endswith("number")]
    half = MAX_NEIGHBOURS // 2
    return [each.mark for each in dict.fromkeys((*files[:half], *files[-half:]))]


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return the device and the inode of a file; None if it does not exist."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def has_newer(path: Path, time: int) -> bool:
    """Return whether a rotated file was changed at a given time or later."""
    return any(each.scheme != "path" and each.changed >= time for each in generations(path))


def refreshed(path: Path, current: Generation) -> Generation:
    """Return the current name and times of a file that may have been renamed.

    Parameters
    ----------
    path
        The path at which events are written.
    current
        The file as it was found before.
    """
    files = generations(path)
    return next((each for each in files if each.identity == current.identity), current)


def successor(
    path: Path,
    current: Generation,
    older: Collection[list[int]] | None = None,
    read: Sequence[Any] = (),
) -> Generation | None:
    """Return the file written after a file of the sequence; None after the path itself.

    Numbers are ascending (``.2`` is newer than ``.1``) if a file that is known to be older (one of
    `older`, the `neighbours` of the current file) has a lower number than the current file, or if
    more files have a higher number than are known to be older. In the second case, these files must
    include the following number, or a newer file with other content; otherwise they do not belong
    to this rotation. `older` is None if unknown. `read` are the tokens of files that were read
    before the current one.

    Copies of the current file are skipped: a compressed file next to the plain one, or a copy
    under another naming scheme. Infix names (``e-2024-05-01.jsonl``) are considered only if the
    current file has one, because otherwise they may be unrelated data.

    Raises
    ------
    OrderError
        If the order of the files is not known.
    """
    files = _without_copies(generations(path), current, older or (), read)
    by_birth = _in_order_of_birth(path, files, current)
    ascending = by_birth is None and older is not None and _counts_up(files, current, older)
    if ascending:
        files = _without_copies(generations(path, ascending), current, older or (), read)
        files = _start_again(files, current, older or ())
    files = [
        each
        for each in by_birth or files
        if current.scheme.startswith("infix") or not each.scheme.startswith("infix")
    ]
    if by_birth is None and older is not None:
        _check_order(files, current, older)
    place = next((i for i, each in enumerate(files) if each.path == current.path), len(files))
    before = [current]
    for each in files[place + 1 :]:
        if each.scheme == "path" or not any(_is_copy(each, other) for other in before):
            return each
        before.append(each)
    return None


def _without_copies(
    files: Sequence[Generation],
    current: Generation,
    older: Collection[list[int]],
    read: Sequence[Any],
) -> list[Generation]:
    """Omit compressed files that were read before the current one, and not compressed then.

    If compression changed their times, they would appear to be newer than the current file.
    """
    kept = list(files)
    for token in read:
        if any(each.identity == tuple(token["file"]) and not each.is_packed for each in files):
            continue
        packed = (e for e in kept if e.is_packed and e.path != current.path and e.mark not in older)
        copy = next((each for each in packed if _has(each.path, token, whole=True)), None)
        if copy is not None:
            kept.remove(copy)
    return kept


def _check_order(
    files: Sequence[Generation], current: Generation, older: Collection[list[int]]
) -> None:
    """Raise an error if creation and modification times contradict the order of new files.

    Files that are known to be older are ignored. Times of plain and of compressed files are not
    comparable, because compression changes them.
    """
    new = [
        each
        for each in files
        if each.scheme == current.scheme
        and each.mark not in older
        and (each.path == current.path or not _has_same_content(each, current))
    ]
    if not current.scheme.endswith("number") or len({each.is_packed for each in new}) != 1:
        return
    changed, born = [each.changed for each in new], [birth_time(each.path) or 0 for each in new]
    if all(born) and changed != sorted(changed) and born != sorted(born):
        names = ", ".join(sorted(each.path.name for each in new))
        raise OrderError(f"the order of {names} is not known: their numbers contradict their times")


def _in_order_of_birth(
    path: Path, files: Sequence[Generation], current: Generation
) -> list[Generation] | None:
    """Return numbered files in the order of their creation; None if this order is uncertain.

    If files are only renamed, this is the order in which they were written: the file at the path
    was created last, and the modification times have the same order. The modification time of a
    compressed file is that of the original only if it precedes the creation of the compressed file.
    Copies of the current file are omitted.
    """
    if not current.scheme.endswith("number"):
        return None
    if any(each.scheme not in (current.scheme, "path") for each in files):
        return None
    files = [
        each
        for each in files
        if each.path in (path, current.path) or not _has_same_content(each, current)
    ]
    born = {each: birth_time(each.path) or 0 for each in files}
    packed = [each for each in files if each.is_packed]
    if not all(born.values()) or any(each.changed >= born[each] for each in packed):
        return None
    plain = sorted((each for each in files if each not in packed), key=born.__getitem__)
    if plain and files[-1].scheme == "path" and plain[-1] != files[-1]:
        return None
    times = [each.changed for each in plain if each.scheme != "path"]
    if times != sorted(times):
        return None
    return sorted(files, key=lambda each: (each.scheme == "path", each.changed, born[each]))


def _start_again(
    files: list[Generation], current: Generation, older: Collection[list[int]]
) -> list[Generation]:
    """Return the files in order, given that their ascending numbers may have started again.

    If so, files with higher numbers are older than the current file, and files with lower numbers
    are newer than the file with the highest number.
    """
    same = [each for each in files if each.scheme == current.scheme]
    known = [each for each in same if each.mark in older]
    lower = [each for each in same if each.tag > current.tag and each not in known]
    higher = [each for each in same if each.tag < current.tag]
    again = [
        each
        for each in lower
        if not each.is_packed  # compression changes the time of an older file
        and (current.is_packed or each.changed > current.changed)
    ]
    comparable = [each for each in higher if each.is_packed == current.is_packed]
    old = [each for each in higher if each in known]
    if old:
        old = [e for e in higher if e in old or (e in comparable and e.changed < current.changed)]
    rest = [each for each in files if each not in again and each not in old]
    end = next((i for i, each in enumerate(rest) if each.scheme == "path"), len(rest))
    return [*old, *rest[:end], *again, *rest[end:]]


def _counts_up(
    files: Collection[Generation], current: Generation, older: Collection[list[int]]
) -> bool:
    """Whether a file with a higher number is newer; `tag` is the negated number."""
    if not current.scheme.endswith("number"):
        return False
    same = [each for each in files if each.scheme == current.scheme]
    if any(each.tag > current.tag and each.mark in older for each in same):
        return True
    higher = [each for each in same if each.tag < current.tag]
    inodes = {inode for inode, _ in older}
    if any(
        each.changed > current.changed
        and each.identity[1] not in inodes
        and not each.is_packed
        and not _has_same_content(each, current)
        for each in higher
    ):
        return True  # the numbers have started again from the lowest
    if len(older) >= MAX_NEIGHBOURS or len({each.tag for each in higher}) <= len(older):
        return False
    following = (current.tag[0] - 1,)
    return any(
        each.tag == following
        or (each.changed > current.changed and not _has_same_content(each, current))
        for each in higher
    )


def _is_copy(one: Generation, other: Generation) -> bool:
    """Whether a file is a copy of another; two names of one scheme are never copies."""
    return (one.scheme != other.scheme or one.tag == other.tag) and _has_same_content(one, other)


def _has_same_content(one: Generation, other: Generation) -> bool:
    """Whether two files have the same content, even if one of them is compressed."""
    if not (one.is_packed or other.is_packed) and one.size != other.size:
        return False
    try:
        with Handle(one.path) as first, Handle(other.path) as second:
            while (block := _fill(first)) == _fill(second):
                if not block:
                    return True
    except (OSError, SourceError):
        # the compressed file may be an unfinished copy of the other file
        return one.is_packed and one.path.stem == other.path.name
    return False


def _fill(handle: Handle) -> bytes:
    """Return the next block of a file; it is shorter only at the end of the file."""
    parts, missing = [], BLOCK
    while missing and (part := handle.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _has(path: Path, token: Any, whole: bool = False) -> bool:
    try:
        with Handle(path) as handle:
            return handle.has(token) and not (whole and handle.read(1))
    except (OSError, SourceError):
        return False


def _is_older(time: int, other: int) -> bool:
    """Whether a time precedes another, at the resolution of the first: compressors round times."""
    unit = next(unit for unit in (10**9, 10**3, 1) if time % unit == 0)
    return time < other - other % unit
