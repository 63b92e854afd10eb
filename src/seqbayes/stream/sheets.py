"""Exportable tables of a store: beliefs, history and dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from seqbayes.console.log import Tracker
from seqbayes.console.summary import View
from seqbayes.events.keys import read_key
from seqbayes.figures.named import parts
from seqbayes.stream.stores import Store
from seqbayes.stream.verbs.stored import KeyState, StoredBelief, header, key_states, rows, timestamp

T = TypeVar("T")


@dataclass
class SelectedContents:
    """The selected contents of a store, and the level and kind of the intervals."""

    store: Store
    beliefs: Sequence[StoredBelief]
    view: View
    as_of: float | None
    tracker: Tracker

    @property
    def by(self) -> list[str]:
        """The key fields of all beliefs."""
        return list(dict.fromkeys(name for stored in self.beliefs for name in stored.by))

    def track(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items and count them."""
        return self.tracker.track(items)


class Sheet(NamedTuple):
    """An exportable table: columns with their types, rows, and the rows as documents."""

    columns: dict[str, str]
    rows: Callable[[], Iterator[list[Any]]]
    documents: Callable[[], Iterator[dict[str, Any]]]


def _beliefs(contents: SelectedContents) -> Sheet:
    by, view = contents.by, contents.view
    contents.tracker.total = sum(
        contents.store.entry_count(stored.name) for stored in contents.beliefs
    )

    def states() -> Iterator[KeyState]:
        for stored in contents.beliefs:
            found = key_states(contents.store, stored, as_of=contents.as_of)
            yield from contents.track(found)

    types = ["text"] * (len(by) + 2) + ["number"] * 6 + ["time"] * 2
    return Sheet(
        dict(zip(header(by), types, strict=True)),
        lambda: (row for found in states() for row in rows(found, view, by)),
        lambda: (found.to_dict(view) for found in states()),
    )


def _history(contents: SelectedContents) -> Sheet:
    by = contents.by

    def points() -> Iterator[tuple[dict[str, str] | None, float, dict[str, Any], str]]:
        for stored in contents.beliefs:
            for point in contents.track(contents.store.points(stored.name)):
                key = stored.key_fields(read_key(point.key))
                what = f"the history of belief {stored.name!r}"
                yield key, point.at, contents.store.decode(point.summary, what), stored.name

    def point_rows() -> Iterator[list[Any]]:
        for key, at, summary, name in points():
            mean = parts(_arrays(summary.get("mean")))
            interval = parts(_pairs(summary.get("interval")))
            for part in mean or [""]:
                low, high = interval.get(part) or (None, None)
                numbers = (summary.get("n_samples"), mean.get(part), low, high)
                keys = [(key or {}).get(field) for field in by]
                yield [name, *keys, at, part, *map(_number, numbers)]

    columns = ["belief", *(f"key.{name}" for name in by), "at", "part", "n", "mean", "low", "high"]
    types = ["text"] * (len(by) + 1) + ["time", "text"] + ["number"] * 4
    return Sheet(
        dict(zip(columns, types, strict=True)),
        point_rows,
        lambda: (
            {"belief": name, "key": key, "at": timestamp(at), **summary}
            for key, at, summary, name in points()
        ),
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)  # `float` also converts "inf", as stored in JSON


def _arrays(value: Any) -> Any:
    """Return a mean decoded from JSON, with vectors converted to arrays."""
    if isinstance(value, dict):
        return {name: _arrays(each) for name, each in value.items()}
    return np.array(value, dtype=float) if isinstance(value, list) else value


def _pairs(value: Any) -> Any:
    """Decode an interval from JSON, and return it as pairs of bounds."""
    if isinstance(value, dict):
        return {name: _pairs(each) for name, each in value.items()}
    return tuple(map(_arrays, value)) if isinstance(value, list) else value


def _letters(contents: SelectedContents) -> Sheet:
    names = ["number", "source", "position", "belief", "raw", "reason", "at"]

    def letters() -> Iterator[list[Any]]:
        for number, letter, at in contents.track(contents.store.letters()):
            name, position, belief, raw, reason = letter
            text = raw.decode(errors="backslashreplace")
            yield [number, name, position, belief, text, reason, at]

    def documents() -> Iterator[dict[str, Any]]:
        for *values, at in letters():
            yield {**dict(zip(names, values, strict=False)), "at": timestamp(at)}

    types = ["whole", "text", "text", "text", "text", "text", "time"]
    contents.tracker.total = contents.store.dead_letter_count()
    return Sheet(dict(zip(names, types, strict=True)), letters, documents)


SHEETS = {"beliefs": _beliefs, "history": _history, "dead-letters": _letters}
