"""Beliefs as HTML for notebooks: figures as inline SVG, and a table of estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from seqbayes.figures.colours import RULE
from seqbayes.figures.panels import Panel
from seqbayes.figures.svg import legend, svg

MAX_TABLE_ROWS = 20


def page(text: str, panels: Sequence[Panel], columns: Mapping[str, Sequence[Any]]) -> str:
    """Return HTML without scripts, style sheets, or references to other files.

    Parameters
    ----------
    text
        A heading.
    panels
        The figures.
    columns
        The columns of the table.

    Examples
    --------
    >>> page("Beta(1, 1)", [], {"mean": [0.5]}).count("<td")
    1
    """
    figures = "".join(map(_figure, panels))
    html = (
        '<div class="seqbayes" style="max-width:60em">'
        f'<div style="font-family:monospace;white-space:pre-wrap">{escape(text)}</div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:1em">{figures}</div>{_table(columns)}</div>'
    )
    return html.encode(errors="backslashreplace").decode()  # UTF-8 cannot encode surrogates


def _figure(panel: Panel) -> str:
    entries = "".join(
        f'<span style="white-space:nowrap"><span style="color:{RULE[role]}" aria-hidden="true">'
        f"{sign}</span> {escape(label)}</span> "
        for role, sign, label in legend(panel)
    )
    caption = f'<figcaption style="font-size:85%;max-width:440px">{entries}</figcaption>'
    return f'<figure style="margin:0.5em 0">{svg(panel)}{caption}</figure>'


def _table(columns: Mapping[str, Sequence[Any]]) -> str:
    n = len(next(iter(columns.values()), ()))
    if not n:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    shown = range(min(n, MAX_TABLE_ROWS))
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(_cell(values[k]))}</td>' for values in columns.values())}</tr>"
        for k in shown
    )
    more = f"<div>and {n - len(shown):,} more</div>" if n > len(shown) else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: Any) -> str:
    if value is None or value != value:  # a missing estimate is None, or NaN in an array
        return "–"
    if isinstance(value, str):
        return value
    try:
        return f"{value:.6g}"
    except (TypeError, ValueError):
        return str(value)
