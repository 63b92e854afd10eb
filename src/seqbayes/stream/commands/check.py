"""``seqbayes check``: say every mistake of a configuration, and run nothing."""

from __future__ import annotations

import argparse
import sys

from seqbayes.stream.commands.status import WRONG
from seqbayes.stream.config import Config, load_config
from seqbayes.stream.schema import ConfigError

EXAMPLES = """\
examples:
  seqbayes check seqbayes.toml

exit status: 0 if the configuration is good, 2 if it has mistakes or cannot be read
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("config", metavar="CONFIG", help="a TOML file; seqbayes init writes one")


def load_or_tell(path: str) -> Config | None:
    """Return what a file asks for; None, with all mistakes on standard error, if it has some."""
    try:
        return load_config(path)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return None


def run(args: argparse.Namespace) -> int:
    """Check the configuration.

    Returns
    -------
    int
        0, or 2 if it has mistakes.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    config = load_or_tell(args.config)
    if config is None:
        return WRONG
    names = ", ".join(belief.name for belief in config.beliefs)
    sys.stdout.write(f"{args.config} is good: {names}, kept in {config.store}\n")
    return 0
