"""The recent events of a key; their effects are computed on request."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqbayes.dashboard import views

RECENT = 50
"""Events of a key that are told, the last ones."""


class Happened(NamedTuple):
    """An event that a key learned: when, what, its surprise, and the step of Bayes' rule."""

    at: float
    x: Any
    surprise: float | None
    step: dict[str, Any] | None


@dataclass(slots=True)
class _Stretch:
    """Consecutive events, each with its time, and the states before and after them."""

    before: Any
    after: Any
    events: list[tuple[float, tuple[Any, ...]]]

    def tell(self) -> list[Happened]:
        """Return what the events did, the last of them; nothing if they are not all."""
        state = copy.copy(self.before)
        told: list[Happened] = []
        for place, (at, arguments) in enumerate(self.events):
            if len(self.events) - place <= RECENT:
                x, surprise = arguments[0], views.surprise(state, arguments)
                told.append(Happened(at, x, surprise, views.step(state, x)))
            state.learn_one(*arguments)
        # a key may have been dropped and begun anew between them
        return told if views.weight_of(state) == views.weight_of(self.after) else []


class Trail:
    """The last events of one key.

    States are never changed by what is told of them, so that a trail costs a few of them, and no
    learning, until somebody asks.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> trail, after = Trail(), Beta(1, 1)
    >>> after.learn_many([True, False])
    >>> trail.add(Beta(1, 1), after, [(True,), (False,)], at=0.0)
    >>> [(each.x, round(each.surprise, 3)) for each in trail.recent()]
    [(True, 0.693), (False, 1.099)]
    """

    __slots__ = ("_told", "_untold")

    def __init__(self) -> None:
        self._told: deque[Happened] = deque(maxlen=RECENT)
        self._untold: list[_Stretch] = []

    def add(self, before: Any, after: Any, events: Sequence[tuple[Any, ...]], at: float) -> None:
        """Take what `learn_one` was told between two states, right behind what was taken so far."""
        if not self._untold or len(self._untold[-1].events) >= RECENT:
            self._untold = [*self._untold[-1:], _Stretch(before, after, [])]
        stretch = self._untold[-1]
        stretch.events.extend((at, arguments) for arguments in events)
        stretch.after = after

    def live(
        self, before: Any, after: Any, events: Sequence[tuple[Any, ...]], at: float
    ) -> list[Happened]:
        """Take it, and return what it did: the last events."""
        self.recent()
        told = _Stretch(before, after, [(at, arguments) for arguments in events]).tell()
        self._told.extend(told)
        return told

    def recent(self) -> list[Happened]:
        """Return the last events that were taken."""
        for stretch in self._untold:
            self._told.extend(stretch.tell())
        self._untold = []
        return list(self._told)
