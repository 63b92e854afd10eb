"""Functions that Spark calls in its Python workers, with Arrow batches."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql.types import BinaryType, IntegerType, LongType, StringType, StructType
from pyspark.taskcontext import TaskContext

from seqbayes.events.belief import Belief
from seqbayes.spark.estimates import STATE
from seqbayes.spark.events import REFUSED, booleans, key_values, read
from seqbayes.spark.groups import Groups
from seqbayes.stream.codec import StateCodec

PARTIAL = (
    StructType().add("bucket", IntegerType()).add("part", IntegerType()).add("groups", BinaryType())
)
"""The columns of partial beliefs."""


def states_schema(belief: Belief) -> StructType:
    """Return the columns of states: the key fields as strings, the state, and refused events."""
    schema = StructType()
    for name in (*belief.by, STATE):
        schema.add(name, StringType())
    return schema.add(REFUSED, LongType())


@dataclass
class LearnPartition:
    """Learns the events of a partition, and yields the beliefs in buckets of keys."""

    belief: Belief
    skip: bool
    buckets: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield one row for each bucket with data."""
        groups = _learned(batches, self.belief, self.skip)
        context = TaskContext.get()
        part = 0 if context is None else context.partitionId()
        for bucket, each in enumerate(groups.split(self.buckets)):
            if len(each) or each.refused:
                columns = {
                    "bucket": pa.array([bucket], pa.int32()),
                    "part": pa.array([part], pa.int32()),
                    "groups": pa.array([pickle.dumps(each, 5)], pa.binary()),
                }
                yield pa.RecordBatch.from_pydict(columns)


@dataclass
class MergeBuckets:
    """Merges the partial beliefs of each bucket, in the order of the partitions."""

    belief: Belief

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the states of each bucket."""
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
        for groups in merged.values():
            yield from states(groups, self.belief)


@dataclass
class LearnKeys:
    """Learns the events of a partition that has all events of its keys."""

    belief: Belief
    skip: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the states of the keys."""
        return states(_learned(batches, self.belief, self.skip), self.belief)


@dataclass
class LearnBooleans:
    """Learns the numbers of booleans of a partition that has all events of its keys."""

    belief: Belief
    skip: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the states of the keys."""
        ((name, _),) = self.belief.values
        counted = (booleans(batch, name) for batch in batches)
        return states(_learned(counted, self.belief, self.skip), self.belief)


def _learned(batches: Iterable[pa.RecordBatch], belief: Belief, skip: bool) -> Groups:
    groups = Groups(belief, skip)
    for batch in batches:
        groups.learn(read(batch, belief))
    return groups


def states(groups: Groups, belief: Belief) -> Iterator[pa.RecordBatch]:
    """Yield the columns of `states_schema`."""
    codec, names = StateCodec(belief.state), [*belief.by, STATE, REFUSED]
    keys: list[tuple[str, ...]] = []
    texts = []
    for key, state in groups.items():
        keys.append(key_values(key, belief))
        texts.append(codec.write(state))
    n = len(texts)
    if n:
        columns = [pa.array([key[i] for key in keys]) for i in range(len(belief.by))]
        columns += [pa.array(texts), pa.nulls(n, pa.int64())]
        yield pa.RecordBatch.from_arrays(columns, names)
    if groups.refused:
        columns = [pa.nulls(1, pa.string()) for _ in names[:-1]]
        yield pa.RecordBatch.from_arrays([*columns, pa.array([groups.refused])], names)
