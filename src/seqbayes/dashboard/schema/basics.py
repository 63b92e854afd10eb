"""Types that several responses share, errors and confirmations, and stories."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Number = float | None
Interval = tuple[Number, Number] | None

Kind = str
"""How a belief is displayed; the OpenAPI document lists all registered kinds."""

Scale = Literal["", "share", "log"]
"""How numbers are shown: unchanged (""), as percentages, or as exp(x), if x is a logarithm."""


class Error(Struct):
    """The reason why a request was rejected."""

    error: str


class Ok(Struct):
    """Success."""

    ok: bool


class Session(Struct):
    """The permissions of a browser."""

    session: bool
    reading_is_free: bool


class StorySteps(Struct):
    """Some of the `total` steps of a story."""

    steps: list[dict[str, Any]]
    total: int


class StoryOpening(Struct):
    """A started story, with the fields of its first JSON line."""

    id: str
