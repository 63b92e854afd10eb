"""Arguments, confirmation and exit statuses shared by the verbs."""

from __future__ import annotations

import argparse
import datetime
import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from seqbayes.console.log import Log
from seqbayes.console.status import FAILED, NO_RESULT, STORE_IN_USE, USAGE_ERROR
from seqbayes.errors import SeqbayesError
from seqbayes.stream.config import Config, load_config
from seqbayes.stream.schema import ConfigError
from seqbayes.stream.source import SourceError
from seqbayes.stream.stores import LeaseError, Store, StoreError, open_store, store_path

STORE_HELP = "the file of a store, or postgresql://user@host/database"

EPILOG = """\
exit status: 0; 1 if the store does not contain what was requested; 2 for a usage error; 3 if
another process is using the store; 4 if the store cannot be read or written
"""


class MissingError(StoreError):
    """The requested belief, key or source is not in the store."""


def run_reporting_errors(log: Log, action: Callable[[], int]) -> int:
    """Run a command; report an error in the log and return its exit status."""
    try:
        return action()
    except MissingError as error:
        return fail(log, error, NO_RESULT)
    except LeaseError as error:
        return fail(log, error, STORE_IN_USE)
    except (StoreError, SourceError) as error:
        return fail(log, error, FAILED)
    except SeqbayesError as error:
        return fail(log, error, USAGE_ERROR)


def reports_errors(
    command: Callable[[argparse.Namespace, Log], int],
) -> Callable[[argparse.Namespace], int]:
    """Return a command that reports the errors of a function; see `run_reporting_errors`."""

    @functools.wraps(command)
    def reporting(args: argparse.Namespace) -> int:
        log = Log(getattr(args, "log_format", "text"), args.command)
        return run_reporting_errors(log, lambda: command(args, log))

    return reporting


def fail(log: Log, error: Exception, status: int) -> int:
    """Report an error and return the exit status."""
    log.event("failed", str(error), "error")
    return status


def load_or_report(path: str) -> Config | None:
    """Load a configuration; if it has errors, list them on standard error and return None."""
    try:
        return load_config(path)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return None


@contextmanager
def created_store(url: str) -> Iterator[Store]:
    """Create a store and acquire its lease; delete its file if an error occurs."""
    path = store_path(url)
    new = path is not None and not path.exists()
    store = open_store(url)
    try:
        with store:
            store.acquire()
            yield store
    except BaseException:
        if path is not None and new:
            path.unlink(missing_ok=True)
        raise


def add_config(parser: argparse.ArgumentParser) -> None:
    """Declare the configuration file."""
    parser.add_argument("config", metavar="CONFIG", help="a TOML file; seqbayes init writes one")


def add_store(parser: argparse.ArgumentParser) -> None:
    """Declare the argument for the store."""
    parser.add_argument("store", metavar="STORE", help=STORE_HELP)


def add_key(parser: argparse.ArgumentParser, optional: bool) -> None:
    """Declare the arguments for a belief and a key."""
    nargs: Any = {"nargs": "?"} if optional else {}
    parser.add_argument("belief", metavar="BELIEF", help="name of a belief", **nargs)
    parser.add_argument(
        "key", metavar="KEY", nargs="*", help="values of the fields that the belief is keyed by"
    )
    parser.add_argument(
        "--rest", action="store_true", help="the pooled belief about all keys beyond the limit"
    )


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Declare the option that skips the confirmation."""
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def confirmed(question: str, yes: bool) -> bool:
    """Ask for confirmation of an action that cannot be undone.

    Raises
    ------
    SeqbayesError
        If standard input is not a terminal.
    """
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise SeqbayesError(f"{question} stdin is not a terminal; pass --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def add_level(parser: argparse.ArgumentParser, of: str) -> None:
    """Declare the option for the probability of intervals."""
    parser.add_argument(
        "--level", type=float, default=0.95, metavar="P", help=f"probability of {of} (%(default)s)"
    )


def print_json(document: Any) -> None:
    """Write a line of JSON to standard output."""
    sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")


def add_as_of(parser: argparse.ArgumentParser) -> None:
    """Declare the time at which decaying beliefs are evaluated."""
    parser.add_argument(
        "--as-of",
        type=moment,
        metavar="TIME",
        help="decay beliefs with a half-life in time to this time: now, seconds since 1970, or"
        " an RFC 3339 time; by default, the time of the newest event they have learned",
    )


def moment(text: str) -> float:
    """Parse a time into seconds since 1970.

    Examples
    --------
    >>> moment("2024-01-01T00:00:00Z"), moment("1704067200")
    (1704067200.0, 1704067200.0)
    """
    if text == "now":
        return time.time()
    try:
        return float(text)
    except ValueError:
        pass
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected 'now', seconds since 1970 or a time such as 2024-05-01T12:00Z, got {text!r}"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp()
