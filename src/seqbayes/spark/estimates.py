"""Posterior summaries of the states in a data frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import DoubleType, StringType, StructField, StructType

from seqbayes.checks import check_level
from seqbayes.console.summary import View
from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.spark.events import check_key_names, quoted
from seqbayes.spark.mapping import map_batches
from seqbayes.stream.codec import StateCodec
from seqbayes.stream.verbs.stored import KeyState, rows

STATE = "state"
"""The column with the JSON of a state, as in a store."""

AT = "at"
"""The column with the time until which a state in a stream has decayed, in seconds since 1970."""

NUMBERS = ("n", "mean", "low", "high", "mle", "map")
"""The columns of an estimated parameter, named as by `seqbayes export`."""


def answers(
    states: DataFrame, belief: Belief, level: float = 0.95, kind: str = "equal-tailed"
) -> DataFrame:
    """Return the estimates of the states in a data frame.

    Parameters
    ----------
    states
        The key fields and `state`, as `Beliefs.states` and `learn_stream` return them. If there is
        a column `at`, beliefs with a half-life in time are decayed until that time.
    belief
        The declaration.
    level, kind
        Level of the credible intervals, and "equal-tailed" or "hdi".

    Returns
    -------
    DataFrame
        The key fields, and `part`, `n`, `mean`, `low`, `high`, `mle` and `map`: one row for each
        key and estimated parameter, as `seqbayes export` writes them.

    Raises
    ------
    ObservationError
        If the level or kind is invalid.
    PriorError
        If a column is missing, or a key field has the name of another column.
    """
    check_level(level, kind)
    check_key_names(belief, STATE, AT, "part", *NUMBERS)
    missing = [name for name in (*belief.by, STATE) if name not in states.columns]
    if missing:
        expected = f"expected the states of belief {belief.name!r}"
        raise PriorError(f"{expected}, but there is no column {missing[0]!r}")
    frame = states.select(*map(quoted, belief.by), *({AT} & set(states.columns)), STATE)
    fields = [StructField("part", StringType())]
    fields += [StructField(name, DoubleType()) for name in NUMBERS]
    schema = StructType([*(frame.schema[name] for name in belief.by), *fields])
    return map_batches(frame, _EstimateBatches(belief, View(level, kind)), schema)


@dataclass
class _EstimateBatches:
    """Converts Arrow batches of states to estimates."""

    belief: Belief
    view: View

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        codec, by = StateCodec(self.belief.state), self.belief.by
        for batch in batches:
            sources: list[int] = []
            found: list[list[Any]] = []
            times = batch.column(AT).to_pylist() if AT in batch.schema.names else []
            for row, text in enumerate(batch.column(STATE).to_pylist()):
                if text is None:  # a key that was removed
                    continue
                model = codec.read(text)
                if model.timed and times and times[row] is not None:
                    model = model.as_of(max(times[row], model.clock or times[row]))
                found_state = KeyState(self.belief.name, {}, model, 0.0, 0.0)
                for _, *values in rows(found_state, self.view, ()):
                    sources.append(row)
                    found.append(values[:-2])  # omit the two times, which only stores have
            columns = list(zip(*found, strict=True)) if found else [()] * (len(NUMBERS) + 1)
            keys = [batch.column(name).take(pa.array(sources, pa.int64())) for name in by]
            parts, *numbers = columns
            arrays = [pa.array(parts, pa.string()), *(pa.array(n, pa.float64()) for n in numbers)]
            yield pa.RecordBatch.from_arrays([*keys, *arrays], [*by, "part", *NUMBERS])
