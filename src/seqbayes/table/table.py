"""One belief for each of many keys, stored in columns."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Self

import numpy as np

from seqbayes.errors import MergeError, ObservationError, PriorError, UnsupportedError
from seqbayes.forgetting import Decayed
from seqbayes.state import State
from seqbayes.statistics import arrays
from seqbayes.statistics.columns import Columns
from seqbayes.statistics.reading import as_real, read_weight
from seqbayes.table import arrow
from seqbayes.table.answers import Answers
from seqbayes.table.index import Index
from seqbayes.table.order import Order
from seqbayes.table.pooling.options import Pool, PooledPrior, read_pool
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
        If learning makes more keys than this, some are evicted; None for no limit.
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
        self._template = state.clone()
        inner = self._template.undecayed if isinstance(self._template, Decayed) else self._template
        self.max_keys, self.policy = max_keys, policy
        self._inner = inner
        self._index = Index()
        try:
            self._rows = Columns(inner.new_statistics, *self._half_life())
        except UnsupportedError as error:
            family = type(inner).__name__
            raise PriorError(f"a {family} cannot be the prior of a table: {error}") from None
        self._priors: Any = None
        self._order = Order() if policy == "inactive" else None
        self._answers: Answers | None = None
        self.pool = read_pool(pool)
        if self.pool is not None:
            from seqbayes.table.pooling.population import population_of

            population_of(inner)
        self._estimated: tuple[PooledPrior, float, int] | None = None

    def _half_life(self) -> tuple[float, bool]:
        template = self._template
        return (
            (template.half_life, template.timed) if isinstance(template, Decayed) else (0.0, False)
        )

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
    ) -> Self:
        """Return the beliefs of all keys in a query, file or data frame.

        The sums of every key are computed by the engine, not row by row in Python. Rows that are
        not certain to be valid are learned with `learn_one`.

        Parameters
        ----------
        state
            The prior, as for `Table`.
        data
            A SELECT statement or the name of a table; a Parquet file; or a data frame of Polars.
        key
            The column of the key, or several.
        value
            The column of the observation, or the two columns of a pair.
        weight, time
            The columns of weights, and of times for a half-life in time.
        connection
            What executes the query: a connection of DuckDB or psycopg, or ``postgresql://…``; by
            default a new connection of DuckDB.
        refuse
            Called with each row that cannot be learned, and the reason. By default the first such
            row raises an error.

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
        from seqbayes.bulk import Selection, aggregate, open_relation

        table = cls(state)
        by = [key] if isinstance(key, str) else list(key)
        names = [value] if isinstance(value, str) else list(value)
        kind = table._inner.likelihood.observation_kind
        values = [(name, kind if len(names) == 1 else "number") for name in names]
        if not by:
            raise ObservationError("expected at least one column as the key")
        selection = Selection(table._template, values, by, texts=False, weight=weight, time=time)
        with closing(open_relation(data, connection)) as relation:
            found, plan = aggregate(relation, selection)
            keys = found.keys[0] if len(by) == 1 else list(zip(*found.keys, strict=True))
            if found.n:
                table._index.rows(keys, add=True)
                table._rows = found.columns
            if found.n < relation.count():
                table._learn_rows(plan.doubtful(), by, names, weight, time, refuse)
        return table

    def _learn_rows(
        self,
        rows: Iterable[tuple[Any, Mapping[str, Any]]],
        by: Sequence[str],
        names: Sequence[str],
        weight: str | None,
        time: str | None,
        refuse: Callable[[Mapping[str, Any], ObservationError], None] | None,
    ) -> None:
        """Learn rows that are perhaps not valid, one at a time."""
        from seqbayes.bulk import as_seconds

        for _, row in rows:
            key, x = (
                row[columns[0]] if len(columns) == 1 else tuple(row[name] for name in columns)
                for columns in (by, names)
            )
            w = 1.0 if weight is None else row[weight]
            t = None if time is None else as_seconds(row[time])
            try:
                self.learn_one(key, x, w, t)
            except ObservationError as error:
                if refuse is None:
                    raise
                refuse(row, error)

    # Keys.

    def __len__(self) -> int:
        return len(self._index)

    @property
    def keys(self) -> list[Any]:
        """The keys, in order of first appearance."""
        return self._index.keys

    def keys_at(self, rows: Array) -> list[Any]:
        """Return the keys at some positions.

        Parameters
        ----------
        rows : array of int
            Positions in `keys`, such as the indices of the largest means.
        """
        return self._index.at(np.asarray(rows, np.int64))

    def __iter__(self) -> Iterator[Any]:
        return iter(self._index.keys)

    def __contains__(self, key: Any) -> bool:
        return self._index.find(key) >= 0

    def __getitem__(self, key: Any) -> State | Decayed:
        """Return a copy of the belief of a key, as a state.

        Raises
        ------
        KeyError
            If nothing was learned for the key.
        UnsupportedError
            If the key's posterior is averaged over the priors of a grid or of nested levels.
        """
        row = self._index.find(key)
        if row < 0:
            raise KeyError(key)
        state = self._inner
        if self._priors is not None or self.pool is not None:
            state = state.with_prior(self.answers().prior_of(row))
        state = state.with_statistics(self._rows.statistics(row))
        if isinstance(self._template, Decayed):
            clock = float(self._rows.clocks[row])
            return self._template.with_data(state, None if clock != clock else clock)
        return state

    @property
    def seed(self) -> int | None:
        """The seed of the template, for samples."""
        return self._inner.seed

    @property
    def n_bytes(self) -> int:
        """Memory of the statistics and of the index, in bytes, without keys that are tuples."""
        return self._rows.n_bytes + self._index.n_bytes

    @property
    def statistics_bytes(self) -> int:
        """Memory of the statistics, in bytes."""
        return self._rows.n_bytes

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
            Its time, where the half-life is one of time.

        Raises
        ------
        ObservationError
            If the key, the observation, its weight or its time is invalid. The table is then
            unchanged.
        """
        weight, time = read_weight(w), self._time(t)
        before = len(self)
        row = int(self._index.rows([key], add=True)[0])
        self._resize()
        try:
            self._rows.learn_one(row, x, weight, time)
        except Exception:
            self._truncate(before)
            raise
        self._changed([row])

    def _time(self, t: Any) -> float | None:
        _, timed = self._half_life()
        if timed:
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
            Their n times, where the half-life is one of time.

        Raises
        ------
        ObservationError
            If a key, an observation, a weight or a time is invalid; it names the first one.
        """
        xs = arrays.items(xs)
        times = self._times(t, len(xs))
        weights = arrays.weights(w, len(xs))
        numbers = self._numbers(xs)
        before = len(self)
        rows = self._index.rows(keys, add=True)
        try:
            if len(rows) != len(xs):
                raise ObservationError(f"expected {len(xs)} keys, got {len(rows)}")
            self._resize()
            if numbers is None:
                self._rows.learn_objects(rows, list(xs), weights, times)
            else:
                self._rows.learn(rows, *numbers, weights, times)
        except Exception:
            self._truncate(before)
            raise
        self._changed(rows)

    def _numbers(self, xs: Any) -> tuple[Array, Array] | None:
        """Return observations as numbers, None if those of the likelihood are not numbers."""
        try:
            return self._inner.read_many(xs)
        except UnsupportedError:
            return None

    def _times(self, t: Any, n: int) -> Array | None:
        _, timed = self._half_life()
        if not timed:
            self._time(t)
            return None
        if t is None:
            self._time(t)
        times = arrays.reals(t, "a time, a finite number").astype(float)
        arrays.check(times, np.isfinite(times), "a time, a finite number")
        if len(times) != n:
            raise ObservationError(f"expected {n} times, got {len(times)}")
        return times

    def _resize(self) -> None:
        if len(self._index) > self._rows.n_rows:
            self._rows.resize(len(self._index))

    def _truncate(self, n: int) -> None:
        """Remove the keys that an invalid call has added."""
        self._index.truncate(n)
        if self._rows.n_rows > n:
            self._rows.resize(n)

    def _changed(self, rows: Any) -> None:
        """Note that these rows have learned, in this order; evict keys if there are too many."""
        self._answers = None
        if self._order is not None:
            self._order.touch(rows, len(self))
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
        if isinstance(self._template, Decayed):
            raise ObservationError("a table of beliefs with a half-life cannot unlearn")
        row = self._index.find(key)
        if row < 0:
            raise ObservationError(f"cannot unlearn what was not learned: unknown key {key!r}")
        self._rows.unlearn(row, x, w)
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
        self._rows.scale(share)
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
        posterior = self.answers().posterior
        n = len(self)
        self._priors = type(posterior)(
            *(
                value if isinstance(value, (tuple, np.ndarray)) else _repeat(value, n)
                for value in posterior
            )
        )
        columns = self._rows.empty()
        columns.resize(n)
        if self._rows.half_life:
            columns.clocks[:n] = self._rows.clocks[:n]
            columns.landmarks[:n] = self._rows.landmarks[:n]
        self._rows = columns
        self._answers = None

    def _prior(self) -> Any:
        """Return the prior's hyperparameters: numbers, or arrays after `rollover`."""
        prior = self._inner.prior
        if self._priors is None:
            return prior
        new = len(self) - len(self._priors[0])
        if new:
            self._priors = type(prior)(
                *(
                    old if isinstance(old, tuple) else np.concatenate([old, _repeat(value, new)])
                    for old, value in zip(self._priors, prior, strict=True)
                )
            )
        return self._priors

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
        if isinstance(self._template, Decayed) or isinstance(other._template, Decayed):
            self._merge_decayed(other)
            return
        self._inner.check_mergeable(other._inner)
        if self._priors is not None or other._priors is not None:
            raise MergeError("tables cannot be merged after rollover: their keys' priors differ")
        before = len(self)
        rows = self._index.rows(other._index.array, add=True)
        self._resize()
        try:
            self._rows.merge(rows, other._rows)
        except Exception:
            self._truncate(before)
            raise
        self._changed(rows if other._order is None else rows[other._order.rows()])

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
        listed = keys if isinstance(keys, np.ndarray) else list(keys)
        rows = self._index.rows(listed, add=False)
        if len(rows) and rows.min() < 0:
            raise KeyError(listed[int(np.argmax(rows < 0))])
        return self._take(np.array(list(dict.fromkeys(rows.tolist())), np.int64))

    def _take(self, rows: Array) -> Self:
        selected: Self = type(self)(
            self._template, max_keys=self.max_keys, policy=self.policy, pool=self.pool
        )
        selected._index, selected._rows, selected._priors = self._parts(rows)
        if self._order is not None:
            selected._order = self._order.take(rows)
        return selected

    def _parts(self, rows: Array) -> tuple[Index, Columns, Any]:
        """Return copies of the index, the statistics and the priors of these rows."""
        index, prior = self._index.take(rows), None
        if self._priors is not None:
            mine = self._prior()
            prior = type(mine)(*(v if isinstance(v, tuple) else v[rows] for v in mine))
        return index, self._rows.take(rows), prior

    def evict(self, n: int) -> list[Any]:
        """Remove n keys and return them, those first that the policy of the table names."""
        n = min(n, len(self))
        if self.policy == "oldest":
            gone = np.arange(n)
        elif self._order is not None:
            gone = np.sort(self._order.rows()[:n])
        else:
            weights = self.answers().n_samples
            gone = np.sort(np.argsort(weights, kind="stable")[:n])
        kept = np.ones(len(self), bool)
        kept[gone] = False
        keys = self._index.at(gone)
        rows = np.flatnonzero(kept)
        self._index, self._rows, self._priors = self._parts(rows)
        if self._order is not None:
            self._order = self._order.take(rows)
        self._answers = None
        return keys

    def _merge_decayed(self, other: Self) -> None:
        if repr(self._half_life()) != repr(other._half_life()):
            raise MergeError("tables cannot be merged: their half-lives differ")
        self._inner.check_mergeable(other._inner)
        if self._priors is not None or other._priors is not None:
            raise MergeError("tables cannot be merged after rollover: their keys' priors differ")
        merged = {}
        for key in other:
            belief: Any = other[key]
            if key in self:
                mine: Any = self[key]
                mine.merge(belief)
                belief = mine
            merged[key] = belief
        rows = self._index.rows(list(merged), add=True)
        self._resize()
        for row, belief in zip(rows.tolist(), merged.values(), strict=True):
            self._rows.write_decayed(row, belief.undecayed.statistics, belief.clock)
        self._changed(rows if other._order is None else rows[other._order.rows()])

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
            "state": self._template.to_dict(),
            "max_keys": self.max_keys,
            "policy": self.policy,
            "pool": None if self.pool is None else [self.pool.method, self.pool.refresh],
        }
        numbers: dict[str, Array] = {}
        if self._priors is not None:
            prior = self._prior()._asdict()
            if any(isinstance(v, tuple) for v in prior.values()):
                raise UnsupportedError("a table of labels that rolled over has no Arrow form")
            numbers = {f"prior_{name}": v for name, v in prior.items()}
        if self._order is not None:
            numbers["last"] = self._order.last(len(self))
        return arrow.write(arrow.Contents(options, self._index.array, self._rows, numbers))

    @classmethod
    def from_arrow(cls, table: Any) -> Self:
        """Return the table that `to_arrow` has written with ``statistics=True``.

        Parameters
        ----------
        table
            An Arrow table, or any object with the Arrow interface, such as a frame of Polars.

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
        try:
            rows = found._index.rows(arrow.read_keys(read, document), add=True)
        except ObservationError as error:
            raise PriorError(str(error)) from None
        if len(rows) != len(found):
            raise PriorError("expected different keys, got some twice")
        arrow.read_columns(read, document, found._rows)
        names = found._inner.prior._fields
        if f"prior_{names[0]}" in read.column_names:
            columns = [arrow.numbers(read, f"prior_{name}") for name in names]
            found._priors = type(found._inner.prior)(*columns)
        if found._order is not None:
            found._order = Order.of(arrow.numbers(read, "last"))
        return found

    # Answers for all keys.

    def answers(self, at: float | None = None) -> Answers:
        """Return the answers of all posteriors, each as of the clock of its key.

        Parameters
        ----------
        at
            Of beliefs with a half-life in time, the time as of which data are weighted instead;
            not before the clock of any key.

        Raises
        ------
        ObservationError
            If the time is before the clock of a key, or beliefs have no half-life in time.
        """
        if at is None:
            if self._answers is None:
                self._answers = self._pooled(self._unpooled(None))
            return self._answers
        return self._pooled(self._unpooled(at))

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
            if not self._half_life()[1]:
                raise ObservationError("only beliefs with a half-life in time can be as of a time")
            at = as_real(at, "a time")
        return Answers(self._inner, self._prior(), self._rows, self._factors(at))

    def _pooled(self, answers: Answers) -> Answers:
        """Return the answers of the same data under the common prior."""
        if self.pool is None:
            return answers
        found = self._estimate(self.pool, answers)
        if found.method in ("none", "empirical"):
            answers.set_prior(found.hyperparameters)
            return answers
        from seqbayes.table.pooled import PooledAnswers

        return PooledAnswers(answers, found)

    def _estimate(self, pool: Pool, answers: Answers) -> PooledPrior:
        """Return the common prior; an earlier estimate while the data have changed little."""
        weight, n = float(answers.n_samples.sum()), len(self)
        if self._estimated is not None and pool.refresh > 0.0:
            found, before, keys = self._estimated
            if abs(weight - before) <= pool.refresh * before and (
                found.groups is None or keys == n
            ):
                return found
        from seqbayes.table.pooling.estimate import estimate

        names = self.keys if pool.method == "nested" else []
        found = estimate(pool, self._inner, answers.statistic, names)
        self._estimated = found, weight, n
        return found

    @property
    def pooled_prior(self) -> PooledPrior:
        """The prior that the keys have in common, estimated from their data.

        Raises
        ------
        UnsupportedError
            If the table does not pool its keys.
        """
        if self.pool is None:
            raise UnsupportedError("the table does not pool its keys: make it with pool=True")
        self.answers()
        assert self._estimated is not None
        return self._estimated[0]

    def _factors(self, at: float | None) -> Array | None:
        if not self._rows.half_life:
            return None
        return self._rows.decay(at)

    def __copy__(self) -> Self:
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        return f"Table({self._template!r}, {len(self)} keys)"


def _repeat(value: Any, n: int) -> Array:
    """Return a hyperparameter of the prior as an array with one value per row."""
    return np.repeat(np.asarray(value, float)[np.newaxis], n, axis=0)
