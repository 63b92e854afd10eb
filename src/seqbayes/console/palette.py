"""Colours and signs. Every colour stands beside a word that says the same."""

from __future__ import annotations

from dataclasses import dataclass

RULE = {
    "prior": "#008748",
    "likelihood": "#d73a3a",
    "evidence": "#c03fb4",
    "posterior": "#c25400",
    "next": "#2574d8",
}
"""Bayes' rule: text in these has a contrast of 4.5 and more on black and on white."""

CANDY = {
    "blue": "#2f80ed",
    "brown": "#9a5f38",
    "green": "#2e9e4f",
    "orange": "#e6720c",
    "red": "#d83a3a",
    "yellow": "#b38f00",
}
"""Bars and dots: a contrast of 3 and more on black and on white."""

LETTER = {"blue": "B", "brown": "N", "green": "G", "orange": "O", "red": "R", "yellow": "Y"}
"""One letter a colour; N is for browN."""


COIN = {"A": "#6060fc", "B": "#9c6c00"}
"""Text in these has the contrast of the rule's; blue against yellow, told apart by any eye."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What lines are drawn with."""

    full: str = "█"
    range: str = "▒"
    mark: str = "┃"
    dot: str = "●"
    free: str = "·"
    times: str = "×"
    over: str = "÷"
    done: str = "━"
    todo: str = "─"
    levels: str = " ▁▂▃▄▅▆▇█"


ASCII = Signs("#", "-", "|", "*", ".", "x", "/", "=", "-", " .:-=+*#@")
"""For terminals that show nothing else."""
UNICODE = Signs()
