"""Arguments that the verbs on stores have in common."""

from __future__ import annotations

import argparse
import datetime
import sys
import time
from typing import Any

from seqbayes.errors import SeqbayesError

STORE = "the file of a store, or postgresql://user@host/database"


def add_store(parser: argparse.ArgumentParser) -> None:
    """Declare the store."""
    parser.add_argument("store", metavar="STORE", help=STORE)


def add_key(parser: argparse.ArgumentParser, optional: bool) -> None:
    """Declare a belief and a key of it."""
    few: Any = {"nargs": "?"} if optional else {}
    parser.add_argument("belief", metavar="BELIEF", help="a belief by its name", **few)
    parser.add_argument(
        "key", metavar="KEY", nargs="*", help="the values of the fields that it is keyed by"
    )
    parser.add_argument(
        "--rest", action="store_true", help="what was pooled of the keys beyond the limit"
    )


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Declare that nobody is to be asked."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def confirmed(question: str, yes: bool) -> bool:
    """Return whether something that cannot be undone shall be done.

    Raises
    ------
    SeqbayesError
        If nobody is there to be asked.
    """
    if yes:
        return True
    if sys.stdin is None or not sys.stdin.isatty():
        raise SeqbayesError(f"{question} Nobody is there to say so: give --yes")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def add_as_of(parser: argparse.ArgumentParser) -> None:
    """Declare the time as of which beliefs are told."""
    parser.add_argument(
        "--as-of",
        type=moment,
        metavar="TIME",
        help="let beliefs that forget by time forget until then: now, seconds since 1970, or as RFC"
        " 3339 has it; by default they are as of the newest event they have learned",
    )


def moment(text: str) -> float:
    """Return a time in seconds since 1970.

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
            f"expected now, seconds since 1970 or a time such as 2024-05-01T12:00Z, got {text!r}"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp()
