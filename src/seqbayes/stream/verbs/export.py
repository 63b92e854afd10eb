"""``export``: beliefs, history and dead letters as Parquet, CSV or JSON Lines."""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from seqbayes.checks import check_level
from seqbayes.console.files import check_target, replacing
from seqbayes.console.log import Log, Tracker, add_format
from seqbayes.console.options import add_intervals
from seqbayes.console.plain import plain
from seqbayes.console.summary import View
from seqbayes.console.text import count_of
from seqbayes.errors import SeqbayesError
from seqbayes.extras import missing_extra
from seqbayes.stream.sheets import SHEETS, SelectedContents, Sheet
from seqbayes.stream.stores import open_store, store_path
from seqbayes.stream.verbs.shared import EPILOG, add_as_of, add_store, run_reporting_errors
from seqbayes.stream.verbs.stored import (
    VIEW,
    stored_beliefs,
    timestamp,
)

FORMATS = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json"}
"""Formats by the suffix of a file."""

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
        If it is a file of the store, or exists and is not a regular file.
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


def command(args: argparse.Namespace) -> int:
    """Write the file and return the exit status.

    Raises
    ------
    ObservationError
        If the level is invalid.
    OSError
        If the file cannot be written.
    """
    check_level(args.level, args.interval)
    log = Log(args.log_format, "export")
    return run_reporting_errors(log, lambda: _export(args, log))


def _export(args: argparse.Namespace, log: Log) -> int:
    view = View(args.level, args.interval)
    with Tracker(log) as tracker:
        count = export(
            args.store, args.file, args.what, args.format, args.belief, view, args.as_of, tracker
        )
    text = f"{count_of(count, 'row')} of {args.what} to {args.file}"
    log.event("exported", text, file=args.file, rows=count)
    return 0
