"""Learns beliefs from all rows of a data frame."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (as in Spark's documentation)
from pyspark.sql.types import DataType
from pyspark.taskcontext import TaskContext

from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.spark.estimates import STATE, answers
from seqbayes.spark.events import count_equal, key_values, read, select
from seqbayes.spark.groups import Groups
from seqbayes.spark.writing import write_states
from seqbayes.stream.codec import StateCodec

SCHEMA = "bucket int, part int, keys long, refused long, groups binary"
"""The columns of partial and merged beliefs."""

_BUCKETS_PER_CORE = 2


class Beliefs:
    """The beliefs of all keys that `learn` has learned, distributed over a cluster.

    Parameters
    ----------
    belief
        The declaration.
    groups
        The beliefs, divided into buckets of keys as `learn` stores them.
    types
        The types of the key fields.

    Attributes
    ----------
    belief
        The declaration.
    """

    def __init__(self, belief: Belief, groups: DataFrame, types: list[DataType]) -> None:
        self.belief = belief
        self._groups = groups
        self._types = types

    @property
    def refused(self) -> int:
        """The number of events that were skipped because they cannot be used."""
        return self._total("refused")

    def __len__(self) -> int:
        """Return the number of keys."""
        return self._total("keys")

    def _total(self, name: str) -> int:
        (row,) = self._groups.agg(F.sum(name)).collect()
        return int(row[0] or 0)

    def states(self) -> DataFrame:
        """Return a data frame with the key fields and, as JSON, the state of each key."""
        by = self.belief.by
        schema = ", ".join([*(f"`{name}` string" for name in by), f"{STATE} string"])
        found = self._groups.select("groups").mapInArrow(WriteStates(self.belief), schema)
        keys = [F.col(f"`{n}`").cast(t).alias(n) for n, t in zip(by, self._types, strict=True)]
        return found.select(*keys, STATE)

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
        """Drop the cached results; they will be computed again when needed."""
        self._groups.unpersist()
        return self


def learn(
    frame: DataFrame, belief: Belief, *, invalid: str = "error", buckets: int | None = None
) -> Beliefs:
    """Learn a belief from all rows of a data frame.

    Each partition is learned separately, and the partial statistics of each key are merged. They
    are exact sums, so that posteriors are identical to those learned by one process, in any order.
    A mixture makes one pass of online EM over each partition, and the results are merged in the
    order of the partitions, as `Mixture.merge` does. Equal observations that are booleans, labels
    or counts are counted by Spark first.

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
    cores = frame.sparkSession.sparkContext.defaultParallelism
    buckets = check_options(belief, invalid, buckets, cores)
    events = count_equal(select(frame, belief), belief)
    partial = events.mapInArrow(LearnPartition(belief, invalid == "skip", buckets), SCHEMA)
    types = [frame.schema[name].dataType for name in belief.by]
    return Beliefs(belief, merge_partials(partial, buckets), types)


def check_options(belief: Belief, invalid: str, buckets: int | None, cores: int) -> int:
    """Check the options of `learn`; return the number of buckets.

    Raises
    ------
    PriorError
        If an option is invalid.
    """
    if invalid not in ("error", "skip"):
        raise PriorError(f"expected invalid to be 'error' or 'skip', got {invalid!r}")
    if buckets is None:
        return _BUCKETS_PER_CORE * cores if belief.by else 1
    if type(buckets) is not int or buckets < 1:
        raise PriorError(f"expected a number of buckets above 0, got {buckets!r}")
    return buckets


def merge_partials(partial: DataFrame, buckets: int) -> DataFrame:
    """Return a cached data frame of the merged beliefs of each bucket of keys."""
    merged = partial.repartition(buckets, "bucket").mapInArrow(MergeBuckets(), SCHEMA)
    return merged.persist(StorageLevel.MEMORY_AND_DISK)


@dataclass
class LearnPartition:
    """Learns the events of a partition, and yields the beliefs in buckets of keys."""

    belief: Belief
    skip: bool
    buckets: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield one row for each bucket with data."""
        groups = Groups(self.belief, self.skip)
        for batch in batches:
            groups.learn(read(batch, self.belief))
        context = TaskContext.get()
        part = 0 if context is None else context.partitionId()
        for bucket, each in enumerate(groups.split(self.buckets)):
            if len(each) or each.refused:
                yield _pack(bucket, part, each)


class MergeBuckets:
    """Merges the partial beliefs of each bucket, in the order of the partitions."""

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield one row for each bucket."""
        found = [row for batch in batches for row in batch.to_pylist()]
        found.sort(key=lambda row: (row["bucket"], row["part"]))
        merged: dict[int, Groups] = {}
        for row in found:
            groups = pickle.loads(row.pop("groups"))
            mine = merged.get(row["bucket"])
            if mine is None:
                merged[row["bucket"]] = groups
            else:
                mine.merge(groups)
        for bucket, groups in merged.items():
            yield _pack(bucket, 0, groups)


def _pack(bucket: int, part: int, groups: Groups) -> pa.RecordBatch:
    columns = {
        "bucket": pa.array([bucket], pa.int32()),
        "part": pa.array([part], pa.int32()),
        "keys": pa.array([len(groups)], pa.int64()),
        "refused": pa.array([groups.refused], pa.int64()),
        "groups": pa.array([pickle.dumps(groups, 5)], pa.binary()),
    }
    return pa.RecordBatch.from_pydict(columns)


@dataclass
class WriteStates:
    """Yields the states of buckets, a bounded number of rows at a time."""

    belief: Belief

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the key fields and the JSON of the states."""
        codec, by = StateCodec(self.belief.state), self.belief.by
        for batch in batches:
            for packed in batch.column("groups").to_pylist():
                keys: list[tuple[str, ...]] = []
                texts = []
                for key, state in pickle.loads(packed).items():
                    keys.append(key_values(key, self.belief))
                    texts.append(codec.write(state))
                columns = [pa.array([key[i] for key in keys]) for i in range(len(by))]
                if texts:
                    yield pa.RecordBatch.from_arrays([*columns, pa.array(texts)], [*by, STATE])


def _as_text(value: Any) -> str:
    """Return a value of a key as the string to which Spark casts it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
