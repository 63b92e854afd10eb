"""The kinds of sources by the names that a configuration gives them."""

from __future__ import annotations

import importlib
import inspect
import typing
from typing import Any

KINDS: dict[str, str] = {
    "dataset": "seqbayes.stream.sources.iterable:Dataset",
    "directory": "seqbayes.stream.sources.directory:Directory",
    "file": "seqbayes.stream.sources.file:File",
    "http": "seqbayes.stream.sources.http:Http",
    "kafka": "seqbayes.stream.sources.kafka:KafkaTopic",
    "nats": "seqbayes.stream.sources.nats:JetStream",
    "query": "seqbayes.stream.sources.query:Query",
    "redis": "seqbayes.stream.sources.redis:RedisStream",
    "stdin": "seqbayes.stream.sources.stdin:Stdin",
}
"""Kind to ``module:class``. The class is imported only when chosen, and its keyword parameters are
what a ``[source]`` table may say: their annotations say of which type, their defaults what may be
left out, and their docstring's Parameters what each is for."""


def load_kind(kind: str) -> type[Any]:
    """Return the class of a kind of source.

    Raises
    ------
    ModuleNotFoundError
        If the client library that it needs is not installed.
    """
    module, _, name = KINDS[kind].partition(":")
    loaded: type[Any] = getattr(importlib.import_module(module), name)
    return loaded


def parameters(source: type[Any]) -> dict[str, tuple[Any, bool]]:
    """Return the type of every parameter that a configuration may give, and whether it must.

    Examples
    --------
    >>> class Ticks:
    ...     def __init__(self, period: float, name: str = "ticks") -> None: ...
    >>> parameters(Ticks)
    {'period': (<class 'float'>, True), 'name': (<class 'str'>, False)}
    """
    hints = typing.get_type_hints(source.__init__)
    return {
        name: (hints.get(name, Any), each.default is each.empty)
        for name, each in inspect.signature(source).parameters.items()
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    }
