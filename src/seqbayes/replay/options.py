"""Readers of options that several stories have."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable


def add_forms(parser: argparse.ArgumentParser, step: str) -> None:
    """Declare how a story is shown, given what its steps are called."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--plain", action="store_true", help=f"one line a {step}; so in a pipe")
    form.add_argument("--json", action="store_true", help="one JSON event a line")


def speed(steps: str) -> Callable[[str], float]:
    """Return a reader of a number of steps a second, or max."""

    def read(text: str) -> float:
        if text == "max":
            return math.inf
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not number >= 0.0:
            raise argparse.ArgumentTypeError(f"expected {steps} a second or max, got {text!r}")
        return number

    return read


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers in a range."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = low - 1
        if number < low or (high is not None and number > high):
            wanted = f"from {low} to {high}" if high is not None else f">= {low}"
            raise argparse.ArgumentTypeError(f"expected a whole number {wanted}, got {text!r}")
        return number

    return read
