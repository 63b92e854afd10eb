"""Loads pipelines from TOML files, and validates a file completely before anything runs."""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from seqbayes.events.belief import Belief
from seqbayes.events.durations import parse_duration
from seqbayes.stream import config_tables as tables
from seqbayes.stream.history import History, Windows
from seqbayes.stream.pipeline import Collector, Pace, Pipeline
from seqbayes.stream.schema import ConfigError, ErrorList, join
from seqbayes.stream.source import Source
from seqbayes.stream.stores import Store, check_url, open_store
from seqbayes.stream.stores.group import Group
from seqbayes.stream.traffic import Traffic

if TYPE_CHECKING:
    from seqbayes.stream.alerts.alert import Alert
    from seqbayes.stream.choices import Chooser

ONE_RUNNER = "requires a single runner: its conditions are about the whole stream"
SEPARATE = "needs separate_keys = true in [group], if all events of a key are in one partition"


@dataclass(frozen=True)
class Config:
    """The contents of a configuration file.

    Parameters
    ----------
    store
        URL of the store.
    source
        The class of the source, and the parameters of its constructor.
    beliefs
        The beliefs to learn.
    pace
        When to commit.
    history
        Parameters of `History`; None for no history.
    most_dead_letters
        Maximum number of dead letters in the store.
    choices
        Choices between keys of the beliefs, keyed by name.
    alerts
        Alerts about the beliefs and the stream.
    retention
        Parameters of `Retention` that are set.
    windows
        Limit on the number of windows in the history of a key.
    group
        The partitions that several runners share; None for a single runner.
    """

    store: str
    source: tuple[type[Source], Mapping[str, Any]]
    beliefs: Sequence[Belief]
    pace: Pace
    history: Mapping[str, Any] | None
    most_dead_letters: int
    choices: Mapping[str, Chooser]
    alerts: Sequence[Alert] = ()
    retention: Mapping[str, float] = field(default_factory=dict)
    windows: int = tables.MOST_WINDOWS
    group: Group | None = None

    def open_source(self, partition: str | None = None) -> Source:
        """Open the source, or the source of a partition."""
        kind, options = self.source
        if partition is not None:
            options = kind.partition_options(options, partition)
        return kind(**options)

    def open_partition(
        self,
        name: str,
        store: Store,
        collectors: Sequence[Collector] = (),
        notify: Callable[[str, str, str], None] = lambda event, text, level: None,
    ) -> Pipeline:
        """Open the pipeline of a partition; the pipeline does not wait for events.

        Parameters
        ----------
        name
            Name of the partition.
        store
            Its store, which is closed on error.
        collectors, notify
            See `open`.

        Raises
        ------
        LeaseError
            If another runner owns the partition.
        """
        with ExitStack() as opened:
            opened.callback(store.close)
            source = self.open_source(name)
            opened.callback(source.close)
            return self._open(opened, source, store, collectors, notify, timeout=0.0)

    def open(
        self,
        collectors: Sequence[Collector] = (),
        notify: Callable[[str, str, str], None] = lambda event, text, level: None,
        source: Source | None = None,
    ) -> Pipeline:
        """Open the pipeline: acquire the lease, and restore the beliefs and the position.

        Parameters
        ----------
        collectors
            Additional observers of the pipeline.
        notify
            Function that logs alerts, given the name of an event, its text and its level.
        source
            Source to read instead of the source of the configuration.

        Raises
        ------
        StoreError
            If the store cannot be used, or another process is using it.
        OSError
            If the source cannot be read.
        """
        if self.group is not None:
            raise ConfigError(
                "the configuration",
                ["group: start its runners with seqbayes run; other commands read the store"],
            )
        source = self.open_source() if source is None else source
        with ExitStack() as opened:
            opened.callback(source.close)
            store = open_store(self.store)
            opened.callback(store.close)
            return self._open(opened, source, store, collectors, notify)

    def _open(
        self,
        opened: ExitStack,
        source: Source,
        store: Store,
        collectors: Sequence[Collector],
        notify: Callable[[str, str, str], None],
        **options: Any,
    ) -> Pipeline:
        """Open a pipeline, which then closes the source and the store instead of `opened`."""
        own: list[Collector] = []
        if self.history is not None:
            own += [History(**self.history), Traffic(self.history["every"])]
        if any(belief.state.windowed for belief in self.beliefs):
            own.append(Windows(self.windows))
        if self.retention:
            from seqbayes.stream.retention import Retention

            kept = self.retention
            own.append(Retention(kept.get("keys"), kept.get("dead_letters")))
        if self.alerts:  # alerts follow the retention, so that they see which keys a commit removes
            from seqbayes.stream.alerts.outbox import Alerts

            own.append(Alerts(self.alerts, notify))
        pipeline = Pipeline(
            source,
            self.beliefs,
            store,
            self.pace,
            (*own, *collectors),
            most_dead_letters=self.most_dead_letters,
            **options,
        )
        opened.pop_all()
        return pipeline


def load_config(path: str | Path) -> Config:
    """Read a configuration from a TOML file.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ConfigError
        If the file has errors; the message lists all of them, each with its line number or key
        path.
    OSError
        If the file cannot be read.
    """
    return parse_config(Path(path).read_bytes(), str(path))


_TWICE = re.compile(r"Cannot declare (\(.*\)) twice")


def _name_table(found: re.Match[str]) -> str:
    """Return the message for a table that is defined twice."""
    path = ".".join(re.findall(r"'([^']*)'", found[1]))
    return f"the table [{path}] is defined twice"


def parse_config(text: bytes, name: str = "the configuration") -> Config:
    """Parse the contents of a TOML file; see `load_config`.

    Examples
    --------
    >>> parse_config(b'stor = "a.db"')
    Traceback (most recent call last):
    seqbayes.stream.schema.ConfigError: the configuration has 4 errors:
      stor: unknown key: did you mean 'store'?
      store: required, but missing
      source: required, but missing
      belief: required, but missing
    """
    try:
        document = tomllib.loads(text.removeprefix(codecs.BOM_UTF8).decode())
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(name, [f"line {line}: not UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        last = text.rstrip().count(b"\n") + 1
        reason = str(error).replace("at end of document", f"at line {last}, the last one")
        reason = reason.replace("Cannot overwrite a value", "this key occurs twice in its table")
        raise ConfigError(name, [_TWICE.sub(_name_table, reason)]) from None
    errors = ErrorList(tables.Root.__struct_fields__)
    config = _read(document, errors)
    if config is None or errors.found:
        raise ConfigError(name, errors.found)
    return config


def _read(document: Mapping[str, Any], errors: ErrorList) -> Config | None:
    root = errors.read("", document, tables.Root)
    # the other tables are checked even if a table is missing
    given: Any = document if root is None else msgspec.structs.asdict(root)
    group, separate = _read_group(given.get("group"), errors)
    source = tables.read_source(given.get("source"), errors, group)
    derived = tables.read_derived(given.get("derive", {}), errors)
    beliefs = tables.read_beliefs(given.get("belief"), derived, errors)
    pace = tables.read_pace(given.get("commit", {}), errors)
    history, windows = tables.read_history(given.get("history", {}), errors)
    letters = errors.read("dead_letters", given.get("dead_letters", {}), tables.DeadLetterTable)
    if letters is not None and letters.most < 0:
        errors.add("dead_letters.most", f"expected a number >= 0, got {letters.most}")
    if isinstance(given.get("store"), str):
        errors.catch("store", lambda: check_url(given["store"]))
    choices = tables.read_choices(given.get("choice", {}), beliefs, source, errors)
    alerts = tables.read_alerts(given, beliefs, errors)
    retention = tables.read_retention(given.get("retention", {}), errors)
    if group is not None:
        _check_group(separate, given, beliefs, errors)
        history = history if separate else None
    if root is None or source is None or pace is None or letters is None:
        return None
    return Config(
        root.store,
        source,
        beliefs,
        pace,
        history,
        letters.most,
        choices,
        alerts,
        retention,
        windows,
        group,
    )


class GroupTable(msgspec.Struct):
    """Several runners that share the partitions of a stream."""

    partitions: int | list[str | int]
    lease: str | int | float = 30.0
    separate_keys: bool = False


def _read_group(given: Any, errors: ErrorList) -> tuple[Group | None, bool]:
    """Return the group, if one is configured without errors, and whether keys are separate."""
    if not given:
        return None, False
    table = errors.read("group", given, GroupTable)
    if table is None:
        return None, False
    lease = errors.catch("group.lease", lambda: parse_duration(table.lease)) or 1.0
    names = range(table.partitions) if isinstance(table.partitions, int) else table.partitions
    group = errors.catch("group.partitions", lambda: Group(tuple(map(str, names)), lease))
    return group, table.separate_keys


def _check_group(
    separate: bool, given: Mapping[str, Any], beliefs: Sequence[Belief], errors: ErrorList
) -> None:
    """Add an error for every option that a group of runners does not support."""
    for belief in beliefs:
        for key, text in _find_errors(belief, separate):
            errors.add(join(join("belief", belief.name), key), text)
    if given.get("alert"):
        errors.add("alert", ONE_RUNNER)
    if not separate:
        if given.get("history"):
            errors.add("history", f"{SEPARATE}: a point would be about one partition only")
        if "keys" in given.get("retention", {}):
            errors.add(
                "retention.keys",
                f"{SEPARATE}: a key may be unused in one partition and used in another",
            )


def _find_errors(belief: Belief, separate: bool) -> Iterator[tuple[str, str]]:
    kind = type(belief.state).__name__
    if belief.state.mergeable:
        pass
    elif separate and not belief.by:
        yield (
            "by",
            f"{kind} cannot be merged from several partitions, and this one has no key: run it"
            " in a configuration without [group]",
        )
    elif not separate:
        yield (
            "state",
            f"{kind} cannot be merged exactly from several partitions: it {SEPARATE}, or another"
            " configuration without [group]",
        )
    if belief.over == "pool" or (belief.over == "drop" and not separate):
        yield (
            "over",
            f"expected 'refuse' in a group, got {belief.over!r}: the partitions would not pool or"
            " drop the same keys",
        )
