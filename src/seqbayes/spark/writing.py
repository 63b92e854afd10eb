"""Writes the states in data frames into seqbayes stores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (as in Spark's documentation)

from seqbayes.events.belief import Belief, layout_of
from seqbayes.events.keys import write_key
from seqbayes.spark.estimates import STATE
from seqbayes.spark.events import quoted
from seqbayes.stream.stores import Changes, Store, StoredState, StoreError, open_store
from seqbayes.stream.table import KeyedStates


class StoreWriter:
    """Writes the states of a stream into a store, for `DataStreamWriter.foreachBatch`.

    Each batch is one transaction, which also stores its number: a batch that Spark repeats after a
    failure is not written again.

    Parameters
    ----------
    belief
        The declaration.
    url
        URL or path of the store, which is created if it does not exist. The driver writes it.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.stream import Belief
    >>> writer = StoreWriter(Belief("conversion", Beta(), "sold", by="shop"), "beliefs.db")
    >>> query = stream.writeStream.foreachBatch(writer).start()  # doctest: +SKIP
    """

    def __init__(self, belief: Belief, url: str) -> None:
        self.belief = belief
        self.url = url

    def __call__(self, batch: DataFrame, number: int) -> None:
        """Write one batch.

        Raises
        ------
        StoreError
            If the store was written by another query, or cannot be written.
        """
        # Spark requires that all rows are computed, even if the batch is already stored
        found = batch.select(*_columns(self.belief), "new").collect()
        events = sum(row["new"] for row in found)
        # if a key has several rows, the last one is the newest
        rows = dict(_entry(row[:-1]) for row in found if None not in row[: len(self.belief.by)])
        query = batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        source = f"spark:{self.belief.name}"
        with open_store(self.url) as store:
            store.acquire()
            _declare(store, self.belief)
            token = _token(store, source)
            if token is not None and token["query"] != query:
                raise StoreError(
                    f"{store.url} was written by another query, with another checkpoint: use a new"
                    " store, or the checkpoint of that query"
                )
            if token is not None and token["batch"] >= number:
                return
            used = 0 if token is None else token["used"]
            kept = [(key, state) for key, state in rows.items() if state is not None]
            states = [
                StoredState(self.belief.name, key, state, used + i)
                for i, (key, state) in enumerate(kept, 1)
            ]
            gone = [(self.belief.name, key) for key, state in rows.items() if state is None]
            token = {"query": query, "batch": number, "used": used + len(states)}
            store.commit(Changes(source, token, events, states=states, gone=gone))


def _token(store: Store, source: str) -> Any:
    """Return the position that the last batch has stored; None before the first batch."""
    for position in store.positions():
        if position.source == source:
            return msgspec.json.decode(position.token)
    return None


def _declare(store: Store, belief: Belief) -> None:
    store.declare(belief.name, KeyedStates(belief, layout_of([belief])).declaration)


def _columns(belief: Belief) -> list[Column]:
    """Return the key fields as strings, and the state."""
    keys = [F.col(quoted(name)).cast("string") for name in belief.by]
    return [*keys, F.col(STATE)]


def _entry(row: Sequence[Any]) -> tuple[str, str | None]:
    """Return the JSON of a key and of its state; the latter is None if the key was removed."""
    *values, state = row
    return write_key(tuple(values)), state


def write_states(states: DataFrame, belief: Belief, url: str) -> int:
    """Write the states of a belief into a store, in one transaction; return their number.

    Raises
    ------
    StoreError
        If the store has data of a belief with this name, or cannot be written.
    """
    with open_store(url) as store:
        store.acquire()
        if belief.name in store.declarations() and store.entry_count(belief.name):
            raise StoreError(
                f"{store.url} has data of belief {belief.name!r}; write into a new store, and"
                " combine the two with seqbayes merge"
            )
        _declare(store, belief)
        selected = states.select(*_columns(belief)).toLocalIterator()
        found = [
            StoredState(belief.name, key, state, used)
            for used, (key, state) in enumerate(map(_entry, selected), 1)
            if state is not None
        ]
        store.commit(Changes(None, None, states=found))
    return len(found)
