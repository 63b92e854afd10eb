"""Bars, curves and panels made of characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.panel import Panel
from rich.text import Text

from seqbayes.console.palette import Signs

_SCALES = (0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


def scale(highest: float) -> float:
    """Return a round upper limit for an axis that includes `highest`.

    Examples
    --------
    >>> scale(0.223), scale(0.52), scale(0.97)
    (0.25, 0.6, 1.0)
    """
    return next((top for top in _SCALES if highest <= top), 1.0)


def interval_bar(
    low: float, middle: float, high: float, top: float, width: int, style: str, signs: Signs
) -> Text:
    """Return a bar up to the lower end of an interval, then the interval with a mark in it."""
    edges = [min(width - 1, int(value / top * width)) for value in (low, middle, high)]
    first, mark, last = edges
    cells = [signs.full] * first + [signs.range] * (last - first + 1)
    cells += [" "] * (width - len(cells))
    bar = Text("".join(cells), style)
    bar = bar[:mark] + Text(signs.mark, "bold") + bar[mark + 1 :]
    bar.no_wrap = True
    return bar


def share_bar(share: float, width: int, style: str, signs: Signs) -> Text:
    """Return a bar that fills `share` of the width."""
    filled = round(share * width)
    return Text.assemble((signs.full * filled, style), " " * (width - filled))


def progress(share: float, width: int, signs: Signs) -> Text:
    """Return a progress bar."""
    done = int(share * width)
    return Text.assemble((signs.done * done, "bold"), (signs.todo * (width - done), "dim"))


def curve(
    heights: Sequence[float], top: float, mark: int, style: str, signs: Signs, rows: int = 1
) -> list[Text]:
    """Return a curve, `rows` lines high, with column `mark` in reverse video."""
    steps = len(signs.levels) - 1
    eighths = [
        max(1 if h > top * 0.02 else 0, min(steps * rows, round(h / top * steps * rows)))
        for h in heights
    ]
    lines = []
    for row in reversed(range(rows)):
        cells = [signs.levels[max(0, min(steps, n - row * steps))] for n in eighths]
        line = Text("".join(cells), style, no_wrap=True)
        line.stylize("reverse", mark, mark + 1)
        lines.append(line)
    return lines


def fit(line: Text, width: int) -> Text:
    """Truncate a line to the width."""
    line.no_wrap = True
    line.truncate(width)
    return line


def spread(parts: list[list[Text]], height: int) -> list[Text]:
    """Insert empty lines between the parts, from the middle outwards, up to the height."""
    spare = height - sum(map(len, parts))
    gaps = sorted(range(1, len(parts)), key=lambda i: abs(2 * i - len(parts) + 1))
    empty = set(gaps[: max(0, spare)])
    lines: list[Text] = []
    for i, part in enumerate(parts):
        lines += [Text()] * (i in empty) + part
    return lines


def edges(left: str, right: str, width: int) -> Text:
    """Return a line with a bold title on the left and a note on the right."""
    gap = max(1, width - len(left) - len(right))
    return fit(Text.assemble((left, "bold"), " " * gap, right), width)


def foot(number: int, total: int, width: int, signs: Signs, keys: str = "") -> Text:
    """Return a progress line, with a description of the keys if it fits."""
    note = f" {number:,} of {total:,}"
    if keys and len(note) + len(keys) + 22 <= width:
        note += f"  {keys}"
    return progress(number / total, max(4, width - len(note)), signs) + Text(note)


def panel(title: str, lines: Iterable[Text], width: int, height: int) -> Panel:
    """Return lines in a titled frame."""
    return Panel(
        Text("\n").join(lines), title=title, title_align="left", width=width, height=height
    )
