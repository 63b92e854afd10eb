"""The options of pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from seqbayes.errors import PriorError

METHODS = ("auto", "empirical", "grid", "nested")


@dataclass(frozen=True)
class Pool:
    """How the keys of a table borrow strength from each other.

    Parameters
    ----------
    method
        "empirical": the common prior is the one with the largest marginal likelihood. "grid": the
        prior is unknown, and its posterior is computed on a grid. "auto": "grid" for fewer than 200
        keys with data, otherwise "empirical". "nested": keys are tuples from the outermost level to
        the innermost, such as (country, store, item), and every group has an unknown mean.
    refresh
        The prior is estimated again when an answer is requested and the weight of all data has
        changed by more than this share since the last estimate. With 0, after every change: then
        answers depend on the data only, and not on their order or on merges.

    Raises
    ------
    PriorError
        If an option is invalid.

    Examples
    --------
    >>> Pool("empirical").method
    'empirical'
    """

    method: str = "auto"
    refresh: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise PriorError(f"expected a pooling method of {METHODS}, got {self.method!r}")
        if isinstance(self.refresh, bool) or not isinstance(self.refresh, (int, float)):
            raise PriorError(f"expected a refresh share >= 0, got {self.refresh!r}")
        if not 0.0 <= self.refresh < float("inf"):
            raise PriorError(f"expected a refresh share >= 0, got {self.refresh!r}")


def read_pool(pool: Any) -> Pool | None:
    """Return the options of an argument: None or False, True, a method, or options.

    Raises
    ------
    PriorError
        If the argument is none of these.
    """
    if pool is None or pool is False:
        return None
    if pool is True:
        return Pool()
    if isinstance(pool, str):
        return Pool(pool)
    if isinstance(pool, Pool):
        return pool
    raise PriorError(f"expected pool to be True, a method of {METHODS} or a Pool, got {pool!r}")
