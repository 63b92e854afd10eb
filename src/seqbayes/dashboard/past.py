"""What a store remembers of how beliefs came about."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from seqbayes.dashboard.shelf import SPARK, Entry, columns
from seqbayes.dashboard.views.figures import finite, significant
from seqbayes.stream.readonly import StoreReader

_NUMBER = (int, float)


def seed(reader: StoreReader | None, entries: Iterable[Entry]) -> None:
    """Begin sparklines that have not begun yet with what the store remembers."""
    for entry in entries:
        if not entry.seeded:
            entry.seeded = True
            if reader is not None and entry.kind in ("number", "normal"):
                known = [point for point, _ in _points(reader, entry.belief, entry.key)]
                entry.begin(known[-(SPARK - 1) :])


def history(
    reader: StoreReader | None, name: str, key: str, spark: dict[str, list[Any]]
) -> dict[str, list[Any]]:
    """Return what a store remembers of a key as columns, and behind it what a sparkline adds."""
    found = [] if reader is None else list(_points(reader, name, key))
    points, counts = [point for point, _ in found], [n for _, n in found]
    newest = points[-1][0] if points else -math.inf
    for point in zip(*(spark[name] for name in ("t", "mean", "low", "high")), strict=True):
        if point[0] > newest:
            points.append(point)
            counts.append(None)
    return {**columns(points), "n": counts}


def _points(
    reader: StoreReader, name: str, key: str
) -> Iterator[tuple[tuple[Any, ...], float | None]]:
    """Yield time, mean and interval, and the weight of what was seen, of stored summaries."""
    for at, text in reader.history(name, key):
        summary = msgspec.json.decode(text)
        mean, low, high = _ends(summary)
        if mean is not None:
            yield (at, *map(significant, (mean, low, high))), finite(summary.get("n_samples"))


def _ends(summary: dict[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Return mean and interval of one number out of a stored summary."""
    mean, interval = summary.get("mean"), summary.get("interval")
    if isinstance(mean, dict) and set(mean) == {"mean", "variance"}:
        mean, interval = mean["mean"], (interval or {}).get("mean")
    if not isinstance(mean, _NUMBER):
        return None, None, None
    low, high = interval if isinstance(interval, list) else (None, None)
    return (
        mean,
        low if isinstance(low, _NUMBER) else None,
        high if isinstance(high, _NUMBER) else None,
    )
