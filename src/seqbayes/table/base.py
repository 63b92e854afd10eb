"""The keys, learning and answers of a table."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy as np

from seqbayes.errors import MergeError, ObservationError, PriorError, UnsupportedError
from seqbayes.forgetting import Decayed
from seqbayes.model import Model
from seqbayes.state import State
from seqbayes.statistics import arrays
from seqbayes.statistics.columns import Columns
from seqbayes.statistics.reading import as_real, read_weight
from seqbayes.table.answers import Answers
from seqbayes.table.pooling.options import Pool, PooledPrior, read_pool
from seqbayes.table.pooling.shared import SharedPrior
from seqbayes.table.rows import Rows
from seqbayes.table.summaries import Summaries

Array = Any

_POLICIES = ("lightest", "oldest", "inactive")


class BaseTable(Summaries):
    """The part of a `Table` that stores keys, learns and answers, without conversions."""

    def __init__(
        self,
        state: State | Decayed,
        *,
        max_keys: int | None = None,
        policy: str = "lightest",
        pool: bool | str | Pool | None = None,
    ) -> None:
        given: Any = state
        if not isinstance(given, Model) or given.undecayed is None:
            raise PriorError(f"expected a state as the prior of a table, got {state!r}")
        if max_keys is not None and (max_keys < 1 or int(max_keys) != max_keys):
            raise PriorError(f"expected max_keys to be a whole number > 0, got {max_keys!r}")
        if policy not in _POLICIES:
            raise PriorError(f"expected policy to be one of {_POLICIES}, got {policy!r}")
        self.max_keys, self.policy = max_keys, policy
        self._rows = Rows(state, ordered=policy == "inactive")
        self._answers: Answers | None = None
        self.pool = read_pool(pool)
        self._shared = None if self.pool is None else SharedPrior(self.pool, self._rows.state)

    # Keys.

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def keys(self) -> list[Any]:
        """The keys, in order of first appearance."""
        return self._rows.index.keys

    def keys_at(self, rows: Array) -> list[Any]:
        """Return the keys at the given positions.

        Parameters
        ----------
        rows : array of int
            Positions in `keys`, such as the indices of the largest means.
        """
        return self._rows.index.at(np.asarray(rows, np.int64))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows.index.keys)

    def __contains__(self, key: Any) -> bool:
        try:
            return self._rows.index.find(key) >= 0
        except ObservationError:  # an invalid key, which no table contains
            return False

    def __getitem__(self, key: Any) -> State | Decayed:
        """Return a copy of the belief of a key, as a state.

        Raises
        ------
        KeyError
            If nothing was learned for the key.
        UnsupportedError
            If the key's posterior is averaged over the priors of a grid or of nested levels.
        """
        row = self._rows.index.find(key)
        if row < 0:
            raise KeyError(key)
        own = self._rows.has_priors or self.pool is not None
        return self._rows.state_at(row, self.answers().prior_of(row) if own else None)

    @property
    def seed(self) -> int | None:
        """The seed of the prior state, for drawing samples."""
        return self._rows.state.seed

    @property
    def n_bytes(self) -> int:
        """Memory of the statistics and the index in bytes, excluding keys that are tuples."""
        return self._rows.n_bytes

    @property
    def statistics_bytes(self) -> int:
        """Memory used by the statistics, in bytes."""
        return self._rows.columns.n_bytes

    # Learning.

    def learn_one(self, key: Any, x: Any, w: Any = 1.0, t: Any = None) -> None:
        """Absorb one observation of a key.

        Parameters
        ----------
        key
            An integer, a string, or a tuple of them.
        x
            The observation.
        w
            Weight, finite and >= 0.
        t
            The time of the observation, if the half-life is in time.

        Raises
        ------
        ObservationError
            If the key, the observation, its weight or its time is invalid. The table is then
            unchanged.
        """
        weight, time = read_weight(w), self._time(t)
        columns = self._rows.columns
        rows = self._rows.add([key], lambda rows: columns.learn_one(int(rows[0]), x, weight, time))
        self._changed(rows)

    def _time(self, t: Any) -> float | None:
        if self._rows.timed:
            return as_real(t, "the time of the observation, a finite number")
        if t is not None:
            raise ObservationError(f"only beliefs with a half-life in time take times, got {t!r}")
        return None

    def learn_many(self, keys: Any, xs: Iterable[Any], w: Any = None, t: Any = None) -> None:
        """Absorb many observations in order, or none of them if one is invalid.

        Parameters
        ----------
        keys
            n keys: a list, an array, an Arrow array, or a column of a data frame.
        xs
            n observations, an array or any iterable.
        w
            None, one weight for all, or n weights.
        t
            The n times of the observations, if the half-life is in time.

        Raises
        ------
        ObservationError
            If a key, an observation, a weight or a time is invalid; the message names the first.
        """
        xs = arrays.items(xs)
        times = self._times(t, len(xs))
        weights = arrays.weights(w, len(xs))
        if self._has_numbers():
            self._changed(self._rows.learn(keys, xs, weights, times))
            return

        def learn(rows: Array) -> None:
            if len(rows) != len(xs):
                raise ObservationError(f"expected {len(xs)} keys, got {len(rows)}")
            self._rows.columns.learn_objects(rows, list(xs), weights, times)

        self._changed(self._rows.add(keys, learn))

    def _has_numbers(self) -> bool:
        """Whether the observations of the likelihood are numbers."""
        try:
            self._rows.state.read_many([])
        except UnsupportedError:
            return False
        return True

    def _times(self, t: Any, n: int) -> Array | None:
        if not self._rows.timed:
            self._time(t)
            return None
        if t is None:
            self._time(t)
        times = arrays.reals(t, "a time, a finite number").astype(float)
        arrays.check(times, np.isfinite(times), "a time, a finite number")
        if len(times) != n:
            raise ObservationError(f"expected {n} times, got {len(times)}")
        return times

    def _changed(self, rows: Any) -> None:
        """Record that these rows have learned, in this order; evict keys if there are too many."""
        self._answers = None
        if self._rows.order is not None:
            self._rows.order.touch(rows, len(self))
        if self.max_keys is not None and len(self) > self.max_keys:
            self.evict(len(self) - self.max_keys)

    def unlearn_one(self, key: Any, x: Any, w: Any = 1.0) -> None:
        """Remove one observation of a key: the exact inverse of `learn_one`.

        Raises
        ------
        ObservationError
            If the key is unknown, `x` is outside the support, more would be removed than was
            learned, or the beliefs have a half-life.
        """
        if self._rows.half_life:
            raise ObservationError("a table of beliefs with a half-life cannot unlearn")
        row = self._rows.index.find(key)
        if row < 0:
            raise ObservationError(f"cannot unlearn what was not learned: unknown key {key!r}")
        self._rows.columns.unlearn(row, x, w)
        self._answers = None

    def forget(self, factor: float) -> None:
        """Scale the weight of all data by `factor`, which moves posteriors toward the prior.

        Raises
        ------
        ObservationError
            If the factor is not between 0 and 1.
        """
        share = as_real(factor, "a factor from 0 to 1")
        if not 0.0 <= share <= 1.0:
            raise ObservationError(f"expected a factor from 0 to 1, got {factor!r}")
        self._rows.columns.scale(share)
        self._answers = None

    def rollover(self) -> None:
        """Make every posterior the prior of its key, and empty the statistics.

        Keys that appear later start from the table's prior.

        Raises
        ------
        UnsupportedError
            If keys are pooled, because their prior is estimated from all of the data.
        """
        if self.pool is not None:
            raise UnsupportedError("a table that pools its keys cannot roll over")
        self._rows.set_priors(self.answers().posterior)
        self._rows.clear()
        self._answers = None

    def merge(self, other: Self) -> None:
        """Add the data of another table; common priors count once, and new keys are appended.

        Raises
        ------
        MergeError
            If the tables have different priors, likelihoods or half-lives.
        """
        if type(other) is not type(self):
            raise MergeError(f"cannot merge {type(other).__name__} into a table")
        if self.pool != other.pool:
            raise MergeError(
                f"cannot merge tables that pool differently: {self.pool}, {other.pool}"
            )
        self._changed(self._rows.merge(other._rows))

    def merge_statistics(self, keys: Any, statistics: Columns) -> None:
        """Add statistics that were computed elsewhere, such as by a query engine.

        Parameters
        ----------
        keys
            Distinct keys.
        statistics
            One row for each key, of the kind that the likelihood of the table sums.

        Raises
        ------
        ObservationError
            If a key is invalid, or a sum overflows.
        """
        columns = self._rows.columns
        self._changed(self._rows.add(keys, lambda rows: columns.merge(rows, statistics)))

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, BaseTable):
            return NotImplemented
        total = self.select(self.keys)
        total.merge(other)
        return total

    # Functions for parts of a table.

    def select(self, keys: Iterable[Any]) -> Self:
        """Return a new table with copies of the beliefs of some keys, in this order.

        Raises
        ------
        KeyError
            If a key is unknown.
        """
        selected: Self = type(self)(
            self._rows.template, max_keys=self.max_keys, policy=self.policy, pool=self.pool
        )
        selected._rows = self._rows.take(self._rows.find(keys))
        return selected

    def evict(self, n: int) -> list[Any]:
        """Remove the n keys that the policy of the table selects, and return them."""
        n = min(n, len(self))
        if self.policy == "oldest":
            gone = np.arange(n)
        elif self._rows.order is not None:
            gone = np.sort(self._rows.order.rows()[:n])
        else:
            weights = self.answers().n_samples
            gone = np.sort(np.argsort(weights, kind="stable")[:n])
        kept = np.ones(len(self), bool)
        kept[gone] = False
        keys = self._rows.index.at(gone)
        self._rows.keep(np.flatnonzero(kept))
        self._answers = None
        return keys

    # Answers for all keys.

    def answers(self, at: float | None = None) -> Answers:
        """Return the answers of all posteriors, each at the clock of its key.

        Parameters
        ----------
        at
            For beliefs with a half-life in time, the time to which the data are decayed; not before
            the clock of any key.

        Raises
        ------
        ObservationError
            If the time is before the clock of a key, or beliefs have no half-life in time.
        """
        if at is None:
            if self._answers is None:
                self._answers = self._pooled(None)
            return self._answers
        return self._pooled(at)

    def unpooled(self, at: float | None = None) -> Answers:
        """Return the answers without pooling: no key borrows strength from the others.

        Parameters
        ----------
        at
            As for `answers`.

        Raises
        ------
        ObservationError
            As raised by `answers`.
        """
        return self.answers(at) if self.pool is None else self._unpooled(at)

    def _unpooled(self, at: float | None) -> Answers:
        if at is not None:
            if not self._rows.timed:
                raise ObservationError(
                    "only beliefs with a half-life in time can be evaluated at a given time"
                )
            at = as_real(at, "a time")
        rows = self._rows
        factors = rows.columns.decay(at) if rows.half_life else None
        return Answers(rows.state, rows.prior, rows.columns, factors)

    def _pooled(self, at: float | None) -> Answers:
        """Return the answers under the common prior, if keys are pooled."""
        answers = self._unpooled(at)
        if self._shared is None:
            return answers
        return self._shared.apply(answers, len(self), lambda: self.keys)

    @property
    def pooled_prior(self) -> PooledPrior:
        """The common prior of the keys, estimated from their data.

        Raises
        ------
        UnsupportedError
            If the table does not pool its keys.
        """
        if self._shared is None:
            raise UnsupportedError("the table does not pool its keys: create it with pool=True")
        return self._shared.estimate(self._unpooled(None), len(self), lambda: self.keys)

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._rows.template!r}, {len(self)} keys)"
