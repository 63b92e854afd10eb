"""Keys of beliefs as the JSON that a store keeps."""

from __future__ import annotations

from typing import Any

import msgspec

from seqbayes.errors import ObservationError

MAX_NAME_LENGTH = 1000
"""Maximum number of characters of a key, or of a label of an open vocabulary."""

REST = None
"""The key of the pooled belief about events with keys beyond the limit."""


def write_key(key: Any) -> str:
    """Return the JSON of a key: a list of strings, or null for the pooled rest.

    Raises
    ------
    ObservationError
        If a string has a lone surrogate, which JSON in UTF-8 cannot contain.
    """
    if key is REST:
        return "null"
    try:
        return msgspec.json.encode(key if isinstance(key, tuple) else [key]).decode()
    except UnicodeEncodeError:
        raise ObservationError(f"expected a key in UTF-8, got {key!r}") from None


def read_key(text: str) -> Any:
    """Return the key that a JSON text represents.

    Examples
    --------
    >>> read_key('["north"]'), read_key('["north","2"]'), read_key("[]"), read_key("null")
    ('north', ('north', '2'), (), None)
    """
    names = msgspec.json.decode(text, type=list[str] | None)
    if names is None:
        return REST
    return names[0] if len(names) == 1 else tuple(names)
