"""Posteriors of keys that borrow strength from each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from seqbayes.events.keys import REST
from seqbayes.table import PooledPrior, Table


class PooledEstimate(NamedTuple):
    """The mean and the equal-tailed interval of the pooled posterior of a key."""

    mean: float
    low: float
    high: float


class PooledStates:
    """The pooled posteriors of the keys of a belief.

    Parameters
    ----------
    states
        Maps each key to its state. The pooled rest (events with keys beyond the limit) is not a
        key, and is ignored.
    prior
        The state without data.
    pool
        True, or a method of `seqbayes.table.Pool`.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> states = {name: Beta() for name in "abc"}
    >>> for state, hits in zip(states.values(), (1, 5, 6)):
    ...     state.learn_many([True] * hits + [False] * (10 - hits))
    >>> pooled = PooledStates(states, Beta(), "empirical")
    >>> round(states["a"].mean, 3), round(pooled.estimate("a").mean, 3)
    (0.167, 0.231)
    """

    def __init__(self, states: Mapping[Any, Any], prior: Any, pool: bool | str) -> None:
        plain = {key: state.as_of() for key, state in states.items() if key is not REST}
        self._table = Table.from_states(plain, prior.as_of(), pool=pool)
        self._rows = {key: row for row, key in enumerate(plain)}
        self._columns: dict[float, tuple[Any, Any, Any]] = {}

    @property
    def prior(self) -> PooledPrior:
        """The common prior of the keys, estimated from their data."""
        return self._table.pooled_prior

    def estimate(self, key: Any, level: float = 0.95) -> PooledEstimate | None:
        """Return the pooled estimate of a key; None for a key without a pooled posterior.

        Parameters
        ----------
        key
            The key.
        level
            Probability of the interval.
        """
        row = self._rows.get(key)
        if row is None:
            return None
        if level not in self._columns:
            self._columns[level] = (self._table.mean, *self._table.interval(level))
        return PooledEstimate(*(float(column[row]) for column in self._columns[level]))

    def in_words(self) -> str:
        """Describe the common prior.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> PooledStates({"a": Beta()}, Beta(), True).in_words()
        'not pooled: the data do not determine how much the keys differ'
        """
        prior = self.prior
        if prior.method == "none":
            return "not pooled: the data do not determine how much the keys differ"
        numbers = ", ".join(f"{value:.4g}" for value in prior.hyperparameters)
        family = type(prior.hyperparameters).__name__.removesuffix("Hyperparameters")
        return f"common prior {family}({numbers}) of {prior.n_keys:,} keys ({prior.method})"
