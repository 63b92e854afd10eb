"""Histories of beliefs from a store."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from seqbayes.dashboard import views
from seqbayes.dashboard.live.entries import Entry, columns
from seqbayes.dashboard.views.base import Path, PlottedNumber
from seqbayes.dashboard.views.figures import finite, significant
from seqbayes.errors import SeqbayesError
from seqbayes.stream.stores import StoreReader

_NUMBER = (int, float)

_NEAR = 0.2
"""A sparkline point within this many seconds of a stored point duplicates it."""

_LONGEST = 100_000
"""Maximum length of a stored summary that is read for a single label."""


def seed(reader: StoreReader | None, entries: Iterable[Entry]) -> None:
    """Start the sparklines of entries with their stored histories."""
    for entry in entries:
        if not entry.seeded:
            entry.seeded = True
            if reader is not None:
                _seed(reader, entry)


def _seed(reader: StoreReader, entry: Entry) -> None:
    path: Path = ()
    if not views.is_numeric(entry.kind):
        if entry.plotted is None and entry.follow() is None:
            return
        path = entry.plotted.path if entry.plotted else ()
    known = [point for point, _ in _points(reader, entry.belief, entry.key, path)]
    entry.begin(known)


def history(
    reader: StoreReader | None,
    name: str,
    key: str,
    spark: dict[str, Any],
    part: PlottedNumber | None = None,
) -> dict[str, Any]:
    """Return the stored history of a key as columns, merged with the points of its sparkline.

    Parameters
    ----------
    reader
        The reader of the store, or None.
    name, key
        The belief, and the stored JSON of its key.
    spark
        The columns of the sparkline.
    part
        The number to plot, for a belief about several numbers.
    """
    path = () if part is None else part.path
    found = [] if reader is None else list(_points(reader, name, key, path))
    known = [point[0] for point, _ in found]
    for point in zip(*(spark[name] for name in ("t", "mean", "low", "high")), strict=True):
        if not _is_near(point[0], known):
            found.append((point, None))
    found.sort(key=lambda each: each[0][0])
    return _curve(found, part, views.LEVEL)


def at_level(
    reader: StoreReader,
    entry: Entry,
    state: Any,
    now: float,
    part: PlottedNumber | None,
    level: float,
) -> dict[str, Any] | None:
    """Return the stored history of a key with intervals at another level, and the present value.

    Returns None if a stored point has no readable state from which to compute the intervals.

    Parameters
    ----------
    reader
        The reader of the store.
    entry
        The key.
    state
        Its present state.
    now
        The present time, in seconds since 1970.
    part
        The number to plot, for a belief about several numbers.
    level
        Level of the intervals.
    """
    path = () if part is None else part.path
    states = states_of(reader, entry)
    if states is None:
        return None
    found = []
    for at, each in [*states, (now, state)]:
        number = views.plotted(each, path, level)
        if number is not None and number.path == path:
            ends = map(significant, (number.mean, number.low, number.high))
            found.append(((at, *ends), finite(each.n_samples)))
    return _curve(found, part, level)


def states_of(reader: StoreReader, entry: Entry) -> list[tuple[float, Any]] | None:
    """Return the times and states of a stored history; None if a point has no readable state."""
    points = [
        (at, msgspec.json.decode(text)) for at, text in reader.history(entry.belief, entry.key)
    ]
    if not all("state" in summary for _, summary in points):
        return None
    try:
        return [(at, entry.read(summary["state"])) for at, summary in points]
    except (SeqbayesError, msgspec.MsgspecError):
        return None


def _curve(
    points: list[tuple[tuple[Any, ...], float | None]], part: PlottedNumber | None, level: float
) -> dict[str, Any]:
    """Return the points and data weights as columns, with the level of the intervals."""
    curve = {
        **columns(point for point, _ in points), "n": [n for _, n in points], "level": level,
    }  # fmt: skip
    return curve if part is None else {**curve, **part.description()}


def _is_near(t: float, known: list[float]) -> bool:
    """Return whether one of the ascending times is approximately equal to t."""
    place = bisect.bisect(known, t - _NEAR)
    return place < len(known) and known[place] <= t + _NEAR


def _points(
    reader: StoreReader, name: str, key: str, path: Path
) -> Iterator[tuple[tuple[Any, ...], float | None]]:
    """Yield the time, mean, interval and data weight of each stored summary."""
    for at, text in reader.history(name, key):
        if path and len(text) > _LONGEST:
            continue
        summary = msgspec.json.decode(text)
        mean, low, high = estimate_at(summary, path)
        if mean is not None or low is not None:
            yield (at, *map(significant, (mean, low, high))), finite(summary.get("n_samples"))


def estimate_at(
    summary: dict[str, Any], path: Path
) -> tuple[float | None, float | None, float | None]:
    """Return the mean and interval of one number from a stored summary."""
    mean, interval = summary.get("mean"), summary.get("interval")
    if not path and isinstance(mean, dict) and set(mean) == {"mean", "variance"}:
        path = ("mean",)
    mean, interval = _at(mean, path), _at(interval, path, pairs=True)
    low, high = interval if isinstance(interval, list) and len(interval) == 2 else (None, None)
    return (
        mean if isinstance(mean, _NUMBER) else None,  # the value may be infinite
        low if isinstance(low, _NUMBER) else None,
        high if isinstance(high, _NUMBER) else None,
    )


def _at(value: Any, path: Path, pairs: bool = False) -> Any:
    """Return the value at a path of a summary; with `pairs`, the values of both interval ends.

    Examples
    --------
    >>> _at({"mean": [1.0, 2.0]}, ("mean", 1))
    2.0
    >>> _at({"mean": [[0.0, 1.0], [2.0, 3.0]]}, ("mean", 1), pairs=True)
    [1.0, 3.0]
    """
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list):
            value = [_at(each, (step,)) for each in value] if pairs else _item(value, step)
        else:
            return None
    return value


def _item(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None
