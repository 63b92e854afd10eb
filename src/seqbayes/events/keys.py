"""Keys of beliefs as the JSON that a store keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

MAX_NAME_LENGTH = 1000
"""Maximum number of characters of a key, or of a label of an open vocabulary."""

REST = None
"""The key of the pooled belief about events with keys beyond the limit."""


def write_key(key: Any) -> str:
    """Return the JSON of a key: a list of strings, or null for the rest."""
    if key is REST:
        return "null"
    return msgspec.json.encode(key if isinstance(key, tuple) else [key]).decode()


def write_keys(keys: Iterable[Any]) -> list[str]:
    """Return the JSON of several keys.

    Examples
    --------
    >>> write_keys(["north", ("north", "2"), None])
    ['["north"]', '["north","2"]', 'null']
    """
    listed = [key if key is REST or isinstance(key, tuple) else [key] for key in keys]
    return _ENCODER.encode_lines(listed).decode().split("\n")[:-1]


def read_key(text: str) -> Any:
    """Return the key that this JSON text represents.

    Examples
    --------
    >>> read_key('["north"]'), read_key('["north","2"]'), read_key("[]"), read_key("null")
    ('north', ('north', '2'), (), None)
    """
    return _key(msgspec.json.decode(text, type=list[str] | None))


def read_keys(texts: Sequence[str]) -> list[Any]:
    """Return the keys that these JSON texts represent.

    Examples
    --------
    >>> read_keys(['["north"]', "null"])
    ['north', None]
    """
    found = _DECODER.decode(f"[{','.join(texts)}]")
    return [_key(names) for names in found]


def _key(names: list[str] | None) -> Any:
    if names is None:
        return REST
    return names[0] if len(names) == 1 else tuple(names)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(list[list[str] | None])
