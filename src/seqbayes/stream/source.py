"""The interface of event sources, and the registry of their kinds."""

from __future__ import annotations

import importlib
import inspect
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from seqbayes.errors import PriorError
from seqbayes.errors import SourceError as SourceError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from seqbayes.stream.stores import Changes, SeenId

ENTRY_POINTS = "seqbayes.sources"
"""The entry-point group in which installed packages register kinds of sources."""


PARTITION = "{partition}"
"""The placeholder for the name of the partition in the options of a source."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of a source.

    Parameters
    ----------
    records
        Either all raw (one JSON object each, without newline) or all decoded (mappings).
    token
        A JSON value; ``seek(token)`` resumes directly after the last record of this batch.
    positions
        The position of each record, a JSON value that dead letters contain.
    refused
        The position, the first raw bytes and the reason for each piece of input that the source
        could not use or that no longer exists. Each becomes a dead letter.
    remaining
        Number of events or bytes after this batch, if known.
    prompt
        Whether a client is waiting for the commit.
    line_of
        A function that returns the line number at a position, if the records are lines of text.
    only
        Maps the index of each record that only some beliefs may learn to the names of these
        beliefs.
    """

    records: Sequence[bytes] | Sequence[Mapping[str, Any]]
    token: Any
    positions: Sequence[Any]
    refused: Sequence[tuple[Any, bytes, str]] = ()
    remaining: int | None = None
    prompt: bool = False
    line_of: Callable[[Any], int] | None = None
    only: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def select(
        self, belief: str, events: Sequence[Any], index: Sequence[int]
    ) -> tuple[Sequence[Any], Sequence[int]]:
        """Return the decoded events that a belief may learn, and the index of each.

        Parameters
        ----------
        belief
            Name of the belief.
        events
            The decoded events.
        index
            The index of the record of each event.
        """
        if not self.only:
            return events, index
        kept = [j for j, i in enumerate(index) if belief in self.only.get(i, {belief})]
        return [events[j] for j in kept], [index[j] for j in kept]


class Source:
    """Base class of event sources, which can resume from any token that they have returned.

    A subclass sets `name` and implements `seek` and `batches`. All other attributes and methods
    have defaults. Register a kind of source with `register_source` to make it available in
    configuration files.

    Attributes
    ----------
    name : str
        Name of the source in the store. It must be the same after every restart: a store keeps one
        token per name.
    kind : str
        The kind under which the class was registered.
    finite : bool
        Whether the source ends, unlike a broker or a followed file.
    text : bool
        Whether the values of records are strings (CSV) that must be parsed as numbers, booleans and
        times.
    caught_up : bool
        Whether the source had nothing more to read when `batches` last yielded None.
    reconnects : int
        Number of times the source has restored a lost connection.
    connection_error : str or None
        Reason why the source has no connection; None if it is connected.
    served : bool
        Whether events arrive over HTTP, so that ``seqbayes serve`` must run the pipeline.
    id : str or None
        The field that contains the event id, if events are deduplicated. `committing` adds the ids
        of learned events, with their positions, to `Changes.ids`.
    token_type : type
        The type of tokens; stored tokens are validated against it.

    Examples
    --------
    >>> class Countdown(Source):
    ...     def __init__(self, start: int, name: str = "countdown") -> None:
    ...         self.name, self._left = name, start
    ...
    ...     def seek(self, token):
    ...         self._left = self._left if token is None else token
    ...
    ...     def batches(self, size=5000, timeout=0.2):
    ...         while self._left > 0:
    ...             self._left -= 1
    ...             yield Batch([{"left": self._left}], self._left, [self._left])
    >>> source = Countdown(3)
    >>> [batch.records[0]["left"] for batch in source.batches()], source.finite
    ([2, 1, 0], True)
    """

    name: str
    kind: ClassVar[str] = ""
    finite: bool = True
    text: bool = False
    caught_up: bool = True
    reconnects: int = 0
    connection_error: str | None = None
    served: ClassVar[bool] = False
    id: str | None = None
    token_type: ClassVar[Any] = Any

    @classmethod
    def partition_options(cls, options: Mapping[str, Any], partition: str) -> dict[str, Any]:
        """Return the options of the source of one partition, for a group of runners.

        By default, ``{partition}`` in strings is replaced by the name of the partition.

        Parameters
        ----------
        options
            The options in the configuration.
        partition
            Name of the partition.

        Raises
        ------
        PriorError
            If all partitions would read the same events.
        """
        if cls.served:
            raise PriorError(f"a {cls.kind} source has no partitions: run it without [group]")
        found = {
            name: value.replace(PARTITION, partition) if isinstance(value, str) else value
            for name, value in options.items()
        }
        if all(found[name] == options[name] for name in options if name != "name"):
            raise PriorError(
                f"expected {PARTITION} in an option of a {cls.kind} source, such as the name of"
                " the stream that it reads: with [group], each partition must have separate events"
            )
        if "name" in options and found["name"] == options["name"]:
            found["name"] = f"{options['name']}/{partition}"
        return found

    def seek(self, token: Any) -> None:
        """Resume after the batch with a given token; None means from the beginning.

        The pipeline calls this before it reads the first batch.
        """
        raise NotImplementedError

    def batches(self, size: int = 5000, timeout: float = 0.2) -> Iterator[Batch | None]:
        """Yield batches of at most `size` records, and None if `timeout` seconds pass without one.

        The caller may commit or stop after any item.
        """
        raise NotImplementedError

    def end(self) -> Any:
        """Return the token of the current end of the source, for a backfill; no event is read.

        Raises
        ------
        SourceError
            If the end is not known in advance, or the source ends within a record.
        """
        raise SourceError(f"{self.name} cannot be read in bulk: its end is not known in advance")

    def load_ids(self, ids: Iterable[SeenId]) -> None:
        """Load the event ids in the store, before the first batch is read."""

    def learned(self, batch: Batch, unused: Sequence[int]) -> None:
        """Handle a batch after it was learned, before it is committed.

        Parameters
        ----------
        batch
            The batch.
        unused
            Indices of its records that no belief learned; see `Pipeline.unused`.
        """

    def committing(self, changes: Changes) -> None:
        """Add the ids of learned events to changes before they are committed."""

    def committed(self, token: Any) -> None:
        """Handle a commit: everything up to a given token has been stored durably."""

    def close(self) -> None:
        """Release resources; the source is not read afterwards."""


_targets: dict[str, str | type[Source]] = {}


def register_source(kind: str, source: str | type[Source]) -> None:
    """Make a kind of source available in configuration files.

    Keyword parameters of the class become keys of the ``[source]`` table: annotations give their
    types, defaults make them optional, and the class docstring describes them. Installed packages
    can register kinds with an entry point in the group ``seqbayes.sources`` instead.

    Parameters
    ----------
    kind
        The name in ``source.kind``.
    source
        The class, or ``"module:Class"``, which is imported only when the kind is chosen.

    Raises
    ------
    ValueError
        If the kind is already registered with another class.

    Examples
    --------
    >>> register_source("stdin", "seqbayes.stream.sources.stdin:Stdin")
    >>> load_source("stdin").__name__
    'Stdin'
    """
    known = _targets.setdefault(kind, source)
    if _path(known) != _path(source):
        raise ValueError(f"source kind {kind!r} is already registered as {_path(known)}")


def _path(source: str | type[Source]) -> str:
    if isinstance(source, str):
        return source
    return f"{source.__module__}:{source.__qualname__}"


def _entry_points() -> dict[str, EntryPoint]:
    from importlib import metadata  # the import is slow and rarely needed

    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def has_source(kind: object) -> bool:
    """Return whether a kind is registered, or defined by an installed package.

    Examples
    --------
    >>> has_source("stdin"), has_source("telepathy")
    (True, False)
    """
    return isinstance(kind, str) and (kind in _targets or kind in _entry_points())


def source_kinds() -> list[str]:
    """Return the names of all kinds, including those of installed packages."""
    return sorted({*_targets, *_entry_points()})


def load_source(kind: str) -> type[Source]:
    """Return the class of a kind of source.

    Raises
    ------
    KeyError
        If `kind` is not registered.
    ModuleNotFoundError
        If the required client library is not installed.
    """
    if kind not in _targets:
        register_source(kind, _entry_points()[kind].value)
    target = _targets[kind]
    if isinstance(target, str):
        module, _, name = target.partition(":")
        loaded: type[Source] = getattr(importlib.import_module(module), name)
        return loaded
    return target


def source_parameters(source: type[Source]) -> dict[str, tuple[Any, bool]]:
    """Return the type of each parameter that can be configured, and whether it is required.

    Examples
    --------
    >>> from seqbayes.stream.sources import Stdin
    >>> source_parameters(Stdin)["longest"]
    (<class 'int'>, False)
    """
    hints = typing.get_type_hints(source.__init__)
    return {
        name: (hints.get(name, Any), each.default is each.empty)
        for name, each in inspect.signature(source).parameters.items()
        if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    }


for _kind, _target in {
    "dataset": "iterable:Dataset",
    "directory": "directory:Directory",
    "file": "file:File",
    "http": "http:Http",
    "kafka": "kafka:KafkaTopic",
    "nats": "nats:JetStream",
    "query": "query:Query",
    "redis": "redis:RedisStream",
    "stdin": "stdin:Stdin",
}.items():
    register_source(_kind, f"seqbayes.stream.sources.{_target}")
