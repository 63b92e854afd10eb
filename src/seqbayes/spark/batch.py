"""Learns beliefs from all rows of a data frame."""

from __future__ import annotations

from typing import Any, Self

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import BooleanType, DataType

from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.spark.estimates import STATE, answers
from seqbayes.spark.events import KEY, count_booleans, count_equal, is_countable, quoted, select
from seqbayes.spark.moments import LearnMoments, has_moments, sum_moments
from seqbayes.spark.workers import (
    PARTIAL,
    REFUSED,
    LearnKeys,
    LearnPartition,
    MergeBuckets,
    states_schema,
)
from seqbayes.spark.writing import write_states
from seqbayes.stream.codec import StateCodec

_BUCKETS_PER_CORE = 2


class Beliefs:
    """The beliefs of all keys that `learn` has learned, distributed over a cluster.

    Parameters
    ----------
    belief
        The declaration.
    found
        The states of the keys, with the columns of `states_schema`.
    types
        The types of the key fields.

    Attributes
    ----------
    belief
        The declaration.
    """

    def __init__(self, belief: Belief, found: DataFrame, types: list[DataType]) -> None:
        self.belief = belief
        self._found = found.persist(StorageLevel.MEMORY_AND_DISK)
        named = zip(map(quoted, belief.by), types, strict=True)
        self._keys = [f"CAST({name} AS {kind.simpleString()}) AS {name}" for name, kind in named]

    @property
    def refused(self) -> int:
        """The number of events that were skipped because they cannot be used."""
        return self._aggregate(f"SUM({REFUSED})")

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._aggregate(f"COUNT({STATE})")

    def _aggregate(self, sql: str) -> int:
        (row,) = self._found.selectExpr(sql).collect()
        return int(row[0] or 0)

    def states(self) -> DataFrame:
        """Return a data frame with the key fields and, as JSON, the state of each key."""
        return self._found.where(f"{STATE} IS NOT NULL").selectExpr(*self._keys, STATE)

    def answers(self, level: float = 0.95, kind: str = "equal-tailed") -> DataFrame:
        """Return a data frame of estimates; see `seqbayes.spark.answers`."""
        return answers(self.states(), self.belief, level, kind)

    def to_arrow(self, level: float = 0.95, kind: str = "equal-tailed") -> pa.Table:
        """Return the estimates as an Arrow table, sorted by key."""
        by = list(self.belief.by)
        table = self.answers(level, kind).toArrow()
        order = [(name, "ascending") for name in [*by, "part"]]
        return table.sort_by(order)

    def collect(self) -> dict[Any, Any]:
        """Return the states as a dict whose keys are strings, tuples of several strings, or ().

        The states are the same as those that one process learns from the same events.
        """
        codec, by = StateCodec(self.belief.state), self.belief.by
        found = {}
        for row in self.states().collect():
            *values, text = row
            key = tuple(map(_as_text, values))
            found[key[0] if len(by) == 1 else key] = codec.read(text)
        return found

    def write(self, url: str) -> int:
        """Write the states into a store of seqbayes, in one transaction.

        Parameters
        ----------
        url
            URL or path of the store, which is created if it does not exist.

        Returns
        -------
        int
            The number of keys written.

        Raises
        ------
        StoreError
            If the store has data of a belief with this name, or cannot be written.
        """
        return write_states(self.states(), self.belief, url)

    def unpersist(self) -> Self:
        """Drop the cached results; they will be recomputed when needed."""
        self._found.unpersist()
        return self


def learn(
    frame: DataFrame, belief: Belief, *, invalid: str = "error", buckets: int | None = None
) -> Beliefs:
    """Learn a belief from all rows of a data frame.

    Each partition is learned separately, and the partial statistics of each key are merged. The
    statistics are exact sums, so that posteriors are identical to those learned by one process, in
    any order. A mixture makes one pass of online EM over each partition, and the results are merged
    in the order of the partitions, as `Mixture.merge` does. If observations are booleans, labels or
    counts, Spark itself counts equal ones; if they are numbers with a normal likelihood, Spark sums
    them. In both cases, only the results are moved to Python.

    Parameters
    ----------
    frame
        The events, with the columns that the belief names.
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
        If the belief cannot be learned in parts, or a column or an option is invalid.

    Examples
    --------
    >>> from seqbayes import Beta  # doctest: +SKIP
    >>> from seqbayes.stream import Belief  # doctest: +SKIP
    >>> belief = Belief("conversion", Beta(), field="sold", by="shop")  # doctest: +SKIP
    >>> learn(frame, belief).collect()["north"].posterior  # doctest: +SKIP
    BetaHyperparameters(alpha=18.0, beta=32.0)
    """
    check_options(belief, invalid, buckets)
    events, skip = select(frame, belief), invalid == "skip"
    if has_moments(frame, belief):
        sums = distribute(sum_moments(events, belief), KEY, belief, buckets)
        found = sums.mapInArrow(LearnMoments(belief, skip), states_schema(belief))
    elif is_countable(frame, belief):
        counted = _count(events, frame, belief, buckets)
        found = counted.mapInArrow(LearnKeys(belief, skip), states_schema(belief))
    else:
        n = number_of_buckets(frame.sparkSession, belief, buckets)
        partial = events.mapInArrow(LearnPartition(belief, skip, n), PARTIAL)
        found = merge_partials(partial, belief, buckets)
    return Beliefs(belief, found, [frame.schema[name].dataType for name in belief.by])


def _count(events: DataFrame, frame: DataFrame, belief: Belief, buckets: int | None) -> DataFrame:
    """Return distinct events with their counts; all events of a key are in one partition."""
    ((name, kind),) = belief.values
    if kind != "text" and isinstance(frame.schema[name].dataType, BooleanType):
        return count_booleans(events, name)
    return distribute(count_equal(events), KEY, belief, buckets)


def check_options(belief: Belief, invalid: str, buckets: int | None) -> None:
    """Check the options of `learn`.

    Raises
    ------
    PriorError
        If an option is invalid.
    """
    if invalid not in ("error", "skip"):
        raise PriorError(f"expected 'invalid' to be 'error' or 'skip', got {invalid!r}")
    if buckets is not None and (type(buckets) is not int or buckets < 1):
        raise PriorError(f"expected a number of buckets above 0, got {buckets!r}")


def number_of_buckets(spark: SparkSession, belief: Belief, buckets: int | None) -> int:
    """Return the number of parts into which the keys of a partition are divided."""
    if not belief.by:
        return 1
    return buckets or _BUCKETS_PER_CORE * spark.sparkContext.defaultParallelism


def merge_partials(partial: DataFrame, belief: Belief, buckets: int | None) -> DataFrame:
    """Return the states of the keys in partial beliefs."""
    parts = distribute(partial, "bucket", belief, buckets)
    return parts.mapInArrow(MergeBuckets(belief), states_schema(belief))


def distribute(frame: DataFrame, column: str, belief: Belief, buckets: int | None) -> DataFrame:
    """Partition rows so that all rows with the same value of a column are in one partition."""
    spark = frame.sparkSession
    if not belief.by:
        return frame.repartition(1)
    if buckets is None and spark.conf.get("spark.sql.adaptive.enabled") == "true":
        return frame.repartition(column)  # Spark combines small partitions
    return frame.repartition(number_of_buckets(spark, belief, buckets), column)


def _as_text(value: Any) -> str:
    """Return a value of a key as the string to which Spark casts it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
