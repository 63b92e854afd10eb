"""Events that a belief rejects: limits on keys and labels, and counts by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec import UNSET

from seqbayes.errors import ObservationError, SeqbayesError
from seqbayes.events.belief import Belief
from seqbayes.events.keys import MAX_NAME_LENGTH, REST, write_key
from seqbayes.events.reader import MissingValueError
from seqbayes.events.values import InvalidValue


class LimitError(ObservationError):
    """A belief has reached its limit on keys or labels."""


class Limits:
    """Decides which new keys and labels a belief learns, and counts its labels.

    Parameters
    ----------
    belief
        The declaration.
    explains
        Whether errors name the key.

    Attributes
    ----------
    labels_of
        Function that returns the labels of a state with an open vocabulary; None for other states.
    """

    def __init__(self, belief: Belief, explains: bool) -> None:
        self._name, self._most, self._over = belief.name, belief.max_keys, belief.over
        self._explains = explains
        self.labels_of: Any = attrgetter("vocabulary") if belief.state.open_ended else None
        self._labels = 0
        self._known = 0  # number of labels of the state that is about to learn

    def has_room(self, n_keys: int) -> bool:
        """Whether an event with another key can be learned."""
        return n_keys < self._most or self._over != "refuse"

    def is_beyond(self, state: Any, n_keys: int) -> bool:
        """Whether an event with a new key (if the state is None) or label is over a limit."""
        return self._labels >= self._most or (state is None and not self.has_room(n_keys))

    def room_for(self, key: Any, n_keys: int) -> Any:
        """Return the key under which an event with a new key is learned.

        Raises
        ------
        LimitError
            If there is no room.
        """
        if n_keys < self._most or self._over == "drop":
            return key
        if self._over == "pool":
            return REST
        raise self.no_room(key if self._explains else None)

    def no_room(self, key: Any, remedy: str = "") -> LimitError:
        """Return the error for a new key; the error names the key unless it is None."""
        shown = "" if key is None else f": no room for {write_key(key)[:200]}{remedy}"
        return LimitError(
            f"belief {self._name!r} has reached its limit of {self._most:,} keys{shown}"
        )

    def check_label(self, state: Any, x: Any) -> None:
        """Raise an error for a new label if it is too long, or the limit is reached."""
        names: Mapping[Any, Any] = {} if state is None else self.labels_of(state)
        self._known = len(names)
        if x in names:
            return
        if len(x) > MAX_NAME_LENGTH:
            raise ObservationError(
                f"expected a label of at most {MAX_NAME_LENGTH} characters, got {len(x)}"
            )
        if self._labels >= self._most:
            raise LimitError(
                f"belief {self._name!r} has reached its limit of {self._labels:,} labels"
            )

    def count_learned(self, state: Any) -> None:
        """Count the labels that a state has learned since `check_label`."""
        if self.labels_of is not None:
            self._labels += len(self.labels_of(state)) - self._known

    def count_labels(self, state: Any, sign: int) -> None:
        """Add, or with sign -1 subtract, the labels of a state."""
        self._labels += sign * len(self.labels_of(state))


class RejectionCounts:
    """Numbers of events that a belief has rejected.

    Parameters
    ----------
    belief
        The declaration.

    Attributes
    ----------
    incomplete, over_limit
        Numbers of rejected events with a missing value, and with a key or label over the limit
        `max_keys`.
    missing, absent
        For each field, the number of events without a value, and without the field itself.
    """

    def __init__(self, belief: Belief) -> None:
        self._key, self._field = (*belief.by, "")[0], (*belief.field, "")[0]
        self.incomplete = self.over_limit = 0
        self.missing: Counter[str] = Counter()
        self.absent: Counter[str] = Counter()

    def count(self, error: SeqbayesError) -> None:
        """Count a rejected event by its reason."""
        if isinstance(error, MissingValueError):
            self.incomplete += 1
            self.missing.update(list(error.fields))
            self.absent.update(name for name, null in error.fields.items() if not null)
        self.over_limit += isinstance(error, LimitError)

    def skip_incomplete(
        self, events: Sequence[Any], start: int, simple: tuple[str | None, str, bool]
    ) -> int:
        """Count consecutive events with a missing value; return the index of the next event.

        Parameters
        ----------
        events
            The events.
        start
            Index of the first event to read.
        simple
            The attributes of the key and the observation; see `Reader`.
        """
        key_name, name, _ = simple
        # counts of pairs of key and value, each present (0), null (1) or absent (2)
        counts = [0] * 9
        i, key = start, 0
        for i in range(start, len(events)):
            event = events[i]
            value = _missing_kind(getattr(event, name))
            if key_name is not None:
                key = _missing_kind(getattr(event, key_name))
            if key < 0 or value < 0 or not (key or value):
                break
            counts[3 * key + value] += 1
        else:
            i = len(events)
        self.incomplete += i - start
        for place, count in enumerate(counts):
            for lack, lacking in zip(divmod(place, 3), (self._key, self._field), strict=True):
                if count and lack:
                    self.missing[lacking] += count
                if count and lack == 2:
                    self.absent[lacking] += count
        return i


def _missing_kind(value: Any) -> int:
    """Return 0 for a valid value, 1 for null, 2 for an absent value, and -1 for an invalid one."""
    if value is None:
        return 1
    if value is UNSET:
        return 2
    return -1 if type(value) is InvalidValue else 0
