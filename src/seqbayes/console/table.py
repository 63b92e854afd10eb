"""Beliefs as a table that fits the width of a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from seqbayes.console.palette import ASCII, RULE, Signs
from seqbayes.console.summary import Line, View
from seqbayes.console.text import printable, weight_of_data
from seqbayes.model import Model

_NARROWEST_BAR, _WIDEST_BAR = 10, 40
_PADDING = 2  # width of the padding of a column, including the rule


_ASCII_RULES = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


class _Column(NamedTuple):
    title: str
    cells: list[str]
    style: str
    justify: Any = "right"

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.title, *self.cells)))


def draw(lines: Sequence[Line], view: View, width: int, signs: Signs) -> Table:
    """Return a table of lines; columns that do not fit on a narrow terminal are omitted.

    Columns are omitted in this order: since, the reciprocal of a rate, MAP, MLE, bar, the pooled
    interval and mean, number of events, interval.
    """
    rules = _ASCII_RULES if signs is ASCII else box.SIMPLE_HEAD
    table = Table(box=rules, safe_box=False, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    columns = _columns(lines, view, width, signs)
    for column in columns:
        table.add_column(column.title, style=column.style, justify=column.justify, no_wrap=True)
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(cell) for cell in cells))
    return table


def describe_prior(state: Model) -> Text:
    """Return the prior and the likelihood of a state, each in its colour."""
    likelihood = state.likelihood
    text = Text.assemble(
        (f"{state.in_words()} prior", RULE["prior"]),
        ", ",
        (f"{type(likelihood).__name__} likelihood", RULE["likelihood"]),
    )
    return text.append(f" ({likelihood.parameter_meaning})" if likelihood.parameter_meaning else "")


def _columns(lines: Sequence[Line], view: View, width: int, signs: Signs) -> list[_Column]:
    """Return the columns that fit."""
    posterior = RULE["posterior"]
    title = f"{view.level * 100:g} % {'HDI' if view.kind == 'hdi' else 'interval'}"
    part = _Column("", [_format(printable(line.part, 20), signs) for line in lines], "", "left")
    n = _Column("n", ["-" if line.n is None else weight_of_data(line.n) for line in lines], "")
    mean = _Column(
        "mean", [_number(line.mean, _digits(line.interval)) for line in lines], posterior
    )
    interval = _Column(title, [_interval(line) for line in lines], posterior)
    needed = [part, mean, interval] if any(part.cells) else [mean, interval]
    left = width - sum(column.width + _PADDING for column in needed)
    longest = max(min(left, width // 3), 8)
    keys = [_cut(_format(line.key, signs), longest) for line in lines]
    shown = [_Column("key", keys, "bold", "left"), *needed]
    shown.insert(-2, n)
    room = width + _PADDING - sum(column.width + _PADDING for column in shown)
    for column in (n, interval):
        if room < 0:
            shown.remove(column)
            room += column.width + _PADDING
    if len(shown) < len(needed) + 2:
        return shown
    for column in _pooled(lines, title):
        if room < column.width + _PADDING:
            return shown
        shown.append(column)
        room -= column.width + _PADDING
    if room < _NARROWEST_BAR + _PADDING:
        return shown
    room = _add_optional(shown, lines, room)
    bars = _bars(lines, min(room - _PADDING, _WIDEST_BAR), signs)
    shown.insert(shown.index(interval) + 1, bars)
    return shown


def _add_optional(shown: list[_Column], lines: Sequence[Line], room: int) -> int:
    """Add the optional columns that fit beside a bar; return the width that is left."""
    for estimate in _estimates(lines):
        if room < estimate.width + _NARROWEST_BAR + 2 * _PADDING:
            break
        shown.append(estimate)
        room -= estimate.width + _PADDING
    for inverse in _reciprocals(lines):
        if room >= inverse.width + _NARROWEST_BAR + 2 * _PADDING:
            shown.append(inverse)
            room -= inverse.width + _PADDING
    since = _Column("since", [line.since for line in lines], "")
    if any(since.cells) and room >= since.width + _NARROWEST_BAR + 2 * _PADDING:
        shown.insert(1, since)
        room -= since.width + _PADDING
    return room


def _estimates(lines: Sequence[Line]) -> list[_Column]:
    """Return the columns for the MLE and the MAP."""
    mle = [_number(line.mle, _digits(line.interval)) for line in lines]
    mode = [_number(line.map, _digits(line.interval)) for line in lines]
    return [_Column("MLE", mle, RULE["likelihood"]), _Column("MAP", mode, RULE["posterior"])]


def _reciprocals(lines: Sequence[Line]) -> Iterator[_Column]:
    """Yield a column for each meaning of a reciprocal, such as the mean time between events."""
    for meaning in {line.reciprocal_meaning: None for line in lines if line.reciprocal}:
        values = [line.reciprocal if line.reciprocal_meaning == meaning else None for line in lines]
        yield _Column(meaning, [_number(value, 4) for value in values], RULE["posterior"])


def _pooled(lines: Sequence[Line], title: str) -> list[_Column]:
    """Return the columns for pooled estimates, if there are any."""
    if all(line.pooled is None for line in lines):
        return []
    means, intervals = [], []
    for line in lines:
        mean, *ends = line.pooled or (None,)
        interval = (ends[0], ends[1]) if ends else None
        means.append(_number(mean, _digits(interval)))
        intervals.append(_interval(line._replace(interval=interval)))
    style = RULE["posterior"]
    return [_Column("pooled", means, style), _Column(f"pooled {title}", intervals, style)]


def _bars(lines: Sequence[Line], size: int, signs: Signs) -> _Column:
    """Return the intervals drawn to scale; a common scale is labelled with its ends."""
    scales: dict[str, tuple[float, float]] = {}
    for line in lines:
        if line.interval is not None and all(map(math.isfinite, line.interval)):
            low, high = scales.get(line.scale, (math.inf, -math.inf))
            scales[line.scale] = (min(low, line.interval[0]), max(high, line.interval[1]))
    title = ""
    if len(scales) == 1:
        scale = next(iter(scales.values()))
        ends = [_number(end, _digits(scale, least=3)) for end in scale]
        title = ends[0].ljust(size - len(ends[1])) + ends[1]
    bars = [_bar(line, scales.get(line.scale), size, signs) for line in lines]
    return _Column(title if len(title) <= size else "", bars, RULE["posterior"], "left")


def _bar(line: Line, scale: tuple[float, float] | None, size: int, signs: Signs) -> str:
    """Return an interval with a dot at the mean.

    Examples
    --------
    >>> line = Line("a", "", 9.0, 0.5, (0.25, 0.75), None, None)
    >>> _bar(line, (0.0, 1.0), 9, ASCII)
    '  --*--  '
    """
    if line.interval is None or scale is None or not scale[1] > scale[0]:
        return ""
    low, high = scale

    def place(value: float) -> int:
        return round((min(max(value, low), high) - low) / (high - low) * (size - 1))

    first, last = map(place, line.interval)
    cells = [signs.todo if first <= i <= last else " " for i in range(size)]
    if line.mean is not None and math.isfinite(line.mean):
        cells[place(line.mean)] = signs.dot
    return "".join(cells)


def _format(text: str, signs: Signs) -> str:
    return text.encode("ascii", "backslashreplace").decode() if signs is ASCII else text


def _cut(text: str, width: int) -> str:
    """Truncate a string to a number of terminal cells."""
    cut = Text(text)
    cut.truncate(width, overflow="ellipsis")
    return cut.plain


def _digits(interval: tuple[float, float] | None, least: int = 4) -> int:
    """Return a number of digits that clearly distinguishes the ends of an interval."""
    if interval is None:
        return least
    low, high = interval
    size, width = max(abs(low), abs(high)), high - low
    if not (math.isfinite(size) and width > 0.0):
        return least
    return min(max(least, math.ceil(math.log10(size / width)) + least - 2), 15)


def _number(value: float | None, digits: int = 4) -> str:
    """Format a number with significant digits; with more than four, trailing zeros are kept.

    Examples
    --------
    >>> _number(0.5), _number(10.0, 5), _number(None)
    ('0.5', '10.000', '-')
    """
    if value is None:
        return "-"
    return f"{value:.{digits}g}" if digits <= 4 else f"{value:#.{digits}g}".rstrip(".")


def _interval(line: Line) -> str:
    if line.interval is None:
        return "-"
    digits = _digits(line.interval)
    return " to ".join(_number(end, digits) for end in line.interval)
