"""How two declarations of a belief differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


def difference(stored: str, given: str) -> str:
    """Describe how two declarations of a belief differ, apart from their `display`.

    Examples
    --------
    >>> difference('{"by":["a"],"state":{"prior":{"alpha":1}}}', '{"by":["b"],"state":{}}')
    'by is ["a"], not ["b"]; state.prior is {"alpha":1}, not null'
    """
    old, new = (msgspec.json.decode(text) for text in (stored, given))
    for declared in (old, new):
        if isinstance(declared, dict):
            declared.pop("display", None)
    pairs = _differing("", old, new)
    return "; ".join(f"{path} is {_shown(old)}, not {_shown(new)}" for path, old, new in pairs)


def _differing(path: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            inner = f"{path}.{name}" if path else name
            yield from _differing(inner, old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and path != "by" and len(old) == len(new):
        for i, (each, other) in enumerate(zip(old, new, strict=True)):
            yield from _differing(f"{path}[{i}]", each, other)
    elif old != new:
        yield path, old, new


def _shown(value: Any) -> str:
    return msgspec.json.encode(value).decode()[:300]
