"""Bars and curves made of characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from seqbayes import distributions
from seqbayes.replay.palette import RULE, Signs
from seqbayes.state import Explanation

_SCALES = (0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


def scale(highest: float) -> float:
    """Return a round upper end of an axis that shows `highest`.

    Examples
    --------
    >>> scale(0.223), scale(0.52), scale(0.97)
    (0.25, 0.6, 1.0)
    """
    return next((top for top in _SCALES if highest <= top), 1.0)


def interval_bar(
    low: float, middle: float, high: float, top: float, width: int, style: str, signs: Signs
) -> Text:
    """Return a bar up to the low end of an interval, its range, and a mark in between."""
    edges = [min(width - 1, int(value / top * width)) for value in (low, middle, high)]
    first, mark, last = edges
    cells = [signs.full] * first + [signs.range] * (last - first + 1)
    cells += [" "] * (width - len(cells))
    bar = Text("".join(cells), style)
    bar = bar[:mark] + Text(signs.mark, "bold") + bar[mark + 1 :]
    bar.no_wrap = True
    return bar


def share_bar(share: float, width: int, style: str, signs: Signs) -> Text:
    """Return a bar of `share` of the width."""
    filled = round(share * width)
    return Text.assemble((signs.full * filled, style), " " * (width - filled))


def progress(share: float, width: int, signs: Signs) -> Text:
    """Return a line of which `share` is done."""
    done = int(share * width)
    return Text.assemble((signs.done * done, "bold"), (signs.todo * (width - done), "dim"))


def curve(
    heights: Sequence[float], top: float, mark: int, style: str, signs: Signs, rows: int = 1
) -> list[Text]:
    """Return a curve, `rows` lines high, with the column `mark` in reverse."""
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


def rule_curves(
    rule: Explanation, again: Explanation, width: int, top: float, signs: Signs, rows: int = 1
) -> dict[str, list[Text]]:
    """Return prior, likelihood and posteriors as curves over shares from 0 to `top`.

    The three densities have one scale, the likelihood its own.
    """
    at = (np.arange(width) + 0.5) * top / width
    mark = min(width - 1, int(rule.at / top * width))
    curves = {
        "prior": distributions.Beta(*rule.before).pdf(at),
        "posterior": distributions.Beta(*rule.after).pdf(at),
        "next": distributions.Beta(*again.after).pdf(at),
    }
    highest = max(float(heights.max()) for heights in curves.values())
    drawn = {
        name: curve(heights.tolist(), highest, mark, RULE[name], signs, rows)
        for name, heights in curves.items()
    }
    drawn["likelihood"] = curve(at.tolist(), top, mark, RULE["likelihood"], signs, rows)
    return drawn
