"""``seqbayes merge``: several stores become one."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from seqbayes.console.log import Log, Tracker, add_format
from seqbayes.stream.commands.arguments import STORE
from seqbayes.stream.commands.status import EPILOG, attempt
from seqbayes.stream.verbs.shards import merge

EXAMPLES = f"""\
examples:
  seqbayes merge monday.db tuesday.db -o week.db
  seqbayes merge shard*.db -o postgresql://user@host/database

Under each key all that the stores have seen is added, and the prior counts once; beliefs that
forget by time are brought to one clock. The stores that are read do not change.

{EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("stores", metavar="STORE", nargs="+", help=STORE)
    parser.add_argument(
        "-o", "--output", metavar="STORE", required=True, help="the new store, which must be empty"
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Merge the stores.

    Returns
    -------
    int
        The exit status.
    """
    log = Log(args.log_format, "merge")
    return attempt(log, lambda: _merge(args, log))


def _merge(args: argparse.Namespace, log: Log) -> int:
    tracker = Tracker(log)
    try:
        merged = merge(args.stores, args.output, tracker)
    finally:
        tracker.done()
    for warning in merged.warnings:
        log.say("places", warning, "warning")
    told: dict[str, Any] = {
        "beliefs": merged.beliefs,
        "keys": merged.keys,
        "dead_letters": merged.dead_letters,
    }
    if args.log_format == "json":
        log.say("merged", **told, output=args.output)
    else:
        counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in told.items())
        sys.stdout.write(f"{args.output}: {counts}\n")
    return 0
