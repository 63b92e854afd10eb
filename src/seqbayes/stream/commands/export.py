"""``seqbayes export``: what a store holds, for other programs."""

from __future__ import annotations

import argparse

from seqbayes.console.log import Log, Tracker, add_format
from seqbayes.console.options import add_intervals
from seqbayes.console.summary import View
from seqbayes.state import check_level
from seqbayes.stream.commands.arguments import add_as_of, add_store
from seqbayes.stream.commands.status import EPILOG, attempt
from seqbayes.stream.verbs.exports import export
from seqbayes.stream.verbs.sheets import SHEETS

EXAMPLES = f"""\
examples:
  seqbayes export beliefs.db beliefs.parquet
  seqbayes export beliefs.db history.csv --what history --belief conversion
  seqbayes export beliefs.db - --format json | head -1

{EPILOG}"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_store(parser)
    parser.add_argument(
        "file", metavar="FILE", help=".parquet, .csv or .json (JSON Lines); - is standard output"
    )
    parser.add_argument("--what", choices=tuple(SHEETS), default="beliefs", help="(%(default)s)")
    parser.add_argument(
        "--format", choices=("parquet", "csv", "json"), help="by default what the suffix says"
    )
    parser.add_argument("--belief", metavar="BELIEF", help="a belief by its name; all by default")
    add_intervals(parser)
    add_as_of(parser)
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Write the file, which is complete or not there.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    ObservationError
        If the level is none.
    OSError
        If the file cannot be written.
    """
    check_level(args.level, args.interval)
    log = Log(args.log_format, "export")
    return attempt(log, lambda: _export(args, log))


def _export(args: argparse.Namespace, log: Log) -> int:
    tracker = Tracker(log)
    view = View(args.level, args.interval)
    try:
        count = export(
            args.store, args.file, args.what, args.format, args.belief, view, args.as_of, tracker
        )
    finally:
        tracker.done()
    rows = f"{count:,} row{'' if count == 1 else 's'}"
    log.say("exported", f"{rows} of {args.what} to {args.file}", file=args.file, rows=count)
    return 0
