"""Calls Python functions with the Arrow batches of data frames whose column names need quotes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

Function = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


@dataclass
class _Renamed:
    """Calls a function with Arrow batches whose columns are renamed."""

    function: Function
    names: list[str]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return self.function(batch.rename_columns(self.names) for batch in batches)


def needs_quotes(name: str) -> bool:
    """Whether Spark cannot find a column by its name alone."""
    return "." in name or "`" in name


def map_batches(frame: DataFrame, function: Function, schema: StructType) -> DataFrame:
    """Return `frame.mapInArrow(function, schema)`, which refuses names that need quotes."""
    names = frame.columns
    if not any(map(needs_quotes, names)):
        return frame.mapInArrow(function, schema)
    numbered = frame.toDF(*(f"c{i}" for i in range(len(names))))
    return numbered.mapInArrow(_Renamed(function, names), schema)
