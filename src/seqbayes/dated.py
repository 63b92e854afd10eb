"""Beliefs that wrap a state and evaluate it at a given time."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

from seqbayes.errors import MergeError, ObservationError
from seqbayes.inference import Inference
from seqbayes.model import Model
from seqbayes.state import State
from seqbayes.statistics.reading import as_real
from seqbayes.typevars import E, H, I, X

if TYPE_CHECKING:
    _Answers = Inference
else:

    class _Answers(Model, Generic[H, E, I, X]):
        """The attributes of a state, evaluated at a given time."""

    # Attributes with a default in `Model` are delegated to the state as of the clock, as are all
    # attributes that `Model` does not have (see `DatedAnswers.__getattr__`).
    for _name in (
        *("categories", "display_kind", "forecasts", "in_words", "log_evidence", "n_samples"),
        *("open_ended", "prior_share", "summary", "surprise", "vocabulary"),
    ):
        setattr(_Answers, _name, property(attrgetter(f"now.{_name}")))


class DatedAnswers(_Answers[H, E, I, X]):
    """A belief that delegates to the state as of its clock."""

    _now: State[H, E, I, X] | None
    _clock: float | None
    _unavailable: ClassVar[tuple[str, ...]] = ("update", "revert")
    """Methods that are not delegated, because they would change only the state as of the clock."""

    def __getattr__(self, name: str) -> Any:  # delegate to the state as of the clock
        if name.startswith("_") or name in self._unavailable:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.now, name)

    @property
    def now(self) -> State[H, E, I, X]:
        """The state as of the clock; callers must not change it."""
        if self._now is None:
            now: Any = self.as_of()
            self._now = now
        return self._now

    @property
    def clock(self) -> float | None:
        """The newest time learned (None before any data), or the number of events."""
        return self._clock

    def _time_of_answers(self, t: float | None) -> float | None:
        """Return a time not before the clock, by default the clock; None before any data."""
        at = self._clock if t is None else as_real(t, "a time, a finite number")
        if at is None or self._clock is None:
            return None
        if at < self._clock:
            raise ObservationError(f"cannot go back to {at!r}: the clock is at {self._clock!r}")
        return at

    def _check_kind(self, other: Any) -> None:
        if type(other) is not type(self):
            raise MergeError(f"cannot merge {type(other).__name__} into {type(self).__name__}")

    @property
    def _content(self) -> tuple[Any, ...]:
        """The values by which beliefs are compared for equality."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return NotImplemented if type(other) is not type(self) else self._content == other._content

    __hash__ = None  # type: ignore[assignment]  # a belief changes as it learns

    def to_dict(self) -> dict[str, Any]:
        """Return the belief as a compact, versioned dictionary of JSON values."""
        raise NotImplementedError

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Create a belief from the output of `to_dict`."""
        raise NotImplementedError

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        total = copy.copy(self)
        total.merge(other)
        return total
