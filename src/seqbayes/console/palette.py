"""Colours and drawing characters. Colour is never the only carrier of information."""

from __future__ import annotations

from dataclasses import dataclass

from seqbayes.figures.colours import RULE

__all__ = ["ASCII", "CANDY", "COIN", "LETTER", "RULE", "UNICODE", "Signs"]

CANDY = {
    "blue": "#2f80ed",
    "brown": "#9a5f38",
    "green": "#2e9e4f",
    "orange": "#e6720c",
    "red": "#d83a3a",
    "yellow": "#b38f00",
}
"""Colours of bars and dots, with a contrast of at least 3 on black and on white."""

LETTER = {"blue": "B", "brown": "N", "green": "G", "orange": "O", "red": "R", "yellow": "Y"}
"""One letter per colour; N stands for brown."""


COIN = {"A": "#6060fc", "B": "#9c6c00"}
"""Colours of text with a contrast of at least 4.5, distinguishable without red and green."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Characters for drawing."""

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
"""For terminals without Unicode."""
UNICODE = Signs()
