"""One belief per key, and a count of all that could not be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from msgspec import UNSET

from seqbayes.console.text import printable
from seqbayes.errors import ObservationError, SeqbayesError
from seqbayes.events.columns import Columns, Row
from seqbayes.families import DirichletProcess
from seqbayes.state import State
from seqbayes.statistics import LabelCounts

LONGEST_NAME = 1000
"""Most characters of a key, or of a label of an open vocabulary."""

SHOWN = 5
"""How many malformed lines are remembered."""


class Beliefs:
    """States by key, fed row by row; a row that cannot be used changes none of them.

    Parameters
    ----------
    make
        Returns a new state.
    columns
        What takes observation, key and weight from a row.
    most
        Most keys, and most labels of an open vocabulary over all keys. Those that come first are
        kept; events of later ones are counted in `over_limit`, and not used.

    Attributes
    ----------
    states
        State by key: a text, a tuple of texts, or an empty tuple where there is only one.
    used, incomplete, over_limit, malformed
        Numbers of events learned, of those with a missing value, of those whose key or label is
        beyond the limit, and of malformed lines.
    missing
        How often each column was missing.
    first_malformed
        Number, reason and beginning of the first malformed lines.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.events.columns import choose_columns
    >>> columns = choose_columns(Beta().likelihood, ["sold"], ["shop"], None)
    >>> beliefs = Beliefs(Beta, columns)
    >>> beliefs.take(1, (True, "north"))
    >>> beliefs.take(2, (7.0, "north"))
    >>> print(beliefs.states["north"])
    Beta(1, 1) + 1 seen (Bernoulli) = Beta(2, 1)
    >>> beliefs.first_malformed
    [(2, 'expected True, False, 1 or 0, got 7.0 (float)', '')]
    """

    def __init__(self, make: Callable[[], State], columns: Columns, most: int = 100_000) -> None:
        self.states: dict[Any, State] = {}
        self.used = self.over_limit = self.malformed = self.incomplete = 0
        self.missing: dict[str, int] = {}
        self.first_malformed: list[tuple[int, str, str]] = []
        self._make = make
        self._names = [column.name for column in columns.all]
        self._observe = columns.observe
        self._key = columns.key
        self._weighted = columns.weight is not None
        self._most = most
        self._open = isinstance(make(), DirichletProcess)
        self._labels = 0

    def take(self, number: int, row: Row) -> None:
        """Learn the row of a line."""
        if None in row or UNSET in row:
            self._miss(row)
            return
        x = self._observe(row)
        key = self._key(row)
        state = self.states.get(key)
        try:
            if state is None or (self._open and self._is_new(state, x)):
                self._grow(key, state, x, row)
            elif self._weighted:
                state.learn_one(x, row[-1])
            else:
                state.learn_one(x)
        except ObservationError as error:
            self.refuse(number, str(error))
            return
        except LimitError:
            self.over_limit += 1
            return
        self.used += 1

    def refuse(self, number: int, reason: str, line: bytes | None = None) -> None:
        """Count a malformed line, with the reason."""
        self.malformed += 1
        if len(self.first_malformed) < SHOWN:
            start = printable((line or b"")[:200].decode(errors="backslashreplace"))
            self.first_malformed.append((number, printable(reason, 200), start))

    def _miss(self, row: Row) -> None:
        self.incomplete += 1
        for name, value in zip(self._names, row, strict=True):
            if value is None or value is UNSET:
                self.missing[name] = self.missing.get(name, 0) + 1

    @staticmethod
    def _is_new(state: State, label: Any) -> bool:
        return label not in cast("LabelCounts", state._statistics).cells

    def _grow(self, key: Any, state: State | None, x: Any, row: Row) -> None:
        """Learn an observation that brings a new key or a new label."""
        weight = row[-1] if self._weighted else 1.0
        names = key if isinstance(key, tuple) else (key,)
        for name in (*names, x) if self._open else names:
            if len(name) > LONGEST_NAME:
                raise ObservationError(
                    f"expected a name of at most {LONGEST_NAME} characters, got {len(name)}"
                )
        if self._labels >= self._most or (state is None and len(self.states) >= self._most):
            raise LimitError(key)
        learner = self._make() if state is None else state
        learner.learn_one(x, weight)
        self.states[key] = learner
        self._labels += self._open


class LimitError(SeqbayesError):
    """A key or a label beyond the limit."""
