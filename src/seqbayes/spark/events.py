"""Converts events of a data frame to keys, observations, weights and times."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (as in Spark's documentation)
from pyspark.sql import types as T  # noqa: N812

from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.events.values import InvalidValue, parse_column

Array = Any

KEY, WEIGHT, TIME, COUNT = "__key", "__weight", "__time", "__count"
"""Columns of the events; the columns of an observation keep the names of the fields."""

_ALL, _PRESENT, _TRUE = "__all", "__present", "__true"
"""Columns of counts of booleans."""

REFUSED = "__refused"
"""The column with the number of refused events, in rows that have no state."""

ID = "__id"
"""The column of event ids."""

EVENT, EVENT_SECONDS = "__event", "__event_seconds"
"""The columns of the event time, as a timestamp and in seconds since 1970, for ids and timers."""

_ADDED = (KEY, WEIGHT, TIME, COUNT, _ALL, _PRESENT, _TRUE, REFUSED, ID, EVENT, EVENT_SECONDS)


def check_belief(belief: Belief) -> None:
    """Raise an error if Spark cannot learn a belief.

    Raises
    ------
    PriorError
        If the belief is an estimator, selects or derives fields, has windows, or depends on the
        order of the events.
    """
    state = belief.state
    if belief.features or (belief.likelihood is None and not belief.field):
        raise PriorError(
            f"belief {belief.name!r}: {type(state).__name__} cannot be learned in parts and"
            " merged; Spark learns states and mixtures"
        )
    if belief.where or belief.derived:
        raise PriorError(
            f"belief {belief.name!r}: filter rows and derive columns in Spark instead, with"
            " DataFrame.where and withColumn"
        )
    if state.windowed:
        raise PriorError(f"belief {belief.name!r}: Spark does not learn beliefs with windows")
    if state.clock is not None and not state.timed:
        raise PriorError(
            f"belief {belief.name!r} has a half-life in events, which depends on the order of all"
            ' events of a key; use a half-life in time: Decayed(..., by="time")'
        )


def select(frame: DataFrame, belief: Belief, *others: str) -> DataFrame:
    """Return the columns that a belief reads, followed by other columns, which are SQL.

    All expressions are SQL: every function that builds a `Column` makes several calls to Java.

    Raises
    ------
    PriorError
        If the belief cannot be learned, or a column does not exist.
    """
    check_belief(belief)
    check_columns(belief, frame.columns)
    columns = [f"{key_column(frame, belief)} AS {KEY}"] if belief.by else []
    for name, kind in belief.values:
        x = quoted(name)
        columns.append(f"CAST({x} AS STRING) AS {x}" if kind == "text" else x)
    if belief.weight is not None:
        columns.append(f"CAST({quoted(belief.weight)} AS DOUBLE) AS {WEIGHT}")
    if belief.time is not None:
        columns.append(f"{_seconds(frame, belief.time, belief.times.unit)} AS {TIME}")
    return frame.selectExpr(*columns, *others)


def read_names(belief: Belief) -> list[str]:
    """Return the names of the columns that a belief reads."""
    optional = [name for name in (belief.weight, belief.time) if name is not None]
    return list(dict.fromkeys([*(name for name, _ in belief.values), *belief.by, *optional]))


def check_columns(belief: Belief, columns: Sequence[str]) -> None:
    """Raise an error if a column that a belief reads does not exist, or has a reserved name.

    Raises
    ------
    PriorError
        If a column does not exist, or has the name of a column that is added to the events.
    """
    for name in read_names(belief):
        if name.lower() in _ADDED:
            raise PriorError(
                f"belief {belief.name!r}: seqbayes adds a column {name.lower()!r} to the events:"
                " rename yours"
            )
        if name not in columns:
            known = ", ".join(columns)
            raise PriorError(f"belief {belief.name!r}: no column {name!r}; columns: {known}")


def check_key_names(belief: Belief, *others: str) -> None:
    """Raise an error if a key field has the name of another column of a result.

    Raises
    ------
    PriorError
        If a name occurs twice; Spark does not distinguish upper and lower case.
    """
    for name in belief.by:
        if name.lower() in others:
            raise PriorError(
                f"belief {belief.name!r}: the result has another column {name.lower()!r}: rename"
                f" the key field {name!r}"
            )


def is_countable(frame: DataFrame, belief: Belief) -> bool:
    """Whether equal events can be counted, and learned once with their count as the weight.

    The sums are then exactly the same as if each event were learned separately.
    """
    if not counts_equal(belief):
        return False
    ((name, kind),) = belief.values
    countable = (T.BooleanType, T.StringType, T.IntegralType)
    return kind == "text" or isinstance(frame.schema[name].dataType, countable)


def counts_equal(belief: Belief) -> bool:
    """Whether equal events can be counted if observations are booleans, strings or integers."""
    state = belief.state
    if belief.weight is not None or belief.mapped or len(belief.values) > 1:
        return False
    # other models depend on the order of the events
    return state.conjugate and not (state.timed or state.open_ended or state.likelihood.continuous)


def count_equal(events: DataFrame) -> DataFrame:
    """Return distinct events with their counts, which Spark computes."""
    names = [quoted(name) for name in events.columns]
    return events.groupBy(*names).agg(F.expr(f"CAST(COUNT(*) AS DOUBLE) AS {COUNT}"))


def count_booleans(events: DataFrame, name: str) -> DataFrame:
    """Return how many events, present values and true values each key has; see `booleans`."""
    x, others = quoted(name), [each for each in events.columns if each != name]
    counts = (f"COUNT(*) AS {_ALL}", f"COUNT({x}) AS {_PRESENT}", f"COUNT_IF({x}) AS {_TRUE}")
    return events.groupBy(*map(quoted, others)).agg(*map(F.expr, counts))


def booleans(batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
    """Return the result of `count_equal`, given a batch with the columns of `count_booleans`."""
    n, present, true = (batch.column(each) for each in (_ALL, _PRESENT, _TRUE))
    counts = {True: true, False: pc.subtract(present, true), None: pc.subtract(n, present)}
    parts = []
    for value, count in counts.items():
        found = batch.select([KEY] if KEY in batch.schema.names else [])
        xs = pa.array([value], pa.bool_()).take(pa.array(np.zeros(len(count), np.intp)))
        columns = [*found.columns, xs, count.cast(pa.float64())]
        rows = pa.RecordBatch.from_arrays(columns, [*found.schema.names, name, COUNT])
        parts.append(rows.filter(pc.greater(count, 0)))
    return pa.concat_batches(parts)


def key_column(frame: DataFrame, belief: Belief) -> str:
    """Return the key as SQL: integers or strings or, for several fields, JSON arrays of strings."""
    if len(belief.by) == 1:
        whole = isinstance(frame.schema[belief.by[0]].dataType, T.IntegralType)
        return f"CAST({quoted(belief.by[0])} AS {'BIGINT' if whole else 'STRING'})"
    present = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in belief.by)
    parts = ", ".join(f"CAST({quoted(name)} AS STRING)" for name in belief.by)
    return f"CASE WHEN {present} THEN TO_JSON(ARRAY({parts})) END"


def key_values(key: Any, belief: Belief) -> tuple[str, ...]:
    """Return the values of a key from its column."""
    if not belief.by:
        return ()
    if len(belief.by) == 1:
        return (str(key),)
    return tuple(msgspec.json.decode(key, type=list[str]))


def _seconds(frame: DataFrame, name: str, unit: float) -> str:
    kind = frame.schema[name].dataType
    if isinstance(kind, T.TimestampNTZType):  # a cast would use the time zone of the session
        return f"UNIX_MICROS(CAST(CAST({quoted(name)} AS STRING) || 'Z' AS TIMESTAMP)) / 1e6D"
    if isinstance(kind, T.TimestampType):
        return timestamp_seconds(name)
    return f"CAST({quoted(name)} AS DOUBLE) * {unit!r}D"


def timestamp_seconds(name: str) -> str:
    """Return a column of timestamps in seconds since 1970, as SQL."""
    return f"UNIX_MICROS({quoted(name)}) / 1e6D"


def quoted(name: str) -> str:
    """Return the name of a column as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


@dataclass
class Events:
    """Events of one batch.

    Parameters
    ----------
    keys
        The keys, an Arrow array; None if the belief has no key.
    xs
        The observations: an array, a list, or columns keyed by field.
    ws, ts
        Weights and times, or None.
    n
        The number of rows.
    reasons
        The reasons why events cannot be used, keyed by position.
    counts
        How often each event occurred; None if each row is one event.
    """

    keys: Any
    xs: Any
    ws: Array | None
    ts: Array | None
    n: int
    reasons: dict[int, str]
    counts: Array | None = None

    @property
    def refused(self) -> int:
        """The number of events that cannot be used."""
        if self.counts is None:
            return len(self.reasons)
        return int(self.counts[list(self.reasons)].sum())

    def take(self, rows: Array) -> Events:
        """Return the events at the given positions, without the reasons for refusals."""
        return Events(
            None if self.keys is None else self.keys.take(pa.array(rows)),
            take(self.xs, rows),
            None if self.ws is None else self.ws[rows],
            None if self.ts is None else self.ts[rows],
            len(rows),
            {},
            None if self.counts is None else self.counts[rows],
        )

    def usable(self) -> Events:
        """Return the events that can be used."""
        if not self.reasons:
            return self
        kept = np.ones(self.n, bool)
        kept[list(self.reasons)] = False
        return self.take(np.flatnonzero(kept))


def take(xs: Any, rows: Array) -> Any:
    """Return the observations at the given positions."""
    if isinstance(xs, dict):
        return {name: take(column, rows) for name, column in xs.items()}
    return xs[rows] if isinstance(xs, np.ndarray) else [xs[row] for row in rows.tolist()]


def read(batch: pa.RecordBatch, belief: Belief) -> Events:
    """Return the events in an Arrow batch that has the columns of `select` or `count_equal`."""
    reasons: dict[int, str] = {}
    keys = batch.column(KEY) if belief.by else None
    if keys is not None and keys.null_count:
        _note(keys.is_null(), "the key is missing", reasons)
    counts = _floats(batch.column(COUNT)) if COUNT in batch.schema.names else None
    ws = counts if belief.weight is None else _floats(batch.column(WEIGHT))
    ts = None if belief.time is None else _floats(batch.column(TIME))
    if ws is not None:
        _note(~(np.isfinite(ws) & (ws >= 0.0)), "the weight is not a finite number >= 0", reasons)
    if ts is not None:
        _note(~np.isfinite(ts), "the time is missing or not finite", reasons)
        ahead = belief.times.future
        if ahead is not None:
            _note(ts > time.time() + ahead, "the time is in the future", reasons)
    columns = {name: _column(batch.column(name), kind) for name, kind in belief.values}
    xs = _observations(columns, belief, reasons)
    return Events(keys, xs, ws, ts, batch.num_rows, reasons, counts)


def _note(bad: Any, reason: str, reasons: dict[int, str]) -> None:
    flags = bad if isinstance(bad, np.ndarray) else bad.to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(flags).tolist():
        reasons.setdefault(row, reason)


def _floats(column: pa.Array) -> Array:
    """Return numbers; missing ones are NaN."""
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _column(column: pa.Array, kind: str) -> Any:
    """Return a column of observations as an array or a list, which may contain None."""
    kinds = pa.types
    if kinds.is_string(column.type) and kind in ("number", "boolean"):
        return parse_column([cell or "" for cell in column.to_pylist()], kind)
    primitive = kinds.is_integer(column.type) or kinds.is_floating(column.type)
    if (primitive or kinds.is_boolean(column.type)) and not column.null_count:
        return column.to_numpy(zero_copy_only=False)
    if kinds.is_list(column.type) and not column.null_count:
        vectors = _vectors(column)
        if vectors is not None:
            return vectors
    if kinds.is_map(column.type):
        return [None if pairs is None else dict(pairs) for pairs in column.to_pylist()]
    return column.to_pylist()


def _vectors(column: pa.Array) -> Array | None:
    """Return lists of numbers as an array of shape (n, d); None if their lengths differ."""
    values, n = column.flatten(), len(column)
    width = len(values) // n if n else 0
    if not width or values.null_count or not pa.types.is_floating(values.type):
        return None
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    return values.to_numpy().reshape(n, width) if (lengths == width).all() else None


def _observations(columns: dict[str, Any], belief: Belief, reasons: dict[int, str]) -> Any:
    """Return the observations; record the positions of missing and invalid ones."""
    complete = True
    for name, column in columns.items():
        for row, value in enumerate(column if isinstance(column, list) else ()):
            if isinstance(value, InvalidValue):
                reasons.setdefault(row, f"{name}: {value.reason}")
            elif value is None or _present(value) is not value:
                complete = False
                if value is None and not belief.mapped:
                    reasons.setdefault(row, f"{name} is missing")
    if belief.mapped:
        if complete and belief.state.conjugate and not belief.state.timed:
            return columns
        return _mappings(columns, reasons)
    if len(columns) == 1 and not belief.counted:
        return next(iter(columns.values()))
    if all(isinstance(column, np.ndarray) for column in columns.values()) and not belief.counted:
        return np.column_stack(list(columns.values()))
    rows = zip(*map(listed, columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows] if belief.counted else list(rows)


def _mappings(columns: dict[str, Any], reasons: dict[int, str]) -> list[Any]:
    """Return a mapping of the fields that are present, one for each event."""
    found = []
    for i, row in enumerate(zip(*map(listed, columns.values()), strict=True)):
        x = _present(dict(zip(columns, row, strict=True)))
        if x is None:
            reasons.setdefault(i, f"{', '.join(columns)} are missing")
        found.append(x)
    return found


def _present(value: Any) -> Any:
    """Remove missing fields from a mapping (None if all are); return other values unchanged."""
    if not isinstance(value, dict):
        return value
    present = {name: _present(inner) for name, inner in value.items()}
    kept = {name: inner for name, inner in present.items() if inner is not None}
    if len(kept) == len(value) and all(kept[name] is value[name] for name in kept):
        return value
    return kept or None


def listed(column: Any) -> list[Any]:
    """Return a column as a list."""
    found: list[Any] = column.tolist() if isinstance(column, np.ndarray) else column
    return found
