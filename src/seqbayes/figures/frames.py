"""Data frames of estimates, in the library that the caller selects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes.errors import UnsupportedError
from seqbayes.extras import missing_extra


def frame(columns: Mapping[str, Sequence[Any]], backend: str) -> Any:
    """Return a data frame.

    Parameters
    ----------
    columns
        Columns of equal length, keyed by name.
    backend
        "pandas", "polars" or "pyarrow".

    Raises
    ------
    SeqbayesError
        If narwhals or the library is not installed.
    UnsupportedError
        If the library cannot store a string, because it has a lone surrogate.

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
    except UnicodeEncodeError as error:
        raise UnsupportedError(
            f"a data frame of {backend} cannot contain {error.object!r}, which has a lone surrogate"
            " (half of a character): replace it before learning, such as with"
            " text.encode(errors='replace').decode()"
        ) from None
