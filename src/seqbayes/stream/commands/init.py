"""``seqbayes init``: write a commented configuration to start from."""

from __future__ import annotations

import argparse
import sys

from seqbayes.stream.verbs.starting import init

EXAMPLES = """\
examples:
  seqbayes init
  seqbayes init clicks.toml && seqbayes check clicks.toml && seqbayes run clicks.toml --once

exit status: 0, or 2 if the file is there already or cannot be written
"""


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
    written = " and ".join(map(str, init(args.config)))
    sys.stdout.write(f"wrote {written}; now: seqbayes run {args.config} --once\n")
    return 0
