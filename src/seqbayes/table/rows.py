"""The keys of a table with their statistics, priors and order of use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from seqbayes.errors import MergeError, ObservationError, PriorError, UnsupportedError
from seqbayes.forgetting import Decayed
from seqbayes.state import State
from seqbayes.statistics.batches import RowBatch
from seqbayes.statistics.columns import Columns
from seqbayes.table.index import Index
from seqbayes.table.keys import blocks, count, read_keys
from seqbayes.table.order import Order

Array = Any

_BLOCK = 1 << 20
"""Number of observations for which arrays are made at once: reusing memory is faster."""


class Rows:
    """A row of statistics for each key; after a rollover, also a row of hyperparameters.

    Parameters
    ----------
    state
        The prior and likelihood of every key.
    ordered
        Whether to keep the order in which keys were last observed.

    Raises
    ------
    PriorError
        If the statistic of the state is not a fixed number of sums.
    """

    def __init__(self, state: State | Decayed, ordered: bool) -> None:
        self.template: Any = state.clone()
        self.state: State = self.template.undecayed
        self.half_life: float = self.template.half_life or 0.0
        self.timed: bool = self.template.timed
        self.index = Index()
        try:
            self.columns = Columns(self.state.new_statistics, self.half_life, self.timed)
        except UnsupportedError as error:
            family = type(self.state).__name__
            raise PriorError(f"a {family} cannot be the prior of a table: {error}") from None
        self.order = Order() if ordered else None
        self._priors: Any = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_bytes(self) -> int:
        """Memory of the statistics and the index in bytes, excluding keys that are tuples."""
        return self.columns.n_bytes + self.index.n_bytes

    def add(self, keys: Any, learn: Callable[[Array], None]) -> Array:
        """Call a function with the rows of keys, and return the rows; on error, remove new keys."""
        with self._adding():
            rows = self._add(read_keys(keys))
            learn(rows)
        return rows

    def learn(self, keys: Any, xs: Any, ws: Array | None, ts: Array | None) -> Array:
        """Add observations that are numbers, or none of them if one is invalid.

        Parameters
        ----------
        keys
            The keys.
        xs
            The observations, one for each key: an array or a list.
        ws, ts
            Their weights and times, or None.

        Returns
        -------
        array
            The row of each observation; empty if the order of use is not kept.

        Raises
        ------
        ObservationError
            If a key or an observation is invalid, or a sum overflows.
        """
        read = read_keys(keys)
        if count(read) != len(xs):
            raise ObservationError(f"expected {len(xs)} keys, got {count(read)}")
        divided = isinstance(xs, np.ndarray) and xs.dtype.kind in "biuf"
        parts = blocks(read, _BLOCK) if divided else [read]
        used: list[Array] = []

        def batches() -> Iterator[RowBatch]:
            stop = 0
            for part in parts:
                start, stop = stop, stop + count(part)
                numbers = self._numbers(xs, start, stop)
                rows = self._add(part)
                if self.order is not None:
                    used.append(rows)
                pair = (None if each is None else each[start:stop] for each in (ws, ts))
                yield RowBatch(rows, *numbers, *pair)

        with self._adding():
            self.columns.learn_batches(batches(), len(xs), len(self))
        return np.concatenate(used) if used else np.zeros(0, np.int64)

    def _numbers(self, xs: Any, start: int, stop: int) -> tuple[Array, Array]:
        """Return some of the observations as numbers."""
        try:
            return self.state.read_many(xs[start:stop])
        except ObservationError:
            if start:
                self.state.read_many(xs[:stop])  # the message has the position in xs
            raise

    def _add(self, read: Any) -> Array:
        """Return the rows of keys, some of which may be new."""
        rows = self.index.rows_of_read(read, add=True)
        if len(self.index) > self.columns.n_rows:
            self.columns.resize(len(self.index))
        return rows

    @contextmanager
    def _adding(self) -> Iterator[None]:
        """Remove new keys on error."""
        before = len(self.index)
        try:
            yield
        except BaseException:
            self.index.truncate(before)
            if self.columns.n_rows > before:
                self.columns.resize(before)
            raise

    def state_at(self, row: int, prior: Any = None) -> State | Decayed:
        """Return the belief of a row as a state, with the given prior unless it is None."""
        state = self.state if prior is None else self.state.with_prior(prior)
        state = state.with_statistics(self.columns.statistics(row))
        if not self.half_life:
            return state
        clock = float(self.columns.clocks[row])
        belief: Decayed = self.template.with_data(state, None if clock != clock else clock)
        return belief

    @property
    def has_priors(self) -> bool:
        """Whether keys have different priors, after a rollover."""
        return self._priors is not None

    @property
    def prior(self) -> Any:
        """The prior's hyperparameters: numbers, or arrays after a rollover."""
        prior = self.state.prior
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

    def set_priors(self, priors: Any) -> None:
        """Set the hyperparameters of all keys: tuples of labels, arrays, or numbers."""
        n = len(self)
        self._priors = type(priors)(
            *(
                value if isinstance(value, (tuple, np.ndarray)) else _repeat(value, n)
                for value in priors
            )
        )

    def clear(self) -> None:
        """Empty the statistics of all keys, but keep the clocks of half-lives."""
        n, old = len(self), self.columns
        self.columns = old.empty()
        self.columns.resize(n)
        if old.half_life:
            self.columns.clocks[:n] = old.clocks[:n]
            self.columns.landmarks[:n] = old.landmarks[:n]

    def keep(self, rows: Array) -> None:
        """Keep only these rows, which may be in any order."""
        if self._priors is not None:
            mine = self.prior
            self._priors = type(mine)(*(v if isinstance(v, tuple) else v[rows] for v in mine))
        self.index, self.columns = self.index.take(rows), self.columns.take(rows)
        if self.order is not None:
            self.order = self.order.take(rows)

    def take(self, rows: Array) -> Rows:
        """Return copies of some rows."""
        taken = Rows(self.template, ordered=False)
        taken.index, taken.columns = self.index, self.columns
        taken.order, taken._priors = self.order, self._priors
        taken.keep(rows)
        return taken

    def merge(self, other: Rows) -> Array:
        """Add the data of other rows; return the rows in the order in which `other` last used them.

        Raises
        ------
        MergeError
            If priors, likelihoods or half-lives differ.
        """
        if (self.half_life, self.timed) != (other.half_life, other.timed):
            raise MergeError("tables cannot be merged: their half-lives differ")
        self.state.check_mergeable(other.state)
        if self.has_priors or other.has_priors:
            raise MergeError("tables cannot be merged after rollover: their keys' priors differ")
        if self.half_life:
            rows = self._merge_decayed(other)
        else:
            rows = self.add(other.index.array, lambda rows: self.columns.merge(rows, other.columns))
        return rows if other.order is None else rows[other.order.rows()]

    def _merge_decayed(self, other: Rows) -> Array:
        merged: dict[Any, Any] = {}
        for theirs, key in enumerate(other.index.keys):
            belief: Any = other.state_at(theirs)
            row = self.index.find(key)
            if row >= 0:
                mine: Any = self.state_at(row)
                mine.merge(belief)
                belief = mine
            merged[key] = belief

        def write(rows: Array) -> None:
            for row, belief in zip(rows.tolist(), merged.values(), strict=True):
                self.columns.write_decayed(row, belief.undecayed.statistics, belief.clock)

        return self.add(list(merged), write)

    def find(self, keys: Iterable[Any]) -> Array:
        """Return the distinct rows of keys, in the order of the keys.

        Raises
        ------
        KeyError
            If a key is unknown.
        """
        listed = keys if isinstance(keys, np.ndarray) else list(keys)
        rows = self.index.rows(listed, add=False)
        if len(rows) and rows.min() < 0:
            raise KeyError(listed[int(np.argmax(rows < 0))])
        return np.array(list(dict.fromkeys(rows.tolist())), np.int64)


def _repeat(value: Any, n: int) -> Array:
    """Return a hyperparameter of the prior as an array with one value per row."""
    return np.repeat(np.asarray(value, float)[np.newaxis], n, axis=0)
