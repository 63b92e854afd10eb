"""Exact sums of numbers and of their squares, which Spark computes with integers.

A number x with 2**e <= |x| < 2**(e + 8), where e is a multiple of 8, is i * 2**(e - 52) for a whole
number i below 2**60. Sums of i and of its square do not depend on the order of the rows if they are
computed digit by digit, with digits of 30 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (as in Spark's documentation)
from pyspark.sql import types as T  # noqa: N812

from seqbayes.bulk.sums import fill
from seqbayes.errors import ObservationError, UnsupportedError
from seqbayes.events.belief import Belief
from seqbayes.likelihoods.sql import SqlForm, X
from seqbayes.spark.events import COUNT, KEY, quoted, read
from seqbayes.spark.groups import Groups
from seqbayes.spark.workers import states
from seqbayes.statistics.columns import Columns

Array = Any

_WIDTH = 8
LOWEST, HIGHEST = -120, 128
"""Powers of two between which numbers are summed; others are learned one at a time."""

_FRACTION = 2.0**52
_DIGIT = 30
_MASK = (1 << _DIGIT) - 1
_MOST_EVENTS = 1 << 31
"""Maximum number of rows in a sum of integers; sums over more rows could overflow."""

_PARTITIONS = 5
"""Each sum is over at most 2**5 partitions, so that it does not overflow."""

SCALE = "__scale"
"""The column with the power of two that makes a number at least 1 and below 2**8; or the number
itself, if it is not in range."""

SUMS = ("__a", "__b", "__s0", "__s1", "__s2", "__s3")
"""The digits of the sum, and of the sum of squares, which begin with the lowest one."""


def has_moments(frame: DataFrame, belief: Belief) -> bool:
    """Whether a belief learns only the sums of numbers and of their squares."""
    state = belief.state
    if belief.weight is not None or belief.mapped or len(belief.values) > 1:
        return False
    if not state.conjugate or state.timed or state.open_ended:
        return False
    ((name, kind),) = belief.values
    numeric = (T.DoubleType, T.FloatType, T.IntegralType)
    if kind != "number" or not isinstance(frame.schema[name].dataType, numeric):
        return False
    try:
        form: SqlForm = state.likelihood.sql_form()
    except UnsupportedError:
        return False
    return form.centred == X and form.terms == (0.0,)


def sum_moments(events: DataFrame, belief: Belief) -> DataFrame:
    """Return the sums of the events of each key, one row for each range of magnitudes."""
    keys = [KEY] if belief.by else []
    (name, _), low, high = belief.values[0], _double(LOWEST), _double(HIGHEST)
    # a column of the events would hide an alias of the same name
    renamed = events.selectExpr(*keys, f"CAST({quoted(name)} AS DOUBLE) AS __x")
    rows = renamed.selectExpr(
        *keys,
        "__x",
        f"SHIFTRIGHT(SPARK_PARTITION_ID(), {_PARTITIONS}) AS __group",
        "ABS(__x) AS __size",
        f"CASE WHEN __size >= {low} AND __size < {high} THEN {_scale(LOWEST, HIGHEST)}"
        f" ELSE __x END AS {SCALE}",
        # numbers that are not in range are not multiplied, because the product could overflow
        # and sums of integers that are never null are faster
        f"COALESCE(CAST(IF({SCALE} >= {low} AND {SCALE} < {high}, __x * {SCALE} * {_FRACTION!r}D,"
        " 0D) AS BIGINT), 0L) AS __i",
        f"SHIFTRIGHT(__i, {_DIGIT}) AS __a",
        f"__i & {_MASK}L AS __b",
        "__a * __a AS __aa",
        "2L * __a * __b AS __ab",
        "__b * __b AS __bb",
    )
    terms = (
        "__a",
        "__b",
        f"__bb & {_MASK}L",
        f"SHIFTRIGHT(__bb, {_DIGIT}) + (__ab & {_MASK}L)",
        f"SHIFTRIGHT(__ab, {_DIGIT}) + (__aa & {_MASK}L)",
        f"SHIFTRIGHT(__aa, {_DIGIT})",
    )
    sums = [f"SUM({term}) AS {name}" for term, name in zip(terms, SUMS, strict=True)]
    summed = rows.groupBy(*keys, "__group", SCALE).agg(
        F.expr(f"COUNT(*) AS {COUNT}"), *map(F.expr, sums)
    )
    return summed.drop("__group")


def _scale(low: int, high: int) -> str:
    """Return SQL for the scale of a number with 2**low <= |x| < 2**high, by bisection."""
    if high - low == _WIDTH:
        return _double(-low)
    middle = low + (high - low) // (2 * _WIDTH) * _WIDTH
    return (
        f"CASE WHEN __size < {_double(middle)} THEN {_scale(low, middle)}"
        f" ELSE {_scale(middle, high)} END"
    )


def _double(power: int) -> str:
    """Return a power of two as SQL."""
    return f"{2.0**power!r}D"


@dataclass
class LearnMoments:
    """Learns the sums of a partition that has all events of its keys."""

    belief: Belief
    skip: bool

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the states of the keys."""
        groups = Groups(self.belief, self.skip)
        for batch in batches:
            scale = batch.column(SCALE).to_numpy(zero_copy_only=False)
            summed = (scale >= 2.0**LOWEST) & (scale < 2.0**HIGHEST)
            if self.belief.by:
                summed &= batch.column(KEY).is_valid().to_numpy(zero_copy_only=False)
            self._learn(groups, batch.filter(pa.array(summed)), batch.filter(pa.array(~summed)))
        return states(groups, self.belief)

    def _learn(self, groups: Groups, summed: pa.RecordBatch, others: pa.RecordBatch) -> None:
        state: Any = self.belief.state
        keys = [KEY] if self.belief.by else []
        if others.num_rows:
            columns = [*(others.column(KEY) for _ in keys), others.column(SCALE)]
            columns.append(others.column(COUNT).cast(pa.float64()))
            names = [*keys, self.belief.values[0][0], COUNT]
            groups.learn(read(pa.RecordBatch.from_arrays(columns, names), self.belief))
        if summed.num_rows:
            statistics = Columns(state.new_statistics)
            fill(statistics, _parts(summed))
            groups.add(summed.column(KEY) if keys else None, statistics)


def _parts(batch: pa.RecordBatch) -> list[list[Array]]:
    """Return the weight, the log base measure, the sum and the sum of squares of each row.

    Each result is a list of terms without rounding errors.

    Raises
    ------
    ObservationError
        If there are too many events.
    """
    n, scale = batch.column(COUNT).to_numpy(), batch.column(SCALE).to_numpy()
    if n.max() > _MOST_EVENTS:
        raise ObservationError(
            f"a key has more than {_MOST_EVENTS} events in {1 << _PARTITIONS} partitions: divide"
            " the data frame into more partitions, with DataFrame.repartition"
        )
    a, b, *digits = (batch.column(name).to_numpy().copy() for name in SUMS)
    for low, high in ((b, a), *pairwise(digits)):
        high += low >> _DIGIT
        low &= _MASK
    s0, s1, s2, s3 = digits
    unit = 1.0 / _FRACTION / scale
    first = [(a >> 20, 2.0**50), (((a & (1 << 20) - 1) << _DIGIT) | b, 1.0)]
    second = [
        (s3 >> 12, 2.0**102),
        (((s3 & (1 << 12) - 1) << 39) | (s2 << 9) | (s1 >> 21), 2.0**51),
        (((s1 & (1 << 21) - 1) << _DIGIT) | s0, 1.0),
    ]
    return [
        [n.astype(float)],
        [np.zeros(len(n))],
        [part * (power * unit) for part, power in first],
        [part * (power * unit * unit) for part, power in second],
    ]
