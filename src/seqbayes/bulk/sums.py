"""Queries for the sums of every key, and the statistics that consist of these sums."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes.bulk.dialects import literal
from seqbayes.bulk.relation import Relation, as_floats
from seqbayes.bulk.selection import SelectionQuery
from seqbayes.errors import ObservationError
from seqbayes.likelihoods.sql import Complement, number
from seqbayes.numerics.special import product_errors
from seqbayes.statistics.columns import Columns, split_time
from seqbayes.statistics.sum_columns import PARTS

_SAMPLE = 1000
"""Number of rows whose mean is the first estimate of a value close to the means of all keys."""
_CANCELLATION = 256.0
"""If the squares about a value exceed those about the mean by this factor, they are summed again
about the mean: at most 8 bits are lost."""

Array = Any


@dataclass(frozen=True)
class Aggregated:
    """The statistics of every key.

    Parameters
    ----------
    keys
        One list or array for each column of the key.
    columns
        The statistics, one row for each key.
    n
        Number of rows that were aggregated.
    """

    keys: Sequence[Any]
    columns: Columns
    n: int


def aggregate_rows(relation: Relation, part: SelectionQuery, rows: str) -> Aggregated:
    """Return the statistics of every key.

    Parameters
    ----------
    relation
        The engine.
    part
        The SQL for the selection.
    rows
        A table expression for the rows to aggregate, with the columns of `SelectionQuery.items`.

    Raises
    ------
    ObservationError
        If a sum overflows.
    """
    form, selection = part.selection.form, part.selection
    pivot: Any = 0.0
    if form.centred and not selection.half_life:
        pivot = _sample_mean(relation, part.rename(form.centred), rows)
        sums = relation.select(_query(part, rows, number(pivot)))
        if _cancels(sums):
            pivot = None
    elif selection.half_life:
        pivot = None
    else:
        sums = relation.select(_query(part, rows, number(0.0)))
    if pivot is None:
        sums = relation.select(_query(part, rows, ""))
        pivot = as_floats(sums["sb_p"]) if form.centred else 0.0
    return _assemble(part, sums, pivot)


def _sample_mean(relation: Relation, x: str, rows: str) -> float:
    """Return the mean of a sample; in most data, it is close to the mean of each key."""
    sql = f"SELECT AVG(sb_c) AS m FROM (SELECT {x} AS sb_c FROM {rows} LIMIT {_SAMPLE}) AS sb_some"
    (mean,) = relation.select(sql)["m"]
    return 0.0 if mean is None or not math.isfinite(mean) else float(mean)


def _query(part: SelectionQuery, rows: str, pivot: str) -> str:
    """Return the query for the sums of every key.

    Parameters
    ----------
    part
        The selection.
    rows
        The rows to aggregate.
    pivot
        The value about which squares are summed. If empty, the squares are summed about the mean of
        each key, which needs a second pass.
    """
    selection, form = part.selection, part.selection.form
    t, keys, source = f"{part.prefix}t", part.keys, rows
    weight = f"{part.prefix}w" if selection.weight is not None else ""
    centred = part.rename(form.centred)
    first = [f"{key} AS {key}" for key in keys]
    extra = []
    if not pivot:
        if form.centred:
            first.append(f"AVG({centred}) AS sb_p")
            extra.append("MAX(sb_first.sb_p) AS sb_p")
        if selection.half_life:
            first.append(f"MAX({t}) AS sb_last")
            extra.append("MAX(sb_first.sb_last) AS sb_last")
            decay = f"POWER({number(2.0)}, ({t} - sb_last) / {number(selection.half_life)})"
            weight = f"{decay} * {weight}" if weight else decay
        pivot = "sb_p"
        source, keys = _joined(first, keys, rows)
    terms = [part.rename(term) for term in _summed(form.terms, bool(weight))]
    if form.centred:
        terms += [f"({centred} - {pivot})", f"({centred} - {pivot}) * ({centred} - {pivot})"]
    if form.labelled:
        one, zero = number(1.0), number(0.0)
        labels = map(literal, selection.labels)
        terms += [
            f"CASE WHEN {part.prefix}x = {label} THEN {one} ELSE {zero} END" for label in labels
        ]
    items = [*(f"{key} AS sb_key{i}" for i, key in enumerate(keys)), "COUNT(*) AS sb_n", *extra]
    if weight:
        items.append(f"SUM({weight}) AS sb_w")
    heavy = f"{weight} * " if weight else ""
    items += [f"SUM({heavy}({term})) AS sb_s{i}" for i, term in enumerate(terms)]
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    return f"SELECT {', '.join(items)} FROM {source}{group}"


def _joined(first: Sequence[str], keys: Sequence[str], rows: str) -> tuple[str, list[str]]:
    """Return the rows joined with the aggregates of their keys, and the names of key columns."""
    group = f" GROUP BY {', '.join(keys)}" if keys else ""
    aggregates = f"(SELECT {', '.join(first)} FROM {rows}{group}) AS sb_first"
    every = f"(SELECT * FROM {rows}) AS sb_each"
    if not keys:
        return f"{every} CROSS JOIN {aggregates}", []
    equal = " AND ".join(f"sb_each.{key} = sb_first.{key}" for key in keys)
    return f"{every} JOIN {aggregates} ON {equal}", [f"sb_each.{key}" for key in keys]


def _summed(terms: Sequence[str | float | Complement], weighted: bool) -> list[str]:
    """Return the terms to sum.

    Complements of weighted sums are themselves summed, because differences between sums would lose
    digits.
    """
    summed = []
    for term in terms:
        if isinstance(term, str):
            summed.append(term)
        elif isinstance(term, Complement) and weighted:
            summed.append(f"{number(term.total)} - {terms[term.of]}")
    return summed


def _weights(sums: Mapping[str, Any]) -> Array:
    return as_floats(sums["sb_w" if "sb_w" in sums else "sb_n"])


def _cancels(sums: Mapping[str, Any]) -> bool:
    """Whether sums of squares about the common value far exceed those about some key's mean."""
    n = _weights(sums)
    last = sum(name.startswith("sb_s") for name in sums)
    s, q = (as_floats(sums[f"sb_s{i}"]) for i in (last - 2, last - 1))
    with np.errstate(all="ignore"):
        about = s / n * s
        return bool(np.any((about > (q - about) * _CANCELLATION) & (n > 0.0)))


def _assemble(part: SelectionQuery, sums: Mapping[str, Any], pivot: Any) -> Aggregated:
    """Return the statistics of all keys from the columns of the query."""
    selection, form = part.selection, part.selection.form
    counts = np.asarray(sums["sb_n"], np.int64)
    keys = [sums[f"sb_key{i}"] for i in range(len(part.keys))]
    columns = selection.columns()
    if not counts.sum():
        return Aggregated([[] for _ in keys], columns, 0)
    n = _weights(sums)
    last = as_floats(sums["sb_last"]) if selection.half_life else None
    whole, growth = (None, 1.0) if last is None else _split(last, selection.half_life)
    n = n * growth
    summed = [as_floats(sums[name]) * growth for name in sums if name.startswith("sb_s")]
    parts: list[list[Array]] = [[n]]
    taken = iter(summed)
    for term in form.terms:
        if isinstance(term, str) or (isinstance(term, Complement) and "sb_w" in sums):
            parts.append([next(taken)])
        elif isinstance(term, Complement):
            parts.append([n * term.total, -parts[1 + term.of][0]])
        else:
            product = n * term
            parts.append([product])
            if term != 1.0:
                parts[-1].append(product_errors(n, np.broadcast_to(term, n.shape), product))
    if form.centred:
        first, second = taken
        parts += _moments(n, first, second, np.broadcast_to(pivot, n.shape))
    else:
        parts += [[each] for each in taken]
    fill(columns, parts)
    if last is not None:
        columns.clocks, columns.landmarks = last, whole
    return Aggregated(keys, columns, int(counts.sum()))


def _split(times: Array, half_life: float) -> tuple[Array, Array]:
    """Return how many whole half-lives precede each time, and the growth of weights since."""
    for extreme in (times.min(), times.max()):
        split_time(float(extreme), half_life)  # a time that is too large raises an error here
    whole, rest = np.divmod(times, half_life)
    return whole, 2.0 ** (rest / half_life)


def _moments(n: Array, s: Array, q: Array, p: Array) -> list[list[Array]]:
    """Convert sums and sums of squares about a value `p` to terms of the sums about zero."""
    products = []
    square = p * p
    for x, y in ((n, square), (n, product_errors(p, p, square)), (2.0 * p, s)):
        product = x * y
        products += [product, product_errors(x, y, product)]
    first = n * p
    return [[first, product_errors(n, p, first), s], [*products, q]]


def fill(columns: Columns, parts: Sequence[Sequence[Array]]) -> None:
    """Write sums into empty columns; each is given by its terms (the sum of up to three is exact).

    Raises
    ------
    ObservationError
        If a sum overflows.
    """
    cells: list[Array] = []
    for j, terms in enumerate(parts):
        exact = _exact(terms)
        if not np.all(np.isfinite(exact[0])):
            raise ObservationError("the values are too large: a sum over the rows overflows")
        for i, part in enumerate(exact):
            if part.any():
                columns.places[j * PARTS + i] = len(cells)
                cells.append(part)
    columns.n_rows, columns.n_columns = len(parts[0][0]), len(cells)
    columns.cells = np.ascontiguousarray(np.column_stack(cells)) if cells else columns.cells


def _exact(terms: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Return sums of terms as three arrays: the rounded sum, and two successive rounding errors."""
    if len(terms) == 1:
        rest = np.zeros(0)
        return terms[0], rest, rest
    high, low, third = (np.zeros(len(terms[0])) for _ in range(3))
    with np.errstate(invalid="ignore", over="ignore"):
        for term in terms:
            high, error = _two_sum(high, term)
            low, error = _two_sum(low, error)
            third = third + error
        for _ in range(2):
            low, third = _two_sum(low, third)
            high, low = _two_sum(high, low)
    return high, low, third


def _two_sum(x: Array, y: Array) -> tuple[Array, Array]:
    s = x + y
    t = s - x
    return s, (x - (s - t)) + (y - t)
