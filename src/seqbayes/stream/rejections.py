"""Counts rejected events by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET

from seqbayes.errors import SeqbayesError
from seqbayes.events.belief import Belief
from seqbayes.events.reader import MissingValueError
from seqbayes.events.values import InvalidValue
from seqbayes.stream.limits import LimitError


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
