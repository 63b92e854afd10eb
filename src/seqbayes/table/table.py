"""One belief for each of many keys, stored in columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from seqbayes.errors import ObservationError, PriorError
from seqbayes.forgetting import Decayed
from seqbayes.state import State
from seqbayes.table import arrow
from seqbayes.table.base import BaseTable
from seqbayes.table.pooling.options import Pool


class Table(BaseTable):
    """A belief for each of many keys, with one prior and one likelihood.

    A table is equivalent to a dictionary of states: every key learns exactly what a separate state
    would learn. It takes a few dozen bytes per key, learns arrays of keys and observations in
    compiled code, and answers for all keys at once, as arrays in the order of `keys`.

    Parameters
    ----------
    state
        The prior and likelihood of every key: a state without data whose statistic has a fixed
        number of sums (Beta, Gamma, Normal, NormalInverseGamma and Dirichlet), or such a state
        within `Decayed`.
    max_keys
        Maximum number of keys, beyond which keys are evicted; None for no limit.
    policy
        The keys that are evicted first: "lightest" (those with the smallest weight of data),
        "oldest" (those that appeared first), or "inactive" (those without an observation for
        the longest time).
    pool
        Whether keys share a prior that is estimated from the data of all of them (partial pooling,
        for Beta, Gamma and Normal): True, the name of a method, or a `Pool`. With pooling, the
        prior of `state` applies only until the data determine another one.

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
            The column of the key, or several columns. Other values than integers become strings,
            as in a stream, such as ``"true"`` and ``"2024-05-01"``.
        value
            The column of the observation, or the two columns of a pair.
        weight, time
            The columns of weights, and of times for a half-life in time.
        connection
            The engine that executes the query: a DuckDB or psycopg connection, or
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
            A mapping from each key to its state.
        state
            The prior, which all states must have.
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

        def copy(rows: Any) -> None:
            for row, each in zip(rows.tolist(), states.values(), strict=True):
                table._rows.columns.write(row, each.statistics)

        table._changed(table._rows.add(list(states), copy))
        return table

    def to_arrow(self, level: float = 0.95, statistics: bool = False) -> Any:
        """Return the estimates, or the statistics of all keys, as a pyarrow.Table.

        Parameters
        ----------
        level
            Probability of the credible intervals.
        statistics
            Whether to return, instead of estimates, the statistics and options, which are all that
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
        """Return the table that `to_arrow` wrote with ``statistics=True``.

        Parameters
        ----------
        table
            An Arrow table, or any object with the Arrow interface, such as a Polars data frame.

        Raises
        ------
        PriorError
            If `table` was not written by `to_arrow`, was written by a newer version, or contains an
            invalid value.
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
