"""Answers as rows of numbers: what tables, CSV and Parquet have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seqbayes.console.plain import plain
from seqbayes.console.summary import Line, View, summarise
from seqbayes.mixture.answers import Answers
from seqbayes.stream.verbs.answers import Answer, mixed, timestamp

COLUMNS = ("part", "n", "mean", "low", "high", "mle", "map", "since", "updated")
"""Columns of a row behind belief and key."""


def lines(answer: Answer, view: View) -> list[Line]:
    """Return an answer as lines of a table, one for each number that is believed about."""
    since = timestamp(answer.since)[:10]
    key = None if answer.key is None else tuple(text or "(empty)" for text in answer.key.values())
    return [line._replace(since=since) for line in _lines(key, answer.state, view)]


def _lines(key: Any, state: Any, view: View) -> Iterator[Line]:
    if isinstance(state, Answers):
        for name, weight, component in mixed(state):
            share = f"{name} weight"
            yield Line(*_start(key, state), weight, None, None, None, share)._replace(part=share)
            for line in summarise(key, component, view):
                part = f"{name} {line.part or 'mean'}"
                yield line._replace(part=part, scale=line.scale or "component")
    elif hasattr(state, "posterior"):
        yield from summarise(key, state, view)
    else:
        yield Line(*_start(key, state), None, None, None, None)


def _start(key: Any, state: Any) -> tuple[str, str, float | None]:
    from seqbayes.console.summary import name_key

    return name_key(key), type(state).__name__, getattr(state, "n_samples", None)


def header(by: Sequence[str]) -> list[str]:
    """Return the names of the columns, for beliefs keyed by these fields."""
    return ["belief", *(f"key.{name}" for name in by), *COLUMNS]


def rows(answer: Answer, view: View, by: Sequence[str]) -> Iterator[list[Any]]:
    """Yield an answer as rows of such columns.

    Of the pooled rest, and of a belief that is not keyed by a field, the field is None.
    """
    key = answer.key or {}
    for line in lines(answer, view):
        low, high = line.interval or (None, None)
        numbers = (line.n, line.mean, low, high, line.mle, line.map)
        yield [
            answer.belief,
            *(key.get(name) for name in by),
            line.part,
            *(None if number is None else float(number) for number in numbers),
            answer.since,
            answer.updated,
        ]


def cell(value: Any) -> Any:
    """Return what a cell of CSV has of a value: JSON's spelling of what is not finite."""
    return plain(value)
