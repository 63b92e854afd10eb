"""``seqbayes init``: write a commented configuration to start from."""

from __future__ import annotations

import argparse
import sys
from importlib import resources
from pathlib import Path

EXAMPLES = """\
examples:
  seqbayes init
  seqbayes init clicks.toml && seqbayes check clicks.toml && seqbayes run clicks.toml --once

exit status: 0, or 2 if the file is there already or cannot be written
"""

EVENTS = "events.jsonl"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "config", metavar="CONFIG", nargs="?", default="seqbayes.toml", help="(%(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the file, and a few events to try it on where there are none.

    Returns
    -------
    int
        0.

    Raises
    ------
    OSError
        If the file is there already, or cannot be written.
    """
    target = Path(args.config)
    _write(target, _template("init.toml"))
    events = target.parent / EVENTS
    told = f"wrote {target}"
    if not events.exists():
        _write(events, _template("init.jsonl"))
        told += f" and {events}"
    sys.stdout.write(f"{told}; now: seqbayes run {target} --once\n")
    return 0


def _template(name: str) -> str:
    return (resources.files("seqbayes.stream") / name).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
