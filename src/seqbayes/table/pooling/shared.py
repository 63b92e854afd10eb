"""The common prior of a table's keys, estimated again when the data have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqbayes.state import State
from seqbayes.table.answers import Answers
from seqbayes.table.pooling.options import Pool, PooledPrior


class SharedPrior:
    """Estimates the common prior of all keys, and returns estimates under it.

    Parameters
    ----------
    pool
        How to pool.
    state
        The prior and likelihood of every key without pooling.

    Raises
    ------
    PriorError
        If the keys of such states cannot be pooled.
    """

    def __init__(self, pool: Pool, state: State) -> None:
        from seqbayes.table.pooling.population import population_of

        population_of(state)
        self.pool, self._state = pool, state
        self._estimated: tuple[PooledPrior, float, int] | None = None

    def estimate(self, answers: Answers, n: int, keys: Callable[[], Any]) -> PooledPrior:
        """Return the common prior, estimated from the answers without pooling for `n` keys.

        The last estimate is returned as long as the data have changed little.
        """
        weight = float(answers.n_samples.sum())
        if self._estimated is not None and self.pool.refresh > 0.0:
            found, before, then = self._estimated
            if abs(weight - before) <= self.pool.refresh * before and (
                found.groups is None or then == n
            ):
                return found
        from seqbayes.table.pooling.estimate import estimate

        names = keys() if self.pool.method == "nested" else []
        found = estimate(self.pool, self._state, answers.statistic, names)
        self._estimated = found, weight, n
        return found

    def apply(self, answers: Answers, n: int, keys: Callable[[], Any]) -> Answers:
        """Return the answers for the same data under the common prior; see `estimate`."""
        found = self.estimate(answers, n, keys)
        if found.method in ("none", "empirical"):
            answers.set_prior(found.hyperparameters)
            return answers
        from seqbayes.table.pooling.answers import PooledAnswers

        return PooledAnswers(answers, found)
