"""Stored states of one key that were learned from different parts of a stream, and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from seqbayes.errors import SeqbayesError
from seqbayes.stream.codec import StateCodec, unreadable_state
from seqbayes.stream.stores.records import StoredEntry, StoreError


def read_entry(codec: StateCodec, entry: StoredEntry) -> Any:
    """Return the state of an entry.

    Raises
    ------
    StoreError
        If the stored state cannot be read.
    """
    try:
        return codec.read(entry.state)
    except (SeqbayesError, msgspec.MsgspecError) as error:
        raise unreadable_state(entry.belief, entry.key, error) from None


def merge_entries(codec: StateCodec, entries: Sequence[StoredEntry]) -> StoredEntry:
    """Return the sum of the states of one key; the prior is counted once.

    A single entry is returned as it is. If one of the states is damaged (an empty string), the sum
    is damaged, too.

    Raises
    ------
    StoreError
        If the states cannot be read or merged.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> codec, state = StateCodec(Beta(2, 3)), Beta(2, 3)
    >>> state.learn_one(True)
    >>> entry = StoredEntry("b", "[]", codec.write(state), 1, 0.0, 5.0)
    >>> codec.read(merge_entries(codec, [entry, entry]).state).posterior
    BetaHyperparameters(alpha=4.0, beta=3.0)
    """
    first, *others = entries
    if not others:
        return first
    text = ""
    if all(entry.state for entry in entries):
        state = read_entry(codec, first)
        for entry in others:
            try:
                state.merge(read_entry(codec, entry))
            except StoreError:
                raise
            except SeqbayesError as error:
                raise StoreError(f"belief {first.belief!r}, {first.key}: {error}") from None
        text = codec.write(state)
    return StoredEntry(
        first.belief,
        first.key,
        text,
        max(entry.used for entry in entries),
        min(entry.since for entry in entries),
        max(entry.updated for entry in entries),
    )
