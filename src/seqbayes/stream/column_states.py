"""The states of one belief by key, as rows of numbers instead of objects."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from seqbayes.errors import SeqbayesError, UnsupportedError
from seqbayes.events.keys import REST, read_key, write_key, write_keys
from seqbayes.state import State
from seqbayes.statistics.column_loops import NewKeys, learn_keyed
from seqbayes.statistics.columns import Columns
from seqbayes.stream.codec import StateCodec
from seqbayes.stream.column_json import ColumnJson
from seqbayes.stream.garbage import collector_suspended
from seqbayes.stream.stores import StateRows, StoredState, StoreError

Array = Any

_MAKE: Callable[[Iterable[Any]], StoredState] = partial(tuple.__new__, StoredState)
"""`StoredState._make` without a call of a Python function for each state."""


class ColumnStates(MutableMapping[Any, Any]):
    """The states of a belief by key, each a row of numbers.

    It equals a dictionary of states: a state that it returns is a copy, and one that is assigned is
    copied. Observations are learned in the rows. A stored state that cannot be read raises an error
    when it is first used.

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
        self._columns = Columns(template.new_statistics)
        self._rows: dict[Any, int] = {}
        self._keys: list[Any] = []
        self._changed: Array = np.zeros(0, np.uint8)
        self._places: Array = np.zeros(0, np.int64)  # in the store; 0 if not known
        self._json = ColumnJson(codec, self._columns)
        # statistics (JSON) and place of the states that cannot be read
        self._unread: dict[Any, tuple[str, int]] = {}

    def __len__(self) -> int:
        return len(self._rows) + len(self._unread)

    def __iter__(self) -> Iterator[Any]:
        return iter([*self._rows, *self._unread])

    def __contains__(self, key: object) -> bool:
        return key in self._rows or key in self._unread

    def __getitem__(self, key: Any) -> Any:
        self._read([key])
        return self._template.with_statistics(self._columns.statistics(self._rows[key]))

    def __setitem__(self, key: Any, state: State) -> None:
        row = self._row(key)
        self._columns.write(row, state.statistics)
        self._changed[row] = 1

    def __delitem__(self, key: Any) -> None:
        if self._unread.pop(key, None) is not None:
            return
        row, last = self._rows.pop(key), len(self._rows)
        if row < last:  # the last row takes its place
            self._columns.put(np.array([row]), self._columns.take([last]))
            for values in (self._keys, self._changed, self._places):
                values[row] = values[last]
            self._rows[self._keys[row]] = row
        self._keys.pop()
        self._columns.resize(last)
        self._changed[last] = self._places[last] = 0

    def _row(self, key: Any) -> int:
        """Return the row of a key, a new one if it has none."""
        row = self._rows.get(key)
        if row is None:
            row = len(self._rows)
            self._reserve(row + 1)
            self._columns.resize(row + 1)
            self._rows[key] = row
            self._keys.append(key)
            _, self._places[row] = self._unread.pop(key, ("", 0))
        return row

    def _read(self, keys: Iterable[Any]) -> None:
        """Decode the restored states of keys that have no row."""
        for key in keys if self._unread else ():
            try:
                text, _ = self._unread.get(key, ("", 0))
            except TypeError:  # an invalid key
                continue
            if text:
                statistics = self._template.new_statistics()  # must be empty to be loaded
                try:
                    self._codec.load(text, statistics)
                except (SeqbayesError, msgspec.MsgspecError) as error:
                    raise unreadable_state(self._name, key, error) from None
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
            The largest `used` of the chunks that were read, and the states that were not added.
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
        """Add the states of a chunk; return the index of the first that has another prior."""
        codec, rows, i = self._codec, chunk.rows, 0
        short = (chunk.head, chunk.tail) == (codec.head, codec.tail)
        self._reserve(len(self._rows) + len(rows))
        first = len(self._rows)
        while i < len(rows):
            i = self._json.read(rows, i, short, self._rows, self._keys, self._places)
            if i < len(rows):
                (stored,) = StateRows(*chunk[:2], rows[i : i + 1]).states(self._name)
                try:  # perhaps of an older version
                    text = codec.extract_statistics(stored.state)
                except (SeqbayesError, msgspec.MsgspecError):
                    break
                key = read_key(stored.key)
                self._unread[key] = text, stored.place or 0
                with suppress(StoreError):  # it is raised when the state is used
                    self._read([key])
                i += 1
        self._check_possible(first)
        return i

    def _check_possible(self, first: int) -> None:
        """Leave rows with statistics that no data can have to the codec, which raises an error."""
        columns = self._columns
        with np.errstate(all="ignore"):
            possible = columns.scratch.possible_rows(columns.leading_parts(slice(first, None)))
        for row in first + np.flatnonzero(~possible)[::-1]:
            key, place = self._keys[row], int(self._places[row])
            text = self._codec.extract_statistics(self._json.write(np.array([row]))[0])
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
            Index of the first observation.
        accept
            Whether an observation with a new key can be learned, given key and observation.
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
        self._reserve(len(self._rows) + len(keys) - start)
        most = len(self._changed) if max_keys is None else max_keys - len(self._unread)
        rest_row = self._rows.get(REST, -1) if rest else -1
        new = NewKeys(self._keys, accept, most, rest_row, beyond)
        rows, changed = self._rows, self._changed
        return learn_keyed(self._columns, rows, keys, xs, start, changed, new)

    @property
    def n_changed(self) -> int:
        """Number of keys that have changed."""
        return int(np.count_nonzero(self._changed.view(bool)))

    @property
    def changed_keys(self) -> list[Any]:
        """The keys that have changed, in order of their rows."""
        return [self._keys[row] for row in self._changed_rows().tolist()]

    def changes(self, used: int) -> list[StoredState]:
        """Return the state of every key that has changed.

        Parameters
        ----------
        used
            The last use before the first of them.
        """
        rows, keys = self._changed_rows(), self._keys
        names = write_keys([keys[row] for row in rows.tolist()])
        places = [place or None for place in self._places[rows].tolist()]
        uses = range(used + 1, used + 1 + len(rows))
        belief = itertools.repeat(self._name, len(rows))
        columns = zip(belief, names, self._json.write(rows), uses, places, strict=True)
        return list(map(_MAKE, columns))

    def heaviest_changes(self, n: int) -> list[Any]:
        """Return the keys that have changed and have most data, at most n, those with most first.

        Parameters
        ----------
        n
            Maximum number of keys.
        """
        rows = self._changed_rows()
        weights = self._columns.leading_parts(slice(None))[0][rows]
        return [self._keys[rows[i]] for i in np.argsort(-weights, kind="stable")[:n].tolist()]

    def committed(self, first_place: int | None) -> int | None:
        """Clear the record of changes; store the places of new states.

        Parameters
        ----------
        first_place
            The place of the first of the changed states without one; None if there are no places.

        Returns
        -------
        int or None
            The place after those of the changed states.
        """
        rows = self._changed_rows()
        if first_place is None:
            self._places[:] = 0
        else:
            new = rows[self._places[rows] == 0]
            self._places[new] = np.arange(first_place, first_place + len(new))
            first_place += len(new)
        self._changed[rows] = 0
        return first_place

    def _changed_rows(self) -> Array:
        """Return the rows that have changed, in order."""
        return np.flatnonzero(self._changed.view(bool))


def read_columns(codec: StateCodec, texts: Sequence[str]) -> Columns | None:
    """Return the statistics of stored states as columns, faster than by reading each state.

    Parameters
    ----------
    codec
        The codec of the states.
    texts
        The JSON of the states.

    Returns
    -------
    Columns or None
        A row for each state; None if the states have to be read one at a time.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> state = Beta()
    >>> state.learn_many([True, False, True])
    >>> codec = StateCodec(Beta())
    >>> columns = read_columns(codec, [codec.write(state), codec.write(Beta())])
    >>> columns.statistics(0).value
    PairStatistic(a=2.0, b=1.0)
    """
    if not codec.is_compact:
        return None
    state = codec.make()
    try:
        columns = Columns(state.new_statistics)
    except UnsupportedError:
        return None
    reader, row = ColumnJson(codec, columns), 0
    columns.reserve(len(texts))
    while row < len(texts):
        row = reader.append(texts, row)
        if row < len(texts):  # the first one, or an unusual one
            statistics = state.new_statistics()
            try:
                codec.load(codec.extract_statistics(texts[row]), statistics)
            except (SeqbayesError, msgspec.MsgspecError):
                return None
            columns.resize(row + 1)
            columns.write(row, statistics)
            row += 1
    with np.errstate(all="ignore"):
        possible = columns.scratch.possible_rows(columns.leading_parts(slice(None)))
    return columns if possible.all() else None


def unreadable_state(name: str, key: Any, error: Exception) -> StoreError:
    """Return the error for a stored state that is not valid.

    Parameters
    ----------
    name
        Name of the belief.
    key
        The key of the state.
    error
        The reason.
    """
    place = f"{write_key(key)[:200]} of belief {name!r}"
    return StoreError(f"the stored state of {place} cannot be read: {error}")
