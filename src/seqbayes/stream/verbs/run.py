"""``run``: keep the beliefs of a configuration up to date with its source."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seqbayes.console.log import Log, add_format
from seqbayes.console.service import Service
from seqbayes.console.signals import Interruption, interruptible
from seqbayes.console.status import FAILED, NO_RESULT, STORE_IN_USE, USAGE_ERROR
from seqbayes.console.text import count_of
from seqbayes.errors import SeqbayesError
from seqbayes.stream.config import Config, load_config
from seqbayes.stream.group import GroupRunner
from seqbayes.stream.pipeline import Collector, Pipeline
from seqbayes.stream.progress import Progress
from seqbayes.stream.schema import ConfigError
from seqbayes.stream.stores import DeclarationError, LeaseError
from seqbayes.stream.verbs.shared import add_config, fail, load_or_report

SERVED = "source.kind: this source receives events over HTTP; start it with seqbayes serve"

EXAMPLES = """\
examples:
  seqbayes run seqbayes.toml
  seqbayes run seqbayes.toml --once --log-format json

exit status: 0 if the source has ended or, with --once, all available events have been read; 1 if
none of the events could be used; 2 for errors in the configuration, or a belief that differs from
the stored one; 3 if another process is using the store; 4 if the store or the source failed
(everything committed before is kept, and the next run resumes there); 129 after SIGHUP, 130 after
Ctrl-C, 143 after SIGTERM (everything read is committed first)
"""


def run(
    path: str | Path, once: bool = False, collectors: Sequence[Collector] = ()
) -> Pipeline | GroupRunner:
    """Run the pipeline of a configuration until its source ends, and return the closed pipeline.

    With a group, run the partitions that this process owns; other runners may own the rest.

    Parameters
    ----------
    path
        The TOML file.
    once
        Whether to stop when all available events have been read.
    collectors
        Observers of pipeline events.

    Raises
    ------
    ConfigError
        If the configuration has errors.
    LeaseError
        If another process is using the store.
    StoreError, SourceError
        If the store or the source fails; everything already committed is kept.
    """
    config = load_config(path)
    with _open(config, lambda: collectors) as running:
        for step in running:
            if once and step.idle:
                break
    return running


def _open(
    config: Config,
    collectors: Callable[[], Sequence[Collector]],
    notify: Callable[[str, str, str], None] = lambda event, text, level: None,
) -> Pipeline | GroupRunner:
    """Open the pipeline of a configuration, or join its group."""
    if config.group is None:
        return config.open(collectors(), notify)
    return GroupRunner(config, collectors, notify)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = EXAMPLES
    add_config(parser)
    parser.add_argument(
        "--once", action="store_true", help="stop when all available events have been read"
    )
    add_format(parser)


def command(args: argparse.Namespace) -> int:
    """Learn until the source ends or a signal arrives, and return the exit status.

    Raises
    ------
    OSError
        If the configuration cannot be read.
    """
    config = load_or_report(args.config)
    if config is None:
        return USAGE_ERROR
    log = Log(args.log_format, "run")
    if config.source[0].served:
        return fail(log, ConfigError(args.config, [SERVED]), USAGE_ERROR)
    service = Service(log.event)
    with interruptible() as interruption:
        try:
            alone = config.group is None
            with _open(config, lambda: [Progress(log, shows_line=alone)], log.event) as running:
                _log_start(log, running)
                service.ready()
                for step in running:
                    service.alive()
                    if interruption or (args.once and step.idle):
                        break
                service.stopping()
        except LeaseError as error:
            return fail(log, error, STORE_IN_USE)
        except DeclarationError as error:
            return fail(log, error, USAGE_ERROR)
        except (SeqbayesError, OSError) as error:
            return fail(log, error, FAILED)
    return _finish(log, running, interruption, args.config)


def _log_start(log: Log, running: Pipeline | GroupRunner) -> None:
    """Log the source, and the offset at which reading starts."""
    store = running.store
    if isinstance(running, GroupRunner):
        count = count_of(len(running.group.partitions), "partition")
        log.event("started", f"a group of {count} into {store.url}", **_names(running))
    else:
        name = running.source.name
        before = store.events(name)
        resumed = f", resuming after {count_of(before, 'event')}" if before else ""
        text = f"{name} into {store.url}{resumed}"
        log.event("started", text, **_names(running), store=store.url, before=before)
    for notice in running.notices:
        log.event("notice", notice, "warning")


def _names(running: Pipeline | GroupRunner) -> dict[str, Any]:
    beliefs = list(running.used)
    if isinstance(running, GroupRunner):
        return {"partitions": list(running.group.partitions), "beliefs": beliefs}
    return {"source": running.source.name, "beliefs": beliefs}


def _finish(
    log: Log, running: Pipeline | GroupRunner, interruption: Interruption, path: str
) -> int:
    """Log how much was learned and return the exit status."""
    used = running.used
    counts = ", ".join(f"{name} learned {count:,}" for name, count in used.items())
    if running.unused_events:  # unused events are counted if every belief selects its events
        counts += f"; no belief learned {running.unused_events:,}"
    log.event(
        "stopped",
        f"{count_of(running.events, 'event')}: {counts}",
        **_names(running),
        events=running.events,
        used=used,
        commits=running.commits,
        signal=interruption.signal,
    )
    if interruption:
        return interruption.status
    if not running.events or sum(used.values()) + running.filtered:
        return 0
    text = (
        f"none of the events could be used; fix the configuration, then learn them with seqbayes"
        f" dead-letters {shlex.quote(running.store.url)} --retry {shlex.quote(path)}"
    )
    log.event("unused", text, "warning", events=running.events)
    return NO_RESULT
