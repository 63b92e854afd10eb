"""The rows and columns that beliefs select, and the SQL for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqbayes.bulk import dialects
from seqbayes.bulk.dialects import literal
from seqbayes.bulk.relation import Relation
from seqbayes.errors import UnsupportedError
from seqbayes.likelihoods.sql import SqlForm, X, Y, between, is_whole, log_factorial, number
from seqbayes.model import Model
from seqbayes.state import State
from seqbayes.statistics.columns import Columns


@dataclass(frozen=True)
class Selection:
    """The rows and columns from which the beliefs of many keys are learned.

    Parameters
    ----------
    state
        The prior: a state, or a `Decayed` state with a half-life in time.
    values
        Columns of the observation, each with its kind: "number", "boolean" or "text".
    by
        Columns of the key.
    texts
        Whether key values are converted to strings; otherwise integers remain integers.
    weight, time
        The columns that contain the weight and the time.
    unit
        Unit of numeric times, in seconds.
    latest
        The latest time that is learned.
    where
        Values that columns must have; a sequence lists alternatives.

    Raises
    ------
    UnsupportedError
        If the statistics cannot be computed by SQL; the message gives the reason.
    """

    state: Any
    values: Sequence[tuple[str, str]]
    by: Sequence[str] = ()
    texts: bool = True
    weight: str | None = None
    time: str | None = None
    unit: float = 1.0
    latest: float = math.inf
    where: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        state = self.state
        if not isinstance(state, Model) or state.undecayed is None:
            name = type(state).__name__
            raise UnsupportedError(
                f"{name} cannot be learned by SQL: what it learns from an observation depends on"
                " the observations before it, or on their order"
            )
        if state.half_life and not state.timed:
            raise UnsupportedError(
                "a half-life in events cannot be learned by SQL: weights depend on the order of"
                " rows"
            )
        form, _ = self.form, self.columns()
        if form.labelled and not all(isinstance(label, str) for label in self.labels):
            raise UnsupportedError("categories that are not strings cannot be learned by SQL")

    @property
    def inner(self) -> State:
        """The state without decay."""
        inner: State = self.state.undecayed
        return inner

    @property
    def form(self) -> SqlForm:
        """The sums that the likelihood needs."""
        form: SqlForm = self.inner.likelihood.sql_form()
        return form

    @property
    def labels(self) -> list[Any]:
        """The categories, in order."""
        return list(self.inner.prior.categories)

    @property
    def half_life(self) -> float:
        """The half-life; 0 if the state does not decay."""
        return self.state.half_life or 0.0

    def columns(self) -> Columns:
        """Return empty statistics of many keys."""
        return Columns(self.inner.new_statistics, self.half_life, self.half_life > 0.0)


class SelectionQuery:
    """The SQL for one selection.

    Parameters
    ----------
    relation
        The rows.
    selection
        The selection.
    prefix
        The prefix of its column names.

    Attributes
    ----------
    keys : list of str
        Names of the columns of the key.
    items : list of str
        Items of a SELECT list: the columns for the key, the observation, the weight and the time.
    chosen : str
        The condition that the row is selected; never NULL.
    certain : str
        The condition that the row is not selected, or is certainly valid.
    """

    def __init__(self, relation: Relation, selection: Selection, prefix: str) -> None:
        self.selection, self.prefix = selection, prefix
        form, dialect = selection.form, relation.dialect
        self.keys = [f"{prefix}k{i}" for i in range(len(selection.by))]
        items = {
            f"{prefix}{'xy'[i]}": _value(relation, *value)
            for i, value in enumerate(selection.values)
        }
        self._dialect = dialect
        valid = form.valid
        for x, (name, _) in zip((X, Y), selection.values, strict=False):
            if relation.column(name).category == "integer":
                valid = valid.replace(is_whole(x), "TRUE")
        conditions = [self.rename(valid)]
        if [kind for _, kind in selection.values] == ["boolean"]:
            column = relation.column(selection.values[0][0])
            if column.category in ("boolean", "cell", "json"):
                conditions = [f"{prefix}x IS NOT NULL"]
        if form.labelled:
            known = ", ".join(map(literal, selection.labels))
            conditions = [f"{prefix}x IN ({known})"]
        for key, name in zip(self.keys, selection.by, strict=True):
            column = relation.column(name)
            native = not selection.texts and column.category == "integer"
            items[key] = column.expression if native else dialects.as_text(column, dialect)
            conditions.append(f"{key} IS NOT NULL")
        if selection.weight is not None:
            column = relation.column(selection.weight)
            items[f"{prefix}w"] = dialects.as_number(column, dialect)
            conditions.append(between(f"{prefix}w", 0.0, 1e100))
        if selection.time is not None:
            column = relation.column(selection.time)
            items[f"{prefix}t"] = dialects.as_time(column, selection.unit, dialect)
            conditions.append(between(f"{prefix}t", -math.inf, selection.latest))
        self.items = [f"{expression} AS {name}" for name, expression in items.items()]
        chosen = [_matches(relation, name, value) for name, value in selection.where.items()]
        self.chosen = " AND ".join(chosen) or "TRUE"
        good = " AND ".join(f"({each})" for each in conditions)
        self.certain = f"(NOT ({self.chosen}) OR ({good}))" if chosen else f"({good})"

    def rename(self, sql: str) -> str:
        """Return SQL for a likelihood, with its names prefixed for this selection."""
        portable = log_factorial(X)
        return sql.replace(portable, self._dialect.log_factorial(X)).replace("sb_", self.prefix)


def _value(relation: Relation, name: str, kind: str) -> str:
    convert = {
        "number": dialects.as_number,
        "boolean": dialects.as_boolean,
        "text": dialects.as_text,
    }
    if kind not in convert:
        raise UnsupportedError(
            f"column {name!r}: an observation that is one value with several parts cannot be"
            " learned by SQL; name one column for each part"
        )
    return convert[kind](relation.column(name), relation.dialect)


def _matches(relation: Relation, name: str, wanted: Any) -> str:
    """Return the condition that a column has a given value, or one of several; never NULL."""
    column, dialect = relation.column(name), relation.dialect
    conditions = []
    for value in wanted if isinstance(wanted, (list, tuple)) else (wanted,):
        if isinstance(value, str):
            texts = column.category in ("text", "cell", "json")
            x = column.expression
            if column.category == "json":
                x = f"(CASE WHEN json_type({x}) = 'VARCHAR' THEN {x} ->> '$' END)"
            conditions.append(f"{x} = {literal(value)}" if texts else "FALSE")
        elif isinstance(value, bool):
            if column.category == "json":
                x = f"CAST({column.expression} AS VARCHAR)"
                conditions.append(f"{x} = '{str(value).lower()}'")
            elif column.category in ("boolean", "cell"):
                x = dialects.as_boolean(column, dialect)
                conditions.append(f"{x} = {number(value)}")
            else:
                conditions.append("FALSE")
        elif isinstance(value, (int, float)):
            conditions.append(f"{dialects.as_number(column, dialect)} = {number(value)}")
        else:
            raise UnsupportedError(f"the condition {name} = {value!r} cannot be evaluated by SQL")
    return f"COALESCE({' OR '.join(conditions)}, FALSE)"
