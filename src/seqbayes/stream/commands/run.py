"""``seqbayes run``: keep the beliefs of a configuration on its source."""

from __future__ import annotations

import argparse
from typing import Any

from seqbayes.console.log import Log, add_format, count_events
from seqbayes.console.signals import Interruption, interruptible
from seqbayes.errors import SeqbayesError
from seqbayes.stream.commands.check import load_or_tell
from seqbayes.stream.commands.status import FAILED, HELD, NOTHING, WRONG, fail
from seqbayes.stream.pipeline import Pipeline
from seqbayes.stream.progress import Progress
from seqbayes.stream.schema import ConfigError
from seqbayes.stream.store import LeaseError

SERVED = "source.kind: its events come over HTTP: start it with seqbayes serve"

EXAMPLES = """\
examples:
  seqbayes run seqbayes.toml
  seqbayes run seqbayes.toml --once --log-format json

exit status: 0 if the source has ended, or with --once been read to its present end; 1 if there were
events and none could be used; 2 for mistakes in the configuration; 3 if another runner has the
store; 4 if store or source failed (what was committed stays, and the next run goes on from there);
130 after Ctrl-C, 143 after SIGTERM (what was read is committed first)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("config", metavar="CONFIG", help="a TOML file; seqbayes init writes one")
    parser.add_argument(
        "--once", action="store_true", help="stop where nothing more is there at present"
    )
    add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Read, learn and commit until the source ends or a signal comes.

    Returns
    -------
    int
        The exit status.

    Raises
    ------
    OSError
        If the configuration cannot be read.
    """
    config = load_or_tell(args.config)
    if config is None:
        return WRONG
    log = Log(args.log_format, "run")
    if config.source[0].served:
        return fail(log, ConfigError(args.config, [SERVED]), WRONG)
    progress = Progress(log)
    with interruptible() as interruption:
        try:
            with config.open([progress]) as pipeline:
                _greet(log, pipeline)
                _follow(pipeline, interruption, args.once)
        except LeaseError as error:
            return fail(log, error, HELD)
        except (SeqbayesError, OSError) as error:
            return fail(log, error, FAILED)
    return _finish(log, pipeline, interruption)


def _follow(pipeline: Pipeline, interruption: Interruption, once: bool) -> None:
    for step in pipeline:
        if interruption or (once and step.idle):
            break


def _greet(log: Log, pipeline: Pipeline) -> None:
    """Say what is read, and from where on."""
    name, places = pipeline.source.name, pipeline.store.places()
    before = next((place.events for place in places if place.source == name), 0)
    on = f", going on after {count_events(before)}" if before else ""
    text = f"{name} into {pipeline.store.url}{on}"
    log.say("started", text, **_place(pipeline), store=pipeline.store.url, before=before)


def _place(pipeline: Pipeline) -> dict[str, Any]:
    return {"source": pipeline.source.name, "beliefs": list(pipeline.tables)}


def _finish(log: Log, pipeline: Pipeline, interruption: Interruption) -> int:
    """Say how much was learned, and return the exit status."""
    used = {name: table.used for name, table in pipeline.tables.items()}
    told = ", ".join(f"{name} learned {count:,}" for name, count in used.items())
    log.say(
        "stopped",
        f"{count_events(pipeline.events)}: {told}",
        **_place(pipeline),
        events=pipeline.events,
        used=used,
        commits=pipeline.commits,
        signal=interruption.signal,
    )
    if interruption:
        return interruption.status
    filtered = sum(table.filtered for table in pipeline.tables.values())
    return NOTHING if pipeline.events and not sum(used.values()) + filtered else 0
