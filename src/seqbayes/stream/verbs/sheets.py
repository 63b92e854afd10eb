"""What can be exported: as rows of numbers and texts, and as documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np

from seqbayes.console.log import Tracker
from seqbayes.console.summary import View, parts
from seqbayes.events.keys import read_key
from seqbayes.stream.store import Store
from seqbayes.stream.verbs.answers import Kept, answers, timestamp
from seqbayes.stream.verbs.rows import header, rows

T = TypeVar("T")


@dataclass
class Source:
    """What is exported of a store, and how it is told."""

    store: Store
    beliefs: Sequence[Kept]
    view: View
    as_of: float | None
    tracker: Tracker

    @property
    def by(self) -> list[str]:
        """All fields that beliefs are keyed by."""
        return list(dict.fromkeys(name for kept in self.beliefs for name in kept.by))

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items, counted."""
        return self.tracker.track(items)


class Sheet(NamedTuple):
    """What is exported: names and kinds of columns, rows of these, and the same as documents."""

    columns: dict[str, str]
    rows: Callable[[], Iterator[list[Any]]]
    documents: Callable[[], Iterator[dict[str, Any]]]


def _beliefs(source: Source) -> Sheet:
    by = source.by
    counts = (source.store.entry_count(kept.name) for kept in source.beliefs)
    source.tracker.total = sum(counts)

    def found() -> Iterator[Any]:
        for kept in source.beliefs:
            yield from source.track(answers(source.store, kept, as_of=source.as_of))

    return Sheet(
        dict(
            zip(header(by), ["text"] * (len(by) + 2) + ["number"] * 6 + ["time"] * 2, strict=True)
        ),
        lambda: (row for answer in found() for row in rows(answer, source.view, by)),
        lambda: (answer.to_dict(source.view) for answer in found()),
    )


def _history(source: Source) -> Sheet:
    by = source.by

    def found() -> Iterator[tuple[dict[str, str] | None, float, dict[str, Any], str]]:
        for kept in source.beliefs:
            for point in source.track(source.store.points(kept.name)):
                key = kept.named(read_key(point.key))
                yield key, point.at, msgspec.json.decode(point.summary), kept.name

    def points() -> Iterator[list[Any]]:
        for key, at, summary, name in found():
            mean = parts(_arrays(summary.get("mean")))
            interval = parts(_ends(summary.get("interval")))
            for part in mean or [""]:
                low, high = interval.get(part) or (None, None)
                numbers = (summary.get("n_samples"), mean.get(part), low, high)
                keys = [(key or {}).get(field) for field in by]
                yield [name, *keys, at, part, *map(_number, numbers)]

    columns = ["belief", *(f"key.{name}" for name in by), "at", "part", "n", "mean", "low", "high"]
    kinds = ["text"] * (len(by) + 1) + ["time", "text"] + ["number"] * 4
    return Sheet(
        dict(zip(columns, kinds, strict=True)),
        points,
        lambda: (
            {"belief": name, "key": key, "at": timestamp(at), **summary}
            for key, at, summary, name in found()
        ),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)  # also of JSON's "inf"


def _arrays(value: Any) -> Any:
    """Return a mean out of JSON with its vectors as arrays."""
    if isinstance(value, dict):
        return {name: _arrays(each) for name, each in value.items()}
    return np.array(value, dtype=float) if isinstance(value, list) else value


def _ends(value: Any) -> Any:
    """Return an interval out of JSON as pairs of ends."""
    if isinstance(value, dict):
        return {name: _ends(each) for name, each in value.items()}
    return tuple(map(_arrays, value)) if isinstance(value, list) else value


def _letters(source: Source) -> Sheet:
    names = ["number", "source", "position", "belief", "raw", "reason", "at"]

    def found() -> Iterator[list[Any]]:
        for number, letter, at in source.track(source.store.letters()):
            name, position, belief, raw, reason = letter
            text = raw.decode(errors="backslashreplace")
            yield [number, name, position, belief, text, reason, at]

    def documents() -> Iterator[dict[str, Any]]:
        for *values, at in found():
            yield {**dict(zip(names, values, strict=False)), "at": timestamp(at)}

    kinds = ["whole", "text", "text", "text", "text", "text", "time"]
    source.tracker.total = source.store.dead_letter_count()
    return Sheet(dict(zip(names, kinds, strict=True)), found, documents)


SHEETS = {"beliefs": _beliefs, "history": _history, "dead-letters": _letters}
