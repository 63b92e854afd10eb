"""``check``: list every error in a configuration file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqbayes.console.log import Log
from seqbayes.console.status import USAGE_ERROR
from seqbayes.console.summary import name_key
from seqbayes.console.text import count_of
from seqbayes.events.keys import read_key
from seqbayes.stream.alerts.grammar import Silence
from seqbayes.stream.config import Config, load_config
from seqbayes.stream.schema import ConfigError
from seqbayes.stream.stores import open_store, store_kind, store_path
from seqbayes.stream.verbs.shared import add_config, run_reporting_errors
from seqbayes.stream.verbs.stored import timestamp

if TYPE_CHECKING:
    from seqbayes.stream.alerts.past import AlertHistory

EXAMPLES = """\
examples:
  seqbayes check seqbayes.toml
  seqbayes check seqbayes.toml --alerts beliefs.db

exit status: 0 if the configuration is valid, 2 if it has errors or cannot be read; with --alerts, 4
if the store cannot be read
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
        If the file has errors; the message lists all of them, each with its line number or key
        path.
    OSError
        If the file cannot be read.
    """
    config = load_config(path)
    database_path = store_path(config.store)
    if database_path is not None and database_path.exists() and not database_path.is_file():
        raise ConfigError(str(path), [f"store: {database_path} is not a regular file"])
    if database_path is not None and not database_path.parent.is_dir():
        raise ConfigError(
            str(path), [f"store: the directory {database_path.parent} does not exist"]
        )
    return config


def past_alerts(config: Config, url: str | None = None) -> list[AlertHistory]:
    """Return when the alerts of a configuration would have fired over the history of a store.

    Parameters
    ----------
    config
        The configuration, as returned by `check`.
    url
        URL or path of the store; by default the store of the configuration.

    Raises
    ------
    StoreError
        If the store cannot be read.
    """
    from seqbayes.stream.alerts.past import evaluate_history

    with open_store(url or config.store, "read") as store, store.snapshot():
        return [evaluate_history(alert, store) for alert in config.alerts]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_config(parser)
    parser.add_argument(
        "--alerts",
        nargs="?",
        const="",
        metavar="STORE",
        help="report when each alert would have fired over the history in a store, by default that"
        " of the configuration",
    )


def command(args: argparse.Namespace) -> int:
    """Check the configuration and return the exit status."""
    try:
        config = check(args.config)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE_ERROR
    names = ", ".join(belief.name for belief in config.beliefs)
    store = store_kind(config.store).public(config.store)
    sys.stdout.write(f"{args.config} is valid; beliefs: {names}; store: {store}\n")
    if args.alerts is None:
        return 0

    def report() -> int:
        for history in past_alerts(config, args.alerts):
            sys.stdout.writelines(f"{line}\n" for line in _lines(history))
        return 0

    return run_reporting_errors(Log("text", "check"), report)


def _lines(history: AlertHistory) -> Iterator[str]:
    """Yield the report of an alert."""
    if history.reason:
        yield f"alert {history.alert.name}: not evaluated, because {history.reason}"
        return
    about_silence = isinstance(history.alert.condition[0].quantity, Silence)
    points = count_of(history.points, "silence" if about_silence else "point")
    fired = sum(change.status == "firing" for change in history.changes)
    missing = f" ({history.stateless:,} points have no state)" if history.stateless else ""
    yield (
        f"alert {history.alert.name}: would have fired {count_of(fired, 'time')} in"
        f" {points} of the history{missing}"
    )
    for change in history.changes:
        key = f"  {name_key(read_key(change.key))}" if change.key else ""
        value = "" if change.value is None else f"  {change.value:.6g}"
        yield f"  {timestamp(change.at)}  {change.status:8}{key}{value}"
