"""What every source of events is: batches, each with a token from which reading resumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from seqbayes.errors import SourceError as SourceError


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive records of a source.

    Parameters
    ----------
    records
        Either all raw (a JSON object each, without its newline) or all decoded (mappings).
    token
        A JSON value; ``seek(token)`` resumes right behind the last record of this batch.
    positions
        The place of each record, a JSON value, for the dead letters.
    refused
        Position, raw beginning and reason of what the source itself could not take.
    remaining
        How much lies behind this batch, in events or bytes, where that is known.
    prompt
        Whether somebody waits for the commit.
    """

    records: Sequence[bytes] | Sequence[Mapping[str, Any]]
    token: Any
    positions: Sequence[Any]
    refused: Sequence[tuple[Any, bytes, str]] = ()
    remaining: int | None = None
    prompt: bool = False


class Source(Protocol):
    """A stream of events that can be read again from any token it has given.

    Attributes
    ----------
    name
        Its identity, the same after every restart; a store keeps one token per name.
    finite
        Whether it ends by itself.
    reconnects
        How often it has lost what it reads from, and found it again.

    Notes
    -----
    A source whose mappings hold cells of text (CSV), in which numbers, truths and times are still
    to be parsed, says so by an attribute ``text = True``. One that is silent as well where it does
    not know whether there is more has a boolean attribute ``caught_up``, and one that waits for a
    server has ``trouble``, why it does, or None. One that must know what was read before has a
    method ``recall(ids)``, which gets the identities in the store before the first batch, and
    `collectors`, which add to the commits what is to be remembered. A kind of source joins
    `registry.KINDS`, so that a configuration can name it.
    """

    name: str
    finite: bool
    reconnects: int

    def seek(self, token: Any) -> None:
        """Resume behind the batch that had this token, before reading; None is the beginning."""

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches of at most `size` records; None where none came within `timeout` seconds.

        The caller may commit or stop whenever it holds an item.
        """
        ...

    def committed(self, token: Any) -> None:
        """Take note that everything up to this token is stored durably."""

    def close(self) -> None:
        """Release what is held open; nothing is read any more."""
