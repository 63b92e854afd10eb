"""Changed states that are created while they are written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from seqbayes.stream.stores.abbreviation import Abbreviation
from seqbayes.stream.stores.records import StoredState

CHUNK_SIZE = 4000
"""Maximum number of states in a chunk: they fit into the cache of a processor."""


class StateChunk(NamedTuple):
    """Changed states of one belief, in columns.

    Parameters
    ----------
    belief
        The name of the belief.
    form
        The JSON that is omitted before and after a state that begins with a bracket.
    keys, texts, uses
        The keys and the states (JSON), and the number of the last use of each.
    places
        The places of the states; None if no place is known.

    Examples
    --------
    >>> chunk = StateChunk("sold", Abbreviation('{"statistics":', "}"), ['["a"]'], ["[1.0]"], [5])
    >>> list(chunk.states())
    [StoredState(belief='sold', key='["a"]', state='{"statistics":[1.0]}', used=5, place=None)]
    """

    belief: str
    form: Abbreviation
    keys: list[str]
    texts: list[str]
    uses: list[int]
    places: list[int] | None = None

    def states(self) -> Iterator[StoredState]:
        """Yield the states."""
        places = self.places or itertools.repeat(None)
        for key, text, used, place in zip(self.keys, self.texts, self.uses, places):  # noqa: B905
            yield StoredState(self.belief, key, self.form.expand(text), used, place)


class LazyStates(Collection[StoredState]):
    """States that each iteration creates one by one, so that they are not all in memory at once.

    Parameters
    ----------
    n
        Number of states.
    make
        Function that returns an iterator over the states in chunks.

    Examples
    --------
    >>> chunk = StateChunk("sold", Abbreviation(), ['["a"]', '["b"]'], ["{}", "{}"], [1, 2])
    >>> states = LazyStates(2, lambda: [chunk])
    >>> len(states), [each.used for each in states], [each.used for each in states]
    (2, [1, 2], [1, 2])
    """

    def __init__(self, n: int, make: Callable[[], Iterable[StateChunk]]) -> None:
        self._n, self.chunks = n, make

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[StoredState]:
        return itertools.chain.from_iterable(chunk.states() for chunk in self.chunks())

    def __contains__(self, state: object) -> bool:
        return any(state == each for each in self)


def joined(parts: Sequence[Collection[StoredState]]) -> LazyStates:
    """Return the states of all parts, in order.

    Examples
    --------
    >>> [each.used for each in joined([[StoredState("sold", "[]", "{}", 1)], []])]
    [1]
    """
    make = lambda: itertools.chain.from_iterable(map(state_chunks, parts))  # noqa: E731
    return LazyStates(sum(map(len, parts)), make)


def state_chunks(states: Collection[StoredState]) -> Iterator[StateChunk]:
    """Yield states in chunks of at most `CHUNK_SIZE`, in the same order.

    Examples
    --------
    >>> states = [StoredState("a", "[]", "{}", 1), StoredState("b", "[]", "{}", 2, 7)]
    >>> [(chunk.belief, chunk.uses, chunk.places) for chunk in state_chunks(states)]
    [('a', [1], None), ('b', [2], [7])]
    """
    if isinstance(states, LazyStates):
        yield from states.chunks()
        return
    for (belief, known), group in itertools.groupby(states, lambda s: (s[0], s[4] is not None)):
        while chunk := list(itertools.islice(group, CHUNK_SIZE)):
            _, keys, texts, uses, places = map(list, zip(*chunk, strict=True))
            yield StateChunk(belief, Abbreviation(), keys, texts, uses, places if known else None)
