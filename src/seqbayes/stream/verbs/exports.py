"""``export``: beliefs, history and dead letters as Parquet, CSV or JSON Lines."""

from __future__ import annotations

import csv
import io
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from seqbayes.console.log import Tracker
from seqbayes.console.plain import plain
from seqbayes.console.summary import View
from seqbayes.errors import SeqbayesError
from seqbayes.stream.store import open_store
from seqbayes.stream.verbs.answers import VIEW, kept_beliefs, timestamp
from seqbayes.stream.verbs.sheets import SHEETS, Sheet, Source

FORMATS = {".parquet": "parquet", ".csv": "csv", ".json": "json", ".jsonl": "json"}
"""Formats by the suffix of a file."""


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
    """Write what a store holds to a file, which is complete or not there.

    Parameters
    ----------
    url
        Of the store.
    path
        The file; ``-`` is standard output.
    what
        "beliefs": a row for each number that is believed about, or a document for each key;
        "history": the same over time, as far as it is kept; "dead-letters".
    format
        "parquet", "csv" or "json" (JSON Lines); by default what the suffix says.
    belief
        A belief by its name; all by default.
    view
        Level and kind of the intervals.
    as_of
        Time until which beliefs that forget are let forget, in seconds since 1970.
    tracker
        What tells how far it is.

    Returns
    -------
    int
        How many rows, or documents, were written.

    Raises
    ------
    SeqbayesError
        If there is no such format, or pyarrow, which Parquet needs, is not installed.
    StoreError
        If the store cannot be read.
    OSError
        If the file cannot be written.
    """
    form = format or FORMATS.get(Path(path).suffix)
    if form not in _WRITERS:
        raise SeqbayesError(f"expected a file ending in {', '.join(FORMATS)}, or a format: {path}")
    if what not in SHEETS:
        raise SeqbayesError(f"expected to export {' or '.join(SHEETS)}, got {what!r}")
    with open_store(url, "read") as store, store.snapshot():
        beliefs = kept_beliefs(store, belief)
        sheet = SHEETS[what](Source(store, beliefs, view, as_of, tracker or Tracker()))
        with _replacing(path) as file:
            return _WRITERS[form](file, sheet)


@contextmanager
def _replacing(path: str) -> Iterator[Any]:
    """Open a file that takes the place of another one when it is whole."""
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = Path(f"{path}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_json(file: Any, sheet: Sheet) -> int:
    count = 0
    for document in sheet.documents():
        count += 1
        file.write(msgspec.json.encode(document) + b"\n")
    return count


def _write_csv(file: Any, sheet: Sheet) -> int:
    out = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(sheet.columns)
    times = [i for i, kind in enumerate(sheet.columns.values()) if kind == "time"]
    count = 0
    for row in sheet.rows():
        count += 1
        for i in times:
            row[i] = timestamp(row[i])
        writer.writerow(map(plain, row))
    out.detach()
    return count


def _write_parquet(file: Any, sheet: Sheet) -> int:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise SeqbayesError("Parquet needs pyarrow: pip install 'seqbayes[parquet]'") from None
    types = {
        "text": pa.string(),
        "number": pa.float64(),
        "whole": pa.int64(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in sheet.columns.items()])
    kinds = list(sheet.columns.values())
    count = 0
    rows = sheet.rows()
    with parquet.ParquetWriter(file, schema) as writer:
        while chunk := list(itertools.islice(rows, 10_000)):
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
