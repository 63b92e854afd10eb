"""``status``: the runner of a store, or of each of its partitions, and how far it lags behind."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from seqbayes.console.log import Log
from seqbayes.console.status import NO_RESULT
from seqbayes.stream.stores import Partition, open_store
from seqbayes.stream.verbs.shared import EPILOG, add_store, print_json, reports_errors
from seqbayes.stream.verbs.stored import timestamp

SILENT_SECONDS = 5.0
"""Time without a heartbeat after which a runner is shown as silent."""

EXAMPLES = f"""\
examples:
  seqbayes status beliefs.db
  seqbayes status postgresql://user@host/database --json

Each line is one source or, in the store of a group of runners, one partition. The exit status is 1
if a source or partition has no runner.

{EPILOG}"""

_HEADER = ("partition", "source", "runner", "events", "behind", "last commit", "state")
_RIGHT_ALIGNED = ("events", "behind")


def status(url: str) -> list[Partition]:
    """Return the sources of a store with their runner, or the partitions of a group of runners.

    Parameters
    ----------
    url
        URL or path of the store.

    Returns
    -------
    list of Partition
        In the order of the partitions, or of the names of the sources; the name is empty if the
        store does not belong to a group.

    Raises
    ------
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> from seqbayes.stream.examples import example_store
    >>> [(each.source, each.events, each.runner.alive) for each in status(example_store())]
    [('sales', 1, False)]
    """
    with open_store(url, "read") as store, store.snapshot():
        found = store.partitions()
        if not found:
            runner, positions = store.runner(), store.positions()
            rows = [(each.source, each.events, each.updated) for each in positions]
            found = [Partition("", runner, *row) for row in rows] or [Partition("", runner)]
        return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_store(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON line per source")


@reports_errors
def command(args: argparse.Namespace, log: Log) -> int:
    """Print the partitions with their runners; return the exit status."""
    found = status(args.store)
    if args.json:
        for each in found:
            print_json(as_json(each))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    return 0 if all(each.runner.alive for each in found) else NO_RESULT


def as_json(partition: Partition) -> dict[str, Any]:
    """Return a partition as JSON values; the name is null if there is no group."""
    runner = partition.runner
    return {
        "partition": partition.name or None,
        "source": partition.source,
        "state": state_of(partition),
        "runner": runner.holder,
        "events": partition.events,
        "lag": runner.status.lag if runner.alive else None,
        "updated": None if partition.updated is None else timestamp(partition.updated),
        "silent": runner.silent if runner.alive else None,
        "error": runner.status.connection_error if runner.alive else None,
    }


def state_of(partition: Partition) -> str:
    """Return a description of the state of a partition's runner.

    Examples
    --------
    >>> from seqbayes.stream.stores import Runner
    >>> state_of(Partition("0", Runner("process 1 on host", True)))
    'running'
    """
    runner = partition.runner
    if not runner.alive:
        return "no runner"
    if runner.halted:
        return "stopped by a signal"
    if runner.silent > SILENT_SECONDS:
        return f"silent for {runner.silent:.0f} s"
    return "running" if runner.status.connection_error is None else "disconnected"


def _lines(found: list[Partition]) -> Iterator[str]:
    """Yield the lines of a table, beginning with its header; columns without values are omitted."""
    rows = [_row(each) for each in found]
    kept = [i for i in range(len(_HEADER)) if any(row[i] for row in rows)]
    table = [_HEADER, *rows]
    widths = {i: max(len(row[i]) for row in table) for i in kept}
    for row in table:
        cells = [
            row[i].rjust(widths[i]) if _HEADER[i] in _RIGHT_ALIGNED else row[i].ljust(widths[i])
            for i in kept
        ]
        yield "  ".join(cells).rstrip()


def _row(partition: Partition) -> tuple[str, ...]:
    runner = partition.runner
    lag = runner.status.lag if runner.alive else None
    updated = partition.updated
    return (
        partition.name,
        partition.source or "",
        (runner.holder or "") if runner.alive else "",
        f"{partition.events:,}",
        "" if lag is None else f"{lag:,}",
        "" if updated is None else timestamp(updated)[:19].replace("T", " "),
        state_of(partition),
    )
