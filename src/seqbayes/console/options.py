"""Options shared by several commands, and their parsers."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

TOKEN = "SEQBAYES_TOKEN"
"""The environment variable that holds the token."""


def speed(steps: str) -> Callable[[str], float]:
    """Return a parser for a number of steps per second, or ``max``."""

    def read(text: str) -> float:
        if text == "max":
            return math.inf
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not number >= 0.0:
            raise argparse.ArgumentTypeError(f"expected {steps} per second or 'max', got {text!r}")
        return number

    return read


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a parser for whole numbers in a range."""

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


def add_server(parser: argparse.ArgumentParser, sparing: bool = False) -> None:
    """Declare the options of a web server; with `sparing`, the help omits rarely used ones."""
    add_address(parser, "token required for writing", sparing)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--frame-ancestors",
        default="'self'",
        metavar="SOURCES",
        help=argparse.SUPPRESS
        if sparing
        else "pages that may frame /embed/, in the syntax of Content-Security-Policy (%(default)s)",
    )


def add_address(parser: argparse.ArgumentParser, token: str, sparing: bool = False) -> None:
    """Declare the address and the token of an HTTP server; `token` is the token's help text."""
    rare = argparse.SUPPRESS if sparing else None
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=_port, default=8765, help="the port; 0 selects a free port (%(default)s)"
    )
    parser.add_argument("--token", help=rare or f"{token} (default: ${TOKEN})")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help=rare or "an additional host name of the server; may be repeated",
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def add_intervals(group: Any) -> None:
    """Declare the options for intervals."""
    group.add_argument(
        "--level",
        type=float,
        default=0.95,
        metavar="P",
        help="probability of the intervals (%(default)s)",
    )
    group.add_argument(
        "--interval",
        choices=("equal-tailed", "hdi"),
        default="equal-tailed",
        help="kind of the intervals (%(default)s)",
    )


def add_top(group: Any) -> None:
    """Declare the option for the number of keys shown."""
    group.add_argument(
        "--top",
        type=positive_int,
        default=20,
        metavar="N",
        help="maximum number of keys to show; those with the most data come first (%(default)s)",
    )


def positive(text: str) -> float:
    """Parse a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0.0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return number


def positive_int(text: str) -> int:
    """Parse a whole number above 0."""
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)
