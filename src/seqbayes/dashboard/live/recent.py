"""The recent events of a key; their effects are computed on request."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from seqbayes.dashboard import views

RECENT = 50
"""Maximum number of recent events kept per key."""


class EventEffect(NamedTuple):
    """An event that a key learned, with its time, surprise and step of Bayes' rule."""

    at: float
    x: Any
    surprise: float | None
    step: dict[str, Any] | None


@dataclass(slots=True)
class _EventSpan:
    """Consecutive events with their times, and the states before the first and after the last."""

    before: Any
    after: Any
    events: list[tuple[float, tuple[Any, ...]]]

    def replay(self) -> list[EventEffect]:
        """Return the effects of the last events; an empty list if events are missing."""
        state = copy.copy(self.before)
        effects: list[EventEffect] = []
        for place, (at, arguments) in enumerate(self.events):
            if len(self.events) - place <= RECENT:
                x, surprise = arguments[0], views.surprise(state, arguments)
                effects.append(EventEffect(at, x, surprise, views.step(state, x)))
            state.learn_one(*arguments)
        # the key may have been dropped and recreated in the meantime
        return effects if state.n_samples == self.after.n_samples else []


class RecentEvents:
    """The last events of one key.

    Copies of a few states and the events between them are kept. The events are learned again only
    when their effects are requested.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> recent_events, after = RecentEvents(), Beta(1, 1)
    >>> after.learn_many([True, False])
    >>> recent_events.add(Beta(1, 1), after, [(True,), (False,)], at=0.0)
    >>> [(each.x, round(each.surprise, 3)) for each in recent_events.recent()]
    [(True, 0.693), (False, 1.099)]
    """

    __slots__ = ("_computed", "_pending")

    def __init__(self) -> None:
        self._computed: deque[EventEffect] = deque(maxlen=RECENT)
        self._pending: list[_EventSpan] = []

    def add(self, before: Any, after: Any, events: Sequence[tuple[Any, ...]], at: float) -> None:
        """Add the arguments of the calls of `learn_one` between two states, in order of time."""
        if not self._pending or len(self._pending[-1].events) >= RECENT:
            self._pending = [*self._pending[-1:], _EventSpan(before, after, [])]
        stretch = self._pending[-1]
        stretch.events.extend((at, arguments) for arguments in events)
        stretch.after = after

    def live(
        self, before: Any, after: Any, events: Sequence[tuple[Any, ...]], at: float
    ) -> list[EventEffect]:
        """Add events, and return their effects."""
        self.recent()
        effects = _EventSpan(before, after, [(at, arguments) for arguments in events]).replay()
        self._computed.extend(effects)
        return effects

    @property
    def pending(self) -> int:
        """Number of recorded events whose effects have not been computed."""
        return sum(len(stretch.events) for stretch in self._pending)

    def recent(self) -> list[EventEffect]:
        """Return the last events with their effects."""
        for stretch in self._pending:
            self._computed.extend(stretch.replay())
        self._pending = []
        return list(self._computed)
