"""Conversion of states to and from the JSON in a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from seqbayes import serialization
from seqbayes.errors import PriorError
from seqbayes.events import spec
from seqbayes.forgetting import Decayed
from seqbayes.state import State
from seqbayes.statistics.base import Statistics
from seqbayes.stream.stores.records import StoreError
from seqbayes.windowed import Windowed

_FLOATS = {float}


def read_state(document: Mapping[str, Any]) -> Any:
    """Return the state, mixture or estimator that a document describes.

    Raises
    ------
    PriorError
        If `document` is invalid, or does not describe a state, a mixture or an estimator.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> read_state(Decayed(Beta(2, 3), 60.0).to_dict()).half_life
    60.0
    """
    name = document.get("model", document.get("estimator"))
    if name is None:
        kind: Any = State
        if "decayed" in document or "windowed" in document:
            kind = Decayed if "decayed" in document else Windowed
        return kind.from_dict(document)
    from seqbayes import mixture, river  # slow imports that most stores do not need

    models = [mixture.Mixture, mixture.DirichletProcessMixture]
    named: dict[str, Any] = {each.__name__: each for each in models}
    named |= {each: getattr(river, each) for each in river.__all__}
    if name not in named:
        raise PriorError(f"unknown model {name!r}; expected one of {', '.join(named)}")
    return named[name].from_dict(document)


class StateCodec:
    """Creates the states of a belief, and serializes them to and from JSON.

    Parameters
    ----------
    template
        A state, or any object with `clone`, `to_dict` and `from_dict`.

    Attributes
    ----------
    head, tail
        The JSON before and after the statistics, which is the same for all states; empty if the
        states have no statistics.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> codec = StateCodec(Beta(2, 3))
    >>> state = codec.make()
    >>> state.learn_one(True)
    >>> codec.read(codec.write(state)) == state
    True
    """

    def __init__(self, template: Any) -> None:
        self._template = template.clone()
        self.make: Callable[[], Any] = self._template.clone
        self.head = self.tail = ""
        if isinstance(template, State):
            self.make = spec.factory(self._template)
        if isinstance(template, State) and type(template).to_dict is State.to_dict:
            # except for the statistics, all states of a belief have the same JSON
            form = {**self._template.to_dict(), "statistics": None}
            # the first match is the key, because quotes within labels are escaped
            before, key, self.tail = write_json(form).partition('"statistics":')
            self.head, self.tail = before + key, self.tail.removeprefix("null")

    @property
    def is_compact(self) -> bool:
        """Whether the states differ only in their statistics; see `write_statistics`."""
        return bool(self.head)

    @property
    def empty(self) -> dict[str, Any]:
        """The dictionary form of a state without data."""
        document: dict[str, Any] = self._template.to_dict()
        return document

    def write(self, state: Any) -> str:
        """Return the JSON of a state."""
        if self.head:
            return self.write_statistics(state.statistics.dump())
        return write_json(state.to_dict())

    def write_statistics(self, sums: tuple[Any, ...]) -> str:
        """Return the JSON of the state with these statistics, in the form of `Statistics.dump`."""
        text = write_json(sums) if all(map(_is_plain, sums)) else "null"
        if "null" in text:  # null also stands for infinity
            text = write_json(serialization.encode(sums))
        return f"{self.head}{text}{self.tail}"

    def read(self, text: str) -> Any:
        """Parse a state from JSON.

        Raises
        ------
        PriorError
            If the JSON does not describe a state of this belief.
        """
        found = self.common_statistics(text)
        if found is not None:
            state = self.make()
            self.load(found, state.statistics)
            return state
        return type(self._template).from_dict(msgspec.json.decode(text))

    def common_statistics(self, text: str) -> str | None:
        """Return the statistics in the JSON of a state; None if the rest of the JSON differs."""
        head, tail = self.head, self.tail
        if head and text.startswith(head) and text.endswith(tail):
            return text[len(head) : len(text) - len(tail)]
        return None

    def extract_statistics(self, text: str) -> str:
        """Return the statistics in the JSON of a state, as JSON.

        Raises
        ------
        PriorError
            If the JSON does not describe a state of this belief, or differs from the JSON of other
            states in more than the statistics.
        """
        found = self.common_statistics(text)
        if found is None:  # an older version may have written the state
            found = self.common_statistics(write_json(self.read(text).to_dict()))
            if found is None:
                raise PriorError("the state differs from the others in more than its statistics")
        return found

    @staticmethod
    def load(text: str, statistics: Statistics) -> None:
        """Replace empty statistics with those in JSON.

        Raises
        ------
        PriorError
            If the JSON does not describe statistics of this kind.
        """
        data = msgspec.json.decode(text)
        serialization.Document({"seqbayes": serialization.VERSION, "statistics": data}).load(
            statistics
        )


def _is_plain(value: Any) -> bool:
    """Whether a value is a float, or a tuple of floats."""
    return type(value) is float or (type(value) is tuple and set(map(type, value)) == _FLOATS)


def write_json(value: Any) -> str:
    """Return the JSON of a document."""
    # NumPy scalars are written as floats
    return msgspec.json.encode(value, enc_hook=serialization.encode).decode()


def unreadable_state(belief: str, key: str, error: Exception) -> StoreError:
    """Return the error for an invalid stored state; `key` is the JSON of its key."""
    return StoreError(
        f"the stored state of {key[:200]} of belief {belief!r} cannot be read: {error}"
    )
