"""Types that several responses share."""

from typing import Literal

Number = float | None
Interval = tuple[Number, Number] | None

Kind = str
"""How a belief is displayed; the OpenAPI document lists all registered kinds."""

Scale = Literal["", "share", "log"]
"""The format of numbers: unchanged, as percentages, or exponentiated."""
