"""``backfill``: learn a table or a file at once, using aggregates that an SQL engine computes."""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqbayes.bulk import Relation, open_relation
from seqbayes.bulk.dialects import as_time, literal, quoted
from seqbayes.console.log import Log, add_format
from seqbayes.console.status import USAGE_ERROR
from seqbayes.console.text import count_of, encodable, printable
from seqbayes.errors import PriorError
from seqbayes.likelihoods.sql import number
from seqbayes.stream.bulk import (
    Bulk,
    BulkRows,
    FileRows,
    RejectionCounter,
    fingerprint,
    same_file,
    selection_of,
)
from seqbayes.stream.config import Config, load_config
from seqbayes.stream.pipeline import Pace, Pipeline
from seqbayes.stream.source import SourceError
from seqbayes.stream.sources.file import File
from seqbayes.stream.urls import expand
from seqbayes.stream.verbs.shared import load_or_report, moment, reports_errors

EXAMPLES = """\
examples:
  seqbayes backfill events.jsonl -c seqbayes.toml
  seqbayes backfill history.parquet -c seqbayes.toml --until 2024-05-01T00:00Z
  seqbayes backfill postgresql://user@host/shop -c seqbayes.toml

If the data come from the configured source, the stream continues after them. Otherwise, give
--until to learn only rows before that time, or --separate to declare that no row is also in the
stream.

exit status: 0; 2 for a usage error, or a belief that cannot be learned in bulk; 3 if another
process is using the store; 4 if the rows cannot be read or the store cannot be read or written
(nothing is stored)
"""

_POSTGRES = ("postgresql://", "postgres://")
_COMMIT_ONCE = Pace(math.inf, sys.maxsize, sys.maxsize, sys.maxsize, sys.maxsize)
"""Commit only once, at the end."""


@dataclass(frozen=True)
class Boundary:
    """The boundary between the rows of a backfill and the rows of a stream.

    Parameters
    ----------
    until
        Time in seconds since 1970; rows at or after this time are not learned.
    time
        The time column; by default the time column of the beliefs.
    separate
        Whether the backfill and the stream have no rows in common, so that no boundary is needed.
    """

    until: float | None = None
    time: str | None = None
    separate: bool = False


@dataclass
class BackfillResult:
    """The result of a backfill.

    Attributes
    ----------
    source
        The name under which the store records the position.
    rows
        Number of rows read.
    used
        Maps the name of each belief to the number of rows that it learned.
    rejected
        Belief, reason, number of rows, and the first bytes of the first row; most frequent first.
    """

    source: str
    rows: int
    used: dict[str, int] = field(default_factory=dict)
    rejected: list[tuple[str, str, int, bytes]] = field(default_factory=list)


def backfill(
    data: str, config: str | Path | Config, query: str | None = None, bound: Boundary = Boundary()
) -> BackfillResult:
    """Learn all rows of a file or a query in one transaction.

    DuckDB or PostgreSQL computes the aggregates. Rows are validated as in a stream, and rows that
    cannot be used become dead letters. If the data are those of the configured source, the stream
    later continues after the last row. The store records the position after the last row, so that
    the same data cannot be learned twice.

    Parameters
    ----------
    data
        Path of a Parquet, JSON Lines or CSV file, which DuckDB reads, or a ``postgresql://…`` URL.
    config
        The configuration, or the path of its file.
    query
        For PostgreSQL, a SELECT statement or the name of a table; by default the query of the
        configured source.
    bound
        Which rows belong to the backfill, if they are not those of the configured source.

    Raises
    ------
    ConfigError
        If the configuration has errors.
    PriorError
        If a belief cannot be learned in bulk, or the boundary between the rows and
        the stream is not clear.
    SourceError
        If the rows cannot be read, have been read before, or change while they are being read.
    StoreError
        If the store cannot be written; nothing is stored.
    """
    config = config if isinstance(config, Config) else load_config(config)
    for belief in config.beliefs:
        selection_of(belief)
    open_rows = _open_query if data.startswith(_POSTGRES) else _open_file
    with ExitStack() as stack:
        rows, name, end = open_rows(data, config, query, bound)
        stack.callback(rows.close)
        token = end()

        def finish() -> int:
            if end() != token:
                raise SourceError(f"{data} changed while it was being read; nothing was stored")
            return rows.count()

        counter = RejectionCounter(finish)
        single = dataclasses.replace(config, pace=_COMMIT_ONCE)
        pipeline = single.open([counter], source=Bulk(name, token, rows))
        with pipeline:
            _merge(pipeline, rows)
            for _ in pipeline:
                pass
            total = pipeline.store.events(name)
    rejected = sorted(((*key, *value) for key, value in counter.reasons.items()), key=_by_count)
    used = {name: table.used for name, table in pipeline.tables.items()}
    return BackfillResult(name, total, used, rejected)


def _by_count(row: tuple[str, str, int, bytes]) -> tuple[int, str, str]:
    return -row[2], row[0], row[1]


def _merge(pipeline: Pipeline, rows: BulkRows) -> None:
    """Add the aggregates to the tables of the beliefs."""
    for table, found in zip(pipeline.tables.values(), rows.aggregates(), strict=False):
        template: Any = table.belief.state
        inner = template.undecayed
        keys: Iterable[Any] = [()]
        if found.keys:
            keys = zip(*found.keys, strict=True) if len(found.keys) > 1 else found.keys[0]
        for row, key in zip(range(found.columns.n_rows), keys, strict=False):
            state = inner.with_statistics(found.columns.statistics(row))
            if template.timed:
                state = template.with_data(state, float(found.columns.clocks[row]))
            table.merge(key, state)
        table.used += found.n


def _open_file(
    data: str, config: Config, query: str | None, bound: Boundary
) -> tuple[BulkRows, str, Callable[[], Any]]:
    """Return the rows of a file, the file's name in the store, and a position function."""
    if query is not None:
        raise PriorError("a query can be given only for postgresql://…, not for a file")
    kind, options = config.source
    if not os.path.isfile(data):
        raise SourceError(f"cannot read {data}: no such file")
    own = kind.kind == "file" and same_file(data, options.get("path"))
    within = _limit(config, bound, own)
    if own:
        file: Any = config.open_source()
        if file.contained:
            return BulkRows(_parquet(data), config.beliefs), file.name, file.end
        return FileRows(data, config.beliefs, file, within), file.name, file.end
    name = encodable(f"backfill:{os.path.abspath(data)}")
    file = File(data)
    if file.contained:
        relation = _parquet(data)
        rows = BulkRows(relation, config.beliefs, within(relation))
    else:
        rows = FileRows(data, config.beliefs, file, within)
    return rows, name, lambda: {**fingerprint(data), "until": bound.until}


def _parquet(data: str) -> Relation:
    if Path(data).suffix != ".parquet":
        raise SourceError(f"{data} is not Parquet, JSON Lines or CSV: learn it with seqbayes run")
    return open_relation(Path(data))


def _open_query(
    data: str, config: Config, query: str | None, bound: Boundary
) -> tuple[BulkRows, str, Callable[[], Any]]:
    """Return the rows of a query, the query's name in the store, and a position function."""
    kind, options = config.source
    url = expand(data, quoted=True)
    own = (
        kind.kind == "query"
        and expand(options["url"], quoted=True) == url
        and query in (None, options["query"])
    )
    query = options.get("query") if own else query
    if query is None:
        raise PriorError(
            "expected a query (--query), because the data are not those of the configured source"
        )
    within = _limit(config, bound, own)
    relation = open_relation(query, url)
    if not own:
        rows = BulkRows(relation, config.beliefs, within(relation))
        token = {"query": query, "until": bound.until}
        return rows, f"backfill:{query}", lambda: token
    source = config.open_source()
    position = source.end()
    cursor, last = quoted(options["cursor"]), position["last"]
    value = literal(last) if isinstance(last, str) else str(last)
    rows = BulkRows(relation, config.beliefs, f"COALESCE({cursor} <= {value}, FALSE)")
    if (n := rows.count()) != position["count"]:
        raise SourceError(f"{source.name}: rows up to {last!r} have changed: {n:,} are visible now")
    return rows, source.name, lambda: position


def _limit(config: Config, bound: Boundary, own: bool) -> Callable[[Relation], str]:
    """Return a function that maps a relation to the SQL condition that selects rows to backfill.

    Raises
    ------
    PriorError
        If it is not clear which rows are also in the stream.
    """
    if own:
        if bound.until is not None:
            raise PriorError("the stream continues after these rows: --until is not possible")
        return lambda relation: "TRUE"
    if bound.until is None:
        if not bound.separate:
            raise PriorError(
                "these are not the rows of the configured source: give the time at which the stream"
                " begins (--until), or declare that no row is also in the stream (--separate)"
            )
        return lambda relation: "TRUE"
    timed = {belief.time: belief.times.unit for belief in config.beliefs if belief.time}
    if bound.time is None and len(timed) != 1:
        raise PriorError("expected the time column (--time), because no belief names one")
    name = bound.time or next(iter(timed))
    unit, until = timed.get(name, 1.0), bound.until

    def within(relation: Relation) -> str:
        at = as_time(relation.column(name), unit, relation.dialect)
        return f"COALESCE({at} < {number(until)}, TRUE)"

    return within


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "data", metavar="DATA", help="a Parquet, JSON Lines or CSV file, or a postgresql://… URL"
    )
    parser.add_argument(
        "-c", "--config", metavar="CONFIG", default="seqbayes.toml", help="(%(default)s)"
    )
    parser.add_argument(
        "--query",
        metavar="SQL",
        help="for PostgreSQL: a SELECT statement or a table (by default, that of the source)",
    )
    parser.add_argument(
        "--until", type=moment, metavar="TIME", help="learn rows before this time, as in --as-of"
    )
    parser.add_argument("--time", metavar="FIELD", help="the time column for --until")
    parser.add_argument(
        "--separate",
        action="store_true",
        help="declare that no row is also in the configured source",
    )
    add_format(parser)


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Learn the rows, report what was rejected, and return the exit status."""
    config = load_or_report(args.config)
    if config is None:
        return USAGE_ERROR
    bound = Boundary(args.until, args.time, args.separate)
    result = backfill(args.data, config, args.query, bound)
    for belief, reason, n, sample in result.rejected:
        name = f"{belief}: " if belief else ""
        text = f"{name}{count_of(n, 'row')} rejected: {reason}; such as"
        text = f"{text} {printable(sample.decode(errors='replace'), 200)}"
        log.event("rejected", text, "warning", belief=belief, reason=reason, rows=n)
    counts = ", ".join(f"{name} learned {count:,}" for name, count in result.used.items())
    text = f"{count_of(result.rows, 'row')}: {counts}"
    log.event("learned", text, rows=result.rows, used=result.used, source=result.source)
    return 0
