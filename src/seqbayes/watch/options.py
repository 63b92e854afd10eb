"""Options that commands about beliefs have in common."""

from __future__ import annotations

import argparse
from typing import Any


def add_intervals(group: Any) -> None:
    """Declare which intervals are told."""
    group.add_argument(
        "--level", type=float, default=0.95, metavar="P", help="of the intervals (%(default)s)"
    )
    group.add_argument(
        "--interval",
        choices=("equal-tailed", "hdi"),
        default="equal-tailed",
        help="kind of the intervals (%(default)s)",
    )


def add_top(group: Any) -> None:
    """Declare how many keys are told."""
    group.add_argument(
        "--top",
        type=positive_int,
        default=20,
        metavar="N",
        help="keys in the table, those with most events (%(default)s)",
    )


def positive(text: str) -> float:
    """Return a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def positive_int(text: str) -> int:
    """Return a whole number above 0."""
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)
