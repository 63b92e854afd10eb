"""Learns beliefs from Parquet files that Spark's workers read themselves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import SparkSession
from pyspark.sql import types as T  # noqa: N812 (as in Spark's documentation)

from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.spark.batch import Beliefs, check_options, merge_partials
from seqbayes.spark.events import (
    COUNT,
    KEY,
    TIME,
    WEIGHT,
    check_belief,
    check_columns,
    counts_equal,
    read_names,
)
from seqbayes.spark.partials import number_of_buckets
from seqbayes.spark.workers import PARTIAL, LearnPartition

_ROWS = 1 << 19
"""Number of rows that are read at once."""

_INTEGERS = ((8, T.ByteType), (16, T.ShortType), (32, T.IntegerType))
"""Spark's types of integers, with their numbers of bits."""

_MOST_TASKS_PER_CORE = 3
_ROWS_PER_TASK = 1 << 24
"""Rows per task, which take about a second, unless a limit on the number of tasks applies."""

_FILES_PER_TASK = 8
"""Files are not split if there are at least this many files per task."""


def learn_parquet(
    spark: SparkSession,
    paths: str | Sequence[str],
    belief: Belief,
    *,
    invalid: str = "error",
    buckets: int | None = None,
) -> Beliefs:
    """Learn a belief from Parquet files, which the workers read themselves.

    The result is the same as that of `learn` with a data frame of the files, but no rows are moved
    from Spark's Java processes to Python. Each task reads a part of the row groups.

    Parameters
    ----------
    spark
        The session.
    paths
        A directory, a file, or several files, with paths or URLs that the driver and all workers
        can read. Names of directories such as `day=2026-11-30` are read as columns.
    belief
        The declaration. `max_keys` and `times.late` do not apply, because rows have no order.
    invalid
        "error" to fail if an event cannot be used, "skip" to count and skip it.
    buckets
        Number of parts into which keys are distributed for the merge; by default twice the number
        of cores.

    Returns
    -------
    Beliefs
        The beliefs. They are computed when first used, and then cached.

    Raises
    ------
    PriorError
        If the belief cannot be learned in parts, a file cannot be read, there are no files, or a
        column or an option is invalid.

    Notes
    -----
    The keys and labels are integers, strings or booleans. Times without a time zone are in UTC.

    Examples
    --------
    >>> from seqbayes import Beta  # doctest: +SKIP
    >>> from seqbayes.stream import Belief  # doctest: +SKIP
    >>> belief = Belief("conversion", Beta(), field="sold", by="shop")  # doctest: +SKIP
    >>> learn_parquet(spark, "events/", belief).collect()["north"].posterior  # doctest: +SKIP
    BetaHyperparameters(alpha=18.0, beta=32.0)
    """
    check_belief(belief)
    check_options(belief, invalid, buckets)
    cores = spark.sparkContext.defaultParallelism
    try:
        dataset = ds.dataset(
            paths if isinstance(paths, str) else list(paths), format="parquet", partitioning="hive"
        )
        tasks = divide(dataset, cores)
    except (OSError, pa.ArrowInvalid) as error:
        raise PriorError(f"belief {belief.name!r}: cannot read {paths!r}: {error}") from error
    if not dataset.files:
        raise PriorError(f"belief {belief.name!r}: no Parquet files in {paths!r}")
    check_columns(belief, dataset.schema.names)
    check_types(belief, dataset.schema)
    n = number_of_buckets(spark, belief, buckets)
    reader = LearnFragments(LearnPartition(belief, invalid == "skip", n), dataset, tasks)
    numbers = spark.range(0, len(tasks), 1, max(len(tasks), 1))
    partial = numbers.mapInArrow(reader, PARTIAL)
    types = [_spark_type(dataset.schema.field(name).type) for name in belief.by]
    return Beliefs(belief, merge_partials(partial, belief, buckets), types)


class LearnFragments:
    """Learns the events of tasks, each of which consists of row groups of Parquet files.

    Parameters
    ----------
    learn
        Learns the events of a partition.
    dataset
        The files.
    tasks
        The fragments of each task.
    """

    def __init__(
        self, learn: LearnPartition, dataset: ds.Dataset, tasks: list[list[ds.Fragment]]
    ) -> None:
        self._learn = learn
        self._schema = dataset.schema
        self._tasks = tasks

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield one row for each bucket with data; the batches contain the numbers of the tasks."""
        numbers = (i for batch in batches for i in batch.column(0).to_pylist())
        return self._learn(each for i in numbers for each in self.read(self._tasks[i]))

    def read(self, fragments: Iterable[ds.Fragment]) -> Iterator[pa.RecordBatch]:
        """Yield the columns that the belief reads, in the form that `select` returns."""
        belief = self._learn.belief
        names = read_names(belief)
        counting = counts_equal(belief) and _is_countable(
            _plain(self._schema.field(belief.values[0][0]).type)
        )
        n_events = n_distinct = 0
        for fragment in fragments:
            for batch in fragment.to_batches(
                schema=self._schema, columns=names, batch_size=_ROWS, use_threads=False
            ):
                events = _select(batch, belief)
                if counting and batch.num_rows:
                    n_events += batch.num_rows
                    events = _count_equal(events)
                    n_distinct += events.num_rows
                    counting = 2 * n_distinct <= n_events
                yield events


def divide(dataset: ds.Dataset, cores: int) -> list[list[ds.Fragment]]:
    """Divide the data, in order, into tasks of about the same size: one to three tasks per core.

    If there are few files, they are split into row groups. Many files are not split, so that only
    the workers open them.
    """
    parts, n = list(dataset.get_fragments()), _MOST_TASKS_PER_CORE * cores
    sizes = np.ones(len(parts))
    if len(parts) < _FILES_PER_TASK * n:
        parts = [group for each in parts for group in each.split_by_row_group()]
        sizes = np.array([each.row_groups[0].num_rows for each in parts], float)
        n = min(n, max(cores, math.ceil(sizes.sum() / _ROWS_PER_TASK)))
    total = sizes.sum()
    if not total:
        return []
    places = np.minimum(((np.cumsum(sizes) - sizes / 2.0) / total * n).astype(int), n - 1)
    tasks: dict[int, list[ds.Fragment]] = {}
    for place, part in zip(places.tolist(), parts, strict=True):
        tasks.setdefault(place, []).append(part)
    return list(tasks.values())


def check_types(belief: Belief, schema: pa.Schema) -> None:
    """Raise an error if values would differ from those that Spark reads into a data frame.

    Raises
    ------
    PriorError
        If a key or a label is not an integer, a string or a boolean.
    """
    labels = [name for name, kind in belief.values if kind == "text"]
    for name in (*belief.by, *labels):
        kind = _plain(schema.field(name).type)
        if not _is_countable(kind):
            raise PriorError(
                f"belief {belief.name!r}: {name!r} is a column of {kind}; expected integers,"
                " strings or booleans (seqbayes.spark.learn reads other types)"
            )


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values of a column."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return pa.string() if pa.types.is_large_string(kind) else kind


def _spark_type(kind: pa.DataType) -> T.DataType:
    kind = _plain(kind)
    if pa.types.is_boolean(kind):
        return T.BooleanType()
    if not pa.types.is_integer(kind):
        return T.StringType()
    if kind == pa.uint64():
        return T.DecimalType(20, 0)
    bits = kind.bit_width + pa.types.is_unsigned_integer(kind)
    return next((each() for most, each in _INTEGERS if bits <= most), T.LongType())


def _select(batch: pa.RecordBatch, belief: Belief) -> pa.RecordBatch:
    columns: dict[str, Any] = {KEY: _keys(batch, belief)} if belief.by else {}
    for name, kind in belief.values:
        column = _decoded(batch.column(name))
        columns[name] = column.cast(pa.string()) if kind == "text" else column
    if belief.weight is not None:
        columns[WEIGHT] = _decoded(batch.column(belief.weight)).cast(pa.float64())
    if belief.time is not None:
        columns[TIME] = _seconds(_decoded(batch.column(belief.time)), belief.times.unit)
    return pa.RecordBatch.from_pydict(columns)


def _count_equal(events: pa.RecordBatch) -> pa.RecordBatch:
    """Return distinct events with their counts, as `count_equal` does for a data frame."""
    names = events.schema.names
    groups = pa.Table.from_batches([events]).group_by(names, use_threads=False)
    counted = groups.aggregate([([], "count_all")]).combine_chunks().to_batches()[0]
    columns = [*counted.columns[:-1], counted.columns[-1].cast(pa.float64())]
    return pa.RecordBatch.from_arrays(columns, [*names, COUNT])


def _is_countable(kind: pa.DataType) -> bool:
    return pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_string(kind)


def _decoded(column: pa.Array) -> pa.Array:
    """Return a column as an array of plain values."""
    kind = _plain(column.type)
    return column if column.type == kind else column.cast(kind)


def _seconds(column: pa.Array, unit: float) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        micros = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64())
        return pc.divide(micros.cast(pa.float64()), 1e6)
    return pc.multiply(column.cast(pa.float64()), unit)


def _keys(batch: pa.RecordBatch, belief: Belief) -> pa.Array:
    """Return the keys: integers or strings or, for several fields, JSON arrays of strings."""
    columns = [_decoded(batch.column(name)) for name in belief.by]
    if len(columns) == 1:
        kind = columns[0].type
        whole = pa.types.is_integer(kind) and kind != pa.uint64()  # whose largest would not fit
        return columns[0].cast(pa.int64() if whole else pa.string())
    encoded = [column.cast(pa.string()).dictionary_encode() for column in columns]
    codes, missing = np.zeros(batch.num_rows, np.int64), np.zeros(batch.num_rows, bool)
    for each in encoded:
        missing |= each.indices.is_null().to_numpy(zero_copy_only=False)
        mine = each.indices.fill_null(0).to_numpy(zero_copy_only=False)
        codes = codes * max(len(each.dictionary), 1) + mine
    codes[missing] = -1
    _, rows, inverse = np.unique(codes, return_index=True, return_inverse=True)
    texts = pa.array(rows)
    distinct = zip(
        *(column.cast(pa.string()).take(texts).to_pylist() for column in columns), strict=True
    )
    keys = pa.array([msgspec.json.encode(key).decode() for key in distinct], pa.string())
    return keys.take(pa.array(inverse, mask=missing))
