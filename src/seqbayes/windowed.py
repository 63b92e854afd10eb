"""Beliefs about the observations within a window of time, for any state."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from seqbayes import serialization
from seqbayes.dated import DatedAnswers
from seqbayes.errors import MergeError, ObservationError, PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.state import State
from seqbayes.statistics import arrays
from seqbayes.statistics.reading import as_real
from seqbayes.typevars import E, H, I, X

MOST_PANES = 1000
"""Maximum number of panes of the windows that can still change."""

MOST_UNREPORTED = 20_000
"""Maximum number of panes; older ones are removed even if their windows were not reported."""


class Window(NamedTuple):
    """A window of time that has ended, and the state of its observations."""

    start: float
    end: float
    state: Any


class Windowed(DatedAnswers[H, E, I, X]):
    """A state of the observations in the current window of time.

    Windows begin at whole multiples of `every`, which are counted from 1970 for Unix times. With
    `every` equal to `length`, the default, they follow each other (tumbling windows); if `every` is
    shorter, they overlap (sliding windows). The clock is the newest time learned, and the current
    window is the last one that contains it. `posterior`, `mean`, `predictive` and other attributes
    are those of the state of this window.

    Parameters
    ----------
    state
        The prior and likelihood; it is cloned, never changed.
    length
        Length of a window, in the unit of the times.
    every
        Time between the starts of two windows; `length` must be a multiple of it.
    lateness
        Time after the end of a window during which observations in the window are still learned; an
        observation raises an error if this time has passed for all windows that contain it.

    Raises
    ------
    PriorError
        If a parameter is invalid, or the windows consist of too many parts.

    Notes
    -----
    Observations are learned in panes of length `every`, whose states are merged into the state of a
    window. The result is therefore exact, in any order of arrival.

    References
    ----------
    .. [1] Li, J., Maier, D., Tufte, K., Papadimos, V. and Tucker, P. (2005). No pane, no gain:
       efficient evaluation of sliding-window aggregates over data streams. SIGMOD Record 34(1).

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Windowed(Beta(), length=60.0)
    >>> for t, x in [(0.0, True), (59.0, True), (61.0, False)]:
    ...     belief.learn_one(x, t=t)
    >>> belief.posterior
    BetaHyperparameters(alpha=1.0, beta=2.0)
    >>> [(window.end, window.state.n_samples) for window in belief.take_ended(61.0)]
    [(60.0, 2.0)]
    """

    conjugate = True
    timed = True
    windowed = True
    _unavailable = ("update", "revert", "unlearn_one", "forget", "rollover")

    def __init__(
        self,
        state: State[H, E, I, X],
        length: float,
        every: float | None = None,
        lateness: float = 0.0,
    ) -> None:
        if not isinstance(state, State):
            raise PriorError(f"expected a state for a window, got {state!r}")
        self.length = check_parameter("length", length)
        self.every = self.length if every is None else check_parameter("every", every)
        self.lateness = as_real(lateness, "a lateness, a finite number >= 0")
        if self.lateness < 0.0:
            raise PriorError(f"expected a lateness >= 0, got {lateness!r}")
        self._k = round(self.length / self.every)
        if self._k < 1 or not math.isclose(self._k * self.every, self.length, rel_tol=1e-12):
            raise PriorError(
                f"expected a window length that is a multiple of {self.every:g}, got {length!r}"
            )
        if 2 * self._k + self.lateness / self.every > MOST_PANES:
            raise PriorError(
                f"expected at most {MOST_PANES // 2} windows that overlap or are still open: choose"
                " a longer time between windows"
            )
        self._state: State[H, E, I, X] = state.clone()
        self._panes: dict[int, State[H, E, I, X]] = {}
        self._clock: float | None = None
        self._now: State[H, E, I, X] | None = None
        # the pane at which the last window taken ends
        self._reported: int | None = None
        # the oldest pane of a window taken that has changed
        self._revised: int | None = None
        # the first pane before which panes were removed
        self._complete: int | None = None
        self.likelihood = self._state.likelihood

    def pane_of(self, t: float) -> int:
        """Return the number of the pane that contains a time; panes have the length `every`.

        Raises
        ------
        ObservationError
            If the time is too far from 0.
        """
        every = self.every
        place = math.floor(t / every)
        if t < place * every:  # the quotient was rounded up
            place -= 1
        elif t >= (place + 1) * every:
            place += 1
        if abs(place) >= 2**52:
            raise ObservationError(f"time {t!r} is too far from 0 for windows of {self.length:g}")
        return place

    def _oldest(self, clock: float) -> int:
        """Return the oldest pane that still learns when the clock has this value."""
        return self.pane_of(clock - self.lateness) - self._k + 1

    def learn_one(self, x: Any, w: Any = 1.0, t: Any = None) -> None:
        """Learn one observation.

        Parameters
        ----------
        x
            The observation.
        w
            Its weight.
        t
            Its time.

        Raises
        ------
        ObservationError
            If the observation, weight or time is invalid, or the windows that contain it have
            ended. The belief is then unchanged.
        """
        time = as_real(t, "the time of the observation, a finite number")
        place, clock = self.pane_of(time), self._clock
        if clock is not None and place < self._oldest(clock):
            end = (place + self._k) * self.every
            raise ObservationError(
                f"time {time!r} is late: its last window ended at {end!r}, and the clock is at"
                f" {clock!r}"
            )
        pane = self._panes.get(place)
        new = self._state.clone() if pane is None else pane
        new.learn_one(x, w)
        self._panes[place] = new
        if self._reported is not None and place < self._reported:
            self._revised = place if self._revised is None else min(self._revised, place)
        if clock is None or time > clock:
            self._clock = time
        if len(self._panes) > MOST_UNREPORTED:
            self._prune(self._needed)
        self._now = None

    @property
    def _needed(self) -> int:
        """The oldest pane that is needed by a window that can still change."""
        assert self._clock is not None
        # an observation in the oldest pane that learns may belong to a window that begins earlier
        return self._oldest(self._clock) + 1 - self._k

    def _prune(self, needed: int) -> None:
        """Remove all panes before the given one."""
        for place in [place for place in self._panes if place < needed]:
            del self._panes[place]
        self._complete = needed if self._complete is None else max(self._complete, needed)

    def learn_many(self, xs: Iterable[Any], w: Any = None, t: Any = None) -> None:
        """Learn many observations; none of them is learned if one is invalid.

        Parameters
        ----------
        xs, w
            As in `State.learn_many`.
        t
            Their times.

        Raises
        ------
        ObservationError
            If an observation, weight or time is invalid.
        """
        xs = list(xs)
        times = [] if t is None else arrays.items(t)
        if len(times) != len(xs):
            raise ObservationError(f"expected {len(xs)} times, got {len(times)}")
        given = arrays.weights(w, len(xs))
        weights = [1.0] * len(xs) if given is None else given.tolist()
        learned = copy.copy(self)
        for each in zip(xs, weights, times, strict=True):
            learned.learn_one(*each)
        self.__dict__.update(learned.__dict__)

    def _window(self, end: int) -> State[H, E, I, X]:
        """Return the state of the window that ends with a pane, merged from its panes."""
        found = self._state.clone()
        for place in range(end - self._k, end):
            if place in self._panes:
                found.merge(self._panes[place])
        return found

    def as_of(self, t: float | None = None) -> State[H, E, I, X]:
        """Return the state of the window at a time, which is the clock by default.

        Parameters
        ----------
        t
            The time; not before the clock.

        Raises
        ------
        ObservationError
            If the time is before the clock.
        """
        at = self._time_of_answers(t)
        if at is None:
            return self._state.clone()
        return self._window(self.pane_of(at) + 1)

    def take_ended(self, until: float) -> list[Window]:
        """Return the windows that have ended, or have been revised, since the last call.

        Parameters
        ----------
        until
            Windows that end at or before this time are considered ended.
        """
        if self._clock is None or not self._panes:
            return []
        last, first = self.pane_of(until), min(self._panes) + 1
        if self._complete is not None:
            first = max(first, self._complete + self._k)
        if self._reported is not None:
            start = self._reported if self._revised is None else self._revised
            first = max(first, start + 1)
        found = []
        for end in range(first, min(last, max(self._panes) + self._k) + 1):
            if any(place in self._panes for place in range(end - self._k, end)):
                times = (end - self._k) * self.every, end * self.every
                found.append(Window(*times, self._window(end)))
        reported = last if self._reported is None else max(last, self._reported)
        self._reported, self._revised = reported, None
        self._prune(min(self._needed, reported + 1 - self._k))
        return found

    def merge(self, other: Self) -> None:
        """Add the data of another belief; the common prior is counted once.

        Raises
        ------
        MergeError
            If prior, likelihood or windows differ.
        """
        self._check_kind(other)
        if self._parameters != other._parameters:
            raise MergeError(f"windows differ: {self._parameters} and {other._parameters}")
        self._state.check_mergeable(other._state)
        if other._clock is None:
            return
        for place, pane in other._panes.items():
            mine = self._panes.get(place, self._state).__copy__()
            mine.merge(pane)
            self._panes[place] = mine
        self._clock = other._clock if self._clock is None else max(self._clock, other._clock)
        self._now = self._reported = self._revised = None
        starts = [each for each in (self._complete, other._complete) if each is not None]
        self._complete = max(starts, default=None)

    @property
    def _parameters(self) -> tuple[float, float, float]:
        return self.length, self.every, self.lateness

    def clone(self) -> Self:
        """Return a new belief with the same prior and windows, without data."""
        return type(self)(self._state, *self._parameters)

    def __copy__(self) -> Self:
        copied: Self = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied._panes = {place: copy.copy(pane) for place, pane in self._panes.items()}
        copied._now = None
        return copied

    def to_dict(self) -> dict[str, Any]:
        """Return the belief as a compact, versioned dictionary of JSON values."""
        return {
            "seqbayes": serialization.VERSION,
            "windowed": self.length,
            "every": self.every,
            "lateness": self.lateness,
            "clock": self._clock,
            "state": self._state.to_dict(),
            "panes": [[place, self._data_of(self._panes[place])] for place in self._places()],
        }

    def _data_of(self, pane: State[H, E, I, X]) -> Any:
        """Return the entries of a pane's document that differ from the prior's."""
        if type(pane).to_dict is State.to_dict:  # the other entries equal those of the prior
            return serialization.encode(pane.statistics.dump())
        prior = self._state.to_dict()
        return {name: entry for name, entry in pane.to_dict().items() if entry != prior[name]}

    def _places(self) -> list[int]:
        """Return the panes of the windows that can still change."""
        if self._clock is None:
            return []
        needed = self._needed
        return sorted(place for place in self._panes if place >= needed)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Create a belief from the output of `to_dict`.

        Raises
        ------
        PriorError
            If the dictionary does not describe a `Windowed` belief, or a newer version wrote it.
        """
        serialization.Document(data)
        form = data.get("state", {})
        try:
            found = cls(
                State.from_dict(form),
                data.get("windowed", None),
                data.get("every", None),
                data.get("lateness", 0.0),
            )
            if data.get("clock") is None:
                return found
            found._clock = as_real(data["clock"], "a clock, a finite number")
            for place, entries in data["panes"]:
                changed = entries if isinstance(entries, Mapping) else {"statistics": entries}
                pane: Any = State.from_dict({**form, **changed})
                pane.check_mergeable(found._state)
                found._panes[int(place)] = pane
            found._complete = found._needed
        except (KeyError, TypeError, ValueError) as error:
            raise PriorError(f"this is not a belief with windows: {error}") from None
        return found

    @property
    def _content(self) -> tuple[Any, ...]:
        panes = [(place, self._panes[place]) for place in self._places()]
        return self._parameters, self._clock, self._state, panes

    def __str__(self) -> str:
        return f"{self.as_of()}, window {self.length:g}"

    def __repr__(self) -> str:
        return (
            f"Windowed({self._state!r}, length={self.length!r}, every={self.every!r},"
            f" lateness={self.lateness!r})"
        )
