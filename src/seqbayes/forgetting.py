"""Exact forgetting by half-life, for any state."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np

from seqbayes import serialization
from seqbayes.dated import DatedAnswers
from seqbayes.errors import MergeError, ObservationError, PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.state import State
from seqbayes.statistics import arrays
from seqbayes.statistics.columns import split_time
from seqbayes.statistics.reading import as_real, read_weight
from seqbayes.typevars import E, H, I, X

_UNITS = ("events", "time")


class Decayed(DatedAnswers[H, E, I, X]):
    """A state in which the weight of data is halved after every half-life.

    An observation of age `a` has weight ``2 ** (-a / half_life)``, exactly, in any order
    of arrival. The belief's clock is the newest time it has learned, or the number of
    events. `posterior`, `mean`, `interval`, `predictive` and other attributes are those
    of the state as of that clock, which `as_of` returns.

    Parameters
    ----------
    state
        The prior and likelihood; it is cloned, never changed.
    half_life
        The half-life, in the unit of the event times or in events; above zero.
    by
        "events" or "time". With "time", every observation must be learned with its time.

    Raises
    ------
    PriorError
        If the half-life is not above zero, the unit is unknown, or `state` is not a state whose
        statistic can be scaled.

    Notes
    -----
    The sums are stored relative to the last whole multiple of the half-life before the current
    time: observations are added with weights between 1 and 2 (below 1 if they are late), and the
    sums are halved whenever the clock passes a multiple of the half-life. Floating-point remainders
    and halving are exact, so an observation has exactly the same weight no matter when it arrives.

    References
    ----------
    .. [1] Cormode, G., Shkapenyuk, V., Srivastava, D. and Xu, B. (2009). Forward decay: a practical
       time decay model for streaming systems. ICDE.
    .. [2] West, M. and Harrison, J. (1997). Bayesian Forecasting and Dynamic Models, section 6.3.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Decayed(Beta(), half_life=60.0, by="time")
    >>> belief.learn_one(True, t=0.0)
    >>> belief.learn_one(False, t=120.0)
    >>> belief.learn_one(True, t=60.0)               # arrives late: it already counts only half
    >>> belief.posterior
    BetaHyperparameters(alpha=1.75, beta=2.0)
    >>> belief.as_of(240.0).posterior
    BetaHyperparameters(alpha=1.1875, beta=1.25)
    """

    conjugate = True
    half_life: float

    def __init__(self, state: State[H, E, I, X], half_life: float, by: str = "events") -> None:
        if not isinstance(state, State):
            raise PriorError(f"expected a State, got {state!r}")
        if by not in _UNITS:
            raise PriorError(f"expected by='events' or by='time', got {by!r}")
        self.half_life = check_parameter("half_life", half_life)
        self.by = by
        self._state: State[H, E, I, X] = state.clone()
        reason = self._state.unsupported.get("scale")
        if reason is not None:
            raise PriorError(f"{type(state).__name__} cannot forget by half-life: {reason}")
        self._clock = 0.0 if by == "events" else None
        self._landmark = 0  # the number of whole half-lives to which the sums refer
        self._now: State[H, E, I, X] | None = None
        self.likelihood = self._state.likelihood
        self.timed = by == "time"

    @property
    def mergeable(self) -> bool:
        """Whether the data decay with time: a decay with events depends on their order."""
        return self.timed and self._state.mergeable

    @property
    def undecayed(self) -> State[H, E, I, X]:
        """The state as of the last whole half-life before the clock; callers must not change it."""
        return self._state

    def with_data(self, state: State[H, E, I, X], clock: float | None) -> Self:
        """Return a belief with this half-life whose `undecayed` and `clock` are given."""
        made: Self = self.clone()
        made._state = state
        if clock is not None:
            made._clock = clock
            made._landmark, _ = self._split(clock)
        return made

    def _split(self, t: float) -> tuple[int, float]:
        """Return the number of whole half-lives before `t`, and the growth of weights since."""
        whole, growth = split_time(t, self.half_life)
        return int(whole), growth

    def _time(self, t: Any) -> float:
        if self.by == "time":
            return as_real(t, "the time of the observation, a finite number")
        if t is not None:
            raise ObservationError(f"a half-life in events does not accept a time, got t={t!r}")
        assert self._clock is not None
        return self._clock + 1.0

    def learn_one(self, x: Any, w: Any = 1.0, t: Any = None) -> None:
        """Learn one observation.

        Parameters
        ----------
        x
            The observation.
        w
            Its weight before decay, finite and >= 0.
        t
            Its time, if the half-life is in units of time; it may be earlier than the newest time
            learned.

        Raises
        ------
        ObservationError
            If `x` is outside the support, or `w` or `t` is invalid. The belief is then unchanged.
        """
        t = self._time(t)
        whole, growth = self._split(t)
        weight = growth if w == 1.0 else growth * read_weight(w)
        age = whole - self._landmark
        if age > 0 or self._clock is None:
            self._advance(whole, lambda: self._state.learn_one(x, weight))
        else:
            self._state.learn_one(x, weight if age == 0 else _scaled(weight, age))
        self._tick(t)

    def _advance(self, whole: int, learn: Callable[[], None]) -> None:
        """Halve the existing sums once per half-life passed, then learn; restore them on error."""
        before = self._state.statistics.dump()
        self._rescale(self._state, whole)
        try:
            learn()
        except ObservationError:
            self._state.statistics.load(before)
            raise
        self._landmark = whole

    def _rescale(self, state: State, whole: int) -> None:
        if self._clock is not None and whole != self._landmark:
            state.statistics.scale(_scaled(1.0, self._landmark - whole))

    def _tick(self, t: float) -> None:
        if self._clock is None or t > self._clock:
            self._clock = t
        self._now = None

    def learn_many(self, xs: Iterable[Any], w: Any = None, t: Any = None) -> None:
        """Learn many observations at once; none of them is learned if one is invalid.

        Parameters
        ----------
        xs
            Observations, an array or any iterable of length n.
        w
            None, one weight for all, or n weights.
        t
            The n times of the observations, if the half-life is in units of time.

        Raises
        ------
        ObservationError
            If an observation, weight or time is invalid.
        """
        xs = xs if isinstance(xs, np.ndarray) else list(xs)
        if not len(xs):
            return
        times = self._times(t, len(xs))
        whole, rest = np.divmod(times, self.half_life)
        self._split(float(times.max())), self._split(float(times.min()))
        newest = int(whole.max())
        if self._clock is not None:
            newest = max(newest, self._landmark)
        weights = np.ldexp(
            2.0 ** (rest / self.half_life), np.maximum(whole - newest, -2000).astype(np.int64)
        )
        given_weights = arrays.weights(w, len(xs))
        if given_weights is not None:
            weights = weights * given_weights
        batch = self._state.summarise(xs, weights)
        self._advance(newest, lambda: self._state.statistics.merge(batch))
        self._tick(float(times.max()))

    def _times(self, t: Any, n: int) -> Any:
        if self.by == "events":
            return self._time(t) + np.arange(n)
        if t is None:
            return self._time(t)
        times = arrays.reals(t, "a time, a finite number").astype(float)
        arrays.check(times, np.isfinite(times), "a time, a finite number")
        if len(times) != n:
            raise ObservationError(f"expected {n} times, got {len(times)}")
        return times

    def unlearn_one(self, x: Any, w: Any = 1.0, t: Any = None) -> None:
        """Remove one observation that was learned with this weight and time.

        Raises
        ------
        ObservationError
            If the observation cannot have been learned, or the half-life is in events, so the
            time at which it was learned is not known.
        """
        if self.by == "events" or self._clock is None:
            raise ObservationError(
                "only observations that were learned with a time can be unlearned"
            )
        whole, growth = self._split(self._time(t))
        weight = _scaled(growth * read_weight(w), whole - self._landmark)
        self._state.unlearn_one(x, weight)
        self._now = None

    def as_of(self, t: float | None = None) -> State[H, E, I, X]:
        """Return the state at a given time, by default at the clock.

        Parameters
        ----------
        t
            The time; not before the clock, since forgotten data cannot be restored.

        Raises
        ------
        ObservationError
            If the time is before the clock.
        """
        at = self._time_of_answers(t)
        if at is None:
            return copy.copy(self._state)
        whole, growth = self._split(at)
        state = copy.copy(self._state)
        state.statistics.scale(_scaled(1.0 / growth, self._landmark - whole))
        return state

    def merge(self, other: Self) -> None:
        """Add the data of another belief; the common prior is counted once.

        The merged belief is as of the later of the two clocks. If half-lives are in events, the
        data are added without further decay, and the numbers of events are added.

        Raises
        ------
        MergeError
            If the priors, likelihoods, half-lives or their units differ.
        """
        self._check_kind(other)
        if (self.half_life, self.by) != (other.half_life, other.by):
            raise MergeError(
                f"half-lives differ: {self.half_life:g} ({self.by}) and"
                f" {other.half_life:g} ({other.by})"
            )
        self._state.check_mergeable(other._state)
        if other._clock is None:
            return
        if self.by == "events":
            self._add(self.as_of(), other.as_of(), (self._clock or 0.0) + other._clock)
            return
        clock = other._clock if self._clock is None else max(self._clock, other._clock)
        whole, _ = self._split(clock)
        mine, theirs = copy.copy(self._state), copy.copy(other._state)
        self._rescale(mine, whole)
        other._rescale(theirs, whole)
        mine.merge(theirs)
        self._state, self._clock, self._landmark, self._now = mine, clock, whole, None

    def _add(self, mine: State, theirs: State, clock: float) -> None:
        """Replace the state with the sum of two states, both of them discounted to the clock."""
        whole, growth = self._split(clock)
        mine.merge(theirs)
        mine.statistics.scale(growth)
        self._state, self._clock, self._landmark, self._now = mine, clock, whole, None

    def forget(self, factor: float) -> None:
        """Scale the weight of the data by `factor`, in addition to the decay."""
        self._state.forget(factor)
        self._now = None

    def rollover(self) -> None:
        """Make the posterior at the current time the new prior, and reset the statistics."""
        state = self.as_of()
        state.rollover()
        self._state, self._now = state, None

    def clone(self) -> Self:
        """Return a new belief with the same prior and half-life, without data."""
        return type(self)(self._state, self.half_life, self.by)

    def __copy__(self) -> Self:
        copied: Self = type(self).__new__(type(self))
        copied.__dict__.update(self.__dict__)
        copied._state, copied._now = copy.copy(self._state), None
        return copied

    def to_dict(self) -> dict[str, Any]:
        """Return the belief as a compact, versioned dictionary of JSON values."""
        return {
            "seqbayes": serialization.VERSION,
            "decayed": self.by,
            "half_life": self.half_life,
            "clock": self._clock,
            "state": self._state.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Create a belief from the output of `to_dict`.

        Raises
        ------
        PriorError
            If the dictionary does not describe a `Decayed` belief, or a newer version wrote it.
        """
        document = serialization.Document(data)
        by = document.choose("decayed", lambda: {unit: unit for unit in _UNITS})
        state = State.from_dict(data.get("state", {}))
        decayed = cls(state, data.get("half_life", None), by)
        clock = data.get("clock")
        if clock is None and by == "time":
            return decayed
        try:
            decayed._clock = as_real(clock, "a clock, a finite number")
            decayed._landmark, _ = decayed._split(decayed._clock)
        except ObservationError as error:
            raise PriorError(str(error)) from None
        decayed._state = state
        return decayed

    @property
    def _content(self) -> tuple[Any, ...]:
        return self.half_life, self.by, self._clock, self._state

    def __str__(self) -> str:
        unit = " events" if self.by == "events" else ""
        return f"{self.as_of()}, half-life {self.half_life:g}{unit}"

    def __repr__(self) -> str:
        return f"Decayed({self._state!r}, half_life={self.half_life!r}, by={self.by!r})"


def _scaled(weight: float, power: int) -> float:
    """Return ``weight * 2 ** power``, or 0 if the product is negligible."""
    return math.ldexp(weight, max(power, -2000))
