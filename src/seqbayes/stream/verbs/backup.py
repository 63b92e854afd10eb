"""``backup``: a consistent copy of a store that may be in use."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NamedTuple

from seqbayes.console.log import Log, Tracker, add_format
from seqbayes.console.text import count_of
from seqbayes.stream.stores import Store, StoreError, open_store, store_path
from seqbayes.stream.verbs.shared import EPILOG, add_store, created_store, reports_errors

EXAMPLES = f"""\
examples:
  seqbayes backup beliefs.db monday.db
  seqbayes backup postgresql://user@host/database monday.db
  seqbayes backup monday.db postgresql://user@host/empty     restores it into an empty database

The store may be in use. The target must not exist, or must be an empty database. When the copy is
complete, all of it is read again and compared with its checksums.

{EPILOG}"""


class Saved(NamedTuple):
    """Numbers of beliefs, keys, events, dead letters and history points in a backup."""

    beliefs: int
    keys: int
    events: int
    dead_letters: int
    points: int


def backup(url: str, target: str, tracker: Tracker | None = None) -> Saved:
    """Write a consistent copy of a store, which may be in use, and verify it.

    An SQLite file is copied page by page into another file. All other copies are made row by row;
    their dead letters may be renumbered. The lease of a runner is not copied.

    Parameters
    ----------
    url
        URL or path of the store.
    target
        Path of the new file, or URL of an empty database.
    tracker
        Reports the progress.

    Returns
    -------
    Saved
        What the copy contains.

    Raises
    ------
    StoreError
        If the target exists and is not empty, or the store or the copy is damaged. In this case, a
        new file is deleted.

    Examples
    --------
    >>> from seqbayes.stream.examples import example_store
    >>> path = example_store()
    >>> backup(path, f"{path}.backup")
    Saved(beliefs=1, keys=1, events=1, dead_letters=0, points=0)
    """
    path = store_path(target)
    if path is None:
        return _copy_rows(url, target, tracker)
    if os.path.lexists(path):
        raise StoreError(f"{path} exists: choose another name for the backup")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        with open_store(url, "read") as store:
            copied = store.copy_file(part)
        saved = _verify(str(part)) if copied else _copy_rows(url, str(part), tracker)
        _publish(part, path)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{part}{suffix}").unlink(missing_ok=True)
    return saved


def _copy_rows(url: str, target: str, tracker: Tracker | None) -> Saved:
    """Copy the contents of a store into an empty one, and compare the counts."""
    with open_store(url, "read") as store, store.snapshot():
        if partitions := store.partitions():
            raise StoreError(
                f"{url} belongs to a group of runners: back up its {len(partitions)} partitions,"
                " each of which is a store, or the whole database"
            )
        expected = _count(store, tracker or Tracker())
        with created_store(target) as copy:
            copy.fill(store.contents())
    saved = _verify(target)
    if saved != expected:
        raise StoreError(f"{target} is not a complete copy: it has {saved} instead of {expected}")
    return saved


def _verify(target: str) -> Saved:
    """Read all contents of a copy, each row with its checksum, and count them."""
    with open_store(target, "read") as store, store.snapshot():
        return _count(store, Tracker())


def _count(store: Store, tracker: Tracker) -> Saved:
    contents = store.contents()
    tracker.total = sum(map(store.entry_count, contents.declarations))
    entries = sum(1 for _ in tracker.track(contents.entries))
    for _ in (*contents.ids, *contents.alerts, *contents.messages):
        pass
    return Saved(
        len(contents.declarations),
        entries,
        sum(place.events for place in contents.positions),
        sum(1 for _ in contents.letters),
        sum(1 for _ in contents.history),
    )


def _publish(part: Path, path: Path) -> None:
    """Rename a complete copy to its final name, unless a file of this name exists."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        # unlike a rename, a link does not replace a file
        os.link(part, path)
    except OSError:  # the file exists, or the file system has no links
        if os.path.lexists(path):
            raise StoreError(f"{path} exists: choose another name for the backup") from None
        os.replace(part, path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_store(parser)
    parser.add_argument("target", metavar="TARGET", help="the new file, or an empty database")
    add_format(parser)


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Write the backup and return the exit status."""
    with Tracker(log) as tracker:
        saved = backup(args.store, args.target, tracker)
    if args.log_format == "json":
        log.event("saved", **saved._asdict(), target=args.target)
    else:
        counts = ", ".join(
            count_of(number, name)
            for number, name in (
                (saved.beliefs, "belief"),
                (saved.keys, "key"),
                (saved.events, "event"),
                (saved.dead_letters, "dead letter"),
                (saved.points, "point"),
            )
        )
        sys.stdout.write(f"{args.target}: {counts}; verified\n")
    return 0
