"""The sufficient statistic of normal data."""

from __future__ import annotations

from typing import Any, NamedTuple


class MomentStatistic(NamedTuple):
    """Total weight, mean = origin + shift, and the sum of squares about that mean."""

    n: Any
    origin: Any
    shift: Any
    squares: Any

    @property
    def mean(self) -> Any:
        """The mean of the data."""
        return self.origin + self.shift
