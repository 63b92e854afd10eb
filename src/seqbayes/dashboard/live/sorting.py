"""Natural sort order of keys."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

_DIGITS = re.compile(r"([0-9]+)")


def collated(names: Sequence[str] | None) -> tuple[Any, ...]:
    """Return the sort key of names in natural sort order; the pooled rest comes last.

    Accents and case only break ties; numbers are compared by value.

    Examples
    --------
    >>> sorted([["b10"], ["C"], ["Über"], ["b9"], ["a"], None], key=collated)
    [['a'], ['b9'], ['b10'], ['C'], ['Über'], None]
    """
    if names is None:
        return (1,)
    return 0, [_folded(name) for name in names], list(names)


def _folded(text: str) -> list[tuple[int, str]]:
    """Split a string into alternating strings and numbers, each number as its length and digits."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    parts = _DIGITS.split("".join(c for c in plain if not unicodedata.combining(c)))
    return [
        (len(part.lstrip("0")), part.lstrip("0")) if k % 2 else (0, part)
        for k, part in enumerate(parts)
    ]
