"""Records of which beliefs have learned an event with an id, and from which copy."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from seqbayes.stream.digests import digest_of

EVENT_BYTES = 12
"""Size of the digest with which copies of an event are compared."""


class LearnedEvent(msgspec.Struct, omit_defaults=True):
    """The record of an event with an id, stored in the note of the id.

    Parameters
    ----------
    position
        The position of the event (JSON); empty if it is not known.
    rejected
        The beliefs that rejected the event at `position`, each with the position of the copy that
        the belief has learned since, or None. A corrected copy is passed only to the beliefs with
        None.
    digest
        Digest of the last copy that a belief rejected: the same copy is not read again.

    Examples
    --------
    >>> event = LearnedEvent("[1,2]", {"sales": None})
    >>> LearnedEvent.read(event.write()) == event, event.missing
    (True, frozenset({'sales'}))
    >>> event.learn({"sales"}, "[5,1]")
    >>> event.position_of("sales"), event.position_of("visits"), event.missing
    ('[5,1]', '[1,2]', frozenset())
    """

    position: str
    rejected: dict[str, str | None] = {}
    digest: str = ""

    @classmethod
    def read(cls, note: str) -> LearnedEvent:
        """Decode a note."""
        return msgspec.json.decode(note, type=cls) if note.startswith("{") else cls(note)

    def write(self) -> str:
        """Encode the record as a note: only the position, unless a belief rejected the event."""
        return msgspec.json.encode(self).decode() if self.rejected else self.position

    @property
    def missing(self) -> frozenset[str]:
        """The beliefs that rejected the event and have not learned a copy of it."""
        return frozenset(name for name, position in self.rejected.items() if position is None)

    def can_learn(self, record: bytes) -> bool:
        """Whether a copy of the event differs from the rejected copy, and a belief may learn it.

        Parameters
        ----------
        record
            The copy.
        """
        return bool(self.missing) and self.digest != digest_of(record, EVENT_BYTES)

    def position_of(self, belief: str) -> str | None:
        """Return the position of the copy that a belief has learned; None if it has learned none.

        Parameters
        ----------
        belief
            Name of the belief.
        """
        return self.rejected.get(belief, self.position)

    def learn(self, beliefs: Iterable[str], position: str) -> None:
        """Record that beliefs which had rejected the event have learned a copy of it.

        Parameters
        ----------
        beliefs
            Names of the beliefs.
        position
            The position of the copy.
        """
        for name in self.missing.intersection(beliefs):
            self.rejected[name] = position
