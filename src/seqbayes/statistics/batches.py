"""Arguments of the loops over rows: batches of observations, and options for new keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

Array = Any


class NewRows(NamedTuple):
    """How to treat keys without observations.

    Parameters
    ----------
    accept
        Returns whether a key without observations can learn one; takes the key and the observation.
    max_rows
        Maximum number of rows.
    rest
        The row for all keys beyond this limit; -1 if these keys have no row.
    beyond
        List to which the index of an observation beyond the limit is appended; None to stop at such
        an observation.
    """

    accept: Callable[[Any, Any], bool]
    max_rows: int
    rest: int = -1
    beyond: list[int] | None = None


class RowBatch(NamedTuple):
    """Checked observations of rows.

    Parameters
    ----------
    rows : array of int64
    xs, ys : array of float
        The observations, as `Likelihood.read_many` returns them.
    ws, ts : array of float, or None
        Weights and times.
    """

    rows: Array
    xs: Array
    ys: Array
    ws: Array | None
    ts: Array | None
