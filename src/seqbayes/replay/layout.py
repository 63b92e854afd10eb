"""Lines that fit a screen."""

from __future__ import annotations

from collections.abc import Iterable

from rich.panel import Panel
from rich.text import Text

from seqbayes.replay.charts import progress
from seqbayes.replay.palette import Signs


def fit(line: Text, width: int) -> Text:
    """Cut a line to the width."""
    line.no_wrap = True
    line.truncate(width)
    return line


def spread(parts: list[list[Text]], height: int) -> list[Text]:
    """Put empty lines between the parts, those in the middle first, as far as there is room."""
    spare = height - sum(map(len, parts))
    gaps = sorted(range(1, len(parts)), key=lambda i: abs(2 * i - len(parts) + 1))
    empty = set(gaps[: max(0, spare)])
    lines: list[Text] = []
    for i, part in enumerate(parts):
        lines += [Text()] * (i in empty) + part
    return lines


def edges(left: str, right: str, width: int) -> Text:
    """Return a bold title to the left and a note to the right."""
    gap = max(1, width - len(left) - len(right))
    return fit(Text.assemble((left, "bold"), " " * gap, right), width)


def foot(number: int, total: int, width: int, signs: Signs) -> Text:
    """Return how far the story is."""
    note = f" {number:,} of {total:,}" + ("  Ctrl-C ends" if width >= 60 else "")
    return progress(number / total, max(4, width - len(note)), signs) + Text(note)


def panel(title: str, lines: Iterable[Text], width: int, height: int) -> Panel:
    """Return lines in a frame with a title."""
    return Panel(
        Text("\n").join(lines), title=title, title_align="left", width=width, height=height
    )
