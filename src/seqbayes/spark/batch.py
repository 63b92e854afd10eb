"""Learns beliefs from all rows of a data frame."""

from __future__ import annotations

from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType, DataType

from seqbayes.errors import PriorError
from seqbayes.events.belief import Belief
from seqbayes.spark.estimates import STATE, answers
from seqbayes.spark.events import (
    KEY,
    REFUSED,
    check_key_names,
    count_booleans,
    count_equal,
    is_countable,
    quoted,
    select,
)
from seqbayes.spark.mapping import map_batches
from seqbayes.spark.moments import LearnMoments, has_moments, sum_moments
from seqbayes.spark.partials import Partials, number_of_buckets
from seqbayes.spark.workers import (
    PARTIAL,
    LearnBooleans,
    LearnKeys,
    LearnPartition,
    MergeBuckets,
    states_schema,
)
from seqbayes.spark.writing import write_states
from seqbayes.stream.codec import StateCodec


class Beliefs:
    """The beliefs of all keys that `learn` has learned, distributed over a cluster.

    Parameters
    ----------
    belief
        The declaration.
    partials
        The partial results.
    types
        The types of the key fields.

    Attributes
    ----------
    belief
        The declaration.
    """

    def __init__(self, belief: Belief, partials: Partials, types: list[DataType]) -> None:
        self.belief = belief
        self._partials = partials
        self._merged: pa.Table | DataFrame | None = None
        named = zip(map(quoted, belief.by), types, strict=True)
        self._keys = [f"CAST({name} AS {kind.simpleString()}) AS {name}" for name, kind in named]

    @property
    def refused(self) -> int:
        """The number of events that were skipped because they cannot be used."""
        found = self._found()
        if isinstance(found, pa.Table):
            return pc.sum(found[REFUSED]).as_py() or 0
        (row,) = found.selectExpr(f"SUM({REFUSED})").collect()
        return row[0] or 0

    def __len__(self) -> int:
        """Return the number of keys."""
        found = self._found()
        if isinstance(found, pa.Table):
            return found.num_rows - found[STATE].null_count
        return found.where(f"{STATE} IS NOT NULL").count()

    def _found(self) -> pa.Table | DataFrame:
        """Return the states, with the columns of `states_schema`."""
        if self._merged is None:
            self._merged = self._partials.merged()
        return self._merged

    def states(self) -> DataFrame:
        """Return a data frame with the key fields and, as JSON, the state of each key.

        Raises
        ------
        PriorError
            If a key field is called `state`.
        """
        check_key_names(self.belief, STATE)
        found = self._found()
        if isinstance(found, pa.Table):
            spark, present = self._partials.frame.sparkSession, found[STATE].is_valid()
            frame = spark.createDataFrame(found.filter(present), states_schema(self.belief))
        else:
            frame = found.where(f"{STATE} IS NOT NULL")
        return frame.selectExpr(*self._keys, STATE)

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
        codec, found = StateCodec(self.belief.state), self._found()
        table = found if isinstance(found, pa.Table) else found.toArrow()
        states = {}
        for *values, text, _ in zip(*(column.to_pylist() for column in table.columns), strict=True):
            if text is not None:
                states[values[0] if len(values) == 1 else tuple(values)] = codec.read(text)
        return states

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
        if isinstance(self._merged, DataFrame):
            self._merged.unpersist()
        self._merged = None
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
        sums = sum_moments(events, belief)
        partials = Partials(belief, sums, LearnMoments(belief, skip), KEY, buckets)
    elif is_countable(frame, belief):
        partials = _count(events, frame, belief, skip, buckets)
    else:
        n = number_of_buckets(frame.sparkSession, belief, buckets)
        partial = map_batches(events, LearnPartition(belief, skip, n), PARTIAL)
        partials = merge_partials(partial, belief, buckets)
    return Beliefs(belief, partials, [frame.schema[name].dataType for name in belief.by])


def _count(
    events: DataFrame, frame: DataFrame, belief: Belief, skip: bool, buckets: int | None
) -> Partials:
    """Return distinct events with their counts."""
    ((name, kind),) = belief.values
    if kind != "text" and isinstance(frame.schema[name].dataType, BooleanType):
        learn_booleans = LearnBooleans(belief, skip)
        return Partials(belief, count_booleans(events, name), learn_booleans, None, buckets)
    return Partials(belief, count_equal(events), LearnKeys(belief, skip), KEY, buckets)


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


def merge_partials(partial: DataFrame, belief: Belief, buckets: int | None) -> Partials:
    """Return partial beliefs, which are merged by bucket."""
    return Partials(belief, partial, MergeBuckets(belief), "bucket", buckets, "groups")
