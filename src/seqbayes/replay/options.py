"""Options that all stories have."""

from __future__ import annotations

import argparse

from seqbayes.console.options import add_server


def add_forms(parser: argparse.ArgumentParser, step: str) -> None:
    """Declare how a story is shown, given what its steps are called."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--plain", action="store_true", help=f"one line a {step}; so in a pipe")
    form.add_argument("--json", action="store_true", help="one JSON event a line")
    form.add_argument("--serve", action="store_true", help="tell it in the browser")
    add_server(parser, sparing=True)
