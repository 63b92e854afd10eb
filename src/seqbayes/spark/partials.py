"""Merges partial results: in the driver if there are few, otherwise in Spark's workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from seqbayes.events.belief import Belief
from seqbayes.spark.estimates import STATE
from seqbayes.spark.events import REFUSED, quoted
from seqbayes.spark.mapping import map_batches
from seqbayes.spark.workers import states_schema

_BUCKETS_PER_CORE = 2

_FEW_ROWS = 1 << 14
"""A call of a Python worker and a cached result take longer than to merge this number of rows."""

_FEW_BYTES = 1 << 18
"""The largest partial belief that is merged in the driver, in bytes."""

_FEW_BELIEFS = 128
"""The most partial beliefs that are merged in the driver: each one contains many keys."""


@dataclass
class Partials:
    """Partial results of a belief, and how they are merged.

    Parameters
    ----------
    belief
        The declaration.
    frame
        The partial results.
    merge
        Function that merges all partial results of some keys; see `states_schema`.
    column
        Partial results with the same value of this column are merged by one call; None if the
        partial results of a partition are merged by one call.
    buckets
        Number of parts into which keys are distributed, or None.
    large
        Name of a column of binary values with many keys each, or None.
    """

    belief: Belief
    frame: DataFrame
    merge: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
    column: str | None
    buckets: int | None = None
    large: str | None = None

    def merged(self) -> pa.Table | DataFrame:
        """Compute the states: a table if there are few partial results, or a cached data frame."""
        cached = self.frame.persist(StorageLevel.MEMORY_AND_DISK)
        try:
            few = self._few(cached)
            if few is not None:
                names = [*self.belief.by, STATE, REFUSED]
                kinds = [*(pa.string() for _ in names[:-1]), pa.int64()]
                schema = pa.schema(list(zip(names, kinds, strict=True)))
                return pa.Table.from_batches(list(self.merge(few.to_batches())), schema)
            parts = cached if self.column is None else self._distribute(cached, self.column)
            found = map_batches(parts, self.merge, states_schema(self.belief))
            found.persist(StorageLevel.MEMORY_AND_DISK).count()
            return found
        finally:
            cached.unpersist()

    def _few(self, cached: DataFrame) -> pa.Table | None:
        """Return all partial results, or None if there are many."""
        if self.large is None:
            few = cached.limit(_FEW_ROWS + 1).toArrow()
            return few if few.num_rows <= _FEW_ROWS else None
        size = f"IF(LENGTH({self.large}) <= {_FEW_BYTES}, {self.large}, NULL) AS {self.large}"
        names = [size if name == self.large else quoted(name) for name in cached.columns]
        few = cached.selectExpr(*names).limit(_FEW_BELIEFS + 1).toArrow()
        small = few.num_rows <= _FEW_BELIEFS and not few[self.large].null_count
        return few if small else None

    def _distribute(self, frame: DataFrame, column: str) -> DataFrame:
        """Partition rows so that all rows with the same value of a column are in one partition."""
        spark = frame.sparkSession
        if not self.belief.by:
            return frame.repartition(1)
        if self.buckets is None and spark.conf.get("spark.sql.adaptive.enabled") == "true":
            return frame.repartition(column)  # Spark combines small partitions
        return frame.repartition(number_of_buckets(spark, self.belief, self.buckets), column)


def number_of_buckets(spark: SparkSession, belief: Belief, buckets: int | None) -> int:
    """Return the number of parts into which the keys of a partition are divided."""
    if not belief.by:
        return 1
    return buckets or _BUCKETS_PER_CORE * spark.sparkContext.defaultParallelism
