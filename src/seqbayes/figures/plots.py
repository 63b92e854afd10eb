"""Panels drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes.errors import SeqbayesError
from seqbayes.extras import missing_extra
from seqbayes.figures.colours import RULE
from seqbayes.figures.panels import Curve, Curves, IntervalRows, Panel
from seqbayes.figures.svg import top

STYLES = {"solid": "-", "dashed": "--", "dotted": ":"}
MARKERS = {"MLE": "D", "MAP": "^", "mean": "o"}


def plot(panels: Sequence[Panel], ax: Any = None) -> Any:
    """Draw panels, and return their axes: a single one, or an array of several.

    Parameters
    ----------
    panels
        The panels.
    ax
        The axes to draw on, as many as there are panels; by default those of a new figure.

    Raises
    ------
    SeqbayesError
        If there is nothing to draw, there are not as many axes as panels, or matplotlib is not
        installed.
    """
    if not panels:
        raise SeqbayesError(
            "there is nothing to plot: the posterior is improper, or has no density"
        )
    if ax is None:
        axes = _new_axes(panels)
    else:
        axes = np.atleast_1d(np.asarray(ax, object)).ravel()
        if len(axes) != len(panels):
            raise SeqbayesError(
                f"expected {len(panels)} axes, one for each number, got {len(axes)}"
            )
    for panel, each in zip(panels, axes, strict=True):
        if isinstance(panel, IntervalRows):
            _rows(panel, each)
        else:
            _curves(panel, each)
    return axes[0] if len(axes) == 1 else axes


def _new_axes(panels: Sequence[Panel]) -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise missing_extra("plot", str(error.name), "plot") from None
    heights = [1.2 + 0.25 * len(p.rows) if isinstance(p, IntervalRows) else 3.2 for p in panels]
    _, axes = pyplot.subplots(
        len(panels),
        1,
        figsize=(6.4, sum(heights)),
        squeeze=False,
        layout="constrained",
        gridspec_kw={"height_ratios": heights},
    )
    return axes.ravel()


def _curves(panel: Curves, ax: Any) -> None:
    for line in panel.lines:
        _line(line, ax)
    low, high = top(panel)
    history = any(line.band is not None for line in panel.lines)
    for mark in panel.marks:
        ax.plot(
            [mark.x],
            [low],
            linestyle="none",
            marker=MARKERS[mark.label],
            color=RULE[mark.role],
            label=f"{mark.label} {mark.x:.4g}",
            clip_on=False,
            zorder=5,
        )
    if not history and high > low:
        ax.set_ylim(low, high)
    ax.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
    ax.legend(loc="upper right", fontsize="small")


def _line(line: Curve, ax: Any) -> None:
    colour = RULE[line.role]
    if line.bars:
        low, high = line.shaded or (-np.inf, np.inf)
        inside = (line.x >= low) & (line.x <= high)
        ax.bar(line.x[inside], line.y[inside], color=colour, label=line.label)
        ax.bar(line.x[~inside], line.y[~inside], color=colour, alpha=0.35)
        return
    ax.plot(line.x, line.y, STYLES[line.dash], color=colour, label=line.label)
    if line.shaded is not None:
        inside = (line.x >= line.shaded[0]) & (line.x <= line.shaded[1])
        ax.fill_between(line.x, line.y, where=inside, color=colour, alpha=0.2, linewidth=0)
    if line.band is not None:
        ax.fill_between(line.x, *line.band, color=colour, alpha=0.2, linewidth=0)


def _rows(panel: IntervalRows, ax: Any) -> None:
    places = np.arange(len(panel.rows))
    for k, row in enumerate(panel.rows):
        if row.low is not None and row.high is not None:
            ax.plot([row.low, row.high], [k, k], color=RULE["posterior"], alpha=0.6, linewidth=3)
    for role, label, marker in (
        ("prior", "prior", "|"),
        ("likelihood", "mle", "D"),
        ("posterior", "mean", "o"),
    ):
        found = [
            (value, k)
            for k, row in enumerate(panel.rows)
            if (value := {"prior": row.prior, "mle": row.mle, "mean": row.mean}[label]) is not None
        ]
        if found:
            title = {"prior": "prior mean", "mle": "MLE", "mean": "mean, interval"}[label]
            ax.plot(*zip(*found, strict=True), marker, color=RULE[role], label=title)
    ax.set_yticks(places, [row.name for row in panel.rows])
    ax.set(title=panel.title, xlabel=panel.x_label, ylim=(len(panel.rows) - 0.5, -0.5))
    ax.legend(loc="upper right", fontsize="small")
