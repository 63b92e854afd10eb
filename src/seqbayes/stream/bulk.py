"""Learning in bulk: an SQL engine aggregates most rows, and a stream reads the others."""

from __future__ import annotations

import itertools
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqbayes.bulk import Aggregated, Plan, Relation, Selection
from seqbayes.bulk.files import CsvRelation, JsonRelation
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.events.belief import Belief
from seqbayes.events.records import Cells
from seqbayes.stream.pipeline import Collector
from seqbayes.stream.source import Batch, Source, SourceError
from seqbayes.stream.sources.file import File

SIZE = 5000
"""Number of rows in a batch."""


def selection_of(belief: Belief) -> Selection:
    """Return the values and keys that a belief reads, and the conditions that select its rows.

    Raises
    ------
    PriorError
        If the belief cannot be learned by SQL; the message gives the reason.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> selection_of(Belief("sales", Beta(), field="sold", by="shop")).values
    [('sold', 'boolean')]
    """
    try:
        if belief.derived or isinstance(belief.where, str):
            raise UnsupportedError(
                "expressions cannot be evaluated by SQL: give 'where' as a table of values, or"
                " select"
                " and compute in a query"
            )
        if belief.mapped or belief.counted:
            raise UnsupportedError("it learns several fields at once")
        if belief.times.late is not None or belief.times.missing == "clock":
            raise UnsupportedError(
                "'late' and missing = 'clock' depend on the order in which events arrive"
            )
        times = belief.times
        latest = math.inf if times.future is None else time.time() + times.future
        return Selection(
            belief.state,
            belief.values,
            belief.by,
            weight=belief.weight,
            time=belief.time,
            unit=times.unit,
            latest=latest,
            where=belief.where,
        )
    except UnsupportedError as error:
        raise PriorError(f"belief {belief.name!r} cannot be learned in bulk: {error}") from None


class BulkRows:
    """The rows for several beliefs, most of which an SQL engine aggregates.

    Parameters
    ----------
    relation
        The rows.
    beliefs
        The beliefs that learn the rows.
    within
        An SQL condition that selects the rows to read.
    text
        Whether the values of records are CSV cells.
    """

    def __init__(
        self,
        relation: Relation,
        beliefs: Sequence[Belief],
        within: str = "TRUE",
        text: bool = False,
    ) -> None:
        self.text = text
        self._relation = relation
        self._plan = Plan(relation, [selection_of(belief) for belief in beliefs], within)
        self._complete = False

    def aggregates(self) -> list[Aggregated]:
        """Return the statistics of each belief."""
        aggregates = [self._plan.aggregate(i) for i in range(self._plan.size)]
        n = self.count()
        self._complete = self._plan.unconditional and all(one.n == n for one in aggregates)
        return aggregates

    def count(self) -> int:
        """Return the number of rows."""
        return self._plan.count()

    def others(self) -> Iterator[tuple[Any, Any]]:
        """Yield the position and the record of each row that is not part of the aggregates."""
        return iter(()) if self._complete else self._plan.doubtful()

    def close(self) -> None:
        """Close the connection to the engine."""
        self._relation.close()


class FileRows(BulkRows):
    """The rows of a JSON Lines or CSV file; positions are offsets in the file, as in a stream.

    Parameters
    ----------
    path
        Path of the file.
    beliefs
        The beliefs that learn the rows.
    file
        The source that reads the file.
    within
        Function that returns the condition `within` of `BulkRows` for a relation.
    """

    def __init__(
        self,
        path: str,
        beliefs: Sequence[Belief],
        file: File,
        within: Callable[[Relation], str] = lambda relation: "TRUE",
    ) -> None:
        self._file = file
        self._summed = True
        relation: Relation
        if file.text:
            relation = CsvRelation(path, _header(file), file.delimiter)
        else:
            names = dict.fromkeys(name for belief in beliefs for name, _ in belief.slots)
            relation = JsonRelation(path, list(names))
        self._bounded = within(relation) != "TRUE"
        super().__init__(relation, beliefs, within(relation), file.text)

    def aggregates(self) -> list[Aggregated]:
        """Return the statistics of each belief.

        The list is empty if DuckDB cannot read every line of a CSV file; then `others` yields every
        row.
        """
        try:
            return super().aggregates()
        except SourceError:
            if not self.text or self._bounded:
                raise
            self._summed = False
            return []

    def count(self) -> int:
        """Return the number of rows."""
        return super().count() if self._summed else sum(1 for _ in self._records())

    def others(self) -> Iterator[tuple[Any, Any]]:
        """Yield the offset and the record of each row that is not part of the aggregates.

        Raises
        ------
        SourceError
            If DuckDB finds a different number of rows than the source.
        """
        if not self._summed:
            yield from self._records()
            return
        wanted = super().others()
        following = next(wanted, (0, None))[0]
        if not following:
            return
        n = 0
        for n, record in enumerate(self._records(), 1):
            if n == following:
                yield record
                following = next(wanted, (0, None))[0]
        if n != self._relation.count():
            raise SourceError(
                f"{self._file.name}: DuckDB reads {self._relation.count():,} rows, not {n:,}:"
                " learn it with seqbayes run"
            )

    def _records(self) -> Iterator[tuple[Any, Any]]:
        """Yield the offset and the record of every row, or a `RejectedRecord` in its place."""
        self._file.seek(None)
        for batch in self._file.batches(SIZE):
            assert batch is not None
            rejected = [(at, RejectedRecord(raw, reason)) for at, raw, reason in batch.refused]
            rows: list[tuple[Any, Any]] = [*zip(batch.positions, batch.records, strict=True)]
            yield from sorted([*rows, *rejected], key=lambda item: item[0]) if rejected else rows


class RejectedRecord:
    """The first bytes of a record that the source rejects, and the reason."""

    def __init__(self, raw: bytes, reason: str) -> None:
        self.raw, self.reason = raw, reason


def _header(file: File) -> list[str]:
    """Return the column names of a CSV file."""
    file.seek(None)
    for batch in file.batches(1):
        if batch is not None and isinstance(batch.records, Cells) and batch.records.header:
            file.close()
            return list(batch.records.header)
    raise SourceError(f"{file.name} has no rows")


class Bulk(Source):
    """A source that yields the rows not covered by the aggregates. It can be read only once.

    Parameters
    ----------
    name
        The name under which the store records the position.
    token
        The position after the last row.
    rows
        All rows, including those that the aggregates cover.
    """

    def __init__(self, name: str, token: Any, rows: BulkRows) -> None:
        self.name, self.text = name, rows.text
        self._token, self._rows = token, rows

    def seek(self, token: Any) -> None:
        """Raise an error if the rows have already been read.

        Raises
        ------
        SourceError
            If the store already has a position for this source.
        """
        if token is not None:
            raise SourceError(
                f"{self.name} has already been read into this store and would be counted twice; to"
                " read it again, first reset its position and the beliefs that use it (seqbayes"
                " reset)"
            )

    def batches(self, size: int = SIZE, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield the rows in batches, then an empty batch with the token."""
        others = self._rows.others()
        while chunk := list(itertools.islice(others, size)):
            usable = [item for item in chunk if type(item[1]) is not RejectedRecord]
            rejected = [
                (position, record.raw, record.reason)
                for position, record in chunk
                if type(record) is RejectedRecord
            ]
            records = [record for _, record in usable]
            positions = [position for position, _ in usable]
            yield Batch(records, self._token, positions, rejected)
        yield Batch([], self._token, [])

    def close(self) -> None:
        """Close the connection to the engine."""
        self._rows.close()


class RejectionCounter(Collector):
    """Counts the rejected rows for each belief and reason.

    Parameters
    ----------
    finish
        Function that is called before the commit, and returns the total number of rows.

    Attributes
    ----------
    reasons : dict
        Maps (belief, reason) to the number of rejected rows, and the first bytes of the first such
        row.
    """

    def __init__(self, finish: Callable[[], int]) -> None:
        self.reasons: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._finish = finish

    def refused(self, pipeline: Any, batch: Batch, letter: Any) -> None:
        """Count a dead letter."""
        key = letter.belief, letter.reason
        count, sample = self.reasons.get(key, (0, letter.raw[:200]))
        self.reasons[key] = count + 1, sample

    def committing(self, pipeline: Any, changes: Any) -> None:
        """Count all rows as events of the source."""
        changes.events = self._finish()


def fingerprint(path: str) -> Mapping[str, int]:
    """Return the size and the modification time of a file, which identify its contents."""
    status = os.stat(path)
    return {"bytes": status.st_size, "changed": status.st_mtime_ns}


def same_file(path: str, other: Any) -> bool:
    """Whether two paths refer to the same file; False if the second is None or does not exist."""
    return bool(other) and Path(other).exists() and os.path.samefile(path, other)
