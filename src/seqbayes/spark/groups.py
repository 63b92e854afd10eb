"""The beliefs of many keys in one partition: learned, split by key, and merged."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from seqbayes.errors import ObservationError, PriorError
from seqbayes.events.belief import Belief
from seqbayes.spark.events import Events, listed
from seqbayes.statistics.columns import Columns
from seqbayes.table import Table

Array = Any

_ALL = ""
"""The key of a belief without key fields."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Groups:
    """The beliefs of many keys.

    Parameters
    ----------
    belief
        The declaration.
    skip
        Whether events that cannot be used are counted and skipped; otherwise they raise an error.

    Attributes
    ----------
    refused
        The number of events that were skipped.
    """

    def __init__(self, belief: Belief, skip: bool = False) -> None:
        self._belief = belief
        self._skip = skip
        self.refused = 0
        prior: Any = belief.state
        self._by_key: _TableOfKeys | _Models = _Models(prior)
        if belief.by:
            with contextlib.suppress(PriorError):  # some states cannot be rows of a table
                self._by_key = _TableOfKeys(Table(prior))

    def __len__(self) -> int:
        return len(self._by_key)

    def learn(self, events: Events) -> None:
        """Learn the events of a batch.

        Raises
        ------
        ObservationError
            If an event cannot be used, unless such events are skipped.
        """
        if events.reasons and not self._skip:
            row = min(events.reasons)
            raise ObservationError(
                f"belief {self._belief.name!r}: {events.reasons[row]} (event {row} of a batch, and"
                f' {len(events.reasons) - 1} others; invalid="skip" skips them)'
            )
        self.refused += events.refused
        usable = events.usable()
        if usable.n:
            self.refused += self._by_key.learn(usable, self._skip)

    def add(self, keys: Any, statistics: Columns) -> None:
        """Add statistics: one row for each key in an Arrow array, which may contain a key twice.

        Without key fields, `keys` is None and all rows are added to one state.
        """
        if keys is None:
            keys = pa.array([_ALL] * statistics.n_rows)
        codes = keys.dictionary_encode().indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], codes[order])
        turns = np.empty(len(codes), np.intp)
        turns[order] = np.arange(len(codes)) - starts
        for turn in range(int(turns.max()) + 1):  # in each turn, keys are distinct
            rows = np.flatnonzero(turns == turn)
            self._by_key.add(keys.take(pa.array(rows)), statistics.take(rows))

    def merge(self, other: Groups) -> None:
        """Add the data of other groups of the same belief.

        Raises
        ------
        MergeError
            If the states of a key cannot be merged.
        """
        self.refused += other.refused
        self._by_key.merge(other._by_key)

    def split(self, n: int) -> list[Groups]:
        """Split the keys into `n` groups by hash; the first group gets the count of `refused`."""
        parts = []
        keys = self._by_key.keys
        remainders = _remainders(keys, n)
        for i in range(n):
            part = Groups(self._belief, self._skip)
            part._by_key = self._by_key.select([keys[j] for j in np.flatnonzero(remainders == i)])
            parts.append(part)
        parts[0].refused = self.refused
        return parts

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Yield keys and states."""
        return self._by_key.items()


class _TableOfKeys:
    """States in the columns of a table."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return len(self.table)

    @property
    def keys(self) -> list[Any]:
        return self.table.keys

    def learn(self, events: Events, skip: bool) -> int:
        try:
            self.table.learn_many(events.keys, events.xs, events.ws, events.ts)
        except ObservationError:
            if not skip:
                raise
            return self._learn_each(events)
        return 0

    def _learn_each(self, events: Events) -> int:
        refused = 0
        for key, x, w, t, n in zip(events.keys.to_pylist(), *_arguments(events), strict=True):
            try:
                self.table.learn_one(key, x, w, t)
            except ObservationError:
                refused += n
        return refused

    def add(self, keys: Any, statistics: Columns) -> None:
        self.table.merge_statistics(keys, statistics)

    def merge(self, other: Any) -> None:
        self.table.merge(other.table)

    def select(self, keys: list[Any]) -> _TableOfKeys:
        return _TableOfKeys(self.table.select(keys))

    def items(self) -> Iterator[tuple[Any, Any]]:
        return ((key, self.table[key]) for key in self.table)


class _Models:
    """States and mixtures in a dictionary."""

    def __init__(self, prior: Any) -> None:
        self._prior = prior
        self._models: dict[Any, Any] = {}

    def __len__(self) -> int:
        return len(self._models)

    @property
    def keys(self) -> list[Any]:
        return list(self._models)

    def learn(self, events: Events, skip: bool) -> int:
        refused = 0
        for key, part in _by_key(events):
            model = self._models.get(key)
            if model is None:
                model = self._prior.clone()
            refused += learn_all(model, part, skip)
            if model.n_samples > 0.0:
                self._models[key] = model
        return refused

    def add(self, keys: Any, statistics: Columns) -> None:
        for row, key in enumerate(keys.to_pylist()):
            model = self._models.setdefault(key, self._prior.clone())
            model.merge(self._prior.with_statistics(statistics.statistics(row)))

    def merge(self, other: Any) -> None:
        for key, model in other.items():
            mine = self._models.get(key)
            if mine is None:
                self._models[key] = model
            else:
                mine.merge(model)

    def select(self, keys: list[Any]) -> _Models:
        selected = _Models(self._prior)
        selected._models = {key: self._models[key] for key in keys}
        return selected

    def items(self) -> Iterator[tuple[Any, Any]]:
        return iter(self._models.items())


def learn_all(model: Any, events: Events, skip: bool) -> int:
    """Learn events of one key; return the number of events that were skipped as unusable.

    Raises
    ------
    ObservationError
        If an event cannot be used, unless such events are skipped.
    """
    times = () if events.ts is None else (events.ts,)
    try:
        model.learn_many(events.xs, events.ws, *times)
    except ObservationError:
        if not skip:
            raise
        return _learn_each(model, events)
    return 0


def _learn_each(model: Any, events: Events) -> int:
    """Learn events one at a time; return the number of unusable events."""
    refused = 0
    for x, w, t, n in zip(*_arguments(events), strict=True):
        try:
            model.learn_one(x, w, *(() if t is None else (t,)))
        except ObservationError:
            refused += n
    return refused


def _arguments(events: Events) -> tuple[list[Any], list[float], list[float | None], list[int]]:
    """Return the observations, weights, times and numbers of events as lists."""
    xs = events.xs
    if isinstance(xs, dict):
        columns = (listed(column) for column in xs.values())
        xs = [dict(zip(xs, row, strict=True)) for row in zip(*columns, strict=True)]
    ws = [1.0] * events.n if events.ws is None else events.ws.tolist()
    ts = [None] * events.n if events.ts is None else events.ts.tolist()
    counts = [1] * events.n if events.counts is None else list(map(int, events.counts))
    return listed(xs), ws, ts, counts


def _by_key(events: Events) -> Iterator[tuple[Any, Events]]:
    """Yield the events of each key, in their order."""
    if events.keys is None:
        yield _ALL, events
        return
    encoded = events.keys.dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    for rows in np.split(order, ends):
        yield encoded.dictionary[int(codes[rows[0]])].as_py(), events.take(rows)


def _remainders(keys: list[Any], n: int) -> Array:
    """Return the remainder of each key's hash, which is the same in every process."""
    if n == 1:
        return np.zeros(len(keys), np.intp)
    if keys and type(keys[0]) is int:
        hashes = np.array(keys, np.int64).view(np.uint64) * _GOLDEN >> np.uint64(40)
    else:
        hashes = np.array([zlib.crc32(key.encode()) for key in keys], np.uint64)
    return (hashes % np.uint64(n)).astype(np.intp)
