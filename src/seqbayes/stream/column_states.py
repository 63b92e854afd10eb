"""The states of one belief, one per key, as rows of numbers instead of objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from seqbayes.errors import ObservationError, SeqbayesError
from seqbayes.events.keys import REST, read_key, write_key
from seqbayes.state import State
from seqbayes.statistics.batches import NewRows
from seqbayes.statistics.column_loops import learn_keyed
from seqbayes.statistics.columns import Columns
from seqbayes.stream.codec import StateCodec, unreadable_state
from seqbayes.stream.column_json import ColumnJson
from seqbayes.stream.garbage import collector_suspended
from seqbayes.stream.key_rows import KeyRows
from seqbayes.stream.stores import LazyStates, StateChunk, StateRows, StoredState, StoreError
from seqbayes.stream.stores.abbreviation import Abbreviation
from seqbayes.stream.stores.lazy import CHUNK_SIZE
from seqbayes.table.keys import ArrowTexts

Array = Any

# Initial number of observations whose keys are looked up at once: a block ends at an observation
# that is not learned.
_FIRST_BLOCK = 64


class ColumnStates(MutableMapping[Any, Any]):
    """The states of a belief, one per key, each stored as a row of numbers.

    The object behaves as a dictionary of states, except that it returns copies of states, and
    copies the states that are assigned. Observations are learned in the rows. A stored state that
    cannot be read raises an error when it is first used.

    Parameters
    ----------
    codec
        The codec of the states.
    template
        A `State` without data.
    name
        Name of the belief, for messages.

    Raises
    ------
    UnsupportedError
        If the statistics of the states are not a fixed number of sums.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> states = ColumnStates(StateCodec(Beta()), Beta())
    >>> state = Beta()
    >>> state.learn_one(True)
    >>> states["a"] = state
    >>> states["a"].posterior
    BetaHyperparameters(alpha=2.0, beta=1.0)
    >>> states.changed_keys
    ['a']
    """

    def __init__(self, codec: StateCodec, template: Any, name: str = "") -> None:
        self._codec, self._template, self._name = codec, template, name
        self._form = Abbreviation(codec.head, codec.tail)
        self._columns = Columns(template.new_statistics)
        self._keys = KeyRows()
        self._gone: set[int] = set()  # rows without a state, kept until `_compact`
        self._changed: Array = np.zeros(0, np.uint8)
        self._places: Array = np.zeros(0, np.int64)  # places in the store; 0 if not known
        self._json = ColumnJson(codec, self._columns)
        # the rows that `changes` returned, in order
        self._written: Array | None = None
        # statistics (JSON) and place of the states that cannot be read
        self._unread: dict[Any, tuple[str, int]] = {}

    def __len__(self) -> int:
        return len(self._keys) - len(self._gone) + len(self._unread)

    def __iter__(self) -> Iterator[Any]:
        keys = self._keys.keys(np.arange(len(self._keys)))
        for row in sorted(self._gone, reverse=True):
            del keys[row]
        return iter([*keys, *self._unread])

    def __contains__(self, key: object) -> bool:
        return self._find(key) >= 0 or key in self._unread

    def __getitem__(self, key: Any) -> Any:
        self._read([key])
        row = self._find(key)
        if row < 0:
            raise KeyError(key)
        return self._template.with_statistics(self._columns.statistics(row))

    def __setitem__(self, key: Any, state: State) -> None:
        row = self._row(key)
        self._columns.write(row, state.statistics)
        self._changed[row] = 1

    def __delitem__(self, key: Any) -> None:
        if self._unread.pop(key, None) is not None:
            return
        row = self._find(key)
        if row < 0:
            raise KeyError(key)
        self._gone.add(row)
        self._columns.clear([row])
        self._changed[row] = self._places[row] = 0

    def _compact(self) -> None:
        """Drop the rows without a state."""
        if self._gone:
            kept = np.delete(np.arange(len(self._keys)), list(self._gone))
            self._keys, self._columns = self._keys.take(kept), self._columns.take(kept)
            self._changed, self._places = self._changed[kept], self._places[kept]
            self._json = ColumnJson(self._codec, self._columns)
            self._gone.clear()

    def _find(self, key: Any) -> int:
        """Return the row of a key; -1 if it has no row."""
        row = self._keys.find(key)
        return -1 if row in self._gone else row

    def _row(self, key: Any) -> int:
        """Return the row of a key; a new row if it has no row."""
        row = self._find(key)
        if row < 0:
            self._reserve(len(self._keys) + 1)
            row = self._keys.add(key)
            self._gone.discard(row)
            self._columns.resize(len(self._keys))
            _, self._places[row] = self._unread.pop(key, ("", 0))
        return row

    def _read(self, keys: Iterable[Any]) -> None:
        """Decode the restored states of keys that have no row."""
        for key in keys if self._unread else ():
            try:
                text, _ = self._unread.get(key, ("", 0))
            except TypeError:  # the key is not hashable
                continue
            if text:
                # states are loaded into empty statistics
                statistics = self._template.new_statistics()
                try:
                    self._codec.load(text, statistics)
                except (SeqbayesError, msgspec.MsgspecError) as error:
                    raise unreadable_state(self._name, write_key(key), error) from None
                self._columns.write(self._row(key), statistics)

    def _reserve(self, n_rows: int) -> None:
        """Make room for a number of rows."""
        self._columns.reserve(n_rows)
        more = len(self._columns.cells) - len(self._changed)
        if more:
            self._changed = np.concatenate([self._changed, np.zeros(more, np.uint8)])
            self._places = np.concatenate([self._places, np.zeros(more, np.int64)])

    def restore(self, chunks: Iterable[StateRows]) -> tuple[int, Iterator[StoredState]]:
        """Add stored states, up to the first that differs in more than its statistics.

        Returns
        -------
        tuple of int and iterator
            The largest value of `used` in the chunks that were read, and the states that were not
            added.
        """
        used, chunks = 0, iter(chunks)
        with collector_suspended():
            for chunk in chunks:
                used = max(used, max(map(itemgetter(3), chunk.rows), default=0))
                other = self._restore(chunk)
                if other < len(chunk.rows):
                    rest = (each.states(self._name) for each in chunks)
                    first = chunk.states(self._name, other)
                    return used, itertools.chain(first, *rest)
        return used, iter(())

    def _restore(self, chunk: StateRows) -> int:
        """Add the states of a chunk; return the index of the first with a different prior."""
        codec, rows, i = self._codec, chunk.rows, 0
        short = (chunk.head, chunk.tail) == (codec.head, codec.tail)
        self._reserve(len(self._keys) + len(rows))
        first = len(self._keys)
        while i < len(rows):
            i = self._json.read(rows, i, short, self._keys, self._places)
            if i < len(rows):
                (stored,) = StateRows(*chunk[:2], rows[i : i + 1]).states(self._name)
                try:  # an older version may have written the state
                    text = codec.extract_statistics(stored.state)
                except (SeqbayesError, msgspec.MsgspecError):
                    break
                key = read_key(stored.key)
                self._unread[key] = text, stored.place or 0
                with suppress(StoreError):  # the error is raised when the state is used
                    self._read([key])
                i += 1
        self._check_possible(first)
        return i

    def _check_possible(self, first: int) -> None:
        """Leave rows whose statistics no data could produce to the codec, which raises an error."""
        columns = self._columns
        with np.errstate(all="ignore"):
            possible = columns.scratch.possible_rows(columns.leading_parts(slice(first, None)))
        rows = first + np.flatnonzero(~possible)
        for row, key in zip(rows.tolist(), self._keys.keys(rows), strict=True):
            text = self._form.expand(self._json.write(np.array([row]))[0])
            text = self._codec.extract_statistics(text)
            place = int(self._places[row])
            del self[key]
            self._unread[key] = text, place

    def learn(
        self,
        keys: list[Any],
        xs: list[Any],
        start: int,
        accept: Callable[[Any, Any], bool],
        max_keys: int | None = None,
        rest: bool = False,
        beyond: list[int] | None = None,
    ) -> int:
        """Learn observations, up to the first one that must be checked.

        Parameters
        ----------
        keys, xs
            Keys and observations.
        start
            Index of the first observation to learn.
        accept
            Function of a new key and an observation that returns whether the observation can be
            learned.
        max_keys
            Maximum number of keys; None for no limit.
        rest
            Whether observations beyond the limit belong to the key `REST`, once it has a state.
        beyond
            List to which the index of an observation beyond the limit is appended; None to stop
            there.

        Returns
        -------
        int
            The index of the first observation that was neither learned nor appended to `beyond`.
        """
        self._read([*keys[start:], REST] if rest else keys[start:])
        self._compact()
        columns, block = self._columns, _FIRST_BLOCK
        most = len(keys) + len(self) if max_keys is None else max_keys - len(self._unread)
        new = NewRows(accept, most, self._keys.find(REST) if rest else -1, beyond)
        while start < len(keys):
            rows = self._keys.add_many(keys, start, min(start + block, len(keys)))
            self._reserve(len(self._keys))
            learned = learn_keyed(columns, rows, keys, xs, start, self._changed, new)
            self._keys.truncate(columns.n_rows)
            if learned < start + block:
                return learned
            start, block = learned, 4 * block
        return start

    def learn_arrays(self, texts: ArrowTexts | None, xs: Array, max_keys: int) -> bool:
        """Learn observations that are numbers; return False if each of them must be checked.

        Parameters
        ----------
        texts
            The key of each observation, none of which begins with a NUL; None if it is ``()``.
        xs : array of float
            The observations.
        max_keys
            Maximum number of keys.
        """
        if self._unread:
            return False
        self._compact()
        before = len(self._keys)
        try:
            xs, ys = self._template.read_many(xs)
            rows = (
                np.full(len(xs), self._keys.add(()))
                if texts is None
                else self._keys.add_texts(*texts)
            )
            self._reserve(len(self._keys))
            if len(self._keys) <= max_keys:
                self._columns.resize(len(self._keys))
                self._columns.learn(rows, xs, ys, None, None, before)
                self._changed[rows] = 1
                return True
        except ObservationError:  # the caller finds the observation that overflows
            pass
        self._keys.truncate(before)
        self._columns.resize(before)
        return False

    @property
    def n_changed(self) -> int:
        """Number of keys that have changed."""
        return int(np.count_nonzero(self._changed.view(bool)))

    @property
    def changed_keys(self) -> list[Any]:
        """The keys that have changed, in order of their rows."""
        return self._keys.keys(self._changed_rows())

    def changes(self, used: int) -> LazyStates:
        """Return the state of every key that has changed, valid until `committed` is called.

        States whose place is known come first, in the order of their places; the others follow,
        approximately in the order of their keys. A store writes states faster in this order.

        Parameters
        ----------
        used
            The number of the last use before the first of these states.
        """
        rows = self._changed_rows()
        places = self._places[rows]
        known, new = np.flatnonzero(places), np.flatnonzero(places == 0)
        known = known[np.argsort(places[known])]
        order = np.concatenate([known, new[self._keys.order(rows[new])]])
        self._written = rows[order]
        make = partial(self._write, self._written, used + 1 + order, len(known))
        return LazyStates(len(rows), make)

    def _write(self, rows: Array, uses: Array, n_known: int) -> Iterator[StateChunk]:
        """Yield the states of rows; the places of the first `n_known` are known."""
        for first, last in ((0, n_known), (n_known, len(rows))):
            for start in range(first, last, CHUNK_SIZE):
                part = slice(start, min(start + CHUNK_SIZE, last))
                some = rows[part]
                names, texts = self._keys.names(some), self._json.write(some)
                places = self._places[some].tolist() if first < n_known else None
                yield StateChunk(self._name, self._form, names, texts, uses[part].tolist(), places)

    def heaviest_changes(self, n: int) -> list[Any]:
        """Return at most n of the changed keys: those with the most data, in descending order.

        Parameters
        ----------
        n
            Maximum number of keys.
        """
        rows = self._changed_rows()
        weights = self._columns.leading_parts(slice(None))[0][rows]
        return self._keys.keys(rows[np.argsort(-weights, kind="stable")[:n]])

    def committed(self, first_place: int | None) -> int | None:
        """Clear the record of changes; store the places of new states.

        Parameters
        ----------
        first_place
            The place for the first changed state that has none; None if there are no places.

        Returns
        -------
        int or None
            The place after the places of the changed states.
        """
        rows = self._changed_rows() if self._written is None else self._written
        if first_place is None:
            self._places[:] = 0
        else:
            new = rows[self._places[rows] == 0]
            self._places[new] = np.arange(first_place, first_place + len(new))
            first_place += len(new)
        self._changed[rows] = 0
        self._written = None
        return first_place

    def _changed_rows(self) -> Array:
        """Return the rows that have changed, in order."""
        return np.flatnonzero(self._changed.view(bool))
