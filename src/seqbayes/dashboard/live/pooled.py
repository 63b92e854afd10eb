"""Pooled posteriors of the displayed beliefs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import msgspec

from seqbayes.dashboard.live.board import Board
from seqbayes.dashboard.live.descriptions import BeliefDescription
from seqbayes.errors import SeqbayesError
from seqbayes.events.keys import read_key
from seqbayes.stream.pooling import PooledStates

MIN_SECONDS = 1.0
"""Minimum number of seconds between two computations for a belief."""

PAUSE = 20.0
"""Minimum pause after a computation, as a multiple of its duration."""


@dataclass
class _Computed:
    description: BeliefDescription
    version: int
    states: PooledStates | None
    next_at: float


class PooledBeliefs:
    """The posteriors of pooled beliefs, computed from all keys when needed.

    After a change they are recomputed, but at most once a second, and during at most a twentieth of
    the time. Until then, the previous results are returned.

    Parameters
    ----------
    board
        The beliefs.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lock = threading.Lock()
        self._computed: dict[str, _Computed] = {}

    def estimate(self, name: str, key: str, level: float) -> dict[str, Any] | None:
        """Return the pooled estimate of a key as JSON values; None if the belief is not pooled.

        Call this method without holding the board's lock: for many keys, it takes seconds.
        """
        with self._lock:
            states = self._states(name)
        found = None if states is None else states.estimate(read_key(key), level)
        if states is None or found is None:
            return None
        ends = [found.low, found.high]
        return {"mean": found.mean, "interval": ends, "text": states.in_words()}

    def _states(self, name: str) -> PooledStates | None:
        with self._board.lock:
            table = self._board.tables.get(name)
            if table is None or not table.description.display.pool:
                return None
            known = self._computed.get(name)
            current = known is not None and known.description is table.description
            if known is not None and current and self._is_fresh(known, table.version):
                return known.states
            version, description, stored = table.version, table.description, table.snapshot()
        began = time.monotonic()
        states = _pool(description, stored)
        ended = time.monotonic()
        pause = max(MIN_SECONDS, PAUSE * (ended - began))
        self._computed[name] = _Computed(description, version, states, ended + pause)
        return states

    @staticmethod
    def _is_fresh(known: _Computed, version: int) -> bool:
        return known.version == version or time.monotonic() < known.next_at


def _pool(description: BeliefDescription, stored: dict[str, Any]) -> PooledStates | None:
    """Return the pooled posteriors; None if a stored state or option cannot be read."""
    try:
        states = {
            read_key(key): description.read(state) if isinstance(state, str) else state
            for key, state in stored.items()
        }
        return PooledStates(states, description.make(), description.display.pool)
    except (SeqbayesError, msgspec.MsgspecError):
        return None  # the card of the key reports a damaged state
