"""Changed states that are created while they are written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from seqbayes.stream.stores.records import StoredState


class LazyStates(Collection[StoredState]):
    """States that each iteration creates one by one, so that they are not all in memory at once.

    Parameters
    ----------
    n
        Number of states.
    make
        Function that returns an iterator over the states.

    Examples
    --------
    >>> states = LazyStates(2, lambda: (StoredState("sold", f"[{i}]", "{}", i) for i in range(2)))
    >>> len(states), [each.used for each in states], [each.used for each in states]
    (2, [0, 1], [0, 1])
    """

    def __init__(self, n: int, make: Callable[[], Iterator[StoredState]]) -> None:
        self._n, self._make = n, make

    def __len__(self) -> int:
        return self._n

    def __iter__(self) -> Iterator[StoredState]:
        return self._make()

    def __contains__(self, state: object) -> bool:
        return any(state == each for each in self)
