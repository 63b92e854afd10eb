"""Data frames of estimates, in the library of the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes.extras import missing_extra


def frame(columns: Mapping[str, Sequence[Any]], backend: str) -> Any:
    """Return a data frame.

    Parameters
    ----------
    columns
        Columns of equal length, by name.
    backend
        "pandas", "polars" or "pyarrow".

    Raises
    ------
    SeqbayesError
        If narwhals or the library is not installed.

    Examples
    --------
    >>> frame({"mean": [0.5, 0.25]}, "pandas")["mean"].tolist()
    [0.5, 0.25]
    """
    try:
        import narwhals

        return narwhals.from_dict(dict(columns), backend=backend).to_native()
    except ImportError as error:
        name = error.name or backend
        raise missing_extra("a data frame", name, "frames") from None
