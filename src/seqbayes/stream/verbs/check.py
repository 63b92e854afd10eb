"""``check``: list every error in a configuration file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seqbayes.console.status import USAGE_ERROR
from seqbayes.stream.config import Config, load_config
from seqbayes.stream.schema import ConfigError
from seqbayes.stream.stores import store_path
from seqbayes.stream.verbs.shared import add_config

EXAMPLES = """\
examples:
  seqbayes check seqbayes.toml

exit status: 0 if the configuration is valid, 2 if it has errors or cannot be read
"""


def check(path: str | Path) -> Config:
    """Load and validate a configuration.

    Parameters
    ----------
    path
        The TOML file.

    Raises
    ------
    ConfigError
        If it has errors; all of them are listed, each with its line or the path of its key.
    OSError
        If the file cannot be read.
    """
    config = load_config(path)
    place = store_path(config.store)
    if place is not None and place.exists() and not place.is_file():
        raise ConfigError(str(path), [f"store: {place} is not a regular file"])
    if place is not None and not place.parent.is_dir():
        raise ConfigError(str(path), [f"store: the directory {place.parent} does not exist"])
    return config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_config(parser)


def command(args: argparse.Namespace) -> int:
    """Check the configuration and return the exit status."""
    try:
        config = check(args.config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE_ERROR
    names = ", ".join(belief.name for belief in config.beliefs)
    sys.stdout.write(f"{args.config} is valid: {names}, stored in {config.store}\n")
    return 0
