"""Tables as Arrow tables, with a versioned schema.

The columns are ``key``, one ``sum_i_j`` for part j of sum i of the statistics, and if applicable
``clock`` and ``landmark`` (of a half-life), ``prior_name`` (after a rollover) and ``last`` (the
position of the last observation, for the policy "inactive"). The schema's metadata has the entry
``seqbayes.table``, a JSON document with the version, the state and the options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError, PriorError, UnsupportedError
from seqbayes.extras import missing_extra
from seqbayes.statistics.columns import Columns
from seqbayes.statistics.sum_columns import PARTS
from seqbayes.table.keys import ArrowTexts
from seqbayes.table.order import Order
from seqbayes.table.rows import Rows

Array = Any

VERSION = 1
_ENTRY = b"seqbayes.table"
_SURROGATE = re.compile("[\ud800-\udfff]")


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise missing_extra("the Arrow form of a table", "pyarrow", "parquet") from None
    return pyarrow


def write(options: Mapping[str, Any], rows: Rows) -> Any:
    """Convert the options and the rows of a table to an Arrow table.

    Raises
    ------
    SeqbayesError
        If pyarrow is not installed.
    UnsupportedError
        If the statistics are those of labels after a rollover.
    """
    pa = _pyarrow()
    columns, n = rows.columns, rows.columns.n_rows
    keys, encoded = rows.index.array, False
    if isinstance(keys, ArrowTexts):
        keys = keys.array(pa)
    elif not isinstance(keys, np.ndarray):
        # JSON escapes lone surrogates, which UTF-8 cannot contain
        encoded = any(type(key) is not str or _SURROGATE.search(key) for key in keys)
        keys = pa.array([json.dumps(key) for key in keys] if encoded else keys, pa.string())
    arrays = {"key": pa.array(keys) if isinstance(keys, np.ndarray) else keys}
    for place in np.flatnonzero(columns.places >= 0).tolist():
        values = np.ascontiguousarray(columns.cells[:n, columns.places[place]])
        arrays["sum_{}_{}".format(*divmod(place, PARTS))] = pa.array(values)
    if columns.half_life:
        arrays["clock"] = pa.array(columns.clocks[:n])
        arrays["landmark"] = pa.array(columns.landmarks[:n])
    priors = rows.prior._asdict() if rows.has_priors else {}
    if any(isinstance(prior, tuple) for prior in priors.values()):
        raise UnsupportedError("a table of labels cannot be converted to Arrow after a rollover")
    for name, prior in priors.items():
        arrays[f"prior_{name}"] = pa.array(np.ascontiguousarray(prior))
    if rows.order is not None:
        arrays["last"] = pa.array(np.ascontiguousarray(rows.order.last(len(rows))))
    document = {
        "version": VERSION,
        **options,
        "encoded_keys": encoded,
        "more": [[*at, parts] for at, parts in sorted(columns.more.items())],
    }
    return pa.table(arrays).replace_schema_metadata({_ENTRY: json.dumps(document)})


def document_of(table: Any) -> tuple[Any, dict[str, Any]]:
    """Return an Arrow table and its document, from any object with the Arrow interface.

    Raises
    ------
    PriorError
        If `table` was not written by a `Table`, or was written by a newer version.
    """
    pa = _pyarrow()
    try:
        read = table if isinstance(table, pa.Table) else pa.table(table)
    except (TypeError, ValueError):
        raise PriorError(f"expected an Arrow table, got {table!r}") from None
    try:
        document = json.loads((read.schema.metadata or {})[_ENTRY])
        version = document["version"]
    except (KeyError, TypeError, ValueError):
        raise PriorError(
            "expected an Arrow table from Table.to_arrow(statistics=True), got another"
        ) from None
    if type(version) is not int or not 1 <= version <= VERSION:
        raise PriorError(
            f"expected a table of version {VERSION} or older, got version {version!r}:"
            " it was written by a newer version of seqbayes"
        )
    return read, document


def read_rows(table: Any, document: Mapping[str, Any], rows: Rows) -> None:
    """Fill empty rows with the keys, statistics, priors and order of an Arrow table.

    Raises
    ------
    PriorError
        If a key or a column is invalid.
    """
    try:
        listed = rows.index.rows(_read_keys(table, document), add=True)
    except ObservationError as error:
        raise PriorError(str(error)) from None
    if len(listed) != len(rows):
        raise PriorError("expected unique keys, got duplicates")
    _read_columns(table, document, rows.columns)
    kind = type(rows.state.prior)
    if f"prior_{kind._fields[0]}" in table.column_names:
        rows.set_priors(kind(*(_numbers(table, f"prior_{name}") for name in kind._fields)))
    if rows.order is not None:
        rows.order = Order.of(_numbers(table, "last"))


def _read_keys(table: Any, document: Mapping[str, Any]) -> Any:
    column = _column(table, "key")
    if not document.get("encoded_keys"):
        return column
    try:
        return [_key(json.loads(text)) for text in column.to_pylist()]
    except (TypeError, ValueError):
        raise PriorError("expected keys as JSON strings") from None


def _key(value: Any) -> Any:
    return tuple(map(_key, value)) if isinstance(value, list) else value


def _column(table: Any, name: str) -> Any:
    if name not in table.column_names:
        raise PriorError(f"expected a column {name!r}, got {table.column_names}")
    column = table.column(name)
    if column.null_count:
        raise PriorError(f"expected column {name!r} without missing values")
    return column


def _numbers(table: Any, name: str, valid: Callable[[Array], Array] = np.isfinite) -> Array:
    column = _column(table, name)
    try:
        values: Array = column.to_numpy().astype(float)
    except (TypeError, ValueError):
        raise PriorError(f"expected numbers in column {name!r}, got {column.type}") from None
    if not valid(values).all():
        bad = values[~valid(values)][0]
        raise PriorError(f"expected valid numbers in column {name!r}, got {float(bad)!r}")
    return values


def _read_columns(table: Any, document: Mapping[str, Any], columns: Columns) -> None:
    names = [name for name in table.column_names if name.startswith("sum_")]
    places = {}
    for name in names:
        try:
            j, i = map(int, name.split("_")[1:])
        except ValueError:
            j = i = -1
        if not (0 <= j < columns.n_sums and 0 <= i < PARTS):
            raise PriorError(f"a table with this prior has no column {name!r}")
        places[j * PARTS + i] = _numbers(table, name)
    n = table.num_rows
    columns.resize(n)
    # the main part of each sum comes first, so that the parts of a row are read in order
    order = sorted(places)
    if n and order:
        columns.cells = np.ascontiguousarray(np.column_stack([places[place] for place in order]))
        columns.places[order] = np.arange(len(order))
        columns.n_columns = len(order)
    for row, j, parts in _more(document, n, columns.n_sums):
        columns.more[row, j] = parts
    with np.errstate(all="ignore"):
        # the first part of a sum is not always its largest, such as after unlearning
        possible = columns.scratch.possible_rows([rounded for rounded, _, _ in columns.sums()])
    if not possible.all():
        row = int(np.argmin(possible))
        found = ", ".join(f"{name}={float(places[place][row])!r}" for name, place in _named(places))
        raise PriorError(f"expected sums that some data can have, got {found} in row {row}")
    if columns.half_life:
        clocks = _numbers(table, "clock", lambda values: ~np.isinf(values))
        columns.clocks, columns.landmarks = clocks, _numbers(table, "landmark")


def _named(places: Mapping[int, Array]) -> list[tuple[str, int]]:
    """Return the column name of each part of a sum."""
    return [("sum_{}_{}".format(*divmod(place, PARTS)), place) for place in sorted(places)]


def _more(document: Mapping[str, Any], n: int, n_sums: int) -> list[tuple[int, int, list[float]]]:
    found = []
    for each in document.get("more", []):
        try:
            row, j, parts = int(each[0]), int(each[1]), [float(v) for v in each[2]]
        except (TypeError, ValueError, IndexError):
            row = -1
        if not (0 <= row < n and 0 <= j < n_sums and np.isfinite(parts).all()):
            raise PriorError(f"expected a list of the parts of a sum, got {each!r}")
        found.append((row, j, parts))
    return found
