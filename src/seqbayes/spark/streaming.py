"""Learn a belief for each of many keys in Spark Structured Streaming."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import Column, DataFrame, GroupedData
from pyspark.sql import functions as F  # noqa: N812 (as in Spark's documentation)
from pyspark.sql import types as T  # noqa: N812
from pyspark.sql.pandas.types import to_arrow_schema

from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.spark.batch import Beliefs
from seqbayes.spark.estimates import AT, STATE
from seqbayes.spark.events import (
    EVENT,
    EVENT_SECONDS,
    ID,
    KEY,
    check_key_names,
    key_column,
    quoted,
    select,
    timestamp_seconds,
)
from seqbayes.spark.mapping import needs_quotes
from seqbayes.spark.processor import BeliefProcessor

_OUTPUT = T.StructType(
    [
        T.StructField(STATE, T.StringType()),
        *(T.StructField(n, T.LongType()) for n in ("events", "refused", "duplicates", "new")),
        T.StructField(AT, T.DoubleType()),
    ]
)


def learn_stream(
    frame: DataFrame,
    belief: Belief,
    *,
    time: str | None = None,
    delay: str | None = None,
    id: str | None = None,  # noqa: A002
    initial: Beliefs | DataFrame | None = None,
    refresh: float | None = None,
    expire: float | None = None,
) -> DataFrame:
    """Learn a belief from a stream, with exactly one state per key in Spark's state store.

    Every event counts once, even if executors or the driver are killed: states and the position in
    the source belong to one checkpoint. Events that cannot be used are counted, and do not change
    any state.

    Parameters
    ----------
    frame
        The events, a streaming data frame.
    belief
        The declaration.
    time
        The column of the event time, a timestamp; by default that of the belief.
    delay
        How late events may be: Spark's watermark, such as "10 minutes". None if the data frame has
        a watermark. Later events are dropped.
    id
        The column of event ids. Of several events with the same key and id, only the first one
        counts; ids are kept until they are older than the watermark.
    initial
        Beliefs learned in a batch, or their states: each key starts with these data.
    refresh
        For beliefs with a half-life in time: number of seconds of event time after which a key is
        emitted even without new events.
    expire
        The weight of data below which a key is removed when it is refreshed. The `state` of a
        removed key is emitted as null.

    Returns
    -------
    DataFrame
        A stream with the key fields, `state` (JSON, as in a store), the total numbers of `events`
        learned, of `refused` events and of `duplicates` so far, the number of `new` events, and
        `at`, the time until which the state has decayed. A key is emitted after each batch that
        contains events of this key. Events without a key are refused: they are counted in a row
        whose key and `state` are null.

    Raises
    ------
    PriorError
        If the belief cannot be learned in a stream, or an option is invalid.
    """
    time = time or belief.time
    _check(frame, belief, time, id, refresh, expire)
    if delay is not None and time is not None:
        frame = frame.withWatermark(quoted(time), delay)
    others = [] if belief.by else [f"'' AS {KEY}"]
    if time is not None:
        others.append(f"{quoted(time)} AS {EVENT}")
        others.append(f"{timestamp_seconds(time)} AS {EVENT_SECONDS}")
    if id is not None:
        others.append(f"CAST({quoted(id)} AS STRING) AS {ID}")
    events = select(frame, belief, *others)
    read = T.StructType([field for field in events.schema.fields if field.name != EVENT])
    columns: pa.Schema = to_arrow_schema(read)
    names = [f"__{i}" if needs_quotes(name) else name for i, name in enumerate(events.columns)]
    original = dict(zip(names, events.columns, strict=True))
    events = events.toDF(*names)
    output = T.StructType([events.schema[KEY], *_OUTPUT.fields])
    learned = events.groupBy(KEY).transformWithState(
        BeliefProcessor(belief, columns, id is not None, refresh, expire, original),
        output,
        "Update",
        "None" if id is None and refresh is None else "EventTime",
        None if initial is None else _initial(initial, belief),
    )
    types = [frame.schema[name].dataType for name in belief.by]
    return learned.select(*_key_fields(belief, types), *_OUTPUT.names)


def _check(
    frame: DataFrame,
    belief: Belief,
    time: str | None,
    id: str | None,  # noqa: A002
    refresh: float | None,
    expire: float | None,
) -> None:
    """Raise an error if the options are inconsistent."""
    check_key_names(belief, *_OUTPUT.names)
    for name in (time, id):
        if name is not None and name not in frame.columns:
            raise PriorError(f"no column {name!r}; columns: {', '.join(frame.columns)}")
    if time is not None and not isinstance(frame.schema[time].dataType, T.TimestampType):
        raise PriorError(
            f"expected a column of timestamps as event time, got {time!r}, which is"
            f" {frame.schema[time].dataType.simpleString()}: convert it with to_timestamp"
        )
    if id is not None and time is None:
        raise PriorError(
            "'id' requires 'time', the event time column, which determines how long ids are kept"
        )
    if refresh is not None and not (belief.state.timed and refresh > 0.0):
        raise PriorError(
            "'refresh' requires a half-life in time, and must be a number of seconds above 0, got"
            f" {refresh!r}"
        )
    if expire is not None and not (refresh is not None and expire > 0.0):
        raise PriorError(
            f"'expire' requires 'refresh', and must be a weight above 0, got {expire!r}"
        )


def _initial(initial: Beliefs | DataFrame, belief: Belief) -> GroupedData:
    """Return the initial states, with the key in the form by which the stream is grouped."""
    states = initial.states() if isinstance(initial, Beliefs) else initial
    key = key_column(states, belief) if belief.by else "''"
    return states.selectExpr(f"{key} AS {KEY}", STATE).groupBy(KEY)


def _key_fields(belief: Belief, types: list[T.DataType]) -> list[Column]:
    """Return the key fields, extracted from the key."""
    if len(belief.by) < 2:
        values = [F.col(KEY)] * len(belief.by)
    else:
        parts = F.from_json(F.col(KEY), "array<string>")
        values = [parts[i] for i in range(len(belief.by))]
    named = zip(values, types, belief.by, strict=True)
    return [value.cast(kind).alias(name) for value, kind, name in named]
