"""Durations such as "90 s" or "7d"."""

from __future__ import annotations

import re
from typing import Any

from seqbayes.errors import PriorError

UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hour": 3600.0,
    "d": 86400.0,
    "day": 86400.0,
    "w": 604800.0,
    "week": 604800.0,
}
"""Number of seconds in each unit."""

_DURATION = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.ASCII)


def _split(text: str) -> tuple[float, str] | None:
    found = _DURATION.fullmatch(text)
    return None if found is None else (float(found[1]), found[2])


def parse_duration(given: Any) -> float:
    """Return a duration in seconds, from a number of seconds or a string such as "90 s" or "7d".

    Raises
    ------
    PriorError
        If `given` is invalid or not above zero.

    Examples
    --------
    >>> parse_duration("1.5 h"), parse_duration(30)
    (5400.0, 30.0)
    """
    seconds = 0.0
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        seconds = float(given)
    elif isinstance(given, str) and (parts := _split(given)) is not None:
        number, unit = parts
        known = unit if unit in UNITS or len(unit) < 3 else unit.removesuffix("s")
        seconds = number * UNITS.get(known, 0.0 if known else 1.0)
    if not 0.0 < seconds < float("inf"):
        raise PriorError(f'expected a duration such as 30, "90 s", "1.5 h" or "7d", got {given!r}')
    return seconds


def format_duration(seconds: float) -> str:
    """Return a duration in its largest suitable unit.

    Examples
    --------
    >>> format_duration(604800.0), format_duration(5400.0), format_duration(1.0)
    ('7 days', '1.5 hours', '1 second')
    """
    for unit in ("day", "hour", "minute", "second"):
        count = seconds / UNITS[unit]
        if count >= 1.0:
            break
    return f"{count:g} {unit}{'' if count == 1.0 else 's'}"


def parse_half_life(given: Any) -> tuple[float, str]:
    """Return a half-life, and whether it counts "events" or "time".

    Examples
    --------
    >>> parse_half_life("7 days"), parse_half_life("1000 events")
    ((604800.0, 'time'), (1000.0, 'events'))
    """
    if isinstance(given, str) and (parts := _split(given)) is not None:
        number, unit = parts
        if unit in ("event", "events") and number > 0.0:
            return number, "events"
    return parse_duration(given), "time"
