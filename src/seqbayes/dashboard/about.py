"""What a belief is, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class About(NamedTuple):
    """What a belief is, in words.

    `example` is an event that it would learn from, where its fields are known; `read` makes a state
    out of its stored JSON text, `make` one that has learned nothing.
    """

    name: str
    family: str
    likelihood: str | None
    kind: str
    by: list[str]
    field: list[str]
    prior: str
    half_life: str | None
    example: dict[str, Any] | None
    read: Callable[[str], Any]
    make: Callable[[], Any]

    def told(self, keys: int) -> dict[str, Any]:
        """Return it as JSON values."""
        told = self._asdict()
        del told["read"], told["make"]
        return {**told, "keys": keys}
