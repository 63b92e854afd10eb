"""Learns a table from a query, a file or a data frame, with sums computed by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from seqbayes.errors import ObservationError
from seqbayes.table.rows import Rows

Refuse = Callable[[Mapping[str, Any], ObservationError], None]


def learn_query(
    rows: Rows,
    learn_one: Callable[..., None],
    data: Any,
    connection: Any,
    by: Sequence[str],
    names: Sequence[str],
    weight: str | None,
    time: str | None,
    refuse: Refuse | None,
) -> None:
    """Fill empty rows with the data of a query; see `Table.from_query`.

    Rows that are not certain to be valid are passed to `learn_one`.
    """
    from seqbayes.bulk import Selection, aggregate, open_relation

    kind = rows.state.likelihood.observation_kind
    values = [(name, kind if len(names) == 1 else "number") for name in names]
    if not by:
        raise ObservationError("expected at least one column as the key")
    selection = Selection(rows.template, values, by, texts=False, weight=weight, time=time)
    with closing(open_relation(data, connection)) as relation:
        found, plan = aggregate(relation, selection)
        keys = found.keys[0] if len(by) == 1 else list(zip(*found.keys, strict=True))
        if found.n:
            rows.index.rows(keys, add=True)
            rows.columns = found.columns
        if found.n < relation.count():
            _learn_rows(plan.doubtful(), learn_one, by, names, weight, time, refuse)


def _learn_rows(
    rows: Iterable[tuple[Any, Mapping[str, Any]]],
    learn_one: Callable[..., None],
    by: Sequence[str],
    names: Sequence[str],
    weight: str | None,
    time: str | None,
    refuse: Refuse | None,
) -> None:
    """Learn rows that may be invalid, one at a time."""
    from seqbayes.bulk import as_key, as_seconds

    for _, row in rows:
        key, x = (
            parts[0] if len(parts) == 1 else tuple(parts)
            for parts in ([as_key(row[name]) for name in by], [row[name] for name in names])
        )
        w = 1.0 if weight is None else row[weight]
        t = None if time is None else as_seconds(row[time])
        try:
            learn_one(key, x, w, t)
        except ObservationError as error:
            if refuse is None:
                raise
            refuse(row, error)
