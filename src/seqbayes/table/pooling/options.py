"""The options and the result of pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from seqbayes.errors import PriorError

Array = Any

METHODS = ("auto", "empirical", "grid", "nested")


@dataclass(frozen=True)
class Pool:
    """Options of partial pooling, in which the keys of a table borrow strength from each other.

    Parameters
    ----------
    method
        "empirical": the common prior is the one with the largest marginal likelihood. "grid": the
        prior is treated as unknown, and its posterior is computed on a grid. "auto": "grid" for
        fewer than 200 keys with data, otherwise "empirical". "nested": keys are tuples whose parts
        go from the outermost level to the innermost, such as (country, store, item), and every
        group has an unknown mean.
    refresh
        When an answer is requested, the prior is estimated again if the weight of all data has
        changed by more than this share since the last estimate. With 0, it is estimated after every
        change, so that answers depend only on the data, not on their order or on merges.

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
    """Return the options given by an argument: None or False, True, a method, or options.

    Raises
    ------
    PriorError
        If the argument is invalid.
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


class PooledPrior(NamedTuple):
    """The prior that the keys have in common.

    Attributes
    ----------
    method : str
        "empirical", "grid" or "nested"; "none" if the data do not determine the prior, because
        there are too few keys with several observations. In that case, the prior of the table
        applies.
    hyperparameters
        The prior. On a grid, its posterior mean; with nested levels, the prior of a key in a new
        group.
    dispersions : tuple of float
        How much the keys differ, one number for each level, from the outermost: the standard
        deviation of a Normal prior, the ratio of the standard deviation to the mean of a Gamma
        prior, or one over the square root of the strength of a Beta prior. On a grid, these are
        posterior means.
    n_keys : int
        Number of keys with data.
    priors
        The hyperparameters of the K priors that are averaged, as arrays of shape (groups, K). There
        is one group if levels are not nested.
    weights : array of shape (groups, K)
        Their probabilities.
    groups : array of int, or None
        The group of every row of the table, if there are several.
    """

    method: str
    hyperparameters: Any
    dispersions: tuple[float, ...]
    n_keys: int
    priors: Any
    weights: Array
    groups: Array | None
