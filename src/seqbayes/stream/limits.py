"""The limit on the number of keys and labels of a belief."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from seqbayes.errors import ObservationError
from seqbayes.events.belief import Belief
from seqbayes.events.keys import MAX_NAME_LENGTH, REST, write_key


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
