"""Learns events in the states of one belief, one per key."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from seqbayes.errors import SeqbayesError, UnsupportedError
from seqbayes.events.belief import Belief
from seqbayes.events.fields import Layout, Refuse
from seqbayes.events.keys import read_key, write_key
from seqbayes.events.loops import is_complete, learn_columns, learn_events, only_updates_statistics
from seqbayes.events.reader import MissingValueError, Reader, is_key
from seqbayes.statistics.column_loops import LEARNS_KEYED
from seqbayes.stream.codec import StateCodec, unreadable_state, write_json
from seqbayes.stream.column_states import ColumnStates
from seqbayes.stream.rejections import LimitError, Limits, RejectionCounts
from seqbayes.stream.stores import ReadableStore, StoredState, StoreError

# Errors of events that `_learn_one` handles: an invalid key, a state not yet decoded, …
_FAILURES = (AttributeError, TypeError, ValueError)
Reject = Callable[[int, SeqbayesError], None]
"""Called with the index of an event that cannot be used, and the error."""


class KeyedStates:
    """Learns events in the states of a belief, one per key, and tracks which keys have changed.

    Parameters
    ----------
    belief
        The declaration.
    layout
        The layout that decodes the events.
    explains
        Whether every rejected event is reported with its reason. Otherwise events with a missing
        value or over the limit `max_keys` are only counted, which is faster.

    Attributes
    ----------
    used, refused, filtered
        Numbers of events learned, rejected, and excluded by `where`.
    counts
        Numbers of rejected events by reason.
    columns
        The states, if they are in columns; otherwise None.
    observer
        Function that is called with the keys and the `learn_one` arguments of the events learned
        from a batch, in order.
    """

    observer: Callable[[Sequence[Any], Sequence[tuple[Any, ...]]], None] | None = None

    def __init__(self, belief: Belief, layout: Layout, explains: bool = True) -> None:
        self.belief = belief
        self._explains = explains
        self.codec = StateCodec(belief.state)
        self._states: Any = {}  # a mapping; a state remains JSON until it is first used
        self._unread = False
        self.used = self.refused = self.filtered = 0
        self.counts = RejectionCounts(belief)
        self._dirty: set[Any] = set()
        self._gone: set[Any] = set()
        self._uses = 0
        self._reader = Reader(belief, layout)
        self._limits = Limits(belief, explains)
        self._labels_of = self._limits.labels_of
        self._plain = self._reader.plain and self._labels_of is None and belief.over != "drop"
        self._kind = type(belief.state) if only_updates_statistics(belief.state) else None
        self.columns = self._make_columns()
        if self.columns is not None:
            self._states = self.columns

    def _make_columns(self) -> ColumnStates | None:
        """Return states in columns if the belief supports them."""
        if not (LEARNS_KEYED and self._plain and self._kind and self.codec.is_compact):
            return None
        try:
            return ColumnStates(self.codec, self.belief.state, self.belief.name)
        except UnsupportedError:
            return None

    @property
    def ordered(self) -> bool:
        """Whether states are restored in the order of their last use."""
        return self.belief.over == "drop"

    @property
    def declaration(self) -> str:
        """Prior, keys and display as JSON; only the display may change later."""
        declared = {"state": self.codec.empty, "by": list(self.belief.by)}
        display = msgspec.to_builtins(self.belief.display)
        return write_json(declared | ({"display": display} if display else {}))

    def restore(self, store: ReadableStore) -> None:
        """Restore states, least recently used first if they are `ordered`.

        States that are not rows of numbers are decoded when they are first used, so that restoring
        many keys is fast.
        """
        name = self.belief.name
        if self.columns is None:
            rows = store.states(name, self.ordered)
        else:
            self._uses, rows = self.columns.restore(store.state_rows(name))
            other = next(rows, None)
            if other is None:
                return
            self._states, self.columns = dict(self.columns), None
            rows = itertools.chain([other], rows)
        for stored in rows:
            key = read_key(stored.key)
            self._states[key] = stored.state
            self._uses = max(self._uses, stored.used)
            if self._labels_of is not None:
                self._limits.count_labels(self.state(key), 1)
        self._unread = True

    def state(self, key: Any) -> Any:
        """Return the state of a key, or None.

        Raises
        ------
        StoreError
            If the stored state cannot be read.
        """
        if type(found := self._states.get(key)) is not str:
            return found
        try:
            state = self._states[key] = self.codec.read(found)
        except (SeqbayesError, msgspec.MsgspecError) as error:
            raise unreadable_state(self.belief.name, write_key(key), error) from None
        return state

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, key: Any) -> bool:
        return key in self._states

    @property
    def states(self) -> Mapping[Any, Any]:
        """The state of each key: a string, a tuple of strings, (), or None for the pooled rest."""
        if self._unread:
            for key in self._states:
                self.state(key)
            self._unread = False
        states: Mapping[Any, Any] = self._states
        return states

    def learn(self, events: Sequence[Any], index: Sequence[int], refuse: Refuse) -> Sequence[int]:
        """Learn events in order; an event that cannot be used changes no state.

        Parameters
        ----------
        events
            Events that the layout decoded.
        index
            The index of each event, passed to `refuse`.
        refuse
            Function that is called with the index of an event that cannot be used, and the reason.

        Returns
        -------
        sequence of int
            The indices of the events that were learned.
        """
        before = len(events)
        events, index = self._reader.select(events, index)
        self.filtered += before - len(events)
        rejected: set[int] = set()

        def reject(i: int, error: SeqbayesError) -> None:
            rejected.add(i)
            if self._explains or not isinstance(error, (LimitError, MissingValueError)):
                refuse(i, str(error))

        if self._plain:
            self._learn_plain(events, index, rejected, reject)
        else:
            self._learn_all(events, index, rejected, reject)
        self.refused += len(rejected)
        self.used += len(events) - len(rejected)
        if self.observer is not None:
            self._show(events, index, rejected)
        return [i for i in index if i not in rejected] if rejected else index

    def _show(self, events: Sequence[Any], index: Sequence[int], rejected: set[int]) -> None:
        """Call the observer with the learned events."""
        if rejected:
            kept = [j for j, i in enumerate(index) if i not in rejected]
            events = [events[j] for j in kept]
        assert self.observer is not None
        self.observer(*self._reader.rows(events))

    def _learn_plain(
        self, events: Sequence[Any], index: Sequence[int], rejected: set[int], reject: Reject
    ) -> None:
        """Learn observations that have neither weight nor time."""
        reader, states, simple = self._reader, self._states, self._reader.simple
        events = events if isinstance(events, list) else list(events)
        columns = self.columns
        keys, values = [], []
        if simple is None or columns is not None:
            keys, values = reader.keys(events), list(reader.values(events))
        i = 0
        while True:
            # usually all keys have already changed
            dirty = self._dirty if len(self._dirty) < len(states) else None
            beyond: list[int] | None = (
                None if self._explains or self._limits.has_room(len(states)) else []
            )
            if columns is not None:
                rest = self.belief.over == "pool"
                i = columns.learn(keys, values, i, is_complete, self.belief.max_keys, rest, beyond)
            elif simple is None:
                i = learn_columns(states, keys, values, self._kind, dirty, beyond, i)
            else:
                i = learn_events(states, events, *simple, self._kind, dirty, beyond, i)
            if beyond:
                self.counts.over_limit += len(beyond)
                rejected.update(map(index.__getitem__, beyond))
            if i < len(events) and simple is not None and not self._explains:
                start, i = i, self.counts.skip_incomplete(events, i, simple)
                rejected.update(index[start:i])
            if i == len(events):
                return
            row = events[i : i + 1]
            (key,), (arguments,) = reader.keys(row), reader.arguments(row)
            self._learn_one(index[i], key, arguments, reject)
            i += 1

    def _learn_all(
        self, events: Sequence[Any], index: Sequence[int], rejected: set[int], reject: Reject
    ) -> None:
        """Learn observations with weights, times, open vocabularies or features."""
        rows = zip(index, self._reader.keys(events), self._reader.arguments(events), strict=False)
        states, touch, counts = self._states, self._dirty.add, self._labels_of
        drops, late = self.belief.over == "drop", self.belief.times.late is not None
        for i, key, arguments in rows:
            try:
                state: Any = states.get(key)
                new = state is None or (counts and arguments[0] not in counts(state))
                if (
                    new
                    and not self._explains
                    and self._limits.is_beyond(state, len(states))
                    and is_complete(key, arguments)
                ):
                    self.counts.over_limit += 1
                    rejected.add(i)
                    continue
                if new or late:
                    self._learn_one(i, key, arguments, reject)
                    continue
                state.learn_one(*arguments)
            except _FAILURES:
                self._learn_one(i, key, arguments, reject)
                continue
            if drops:  # the most recently used state is the last
                states[key] = states.pop(key)
            touch(key)

    def _learn_one(self, i: int, key: Any, arguments: tuple[Any, ...], reject: Reject) -> None:
        """Learn an event that may be invalid, the first of its key, or subject to a limit."""
        known = self.state(key) if is_key(key) else None
        clock = None if known is None or self.belief.time is None else known.clock
        try:
            arguments = self._reader.check(key, arguments, clock)
            if known is None:
                key = self._limits.room_for(key, len(self._states))
                known = self.state(key)
            if self._labels_of is not None:
                self._limits.check_label(known, arguments[0])
            state = self.codec.make() if known is None else known
            state.learn_one(*arguments)
        except StoreError:
            raise
        except SeqbayesError as error:
            self.counts.count(error)
            reject(i, error)
            return
        self._limits.count_learned(state)
        if self.belief.over == "drop":
            self._put_last(key, state)
        else:
            self._states[key] = state
        if self.columns is None:
            self._dirty.add(key)

    def _put_last(self, key: Any, state: Any) -> None:
        """Store a state as the most recently used; drop the least recently used if necessary."""
        self._states.pop(key, None)
        if len(self._states) >= self.belief.max_keys:
            self.drop(next(iter(self._states)))
        self._gone.discard(key)
        self._states[key] = state

    def drop(self, key: Any) -> None:
        """Drop a state; until the next commit, its key is in `gone`."""
        if self._labels_of is not None:
            self._limits.count_labels(self.state(key), -1)
        del self._states[key]
        self._dirty.discard(key)
        self._gone.add(key)

    def merge(self, key: Any, state: Any, n: int = 0) -> None:
        """Add the data of a state that was learned elsewhere from `n` events.

        Raises
        ------
        LimitError
            If the key is new and there are already `max_keys` keys.
        MergeError
            If the prior of the state is not that of this belief.
        """
        known = self.state(key)
        if known is None and len(self._states) >= self.belief.max_keys:
            raise self._limits.no_room(key, "; increase max_keys")
        if known is not None:
            known.merge(state)
            state = known
            if self.columns is None:
                del self._states[key]
        self._states[key] = state  # the most recently used state is the last
        self._gone.discard(key)
        if self.columns is None:
            self._dirty.add(key)
        self.used += n

    @property
    def dirty(self) -> int:
        """Number of keys that have changed."""
        changed = len(self._dirty) if self.columns is None else self.columns.n_changed
        return changed + len(self._gone)

    def changes(self) -> Collection[StoredState]:
        """Return the state of every key that has changed, valid until `committed` is called."""
        if self.columns is not None:
            found = self.columns.changes(self._uses)
            self._uses += len(found)
            return found
        if self.belief.over == "drop":  # changed states are last, in order
            tail = itertools.islice(reversed(self._states), len(self._dirty))
            keys = [(write_key(key), key) for key in reversed(list(tail))]
        else:  # the order of a set differs between runs
            keys = sorted((write_key(key), key) for key in self._dirty)
        used, belief = self._uses + 1, self.belief.name
        self._uses += len(keys)
        return [
            StoredState(belief, name, self.codec.write(self._states[key]), use)
            for use, (name, key) in enumerate(keys, used)
        ]

    @property
    def gone(self) -> list[str]:
        """The keys that were dropped."""
        return [write_key(key) for key in self._gone]

    def heaviest_changes(self, n: int) -> list[Any]:
        """Return at most n of the changed keys: those with the most data, in descending order.

        Parameters
        ----------
        n
            Maximum number of keys.
        """
        if self.columns is not None:
            return self.columns.heaviest_changes(n)
        return heapq.nlargest(n, self._dirty, key=lambda key: self.state(key).n_samples)

    @property
    def changed_keys(self) -> list[Any]:
        """The keys that have changed."""
        return list(self._dirty) if self.columns is None else self.columns.changed_keys

    def committed(self, first_place: int | None) -> int | None:
        """Clear the record of changes after they have been stored.

        Parameters
        ----------
        first_place
            The place for the first changed state that has none; see `Changes`.

        Returns
        -------
        int or None
            The place after the places of the changed states.
        """
        changed = len(self._dirty)
        self._dirty.clear()
        self._gone.clear()
        if self.columns is not None:
            return self.columns.committed(first_place)
        return None if first_place is None else first_place + changed
