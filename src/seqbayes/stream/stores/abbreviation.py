"""Shorter JSON for the states in a database: only what differs from the declaration."""

from __future__ import annotations

from typing import NamedTuple, Self

import msgspec

_STATISTICS = '"statistics":'


class Abbreviation(NamedTuple):
    """The JSON before and after the statistics, which is the same for all states of a belief.

    A database stores only the statistics, which are a JSON list. A state that has other JSON, such
    as a mixture, is stored in full, as a JSON object. `head` and `tail` are empty if no state of
    the belief can be abbreviated.

    Parameters
    ----------
    head, tail
        The JSON before and after the statistics.

    Examples
    --------
    >>> declaration = '{"by":[],"state":{"family":"Beta","statistics":[0.0],"seed":null}}'
    >>> short = Abbreviation.of(declaration)
    >>> short.shorten('{"family":"Beta","statistics":[3.0],"seed":null}')
    '[3.0]'
    >>> short.expand("[3.0]")
    '{"family":"Beta","statistics":[3.0],"seed":null}'
    """

    head: str = ""
    tail: str = ""

    @classmethod
    def of(cls, declaration: str) -> Self:
        """Return the abbreviation for the states of a declared belief."""
        declared = msgspec.json.decode(declaration)
        state = declared.get("state") if isinstance(declared, dict) else None
        if not isinstance(state, dict) or not isinstance(state.get("statistics"), list):
            return cls()
        text = msgspec.json.encode({**state, "statistics": None}).decode()
        # the first match is the key, because quotes within labels are escaped
        before, key, after = text.partition(_STATISTICS)
        return cls(before + key, after.removeprefix("null"))

    def shorten(self, state: str) -> str:
        """Return the statistics of a state, or the whole state if its JSON has another form."""
        head, tail = self
        if head and state.startswith(head) and state.endswith(tail):
            statistics = state[len(head) : len(state) - len(tail)]
            if statistics.startswith("["):
                return statistics
        return state

    def expand(self, state: str) -> str:
        """Invert `shorten`."""
        return f"{self.head}{state}{self.tail}" if state.startswith("[") else state
