"""Panels as inline SVG, which notebooks and web pages show without any library."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import numpy as np

from seqbayes.figures.colours import RULE
from seqbayes.figures.panels import Curve, Curves, EstimateMark, IntervalRows, Panel

WIDTH, HEIGHT = 440, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 22, 34
ROW_HEIGHT = 20
DASHES = {"solid": "", "dashed": ' stroke-dasharray="6 4"', "dotted": ' stroke-dasharray="2 3"'}
SHAPES = {"MLE": "◆", "MAP": "△", "mean": "●"}


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most `most` round numbers between two ends.

    Examples
    --------
    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    >>> ticks(0.013, 0.041)
    [0.02, 0.03, 0.04]
    """
    step = (high - low) / (most - 1)
    if not (step > 0.0 and math.isfinite(step)):
        return [low]
    power = 10.0 ** math.floor(math.log10(step))
    step = next(s * power for s in (1.0, 2.0, 2.5, 5.0, 10.0) if s * power >= step * (1.0 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def svg(panel: Panel) -> str:
    """Return a panel as an SVG element, whose text has the colour of the surrounding page.

    Examples
    --------
    >>> from seqbayes.figures.panels import IntervalRow
    >>> drawn = svg(IntervalRows("", "share", [IntervalRow("<red>", 0.3, 0.2, 0.4)]))
    >>> drawn.startswith("<svg"), "&lt;red&gt;" in drawn
    (True, True)
    """
    if isinstance(panel, IntervalRows):
        height = TOP + BOTTOM + ROW_HEIGHT * len(panel.rows)
        body, label = "".join(_rows(panel)), f"{panel.x_label} of {len(panel.rows)} names"
    else:
        height, body = HEIGHT, "".join(_curves(panel))
        label = f"{panel.y_label} over {panel.x_label}: {', '.join(e.label for e in panel.lines)}"
    label = f"{panel.title} {label}".strip()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="{escape(label)}"'
        ' style="max-width:100%;font:11px sans-serif;fill:currentColor">'
        f"{_text(LEFT, 12, panel.title, weight='bold')}{body}</svg>"
    )


class _Scale:
    """Maps numbers to positions; positions are finite and rounded."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        if not high > low:
            low, high = low - 0.5, high + 0.5
        self.low, self.high, self._start, self._slope = low, high, start, (end - start)

    def __call__(self, value: float) -> str:
        share = (value - self.low) / (self.high - self.low)
        return f"{self._start + self._slope * min(max(share, -0.01), 1.01):.1f}"


def _text(
    x: float | str, y: float | str, text: str, anchor: str = "start", weight: str = ""
) -> str:
    bold = f' font-weight="{weight}"' if weight else ""
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}"{bold}>{escape(text)}</text>' if text else ""
    )


def _mark(x: str, y: float, role: str, sign: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" fill="{RULE[role]}">{sign}</text>'


def _axis(scale: _Scale, y: float, label: str) -> Iterator[str]:
    yield (
        f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="currentColor" stroke-opacity="0.5"'
        ' fill="none"/>'
    )
    for tick in ticks(scale.low, scale.high):
        yield _text(scale(tick), y + 14, f"{tick:.6g}", "middle")
    yield _text((LEFT + WIDTH - RIGHT) / 2, y + 28, label, "middle")


def _ends(values: Sequence[Any]) -> tuple[float, float]:
    """Return the smallest and the largest finite number."""
    flat = np.concatenate([np.ravel(np.asarray(each, float)) for each in values])
    flat = flat[np.isfinite(flat)]
    return (float(flat.min()), float(flat.max())) if len(flat) else (0.0, 1.0)


def top(panel: Curves) -> tuple[float, float]:
    """Return the vertical range of a panel, which begins at 0 for densities."""
    if any(line.band is not None for line in panel.lines):
        return _ends([v for e in panel.lines for v in (e.y, *(e.band or ()))])
    peaks = [e for e in panel.lines if e.role != "prior"] or panel.lines
    return 0.0, 1.08 * _ends([e.y for e in peaks])[1]


def _curves(panel: Curves) -> Iterator[str]:
    across = _Scale(*_ends([line.x for line in panel.lines]), LEFT, WIDTH - RIGHT)
    up = _Scale(*top(panel), HEIGHT - BOTTOM, TOP)
    yield from _axis(across, HEIGHT - BOTTOM, panel.x_label)
    for tick in ticks(up.low, up.high, 4):
        yield _text(LEFT - 4, up(tick), f"{tick:.4g}", "end")
    for line in panel.lines:
        yield from _line(line, across, up)
    for mark in panel.marks:
        if across.low <= mark.x <= across.high:
            yield _mark(across(mark.x), HEIGHT - BOTTOM, mark.role, SHAPES[mark.label])


def _line(line: Curve, across: _Scale, up: _Scale) -> Iterator[str]:
    colour, zero = RULE[line.role], up(0.0)
    if line.bars:
        inside = line.shaded or (-math.inf, math.inf)
        for x, y in zip(line.x, line.y, strict=True):
            faint = "" if inside[0] <= x <= inside[1] else ' stroke-opacity="0.35"'
            bar = f"M{across(x)} {zero}V{up(y)}"
            yield f'<path d="{bar}" stroke="{colour}" stroke-width="3"{faint}/>'
        return
    if line.shaded is not None:
        within = (line.x >= line.shaded[0]) & (line.x <= line.shaded[1]) & np.isfinite(line.y)
        yield _area(line.x[within], line.y[within], np.zeros(int(within.sum())), across, up, colour)
    if line.band is not None:
        low, high = line.band
        known = np.isfinite(low) & np.isfinite(high)
        yield _area(line.x[known], high[known], low[known], across, up, colour)
    yield (
        f'<path d="{_path(line.x, line.y, across, up)}" stroke="{colour}" stroke-width="2"'
        f' fill="none"{DASHES[line.dash]}/>'
    )


def _path(x: Any, y: Any, across: _Scale, up: _Scale) -> str:
    points, pen = [], "M"
    for a, b in zip(x, y, strict=True):
        if math.isfinite(b):
            points.append(f"{pen}{across(a)} {up(b)}")
            pen = "L"
        else:
            pen = "M"
    return "".join(points)


def _area(x: Any, high: Any, low: Any, across: _Scale, up: _Scale, colour: str) -> str:
    if not len(x):
        return ""
    there = [f"{across(a)} {up(b)}" for a, b in zip(x, high, strict=True)]
    back = [f"{across(a)} {up(b)}" for a, b in zip(x[::-1], low[::-1], strict=True)]
    return f'<path d="M{"L".join(there + back)}Z" fill="{colour}" fill-opacity="0.2"/>'


def _rows(panel: IntervalRows) -> Iterator[str]:
    numbers = [
        n for r in panel.rows for n in (r.mean, r.low, r.high, r.prior, r.mle) if n is not None
    ]
    left = 150.0
    scale = _Scale(*_ends([numbers]), left, WIDTH - RIGHT - 10.0)
    bottom = TOP + ROW_HEIGHT * len(panel.rows)
    for k, row in enumerate(panel.rows):
        y = TOP + ROW_HEIGHT * (k + 0.5)
        name = row.name if len(row.name) <= 24 else f"{row.name[:23]}…"
        yield _text(left - 8, y + 4, name, "end")
        if row.low is not None and row.high is not None:
            yield (
                f'<path d="M{scale(row.low)} {y}H{scale(row.high)}" stroke="{RULE["posterior"]}"'
                ' stroke-width="3" stroke-opacity="0.6"/>'
            )
        marks = [
            ("prior", "|", row.prior),
            ("likelihood", SHAPES["MLE"], row.mle),
            ("posterior", SHAPES["mean"], row.mean),
        ]
        for role, shape, value in marks:
            if value is not None:
                yield _mark(scale(value), y + 4, role, shape)
    yield from _axis(scale, bottom, panel.x_label)


def legend(panel: Panel) -> list[tuple[str, str, str]]:
    """Return the role, the sign and the label of everything in a panel.

    Examples
    --------
    >>> from seqbayes.figures.panels import IntervalRow
    >>> legend(IntervalRows("", "share", [IntervalRow("red", 0.3, 0.2, 0.4, mle=0.31)]))
    [('likelihood', '◆', 'MLE'), ('posterior', '●', 'mean, interval')]
    """
    if isinstance(panel, IntervalRows):
        given = [
            ("prior", "|", "prior mean", any(r.prior is not None for r in panel.rows)),
            ("likelihood", "◆", "MLE", any(r.mle is not None for r in panel.rows)),
            ("posterior", "●", "mean, interval", True),
        ]
        return [(role, sign, label) for role, sign, label, shown in given if shown]
    signs = {"solid": "━", "dashed": "╍", "dotted": "┈"}
    lines = [(e.role, "▮" if e.bars else signs[e.dash], e.label) for e in panel.lines]
    return lines + [(m.role, SHAPES[m.label], _with_value(m)) for m in panel.marks]


def _with_value(mark: EstimateMark) -> str:
    return f"{mark.label} {mark.x:.4g}"
