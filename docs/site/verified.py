"""The ranges in which functions of a pair are verified, from the table of docs/accuracy.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).resolve().parents[1] / "accuracy.md"


class Row(NamedTuple):
    """A row of the table: functions, the classes they are verified for, and the range.

    `of` maps names of families to the likelihoods, or to an empty set for any likelihood.
    """

    functions: str
    of: dict[str, frozenset[str]]
    range: str


def rows(text: str | None = None) -> list[Row]:
    """Return the rows of the table.

    Parameters
    ----------
    text
        The page, by default docs/accuracy.md.

    Examples
    --------
    >>> [row] = rows("| `cdf` | Beta with Bernoulli, Binomial; Normal | 1 to 9 | any | 1e-10 |")
    >>> sorted(row.of["Beta"]), sorted(row.of["Normal"]), row.range
    (['Bernoulli', 'Binomial'], [], '1 to 9')
    """
    found = []
    for line in (PAGE.read_text("utf-8") if text is None else text).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 5 and cells[0].startswith("`"):
            found.append(Row(cells[0], _classes(cells[1]), cells[2]))
    return found


def _classes(text: str) -> dict[str, frozenset[str]]:
    """Return families with their likelihoods, parsed from text such as "Beta with Bernoulli; Gamma"."""
    of = {}
    for group in text.split(";"):
        families, _, likelihoods = group.partition(" with ")
        for family in re.findall(r"[A-Z]\w+", families):
            of[family] = frozenset(re.findall(r"[A-Z]\w+", likelihoods))
    return of


def ranges(family: str, likelihood: str) -> str:
    """Return the verified ranges of a pair, each with its functions, as a cell of a table."""
    functions: dict[str, list[str]] = {}
    for row in rows():
        if family in row.of and (not row.of[family] or likelihood in row.of[family]):
            functions.setdefault(row.range, []).append(row.functions)
    lines = [f"{limits}: {', '.join(names)}" for limits, names in functions.items()]
    if family in ("Hurdle", "Product"):
        lines.append(
            "other functions: as verified for its parts" if lines else "as verified for its parts"
        )
    return "<br>".join(lines) or "ordinary parameters"


def summary(family: str) -> str:
    """Return the ranges of a family's own rows, without their functions."""
    found = dict.fromkeys(row.range for row in rows() if family in row.of)
    return "<br>".join(found) or ranges(family, "")
