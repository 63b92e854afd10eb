"""Reading of bulk input of several named fields, with one column per field."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError
from seqbayes.statistics.arrays import items


def columns(xs: Any, names: Mapping[Any, Any]) -> dict[Any, Any] | None:
    """Return observations keyed by field, as lists or arrays of equal length; None for rows.

    Parameters
    ----------
    xs
        A mapping or a data frame of columns, or an array of shape (n, number of fields); anything
        else is treated as rows.
    names
        The names of the fields, in order.

    Raises
    ------
    ObservationError
        If a field is unknown, or the columns differ in length.
    """
    if isinstance(xs, np.ndarray) and xs.ndim > 1:
        if xs.shape[1] != len(names):
            raise ObservationError(f"expected {len(names)} columns, got shape {xs.shape}")
        xs = {name: xs[:, i] for i, name in enumerate(names)}
    elif hasattr(xs, "columns") and hasattr(xs, "__getitem__"):  # a data frame from any library
        xs = {name: xs[name] for name in xs.columns}
    elif not isinstance(xs, Mapping):
        return None
    unknown = [name for name in xs if name not in names]
    if unknown:
        shown = reprlib.repr(unknown[0])
        raise ObservationError(f"unknown field {shown}: expected some of {_format_names(names)}")
    as_lists: dict[Any, Any] = _as_list(xs)
    lengths = {name: length(column) for name, column in as_lists.items()}
    if len(set(lengths.values())) > 1:
        raise ObservationError(f"expected columns of equal length, got {lengths}")
    return as_lists


def _as_list(column: Any) -> Any:
    """Return a column as an array or a list, or the columns of a nested field."""
    if not isinstance(column, Mapping):
        return items(column)
    if not column:
        raise ObservationError("expected a column of at least one field, got none")
    return {name: _as_list(inner) for name, inner in column.items()}


def length(column: Any) -> int:
    """Return the number of values in a column."""
    while isinstance(column, dict):
        column = next(iter(column.values()))
    return len(column)


def by_field(
    x: Any, names: Mapping[Any, Any], error: type[ValueError] = ObservationError
) -> Mapping[Any, Any]:
    """Return the values, keyed by field.

    `x` is a mapping with some of the fields, or a sequence or array with the values of all fields
    in order.

    Raises
    ------
    ObservationError, or the class given as `error`
        If a field is unknown, there are no fields, or the number of values is wrong.
    """
    if isinstance(x, Mapping):
        if not x or not all(name in names for name in x):
            raise error(
                f"expected some of the fields {_format_names(names)}, got {reprlib.repr(x)}"
            )
        return x
    if isinstance(x, np.ndarray) and x.ndim > 0:
        x = x.tolist() if x.ndim == 1 and x.dtype.kind in "biufO" else list(x)
    if not isinstance(x, (list, tuple)) or len(x) != len(names):
        raise error(f"expected values of the fields {_format_names(names)}, got {reprlib.repr(x)}")
    return dict(zip(names, x, strict=True))


def _format_names(names: Mapping[Any, Any]) -> str:
    known = ", ".join(map(reprlib.repr, list(names)[:12]))
    return f"{known}, …" if len(names) > 12 else known
