"""``export``: beliefs, history and dead letters as Parquet, CSV or JSON Lines."""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from seqbayes.checks import check_level
from seqbayes.console.files import check_target, replacing
from seqbayes.console.log import Log, Tracker, add_format
from seqbayes.console.options import add_intervals
from seqbayes.console.plain import plain
from seqbayes.console.summary import View
from seqbayes.console.text import count_of
from seqbayes.errors import SeqbayesError
from seqbayes.events.keys import read_key
from seqbayes.extras import missing_extra
from seqbayes.figures.named import parts
from seqbayes.stream.stores import Store, open_store, store_path
from seqbayes.stream.verbs.shared import EPILOG, add_as_of, add_store, reports_errors
from seqbayes.stream.verbs.stored import (
    VIEW,
    KeyState,
    StoredBelief,
    header,
    key_states,
    rows,
    stored_beliefs,
    timestamp,
)

T = TypeVar("T")

FORMATS = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json"}
"""Formats, keyed by the suffix of a file."""

EXAMPLES = f"""\
examples:
  seqbayes export beliefs.db beliefs.parquet
  seqbayes export beliefs.db history.csv --what history --belief conversion
  seqbayes export beliefs.db - --format json | head -1

{EPILOG}"""


def export(
    url: str,
    path: str,
    what: str = "beliefs",
    format: str | None = None,  # noqa: A002
    belief: str | None = None,
    view: View = VIEW,
    as_of: float | None = None,
    tracker: Tracker | None = None,
) -> int:
    """Write the contents of a store to a file, atomically.

    Parameters
    ----------
    url
        URL or path of the store.
    path
        The file; ``-`` is standard output. An existing regular file is replaced. Other existing
        files, and the store itself, raise an error.
    what
        "beliefs": one row per estimated parameter, or one document per key; "history":
        the same over time, as far as it is stored; or "dead-letters".
    format
        "parquet", "csv" or "json" (JSON Lines); by default determined by the suffix.
    belief
        Name of a belief; all by default.
    view
        Level and kind of the intervals.
    as_of
        Time in seconds since 1970 to which beliefs with a half-life in time are decayed.
    tracker
        Reports the progress.

    Returns
    -------
    int
        Number of rows, or documents, written.

    Raises
    ------
    SeqbayesError
        If the format or the file is invalid, or pyarrow is required but not installed.
    StoreError
        If the store cannot be read.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> from seqbayes.stream.examples import example_store
    >>> path = example_store()
    >>> export(path, f"{path}.csv")
    1
    """
    form = format or FORMATS.get(Path(path).suffix)
    if form not in _WRITERS:
        raise SeqbayesError(f"expected a file ending in {', '.join(FORMATS)}, or a format: {path}")
    if what not in SHEETS:
        raise SeqbayesError(f"expected to export {' or '.join(SHEETS)}, got {what!r}")
    target = check_store_target(path, url)
    with open_store(url, "read") as store, store.snapshot():
        beliefs = stored_beliefs(store, belief)
        sheet = SHEETS[what](SelectedContents(store, beliefs, view, as_of, tracker or Tracker()))
        with replacing(target) as file:
            return _WRITERS[form](file, sheet)


def check_store_target(path: str, url: str) -> Path | None:
    """Return the file to write, with symbolic links resolved; None for standard output.

    Raises
    ------
    SeqbayesError
        If the path is a file of the store, or exists and is not a regular file.
    """
    store = store_path(url)
    if store is not None and path not in ("", "-"):
        target = Path(os.path.realpath(path))
        real = os.path.realpath(store)
        own = [Path(f"{real}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")]
        if target in own or any(
            target.exists() and each.exists() and target.samefile(each) for each in own
        ):
            raise SeqbayesError(f"{path} belongs to the store {url}; choose another file")
    return check_target(path)


@dataclass
class SelectedContents:
    """The selected contents of a store, and the level and kind of the intervals."""

    store: Store
    beliefs: Sequence[StoredBelief]
    view: View
    as_of: float | None
    tracker: Tracker

    @property
    def by(self) -> list[str]:
        """The key fields of all beliefs."""
        return list(dict.fromkeys(name for stored in self.beliefs for name in stored.by))

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items and count them."""
        return self.tracker.track(items)


class Sheet(NamedTuple):
    """An exportable table: columns with their types, rows, and the rows as documents."""

    columns: dict[str, str]
    rows: Callable[[], Iterator[list[Any]]]
    documents: Callable[[], Iterator[dict[str, Any]]]


def _beliefs(contents: SelectedContents) -> Sheet:
    by, view = contents.by, contents.view
    contents.tracker.total = sum(
        contents.store.entry_count(stored.name) for stored in contents.beliefs
    )

    def states() -> Iterator[KeyState]:
        for stored in contents.beliefs:
            found = key_states(contents.store, stored, as_of=contents.as_of)
            yield from contents.track(found)

    types = ["text"] * (len(by) + 2) + ["number"] * 6 + ["time"] * 2
    return Sheet(
        dict(zip(header(by), types, strict=True)),
        lambda: (row for found in states() for row in rows(found, view, by)),
        lambda: (found.to_dict(view) for found in states()),
    )


def _history(contents: SelectedContents) -> Sheet:
    by = contents.by

    def points() -> Iterator[tuple[dict[str, str] | None, float, dict[str, Any], str]]:
        for stored in contents.beliefs:
            for point in contents.track(contents.store.points(stored.name)):
                key = stored.key_fields(read_key(point.key))
                what = f"the history of belief {stored.name!r}"
                yield key, point.at, contents.store.decode(point.summary, what), stored.name

    def point_rows() -> Iterator[list[Any]]:
        for key, at, summary, name in points():
            mean = parts(_arrays(summary.get("mean")))
            interval = parts(_pairs(summary.get("interval")))
            for part in mean or [""]:
                low, high = interval.get(part) or (None, None)
                numbers = (summary.get("n_samples"), mean.get(part), low, high)
                keys = [(key or {}).get(field) for field in by]
                yield [name, *keys, at, part, *map(_number, numbers)]

    columns = ["belief", *(f"key.{name}" for name in by), "at", "part", "n", "mean", "low", "high"]
    types = ["text"] * (len(by) + 1) + ["time", "text"] + ["number"] * 4
    return Sheet(
        dict(zip(columns, types, strict=True)),
        point_rows,
        lambda: (
            {"belief": name, "key": key, "at": timestamp(at), **summary}
            for key, at, summary, name in points()
        ),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)  # `float` also converts "inf", as stored in JSON


def _arrays(value: Any) -> Any:
    """Return a mean decoded from JSON, with vectors converted to arrays."""
    if isinstance(value, dict):
        return {name: _arrays(each) for name, each in value.items()}
    return np.array(value, dtype=float) if isinstance(value, list) else value


def _pairs(value: Any) -> Any:
    """Decode an interval from JSON, and return it as pairs of bounds."""
    if isinstance(value, dict):
        return {name: _pairs(each) for name, each in value.items()}
    return tuple(map(_arrays, value)) if isinstance(value, list) else value


def _letters(contents: SelectedContents) -> Sheet:
    names = ["number", "source", "position", "belief", "raw", "reason", "at"]

    def letters() -> Iterator[list[Any]]:
        for number, letter, at in contents.track(contents.store.letters()):
            name, position, belief, raw, reason = letter
            text = raw.decode(errors="backslashreplace")
            yield [number, name, position, belief, text, reason, at]

    def documents() -> Iterator[dict[str, Any]]:
        for *values, at in letters():
            yield {**dict(zip(names, values, strict=False)), "at": timestamp(at)}

    types = ["whole", "text", "text", "text", "text", "text", "time"]
    contents.tracker.total = contents.store.dead_letter_count()
    return Sheet(dict(zip(names, types, strict=True)), letters, documents)


SHEETS = {"beliefs": _beliefs, "history": _history, "dead-letters": _letters}


def _write_json(file: Any, sheet: Sheet) -> int:
    count = 0
    for document in sheet.documents():
        count += 1
        file.write(msgspec.json.encode(document) + b"\n")
    return count


def _write_csv(file: Any, sheet: Sheet) -> int:
    out = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(sheet.columns)
        times = [i for i, kind in enumerate(sheet.columns.values()) if kind == "time"]
        count = 0
        for count, row in enumerate(sheet.rows(), 1):  # noqa: B007
            for i in times:
                row[i] = timestamp(row[i])
            writer.writerow(map(plain, row))
        return count
    finally:
        out.detach()  # the caller closes the file


def _write_parquet(file: Any, sheet: Sheet) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise missing_extra("Parquet", "pyarrow", "parquet") from None
    types = {
        "text": pa.string(),
        "number": pa.float64(),
        "whole": pa.int64(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in sheet.columns.items()])
    kinds = list(sheet.columns.values())
    count = 0
    sheet_rows = sheet.rows()
    with parquet.ParquetWriter(file, schema) as writer:
        while chunk := list(itertools.islice(sheet_rows, 10_000)):
            count += len(chunk)
            columns = [
                [round(value * 1e6) for value in column] if kind == "time" else list(column)
                for kind, column in zip(kinds, zip(*chunk, strict=True), strict=True)
            ]
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    return count


_WRITERS: dict[str, Callable[[Any, Sheet], int]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "json": _write_json,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_store(parser)
    parser.add_argument(
        "file", metavar="FILE", help=".parquet, .csv or .json (JSON Lines); - is standard output"
    )
    parser.add_argument("--what", choices=tuple(SHEETS), default="beliefs", help="(%(default)s)")
    parser.add_argument(
        "--format",
        choices=("parquet", "csv", "json"),
        help="output format (default: from the file suffix)",
    )
    parser.add_argument("--belief", metavar="BELIEF", help="name of a belief; all by default")
    add_intervals(parser)
    add_as_of(parser)
    add_format(parser)


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Write the file and return the exit status.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    check_level(args.level, args.interval)
    view = View(args.level, args.interval)
    with Tracker(log) as tracker:
        count = export(
            args.store, args.file, args.what, args.format, args.belief, view, args.as_of, tracker
        )
    text = f"{count_of(count, 'row')} of {args.what} to {args.file}"
    log.event("exported", text, file=args.file, rows=count)
    return 0
