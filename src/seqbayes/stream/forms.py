"""States as the JSON in a store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from seqbayes import serialization
from seqbayes.errors import PriorError
from seqbayes.events import spec
from seqbayes.forgetting import Decayed
from seqbayes.state import State

_FLOATS = {float}


def read_state(document: Mapping[str, Any]) -> Any:
    """Return the state, mixture or estimator that a document describes.

    Raises
    ------
    PriorError
        If `document` is invalid, or describes something else.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> read_state(Decayed(Beta(2, 3), 60.0).to_dict()).half_life
    60.0
    """
    name = document.get("model", document.get("estimator"))
    if name is None:
        kind: Any = Decayed if "decayed" in document else State
        return kind.from_dict(document)
    from seqbayes import mixture, river  # most stores need neither

    models = [mixture.Mixture, mixture.DirichletProcessMixture]
    named: dict[str, Any] = {each.__name__: each for each in models}
    named |= {each: getattr(river, each) for each in river.__all__}
    if name not in named:
        raise PriorError(f"unknown model {name!r}; expected one of {', '.join(named)}")
    return named[name].from_dict(document)


class Forms:
    """Makes the states of a belief, and writes and reads their JSON.

    Parameters
    ----------
    template
        A state, or any object with `clone`, `to_dict` and `from_dict`.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> forms = Forms(Beta(2, 3))
    >>> state = forms.make()
    >>> state.learn_one(True)
    >>> forms.read(forms.write(state)) == state
    True
    """

    def __init__(self, template: Any) -> None:
        self._template = template.clone()
        self.make: Callable[[], Any] = self._template.clone
        self._head = self._tail = ""
        if isinstance(template, State):
            self.make = spec.factory(self._template)
        if isinstance(template, State) and type(template).to_dict is State.to_dict:
            # all states of a belief have the same JSON around their statistics
            form = {**self._template.to_dict(), "statistics": None}
            # this finds the key: quotes within a label are escaped
            before, key, self._tail = write_json(form).partition('"statistics":')
            self._head, self._tail = before + key, self._tail.removeprefix("null")

    @property
    def empty(self) -> dict[str, Any]:
        """The dictionary of a state without data."""
        document: dict[str, Any] = self._template.to_dict()
        return document

    def write(self, state: Any) -> str:
        """Return the JSON of a state."""
        if self._head:
            sums = state.statistics.dump()
            text = write_json(sums) if all(map(_is_plain, sums)) else "null"
            if "null" in text:  # which also represents infinity
                text = write_json(serialization.encode(sums))
            return f"{self._head}{text}{self._tail}"
        return write_json(state.to_dict())

    def read(self, text: str) -> Any:
        """Return the state that has this JSON.

        Raises
        ------
        PriorError
            If it does not describe such a state.
        """
        head, tail = self._head, self._tail
        if head and text.startswith(head) and text.endswith(tail):
            state = self.make()
            data = msgspec.json.decode(text[len(head) : len(text) - len(tail)])
            serialization.Document({"seqbayes": serialization.VERSION, "statistics": data}).load(
                state.statistics
            )
            return state
        return type(self._template).from_dict(msgspec.json.decode(text))


def _is_plain(value: Any) -> bool:
    """Whether a value is a float, or a tuple of floats."""
    return type(value) is float or (type(value) is tuple and set(map(type, value)) == _FLOATS)


def write_json(value: Any) -> str:
    """Return the JSON of a document."""
    # numpy's numbers are written as floats
    return msgspec.json.encode(value, enc_hook=serialization.encode).decode()
