"""One belief for each of many keys, stored in columns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np

from seqbayes.errors import MergeError, ObservationError, PriorError, UnsupportedError
from seqbayes.forgetting import Decayed
from seqbayes.state import State
from seqbayes.statistics import arrays
from seqbayes.statistics.reading import as_real, read_weight
from seqbayes.table import arrow
from seqbayes.table.answers import Answers
from seqbayes.table.pooling.options import Pool, PooledPrior, read_pool
from seqbayes.table.pooling.shared import SharedPrior
from seqbayes.table.rows import Rows
from seqbayes.table.summaries import Summaries

Array = Any

_POLICIES = ("lightest", "oldest", "inactive")


class Table(Summaries):
    """A belief for each of many keys, with one prior and one likelihood.

    A table equals a dictionary of states: every key learns exactly what a separate state would
    learn. It takes a few dozen bytes per key, learns arrays of keys and observations in compiled
    code, and answers for all keys at once, as arrays in the order of `keys`.

    Parameters
    ----------
    state
        The prior and likelihood of every key: a state without data whose statistic is a fixed
        number of sums (Beta, Gamma, Normal, NormalInverseGamma and Dirichlet), or `Decayed` around
        one.
    max_keys
        Maximum number of keys, beyond which keys are evicted; None for no limit.
    policy
        The keys that are evicted first: "lightest" (those with the smallest weight of data),
        "oldest" (those that appeared first), or "inactive" (those whose last observation was
        learned first).
    pool
        Whether keys share a prior that is estimated from the data of all of them (partial pooling,
        for Beta, Gamma and Normal): True, the name of a method, or a `Pool`. The prior of `state`
        then applies only while the data do not determine another.

    Raises
    ------
    PriorError
        If the state cannot be the prior of a table, or an option is invalid.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> clicks = Table(Beta())
    >>> clicks.learn_many(["home", "shop", "home"], [True, False, True])
    >>> clicks.keys
    ['home', 'shop']
    >>> clicks.mean.round(3)
    array([0.75 , 0.333])
    >>> clicks["home"].posterior
    BetaHyperparameters(alpha=3.0, beta=1.0)
    """

    def __init__(
        self,
        state: State | Decayed,
        *,
        max_keys: int | None = None,
        policy: str = "lightest",
        pool: bool | str | Pool | None = None,
    ) -> None:
        if not isinstance(state, (State, Decayed)):
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

    @classmethod
    def from_query(
        cls,
        state: State | Decayed,
        data: Any,
        *,
        key: str | Sequence[str],
        value: str | Sequence[str],
        weight: str | None = None,
        time: str | None = None,
        connection: Any = None,
        refuse: Callable[[Mapping[str, Any], ObservationError], None] | None = None,
        pool: bool | str | Pool | None = None,
    ) -> Self:
        """Return the beliefs of all keys in a query, file or data frame.

        The sums of every key are computed by the engine, not row by row in Python. Rows that are
        not certain to be valid are learned with `learn_one`.

        Parameters
        ----------
        state
            The prior, as for `Table`.
        data
            A SELECT statement or the name of a table; a Parquet file; or a Polars data frame.
        key
            The column of the key, or several.
        value
            The column of the observation, or the two columns of a pair.
        weight, time
            The columns of weights, and of times for a half-life in time.
        connection
            The engine that executes the query: a connection of DuckDB or psycopg, or
            ``postgresql://…``; by default a new DuckDB connection.
        refuse
            Called with each row that cannot be learned, and the reason. By default the first such
            row raises an error.
        pool
            As for `Table`.

        Raises
        ------
        UnsupportedError
            If the statistics of the state have no aggregates in SQL.
        ObservationError
            If a row is invalid, or a sum overflows.
        SourceError
            If the engine cannot execute the query.

        Examples
        --------
        >>> from seqbayes import Gamma
        >>> calls = "SELECT * FROM (VALUES ('a', 5), ('b', 1), ('a', 7)) AS calls(shop, n)"
        >>> table = Table.from_query(Gamma(1, 1), calls, key="shop", value="n")
        >>> sorted(zip(table.keys, table.mean.round(2).tolist()))
        [('a', 4.33), ('b', 1.0)]
        """
        from seqbayes.table.query import learn_query

        table = cls(state, pool=pool)
        by = [key] if isinstance(key, str) else list(key)
        names = [value] if isinstance(value, str) else list(value)
        learn_query(table._rows, table.learn_one, data, connection, by, names, weight, time, refuse)
        return table

    @classmethod
    def from_states(
        cls, states: Mapping[Any, State], state: State, *, pool: bool | str | Pool | None = None
    ) -> Self:
        """Return a table with copies of states.

        Parameters
        ----------
        states
            The states by key.
        state
            The prior, which must be that of each state.
        pool
            As for `Table`.

        Raises
        ------
        MergeError
            If a state has another family, prior or likelihood.
        PriorError
            If the state cannot be the prior of a table, or cannot be pooled.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> sold = Beta()
        >>> sold.learn_many([True, True, False])
        >>> Table.from_states({"north": sold, "south": Beta()}, Beta()).mean
        array([0.6, 0.5])
        """
        table = cls(state, pool=pool)
        for each in states.values():
            table._rows.state.check_mergeable(each)

        def copy(rows: Array) -> None:
            for row, each in zip(rows.tolist(), states.values(), strict=True):
                table._rows.columns.write(row, each.statistics)

        table._changed(table._rows.add(list(states), copy))
        return table

    # Keys.

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def keys(self) -> list[Any]:
        """The keys, in order of first appearance."""
        return self._rows.index.keys

    def keys_at(self, rows: Array) -> list[Any]:
        """Return the keys at some positions.

        Parameters
        ----------
        rows : array of int
            Positions in `keys`, such as the indices of the largest means.
        """
        return self._rows.index.at(np.asarray(rows, np.int64))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows.index.keys)

    def __contains__(self, key: Any) -> bool:
        return self._rows.index.find(key) >= 0

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
        """The seed of the template, for samples."""
        return self._rows.state.seed

    @property
    def n_bytes(self) -> int:
        """Memory of the statistics and of the index in bytes, excluding keys that are tuples."""
        return self._rows.n_bytes

    @property
    def statistics_bytes(self) -> int:
        """Memory of the statistics, in bytes."""
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
        numbers = self._numbers(xs)

        def learn(rows: Array) -> None:
            if len(rows) != len(xs):
                raise ObservationError(f"expected {len(xs)} keys, got {len(rows)}")
            if numbers is None:
                self._rows.columns.learn_objects(rows, list(xs), weights, times)
            else:
                self._rows.columns.learn(rows, *numbers, weights, times)

        self._changed(self._rows.add(keys, learn))

    def _numbers(self, xs: Any) -> tuple[Array, Array] | None:
        """Return observations as numbers; None if the likelihood is not one of numbers."""
        try:
            return self._rows.state.read_many(xs)
        except UnsupportedError:
            return None

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

        Keys that appear later have the prior of the table.

        Raises
        ------
        UnsupportedError
            If keys are pooled: their prior is estimated from all of the data.
        """
        if self.pool is not None:
            raise UnsupportedError("a table that pools its keys cannot roll over")
        self._rows.set_priors(self.answers().posterior)
        self._rows.clear()
        self._answers = None

    def merge(self, other: Self) -> None:
        """Add the data of another table; common priors count once, new keys are appended.

        Raises
        ------
        MergeError
            If the tables have different priors, likelihoods or half-lives.
        """
        if type(other) is not type(self):
            raise MergeError(f"cannot merge a {type(other).__name__} into a table")
        if self.pool != other.pool:
            raise MergeError(
                f"cannot merge tables that pool differently: {self.pool}, {other.pool}"
            )
        self._changed(self._rows.merge(other._rows))

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, Table):
            return NotImplemented
        total = self.select(self.keys)
        total.merge(other)
        return total

    # Parts of a table.

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

    # Arrow.

    def to_arrow(self, level: float = 0.95, statistics: bool = False) -> Any:
        """Return the estimates, or the statistics of all keys, as a pyarrow.Table.

        Parameters
        ----------
        level
            Probability of the credible intervals.
        statistics
            Whether to return the statistics and options instead of estimates: all that
            `from_arrow` needs. The schema has a version.

        Raises
        ------
        SeqbayesError
            If pyarrow is not installed.
        UnsupportedError
            If the statistics are those of labels after a rollover.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> clicks = Table(Beta())
        >>> clicks.learn_many(["home", "shop", "home"], [True, False, True])
        >>> clicks.to_arrow().column_names
        ['key', 'n', 'mean', 'low', 'high', 'mle', 'map']
        >>> stored = clicks.to_arrow(statistics=True)
        >>> stored.column_names
        ['key', 'sum_0_0', 'sum_2_0', 'sum_3_0']
        >>> Table.from_arrow(stored).mean.round(3)
        array([0.75 , 0.333])
        """
        if not statistics:
            return super().to_arrow(level)
        options = {
            "state": self._rows.template.to_dict(),
            "max_keys": self.max_keys,
            "policy": self.policy,
            "pool": None if self.pool is None else [self.pool.method, self.pool.refresh],
        }
        return arrow.write(options, self._rows)

    @classmethod
    def from_arrow(cls, table: Any) -> Self:
        """Return the table that `to_arrow` has written with ``statistics=True``.

        Parameters
        ----------
        table
            An Arrow table, or any object with the Arrow interface, such as a Polars data frame.

        Raises
        ------
        PriorError
            If it is not such a table, has a newer version, or a value is invalid.
        """
        read, document = arrow.document_of(table)
        try:
            declared = document["state"]
            kind: Any = Decayed if "decayed" in declared else State
            pool = document["pool"]
            found = cls(
                kind.from_dict(declared),
                max_keys=document["max_keys"],
                policy=document["policy"],
                pool=None if pool is None else Pool(*pool),
            )
        except (KeyError, TypeError) as error:
            raise PriorError(f"expected the options of a table, got {document!r}") from error
        arrow.read_rows(read, document, found._rows)
        return found

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
        """Return the answers without pooling: every key has the prior with which it was declared.

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
                    "only beliefs with a half-life in time can be evaluated at a time"
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
        """The prior that the keys have in common, estimated from their data.

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
        return f"Table({self._rows.template!r}, {len(self)} keys)"
